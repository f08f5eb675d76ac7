#include "config.h"

#include "web/view_steps.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"

/* A block that has been opened: where its IF, else's JUMP or FOR stands. */
struct block {
	size_t opened;
	size_t jump;		/* the else's, or NO_STEP */
};

#define NO_STEP ((size_t)-1)

struct compiler {
	struct tn_view *view;
	struct tn_slice rest;
	unsigned line;
	struct block blocks[TN_LIMIT_VIEW_DEPTH];
	unsigned depth;
	struct tn_err *err;
};

static int
wrong(const struct compiler *c, const char *what, struct tn_slice which)
{
	return tn_err_set(c->err, TN_E_SYNTAX, "%s:%u: %s%s%.*s",
	    c->view->name, c->line, what, which.len > 0 ? ": " : "",
	    TN_SLICE_ARG(which));
}

/* The step that was added, or NULL when there is no memory. */
static struct tn_view_step *
add_step(struct compiler *c, enum tn_view_kind kind, struct tn_slice text)
{
	struct tn_view *v = c->view;
	struct tn_view_step *step;

	if (v->n == v->cap) {
		size_t cap = v->cap == 0 ? 32 : v->cap * 2;
		struct tn_view_step *more = realloc(v->steps,
		    cap * sizeof(*more));

		if (more == NULL) {
			tn_err_set(c->err, TN_E_NOMEM, "%s: out of memory",
			    v->name);
			return NULL;
		}
		v->steps = more;
		v->cap = cap;
	}
	step = &v->steps[v->n++];
	*step = (struct tn_view_step){ .kind = kind, .text = text,
	    .line = c->line };
	return step;
}

static int
add(struct compiler *c, enum tn_view_kind kind, struct tn_slice text)
{
	return add_step(c, kind, text) == NULL ? TN_E_NOMEM : 0;
}

static bool
is_name(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char ch = s.ptr[i];

		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= '0' && ch <= '9' && i > 0) || ch == '_' ||
		    (ch == '.' && i > 0 && i + 1 < s.len)))
			return false;
	}
	return s.len > 0;
}

/* The "name" in word("name"). */
static bool
called_with(struct tn_slice code, const char *word, struct tn_slice *name)
{
	struct tn_slice rest;

	if (!tn_slice_starts(code, tn_slice_str(word)))
		return false;
	rest = tn_slice_trim(tn_slice_after(code, strlen(word)));
	if (rest.len < 4 || !tn_slice_starts(rest, TN_SLICE("(\"")) ||
	    !tn_slice_ends(rest, TN_SLICE("\")")))
		return false;
	*name = tn_slice(rest.ptr + 2, rest.len - 4);
	return true;
}

/* The first word of *code, which is moved behind it. */
static struct tn_slice
next_word(struct tn_slice *code)
{
	struct tn_slice word = tn_slice_cut(code, ' ');

	*code = tn_slice_trim(*code);
	return word;
}

static int
open_block(struct compiler *c, size_t step)
{
	if (c->depth == TN_LIMIT_VIEW_DEPTH)
		return tn_err_set(c->err, TN_E_LIMIT,
		    "%s:%u: blocks nested too deep", c->view->name, c->line);
	c->blocks[c->depth++] = (struct block){ step, NO_STEP };
	return 0;
}

static int
on_if(struct compiler *c, struct tn_slice name)
{
	bool negated = name.len > 0 && name.ptr[0] == '!';
	struct tn_view_step *step;

	if (negated)
		name = tn_slice_trim(tn_slice_after(name, 1));
	if (!is_name(name))
		return wrong(c, "if wants a name", name);
	step = add_step(c, TN_VIEW_IF, name);
	if (step == NULL)
		return TN_E_NOMEM;
	step->negated = negated;
	return open_block(c, c->view->n - 1);
}

static int
on_for(struct compiler *c, struct tn_slice code)
{
	struct tn_slice item = next_word(&code), in = next_word(&code);
	struct tn_view_step *step;

	if (!is_name(item) || !tn_slice_is(in, "in") || !is_name(code))
		return wrong(c, "for wants \"item in list\"", code);
	step = add_step(c, TN_VIEW_FOR, item);
	if (step == NULL)
		return TN_E_NOMEM;
	step->list = code;
	return open_block(c, c->view->n - 1);
}

static int
on_else(struct compiler *c)
{
	struct block *b = c->depth > 0 ? &c->blocks[c->depth - 1] : NULL;

	if (b == NULL || b->jump != NO_STEP ||
	    c->view->steps[b->opened].kind != TN_VIEW_IF)
		return wrong(c, "else without if", TN_SLICE_NONE);
	if (add(c, TN_VIEW_JUMP, TN_SLICE_NONE) < 0)
		return TN_E_NOMEM;
	b->jump = c->view->n - 1;
	c->view->steps[b->opened].jump = c->view->n;
	return 0;
}

static int
on_end(struct compiler *c)
{
	struct block *b;

	if (c->depth == 0)
		return wrong(c, "end without if or for", TN_SLICE_NONE);
	b = &c->blocks[--c->depth];
	if (c->view->steps[b->opened].kind == TN_VIEW_FOR &&
	    add(c, TN_VIEW_NEXT, TN_SLICE_NONE) < 0)
		return TN_E_NOMEM;
	c->view->steps[b->jump == NO_STEP ? b->opened : b->jump].jump =
	    c->view->n;
	return 0;
}

static int
on_code(struct compiler *c, struct tn_slice code)
{
	struct tn_slice rest = code, name, word = next_word(&rest);

	if (called_with(code, "layout", &name))
		return add(c, TN_VIEW_LAYOUT, name);
	if (tn_slice_is(word, "if"))
		return on_if(c, rest);
	if (tn_slice_is(word, "for"))
		return on_for(c, rest);
	if (tn_slice_is(code, "else"))
		return on_else(c);
	if (tn_slice_is(code, "end"))
		return on_end(c);
	return wrong(c, "unknown code", code);
}

/* What stands between <% and %>, without them. */
static int
on_tag(struct compiler *c, struct tn_slice tag)
{
	char kind = tag.len > 0 ? tag.ptr[0] : '\0';
	struct tn_slice code = tn_slice_trim(tn_slice_after(tag, 1)), name;

	switch (kind) {
	case '#':
		return 0;
	case '=':
		return is_name(code) ? add(c, TN_VIEW_PUT, code) :
		    wrong(c, "not a name", code);
	case '-':
		if (called_with(code, "include", &name))
			return add(c, TN_VIEW_INCLUDE, name);
		return is_name(code) ? add(c, TN_VIEW_PUT_RAW, code) :
		    wrong(c, "not a name", code);
	default:
		return on_code(c, tn_slice_trim(tag));
	}
}

static void
count_lines(struct compiler *c, struct tn_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		c->line += text.ptr[i] == '\n';
}

static ptrdiff_t
find_text(struct tn_slice in, const char *what)
{
	const char *at = in.len == 0 ? NULL :
	    memmem(in.ptr, in.len, what, strlen(what));

	return at == NULL ? -1 : at - in.ptr;
}

static int
add_text(struct compiler *c, size_t len)
{
	struct tn_slice text = tn_slice_first(c->rest, len);
	int e = len > 0 ? add(c, TN_VIEW_TEXT, text) : 0;

	count_lines(c, text);
	c->rest = tn_slice_after(c->rest, len);
	return e;
}

/* At "<%": the tag, and with "-%>" the end of its line. */
static int
take_tag(struct compiler *c)
{
	ptrdiff_t end = find_text(c->rest, "%>");
	struct tn_slice tag;
	bool swallow;
	int e;

	if (end < 0)
		return wrong(c, "<% without %>", TN_SLICE_NONE);
	tag = tn_slice(c->rest.ptr + 2, (size_t)end - 2);
	swallow = tag.len > 1 && tag.ptr[tag.len - 1] == '-';
	tag.len -= swallow;
	e = on_tag(c, tag);
	count_lines(c, tag);
	c->rest = tn_slice_after(c->rest, (size_t)end + 2);
	if (swallow && tn_slice_starts(c->rest, TN_SLICE("\n"))) {
		c->rest = tn_slice_after(c->rest, 1);
		c->line++;
	}
	return e;
}

static int
take_next(struct compiler *c)
{
	ptrdiff_t at = find_text(c->rest, "<%");

	if (at != 0)
		return add_text(c, at < 0 ? c->rest.len : (size_t)at);
	if (!tn_slice_starts(c->rest, TN_SLICE("<%%")))
		return take_tag(c);
	c->rest = tn_slice_after(c->rest, 3);
	return add(c, TN_VIEW_TEXT, TN_SLICE("<%"));
}

int
tn_view_compile(struct tn_view *view, struct tn_err *err)
{
	struct compiler c = { .view = view, .line = 1, .err = err,
	    .rest = tn_slice(view->text, view->len) };
	int e = 0;

	while (e == 0 && c.rest.len > 0)
		e = take_next(&c);
	if (e < 0)
		return e;
	if (c.depth > 0) {
		c.line = view->steps[c.blocks[c.depth - 1].opened].line;
		return wrong(&c, "a block without end", TN_SLICE_NONE);
	}
	return 0;
}
