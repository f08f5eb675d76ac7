#include "config.h"

#include "web/middleware.h"

#include <stdlib.h>

#include "web/head.h"

enum { YEAR_S = 365 * 24 * 3600 };

static const char strict_csp[] =
    "default-src 'self'; script-src 'self'{nonce}; style-src 'self'{nonce}; "
    "img-src 'self' data:; connect-src 'self'{ws}; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

struct headers {
	const char *csp;
	const char *referrer_policy;
	int hsts_s;
};

/*
 * 'self' covers the site's WebSocket in the standard's third level, but not
 * in all browsers that are about; so it is named.
 */
static struct tn_slice
ws_source(struct tn_req *req)
{
	struct tn_slice origin = tn_req_origin(req);

	if (!tn_slice_starts(origin, TN_SLICE("http")))
		return TN_SLICE_NONE;
	origin = tn_slice_after(origin, 4);	/* "s://host", "://host" */
	return tn_arena_printf(req->arena, " ws%.*s", TN_SLICE_ARG(origin));
}

static struct tn_slice
nonce_source(struct tn_req *req)
{
	if (req->csp_nonce.len == 0)
		return TN_SLICE_NONE;
	return tn_arena_printf(req->arena, " 'nonce-%.*s'",
	    TN_SLICE_ARG(req->csp_nonce));
}

/*
 * The policy with "{nonce}" and "{ws}" filled in; res->out is free still. An
 * empty slice without memory: half of it would allow too much.
 */
static struct tn_slice
fill_csp(struct tn_req *req, const char *csp)
{
	const struct tn_slice nonce = nonce_source(req), ws = ws_source(req);
	struct tn_slice rest = tn_slice_str(csp);
	struct tn_buf *out = &req->res->out;
	struct tn_slice name;

	tn_buf_reset(out);
	for (;;) {
		tn_buf_slice(out, tn_slice_cut(&rest, '{'));
		if (rest.ptr == NULL)
			break;
		name = tn_slice_cut(&rest, '}');
		tn_buf_slice(out, tn_slice_is(name, "nonce") ? nonce :
		    tn_slice_is(name, "ws") ? ws : TN_SLICE_NONE);
	}
	return out->failed != 0 ? TN_SLICE_NONE :
	    tn_arena_copy(req->arena, tn_buf_view(out));
}

/* What a handler has set itself stands. */
static void
offer(struct tn_res *res, const char *name, const char *value)
{
	if (tn_res_get(res, name).ptr == NULL)
		tn_res_put(res, name, tn_slice_str(value));
}

static void
offer_hsts(struct tn_res *res, int max_age_s)
{
	static const char name[] = "Strict-Transport-Security";

	if (max_age_s >= 0 && tn_res_get(res, name).ptr == NULL)
		tn_res_set(res, name, tn_arena_printf(res->arena,
		    "max-age=%d", max_age_s));
}

static int
set_headers(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct headers *h = arg;
	struct tn_slice csp;

	offer(res, "X-Content-Type-Options", "nosniff");
	offer(res, "X-Frame-Options", "DENY");	/* for browsers before CSP 2 */
	offer(res, "Referrer-Policy", h->referrer_policy);
	offer(res, "Cross-Origin-Opener-Policy", "same-origin");
	if (req->secure)
		offer_hsts(res, h->hsts_s);
	if (tn_res_get(res, "Content-Security-Policy").ptr != NULL)
		return 0;
	csp = fill_csp(req, h->csp);
	if (csp.ptr == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a header");
	tn_res_put(res, "Content-Security-Policy", csp);
	return 0;
}

/* Set when the head leaves: by then it is known whether a nonce was used. */
static int
plan_headers(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	return tn_res_before_head(res, set_headers, arg);
}

struct tn_step
tn_security_headers(const struct tn_headers_options *options)
{
	static const struct tn_headers_options none;
	struct headers *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return (struct tn_step){ .fn = NULL };
	if (options == NULL)
		options = &none;
	h->csp = options->csp != NULL ? options->csp : strict_csp;
	h->referrer_policy = options->referrer_policy != NULL ?
	    options->referrer_policy : "same-origin";
	h->hsts_s = options->hsts_s != 0 ? options->hsts_s : YEAR_S;
	return (struct tn_step){ .fn = plan_headers, .arg = h, .fini = free };
}
