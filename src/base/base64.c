#include "config.h"

#include "base/base64.h"

#include "base/err.h"

static const char standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a character plus one; 0: not of either alphabet. */
static const uint8_t sextets[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6,
	['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12,
	['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
	['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
	['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
	['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
	['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64,
};

void
tn_base64_encode(struct tn_buf *out, struct tn_slice in,
    enum tn_base64_form form)
{
	const char *digits = form == TN_BASE64_URL ? url : standard;
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t left = in.len, tail = in.len % 3;
	char *start, *to;

	/* the buffer's ceiling refuses a sum that would wrap */
	start = to = tn_buf_room(out, left > SIZE_MAX / 2 ? SIZE_MAX :
	    left / 3 * 4 + (tail == 0 ? 0 : 4));
	if (to == NULL)
		return;
	for (; left >= 3; left -= 3, p += 3) {
		*to++ = digits[p[0] >> 2];
		*to++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
		*to++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
		*to++ = digits[p[2] & 63];
	}
	if (tail > 0) {
		*to++ = digits[p[0] >> 2];
		*to++ = digits[(p[0] & 3) << 4 | (tail == 2 ? p[1] >> 4 : 0)];
		if (tail == 2)
			*to++ = digits[(p[1] & 15) << 2];
		while (form == TN_BASE64_STANDARD && (to - start) % 4 != 0)
			*to++ = '=';
	}
	out->len += (size_t)(to - start);
}

static struct tn_slice
without_padding(struct tn_slice in)
{
	if (in.len % 4 != 0)
		return in;
	for (int i = 0; i < 2 && in.len > 0 && in.ptr[in.len - 1] == '='; i++)
		in.len--;
	return in;
}

/* n characters, 2 to 4, as the bytes they stand for in the upper 24 bits. */
static bool
join(const char *p, size_t n, uint32_t *bits)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned sextet = sextets[(unsigned char)p[i]];

		if (sextet == 0)
			return false;
		sum |= (uint32_t)(sextet - 1) << (26 - 6 * i);
	}
	*bits = sum;
	return true;
}

int
tn_base64_decode(struct tn_buf *out, struct tn_slice in,
    struct tn_err *err)
{
	struct tn_slice digits = without_padding(in);
	size_t used = 0;
	char *to;

	if (digits.len % 4 == 1)
		return tn_err_set(err, TN_E_SYNTAX,
		    "base64 text of %zu characters", in.len);
	to = tn_buf_room(out, digits.len * 3 / 4);
	if (to == NULL)
		return tn_err_set(err, out->failed, "base64 text: %s",
		    tn_err_name(out->failed));
	for (size_t i = 0; i < digits.len; i += 4) {
		size_t n = digits.len - i < 4 ? digits.len - i : 4;
		uint32_t bits;

		if (!join(digits.ptr + i, n, &bits))
			return tn_err_set(err, TN_E_SYNTAX,
			    "no base64 near character %zu", i);
		for (size_t k = 0; k + 1 < n; k++)
			to[used++] = (char)(bits >> (24 - 8 * k));
	}
	out->len += used;
	return 0;
}
