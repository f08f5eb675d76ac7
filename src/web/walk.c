/*
 * Walks a request along the layers of a router and of those mounted in it.
 *
 * Where it stands is kept in the request, so that it goes on from there when
 * a handler has asked for the helper pool.
 */
#include "config.h"

#include "web/layers.h"

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
	f->param = 0;
	f->entered = false;
	f->inner_len = f->base_len;
	req->nparams = f->nparams;
	req->first_param = f->first_param;
	req->base_url = tn_slice_first(req->path, f->base_len);
}

static int
enter(struct tn_req *req, const struct tn_router *router, size_t base_len)
{
	struct tn_walk *w = &req->walk;

	if (w->depth == TN_LIMIT_MOUNTS)
		return tn_err_set(&req->err, TN_E_LIMIT,
		    "routers mounted too deep");
	if (!router->options.merge_params)
		req->first_param = req->nparams;
	w->frames[w->depth++] = (struct tn_walk_frame){
		.router = router, .base_len = base_len, .inner_len = base_len,
		.nparams = req->nparams, .first_param = req->first_param,
		.ncalled = w->ncalled,
	};
	req->base_url = tn_slice_first(req->path, base_len);
	return 0;
}

/* Out of a mounted router, behind the layer that led there. */
static void
leave(struct tn_req *req)
{
	struct tn_walk *w = &req->walk;

	w->ncalled = top(w)->ncalled;
	w->depth--;
	next_layer(req);
}

static struct tn_slice
path_within(const struct tn_req *req, const struct tn_walk_frame *f)
{
	struct tn_slice rest = tn_slice_after(req->path, f->base_len);

	return rest.len == 0 ? TN_SLICE("/") : rest;
}

static ptrdiff_t
match(struct tn_req *req, const struct tn_layer *layer)
{
	return tn_pattern_match(&layer->pattern,
	    path_within(req, top(&req->walk)), req->params, TN_LIMIT_PARAMS,
	    &req->nparams);
}

static bool
takes_method(const struct tn_layer *layer, enum tn_method method)
{
	return layer->method == TN_ALL_METHODS ||
	    layer->method == (int)method ||
	    (layer->method == TN_METHOD_GET && method == TN_METHOD_HEAD);
}

static bool
route_matches(struct tn_req *req, const struct tn_layer *layer)
{
	if (match(req, layer) < 0)
		return false;
	if (takes_method(layer, req->method))
		return true;
	req->walk.allowed |= 1u << layer->method;
	return false;
}

/* A mount or middleware: what its pattern covers becomes its base. */
static bool
prefix_matches(struct tn_req *req, const struct tn_layer *layer)
{
	struct tn_walk_frame *f = top(&req->walk);
	ptrdiff_t used = match(req, layer);

	if (used > 0)
		f->inner_len = f->base_len + (size_t)used;
	return used >= 0;
}

static bool
is_wanted(struct tn_req *req, const struct tn_layer *layer)
{
	if (req->walk.failed || layer->kind == TN_LAYER_ERROR)
		return req->walk.failed && layer->kind == TN_LAYER_ERROR;
	if (layer->kind == TN_LAYER_ROUTE)
		return layer->nsteps > 0 && route_matches(req, layer);
	return prefix_matches(req, layer);
}

/* What it makes no sense for a handler to answer is an error. */
static int
check(struct tn_req *req, int rc)
{
	if (rc > TN_NEXT_ROUTER || (rc == TN_ASK && req->batch == NULL) ||
	    rc == (req->is_slow ? TN_SLOW : TN_QUICK))
		return tn_err_set(&req->err, TN_E_STATE,
		    "a handler answered %d", rc);
	if (rc < 0 && req->err.code != rc)
		tn_err_set(&req->err, rc, "%s", tn_err_name(rc));
	return rc;
}

/* Is this handler done, and the next one's turn? */
static bool
goes_on(int rc)
{
	return rc == TN_NEXT || rc == TN_ASK;
}

/* ---- Param callbacks -------------------------------------------------------- */

static bool
was_called(const struct tn_walk *w, const struct tn_param_step *step,
    struct tn_slice value)
{
	for (size_t i = w->frames[w->depth - 1].ncalled; i < w->ncalled; i++) {
		if (w->called[i].step == step &&
		    tn_slice_eq(w->called[i].value, value))
			return true;
	}
	return false;
}

static int
call_param(struct tn_req *req, struct tn_res *res,
    const struct tn_param_step *step, const struct tn_pair *param)
{
	struct tn_walk *w = &req->walk;
	int rc;

	if (!tn_slice_is(param->name, step->name) ||
	    was_called(w, step, param->value))
		return TN_NEXT;
	rc = check(req, step->fn(req, res, param->value, step->arg));
	if (goes_on(rc) && w->ncalled < TN_LIMIT_PARAM_CALLS)
		w->called[w->ncalled++] =
		    (struct tn_param_call){ step, param->value };
	return rc;
}

/* For each parameter of this layer, each callback: once a value. */
static int
call_params(struct tn_req *req, struct tn_res *res)
{
	struct tn_walk_frame *f = top(&req->walk);
	const struct tn_router *router = f->router;
	size_t all = (req->nparams - f->nparams) * router->nparams;

	for (; f->param < all; f->param++) {
		int rc = call_param(req, res,
		    &router->params[f->param % router->nparams],
		    &req->params[f->nparams + f->param / router->nparams]);

		if (rc == TN_ASK)
			f->param++;
		if (rc != TN_NEXT)
			return rc;
	}
	return TN_NEXT;
}

/* ---- Steps ------------------------------------------------------------------ */

/* What a handler answered: what ends the walk, or TN_NEXT. */
static int
judge(struct tn_req *req, int rc)
{
	struct tn_walk_frame *f = top(&req->walk);

	if (rc != TN_NEXT_ROUTER && rc != TN_NEXT_ROUTE)
		return rc;
	if (rc == TN_NEXT_ROUTER)
		f->layer = f->router->n - 1;
	next_layer(req);
	return TN_NEXT;
}

static int
take_step(struct tn_req *req, struct tn_res *res, const struct tn_layer *layer)
{
	struct tn_walk_frame *f = top(&req->walk);
	const struct tn_step *step = &layer->steps[f->step];
	int rc = check(req, step->fn(req, res, step->arg));

	if (goes_on(rc) && ++f->step == layer->nsteps)
		next_layer(req);
	return judge(req, rc);
}

static int
meet(struct tn_req *req, struct tn_res *res, const struct tn_layer *layer)
{
	struct tn_walk_frame *f = top(&req->walk);
	int rc;

	if (!f->entered && !is_wanted(req, layer)) {
		next_layer(req);
		return TN_NEXT;
	}
	f->entered = true;
	if (f->router->nparams > 0 && !req->walk.failed) {
		rc = call_params(req, res);
		if (rc != TN_NEXT)
			return judge(req, rc);
	}
	if (layer->kind == TN_LAYER_MOUNT)
		return enter(req, layer->mounted, f->inner_len);
	req->base_url = tn_slice_first(req->path, f->inner_len);
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

		if (f->layer >= f->router->n) {
			if (w->depth == 1)
				break;
			leave(req);
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
