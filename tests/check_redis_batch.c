#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis_batch.h"
#include "redis_server.h"

#define S(s) TN_SLICE(s)

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_redis_batch batch;

static const struct tn_script add_script = {
	"add", "return redis.call('INCRBY', KEYS[1], ARGV[1])",
};

static void
setup(void)
{
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){
		.path = server.path, .connect_ms = 300, .command_ms = 300,
	};
	redis = tn_redis_new(&options, 2, NULL);
	ck_assert_ptr_nonnull(redis);
	tn_redis_batch_init(&batch, redis);
}

static void
teardown(void)
{
	tn_redis_batch_fini(&batch);
	tn_redis_free(&redis);
	redis_server_stop(&server);
}

/* Words parted by spaces. */
static size_t
add(struct tn_redis_batch *b, const char *line)
{
	struct tn_slice words[REDIS_WORDS];

	return tn_redis_batch_call(b, words, redis_words(line, words));
}

static size_t
add_up(struct tn_redis_batch *b, const char *key, const char *by)
{
	struct tn_slice keys = tn_slice_str(key), arg = tn_slice_str(by);

	return tn_redis_batch_eval(b, &add_script, &keys, 1, &arg, 1);
}

static void
expect_integer(const struct tn_redis_batch *b, size_t place, int64_t n)
{
	const struct tn_reply *reply;

	ck_assert_int_eq(tn_redis_batch_reply(b, place, &reply, NULL), 0);
	ck_assert_int_eq(tn_reply_integer(reply), n);
}

static void
call(const char *line)
{
	struct tn_slice words[REDIS_WORDS];
	struct tn_reply *reply;

	ck_assert_msg(tn_redis_call(redis, words, redis_words(line, words),
	    &reply, NULL) == 0, "%s", line);
	tn_reply_free(&reply);
}

static int64_t
stored(const char *key)
{
	struct tn_slice words[] = { S("GET"), tn_slice_str(key) };
	struct tn_reply *reply;
	uint64_t n = 0;

	ck_assert_int_eq(tn_redis_call(redis, words, 2, &reply, NULL), 0);
	tn_slice_u64(tn_reply_text(reply), &n);
	tn_reply_free(&reply);
	return (int64_t)n;
}

START_TEST(all_in_one_journey_and_in_order)
{
	size_t first, second, third;
	long before;

	add_up(&batch, "other", "1");	/* the script is learnt here */
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	tn_redis_batch_fini(&batch);
	tn_redis_batch_init(&batch, redis);
	first = add(&batch, "INCR n");
	second = add_up(&batch, "n", "10");
	third = add(&batch, "INCR n");
	before = redis_journeys(redis);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	ck_assert_int_eq(redis_journeys(redis) - before, 2);	/* with its own */
	expect_integer(&batch, first, 1);
	expect_integer(&batch, second, 11);
	expect_integer(&batch, third, 12);
}
END_TEST

START_TEST(nothing_is_asked)
{
	long before = redis_journeys(redis);

	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	ck_assert_int_eq(redis_journeys(redis) - before, 1);
	ck_assert_int_eq(tn_redis_batch_reply(&batch, 0, NULL, NULL),
	    TN_E_STATE);
}
END_TEST

/* ---- Several batches --------------------------------------------------------*/

enum { BATCHES = 4 };

static struct tn_redis_batch several[BATCHES];
static struct tn_redis_batch *all[BATCHES];

static void
open_several(void)
{
	for (int i = 0; i < BATCHES; i++) {
		all[i] = &several[i];
		tn_redis_batch_init(all[i], redis);
	}
}

static void
close_several(void)
{
	for (int i = 0; i < BATCHES; i++)
		tn_redis_batch_fini(all[i]);
}

START_TEST(several_in_one_journey_and_in_order)
{
	size_t places[BATCHES];
	long before;

	add_up(&batch, "other", "1");
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	open_several();			/* the second asks nothing */
	places[0] = add(all[0], "INCR n");
	places[2] = add_up(all[2], "n", "10");
	add(all[3], "PING");
	places[3] = add(all[3], "INCR n");
	ck_assert_int_eq(tn_redis_batch_sent(all[0], NULL), TN_E_STATE);
	before = redis_journeys(redis);
	tn_redis_batch_send_all(all, BATCHES);
	ck_assert_int_eq(redis_journeys(redis) - before, 2);	/* with its own */
	for (int i = 0; i < BATCHES; i++)
		ck_assert_int_eq(tn_redis_batch_sent(all[i], NULL), 0);
	expect_integer(all[0], places[0], 1);
	expect_integer(all[2], places[2], 11);
	expect_integer(all[3], places[3], 12);
	close_several();
	tn_redis_batch_send_all(NULL, 0);
}
END_TEST

/* Each goes to its own Redis, in order. */
START_TEST(several_for_two_redis)
{
	struct redis_server second = { .pid = 0 };
	struct tn_redis_options at;
	struct tn_redis *other;
	size_t places[BATCHES];

	ck_assert(redis_server_start(&second));
	at = (struct tn_redis_options){ .path = second.path };
	other = tn_redis_new(&at, 1, NULL);
	call("SET n 10");
	open_several();
	tn_redis_batch_fini(all[1]);
	tn_redis_batch_init(all[1], other);
	for (int i = 0; i < BATCHES; i++)
		places[i] = add_up(all[i], "n", "1");
	tn_redis_batch_send_all(all, BATCHES);
	expect_integer(all[0], places[0], 11);
	expect_integer(all[1], places[1], 1);
	expect_integer(all[2], places[2], 12);
	expect_integer(all[3], places[3], 13);
	ck_assert_int_eq(stored("n"), 13);
	close_several();
	tn_redis_free(&other);
	redis_server_stop(&second);
}
END_TEST

START_TEST(one_that_cannot_be_sent_keeps_none_back)
{
	struct tn_err err = { .code = 0 };
	size_t first, last;

	open_several();
	first = add(all[0], "INCR n");
	add(all[1], "INCR n");
	tn_redis_batch_fail(all[1], TN_E_LIMIT);
	tn_redis_batch_fail(all[1], TN_E_NOMEM);	/* the first counts */
	last = add(all[2], "INCR n");
	tn_redis_batch_send_all(all, BATCHES);
	expect_integer(all[0], first, 1);
	ck_assert_int_eq(tn_redis_batch_sent(all[1], &err), TN_E_LIMIT);
	ck_assert_int_eq(err.code, TN_E_LIMIT);
	ck_assert_int_eq(tn_redis_batch_reply(all[1], 0, NULL, NULL),
	    TN_E_LIMIT);
	expect_integer(all[2], last, 2);
	ck_assert_int_eq(stored("n"), 2);
	close_several();
}
END_TEST

/* What one of them has wrong is no failure of the others. */
START_TEST(one_that_is_wrong_keeps_none_back)
{
	static const struct tn_script wrong = { "wrong", "return (" };
	size_t first, last;

	open_several();
	first = add(all[0], "INCR n");
	add(all[1], "INCR n");
	tn_redis_batch_eval(all[1], &wrong, NULL, 0, NULL, 0);
	tn_redis_batch_call(all[3], NULL, 0);
	last = add(all[2], "INCR n");
	tn_redis_batch_send_all(all, BATCHES);
	expect_integer(all[0], first, 1);
	ck_assert_int_eq(tn_redis_batch_sent(all[1], NULL), TN_E_IO);
	expect_integer(all[2], last, 2);
	ck_assert_int_eq(tn_redis_batch_sent(all[3], NULL), TN_E_STATE);
	ck_assert_int_eq(stored("n"), 2);
	close_several();
}
END_TEST

START_TEST(sent_twice_is_asked_once)
{
	size_t place = add(&batch, "INCR n");

	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	expect_integer(&batch, place, 1);
	ck_assert_int_eq(stored("n"), 1);
}
END_TEST

START_TEST(a_failed_journey_is_that_of_all)
{
	struct tn_err err;

	open_several();
	add(all[0], "INCR n");
	add_up(all[2], "n", "1");
	redis_server_kill(&server);
	tn_redis_batch_send_all(all, BATCHES);
	for (int i = 0; i < 3; i += 2) {
		err = (struct tn_err){ .code = 0 };
		ck_assert_int_eq(tn_redis_batch_reply(all[i], 0, NULL, &err),
		    TN_E_AWAY);
		ck_assert_int_eq(err.code, TN_E_AWAY);
		ck_assert_uint_gt(strlen(err.text), 0);
	}
	ck_assert_int_eq(tn_redis_batch_sent(all[1], NULL), 0);
	close_several();
}
END_TEST

/* Where memory is short they fail, or some of them do, but none half. */
START_TEST(several_without_memory)
{
	bool failed = true;
	unsigned n;

	add_up(&batch, "other", "1");
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	for (n = 1; failed; n++) {
		size_t place;

		open_several();
		add(all[0], "SET n 1");
		place = add_up(all[1], "m", "1");
		tn_alloc_fail_at(n);
		tn_redis_batch_send_all(all, BATCHES);
		failed = tn_alloc_end();
		for (int i = 0; i < 2; i++) {
			int e = tn_redis_batch_sent(all[i], NULL);

			ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM),
			    "%u: %d", n, e);
		}
		if (tn_redis_batch_sent(all[1], NULL) == 0)
			ck_assert_int_eq(tn_redis_batch_reply(all[1], place,
			    NULL, NULL), 0);
		close_several();
	}
	ck_assert_uint_gt(n, 3);
}
END_TEST

/* ---- What may happen ---------------------------------------------------------*/

/* One that fails keeps none of the others from being done or being heard. */
START_TEST(an_error_is_of_one_alone)
{
	size_t first, wrong, last;
	struct tn_err err = { .code = 0 };

	call("SET text hello");
	first = add(&batch, "INCR n");
	wrong = add(&batch, "INCR text");
	last = add_up(&batch, "n", "1");
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	expect_integer(&batch, first, 1);
	ck_assert_int_eq(tn_redis_batch_reply(&batch, wrong, NULL, &err),
	    TN_E_IO);
	ck_assert_ptr_nonnull(strstr(err.text, "not an integer"));
	expect_integer(&batch, last, 2);
}
END_TEST

START_TEST(a_forgotten_script_is_given_again)
{
	size_t first, second;

	add_up(&batch, "n", "1");
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	tn_redis_batch_fini(&batch);
	tn_redis_batch_init(&batch, redis);
	call("SCRIPT FLUSH");
	first = add_up(&batch, "n", "1");
	second = add_up(&batch, "n", "1");
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	expect_integer(&batch, first, 2);
	expect_integer(&batch, second, 3);
	ck_assert_int_eq(stored("n"), 3);
}
END_TEST

START_TEST(texts_are_copied)
{
	char key[] = "n", one[] = "INCR";
	struct tn_slice words[] = { tn_slice_str(one), tn_slice_str(key) };
	size_t place = tn_redis_batch_call(&batch, words, 2);

	memset(key, 'x', 1);
	memset(one, 'x', 4);
	words[0] = words[1] = TN_SLICE_NONE;
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	expect_integer(&batch, place, 1);
	ck_assert_int_eq(stored("n"), 1);
}
END_TEST

START_TEST(many_at_once)
{
	size_t places[300];

	for (size_t i = 0; i < 300; i++)
		places[i] = add(&batch, "INCR n");
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	for (size_t i = 0; i < 300; i++)
		expect_integer(&batch, places[i], (int64_t)i + 1);
}
END_TEST

START_TEST(no_answer_in_time_is_no_answer_at_all)
{
	struct tn_err err = { .code = 0 };
	int64_t before;
	size_t place;

	call("PING");
	place = add(&batch, "INCR n");
	add(&batch, "INCR n");
	kill(server.pid, SIGSTOP);
	before = tn_clock_mono_ms();
	ck_assert_int_eq(tn_redis_batch_send(&batch, &err), TN_E_TIMEOUT);
	ck_assert_int_lt(tn_clock_mono_ms() - before, 600);
	kill(server.pid, SIGCONT);
	ck_assert_int_eq(tn_redis_batch_reply(&batch, place, NULL, NULL),
	    TN_E_TIMEOUT);
	/* what comes late belongs to no later question */
	for (int i = 0; i < 100; i++) {
		struct tn_slice words[] = { S("ECHO"), S("me") };
		struct tn_reply *reply;

		if (tn_redis_call(redis, words, 2, &reply, NULL) == 0) {
			ck_assert(tn_slice_is(tn_reply_text(reply), "me"));
			tn_reply_free(&reply);
			return;
		}
		poll(NULL, 0, 20);
	}
	ck_abort_msg("it has not come back");
}
END_TEST

START_TEST(nobody_there)
{
	add(&batch, "INCR n");
	add_up(&batch, "n", "1");
	redis_server_kill(&server);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), TN_E_AWAY);
}
END_TEST

START_TEST(too_large_is_refused)
{
	struct tn_slice words[] = { S("SET"), S("n"),
		tn_slice(NULL, TN_LIMIT_REDIS_COMMAND) };
	char *large = calloc(1, TN_LIMIT_REDIS_COMMAND);

	ck_assert_ptr_nonnull(large);
	words[2].ptr = large;
	tn_redis_batch_call(&batch, words, 3);
	free(large);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), TN_E_NOMEM);
	ck_assert_int_eq(stored("n"), 0);
}
END_TEST

START_TEST(out_of_memory)
{
	bool failed = true;
	unsigned n;

	add_up(&batch, "warm", "1");
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	for (n = 1; failed; n++) {
		struct tn_redis_batch b;
		size_t one, two;
		int e;

		tn_redis_batch_init(&b, redis);
		tn_alloc_fail_at(n);
		one = add(&b, "SET n 1");
		two = add_up(&b, "m", "1");
		e = tn_redis_batch_send(&b, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || failed, "%u: %d", n, e);
		if (e == 0) {
			ck_assert_int_eq(tn_redis_batch_reply(&b, one, NULL,
			    NULL), 0);
			ck_assert_int_eq(tn_redis_batch_reply(&b, two, NULL,
			    NULL), 0);
		}
		tn_redis_batch_fini(&b);
	}
	ck_assert_uint_gt(n, 5);
}
END_TEST

static Suite *
batch_suite(void)
{
	Suite *s = suite_create("redis_batch");
	TCase *live = tcase_create("live");

	redis_server_or_skip();
	tcase_set_timeout(live, 20);
	tcase_add_checked_fixture(live, setup, teardown);
	tcase_add_test(live, all_in_one_journey_and_in_order);
	tcase_add_test(live, nothing_is_asked);
	tcase_add_test(live, several_in_one_journey_and_in_order);
	tcase_add_test(live, several_for_two_redis);
	tcase_add_test(live, one_that_cannot_be_sent_keeps_none_back);
	tcase_add_test(live, one_that_is_wrong_keeps_none_back);
	tcase_add_test(live, sent_twice_is_asked_once);
	tcase_add_test(live, a_failed_journey_is_that_of_all);
	tcase_add_test(live, several_without_memory);
	tcase_add_test(live, an_error_is_of_one_alone);
	tcase_add_test(live, a_forgotten_script_is_given_again);
	tcase_add_test(live, texts_are_copied);
	tcase_add_test(live, many_at_once);
	tcase_add_test(live, no_answer_in_time_is_no_answer_at_all);
	tcase_add_test(live, nobody_there);
	tcase_add_test(live, too_large_is_refused);
	tcase_add_test(live, out_of_memory);
	suite_add_tcase(s, live);
	return s;
}

TN_CHECK_MAIN(batch_suite)
