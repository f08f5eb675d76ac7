#include "config.h"

#include "cluster/revocation.h"

#include <stdio.h>

#include "base/err.h"
#include "base/random.h"
#include "redis/link.h"
#include "redis/redis.h"

#include "check_main.h"
#include "io_client.h"
#include "poll_loop.h"
#include "redis_server.h"

#define WAIT_MS	 3000
#define BOUND_MS 1500

/* A socket is watched under the sid that stands in its CONNECT payload. */

static struct redis_server server;
static struct poll_loop loop;
static struct tn_redis_options options;
static struct tn_redis *other;		/* somebody else who uses the Redis */
static struct tn_link *link_;
static struct tn_revocation *revocation;
static struct tn_io *io;
static struct io_client clients[400];
static size_t ups;

static void
on_up(void *arg)
{
	(void)arg;
	ups++;
	tn_revocation_on_up(revocation);
}

static void
on_down(const struct tn_err *err, void *arg)
{
	(void)err;
	(void)arg;
	tn_revocation_on_down(revocation);
}

static void
on_invalidate(struct tn_slice key, void *arg)
{
	(void)arg;
	tn_revocation_on_invalidate(revocation, key);
}

static void
unwatch(void *data)
{
	tn_revocation_unwatch(data);
	free(data);
}

static void
on_read(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	(void)err;
	if (tn_reply_type(reply) == TN_REPLY_STRING)
		tn_next_ok(arg);
	else
		tn_next_refuse(arg, "no", TN_SLICE_NONE);
}

static struct tn_socket *last;

static void
watch(struct tn_socket *socket, struct tn_next *next, void *arg)
{
	struct tn_watched_socket *watched = calloc(1, sizeof(*watched));
	struct tn_slice sid = tn_slice_after(tn_socket_auth(socket), 2);
	char key[64];

	(void)arg;
	last = socket;
	sid.len -= 2 + (sid.ptr[sid.len - 2] == ':');	/* {"SID":0} */
	sid = tn_slice_cut(&sid, '"');
	tn_socket_set_data(socket, watched, unwatch);
	ck_assert_int_eq(tn_revocation_watch(revocation, watched, sid, socket),
	    0);
	snprintf(key, sizeof(key), "sess:%.*s", TN_SLICE_ARG(sid));
	ck_assert_int_eq(tn_link_call(link_, (struct tn_slice[]){
	    TN_SLICE("GET"), tn_slice_str(key) }, 2, on_read, next), 0);
}

static bool
may_stay(struct tn_socket *socket, struct tn_slice record, void *arg)
{
	(void)socket;
	(void)arg;
	return !tn_slice_is(record, "out");
}

static void
setup(void)
{
	struct tn_link_hooks hooks = { on_up, on_down, on_invalidate, NULL };
	struct tn_revocation_options how = { .prefix = TN_SLICE("sess:"),
	    .bound_ms = BOUND_MS, .sweep_ms = 60000, .may_stay = may_stay };

	server = (struct redis_server){ .pid = 0 };
	ck_assert_int_eq(tn_random_start(NULL), 0);
	ck_assert(redis_server_start(&server));
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	options = (struct tn_redis_options){ .path = server.path };
	other = tn_redis_new(&options, 1, NULL);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	revocation = tn_revocation_new(&loop.loop, link_, NULL, &how, NULL);
	io = tn_io_new(&(struct tn_io_options){ .connect_timeout_ms = 0 },
	    &loop.loop.wheel, NULL, NULL);
	ck_assert(link_ != NULL && revocation != NULL && io != NULL);
	ck_assert_int_eq(tn_ns_use(tn_io_of(io, "/"), watch, NULL), 0);
}

static void
teardown(void)
{
	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++)
		io_client_close(&clients[i]);
	tn_io_free(&io);
	tn_link_free(&link_);
	tn_revocation_free(&revocation);
	tn_redis_free(&other);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

static void
redis(const char *line)
{
	struct tn_slice words[REDIS_WORDS];
	struct tn_reply *reply;
	size_t n = redis_words(line, words);

	ck_assert_int_eq(tn_redis_call(other, words, n, &reply, NULL), 0);
	tn_reply_free(&reply);
}

static bool
is_connected(void *client)
{
	return io_client_heard(client, "\n40{");
}

static bool
is_closed(void *client)
{
	io_client_read(client);
	return !((struct io_client *)client)->is_open;
}

/* Closed, or never let in because the end came first. */
static bool
is_out(void *client)
{
	return is_closed(client) || io_client_heard(client, "\n44{");
}

static void
open_client(struct io_client *client, const char *sid)
{
	char packet[64];

	io_client_open(client, io, NULL);
	snprintf(packet, sizeof(packet), "40{\"%s\":0}", sid);
	io_client_say(client, packet);
}

static void
connect_client(struct io_client *client, const char *sid)
{
	open_client(client, sid);
	ck_assert(poll_loop_until(&loop, is_connected, client, WAIT_MS));
}

/* Some time in which nothing is to happen. */
static void
turn_for(int ms)
{
	int64_t end = loop.loop.wheel.now_ms + ms;

	while (loop.loop.wheel.now_ms < end) {
		poll_loop_turn(&loop, 20);
		tn_engine_flush(tn_io_engine(io));
	}
}

static const struct {
	const char *name, *command;
	bool closes;
} changes[] = {
	{ "DEL ends it",			"DEL sess:one",		true },
	{ "expiry ends it",			"PEXPIRE sess:one 30",	true },
	{ "FLUSHALL ends it",			"FLUSHALL",		true },
	{ "a record that may not stay ends it",	"SET sess:one out",	true },
	{ "renaming ends it",			"RENAME sess:one x",	true },
	{ "another record is fine",		"SET sess:one other",	false },
	{ "a touch is fine",			"EXPIRE sess:one 60",	false },
	{ "another session is nobody's",	"DEL sess:two",		false },
};

START_TEST(a_change_by_anybody)
{
	redis("SET sess:one in");
	redis("SET sess:two in");
	connect_client(&clients[0], "one");
	connect_client(&clients[1], "one");
	redis(changes[_i].command);
	if (changes[_i].closes) {
		ck_assert_msg(poll_loop_until(&loop, is_closed, &clients[0],
		    WAIT_MS), "%s", changes[_i].name);
		ck_assert(is_closed(&clients[1]));
		ck_assert(io_client_heard(&clients[0], "\n41\n"));
		ck_assert_uint_eq(tn_revocation_counts(revocation)->ended, 2);
		return;
	}
	turn_for(200);
	ck_assert_msg(!is_closed(&clients[0]), "%s", changes[_i].name);
	redis("DEL sess:one");		/* and it is watched again */
	ck_assert(poll_loop_until(&loop, is_closed, &clients[0], WAIT_MS));
}
END_TEST

/* Redis looks for what has expired now and then; here it never does. */
START_TEST(expiry_ends_it_though_redis_does_not_look)
{
	redis("DEBUG SET-ACTIVE-EXPIRE 0");
	redis("SET sess:one in PX 300");
	redis("SET sess:two in PX 300");
	connect_client(&clients[0], "one");
	connect_client(&clients[1], "two");
	redis("PEXPIRE sess:two 60000");	/* a touch moves the end */
	ck_assert(poll_loop_until(&loop, is_closed, &clients[0], WAIT_MS));
	turn_for(100);
	ck_assert(!is_closed(&clients[1]));
	redis("PEXPIRE sess:two 100");
	ck_assert(poll_loop_until(&loop, is_closed, &clients[1], WAIT_MS));
	ck_assert_uint_eq(tn_revocation_counts(revocation)->ended, 2);
}
END_TEST

START_TEST(an_end_while_it_connects)
{
	redis("SET sess:one in");
	for (int i = 0; i < 50; i++) {
		open_client(&clients[i], "one");
		if (i % 3 == 0)
			poll_loop_turn(&loop, 0);
		if (i == 25)
			redis("DEL sess:one");
	}
	for (int i = 0; i < 50; i++)
		if (i < 25)
			ck_assert(poll_loop_until(&loop, is_out,
			    &clients[i], WAIT_MS));
	turn_for(50);
	for (int i = 25; i < 50; i++)
		ck_assert(!is_connected(&clients[i]) ||
		    is_closed(&clients[i]));
}
END_TEST

START_TEST(changes_in_a_row_are_read_once_or_twice)
{
	redis("SET sess:one in");
	for (int i = 0; i < 20; i++)
		connect_client(&clients[i], "one");
	for (int i = 0; i < 50; i++)
		redis("SET sess:one in");
	turn_for(100);
	ck_assert_uint_ge(tn_revocation_counts(revocation)->reads, 1);
	ck_assert_uint_le(tn_revocation_counts(revocation)->reads, 2);
}
END_TEST

START_TEST(all_are_read_again_after_redis_was_away)
{
	char sid[16], line[48];

	for (int i = 0; i < 400; i++) {
		snprintf(line, sizeof(line), "SET sess:s%d in", i / 2);
		redis(line);
		snprintf(sid, sizeof(sid), "s%d", i / 2);
		connect_client(&clients[i], sid);
	}
	ups = 0;
	redis_server_kill(&server);
	poll_loop_turn(&loop, 20);
	ck_assert(redis_server_start(&server));
	for (int i = 0; i < 200; i++) {		/* those of the rest are gone */
		snprintf(line, sizeof(line), "SET sess:s%d in", i);
		if (i % 2 == 0)
			redis(line);
	}
	ck_assert(poll_loop_until(&loop, is_closed, &clients[399], WAIT_MS));
	turn_for(BOUND_MS + 1500);
	ck_assert_uint_eq(ups, 1);
	for (int i = 0; i < 400; i++)
		ck_assert(is_closed(&clients[i]) == (i / 2 % 2 == 1));
	ck_assert_uint_eq(tn_revocation_counts(revocation)->ended, 200);
	ck_assert_uint_eq(tn_revocation_counts(revocation)->unseen, 0);
}
END_TEST

START_TEST(the_bound_ends_what_was_not_seen)
{
	redis("SET sess:one in");
	connect_client(&clients[0], "one");
	redis_server_kill(&server);
	turn_for(BOUND_MS / 2);
	ck_assert(!is_closed(&clients[0]));	/* a short absence is borne */
	ck_assert(poll_loop_until(&loop, is_closed, &clients[0],
	    BOUND_MS + 1500));
	ck_assert_uint_eq(tn_revocation_counts(revocation)->unseen, 1);
}
END_TEST

START_TEST(who_has_left_is_not_watched)
{
	uint64_t reads;

	redis("SET sess:one in");
	connect_client(&clients[0], "one");
	turn_for(50);
	reads = tn_revocation_counts(revocation)->reads;
	io_client_close(&clients[0]);
	turn_for(50);
	redis("DEL sess:one");
	turn_for(100);
	ck_assert_uint_eq(tn_revocation_counts(revocation)->reads, reads);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

START_TEST(sid_is_told_while_it_is_watched)
{
	struct tn_watched_socket one = { 0 }, two = { 0 };

	redis("SET sess:one in");
	connect_client(&clients[0], "one");
	ck_assert(tn_slice_is(tn_revocation_sid(tn_socket_data(last)),
	    "one"));
	ck_assert_ptr_null(tn_revocation_sid(&one).ptr);
	ck_assert_int_eq(tn_revocation_watch(revocation, &one, TN_SLICE("sid"),
	    last), 0);
	ck_assert_int_eq(tn_revocation_watch(revocation, &two, TN_SLICE("sid"),
	    last), 0);
	ck_assert(tn_slice_is(tn_revocation_sid(&one), "sid"));
	tn_revocation_unwatch(&one);
	ck_assert_ptr_null(tn_revocation_sid(&one).ptr);
	ck_assert(tn_slice_is(tn_revocation_sid(&two), "sid"));
	tn_revocation_unwatch(&two);
	tn_revocation_unwatch(&two);
	ck_assert_ptr_null(tn_revocation_sid(&two).ptr);
}
END_TEST

static Suite *
revocation_suite(void)
{
	Suite *suite = suite_create("revocation");
	TCase *tc = tcase_create("revocation");

	redis_server_or_skip();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, a_change_by_anybody, 0, COUNT(changes));
	tcase_add_test(tc, expiry_ends_it_though_redis_does_not_look);
	tcase_add_test(tc, an_end_while_it_connects);
	tcase_add_test(tc, changes_in_a_row_are_read_once_or_twice);
	tcase_add_test(tc, all_are_read_again_after_redis_was_away);
	tcase_add_test(tc, the_bound_ends_what_was_not_seen);
	tcase_add_test(tc, who_has_left_is_not_watched);
	tcase_add_test(tc, sid_is_told_while_it_is_watched);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(revocation_suite)
