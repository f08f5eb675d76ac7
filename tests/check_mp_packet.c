/* Packets in MessagePack: those of socket.io-msgpack-parser 3.0.2, and bad ones. */
#include "config.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/rcbuf.h"
#include "check_alloc.h"
#include "check_main.h"
#include "io/mp_packet.h"

enum { ARENA_BYTES = 64 * 1024 };

/* hex is what the parser's Encoder wrote for the packet that name tells. */
static const struct {
	const char *name, *hex;
	enum tn_sio_type type;
	const char *nsp;
	long long id;		/* -1: none */
	const char *data;	/* NULL: none */
	size_t nbuffers;
	bool is_same;		/* ours are the same bytes */
} good[] = {
	{ "CONNECT, data undefined",
	    "83a47479706500a464617461d40000a36e7370a12f",
	    TN_SIO_CONNECT, "/", -1, NULL, 0, false },
	{ "CONNECT with auth", "83a47479706500a46461746182a5746f6b656ea178a16e"
	    "9201ffa36e7370a72f637573746f6d",
	    TN_SIO_CONNECT, "/custom", -1, "{\"token\":\"x\",\"n\":[1,-1]}", 0,
	    true },
	{ "DISCONNECT", "82a47479706501a36e7370a62f61646d696e",
	    TN_SIO_DISCONNECT, "/admin", -1, NULL, 0, true },
	{ "EVENT with options", "84a47479706502a46461746194a3666f6f01a13282a1"
	    "61c0a16293c3c2cb3ff8000000000000a36e7370a12fa76f7074696f6e7381a8"
	    "636f6d7072657373c3", TN_SIO_EVENT, "/", -1,
	    "[\"foo\",1,\"2\",{\"a\":null,\"b\":[true,false,1.5]}]", 0, false },
	{ "EVENT with ack", "84a47479706502a46461746194a171ce00011170d1ff38cf"
	    "0000010000000000a269640ca36e7370a62f61646d696e",
	    TN_SIO_EVENT, "/admin", 12, "[\"q\",70000,-200,1099511627776]", 0,
	    true },
	{ "EVENT with bytes", "83a47479706502a46461746193a362696ec402010281a1"
	    "62c400a36e7370a12f", TN_SIO_BINARY_EVENT, "/", -1,
	    "[\"bin\",{\"_placeholder\":true,\"num\":0},"
	    "{\"b\":{\"_placeholder\":true,\"num\":1}}]", 2, true },
	{ "ACK with bytes", "84a47479706503a46461746192a26f6bc40178a26964cd01"
	    "2ca36e7370a12f", TN_SIO_BINARY_ACK, "/", 300,
	    "[\"ok\",{\"_placeholder\":true,\"num\":0}]", 1, true },
	{ "ACK", "84a47479706503a46461746190a2696400a36e7370a12f",
	    TN_SIO_ACK, "/", 0, "[]", 0, true },
};

static const struct {
	const char *name, *hex;
	int code;
} bad[] = {
	{ "nothing", "", TN_E_SYNTAX },
	{ "no map", "01", TN_E_SYNTAX },
	{ "no type", "82a464617461a36e7370a36e7370a12f", TN_E_SYNTAX },
	{ "type 5", "82a47479706505a36e7370a12f", TN_E_SYNTAX },
	{ "type -1", "82a474797065ffa36e7370a12f", TN_E_SYNTAX },
	{ "type is text", "82a474797065a132a36e7370a12f", TN_E_SYNTAX },
	{ "no namespace", "81a47479706501", TN_E_SYNTAX },
	{ "namespace is a number", "82a47479706501a36e737007", TN_E_SYNTAX },
	{ "namespace with a control", "82a47479706501a36e7370a22f07",
	    TN_E_SYNTAX },
	{ "id is negative", "83a47479706501a36e7370a12fa26964ff",
	    TN_E_SYNTAX },
	{ "id is a fraction", "83a47479706501a36e7370a12fa26964cb"
	    "3ff8000000000000", TN_E_SYNTAX },
	{ "auth is an array", "83a47479706500a36e7370a12fa46461746190",
	    TN_E_SYNTAX },
	{ "auth has bytes", "83a47479706500a36e7370a12fa46461746181a161c40178",
	    TN_E_SYNTAX },
	{ "disconnect with data", "83a47479706501a36e7370a12fa46461746190",
	    TN_E_SYNTAX },
	{ "event is an object", "83a47479706502a36e7370a12fa46461746180",
	    TN_E_SYNTAX },
	{ "event without a name", "83a47479706502a36e7370a12fa46461746190",
	    TN_E_SYNTAX },
	{ "reserved name", "83a47479706502a36e7370a12fa46461746191aa"
	    "646973636f6e6e656374", TN_E_SYNTAX },
	{ "data twice", "84a47479706502a36e7370a12fa46461746191a161a464617461"
	    "91a161", TN_E_SYNTAX },
	{ "a key twice", "83a47479706502a36e7370a12fa46461746192a16182a16b01"
	    "a16b02", TN_E_SYNTAX },
	{ "a placeholder of its own", "83a47479706502a36e7370a12fa46461746193"
	    "a161c4017882ac5f706c616365686f6c646572c3a36e756d05",
	    TN_E_SYNTAX },
	{ "text that is no UTF-8", "83a47479706502a36e7370a12fa46461746192"
	    "a161a1ff", TN_E_SYNTAX },
	{ "three buffers", "83a47479706502a36e7370a12fa46461746194a161"
	    "c40178c40178c40178", TN_E_LIMIT },
	{ "something behind", "82a47479706501a36e7370a12f00", TN_E_SYNTAX },
	{ "an array that claims more", "83a47479706502a36e7370a12fa464617461"
	    "ddffffffff", TN_E_SYNTAX },
};

static struct tn_arena arena;
static struct tn_buf json;
static char bytes[1024];

static void
setup(void)
{
	tn_random_start(NULL);
	tn_arena_init(&arena, ARENA_BYTES);
	tn_buf_init(&json, 1 << 20);
}

static void
teardown(void)
{
	tn_arena_fini(&arena);
	tn_buf_fini(&json);
}

static struct tn_slice
unhex(const char *hex)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		sscanf(hex + 2 * i, "%2x", &byte);
		bytes[i] = (char)byte;
	}
	return tn_slice(bytes, n);
}

static int
decode(struct tn_slice in, struct tn_sio_packet *p,
    const struct tn_slice **buffers, struct tn_err *err)
{
	return tn_mp_decode(in, 2, &arena, &json, p, buffers, err);
}

START_TEST(good_packets_are_read)
{
	const struct tn_slice *buffers;
	struct tn_sio_packet p;
	struct tn_err err = { 0 };

	ck_assert_msg(decode(unhex(good[_i].hex), &p, &buffers, &err) == 0,
	    "%s: %s", good[_i].name, err.text);
	ck_assert_int_eq(p.type, good[_i].type);
	ck_assert(tn_slice_is(p.nsp, good[_i].nsp));
	ck_assert_int_eq(p.has_id ? (long long)p.id : -1, good[_i].id);
	ck_assert_uint_eq(p.attachments, good[_i].nbuffers);
	if (good[_i].data == NULL)
		ck_assert_ptr_null(p.data.ptr);
	else
		ck_assert_msg(tn_slice_is(p.data, good[_i].data), "%s: %.*s",
		    good[_i].name, TN_SLICE_ARG(p.data));
}
END_TEST

START_TEST(packets_are_written_as_the_reference_does)
{
	const struct tn_slice *buffers = NULL;
	struct tn_sio_packet p, again;
	struct tn_slice in = unhex(good[_i].hex);
	struct tn_rcbuf *rc;
	struct tn_buf out;

	tn_buf_init(&out, 1 << 20);
	ck_assert_int_eq(decode(in, &p, &buffers, NULL), 0);
	rc = tn_mp_encode(&p, buffers, &out);
	ck_assert_ptr_nonnull(rc);
	ck_assert(rc->binary);
	if (good[_i].is_same && p.type != TN_SIO_CONNECT)
		ck_assert_uint_eq(rc->len, in.len);
	tn_buf_fini(&json);
	tn_buf_init(&json, 1 << 20);
	ck_assert_int_eq(decode(tn_rcbuf_payload(rc), &again, &buffers, NULL),
	    0);
	ck_assert_int_eq(again.type, good[_i].type);
	ck_assert_uint_eq(again.attachments, good[_i].nbuffers);
	tn_rcbuf_unref(&rc);
	tn_buf_fini(&out);
}
END_TEST

START_TEST(packets_cut_at_every_byte_are_refused)
{
	struct tn_slice all = unhex(good[_i].hex);

	for (size_t n = 0; n < all.len; n++) {
		const struct tn_slice *buffers;
		struct tn_sio_packet p;
		char *copy = malloc(n + 1);	/* so that a step over is seen */

		memcpy(copy, all.ptr, n);
		ck_assert_int_eq(decode(tn_slice(copy, n), &p, &buffers,
		    NULL), TN_E_SYNTAX);
		free(copy);
	}
}
END_TEST

START_TEST(bad_packets_are_refused)
{
	const struct tn_slice *buffers;
	struct tn_sio_packet p;
	struct tn_err err = { 0 };

	ck_assert_msg(decode(unhex(bad[_i].hex), &p, &buffers, &err) ==
	    bad[_i].code, "%s: %d %s", bad[_i].name, err.code, err.text);
	ck_assert(err.text[0] != '\0');
}
END_TEST

START_TEST(running_out_of_memory_is_told)
{
	struct tn_slice in = unhex(good[_i].hex);
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		const struct tn_slice *buffers = NULL;
		struct tn_sio_packet p;
		struct tn_rcbuf *rc = NULL;
		struct tn_buf out;
		int r;

		teardown();
		setup();
		tn_buf_init(&out, 1 << 20);
		tn_alloc_fail_at(n);
		r = decode(in, &p, &buffers, NULL);
		if (r == 0)
			rc = tn_mp_encode(&p, buffers, &out);
		failed = tn_alloc_end();
		ck_assert(failed || rc != NULL);
		ck_assert(!failed || r == TN_E_NOMEM || rc == NULL);
		tn_rcbuf_unref(&rc);
		tn_buf_fini(&out);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("mp_packet");
	TCase *t = tcase_create("mp_packet");
	const int n = sizeof(good) / sizeof(good[0]);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, good_packets_are_read, 0, n);
	tcase_add_loop_test(t, packets_are_written_as_the_reference_does, 0, n);
	tcase_add_loop_test(t, packets_cut_at_every_byte_are_refused, 0, n);
	tcase_add_loop_test(t, bad_packets_are_refused, 0,
	    sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(t, running_out_of_memory_is_told, 0, n);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
