/* When was a session's end last moved? Remembered by one process, roughly. */
#ifndef TN_TOUCHED_H
#define TN_TOUCHED_H

#include <pthread.h>

#include "base/slice.h"

#define TN_TOUCHED_SLOTS	8192

/*
 * A table of fixed size: a session that shares its place with another is
 * forgotten, which costs it one needless EXPIRE and nothing else.
 */
struct tn_touched {
	pthread_mutex_t lock;
	int percent;		/* 0..100, of the life, that may go by unnoticed */
	struct tn_touched_slot {
		uint64_t hash;
		int64_t until_ms;	/* its end, as it was last set */
	} slots[TN_TOUCHED_SLOTS];
};

void tn_touched_init(struct tn_touched *t, int percent);
void tn_touched_fini(struct tn_touched *t);

/*
 * The end is to be ttl_s from now_ms: is it worth saying so? An end that
 * comes nearer always is.
 */
bool tn_touched_is_due(struct tn_touched *t, struct tn_slice sid,
    int64_t ttl_s, int64_t now_ms);

/* It was said. */
void tn_touched_note(struct tn_touched *t, struct tn_slice sid,
    int64_t ttl_s, int64_t now_ms);

/* It is not known any more (destroyed, or the saying failed). */
void tn_touched_forget(struct tn_touched *t, struct tn_slice sid);

#endif
