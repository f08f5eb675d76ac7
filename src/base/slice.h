/* Views of bytes that somebody else owns. */
#ifndef TN_SLICE_H
#define TN_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tn_slice {
	const char *ptr;	/* need not end in NUL; NULL only with len 0 */
	size_t len;
};

#define TN_SLICE(literal) \
	((struct tn_slice){ (literal), sizeof(literal) - 1 })
#define TN_SLICE_NONE	((struct tn_slice){ NULL, 0 })

/* For printf's "%.*s": TN_SLICE_ARG(s) gives both arguments. */
#define TN_SLICE_ARG(s)	(int)(s).len, (s).ptr == NULL ? "" : (s).ptr

static inline struct tn_slice
tn_slice(const void *ptr, size_t len)
{
	return (struct tn_slice){ ptr, len };
}

/* A view of a C string; NULL gives an empty one. */
static inline struct tn_slice
tn_slice_str(const char *s)
{
	return (struct tn_slice){ s, s == NULL ? 0 : strlen(s) };
}

static inline bool
tn_slice_eq(struct tn_slice a, struct tn_slice b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
tn_slice_is(struct tn_slice a, const char *s)
{
	return tn_slice_eq(a, tn_slice_str(s));
}

/* Equal but for the case of ASCII letters; no locale. */
bool tn_slice_ieq(struct tn_slice a, struct tn_slice b);

bool tn_slice_starts(struct tn_slice s, struct tn_slice prefix);
bool tn_slice_ends(struct tn_slice s, struct tn_slice suffix);

/* Without spaces and tabs at both ends. */
struct tn_slice tn_slice_trim(struct tn_slice s);

/* The first n bytes (all, if fewer); the rest after them (empty, if fewer). */
struct tn_slice tn_slice_first(struct tn_slice s, size_t n);
struct tn_slice tn_slice_after(struct tn_slice s, size_t n);

/* Where byte c stands first or last, or -1. */
ptrdiff_t tn_slice_find(struct tn_slice s, char c);
ptrdiff_t tn_slice_rfind(struct tn_slice s, char c);

/*
 * Cut the part before the first sep off the front of *rest; sep itself is
 * dropped. Without sep the whole of *rest is cut and *rest becomes empty
 * (ptr NULL), so "while (rest.ptr != NULL)" sees an empty last part too.
 */
struct tn_slice tn_slice_cut(struct tn_slice *rest, char sep);

/*
 * Split at the first sep into trimmed name and value.
 * Returns false, and sets nothing, if there is no sep.
 */
bool tn_slice_split(struct tn_slice s, char sep, struct tn_slice *name,
    struct tn_slice *value);

/*
 * Read a whole slice of 1 to 20 decimal digits, no sign, no space.
 * Returns false if it is anything else or does not fit.
 */
bool tn_slice_u64(struct tn_slice s, uint64_t *out);

#define TN_DIGITS	20	/* of the longest */

/* Write it, without zeros before it, at the end of out; the view points there. */
struct tn_slice tn_slice_of_u64(uint64_t n, char out[TN_DIGITS]);

/* Is it of a token, the HTTP word for a name: RFC 9110, 5.6.2? */
bool tn_is_token_char(char c);
/* Is all of it, one character or more? */
bool tn_slice_is_token(struct tn_slice s);

/* The value of a hexadecimal digit of either case, or -1. */
int tn_hex_digit(char c);

/*
 * Compare in time that depends on the lengths alone, for secrets.
 */
bool tn_equal_ct(struct tn_slice a, struct tn_slice b);

/* Overwrite a secret so that the compiler cannot leave it out. */
void tn_wipe(void *ptr, size_t len);

#endif
