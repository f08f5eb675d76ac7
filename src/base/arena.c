#include "config.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	FIRST_BYTES = 4096,	/* of the first block; each next is twice it */
	LAST_BYTES = 65536,	/* until this */
};

struct tn_arena_block {
	struct tn_arena_block *next;
	size_t size;		/* of bytes */
	size_t used;
	_Alignas(max_align_t) char bytes[];
};

void
tn_arena_init(struct tn_arena *a, size_t max)
{
	*a = (struct tn_arena){ .max = max };
}

static void
free_blocks(struct tn_arena_block *block)
{
	while (block != NULL) {
		struct tn_arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void
tn_arena_fini(struct tn_arena *a)
{
	free_blocks(a->blocks);
	tn_arena_init(a, a->max);
}

void
tn_arena_reset(struct tn_arena *a)
{
	struct tn_arena_block *keep = a->blocks;

	if (keep != NULL && keep->size > LAST_BYTES) {
		free_blocks(keep);
		keep = NULL;
	}
	if (keep != NULL) {
		free_blocks(keep->next);
		keep->next = NULL;
		keep->used = 0;
	}
	tn_arena_init(a, a->max);
	a->blocks = keep;
}

static size_t
next_size(const struct tn_arena *a, size_t need)
{
	size_t size = FIRST_BYTES;

	if (a->blocks != NULL && a->blocks->size >= FIRST_BYTES)
		size = a->blocks->size * 2;
	if (size > LAST_BYTES)
		size = LAST_BYTES;
	return size < need ? need : size;
}

/* What is too big for a common block stands behind the one being filled. */
static struct tn_arena_block *
add_block(struct tn_arena *a, size_t need)
{
	size_t size = need > LAST_BYTES / 4 ? need : next_size(a, need);
	struct tn_arena_block *block = malloc(sizeof(*block) + size);

	if (block == NULL)
		return NULL;
	block->size = size;
	block->used = 0;
	if (size == need && a->blocks != NULL) {
		block->next = a->blocks->next;
		a->blocks->next = block;
	} else {
		block->next = a->blocks;
		a->blocks = block;
	}
	return block;
}

static void *
take(struct tn_arena *a, size_t size)
{
	struct tn_arena_block *block = a->blocks;
	const size_t align = _Alignof(max_align_t);
	char *at;

	/* used never passes max, so neither sum below can wrap */
	if (size > a->max - a->used || size > SIZE_MAX / 2)
		goto refuse;
	size = size == 0 ? align : (size + align - 1) & ~(align - 1);
	if (size > a->max - a->used)
		goto refuse;
	if (block == NULL || size > block->size - block->used) {
		block = add_block(a, size);
		if (block == NULL)
			goto refuse;
	}
	at = block->bytes + block->used;
	block->used += size;
	a->used += size;
	return at;
refuse:
	a->overflowed = true;
	return NULL;
}

void *
tn_arena_alloc(struct tn_arena *a, size_t size)
{
	void *ptr = take(a, size);

	return ptr == NULL ? NULL : memset(ptr, 0, size);
}

struct tn_slice
tn_arena_copy(struct tn_arena *a, struct tn_slice s)
{
	char *ptr = tn_arena_str(a, s);

	return ptr == NULL ? TN_SLICE_NONE : tn_slice(ptr, s.len);
}

char *
tn_arena_str(struct tn_arena *a, struct tn_slice s)
{
	char *ptr = take(a, s.len < SIZE_MAX ? s.len + 1 : s.len);

	if (ptr == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(ptr, s.ptr, s.len);
	ptr[s.len] = '\0';
	return ptr;
}

struct tn_slice
tn_arena_printf(struct tn_arena *a, const char *fmt, ...)
{
	char small[256];
	va_list args;
	char *ptr;
	int len;

	va_start(args, fmt);
	len = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (len < 0) {
		a->overflowed = true;
		return TN_SLICE_NONE;
	}
	if ((size_t)len < sizeof(small))
		return tn_arena_copy(a, tn_slice(small, (size_t)len));
	ptr = take(a, (size_t)len + 1);
	if (ptr == NULL)
		return TN_SLICE_NONE;
	va_start(args, fmt);
	vsnprintf(ptr, (size_t)len + 1, fmt, args);
	va_end(args);
	return tn_slice(ptr, (size_t)len);
}
