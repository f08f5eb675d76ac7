/* For the router alone: what a router is made of. */
#ifndef TN_LAYERS_H
#define TN_LAYERS_H

#include "web/pattern.h"
#include "web/router.h"

enum { TN_ALL_METHODS = -1 };

enum tn_layer_kind {
	TN_LAYER_USE,		/* for each path at or below its pattern */
	TN_LAYER_ROUTE,
	TN_LAYER_MOUNT,
	TN_LAYER_ERROR,
};

/* One thing that was added. */
struct tn_layer {
	enum tn_layer_kind kind;
	int method;			/* of routes */
	struct tn_pattern pattern;	/* of all but error handlers */
	struct tn_step *steps;		/* of all but mounts */
	size_t nsteps;
	struct tn_router *mounted;
};

/* What is called with a parameter before the handlers. */
struct tn_param_step {
	char *name;
	tn_param_handler *fn;
	void *arg;
};

struct tn_route {
	struct tn_route *next;
	struct tn_router *router;
	char path[];
};

struct tn_router {
	void *arg;
	struct tn_router_options options;
	struct tn_layer *layers;
	size_t n, cap;
	struct tn_param_step *params;
	size_t nparams;
	struct tn_route *routes;
	bool is_mounted;
	struct tn_err failed;		/* the first thing that went wrong */
};

#endif
