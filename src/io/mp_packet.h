/*
 * Socket.IO packets as socket.io-msgpack-parser writes them: a map of type,
 * data, nsp and id in one binary message, bytes in their place.
 */
#ifndef TN_MP_PACKET_H
#define TN_MP_PACKET_H

#include "base/buf.h"
#include "io/sio_packet.h"

/*
 * Read one packet into the form the text parser gives: data as JSON text,
 * with placeholders; type and attachments say whether there are buffers.
 *
 * bytes    borrowed; views of out and buffers point into it
 * json     for the data; emptied first
 * arena    for names, and for the array of buffers
 *
 * Returns 0; TN_E_SYNTAX, TN_E_LIMIT (more than max_attachments among them),
 * TN_E_NOMEM.
 */
int tn_mp_decode(struct tn_slice bytes, size_t max_attachments,
    struct tn_arena *arena, struct tn_buf *json, struct tn_sio_packet *out,
    const struct tn_slice **buffers, struct tn_err *err);

/*
 * Write a packet as a message ready to be queued.
 *
 * scratch  emptied, used, and left as it is
 *
 * Returns NULL when out of memory, or past scratch's ceiling.
 */
struct tn_rcbuf *tn_mp_encode(const struct tn_sio_packet *packet,
    const struct tn_slice *buffers, struct tn_buf *scratch);

#endif
