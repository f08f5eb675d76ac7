/* The process's heap, seen from outside. */
#ifndef TN_HEAP_H
#define TN_HEAP_H

#include <stddef.h>

struct tn_heap {
	size_t used;		/* bytes in use when it was last trimmed */
};

/*
 * Give pages that hold nothing back to the system, where the C library can
 * and where it is worth it: much is free, and what is in use has changed
 * since the last time. To be called now and then, once a second say.
 */
void tn_heap_trim(struct tn_heap *heap);

/*
 * Let all threads share one heap, where the C library would give each its
 * own: what one gives back another takes, so a process is as large as its
 * work, however that wanders between threads. To be called before they start.
 */
void tn_heap_share(void);

#endif
