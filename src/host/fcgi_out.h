/*
 * The way of an answer to the web server: STDOUT records, and END_REQUEST.
 *
 * An answer is put together here and leaves by one write, with the record
 * that ends its request: each write wakes the web server. One that grows is
 * sent on its way, long pieces without a copy. What the connection does not
 * take is kept for later; past TN_LIMIT_FCGI_UNSENT, it is waited for. A file
 * is read as there is room for it.
 */
#ifndef TN_FCGI_OUT_H
#define TN_FCGI_OUT_H

#include <fcgiapp.h>

#include "base/buf.h"

struct tn_fcgi_out {
	FCGX_Request *fcgi;	/* whose descriptor and id */
	struct tn_buf unsent;	/* records, header and all */
	size_t record;		/* where the last of them begins ... */
	bool is_open;		/* ... if more may be put into it */
	int file_fd;		/* what comes behind unsent; -1: nothing */
	uint64_t file_at, file_left;
	bool is_stuck;		/* the connection takes nothing for now */
	bool is_ended;
	bool is_broken;
};

void tn_fcgi_out_init(struct tn_fcgi_out *out, FCGX_Request *fcgi);
void tn_fcgi_out_fini(struct tn_fcgi_out *out);

/* Forget the last answer. */
void tn_fcgi_out_begin(struct tn_fcgi_out *out);

/*
 * Returns 0; TN_E_IO or TN_E_TIMEOUT when the web server has gone or takes
 * nothing, TN_E_NOMEM, then and in every call after it.
 */
int tn_fcgi_out_write(struct tn_fcgi_out *out, struct tn_slice bytes);

/* Behind it, that part of a file; it is the last. The same results. */
int tn_fcgi_out_file(struct tn_fcgi_out *out, int fd, uint64_t first,
    uint64_t length);

/* That was all of the request. The same results. */
int tn_fcgi_out_end(struct tn_fcgi_out *out);

/* Send what the connection takes, without waiting. The same results. */
int tn_fcgi_out_flush(struct tn_fcgi_out *out);

/* Bytes that are still to be sent, but for headers of records. */
static inline uint64_t
tn_fcgi_out_left(const struct tn_fcgi_out *out)
{
	return out->unsent.len + out->file_left;
}

/* Nothing more is sent: let go of what there is. */
void tn_fcgi_out_drop(struct tn_fcgi_out *out);

/* The header of a record: 8 bytes to h. Source: FastCGI 1.0, section 3.3. */
void tn_fcgi_header(unsigned char *h, unsigned type, unsigned id, size_t len);

#endif
