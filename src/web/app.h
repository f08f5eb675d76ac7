/*
 * A web application: handlers in order, and an answer for every request.
 *
 * It does no I/O of its own: a host fills the request (cgi.h), gives a sink
 * for the answer, and calls tn_app_handle.
 */
#ifndef TN_APP_H
#define TN_APP_H

#include "web/router.h"

struct tn_err;
struct tn_log;
struct tn_views;

/*
 * A request and its answer, with the memory of both; made once and used for
 * one request after another, by one thread at a time.
 */
struct tn_exchange {
	struct tn_arena arena;
	struct tn_req req;
	struct tn_res res;
};

/* max_bytes  a request may use in all; 0: TN_LIMIT_REQUEST_ARENA */
void tn_exchange_init(struct tn_exchange *x, size_t max_bytes);
void tn_exchange_fini(struct tn_exchange *x);

/*
 * Forget the last request and begin the next; all slices of the last one
 * end here.
 *
 * sink  borrowed until the answer is complete
 * body  borrowed likewise; NULL: there is none
 */
void tn_exchange_begin(struct tn_exchange *x, struct tn_sink *sink,
    struct tn_body *body);

/*
 * arg  given to the handlers that tn_app_get and its kin add
 * log  borrowed; NULL: no log
 * Returns NULL with err filled: TN_E_NOMEM.
 */
struct tn_app *tn_app_new(void *arg, struct tn_log *log, struct tn_err *err);
void tn_app_free(struct tn_app **app);

/* The app's outermost router. */
struct tn_router *tn_app_router(struct tn_app *app);

/* Borrowed; for tn_res_render. */
void tn_app_set_views(struct tn_app *app, const struct tn_views *views);
const struct tn_views *tn_app_views(const struct tn_app *app);
struct tn_log *tn_app_log(const struct tn_app *app);

/* As tn_router_use, tn_router_mount and tn_router_on_error (router.h). */
void tn_app_use(struct tn_app *app, struct tn_step step);
void tn_app_mount(struct tn_app *app, const char *prefix,
    struct tn_router *router);
void tn_app_on_error(struct tn_app *app, tn_handler *fn);

#define tn_app_get(app, path, ...) \
	tn_router_get(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_post(app, path, ...) \
	tn_router_post(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_put(app, path, ...) \
	tn_router_put(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_patch(app, path, ...) \
	tn_router_patch(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_delete(app, path, ...) \
	tn_router_delete(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_head(app, path, ...) \
	tn_router_head(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_options(app, path, ...) \
	tn_router_options(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_route(app, path) \
	tn_router_route(tn_app_router(app), path)
#define tn_app_param(app, name, fn) \
	tn_router_param(tn_app_router(app), name, fn)
#define tn_app_use_at(app, path, ...) \
	tn_router_use_at(tn_app_router(app), path, __VA_ARGS__)
#define tn_app_all(app, path, ...) \
	tn_router_all(tn_app_router(app), path, __VA_ARGS__)

/* What kept something from being added: 0, or TN_E_NOMEM, TN_E_CONFIG. */
int tn_app_check(const struct tn_app *app, struct tn_err *err);

enum { TN_APP_TOGETHER = 16 };

/*
 * These requests are here, 1 to TN_APP_TOGETHER of them, and tn_app_handle is
 * called with each of them next: middleware may ask for them all at once,
 * and wait for as long as for one. Need not be called.
 */
void tn_app_prepare(struct tn_app *app, struct tn_req *const *reqs, size_t n);

/*
 * Answer a request. One that could not be read (tn_cgi_read failed) is
 * refused here, so the host need not look.
 *
 * Returns TN_DONE: the answer is complete; if res->is_broken, it was cut
 * short and the connection must be closed. Or nothing was sent, and it goes
 * on with tn_app_resume, which returns the same: TN_SLOW, where waiting does
 * no harm; then TN_QUICK, back where requests are handled; TN_ASK, here and
 * now, and better after tn_app_ask.
 */
int tn_app_handle(struct tn_app *app, struct tn_req *req, struct tn_res *res);
int tn_app_resume(struct tn_app *app, struct tn_req *req, struct tn_res *res);

/*
 * Ask Redis for these requests, 1 to TN_APP_TOGETHER of them that have come
 * back with TN_ASK, by one journey. Need not be called.
 */
void tn_app_ask(struct tn_req *const *reqs, size_t n);

/*
 * Answer with an error instead (the helper pool is full: 503).
 * retry_after_s  in Retry-After; 0: none
 */
int tn_app_refuse(struct tn_app *app, struct tn_req *req, struct tn_res *res,
    int status, int retry_after_s);

#endif
