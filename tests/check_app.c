#include "config.h"

#include "web/app.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "check_alloc.h"
#include "check_main.h"
#include "web/middleware.h"
#include "web_rig.h"

static int
hello(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_send(res, TN_SLICE("hello"));
}

static int
forget(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	(void)arg;
	return TN_DONE;
}

static int
fail_as_asked(struct tn_req *req, struct tn_res *res, void *arg)
{
	uint64_t n = 0;

	(void)res;
	(void)arg;
	tn_slice_u64(tn_req_param(req, "code"), &n);
	tn_res_set(res, "X-Half", TN_SLICE("made"));
	tn_res_type(res, "image/png");
	return n < 100 ? tn_err_set(&req->err, -(int)n, "internal detail") :
	    tn_req_refuse(req, (int)n, "internal detail");
}

static int
fail_silently(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	(void)arg;
	return TN_E_AWAY;
}

static int
answer_oddly(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	(void)arg;
	return 7;
}

static int
say_if_slow(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send(res, req->is_slow ? TN_SLICE("slow") :
	    TN_SLICE("quick"));
}

static int
count(struct tn_req *req, struct tn_res *res, void *arg)
{
	static int n;

	(void)req;
	(void)arg;
	tn_res_set(res, "X-Count", tn_arena_printf(req->arena, "%d", ++n));
	return TN_NEXT;
}

static int
always_slow(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	(void)arg;
	return TN_SLOW;
}

static int
use_it_up(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	while (tn_arena_alloc(req->arena, 4096) != NULL)
		continue;
	tn_res_set(res, "X-A", TN_SLICE("no room for this"));
	return tn_res_send(res, TN_SLICE("never seen"));
}

static int
error_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send(res, tn_arena_printf(req->arena, "page %d",
	    res->status));
}

static int
broken_error_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	return tn_err_set(&req->err, TN_E_STATE, "worse");
}

static void
make_app(tn_handler *on_error)
{
	web_begin(NULL, NULL);
	tn_app_get(app, "/", hello);
	tn_app_post(app, "/", hello);
	tn_app_get(app, "/get", hello);
	tn_app_put(app, "/put", hello);
	tn_app_patch(app, "/put", hello);
	tn_app_delete(app, "/put", hello);
	tn_app_all(app, "/all", hello);
	tn_app_get(app, "/forget", forget);
	tn_app_get(app, "/fail/:code", fail_as_asked);
	tn_app_get(app, "/silent", fail_silently);
	tn_app_get(app, "/odd", answer_oddly);
	tn_app_get(app, "/slow", count, tn_slow, say_if_slow);
	tn_app_get(app, "/stuck", always_slow);
	tn_app_get(app, "/big", use_it_up);
	if (on_error != NULL)
		tn_app_on_error(app, on_error);
	web_serve();
}

static const struct {
	const char *name, *method, *target;
	int status;
	const char *allow, *body;	/* NULL: none, any */
} answers[] = {
	{ "a page", "GET", "/", 200, NULL, "hello" },
	{ "HEAD from GET", "HEAD", "/get", 200, NULL, "" },
	{ "another method", "POST", "/", 200, NULL, "hello" },
	{ "no such page", "GET", "/nothing", 404, NULL, "Not Found" },
	{ "no such page for POST", "POST", "/nothing", 404, NULL, NULL },
	{ "HEAD of no page", "HEAD", "/nothing", 404, NULL, "" },
	{ "a wrong method", "POST", "/get", 405, "GET, HEAD, OPTIONS", NULL },
	{ "HEAD without GET", "HEAD", "/put", 405,
	    "PUT, PATCH, DELETE, OPTIONS", "" },
	{ "a method nobody knows", "BREW", "/get", 405, "GET, HEAD, OPTIONS",
	    NULL },
	{ "TRACE shows nothing", "TRACE", "/get", 405, "GET, HEAD, OPTIONS",
	    NULL },
	{ "all methods take it", "BREW", "/all", 200, NULL, "hello" },
	{ "OPTIONS", "OPTIONS", "/", 204, "GET, HEAD, POST, OPTIONS", "" },
	{ "OPTIONS of what takes it", "OPTIONS", "/all", 200, NULL, "hello" },
	{ "OPTIONS of no page", "OPTIONS", "/nothing", 404, NULL, NULL },
	{ "a method in small letters", "get", "/", 405,
	    "GET, HEAD, POST, OPTIONS", NULL },
	{ "a method that is none", "G T", "/", 400, NULL, "Bad Request" },
	{ "a path that is none", "GET", "/../etc", 400, NULL, "Bad Request" },
	{ "a forgotten answer", "GET", "/forget", 500, NULL,
	    "Internal Server Error" },
	{ "an odd answer", "GET", "/odd", 500, NULL, NULL },
	{ "an error without a word", "GET", "/silent", 503, NULL, NULL },
	{ "out of memory", "GET", "/fail/1", 500, NULL, NULL },
	{ "malformed", "GET", "/fail/3", 400, NULL, "Bad Request" },
	{ "timeout", "GET", "/fail/7", 503, NULL, NULL },
	{ "away", "GET", "/fail/8", 503, NULL, NULL },
	{ "denied", "GET", "/fail/9", 403, NULL, NULL },
	{ "conflict", "GET", "/fail/10", 409, NULL, NULL },
	{ "refused with a status", "GET", "/fail/418", 418, NULL, NULL },
	{ "slow handlers are called again", "GET", "/slow", 200, NULL,
	    "slow" },
	{ "what stays slow is stopped", "GET", "/stuck", 500, NULL, NULL },
	{ "a request that wants too much", "GET", "/big", 500, NULL,
	    "Internal Server Error" },
};

START_TEST(every_request_is_answered)
{
	struct tn_slice allow;

	make_app(NULL);
	tn_harness_request(&h, answers[_i].method, answers[_i].target, NULL,
	    NULL);
	ck_assert_msg(h.status == answers[_i].status, "%s: %d",
	    answers[_i].name, h.status);
	allow = tn_harness_header(&h, "allow");
	ck_assert_msg(answers[_i].allow == NULL ? allow.ptr == NULL :
	    tn_slice_is(allow, answers[_i].allow), "%s: %.*s",
	    answers[_i].name, TN_SLICE_ARG(allow));
	ck_assert_msg(answers[_i].body == NULL ||
	    tn_slice_is(h.body, answers[_i].body), "%s: %.*s",
	    answers[_i].name, TN_SLICE_ARG(h.body));
	ck_assert(!tn_harness_shows(&h, "detail"));
	ck_assert(!h.exchange.res.is_broken);
	if (h.status >= 400) {
		ck_header("content-type", "text/plain; charset=utf-8");
		ck_assert((h.status == 503) ==
		    (tn_harness_header(&h, "retry-after").len > 0));
	}
}
END_TEST

START_TEST(error_page_answers_what_went_wrong)
{
	char page[32];

	make_app(error_page);
	tn_harness_request(&h, answers[_i].method, answers[_i].target, NULL,
	    NULL);
	ck_assert_msg(h.status == answers[_i].status, "%s: %d",
	    answers[_i].name, h.status);
	snprintf(page, sizeof(page), "page %d", h.status);
	if (h.status >= 400 && strcmp(answers[_i].target, "/big") != 0 &&
	    strcmp(answers[_i].method, "HEAD") != 0)
		ck_assert_msg(tn_slice_is(h.body, page), "%s: %.*s",
		    answers[_i].name, TN_SLICE_ARG(h.body));
}
END_TEST

START_TEST(broken_error_page_is_replaced)
{
	make_app(broken_error_page);
	ck_assert_int_eq(tn_harness_get(&h, "/nothing"), 404);
	ck_slice(h.body, "Not Found");
}
END_TEST

START_TEST(chain_goes_on_where_it_was_slow)
{
	make_app(NULL);
	tn_harness_get(&h, "/slow");
	ck_assert(h.was_slow);
	ck_header("x-count", "1");
	tn_harness_get(&h, "/");
	ck_assert(!h.was_slow);
}
END_TEST

static struct tn_harness *
sink_harness(struct tn_sink *sink)
{
	return (struct tn_harness *)((char *)sink -
	    offsetof(struct tn_harness, sink));
}

static int
keep(struct tn_sink *sink, struct tn_slice bytes)
{
	tn_buf_slice(&sink_harness(sink)->raw, bytes);
	return 0;
}

START_TEST(full_host_refuses_in_the_middle)
{
	static char *words[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/slow",
		NULL };
	struct tn_exchange *x = &h.exchange;

	make_app(NULL);
	h.sink.write = keep;
	tn_exchange_begin(x, &h.sink, NULL);
	ck_assert_int_eq(tn_cgi_read(&x->req, words, NULL), 0);
	ck_assert_int_eq(tn_app_handle(app, &x->req, &x->res), TN_SLOW);
	ck_assert_uint_eq(h.raw.len, 0);
	ck_assert_int_eq(tn_app_refuse(app, &x->req, &x->res, 503, 9),
	    TN_DONE);
	tn_buf_char(&h.raw, '\0');
	ck_assert_ptr_nonnull(strstr(h.raw.ptr, "Status: 503"));
	ck_assert_ptr_nonnull(strstr(h.raw.ptr, "Retry-After: 9\r\n"));
}
END_TEST

/* What the log holds after the requests of a test. */
static void
read_log(int fd, char *text, size_t cap)
{
	ssize_t n = pread(fd, text, cap - 1, 0);

	ck_assert(n >= 0);
	text[n] = '\0';
}

START_TEST(requests_and_errors_are_logged_once)
{
	char name[] = "/tmp/tn-app-XXXXXX", text[8192];
	struct tn_log log = { .target = TN_LOG_FILE, .level = TN_LOG_INFO,
		.program = "test", .fd = mkstemp(name) };
	char *first;

	web_begin(NULL, &log);
	ck_assert_int_ge(log.fd, 0);
	unlink(name);
	tn_app_use(app, tn_request_log(&log));
	tn_app_get(app, "/fail/:code", fail_as_asked);
	web_serve();
	tn_harness_get(&h, "/fail/9?token=secret");
	tn_harness_get(&h, "/a%22%0ab");
	tn_harness_get(&h, "/fail/4");
	read_log(log.fd, text, sizeof(text));
	first = strstr(text, "info web.error");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "path=/fail/9 address=127.0.0.1 "
	    "status=403 reason=\"internal detail\"\ninfo web.error"));
	ck_assert_ptr_nonnull(strstr(text, "info web.request id="));
	ck_assert_ptr_nonnull(strstr(text, "path=/fail/9 status=403 bytes=9"));
	ck_assert_ptr_nonnull(strstr(text, "reason=\"internal detail\""));
	ck_assert_ptr_nonnull(strstr(text, "reason=\"path is no plain text\""));
	ck_assert_ptr_nonnull(strstr(text, "error web.error"));
	ck_assert_ptr_null(strstr(text, "secret"));
	close(log.fd);
}
END_TEST

/* Whatever allocation fails, the answer is whole, or cut and known to be. */
START_TEST(out_of_memory_is_survived)
{
	bool failed = true;

	for (unsigned n = 1; n == 1 || failed; n++) {
		make_app(error_page);
		tn_arena_alloc(&h.words, 1);
		tn_buf_room(&h.raw, 65536);
		tn_alloc_fail_at(n);
		tn_harness_get(&h, "/fail/9?a=b");
		failed = tn_alloc_end();
		ck_assert(h.exchange.res.is_broken || h.status == 403 ||
		    h.status == 500);
		web_end();
	}
}
END_TEST

static int
attach(struct tn_req *req, struct tn_res *res, void *arg)
{
	static char name[600];

	(void)req;
	(void)arg;
	memset(name, '"', sizeof(name) - 1);
	tn_res_attachment(res, tn_slice_str(name));
	return tn_res_send(res, TN_SLICE("x"));
}

/* Half a policy would allow what the other half forbids. */
START_TEST(header_is_whole_or_its_answer_an_error)
{
	static const char *const names[] = { "content-security-policy",
		"content-disposition" };
	char whole[2][2048];

	/* first as it should be, then failing at 1, 2, ... */
	for (unsigned n = 0, failed = 1; n == 0 || failed; n++) {
		web_begin(NULL, NULL);
		tn_app_use(app, tn_security_headers(NULL));
		tn_app_get(app, "/", attach);
		web_serve();
		tn_arena_alloc(&h.words, 1);
		tn_buf_room(&h.raw, 65536);
		if (n > 0)
			tn_alloc_fail_at(n);
		tn_harness_get(&h, "/");
		failed = n == 0 || tn_alloc_end();
		for (size_t i = 0; i < 2; i++) {
			struct tn_slice got = tn_harness_header(&h, names[i]);

			if (n == 0)
				snprintf(whole[i], sizeof(whole[i]), "%.*s",
				    TN_SLICE_ARG(got));
			ck_assert_msg(h.status != 200 ||
			    tn_slice_is(got, whole[i]), "%u: %s: %.*s", n,
			    names[i], TN_SLICE_ARG(got));
		}
		web_end();
	}
}
END_TEST

START_TEST(adding_without_memory_is_remembered)
{
	bool failed = true;

	for (unsigned n = 1; n == 1 || failed; n++) {
		struct tn_router *r;
		int rc;

		tn_alloc_fail_at(n);
		app = tn_app_new(NULL, NULL, NULL);
		if (app == NULL) {
			failed = tn_alloc_end();
			continue;
		}
		r = tn_router_new(NULL);
		tn_router_get(r, "/:a", hello);
		tn_app_mount(app, "/m", r);
		tn_app_use(app, tn_form_body(NULL));
		tn_app_use(app, tn_security_headers(NULL));
		tn_app_get(app, "/", hello, hello);
		tn_app_on_error(app, error_page);
		failed = tn_alloc_end();
		rc = tn_app_check(app, NULL);
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
		tn_app_free(&app);
	}
}
END_TEST

START_TEST(one_exchange_serves_many_requests_without_growing)
{
	size_t cap;

	make_app(error_page);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		tn_harness_request(&h, answers[i].method, answers[i].target,
		    NULL, NULL);
	cap = h.exchange.res.out.cap;
	tn_harness_get(&h, "/");
	tn_alloc_fail_at(1);		/* the harness' own has its room too */
	tn_harness_get(&h, "/");
	ck_assert(!tn_alloc_end());
	ck_assert_int_eq(h.status, 200);
	ck_assert_uint_eq(h.exchange.res.out.cap, cap);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("app");
	TCase *tc = tcase_create("app");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, NULL, web_end);
	tcase_add_loop_test(tc, every_request_is_answered, 0, ROWS(answers));
	tcase_add_loop_test(tc, error_page_answers_what_went_wrong, 0,
	    ROWS(answers));
	tcase_add_test(tc, broken_error_page_is_replaced);
	tcase_add_test(tc, chain_goes_on_where_it_was_slow);
	tcase_add_test(tc, full_host_refuses_in_the_middle);
	tcase_add_test(tc, requests_and_errors_are_logged_once);
	tcase_add_test(tc, out_of_memory_is_survived);
	tcase_add_test(tc, header_is_whole_or_its_answer_an_error);
	tcase_add_test(tc, adding_without_memory_is_remembered);
	tcase_add_test(tc, one_exchange_serves_many_requests_without_growing);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
