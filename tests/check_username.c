#include "config.h"

#include "base/err.h"
#include "base/limits.h"
#include "check_main.h"
#include "session/username.h"

#define A32 "abcdefghijklmnopqrstuvwxyz012345"

static const struct {
	const char *name, *typed;
	const char *shown, *canonical, *look;	/* shown NULL: refused */
} names[] = {
	{ "ASCII", "Kim", "Kim", "kim", "kim" },
	{ "all that is allowed", "a.B-9_z", "a.B-9_z", "a.b-9_z", "a.b-9_z" },
	{ "spaces around", " kim\t", "kim", "kim", "kim" },
	{ "the longest", A32, A32, A32, "abcdefghijklmnopqrstuvwxyzol2345" },
	{ "marks", "J\u00fcrgen", "J\u00fcrgen", "j\u00fcrgen",
	    "ju\u0308rgen" },
	{ "marks apart", "Ju\u0308rgen", "J\u00fcrgen", "j\u00fcrgen",
	    "ju\u0308rgen" },
	{ "sharp s", "Stra\u00dfe", "Stra\u00dfe", "strasse", "strasse" },
	{ "full width", "\uff2b\uff29\uff2d", "KIM", "kim", "kim" },
	{ "letters of mathematics", "\U0001d4f4\U0001d4f2\U0001d4f6", "kim",
	    "kim", "kim" },
	{ "a ligature", "\ufb01n", "fin", "fin", "fin" },
	{ "Cyrillic", "\u0418\u0432\u0430\u043d",
	    "\u0418\u0432\u0430\u043d", "\u0438\u0432\u0430\u043d", NULL },
	{ "Cyrillic that looks Latin", "\u0440\u043e\u0440",
	    "\u0440\u043e\u0440", "\u0440\u043e\u0440", "pop" },
	{ "Greek final sigma", "\u039d\u03af\u03ba\u03bf\u03c2",
	    "\u039d\u03af\u03ba\u03bf\u03c2", "\u03bd\u03af\u03ba\u03bf\u03c3",
	    NULL },
	{ "Japanese with Latin", "Ken\u5c71\u3055\u3093",
	    "Ken\u5c71\u3055\u3093", "ken\u5c71\u3055\u3093", NULL },
	{ "Korean", "\uae40\uc720\ub098", "\uae40\uc720\ub098",
	    "\uae40\uc720\ub098", NULL },
	{ "Arabic", "\u0633\u0639\u064a\u062f", "\u0633\u0639\u064a\u062f",
	    "\u0633\u0639\u064a\u062f", NULL },
	{ "Hindi", "\u0930\u0935\u093f", "\u0930\u0935\u093f",
	    "\u0930\u0935\u093f", NULL },
	{ "Vietnamese has two marks", "Vi\u1ec7t", "Vi\u1ec7t", "vi\u1ec7t",
	    NULL },
	{ "rn looks like m", "bernd", "bernd", "bernd", "bemd" },
	{ "one and l", "a1l", "a1l", "a1l", "all" },

	{ "nothing", "", NULL, NULL, NULL },
	{ "spaces alone", "  ", NULL, NULL, NULL },
	{ "a space inside", "a b", NULL, NULL, NULL },
	{ "a space without a break", "a\u00a0b", NULL, NULL, NULL },
	{ "two scripts", "\u0430dmin", NULL, NULL, NULL },
	{ "Greek beside Cyrillic", "\u03b1\u0434", NULL, NULL, NULL },
	{ "Cyrillic beside Chinese", "\u0434\u5c71", NULL, NULL, NULL },
	{ "Japanese beside Korean", "\u3055\uae40", NULL, NULL, NULL },
	{ "zero width space", "k\u200bim", NULL, NULL, NULL },
	{ "zero width joiner", "k\u200dim", NULL, NULL, NULL },
	{ "soft hyphen", "k\u00adim", NULL, NULL, NULL },
	{ "byte order mark", "\ufeffkim", NULL, NULL, NULL },
	{ "right to left override", "\u202emik", NULL, NULL, NULL },
	{ "variation selector", "kim\ufe0f", NULL, NULL, NULL },
	{ "Hangul filler", "\u3164", NULL, NULL, NULL },
	{ "a tag", "kim\U000e0061", NULL, NULL, NULL },
	{ "a mark comes first", "\u0301kim", NULL, NULL, NULL },
	{ "many marks", "k\u0336\u0337\u0338im", NULL, NULL, NULL },
	{ "an emoji", "kim\U0001f600", NULL, NULL, NULL },
	{ "a currency", "kim\u20ac", NULL, NULL, NULL },
	{ "slash", "a/b", NULL, NULL, NULL },
	{ "fraction slash", "a\u2044b", NULL, NULL, NULL },
	{ "a brace", "a}b", NULL, NULL, NULL },
	{ "a colon", "a:b", NULL, NULL, NULL },
	{ "a script of the past", "\u16a0\u16a2", NULL, NULL, NULL },
	{ "private use", "\ue000", NULL, NULL, NULL },
	{ "not assigned", "\u0378", NULL, NULL, NULL },
	{ "no UTF-8", "k\xffm", NULL, NULL, NULL },
	{ "an overlong slash", "k\xc0\xafm", NULL, NULL, NULL },
	{ "a surrogate", "k\xed\xa0\x80m", NULL, NULL, NULL },
	{ "one letter too many", A32 "6", NULL, NULL, NULL },
	{ "short, but long in the end", "\ufdfa\ufdfa", NULL, NULL, NULL },
};

static void
check(const struct tn_username *u, int i)
{
	ck_assert_msg(strcmp(u->shown, names[i].shown) == 0, "%s: %s",
	    names[i].name, u->shown);
	ck_assert_msg(strcmp(u->name, names[i].canonical) == 0, "%s: %s",
	    names[i].name, u->name);
	ck_assert_msg(names[i].look == NULL ||
	    strcmp(u->look, names[i].look) == 0, "%s: looks like %s",
	    names[i].name, u->look);
}

START_TEST(names_are_read)
{
	struct tn_username u, again;
	struct tn_err err = { .code = 0 };
	int e = tn_username_read(&u, tn_slice_str(names[_i].typed), &err);

	ck_assert_msg((e == 0) == (names[_i].shown != NULL), "%s: %d %s",
	    names[_i].name, e, err.text);
	if (e < 0) {
		ck_assert(e == TN_E_SYNTAX || e == TN_E_LIMIT);
		ck_assert_uint_gt(strlen(err.text), 0);
		return;
	}
	check(&u, _i);
	/* What is canonical stays so. */
	ck_assert_int_eq(tn_username_read(&again, tn_slice_str(u.name), NULL),
	    0);
	ck_assert_str_eq(again.name, u.name);
	ck_assert_str_eq(again.look, u.look);
}
END_TEST

START_TEST(cut_at_every_byte)
{
	struct tn_slice typed = tn_slice_str(names[_i].typed);
	struct tn_username u;

	for (size_t n = 0; n < typed.len; n++)
		tn_username_read(&u, tn_slice_first(typed, n), NULL);
}
END_TEST

START_TEST(nul_and_the_limit)
{
	char wide[4 * (TN_LIMIT_USERNAME + 1)];
	struct tn_username u;

	ck_assert_int_eq(tn_username_read(&u, TN_SLICE("a\0b"), NULL),
	    TN_E_SYNTAX);
	for (int i = 0; i <= TN_LIMIT_USERNAME; i++)	/* all of 4 bytes */
		memcpy(wide + 4 * i, "\U00020000", 4);
	for (int i = -1; i < 2; i++)
		ck_assert_int_eq(tn_username_read(&u, tn_slice(wide,
		    (size_t)(4 * (TN_LIMIT_USERNAME + i))), NULL),
		    i > 0 ? TN_E_LIMIT : 0);
}
END_TEST

static Suite *
username_suite(void)
{
	Suite *s = suite_create("username");
	TCase *tc = tcase_create("username");
	int n = sizeof(names) / sizeof(*names);

	tcase_add_loop_test(tc, names_are_read, 0, n);
	tcase_add_loop_test(tc, cut_at_every_byte, 0, n);
	tcase_add_test(tc, nul_and_the_limit);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(username_suite)
