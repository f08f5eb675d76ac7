/* Which of a row of numbered messages have come to one client. */
#ifndef TN_TALLY_H
#define TN_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: none has come. */
struct tally {
	uint64_t next;		/* all before it have come, or are lost */
	uint64_t ahead;		/* bit i: next + i has come too */
};

/*
 * Message seq has come. Messages of several senders may change places, 64 at
 * the most; what is further behind is added to *lost.
 * Returns false if it had come before.
 */
bool tally_take(struct tally *t, uint64_t seq, uint64_t *lost);

/* No more will come: all before end that have not come are lost. */
void tally_close(struct tally *t, uint64_t end, uint64_t *lost);

#endif
