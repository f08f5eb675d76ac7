/* The server as its clients and its application see it, over fake WebSockets. */
#include "config.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_main.h"
#include "io/adapter.h"
#include "io_client.h"

#define S(s) TN_SLICE(s)

static struct tn_wheel wheel;
static struct tn_io *io;
static struct tn_ns *root, *chat;
static struct io_client a, b, c;

/* What the application saw: words with a space behind each. */
static struct tn_buf seen;
static struct tn_socket *last;		/* the socket that connected last */
static struct tn_socket_ref last_ref;
static struct tn_next *waiting;
static struct tn_event_ref *held;

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
	static char copy[1024];

	snprintf(copy, sizeof(copy), "%.*s", (int)seen.len,
	    seen.ptr == NULL ? "" : seen.ptr);
	tn_buf_reset(&seen);
	return copy;
}

static const char *
take_heard(struct io_client *client)
{
	static char copy[sizeof(client->heard)];

	io_client_read(client);
	memcpy(copy, client->heard, client->len + 1);
	io_client_forget(client);
	return copy;
}

static void
turn(int ms)
{
	tn_wheel_advance(&wheel, wheel.now_ms + ms);
	tn_engine_flush(tn_io_engine(io));
}

/* ---- the application ------------------------------------------------------*/

static void
on_disconnecting(struct tn_socket *s, const char *reason, void *arg)
{
	(void)arg;
	note(tn_socket_room(s, 0).ptr != NULL ? "leaving+rooms:" : "leaving:",
	    tn_slice_str(reason));
}

static void
on_disconnect(struct tn_socket *s, const char *reason, void *arg)
{
	(void)arg;
	note(tn_socket_room(s, 0).ptr != NULL ? "left+rooms:" : "left:",
	    tn_slice_str(reason));
	ck_assert_ptr_null(tn_socket_deref(tn_socket_ref(s)));
	ck_assert_ptr_nonnull(tn_socket_header(s, "host").ptr);
}

static void
on_join(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	struct tn_slice room;

	(void)arg;
	ck_assert(tn_event_arg(event, 0, &room));
	ck_assert(!tn_event_arg(event, 1, &room));
	tn_event_arg(event, 0, &room);
	tn_socket_join(s, tn_slice(room.ptr + 1, room.len - 2));
	tn_event_ack(event, S("true"));
	tn_event_ack(event, S("\"second answer\""));
}

static void
on_echo(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	note(arg, event->args);
	for (size_t i = 0; i < event->nbuffers; i++)
		note("buffer:", event->buffers[i]);
	tn_socket_emit_binary(s, "echo", event->args, event->buffers,
	    event->nbuffers);
}

static void
on_refuse(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	(void)s;
	(void)arg;
	tn_event_refuse(event, "no \"way\"");
}

static void
on_hold(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	(void)s;
	(void)arg;
	held = tn_event_hold(event);
}

static void
on_leave(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	(void)event;
	tn_socket_disconnect(s, arg != NULL);
	note("id:", tn_slice_str(tn_socket_id(s)));	/* still to be read */
}

static void
on_connection(struct tn_socket *s, void *arg)
{
	(void)arg;
	last = s;
	last_ref = tn_socket_ref(s);
	note("connection:", tn_ns_name(tn_socket_ns(s)));
	ck_assert_int_eq(tn_socket_on(s, "join", on_join, NULL), 0);
	tn_socket_on(s, "echo", on_echo, (void *)(uintptr_t)"first:");
	tn_socket_on(s, "twice", on_echo, (void *)(uintptr_t)"first:");
	tn_socket_on(s, "twice", on_echo, (void *)(uintptr_t)"second:");
	tn_socket_on(s, "5", on_echo, (void *)(uintptr_t)"five:");
	tn_socket_on(s, "refuse", on_refuse, NULL);
	tn_socket_on(s, "hold", on_hold, NULL);
	tn_socket_on(s, "leave", on_leave, NULL);
	tn_socket_on(s, "close", on_leave, &last);
	ck_assert_int_lt(tn_socket_on(s, "disconnect", on_hold, NULL), 0);
	tn_socket_on_disconnecting(s, on_disconnecting, NULL);
	tn_socket_on_disconnect(s, on_disconnect, NULL);
}

static void
free_data(void *data)
{
	note("freed:", tn_slice_str(data));
}

/* Auth chooses: "ok" passes, "wait" waits, "gone" disconnects, else refused. */
static void
step(struct tn_socket *s, struct tn_next *next, void *arg)
{
	struct tn_slice auth = tn_socket_auth(s);

	(void)arg;
	note("auth:", auth);
	ck_assert_int_lt(tn_socket_emit(s, "early", TN_SLICE_NONE), 0);
	tn_socket_set_data(s, (void *)(uintptr_t)"data", free_data);
	if (tn_slice_is(auth, "{\"w\":1}"))
		waiting = next;
	else if (tn_slice_is(auth, "{\"no\":1}"))
		tn_next_refuse(next, "not authorized", S("{\"code\":42}"));
	else
		tn_next_ok(next);
}

static void
second_step(struct tn_socket *s, struct tn_next *next, void *arg)
{
	(void)arg;
	ck_assert_ptr_eq(tn_next_socket(next), s);
	note("second", TN_SLICE_NONE);
	tn_next_ok(next);
}

/* ---- before and after each ------------------------------------------------*/

static void
setup(void)
{
	const struct tn_io_options options = { .connect_timeout_ms = 0 };

	tn_random_start(NULL);
	tn_buf_init(&seen, 1 << 20);
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000000), 0);
	io = tn_io_new(&options, &wheel, NULL, NULL);
	ck_assert_ptr_nonnull(io);
	root = tn_io_of(io, "/");
	chat = tn_io_of(io, "chat");
	ck_assert_ptr_eq(tn_io_of(io, "/chat"), chat);
	tn_ns_on_connection(root, on_connection, NULL);
	tn_ns_on_connection(chat, on_connection, NULL);
	tn_ns_use(chat, step, NULL);
	tn_ns_use(chat, second_step, NULL);
	a = b = c = (struct io_client){ .is_open = false };
	last = NULL;
	waiting = NULL;
	held = NULL;
}

static void
teardown(void)
{
	struct io_client *clients[] = { &a, &b, &c };

	tn_io_free(&io);
	for (size_t i = 0; i < 3; i++)
		tn_outq_fini(&clients[i]->wire.out);
	tn_wheel_fini(&wheel);
	tn_buf_fini(&seen);
}

static void
join(struct io_client *client, struct tn_socket **socket)
{
	io_client_open(client, io, NULL);
	io_client_say(client, "40");
	ck_assert(io_client_heard(client, "40{\"sid\":\""));
	io_client_forget(client);
	if (socket != NULL)
		*socket = last;
	take_seen();
}

/* ---- connecting -----------------------------------------------------------*/

START_TEST(a_client_joins_a_namespace)
{
	char expected[64];

	io_client_open(&a, io, NULL);
	io_client_forget(&a);
	io_client_say(&a, "40");
	snprintf(expected, sizeof(expected), "40{\"sid\":\"%s\"}\n",
	    tn_socket_id(last));
	ck_assert_str_eq(take_heard(&a), expected);
	ck_assert_str_eq(take_seen(), "connection:/ ");
	ck_assert_uint_eq(strlen(tn_socket_id(last)), TN_EIO_ID_LEN);
	ck_assert_uint_eq(tn_ns_len(root), 1);
	ck_assert_ptr_eq(tn_socket_deref(last_ref), last);
	ck_assert(tn_slice_is(tn_socket_auth(last), "{}"));
	ck_assert(tn_slice_is(tn_socket_address(last), "127.0.0.1"));
	ck_assert(tn_slice_is(tn_socket_header(last, "host"), "localhost"));
	ck_assert_ptr_null(tn_socket_header(last, "cookie").ptr);
	ck_assert(tn_socket_in(last, tn_slice_str(tn_socket_id(last))));
}
END_TEST

START_TEST(an_unknown_namespace_is_refused)
{
	io_client_open(&a, io, NULL);
	io_client_forget(&a);
	io_client_say(&a, "40/nope,");
	ck_assert_str_eq(take_heard(&a),
	    "44/nope,{\"message\":\"Invalid namespace\"}\n");
	ck_assert(a.is_open);
}
END_TEST

START_TEST(steps_let_in_or_refuse)
{
	io_client_open(&a, io, NULL);
	io_client_forget(&a);
	io_client_say(&a, "40/chat,{\"no\":1}");
	ck_assert_str_eq(take_heard(&a), "44/chat,{\"message\":\"not "
	    "authorized\",\"data\":{\"code\":42}}\n");
	ck_assert_str_eq(take_seen(), "auth:{\"no\":1} freed:data ");
	ck_assert(a.is_open);
	io_client_say(&a, "40/chat,{\"ok\":1}");
	ck_assert(io_client_heard(&a, "40/chat,{\"sid\":"));
	ck_assert_str_eq(take_seen(),
	    "auth:{\"ok\":1} second connection:/chat ");
}
END_TEST

START_TEST(a_step_may_answer_later)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40/chat,{\"w\":1}");
	ck_assert(!io_client_heard(&a, "40/chat"));
	ck_assert_uint_eq(tn_ns_len(chat), 0);
	tn_next_ok(waiting);
	ck_assert(io_client_heard(&a, "40/chat,{\"sid\":"));
	ck_assert_str_eq(take_seen(),
	    "auth:{\"w\":1} second connection:/chat ");
}
END_TEST

START_TEST(a_step_may_refuse_later)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40/chat,{\"w\":1}");
	tn_next_refuse(waiting, "late", TN_SLICE_NONE);
	ck_assert(io_client_heard(&a, "44/chat,{\"message\":\"late\"}\n"));
	ck_assert(a.is_open);
}
END_TEST

START_TEST(a_step_may_send_its_socket_away)
{
	io_client_open(&a, io, NULL);
	io_client_forget(&a);
	io_client_say(&a, "40/chat,{\"w\":1}");
	tn_socket_disconnect(tn_next_socket(waiting), false);
	ck_assert_str_eq(take_heard(&a), "41/chat,\n");
	ck_assert_ptr_null(tn_next_socket(waiting));
	tn_next_ok(waiting);
	ck_assert_str_eq(take_heard(&a), "");
	ck_assert_uint_eq(tn_ns_len(chat), 0);
	ck_assert(a.is_open);
}
END_TEST

START_TEST(a_client_may_vanish_while_a_step_thinks)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40/chat,{\"w\":1}");
	io_client_close(&a);
	turn(10);
	ck_assert_str_eq(take_seen(), "auth:{\"w\":1} freed:data ");
	ck_assert_ptr_null(tn_next_socket(waiting));
	if (_i == 0)
		tn_next_ok(waiting);
	else
		tn_next_refuse(waiting, "too late", TN_SLICE_NONE);
	ck_assert_str_eq(take_seen(), "");
}
END_TEST

START_TEST(an_answer_may_outlive_the_server)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40/chat,{\"w\":1}");
	join(&b, NULL);
	io_client_say(&b, "421[\"hold\"]");
	tn_io_free(&io);
	ck_assert_ptr_null(tn_next_socket(waiting));
	tn_next_ok(waiting);
	tn_event_ref_ack(held, S("1"));
}
END_TEST

START_TEST(a_second_connect_closes)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, _i == 0 ? "40" : "40/chat,{\"w\":1}");
	io_client_say(&a, _i == 0 ? "40" : "40/chat,{\"w\":1}");
	turn(0);
	io_client_read(&a);
	ck_assert(!a.is_open);
	if (_i == 1)
		tn_next_ok(waiting);
}
END_TEST

START_TEST(who_joins_nothing_is_closed)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40/nope,");
	join(&b, NULL);
	turn(34000);
	io_client_read(&a);
	ck_assert(a.is_open);
	io_client_say(&a, "3");
	io_client_say(&b, "3");
	turn(11100);
	io_client_read(&a);
	io_client_read(&b);
	ck_assert(!a.is_open);
	ck_assert(b.is_open);
}
END_TEST

START_TEST(namespaces_of_a_client_are_limited)
{
	char name[32];

	io_client_open(&a, io, NULL);
	for (int i = 0; i <= TN_LIMIT_NSPS_PER_CLIENT; i++) {
		snprintf(name, sizeof(name), "/n%d", i);
		tn_io_of(io, name);
		snprintf(name, sizeof(name), "40/n%d,", i);
		io_client_forget(&a);
		io_client_say(&a, name);
		ck_assert_int_eq(io_client_heard(&a, "Too many namespaces"),
		    i == TN_LIMIT_NSPS_PER_CLIENT);
	}
}
END_TEST

START_TEST(auth_is_limited)
{
	struct tn_buf packet;

	io_client_open(&a, io, NULL);
	for (size_t extra = 0; extra <= 1; extra++) {
		tn_buf_init(&packet, 1 << 20);
		tn_buf_str(&packet, "40/chat,{\"a\":\"");
		while (packet.len < 8 + TN_LIMIT_AUTH_BYTES - 2 + extra)
			tn_buf_char(&packet, 'x');
		tn_buf_str(&packet, "\"}");
		tn_buf_char(&packet, '\0');
		io_client_forget(&a);
		io_client_say(&a, packet.ptr);
		ck_assert(io_client_heard(&a, extra == 0 ? "40/chat,{\"sid\"" :
		    "Auth payload too large"));
		tn_buf_fini(&packet);
		io_client_say(&a, "41/chat,");
		if (extra == 0)
			ck_assert(a.is_open);
	}
}
END_TEST

/* ---- events ---------------------------------------------------------------*/

START_TEST(events_reach_their_handlers)
{
	join(&a, NULL);
	io_client_say(&a, "42[\"echo\",1,{\"a\":[2]}]");
	ck_assert_str_eq(take_seen(), "first:1,{\"a\":[2]} ");
	ck_assert_str_eq(take_heard(&a), "42[\"echo\",1,{\"a\":[2]}]\n");
	io_client_say(&a, "42[\"twice\"]");
	ck_assert_str_eq(take_seen(), "first: second: ");
	ck_assert_str_eq(take_heard(&a), "42[\"echo\"]\n42[\"echo\"]\n");
	io_client_say(&a, "42[5]");
	ck_assert_str_eq(take_seen(), "five: ");
	io_client_say(&a, "42[\"nobody hears\"]");
	io_client_say(&a, "42");
	io_client_say(&a, "439[\"x\"]");
	ck_assert_str_eq(take_seen(), "");
	ck_assert(a.is_open);
}
END_TEST

START_TEST(acks_are_sent_once)
{
	join(&a, NULL);
	io_client_say(&a, "4212[\"join\",\"r\"]");
	ck_assert_str_eq(take_heard(&a), "4312[true]\n");
	io_client_say(&a, "42[\"join\",\"r2\"]");
	ck_assert_str_eq(take_heard(&a), "");
	ck_assert(tn_socket_in(last, S("r")));
}
END_TEST

START_TEST(refusals_say_why)
{
	join(&a, NULL);
	io_client_say(&a, "421[\"refuse\"]");
	ck_assert_str_eq(take_heard(&a), "431[{\"error\":\"no \\\"way\\\"\"}]\n");
	io_client_say(&a, "42[\"refuse\"]");
	ck_assert_str_eq(take_heard(&a), "42[\"refused\",{\"event\":\"refuse\","
	    "\"error\":\"no \\\"way\\\"\"}]\n");
}
END_TEST

START_TEST(a_held_event_is_answered_later)
{
	join(&a, NULL);
	io_client_say(&a, "427[\"hold\"]");
	ck_assert_ptr_eq(tn_event_ref_socket(held), last);
	tn_event_ref_ack(held, S("1,2"));
	ck_assert_str_eq(take_heard(&a), "437[1,2]\n");
	io_client_say(&a, "42[\"hold\"]");
	tn_event_ref_refuse(held, "x");
	ck_assert_str_eq(take_heard(&a),
	    "42[\"refused\",{\"event\":\"hold\",\"error\":\"x\"}]\n");
	io_client_say(&a, "428[\"hold\"]");
	io_client_close(&a);
	turn(10);
	ck_assert_ptr_null(tn_event_ref_socket(held));
	tn_event_ref_ack(held, S("1"));
	tn_event_ref_ack(NULL, S("1"));
}
END_TEST

static void
say_binary(struct io_client *client, struct tn_slice bytes)
{
	tn_engine_wire_message(client->engine, &client->wire, true, bytes);
}

START_TEST(binary_events_are_put_together)
{
	join(&a, NULL);
	io_client_say(&a, "452-[\"echo\",{\"_placeholder\":true,\"num\":1},"
	    "{\"_placeholder\":true,\"num\":0}]");
	say_binary(&a, S("one"));
	ck_assert_str_eq(take_seen(), "");
	say_binary(&a, S(""));
	ck_assert_str_eq(take_seen(), "first:{\"_placeholder\":true,\"num\":1},"
	    "{\"_placeholder\":true,\"num\":0} buffer:one buffer: ");
	ck_assert_str_eq(take_heard(&a), "452-[\"echo\",{\"_placeholder\":true,"
	    "\"num\":1},{\"_placeholder\":true,\"num\":0}]\none\n\n");
	ck_assert(a.is_open);
}
END_TEST

START_TEST(attachments_that_do_not_come_close)
{
	join(&a, NULL);
	io_client_say(&a, "451-[\"echo\"]");
	turn(TN_LIMIT_ATTACHMENT_MS / 2);
	io_client_say(&a, "3");
	io_client_read(&a);
	ck_assert(a.is_open);
	turn(TN_LIMIT_ATTACHMENT_MS / 2 + 10);
	io_client_read(&a);
	ck_assert(!a.is_open);
}
END_TEST

START_TEST(attachments_are_limited_in_all)
{
	static char megabyte[1000000];
	size_t n = TN_LIMIT_ATTACHMENT_BYTES / sizeof(megabyte);

	join(&a, NULL);
	io_client_say(&a, "4510-[\"nobody hears\"]");
	for (size_t i = 0; i < n; i++)
		say_binary(&a, tn_slice(megabyte, sizeof(megabyte)));
	say_binary(&a, tn_slice(megabyte,
	    TN_LIMIT_ATTACHMENT_BYTES - n * sizeof(megabyte)));
	io_client_read(&a);
	ck_assert(a.is_open);
	say_binary(&a, S("x"));
	io_client_read(&a);
	ck_assert(!a.is_open);
}
END_TEST

/* ---- bad input ------------------------------------------------------------*/

static const struct {
	const char *name, *say;
	const char *then;	/* binary, or NULL */
} bad[] = {
	{ "unknown type", "49", NULL },
	{ "empty message", "4", NULL },
	{ "bad JSON", "42[\"a\"", NULL },
	{ "reserved name", "42[\"disconnect\"]", NULL },
	{ "namespace not joined", "42/chat,[\"a\"]", NULL },
	{ "leaving what was not joined", "41/chat,", NULL },
	{ "ack to what was not joined", "43/chat,1[]", NULL },
	{ "unknown namespace", "42/zzz,[\"a\"]", NULL },
	{ "binary event to what was not joined", "451-/chat,[\"a\"]", NULL },
	{ "refusal from a client", "44{\"message\":\"x\"}", NULL },
	{ "stray binary", "43", "x" },
	{ "eleven attachments", "4511-[\"a\"]", NULL },
};

START_TEST(bad_input_closes)
{
	join(&a, NULL);
	io_client_say(&a, bad[_i].say);
	if (bad[_i].then != NULL)
		say_binary(&a, tn_slice_str(bad[_i].then));
	io_client_say(&a, "42[\"echo\",\"not heard\"]");
	turn(0);
	io_client_read(&a);
	ck_assert_msg(!a.is_open, "%s", bad[_i].name);
	turn(0);
	ck_assert_str_eq(take_seen(), "leaving:forced close left:forced close ");
	ck_assert_str_eq(take_heard(&a), "");
}
END_TEST

START_TEST(text_between_attachments_closes)
{
	join(&a, NULL);
	io_client_say(&a, "452-[\"echo\"]");
	say_binary(&a, S("x"));
	io_client_say(&a, "3");		/* Engine.IO's own may come between */
	io_client_read(&a);
	ck_assert(a.is_open);
	io_client_say(&a, "42[\"echo\"]");
	io_client_read(&a);
	ck_assert(!a.is_open);
}
END_TEST

/* ---- leaving --------------------------------------------------------------*/

START_TEST(a_client_leaves_and_comes_back)
{
	struct tn_socket_ref ref;

	join(&a, NULL);
	tn_socket_join(last, S("r"));
	ref = last_ref;
	io_client_say(&a, "41");
	ck_assert_str_eq(take_seen(), "leaving+rooms:client namespace disconnect"
	    " left:client namespace disconnect ");
	ck_assert_ptr_null(tn_socket_deref(ref));
	ck_assert(!tn_ns_has_room(root, S("r")));
	ck_assert(a.is_open);
	io_client_say(&a, "40");
	ck_assert(io_client_heard(&a, "40{\"sid\":\""));
	ck_assert_ptr_null(tn_socket_deref(ref));
	ck_assert_ptr_nonnull(tn_socket_deref(last_ref));
}
END_TEST

START_TEST(the_server_sends_a_socket_away)
{
	char expected[128];

	join(&a, NULL);
	snprintf(expected, sizeof(expected), "leaving:server namespace "
	    "disconnect left:server namespace disconnect id:%s ",
	    tn_socket_id(last));
	io_client_say(&a, "42[\"leave\"]");
	ck_assert_str_eq(take_seen(), expected);
	ck_assert_str_eq(take_heard(&a), "41\n");
	ck_assert(a.is_open);
}
END_TEST

START_TEST(the_server_closes_a_connection)
{
	join(&a, NULL);
	io_client_say(&a, "40/chat,{}");
	io_client_forget(&a);
	take_seen();
	io_client_say(&a, "42[\"close\"]");
	io_client_read(&a);
	ck_assert_ptr_nonnull(strstr(a.heard, "41\n"));
	ck_assert_ptr_nonnull(strstr(a.heard, "41/chat,\n"));
	ck_assert(!a.is_open);
	ck_assert_ptr_nonnull(strstr(take_seen(), "left:server namespace "
	    "disconnect leaving:server namespace disconnect left:server "
	    "namespace disconnect freed:data "));
	turn(1);
	ck_assert_str_eq(take_seen(), "");
}
END_TEST

START_TEST(a_connection_is_closed_in_the_order_of_joining)
{
	join(&a, NULL);
	io_client_say(&a, "40/chat,{}");
	io_client_forget(&a);
	tn_socket_disconnect(last, true);
	ck_assert_str_eq(take_heard(&a), "41\n41/chat,\n");
	ck_assert(!a.is_open);
}
END_TEST

START_TEST(a_closed_connection_takes_who_waits_along)
{
	join(&a, NULL);
	io_client_say(&a, "40/chat,{\"w\":1}");
	io_client_forget(&a);
	tn_socket_disconnect(tn_next_socket(waiting), true);
	ck_assert_str_eq(take_heard(&a), "41\n41/chat,\n");
	ck_assert_ptr_null(tn_next_socket(waiting));
	tn_next_ok(waiting);
	ck_assert(!a.is_open);
}
END_TEST

START_TEST(a_transport_that_ends_is_told)
{
	join(&a, NULL);
	if (_i == 0) {
		io_client_close(&a);
	} else if (_i == 1) {
		tn_engine_wire_gone(a.engine, &a.wire, false);
		a.is_open = false;
	} else if (_i == 2) {
		tn_io_close(io);
	} else if (_i == 3) {
		turn(25000);
		turn(20100);
	} else {
		io_client_say(&a, "x");
	}
	turn(1);
	ck_assert_str_eq(take_seen(), ((const char *const[]){
	    "leaving:transport close left:transport close ",
	    "leaving:transport error left:transport error ",
	    "leaving:server shutting down left:server shutting down ",
	    "leaving:ping timeout left:ping timeout ",
	    "leaving:parse error left:parse error " })[_i]);
}
END_TEST

/* ---- rooms ----------------------------------------------------------------*/

START_TEST(a_broadcast_reaches_each_once)
{
	struct tn_socket *sa, *sb, *sc;

	join(&a, &sa);
	join(&b, &sb);
	join(&c, &sc);
	tn_socket_join(sa, S("x"));
	tn_socket_join(sb, S("x"));
	tn_socket_join(sb, S("y"));
	ck_assert_int_eq(tn_emit(tn_all(root), "e", S("1")), 0);
	ck_assert_str_eq(take_heard(&a), "42[\"e\",1]\n");
	ck_assert_str_eq(take_heard(&b), "42[\"e\",1]\n");
	ck_assert_str_eq(take_heard(&c), "42[\"e\",1]\n");
	tn_emit(tn_also(tn_in(root, S("x")), S("y")), "e", TN_SLICE_NONE);
	ck_assert_str_eq(take_heard(&a), "42[\"e\"]\n");
	ck_assert_str_eq(take_heard(&b), "42[\"e\"]\n");
	ck_assert_str_eq(take_heard(&c), "");
	tn_emit(tn_except(tn_all(root), S("y")), "e", TN_SLICE_NONE);
	ck_assert_str_eq(take_heard(&a), "42[\"e\"]\n");
	ck_assert_str_eq(take_heard(&b), "");
	ck_assert_str_eq(take_heard(&c), "42[\"e\"]\n");
	tn_emit(tn_to(sa, S("x")), "e", TN_SLICE_NONE);
	ck_assert_str_eq(take_heard(&a), "");
	ck_assert_str_eq(take_heard(&b), "42[\"e\"]\n");
	tn_emit(tn_broadcast(sa), "e", TN_SLICE_NONE);
	ck_assert_str_eq(take_heard(&a), "");
	ck_assert_str_eq(take_heard(&b), "42[\"e\"]\n");
	ck_assert_str_eq(take_heard(&c), "42[\"e\"]\n");
	tn_emit(tn_in(root, tn_slice_str(tn_socket_id(sc))), "e", S("2"));
	ck_assert_str_eq(take_heard(&b), "");
	ck_assert_str_eq(take_heard(&c), "42[\"e\",2]\n");
	tn_emit(tn_in(root, S("empty")), "e", S("2"));
	tn_emit(tn_all(chat), "e", S("2"));
	ck_assert_str_eq(take_heard(&a), "");
}
END_TEST

START_TEST(rooms_stay_whole_in_any_order)
{
	enum { N = 3, ROOMS = 7 };
	struct io_client *clients[N] = { &a, &b, &c };
	struct tn_socket *s[N];
	bool is_in[N][ROOMS] = { { false } };
	uint32_t random = 1;
	char name[2] = "";

	for (int i = 0; i < N; i++)
		join(clients[i], &s[i]);
	for (int round = 0; round < 3000; round++) {
		random = random * 1664525 + 1013904223;
		int who = (int)(random >> 8) % N;
		int room = (int)(random >> 16) % ROOMS;
		struct tn_slice text = tn_slice(name, 1);

		name[0] = (char)('a' + room);
		if (random >> 31)
			ck_assert_int_eq(tn_socket_join(s[who], text), 0);
		else
			tn_socket_leave(s[who], text);
		is_in[who][room] = random >> 31;
		for (int i = 0; i < N; i++) {
			tn_emit(tn_in(root, text), "e", TN_SLICE_NONE);
			ck_assert_int_eq(tn_socket_in(s[i], text),
			    is_in[i][room]);
		}
		for (int i = 0; i < N; i++)
			ck_assert_str_eq(take_heard(clients[i]), is_in[i][room]
			    ? "42[\"e\"]\n42[\"e\"]\n42[\"e\"]\n" : "");
	}
}
END_TEST

START_TEST(rooms_are_limited)
{
	char name[TN_LIMIT_ROOM_NAME + 2];

	join(&a, NULL);
	memset(name, 'r', sizeof(name));
	ck_assert_int_eq(tn_socket_join(last,
	    tn_slice(name, TN_LIMIT_ROOM_NAME)), 0);
	ck_assert_int_eq(tn_socket_join(last,
	    tn_slice(name, TN_LIMIT_ROOM_NAME + 1)), TN_E_LIMIT);
	ck_assert_int_eq(tn_socket_join(last, S("")), TN_E_LIMIT);
	for (int i = 1; i <= TN_LIMIT_ROOMS_PER_SOCKET; i++) {
		int n = snprintf(name, sizeof(name), "%d", i);

		ck_assert_int_eq(tn_socket_join(last,
		    tn_slice(name, (size_t)n)),
		    i < TN_LIMIT_ROOMS_PER_SOCKET ? 0 : TN_E_LIMIT);
	}
	ck_assert_int_eq(tn_socket_join(last, S("1")), 0);
	io_client_close(&a);
	turn(1);
	ck_assert(!tn_ns_has_room(root, S("1")));
}
END_TEST

START_TEST(emitting_is_limited)
{
	struct tn_slice buffers[TN_LIMIT_ATTACHMENTS + 1] = { { "", 0 } };
	struct tn_target target = tn_all(root);

	join(&a, NULL);
	for (int i = 0; i < TN_TARGET_ROOMS; i++)
		target = tn_also(target, S("r"));
	ck_assert_int_eq(tn_emit(target, "e", TN_SLICE_NONE), 0);
	ck_assert_int_eq(tn_emit(tn_also(target, S("r")), "e", TN_SLICE_NONE),
	    TN_E_LIMIT);
	ck_assert_int_eq(tn_emit_binary(tn_all(root), "e", TN_SLICE_NONE,
	    buffers, TN_LIMIT_ATTACHMENTS), 0);
	ck_assert_int_eq(tn_emit_binary(tn_all(root), "e", TN_SLICE_NONE,
	    buffers, TN_LIMIT_ATTACHMENTS + 1), TN_E_LIMIT);
	ck_assert_int_lt(tn_emit(tn_all(root), "disconnect", TN_SLICE_NONE), 0);
}
END_TEST

START_TEST(volatile_events_are_for_who_can_write)
{
	join(&a, NULL);
	join(&b, NULL);
	b.wire.pending = true;
	ck_assert_int_eq(tn_emit(tn_volatile(tn_all(root)), "v",
	    TN_SLICE_NONE), 0);
	ck_assert_str_eq(take_heard(&a), "42[\"v\"]\n");
	ck_assert_str_eq(take_heard(&b), "");
}
END_TEST

START_TEST(one_copy_is_shared_by_all)
{
	const struct tn_rcbuf *rc;

	join(&a, NULL);
	join(&b, NULL);
	tn_emit(tn_all(root), "e", TN_SLICE_NONE);
	tn_engine_flush(tn_io_engine(io));
	ck_assert_uint_eq(a.wire.out.len, 1);
	rc = tn_outq_at(&a.wire.out, 0);
	ck_assert_ptr_eq(rc, tn_outq_at(&b.wire.out, 0));
	ck_assert_uint_eq(rc->refs, 2);
}
END_TEST

/* ---- acks from clients ----------------------------------------------------*/

static void
on_ack(struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers,
    const struct tn_err *err, void *arg)
{
	(void)buffers;
	(void)arg;
	note(nbuffers > 0 ? "binary:" : err == NULL ? "ack:" : "error:",
	    err == NULL ? args : tn_slice_str(err->text));
}

START_TEST(clients_answer_the_server)
{
	join(&a, NULL);
	ck_assert_int_eq(tn_socket_emit_ack(last, "q", S("1"), 500, on_ack,
	    NULL), 0);
	ck_assert_int_eq(tn_socket_emit_ack(last, "q", S("2"), 0, on_ack,
	    NULL), 0);
	ck_assert_str_eq(take_heard(&a), "420[\"q\",1]\n421[\"q\",2]\n");
	io_client_say(&a, "431[\"two\",2]");
	ck_assert_str_eq(take_seen(), "ack:\"two\",2 ");
	io_client_say(&a, "431[\"again\"]");
	ck_assert_str_eq(take_seen(), "");
	turn(490);
	ck_assert_str_eq(take_seen(), "");
	turn(20);
	ck_assert_str_eq(take_seen(), "error:operation has timed out ");
	io_client_say(&a, "430[\"late\"]");
	ck_assert_str_eq(take_seen(), "");
	tn_socket_emit_ack(last, "q", S("3"), 0, on_ack, NULL);
	io_client_say(&a, "461-2[{\"_placeholder\":true,\"num\":0}]");
	say_binary(&a, S("x"));
	ck_assert_str_eq(take_seen(),
	    "binary:{\"_placeholder\":true,\"num\":0} ");
	tn_socket_emit_ack(last, "q", S("4"), 0, on_ack, NULL);
	io_client_say(&a, "41");
	ck_assert_str_eq(take_seen(), "leaving:client namespace disconnect "
	    "left:client namespace disconnect "
	    "error:socket has been disconnected ");
}
END_TEST

START_TEST(awaited_answers_are_limited)
{
	join(&a, NULL);
	for (int i = 0; i < TN_LIMIT_PENDING_ACKS; i++)
		ck_assert_int_eq(tn_socket_emit_ack(last, "q", TN_SLICE_NONE,
		    0, on_ack, NULL), 0);
	ck_assert_int_eq(tn_socket_emit_ack(last, "q", TN_SLICE_NONE, 0,
	    on_ack, NULL), TN_E_LIMIT);
}
END_TEST

/* ---- what adapters use ----------------------------------------------------*/

START_TEST(a_delivery_collects_answers)
{
	const struct tn_broadcast_packet packet = { .data = S("[\"q\"]") };

	join(&a, NULL);
	join(&b, NULL);
	ck_assert_int_eq(tn_ns_deliver_ack(root, &packet, 100, on_ack, NULL),
	    2);
	ck_assert_str_eq(take_heard(&a), "420[\"q\"]\n");
	ck_assert_str_eq(take_heard(&b), "420[\"q\"]\n");
	io_client_say(&b, "430[7]");
	ck_assert_str_eq(take_seen(), "ack:7 ");
	turn(110);
	ck_assert_str_eq(take_seen(), "error:operation has timed out ");
}
END_TEST

static void
send_away(struct tn_socket *s, void *arg)
{
	(void)arg;
	tn_socket_disconnect(s, true);
}

START_TEST(a_selection_may_change_what_it_walks)
{
	const struct tn_broadcast_packet all = { .nrooms = 0 };

	join(&a, NULL);
	io_client_say(&a, "40/chat,{}");
	join(&b, NULL);
	ck_assert_int_eq(tn_ns_select(root, &all, send_away, NULL), 0);
	ck_assert_uint_eq(tn_ns_len(root), 0);
	ck_assert_uint_eq(tn_ns_len(chat), 0);
}
END_TEST

START_TEST(a_socket_is_told_as_json)
{
	char expected[512];
	struct tn_buf out;

	io_client_open(&a, io, "secret=1");
	io_client_say(&a, "40{\"t\":1}");
	tn_socket_join(last, S("r\"1"));
	tn_buf_init(&out, 4096);
	tn_socket_write_json(last, &out);
	tn_buf_char(&out, '\0');
	snprintf(expected, sizeof(expected), "{\"id\":\"%s\",\"handshake\":{"
	    "\"headers\":{\"host\":\"localhost\"},\"time\":\"",
	    tn_socket_id(last));
	ck_assert_int_eq(strncmp(out.ptr, expected, strlen(expected)), 0);
	snprintf(expected, sizeof(expected), ",\"url\":\"/socket.io/?EIO=4&"
	    "transport=websocket\",\"query\":{\"EIO\":\"4\",\"transport\":"
	    "\"websocket\"},\"auth\":{\"t\":1}},\"rooms\":[\"%s\",\"r\\\"1\"],"
	    "\"data\":{}}", tn_socket_id(last));
	ck_assert_str_eq(strstr(out.ptr, ",\"url\""), expected);
	ck_assert_ptr_null(strstr(out.ptr, "secret"));
	tn_buf_fini(&out);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("io");
	TCase *t = tcase_create("io");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_client_joins_a_namespace);
	tcase_add_test(t, an_unknown_namespace_is_refused);
	tcase_add_test(t, steps_let_in_or_refuse);
	tcase_add_test(t, a_step_may_answer_later);
	tcase_add_test(t, a_step_may_refuse_later);
	tcase_add_test(t, a_step_may_send_its_socket_away);
	tcase_add_loop_test(t, a_client_may_vanish_while_a_step_thinks, 0, 2);
	tcase_add_test(t, an_answer_may_outlive_the_server);
	tcase_add_loop_test(t, a_second_connect_closes, 0, 2);
	tcase_add_test(t, who_joins_nothing_is_closed);
	tcase_add_test(t, namespaces_of_a_client_are_limited);
	tcase_add_test(t, auth_is_limited);
	tcase_add_test(t, events_reach_their_handlers);
	tcase_add_test(t, acks_are_sent_once);
	tcase_add_test(t, refusals_say_why);
	tcase_add_test(t, a_held_event_is_answered_later);
	tcase_add_test(t, binary_events_are_put_together);
	tcase_add_test(t, attachments_that_do_not_come_close);
	tcase_add_test(t, attachments_are_limited_in_all);
	tcase_add_loop_test(t, bad_input_closes, 0,
	    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, text_between_attachments_closes);
	tcase_add_test(t, a_client_leaves_and_comes_back);
	tcase_add_test(t, the_server_sends_a_socket_away);
	tcase_add_test(t, the_server_closes_a_connection);
	tcase_add_test(t, a_connection_is_closed_in_the_order_of_joining);
	tcase_add_test(t, a_closed_connection_takes_who_waits_along);
	tcase_add_loop_test(t, a_transport_that_ends_is_told, 0, 5);
	tcase_add_test(t, a_broadcast_reaches_each_once);
	tcase_add_test(t, rooms_stay_whole_in_any_order);
	tcase_add_test(t, rooms_are_limited);
	tcase_add_test(t, emitting_is_limited);
	tcase_add_test(t, volatile_events_are_for_who_can_write);
	tcase_add_test(t, one_copy_is_shared_by_all);
	tcase_add_test(t, clients_answer_the_server);
	tcase_add_test(t, awaited_answers_are_limited);
	tcase_add_test(t, a_delivery_collects_answers);
	tcase_add_test(t, a_selection_may_change_what_it_walks);
	tcase_add_test(t, a_socket_is_told_as_json);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
