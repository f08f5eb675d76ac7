/* Two workers and one Redis: where the other is, while it lives. */
#include "config.h"

#include "cluster/whereabouts.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "cluster/registry.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis/redis.h"
#include "redis_server.h"

enum { LEASE_MS = 300, WAIT_MS = 5000 };

#define S(s) TN_SLICE(s)

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct poll_loop loop;
static struct tn_link *link_;
static struct tn_registry *registry, *other_registry;
static struct tn_whereabouts *mine, *others;
static int told;
static char where[128];

static bool
others_live(void *arg)
{
	(void)arg;
	return tn_registry_next(registry, &(size_t){ 0 }).ptr != NULL;
}

static void
setup(void)
{
	const struct tn_link_hooks hooks = { .arg = NULL };

	tn_random_start(NULL);
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){ .path = server.path,
		.connect_ms = 300, .command_ms = 300 };
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	redis = tn_redis_new(&options, 1, NULL);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	registry = tn_registry_new(&loop.loop, link_, NULL, "w0", LEASE_MS, NULL);
	other_registry = tn_registry_new(&loop.loop, link_, NULL, "w1", LEASE_MS,
	    NULL);
	mine = tn_whereabouts_new(&loop.loop, link_, registry, "w0", LEASE_MS,
	    NULL);
	others = tn_whereabouts_new(&loop.loop, link_, other_registry, "w1",
	    LEASE_MS, NULL);
	ck_assert(mine != NULL && others != NULL);
	ck_assert(poll_loop_until(&loop, others_live, NULL, WAIT_MS));
	told = 0;
}

static void
teardown(void)
{
	tn_whereabouts_free(&mine);
	tn_whereabouts_free(&others);
	tn_registry_free(&registry);
	tn_registry_free(&other_registry);
	tn_link_free(&link_);
	tn_redis_free(&redis);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

static void
on_found(struct tn_slice address, void *arg)
{
	ck_assert_ptr_eq(arg, &told);
	told++;
	snprintf(where, sizeof(where), "%.*s", address.ptr == NULL ? 6 :
	    (int)address.len, address.ptr == NULL ? "(none)" : address.ptr);
}

static bool
is_told(void *n)
{
	return told >= *(int *)n;
}

/* What mine finds of a worker: an address, "(none)", or the code. */
static const char *
find(const char *worker)
{
	int want = told + 1;
	int rc = tn_whereabouts_find(mine, tn_slice_str(worker), on_found,
	    &told);

	if (rc == 0)
		ck_assert(poll_loop_until(&loop, is_told, &want, WAIT_MS));
	else
		snprintf(where, sizeof(where), "%d", rc);
	ck_assert_int_eq(told, rc == 0 ? want : want - 1);
	return where;
}

START_TEST(worker_is_found_when_it_has_told)
{
	ck_assert_str_eq(find("w1"), "(none)");
	tn_whereabouts_publish(others, S("192.0.2.1:9000"));
	ck_assert_str_eq(find("w1"), "192.0.2.1:9000");
	tn_whereabouts_publish(others, S("[2001:db8::1]:9001"));
	ck_assert_str_eq(find("w1"), "[2001:db8::1]:9001");
}
END_TEST

static const char *const strangers[] = { "w2", "", "w", "w11", "w1-", "W1",
	"w1-0123456789ab", "tandem" };

START_TEST(name_that_a_client_invents_is_not_asked_about)
{
	int64_t before;

	tn_whereabouts_publish(others, S("192.0.2.1:9000"));
	ck_assert_str_eq(find("w1"), "192.0.2.1:9000");
	before = tn_link_is_idle(link_);
	ck_assert_int_eq(tn_whereabouts_find(mine, tn_slice_str(strangers[_i]),
	    on_found, &told), TN_E_AWAY);
	ck_assert(tn_link_is_idle(link_) == before);
}
END_TEST

START_TEST(address_lives_as_long_as_its_worker)
{
	int64_t end;

	tn_whereabouts_publish(others, S("192.0.2.1:9000"));
	end = tn_clock_mono_ms() + 3 * LEASE_MS;
	while (tn_clock_mono_ms() < end)	/* renewed meanwhile */
		poll_loop_turn(&loop, 10);
	ck_assert_str_eq(find("w1"), "192.0.2.1:9000");
	ck_assert_int_gt(redis_ask(redis, "PTTL tandem:{w1}:address"), 0);
	tn_whereabouts_free(&others);		/* taken back at once */
	ck_assert_str_eq(find("w1"), "(none)");
	tn_whereabouts_free(&others);
}
END_TEST

START_TEST(worker_that_never_told_takes_nothing_back)
{
	redis_ask(redis, "SET tandem:{w1}:address 192.0.2.7:1");
	tn_whereabouts_free(&others);
	ck_assert_str_eq(find("w1"), "192.0.2.7:1");
}
END_TEST

/* What another program may have put there. */
static const char *const damages[] = {
	"HSET tandem:{w1}:address a 1",
	"SET tandem:{w1}:address 0123456789012345678901234567890123456789"
	    "012345678901234567890123",
};

START_TEST(what_is_no_address_is_none)
{
	redis_ask(redis, damages[_i]);
	ck_assert_str_eq(find("w1"), "(none)");
}
END_TEST

START_TEST(redis_away_is_nobody_found)
{
	tn_whereabouts_publish(others, S("192.0.2.1:9000"));
	ck_assert_str_eq(find("w1"), "192.0.2.1:9000");
	redis_server_kill(&server);
	find("w1");
	ck_assert_msg(strcmp(where, "(none)") == 0 || where[0] == '-', "%s",
	    where);
}
END_TEST

START_TEST(name_is_as_long_as_may_be)
{
	char name[TN_LIMIT_WORKER_NAME + 2];
	struct tn_whereabouts *w;
	struct tn_err err;

	memset(name, 'a', sizeof(name));
	name[TN_LIMIT_WORKER_NAME + 1] = '\0';
	ck_assert_ptr_null(tn_whereabouts_new(&loop.loop, link_, registry,
	    name, LEASE_MS, &err));
	ck_assert_int_eq(err.code, TN_E_LIMIT);
	name[TN_LIMIT_WORKER_NAME] = '\0';
	w = tn_whereabouts_new(&loop.loop, link_, registry, name, LEASE_MS,
	    NULL);
	ck_assert_ptr_nonnull(w);
	tn_whereabouts_free(&w);
	ck_assert_ptr_null(w);
	tn_whereabouts_free(&w);
}
END_TEST

START_TEST(want_of_memory_is_said)
{
	struct tn_whereabouts *w;
	struct tn_err err;
	bool failed = true;
	int n = 0;

	tn_alloc_fail_at(1);
	w = tn_whereabouts_new(&loop.loop, link_, registry, "w2", LEASE_MS,
	    &err);
	ck_assert(tn_alloc_end());
	ck_assert_ptr_null(w);
	ck_assert_int_eq(err.code, TN_E_NOMEM);
	tn_whereabouts_publish(others, S("192.0.2.1:9000"));
	for (unsigned at = 1; failed; at++) {
		int rc;

		tn_alloc_fail_at(at);
		rc = tn_whereabouts_find(mine, S("w1"), on_found, &told);
		failed = tn_alloc_end();
		ck_assert_msg(rc == (failed ? TN_E_NOMEM : 0), "%u: %d", at,
		    rc);
		n += rc == 0;
	}
	ck_assert(poll_loop_until(&loop, is_told, &n, WAIT_MS));
	ck_assert_int_eq(told, 1);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("whereabouts");
	TCase *tc = tcase_create("whereabouts");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	redis_server_or_skip();
	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, worker_is_found_when_it_has_told);
	tcase_add_loop_test(tc, name_that_a_client_invents_is_not_asked_about,
	    0, ROWS(strangers));
	tcase_add_test(tc, address_lives_as_long_as_its_worker);
	tcase_add_test(tc, worker_that_never_told_takes_nothing_back);
	tcase_add_loop_test(tc, what_is_no_address_is_none, 0, ROWS(damages));
	tcase_add_test(tc, redis_away_is_nobody_found);
	tcase_add_test(tc, name_is_as_long_as_may_be);
	tcase_add_test(tc, want_of_memory_is_said);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
