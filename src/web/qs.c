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

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/url.h"
#include "base/utf8.h"

enum { MIN_LIST = 100 };	/* indices below this make lists */

struct parser {
	struct tn_arena *arena;
	size_t max_depth;
	uint64_t max_list;
	struct tn_err *err;
};

static int
no_memory(const struct parser *p)
{
	return tn_err_set(p->err, TN_E_NOMEM, "no memory for a form");
}

static struct tn_qs *
node(const struct parser *p, enum tn_qs_kind kind)
{
	struct tn_qs *made = tn_arena_alloc(p->arena, sizeof(*made));

	if (made != NULL)
		made->kind = kind;
	return made;
}

static void
append(struct tn_qs *to, struct tn_qs *child)
{
	child->next = NULL;
	if (to->last == NULL)
		to->first = child;
	else
		to->last->next = child;
	to->last = child;
	to->n++;
}

/* A list's items stand by their index; indices may leave gaps. */
static void
put_at(struct tn_qs *list, struct tn_qs *child, uint64_t index)
{
	struct tn_qs **at = &list->first;

	child->index = index;
	if (list->last == NULL || list->last->index < index) {
		append(list, child);
		return;
	}
	while ((*at)->index < index)
		at = &(*at)->next;
	child->next = *at;
	*at = child;
	list->n++;
}

static uint64_t
list_length(const struct tn_qs *list)
{
	return list->last == NULL ? 0 : list->last->index + 1;
}

static struct tn_qs *
item(struct tn_qs *list, uint64_t index)
{
	struct tn_qs *child = list->first;

	while (child != NULL && child->index < index)
		child = child->next;
	return child != NULL && child->index == index ? child : NULL;
}

static struct tn_qs *
member(const struct tn_qs *map, struct tn_slice name)
{
	struct tn_qs *child = map->first;

	while (child != NULL && !tn_slice_eq(child->name, name))
		child = child->next;
	return child;
}

/* "7" as JavaScript writes it; not "07", "-7", "7.0". */
static bool
is_index(struct tn_slice name, uint64_t *index)
{
	return name.len < 16 && tn_slice_u64(name, index) &&
	    (name.len == 1 || name.ptr[0] != '0');
}

static bool
put_number(const struct parser *p, struct tn_qs *map, struct tn_qs *child,
    uint64_t index)
{
	child->name = tn_arena_printf(p->arena, "%llu",
	    (unsigned long long)index);
	append(map, child);
	if (index > map->index)
		map->index = index;
	return child->name.ptr != NULL;
}

/* A list made a map, with the indices as names; in the same place. */
static bool
list_to_map(const struct parser *p, struct tn_qs *list)
{
	struct tn_qs *child = list->first;
	uint64_t length = list_length(list);

	list->kind = TN_QS_MAP;
	list->first = list->last = NULL;
	list->n = 0;
	while (child != NULL) {
		struct tn_qs *next = child->next;

		if (!put_number(p, list, child, child->index))
			return false;
		child = next;
	}
	list->index = length == 0 ? 0 : length - 1;
	return true;
}

/* ---- Merging ---------------------------------------------------------------- */

static int merge(const struct parser *p, struct tn_qs **target,
    struct tn_qs *source);

/* A list that has become too long is a map from then on. */
static int
check_length(const struct parser *p, struct tn_qs *list)
{
	if (list->n <= p->max_list)
		return 0;
	list->is_overflow = true;
	return list_to_map(p, list) ? 0 : no_memory(p);
}

/* [a, b] in the place of what would not merge. */
static int
pair(const struct parser *p, struct tn_qs **target, struct tn_qs *source,
    bool is_conflict)
{
	struct tn_qs *list = node(p, TN_QS_LIST), *had = *target;

	if (list == NULL)
		return no_memory(p);
	list->name = had->name;
	list->index = had->index;
	list->next = had->next;
	list->is_conflict = is_conflict;
	put_at(list, had, 0);
	put_at(list, source, 1);
	*target = list;
	return 0;
}

static int
merge_text(const struct parser *p, struct tn_qs **target, struct tn_qs *source)
{
	struct tn_qs *t = *target;

	if (source->text.len == 0)
		return 0;	/* "" is false: qs leaves it out here */
	if (t->kind == TN_QS_LIST) {
		put_at(t, source, list_length(t));
		return check_length(p, t);
	}
	if (t->kind == TN_QS_MAP && (t->is_overflow || t->is_conflict))
		return put_number(p, t, source, t->index + 1) ? 0 :
		    no_memory(p);
	return pair(p, target, source, t->kind == TN_QS_MAP);
}

/* A text, then a list or map: the text becomes the first of a list. */
static int
merge_into_text(const struct parser *p, struct tn_qs **target,
    struct tn_qs *source)
{
	struct tn_qs *list, *child;
	uint64_t index = 1;

	if (source->kind == TN_QS_MAP)
		return pair(p, target, source, false);
	list = node(p, TN_QS_LIST);
	if (list == NULL)
		return no_memory(p);
	list->name = (*target)->name;
	list->index = (*target)->index;
	list->next = (*target)->next;
	put_at(list, *target, 0);
	for (child = source->first; child != NULL;) {
		struct tn_qs *next = child->next;

		/* an index keeps the gap before it */
		index = 1 + child->index;
		put_at(list, child, index);
		child = next;
	}
	*target = list;
	return check_length(p, list);
}

/* Where the link to a child is, so that another may take its place. */
static struct tn_qs **
link_of(struct tn_qs *parent, struct tn_qs *child)
{
	struct tn_qs **at = &parent->first;

	while (*at != child)
		at = &(*at)->next;
	return at;
}

static int
merge_child(const struct parser *p, struct tn_qs *parent, struct tn_qs *had,
    struct tn_qs *source)
{
	struct tn_qs **at = link_of(parent, had);
	int rc = merge(p, at, source);

	if (parent->last == had)
		parent->last = *at;
	return rc;
}

static int
merge_lists(const struct parser *p, struct tn_qs *t, struct tn_qs *source)
{
	struct tn_qs *child = source->first;
	int rc = 0;

	while (rc == 0 && child != NULL) {
		struct tn_qs *next = child->next;
		struct tn_qs *had = item(t, child->index);

		if (had == NULL)
			put_at(t, child, child->index);
		else if (had->kind != TN_QS_TEXT && child->kind != TN_QS_TEXT)
			rc = merge_child(p, t, had, child);
		else
			put_at(t, child, list_length(t));
		child = next;
	}
	return rc != 0 ? rc : check_length(p, t);
}

static int
merge_maps(const struct parser *p, struct tn_qs *t, struct tn_qs *source)
{
	struct tn_qs *child = source->first;
	int rc = 0;

	while (rc == 0 && child != NULL) {
		struct tn_qs *next = child->next;
		struct tn_qs *had = member(t, child->name);
		uint64_t index;

		if (had != NULL)
			rc = merge_child(p, t, had, child);
		else
			append(t, child);
		if (is_index(child->name, &index) && index > t->index)
			t->index = index;
		child = next;
	}
	if (source->is_overflow)
		t->is_overflow = true;
	return rc;
}

/* As deep as the brackets. */
static int
merge(const struct parser *p, struct tn_qs **target, struct tn_qs *source)
{
	struct tn_qs *t = *target;

	if (source->kind == TN_QS_TEXT)
		return merge_text(p, target, source);
	if (t->kind == TN_QS_TEXT)
		return merge_into_text(p, target, source);
	if (t->kind == TN_QS_LIST && source->kind == TN_QS_LIST)
		return merge_lists(p, t, source);
	if (t->kind == TN_QS_LIST && !list_to_map(p, t))
		return no_memory(p);
	if (source->kind == TN_QS_LIST && !list_to_map(p, source))
		return no_memory(p);
	return merge_maps(p, t, source);
}

/* ---- Keys ------------------------------------------------------------------- */

/* "[...]" off the front, with brackets inside it; all if it never closes. */
static struct tn_slice
cut_group(struct tn_slice *rest, bool *closed)
{
	struct tn_slice group = *rest;
	size_t level = 0;

	for (size_t i = 0; i < rest->len; i++) {
		if (rest->ptr[i] == '[')
			level++;
		else if (rest->ptr[i] == ']' && --level == 0) {
			group.len = i + 1;
			*closed = true;
			*rest = tn_slice_after(*rest, group.len);
			return group;
		}
	}
	*closed = false;
	*rest = TN_SLICE_NONE;
	return group;
}

static struct tn_slice
inside(struct tn_slice group)
{
	return tn_slice(group.ptr + 1, group.len - 2);
}

/* What stands around value by the group "[...]". */
static struct tn_qs *
wrap(const struct parser *p, struct tn_slice group, bool is_root,
    struct tn_qs *value)
{
	struct tn_slice name = is_root ? group : inside(group);
	struct tn_qs *around;
	uint64_t index;

	if (!is_root && name.len == 0) {
		if (value->kind == TN_QS_LIST)
			return value;	/* [].concat(list) */
		around = node(p, TN_QS_LIST);
		if (around != NULL)
			put_at(around, value, 0);
		return around;
	}
	if (!is_root && is_index(name, &index) && index < p->max_list) {
		around = node(p, TN_QS_LIST);
		if (around != NULL)
			put_at(around, value, index);
		return around;
	}
	around = node(p, TN_QS_MAP);
	if (around == NULL)
		return NULL;
	value->name = name;
	append(around, value);
	if (!is_root && is_index(name, &index)) {
		around->is_overflow = true;
		around->index = index;
	}
	return around;
}

/* A key and its value as a chain, from the inside out. */
static int
make_chain(const struct parser *p, struct tn_slice key, struct tn_qs *value,
    struct tn_qs **out)
{
	struct tn_slice groups[TN_LIMIT_QS_DEPTH + 2];
	size_t n = 0, depth = 0;
	ptrdiff_t open = tn_slice_find(key, '[');
	struct tn_slice rest = open < 0 ? TN_SLICE_NONE :
	    tn_slice_after(key, (size_t)open);
	bool has_root = open != 0, closed = true;

	if (has_root)
		groups[n++] = open < 0 ? key :
		    tn_slice_first(key, (size_t)open);
	while (rest.len > 0 && closed) {
		struct tn_slice group = cut_group(&rest, &closed);
		ptrdiff_t next;

		if (depth++ == p->max_depth)
			return tn_err_set(p->err, TN_E_SYNTAX,
			    "a form of more than %zu levels", p->max_depth);
		if (!closed)	/* taken as it stands, in brackets */
			group = tn_arena_printf(p->arena, "[%.*s]",
			    TN_SLICE_ARG(group));
		if (group.len == 0)
			return no_memory(p);
		groups[n++] = group;
		/* what stands between two groups is dropped */
		next = tn_slice_find(rest, '[');
		rest = next < 0 ? TN_SLICE_NONE :
		    tn_slice_after(rest, (size_t)next);
	}
	while (n-- > 0 && value != NULL)
		value = wrap(p, groups[n], n == 0 && has_root, value);
	*out = value;
	return value == NULL ? no_memory(p) : 0;
}

/* ---- Fields ----------------------------------------------------------------- */

/* A field's key, brackets decoded, and the values that came under it. */
struct field {
	struct tn_slice key;
	struct tn_qs *value;
};

static int
decode(const struct parser *p, struct tn_slice in, struct tn_slice *out)
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

/* One more value of a key: in a list with those before. */
static int
add_value(const struct parser *p, struct field *field, struct tn_qs *value)
{
	struct tn_qs *list = field->value;

	if (list == NULL) {
		field->value = value;
		return 0;
	}
	if (list->kind == TN_QS_TEXT) {
		list = node(p, TN_QS_LIST);
		if (list == NULL)
			return no_memory(p);
		put_at(list, field->value, 0);
		field->value = list;
	}
	put_at(list, value, list_length(list));
	return 0;
}

static int
add_field(const struct parser *p, struct field *fields, size_t *n,
    struct tn_slice part)
{
	size_t at = key_length(part), i = 0;
	struct tn_qs *value = node(p, TN_QS_TEXT);
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
	return add_value(p, &fields[i], value);
}

static int
merge_all(const struct parser *p, const struct field *fields, size_t n,
    struct tn_qs **root)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct tn_qs *chain;

		rc = make_chain(p, fields[i].key, fields[i].value, &chain);
		if (rc == 0)
			rc = merge(p, root, chain);
	}
	return rc;
}

int
tn_qs_parse(struct tn_slice in, const struct tn_qs_options *options,
    struct tn_arena *arena, const struct tn_qs **out, struct tn_err *err)
{
	struct parser p = { .arena = arena, .err = err };
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
	root = node(&p, TN_QS_MAP);
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

/* ---- Asking ----------------------------------------------------------------- */

const struct tn_qs *
tn_qs_get(const struct tn_qs *map, const char *name)
{
	return map == NULL || map->kind != TN_QS_MAP ? NULL :
	    member(map, tn_slice_str(name));
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
