#include "config.h"

#include "chat/chat.h"

#include <signal.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "cluster/adapter_codec.h"
#include "cluster/registry.h"
#include "cluster/relay.h"
#include "redis/link.h"

#include "check_main.h"
#include "poll_loop.h"
#include "redis_server.h"

#define S(literal) TN_SLICE(literal)
#define WAIT_MS	3000

/* A registry whose nodes live and die as the test says. */
struct tn_registry {
	const char *id;
	const char *others[4];
};

struct tn_slice
tn_registry_id(const struct tn_registry *registry)
{
	return tn_slice_str(registry->id);
}

bool
tn_registry_alive(const struct tn_registry *registry, struct tn_slice id)
{
	if (tn_slice_is(id, registry->id))
		return true;
	for (size_t i = 0; registry->others[i] != NULL; i++)
		if (tn_slice_is(id, registry->others[i]))
			return true;
	return false;
}

struct tn_slice
tn_registry_next(const struct tn_registry *registry, size_t *at)
{
	const char *id = registry->others[*at];

	*at += id != NULL;
	return tn_slice_str(id);
}

static struct redis_server server;
static struct poll_loop loop;
static struct tn_redis_options options;
static struct tn_link *link_;
static struct settings_chat chat_settings;
static struct tn_registry one, two;
static struct chat a, b;		/* two nodes that share a Redis */

#define BEN "{\"id\":\"2/x\",\"displayName\":\"Ben\",\"provider\":\"local\"}"
#define ANN "{\"id\":\"1\",\"displayName\":\"Ann\",\"provider\":\"local\"}"

static const struct chat_user ann = { { "1", 1 }, { ANN, sizeof(ANN) - 1 } };
static const struct chat_user ben = { { "2/x", 3 }, { BEN, sizeof(BEN) - 1 } };

/* What is told, by which node. */

static char changes[1024];

static void
note(const char *what, const struct chat_change *change, const void *node)
{
	size_t len = strlen(changes);
	struct tn_slice id = TN_SLICE_NONE;

	tn_json_get(change->user, "displayName", &id);
	snprintf(changes + len, sizeof(changes) - len, "%s: %.*s %s%s%.*s; ",
	    node == &a ? "a" : "b", TN_SLICE_ARG(id), what,
	    change->socket.len > 0 ? " by " : "",
	    TN_SLICE_ARG(change->socket));
}

static void
on_enter(const struct chat_change *change, void *arg)
{
	note("in", change, arg);
}

static void
on_leave(const struct chat_change *change, void *arg)
{
	note("out", change, arg);
}

static void
setup(void)
{
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	options = (struct tn_redis_options){ .path = server.path };
	link_ = tn_link_new(&loop.loop, NULL, &options, NULL, NULL);
	ck_assert_ptr_nonnull(link_);
	chat_settings = (struct settings_chat){ .history = 5, .stream = 100,
	    .lease_ms = 400, .grace_ms = 300, .seen_ms = 60000 };
	one = (struct tn_registry){ "a-1", { "b-1" } };
	two = (struct tn_registry){ "b-1", { "a-1" } };
	changes[0] = '\0';
	chat_init(&a, &(struct chat_parts){ &loop.loop, link_, &one, NULL,
	    &chat_settings, on_enter, on_leave, NULL, &a });
	chat_init(&b, &(struct chat_parts){ &loop.loop, link_, &two, NULL,
	    &chat_settings, on_enter, on_leave, NULL, &b });
}

static void
teardown(void)
{
	tn_link_free(&link_);
	chat_fini(&a);
	chat_fini(&b);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

/* Waiting for answers, which are kept as text. */

struct answer {
	bool came;
	int code;
	bool is_new, is_relayed;
	char text[4096], receipt[128];
};

static bool
has_come(void *arg)
{
	return ((struct answer *)arg)->came;
}

static void
wait_for(struct answer *answer)
{
	ck_assert(poll_loop_until(&loop, has_come, answer, WAIT_MS));
}

static void
put_text(char *out, size_t size, struct tn_slice text)
{
	ck_assert_uint_lt(text.len, size);
	snprintf(out, size, "%.*s", TN_SLICE_ARG(text));
}

static void
on_list(struct tn_slice json, const struct tn_err *err, void *arg)
{
	struct answer *answer = arg;

	ck_assert(!answer->came);
	answer->came = true;
	answer->code = err == NULL ? 0 : err->code;
	ck_assert(err != NULL || tn_json_scan(json, NULL, NULL) == 0);
	put_text(answer->text, sizeof(answer->text), json);
}

static void
on_added(const struct chat_message *message, const struct tn_err *err,
    void *arg)
{
	struct answer *answer = arg;

	ck_assert(!answer->came);
	answer->came = true;
	answer->code = err == NULL ? 0 : err->code;
	if (err != NULL)
		return;
	ck_assert_int_eq(tn_json_scan(message->json, NULL, NULL), 0);
	answer->is_new = message->is_new;
	answer->is_relayed = message->is_relayed;
	put_text(answer->text, sizeof(answer->text), message->json);
	put_text(answer->receipt, sizeof(answer->receipt), message->receipt);
}

static void
on_done(const struct tn_err *err, void *arg)
{
	struct answer *answer = arg;

	answer->came = true;
	answer->code = err == NULL ? 0 : err->code;
}

static const char *
users(struct chat *chat, struct answer *answer, struct tn_slice room)
{
	*answer = (struct answer){ .came = false };
	chat_users(chat, room, on_list, answer);
	wait_for(answer);
	return answer->text;
}

static const char *
history(struct answer *answer, struct tn_slice room, int64_t since, size_t n)
{
	*answer = (struct answer){ .came = false };
	chat_history(&a, room, since, n, on_list, answer);
	wait_for(answer);
	return answer->text;
}

static void
say(struct chat *chat, const char *args, const struct chat_user *user,
    struct answer *answer)
{
	struct chat_draft draft;

	*answer = (struct answer){ .came = false };
	ck_assert_msg(chat_draft_read(tn_slice_str(args), &draft), "%s", args);
	draft.user = user;
	chat_add(chat, &draft, on_added, answer);
	wait_for(answer);
}

/* A command of the test's own. */
static void
redis(const char *line)
{
	struct tn_slice words[REDIS_WORDS];
	size_t n = redis_words(line, words);

	ck_assert_int_eq(tn_link_call(link_, words, n, NULL, NULL), 0);
}

/* Names and drafts. */

static const struct {
	const char *name, *json, *io;	/* io NULL: refused */
} rooms[] = {
	{ "a plain name",		"\"lobby\"",	"chat:lobby" },
	{ "any script",			"\"caf\\u00e9\"", "chat:caf\xc3\xa9" },
	{ "the empty name is none",	"\"\"",		NULL },
	{ "a number is none",		"7",		NULL },
	{ "null is none",		"null",		NULL },
	{ "a control character",	"\"a\\u0007\"",	NULL },
	{ "a NUL",			"\"a\\u0000b\"", NULL },
	{ "a C1 control",		"\"\\u0085\"",	NULL },
	{ "a change of direction",	"\"a\\u202eb\"", NULL },
	{ "an invisible character",	"\"a\\u200bb\"", NULL },
	{ "half a surrogate pair",	"\"\\ud800\"",	NULL },
	{ "64 bytes",
	    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
	    "chat:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
	{ "65 bytes",
	    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefg\"",
	    NULL },
	{ "a prefix does not end early", "\"chat:chat:\"", "chat:chat:chat:" },
};

START_TEST(room_names)
{
	struct chat_room room;
	bool good = chat_room_read(&room, tn_slice_str(rooms[_i].json));

	ck_assert_msg(good == (rooms[_i].io != NULL), "%s", rooms[_i].name);
	ck_assert(!good || tn_slice_is(room.io, rooms[_i].io));
}
END_TEST

static const struct {
	const char *name, *args;
	bool good;
} drafts[] = {
	{ "room and message", "{\"room\":\"r\",\"message\":\"m\"}", true },
	{ "with an id", "{\"id\":\"x\",\"room\":\"r\",\"message\":\"m\"}", true },
	{ "an empty id", "{\"id\":\"\",\"room\":\"r\",\"message\":\"m\"}", false },
	{ "an id that is a number", "{\"id\":1,\"room\":\"r\",\"message\":\"m\"}", false },
	{ "no message", "{\"room\":\"r\"}", false },
	{ "an empty message", "{\"room\":\"r\",\"message\":\"\"}", false },
	{ "a message that is no text", "{\"room\":\"r\",\"message\":{}}", false },
	{ "no room", "{\"message\":\"m\"}", false },
	{ "nothing", "", false },
	{ "null", "null", false },
	{ "a list", "[1]", false },
	{ "two arguments", "{\"room\":\"r\",\"message\":\"m\"},7", true },
};

START_TEST(draft_shapes)
{
	struct chat_draft draft;

	ck_assert_msg(chat_draft_read(tn_slice_str(drafts[_i].args), &draft)
	    == drafts[_i].good, "%s", drafts[_i].name);
}
END_TEST

START_TEST(message_length)
{
	static char args[2 * TN_LIMIT_CHAT_MESSAGE];
	struct chat_draft draft;

	for (int extra = 0; extra <= 1; extra++) {
		int n = snprintf(args, sizeof(args),
		    "{\"room\":\"r\",\"message\":\"%0*d\"}",
		    TN_LIMIT_CHAT_MESSAGE + extra, 0);

		ck_assert(chat_draft_read(tn_slice(args, (size_t)n), &draft)
		    == (extra == 0));
	}
}
END_TEST

static const struct {
	const char *name, *json, *id, *is;	/* is NULL: refused */
} user_records[] = {
	{ "as our log-in writes it",
	    "{\"id\":\"u1\",\"displayName\":\"Ann\",\"provider\":\"local\"}", "u1",
	    "{\"id\":\"u1\",\"displayName\":\"Ann\",\"provider\":\"local\"}" },
	{ "a number as id, as Node programs have it",
	    "{\"id\":42,\"displayName\":\"Ann\",\"provider\":\"x\"}", "42",
	    "{\"id\":42,\"displayName\":\"Ann\",\"provider\":\"x\"}" },
	{ "what else there is stays behind",
	    "{\"email\":\"a@b\",\"id\":\"u1\",\"displayName\":\"A\"}", "u1",
	    "{\"id\":\"u1\",\"displayName\":\"A\",\"provider\":null}" },
	{ "no id", "{\"displayName\":\"A\"}", NULL, NULL },
	{ "an empty id", "{\"id\":\"\"}", NULL, NULL },
	{ "a fraction as id", "{\"id\":1.5}", NULL, NULL },
	{ "no object", "\"ann\"", NULL, NULL },
};

START_TEST(users_of_sessions)
{
	struct tn_arena arena;
	struct chat_user user;
	int status;

	tn_arena_init(&arena, 8192);
	status = chat_user_read(&user, tn_slice_str(user_records[_i].json),
	    &arena, NULL);
	ck_assert_msg((status == 0) == (user_records[_i].is != NULL), "%s",
	    user_records[_i].name);
	if (status == 0) {
		ck_assert(tn_slice_is(user.id, user_records[_i].id));
		ck_assert(tn_slice_is(user.json, user_records[_i].is));
	}
	tn_arena_fini(&arena);
}
END_TEST

/* Messages. */

START_TEST(messages_are_numbered_and_kept)
{
	struct answer said, list;
	struct tn_slice id;
	char text[128];

	for (int i = 1; i <= 7; i++) {
		snprintf(text, sizeof(text),
		    "{\"room\":\"r\",\"message\":\"m%d\"}", i);
		say(i % 2 ? &a : &b, text, &ann, &said);
		ck_assert(said.is_new);
		snprintf(text, sizeof(text), "{\"id\":%d,\"message\":\"m%d\","
		    "\"room\":\"r\",\"user\":{\"id\":\"1\"", i, i);
		ck_assert_msg(strncmp(said.text, text, strlen(text)) == 0,
		    "%s", said.text);
		ck_assert(tn_json_get(tn_slice_str(said.receipt), "id", &id));
	}
	history(&list, S("chat:r"), -1, 0);
	ck_assert_ptr_null(strstr(list.text, "m2"));	/* 5 at most */
	ck_assert(strstr(list.text, "m3") < strstr(list.text, "m7"));
	history(&list, S("chat:r"), -1, 1);
	ck_assert(strncmp(list.text, "[{\"id\":7,", 9) == 0);
	history(&list, S("chat:r"), 5, 0);
	ck_assert(strncmp(list.text, "[{\"id\":6,", 9) == 0);
	ck_assert_str_eq(history(&list, S("chat:r"), 7, 0), "[]");
	ck_assert_str_eq(history(&list, S("chat:other"), -1, 0), "[]");
}
END_TEST

#define AGAIN "{\"room\":\"r\",\"message\":\"m\",\"id\":\"x\"}"

START_TEST(a_retry_is_kept_once)
{
	struct answer first, again, list;

	say(&a, AGAIN, &ann, &first);
	say(&b, AGAIN, &ann, &again);		/* on any node */
	ck_assert(first.is_new);
	ck_assert(!again.is_new);
	ck_assert_str_eq(again.receipt, first.receipt);
	ck_assert_str_eq(again.text, first.text);
	say(&a, AGAIN, &ben, &again);		/* another user's own */
	ck_assert(again.is_new);
	history(&list, S("chat:r"), -1, 0);
	ck_assert(strstr(list.text, "\"id\":2,\"message\"") != NULL);
	ck_assert(strstr(list.text, "\"id\":3,\"message\"") == NULL);
}
END_TEST

START_TEST(a_retry_of_what_fell_off_is_known_still)
{
	struct answer first, again;

	say(&a, AGAIN, &ann, &first);
	redis("XTRIM tandem:{r}:messages MAXLEN 0");
	say(&a, AGAIN, &ann, &again);
	ck_assert(!again.is_new);
	ck_assert_str_eq(again.receipt, "{\"id\":1}");
}
END_TEST

/* Redis tells the nodes as it keeps: what they hear is what is stored. */

static struct { char text[8192]; unsigned messages, marked; } heard;
static int events;		/* kept for those who come back */

static bool
relay(struct tn_slice room, struct tn_slice json, struct tn_relay *out,
    void *arg)
{
	struct tn_broadcast_packet packet = { .rooms = &room, .nrooms = 1 };
	char data[4096];

	ck_assert_ptr_eq(arg, &a);
	snprintf(data, sizeof(data), "[\"AddChat\",%.*s]", TN_SLICE_ARG(json));
	packet.data = tn_slice_str(data);
	return tn_relay_write(out, S("x"), S("/n"), &packet, events) == 0;
}

static void
on_relayed(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct tn_adapter_message m;
	struct tn_arena arena;
	size_t len = strlen(heard.text);

	(void)arg;
	ck_assert(tn_slice_is(channel, "x#/n#chat:r#"));
	tn_arena_init(&arena, 1 << 20);
	ck_assert_int_eq(tn_adapter_read(payload, &arena, &m, NULL), 0);
	ck_assert(tn_slice_is(m.nsp, "/n") && m.packet.nrooms == 1 &&
	    tn_slice_is(m.packet.rooms[0], "chat:r"));
	ck_assert(tn_slice_starts(m.packet.data, S("[\"AddChat\",")));
	snprintf(heard.text + len, sizeof(heard.text) - len, "%.*s",
	    (int)m.packet.data.len - 12, m.packet.data.ptr + 11);
	heard.messages++;
	heard.marked += m.has_mark;
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
}

static bool
all_heard(void *arg)
{
	return heard.messages == *(unsigned *)arg;
}

/* The second time what is told is kept for those who come back, too. */
START_TEST(who_keeps_a_message_tells_it)
{
	char said_all[8192] = "";
	struct answer said, again;
	unsigned n = 3;

	memset(&heard, 0, sizeof(heard));
	events = _i == 0 ? 0 : 100;
	a.parts.relay = relay;
	ck_assert_int_eq(tn_link_subscribe(link_, S("x#/n#chat:r#"),
	    on_relayed, NULL), 0);
	redis("SET tandem:{r}:sequence 70000");	/* more than two bytes */
	say(&a, "{\"room\":\"r\",\"message\":\"one\"}", &ann, &said);
	strcat(said_all, said.text);
	say(&a, AGAIN, &ben, &said);
	strcat(said_all, said.text);
	say(&a, AGAIN, &ben, &again);		/* is not told again */
	ck_assert(said.is_relayed && !again.is_relayed);
	say(&a, "{\"room\":\"r\",\"message\":\"\\u00cf caf\xc3\xa9\"}", &ann,
	    &said);
	strcat(said_all, said.text);
	ck_assert(poll_loop_until(&loop, all_heard, &n, WAIT_MS));
	ck_assert_msg(strstr(heard.text, "\"id\":70001,") != NULL, "%s",
	    heard.text);
	ck_assert_uint_eq(heard.messages, 3);
	/* JSON as we write it; escapes come as the letters they stand for */
	ck_assert_int_eq(strncmp(heard.text, said_all, 100), 0);
	ck_assert_uint_eq(heard.marked, _i == 0 ? 0 : 3);
}
END_TEST

START_TEST(a_payload_is_split_at_the_number)
{
	struct tn_slice room = S("r"), before, after;
	struct tn_broadcast_packet packet = { .rooms = &room, .nrooms = 1,
	    .data = S("[{\"id\":" TN_RELAY_NUMBER ",\"m\":1}]") };
	struct tn_relay r;
	struct tn_slice payload;

	tn_relay_init(&r);
	ck_assert_int_eq(tn_relay_write(&r, S("s"), S("/"), &packet, 7), 0);
	payload = tn_buf_view(&r.payload);
	ck_assert(tn_slice_is(tn_buf_view(&r.channel), "s#/#r#"));
	ck_assert(tn_slice_is(tn_buf_view(&r.stream), "tandem:{s#/#}:stream"));
	ck_assert(tn_slice_is(tn_buf_view(&r.last), "tandem:{s#/#}:last"));
	ck_assert(tn_relay_split(payload, &before, &after));
	ck_assert_uint_eq(before.len + 8 + after.len, payload.len);
	ck_assert_int_eq(before.ptr[before.len - 1], (char)0xcf);
	ck_assert_int_eq(after.ptr[0], (char)0xa1);
	for (size_t n = 0; n < before.len + 8; n++)
		ck_assert(!tn_relay_split(tn_slice(payload.ptr, n), &before,
		    &after));
	tn_relay_fini(&r);
}
END_TEST

START_TEST(a_lost_counter_goes_on_behind_the_last)
{
	struct answer said;

	say(&a, "{\"room\":\"r\",\"message\":\"m\"}", &ann, &said);
	say(&a, "{\"room\":\"r\",\"message\":\"m\"}", &ann, &said);
	redis("DEL tandem:{r}:sequence");
	say(&a, "{\"room\":\"r\",\"message\":\"m\"}", &ann, &said);
	ck_assert_msg(strncmp(said.receipt, "{\"id\":3,", 8) == 0, "%s",
	    said.receipt);
}
END_TEST

START_TEST(what_others_wrote_into_the_stream_is_looked_at)
{
	struct answer list;

	redis("XADD tandem:{r}:messages 1-0 chat {\"message\":");
	redis("XADD tandem:{r}:messages 2-0 chat 7");
	redis("XADD tandem:{r}:messages 3-0 chat {}");
	redis("XADD tandem:{r}:messages 4-0 chat {\"message\":\"m\"}");
	ck_assert_str_eq(history(&list, S("chat:r"), -1, 0),
	    "[{\"id\":4,\"message\":\"m\"}]");
}
END_TEST

START_TEST(a_key_of_another_type_is_an_error_that_says_little)
{
	struct answer list, said;

	redis("SET tandem:{r}:messages x");
	list = (struct answer){ .came = false };
	chat_history(&a, S("chat:r"), -1, 0, on_list, &list);
	wait_for(&list);
	ck_assert_int_eq(list.code, TN_E_AWAY);
	say(&a, AGAIN, &ann, &said);
	ck_assert_int_eq(said.code, TN_E_AWAY);
}
END_TEST

/* Rooms. */

START_TEST(rooms_are_listed_last_entered_first)
{
	struct answer answer = { .came = false }, list = { .came = false };

	chat_rooms(&a, on_list, &list);
	wait_for(&list);
	ck_assert_str_eq(list.text, "[]");
	redis("ZADD tandem:rooms 1 old 2 quo\"te");
	chat_room_add(&a, S("chat:new"), on_done, &answer);
	wait_for(&answer);
	ck_assert_int_eq(answer.code, 0);
	list.came = false;
	chat_rooms(&b, on_list, &list);
	wait_for(&list);
	ck_assert_str_eq(list.text, "[{\"name\":\"new\"},"
	    "{\"name\":\"quo\\\"te\"},{\"name\":\"old\"}]");
}
END_TEST

/* Presence. */

static void
enter(struct chat *chat, const struct chat_user *user, const char *socket)
{
	chat_enter(chat, S("chat:r"), user, socket);
}

static void
leave(struct chat *chat, const struct chat_user *user)
{
	chat_leave(chat, S("chat:r"), user, CHAT_LEAVES);
}

static void
lose(struct chat *chat, const struct chat_user *user)
{
	chat_leave(chat, S("chat:r"), user, CHAT_IS_LOST);
}

/* What was told since the last time, once Redis has heard all. */
static void
told(const char *what)
{
	struct answer list;

	users(&a, &list, S("chat:r"));
	ck_assert_str_eq(changes, what);
	changes[0] = '\0';
}

static const char *
count(struct answer *answer)
{
	*answer = (struct answer){ .came = false };
	chat_count(&a, S("chat:r"), on_list, answer);
	wait_for(answer);
	return answer->text;
}

static void
turn_for(int ms)
{
	int64_t end = loop.loop.wheel.now_ms + ms;

	while (loop.loop.wheel.now_ms < end)
		poll_loop_turn(&loop, 20);
}

START_TEST(presence_is_by_user)
{
	struct answer list;

	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[]");
	ck_assert_str_eq(count(&list), "{\"count\":0}");
	enter(&a, &ann, "s1");
	enter(&a, &ann, "s2");		/* a second tab */
	enter(&b, &ann, "s3");		/* and one on another node */
	enter(&b, &ben, "s4");
	told("a: \"Ann\" in by s1; b: \"Ben\" in by s4; ");
	users(&b, &list, S("chat:r"));
	ck_assert_ptr_nonnull(strstr(list.text, "Ann"));
	ck_assert_ptr_nonnull(strstr(list.text, "Ben"));
	ck_assert_ptr_null(strstr(strstr(list.text, "Ann") + 1, "Ann"));
	ck_assert_str_eq(count(&list), "{\"count\":2}");

	leave(&a, &ann);
	leave(&a, &ann);
	told("");
	users(&a, &list, S("chat:r"));
	ck_assert_ptr_nonnull(strstr(list.text, "Ann"));
	leave(&b, &ann);
	told("b: \"Ann\" out; ");
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[" BEN "]");
	leave(&b, &ann);		/* who is not there cannot leave */
	leave(&b, &ben);
	told("b: \"Ben\" out; ");
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[]");
	ck_assert_str_eq(count(&list), "{\"count\":0}");
	ck_assert_uint_eq(a.present.len + b.present.len, 0);
}
END_TEST

START_TEST(who_is_lost_and_comes_back_in_time_was_not_away)
{
	struct answer list;

	enter(&a, &ann, "s1");
	told("a: \"Ann\" in by s1; ");
	lose(&a, &ann);
	ck_assert_str_eq(users(&b, &list, S("chat:r")), "[" ANN "]");
	enter(&a, &ann, "s2");
	turn_for(500);
	lose(&a, &ann);
	enter(&b, &ann, "s3");		/* on another node */
	turn_for(500);
	told("");
	ck_assert_uint_eq(a.present.len, 0);
	lose(&b, &ann);
	turn_for(500);
	told("b: \"Ann\" out; ");
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[]");
}
END_TEST

START_TEST(leaving_for_good_is_told_at_once)
{
	enter(&a, &ann, "s1");
	enter(&a, &ben, "s2");
	told("a: \"Ann\" in by s1; a: \"Ben\" in by s2; ");
	lose(&a, &ben);
	leave(&a, &ann);
	enter(&a, &ann, "s3");		/* and is back before Redis knew */
	told("a: \"Ann\" out; a: \"Ann\" in by s3; ");
	leave(&a, &ann);
	turn_for(500);
	told("a: \"Ann\" out; a: \"Ben\" out; ");
}
END_TEST

START_TEST(another_name_is_told_and_kept)
{
	static const struct chat_user anna = { S("1"),
	    S("{\"id\":\"1\",\"displayName\":\"Anna\",\"provider\":\"local\"}") };
	struct answer list;

	enter(&a, &ann, "s1");
	told("a: \"Ann\" in by s1; ");
	chat_user_changed(&a, S("chat:r"), &anna);
	chat_user_changed(&a, S("chat:r"), &anna);
	chat_user_changed(&a, S("chat:other"), &anna);
	told("a: \"Anna\" in; ");
	users(&b, &list, S("chat:r"));
	ck_assert_ptr_nonnull(strstr(list.text, "Anna"));
}
END_TEST

START_TEST(the_dead_are_left_out_and_forgotten)
{
	struct answer list;

	redis("HSET tandem:{r}:present c-9/9 {\"id\":\"9\"} x y a-1/8 nonsense");
	enter(&b, &ben, "s1");
	ck_assert_str_eq(users(&a, &list, S("chat:r")),
	    "[" BEN "]");
	one.others[0] = NULL;		/* b dies */
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[]");
	one.others[0] = "b-1";		/* its fields are gone, not just hidden */
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[]");
}
END_TEST

/* b is killed; Ben was there by it alone, Ann by both. */
START_TEST(when_a_node_dies_the_others_tell_once_who_is_gone)
{
	struct answer list;

	enter(&b, &ben, "s1");
	enter(&b, &ann, "s2");
	enter(&a, &ann, "s3");
	told("b: \"Ben\" in by s1; b: \"Ann\" in by s2; ");
	one.others[0] = NULL;
	chat_node_gone(&a, S("b-1"));
	chat_node_gone(&a, S("b-1"));
	told("a: \"Ben\" out; ");
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[" ANN "]");
	ck_assert_str_eq(count(&list), "{\"count\":1}");
	one.others[0] = "b-1";		/* it had only slept: it comes back */
	turn_for(2 * chat_settings.lease_ms);
	told("b: \"Ben\" in by s1; ");
	ck_assert_str_eq(count(&list), "{\"count\":2}");
}
END_TEST

static bool
ben_is_back(void *arg)
{
	struct answer *list = arg;

	if (list->came && strstr(list->text, "Ben") != NULL)
		return true;
	if (list->came || list->text[0] == '\0') {
		*list = (struct answer){ .text = "?" };
		chat_users(&a, S("chat:r"), on_list, list);
	}
	return false;
}

START_TEST(presence_that_was_lost_comes_back_within_a_lease)
{
	struct answer list = { .came = false };

	enter(&b, &ben, "s1");
	users(&a, &list, S("chat:r"));
	redis("FLUSHALL");
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[]");
	list.text[0] = '\0';
	list.came = false;
	ck_assert(poll_loop_until(&loop, ben_is_back, &list,
	    2 * chat_settings.lease_ms));
	while (!list.came)
		poll_loop_turn(&loop, 50);
	leave(&b, &ben);
	users(&a, &list, S("chat:r"));
}
END_TEST

/* Redis away. */

START_TEST(who_leaves_while_redis_is_away_is_gone_when_it_is_back)
{
	struct answer list;

	enter(&a, &ann, "s1");
	enter(&a, &ben, "s2");
	told("a: \"Ann\" in by s1; a: \"Ben\" in by s2; ");
	kill(server.pid, SIGSTOP);
	leave(&a, &ben);
	turn_for(1500);			/* the link has given up */
	kill(server.pid, SIGCONT);
	turn_for(3 * chat_settings.lease_ms);
	ck_assert_str_eq(users(&a, &list, S("chat:r")), "[" ANN "]");
	told("a: \"Ben\" out; ");
	ck_assert_uint_eq(a.present.len, 1);
}
END_TEST

START_TEST(without_redis_each_is_answered_once_with_an_error)
{
	struct answer list = { .came = false }, added = { .came = false },
	    done = { .came = false };
	struct chat_draft draft;

	users(&a, &list, S("chat:r"));
	redis_server_kill(&server);
	changes[0] = '\0';
	list.came = false;
	chat_users(&a, S("chat:r"), on_list, &list);
	ck_assert(chat_draft_read(S(AGAIN), &draft));
	draft.user = &ann;
	chat_add(&a, &draft, on_added, &added);
	chat_room_add(&a, S("chat:r"), on_done, &done);
	enter(&a, &ann, "s1");
	wait_for(&list);
	wait_for(&added);
	wait_for(&done);
	ck_assert_int_eq(list.code, TN_E_AWAY);
	ck_assert_int_eq(added.code, TN_E_AWAY);
	ck_assert_int_eq(done.code, TN_E_AWAY);
	tn_link_free(&link_);
	ck_assert_str_eq(changes, "a: \"Ann\" in by s1; ");	/* those here are told */
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

static Suite *
chat_suite(void)
{
	Suite *suite = suite_create("chat");
	TCase *reading = tcase_create("reading");
	TCase *tc = tcase_create("redis");

	redis_server_or_skip();
	tcase_add_loop_test(reading, room_names, 0, COUNT(rooms));
	tcase_add_loop_test(reading, draft_shapes, 0, COUNT(drafts));
	tcase_add_test(reading, message_length);
	tcase_add_test(reading, a_payload_is_split_at_the_number);
	tcase_add_loop_test(reading, users_of_sessions, 0,
	    COUNT(user_records));
	suite_add_tcase(suite, reading);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, messages_are_numbered_and_kept);
	tcase_add_test(tc, a_retry_is_kept_once);
	tcase_add_test(tc, a_retry_of_what_fell_off_is_known_still);
	tcase_add_loop_test(tc, who_keeps_a_message_tells_it, 0, 2);
	tcase_add_test(tc, a_lost_counter_goes_on_behind_the_last);
	tcase_add_test(tc, what_others_wrote_into_the_stream_is_looked_at);
	tcase_add_test(tc, a_key_of_another_type_is_an_error_that_says_little);
	tcase_add_test(tc, rooms_are_listed_last_entered_first);
	tcase_add_test(tc, presence_is_by_user);
	tcase_add_test(tc, who_is_lost_and_comes_back_in_time_was_not_away);
	tcase_add_test(tc, leaving_for_good_is_told_at_once);
	tcase_add_test(tc, another_name_is_told_and_kept);
	tcase_add_test(tc, the_dead_are_left_out_and_forgotten);
	tcase_add_test(tc, when_a_node_dies_the_others_tell_once_who_is_gone);
	tcase_add_test(tc, who_leaves_while_redis_is_away_is_gone_when_it_is_back);
	tcase_add_test(tc, presence_that_was_lost_comes_back_within_a_lease);
	tcase_add_test(tc, without_redis_each_is_answered_once_with_an_error);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(chat_suite)
