#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "check_main.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis_server.h"

#define S(s) TN_SLICE(s)

/* What the hooks, waiters and receivers were told. */
static struct {
	int ups, downs, answers, failures, last_code, messages;
	int invalidations, flushes;
	int64_t last_integer;
	bool is_out_of_order;
	char last_text[128];
	char last_channel[128];
	char last_key[128];
} told;

static struct redis_server server;
static struct tn_redis_options options;
static struct poll_loop loop;
static struct tn_link *link_;
static struct tn_redis *other;		/* somebody else's connection */

static void
keep(char out[128], struct tn_slice s)
{
	s = tn_slice_first(s, 127);
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
}

static void
on_up(void *arg)
{
	(void)arg;
	told.ups++;
}

static void
on_down(const struct tn_err *err, void *arg)
{
	(void)arg;
	told.downs++;
	told.last_code = err->code;
}

static void
on_invalidate(struct tn_slice key, void *arg)
{
	(void)arg;
	told.invalidations++;
	if (key.ptr == NULL)
		told.flushes++;
	keep(told.last_key, key);
}

static void
on_answer(const struct tn_reply *r, const struct tn_err *err, void *arg)
{
	(void)arg;
	ck_assert((r == NULL) == (err != NULL));
	if (err != NULL) {
		told.failures++;
		told.last_code = err->code;
		return;
	}
	told.answers++;
	keep(told.last_text, tn_reply_text(r));
	if (tn_reply_integer(r) != told.last_integer + 1)
		told.is_out_of_order = true;
	told.last_integer = tn_reply_integer(r);
}

static void
on_message(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	(void)arg;
	told.messages++;
	keep(told.last_channel, channel);
	keep(told.last_text, payload);
}

static const struct tn_link_hooks hooks = {
	on_up, on_down, on_invalidate, NULL,
};

static void
begin(void)
{
	memset(&told, 0, sizeof(told));
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	ck_assert_ptr_nonnull(link_);
}

static void
setup(void)
{
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){
		.path = server.path, .connect_ms = 300, .command_ms = 300,
	};
	other = tn_redis_new(&options, 1, NULL);
	begin();
}

static void
teardown(void)
{
	tn_link_free(&link_);
	tn_redis_free(&other);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

/* Words parted by spaces. */
static size_t
words(const char *line, struct tn_slice out[16])
{
	struct tn_slice rest = tn_slice_str(line);
	size_t n = 0;

	while (rest.ptr != NULL && n < 16)
		out[n++] = tn_slice_cut(&rest, ' ');
	return n;
}

static int
call(const char *line)
{
	struct tn_slice argv[16];
	size_t n = words(line, argv);

	return tn_link_call(link_, argv, n, on_answer, NULL);
}

static void
other_does(const char *line)
{
	struct tn_slice argv[16];
	struct tn_reply *reply;
	size_t n = words(line, argv);

	ck_assert_int_eq(tn_redis_call(other, argv, n, &reply, NULL), 0);
	tn_reply_free(&reply);
}

/* Turn until *count is n (it only goes up), for 5 s at most. */
#define UNTIL(count, n) do {						\
	int64_t end_ = tn_clock_mono_ms() + 5000;			\
									\
	while ((count) < (n) && tn_clock_mono_ms() < end_)		\
		poll_loop_turn(&loop, 10);				\
	ck_assert_int_eq((count), (n));					\
} while (0)

static void
turn_for(int ms)
{
	int64_t end_ms = tn_clock_mono_ms() + ms;

	while (tn_clock_mono_ms() < end_ms)
		poll_loop_turn(&loop, 10);
}

START_TEST(commands_wait_for_the_connection)
{
	ck_assert(!tn_link_is_up(link_));
	ck_assert_int_eq(call("ECHO early"), 0);
	ck_assert_int_eq(told.answers, 0);
	UNTIL(told.answers, 1);
	ck_assert(tn_link_is_up(link_));
	ck_assert_int_eq(told.ups, 1);
	ck_assert_str_eq(told.last_text, "early");
	ck_assert_int_eq(call("NOSUCH"), 0);
	UNTIL(told.failures, 1);
	ck_assert_int_eq(told.last_code, TN_E_IO);
}
END_TEST

START_TEST(ten_thousand_in_one_turn)
{
	unsigned turns;

	options.command_ms = 5000;
	UNTIL(told.ups, 1);
	turns = loop.turns;
	for (int i = 0; i < 10000; i++)
		ck_assert_int_eq(call("INCR n"), 0);
	UNTIL(told.answers, 10000);
	ck_assert(!told.is_out_of_order);
	ck_assert_uint_lt(loop.turns - turns, 500);
}
END_TEST

static void
call_again(const struct tn_reply *r, const struct tn_err *err, void *arg)
{
	int *left = arg;
	struct tn_slice argv[16];
	size_t n = words("INCR n", argv);

	on_answer(r, err, NULL);
	if (--*left > 0)
		ck_assert_int_eq(tn_link_call(link_, argv, n, call_again,
		    left), 0);
}

START_TEST(a_waiter_may_call)
{
	struct tn_slice argv[16];
	size_t n = words("INCR n", argv);
	int left = 50;

	ck_assert_int_eq(tn_link_call(link_, argv, n, call_again, &left), 0);
	UNTIL(told.answers, 50);
	ck_assert(!told.is_out_of_order);
}
END_TEST

START_TEST(large_answers)
{
	char *big = malloc(3 << 20);
	struct tn_slice argv[] = { S("ECHO"), { big, 3 << 20 } };

	options.command_ms = 5000;
	memset(big, 'x', 3 << 20);
	for (int i = 1; i <= 4; i++) {	/* each within its own deadline */
		ck_assert_int_eq(tn_link_call(link_, argv, 2, on_answer, NULL),
		    0);
		UNTIL(told.answers, i);
	}
	free(big);
}
END_TEST

static const struct tn_script add = {
	"add", "return redis.call('INCRBY', KEYS[1], ARGV[1])",
};

START_TEST(scripts)
{
	struct tn_slice key = S("n"), arg = S("1");

	for (int i = 1; i <= 5; i++) {
		ck_assert_int_eq(tn_link_eval(link_, &add, &key, 1, &arg, 1,
		    on_answer, NULL), 0);
		if (i == 3)
			UNTIL(told.answers, i);
	}
	UNTIL(told.answers, 5);
	other_does("SCRIPT FLUSH");
	ck_assert_int_eq(tn_link_eval(link_, &add, &key, 1, &arg, 1,
	    on_answer, NULL), 0);
	UNTIL(told.answers, 6);
	ck_assert_int_eq(told.last_integer, 6);
	ck_assert(!told.is_out_of_order);
}
END_TEST

START_TEST(subscriptions)
{
	ck_assert_int_eq(tn_link_subscribe(link_, S("news"), on_message, NULL),
	    0);
	ck_assert_int_eq(tn_link_subscribe(link_, S("news"), on_message, NULL),
	    TN_E_STATE);
	UNTIL(told.ups, 1);
	other_does("PUBLISH news a");
	UNTIL(told.messages, 1);
	ck_assert_str_eq(told.last_text, "a");
	ck_assert_int_eq(tn_link_psubscribe(link_, S("room:*"), on_message,
	    NULL), 0);
	turn_for(50);
	other_does("PUBLISH room:den b");
	UNTIL(told.messages, 2);
	ck_assert_str_eq(told.last_channel, "room:den");
	tn_link_unsubscribe(link_, S("news"));
	tn_link_unsubscribe(link_, S("news"));
	tn_link_punsubscribe(link_, S("room:*"));
	tn_link_punsubscribe(link_, S("never"));
	turn_for(50);
	other_does("PUBLISH news c");
	other_does("PUBLISH room:den d");
	turn_for(50);
	ck_assert_int_eq(told.messages, 2);
	ck_assert(tn_link_is_up(link_));
}
END_TEST

static const struct {
	const char *name, *change;
	int flushes;
} changes[] = {
	{ "deleted",		"DEL sess:a",		0 },
	{ "set",		"SET sess:a other",	0 },
	{ "expired",		"PEXPIRE sess:a 1",	0 },
	{ "all are gone",	"FLUSHALL",		1 },
};

START_TEST(invalidation)
{
	other_does("SET sess:a x");
	for (int round = 1; round <= 2; round++) {
		ck_assert_int_eq(call("GET sess:a"), 0);
		UNTIL(told.answers, round);
		other_does(changes[_i].change);
		UNTIL(told.invalidations, round);
		ck_assert_str_eq(told.last_key,
		    changes[_i].flushes ? "" : "sess:a");
		ck_assert_int_eq(told.flushes, changes[_i].flushes * round);
		/* It is told once, until the key is read again. */
		other_does("SET sess:a y");
		other_does("SET unread 1");
		turn_for(20);
		ck_assert_int_eq(told.invalidations, round);
	}
}
END_TEST

START_TEST(kill_and_return)
{
	ck_assert_int_eq(tn_link_subscribe(link_, S("news"), on_message, NULL),
	    0);
	ck_assert_int_eq(tn_link_psubscribe(link_, S("p*"), on_message, NULL),
	    0);
	UNTIL(told.ups, 1);
	redis_server_kill(&server);
	UNTIL(told.downs, 1);
	ck_assert(!tn_link_is_up(link_));
	ck_assert_int_eq(call("ECHO later"), 0);
	ck_assert(redis_server_start(&server));
	UNTIL(told.ups, 2);
	UNTIL(told.answers, 1);
	ck_assert_str_eq(told.last_text, "later");
	poll(NULL, 0, 150);
	other_does("PUBLISH news again");
	other_does("PUBLISH pp again");
	UNTIL(told.messages, 2);
	other_does("SET k 1");
	ck_assert_int_eq(call("GET k"), 0);
	UNTIL(told.answers, 2);
	other_does("DEL k");
	UNTIL(told.invalidations, 1);
}
END_TEST

START_TEST(commands_on_their_way_fail_once)
{
	UNTIL(told.ups, 1);
	kill(server.pid, SIGSTOP);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(call("INCR n"), 0);
	poll_loop_turn(&loop, 0);
	redis_server_kill(&server);
	UNTIL(told.failures, 100);
	ck_assert_int_eq(told.last_code, TN_E_AWAY);
	turn_for(400);
	ck_assert_int_eq(told.failures, 100);
	ck_assert_int_eq(told.answers, 0);
}
END_TEST

START_TEST(deadline)
{
	int64_t before;

	UNTIL(told.ups, 1);
	kill(server.pid, SIGSTOP);
	before = tn_clock_mono_ms();
	ck_assert_int_eq(call("INCR n"), 0);
	UNTIL(told.failures, 1);
	ck_assert_int_eq(told.last_code, TN_E_TIMEOUT);
	ck_assert_int_ge(tn_clock_mono_ms() - before, 280);
	ck_assert_int_lt(tn_clock_mono_ms() - before, 600);
	ck_assert_int_eq(told.downs, 1);
	/* While it is down too: and what has timed out is not done later. */
	ck_assert_int_eq(call("SET late 1"), 0);
	UNTIL(told.failures, 2);
	ck_assert_int_eq(told.last_code, TN_E_TIMEOUT);
	kill(server.pid, SIGCONT);
	UNTIL(told.ups, 2);
	ck_assert_int_eq(call("EXISTS late"), 0);
	UNTIL(told.answers, 1);
	ck_assert_int_eq(told.last_integer, 0);
}
END_TEST

/* An idle link finds out as well that its peer is silent. */
START_TEST(silence_is_noticed)
{
	UNTIL(told.ups, 1);
	kill(server.pid, SIGSTOP);
	for (int i = 0; i < 100 && told.downs == 0; i++)
		turn_for(100);
	ck_assert_int_eq(told.downs, 1);
	ck_assert_int_eq(told.last_code, TN_E_TIMEOUT);
}
END_TEST

START_TEST(both_connections_die_together)
{
	UNTIL(told.ups, 1);
	other_does(_i == 0 ? "CLIENT KILL TYPE pubsub" :
	    "CLIENT KILL TYPE normal SKIPME yes");
	UNTIL(told.downs, 1);
	UNTIL(told.ups, 2);
	poll(NULL, 0, 150);
	other_does("SET k 1");
	ck_assert_int_eq(call("GET k"), 0);
	UNTIL(told.answers, 1);
	other_does("DEL k");
	UNTIL(told.invalidations, 1);
}
END_TEST

START_TEST(waiting_has_a_limit)
{
	redis_server_kill(&server);
	for (int i = 0; i < TN_LIMIT_REDIS_WAITING; i++)
		ck_assert(call("PING") == 0);
	ck_assert_int_eq(call("PING"), TN_E_LIMIT);
	UNTIL(told.failures, TN_LIMIT_REDIS_WAITING);
	ck_assert_int_eq(told.last_code, TN_E_TIMEOUT);
	ck_assert_int_eq(call("PING"), 0);
}
END_TEST

START_TEST(unsent_bytes_have_a_limit)
{
	size_t len = TN_LIMIT_REDIS_COMMAND - 100, fits;
	char *big = calloc(1, len);
	struct tn_slice argv[] = { S("ECHO"), { big, len } };

	redis_server_kill(&server);
	for (fits = 0; fits < 10; fits++) {
		if (tn_link_call(link_, argv, 2, on_answer, NULL) < 0)
			break;
	}
	ck_assert_uint_eq(fits, TN_LIMIT_REDIS_OUT / TN_LIMIT_REDIS_COMMAND);
	ck_assert_int_eq(call("PING"), 0);
	free(big);
}
END_TEST

static void
call_in_vain(const struct tn_reply *r, const struct tn_err *err, void *arg)
{
	on_answer(r, err, arg);
	ck_assert_int_eq(call("PING"), TN_E_AWAY);
}

START_TEST(the_end_calls_every_waiter)
{
	struct tn_slice ping = S("PING");

	if (_i == 1)
		UNTIL(told.ups, 1);
	ck_assert_int_eq(call("PING"), 0);
	ck_assert_int_eq(tn_link_call(link_, &ping, 1, call_in_vain, NULL), 0);
	ck_assert_int_eq(tn_link_call(link_, &ping, 1, NULL, NULL), 0);
	tn_link_free(&link_);
	ck_assert_ptr_null(link_);
	ck_assert_int_eq(told.failures, 2);
	ck_assert_int_eq(told.last_code, TN_E_AWAY);
	turn_for(20);
}
END_TEST

START_TEST(password)
{
	tn_link_free(&link_);
	poll_loop_fini(&loop);
	redis_server_kill(&server);
	server.password = "sesame";
	ck_assert(redis_server_start(&server));
	options.password = "wrong";
	begin();
	turn_for(200);
	ck_assert_int_eq(told.ups, 0);
	options.password = "sesame";
	options.user = "default";
	options.database = 2;
	UNTIL(told.ups, 1);
	ck_assert_int_eq(call("SELECT 2"), 0);
	UNTIL(told.answers, 1);
}
END_TEST

/* A Redis that says what it likes to whoever has connected. */

static const char *const lies[] = {
	"",
	"HTTP/1.1 400 Bad Request\r\n\r\n",
	"+OK\r\n",
	"-ERR go away\r\n",
	"*0\r\n",
	"$-1\r\n",
	":-1\r\n:7\r\n+OK\r\n+OK\r\n",
	"*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n",
	":7\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n+OK\r\n",
	":7\r\n*3\r\n$7\r\nmessage\r\n*1\r\n:1\r\n*0\r\n",
	(":7\r\n*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
	    "*2\r\n:1\r\n*1\r\n$1\r\nx\r\n"),
	":7\r\n*4\r\n$8\r\npmessage\r\n$1\r\nx\r\n$-1\r\n:5\r\n",
	"*2147483647\r\n",
	"$2147483647\r\n",
};

static int lying_fd;

static void *
lie(void *arg)
{
	const char *text = arg;

	for (;;) {
		int fd = accept(lying_fd, NULL, NULL);
		char question[256];

		if (fd < 0)
			return NULL;
		if (send(fd, text, strlen(text), MSG_NOSIGNAL) > 0)
			recv(fd, question, sizeof(question), MSG_DONTWAIT);
		poll(NULL, 0, 10);
		close(fd);
	}
}

START_TEST(hostile_server)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	pthread_t thread;

	tn_link_free(&link_);
	redis_server_kill(&server);
	unlink(server.path);
	strcpy(sun.sun_path, server.path);
	lying_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert(bind(lying_fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ck_assert(listen(lying_fd, 8) == 0);
	pthread_create(&thread, NULL, lie, (void *)(uintptr_t)lies[_i]);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	ck_assert_int_eq(tn_link_subscribe(link_, S("x"), on_message, NULL), 0);
	ck_assert_int_eq(call("PING"), 0);
	turn_for(400);
	ck_assert_int_eq(told.answers + told.failures, 1);
	shutdown(lying_fd, SHUT_RDWR);
	close(lying_fd);
	pthread_join(thread, NULL);
}
END_TEST

static Suite *
link_suite(void)
{
	Suite *s = suite_create("link");
	TCase *tc = tcase_create("link");

	redis_server_or_skip();
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, commands_wait_for_the_connection);
	tcase_add_test(tc, ten_thousand_in_one_turn);
	tcase_add_test(tc, a_waiter_may_call);
	tcase_add_test(tc, large_answers);
	tcase_add_test(tc, scripts);
	tcase_add_test(tc, subscriptions);
	tcase_add_loop_test(tc, invalidation, 0,
	    sizeof(changes) / sizeof(*changes));
	tcase_add_test(tc, kill_and_return);
	tcase_add_test(tc, commands_on_their_way_fail_once);
	tcase_add_test(tc, deadline);
	tcase_add_test(tc, silence_is_noticed);
	tcase_add_loop_test(tc, both_connections_die_together, 0, 2);
	tcase_add_test(tc, waiting_has_a_limit);
	tcase_add_test(tc, unsent_bytes_have_a_limit);
	tcase_add_loop_test(tc, the_end_calls_every_waiter, 0, 2);
	tcase_add_test(tc, password);
	tcase_add_loop_test(tc, hostile_server, 0,
	    sizeof(lies) / sizeof(*lies));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(link_suite)
