/* One request on one FastCGI connection: read, handed to the app, ended. */
#ifndef TN_FCGI_CALL_H
#define TN_FCGI_CALL_H

#include <fcgiapp.h>

#include "host/fcgi_out.h"
#include "web/app.h"
#include "web/cgi.h"

/* Made once, used for one request after another. */
struct tn_fcgi_call {
	struct tn_exchange exchange;
	struct tn_sink sink;
	struct tn_body body;
	struct tn_fcgi_out out;
	FCGX_Request fcgi;
	bool may_wait;		/* in the helper pool */
	int64_t deadline_ms;	/* monotonic; of the body, progress or not */
};

void tn_fcgi_call_init(struct tn_fcgi_call *call, size_t max_bytes);
void tn_fcgi_call_fini(struct tn_fcgi_call *call);

/*
 * Read the parameters of the request that has come in on fd.
 *
 * is_whole  its body has come too
 *
 * Returns 0 (then tn_fcgi_call_end must follow), or TN_E_IO: that was no
 * request, and fd is closed.
 */
int tn_fcgi_call_begin(struct tn_fcgi_call *call, int fd, bool is_whole,
    const struct tn_cgi_options *options);

/* From now on the call may wait for the rest of its body, or may not. */
void tn_fcgi_call_may_wait(struct tn_fcgi_call *call, bool may);

/*
 * The app has answered: send it, as far as the connection takes it. Returns
 * false if there is more: call again when it takes more.
 */
bool tn_fcgi_call_sent(struct tn_fcgi_call *call);

/*
 * End the request: read what is left of the body, say that this was all. What
 * the connection has not taken by now is lost.
 *
 * Returns 1 if fd is to be kept for the next request, 0 if it was closed.
 */
int tn_fcgi_call_end(struct tn_fcgi_call *call);

#endif
