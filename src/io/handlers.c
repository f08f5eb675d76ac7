#include "config.h"

#include "io/handlers.h"

#include <stdlib.h>

#include "base/err.h"

/* What makes a set: as bytes, the key under which it is interned. */
struct identity {
	const struct tn_handlers *parent;
	const char *name;
	void (*fn)(struct tn_socket *, const struct tn_event *, void *);
	void *arg;
	bool once;
};

static struct tn_slice
identify(struct identity *id, const struct tn_handlers *parent,
    const struct tn_handler *h)
{
	memset(id, 0, sizeof(*id));
	id->parent = parent;
	id->name = h->name;
	id->fn = h->fn.event;
	id->arg = h->arg;
	id->once = h->once;
	return tn_slice(id, sizeof(*id));
}

/* FNV-1a; the table's names are the application's own. */
static uint64_t
hash_name(struct tn_slice name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.ptr[i]) *
		    UINT64_C(0x100000001b3);
	return hash;
}

static bool
is_named(const struct tn_handlers *set, uint64_t hash, struct tn_slice name)
{
	return set->hash == hash && tn_slice_is(name, set->handler.name);
}

static const struct tn_handlers *
walk(const struct tn_handlers *set, uint64_t hash, struct tn_slice name)
{
	while (set != NULL && !is_named(set, hash, name))
		set = set->parent;
	return set;
}

static struct tn_handlers *
set_new(struct tn_handlers *parent, const struct tn_handler *h)
{
	struct tn_slice name = tn_slice_str(h->name);
	struct tn_handlers *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	set->handler = *h;
	set->hash = hash_name(name);
	set->same = walk(parent, set->hash, name);
	set->parent = parent;
	set->refs = 1;
	set->count = parent == NULL ? 1 : parent->count + 1;
	return set;
}

int
tn_handlers_add(struct tn_map *interned, struct tn_handlers **set,
    const struct tn_handler *handler)
{
	struct identity id;
	struct tn_slice key = identify(&id, *set, handler);
	struct tn_handlers *next = tn_map_get(interned, key);

	if (next != NULL) {
		tn_handlers_ref(next);
		tn_handlers_unref(interned, set);
		*set = next;
		return 0;
	}
	next = set_new(*set, handler);
	if (next == NULL || tn_map_set(interned, key, next, NULL) < 0) {
		free(next);
		return TN_E_NOMEM;
	}
	*set = next;
	return 0;
}

/* Oldest first, so that the new set grows as the old one did. */
static int
add_others(struct tn_map *interned, struct tn_handlers **out,
    const struct tn_handlers *from, tn_handlers_is_fn *is_meant,
    const struct tn_handler *by)
{
	const struct tn_handlers **all, *s;
	uint32_t n = from->count;
	int r = 0;

	all = calloc(n, sizeof(struct tn_handlers *));
	if (all == NULL)
		return TN_E_NOMEM;
	for (s = from; s != NULL; s = s->parent)
		all[--n] = s;
	for (n = 0; r == 0 && n < from->count; n++) {
		if (!is_meant(&all[n]->handler, by))
			r = tn_handlers_add(interned, out, &all[n]->handler);
	}
	free(all);
	return r;
}

int
tn_handlers_drop(struct tn_map *interned, struct tn_handlers **set,
    tn_handlers_is_fn *is_meant, const struct tn_handler *by)
{
	struct tn_handlers *next = NULL;
	int r = *set == NULL ? 0 :
	    add_others(interned, &next, *set, is_meant, by);

	if (r < 0) {
		tn_handlers_unref(interned, &next);
		return r;
	}
	tn_handlers_unref(interned, set);
	*set = next;
	return 0;
}

static bool
is_same(const struct tn_handler *a, const struct tn_handler *b)
{
	return a->name == b->name && a->fn.event == b->fn.event &&
	    a->arg == b->arg && a->once == b->once;
}

bool
tn_handlers_take(struct tn_map *interned, struct tn_handlers **set,
    const struct tn_handler *h)
{
	const struct tn_handlers *s = *set;

	while (s != NULL && !is_same(&s->handler, h))
		s = s->parent;
	if (s == NULL)
		return false;
	tn_handlers_drop(interned, set, is_same, h);
	return true;
}

static void
fill_table(struct tn_handlers *set)
{
	for (struct tn_handlers *s = set; s != NULL; s = s->parent) {
		uint64_t at = s->hash & set->mask;

		while (set->table[at] != NULL &&
		    !is_named(set->table[at], s->hash,
		    tn_slice_str(s->handler.name)))
			at = (at + 1) & set->mask;
		if (set->table[at] == NULL)
			set->table[at] = s;
	}
}

static bool
make_table(struct tn_handlers *set)
{
	uint32_t cap = 4;

	while (cap < set->count * 2)
		cap *= 2;
	set->table = calloc(cap, sizeof(struct tn_handlers *));
	if (set->table == NULL)
		return false;
	set->mask = cap - 1;
	fill_table(set);
	return true;
}

const struct tn_handlers *
tn_handlers_find(struct tn_handlers *set, struct tn_slice name)
{
	uint64_t hash = hash_name(name), at;

	if (set == NULL)
		return NULL;
	if (set->table == NULL && !make_table(set))
		return walk(set, hash, name);
	for (at = hash & set->mask; set->table[at] != NULL;
	    at = (at + 1) & set->mask) {
		if (is_named(set->table[at], hash, name))
			return set->table[at];
	}
	return NULL;
}

struct tn_handlers *
tn_handlers_ref(struct tn_handlers *set)
{
	if (set != NULL)
		set->refs++;
	return set;
}

void
tn_handlers_unref(struct tn_map *interned, struct tn_handlers **set)
{
	struct tn_handlers *s = *set;

	*set = NULL;
	while (s != NULL && --s->refs == 0) {
		struct tn_handlers *parent = s->parent;
		struct identity id;

		tn_map_remove(interned, identify(&id, parent, &s->handler));
		free(s->table);
		free(s);
		s = parent;
	}
}
