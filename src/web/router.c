#include "config.h"

#include "web/router.h"

#include <stdlib.h>

#include "web/layers.h"

struct tn_router *
tn_router_new_with(void *arg, const struct tn_router_options *options)
{
	struct tn_router *router = calloc(1, sizeof(*router));

	if (router == NULL)
		return NULL;
	router->arg = arg;
	if (options != NULL)
		router->options = *options;
	return router;
}

struct tn_router *
tn_router_new(void *arg)
{
	return tn_router_new_with(arg, NULL);
}

static void
layer_fini(struct tn_layer *layer)
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
	for (size_t i = 0; i < router->nparams; i++)
		free(router->params[i].name);
	while (router->routes != NULL) {
		struct tn_route *route = router->routes;

		router->routes = route->next;
		free(route);
	}
	free(router->params);
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
static struct tn_layer *
add_layer(struct tn_router *router, enum tn_layer_kind kind, size_t n)
{
	struct tn_layer *layers = router->layers;
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
	layers[router->n] = (struct tn_layer){ .kind = kind, .steps = steps };
	return &layers[router->n++];
}

/* The pattern of a layer just added; what is wrong is remembered. */
static void
set_pattern(struct tn_router *router, struct tn_layer *layer,
    const char *pattern, unsigned flags)
{
	const struct tn_router_options *o = &router->options;
	struct tn_err err;

	if (o->strict && (flags & TN_PATTERN_OPEN) == 0)
		flags |= TN_PATTERN_STRICT;
	if (o->case_sensitive)
		flags |= TN_PATTERN_SENSITIVE;
	if (tn_pattern_init(&layer->pattern, pattern, flags, &err) != 0)
		fail(router, err.code, err.text);
}

void
tn_router_set_options(struct tn_router *router,
    const struct tn_router_options *options)
{
	if (router == NULL)
		return;
	if (router->n > 0)
		fail(router, TN_E_CONFIG,
		    "options of a router that has routes already");
	router->options = *options;
}

void
tn_router_use_at(struct tn_router *router, const char *path,
    struct tn_step step)
{
	struct tn_layer *layer = NULL;

	if (router != NULL && step.fn != NULL)
		layer = add_layer(router, TN_LAYER_USE, 1);
	else if (router != NULL)
		fail(router, TN_E_NOMEM, "no memory for middleware");
	if (layer == NULL) {
		if (step.fini != NULL)
			step.fini(step.arg);
		return;
	}
	layer->steps[layer->nsteps++] = step;
	set_pattern(router, layer, path, TN_PATTERN_OPEN);
}

void
tn_router_use(struct tn_router *router, struct tn_step step)
{
	tn_router_use_at(router, "/", step);
}

static size_t
height(const struct tn_router *router)
{
	size_t below = 0;

	for (size_t i = 0; i < router->n; i++) {
		if (router->layers[i].kind == TN_LAYER_MOUNT) {
			size_t h = height(router->layers[i].mounted);

			below = h > below ? h : below;
		}
	}
	return below + 1;
}

/* With all that its groups may hold. */
static size_t
count_params(const struct tn_pattern *pattern)
{
	size_t n = 0;

	for (size_t i = 0; pattern->nforms > 0 && i < pattern->ends[0]; i++)
		n += pattern->parts[i].kind != TN_PART_TEXT;
	return n;
}

/* That one request may have, from here down. */
static size_t
most_params(const struct tn_router *router)
{
	size_t most = 0;

	for (size_t i = 0; i < router->n; i++) {
		const struct tn_layer *layer = &router->layers[i];
		size_t n = count_params(&layer->pattern);

		if (layer->kind == TN_LAYER_MOUNT)
			n += most_params(layer->mounted);
		most = n > most ? n : most;
	}
	return most;
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
	struct tn_layer *layer;

	if (router == NULL || !is_mountable(router, other))
		return;
	layer = add_layer(router, TN_LAYER_MOUNT, 0);
	if (layer == NULL) {
		tn_router_free(&other);
		return;
	}
	layer->mounted = other;
	other->is_mounted = true;
	set_pattern(router, layer, prefix, TN_PATTERN_OPEN);
}

void
tn_router_on_error(struct tn_router *router, tn_handler *fn)
{
	struct tn_layer *layer;

	if (router == NULL)
		return;
	layer = add_layer(router, TN_LAYER_ERROR, 1);
	if (layer != NULL)
		layer->steps[layer->nsteps++] =
		    (struct tn_step){ .fn = fn, .arg = router->arg };
}

void
tn_router_add(struct tn_router *router, int method, const char *pattern,
    tn_handler *const *handlers)
{
	struct tn_layer *layer;
	size_t n = 0;

	if (router == NULL)
		return;
	while (handlers[n] != NULL)
		n++;
	layer = add_layer(router, TN_LAYER_ROUTE, n);
	if (layer == NULL)
		return;
	layer->method = method;
	for (; layer->nsteps < n; layer->nsteps++)
		layer->steps[layer->nsteps] = (struct tn_step){
			.fn = handlers[layer->nsteps], .arg = router->arg };
	set_pattern(router, layer, pattern, 0);
}

struct tn_route *
tn_router_route(struct tn_router *router, const char *path)
{
	struct tn_route *route;

	if (router == NULL)
		return NULL;
	route = calloc(1, sizeof(*route) + strlen(path) + 1);
	if (route == NULL) {
		fail(router, TN_E_NOMEM, "no memory for a route");
		return NULL;
	}
	memcpy(route->path, path, strlen(path) + 1);
	route->router = router;
	route->next = router->routes;
	router->routes = route;
	return route;
}

void
tn_route_add(struct tn_route *route, int method, tn_handler *const *handlers)
{
	if (route != NULL)
		tn_router_add(route->router, method, route->path, handlers);
}

void
tn_router_param(struct tn_router *router, const char *name,
    tn_param_handler *fn)
{
	struct tn_param_step *more;

	if (router == NULL)
		return;
	more = realloc(router->params,
	    (router->nparams + 1) * sizeof(*more));
	if (more != NULL) {
		router->params = more;
		more[router->nparams] = (struct tn_param_step){
			strdup(name), fn, router->arg };
	}
	if (more == NULL || more[router->nparams].name == NULL) {
		fail(router, TN_E_NOMEM, "no memory for a param callback");
		return;
	}
	router->nparams++;
}

int
tn_slow(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	return req->is_slow ? TN_NEXT : TN_SLOW;
}

int
tn_quick(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	return req->is_slow ? TN_QUICK : TN_NEXT;
}

void
tn_router_prepare(const struct tn_router *router,
    struct tn_req *const *reqs, size_t n)
{
	for (size_t i = 0; i < router->n; i++) {
		const struct tn_layer *layer = &router->layers[i];

		if (layer->kind == TN_LAYER_MOUNT)
			tn_router_prepare(layer->mounted, reqs, n);
		else if (layer->kind == TN_LAYER_USE &&
		    layer->steps[0].prepare != NULL)
			layer->steps[0].prepare(reqs, n, layer->steps[0].arg);
	}
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

		if (router->layers[i].kind == TN_LAYER_MOUNT)
			rc = tn_router_check(router->layers[i].mounted, err);
		if (rc != 0)
			return rc;
	}
	if (height(router) > TN_LIMIT_MOUNTS)
		return tn_err_set(err, TN_E_CONFIG,
		    "more than %d routers within each other",
		    TN_LIMIT_MOUNTS);
	if (most_params(router) > TN_LIMIT_PARAMS)
		return tn_err_set(err, TN_E_CONFIG,
		    "more than %d parameters in one path", TN_LIMIT_PARAMS);
	return 0;
}
