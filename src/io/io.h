/*
 * Socket.IO 5, the server: namespaces, sockets, rooms, events and acks,
 * under the words of its JavaScript users.
 *
 * JSON goes through as text: args are one or more JSON values with commas
 * between, without brackets ("1,\"two\",{\"three\":3}"), empty for none.
 * What comes from a client has been scanned strictly before a handler sees it.
 *
 * Everything runs in the loop's thread. A socket, and an event, are borrowed
 * for the callback that is given them; to come back later, keep a
 * tn_socket_ref or tn_event_ref.
 */
#ifndef TN_IO_H
#define TN_IO_H

#include "base/err.h"
#include "base/slice.h"
#include "io/engine.h"

struct tn_adapter;
struct tn_arena;
struct tn_event;
struct tn_io;
struct tn_next;
struct tn_ns;
struct tn_socket;

struct tn_io_options {
	struct tn_engine_options engine;
	int connect_timeout_ms;		/* 45000: to join a first namespace */
	size_t max_attachments;		/* TN_LIMIT_ATTACHMENTS */
	/*
	 * Connection state recovery: for how long a client that lost its
	 * connection finds its id, rooms, data and missed events again, if
	 * the adapter can do it. 0: off; the reference's preset is 120000.
	 * The namespace's steps come first, unless it is said to skip them:
	 * a session that was ended meanwhile is not noticed then.
	 */
	int recovery_window_ms;
	bool recovery_skips_steps;
};

struct tn_io *tn_io_new(const struct tn_io_options *options,
    struct tn_wheel *wheel, struct tn_log *log, struct tn_err *err);
void tn_io_free(struct tn_io **io);

/* What the host drives. */
struct tn_engine *tn_io_engine(struct tn_io *io);

/*
 * The adapter that carries broadcasts to other nodes; the in-memory one, if
 * this is not called. Before the first tn_io_of. Borrowed.
 */
void tn_io_set_adapter(struct tn_io *io, struct tn_adapter *adapter);

/* A namespace by name ("/chat"; "/" is added in front), made if new; NULL: no memory. */
struct tn_ns *tn_io_of(struct tn_io *io, const char *name);

/* Close every connection ("server shutting down"). */
void tn_io_close(struct tn_io *io);

/* Namespaces. */

/*
 * A step before "connection": it must, now or later, call one of the two
 * below with next, once. The socket may be gone by then: next knows.
 */
typedef void tn_ns_step(struct tn_socket *socket, struct tn_next *next,
    void *arg);
void tn_next_ok(struct tn_next *next);
/* Answered with CONNECT_ERROR; data is JSON or empty. */
void tn_next_refuse(struct tn_next *next, const char *message,
    struct tn_slice data);
/* The socket that asked, or NULL if it has gone. */
struct tn_socket *tn_next_socket(const struct tn_next *next);

int tn_ns_use(struct tn_ns *ns, tn_ns_step *fn, void *arg);

typedef void tn_connection_fn(struct tn_socket *socket, void *arg);
int tn_ns_on_connection(struct tn_ns *ns, tn_connection_fn *fn, void *arg);

/*
 * May this socket, which knows the pid of a session that was left, have it
 * back? Asked behind the steps, so what they found out about the socket can
 * be compared with what is saved (io/adapter.h). Not asked: yes.
 */
struct tn_saved_session;
typedef bool tn_recover_fn(struct tn_socket *socket,
    const struct tn_saved_session *saved, void *arg);
void tn_ns_on_recover(struct tn_ns *ns, tn_recover_fn *fn, void *arg);

struct tn_slice tn_ns_name(const struct tn_ns *ns);
size_t tn_ns_len(const struct tn_ns *ns);	/* sockets of this node */

/* Sockets. */

typedef void tn_event_fn(struct tn_socket *socket,
    const struct tn_event *event, void *arg);
typedef void tn_disconnect_fn(struct tn_socket *socket, const char *reason,
    void *arg);

/* name and reason are borrowed for the socket's life: use literals. */
int tn_socket_on(struct tn_socket *socket, const char *name, tn_event_fn *fn,
    void *arg);
/* Rooms are still set while "disconnecting" runs, and left in "disconnect". */
void tn_socket_on_disconnecting(struct tn_socket *socket,
    tn_disconnect_fn *fn, void *arg);
void tn_socket_on_disconnect(struct tn_socket *socket, tn_disconnect_fn *fn,
    void *arg);

/* Recovery changes the id to the old one, behind the steps. */
const char *tn_socket_id(const struct tn_socket *socket);
struct tn_ns *tn_socket_ns(const struct tn_socket *socket);

/* A header of the handshake, name in lower case; empty if not sent. */
struct tn_slice tn_socket_header(const struct tn_socket *socket,
    const char *name);
struct tn_slice tn_socket_address(const struct tn_socket *socket);
/* The CONNECT payload as JSON; "{}" if there was none. */
struct tn_slice tn_socket_auth(const struct tn_socket *socket);

/* The application's own; free_fn (may be NULL) is called at the end. */
void tn_socket_set_data(struct tn_socket *socket, void *data,
    void (*free_fn)(void *data));
void *tn_socket_data(const struct tn_socket *socket);

/*
 * What other nodes and a recovered socket may know, as JSON: "{}" if never
 * set. json must have passed tn_json_scan; it is copied. Returns 0,
 * TN_E_LIMIT (TN_LIMIT_SOCKET_DATA), TN_E_NOMEM, TN_E_STATE.
 */
int tn_socket_set_data_json(struct tn_socket *socket, struct tn_slice json);
struct tn_slice tn_socket_data_json(const struct tn_socket *socket);

/* Did it come back to a session that it had lost? */
bool tn_socket_recovered(const struct tn_socket *socket);

/* Returns 0, TN_E_LIMIT (too many rooms, name too long), TN_E_NOMEM. */
int tn_socket_join(struct tn_socket *socket, struct tn_slice room);
void tn_socket_leave(struct tn_socket *socket, struct tn_slice room);
bool tn_socket_in(const struct tn_socket *socket, struct tn_slice room);
/* The i-th room, without the one of its own id; ptr NULL at the end. */
struct tn_slice tn_socket_room(const struct tn_socket *socket, size_t i);

/* Leave the namespace; with close, end the whole connection. */
void tn_socket_disconnect(struct tn_socket *socket, bool close);

/* A handle that outlives the socket; NULL once it has gone. */
struct tn_socket_ref {
	struct tn_io *io;
	uint32_t slot;
	uint32_t generation;
};
struct tn_socket_ref tn_socket_ref(const struct tn_socket *socket);
struct tn_socket *tn_socket_deref(struct tn_socket_ref ref);

/* Events. */

struct tn_event {
	struct tn_ns *ns;
	struct tn_slice name;		/* decoded */
	struct tn_slice args;		/* JSON values with commas between */
	struct tn_slice data;		/* the array of name and args */
	const struct tn_slice *buffers;	/* what the placeholders stand for */
	size_t nbuffers;
	bool wants_ack;
	struct tn_socket *socket;
	uint64_t ack_id;
	bool *answered;			/* the library's */
};

/* The i-th argument, raw JSON. Returns false if there are fewer. */
bool tn_event_arg(const struct tn_event *event, size_t i,
    struct tn_slice *value);

/* Answer the ack, if one is wanted; the first answer counts. */
void tn_event_ack(const struct tn_event *event, struct tn_slice args);
/*
 * Say no: the ack gets {"error":text}; without one the socket gets the
 * event "refused" {"event":name,"error":text}.
 */
void tn_event_refuse(const struct tn_event *event, const char *text);

/* To answer later: kept until one of the two is called, which frees it. */
struct tn_event_ref;
struct tn_event_ref *tn_event_hold(const struct tn_event *event);
void tn_event_ref_ack(struct tn_event_ref *ref, struct tn_slice args);
void tn_event_ref_refuse(struct tn_event_ref *ref, const char *text);
/* The socket that sent it, or NULL. */
struct tn_socket *tn_event_ref_socket(const struct tn_event_ref *ref);
/* The namespace it came in, also when the socket has gone; NULL: the server has. */
struct tn_ns *tn_event_ref_ns(const struct tn_event_ref *ref);

/* Emitting. */

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

/* To one socket. */
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

/* Events between servers, as serverSideEmit. */

struct tn_reply_to;
struct tn_server_event {
	struct tn_ns *ns;
	struct tn_slice name;		/* decoded */
	struct tn_slice args, data;	/* as in tn_event */
	bool wants_answer;
	struct tn_reply_to **to;	/* the library's */
};
typedef void tn_server_event_fn(const struct tn_server_event *event,
    void *arg);

/* name is borrowed for the namespace's life: use literals. */
int tn_ns_on_server_event(struct tn_ns *ns, const char *name,
    tn_server_event_fn *fn, void *arg);
/* Answer with one JSON value; the first counts, if one is wanted at all. */
void tn_server_event_answer(const struct tn_server_event *event,
    struct tn_slice value);
/* Or later: call tn_reply_answer with it, once. NULL: none is wanted. */
struct tn_reply_to *tn_server_event_hold(
    const struct tn_server_event *event);
void tn_reply_answer(struct tn_reply_to *to, struct tn_slice value);

/*
 * Fire an event on this namespace of every other node. Returns 0,
 * TN_E_STATE for a reserved name, or what the adapter said.
 */
int tn_server_emit(struct tn_ns *ns, const char *name, struct tn_slice args);
/* And gather one answer a node; on a timeout err tells how many came. */
int tn_server_emit_ack(struct tn_ns *ns, const char *name,
    struct tn_slice args, tn_answers_fn *fn, void *arg);

#endif
