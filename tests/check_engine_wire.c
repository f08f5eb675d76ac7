/* Engine.IO over WebSocket: sessions, upgrades, and heartbeats on both. */
#include "config.h"

#include "io/engine.h"

#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "engine_rig.h"

static struct rig r;

/* Intervals of the reference's own measurements. */
static const struct tn_engine_options quick = {
	.ping_interval_ms = 300,
	.ping_timeout_ms = 200,
	.upgrade_timeout_ms = 1000,
};

static void
start(void)
{
	rig_start(&r, &quick);
}

static void
stop(void)
{
	rig_stop(&r);
}

/* ---- A session that begins on a WebSocket -------------------------------- */

START_TEST(opens_with_the_same_packet_and_no_upgrades)
{
	char expected[256];
	struct rig_wire w;

	ck_assert(rig_wire_open(&r, &w, NULL));
	snprintf(expected, sizeof(expected), "0{\"sid\":\"%s\",\"upgrades\":[]"
	    ",\"pingInterval\":300,\"pingTimeout\":200,"
	    "\"maxPayload\":1000000}|", tn_conn_sid(r.last));
	ck_assert_str_eq(rig_wire_sent(&w), expected);
	ck_assert_int_gt(w.wakes, 0);
	ck_assert_str_eq(rig_log(&r), "open");
	rig_wire_gone(&r, &w, true);
	ck_assert_str_eq(rig_log(&r), "close:transport close");
}
END_TEST

static const struct {
	const char *name, *text, *sent, *log;
	bool closes;
} messages[] = {
	{ "message", "4hi", "4hi|", "text:hi", false },
	{ "empty message", "4", "4|", "text:", false },
	{ "base64", "bAQID", "\1\2\3|", "binary:\1\2\3", false },
	{ "pong", "3", "", "", false },
	{ "open, upgrade and noop are ignored", "0", "", "", false },
	{ "upgrade", "5", "", "", false },
	{ "noop", "6", "", "", false },
	{ "close", "1", "", "close:transport close", true },
	{ "ping", "2", "", "close:transport error", true },
	{ "probe", "2probe", "", "close:transport error", true },
	{ "unknown digit", "7", "", "close:parse error", true },
	{ "empty", "", "", "close:parse error", true },
};

START_TEST(receives_on_a_socket)
{
	struct rig_wire w;

	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	rig_log(&r);
	rig_wire_text(&r, &w, messages[_i].text);
	ck_assert_msg(strcmp(rig_wire_sent(&w), messages[_i].sent) == 0, "%s",
	    messages[_i].name);
	ck_assert_str_eq(rig_log(&r), messages[_i].log);
	ck_assert_msg(w.w.is_closing == messages[_i].closes, "%s",
	    messages[_i].name);
	rig_wire_text(&r, &w, "4after");
	ck_assert_str_eq(rig_log(&r), messages[_i].closes ? "" : "text:after");
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(sends_binary_bare)
{
	struct rig_wire w;

	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	tn_engine_wire_message(r.engine, &w.w, true, TN_SLICE("\1\2\3"));
	ck_assert_uint_eq(w.w.out.len, 1);
	ck_assert(tn_slice_is(tn_rcbuf_frame(tn_outq_at(&w.w.out, 0)),
	    "\x82\x03\1\2\3"));
	rig_wire_gone(&r, &w, true);
}
END_TEST

/* Requests for it that are no upgrade, whatever transport they name. */
START_TEST(answers_no_request_for_a_socket)
{
	static const char *const methods[] = { "GET", "POST", "PUT" };
	static const char *const transports[] = { "websocket", "polling" };
	char target[128];
	struct rig_http h;
	struct rig_wire w;

	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	rig_log(&r);
	snprintf(target, sizeof(target), "/socket.io/?EIO=4&transport=%s"
	    "&sid=%s", transports[_i / 3], tn_conn_sid(r.last));
	rig_http(&r, &h, methods[_i % 3], target, NULL, TN_SLICE_NONE);
	ck_assert_int_eq(strncmp(rig_answer(&h), "400 ", 4), 0);
	rig_http_fini(&h);
	rig_wire_text(&r, &w, "4after");
	ck_assert_str_eq(rig_log(&r), "text:after");
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(tells_a_fault_from_a_close)
{
	struct rig_wire w;

	rig_wire_open(&r, &w, NULL);
	rig_log(&r);
	rig_wire_gone(&r, &w, false);
	ck_assert_str_eq(rig_log(&r), "close:transport error");
}
END_TEST

START_TEST(close_sends_what_is_queued_first)
{
	struct rig_wire w;

	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	rig_wire_text(&r, &w, "4last");
	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	ck_assert(w.w.is_closing);
	ck_assert_str_eq(rig_wire_sent(&w), "4last|");
	tn_engine_flush(r.engine);
	ck_assert_str_eq(rig_log(&r), "open text:last close:forced close");
	rig_wire_gone(&r, &w, true);
	ck_assert_str_eq(rig_log(&r), "");
}
END_TEST

START_TEST(is_writable_until_the_host_has_to_wait)
{
	struct rig_wire w;

	rig_wire_open(&r, &w, NULL);
	ck_assert(tn_conn_is_writable(r.last));
	w.w.pending = true;
	ck_assert(!tn_conn_is_writable(r.last));
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(joins_head_and_body_of_a_message)
{
	struct tn_slice body = TN_SLICE("body");
	struct tn_rcbuf *rc;
	char head[1000];

	memset(head, 'h', sizeof(head));
	for (size_t n = 0; n < sizeof(head); n += 51) {
		rc = tn_message_new(tn_slice(head, n), body, false);
		ck_assert_uint_eq(rc->len, 1 + n + body.len);
		ck_assert_int_eq(rc->data[0], '4');
		ck_assert_int_eq(memcmp(rc->data + 1, head, n), 0);
		ck_assert_int_eq(memcmp(rc->data + 1 + n, "body", 4), 0);
		tn_rcbuf_unref(&rc);
	}
}
END_TEST

/* ---- Heartbeat ----------------------------------------------------------- */

/* At at_ms the client sends text; at the end the frames sent are these. */
static const struct {
	const char *name;
	struct {
		int at_ms;
		const char *text;
	} steps[6];
	int end_ms;
	const char *sent;
	const char *log;
} beats[] = {
	{ "no ping before the interval", { { 0 } }, 290, "", "" },
	{ "first ping after the interval", { { 0 } }, 310, "2|", "" },
	{ "no pong in time", { { 0 } }, 510, "2|", "close:ping timeout" },
	{ "not yet out of time", { { 0 } }, 490, "2|", "" },
	{ "pong at once: pings at 300, 600, 900",
	    { { 305, "3" }, { 610, "3" }, { 915, "3" } }, 935, "2|2|2|", "" },
	{ "the next ping comes an interval after a late pong",
	    { { 450, "3" } }, 740, "2|", "" },
	{ "and then it comes", { { 450, "3" } }, 760, "2|2|", "" },
	{ "any pong will do", { { 400, "3probe" } }, 690, "2|", "" },
	{ "a pong nobody asked for puts the ping off",
	    { { 200, "3" }, { 400, "3" }, { 600, "3" } }, 890, "", "" },
	{ "another packet prolongs the wait", { { 450, "6" } }, 640, "2|",
	    "" },
	{ "and then it is over", { { 450, "6" } }, 660, "2|",
	    "close:ping timeout" },
	{ "but only the first one", { { 400, "6" }, { 550, "6" } }, 610, "2|",
	    "close:ping timeout" },
	{ "a pong after the prolonged wait",
	    { { 450, "6" }, { 600, "3" } }, 890, "2|", "" },
	{ "the next ping is prolonged again",
	    { { 400, "6" }, { 500, "3" }, { 900, "6" } }, 1090, "2|2|", "" },
};

START_TEST(keeps_the_beat)
{
	struct rig_wire w;
	int now = 0;

	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	rig_log(&r);
	for (int i = 0; i < 6 && beats[_i].steps[i].text != NULL; i++) {
		rig_pass(&r, beats[_i].steps[i].at_ms - now);
		now = beats[_i].steps[i].at_ms;
		rig_wire_text(&r, &w, beats[_i].steps[i].text);
	}
	rig_pass(&r, beats[_i].end_ms - now);
	ck_assert_msg(strcmp(rig_wire_sent(&w), beats[_i].sent) == 0, "%s",
	    beats[_i].name);
	ck_assert_msg(strcmp(rig_log(&r), beats[_i].log) == 0, "%s",
	    beats[_i].name);
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(pings_a_polling_client_though_no_poll_waits)
{
	const char *sid = rig_open(&r);
	struct rig_http h;

	rig_pass(&r, 320);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 2");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	rig_pass(&r, 200);
	ck_assert_str_eq(rig_answer(&h), "200 1");
	ck_assert_str_eq(rig_log(&r), "close:ping timeout");
	rig_http_fini(&h);
}
END_TEST

START_TEST(a_closing_session_must_still_be_alive)
{
	rig_open(&r);
	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	rig_pass(&r, 520);
	ck_assert_str_eq(rig_log(&r), "close:ping timeout");
}
END_TEST

/* ---- Upgrade ------------------------------------------------------------- */

START_TEST(upgrades)
{
	const char *sid = rig_open(&r);
	struct rig_http poll, post;
	struct rig_wire w;

	rig_get(&r, &poll, sid);
	ck_assert(rig_wire_open(&r, &w, sid));
	ck_assert_str_eq(rig_wire_sent(&w), "");
	rig_wire_text(&r, &w, "2probe");
	ck_assert_str_eq(rig_wire_sent(&w), "3probe|");
	rig_pass(&r, 90);
	ck_assert_str_eq(rig_answer(&poll), "-");
	rig_pass(&r, 20);
	ck_assert_str_eq(rig_answer(&poll), "200 6");
	rig_http_fini(&poll);
	/* what is sent in between waits for the WebSocket */
	rig_post(&r, &post, sid, "4between");
	rig_http_fini(&post);
	rig_wire_text(&r, &w, "5");
	rig_wire_text(&r, &w, "4after");
	ck_assert_str_eq(rig_wire_sent(&w), "4between|4after|");
	ck_assert_str_eq(rig_log(&r), "text:between text:after");
	ck_assert_uint_eq(tn_engine_counts(r.engine)->upgraded, 1);
	rig_get(&r, &poll, sid);
	ck_assert_str_eq(rig_answer(&poll),
	    "400 {\"code\":3,\"message\":\"Bad request\"}");
	rig_http_fini(&poll);
	rig_wire_gone(&r, &w, true);
	ck_assert_str_eq(rig_log(&r), "close:transport close");
}
END_TEST

START_TEST(polling_goes_on_while_it_is_probed)
{
	const char *sid = rig_open(&r);
	struct rig_http poll, post;
	struct rig_wire w;

	rig_wire_open(&r, &w, sid);
	rig_wire_text(&r, &w, "2probe");
	rig_get(&r, &poll, sid);
	rig_post(&r, &post, sid, "4x");
	ck_assert_str_eq(rig_answer(&poll), "200 4x");
	rig_http_fini(&post);
	rig_http_fini(&poll);
	/* each later poll is let go at a tick too */
	for (int i = 0; i < 2; i++) {
		rig_get(&r, &poll, sid);
		rig_pass(&r, 110);
		ck_assert_str_eq(rig_answer(&poll), "200 6");
		rig_http_fini(&poll);
	}
	ck_assert_str_eq(rig_wire_sent(&w), "3probe|");
	rig_wire_gone(&r, &w, true);
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
}
END_TEST

START_TEST(upgrades_without_a_probe)
{
	struct rig_wire w;

	rig_wire_open(&r, &w, rig_open(&r));
	rig_wire_text(&r, &w, "5");
	rig_wire_text(&r, &w, "4x");
	ck_assert_str_eq(rig_wire_sent(&w), "4x|");
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(a_poll_parked_at_the_upgrade_is_answered)
{
	const char *sid = rig_open(&r);
	struct rig_http poll;
	struct rig_wire w;

	rig_wire_open(&r, &w, sid);
	rig_get(&r, &poll, sid);
	rig_wire_text(&r, &w, "5");
	ck_assert_str_eq(rig_answer(&poll), "200 1");
	ck_assert_str_eq(rig_log(&r), "");
	rig_http_fini(&poll);
	rig_wire_gone(&r, &w, true);
}
END_TEST

/* What a probing WebSocket may not send. */
static const char *const bad_probes[] = { "4hello", "2", "3", "7", "", "1" };

START_TEST(a_bad_probe_costs_only_its_socket)
{
	const char *sid = rig_open(&r);
	struct rig_http h;
	struct rig_wire w;

	rig_wire_open(&r, &w, sid);
	rig_wire_text(&r, &w, bad_probes[_i]);
	ck_assert(w.w.is_closing);
	ck_assert_ptr_null(w.w.conn);
	rig_wire_gone(&r, &w, true);
	rig_post(&r, &h, sid, "4still here");
	ck_assert_str_eq(rig_answer(&h), "200 ok");
	ck_assert_str_eq(rig_log(&r), "text:still here");
	rig_http_fini(&h);
	/* and it may be tried again */
	rig_wire_open(&r, &w, sid);
	rig_wire_text(&r, &w, "2probe");
	ck_assert_str_eq(rig_wire_sent(&w), "3probe|");
	rig_wire_gone(&r, &w, false);
}
END_TEST

START_TEST(a_probe_that_stalls_is_given_up)
{
	const char *sid = rig_open(&r);
	struct rig_http h;
	struct rig_wire w;

	rig_wire_open(&r, &w, sid);
	if (_i == 1)
		rig_wire_text(&r, &w, "2probe");
	for (int i = 0; i < 9; i++) {
		rig_pass(&r, 100);
		rig_post(&r, &h, sid, "3");
		rig_http_fini(&h);
	}
	ck_assert(!w.w.is_closing);
	rig_pass(&r, 120);
	ck_assert(w.w.is_closing);
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(a_second_socket_is_turned_away)
{
	const char *sid = rig_open(&r);
	struct rig_wire w, second;

	rig_wire_open(&r, &w, sid);
	if (_i == 1)
		rig_wire_text(&r, &w, "5");
	ck_assert(rig_wire_open(&r, &second, sid));
	ck_assert(second.w.is_closing);
	rig_wire_text(&r, &second, "5");
	rig_wire_gone(&r, &second, true);
	ck_assert(!w.w.is_closing);
	ck_assert_uint_eq(tn_engine_len(r.engine), 1);
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(no_socket_joins_when_upgrades_are_off)
{
	const struct tn_engine_options options = { .no_upgrades = true };
	const char *sid;
	struct rig_wire w;

	stop();
	rig_start(&r, &options);
	sid = rig_open(&r);
	ck_assert(rig_wire_open(&r, &w, sid));
	ck_assert(w.w.is_closing);
	rig_wire_gone(&r, &w, true);
	ck_assert(!rig_wire_open(&r, &w, "nobody"));
}
END_TEST

START_TEST(the_end_of_the_session_ends_its_probe)
{
	const char *sid = rig_open(&r);
	struct rig_http h;
	struct rig_wire w;

	rig_wire_open(&r, &w, sid);
	rig_post(&r, &h, sid, "1");
	ck_assert(w.w.is_closing);
	rig_http_fini(&h);
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(a_close_waits_for_the_upgrade)
{
	const char *sid = rig_open(&r);
	struct rig_http h;
	struct rig_wire w;

	rig_wire_open(&r, &w, sid);
	rig_wire_text(&r, &w, "2probe");
	rig_wire_sent(&w);
	rig_post(&r, &h, sid, "4queued");
	rig_http_fini(&h);
	rig_log(&r);
	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	tn_engine_flush(r.engine);
	ck_assert_str_eq(rig_log(&r), "");
	rig_wire_text(&r, &w, "5");
	ck_assert_str_eq(rig_wire_sent(&w), "4queued|");
	ck_assert(w.w.is_closing);
	ck_assert_str_eq(rig_log(&r), "close:forced close");
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(a_close_goes_on_when_the_upgrade_fails)
{
	const char *sid = rig_open(&r);
	struct rig_http h;
	struct rig_wire w;

	rig_wire_open(&r, &w, sid);
	rig_get(&r, &h, sid);
	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	tn_engine_flush(r.engine);
	ck_assert_str_eq(rig_answer(&h), "-");
	rig_wire_gone(&r, &w, false);
	ck_assert_str_eq(rig_answer(&h), "200 1");
	ck_assert_str_eq(rig_log(&r), "close:forced close");
	rig_http_fini(&h);
}
END_TEST

START_TEST(a_silent_client_is_noticed_after_the_upgrade)
{
	const char *sid = rig_open(&r);
	struct rig_wire w;

	rig_pass(&r, 350);		/* the ping is queued, unanswered */
	rig_wire_open(&r, &w, sid);
	rig_wire_text(&r, &w, "5");
	ck_assert_str_eq(rig_wire_sent(&w), "2|");
	rig_pass(&r, 190);
	ck_assert_str_eq(rig_log(&r), "");
	rig_pass(&r, 20);
	ck_assert_str_eq(rig_log(&r), "close:ping timeout");
	rig_wire_gone(&r, &w, true);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("engine_wire");
	TCase *tc = tcase_create("engine_wire");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, opens_with_the_same_packet_and_no_upgrades);
	tcase_add_loop_test(tc, receives_on_a_socket, 0,
	    sizeof(messages) / sizeof(messages[0]));
	tcase_add_test(tc, sends_binary_bare);
	tcase_add_loop_test(tc, answers_no_request_for_a_socket, 0, 6);
	tcase_add_test(tc, tells_a_fault_from_a_close);
	tcase_add_test(tc, close_sends_what_is_queued_first);
	tcase_add_test(tc, is_writable_until_the_host_has_to_wait);
	tcase_add_test(tc, joins_head_and_body_of_a_message);
	tcase_add_loop_test(tc, keeps_the_beat, 0,
	    sizeof(beats) / sizeof(beats[0]));
	tcase_add_test(tc, pings_a_polling_client_though_no_poll_waits);
	tcase_add_test(tc, a_closing_session_must_still_be_alive);
	tcase_add_test(tc, upgrades);
	tcase_add_test(tc, polling_goes_on_while_it_is_probed);
	tcase_add_test(tc, upgrades_without_a_probe);
	tcase_add_test(tc, a_poll_parked_at_the_upgrade_is_answered);
	tcase_add_loop_test(tc, a_bad_probe_costs_only_its_socket, 0,
	    sizeof(bad_probes) / sizeof(bad_probes[0]));
	tcase_add_loop_test(tc, a_probe_that_stalls_is_given_up, 0, 2);
	tcase_add_loop_test(tc, a_second_socket_is_turned_away, 0, 2);
	tcase_add_test(tc, no_socket_joins_when_upgrades_are_off);
	tcase_add_test(tc, the_end_of_the_session_ends_its_probe);
	tcase_add_test(tc, a_close_waits_for_the_upgrade);
	tcase_add_test(tc, a_close_goes_on_when_the_upgrade_fails);
	tcase_add_test(tc, a_silent_client_is_noticed_after_the_upgrade);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
