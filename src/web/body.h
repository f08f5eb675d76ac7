/* Reads the body of a request into memory, undoing gzip and deflate. */
#ifndef TN_BODY_H
#define TN_BODY_H

#include "web/request.h"

/*
 * All of the body, into the request's arena; req->body is NULL afterwards.
 *
 * max_bytes  of what comes, and of what it is inflated to
 *
 * Returns 0; TN_SLOW: it is still coming and this is no place to wait;
 * negative, with req->err for the client: 400 cut short or malformed, 408,
 * 413 too large or inflating to too much, 415 another Content-Encoding.
 */
int tn_body_take(struct tn_req *req, size_t max_bytes, struct tn_slice *out);

/*
 * Is the body UTF-8, by its Content-Type? One that says no charset is, and
 * US-ASCII is some of it. Returns 0, or the error: 415.
 */
int tn_body_check_charset(struct tn_req *req);

/*
 * zlib or gzip, undone.
 * Returns 0; TN_E_SYNTAX; TN_E_LIMIT past max_bytes or more than
 * TN_LIMIT_INFLATE_RATIO times what came in; TN_E_NOMEM.
 */
int tn_inflate(struct tn_slice in, size_t max_bytes, struct tn_arena *arena,
    struct tn_slice *out, struct tn_err *err);

#endif
