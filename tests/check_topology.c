/*
 * Redis in several processes: a master with a replica under sentinels, and a
 * cluster of three; all of a test's own, on free ports of loopback.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "check_main.h"
#include "cluster/redis_adapter.h"
#include "io_client.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis/redis_batch.h"
#include "redis/topology.h"
#include "redis_server.h"
#include "session/throttle.h"

#define S(s) TN_SLICE(s)

enum { MAX = 5, WAIT_MS = 20000 };

static struct redis_server servers[MAX];
static int ports[MAX];
static char addresses[MAX][32];
static const char *nodes[MAX];
static struct tn_redis_options options;
static struct poll_loop loop;
static struct tn_link *link_;
static struct tn_redis *redis;
static int ups, downs, answers, failures, messages;
static char last[256];

/* ---- servers --------------------------------------------------------------*/

static int
free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	close(fd);
	return ntohs(sin.sin_port);
}

/* Server i on its own port, told more by a file of settings. */
static void
start(int i, const char *more)
{
	char port[16];

	if (ports[i] == 0)
		ports[i] = free_port();
	snprintf(port, sizeof(port), "%d", ports[i]);
	snprintf(addresses[i], sizeof(addresses[i]), "127.0.0.1:%d", ports[i]);
	nodes[i] = addresses[i];
	servers[i].port = ports[i];
	servers[i].settings = more;
	ck_assert(redis_server_start(&servers[i]));
}

/* One command to server i itself; its reply, or NULL. */
static struct tn_reply *
tell(int i, const char *line)
{
	struct tn_slice argv[REDIS_WORDS];
	struct tn_redis_options at = { .host = "127.0.0.1", .port = ports[i] };
	struct tn_redis *one = tn_redis_new(&at, 1, NULL);
	struct tn_reply *reply = NULL;
	struct tn_err err = { .code = 0 };

	if (tn_redis_call(one, argv, redis_words(line, argv), &reply, &err) < 0)
		snprintf(last, sizeof(last), "%s", err.text);
	tn_redis_free(&one);
	return reply;
}

static void
do_tell(int i, const char *line)
{
	struct tn_reply *reply = tell(i, line);

	ck_assert_msg(reply != NULL, "%s: %s", line, last);
	tn_reply_free(&reply);
}

static bool
says(int i, const char *line, const char *text)
{
	struct tn_reply *reply = tell(i, line);
	struct tn_slice s = tn_reply_text(tn_reply_type(reply) ==
	    TN_REPLY_ARRAY ? tn_reply_at(reply, 0) : reply);
	bool found = s.len > 0 && memmem(s.ptr, s.len, text, strlen(text));

	tn_reply_free(&reply);
	return found;
}

static void
until_says(int i, const char *line, const char *text)
{
	int64_t end_ms = tn_clock_mono_ms() + WAIT_MS;

	while (!says(i, line, text)) {
		ck_assert_msg(tn_clock_mono_ms() < end_ms, "%s: no %s", line,
		    text);
		usleep(20000);
	}
}

/* ---- the two sides --------------------------------------------------------*/

static void
on_up(void *arg)
{
	(void)arg;
	ups++;
}

static void
on_down(const struct tn_err *err, void *arg)
{
	(void)err;
	(void)arg;
	downs++;
}

static void
on_answer(const struct tn_reply *r, const struct tn_err *err, void *arg)
{
	struct tn_slice text = tn_reply_text(r);

	(void)arg;
	answers += err == NULL;
	failures += err != NULL;
	snprintf(last, sizeof(last), "%.*s", err == NULL ?
	    (int)text.len : (int)strlen(err->text),
	    err == NULL ? text.ptr == NULL ? "" : text.ptr : err->text);
}

static void
on_message(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	(void)channel;
	(void)arg;
	messages++;
	snprintf(last, sizeof(last), "%.*s", TN_SLICE_ARG(payload));
}

static void
open_both(enum tn_redis_topology topology, int first, int n)
{
	const struct tn_link_hooks hooks = { .on_up = on_up,
	    .on_down = on_down };

	options = (struct tn_redis_options){
		.topology = topology, .nodes = nodes + first,
		.nnodes = (size_t)n, .master = "mymaster",
		.connect_ms = 1000, .command_ms = 2000,
	};
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	redis = tn_redis_new(&options, 2, NULL);
	link_ = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
}

static bool
reached(void *arg)
{
	const int *pair = arg;

	return *(const int *[]){ &ups, &downs, &answers, &messages }[pair[0]] >=
	    pair[1];
}

enum { UPS, DOWNS, ANSWERS, MESSAGES };

static void
until(int what, int n)
{
	int pair[] = { what, n };

	ck_assert_msg(poll_loop_until(&loop, reached, pair, WAIT_MS),
	    "%d is not %d: %s", what, n, last);
}

static int
give(const char *line)
{
	struct tn_slice argv[REDIS_WORDS];

	return tn_link_call(link_, argv, redis_words(line, argv), on_answer,
	    NULL);
}

static int
call(const char *line)
{
	struct tn_slice argv[REDIS_WORDS];
	struct tn_reply *reply;
	struct tn_err err = { .code = 0 };
	int r = tn_redis_call(redis, argv, redis_words(line, argv), &reply,
	    &err);
	struct tn_slice text = tn_reply_text(reply);

	snprintf(last, sizeof(last), "%.*s", r < 0 ? (int)strlen(err.text) :
	    (int)text.len, r < 0 ? err.text : text.ptr == NULL ? "" :
	    text.ptr);
	tn_reply_free(&reply);
	return r;
}

static void
setup(void)
{
	tn_random_start(NULL);
	memset(servers, 0, sizeof(servers));
	memset(ports, 0, sizeof(ports));
	ups = downs = answers = failures = messages = 0;
	link_ = NULL;
	redis = NULL;
}

static void
teardown(void)
{
	tn_link_free(&link_);
	tn_redis_free(&redis);
	poll_loop_fini(&loop);
	for (int i = 0; i < MAX; i++)
		redis_server_stop(&servers[i]);
}

/* ---- slots and addresses --------------------------------------------------*/

/* Source: the cluster specification, and CLUSTER KEYSLOT of Redis 7.0. */
static const struct { const char *key; unsigned slot; } slots[] = {
	{ "123456789", 0x31c3 }, { "foo", 12182 }, { "", 0 },
	{ "{user1000}.following", 3443 }, { "{user1000}.followers", 3443 },
	{ "foo{}{bar}", 8363 }, { "foo{{bar}}zap", 4015 },
	{ "foo{bar}{zap}", 5061 }, { "bar", 5061 },
};

START_TEST(a_key_has_its_slot)
{
	ck_assert_uint_eq(tn_redis_slot(tn_slice_str(slots[_i].key)),
	    slots[_i].slot);
}
END_TEST

static const struct { const char *line, *key; } keys[] = {
	{ "GET a", "a" }, { "ping", NULL }, { "PUBLISH c m", NULL },
	{ "SPUBLISH c m", "c" }, { "eval s 0 a", NULL }, { "EVAL s 1 k a", "k" },
	{ "EVALSHA s 2 k l", "k" }, { "XREAD COUNT 1 STREAMS s 0", "s" },
	{ "XREAD COUNT 1 STREAMS", NULL }, { "XINFO STREAM s", "s" },
	{ "SCRIPT LOAD x", NULL }, { "EVAL s", NULL }, { "GET", NULL },
};

START_TEST(a_command_has_its_key)
{
	struct tn_slice argv[REDIS_WORDS];
	struct tn_slice key = tn_redis_key_of(argv,
	    redis_words(keys[_i].line, argv));

	ck_assert_msg(keys[_i].key == NULL ? key.ptr == NULL :
	    tn_slice_is(key, keys[_i].key), "%s", keys[_i].line);
}
END_TEST

static const struct { const char *text, *host; int port; bool is_ask; } moved[] = {
	{ "MOVED 3999 127.0.0.1:6381", "127.0.0.1", 6381, false },
	{ "redis: ASK 1 ::1:7", "::1", 7, true },
	{ "MOVED 16383 :6381", "", 6381, false },
	{ "MOVED 16384 h:1", NULL, 0, false }, { "MOVED 1 h:0", NULL, 0, false },
	{ "MOVED 1 h:65536", NULL, 0, false }, { "MOVED 1 h", NULL, 0, false },
	{ "MOVED", NULL, 0, false }, { "MOVED x h:1", NULL, 0, false },
	{ "ERR no", NULL, 0, false },
};

START_TEST(a_redirection_is_read)
{
	struct tn_redirect to;
	bool ok = tn_redirect_read(tn_slice_str(moved[_i].text), &to);

	ck_assert_int_eq(ok, moved[_i].host != NULL);
	if (!ok)
		return;
	ck_assert_str_eq(to.to.host, moved[_i].host);
	ck_assert_int_eq(to.to.port, moved[_i].port);
	ck_assert_int_eq(to.is_ask, moved[_i].is_ask);
}
END_TEST

/* ---- sentinels ------------------------------------------------------------*/

/* Two are enough to agree; the master is 0, its replica 1. */
START_TEST(a_failover_is_followed)
{
	char text[512];

	start(0, "");
	snprintf(text, sizeof(text), "replicaof 127.0.0.1 %d\n", ports[0]);
	start(1, text);
	until_says(1, "INFO replication", "master_link_status:up");
	snprintf(text, sizeof(text),
	    "sentinel monitor mymaster 127.0.0.1 %d 2\n"
	    "sentinel down-after-milliseconds mymaster 1000\n"
	    "sentinel failover-timeout mymaster 5000\n", ports[0]);
	for (int i = 2; i < 5; i++) {
		servers[i].is_sentinel = true;
		start(i, text);
	}
	for (int i = 2; i < 5; i++) {
		until_says(i, "INFO sentinel", "slaves=1,sentinels=3");
	}
	open_both(TN_REDIS_SENTINEL, 2, 3);
	tn_link_subscribe(link_, S("c"), on_message, NULL);
	until(UPS, 1);
	ck_assert_int_eq(call("SET k before"), 0);
	ck_assert_int_eq(give("GET k"), 0);
	until(ANSWERS, 1);
	ck_assert_str_eq(last, "before");
	until_says(1, "GET k", "before");

	redis_server_kill(&servers[0]);
	until(DOWNS, 1);
	until(UPS, 2);
	give("SET k after");
	until(ANSWERS, 2);
	ck_assert_int_eq(call("GET k"), 0);
	ck_assert_str_eq(last, "after");
	give("PUBLISH c hello");
	until(MESSAGES, 1);
	ck_assert(says(1, "ROLE", "master"));
}
END_TEST

/* Who was the master answers still, and refuses to write. */
START_TEST(what_a_demoted_master_refuses_is_asked_again)
{
	static const struct tn_script add = { "add",
	    "return redis.call('INCR', KEYS[1])" };
	const struct tn_slice set[] = { S("SET"), S("k"), S("2") };
	const struct tn_slice key = S("n");
	const struct tn_reply *reply;
	struct tn_redis_batch batch;
	char text[512];
	size_t places[2];

	start(0, "");
	snprintf(text, sizeof(text), "replicaof 127.0.0.1 %d\n", ports[0]);
	start(1, text);
	until_says(1, "INFO replication", "master_link_status:up");
	snprintf(text, sizeof(text),
	    "sentinel monitor mymaster 127.0.0.1 %d 1\n"
	    "sentinel down-after-milliseconds mymaster 1000\n"
	    "sentinel failover-timeout mymaster 5000\n", ports[0]);
	servers[2].is_sentinel = true;
	start(2, text);
	until_says(2, "INFO sentinel", "slaves=1");
	open_both(TN_REDIS_SENTINEL, 2, 1);
	ck_assert_int_eq(call("SET k 1"), 0);
	until_says(2, "SENTINEL FAILOVER mymaster", "OK");	/* once it is sure */
	until_says(0, "ROLE", "slave");
	until_says(1, "ROLE", "master");

	tn_redis_batch_init(&batch, redis);
	places[0] = tn_redis_batch_call(&batch, set, 3);
	places[1] = tn_redis_batch_eval(&batch, &add, &key, 1, NULL, 0);
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	ck_assert_int_eq(tn_redis_batch_reply(&batch, places[0], NULL, NULL),
	    0);
	ck_assert_int_eq(tn_redis_batch_reply(&batch, places[1], &reply,
	    NULL), 0);
	ck_assert_int_eq(tn_reply_integer(reply), 1);
	tn_redis_batch_fini(&batch);
	ck_assert(says(1, "GET k", "2"));
}
END_TEST

START_TEST(who_knows_no_master_is_no_help)
{
	struct tn_err err = { .code = 0 };
	const struct tn_slice ping = S("PING");
	struct tn_reply *reply;

	servers[0].is_sentinel = true;
	start(0, "");
	open_both(TN_REDIS_SENTINEL, 0, 1);
	ck_assert_int_eq(tn_redis_call(redis, &ping, 1, &reply, &err),
	    TN_E_AWAY);
	ck_assert_ptr_nonnull(strstr(err.text, "no master of that name"));
	poll_loop_turn(&loop, 50);
	ck_assert(!tn_link_is_up(link_));
}
END_TEST

/* ---- a cluster ------------------------------------------------------------*/

static void
start_cluster(void)
{
	char line[128];

	for (int i = 0; i < 3; i++) {
		char settings[256];

		snprintf(settings, sizeof(settings), "cluster-enabled yes\n"
		    "cluster-node-timeout 3000\ncluster-port %d\n",
		    free_port());
		start(i, settings);
	}
	for (int i = 0; i < 3; i++) {
		snprintf(line, sizeof(line), "CLUSTER ADDSLOTSRANGE %d %d",
		    i * 5461, i == 2 ? 16383 : (i + 1) * 5461 - 1);
		do_tell(i, line);
		/* each its own, or they quarrel about slots that move */
		snprintf(line, sizeof(line), "CLUSTER SET-CONFIG-EPOCH %d",
		    i + 1);
		do_tell(i, line);
	}
}

static void
join_cluster(void)
{
	char line[128];

	for (int i = 1; i < 3; i++) {
		struct tn_reply *reply = tell(i, "CONFIG GET cluster-port");
		struct tn_slice port = tn_reply_text(tn_reply_at(reply, 1));

		snprintf(line, sizeof(line), "CLUSTER MEET 127.0.0.1 %d %.*s",
		    ports[i], TN_SLICE_ARG(port));
		tn_reply_free(&reply);
		reply = tell(0, line);
		tn_reply_free(&reply);
	}
	for (int i = 0; i < 3; i++)
		until_says(i, "CLUSTER INFO", "cluster_state:ok");
}

static void
setup_cluster(void)
{
	setup();
	start_cluster();
	join_cluster();
	open_both(TN_REDIS_CLUSTER, 1, 1);
}

START_TEST(keys_go_to_who_serves_them)
{
	static const struct tn_script add = { "add",
	    "redis.call('INCR', KEYS[1]); return redis.call('INCR', KEYS[2])" };
	int64_t sizes = 0;
	char line[64];

	for (int i = 0; i < 60; i++) {
		snprintf(line, sizeof(line), "SET sess:%d v%d", i, i);
		ck_assert_msg(call(line) == 0, "%s", last);
	}
	until(UPS, 1);
	for (int i = 0; i < 60; i++) {
		snprintf(line, sizeof(line), "GET sess:%d", i);
		ck_assert_int_eq(give(line), 0);
	}
	until(ANSWERS, 60);
	ck_assert_int_eq(failures, 0);	/* nodes answer in no order */
	ck_assert_int_eq(call("GET sess:59"), 0);
	ck_assert_str_eq(last, "v59");
	for (int i = 0; i < 3; i++) {
		struct tn_reply *reply = tell(i, "DBSIZE");

		ck_assert_int_gt(tn_reply_integer(reply), 5);
		sizes += tn_reply_integer(reply);
		tn_reply_free(&reply);
	}
	ck_assert_int_eq(sizes, 60);
	for (int i = 0; i < 10; i++) {
		struct tn_slice pair[2];
		struct tn_reply *reply;
		char a[32], b[32];

		snprintf(a, sizeof(a), "tandem:{%d}:a", i);
		snprintf(b, sizeof(b), "tandem:{%d}:b", i);
		pair[0] = tn_slice_str(a);
		pair[1] = tn_slice_str(b);
		ck_assert_int_eq(tn_redis_eval(redis, &add, pair, 2, NULL, 0,
		    &reply, NULL), 0);
		ck_assert_int_eq(tn_reply_integer(reply), 1);
		tn_reply_free(&reply);
		ck_assert_int_eq(tn_link_eval(link_, &add, pair, 2, NULL, 0,
		    on_answer, NULL), 0);
	}
	until(ANSWERS, 70);
	ck_assert_int_eq(failures, 0);
	/* two slots at once are refused by Redis, and told */
	ck_assert_int_eq(call("MGET a b"), TN_E_IO);
	ck_assert_ptr_nonnull(strstr(last, "CROSSSLOT"));
}
END_TEST

START_TEST(a_batch_has_keys_of_all_slots)
{
	static const struct tn_script add = { "add",
	    "return redis.call('INCRBY', KEYS[1], ARGV[1])" };
	struct tn_redis_batch batch;
	size_t places[2][20];

	tn_redis_batch_init(&batch, redis);
	for (int i = 0; i < 20; i++) {
		char text[32];
		struct tn_slice argv[] = { S("SET"), tn_slice_str(text),
			S("1") };
		const struct tn_slice two = S("2");

		snprintf(text, sizeof(text), "sess:%d", i);
		places[0][i] = tn_redis_batch_call(&batch, argv, 3);
		places[1][i] = tn_redis_batch_eval(&batch, &add, &argv[1], 1,
		    &two, 1);
	}
	ck_assert_int_eq(tn_redis_batch_send(&batch, NULL), 0);
	for (int i = 0; i < 20; i++) {
		const struct tn_reply *reply;

		ck_assert_int_eq(tn_redis_batch_reply(&batch, places[0][i],
		    NULL, NULL), 0);
		ck_assert_int_eq(tn_redis_batch_reply(&batch, places[1][i],
		    &reply, NULL), 0);
		ck_assert_int_eq(tn_reply_integer(reply), 3);
	}
	tn_redis_batch_fini(&batch);
	for (int i = 0; i < 3; i++) {
		struct tn_reply *reply = tell(i, "DBSIZE");

		ck_assert_int_gt(tn_reply_integer(reply), 1);
		tn_reply_free(&reply);
	}
}
END_TEST

/* Several, as the first question ever: the nodes are learnt on the way. */
/* Address and name are in two slots, and count one behind the other. */
START_TEST(a_try_counts_for_two_slots)
{
	const struct tn_throttle address = { redis, "address", 4, 60 },
	    name = { redis, "name", 2, 60 };
	static const int results[] = { 1, 1, 0, 0, 0, 0 };

	ck_assert(tn_redis_is_cluster(redis));
	for (int i = 0; i < 6; i++) {
		struct tn_redis_batch batch;
		int retry_s = 0;
		size_t place;

		tn_redis_batch_init(&batch, redis);
		place = tn_throttle_try_both_with(&address, S("192.0.2.1"),
		    &name, S("kim"), &batch);
		tn_redis_batch_send(&batch, NULL);
		ck_assert_int_eq(tn_throttle_tried_both(&address, &name,
		    S("kim"), &batch, place, &retry_s, NULL), results[i]);
		tn_redis_batch_fini(&batch);
	}
	ck_assert_int_eq(call("GET tandem:{kim}:throttle:name"), 0);
	ck_assert_str_eq(last, "4");
}
END_TEST

START_TEST(several_batches_as_the_first_question)
{
	struct tn_redis *fresh = tn_redis_new(&options, 1, NULL);
	struct tn_redis_batch several[3];
	struct tn_redis_batch *all[3];

	for (int i = 0; i < 3; i++) {
		char key[] = { (char)('a' + i), '\0' };
		const struct tn_slice incr[] = { S("INCR"), tn_slice_str(key) };

		all[i] = &several[i];
		tn_redis_batch_init(all[i], fresh);
		tn_redis_batch_call(all[i], incr, 2);
	}
	tn_redis_batch_send_all(all, 3);
	for (int i = 0; i < 3; i++) {
		const struct tn_reply *reply;

		ck_assert_int_eq(tn_redis_batch_sent(all[i], NULL), 0);
		ck_assert_int_eq(tn_redis_batch_reply(all[i], 0, &reply,
		    NULL), 0);
		ck_assert_int_eq(tn_reply_integer(reply), 1);
		tn_redis_batch_fini(all[i]);
	}
	tn_redis_free(&fresh);
}
END_TEST

/* The slot of "foo": who has it at first, and who gets it. */
enum { SLOT = 12182, FROM = 2, TO = 0 };

/* What server i is told of the slot: IMPORTING, MIGRATING or NODE, and who. */
static void
set_slot(int i, const char *state, int who)
{
	char line[128];
	struct tn_reply *id = tell(who, "CLUSTER MYID");

	snprintf(line, sizeof(line), "CLUSTER SETSLOT %d %s %.*s", SLOT, state,
	    TN_SLICE_ARG(tn_reply_text(id)));
	tn_reply_free(&id);
	do_tell(i, line);
}

START_TEST(a_slot_that_moves_is_followed)
{
	char line[128];

	until(UPS, 1);
	call("SET foo bar");
	tn_link_ssubscribe(link_, S("foo"), on_message, NULL);
	give("SPUBLISH foo one");
	until(ANSWERS, 1);
	set_slot(TO, "IMPORTING", FROM);
	set_slot(FROM, "MIGRATING", TO);
	/* a key that is not there (any more) is asked for: ASK */
	ck_assert_int_eq(call("SET {foo}2 x"), 0);
	ck_assert_int_eq(give("GET {foo}2"), 0);
	until(ANSWERS, 2);
	ck_assert_str_eq(last, "x");
	ck_assert_int_eq(call("GET foo"), 0);
	ck_assert_str_eq(last, "bar");
	snprintf(line, sizeof(line), "MIGRATE 127.0.0.1 %d foo 0 1000",
	    ports[TO]);
	do_tell(FROM, line);
	set_slot(TO, "NODE", TO);
	set_slot(FROM, "NODE", TO);
	set_slot(1, "NODE", TO);
	/* MOVED, on both sides, and the channel comes along */
	ck_assert_int_eq(give("GET foo"), 0);
	until(ANSWERS, 3);
	ck_assert_str_eq(last, "bar");
	ck_assert_int_eq(call("GET foo"), 0);
	ck_assert_str_eq(last, "bar");
	for (int i = 0; i < 400 && messages < 2; i++) {
		give("SPUBLISH foo two");
		poll_loop_turn(&loop, 20);
	}
	ck_assert_int_ge(messages, 2);
}
END_TEST

/* Nothing was sent to a node that is dead: who has its slots now may be asked. */
START_TEST(who_took_over_is_asked_at_once)
{
	ck_assert_int_eq(call("SET foo bar"), 0);
	redis_server_kill(&servers[FROM]);
	set_slot(TO, "NODE", TO);
	set_slot(1, "NODE", TO);
	usleep(150000);		/* a connection that rested is looked at */
	ck_assert_msg(call("SET foo again") == 0, "%s", last);
	ck_assert(says(0, "GET foo", "again"));
}
END_TEST

/* Two nodes say of a slot that the other has it, until one is told. */
START_TEST(nodes_that_do_not_agree_yet_are_waited_for)
{
	until(UPS, 1);
	set_slot(TO, "IMPORTING", FROM);
	set_slot(FROM, "NODE", TO);
	ck_assert_int_eq(call("GET foo"), TN_E_AWAY);
	ck_assert_ptr_nonnull(strstr(last, "from node to node"));
	poll_loop_turn(&loop, 20);	/* it has stood still */
	ck_assert_int_eq(give("SET foo bar"), 0);
	for (int64_t end = tn_clock_mono_ms() + 200; tn_clock_mono_ms() < end;)
		poll_loop_turn(&loop, 20);
	ck_assert_msg(failures == 0, "%s", last);
	set_slot(TO, "NODE", TO);
	until(ANSWERS, 1);
	ck_assert_str_eq(last, "OK");
}
END_TEST

/* ---- the adapters over it -------------------------------------------------*/

struct node {
	struct tn_link *link;
	struct tn_adapter *adapter;
	struct tn_io *io;
	struct tn_ns *ns;
	struct tn_socket *last;
	struct io_client client;
};

static struct node pair[2];
static int fetched = -1;

static void
on_connection(struct tn_socket *s, void *arg)
{
	((struct node *)arg)->last = s;
}

static void
node_start(struct node *n, bool is_sharded, int window_ms)
{
	const struct tn_io_options io_options = {
		.recovery_window_ms = window_ms,
	};
	struct tn_redis_adapter_options form = { .is_sharded = is_sharded,
		.recovery_events = window_ms > 0 ? 1000 : 0 };

	*n = (struct node){ .link = tn_link_new(&loop.loop, NULL, &options,
	    NULL, NULL) };
	form.link = n->link;
	n->adapter = tn_redis_adapter_new(&form, NULL);
	n->io = tn_io_new(&io_options, &loop.loop.wheel, NULL, NULL);
	tn_io_set_adapter(n->io, n->adapter);
	n->ns = tn_io_of(n->io, "/");
	tn_ns_on_connection(n->ns, on_connection, n);
	io_client_open(&n->client, n->io, NULL);
	io_client_say(&n->client, "40");
	io_client_forget(&n->client);
}

static void
node_stop(struct node *n)
{
	tn_io_free(&n->io);
	tn_outq_fini(&n->client.wire.out);
	tn_redis_adapter_free(&n->adapter);
	tn_link_free(&n->link);
}

static bool
both_up(void *arg)
{
	(void)arg;
	return tn_link_is_up(pair[0].link) && tn_link_is_up(pair[1].link);
}

static bool
has_heard(void *arg)
{
	return io_client_heard(&pair[1].client, arg);
}

static void
on_sockets(const struct tn_remote_socket *all, size_t n,
    const struct tn_err *err, void *arg)
{
	(void)all;
	(void)arg;
	fetched = err == NULL ? (int)n : -2;
}

static bool
has_fetched(void *arg)
{
	(void)arg;
	return fetched != -1;
}

START_TEST(adapters_work_over_a_cluster)
{
	char room[] = "\"room 0\"", event[] = "42[\"room 0\"]\n";

	node_start(&pair[0], _i == 1, 0);
	node_start(&pair[1], _i == 1, 0);
	ck_assert(poll_loop_until(&loop, both_up, NULL, WAIT_MS));
	for (char c = '0'; c <= '9'; c++) {
		room[6] = c;
		tn_socket_join(pair[1].last, tn_slice(room + 1, 6));
	}
	for (int tries = 0; tries < 100 && fetched != 2; tries++) {
		fetched = -1;
		ck_assert_int_eq(tn_sockets_fetch(tn_all(pair[0].ns),
		    on_sockets, NULL), 0);
		ck_assert(poll_loop_until(&loop, has_fetched, NULL, WAIT_MS));
	}
	ck_assert_int_eq(fetched, 2);
	for (char c = '0'; c <= '9'; c++) {
		char name[] = "room 0";

		name[5] = c;
		room[6] = c;
		event[9] = c;
		tn_emit(tn_in(pair[0].ns, tn_slice_str(name)), name,
		    TN_SLICE_NONE);
		ck_assert_msg(poll_loop_until(&loop, has_heard, event,
		    WAIT_MS), "%s", event);
	}
	node_stop(&pair[0]);
	node_stop(&pair[1]);
}
END_TEST

static void
copy_after(char out[64], const char *in, const char *after)
{
	const char *at = strstr(in, after);

	ck_assert_msg(at != NULL, "%s in %s", after, in);
	snprintf(out, 64, "%.*s", (int)strcspn(at + strlen(after), "\""),
	    at + strlen(after));
}

/* Stream, sessions and channels of a namespace are in one slot. */
START_TEST(sessions_are_found_over_a_cluster)
{
	struct io_client *one = &pair[1].client, two = { .is_open = false };
	char id[64], pid[64], offset[64], packet[256], same[256];

	node_start(&pair[0], _i == 1, 60000);
	node_start(&pair[1], _i == 1, 60000);
	ck_assert(poll_loop_until(&loop, both_up, NULL, WAIT_MS));
	io_client_close(one);
	for (int i = 0; i < 100; i++)	/* all have subscribed */
		poll_loop_turn(&loop, 10);
	tn_outq_fini(&one->wire.out);
	io_client_open(one, pair[1].io, NULL);
	io_client_say(one, "40");
	io_client_read(one);
	copy_after(id, one->heard, "40{\"sid\":\"");
	copy_after(pid, one->heard, "\"pid\":\"");
	tn_socket_join(pair[1].last, S("r"));
	tn_emit(tn_in(pair[0].ns, S("r")), "e", S("1"));
	ck_assert_msg(poll_loop_until(&loop, has_heard, "42[\"e\",1,\"",
	    WAIT_MS), "%s", one->heard);
	copy_after(offset, one->heard, "42[\"e\",1,\"");
	io_client_close(one);
	tn_emit(tn_in(pair[0].ns, S("r")), "e", S("2"));
	for (int i = 0; i < 20; i++)
		poll_loop_turn(&loop, 10);
	io_client_open(&two, pair[0].io, NULL);
	io_client_forget(&two);
	snprintf(packet, sizeof(packet), "40{\"pid\":\"%s\",\"offset\":\"%s\"}",
	    pid, offset);
	io_client_say(&two, packet);
	for (int i = 0; i < 500 && !io_client_heard(&two, "40{"); i++)
		poll_loop_turn(&loop, 10);
	snprintf(same, sizeof(same), "40{\"sid\":\"%s\",\"pid\":\"%s\"}", id,
	    pid);
	ck_assert_msg(strstr(two.heard, same) != NULL, "%s", two.heard);
	ck_assert_ptr_nonnull(strstr(two.heard, "42[\"e\",2,\""));
	node_stop(&pair[0]);
	node_stop(&pair[1]);
	tn_outq_fini(&two.wire.out);
}
END_TEST

/* What takes seconds, as failovers do. */
static void
add_servers(Suite *s)
{
	TCase *sentinel = tcase_create("sentinel"),
	    *cluster = tcase_create("cluster");

	tcase_set_timeout(sentinel, 120);
	tcase_add_checked_fixture(sentinel, setup, teardown);
	tcase_add_test(sentinel, a_failover_is_followed);
	tcase_add_test(sentinel, who_knows_no_master_is_no_help);
	tcase_add_test(sentinel, what_a_demoted_master_refuses_is_asked_again);
	tcase_set_timeout(cluster, 120);
	tcase_add_checked_fixture(cluster, setup_cluster, teardown);
	tcase_add_test(cluster, keys_go_to_who_serves_them);
	tcase_add_test(cluster, a_batch_has_keys_of_all_slots);
	tcase_add_test(cluster, a_try_counts_for_two_slots);
	tcase_add_test(cluster, several_batches_as_the_first_question);
	tcase_add_test(cluster, a_slot_that_moves_is_followed);
	tcase_add_test(cluster, nodes_that_do_not_agree_yet_are_waited_for);
	tcase_add_test(cluster, who_took_over_is_asked_at_once);
	tcase_add_loop_test(cluster, adapters_work_over_a_cluster, 0, 2);
	tcase_add_loop_test(cluster, sessions_are_found_over_a_cluster, 0, 2);
	suite_add_tcase(s, sentinel);
	suite_add_tcase(s, cluster);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("topology");
	TCase *words = tcase_create("words");

	redis_server_or_skip();
	tcase_add_loop_test(words, a_key_has_its_slot, 0,
	    (int)(sizeof(slots) / sizeof(slots[0])));
	tcase_add_loop_test(words, a_command_has_its_key, 0,
	    (int)(sizeof(keys) / sizeof(keys[0])));
	tcase_add_loop_test(words, a_redirection_is_read, 0,
	    (int)(sizeof(moved) / sizeof(moved[0])));
	suite_add_tcase(s, words);
	if (getenv("CHECK_TOPOLOGY") != NULL)	/* tests/sys/topology.sh */
		add_servers(s);
	return s;
}

TN_CHECK_MAIN(suite)
