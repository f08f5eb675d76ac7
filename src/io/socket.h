/* Sockets: one client in one namespace. Part of io/io.h, which tells more. */
#ifndef TN_SOCKET_H
#define TN_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct tn_arena;
struct tn_buf;
struct tn_err;
struct tn_event;
struct tn_io;
struct tn_ns;
struct tn_socket;

typedef void tn_event_fn(struct tn_socket *socket,
    const struct tn_event *event, void *arg);
typedef void tn_disconnect_fn(struct tn_socket *socket, const char *reason,
    void *arg);

/*
 * Hear an event; of several handlers of a name the oldest comes first. The
 * name is borrowed for the socket's life: use literals. Returns 0, TN_E_NOMEM,
 * TN_E_STATE for a reserved name or a socket that has gone.
 */
int tn_socket_on(struct tn_socket *socket, const char *name, tn_event_fn *fn,
    void *arg);
/* For the next one alone. */
int tn_socket_once(struct tn_socket *socket, const char *name,
    tn_event_fn *fn, void *arg);
/* No more: fn NULL means all of that name, name NULL all of all. */
int tn_socket_off(struct tn_socket *socket, const char *name,
    tn_event_fn *fn);

/*
 * Hear each event that comes, ahead of the steps and of its own handlers; or
 * each that goes out, broadcasts among them. Returns as tn_socket_on.
 */
int tn_socket_on_any(struct tn_socket *socket, tn_event_fn *fn, void *arg);
int tn_socket_prepend_any(struct tn_socket *socket, tn_event_fn *fn,
    void *arg);
int tn_socket_on_any_outgoing(struct tn_socket *socket, tn_event_fn *fn,
    void *arg);
int tn_socket_prepend_any_outgoing(struct tn_socket *socket, tn_event_fn *fn,
    void *arg);
/* fn NULL: all of them. */
int tn_socket_off_any(struct tn_socket *socket, tn_event_fn *fn);
int tn_socket_off_any_outgoing(struct tn_socket *socket, tn_event_fn *fn);

/*
 * A step that each event passes on its way to its handlers: 0 lets it go on,
 * negative with err filled stops it. The client is not told; who listens to
 * errors is.
 */
typedef int tn_socket_step(struct tn_socket *socket,
    const struct tn_event *event, struct tn_err *err, void *arg);
typedef void tn_socket_error_fn(struct tn_socket *socket,
    const struct tn_err *err, void *arg);
int tn_socket_use(struct tn_socket *socket, tn_socket_step *fn, void *arg);
/* What a step stopped; and what ends the connection as "forced close". */
int tn_socket_on_error(struct tn_socket *socket, tn_socket_error_fn *fn,
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
/* The request's target, as sent; ptr NULL once the socket has gone. */
struct tn_slice tn_socket_url(const struct tn_socket *socket);
/*
 * A parameter of its query, decoded; the last, if sent often.
 * Returns 1 found, 0 not there, TN_E_NOMEM.
 */
int tn_socket_query(const struct tn_socket *socket, const char *name,
    struct tn_arena *arena, struct tn_slice *value);
bool tn_socket_is_secure(const struct tn_socket *socket);
/* Did it come from a page: with an Origin header? */
bool tn_socket_is_xdomain(const struct tn_socket *socket);
/* When the handshake came: milliseconds since 1970. */
int64_t tn_socket_issued_ms(const struct tn_socket *socket);
/* All of it as the reference has it, time as text among it; no cookies. */
void tn_socket_write_handshake(const struct tn_socket *socket,
    struct tn_buf *out);
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

/*
 * Who alone may come back to this socket's session: a user, and the log-in
 * that let it in, as one text that is compared as it stands. To be set in the
 * namespace's steps, of a socket that asks to come back too; without one,
 * whoever knows the session's private id may. Copied, where sessions can be
 * recovered. Returns 0, TN_E_LIMIT (TN_LIMIT_RECOVERY_OWNER), TN_E_NOMEM,
 * TN_E_STATE.
 */
int tn_socket_set_owner(struct tn_socket *socket, struct tn_slice owner);

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

#endif
