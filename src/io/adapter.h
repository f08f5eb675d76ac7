/* What carries broadcasts from node to node; the in-memory one carries none. */
#ifndef TN_ADAPTER_H
#define TN_ADAPTER_H

#include "base/buf.h"
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
};

struct tn_adapter_ops {
	/* A namespace was made; subscribe for it. */
	int (*open)(struct tn_adapter *a, struct tn_ns *ns, struct tn_err *err);
	void (*close)(struct tn_adapter *a, struct tn_ns *ns);
	/* Tell the other nodes. The packet is borrowed for the call. */
	int (*publish)(struct tn_adapter *a, struct tn_ns *ns,
	    const struct tn_broadcast_packet *packet);
	/* The first local socket joined a room, the last one left it. */
	void (*room_opened)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice room);
	void (*room_closed)(struct tn_adapter *a, struct tn_ns *ns,
	    struct tn_slice room);
};

struct tn_adapter {
	const struct tn_adapter_ops *ops;	/* any may be NULL */
};

/* The in-memory adapter: this node is all there is. */
void tn_memory_adapter_init(struct tn_adapter *a);

/* Call one of the functions above, if there is one; else succeed. */
int tn_adapter_open(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_err *err);
void tn_adapter_close(struct tn_adapter *a, struct tn_ns *ns);
int tn_adapter_publish(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet);
void tn_adapter_room_opened(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice room);
void tn_adapter_room_closed(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice room);

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
 * and credentials of the handshake are left out; data is {}.
 */
void tn_socket_write_json(const struct tn_socket *socket, struct tn_buf *out);

/* Does a local socket stand in this room? */
bool tn_ns_has_room(const struct tn_ns *ns, struct tn_slice room);

/* What the adapter keeps for a namespace. */
void tn_ns_set_adapter_data(struct tn_ns *ns, void *data);
void *tn_ns_adapter_data(const struct tn_ns *ns);

#endif
