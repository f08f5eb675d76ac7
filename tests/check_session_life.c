#include "config.h"

#include "base/err.h"
#include "base/limits.h"
#include "check_alloc.h"
#include "check_main.h"
#include "session_spy.h"

/* ---- The table of the life cycle ------------------------------------------*/

static void
nothing(void)
{
}

static void
modify(void)
{
	tn_session_set(&spy.s, "views", S("2"));
}

static void
regenerate(void)
{
	ck_assert_int_eq(tn_session_regenerate(&spy.s), 0);
	ck_assert(!tn_slice_is(spy.s.sid, SID));
	ck_assert_uint_eq(spy.s.sid.len, 32);
}

static void
regenerate_twice(void)
{
	regenerate();
	regenerate();
}

static void
destroy(void)
{
	tn_session_destroy(&spy.s);
}

static void
destroy_and_regenerate(void)
{
	destroy();
	regenerate();
}

static void
save_first(void)
{
	modify();
	ck_assert_int_eq(spy_commit(false), 0);
	tn_buf_reset(&spy.cookie);
}

static void
save_twice(void)
{
	save_first();
	tn_session_set(&spy.s, "views", S("3"));
}

static void
short_age(void)
{
	spy.s.original_max_age_ms = 5000;
}

static void
same_value(void)
{
	tn_session_set(&spy.s, "views", S("1"));
}

static void
save_untouched(void)
{
	ck_assert_int_eq(tn_session_save(&spy.s, NULL), 0);
}

static void
modify_and_save(void)
{
	modify();
	save_untouched();
}

static void
reload(void)
{
	modify();
	ck_assert_int_eq(tn_session_reload(&spy.s, NULL), 0);
	ck_assert(!tn_session_is_modified(&spy.s));
}

static void
set_to_null(void)
{
	modify();
	tn_session_unset(&spy.s);
}

static void
regenerate_and_save(void)
{
	regenerate();
	save_untouched();
}

static void
set_age(void)
{
	modify();
	tn_session_set_max_age(&spy.s, 60000);
}

static void
set_end(void)
{
	modify();
	tn_session_set_expires(&spy.s, NOW + 9982500);
}

static void
set_no_age(void)
{
	modify();
	tn_session_set_max_age(&spy.s, -1);
}

static void
resave(void)
{
	spy.options.resave = true;
}

static void
resave_after_save(void)
{
	resave();
	save_untouched();
}

static void
unset_destroys(void)
{
	spy.options.unset = TN_UNSET_DESTROY;
	set_to_null();
}

static void
no_age_at_all(void)
{
	modify();
	spy.s.original_max_age_ms = 0;
}

static const char *const with_record[] = {
	"{\"cookie\":" PLAIN ",\"views\":1}",
	"{\"cookie\":" HOUR ",\"views\":1}",
	("{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"secure\":true,\"httpOnly\":true,\"path\":\"/\"},\"views\":1}"),
};

enum { NEW = -1, GONE = -2, FORGED = -3 };	/* else a record from above */

static const struct {
	const char *name;
	int record;
	void (*act)(void);
	bool save_uninitialized, rolling;
	int64_t max_age_ms;		/* of new ones; 0: none */
	const char *said;
	bool has_cookie;
} lives[] = {
	{ "new, untouched", NEW, nothing, false, false, 0, "", false },
	{ "new, untouched, but saved", NEW, nothing, true, false, 0,
	    "SET new 86400", true },
	{ "new, modified", NEW, modify, false, false, 0,
	    "SET new 86400", true },
	{ "new, modified, with an age", NEW, modify, false, false, 3600000,
	    "SET new 3600", true },
	{ "an age of 1.5 s is 2 s in the store", NEW, modify, false, false,
	    1500, "SET new 2", true },
	{ "an age of nothing is not stored, the cookie sent", NEW,
	    no_age_at_all, false, false, 60000, "", true },
	{ "returning, unmodified", 0, nothing, false, false, 0,
	    "GET, EXPIRE 86400", false },
	{ "returning, unmodified, rolling", 0, nothing, false, true, 0,
	    "GET, EXPIRE 86400", true },
	{ "returning, unmodified, with an age", 1, nothing, false, false, 0,
	    "GET, EXPIRE 3600", false },
	{ "returning, modified", 0, modify, false, false, 0,
	    "GET, SET 86400", false },
	{ "returning, modified, rolling", 0, modify, false, true, 0,
	    "GET, SET 86400", true },
	{ "returning, modified, with an age", 1, modify, false, false, 0,
	    "GET, SET 3600", true },
	{ "another age alone is no modification", 1, short_age, false, false,
	    0, "GET, EXPIRE 5", false },
	{ "saved, then the end", 0, save_first, false, false, 0,
	    "GET, SET 86400, EXPIRE 86400", false },
	{ "saved, changed, and saved", 0, save_twice, false, false, 0,
	    "GET, SET 86400, SET 86400", false },
	{ "new, saved, then the end", NEW, save_first, false, false, 0,
	    "SET new 86400, EXPIRE new 86400", false },
	{ "regenerated", 0, regenerate, false, false, 0,
	    "GET, DEL, SET new 86400", true },
	{ "regenerated twice", 0, regenerate_twice, false, false, 0,
	    "GET, DEL, SET new 86400", true },
	{ "regenerated when new", NEW, regenerate, false, false, 0,
	    "SET new 86400", true },
	{ "destroyed", 0, destroy, false, true, 0, "GET, DEL", false },
	{ "destroyed when new", NEW, destroy, true, false, 0, "", false },
	{ "destroyed, then regenerated", 0, destroy_and_regenerate, false,
	    false, 0, "GET, DEL, SET new 86400", true },
	{ "after its end", GONE, nothing, false, false, 0, "GET", false },
	{ "after its end, modified", GONE, modify, false, false, 0,
	    "GET, SET new 86400", true },
	{ "a forged cookie costs no GET", FORGED, modify, false, false, 0,
	    "SET new 86400", true },
	{ "set to what it was", 0, same_value, false, false, 0,
	    "GET, EXPIRE 86400", false },
	{ "saved by name though untouched", 0, save_untouched, false, false,
	    0, "GET, SET 86400, EXPIRE 86400", false },
	{ "new, saved by name though untouched", NEW, save_untouched, false,
	    false, 0, "SET new 86400, EXPIRE new 86400", false },
	{ "the same, rolling", NEW, save_untouched, false, true, 0,
	    "SET new 86400, EXPIRE new 86400", false },
	{ "modified and saved by name: the cookie comes", NEW,
	    modify_and_save, false, false, 0,
	    "SET new 86400, EXPIRE new 86400", true },
	{ "the same, of an age", 1, modify_and_save, false, false, 0,
	    "GET, SET 3600, EXPIRE 3600", true },
	{ "reloaded: changes are lost", 0, reload, false, false, 0,
	    "GET, GET, EXPIRE 86400", false },
	{ "regenerated and saved by name", 0, regenerate_and_save, false,
	    false, 0, "GET, DEL, SET new 86400, EXPIRE new 86400", true },
	{ "set to null, and kept", 0, set_to_null, false, true, 0, "GET",
	    false },
	{ "set to null, and destroyed", 0, unset_destroys, false, true, 0,
	    "GET, DEL", false },
	{ "set to null when new", NEW, unset_destroys, true, false, 0, "",
	    false },
	{ "an age given later", 0, set_age, false, false, 0,
	    "GET, SET 60", true },
	{ "an end given later", 0, set_end, false, false, 0,
	    "GET, SET 9983", true },
	{ "an age taken away", 1, set_no_age, false, false, 0,
	    "GET, SET 86400", false },
	{ "resave: SET though unmodified", 0, resave, false, false, 0,
	    "GET, SET 86400", false },
	{ "resave: once in a request", 0, resave_after_save, false, false, 0,
	    "GET, SET 86400, EXPIRE 86400", false },
	{ "a safe cookie is not sent on a plain line", 2, modify, false, true,
	    0, "GET, SET 86400", false },
};

START_TEST(life)
{
	const char *header = "connect.sid=" SIGNED;

	spy.options.save_uninitialized = lives[_i].save_uninitialized;
	spy.options.rolling = lives[_i].rolling;
	if (lives[_i].max_age_ms != 0)
		spy.options.max_age_ms = lives[_i].max_age_ms;
	if (lives[_i].record == NEW)
		header = "";
	if (lives[_i].record == FORGED)
		header = "connect.sid=s%3A" SID ".x";
	if (lives[_i].record >= 0)
		spy_keep(with_record[lives[_i].record]);
	ck_assert_int_eq(spy_load(header, false), 0);
	ck_assert(!spy.bad_record);
	lives[_i].act();
	ck_assert_msg(spy_commit(false) == 0, "%s", lives[_i].name);
	ck_assert_msg(strcmp(spy.said, lives[_i].said) == 0, "%s: %s",
	    lives[_i].name, spy.said);
	ck_assert_msg((spy.cookie.len > 0) == lives[_i].has_cookie, "%s: %.*s",
	    lives[_i].name, (int)spy.cookie.len, spy.cookie.ptr);
}
END_TEST

START_TEST(a_failing_store)
{
	spy_keep(with_record[0]);
	ck_assert_int_eq(spy_load(_i == 0 ? "" : "connect.sid=" SIGNED, false), 0);
	if (_i < 3)
		modify();
	if (_i == 2)
		regenerate();
	spy.failure = TN_E_AWAY;
	ck_assert_int_eq(spy_commit(false), TN_E_AWAY);
	ck_assert_uint_eq(spy.cookie.len, 0);
}
END_TEST

/* ---- What is stored and sent, to the byte ---------------------------------*/

START_TEST(bytes_of_a_new_session)
{
	spy.options.max_age_ms = 3600000;
	ck_assert_int_eq(spy_load("", false), 0);
	spy.s.sid = S("S3");
	tn_session_set(&spy.s, "views", S("1"));
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(spy_kept_is(S("S3"), "{\"cookie\":" HOUR_ON ",\"views\":1}"));
	ck_assert(tn_slice_is(tn_buf_view(&spy.cookie), "connect.sid=s%3AS3."
	    "UHvdMWWvcEnVTecn7FO3gEF0IgH5HBiYBxUSfodSuQ8; Path=/; "
	    "Expires=Tue, 14 Nov 2023 23:13:21 GMT; HttpOnly"));
}
END_TEST

START_TEST(bytes_without_an_age)
{
	ck_assert_int_eq(spy_load("", false), 0);
	spy.s.sid = S(SID);
	tn_session_set(&spy.s, "views", S("1"));
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(spy_kept_is(S(SID), "{\"cookie\":" PLAIN ",\"views\":1}"));
	ck_assert(tn_slice_is(tn_buf_view(&spy.cookie),
	    "connect.sid=" SIGNED "; Path=/; HttpOnly"));
}
END_TEST

START_TEST(bytes_of_domain_and_same_site)
{
	spy.options.http_only = false;
	spy.options.domain = S("example.com");
	spy.options.same_site = TN_SAME_SITE_STRICT;
	ck_assert_int_eq(spy_load("", false), 0);
	spy.s.sid = S("S8");
	tn_session_set(&spy.s, "views", S("1"));
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(spy_kept_is(S("S8"), "{\"cookie\":{\"originalMaxAge\":null,"
	    "\"expires\":null,\"httpOnly\":false,\"domain\":\"example.com\","
	    "\"path\":\"/\",\"sameSite\":\"strict\"},\"views\":1}"));
	ck_assert(tn_slice_is(tn_buf_view(&spy.cookie), "connect.sid=s%3AS8."
	    "rtt6wsMQ8sjjHAT6P1ZjSyASpoAVKnI4RCnHVwFFoNo; "
	    "Domain=example.com; Path=/; SameSite=Strict"));
}
END_TEST

/* A session keeps the cookie it began with, whatever is configured now. */
START_TEST(bytes_of_a_returning_session)
{
	spy_keep("{\"cookie\":{\"originalMaxAge\":75000,\"partitioned\":true,"
	    "\"priority\":\"high\",\"expires\":\"2023-11-14T22:14:00.000Z\","
	    "\"secure\":true,\"httpOnly\":true,\"path\":\"/\"},\"views\":1}");
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, true), 0);
	modify();
	ck_assert_int_eq(spy_commit(true), 0);
	ck_assert(spy_kept_is(S(SID), "{\"cookie\":{\"originalMaxAge\":75000,"
	    "\"partitioned\":true,\"priority\":\"high\","
	    "\"expires\":\"2023-11-14T22:14:36.000Z\",\"secure\":true,"
	    "\"httpOnly\":true,\"path\":\"/\"},\"views\":2}"));
	ck_assert(tn_slice_is(tn_buf_view(&spy.cookie), "connect.sid=" SIGNED
	    "; Path=/; Expires=Tue, 14 Nov 2023 22:14:36 GMT; HttpOnly; "
	    "Secure; Partitioned; Priority=High"));
}
END_TEST

/* The old cookie is good; what goes out is signed anew. */
START_TEST(rotated_secret)
{
	spy.options.rolling = true;
	spy.kept->ops->create(spy.kept, S("S7"),
	    tn_slice_str(with_record[0]), 60, NULL);
	ck_assert_int_eq(spy_load("connect.sid=s%3AS7."
	    "HnOzB66XOXtXBiKcHPDulSO%2BHrJEDZ2dD36FQ7%2BC3k0", false), 0);
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(tn_slice_is(tn_buf_view(&spy.cookie), "connect.sid=s%3AS7."
	    "e6M%2F9s8mLaZTaHXHIxLgnE4bqaWZ8Difz0Yp0bIJ%2BV4; Path=/; HttpOnly"));
}
END_TEST

START_TEST(auto_secure)
{
	spy.options.secure = TN_SECURE_AUTO;
	ck_assert_int_eq(spy_load("", _i == 1), 0);
	spy.s.sid = S("x");
	modify();
	ck_assert_int_eq(spy_commit(_i == 1), 0);
	ck_assert(spy_kept_is(S("x"), _i == 1 ?
	    "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"secure\":true,\"httpOnly\":true,\"path\":\"/\"},\"views\":2}" :
	    "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"secure\":false,\"httpOnly\":true,\"path\":\"/\"},\"views\":2}"));
	tn_buf_char(&spy.cookie, '\0');
	ck_assert((strstr(spy.cookie.ptr, "; Secure") != NULL) == (_i == 1));
}
END_TEST

/* Begun on a plain line, logged in on a safe one. */
START_TEST(a_new_sid_has_a_new_cookie)
{
	spy.options.secure = TN_SECURE_AUTO;
	spy_keep("{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"secure\":false,\"httpOnly\":true,\"path\":\"/\"}}");
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, true), 0);
	regenerate();
	ck_assert_int_eq(spy_commit(true), 0);
	tn_buf_char(&spy.cookie, '\0');
	ck_assert_ptr_nonnull(strstr(spy.cookie.ptr, "; Secure"));
	ck_assert(spy_kept_is(S(SID), NULL));
}
END_TEST

START_TEST(bytes_of_partitioned_and_priority)
{
	spy.options.partitioned = true;
	spy.options.priority = TN_PRIORITY_HIGH;
	spy.options.secure = TN_SECURE_YES;
	spy.options.max_age_ms = 75000;
	ck_assert_int_eq(spy_load("", true), 0);
	spy.s.sid = S("S8");
	tn_session_set(&spy.s, "views", S("1"));
	ck_assert_int_eq(spy_commit(true), 0);
	ck_assert(spy_kept_is(S("S8"), "{\"cookie\":{\"originalMaxAge\":75000,"
	    "\"partitioned\":true,\"priority\":\"high\","
	    "\"expires\":\"2023-11-14T22:14:36.000Z\",\"secure\":true,"
	    "\"httpOnly\":true,\"path\":\"/\"},\"views\":1}"));
	ck_assert(tn_slice_is(tn_buf_view(&spy.cookie), "connect.sid=s%3AS8."
	    "rtt6wsMQ8sjjHAT6P1ZjSyASpoAVKnI4RCnHVwFFoNo; Path=/; "
	    "Expires=Tue, 14 Nov 2023 22:14:36 GMT; HttpOnly; Secure; "
	    "Partitioned; Priority=High"));
}
END_TEST

START_TEST(same_site_as_the_line_is)
{
	spy.options.same_site = TN_SAME_SITE_AUTO;
	ck_assert_int_eq(spy_load("", _i == 1), 0);
	spy.s.sid = S("x");
	modify();
	ck_assert_int_eq(spy_commit(_i == 1), 0);
	ck_assert(spy_kept_is(S("x"), _i == 1 ?
	    "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"httpOnly\":true,\"path\":\"/\",\"sameSite\":\"none\"},"
	    "\"views\":2}" :
	    "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"httpOnly\":true,\"path\":\"/\",\"sameSite\":\"lax\"},"
	    "\"views\":2}"));
}
END_TEST

START_TEST(an_end_for_all)
{
	spy.options.expires_ms = NOW + 9982500;
	ck_assert_int_eq(spy_load("", false), 0);
	spy.s.sid = S("x");
	modify();
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(spy_kept_is(S("x"), "{\"cookie\":{\"originalMaxAge\":"
	    "9982500,\"expires\":\"2023-11-15T00:59:43.500Z\","
	    "\"httpOnly\":true,\"path\":\"/\"},\"views\":2}"));
}
END_TEST

/* ---- Ids of the application -----------------------------------------------*/

static struct tn_slice next_id;

static int
give_id(struct tn_buf *out, void *arg)
{
	tn_buf_slice(out, next_id);
	return *(int *)arg;
}

static char id_of_limit[TN_LIMIT_SESSION_ID + 1];

static const struct {
	const char *name;
	struct tn_slice id;
	int result, loaded;
} ids[] = {
	{ "any text", S("a/b+c=d"), 0, 0 },
	{ "any script", S("\xc3\xa9\xe2\x82\xac"), 0, 0 },
	{ "none", S(""), 0, TN_E_SYNTAX },
	{ "a NUL", S("a\0b"), 0, TN_E_SYNTAX },
	{ "no UTF-8", S("\xff"), 0, TN_E_SYNTAX },
	{ "a byte below the limit", { id_of_limit, TN_LIMIT_SESSION_ID - 1 },
	    0, 0 },
	{ "the limit", { id_of_limit, TN_LIMIT_SESSION_ID }, 0, 0 },
	{ "a byte more", { id_of_limit, TN_LIMIT_SESSION_ID + 1 }, 0,
	    TN_E_LIMIT },
	{ "a failure", S("a"), TN_E_STATE, TN_E_STATE },
};

START_TEST(ids_of_the_application)
{
	int result = ids[_i].result;

	memset(id_of_limit, 'x', sizeof(id_of_limit));
	next_id = ids[_i].id;
	spy.options.genid = give_id;
	spy.options.genid_arg = &result;
	ck_assert_msg(spy_load("", false) == ids[_i].loaded, "%s",
	    ids[_i].name);
	if (ids[_i].loaded < 0)
		return;
	modify();
	ck_assert_int_eq(spy_commit(false), 0);
	tn_buf_char(&spy.cookie, '\0');
	ck_assert(spy_kept_is(next_id, "{\"cookie\":" PLAIN ",\"views\":2}"));
	/* and the cookie finds it again */
	*strchr(spy.cookie.ptr, ';') = '\0';
	ck_assert_int_eq(spy_load(spy.cookie.ptr, false), 0);
	ck_assert(!spy.s.is_new);
}
END_TEST

/* Else all who have no id would share one record. */
START_TEST(without_a_new_id_it_ends)
{
	int result = TN_E_STATE;

	spy_keep("{\"cookie\":" PLAIN ",\"views\":1}");
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	spy.options.genid = give_id;
	spy.options.genid_arg = &result;
	ck_assert_int_eq(tn_session_regenerate(&spy.s), TN_E_STATE);
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert_uint_eq(spy.cookie.len, 0);
	ck_assert_str_eq(spy.said, "GET, DEL");
	ck_assert(spy_kept_is(S(SID), NULL));
}
END_TEST

/* ---- However busy, it ends ------------------------------------------------*/

static const struct {
	const char *name, *record;
	const char *said;
	bool is_new;
} ages[] = {
	{ "young: the rest of its time, if that is less", "{\"cookie\":" PLAIN
	    ",\"createdAt\":1699999401000}", "GET, EXPIRE 3000", false },
	{ "younger: idle time is less", "{\"cookie\":" PLAIN
	    ",\"createdAt\":1700000000000}", "GET, EXPIRE 3500", false },
	{ "the last millisecond", "{\"cookie\":" PLAIN
	    ",\"createdAt\":1699996401001}", "GET, EXPIRE 1", false },
	{ "its time is over", "{\"cookie\":" PLAIN
	    ",\"createdAt\":1699996401000}", "GET, DEL", true },
	{ "of Express: its time begins", "{\"cookie\":" PLAIN "}",
	    "GET, SET 3500", false },
	{ "of tomorrow: its time begins", "{\"cookie\":" PLAIN
	    ",\"createdAt\":1800000000000}", "GET, SET 3500", false },
	{ "nonsense: its time begins", "{\"cookie\":" PLAIN
	    ",\"createdAt\":\"x\"}", "GET, SET 3500", false },
};

START_TEST(absolute_life)
{
	spy.options.absolute_ms = 3600000;
	spy.options.ttl_s = 3500;
	spy_keep(ages[_i].record);
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	ck_assert_msg(spy.s.is_new == ages[_i].is_new, "%s", ages[_i].name);
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert_msg(strcmp(spy.said, ages[_i].said) == 0, "%s: %s",
	    ages[_i].name, spy.said);
}
END_TEST

START_TEST(absolute_life_of_a_new_one)
{
	spy.options.absolute_ms = 3600000;
	ck_assert_int_eq(spy_load("", false), 0);
	ck_assert(!tn_session_is_modified(&spy.s));
	spy.s.sid = S("x");
	modify();
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert_str_eq(spy.said, "SET new 3600");
	ck_assert(spy_kept_is(S("x"), "{\"cookie\":" PLAIN
	    ",\"createdAt\":1700000001000,\"views\":2}"));
}
END_TEST

/* ---- Save and reload ------------------------------------------------------*/

START_TEST(reload_of_what_is_gone)
{
	spy_keep(with_record[0]);
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	modify();
	spy.kept->ops->destroy(spy.kept, S(SID), NULL);
	ck_assert_int_eq(tn_session_reload(&spy.s, NULL), TN_E_STATE);
	ck_assert(tn_session_is_modified(&spy.s));
	ck_assert_int_eq(tn_session_save(&spy.s, NULL), TN_E_STATE);
	ck_assert(spy_kept_is(S(SID), NULL));
}
END_TEST

START_TEST(reload_sees_what_others_did)
{
	struct tn_slice value;

	spy_keep(with_record[0]);
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	spy.kept->ops->set(spy.kept, S(SID), S("{\"cookie\":" PLAIN
	    ",\"views\":7}"), 60, NULL);
	ck_assert_int_eq(tn_session_reload(&spy.s, NULL), 0);
	ck_assert(tn_session_get(&spy.s, "views", &value));
	ck_assert(tn_slice_is(value, "7"));
	ck_assert_int_eq(spy_load("", false), 0);
	ck_assert_int_eq(tn_session_reload(&spy.s, NULL), TN_E_STATE);
}
END_TEST

START_TEST(detached_from_the_store)
{
	memset(&spy.s, 0xa5, sizeof(spy.s));
	ck_assert_int_eq(tn_session_detached(&spy.s, &spy.arena, &spy.options,
	    false, NULL), 0);
	modify();
	regenerate();
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert_str_eq(spy.said, "");
	ck_assert_uint_eq(spy.cookie.len, 0);
	ck_assert_int_eq(tn_session_save(&spy.s, NULL), TN_E_STATE);
}
END_TEST

/* ---- Others change it meanwhile -------------------------------------------*/

static const struct {
	const char *name, *theirs, *result;
} merges[] = {
	{ "their members stay", "{\"cookie\":" PLAIN ",\"views\":1,\"b\":1,"
	    "\"theirs\":7}", "{\"cookie\":" PLAIN
	    ",\"views\":2,\"theirs\":7,\"mine\":true}" },
	{ "what they took away stays so, unless I set it", "{\"cookie\":" PLAIN
	    "}", "{\"cookie\":" PLAIN ",\"views\":2,\"mine\":true}" },
	{ "both set one: the later one wins", "{\"cookie\":" PLAIN
	    ",\"views\":9,\"a\":5,\"b\":9}", "{\"cookie\":" PLAIN
	    ",\"views\":2,\"a\":5,\"mine\":true}" },
	{ "their cookie stays", "{\"cookie\":" HOUR ",\"views\":1}",
	    "{\"cookie\":" HOUR_ON ",\"views\":2,\"mine\":true}" },
	{ "escaped names are the same names", "{\"cookie\":" PLAIN
	    ",\"view\\u0073\":1,\"\\u0062\":3}", "{\"cookie\":" PLAIN
	    ",\"view\\u0073\":2,\"mine\":true}" },
};

START_TEST(merged)
{
	spy_keep("{\"cookie\":" PLAIN ",\"views\":1,\"a\":1,\"b\":1}");
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	modify();
	tn_session_set_bool(&spy.s, "mine", true);
	tn_session_remove(&spy.s, "b");
	spy.meanwhile = tn_slice_str(merges[_i].theirs);
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert_msg(spy_kept_is(S(SID), merges[_i].result), "%s",
	    merges[_i].name);
	/* Once more in the same request: from what stands there now. */
	tn_session_set(&spy.s, "views", S("2"));
	ck_assert(!tn_session_is_modified(&spy.s));
}
END_TEST

START_TEST(my_age_over_their_members)
{
	spy_keep("{\"cookie\":" PLAIN ",\"views\":1}");
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	modify();
	spy.s.original_max_age_ms = 3600000;
	spy.meanwhile = S("{\"cookie\":" PLAIN ",\"views\":1,\"b\":1}");
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(spy_kept_is(S(SID), "{\"cookie\":" HOUR_ON
	    ",\"views\":2,\"b\":1}"));
	ck_assert_uint_gt(spy.cookie.len, 0);
}
END_TEST

START_TEST(the_end_of_a_session_is_final)
{
	spy_keep("{\"cookie\":" HOUR ",\"views\":1}");
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	modify();
	spy.gone_meanwhile = true;
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(spy.s.destroyed);
	ck_assert(spy_kept_is(S(SID), NULL));
	ck_assert_uint_eq(spy.cookie.len, 0);
}
END_TEST

START_TEST(a_late_touch_brings_nothing_back)
{
	spy_keep(with_record[0]);
	ck_assert_int_eq(spy_load("connect.sid=" SIGNED, false), 0);
	spy.kept->ops->destroy(spy.kept, S(SID), NULL);
	ck_assert_int_eq(spy_commit(false), 0);
	ck_assert(spy_kept_is(S(SID), NULL));
}
END_TEST

START_TEST(out_of_memory)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		int r;

		spy.kept->ops->destroy(spy.kept, S(SID), NULL);
		spy_keep(with_record[1]);
		tn_arena_fini(&spy.arena);
		tn_arena_init(&spy.arena, 4 << 20);
		tn_buf_reset(&spy.cookie);
		tn_alloc_fail_at(n);
		r = spy_load("connect.sid=" SIGNED, false);
		if (r == 0)
			r = tn_session_set_string(&spy.s, "a", S("b"));
		if (r == 0)
			r = spy_commit(false);
		failed = tn_alloc_end();
		ck_assert_msg(r == 0 || (failed && r == TN_E_NOMEM), "%u: %d",
		    n, r);
		ck_assert(!spy.bad_record);
		spy.said[0] = '\0';
	}
}
END_TEST

#define N(a) (int)(sizeof(a) / sizeof(*(a)))

static Suite *
session_life_suite(void)
{
	Suite *suite = suite_create("session_life");
	TCase *tc = tcase_create("session_life");

	tcase_add_checked_fixture(tc, spy_setup, spy_teardown);
	tcase_add_loop_test(tc, life, 0, N(lives));
	tcase_add_loop_test(tc, a_failing_store, 0, 4);
	tcase_add_test(tc, bytes_of_a_new_session);
	tcase_add_test(tc, bytes_without_an_age);
	tcase_add_test(tc, bytes_of_domain_and_same_site);
	tcase_add_test(tc, bytes_of_a_returning_session);
	tcase_add_test(tc, rotated_secret);
	tcase_add_loop_test(tc, auto_secure, 0, 2);
	tcase_add_test(tc, a_new_sid_has_a_new_cookie);
	tcase_add_test(tc, bytes_of_partitioned_and_priority);
	tcase_add_loop_test(tc, same_site_as_the_line_is, 0, 2);
	tcase_add_test(tc, an_end_for_all);
	tcase_add_loop_test(tc, ids_of_the_application, 0, N(ids));
	tcase_add_test(tc, without_a_new_id_it_ends);
	tcase_add_loop_test(tc, absolute_life, 0, N(ages));
	tcase_add_test(tc, absolute_life_of_a_new_one);
	tcase_add_test(tc, reload_of_what_is_gone);
	tcase_add_test(tc, reload_sees_what_others_did);
	tcase_add_test(tc, detached_from_the_store);
	tcase_add_loop_test(tc, merged, 0, N(merges));
	tcase_add_test(tc, my_age_over_their_members);
	tcase_add_test(tc, the_end_of_a_session_is_final);
	tcase_add_test(tc, a_late_touch_brings_nothing_back);
	tcase_add_test(tc, out_of_memory);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(session_life_suite)
