#include "config.h"

#include "base/utf8.h"

static bool
is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Of a lead byte: how many follow, and the range of the first of them. */
static size_t
read_lead(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef) {
		if (c == 0xe0)
			*low = 0xa0;
		if (c == 0xed)
			*high = 0x9f;
		return 2;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (c == 0xf0)
			*low = 0x90;
		if (c == 0xf4)
			*high = 0x8f;
		return 3;
	}
	return 0;
}

size_t
tn_utf8_length(struct tn_slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	unsigned char low, high;
	size_t more;

	if (s.len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	more = read_lead(p[0], &low, &high);
	if (more == 0 || more >= s.len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i <= more; i++) {
		if (!is_tail(p[i]))
			return 0;
	}
	return more + 1;
}

static size_t
ascii_run(struct tn_slice s)
{
	size_t n = 0;
	uint64_t eight;

	for (; n + sizeof(eight) <= s.len; n += sizeof(eight)) {
		memcpy(&eight, s.ptr + n, sizeof(eight));
		if ((eight & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	while (n < s.len && (unsigned char)s.ptr[n] < 0x80)
		n++;
	return n;
}

bool
tn_utf8_valid(struct tn_slice s)
{
	while (s.len > 0) {
		size_t n = ascii_run(s);

		if (n == 0)
			n = tn_utf8_length(s);
		if (n == 0)
			return false;
		s = tn_slice_after(s, n);
	}
	return true;
}

size_t
tn_utf8_count(struct tn_slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += !is_tail((unsigned char)s.ptr[i]);
	return n;
}

uint32_t
tn_utf8_next(struct tn_slice *rest)
{
	unsigned char lead = (unsigned char)rest->ptr[0];
	size_t more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);

	for (size_t i = 1; i <= more && i < rest->len; i++)
		point = point << 6 | ((unsigned char)rest->ptr[i] & 0x3f);
	*rest = tn_slice_after(*rest, more + 1);
	return point;
}
