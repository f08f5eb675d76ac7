/*
 * Reading MessagePack a token at a time, from bytes nobody vouches for.
 *
 * msgpack-c's own unpacker allocates what an array's header claims and stops
 * at a nesting of 32; here a token is a view and nothing is allocated.
 */
#ifndef TN_MSGPACK_READ_H
#define TN_MSGPACK_READ_H

#include "base/slice.h"

struct tn_buf;

enum tn_mp_type {
	TN_MP_NIL, TN_MP_BOOL, TN_MP_INT, TN_MP_UINT, TN_MP_FLOAT, TN_MP_STR,
	TN_MP_BIN, TN_MP_EXT, TN_MP_ARRAY, TN_MP_MAP,
};

struct tn_mp_token {
	enum tn_mp_type type;
	bool on;		/* BOOL */
	int64_t i;		/* INT: below 0 */
	uint64_t u;		/* UINT; ARRAY, MAP: items or pairs */
	double d;
	int8_t ext;		/* EXT: its type */
	struct tn_slice bytes;	/* STR, BIN, EXT */
};

/*
 * Cut one token off the front. The items of an array or map follow as tokens
 * of their own; a count that cannot be in what is left is refused.
 */
bool tn_mp_next(struct tn_slice *rest, struct tn_mp_token *token);

/* Cut a whole value off, with all beneath it. */
bool tn_mp_skip(struct tn_slice *rest);

/* Write a number as JavaScript would; null for what is not finite. */
void tn_mp_write_double(struct tn_buf *out, double d);

/*
 * Milliseconds since 1970 of a date: extension -1 in its three sizes, or
 * type 0 with eight bytes. Returns false for anything else.
 */
bool tn_mp_date(const struct tn_mp_token *token, int64_t *ms);

/* Write such a date as the string that toISOString gives, quotes and all. */
void tn_mp_write_date(struct tn_buf *out, int64_t ms);

#endif
