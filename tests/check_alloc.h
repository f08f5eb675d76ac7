/*
 * Running out of memory on purpose.
 *
 * Linked with check_alloc.c and -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 * a test decides which allocation of the code under test fails:
 *
 *	for (unsigned n = 1; n == 1 || failed; n++) {
 *		tn_alloc_fail_at(n);
 *		... what must survive it ...
 *		failed = tn_alloc_end();
 *	}
 */
#ifndef TN_CHECK_ALLOC_H
#define TN_CHECK_ALLOC_H

#include <stdbool.h>

/* From now on the nth allocation (1: the next) returns NULL, once. */
void tn_alloc_fail_at(unsigned n);

/* Back to normal. Returns true if the chosen allocation was reached. */
bool tn_alloc_end(void);

#endif
