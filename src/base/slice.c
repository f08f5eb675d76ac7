#include "config.h"

#include "base/slice.h"

static unsigned char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) :
	    (unsigned char)c;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
tn_slice_ieq(struct tn_slice a, struct tn_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

bool
tn_slice_starts(struct tn_slice s, struct tn_slice prefix)
{
	return tn_slice_eq(tn_slice_first(s, prefix.len), prefix);
}

bool
tn_slice_ends(struct tn_slice s, struct tn_slice suffix)
{
	if (s.len < suffix.len)
		return false;
	return tn_slice_eq(tn_slice_after(s, s.len - suffix.len), suffix);
}

struct tn_slice
tn_slice_trim(struct tn_slice s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct tn_slice
tn_slice_first(struct tn_slice s, size_t n)
{
	return tn_slice(s.ptr, n < s.len ? n : s.len);
}

struct tn_slice
tn_slice_after(struct tn_slice s, size_t n)
{
	if (s.len == 0)
		return s;
	if (n > s.len)
		n = s.len;
	return tn_slice(s.ptr + n, s.len - n);
}

ptrdiff_t
tn_slice_find(struct tn_slice s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

	return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t
tn_slice_rfind(struct tn_slice s, char c)
{
	const char *at = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);

	return at == NULL ? -1 : at - s.ptr;
}

struct tn_slice
tn_slice_cut(struct tn_slice *rest, char sep)
{
	struct tn_slice all = *rest;
	ptrdiff_t at = tn_slice_find(all, sep);

	if (at < 0) {
		*rest = TN_SLICE_NONE;
		return all;
	}
	*rest = tn_slice_after(all, (size_t)at + 1);
	return tn_slice_first(all, (size_t)at);
}

bool
tn_slice_split(struct tn_slice s, char sep, struct tn_slice *name,
    struct tn_slice *value)
{
	ptrdiff_t at = tn_slice_find(s, sep);

	if (at < 0)
		return false;
	*name = tn_slice_trim(tn_slice_first(s, (size_t)at));
	*value = tn_slice_trim(tn_slice_after(s, (size_t)at + 1));
	return true;
}

bool
tn_slice_u64(struct tn_slice s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len < 1 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

struct tn_slice
tn_slice_of_u64(uint64_t n, char out[TN_DIGITS])
{
	size_t at = TN_DIGITS;

	do {
		out[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return tn_slice(out + at, TN_DIGITS - at);
}

bool
tn_is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool
tn_slice_is_token(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!tn_is_token_char(s.ptr[i]))
			return false;
	}
	return s.len > 0;
}

int
tn_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
tn_equal_ct(struct tn_slice a, struct tn_slice b)
{
	volatile unsigned char differ = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differ |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
	return differ == 0;
}

void
tn_wipe(void *ptr, size_t len)
{
	if (len > 0)
		explicit_bzero(ptr, len);
}
