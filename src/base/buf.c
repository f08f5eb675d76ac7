#include "config.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

enum { FIRST_BYTES = 64 };

void
tn_buf_init(struct tn_buf *b, size_t max)
{
	*b = (struct tn_buf){ .max = max };
}

void
tn_buf_fini(struct tn_buf *b)
{
	free(b->ptr);
	tn_buf_init(b, b->max);
}

void
tn_buf_reset(struct tn_buf *b)
{
	b->len = 0;
	b->failed = 0;
}

/* One byte more than cap is allocated: the NUL that vsnprintf writes. */
static bool
grow(struct tn_buf *b, size_t need)
{
	size_t cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap;
	char *ptr;

	while (cap < need && cap < b->max)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap > b->max)
		cap = b->max;
	ptr = cap < PTRDIFF_MAX ? realloc(b->ptr, cap + 1) : NULL;
	if (ptr == NULL) {
		b->failed = TN_E_NOMEM;
		return false;
	}
	b->ptr = ptr;
	b->cap = cap;
	return true;
}

char *
tn_buf_room(struct tn_buf *b, size_t n)
{
	if (b->failed != 0)
		return NULL;
	if (n > b->cap - b->len || b->ptr == NULL) {
		if (n > b->max - b->len) {
			b->failed = TN_E_LIMIT;
			return NULL;
		}
		if (!grow(b, b->len + n))
			return NULL;
	}
	return b->ptr + b->len;
}

void
tn_buf_char(struct tn_buf *b, char c)
{
	char *to = tn_buf_room(b, 1);

	if (to == NULL)
		return;
	*to = c;
	b->len++;
}

void
tn_buf_bytes(struct tn_buf *b, const void *ptr, size_t len)
{
	char *to;

	if (len == 0 || (to = tn_buf_room(b, len)) == NULL)
		return;
	memcpy(to, ptr, len);
	b->len += len;
}

void
tn_buf_str(struct tn_buf *b, const char *s)
{
	tn_buf_slice(b, tn_slice_str(s));
}

void
tn_buf_slice(struct tn_buf *b, struct tn_slice s)
{
	tn_buf_bytes(b, s.ptr, s.len);
}

void
tn_buf_u64(struct tn_buf *b, uint64_t n)
{
	char digits[TN_DIGITS];

	tn_buf_slice(b, tn_slice_of_u64(n, digits));
}

void
tn_buf_i64(struct tn_buf *b, int64_t n)
{
	if (n < 0)
		tn_buf_char(b, '-');
	tn_buf_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void
tn_buf_printf(struct tn_buf *b, const char *fmt, ...)
{
	char *to = tn_buf_room(b, 0);
	va_list args;
	int len;

	if (to == NULL)
		return;
	va_start(args, fmt);
	len = vsnprintf(to, b->cap - b->len + 1, fmt, args);
	va_end(args);
	if (len > 0 && (size_t)len > b->cap - b->len) {
		to = tn_buf_room(b, (size_t)len);
		if (to == NULL)
			return;
		va_start(args, fmt);
		len = vsnprintf(to, (size_t)len + 1, fmt, args);
		va_end(args);
	}
	if (len > 0)
		b->len += (size_t)len;
}

void
tn_buf_drop(struct tn_buf *b, size_t n)
{
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->ptr, b->ptr + n, b->len);
}

int
tn_buf_finish(const struct tn_buf *b, struct tn_slice *out,
    struct tn_err *err)
{
	switch (b->failed) {
	case 0:
		*out = tn_buf_view(b);
		return 0;
	case TN_E_LIMIT:
		return tn_err_set(err, TN_E_LIMIT,
		    "more than %zu bytes to write", b->max);
	default:
		return tn_err_set(err, b->failed, "%s",
		    tn_err_name(b->failed));
	}
}
