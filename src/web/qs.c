/*
 * Each key becomes a chain of maps and lists with its value at the end, and
 * the chains are merged, one after the other, into the whole:
 *
 *	a[b][]=1	{ a: { b: [ 1 ] } }
 *	a[b][]=2	{ a: { b: [ 2 ] } }	-> { a: { b: [ 1, 2 ] } }
 *
 * As in qs, the values of equal keys are brought together first.
 */
#include "config.h"

#include "web/qs.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/url.h"
#include "base/utf8.h"
#include "web/qs_tree.h"

enum { MIN_LIST = 100 };	/* the least max_list */

static int
no_memory(const struct tn_qs_parser *p)
{
	return tn_err_set(p->err, TN_E_NOMEM, "no memory for a form");
}

/* ---- Keys -----------------------------------------------------------------*/

/*
 * What "[...]" at the front holds, with brackets inside it. If it never
 * closes it is all of the rest, its bracket too.
 */
static struct tn_slice
cut_group(struct tn_slice *rest)
{
	struct tn_slice group = *rest;
	size_t level = 0;

	for (size_t i = 0; i < rest->len; i++) {
		if (rest->ptr[i] == '[')
			level++;
		else if (rest->ptr[i] == ']' && --level == 0) {
			*rest = tn_slice_after(*rest, i + 1);
			return tn_slice(group.ptr + 1, i - 1);
		}
	}
	*rest = TN_SLICE_NONE;
	return group;
}

/* A key and its value as a chain, from the inside out. */
static int
make_chain(const struct tn_qs_parser *p, struct tn_slice key,
    struct tn_qs *value, struct tn_qs **out)
{
	struct tn_slice names[TN_LIMIT_QS_DEPTH + 2];
	size_t n = 0, depth = 0;
	ptrdiff_t open = tn_slice_find(key, '[');
	struct tn_slice rest = open < 0 ? TN_SLICE_NONE :
	    tn_slice_after(key, (size_t)open);
	bool has_root = open != 0;

	if (has_root)
		names[n++] = open < 0 ? key :
		    tn_slice_first(key, (size_t)open);
	while (rest.len > 0) {
		ptrdiff_t next;

		if (depth++ == p->max_depth)
			return tn_err_set(p->err, TN_E_SYNTAX,
			    "a form of more than %zu levels", p->max_depth);
		names[n++] = cut_group(&rest);
		/* what stands between two groups is dropped */
		next = tn_slice_find(rest, '[');
		rest = next < 0 ? TN_SLICE_NONE :
		    tn_slice_after(rest, (size_t)next);
	}
	while (n-- > 0 && value != NULL)
		value = tn_qs_wrap(p, names[n], n == 0 && has_root, value);
	*out = value;
	return value == NULL ? no_memory(p) : 0;
}

/* ---- Fields ---------------------------------------------------------------*/

/* A field's key, brackets decoded, and the values that came under it. */
struct field {
	struct tn_slice key;
	struct tn_qs *value;
};

static int
decode(const struct tn_qs_parser *p, struct tn_slice in, struct tn_slice *out)
{
	struct tn_buf b;
	int rc;

	tn_buf_init(&b, in.len + 1);
	rc = tn_url_decode(&b, in, true, p->err);
	*out = tn_arena_copy(p->arena, tn_buf_view(&b));
	tn_buf_fini(&b);
	if (rc != 0)
		return rc == TN_E_SYNTAX ? rc : no_memory(p);
	if (out->ptr == NULL)
		return no_memory(p);
	if (!tn_utf8_valid(*out) || tn_slice_find(*out, '\0') >= 0)
		return tn_err_set(p->err, TN_E_SYNTAX,
		    "form data is not text in UTF-8");
	return 0;
}

static bool
is_escape(const char *p, char digit)
{
	return p[0] == '%' && p[1] == '5' && (p[2] | 32) == (digit | 32);
}

/*
 * Where '=' ends the key: behind the first ']', plain or escaped, that it
 * follows at once, else the first of all. Its length if there is none.
 */
static size_t
key_length(struct tn_slice part)
{
	size_t first = part.len;

	for (size_t i = 0; i < part.len; i++) {
		if (part.ptr[i] != '=')
			continue;
		if (first == part.len)
			first = i;
		if ((i >= 1 && part.ptr[i - 1] == ']') ||
		    (i >= 3 && is_escape(part.ptr + i - 3, 'D')))
			return i;
	}
	return first;
}

static int
add_field(const struct tn_qs_parser *p, struct field *fields, size_t *n,
    struct tn_slice part)
{
	size_t at = key_length(part), i = 0;
	struct tn_qs *value = tn_qs_node(p, TN_QS_TEXT);
	struct tn_slice key;
	int rc;

	if (value == NULL)
		return no_memory(p);
	rc = decode(p, tn_slice_first(part, at), &key);
	if (rc == 0)
		rc = decode(p, tn_slice_after(part, at + 1), &value->text);
	if (rc != 0 || key.len == 0)
		return rc;
	while (i < *n && !tn_slice_eq(fields[i].key, key))
		i++;
	if (i == *n)
		fields[(*n)++] = (struct field){ key, NULL };
	return tn_qs_push(p, &fields[i].value, value);
}

static int
merge_all(const struct tn_qs_parser *p, const struct field *fields, size_t n,
    struct tn_qs **root)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct tn_qs *chain;

		rc = make_chain(p, fields[i].key, fields[i].value, &chain);
		if (rc == 0)
			rc = tn_qs_merge(p, root, chain);
	}
	return rc;
}

int
tn_qs_parse(struct tn_slice in, const struct tn_qs_options *options,
    struct tn_arena *arena, const struct tn_qs **out, struct tn_err *err)
{
	struct tn_qs_parser p = { .arena = arena, .err = err };
	size_t max = options == NULL || options->max_fields == 0 ?
	    TN_LIMIT_FORM_PAIRS : options->max_fields;
	struct tn_qs *root;
	struct field *fields;
	size_t parts = 1, n = 0;
	int rc = 0;

	p.max_depth = options == NULL || options->max_depth == 0 ||
	    options->max_depth > TN_LIMIT_QS_DEPTH ? TN_LIMIT_QS_DEPTH :
	    options->max_depth;
	for (size_t i = 0; i < in.len; i++)
		parts += in.ptr[i] == '&';
	if (parts > max)
		return tn_err_set(err, TN_E_LIMIT,
		    "a form of more than %zu fields", max);
	p.max_list = parts > MIN_LIST ? parts : MIN_LIST;
	root = tn_qs_node(&p, TN_QS_MAP);
	fields = tn_arena_alloc(arena, parts * sizeof(*fields));
	if (root == NULL || fields == NULL)
		return no_memory(&p);
	while (rc == 0 && in.ptr != NULL)
		rc = add_field(&p, fields, &n, tn_slice_cut(&in, '&'));
	if (rc == 0)
		rc = merge_all(&p, fields, n, &root);
	*out = root;
	return rc;
}

/* ---- Asking ---------------------------------------------------------------*/

const struct tn_qs *
tn_qs_get(const struct tn_qs *map, const char *name)
{
	const struct tn_qs *child =
	    map == NULL || map->kind != TN_QS_MAP ? NULL : map->first;

	while (child != NULL && !tn_slice_is(child->name, name))
		child = child->next;
	return child;
}

const struct tn_qs *
tn_qs_at(const struct tn_qs *list, size_t i)
{
	const struct tn_qs *child =
	    list == NULL || list->kind != TN_QS_LIST ? NULL : list->first;

	while (child != NULL && i-- > 0)
		child = child->next;
	return child;
}

struct tn_slice
tn_qs_text(const struct tn_qs *value)
{
	if (value != NULL && value->kind == TN_QS_LIST)
		value = value->last;
	return value == NULL || value->kind != TN_QS_TEXT ? TN_SLICE_NONE :
	    value->text;
}

void
tn_qs_json(struct tn_buf *out, const struct tn_qs *value)
{
	bool is_map = value->kind == TN_QS_MAP;

	if (value->kind == TN_QS_TEXT) {
		tn_json_write_string(out, value->text);
		return;
	}
	tn_buf_char(out, is_map ? '{' : '[');
	for (const struct tn_qs *c = value->first; c != NULL; c = c->next) {
		if (c != value->first)
			tn_buf_char(out, ',');
		if (is_map) {
			tn_json_write_string(out, c->name);
			tn_buf_char(out, ':');
		}
		tn_qs_json(out, c);
	}
	tn_buf_char(out, is_map ? '}' : ']');
}
