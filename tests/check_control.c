/* The control socket: its words, who is heard, and what it answers. */
#include "config.h"

#include "host/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "check_alloc.h"
#include "check_main.h"
#include "poll_loop.h"

enum { WAIT_MS = 3000, MAX_WORDS = 4 };

/* ---- Words --------------------------------------------------------------- */

static const struct {
	const char *name, *text;
	int result;
	size_t n;
	const char *last;
} lines[] = {
	{ "one word", "[\"stats\"]", 0, 1, "stats" },
	{ "several", " [ \"a\", \"\", \"b c\" ] ", 0, 3, "b c" },
	{ "escapes are decoded", "[\"a\\u00e9\\n\"]", 0, 1, "a\xc3\xa9\n" },
	{ "as many as there is room for", "[\"1\",\"2\",\"3\",\"4\"]", 0, 4,
	    "4" },
	{ "one more", "[\"1\",\"2\",\"3\",\"4\",\"5\"]", TN_E_LIMIT, 4, NULL },
	{ "none", "[]", TN_E_SYNTAX, 0, NULL },
	{ "no array", "{\"a\":\"b\"}", TN_E_TYPE, 0, NULL },
	{ "a number", "[\"a\",1]", TN_E_TYPE, 0, NULL },
	{ "a NUL", "[\"a\\u0000\"]", TN_E_SYNTAX, 0, NULL },
	{ "not UTF-8", "[\"\xff\"]", TN_E_SYNTAX, 0, NULL },
	{ "nothing", "", TN_E_SYNTAX, 0, NULL },
	{ "something behind it", "[\"a\"]x", TN_E_SYNTAX, 0, NULL },
};

static int
words_of(const char *text, size_t len, struct tn_slice *words, size_t *n,
    struct tn_arena *arena)
{
	tn_arena_init(arena, 65536);
	return tn_control_words(tn_slice(text, len), arena, words, MAX_WORDS,
	    n, NULL);
}

START_TEST(reads_words)
{
	struct tn_slice words[MAX_WORDS];
	struct tn_arena arena;
	size_t n;
	int r = words_of(lines[_i].text, strlen(lines[_i].text), words, &n,
	    &arena);

	ck_assert_msg(r == lines[_i].result, "%s: %d", lines[_i].name, r);
	if (r == 0) {
		ck_assert_msg(n == lines[_i].n, "%s: %zu", lines[_i].name, n);
		ck_assert_msg(tn_slice_is(words[n - 1], lines[_i].last), "%s",
		    lines[_i].name);
	}
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(a_line_cut_anywhere_is_refused)
{
	static const char line[] = "[\"dis\\u0063onnect\",\"abc\"]";
	struct tn_slice words[MAX_WORDS];
	struct tn_arena arena;
	size_t n;

	for (size_t len = 0; len + 1 < sizeof(line) - 1; len++) {
		ck_assert_int_lt(words_of(line, len, words, &n, &arena), 0);
		tn_arena_fini(&arena);
	}
}
END_TEST

/* ---- The socket ---------------------------------------------------------- */

static char dir[64], path[160];
static struct poll_loop loop;
static struct tn_control *control;
static struct tn_control_call *held;

static void
on_request(struct tn_control_call *call, const struct tn_slice *words,
    size_t n, void *arg)
{
	char text[64];

	(void)arg;
	if (tn_slice_is(words[0], "later")) {
		held = call;
		return;
	}
	if (tn_slice_is(words[0], "no")) {
		tn_control_refuse(call, "not \"that\"");
		return;
	}
	snprintf(text, sizeof(text), "{\"words\":%zu}", n);
	tn_control_answer(call, tn_slice_str(text));
}

static void
setup(void)
{
	strcpy(dir, "/tmp/check_control.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/in/a.ctl", dir);
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	control = tn_control_new(&loop.loop, NULL, path, on_request, NULL,
	    NULL);
	ck_assert_ptr_nonnull(control);
	held = NULL;
}

static void
teardown(void)
{
	char inner[80];

	tn_control_free(&control);
	poll_loop_fini(&loop);
	snprintf(inner, sizeof(inner), "%s/in", dir);
	ck_assert_int_eq(rmdir(inner), 0);	/* the socket is gone */
	rmdir(dir);
}

static int
call(const char *text)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(addr.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
	    0);
	if (text[0] != '\0')
		ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL),
		    (ssize_t)strlen(text));
	return fd;
}

struct heard {
	int fd;
	char text[256];
	size_t len;
	bool ended;
};

static bool
has_ended(void *arg)
{
	struct heard *h = arg;
	ssize_t n = recv(h->fd, h->text + h->len,
	    sizeof(h->text) - 1 - h->len, MSG_DONTWAIT);

	if (n > 0)
		h->len += (size_t)n;
	h->ended = n == 0;
	return h->ended;
}

static const char *
answer_to(struct heard *h)
{
	ck_assert(poll_loop_until(&loop, has_ended, h, WAIT_MS));
	close(h->fd);
	return h->text;
}

START_TEST(answers_and_hangs_up)
{
	struct heard one = { .fd = call("[\"a\",\"b\"]\n") };
	struct heard no = { .fd = call("[\"no\"]\n") };
	struct heard bad = { .fd = call("stats\n") };
	struct stat st;

	ck_assert_str_eq(answer_to(&one), "{\"words\":2}\n");
	ck_assert_str_eq(answer_to(&no), "{\"error\":\"not \\\"that\\\"\"}\n");
	ck_assert_int_eq(strncmp(answer_to(&bad), "{\"error\":", 9), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(a_request_may_come_in_bytes)
{
	static const char line[] = "[\"a\"]\n";
	struct heard h = { .fd = call("") };

	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		ck_assert_int_eq(send(h.fd, line + i, 1, MSG_NOSIGNAL), 1);
		poll_loop_turn(&loop, 1);
	}
	ck_assert_str_eq(answer_to(&h), "{\"words\":1}\n");
}
END_TEST

static bool
is_held(void *arg)
{
	(void)arg;
	return held != NULL;
}

START_TEST(an_answer_may_come_later)
{
	struct heard h = { .fd = call("[\"later\"]\n") };

	ck_assert(poll_loop_until(&loop, is_held, NULL, WAIT_MS));
	tn_control_answer(held, TN_SLICE("{}"));
	ck_assert_str_eq(answer_to(&h), "{}\n");
}
END_TEST

static bool
has_ended_counting(void *arg)
{
	static char text[65536];
	struct heard *h = arg;
	ssize_t n;

	while ((n = recv(h->fd, text, sizeof(text), MSG_DONTWAIT)) > 0)
		h->len += (size_t)n;
	return n == 0;
}

/* A string of so many bytes with its quotes, and how much of it arrives. */
static size_t
arrives_of(size_t len)
{
	struct heard h = { .fd = call("[\"later\"]\n") };
	char *text = malloc(len);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', len);
	text[0] = text[len - 1] = '"';
	held = NULL;
	ck_assert(poll_loop_until(&loop, is_held, NULL, WAIT_MS));
	tn_control_answer(held, tn_slice(text, len));
	free(text);
	ck_assert(poll_loop_until(&loop, has_ended_counting, &h, WAIT_MS));
	close(h.fd);
	return h.len;
}

START_TEST(an_answer_longer_than_the_limit)
{
	static const char no[] = "{\"error\":\"the answer is too long\"}\n";

	ck_assert_uint_eq(arrives_of(TN_LIMIT_CONTROL_ANSWER - 1),
	    TN_LIMIT_CONTROL_ANSWER);
	ck_assert_uint_eq(arrives_of(TN_LIMIT_CONTROL_ANSWER), sizeof(no) - 1);
	ck_assert_uint_eq(arrives_of(TN_LIMIT_CONTROL_ANSWER + 1),
	    sizeof(no) - 1);
}
END_TEST

START_TEST(an_answer_may_come_too_late)
{
	struct heard h = { .fd = call("[\"later\"]\n") };

	ck_assert(poll_loop_until(&loop, is_held, NULL, WAIT_MS));
	tn_control_free(&control);
	tn_control_answer(held, TN_SLICE("{}"));
	ck_assert_str_eq(answer_to(&h), "");
}
END_TEST

START_TEST(an_endless_request_is_refused)
{
	char part[4096];
	struct heard h = { .fd = call("") };

	memset(part, 'x', sizeof(part));
	for (int i = 0; i < 100 && !h.ended; i++) {
		send(h.fd, part, sizeof(part), MSG_NOSIGNAL | MSG_DONTWAIT);
		poll_loop_turn(&loop, 1);
		has_ended(&h);
	}
	ck_assert_int_eq(strncmp(h.text, "{\"error\":", 9), 0);
	close(h.fd);
}
END_TEST

START_TEST(more_callers_than_the_limit)
{
	int fds[TN_LIMIT_CONTROL_CALLS];
	struct heard h;

	for (int i = 0; i < TN_LIMIT_CONTROL_CALLS; i++)
		fds[i] = call("");
	h = (struct heard){ .fd = call("") };
	ck_assert_str_eq(answer_to(&h), "");
	for (int i = 0; i < TN_LIMIT_CONTROL_CALLS; i++)
		close(fds[i]);
	for (int i = 0; i < 50; i++)
		poll_loop_turn(&loop, 1);
	h = (struct heard){ .fd = call("[\"a\"]\n") };
	ck_assert_str_eq(answer_to(&h), "{\"words\":1}\n");
}
END_TEST

START_TEST(a_folder_of_everybody_is_refused)
{
	struct tn_err err;
	char inner[80];

	snprintf(inner, sizeof(inner), "%s/in", dir);
	chmod(inner, 0777);
	snprintf(path, sizeof(path), "%s/b.ctl", inner);
	ck_assert_ptr_null(tn_control_new(&loop.loop, NULL, path, on_request,
	    NULL, &err));
	ck_assert_int_eq(err.code, TN_E_CONFIG);
	chmod(inner, 0700);
}
END_TEST

START_TEST(two_cannot_have_one_socket)
{
	struct tn_err err;

	ck_assert_ptr_null(tn_control_new(&loop.loop, NULL, path, on_request,
	    NULL, &err));
	ck_assert_int_eq(err.code, TN_E_STATE);
}
END_TEST

START_TEST(survives_want_of_memory)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct heard h = { .fd = call("[\"a\"]\n") };

		tn_alloc_fail_at(n);
		for (int i = 0; i < 20 && !h.ended; i++) {
			poll_loop_turn(&loop, 1);
			has_ended(&h);
		}
		failed = tn_alloc_end();
		ck_assert(h.len == 0 || h.text[0] == '{');
		close(h.fd);
		for (int i = 0; i < 3; i++)
			poll_loop_turn(&loop, 1);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("words");

	tcase_add_loop_test(t, reads_words, 0,
	    sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, a_line_cut_anywhere_is_refused);
	suite_add_tcase(s, t);
	t = tcase_create("socket");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, answers_and_hangs_up);
	tcase_add_test(t, a_request_may_come_in_bytes);
	tcase_add_test(t, an_answer_may_come_later);
	tcase_add_test(t, an_answer_longer_than_the_limit);
	tcase_add_test(t, an_answer_may_come_too_late);
	tcase_add_test(t, an_endless_request_is_refused);
	tcase_add_test(t, more_callers_than_the_limit);
	tcase_add_test(t, a_folder_of_everybody_is_refused);
	tcase_add_test(t, two_cannot_have_one_socket);
	tcase_add_test(t, survives_want_of_memory);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
