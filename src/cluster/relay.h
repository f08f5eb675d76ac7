/*
 * A broadcast as somebody who is no node sends it, for a script to publish.
 *
 * What a script both keeps and publishes is known to all nodes exactly if it
 * is kept, and in the order in which it was; every node delivers it, the one
 * that gave the script too. Nodes of the reference take it for an emitter's.
 */
#ifndef TN_RELAY_H
#define TN_RELAY_H

#include "base/buf.h"
#include "io/adapter.h"

/*
 * Append the channel and the payload of a packet to exactly one room, for
 * the plain form of the adapter.
 *
 * prefix  of the adapter's channels: "socket.io"
 *
 * Failures stay in the buffers.
 */
void tn_relay_write(struct tn_slice prefix, struct tn_slice nsp,
    const struct tn_broadcast_packet *packet, struct tn_buf *channel,
    struct tn_buf *payload);

/*
 * The number that stands for one that only the script knows, and how it is
 * written: nothing else in a payload has these bytes, for no UTF-8 has. The
 * script puts the eight bytes of its own, most significant first, behind the
 * 0xcf in front of them.
 */
#define TN_RELAY_NUMBER	"9007199254740991"
#define TN_RELAY_HEAD	"\xcf"
#define TN_RELAY_BYTES	"\x00\x1f\xff\xff\xff\xff\xff\xff"

/*
 * Split a payload at that number: before ends in the 0xcf, after begins
 * behind the eight bytes. Returns false if it is not there.
 */
bool tn_relay_split(struct tn_slice payload, struct tn_slice *before,
    struct tn_slice *after);

#endif
