/* What an adapter asks of a namespace; binary answers; data of one's own. */
#include "config.h"

#include "io/adapter.h"

#include <stdio.h>

#include "base/err.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "engine_rig.h"
#include "io/emit.h"
#include "io/event.h"
#include "io_client.h"

#define S(s) TN_SLICE(s)

static struct tn_wheel wheel;
static struct tn_io *io;
static struct tn_ns *root;
static struct io_client a, b;
static struct tn_socket *sa, *sb, *last;
static struct tn_event_ref *held;
static struct tn_adapter adapter;
static uint64_t asked;
static char said[256];

static void
note(const char *text)
{
	strncat(said, text, sizeof(said) - strlen(said) - 1);
}

/* ---- the application ------------------------------------------------------ */

static const struct tn_slice bytes[] = { TN_SLICE("one"), TN_SLICE("two") };

static void
answer_now(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	(void)s;
	(void)arg;
	tn_event_ack_binary(event, S("{\"_placeholder\":true,\"num\":0},1"),
	    bytes, 1);
	tn_event_ack(event, S("\"too late\""));
}

static void
answer_later(struct tn_socket *s, const struct tn_event *event, void *arg)
{
	(void)s;
	(void)arg;
	held = tn_event_hold(event);
}

static void
on_connection(struct tn_socket *s, void *arg)
{
	(void)arg;
	last = s;
	tn_socket_on(s, "now", answer_now, NULL);
	tn_socket_on(s, "later", answer_later, NULL);
}

static int
publish_ack(struct tn_adapter *ad, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, int timeout_ms, uint64_t gather)
{
	(void)ad;
	(void)ns;
	(void)packet;
	(void)timeout_ms;
	asked = gather;
	return 0;
}

static const struct tn_adapter_ops ops = { .publish_ack = publish_ack };

static void
open_client(struct io_client *c, struct tn_socket **s)
{
	io_client_open(c, io, NULL);
	io_client_say(c, "40");
	*s = last;
	io_client_forget(c);
}

/* ad NULL: the in-memory one */
static void
start(struct tn_adapter *ad)
{
	const struct tn_io_options options = { .recovery_window_ms = 60000 };

	tn_random_start(NULL);
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000000), 0);
	io = tn_io_new(&options, &wheel, NULL, NULL);
	if (ad != NULL)
		tn_io_set_adapter(io, ad);
	root = tn_io_of(io, "/");
	tn_ns_on_connection(root, on_connection, NULL);
	held = NULL;
	asked = 0;
	said[0] = '\0';
	open_client(&a, &sa);
	open_client(&b, &sb);
}

static void
setup(void)
{
	start(NULL);
}

static void
teardown(void)
{
	tn_io_free(&io);
	tn_outq_fini(&a.wire.out);
	tn_outq_fini(&b.wire.out);
	tn_wheel_fini(&wheel);
}

/* Once more, with an adapter of ours. */
static void
restart(const struct tn_adapter_ops *its)
{
	teardown();
	adapter = (struct tn_adapter){ .ops = its };
	start(&adapter);
}

/* ---- Messages and answers --------------------------------------------------- */

START_TEST(send_is_the_event_message)
{
	ck_assert_int_eq(tn_send(tn_all(root), S("1,\"x\"")), 0);
	ck_assert(io_client_heard(&a, "42[\"message\",1,\"x\""));
	ck_assert(io_client_heard(&b, "42[\"message\",1,\"x\""));
	io_client_forget(&a);
	io_client_forget(&b);
	ck_assert_int_eq(tn_socket_send(sa, TN_SLICE_NONE), 0);
	ck_assert(io_client_heard(&a, "42[\"message\""));
	ck_assert(!io_client_heard(&b, "message"));
}
END_TEST

/* Whose queue could not grow was closed: let it come again. */
static void
again(struct io_client *c, struct tn_socket **s)
{
	io_client_forget(c);
	if (c->is_open)
		return;
	tn_outq_fini(&c->wire.out);
	open_client(c, s);
}

START_TEST(sends_without_memory_say_so)
{
	for (int one = 0; one < 2; one++) {
		bool failed = true;

		for (unsigned n = 1; failed; n++) {
			int rc;

			tn_alloc_fail_at(n);
			rc = one ? tn_socket_send(sa, S("1")) :
			    tn_send(tn_all(root), S("1"));
			failed = tn_alloc_end();
			ck_assert_msg(rc == 0 || (failed && rc == TN_E_NOMEM),
			    "%u: %d", n, rc);
			again(&a, &sa);
			again(&b, &sb);
		}
	}
	ck_assert_int_eq(tn_socket_send(sa, S("1")), 0);
	ck_assert(io_client_heard(&a, "message"));
}
END_TEST

START_TEST(answer_has_its_bytes)
{
	io_client_say(&a, "427[\"now\"]");
	ck_assert(io_client_heard(&a,
	    "461-7[{\"_placeholder\":true,\"num\":0},1]\none\n"));
	ck_assert(!io_client_heard(&a, "too late"));
	io_client_forget(&a);
	io_client_say(&a, "42[\"now\"]");	/* none is wanted */
	ck_assert(!io_client_heard(&a, "46"));
}
END_TEST

START_TEST(late_answer_has_its_bytes)
{
	io_client_say(&a, "420[\"later\"]");
	ck_assert_ptr_nonnull(held);
	ck_assert(!io_client_heard(&a, "46"));
	tn_event_ref_ack_binary(held, S("{\"_placeholder\":true,\"num\":1},"
	    "{\"_placeholder\":true,\"num\":0}"), bytes, 2);
	ck_assert(io_client_heard(&a, "462-0[{\"_placeholder\":true,"
	    "\"num\":1},{\"_placeholder\":true,\"num\":0}]\none\ntwo\n"));
}
END_TEST

START_TEST(late_answer_to_nobody_is_dropped)
{
	io_client_say(&a, "420[\"later\"]");
	ck_assert_ptr_nonnull(held);
	io_client_close(&a);
	tn_wheel_advance(&wheel, wheel.now_ms + 1);
	tn_event_ref_ack_binary(held, S("{\"_placeholder\":true,\"num\":0}"),
	    bytes, 1);
	ck_assert(!io_client_heard(&b, "46"));
}
END_TEST

/* ---- Delivery and rooms ----------------------------------------------------- */

static const struct {
	const char *name, *data;
	const char *room, *except;
	int rc;
	bool a, b;		/* who has it */
} packets[] = {
	{ "to all", "[\"e\",1]", NULL, NULL, 2, true, true },
	{ "to a room", "[\"e\",1]", "ra", NULL, 1, true, false },
	{ "to a room that is empty", "[\"e\",1]", "none", NULL, 0, false,
	    false },
	{ "to all but a room", "[\"e\",1]", NULL, "ra", 1, false, true },
	{ "to a room but the same", "[\"e\",1]", "ra", "ra", 0, false,
	    false },
	{ "a number is a name", "[1]", NULL, NULL, 2, false, false },
	{ "no name", "[null]", NULL, NULL, TN_E_SYNTAX, false, false },
	{ "no array", "{}", NULL, NULL, TN_E_SYNTAX, false, false },
	{ "empty", "[]", NULL, NULL, TN_E_SYNTAX, false, false },
	{ "a name of the library's", "[\"connect\"]", NULL, NULL,
	    TN_E_SYNTAX, false, false },
};

START_TEST(packet_is_delivered_here)
{
	struct tn_slice room = tn_slice_str(packets[_i].room);
	struct tn_slice except = tn_slice_str(packets[_i].except);
	const struct tn_broadcast_packet packet = {
		.data = tn_slice_str(packets[_i].data), .rooms = &room,
		.nrooms = packets[_i].room != NULL, .except = &except,
		.nexcept = packets[_i].except != NULL };
	int rc;

	tn_socket_join(sa, S("ra"));
	rc = tn_ns_deliver(root, &packet);
	ck_assert_msg(rc == packets[_i].rc, "%s: %d", packets[_i].name, rc);
	ck_assert(io_client_heard(&a, "[\"e\",1") == packets[_i].a);
	ck_assert(io_client_heard(&b, "[\"e\",1") == packets[_i].b);
}
END_TEST

START_TEST(packet_without_memory_is_not_delivered)
{
	const struct tn_broadcast_packet packet = { .data = S("[\"e\",1]") };
	int rc;

	tn_alloc_fail_at(1);
	rc = tn_ns_deliver(root, &packet);
	ck_assert(tn_alloc_end());
	ck_assert_int_eq(rc, TN_E_NOMEM);
	ck_assert(!io_client_heard(&a, "\"e\""));
}
END_TEST

/* How often a walk names this room. */
static size_t
times_named(const char *name)
{
	struct tn_slice room;
	size_t at = 0, n = 0;

	while (tn_ns_room_next(root, &at, &room))
		n += tn_slice_is(room, name);
	return n;
}

START_TEST(each_room_is_walked_once)
{
	struct tn_slice room;
	char name[16];
	size_t at = 0, before = 0, n = 0;

	while (tn_ns_room_next(root, &at, &room))
		before++;
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		tn_socket_join(sa, tn_slice_str(name));
		tn_socket_join(sb, tn_slice_str(name));
	}
	for (at = 0; tn_ns_room_next(root, &at, &room);)
		n++;
	ck_assert_uint_eq(n, before + 40);
	ck_assert_uint_eq(times_named("r7"), 1);
	tn_socket_leave(sa, S("r7"));
	ck_assert_uint_eq(times_named("r7"), 1);
	tn_socket_leave(sb, S("r7"));
	ck_assert_uint_eq(times_named("r7"), 0);
	ck_assert(!tn_ns_room_next(tn_io_of(io, "/other"), &(size_t){ 0 },
	    &room));
}
END_TEST

/* ---- Sessions --------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *rooms[2], *except[2];
	bool is_missed;
} missed[] = {
	{ "to all", { NULL }, { NULL }, true },
	{ "to one of its rooms", { "x", "r1" }, { NULL }, true },
	{ "to itself", { "sid" }, { NULL }, true },
	{ "to others", { "x", "y" }, { NULL }, false },
	{ "to all but one of its rooms", { NULL }, { "r2" }, false },
	{ "to all but itself", { NULL }, { "x", "sid" }, false },
	{ "to a room of its, but not another", { "r1" }, { "r2" }, false },
	{ "to all but others", { NULL }, { "x" }, true },
	{ "to part of a name", { "r" }, { NULL }, false },
};

static size_t
slices(const char *const texts[2], struct tn_slice out[2])
{
	size_t n = 0;

	for (; n < 2 && texts[n] != NULL; n++)
		out[n] = tn_slice_str(texts[n]);
	return n;
}

START_TEST(session_missed_what_was_for_it)
{
	const struct tn_slice own[] = { S("r1"), S("r2") };
	const struct tn_saved_session session = { .sid = S("sid"),
		.rooms = own, .nrooms = 2 };
	struct tn_slice rooms[2], except[2];
	struct tn_broadcast_packet packet = { .rooms = rooms,
		.except = except };

	packet.nrooms = slices(missed[_i].rooms, rooms);
	packet.nexcept = slices(missed[_i].except, except);
	ck_assert_msg(tn_session_missed(&session, &packet) ==
	    missed[_i].is_missed, "%s", missed[_i].name);
}
END_TEST

START_TEST(session_is_saved_as_it_is)
{
	struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET];
	struct tn_saved_session saved;

	tn_socket_join(sa, S("r"));
	tn_socket_set_data_json(sa, S("{\"user\":1}"));
	ck_assert(tn_socket_save(sa, rooms, &saved));
	ck_assert(tn_slice_is(saved.sid, tn_socket_id(sa)));
	ck_assert_uint_gt(saved.pid.len, 0);
	ck_assert(!tn_slice_eq(saved.pid, saved.sid));
	ck_assert_uint_eq(saved.nrooms, 1);
	ck_assert(tn_slice_is(saved.rooms[0], "r"));
	ck_assert(tn_slice_is(saved.data, "{\"user\":1}"));
	ck_assert(tn_socket_save(sb, rooms, &saved));
	ck_assert_uint_eq(saved.nrooms, 0);
}
END_TEST

START_TEST(session_that_is_taken_leaves_its_socket)
{
	struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET];
	struct tn_saved_session saved;

	ck_assert(tn_socket_save(sa, rooms, &saved));
	tn_ns_session_taken(root, saved.sid, S("another"));
	tn_ns_session_taken(root, S("another"), saved.pid);
	ck_assert(!io_client_heard(&a, "41"));
	tn_ns_session_taken(root, saved.sid, saved.pid);
	ck_assert(io_client_heard(&a, "41"));
	ck_assert(!io_client_heard(&b, "41"));
	ck_assert_int_eq(tn_send(tn_all(root), S("1")), 0);
	ck_assert(!io_client_heard(&a, "message"));
}
END_TEST

static int
no_persist(struct tn_adapter *ad, struct tn_ns *ns,
    const struct tn_saved_session *session)
{
	(void)ad;
	(void)ns;
	(void)session;
	return 0;
}

START_TEST(recovery_is_as_long_as_the_adapter_can)
{
	const struct tn_adapter_ops half = { .persist = no_persist };
	struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET];
	struct tn_saved_session saved;

	ck_assert_int_eq(tn_ns_recovery_window_ms(root), 60000);
	tn_memory_adapter_init(&adapter);
	ck_assert(tn_adapter_recovers(&adapter));
	adapter.ops = &half;
	ck_assert(!tn_adapter_recovers(&adapter));
	restart(&ops);
	ck_assert(!tn_adapter_recovers(&adapter));
	ck_assert_int_eq(tn_ns_recovery_window_ms(root), 0);
	ck_assert(!tn_socket_save(sa, rooms, &saved));
}
END_TEST

/* ---- Gathering -------------------------------------------------------------- */

static void
on_answers(const struct tn_answer *answers, size_t n,
    const struct tn_err *err, void *arg)
{
	char text[128];

	(void)arg;
	snprintf(text, sizeof(text), "%zu ", n);
	note(text);
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%.*s ",
		    TN_SLICE_ARG(answers[i].value));
		note(text);
	}
	note(err == NULL ? "ok" : tn_err_name(err->code));
}

START_TEST(gathering_that_fails_ends_with_what_is_there)
{
	restart(&ops);
	ck_assert_int_eq(tn_emit_ack(tn_all(root), "q", S("1"), 1000,
	    on_answers, NULL), 0);
	io_client_say(&a, "430[2]");
	tn_gather_fail(root, asked + 1, TN_E_IO);	/* another */
	ck_assert_str_eq(said, "");
	tn_gather_fail(root, asked, TN_E_AWAY);
	tn_gather_fail(root, asked, TN_E_IO);
	io_client_say(&b, "430[3]");
	ck_assert_str_eq(said, "2 2 3 the peer is away");
	tn_gather_fail(root, asked, TN_E_AWAY);		/* it is no longer */
	ck_assert_str_eq(said, "2 2 3 the peer is away");
}
END_TEST

/* ---- Data of one's own ------------------------------------------------------ */

static void
count_free(void *data)
{
	++*(int *)data;
}

START_TEST(data_is_freed_with_its_socket)
{
	int freed = 0, other = 0;

	ck_assert_ptr_null(tn_socket_data(sa));
	tn_socket_set_data(sa, &freed, count_free);
	ck_assert_ptr_eq(tn_socket_data(sa), &freed);
	ck_assert_ptr_null(tn_socket_data(sb));
	tn_socket_set_data(sb, &other, NULL);
	io_client_close(&a);
	io_client_close(&b);
	tn_wheel_advance(&wheel, wheel.now_ms + 1);
	tn_io_free(&io);
	ck_assert_int_eq(freed, 1);
	ck_assert_int_eq(other, 0);
}
END_TEST

START_TEST(namespace_keeps_what_the_adapter_gives)
{
	struct tn_ns *other = tn_io_of(io, "/other");
	int mine;

	ck_assert_ptr_null(tn_ns_adapter_data(other));
	tn_ns_set_adapter_data(other, &mine);
	ck_assert_ptr_eq(tn_ns_adapter_data(other), &mine);
	ck_assert_ptr_ne(tn_ns_adapter_data(root), &mine);
	tn_ns_set_adapter_data(other, NULL);
	ck_assert_ptr_null(tn_ns_adapter_data(other));
}
END_TEST

/* ---- The engine below ------------------------------------------------------- */

START_TEST(connection_keeps_its_user)
{
	struct rig rig;
	struct rig_http h;
	int mine;

	rig_start(&rig, NULL);
	rig_open(&rig);
	ck_assert_ptr_null(tn_conn_user(rig.last));
	tn_conn_set_user(rig.last, &mine);
	rig_get(&rig, &h, tn_conn_sid(rig.last));
	rig_http_fini(&h);
	ck_assert_ptr_eq(tn_conn_user(rig.last), &mine);
	tn_conn_set_user(rig.last, NULL);
	ck_assert_ptr_null(tn_conn_user(rig.last));
	rig_stop(&rig);
}
END_TEST

START_TEST(payload_has_its_preset)
{
	struct rig rig;

	rig_start(&rig, NULL);
	ck_assert_uint_eq(tn_engine_max_payload(rig.engine), 1000000);
	rig_stop(&rig);
	rig_start(&rig, &(struct tn_engine_options){ .max_payload = 100 });
	ck_assert_uint_eq(tn_engine_max_payload(rig.engine), 100);
	rig_stop(&rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("adapter");
	TCase *tc = tcase_create("adapter");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, send_is_the_event_message);
	tcase_add_test(tc, sends_without_memory_say_so);
	tcase_add_test(tc, answer_has_its_bytes);
	tcase_add_test(tc, late_answer_has_its_bytes);
	tcase_add_test(tc, late_answer_to_nobody_is_dropped);
	tcase_add_loop_test(tc, packet_is_delivered_here, 0, ROWS(packets));
	tcase_add_test(tc, packet_without_memory_is_not_delivered);
	tcase_add_test(tc, each_room_is_walked_once);
	tcase_add_loop_test(tc, session_missed_what_was_for_it, 0,
	    ROWS(missed));
	tcase_add_test(tc, session_is_saved_as_it_is);
	tcase_add_test(tc, session_that_is_taken_leaves_its_socket);
	tcase_add_test(tc, recovery_is_as_long_as_the_adapter_can);
	tcase_add_test(tc, gathering_that_fails_ends_with_what_is_there);
	tcase_add_test(tc, data_is_freed_with_its_socket);
	tcase_add_test(tc, namespace_keeps_what_the_adapter_gives);
	tcase_add_test(tc, connection_keeps_its_user);
	tcase_add_test(tc, payload_has_its_preset);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
