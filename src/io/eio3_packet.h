/*
 * Engine.IO 3 packets, as the clients of Socket.IO 2 send and read them.
 *
 *     text packet    digit, data                     "4hello"
 *     binary packet  type as a byte, bytes           04 01 02 03
 *     its base64     "b", digit, base64              "b4AQID"
 *     payload        length, ':', packet, repeated   "2:4a3:4bc"
 *     binary form    00 or 01, length in digits 0-9, FF, packet, repeated
 *
 * A length counts UTF-16 code units in a payload of text, as JavaScript does,
 * and bytes in the binary form. Source: engine.io-parser 2.2.
 */
#ifndef TN_EIO3_PACKET_H
#define TN_EIO3_PACKET_H

#include "io/eio_packet.h"

/*
 * Read one packet.
 *
 * bytes    valid UTF-8 unless binary
 * scratch  emptied, then holds what was base64
 * out      data points into bytes or scratch
 *
 * Returns 0, TN_E_SYNTAX, or the buffer's failures.
 */
int tn_eio3_packet_read(struct tn_slice bytes, bool binary,
    struct tn_buf *scratch, struct tn_eio_packet *out, struct tn_err *err);

/*
 * Cut the next packet off a payload of text, which is valid UTF-8.
 * Returns 1, 0 after the last one, or TN_E_SYNTAX. A packet may be empty.
 */
int tn_eio3_text_cut(struct tn_slice *rest, struct tn_slice *packet,
    struct tn_err *err);

/*
 * The same from the binary form. binary says of which kind the packet is;
 * text is valid UTF-8.
 */
int tn_eio3_bytes_cut(struct tn_slice *rest, struct tn_slice *packet,
    bool *binary, struct tn_err *err);

/*
 * Put a packet behind the others of a payload; only the binary form takes
 * binary ones.
 *
 * packet  text with its digit in front, or type byte and bytes
 */
void tn_eio3_text_add(struct tn_buf *out, const struct tn_rcbuf *packet);
void tn_eio3_bytes_add(struct tn_buf *out, const struct tn_rcbuf *packet);

#endif
