/* What an application can hang on a socket, and namespaces made on demand. */
#include "config.h"

#include <stdio.h>

#include "base/arena.h"
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
static struct tn_socket *last;
static struct tn_buf seen;

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

static void
on_connection(struct tn_socket *s, void *arg)
{
	(void)arg;
	last = s;
}

static void
start(bool cleans)
{
	const struct tn_io_options options = {
		.cleanup_empty_namespaces = cleans,
	};

	tn_random_start(NULL);
	tn_buf_init(&seen, 1 << 20);
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000000), 0);
	io = tn_io_new(&options, &wheel, NULL, NULL);
	root = tn_io_of(io, "/");
	tn_ns_on_connection(root, on_connection, NULL);
	io_client_open(&a, io, "c=1");
	io_client_say(&a, "40{\"t\":1}");
	io_client_forget(&a);
	b = (struct io_client){ .is_open = false };
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
turn(void)
{
	tn_wheel_advance(&wheel, wheel.now_ms + 5);
	tn_engine_flush(tn_io_engine(io));
}

/* ---- handlers -------------------------------------------------------------*/

static void
hear(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	(void)s;
	note(arg == NULL ? "heard:" : arg, event->data);
}

static void
hear_other(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	hear(s, event, arg);
}

START_TEST(once_is_once)
{
	ck_assert_int_eq(tn_socket_once(last, "e", hear, NULL), 0);
	tn_socket_on(last, "e", hear_other, (void *)(uintptr_t)"other:");
	io_client_say(&a, "42[\"e\",1]");
	ck_assert_str_eq(take_seen(), "heard:[\"e\",1] other:[\"e\",1] ");
	io_client_say(&a, "42[\"e\",2]");
	ck_assert_str_eq(take_seen(), "other:[\"e\",2] ");
	ck_assert_int_lt(tn_socket_once(last, "disconnect", hear, NULL), 0);
}
END_TEST

static void
hear_no_more(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	hear(s, event, arg);
	ck_assert_int_eq(tn_socket_off(s, "e", NULL), 0);
}

START_TEST(off_is_off)
{
	tn_socket_on(last, "e", hear_no_more, NULL);
	tn_socket_on(last, "e", hear, NULL);
	tn_socket_on(last, "f", hear, NULL);
	tn_socket_on(last, "f", hear_other, (void *)(uintptr_t)"other:");
	io_client_say(&a, "42[\"e\"]");		/* what was found still hears */
	ck_assert_str_eq(take_seen(), "heard:[\"e\"] heard:[\"e\"] ");
	io_client_say(&a, "42[\"e\"]");
	ck_assert_str_eq(take_seen(), "");
	tn_socket_off(last, "f", hear);
	io_client_say(&a, "42[\"f\"]");
	ck_assert_str_eq(take_seen(), "other:[\"f\"] ");
	tn_socket_off(last, NULL, NULL);
	io_client_say(&a, "42[\"f\"]");
	ck_assert_str_eq(take_seen(), "");
	ck_assert_int_eq(tn_socket_off(last, "never", NULL), 0);
}
END_TEST

static void
on_disconnect(struct tn_socket *s, const char *reason, void *arg)
{
	(void)s;
	(void)arg;
	note("left:", tn_slice_str(reason));
}

START_TEST(off_leaves_the_end_alone)
{
	tn_socket_on_disconnect(last, on_disconnect, NULL);
	tn_socket_off(last, NULL, NULL);
	io_client_say(&a, "41");
	ck_assert_str_eq(take_seen(), "left:client namespace disconnect ");
}
END_TEST

/* ---- catch-all listeners, steps -------------------------------------------*/

START_TEST(catch_all_listeners_hear_what_comes)
{
	tn_socket_on(last, "e", hear, NULL);
	tn_socket_on_any(last, hear, (void *)(uintptr_t)"any:");
	tn_socket_prepend_any(last, hear_other, (void *)(uintptr_t)"front:");
	io_client_say(&a, "42[\"e\",1]");
	ck_assert_str_eq(take_seen(),
	    "front:[\"e\",1] any:[\"e\",1] heard:[\"e\",1] ");
	io_client_say(&a, "42[\"unheard\"]");
	ck_assert_str_eq(take_seen(), "front:[\"unheard\"] any:[\"unheard\"] ");
	tn_socket_off_any(last, hear);
	io_client_say(&a, "42[\"x\"]");
	ck_assert_str_eq(take_seen(), "front:[\"x\"] ");
	tn_socket_off_any(last, NULL);
	io_client_say(&a, "42[\"x\"]");
	ck_assert_str_eq(take_seen(), "");
}
END_TEST

static void
hear_and_leave(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	hear(s, event, arg);
	ck_assert(!event->wants_ack);
	tn_event_ack(event, S("1"));
	tn_socket_leave(s, S("r"));
}

START_TEST(catch_all_listeners_hear_what_goes)
{
	struct tn_socket *sa = last;

	tn_socket_join(last, S("r"));
	tn_socket_on_any_outgoing(last, hear, (void *)(uintptr_t)"any:");
	tn_socket_prepend_any_outgoing(last, hear_and_leave,
	    (void *)(uintptr_t)"front:");
	tn_socket_emit(last, "one", S("1"));
	ck_assert_str_eq(take_seen(), "front:[\"one\",1] any:[\"one\",1] ");
	tn_socket_join(last, S("r"));
	tn_emit(tn_in(root, S("r")), "many", S("2"));
	ck_assert_str_eq(take_seen(), "front:[\"many\",2] any:[\"many\",2] ");
	tn_emit(tn_in(root, S("r")), "not in it", S("3"));
	ck_assert_str_eq(take_seen(), "");
	tn_socket_off_any_outgoing(last, NULL);
	tn_emit(tn_all(root), "off", S("4"));
	ck_assert_str_eq(take_seen(), "");
	ck_assert(io_client_heard(&a, "42[\"one\",1]\n42[\"many\",2]\n"
	    "42[\"off\",4]\n"));
	tn_socket_on_any_outgoing(sa, hear, NULL);
	io_client_close(&a);
	turn();
	tn_emit(tn_all(root), "gone", S("5"));
	ck_assert_str_eq(take_seen(), "");
}
END_TEST

static int
check(struct tn_socket *s, const struct tn_event *event, struct tn_err *err,
    void *arg)
{
	(void)s;
	note(arg, event->name);
	return tn_slice_is(event->name, "bad") ?
	    tn_err_set(err, TN_E_DENIED, "not that") : 0;
}

static void
on_error(struct tn_socket *s, const struct tn_err *err, void *arg)
{
	(void)s;
	(void)arg;
	note("error:", tn_slice_str(err->text));
}

START_TEST(steps_stop_events)
{
	tn_socket_on(last, "good", hear, NULL);
	tn_socket_on(last, "bad", hear, NULL);
	tn_socket_use(last, check, (void *)(uintptr_t)"one:");
	tn_socket_use(last, check, (void *)(uintptr_t)"two:");
	tn_socket_on_error(last, on_error, NULL);
	io_client_say(&a, "42[\"good\"]");
	ck_assert_str_eq(take_seen(), "one:good two:good heard:[\"good\"] ");
	io_client_say(&a, "42[\"bad\"]");
	ck_assert_str_eq(take_seen(), "one:bad error:not that ");
	ck_assert(a.is_open);
	io_client_say(&a, "49");
	ck_assert_str_eq(take_seen(), "error:an unknown packet type ");
	turn();
	io_client_read(&a);
	ck_assert(!a.is_open);
}
END_TEST

/* ---- polling --------------------------------------------------------------*/

static char sid[TN_EIO_ID_LEN + 1];

static void
on_reply(struct tn_io_exchange *x, const struct tn_io_reply *reply)
{
	const struct tn_slice open = S("0{\"sid\":\"");

	(void)x;
	ck_assert_int_eq(reply->status, 200);
	if (tn_slice_starts(reply->body, open))
		memcpy(sid, reply->body.ptr + open.len, TN_EIO_ID_LEN);
}

/* body NULL: a GET */
static void
ask(struct tn_io_exchange *x, const char *target, const char *body)
{
	const struct tn_io_request request = {
		.method = body == NULL ? S("GET") : S("POST"),
		.target = tn_slice_str(target), .address = S("127.0.0.1"),
	};

	*x = (struct tn_io_exchange){ .reply = on_reply };
	if (tn_engine_request(a.engine, &request, x) == TN_ENGINE_BODY) {
		tn_engine_body(a.engine, x, tn_slice_str(body));
		tn_engine_body_end(a.engine, x);
	}
	turn();
}

static void
note_end(struct tn_socket *s, const char *reason, void *arg)
{
	(void)s;
	(void)arg;
	note("left:", tn_slice_str(reason));
}

static const char *const polled_faults[] = { "49", "42/none,[\"x\"]", "40" };

START_TEST(whoever_errs_over_polling_leaves_at_once)
{
	char target[128] = "/socket.io/?EIO=4&transport=polling";
	struct tn_io_exchange x;

	ask(&x, target, NULL);
	snprintf(target, sizeof(target),
	    "/socket.io/?EIO=4&transport=polling&sid=%s", sid);
	ask(&x, target, "40");
	tn_socket_on_disconnect(last, note_end, NULL);
	ck_assert_uint_eq(tn_ns_len(root), 2);
	ask(&x, target, polled_faults[_i]);
	ck_assert_str_eq(take_seen(), "left:forced close ");
	ck_assert_uint_eq(tn_ns_len(root), 1);
}
END_TEST

/* ---- rooms ----------------------------------------------------------------*/

static void
on_room(struct tn_ns *ns, enum tn_room_event what, struct tn_slice room,
    struct tn_socket *s, void *arg)
{
	static const char *const names[] = { "+", "in:", "out:", "-" };

	(void)ns;
	(void)arg;
	ck_assert_int_eq(s != NULL,
	    what == TN_ROOM_JOINED || what == TN_ROOM_LEFT);
	note(names[what], room.len == TN_EIO_ID_LEN ? S("own") : room);
}

START_TEST(rooms_tell_what_happens)
{
	tn_ns_on_room(root, on_room, NULL);
	io_client_open(&b, io, NULL);
	io_client_say(&b, "40");
	ck_assert_str_eq(take_seen(), "+own in:own ");
	tn_socket_join(last, S("r"));
	tn_socket_join(last, S("r"));
	ck_assert_str_eq(take_seen(), "+r in:r ");
	tn_sockets_join(tn_all(root), S("r"));
	ck_assert_str_eq(take_seen(), "in:r ");
	tn_socket_leave(last, S("r"));
	ck_assert_str_eq(take_seen(), "out:r ");
	tn_sockets_leave(tn_all(root), S("r"));
	ck_assert_str_eq(take_seen(), "out:r -r ");
	ck_assert(!tn_ns_has_room(root, S("r")));
	tn_socket_join(last, S("r"));
	take_seen();
	io_client_close(&b);
	turn();
	ck_assert_str_eq(take_seen(), "out:own -own out:r -r ");
}
END_TEST

static void
note_rooms(struct tn_socket *s, const char *reason, void *arg)
{
	struct tn_slice room;

	(void)reason;
	(void)arg;
	for (size_t i = 0; (room = tn_socket_room(s, i)).ptr != NULL; i++)
		note("is:", room);
}

START_TEST(rooms_keep_the_order_of_their_joining)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	tn_ns_on_room(root, on_room, NULL);
	tn_socket_on_disconnecting(last, note_rooms, NULL);
	for (size_t i = 0; i < 5; i++)
		tn_socket_join(last, tn_slice_str(names[i]));
	tn_socket_leave(last, S("b"));
	tn_socket_join(last, S("b"));
	tn_socket_leave(last, S("e"));
	take_seen();
	tn_socket_disconnect(last, false);
	ck_assert_str_eq(take_seen(), "is:a is:c is:d is:b out:own -own "
	    "out:a -a out:c -c out:d -d out:b -b ");
}
END_TEST

static int visits;

static void
rejoin(struct tn_ns *ns, enum tn_room_event what, struct tn_slice room,
    struct tn_socket *s, void *arg)
{
	(void)ns;
	(void)arg;
	visits++;
	if (what == TN_ROOM_LEFT && room.len == 1 && visits < 10) {
		tn_socket_join(s, S("r"));
		tn_socket_leave(s, S("r"));
	}
}

START_TEST(who_is_told_of_rooms_may_change_them)
{
	tn_ns_on_room(root, rejoin, NULL);
	tn_socket_join(last, S("r"));
	tn_socket_leave(last, S("r"));
	ck_assert(!tn_ns_has_room(root, S("r")));
	tn_socket_join(last, S("r"));
	visits = 0;
	io_client_close(&a);
	turn();
	ck_assert(!tn_ns_has_room(root, S("r")));
}
END_TEST

/* ---- the handshake --------------------------------------------------------*/

START_TEST(the_handshake_can_be_read)
{
	struct tn_arena arena;
	struct tn_slice value;
	struct tn_buf out;

	tn_arena_init(&arena, 4096);
	ck_assert_int_eq(tn_socket_query(last, "transport", &arena, &value), 1);
	ck_assert(tn_slice_is(value, "websocket"));
	ck_assert_int_eq(tn_socket_query(last, "nope", &arena, &value), 0);
	tn_arena_fini(&arena);
	tn_arena_init(&arena, 0);
	tn_arena_fini(&arena);
	ck_assert(tn_slice_is(tn_socket_url(last),
	    "/socket.io/?EIO=4&transport=websocket"));
	ck_assert(!tn_socket_is_secure(last));
	ck_assert(!tn_socket_is_xdomain(last));
	ck_assert_int_gt(tn_socket_issued_ms(last), INT64_C(1500000000000));
	tn_buf_init(&out, 4096);
	tn_socket_write_handshake(last, &out);
	tn_buf_char(&out, '\0');
	ck_assert_ptr_nonnull(strstr(out.ptr, "\"auth\":{\"t\":1}}"));
	ck_assert_ptr_nonnull(strstr(out.ptr, "GMT+0000"));
	ck_assert_ptr_null(strstr(out.ptr, "c=1"));
	tn_buf_fini(&out);
}
END_TEST

START_TEST(data_is_limited)
{
	static char text[TN_LIMIT_SOCKET_DATA + 1];

	memset(text, ' ', sizeof(text));
	memcpy(text, "{}", 2);
	ck_assert(tn_slice_is(tn_socket_data_json(last), "{}"));
	ck_assert_int_eq(tn_socket_set_data_json(last,
	    tn_slice(text, TN_LIMIT_SOCKET_DATA)), 0);
	ck_assert_int_eq(tn_socket_set_data_json(last,
	    tn_slice(text, TN_LIMIT_SOCKET_DATA + 1)), TN_E_LIMIT);
	tn_socket_disconnect(last, false);
	ck_assert_int_eq(tn_socket_set_data_json(last, S("{}")), TN_E_STATE);
}
END_TEST

/* ---- namespaces on demand -------------------------------------------------*/

static bool
is_tenant(struct tn_slice name, struct tn_slice auth, void *arg)
{
	(void)arg;
	note("asked:", auth);
	return tn_slice_starts(name, S("/t-"));
}

static void
on_new(struct tn_ns *ns, void *arg)
{
	(void)arg;
	note("new:", tn_ns_name(ns));
}

static void
step(struct tn_socket *s, struct tn_next *next, void *arg)
{
	(void)s;
	(void)arg;
	note("step", TN_SLICE_NONE);
	tn_next_ok(next);
}

static struct tn_ns *
make_parent(void)
{
	struct tn_ns *parent = tn_io_of_match(io, is_tenant, NULL);

	tn_ns_on_connection(parent, on_connection, NULL);
	tn_ns_use(parent, step, NULL);
	tn_io_on_new_namespace(io, on_new, NULL);
	return parent;
}

START_TEST(a_client_asks_for_a_namespace)
{
	struct tn_ns *parent = make_parent();

	io_client_say(&a, "40/t-1,{\"k\":1}");
	ck_assert(io_client_heard(&a, "40/t-1,{\"sid\""));
	ck_assert_str_eq(take_seen(), "asked:{\"k\":1} new:/t-1 step ");
	io_client_say(&a, "40/t-2,");
	ck_assert_str_eq(take_seen(), "asked:{} new:/t-2 step ");
	io_client_say(&a, "40/other,");
	ck_assert(io_client_heard(&a,
	    "44/other,{\"message\":\"Invalid namespace\"}"));
	io_client_open(&b, io, NULL);
	io_client_say(&b, "40/t-1,");
	ck_assert(io_client_heard(&b, "40/t-1,{\"sid\""));
	io_client_forget(&a);
	io_client_forget(&b);
	ck_assert_int_eq(tn_emit(tn_all(parent), "e", S("1")), 0);
	ck_assert(io_client_heard(&a, "42/t-1,[\"e\",1]\n"));
	ck_assert(io_client_heard(&a, "42/t-2,[\"e\",1]\n"));
	ck_assert(io_client_heard(&b, "42/t-1,[\"e\",1]\n"));
	ck_assert_int_eq(tn_sockets_join(tn_all(parent), S("r")), TN_E_STATE);
}
END_TEST

START_TEST(namespaces_on_demand_are_limited)
{
	char packet[32];

	make_parent();
	for (int i = 0; i <= TN_LIMIT_DYNAMIC_NSPS; i++) {
		snprintf(packet, sizeof(packet), "40/t-%d,", i);
		io_client_forget(&a);
		io_client_say(&a, packet);
		ck_assert_msg(io_client_heard(&a,
		    i < TN_LIMIT_DYNAMIC_NSPS ? "{\"sid\"" :
		    "Too many namespaces"), "%d: %s", i, a.heard);
		snprintf(packet, sizeof(packet), "41/t-%d,", i);
		if (i < TN_LIMIT_DYNAMIC_NSPS)
			io_client_say(&a, packet);
	}
}
END_TEST

static struct tn_event_ref *held;

static void
hold(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	(void)s;
	(void)arg;
	held = tn_event_hold(event);
}

START_TEST(empty_namespaces_are_forgotten)
{
	struct tn_ns *ns;

	teardown();
	start(true);
	make_parent();
	for (int i = 0; i < 2; i++) {
		io_client_say(&a, "40/t-1,");
		ck_assert_ptr_nonnull(strstr(take_seen(), "new:/t-1"));
		tn_socket_on(last, "hold", hold, NULL);
		io_client_say(&a, "42/t-1,1[\"hold\"]");
		io_client_say(&a, "41/t-1,");
		ns = tn_socket_ns(last);
		ck_assert_int_eq(tn_emit(tn_broadcast(last), "e", S("1")),
		    TN_E_STATE);
		turn();
		ck_assert_ptr_eq(tn_event_ref_ns(held), ns);
		ck_assert_int_eq(tn_emit(tn_all(tn_event_ref_ns(held)), "e",
		    S("1")), TN_E_STATE);
		tn_event_ref_ack(held, S("1"));
	}
}
END_TEST

/* ---- clients of Socket.IO 2 -----------------------------------------------*/

static void
wake(struct tn_wire *w)
{
	(void)w;
}

static void
start_v2(void)
{
	const struct tn_io_options options = { .engine.allow_eio3 = true };
	const struct tn_pair host = { S("host"), S("localhost") };
	const struct tn_io_request request = {
		.method = S("GET"), .headers = &host, .nheaders = 1,
		.target = S("/socket.io/?EIO=3&transport=websocket"),
		.address = S("127.0.0.1"), .is_upgrade = true,
	};

	teardown();
	tn_buf_init(&seen, 1 << 20);
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000000), 0);
	io = tn_io_new(&options, &wheel, NULL, NULL);
	root = tn_io_of(io, "/");
	tn_ns_on_connection(root, on_connection, NULL);
	a = b = (struct io_client){ .wire = { .wake = wake },
		.engine = tn_io_engine(io) };
	a.is_open = true;
	tn_engine_wire_open(a.engine, &request, &a.wire);
}

static void
refuse(struct tn_socket *s, struct tn_next *next, void *arg)
{
	(void)s;
	tn_next_refuse(next, "nope", arg == NULL ? TN_SLICE_NONE :
	    S("{\"code\":1}"));
}

START_TEST(old_clients_are_in_at_once)
{
	struct tn_ns *other;
	char expected[128];

	start_v2();
	ck_assert(io_client_heard(&a, "\n40\n"));
	ck_assert(strstr(a.heard, tn_socket_id(last)) != NULL);
	other = tn_io_of(io, "/other");
	tn_ns_on_connection(other, on_connection, NULL);
	io_client_forget(&a);
	io_client_say(&a, "40/other?token=a%20b&n=1&n=2,");
	ck_assert_str_eq((io_client_read(&a), a.heard), "40/other,\n");
	ck_assert(tn_slice_is(tn_socket_auth(last),
	    "{\"token\":\"a b\",\"n\":\"2\"}"));
	ck_assert_int_eq(strncmp(tn_socket_id(last), "/other#", 7), 0);
	snprintf(expected, sizeof(expected), "%s", tn_socket_id(last));
	io_client_forget(&a);
	tn_emit(tn_in(other, tn_slice_str(expected)), "e", S("1"));
	ck_assert(io_client_heard(&a, "42/other,[\"e\",1]\n"));
	tn_emit(tn_broadcast(last), "not to itself", S("1"));
	ck_assert(!io_client_heard(&a, "itself"));
	tn_socket_on(last, "x", hear, NULL);
	io_client_say(&a, "42/other?token=a%20b&n=1,[\"x\"]");
	ck_assert_str_eq(take_seen(), "heard:[\"x\"] ");
	io_client_say(&a, "41/other,");
	io_client_say(&a, "40/other,");
	ck_assert_str_eq(tn_socket_id(last), expected);
}
END_TEST

START_TEST(old_clients_are_refused_with_text)
{
	start_v2();
	tn_ns_use(tn_io_of(io, "/text"), refuse, NULL);
	tn_ns_use(tn_io_of(io, "/data"), refuse, &last);
	io_client_forget(&a);
	io_client_say(&a, "40/text,");
	io_client_say(&a, "40/data,");
	io_client_say(&a, "40/none,");
	io_client_read(&a);
	ck_assert_str_eq(a.heard, "44/text,\"nope\"\n44/data,{\"code\":1}\n"
	    "44/none,{\"message\":\"Invalid namespace\"}\n");
	io_client_say(&a, "40/text?%zz,");
	turn();
	io_client_read(&a);
	ck_assert_ptr_null(strstr(a.heard, "sid"));
}
END_TEST

/* ---- memory ---------------------------------------------------------------*/

static void
use_everything(void)
{
	io_client_say(&a, "40/t-1,{\"k\":1}");
	tn_socket_once(last, "e", hear, NULL);
	tn_socket_on(last, "e", hear, NULL);
	tn_socket_on_any(last, hear, NULL);
	tn_socket_prepend_any_outgoing(last, hear, NULL);
	tn_socket_use(last, check, (void *)(uintptr_t)"one:");
	tn_socket_set_data_json(last, S("{}"));
	io_client_say(&a, "42/t-1,[\"e\"]");
	io_client_say(&a, "42[\"e\"]");
	tn_socket_emit(last, "e", S("1"));
	tn_socket_off(last, "e", NULL);
	tn_socket_off_any(last, NULL);
	io_client_say(&a, "41/t-1,");
	turn();
}

START_TEST(running_out_of_memory_is_survived)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		teardown();
		start(true);
		make_parent();
		tn_alloc_fail_at(n);
		use_everything();
		failed = tn_alloc_end();
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("socket");
	TCase *t = tcase_create("socket");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, once_is_once);
	tcase_add_test(t, off_is_off);
	tcase_add_test(t, off_leaves_the_end_alone);
	tcase_add_test(t, catch_all_listeners_hear_what_comes);
	tcase_add_test(t, catch_all_listeners_hear_what_goes);
	tcase_add_test(t, steps_stop_events);
	tcase_add_loop_test(t, whoever_errs_over_polling_leaves_at_once, 0,
	    sizeof(polled_faults) / sizeof(polled_faults[0]));
	tcase_add_test(t, rooms_tell_what_happens);
	tcase_add_test(t, rooms_keep_the_order_of_their_joining);
	tcase_add_test(t, who_is_told_of_rooms_may_change_them);
	tcase_add_test(t, the_handshake_can_be_read);
	tcase_add_test(t, data_is_limited);
	tcase_add_test(t, a_client_asks_for_a_namespace);
	tcase_add_test(t, namespaces_on_demand_are_limited);
	tcase_add_test(t, empty_namespaces_are_forgotten);
	tcase_add_test(t, old_clients_are_in_at_once);
	tcase_add_test(t, old_clients_are_refused_with_text);
	tcase_add_test(t, running_out_of_memory_is_survived);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
