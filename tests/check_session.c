#include "config.h"

#include "base/err.h"
#include "base/limits.h"
#include "check_main.h"
#include "session/account.h"
#include "session/signature.h"
#include "session_spy.h"

/* ---- The sid in the Cookie header -----------------------------------------*/

static const struct { const char *name, *header, *sid; } sids[] = {
	{ "signed",		"connect.sid=" SIGNED,		SID },
	{ "among others",	"a=1; connect.sid=" SIGNED "; b=2", SID },
	{ "not encoded", "connect.sid=s:" SID
	    ".40VDpCymeEK1OWnsGdXmrDYRc91+IEuH1k+nIUa7HUg", SID },
	{ "by the old secret", "connect.sid=s%3AS7."
	    "HnOzB66XOXtXBiKcHPDulSO%2BHrJEDZ2dD36FQ7%2BC3k0", "S7" },
	{ "any text of a custom genid", "connect.sid=s%3Aa%2Fb%2Bc%3Dd."
	    "TcvM9mASMfxs%2FAXGuesX0pDlb5MD6zTiAACv%2F1GarYY", "a/b+c=d" },
	{ "with a space", "connect.sid=s%3Ahas%20space."
	    "%2F8hP41rZijZUs3Gl2mtPTAcrmEdns63qxtCLVF%2FklQo", "has space" },
	{ "in UTF-8", "connect.sid=s%3A%C3%A9%E2%82%AC."
	    "xUgQDt3Dw6hg%2FIrboDtbZmd9ozU%2FZ%2Bc08Z10wSKBVis",
	    "\xc3\xa9\xe2\x82\xac" },
	{ "with a percent sign", "connect.sid=s%3A100%25."
	    "f2y%2FbW%2B8c8cQGg%2FZ%2B5YgInirHHADC%2ByT4WQpdH09Tx8", "100%" },
	{ "no header",		"",				NULL },
	{ "another name",	"connect.sidx=" SIGNED,		NULL },
	{ "not signed",		"connect.sid=" SID,		NULL },
	{ "without s:",		"connect.sid=" SID
	    ".40VDpCymeEK1OWnsGdXmrDYRc91%2BIEuH1k%2BnIUa7HUg", NULL },
	{ "tampered",		"connect.sid=s%3A1123456789abcdefABCDEF-_xyz01234"
	    ".40VDpCymeEK1OWnsGdXmrDYRc91%2BIEuH1k%2BnIUa7HUg", NULL },
	{ "the first one wins, though bogus",
	    "connect.sid=bogus; connect.sid=" SIGNED,	NULL },
};

START_TEST(sid_of_header)
{
	struct tn_slice sid;
	int found = tn_session_sid(tn_slice_str(sids[_i].header), &spy.options,
	    &spy.arena, &sid, NULL);

	ck_assert_msg(found == (sids[_i].sid != NULL), "%s", sids[_i].name);
	ck_assert_msg(!found || tn_slice_is(sid, sids[_i].sid), "%s",
	    sids[_i].name);
}
END_TEST

START_TEST(sid_limit)
{
	char text[TN_LIMIT_SESSION_ID + 2] = { 0 };

	memset(text, 'x', sizeof(text) - 1);
	for (size_t len = TN_LIMIT_SESSION_ID; len <= TN_LIMIT_SESSION_ID + 1;
	    len++) {
		struct tn_slice sid;
		struct tn_buf header;
		int found;

		tn_buf_init(&header, 1024);
		tn_buf_str(&header, "connect.sid=s:");
		tn_sign(&header, spy.signer, tn_slice(text, len));
		found = tn_session_sid(tn_buf_view(&header), &spy.options, &spy.arena,
		    &sid, NULL);
		ck_assert_int_eq(found, len == TN_LIMIT_SESSION_ID);
		tn_buf_fini(&header);
	}
}
END_TEST

/* ---- Records --------------------------------------------------------------*/

static const struct { const char *name, *in, *out; } records[] = {
	{ "a session cookie", "{\"cookie\":" PLAIN ",\"views\":1}", NULL },
	{ "an hour", "{\"cookie\":" HOUR ",\"views\":1}", NULL },
	{ "partitioned, priority and secure",
	    "{\"cookie\":{\"originalMaxAge\":60000,\"partitioned\":true,"
	    "\"priority\":\"high\",\"expires\":\"2023-11-14T22:14:36.500Z\","
	    "\"secure\":true,\"httpOnly\":true,\"path\":\"/\"},\"views\":1}",
	    NULL },
	{ "domain and sameSite", "{\"cookie\":{\"originalMaxAge\":null,"
	    "\"expires\":null,\"httpOnly\":false,\"domain\":\"example.com\","
	    "\"path\":\"/\",\"sameSite\":\"strict\"},\"views\":1}", NULL },
	{ "auto, resolved", "{\"cookie\":{\"originalMaxAge\":null,"
	    "\"expires\":null,\"secure\":false,\"httpOnly\":true,"
	    "\"path\":\"/\",\"sameSite\":\"lax\"}}", NULL },
	{ "sameSite as a truth", "{\"cookie\":{\"originalMaxAge\":null,"
	    "\"expires\":null,\"httpOnly\":true,\"path\":\"/\","
	    "\"sameSite\":true}}", NULL },
	{ "an empty cookie has defaults", "{\"cookie\":{}}",
	    "{\"cookie\":" PLAIN "}" },
	{ "members as Node wrote them", "{\"cookie\":" PLAIN
	    ",\"z\":1e3,\"a\":[1, {}],\"\\u00e9\":\"\\u20ac\",\"\":null}",
	    NULL },
	{ "the cookie need not come first", "{\"a\":1,\"cookie\":" PLAIN
	    ",\"b\":2}", "{\"cookie\":" PLAIN ",\"a\":1,\"b\":2}" },
	{ "names of methods are dropped", "{\"cookie\":" PLAIN
	    ",\"save\":1,\"t\\u006fuch\":1,\"id\":1,\"req\":1,\"destroy\":1,"
	    "\"regenerate\":1,\"reload\":1,\"resetMaxAge\":1,\"toString\":1,"
	    "\"constructor\":1,\"hasOwnProperty\":1,\"__proto__\":{},"
	    "\"__defineGetter__\":1,\"Save\":2}",
	    "{\"cookie\":" PLAIN ",\"Save\":2}" },
	{ "a maximum beyond all dates is none", "{\"cookie\":"
	    "{\"originalMaxAge\":9223372036854775807}}",
	    "{\"cookie\":" PLAIN "}" },
	{ "a date that is none", "{\"cookie\":{\"expires\":"
	    "\"2023-11-14 23:13:20.000Z\"}}", "{\"cookie\":" PLAIN "}" },
};

START_TEST(record_back_and_forth)
{
	const char *want = records[_i].out == NULL ? records[_i].in :
	    records[_i].out;
	struct tn_buf out;

	tn_buf_init(&out, 65536);
	ck_assert_msg(tn_session_read(&spy.s, &spy.arena, S("x"),
	    tn_slice_str(records[_i].in), NULL) == 0, "%s", records[_i].name);
	ck_assert(!tn_session_is_modified(&spy.s));
	tn_session_write(&spy.s, &out);
	ck_assert_msg(tn_slice_is(tn_buf_view(&out), want), "%s: %.*s",
	    records[_i].name, (int)out.len, out.ptr);
	tn_buf_fini(&out);
}
END_TEST

START_TEST(record_cut_at_every_byte)
{
	struct tn_slice whole = tn_slice_str(records[_i].in);

	for (size_t cut = 0; cut < whole.len; cut++)
		ck_assert_int_lt(tn_session_read(&spy.s, &spy.arena, S("x"),
		    tn_slice_first(whole, cut), NULL), 0);
}
END_TEST

static const struct { const char *record; int result; } bad[] = {
	{ "",					TN_E_SYNTAX },
	{ "{",					TN_E_SYNTAX },
	{ "{\"cookie\":{}} x",			TN_E_SYNTAX },
	{ "{\"cookie\":{},\"a\":1,\"a\":2}",	TN_E_SYNTAX },
	{ "null",				TN_E_TYPE },
	{ "[]",					TN_E_TYPE },
	{ "\"cookie\"",				TN_E_TYPE },
	{ "{}",					TN_E_TYPE },
	{ "{\"cookie\":null}",			TN_E_TYPE },
	{ "{\"cookie\":[]}",			TN_E_TYPE },
	{ "{\"Cookie\":{}}",			TN_E_TYPE },
};

START_TEST(bad_records)
{
	ck_assert_msg(tn_session_read(&spy.s, &spy.arena, S("x"),
	    tn_slice_str(bad[_i].record), NULL) == bad[_i].result, "%s",
	    bad[_i].record);
	if (bad[_i].record[0] == '\0')
		return;
	/* In a request it counts as none, and its sid is not adopted. */
	spy_keep(bad[_i].record);
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	ck_assert(spy.bad_record);
	ck_assert(spy.s.is_new);
	ck_assert(!tn_slice_is(spy.s.sid, SID));
}
END_TEST

START_TEST(record_limit)
{
	static char record[TN_LIMIT_SESSION_BYTES + 2];
	size_t head = strlen("{\"cookie\":{},\"a\":\"");

	memset(record, 'x', sizeof(record));
	memcpy(record, "{\"cookie\":{},\"a\":\"", head);
	for (size_t len = TN_LIMIT_SESSION_BYTES;
	    len <= TN_LIMIT_SESSION_BYTES + 1; len++) {
		memcpy(record + len - 2, "\"}", 2);
		ck_assert_int_eq(tn_session_read(&spy.s, &spy.arena, S("x"),
		    tn_slice(record, len), NULL),
		    len == TN_LIMIT_SESSION_BYTES ? 0 : TN_E_LIMIT);
		record[len - 1] = 'x';
		record[len - 2] = 'x';
	}
}
END_TEST

START_TEST(members)
{
	struct tn_slice value;
	struct tn_buf out;

	ck_assert_int_eq(tn_session_read(&spy.s, &spy.arena, S("x"),
	    S("{\"cookie\":{},\"a\":true,\"b\":\"\\u20ac\",\"c\":[1]}"), NULL), 0);
	ck_assert(tn_session_get_bool(&spy.s, "a"));
	ck_assert(!tn_session_get_bool(&spy.s, "b"));
	ck_assert(!tn_session_get_bool(&spy.s, "none"));
	ck_assert(tn_session_get_string(&spy.s, "b", &value));
	ck_assert(tn_slice_is(value, "\xe2\x82\xac"));
	ck_assert(!tn_session_get_string(&spy.s, "a", &value));
	ck_assert(tn_session_get(&spy.s, "c", &value));
	ck_assert(tn_slice_is(value, "[1]"));
	ck_assert(!tn_session_get(&spy.s, "cookie", &value));

	/* The same value again is no change; another is. */
	ck_assert_int_eq(tn_session_set_bool(&spy.s, "a", true), 0);
	ck_assert(!tn_session_is_modified(&spy.s));
	ck_assert_int_eq(tn_session_set_bool(&spy.s, "a", false), 0);
	ck_assert(tn_session_is_modified(&spy.s));
	ck_assert_int_eq(tn_session_set_string(&spy.s, "d", S("\"<\xe2\x82\xac")), 0);
	ck_assert_int_eq(tn_session_set(&spy.s, "e", S("{\"n\":1}")), 0);
	tn_session_remove(&spy.s, "b");
	tn_session_remove(&spy.s, "none");
	ck_assert(!tn_session_get(&spy.s, "b", &value));
	tn_buf_init(&out, 4096);
	tn_session_write(&spy.s, &out);
	ck_assert(tn_slice_is(tn_buf_view(&out), "{\"cookie\":" PLAIN
	    ",\"a\":false,\"c\":[1],\"d\":\"\\\"<\xe2\x82\xac\",\"e\":{\"n\":1}}"));
	tn_buf_fini(&out);
}
END_TEST

START_TEST(the_user)
{
	struct tn_account who = {
		.id = "u1", .name = "kim", .display = "Kim",
		.provider = "local",
	};
	struct tn_slice value;

	ck_assert_int_eq(tn_session_init(&spy.s, &spy.arena, &spy.options,
	    false, NULL), 0);
	ck_assert_int_eq(tn_session_set_user(&spy.s, &who), 0);
	ck_assert(tn_session_get(&spy.s, "user", &value));
	ck_assert(tn_slice_is(value, "{\"id\":\"u1\",\"displayName\":\"Kim\","
	    "\"provider\":\"local\"}"));
}
END_TEST

#define N(a) (int)(sizeof(a) / sizeof(*(a)))

static Suite *
session_suite(void)
{
	Suite *suite = suite_create("session");
	TCase *tc = tcase_create("session");

	tcase_add_checked_fixture(tc, spy_setup, spy_teardown);
	tcase_add_loop_test(tc, sid_of_header, 0, N(sids));
	tcase_add_test(tc, sid_limit);
	tcase_add_loop_test(tc, record_back_and_forth, 0, N(records));
	tcase_add_loop_test(tc, record_cut_at_every_byte, 0, N(records));
	tcase_add_loop_test(tc, bad_records, 0, N(bad));
	tcase_add_test(tc, record_limit);
	tcase_add_test(tc, members);
	tcase_add_test(tc, the_user);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(session_suite)
