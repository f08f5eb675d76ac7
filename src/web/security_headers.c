/* Middleware: headers that take from a page what it does not need. */
#include "config.h"

#include "web/middleware.h"

#include <stdio.h>

#define ONE_YEAR_S	31536000

/*
 * connect-src names the WebSocket too: not every browser takes it to be
 * part of 'self'.
 */
static const char default_csp[] =
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; "
    "style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "connect-src 'self' {websocket}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

/* "https://host" is "wss://host" as a WebSocket. */
static void
put_websocket(struct tn_buf *out, struct tn_slice origin)
{
	if (!tn_slice_starts(origin, TN_SLICE("http")))
		return;
	tn_buf_str(out, "ws");
	tn_buf_slice(out, tn_slice_after(origin, 4));
}

/* The policy with its {words} replaced. */
static void
put_csp(struct tn_buf *out, const char *policy, struct tn_req *req)
{
	static const struct tn_slice nonce = { "{nonce}", 7 };
	static const struct tn_slice websocket = { "{websocket}", 11 };
	struct tn_slice rest = tn_slice_str(policy);

	while (rest.len > 0) {
		if (tn_slice_starts(rest, nonce)) {
			tn_buf_slice(out, tn_req_nonce(req));
			rest = tn_slice_after(rest, nonce.len);
		} else if (tn_slice_starts(rest, websocket)) {
			put_websocket(out, tn_req_origin(req));
			rest = tn_slice_after(rest, websocket.len);
		} else {
			tn_buf_char(out, rest.ptr[0]);
			rest = tn_slice_after(rest, 1);
		}
	}
}

static void
set_csp(struct tn_req *req, struct tn_res *res, const char *policy)
{
	struct tn_buf csp;

	tn_buf_init(&csp, 4096);
	put_csp(&csp, policy, req);
	tn_res_set(res, "Content-Security-Policy", tn_buf_view(&csp));
	tn_buf_fini(&csp);
}

static void
set_hsts(struct tn_res *res, int seconds)
{
	char text[48];
	int n = snprintf(text, sizeof(text), "max-age=%d",
	    seconds == 0 ? ONE_YEAR_S : seconds);

	tn_res_set(res, "Strict-Transport-Security",
	    tn_slice(text, (size_t)n));
}

static int
set_headers(struct tn_req *req, struct tn_res *res, void *arg)
{
	static const struct tn_headers_options strict = { NULL, NULL, 0 };
	const struct tn_headers_options *o = arg == NULL ? &strict : arg;
	const char *referrer = o->referrer_policy;

	set_csp(req, res, o->csp == NULL ? default_csp : o->csp);
	tn_res_set(res, "X-Content-Type-Options", TN_SLICE("nosniff"));
	tn_res_set(res, "X-Frame-Options", TN_SLICE("DENY"));
	tn_res_set(res, "Cross-Origin-Opener-Policy", TN_SLICE("same-origin"));
	tn_res_set(res, "Referrer-Policy",
	    tn_slice_str(referrer == NULL ? "same-origin" : referrer));
	if (req->secure && o->hsts_s >= 0)
		set_hsts(res, o->hsts_s);
	return TN_NEXT;
}

struct tn_step
tn_security_headers(const struct tn_headers_options *options)
{
	return (struct tn_step){ set_headers, (void *)(uintptr_t)options,
		NULL };
}
