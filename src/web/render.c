#include "config.h"

#include "web/response.h"

#include "web/app.h"
#include "web/flash.h"
#include "web/view.h"

struct asked {
	struct tn_req *req;
	struct tn_var flash;
	bool has_flash;
	int failed;		/* why a variable could not be made */
};

static struct tn_slice
make_csrf(struct asked *asked)
{
	struct tn_slice proof = tn_req_csrf(asked->req);

	if (proof.len == 0)	/* a form without it would only fail later */
		asked->failed = asked->req->err.code;
	return proof;
}

/* Lines are taken once, however often a page asks. */
static const struct tn_var *
make_flash(struct asked *asked)
{
	if (!asked->has_flash) {
		int rc = tn_flash_take(asked->req, &asked->flash);

		asked->has_flash = true;
		if (rc != 0)
			asked->failed = rc;
	}
	return &asked->flash;
}

static bool
find(void *arg, struct tn_slice name, struct tn_var *out)
{
	struct asked *asked = arg;
	struct tn_req *req = asked->req;

	if (tn_slice_is(name, "csrf"))
		*out = (struct tn_var)TN_VAR("csrf", make_csrf(asked));
	else if (tn_slice_is(name, "nonce"))
		*out = (struct tn_var)TN_VAR("nonce", tn_req_nonce(req));
	else if (tn_slice_is(name, "base"))
		*out = (struct tn_var)TN_VAR("base", req->base_path);
	else if (tn_slice_is(name, "path"))
		*out = (struct tn_var)TN_VAR("path", req->path);
	else if (tn_slice_is(name, "flash"))
		*out = *make_flash(asked);
	else
		return false;
	return true;
}

int
tn_res_render(struct tn_res *res, const char *name, const struct tn_var *vars)
{
	struct tn_req *req = res->req;
	const struct tn_views *views = tn_app_views(req->app);
	struct asked asked = { .req = req };
	int rc;

	if (views == NULL)
		return tn_err_set(&req->err, TN_E_CONFIG,
		    "view \"%s\", but the app has no views", name);
	tn_buf_reset(&res->page);
	rc = tn_view_render(views, name, vars, find, &asked, &res->page,
	    &req->err);
	if (rc == 0)
		rc = asked.failed;
	return rc != 0 ? rc : tn_res_send(res, tn_buf_view(&res->page));
}
