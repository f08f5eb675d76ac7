/* For src/web alone: what stands before an answer may leave. */
#ifndef TN_HEAD_H
#define TN_HEAD_H

#include "web/response.h"

/*
 * Set a header whose value needs no check and outlives the exchange; there is
 * room for it even when handlers have used up theirs.
 */
void tn_res_put(struct tn_res *res, const char *name, struct tn_slice value);

/* tn_res_set with what was built; what could not be is refused, not cut. */
void tn_res_set_built(struct tn_res *res, const char *name,
    const struct tn_buf *text);

/* Does a comma-separated list hold this word, in any case? */
bool tn_list_has(struct tn_slice list, struct tn_slice word);

/*
 * Is this ETag in a list of them ("*" is any)? Weakly, a W/ does not count;
 * strongly, what has it is no match. Source: RFC 9110, 8.8.3.
 */
bool tn_etag_listed(struct tn_slice list, struct tn_slice tag, bool strong);

/*
 * Run the hooks of tn_res_before_head, and see that nothing was refused
 * meanwhile. Returns 0, or what keeps the answer back, in req->err too.
 */
int tn_res_begin(struct tn_res *res);

/* The value of Content-Disposition for a file of that name, UTF-8. */
void tn_content_disposition(struct tn_buf *out, struct tn_slice name);

/* tn_res_write, of the last part of an answer; the sink must have send_file. */
int tn_res_write_file(struct tn_res *res, int fd, uint64_t first,
    uint64_t length);

/* Set it; tn_res_attachment without the type. */
void tn_res_save_as(struct tn_res *res, struct tn_slice name);

/*
 * For an answer that is complete: give a 200 to GET or HEAD an ETag made of
 * its body, and make it a 304 when the client has it.
 */
void tn_res_validate(struct tn_res *res, struct tn_slice body);

#endif
