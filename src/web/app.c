#include "config.h"

#include "web/app.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/redis_batch.h"

/* A buffer that one big page has blown up is not kept for small ones. */
enum { KEPT_BYTES = 256 << 10 };

struct tn_app {
	struct tn_router *router;
	struct tn_log *log;
	const struct tn_views *views;
};

void
tn_exchange_init(struct tn_exchange *x, size_t max_bytes)
{
	*x = (struct tn_exchange){ .req.arena = &x->arena };
	tn_arena_init(&x->arena,
	    max_bytes > 0 ? max_bytes : TN_LIMIT_REQUEST_ARENA);
	tn_buf_init(&x->res.out, TN_LIMIT_PAGE_BYTES);
	tn_buf_init(&x->res.page, TN_LIMIT_PAGE_BYTES);
}

/* Its texts have an arena of their own. */
static void
free_batch(struct tn_req *req)
{
	if (req->batch != NULL)
		tn_redis_batch_fini(req->batch);
	req->batch = NULL;
}

void
tn_exchange_fini(struct tn_exchange *x)
{
	free_batch(&x->req);
	tn_arena_fini(&x->arena);
	tn_buf_fini(&x->res.out);
	tn_buf_fini(&x->res.page);
}

static void
empty(struct tn_buf *b)
{
	if (b->cap > KEPT_BYTES)
		tn_buf_fini(b);
	tn_buf_reset(b);
}

void
tn_exchange_begin(struct tn_exchange *x, struct tn_sink *sink,
    struct tn_body *body)
{
	struct tn_buf out, page;

	free_batch(&x->req);
	tn_arena_reset(&x->arena);
	empty(&x->res.out);
	empty(&x->res.page);
	out = x->res.out;
	page = x->res.page;
	x->req = (struct tn_req){
		.arena = &x->arena, .res = &x->res, .body = body,
		.start_ms = tn_clock_mono_ms(), .path = TN_SLICE("/"),
	};
	x->res = (struct tn_res){
		.req = &x->req, .sink = sink, .arena = &x->arena,
		.status = 200, .out = out, .page = page,
	};
}

struct tn_app *
tn_app_new(void *arg, struct tn_log *log, struct tn_err *err)
{
	struct tn_app *app = calloc(1, sizeof(*app));

	if (app != NULL)
		app->router = tn_router_new(arg);
	if (app == NULL || app->router == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for an app");
		free(app);
		return NULL;
	}
	app->log = log;
	return app;
}

void
tn_app_free(struct tn_app **app)
{
	if (*app == NULL)
		return;
	tn_router_free(&(*app)->router);
	free(*app);
	*app = NULL;
}

struct tn_router *
tn_app_router(struct tn_app *app)
{
	return app->router;
}

void
tn_app_set_views(struct tn_app *app, const struct tn_views *views)
{
	app->views = views;
}

const struct tn_views *
tn_app_views(const struct tn_app *app)
{
	return app->views;
}

struct tn_log *
tn_app_log(const struct tn_app *app)
{
	return app->log;
}

void
tn_app_use(struct tn_app *app, struct tn_step step)
{
	tn_router_use(app->router, step);
}

void
tn_app_mount(struct tn_app *app, const char *prefix, struct tn_router *router)
{
	tn_router_mount(app->router, prefix, router);
}

void
tn_app_on_error(struct tn_app *app, tn_handler *fn)
{
	tn_router_on_error(app->router, fn);
}

int
tn_app_check(const struct tn_app *app, struct tn_err *err)
{
	return tn_router_check(app->router, err);
}

/* An error is logged here, where it stops, and nowhere else. */
static void
log_error(const struct tn_app *app, const struct tn_req *req,
    const struct tn_res *res)
{
	bool is_ours = res->status >= 500 ||
	    (res->status < 400 && req->err.code != TN_E_IO);

	tn_log_event(app->log, is_ours ? TN_LOG_ERROR : TN_LOG_INFO,
	    "web.error",
	    TN_F_STR("id", req->id),
	    TN_F_SLICE("method", req->method_name),
	    TN_F_SLICE("path", req->path),
	    TN_F_SLICE("address", req->address),
	    TN_F_NUM("status", res->status),
	    TN_F_STR("reason", req->err.text));
}

/*
 * The plain answer, when there is no error handler or it failed. A hook may
 * keep it back, but each is called only once.
 */
static void
answer_plainly(struct tn_res *res)
{
	while (res->state == TN_RES_OPEN) {
		bool last = res->nbefore == 0;

		tn_res_fail(res);
		if (tn_res_send_status(res, res->status) == TN_DONE || last)
			break;
	}
	if (res->state != TN_RES_ENDED)
		res->is_broken = true;
}

/* Is the rest to be done elsewhere, or later? */
static bool
moves(int rc)
{
	return rc == TN_SLOW || rc == TN_QUICK || rc == TN_ASK;
}

/* The error in req->err goes to the app's own error handlers, all of them. */
static int
answer_error(struct tn_app *app, struct tn_req *req, struct tn_res *res)
{
	struct tn_walk *w = &req->walk;
	int rc;

	if (!w->ending) {
		*w = (struct tn_walk){ .failed = true, .ending = true };
		tn_res_fail(res);
	}
	rc = tn_router_walk(app->router, req, res);
	if (moves(rc))
		return rc;
	if (res->state == TN_RES_OPEN)
		answer_plainly(res);
	return TN_DONE;
}

/* "GET, HEAD, POST" out of the bits of the methods. */
static struct tn_slice
allow_list(struct tn_req *req)
{
	unsigned methods = req->walk.allowed | 1u << TN_METHOD_OPTIONS;
	char text[64];
	size_t n = 0;

	if (methods & 1u << TN_METHOD_GET)
		methods |= 1u << TN_METHOD_HEAD;
	for (int m = TN_METHOD_OTHER + 1; m < TN_METHOD_COUNT; m++) {
		if (methods & 1u << m)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s%s", n > 0 ? ", " : "",
			    tn_method_name((enum tn_method)m));
	}
	return tn_arena_copy(req->arena, tn_slice(text, n));
}

/* No handler took it: no such page, or not with this method. */
static int
answer_nobody(struct tn_app *app, struct tn_req *req, struct tn_res *res)
{
	if (req->walk.allowed == 0) {
		tn_req_refuse(req, 404, "no such page");
		return answer_error(app, req, res);
	}
	tn_res_set(res, "Allow", allow_list(req));
	if (req->method == TN_METHOD_OPTIONS) {
		tn_res_status(res, 204);
		return tn_res_end(res);
	}
	tn_req_refuse(req, 405, "method not allowed");
	return answer_error(app, req, res);
}

/* What the walk came back with, made into a complete answer, or a move. */
static int
complete(struct tn_app *app, struct tn_req *req, struct tn_res *res, int rc)
{
	if (moves(rc))
		return rc;
	if (rc == TN_NEXT)
		rc = answer_nobody(app, req, res);
	else if (rc == TN_DONE && res->state == TN_RES_OPEN)
		rc = tn_err_set(&req->err, TN_E_STATE,
		    "a handler gave no answer");
	if (rc < 0 && res->state == TN_RES_OPEN && !req->walk.failed)
		rc = answer_error(app, req, res);
	else if (rc < 0 && res->state == TN_RES_OPEN)
		answer_plainly(res);	/* no error handler wanted it */
	return rc;
}

static void
finish(struct tn_app *app, struct tn_req *req, struct tn_res *res, int rc)
{
	if (res->state == TN_RES_STREAMING) {
		res->is_broken = res->is_broken || rc < 0;
		tn_res_end(res);
	}
	if (rc < 0 || req->walk.failed)
		log_error(app, req, res);
	tn_res_finish(res);
	free_batch(req);		/* the next request may be far */
}

static int
run(struct tn_app *app, struct tn_req *req, struct tn_res *res)
{
	int rc;

	if (req->walk.ending)
		rc = answer_error(app, req, res);
	else
		rc = complete(app, req, res,
		    tn_router_walk(app->router, req, res));
	if (moves(rc)) {
		req->walk.stopped = rc;
		return rc;
	}
	finish(app, req, res, rc);
	return TN_DONE;
}

void
tn_app_prepare(struct tn_app *app, struct tn_req *const *reqs, size_t n)
{
	tn_router_prepare(app->router, reqs, n);
}

int
tn_app_handle(struct tn_app *app, struct tn_req *req, struct tn_res *res)
{
	req->app = app;
	if (req->err.code != 0)		/* it could not be read */
		return tn_app_refuse(app, req, res, 0, 0);
	return run(app, req, res);
}

int
tn_app_resume(struct tn_app *app, struct tn_req *req, struct tn_res *res)
{
	if (req->walk.stopped != TN_ASK)
		req->is_slow = !req->is_slow;
	else if (!req->batch->is_sent)
		tn_app_ask(&req, 1);
	req->session_ahead = NULL;	/* who knows how long it has waited */
	return run(app, req, res);
}

void
tn_app_ask(struct tn_req *const *reqs, size_t n)
{
	struct tn_redis_batch *batches[TN_APP_TOGETHER];

	for (size_t i = 0; i < n; i++)
		batches[i] = reqs[i]->batch;
	tn_redis_batch_send_all(batches, n);
}

int
tn_app_refuse(struct tn_app *app, struct tn_req *req, struct tn_res *res,
    int status, int retry_after_s)
{
	bool is_open = res->state == TN_RES_OPEN;

	req->app = app;
	if (status != 0)
		tn_req_refuse(req, status, "%s", tn_status_text(status));
	if (retry_after_s > 0)
		tn_res_set(res, "Retry-After",
		    tn_arena_printf(req->arena, "%d", retry_after_s));
	req->walk.ending = false;
	if (is_open && moves(answer_error(app, req, res)))
		answer_plainly(res);	/* an error page cannot wait here */
	finish(app, req, res, is_open ? TN_DONE : req->err.code);
	return TN_DONE;
}
