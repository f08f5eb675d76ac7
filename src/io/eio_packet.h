/*
 * Engine.IO 4 packets, as WebSocket messages and as polling payloads.
 *
 *     text packet   digit, data            "4hello"
 *     binary        bytes alone on a WebSocket; "b" and base64 in text
 *     payload       packets with 0x1e between
 */
#ifndef TN_EIO_PACKET_H
#define TN_EIO_PACKET_H

#include "base/buf.h"

struct tn_err;
struct tn_rcbuf;

/* In the order of their digits. */
enum tn_eio_type {
	TN_EIO_OPEN,
	TN_EIO_CLOSE,
	TN_EIO_PING,
	TN_EIO_PONG,
	TN_EIO_MESSAGE,
	TN_EIO_UPGRADE,
	TN_EIO_NOOP,
	TN_EIO_TYPES
};

struct tn_eio_packet {
	enum tn_eio_type type;
	bool binary;		/* a message of bytes */
	struct tn_slice data;	/* behind the digit, or decoded from base64 */
};

/*
 * Read one text packet.
 *
 * text     valid UTF-8
 * scratch  emptied, then holds what was base64
 * out      data points into text or scratch
 *
 * Returns 0, TN_E_SYNTAX (empty, no known digit, bad base64), or the
 * buffer's failures.
 */
int tn_eio_packet_read(struct tn_slice text, struct tn_buf *scratch,
    struct tn_eio_packet *out, struct tn_err *err);

/*
 * Cut the next packet off a payload; *rest has ptr NULL after the last. An
 * empty one between two separators is given too, and refused by the reader.
 */
struct tn_slice tn_eio_payload_cut(struct tn_slice *rest);

/*
 * Put a packet behind the others of a payload.
 *
 * packet  text with its digit in front, or the bytes of a binary message
 */
void tn_eio_payload_add(struct tn_buf *out, const struct tn_rcbuf *packet);

#endif
