#include "config.h"

#include "base/utf8.h"

#include "check_main.h"

#define S(literal) TN_SLICE(literal)

/* Unicode 15, table 3-7: each row at both ends and one beyond. */
static const struct {
	const char *name;
	struct tn_slice in;
	bool valid;
} cases[] = {
	{ "empty",			S(""),			true },
	{ "ascii",			S("plain text, long enough"), true },
	{ "NUL is a character",		S("a\0b"),		true },
	{ "first of two bytes",		S("\xc2\x80"),		true },
	{ "last of two bytes",		S("\xdf\xbf"),		true },
	{ "first of three bytes",	S("\xe0\xa0\x80"),	true },
	{ "before the surrogates",	S("\xed\x9f\xbf"),	true },
	{ "after the surrogates",	S("\xee\x80\x80"),	true },
	{ "last of three bytes",	S("\xef\xbf\xbf"),	true },
	{ "first of four bytes",	S("\xf0\x90\x80\x80"),	true },
	{ "the last code point",	S("\xf4\x8f\xbf\xbf"),	true },
	{ "a tail alone",		S("\x80"),		false },
	{ "overlong of two",		S("\xc0\x80"),		false },
	{ "overlong slash",		S("\xc1\xaf"),		false },
	{ "overlong of three",		S("\xe0\x9f\xbf"),	false },
	{ "overlong of four",		S("\xf0\x8f\xbf\xbf"),	false },
	{ "first surrogate",		S("\xed\xa0\x80"),	false },
	{ "last surrogate",		S("\xed\xbf\xbf"),	false },
	{ "past the last",		S("\xf4\x90\x80\x80"),	false },
	{ "lead f5",			S("\xf5\x80\x80\x80"),	false },
	{ "lead ff",			S("\xff"),		false },
	{ "a letter for a tail",	S("\xe2\x82" "a"),	false },
	{ "a lead for a tail",		S("\xe2\xe2\x82"),	false },
	{ "bad behind much ascii",	S("0123456789abcdef\xff"), false },
};

START_TEST(valid)
{
	ck_assert_msg(tn_utf8_valid(cases[_i].in) == cases[_i].valid,
	    "%s", cases[_i].name);
}
END_TEST

START_TEST(cut_sequences_are_refused)
{
	const struct tn_slice s = S("\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9z");
	static const char good[] = { 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1 };

	for (size_t n = 0; n <= s.len; n++)
		ck_assert_int_eq(tn_utf8_valid(tn_slice_first(s, n)), good[n]);
}
END_TEST

START_TEST(code_points)
{
	static const uint32_t points[] = { 0x1f600, 0x20ac, 0xe9, 'z', 0 };
	struct tn_slice s = S("\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9z\0");

	ck_assert_uint_eq(tn_utf8_count(s), 5);
	for (size_t i = 0; i < 5; i++)
		ck_assert_uint_eq(tn_utf8_next(&s), points[i]);
	ck_assert_uint_eq(s.len, 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("utf8");
	TCase *t = tcase_create("utf8");

	tcase_add_loop_test(t, valid, 0, sizeof(cases) / sizeof(*cases));
	tcase_add_test(t, cut_sequences_are_refused);
	tcase_add_test(t, code_points);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
