/*
 * Views: templates in the manner of EJS, compiled when the program starts.
 *
 *	<%= name %>			the text, escaped for HTML
 *	<%- name %>			the text as it is: for our own HTML only
 *	<%- include("nav") %>		another view, with the same variables
 *	<% if name %> .. <% else %> .. <% end %>
 *	<% if !name %>			true for an empty text or list, or none
 *	<% for item in list %> <%= item.name %> <% end %>
 *	<%# a comment %>   <%% gives <%   -%> swallows the end of the line
 *	<% layout("page") %>		this view becomes <%- body %> of "page"
 *
 * A name that nobody gave is an empty text.
 */
#ifndef TN_VIEW_H
#define TN_VIEW_H

#include "base/buf.h"

struct tn_err;
struct tn_views;

struct tn_var {
	const char *name;			/* NULL ends a set */
	struct tn_slice text;
	const struct tn_var *const *items;	/* of a list: sets, n of them */
	size_t n;
};

#define TN_VAR(name, slice)	{ (name), (slice), NULL, 0 }
#define TN_VAR_STR(name, str)	{ (name), tn_slice_str(str), NULL, 0 }
#define TN_VAR_FLAG(name, on)	\
	{ (name), (on) ? TN_SLICE("true") : TN_SLICE_NONE, NULL, 0 }
#define TN_VAR_LIST(name, items, n) \
	{ (name), { NULL, 0 }, (items), (n) }

/* tn_res_render(res, "home", tn_vars(TN_VAR_STR("title", "Home"))) */
#define tn_vars(...)	\
	((const struct tn_var[]){ __VA_ARGS__, { NULL, { NULL, 0 }, NULL, 0 } })

/* Variables that are made when a view asks for them. */
typedef bool tn_view_find(void *arg, struct tn_slice name,
    struct tn_var *out);

/*
 * Compile all *.ejs files of a folder and its subfolders. A view is named by
 * its path without the ending: "account/login".
 * Returns NULL with "FILE:LINE: what" in err: TN_E_SYNTAX, TN_E_SYSTEM, ...
 */
struct tn_views *tn_views_load(const char *dir, struct tn_err *err);

/* The same from memory; for tests, and programs with views built in. */
struct tn_view_source {
	const char *name;
	const char *text;
};
struct tn_views *tn_views_new(const struct tn_view_source *sources, size_t n,
    struct tn_err *err);
void tn_views_free(struct tn_views **views);

/*
 * Fill a view.
 *
 * vars  may be NULL
 * find  asked for names that vars has not; may be NULL
 * out   the text is appended
 *
 * Returns 0; TN_E_CONFIG if there is no view of that name; the buffer's
 * failures.
 */
int tn_view_render(const struct tn_views *views, const char *name,
    const struct tn_var *vars, tn_view_find *find, void *arg,
    struct tn_buf *out, struct tn_err *err);

/* Escape & < > " ' for text and quoted attributes of HTML. */
void tn_html_escape(struct tn_buf *out, struct tn_slice text);

#endif
