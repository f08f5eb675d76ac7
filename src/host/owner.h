/* Whose session a request names, told from the first line of its head. */
#ifndef TN_OWNER_H
#define TN_OWNER_H

#include <stdbool.h>

#include "base/slice.h"

/*
 * The worker behind the last dot of the sid in a request's target. A head is
 * only peeked at here: whatever is odd names no owner, so that it is read,
 * and refused, where requests are read.
 *
 * head   what has come of it
 * owner  set to the worker's name, a view into head; ptr NULL if the target
 *        has no sid, several, or one of another shape
 *
 * Returns the length of the first line with its end (> 0); 0 if more is
 * needed; TN_E_LIMIT if it is longer than TN_LIMIT_OWNER_LINE.
 */
int tn_owner_read(struct tn_slice head, struct tn_slice *owner);

/* Letters, digits, '-' and '_', 1 to TN_LIMIT_WORKER_NAME of them? */
bool tn_owner_is_name(struct tn_slice name);

#endif
