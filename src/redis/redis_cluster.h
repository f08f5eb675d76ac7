/* The blocking side of a Redis Cluster. For src/redis alone. */
#ifndef TN_REDIS_CLUSTER_H
#define TN_REDIS_CLUSTER_H

#include "redis/redis.h"
#include "redis/wire.h"

struct tn_redis_cluster;

/* NULL: no memory. */
struct tn_redis_cluster *tn_redis_cluster_new(
    const struct tn_redis_options *options, size_t max);
void tn_redis_cluster_free(struct tn_redis_cluster **cluster);

/*
 * One command to who serves its key (ptr NULL: to any), redirections
 * followed. As tn_redis_call, but that an error reply is a reply.
 */
int tn_redis_cluster_exchange(struct tn_redis_cluster *cluster,
    const struct tn_command *command, struct tn_slice key,
    struct tn_reply **out, struct tn_err *err);

#endif
