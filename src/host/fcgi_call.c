#include "config.h"

#include "host/fcgi_call.h"

#include <errno.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

#define BODY_MS		60000	/* a whole body, however it trickles */

static int
sink_write(struct tn_sink *sink, struct tn_slice bytes)
{
	struct tn_fcgi_call *call = TN_CONTAINER(sink, struct tn_fcgi_call,
	    sink);

	return tn_fcgi_out_write(&call->out, bytes);
}

static int
sink_flush(struct tn_sink *sink)
{
	struct tn_fcgi_call *call = TN_CONTAINER(sink, struct tn_fcgi_call,
	    sink);

	return tn_fcgi_out_flush(&call->out);
}

static int
sink_send_file(struct tn_sink *sink, int fd, uint64_t first, uint64_t length)
{
	struct tn_fcgi_call *call = TN_CONTAINER(sink, struct tn_fcgi_call,
	    sink);

	return tn_fcgi_out_file(&call->out, fd, first, length);
}

static int
read_failed(const FCGX_Stream *in, struct tn_err *err)
{
	int why = FCGX_GetError((FCGX_Stream *)(uintptr_t)in);

	if (why == EAGAIN)
		return tn_err_set(err, TN_E_TIMEOUT, "the body came too slowly");
	return tn_err_set(err, TN_E_IO, "the body broke off (%d)", why);
}

/*
 * What libfcgi has, or, if it has nothing, what one read gives: FCGX_GetStr
 * alone would wait until cap bytes have come.
 */
static int64_t
body_read(struct tn_body *body, char *to, size_t cap, struct tn_err *err)
{
	struct tn_fcgi_call *call = TN_CONTAINER(body, struct tn_fcgi_call,
	    body);
	FCGX_Stream *in = call->fcgi.in;
	size_t has;
	int c;

	if (cap == 0)
		return 0;
	if (!body->is_complete && tn_clock_mono_ms() > call->deadline_ms)
		return tn_err_set(err, TN_E_TIMEOUT, "the body came too slowly");
	c = FCGX_GetChar(in);
	if (c < 0 && FCGX_GetError(in) != 0)
		return read_failed(in, err);
	if (c < 0) {
		body->is_complete = true;
		return 0;
	}
	to[0] = (char)c;
	has = (size_t)(in->stop - in->rdNext);
	if (has > cap - 1)
		has = cap - 1;
	return 1 + FCGX_GetStr(to + 1, (int)has, in);
}

void
tn_fcgi_call_init(struct tn_fcgi_call *call, size_t max_bytes)
{
	tn_exchange_init(&call->exchange, max_bytes);
	call->sink = (struct tn_sink){ sink_write, sink_flush, sink_send_file };
	call->body = (struct tn_body){ .read = body_read };
	FCGX_InitRequest(&call->fcgi, -1, 0);
	tn_fcgi_out_init(&call->out, &call->fcgi);
}

void
tn_fcgi_call_fini(struct tn_fcgi_call *call)
{
	tn_fcgi_out_fini(&call->out);
	tn_exchange_fini(&call->exchange);
}

/*
 * FCGX_Accept_r goes on with a connection it finds in the request, and does
 * not accept one. When that fails it would accept: from descriptor -1, so
 * that fails too. "Detached" spares the shutdown, and the wait of up to two
 * seconds for the peer's, that closing would cost.
 */
static int
read_params(FCGX_Request *fcgi, int fd)
{
	FCGX_InitRequest(fcgi, -1, 0);
	fcgi->ipcFd = fd;
	fcgi->keepConnection = 1;
	fcgi->detached = 1;
	return FCGX_Accept_r(fcgi) == 0 ? 0 : TN_E_IO;
}

int
tn_fcgi_call_begin(struct tn_fcgi_call *call, int fd, bool is_whole,
    const struct tn_cgi_options *options)
{
	if (read_params(&call->fcgi, fd) < 0)
		return TN_E_IO;
	tn_fcgi_out_begin(&call->out);
	call->may_wait = false;
	call->body.is_complete = is_whole;
	call->deadline_ms = is_whole ? 0 : tn_clock_mono_ms() + BODY_MS;
	tn_exchange_begin(&call->exchange, &call->sink, &call->body);
	tn_cgi_read(&call->exchange.req, call->fcgi.envp, options);
	return 0;
}

void
tn_fcgi_call_may_wait(struct tn_fcgi_call *call, bool may)
{
	call->may_wait = may;
}

/*
 * A connection is good for another request only after the end of this one's
 * body. Returns false where reading on would take too long.
 */
static bool
drain(struct tn_fcgi_call *call)
{
	char waste[8192];
	size_t total = 0;
	int64_t n;

	if (!call->body.is_complete && !call->may_wait)
		return false;
	while ((n = body_read(&call->body, waste, sizeof(waste), NULL)) > 0) {
		total += (size_t)n;
		if (total > TN_LIMIT_FCGI_DRAIN)
			return false;
	}
	return n == 0;
}

/*
 * The rest of the body goes first: libfcgi reads ahead, and the next request
 * may follow what ends this one. An answer that broke off has no end, or the
 * web server would take it for the whole.
 */
static void
finish(struct tn_fcgi_call *call)
{
	if (!drain(call))
		call->fcgi.keepConnection = 0;
	if (!call->exchange.res.is_broken)
		tn_fcgi_out_end(&call->out);
}

bool
tn_fcgi_call_sent(struct tn_fcgi_call *call)
{
	if (!call->body.is_complete)	/* the client need not wait for that */
		tn_fcgi_out_flush(&call->out);
	if (!call->out.is_ended && (call->body.is_complete || call->may_wait))
		finish(call);
	tn_fcgi_out_flush(&call->out);
	return call->out.is_broken || tn_fcgi_out_left(&call->out) == 0;
}

int
tn_fcgi_call_end(struct tn_fcgi_call *call)
{
	FCGX_Request *fcgi = &call->fcgi;

	if (!tn_fcgi_call_sent(call) || call->out.is_broken ||
	    call->exchange.res.is_broken)
		fcgi->keepConnection = 0;
	if (!call->out.is_ended) {	/* its body has not come */
		finish(call);
		tn_fcgi_out_flush(&call->out);
	}
	tn_fcgi_out_drop(&call->out);
	FCGX_Free(fcgi, !fcgi->keepConnection);
	return fcgi->ipcFd >= 0;
}
