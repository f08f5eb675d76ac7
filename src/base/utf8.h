/* Is this text UTF-8? (Unicode 15, table 3-7: no overlongs, no surrogates.) */
#ifndef TN_UTF8_H
#define TN_UTF8_H

#include "base/slice.h"

bool tn_utf8_valid(struct tn_slice s);

/* Bytes, 1 to 4, of the valid code point that s begins with; else 0. */
size_t tn_utf8_length(struct tn_slice s);

/* Code points in valid UTF-8. */
size_t tn_utf8_count(struct tn_slice s);

/*
 * Read one code point off the front of *rest, which must be valid UTF-8
 * and not empty.
 */
uint32_t tn_utf8_next(struct tn_slice *rest);

#endif
