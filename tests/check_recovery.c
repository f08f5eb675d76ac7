/* Connection state recovery, as a client and the application see it. */
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

enum { WINDOW_MS = 60000 };

static struct tn_wheel wheel;
static struct tn_io *io;
static struct tn_ns *root;
static struct io_client a, b;
static struct tn_socket *last;
static int steps;
static bool refuse_step, refuse_check;
static char old_id[TN_EIO_ID_LEN + 1], pid[64], offset[64];

/* ---- the application ------------------------------------------------------*/

static void
on_connection(struct tn_socket *s, void *arg)
{
	(void)arg;
	last = s;
	if (tn_socket_recovered(s))
		tn_socket_emit(s, "welcome back", TN_SLICE_NONE);
}

static void
step(struct tn_socket *s, struct tn_next *next, void *arg)
{
	(void)s;
	(void)arg;
	steps++;
	if (refuse_step)
		tn_next_refuse(next, "banned", TN_SLICE_NONE);
	else
		tn_next_ok(next);
}

static bool
check(struct tn_socket *s, const struct tn_saved_session *saved, void *arg)
{
	(void)arg;
	ck_assert(!tn_socket_recovered(s));
	ck_assert(tn_slice_is(saved->sid, old_id));
	ck_assert(tn_slice_is(saved->data, "{\"user\":1}"));
	tn_emit(tn_all(tn_socket_ns(s)), "asked", TN_SLICE_NONE);
	return !refuse_check;
}

static void
start(bool skips)
{
	const struct tn_io_options options = {
		.recovery_window_ms = WINDOW_MS, .recovery_skips_steps = skips,
	};

	tn_random_start(NULL);
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000000), 0);
	io = tn_io_new(&options, &wheel, NULL, NULL);
	root = tn_io_of(io, "/");
	tn_ns_on_connection(root, on_connection, NULL);
	tn_ns_use(root, step, NULL);
	a = b = (struct io_client){ .is_open = false };
	last = NULL;
	steps = 0;
	refuse_step = refuse_check = false;
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
}

static void
turn(int ms)
{
	tn_wheel_advance(&wheel, wheel.now_ms + ms);
	tn_engine_flush(tn_io_engine(io));
}

/* What follows a text, up to the next quote. */
static void
copy_after(char out[64], const char *text, const char *after)
{
	const char *at = strstr(text, after);

	ck_assert_msg(at != NULL, "%s in %s", after, text);
	snprintf(out, 64, "%.*s", (int)strcspn(at + strlen(after), "\""),
	    at + strlen(after));
}

/* A client in room "r" that got one event, and then lost its connection. */
static void
lose(void)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40");
	io_client_read(&a);
	copy_after(pid, a.heard, "\"pid\":\"");
	strcpy(old_id, tn_socket_id(last));
	tn_socket_join(last, S("r"));
	tn_socket_set_data_json(last, S("{\"user\":1}"));
	io_client_forget(&a);
	tn_socket_emit(last, "first", S("1"));
	io_client_read(&a);
	copy_after(offset, a.heard, "[\"first\",1,\"");
	io_client_close(&a);
	turn(1);
}

static void
come_back(struct io_client *client, const char *with_pid,
    const char *with_offset)
{
	char packet[256];

	io_client_open(client, io, NULL);
	io_client_forget(client);
	snprintf(packet, sizeof(packet),
	    "40{\"pid\":\"%s\",\"offset\":\"%s\"}", with_pid, with_offset);
	io_client_say(client, packet);
	io_client_read(client);
}

static bool
is_recovered(const struct io_client *client)
{
	char same[96];

	snprintf(same, sizeof(same), "\"pid\":\"%s\"}", pid);
	return strstr(client->heard, same) != NULL;
}

/* ---- cases ----------------------------------------------------------------*/

START_TEST(what_was_missed_comes_before_the_answer)
{
	char expected[512], line[64];
	struct tn_slice buffer = S("bytes");
	const char *at;

	lose();
	tn_emit(tn_in(root, S("r")), "in", S("2"));
	tn_emit(tn_in(root, S("other")), "out", S("3"));
	tn_emit(tn_volatile(tn_all(root)), "volatile", S("4"));
	tn_emit(tn_except(tn_all(root), S("r")), "except", S("5"));
	tn_emit_binary(tn_all(root), "binary",
	    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1);
	come_back(&a, pid, offset);
	at = a.heard;
	ck_assert_int_eq(strncmp(at, "42[\"in\",2,\"", 11), 0);
	at = strchr(at, '\n') + 1;
	snprintf(line, sizeof(line), "451-[\"binary\",{\"_placeholder\":true,"
	    "\"num\":0},\"");
	ck_assert_int_eq(strncmp(at, line, strlen(line)), 0);
	at = strchr(at, '\n') + 1;
	ck_assert_int_eq(strncmp(at, "bytes\n", 6), 0);
	snprintf(expected, sizeof(expected),
	    "bytes\n40{\"sid\":\"%s\",\"pid\":\"%s\"}\n"
	    "42[\"welcome back\",\"", old_id, pid);
	ck_assert_int_eq(strncmp(at, expected, strlen(expected)), 0);
	ck_assert(tn_socket_recovered(last));
	ck_assert_str_eq(tn_socket_id(last), old_id);
	ck_assert(tn_socket_in(last, S("r")));
	ck_assert(tn_slice_is(tn_socket_data_json(last), "{\"user\":1}"));
	ck_assert_int_eq(steps, 2);
	io_client_forget(&a);
	tn_emit(tn_in(root, tn_slice_str(old_id)), "to id", TN_SLICE_NONE);
	ck_assert(io_client_heard(&a, "42[\"to id\","));
}
END_TEST

START_TEST(a_recovered_session_can_be_lost_again)
{
	lose();
	for (int i = 0; i < 3; i++) {
		tn_emit(tn_in(root, S("r")), "n", S("1"));
		come_back(&a, pid, offset);
		ck_assert(is_recovered(&a));
		copy_after(offset, a.heard, "42[\"n\",1,\"");
		ck_assert_ptr_null(strstr(strstr(a.heard, "42[\"n\"") + 1,
		    "42[\"n\""));
		io_client_close(&a);
		turn(1);
	}
}
END_TEST

START_TEST(a_session_is_given_once)
{
	lose();
	come_back(&a, pid, offset);
	come_back(&b, pid, offset);
	ck_assert(is_recovered(&a));
	ck_assert(!is_recovered(&b));
	ck_assert_str_ne(tn_socket_id(last), old_id);
	ck_assert_uint_eq(tn_ns_len(root), 2);
}
END_TEST

START_TEST(steps_run_unless_told_to_skip)
{
	lose();
	refuse_step = true;
	come_back(&a, pid, offset);
	ck_assert_str_eq(a.heard, "44{\"message\":\"banned\"}\n");
	refuse_step = false;
	come_back(&b, pid, offset);
	ck_assert(is_recovered(&b));
	teardown();
	start(true);
	lose();
	refuse_step = true;
	come_back(&a, pid, offset);
	ck_assert(is_recovered(&a));
	ck_assert_int_eq(steps, 1);
	come_back(&b, pid, offset);	/* nothing to restore: they do run */
	ck_assert_str_eq(b.heard, "44{\"message\":\"banned\"}\n");
}
END_TEST

START_TEST(the_application_may_say_no)
{
	lose();
	tn_ns_on_recover(root, check, NULL);
	refuse_check = _i == 0;
	come_back(&a, pid, offset);
	ck_assert_int_eq(is_recovered(&a), _i == 1);
	ck_assert_int_eq(tn_socket_in(last, S("r")), _i == 1);
}
END_TEST

static void
claim(struct tn_socket *s, struct tn_next *next, void *arg)
{
	ck_assert_int_eq(tn_socket_set_owner(s, tn_slice_str(arg)), 0);
	tn_next_ok(next);
}

START_TEST(another_owner_is_new)
{
	static char who[16];
	char long_name[TN_LIMIT_RECOVERY_OWNER + 1];

	strcpy(who, "ann");
	tn_ns_use(root, claim, who);
	lose();
	strcpy(who, _i == 0 ? "bob" : "ann");
	come_back(&a, pid, offset);
	ck_assert_int_eq(is_recovered(&a), _i == 1);
	memset(long_name, 'a', sizeof(long_name));
	ck_assert_int_eq(tn_socket_set_owner(last, tn_slice(long_name,
	    TN_LIMIT_RECOVERY_OWNER)), 0);
	ck_assert_int_eq(tn_socket_set_owner(last, tn_slice(long_name,
	    TN_LIMIT_RECOVERY_OWNER + 1)), TN_E_LIMIT);
	strcpy(who, "bob");
	come_back(&b, pid, offset);	/* the first is there again, or nobody */
	ck_assert(!is_recovered(&b));
}
END_TEST

static const struct {
	const char *name, *pid, *offset;	/* NULL: the right one */
} strangers[] = {
	{ "unknown pid", "AAAAAAAAAAAAAAAAAAAA", NULL },
	{ "unknown offset", NULL, "0" },
	{ "empty offset", NULL, "" },
	{ "escapes", "\\u0041", NULL },
};

START_TEST(who_knows_too_little_is_new)
{
	lose();
	come_back(&a, strangers[_i].pid == NULL ? pid : strangers[_i].pid,
	    strangers[_i].offset == NULL ? offset : strangers[_i].offset);
	ck_assert_msg(io_client_heard(&a, "40{\"sid\":\""), "%s",
	    strangers[_i].name);
	ck_assert(!is_recovered(&a));
	ck_assert_str_ne(tn_socket_id(last), old_id);
	ck_assert(!tn_socket_in(last, S("r")));
}
END_TEST

START_TEST(the_window_closes)
{
	lose();
	turn(_i == 0 ? WINDOW_MS - 10 : WINDOW_MS + 10);
	come_back(&a, pid, offset);
	ck_assert_int_eq(is_recovered(&a), _i == 0);
}
END_TEST

/* Who was sent away, or left, is not expected back. */
START_TEST(an_end_on_purpose_is_one)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40");
	io_client_read(&a);
	copy_after(pid, a.heard, "\"pid\":\"");
	strcpy(old_id, tn_socket_id(last));
	tn_socket_emit(last, "first", S("1"));
	io_client_read(&a);
	copy_after(offset, a.heard, "[\"first\",1,\"");
	if (_i == 0)
		tn_socket_disconnect(last, true);
	else
		io_client_say(&a, "41");
	io_client_close(&a);
	turn(1);
	come_back(&a, pid, offset);
	ck_assert(!is_recovered(&a));
}
END_TEST

START_TEST(more_than_a_queue_holds_is_not_replayed)
{
	static char text[64 * 1024];
	size_t n = TN_LIMIT_RECOVERY_REPLAY / sizeof(text);

	memset(text, 'x', sizeof(text));
	text[0] = text[sizeof(text) - 1] = '"';
	lose();
	for (size_t i = 0; i < (_i == 0 ? n - 1 : n); i++)
		tn_emit(tn_all(root), "e", tn_slice(text, sizeof(text)));
	come_back(&a, pid, offset);
	ck_assert_int_eq(tn_socket_recovered(last), _i == 0);
	ck_assert(a.is_open);
}
END_TEST

START_TEST(the_store_is_bounded)
{
	static char text[256 * 1024];
	size_t n = TN_LIMIT_RECOVERY_BYTES / sizeof(text);

	memset(text, 'x', sizeof(text));
	text[0] = text[sizeof(text) - 1] = '"';
	lose();
	tn_emit(tn_in(root, S("r")), "n", S("1"));
	for (size_t i = 0; i <= n; i++)
		tn_emit(tn_in(root, S("other")), "e",
		    tn_slice(text, sizeof(text)));
	come_back(&a, pid, offset);	/* its offset is no longer there */
	ck_assert(!is_recovered(&a));
}
END_TEST

static void
on_ack(struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers,
    const struct tn_err *err, void *arg)
{
	(void)args;
	(void)buffers;
	(void)nbuffers;
	(void)arg;
	ck_assert_int_eq(err->code, TN_E_AWAY);
}

START_TEST(events_with_acks_have_no_offset)
{
	io_client_open(&a, io, NULL);
	io_client_say(&a, "40");
	io_client_forget(&a);
	tn_socket_emit_ack(last, "q", S("1"), 0, on_ack, NULL);
	ck_assert(io_client_heard(&a, "420[\"q\",1]\n"));
	tn_emit(tn_volatile(tn_all(root)), "v", TN_SLICE_NONE);
	ck_assert(io_client_heard(&a, "42[\"v\"]\n"));
}
END_TEST

/* Whichever allocation fails: it is new, refused or closed, and no worse. */
START_TEST(running_out_of_memory_is_survived)
{
	struct tn_slice buffer = S("bytes");
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		lose();
		tn_alloc_fail_at(n);
		tn_emit_binary(tn_in(root, S("r")), "missed",
		    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1);
		come_back(&a, pid, offset);
		io_client_close(&a);
		turn(1);
		failed = tn_alloc_end();
		ck_assert(failed || is_recovered(&a));
		teardown();
		start(false);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("recovery");
	TCase *t = tcase_create("recovery");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_missed_comes_before_the_answer);
	tcase_add_test(t, a_recovered_session_can_be_lost_again);
	tcase_add_test(t, a_session_is_given_once);
	tcase_add_test(t, steps_run_unless_told_to_skip);
	tcase_add_loop_test(t, the_application_may_say_no, 0, 2);
	tcase_add_loop_test(t, another_owner_is_new, 0, 2);
	tcase_add_loop_test(t, who_knows_too_little_is_new, 0,
	    sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_loop_test(t, the_window_closes, 0, 2);
	tcase_add_loop_test(t, an_end_on_purpose_is_one, 0, 2);
	tcase_add_loop_test(t, more_than_a_queue_holds_is_not_replayed, 0, 2);
	tcase_add_test(t, the_store_is_bounded);
	tcase_add_test(t, events_with_acks_have_no_offset);
	tcase_add_test(t, running_out_of_memory_is_survived);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
