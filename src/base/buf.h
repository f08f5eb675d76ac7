/* Bytes that grow, up to a ceiling; what fails once stays failed. */
#ifndef TN_BUF_H
#define TN_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct tn_err;

/*
 * Append freely, ask once at the end: after an allocation that failed or a
 * ceiling that was passed, appending does nothing and failed keeps the cause.
 */
struct tn_buf {
	char *ptr;
	size_t len;
	size_t cap;
	size_t max;	/* ceiling of len, in bytes */
	int failed;	/* 0, TN_E_NOMEM or TN_E_LIMIT */
};

/* An empty buffer on the heap with a ceiling of max bytes. Allocates nothing. */
void tn_buf_init(struct tn_buf *b, size_t max);
void tn_buf_fini(struct tn_buf *b);

/* Empty it, forget a failure, keep the memory. */
void tn_buf_reset(struct tn_buf *b);

void tn_buf_char(struct tn_buf *b, char c);
void tn_buf_str(struct tn_buf *b, const char *s);
void tn_buf_slice(struct tn_buf *b, struct tn_slice s);
void tn_buf_bytes(struct tn_buf *b, const void *ptr, size_t len);
void tn_buf_u64(struct tn_buf *b, uint64_t n);
void tn_buf_i64(struct tn_buf *b, int64_t n);
void tn_buf_printf(struct tn_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for n more bytes at the end, to be filled and then claimed with
 * b->len += used. Returns NULL, with failed set, when there is none.
 */
char *tn_buf_room(struct tn_buf *b, size_t n);

/* Drop the first n bytes (n <= len), moving the rest to the front. */
void tn_buf_drop(struct tn_buf *b, size_t n);

static inline struct tn_slice
tn_buf_view(const struct tn_buf *b)
{
	return tn_slice(b->ptr, b->len);
}

/*
 * The question at the end.
 *
 * out  set to a view of the bytes, good until the buffer changes
 *
 * Returns 0, or TN_E_NOMEM or TN_E_LIMIT.
 */
int tn_buf_finish(const struct tn_buf *b, struct tn_slice *out,
    struct tn_err *err);

#endif
