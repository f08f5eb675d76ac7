/*
 * What the files of the Socket.IO server know of each other; not installed.
 *
 *     tn_io --- namespaces ---> tn_ns --- sockets, rooms ---> tn_socket
 *       |  `--- slots --------------------------------------^    ^
 *       `--- engine ---> tn_conn ---> tn_client --- sockets -----'
 *
 * A tn_client is one connection, a tn_socket one namespace it joined. A
 * socket that has gone leaves its slot, its rooms and its client at once;
 * its memory is freed a turn later, so that no caller's pointer dangles.
 */
#ifndef TN_IO_INNER_H
#define TN_IO_INNER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/wheel.h"
#include "io/adapter.h"
#include "io/handlers.h"
#include "io/handshake.h"
#include "io/io.h"
#include "io/rooms.h"
#include "io/sio_packet.h"
#include "io/taps.h"

struct tn_slot {
	struct tn_socket *socket;	/* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

struct tn_io {
	struct tn_engine *engine;
	struct tn_wheel *wheel;
	struct tn_log *log;
	struct tn_adapter *adapter;
	struct tn_adapter memory;	/* the adapter if none is set */
	struct tn_map namespaces;
	struct tn_ns *parents;		/* of dynamic ones, oldest first */
	size_t nchildren;		/* dynamic ones */
	tn_new_namespace_fn *on_new_namespace;
	void *on_new_namespace_arg;
	bool cleanup_empty_namespaces;
	struct tn_map handlers;		/* interned sets */
	struct tn_slot *slots;
	uint32_t nslots, free_slot;	/* NO_SLOT: none */
	uint32_t epoch;			/* of the last walk over rooms */
	struct tn_list dead;		/* sockets to be freed */
	struct tn_list waiting;		/* nexts and event refs that are held */
	struct tn_list gathers;		/* oldest first */
	uint64_t next_gather;
	size_t ngathers;
	struct tn_timer reaper;
	struct tn_arena arena;		/* of the packet being handled */
	struct tn_buf scratch;		/* of the packet being written */
	struct tn_buf stamped;		/* its data, with an offset behind */
	struct tn_buf packed;		/* a packet in MessagePack */
	bool msgpack;
	struct tn_map adopted;		/* sockets that bear an older id */
	size_t max_attachments;
	int connect_timeout_ms;
	int recovery_window_ms;		/* 0: off */
	bool recovery_skips_steps;
};

struct tn_ns_step_entry {
	tn_ns_step *fn;
	void *arg;
};

struct tn_ns_connection_entry {
	tn_connection_fn *fn;
	void *arg;
};

struct tn_ns {
	struct tn_io *io;
	uint32_t refs;		/* the table's, and of all who may outlive it */
	uint32_t nsockets;	/* connected, or on their way in */
	uint32_t nouts;		/* whose sendings are heard */
	bool is_over;		/* nothing can be done in it any more */
	struct tn_ns *parent, *next_parent;
	tn_ns_match_fn *match;	/* of a parent */
	void *match_arg;
	tn_room_fn *on_room;
	void *on_room_arg;
	struct tn_map rooms;
	struct tn_socket **sockets;	/* the connected ones */
	uint32_t len, cap;
	struct tn_ns_step_entry *steps;
	size_t nsteps;
	struct tn_ns_connection_entry *connections;
	size_t nconnections;
	tn_recover_fn *may_recover;	/* NULL: always */
	void *may_recover_arg;
	struct tn_server_handler *server_handlers;
	struct tn_recovery *recovery;	/* the in-memory adapter's */
	void *adapter_data;
	uint64_t next_ack;
	size_t name_len;
	char name[];
};

/* An event whose attachments are still coming. */
struct tn_reassembly {
	struct tn_timer deadline;
	char *text;
	size_t text_len, bytes;
	size_t wanted, got;
	struct tn_slice buffers[TN_LIMIT_ATTACHMENTS];	/* on the heap */
};

/* One connection. */
struct tn_client {
	struct tn_io *io;
	struct tn_conn *conn;
	struct tn_handshake *handshake;
	struct tn_list sockets;
	struct tn_reassembly *pending;
	struct tn_timer *connecting;	/* until a first namespace is joined */
	uint16_t nsockets;
	bool is_v2;			/* Socket.IO 2: protocol 4, Engine.IO 3 */
	bool is_closing;		/* we asked for it: hear nothing more */
};

/* By what a session is known again. */
struct tn_comeback {
	char pid[TN_EIO_ID_LEN + 1];	/* empty: none */
	bool is_noted;		/* the adapter knows that it has changed */
	uint32_t owner_len;
	char owner[];
};

enum tn_socket_state {
	TN_SOCKET_CONNECTING,	/* the namespace's steps are running */
	TN_SOCKET_CONNECTED,
	TN_SOCKET_LEAVING,	/* "disconnecting" runs */
	TN_SOCKET_GONE,
};

struct tn_socket {
	struct tn_list link;		/* of its client; of the dead */
	struct tn_list acks;		/* awaited from the client */
	struct tn_client *client;	/* NULL once it has gone */
	struct tn_ns *ns;
	struct tn_handlers *handlers;
	struct tn_joined *joined;
	char *auth;			/* NULL: {} */
	void *data;
	void (*data_free)(void *data);
	struct tn_taps *taps;		/* NULL: none */
	char *data_json;		/* NULL: {} */
	struct tn_comeback *comeback;	/* NULL: not to be recovered */
	char *long_id;			/* in io->adopted; NULL: id */
	uint32_t auth_len;
	uint32_t slot, generation;
	uint32_t at;			/* in ns->sockets */
	uint32_t mark;			/* epoch of the walk that saw it */
	uint16_t njoined, joined_cap, nacks;
	uint8_t state : 4;
	bool recovered : 1;
	char id[TN_EIO_ID_LEN + 1];
};

/* io.c */

#define TN_NO_SLOT	UINT32_MAX

/* Give a socket a slot, a generation and an id. Returns 0 or TN_E_NOMEM. */
int tn_slot_take(struct tn_io *io, struct tn_socket *socket);
void tn_slot_give(struct tn_io *io, const struct tn_socket *socket);
/*
 * Give it an id that was not made for its slot: a recovered session's, an old
 * client's. No other socket may have it. Returns 0 or TN_E_NOMEM.
 */
int tn_slot_adopt(struct tn_socket *socket, struct tn_slice id);
/* Which slot has the socket of this id (TN_EIO_ID_LEN long), if any has? */
bool tn_slot_of_id(struct tn_slice id, uint32_t *slot);
/* Free it, but not before this turn is over. */
void tn_io_bury(struct tn_io *io, struct tn_socket *socket);

/* socket.c */

/* Returns NULL when out of memory. auth is copied. */
struct tn_socket *tn_socket_new(struct tn_client *client, struct tn_ns *ns,
    struct tn_slice auth);

/*
 * It is over, for this reason: handlers are told if it was connected, rooms
 * left, acks answered, memory given to the reaper.
 */
void tn_socket_drop(struct tn_socket *socket, const char *reason);

/* Call the handlers of a name, oldest first. */
void tn_socket_fire(struct tn_socket *socket, struct tn_slice name,
    const struct tn_event *event);

/* Send a packet without a payload, or with a short one. */
void tn_socket_packet(struct tn_socket *socket, enum tn_sio_type type,
    struct tn_slice data);

/* One packet as it is queued: its text, then its attachments. */
struct tn_parcel {
	struct tn_rcbuf *parts[1 + TN_LIMIT_ATTACHMENTS];
	size_t n;
};

/* parcel.c */

/*
 * Write a packet as the server's parser does.
 *
 * buffers  packet->attachments of them
 *
 * Returns 0, TN_E_LIMIT (too many of them), TN_E_NOMEM. The parts are the
 * caller's to give back with tn_parcel_fini.
 */
int tn_parcel_init(struct tn_parcel *parcel, struct tn_io *io,
    const struct tn_sio_packet *packet, const struct tn_slice *buffers);
void tn_parcel_fini(struct tn_parcel *parcel);
void tn_parcel_send(const struct tn_parcel *parcel, struct tn_conn *conn);

/* client.c */
extern const struct tn_engine_hooks tn_client_hooks;

/* Close the connection; what it still sends is not heard. */
void tn_client_close(struct tn_client *client);
/*
 * Send a packet whose payload has been written (built is false if it could
 * not be), and its attachments; without memory, the client is closed: it must
 * not miss an answer.
 */
void tn_client_send(struct tn_client *client,
    const struct tn_sio_packet *packet, const struct tn_slice *buffers,
    bool built);
/* The first namespace was joined: the deadline is off. */
void tn_client_joined(struct tn_client *client);

/* connect.c */

/* A client asks to join: run the steps. */
void tn_ns_connect(struct tn_ns *ns, struct tn_client *client,
    struct tn_slice auth);
void tn_ns_refuse(struct tn_client *client, struct tn_slice nsp,
    struct tn_slice message, struct tn_slice data);

/* comeback.c */

/* Give it a pid, where sessions can be recovered. False: no memory. */
bool tn_comeback_begin(struct tn_socket *socket);
/* Or this one, of a session that is found again. */
bool tn_comeback_adopt(struct tn_socket *socket, struct tn_slice pid);
/* ptr NULL: it has none. */
struct tn_slice tn_comeback_pid(const struct tn_socket *socket);
struct tn_slice tn_comeback_owner(const struct tn_socket *socket);
/* Its rooms or data are others now: the adapter may want to know. */
void tn_comeback_changed(struct tn_socket *socket);
/* It ends for this reason: its session is kept for a while, or forgotten. */
void tn_comeback_left(struct tn_socket *socket, const char *reason);

/* v2.c: what clients of Socket.IO 2 do otherwise */

/*
 * Their namespaces carry a query, which is what they have for auth: cut it
 * off, and write it as JSON. Returns 0, TN_E_SYNTAX, TN_E_LIMIT.
 */
int tn_v2_cut_query(struct tn_slice *nsp, struct tn_buf *auth);
/* Give a socket the id that its client believes it has. */
int tn_v2_name(struct tn_socket *socket);
/* A step refused: a string, or the data. */
void tn_v2_refuse(struct tn_client *client, struct tn_slice nsp,
    struct tn_slice message, struct tn_slice data);

/* ns.c */

/* Make one, and tell the adapter. NULL: no memory, or it cannot. */
struct tn_ns *tn_ns_open(struct tn_io *io, struct tn_slice name);
/* It is in use no longer; who holds it may still look at its name. */
void tn_ns_end(struct tn_ns *ns);
struct tn_ns *tn_ns_ref(struct tn_ns *ns);
void tn_ns_unref(struct tn_ns *ns);
/* A room event, if anybody listens. */
void tn_ns_tell_room(struct tn_ns *ns, enum tn_room_event what,
    struct tn_slice room, struct tn_socket *socket);

/* dynamic.c */

/*
 * The namespace of this name, made if a parent says so; *found NULL: there is
 * none. Returns 0, TN_E_LIMIT (too many), TN_E_NOMEM.
 */
int tn_ns_find(struct tn_io *io, struct tn_slice name, struct tn_slice auth,
    struct tn_ns **found);
/* A socket has gone from it. */
void tn_ns_left(struct tn_ns *ns);
void tn_ns_retire(struct tn_ns *ns);
typedef int tn_ns_child_fn(struct tn_ns *ns, void *arg);
int tn_ns_each_child(struct tn_ns *parent, tn_ns_child_fn *fn, void *arg);

/* event.c */

/* What is held for later, and must know when the io goes first. */
struct tn_held {
	struct tn_list link;	/* io->waiting */
	struct tn_io *io;	/* NULL: it went */
	struct tn_socket_ref socket;
};
void tn_held_init(struct tn_held *held, const struct tn_socket *socket);
void tn_held_fini(struct tn_held *held);
struct tn_socket *tn_held_socket(const struct tn_held *held);

/* ack.c */

/* Await the client's answer. Returns 0, TN_E_LIMIT or TN_E_NOMEM. */
int tn_acks_await(struct tn_socket *socket, uint64_t id, int timeout_ms,
    tn_ack_fn *fn, void *arg);
/* It came; an id that nobody awaits is ignored. */
void tn_acks_answer(struct tn_socket *socket, const struct tn_sio_packet *p,
    const struct tn_slice *buffers);
/* Its call failed after all: forget the newest. */
void tn_acks_forget(struct tn_socket *socket, uint64_t id);
/* The socket has gone: everyone who waits is told. */
void tn_acks_drop(struct tn_socket *socket);

/* adapter.c: call an adapter's function, if there is one; else succeed. */
int tn_adapter_open(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_err *err);
void tn_adapter_close(struct tn_adapter *a, struct tn_ns *ns);
int tn_adapter_publish(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet);
void tn_adapter_room_opened(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice room);
void tn_adapter_room_closed(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice room);
void tn_adapter_socket_opened(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice id);
void tn_adapter_socket_closed(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice id);
/* How long other nodes have to answer. */
int tn_adapter_requests_ms(const struct tn_adapter *a);

/* target.c */

/* Its views point into t. */
struct tn_broadcast_packet tn_target_packet(const struct tn_target *t);
/* Can it be used at all? Returns 0, TN_E_LIMIT, TN_E_STATE. */
int tn_target_check(const struct tn_target *t);

/* server_event.c */
void tn_server_handlers_free(struct tn_ns *ns);
bool tn_server_handlers_copy(struct tn_ns *to, const struct tn_ns *from);

/* emit.c */

/* ["name",args] in io->scratch. */
int tn_event_data(struct tn_io *io, const char *name, struct tn_slice args,
    struct tn_slice *data);
/* Send what it missed, before its CONNECT. Returns 0 or TN_E_NOMEM. */
int tn_socket_replay(struct tn_socket *socket,
    const struct tn_missed *missed);

#endif
