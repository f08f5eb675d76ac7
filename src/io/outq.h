/* What waits to be sent on one connection: references to counted bytes. */
#ifndef TN_OUTQ_H
#define TN_OUTQ_H

#include "base/rcbuf.h"

/*
 * A ring of cap items, 0 while it is empty: that owns no memory, and zeroed
 * storage is one. Nor does a ring of one item, as most are: it is in place.
 */
struct tn_outq {
	union {
		struct tn_rcbuf *one;		/* cap is 1 */
		struct tn_rcbuf **items;	/* cap is more */
	};
	uint32_t head, len, cap;
	uint32_t bytes;		/* frames' bytes, headers included */
};

/*
 * Push takes a reference of its own. Returns 0 or TN_E_NOMEM, also past
 * 4 GiB.
 */
int tn_outq_push(struct tn_outq *q, struct tn_rcbuf *rc);

/* The i-th from the front, i < q->len; stays the queue's. */
static inline struct tn_rcbuf *
tn_outq_at(const struct tn_outq *q, uint32_t i)
{
	return q->cap == 1 ? q->one : q->items[(q->head + i) & (q->cap - 1)];
}

/* Give the first n back. */
void tn_outq_pop(struct tn_outq *q, uint32_t n);

/* Drop those that may be dropped. Returns how many. */
uint32_t tn_outq_drop_volatile(struct tn_outq *q);

/* Put all of from behind to; from is empty then. Returns 0 or TN_E_NOMEM. */
int tn_outq_move(struct tn_outq *to, struct tn_outq *from);

void tn_outq_fini(struct tn_outq *q);

#endif
