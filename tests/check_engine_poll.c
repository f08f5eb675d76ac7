/* Engine.IO: a session on long-polling, its limits and its ends. */
#include "config.h"

#include "io/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#include "check_alloc.h"
#include "check_main.h"
#include "engine_rig.h"

#define HANDSHAKE "/socket.io/?EIO=4&transport=polling"
#define ERROR(code, text) "{\"code\":" #code ",\"message\":\"" text "\"}"

static struct rig r;

static void
start(void)
{
	rig_start(&r, NULL);
}

static void
stop(void)
{
	rig_stop(&r);
}

/* ---- Messages ------------------------------------------------------------ */

/* A POST while a poll is parked: what both are answered, what is told. */
static const struct {
	const char *name, *body, *post, *poll, *log;
} posts[] = {
	{ "text", "4hello", "200 ok", "200 4hello", "text:hello" },
	{ "binary", "bAQIDBA==", "200 ok", "200 bAQIDBA==",
	    "binary:\1\2\3\4" },
	{ "several", "4a\x1e" "bQg==\x1e" "4c", "200 ok",
	    "200 4a\x1e" "bQg==\x1e" "4c", "text:a binary:B text:c" },
	{ "pong", "3", "200 ok", "-", "" },
	{ "pong with data", "3probe", "200 ok", "-", "" },
	{ "noop, open and upgrade are ignored", "6\x1e" "0\x1e" "5", "200 ok",
	    "-", "" },
	{ "close", "1", "200 ok", "200 6", "close:transport close" },
	{ "close ends the payload", "4a\x1e" "1\x1e" "4b", "200 ok", "200 6",
	    "text:a close:transport close" },
	{ "ping", "2", "200 ok", "200 1", "close:transport error" },
	{ "unknown digit", "7", "200 ok", "200 1", "close:parse error" },
	{ "no packet", "abc", "200 ok", "200 1", "close:parse error" },
	{ "empty", "", "200 ok", "200 1", "close:parse error" },
	{ "empty packet between", "4a\x1e\x1e" "4b", "200 ok", "200 1",
	    "text:a close:parse error" },
	{ "separator at the end", "4a\x1e", "200 ok", "200 1",
	    "text:a close:parse error" },
	{ "bad base64", "b$", "200 ok", "200 1", "close:parse error" },
	{ "no UTF-8", "4\xff", "200 ok", "200 1", "close:parse error" },
};

START_TEST(receives_a_payload)
{
	const char *sid = rig_open(&r);
	struct rig_http poll, post;

	rig_get(&r, &poll, sid);
	rig_post(&r, &post, sid, posts[_i].body);
	ck_assert_msg(strcmp(rig_answer(&post), posts[_i].post) == 0, "%s: %s",
	    posts[_i].name, rig_answer(&post));
	ck_assert_str_eq(post.type, "text/html");
	ck_assert_str_eq(post.headers, "cache-control: no-store\n");
	ck_assert_msg(strcmp(rig_answer(&poll), posts[_i].poll) == 0, "%s: %s",
	    posts[_i].name, rig_answer(&poll));
	ck_assert_str_eq(rig_log(&r), posts[_i].log);
	rig_http_fini(&poll);
	rig_http_fini(&post);
}
END_TEST

/* The same bytes, cut anywhere: the session ends or lives, nothing else. */
START_TEST(survives_a_payload_cut_anywhere)
{
	const char *body = posts[_i].body;
	struct rig_http post;

	for (size_t n = 0; n < strlen(body); n++) {
		char part[64];

		snprintf(part, sizeof(part), "%.*s", (int)n, body);
		rig_post(&r, &post, rig_open(&r), part);
		ck_assert_str_eq(rig_answer(&post), "200 ok");
		rig_http_fini(&post);
	}
}
END_TEST

START_TEST(keeps_what_is_sent_until_the_next_poll)
{
	const char *sid = rig_open(&r);
	struct rig_http h;

	rig_post(&r, &h, sid, "4a\x1e" "4b");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 4a\x1e" "4b");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "-");
	tn_engine_gone(r.engine, &h.x);
	rig_http_fini(&h);
}
END_TEST

START_TEST(second_poll_ends_the_session)
{
	const char *sid = rig_open(&r);
	struct rig_http first, second;

	rig_get(&r, &first, sid);
	rig_get(&r, &second, sid);
	ck_assert_str_eq(rig_answer(&first), "200 1");
	ck_assert_str_eq(rig_answer(&second), "400 ");
	ck_assert_str_eq(second.type, "");
	ck_assert_str_eq(rig_log(&r), "close:transport error");
	rig_http_fini(&first);
	rig_http_fini(&second);
}
END_TEST

START_TEST(second_post_cuts_the_first_off)
{
	const char *sid = rig_open(&r);
	struct rig_http first, second;

	rig_post_head(&r, &first, sid);
	rig_post(&r, &second, sid, "4b");
	ck_assert_str_eq(rig_answer(&first), "0 ");
	ck_assert(first.close);
	ck_assert_str_eq(rig_answer(&second), "400 ");
	ck_assert_str_eq(rig_log(&r), "close:transport error");
	rig_http_fini(&first);
	rig_http_fini(&second);
}
END_TEST

START_TEST(octet_stream_ends_the_session)
{
	char target[128];
	struct rig_http h;

	snprintf(target, sizeof(target), HANDSHAKE "&sid=%s", rig_open(&r));
	rig_http(&r, &h, "POST", target,
	    "content-type: application/octet-stream", TN_SLICE("4a"));
	ck_assert_str_eq(rig_answer(&h), "400 ");
	ck_assert_str_eq(rig_log(&r), "close:transport error");
	rig_http_fini(&h);
}
END_TEST

START_TEST(other_methods_fail_and_harm_nothing)
{
	static const char *const methods[] = { "PUT", "DELETE", "OPTIONS",
		"HEAD", "PATCH" };
	char target[128];
	struct rig_http h;

	snprintf(target, sizeof(target), HANDSHAKE "&sid=%s", rig_open(&r));
	rig_http(&r, &h, methods[_i], target, NULL, TN_SLICE_NONE);
	ck_assert_str_eq(rig_answer(&h), "500 ");
	ck_assert_str_eq(rig_log(&r), "");
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
	rig_http_fini(&h);
}
END_TEST

START_TEST(mismatches_are_bad_requests)
{
	static const char *const queries[] = {
		"EIO=3&transport=polling", "EIO=4&transport=websocket"
	};
	char target[128];
	struct rig_http h;

	snprintf(target, sizeof(target), "/socket.io/?%s&sid=%s", queries[_i],
	    rig_open(&r));
	rig_http(&r, &h, "GET", target, NULL, TN_SLICE_NONE);
	ck_assert_str_eq(rig_answer(&h), "400 " ERROR(3, "Bad request"));
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
	rig_http_fini(&h);
}
END_TEST

START_TEST(a_client_that_goes_ends_its_session)
{
	struct rig_http h;

	if (_i == 0)
		rig_get(&r, &h, rig_open(&r));
	else
		rig_post_head(&r, &h, rig_open(&r));
	tn_engine_gone(r.engine, &h.x);
	tn_engine_flush(r.engine);
	ck_assert_int_eq(h.replies, 0);
	ck_assert_str_eq(rig_log(&r), "close:transport error");
	ck_assert_uint_eq(tn_engine_len(r.engine), 0);
	rig_http_fini(&h);
}
END_TEST

/* ---- Limits -------------------------------------------------------------- */

START_TEST(bounds_a_body)
{
	const struct tn_engine_options options = { .max_payload = 100 };
	char body[102];
	const char *sid;
	struct rig_http h;

	stop();
	rig_start(&r, &options);
	sid = rig_open(&r);
	memset(body, 'x', sizeof(body));
	body[0] = '4';
	body[100] = '\0';
	rig_post(&r, &h, sid, body);
	ck_assert_str_eq(rig_answer(&h), "200 ok");
	rig_http_fini(&h);
	body[100] = 'x';
	body[101] = '\0';
	rig_post(&r, &h, sid, body);
	ck_assert_str_eq(rig_answer(&h), "413 ");
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
	rig_http_fini(&h);
}
END_TEST

START_TEST(believes_a_length_that_is_too_long)
{
	char target[128];
	struct rig_http h;

	snprintf(target, sizeof(target), HANDSHAKE "&sid=%s", rig_open(&r));
	rig_http(&r, &h, "POST", target, "content-length: 1000001",
	    TN_SLICE_NONE);
	ck_assert_str_eq(rig_answer(&h), "413 ");
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
	rig_http_fini(&h);
}
END_TEST

START_TEST(bounds_the_packets_of_a_payload)
{
	const int n = TN_LIMIT_PAYLOAD_PACKETS + _i;
	char body[2 * (TN_LIMIT_PAYLOAD_PACKETS + 1)];
	struct rig_http h;

	for (int i = 0; i < n; i++)
		memcpy(body + 2 * i, "3\x1e", 2);
	body[2 * n - 1] = '\0';
	rig_post(&r, &h, rig_open(&r), body);
	ck_assert_str_eq(rig_log(&r), _i == 0 ? "" : "close:parse error");
	rig_http_fini(&h);
}
END_TEST

static void
send_bytes(size_t len, bool is_volatile)
{
	char bytes[128];
	struct tn_rcbuf *rc;

	memset(bytes, is_volatile ? 'v' : 'k', sizeof(bytes));
	/* digit and frame header: three bytes */
	rc = tn_message_new(tn_slice(bytes, len - 3), TN_SLICE_NONE, false);
	rc->is_volatile = is_volatile;
	tn_conn_send(r.last, rc);
	tn_rcbuf_unref(&rc);
}

START_TEST(a_slow_client_loses_what_is_volatile_then_the_session)
{
	const struct tn_engine_options options = { .max_queue = 200 };
	const struct tn_engine_counts *counts;

	stop();
	rig_start(&r, &options);
	rig_open(&r);
	counts = tn_engine_counts(r.engine);
	send_bytes(100, true);
	send_bytes(100, false);		/* just at the ceiling */
	ck_assert_uint_eq(counts->volatile_dropped, 0);
	send_bytes(10, false);		/* one passes it: the volatile goes */
	ck_assert_uint_eq(counts->volatile_dropped, 1);
	send_bytes(91, true);		/* would pass it, and is volatile */
	ck_assert_uint_eq(counts->volatile_dropped, 2);
	send_bytes(90, false);
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
	send_bytes(4, false);
	ck_assert_uint_eq(counts->slow_closed, 1);
	tn_engine_flush(r.engine);
	ck_assert_str_eq(rig_log(&r), "close:transport error");
}
END_TEST

START_TEST(is_writable_while_a_poll_waits)
{
	const char *sid = rig_open(&r);
	struct rig_http h;

	ck_assert(!tn_conn_is_writable(r.last));
	rig_get(&r, &h, sid);
	ck_assert(tn_conn_is_writable(r.last));
	tn_engine_gone(r.engine, &h.x);
	ck_assert(!tn_conn_is_writable(r.last));
	rig_http_fini(&h);
}
END_TEST

/* ---- Closing by the server ----------------------------------------------- */

START_TEST(close_tells_a_parked_poll)
{
	struct rig_http h;

	rig_get(&r, &h, rig_open(&r));
	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	tn_engine_flush(r.engine);
	ck_assert_str_eq(rig_answer(&h), "200 1");
	ck_assert_str_eq(rig_log(&r), "close:forced close");
	rig_http_fini(&h);
}
END_TEST

START_TEST(close_waits_for_what_is_queued_then_for_a_poll)
{
	const char *sid = rig_open(&r);
	struct rig_http h;

	send_bytes(4, false);
	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	send_bytes(4, false);		/* too late */
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 4k");
	rig_http_fini(&h);
	rig_post(&r, &h, sid, "4late");
	ck_assert_str_eq(rig_answer(&h), "200 ok");
	ck_assert_str_eq(rig_log(&r), "");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 6\x1e" "1");
	ck_assert_str_eq(rig_log(&r), "close:forced close");
	rig_http_fini(&h);
}
END_TEST

START_TEST(close_waits_no_longer_than_its_grace)
{
	const struct tn_engine_options options = { .ping_interval_ms = 60000 };

	stop();
	rig_start(&r, &options);
	rig_open(&r);
	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	rig_pass(&r, 29900);
	ck_assert_str_eq(rig_log(&r), "");
	rig_pass(&r, 200);
	ck_assert_str_eq(rig_log(&r), "close:forced close");
}
END_TEST

START_TEST(close_inside_of_a_message_ends_the_payload)
{
	const char *sid = rig_open(&r);
	struct rig_http h;

	r.closes = true;
	r.close_on_text = TN_CLOSE_PARSE_ERROR;
	r.echoes = false;
	rig_post(&r, &h, sid, "4a\x1e" "4b");
	ck_assert_str_eq(rig_answer(&h), "200 ok");
	ck_assert_str_eq(rig_log(&r), "text:a");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 6\x1e" "1");
	ck_assert_str_eq(rig_log(&r), "close:parse error");
	rig_http_fini(&h);
}
END_TEST

START_TEST(stopping_closes_all_and_takes_no_more)
{
	struct rig_http parked, h;

	rig_get(&r, &parked, rig_open(&r));
	rig_open(&r);
	tn_engine_close_all(r.engine, TN_CLOSE_SHUTTING_DOWN);
	tn_engine_flush(r.engine);
	ck_assert_str_eq(rig_answer(&parked), "200 1");
	ck_assert_str_eq(rig_log(&r),
	    "close:server shutting down close:server shutting down");
	rig_http(&r, &h, "GET", HANDSHAKE, NULL, TN_SLICE_NONE);
	ck_assert_str_eq(rig_answer(&h), "503 ");
	rig_http_fini(&h);
	rig_http_fini(&parked);
}
END_TEST

/* ---- Memory -------------------------------------------------------------- */

static void
whole_life(void)
{
	const char *sid = rig_open(&r);
	struct rig_http poll, post;
	struct rig_wire w;

	if (sid == NULL)
		return;
	rig_get(&r, &poll, sid);
	rig_post(&r, &post, sid, "4hello\x1e" "bAQID");
	rig_http_fini(&post);
	rig_http_fini(&poll);
	tn_engine_flush(r.engine);
	if (tn_engine_len(r.engine) == 0 || !rig_wire_open(&r, &w, sid))
		return;
	rig_wire_text(&r, &w, "2probe");
	rig_wire_text(&r, &w, "5");
	rig_wire_text(&r, &w, "4there");
	rig_wire_gone(&r, &w, true);
}

START_TEST(ends_sessions_rather_than_itself_when_memory_is_out)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		tn_alloc_fail_at(n);
		whole_life();
		failed = tn_alloc_end();
		tn_engine_flush(r.engine);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("engine_poll");
	TCase *tc = tcase_create("engine_poll");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, receives_a_payload, 0,
	    sizeof(posts) / sizeof(posts[0]));
	tcase_add_loop_test(tc, survives_a_payload_cut_anywhere, 0,
	    sizeof(posts) / sizeof(posts[0]));
	tcase_add_test(tc, keeps_what_is_sent_until_the_next_poll);
	tcase_add_test(tc, second_poll_ends_the_session);
	tcase_add_test(tc, second_post_cuts_the_first_off);
	tcase_add_test(tc, octet_stream_ends_the_session);
	tcase_add_loop_test(tc, other_methods_fail_and_harm_nothing, 0, 5);
	tcase_add_loop_test(tc, mismatches_are_bad_requests, 0, 2);
	tcase_add_loop_test(tc, a_client_that_goes_ends_its_session, 0, 2);
	tcase_add_test(tc, bounds_a_body);
	tcase_add_test(tc, believes_a_length_that_is_too_long);
	tcase_add_loop_test(tc, bounds_the_packets_of_a_payload, 0, 2);
	tcase_add_test(tc,
	    a_slow_client_loses_what_is_volatile_then_the_session);
	tcase_add_test(tc, is_writable_while_a_poll_waits);
	tcase_add_test(tc, close_tells_a_parked_poll);
	tcase_add_test(tc, close_waits_for_what_is_queued_then_for_a_poll);
	tcase_add_test(tc, close_waits_no_longer_than_its_grace);
	tcase_add_test(tc, close_inside_of_a_message_ends_the_payload);
	tcase_add_test(tc, stopping_closes_all_and_takes_no_more);
	tcase_add_test(tc,
	    ends_sessions_rather_than_itself_when_memory_is_out);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
