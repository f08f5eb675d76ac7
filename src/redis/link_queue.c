#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "redis/link_queue.h"

static struct tn_waiter *
at(const struct tn_link_queue *q, size_t i)
{
	return &q->ring[(q->head + i) & (q->cap - 1)];
}

static bool
grow(struct tn_link_queue *q)
{
	size_t cap = q->cap == 0 ? 16 : q->cap * 2;
	struct tn_waiter *ring = calloc(cap, sizeof(*ring));

	if (ring == NULL)
		return false;
	for (size_t i = 0; i < q->len; i++)
		ring[i] = *at(q, i);
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	return true;
}

int
tn_link_queue_push(struct tn_link_queue *q, const struct tn_waiter *w,
    size_t bytes)
{
	if (q->len >= TN_LIMIT_REDIS_WAITING)
		return TN_E_LIMIT;
	if (q->len == q->cap && !grow(q))
		return TN_E_NOMEM;
	*at(q, q->len) = *w;
	at(q, q->len)->start = q->given;
	q->len++;
	q->given += bytes;
	return 0;
}

struct tn_waiter *
tn_link_queue_head(const struct tn_link_queue *q)
{
	return q->len == 0 ? NULL : at(q, 0);
}

struct tn_waiter
tn_link_queue_pop(struct tn_link_queue *q)
{
	struct tn_waiter w = *at(q, 0);

	q->head = (q->head + 1) & (q->cap - 1);
	q->len--;
	return w;
}

uint64_t
tn_link_queue_start(const struct tn_link_queue *q, size_t i)
{
	return i < q->len ? at(q, i)->start : q->given;
}

size_t
tn_link_queue_due(const struct tn_link_queue *q, int64_t now_ms)
{
	size_t n = 0;

	while (n < q->len && at(q, n)->deadline_ms <= now_ms)
		n++;
	return n;
}

void
tn_link_queue_fini(struct tn_link_queue *q)
{
	while (q->len > 0) {
		struct tn_waiter w = tn_link_queue_pop(q);

		tn_command_free(&w.again);
	}
	free(q->ring);
	*q = (struct tn_link_queue){ .ring = NULL };
}
