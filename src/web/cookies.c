/* Cookies of requests and answers, signed and not, as cookie-parser's. */
#include "config.h"

#include "web/middleware.h"

#include "base/clock.h"
#include "base/json.h"
#include "session/cookie.h"
#include "session/signature.h"

static int
keep_signer(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	req->signer = arg;
	return TN_NEXT;
}

struct tn_step
tn_cookie_parser(const struct tn_signer *signer)
{
	return (struct tn_step){ .fn = keep_signer,
		.arg = (void *)(uintptr_t)signer };
}

int
tn_req_signed_cookie(struct tn_req *req, const char *name,
    struct tn_slice *value)
{
	struct tn_slice sent = tn_req_cookie(req, name);

	*value = TN_SLICE_NONE;
	if (!tn_slice_starts(sent, TN_SLICE("s:")))
		return 0;
	if (req->signer == NULL)
		return tn_err_set(&req->err, TN_E_STATE,
		    "a signed cookie, but no cookie parser");
	return tn_unsign(req->signer, tn_slice_after(sent, 2), value) ? 1 :
	    TN_E_DENIED;
}

bool
tn_cookie_json(struct tn_slice value, struct tn_slice *json)
{
	if (!tn_slice_starts(value, TN_SLICE("j:")))
		return false;
	*json = tn_slice_after(value, 2);
	return tn_json_scan(*json, NULL, NULL) == 0;
}

void
tn_res_cookie(struct tn_res *res, const char *name, struct tn_slice value,
    const struct tn_cookie_options *options)
{
	struct tn_cookie_options own = { .path = TN_SLICE("/") };
	struct tn_buf *text = &res->out;	/* free until the head */

	if (options != NULL)
		own = *options;
	if (own.path.len == 0)
		own.path = TN_SLICE("/");
	if (own.has_max_age && !own.has_expires) {
		own.has_expires = true;
		own.expires_ms = tn_clock_wall_ms() + own.max_age_s * 1000;
	}
	tn_buf_reset(text);
	if (tn_cookie_write(text, tn_slice_str(name), value, &own,
	    &res->req->err) != 0)
		res->bad_header = true;
	else
		tn_res_append(res, "Set-Cookie", tn_buf_view(text));
}

void
tn_res_signed_cookie(struct tn_res *res, const char *name,
    struct tn_slice value, const struct tn_cookie_options *options)
{
	struct tn_buf signed_value;

	if (res->req->signer == NULL) {
		res->bad_header = true;
		return;
	}
	tn_buf_init(&signed_value, TN_LIMIT_COOKIE_BYTES);
	tn_buf_str(&signed_value, "s:");
	tn_sign(&signed_value, res->req->signer, value);
	if (signed_value.failed != 0)
		res->bad_header = true;
	else
		tn_res_cookie(res, name, tn_buf_view(&signed_value), options);
	tn_buf_fini(&signed_value);
}

void
tn_res_clear_cookie(struct tn_res *res, const char *name,
    const struct tn_cookie_options *options)
{
	struct tn_cookie_options past = { .has_expires = false };

	if (options != NULL)
		past = *options;
	past.has_max_age = false;
	past.has_expires = true;
	past.expires_ms = 1;
	tn_res_cookie(res, name, TN_SLICE(""), &past);
}
