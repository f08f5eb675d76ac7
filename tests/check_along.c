/*
 * Parts of a log-in that go along with others in one batch, tokens that are
 * read without Redis, and the walk through all sessions.
 */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis_batch.h"
#include "redis_server.h"
#include "session/remember.h"
#include "session/store_redis.h"
#include "session/store_scan.h"
#include "session/throttle.h"
#include "session/user_sessions.h"

#define S(s)	TN_SLICE(s)
#define UID	"0123456789abcdef0123456789abcdef"
#define KEY	"tandem:{" UID "}:sessions"

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_redis_batch batch;
static struct tn_user_sessions all;
static struct tn_account kim = { .id = UID, .name = "kim", .version = 1 };
static struct tn_err err;

static void
start(void)
{
	ck_assert(redis_server_start(&server));
}

static void
stop(void)
{
	redis_server_stop(&server);
}

static void
setup(void)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
	options = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&options, 2, NULL);
	redis_ask(redis, "FLUSHALL");
	all = (struct tn_user_sessions){ redis, tn_store_redis_new(redis,
	    &(struct tn_store_redis_options){ .prefix = S("sess:") }, NULL) };
	tn_redis_batch_init(&batch, redis);
}

static void
teardown(void)
{
	tn_redis_batch_fini(&batch);
	tn_store_redis_free(&all.store);
	tn_redis_free(&redis);
}

/* ---- Tries ------------------------------------------------------------------ */

START_TEST(try_is_counted_along_with_something_else)
{
	const struct tn_throttle t = { redis, "login-user", 2, 60 };
	const struct tn_slice other[] = { S("INCR"), S("n") };
	int allowed[] = { 1, 1, 0, 0 };

	for (int i = 0; i < 4; i++) {
		int retry_s = -1;
		size_t place;

		tn_redis_batch_fini(&batch);
		tn_redis_batch_init(&batch, redis);
		tn_redis_batch_call(&batch, other, 2);
		place = tn_throttle_try_with(&t, S("kim"), &batch);
		ck_assert_int_eq(tn_throttle_tried(&t, &batch, place, &retry_s,
		    &err), TN_E_STATE);		/* not sent yet */
		ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
		ck_assert_int_eq(tn_throttle_tried(&t, &batch, place, &retry_s,
		    NULL), allowed[i]);
		ck_assert_int_ge(retry_s, 59);
		ck_assert_int_le(retry_s, 60);
	}
	ck_assert_int_eq(redis_ask(redis, "INCR n"), 5);
}
END_TEST

START_TEST(counter_that_is_none_is_an_error)
{
	const struct tn_throttle t = { redis, "login-user", 2, 60 };
	size_t place;
	int retry_s;

	redis_ask(redis, "HSET tandem:{kim}:throttle:login-user a 1");
	place = tn_throttle_try_with(&t, S("kim"), &batch);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	ck_assert_int_eq(tn_throttle_tried(&t, &batch, place, &retry_s, &err),
	    TN_E_IO);
}
END_TEST

/* ---- The sessions of a user ------------------------------------------------- */

static int64_t began_ms = 1700000000000;

static size_t
add_with(const char *sid)
{
	const struct tn_user_session entry = { .sid = tn_slice_str(sid),
		.began_ms = began_ms++, .address = S("192.0.2.1"),
		.agent = S("browser") };
	char line[64];

	snprintf(line, sizeof(line), "SET sess:%s {}", sid);
	redis_ask(redis, line);
	return tn_user_sessions_add_with(&kim, &entry, &batch);
}

static int
send_and_look(size_t place)
{
	int e = tn_redis_batch_send(&batch, &err);

	if (e == 0)
		e = tn_user_sessions_added(&all, &kim, &batch, place, &err);
	tn_redis_batch_fini(&batch);
	tn_redis_batch_init(&batch, redis);
	return e;
}

START_TEST(session_is_added_and_forgotten_along)
{
	const struct tn_slice other[] = { S("INCR"), S("n") };
	size_t place;

	tn_redis_batch_call(&batch, other, 2);
	place = add_with("one");
	ck_assert_int_eq(tn_user_sessions_added(&all, &kim, &batch, place,
	    &err), TN_E_STATE);
	ck_assert_int_eq(send_and_look(place), 0);
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), 1);
	tn_user_sessions_forget_with(S(UID), S("two"), &batch);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	/* that was another */
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), 1);
	tn_redis_batch_fini(&batch);
	tn_redis_batch_init(&batch, redis);
	tn_user_sessions_forget_with(S(UID), S("one"), &batch);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), 0);
	/* its owner's to do */
	ck_assert_int_eq(redis_ask(redis, "EXISTS sess:one"), 1);
}
END_TEST

START_TEST(session_of_an_old_password_is_refused)
{
	ck_assert_int_eq(send_and_look(add_with("one")), 0);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S(""), 2,
	    NULL, NULL), 0);
	ck_assert_int_eq(send_and_look(add_with("late")), TN_E_DENIED);
	kim.version = 2;
	ck_assert_int_eq(send_and_look(add_with("new")), 0);
	kim.version = 1;
}
END_TEST

START_TEST(oldest_ends_when_there_are_too_many)
{
	char sid[16];

	for (int i = 0; i < TN_LIMIT_USER_SESSIONS + 1; i++) {
		snprintf(sid, sizeof(sid), "s%d", i);
		ck_assert_int_eq(send_and_look(add_with(sid)), 0);
	}
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), TN_LIMIT_USER_SESSIONS);
	ck_assert_int_eq(redis_ask(redis, "EXISTS sess:s0"), 0);
	ck_assert_int_eq(redis_ask(redis, "EXISTS sess:s1"), 1);
}
END_TEST

START_TEST(index_that_is_none_is_an_error)
{
	redis_ask(redis, "SET " KEY " x");
	ck_assert_int_eq(send_and_look(add_with("one")), TN_E_IO);
}
END_TEST

/* Each of them fails by itself; the send tells it. */
START_TEST(want_of_memory_is_told_by_the_send)
{
	const struct tn_throttle t = { redis, "login-user", 2, 60 };
	const struct tn_user_session entry = { .sid = S("one"),
		.address = S("192.0.2.1"), .agent = S("browser") };

	for (int which = 0; which < 3; which++) {
		bool failed = true;

		for (unsigned n = 1; failed; n++) {
			tn_redis_batch_fini(&batch);
			tn_redis_batch_init(&batch, redis);
			tn_alloc_fail_at(n);
			if (which == 0)
				tn_throttle_try_with(&t, S("kim"), &batch);
			else if (which == 1)
				tn_user_sessions_add_with(&kim, &entry,
				    &batch);
			else
				tn_user_sessions_forget_with(S(UID), S("one"),
				    &batch);
			failed = tn_alloc_end();
			ck_assert_msg(tn_redis_batch_send(&batch, NULL) ==
			    (failed ? TN_E_NOMEM : 0), "%d, %u", which, n);
		}
	}
}
END_TEST

/* ---- Tokens ----------------------------------------------------------------- */

#define SEL	"0123456789abcdef"
#define VAL	"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_0123"

static const struct { const char *name, *text; bool is_good; } tokens[] = {
	{ "a token", UID "." SEL "." VAL, true },
	{ "nothing", "", false },
	{ "a user alone", UID, false },
	{ "no validator", UID "." SEL, false },
	{ "an empty validator", UID "." SEL ".", false },
	{ "a longer user", UID "0." SEL "." VAL, false },
	{ "a shorter user", "0123." SEL "." VAL, false },
	{ "a longer selector", UID "." SEL "0." VAL, false },
	{ "a longer validator", UID "." SEL "." VAL "0", false },
	{ "one part more", UID "." SEL "." VAL ".0", false },
	{ "a user with a brace", "0123456789abcdef0123456789abcde}." SEL "."
	    VAL, false },
	{ "a selector with a space", UID ".0123456789abcde ." VAL, false },
	{ "a validator of other letters", UID "." SEL
	    ".ABCDEFGHIJKLMNOPQRSTUVWXYZ-_012*", false },
};

START_TEST(token_is_read_or_refused)
{
	struct tn_slice secrets[] = { S("a secret of enough bytes"),
		S("a secret of other bytes") };
	struct tn_signer *signer = tn_signer_new(secrets, 2, NULL);
	struct tn_signer *theirs = tn_signer_new(secrets + 1, 1, NULL);
	struct tn_signer *old = tn_signer_new(secrets, 1, NULL);
	struct tn_remember r = { .signer = signer };
	struct tn_remember_token t;
	struct tn_buf value;

	tn_buf_init(&value, 400);
	tn_buf_str(&value, "s:");
	tn_sign(&value, theirs, tn_slice_str(tokens[_i].text));
	ck_assert_msg(tn_remember_read(&r, tn_buf_view(&value), &t) ==
	    tokens[_i].is_good, "%s", tokens[_i].name);
	if (tokens[_i].is_good) {
		ck_assert(tn_slice_is(t.user, UID));
		ck_assert(tn_slice_is(t.selector, SEL));
		ck_assert(tn_slice_is(t.validator, VAL));
	}
	/* never without "s:", cut short, or signed by another secret */
	ck_assert(!tn_remember_read(&r, tn_slice_after(tn_buf_view(&value),
	    2), &t));
	for (size_t n = 0; n < tn_buf_view(&value).len; n++)
		ck_assert(!tn_remember_read(&r,
		    tn_slice_first(tn_buf_view(&value), n), &t));
	r.signer = old;
	ck_assert(!tn_remember_read(&r, tn_buf_view(&value), &t));
	tn_buf_fini(&value);
	tn_signer_free(&signer);
	tn_signer_free(&theirs);
	tn_signer_free(&old);
}
END_TEST

/* ---- All sessions ----------------------------------------------------------- */

struct told {
	size_t n, bytes;
	size_t stop_at;
};

static int
be_told(struct tn_slice sid, struct tn_slice record, void *arg)
{
	struct told *told = arg;

	(void)sid;
	told->bytes += record.len;
	return ++told->n == told->stop_at ? 7 : 0;
}

/* Each stands beside "s:1", "sess:1", "sx:1", "*:1" and "a:1". */
static const struct { const char *prefix; size_t n, bytes; } walks[] = {
	{ "sess:", 1, 2 }, { "s:", 1, 2 }, { "*:", 1, 2 }, { "?:", 0, 0 },
	{ "[as]:", 0, 0 }, { "\\*:", 0, 0 }, { "s", 3, 6 }, { "none:", 0, 0 },
	{ "^", 0, 0 },
};

START_TEST(prefix_stands_for_itself_alone)
{
	static const char *const keys[] = { "s:1", "sess:1", "sx:1", "*:1",
		"a:1" };
	struct told told = { 0 };
	struct tn_store_scan scan = { .redis = redis, .fn = be_told,
		.arg = &told, .prefix = walks[_i].prefix,
		.with_records = true };
	struct tn_store *store;
	char line[64];

	for (size_t i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "SET %s 12", keys[i]);
		redis_ask(redis, line);
	}
	store = tn_store_redis_new(redis, &(struct tn_store_redis_options){
		.prefix = tn_slice_str(walks[_i].prefix) }, NULL);
	scan.store = store;
	ck_assert_int_eq(tn_store_scan(&scan, NULL), 0);
	ck_assert_msg(told.n == walks[_i].n, "%s: %zu", walks[_i].prefix,
	    told.n);
	ck_assert_uint_eq(told.bytes, walks[_i].bytes);
	tn_store_redis_free(&store);
}
END_TEST

START_TEST(walk_ends_as_it_is_told)
{
	struct told told = { .stop_at = 3 };
	const struct tn_store_scan scan = { .redis = redis, .fn = be_told,
		.arg = &told, .prefix = "sess:", .store = all.store };
	char line[64];

	for (int i = 0; i < 500; i++) {
		snprintf(line, sizeof(line), "SET sess:%d 12", i);
		redis_ask(redis, line);
	}
	ck_assert_int_eq(tn_store_scan(&scan, NULL), 7);
	ck_assert_uint_eq(told.n, 3);
	told = (struct told){ 0 };
	ck_assert_int_eq(tn_store_scan(&scan, NULL), 0);
	ck_assert_uint_eq(told.n, 500);
	ck_assert_uint_eq(told.bytes, 0);	/* not asked for */
}
END_TEST

static int
count(struct tn_slice sid, struct tn_slice record, void *arg)
{
	(void)sid;
	(void)record;
	++*(size_t *)arg;
	return 0;
}

START_TEST(walk_without_memory_is_an_error)
{
	size_t n = 0;
	const struct tn_store_scan scan = { .redis = redis, .fn = count,
		.arg = &n, .prefix = "sess:", .store = all.store,
		.with_records = true };
	bool failed = true;

	redis_ask(redis, "SET sess:1 12");
	for (unsigned at = 1; failed; at++) {
		int e;

		n = 0;
		tn_alloc_fail_at(at);
		e = tn_store_scan(&scan, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(failed ? e < 0 : e == 0, "%u: %d", at, e);
		ck_assert(failed || n == 1);
	}
}
END_TEST

START_TEST(walk_without_redis_is_an_error)
{
	struct redis_server gone = { 0 };
	struct tn_redis_options where;
	struct told told = { 0 };
	struct tn_store_scan scan = { .fn = be_told, .arg = &told,
		.prefix = "sess:", .store = all.store };

	ck_assert(redis_server_start(&gone));
	where = (struct tn_redis_options){ .path = gone.path };
	scan.redis = tn_redis_new(&where, 1, NULL);
	redis_server_stop(&gone);
	ck_assert_int_eq(tn_store_scan(&scan, &err), TN_E_AWAY);
	ck_assert_uint_eq(told.n, 0);
	tn_redis_free(&scan.redis);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("along");
	TCase *tc = tcase_create("along");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	redis_server_or_skip();
	tcase_set_timeout(tc, 20);
	tcase_add_unchecked_fixture(tc, start, stop);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, try_is_counted_along_with_something_else);
	tcase_add_test(tc, counter_that_is_none_is_an_error);
	tcase_add_test(tc, session_is_added_and_forgotten_along);
	tcase_add_test(tc, session_of_an_old_password_is_refused);
	tcase_add_test(tc, oldest_ends_when_there_are_too_many);
	tcase_add_test(tc, index_that_is_none_is_an_error);
	tcase_add_test(tc, want_of_memory_is_told_by_the_send);
	tcase_add_loop_test(tc, token_is_read_or_refused, 0, ROWS(tokens));
	tcase_add_loop_test(tc, prefix_stands_for_itself_alone, 0,
	    ROWS(walks));
	tcase_add_test(tc, walk_ends_as_it_is_told);
	tcase_add_test(tc, walk_without_memory_is_an_error);
	tcase_add_test(tc, walk_without_redis_is_an_error);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
