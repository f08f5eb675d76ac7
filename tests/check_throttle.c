#include "config.h"

#include <poll.h>

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis_batch.h"
#include "redis_server.h"
#include "session/throttle.h"

#define S(s) TN_SLICE(s)

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_throttle users, addresses;

static void
setup(void)
{
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&options, 1, NULL);
	users = (struct tn_throttle){ redis, "login-user", 3, 60 };
	addresses = (struct tn_throttle){ redis, "login-address", 5, 1 };
}

static void
teardown(void)
{
	tn_redis_free(&redis);
	redis_server_stop(&server);
}

START_TEST(so_many_and_no_more)
{
	int retry_s = -1;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(tn_throttle_try(&users, S("kim"), &retry_s,
		    NULL), 1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(tn_throttle_try(&users, S("kim"), &retry_s,
		    NULL), 0);
		ck_assert_int_ge(retry_s, 58);
		ck_assert_int_le(retry_s, 60);
	}
	/* Others, and other kinds of throttle, count for themselves. */
	ck_assert_int_eq(tn_throttle_try(&users, S("lee"), &retry_s, NULL), 1);
	ck_assert_int_eq(tn_throttle_try(&addresses, S("kim"), &retry_s, NULL),
	    1);
}
END_TEST

START_TEST(a_success_clears)
{
	int retry_s;

	for (int i = 0; i < 5; i++)
		tn_throttle_try(&users, S("kim"), &retry_s, NULL);
	ck_assert_int_eq(tn_throttle_clear(&users, S("kim"), NULL), 0);
	ck_assert_int_eq(tn_throttle_try(&users, S("kim"), &retry_s, NULL), 1);
	ck_assert_int_eq(tn_throttle_clear(&users, S("nobody"), NULL), 0);
}
END_TEST

START_TEST(a_window_ends)
{
	int retry_s, tries = 0;

	while (tn_throttle_try(&addresses, S("::1"), &retry_s, NULL) == 1)
		tries++;
	ck_assert_int_eq(tries, 5);
	for (int i = 0; i < 200; i++) {
		poll(NULL, 0, 20);
		if (tn_throttle_try(&addresses, S("::1"), &retry_s, NULL) == 1)
			return;
	}
	ck_abort_msg("the window did not end");
}
END_TEST

/* A counter without an end, as a restore or a mistake may leave it. */
START_TEST(a_counter_always_ends)
{
	struct tn_slice set[] = {
		S("SET"), S("tandem:{kim}:throttle:login-user"), S("99"),
	};
	struct tn_reply *reply;
	int retry_s = 0;

	ck_assert_int_eq(tn_redis_call(redis, set, 3, &reply, NULL), 0);
	tn_reply_free(&reply);
	ck_assert_int_eq(tn_throttle_try(&users, S("kim"), &retry_s, NULL), 0);
	ck_assert_int_eq(retry_s, 60);
}
END_TEST

START_TEST(names_of_any_length)
{
	static char name[100000];
	int retry_s;

	memset(name, '}', sizeof(name));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(tn_throttle_try(&users, tn_slice(name,
		    sizeof(name) - (size_t)i), &retry_s, NULL), 1);
	ck_assert_int_eq(tn_throttle_try(&users, tn_slice(name, 50000),
	    &retry_s, NULL), 0);
	ck_assert_int_eq(tn_throttle_try(&users, S(""), &retry_s, NULL), 1);
}
END_TEST

START_TEST(redis_is_away)
{
	int retry_s;

	redis_server_kill(&server);
	ck_assert_int_eq(tn_throttle_try(&users, S("kim"), &retry_s, NULL),
	    TN_E_AWAY);
	ck_assert_int_eq(tn_throttle_clear(&users, S("kim"), NULL), TN_E_AWAY);
}
END_TEST

static const struct {
	const char *address, *group;
} groups[] = {
	{ "192.0.2.7", "192.0.2.7" },
	{ "::ffff:192.0.2.7", "192.0.2.7" },
	{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
	{ "2001:db8:1:2:ffff::1", "2001:db8:1:2::" },
	{ "2001:DB8:1:3::1", "2001:db8:1:3::" },
	{ "::1", "::" },
	{ "", "" },
	{ "nonsense", "nonsense" },
	{ "unix:", "unix:" },
};

START_TEST(addresses_of_one_client)
{
	char group[TN_THROTTLE_ADDRESS];
	char far[200];

	ck_assert(tn_slice_is(tn_throttle_address(
	    tn_slice_str(groups[_i].address), group), groups[_i].group));
	memset(far, 'x', sizeof(far));
	ck_assert_uint_eq(tn_throttle_address(tn_slice(far, sizeof(far)),
	    group).len, TN_THROTTLE_ADDRESS - 1);
}
END_TEST

START_TEST(counted_without_a_judgement)
{
	int64_t used = 0;
	int left_s = 0;

	for (int i = 1; i < 6; i++) {
		ck_assert_int_eq(tn_throttle_count(&users, S("kim"), &used,
		    &left_s, NULL), 0);
		ck_assert_int_eq(used, i);
		ck_assert_int_ge(left_s, 50);
	}
}
END_TEST

/* Want of memory lets nobody try more often. */
START_TEST(out_of_memory)
{
	bool failed = true;
	unsigned n;
	int retry_s;

	for (int i = 0; i < 3; i++)
		tn_throttle_try(&users, S("kim"), &retry_s, NULL);
	for (n = 1; failed; n++) {
		int first, refused, cleared;

		tn_throttle_clear(&users, S("lee"), NULL);
		tn_alloc_fail_at(n);
		first = tn_throttle_try(&users, S("lee"), &retry_s, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(first == 1 || (failed && first == TN_E_NOMEM),
		    "%u: %d", n, first);
		tn_alloc_fail_at(n);
		refused = tn_throttle_try(&users, S("kim"), &retry_s, NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(refused == 0 || (failed &&
		    refused == TN_E_NOMEM), "%u: %d", n, refused);
		tn_alloc_fail_at(n);
		cleared = tn_throttle_clear(&users, S("nobody"), NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(cleared == 0 || (failed &&
		    cleared == TN_E_NOMEM), "%u: %d", n, cleared);
	}
	ck_assert_uint_gt(n, 3);
}
END_TEST

static int
try_both(const char *from, const char *name, int *retry_s)
{
	struct tn_redis_batch batch;
	size_t place;
	int e;

	tn_redis_batch_init(&batch, redis);
	place = tn_throttle_try_both_with(&addresses, tn_slice_str(from),
	    &users, tn_slice_str(name), &batch);
	tn_redis_batch_send(&batch, NULL);
	e = tn_throttle_tried_both(&addresses, &users, tn_slice_str(name),
	    &batch, place, retry_s, NULL);
	tn_redis_batch_fini(&batch);
	return e;
}

START_TEST(a_try_counts_for_two)
{
	int retry_s = -1, left_s;
	int64_t used;

	ck_assert(!tn_redis_is_cluster(redis));
	addresses.window_s = 20;
	for (int i = 0; i < users.max; i++)
		ck_assert_int_eq(try_both("a", "kim", &retry_s), 1);
	ck_assert_int_eq(try_both("a", "kim", &retry_s), 0);
	ck_assert_int_gt(retry_s, 50);		/* the name's */
	ck_assert_int_eq(try_both("a", "lee", &retry_s), 1);
	ck_assert_int_eq(try_both("a", "lee", &retry_s), 0);
	ck_assert_int_le(retry_s, 20);		/* the address' */
	ck_assert_int_gt(retry_s, 10);
	/* of which the name knows nothing */
	ck_assert_int_eq(tn_throttle_count(&users, S("lee"), &used, &left_s,
	    NULL), 0);
	ck_assert_int_eq(used, 2);
	ck_assert_int_eq(tn_throttle_count(&addresses, S("a"), &used, &left_s,
	    NULL), 0);
	ck_assert_int_eq(used, 7);
}
END_TEST

START_TEST(a_try_for_two_without_memory)
{
	bool failed = true;
	unsigned n;

	addresses.max = users.max = 1000;
	for (n = 1; failed; n++) {
		int retry_s, e;

		tn_alloc_fail_at(n);
		e = try_both("a", "kim", &retry_s);
		failed = tn_alloc_end();
		ck_assert_msg(e == 1 || (failed && e == TN_E_NOMEM), "%u: %d",
		    n, e);
	}
	ck_assert_uint_gt(n, 5);
}
END_TEST

START_TEST(cleared_along_with_something_else)
{
	const struct tn_slice argv[] = { S("INCR"), S("n") };
	struct tn_redis_batch batch;
	int retry_s;

	for (int i = 0; i < 5; i++)
		tn_throttle_try(&users, S("kim"), &retry_s, NULL);
	tn_redis_batch_init(&batch, redis);
	tn_throttle_clear_with(&users, S("kim"), &batch);
	tn_redis_batch_call(&batch, argv, 2);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	tn_redis_batch_fini(&batch);
	ck_assert_int_eq(tn_throttle_try(&users, S("kim"), &retry_s, NULL), 1);

	tn_redis_batch_init(&batch, redis);
	tn_alloc_fail_at(1);
	tn_throttle_clear_with(&users, S("kim"), &batch);
	ck_assert(tn_alloc_end());
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), TN_E_NOMEM);
	tn_redis_batch_fini(&batch);
}
END_TEST

static Suite *
throttle_suite(void)
{
	Suite *s = suite_create("throttle");
	TCase *tc = tcase_create("throttle");

	redis_server_or_skip();
	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, so_many_and_no_more);
	tcase_add_test(tc, a_success_clears);
	tcase_add_test(tc, a_window_ends);
	tcase_add_test(tc, a_counter_always_ends);
	tcase_add_test(tc, names_of_any_length);
	tcase_add_test(tc, redis_is_away);
	tcase_add_loop_test(tc, addresses_of_one_client, 0,
	    sizeof(groups) / sizeof(*groups));
	tcase_add_test(tc, counted_without_a_judgement);
	tcase_add_test(tc, a_try_counts_for_two);
	tcase_add_test(tc, a_try_for_two_without_memory);
	tcase_add_test(tc, cleared_along_with_something_else);
	tcase_add_test(tc, out_of_memory);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(throttle_suite)
