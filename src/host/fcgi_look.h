/*
 * Looks at FastCGI records that have come but were not read yet.
 *
 * libfcgi reads with calls that wait, and believes the lengths it is told.
 * So a worker looks first: has the request come in whole, may it be read
 * here or only where waiting does no harm, is it one at all?
 */
#ifndef TN_FCGI_LOOK_H
#define TN_FCGI_LOOK_H

#include "base/slice.h"

/* Record types and header of the FastCGI specification 1.0, section 8. */
enum {
	TN_FCGI_BEGIN = 1, TN_FCGI_ABORT, TN_FCGI_END, TN_FCGI_PARAMS,
	TN_FCGI_STDIN, TN_FCGI_STDOUT,
};
enum { TN_FCGI_HEADER_BYTES = 8, TN_FCGI_RESPONDER = 1 };

enum { TN_FCGI_LOOK_BYTES = 65536 };	/* that a look takes in */

enum tn_fcgi_arrival {
	TN_FCGI_PARTIAL,	/* the parameters have not all come */
	TN_FCGI_HEAD,		/* they have; the body has not */
	TN_FCGI_WHOLE,		/* all has, to the end of the body */
	TN_FCGI_LARGE,		/* more parameters than TN_LIMIT_FCGI_HEAD */
	TN_FCGI_WRONG,		/* no request: close the connection */
};

/*
 * Judge the bytes at the start of a request.
 *
 * in          what has come, seen with MSG_PEEK
 * request_id  set when a request begins in it, else 0
 *
 * ABORT_REQUEST counts as wrong, for nobody waits for an answer; so do other
 * roles than the responder's, and management records, which no web server
 * is known to send.
 */
enum tn_fcgi_arrival tn_fcgi_look(struct tn_slice in, unsigned *request_id);

#endif
