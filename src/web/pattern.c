/*
 * A pattern is read into marks, and the marks are laid out as forms: one for
 * each choice of its groups, tried in turn.
 *
 *	"/a{/:b}"	TEXT "/a"  OPEN  TEXT "/"  NAME b  CLOSE
 *	forms		TEXT "/a" TEXT "/" NAME b
 *			TEXT "/a"
 *
 * A parameter takes as much as it may and gives back from its end. What it
 * may take is bounded so that this stays linear in the path: behind another
 * parameter of the same segment it cannot run over the text between the two.
 */
#include "config.h"

#include "web/pattern.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"

struct mark {
	enum { MARK_TEXT, MARK_NAME, MARK_REST, MARK_OPEN, MARK_CLOSE } kind;
	struct tn_slice text;
	size_t close;		/* of OPEN: the mark that closes it */
};

/* Each character makes a mark at most. */
struct reading {
	struct tn_pattern *p;
	const char *at;
	char *room;		/* in the pool */
	struct mark *marks;
	size_t n, depth, names;
	struct tn_err *err;
};

static int
wrong(const struct tn_pattern *p, const char *why, struct tn_err *err)
{
	return tn_err_set(err, TN_E_CONFIG, "pattern \"%s\": %s", p->text,
	    why);
}

/* ---- Reading ---------------------------------------------------------------- */

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	    (unsigned char)c >= 0x80;
}

/* What stands in quotes; at is behind the first. */
static int
read_quoted(struct reading *r)
{
	for (; *r->at != '"'; r->at++) {
		if (*r->at == '\\')
			r->at++;
		if (*r->at == '\0')
			return wrong(r->p, "a quote that does not end", r->err);
		*r->room++ = *r->at;
	}
	r->at++;
	return 0;
}

static int
read_name(struct reading *r)
{
	struct mark *m = &r->marks[r->n++];
	char *from = r->room;
	int rc = 0;

	m->kind = *r->at++ == ':' ? MARK_NAME : MARK_REST;
	if (*r->at == '"') {
		r->at++;
		rc = read_quoted(r);
	} else if (*r->at < '0' || *r->at > '9') {
		while (is_name_char(*r->at))
			*r->room++ = *r->at++;
	}
	m->text = tn_slice(from, (size_t)(r->room - from));
	if (rc == 0 && m->text.len == 0)
		return wrong(r->p, "a parameter without a name", r->err);
	if (rc == 0 && ++r->names > TN_LIMIT_PARAMS)
		return wrong(r->p, "too many parameters", r->err);
	return rc;
}

static int
read_text(struct reading *r)
{
	struct mark *m = &r->marks[r->n++];
	char *from = r->room;

	while (*r->at != '\0' && strchr(":*{}()[]+?!", *r->at) == NULL) {
		if (*r->at == '\\')
			r->at++;
		if (*r->at == '\0')
			return wrong(r->p, "'\\' at the end", r->err);
		*r->room++ = *r->at++;
	}
	*m = (struct mark){ MARK_TEXT, tn_slice(from,
	    (size_t)(r->room - from)), 0 };
	return 0;
}

static int
close_group(struct reading *r)
{
	size_t i = r->n;

	while (i > 0 && (r->marks[i - 1].kind != MARK_OPEN ||
	    r->marks[i - 1].close != 0))
		i--;
	if (i == 0)
		return wrong(r->p, "'}' without '{'", r->err);
	r->marks[i - 1].close = r->n;
	r->marks[r->n++].kind = MARK_CLOSE;
	r->depth--;
	r->at++;
	return 0;
}

static int
read_one(struct reading *r)
{
	switch (*r->at) {
	case ':':
	case '*':
		return read_name(r);
	case '{':
		r->marks[r->n++].kind = MARK_OPEN;
		r->depth++;
		r->at++;
		return 0;
	case '}':
		return close_group(r);
	case '(': case ')': case '[': case ']': case '+': case '?': case '!':
		return wrong(r->p, "one of ()[]+?! without '\\'", r->err);
	default:
		return read_text(r);
	}
}

/* ---- Laying out the forms --------------------------------------------------- */

struct layout {
	struct tn_pattern *p;
	const struct reading *r;
	struct tn_part *form;	/* the one being made */
	size_t n;
	struct tn_err *err;
};

static bool
has_slash(struct tn_slice text)
{
	return tn_slice_find(text, '/') >= 0;
}

/* Is there a rest behind parts[i], before the segment ends? */
static bool
rest_follows(const struct tn_part *parts, size_t n, size_t i)
{
	for (; i < n; i++) {
		if (parts[i].kind == TN_PART_REST)
			return true;
		if (parts[i].kind == TN_PART_TEXT && has_slash(parts[i].text))
			break;
	}
	return false;
}

static void
stop_at(struct tn_part *part, size_t from, size_t to)
{
	part->stop = (unsigned short)from;
	part->nstop = (unsigned short)(to - from);
}

/* What has been seen on the way through a form. */
struct seen {
	size_t text;		/* the texts since the last parameter begin */
	size_t rest_text;	/* those that followed the last rest */
	size_t rest_end;
	bool any, last_is_rest;
	bool name_in_segment, rest_in_segment;
};

static void
bound_name(struct tn_part *parts, size_t n, size_t i, struct seen *seen)
{
	struct tn_part *part = &parts[i];
	size_t end = i + 1;

	part->stops_at_slash = true;
	if (seen->rest_in_segment) {
		stop_at(part, seen->text, i);
	} else if (rest_follows(parts, n, i + 1)) {
		while (end < n && parts[end].kind == TN_PART_TEXT)
			end++;
		stop_at(part, i + 1, end);
	} else if (seen->name_in_segment) {
		stop_at(part, seen->text, i);
		part->other = TN_OTHER_STOP;
	}
	seen->name_in_segment = true;
	seen->last_is_rest = false;
}

static void
bound_rest(struct tn_part *parts, size_t i, struct seen *seen)
{
	struct tn_part *part = &parts[i];

	if (seen->rest_in_segment) {
		stop_at(part, seen->text, i);
	} else if (seen->rest_end > seen->rest_text) {
		stop_at(part, seen->rest_text, seen->rest_end);
		part->other = TN_OTHER_SEGMENT;
	}
	seen->rest_in_segment = seen->last_is_rest = true;
	seen->rest_text = seen->rest_end = i + 1;
}

/* Bound each parameter of a form by what stands around it. */
static int
bound_form(const struct layout *l)
{
	struct seen seen = { .text = 0 };

	for (size_t i = 0; i < l->n; i++) {
		struct tn_part *part = &l->form[i];

		if (part->kind == TN_PART_TEXT) {
			if (seen.last_is_rest)
				seen.rest_end = i + 1;
			if (has_slash(part->text))
				seen.name_in_segment =
				    seen.rest_in_segment = false;
			continue;
		}
		for (size_t j = 0; j < i; j++) {
			if (l->form[j].kind != TN_PART_TEXT &&
			    tn_slice_eq(l->form[j].text, part->text))
				return wrong(l->p, "a name given twice",
				    l->err);
		}
		if (seen.any && seen.text == i)
			return wrong(l->p,
			    "two parameters without text between", l->err);
		if (part->kind == TN_PART_NAME)
			bound_name(l->form, l->n, i, &seen);
		else
			bound_rest(l->form, i, &seen);
		seen.any = true;
		seen.text = i + 1;
	}
	return 0;
}

static int
add_form(const struct layout *l)
{
	struct tn_pattern *p = l->p;
	int rc = bound_form(l);

	if (rc != 0)
		return rc;
	if (p->nforms == TN_LIMIT_PATTERN_FORMS ||
	    p->n + l->n > TN_LIMIT_PATTERN_PARTS)
		return wrong(p, "too many groups", l->err);
	if (p->n + l->n > p->cap) {
		size_t cap = p->cap * 2 + l->n;
		struct tn_part *more = realloc(p->parts, cap * sizeof(*more));

		if (more == NULL)
			return tn_err_set(l->err, TN_E_NOMEM,
			    "no memory for a route");
		p->parts = more;
		p->cap = cap;
	}
	if (l->n > 0)
		memcpy(p->parts + p->n, l->form, l->n * sizeof(*l->form));
	p->n += l->n;
	p->ends[p->nforms++] = (unsigned short)p->n;
	return 0;
}

/* From mark i on: each group taken, then left out. As deep as the groups. */
static int
lay_out(struct layout *l, size_t i)
{
	for (; i < l->r->n; i++) {
		const struct mark *m = &l->r->marks[i];
		size_t n = l->n;
		int rc;

		if (m->kind == MARK_CLOSE)
			continue;
		if (m->kind == MARK_OPEN) {
			rc = lay_out(l, i + 1);
			if (rc != 0)
				return rc;
			l->n = n;
			i = m->close;
			continue;
		}
		l->form[l->n++] = (struct tn_part){
			.kind = m->kind == MARK_TEXT ? TN_PART_TEXT :
			    m->kind == MARK_NAME ? TN_PART_NAME : TN_PART_REST,
			.text = m->text,
		};
	}
	return add_form(l);
}

/* ---- Init, fini ------------------------------------------------------------- */

static int
read_marks(struct reading *r, size_t len)
{
	const char first = r->at[0];
	int rc = 0;

	if (first != '/' && first != '{' && first != '*')
		return wrong(r->p, "does not begin with '/'", r->err);
	if (len > TN_LIMIT_PATTERN_BYTES)
		return wrong(r->p, "too long", r->err);
	while (rc == 0 && *r->at != '\0')
		rc = read_one(r);
	if (rc == 0 && r->depth > 0)
		rc = wrong(r->p, "'{' without '}'", r->err);
	return rc;
}

static int
compile(struct tn_pattern *p, struct tn_err *err)
{
	size_t len = strlen(p->text);
	struct reading r = { .p = p, .at = p->text, .room = p->pool,
		.err = err };
	struct layout l = { .p = p, .r = &r, .err = err };
	int rc;

	r.marks = calloc(len + 1, sizeof(*r.marks));
	l.form = calloc(len + 1, sizeof(*l.form));
	p->ends = calloc(TN_LIMIT_PATTERN_FORMS, sizeof(*p->ends));
	if (r.marks == NULL || l.form == NULL || p->ends == NULL)
		rc = tn_err_set(err, TN_E_NOMEM, "no memory for a route");
	else
		rc = read_marks(&r, len);
	if (rc == 0)
		rc = lay_out(&l, 0);
	free(r.marks);
	free(l.form);
	return rc;
}

int
tn_pattern_init(struct tn_pattern *p, const char *text, unsigned flags,
    struct tn_err *err)
{
	size_t len = strlen(text);
	int rc;

	*p = (struct tn_pattern){
		.text = strdup(text), .pool = malloc(len + 1),
		.is_open = flags & TN_PATTERN_OPEN,
		.is_strict = flags & TN_PATTERN_STRICT,
		.is_sensitive = flags & TN_PATTERN_SENSITIVE,
	};
	if (p->text == NULL || p->pool == NULL) {
		tn_pattern_fini(p);
		return tn_err_set(err, TN_E_NOMEM, "no memory for a route");
	}
	if (p->is_open && strcmp(text, "/") == 0)
		p->is_anything = true;
	/* a last '/' means nothing, unless it is escaped */
	while (!p->is_strict && len > 1 && p->text[len - 1] == '/' &&
	    p->text[len - 2] != '\\')
		p->text[--len] = '\0';
	rc = compile(p, err);
	if (rc != 0)
		tn_pattern_fini(p);
	return rc;
}

void
tn_pattern_fini(struct tn_pattern *p)
{
	free(p->text);
	free(p->pool);
	free(p->parts);
	free(p->ends);
	*p = (struct tn_pattern){ .text = NULL };
}

/* ---- Matching --------------------------------------------------------------- */

struct matching {
	const struct tn_pattern *p;
	const struct tn_part *parts;	/* of the form being tried */
	size_t n;
	struct tn_slice path;
	size_t used;
	struct tn_slice values[TN_LIMIT_PARAMS];
};

static bool
starts(const struct matching *m, size_t at, struct tn_slice text)
{
	struct tn_slice here = tn_slice_first(tn_slice_after(m->path, at),
	    text.len);

	return m->p->is_sensitive ? tn_slice_eq(here, text) :
	    tn_slice_ieq(here, text);
}

/* The texts that bound a part, if they stand here: their length, or 0. */
static size_t
stop_here(const struct matching *m, const struct tn_part *part, size_t at)
{
	size_t len = 0;

	for (size_t i = 0; i < part->nstop; i++) {
		struct tn_slice text = m->parts[part->stop + i].text;

		if (at + len > m->path.len || !starts(m, at + len, text))
			return 0;
		len += text.len;
	}
	return len;
}

/* How far a part may reach. */
static size_t
reach(const struct matching *m, const struct tn_part *part, size_t at)
{
	while (at < m->path.len &&
	    !(part->stops_at_slash && m->path.ptr[at] == '/') &&
	    stop_here(m, part, at) == 0)
		at++;
	return at;
}

static size_t
segment_end(const struct matching *m, size_t at)
{
	while (at < m->path.len && m->path.ptr[at] != '/')
		at++;
	return at;
}

static bool
may_end(const struct matching *m, size_t at)
{
	size_t left = m->path.len - at;

	if (left == 0)
		return true;
	return m->path.ptr[at] == '/' &&
	    (m->p->is_open || (left == 1 && !m->p->is_strict));
}

static bool match_from(struct matching *m, size_t i, size_t at, size_t value);

/* The longest value of part i, from at up to end, with which the rest goes. */
static bool
match_value(struct matching *m, size_t i, size_t at, size_t end, size_t value)
{
	for (; end > at; end--) {
		if (match_from(m, i + 1, end, value + 1)) {
			m->values[value] = tn_slice(m->path.ptr + at,
			    end - at);
			return true;
		}
	}
	return false;
}

/* As deep as the form has parameters. */
static bool
match_from(struct matching *m, size_t i, size_t at, size_t value)
{
	const struct tn_part *part;

	for (; i < m->n && m->parts[i].kind == TN_PART_TEXT; i++) {
		if (!starts(m, at, m->parts[i].text))
			return false;
		at += m->parts[i].text.len;
	}
	if (i == m->n) {
		m->used = at;
		return may_end(m, at);
	}
	part = &m->parts[i];
	if (match_value(m, i, at, reach(m, part, at), value))
		return true;
	if (part->other == TN_OTHER_SEGMENT)
		return match_value(m, i, at, segment_end(m, at), value);
	if (part->other == TN_OTHER_STOP) {
		size_t len = stop_here(m, part, at);

		if (len == 0 || !match_from(m, i + 1, at + len, value + 1))
			return false;
		m->values[value] = tn_slice(m->path.ptr + at, len);
		return true;
	}
	return false;
}

/* The names of a form with the values found. Returns false without room. */
static bool
give_params(const struct matching *m, struct tn_pair *params, size_t cap,
    size_t *n)
{
	size_t at = *n, value = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (m->parts[i].kind == TN_PART_TEXT)
			continue;
		if (at == cap)
			return false;
		params[at++] = (struct tn_pair){ m->parts[i].text,
			m->values[value++] };
	}
	*n = at;
	return true;
}

/*
 * With a last '/', be it that a wildcard or a group took it, the rest of the
 * path begins; where one is left over, that is the last.
 */
static ptrdiff_t
covered(const struct matching *m)
{
	size_t used = m->used;
	bool is_left = !m->p->is_strict && used + 1 == m->path.len;

	if (m->p->is_open && !is_left && used > 0 &&
	    m->path.ptr[used - 1] == '/')
		used--;
	return (ptrdiff_t)used;
}

ptrdiff_t
tn_pattern_match(const struct tn_pattern *p, struct tn_slice path,
    struct tn_pair *params, size_t cap, size_t *n)
{
	struct matching m;
	size_t from = 0;

	if (p->is_anything)
		return 0;
	m.p = p;
	m.path = path;
	for (size_t i = 0; i < p->nforms; i++) {
		m.parts = p->parts + from;
		m.n = p->ends[i] - from;
		from = p->ends[i];
		if (match_from(&m, 0, 0, 0))
			return give_params(&m, params, cap, n) ?
			    covered(&m) : -1;
	}
	return -1;
}
