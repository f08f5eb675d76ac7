#include "config.h"

#include <pthread.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis_batch.h"
#include "redis_server.h"
#include "session/session.h"
#include "session/store_redis.h"
#include "session/touched.h"

/* Every case is run over each store: they are to be told apart by nothing. */

#define S(s) TN_SLICE(s)

enum { MEMORY, REDIS, STORES };

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_store *store;
static struct tn_buf got;
static int64_t now;

static const struct tn_store_redis_options plain_keys = {
	.prefix = { "sess:", 5 },
};

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
	options = (struct tn_redis_options){ .path = server.path,
		.command_ms = 20000 };	/* threads by the dozen */
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
	    tn_store_redis_new(redis, &plain_keys, NULL);
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

/* ---- One for another, and several at once ----------------------------------*/

START_TEST(renewed)
{
	open_store(_i);
	ck_assert_int_eq(store->ops->create(store, S("old"), S("1"), 60,
	    NULL), 0);
	ck_assert_int_eq(tn_store_renew(store, S("old"), S("new"), S("2"), 60,
	    NULL), 0);
	ck_assert(stored_is("old", NULL));
	ck_assert(stored_is("new", "2"));
	/* and the old one has ended for good */
	ck_assert_int_eq(store->ops->replace(store, S("old"), S("1"), S("3"),
	    60, &got, NULL), TN_E_STATE);
	ck_assert(stored_is("old", NULL));
	ck_assert_int_eq(tn_store_renew(store, TN_SLICE_NONE, S("first"),
	    S("3"), 60, NULL), 0);
	ck_assert(stored_is("first", "3"));
	close_store(_i);
}
END_TEST

START_TEST(renewed_as_one_that_is_there)
{
	open_store(_i);
	store->ops->create(store, S("old"), S("1"), 60, NULL);
	store->ops->create(store, S("there"), S("2"), 60, NULL);
	ck_assert_int_eq(tn_store_renew(store, S("old"), S("there"), S("3"),
	    60, NULL), TN_E_CONFLICT);
	ck_assert(stored_is("there", "2"));
	ck_assert(stored_is("old", NULL));
	close_store(_i);
}
END_TEST

/* In the batch of somebody else: where the store cannot, it has no way. */
START_TEST(renewed_with_something_else)
{
	const struct tn_slice argv[] = { S("INCR"), S("n") };
	const struct tn_reply *reply;
	struct tn_redis_batch with;
	size_t place, made;

	open_store(MEMORY);
	ck_assert(store->ops->renew_with == NULL);
	ck_assert(store->ops->renewed == NULL);
	close_store(MEMORY);

	open_store(REDIS);
	store->ops->create(store, S("old"), S("1"), 60, NULL);
	tn_redis_batch_init(&with, redis);
	place = tn_redis_batch_call(&with, argv, 2);
	made = store->ops->renew_with(store, S("old"), S("new"), S("2"),
	    60, &with);
	ck_assert(stored_is("old", "1"));
	ck_assert_int_eq(tn_redis_batch_send(&with, NULL), 0);
	ck_assert_int_eq(store->ops->renewed(store, S("old"), S("new"), 60,
	    &with, made, NULL), 0);
	ck_assert(stored_is("old", NULL));
	ck_assert(stored_is("new", "2"));
	ck_assert_int_eq(tn_redis_batch_reply(&with, place, &reply, NULL), 0);
	ck_assert_int_eq(tn_reply_integer(reply), 1);
	tn_redis_batch_fini(&with);

	tn_redis_batch_init(&with, redis);
	made = store->ops->renew_with(store, TN_SLICE_NONE, S("new"),
	    S("3"), 60, &with);
	ck_assert_int_eq(tn_redis_batch_send(&with, NULL), 0);
	ck_assert_int_eq(store->ops->renewed(store, TN_SLICE_NONE, S("new"),
	    60, &with, made, NULL), TN_E_CONFLICT);
	ck_assert(stored_is("new", "2"));
	tn_redis_batch_fini(&with);
	close_store(REDIS);
}
END_TEST

START_TEST(not_renewed_in_the_batch_of_another_redis)
{
	struct tn_redis *other = tn_redis_new(&(struct tn_redis_options){
	    .path = "/nonexistent" }, 1, NULL);
	struct tn_redis_batch with;

	open_store(REDIS);
	tn_redis_batch_init(&with, other);
	store->ops->renew_with(store, TN_SLICE_NONE, S("new"), S("1"), 60,
	    &with);
	ck_assert_int_eq(tn_redis_batch_send(&with, NULL), TN_E_STATE);
	tn_redis_batch_fini(&with);
	tn_redis_free(&other);
	ck_assert(stored_is("new", NULL));
	close_store(REDIS);
}
END_TEST

/* Who may not run scripts cannot end a session: then none begins either. */
START_TEST(not_renewed_when_the_old_one_stays)
{
	struct tn_err err = { .code = 0 };

	open_store(REDIS);
	store->ops->create(store, S("old"), S("1"), 60, NULL);
	store->ops->create(store, S("other"), S("1"), 60, NULL);
	store->ops->destroy(store, S("other"), NULL);	/* loads the script */
	ask("ACL SETUSER default -evalsha -eval", NULL);
	ck_assert_int_eq(tn_store_renew(store, S("old"), S("new"), S("2"), 60,
	    &err), TN_E_IO);
	ck_assert_ptr_nonnull(strstr(err.text, "NOPERM"));
	ck_assert_int_eq(tn_store_destroy_many(store,
	    (struct tn_slice[]){ S("old"), S("other") }, 2, NULL), TN_E_IO);
	ask("ACL SETUSER default +@all", NULL);
	ck_assert(stored_is("old", "1"));
	ck_assert(stored_is("new", NULL));
	close_store(REDIS);
}
END_TEST

/* Nobody can log in to a Redis that is full, but everybody can log out. */
START_TEST(a_full_redis_ends_sessions)
{
	struct tn_err err = { .code = 0 };

	open_store(REDIS);
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	store->ops->create(store, S("b"), S("1"), 60, NULL);
	ask("CONFIG SET maxmemory 1", NULL);
	ck_assert_int_eq(store->ops->destroy(store, S("a"), NULL), 0);
	ck_assert_int_eq(tn_store_renew(store, S("b"), S("c"), S("2"), 60,
	    &err), TN_E_IO);
	ck_assert_ptr_nonnull(strstr(err.text, "OOM"));
	ask("CONFIG SET maxmemory 0", NULL);
	ck_assert(stored_is("a", NULL));
	ck_assert(stored_is("b", NULL));
	ck_assert(stored_is("c", NULL));
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("2"),
	    60, &got, NULL), TN_E_STATE);
	close_store(REDIS);
}
END_TEST

static int
note_found(size_t i, struct tn_slice record, void *arg)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 256 - len, "%zu=%.*s ", i, record.ptr == NULL ?
	    1 : (int)record.len, record.ptr == NULL ? "-" : record.ptr);
	return i == 3 ? 7 : 0;
}

START_TEST(several_at_once)
{
	const struct tn_slice sids[] = { S("a"), S("none"), S("b"), S("a"),
		S("b") };
	char text[256] = "";

	open_store(_i);
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	store->ops->create(store, S("b"), S("22"), 60, NULL);
	ck_assert_int_eq(tn_store_get_many(store, sids, 3, note_found, text,
	    NULL), 0);
	ck_assert_str_eq(text, "0=1 1=- 2=22 ");
	text[0] = '\0';
	ck_assert_int_eq(tn_store_get_many(store, sids, 5, note_found, text,
	    NULL), 7);
	ck_assert_str_eq(text, "0=1 1=- 2=22 3=1 ");
	ck_assert_int_eq(tn_store_get_many(store, sids, 0, note_found, text,
	    NULL), 0);
	store->ops->create(store, S("kept"), S("3"), 60, NULL);
	ck_assert_int_eq(tn_store_destroy_many(store, sids, 5, NULL), 0);
	ck_assert(stored_is("a", NULL) && stored_is("b", NULL));
	ck_assert(stored_is("kept", "3"));
	ck_assert_int_eq(store->ops->replace(store, S("b"), S("22"), S("4"),
	    60, &got, NULL), TN_E_STATE);
	ck_assert_int_eq(tn_store_destroy_many(store, sids, 0, NULL), 0);
	close_store(_i);
}
END_TEST

START_TEST(one_journey_for_all_of_it)
{
	const struct tn_slice sids[] = { S("b"), S("c"), S("d") };
	char text[256] = "";
	long before;

	open_store(REDIS);
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	store->ops->create(store, S("b"), S("1"), 60, NULL);
	store->ops->destroy(store, S("a"), NULL);	/* loads the script */
	before = redis_journeys(redis);
	ck_assert_int_eq(tn_store_renew(store, S("b"), S("c"), S("2"), 60,
	    NULL), 0);
	ck_assert_int_eq(redis_journeys(redis) - before, 2);	/* with its own */
	before = redis_journeys(redis);
	ck_assert_int_eq(tn_store_get_many(store, sids, 3, note_found, text,
	    NULL), 0);
	ck_assert_int_eq(redis_journeys(redis) - before, 2);
	before = redis_journeys(redis);
	ck_assert_int_eq(tn_store_destroy_many(store, sids, 3, NULL), 0);
	ck_assert_int_eq(redis_journeys(redis) - before, 2);
	ck_assert(stored_is("c", NULL));
	close_store(REDIS);
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
	store = tn_store_redis_new(redis, NULL, NULL);
	store->ops->create(store, S("bare"), S("1"), 60, NULL);
	ck_assert_int_eq(ask("EXISTS bare", NULL), 1);
	close_store(REDIS);
}
END_TEST

/* ---- Touching, once in a while --------------------------------------------*/

START_TEST(touched_when_it_is_worth_it)
{
	static struct tn_touched t;

	tn_touched_init(&t, 5);
	ck_assert(tn_touched_is_due(&t, S("a"), 1000, 0));
	tn_touched_note(&t, S("a"), 1000, 0);
	ck_assert(!tn_touched_is_due(&t, S("a"), 1000, 0));
	ck_assert(!tn_touched_is_due(&t, S("a"), 1000, 49999));
	ck_assert(tn_touched_is_due(&t, S("a"), 1000, 50000));
	/* nearer, or much farther, is always worth it; others are others */
	ck_assert(tn_touched_is_due(&t, S("a"), 999, 0));
	ck_assert(tn_touched_is_due(&t, S("a"), 1053, 0));
	ck_assert(tn_touched_is_due(&t, S("b"), 1000, 0));
	tn_touched_forget(&t, S("b"));
	ck_assert(!tn_touched_is_due(&t, S("a"), 1000, 1));
	tn_touched_forget(&t, S("a"));
	ck_assert(tn_touched_is_due(&t, S("a"), 1000, 1));
	tn_touched_note(&t, S("a"), INT64_MAX, 5);
	ck_assert(!tn_touched_is_due(&t, S("a"), INT64_MAX, 6));
	tn_touched_fini(&t);
	tn_touched_init(&t, 0);
	tn_touched_note(&t, S("a"), 1000, 0);
	ck_assert(tn_touched_is_due(&t, S("a"), 1000, 0));
	tn_touched_fini(&t);
}
END_TEST

static const struct {
	const char *name;
	struct tn_store_redis_options options;
	int64_t ttl_s;		/* after a second touch */
} touches[] = {
	{ "in 5 % of its life once", { .prefix = { "sess:", 5 } }, 7 },
	{ "each time", { .prefix = { "sess:", 5 }, .touch_percent = -1 },
	    100 },
	{ "never", { .prefix = { "sess:", 5 }, .disable_touch = true }, 7 },
	{ "there is no end to move", { .prefix = { "sess:", 5 },
	    .disable_ttl = true }, 7 },
};

START_TEST(touching_in_redis)
{
	store = tn_store_redis_new(redis, &touches[_i].options, NULL);
	store->ops->create(store, S("a"), S("{}"), 100, NULL);
	ck_assert_int_eq(ask("TTL sess:a", NULL),
	    touches[_i].options.disable_ttl ? -1 : 100);
	ask("EXPIRE sess:a 7", NULL);
	ck_assert_int_eq(store->ops->touch(store, S("a"), 100, NULL), 0);
	ck_assert_msg(ask("TTL sess:a", NULL) == touches[_i].ttl_s, "%s",
	    touches[_i].name);
	close_store(REDIS);
}
END_TEST

START_TEST(without_an_end)
{
	const struct tn_store_redis_options endless = { .prefix = S("sess:"),
		.disable_ttl = true };

	store = tn_store_redis_new(redis, &endless, NULL);
	ck_assert_int_eq(store->ops->set(store, S("a"), S("1"), 0, NULL), 0);
	ck_assert_int_eq(ask("TTL sess:a", NULL), -1);
	tn_buf_reset(&got);
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("2"), 60,
	    &got, NULL), 1);
	ck_assert(stored_is("a", "2"));
	ck_assert_int_eq(ask("TTL sess:a", NULL), -1);
	close_store(REDIS);
}
END_TEST

/* ---- The mark of what was ended -------------------------------------------*/

START_TEST(what_was_ended_is_not_set_again)
{
	open_store(REDIS);
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	store->ops->destroy(store, S("a"), NULL);
	ck_assert_int_gt(ask("TTL tandem:{sess:a}:ended", NULL),
	    TN_LIMIT_SESSION_TOMBSTONE_S - 5);
	ck_assert_int_eq(store->ops->set(store, S("a"), S("2"), 60, NULL),
	    TN_E_STATE);
	ck_assert(stored_is("a", NULL));
	/* Express, late, with what we had read as well. */
	ask("SET sess:a 1 EX 60", NULL);
	tn_buf_reset(&got);
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("3"), 60,
	    &got, NULL), TN_E_STATE);
	ck_assert(stored_is("a", NULL));
	/* when the mark has gone, the id is like any other */
	ask("DEL tandem:{sess:a}:ended", NULL);
	ck_assert_int_eq(store->ops->set(store, S("a"), S("2"), 60, NULL), 0);
	ck_assert(stored_is("a", "2"));
	close_store(REDIS);
}
END_TEST

/* ---- All of them ----------------------------------------------------------*/

START_TEST(set_and_unset)
{
	open_store(_i);
	ck_assert_int_eq(store->ops->set(store, S("a"), S("1"), 60, NULL), 0);
	ck_assert_int_eq(store->ops->set(store, S("a"), S("2"), 60, NULL), 0);
	ck_assert(stored_is("a", "2"));
	ck_assert_int_eq(store->ops->set(store, S("a"), S("2"), 0, NULL), 0);
	ck_assert(stored_is("a", NULL));
	close_store(_i);
}
END_TEST

struct told {
	size_t n, bytes;
	int stop_at;
};

static int
be_told(struct tn_slice sid, struct tn_slice record, void *arg)
{
	struct told *told = arg;

	ck_assert(tn_slice_starts(sid, S("s")));
	told->n++;
	told->bytes += record.len;
	return told->stop_at != 0 && (int)told->n == told->stop_at ? 7 : 0;
}

START_TEST(all_of_them)
{
	struct told told = { 0 };
	size_t n = 1;

	open_store(_i);
	ck_assert_int_eq(tn_store_length(store, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(tn_store_clear(store, NULL), 0);
	for (int i = 0; i < 350; i++) {
		char sid[16];

		snprintf(sid, sizeof(sid), "s%d", i);
		store->ops->create(store, tn_slice_str(sid), S("12"), 60,
		    NULL);
	}
	store->ops->destroy(store, S("s7"), NULL);
	if (_i == REDIS)
		ask("SET sassy:1 x", NULL);
	ck_assert_int_eq(tn_store_length(store, &n, NULL), 0);
	ck_assert_uint_eq(n, 349);
	ck_assert_int_eq(tn_store_each(store, true, be_told, &told, NULL), 0);
	ck_assert_uint_eq(told.n, 349);
	ck_assert_uint_eq(told.bytes, 698);
	told = (struct told){ .stop_at = 5 };
	ck_assert_int_eq(tn_store_each(store, false, be_told, &told, NULL), 7);
	ck_assert_uint_eq(told.n, 5);
	ck_assert_uint_eq(told.bytes, 0);
	ck_assert_int_eq(tn_store_clear(store, NULL), 0);
	ck_assert_int_eq(tn_store_length(store, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	if (_i == REDIS)
		ck_assert_int_eq(ask("EXISTS sassy:1", NULL), 1);
	close_store(_i);
}
END_TEST

START_TEST(a_prefix_is_no_pattern)
{
	const struct tn_store_redis_options odd = { .prefix = S("[*]?\\") };
	size_t n;

	store = tn_store_redis_new(redis, &odd, NULL);
	ask("SET *xy\\a 1", NULL);
	store->ops->create(store, S("a"), S("1"), 60, NULL);
	ck_assert_int_eq(tn_store_length(store, &n, NULL), 0);
	ck_assert_uint_eq(n, 1);
	close_store(REDIS);
}
END_TEST

START_TEST(redis_is_away)
{
	size_t n;
	struct tn_redis_options none = { .path = "/nonexistent" };
	struct tn_redis *away = tn_redis_new(&none, 1, NULL);

	store = tn_store_redis_new(away, &plain_keys, NULL);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL), TN_E_AWAY);
	ck_assert_int_eq(store->ops->create(store, S("a"), S("1"), 1, NULL),
	    TN_E_AWAY);
	ck_assert_int_eq(store->ops->replace(store, S("a"), S("1"), S("2"), 1,
	    &got, NULL), TN_E_AWAY);
	ck_assert_int_eq(store->ops->touch(store, S("a"), 1, NULL), TN_E_AWAY);
	ck_assert_int_eq(store->ops->destroy(store, S("a"), NULL), TN_E_AWAY);
	ck_assert_int_eq(store->ops->set(store, S("a"), S("1"), 1, NULL),
	    TN_E_AWAY);
	ck_assert_int_eq(tn_store_renew(store, S("a"), S("b"), S("1"), 1, NULL), TN_E_AWAY);
	ck_assert_int_eq(tn_store_get_many(store, &(struct tn_slice){ "a", 1 },
	    1, NULL, NULL, NULL), TN_E_AWAY);
	ck_assert_int_eq(tn_store_length(store, &n, NULL), TN_E_AWAY);
	ck_assert_int_eq(tn_store_clear(store, NULL), TN_E_AWAY);
	close_store(REDIS);
	tn_redis_free(&away);
}
END_TEST

static int
count_found(size_t i, struct tn_slice record, void *arg)
{
	size_t *n = arg;

	(void)i;
	*n += record.ptr != NULL;
	return 0;
}

/* Its marks too. */
static void
empty_store(void)
{
	tn_store_clear(store, NULL);
	ask("FLUSHALL", NULL);
}

START_TEST(without_memory)
{
	const struct tn_slice sids[] = { S("b"), S("none"), S("b") };
	bool failed = true;
	unsigned n;

	open_store(_i);
	for (n = 1; failed; n++) {
		size_t found = 0;
		int e;

		empty_store();
		store->ops->create(store, S("a"), S("1"), 60, NULL);
		tn_alloc_fail_at(n);
		e = tn_store_renew(store, S("a"), S("b"), S("2"), 60, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    n, e);
		if (e == 0)
			ck_assert(stored_is("a", NULL) && stored_is("b", "2"));
		empty_store();
		ck_assert_int_eq(store->ops->create(store, S("b"), S("2"), 60,
		    NULL), 0);
		tn_alloc_fail_at(n);
		e = tn_store_get_many(store, sids, 3, count_found, &found,
		    NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    n, e);
		ck_assert(e != 0 || found == 2);
	}
	ck_assert_uint_gt(n, 3);
	close_store(_i);
}
END_TEST

/* ---- Many at once ---------------------------------------------------------*/

enum { THREADS = 8, KEYS = 50, REQUESTS = 100 };

static const struct tn_session_options plain = { .ttl_s = 60 };

static pthread_barrier_t *all_have_read;	/* NULL: nobody waits */

static const struct tn_session_options lasting = {
	.ttl_s = 60, .max_age_ms = -1,
};

/* A session that a request has; the store is the open one. */
static void
load(struct tn_session *s, struct tn_arena *arena, const char *sid)
{
	struct tn_buf record;

	tn_buf_init(&record, 65536);
	ck_assert_int_eq(store->ops->get(store, tn_slice_str(sid), &record,
	    NULL), 1);
	ck_assert_int_eq(tn_session_read(s, arena, tn_slice_str(sid),
	    tn_buf_view(&record), NULL), 0);
	tn_buf_fini(&record);
	s->store = store;
	s->options = &lasting;
}

/* Save it with something else, which is carried out for the nth time. */
static void
expect_saved(struct tn_session *s, int64_t n)
{
	const struct tn_slice argv[] = { S("INCR"), S("n") };
	const struct tn_reply *reply;
	struct tn_redis_batch with;
	size_t place;

	tn_redis_batch_init(&with, redis);
	tn_session_save_with(s, &with);
	place = tn_redis_batch_call(&with, argv, 2);
	ck_assert_int_eq(tn_redis_batch_send(&with, NULL), 0);
	ck_assert_int_eq(tn_session_saved(s, &with, NULL), 0);
	ck_assert_int_eq(tn_redis_batch_reply(&with, place, &reply, NULL), 0);
	ck_assert_int_eq(tn_reply_integer(reply), n);
	tn_redis_batch_fini(&with);
	ck_assert(!s->is_new);
	ck_assert(!tn_session_is_modified(s));
	ck_assert_ptr_null(s->replaced.ptr);
	ck_assert_int_eq(store->ops->get(store, s->sid, &got, NULL), 1);
}

/* Whatever kind of save it is, what was to go with it goes once. */
START_TEST(saved_with_something_else)
{
	struct tn_arena arena;
	struct tn_redis_batch with;
	struct tn_session s;

	open_store(_i);
	tn_arena_init(&arena, 1 << 20);
	store->ops->create(store, S("a"), S("{\"cookie\":{\"path\":\"/\"}}"),
	    60, NULL);
	load(&s, &arena, "a");
	tn_session_set_bool(&s, "x", true);
	expect_saved(&s, 1);
	tn_session_regenerate(&s);
	tn_session_set_bool(&s, "y", true);
	expect_saved(&s, 2);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL), 0);
	tn_session_destroy(&s);
	tn_redis_batch_init(&with, redis);
	tn_session_save_with(&s, &with);
	ck_assert_int_eq(tn_redis_batch_send(&with, NULL), TN_E_STATE);
	ck_assert_int_eq(tn_session_saved(&s, &with, NULL), TN_E_STATE);
	tn_redis_batch_fini(&with);
	tn_arena_fini(&arena);
	close_store(_i);
}
END_TEST

/* A batch that failed has saved nothing, and the next save does. */
START_TEST(not_saved_with_what_failed)
{
	struct tn_arena arena;
	struct tn_redis_batch with;
	struct tn_session s;

	open_store(REDIS);
	tn_arena_init(&arena, 1 << 20);
	store->ops->create(store, S("a"), S("{\"cookie\":{\"path\":\"/\"}}"),
	    60, NULL);
	load(&s, &arena, "a");
	tn_session_regenerate(&s);
	tn_redis_batch_init(&with, redis);
	tn_session_save_with(&s, &with);
	tn_redis_batch_fail(&with, TN_E_LIMIT);
	ck_assert_int_eq(tn_redis_batch_send(&with, NULL), TN_E_LIMIT);
	ck_assert_int_eq(tn_session_saved(&s, &with, NULL), TN_E_LIMIT);
	tn_redis_batch_fini(&with);
	ck_assert(s.is_new);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL), 1);
	ck_assert_int_eq(store->ops->get(store, s.sid, &got, NULL), 0);
	expect_saved(&s, 1);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL), 0);
	tn_arena_fini(&arena);
	close_store(REDIS);
}
END_TEST

/* Saved, or not at all and told. */
START_TEST(saved_with_something_else_without_memory)
{
	bool failed = true;
	unsigned n;

	open_store(_i);
	for (n = 1; failed; n++) {
		struct tn_arena arena;
		struct tn_redis_batch with;
		struct tn_session s;
		int e;

		empty_store();
		tn_arena_init(&arena, 1 << 20);
		store->ops->create(store, S("a"),
		    S("{\"cookie\":{\"path\":\"/\"}}"), 60, NULL);
		load(&s, &arena, "a");
		tn_session_regenerate(&s);
		tn_redis_batch_init(&with, redis);
		tn_alloc_fail_at(n);
		tn_session_save_with(&s, &with);
		tn_redis_batch_send(&with, NULL);
		e = tn_session_saved(&s, &with, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    n, e);
		ck_assert_int_eq(s.is_new, e != 0);
		if (e == 0)
			ck_assert_int_eq(store->ops->get(store, s.sid, &got,
			    NULL), 1);
		tn_redis_batch_fini(&with);
		tn_arena_fini(&arena);
	}
	ck_assert_uint_gt(n, 2);
	close_store(_i);
}
END_TEST

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
	if (all_have_read != NULL)
		pthread_barrier_wait(all_have_read);
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

static void *
set_own(void *arg)
{
	char name[32];
	bool ended;

	snprintf(name, sizeof(name), "own%d", *(int *)arg);
	return set_one(name, &ended) < 0 || ended ? arg : NULL;
}

/* None has seen what another has set when it saves. */
START_TEST(a_hundred_parallel_requests_keep_their_keys)
{
	pthread_t threads[REQUESTS];
	pthread_barrier_t barrier;
	int numbers[REQUESTS];
	struct tn_slice text;

	open_store(_i);
	store->ops->create(store, S("a"), S("{\"cookie\":{}}"), 60, NULL);
	pthread_barrier_init(&barrier, NULL, REQUESTS);
	all_have_read = &barrier;
	for (int i = 0; i < REQUESTS; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, set_own, &numbers[i]);
	}
	for (int i = 0; i < REQUESTS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	all_have_read = NULL;
	pthread_barrier_destroy(&barrier);
	tn_buf_reset(&got);
	ck_assert_int_eq(store->ops->get(store, S("a"), &got, NULL), 1);
	for (int i = 0; i < REQUESTS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "own%d", i);
		ck_assert(tn_json_get(tn_buf_view(&got), name, &text));
	}
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

/* ---- 10,000 sessions end while a slow request has them --------------------*/

enum { RUNS = 10000 };

static const struct tn_script make_sessions = {
	"test-make-sessions",
	"for i = 0, ARGV[1] - 1 do\n"
	"  redis.call('SET', 'sess:r' .. i, ARGV[2], 'EX', 600)\n"
	"end\n",
};

static pthread_barrier_t both;
static int commits, late_commits;

static void *
end_each(void *arg)
{
	for (int i = 0; i < RUNS; i++) {
		char sid[16];

		snprintf(sid, sizeof(sid), "r%d", i);
		pthread_barrier_wait(&both);
		if (store->ops->destroy(store, tn_slice_str(sid), NULL) < 0)
			return arg;
	}
	return NULL;
}

/* The slow request has it loaded when the end begins, and then saves. */
static int
save_as_it_ends(const char *sid, struct tn_arena *arena)
{
	struct tn_session s;
	struct tn_buf cookie;
	int r;

	tn_arena_reset(arena);
	tn_buf_init(&cookie, 4096);
	r = tn_session_read(&s, arena, tn_slice_str(sid),
	    S("{\"cookie\":{}}"), NULL);
	tn_session_set_bool(&s, "mine", true);
	pthread_barrier_wait(&both);
	if (r == 0)
		r = tn_session_commit(&s, &plain, store, false, now, &cookie,
		    NULL);
	if (s.destroyed)
		late_commits++;
	else
		commits++;
	tn_buf_fini(&cookie);
	return r;
}

START_TEST(ten_thousand_ends_leave_no_key)
{
	struct tn_slice args[] = { S("10000"), S("{\"cookie\":{}}") };
	struct tn_reply *reply;
	struct tn_arena arena;
	pthread_t ender;
	void *failed;
	size_t n;

	open_store(REDIS);
	ck_assert_int_eq(tn_redis_eval(redis, &make_sessions, NULL, 0, args, 2,
	    &reply, NULL), 0);
	tn_reply_free(&reply);
	ck_assert_int_eq(tn_store_length(store, &n, NULL), 0);
	ck_assert_uint_eq(n, RUNS);
	tn_arena_init(&arena, 1 << 20);
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&ender, NULL, end_each, &both);
	for (int i = 0; i < RUNS; i++) {
		char sid[16];

		snprintf(sid, sizeof(sid), "r%d", i);
		ck_assert_int_eq(save_as_it_ends(sid, &arena), 0);
	}
	pthread_join(ender, &failed);
	ck_assert_ptr_null(failed);
	ck_assert_int_eq(tn_store_length(store, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	/* and they did overlap, both ways */
	ck_assert_int_eq(commits + late_commits, RUNS);
	ck_assert_int_gt(commits, 0);
	ck_assert_int_gt(late_commits, 0);
	pthread_barrier_destroy(&both);
	tn_arena_fini(&arena);
	close_store(REDIS);
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
	tcase_add_loop_test(tc, renewed, 0, STORES);
	tcase_add_loop_test(tc, renewed_as_one_that_is_there, 0, STORES);
	tcase_add_test(tc, renewed_with_something_else);
	tcase_add_test(tc, not_renewed_in_the_batch_of_another_redis);
	tcase_add_test(tc, not_renewed_when_the_old_one_stays);
	tcase_add_test(tc, a_full_redis_ends_sessions);
	tcase_add_loop_test(tc, several_at_once, 0, STORES);
	tcase_add_test(tc, one_journey_for_all_of_it);
	tcase_add_loop_test(tc, saved_with_something_else, 0, STORES);
	tcase_add_test(tc, not_saved_with_what_failed);
	tcase_add_loop_test(tc, saved_with_something_else_without_memory, 0,
	    STORES);
	tcase_add_loop_test(tc, without_memory, 0, STORES);
	tcase_add_loop_test(tc, any_bytes, 0, STORES);
	tcase_add_loop_test(tc, a_record_past_the_buffer, 0, STORES);
	tcase_add_test(tc, time_in_memory);
	tcase_add_test(tc, keys_and_times_in_redis);
	tcase_add_test(tc, redis_is_away);
	tcase_add_test(tc, touched_when_it_is_worth_it);
	tcase_add_loop_test(tc, touching_in_redis, 0,
	    sizeof(touches) / sizeof(touches[0]));
	tcase_add_test(tc, without_an_end);
	tcase_add_test(tc, what_was_ended_is_not_set_again);
	tcase_add_loop_test(tc, set_and_unset, 0, STORES);
	tcase_add_loop_test(tc, all_of_them, 0, STORES);
	tcase_add_test(tc, a_prefix_is_no_pattern);
	tcase_add_test(tc, ten_thousand_ends_leave_no_key);
	tcase_add_loop_test(tc, all_changes_stay, 0, STORES);
	tcase_add_loop_test(tc, a_hundred_parallel_requests_keep_their_keys,
	    0, STORES);
	tcase_add_loop_test(tc, what_is_destroyed_stays_so, 0, STORES);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(store_suite)
