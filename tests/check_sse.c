/* Server-sent events, as they leave. Source: the HTML standard, 9.2. */
#include "config.h"

#include "web/sse.h"

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "web_rig.h"

static const struct tn_sse_event *event;
static int started, sent;
static bool is_hasty, keeps_cache;

static int
news(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	if (!req->is_slow && !is_hasty)
		return TN_SLOW;
	if (keeps_cache)
		tn_res_set(res, "Cache-Control", TN_SLICE("no-store"));
	started = tn_sse_start(res);
	if (started != 0)
		return started;
	sent = event != NULL ? tn_sse_send(res, event) : tn_sse_ping(res);
	return sent < 0 ? sent : tn_res_end(res);
}

static void
setup(void)
{
	web_begin(NULL, NULL);
	tn_app_get(app, "/", news);
	web_serve();
	event = NULL;
	started = sent = 1;
	is_hasty = keeps_cache = false;
}

static const struct {
	const char *name;
	struct tn_sse_event event;
	const char *text;	/* NULL: refused */
} events[] = {
	{ "one line", { .data = { "a", 1 } }, "data: a\n\n" },
	{ "an empty line", { .data = { "", 0 } }, "data: \n\n" },
	{ "no data", { .id = { "1", 1 } }, "id: 1\n\n" },
	{ "all of it", { .event = { "e", 1 }, .data = { "a", 1 },
	    .id = { "7", 1 }, .retry_ms = 500 },
	    "event: e\nid: 7\nretry: 500\ndata: a\n\n" },
	{ "two lines", { .data = { "a\nb", 3 } }, "data: a\ndata: b\n\n" },
	{ "lines of Windows", { .data = { "a\r\nb", 4 } },
	    "data: a\ndata: b\n\n" },
	{ "lines of old", { .data = { "a\rb", 3 } }, "data: a\ndata: b\n\n" },
	{ "a line end behind", { .data = { "a\n", 2 } },
	    "data: a\ndata: \n\n" },
	{ "no field is made up", { .data = { "a\nid: 1\n\ndata: x", 16 } },
	    "data: a\ndata: id: 1\ndata: \ndata: data: x\n\n" },
	{ "a colon and a space", { .data = { ": a", 3 } }, "data: : a\n\n" },
	{ "a wait below nothing", { .data = { "a", 1 }, .retry_ms = -1 },
	    "data: a\n\n" },
	{ "a name of two lines", { .event = { "a\nb", 3 } }, NULL },
	{ "a name that ends in CR", { .event = { "a\r", 2 } }, NULL },
	{ "an id of two lines", { .id = { "a\ndata: b", 9 } }, NULL },
	{ "an id with NUL", { .id = { "a\0", 2 } }, NULL },
};

START_TEST(event_leaves_as_lines)
{
	event = &events[_i].event;
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_assert_int_eq(started, 0);
	ck_assert_msg(sent == (events[_i].text == NULL ? TN_E_SYNTAX : 0),
	    "%s: %d", events[_i].name, sent);
	ck_assert_msg(tn_slice_is(h.body, events[_i].text == NULL ? "" :
	    events[_i].text), "%s: %.*s", events[_i].name,
	    TN_SLICE_ARG(h.body));
	ck_header("content-type", "text/event-stream");
	ck_header("cache-control", "no-cache");
	ck_header("x-accel-buffering", "no");
	/* what is cut short must not look like an end */
	ck_assert(h.exchange.res.is_broken == (events[_i].text == NULL));
}
END_TEST

START_TEST(ping_is_a_comment)
{
	keeps_cache = true;
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_slice(h.body, ":\n\n");
	ck_header("cache-control", "no-store");
}
END_TEST

START_TEST(head_has_no_events)
{
	ck_assert_int_eq(tn_harness_request(&h, "HEAD", "/", NULL, NULL), 200);
	ck_assert_int_eq(started, TN_DONE);
	ck_assert_int_eq(sent, 1);		/* not even tried */
	ck_assert_uint_eq(h.body.len, 0);
}
END_TEST

START_TEST(who_must_not_wait_is_told)
{
	is_hasty = true;
	ck_assert_int_eq(tn_harness_get(&h, "/"), 500);
	ck_assert_int_eq(started, TN_E_STATE);
	ck_header("x-accel-buffering", NULL);
}
END_TEST

START_TEST(client_that_has_gone_is_noticed)
{
	h.fail_write = 1;			/* the head */
	tn_harness_get(&h, "/");
	ck_assert_int_eq(started, TN_E_IO);
	h.fail_write = 2;			/* the event */
	tn_harness_get(&h, "/");
	ck_assert_int_eq(started, 0);
	ck_assert_int_eq(sent, TN_E_IO);
	ck_assert(h.exchange.res.is_broken);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sse");
	TCase *tc = tcase_create("sse");

	tcase_add_checked_fixture(tc, setup, web_end);
	tcase_add_loop_test(tc, event_leaves_as_lines, 0,
	    (int)(sizeof(events) / sizeof(events[0])));
	tcase_add_test(tc, ping_is_a_comment);
	tcase_add_test(tc, head_has_no_events);
	tcase_add_test(tc, who_must_not_wait_is_told);
	tcase_add_test(tc, client_that_has_gone_is_noticed);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
