/* Many sockets at once, here and on other nodes, which are played. */
#include "config.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "io/adapter.h"
#include "io_client.h"

#define S(s) TN_SLICE(s)

static struct tn_wheel wheel;
static struct tn_io *io;
static struct tn_ns *root;
static struct io_client a, b;
static struct tn_socket *sa, *sb, *last;
static struct tn_buf seen;
static uint64_t asked;		/* the number of the last gathering */
static int adapter_says;
static struct tn_adapter adapter;

static void
note(const char *what, struct tn_slice text)
{
	tn_buf_str(&seen, what);
	tn_buf_slice(&seen, text);
	tn_buf_char(&seen, ' ');
}

static const char *
take_seen(void)
{
	static char copy[4096];

	snprintf(copy, sizeof(copy), "%.*s", (int)seen.len,
	    seen.ptr == NULL ? "" : seen.ptr);
	tn_buf_reset(&seen);
	return copy;
}

/* ---- the other nodes ------------------------------------------------------*/

static int
publish_ack(struct tn_adapter *ad, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, int timeout_ms, uint64_t gather)
{
	(void)ad;
	(void)ns;
	(void)timeout_ms;
	note("publish_ack:", packet->data);
	asked = gather;
	return adapter_says;
}

static int
join(struct tn_adapter *ad, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms)
{
	(void)ad;
	(void)ns;
	ck_assert_uint_eq(nrooms, 1);
	note("join:", who->nrooms > 0 ? who->rooms[0] : S("*"));
	note("", rooms[0]);
	return adapter_says;
}

static int
leave(struct tn_adapter *ad, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms)
{
	(void)ad;
	(void)ns;
	(void)who;
	ck_assert_uint_eq(nrooms, 1);
	note("leave:", rooms[0]);
	return adapter_says;
}

static int
disconnect(struct tn_adapter *ad, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, bool close)
{
	(void)ad;
	(void)ns;
	(void)who;
	note(close ? "close" : "disconnect", TN_SLICE_NONE);
	return adapter_says;
}

static int
fetch(struct tn_adapter *ad, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, uint64_t gather)
{
	(void)ad;
	(void)ns;
	(void)who;
	asked = gather;
	return adapter_says;
}

static int
server_event(struct tn_adapter *ad, struct tn_ns *ns, struct tn_slice data,
    uint64_t gather)
{
	(void)ad;
	(void)ns;
	note("server_event:", data);
	asked = gather;
	return adapter_says;
}

static const struct tn_adapter_ops ops = {
	.publish_ack = publish_ack, .join = join, .leave = leave,
	.disconnect = disconnect, .fetch = fetch,
	.server_event = server_event,
};

/* ---- before and after each ------------------------------------------------*/

static void
on_connection(struct tn_socket *s, void *arg)
{
	(void)arg;
	last = s;
}

static void
start(bool alone)
{
	const struct tn_io_options options = {
		.engine = {
			.per_message_deflate = true,
			.per_message_deflate_threshold = 1024,
		},
	};

	tn_random_start(NULL);
	tn_buf_init(&seen, 1 << 20);
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000000), 0);
	io = tn_io_new(&options, &wheel, NULL, NULL);
	adapter.ops = &ops;
	if (!alone)
		tn_io_set_adapter(io, &adapter);
	root = tn_io_of(io, "/");
	tn_ns_on_connection(root, on_connection, NULL);
	asked = 0;
	adapter_says = 0;
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40");
	sa = last;
	io_client_open(&b, io, NULL);
	io_client_say(&b, "40");
	sb = last;
	io_client_forget(&a);
	io_client_forget(&b);
}

static void
setup(void)
{
	start(false);
}

static void
teardown(void)
{
	tn_io_free(&io);
	tn_outq_fini(&a.wire.out);
	tn_outq_fini(&b.wire.out);
	tn_wheel_fini(&wheel);
	tn_buf_fini(&seen);
}

static void
turn(int ms)
{
	tn_wheel_advance(&wheel, wheel.now_ms + ms);
	tn_engine_flush(tn_io_engine(io));
}

static void
on_answers(const struct tn_answer *answers, size_t n,
    const struct tn_err *err, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		note("answer:", answers[i].value);
		for (size_t k = 0; k < answers[i].nbuffers; k++)
			note("buffer:", answers[i].buffers[k]);
	}
	note("end:", err == NULL ? S("ok") : tn_slice_str(err->text));
}

static void
on_ack(struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers,
    const struct tn_err *err, void *arg)
{
	(void)buffers;
	(void)nbuffers;
	(void)arg;
	note("ack:", err == NULL ? args : tn_slice_str(err->text));
}

/* ---- answers of many ------------------------------------------------------*/

START_TEST(one_answer_of_each_client_of_each_node)
{
	struct tn_slice buffer = S("x");

	ck_assert_int_eq(tn_emit_ack(tn_all(root), "q", S("1"), 1000,
	    on_answers, NULL), 0);
	ck_assert_str_eq(take_seen(), "publish_ack:[\"q\",1] ");
	ck_assert(io_client_heard(&a, "420[\"q\",1]\n"));
	ck_assert(io_client_heard(&b, "420[\"q\",1]\n"));
	io_client_say(&a, "430[\"a, \\\"[\",2]");
	io_client_say(&b, "430[]");
	tn_gather_clients(root, asked, 1);	/* before it is known how many */
	tn_gather_nodes(root, asked, 2);
	tn_gather_answer(root, asked, S("{\"_placeholder\":true,\"num\":0}"),
	    &buffer, 1);
	ck_assert_str_eq(take_seen(), "");
	tn_gather_clients(root, asked, 0);
	ck_assert_str_eq(take_seen(), "answer:\"a, \\\"[\" answer: "
	    "answer:{\"_placeholder\":true,\"num\":0} buffer:x end:ok ");
	tn_gather_answer(root, asked, S("1"), NULL, 0);	/* too late */
	turn(2000);
	ck_assert_str_eq(take_seen(), "");
}
END_TEST

START_TEST(what_is_asked_may_be_binary)
{
	struct tn_slice buffer = S("bytes");

	ck_assert_int_eq(tn_emit_ack_binary(tn_local(tn_all(root)), "q",
	    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1, 1000,
	    on_answers, NULL), 0);
	ck_assert(io_client_heard(&a, "451-0[\"q\",{\"_placeholder\":true,"
	    "\"num\":0}]\nbytes\n"));
	ck_assert(io_client_heard(&b, "]\nbytes\n"));
	io_client_say(&a, "430[1]");
	io_client_say(&b, "430[2]");
	ck_assert_str_eq(take_seen(), "answer:1 answer:2 end:ok ");
	io_client_forget(&a);
	ck_assert_int_eq(tn_socket_emit_ack_binary(sa, "q",
	    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1, 1000,
	    on_ack, NULL), 0);
	ck_assert(io_client_heard(&a, "451-1[\"q\",{\"_placeholder\":true,"
	    "\"num\":0}]\nbytes\n"));
	io_client_say(&a, "431[7]");
	ck_assert_str_eq(take_seen(), "ack:7 ");
	ck_assert_int_eq(tn_emit_ack_binary(tn_all(root), "q",
	    S("{\"_placeholder\":true,\"num\":1}"), &buffer, 1, 1000,
	    on_answers, NULL), TN_E_SYNTAX);
}
END_TEST

START_TEST(what_came_in_time_is_given)
{
	tn_emit_ack(tn_all(root), "q", S("1"), 1000, on_answers, NULL);
	tn_gather_nodes(root, asked, _i == 0 ? 0 : 1);
	io_client_say(&a, "430[7]");
	if (_i == 1)		/* both did, but not the other node */
		io_client_say(&b, "430[8]");
	take_seen();
	turn(1010);
	ck_assert_str_eq(take_seen(), _i == 0 ?
	    "answer:7 end:operation has timed out " :
	    "answer:7 answer:8 end:operation has timed out ");
	turn(2000);
	ck_assert_str_eq(take_seen(), "");
}
END_TEST

START_TEST(a_client_that_goes_is_not_waited_for)
{
	tn_emit_ack(tn_all(root), "q", S("1"), 1000, on_answers, NULL);
	tn_gather_nodes(root, asked, 0);
	take_seen();
	io_client_say(&a, "430[7]");
	io_client_close(&b);
	turn(1);
	ck_assert_str_eq(take_seen(),
	    "answer:7 end:1 of 2 clients went without an answer ");
}
END_TEST

START_TEST(nobody_answers_at_once)
{
	ck_assert_int_eq(tn_emit_ack(tn_local(tn_in(root, S("empty"))), "q",
	    S("1"), 1000, on_answers, NULL), 0);
	ck_assert_str_eq(take_seen(), "end:ok ");
}
END_TEST

START_TEST(an_adapter_that_fails_is_told)
{
	adapter_says = TN_E_AWAY;
	ck_assert_int_eq(tn_emit_ack(tn_all(root), "q", S("1"), 1000,
	    on_answers, NULL), 0);
	take_seen();
	io_client_say(&a, "430[7]");
	io_client_say(&b, "430[8]");
	ck_assert_str_eq(take_seen(),
	    "answer:7 answer:8 end:the peer is away ");
}
END_TEST

START_TEST(the_server_may_go_first)
{
	tn_emit_ack(tn_all(root), "q", S("1"), 1000, on_answers, NULL);
	take_seen();
	tn_io_free(&io);
	ck_assert_str_eq(take_seen(), "end:the server has gone ");
}
END_TEST

START_TEST(gatherings_are_limited)
{
	for (int i = 0; i <= TN_LIMIT_GATHERS; i++)
		ck_assert_int_eq(tn_emit_ack(tn_in(root, S("empty")), "q",
		    S("1"), 1000, on_answers, NULL),
		    i < TN_LIMIT_GATHERS ? 0 : TN_E_LIMIT);
	turn(1010);
	take_seen();
	ck_assert_int_eq(tn_emit_ack(tn_in(root, S("empty")), "q", S("1"),
	    1000, on_answers, NULL), 0);
}
END_TEST

/* ---- sockets of a target --------------------------------------------------*/

START_TEST(sockets_join_and_leave_and_go)
{
	tn_socket_join(sa, S("x"));
	ck_assert_int_eq(tn_sockets_join(tn_in(root, S("x")), S("y")), 0);
	ck_assert_str_eq(take_seen(), "join:x y ");
	ck_assert(tn_socket_in(sa, S("y")) && !tn_socket_in(sb, S("y")));
	adapter_says = TN_E_AWAY;
	ck_assert_int_eq(tn_sockets_leave(tn_all(root), S("y")), TN_E_AWAY);
	ck_assert(!tn_socket_in(sa, S("y")));
	adapter_says = 0;
	take_seen();
	ck_assert_int_eq(tn_sockets_disconnect(tn_local(tn_in(root, S("x"))),
	    false), 0);
	ck_assert_str_eq(take_seen(), "");
	ck_assert(io_client_heard(&a, "41\n"));
	ck_assert(a.is_open);
	ck_assert_int_eq(tn_sockets_disconnect(tn_all(root), true), 0);
	ck_assert_str_eq(take_seen(), "close ");
	io_client_read(&b);
	ck_assert(!b.is_open);
}
END_TEST

static void
on_sockets(const struct tn_remote_socket *sockets, size_t n,
    const struct tn_err *err, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		note("id:", sockets[i].id);
		note("data:", sockets[i].data);
	}
	note("end:", err == NULL ? S("ok") : tn_slice_str(err->text));
}

START_TEST(sockets_are_fetched_from_all_nodes)
{
	char expected[256];

	tn_socket_join(sa, S("x"));
	tn_socket_set_data_json(sa, S("{\"n\":1}"));
	ck_assert_int_eq(tn_sockets_fetch(tn_in(root, S("x")), on_sockets,
	    NULL), 0);
	tn_gather_nodes(root, asked, 2);
	tn_gather_answer(root, asked, S("[]"), NULL, 0);
	ck_assert_str_eq(take_seen(), "");
	tn_gather_answer(root, asked, S("[{\"id\":\"far\",\"rooms\":[\"x\"]},"
	    "{\"id\":7},{\"no\":1},5]"), NULL, 0);
	snprintf(expected, sizeof(expected),
	    "id:%s data:{\"n\":1} id:far data:{} end:ok ", tn_socket_id(sa));
	ck_assert_str_eq(take_seen(), expected);
	tn_sockets_fetch(tn_local(tn_in(root, S("nobody"))), on_sockets, NULL);
	ck_assert_str_eq(take_seen(), "end:ok ");
	tn_sockets_fetch(tn_in(root, S("nobody")), on_sockets, NULL);
	tn_gather_nodes(root, asked, 1);
	turn(TN_LIMIT_CLUSTER_REQUEST_MS + 10);
	ck_assert_str_eq(take_seen(), "end:timeout reached: only 1 responses "
	    "received out of 2 ");
}
END_TEST

/* ---- events between servers -----------------------------------------------*/

static struct tn_reply_to *held;

static void
on_server(const struct tn_server_event *event, void *arg)
{
	note("heard:", event->args);
	if (tn_slice_is(event->name, "later"))
		held = tn_server_event_hold(event);
	else if (arg == NULL)
		tn_server_event_answer(event, S("\"first\""));
	else
		tn_server_event_answer(event, S("\"second\""));
}

static void
answer(struct tn_reply_to *to, struct tn_slice value)
{
	(void)to;
	note("answered:", value);
}

START_TEST(servers_hear_each_other)
{
	struct tn_reply_to to = { answer };

	tn_ns_on_server_event(root, "e", on_server, NULL);
	tn_ns_on_server_event(root, "e", on_server, &held);
	tn_ns_on_server_event(root, "later", on_server, NULL);
	ck_assert_int_eq(tn_ns_server_event(root, S("[\"e\",1,\"2\"]"), NULL),
	    0);
	ck_assert_str_eq(take_seen(), "heard:1,\"2\" heard:1,\"2\" ");
	tn_ns_server_event(root, S("[\"e\"]"), &to);
	ck_assert_str_eq(take_seen(), "heard: answered:\"first\" heard: ");
	tn_ns_server_event(root, S("[\"nobody\"]"), &to);
	ck_assert_str_eq(take_seen(), "answered:null ");
	tn_ns_server_event(root, S("[\"later\"]"), &to);
	ck_assert_str_eq(take_seen(), "heard: ");
	tn_reply_answer(held, S("7"));
	ck_assert_str_eq(take_seen(), "answered:7 ");
	ck_assert_int_eq(tn_ns_server_event(root, S("[\"connection\"]"), &to),
	    TN_E_SYNTAX);
	ck_assert_int_eq(tn_ns_server_event(root, S("{}"), NULL),
	    TN_E_SYNTAX);
}
END_TEST

START_TEST(servers_answer_each_other)
{
	ck_assert_int_eq(tn_server_emit(root, "e", S("1")), 0);
	ck_assert_uint_eq(asked, 0);
	ck_assert_str_eq(take_seen(), "server_event:[\"e\",1] ");
	ck_assert_int_eq(tn_server_emit(root, "connect", S("1")), TN_E_STATE);
	ck_assert_int_eq(tn_server_emit_ack(root, "e", S("1"), on_answers,
	    NULL), 0);
	take_seen();
	tn_gather_nodes(root, asked, 2);
	tn_gather_answer(root, asked, S("1"), NULL, 0);
	if (_i == 0)
		tn_gather_answer(root, asked, S("2"), NULL, 0);
	else
		turn(TN_LIMIT_CLUSTER_REQUEST_MS + 10);
	ck_assert_str_eq(take_seen(), _i == 0 ? "answer:1 answer:2 end:ok " :
	    "answer:1 end:timeout reached: only 1 responses received out of "
	    "2 ");
}
END_TEST

START_TEST(a_server_alone_has_nobody_to_ask)
{
	teardown();
	start(true);
	ck_assert_int_eq(tn_server_emit(root, "e", S("1")), 0);
	tn_server_emit_ack(root, "e", S("1"), on_answers, NULL);
	ck_assert_str_eq(take_seen(), "end:ok ");
	tn_emit_ack(tn_all(root), "q", S("1"), 0, on_answers, NULL);
	io_client_say(&a, "430[7]");
	io_client_say(&b, "430[8]");
	ck_assert_str_eq(take_seen(), "answer:7 answer:8 end:ok ");
}
END_TEST

/* Whichever allocation fails, who waits is told once, or never began. */
/* For clients that have agreed on permessage-deflate. */
START_TEST(compressed_unless_asked_not_to)
{
	const struct tn_engine_counts *counts =
	    tn_engine_counts(tn_io_engine(io));
	char text[2048];
	struct tn_slice args = tn_slice(text, sizeof(text));

	memset(text, '1', sizeof(text));
	a.wire.deflate_bits = b.wire.deflate_bits = 15;
	ck_assert_int_eq(tn_emit(tn_plain(tn_all(root)), "x", args), 0);
	turn(1);
	ck_assert_uint_eq(counts->deflated, 0);
	ck_assert(io_client_heard(&a, "42[\"x\",1"));
	ck_assert_int_eq(tn_emit(tn_all(root), "x", args), 0);
	turn(1);
	ck_assert_uint_eq(counts->deflated, 1);
}
END_TEST

START_TEST(running_out_of_memory_is_survived)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		int r[3], ends = 0;
		const char *at;

		tn_buf_str(&seen, "");
		tn_buf_room(&seen, 4096);	/* the notes need none */
		tn_alloc_fail_at(n);
		r[0] = tn_emit_ack(tn_local(tn_all(root)), "q", S("1"), 1000,
		    on_answers, NULL);
		io_client_say(&a, "430[7]");
		io_client_say(&b, "430[8]");
		r[1] = tn_sockets_fetch(tn_local(tn_all(root)), on_sockets,
		    NULL);
		r[2] = tn_server_emit_ack(root, "e", S("1"), on_answers, NULL);
		if (r[2] == 0)
			tn_gather_nodes(root, asked, 0);
		turn(1010);
		failed = tn_alloc_end();
		for (at = take_seen(); (at = strstr(at, "end:")) != NULL; at++)
			ends++;
		ck_assert_int_eq(ends, (r[0] == 0) + (r[1] == 0) + (r[2] == 0));
		teardown();
		setup();
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("targets");
	TCase *t = tcase_create("targets");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, one_answer_of_each_client_of_each_node);
	tcase_add_test(t, what_is_asked_may_be_binary);
	tcase_add_test(t, compressed_unless_asked_not_to);
	tcase_add_loop_test(t, what_came_in_time_is_given, 0, 2);
	tcase_add_test(t, a_client_that_goes_is_not_waited_for);
	tcase_add_test(t, nobody_answers_at_once);
	tcase_add_test(t, an_adapter_that_fails_is_told);
	tcase_add_test(t, the_server_may_go_first);
	tcase_add_test(t, gatherings_are_limited);
	tcase_add_test(t, sockets_join_and_leave_and_go);
	tcase_add_test(t, sockets_are_fetched_from_all_nodes);
	tcase_add_test(t, servers_hear_each_other);
	tcase_add_loop_test(t, servers_answer_each_other, 0, 2);
	tcase_add_test(t, a_server_alone_has_nobody_to_ask);
	tcase_add_test(t, running_out_of_memory_is_survived);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
