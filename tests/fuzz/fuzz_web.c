/*
 * Whole requests, as a front server could hand them over: the first line is
 * the method, the second the target, then headers until an empty line, then
 * the body.
 */
#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "web/harness.h"
#include "web/middleware.h"
#include "web/range.h"
#include "web/trust_proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
show(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_slice next = tn_req_query(req, "next");
	struct tn_range ranges[TN_LIMIT_RANGES];
	struct tn_slice ips[4];
	size_t n;

	(void)arg;
	tn_req_accepts(req, "html", "json", "text/plain;a=b");
	tn_req_accepts_encodings(req, "br", "gzip");
	tn_req_accepts_languages(req, "en-GB", "de");
	tn_req_range(req, 1000, true, ranges, &n);
	tn_req_ips(req, ips, 4);
	tn_res_attachment(res, tn_req_header(req, "x-name"));
	if (next.len > 0)
		return tn_res_redirect_slice(res, next);
	tn_res_set(res, "X-Echo", tn_req_header(req, "user-agent"));
	tn_res_set(res, "ETag", tn_req_cookie(req, "tag"));
	if (tn_req_is_safe(req))
		return tn_res_send(res, tn_req_param(req, "rest"));
	return tn_res_send(res, tn_req_field(req, "name"));
}

static struct tn_app *
make_app(void)
{
	static const struct tn_form_limits form = { .extended = true };
	static const struct tn_cors_options cors = { .any_origin = true };
	struct tn_app *app = tn_app_new(NULL, NULL, NULL);
	struct tn_router *router = tn_router_new(NULL);

	tn_app_use(app, tn_security_headers(NULL));
	tn_app_use(app, tn_cors(&cors));
	tn_app_use(app, tn_json_body(NULL));
	tn_app_use(app, tn_text_body(NULL));
	tn_app_use(app, tn_raw_body(NULL));
	tn_app_use(app, tn_multipart_body(NULL));
	tn_app_use(app, tn_form_body(&form));
	tn_app_all(app, "/a/:x-:y/*rest", show);
	tn_app_post(app, "/form", show);
	tn_router_get(router, "/*rest", show);
	tn_app_mount(app, "/m/:m", router);
	return app;
}

/* With a NUL behind it; what stands behind one inside is lost. */
static char *
copy_text(struct tn_slice s)
{
	char *text = malloc(s.len + 1);

	assert(text != NULL);
	if (s.len > 0)
		memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return text;
}

static struct tn_slice
cut_headers(struct tn_slice *rest)
{
	const char *end = rest->len < 2 ? NULL :
	    memmem(rest->ptr, rest->len, "\n\n", 2);
	struct tn_slice all = *rest;

	if (end == NULL) {
		*rest = TN_SLICE_NONE;
		return all;
	}
	*rest = tn_slice_after(all, (size_t)(end - all.ptr) + 2);
	return tn_slice(all.ptr, (size_t)(end - all.ptr) + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice rest = tn_slice((const char *)data, size);
	struct tn_app *app = make_app();
	char *words[4];
	struct tn_trust trust;
	struct tn_harness h;

	words[0] = copy_text(tn_slice_cut(&rest, '\n'));
	words[1] = copy_text(tn_slice_cut(&rest, '\n'));
	words[2] = copy_text(cut_headers(&rest));
	words[3] = copy_text(rest);
	tn_harness_init(&h, app);
	tn_trust_init(&trust, "loopback, 10.0.0.0/8", NULL);
	h.cgi.trust = &trust;
	tn_harness_request(&h, words[0], words[1], words[2], words[3]);
	assert(h.exchange.res.state == TN_RES_ENDED);
	assert(h.status >= 200 && h.status <= 599);
	tn_harness_fini(&h);
	tn_app_free(&app);
	for (size_t i = 0; i < 4; i++)
		free(words[i]);
	return 0;
}
