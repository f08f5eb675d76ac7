/*
 * Open addressing with linear probing that never wraps around: behind the
 * cap slots that keys hash to stand some more to spill into, and the last of
 * all stays empty. So a run of used slots has a first and a last one, and
 * removing a pair moves only pairs from further up in the same run. A walk
 * from the top down has seen those already.
 */
#include "config.h"

#include "base/map.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"

enum { FIRST_CAP = 8, SPILL = 64 };

static size_t
slots_of(size_t cap)
{
	return cap == 0 ? 0 : cap + (cap < SPILL ? cap : SPILL);
}

void
tn_map_init(struct tn_map *m)
{
	*m = (struct tn_map){ 0 };
}

void
tn_map_init_borrowing(struct tn_map *m)
{
	*m = (struct tn_map){ .borrows = true };
}

static void
free_key(const struct tn_map *m, const struct tn_map_entry *entry)
{
	if (!m->borrows)
		free((char *)(uintptr_t)entry->key);
}

void
tn_map_fini(struct tn_map *m)
{
	for (size_t i = 0; m->len > 0 && i < slots_of(m->cap); i++)
		free_key(m, &m->entries[i]);
	free(m->entries);
	*m = (struct tn_map){ .borrows = m->borrows };
}

/* Half of its bits: no table has more slots, and entries are small. */
static uint32_t
hash_of(struct tn_slice key)
{
	return (uint32_t)tn_random_hash(key);
}

/* The slot of the key, or the empty one that ends its run. */
static struct tn_map_entry *
probe(const struct tn_map *m, uint32_t hash, struct tn_slice key)
{
	struct tn_map_entry *at = m->entries + (hash & (m->cap - 1));

	for (; at->value != NULL; at++) {
		if (at->hash == hash &&
		    tn_slice_eq(tn_slice(at->key, at->key_len), key))
			break;
	}
	return at;
}

void *
tn_map_get(const struct tn_map *m, struct tn_slice key)
{
	return m->len == 0 ? NULL : probe(m, hash_of(key), key)->value;
}

static bool
is_last(const struct tn_map *m, const struct tn_map_entry *at)
{
	return at == m->entries + slots_of(m->cap) - 1;
}

/* Put an entry that is not there yet. Returns false if its run is too long. */
static bool
place(struct tn_map *m, const struct tn_map_entry *entry)
{
	struct tn_map_entry *at = m->entries + (entry->hash & (m->cap - 1));

	while (at->value != NULL)
		at++;
	if (is_last(m, at))
		return false;
	*at = *entry;
	m->len++;
	return true;
}

/* All entries of m and one more into to. */
static bool
fill(struct tn_map *to, const struct tn_map *m,
    const struct tn_map_entry *more)
{
	for (size_t i = 0; i < slots_of(m->cap); i++) {
		if (m->entries[i].value != NULL && !place(to, &m->entries[i]))
			return false;
	}
	return place(to, more);
}

static int
grow_with(struct tn_map *m, const struct tn_map_entry *more)
{
	struct tn_map to = {
		.cap = m->cap == 0 ? FIRST_CAP : m->cap * 2,
		.borrows = m->borrows,
	};

	for (;;) {
		if (to.cap > SIZE_MAX / 4 / sizeof(*to.entries))
			return TN_E_NOMEM;
		to.len = 0;
		to.entries = calloc(slots_of(to.cap), sizeof(*to.entries));
		if (to.entries == NULL)
			return TN_E_NOMEM;
		if (fill(&to, m, more))
			break;
		free(to.entries);
		to.cap *= 2;
	}
	free(m->entries);
	*m = to;
	return 0;
}

/* The map's own copy, if it makes one. Returns false without memory. */
static bool
keep_key(const struct tn_map *m, struct tn_slice key,
    struct tn_map_entry *entry)
{
	char *copy;

	entry->key = key.ptr;
	if (m->borrows)
		return true;
	entry->key = copy = key.len < SIZE_MAX ? malloc(key.len + 1) : NULL;
	if (copy == NULL)
		return false;
	if (key.len > 0)
		memcpy(copy, key.ptr, key.len);
	copy[key.len] = '\0';
	return true;
}

int
tn_map_set(struct tn_map *m, struct tn_slice key, void *value, void **old)
{
	struct tn_map_entry entry = {
		.hash = hash_of(key), .key_len = (uint32_t)key.len,
		.value = value,
	};
	struct tn_map_entry *at = m->cap == 0 ? NULL :
	    probe(m, entry.hash, key);

	if (old != NULL)
		*old = at == NULL ? NULL : at->value;
	if (key.len > UINT32_MAX)
		return TN_E_LIMIT;
	if (at != NULL && at->value != NULL) {
		at->value = value;
		return 0;
	}
	if (!keep_key(m, key, &entry))
		return TN_E_NOMEM;
	if (at != NULL && m->len < m->cap / 4 * 3 && !is_last(m, at)) {
		*at = entry;
		m->len++;
		return 0;
	}
	if (grow_with(m, &entry) == 0)
		return 0;
	free_key(m, &entry);
	return TN_E_NOMEM;
}

/* Fill the hole with the next pair of the run that may stand there. */
static void
close_hole(struct tn_map *m, struct tn_map_entry *hole)
{
	for (struct tn_map_entry *at = hole + 1; at->value != NULL; at++) {
		if (m->entries + (at->hash & (m->cap - 1)) <= hole) {
			*hole = *at;
			hole = at;
		}
	}
	*hole = (struct tn_map_entry){ 0 };
}

void *
tn_map_remove(struct tn_map *m, struct tn_slice key)
{
	struct tn_map_entry *at;
	void *value;

	if (m->len == 0)
		return NULL;
	at = probe(m, hash_of(key), key);
	value = at->value;
	if (value == NULL)
		return NULL;
	free_key(m, at);
	close_hole(m, at);
	m->len--;
	return value;
}

const struct tn_map_entry *
tn_map_next(const struct tn_map *m, size_t *at)
{
	size_t slots = slots_of(m->cap);

	while (*at < slots) {
		const struct tn_map_entry *e = m->entries + (slots - ++*at);

		if (e->value != NULL)
			return e;
	}
	return NULL;
}
