/* What a request says about its answer, and about where it came from. */
#include "config.h"

#include "web/request.h"

#include "web/mime.h"
#include "web/negotiate.h"
#include "web/range.h"
#include "web/response.h"
#include "web/router.h"
#include "web/trust_proxy.h"

static const char *
choose(const struct tn_req *req, enum tn_accept_kind kind,
    const char *const *offers)
{
	static const char *const names[] = {
		[TN_ACCEPT_TYPE] = "accept",
		[TN_ACCEPT_ENCODING] = "accept-encoding",
		[TN_ACCEPT_LANGUAGE] = "accept-language",
		[TN_ACCEPT_CHARSET] = "accept-charset",
	};
	int i = tn_negotiate(kind, tn_req_header(req, names[kind]), offers);

	return i < 0 ? NULL : offers[i];
}

const char *
tn_req_accepts_one(const struct tn_req *req, const char *const *offers)
{
	return choose(req, TN_ACCEPT_TYPE, offers);
}

const char *
tn_req_accepts_encodings_one(const struct tn_req *req,
    const char *const *offers)
{
	return choose(req, TN_ACCEPT_ENCODING, offers);
}

const char *
tn_req_accepts_languages_one(const struct tn_req *req,
    const char *const *offers)
{
	return choose(req, TN_ACCEPT_LANGUAGE, offers);
}

const char *
tn_req_accepts_charsets_one(const struct tn_req *req,
    const char *const *offers)
{
	return choose(req, TN_ACCEPT_CHARSET, offers);
}

bool
tn_req_is(const struct tn_req *req, const char *type)
{
	return tn_mime_is(req->content_type, type);
}

bool
tn_req_fresh(const struct tn_req *req)
{
	const struct tn_res *res = req->res;
	bool is_good = (res->status >= 200 && res->status < 300) ||
	    res->status == 304;

	return is_good && tn_res_is_fresh(res);
}

bool
tn_req_xhr(const struct tn_req *req)
{
	return tn_slice_ieq(tn_req_header(req, "x-requested-with"),
	    TN_SLICE("XMLHttpRequest"));
}

int
tn_req_range(const struct tn_req *req, uint64_t size, bool combine,
    struct tn_range *out, size_t *n)
{
	return tn_range_parse(size, tn_req_header(req, "range"), combine, out,
	    n);
}

const char *
tn_req_protocol(const struct tn_req *req)
{
	return req->secure ? "https" : "http";
}

/* Without its port; an IPv6 address keeps its brackets. */
struct tn_slice
tn_req_hostname(const struct tn_req *req)
{
	struct tn_slice host = req->host;
	size_t from = 0;
	ptrdiff_t colon;

	if (host.len > 0 && host.ptr[0] == '[')
		from = (size_t)(tn_slice_find(host, ']') + 1);
	colon = tn_slice_find(tn_slice_after(host, from), ':');
	return colon < 0 ? host : tn_slice_first(host, from + (size_t)colon);
}

size_t
tn_req_ips(const struct tn_req *req, struct tn_slice *out, size_t cap)
{
	size_t n = req->naddresses > 0 ? req->naddresses - 1 : 0;

	for (size_t i = 0; i < n && i < cap; i++)
		out[i] = req->addresses[req->naddresses - 1 - i];
	return n < cap ? n : cap;
}

/* ---- res.format, links, location -------------------------------------------- */

int
tn_res_format(struct tn_res *res, const struct tn_format *formats, void *arg)
{
	const char *offers[TN_LIMIT_FORMATS + 1];
	const struct tn_format *other = NULL;
	size_t n = 0;
	const char *chosen;

	for (const struct tn_format *f = formats; f->fn != NULL; f++) {
		if (f->type == NULL)
			other = f;
		else if (n < TN_LIMIT_FORMATS)
			offers[n++] = f->type;
	}
	offers[n] = NULL;
	tn_res_vary(res, "Accept");
	chosen = n == 0 ? NULL : tn_req_accepts_one(res->req, offers);
	for (; chosen != NULL; formats++) {
		const char *type;

		if (formats->type != chosen)
			continue;
		type = tn_mime_content_type(chosen);
		tn_res_type(res, type != NULL ? type : chosen);
		return formats->fn(res->req, res, arg);
	}
	if (other != NULL)
		return other->fn(res->req, res, arg);
	return tn_req_refuse(res->req, 406, "none of our types is accepted");
}

void
tn_res_links(struct tn_res *res, const char *rel, struct tn_slice url)
{
	struct tn_slice had = tn_res_get(res, "Link");

	tn_res_set(res, "Link", tn_arena_printf(res->arena,
	    "%.*s%s<%.*s>; rel=\"%s\"", TN_SLICE_ARG(had),
	    had.len > 0 ? ", " : "", TN_SLICE_ARG(url), rel));
}
