/*
 * What carries a node's doings to the other nodes; the in-memory adapter has
 * no others, and keeps in this process what recovery needs.
 */
#ifndef TN_ADAPTER_H
#define TN_ADAPTER_H

#include "base/buf.h"
#include "base/limits.h"
#include "io/io.h"

struct tn_adapter;
struct tn_err;
struct tn_ns;

/* One event on its way to many, from here or from another node. */
struct tn_broadcast_packet {
	struct tn_slice data;		/* JSON array: ["name",arg...] */
	const struct tn_slice *buffers;	/* for the placeholders in data */
	size_t nbuffers;
	const struct tn_slice *rooms;	/* none: everybody */
	size_t nrooms;
	const struct tn_slice *except;
	size_t nexcept;
	bool is_volatile;
	bool is_local;			/* for this node alone */
	bool is_plain;			/* not to be compressed */
	/* Where recovery goes on from: put behind data; empty: none. */
	struct tn_slice offset;
};

/* An offset's longest text; a Redis stream's have at most 41 bytes. */
#define TN_OFFSET_LEN	47

/* A session that was left, or is found again. */
struct tn_saved_session {
	struct tn_slice pid, sid;
	struct tn_slice owner;		/* tn_socket_set_owner */
	const struct tn_slice *rooms;	/* without the one of its own id */
	size_t nrooms;
	struct tn_slice data;		/* tn_socket_data_json */
};

/* By what a client wants its session again. */
struct tn_comeback_ask {
	struct tn_slice pid;
	struct tn_slice offset;		/* of the last event it got; ptr NULL: none */
	struct tn_slice owner;		/* who it is now */
};

/* What a session missed: in order, each with its offset. */
struct tn_missed {
	const struct tn_broadcast_packet *packets;	/* data, buffers, offset */
	size_t n;
};

/*
 * Called once for each tn_adapter_ops.restore: session is NULL if there is
 * nothing to restore. All is borrowed for the call; inside it the socket
 * joins its rooms, so what is delivered after it must be what is not missed.
 */
typedef void tn_restored_fn(const struct tn_saved_session *session,
    const struct tn_missed *missed, void *arg);

/* What another node waits for; answer is called once, and frees it. */
struct tn_reply_to {
	/* value is one JSON value */
	void (*answer)(struct tn_reply_to *to, struct tn_slice value);
};

/*
 * Any may be NULL: then there are no other nodes, or no recovery. What is
 * passed is borrowed for the call. int: 0 or a negative TN_E_*.
 */
struct tn_adapter_ops {
	/* A namespace was made; subscribe for it. */
	int (*open)(struct tn_adapter *a, struct tn_ns *ns, struct tn_err *err);
	void (*close)(struct tn_adapter *a, struct tn_ns *ns);
	/* Tell the other nodes. */
	int (*publish)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *packet);
	/* The first local socket joined a room, the last one left it. */
	void (*room_opened)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice room);
	void (*room_closed)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice room);
	/* The same for the room that a socket's own id is. */
	void (*socket_opened)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice id);
	void (*socket_closed)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice id);

	/*
	 * Publish with an ack wanted from each client that gets it. How many
	 * nodes were asked, how many clients each has, and what they answer
	 * is reported with the gather's number (see below).
	 */
	int (*publish_ack)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *packet, int timeout_ms,
	    uint64_t gather);
	/* Have the other nodes' matching sockets join, leave or go. */
	int (*join)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *who,
	    const struct tn_slice *rooms, size_t nrooms);
	int (*leave)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *who,
	    const struct tn_slice *rooms, size_t nrooms);
	int (*disconnect)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *who, bool close);
	/*
	 * Ask the other nodes for their matching sockets: one answer a node,
	 * a JSON array of what tn_socket_write_json writes.
	 */
	int (*fetch)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *who, uint64_t gather);
	/*
	 * Fire an event on the other nodes' namespaces (tn_ns_server_event
	 * there). data as in a packet; gather 0: no answers are wanted, else
	 * one JSON value a node.
	 */
	int (*server_event)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice data, uint64_t gather);

	/*
	 * Recovery (all three or none of them).
	 *
	 * store    before an event goes out that a client may have to catch
	 *          up on: 0 with an offset written (or "": not stored), and
	 *          the caller goes on to publish and deliver; or 1: taken, the
	 *          adapter does both itself, later, in its own order. A packet
	 *          whose only room is a socket's id is for this node alone.
	 * persist  a session ended for a reason it may come back from
	 * restore  find a session by its pid if the owner is the same, and
	 *          all that it missed since the offset; a session is at one
	 *          socket. fn is called once, now or later, whatever happens.
	 *
	 * Two more, for adapters whose sessions outlive the node:
	 *
	 * changed  a session has begun, or its rooms or data are others now.
	 *          Not told again before tn_socket_save.
	 * forget   a session ended, and nobody may come back to it
	 */
	int (*store)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *packet,
	    char offset[TN_OFFSET_LEN + 1]);
	int (*persist)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_saved_session *session);
	void (*restore)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_comeback_ask *ask, tn_restored_fn *fn, void *arg);
	void (*changed)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_socket *socket);
	void (*forget)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice pid);
};

struct tn_adapter {
	const struct tn_adapter_ops *ops;	/* any may be NULL */
	int requests_ms;	/* for other nodes; 0: TN_LIMIT_CLUSTER_REQUEST_MS */
};

/* The in-memory adapter: this node is all there is. */
void tn_memory_adapter_init(struct tn_adapter *a);

/* Does it know how to restore sessions? */
bool tn_adapter_recovers(const struct tn_adapter *a);

/*
 * Should a packet of these rooms and except have reached a session that
 * stood in its rooms? What restore replays is chosen by this.
 */
bool tn_session_missed(const struct tn_saved_session *session,
    const struct tn_broadcast_packet *packet);

/*
 * A socket's session as it is now, for what may restore it: its views are
 * the socket's. Returns false if it has none.
 */
bool tn_socket_save(struct tn_socket *socket,
    struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET],
    struct tn_saved_session *out);

/*
 * A session is at another socket now, of this or of another node: the one
 * that had it, if it is still there, goes and its client is told so.
 */
void tn_ns_session_taken(struct tn_ns *ns, struct tn_slice sid,
    struct tn_slice pid);

/* How long a session may be away; 0: recovery is off. */
int tn_ns_recovery_window_ms(const struct tn_ns *ns);

/*
 * Gathering what several nodes answer. A number that is no longer (all has
 * come, or the time is over) is ignored by each of these.
 */

/* How many other nodes were asked: once, now or when it is known. */
void tn_gather_nodes(struct tn_ns *ns, uint64_t gather, size_t nodes);
/* For publish_ack: one node has this many clients that will answer. */
void tn_gather_clients(struct tn_ns *ns, uint64_t gather, size_t clients);
/*
 * One answer. value is one JSON value that has passed tn_json_scan, empty
 * for none; buffers are what its placeholders stand for; all is copied.
 */
void tn_gather_answer(struct tn_ns *ns, uint64_t gather,
    struct tn_slice value, const struct tn_slice *buffers, size_t nbuffers);
/* The others could not be asked (TN_E_*): what is there must do. */
void tn_gather_fail(struct tn_ns *ns, uint64_t gather, int code);

/*
 * Another node fired an event on this namespace. data has passed
 * tn_json_scan; to is NULL if no answer is wanted. Whoever listens answers,
 * now or later; null is answered for those who do not.
 * Returns 0 or TN_E_SYNTAX; to is answered (with null) even so.
 */
int tn_ns_server_event(struct tn_ns *ns, struct tn_slice data,
    struct tn_reply_to *to);

/*
 * Hand a packet to the matching sockets of this node.
 *
 * packet->data must have passed tn_json_scan.
 * Returns the number of sockets; TN_E_SYNTAX or TN_E_LIMIT for data that
 * would make clients disconnect (tn_sio_check_event); TN_E_NOMEM.
 */
int tn_ns_deliver(struct tn_ns *ns, const struct tn_broadcast_packet *packet);

/*
 * The same, and await an answer from each socket: fn is called later, as
 * often as the number returned, with an answer or an error.
 */
int tn_ns_deliver_ack(struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, int timeout_ms, tn_ack_fn *fn,
    void *arg);

/*
 * Visit each socket of this node that a packet's rooms and except choose;
 * fn may do with them what it likes. Returns 0 or TN_E_NOMEM.
 */
typedef void tn_ns_select_fn(struct tn_socket *socket, void *arg);
int tn_ns_select(struct tn_ns *ns, const struct tn_broadcast_packet *packet,
    tn_ns_select_fn *fn, void *arg);

/* Walk the rooms that local sockets joined; *at starts at 0. */
bool tn_ns_room_next(const struct tn_ns *ns, size_t *at,
    struct tn_slice *room);

/*
 * A socket as fetchSockets tells it: id, handshake, rooms, data. Cookies
 * and credentials of the handshake are left out.
 */
void tn_socket_write_json(const struct tn_socket *socket, struct tn_buf *out);

/* Does a local socket stand in this room? */
bool tn_ns_has_room(const struct tn_ns *ns, struct tn_slice room);

/* What the adapter keeps for a namespace. */
void tn_ns_set_adapter_data(struct tn_ns *ns, void *data);
void *tn_ns_adapter_data(const struct tn_ns *ns);

#endif
