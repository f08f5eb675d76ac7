/* The greeting of two hosts: both know the secret, and mean this connection. */
#include "config.h"

#include "host/hello.h"

#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "session/signature.h"

#define NAME	TN_SLICE("h2-b")

static const char *const secrets[] = { "sixteen bytes or more" };
static const char *const others[] = { "another secret of one" };
static struct tn_signer *signer, *other;
static struct tn_hello out, in;
static struct tn_buf lines[3];
static char address[TN_HELLO_ADDRESS];

static void
setup(void)
{
	tn_random_start(NULL);
	signer = tn_hello_signer(secrets, 1, NULL);
	other = tn_hello_signer(others, 1, NULL);
	for (int i = 0; i < 3; i++)
		tn_buf_init(&lines[i], 256);
}

static void
teardown(void)
{
	for (int i = 0; i < 3; i++)
		tn_buf_fini(&lines[i]);
	tn_signer_free(&signer);
	tn_signer_free(&other);
}

/* A line without its end. */
static struct tn_slice
line(int i)
{
	struct tn_slice all = tn_buf_view(&lines[i]);

	ck_assert_int_eq(lines[i].failed, 0);
	ck_assert_uint_gt(all.len, 0);
	ck_assert_int_eq(all.ptr[all.len - 1], '\n');
	return tn_slice_first(all, all.len - 1);
}

static int
greet(struct tn_slice from)
{
	int r;

	tn_hello_begin(&out, &lines[0]);
	if ((r = tn_hello_answer(&in, signer, NAME, line(0),
	    &lines[1])) < 0 ||
	    (r = tn_hello_confirm(&out, signer, NAME, from, line(1),
	    &lines[2])) < 0)
		return r;
	return tn_hello_accept(&in, signer, NAME, line(2), address);
}

static const char *const clients[] = { "", "192.0.2.1", "2001:db8::1" };

START_TEST(both_know_each_other)
{
	ck_assert_int_eq(greet(tn_slice_str(clients[_i])), 0);
	ck_assert_str_eq(address, clients[_i]);
}
END_TEST

START_TEST(another_secret_is_refused)
{
	ck_assert_int_eq(greet(TN_SLICE_NONE), 0);
	ck_assert_int_eq(tn_hello_accept(&in, other, NAME, line(2), address),
	    TN_E_DENIED);
	tn_buf_reset(&lines[2]);
	ck_assert_int_eq(tn_hello_confirm(&out, other, NAME, TN_SLICE_NONE,
	    line(1), &lines[2]), TN_E_DENIED);
	ck_assert_uint_eq(lines[2].len, 0);
}
END_TEST

/* The same secret signs cookies: their signatures prove nothing here. */
START_TEST(a_cookies_key_is_another)
{
	struct tn_slice secret = tn_slice_str(secrets[0]);
	struct tn_signer *cookies = tn_signer_new(&secret, 1, NULL);

	ck_assert_int_eq(greet(TN_SLICE_NONE), 0);
	ck_assert_int_eq(tn_hello_accept(&in, cookies, NAME, line(2),
	    address), TN_E_DENIED);
	tn_signer_free(&cookies);
}
END_TEST

START_TEST(another_worker_is_refused)
{
	ck_assert_int_eq(greet(TN_SLICE_NONE), 0);
	tn_buf_reset(&lines[2]);
	ck_assert_int_eq(tn_hello_confirm(&out, signer, TN_SLICE("h2-c"),
	    TN_SLICE_NONE, line(1), &lines[2]), TN_E_DENIED);
}
END_TEST

START_TEST(old_lines_are_refused)
{
	struct tn_buf again;
	struct tn_hello later;

	ck_assert_int_eq(greet(TN_SLICE("192.0.2.1")), 0);
	tn_buf_init(&again, 256);
	ck_assert_int_eq(tn_hello_answer(&later, signer, NAME, line(0),
	    &again), 0);
	ck_assert_int_eq(tn_hello_accept(&later, signer, NAME, line(2),
	    address), TN_E_DENIED);
	ck_assert_str_eq(address, "");
	tn_buf_fini(&again);
}
END_TEST

/* Any byte of any line changed, or the line cut there: nobody is let in. */
START_TEST(no_byte_may_differ)
{
	char copy[256];
	struct tn_slice last;

	ck_assert_int_eq(greet(TN_SLICE("192.0.2.1")), 0);
	last = line(2);
	for (size_t i = 0; i < last.len; i++) {
		memcpy(copy, last.ptr, last.len);
		copy[i] = copy[i] == 'x' ? 'y' : 'x';
		ck_assert_int_lt(tn_hello_accept(&in, signer, NAME,
		    tn_slice(copy, last.len), address), 0);
		ck_assert_int_lt(tn_hello_accept(&in, signer, NAME,
		    tn_slice(copy, i), address), 0);
		ck_assert_str_eq(address, "");
	}
	last = line(1);
	tn_buf_reset(&lines[2]);
	for (size_t i = 0; i < last.len; i++) {
		memcpy(copy, last.ptr, last.len);
		copy[i] = copy[i] == 'x' ? 'y' : 'x';
		ck_assert_int_lt(tn_hello_confirm(&out, signer, NAME,
		    TN_SLICE_NONE, tn_slice(copy, last.len), &lines[2]), 0);
		ck_assert_int_lt(tn_hello_confirm(&out, signer, NAME,
		    TN_SLICE_NONE, tn_slice(copy, i), &lines[2]), 0);
	}
	ck_assert_uint_eq(lines[2].len, 0);
}
END_TEST

static const struct {
	const char *name, *text;
} firsts[] = {
	{ "nothing", "" },
	{ "HTTP", "GET / HTTP/1.1" },
	{ "another form", "TANDEM2 0123456789012345678901" },
	{ "a short nonce", "TANDEM1 012345678901234567890" },
	{ "a long nonce", "TANDEM1 01234567890123456789012" },
	{ "a nonce with a bar", "TANDEM1 012345678901234567890|" },
	{ "a nonce with a space", "TANDEM1 01234567890123456789 1" },
};

START_TEST(another_first_line_is_refused)
{
	ck_assert_msg(tn_hello_answer(&in, signer, NAME,
	    tn_slice_str(firsts[_i].text), &lines[1]) == TN_E_SYNTAX, "%s",
	    firsts[_i].name);
	ck_assert_uint_eq(lines[1].len, 0);
}
END_TEST

START_TEST(survives_want_of_memory)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_slice first;
		int r;

		teardown();
		setup();
		tn_hello_begin(&out, &lines[0]);
		first = line(0);
		tn_alloc_fail_at(n);
		r = tn_hello_answer(&in, signer, NAME, first, &lines[1]);
		failed = tn_alloc_end();
		ck_assert(failed ? r < 0 : r == 0);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hello");
	TCase *t = tcase_create("greeting");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, both_know_each_other, 0, 3);
	tcase_add_test(t, another_secret_is_refused);
	tcase_add_test(t, a_cookies_key_is_another);
	tcase_add_test(t, another_worker_is_refused);
	tcase_add_test(t, old_lines_are_refused);
	tcase_add_test(t, no_byte_may_differ);
	tcase_add_loop_test(t, another_first_line_is_refused, 0,
	    sizeof(firsts) / sizeof(firsts[0]));
	tcase_add_test(t, survives_want_of_memory);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
