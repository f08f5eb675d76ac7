/*
 * The way of an answer to the web server: STDOUT records.
 *
 * Small answers go through libfcgi's buffer, and leave in one write with the
 * record that ends the request. Long ones are sent as records of their own,
 * 64 KiB each, without a copy. Where waiting would hold other requests, what
 * the connection does not take is kept, and sent by tn_fcgi_out_flush later.
 */
#ifndef TN_FCGI_OUT_H
#define TN_FCGI_OUT_H

#include <fcgiapp.h>

#include "base/buf.h"

struct tn_fcgi_out {
	FCGX_Request *fcgi;
	struct tn_buf unsent;	/* records, header and all */
	bool may_wait;		/* in the helper pool */
	bool is_direct;		/* past libfcgi's buffer, or it has been full */
	bool is_ended;		/* and its end was said, not by libfcgi */
	bool is_broken;
};

void tn_fcgi_out_init(struct tn_fcgi_out *out, FCGX_Request *fcgi);
void tn_fcgi_out_fini(struct tn_fcgi_out *out);

/* Forget the last answer. */
void tn_fcgi_out_begin(struct tn_fcgi_out *out);

/*
 * Returns 0; TN_E_IO or TN_E_TIMEOUT when the web server has gone or takes
 * nothing, then and in every call after it.
 */
int tn_fcgi_out_write(struct tn_fcgi_out *out, struct tn_slice bytes);

/*
 * That was all: say so, without waiting, if libfcgi would have to wait for
 * the connection.
 */
void tn_fcgi_out_end(struct tn_fcgi_out *out);

/* Send what was kept, waiting for the connection. The same results. */
int tn_fcgi_out_flush(struct tn_fcgi_out *out);

static inline bool
tn_fcgi_out_has_unsent(const struct tn_fcgi_out *out)
{
	return out->unsent.len > 0;
}

/* The header of a record: 8 bytes to h. Source: FastCGI 1.0, section 3.3. */
void tn_fcgi_header(unsigned char *h, unsigned type, unsigned id, size_t len);

#endif
