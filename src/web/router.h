/*
 * Which handlers a request meets, in the order in which they were added.
 *
 * Patterns are those of Express 5: literal text with ":name", one part of the
 * path, "*name", any rest of it, and "{...}", which may be left out:
 * "/user/:id{/edit}", "/f-*path". They are matched in one pass, without
 * regular expressions. A '\' takes a character's meaning away.
 *
 * Adding never fails at once: a router that could not add something, be it
 * for memory or for a pattern that is wrong, says so when it is asked
 * (tn_app_check), once, before the program begins to serve.
 */
#ifndef TN_ROUTER_H
#define TN_ROUTER_H

#include "web/request.h"
#include "web/response.h"

/*
 * What a handler answers: go on to the next, or the answer is complete. A
 * handler that needs to wait or to compute for long answers TN_SLOW unless
 * req->is_slow, and is called again where that does no harm; TN_QUICK, if
 * req->is_slow, is the way back. TN_ASK is TN_NEXT, once Redis has answered
 * what is in the request's batch (tn_req_batch): requests that ask at the same
 * time share one journey. A negative TN_E_* goes to the error handler, with
 * req->err filled. TN_NEXT_ROUTE leaves out the other handlers of this route,
 * TN_NEXT_ROUTER those of this router: Express's next('route') and
 * next('router').
 */
enum {
	TN_NEXT = 0, TN_DONE = 1, TN_SLOW = 2, TN_QUICK = 3, TN_ASK = 4,
	TN_NEXT_ROUTE = 5, TN_NEXT_ROUTER = 6,
};

typedef int tn_handler(struct tn_req *req, struct tn_res *res, void *arg);

/*
 * Told of requests that are there at the same time, before any handler is:
 * what they will need from afar can be asked for by one question. It may
 * leave something in a request for the handler with the same arg, and must
 * not answer or refuse: a handler that finds nothing asks by itself.
 */
typedef void tn_prepare(struct tn_req *const *reqs, size_t n, void *arg);

/* A handler with an argument of its own: what makers of middleware return. */
struct tn_step {
	tn_handler *fn;			/* NULL: out of memory */
	void *arg;
	void (*fini)(void *arg);	/* at the router's end; may be NULL */
	tn_prepare *prepare;		/* may be NULL */
};

/* TN_STEP(fn): a handler without one. */
#define TN_STEP(handler)	((struct tn_step){ .fn = (handler) })

/* Called with a parameter's value before the handlers that can ask for it. */
typedef int tn_param_handler(struct tn_req *req, struct tn_res *res,
    struct tn_slice value, void *arg);

struct tn_router;
struct tn_route;

/* Express's words; the zero value is what Express does. */
struct tn_router_options {
	bool case_sensitive;	/* "/A" is not "/a" */
	bool strict;		/* "/a/" is not "/a" */
	bool merge_params;	/* those of the routers above are seen too */
};

/*
 * arg  given to each handler that is added without one of its own
 * Returns NULL when out of memory; every function below takes that.
 */
struct tn_router *tn_router_new(void *arg);
struct tn_router *tn_router_new_with(void *arg,
    const struct tn_router_options *options);

/* The same later; before anything is added. */
void tn_router_set_options(struct tn_router *router,
    const struct tn_router_options *options);

/* A router that was mounted belongs to the one it was mounted in. */
void tn_router_free(struct tn_router **router);

/* A step that each request meets which comes as far. */
void tn_router_use(struct tn_router *router, struct tn_step step);

/* Only for paths at or below path, a pattern: "/api", "/:lang". */
void tn_router_use_at(struct tn_router *router, const char *path,
    struct tn_step step);

/* Paths at or below prefix, a pattern, go to other, which it then owns. */
void tn_router_mount(struct tn_router *router, const char *prefix,
    struct tn_router *other);

/*
 * Answers what handlers before it failed with: res->status is set by the
 * error already, req->err says why; only the status is for the client.
 * TN_NEXT leaves it to the next error handler; each is asked once. All of the
 * outermost router's are also asked for 404, 405 and answers that a handler
 * forgot.
 */
void tn_router_on_error(struct tn_router *router, tn_handler *fn);

/*
 * method    TN_METHOD_*, or -1 for all
 * handlers  ended by NULL; all get the router's arg
 */
void tn_router_add(struct tn_router *router, int method, const char *pattern,
    tn_handler *const *handlers);

/* tn_router_get(r, "/chat", require_login, chat_page) */
#define TN_HANDLERS(...)	((tn_handler *const[]){ __VA_ARGS__, NULL })
#define tn_router_get(r, path, ...) \
	tn_router_add((r), TN_METHOD_GET, (path), TN_HANDLERS(__VA_ARGS__))
#define tn_router_post(r, path, ...) \
	tn_router_add((r), TN_METHOD_POST, (path), TN_HANDLERS(__VA_ARGS__))
#define tn_router_put(r, path, ...) \
	tn_router_add((r), TN_METHOD_PUT, (path), TN_HANDLERS(__VA_ARGS__))
#define tn_router_patch(r, path, ...) \
	tn_router_add((r), TN_METHOD_PATCH, (path), TN_HANDLERS(__VA_ARGS__))
#define tn_router_delete(r, path, ...) \
	tn_router_add((r), TN_METHOD_DELETE, (path), TN_HANDLERS(__VA_ARGS__))
#define tn_router_all(r, path, ...) \
	tn_router_add((r), -1, (path), TN_HANDLERS(__VA_ARGS__))

#define tn_router_head(r, path, ...) \
	tn_router_add((r), TN_METHOD_HEAD, (path), TN_HANDLERS(__VA_ARGS__))
#define tn_router_options(r, path, ...) \
	tn_router_add((r), TN_METHOD_OPTIONS, (path), TN_HANDLERS(__VA_ARGS__))

/*
 * One path, to which handlers of several methods are added:
 *
 *	struct tn_route *user = tn_router_route(r, "/user/:id");
 *
 *	tn_route_get(user, show);
 *	tn_route_put(user, require_login, change);
 *
 * Belongs to the router. NULL without memory, which all below take.
 */
struct tn_route *tn_router_route(struct tn_router *router, const char *path);
void tn_route_add(struct tn_route *route, int method,
    tn_handler *const *handlers);
#define tn_route_get(route, ...) \
	tn_route_add((route), TN_METHOD_GET, TN_HANDLERS(__VA_ARGS__))
#define tn_route_post(route, ...) \
	tn_route_add((route), TN_METHOD_POST, TN_HANDLERS(__VA_ARGS__))
#define tn_route_put(route, ...) \
	tn_route_add((route), TN_METHOD_PUT, TN_HANDLERS(__VA_ARGS__))
#define tn_route_patch(route, ...) \
	tn_route_add((route), TN_METHOD_PATCH, TN_HANDLERS(__VA_ARGS__))
#define tn_route_delete(route, ...) \
	tn_route_add((route), TN_METHOD_DELETE, TN_HANDLERS(__VA_ARGS__))
#define tn_route_all(route, ...) \
	tn_route_add((route), -1, TN_HANDLERS(__VA_ARGS__))

/*
 * Call fn, with the router's arg, when a path matches that names this
 * parameter: before the handlers, and once a request and value. It answers
 * as a handler does.
 */
void tn_router_param(struct tn_router *router, const char *name,
    tn_param_handler *fn);

/*
 * Stand in a chain before and behind what takes long. What follows tn_slow is
 * done in the helper pool, what follows tn_quick by the event loop again:
 *
 *	tn_router_post(r, "/login", find, tn_slow, hash, tn_quick, log_in);
 *
 * A short question to Redis costs the loop less than a helper, who has to be
 * woken for the answer.
 */
tn_handler tn_slow;
tn_handler tn_quick;

/* What kept something from being added: 0, or TN_E_NOMEM, TN_E_CONFIG. */
int tn_router_check(const struct tn_router *router, struct tn_err *err);

/* For the app: tell each step that prepares of these requests. */
void tn_router_prepare(const struct tn_router *router,
    struct tn_req *const *reqs, size_t n);

/*
 * For the app: walk on from where req->walk stands (zeroed: the start).
 * Returns TN_DONE, TN_SLOW, TN_QUICK, TN_ASK, TN_NEXT at the end of all, or,
 * when no error handler took it, the error.
 */
int tn_router_walk(const struct tn_router *router, struct tn_req *req,
    struct tn_res *res);

#endif
