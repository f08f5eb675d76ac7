/*
 * Validators: an ETag made from the body, and whether the client has the
 * answer already. Source: RFC 9110, 8.8 and 13.
 */
#include "config.h"

#include "web/head.h"

#include <inttypes.h>

#include "base/arena.h"
#include "web/http_date.h"
#include "web/request.h"

static uint64_t
mix(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * 0x9e3779b97f4a7c15u;
	return lane ^ lane >> 29;
}

static uint64_t
word_at(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/*
 * The same in each process, so that any worker knows what another sent; four
 * lanes, since one is bound by the time of a multiplication. Not secret: who
 * makes two pages collide has only kept a page from being renewed.
 */
static uint64_t
digest(struct tn_slice s)
{
	uint64_t lanes[4] = { s.len, 1, 2, 3 };
	char tail[8] = { 0 };

	for (; s.len >= 32; s = tn_slice_after(s, 32)) {
		for (int i = 0; i < 4; i++)
			lanes[i] = mix(lanes[i], word_at(s.ptr + 8 * i));
	}
	for (; s.len >= 8; s = tn_slice_after(s, 8))
		lanes[0] = mix(lanes[0], word_at(s.ptr));
	if (s.len > 0)
		memcpy(tail, s.ptr, s.len);
	lanes[0] = mix(lanes[0], word_at(tail));
	return mix(mix(mix(lanes[0], lanes[1]), lanes[2]), lanes[3]);
}

static struct tn_slice
strip_weak(struct tn_slice tag)
{
	return tn_slice_starts(tag, TN_SLICE("W/")) ? tn_slice_after(tag, 2) :
	    tag;
}

/* The next tag of a list, with its quotes; a comma may stand within them. */
static struct tn_slice
cut_tag(struct tn_slice *rest)
{
	struct tn_slice tag = strip_weak(tn_slice_trim(*rest));
	ptrdiff_t end;

	if (tag.len > 0 && tag.ptr[0] == '"') {
		end = tn_slice_find(tn_slice_after(tag, 1), '"');
		if (end >= 0) {
			*rest = tn_slice_after(tag, (size_t)end + 2);
			tn_slice_cut(rest, ',');
			return tn_slice_first(tag, (size_t)end + 2);
		}
	}
	*rest = tag;
	return tn_slice_trim(tn_slice_cut(rest, ','));
}

bool
tn_etag_listed(struct tn_slice list, struct tn_slice tag, bool strong)
{
	if (tn_slice_is(tn_slice_trim(list), "*"))
		return tag.len > 0;
	if (strong && tn_slice_starts(tag, TN_SLICE("W/")))
		return false;
	tag = strip_weak(tag);
	while (tag.len > 0 && list.len > 0) {
		bool weak = tn_slice_starts(tn_slice_trim(list),
		    TN_SLICE("W/"));

		if (tn_slice_eq(cut_tag(&list), tag) && !(strong && weak))
			return true;
	}
	return false;
}

/* Is what is sent no newer than the date of a header? */
static bool
not_newer(const struct tn_res *res, struct tn_slice date)
{
	int64_t then, now;

	return tn_http_date_read(date, &then) &&
	    tn_http_date_read(tn_res_get(res, "Last-Modified"), &now) &&
	    now <= then;
}

bool
tn_res_is_fresh(const struct tn_res *res)
{
	const struct tn_req *req = res->req;
	struct tn_slice tags = tn_req_header(req, "if-none-match");
	struct tn_slice since = tn_req_header(req, "if-modified-since");
	struct tn_slice etag = tn_res_get(res, "ETag");

	if ((req->method != TN_METHOD_GET && req->method != TN_METHOD_HEAD) ||
	    (tags.len == 0 && since.len == 0))
		return false;
	if (tn_list_has(tn_req_header(req, "cache-control"),
	    TN_SLICE("no-cache")))
		return false;
	if (tn_slice_is(tags, "*"))
		return true;
	if (tags.len > 0)
		return tn_etag_listed(tags, etag, false);
	return not_newer(res, since);
}

bool
tn_res_precondition(const struct tn_res *res)
{
	struct tn_slice match = tn_req_header(res->req, "if-match");
	struct tn_slice since =
	    tn_req_header(res->req, "if-unmodified-since");
	int64_t then;

	if (match.len > 0)
		return tn_etag_listed(match, tn_res_get(res, "ETag"), true);
	return !tn_http_date_read(since, &then) || not_newer(res, since);
}

static bool
may_have_etag(const struct tn_res *res)
{
	return !res->no_etag && tn_res_get(res, "ETag").ptr == NULL &&
	    !tn_list_has(tn_res_get(res, "Cache-Control"),
	    TN_SLICE("no-store"));
}

void
tn_res_validate(struct tn_res *res, struct tn_slice body)
{
	const struct tn_req *req = res->req;
	struct tn_slice etag;

	if (res->status != 200 || (req->method != TN_METHOD_GET &&
	    req->method != TN_METHOD_HEAD))
		return;
	if (may_have_etag(res)) {
		etag = tn_arena_printf(res->arena, "W/\"%zx-%016" PRIx64 "\"",
		    body.len, digest(body));
		if (etag.len > 0)
			tn_res_put(res, "ETag", etag);
	}
	if (!tn_res_is_fresh(res))
		return;
	res->status = 304;
	tn_res_remove(res, "Content-Type");
	tn_res_remove(res, "Content-Encoding");
	tn_res_remove(res, "Content-Language");
}
