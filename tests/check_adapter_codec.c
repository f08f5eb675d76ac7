/* Vectors: captures of @socket.io/redis-adapter 8.3.0 and notepack 3. */
#include "config.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/msgpack_read.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "cluster/adapter_codec.h"

#define S(s) TN_SLICE(s)
#define X31 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define Y32 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
#define HEX_X31 "7878787878787878787878787878787878787878787878787878787878" \
	"7878"
#define HEX_Y32 "7979797979797979797979797979797979797979797979797979797979" \
	"797979"

enum { ARENA_BYTES = 1 << 22 };

static size_t
unhex(const char *hex, char *out)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (char)byte;
	return n;
}

static void
assert_hex(struct tn_slice got, const char *hex, const char *name)
{
	char text[4096] = "";

	for (size_t i = 0; i < got.len && i < 2000; i++)
		snprintf(text + 2 * i, 3, "%02x", (unsigned char)got.ptr[i]);
	ck_assert_msg(strcmp(text, hex) == 0, "%s:\n%s\n%s", name, text, hex);
}

/* ---- whole broadcasts -----------------------------------------------------*/

static const struct {
	const char *name, *data;
	struct tn_slice buffers[3];
	size_t nbuffers;
	const char *room, *except;
	bool is_volatile;
	const char *hex;
} broadcasts[] = {
	{ "to everybody", "[\"hello\",\"world\",1]", { { NULL, 0 } }, 0, NULL,
	    NULL, false, "93a6492d4e585f7583a47479706502a46461746193a568656c6c"
	    "6fa5776f726c6401a36e7370a12f83a5726f6f6d7390a665786365707490a566"
	    "6c61677380" },
	{ "to a room", "[\"x\"]", { { NULL, 0 } }, 0, "r1", NULL, false,
	    "93a6492d4e585f7583a47479706502a46461746191a178a36e7370a12f83a572"
	    "6f6f6d7391a27231a665786365707490a5666c61677380" },
	{ "volatile, without somebody", "[\"x\"]", { { NULL, 0 } }, 0, NULL,
	    "s", true, "93a6492d4e585f7583a47479706502a46461746191a178a36e7370"
	    "a12f83a5726f6f6d7390a665786365707491a173a5666c61677381a8766f6c61"
	    "74696c65c3" },
	{ "with buffers", "[\"bin\",{\"_placeholder\":true,\"num\":0},"
	    "{\"_placeholder\":true,\"num\":1},"
	    "{\"d\":{\"_placeholder\":true,\"num\":2}}]",
	    { { "\1\2\3\4", 4 }, { "\5\6", 2 }, { "", 0 } }, 3, NULL, NULL,
	    false, "93a6492d4e585f7583a47479706502a46461746194a362696ec4040102"
	    "0304c402050681a164c400a36e7370a12f83a5726f6f6d7390a6657863657074"
	    "90a5666c61677380" },
};

START_TEST(broadcasts_have_the_bytes_of_the_reference)
{
	struct tn_slice room = tn_slice_str(broadcasts[_i].room);
	struct tn_slice except = tn_slice_str(broadcasts[_i].except);
	struct tn_broadcast_packet p = {
		.data = tn_slice_str(broadcasts[_i].data),
		.buffers = broadcasts[_i].buffers,
		.nbuffers = broadcasts[_i].nbuffers,
		.rooms = &room, .nrooms = room.ptr != NULL,
		.except = &except, .nexcept = except.ptr != NULL,
		.is_volatile = broadcasts[_i].is_volatile,
	};
	struct tn_adapter_message m;
	struct tn_arena arena;
	struct tn_buf out;

	tn_buf_init(&out, 4096);
	tn_adapter_write_broadcast(&out, S("I-NX_u"), S("/"), &p);
	ck_assert_int_eq(out.failed, 0);
	assert_hex(tn_buf_view(&out), broadcasts[_i].hex, broadcasts[_i].name);

	tn_arena_init(&arena, ARENA_BYTES);
	ck_assert_int_eq(tn_adapter_read(tn_buf_view(&out), &arena, &m, NULL),
	    0);
	ck_assert(tn_slice_is(m.uid, "I-NX_u") && tn_slice_is(m.nsp, "/"));
	ck_assert_msg(tn_slice_eq(m.packet.data, p.data), "%.*s",
	    TN_SLICE_ARG(m.packet.data));
	ck_assert_uint_eq(m.packet.nbuffers, p.nbuffers);
	for (size_t i = 0; i < p.nbuffers; i++)
		ck_assert(tn_slice_eq(m.packet.buffers[i], p.buffers[i]));
	ck_assert_uint_eq(m.packet.nrooms, p.nrooms);
	ck_assert(p.nrooms == 0 || tn_slice_eq(m.packet.rooms[0], room));
	ck_assert_uint_eq(m.packet.nexcept, p.nexcept);
	ck_assert(p.nexcept == 0 || tn_slice_eq(m.packet.except[0], except));
	ck_assert_int_eq(m.packet.is_volatile, p.is_volatile);
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
	tn_buf_fini(&out);
}
END_TEST

/* ---- values ---------------------------------------------------------------*/

static const struct {
	const char *name, *json, *hex;
} written[] = {
	{ "all numbers and strings", "[\"t\",null,null,true,false,0,127,128,"
	    "255,256,65535,65536,4294967295,4294967296,-1,-32,-33,-128,-129,"
	    "-32768,-32769,-2147483648,-2147483649,1.5,\"\xc3\xa9\xe2\x82\xac"
	    "\xf0\x9f\x98\x80\",\"" X31 "\",\"" Y32 "\",[1,[2]],"
	    "{\"b\":{},\"c\":1}]",
	    "dc001da174c0c0c3c2007fcc80ccffcd0100cdffffce00010000ceffffffffcf"
	    "0000000100000000ffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ff"
	    "ffffff7fffffffcb3ff8000000000000a9c3a9e282acf09f9880bf" HEX_X31
	    "d920" HEX_Y32 "9201910282a16280a16301" },
	{ "the largest whole numbers", "[9007199254740993,9223372036854775807,"
	    "18446744073709551615,-9223372036854775808]",
	    "94cf0020000000000001cf7fffffffffffffffcfffffffffffffffffd3800000"
	    "0000000000" },
	{ "past 64 bits it is a float", "[1e300,18446744073709551616]",
	    "92cb7e37e43c8800759ccb43f0000000000000" },
	{ "whole numbers however they are written", "[1.0,1e2,-0,-0.0,2.50]",
	    "95016400"
	    "00cb4004000000000000" },
	{ "escapes", "[\"\\u00e9\\ud83d\\ude00\\n\\\"\\u0000\",\"\\ud800x\"]",
	    "92a9c3a9f09f98800a2200a4efbfbd78" },
	{ "white space", " { \"a\" : [ 1 ,\n2 ] , \"b\" : [ ] } ",
	    "82a16192" "0102a16290" },
	{ "scalar", "7", "07" },
	{ "placeholders without buffers are objects",
	    "[{\"_placeholder\":true,\"num\":0}]",
	    "9182ac5f706c616365686f6c646572c3a36e756d00" },
};

START_TEST(values_are_written_as_notepack_does)
{
	struct tn_buf out;

	tn_buf_init(&out, 4096);
	tn_msgpack_write(&out, tn_slice_str(written[_i].json), NULL, 0);
	ck_assert_int_eq(out.failed, 0);
	assert_hex(tn_buf_view(&out), written[_i].hex, written[_i].name);
	tn_buf_fini(&out);
}
END_TEST

START_TEST(a_placeholder_is_replaced_whole)
{
	const struct tn_slice buffers[] = { S("A"), S("B") };
	struct tn_buf out;

	tn_buf_init(&out, 4096);
	tn_msgpack_write(&out, S("[{\"x\":[1],\"_placeholder\":true,\"num\":1,"
	    "\"y\":{\"z\":[]}},[2],{\"_placeholder\":false,\"num\":0},"
	    "{\"_placeholder\":true,\"num\":9}]"), buffers, 2);
	assert_hex(tn_buf_view(&out), "94c401429102"
	    "82ac5f706c616365686f6c646572c2a36e756d00"
	    "82ac5f706c616365686f6c646572c3a36e756d09", "placeholders");
	tn_buf_fini(&out);
}
END_TEST

/* Data of a broadcast, and what it becomes; NULL: refused. */
static const struct {
	const char *name, *hex, *json;
	size_t nbuffers;
} read_values[] = {
	{ "numbers of the reference", "dc0021a174c0c0c3c2007fcc80ccffcd0100cdff"
	    "ffce00010000ceffffffffcf0000000100000000ffe0d0dfd080d1ff7fd18000"
	    "d2ffff7fffd280000000d3ffffffff7fffffffcb3ff8000000000000cf000000"
	    "0000000000cb7ff8000000000000cb7ff0000000000000a9c3a9e282acf09f98"
	    "809201910282a16280a16301d6ff6553f100d7ff1d5353006553f100c70cff3b"
	    "8b87c0ffffffffffffffff", "[\"t\",null,null,true,false,0,127,128,"
	    "255,256,65535,65536,4294967295,4294967296,-1,-32,-33,-128,-129,"
	    "-32768,-32769,-2147483648,-2147483649,1.5,0,null,null,"
	    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",[1,[2]],"
	    "{\"b\":{},\"c\":1},\"2023-11-14T22:13:20.000Z\","
	    "\"2023-11-14T22:13:20.123Z\",\"1969-12-31T23:59:59.999Z\"]", 0 },
	{ "a date before 1970", "92a174c70cff3b8b87c0ffffffffffffffff",
	    "[\"t\",\"1969-12-31T23:59:59.999Z\"]", 0 },
	{ "old dates and undefined", "93a174d40000d7000000018bcfe56800",
	    "[\"t\",null,\"2023-11-14T22:13:20.000Z\"]", 0 },
	{ "old ArrayBuffer", "92a174c702000102",
	    "[\"t\",{\"_placeholder\":true,\"num\":0}]", 1 },
	{ "buffers", "93a174c4020102c50001ff",
	    "[\"t\",{\"_placeholder\":true,\"num\":0},"
	    "{\"_placeholder\":true,\"num\":1}]", 2 },
	{ "floats as JavaScript prints them", "98cb3fb999999999999acb444b1ae4d6"
	    "e2ef50cb4415af1d78b58c40cb3e7ad7f29abcaf48ca3e800000cbc0091eb851"
	    "eb851fcb3eb0c6f7a0b5ed8dcb0000000000000001",
	    "[0.1,1e+21,100000000000000000000,1e-7,0.25,-3.14,0.000001,5e-324]",
	    0 },
	{ "a key that is a number", "92a1748105a161", "[\"t\",{\"5\":\"a\"}]", 0 },
	{ "lengths in 16 and 32 bits", "dd00000005a174da000161db0000000162dc00"
	    "0101df00000001a16101", "[\"t\",\"a\",\"b\",[1],{\"a\":1}]", 0 },
	{ "control characters", "92a174a2010a", "[\"t\",\"\\u0001\\n\"]", 0 },
	{ "duplicate keys", "92a17482a16101a16102", NULL, 0 },
	{ "text that is not UTF-8", "92a174a1ff", NULL, 0 },
	{ "a key that is a map", "92a174818001", NULL, 0 },
	{ "an unknown extension", "92a174d40501", NULL, 0 },
	{ "the byte that is never used", "92a174c1", NULL, 0 },
	{ "an array longer than the message", "ddffffffffa174", NULL, 0 },
	{ "a map longer than the message", "dfffffffff", NULL, 0 },
	{ "text longer than the message", "92a174dbffffffff61", NULL, 0 },
	{ "data that is no array", "a174", NULL, 0 },
};

static size_t
wrap(const char *hex, char *out)
{
	char text[4096];

	snprintf(text, sizeof(text), "93a161" "82a464617461%sa36e7370a22f61"
	    "81a5726f6f6d7390", hex);
	return unhex(text, out);
}

START_TEST(values_are_read_to_json)
{
	struct tn_adapter_message m;
	struct tn_arena arena;
	char in[2048];
	size_t len = wrap(read_values[_i].hex, in);
	int r;

	tn_arena_init(&arena, ARENA_BYTES);
	r = tn_adapter_read(tn_slice(in, len), &arena, &m, NULL);
	if (read_values[_i].json == NULL) {
		ck_assert_msg(r < 0, "%s", read_values[_i].name);
	} else {
		ck_assert_msg(r == 0, "%s: %d", read_values[_i].name, r);
		ck_assert_msg(tn_slice_is(m.packet.data, read_values[_i].json),
		    "%s: %.*s", read_values[_i].name,
		    TN_SLICE_ARG(m.packet.data));
		ck_assert_uint_eq(m.packet.nbuffers, read_values[_i].nbuffers);
		ck_assert(tn_slice_is(m.nsp, "/a"));
		ck_assert_int_eq(tn_json_scan(m.packet.data, NULL, NULL), 0);
	}
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
}
END_TEST

/* ---- whole messages, tolerated or refused ---------------------------------*/

static const struct {
	const char *name, *hex;
	bool ok;
} messages[] = {
	{ "emitter: other order of keys", "93a7656d697474657283a47479706502a464"
	    "61746192a16501a36e7370a12f83a5726f6f6d7390a5666c61677380a6657863"
	    "65707490", true },
	{ "no except, no flags", "93a16182a47479706502a46461746191a17881a5726f"
	    "6f6d7390", true },
	{ "no options at all in them", "93a16181a46461746191a17880", true },
	{ "type 5", "93a16182a47479706505a46461746191a17880", true },
	{ "except that is nil", "93a16181a46461746191a17881a6657863657074c0",
	    true },
	{ "flags that nobody knows", "93a16181a46461746191a17881a5666c61677382"
	    "a3616161c3a3626262920102", true },
	{ "a room that is a number", "93a16181a46461746191a17881a5726f6f6d73"
	    "912a", true },
	{ "keys that nobody knows", "93a16182a3787878ccffa46461746191a17880",
	    true },
	{ "without options", "92a16181a46461746191a178", false },
	{ "four parts", "94a16181a46461746191a17880c0", false },
	{ "trailing bytes", "93a16181a46461746191a17880c0", false },
	{ "type 3", "93a16182a47479706503a46461746191a17880", false },
	{ "without data", "93a16180" "80", false },
	{ "uid that is a number", "930181a46461746191a17880", false },
	{ "rooms that are a map", "93a16181a46461746191a17881a5726f6f6d7380",
	    false },
	{ "a room that is an array", "93a16181a46461746191a17881a5726f6f6d73"
	    "9190", false },
	{ "options that are an array", "93a16181a46461746191a17890", false },
	{ "a map of another type", "84a3756964a161a47479706508a67061636b657481"
	    "a46461746191a178a46f70747380", false },
	{ "nothing", "", false },
};

START_TEST(messages_are_tolerated_or_refused)
{
	struct tn_adapter_message m;
	struct tn_arena arena;
	char in[2048];
	size_t len = unhex(messages[_i].hex, in);
	int r;

	tn_arena_init(&arena, ARENA_BYTES);
	r = tn_adapter_read(tn_slice(in, len), &arena, &m, NULL);
	ck_assert_msg(messages[_i].ok ? r == 0 : r == TN_E_SYNTAX, "%s: %d",
	    messages[_i].name, r);
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
}
END_TEST

#define ACK_REQUEST "85a3756964a6492d4e585f75a9726571756573744964a650615950" \
	"6245a47479706507a67061636b657483a47479706502a46461746192a461636b3fa1" \
	"70a36e7370a12fa46f70747383a5726f6f6d7390a665786365707490a5666c616773" \
	"81a774696d656f7574cd012c"

START_TEST(a_request_for_acks_is_read)
{
	struct tn_adapter_message m;
	struct tn_arena arena;
	char in[256];
	size_t len = unhex(ACK_REQUEST, in);

	ck_assert_uint_eq(len, 107);
	tn_arena_init(&arena, ARENA_BYTES);
	ck_assert_int_eq(tn_adapter_read(tn_slice(in, len), &arena, &m, NULL),
	    0);
	ck_assert_int_eq(m.request_type, 7);
	ck_assert(tn_slice_is(m.request_id, "PaYPbE"));
	ck_assert(tn_slice_is(m.packet.data, "[\"ack?\",\"p\"]"));
	ck_assert_int_eq(m.timeout_ms, 300);
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(an_answer_is_written)
{
	struct tn_buf out;

	tn_buf_init(&out, 4096);
	tn_adapter_write_ack(&out, S("PaYPbE"), S("\"pong\""), NULL, 0);
	assert_hex(tn_buf_view(&out), "83a47479706509a9726571756573744964a6506"
	    "159506245a67061636b6574a4706f6e67", "ack");
	tn_buf_reset(&out);
	tn_adapter_write_ack(&out, S("a"), S(""), NULL, 0);
	assert_hex(tn_buf_view(&out), "83a47479706509a9726571756573744964a161"
	    "a67061636b6574c0", "nothing");
	tn_buf_fini(&out);
}
END_TEST

/* From memory of just that size; no cut of a whole message is one itself. */
START_TEST(messages_cut_at_every_byte_are_refused)
{
	const char *hex = _i < 4 ? broadcasts[_i].hex : ACK_REQUEST;
	char in[512];
	size_t len = unhex(hex, in);

	for (size_t cut = 0; cut < len; cut++) {
		char *copy = malloc(cut > 0 ? cut : 1);
		struct tn_adapter_message m;
		struct tn_arena arena;

		memcpy(copy, in, cut);
		tn_arena_init(&arena, ARENA_BYTES);
		ck_assert_int_lt(tn_adapter_read(tn_slice(copy, cut), &arena,
		    &m, NULL), 0);
		tn_adapter_message_fini(&m);
		tn_arena_fini(&arena);
		free(copy);
	}
}
END_TEST

/* ["t",[[...]]] so deep, packed by hand; then the same as JSON. */
START_TEST(depth_ends_at_its_limit)
{
	for (size_t extra = 0; extra <= 1; extra++) {
		size_t n = TN_LIMIT_JSON_DEPTH - 1 + extra;
		struct tn_adapter_message m;
		struct tn_arena arena;
		struct tn_buf in, json, out;

		tn_buf_init(&in, 4096);
		tn_buf_init(&json, 4096);
		tn_buf_init(&out, 4096);
		tn_buf_str(&in, "\x93\xa1" "a" "\x81\xa4" "data\x92\xa1t");
		tn_buf_str(&json, "[\"t\",");
		for (size_t i = 1; i < n; i++) {
			tn_buf_char(&in, '\x91');
			tn_buf_char(&json, '[');
		}
		tn_buf_str(&in, "\x90\x80");
		tn_buf_str(&json, "[]");
		for (size_t i = 0; i < n; i++)
			tn_buf_char(&json, ']');
		tn_arena_init(&arena, ARENA_BYTES);
		ck_assert_int_eq(tn_adapter_read(tn_buf_view(&in), &arena, &m,
		    NULL) == 0, extra == 0);
		tn_msgpack_write(&out, tn_buf_view(&json), NULL, 0);
		ck_assert_int_eq(out.failed == 0, extra == 0);
		tn_adapter_message_fini(&m);
		tn_arena_fini(&arena);
		tn_buf_fini(&in);
		tn_buf_fini(&json);
		tn_buf_fini(&out);
	}
}
END_TEST

START_TEST(buffers_end_at_their_limit)
{
	for (size_t extra = 0; extra <= 1; extra++) {
		size_t n = TN_LIMIT_CLUSTER_BUFFERS + extra;
		struct tn_adapter_message m;
		struct tn_arena arena;
		struct tn_buf in;

		tn_buf_init(&in, 1 << 20);
		tn_buf_str(&in, "\x93\xa1" "a" "\x81\xa4" "data\xdc");
		tn_buf_char(&in, (char)(n >> 8));
		tn_buf_char(&in, (char)n);
		for (size_t i = 0; i < n; i++)
			tn_buf_bytes(&in, "\xc4\x00", 2);
		tn_buf_char(&in, '\x80');
		tn_arena_init(&arena, ARENA_BYTES);
		ck_assert_int_eq(tn_adapter_read(tn_buf_view(&in), &arena, &m,
		    NULL) == 0, extra == 0);
		tn_adapter_message_fini(&m);
		tn_arena_fini(&arena);
		tn_buf_fini(&in);
	}
}
END_TEST

START_TEST(running_out_of_memory_is_told)
{
	const struct tn_slice buffer = S("x"), room = S("r");
	const struct tn_broadcast_packet p = {
		.data = S("[\"\\u0061\",{\"_placeholder\":true,\"num\":0}]"),
		.buffers = &buffer, .nbuffers = 1, .rooms = &room, .nrooms = 1,
	};
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_adapter_message m = { .request_type = 0 };
		struct tn_arena arena;
		struct tn_buf out;
		int r = TN_E_NOMEM;

		tn_buf_init(&out, 4096);
		tn_arena_init(&arena, ARENA_BYTES);
		tn_alloc_fail_at(n);
		tn_adapter_write_broadcast(&out, S("abcdef"), S("/"), &p);
		if (out.failed == 0)
			r = tn_adapter_read(tn_buf_view(&out), &arena, &m,
			    NULL);
		failed = tn_alloc_end();
		ck_assert_msg(r == (failed ? TN_E_NOMEM : 0), "%u: %d", n, r);
		tn_adapter_message_fini(&m);
		tn_arena_fini(&arena);
		tn_buf_fini(&out);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("adapter_codec");
	TCase *t = tcase_create("adapter_codec");

	tn_random_start(NULL);
	tcase_add_loop_test(t, broadcasts_have_the_bytes_of_the_reference, 0,
	    sizeof(broadcasts) / sizeof(broadcasts[0]));
	tcase_add_loop_test(t, values_are_written_as_notepack_does, 0,
	    sizeof(written) / sizeof(written[0]));
	tcase_add_test(t, a_placeholder_is_replaced_whole);
	tcase_add_loop_test(t, values_are_read_to_json, 0,
	    sizeof(read_values) / sizeof(read_values[0]));
	tcase_add_loop_test(t, messages_are_tolerated_or_refused, 0,
	    sizeof(messages) / sizeof(messages[0]));
	tcase_add_test(t, a_request_for_acks_is_read);
	tcase_add_test(t, an_answer_is_written);
	tcase_add_loop_test(t, messages_cut_at_every_byte_are_refused, 0, 5);
	tcase_add_test(t, depth_ends_at_its_limit);
	tcase_add_test(t, buffers_end_at_their_limit);
	tcase_add_test(t, running_out_of_memory_is_told);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
