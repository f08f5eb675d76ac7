/* A node tells itself something by Redis; deaf links are made again. */
#include "config.h"

#include "cluster/canary.h"

#include "base/err.h"
#include "check_main.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis_server.h"

enum { INTERVAL_MS = 240, WAIT_MS = 5000 };

static struct redis_server server;
static struct poll_loop loop;
static struct tn_redis_options options;
static struct tn_link *link_;
static struct tn_canary *canary;
static struct tn_redis *other;
static unsigned ups, foreign;

static void
on_up(void *arg)
{
	(void)arg;
	ups++;
	tn_canary_on_up(canary);
}

static void
on_invalidate(struct tn_slice key, void *arg)
{
	(void)arg;
	foreign += !tn_canary_on_invalidate(canary, key);
}

static void
setup(void)
{
	struct tn_link_hooks hooks = { on_up, NULL, on_invalidate, NULL };

	server = (struct redis_server){ .pid = 0 };
	ups = foreign = 0;
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){ .path = server.path };
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	other = tn_redis_new(&options, 1, NULL);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	canary = tn_canary_new(&loop.loop, link_, NULL, TN_SLICE("a-1"),
	    INTERVAL_MS, NULL);
	ck_assert(link_ != NULL && canary != NULL && other != NULL);
}

static void
teardown(void)
{
	tn_link_free(&link_);
	tn_canary_free(&canary);
	tn_redis_free(&other);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

static void
redis(const char *line)
{
	struct tn_slice words[REDIS_WORDS];
	struct tn_reply *reply;
	size_t n = redis_words(line, words);

	ck_assert_int_eq(tn_redis_call(other, words, n, &reply, NULL), 0);
	tn_reply_free(&reply);
}

static bool
heard(void *n)
{
	return tn_canary_counts(canary)->heard >= *(unsigned *)n;
}

static bool
is_up_again(void *n)
{
	return ups >= *(unsigned *)n;
}

START_TEST(a_link_that_hears_is_left_alone)
{
	unsigned n = 5;

	ck_assert(poll_loop_until(&loop, heard, &n, WAIT_MS));
	redis("FLUSHALL");
	n = 8;
	ck_assert(poll_loop_until(&loop, heard, &n, WAIT_MS));
	ck_assert_uint_eq(tn_canary_counts(canary)->deaf, 0);
	ck_assert(!tn_canary_is_deaf(canary));
	ck_assert_uint_eq(ups, 1);
}
END_TEST

/* An operator's mistake: Redis answers, but nobody is told anything. */
START_TEST(a_deaf_link_is_made_again)
{
	unsigned n = 1;

	ck_assert(poll_loop_until(&loop, heard, &n, WAIT_MS));
	redis("ACL SETUSER default -publish");
	n = 2;
	ck_assert(poll_loop_until(&loop, is_up_again, &n, WAIT_MS));
	ck_assert_uint_ge(tn_canary_counts(canary)->deaf, 1);
	ck_assert(tn_canary_is_deaf(canary));
	redis("ACL SETUSER default +publish");
	n = (unsigned)tn_canary_counts(canary)->heard + 2;
	ck_assert(poll_loop_until(&loop, heard, &n, WAIT_MS));
	ck_assert(!tn_canary_is_deaf(canary));
}
END_TEST

/* The tracking alone, from inside: the link's own connection gives it up. */
START_TEST(lost_tracking_is_noticed)
{
	unsigned n = 1;

	ck_assert(poll_loop_until(&loop, heard, &n, WAIT_MS));
	ck_assert_int_eq(tn_link_call(link_, (struct tn_slice[]){
	    TN_SLICE("CLIENT"), TN_SLICE("TRACKING"), TN_SLICE("OFF") }, 3,
	    NULL, NULL), 0);
	n = 2;
	ck_assert(poll_loop_until(&loop, is_up_again, &n, WAIT_MS));
	ck_assert_uint_eq(tn_canary_counts(canary)->deaf, 1);
	n = (unsigned)tn_canary_counts(canary)->heard + 1;
	ck_assert(poll_loop_until(&loop, heard, &n, WAIT_MS));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("canary");
	TCase *t = tcase_create("canary");

	redis_server_or_skip();
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_link_that_hears_is_left_alone);
	tcase_add_test(t, a_deaf_link_is_made_again);
	tcase_add_test(t, lost_tracking_is_noticed);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
