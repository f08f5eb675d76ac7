/* Memory that dies together: all that a request needs, freed in one step. */
#ifndef TN_ARENA_H
#define TN_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct tn_arena_block;

struct tn_arena {
	struct tn_arena_block *blocks;	/* newest first */
	size_t used;			/* bytes handed out */
	size_t max;			/* ceiling of used */
	bool overflowed;		/* an allocation was refused */
};

void tn_arena_init(struct tn_arena *a, size_t max);
void tn_arena_fini(struct tn_arena *a);

/* Forget all allocations; keeps one block for the next request. */
void tn_arena_reset(struct tn_arena *a);

/*
 * Zeroed bytes, aligned for any type.
 * Returns NULL, and leaves overflowed set, past the ceiling or out of memory.
 */
void *tn_arena_alloc(struct tn_arena *a, size_t size);

/* A copy with a NUL behind it. On failure: an empty slice, overflowed set. */
struct tn_slice tn_arena_copy(struct tn_arena *a, struct tn_slice s);

/* The same as a C string; NULL on failure. */
char *tn_arena_str(struct tn_arena *a, struct tn_slice s);

struct tn_slice tn_arena_printf(struct tn_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
