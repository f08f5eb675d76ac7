/* What is compressed: its negotiation, messages and answers. */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "engine_rig.h"
#include "io/http_coding.h"
#include "io/ws_deflate.h"
#include "vectors.h"

#define S(literal) TN_SLICE(literal)

/* ---- Negotiation --------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The answer's parameters in order, a space between: as the vectors. */
static const char *
sorted(const struct tn_ws_deflate *terms)
{
	static char text[256], line[256];
	char *parts[8], *rest = text;
	size_t n = 0;
	struct tn_buf b;

	tn_buf_init(&b, sizeof(text) - 1);
	tn_ws_deflate_write(terms, &b);
	memcpy(text, b.ptr, b.len);
	text[b.len] = '\0';
	tn_buf_fini(&b);
	for (char *p = strsep(&rest, "; "); p != NULL; p = strsep(&rest, "; "))
		if (*p != '\0')
			parts[n++] = p;
	qsort(parts, n, sizeof(parts[0]), compare);
	line[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(line, i > 0 ? " " : "");
		strcat(line, parts[i]);
	}
	return line;
}

START_TEST(offers_are_answered_as_ws_does)
{
	struct tn_vectors vectors;
	struct tn_vector v;
	size_t n = 0;

	for (tn_vectors_open(&vectors, "ws_deflate.tsv");
	    tn_vectors_next(&vectors, &v); n++) {
		struct tn_ws_deflate terms;
		const int r = tn_ws_deflate_read(v.field[0], &terms);
		const char *said = r < 0 ? "refused" : r == 0 ? NULL :
		    sorted(&terms);

		ck_assert_msg(said == NULL ? v.field[1].ptr == NULL :
		    tn_slice_is(v.field[1], said), "line %u: %s", v.line,
		    said == NULL ? "nothing" : said);
	}
	ck_assert_uint_gt(n, 100);
	tn_vectors_close(&vectors);
}
END_TEST

/* What ws reads as JavaScript reads numbers, and we as they are written. */
static const char *const odd_numbers[] = { "010", "1e1", "0xa", "10.0",
	"+10", "08", "00", "15.", "1", "150" };

START_TEST(bits_are_plain_numbers)
{
	struct tn_ws_deflate terms;
	char header[80];

	snprintf(header, sizeof(header),
	    "permessage-deflate; server_max_window_bits=%s", odd_numbers[_i]);
	ck_assert_msg(tn_ws_deflate_read(tn_slice_str(header), &terms) ==
	    TN_E_SYNTAX, "%s", odd_numbers[_i]);
}
END_TEST

START_TEST(an_offer_cut_anywhere_is_read_or_refused)
{
	const struct tn_slice all = S("foo; a=\"b\", permessage-deflate; "
	    "client_max_window_bits; server_max_window_bits=\"1\\0\"");
	struct tn_ws_deflate terms;

	for (size_t n = 0; n <= all.len; n++) {
		const int r = tn_ws_deflate_read(tn_slice_first(all, n),
		    &terms);

		ck_assert(r == TN_E_SYNTAX || r == 0 || r == 1);
		ck_assert(r != 1 || (terms.offers == 1 &&
		    terms.server_bits >= 8 && terms.server_bits <= 15));
	}
	ck_assert_uint_eq(terms.server_bits, 10);
}
END_TEST

START_TEST(codings_are_chosen_as_engine_io_does)
{
	struct tn_vectors vectors;
	struct tn_vector v;
	size_t n = 0;

	for (tn_vectors_open(&vectors, "http_coding.tsv");
	    tn_vectors_next(&vectors, &v); n++) {
		const char *said = tn_http_coding_name(
		    tn_http_coding_choose(v.field[0]));

		ck_assert_msg(said == NULL ? v.field[1].ptr == NULL :
		    tn_slice_is(v.field[1], said), "line %u: %s", v.line,
		    said == NULL ? "none" : said);
	}
	ck_assert_uint_gt(n, 200);
	tn_vectors_close(&vectors);
}
END_TEST

/* ---- Messages ------------------------------------------------------------ */

enum { LONG = 5000, LIMIT = 10000 };

static struct rig r;
static char letters[LIMIT + 2];

static void
start(void)
{
	const struct tn_engine_options options = {
		.per_message_deflate = true, .http_compression = true,
		.max_payload = LIMIT,
	};

	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		letters[i] = "abcdefgh"[i * i % 8];
	rig_start(&r, &options);
}

static void
stop(void)
{
	rig_stop(&r);
}

static struct tn_rcbuf *
message(size_t len)
{
	return tn_message_new(tn_slice(letters, len), TN_SLICE_NONE, false);
}

/* A wire whose client reads so much. */
static void
open_wire(struct rig_wire *w, uint8_t bits)
{
	ck_assert(rig_wire_open(&r, w, NULL));
	w->w.deflate_bits = bits;
	rig_wire_sent(w);
}

static struct tn_rcbuf *
last_queued(const struct rig_wire *w)
{
	ck_assert_uint_gt(w->w.out.len, 0);
	return tn_outq_at(&w->w.out, w->w.out.len - 1);
}

static bool
is_deflated(const struct tn_rcbuf *rc)
{
	return (tn_rcbuf_frame(rc).ptr[0] & 0x40) != 0;
}

/* Bytes with the '4' in front; who reads them; whether they are compressed. */
static const struct {
	const char *name;
	size_t len;
	uint8_t bits;
	bool plain, deflated;
} sends[] = {
	{ "below the threshold",	1023,	15, false, false },
	{ "at the threshold",		1024,	15, false, true },
	{ "above it",			1025,	15, false, true },
	{ "to who reads none",		LONG,	0,  false, false },
	{ "as compress(false)",		LONG,	15, true,  false },
	{ "a window as long as it",	2048,	11, false, true },
	{ "a window one shorter",	2049,	11, false, false },
	{ "the smallest window",	1024,	8,  false, false },
};

START_TEST(sends_compressed)
{
	struct tn_rcbuf *rc = message(sends[_i].len - 1), *sent;
	struct rig_wire w;
	struct tn_slice back;

	open_wire(&w, sends[_i].bits);
	rc->is_plain = sends[_i].plain;
	tn_conn_send(r.last, rc);
	sent = last_queued(&w);
	ck_assert_msg(is_deflated(sent) == sends[_i].deflated, "%s",
	    sends[_i].name);
	if (sends[_i].deflated) {
		ck_assert_uint_lt(sent->len, rc->len);
		ck_assert_int_eq(tn_engine_inflate(r.engine,
		    tn_rcbuf_payload(sent), &back), 0);
		ck_assert(tn_slice_eq(back, tn_rcbuf_payload(rc)));
	} else {
		ck_assert_ptr_eq(sent, rc);
	}
	tn_rcbuf_unref(&rc);
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(one_frame_for_all_that_read_it)
{
	struct tn_rcbuf *rc = message(LONG);
	struct rig_wire w[3];
	struct tn_conn *c[3];

	for (size_t i = 0; i < 3; i++) {
		open_wire(&w[i], i < 2 ? 15 : 0);
		c[i] = r.last;
	}
	for (size_t i = 0; i < 3; i++)
		tn_conn_send(c[i], rc);
	ck_assert_ptr_eq(last_queued(&w[0]), last_queued(&w[1]));
	ck_assert(is_deflated(last_queued(&w[0])));
	ck_assert_ptr_eq(last_queued(&w[2]), rc);
	ck_assert_uint_eq(tn_engine_counts(r.engine)->deflated, 1);
	tn_rcbuf_unref(&rc);
	for (size_t i = 0; i < 3; i++)
		rig_wire_gone(&r, &w[i], true);
}
END_TEST

START_TEST(what_gets_no_shorter_is_sent_as_it_is)
{
	struct tn_rcbuf *rc;
	struct rig_wire w;
	uint32_t n = 7;

	for (size_t i = 0; i < LONG; i++)
		letters[i] = (char)((n = n * 1103515245 + 12345) >> 16);
	rc = tn_message_new(tn_slice(letters, LONG), TN_SLICE_NONE, true);
	open_wire(&w, 15);
	tn_conn_send(r.last, rc);
	tn_conn_send(r.last, rc);
	ck_assert_ptr_eq(last_queued(&w), rc);
	ck_assert_uint_eq(tn_engine_counts(r.engine)->deflated, 0);
	tn_rcbuf_unref(&rc);
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(both_protocols_share_nothing_they_must_not)
{
	const struct tn_engine_options options = {
		.per_message_deflate = true, .allow_eio3 = true,
	};
	struct tn_rcbuf *rc = tn_message_new(tn_slice(letters, LONG),
	    TN_SLICE_NONE, true);
	struct rig_wire v3, v4;
	struct tn_conn *first;
	struct tn_slice back;

	rig_stop(&r);
	rig_start(&r, &options);
	open_wire(&v4, 15);
	first = r.last;
	r.query = "EIO=3";
	open_wire(&v3, 15);
	tn_conn_send(first, rc);
	tn_conn_send(r.last, rc);
	ck_assert_int_eq(tn_engine_inflate(r.engine,
	    tn_rcbuf_payload(last_queued(&v4)), &back), 0);
	ck_assert_uint_eq(back.len, LONG);
	ck_assert_int_eq(tn_engine_inflate(r.engine,
	    tn_rcbuf_payload(last_queued(&v3)), &back), 0);
	ck_assert_uint_eq(back.len, LONG + 1);
	ck_assert_int_eq(back.ptr[0], 4);
	tn_rcbuf_unref(&rc);
	rig_wire_gone(&r, &v3, true);
	rig_wire_gone(&r, &v4, true);
}
END_TEST

START_TEST(a_message_inflates_up_to_the_limit)
{
	static const struct { size_t len; int r; } rows[] = {
		{ LIMIT - 1, 0 }, { LIMIT, 0 }, { LIMIT + 1, TN_E_LIMIT } };
	struct tn_rcbuf *rc = message(rows[_i].len - 1);
	struct rig_wire w;
	struct tn_slice back;

	open_wire(&w, 15);
	tn_conn_send(r.last, rc);
	ck_assert_int_eq(tn_engine_inflate(r.engine,
	    tn_rcbuf_payload(last_queued(&w)), &back), rows[_i].r);
	ck_assert_uint_eq(back.len, rows[_i].r == 0 ? rows[_i].len : 0);
	ck_assert_uint_eq(tn_engine_counts(r.engine)->inflate_too_long,
	    rows[_i].r != 0);
	tn_rcbuf_unref(&rc);
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(a_bad_message_is_counted)
{
	struct tn_slice back;

	ck_assert_int_eq(tn_engine_inflate(r.engine, S("\x07"), &back),
	    TN_E_SYNTAX);
	ck_assert_uint_eq(tn_engine_counts(r.engine)->inflate_refused, 1);
	ck_assert_uint_eq(tn_engine_counts(r.engine)->inflated, 0);
}
END_TEST

/* ---- Handshakes ---------------------------------------------------------- */

static const struct {
	const char *name, *header;
	bool on, may, agrees;
} handshakes[] = {
	{ "offered", "permessage-deflate; client_max_window_bits", true, true,
	    true },
	{ "not offered", NULL, true, true, false },
	{ "something else is", "foo", true, true, false },
	{ "malformed", "permessage-deflate; x=", true, false, false },
	{ "unknown", "permessage-deflate; x", true, false, false },
	{ "off: offered", "permessage-deflate", false, true, false },
	{ "off: malformed is nobody's concern", "; ;", false, true, false },
};

START_TEST(a_handshake_agrees)
{
	const struct tn_engine_options options = {
		.per_message_deflate = handshakes[_i].on };
	const struct tn_pair header = { TN_SLICE("sec-websocket-extensions"),
		tn_slice_str(handshakes[_i].header) };
	const struct tn_io_request request = { .method = TN_SLICE("GET"),
		.target = TN_SLICE("/socket.io/?EIO=4&transport=websocket"),
		.headers = &header,
		.nheaders = handshakes[_i].header != NULL,
		.is_upgrade = true };
	struct tn_ws_deflate terms;
	struct tn_io_reply reply;

	rig_stop(&r);
	rig_start(&r, &options);
	ck_assert_msg(tn_engine_may_upgrade(r.engine, &request, &terms,
	    &reply) == handshakes[_i].may, "%s", handshakes[_i].name);
	if (!handshakes[_i].may) {
		ck_assert_int_eq(reply.status, 400);
		ck_assert(tn_slice_is(reply.body, "Invalid or unacceptable "
		    "Sec-WebSocket-Extensions header"));
		ck_assert_uint_eq(
		    tn_engine_counts(r.engine)->refused_request, 1);
	}
	ck_assert_msg((terms.server_bits > 0) == handshakes[_i].agrees, "%s",
	    handshakes[_i].name);
}
END_TEST

/* ---- Polls --------------------------------------------------------------- */

/* Bytes of the payload; what the client accepts; what it gets. */
static const struct {
	const char *name;
	size_t len;
	const char *accepts;
	bool plain;
	const char *coding;
} polls[] = {
	{ "below the threshold", 1023, "gzip", false, NULL },
	{ "at the threshold", 1024, "gzip", false, "gzip" },
	{ "above it", 1025, "gzip", false, "gzip" },
	{ "deflate", LONG, "deflate, gzip", false, "deflate" },
	{ "what we have not", LONG, "br", false, NULL },
	{ "nothing", LONG, NULL, false, NULL },
	{ "compress(false)", LONG, "gzip", true, NULL },
};

static void
poll_with(struct rig_http *h, const char *accepts)
{
	char target[128], headers[128] = "";

	snprintf(target, sizeof(target), "/socket.io/?EIO=4&transport=polling"
	    "&sid=%s", tn_conn_sid(r.last));
	if (accepts != NULL)
		snprintf(headers, sizeof(headers), "accept-encoding: %s",
		    accepts);
	rig_http(&r, h, "GET", target, headers, TN_SLICE_NONE);
}

START_TEST(polls_are_answered_compressed)
{
	struct tn_rcbuf *rc = message(polls[_i].len - 1);
	const char *coding = polls[_i].coding;
	char header[64] = "Content-Encoding";
	struct rig_http h;

	rig_open(&r);
	rc->is_plain = polls[_i].plain;
	tn_conn_send(r.last, rc);
	poll_with(&h, polls[_i].accepts);
	if (coding != NULL)
		snprintf(header, sizeof(header), "Content-Encoding: %s\n",
		    coding);
	ck_assert_int_eq(h.status, 200);
	ck_assert_msg((strstr(h.headers, header) != NULL) == (coding != NULL),
	    "%s: %s", polls[_i].name, h.headers);
	ck_assert_ptr_null(strstr(h.headers, "Vary"));
	ck_assert_msg((h.body.len == polls[_i].len) == (coding == NULL),
	    "%s: %zu bytes", polls[_i].name, h.body.len);
	if (coding != NULL)
		ck_assert_int_eq((unsigned char)h.body.ptr[0],
		    strcmp(coding, "gzip") == 0 ? 0x1f : 0x78);
	ck_assert_uint_eq(tn_engine_counts(r.engine)->payloads_deflated,
	    coding != NULL);
	rig_http_fini(&h);
	tn_rcbuf_unref(&rc);
}
END_TEST

/* One of several may be compressed, so all are: as the reference. */
START_TEST(one_packet_is_enough_to_compress)
{
	struct tn_rcbuf *plain = message(LONG), *other = message(10);
	struct rig_http h;

	rig_open(&r);
	plain->is_plain = true;
	tn_conn_send(r.last, plain);
	tn_conn_send(r.last, other);
	poll_with(&h, "gzip");
	ck_assert_uint_lt(h.body.len, LONG / 2);
	rig_http_fini(&h);
	tn_rcbuf_unref(&plain);
	tn_rcbuf_unref(&other);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_rcbuf *rc = message(LONG);
		struct tn_slice back;
		struct rig_wire w;
		struct rig_http h;

		open_wire(&w, 15);
		tn_alloc_fail_at(n);
		tn_conn_send(r.last, rc);
		if (w.w.out.len > 0 && is_deflated(tn_outq_at(&w.w.out, 0)))
			tn_engine_inflate(r.engine, tn_rcbuf_payload(
			    tn_outq_at(&w.w.out, 0)), &back);
		failed = tn_alloc_end();
		ck_assert(failed || w.w.out.len == 1);
		rig_wire_gone(&r, &w, true);
		rig_open(&r);
		tn_conn_send(r.last, rc);
		tn_alloc_fail_at(n);
		poll_with(&h, "gzip");
		failed |= tn_alloc_end();
		rig_http_fini(&h);
		tn_rcbuf_unref(&rc);
	}
}
END_TEST

#define LOOP(tc, test, rows)						\
	tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof(rows[0]))

static Suite *
compression_suite(void)
{
	Suite *s = suite_create("compression");
	TCase *tc = tcase_create("negotiation");

	tcase_add_test(tc, offers_are_answered_as_ws_does);
	LOOP(tc, bits_are_plain_numbers, odd_numbers);
	tcase_add_test(tc, an_offer_cut_anywhere_is_read_or_refused);
	tcase_add_test(tc, codings_are_chosen_as_engine_io_does);
	suite_add_tcase(s, tc);
	tc = tcase_create("engine");
	tcase_add_checked_fixture(tc, start, stop);
	LOOP(tc, sends_compressed, sends);
	tcase_add_test(tc, one_frame_for_all_that_read_it);
	tcase_add_test(tc, what_gets_no_shorter_is_sent_as_it_is);
	tcase_add_test(tc, both_protocols_share_nothing_they_must_not);
	tcase_add_loop_test(tc, a_message_inflates_up_to_the_limit, 0, 3);
	tcase_add_test(tc, a_bad_message_is_counted);
	LOOP(tc, a_handshake_agrees, handshakes);
	LOOP(tc, polls_are_answered_compressed, polls);
	tcase_add_test(tc, one_packet_is_enough_to_compress);
	tcase_add_test(tc, any_allocation_may_fail);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(compression_suite)
