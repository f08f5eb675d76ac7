#include "config.h"

#include <pthread.h>
#include <stdio.h>

#include "base/err.h"
#include "base/random.h"
#include "check_main.h"
#include "redis/redis.h"
#include "redis_server.h"
#include "session/session.h"
#include "session/store_redis.h"

/* Every case is run over each store: they are to be told apart by nothing. */

#define S(s) TN_SLICE(s)

enum { MEMORY, REDIS, STORES };

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_store *store;
static struct tn_buf got;
static int64_t now;

static int64_t
clock_of_test(void)
{
	return now;
}

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

/* Words parted by spaces; returns the answer's number. */
static int64_t
ask(const char *line, char text[256])
{
	struct tn_slice words[REDIS_WORDS];
	struct tn_reply *reply;
	int64_t number;
	size_t n = redis_words(line, words);

	ck_assert_int_eq(tn_redis_call(redis, words, n, &reply, NULL), 0);
	number = tn_reply_integer(reply);
	if (text != NULL)
		snprintf(text, 256, "%.*s", TN_SLICE_ARG(tn_reply_text(reply)));
	tn_reply_free(&reply);
	return number;
}

static void
setup(void)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
	options = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&options, 8, NULL);
	ask("FLUSHALL", NULL);
	tn_buf_init(&got, 65536);
	now = 1700000000000;
}

static void
teardown(void)
{
	tn_buf_fini(&got);
	tn_redis_free(&redis);
}

static void
open_store(int which)
{
	store = which == MEMORY ? tn_store_memory_new(clock_of_test, NULL) :
	    tn_store_redis_new(redis, S("sess:"), NULL);
	ck_assert_ptr_nonnull(store);
}

static void
close_store(int which)
{
	if (which == MEMORY)
		tn_store_memory_free(&store);
	else
		tn_store_redis_free(&store);
	ck_assert_ptr_null(store);
}

static bool
stored_is(const char *sid, const char *record)
{
	tn_buf_reset(&got);
	return store->ops->get(store, tn_slice_str(sid), &got, NULL) ==
	    (record != NULL) && tn_slice_is(tn_buf_view(&got), record);
}

START_TEST(create_once)
{
	open_store(_i);
	ck_assert(stored_is("a", NULL));
	ck_assert_int_eq(store->ops->create(store, S("a"), S("1"), 60, NULL),
	    0);
	ck_assert(stored_is("a", "1"));
	ck_assert_int_eq(store->ops->create(store, S("a"), S("2"), 60, NULL),
	    TN_E_CONFLICT);
	ck_assert(stored_is("a", "1"));
	ck_assert(stored_is("A", NULL));
	close_store(_i);
}
END_TEST

START_TEST(replace_by_comparison)
{
	open_store(_i);
	tn_buf_reset(&got);
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("2"), 60,
	    &got, NULL), TN_E_STATE);
	ck_assert(stored_is("a", NULL));
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	tn_buf_reset(&got);
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("2"), 60,
	    &got, NULL), 1);
	ck_assert_uint_eq(got.len, 0);
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("3"), 60,
	    &got, NULL), 0);
	ck_assert(tn_slice_is(tn_buf_view(&got), "2"));
	ck_assert(stored_is("a", "2"));
	close_store(_i);
}
END_TEST

START_TEST(destroy)
{
	open_store(_i);
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	ck_assert_int_eq(store->ops->destroy(store, S("a"), NULL), 0);
	ck_assert_int_eq(store->ops->destroy(store, S("a"), NULL), 0);
	ck_assert(stored_is("a", NULL));
	ck_assert_int_eq(store->ops->touch(store, S("a"), 60, NULL), 0);
	ck_assert(stored_is("a", NULL));
	close_store(_i);
}
END_TEST

START_TEST(any_bytes)
{
	struct tn_slice sid = S("a\0/ \xc3\xa9%}"), record = S("\0\xff\r\n'\"");

	open_store(_i);
	ck_assert_int_eq(store->ops->create(store, sid, record, 60, NULL), 0);
	tn_buf_reset(&got);
	ck_assert_int_eq(store->ops->get(store, sid, &got, NULL), 1);
	ck_assert(tn_slice_eq(tn_buf_view(&got), record));
	close_store(_i);
}
END_TEST

START_TEST(a_record_past_the_buffer)
{
	char big[1001];

	memset(big, 'x', sizeof(big));
	open_store(_i);
	store->ops->create(store, S("a"), tn_slice(big, sizeof(big)), 60, NULL);
	tn_buf_fini(&got);
	tn_buf_init(&got, 1000);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL),
	    TN_E_LIMIT);
	close_store(_i);
}
END_TEST

/* ---- The memory store's own clock, and that of Redis ----------------------*/

START_TEST(time_in_memory)
{
	open_store(MEMORY);
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	store->ops->create(store, S("b"), S("1"), 60, NULL);
	store->ops->create(store, S("ever"), S("1"), INT64_MAX, NULL);
	now += 59999;
	ck_assert(stored_is("a", "1"));
	store->ops->touch(store, S("b"), 60, NULL);
	now += 1;
	ck_assert(stored_is("a", NULL));
	ck_assert(stored_is("b", "1"));
	ck_assert_int_eq(store->ops->create(store, S("a"), S("2"), 1, NULL), 0);
	ck_assert(stored_is("ever", "1"));
	/* What nobody asks for goes too; what lives stays. */
	now += 1000;
	for (int i = 0; i < 5000; i++) {
		char sid[16];
		int n = snprintf(sid, sizeof(sid), "s%d", i);

		now++;
		store->ops->create(store, tn_slice(sid, (size_t)n), S("x"), 1,
		    NULL);
	}
	ck_assert(stored_is("ever", "1"));
	ck_assert(stored_is("s4999", "x"));
	ck_assert(stored_is("s1", NULL));
	close_store(MEMORY);
}
END_TEST

START_TEST(keys_and_times_in_redis)
{
	char text[256];

	open_store(REDIS);
	store->ops->create(store, S("S3"), S("{}"), 3600, NULL);
	ask("GET sess:S3", text);
	ck_assert_str_eq(text, "{}");
	ck_assert_int_eq(ask("TTL sess:S3", NULL), 3600);
	store->ops->touch(store, S("S3"), 86400, NULL);
	ck_assert_int_eq(ask("TTL sess:S3", NULL), 86400);
	tn_buf_reset(&got);
	store->ops->replace(store, S("S3"), S("{}"), S("[]"), 60, &got, NULL);
	ck_assert_int_eq(ask("TTL sess:S3", NULL), 60);
	store->ops->destroy(store, S("S3"), NULL);
	ck_assert_int_eq(ask("EXISTS sess:S3", NULL), 0);
	ask("SET sess:empty ", NULL);
	ck_assert(stored_is("empty", NULL));
	close_store(REDIS);
	store = tn_store_redis_new(redis, TN_SLICE_NONE, NULL);
	store->ops->create(store, S("bare"), S("1"), 60, NULL);
	ck_assert_int_eq(ask("EXISTS bare", NULL), 1);
	close_store(REDIS);
}
END_TEST

START_TEST(redis_is_away)
{
	struct tn_redis_options none = { .path = "/nonexistent" };
	struct tn_redis *away = tn_redis_new(&none, 1, NULL);

	store = tn_store_redis_new(away, S("sess:"), NULL);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL), TN_E_AWAY);
	ck_assert_int_eq(store->ops->create(store, S("a"), S("1"), 1, NULL),
	    TN_E_AWAY);
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("2"), 1,
	    &got, NULL), TN_E_AWAY);
	ck_assert_int_eq(store->ops->touch(store, S("a"), 1, NULL), TN_E_AWAY);
	ck_assert_int_eq(store->ops->destroy(store, S("a"), NULL), TN_E_AWAY);
	close_store(REDIS);
	tn_redis_free(&away);
}
END_TEST

/* ---- Many at once ---------------------------------------------------------*/

enum { THREADS = 8, KEYS = 50 };

static const struct tn_session_options plain = { .ttl_s = 60 };

/* One request that sets one member. */
static int
set_one(const char *name, bool *ended)
{
	struct tn_arena arena;
	struct tn_session s;
	struct tn_buf record, cookie;
	int r;

	tn_arena_init(&arena, 4 << 20);
	tn_buf_init(&record, 65536);
	tn_buf_init(&cookie, 4096);
	r = store->ops->get(store, S("a"), &record, NULL);
	*ended = r == 0;
	if (r == 1)
		r = tn_session_read(&s, &arena, S("a"), tn_buf_view(&record),
		    NULL);
	if (r == 0 && !*ended)
		r = tn_session_set_bool(&s, name, true);
	if (r == 0 && !*ended) {
		r = tn_session_commit(&s, &plain, store, false, now, &cookie,
		    NULL);
		*ended = s.destroyed;
	}
	tn_buf_fini(&cookie);
	tn_buf_fini(&record);
	tn_arena_fini(&arena);
	return r;
}

static void *
set_mine(void *arg)
{
	const char *who = arg;

	for (int i = 0; i < KEYS; i++) {
		char name[32];
		bool ended;

		snprintf(name, sizeof(name), "%s%d", who, i);
		if (set_one(name, &ended) < 0)
			return arg;
	}
	return NULL;
}

static void *
end_it(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		tn_random_hash(S("x"));
	store->ops->destroy(store, S("a"), NULL);
	return NULL;
}

static void
run_threads(pthread_t threads[THREADS], const char names[THREADS][2])
{
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, set_mine,
		    (void *)(uintptr_t)names[i]);
}

static void
join_threads(pthread_t threads[THREADS])
{
	for (size_t i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
}

static const char names[THREADS][2] = {
	"a", "b", "c", "d", "e", "f", "g", "h",
};

START_TEST(all_changes_stay)
{
	pthread_t threads[THREADS];
	struct tn_arena arena;
	struct tn_session s;

	open_store(_i);
	store->ops->create(store, S("a"), S("{\"cookie\":{}}"), 60, NULL);
	run_threads(threads, names);
	join_threads(threads);
	tn_arena_init(&arena, 1 << 20);
	tn_buf_reset(&got);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL), 1);
	ck_assert_int_eq(tn_session_read(&s, &arena, S("a"), tn_buf_view(&got),
	    NULL), 0);
	ck_assert_uint_eq(s.n, THREADS * KEYS);
	for (size_t i = 0; i < THREADS; i++) {
		for (int k = 0; k < KEYS; k++) {
			char name[32];

			snprintf(name, sizeof(name), "%s%d", names[i], k);
			ck_assert(tn_session_get_bool(&s, name));
		}
	}
	tn_arena_fini(&arena);
	close_store(_i);
}
END_TEST

START_TEST(what_is_destroyed_stays_so)
{
	pthread_t threads[THREADS], last;

	open_store(_i);
	for (int round = 0; round < 3; round++) {
		store->ops->create(store, S("a"), S("{\"cookie\":{}}"), 60,
		    NULL);
		run_threads(threads, names);
		pthread_create(&last, NULL, end_it, NULL);
		pthread_join(last, NULL);
		join_threads(threads);
		ck_assert(stored_is("a", NULL));
	}
	close_store(_i);
}
END_TEST

static Suite *
store_suite(void)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("store");

	redis_server_or_skip();
	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, start, stop);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, create_once, 0, STORES);
	tcase_add_loop_test(tc, replace_by_comparison, 0, STORES);
	tcase_add_loop_test(tc, destroy, 0, STORES);
	tcase_add_loop_test(tc, any_bytes, 0, STORES);
	tcase_add_loop_test(tc, a_record_past_the_buffer, 0, STORES);
	tcase_add_test(tc, time_in_memory);
	tcase_add_test(tc, keys_and_times_in_redis);
	tcase_add_test(tc, redis_is_away);
	tcase_add_loop_test(tc, all_changes_stay, 0, STORES);
	tcase_add_loop_test(tc, what_is_destroyed_stays_so, 0, STORES);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(store_suite)
