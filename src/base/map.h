/* A table from bytes to pointers, hashed with a key nobody outside knows. */
#ifndef TN_MAP_H
#define TN_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct tn_map_entry {
	const char *key;	/* own copy, key_len bytes and a NUL */
	uint32_t key_len;
	uint32_t hash;
	void *value;		/* never NULL in a used entry */
};

struct tn_map {
	struct tn_map_entry *entries;
	size_t cap;		/* 0 or a power of two */
	size_t len;		/* pairs held */
	bool borrows;
};

/* Zeroed storage is an empty map too. */
void tn_map_init(struct tn_map *m);

/*
 * A map that copies no key: what tn_map_set is given must stay where it is
 * as long as the pair is there. For values that hold their own key.
 */
void tn_map_init_borrowing(struct tn_map *m);

/* Frees table and keys; the values are the caller's. */
void tn_map_fini(struct tn_map *m);

/* The value, or NULL. */
void *tn_map_get(const struct tn_map *m, struct tn_slice key);

/*
 * Put a value (not NULL) under a key, which is copied unless m borrows keys;
 * one that was there already keeps the key it had.
 * Returns 0, or TN_E_NOMEM (TN_E_LIMIT for a key of 4 GiB), and the map is
 * unchanged. *old, if not NULL,
 * is set to the value that was replaced, or NULL.
 */
int tn_map_set(struct tn_map *m, struct tn_slice key, void *value, void **old);

/* Take a pair out. Returns its value, or NULL if there was none. */
void *tn_map_remove(struct tn_map *m, struct tn_slice key);

/*
 * Walk: *at starts at 0; returns NULL at the end. The map must not be
 * changed between two steps, except by removing the entry just returned.
 */
const struct tn_map_entry *tn_map_next(const struct tn_map *m, size_t *at);

#endif
