/* What redis.c gives the other files of src/redis that may wait. */
#ifndef TN_REDIS_IMPL_H
#define TN_REDIS_IMPL_H

#include "redis/redis.h"
#include "redis/wire.h"

/* tn_redis_conns_exchange with one server, which redis is. */
int tn_redis_exchange(struct tn_redis *redis, struct tn_slice bytes,
    struct tn_reply **replies, size_t n, bool *unsent, struct tn_err *err);

/* Did who answers stop being the master before this command? */
bool tn_redis_is_demoted(const struct tn_redis *redis,
    const struct tn_reply *reply);

/* tn_redis_call and tn_redis_eval, but that an error reply is a reply. */
int tn_redis_ask(struct tn_redis *redis, const struct tn_slice *argv,
    size_t argc, struct tn_reply **out, struct tn_err *err);
int tn_redis_ask_script(struct tn_redis *redis,
    const struct tn_script *script, const struct tn_slice *keys,
    size_t nkeys, const struct tn_slice *args, size_t nargs,
    struct tn_reply **out, struct tn_err *err);

/* The digest of a script, learnt from Redis when it is first asked for. */
int tn_redis_digest(struct tn_redis *redis, const struct tn_script *script,
    char sha[41], struct tn_err *err);

#endif
