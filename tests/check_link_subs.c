/* Who is subscribed, connections made anew, and who is waited for. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis_server.h"

#define S(s) TN_SLICE(s)

static struct {
	int ups, downs, answers, failures, messages, counted, last_code;
	uint64_t counts[4];
} told;

static struct redis_server server;
static struct tn_redis_options options;
static struct poll_loop loop;
static struct tn_link *link_;

static void
on_up(void *arg)
{
	(void)arg;
	told.ups++;
}

static void
on_down(const struct tn_err *err, void *arg)
{
	(void)arg;
	told.downs++;
	told.last_code = err->code;
}

static void
on_answer(const struct tn_reply *r, const struct tn_err *err, void *arg)
{
	(void)arg;
	if (r != NULL) {
		told.answers++;
		return;
	}
	told.failures++;
	told.last_code = err->code;
}

static void
on_message(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	(void)channel;
	(void)payload;
	(void)arg;
	told.messages++;
}

static void
on_count(const uint64_t *counts, const struct tn_err *err, void *arg)
{
	told.counted++;
	if (counts != NULL)
		memcpy(told.counts, counts, *(size_t *)arg *
		    sizeof(counts[0]));
	else
		told.last_code = err->code;
}

static const struct tn_link_hooks hooks = { on_up, on_down, NULL, NULL };

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
	memset(&told, 0, sizeof(told));
	options = (struct tn_redis_options){ .path = server.path,
		.connect_ms = 300, .command_ms = 300 };
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	ck_assert_ptr_nonnull(link_);
}

static void
teardown(void)
{
	tn_link_free(&link_);
	poll_loop_fini(&loop);
}

/* Turn until *count is n (it only goes up), for 5 s at most. */
#define UNTIL(count, n) do {						\
	int64_t end_ = tn_clock_mono_ms() + 5000;			\
									\
	while ((count) < (n) && tn_clock_mono_ms() < end_)		\
		poll_loop_turn(&loop, 10);				\
	ck_assert_int_eq((count), (n));					\
} while (0)

static void
call(const char *line)
{
	struct tn_slice words[REDIS_WORDS];

	ck_assert_int_eq(tn_link_call(link_, words, redis_words(line, words),
	    on_answer, NULL), 0);
}

START_TEST(link_is_idle_when_nobody_waits)
{
	ck_assert(tn_link_is_idle(link_));
	ck_assert_ptr_eq(tn_link_loop(link_), &loop.loop);
	call("PING");
	ck_assert(!tn_link_is_idle(link_));	/* not even connected */
	UNTIL(told.answers, 1);
	ck_assert(tn_link_is_idle(link_));
	call("PING");
	call("PING");
	UNTIL(told.answers, 3);
	ck_assert(tn_link_is_idle(link_));
}
END_TEST

START_TEST(restart_fails_who_waits_and_comes_back)
{
	ck_assert_int_eq(tn_link_subscribe(link_, S("c"), on_message, NULL),
	    0);
	UNTIL(told.ups, 1);
	call("PING");
	poll_loop_turn(&loop, 0);
	tn_link_restart(link_, "a test");
	ck_assert(!tn_link_is_up(link_));
	UNTIL(told.downs, 1);
	ck_assert_int_eq(told.last_code, TN_E_AWAY);
	UNTIL(told.ups, 2);
	ck_assert_int_eq(told.answers + told.failures, 1);
	call("PUBLISH c x");		/* its subscriptions are there again */
	UNTIL(told.messages, 1);
	ck_assert(tn_link_is_idle(link_));
}
END_TEST

START_TEST(restart_of_what_is_down_is_nothing)
{
	tn_link_restart(link_, "a test");
	UNTIL(told.ups, 1);
	ck_assert_int_eq(told.downs, 0);
}
END_TEST

START_TEST(shards_are_subscribed_and_left)
{
	ck_assert_int_eq(tn_link_ssubscribe(link_, S("c"), on_message, NULL),
	    0);
	UNTIL(told.ups, 1);
	call("SPUBLISH c 1");
	UNTIL(told.messages, 1);
	call("PUBLISH c 2");		/* another name space */
	UNTIL(told.answers, 2);
	ck_assert_int_eq(told.messages, 1);
	tn_link_sunsubscribe(link_, S("none"));
	tn_link_sunsubscribe(link_, S("c"));
	tn_link_sunsubscribe(link_, S("c"));
	call("SPUBLISH c 3");
	UNTIL(told.answers, 3);
	poll_loop_turn(&loop, 20);
	ck_assert_int_eq(told.messages, 1);
	ck_assert_int_eq(told.downs, 0);
	ck_assert_int_eq(tn_link_ssubscribe(link_, S("c"), on_message, NULL),
	    0);
	poll_loop_turn(&loop, 20);
	call("SPUBLISH c 4");
	UNTIL(told.messages, 2);
}
END_TEST

static const struct {
	const char *name;
	bool of_shards;
	uint64_t counts[3];
} counts[] = {
	{ "of channels", false, { 1, 0, 0 } },
	{ "of shards", true, { 0, 1, 0 } },
};

START_TEST(subscribers_are_counted)
{
	const struct tn_slice channels[] = { S("plain"), S("shard"),
		S("none") };
	size_t n = 3;

	tn_link_subscribe(link_, S("plain"), on_message, NULL);
	tn_link_ssubscribe(link_, S("shard"), on_message, NULL);
	tn_link_psubscribe(link_, S("*"), on_message, NULL);
	UNTIL(told.ups, 1);
	/* until a message has come, Redis may not have heard */
	call("SPUBLISH shard x");
	UNTIL(told.messages, 1);
	ck_assert_int_eq(tn_link_count(link_, counts[_i].of_shards, channels,
	    3, on_count, &n), 0);
	ck_assert_int_eq(told.counted, 0);
	UNTIL(told.counted, 1);
	for (size_t i = 0; i < 3; i++)
		ck_assert_msg(told.counts[i] == counts[_i].counts[i],
		    "%s: %zu", counts[_i].name, i);
}
END_TEST

START_TEST(count_has_its_limits)
{
	static struct tn_slice many[1000];
	size_t n = 0;
	int rc;

	ck_assert_int_eq(tn_link_count(link_, false, many, 0, on_count, &n),
	    TN_E_LIMIT);
	for (size_t i = 0; i < 1000; i++)
		many[i] = S("c");
	ck_assert_int_eq(tn_link_count(link_, false, many, 1000, on_count,
	    &n), TN_E_LIMIT);
	tn_alloc_fail_at(1);
	rc = tn_link_count(link_, false, many, 1, on_count, &n);
	ck_assert(tn_alloc_end());
	ck_assert_int_eq(rc, TN_E_NOMEM);
	ck_assert_int_eq(told.counted, 0);
	/* whoever waits is told of the end, once */
	ck_assert_int_eq(tn_link_count(link_, false, many, 1, on_count, &n),
	    0);
	tn_link_free(&link_);
	ck_assert_int_eq(told.counted, 1);
	ck_assert_int_eq(told.last_code, TN_E_AWAY);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("link_subs");
	TCase *tc = tcase_create("link_subs");

	redis_server_or_skip();
	tcase_set_timeout(tc, 20);
	tcase_add_unchecked_fixture(tc, start, stop);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, link_is_idle_when_nobody_waits);
	tcase_add_test(tc, restart_fails_who_waits_and_comes_back);
	tcase_add_test(tc, restart_of_what_is_down_is_nothing);
	tcase_add_test(tc, shards_are_subscribed_and_left);
	tcase_add_loop_test(tc, subscribers_are_counted, 0,
	    sizeof(counts) / sizeof(counts[0]));
	tcase_add_test(tc, count_has_its_limits);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
