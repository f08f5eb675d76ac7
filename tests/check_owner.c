/* Whose request is it: the first line of a head, however it comes. */
#include "config.h"

#include "host/owner.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "check_main.h"

#define SID	"lv_VI97HAXpY6yYWAAAC"
#define LINE(target)	"GET " target " HTTP/1.1\r\n"

static const struct {
	const char *name, *head;
	const char *owner;	/* NULL: nobody's */
} heads[] = {
	{ "a poll", LINE("/socket.io/?EIO=4&transport=polling&sid=" SID ".a"),
	    "a" },
	{ "first in the query", LINE("/socket.io/?sid=" SID ".w0&EIO=4"),
	    "w0" },
	{ "a host and its worker", LINE("/socket.io/?sid=" SID ".h-1_x"),
	    "h-1_x" },
	{ "an absolute target", LINE("http://h/socket.io/?sid=" SID ".a"),
	    "a" },
	{ "a bare line feed", "GET /?sid=x.a HTTP/1.1\n", "a" },
	{ "no version", "GET /?sid=x.a\r\n", NULL },
	{ "a handshake", LINE("/socket.io/?EIO=4&transport=polling"), NULL },
	{ "no query", LINE("/health"), NULL },
	{ "an empty sid", LINE("/?sid="), NULL },
	{ "no worker", LINE("/?sid=" SID), NULL },
	{ "an empty worker", LINE("/?sid=" SID "."), NULL },
	{ "nothing before the dot", LINE("/?sid=.a"), NULL },
	{ "two dots", LINE("/?sid=a.b.c"), NULL },
	{ "two sids", LINE("/?sid=x.a&sid=x.b"), NULL },
	{ "encoded", LINE("/?sid=x%2Ea"), NULL },
	{ "a worker from elsewhere", LINE("/?sid=x.../../etc/a"), NULL },
	{ "another name", LINE("/?side=x.a&asid=x.a"), NULL },
	{ "as long as a worker's name may be",
	    LINE("/?sid=x.a2345678901234567890123456789012"),
	    "a2345678901234567890123456789012" },
	{ "longer by one", LINE("/?sid=x.a23456789012345678901234567890123"),
	    NULL },
	{ "an empty line", "\r\n", NULL },
	{ "binary", "\x16\x03\x01\n", NULL },
};

START_TEST(finds_the_owner)
{
	struct tn_slice owner;
	int r = tn_owner_read(tn_slice_str(heads[_i].head), &owner);

	ck_assert_msg(r == (int)strlen(heads[_i].head), "%s: %d",
	    heads[_i].name, r);
	if (heads[_i].owner == NULL)
		ck_assert_msg(owner.ptr == NULL, "%s: %.*s", heads[_i].name,
		    TN_SLICE_ARG(owner));
	else
		ck_assert_msg(tn_slice_is(owner, heads[_i].owner), "%s: %.*s",
		    heads[_i].name, TN_SLICE_ARG(owner));
}
END_TEST

START_TEST(needs_the_whole_line)
{
	struct tn_slice head = tn_slice_str(heads[_i].head), owner;

	for (size_t len = 0; len < head.len; len++)
		ck_assert_msg(tn_owner_read(tn_slice_first(head, len),
		    &owner) == 0 && owner.ptr == NULL, "%s: at %zu",
		    heads[_i].name, len);
}
END_TEST

/* The line's end is the limit's last byte; then one byte later. */
START_TEST(bounds_the_line)
{
	char text[TN_LIMIT_OWNER_LINE + 8];
	struct tn_slice owner;
	size_t at = TN_LIMIT_OWNER_LINE - 1;

	memset(text, 'x', sizeof(text));
	memcpy(text, "GET /?sid=x.a&", 14);
	ck_assert_int_eq(tn_owner_read(tn_slice(text, at), &owner), 0);
	text[at] = '\n';
	ck_assert_int_eq(tn_owner_read(tn_slice(text, at + 1), &owner),
	    TN_LIMIT_OWNER_LINE);
	ck_assert(tn_slice_is(owner, "a"));
	text[at] = 'x';
	text[at + 1] = '\n';
	ck_assert_int_eq(tn_owner_read(tn_slice(text, at + 2), &owner),
	    TN_E_LIMIT);
	ck_assert_int_eq(tn_owner_read(tn_slice(text, at + 1), &owner),
	    TN_E_LIMIT);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("owner");
	TCase *t = tcase_create("line");
	const int n = sizeof(heads) / sizeof(heads[0]);

	tcase_add_loop_test(t, finds_the_owner, 0, n);
	tcase_add_loop_test(t, needs_the_whole_line, 0, n);
	tcase_add_test(t, bounds_the_line);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
