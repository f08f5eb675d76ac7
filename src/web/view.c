/*
 * A view is compiled into a list of steps; blocks are jumps by number:
 *
 *	0 TEXT "<ul>"
 *	1 FOR item in list, else to 5
 *	2 TEXT "<li>"
 *	3 PUT item.name
 *	4 NEXT to 1
 *	5 TEXT "</ul>"
 *
 * Compiling is view_compile.c's; here they are kept and filled.
 */
#include "config.h"

#include "web/view.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/limits.h"
#include "web/view_steps.h"

/* ---- The set of views -------------------------------------------------------*/

static struct tn_view *
find_view(const struct tn_views *views, struct tn_slice name)
{
	return tn_map_get(&views->by_name, name);
}

static void
view_free(struct tn_view *view)
{
	if (view == NULL)
		return;
	free(view->steps);
	free(view->text);
	free(view->name);
	free(view);
}

void
tn_views_free(struct tn_views **views)
{
	const struct tn_map_entry *entry;
	size_t at = 0;

	if (*views == NULL)
		return;
	while ((entry = tn_map_next(&(*views)->by_name, &at)) != NULL)
		view_free(entry->value);
	tn_map_fini(&(*views)->by_name);
	free(*views);
	*views = NULL;
}

/* Keep a view under its name; file stands for it in messages. */
static int
add_view(struct tn_views *views, struct tn_slice name, const char *file,
    struct tn_slice text, struct tn_err *err)
{
	struct tn_view *view = calloc(1, sizeof(*view));
	int e;

	if (view == NULL)
		return tn_err_set(err, TN_E_NOMEM, "%s: out of memory", file);
	view->name = strdup(file);
	view->text = malloc(text.len + 1);
	if (view->name == NULL || view->text == NULL) {
		view_free(view);
		return tn_err_set(err, TN_E_NOMEM, "%s: out of memory", file);
	}
	if (text.len > 0)
		memcpy(view->text, text.ptr, text.len);
	view->len = text.len;
	e = tn_view_compile(view, err);
	if (e == 0)
		e = tn_map_set(&views->by_name, name, view, NULL);
	if (e < 0)
		view_free(view);
	return e;
}

/* Every view that is named exists, so that filling cannot fail on it. */
static int
check_names(const struct tn_views *views, struct tn_err *err)
{
	const struct tn_map_entry *entry;
	size_t at = 0;

	while ((entry = tn_map_next(&views->by_name, &at)) != NULL) {
		const struct tn_view *view = entry->value;

		for (size_t i = 0; i < view->n; i++) {
			const struct tn_view_step *step = &view->steps[i];

			if (step->kind != TN_VIEW_INCLUDE &&
			    step->kind != TN_VIEW_LAYOUT)
				continue;
			if (find_view(views, step->text) == NULL)
				return tn_err_set(err, TN_E_SYNTAX,
				    "%s:%u: no view \"%.*s\"", view->name,
				    step->line, TN_SLICE_ARG(step->text));
		}
	}
	return 0;
}

struct tn_views *
tn_views_new(const struct tn_view_source *sources, size_t n,
    struct tn_err *err)
{
	struct tn_views *views = calloc(1, sizeof(*views));
	int e = 0;

	if (views == NULL) {
		tn_err_set(err, TN_E_NOMEM, "views: out of memory");
		return NULL;
	}
	for (size_t i = 0; e == 0 && i < n; i++)
		e = add_view(views, tn_slice_str(sources[i].name),
		    sources[i].name, tn_slice_str(sources[i].text), err);
	if (e == 0)
		e = check_names(views, err);
	if (e < 0)
		tn_views_free(&views);
	return views;
}

/* ---- From a folder ----------------------------------------------------------*/

static int
read_file(const char *path, struct tn_buf *text, struct tn_err *err)
{
	FILE *f = fopen(path, "re");
	char *room;
	int e = 0;

	if (f == NULL)
		return tn_err_errno(err, TN_E_SYSTEM, "%s", path);
	while ((room = tn_buf_room(text, 4096)) != NULL) {
		size_t n = fread(room, 1, 4096, f);

		text->len += n;
		if (n == 0)
			break;
	}
	if (ferror(f))
		e = tn_err_errno(err, TN_E_SYSTEM, "%s", path);
	else if (text->failed != 0)
		e = tn_err_set(err, text->failed, "%s: larger than %u bytes",
		    path, TN_LIMIT_VIEW_BYTES);
	fclose(f);
	return e;
}

static int load_folder(struct tn_views *views, const char *dir, size_t root,
    struct tn_err *err);

/* One name in a folder: a view, a folder, or nothing of ours. */
static int
load_entry(struct tn_views *views, const char *dir, const char *name,
    size_t root, struct tn_err *err)
{
	static const struct tn_slice ending = { ".ejs", 4 };
	struct tn_slice view;
	struct tn_buf text;
	struct stat st;
	char path[1024];
	int e;

	if (name[0] == '.')
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    sizeof(path))
		return tn_err_set(err, TN_E_LIMIT, "%s/%s: path too long",
		    dir, name);
	if (stat(path, &st) < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "%s", path);
	if (S_ISDIR(st.st_mode))
		return load_folder(views, path, root, err);
	if (!S_ISREG(st.st_mode) || !tn_slice_ends(tn_slice_str(path), ending))
		return 0;
	tn_buf_init(&text, TN_LIMIT_VIEW_BYTES);
	view = tn_slice_after(tn_slice_str(path), root + 1);
	view.len -= ending.len;
	e = read_file(path, &text, err);
	if (e == 0)
		e = add_view(views, view, path, tn_buf_view(&text), err);
	tn_buf_fini(&text);
	return e;
}

static int
load_folder(struct tn_views *views, const char *dir, size_t root,
    struct tn_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int e = 0;

	if (d == NULL)
		return tn_err_errno(err, TN_E_SYSTEM, "%s", dir);
	while (e == 0 && (entry = readdir(d)) != NULL)
		e = load_entry(views, dir, entry->d_name, root, err);
	closedir(d);
	return e;
}

struct tn_views *
tn_views_load(const char *dir, struct tn_err *err)
{
	struct tn_views *views = tn_views_new(NULL, 0, err);
	int e;

	if (views == NULL)
		return NULL;
	e = load_folder(views, dir, strlen(dir), err);
	if (e == 0)
		e = check_names(views, err);
	if (e < 0)
		tn_views_free(&views);
	return views;
}

/* ---- Filling ----------------------------------------------------------------*/

/* What a name means, innermost loop first. */
struct scope {
	const struct scope *outer;
	struct tn_slice item;		/* the loop's name for its item */
	const struct tn_var *set;	/* the item's own variables */
};

struct fill {
	const struct tn_views *views;
	const struct tn_var *vars;
	tn_view_find *find;
	void *arg;
	struct tn_slice body;		/* of the view inside a layout */
	struct tn_buf *out;
	unsigned depth;
};

static bool
find_in(const struct tn_var *set, struct tn_slice name, struct tn_var *out)
{
	for (; set != NULL && set->name != NULL; set++) {
		if (tn_slice_is(name, set->name)) {
			*out = *set;
			return true;
		}
	}
	return false;
}

static struct tn_var
look_up(const struct fill *f, const struct scope *scope, struct tn_slice name)
{
	struct tn_var var = { NULL, TN_SLICE_NONE, NULL, 0 };
	struct tn_slice member = name;
	struct tn_slice first = tn_slice_cut(&member, '.');

	if (tn_slice_is(name, "body") && f->body.ptr != NULL) {
		var.text = f->body;
		return var;
	}
	for (; member.ptr != NULL && scope != NULL; scope = scope->outer) {
		if (tn_slice_eq(first, scope->item)) {
			find_in(scope->set, member, &var);
			return var;
		}
	}
	if (!find_in(f->vars, name, &var) && f->find != NULL)
		f->find(f->arg, name, &var);
	return var;
}

static bool
is_true(const struct tn_var *var)
{
	return var->text.len > 0 || var->n > 0;
}

static int fill_view(struct fill *f, const struct tn_view *view,
    const struct scope *scope, struct tn_err *err);
static int fill_steps(struct fill *f, const struct tn_view *view, size_t from,
    size_t to, const struct scope *scope, struct tn_err *err);

/* The steps of a loop, once for each item. */
static int
fill_loop(struct fill *f, const struct tn_view *view, size_t at,
    const struct scope *outer, struct tn_err *err)
{
	const struct tn_view_step *step = &view->steps[at];
	const struct tn_var list = look_up(f, outer, step->list);
	struct scope scope = { outer, step->text, NULL };
	int e = 0;

	for (size_t i = 0; e == 0 && i < list.n; i++) {
		scope.set = list.items[i];
		e = fill_steps(f, view, at + 1, step->jump - 1, &scope, err);
	}
	return e;
}

static int
fill_include(struct fill *f, const struct tn_view *view,
    const struct tn_view_step *step, const struct scope *scope,
    struct tn_err *err)
{
	int e;

	if (f->depth == TN_LIMIT_VIEW_DEPTH)
		return tn_err_set(err, TN_E_LIMIT,
		    "%s:%u: views include each other without end",
		    view->name, step->line);
	f->depth++;
	e = fill_view(f, find_view(f->views, step->text), scope, err);
	f->depth--;
	return e;
}

static int
fill_steps(struct fill *f, const struct tn_view *view, size_t from, size_t to,
    const struct scope *scope, struct tn_err *err)
{
	size_t i = from;
	int e = 0;

	while (e == 0 && i < to) {
		const struct tn_view_step *step = &view->steps[i++];
		struct tn_var var;

		switch (step->kind) {
		case TN_VIEW_TEXT:
			tn_buf_slice(f->out, step->text);
			break;
		case TN_VIEW_PUT:
			tn_html_escape(f->out,
			    look_up(f, scope, step->text).text);
			break;
		case TN_VIEW_PUT_RAW:
			tn_buf_slice(f->out,
			    look_up(f, scope, step->text).text);
			break;
		case TN_VIEW_IF:
			var = look_up(f, scope, step->text);
			if (is_true(&var) == step->negated)
				i = step->jump;
			break;
		case TN_VIEW_JUMP:
			i = step->jump;
			break;
		case TN_VIEW_FOR:
			e = fill_loop(f, view, i - 1, scope, err);
			i = step->jump;
			break;
		case TN_VIEW_INCLUDE:
			e = fill_include(f, view, step, scope, err);
			break;
		case TN_VIEW_NEXT:
		case TN_VIEW_LAYOUT:
			break;
		}
	}
	return e;
}

static const struct tn_view_step *
layout_of(const struct tn_view *view)
{
	for (size_t i = 0; i < view->n; i++)
		if (view->steps[i].kind == TN_VIEW_LAYOUT)
			return &view->steps[i];
	return NULL;
}

/* The view into a buffer of its own, then its layout around that. */
static int
fill_layout(struct fill *f, const struct tn_view *view,
    const struct tn_view_step *layout, const struct scope *scope,
    struct tn_err *err)
{
	struct tn_slice body_before = f->body;
	struct tn_buf *out_before = f->out, inner;
	int e;

	tn_buf_init(&inner, out_before->max);
	f->out = &inner;
	e = fill_steps(f, view, 0, view->n, scope, err);
	f->out = out_before;
	if (e == 0)
		e = tn_buf_finish(&inner, &f->body, err);
	if (e == 0) {
		if (f->body.ptr == NULL)
			f->body = TN_SLICE("");
		e = fill_include(f, view, layout, scope, err);
	}
	f->body = body_before;
	tn_buf_fini(&inner);
	return e;
}

static int
fill_view(struct fill *f, const struct tn_view *view,
    const struct scope *scope, struct tn_err *err)
{
	const struct tn_view_step *layout = layout_of(view);

	if (layout != NULL)
		return fill_layout(f, view, layout, scope, err);
	return fill_steps(f, view, 0, view->n, scope, err);
}

int
tn_view_render(const struct tn_views *views, const char *name,
    const struct tn_var *vars, tn_view_find *find, void *arg,
    struct tn_buf *out, struct tn_err *err)
{
	struct tn_view *view = find_view(views, tn_slice_str(name));
	struct fill f = { .views = views, .vars = vars, .find = find,
	    .arg = arg, .out = out };
	struct tn_slice done;
	int e;

	if (view == NULL)
		return tn_err_set(err, TN_E_CONFIG, "no view \"%s\"", name);
	e = fill_view(&f, view, NULL, err);
	return e < 0 ? e : tn_buf_finish(out, &done, err);
}

void
tn_html_escape(struct tn_buf *out, struct tn_slice text)
{
	static const char *const escapes[256] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;",
		['"'] = "&quot;", ['\''] = "&#39;",
	};
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *escape = escapes[(unsigned char)text.ptr[i]];

		if (escape == NULL)
			continue;
		tn_buf_bytes(out, text.ptr + from, i - from);
		tn_buf_str(out, escape);
		from = i + 1;
	}
	tn_buf_bytes(out, text.ptr == NULL ? "" : text.ptr + from,
	    text.len - from);
}
