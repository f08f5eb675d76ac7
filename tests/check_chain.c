/* Handlers that go on elsewhere, or when Redis has answered. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis_batch.h"
#include "redis_server.h"
#include "web/app.h"
#include "web/harness.h"

#define S(s)	TN_SLICE(s)

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_app *app;
static struct tn_harness h;
static char places[64];		/* where the handlers were called */

static void
begin(void)
{
	app = tn_app_new(NULL, NULL, NULL);
	ck_assert_ptr_nonnull(app);
}

static void
serve(void)
{
	ck_assert_int_eq(tn_app_check(app, NULL), 0);
	tn_harness_init(&h, app);
	places[0] = '\0';
}

static void
end(void)
{
	tn_harness_fini(&h);
	tn_app_free(&app);
}

static void
get(const char *target, int status, const char *body)
{
	ck_assert_int_eq(tn_harness_get(&h, target), status);
	if (body != NULL)
		ck_assert_msg(tn_slice_is(h.body, body), "got \"%.*s\"",
		    TN_SLICE_ARG(h.body));
}

/* ---- There and back ----------------------------------------------------------*/

static int
note_place(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	strcat(places, req->is_slow ? "slow " : "quick ");
	return TN_NEXT;
}

static int
say_places(struct tn_req *req, struct tn_res *res, void *arg)
{
	note_place(req, res, arg);
	return tn_res_send(res, tn_slice_str(places));
}

static int
answer_as_asked(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	return atoi(tn_arena_str(req->arena, tn_req_query(req, "rc")));
}

START_TEST(there_and_back_and_there_again)
{
	begin();
	tn_app_get(app, "/", note_place, tn_slow, note_place, tn_slow,
	    note_place, tn_quick, note_place, tn_quick, note_place, tn_slow,
	    say_places);
	serve();
	get("/", 200, "quick slow slow quick quick slow ");
	ck_assert(h.was_slow);
	end();
}
END_TEST

START_TEST(quick_is_nothing_to_who_is_quick)
{
	begin();
	tn_app_get(app, "/", tn_quick, say_places);
	serve();
	get("/", 200, "quick ");
	ck_assert(!h.was_slow);
	end();
}
END_TEST

START_TEST(host_goes_on_where_it_is_told)
{
	struct tn_req *req = &h.exchange.req;
	struct tn_res *res = &h.exchange.res;

	begin();
	tn_app_get(app, "/", tn_slow, note_place, tn_quick, say_places);
	serve();
	tn_harness_begin(&h, "GET", "/", NULL, TN_SLICE_NONE);
	ck_assert_int_eq(tn_app_handle(app, req, res), TN_SLOW);
	ck_assert_str_eq(places, "");
	ck_assert_int_eq(tn_app_resume(app, req, res), TN_QUICK);
	ck_assert_str_eq(places, "slow ");
	ck_assert_int_eq(res->state, TN_RES_OPEN);
	ck_assert_int_eq(tn_app_resume(app, req, res), TN_DONE);
	ck_assert_str_eq(places, "slow quick ");
	end();
}
END_TEST

/* An error page is found from wherever the error was. */
START_TEST(error_page_may_go_there_and_back)
{
	begin();
	tn_app_get(app, "/", tn_slow, answer_as_asked);
	tn_app_on_error(app, tn_quick);
	tn_app_on_error(app, say_places);
	serve();
	get("/?rc=-8", 503, "quick ");
	end();
}
END_TEST

/* Moves that a handler has no reason for: 500, and never a loop. */
static const char *const wrong[] = {
	"/?rc=3",		/* TN_QUICK of who is quick */
	"/?rc=4",		/* TN_ASK without a batch */
	"/slow?rc=2",		/* TN_SLOW of who is slow */
	"/slow?rc=4",
	"/?rc=7", "/?rc=99",
};

START_TEST(move_without_a_reason)
{
	begin();
	tn_app_get(app, "/", answer_as_asked, say_places);
	tn_app_get(app, "/slow", tn_slow, answer_as_asked, say_places);
	serve();
	get(wrong[_i], 500, NULL);
	end();
}
END_TEST

/* The first error handler behind it hears of it, as of any error. */
START_TEST(move_without_a_reason_is_an_error)
{
	struct tn_router *router = tn_router_new(NULL);

	begin();
	tn_router_get(router, "/", answer_as_asked);
	tn_router_on_error(router, say_places);
	tn_app_mount(app, "/in", router);
	serve();
	get("/in?rc=4", 500, "quick ");
	end();
}
END_TEST

/* Each is asked once, whoever takes the error in the end. */
START_TEST(error_handler_is_asked_once)
{
	begin();
	tn_app_get(app, "/", answer_as_asked);
	tn_app_on_error(app, note_place);
	tn_app_on_error(app, note_place);
	serve();
	get("/?rc=-8", 503, NULL);
	ck_assert_str_eq(places, "quick quick ");
	end();
}
END_TEST

static int
send_half(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_write(res, S("half"));
}

/* Nobody may take it for the whole. */
START_TEST(answer_cut_for_want_of_a_helper)
{
	struct tn_exchange *x = &h.exchange;

	begin();
	tn_app_get(app, "/", send_half, tn_slow, say_places);
	serve();
	tn_harness_begin(&h, "GET", "/", NULL, TN_SLICE_NONE);
	ck_assert_int_eq(tn_app_handle(app, &x->req, &x->res), TN_SLOW);
	ck_assert_int_eq(tn_app_refuse(app, &x->req, &x->res, 503, 1),
	    TN_DONE);
	ck_assert(x->res.is_broken);
	end();
}
END_TEST

/* ---- Asked of Redis ------------------------------------------------------------*/

static void
ask(const char *line)
{
	redis_ask(redis, line);
}

/* One more of n; and how often Redis has read by then. */
static int
count(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_slice incr[] = { S("INCR"), S("n") };
	const struct tn_slice info[] = { S("INFO"), S("stats") };
	struct tn_redis_batch *batch = tn_req_batch(req, redis);

	(void)res;
	(void)arg;
	if (batch == NULL)
		return req->err.code;
	tn_redis_batch_call(batch, incr, 2);
	tn_redis_batch_call(batch, info, 2);
	return TN_ASK;
}

static int
say_count(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_reply *reply;
	int e = tn_redis_batch_reply(req->batch, 0, &reply, &req->err);

	(void)arg;
	if (e < 0)
		return e;
	return tn_res_send(res, tn_arena_printf(req->arena, "%d%s",
	    (int)tn_reply_integer(reply), req->is_slow ? " slow" : ""));
}

static int
ask_again(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	(void)arg;
	return TN_ASK;
}

static long
reads_of(const struct tn_req *req)
{
	static const char name[] = "total_reads_processed:";
	const struct tn_reply *reply;
	const char *at;

	ck_assert_int_eq(tn_redis_batch_reply(req->batch, 1, &reply, NULL),
	    0);
	at = strstr(tn_reply_text(reply).ptr, name);
	ck_assert_ptr_nonnull(at);
	return strtol(at + strlen(name), NULL, 10);
}

START_TEST(one_handler_asks_and_the_next_reads)
{
	begin();
	tn_app_get(app, "/", count, say_count);
	tn_app_get(app, "/twice", count, count, say_count);
	tn_app_get(app, "/slow", tn_slow, count, say_count);
	tn_app_get(app, "/moved", count, tn_slow, count, tn_quick, say_count);
	serve();
	get("/", 200, "1");
	get("/twice", 200, "3");
	get("/slow", 200, "4 slow");
	get("/moved", 200, "6");
	ck_assert(h.was_slow);
	end();
}
END_TEST

/* The question of a middleware is answered before what it stands before. */
START_TEST(middleware_may_ask)
{
	begin();
	tn_app_use(app, TN_STEP(count));
	tn_app_get(app, "/", say_count);
	serve();
	get("/", 200, "1");
	get("/none", 404, NULL);
	end();
	ck_assert_int_eq(redis_ask(redis, "INCR n"), 3);
}
END_TEST

static int
count_param(struct tn_req *req, struct tn_res *res, struct tn_slice value,
    void *arg)
{
	(void)value;
	return count(req, res, arg);
}

START_TEST(param_callback_may_ask_once)
{
	begin();
	tn_app_param(app, "id", count_param);
	tn_app_get(app, "/of/:id", say_count);
	serve();
	get("/of/1", 200, "1");
	get("/of/1", 200, "2");
	end();
}
END_TEST

/* Once a request and value, in however many layers. */
START_TEST(param_callback_that_asks_is_called_once)
{
	begin();
	tn_app_param(app, "id", count_param);
	tn_app_use_at(app, "/of/:id", TN_STEP(note_place));
	tn_app_get(app, "/of/:id", say_count);
	serve();
	get("/of/1", 200, "1");
	end();
}
END_TEST

/* A batch is sent once, whoever answers TN_ASK for it. */
START_TEST(asked_twice_of_one_batch)
{
	struct tn_exchange *x = &h.exchange;
	struct tn_req *req = &x->req;

	begin();
	tn_app_get(app, "/", count, ask_again, say_count);
	serve();
	tn_harness_begin(&h, "GET", "/", NULL, TN_SLICE_NONE);
	ck_assert_int_eq(tn_app_handle(app, &x->req, &x->res), TN_ASK);
	for (int i = 0; i < 2; i++) {
		tn_app_ask(&req, 1);
		ck_assert_int_eq(tn_app_resume(app, &x->req, &x->res),
		    i == 0 ? TN_ASK : TN_DONE);
	}
	ck_assert_int_eq(redis_ask(redis, "INCR n"), 2);
	end();
}
END_TEST

enum { OTHERS = 3 };

static struct tn_harness others[OTHERS];

/* Each comes by tn_app_handle; those who ask are asked for together. */
START_TEST(requests_share_a_journey)
{
	struct tn_req *reqs[OTHERS];
	long reads = 0;

	begin();
	tn_app_get(app, "/", count, say_count);
	serve();
	get("/", 200, "1");
	for (int i = 0; i < OTHERS; i++) {
		struct tn_exchange *x = &others[i].exchange;

		tn_harness_init(&others[i], app);
		tn_harness_begin(&others[i], "GET", "/", NULL, TN_SLICE_NONE);
		reqs[i] = &x->req;
		ck_assert_int_eq(tn_app_handle(app, &x->req, &x->res),
		    TN_ASK);
	}
	tn_app_ask(reqs, OTHERS);
	for (int i = 0; i < OTHERS; i++) {
		struct tn_exchange *x = &others[i].exchange;

		if (i == 0)
			reads = reads_of(&x->req);
		ck_assert_int_eq(reads_of(&x->req), reads);
		ck_assert_int_eq(tn_app_resume(app, &x->req, &x->res),
		    TN_DONE);
	}
	for (int i = 0; i < OTHERS; i++)
		tn_harness_fini(&others[i]);
	get("/", 200, "5");
	end();
}
END_TEST

/* What was asked for and never read goes with its request. */
START_TEST(answer_that_nobody_reads)
{
	struct tn_exchange *x = &h.exchange;

	begin();
	tn_app_get(app, "/", count);
	tn_app_get(app, "/count", count, say_count);
	serve();
	get("/", 404, NULL);
	ck_assert_ptr_null(x->req.batch);
	tn_harness_begin(&h, "GET", "/count", NULL, TN_SLICE_NONE);
	ck_assert_int_eq(tn_app_handle(app, &x->req, &x->res), TN_ASK);
	ck_assert_int_eq(tn_app_refuse(app, &x->req, &x->res, 503, 0),
	    TN_DONE);
	get("/count", 200, "2");
	end();
}
END_TEST

START_TEST(no_answer_is_the_next_handlers_failure)
{
	begin();
	tn_app_get(app, "/", count, say_count);
	serve();
	get("/", 200, "1");
	redis_server_kill(&server);
	get("/", 503, NULL);
	ck_assert(redis_server_start(&server));
	get("/", 200, NULL);
	end();
}
END_TEST

/* Counted and said so, or an error. */
START_TEST(without_memory)
{
	bool failed = true;
	unsigned n;

	begin();
	tn_app_get(app, "/", count, say_count);
	serve();
	get("/", 200, "1");
	for (n = 1; failed; n++) {
		int status;

		ask("SET n 7");
		tn_harness_begin(&h, "GET", "/", NULL, TN_SLICE_NONE);
		tn_alloc_fail_at(n);
		status = tn_harness_finish(&h);
		failed = tn_alloc_end();
		ck_assert_msg(status == 200 || failed, "%u: %d", n, status);
		if (status == 200)
			ck_assert(tn_slice_is(h.body, "8"));
	}
	ck_assert_uint_gt(n, 3);
	end();
}
END_TEST

static void
start(void)
{
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&options, 2, NULL);
	ck_assert_ptr_nonnull(redis);
}

static void
stop(void)
{
	tn_redis_free(&redis);
	redis_server_stop(&server);
}

static Suite *
chain_suite(void)
{
	Suite *s = suite_create("chain");
	TCase *moves = tcase_create("moves"), *asks = tcase_create("asks");

	redis_server_or_skip();
	tcase_add_test(moves, there_and_back_and_there_again);
	tcase_add_test(moves, quick_is_nothing_to_who_is_quick);
	tcase_add_test(moves, host_goes_on_where_it_is_told);
	tcase_add_test(moves, error_page_may_go_there_and_back);
	tcase_add_loop_test(moves, move_without_a_reason, 0,
	    sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(moves, move_without_a_reason_is_an_error);
	tcase_add_test(moves, error_handler_is_asked_once);
	tcase_add_test(moves, answer_cut_for_want_of_a_helper);
	suite_add_tcase(s, moves);
	tcase_set_timeout(asks, 20);
	tcase_add_checked_fixture(asks, start, stop);
	tcase_add_test(asks, one_handler_asks_and_the_next_reads);
	tcase_add_test(asks, middleware_may_ask);
	tcase_add_test(asks, param_callback_may_ask_once);
	tcase_add_test(asks, param_callback_that_asks_is_called_once);
	tcase_add_test(asks, asked_twice_of_one_batch);
	tcase_add_test(asks, requests_share_a_journey);
	tcase_add_test(asks, answer_that_nobody_reads);
	tcase_add_test(asks, no_answer_is_the_next_handlers_failure);
	tcase_add_test(asks, without_memory);
	suite_add_tcase(s, asks);
	return s;
}

TN_CHECK_MAIN(chain_suite)
