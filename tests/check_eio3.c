/* Engine.IO 3: its packets and payloads, and sessions that speak it. */
#include "config.h"

#include "io/eio3_packet.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/rcbuf.h"
#include "io/engine.h"

#include "check_alloc.h"
#include "check_main.h"
#include "engine_rig.h"

#define T(s)	{ (s), sizeof(s) - 1 }
#define EURO	"\xe2\x82\xac"
#define FACE	"\xf0\x9f\x98\x80"

/* ---- Payloads ------------------------------------------------------------ */

/* Source: engine.io 6.6's parser-v3 run over the same bytes. */
static const struct {
	const char *name;
	struct tn_slice in;
	bool bytes;
	const char *out;	/* each packet with '|' behind; '!': refused */
} payloads[] = {
	{ "one", T("2:4a"), false, "4a|" },
	{ "two", T("2:4a6:4bcdef"), false, "4a|4bcdef|" },
	{ "a colon inside", T("4:4a:b"), false, "4a:b|" },
	{ "empty packet", T("0:1:3"), false, "|3|" },
	{ "three bytes, one unit", T("2:4" EURO "1:3"), false,
	    "4" EURO "|3|" },
	{ "four bytes, two units", T("3:4" FACE "1:3"), false,
	    "4" FACE "|3|" },
	{ "half of a pair", T("2:4" FACE), false, "!" },
	{ "no length", T("abc"), false, "!" },
	{ "nothing before the colon", T(":4a"), false, "!" },
	{ "too short", T("3:4a"), false, "!" },
	{ "rubbish behind", T("2:4ax"), false, "4a|!" },
	{ "a sign", T("+2:4a"), false, "!" },
	{ "a space", T(" 2:4a"), false, "!" },
	{ "an exponent", T("2e0:4a"), false, "!" },
	{ "eleven digits", T("00000000002:4a"), false, "!" },
	{ "ten digits", T("0000000002:4a"), false, "4a|" },
	{ "more than there is", T("9999999999:4a"), false, "!" },
	{ "text in bytes", T("\0\2\xff" "4a"), true, "4a|" },
	{ "binary in bytes", T("\1\3\xff\4\1\2"), true, "\4\1\2|" },
	{ "both", T("\0\1\xff" "3\1\1\xff\4"), true, "3|\4|" },
	{ "bytes are counted", T("\0\4\xff" "4" EURO), true, "4" EURO "|" },
	{ "two digits", T("\0\1\0\xff" "4123456789"), true, "4123456789|" },
	{ "text that is no UTF-8", T("\0\2\xff" "4\xff"), true, "!" },
	{ "binary that is no UTF-8", T("\1\2\xff\4\xff"), true, "\4\xff|" },
	{ "third kind", T("\2\1\xff" "3"), true, "!" },
	{ "no length in bytes", T("\0\xff"), true, "!" },
	{ "length without end", T("\0\1\2\3"), true, "!" },
	{ "digit above nine", T("\0\x0a\xff" "3"), true, "!" },
	{ "too short in bytes", T("\0\2\xff" "4"), true, "!" },
};

static const char *
cut_all(struct tn_slice rest, bool bytes)
{
	static char out[256];
	struct tn_slice packet;
	bool binary;
	size_t at = 0;
	int r;

	out[0] = '\0';
	while ((r = bytes ? tn_eio3_bytes_cut(&rest, &packet, &binary, NULL) :
	    tn_eio3_text_cut(&rest, &packet, NULL)) > 0)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "%.*s|",
		    TN_SLICE_ARG(packet));
	if (r < 0)
		snprintf(out + at, sizeof(out) - at, "!");
	return out;
}

START_TEST(cuts_a_payload)
{
	const char *out = cut_all(payloads[_i].in, payloads[_i].bytes);

	ck_assert_msg(strcmp(out, payloads[_i].out) == 0, "%s: %s",
	    payloads[_i].name, out);
}
END_TEST

/* Never a packet that the whole would not have given. */
START_TEST(survives_every_cut)
{
	for (size_t n = 0; n < payloads[_i].in.len; n++) {
		const char *out = cut_all(tn_slice_first(payloads[_i].in, n),
		    payloads[_i].bytes);
		size_t len = strcspn(out, "!");

		ck_assert_msg(strncmp(out, payloads[_i].out, len) == 0,
		    "%s at %zu: %s", payloads[_i].name, n, out);
	}
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice in;
	bool in_binary;
	int result;
	enum tn_eio_type type;
	bool binary;
	struct tn_slice data;
} packets[] = {
	{ "message", T("4hi"), false, 0, TN_EIO_MESSAGE, false, T("hi") },
	{ "ping", T("2probe"), false, 0, TN_EIO_PING, false, T("probe") },
	{ "bytes", T("\4\1\2"), true, 0, TN_EIO_MESSAGE, true, T("\1\2") },
	{ "no bytes", T("\4"), true, 0, TN_EIO_MESSAGE, true, T("") },
	{ "base64", T("b4AQID"), false, 0, TN_EIO_MESSAGE, true,
	    T("\1\2\3") },
	{ "empty base64", T("b4"), false, 0, TN_EIO_MESSAGE, true, T("") },
	{ "base64 without a type", T("b"), false, TN_E_SYNTAX, 0, false,
	    T("") },
	{ "base64 of no type", T("bxAQID"), false, TN_E_SYNTAX, 0, false,
	    T("") },
	{ "no base64", T("b4A!"), false, TN_E_SYNTAX, 0, false, T("") },
	{ "digit as a byte", T("\x34\1"), true, TN_E_SYNTAX, 0, false,
	    T("") },
	{ "type 7", T("\7"), true, TN_E_SYNTAX, 0, false, T("") },
	{ "digit 7", T("7"), false, TN_E_SYNTAX, 0, false, T("") },
	{ "nothing", T(""), false, TN_E_SYNTAX, 0, false, T("") },
	{ "nothing in bytes", T(""), true, TN_E_SYNTAX, 0, false, T("") },
};

START_TEST(reads_a_packet)
{
	struct tn_eio_packet packet;
	struct tn_buf scratch;
	int r;

	tn_buf_init(&scratch, 100);
	r = tn_eio3_packet_read(packets[_i].in, packets[_i].in_binary,
	    &scratch, &packet, NULL);
	ck_assert_msg(r == packets[_i].result, "%s", packets[_i].name);
	if (r == 0) {
		ck_assert_int_eq(packet.type, packets[_i].type);
		ck_assert_int_eq(packet.binary, packets[_i].binary);
		ck_assert_msg(tn_slice_eq(packet.data, packets[_i].data), "%s",
		    packets[_i].name);
	}
	tn_buf_fini(&scratch);
}
END_TEST

/* ---- Sessions ------------------------------------------------------------ */

static struct rig r;

static const struct tn_engine_options options = {
	.ping_interval_ms = 300,
	.ping_timeout_ms = 200,
	.allow_eio3 = true,
};

static void
start(void)
{
	rig_start(&r, &options);
	r.query = "EIO=3";
}

static void
stop(void)
{
	rig_stop(&r);
}

START_TEST(opens_with_a_length_in_front)
{
	struct rig_http h;

	rig_http(&r, &h, "GET", "/socket.io/?transport=polling", NULL,
	    TN_SLICE_NONE);
	ck_assert_int_eq(strncmp(rig_answer(&h), "200 114:0{\"sid\":\"", 17),
	    0);
	ck_assert_str_eq(h.type, "text/plain; charset=UTF-8");
	ck_assert_int_eq(tn_conn_protocol(r.last), 3);
	rig_http_fini(&h);
}
END_TEST

START_TEST(version_4_is_spoken_beside_it)
{
	const char *sid = rig_open(&r);
	struct rig_http h;

	r.query = "EIO=4";
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h),
	    "400 {\"code\":3,\"message\":\"Bad request\"}");
	rig_http_fini(&h);
	sid = rig_open(&r);
	ck_assert_int_eq(tn_conn_protocol(r.last), 4);
	rig_post(&r, &h, sid, "4a");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 4a");
	rig_http_fini(&h);
}
END_TEST

/* A POST while a poll is parked: what both are answered, what is told. */
static const struct {
	const char *name, *body, *post, *poll, *log;
} posts[] = {
	{ "text", "6:4hello", "200 ok", "200 6:4hello", "text:hello" },
	{ "units of UTF-16", "4:4" FACE "x", "200 ok", "200 4:4" FACE "x",
	    "text:" FACE "x" },
	{ "several", "2:4a2:4b", "200 ok", "200 2:4a2:4b", "text:a text:b" },
	{ "ping is answered, not echoed", "6:2probe", "200 ok", "200 1:3",
	    "" },
	{ "pong is the server's", "1:3", "200 ok", "200 1:1",
	    "close:transport error" },
	{ "close", "1:1", "200 ok", "200 1:6", "close:transport close" },
	{ "empty packets are skipped", "0:2:4a", "200 ok", "200 2:4a",
	    "text:a" },
	{ "version 4's form", "4a", "200 ok", "200 1:1",
	    "close:parse error" },
	{ "empty", "", "200 ok", "200 1:1", "close:parse error" },
	{ "fault behind a packet", "2:4ax", "200 ok", "200 1:1",
	    "text:a close:parse error" },
};

START_TEST(receives_a_payload)
{
	const char *sid = rig_open(&r);
	struct rig_http poll, post;

	rig_get(&r, &poll, sid);
	rig_post(&r, &post, sid, posts[_i].body);
	ck_assert_msg(strcmp(rig_answer(&post), posts[_i].post) == 0, "%s: %s",
	    posts[_i].name, rig_answer(&post));
	ck_assert_msg(strcmp(rig_answer(&poll), posts[_i].poll) == 0, "%s: %s",
	    posts[_i].name, rig_answer(&poll));
	ck_assert_str_eq(rig_log(&r), posts[_i].log);
	rig_http_fini(&poll);
	rig_http_fini(&post);
}
END_TEST

static void
post_bytes(const char *sid, struct rig_http *h, struct tn_slice body)
{
	char target[128];

	snprintf(target, sizeof(target),
	    "/socket.io/?%s&transport=polling&sid=%s", r.query, sid);
	rig_http(&r, h, "POST", target,
	    "content-type: application/octet-stream", body);
}

START_TEST(binary_goes_both_ways_in_bytes)
{
	static const char bytes[] = "\0\2\xff" "4a\1\4\xff\4\1\2\3";
	const char *sid = rig_open(&r);
	struct rig_http h;

	post_bytes(sid, &h, TN_SLICE(bytes));
	ck_assert_str_eq(rig_answer(&h), "200 ok");
	ck_assert_str_eq(rig_log(&r), "text:a binary:\1\2\3");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	ck_assert(tn_slice_eq(tn_buf_view(&h.body), TN_SLICE(bytes)));
	ck_assert_str_eq(h.type, "application/octet-stream");
	rig_http_fini(&h);
}
END_TEST

START_TEST(binary_is_base64_for_who_asks)
{
	const char *sid;
	struct rig_http h;
	struct rig_wire w;

	r.query = "EIO=3&b64=1";
	sid = rig_open(&r);
	rig_post(&r, &h, sid, "2:4a6:b4AQID");
	ck_assert_str_eq(rig_log(&r), "text:a binary:\1\2\3");
	rig_http_fini(&h);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 2:4a6:b4AQID");
	rig_http_fini(&h);
	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	rig_wire_text(&r, &w, "b4AQID");
	ck_assert_uint_eq(w.w.out.len, 1);
	ck_assert(tn_slice_is(tn_rcbuf_frame(tn_outq_at(&w.w.out, 0)),
	    "\x81\x06" "b4AQID"));
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(binary_on_a_socket_has_its_type_in_front)
{
	struct rig_wire w;

	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	rig_log(&r);
	tn_engine_wire_message(r.engine, &w.w, true, TN_SLICE("\4\1\2"));
	ck_assert_uint_eq(w.w.out.len, 1);
	ck_assert(tn_slice_is(tn_rcbuf_frame(tn_outq_at(&w.w.out, 0)),
	    "\x82\x03\4\1\2"));
	ck_assert_str_eq(rig_log(&r), "binary:\1\2");
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(one_message_serves_clients_of_both_versions)
{
	struct rig_wire old[2], new;
	struct tn_conn *conns[3];
	struct tn_rcbuf *rc;

	for (int i = 0; i < 2; i++) {
		rig_wire_open(&r, &old[i], NULL);
		conns[i] = r.last;
		rig_wire_sent(&old[i]);
	}
	r.query = "EIO=4";
	rig_wire_open(&r, &new, NULL);
	conns[2] = r.last;
	rig_wire_sent(&new);
	rc = tn_message_new(TN_SLICE("\1\2"), TN_SLICE_NONE, true);
	for (int i = 0; i < 3; i++)
		tn_conn_send(conns[i], rc);
	tn_rcbuf_unref(&rc);
	ck_assert_ptr_eq(tn_outq_at(&old[0].w.out, 0),
	    tn_outq_at(&old[1].w.out, 0));
	ck_assert_str_eq(rig_wire_sent(&old[0]), "\4\1\2|");
	ck_assert_str_eq(rig_wire_sent(&new), "\1\2|");
	rig_wire_gone(&r, &old[0], true);
	rig_wire_gone(&r, &old[1], true);
	rig_wire_gone(&r, &new, true);
}
END_TEST

/* The client beats; at_ms it sends the packet, and nothing after the last. */
static const struct {
	const char *name;
	struct {
		int at_ms;
		const char *text;
	} steps[4];
	int end_ms;
	const char *sent, *log;
} beats[] = {
	{ "the server never pings", { { 0 } }, 490, "", "" },
	{ "no ping in interval and timeout", { { 0 } }, 510, "",
	    "close:ping timeout" },
	{ "a ping starts the wait again", { { 400, "2" } }, 890, "3|", "" },
	{ "and then it is over", { { 400, "2" } }, 910, "3|",
	    "close:ping timeout" },
	{ "other packets do not count", { { 400, "6" } }, 510, "",
	    "close:ping timeout" },
	{ "two pings", { { 300, "2" }, { 700, "2abc" } }, 1190, "3|3|", "" },
};

START_TEST(the_client_keeps_the_beat)
{
	struct rig_wire w;
	int now = 0;

	rig_wire_open(&r, &w, NULL);
	rig_wire_sent(&w);
	rig_log(&r);
	for (int i = 0; i < 4 && beats[_i].steps[i].text != NULL; i++) {
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

START_TEST(upgrades_and_is_still_watched)
{
	const char *sid = rig_open(&r);
	struct rig_http poll;
	struct rig_wire w;

	rig_get(&r, &poll, sid);
	rig_wire_open(&r, &w, sid);
	rig_wire_text(&r, &w, "2probe");
	ck_assert_str_eq(rig_wire_sent(&w), "3probe|");
	rig_pass(&r, 110);
	ck_assert_str_eq(rig_answer(&poll), "200 1:6");
	rig_http_fini(&poll);
	rig_wire_text(&r, &w, "5");
	rig_wire_text(&r, &w, "2");
	ck_assert_str_eq(rig_wire_sent(&w), "3|");
	rig_pass(&r, 490);
	ck_assert_str_eq(rig_log(&r), "");
	rig_pass(&r, 20);
	ck_assert_str_eq(rig_log(&r), "close:ping timeout");
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(a_close_is_told_in_its_form)
{
	const char *sid = rig_open(&r);
	struct rig_http h;

	tn_conn_close(r.last, TN_CLOSE_FORCED_CLOSE);
	rig_get(&r, &h, sid);
	ck_assert_str_eq(rig_answer(&h), "200 1:61:1");
	rig_http_fini(&h);
}
END_TEST

static void
whole_life(void)
{
	const char *sid = rig_open(&r);
	struct rig_http poll, post;

	if (sid == NULL)
		return;
	rig_get(&r, &poll, sid);
	post_bytes(sid, &post, TN_SLICE("\0\2\xff" "4a\1\4\xff\4\1\2\3"));
	rig_http_fini(&post);
	rig_http_fini(&poll);
	tn_engine_flush(r.engine);
}

START_TEST(ends_sessions_when_memory_is_out)
{
	bool failed = true;

	if (_i == 1)
		r.query = "EIO=3&b64=1";
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
	Suite *s = suite_create("eio3");
	TCase *tc = tcase_create("codec");

	tcase_add_loop_test(tc, cuts_a_payload, 0,
	    sizeof(payloads) / sizeof(payloads[0]));
	tcase_add_loop_test(tc, survives_every_cut, 0,
	    sizeof(payloads) / sizeof(payloads[0]));
	tcase_add_loop_test(tc, reads_a_packet, 0,
	    sizeof(packets) / sizeof(packets[0]));
	suite_add_tcase(s, tc);
	tc = tcase_create("sessions");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, opens_with_a_length_in_front);
	tcase_add_test(tc, version_4_is_spoken_beside_it);
	tcase_add_loop_test(tc, receives_a_payload, 0,
	    sizeof(posts) / sizeof(posts[0]));
	tcase_add_test(tc, binary_goes_both_ways_in_bytes);
	tcase_add_test(tc, binary_is_base64_for_who_asks);
	tcase_add_test(tc, binary_on_a_socket_has_its_type_in_front);
	tcase_add_test(tc, one_message_serves_clients_of_both_versions);
	tcase_add_loop_test(tc, the_client_keeps_the_beat, 0,
	    sizeof(beats) / sizeof(beats[0]));
	tcase_add_test(tc, upgrades_and_is_still_watched);
	tcase_add_test(tc, a_close_is_told_in_its_form);
	tcase_add_loop_test(tc, ends_sessions_when_memory_is_out, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
