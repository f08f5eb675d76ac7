#include "config.h"

#include "base/json.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"

#include "check_alloc.h"
#include "check_main.h"

#define S(literal) TN_SLICE(literal)

static const struct tn_slice good[] = {
	S("null"), S(" true "), S("\t\r\nfalse\n"), S("0"), S("-0"), S("10"),
	S("-1.5e+10"), S("1E5"), S("0.0"), S("\"\""), S("\"a\""), S("[]"),
	S("[ ]"), S("{}"), S("{ }"), S("[1,2,[3]]"), S("[[],{},[[]]]"),
	S("{\"a\":1,\"b\":{\"a\":1}}"), S("{\"\":0}"), S("{\"a\" : [ { } ] }"),
	S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83d\\uDe00\""),
	S("\"\\ud800\""), S("\"\\udc00\\ud800\""), S("\"\x7f\""),
	S("\"\xe2\x82\xac and \xf0\x9f\x98\x80, then plain text\""),
	S("{\"\\ud800\":1,\"\\udc00\":2}"), S("{\"a\":1,\"A\":2}"),
	S("{\"__proto__\":{}}"), S("1e999"), S("[\"]\",\"}\"]"),
};

static const struct tn_slice bad[] = {
	S(""), S(" "), S("nul"), S("nulll"), S("True"), S("NaN"), S("Infinity"),
	S("01"), S("-"), S("+1"), S("1."), S(".5"), S("1e"), S("1e+"), S("-01"),
	S("0x10"), S("1 2"), S("[1]]"), S("[1,]"), S("[,1]"), S("[1 2]"),
	S("[1}"), S("{\"a\":1]"), S("{1:2}"), S("{\"a\"}"), S("{\"a\":}"),
	S("{\"a\":1,}"), S("{,}"), S("{\"a\" 1}"), S("{a:1}"), S("'a'"),
	S("\"a"), S("\"\\\""), S("\"\\x\""), S("\"\\u12\""), S("\"\\u12g4\""),
	S("\"\\"), S("\"\\u"), S("\"\\u123"), S("\"a\nb\""), S("\"\0\""),
	S("\"\x1f\""), S("\"\xff\""), S("\"\xc0\x80\""), S("\"\xed\xa0\x80\""),
	S("\"\xe2\x82\""), S("\"\xe2\x82"), S("1\0"), S("\0"), S("\xef\xbb\xbf" "1"),
	S("/**/1"), S("[1]//"), S("{\"a\":1,\"a\":2}"), S("\"\\0\""),
	S("{\"a\":1,\"\\u0061\":2}"), S("{\"\\n\":1,\"\\u000A\":2}"),
	S("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"),
	S("{\"/\":1,\"\\/\":2}"), S("[{\"b\":{},\"a\":{\"c\":1,\"c\":1}}]"),
	S("\xc2\xa0" "1"), S("\v1"), S("\f1"),
};

START_TEST(taken)
{
	struct tn_err err = { 0 };

	ck_assert_msg(tn_json_scan(good[_i], NULL, &err) == 0, "%.*s: %s",
	    TN_SLICE_ARG(good[_i]), err.text);
}
END_TEST

START_TEST(refused)
{
	struct tn_err err;

	ck_assert_msg(tn_json_scan(bad[_i], NULL, &err) == TN_E_SYNTAX,
	    "case %d: %.*s", _i, TN_SLICE_ARG(bad[_i]));
	ck_assert_int_eq(err.code, TN_E_SYNTAX);
}
END_TEST

/* Each cut stands in memory of its own, so that reading on would be seen. */
static int
scan_copy(struct tn_slice s)
{
	char *copy = malloc(s.len + !s.len);
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, s.ptr, s.len);
	rc = tn_json_scan(tn_slice(copy, s.len), NULL, NULL);
	free(copy);
	return rc;
}

START_TEST(refused_when_cut_at_any_byte)
{
	const struct tn_slice s = S("{\"a\":[1.5e3,true,false,null,"
	    "\"\\u20ac\xf0\x9f\x98\x80\\n and more plain text\"],"
	    "\"b\":{\"c\":-0.1e-7}}");

	for (size_t n = 0; n < s.len; n++)
		ck_assert_msg(scan_copy(tn_slice_first(s, n)) == TN_E_SYNTAX,
		    "%zu", n);
	ck_assert_int_eq(scan_copy(s), 0);
}
END_TEST

static struct tn_slice
nested(struct tn_buf *b, unsigned depth)
{
	tn_buf_reset(b);
	for (unsigned i = 0; i < depth; i++)
		tn_buf_str(b, i % 2 == 0 ? "[" : "{\"a\":");
	tn_buf_char(b, '1');
	for (unsigned i = depth; i-- > 0;)
		tn_buf_str(b, i % 2 == 0 ? "]" : "}");
	return tn_buf_view(b);
}

START_TEST(depth_is_limited)
{
	struct tn_json_limits limits = { .depth = 3 };
	struct tn_buf b;

	tn_buf_init(&b, 1 << 20);
	ck_assert_int_eq(tn_json_scan(nested(&b, 3), &limits, NULL), 0);
	ck_assert_int_eq(tn_json_scan(nested(&b, 4), &limits, NULL),
	    TN_E_LIMIT);
	ck_assert_int_eq(tn_json_scan(nested(&b, TN_LIMIT_JSON_DEPTH), NULL,
	    NULL), 0);
	ck_assert_int_eq(tn_json_scan(nested(&b, TN_LIMIT_JSON_DEPTH + 1),
	    NULL, NULL), TN_E_LIMIT);
	limits.depth = 100000;
	ck_assert_int_eq(tn_json_scan(nested(&b, 255), &limits, NULL), 0);
	ck_assert_int_eq(tn_json_scan(nested(&b, 256), &limits, NULL),
	    TN_E_LIMIT);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(items_are_limited)
{
	struct tn_json_limits limits = { .items = 4 };

	ck_assert_int_eq(tn_json_scan(S("[1,[2]]"), &limits, NULL), 0);
	ck_assert_int_eq(tn_json_scan(S("[1,[2,3]]"), &limits, NULL),
	    TN_E_LIMIT);
	limits.items = 1;
	ck_assert_int_eq(tn_json_scan(S("1"), &limits, NULL), 0);
	ck_assert_int_eq(tn_json_scan(S("[1]"), &limits, NULL), TN_E_LIMIT);
}
END_TEST

/* n keys, the last again as a copy of number again (-1: none), escaped. */
static struct tn_slice
object_of(struct tn_buf *b, int n, int again)
{
	tn_buf_reset(b);
	tn_buf_str(b, "{\"x\":{\"k1\":1},");
	for (int i = 0; i < n; i++)
		tn_buf_printf(b, "%s\"k%d\":{\"k%d\":0}", i == 0 ? "" : ",", i,
		    i);
	if (again >= 0)
		tn_buf_printf(b, ",\"\\u006b%d\":0", again);
	tn_buf_char(b, '}');
	return tn_buf_view(b);
}

START_TEST(duplicates_among_many_keys)
{
	struct tn_buf b;

	tn_buf_init(&b, 1 << 20);
	for (int n = 1; n < 40; n++) {
		ck_assert_int_eq(tn_json_scan(object_of(&b, n, -1), NULL,
		    NULL), 0);
		for (int again = 0; again < n; again++)
			ck_assert_int_eq(tn_json_scan(object_of(&b, n, again),
			    NULL, NULL), TN_E_SYNTAX);
	}
	ck_assert_int_eq(tn_json_scan(object_of(&b, 9000, -1), NULL, NULL), 0);
	ck_assert_int_eq(tn_json_scan(object_of(&b, 9000, 5), NULL, NULL),
	    TN_E_SYNTAX);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(scan_survives_each_failed_allocation)
{
	bool failed = true;
	struct tn_buf b;

	tn_buf_init(&b, 1 << 20);
	object_of(&b, 40, -1);
	for (unsigned n = 1; failed; n++) {
		int rc;

		tn_alloc_fail_at(n);
		rc = tn_json_scan(tn_buf_view(&b), NULL, NULL);
		failed = tn_alloc_end();
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
	}
	tn_buf_fini(&b);
}
END_TEST

START_TEST(walks_arrays_and_objects)
{
	static const char *const parts[] = {
		"1", "\"a,]\\\\\"", "[2,[3]]", "{\"x\":\"}\"}", "null",
	};
	struct tn_slice rest = S(" [ 1 , \"a,]\\\\\",[2,[3]] ,"
	    "{\"x\":\"}\"},null ] ");
	struct tn_slice key, value;

	for (size_t i = 0; i < 5; i++) {
		ck_assert(tn_json_element(&rest, &value));
		ck_assert(tn_slice_is(value, parts[i]));
	}
	ck_assert(!tn_json_element(&rest, &value));
	ck_assert(!tn_json_element(&rest, &value));
	rest = S("{ \"a\" : 1 , \"b\\\"\":[{}] }");
	ck_assert(tn_json_member(&rest, &key, &value));
	ck_assert(tn_slice_is(key, "\"a\"") && tn_slice_is(value, "1"));
	ck_assert(tn_json_member(&rest, &key, &value));
	ck_assert(tn_slice_is(key, "\"b\\\"\"") && tn_slice_is(value, "[{}]"));
	ck_assert(!tn_json_member(&rest, &key, &value));
	rest = S("{}");
	ck_assert(!tn_json_member(&rest, &key, &value));
	rest = S("[[1],2]");
	ck_assert(tn_json_element(&rest, &value));
	ck_assert(tn_slice_is(value, "[1]"));
	rest = S("{\"a\":1}");
	ck_assert(!tn_json_element(&rest, &value));
	rest = S("[1]");
	ck_assert(!tn_json_member(&rest, &key, &value));
}
END_TEST

START_TEST(finds_members_by_decoded_name)
{
	const struct tn_slice object = S("{\"A\":1,\"\\u0061\":2,"
	    "\"\\ud83d\\ude00\":3,\"o\":{\"b\":4}}");
	struct tn_slice value;

	ck_assert(tn_json_get(object, "a", &value));
	ck_assert(tn_slice_is(value, "2"));
	ck_assert(tn_json_get(object, "\xf0\x9f\x98\x80", &value));
	ck_assert(tn_slice_is(value, "3"));
	ck_assert(!tn_json_get(object, "b", &value));
	ck_assert(!tn_json_get(object, "", &value));
	ck_assert(!tn_json_get(S("[\"a\"]"), "a", &value));
	ck_assert(tn_json_string_is(S("\"a\\nb\""), S("a\nb")));
	ck_assert(!tn_json_string_is(S("\"a\\nb\""), S("a\nbc")));
	ck_assert(!tn_json_string_is(S("\"a\\nb\""), S("a\n")));
	ck_assert(!tn_json_string_is(S("a"), S("a")));
	for (int n = 0; n <= 4; n++) {
		const struct tn_slice texts[] = { S("b"), S("a"), S("a\nb"),
			S("a") };

		ck_assert_int_eq(tn_json_string_which(S("\"a\""), texts, n),
		    n > 1 ? 1 : -1);
		ck_assert_int_eq(tn_json_string_which(S("\"\\u0061\""),
		    texts, n), n > 1 ? 1 : -1);
		ck_assert_int_eq(tn_json_string_which(S("\"a\\nb\""), texts,
		    n), n > 2 ? 2 : -1);
		ck_assert_int_eq(tn_json_string_which(S("a"), texts, n), -1);
	}
	/* as many bytes as were sent, but not what they stand for */
	ck_assert(!tn_json_string_is(S("\"a\\nb\""), S("a\\nb")));
	ck_assert(!tn_json_string_is(S("\"ab\""), S("ac")));
	ck_assert(!tn_json_string_is(S("\"ab\""), S("a")));
	ck_assert(!tn_json_string_is(S("\"ab\""), S("abc")));
	ck_assert(tn_json_string_is(S("\"\\u00e9\""), S("\xc3\xa9")));
	ck_assert(tn_json_string_is(S("\"\\ud83d\\ude00\""),
	    S("\xf0\x9f\x98\x80")));
	ck_assert(tn_json_string_is(S("\"\""), S("")));
}
END_TEST

START_TEST(tells_types)
{
	ck_assert_int_eq(tn_json_type(S("{}")), TN_JSON_OBJECT);
	ck_assert_int_eq(tn_json_type(S(" []")), TN_JSON_ARRAY);
	ck_assert_int_eq(tn_json_type(S("\"\"")), TN_JSON_STRING);
	ck_assert_int_eq(tn_json_type(S("-1")), TN_JSON_NUMBER);
	ck_assert_int_eq(tn_json_type(S("true")), TN_JSON_TRUE);
	ck_assert_int_eq(tn_json_type(S("false")), TN_JSON_FALSE);
	ck_assert_int_eq(tn_json_type(S("null")), TN_JSON_NULL);
	ck_assert_int_eq(tn_json_type(S("")), TN_JSON_NULL);
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice raw;
	int rc;
	struct tn_slice out;
} strings[] = {
	{ "no escapes",		S("\"a\xc3\xa9\""),	0, S("a\xc3\xa9") },
	{ "empty",		S("\"\""),		0, S("") },
	{ "short escapes",	S("\"\\b\\f\\n\\r\\t\\\"\\\\\\/\""), 0,
	    S("\b\f\n\r\t\"\\/") },
	{ "code points",	S("\"\\u0041\\u00e9\\u20AC\""), 0,
	    S("A\xc3\xa9\xe2\x82\xac") },
	{ "a pair",		S("\"\\ud83d\\ude00!\""), 0,
	    S("\xf0\x9f\x98\x80!") },
	{ "NUL",		S("\"\\u0000\""),	TN_E_SYNTAX, S("") },
	{ "high alone",		S("\"\\ud83d\""),	TN_E_SYNTAX, S("") },
	{ "low alone",		S("\"\\ude00\""),	TN_E_SYNTAX, S("") },
	{ "high twice",		S("\"\\ud83d\\ud83d\""), TN_E_SYNTAX, S("") },
	{ "a number",		S("1"),			TN_E_TYPE, S("") },
	{ "an object",		S("{}"),		TN_E_TYPE, S("") },
	{ "one quote",		S("\""),		TN_E_TYPE, S("") },
	{ "nothing",		S(""),			TN_E_TYPE, S("") },
};

START_TEST(decodes_strings)
{
	struct tn_slice out = S("");
	struct tn_arena arena;

	tn_arena_init(&arena, 1000);
	ck_assert_msg(tn_json_string(strings[_i].raw, &arena, &out, NULL) ==
	    strings[_i].rc && tn_slice_eq(out, strings[_i].out), "%s",
	    strings[_i].name);
	tn_arena_fini(&arena);
	tn_arena_init(&arena, 0);
	if (tn_slice_find(strings[_i].raw, '\\') >= 0)
		ck_assert_int_eq(tn_json_string(strings[_i].raw, &arena, &out,
		    NULL), TN_E_NOMEM);
}
END_TEST

static const struct {
	struct tn_slice in;
	bool good;
	int64_t n;
} integers[] = {
	{ S("0"), true, 0 }, { S("-0"), true, 0 }, { S("-1"), true, -1 },
	{ S("9223372036854775807"), true, INT64_MAX },
	{ S("9223372036854775808"), false, 0 },
	{ S("-9223372036854775808"), true, INT64_MIN },
	{ S("-9223372036854775809"), false, 0 },
	{ S("1.0"), false, 0 }, { S("1e2"), false, 0 }, { S("01"), false, 0 },
	{ S("-"), false, 0 }, { S(""), false, 0 }, { S("\"1\""), false, 0 },
	{ S("null"), false, 0 },
};

START_TEST(reads_integers)
{
	int64_t n = 0;

	ck_assert_msg(tn_json_i64(integers[_i].in, &n) == integers[_i].good &&
	    n == integers[_i].n, "%.*s", TN_SLICE_ARG(integers[_i].in));
}
END_TEST

START_TEST(writes_strings_as_javascript)
{
	struct tn_buf b;

	tn_buf_init(&b, 200);
	tn_json_write_string(&b, S("a\"\\/\b\f\n\r\t\0\x1f\x7f\xc3\xa9"));
	ck_assert(tn_slice_is(tn_buf_view(&b), "\"a\\\"\\\\/\\b\\f\\n\\r\\t"
	    "\\u0000\\u001f\x7f\xc3\xa9\""));
	ck_assert_int_eq(tn_json_scan(tn_buf_view(&b), NULL, NULL), 0);
	tn_buf_reset(&b);
	tn_json_write_string(&b, TN_SLICE_NONE);
	ck_assert(tn_slice_is(tn_buf_view(&b), "\"\""));
	tn_buf_fini(&b);
}
END_TEST

/* Bytes that were never scanned: anything but reading outside is right. */
START_TEST(walking_what_was_not_scanned)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char *copy = malloc(bad[i].len + 1);
		struct tn_slice rest, key, value;
		struct tn_arena arena;
		int64_t n;

		memcpy(copy, bad[i].ptr, bad[i].len);
		tn_arena_init(&arena, 1000);
		rest = tn_slice(copy, bad[i].len);
		tn_json_string(rest, &arena, &value, NULL);
		tn_json_string_is(rest, S("a\nb"));
		tn_json_i64(rest, &n);
		while (tn_json_element(&rest, &value))
			continue;
		rest = tn_slice(copy, bad[i].len);
		while (tn_json_member(&rest, &key, &value))
			tn_json_string(key, &arena, &value, NULL);
		tn_arena_fini(&arena);
		free(copy);
	}
}
END_TEST

static void
setup(void)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
}

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, sizeof(table) / sizeof(*(table)))

static Suite *
suite(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json");

	tcase_add_checked_fixture(t, setup, NULL);
	LOOP(t, taken, good);
	LOOP(t, refused, bad);
	tcase_add_test(t, refused_when_cut_at_any_byte);
	tcase_add_test(t, depth_is_limited);
	tcase_add_test(t, items_are_limited);
	tcase_add_test(t, duplicates_among_many_keys);
	tcase_add_test(t, scan_survives_each_failed_allocation);
	tcase_add_test(t, walks_arrays_and_objects);
	tcase_add_test(t, finds_members_by_decoded_name);
	tcase_add_test(t, tells_types);
	LOOP(t, decodes_strings, strings);
	LOOP(t, reads_integers, integers);
	tcase_add_test(t, writes_strings_as_javascript);
	tcase_add_test(t, walking_what_was_not_scanned);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
