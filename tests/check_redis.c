#include "config.h"

#include <errno.h>
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
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis.h"
#include "redis/wire.h"
#include "redis_server.h"

#define S(s) TN_SLICE(s)

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;

static void
setup(void)
{
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){
		.path = server.path, .connect_ms = 300, .command_ms = 300,
	};
	redis = tn_redis_new(&options, 4, NULL);
	ck_assert_ptr_nonnull(redis);
}

static void
teardown(void)
{
	tn_redis_free(&redis);
	redis_server_stop(&server);
}

/* Words parted by spaces. */
static int
call(const char *line, struct tn_reply **reply, struct tn_err *err)
{
	struct tn_slice words[REDIS_WORDS];
	size_t n = redis_words(line, words);

	return tn_redis_call(redis, words, n, reply, err);
}

static const struct {
	const char *name, *line;
	int result;
	enum tn_reply_type type;
	const char *text;
	int64_t integer;
	size_t len;
} calls[] = {
	{ "status",	"SET k v",	0, TN_REPLY_STATUS,	"OK",	0, 0 },
	{ "string",	"ECHO hello",	0, TN_REPLY_STRING,	"hello", 0, 0 },
	{ "empty string", "ECHO ",	0, TN_REPLY_STRING,	"",	0, 0 },
	{ "nil",	"GET none",	0, TN_REPLY_NIL,	NULL,	0, 0 },
	{ "integer",	"INCRBY n 7",	0, TN_REPLY_INTEGER,	NULL,	7, 0 },
	{ "array",	"MGET a b c",	0, TN_REPLY_ARRAY,	NULL,	0, 3 },
	{ "empty array", "KEYS x",	0, TN_REPLY_ARRAY,	NULL,	0, 0 },
	{ "an error reply is a failure", "NOSUCH", TN_E_IO, 0, NULL, 0, 0 },
};

START_TEST(answers)
{
	struct tn_reply *r;
	struct tn_err err = { .code = 0 };

	ck_assert_int_eq(call(calls[_i].line, &r, &err), calls[_i].result);
	ck_assert_int_eq(err.code, calls[_i].result);
	if (calls[_i].result < 0)
		return;
	ck_assert_int_eq(tn_reply_type(r), calls[_i].type);
	ck_assert(tn_slice_is(tn_reply_text(r), calls[_i].text));
	ck_assert_int_eq(tn_reply_integer(r), calls[_i].integer);
	ck_assert_uint_eq(tn_reply_len(r), calls[_i].len);
	ck_assert_ptr_null(tn_reply_at(r, calls[_i].len));
	tn_reply_free(&r);
	ck_assert_ptr_null(r);
}
END_TEST

START_TEST(bytes_of_any_kind)
{
	char *big = malloc(1 << 20);
	struct tn_slice set[] = { S("SET"), S("a\0b\r\n"), { big, 1 << 20 } };
	struct tn_slice get[] = { S("GET"), S("a\0b\r\n") };
	struct tn_reply *r;

	for (size_t i = 0; i < 1 << 20; i++)
		big[i] = (char)(i * 7);
	ck_assert_int_eq(tn_redis_call(redis, set, 3, &r, NULL), 0);
	tn_reply_free(&r);
	ck_assert_int_eq(tn_redis_call(redis, get, 2, &r, NULL), 0);
	ck_assert(tn_slice_eq(tn_reply_text(r), set[2]));
	tn_reply_free(&r);
	free(big);
}
END_TEST

START_TEST(bad_commands_are_refused_here)
{
	struct tn_slice none = { NULL, 0 };
	struct tn_slice huge[] = { S("ECHO"), { "", SIZE_MAX / 2 } };
	struct tn_reply *r;

	ck_assert_int_eq(tn_redis_call(redis, &none, 0, &r, NULL), TN_E_STATE);
	ck_assert_int_eq(tn_redis_call(redis, huge, 2, &r, NULL), TN_E_LIMIT);
	ck_assert_int_eq(call("PING", &r, NULL), 0);
	tn_reply_free(&r);
}
END_TEST

static const struct tn_script add = {
	"add", "return redis.call('INCRBY', KEYS[1], ARGV[1])",
};
static const struct tn_script wrong = { "wrong", "return this is no lua" };

START_TEST(scripts)
{
	struct tn_slice key = S("n"), arg = S("5");
	struct tn_reply *r;

	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq(tn_redis_eval(redis, &add, &key, 1, &arg, 1,
		    &r, NULL), 0);
		ck_assert_int_eq(tn_reply_integer(r), 5 * i);
		tn_reply_free(&r);
	}
	ck_assert_int_eq(call("SCRIPT FLUSH", &r, NULL), 0);
	tn_reply_free(&r);
	ck_assert_int_eq(tn_redis_eval(redis, &add, &key, 1, &arg, 1, &r,
	    NULL), 0);
	ck_assert_int_eq(tn_reply_integer(r), 20);
	tn_reply_free(&r);
	ck_assert_int_eq(tn_redis_eval(redis, &wrong, NULL, 0, NULL, 0, &r,
	    NULL), TN_E_IO);
}
END_TEST

START_TEST(kill_and_return)
{
	struct tn_reply *r;
	struct tn_err err;

	ck_assert_int_eq(call("PING", &r, NULL), 0);
	tn_reply_free(&r);
	redis_server_kill(&server);
	ck_assert_int_eq(call("PING", &r, &err), TN_E_AWAY);
	ck_assert_int_eq(call("PING", &r, &err), TN_E_AWAY);
	ck_assert(redis_server_start(&server));
	ck_assert_int_eq(call("PING", &r, &err), 0);
	tn_reply_free(&r);
}
END_TEST

/* Not an error once: the connection is known to be dead before sending. */
START_TEST(restart_while_idle_is_not_seen)
{
	struct tn_reply *r;

	ck_assert_int_eq(call("INCR n", &r, NULL), 0);
	tn_reply_free(&r);
	redis_server_kill(&server);
	ck_assert(redis_server_start(&server));
	ck_assert_int_eq(call("INCR n", &r, NULL), 0);
	ck_assert_int_eq(tn_reply_integer(r), 1);
	tn_reply_free(&r);
}
END_TEST

START_TEST(deadline)
{
	int64_t before;
	struct tn_reply *r;

	ck_assert_int_eq(call("PING", &r, NULL), 0);
	tn_reply_free(&r);
	kill(server.pid, SIGSTOP);
	before = tn_clock_mono_ms();
	ck_assert_int_eq(call("PING", &r, NULL), TN_E_TIMEOUT);
	ck_assert_int_lt(tn_clock_mono_ms() - before, 600);
	ck_assert_int_lt(call("PING", &r, NULL), 0);
	kill(server.pid, SIGCONT);
	for (int i = 0; i < 50 && call("PING", &r, NULL) < 0; i++)
		poll(NULL, 0, 20);
	ck_assert(tn_slice_is(tn_reply_text(r), "PONG"));
	tn_reply_free(&r);
}
END_TEST

static void *
count_up(void *arg)
{
	struct tn_slice words[] = { S("INCR"), S("shared") };
	struct tn_reply *r;

	for (int i = 0; i < 200; i++) {
		if (tn_redis_call(redis, words, 2, &r, NULL) < 0)
			return arg;
		tn_reply_free(&r);
	}
	return NULL;
}

START_TEST(more_threads_than_connections)
{
	pthread_t threads[8];
	struct tn_reply *r;

	for (size_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, count_up, redis);
	for (size_t i = 0; i < 8; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_int_eq(call("GET shared", &r, NULL), 0);
	ck_assert(tn_slice_is(tn_reply_text(r), "1600"));
	tn_reply_free(&r);
}
END_TEST

START_TEST(password_and_database)
{
	struct tn_reply *r;
	struct tn_err err;

	redis_server_kill(&server);
	server.password = "sesame";
	ck_assert(redis_server_start(&server));
	options.database = 3;
	ck_assert_int_lt(call("PING", &r, &err), 0);
	options.password = "wrong";
	ck_assert_int_eq(call("PING", &r, &err), TN_E_AWAY);
	ck_assert_ptr_nonnull(strstr(err.text, "WRONGPASS"));
	ck_assert_ptr_null(strstr(err.text, "sesame"));
	options.user = "default";
	options.password = "sesame";
	ck_assert_int_eq(call("CLIENT INFO", &r, &err), 0);
	ck_assert_ptr_nonnull(strstr(tn_reply_text(r).ptr, " db=3 "));
	tn_reply_free(&r);
}
END_TEST

/* A Redis that says what it likes, byte by byte if told so. */

struct liar {
	int fd;
	const char *says;
	bool slowly;
};

static void *
lie(void *arg)
{
	struct liar *l = arg;
	char question[256];
	int fd = accept(l->fd, NULL, NULL);
	size_t len = strlen(l->says);

	if (read(fd, question, sizeof(question)) > 0) {
		for (size_t i = 0; i < len; i++) {
			if (send(fd, l->says + i, 1, MSG_NOSIGNAL) < 0)
				break;
			if (l->slowly)
				poll(NULL, 0, 50);
		}
	}
	close(fd);
	return NULL;
}

static const struct {
	const char *name, *says;
	bool slowly;
	int result;
} lies[] = {
	{ "no reply at all",	"",			false, TN_E_AWAY },
	{ "not the protocol",	"HTTP/1.1 200 OK\r\n",	false, TN_E_IO },
	{ "half a reply",	"$5\r\nhel",		false, TN_E_AWAY },
	{ "an array of two thousand million", "*2147483647\r\n",
	    false, TN_E_AWAY },
	{ "an array of less than nothing", "*-7\r\n",	false, TN_E_IO },
	{ "a string of 2^63",	"$9223372036854775807\r\nx", false, TN_E_AWAY },
	{ "a string of -9",	"$-9\r\n",		false, TN_E_IO },
	{ "nested too deep",
	    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
	    false, TN_E_IO },
	{ "two answers to one question", "+A\r\n+B\r\n", true, 0 },
	{ "a dribble does not extend the deadline",
	    "$40\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true,
	    TN_E_TIMEOUT },
};

START_TEST(hostile_answers)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct liar liar = {
		.says = lies[_i].says, .slowly = lies[_i].slowly,
	};
	struct tn_reply *r = NULL;
	int64_t before;
	pthread_t thread;

	redis_server_kill(&server);
	unlink(server.path);
	strcpy(sun.sun_path, server.path);
	liar.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert(bind(liar.fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ck_assert(listen(liar.fd, 4) == 0);
	pthread_create(&thread, NULL, lie, &liar);
	before = tn_clock_mono_ms();
	ck_assert_msg(call("PING", &r, NULL) == lies[_i].result, "%s",
	    lies[_i].name);
	ck_assert_int_lt(tn_clock_mono_ms() - before, 700);
	tn_reply_free(&r);
	close(liar.fd);
	pthread_join(thread, NULL);
}
END_TEST

/* The reader alone: every cut, and the bounds. */

static const char whole[] = "*5\r\n$5\r\nhello\r\n:42\r\n$-1\r\n"
    "*2\r\n+OK\r\n-ERR no\r\n*0\r\n";

START_TEST(cut_at_every_byte)
{
	struct tn_reader r;
	struct tn_reply *reply = NULL;

	for (size_t cut = 0; cut < sizeof(whole) - 1; cut++) {
		ck_assert_int_eq(tn_reader_init(&r, NULL), 0);
		tn_reader_feed(&r, whole, cut, NULL);
		ck_assert_int_eq(tn_reader_next(&r, &reply, NULL), 0);
		tn_reader_feed(&r, whole + cut, sizeof(whole) - 1 - cut, NULL);
		ck_assert_int_eq(tn_reader_next(&r, &reply, NULL), 1);
		ck_assert_uint_eq(tn_reply_len(reply), 5);
		ck_assert_int_eq(tn_reply_integer(tn_reply_at(reply, 1)), 42);
		ck_assert_uint_eq(tn_reply_len(tn_reply_at(reply, 3)), 2);
		ck_assert(!tn_reader_has_rest(&r));
		tn_reply_free(&reply);
		tn_reader_fini(&r);
	}
}
END_TEST

static int
feed_string(size_t len)
{
	char *block = calloc(1, 1 << 16), head[32];
	struct tn_reply *reply = NULL;
	struct tn_reader r;
	int result = tn_reader_init(&r, NULL);

	snprintf(head, sizeof(head), "$%zu\r\n", len);
	tn_reader_feed(&r, head, strlen(head), NULL);
	while (len > 0 && result == 0) {
		size_t n = len < 1 << 16 ? len : 1 << 16;

		tn_reader_feed(&r, block, n, NULL);
		result = tn_reader_next(&r, &reply, NULL);
		len -= n;
	}
	if (result == 0)
		tn_reader_feed(&r, "\r\n", 2, NULL);
	if (result == 0)
		result = tn_reader_next(&r, &reply, NULL);
	tn_reply_free(&reply);
	tn_reader_fini(&r);
	free(block);
	return result;
}

START_TEST(reply_limit)
{
	ck_assert_int_eq(feed_string(TN_LIMIT_REDIS_REPLY - 4096), 1);
	ck_assert_int_eq(feed_string(TN_LIMIT_REDIS_REPLY + 1), TN_E_IO);
}
END_TEST

START_TEST(array_limit)
{
	struct tn_reader r;
	struct tn_reply *reply = NULL;
	int result = tn_reader_init(&r, NULL);

	tn_reader_feed(&r, "*2000000\r\n", 10, NULL);
	for (int i = 0; i < 2000000 && result == 0; i++) {
		tn_reader_feed(&r, ":1\r\n", 4, NULL);
		result = tn_reader_next(&r, &reply, NULL);
	}
	ck_assert_int_eq(result, TN_E_IO);
	tn_reader_fini(&r);
}
END_TEST

START_TEST(line_limit)
{
	static char line[TN_LIMIT_REDIS_LINE + 2];
	struct tn_reader r;
	struct tn_reply *reply = NULL;

	memset(line, 'x', sizeof(line));
	line[0] = '+';
	ck_assert_int_eq(tn_reader_init(&r, NULL), 0);
	tn_reader_feed(&r, line, TN_LIMIT_REDIS_LINE, NULL);
	ck_assert_int_eq(tn_reader_next(&r, &reply, NULL), 0);
	tn_reader_feed(&r, line + 1, 2, NULL);	/* the sign is read */
	ck_assert_int_eq(tn_reader_next(&r, &reply, NULL), TN_E_IO);
	tn_reader_fini(&r);
}
END_TEST

START_TEST(out_of_memory)
{
	struct tn_slice words[40];
	bool failed = true;

	for (size_t i = 0; i < 40; i++)
		words[i] = S("word");
	for (unsigned n = 1; failed; n++) {
		struct tn_command command;
		struct tn_reply *reply = NULL;
		struct tn_reader r;
		int made, formatted;

		ck_assert_int_eq(tn_reader_init(&r, NULL), 0);
		tn_reader_feed(&r, whole, sizeof(whole) - 1, NULL);
		tn_alloc_fail_at(n);
		made = tn_reader_next(&r, &reply, NULL);
		formatted = tn_command_format(&command, words, 40, NULL);
		failed = tn_alloc_end();
		ck_assert(made == 1 || (failed && made == TN_E_NOMEM));
		ck_assert(formatted == 0 || (failed && formatted == TN_E_NOMEM));
		tn_command_free(&command);
		tn_reply_free(&reply);
		tn_reader_fini(&r);
	}
}
END_TEST

START_TEST(nobody_there)
{
	struct tn_redis_options away = { .path = "/nonexistent/redis.sock" };
	struct tn_redis_options port = { .host = "127.0.0.1", .port = 1 };
	struct tn_redis *none = tn_redis_new(&away, 0, NULL);
	struct tn_slice ping = S("PING");
	struct tn_reply *r;

	ck_assert_int_eq(tn_redis_call(none, &ping, 1, &r, NULL), TN_E_AWAY);
	tn_redis_free(&none);
	none = tn_redis_new(&port, 1, NULL);
	ck_assert_int_eq(tn_redis_call(none, &ping, 1, &r, NULL), TN_E_AWAY);
	tn_redis_free(&none);
	tn_redis_free(&none);
}
END_TEST

static Suite *
redis_suite(void)
{
	Suite *s = suite_create("redis");
	TCase *live = tcase_create("live"), *alone = tcase_create("alone");

	redis_server_or_skip();
	tcase_set_timeout(live, 20);
	tcase_add_checked_fixture(live, setup, teardown);
	tcase_add_loop_test(live, answers, 0, sizeof(calls) / sizeof(*calls));
	tcase_add_test(live, bytes_of_any_kind);
	tcase_add_test(live, bad_commands_are_refused_here);
	tcase_add_test(live, scripts);
	tcase_add_test(live, kill_and_return);
	tcase_add_test(live, restart_while_idle_is_not_seen);
	tcase_add_test(live, deadline);
	tcase_add_test(live, more_threads_than_connections);
	tcase_add_test(live, password_and_database);
	tcase_add_loop_test(live, hostile_answers, 0,
	    sizeof(lies) / sizeof(*lies));
	suite_add_tcase(s, live);
	tcase_set_timeout(alone, 30);
	tcase_add_test(alone, cut_at_every_byte);
	tcase_add_test(alone, reply_limit);
	tcase_add_test(alone, array_limit);
	tcase_add_test(alone, line_limit);
	tcase_add_test(alone, out_of_memory);
	tcase_add_test(alone, nobody_there);
	suite_add_tcase(s, alone);
	return s;
}

TN_CHECK_MAIN(redis_suite)
