/* Redis for code that may wait: calls with a deadline, from any thread. */
#ifndef TN_REDIS_H
#define TN_REDIS_H

#include "redis/reply.h"

struct tn_err;
struct tn_redis;

#define TN_REDIS_NODES	64	/* masters of a cluster, past ones too */

enum tn_redis_topology {
	TN_REDIS_SINGLE,	/* one server, at path or host and port */
	TN_REDIS_SENTINEL,	/* the master that sentinels name */
	TN_REDIS_CLUSTER,	/* many masters, a part of the keys each */
};

/*
 * Where Redis is. Shared by the blocking and the event-driven side.
 *
 * With sentinels, a master that was replaced is left for the new one: what
 * was under way fails, what comes next goes there. In a cluster, keys of one
 * command or script must be in one slot, and there is database 0 alone.
 */
struct tn_redis_options {
	int topology;		/* enum tn_redis_topology */
	const char *const *nodes;	/* "host:port": sentinels, or of a cluster */
	size_t nnodes;
	const char *master;	/* its name among the sentinels */
	const char *sentinel_user;	/* NULL: none */
	const char *sentinel_password;
	const char *path;	/* Unix socket; wins over host and port */
	const char *host;
	int port;
	const char *user;	/* NULL: none */
	const char *password;	/* NULL: none */
	int database;
	int connect_ms;		/* deadline of a connection; 0: 1000 */
	int command_ms;		/* deadline of a command; 0: 1000 */
};

/*
 * A Lua script, named for the log. Sent by its digest once the server has
 * it; given again when the server has forgotten it.
 */
struct tn_script {
	const char *name;
	const char *text;
};

/*
 * Connections are made when first needed, at most max at a time (one for
 * each thread that calls), and made again after a failure.
 *
 * options  borrowed for the life of the object
 */
struct tn_redis *tn_redis_new(const struct tn_redis_options *options,
    size_t max, struct tn_err *err);
void tn_redis_free(struct tn_redis **redis);

/* Are there many masters, so that all keys of a script are in one slot? */
bool tn_redis_is_cluster(const struct tn_redis *redis);

/*
 * One command.
 *
 * argv, argc  its words, any bytes
 * out         the answer, to be freed with tn_reply_free; never an error
 *             reply: those are returned as TN_E_IO with Redis' text
 *
 * Returns 0, TN_E_AWAY (no connection), TN_E_TIMEOUT, TN_E_IO, TN_E_NOMEM.
 */
int tn_redis_call(struct tn_redis *redis, const struct tn_slice *argv,
    size_t argc, struct tn_reply **out, struct tn_err *err);

/* As tn_redis_call, for a script with its keys and arguments. */
int tn_redis_eval(struct tn_redis *redis, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs, struct tn_reply **out, struct tn_err *err);

#endif
