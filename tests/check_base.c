/* Small things of src/base that everything else stands on. */
#include "config.h"

#include <errno.h>
#ifdef HAVE_MALLOPT
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/heap.h"
#include "base/json_text.h"
#include "base/list.h"
#include "base/random.h"
#include "base/utf8.h"
#include "check_main.h"
#include "poll_loop.h"

#define S(s) TN_SLICE(s)

/* ---- Errors ----------------------------------------------------------------- */

START_TEST(error_has_the_text_of_errno)
{
	static char name[400];
	struct tn_err err;

	errno = ENOENT;
	ck_assert_int_eq(tn_err_errno(&err, TN_E_SYSTEM, "file %s", "x"),
	    TN_E_SYSTEM);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(err.code, TN_E_SYSTEM);
	ck_assert_str_eq(err.text, "file x: No such file or directory");
	ck_assert_int_eq(tn_err_errno(NULL, TN_E_IO, "nobody asks"), TN_E_IO);
	memset(name, 'x', sizeof(name) - 1);
	tn_err_errno(&err, TN_E_SYSTEM, "%s", name);	/* cut, and ended */
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
}
END_TEST

static const struct { int code; const char *text; } names[] = {
	{ TN_E_NOMEM, "out of memory" }, { TN_E_AWAY, "the peer is away" },
	{ TN_E_SYSTEM, "system call failed" }, { 0, "unknown error" },
	{ 1, "unknown error" }, { -13, "unknown error" },
	{ -1000000, "unknown error" },
};

START_TEST(code_has_its_text)
{
	ck_assert_str_eq(tn_err_name(names[_i].code), names[_i].text);
}
END_TEST

/* ---- Lists ------------------------------------------------------------------ */

struct item {
	int n;
	struct tn_list link;
};

static struct tn_list head;
static struct item items[3] = { { .n = 1 }, { .n = 2 }, { .n = 3 } };

static const char *
in_order(void)
{
	static char text[32];
	struct tn_list *it, *following;
	size_t at = 0;

	text[0] = '\0';
	TN_LIST_EACH(it, following, &head)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%d ",
		    TN_CONTAINER(it, struct item, link)->n);
	return text;
}

START_TEST(list_keeps_its_order)
{
	struct tn_list *it, *following;

	tn_list_init(&head);
	ck_assert(tn_list_empty(&head));
	for (int i = 0; i < 3; i++) {
		tn_list_init(&items[i].link);
		tn_list_append(&head, &items[i].link);
	}
	ck_assert(!tn_list_empty(&head));
	ck_assert_str_eq(in_order(), "1 2 3 ");
	tn_list_remove(&items[1].link);
	ck_assert_str_eq(in_order(), "1 3 ");
	ck_assert(tn_list_empty(&items[1].link));
	tn_list_remove(&items[1].link);		/* it stands in none */
	ck_assert_str_eq(in_order(), "1 3 ");
	tn_list_append(&head, &items[1].link);
	ck_assert_str_eq(in_order(), "1 3 2 ");
	TN_LIST_EACH(it, following, &head)
		tn_list_remove(it);
	ck_assert(tn_list_empty(&head));
}
END_TEST

/* ---- The loop --------------------------------------------------------------- */

static struct poll_loop loop;
static struct tn_deferred deferred[2];
static char calls[32];

static void
note(void *arg)
{
	strncat(calls, arg, sizeof(calls) - strlen(calls) - 1);
}

static void
note_and_defer(void *arg)
{
	note(arg);
	tn_loop_defer(&loop.loop, &deferred[1], note, (void *)(uintptr_t)"b");
}

START_TEST(deferred_calls_are_made_once)
{
	char a[] = "a", c[] = "c";

	ck_assert_int_eq(poll_loop_init(&loop), 0);
	memset(deferred, 0, sizeof(deferred));
	calls[0] = '\0';
	tn_loop_undefer(&deferred[0]);		/* it does not wait */
	tn_loop_defer(&loop.loop, &deferred[0], note, a);
	tn_loop_defer(&loop.loop, &deferred[0], note, c);	/* the new one */
	tn_loop_run_deferred(&loop.loop);
	tn_loop_run_deferred(&loop.loop);
	ck_assert_str_eq(calls, "c");
	tn_loop_defer(&loop.loop, &deferred[0], note_and_defer, a);
	tn_loop_run_deferred(&loop.loop);	/* and what that defers */
	ck_assert_str_eq(calls, "cab");
	tn_loop_defer(&loop.loop, &deferred[0], note, a);
	tn_loop_defer(&loop.loop, &deferred[1], note, c);
	tn_loop_undefer(&deferred[0]);
	tn_loop_undefer(&deferred[0]);
	tn_loop_run_deferred(&loop.loop);
	ck_assert_str_eq(calls, "cabc");
	poll_loop_fini(&loop);
}
END_TEST

static unsigned seen;

static void
on_event(struct tn_watch *w, unsigned events)
{
	seen = events;
	ck_assert_ptr_eq(w->arg, &seen);
}

START_TEST(descriptor_is_watched_for_what_is_asked)
{
	struct tn_watch w = { .fn = on_event, .arg = &seen };
	int fds[2];

	ck_assert_int_eq(poll_loop_init(&loop), 0);
	ck_assert_int_eq(pipe(fds), 0);
	w.fd = fds[0];
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	seen = 0;
	poll_loop_turn(&loop, 0);
	ck_assert_uint_eq(seen, 0);
	ck_assert_int_eq(tn_loop_watch(&loop.loop, &w, TN_READ), 0);
	poll_loop_turn(&loop, 1000);
	ck_assert_uint_eq(seen, TN_READ);
	seen = 0;
	ck_assert_int_eq(tn_loop_watch(&loop.loop, &w, 0), 0);
	poll_loop_turn(&loop, 0);
	ck_assert_uint_eq(seen, 0);
	ck_assert_int_eq(tn_loop_watch(&loop.loop, &w, TN_READ), 0);
	tn_loop_unwatch(&loop.loop, &w);
	poll_loop_turn(&loop, 0);
	ck_assert_uint_eq(seen, 0);
	close(fds[0]);
	close(fds[1]);
	poll_loop_fini(&loop);
}
END_TEST

/* ---- Texts ------------------------------------------------------------------ */

static const struct { struct tn_slice text; size_t chars; bool is_text; }
randoms[] = {
	{ TN_SLICE("abcXYZ019-_"), 11, true }, { TN_SLICE(""), 0, true },
	{ TN_SLICE("abc"), 4, false }, { TN_SLICE("abc"), 2, false },
	{ TN_SLICE("ab="), 3, false }, { TN_SLICE("ab+"), 3, false },
	{ TN_SLICE("ab/"), 3, false }, { TN_SLICE("ab\0"), 3, false },
	{ TN_SLICE("a b"), 3, false }, { TN_SLICE("\xc3\xa9"), 2, false },
};

START_TEST(random_text_is_known_by_its_letters)
{
	char text[65];

	ck_assert_msg(tn_random_is_text(randoms[_i].text, randoms[_i].chars)
	    == randoms[_i].is_text, "%.*s", TN_SLICE_ARG(randoms[_i].text));
	ck_assert_int_eq(tn_random_start(NULL), 0);
	for (size_t n = 0; n <= 64; n++) {
		tn_random_text(text, n);
		ck_assert(tn_random_is_text(tn_slice_str(text), n));
	}
}
END_TEST

static const struct { struct tn_slice s; size_t len; } points[] = {
	{ TN_SLICE(""), 0 }, { TN_SLICE("\0"), 1 }, { TN_SLICE("ab"), 1 },
	{ TN_SLICE("\x7f"), 1 }, { TN_SLICE("\xc2\x80"), 2 },
	{ TN_SLICE("\xdf\xbfz"), 2 }, { TN_SLICE("\xe0\xa0\x80"), 3 },
	{ TN_SLICE("\xed\x9f\xbf"), 3 }, { TN_SLICE("\xee\x80\x80"), 3 },
	{ TN_SLICE("\xf0\x90\x80\x80"), 4 },
	{ TN_SLICE("\xf4\x8f\xbf\xbf"), 4 },
	{ TN_SLICE("\x80"), 0 }, { TN_SLICE("\xc0\x80"), 0 },
	{ TN_SLICE("\xc1\xbf"), 0 }, { TN_SLICE("\xc2"), 0 },
	{ TN_SLICE("\xc2z"), 0 }, { TN_SLICE("\xe0\x9f\xbf"), 0 },
	{ TN_SLICE("\xed\xa0\x80"), 0 }, { TN_SLICE("\xe2\x82"), 0 },
	{ TN_SLICE("\xf0\x8f\xbf\xbf"), 0 },
	{ TN_SLICE("\xf4\x90\x80\x80"), 0 }, { TN_SLICE("\xf5\x80\x80\x80"), 0 },
	{ TN_SLICE("\xf0\x90\x80"), 0 }, { TN_SLICE("\xff"), 0 },
};

START_TEST(code_point_has_its_length)
{
	ck_assert_msg(tn_utf8_length(points[_i].s) == points[_i].len, "%d: %zu",
	    _i, tn_utf8_length(points[_i].s));
}
END_TEST

/* The inside of a string; what is left after one point, and its UTF-8. */
static const struct {
	const char *in;
	uint32_t point;
	const char *left, *utf8;
} escapes[] = {
	{ "ab", 'a', "b", "a" }, { "\xc3\xa9z", 0xe9, "z", "\xc3\xa9" },
	{ "\\n", '\n', "", "\n" }, { "\\\"x", '"', "x", "\"" },
	{ "\\\\", '\\', "", "\\" }, { "\\/", '/', "", "/" },
	{ "\\b", '\b', "", "\b" }, { "\\f", '\f', "", "\f" },
	{ "\\r", '\r', "", "\r" }, { "\\t", '\t', "", "\t" },
	{ "\\u0041B", 'A', "B", "A" }, { "\\u00e9", 0xe9, "", "\xc3\xa9" },
	{ "\\u20AC", 0x20ac, "", "\xe2\x82\xac" },
	{ "\\ud83d\\ude00x", 0x1f600, "x", "\xf0\x9f\x98\x80" },
	{ "\\ud83dx", 0xd83d, "x", "\xed\xa0\xbd" },
	{ "\\ude00", 0xde00, "", "\xed\xb8\x80" },
	{ "\\ud83d\\u0041", 0xd83d, "\\u0041", "\xed\xa0\xbd" },
	{ "\xf0\x9f\x98\x80", 0x1f600, "", "\xf0\x9f\x98\x80" },
};

START_TEST(escape_is_a_code_point)
{
	struct tn_slice rest = tn_slice_str(escapes[_i].in);
	uint32_t point = tn_json_point(&rest);
	char utf8[4];
	size_t n;

	ck_assert_msg(point == escapes[_i].point, "%s: %x", escapes[_i].in,
	    (unsigned)point);
	ck_assert_msg(tn_slice_is(rest, escapes[_i].left), "%s: %.*s",
	    escapes[_i].in, TN_SLICE_ARG(rest));
	n = tn_json_put_point(utf8, point);
	ck_assert(tn_slice_is(tn_slice(utf8, n), escapes[_i].utf8));
}
END_TEST

START_TEST(whatever_it_holds_is_moved_on)
{
	for (int c = 0; c < 256; c++) {
		char text[] = { '\\', (char)c, 'u', 'x' };

		for (size_t n = 1; n <= sizeof(text); n++) {
			struct tn_slice rest = tn_slice(text, n);

			for (size_t left = n; rest.len > 0; left = rest.len) {
				tn_json_point(&rest);
				ck_assert_uint_lt(rest.len, left);
			}
		}
	}
}
END_TEST

static const struct { const char *a, *b; bool same; } pairs[] = {
	{ "", "", true }, { "a", "a", true }, { "a", "b", false },
	{ "a", "ab", false }, { "ab", "a", false }, { "", "a", false },
	{ "\\u0061", "a", true }, { "\\/", "/", true },
	{ "\\n", "\\u000a", true }, { "\\u00E9", "\xc3\xa9", true },
	{ "\\ud83d\\ude00", "\xf0\x9f\x98\x80", true },
	{ "\\ud83d", "\\ude00", false }, { "A", "a", false },
	{ "\\\\u0061", "a", false },
};

START_TEST(texts_are_the_same_however_written)
{
	struct tn_slice a = tn_slice_str(pairs[_i].a);
	struct tn_slice b = tn_slice_str(pairs[_i].b);

	ck_assert_msg(tn_json_same_text(a, b) == pairs[_i].same, "%s, %s",
	    pairs[_i].a, pairs[_i].b);
	ck_assert(tn_json_same_text(b, a) == pairs[_i].same);
}
END_TEST

/* ---- The heap --------------------------------------------------------------- */

START_TEST(trim_is_for_when_much_has_changed)
{
#if defined(HAVE_MALLINFO2) && defined(HAVE_MALLOC_TRIM) && \
    !defined(__SANITIZE_ADDRESS__)
	enum { BLOCKS = 4096, BYTES = 1024 };
	static char *blocks[BLOCKS];
	struct tn_heap heap = { 0 };
	size_t before;

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(BYTES);
	for (int i = 0; i < BLOCKS - 1; i++)	/* the last holds the end */
		free(blocks[i]);
	tn_heap_trim(&heap);
	before = heap.used;
	ck_assert_uint_gt(before, 0);
	tn_heap_trim(&heap);			/* nothing has changed */
	ck_assert_uint_eq(heap.used, before);
	free(blocks[BLOCKS - 1]);
#endif
}
END_TEST

#if defined(HAVE_MALLOPT) && !defined(__SANITIZE_ADDRESS__)
static void *
use_memory(void *arg)
{
	void *block = malloc(64);

	(void)arg;
	ck_assert_ptr_nonnull(block);
	free(block);
	return NULL;
}

/* How many the C library has, once another thread has used memory. */
static int
heaps(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	pthread_t thread;
	int n = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, use_memory, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(malloc_info(0, f), 0);
	fclose(f);
	for (const char *at = text; (at = strstr(at, "<heap nr=")) != NULL;
	    at++)
		n++;
	free(text);
	return n;
}
#endif

START_TEST(threads_share_one_heap)
{
#if defined(HAVE_MALLOPT) && !defined(__SANITIZE_ADDRESS__)
	tn_heap_share();
	ck_assert_int_eq(heaps(), 1);
#endif
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("base");
	TCase *tc = tcase_create("base");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_test(tc, error_has_the_text_of_errno);
	tcase_add_loop_test(tc, code_has_its_text, 0, ROWS(names));
	tcase_add_test(tc, list_keeps_its_order);
	tcase_add_test(tc, deferred_calls_are_made_once);
	tcase_add_test(tc, descriptor_is_watched_for_what_is_asked);
	tcase_add_loop_test(tc, random_text_is_known_by_its_letters, 0,
	    ROWS(randoms));
	tcase_add_loop_test(tc, code_point_has_its_length, 0, ROWS(points));
	tcase_add_loop_test(tc, escape_is_a_code_point, 0, ROWS(escapes));
	tcase_add_test(tc, whatever_it_holds_is_moved_on);
	tcase_add_loop_test(tc, texts_are_the_same_however_written, 0,
	    ROWS(pairs));
	tcase_add_test(tc, trim_is_for_when_much_has_changed);
	tcase_add_test(tc, threads_share_one_heap);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
