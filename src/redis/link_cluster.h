/* A link to a Redis Cluster: link.h's functions, for it. For src/redis alone. */
#ifndef TN_LINK_CLUSTER_H
#define TN_LINK_CLUSTER_H

#include "redis/link_impl.h"
#include "redis/topology.h"

/* Each is what the function of link.h is that has its name. */
struct tn_link_cluster *tn_cluster_new(struct tn_loop *loop, struct tn_log *log,
    const struct tn_redis_options *options,
    const struct tn_link_hooks *hooks);
void tn_cluster_free(struct tn_link_cluster *c);
void tn_cluster_restart(struct tn_link_cluster *c, const char *why);
bool tn_cluster_is_up(const struct tn_link_cluster *c);
bool tn_cluster_is_idle(const struct tn_link_cluster *c);
int tn_cluster_call(struct tn_link_cluster *c, const struct tn_slice *argv,
    size_t argc, tn_link_fn *fn, void *arg);
int tn_cluster_eval(struct tn_link_cluster *c, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs, tn_link_fn *fn, void *arg);
int tn_cluster_count(struct tn_link_cluster *c, bool of_shards,
    const struct tn_slice *channels, size_t n, tn_link_count_fn *fn,
    void *arg);

int tn_cluster_subscribe(struct tn_link_cluster *c, enum tn_sub_kind kind,
    struct tn_slice name, tn_link_message_fn *fn, void *arg);
void tn_cluster_unsubscribe(struct tn_link_cluster *c, enum tn_sub_kind kind,
    struct tn_slice name);

/* A node has taken a channel of shards back. */
void tn_cluster_shard_lost(struct tn_slice channel, void *arg);

#endif
