/* The members of a session: asked for by type, set, removed. */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "session/account.h"
#include "session/session.h"

#define S(s) TN_SLICE(s)

static struct tn_arena arena;
static struct tn_session s;

static void
read_record(const char *record)
{
	tn_arena_fini(&arena);
	tn_arena_init(&arena, 1 << 16);
	ck_assert_int_eq(tn_session_read(&s, &arena, S("sid"),
	    tn_slice_str(record), NULL), 0);
}

static void
setup(void)
{
	tn_arena_init(&arena, 1 << 16);
	read_record("{\"cookie\":{}}");
}

static void
teardown(void)
{
	tn_arena_fini(&arena);
}

static void
ck_written(const char *want)
{
	static const char head[] = "{\"cookie\":{\"originalMaxAge\":null,"
	    "\"expires\":null,\"httpOnly\":true,\"path\":\"/\"}";
	struct tn_buf out;

	tn_buf_init(&out, 4096);
	tn_session_write(&s, &out);
	ck_assert(tn_slice_starts(tn_buf_view(&out), S(head)));
	ck_assert_msg(tn_slice_is(tn_slice_after(tn_buf_view(&out),
	    sizeof(head) - 1), want), "%.*s", TN_SLICE_ARG(tn_buf_view(&out)));
	tn_buf_fini(&out);
}

/* One value, asked for as each type. */
static const struct {
	const char *value;
	bool is_true;
	const char *text;	/* NULL: it is no string */
	bool is_i64;
	int64_t n;
} values[] = {
	{ "true", true, NULL, false, 0 }, { "false", false, NULL, false, 0 },
	{ "null", false, NULL, false, 0 }, { "1", false, NULL, true, 1 },
	{ "0", false, NULL, true, 0 }, { "-1", false, NULL, true, -1 },
	{ "9223372036854775807", false, NULL, true, INT64_MAX },
	{ "-9223372036854775808", false, NULL, true, INT64_MIN },
	{ "9223372036854775808", false, NULL, false, 0 },
	{ "-9223372036854775809", false, NULL, false, 0 },
	{ "1.5", false, NULL, false, 0 }, { "1e400", false, NULL, false, 0 },
	{ "\"\"", false, "", false, 0 }, { "\"true\"", false, "true", false, 0 },
	{ "\"1\"", false, "1", false, 0 },
	{ "\"\\u20ac\\n\"", false, "\xe2\x82\xac\n", false, 0 },
	{ "[1]", false, NULL, false, 0 }, { "{\"a\":1}", false, NULL, false, 0 },
};

START_TEST(value_is_what_it_is_and_nothing_else)
{
	struct tn_slice raw, text;
	char record[128];
	int64_t n = 0;

	snprintf(record, sizeof(record), "{\"cookie\":{},\"m\":%s}",
	    values[_i].value);
	read_record(record);
	ck_assert(tn_session_get(&s, "m", &raw));
	ck_assert(tn_slice_is(raw, values[_i].value));
	ck_assert(tn_session_get_bool(&s, "m") == values[_i].is_true);
	ck_assert_msg(tn_session_get_i64(&s, "m", &n) == values[_i].is_i64,
	    "%s", values[_i].value);
	ck_assert_int_eq(n, values[_i].n);
	ck_assert(tn_session_get_string(&s, "m", &text) ==
	    (values[_i].text != NULL));
	ck_assert(values[_i].text == NULL ||
	    tn_slice_is(text, values[_i].text));
	ck_assert(!tn_session_is_modified(&s));
}
END_TEST

static const struct { const char *name, *key; } names[] = {
	{ "a", "\"a\"" }, { "", "\"\"" }, { "a b", "\"a b\"" },
	{ "a\"b\\", "\"a\\\"b\\\\\"" }, { "\xc3\xa9", "\"\xc3\xa9\"" },
	{ "__proto__", "\"__proto__\"" }, { "Cookie", "\"Cookie\"" },
};

START_TEST(member_has_any_name)
{
	const char *name = names[_i].name;
	struct tn_slice raw;
	char want[64];
	int64_t n;

	ck_assert(!tn_session_get(&s, name, &raw));
	tn_session_remove(&s, name);		/* nothing */
	ck_assert(!tn_session_is_modified(&s));
	ck_assert_int_eq(tn_session_set_i64(&s, name, 1), 0);
	ck_assert(tn_session_is_modified(&s));
	ck_assert_int_eq(tn_session_set_i64(&s, name, -2), 0);
	ck_assert(tn_session_get_i64(&s, name, &n) && n == -2);
	snprintf(want, sizeof(want), ",%s:-2}", names[_i].key);
	ck_written(want);
	tn_session_remove(&s, name);
	ck_assert(!tn_session_get(&s, name, &raw));
	ck_written("}");
	ck_assert(!tn_session_is_modified(&s));	/* all as it was */
	ck_assert_int_eq(tn_session_set_string(&s, name, S("\"")), 0);
	snprintf(want, sizeof(want), ",%s:\"\\\"\"}", names[_i].key);
	ck_written(want);
}
END_TEST

/* What the record has not, nobody has to take out of it. */
START_TEST(member_set_and_removed_is_no_change)
{
	struct tn_slice raw;

	read_record("{\"cookie\":{},\"a\":1,\"b\":2}");
	ck_assert_int_eq(tn_session_set_i64(&s, "c", 3), 0);
	ck_assert_int_eq(tn_session_set_i64(&s, "d", 4), 0);
	tn_session_remove(&s, "c");
	ck_assert(tn_session_is_modified(&s));
	ck_assert(!tn_session_get(&s, "c", &raw));
	ck_assert(tn_session_get(&s, "d", &raw));
	tn_session_remove(&s, "d");
	ck_assert(!tn_session_is_modified(&s));
	tn_session_remove(&s, "a");
	ck_assert(tn_session_is_modified(&s));
	ck_assert_int_eq(tn_session_set_i64(&s, "a", 1), 0);
	tn_session_remove(&s, "a");		/* of the record still */
	ck_assert(tn_session_is_modified(&s));
	ck_written(",\"b\":2}");
}
END_TEST

/* Else the record has two of them, and would be refused when it is read. */
START_TEST(cookie_is_no_member)
{
	ck_assert_int_eq(tn_session_set(&s, "cookie", S("{}")), TN_E_DENIED);
	ck_assert_int_eq(tn_session_set_bool(&s, "cookie", true),
	    TN_E_DENIED);
	ck_assert(!tn_session_is_modified(&s));
	ck_written("}");
}
END_TEST

START_TEST(many_members_stay_in_order)
{
	char name[16], want[2000] = "";
	size_t at = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		ck_assert_int_eq(tn_session_set_i64(&s, name, i), 0);
		at += (size_t)snprintf(want + at, sizeof(want) - at,
		    ",\"m%d\":%d", i, i);
	}
	strcat(want, "}");
	ck_written(want);
}
END_TEST

START_TEST(want_of_memory_changes_nothing)
{
	static const struct tn_account who = { .id = "u1", .name = "kim",
		.display = "Kim", .provider = "local" };

	for (int which = 0; which < 4; which++) {
		bool failed = true;

		for (unsigned n = 1; failed; n++) {
			int rc;

			read_record("{\"cookie\":{},\"user\":0}");
			s.arena->max = s.arena->used;	/* a block more */
			tn_alloc_fail_at(n);
			rc = which == 0 ? tn_session_set_i64(&s, "user", 1) :
			    which == 1 ? tn_session_set_bool(&s, "user",
			    true) :
			    which == 2 ? tn_session_set_string(&s, "user",
			    S("x")) : tn_session_set_user(&s, &who);
			failed = tn_alloc_end();
			if (rc == 0)
				continue;
			ck_assert_int_eq(rc, TN_E_NOMEM);
			ck_written(",\"user\":0}");
			ck_assert(!tn_session_is_modified(&s));
		}
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("session_members");
	TCase *tc = tcase_create("session_members");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, value_is_what_it_is_and_nothing_else, 0,
	    ROWS(values));
	tcase_add_loop_test(tc, member_has_any_name, 0, ROWS(names));
	tcase_add_test(tc, member_set_and_removed_is_no_change);
	tcase_add_test(tc, cookie_is_no_member);
	tcase_add_test(tc, many_members_stay_in_order);
	tcase_add_test(tc, want_of_memory_changes_nothing);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(suite)
