#include "config.h"

#include "check_alloc.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static unsigned left;		/* allocations until the one that fails */
static bool reached;

void
tn_alloc_fail_at(unsigned n)
{
	left = n;
	reached = false;
}

bool
tn_alloc_end(void)
{
	bool was = reached;

	tn_alloc_fail_at(0);
	return was;
}

static bool
is_chosen(void)
{
	if (left == 0 || --left > 0)
		return false;
	reached = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return is_chosen() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return is_chosen() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *ptr, size_t size)
{
	return is_chosen() ? NULL : __real_realloc(ptr, size);
}
