/* Percent-encoding and query strings. */
#ifndef TN_URL_H
#define TN_URL_H

#include "base/buf.h"

struct tn_arena;
struct tn_err;

struct tn_pair {
	struct tn_slice name;
	struct tn_slice value;
};

/* As JavaScript's encodeURIComponent: all but A-Za-z0-9-_.!~*'() as %XX. */
void tn_url_encode(struct tn_buf *out, struct tn_slice in);

/*
 * Undo %XX; with plus_is_space also '+'.
 * Returns 0, or TN_E_SYNTAX for a bad escape, and the buffer's failures.
 */
int tn_url_decode(struct tn_buf *out, struct tn_slice in, bool plus_is_space,
    struct tn_err *err);

/*
 * Split a query string or form body into decoded pairs.
 *
 * in     as sent, without '?'
 * arena  holds the decoded text
 * out    room for cap pairs, filled in order
 * n      set to the pairs filled
 *
 * Returns 0, TN_E_LIMIT for more than cap pairs, TN_E_SYNTAX for a bad
 * escape, invalid UTF-8 or a NUL, TN_E_NOMEM.
 * Source: WHATWG URL, application/x-www-form-urlencoded.
 */
int tn_url_form(struct tn_slice in, struct tn_arena *arena,
    struct tn_pair *out, size_t cap, size_t *n, struct tn_err *err);

/* The last value of a name, or an empty slice with ptr NULL. */
struct tn_slice tn_pair_last(const struct tn_pair *pairs, size_t n,
    const char *name);

#endif
