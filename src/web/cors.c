/* Cross-origin requests. Source: the Fetch standard; npm's cors. */
#include "config.h"

#include "web/middleware.h"

#include <stdlib.h>

static bool
is_allowed(const struct tn_cors_options *o, struct tn_slice origin)
{
	for (size_t i = 0; i < o->norigins; i++) {
		if (tn_slice_is(origin, o->origins[i]))
			return true;
	}
	return false;
}

/* Who may read the answer. Returns false if nobody elsewhere may. */
static bool
set_origin(const struct tn_cors_options *o, struct tn_req *req,
    struct tn_res *res)
{
	struct tn_slice origin = tn_req_header(req, "origin");

	if (o->any_origin && !o->credentials) {
		tn_res_set(res, "Access-Control-Allow-Origin", TN_SLICE("*"));
		return true;
	}
	tn_res_vary(res, "Origin");
	if (origin.len == 0 || !is_allowed(o, origin))
		return false;
	tn_res_set(res, "Access-Control-Allow-Origin", origin);
	if (o->credentials)
		tn_res_set(res, "Access-Control-Allow-Credentials",
		    TN_SLICE("true"));
	return true;
}

static int
answer_preflight(const struct tn_cors_options *o, struct tn_req *req,
    struct tn_res *res)
{
	struct tn_slice headers = tn_slice_str(o->headers);

	if (set_origin(o, req, res)) {
		tn_res_set(res, "Access-Control-Allow-Methods",
		    tn_slice_str(o->methods));
		if (o->headers == NULL) {
			headers = tn_req_header(req,
			    "access-control-request-headers");
			tn_res_vary(res, "Access-Control-Request-Headers");
		}
		if (headers.len > 0)
			tn_res_set(res, "Access-Control-Allow-Headers",
			    headers);
		if (o->max_age_s > 0)
			tn_res_set(res, "Access-Control-Max-Age",
			    tn_arena_printf(req->arena, "%d", o->max_age_s));
	}
	tn_res_status(res, 204);
	return tn_res_end(res);
}

static int
allow(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_cors_options *o = arg;

	if (req->method == TN_METHOD_OPTIONS && tn_req_header(req,
	    "access-control-request-method").len > 0)
		return answer_preflight(o, req, res);
	if (set_origin(o, req, res) && o->exposed != NULL)
		tn_res_set(res, "Access-Control-Expose-Headers",
		    tn_slice_str(o->exposed));
	return TN_NEXT;
}

struct tn_step
tn_cors(const struct tn_cors_options *options)
{
	struct tn_cors_options *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return (struct tn_step){ .fn = NULL };
	if (options != NULL)
		*own = *options;
	if (own->methods == NULL)
		own->methods = "GET,HEAD,PUT,PATCH,POST,DELETE";
	return (struct tn_step){ .fn = allow, .arg = own, .fini = free };
}
