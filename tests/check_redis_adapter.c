/* Two nodes in one process, each with its own link to one Redis, and a third
 * party that asks and listens. */
#include "config.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "check_main.h"
#include "cluster/adapter_inner.h"
#include "cluster/redis_adapter.h"
#include "cluster/registry.h"
#include "io_client.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis_server.h"

#define S(s) TN_SLICE(s)
#define STRANGE "/a*b[c]?\\d"	/* a namespace full of a glob's characters */

enum { WAIT_MS = 5000 };

struct node {
	struct tn_link *link;
	struct tn_adapter *adapter;
	struct tn_io *io;
	struct tn_ns *root, *strange, *plain;
	struct tn_socket *last;
	struct io_client client;
	int ups, asked;
};

static struct redis_server server;
static struct tn_redis_options options;
static struct poll_loop loop;
static struct node one, two;
static struct tn_redis_adapter_options form;	/* of both nodes */
static struct tn_link *third;
static char answers[16384];		/* what came on channels of answers */
static long long count;			/* an integer that Redis answered */
static bool is_counted;

/* ---- the nodes ------------------------------------------------------------*/

static void
on_up(void *arg)
{
	((struct node *)arg)->ups++;
}

static void
on_connection(struct tn_socket *s, void *arg)
{
	((struct node *)arg)->last = s;
}

/* With a link that is there: its server and adapter. */
static void
node_serve(struct node *n)
{
	const struct tn_io_options io_options = { .connect_timeout_ms = 0 };

	form.link = n->link;
	n->adapter = tn_redis_adapter_new(&form, NULL);
	n->io = tn_io_new(&io_options, &loop.loop.wheel, NULL, NULL);
	tn_io_set_adapter(n->io, n->adapter);
	n->root = tn_io_of(n->io, "/");
	n->strange = tn_io_of(n->io, STRANGE);
	n->plain = tn_io_of(n->io, "/aXbc?\\d");
	tn_ns_on_connection(n->root, on_connection, n);
}

static void
node_start(struct node *n)
{
	const struct tn_link_hooks hooks = { .on_up = on_up, .arg = n };

	*n = (struct node){ .ups = 0 };
	n->link = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	node_serve(n);
}

static void
node_stop(struct node *n)
{
	tn_io_free(&n->io);
	tn_outq_fini(&n->client.wire.out);
	tn_redis_adapter_free(&n->adapter);
	tn_link_free(&n->link);
}

static void
join(struct node *n)
{
	io_client_open(&n->client, n->io, "secret=1");
	io_client_say(&n->client, "40");
	ck_assert_ptr_nonnull(n->last);
	io_client_forget(&n->client);
}

/* ---- waiting --------------------------------------------------------------*/

static bool
are_up(void *arg)
{
	int ups = *(int *)arg;

	return one.ups >= ups && two.ups >= ups && tn_link_is_up(third);
}

static void
wait_up(int ups)
{
	ck_assert(poll_loop_until(&loop, are_up, &ups, WAIT_MS));
}

struct wanted {
	struct io_client *client;	/* NULL: among the answers */
	const char *text;
};

static bool
has_come(void *arg)
{
	const struct wanted *w = arg;

	tn_engine_flush(tn_io_engine(one.io));
	tn_engine_flush(tn_io_engine(two.io));
	return w->client == NULL ? strstr(answers, w->text) != NULL :
	    io_client_heard(w->client, w->text);
}

static void
expect(struct io_client *client, const char *text)
{
	struct wanted w = { client, text };

	ck_assert_msg(poll_loop_until(&loop, has_come, &w, WAIT_MS),
	    "no %s in %s", text, client == NULL ? answers : client->heard);
}

static void
on_answer(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	size_t at = strlen(answers);

	(void)channel;
	(void)arg;
	for (size_t i = 0; i < payload.len && at + 2 < sizeof(answers); i++)
		answers[at++] = payload.ptr[i] == '\0' ? ' ' : payload.ptr[i];
	answers[at++] = '\n';
	answers[at] = '\0';
}

static void
on_count(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	(void)arg;
	ck_assert_ptr_null(err);
	count = tn_reply_type(reply) == TN_REPLY_ARRAY ?
	    tn_reply_integer(tn_reply_at(reply, 1)) : tn_reply_integer(reply);
	is_counted = true;
}

static bool
has_counted(void *arg)
{
	(void)arg;
	return is_counted;
}

static long long
ask(const struct tn_slice *argv, size_t argc)
{
	is_counted = false;
	ck_assert_int_eq(tn_link_call(third, argv, argc, on_count, NULL), 0);
	ck_assert(poll_loop_until(&loop, has_counted, NULL, WAIT_MS));
	return count;
}

static long long
publish(struct tn_slice channel, struct tn_slice payload)
{
	const struct tn_slice argv[] = { S("PUBLISH"), channel, payload };

	return ask(argv, 3);
}

static long long
request(const char *text)
{
	return publish(S("socket.io-request#/#"), tn_slice_str(text));
}

/* All that was under way has come when this has, behind it. */
static void
settle(void)
{
	static int n;
	char text[64];

	snprintf(text, sizeof(text), "{\"requestId\":\"settle%d\",\"type\":1}",
	    ++n);
	request(text);
	snprintf(text, sizeof(text), "{\"requestId\":\"settle%d\"", n);
	for (int i = 0; i < 3; i++)
		expect(NULL, text);
	tn_engine_flush(tn_io_engine(one.io));
	tn_engine_flush(tn_io_engine(two.io));
}

static int
times(const char *in, const char *text)
{
	int n = 0;

	for (const char *p = in; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* ---- before and after each ------------------------------------------------*/

static void
setup(void)
{
	tn_random_start(NULL);
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){
		.path = server.path, .connect_ms = 500, .command_ms = 500,
	};
	answers[0] = '\0';
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	third = tn_link_new(&loop.loop, NULL, &options,
	    &(struct tn_link_hooks){ .arg = NULL }, NULL);
	tn_link_psubscribe(third, S("socket.io-response#/#*"), on_answer, NULL);
	node_start(&one);
	node_start(&two);
	wait_up(1);
}

static void
teardown(void)
{
	node_stop(&one);
	node_stop(&two);
	tn_link_free(&third);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

/* ---- broadcasts -----------------------------------------------------------*/

START_TEST(a_broadcast_reaches_both_nodes_once)
{
	join(&one);
	join(&two);
	ck_assert_int_eq(tn_emit(tn_all(one.root), "e", S("1,\"\xc3\xa9\"")),
	    0);
	expect(&one.client, "42[\"e\",1,\"\xc3\xa9\"]\n");
	expect(&two.client, "42[\"e\",1,\"\xc3\xa9\"]\n");
	settle();
	io_client_read(&one.client);
	io_client_read(&two.client);
	ck_assert_int_eq(times(one.client.heard, "\"e\""), 1);
	ck_assert_int_eq(times(two.client.heard, "\"e\""), 1);
}
END_TEST

START_TEST(a_local_broadcast_stays_here)
{
	join(&one);
	join(&two);
	tn_emit(tn_local(tn_all(one.root)), "e", TN_SLICE_NONE);
	settle();
	ck_assert(io_client_heard(&one.client, "\"e\""));
	ck_assert(!io_client_heard(&two.client, "\"e\""));
	ck_assert_uint_eq(tn_redis_adapter_counts(two.adapter)->malformed, 0);
}
END_TEST

START_TEST(rooms_and_ids_reach_across_nodes)
{
	struct tn_slice id;

	join(&one);
	join(&two);
	tn_socket_join(two.last, S("r#1"));
	tn_emit(tn_in(one.root, S("r#1")), "room", TN_SLICE_NONE);
	expect(&two.client, "42[\"room\"]\n");
	id = tn_slice_str(tn_socket_id(two.last));
	tn_emit(tn_in(one.root, id), "id", TN_SLICE_NONE);
	expect(&two.client, "42[\"id\"]\n");
	tn_emit(tn_in(one.root, S("nobody")), "x", TN_SLICE_NONE);
	tn_emit(tn_also(tn_in(one.root, S("nobody")), S("none")), "x",
	    TN_SLICE_NONE);
	tn_emit(tn_except(tn_all(one.root), id), "x", TN_SLICE_NONE);
	settle();
	ck_assert(!io_client_heard(&two.client, "\"x\""));
	io_client_read(&one.client);
	ck_assert_int_eq(times(one.client.heard, "\"x\""), 1);
}
END_TEST

START_TEST(buffers_reach_across_nodes)
{
	const struct tn_slice buffer = S("bytes");

	join(&two);
	tn_emit_binary(tn_all(one.root), "b",
	    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1);
	expect(&two.client,
	    "451-[\"b\",{\"_placeholder\":true,\"num\":0}]\nbytes\n");
}
END_TEST

START_TEST(a_namespace_is_no_glob)
{
	join(&two);
	io_client_say(&two.client, "40" STRANGE ",");
	io_client_say(&two.client, "40/aXbc?\\d,");
	tn_emit(tn_all(one.strange), "s", TN_SLICE_NONE);
	expect(&two.client, "42" STRANGE ",[\"s\"]\n");
	tn_emit(tn_all(one.plain), "p", TN_SLICE_NONE);
	expect(&two.client, "42/aXbc?\\d,[\"p\"]\n");
	settle();
	io_client_read(&two.client);
	ck_assert_int_eq(times(two.client.heard, "[\"s\"]"), 1);
	ck_assert_int_eq(times(two.client.heard, "[\"p\"]"), 1);
	/* to both nodes, each by one pattern alone */
	ck_assert_int_eq(publish(S("socket.io#" STRANGE "#"), S("")), 2);
	ck_assert_int_eq(publish(S("socket.io#/aXbc?\\d#"), S("")), 2);
}
END_TEST

START_TEST(an_emitter_is_heard_and_noise_is_not)
{
	join(&one);
	/* as @socket.io/redis-emitter publishes ["e",1] */
	ck_assert_int_eq(publish(S("socket.io#/#"), S("\x93\xa7" "emitter"
	    "\x83\xa4type\x02\xa4" "data\x92\xa1" "e\x01\xa3nsp\xa1/"
	    "\x83\xa5rooms\x90\xa5" "flags\x80\xa6" "except\x90")), 2);
	expect(&one.client, "42[\"e\",1]\n");
	publish(S("socket.io#/#"), S("\x93garbage"));
	publish(S("socket.io#/#"), S("{}"));
	publish(S("socket.io-request#/#"), S("{\"type\":"));
	publish(S("socket.io-request#/#"), S(""));
	publish(S("socket.io-request#/#"), S(" {\"type\":4,\"opts\":{}}"));
	publish(S("socket.io-request#/#"), S("{\"type\":99}"));
	/* events that would make clients disconnect */
	publish(S("socket.io#/#"), S("\x93\xa1x\x81\xa4" "data\x91\xaa"
	    "disconnect\x80"));
	settle();
	io_client_read(&one.client);
	ck_assert(one.client.is_open);
	ck_assert_uint_eq(tn_redis_adapter_counts(one.adapter)->malformed, 6);
}
END_TEST

/* ---- requests -------------------------------------------------------------*/

/* Redis sees a connection end some time after it was closed. */
static void
expect_count(long long wanted)
{
	const struct tn_slice argv[] = { S("PUBSUB"), S("NUMSUB"),
		S("socket.io-request#/#") };
	int64_t end_ms = tn_clock_mono_ms() + WAIT_MS;

	while (ask(argv, 3) != wanted && tn_clock_mono_ms() < end_ms)
		poll_loop_turn(&loop, 20);
	ck_assert_int_eq(count, wanted);
}

START_TEST(nodes_are_counted_truly)
{
	expect_count(2);
	node_stop(&two);
	expect_count(1);
	node_start(&two);
	wait_up(1);
	expect_count(2);
}
END_TEST

START_TEST(who_is_there_is_answered)
{
	char expected[128];

	join(&two);
	tn_socket_join(two.last, S("r1"));
	ck_assert_int_eq(request("{\"uid\":\"abcdef\",\"requestId\":\"q1\","
	    "\"type\":5,\"opts\":{\"rooms\":[\"r1\"],\"except\":[]}}"), 2);
	expect(NULL, "{\"requestId\":\"q1\",\"sockets\":[]}");
	snprintf(expected, sizeof(expected), "{\"requestId\":\"q1\",\"sockets\""
	    ":[{\"id\":\"%s\",\"handshake\":{\"headers\":{\"host\":"
	    "\"localhost\"},", tn_socket_id(two.last));
	expect(NULL, expected);
	ck_assert_ptr_null(strstr(answers, "secret"));
	request("{\"requestId\":\"q2\",\"type\":0}");
	expect(NULL, "{\"requestId\":\"q2\",\"sockets\":[]}");
	snprintf(expected, sizeof(expected),
	    "{\"requestId\":\"q2\",\"sockets\":[\"%s\"]}",
	    tn_socket_id(two.last));
	expect(NULL, expected);
	request("{\"requestId\":\"q3\",\"type\":1}");
	snprintf(expected, sizeof(expected),
	    "{\"requestId\":\"q3\",\"rooms\":[\"%s\",\"r1\"]}",
	    tn_socket_id(two.last));
	expect(NULL, expected);
	request("{\"uid\":\"abcdef\",\"requestId\":\"q4\",\"type\":6,"
	    "\"data\":[\"ask\"]}");
	expect(NULL, "{\"type\":6,\"requestId\":\"q4\",\"data\":null}");
	settle();
	ck_assert_int_eq(times(answers, "\"q4\""), 2);
}
END_TEST

START_TEST(sockets_join_leave_and_go_on_request)
{
	join(&one);
	join(&two);
	request("{\"type\":2,\"opts\":{\"rooms\":[],\"except\":[]},"
	    "\"rooms\":[\"j1\",7]}");
	settle();
	ck_assert(tn_socket_in(one.last, S("j1")));
	ck_assert(tn_socket_in(two.last, S("7")));
	tn_socket_join(two.last, S("r"));
	request("{\"uid\":\"x\",\"type\":3,\"opts\":{\"rooms\":[\"r\"]},"
	    "\"rooms\":[\"j1\"]}");
	settle();
	ck_assert(tn_socket_in(one.last, S("j1")));
	ck_assert(!tn_socket_in(two.last, S("j1")));
	request("{\"type\":4,\"rooms\":[]}");	/* whom? nobody */
	request("{\"type\":4,\"opts\":{\"rooms\":[],\"except\":[\"r\"]}}");
	expect(&one.client, "41\n");
	ck_assert(one.client.is_open);
	request("{\"type\":4,\"opts\":{\"rooms\":[\"r\"]},\"close\":true}");
	expect(&two.client, "41\n");
	settle();
	io_client_read(&two.client);
	ck_assert(!two.client.is_open);
}
END_TEST

START_TEST(the_old_form_names_one_socket)
{
	char text[128];

	join(&two);
	snprintf(text, sizeof(text), "{\"requestId\":\"o1\",\"type\":2,"
	    "\"sid\":\"%s\",\"room\":\"old\"}", tn_socket_id(two.last));
	request(text);
	expect(NULL, "{\"requestId\":\"o1\"}");
	ck_assert(tn_socket_in(two.last, S("old")));
	request("{\"requestId\":\"o2\",\"type\":2,\"sid\":"
	    "\"nobodynobodynobody00\",\"room\":\"old\"}");
	settle();
	ck_assert_int_eq(times(answers, "\"o1\""), 1);
	ck_assert_int_eq(times(answers, "\"o2\""), 0);
}
END_TEST

/* As captured, with a timeout of 300 ms. */
static const char ack_request[] = "\x85\xa3uid\xa6I-NX_u\xa9requestId\xa6"
    "PaYPbE\xa4type\x07\xa6packet\x83\xa4type\x02\xa4" "data\x92\xa4" "ack?"
    "\xa1p\xa3nsp\xa1/\xa4opts\x83\xa5rooms\x90\xa6" "except\x90\xa5" "flags"
    "\x81\xa7timeout\xcd\x01\x2c";

START_TEST(a_broadcast_with_acks_is_answered)
{
	join(&two);
	publish(S("socket.io-request#/#"),
	    tn_slice(ack_request, sizeof(ack_request) - 1));
	expect(NULL, "{\"type\":8,\"requestId\":\"PaYPbE\",\"clientCount\":0}");
	expect(NULL, "{\"type\":8,\"requestId\":\"PaYPbE\",\"clientCount\":1}");
	expect(&two.client, "420[\"ack?\",\"p\"]\n");
	io_client_say(&two.client, "430[\"pong\",2]");
	expect(NULL, "\x83\xa4type\x09\xa9requestId\xa6PaYPbE\xa6packet\xa4"
	    "pong");
	/* one that is never answered is given up, and nothing is left */
	publish(S("socket.io-request#/#"),
	    tn_slice(ack_request, sizeof(ack_request) - 1));
	expect(&two.client, "421[\"ack?\",\"p\"]\n");
	if (_i == 1) {
		for (int i = 0; i < 25; i++)
			poll_loop_turn(&loop, 20);
		settle();
	}
	ck_assert_int_eq(times(answers, "packet"), 1);
}
END_TEST

/* ---- Redis away -----------------------------------------------------------*/

static bool
is_unpublished(void *arg)
{
	(void)arg;
	return tn_redis_adapter_counts(one.adapter)->unpublished > 0;
}

START_TEST(without_redis_local_sockets_still_hear)
{
	join(&one);
	join(&two);
	redis_server_kill(&server);
	tn_emit(tn_all(one.root), "e", S("1"));
	expect(&one.client, "42[\"e\",1]\n");
	ck_assert(poll_loop_until(&loop, is_unpublished, NULL, WAIT_MS));
	ck_assert(redis_server_start(&server));
	wait_up(2);
	tn_emit(tn_all(one.root), "e", S("2"));
	expect(&two.client, "42[\"e\",2]\n");
}
END_TEST

/* What is under way when the adapter goes must not find it gone. */
START_TEST(the_adapter_may_go_before_its_answers)
{
	for (int i = 0; i < 10; i++)
		tn_emit(tn_all(one.root), "e", S("1"));
	tn_io_free(&one.io);
	tn_redis_adapter_free(&one.adapter);
	poll_loop_turn(&loop, 20);
	poll_loop_turn(&loop, 20);
}
END_TEST

/* ---- every call, in every form --------------------------------------------*/

static const struct {
	const char *name;
	struct tn_redis_adapter_options options;
} forms[] = {
	{ "plain", { .is_sharded = false } },
	{ "plain, private answers", { .private_answers = true } },
	{ "sharded, dynamic", { .is_sharded = true } },
	{ "sharded, dynamic-private", { .is_sharded = true,
	    .mode = TN_SUBSCRIBE_DYNAMIC_PRIVATE } },
	{ "sharded, static", { .is_sharded = true,
	    .mode = TN_SUBSCRIBE_STATIC } },
};

#define FORMS ((int)(sizeof(forms) / sizeof(forms[0])))

#define SETUP(i)						\
	static void						\
	setup_##i(void)						\
	{							\
		form = forms[i].options;			\
		setup();					\
	}
SETUP(0)
SETUP(1)
SETUP(2)
SETUP(3)
SETUP(4)
#undef SETUP

static void (*const setups[])(void) = {
	setup_0, setup_1, setup_2, setup_3, setup_4,
};

/* What a call across nodes came to. */
static struct {
	int calls;
	size_t n;
	int code;
	char text[4096];
} got;

static void
keep_text(struct tn_slice text)
{
	size_t at = strlen(got.text);

	snprintf(got.text + at, sizeof(got.text) - at, "%.*s\n",
	    TN_SLICE_ARG(text));
}

static void
on_answers(const struct tn_answer *all, size_t n, const struct tn_err *err,
    void *arg)
{
	(void)arg;
	got.calls++;
	got.n = n;
	got.code = err == NULL ? 0 : err->code;
	for (size_t i = 0; i < n; i++) {
		keep_text(all[i].value);
		for (size_t k = 0; k < all[i].nbuffers; k++)
			keep_text(all[i].buffers[k]);
	}
}

static void
on_sockets(const struct tn_remote_socket *all, size_t n,
    const struct tn_err *err, void *arg)
{
	(void)arg;
	got.calls++;
	got.n = n;
	got.code = err == NULL ? 0 : err->code;
	for (size_t i = 0; i < n; i++) {
		keep_text(all[i].id);
		keep_text(all[i].rooms);
		keep_text(all[i].data);
	}
}

static bool
has_called(void *arg)
{
	(void)arg;
	tn_engine_flush(tn_io_engine(one.io));
	tn_engine_flush(tn_io_engine(two.io));
	return got.calls > 0;
}

static void
expect_call(size_t n)
{
	ck_assert(poll_loop_until(&loop, has_called, NULL, WAIT_MS));
	ck_assert_int_eq(got.calls, 1);
	ck_assert_int_eq(got.code, 0);
	ck_assert_uint_eq(got.n, n);
	got.calls = 0;
}

struct standing {
	struct tn_socket *socket;
	const char *room;
	bool in;
};

static bool
stands(void *arg)
{
	const struct standing *s = arg;

	return tn_socket_in(s->socket, tn_slice_str(s->room)) == s->in;
}

static void
expect_in(struct tn_socket *socket, const char *room, bool in)
{
	struct standing s = { socket, room, in };

	ck_assert_msg(poll_loop_until(&loop, stands, &s, WAIT_MS), "%s", room);
}

static void
fetch(struct tn_target target, size_t n)
{
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(tn_sockets_fetch(target, on_sockets, NULL), 0);
	expect_call(n);
}

START_TEST(sockets_of_all_nodes_are_fetched)
{
	join(&one);
	join(&two);
	tn_socket_join(two.last, S("r1"));
	tn_socket_set_data_json(two.last, S("{\"user\":\"bob\"}"));
	fetch(tn_all(one.root), 2);
	ck_assert_ptr_nonnull(strstr(got.text, tn_socket_id(one.last)));
	ck_assert_ptr_nonnull(strstr(got.text, tn_socket_id(two.last)));
	ck_assert_ptr_nonnull(strstr(got.text, "{\"user\":\"bob\"}"));
	fetch(tn_in(one.root, S("r1")), 1);
	ck_assert_ptr_nonnull(strstr(got.text, "\"r1\""));
	fetch(tn_in(two.root, tn_slice_str(tn_socket_id(one.last))), 1);
	fetch(tn_in(one.root, S("nobody")), 0);
	fetch(tn_local(tn_all(one.root)), 1);
}
END_TEST

static bool
is_closed(void *arg)
{
	struct node *n = arg;

	tn_engine_flush(tn_io_engine(n->io));
	io_client_read(&n->client);
	return !n->client.is_open;
}

START_TEST(sockets_of_all_nodes_are_steered)
{
	join(&one);
	join(&two);
	ck_assert_int_eq(tn_sockets_join(tn_all(one.root), S("j\"1")), 0);
	expect_in(one.last, "j\"1", true);
	expect_in(two.last, "j\"1", true);
	tn_sockets_join(tn_except(tn_all(one.root),
	    tn_slice_str(tn_socket_id(one.last))), S("j2"));
	expect_in(two.last, "j2", true);
	ck_assert(!tn_socket_in(one.last, S("j2")));
	tn_sockets_leave(tn_in(one.root, S("j2")), S("j\"1"));
	expect_in(two.last, "j\"1", false);
	ck_assert(tn_socket_in(one.last, S("j\"1")));
	ck_assert_int_eq(tn_sockets_disconnect(tn_in(one.root, S("j2")),
	    false), 0);
	expect(&two.client, "41\n");
	ck_assert(two.client.is_open);
	io_client_say(&two.client, "40");
	io_client_forget(&two.client);
	tn_sockets_disconnect(tn_all(one.root), true);
	expect(&two.client, "41\n");
	ck_assert(poll_loop_until(&loop, is_closed, &two, WAIT_MS));
	ck_assert(poll_loop_until(&loop, is_closed, &one, WAIT_MS));
}
END_TEST

static void
on_ask(const struct tn_server_event *event, void *arg)
{
	struct node *n = arg;

	n->asked++;
	ck_assert(tn_slice_is(event->args, "1,{\"a\":\"\xc3\xa9\"}"));
	if (event->wants_answer)
		tn_server_event_answer(event, n == &one ?
		    S("{\"from\":1}") : S("{\"from\":2}"));
}

static bool
was_asked(void *arg)
{
	(void)arg;
	return two.asked > 0;
}

START_TEST(servers_talk_to_each_other)
{
	tn_ns_on_server_event(one.root, "ask", on_ask, &one);
	tn_ns_on_server_event(two.root, "ask", on_ask, &two);
	ck_assert_int_eq(tn_server_emit(one.root, "ask",
	    S("1,{\"a\":\"\xc3\xa9\"}")), 0);
	ck_assert(poll_loop_until(&loop, was_asked, NULL, WAIT_MS));
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(tn_server_emit_ack(one.root, "ask",
	    S("1,{\"a\":\"\xc3\xa9\"}"), on_answers, NULL), 0);
	expect_call(1);
	ck_assert_str_eq(got.text, "{\"from\":2}\n");
	ck_assert_int_eq(one.asked, 0);
	ck_assert_int_eq(two.asked, 2);
	/* who does not listen answers null, lest anybody waits */
	memset(&got, 0, sizeof(got));
	tn_server_emit_ack(one.root, "other", S("2"), on_answers, NULL);
	expect_call(1);
	ck_assert_str_eq(got.text, "null\n");
}
END_TEST

START_TEST(clients_of_all_nodes_answer)
{
	join(&one);
	join(&two);
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(tn_emit_ack(tn_all(one.root), "q", S("\"x\""), 4000,
	    on_answers, NULL), 0);
	expect(&one.client, "[\"q\",\"x\"]\n");
	expect(&two.client, "[\"q\",\"x\"]\n");
	ck_assert_int_eq(got.calls, 0);
	io_client_say(&one.client, "430[1,2]");
	io_client_say(&two.client, "461-0[{\"_placeholder\":true,\"num\":0}]");
	io_client_say_bytes(&two.client, S("bytes"));
	expect_call(2);
	ck_assert_ptr_nonnull(strstr(got.text, "1\n"));
	ck_assert_ptr_nonnull(strstr(got.text,
	    "{\"_placeholder\":true,\"num\":0}\nbytes\n"));
	/* nobody there: the end comes even so */
	memset(&got, 0, sizeof(got));
	tn_emit_ack(tn_in(one.root, S("nobody")), "q", S("1"), 4000,
	    on_answers, NULL);
	expect_call(0);
}
END_TEST

static uint64_t
heard(const struct node *n)
{
	return tn_redis_adapter_counts(n->adapter)->received;
}

START_TEST(broadcasts_reach_whom_they_should)
{
	const struct tn_slice buffer = S("bytes");
	struct tn_slice id;

	join(&one);
	join(&two);
	id = tn_slice_str(tn_socket_id(two.last));
	tn_socket_join(two.last, S("r#1"));
	fetch(tn_in(one.root, S("r#1")), 1);	/* so it is subscribed */
	tn_emit(tn_all(one.root), "all", S("1"));
	tn_emit(tn_in(one.root, S("r#1")), "room", S("\"\xc3\xa9\""));
	tn_emit(tn_in(one.root, id), "id", TN_SLICE_NONE);
	tn_emit(tn_volatile(tn_plain(tn_all(one.root))), "vol", S("2"));
	tn_emit_binary(tn_in(one.root, S("r#1")), "bin",
	    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1);
	tn_emit(tn_local(tn_all(one.root)), "local", TN_SLICE_NONE);
	tn_emit(tn_except(tn_all(one.root), id), "x", TN_SLICE_NONE);
	tn_emit(tn_all(one.root), "end", TN_SLICE_NONE);
	expect(&two.client, "42[\"end\"]\n");
	expect(&two.client, "42[\"all\",1]\n");
	expect(&two.client, "42[\"room\",\"\xc3\xa9\"]\n");
	expect(&two.client, "42[\"id\"]\n");
	expect(&two.client, "42[\"vol\",2]\n");
	expect(&two.client,
	    "451-[\"bin\",{\"_placeholder\":true,\"num\":0}]\nbytes\n");
	expect(&one.client, "42[\"all\",1]\n42[\"vol\",2]\n42[\"local\"]\n"
	    "42[\"x\"]\n42[\"end\"]\n");
	ck_assert(!io_client_heard(&two.client, "\"x\""));
	ck_assert(!io_client_heard(&two.client, "\"local\""));
	ck_assert_uint_eq(tn_redis_adapter_counts(one.adapter)->malformed, 0);
	ck_assert_uint_eq(tn_redis_adapter_counts(two.adapter)->malformed, 0);
}
END_TEST

/* The cost, for a node, of a message to a room that it does not hold. */
START_TEST(a_room_elsewhere_costs_a_sharded_node_nothing)
{
	uint64_t before;

	join(&one);
	join(&two);
	tn_socket_join(two.last, S("r"));
	fetch(tn_in(one.root, S("r")), 1);
	before = heard(&two);
	for (int i = 0; i < 100; i++)
		tn_emit(tn_in(one.root, S("elsewhere")), "e", S("1"));
	for (int i = 0; i < 100; i++)
		tn_emit(tn_in(one.root, S("r")), "e", S("2"));
	tn_emit(tn_in(one.root, S("r")), "end", TN_SLICE_NONE);
	expect(&two.client, "42[\"end\"]\n");
	ck_assert_uint_eq(heard(&two) - before,
	    !form.is_sharded || form.mode == TN_SUBSCRIBE_STATIC ? 201 : 101);
	/* it left, and so none comes any more */
	tn_socket_leave(two.last, S("r"));
	fetch(tn_in(one.root, S("r")), 0);
	before = heard(&two);
	for (int i = 0; i < 100; i++)
		tn_emit(tn_in(one.root, S("r")), "e", S("3"));
	tn_emit(tn_all(one.root), "end2", TN_SLICE_NONE);
	expect(&two.client, "42[\"end2\"]\n");
	ck_assert_uint_eq(heard(&two) - before,
	    !form.is_sharded || form.mode == TN_SUBSCRIBE_STATIC ? 101 : 1);
}
END_TEST

START_TEST(noise_on_a_shard_hurts_nobody)
{
	static const char *const noise[] = {
		"", "{", "{}", "[]", "{\"type\":3}", "\x81", "\xc1",
		"{\"type\":3,\"data\":{\"packet\":{\"data\":7},\"opts\":{}},"
		    "\"uid\":\"x\",\"nsp\":\"/\"}",
		"{\"type\":4,\"data\":{\"opts\":{},\"rooms\":{}},"
		    "\"uid\":\"x\",\"nsp\":\"/\"}",
		"{\"type\":7,\"data\":{\"opts\":{}},\"uid\":\"x\","
		    "\"nsp\":\"/\"}",
		"{\"type\":3,\"data\":{\"packet\":{\"data\":[\"disconnect\"]}"
		    ",\"opts\":{}},\"uid\":\"x\",\"nsp\":\"/\"}",
	};
	const size_t n = sizeof(noise) / sizeof(noise[0]);

	join(&two);
	for (size_t i = 0; i < n; i++) {
		const struct tn_slice argv[] = { S("SPUBLISH"),
			S("socket.io#/#"), tn_slice_str(noise[i]) };

		ck_assert_int_eq(ask(argv, 3), 2);
	}
	tn_emit(tn_all(one.root), "end", TN_SLICE_NONE);
	expect(&two.client, "42[\"end\"]\n");
	ck_assert_uint_eq(tn_redis_adapter_counts(two.adapter)->malformed, n);
}
END_TEST

/* ---- the dead -------------------------------------------------------------*/

static bool
is_gone(void *arg)
{
	return !tn_registry_alive(arg, S("ghost-1"));
}

static bool
is_seen(void *arg)
{
	size_t at = 0;

	return tn_registry_next(arg, &at).ptr != NULL &&
	    TN_CONTAINER(one.adapter, struct redis_adapter,
	    base)->nodes.len > 0;
}

/*
 * A node whose host has lost its power: Redis counts its connection still,
 * its lease has run out. Nobody waits for it.
 */
START_TEST(who_is_dead_is_not_waited_for)
{
	const struct tn_slice add[] = { S("ZADD"), S("tandem:nodes"),
		S("99999999999999"), S("ghost-1") };
	const struct tn_slice drop[] = { S("ZREM"), S("tandem:nodes"),
		S("ghost-1") };
	struct tn_registry *registry;
	char channel[64], uid[TN_UID_MAX + 1];

	ask(add, 4);
	tn_redis_uid(&tn_plain_form, S("ghost-1"), S("/"), uid);
	snprintf(channel, sizeof(channel), "socket.io-response#/#%s#", uid);
	tn_link_subscribe(third, S("socket.io-request#/#"), on_answer, NULL);
	tn_link_subscribe(third, tn_slice_str(channel), on_answer, NULL);
	registry = tn_registry_new(&loop.loop, one.link, NULL, "a", 300, NULL);
	tn_io_free(&one.io);
	tn_redis_adapter_free(&one.adapter);
	form.registry = registry;
	node_serve(&one);
	ck_assert(poll_loop_until(&loop, is_seen, registry, WAIT_MS));
	ask(drop, 3);
	ck_assert(poll_loop_until(&loop, is_gone, registry, WAIT_MS));
	fetch(tn_all(one.root), 0);
	ck_assert_uint_eq(tn_redis_adapter_counts(one.adapter)->late, 0);
	tn_io_free(&one.io);
	tn_redis_adapter_free(&one.adapter);
	tn_registry_free(&registry);
}
END_TEST

static void
add_form(Suite *s, int i)
{
	TCase *t = tcase_create(forms[i].name);

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setups[i], teardown);
	suite_add_tcase(s, t);
	tcase_add_test(t, sockets_of_all_nodes_are_fetched);
	tcase_add_test(t, sockets_of_all_nodes_are_steered);
	tcase_add_test(t, servers_talk_to_each_other);
	tcase_add_test(t, clients_of_all_nodes_answer);
	tcase_add_test(t, broadcasts_reach_whom_they_should);
	tcase_add_test(t, a_room_elsewhere_costs_a_sharded_node_nothing);
	if (forms[i].options.is_sharded)
		tcase_add_test(t, noise_on_a_shard_hurts_nobody);
	else if (i == 0)
		tcase_add_test(t, who_is_dead_is_not_waited_for);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("redis_adapter");
	TCase *t = tcase_create("redis_adapter");

	redis_server_or_skip();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_broadcast_reaches_both_nodes_once);
	tcase_add_test(t, a_local_broadcast_stays_here);
	tcase_add_test(t, rooms_and_ids_reach_across_nodes);
	tcase_add_test(t, buffers_reach_across_nodes);
	tcase_add_test(t, a_namespace_is_no_glob);
	tcase_add_test(t, an_emitter_is_heard_and_noise_is_not);
	tcase_add_test(t, nodes_are_counted_truly);
	tcase_add_test(t, who_is_there_is_answered);
	tcase_add_test(t, sockets_join_leave_and_go_on_request);
	tcase_add_test(t, the_old_form_names_one_socket);
	tcase_add_loop_test(t, a_broadcast_with_acks_is_answered, 0, 2);
	tcase_add_test(t, without_redis_local_sockets_still_hear);
	tcase_add_test(t, the_adapter_may_go_before_its_answers);
	suite_add_tcase(s, t);
	for (int i = 0; i < FORMS; i++)
		add_form(s, i);
	return s;
}

TN_CHECK_MAIN(suite)
