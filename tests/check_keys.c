#include "config.h"

#include "base/err.h"
#include "check_main.h"
#include "redis/keys.h"

#define S(s) TN_SLICE(s)

static void
session(struct tn_buf *b)
{
	tn_key_session(b, S("sess:"), S("S3"));
}

static void
bare_session(struct tn_buf *b)
{
	tn_key_session(b, TN_SLICE_NONE, S("a/b c"));
}

static void
ended_session(struct tn_buf *b)
{
	tn_key_session_ended(b, S("sess:"), S("S3"));
}

static void
account(struct tn_buf *b)
{
	tn_key_account(b, S("kim"));
}

static void
account_of_a_joker(struct tn_buf *b)
{
	tn_key_account(b, S("a}:b%{"));
}

static void
user_sessions(struct tn_buf *b)
{
	tn_key_user_sessions(b, S("U1"));
}

static void
throttle(struct tn_buf *b)
{
	tn_key_throttle(b, S("login-user"), S("2001:db8::1"));
}

static void
seen(struct tn_buf *b)
{
	tn_key_room_seen(b, S("den"), S("u:1"), S("c:2"));
}

static void
messages(struct tn_buf *b)
{
	tn_key_room_messages(b, S("a b"));
}

static void
sequence(struct tn_buf *b)
{
	tn_key_room_sequence(b, S("r\xc3\xa9"));
}

static void
present(struct tn_buf *b)
{
	tn_key_room_present(b, S("{r"));
}

static void
stream(struct tn_buf *b)
{
	tn_key_stream(b, S("socket.io#/a:b#"));
}

static void
stream_last(struct tn_buf *b)
{
	tn_key_stream_last(b, S("c}"));
}

static void
stream_sessions(struct tn_buf *b)
{
	tn_key_stream_sessions(b, S("c"));
	tn_buf_str(b, "S1");
}

static void
stream_nodes(struct tn_buf *b)
{
	tn_key_stream_nodes(b, S("c"));
	tn_buf_str(b, "N1");
}

static void
canary(struct tn_buf *b)
{
	tn_key_canary(b, S("N1"));
}

static void
node_address(struct tn_buf *b)
{
	tn_key_node_address(b, S("w}1"));
}

static const struct {
	const char *name;
	void (*make)(struct tn_buf *b);
	const char *key;
} cases[] = {
	{ "a session is connect-redis' key",	session,	"sess:S3" },
	{ "an empty prefix is allowed",		bare_session,	"a/b c" },
	{ "a mark in the slot of its session",	ended_session,
	    "tandem:{sess:S3}:ended" },
	{ "an account",				account,
	    "tandem:{kim}:account" },
	{ "a brace cannot end the tag",		account_of_a_joker,
	    "tandem:{a%7D%3Ab%25{}:account" },
	{ "sessions of a user",	user_sessions,	"tandem:{U1}:sessions" },
	{ "an address in a throttle",		throttle,
	    "tandem:{2001%3Adb8%3A%3A1}:throttle:login-user" },
	{ "words behind the tag stay apart",	seen,
	    "tandem:{den}:seen:u%3A1:c%3A2" },
	{ "messages",		messages,	"tandem:{a b}:messages" },
	{ "sequence",		sequence,	"tandem:{r\xc3\xa9}:sequence" },
	{ "present",		present,	"tandem:{{r}:present" },
	{ "rooms",		tn_key_rooms,	"tandem:rooms" },
	{ "nodes",		tn_key_nodes,	"tandem:nodes" },
	{ "a stream, of a channel of any letters", stream,
	    "tandem:{socket.io#/a%3Ab#}:stream" },
	{ "its last id",	stream_last,	"tandem:{c%7D}:last" },
	{ "a session in its slot", stream_sessions, "tandem:{c}:session:S1" },
	{ "a node in its slot",	stream_nodes,	"tandem:{c}:node:N1" },
	{ "a canary",		canary,		"tandem:{N1}:canary" },
	{ "where a worker is",	node_address,	"tandem:{w%7D1}:address" },
};

START_TEST(keys)
{
	struct tn_buf b;

	tn_buf_init(&b, 256);
	cases[_i].make(&b);
	ck_assert_msg(tn_slice_is(tn_buf_view(&b), cases[_i].key), "%s: %.*s",
	    cases[_i].name, (int)b.len, b.ptr);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(key_that_finds_no_room_says_so)
{
	struct tn_buf b;

	for (size_t max = 0; max < strlen(cases[_i].key); max++) {
		tn_buf_init(&b, max);
		cases[_i].make(&b);
		ck_assert_msg(b.failed == TN_E_LIMIT, "%s in %zu: %d",
		    cases[_i].name, max, b.failed);
		tn_buf_fini(&b);
	}
}
END_TEST

static Suite *
keys_suite(void)
{
	Suite *s = suite_create("keys");
	TCase *tc = tcase_create("keys");

	tcase_add_loop_test(tc, keys, 0, sizeof(cases) / sizeof(*cases));
	tcase_add_loop_test(tc, key_that_finds_no_room_says_so, 0,
	    sizeof(cases) / sizeof(*cases));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(keys_suite)
