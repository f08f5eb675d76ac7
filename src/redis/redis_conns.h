/*
 * Connections to one Redis, for code that may wait: bytes there, replies back.
 * For src/redis alone.
 */
#ifndef TN_REDIS_CONNS_H
#define TN_REDIS_CONNS_H

#include "redis/redis.h"

struct tn_redis_conns;

/*
 * options  borrowed
 * max      connections at a time, made when first needed; at least 1
 *
 * NULL: no memory.
 */
struct tn_redis_conns *tn_redis_conns_new(
    const struct tn_redis_options *options, size_t max);
void tn_redis_conns_free(struct tn_redis_conns **conns);

/*
 * Send commands on one connection, and wait for their replies.
 *
 * bytes    as many commands as n, one behind the other
 * replies  room for n; all are set, to be freed, or after a failure none.
 *          An error reply is a reply.
 * unsent   whether it failed before a byte was sent; may be NULL
 *
 * Returns 0, TN_E_AWAY, TN_E_TIMEOUT, TN_E_IO, TN_E_NOMEM; after any of these
 * some of the commands may have been carried out, unless they are unsent.
 */
int tn_redis_conns_exchange(struct tn_redis_conns *conns,
    struct tn_slice bytes, struct tn_reply **replies, size_t n,
    bool *unsent, struct tn_err *err);

/* Close those that nobody uses: the next call connects anew. */
void tn_redis_conns_hang_up(struct tn_redis_conns *conns);

#endif
