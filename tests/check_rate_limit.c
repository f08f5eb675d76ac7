#include "config.h"

#include "web/rate_limit.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "check_main.h"
#include "redis/redis.h"
#include "redis_server.h"
#include "web/middleware.h"
#include "web_rig.h"

static struct redis_server server;
static struct tn_redis_options where;
static struct tn_redis *redis;

static int
page(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_send(res, TN_SLICE("page"));
}

static int
log_in(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *s = tn_req_session(req);

	(void)arg;
	tn_session_set_bool(s, "isAuthenticated", true);
	tn_session_set(s, "user", TN_SLICE("{\"id\":\"u1\"}"));
	return tn_res_send(res, TN_SLICE("in"));
}

static int
own_answer(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	return tn_res_send(res, tn_slice_str(arg));
}

static bool
is_for_free(struct tn_req *req)
{
	return tn_slice_is(req->path, "/free");
}

static void
start(void)
{
	ck_assert(redis_server_start(&server));
}

static void
stop(void)
{
	web_end();
	tn_redis_free(&redis);
	redis_server_stop(&server);
}

/* An app with that limit in front of everything. */
static void
begin(struct tn_rate_limit options)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
	where = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&where, 1, NULL);
	options.redis = redis;
	options.name = "test";
	options.limit = 2;
	options.window_s = 60;
	web_begin(NULL, NULL);
	tn_app_use(app, web_sessions(NULL));
	tn_app_use(app, tn_rate_limit(&options));
	tn_app_get(app, "/login", log_in);
	tn_app_get(app, "/*any", page);
	web_serve();
}

static int
seconds_in(const char *name)
{
	return atoi(tn_harness_header(&h, name).ptr);
}

START_TEST(so_many_and_no_more)
{
	begin((struct tn_rate_limit){ 0 });
	ck_assert_int_eq(tn_harness_get(&h, "/a"), 200);
	ck_header("ratelimit-policy", "2;w=60");
	ck_header("ratelimit-limit", "2");
	ck_header("ratelimit-remaining", "1");
	ck_assert_int_gt(seconds_in("ratelimit-reset"), 30);
	ck_assert_int_le(seconds_in("ratelimit-reset"), 60);
	ck_header("retry-after", NULL);
	ck_header("x-ratelimit-limit", NULL);
	ck_assert_int_eq(tn_harness_get(&h, "/b"), 200);
	ck_header("ratelimit-remaining", "0");
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(tn_harness_get(&h, "/c"), 429);
		ck_header("ratelimit-remaining", "0");
		ck_assert_int_gt(seconds_in("retry-after"), 30);
		ck_assert(tn_harness_shows(&h, "Too many requests"));
	}
}
END_TEST

START_TEST(headers_of_draft_7_and_of_old)
{
	begin((struct tn_rate_limit){ .headers = TN_RATE_DRAFT_7,
	    .legacy_headers = true });
	tn_harness_get(&h, "/a");
	ck_header("ratelimit-policy", "2;w=60");
	ck_assert(tn_slice_starts(tn_harness_header(&h, "ratelimit"),
	    TN_SLICE("limit=2, remaining=1, reset=")));
	ck_header("ratelimit-limit", NULL);
	ck_header("x-ratelimit-limit", "2");
	ck_header("x-ratelimit-remaining", "1");
	ck_assert_int_gt(seconds_in("x-ratelimit-reset"), 1700000000);
}
END_TEST

START_TEST(no_headers)
{
	begin((struct tn_rate_limit){ .headers = TN_RATE_NO_HEADERS });
	tn_harness_get(&h, "/a");
	ck_header("ratelimit-policy", NULL);
	ck_header("ratelimit-limit", NULL);
	ck_header("ratelimit", NULL);
}
END_TEST

START_TEST(an_answer_of_its_own)
{
	begin((struct tn_rate_limit){ .handler = own_answer,
	    .arg = (void *)(uintptr_t)"slowly" });
	for (int i = 0; i < 3; i++)
		tn_harness_get(&h, "/a");
	ck_assert_int_eq(h.status, 429);
	ck_slice(h.body, "slowly");
	ck_assert_int_gt(seconds_in("retry-after"), 30);
}
END_TEST

START_TEST(some_are_not_counted)
{
	begin((struct tn_rate_limit){ .skip = is_for_free });
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(tn_harness_get(&h, "/free"), 200);
	ck_header("ratelimit-limit", NULL);
	tn_harness_get(&h, "/a");
	ck_header("ratelimit-remaining", "1");
}
END_TEST

START_TEST(who_has_logged_in_counts_apart)
{
	begin((struct tn_rate_limit){ .key = tn_rate_by_user });
	ck_assert_int_eq(tn_harness_get(&h, "/login"), 200);
	ck_header("ratelimit-remaining", "1");	/* as a stranger */
	tn_harness_get(&h, "/a");
	ck_header("ratelimit-remaining", "1");	/* as a user */
	tn_harness_request(&h, "GET", "/a", "cookie: x=y\n", NULL);
	ck_header("ratelimit-remaining", "0");	/* a stranger again */
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/a", "cookie: x=y\n",
	    NULL), 429);
}
END_TEST

START_TEST(redis_is_away)
{
	begin((struct tn_rate_limit){ .pass_when_away = _i == 1 });
	redis_server_kill(&server);
	ck_assert_int_eq(tn_harness_get(&h, "/a"), _i == 1 ? 200 : 503);
	ck_header("ratelimit-limit", NULL);
	ck_assert((tn_harness_header(&h, "retry-after").len > 0) == (_i == 0));
	ck_assert(redis_server_start(&server));
	ck_assert_int_eq(tn_harness_get(&h, "/a"), 200);
	ck_header("ratelimit-remaining", "1");
}
END_TEST

static const struct { const char *address, *key; } addresses[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
	{ "2001:db8:1:2::1", "2001:db8:1:2::" },
	{ "::1", "::" },
	{ "", "" },
	{ "unix:", "unix:" },
};

START_TEST(address_is_counted_by_what_one_cannot_choose)
{
	struct tn_exchange x;

	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
	x.req.address = tn_slice_str(addresses[_i].address);
	ck_assert_msg(tn_slice_is(tn_rate_by_address(&x.req),
	    addresses[_i].key), "%s", addresses[_i].address);
	tn_exchange_fini(&x);
	tn_exchange_init(&x, 1);	/* no room */
	tn_exchange_begin(&x, NULL, NULL);
	x.req.address = TN_SLICE("192.0.2.1");
	ck_assert_uint_eq(tn_rate_by_address(&x.req).len, 0);
	ck_assert(x.arena.overflowed);
	tn_exchange_fini(&x);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("rate_limit");
	TCase *tc = tcase_create("rate_limit");

	redis_server_or_skip();
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, so_many_and_no_more);
	tcase_add_test(tc, headers_of_draft_7_and_of_old);
	tcase_add_test(tc, no_headers);
	tcase_add_test(tc, an_answer_of_its_own);
	tcase_add_test(tc, some_are_not_counted);
	tcase_add_test(tc, who_has_logged_in_counts_apart);
	tcase_add_loop_test(tc, redis_is_away, 0, 2);
	tcase_add_loop_test(tc, address_is_counted_by_what_one_cannot_choose,
	    0, (int)(sizeof(addresses) / sizeof(addresses[0])));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
