#include "config.h"

#include "base/json_tree.h"

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/random.h"

#include "check_alloc.h"
#include "check_main.h"

#define S(literal) TN_SLICE(literal)

static const struct {
	const char *name;
	struct tn_slice in, out;
} cases[] = {
	{ "white space goes",	S(" { \"a\" : [ 1 , 2 ] } "),
	    S("{\"a\":[1,2]}") },
	{ "numbers as written",
	    S("[9007199254740993,1.50,1e999,-0,18446744073709551616]"),
	    S("[9007199254740993,1.50,1e999,-0,18446744073709551616]") },
	{ "order is kept",	S("{\"b\":1,\"a\":2,\"0\":3}"),
	    S("{\"b\":1,\"a\":2,\"0\":3}") },
	{ "names with case",	S("{\"a\":1,\"A\":2}"),	S("{\"a\":1,\"A\":2}") },
	{ "an empty name",	S("{\"\":1}"),		S("{\"\":1}") },
	{ "words",		S("[true,false,null]"),	S("[true,false,null]") },
	{ "escapes",		S("[\"\\u00e9\\n\\/\"]"), S("[\"\xc3\xa9\\n/\"]") },
	{ "nested",	S("[[],{},[[{\"a\":{}}]]]"),	S("[[],{},[[{\"a\":{}}]]]") },
	{ "a value alone",	S(" 7 "),		S("7") },
};

START_TEST(read_and_written_again)
{
	struct tn_json *tree = tn_json_parse(cases[_i].in, NULL);
	struct tn_buf b;

	ck_assert_ptr_nonnull(tree);
	tn_buf_init(&b, 1000);
	tn_json_print(&b, tree);
	ck_assert_msg(tn_slice_eq(tn_buf_view(&b), cases[_i].out), "%s: %.*s",
	    cases[_i].name, TN_SLICE_ARG(tn_buf_view(&b)));
	tn_buf_fini(&b);
	tn_json_free(&tree);
	tn_json_free(&tree);
}
END_TEST

static const struct tn_slice bad[] = {
	S("{} x"), S("{\"a\":1,\"a\":2}"), S("01"), S("\"\\u0000\""),
	S("{\"\\u0000\":1}"), S("\"\\ud800\""), S("\"\xff\""), S(""),
};

START_TEST(refused)
{
	struct tn_err err = { 0 };

	ck_assert_ptr_null(tn_json_parse(bad[_i], &err));
	ck_assert_int_eq(err.code, TN_E_SYNTAX);
}
END_TEST

static struct tn_json *
build(int *rc)
{
	struct tn_json *tree = tn_json_object();
	struct tn_json *list = tn_json_array();

	*rc = tree == NULL ? TN_E_NOMEM : 0;
	if (*rc != 0) {
		tn_json_free(&list);
		return NULL;
	}
	*rc |= tn_json_append(list, tn_json_object());
	*rc |= tn_json_set(tree, "list", list);
	*rc |= tn_json_set_string(tree, "s", S("old"));
	*rc |= tn_json_set_i64(tree, "n", INT64_MIN);
	*rc |= tn_json_set_bool(tree, "b", true);
	*rc |= tn_json_set_string(tree, "s", S("a\"\xc3\xa9"));
	return tree;
}

START_TEST(built)
{
	struct tn_json *tree;
	struct tn_buf b;
	struct tn_slice s;
	int64_t n;
	bool on;
	int rc;

	tree = build(&rc);
	ck_assert_int_eq(rc, 0);
	tn_buf_init(&b, 1000);
	tn_json_print(&b, tree);
	ck_assert(tn_slice_is(tn_buf_view(&b), "{\"list\":[{}],"
	    "\"s\":\"a\\\"\xc3\xa9\",\"n\":-9223372036854775808,\"b\":true}"));
	ck_assert(tn_json_read_string(tree, "s", &s));
	ck_assert(tn_slice_is(s, "a\"\xc3\xa9"));
	ck_assert(tn_json_read_i64(tree, "n", &n) && n == INT64_MIN);
	ck_assert(tn_json_read_bool(tree, "b", &on) && on);
	ck_assert(!tn_json_read_string(tree, "S", &s));
	ck_assert(!tn_json_read_string(tree, "n", &s));
	ck_assert(!tn_json_read_i64(tree, "s", &n));
	ck_assert(!tn_json_read_bool(tree, "none", &on));
	ck_assert_int_eq(tn_json_set_string(tree, "s", S("\xff")),
	    TN_E_SYNTAX);
	ck_assert_int_eq(tn_json_set_string(tree, "s", S("a\0b")),
	    TN_E_SYNTAX);
	tn_buf_fini(&b);
	tn_json_free(&tree);
}
END_TEST

START_TEST(survives_each_failed_allocation)
{
	/* the library's own calls are not wrapped, so it is given ours */
	cJSON_Hooks hooks = { .malloc_fn = malloc, .free_fn = free };
	bool failed = true;

	cJSON_InitHooks(&hooks);
	for (unsigned n = 1; failed; n++) {
		struct tn_json *tree, *again;
		struct tn_buf b;
		int rc;

		tn_buf_init(&b, 1000);
		tn_alloc_fail_at(n);
		tree = build(&rc);
		if (tree != NULL)
			tn_json_print(&b, tree);
		again = tn_json_parse(S("{\"a\":[1,\"\\n\",{\"b\":null}]}"),
		    NULL);
		failed = tn_alloc_end();
		ck_assert(failed == (rc != 0 || b.failed != 0 ||
		    again == NULL));
		tn_buf_fini(&b);
		tn_json_free(&tree);
		tn_json_free(&again);
	}
	cJSON_InitHooks(NULL);
}
END_TEST

static void
setup(void)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("json_tree");
	TCase *t = tcase_create("json_tree");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, read_and_written_again, 0,
	    sizeof(cases) / sizeof(*cases));
	tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(t, built);
	tcase_add_test(t, survives_each_failed_allocation);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
