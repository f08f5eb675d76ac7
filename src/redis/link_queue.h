/*
 * Commands without an answer, first in, first out. For src/redis alone.
 *
 * The queue knows where in the stream of all bytes ever given each command
 * begins, so that when a connection is lost it can say which commands had
 * begun to leave and which can wait for the next one.
 */
#ifndef TN_LINK_QUEUE_H
#define TN_LINK_QUEUE_H

#include "redis/link.h"
#include "redis/wire.h"

struct tn_waiter {
	tn_link_fn *fn;			/* may be NULL */
	void *arg;
	uint64_t start;			/* of its bytes in the stream */
	int64_t deadline_ms;
	struct tn_command again;	/* of EVALSHA: the same as EVAL */
};

struct tn_link_queue {
	struct tn_waiter *ring;
	size_t cap;			/* 0 or a power of two */
	size_t head;			/* index of the oldest */
	size_t len;
	uint64_t given;			/* bytes of all commands, ever */
};

/* Add one of bytes bytes; its start is set here. 0, TN_E_LIMIT, TN_E_NOMEM. */
int tn_link_queue_push(struct tn_link_queue *q, const struct tn_waiter *w,
    size_t bytes);

/* The oldest, or NULL. */
struct tn_waiter *tn_link_queue_head(const struct tn_link_queue *q);

/* Take the oldest off (there is one). again is now the caller's. */
struct tn_waiter tn_link_queue_pop(struct tn_link_queue *q);

/* Where the bytes of the i-th oldest begin, or the end of the stream. */
uint64_t tn_link_queue_start(const struct tn_link_queue *q, size_t i);

/* How many of the oldest have a deadline that is now or was. */
size_t tn_link_queue_due(const struct tn_link_queue *q, int64_t now_ms);

/* Frees what it holds, calls nobody. */
void tn_link_queue_fini(struct tn_link_queue *q);

#endif
