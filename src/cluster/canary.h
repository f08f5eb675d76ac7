/*
 * Does this node hear Redis? It tells itself something, and listens.
 *
 * A link may answer each command while its subscriptions or its tracking are
 * dead: Redis goes on and merely tells nothing any more. So now and then, and
 * whenever the link has come up, the node changes a key that it has read and
 * publishes to itself; if either does not come back, the link is made again,
 * and with it all that depends on hearing.
 */
#ifndef TN_CANARY_H
#define TN_CANARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/counts.h"
#include "base/slice.h"

struct tn_canary;
struct tn_err;
struct tn_link;
struct tn_log;
struct tn_loop;

#define TN_CANARY_COUNTS(X)						\
	X(sent,		"changes and messages to itself")		\
	X(heard,	"both ways")					\
	X(deaf,		"not heard: the link was made again")

struct tn_canary_counts {
	TN_CANARY_COUNTS(TN_COUNT_MEMBER)
};

/*
 * node         this node's id
 * interval_ms  between two; a third of it is how long one is waited for
 */
struct tn_canary *tn_canary_new(struct tn_loop *loop, struct tn_link *link,
    struct tn_log *log, struct tn_slice node, int interval_ms,
    struct tn_err *err);

/* Free it after the link: its waiters come here. */
void tn_canary_free(struct tn_canary **canary);

/* For the link's hooks. Returns true if the key was the canary's own. */
bool tn_canary_on_invalidate(struct tn_canary *canary, struct tn_slice key);
void tn_canary_on_up(struct tn_canary *canary);

/* The last one that was waited for did not come back. */
bool tn_canary_is_deaf(const struct tn_canary *canary);

const struct tn_canary_counts *tn_canary_counts(
    const struct tn_canary *canary);

#endif
