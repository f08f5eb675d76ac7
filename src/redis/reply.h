/* What Redis answered, to be read. */
#ifndef TN_REPLY_H
#define TN_REPLY_H

#include "base/slice.h"

enum tn_reply_type {
	TN_REPLY_NIL, TN_REPLY_STATUS, TN_REPLY_ERROR, TN_REPLY_INTEGER,
	TN_REPLY_STRING, TN_REPLY_ARRAY,
};

struct tn_reply;

/* All of these take NULL for a reply, which reads as nil. */
enum tn_reply_type tn_reply_type(const struct tn_reply *r);

/* Bytes of a string, status or error; else empty (ptr NULL). */
struct tn_slice tn_reply_text(const struct tn_reply *r);

/* An integer, or 0. */
int64_t tn_reply_integer(const struct tn_reply *r);

/* Elements of an array, or 0; and one of them, or NULL. */
size_t tn_reply_len(const struct tn_reply *r);
const struct tn_reply *tn_reply_at(const struct tn_reply *r, size_t i);

void tn_reply_free(struct tn_reply **r);

#endif
