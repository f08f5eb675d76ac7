/*
 * Telling the clients of a Socket.IO cluster something from a program that
 * has no sockets: what @socket.io/redis-emitter publishes, to our nodes and to
 * Node's.
 */
#ifndef TN_EMITTER_H
#define TN_EMITTER_H

#include "base/slice.h"
#include "cluster/redis_adapter.h"

struct tn_err;
struct tn_link;
struct tn_redis;

/* Where to; the zero value of all but the connection is the preset. */
struct tn_emitter {
	struct tn_redis *redis;	/* blocking; or */
	struct tn_link *link;	/* in a loop: what Redis says is not heard */
	const char *nsp;	/* NULL: "/"; a slash is added in front */
	const char *prefix;	/* NULL: "socket.io" */
	bool is_sharded;	/* as the nodes are, and their mode */
	enum tn_subscription_mode mode;
};

/* Whom to: NULL, or all zero, is everybody in the namespace. */
struct tn_emitter_to {
	const struct tn_slice *rooms;	/* in any of them; none: everybody */
	size_t nrooms;
	const struct tn_slice *except;	/* and in none of these */
	size_t nexcept;
	bool is_volatile, is_plain;	/* flags: volatile, compress(false) */
};

/*
 * Send an event.
 *
 * name     not one of the reserved ones
 * args     JSON values with commas between (scanned here), empty for none
 * buffers  what the placeholders in args stand for
 *
 * Returns 0; TN_E_SYNTAX or TN_E_LIMIT, and nothing is sent, for what would
 * make nodes or clients stumble; else what the connection said.
 */
int tn_emitter_emit(const struct tn_emitter *emitter,
    const struct tn_emitter_to *to, struct tn_slice name, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers, struct tn_err *err);

/* Have the sockets of all nodes join or leave a room, or go. */
int tn_emitter_join(const struct tn_emitter *emitter,
    const struct tn_emitter_to *to, struct tn_slice room, struct tn_err *err);
int tn_emitter_leave(const struct tn_emitter *emitter,
    const struct tn_emitter_to *to, struct tn_slice room, struct tn_err *err);
/* close: the whole connection, not only the namespace. */
int tn_emitter_disconnect(const struct tn_emitter *emitter,
    const struct tn_emitter_to *to, bool close, struct tn_err *err);

/* Fire an event on the namespace of every node (serverSideEmit). */
int tn_emitter_server_emit(const struct tn_emitter *emitter,
    struct tn_slice name, struct tn_slice args, struct tn_err *err);

#endif
