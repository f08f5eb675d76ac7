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
#include "io/event.h"
#include "io/socket.h"
#include "io/emit.h"

struct tn_adapter;
struct tn_io;
struct tn_next;
struct tn_ns;
struct tn_saved_session;

struct tn_io_options {
	struct tn_engine_options engine;
	int connect_timeout_ms;		/* 45000: to join a first namespace */
	size_t max_attachments;		/* TN_LIMIT_ATTACHMENTS */
	/* Speak as socket.io-msgpack-parser, which all clients must have then. */
	bool msgpack;
	/*
	 * Connection state recovery: for how long a client that lost its
	 * connection finds its id, rooms, data and missed events again, if
	 * the adapter can do it. 0: off; the reference's preset is 120000.
	 * The namespace's steps come first, unless it is said to skip them:
	 * a session that was ended meanwhile is not noticed then.
	 */
	int recovery_window_ms;
	bool recovery_skips_steps;
	/* Forget a namespace of tn_io_of_match when its last socket leaves. */
	bool cleanup_empty_namespaces;
};

/*
 * options  copied, but what they point at is borrowed; zero values are the
 *          defaults
 * wheel    of the loop that drives it; borrowed, as is log
 *
 * Returns NULL with err filled: TN_E_NOMEM.
 */
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

/*
 * Namespaces that are made when a client asks for them: does the name please
 * fn? auth is the CONNECT payload, "{}" if there was none. What is returned
 * is the parent: each child begins with its steps and handlers, and what is
 * emitted to it goes to all its children of this node. Parents are asked in
 * the order of their making. NULL: no memory.
 */
typedef bool tn_ns_match_fn(struct tn_slice name, struct tn_slice auth,
    void *arg);
struct tn_ns *tn_io_of_match(struct tn_io *io, tn_ns_match_fn *fn, void *arg);

/* Told of each namespace that is made so ("new_namespace"). */
typedef void tn_new_namespace_fn(struct tn_ns *ns, void *arg);
void tn_io_on_new_namespace(struct tn_io *io, tn_new_namespace_fn *fn,
    void *arg);

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

/* One more step, behind those there are. Returns 0 or TN_E_NOMEM. */
int tn_ns_use(struct tn_ns *ns, tn_ns_step *fn, void *arg);

/* Called with each socket that all steps let in. Returns 0 or TN_E_NOMEM. */
typedef void tn_connection_fn(struct tn_socket *socket, void *arg);
int tn_ns_on_connection(struct tn_ns *ns, tn_connection_fn *fn, void *arg);

/*
 * May this socket, which knows the pid of a session that was left, have it
 * back? Asked behind the steps, so what they found out about the socket can
 * be compared with what is saved (io/adapter.h). Not asked: yes.
 */
typedef bool tn_recover_fn(struct tn_socket *socket,
    const struct tn_saved_session *saved, void *arg);
void tn_ns_on_recover(struct tn_ns *ns, tn_recover_fn *fn, void *arg);

/* "/chat"; lent as long as the namespace lives. */
struct tn_slice tn_ns_name(const struct tn_ns *ns);
size_t tn_ns_len(const struct tn_ns *ns);	/* sockets of this node */

/*
 * What happens to the rooms of this node, those of the sockets' own ids among
 * them; socket is NULL for the first and the last.
 */
enum tn_room_event {
	TN_ROOM_CREATED, TN_ROOM_JOINED, TN_ROOM_LEFT, TN_ROOM_DELETED,
};
typedef void tn_room_fn(struct tn_ns *ns, enum tn_room_event what,
    struct tn_slice room, struct tn_socket *socket, void *arg);
void tn_ns_on_room(struct tn_ns *ns, tn_room_fn *fn, void *arg);

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
