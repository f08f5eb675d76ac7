/* The bytes of recovery streams. */
#include "config.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "check_main.h"
#include "cluster/stream_codec.h"

#define S(s) TN_SLICE(s)

/* ---- ids ------------------------------------------------------------------*/

static const struct {
	const char *name, *text;
	bool good;
	uint64_t ms, n;
} ids[] = {
	{ "one",		"1795385700903-0", true, 1795385700903, 0 },
	{ "another of its time", "1795385700903-17", true, 1795385700903, 17 },
	{ "the first of all",	"0-0", true, 0, 0 },
	{ "the last of all", "18446744073709551615-18446744073709551615", true,
	    UINT64_MAX, UINT64_MAX },
	{ "past the last",	"18446744073709551616-0", false, 0, 0 },
	{ "nothing",		"", false, 0, 0 },
	{ "a time alone",	"1795385700903", false, 0, 0 },
	{ "no number",		"1795385700903-", false, 0, 0 },
	{ "no time",		"-1", false, 0, 0 },
	{ "a sign",		"+1-0", false, 0, 0 },
	{ "two hyphens",	"1--0", false, 0, 0 },
	{ "three parts",	"1-2-3", false, 0, 0 },
	{ "a range's end",	"+", false, 0, 0 },
	{ "an open range",	"(1-0", false, 0, 0 },
	{ "space",		"1-0 ", false, 0, 0 },
	{ "the in-memory adapter's", "Q85JyTN.0", false, 0, 0 },
	{ "very long", "00000000000000000000000000000000000000000000000001-0",
	    false, 0, 0 },
};

START_TEST(an_id_is_two_numbers)
{
	struct tn_stream_id id;
	char text[TN_OFFSET_LEN + 1];

	ck_assert_msg(tn_stream_id_read(tn_slice_str(ids[_i].text), &id) ==
	    ids[_i].good, "%s", ids[_i].name);
	if (!ids[_i].good)
		return;
	ck_assert_uint_eq(id.ms, ids[_i].ms);
	ck_assert_uint_eq(id.n, ids[_i].n);
	tn_stream_id_write(id, text);
	ck_assert_str_eq(text, ids[_i].text);
}
END_TEST

START_TEST(ids_have_an_order)
{
	const struct tn_stream_id a = { 1, 9 }, b = { 2, 0 }, c = { 2, 1 };

	ck_assert_int_lt(tn_stream_id_compare(a, b), 0);
	ck_assert_int_lt(tn_stream_id_compare(b, c), 0);
	ck_assert_int_gt(tn_stream_id_compare(c, a), 0);
	ck_assert_int_eq(tn_stream_id_compare(c, c), 0);
}
END_TEST

/* ---- marks ----------------------------------------------------------------*/

#define MARK TN_STREAM_MARK_HEAD \
	"\0\0\1\2\3\4\5\6" "\0\0\0\0\0\0\0\7" "\0\0\0\0\0\0\0\1" \
	"\0\0\0\0\0\0\0\2" "\xff\xfe\0\0\0\0\0\3"

START_TEST(a_mark_stands_at_the_end)
{
	const struct tn_slice payload = S("\x94 what it is" MARK);
	struct tn_stream_mark mark;
	char number[8];

	ck_assert(tn_stream_mark_read(payload, &mark));
	ck_assert_uint_eq(mark.id.ms, UINT64_C(0x0000010203040506));
	ck_assert_uint_eq(mark.id.n, 7);
	ck_assert_uint_eq(mark.before.ms, 1);
	ck_assert_uint_eq(mark.before.n, 2);
	ck_assert_uint_eq(mark.number, UINT64_C(0xfffe000000000003));
	tn_stream_number_write(mark.number, number);
	ck_assert_mem_eq(number, "\xff\xfe\0\0\0\0\0\3", 8);
	for (size_t n = 0; n < payload.len; n++)
		ck_assert(!tn_stream_mark_read(tn_slice_first(payload, n),
		    &mark));
	ck_assert(tn_stream_mark_read(S(MARK), &mark));
	ck_assert(!tn_stream_mark_read(tn_slice_after(S(MARK), 1), &mark));
}
END_TEST

/* ---- what is told ---------------------------------------------------------*/

static void
part(struct tn_buf *out, const char *text)
{
	const size_t len = strlen(text);
	const char head[] = { (char)(len >> 24), (char)(len >> 16),
	    (char)(len >> 8), (char)len };

	tn_buf_bytes(out, head, sizeof(head));
	tn_buf_bytes(out, text, len);
}

/* Parts with '|' between; "" is none. */
static void
parts(struct tn_buf *out, const char *text)
{
	char copy[512], *at = copy;

	snprintf(copy, sizeof(copy), "%s", text);
	tn_buf_init(out, 4096);
	for (char *end; (end = strchr(at, '|')) != NULL; at = end + 1) {
		*end = '\0';
		part(out, at);
	}
	if (text[0] != '\0')
		part(out, at);
}

static const struct {
	const char *name, *text;
	bool good;
	size_t nrooms, nmissed;
} tellings[] = {
	{ "a session", "R|9-1|7|sid|{\"a\":1}|2|r1|r2|1-0|event|2-0|another", true,
	    2, 2 },
	{ "one that missed nothing", "R|9-1|7|sid|{}|1|r1", true, 1, 0 },
	{ "one in no room", "R|9-1|0|sid|{}|0|1-0|event", true, 0, 1 },
	{ "taken by another", "T|0-0|sid|pid", true, 0, 0 },
	{ "the last", "L|9-1", true, 0, 0 },
	{ "the last, and more", "L|9-1|2", false, 0, 0 },
	{ "no last", "L|x", false, 0, 0 },
	{ "nothing", "", false, 0, 0 },
	{ "something else", "X|9-1|2|3", false, 0, 0 },
	{ "taken, and more", "T|9-1|sid|pid|more", false, 0, 0 },
	{ "taken, and less", "T|9-1|sid", false, 0, 0 },
	{ "no number", "R|9-1|x|sid|{}|0", false, 0, 0 },
	{ "data that is no JSON", "R|9-1|7|sid|{|0", false, 0, 0 },
	{ "fewer rooms than said", "R|9-1|7|sid|{}|3|r1|r2", false, 0, 0 },
	{ "more rooms than may be", "R|9-1|7|sid|{}|65|r", false, 0, 0 },
	{ "a number of rooms that is none", "R|9-1|7|sid|{}|-1|r", false, 0, 0 },
	{ "an event without an id", "R|9-1|7|sid|{}|0|event", false, 0, 0 },
	{ "an id that is none", "R|9-1|7|sid|{}|0|x|event", false, 0, 0 },
	{ "an id alone", "R|9-1|7|sid|{}|0|1-0", false, 0, 0 },
};

START_TEST(a_telling_is_read)
{
	struct tn_stream_told told;
	struct tn_slice rest, id, event;
	struct tn_arena arena;
	struct tn_buf in;
	size_t n = 0;

	parts(&in, tellings[_i].text);
	tn_arena_init(&arena, 65536);
	ck_assert_msg(tn_stream_read_told(tn_buf_view(&in), &arena, &told) ==
	    tellings[_i].good, "%s", tellings[_i].name);
	if (tellings[_i].good) {
		ck_assert_uint_eq(told.nrooms, tellings[_i].nrooms);
		ck_assert_uint_eq(told.nmissed, tellings[_i].nmissed);
		ck_assert_int_eq(told.kind, tellings[_i].text[0]);
		ck_assert(told.kind == TN_STREAM_LAST ||
		    tn_slice_is(told.sid, "sid"));
		rest = told.missed;
		while (tn_stream_next_missed(&rest, &id, &event))
			n++;
		ck_assert_uint_eq(n, told.nmissed);
	}
	tn_arena_fini(&arena);
	tn_buf_fini(&in);
}
END_TEST

/* Where a part ends is no cut; everywhere else it is one. */
START_TEST(a_telling_cut_off_is_none)
{
	struct tn_stream_told told;
	struct tn_arena arena;
	struct tn_buf in;
	int whole = 0;

	parts(&in, tellings[0].text);
	for (size_t n = 0; n < in.len; n++) {
		tn_arena_init(&arena, 65536);
		whole += tn_stream_read_told(tn_slice(in.ptr, n), &arena,
		    &told);
		tn_arena_fini(&arena);
	}
	ck_assert_int_eq(whole, 2);	/* without both events, without one */
	tn_buf_fini(&in);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("stream_codec");
	TCase *t = tcase_create("codec");

	tcase_add_loop_test(t, an_id_is_two_numbers, 0,
	    sizeof(ids) / sizeof(*ids));
	tcase_add_test(t, ids_have_an_order);
	tcase_add_test(t, a_mark_stands_at_the_end);
	tcase_add_loop_test(t, a_telling_is_read, 0,
	    sizeof(tellings) / sizeof(*tellings));
	tcase_add_test(t, a_telling_cut_off_is_none);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
