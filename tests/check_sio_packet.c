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
#include "io/sio_packet.h"

enum { ARENA_BYTES = 64 * 1024 };

/* Names and lengths as the reference's server takes or refuses them. */
static const struct {
	const char *name, *in;
	enum tn_sio_type type;
	size_t attachments;
	const char *nsp;
	long long id;		/* -1: none */
	const char *data;	/* NULL: none */
	const char *event;	/* NULL: none */
	const char *args;
} good[] = {
	{ "connect", "0", TN_SIO_CONNECT, 0, "/", -1, NULL, NULL, "" },
	{ "connect to / by name", "0/", TN_SIO_CONNECT, 0, "/", -1, NULL, NULL,
	    "" },
	{ "connect to / with comma", "0/,", TN_SIO_CONNECT, 0, "/", -1, NULL,
	    NULL, "" },
	{ "connect with auth", "0{\"token\":\"x\"}", TN_SIO_CONNECT, 0, "/", -1,
	    "{\"token\":\"x\"}", NULL, "" },
	{ "connect to a namespace", "0/custom,{\"a\":1}", TN_SIO_CONNECT, 0,
	    "/custom", -1, "{\"a\":1}", NULL, "" },
	{ "without comma all is the namespace", "0/custom{\"a\":1}",
	    TN_SIO_CONNECT, 0, "/custom{\"a\":1}", -1, NULL, NULL, "" },
	{ "a query is part of the name", "0/custom?x=1,", TN_SIO_CONNECT, 0,
	    "/custom?x=1", -1, NULL, NULL, "" },
	{ "connect with an id", "07", TN_SIO_CONNECT, 0, "/", 7, NULL, NULL,
	    "" },
	{ "event", "2[\"foo\",1]", TN_SIO_EVENT, 0, "/", -1, "[\"foo\",1]",
	    "foo", "1" },
	{ "event with ack", "212[\"foo\"]", TN_SIO_EVENT, 0, "/", 12,
	    "[\"foo\"]", "foo", "" },
	{ "event to a namespace", "2/admin,12[\"foo\"]", TN_SIO_EVENT, 0,
	    "/admin", 12, "[\"foo\"]", "foo", "" },
	{ "event with a number for a name", "2[5]", TN_SIO_EVENT, 0, "/", -1,
	    "[5]", "5", "" },
	{ "event without payload", "2", TN_SIO_EVENT, 0, "/", -1, NULL, NULL,
	    "" },
	{ "event named error", "2[\"error\"]", TN_SIO_EVENT, 0, "/", -1,
	    "[\"error\"]", "error", "" },
	{ "event named __proto__", "2[\"__proto__\"]", TN_SIO_EVENT, 0, "/", -1,
	    "[\"__proto__\"]", "__proto__", "" },
	{ "name with escapes", "2[\"f\\u006fo\",\"b\"]", TN_SIO_EVENT, 0, "/",
	    -1, "[\"f\\u006fo\",\"b\"]", "foo", "\"b\"" },
	{ "white space between", "2[ \"foo\" ,\n1 , 2\t] ", TN_SIO_EVENT, 0,
	    "/", -1, "[ \"foo\" ,\n1 , 2\t] ", "foo", "1 , 2" },
	{ "a placeholder in plain data is data",
	    "2[\"a\",{\"_placeholder\":true}]", TN_SIO_EVENT, 0, "/", -1,
	    "[\"a\",{\"_placeholder\":true}]", "a", "{\"_placeholder\":true}" },
	{ "ack", "312[\"bar\"]", TN_SIO_ACK, 0, "/", 12, "[\"bar\"]", NULL,
	    "\"bar\"" },
	{ "empty ack", "3/admin,13[]", TN_SIO_ACK, 0, "/admin", 13, "[]", NULL,
	    "" },
	{ "ack of white space", "31[ \n]", TN_SIO_ACK, 0, "/", 1, "[ \n]", NULL,
	    "" },
	{ "ack without payload", "31", TN_SIO_ACK, 0, "/", 1, NULL, NULL, "" },
	{ "refusal", "4{\"message\":\"not authorized\"}", TN_SIO_CONNECT_ERROR,
	    0, "/", -1, "{\"message\":\"not authorized\"}", NULL, "" },
	{ "refusal of old", "4/deny,\"nope\"", TN_SIO_CONNECT_ERROR, 0, "/deny",
	    -1, "\"nope\"", NULL, "" },
	{ "binary event", "52-/admin,7[\"baz\",{\"_placeholder\":true,\"num\":0}"
	    ",{\"_placeholder\":true,\"num\":1}]", TN_SIO_BINARY_EVENT, 2,
	    "/admin", 7, "[\"baz\",{\"_placeholder\":true,\"num\":0},"
	    "{\"_placeholder\":true,\"num\":1}]", "baz",
	    "{\"_placeholder\":true,\"num\":0},"
	    "{\"_placeholder\":true,\"num\":1}" },
	{ "binary ack", "61-15[\"bar\",{\"_placeholder\":true,\"num\":0}]",
	    TN_SIO_BINARY_ACK, 1, "/", 15,
	    "[\"bar\",{\"_placeholder\":true,\"num\":0}]", NULL,
	    "\"bar\",{\"_placeholder\":true,\"num\":0}" },
	{ "fewer placeholders than buffers", "52-[\"a\"]", TN_SIO_BINARY_EVENT,
	    2, "/", -1, "[\"a\"]", "a", "" },
	{ "the same buffer twice", "51-[\"a\",{\"_placeholder\":true,\"num\":0}"
	    ",{\"num\":0,\"_placeholder\":true}]", TN_SIO_BINARY_EVENT, 1, "/",
	    -1, "[\"a\",{\"_placeholder\":true,\"num\":0},"
	    "{\"num\":0,\"_placeholder\":true}]", "a",
	    "{\"_placeholder\":true,\"num\":0},"
	    "{\"num\":0,\"_placeholder\":true}" },
	{ "_placeholder that is not true",
	    "51-[\"a\",{\"_placeholder\":1}]", TN_SIO_BINARY_EVENT, 1, "/", -1,
	    "[\"a\",{\"_placeholder\":1}]", "a", "{\"_placeholder\":1}" },
	{ "as many attachments as allowed", "510-[\"a\"]", TN_SIO_BINARY_EVENT,
	    10, "/", -1, "[\"a\"]", "a", "" },
	{ "disconnect", "1", TN_SIO_DISCONNECT, 0, "/", -1, NULL, NULL, "" },
	{ "leave a namespace", "1/admin,", TN_SIO_DISCONNECT, 0, "/admin", -1,
	    NULL, NULL, "" },
};

static const struct {
	const char *name, *in;
	int code;
} bad[] = {
	{ "nothing", "", TN_E_SYNTAX },
	{ "unknown type", "7", TN_E_SYNTAX },
	{ "type that is no digit", "x", TN_E_SYNTAX },
	{ "connect with an array", "0[]", TN_E_SYNTAX },
	{ "connect with a string", "0\"x\"", TN_E_SYNTAX },
	{ "connect with null", "0null", TN_E_SYNTAX },
	{ "disconnect with payload", "1{}", TN_E_SYNTAX },
	{ "event with an object", "2{}", TN_E_SYNTAX },
	{ "event of an empty array", "2[]", TN_E_SYNTAX },
	{ "event named null", "2[null]", TN_E_SYNTAX },
	{ "event named true", "2[true]", TN_E_SYNTAX },
	{ "event named by an object", "2[{}]", TN_E_SYNTAX },
	{ "reserved connect", "2[\"connect\"]", TN_E_SYNTAX },
	{ "reserved connect_error", "2[\"connect_error\"]", TN_E_SYNTAX },
	{ "reserved disconnect", "2[\"disconnect\"]", TN_E_SYNTAX },
	{ "reserved disconnecting", "2[\"disconnecting\"]", TN_E_SYNTAX },
	{ "reserved newListener", "2[\"newListener\"]", TN_E_SYNTAX },
	{ "reserved removeListener", "2[\"removeListener\"]", TN_E_SYNTAX },
	{ "reserved behind escapes", "2[\"\\u0063onnect\"]", TN_E_SYNTAX },
	{ "name with NUL", "2[\"a\\u0000\"]", TN_E_SYNTAX },
	{ "ack with an object", "31{}", TN_E_SYNTAX },
	{ "refusal without payload", "4", TN_E_SYNTAX },
	{ "refusal with an array", "4[]", TN_E_SYNTAX },
	{ "no attachments", "50-[\"a\"]", TN_E_SYNTAX },
	{ "attachments that are no number", "5a-[\"a\"]", TN_E_SYNTAX },
	{ "attachments that are no integer", "51.5-[\"a\"]", TN_E_SYNTAX },
	{ "negative attachments", "5-1-[\"a\"]", TN_E_SYNTAX },
	{ "missing dash", "51[\"a\"]", TN_E_SYNTAX },
	{ "only a count", "51", TN_E_SYNTAX },
	{ "one attachment too many", "511-[\"a\"]", TN_E_LIMIT },
	{ "more attachments than 64 bits", "599999999999999999999-[\"a\"]",
	    TN_E_SYNTAX },
	{ "id past 64 bits", "299999999999999999999[\"a\"]", TN_E_SYNTAX },
	{ "placeholder without num", "51-[\"a\",{\"_placeholder\":true}]",
	    TN_E_SYNTAX },
	{ "placeholder out of range",
	    "51-[\"a\",{\"_placeholder\":true,\"num\":1}]", TN_E_SYNTAX },
	{ "placeholder below zero",
	    "51-[\"a\",{\"_placeholder\":true,\"num\":-1}]", TN_E_SYNTAX },
	{ "placeholder with a fraction",
	    "51-[\"a\",{\"_placeholder\":true,\"num\":0.5}]", TN_E_SYNTAX },
	{ "placeholder with a string",
	    "51-[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]", TN_E_SYNTAX },
	{ "placeholder behind escapes",
	    "51-[\"a\",{\"\\u005fplaceholder\":true,\"num\":9}]", TN_E_SYNTAX },
	{ "placeholder behind white space", "51-[\"a\",{\"_placeholder\"     "
	    "                                                              :"
	    "                                                           true}]",
	    TN_E_SYNTAX },
	{ "placeholder deep down",
	    "51-[\"a\",[{\"b\":{\"_placeholder\":true,\"num\":2}}]]",
	    TN_E_SYNTAX },
	{ "JSON cut short", "2[\"foo\"", TN_E_SYNTAX },
	{ "JSON with more behind it", "2[\"foo\"]x", TN_E_SYNTAX },
	{ "space in front of JSON", "2 [\"foo\"]", TN_E_SYNTAX },
	{ "duplicate keys", "2[\"a\",{\"b\":1,\"b\":2}]", TN_E_SYNTAX },
	{ "namespace with a control character", "0/a\x1e,", TN_E_SYNTAX },
	{ "namespace that is not UTF-8", "0/\xff,", TN_E_SYNTAX },
};

static int
decode(const char *in, size_t len, struct tn_arena *arena,
    struct tn_sio_packet *p)
{
	struct tn_err err = { 0 };
	int r = tn_sio_decode(tn_slice(in, len), TN_LIMIT_ATTACHMENTS, arena, p,
	    &err);

	ck_assert_int_eq(r, err.code);
	return r;
}

START_TEST(good_packets_are_read)
{
	const char *name = good[_i].name;
	struct tn_sio_packet p;
	struct tn_arena arena;

	tn_arena_init(&arena, ARENA_BYTES);
	ck_assert_msg(decode(good[_i].in, strlen(good[_i].in), &arena, &p) == 0,
	    "%s", name);
	ck_assert_msg(p.type == good[_i].type &&
	    p.attachments == good[_i].attachments &&
	    tn_slice_is(p.nsp, good[_i].nsp), "%s: %d %zu %.*s", name,
	    (int)p.type, p.attachments, TN_SLICE_ARG(p.nsp));
	ck_assert_msg((p.has_id ? (long long)p.id : -1) == good[_i].id, "%s",
	    name);
	ck_assert_msg((p.data.ptr == NULL) == (good[_i].data == NULL) &&
	    tn_slice_eq(p.data, tn_slice_str(good[_i].data)), "%s: %.*s", name,
	    TN_SLICE_ARG(p.data));
	ck_assert_msg((p.name.ptr == NULL) == (good[_i].event == NULL) &&
	    tn_slice_eq(p.name, tn_slice_str(good[_i].event)), "%s: %.*s",
	    name, TN_SLICE_ARG(p.name));
	ck_assert_msg(tn_slice_is(p.args, good[_i].args), "%s: '%.*s'", name,
	    TN_SLICE_ARG(p.args));
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(good_packets_are_written_as_they_were_read)
{
	struct tn_sio_packet p;
	struct tn_arena arena;
	struct tn_rcbuf *rc;

	if (good[_i].in[1] == '/' && (strlen(good[_i].nsp) == 1 ||
	    strchr(good[_i].in, ',') == NULL))
		return;		/* written shorter, or with its comma */
	tn_arena_init(&arena, ARENA_BYTES);
	ck_assert_int_eq(decode(good[_i].in, strlen(good[_i].in), &arena, &p),
	    0);
	rc = tn_sio_encode(&p);
	ck_assert_ptr_nonnull(rc);
	ck_assert_int_eq(rc->data[0], '4');
	ck_assert_msg(rc->len == 1 + strlen(good[_i].in) &&
	    memcmp(rc->data + 1, good[_i].in, rc->len - 1) == 0, "%s: %.*s",
	    good[_i].name, (int)rc->len, rc->data);
	tn_rcbuf_unref(&rc);
	tn_arena_fini(&arena);
}
END_TEST

/* From memory of just that size, so that a reader past the end is caught. */
START_TEST(packets_cut_at_every_byte_are_survived)
{
	size_t len = strlen(good[_i].in);

	for (size_t cut = 0; cut <= len; cut++) {
		char *copy = malloc(cut + 1);
		struct tn_sio_packet p;
		struct tn_arena arena;

		ck_assert_ptr_nonnull(copy);
		copy = realloc(copy, cut > 0 ? cut : 1);
		memcpy(copy, good[_i].in, cut);
		tn_arena_init(&arena, ARENA_BYTES);
		if (decode(copy, cut, &arena, &p) == 0 && cut < len &&
		    p.data.len > 0)
			ck_assert_msg(good[_i].in[len - 1] == ' ' ||
			    p.nsp.len > 1, "%s: early at %zu", good[_i].name,
			    cut);
		tn_arena_fini(&arena);
		free(copy);
	}
}
END_TEST

START_TEST(bad_packets_are_refused)
{
	struct tn_sio_packet p;
	struct tn_arena arena;
	int r;

	tn_arena_init(&arena, ARENA_BYTES);
	r = decode(bad[_i].in, strlen(bad[_i].in), &arena, &p);
	ck_assert_msg(r == bad[_i].code, "%s: %d", bad[_i].name, r);
	tn_arena_fini(&arena);
}
END_TEST

/* Text of so many letters between two others. */
static void
letters(struct tn_buf *b, const char *head, size_t n, const char *tail)
{
	tn_buf_init(b, 1 << 20);
	tn_buf_str(b, head);
	while (n-- > 0)
		tn_buf_char(b, 'n');
	tn_buf_str(b, tail);
}

static int
decode_letters(const char *head, size_t n, const char *tail)
{
	struct tn_sio_packet p;
	struct tn_arena arena;
	struct tn_buf b;
	int r;

	tn_arena_init(&arena, ARENA_BYTES);
	letters(&b, head, n, tail);
	r = decode(b.ptr, b.len, &arena, &p);
	tn_buf_fini(&b);
	tn_arena_fini(&arena);
	return r;
}

START_TEST(names_end_at_their_limits)
{
	ck_assert_int_eq(decode_letters("2[\"", TN_LIMIT_EVENT_NAME, "\"]"), 0);
	ck_assert_int_eq(decode_letters("2[\"", TN_LIMIT_EVENT_NAME + 1, "\"]"),
	    TN_E_LIMIT);
	ck_assert_int_eq(decode_letters("0/", TN_LIMIT_NSP_NAME - 1, ","), 0);
	ck_assert_int_eq(decode_letters("0/", TN_LIMIT_NSP_NAME, ","),
	    TN_E_LIMIT);
	ck_assert_int_eq(decode_letters("2[\"", 1 << 19, "\"]"), TN_E_LIMIT);
}
END_TEST

START_TEST(depth_ends_at_its_limit)
{
	for (int extra = 0; extra <= 1; extra++) {
		size_t n = TN_LIMIT_JSON_DEPTH - 1 + (size_t)extra;
		struct tn_sio_packet p;
		struct tn_arena arena;
		struct tn_buf b;

		tn_arena_init(&arena, ARENA_BYTES);
		tn_buf_init(&b, 4096);
		tn_buf_str(&b, "51-[\"a\",");
		for (size_t i = 0; i < n; i++)
			tn_buf_char(&b, '[');
		for (size_t i = 0; i < n; i++)
			tn_buf_char(&b, ']');
		tn_buf_char(&b, ']');
		ck_assert_int_eq(decode(b.ptr, b.len, &arena, &p),
		    extra == 0 ? 0 : TN_E_LIMIT);
		tn_buf_fini(&b);
		tn_arena_fini(&arena);
	}
}
END_TEST

START_TEST(events_for_clients_are_checked)
{
	static const struct {
		const char *data;
		size_t nbuffers;
		int code;
	} cases[] = {
		{ "[\"a\",1]", 0, 0 },
		{ "[7]", 0, 0 },
		{ "[\"a\",{\"_placeholder\":true,\"num\":5}]", 0, 0 },
		{ "[\"a\",{\"_placeholder\":true,\"num\":0}]", 1, 0 },
		{ "[\"a\",{\"_placeholder\":true,\"num\":1}]", 1, TN_E_SYNTAX },
		{ "[\"disconnect\"]", 0, TN_E_SYNTAX },
		{ "[]", 0, TN_E_SYNTAX },
		{ "[[]]", 0, TN_E_SYNTAX },
		{ "{}", 0, TN_E_SYNTAX },
		{ "[\"a\"]", TN_LIMIT_ATTACHMENTS, 0 },
		{ "[\"a\"]", TN_LIMIT_ATTACHMENTS + 1, TN_E_LIMIT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(tn_sio_check_event(tn_slice_str(cases[i].data),
		    cases[i].nbuffers, NULL) == cases[i].code, "%s",
		    cases[i].data);
}
END_TEST

START_TEST(running_out_of_memory_is_told)
{
	const char *in = "2[\"f\\u006fo\"]";
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_sio_packet p;
		struct tn_rcbuf *rc = NULL;
		struct tn_arena arena;
		int r;

		tn_arena_init(&arena, ARENA_BYTES);
		tn_alloc_fail_at(n);
		r = tn_sio_decode(tn_slice_str(in), 10, &arena, &p, NULL);
		if (r == 0)
			rc = tn_sio_encode(&p);
		failed = tn_alloc_end();
		ck_assert(failed || rc != NULL);
		ck_assert(!failed || r == TN_E_NOMEM || rc == NULL);
		tn_rcbuf_unref(&rc);
		tn_arena_fini(&arena);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sio_packet");
	TCase *t = tcase_create("sio_packet");
	const int ngood = sizeof(good) / sizeof(good[0]);

	tcase_add_loop_test(t, good_packets_are_read, 0, ngood);
	tcase_add_loop_test(t, good_packets_are_written_as_they_were_read, 0,
	    ngood);
	tcase_add_loop_test(t, packets_cut_at_every_byte_are_survived, 0,
	    ngood);
	tcase_add_loop_test(t, bad_packets_are_refused, 0,
	    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, names_end_at_their_limits);
	tcase_add_test(t, depth_ends_at_its_limit);
	tcase_add_test(t, events_for_clients_are_checked);
	tcase_add_test(t, running_out_of_memory_is_told);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
