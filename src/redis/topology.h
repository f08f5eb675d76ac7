/*
 * Which of several Redis servers: slots of a cluster, and what sentinels and
 * nodes answer about it. For src/redis alone.
 */
#ifndef TN_TOPOLOGY_H
#define TN_TOPOLOGY_H

#include "redis/redis.h"

#define TN_REDIS_SLOTS		16384
#define TN_REDIS_HOST		256	/* bytes of a name, with its NUL */
#define TN_REDIS_REDIRECTS	5	/* of one command, followed at once */

struct tn_redis_address {
	char host[TN_REDIS_HOST];
	int port;
};

/* CRC16 of a key, or of what stands in its first {braces}. */
unsigned tn_redis_slot(struct tn_slice key);

/* The first key of a command; ptr NULL if it has none. */
struct tn_slice tn_redis_key_of(const struct tn_slice *argv, size_t argc);

/* "host:port", "[::1]:port". Returns false if it is neither. */
bool tn_redis_address_read(struct tn_slice text, struct tn_redis_address *out);

/* What SENTINEL GET-MASTER-ADDR-BY-NAME answered. */
bool tn_redis_master_read(const struct tn_reply *reply,
    struct tn_redis_address *out);

/* Does ROLE say "master"? */
bool tn_redis_is_master(const struct tn_reply *role);

/* An error that says: not here. */
struct tn_redirect {
	bool is_ask;			/* once; else for good */
	unsigned slot;
	struct tn_redis_address to;	/* host "": the one that was asked */
};
bool tn_redirect_read(struct tn_slice error, struct tn_redirect *out);

/* The masters that were ever heard of, and who serves each slot. */
struct tn_cluster_map {
	struct tn_redis_address nodes[TN_REDIS_NODES];
	bool is_master[TN_REDIS_NODES];	/* now; others stay for their place */
	size_t n;
	uint8_t slots[TN_REDIS_SLOTS];	/* index; TN_REDIS_NODES: nobody */
};

void tn_cluster_map_init(struct tn_cluster_map *map);
/* The index of a node, new if need be; -1: too many. */
int tn_cluster_map_node(struct tn_cluster_map *map,
    const struct tn_redis_address *address);
/*
 * Take what CLUSTER SLOTS answered; asked is who did.
 * Returns false, and the map is as it was, if that is nothing of the kind.
 */
bool tn_cluster_map_read(struct tn_cluster_map *map,
    const struct tn_reply *reply, const struct tn_redis_address *asked);

/* As options for one server at an address, which must stay. */
struct tn_redis_options tn_redis_options_at(
    const struct tn_redis_options *options,
    const struct tn_redis_address *address);

#endif
