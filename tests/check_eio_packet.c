#include "config.h"

#include "io/eio_packet.h"

#include <string.h>

#include "base/err.h"
#include "base/rcbuf.h"
#include "io/ws_frame.h"

#include "check_alloc.h"
#include "check_main.h"

/* Text as a literal that may hold NUL. */
#define T(s)	{ (s), sizeof(s) - 1 }

/* Source: the Engine.IO 4 protocol, and engine.io-parser 5.2's own tests. */
static const struct {
	const char *name;
	struct tn_slice in;
	int result;
	enum tn_eio_type type;
	bool binary;
	struct tn_slice data;
} packets[] = {
	{ "open", T("0{\"sid\":\"x\"}"), 0, TN_EIO_OPEN, false,
	    T("{\"sid\":\"x\"}") },
	{ "close", T("1"), 0, TN_EIO_CLOSE, false, T("") },
	{ "ping with data", T("2probe"), 0, TN_EIO_PING, false, T("probe") },
	{ "pong", T("3"), 0, TN_EIO_PONG, false, T("") },
	{ "message", T("4h\xc3\xa9llo"), 0, TN_EIO_MESSAGE, false,
	    T("h\xc3\xa9llo") },
	{ "empty message", T("4"), 0, TN_EIO_MESSAGE, false, T("") },
	{ "upgrade", T("5"), 0, TN_EIO_UPGRADE, false, T("") },
	{ "noop", T("6"), 0, TN_EIO_NOOP, false, T("") },
	{ "binary", T("bAQIDBA=="), 0, TN_EIO_MESSAGE, true, T("\1\2\3\4") },
	{ "binary without padding", T("bAQIDBA"), 0, TN_EIO_MESSAGE, true,
	    T("\1\2\3\4") },
	{ "binary in the URL alphabet", T("b-_8"), 0, TN_EIO_MESSAGE, true,
	    T("\xfb\xff") },
	{ "empty binary", T("b"), 0, TN_EIO_MESSAGE, true, T("") },
	{ "nothing", T(""), TN_E_SYNTAX, 0, false, T("") },
	{ "unknown digit", T("7"), TN_E_SYNTAX, 0, false, T("") },
	{ "letter", T("abc"), TN_E_SYNTAX, 0, false, T("") },
	{ "before the digits", T("/x"), TN_E_SYNTAX, 0, false, T("") },
	{ "high byte", T("\xff"), TN_E_SYNTAX, 0, false, T("") },
	{ "NUL", T("\0"), TN_E_SYNTAX, 0, false, T("") },
	{ "no base64", T("bA!=="), TN_E_SYNTAX, 0, false, T("") },
	{ "one base64 character", T("bA"), TN_E_SYNTAX, 0, false, T("") },
};

START_TEST(reads_a_packet)
{
	struct tn_eio_packet packet;
	struct tn_buf scratch;

	tn_buf_init(&scratch, 1000);
	ck_assert_msg(tn_eio_packet_read(packets[_i].in, &scratch, &packet,
	    NULL) == packets[_i].result, "%s", packets[_i].name);
	if (packets[_i].result == 0) {
		ck_assert_int_eq(packet.type, packets[_i].type);
		ck_assert_int_eq(packet.binary, packets[_i].binary);
		ck_assert_msg(tn_slice_eq(packet.data, packets[_i].data),
		    "%s", packets[_i].name);
	}
	tn_buf_fini(&scratch);
}
END_TEST

/* Cut at every byte: what is left is either a packet or refused. */
START_TEST(survives_every_cut)
{
	struct tn_eio_packet packet;
	struct tn_buf scratch;

	tn_buf_init(&scratch, 1000);
	for (size_t n = 0; n <= packets[_i].in.len; n++)
		tn_eio_packet_read(tn_slice_first(packets[_i].in, n), &scratch,
		    &packet, NULL);
	tn_buf_fini(&scratch);
}
END_TEST

START_TEST(reports_memory_and_limit_for_base64)
{
	struct tn_eio_packet packet;
	struct tn_buf scratch;

	tn_buf_init(&scratch, 1000);
	tn_alloc_fail_at(1);
	ck_assert_int_eq(tn_eio_packet_read(TN_SLICE("bAQID"), &scratch,
	    &packet, NULL), TN_E_NOMEM);
	ck_assert(tn_alloc_end());
	tn_buf_fini(&scratch);
	tn_buf_init(&scratch, 2);
	ck_assert_int_eq(tn_eio_packet_read(TN_SLICE("bAQIDBAUG"), &scratch,
	    &packet, NULL), TN_E_LIMIT);
	tn_buf_fini(&scratch);
}
END_TEST

START_TEST(cuts_a_payload_at_its_separators)
{
	struct tn_slice rest = TN_SLICE("4a\x1e\x1e" "b\x1e");

	ck_assert(tn_slice_is(tn_eio_payload_cut(&rest), "4a"));
	ck_assert(tn_slice_is(tn_eio_payload_cut(&rest), ""));
	ck_assert(tn_slice_is(tn_eio_payload_cut(&rest), "b"));
	ck_assert_ptr_nonnull(rest.ptr);
	ck_assert(tn_slice_is(tn_eio_payload_cut(&rest), ""));
	ck_assert_ptr_null(rest.ptr);
}
END_TEST

START_TEST(joins_text_and_binary)
{
	struct tn_rcbuf *text = tn_rcbuf_new(TN_SLICE("4hello"),
	    TN_SLICE_NONE);
	struct tn_rcbuf *binary = tn_rcbuf_new(TN_SLICE("\1\2\3\4"),
	    TN_SLICE_NONE);
	struct tn_buf b;

	binary->binary = true;
	tn_buf_init(&b, 1000);
	tn_eio_payload_add(&b, text);
	tn_eio_payload_add(&b, binary);
	ck_assert(tn_slice_is(tn_buf_view(&b), "4hello\x1e" "bAQIDBA=="));
	tn_buf_fini(&b);
	tn_rcbuf_unref(&text);
	tn_rcbuf_unref(&binary);
}
END_TEST

/* RFC 6455, 5.2: each form of the length, at its first and last value. */
static const struct {
	size_t len;
	bool binary;
	size_t nhead;
	const char *head;
} heads[] = {
	{ 0, false, 2, "\x81\x00" },
	{ 1, true, 2, "\x82\x01" },
	{ 125, false, 2, "\x81\x7d" },
	{ 126, false, 4, "\x81\x7e\x00\x7e" },
	{ 65535, true, 4, "\x82\x7e\xff\xff" },
	{ 65536, true, 10, "\x82\x7f\0\0\0\0\0\x01\0\0" },
	{ 1000000, false, 10, "\x81\x7f\0\0\0\0\0\x0f\x42\x40" },
};

START_TEST(frames_by_length)
{
	const size_t len = heads[_i].len;
	char *bytes = calloc(1, len + 1);
	struct tn_rcbuf *rc = tn_rcbuf_new(tn_slice(bytes, len),
	    TN_SLICE_NONE);
	struct tn_slice frame;

	rc->binary = heads[_i].binary;
	tn_ws_frame_head(rc);
	frame = tn_rcbuf_frame(rc);
	ck_assert_uint_eq(frame.len, heads[_i].nhead + len);
	ck_assert_int_eq(memcmp(frame.ptr, heads[_i].head, heads[_i].nhead),
	    0);
	tn_rcbuf_unref(&rc);
	free(bytes);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("eio_packet");
	TCase *tc = tcase_create("eio_packet");
	const int n = sizeof(packets) / sizeof(packets[0]);

	tcase_add_loop_test(tc, reads_a_packet, 0, n);
	tcase_add_loop_test(tc, survives_every_cut, 0, n);
	tcase_add_test(tc, reports_memory_and_limit_for_base64);
	tcase_add_test(tc, cuts_a_payload_at_its_separators);
	tcase_add_test(tc, joins_text_and_binary);
	tcase_add_loop_test(tc, frames_by_length, 0,
	    sizeof(heads) / sizeof(heads[0]));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
