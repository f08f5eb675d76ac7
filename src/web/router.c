#include "config.h"

#include "web/router.h"

#include <stdlib.h>

#include "web/pattern.h"

enum { ALL_METHODS = -1 };

enum layer_kind { LAYER_USE, LAYER_ROUTE, LAYER_MOUNT, LAYER_ERROR };

/* One thing that was added. */
struct layer {
	enum layer_kind kind;
	int method;
	struct tn_pattern pattern;	/* of routes and mounts */
	struct tn_step *steps;		/* of all but mounts */
	size_t nsteps;
	struct tn_router *mounted;
};

struct tn_router {
	void *arg;
	struct layer *layers;
	size_t n, cap;
	bool is_mounted;
	struct tn_err failed;		/* the first thing that went wrong */
};

struct tn_router *
tn_router_new(void *arg)
{
	struct tn_router *router = calloc(1, sizeof(*router));

	if (router != NULL)
		router->arg = arg;
	return router;
}

static void
layer_fini(struct layer *layer)
{
	for (size_t i = 0; i < layer->nsteps; i++) {
		if (layer->steps[i].fini != NULL)
			layer->steps[i].fini(layer->steps[i].arg);
	}
	free(layer->steps);
	tn_pattern_fini(&layer->pattern);
	tn_router_free(&layer->mounted);
}

void
tn_router_free(struct tn_router **routerp)
{
	struct tn_router *router = *routerp;

	*routerp = NULL;
	if (router == NULL)
		return;
	for (size_t i = 0; i < router->n; i++)
		layer_fini(&router->layers[i]);
	free(router->layers);
	free(router);
}

static void
fail(struct tn_router *router, int code, const char *what)
{
	if (router->failed.code == 0)
		tn_err_set(&router->failed, code, "%s", what);
}

/* Room for a layer with n steps. Returns NULL, and router remembers why. */
static struct layer *
add_layer(struct tn_router *router, enum layer_kind kind, size_t n)
{
	struct layer *layers = router->layers;
	struct tn_step *steps = calloc(n + 1, sizeof(*steps));

	if (router->n == router->cap) {
		size_t cap = router->cap == 0 ? 8 : router->cap * 2;

		layers = realloc(layers, cap * sizeof(*layers));
		if (layers != NULL) {
			router->layers = layers;
			router->cap = cap;
		}
	}
	if (steps == NULL || layers == NULL) {
		free(steps);
		fail(router, TN_E_NOMEM, "no memory for a route");
		return NULL;
	}
	layers[router->n] = (struct layer){ .kind = kind, .steps = steps };
	return &layers[router->n++];
}

void
tn_router_use(struct tn_router *router, struct tn_step step)
{
	struct layer *layer = NULL;

	if (router != NULL && step.fn != NULL)
		layer = add_layer(router, LAYER_USE, 1);
	else if (router != NULL)
		fail(router, TN_E_NOMEM, "no memory for middleware");
	if (layer != NULL)
		layer->steps[layer->nsteps++] = step;
	else if (step.fini != NULL)
		step.fini(step.arg);
}

static size_t
height(const struct tn_router *router)
{
	size_t below = 0;

	for (size_t i = 0; i < router->n; i++) {
		if (router->layers[i].kind == LAYER_MOUNT) {
			size_t h = height(router->layers[i].mounted);

			below = h > below ? h : below;
		}
	}
	return below + 1;
}

/* May other be mounted? If not, router remembers why. */
static bool
is_mountable(struct tn_router *router, const struct tn_router *other)
{
	if (other == NULL)
		fail(router, TN_E_NOMEM, "no memory for a router");
	else if (other->is_mounted || other == router)
		fail(router, TN_E_CONFIG, "a router mounted twice");
	else
		return true;
	return false;
}

void
tn_router_mount(struct tn_router *router, const char *prefix,
    struct tn_router *other)
{
	struct layer *layer;
	struct tn_err err;

	if (router == NULL || !is_mountable(router, other))
		return;
	layer = add_layer(router, LAYER_MOUNT, 0);
	if (layer == NULL) {
		tn_router_free(&other);
		return;
	}
	layer->mounted = other;
	other->is_mounted = true;
	if (tn_pattern_init(&layer->pattern, prefix, &err) != 0)
		fail(router, err.code, err.text);
	else if (tn_slice_ends(tn_slice_str(prefix), TN_SLICE("/")))
		fail(router, TN_E_CONFIG, "a mount that ends in '/'");
}

void
tn_router_on_error(struct tn_router *router, tn_handler *fn)
{
	struct layer *layer;

	if (router == NULL)
		return;
	layer = add_layer(router, LAYER_ERROR, 1);
	if (layer != NULL)
		layer->steps[layer->nsteps++] =
		    (struct tn_step){ fn, router->arg, NULL };
}

void
tn_router_add(struct tn_router *router, int method, const char *pattern,
    tn_handler *const *handlers)
{
	struct layer *layer;
	struct tn_err err;
	size_t n = 0;

	if (router == NULL)
		return;
	while (handlers[n] != NULL)
		n++;
	layer = add_layer(router, LAYER_ROUTE, n);
	if (layer == NULL)
		return;
	layer->method = method;
	for (; layer->nsteps < n; layer->nsteps++)
		layer->steps[layer->nsteps] = (struct tn_step){
			handlers[layer->nsteps], router->arg, NULL };
	if (tn_pattern_init(&layer->pattern, pattern, &err) != 0)
		fail(router, err.code, err.text);
}

int
tn_slow(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	return req->is_slow ? TN_NEXT : TN_SLOW;
}

/* A router may have been added to after it was mounted: ask all below. */
int
tn_router_check(const struct tn_router *router, struct tn_err *err)
{
	if (router == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a router");
	if (router->failed.code != 0)
		return tn_err_set(err, router->failed.code, "%s",
		    router->failed.text);
	for (size_t i = 0; i < router->n; i++) {
		int rc = 0;

		if (router->layers[i].kind == LAYER_MOUNT)
			rc = tn_router_check(router->layers[i].mounted, err);
		if (rc != 0)
			return rc;
	}
	if (height(router) > TN_LIMIT_MOUNTS)
		return tn_err_set(err, TN_E_CONFIG,
		    "more than %d routers within each other",
		    TN_LIMIT_MOUNTS);
	return 0;
}

static struct tn_walk_frame *
top(struct tn_walk *w)
{
	return &w->frames[w->depth - 1];
}

/* On to the next layer; the parameters of this one are forgotten. */
static void
next_layer(struct tn_req *req)
{
	struct tn_walk_frame *f = top(&req->walk);

	f->layer++;
	f->step = 0;
	req->nparams = f->nparams;
	req->base_url = tn_slice_first(req->path, f->base_len);
}

static int
enter(struct tn_req *req, const struct tn_router *router, size_t base_len)
{
	struct tn_walk *w = &req->walk;

	if (w->depth == TN_LIMIT_MOUNTS)
		return tn_err_set(&req->err, TN_E_LIMIT,
		    "routers mounted too deep");
	w->frames[w->depth++] = (struct tn_walk_frame){
		.router = router, .base_len = base_len,
		.nparams = req->nparams,
	};
	req->base_url = tn_slice_first(req->path, base_len);
	return 0;
}

static struct tn_slice
path_within(const struct tn_req *req, const struct tn_walk_frame *f)
{
	struct tn_slice rest = tn_slice_after(req->path, f->base_len);

	return rest.len == 0 ? TN_SLICE("/") : rest;
}

/* Does the path lie at the pattern, or just behind it with a last '/'? */
static bool
is_at(struct tn_req *req, const struct layer *layer)
{
	struct tn_slice path = path_within(req, top(&req->walk));
	ptrdiff_t used = tn_pattern_match(&layer->pattern, path, req->params,
	    TN_LIMIT_PARAMS, &req->nparams);

	return used >= 0 && ((size_t)used == path.len ||
	    ((size_t)used + 1 == path.len && path.ptr[used] == '/'));
}

static bool
takes_method(const struct layer *layer, enum tn_method method)
{
	return layer->method == ALL_METHODS || layer->method == (int)method ||
	    (layer->method == TN_METHOD_GET && method == TN_METHOD_HEAD);
}

static bool
route_matches(struct tn_req *req, const struct layer *layer)
{
	if (!is_at(req, layer))
		return false;
	if (takes_method(layer, req->method))
		return true;
	req->walk.allowed |= 1u << layer->method;
	return false;
}

/* Go down into a mounted router if the path lies below its prefix. */
static int
try_mount(struct tn_req *req, const struct layer *layer)
{
	struct tn_walk_frame *f = top(&req->walk);
	struct tn_slice path = path_within(req, f);
	ptrdiff_t used = tn_pattern_match(&layer->pattern, path, req->params,
	    TN_LIMIT_PARAMS, &req->nparams);

	if (used < 0 || ((size_t)used < path.len && path.ptr[used] != '/')) {
		next_layer(req);
		return 0;
	}
	return enter(req, layer->mounted, f->base_len + (size_t)used);
}

static bool
is_wanted(struct tn_req *req, const struct layer *layer)
{
	switch (layer->kind) {
	case LAYER_ERROR:
		return req->walk.failed;
	case LAYER_ROUTE:
		return !req->walk.failed && route_matches(req, layer);
	default:
		return !req->walk.failed;
	}
}

/* One step of a layer. Returns what ends the walk, or TN_NEXT. */
static int
take_step(struct tn_req *req, struct tn_res *res, const struct layer *layer)
{
	struct tn_walk_frame *f = top(&req->walk);
	const struct tn_step *step = &layer->steps[f->step];
	int rc = step->fn(req, res, step->arg);

	if (rc == TN_NEXT) {
		if (++f->step == layer->nsteps)
			next_layer(req);
		return TN_NEXT;
	}
	if (rc > TN_SLOW || (rc == TN_SLOW && req->is_slow))
		return tn_err_set(&req->err, TN_E_STATE,
		    "a handler answered %d", rc);
	if (rc < 0 && req->err.code != rc)
		tn_err_set(&req->err, rc, "%s", tn_err_name(rc));
	return rc;
}

static int
meet(struct tn_req *req, struct tn_res *res, const struct layer *layer)
{
	struct tn_walk_frame *f = top(&req->walk);

	if (layer->kind == LAYER_MOUNT && !req->walk.failed)
		return try_mount(req, layer);
	if (layer->nsteps == 0 || (f->step == 0 && !is_wanted(req, layer))) {
		next_layer(req);
		return TN_NEXT;
	}
	return take_step(req, res, layer);
}

int
tn_router_walk(const struct tn_router *router, struct tn_req *req,
    struct tn_res *res)
{
	struct tn_walk *w = &req->walk;
	int rc;

	if (w->depth == 0) {
		rc = enter(req, router, 0);
		if (rc < 0)
			return rc;
	}
	for (;;) {
		struct tn_walk_frame *f = top(w);

		if (f->layer == f->router->n) {
			if (w->depth == 1)
				break;
			w->depth--;
			next_layer(req);
			continue;
		}
		rc = meet(req, res, &f->router->layers[f->layer]);
		if (rc > 0 || (rc < 0 && res->state != TN_RES_OPEN))
			return rc;
		if (rc < 0) {
			tn_res_fail(res);
			w->failed = true;
			next_layer(req);
		}
	}
	return w->failed ? req->err.code : TN_NEXT;
}
