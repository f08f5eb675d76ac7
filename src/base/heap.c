/*
 * A crowd that comes at once leaves holes behind: the heads of its requests,
 * the queues of what it was told. glibc gives only the heap's end back by
 * itself.
 */
#include "config.h"

#include "base/heap.h"

#if defined(HAVE_MALLINFO2) || defined(HAVE_MALLOC_TRIM) || \
    defined(HAVE_MALLOPT)
#include <malloc.h>
#endif

#define SMALL		(256 * 1024)	/* so much may lie idle */
#define CHANGE		4096

void
tn_heap_trim(struct tn_heap *heap)
{
#if defined(HAVE_MALLINFO2) && defined(HAVE_MALLOC_TRIM)
	const struct mallinfo2 now = mallinfo2();
	const size_t change = now.uordblks > heap->used ?
	    now.uordblks - heap->used : heap->used - now.uordblks;

	if (now.fordblks < SMALL + now.uordblks / 16 || change < CHANGE)
		return;
	heap->used = now.uordblks;
	malloc_trim(0);
#else
	(void)heap;
#endif
}

void
tn_heap_share(void)
{
#if defined(HAVE_MALLOPT) && defined(M_ARENA_MAX)
	mallopt(M_ARENA_MAX, 1);
#endif
}
