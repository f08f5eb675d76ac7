/*
 * Lists keep their items by index, with gaps; maps keep their members in the
 * order in which they came. What npm's qs does when two things meet at one
 * place is its utils.merge.
 */
#include "config.h"

#include "web/qs_tree.h"

#include "base/arena.h"
#include "base/err.h"

static int
no_memory(const struct tn_qs_parser *p)
{
	return tn_err_set(p->err, TN_E_NOMEM, "no memory for a form");
}

struct tn_qs *
tn_qs_node(const struct tn_qs_parser *p, enum tn_qs_kind kind)
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
put_number(const struct tn_qs_parser *p, struct tn_qs *map, struct tn_qs *child,
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
list_to_map(const struct tn_qs_parser *p, struct tn_qs *list)
{
	struct tn_qs *child = list->first;
	uint64_t last = list->last == NULL ? 0 : list->last->index;

	list->kind = TN_QS_MAP;
	list->first = list->last = NULL;
	list->n = 0;
	while (child != NULL) {
		struct tn_qs *next = child->next;

		if (!put_number(p, list, child, child->index))
			return false;
		child = next;
	}
	list->index = last;
	return true;
}

/* ---- Making ---------------------------------------------------------------*/

/* A list in the place of what becomes its first item. NULL: no memory. */
static struct tn_qs *
make_list(const struct tn_qs_parser *p, struct tn_qs **target)
{
	struct tn_qs *list = tn_qs_node(p, TN_QS_LIST), *had = *target;

	if (list == NULL)
		return NULL;
	list->name = had->name;
	list->index = had->index;
	list->next = had->next;
	put_at(list, had, 0);
	*target = list;
	return list;
}

int
tn_qs_push(const struct tn_qs_parser *p, struct tn_qs **list,
    struct tn_qs *value)
{
	if (*list == NULL) {
		*list = value;
		return 0;
	}
	if ((*list)->kind == TN_QS_TEXT && make_list(p, list) == NULL)
		return no_memory(p);
	put_at(*list, value, list_length(*list));
	return 0;
}

struct tn_qs *
tn_qs_wrap(const struct tn_qs_parser *p, struct tn_slice name, bool is_root,
    struct tn_qs *value)
{
	uint64_t index;
	bool is_number = !is_root && is_index(name, &index),
	    is_list = !is_root && (name.len == 0 ||
	    (is_number && index < p->max_list));
	struct tn_qs *around;

	if (!is_root && name.len == 0 && value->kind == TN_QS_LIST)
		return value;	/* [].concat(list) */
	around = tn_qs_node(p, is_list ? TN_QS_LIST : TN_QS_MAP);
	if (around == NULL)
		return NULL;
	if (is_list) {
		put_at(around, value, name.len == 0 ? 0 : index);
		return around;
	}
	value->name = name;
	append(around, value);
	around->is_overflow = is_number;
	around->index = is_number ? index : 0;
	return around;
}

/* ---- Merging --------------------------------------------------------------*/

/* A list that has become too long is a map from then on. */
static int
check_length(const struct tn_qs_parser *p, struct tn_qs *list)
{
	if (list->n <= p->max_list)
		return 0;
	list->is_overflow = true;
	return list_to_map(p, list) ? 0 : no_memory(p);
}

/* [a, b] in the place of what would not merge. */
static int
pair(const struct tn_qs_parser *p, struct tn_qs **target, struct tn_qs *source,
    bool is_conflict)
{
	struct tn_qs *list = make_list(p, target);

	if (list == NULL)
		return no_memory(p);
	list->is_conflict = is_conflict;
	put_at(list, source, 1);
	return 0;
}

static int
merge_text(const struct tn_qs_parser *p, struct tn_qs **target,
    struct tn_qs *source)
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
merge_into_text(const struct tn_qs_parser *p, struct tn_qs **target,
    struct tn_qs *source)
{
	struct tn_qs *list, *next;

	if (source->kind == TN_QS_MAP)
		return pair(p, target, source, false);
	list = make_list(p, target);
	if (list == NULL)
		return no_memory(p);
	for (struct tn_qs *child = source->first; child != NULL; child = next) {
		next = child->next;
		put_at(list, child, 1 + child->index);	/* gaps stay */
	}
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
merge_child(const struct tn_qs_parser *p, struct tn_qs *parent,
    struct tn_qs *had, struct tn_qs *source)
{
	struct tn_qs **at = link_of(parent, had);
	int rc = tn_qs_merge(p, at, source);

	if (parent->last == had)
		parent->last = *at;
	return rc;
}

static int
merge_lists(const struct tn_qs_parser *p, struct tn_qs *t, struct tn_qs *source)
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
merge_maps(const struct tn_qs_parser *p, struct tn_qs *t, struct tn_qs *source)
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
int
tn_qs_merge(const struct tn_qs_parser *p, struct tn_qs **target,
    struct tn_qs *source)
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
