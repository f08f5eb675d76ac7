/*
 * The cookie in a session's record, and how long the session is kept, beside
 * what express-session and connect-redis do: tests/data/session_cookie.tsv.
 */
#include "config.h"

#include "session/session_cookie.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "vectors.h"

#define S(s)	TN_SLICE(s)
#define NOW	INT64_C(1700000001000)
#define SID	"0123456789abcdefABCDEF-_xyz01234"

static struct tn_arena arena;
static struct tn_session s;
static struct tn_buf out;

static void
setup(void)
{
	tn_arena_init(&arena, 1 << 16);
	tn_buf_init(&out, 4096);
	s = (struct tn_session){ .arena = &arena };
}

static void
teardown(void)
{
	tn_buf_fini(&out);
	tn_arena_fini(&arena);
}

static void
ck_written(const char *name, const char *want)
{
	tn_buf_reset(&out);
	tn_session_cookie_write(&s, &out);
	ck_assert_msg(tn_slice_is(tn_buf_view(&out), want), "%s: %.*s", name,
	    TN_SLICE_ARG(tn_buf_view(&out)));
}

/* ---- As express-session does ------------------------------------------------ */

static struct tn_vector v;

static void
ck_ttl(void)
{
	struct tn_session_options options = { .ttl_s = 0 };
	bool is_negative = v.field[3].ptr[0] == '-';
	uint64_t n, ttl = 0;

	if (v.field[2].ptr != NULL) {
		ck_assert(tn_slice_u64(v.field[2], &n));
		options.ttl_s = (int64_t)n;
	}
	ck_assert(is_negative || tn_slice_u64(v.field[3], &ttl));
	/* what is not above 0 has ended, by how much does not matter */
	ck_assert_msg(tn_session_ttl(&s, &options, NOW) == (int64_t)ttl,
	    "line %u: %lld", v.line,
	    (long long)tn_session_ttl(&s, &options, NOW));
}

START_TEST(is_kept_and_written_as_by_express)
{
	struct tn_vectors vectors;
	size_t n = 0;

	tn_vectors_open(&vectors, "session_cookie.tsv");
	for (; tn_vectors_next(&vectors, &v); n++) {
		char name[32], want[512];

		ck_assert_int_eq(tn_session_cookie_read(&s, v.field[1], NULL),
		    0);
		ck_assert(!tn_session_cookie_is_changed(&s));
		if (tn_slice_is(v.field[0], "ttl")) {
			ck_ttl();
			continue;
		}
		if (tn_slice_is(v.field[0], "touch"))
			tn_session_cookie_touch(&s, NOW + 500);
		snprintf(name, sizeof(name), "line %u", v.line);
		snprintf(want, sizeof(want), "%.*s",
		    TN_SLICE_ARG(v.field[3]));
		ck_written(name, want);
	}
	ck_assert_uint_ge(n, 100);
	tn_vectors_close(&vectors);
}
END_TEST

/* ---- What is not as Express writes it --------------------------------------- */

#define REST	"\"httpOnly\":true,\"path\":\"/\"}"

static const struct { const char *name, *stored; bool expires; int64_t age; }
odd[] = {
	{ "nothing", "{}", false, -1 },
	{ "an age below 0", "{\"originalMaxAge\":-1}", false, -1 },
	{ "an age that is text", "{\"originalMaxAge\":\"1\"}", false, -1 },
	{ "a fraction is dropped", "{\"originalMaxAge\":1.9}", false, 1 },
	{ "the longest age", "{\"originalMaxAge\":8640000000000000}", false,
	    INT64_C(8640000000000000) },
	{ "one more", "{\"originalMaxAge\":8640000000000001}", false, -1 },
	{ "an age that does not fit", "{\"originalMaxAge\":1e30}", false, -1 },
	{ "an end that is no date", "{\"expires\":\"tomorrow\"}", false, -1 },
	{ "an end that is a number", "{\"expires\":1700000001000}", false,
	    -1 },
	{ "an end in another zone",
	    "{\"expires\":\"2023-11-14T22:13:21.000+1\"}", false, -1 },
	{ "an end without milliseconds",
	    "{\"expires\":\"2023-11-14T22:13:21Z\"}", false, -1 },
	{ "an end", "{\"expires\":\"2023-11-14T22:13:21.000Z\"}", true, -1 },
	{ "members that are not known", "{\"x\":1,\"expires\":null}", false,
	    -1 },
};

START_TEST(what_is_of_the_wrong_type_is_not_there)
{
	ck_assert_int_eq(tn_session_cookie_read(&s,
	    tn_slice_str(odd[_i].stored), NULL), 0);
	ck_assert_msg(s.cookie.has_expires == odd[_i].expires, "%s",
	    odd[_i].name);
	ck_assert_int_eq(s.original_max_age_ms, odd[_i].age);
	ck_assert(s.cookie.http_only);
	ck_assert(tn_slice_is(s.cookie.path, "/"));
	if (odd[_i].expires)
		ck_assert_int_eq(s.cookie.expires_ms, NOW);
}
END_TEST

START_TEST(cookie_without_memory_is_not_read)
{
	tn_alloc_fail_at(1);
	ck_assert_int_eq(tn_session_cookie_read(&s,
	    S("{\"path\":\"/a\\u00e9\"}"), NULL), TN_E_NOMEM);
	ck_assert(tn_alloc_end());
}
END_TEST

/* ---- A cookie that begins --------------------------------------------------- */

static const struct {
	const char *name;
	struct tn_session_options options;
	bool secure;
	const char *written;
} begun[] = {
	{ "no age", { .max_age_ms = -1, .http_only = true }, false,
	    "{\"originalMaxAge\":null,\"expires\":null," REST },
	{ "an age of nothing", { .max_age_ms = 0, .http_only = true }, false,
	    "{\"originalMaxAge\":0,\"expires\":null," REST },
	{ "open to scripts", { .max_age_ms = -1, .path = { "/a\"", 3 } },
	    false, "{\"originalMaxAge\":null,\"expires\":null,"
	    "\"httpOnly\":false,\"path\":\"/a\\\"\"}" },
	{ "secure", { .max_age_ms = -1, .http_only = true,
	    .secure = TN_SECURE_YES }, false,
	    "{\"originalMaxAge\":null,\"expires\":null,\"secure\":true,"
	    REST },
	{ "secure as the line, which is not", { .max_age_ms = -1,
	    .http_only = true, .secure = TN_SECURE_AUTO }, false,
	    "{\"originalMaxAge\":null,\"expires\":null,\"secure\":false,"
	    REST },
	{ "secure as the line", { .max_age_ms = -1, .http_only = true,
	    .secure = TN_SECURE_AUTO }, true,
	    "{\"originalMaxAge\":null,\"expires\":null,\"secure\":true,"
	    REST },
	{ "same site as the line", { .max_age_ms = -1, .http_only = true,
	    .same_site = TN_SAME_SITE_AUTO }, true,
	    "{\"originalMaxAge\":null,\"expires\":null,\"httpOnly\":true,"
	    "\"path\":\"/\",\"sameSite\":\"none\"}" },
	{ "same site as the line, which is not safe", { .max_age_ms = -1,
	    .http_only = true, .same_site = TN_SAME_SITE_AUTO }, false,
	    "{\"originalMaxAge\":null,\"expires\":null,\"httpOnly\":true,"
	    "\"path\":\"/\",\"sameSite\":\"lax\"}" },
	{ "all of it", { .max_age_ms = -1, .http_only = true,
	    .partitioned = true, .priority = TN_PRIORITY_LOW,
	    .domain = { "a.example", 9 }, .same_site = TN_SAME_SITE_STRICT },
	    false, "{\"originalMaxAge\":null,\"partitioned\":true,"
	    "\"priority\":\"low\",\"expires\":null,\"httpOnly\":true,"
	    "\"domain\":\"a.example\",\"path\":\"/\",\"sameSite\":\"strict\"}"
	},
};

START_TEST(cookie_begins_as_the_options_say)
{
	ck_assert_int_eq(tn_session_cookie_init(&s, &begun[_i].options,
	    begun[_i].secure, NULL), 0);
	ck_written(begun[_i].name, begun[_i].written);
}
END_TEST

START_TEST(cookie_without_memory_does_not_begin)
{
	tn_alloc_fail_at(1);
	ck_assert_int_eq(tn_session_cookie_init(&s, &begun[0].options, false,
	    NULL), TN_E_NOMEM);
	ck_assert(tn_alloc_end());
}
END_TEST

START_TEST(age_that_the_application_gave_is_a_change)
{
	ck_assert_int_eq(tn_session_cookie_read(&s,
	    S("{\"originalMaxAge\":1000}"), NULL), 0);
	tn_session_cookie_touch(&s, NOW);
	ck_assert(!tn_session_cookie_is_changed(&s));
	tn_session_set_max_age(&s, 1000);
	ck_assert(!tn_session_cookie_is_changed(&s));
	tn_session_set_max_age(&s, 2000);
	ck_assert(tn_session_cookie_is_changed(&s));
	tn_session_set_max_age(&s, -1);
	ck_assert(tn_session_cookie_is_changed(&s));
	ck_assert(!s.cookie.has_expires);
}
END_TEST

/* ---- Its end ---------------------------------------------------------------- */

/* Began at NOW - age; may live for absolute in all. */
static const struct {
	const char *name, *created;
	int64_t absolute_ms, ttl_s;
	bool is_too_old;
} ends[] = {
	{ "no limit", "1600000000000", 0, 86400, false },
	{ "far from it", "1700000001000", 90000000, 86400, false },
	{ "nearer than the store's", "1700000001000", 60000, 60, false },
	{ "in part of a second", "1700000000999", 60000, 60, false },
	{ "one millisecond left", "1699999941001", 60000, 1, false },
	{ "just now", "1699999941000", 60000, 0, true },
	{ "long ago", "1600000000000", 60000, 0, true },
	{ "began in the future", "1700000009000", 60000, 86400, false },
	{ "no number", "\"1600000000000\"", 60000, 86400, false },
	{ "not known", NULL, 60000, 86400, false },
};

START_TEST(session_ends_at_its_absolute_age)
{
	struct tn_session_options options = { .max_age_ms = -1,
		.absolute_ms = ends[_i].absolute_ms };
	char record[128];

	snprintf(record, sizeof(record), "{\"cookie\":{}%s%s}",
	    ends[_i].created == NULL ? "" : ",\"createdAt\":",
	    ends[_i].created == NULL ? "" : ends[_i].created);
	ck_assert_int_eq(tn_session_read(&s, &arena, S(SID),
	    tn_slice_str(record), NULL), 0);
	ck_assert_msg(tn_session_ttl(&s, &options, NOW) == ends[_i].ttl_s,
	    "%s: %lld", ends[_i].name,
	    (long long)tn_session_ttl(&s, &options, NOW));
	ck_assert_msg(tn_session_is_too_old(&s, &options, NOW) ==
	    ends[_i].is_too_old, "%s", ends[_i].name);
}
END_TEST

static int64_t
frozen(void)
{
	return NOW;
}

START_TEST(clock_is_the_options_or_the_real_one)
{
	const struct tn_session_options real = { 0 }, mine = {
		.now_ms = frozen };
	int64_t before = tn_clock_wall_ms();

	ck_assert_int_eq(tn_session_now(&mine), NOW);
	ck_assert_int_ge(tn_session_now(&real), before);
	ck_assert_int_ge(tn_session_now(NULL), before);
}
END_TEST

/* ---- A record that is known already ----------------------------------------- */

static const struct {
	const char *name, *record;	/* NULL: the store has none */
	bool is_new, is_bad;
} known[] = {
	{ "a session", "{\"cookie\":{},\"a\":1}", false, false },
	{ "none", NULL, true, false },
	{ "no JSON", "{", true, true },
	{ "empty", "", true, true },
	{ "null", "null", true, true },
	{ "no cookie", "{\"a\":1}", true, true },
	{ "a cookie that is none", "{\"cookie\":1}", true, true },
	{ "too old", "{\"cookie\":{},\"createdAt\":1}", true, false },
};

START_TEST(known_record_is_a_session_or_a_stranger)
{
	const struct tn_session_options options = { .name = S("sid"),
		.max_age_ms = -1, .absolute_ms = 60000, .now_ms = frozen };
	struct tn_store *store = tn_store_memory_new(frozen, NULL);
	struct tn_slice record = known[_i].record == NULL ? TN_SLICE_NONE :
	    tn_slice(known[_i].record, strlen(known[_i].record));
	bool is_bad;

	ck_assert_int_eq(tn_session_load_known(&s, &arena, S(SID), record,
	    true, &options, store, &is_bad, NULL), 0);
	ck_assert_msg(s.is_new == known[_i].is_new, "%s", known[_i].name);
	ck_assert_msg(is_bad == known[_i].is_bad, "%s", known[_i].name);
	/* a stranger never gets an id that was sent */
	ck_assert(tn_slice_is(s.sid, SID) == !known[_i].is_new);
	ck_assert_ptr_eq(s.store, store);
	ck_assert_ptr_eq(s.options, &options);
	ck_assert(s.request_is_secure);
	tn_store_memory_free(&store);
}
END_TEST

START_TEST(known_record_without_memory_is_no_stranger)
{
	const struct tn_session_options options = { .max_age_ms = -1 };
	bool is_bad;

	tn_alloc_fail_at(1);
	ck_assert_int_eq(tn_session_load_known(&s, &arena, S(SID),
	    S("{\"cookie\":{}}"), false, &options, NULL, &is_bad, NULL),
	    TN_E_NOMEM);
	ck_assert(tn_alloc_end());
	ck_assert(!is_bad);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("session_cookie");
	TCase *tc = tcase_create("session_cookie");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, is_kept_and_written_as_by_express);
	tcase_add_loop_test(tc, what_is_of_the_wrong_type_is_not_there, 0,
	    ROWS(odd));
	tcase_add_test(tc, cookie_without_memory_is_not_read);
	tcase_add_loop_test(tc, cookie_begins_as_the_options_say, 0,
	    ROWS(begun));
	tcase_add_test(tc, cookie_without_memory_does_not_begin);
	tcase_add_test(tc, age_that_the_application_gave_is_a_change);
	tcase_add_loop_test(tc, session_ends_at_its_absolute_age, 0,
	    ROWS(ends));
	tcase_add_test(tc, clock_is_the_options_or_the_real_one);
	tcase_add_loop_test(tc, known_record_is_a_session_or_a_stranger, 0,
	    ROWS(known));
	tcase_add_test(tc, known_record_without_memory_is_no_stranger);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(suite)
