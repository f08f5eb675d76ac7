/* Sending: to many, to one, with answers. Part of io/io.h, which tells more. */
#ifndef TN_EMIT_H
#define TN_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct tn_err;
struct tn_ns;
struct tn_socket;

#define TN_TARGET_ROOMS	16

/* Whom to send to, built by value: tn_emit(tn_in(ns, room), ...). */
struct tn_target {
	struct tn_ns *ns;
	struct tn_slice rooms[TN_TARGET_ROOMS];	/* none: everybody */
	struct tn_slice except[TN_TARGET_ROOMS];
	uint8_t nrooms, nexcept;
	bool is_volatile, is_local;
	bool is_plain;			/* compress(false) */
	bool too_many;			/* a room did not fit: emit refuses */
};

/* All sockets of a namespace; those of a room. */
struct tn_target tn_all(struct tn_ns *ns);
struct tn_target tn_in(struct tn_ns *ns, struct tn_slice room);
/* As socket.to(room) and socket.broadcast: without the sender. */
struct tn_target tn_to(struct tn_socket *socket, struct tn_slice room);
struct tn_target tn_broadcast(struct tn_socket *socket);
/* Add to a target: another room, a room left out, flags. */
struct tn_target tn_also(struct tn_target target, struct tn_slice room);
struct tn_target tn_except(struct tn_target target, struct tn_slice room);
struct tn_target tn_volatile(struct tn_target target);
struct tn_target tn_local(struct tn_target target);
/* As compress(false): for what is small, or random already. */
struct tn_target tn_plain(struct tn_target target);

/*
 * Send an event to all sockets of a target, on every node.
 *
 * args  JSON values with commas between, valid JSON; borrowed
 *
 * Returns 0, TN_E_LIMIT, TN_E_NOMEM, or what the adapter said (local sockets
 * have had it even so).
 */
int tn_emit(struct tn_target target, const char *name, struct tn_slice args);
/* With buffers, one for each placeholder in args, in order. */
int tn_emit_binary(struct tn_target target, const char *name,
    struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers);

/* As tn_emit with the name "message". */
int tn_send(struct tn_target target, struct tn_slice args);

/* To one socket. */
int tn_socket_send(struct tn_socket *socket, struct tn_slice args);
int tn_socket_emit(struct tn_socket *socket, const char *name,
    struct tn_slice args);
int tn_socket_emit_binary(struct tn_socket *socket, const char *name,
    struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers);

/*
 * The client's answer: args as JSON values; or err (TN_E_TIMEOUT
 * "operation has timed out", TN_E_AWAY when the socket has gone).
 */
typedef void tn_ack_fn(struct tn_slice args, const struct tn_slice *buffers,
    size_t nbuffers, const struct tn_err *err, void *arg);

/* timeout_ms 0: waits as long as the socket lives. */
int tn_socket_emit_ack(struct tn_socket *socket, const char *name,
    struct tn_slice args, int timeout_ms, tn_ack_fn *fn, void *arg);
int tn_socket_emit_ack_binary(struct tn_socket *socket, const char *name,
    struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers,
    int timeout_ms, tn_ack_fn *fn, void *arg);

/* What one client, or one node, answered. */
struct tn_answer {
	struct tn_slice value;		/* JSON; empty: an ack without one */
	const struct tn_slice *buffers;	/* what its placeholders stand for */
	size_t nbuffers;
};

/*
 * All that was answered, in the order of coming, borrowed for the call. err
 * is NULL if it is complete; else why not (TN_E_TIMEOUT "operation has timed
 * out", TN_E_AWAY when clients went meanwhile), and what came in time is
 * there even so.
 */
typedef void tn_answers_fn(const struct tn_answer *answers, size_t n,
    const struct tn_err *err, void *arg);

/*
 * Send to all of a target and gather one answer of each, from every node.
 *
 * timeout_ms  0: TN_LIMIT_CLUSTER_ACK_MS
 * fn          called once, now (nobody is there) or later
 *
 * Returns 0, or negative and fn is never called: as tn_emit.
 */
int tn_emit_ack(struct tn_target target, const char *name,
    struct tn_slice args, int timeout_ms, tn_answers_fn *fn, void *arg);
int tn_emit_ack_binary(struct tn_target target, const char *name,
    struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers,
    int timeout_ms, tn_answers_fn *fn, void *arg);

/* The sockets of a target, on every node. */

/*
 * Each returns 0 or the first thing that went wrong (TN_E_LIMIT, TN_E_NOMEM,
 * or what the adapter said); the sockets that could be reached were.
 */
int tn_sockets_join(struct tn_target target, struct tn_slice room);
int tn_sockets_leave(struct tn_target target, struct tn_slice room);
/* With close, their whole connections end. */
int tn_sockets_disconnect(struct tn_target target, bool close);

/* A socket of any node; its id can be sent to: tn_in(ns, id). */
struct tn_remote_socket {
	struct tn_slice id;
	struct tn_slice handshake;	/* JSON, as the reference's */
	struct tn_slice rooms;		/* JSON array */
	struct tn_slice data;		/* JSON */
};
typedef void tn_sockets_fn(const struct tn_remote_socket *sockets, size_t n,
    const struct tn_err *err, void *arg);
/* fn is called once, now or later, if 0 is returned. */
int tn_sockets_fetch(struct tn_target target, tn_sockets_fn *fn, void *arg);

#endif
