/*
 * MessagePack a token and a value at a time, and numbers and dates as
 * JavaScript writes them: tests/data/javascript.tsv.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/msgpack_read.h"
#include "check_alloc.h"
#include "check_main.h"
#include "vectors.h"

#define B(s)	{ (s), sizeof(s) - 1 }

static struct tn_buf out;
static struct tn_arena arena;

static void
setup(void)
{
	tn_buf_init(&out, 1 << 20);
	tn_arena_init(&arena, 1 << 20);
}

static void
teardown(void)
{
	tn_buf_fini(&out);
	tn_arena_fini(&arena);
}

static const char *
written(void)
{
	static char text[256];

	snprintf(text, sizeof(text), "%.*s", TN_SLICE_ARG(tn_buf_view(&out)));
	tn_buf_reset(&out);
	return text;
}

/* ---- Tokens ----------------------------------------------------------------- */

/* One token, told as text, and how many bytes are left. */
static const struct { const char *told; struct tn_slice in; size_t left; }
tokens[] = {
	{ "nil", B("\xc0!"), 1 }, { "false", B("\xc2"), 0 },
	{ "true", B("\xc3"), 0 }, { "uint 0", B("\x00"), 0 },
	{ "uint 127", B("\x7f"), 0 }, { "int -32", B("\xe0"), 0 },
	{ "int -1", B("\xff"), 0 }, { "uint 255", B("\xcc\xff"), 0 },
	{ "uint 65535", B("\xcd\xff\xff"), 0 },
	{ "uint 4294967295", B("\xce\xff\xff\xff\xff"), 0 },
	{ "uint 18446744073709551615", B("\xcf\xff\xff\xff\xff\xff\xff\xff"
	    "\xff"), 0 },
	{ "int -128", B("\xd0\x80"), 0 }, { "uint 1", B("\xd0\x01"), 0 },
	{ "int -32768", B("\xd1\x80\x00"), 0 },
	{ "int -2147483648", B("\xd2\x80\x00\x00\x00"), 0 },
	{ "int -9223372036854775808", B("\xd3\x80\x00\x00\x00\x00\x00\x00"
	    "\x00"), 0 },
	{ "float 1.5", B("\xca\x3f\xc0\x00\x00"), 0 },
	{ "float 1.5", B("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"), 0 },
	{ "str abc", B("\xa3" "abcd"), 1 }, { "str ", B("\xa0"), 0 },
	{ "str ab", B("\xd9\x02" "ab"), 0 },
	{ "str ab", B("\xda\x00\x02" "ab"), 0 },
	{ "str ab", B("\xdb\x00\x00\x00\x02" "ab"), 0 },
	{ "bin ab", B("\xc4\x02" "ab"), 0 },
	{ "bin ab", B("\xc5\x00\x02" "ab"), 0 },
	{ "bin ab", B("\xc6\x00\x00\x00\x02" "ab"), 0 },
	{ "ext 5 a", B("\xd4\x05" "a"), 0 },
	{ "ext -1 abcd", B("\xd6\xff" "abcd"), 0 },
	{ "ext 5 abc", B("\xc7\x03\x05" "abc"), 0 },
	{ "array 2", B("\x92\x01\x02"), 2 },
	{ "array 2", B("\xdc\x00\x02\x01\x02"), 2 },
	{ "array 0", B("\xdd\x00\x00\x00\x00"), 0 },
	{ "map 1", B("\x81\xa1" "a\x01"), 3 },
	{ "map 0", B("\xde\x00\x00"), 0 },

	{ NULL, B(""), 0 }, { NULL, B("\xc1"), 0 },
	{ NULL, B("\xd9\x03" "ab"), 0 }, { NULL, B("\xdb\xff\xff\xff\xff"), 0 },
	{ NULL, B("\x93\x01\x02"), 0 }, { NULL, B("\x82\x01\x02\x03"), 0 },
	{ NULL, B("\xdd\xff\xff\xff\xff\x01"), 0 },
	{ NULL, B("\xdf\xff\xff\xff\xff\x01"), 0 },
	{ NULL, B("\xc7\x03\x05" "ab"), 0 },
};

static void
tell(const struct tn_mp_token *t)
{
	switch (t->type) {
	case TN_MP_NIL:
		tn_buf_str(&out, "nil");
		break;
	case TN_MP_BOOL:
		tn_buf_str(&out, t->on ? "true" : "false");
		break;
	case TN_MP_INT:
		tn_buf_printf(&out, "int %lld", (long long)t->i);
		break;
	case TN_MP_UINT:
		tn_buf_printf(&out, "uint %llu", (unsigned long long)t->u);
		break;
	case TN_MP_FLOAT:
		tn_buf_printf(&out, "float %g", t->d);
		break;
	case TN_MP_EXT:
		tn_buf_printf(&out, "ext %d %.*s", t->ext,
		    TN_SLICE_ARG(t->bytes));
		break;
	case TN_MP_STR:
	case TN_MP_BIN:
		tn_buf_printf(&out, "%s %.*s", t->type == TN_MP_STR ? "str" :
		    "bin", TN_SLICE_ARG(t->bytes));
		break;
	case TN_MP_ARRAY:
	case TN_MP_MAP:
		tn_buf_printf(&out, "%s %llu", t->type == TN_MP_MAP ? "map" :
		    "array", (unsigned long long)t->u);
		break;
	}
}

START_TEST(token_is_read_or_refused)
{
	struct tn_slice rest = tokens[_i].in;
	struct tn_mp_token token;
	const char *told = tokens[_i].told;

	ck_assert_msg(tn_mp_next(&rest, &token) == (told != NULL), "row %d",
	    _i);
	if (told == NULL)
		return;
	tell(&token);
	ck_assert_str_eq(written(), told);
	ck_assert_uint_eq(rest.len, tokens[_i].left);
	/* cut short anywhere, it is none */
	for (size_t n = 0; n + tokens[_i].left < tokens[_i].in.len; n++) {
		rest = tn_slice_first(tokens[_i].in, n);
		ck_assert_msg(!tn_mp_next(&rest, &token), "%s: %zu", told, n);
	}
}
END_TEST

/* ---- Values ----------------------------------------------------------------- */

static const struct {
	const char *json;	/* NULL: refused */
	struct tn_slice in;
	size_t nbuffers;
} values[] = {
	{ "1", B("\x01"), 0 }, { "null", B("\xc0"), 0 },
	{ "[]", B("\x90"), 0 }, { "{}", B("\x80"), 0 },
	{ "[1,[true,null],\"a\"]", B("\x93\x01\x92\xc3\xc0\xa1" "a"), 0 },
	{ "{\"a\":{\"b\":-1}}", B("\x81\xa1" "a\x81\xa1" "b\xff"), 0 },
	{ "\"\\\"\\n\"", B("\xa2\"\n"), 0 },
	{ "[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,"
	    "\"num\":1}]", B("\x92\xc4\x01" "x\xc4\x02" "yz"), 2 },
	{ "\"1970-01-01T00:00:01.000Z\"", B("\xd6\xff\x00\x00\x00\x01"), 0 },
	{ NULL, B("\x92\x01"), 0 }, { NULL, B("\x81\xa1" "a"), 0 },
	{ NULL, B(""), 0 }, { NULL, B("\xc1"), 0 },
	{ NULL, B("\xa2\xff\xfe"), 0 },		/* no UTF-8 */
};

START_TEST(value_becomes_json)
{
	const struct tn_slice *buffers;
	struct tn_slice in = values[_i].in, rest = in;
	const char *json = values[_i].json;
	size_t n;
	bool is_good = tn_msgpack_cut(&rest, &arena, &out, &buffers, &n);

	ck_assert_msg(is_good == (json != NULL) || in.ptr[0] == '\xa2',
	    "row %d", _i);
	if (json == NULL)
		return;
	ck_assert_uint_eq(rest.len, 0);
	ck_assert_uint_eq(n, values[_i].nbuffers);
	ck_assert_str_eq(written(), json);
	ck_assert_int_eq(tn_msgpack_read(in, &arena, &out, &buffers, &n,
	    NULL), 0);
	ck_assert_str_eq(written(), json);
	if (n == 2)
		ck_assert(tn_slice_is(buffers[1], "yz"));
	rest = in;
	ck_assert(tn_mp_skip(&rest));
	ck_assert_uint_eq(rest.len, 0);
	for (size_t cut = 0; cut < in.len; cut++) {
		rest = tn_slice_first(in, cut);
		ck_assert(!tn_mp_skip(&rest));
		ck_assert_int_eq(tn_msgpack_read(tn_slice_first(in, cut),
		    &arena, &out, &buffers, &n, NULL), TN_E_SYNTAX);
		tn_buf_reset(&out);
	}
}
END_TEST

START_TEST(one_value_is_cut_off_and_the_rest_stays)
{
	const struct tn_slice *buffers;
	struct tn_slice rest = TN_SLICE("\x92\x01\x02\x03");
	size_t n;

	ck_assert(tn_msgpack_cut(&rest, &arena, &out, &buffers, &n));
	ck_assert(tn_slice_is(rest, "\x03"));
	ck_assert_int_eq(tn_msgpack_read(TN_SLICE("\x01\x02"), &arena, &out,
	    &buffers, &n, NULL), TN_E_SYNTAX);
}
END_TEST

START_TEST(depth_and_length_are_bounded)
{
	static char deep[TN_LIMIT_JSON_DEPTH + 2];
	const struct tn_slice *buffers;
	struct tn_slice rest;
	size_t n;

	memset(deep, 0x91, sizeof(deep));
	for (size_t levels = TN_LIMIT_JSON_DEPTH - 1;
	    levels < TN_LIMIT_JSON_DEPTH + 2; levels++) {
		deep[levels] = '\xc0';
		rest = tn_slice(deep, levels + 1);
		ck_assert_msg(tn_msgpack_cut(&rest, &arena, &out, &buffers,
		    &n) == (levels <= TN_LIMIT_JSON_DEPTH), "%zu", levels);
		rest = tn_slice(deep, levels + 1);
		tn_mp_skip(&rest);		/* no recursion to bound */
		deep[levels] = '\x91';
		tn_buf_reset(&out);
	}
	/* more than a message may have, before a byte of it is looked at */
	ck_assert_int_eq(tn_msgpack_read((struct tn_slice){ deep,
	    TN_LIMIT_CLUSTER_MESSAGE + 1 }, &arena, &out, &buffers, &n, NULL),
	    TN_E_LIMIT);
}
END_TEST

START_TEST(value_without_memory_is_no_bad_value)
{
	const struct tn_slice *buffers;
	bool failed = true;
	size_t n;

	for (unsigned at = 1; failed; at++) {
		int rc;

		teardown();
		setup();
		tn_alloc_fail_at(at);
		rc = tn_msgpack_read(TN_SLICE("\x92\xc4\x01x\xa1y"), &arena,
		    &out, &buffers, &n, NULL);
		failed = tn_alloc_end();
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
	}
}
END_TEST

/* ---- Written ---------------------------------------------------------------- */

START_TEST(what_is_put_is_read)
{
	static char long_text[70000];
	static const uint64_t numbers[] = { 0, 127, 128, 255, 256, 65535,
		65536, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX };
	static const size_t sizes[] = { 0, 31, 32, 255, 256, 65535, 65536 };
	static const size_t counts[] = { 0, 15, 16, 65535, 65536 };
	struct tn_mp_token t;
	struct tn_slice rest;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		tn_buf_reset(&out);
		tn_mp_put_uint(&out, numbers[i]);
		rest = tn_buf_view(&out);
		ck_assert(tn_mp_next(&rest, &t) && rest.len == 0);
		ck_assert(t.type == TN_MP_UINT && t.u == numbers[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		tn_buf_reset(&out);
		tn_mp_put_text(&out, tn_slice(long_text, sizes[i]));
		rest = tn_buf_view(&out);
		ck_assert(tn_mp_next(&rest, &t) && rest.len == 0);
		ck_assert(t.type == TN_MP_STR && t.bytes.len == sizes[i]);
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (int is_map = 0; is_map < 2; is_map++) {
			tn_buf_reset(&out);
			if (is_map)
				tn_mp_put_map(&out, counts[i]);
			else
				tn_mp_put_array(&out, counts[i]);
			for (size_t k = 0; k < counts[i] << is_map; k++)
				tn_mp_put_nil(&out);
			rest = tn_buf_view(&out);
			ck_assert(tn_mp_skip(&rest) && rest.len == 0);
			rest = tn_buf_view(&out);
			ck_assert(tn_mp_next(&rest, &t));
			ck_assert(t.type == (is_map ? TN_MP_MAP : TN_MP_ARRAY));
			ck_assert_uint_eq(t.u, counts[i]);
		}
	}
	tn_buf_reset(&out);
	tn_mp_put_bool(&out, true);
	tn_mp_put_bool(&out, false);
	ck_assert_str_eq(written(), "\xc3\xc2");
}
END_TEST

START_TEST(what_finds_no_room_says_so)
{
	tn_buf_fini(&out);
	tn_buf_init(&out, 3);
	tn_mp_put_text(&out, TN_SLICE("ab"));
	ck_assert_int_eq(out.failed, 0);
	tn_mp_put_nil(&out);
	ck_assert_int_eq(out.failed, TN_E_LIMIT);
}
END_TEST

START_TEST(numbers_and_dates_are_javascripts)
{
	struct tn_vectors vectors;
	struct tn_vector v;
	size_t n = 0;

	tn_vectors_open(&vectors, "javascript.tsv");
	for (; tn_vectors_next(&vectors, &v); n++) {
		char text[32];

		snprintf(text, sizeof(text), "%.*s",
		    TN_SLICE_ARG(v.field[1]));
		if (tn_slice_is(v.field[0], "number")) {
			uint64_t bits = strtoull(text, NULL, 16);
			double d;

			memcpy(&d, &bits, sizeof(d));
			tn_mp_write_double(&out, d);
		} else {
			tn_mp_write_date(&out, strtoll(text, NULL, 10));
		}
		ck_assert_msg(tn_slice_eq(tn_buf_view(&out), v.field[2]),
		    "line %u: %.*s", v.line,
		    TN_SLICE_ARG(tn_buf_view(&out)));
		tn_buf_reset(&out);
	}
	ck_assert_uint_ge(n, 200);
	tn_vectors_close(&vectors);
}
END_TEST

static const struct { struct tn_slice in; bool is_date; int64_t ms; }
dates[] = {
	{ B("\xd6\xff\x00\x00\x00\x01"), true, 1000 },
	{ B("\xd6\xff\xff\xff\xff\xff"), true, INT64_C(4294967295000) },
	/* 1 ms as nanoseconds in the upper 30 bits */
	{ B("\xd7\xff\x00\x3d\x09\x00\x00\x00\x00\x01"), true, 1001 },
	{ B("\xc7\x0c\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
	    true, -1000 },
	{ B("\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05"), true, 5 },
	{ B("\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff"), true, -1 },
	{ B("\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff"), false, 0 },
	{ B("\xd6\x00\x00\x00\x00\x01"), false, 0 },
	{ B("\xd6\x01\x00\x00\x00\x01"), false, 0 },
	{ B("\xd5\xff\x00\x01"), false, 0 },
	{ B("\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"),
	    false, 0 },
	{ B("\x01"), false, 0 }, { B("\xc4\x04" "abcd"), false, 0 },
};

START_TEST(date_is_an_extension)
{
	struct tn_slice rest = dates[_i].in;
	struct tn_mp_token token;
	int64_t ms = 0;

	ck_assert(tn_mp_next(&rest, &token));
	ck_assert_msg(tn_mp_date(&token, &ms) == dates[_i].is_date, "row %d",
	    _i);
	if (dates[_i].is_date)
		ck_assert_msg(ms == dates[_i].ms, "row %d: %lld", _i,
		    (long long)ms);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("msgpack");
	TCase *tc = tcase_create("msgpack");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, token_is_read_or_refused, 0, ROWS(tokens));
	tcase_add_loop_test(tc, value_becomes_json, 0, ROWS(values));
	tcase_add_test(tc, one_value_is_cut_off_and_the_rest_stays);
	tcase_add_test(tc, depth_and_length_are_bounded);
	tcase_add_test(tc, value_without_memory_is_no_bad_value);
	tcase_add_test(tc, what_is_put_is_read);
	tcase_add_test(tc, what_finds_no_room_says_so);
	tcase_add_test(tc, numbers_and_dates_are_javascripts);
	tcase_add_loop_test(tc, date_is_an_extension, 0, ROWS(dates));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
