/*
 * A link to a Redis Cluster: link.h's functions, for it. link_cluster.c is its
 * life, link_cluster_calls.c its commands. For src/redis alone.
 */
#ifndef TN_LINK_CLUSTER_H
#define TN_LINK_CLUSTER_H

#include "redis/link_impl.h"
#include "redis/topology.h"

struct tn_cluster_peer {
	struct tn_link_cluster *cluster;
	struct tn_link *link;	/* NULL: not connected to */
	struct tn_redis_options options;
	bool is_up, is_retired;
};

struct tn_link_cluster {
	struct tn_loop *loop;
	struct tn_log *log;
	const struct tn_redis_options *options;
	struct tn_link_hooks hooks;
	struct tn_cluster_map map;
	struct tn_cluster_peer peers[TN_REDIS_NODES];	/* as map.nodes */
	struct tn_map names[TN_SUB_KINDS];
	struct tn_list held;		/* commands that wait */
	size_t nrouted;
	struct tn_timer tick, again;
	struct tn_deferred retire;
	size_t seed;			/* whom to ask first */
	bool is_known, is_asking, is_up, is_closing;
};

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

int tn_cluster_subscribe(struct tn_link_cluster *c, enum tn_sub_kind kind,
    struct tn_slice name, tn_link_message_fn *fn, void *arg);
void tn_cluster_unsubscribe(struct tn_link_cluster *c, enum tn_sub_kind kind,
    struct tn_slice name);

/*
 * Who serves a slot; of slot -1, any master, the same for all. NULL: nobody
 * that is known and has a link.
 */
struct tn_cluster_peer *tn_cluster_server(struct tn_link_cluster *c, int slot);

/* Have a link to the i-th of the map. */
void tn_cluster_open(struct tn_link_cluster *c, int i);

/* Something has changed: ask who serves what. */
void tn_cluster_ask_soon(struct tn_link_cluster *c);

/* Commands that wait go out, or have waited for too long. */
void tn_cluster_send_held(void *cluster);
/* None of them ever will: each is told err. */
void tn_cluster_end_held(struct tn_link_cluster *c, const struct tn_err *err);

#endif
