#include "config.h"

#include "web/response.h"

#include <stdio.h>

#include "check_main.h"
#include "web_rig.h"

/* An app whose one handler is the test's. */
static void
begin(tn_handler *handler, void *arg)
{
	web_begin(arg, NULL);
	tn_app_all(app, "/*rest", handler);
	tn_app_all(app, "/", handler);
	web_serve();
}

static const struct {
	const char *name, *header;
	struct tn_slice value;
	bool good;
} headers[] = {
	{ "a plain value", "X-A", { "a b", 3 }, true },
	{ "an empty value", "X-A", { "", 0 }, true },
	{ "a tab", "X-A", { "a\tb", 3 }, true },
	{ "UTF-8", "X-A", { "\xc3\xa9", 2 }, true },
	{ "CR LF", "X-A", { "a\r\nSet-Cookie: b=1", 18 }, false },
	{ "LF alone", "X-A", { "a\nb", 3 }, false },
	{ "CR alone", "X-A", { "a\rb", 3 }, false },
	{ "NUL", "X-A", { "a\0b", 3 }, false },
	{ "DEL", "X-A", { "a\x7f", 2 }, false },
	{ "a name with a space", "X A", { "a", 1 }, false },
	{ "a name with a colon", "X:A", { "a", 1 }, false },
	{ "a name with a line end", "X\n", { "a", 1 }, false },
	{ "no name", "", { "a", 1 }, false },
};

static int
set_one(struct tn_req *req, struct tn_res *res, void *arg)
{
	size_t i = *(const size_t *)arg;

	(void)req;
	tn_res_set(res, headers[i].header, headers[i].value);
	return tn_res_send(res, TN_SLICE("body"));
}

START_TEST(header_is_sent_or_refused)
{
	size_t i = (size_t)_i;

	begin(set_one, &i);
	tn_harness_get(&h, "/");
	ck_assert_msg(h.status == (headers[i].good ? 200 : 500), "%s: %d",
	    headers[i].name, h.status);
	if (headers[i].good)
		ck_assert_msg(tn_slice_eq(tn_harness_header(&h, "x-a"),
		    headers[i].value), "%s", headers[i].name);
	else
		ck_header("set-cookie", NULL);
}
END_TEST

static int
append_many(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	for (size_t i = 0; i < *(const size_t *)arg; i++)
		tn_res_append(res, "X-A", TN_SLICE("1"));
	return tn_res_send(res, TN_SLICE_NONE);
}

START_TEST(headers_are_bounded)
{
	size_t n = TN_LIMIT_RES_HEADERS;

	begin(append_many, &n);
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_assert(tn_harness_header_nth(&h, "x-a", n - 1).ptr != NULL);
	n = TN_LIMIT_RES_HEADERS + 1;
	ck_assert_int_eq(tn_harness_get(&h, "/"), 500);
	ck_slice(h.body, "Internal Server Error");
}
END_TEST

static int
set_all_ways(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	tn_res_set(res, "X-A", TN_SLICE("1"));
	tn_res_append(res, "X-A", TN_SLICE("1"));
	tn_res_append(res, "X-B", TN_SLICE("1"));
	tn_res_append(res, "X-A", TN_SLICE("1"));
	tn_res_set(res, "x-a", TN_SLICE("2"));
	tn_res_append(res, "Set-Cookie", TN_SLICE("a=1"));
	tn_res_append(res, "Set-Cookie", TN_SLICE("b=2"));
	tn_res_vary(res, "Cookie");
	tn_res_vary(res, "Accept");
	tn_res_vary(res, "cookie");
	tn_res_set(res, "X-Gone", TN_SLICE("1"));
	tn_res_remove(res, "x-gone");
	tn_res_type(res, "text/plain");
	tn_res_status(res, 201);
	return tn_res_send(res, TN_SLICE("body"));
}

START_TEST(set_replaces_append_adds_vary_joins)
{
	begin(set_all_ways, NULL);
	ck_assert_int_eq(tn_harness_get(&h, "/"), 201);
	ck_header("status", "201 Created");
	ck_header("x-a", "2");
	ck_slice(tn_harness_header_nth(&h, "x-a", 1), NULL);
	ck_slice(tn_harness_header(&h, "x-b"), "1");
	ck_slice(tn_harness_header_nth(&h, "set-cookie", 1), "b=2");
	ck_header("vary", "Cookie, Accept");
	ck_header("x-gone", NULL);
	ck_header("content-type", "text/plain; charset=utf-8");
	ck_header("content-length", "4");
	ck_slice(h.body, "body");
	ck_assert_str_eq(h.cookies, "a=1; b=2");
}
END_TEST

static int
send_size(struct tn_req *req, struct tn_res *res, void *arg)
{
	size_t n = *(const size_t *)arg;

	return tn_res_send(res, tn_slice(tn_arena_alloc(req->arena, n), n));
}

START_TEST(small_answers_leave_in_one_write)
{
	size_t n = 16384;

	begin(send_size, &n);
	tn_harness_get(&h, "/");
	ck_assert_uint_eq(h.writes, 1);
	ck_assert_uint_eq(h.body.len, n);
	n = 16385;
	tn_harness_get(&h, "/");
	ck_assert_uint_eq(h.writes, 2);
	ck_assert_uint_eq(h.body.len, n);
	ck_assert_uint_eq(h.exchange.res.body_bytes, n);
}
END_TEST

START_TEST(client_that_has_gone_breaks_the_answer)
{
	size_t n = 20000;

	begin(send_size, &n);
	for (size_t i = 1; i <= 2; i++) {
		h.fail_write = i;
		tn_harness_get(&h, "/");
		ck_assert(h.exchange.res.is_broken);
		ck_assert_int_eq(h.exchange.res.state, TN_RES_ENDED);
		ck_assert_uint_eq(h.writes, i);
	}
}
END_TEST

static int
send_kind(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	if (tn_slice_is(req->path, "/json"))
		return tn_res_json(res, TN_SLICE("{}"));
	if (tn_slice_is(req->path, "/status"))
		return tn_res_send_status(res, 418);
	if (tn_slice_is(req->path, "/204")) {
		tn_res_status(res, 204);
		return tn_res_send(res, TN_SLICE("nobody sees this"));
	}
	if (tn_slice_is(req->path, "/bad-status"))
		tn_res_status(res, 99);
	if (tn_slice_is(req->path, "/no-store"))
		tn_res_set(res, "Cache-Control", TN_SLICE("no-store"));
	if (tn_slice_is(req->path, "/own-etag"))
		tn_res_set(res, "ETag", TN_SLICE("\"a,b\""));
	if (tn_slice_is(req->path, "/dated"))
		tn_res_set(res, "Last-Modified",
		    TN_SLICE("Tue, 14 Nov 2023 22:13:20 GMT"));
	return tn_res_send(res, TN_SLICE("<p>"));
}

START_TEST(kinds_of_answers)
{
	begin(send_kind, NULL);
	tn_harness_get(&h, "/");
	ck_header("content-type", "text/html; charset=utf-8");
	tn_harness_get(&h, "/json");
	ck_header("content-type", "application/json; charset=utf-8");
	ck_slice(h.body, "{}");
	ck_assert_int_eq(tn_harness_get(&h, "/status"), 418);
	ck_assert_int_eq(tn_harness_get(&h, "/bad-status"), 500);
	ck_assert_int_eq(tn_harness_get(&h, "/204"), 204);
	ck_slice(h.body, "");
	ck_header("content-length", NULL);
	ck_header("content-type", NULL);
}
END_TEST

START_TEST(head_has_the_head_of_get)
{
	char get[512];

	begin(send_kind, NULL);
	tn_harness_get(&h, "/");
	snprintf(get, sizeof(get), "%.*s", TN_SLICE_ARG(h.head));
	tn_harness_request(&h, "HEAD", "/", NULL, NULL);
	ck_slice(h.head, get);
	ck_slice(h.body, "");
}
END_TEST

/* What the client has, in the ETag's or the date's words; %s is the ETag. */
static const struct {
	const char *name, *method, *path, *headers;
	int status;
} fresh[] = {
	{ "asks for the first time", "GET", "/", "", 200 },
	{ "has it", "GET", "/", "if-none-match: %s\n", 304 },
	{ "has it, strong", "GET", "/own-etag",
	    "if-none-match: \"a,b\"\n", 304 },
	{ "has it, said to be weak", "GET", "/own-etag",
	    "if-none-match: W/\"a,b\"\n", 304 },
	{ "has several", "GET", "/", "if-none-match: \"x,\", W/\"y\", %s\n",
	    304 },
	{ "has another", "GET", "/", "if-none-match: \"x\"\n", 200 },
	{ "half of the tag", "GET", "/own-etag", "if-none-match: \"a\n", 200 },
	{ "no tag at all", "GET", "/", "if-none-match: ,,\n", 200 },
	{ "anything will do", "GET", "/", "if-none-match: *\n", 304 },
	{ "HEAD", "HEAD", "/", "if-none-match: %s\n", 304 },
	{ "POST is carried out", "POST", "/", "if-none-match: *\n", 200 },
	{ "wants it anew", "GET", "/",
	    "if-none-match: %s\ncache-control: no-cache\n", 200 },
	{ "never keep it: no tag", "GET", "/no-store",
	    "if-none-match: %s\n", 200 },
	{ "an error is not kept", "GET", "/bad-status",
	    "if-none-match: *\n", 500 },
	{ "same date", "GET", "/dated",
	    "if-modified-since: Tue, 14 Nov 2023 22:13:20 GMT\n", 304 },
	{ "later date", "GET", "/dated",
	    "if-modified-since: Tue, 14 Nov 2023 22:13:21 GMT\n", 304 },
	{ "earlier date", "GET", "/dated",
	    "if-modified-since: Tue, 14 Nov 2023 22:13:19 GMT\n", 200 },
	{ "a date of old", "GET", "/dated",
	    "if-modified-since: Tuesday, 14-Nov-23 22:13:20 GMT\n", 304 },
	{ "a date of C", "GET", "/dated",
	    "if-modified-since: Tue Nov 14 22:13:20 2023\n", 304 },
	{ "no date", "GET", "/dated",
	    "if-modified-since: Tue, 14 Foo 2023 22:13:20 GMT\n", 200 },
	{ "the tag counts, not the date", "GET", "/dated",
	    "if-none-match: \"x\"\n"
	    "if-modified-since: Tue, 14 Nov 2023 22:13:20 GMT\n", 200 },
	{ "a date where there is none", "GET", "/",
	    "if-modified-since: Tue, 14 Nov 2023 22:13:20 GMT\n", 200 },
};

/* headers with the tag in the place of "%s" */
static void
put_tag(char *to, size_t cap, const char *text, struct tn_slice tag)
{
	const char *at = strstr(text, "%s");

	if (at == NULL)
		snprintf(to, cap, "%s", text);
	else
		snprintf(to, cap, "%.*s%.*s%s", (int)(at - text), text,
		    TN_SLICE_ARG(tag), at + 2);
}

START_TEST(client_that_has_it_gets_304)
{
	char sent[256];

	begin(send_kind, NULL);
	tn_harness_get(&h, fresh[_i].path);
	put_tag(sent, sizeof(sent), fresh[_i].headers,
	    tn_harness_header(&h, "etag"));
	tn_harness_request(&h, fresh[_i].method, fresh[_i].path, sent, NULL);
	ck_assert_msg(h.status == fresh[_i].status, "%s: %d", fresh[_i].name,
	    h.status);
	if (h.status == 304) {
		ck_slice(h.body, "");
		ck_header("content-type", NULL);
		ck_header("content-length", NULL);
		ck_assert(tn_harness_header(&h, "etag").len > 0 ||
		    tn_harness_header(&h, "last-modified").len > 0);
	}
}
END_TEST

START_TEST(etag_follows_the_body)
{
	char first[64];

	begin(send_kind, NULL);
	tn_harness_get(&h, "/");
	snprintf(first, sizeof(first), "%.*s",
	    TN_SLICE_ARG(tn_harness_header(&h, "etag")));
	tn_harness_get(&h, "/json");
	ck_assert(!tn_slice_is(tn_harness_header(&h, "etag"), first));
	tn_harness_get(&h, "/");
	ck_header("etag", first);
	ck_assert(tn_slice_starts(tn_harness_header(&h, "etag"),
	    TN_SLICE("W/\"3-")));
}
END_TEST

static const struct {
	const char *name, *to, *location;	/* NULL: refused */
} redirects[] = {
	{ "the root", "/", "/" },
	{ "a path with a query", "/a?b=c#d", "/a?b=c#d" },
	{ "a URL in the query", "/a?b=https://x", "/a?b=https://x" },
	{ "other letters are encoded", "/\xc3\xa9", "/%C3%A9" },
	{ "spaces are encoded", "/a b?c= d", "/a%20b?c=%20d" },
	{ "a space before another host", "/ /evil.example",
	    "/%20/evil.example" },
	{ "another host", "//evil.example", NULL },
	{ "another host, backslash", "/\\evil.example", NULL },
	{ "two backslashes", "\\\\evil.example", NULL },
	{ "a backslash further on", "/a\\b", NULL },
	{ "a tab that browsers drop", "/\t/evil.example", NULL },
	{ "a line end that browsers drop", "/\n/evil.example", NULL },
	{ "a header", "/a\r\nSet-Cookie: b=1", NULL },
	{ "an absolute URL", "https://evil.example/", NULL },
	{ "a scheme", "javascript:alert(1)", NULL },
	{ "relative", "a", NULL },
	{ "empty", "", NULL },
	{ "a space in front", " /a", NULL },
};

static int
redirect(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	return tn_res_redirect(res, arg);
}

START_TEST(redirect_stays_on_the_site)
{
	begin(redirect, (void *)(uintptr_t)redirects[_i].to);
	tn_harness_get(&h, "/");
	ck_header("location", redirects[_i].location);
	ck_header("set-cookie", NULL);
	ck_assert_msg(h.status == (redirects[_i].location == NULL ? 403 : 302),
	    "%s: %d", redirects[_i].name, h.status);
}
END_TEST

static int
redirect_with(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	tn_res_status(res, *(int *)arg);
	return tn_res_redirect(res, "/a");
}

static const struct { int set, sent; } redirections[] = {
	{ 200, 302 }, { 404, 302 }, { 301, 301 }, { 303, 303 }, { 307, 307 },
	{ 308, 308 }, { 304, 302 },	/* that one leads nowhere */
};

START_TEST(redirect_has_the_status_that_was_set)
{
	int status = redirections[_i].set;

	begin(redirect_with, &status);
	ck_assert_int_eq(tn_harness_get(&h, "/"), redirections[_i].sent);
	ck_header("location", "/a");
}
END_TEST

START_TEST(redirect_after_post_is_a_get)
{
	char to[] = "/a";

	begin(redirect, to);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/", NULL, NULL), 303);
	h.cgi.base_path = TN_SLICE("/app");
	tn_harness_get(&h, "/app/x");
	ck_header("location", "/app/a");
}
END_TEST

static const struct { const char *name, *url; bool good; } outside[] = {
	{ "allowed", "https://pay.example", true },
	{ "allowed, with a path", "https://pay.example/a?b", true },
	{ "another", "https://evil.example/", false },
	{ "a longer name", "https://pay.example.evil/", false },
	{ "a user name", "https://pay.example@evil/", false },
	{ "a port", "https://pay.example:444/", false },
	{ "another scheme", "http://pay.example/", false },
	{ "a line end", "https://pay.example/\r\nA: b", false },
	{ "empty", "", false },
};

static int
redirect_outside(struct tn_req *req, struct tn_res *res, void *arg)
{
	static const char *const allowed[] = { "", "https://pay.example" };

	(void)req;
	return tn_res_redirect_to(res, tn_slice_str(arg), allowed, 2);
}

START_TEST(redirect_outside_is_by_list)
{
	begin(redirect_outside, (void *)(uintptr_t)outside[_i].url);
	tn_harness_get(&h, "/");
	ck_assert_msg(h.status == (outside[_i].good ? 302 : 403), "%s: %d",
	    outside[_i].name, h.status);
}
END_TEST

static int flushes;

static int
count_flush(struct tn_sink *sink)
{
	(void)sink;
	flushes++;
	return 0;
}

static int
stream(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	tn_res_type(res, "text/event-stream");
	if (tn_res_write(res, TN_SLICE("a")) < 0 || tn_res_flush(res) < 0 ||
	    tn_res_write(res, TN_SLICE("b")) < 0)
		return TN_E_IO;
	if (arg != NULL)
		return TN_E_STATE;	/* something goes wrong half-way */
	return tn_res_end(res);
}

START_TEST(streams_leave_piece_by_piece)
{
	char fail[] = "";

	begin(stream, NULL);
	h.sink.flush = count_flush;
	flushes = 0;
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_slice(h.body, "ab");
	ck_header("content-length", NULL);
	ck_assert_uint_eq(h.writes, 3);
	ck_assert_int_eq(flushes, 1);
	ck_assert(!h.exchange.res.is_broken);
	tn_harness_request(&h, "HEAD", "/", NULL, NULL);
	ck_slice(h.body, "");
	web_end();

	begin(stream, fail);
	tn_harness_get(&h, "/");
	ck_assert(h.exchange.res.is_broken);
	ck_slice(h.body, "ab");
}
END_TEST

static char order[16];

static int
before(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	strncat(order, arg, 1);
	return strcmp(arg, "x") == 0 ? TN_E_AWAY : 0;
}

static void
after(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	ck_assert_int_eq(res->state, TN_RES_ENDED);
	strncat(order, arg, 1);
}

static int
hook(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	tn_res_before_head(res, before, (void *)(uintptr_t)"a");
	tn_res_before_head(res, before, arg);
	tn_res_before_head(res, before, (void *)(uintptr_t)"c");
	tn_res_after_end(res, after, (void *)(uintptr_t)"1");
	tn_res_after_end(res, after, (void *)(uintptr_t)"2");
	tn_res_set(res, "Set-Cookie", TN_SLICE("a=1"));
	return tn_res_send(res, TN_SLICE("secret"));
}

START_TEST(hooks_run_last_first_and_may_keep_it_back)
{
	char b[] = "b", bad[] = "x";

	begin(hook, b);
	order[0] = '\0';
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_assert_str_eq(order, "cba21");
	web_end();

	begin(hook, bad);
	order[0] = '\0';
	ck_assert_int_eq(tn_harness_get(&h, "/"), 503);
	ck_assert_str_eq(order, "cxa21");
	ck_assert(!tn_harness_shows(&h, "secret"));
	ck_header("set-cookie", "a=1");
	ck_assert(tn_harness_header(&h, "retry-after").len > 0);
}
END_TEST

static int
set_and_refuse(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	tn_res_cookie(res, "visitor", TN_SLICE("7"), NULL);
	tn_res_set(res, "ETag", TN_SLICE("\"a\""));
	return tn_req_refuse(req, 404, "nothing here");
}

/* A token that was renewed must not be lost with the page. */
START_TEST(cookie_is_set_with_an_error_too)
{
	begin(set_and_refuse, NULL);
	ck_assert_int_eq(tn_harness_get(&h, "/"), 404);
	ck_header("set-cookie", "visitor=7; Path=/");
	ck_header("etag", NULL);
}
END_TEST

static int
send_twice(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	tn_res_send(res, TN_SLICE("one"));
	return tn_res_send(res, TN_SLICE("two"));
}

START_TEST(only_the_first_answer_counts)
{
	begin(send_twice, NULL);
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_slice(h.body, "one");
	ck_assert_uint_eq(h.writes, 1);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("response");
	TCase *tc = tcase_create("response");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, NULL, web_end);
	tcase_add_loop_test(tc, header_is_sent_or_refused, 0, ROWS(headers));
	tcase_add_test(tc, headers_are_bounded);
	tcase_add_test(tc, set_replaces_append_adds_vary_joins);
	tcase_add_test(tc, small_answers_leave_in_one_write);
	tcase_add_test(tc, client_that_has_gone_breaks_the_answer);
	tcase_add_test(tc, kinds_of_answers);
	tcase_add_test(tc, head_has_the_head_of_get);
	tcase_add_loop_test(tc, client_that_has_it_gets_304, 0, ROWS(fresh));
	tcase_add_test(tc, etag_follows_the_body);
	tcase_add_loop_test(tc, redirect_stays_on_the_site, 0,
	    ROWS(redirects));
	tcase_add_loop_test(tc, redirect_has_the_status_that_was_set, 0,
	    ROWS(redirections));
	tcase_add_test(tc, redirect_after_post_is_a_get);
	tcase_add_loop_test(tc, redirect_outside_is_by_list, 0, ROWS(outside));
	tcase_add_test(tc, streams_leave_piece_by_piece);
	tcase_add_test(tc, hooks_run_last_first_and_may_keep_it_back);
	tcase_add_test(tc, cookie_is_set_with_an_error_too);
	tcase_add_test(tc, only_the_first_answer_counts);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
