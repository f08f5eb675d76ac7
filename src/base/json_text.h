/* What the scan of JSON and the reading of it share: escapes in strings. */
#ifndef TN_JSON_TEXT_H
#define TN_JSON_TEXT_H

#include "base/slice.h"

#define TN_JSON_SPACE(c) \
	((c) == ' ' || (c) == '\n' || (c) == '\r' || (c) == '\t')

/*
 * Read one code point off the inside of a raw string, undoing an escape; two
 * escaped surrogates that form a pair are one. *rest must not be empty and is
 * moved on by one byte at least, whatever it holds.
 * Returns the code point; a lone surrogate is returned as it is.
 */
uint32_t tn_json_point(struct tn_slice *rest);

/*
 * Do the insides of two raw strings decode to the same text? The escapes of
 * a pair are alike to the letter they stand for.
 */
bool tn_json_same_text(struct tn_slice a, struct tn_slice b);

/*
 * Write a code point as UTF-8; a surrogate as three bytes of the same scheme.
 * to  room for four bytes
 * Returns the bytes written.
 */
size_t tn_json_put_point(char *to, uint32_t point);

#endif
