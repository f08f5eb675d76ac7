#include "config.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "check_alloc.h"
#include "check_main.h"
#include "session/cookie.h"

/* Vectors: npm's cookie 0.7.2, run with the clock frozen. */

#define S(s) TN_SLICE(s)

/* Headers, and the pairs they give as "name>value|name>value". */
static const struct {
	const char *name, *header, *pairs;
} splits[] = {
	{ "spaces around",	"a=1;  b = 2 ;c= 3",	"a>1|b>2|c>3|" },
	{ "doubles are kept in order", "a=1; a=2",	"a>1|a>2|" },
	{ "a part without '=' is skipped", "a;b=1",	"b>1|" },
	{ "an empty name",	"=x",			">x|" },
	{ "'=' in a value",	"a==b",			"a>=b|" },
	{ "more of them",	"a=b=c",		"a>b=c|" },
	{ "quotes come off",	"a=\"q\"",		"a>q|" },
	{ "an opening quote stays", "a=\"q",		"a>\"q|" },
	{ "a closing quote stays", "a=q\"",		"a>q\"|" },
	{ "nothing in quotes",	"a=\"\"",		"a>|" },
	{ "one quote alone",	"a=\"",			"a>|" },
	{ "';' splits in quotes too", "a=\"x;y\"",	"a>\"x|" },
	{ "spaces in quotes stay", "a=\" x \"",		"a> x |" },
	{ "escapes stay",	"a=%20b%3D",		"a>%20b%3D|" },
	{ "',' is a character",	"a=b, c=d",		"a>b, c=d|" },
	{ "a space in a name",	"a b=1",		"a b>1|" },
	{ "semicolons alone",	";;;a=1;;",		"a>1|" },
	{ "names are only names", "__proto__=x; a=1",	"__proto__>x|a>1|" },
	{ "tabs are trimmed",	"\ta\t=\t1\t",		"a>1|" },
	{ "nothing",		"",			"" },
};

START_TEST(split)
{
	struct tn_cookie pairs[16];
	struct tn_buf text;
	size_t n;

	tn_buf_init(&text, 1024);
	ck_assert_int_eq(tn_cookie_parse(tn_slice_str(splits[_i].header),
	    pairs, 16, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		tn_buf_printf(&text, "%.*s>%.*s|", TN_SLICE_ARG(pairs[i].name),
		    TN_SLICE_ARG(pairs[i].value));
	ck_assert_msg(tn_slice_is(tn_buf_view(&text), splits[_i].pairs),
	    "%s: %.*s", splits[_i].name, (int)text.len, text.ptr);
	tn_buf_fini(&text);
}
END_TEST

static const struct {
	const char *name, *header, *cookie, *value;	/* NULL: none */
} finds[] = {
	{ "the first of a name wins",	"a=1; a=2",	"a", "1" },
	{ "names have a case",		"A=1; a=2",	"a", "2" },
	{ "not there",			"b=1",		"a", NULL },
	{ "a name without '=' is none",	"a; b=1",	"a", NULL },
	{ "escapes are undone",		"a=%20b%3D",	"a", " b=" },
	{ "in UTF-8",			"a=%E2%82%AC",	"a", "\xe2\x82\xac" },
	{ "a bad escape stays as it is", "a=%zz",	"a", "%zz" },
	{ "an escape cut short",	"a=%4",		"a", "%4" },
	{ "no UTF-8: as it is",		"a=%E0%A4",	"a", "%E0%A4" },
	{ "a surrogate: as it is",	"a=%ED%A0%80",	"a", "%ED%A0%80" },
	{ "'+' is a plus",		"a=1+1%20",	"a", "1+1 " },
	{ "names are not decoded",	"%61=1; a=2",	"a", "2" },
	{ "quoted and escaped",		"a=\"%20\"",	"a", " " },
	{ "an empty value is there",	"a=",		"a", "" },
};

START_TEST(find)
{
	struct tn_arena arena;
	struct tn_slice value;
	int found;

	tn_arena_init(&arena, 65536);
	found = tn_cookie_find(tn_slice_str(finds[_i].header),
	    tn_slice_str(finds[_i].cookie), &arena, &value, NULL);
	ck_assert_msg(found == (finds[_i].value != NULL), "%s",
	    finds[_i].name);
	ck_assert_msg(!found || tn_slice_is(value, finds[_i].value), "%s: %.*s",
	    finds[_i].name, TN_SLICE_ARG(value));
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(limits)
{
	static char header[TN_LIMIT_COOKIE_BYTES + 1];
	struct tn_cookie pairs[2];
	struct tn_slice value;
	struct tn_err err;
	size_t n;

	ck_assert_int_eq(tn_cookie_parse(S("a=1;b=2"), pairs, 2, &n, &err), 0);
	ck_assert_int_eq(tn_cookie_parse(S("a=1;b=2;c=3"), pairs, 2, &n, &err),
	    TN_E_LIMIT);
	memset(header, 'x', sizeof(header));
	header[1] = '=';
	ck_assert_int_eq(tn_cookie_find(tn_slice(header, sizeof(header) - 1),
	    S("x"), NULL, &value, &err), 1);
	ck_assert_int_eq(tn_cookie_find(tn_slice(header, sizeof(header)),
	    S("x"), NULL, &value, &err), TN_E_LIMIT);
	ck_assert_int_eq(tn_cookie_parse(tn_slice(header, sizeof(header)),
	    pairs, 2, &n, &err), TN_E_LIMIT);
}
END_TEST

START_TEST(out_of_memory)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_arena arena;
		struct tn_slice value;
		int found;

		tn_arena_init(&arena, 65536);
		tn_alloc_fail_at(n);
		found = tn_cookie_find(S("a=%41"), S("a"), &arena, &value,
		    NULL);
		failed = tn_alloc_end();
		ck_assert_int_eq(found, failed ? TN_E_NOMEM : 1);
		tn_arena_fini(&arena);
	}
}
END_TEST

/* The example with everything, and the ones that a session gives. */
#define DATE INT64_C(1700000000000)	/* Tue, 14 Nov 2023 22:13:20 GMT */

static const struct {
	const char *name;
	struct tn_slice cookie, value;
	struct tn_cookie_options options;
	const char *line;		/* NULL: refused */
} writes[] = {
	{ "bare", S("a"), S("x"), { .path = TN_SLICE_NONE }, "a=x" },
	{ "every attribute in its place", S("a"), S("x"), {
	    .domain = S(".example.com"), .path = S("/p"),
	    .has_max_age = true, .max_age_s = 90,
	    .has_expires = true, .expires_ms = DATE + 999,
	    .http_only = true, .secure = true, .partitioned = true,
	    .priority = TN_PRIORITY_MEDIUM, .same_site = TN_SAME_SITE_NONE },
	    "a=x; Max-Age=90; Domain=.example.com; Path=/p; "
	    "Expires=Tue, 14 Nov 2023 22:13:20 GMT; HttpOnly; Secure; "
	    "Partitioned; Priority=Medium; SameSite=None" },
	{ "cleared", S("a"), S(""), { .path = S("/"),
	    .has_expires = true, .expires_ms = 0 },
	    "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT" },
	{ "a value is encoded", S("sid"), S("s:a/b+c=d \xe2\x82\xac;\r\n"),
	    { .same_site = TN_SAME_SITE_STRICT },
	    "sid=s%3Aa%2Fb%2Bc%3Dd%20%E2%82%AC%3B%0D%0A; SameSite=Strict" },
	{ "low and lax", S("a"), S("x"), { .priority = TN_PRIORITY_LOW,
	    .same_site = TN_SAME_SITE_LAX },
	    "a=x; Priority=Low; SameSite=Lax" },
	{ "an age below nothing", S("a"), S("x"), { .has_max_age = true,
	    .max_age_s = -1, .priority = TN_PRIORITY_HIGH },
	    "a=x; Max-Age=-1; Priority=High" },
	{ "no name", S(""), S("x"), { .path = TN_SLICE_NONE }, NULL },
	{ "a name with a space", S("a b"), S("x"), { .path = TN_SLICE_NONE },
	    NULL },
	{ "a name with '='", S("a="), S("x"), { .path = TN_SLICE_NONE }, NULL },
	{ "a name with NUL", S("a\0b"), S("x"), { .path = TN_SLICE_NONE },
	    NULL },
	{ "a path with ';'", S("a"), S("x"), { .path = S("/;x") }, NULL },
	{ "a path with a line end", S("a"), S("x"), { .path = S("/\r\nX: y") },
	    NULL },
	{ "a domain with a space", S("a"), S("x"), { .domain = S("a b") },
	    NULL },
	{ "a domain with a line end", S("a"), S("x"), { .domain = S("a\n") },
	    NULL },
};

START_TEST(written)
{
	struct tn_err err;
	struct tn_buf out;
	int r;

	tn_buf_init(&out, 4096);
	r = tn_cookie_write(&out, writes[_i].cookie, writes[_i].value,
	    &writes[_i].options, &err);
	ck_assert_msg(r == (writes[_i].line == NULL ? TN_E_SYNTAX : 0), "%s",
	    writes[_i].name);
	ck_assert_msg(tn_slice_is(tn_buf_view(&out), writes[_i].line),
	    "%s: %.*s", writes[_i].name, (int)out.len, out.ptr);
	tn_buf_fini(&out);
}
END_TEST

static const struct { int64_t ms; const char *text; } dates[] = {
	{ DATE,			"Tue, 14 Nov 2023 22:13:20 GMT" },
	{ DATE + 999,		"Tue, 14 Nov 2023 22:13:20 GMT" },
	{ 0,			"Thu, 01 Jan 1970 00:00:00 GMT" },
	{ -1,			"Thu, 01 Jan 1970 00:00:00 GMT" },
	{ 1709210096000,	"Thu, 29 Feb 2024 12:34:56 GMT" },
	{ 253402300799000,	"Fri, 31 Dec 9999 23:59:59 GMT" },
	{ INT64_MAX,		"Fri, 31 Dec 9999 23:59:59 GMT" },
	{ INT64_MIN,		"Thu, 01 Jan 1970 00:00:00 GMT" },
};

START_TEST(date)
{
	struct tn_buf out;

	tn_buf_init(&out, 64);
	tn_cookie_date(&out, dates[_i].ms);
	ck_assert_msg(tn_slice_is(tn_buf_view(&out), dates[_i].text), "%.*s",
	    (int)out.len, out.ptr);
	tn_buf_fini(&out);
}
END_TEST

static Suite *
cookie_suite(void)
{
	Suite *s = suite_create("cookie");
	TCase *tc = tcase_create("cookie");

	tcase_add_loop_test(tc, split, 0, sizeof(splits) / sizeof(*splits));
	tcase_add_loop_test(tc, find, 0, sizeof(finds) / sizeof(*finds));
	tcase_add_test(tc, limits);
	tcase_add_test(tc, out_of_memory);
	tcase_add_loop_test(tc, written, 0, sizeof(writes) / sizeof(*writes));
	tcase_add_loop_test(tc, date, 0, sizeof(dates) / sizeof(*dates));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(cookie_suite)
