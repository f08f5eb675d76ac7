/* Messages compressed and undone, and what a client may send instead. */
#include "config.h"

#include "base/deflate.h"

#include <zlib.h>

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"

#define S(literal) TN_SLICE(literal)
#define MAX_BYTES 200000

static struct tn_deflate *d;
static struct tn_buf packed, out;
static char big[MAX_BYTES + 1];

static void
start(void)
{
	d = tn_deflate_new();
	ck_assert_ptr_nonnull(d);
	tn_buf_init(&packed, 1 << 20);
	tn_buf_init(&out, MAX_BYTES);
}

static void
stop(void)
{
	tn_deflate_free(&d);
	tn_buf_fini(&packed);
	tn_buf_fini(&out);
}

/* Text that has some order and some chance. */
static struct tn_slice
text(size_t len)
{
	uint32_t n = 1;

	for (size_t i = 0; i < len; i++) {
		n = n * 1103515245 + 12345;
		big[i] = n >> 30 == 0 ? (char)(n >> 20) : 'a';
	}
	return tn_slice(big, len);
}

static struct tn_slice
packed_message(struct tn_slice in)
{
	tn_buf_reset(&packed);
	ck_assert_int_eq(tn_deflate_pack(d, in, TN_DEFLATE_MESSAGE, &packed),
	    0);
	return tn_buf_view(&packed);
}

static int
unpack(struct tn_slice in)
{
	tn_buf_reset(&out);
	return tn_deflate_unpack(d, in, &out);
}

static const size_t lengths[] = { 0, 1, 2, 125, 126, 1000, 16383, 16384,
	16385, 32768, 65536, MAX_BYTES };

START_TEST(a_message_comes_back)
{
	struct tn_slice in = text(lengths[_i]);

	ck_assert_int_eq(unpack(packed_message(in)), 0);
	ck_assert(tn_slice_eq(tn_buf_view(&out), in));
}
END_TEST

/* The same input, the same bytes: nothing is kept of the last message. */
START_TEST(messages_know_nothing_of_each_other)
{
	char first[64];
	struct tn_slice p = packed_message(S("hello hello hello"));
	const size_t n = p.len;

	ck_assert_uint_lt(n, sizeof(first));
	memcpy(first, p.ptr, n);
	packed_message(text(40000));
	p = packed_message(S("hello hello hello"));
	ck_assert(tn_slice_eq(p, tn_slice(first, n)));
}
END_TEST

/* RFC 7692, 7.2.3, and what else may come. */
static const struct {
	const char *name;
	struct tn_slice in, out;
	int r;
} messages[] = {
	{ "one block (7.2.3.1)", S("\xf2\x48\xcd\xc9\xc9\x07\x00"),
	    S("Hello"), 0 },
	{ "a block that is not compressed (7.2.3.3)",
	    S("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), S("Hello"), 0 },
	{ "a final block (7.2.3.4)", S("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
	    S("Hello"), 0 },
	{ "two blocks (7.2.3.5)",
	    S("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
	    S("Hello"), 0 },
	{ "an empty message (7.2.3.6)", S("\x00"), S(""), 0 },
	{ "no bytes at all", S(""), S(""), TN_E_SYNTAX },
	{ "behind a final block nothing counts",
	    S("\xf3\x48\xcd\xc9\xc9\x07\x00\xff\xff\xff"), S("Hello"), 0 },
	{ "a block of a kind that is none", S("\x07"), S(""), TN_E_SYNTAX },
	{ "a length unlike its complement", S("\x00\x05\x00\x00\x00" "abc"),
	    S(""), TN_E_SYNTAX },
	{ "an end within a block", S("\x00\x20\x00\xdf\xff" "abc"), S(""),
	    TN_E_SYNTAX },
	{ "looks back to before its beginning (7.2.3.2)",
	    S("\xf2\x00\x11\x00\x00"), S(""), TN_E_SYNTAX },
};

START_TEST(reads_messages)
{
	ck_assert_msg(unpack(messages[_i].in) == messages[_i].r, "%s",
	    messages[_i].name);
	if (messages[_i].r == 0)
		ck_assert_msg(tn_slice_eq(tn_buf_view(&out), messages[_i].out),
		    "%s", messages[_i].name);
}
END_TEST

START_TEST(what_is_cut_is_no_message)
{
	struct tn_slice in = text(700), p = packed_message(in);

	for (size_t n = 1; n + 1 < p.len; n++) {
		const int r = unpack(tn_slice_first(p, n));

		ck_assert_msg(r == TN_E_SYNTAX || out.len < in.len,
		    "cut at %zu", n);
	}
	ck_assert_int_eq(unpack(p), 0);
}
END_TEST

START_TEST(a_limit_is_kept)
{
	static const struct { int more, r; } rows[] = { { -1, 0 }, { 0, 0 },
		{ 1, TN_E_LIMIT } };

	for (size_t i = 0; i < 3; i++) {
		struct tn_slice p = packed_message(text((size_t)(50000 +
		    rows[i].more)));

		tn_buf_fini(&out);
		tn_buf_init(&out, 50000);
		ck_assert_int_eq(unpack(p), rows[i].r);
		ck_assert_uint_le(out.cap, 50000);
	}
}
END_TEST

START_TEST(a_bomb_is_stopped_at_the_limit)
{
	struct tn_buf bomb;
	static char zeros[1 << 20];

	tn_buf_init(&bomb, 1 << 20);
	ck_assert_int_eq(tn_deflate_pack(d, tn_slice(zeros, sizeof(zeros)),
	    TN_DEFLATE_MESSAGE, &bomb), 0);
	ck_assert_uint_lt(bomb.len, 2000);
	tn_buf_fini(&out);
	tn_buf_init(&out, 1000);
	ck_assert_int_eq(unpack(tn_buf_view(&bomb)), TN_E_LIMIT);
	ck_assert_uint_le(out.cap, 1000);
	/* and is forgotten */
	ck_assert_int_eq(unpack(messages[0].in), 0);
	tn_buf_fini(&bomb);
}
END_TEST

START_TEST(zlib_reads_what_http_is_sent)
{
	static const struct { enum tn_deflate_form form; int bits; } rows[] = {
		{ TN_DEFLATE_ZLIB, 15 }, { TN_DEFLATE_GZIP, 31 } };
	const size_t len = lengths[_i / 2];
	struct tn_slice in = text(len);
	static char back[MAX_BYTES + 1];
	z_stream z = { .next_out = (Bytef *)back, .avail_out = sizeof(back) };

	ck_assert_int_eq(tn_deflate_pack(d, in, rows[_i % 2].form, &packed),
	    0);
	ck_assert_int_eq(inflateInit2(&z, rows[_i % 2].bits), Z_OK);
	z.next_in = (Bytef *)packed.ptr;
	z.avail_in = (uInt)packed.len;
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.avail_in, 0);
	ck_assert(tn_slice_eq(tn_slice(back, z.total_out), in));
	inflateEnd(&z);
}
END_TEST

START_TEST(an_answer_may_be_too_long)
{
	tn_buf_fini(&packed);
	tn_buf_init(&packed, 20);
	ck_assert_int_eq(tn_deflate_pack(d, text(1000), TN_DEFLATE_GZIP,
	    &packed), TN_E_LIMIT);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
	struct tn_slice in = text(30000);
	bool failed = true, done;

	for (unsigned n = 1; failed; n++) {
		struct tn_deflate *mine;
		struct tn_buf p, u;

		tn_buf_init(&p, 1 << 20);
		tn_buf_init(&u, 1 << 20);
		tn_alloc_fail_at(n);
		mine = tn_deflate_new();
		done = mine != NULL && tn_deflate_pack(mine, in,
		    TN_DEFLATE_MESSAGE, &p) == 0 &&
		    tn_deflate_unpack(mine, tn_buf_view(&p), &u) == 0;
		failed = tn_alloc_end();
		ck_assert(done != failed);
		ck_assert(!done || tn_slice_eq(tn_buf_view(&u), in));
		tn_deflate_free(&mine);
		tn_buf_fini(&p);
		tn_buf_fini(&u);
	}
}
END_TEST

static Suite *
deflate_suite(void)
{
	Suite *s = suite_create("deflate");
	TCase *tc = tcase_create("deflate");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, a_message_comes_back, 0,
	    sizeof(lengths) / sizeof(lengths[0]));
	tcase_add_test(tc, messages_know_nothing_of_each_other);
	tcase_add_loop_test(tc, reads_messages, 0,
	    sizeof(messages) / sizeof(messages[0]));
	tcase_add_test(tc, what_is_cut_is_no_message);
	tcase_add_test(tc, a_limit_is_kept);
	tcase_add_test(tc, a_bomb_is_stopped_at_the_limit);
	tcase_add_loop_test(tc, zlib_reads_what_http_is_sent, 0,
	    2 * sizeof(lengths) / sizeof(lengths[0]));
	tcase_add_test(tc, an_answer_may_be_too_long);
	tcase_add_test(tc, any_allocation_may_fail);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(deflate_suite)
