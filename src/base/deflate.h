/* Deflate in both directions, a whole message at a time. */
#ifndef TN_DEFLATE_H
#define TN_DEFLATE_H

#include "base/buf.h"

/*
 * One for a process: it holds zlib's windows and tables, and forgets each
 * message when the next begins, so nothing is kept for a peer.
 */
struct tn_deflate;

/* NULL: no memory. */
struct tn_deflate *tn_deflate_new(void);
void tn_deflate_free(struct tn_deflate **d);

enum tn_deflate_form {
	TN_DEFLATE_MESSAGE,	/* of a WebSocket: without the last 00 00 ff ff */
	TN_DEFLATE_ZLIB,	/* "deflate" in HTTP */
	TN_DEFLATE_GZIP,
};

/*
 * in   any bytes; looks back over 32 KiB at most
 * out  what it makes of them is put behind what is there
 *
 * Returns 0; or TN_E_NOMEM or TN_E_LIMIT, as out->failed.
 * Sources: RFC 1950, 1951, 1952; RFC 7692, 7.2.1.
 */
int tn_deflate_pack(struct tn_deflate *d, struct tn_slice in,
    enum tn_deflate_form form, struct tn_buf *out);

/*
 * Undo TN_DEFLATE_MESSAGE. Nothing is allocated beyond out->max, whatever in
 * claims. What stands behind a final block is ignored, as in Node.
 *
 * Returns 0; TN_E_SYNTAX if it is malformed or ends within a block;
 * TN_E_LIMIT if it is longer than out may be; TN_E_NOMEM.
 * Source: RFC 7692, 7.2.2.
 */
int tn_deflate_unpack(struct tn_deflate *d, struct tn_slice in,
    struct tn_buf *out);

#endif
