#include "config.h"

#include "io/outq.h"

#include <stdlib.h>

#include "base/err.h"

enum { FIRST_CAP = 4 };		/* of those that have more than one */

static size_t
frame_len(const struct tn_rcbuf *rc)
{
	return rc->head + rc->len;
}

/* Room for n items in all; a power of two, so that a mask wraps the ring. */
static int
reserve(struct tn_outq *q, uint32_t n)
{
	uint32_t cap = q->cap < FIRST_CAP ? FIRST_CAP : q->cap;
	struct tn_rcbuf **items;

	if (n <= q->cap)
		return 0;
	if (n == 1) {
		q->cap = 1;
		return 0;
	}
	while (cap < n) {
		if (cap > UINT32_MAX / 2)
			return TN_E_NOMEM;
		cap *= 2;
	}
	items = malloc(cap * sizeof(*items));
	if (items == NULL)
		return TN_E_NOMEM;
	for (uint32_t i = 0; i < q->len; i++)
		items[i] = tn_outq_at(q, i);
	if (q->cap > 1)
		free(q->items);
	q->items = items;
	q->cap = cap;
	q->head = 0;
	return 0;
}

/* The reference becomes the queue's. */
static void
put(struct tn_outq *q, struct tn_rcbuf *rc)
{
	if (q->cap == 1)
		q->one = rc;
	else
		q->items[(q->head + q->len) & (q->cap - 1)] = rc;
	q->len++;
	q->bytes += (uint32_t)frame_len(rc);
}

static void
release_if_empty(struct tn_outq *q)
{
	if (q->len > 0)
		return;
	if (q->cap > 1)
		free(q->items);
	*q = (struct tn_outq){ 0 };
}

int
tn_outq_push(struct tn_outq *q, struct tn_rcbuf *rc)
{
	if (q->len == UINT32_MAX || frame_len(rc) > UINT32_MAX - q->bytes ||
	    reserve(q, q->len + 1) < 0)
		return TN_E_NOMEM;
	put(q, tn_rcbuf_ref(rc));
	return 0;
}

void
tn_outq_pop(struct tn_outq *q, uint32_t n)
{
	for (; n > 0 && q->len > 0; n--) {
		struct tn_rcbuf *rc = tn_outq_at(q, 0);

		q->head = (q->head + 1) & (q->cap - 1);
		q->len--;
		q->bytes -= (uint32_t)frame_len(rc);
		tn_rcbuf_unref(&rc);
	}
	release_if_empty(q);
}

uint32_t
tn_outq_drop_volatile(struct tn_outq *q)
{
	const uint32_t len = q->len;
	uint32_t dropped = 0;

	q->len = 0;
	q->bytes = 0;
	for (uint32_t i = 0; i < len; i++) {
		struct tn_rcbuf *rc = tn_outq_at(q, i);

		if (rc->is_volatile) {
			tn_rcbuf_unref(&rc);
			dropped++;
		} else {
			put(q, rc);
		}
	}
	release_if_empty(q);
	return dropped;
}

int
tn_outq_move(struct tn_outq *to, struct tn_outq *from)
{
	if (from->len > UINT32_MAX - to->len ||
	    from->bytes > UINT32_MAX - to->bytes ||
	    reserve(to, to->len + from->len) < 0)
		return TN_E_NOMEM;
	for (uint32_t i = 0; i < from->len; i++)
		put(to, tn_outq_at(from, i));
	from->len = 0;
	release_if_empty(from);
	return 0;
}

void
tn_outq_fini(struct tn_outq *q)
{
	tn_outq_pop(q, q->len);
}
