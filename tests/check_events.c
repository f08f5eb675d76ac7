#include "config.h"

#include "../ws/site.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/random.h"
#include "cluster/registry.h"
#include "redis/link.h"
#include "session/signature.h"

#include "check_main.h"
#include "io_client.h"
#include "poll_loop.h"
#include "redis_server.h"

#define WAIT_MS	3000
#define SECRET	"sixteen bytes ok"
#define ANN	"{\"id\":\"ann\",\"displayName\":\"Ann\",\"provider\":\"local\"}"
#define BEN	"{\"id\":\"ben\",\"displayName\":\"Ben\",\"provider\":\"local\"}"
#define SESSION(user) "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null," \
	"\"httpOnly\":true,\"path\":\"/\"},\"isAuthenticated\":true,\"user\":" user "}"

static struct redis_server server;
static struct poll_loop loop;
static struct site site;
static struct tn_redis *other;		/* who writes the sessions: the site, Express */
static struct io_client a, b;

/* The daemon's main, but for its host. */

static void
changed(struct tn_slice key, void *arg)
{
	(void)arg;
	tn_revocation_on_invalidate(site.revocation, key);
}

static void
open_site(void)
{
	static const char text[] = "[session]\nsecret = " SECRET "\n"
	    "[chat]\ngrace = 200ms\n";
	struct tn_link_hooks hooks = { .on_invalidate = changed };
	struct tn_revocation_options revocation = {
		.prefix = TN_SLICE("sess:"), .may_stay = socket_may_stay };
	struct settings *cfg = &site.settings;

	ck_assert_int_eq(settings_read(cfg, "t.conf", tn_slice_str(text), "a",
	    NULL), 0);
	cfg->redis.path = server.path;
	cfg->redis.command_ms = 300;
	site.log.level = TN_LOG_ERROR;	/* nothing here is one */
	ck_assert_int_eq(settings_session_options(cfg, &site.signer,
	    &site.session, NULL), 0);
	site.link = tn_link_new(&loop.loop, NULL, &cfg->redis, &hooks, NULL);
	site.registry = tn_registry_new(&loop.loop, site.link, NULL, "a",
	    6000, NULL);
	site.revocation = tn_revocation_new(&loop.loop, site.link, NULL,
	    &revocation, NULL);
	site.io = tn_io_new(&cfg->io, &loop.loop.wheel, NULL, NULL);
	chat_init(&site.chat, &(struct chat_parts){ &loop.loop, site.link,
	    site.registry, NULL, &cfg->chat, user_entered, user_left,
	    NULL, &site });
	site.ns = tn_io_of(site.io, cfg->namespace);
	ck_assert_int_eq(tn_ns_use(site.ns, socket_auth, &site), 0);
	tn_ns_on_connection(site.ns, socket_connection, &site);
}

static void
setup(void)
{
	server = (struct redis_server){ .pid = 0 };
	memset(&site, 0, sizeof(site));
	ck_assert_int_eq(tn_random_start(NULL), 0);
	ck_assert(redis_server_start(&server));
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	open_site();
	other = tn_redis_new(&site.settings.redis, 1, NULL);
}

static void
teardown(void)
{
	io_client_close(&a);
	io_client_close(&b);
	tn_io_free(&site.io);
	site.ns = NULL;
	tn_registry_free(&site.registry);
	tn_link_free(&site.link);
	tn_revocation_free(&site.revocation);
	chat_fini(&site.chat);
	tn_signer_free(&site.signer);
	tn_redis_free(&other);
	settings_fini(&site.settings);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

/* Sessions and clients. */

static void
put_session(const char *sid, const char *record)
{
	struct tn_reply *reply;
	char key[64];

	snprintf(key, sizeof(key), "sess:%s", sid);
	ck_assert_int_eq(tn_redis_call(other, (struct tn_slice[]){
	    TN_SLICE("SET"), tn_slice_str(key), tn_slice_str(record) }, 3,
	    &reply, NULL), 0);
	tn_reply_free(&reply);
}

static void
del_session(const char *sid)
{
	struct tn_reply *reply;
	char key[64];

	snprintf(key, sizeof(key), "sess:%s", sid);
	ck_assert_int_eq(tn_redis_call(other, (struct tn_slice[]){
	    TN_SLICE("DEL"), tn_slice_str(key) }, 2, &reply, NULL), 0);
	tn_reply_free(&reply);
}

static struct waiting { struct io_client *client; const char *text; } waiting;

static bool
has_heard(void *arg)
{
	struct waiting *w = arg;

	return io_client_heard(w->client, w->text);
}

static void
hears(struct io_client *client, const char *text)
{
	waiting = (struct waiting){ client, text };
	ck_assert_msg(poll_loop_until(&loop, has_heard, &waiting, WAIT_MS),
	    "not heard: %s\nbut: %s", text, client->heard);
}

static void
open_client(struct io_client *client, const char *sid)
{
	char cookie[256] = "connect.sid=s:";
	struct tn_buf signed_sid;

	tn_buf_init(&signed_sid, 128);
	tn_sign(&signed_sid, site.signer, tn_slice_str(sid));
	strncat(cookie, signed_sid.ptr, signed_sid.len);
	tn_buf_fini(&signed_sid);
	io_client_open(client, site.io, cookie);
	io_client_say(client, "40/packtchat,");
}

static void
enter(struct io_client *client, const char *sid, const char *record)
{
	put_session(sid, record);
	open_client(client, sid);
	hears(client, "40/packtchat,{");
	io_client_say(client,
	    "42/packtchat,1[\"AddRoom\",{\"name\":\"lobby\"}]");
	hears(client, "43/packtchat,1[true]\n");
	io_client_forget(client);
}

/* Say it to a client that is in the room "lobby", see what it hears. */
static void
asks(const char *packet, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "42/packtchat,%s", packet);
	io_client_say(&a, line);
	hears(&a, text);
}

/* Who is let in. */

START_TEST(greeted_then_told_who_one_is)
{
	put_session("s", SESSION(ANN));
	open_client(&a, "s");
	hears(&a, "42/packtchat,[\"message\",{\"message\":\"Hey!\"}]\n"
	    "42/packtchat,[\"message\"," ANN "]\n");
}
END_TEST

static const struct { const char *name, *record; } records[] = {
	{ "there is none",		NULL },
	{ "null",			"null" },
	{ "nothing",			"" },
	{ "not JSON",			"{\"cookie\":" },
	{ "no object",			"[]" },
	{ "no cookie in it",		"{\"isAuthenticated\":true,\"user\":" ANN "}" },
	{ "nobody has logged in",
	    "{\"cookie\":{\"path\":\"/\"}}" },
	{ "logged out",
	    "{\"cookie\":{\"path\":\"/\"},\"isAuthenticated\":false,\"user\":" ANN "}" },
	{ "a number that is true in JavaScript",
	    "{\"cookie\":{\"path\":\"/\"},\"isAuthenticated\":1,\"user\":" ANN "}" },
	{ "no user",
	    "{\"cookie\":{\"path\":\"/\"},\"isAuthenticated\":true}" },
	{ "a user without an id", SESSION("{\"displayName\":\"x\"}") },
};

START_TEST(refused_by_session)
{
	if (records[_i].record != NULL)
		put_session("s", records[_i].record);
	open_client(&a, "s");
	hears(&a, "44/packtchat,{\"message\":\"Not Authenticated\"}\n");
}
END_TEST

static const struct { const char *name, *cookie; } cookies[] = {
	{ "no header",			NULL },
	{ "another cookie",		"theme=dark" },
	{ "not signed",			"connect.sid=s" },
	{ "signed by nobody",		"connect.sid=s%3As.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
	{ "an empty signature",		"connect.sid=s%3As." },
	{ "an empty value",		"connect.sid=" },
};

START_TEST(refused_by_cookie)
{
	put_session("s", SESSION(ANN));
	io_client_open(&a, site.io, cookies[_i].cookie);
	io_client_say(&a, "40/packtchat,");
	hears(&a, "44/packtchat,{\"message\":\"Not Authenticated\"}\n");
}
END_TEST

START_TEST(without_redis_told_to_try_again)
{
	put_session("s", SESSION(ANN));
	redis_server_kill(&server);
	open_client(&a, "s");
	hears(&a, "44/packtchat,{\"message\":\"Try Again\","
	    "\"data\":{\"retry\":true}}\n");
}
END_TEST

START_TEST(gone_before_the_session_came)
{
	put_session("s", SESSION(ANN));
	open_client(&a, "s");
	io_client_close(&a);
	enter(&b, "t", SESSION(BEN));	/* behind it on the same link */
	ck_assert_uint_eq(tn_ns_len(site.ns), 1);
}
END_TEST

START_TEST(logging_out_closes)
{
	enter(&a, "s", SESSION(ANN));
	enter(&b, "t", SESSION(BEN));
	del_session("s");
	hears(&b, "42/packtchat,[\"RemoveUser\"," ANN "]\n");
	io_client_read(&a);
	ck_assert(!a.is_open);
	put_session("t", SESSION(ANN));		/* another user's, of a sudden */
	hears(&b, "41/packtchat,\n");
}
END_TEST

/* What may be asked, and what is answered; a is Ann, alone in "lobby". */

static const struct { const char *name, *packet, *text; } asked[] = {
	{ "GetMe by event", "[\"GetMe\"]", "42/packtchat,[\"GetMe\"," ANN "]\n" },
	{ "GetMe by ack", "7[\"GetMe\"]", "43/packtchat,7[" ANN "]\n" },
	{ "GetUser", "[\"GetUser\",{\"room\":\"lobby\"}]",
	    "42/packtchat,[\"GetUser\",[" ANN "]]\n" },
	{ "GetUser by ack, the room as a text", "7[\"GetUser\",\"lobby\"]",
	    "43/packtchat,7[[" ANN "]]\n" },
	{ "GetUser of another room", "7[\"GetUser\",{\"room\":\"attic\"}]",
	    "43/packtchat,7[{\"error\":\"not in that room\"}]\n" },
	{ "the same without an ack", "[\"GetUser\",{\"room\":\"attic\"}]",
	    "42/packtchat,[\"refused\",{\"event\":\"GetUser\",\"error\":\"not in that room\"}]\n" },
	{ "GetUser of nothing", "7[\"GetUser\"]",
	    "43/packtchat,7[{\"error\":\"GetUser wants {room}\"}]\n" },
	{ "GetChat of an empty room", "[\"GetChat\",{\"room\":\"lobby\"}]",
	    "42/packtchat,[\"GetChat\",[]]\n" },
	{ "GetChat of a room one is not in", "7[\"GetChat\",{\"room\":\"attic\"}]",
	    "43/packtchat,7[[]]\n" },
	{ "GetChat of a wrong room", "7[\"GetChat\",{\"room\":{}}]",
	    "43/packtchat,7[{\"error\":\"GetChat wants {room}\"}]\n" },
	{ "AddChat comes to the sender too",
	    "[\"AddChat\",{\"room\":\"lobby\",\"message\":\"h\\u00e9\"}]",
	    "42/packtchat,[\"AddChat\",{\"id\":1,\"message\":\"h\\u00e9\",\"room\":\"lobby\",\"user\":" ANN ",\"date\":" },
	{ "AddChat by ack", "7[\"AddChat\",{\"room\":\"lobby\",\"message\":\"m\"}]",
	    "43/packtchat,7[{\"id\":1,\"date\":" },
	{ "AddChat to a room one is not in",
	    "7[\"AddChat\",{\"room\":\"attic\",\"message\":\"m\"}]",
	    "43/packtchat,7[{\"error\":\"not in that room\"}]\n" },
	{ "AddChat to a room by its inner name",
	    "7[\"AddChat\",{\"room\":\"chat:lobby\",\"message\":\"m\"}]",
	    "43/packtchat,7[{\"error\":\"not in that room\"}]\n" },
	{ "AddChat of nothing", "7[\"AddChat\",null]",
	    "43/packtchat,7[{\"error\":\"AddChat wants {room, message}\"}]\n" },
	{ "who one says to be does not count",
	    "[\"AddChat\",{\"room\":\"lobby\",\"message\":\"m\",\"user\":{\"id\":\"ben\"},\"date\":1}]",
	    "\"room\":\"lobby\",\"user\":" ANN ",\"date\":" },
	{ "GetRoom", "[\"GetRoom\"]",
	    "42/packtchat,[\"GetRoom\",[{\"name\":\"lobby\"}]]\n" },
	{ "AddRoom of the room one is in", "7[\"AddRoom\",{\"name\":\"lobby\"}]",
	    "43/packtchat,7[true]\n" },
	{ "AddRoom with a control character", "7[\"AddRoom\",{\"name\":\"\\u0007\"}]",
	    "43/packtchat,7[{\"error\":\"AddRoom wants {name}\"}]\n" },
	{ "AddRoom without a name only leaves", "7[\"AddRoom\",{\"name\":\"\"}]",
	    "43/packtchat,7[true]\n" },
};

START_TEST(answers)
{
	enter(&a, "s", SESSION(ANN));
	asks(asked[_i].packet, asked[_i].text);
	ck_assert_msg(a.is_open, "%s", asked[_i].name);
}
END_TEST

START_TEST(the_others_are_told)
{
	enter(&a, "s", SESSION(ANN));
	enter(&b, "t", SESSION(BEN));
	hears(&a, "42/packtchat,[\"AddRoom\",{\"name\":\"lobby\"}]\n");
	hears(&a, "42/packtchat,[\"AddUser\"," BEN "]\n");
	asks("[\"AddChat\",{\"room\":\"lobby\",\"message\":\"m\"}]", "AddChat");
	hears(&b, "42/packtchat,[\"AddChat\",{\"id\":1,");
	asks("1[\"AddRoom\",{\"name\":\"attic\",\"keep\":true}]", "1[true]");
	hears(&b, "42/packtchat,[\"AddRoom\",{\"name\":\"attic\"}]\n");
	ck_assert(!io_client_heard(&b, "RemoveUser"));
	asks("2[\"AddRoom\",{\"name\":\"cellar\"}]", "2[true]");
	hears(&b, "42/packtchat,[\"RemoveUser\"," ANN "]\n");
	asks("3[\"AddChat\",{\"room\":\"lobby\",\"message\":\"m\"}]",
	    "3[{\"error\":");
	ck_assert(!io_client_heard(&a, "\"AddUser\"," ANN));
}
END_TEST

START_TEST(a_user_leaves_with_the_last_socket)
{
	enter(&a, "s", SESSION(ANN));
	enter(&b, "t", SESSION(BEN));
	io_client_say(&a, "41/packtchat,");
	hears(&b, "42/packtchat,[\"RemoveUser\"," ANN "]\n");
	io_client_close(&a);
	enter(&a, "s", SESSION(ANN));
	hears(&b, "42/packtchat,[\"AddUser\"," ANN "]\n");
}
END_TEST

START_TEST(a_lost_connection_is_told_if_nobody_comes_back)
{
	enter(&a, "s", SESSION(ANN));
	enter(&b, "t", SESSION(BEN));
	io_client_close(&a);
	enter(&a, "s", SESSION(ANN));
	asks("1[\"AddChat\",{\"room\":\"lobby\",\"message\":\"m\"}]", "");
	hears(&b, "\"AddChat\"");
	ck_assert(!io_client_heard(&b, "RemoveUser"));
	ck_assert(!io_client_heard(&b, "AddUser"));
	io_client_close(&a);
	hears(&b, "42/packtchat,[\"RemoveUser\"," ANN "]\n");
}
END_TEST

#define ANNA "{\"id\":\"ann\",\"displayName\":\"Anna\",\"provider\":\"local\"}"

START_TEST(another_name_in_the_session_is_everywhere)
{
	enter(&a, "s", SESSION(ANN));
	enter(&b, "t", SESSION(BEN));
	put_session("s", SESSION(ANNA));
	hears(&a, "42/packtchat,[\"GetMe\"," ANNA "]\n");
	hears(&b, "42/packtchat,[\"AddUser\"," ANNA "]\n");
	asks("[\"AddChat\",{\"room\":\"lobby\",\"message\":\"m\"}]",
	    "\"user\":" ANNA);
	asks("1[\"GetUser\",\"lobby\"]", ANNA);
	asks("2[\"GetUser\",{\"room\":\"lobby\",\"count\":true}]",
	    "43/packtchat,2[{\"count\":2}]\n");
	put_session("s", "{\"cookie\":{\"path\":\"/\"},"
	    "\"isAuthenticated\":false,\"user\":" ANNA "}");
	hears(&a, "41/packtchat,\n");	/* nobody is logged in any more */
	hears(&b, "42/packtchat,[\"RemoveUser\"," ANNA "]\n");
}
END_TEST

START_TEST(too_many_rooms)
{
	char packet[64];

	enter(&a, "s", SESSION(ANN));
	for (int i = 1; i < TN_LIMIT_ROOMS_PER_SOCKET; i++) {
		snprintf(packet, sizeof(packet),
		    "[\"AddRoom\",{\"name\":\"r%d\",\"keep\":true}]", i);
		asks(packet, "");
	}
	asks("7[\"AddRoom\",{\"name\":\"last\",\"keep\":true}]",
	    "43/packtchat,7[{\"error\":\"too many rooms\"}]\n");
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

static Suite *
events_suite(void)
{
	Suite *suite = suite_create("events");
	TCase *tc = tcase_create("events");

	redis_server_or_skip();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, greeted_then_told_who_one_is);
	tcase_add_loop_test(tc, refused_by_session, 0, COUNT(records));
	tcase_add_loop_test(tc, refused_by_cookie, 0, COUNT(cookies));
	tcase_add_test(tc, without_redis_told_to_try_again);
	tcase_add_test(tc, gone_before_the_session_came);
	tcase_add_test(tc, logging_out_closes);
	tcase_add_loop_test(tc, answers, 0, COUNT(asked));
	tcase_add_test(tc, the_others_are_told);
	tcase_add_test(tc, a_user_leaves_with_the_last_socket);
	tcase_add_test(tc, a_lost_connection_is_told_if_nobody_comes_back);
	tcase_add_test(tc, another_name_in_the_session_is_everywhere);
	tcase_add_test(tc, too_many_rooms);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(events_suite)
