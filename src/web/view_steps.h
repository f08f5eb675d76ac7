/* A compiled view, as view_compile.c makes it and view.c fills it. */
#ifndef TN_VIEW_STEPS_H
#define TN_VIEW_STEPS_H

#include <stdbool.h>

#include "base/map.h"

struct tn_err;

enum tn_view_kind {
	TN_VIEW_TEXT,		/* text as it stands */
	TN_VIEW_PUT,		/* the variable text, escaped */
	TN_VIEW_PUT_RAW,
	TN_VIEW_IF,		/* on to the next step, or to jump */
	TN_VIEW_JUMP,		/* over an else */
	TN_VIEW_FOR,		/* text: the item's name; jump: behind NEXT */
	TN_VIEW_NEXT,		/* end of a loop */
	TN_VIEW_INCLUDE,	/* text: a view's name */
	TN_VIEW_LAYOUT,
};

struct tn_view_step {
	enum tn_view_kind kind;
	bool negated;		/* of IF: "!name" */
	unsigned line;
	size_t jump;		/* a step's number */
	struct tn_slice text;
	struct tn_slice list;	/* of FOR */
};

struct tn_view {
	char *name;		/* for messages */
	char *text;		/* the template, which the steps point into */
	size_t len;
	struct tn_view_step *steps;
	size_t n, cap;
};

struct tn_views {
	struct tn_map by_name;	/* to struct tn_view */
};

/*
 * Fill view->steps from view->text.
 * Returns 0, TN_E_SYNTAX with "NAME:LINE: what", TN_E_LIMIT for blocks that
 * are nested too deep, TN_E_NOMEM.
 */
int tn_view_compile(struct tn_view *view, struct tn_err *err);

#endif
