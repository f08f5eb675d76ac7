#include "config.h"

#include "web/response.h"

#include "base/arena.h"
#include "web/head.h"
#include "web/request.h"
#include "web/router.h"

/* Printable ASCII or UTF-8, and no backslash: browsers read it as '/'. */
static bool
is_plain(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c == 0x7f || c == '\\')
			return false;
	}
	return s.len > 0 && s.len <= TN_LIMIT_HEADER_VALUE / 4;
}

bool
tn_is_local_path(struct tn_slice path)
{
	return is_plain(path) && path.ptr[0] == '/' &&
	    (path.len == 1 || path.ptr[1] != '/');
}

/*
 * As encodeurl, which Express uses: what no URL may hold, and a '%' that
 * begins no escape.
 */
static bool
is_left(struct tn_slice url, size_t i)
{
	unsigned char c = (unsigned char)url.ptr[i];

	if (c == '%')
		return i + 2 < url.len && tn_hex_digit(url.ptr[i + 1]) >= 0 &&
		    tn_hex_digit(url.ptr[i + 2]) >= 0;
	return c < 0x80 && strchr(" \"<>`{}", c) == NULL;
}

/* Location in ASCII: other bytes as %XX. */
static void
set_location(struct tn_res *res, struct tn_slice base, struct tn_slice url)
{
	static const char hex[] = "0123456789ABCDEF";
	char *text = tn_arena_alloc(res->arena, base.len + 3 * url.len + 1);
	size_t n = base.len;

	if (text == NULL) {
		res->bad_header = true;
		return;
	}
	if (base.len > 0)
		memcpy(text, base.ptr, base.len);
	for (size_t i = 0; i < url.len; i++) {
		unsigned char c = (unsigned char)url.ptr[i];

		if (is_left(url, i)) {
			text[n++] = url.ptr[i];
			continue;
		}
		text[n++] = '%';
		text[n++] = hex[c >> 4];
		text[n++] = hex[c & 15];
	}
	tn_res_put(res, "Location", tn_slice(text, n));
}

void
tn_res_location(struct tn_res *res, struct tn_slice path)
{
	if (tn_is_local_path(path))
		set_location(res, res->req->base_path, path);
	else
		res->bad_header = true;
}

static int
send_redirect(struct tn_res *res, struct tn_slice base, struct tn_slice url)
{
	if (res->status < 300 || res->status > 399 || res->status == 304)
		res->status = tn_req_is_safe(res->req) ? 302 : 303;
	set_location(res, base, url);
	return tn_res_send_status(res, res->status);
}

int
tn_res_redirect_slice(struct tn_res *res, struct tn_slice path)
{
	if (!tn_is_local_path(path))
		return tn_err_set(&res->req->err, TN_E_DENIED,
		    "redirect to no path of this site");
	return send_redirect(res, res->req->base_path, path);
}

int
tn_res_redirect(struct tn_res *res, const char *path)
{
	return tn_res_redirect_slice(res, tn_slice_str(path));
}

/* "https://pay.example" and nothing, '/', '?' or '#' behind it. */
static bool
is_below(struct tn_slice url, struct tn_slice origin)
{
	struct tn_slice rest = tn_slice_after(url, origin.len);

	return origin.len > 0 && tn_slice_starts(url, origin) &&
	    (rest.len == 0 || rest.ptr[0] == '/' || rest.ptr[0] == '?' ||
	    rest.ptr[0] == '#');
}

int
tn_res_redirect_to(struct tn_res *res, struct tn_slice url,
    const char *const *allowed, size_t n)
{
	for (size_t i = 0; i < n && is_plain(url); i++) {
		if (is_below(url, tn_slice_str(allowed[i])))
			return send_redirect(res, TN_SLICE_NONE, url);
	}
	return tn_err_set(&res->req->err, TN_E_DENIED,
	    "redirect to a site that is not allowed");
}
