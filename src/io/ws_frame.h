/* The header of a WebSocket frame as a server writes it: whole, unmasked. */
#ifndef TN_WS_FRAME_H
#define TN_WS_FRAME_H

#include "base/rcbuf.h"

/*
 * Write the header of a text or binary message (rc->binary says which) into
 * the headroom of rc, so that tn_rcbuf_frame gives what goes on the wire.
 * rc must not be shared yet. Source: RFC 6455, 5.2.
 */
void tn_ws_frame_head(struct tn_rcbuf *rc);

/* The same for a payload that permessage-deflate made (RFC 7692, 6). */
void tn_ws_frame_head_deflated(struct tn_rcbuf *rc);

#endif
