/* Two nodes and one Redis: leases are taken, kept, given back and run out. */
#include "config.h"

#include <signal.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"
#include "check_main.h"
#include "cluster/registry.h"
#include "poll_loop.h"
#include "redis/keys.h"
#include "redis/link.h"
#include "redis_server.h"

enum { LEASE_MS = 300, WAIT_MS = 5000 };

static struct redis_server server;
static struct tn_redis_options options;
static struct poll_loop loop;
static struct tn_link *link_, *other_link;
static struct tn_registry *one, *two;
static struct tn_redis *redis;

static void
setup(void)
{
	const struct tn_link_hooks hooks = { .arg = NULL };

	tn_random_start(NULL);
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){
		.path = server.path, .connect_ms = 300, .command_ms = 300,
	};
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	redis = tn_redis_new(&options, 1, NULL);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	other_link = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	one = tn_registry_new(&loop.loop, link_, NULL, "w0", LEASE_MS, NULL);
	two = tn_registry_new(&loop.loop, other_link, NULL, "w1", LEASE_MS,
	    NULL);
}

static void
teardown(void)
{
	tn_registry_free(&one);
	tn_registry_free(&two);
	tn_link_free(&link_);
	tn_link_free(&other_link);
	tn_redis_free(&redis);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

static size_t
len(const struct tn_registry *r)
{
	size_t at = 0, n = 0;

	while (tn_registry_next(r, &at).ptr != NULL)
		n++;
	return n;
}

static bool
one_knows_two(void *arg)
{
	(void)arg;
	return len(one) == 1;
}

static bool
one_is_alone(void *arg)
{
	(void)arg;
	return len(one) == 0;
}

static bool
is_dead(void *arg)
{
	return !tn_registry_alive(one, *(struct tn_slice *)arg);
}

START_TEST(nodes_hear_of_each_other)
{
	size_t at = 0;

	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	ck_assert(tn_slice_eq(tn_registry_next(one, &at),
	    tn_registry_id(two)));
	ck_assert(tn_registry_alive(one, tn_registry_id(one)));
	ck_assert(tn_registry_alive(one, tn_registry_id(two)));
	ck_assert(tn_slice_starts(tn_registry_id(one), TN_SLICE("w0-")));
}
END_TEST

START_TEST(a_lease_is_given_back_at_once)
{
	char copy[128];
	struct tn_slice id = tn_registry_id(two);

	memcpy(copy, id.ptr, id.len);
	id.ptr = copy;
	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	tn_registry_free(&two);
	ck_assert(poll_loop_until(&loop, one_is_alone, NULL, LEASE_MS));
	ck_assert(poll_loop_until(&loop, is_dead, &id, WAIT_MS));
}
END_TEST

/* Write the lease of a node that will not renew it. */
static void
write_lease(struct tn_slice id, int64_t end_ms)
{
	struct tn_reply *reply = NULL;
	struct tn_slice argv[4] = { TN_SLICE("ZADD") };
	struct tn_buf key, score;

	tn_buf_init(&key, 256);
	tn_key_nodes(&key);
	tn_buf_init(&score, 32);
	tn_buf_i64(&score, end_ms);
	argv[1] = tn_buf_view(&key);
	argv[2] = tn_buf_view(&score);
	argv[3] = id;
	ck_assert_int_eq(tn_redis_call(redis, argv, 4, &reply, NULL), 0);
	tn_reply_free(&reply);
	tn_buf_fini(&key);
	tn_buf_fini(&score);
}

static bool
one_knows_three(void *arg)
{
	(void)arg;
	return len(one) == 2;
}

/* Who has gone is told. */

static struct { unsigned calls; char id[128]; int64_t at_ms; } gone;

static void
on_gone(struct tn_slice id, void *arg)
{
	ck_assert_ptr_eq(arg, &gone);
	gone.calls++;
	gone.at_ms = loop.loop.wheel.now_ms;
	snprintf(gone.id, sizeof(gone.id), "%.*s", TN_SLICE_ARG(id));
}

static bool
is_told(void *arg)
{
	(void)arg;
	return gone.calls > 0;
}

static void
turn_for(int ms)
{
	int64_t end = loop.loop.wheel.now_ms + ms;

	while (loop.loop.wheel.now_ms < end)
		poll_loop_turn(&loop, 20);
}

START_TEST(a_node_that_dies_is_told_once_within_two_leases)
{
	memset(&gone, 0, sizeof(gone));
	tn_registry_on_gone(one, on_gone, &gone);
	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	snprintf(gone.id, sizeof(gone.id), "%.*s",
	    TN_SLICE_ARG(tn_registry_id(two)));
	write_lease(TN_SLICE("w8-dead"), tn_clock_wall_ms() + LEASE_MS);
	ck_assert(poll_loop_until(&loop, is_told, NULL, WAIT_MS));
	ck_assert_str_eq(gone.id, "w8-dead");
	turn_for(LEASE_MS);
	ck_assert_uint_eq(gone.calls, 1);
}
END_TEST

START_TEST(nobody_is_gone_because_redis_was)
{
	memset(&gone, 0, sizeof(gone));
	tn_registry_on_gone(one, on_gone, &gone);
	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	kill(server.pid, SIGSTOP);
	turn_for(3 * LEASE_MS);
	kill(server.pid, SIGCONT);
	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	turn_for(3 * LEASE_MS);
	ck_assert_uint_eq(gone.calls, 0);
	ck_assert_uint_eq(len(one), 1);
}
END_TEST

START_TEST(the_lease_of_a_dead_node_runs_out)
{
	struct tn_slice id = TN_SLICE("w8-dead");
	int64_t end_ms = tn_clock_wall_ms() + 2 * LEASE_MS;

	write_lease(id, end_ms);
	ck_assert(poll_loop_until(&loop, one_knows_three, NULL, WAIT_MS));
	ck_assert(tn_registry_alive(one, id));
	ck_assert(poll_loop_until(&loop, is_dead, &id, WAIT_MS));
	ck_assert_int_ge(tn_clock_wall_ms(), end_ms);
	ck_assert(tn_registry_alive(one, tn_registry_id(two)));
}
END_TEST

START_TEST(an_id_never_heard_of_lives_until_the_next_renewal)
{
	struct tn_slice id = TN_SLICE("w9-stranger");

	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	ck_assert(tn_registry_alive(one, id));
	ck_assert(poll_loop_until(&loop, is_dead, &id, WAIT_MS));
}
END_TEST

START_TEST(leases_survive_a_redis_that_was_away)
{
	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	redis_server_kill(&server);
	for (int i = 0; i < 20; i++)
		poll_loop_turn(&loop, 20);
	ck_assert(tn_registry_alive(one, tn_registry_id(two)));
	ck_assert(redis_server_start(&server));
	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
}
END_TEST

START_TEST(the_leases_are_one_sorted_set)
{
	struct tn_reply *reply = NULL;
	struct tn_slice argv[2] = { TN_SLICE("ZCARD"), { NULL, 0 } };
	struct tn_buf key;

	ck_assert(poll_loop_until(&loop, one_knows_two, NULL, WAIT_MS));
	tn_buf_init(&key, 256);
	tn_key_nodes(&key);
	argv[1] = tn_buf_view(&key);
	ck_assert_int_eq(tn_redis_call(redis, argv, 2, &reply, NULL), 0);
	ck_assert_int_eq(tn_reply_integer(reply), 2);
	tn_reply_free(&reply);
	tn_buf_fini(&key);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("registry");
	TCase *t = tcase_create("registry");

	redis_server_or_skip();
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nodes_hear_of_each_other);
	tcase_add_test(t, a_lease_is_given_back_at_once);
	tcase_add_test(t, the_lease_of_a_dead_node_runs_out);
	tcase_add_test(t, a_node_that_dies_is_told_once_within_two_leases);
	tcase_add_test(t, nobody_is_gone_because_redis_was);
	tcase_add_test(t, an_id_never_heard_of_lives_until_the_next_renewal);
	tcase_add_test(t, leases_survive_a_redis_that_was_away);
	tcase_add_test(t, the_leases_are_one_sorted_set);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
