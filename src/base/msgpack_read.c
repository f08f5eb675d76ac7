#include "config.h"

#include "base/msgpack_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"

/* ---- tokens ---------------------------------------------------------------*/

static bool
take(struct tn_slice *rest, size_t n, struct tn_slice *out)
{
	if (n > rest->len)
		return false;
	*out = tn_slice_first(*rest, n);
	*rest = tn_slice_after(*rest, n);
	return true;
}

/* A big-endian number of 1 to 8 bytes. */
static bool
take_uint(struct tn_slice *rest, size_t n, uint64_t *out)
{
	struct tn_slice bytes;

	if (!take(rest, n, &bytes))
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = *out << 8 | (unsigned char)bytes.ptr[i];
	return true;
}

static bool
take_bytes(struct tn_slice *rest, struct tn_mp_token *t, enum tn_mp_type type,
    uint64_t len)
{
	t->type = type;
	return len <= rest->len && take(rest, (size_t)len, &t->bytes);
}

static bool
take_sized(struct tn_slice *rest, struct tn_mp_token *t, enum tn_mp_type type,
    size_t width)
{
	uint64_t len;

	return take_uint(rest, width, &len) &&
	    take_bytes(rest, t, type, len);
}

static bool
take_ext(struct tn_slice *rest, struct tn_mp_token *t, uint64_t len)
{
	uint64_t type;

	if (!take_uint(rest, 1, &type))
		return false;
	t->ext = (int8_t)(type < 128 ? (int)type : (int)type - 256);
	return take_bytes(rest, t, TN_MP_EXT, len);
}

static bool
take_sized_ext(struct tn_slice *rest, struct tn_mp_token *t, size_t width)
{
	uint64_t len;

	return take_uint(rest, width, &len) && take_ext(rest, t, len);
}

static bool
take_signed(struct tn_slice *rest, struct tn_mp_token *t, size_t width)
{
	uint64_t n, sign = UINT64_C(1) << (8 * width - 1);

	if (!take_uint(rest, width, &n))
		return false;
	t->type = n & sign ? TN_MP_INT : TN_MP_UINT;
	t->u = n;
	if (n & sign)	/* two's complement, by hand */
		t->i = -(int64_t)((sign - 1) - (n & (sign - 1))) - 1;
	return true;
}

static bool
take_unsigned(struct tn_slice *rest, struct tn_mp_token *t, size_t width)
{
	t->type = TN_MP_UINT;
	return take_uint(rest, width, &t->u);
}

static bool
take_float(struct tn_slice *rest, struct tn_mp_token *t, size_t width)
{
	uint64_t bits;
	uint32_t half;
	float f;

	t->type = TN_MP_FLOAT;
	if (!take_uint(rest, width, &bits))
		return false;
	if (width == 8) {
		memcpy(&t->d, &bits, sizeof(t->d));
	} else {
		half = (uint32_t)bits;
		memcpy(&f, &half, sizeof(f));
		t->d = (double)f;
	}
	return true;
}

/* Every item takes a byte at least. */
static bool
container(const struct tn_slice *rest, struct tn_mp_token *t,
    enum tn_mp_type type, uint64_t count)
{
	t->type = type;
	t->u = count;
	return count <= rest->len / (type == TN_MP_MAP ? 2 : 1);
}

static bool
sized_container(struct tn_slice *rest, struct tn_mp_token *t,
    enum tn_mp_type type, size_t width)
{
	uint64_t count;

	return take_uint(rest, width, &count) &&
	    container(rest, t, type, count);
}

static bool
take_constant(struct tn_mp_token *t, enum tn_mp_type type, bool on)
{
	t->type = type;
	t->on = on;
	return true;
}

static bool
take_marked(struct tn_slice *rest, struct tn_mp_token *t, unsigned mark)
{
	switch (mark) {
	case 0xc0: return take_constant(t, TN_MP_NIL, false);
	case 0xc2: return take_constant(t, TN_MP_BOOL, false);
	case 0xc3: return take_constant(t, TN_MP_BOOL, true);
	case 0xc4: return take_sized(rest, t, TN_MP_BIN, 1);
	case 0xc5: return take_sized(rest, t, TN_MP_BIN, 2);
	case 0xc6: return take_sized(rest, t, TN_MP_BIN, 4);
	case 0xc7: return take_sized_ext(rest, t, 1);
	case 0xc8: return take_sized_ext(rest, t, 2);
	case 0xc9: return take_sized_ext(rest, t, 4);
	case 0xca: return take_float(rest, t, 4);
	case 0xcb: return take_float(rest, t, 8);
	case 0xcc: return take_unsigned(rest, t, 1);
	case 0xcd: return take_unsigned(rest, t, 2);
	case 0xce: return take_unsigned(rest, t, 4);
	case 0xcf: return take_unsigned(rest, t, 8);
	case 0xd0: return take_signed(rest, t, 1);
	case 0xd1: return take_signed(rest, t, 2);
	case 0xd2: return take_signed(rest, t, 4);
	case 0xd3: return take_signed(rest, t, 8);
	case 0xd4: return take_ext(rest, t, 1);
	case 0xd5: return take_ext(rest, t, 2);
	case 0xd6: return take_ext(rest, t, 4);
	case 0xd7: return take_ext(rest, t, 8);
	case 0xd8: return take_ext(rest, t, 16);
	case 0xd9: return take_sized(rest, t, TN_MP_STR, 1);
	case 0xda: return take_sized(rest, t, TN_MP_STR, 2);
	case 0xdb: return take_sized(rest, t, TN_MP_STR, 4);
	case 0xdc: return sized_container(rest, t, TN_MP_ARRAY, 2);
	case 0xdd: return sized_container(rest, t, TN_MP_ARRAY, 4);
	case 0xde: return sized_container(rest, t, TN_MP_MAP, 2);
	case 0xdf: return sized_container(rest, t, TN_MP_MAP, 4);
	default:   return false;	/* 0xc1 is never used */
	}
}

bool
tn_mp_next(struct tn_slice *rest, struct tn_mp_token *t)
{
	uint64_t mark;

	*t = (struct tn_mp_token){ 0 };
	if (!take_uint(rest, 1, &mark))
		return false;
	if (mark < 0x80) {
		t->type = TN_MP_UINT;
		t->u = mark;
		return true;
	}
	if (mark < 0x90)
		return container(rest, t, TN_MP_MAP, mark & 0x0f);
	if (mark < 0xa0)
		return container(rest, t, TN_MP_ARRAY, mark & 0x0f);
	if (mark < 0xc0)
		return take_bytes(rest, t, TN_MP_STR, mark & 0x1f);
	if (mark >= 0xe0) {
		t->type = TN_MP_INT;
		t->i = (int64_t)mark - 256;
		return true;
	}
	return take_marked(rest, t, (unsigned)mark);
}

bool
tn_mp_skip(struct tn_slice *rest)
{
	struct tn_mp_token t;
	uint64_t left = 1;

	while (left > 0) {
		if (!tn_mp_next(rest, &t))
			return false;
		left--;
		if (t.type == TN_MP_ARRAY)
			left += t.u;
		else if (t.type == TN_MP_MAP)
			left += 2 * t.u;
	}
	return true;
}

/* ---- numbers and dates as JavaScript writes them --------------------------*/

/* Fewest digits that read back as d; point is where the decimal point goes. */
static int
shortest(double d, char digits[20], int *point)
{
	char text[40];
	int n = 0;

	for (int precision = 0; precision <= 16; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, d);
		if (strtod(text, NULL) == d)
			break;
	}
	for (const char *p = text; *p != 'e'; p++) {
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	}
	*point = atoi(strchr(text, 'e') + 1) + 1;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	return n;
}

static void
pad(struct tn_buf *out, int zeros)
{
	while (zeros-- > 0)
		tn_buf_char(out, '0');
}

/* Source: ECMA-262, Number::toString. */
void
tn_mp_write_double(struct tn_buf *out, double d)
{
	char digits[20];
	int n, point;

	if (!isfinite(d)) {
		tn_buf_str(out, "null");
		return;
	}
	if (d < 0)
		tn_buf_char(out, '-');
	n = shortest(fabs(d), digits, &point);
	if (point >= n && point <= 21) {
		tn_buf_bytes(out, digits, (size_t)n);
		pad(out, point - n);
	} else if (point > 0 && point <= 21) {
		tn_buf_bytes(out, digits, (size_t)point);
		tn_buf_char(out, '.');
		tn_buf_bytes(out, digits + point, (size_t)(n - point));
	} else if (point > -6 && point <= 0) {
		tn_buf_str(out, "0.");
		pad(out, -point);
		tn_buf_bytes(out, digits, (size_t)n);
	} else {
		tn_buf_char(out, digits[0]);
		if (n > 1)
			tn_buf_char(out, '.');
		tn_buf_bytes(out, digits + 1, (size_t)(n - 1));
		tn_buf_printf(out, "e%+d", point - 1);
	}
}

/* Milliseconds that a JavaScript date can be at all. */
#define MAX_DATE_MS	INT64_C(8640000000000000)

static bool
date_of(int64_t seconds, uint64_t nanoseconds, int64_t *ms)
{
	if (nanoseconds > 999999999 || seconds > MAX_DATE_MS / 1000 ||
	    seconds < -(MAX_DATE_MS / 1000))
		return false;
	*ms = seconds * 1000 + (int64_t)(nanoseconds / 1000000);
	return true;
}

bool
tn_mp_date(const struct tn_mp_token *t, int64_t *ms)
{
	struct tn_slice rest = t->bytes;
	struct tn_mp_token whole;
	uint64_t n;

	if (t->type != TN_MP_EXT)
		return false;
	if (t->ext == 0 && rest.len == 8 && take_signed(&rest, &whole, 8)) {
		*ms = whole.type == TN_MP_INT ? whole.i : (int64_t)whole.u;
		return *ms <= MAX_DATE_MS && *ms >= -MAX_DATE_MS;
	}
	if (t->ext != -1)
		return false;
	if (rest.len == 4)
		return take_uint(&rest, 4, &n) && date_of((int64_t)n, 0, ms);
	if (rest.len == 8)
		return take_uint(&rest, 8, &n) &&
		    date_of((int64_t)(n & ((UINT64_C(1) << 34) - 1)), n >> 34,
		    ms);
	return rest.len == 12 && take_uint(&rest, 4, &n) &&
	    take_signed(&rest, &whole, 8) &&
	    date_of(whole.type == TN_MP_INT ? whole.i :
	    (int64_t)(whole.u & INT64_MAX), n, ms);
}

void
tn_mp_write_date(struct tn_buf *out, int64_t ms)
{
	int64_t milli = ms % 1000;
	struct tm tm = { 0 };
	time_t seconds;
	int year;

	if (milli < 0)
		milli += 1000;
	seconds = (time_t)((ms - milli) / 1000);
	gmtime_r(&seconds, &tm);
	year = tm.tm_year + 1900;
	if (year >= 0 && year <= 9999)
		tn_buf_printf(out, "\"%04d", year);
	else
		tn_buf_printf(out, "\"%c%06d", year < 0 ? '-' : '+',
		    abs(year));
	tn_buf_printf(out, "-%02d-%02dT%02d:%02d:%02d.%03dZ\"", tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)milli);
}
