#include "config.h"

#include "base/slice.h"

#include "check_main.h"

#define S(literal) TN_SLICE(literal)

static const struct {
	const char *name;
	struct tn_slice in, out;
} trims[] = {
	{ "nothing to trim",		S("a b"),	S("a b") },
	{ "both ends",			S(" \ta b\t "),	S("a b") },
	{ "only blanks",		S(" \t "),	S("") },
	{ "empty",			S(""),		S("") },
	{ "line ends are kept",		S("a\r\n"),	S("a\r\n") },
};

START_TEST(trim)
{
	ck_assert_msg(tn_slice_eq(tn_slice_trim(trims[_i].in), trims[_i].out),
	    "%s", trims[_i].name);
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice in;
	bool good;
	uint64_t value;
} numbers[] = {
	{ "zero",			S("0"),		true,	0 },
	{ "leading zeros",		S("007"),	true,	7 },
	{ "the largest",	S("18446744073709551615"), true, UINT64_MAX },
	{ "one more",		S("18446744073709551616"), false, 0 },
	{ "20 nines",		S("99999999999999999999"), false, 0 },
	{ "21 digits",		S("000000000000000000001"), false, 0 },
	{ "nothing",			S(""),		false,	0 },
	{ "a sign",			S("+1"),	false,	0 },
	{ "minus",			S("-1"),	false,	0 },
	{ "a space",			S(" 1"),	false,	0 },
	{ "a letter",			S("1a"),	false,	0 },
	{ "NUL",			S("1\0"),	false,	0 },
};

START_TEST(u64)
{
	uint64_t n = 0;

	ck_assert_msg(tn_slice_u64(numbers[_i].in, &n) == numbers[_i].good &&
	    n == numbers[_i].value, "%s", numbers[_i].name);
}
END_TEST

static const struct {
	uint64_t value;
	struct tn_slice text;
} texts[] = {
	{ 0, S("0") },
	{ 9, S("9") },
	{ 10, S("10") },
	{ 1234567890, S("1234567890") },
	{ UINT64_MAX, S("18446744073709551615") },
};

START_TEST(of_u64)
{
	char digits[TN_DIGITS];

	ck_assert(tn_slice_eq(tn_slice_of_u64(texts[_i].value, digits),
	    texts[_i].text));
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice in;
	size_t parts;
	struct tn_slice last;
} cuts[] = {
	{ "one part",			S("a"),		1,	S("a") },
	{ "three parts",		S("a;b;c"),	3,	S("c") },
	{ "an empty last part",		S("a;"),	2,	S("") },
	{ "an empty first part",	S(";a"),	2,	S("a") },
	{ "empty text is one part",	S(""),		1,	S("") },
};

START_TEST(cut)
{
	struct tn_slice rest = cuts[_i].in, part = TN_SLICE_NONE;
	size_t n = 0;

	for (; rest.ptr != NULL; n++)
		part = tn_slice_cut(&rest, ';');
	ck_assert_msg(n == cuts[_i].parts && tn_slice_eq(part, cuts[_i].last),
	    "%s: %zu parts", cuts[_i].name, n);
}
END_TEST

START_TEST(split)
{
	struct tn_slice name = S("x"), value = S("y");

	ck_assert(!tn_slice_split(S("no sign"), '=', &name, &value));
	ck_assert(tn_slice_is(name, "x") && tn_slice_is(value, "y"));
	ck_assert(tn_slice_split(S(" a = b=c "), '=', &name, &value));
	ck_assert(tn_slice_is(name, "a") && tn_slice_is(value, "b=c"));
	ck_assert(tn_slice_split(S("="), '=', &name, &value));
	ck_assert(name.len == 0 && value.len == 0);
}
END_TEST

START_TEST(compare)
{
	ck_assert(tn_slice_ieq(S("Content-Type"), S("cONTENT-tYPE")));
	ck_assert(!tn_slice_ieq(S("a[b"), S("a{b")));
	ck_assert(!tn_slice_ieq(S("ab"), S("abc")));
	ck_assert(tn_slice_eq(TN_SLICE_NONE, S("")));
	ck_assert(!tn_slice_eq(S("a"), S("a\0")));
	ck_assert(tn_slice_starts(S("abc"), S("ab")));
	ck_assert(!tn_slice_starts(S("a"), S("ab")));
	ck_assert(tn_slice_starts(TN_SLICE_NONE, S("")));
	ck_assert(tn_slice_ends(S("abc"), S("bc")));
	ck_assert(!tn_slice_ends(S("c"), S("bc")));
	ck_assert(tn_equal_ct(S("secret"), S("secret")));
	ck_assert(!tn_equal_ct(S("secret"), S("secreT")));
	ck_assert(!tn_equal_ct(S("secret"), S("secre")));
	ck_assert(tn_equal_ct(TN_SLICE_NONE, S("")));
}
END_TEST

START_TEST(places)
{
	ck_assert_int_eq(tn_slice_find(S("abcb"), 'b'), 1);
	ck_assert_int_eq(tn_slice_rfind(S("abcb"), 'b'), 3);
	ck_assert_int_eq(tn_slice_find(S("abc"), 'x'), -1);
	ck_assert_int_eq(tn_slice_rfind(TN_SLICE_NONE, 'x'), -1);
	ck_assert(tn_slice_is(tn_slice_first(S("abc"), 2), "ab"));
	ck_assert(tn_slice_is(tn_slice_first(S("abc"), 9), "abc"));
	ck_assert(tn_slice_is(tn_slice_after(S("abc"), 2), "c"));
	ck_assert_uint_eq(tn_slice_after(S("abc"), SIZE_MAX).len, 0);
	ck_assert_uint_eq(tn_slice_after(TN_SLICE_NONE, 1).len, 0);
}
END_TEST

START_TEST(tokens)
{
	static const char others[] = "\"(),/:;<=>?@[\\]{} ";

	for (int c = 0; c < 256; c++) {
		const bool is_one = c > ' ' && c < 0x7f &&
		    strchr(others, c) == NULL;

		ck_assert_msg(tn_is_token_char((char)c) == is_one, "%d", c);
	}
	ck_assert(tn_slice_is_token(TN_SLICE("x-request-id")));
	ck_assert(!tn_slice_is_token(TN_SLICE("x id")));
	ck_assert(!tn_slice_is_token(TN_SLICE("")));
	ck_assert(!tn_slice_is_token(TN_SLICE("x\0")));
}
END_TEST

START_TEST(wipe)
{
	char secret[] = "secret";

	tn_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++)
		ck_assert_int_eq(secret[i], 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("slice");
	TCase *t = tcase_create("slice");

	tcase_add_loop_test(t, trim, 0, sizeof(trims) / sizeof(*trims));
	tcase_add_loop_test(t, u64, 0, sizeof(numbers) / sizeof(*numbers));
	tcase_add_loop_test(t, of_u64, 0, sizeof(texts) / sizeof(*texts));
	tcase_add_loop_test(t, cut, 0, sizeof(cuts) / sizeof(*cuts));
	tcase_add_test(t, split);
	tcase_add_test(t, compare);
	tcase_add_test(t, places);
	tcase_add_test(t, tokens);
	tcase_add_test(t, wipe);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
