/* What stands in the head of an answer, and what an error makes of it. */
#include "config.h"

#include "web/head.h"

#include <stdio.h>

#include "check_alloc.h"
#include "check_main.h"
#include "web/app.h"
#include "web/http_date.h"

static struct tn_exchange x;
static char sent[4096];

static int
keep(struct tn_sink *sink, struct tn_slice bytes)
{
	size_t n = strlen(sent);

	(void)sink;
	snprintf(sent + n, sizeof(sent) - n, "%.*s", TN_SLICE_ARG(bytes));
	return 0;
}

static struct tn_sink sink = { .write = keep };

static void
begin(void)
{
	sent[0] = '\0';
	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, &sink, NULL);
	x.req.method = TN_METHOD_GET;
}

static void
end(void)
{
	tn_exchange_fini(&x);
}

static void
ck_header(const char *name, const char *want)
{
	struct tn_slice got = tn_res_get(&x.res, name);

	ck_assert_msg(want == NULL ? got.ptr == NULL : tn_slice_is(got, want),
	    "%s: \"%.*s\", not %s", name, TN_SLICE_ARG(got),
	    want == NULL ? "(none)" : want);
}

static const struct { int status; const char *text; } phrases[] = {
	{ 200, "OK" }, { 204, "No Content" }, { 206, "Partial Content" },
	{ 205, "Reset Content" }, { 304, "Not Modified" },
	{ 402, "Payment Required" }, { 404, "Not Found" },
	{ 413, "Content Too Large" }, { 418, "I'm a Teapot" },
	{ 431, "Request Header Fields Too Large" },
	{ 421, "Misdirected Request" }, { 424, "Failed Dependency" },
	{ 500, "Internal Server Error" }, { 504, "Gateway Timeout" },
	{ 507, "Insufficient Storage" },
	{ 299, "Unknown" }, { 0, "Unknown" }, { -1, "Unknown" },
	{ 1000, "Unknown" },
};

START_TEST(status_has_a_phrase)
{
	ck_assert_str_eq(tn_status_text(phrases[_i].status),
	    phrases[_i].text);
}
END_TEST

/* ---- What an error makes of it ---------------------------------------------- */

static const struct {
	const char *name;
	int code, given, status;
	const char *retry_after;
} failures[] = {
	{ "Redis is away", TN_E_AWAY, 0, 503, "2" },
	{ "Redis is slow", TN_E_TIMEOUT, 0, 503, "2" },
	{ "away, whatever status is given", TN_E_AWAY, 404, 503, "2" },
	{ "bad input", TN_E_SYNTAX, 0, 400, NULL },
	{ "bad input, as said", TN_E_SYNTAX, 415, 415, NULL },
	{ "denied", TN_E_DENIED, 0, 403, NULL },
	{ "denied, as said", TN_E_DENIED, 401, 401, NULL },
	{ "denied, come back later", TN_E_DENIED, 503, 503, "2" },
	{ "taken", TN_E_CONFLICT, 0, 409, NULL },
	{ "taken, as said", TN_E_CONFLICT, 422, 422, NULL },
	{ "no memory", TN_E_NOMEM, 0, 500, NULL },
	{ "a limit", TN_E_LIMIT, 0, 500, NULL },
	{ "a limit, as said", TN_E_LIMIT, 413, 413, NULL },
	{ "our mistake", TN_E_STATE, 0, 500, NULL },
	{ "a status that is none", TN_E_DENIED, 999, 500, NULL },
	{ "a status that is no answer", TN_E_DENIED, 101, 500, NULL },
};

START_TEST(error_has_its_status)
{
	begin();
	tn_err_set(&x.req.err, failures[_i].code, "x");
	x.req.err_status = failures[_i].given;
	tn_res_status(&x.res, 201);
	tn_res_set(&x.res, "ETag", TN_SLICE("\"a\""));
	tn_res_fail(&x.res);
	ck_assert_msg(x.res.status == failures[_i].status, "%s: %d",
	    failures[_i].name, x.res.status);
	ck_header("Retry-After", failures[_i].retry_after);
	ck_header("Cache-Control", "no-store");
	ck_header("ETag", NULL);
	end();
}
END_TEST

START_TEST(time_to_come_back_stays_as_it_was_set)
{
	begin();
	tn_err_set(&x.req.err, TN_E_AWAY, "x");
	tn_res_set(&x.res, "Retry-After", TN_SLICE("30"));
	tn_res_fail(&x.res);
	ck_header("Retry-After", "30");
	end();
}
END_TEST

static const struct { const char *name; bool stays; } described[] = {
	{ "Content-Type", false }, { "Content-Encoding", false },
	{ "Content-Disposition", false }, { "Content-Language", false },
	{ "Content-Length", false }, { "Content-Range", false },
	{ "Accept-Ranges", false }, { "Cache-Control", false },
	{ "ETag", false }, { "Expires", false }, { "Last-Modified", false },
	{ "Location", false }, { "Set-Cookie", true },
	{ "Content-Security-Policy", true }, { "Vary", true },
	{ "Allow", true }, { "X-Request-Id", true },
	{ "Access-Control-Allow-Origin", true }, { "RateLimit", true },
};

START_TEST(what_described_the_answer_is_forgotten)
{
	const char *name = described[_i].name;

	begin();
	tn_res_append(&x.res, name, TN_SLICE("1"));
	tn_res_append(&x.res, name, TN_SLICE("2"));
	tn_res_set(&x.res, "X-Bad", TN_SLICE("\n"));
	tn_res_status(&x.res, 418);
	tn_res_clear(&x.res);
	ck_header(name, described[_i].stays ? "1" : NULL);
	ck_assert_int_eq(x.res.status, 200);
	ck_assert(!x.res.bad_header);
	end();
}
END_TEST

START_TEST(how_much_there_is_stays_in_a_416)
{
	begin();
	tn_req_refuse(&x.req, 416, "none of these parts");
	tn_res_set(&x.res, "Content-Range", TN_SLICE("bytes */10"));
	tn_res_fail(&x.res);
	ck_assert_int_eq(x.res.status, 416);
	ck_header("Content-Range", "bytes */10");
	end();
}
END_TEST

/* ---- Hooks ------------------------------------------------------------------ */

static char order[TN_LIMIT_RES_HOOKS + 2];

static void
after(struct tn_req *req, struct tn_res *res, void *arg)
{
	ck_assert_ptr_eq(req->res, res);
	strncat(order, arg, 1);
}

static int
before(struct tn_req *req, struct tn_res *res, void *arg)
{
	after(req, res, arg);
	return *(const char *)arg == 'x' ? TN_E_AWAY : 0;
}

START_TEST(hooks_are_bounded_and_called_once)
{
	static char names[] = "12345678901234567890";

	begin();
	for (int i = 0; i < TN_LIMIT_RES_HOOKS; i++) {
		ck_assert_int_eq(tn_res_before_head(&x.res, before,
		    &names[i]), 0);
		ck_assert_int_eq(tn_res_after_end(&x.res, after, &names[i]),
		    0);
	}
	ck_assert_int_eq(tn_res_before_head(&x.res, before, names),
	    TN_E_LIMIT);
	ck_assert_int_eq(tn_res_after_end(&x.res, after, names), TN_E_LIMIT);
	order[0] = '\0';
	ck_assert_int_eq(tn_res_begin(&x.res), 0);
	ck_assert_str_eq(order, "87654321");
	ck_assert_int_eq(tn_res_begin(&x.res), 0);
	ck_assert_str_eq(order, "87654321");
	order[0] = '\0';
	tn_res_finish(&x.res);
	tn_res_finish(&x.res);
	ck_assert_str_eq(order, "87654321");
	end();
}
END_TEST

START_TEST(hook_that_fails_keeps_it_back)
{
	static char names[] = "axb";

	begin();
	for (int i = 0; i < 3; i++)
		tn_res_before_head(&x.res, before, &names[i]);
	order[0] = '\0';
	ck_assert_int_eq(tn_res_begin(&x.res), TN_E_AWAY);
	ck_assert_str_eq(order, "bx");
	ck_assert_int_eq(tn_res_begin(&x.res), 0);
	ck_assert_str_eq(order, "bxa");
	end();
}
END_TEST

START_TEST(there_is_room_for_our_own_headers)
{
	begin();
	for (int i = 0; i < TN_LIMIT_RES_HEADERS; i++)
		tn_res_append(&x.res, "X-A", TN_SLICE("1"));
	for (int i = 0; i < TN_LIMIT_RES_OWN_HEADERS; i++) {
		const char *name = tn_arena_printf(&x.arena, "X-%d", i).ptr;

		tn_res_put(&x.res, name, TN_SLICE("1"));
		ck_header(name, "1");
	}
	tn_res_put(&x.res, "X-0", TN_SLICE("2"));	/* in its place */
	ck_header("X-0", "2");
	ck_assert_int_eq(tn_res_begin(&x.res), 0);
	tn_res_put(&x.res, "X-More", TN_SLICE("1"));
	ck_assert_int_eq(tn_res_begin(&x.res), TN_E_STATE);
	end();
}
END_TEST

START_TEST(header_without_memory_keeps_it_back)
{
	begin();
	tn_alloc_fail_at(1);
	tn_res_set(&x.res, "X-A", TN_SLICE("1"));
	ck_assert(tn_alloc_end());
	ck_assert_int_eq(tn_res_begin(&x.res), TN_E_STATE);
	ck_assert_str_eq(x.req.err.text, "no memory for the answer");
	end();
}
END_TEST

/* A value that could not be made is not an empty one. */
static const char *const names[] = { "Vary", "Link", "Location" };

START_TEST(value_without_memory_keeps_it_back)
{
	begin();
	tn_res_vary(&x.res, "Accept");
	tn_res_links(&x.res, "prev", TN_SLICE("/a"));
	ck_assert_int_eq(tn_res_begin(&x.res), 0);
	x.arena.max = x.arena.used + 16;	/* room for nothing much */
	if (_i == 0)
		tn_res_vary(&x.res, "Cookie");
	else if (_i == 1)
		tn_res_links(&x.res, "next", TN_SLICE("/b"));
	else
		tn_res_location(&x.res, TN_SLICE("/a/longer/path"));
	ck_assert_msg(tn_res_begin(&x.res) == TN_E_STATE, "%s", names[_i]);
	end();
}
END_TEST

/* ---- Lists, tags, dates ----------------------------------------------------- */

static const struct { const char *list, *word; bool has; } lists[] = {
	{ "a, b", "a", true }, { "a, b", "B", true }, { "a,b ,c", "b", true },
	{ "ab, c", "a", false }, { "", "a", false }, { ",,a,,", "a", true },
	{ "a;q=0", "a", false }, { "a b", "a", false }, { "a", "ab", false },
};

START_TEST(word_is_in_the_list)
{
	ck_assert_msg(tn_list_has(tn_slice_str(lists[_i].list),
	    tn_slice_str(lists[_i].word)) == lists[_i].has, "%s in %s",
	    lists[_i].word, lists[_i].list);
	ck_assert(!tn_list_has(TN_SLICE_NONE, TN_SLICE("a")));
}
END_TEST

/* The table of RFC 9110, 8.8.3.2, and lists. */
static const struct {
	const char *list, *tag;
	bool weakly, strongly;
} tags[] = {
	{ "W/\"1\"", "W/\"1\"", true, false },
	{ "W/\"1\"", "W/\"2\"", false, false },
	{ "W/\"1\"", "\"1\"", true, false },
	{ "\"1\"", "W/\"1\"", true, false },
	{ "\"1\"", "\"1\"", true, true },
	{ "\"0\", \"1\"", "\"1\"", true, true },
	{ "W/\"1\", \"1\"", "\"1\"", true, true },
	{ "\"1,2\"", "\"1,2\"", true, true },
	{ "\"1,2\"", "\"2\"", false, false },
	{ "*", "\"1\"", true, true },
	{ " * ", "W/\"1\"", true, true },
	{ "*", "", false, false },
	{ "\"*\"", "\"1\"", false, false },
	{ "", "\"1\"", false, false },
	{ "\"1", "\"1\"", false, false },
	{ "1", "\"1\"", false, false },
	{ ",, \"1\"", "\"1\"", true, true },
	{ "\"\"", "\"\"", true, true },
	{ "\"1\"", "", false, false },
};

START_TEST(tag_is_in_the_list)
{
	struct tn_slice list = tn_slice_str(tags[_i].list);
	struct tn_slice tag = tn_slice_str(tags[_i].tag);

	ck_assert_msg(tn_etag_listed(list, tag, false) == tags[_i].weakly,
	    "weakly: %s in %s", tags[_i].tag, tags[_i].list);
	ck_assert_msg(tn_etag_listed(list, tag, true) == tags[_i].strongly,
	    "strongly: %s in %s", tags[_i].tag, tags[_i].list);
}
END_TEST

static const struct { const char *text; int64_t seconds; } dates[] = {
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
	{ "Sun Nov  6 08:49:37 1994", 784111777 },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "Thu, 29 Feb 2024 23:59:59 GMT", 1709251199 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
	{ "Tuesday, 01-Jan-69 00:00:00 GMT", 3124224000 },
	{ "Thursday, 01-Jan-70 00:00:00 GMT", 0 },
	{ "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },	/* a leap second */

	{ "", -1 },
	{ "now", -1 },
	{ "Sun, 06 Nov 1994 08:49:37", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 CET", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 GMTx", -1 },
	{ "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 32 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 Foo 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 ovD 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 No 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
	{ "Sun, 06 Nov 1994 08:60:37 GMT", -1 },
	{ "Sun, 06 Nov 1994 08:49:61 GMT", -1 },
	{ "Sun, 06 Nov 1994 -8:49:37 GMT", -1 },
	{ "Sun, 06 Nov -994 08:49:37 GMT", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", -1 },
};

START_TEST(date_is_read_or_refused)
{
	struct tn_slice text = tn_slice_str(dates[_i].text);
	int64_t seconds = -1;

	ck_assert_msg(tn_http_date_read(text, &seconds) ==
	    (dates[_i].seconds >= 0), "%s", dates[_i].text);
	ck_assert_msg(seconds == dates[_i].seconds, "%s: %lld", dates[_i].text,
	    (long long)seconds);
	for (size_t n = 0; n < text.len && dates[_i].seconds >= 0; n++)
		ck_assert_msg(!tn_http_date_read(tn_slice_first(text, n),
		    &seconds) || n >= 24, "%zu bytes of %s", n,
		    dates[_i].text);
}
END_TEST

static const struct {
	const char *name, *header, *value, *etag;
	bool holds;
} conditions[] = {
	{ "none", "X_A", "1", "\"a\"", true },
	{ "this one", "IF_MATCH", "\"a\"", "\"a\"", true },
	{ "one of several", "IF_MATCH", "\"b\", \"a\"", "\"a\"", true },
	{ "another", "IF_MATCH", "\"b\"", "\"a\"", false },
	{ "a weak one never", "IF_MATCH", "W/\"a\"", "W/\"a\"", false },
	{ "any", "IF_MATCH", "*", "\"a\"", true },
	{ "any, where there is none", "IF_MATCH", "*", NULL, false },
	{ "this one, where there is none", "IF_MATCH", "\"a\"", NULL, false },
	{ "the same date", "IF_UNMODIFIED_SINCE",
	    "Sun, 06 Nov 1994 08:49:37 GMT", NULL, true },
	{ "a later date", "IF_UNMODIFIED_SINCE",
	    "Sun, 06 Nov 1994 08:49:38 GMT", NULL, true },
	{ "an earlier date", "IF_UNMODIFIED_SINCE",
	    "Sun, 06 Nov 1994 08:49:36 GMT", NULL, false },
	{ "no date", "IF_UNMODIFIED_SINCE", "yesterday", NULL, true },
};

START_TEST(precondition_holds_or_not)
{
	begin();
	x.req.method = TN_METHOD_PUT;
	x.req.headers[x.req.nheaders++] = (struct tn_pair){
		tn_slice_str(conditions[_i].header),
		tn_slice_str(conditions[_i].value) };
	if (conditions[_i].etag != NULL)
		tn_res_set(&x.res, "ETag", tn_slice_str(conditions[_i].etag));
	tn_res_set(&x.res, "Last-Modified",
	    TN_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"));
	ck_assert_msg(tn_res_precondition(&x.res) == conditions[_i].holds,
	    "%s", conditions[_i].name);
	end();
}
END_TEST

static const struct {
	const char *name;
	enum tn_method method;
	int status;
	const char *header, *value;	/* of the answer; NULL: none */
	bool is_tagged;
} validated[] = {
	{ "GET", TN_METHOD_GET, 200, NULL, NULL, true },
	{ "HEAD", TN_METHOD_HEAD, 200, NULL, NULL, true },
	{ "POST", TN_METHOD_POST, 200, NULL, NULL, false },
	{ "an error", TN_METHOD_GET, 404, NULL, NULL, false },
	{ "another 2xx", TN_METHOD_GET, 201, NULL, NULL, false },
	{ "not to be kept", TN_METHOD_GET, 200, "Cache-Control",
	    "private, no-store", false },
	{ "to be asked for", TN_METHOD_GET, 200, "Cache-Control", "no-cache",
	    true },
};

START_TEST(complete_answer_gets_a_tag)
{
	begin();
	x.req.method = validated[_i].method;
	tn_res_status(&x.res, validated[_i].status);
	if (validated[_i].header != NULL)
		tn_res_set(&x.res, validated[_i].header,
		    tn_slice_str(validated[_i].value));
	tn_res_validate(&x.res, TN_SLICE("body"));
	ck_assert_msg((tn_res_get(&x.res, "ETag").ptr != NULL) ==
	    validated[_i].is_tagged, "%s", validated[_i].name);
	ck_assert_int_eq(x.res.status, validated[_i].status);
	end();
}
END_TEST

/* ---- Paths of this site ----------------------------------------------------- */

static const struct { struct tn_slice path; bool is_local; } locals[] = {
	{ TN_SLICE("/"), true }, { TN_SLICE("/a?b=//c"), true },
	{ TN_SLICE("/\xc3\xa9"), true }, { TN_SLICE("/a//b"), true },
	{ TN_SLICE(""), false }, { TN_SLICE("a"), false },
	{ TN_SLICE("//a"), false }, { TN_SLICE("/\\a"), false },
	{ TN_SLICE("/a\0b"), false }, { TN_SLICE("/a b"), true },
	{ TN_SLICE("/a\x7f"), false }, { TN_SLICE("http:/a"), false },
	{ TN_SLICE("/\r"), false }, { TN_SLICE("?a"), false },
	{ TN_SLICE(" /a"), false },
};

START_TEST(redirect_takes_what_is_local)
{
	struct tn_slice path = locals[_i].path;
	int rc;

	begin();
	ck_assert_msg(tn_is_local_path(path) == locals[_i].is_local, "%.*s",
	    TN_SLICE_ARG(path));
	rc = tn_res_redirect_slice(&x.res, path);
	ck_assert_int_eq(rc, locals[_i].is_local ? TN_DONE : TN_E_DENIED);
	ck_assert((strstr(sent, "Location: /") != NULL) ==
	    locals[_i].is_local);
	end();
}
END_TEST

START_TEST(local_path_may_be_as_long_as_the_limit)
{
	static char path[TN_LIMIT_HEADER_VALUE / 4 + 1];

	memset(path, '/', 1);
	memset(path + 1, 'a', sizeof(path) - 1);
	ck_assert(tn_is_local_path(tn_slice(path, sizeof(path) - 1)));
	ck_assert(!tn_is_local_path(tn_slice(path, sizeof(path))));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("headers");
	TCase *tc = tcase_create("headers");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_loop_test(tc, status_has_a_phrase, 0, ROWS(phrases));
	tcase_add_loop_test(tc, error_has_its_status, 0, ROWS(failures));
	tcase_add_test(tc, time_to_come_back_stays_as_it_was_set);
	tcase_add_loop_test(tc, what_described_the_answer_is_forgotten, 0,
	    ROWS(described));
	tcase_add_test(tc, how_much_there_is_stays_in_a_416);
	tcase_add_test(tc, hooks_are_bounded_and_called_once);
	tcase_add_test(tc, hook_that_fails_keeps_it_back);
	tcase_add_test(tc, there_is_room_for_our_own_headers);
	tcase_add_test(tc, header_without_memory_keeps_it_back);
	tcase_add_loop_test(tc, value_without_memory_keeps_it_back, 0,
	    ROWS(names));
	tcase_add_loop_test(tc, word_is_in_the_list, 0, ROWS(lists));
	tcase_add_loop_test(tc, tag_is_in_the_list, 0, ROWS(tags));
	tcase_add_loop_test(tc, date_is_read_or_refused, 0, ROWS(dates));
	tcase_add_loop_test(tc, precondition_holds_or_not, 0,
	    ROWS(conditions));
	tcase_add_loop_test(tc, complete_answer_gets_a_tag, 0,
	    ROWS(validated));
	tcase_add_loop_test(tc, redirect_takes_what_is_local, 0, ROWS(locals));
	tcase_add_test(tc, local_path_may_be_as_long_as_the_limit);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
