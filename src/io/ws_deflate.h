/* The terms of permessage-deflate: what a client offers, what it is told. */
#ifndef TN_WS_DEFLATE_H
#define TN_WS_DEFLATE_H

#include "base/buf.h"

/* The first offer of a header, and what is made of it. */
struct tn_ws_deflate {
	unsigned offers;	/* of the extension, in that header */
	uint8_t server_bits;	/* our frames look back 2 to the .. bytes, 8..15 */
	uint8_t client_bits;	/* the client's own bound, 8..15; 0: none */
	bool bounds_server;	/* server_bits were asked for */
};

/*
 * Read Sec-WebSocket-Extensions. Other extensions are passed over.
 *
 * Returns 1 with terms filled; 0 if the extension is not offered; TN_E_SYNTAX
 * if the header is malformed, or one of the offers is: a parameter unknown,
 * twice, or with a value it cannot have.
 * Sources: RFC 6455, 9.1; RFC 7692, 7.1.
 */
int tn_ws_deflate_read(struct tn_slice header, struct tn_ws_deflate *terms);

/*
 * The answer's parameters, "; " in front of each. Neither side may use what
 * came before a message, so that one compressed frame suits all receivers.
 */
void tn_ws_deflate_write(const struct tn_ws_deflate *terms,
    struct tn_buf *out);

#endif
