#include "config.h"

#include "host/fcgi_out.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "host/fcgi_look.h"

#define JOINED		32768	/* bytes that are copied, to leave together */
#define PIECES		16	/* of a file, in one go */
#define END_BYTES	(3 * TN_FCGI_HEADER_BYTES)
#define RECORD_MAX	65528	/* of content; a multiple of 8 needs no padding */

void
tn_fcgi_out_init(struct tn_fcgi_out *out, FCGX_Request *fcgi)
{
	*out = (struct tn_fcgi_out){ .fcgi = fcgi, .file_fd = -1 };
	tn_buf_init(&out->unsent, TN_LIMIT_FCGI_UNSENT + END_BYTES);
}

static void
close_file(struct tn_fcgi_out *out)
{
	if (out->file_fd >= 0)
		close(out->file_fd);
	out->file_fd = -1;
	out->file_left = 0;
}

void
tn_fcgi_out_fini(struct tn_fcgi_out *out)
{
	close_file(out);
	tn_buf_fini(&out->unsent);
}

void
tn_fcgi_out_drop(struct tn_fcgi_out *out)
{
	close_file(out);
	if (out->unsent.cap > 2 * JOINED)	/* one slow reader's */
		tn_buf_fini(&out->unsent);
	tn_buf_reset(&out->unsent);
}

void
tn_fcgi_out_begin(struct tn_fcgi_out *out)
{
	struct tn_buf unsent;

	tn_fcgi_out_drop(out);
	unsent = out->unsent;
	*out = (struct tn_fcgi_out){ .fcgi = out->fcgi, .unsent = unsent,
		.file_fd = -1 };
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
broken(struct tn_fcgi_out *out, int why)
{
	out->is_broken = true;
	return why;
}

/* ---- Sent ---------------------------------------------------------------- */

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
	return sent >= 0 ? sent : broken(out, errno == EAGAIN ?
	    TN_E_TIMEOUT : TN_E_IO);
}

/* These of unsent have gone. Returns how many of them were others'. */
static size_t
forget(struct tn_fcgi_out *out, size_t sent)
{
	struct tn_buf *b = &out->unsent;
	size_t n = sent < b->len ? sent : b->len;

	out->is_open = false;
	if (n < b->len)
		memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
	return sent - n;
}

static int
push(struct tn_fcgi_out *out, bool wait)
{
	while (out->unsent.len > 0) {
		struct iovec iov = { out->unsent.ptr, out->unsent.len };
		ssize_t sent = send_some(out, &iov, 1, wait);

		if (sent < 0)
			return (int)sent;
		out->is_stuck = sent == 0;
		if (out->is_stuck)
			return 0;
		forget(out, (size_t)sent);
	}
	out->is_stuck = false;
	return 0;
}

/* ---- Kept ---------------------------------------------------------------- */

/* For later; past the ceiling, wait here after all. */
static int
keep(struct tn_fcgi_out *out, struct tn_slice bytes)
{
	if (out->unsent.len + bytes.len > TN_LIMIT_FCGI_UNSENT) {
		int result = push(out, true);

		if (result < 0)
			return result;
	}
	tn_buf_slice(&out->unsent, bytes);
	return out->unsent.failed == 0 ? 0 : broken(out, TN_E_NOMEM);
}

static size_t
room_of_record(const struct tn_fcgi_out *out)
{
	return !out->is_open ? 0 : RECORD_MAX + TN_FCGI_HEADER_BYTES -
	    (out->unsent.len - out->record);
}

/* A record without content would be the end of all. */
static int
open_record(struct tn_fcgi_out *out, size_t len)
{
	unsigned char h[TN_FCGI_HEADER_BYTES];
	int result = 0;

	if (out->unsent.len + sizeof(h) + len > TN_LIMIT_FCGI_UNSENT)
		result = push(out, true);
	if (result < 0)
		return result;
	out->record = out->unsent.len;
	out->is_open = true;
	tn_fcgi_header(h, TN_FCGI_STDOUT, (unsigned)out->fcgi->requestId, len);
	return keep(out, tn_slice((char *)h, sizeof(h)));
}

/* Into the last record, or a new one. */
static int
join(struct tn_fcgi_out *out, struct tn_slice bytes)
{
	bool fits = bytes.len <= room_of_record(out) &&
	    out->unsent.len + bytes.len <= TN_LIMIT_FCGI_UNSENT;
	int result = fits ? 0 : open_record(out, bytes.len);

	if (result == 0)
		result = keep(out, bytes);
	if (result == 0)
		tn_fcgi_header((unsigned char *)out->unsent.ptr + out->record,
		    TN_FCGI_STDOUT, (unsigned)out->fcgi->requestId,
		    out->unsent.len - out->record - TN_FCGI_HEADER_BYTES);
	return result;
}

/* With what is unsent before it. */
static int
send_record(struct tn_fcgi_out *out, struct tn_slice content)
{
	unsigned char h[TN_FCGI_HEADER_BYTES];
	struct iovec iov[3] = {
		{ out->unsent.ptr, out->unsent.len },
		{ h, sizeof(h) },
		{ (void *)(uintptr_t)content.ptr, content.len },
	};
	ssize_t sent = 0;
	size_t gone;
	int result = 0;

	out->is_open = false;
	tn_fcgi_header(h, TN_FCGI_STDOUT, (unsigned)out->fcgi->requestId,
	    content.len);
	if (!out->is_stuck)
		sent = send_some(out, iov, 3, false);
	if (sent < 0)
		return (int)sent;
	gone = forget(out, (size_t)sent);
	out->is_stuck = gone < sizeof(h) + content.len;
	if (gone < sizeof(h))
		result = keep(out, tn_slice((char *)h + gone,
		    sizeof(h) - gone));
	return result < 0 ? result : keep(out, tn_slice_after(content,
	    gone < sizeof(h) ? 0 : gone - sizeof(h)));
}

/* ---- Said ---------------------------------------------------------------- */

static int
write_long(struct tn_fcgi_out *out, struct tn_slice bytes)
{
	int result = 0;

	while (result == 0 && bytes.len > 0) {
		struct tn_slice part = tn_slice_first(bytes, RECORD_MAX);

		result = send_record(out, part);
		bytes = tn_slice_after(bytes, part.len);
	}
	return result;
}

int
tn_fcgi_out_write(struct tn_fcgi_out *out, struct tn_slice bytes)
{
	int result;

	if (out->is_broken)
		return TN_E_IO;
	if (bytes.len == 0)
		return 0;
	if (bytes.len > JOINED)
		return write_long(out, bytes);
	result = join(out, bytes);
	if (result == 0 && out->unsent.len > JOINED && !out->is_stuck)
		result = push(out, false);
	return result;
}

int
tn_fcgi_out_file(struct tn_fcgi_out *out, int fd, uint64_t first,
    uint64_t length)
{
	if (out->is_broken)
		return TN_E_IO;
	out->file_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (out->file_fd < 0)
		return broken(out, TN_E_IO);
	out->file_at = first;
	out->file_left = length;
	return 0;
}

/* There is always room for it. */
static int
keep_end(struct tn_fcgi_out *out)
{
	unsigned char h[END_BYTES] = { 0 };	/* status 0, all in all */
	unsigned id = (unsigned)out->fcgi->requestId;

	tn_fcgi_header(h, TN_FCGI_STDOUT, id, 0);
	tn_fcgi_header(h + TN_FCGI_HEADER_BYTES, TN_FCGI_END, id,
	    TN_FCGI_HEADER_BYTES);
	out->is_open = false;
	tn_buf_slice(&out->unsent, tn_slice((char *)h, sizeof(h)));
	return out->unsent.failed == 0 ? 0 : broken(out, TN_E_NOMEM);
}

int
tn_fcgi_out_end(struct tn_fcgi_out *out)
{
	if (out->is_broken)
		return TN_E_IO;
	if (out->is_ended)
		return 0;
	out->is_ended = true;
	return out->file_left > 0 ? 0 : keep_end(out);
}

/* A file that became shorter breaks the answer off. */
static int
read_file(struct tn_fcgi_out *out)
{
	size_t want = out->file_left < RECORD_MAX ? (size_t)out->file_left :
	    RECORD_MAX;
	int result = open_record(out, want);
	char *to = result < 0 ? NULL : tn_buf_room(&out->unsent, want);
	ssize_t n;

	if (to == NULL)
		return result < 0 ? result : broken(out, TN_E_NOMEM);
	n = pread(out->file_fd, to, want, (off_t)out->file_at);
	if (n <= 0)
		return broken(out, TN_E_IO);
	out->unsent.len += (size_t)n;
	tn_fcgi_header((unsigned char *)out->unsent.ptr + out->record,
	    TN_FCGI_STDOUT, (unsigned)out->fcgi->requestId, (size_t)n);
	out->is_open = false;
	out->file_at += (size_t)n;
	out->file_left -= (size_t)n;
	if (out->file_left > 0)
		return 0;
	close_file(out);
	return out->is_ended ? keep_end(out) : 0;
}

/* Others shall have their turn, however fast this one reads. */
int
tn_fcgi_out_flush(struct tn_fcgi_out *out)
{
	int result = out->is_broken ? TN_E_IO : 0;

	for (int i = 0; result == 0 && i < PIECES; i++) {
		if (out->file_left > 0 && out->unsent.len < JOINED)
			result = read_file(out);
		if (result == 0)
			result = push(out, false);
		if (out->is_stuck || out->file_left == 0)
			break;
	}
	return result;
}
