/* Sessions in Redis, in connect-redis' keys and bytes. */
#ifndef TN_STORE_REDIS_H
#define TN_STORE_REDIS_H

#include "session/store.h"

struct tn_redis;

/*
 * redis   borrowed
 * prefix  of the keys, copied; "sess:" is connect-redis' own
 */
struct tn_store *tn_store_redis_new(struct tn_redis *redis,
    struct tn_slice prefix, struct tn_err *err);
void tn_store_redis_free(struct tn_store **store);

#endif
