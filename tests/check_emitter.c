/* An emitter's bytes, and what a node makes of them. */
#include "config.h"

#include "base/err.h"
#include "base/random.h"
#include "check_main.h"
#include "cluster/emitter.h"
#include "io_client.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis_server.h"

#define S(s) TN_SLICE(s)

enum { WAIT_MS = 5000 };

static struct redis_server server;
static struct tn_redis_options options;
static struct poll_loop loop;
static struct tn_link *link_;
static struct tn_adapter *adapter;
static struct tn_io *io;
static struct tn_ns *ns;
static struct tn_socket *socket_;
static struct io_client client;
static struct tn_redis *redis;
static struct tn_emitter emitter;
static char last[1024];		/* what was published, its zeros as dots */
static char channel_[128];
static int events;

static void
on_message(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	size_t n = payload.len < sizeof(last) ? payload.len : sizeof(last) - 1;

	(void)arg;
	for (size_t i = 0; i < n; i++)
		last[i] = payload.ptr[i] == '\0' ? '.' : payload.ptr[i];
	last[n] = '\0';
	memcpy(channel_, channel.ptr, channel.len);
	channel_[channel.len] = '\0';
}

static void
on_connection(struct tn_socket *s, void *arg)
{
	(void)arg;
	socket_ = s;
}

static void
on_hello(const struct tn_server_event *event, void *arg)
{
	(void)arg;
	ck_assert(tn_slice_is(event->args, "1"));
	events++;
}

static bool
is_up(void *arg)
{
	(void)arg;
	return tn_link_is_up(link_);
}

static void
begin(bool is_sharded)
{
	const struct tn_io_options io_options = { .connect_timeout_ms = 0 };
	struct tn_redis_adapter_options form = { .is_sharded = is_sharded };

	tn_random_start(NULL);
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){ .path = server.path };
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	form.link = link_ = tn_link_new(&loop.loop, NULL, &options, NULL, NULL);
	adapter = tn_redis_adapter_new(&form, NULL);
	io = tn_io_new(&io_options, &loop.loop.wheel, NULL, NULL);
	tn_io_set_adapter(io, adapter);
	ns = tn_io_of(io, "/");
	tn_ns_on_connection(ns, on_connection, NULL);
	tn_ns_on_server_event(ns, "hello", on_hello, NULL);
	redis = tn_redis_new(&options, 1, NULL);
	emitter = (struct tn_emitter){ .redis = redis,
	    .is_sharded = is_sharded };
	last[0] = '\0';
	events = 0;
	ck_assert(poll_loop_until(&loop, is_up, NULL, WAIT_MS));
	io_client_open(&client, io, NULL);
	io_client_say(&client, "40");
	io_client_forget(&client);
}

static void
setup_plain(void)
{
	begin(false);
	tn_link_psubscribe(link_, S("socket.io*"), on_message, NULL);
	poll_loop_turn(&loop, 20);
}

static void
setup_sharded(void)
{
	begin(true);
}

static void
teardown(void)
{
	tn_io_free(&io);
	tn_outq_fini(&client.wire.out);
	tn_redis_adapter_free(&adapter);
	tn_link_free(&link_);
	tn_redis_free(&redis);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

static bool
has_heard(void *arg)
{
	return io_client_heard(&client, arg);
}

static void
expect(const char *text)
{
	ck_assert_msg(poll_loop_until(&loop, has_heard, (void *)(uintptr_t)text,
	    WAIT_MS), "no %s in %s", text, client.heard);
}

static int
emit(const struct tn_emitter_to *to, const char *name, const char *args)
{
	return tn_emitter_emit(&emitter, to, tn_slice_str(name),
	    tn_slice_str(args), NULL, 0, NULL);
}

static bool
is_published(void *arg)
{
	(void)arg;
	return last[0] != '\0';
}

static void
published(const char *channel, struct tn_slice bytes)
{
	ck_assert(poll_loop_until(&loop, is_published, NULL, WAIT_MS));
	ck_assert_str_eq(channel_, channel);
	ck_assert_uint_eq(strlen(last), bytes.len);
	ck_assert_mem_eq(last, bytes.ptr, bytes.len);
	last[0] = '\0';
}

/* Source: captures of @socket.io/redis-emitter 5.1, keys in another order. */
START_TEST(bytes_are_those_of_the_reference)
{
	const struct tn_slice room = S("r1");
	const struct tn_emitter_to to = { .rooms = &room, .nrooms = 1 };

	emit(NULL, "e", "1");
	published("socket.io#/#", S("\x93\xa7" "emitter\x83\xa4type\x02\xa4"
	    "data\x92\xa1" "e\x01\xa3nsp\xa1/\x83\xa5rooms\x90\xa6" "except"
	    "\x90\xa5" "flags\x80"));
	emit(&to, "e", "");
	published("socket.io#/#r1#", S("\x93\xa7" "emitter\x83\xa4type\x02\xa4"
	    "data\x91\xa1" "e\xa3nsp\xa1/\x83\xa5rooms\x91\xa2" "r1\xa6"
	    "except\x90\xa5" "flags\x80"));
	tn_emitter_join(&emitter, &to, S("j9"), NULL);
	published("socket.io-request#/#", S("{\"uid\":\"emitter\",\"type\":2,"
	    "\"opts\":{\"rooms\":[\"r1\"],\"except\":[]},\"rooms\":[\"j9\"]}"));
	tn_emitter_disconnect(&emitter, NULL, true, NULL);
	published("socket.io-request#/#", S("{\"uid\":\"emitter\",\"type\":4,"
	    "\"opts\":{\"rooms\":[],\"except\":[]},\"close\":true}"));
	tn_emitter_server_emit(&emitter, S("ping"), S("\"x\""), NULL);
	published("socket.io-request#/#", S("{\"uid\":\"emitter\",\"type\":6,"
	    "\"data\":[\"ping\",\"x\"]}"));
	emitter.nsp = "admin";
	emitter.prefix = "p";
	tn_emitter_leave(&emitter, NULL, S("j"), NULL);
}
END_TEST

static bool
is_in_j(void *arg)
{
	return tn_socket_in(socket_, S("j")) == (arg != NULL);
}

static bool
has_event(void *arg)
{
	(void)arg;
	return events == 1;
}

START_TEST(a_node_does_what_it_says)
{
	const struct tn_slice rooms[] = { S("j"), S("nobody") };
	const struct tn_emitter_to in = { .rooms = rooms, .nrooms = 1 },
	    other = { .rooms = rooms + 1, .nrooms = 1 },
	    not = { .except = rooms, .nexcept = 1, .is_volatile = true };
	const struct tn_slice buffer = S("bytes");

	ck_assert_int_eq(emit(NULL, "all", "1,{\"a\":\"\xc3\xa9\"}"), 0);
	expect("42[\"all\",1,{\"a\":\"\xc3\xa9\"}]\n");
	ck_assert_int_eq(tn_emitter_join(&emitter, NULL, S("j"), NULL), 0);
	ck_assert(poll_loop_until(&loop, is_in_j, &loop, WAIT_MS));
	poll_loop_turn(&loop, 50);	/* its channel is asked for */
	emitter.link = _i == 1 ? link_ : NULL;
	ck_assert_int_eq(tn_emitter_emit(&emitter, &in, S("bin"),
	    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1, NULL), 0);
	expect("451-[\"bin\",{\"_placeholder\":true,\"num\":0}]\nbytes\n");
	emit(&other, "x", "");
	emit(&not, "x", "");
	emit(&in, "room", "");
	expect("42[\"room\"]\n");
	ck_assert(!io_client_heard(&client, "\"x\""));
	tn_emitter_server_emit(&emitter, S("hello"), S("1"), NULL);
	ck_assert(poll_loop_until(&loop, has_event, NULL, WAIT_MS));
	tn_emitter_leave(&emitter, &in, S("j"), NULL);
	ck_assert(poll_loop_until(&loop, is_in_j, NULL, WAIT_MS));
	tn_emitter_disconnect(&emitter, NULL, false, NULL);
	expect("41\n");
	ck_assert_uint_eq(tn_redis_adapter_counts(adapter)->malformed, 0);
}
END_TEST

static const struct { const char *name, *event, *args; int code; } refused[] = {
	{ "a reserved name", "disconnect", "1", TN_E_SYNTAX },
	{ "args that are no JSON", "e", "{", TN_E_SYNTAX },
	{ "args that end the array", "e", "1],[2", TN_E_SYNTAX },
	{ "a name that is no UTF-8", "\xff", "1", TN_E_SYNTAX },
	{ "a placeholder without bytes", "e",
	    "{\"_placeholder\":true,\"num\":0}", 0 },
};

START_TEST(what_would_make_others_stumble_is_not_sent)
{
	int r = emit(NULL, refused[_i].event, refused[_i].args);

	if (refused[_i].code == 0)
		return;		/* as a plain object, it is none */
	ck_assert_msg(r == refused[_i].code, "%s: %d", refused[_i].name, r);
	emit(NULL, "end", "");
	expect("42[\"end\"]\n");
	ck_assert_str_eq(client.heard, "42[\"end\"]\n");
}
END_TEST

START_TEST(redis_away_is_told)
{
	struct tn_err err = { .code = 0 };

	redis_server_kill(&server);
	ck_assert_int_eq(tn_emitter_emit(&emitter, NULL, S("e"), S("1"), NULL,
	    0, &err), TN_E_AWAY);
	ck_assert_int_eq(err.code, TN_E_AWAY);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("emitter");
	TCase *plain = tcase_create("plain"), *sharded = tcase_create("sharded");

	redis_server_or_skip();
	tcase_set_timeout(plain, 60);
	tcase_set_timeout(sharded, 60);
	tcase_add_checked_fixture(plain, setup_plain, teardown);
	tcase_add_checked_fixture(sharded, setup_sharded, teardown);
	tcase_add_test(plain, bytes_are_those_of_the_reference);
	tcase_add_loop_test(plain, a_node_does_what_it_says, 0, 2);
	tcase_add_loop_test(sharded, a_node_does_what_it_says, 0, 2);
	tcase_add_loop_test(plain, what_would_make_others_stumble_is_not_sent,
	    0, (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(plain, redis_away_is_told);
	suite_add_tcase(s, plain);
	suite_add_tcase(s, sharded);
	return s;
}

TN_CHECK_MAIN(suite)
