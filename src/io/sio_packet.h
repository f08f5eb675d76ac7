/* Socket.IO packets as text: reading what a client sent, writing what it gets. */
#ifndef TN_SIO_PACKET_H
#define TN_SIO_PACKET_H

#include "base/slice.h"

struct tn_arena;
struct tn_err;
struct tn_rcbuf;

enum tn_sio_type {
	TN_SIO_CONNECT, TN_SIO_DISCONNECT, TN_SIO_EVENT, TN_SIO_ACK,
	TN_SIO_CONNECT_ERROR, TN_SIO_BINARY_EVENT, TN_SIO_BINARY_ACK,
	TN_SIO_TYPES,
};

struct tn_sio_packet {
	enum tn_sio_type type;
	size_t attachments;	/* binary messages that follow */
	struct tn_slice nsp;	/* "/" if none was named */
	bool has_id;
	uint64_t id;
	struct tn_slice data;	/* the JSON payload; ptr NULL: none */
	struct tn_slice name;	/* of an event, decoded; ptr NULL: none */
	struct tn_slice args;	/* what is between the brackets, without name */
};

/*
 * Read the text of one packet, without Engine.IO's own type in front.
 *
 * text   borrowed; the packet's views point into it
 * max_attachments  the most that an event may announce
 * arena  for a name written with escapes
 *
 * Returns 0; TN_E_SYNTAX for a packet that the reference's decoder refuses,
 * or an id past 64 bits, or a namespace that is not printable UTF-8;
 * TN_E_LIMIT past max_attachments, the limits of JSON, of names; TN_E_NOMEM.
 * Source: Socket.IO protocol 5, packet encoding.
 */
int tn_sio_decode(struct tn_slice text, size_t max_attachments,
    struct tn_arena *arena, struct tn_sio_packet *out, struct tn_err *err);

/*
 * For other parsers: take data (ptr NULL: none) as the payload of out, whose
 * type, attachments, nsp and id are set, by the rules of tn_sio_decode.
 */
int tn_sio_accept(struct tn_sio_packet *out, struct tn_slice data,
    struct tn_arena *arena, struct tn_err *err);

/* Of JSON values with commas between: the first; empty if there is none. */
struct tn_slice tn_args_first(struct tn_slice args);
/* Of an array that tn_json_element began to cut: all behind its first. */
struct tn_slice tn_args_behind(struct tn_slice array, struct tn_slice first);

/* Is this event name the protocol's own, so that no event may bear it? */
bool tn_sio_is_reserved(struct tn_slice name);

/*
 * May this payload travel as an event: an array that begins with a name that
 * is not reserved, whose placeholders all stand for one of the buffers? One
 * that is sent to clients otherwise makes them disconnect.
 *
 * data  has passed tn_json_scan
 *
 * Returns 0, TN_E_SYNTAX, or TN_E_LIMIT for too many buffers.
 */
int tn_sio_check_event(struct tn_slice data, size_t nbuffers,
    struct tn_err *err);

/*
 * Do all objects with "_placeholder": true have a num below nbuffers?
 * data has passed tn_json_scan.
 */
bool tn_sio_check_placeholders(struct tn_slice data, size_t nbuffers);

/*
 * Write a packet as a message ready to be queued. Of packet are used: type,
 * attachments, nsp, id and data. Returns NULL when out of memory.
 */
struct tn_rcbuf *tn_sio_encode(const struct tn_sio_packet *packet);

#endif
