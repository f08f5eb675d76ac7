#include "config.h"

#include "base/url.h"

#include "base/arena.h"
#include "base/err.h"

#include "check_alloc.h"
#include "check_main.h"

#define S(literal) TN_SLICE(literal)

static const struct {
	const char *name;
	struct tn_slice plain, encoded;
} pairs[] = {
	{ "nothing",		S(""),			S("") },
	{ "what is kept",	S("aZ09-_.!~*'()"),	S("aZ09-_.!~*'()") },
	{ "space and signs",	S(" +&=/?"),	S("%20%2B%26%3D%2F%3F") },
	{ "bytes above 127",	S("\xc3\xa9"),		S("%C3%A9") },
	{ "NUL",		S("\0"),		S("%00") },
};

START_TEST(both_ways)
{
	struct tn_buf b;

	tn_buf_init(&b, 100);
	tn_url_encode(&b, pairs[_i].plain);
	ck_assert_msg(tn_slice_eq(tn_buf_view(&b), pairs[_i].encoded), "%s",
	    pairs[_i].name);
	tn_buf_reset(&b);
	ck_assert_int_eq(tn_url_decode(&b, pairs[_i].encoded, false, NULL), 0);
	ck_assert_msg(tn_slice_eq(tn_buf_view(&b), pairs[_i].plain), "%s",
	    pairs[_i].name);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(plus_is_a_space_only_in_forms)
{
	struct tn_buf b;

	tn_buf_init(&b, 100);
	tn_url_decode(&b, S("a+b%2b"), false, NULL);
	ck_assert(tn_slice_is(tn_buf_view(&b), "a+b+"));
	tn_buf_reset(&b);
	tn_url_decode(&b, S("a+b%2b"), true, NULL);
	ck_assert(tn_slice_is(tn_buf_view(&b), "a b+"));
	tn_buf_fini(&b);
}
END_TEST

static const struct tn_slice bad[] = {
	S("%"), S("a%"), S("%4"), S("%4g"), S("%g4"), S("%%41"), S("% 41"),
	S("%-1"), S("%0\0"),
};

START_TEST(bad_escapes)
{
	struct tn_buf b;

	tn_buf_init(&b, 100);
	ck_assert_int_eq(tn_url_decode(&b, bad[_i], false, NULL), TN_E_SYNTAX);
	ck_assert_uint_eq(b.len, 0);
	tn_buf_fini(&b);
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice in;
	int rc;
	size_t n;
	const char *first, *value;
} forms[] = {
	{ "nothing",		S(""),		0, 0, NULL, NULL },
	{ "one pair",		S("a=1"),	0, 1, "a", "1" },
	{ "no sign",		S("a"),		0, 1, "a", "" },
	{ "no name",		S("=1"),	0, 1, "", "1" },
	{ "empty ones skipped",	S("&&a=1&"),	0, 1, "a", "1" },
	{ "second sign",	S("a=b=c"),	0, 1, "a", "b=c" },
	{ "decoded",		S("%61+b=c%26d"), 0, 1, "a b", "c&d" },
	{ "three at the limit",	S("a=1&b=2&a=3"), 0, 3, "a", "1" },
	{ "one too many",	S("a&b&c&d"),	TN_E_LIMIT, 3, NULL, NULL },
	{ "bad escape",		S("a=%zz"),	TN_E_SYNTAX, 0, NULL, NULL },
	{ "bad UTF-8",		S("a=%ff"),	TN_E_SYNTAX, 0, NULL, NULL },
	{ "NUL",		S("a%00=1"),	TN_E_SYNTAX, 0, NULL, NULL },
};

START_TEST(form)
{
	struct tn_arena arena;
	struct tn_pair out[3];
	size_t n;

	tn_arena_init(&arena, 1000);
	ck_assert_msg(tn_url_form(forms[_i].in, &arena, out, 3, &n, NULL) ==
	    forms[_i].rc && n == forms[_i].n, "%s: %zu", forms[_i].name, n);
	if (forms[_i].first != NULL) {
		ck_assert(tn_slice_is(out[0].name, forms[_i].first));
		ck_assert(tn_slice_is(out[0].value, forms[_i].value));
	}
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(the_last_of_a_name)
{
	struct tn_arena arena;
	struct tn_pair out[3];
	size_t n;

	tn_arena_init(&arena, 1000);
	tn_url_form(S("a=1&b=2&a=3"), &arena, out, 3, &n, NULL);
	ck_assert(tn_slice_is(tn_pair_last(out, n, "a"), "3"));
	ck_assert_ptr_null(tn_pair_last(out, n, "c").ptr);
	ck_assert_ptr_null(tn_pair_last(out, 0, "a").ptr);
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(out_of_memory)
{
	struct tn_arena arena;
	struct tn_pair out[3];
	struct tn_buf b;
	size_t n;

	tn_arena_init(&arena, 1000);
	tn_alloc_fail_at(1);
	ck_assert_int_eq(tn_url_form(S("a=1"), &arena, out, 3, &n, NULL),
	    TN_E_NOMEM);
	tn_arena_fini(&arena);
	tn_buf_init(&b, 10);
	tn_alloc_fail_at(1);
	ck_assert_int_eq(tn_url_decode(&b, S("a"), false, NULL), TN_E_NOMEM);
	tn_buf_reset(&b);
	ck_assert_int_eq(tn_url_decode(&b, S("0123456789a"), false, NULL),
	    TN_E_LIMIT);
	tn_alloc_end();
	tn_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("url");
	TCase *t = tcase_create("url");

	tcase_add_loop_test(t, both_ways, 0, sizeof(pairs) / sizeof(*pairs));
	tcase_add_test(t, plus_is_a_space_only_in_forms);
	tcase_add_loop_test(t, bad_escapes, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_loop_test(t, form, 0, sizeof(forms) / sizeof(*forms));
	tcase_add_test(t, the_last_of_a_name);
	tcase_add_test(t, out_of_memory);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
