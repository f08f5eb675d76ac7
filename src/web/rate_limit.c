#include "config.h"

#include "web/rate_limit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "session/session.h"
#include "session/throttle.h"
#include "web/app.h"

struct rate {
	struct tn_rate_limit options;
	struct tn_throttle throttle;
};

struct count {
	int64_t used;		/* requests of this window, with this one */
	int left_s;		/* of the window */
};

struct tn_slice
tn_rate_by_address(struct tn_req *req)
{
	char group[TN_THROTTLE_ADDRESS];

	return tn_arena_copy(req->arena,
	    tn_throttle_address(req->address, group));
}

struct tn_slice
tn_rate_by_user(struct tn_req *req)
{
	struct tn_session *s = tn_req_session(req);
	struct tn_slice user, raw, id;

	if (s == NULL)
		req->err.code = 0;	/* it is the route's to refuse */
	if (s != NULL && tn_session_get_bool(s, "isAuthenticated") &&
	    tn_session_get(s, "user", &user) &&
	    tn_json_get(user, "id", &raw) &&
	    tn_json_string(raw, req->arena, &id, NULL) == 0 && id.len > 0)
		return tn_arena_printf(req->arena, "user %.*s",
		    TN_SLICE_ARG(id));
	return tn_rate_by_address(req);
}

static void
set_number(struct tn_res *res, const char *name, int64_t n)
{
	tn_res_set(res, name, tn_arena_printf(res->arena, "%lld",
	    (long long)n));
}

static void
set_headers(struct tn_res *res, const struct rate *r, const struct count *c)
{
	const struct tn_rate_limit *o = &r->options;
	int64_t left = c->used < o->limit ? o->limit - c->used : 0;

	if (o->headers != TN_RATE_NO_HEADERS)
		tn_res_set(res, "RateLimit-Policy", tn_arena_printf(res->arena,
		    "%d;w=%d", o->limit, o->window_s));
	if (o->headers == TN_RATE_DRAFT_6) {
		set_number(res, "RateLimit-Limit", o->limit);
		set_number(res, "RateLimit-Remaining", left);
		set_number(res, "RateLimit-Reset", c->left_s);
	} else if (o->headers == TN_RATE_DRAFT_7) {
		tn_res_set(res, "RateLimit", tn_arena_printf(res->arena,
		    "limit=%d, remaining=%lld, reset=%d", o->limit,
		    (long long)left, c->left_s));
	}
	if (!o->legacy_headers)
		return;
	set_number(res, "X-RateLimit-Limit", o->limit);
	set_number(res, "X-RateLimit-Remaining", left);
	set_number(res, "X-RateLimit-Reset",
	    tn_clock_wall_ms() / 1000 + c->left_s);
}

/* Only the first one too many is logged: the others are as many as it likes. */
static int
refuse(struct tn_req *req, struct tn_res *res, const struct rate *r,
    const struct count *c)
{
	if (c->used == r->options.limit + 1)
		tn_log_event(tn_app_log(req->app), TN_LOG_WARN, "rate.limited",
		    TN_F_STR("id", req->id),
		    TN_F_STR("limit", r->options.name),
		    TN_F_SLICE("address", req->address));
	set_number(res, "Retry-After", c->left_s);
	tn_res_status(res, 429);
	if (r->options.handler != NULL)
		return r->options.handler(req, res, r->options.arg);
	tn_res_type(res, "text/plain; charset=utf-8");
	return tn_res_send(res, TN_SLICE("Too many requests, please try "
	    "again later.\n"));
}

static int
limit(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct rate *r = arg;
	const struct tn_rate_limit *o = &r->options;
	struct count c;
	int rc;

	if (o->skip != NULL && o->skip(req))
		return TN_NEXT;
	rc = tn_throttle_count(&r->throttle, o->key(req), &c.used, &c.left_s,
	    &req->err);
	if (rc < 0 && o->pass_when_away) {
		tn_log_event(tn_app_log(req->app), TN_LOG_WARN,
		    "rate.uncounted", TN_F_STR("id", req->id),
		    TN_F_STR("reason", req->err.text));
		req->err = (struct tn_err){ .code = 0 };
		return TN_NEXT;
	}
	if (rc < 0)
		return rc;
	set_headers(res, r, &c);
	return c.used > o->limit ? refuse(req, res, r, &c) : TN_NEXT;
}

struct tn_step
tn_rate_limit(const struct tn_rate_limit *options)
{
	struct rate *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return (struct tn_step){ .fn = NULL };
	r->options = *options;
	if (r->options.key == NULL)
		r->options.key = tn_rate_by_address;
	r->throttle = (struct tn_throttle){ options->redis, options->name,
		options->limit, options->window_s };
	return (struct tn_step){ .fn = limit, .arg = r, .fini = free };
}
