#include "config.h"

#include "host/fcgi_out.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/limits.h"
#include "host/fcgi_look.h"

#define SMALL		7000	/* fits libfcgi's buffer of 8192, with a head */
#define END_BYTES	(3 * TN_FCGI_HEADER_BYTES)
#define RECORD_MAX	65528	/* of content; a multiple of 8 needs no padding */

void
tn_fcgi_out_init(struct tn_fcgi_out *out, FCGX_Request *fcgi)
{
	*out = (struct tn_fcgi_out){ .fcgi = fcgi };
	tn_buf_init(&out->unsent, TN_LIMIT_FCGI_UNSENT + END_BYTES);
}

void
tn_fcgi_out_fini(struct tn_fcgi_out *out)
{
	tn_buf_fini(&out->unsent);
}

void
tn_fcgi_out_begin(struct tn_fcgi_out *out)
{
	tn_buf_reset(&out->unsent);
	out->may_wait = false;
	out->is_direct = false;
	out->is_ended = false;
	out->is_broken = false;
}

void
tn_fcgi_header(unsigned char *h, unsigned type, unsigned id, size_t len)
{
	h[0] = 1;
	h[1] = (unsigned char)type;
	h[2] = (unsigned char)(id >> 8);
	h[3] = (unsigned char)id;
	h[4] = (unsigned char)(len >> 8);
	h[5] = (unsigned char)len;
	h[6] = 0;
	h[7] = 0;
}

static int
broken(struct tn_fcgi_out *out)
{
	out->is_broken = true;
	return errno == EAGAIN ? TN_E_TIMEOUT : TN_E_IO;
}

/* Bytes taken, 0 when none can be now, or a negative error. */
static ssize_t
send_some(struct tn_fcgi_out *out, struct iovec *iov, size_t n, bool wait)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	do {
		sent = sendmsg(out->fcgi->ipcFd, &m,
		    MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	} while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno == EAGAIN && !wait)
		return 0;
	return sent < 0 ? broken(out) : sent;
}

static int
send_all(struct tn_fcgi_out *out, struct tn_slice bytes)
{
	while (bytes.len > 0) {
		struct iovec iov = { (void *)(uintptr_t)bytes.ptr, bytes.len };
		ssize_t sent = send_some(out, &iov, 1, true);

		if (sent < 0)
			return (int)sent;
		bytes = tn_slice_after(bytes, (size_t)sent);
	}
	return 0;
}

/* Keep for later; past the ceiling, wait here after all. */
static int
keep(struct tn_fcgi_out *out, struct tn_slice bytes)
{
	int result;

	if (out->unsent.len + bytes.len <= TN_LIMIT_FCGI_UNSENT) {
		tn_buf_slice(&out->unsent, bytes);
		if (out->unsent.failed == 0)
			return 0;
		out->is_broken = true;
		return TN_E_NOMEM;
	}
	result = tn_fcgi_out_flush(out);
	return result < 0 ? result : send_all(out, bytes);
}

static int
send_record(struct tn_fcgi_out *out, struct tn_slice content)
{
	unsigned char h[TN_FCGI_HEADER_BYTES];
	struct tn_slice header = tn_slice(h, sizeof(h));
	struct iovec iov[2] = {
		{ h, sizeof(h) },
		{ (void *)(uintptr_t)content.ptr, content.len },
	};
	ssize_t sent = 0;
	int result = 0;

	tn_fcgi_header(h, TN_FCGI_STDOUT, (unsigned)out->fcgi->requestId,
	    content.len);
	if (!tn_fcgi_out_has_unsent(out))
		sent = send_some(out, iov, 2, out->may_wait);
	if (sent < 0)
		return (int)sent;
	if ((size_t)sent < sizeof(h)) {
		header = tn_slice_after(header, (size_t)sent);
		sent = 0;
		result = keep(out, header);
	} else {
		sent -= (ssize_t)sizeof(h);
	}
	content = tn_slice_after(content, (size_t)sent);
	if (result == 0 && content.len > 0)
		result = out->may_wait && !tn_fcgi_out_has_unsent(out) ?
		    send_all(out, content) : keep(out, content);
	return result;
}

/*
 * For libfcgi's buffer? When that is full libfcgi waits for the connection, so
 * what does not fit goes past it, as does all behind that.
 */
static bool
is_buffered(const struct tn_fcgi_out *out, size_t len)
{
	const FCGX_Stream *to = out->fcgi->out;

	if (len > SMALL || out->is_direct)
		return false;
	return out->may_wait || len <= (size_t)(to->stop - to->wrNext);
}

int
tn_fcgi_out_write(struct tn_fcgi_out *out, struct tn_slice bytes)
{
	if (out->is_broken)
		return TN_E_IO;
	if (is_buffered(out, bytes.len)) {
		if (FCGX_PutStr(bytes.ptr, (int)bytes.len,
		    out->fcgi->out) == (int)bytes.len)
			return 0;
		return broken(out);
	}
	if (FCGX_FFlush(out->fcgi->out) != 0)
		return broken(out);
	out->is_direct = true;
	while (bytes.len > 0) {
		struct tn_slice part = tn_slice_first(bytes, RECORD_MAX);
		int result = send_record(out, part);

		if (result < 0)
			return result;
		bytes = tn_slice_after(bytes, part.len);
	}
	return 0;
}

/* What libfcgi would write, and wait for, at the end. */
void
tn_fcgi_out_end(struct tn_fcgi_out *out)
{
	unsigned char end[END_BYTES] = { 0 };	/* status 0, all in all */
	struct iovec iov = { end, sizeof(end) };
	unsigned id = (unsigned)out->fcgi->requestId;
	ssize_t sent = 0;

	if (!out->is_direct || out->is_broken)
		return;
	tn_fcgi_header(end, TN_FCGI_STDOUT, id, 0);
	tn_fcgi_header(end + TN_FCGI_HEADER_BYTES, TN_FCGI_END, id,
	    TN_FCGI_HEADER_BYTES);
	if (!tn_fcgi_out_has_unsent(out))
		sent = send_some(out, &iov, 1, false);
	if (sent < 0)
		return;
	tn_buf_slice(&out->unsent, tn_slice_after(tn_slice(end, sizeof(end)),
	    (size_t)sent));
	out->is_broken = out->unsent.failed != 0;
	out->is_ended = true;
}

int
tn_fcgi_out_flush(struct tn_fcgi_out *out)
{
	int result = send_all(out, tn_buf_view(&out->unsent));

	tn_buf_reset(&out->unsent);
	return out->is_broken ? TN_E_IO : result;
}
