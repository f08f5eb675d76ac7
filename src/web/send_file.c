#include "config.h"

#include "web/send_file.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "session/cookie.h"
#include "web/head.h"
#include "web/http_date.h"
#include "web/range.h"
#include "web/request.h"
#include "web/router.h"

/* A part up to this is sent in one piece, bigger ones in pieces of it. */
enum { PIECE_BYTES = 65536, BOUNDARY_CHARS = 22 };

struct parts {
	struct tn_range ranges[TN_LIMIT_RANGES];
	size_t n;
	struct tn_slice heads[TN_LIMIT_RANGES];	/* of multipart/byteranges */
	struct tn_slice tail;
};

static void
describe(struct tn_res *res, const struct tn_sent_file *file)
{
	const struct stat *st = file->st;
	struct tn_buf *text = &res->out;	/* free until the head */

	if (tn_res_get(res, "Content-Type").ptr == NULL)
		tn_res_put(res, "Content-Type", tn_slice_str(file->type));
	if (file->encoding != NULL)
		tn_res_put(res, "Content-Encoding",
		    tn_slice_str(file->encoding));
	if (!file->no_ranges)
		tn_res_put(res, "Accept-Ranges", TN_SLICE("bytes"));
	tn_buf_reset(text);
	tn_cookie_date(text, (int64_t)st->st_mtim.tv_sec * 1000);
	if (tn_res_get(res, "Last-Modified").ptr == NULL)
		tn_res_set_built(res, "Last-Modified", text);
	if (tn_res_get(res, "ETag").ptr == NULL)
		tn_res_set(res, "ETag", tn_arena_printf(res->arena,
		    "\"%llx-%llx.%lx%s%s\"", (unsigned long long)st->st_size,
		    (unsigned long long)st->st_mtim.tv_sec,
		    st->st_mtim.tv_nsec, file->encoding == NULL ? "" : "-",
		    file->encoding == NULL ? "" : file->encoding));
}

/* ---- Reading and writing ---------------------------------------------------- */

/* want bytes from at on, into res->page. Returns how many came. */
static size_t
read_piece(struct tn_res *res, int fd, uint64_t at, size_t want)
{
	char *to;

	tn_buf_reset(&res->page);
	to = tn_buf_room(&res->page, want);
	while (to != NULL && res->page.len < want) {
		ssize_t n = pread(fd, to + res->page.len,
		    want - res->page.len, (off_t)(at + res->page.len));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		res->page.len += (size_t)n;
	}
	return res->page.len;
}

/* It was as long as this a moment ago; who cut it since gets a cut answer. */
static int
cut_short(struct tn_res *res)
{
	res->is_broken = res->state != TN_RES_OPEN;
	return tn_err_set(&res->req->err, TN_E_SYSTEM,
	    "a file that became shorter while it was sent");
}

static int
write_part(struct tn_res *res, int fd, struct tn_range part)
{
	uint64_t left = part.last - part.first + 1;

	while (left > 0) {
		size_t want = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		uint64_t at = part.last + 1 - left;
		int rc;

		if (read_piece(res, fd, at, want) < want)
			return cut_short(res);
		rc = tn_res_write(res, tn_buf_view(&res->page));
		if (rc < 0)
			return rc;
		left -= want;
	}
	return 0;
}

static void
set_length(struct tn_res *res, uint64_t length)
{
	tn_res_set(res, "Content-Length", tn_arena_printf(res->arena,
	    "%" PRIu64, length));
}

static int
send_head_alone(struct tn_res *res, uint64_t length)
{
	int rc;

	set_length(res, length);
	rc = tn_res_write(res, TN_SLICE_NONE);
	return rc < 0 ? rc : tn_res_end(res);
}

/* One part, or all: [first, first + length). */
static int
send_one(struct tn_res *res, int fd, uint64_t first, uint64_t length)
{
	int rc;

	if (res->req->method == TN_METHOD_HEAD)
		return send_head_alone(res, length);
	if (length <= PIECE_BYTES) {
		if (read_piece(res, fd, first, (size_t)length) < length)
			return cut_short(res);
		return tn_res_send(res, tn_buf_view(&res->page));
	}
	set_length(res, length);
	if (res->sink->send_file != NULL)
		rc = tn_res_write_file(res, fd, first, length);
	else
		rc = write_part(res, fd,
		    (struct tn_range){ first, first + length - 1 });
	return rc < 0 ? rc : tn_res_end(res);
}

/* ---- Several parts ---------------------------------------------------------- */

/* What stands between the parts. Returns the length of the whole. */
static uint64_t
lay_out(struct tn_res *res, struct parts *parts, uint64_t size)
{
	struct tn_slice type = tn_res_get(res, "Content-Type");
	char boundary[BOUNDARY_CHARS + 1];
	uint64_t total = 0;

	tn_random_text(boundary, BOUNDARY_CHARS);
	for (size_t i = 0; i < parts->n; i++) {
		const struct tn_range *r = &parts->ranges[i];

		parts->heads[i] = tn_arena_printf(res->arena,
		    "%s--%s\r\nContent-Type: %.*s\r\nContent-Range: bytes "
		    "%" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
		    i > 0 ? "\r\n" : "", boundary, TN_SLICE_ARG(type),
		    r->first, r->last, size);
		total += parts->heads[i].len + r->last - r->first + 1;
	}
	parts->tail = tn_arena_printf(res->arena, "\r\n--%s--\r\n", boundary);
	tn_res_set(res, "Content-Type", tn_arena_printf(res->arena,
	    "multipart/byteranges; boundary=%s", boundary));
	return total + parts->tail.len;
}

static int
send_several(struct tn_res *res, int fd, uint64_t size, struct parts *parts)
{
	uint64_t length = lay_out(res, parts, size);
	int rc = 0;

	if (res->req->method == TN_METHOD_HEAD)
		return send_head_alone(res, length);
	set_length(res, length);
	for (size_t i = 0; rc == 0 && i < parts->n; i++) {
		rc = tn_res_write(res, parts->heads[i]);
		if (rc == 0)
			rc = write_part(res, fd, parts->ranges[i]);
	}
	if (rc == 0)
		rc = tn_res_write(res, parts->tail);
	return rc < 0 ? rc : tn_res_end(res);
}

/* ---- What is asked for ------------------------------------------------------ */

/* Is what the client has a part of the file as it is now (If-Range)? */
static bool
range_is_fresh(const struct tn_res *res)
{
	struct tn_slice asked = tn_req_header(res->req, "if-range");
	int64_t then, now;

	if (asked.ptr == NULL)
		return true;
	if (tn_slice_find(asked, '"') >= 0)
		return tn_etag_listed(asked, tn_res_get(res, "ETag"), true);
	return tn_http_date_read(asked, &then) &&
	    tn_http_date_read(tn_res_get(res, "Last-Modified"), &now) &&
	    now == then;
}

static uint64_t
length_of(const struct parts *parts)
{
	uint64_t length = 0;

	for (size_t i = 0; i < parts->n; i++)
		length += parts->ranges[i].last - parts->ranges[i].first + 1;
	return length;
}

/*
 * 1 with the parts; 0: none is there; negative: all of it, also where several
 * parts are so long that they could not be kept for a slow reader.
 */
static int
read_ranges(const struct tn_res *res, uint64_t size, struct parts *parts)
{
	struct tn_slice header = tn_req_header(res->req, "range");
	int rc;

	if (header.ptr == NULL || !range_is_fresh(res))
		return -1;
	rc = tn_range_parse(size, header, true, parts->ranges, &parts->n);
	return rc > 0 && parts->n > 1 &&
	    length_of(parts) > TN_LIMIT_RANGES_BYTES ? -1 : rc;
}

static int
send_ranges(struct tn_res *res, int fd, uint64_t size, struct parts *parts)
{
	const struct tn_range *r = &parts->ranges[0];

	tn_res_status(res, 206);
	if (parts->n > 1)
		return send_several(res, fd, size, parts);
	tn_res_set(res, "Content-Range", tn_arena_printf(res->arena,
	    "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r->first, r->last,
	    size));
	return send_one(res, fd, r->first, r->last - r->first + 1);
}

int
tn_res_send_open(struct tn_res *res, const struct tn_sent_file *file)
{
	uint64_t size = (uint64_t)file->st->st_size;
	struct parts parts = { .n = 0 };
	int rc;

	describe(res, file);
	if (!tn_res_precondition(res))
		return tn_req_refuse(res->req, 412, "a precondition of a file "
		    "does not hold");
	if (tn_res_is_fresh(res))
		return tn_res_send(res, TN_SLICE_NONE);
	rc = file->no_ranges ? -1 : read_ranges(res, size, &parts);
	if (rc == 0) {
		tn_res_set(res, "Content-Range", tn_arena_printf(res->arena,
		    "bytes */%" PRIu64, size));
		return tn_req_refuse(res->req, 416,
		    "no such part of a file of %" PRIu64 " bytes", size);
	}
	return rc > 0 ? send_ranges(res, file->fd, size, &parts) :
	    send_one(res, file->fd, 0, size);
}
