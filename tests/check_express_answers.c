/* What is set on an answer, beside Express: tests/data/express.tsv. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "session/cookie.h"
#include "session/signature.h"
#include "vectors.h"
#include "web/harness.h"
#include "web/middleware.h"

static struct tn_exchange x;
static struct tn_vector v;
static struct tn_signer *signer;

static void
setup(void)
{
	struct tn_slice secret = TN_SLICE("keyboard cat");

	signer = tn_signer_new(&secret, 1, NULL);
	ck_assert_ptr_nonnull(signer);
	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
}

static void
teardown(void)
{
	tn_exchange_fini(&x);
	tn_signer_free(&signer);
}

/* All vectors of one kind; at least so many. */
static void
each(const char *kind, size_t at_least, void (*check)(void))
{
	struct tn_vectors vectors;
	size_t n = 0;

	tn_vectors_open(&vectors, "express.tsv");
	while (tn_vectors_next(&vectors, &v)) {
		if (!tn_slice_is(v.field[0], kind))
			continue;
		tn_exchange_begin(&x, NULL, NULL);
		x.req.signer = signer;
		check();
		ck_assert_msg(!x.res.bad_header, "line %u", v.line);
		n++;
	}
	ck_assert_uint_ge(n, at_least);
	tn_vectors_close(&vectors);
}

static void
ck_set(const char *header)
{
	struct tn_slice got = tn_res_get(&x.res, header);

	ck_assert_msg(tn_slice_eq(got, v.field[4]), "line %u: \"%.*s\", not "
	    "\"%.*s\"", v.line, TN_SLICE_ARG(got), TN_SLICE_ARG(v.field[4]));
}

/* ---- Cookies ---------------------------------------------------------------- */

static int
which(struct tn_slice word, const char *const words[3])
{
	for (int i = 0; i < 3; i++) {
		if (tn_slice_is(word, words[i]))
			return i + 1;
	}
	return 0;
}

/* "path=/a http same=lax" */
static struct tn_cookie_options
options_of(struct tn_slice words)
{
	static const char *const sites[] = { "lax", "strict", "none" };
	static const char *const priorities[] = { "low", "medium", "high" };
	struct tn_cookie_options o = { .secure = false };

	while (words.len > 0) {
		struct tn_slice value = tn_slice_cut(&words, ' ');
		struct tn_slice name = tn_slice_cut(&value, '=');
		uint64_t n = 0;

		o.http_only |= tn_slice_is(name, "http");
		o.partitioned |= tn_slice_is(name, "part");
		o.secure |= tn_slice_is(name, "secure") ||
		    tn_slice_is(name, "part");
		if (tn_slice_is(name, "path"))
			o.path = value;
		if (tn_slice_is(name, "domain"))
			o.domain = value;
		if (tn_slice_is(name, "same"))
			o.same_site = (enum tn_same_site)which(value, sites);
		if (tn_slice_is(name, "prio"))
			o.priority = (enum tn_priority)which(value,
			    priorities);
		if (tn_slice_is(name, "expires")) {
			ck_assert(tn_slice_u64(value, &n));
			o.has_expires = true;
			o.expires_ms = (int64_t)n * 1000;
		}
	}
	return o;
}

static void
check_cookie(void)
{
	struct tn_cookie_options o = options_of(v.field[2]);

	tn_res_cookie(&x.res, "c", v.field[1],
	    v.field[2].len == 0 ? NULL : &o);
	ck_set("Set-Cookie");
}

static void
check_signed(void)
{
	struct tn_cookie_options o = options_of(v.field[2]);

	tn_res_signed_cookie(&x.res, "c", v.field[1], &o);
	ck_set("Set-Cookie");
}

static void
check_clear(void)
{
	struct tn_cookie_options o = options_of(v.field[2]);

	tn_res_clear_cookie(&x.res, "c", v.field[2].len == 0 ? NULL : &o);
	ck_set("Set-Cookie");
}

START_TEST(cookies_are_set_as_by_express)
{
	each("cookie", 40, check_cookie);
	each("signed", 14, check_signed);
	each("clear", 14, check_clear);
}
END_TEST

/* An age is written as it is, and as an end that is so far off. */
START_TEST(age_of_a_cookie_is_an_end_too)
{
	const struct tn_cookie_options o = { .has_max_age = true,
		.max_age_s = 0 };
	struct tn_slice got;

	tn_res_cookie(&x.res, "c", TN_SLICE("x"), &o);
	got = tn_res_get(&x.res, "Set-Cookie");
	ck_assert_msg(tn_slice_starts(got,
	    TN_SLICE("c=x; Max-Age=0; Path=/; Expires=")), "%.*s",
	    TN_SLICE_ARG(got));
	tn_exchange_begin(&x, NULL, NULL);
	tn_res_clear_cookie(&x.res, "c", &o);	/* the age is left out */
	ck_assert(tn_slice_is(tn_res_get(&x.res, "Set-Cookie"),
	    "c=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"));
}
END_TEST

static const struct {
	const char *name, *cookie;
	struct tn_cookie_options options;
	bool is_signed;
} bad[] = {
	{ "a name that is no token", "c c", { .secure = false }, false },
	{ "no name", "", { .secure = false }, false },
	{ "a path that ends the header", "c", { .path = { "/\r\nA: b", 7 } },
	    false },
	{ "a path with an attribute", "c", { .path = { "/; Domain=x", 11 } },
	    false },
	{ "a domain with a space", "c", { .domain = { "a b", 3 } }, false },
	{ "a signature without a secret", "c", { .secure = false }, true },
};

START_TEST(bad_cookie_keeps_the_answer_back)
{
	if (bad[_i].is_signed)
		tn_res_signed_cookie(&x.res, bad[_i].cookie, TN_SLICE("x"),
		    &bad[_i].options);
	else
		tn_res_cookie(&x.res, bad[_i].cookie, TN_SLICE("x"),
		    &bad[_i].options);
	ck_assert_msg(x.res.bad_header, "%s", bad[_i].name);
	ck_assert_ptr_null(tn_res_get(&x.res, "Set-Cookie").ptr);
}
END_TEST

START_TEST(cookie_without_memory_keeps_the_answer_back)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		teardown();
		setup();
		x.req.signer = signer;
		tn_alloc_fail_at(n);
		tn_res_signed_cookie(&x.res, "c", TN_SLICE("x"), NULL);
		failed = tn_alloc_end();
		ck_assert_msg(x.res.bad_header == failed, "%u", n);
		ck_assert((tn_res_get(&x.res, "Set-Cookie").ptr == NULL) ==
		    failed);
	}
}
END_TEST

/* What the client sends back; Express' cookie-parser reads the same. */
static const struct { const char *name, *sent; int rc; const char *value; }
taken[] = {
	{ "signed", "c=s%3Ax.y.ZGwFajADXdho1FoqUax%2BojC608S6dwPKlU6oN"
	    "%2FpNhXk", 1, "x.y" },
	{ "not there", "d=1", 0, NULL },
	{ "not signed", "c=x.y", 0, NULL },
	{ "another value", "c=s%3Ax.z.ZGwFajADXdho1FoqUax%2BojC608S6dwPKlU6oN"
	    "%2FpNhXk", TN_E_DENIED, NULL },
	{ "half a signature", "c=s%3Ax.y.ZGwFajADXdho1FoqUax", TN_E_DENIED,
	    NULL },
	{ "no signature", "c=s%3Ax", TN_E_DENIED, NULL },
	{ "nothing", "c=s%3A", TN_E_DENIED, NULL },
};

START_TEST(signed_cookie_is_taken_or_refused)
{
	struct tn_slice value;

	x.req.cookies = tn_slice_str(taken[_i].sent);
	ck_assert_int_eq(tn_req_signed_cookie(&x.req, "c", &value),
	    tn_slice_starts(tn_req_cookie(&x.req, "c"), TN_SLICE("s:")) ?
	    TN_E_STATE : 0);		/* there is no signer yet */
	x.req.signer = signer;
	ck_assert_msg(tn_req_signed_cookie(&x.req, "c", &value) ==
	    taken[_i].rc, "%s", taken[_i].name);
	ck_assert(taken[_i].value == NULL ? value.ptr == NULL :
	    tn_slice_is(value, taken[_i].value));
}
END_TEST

static const struct { const char *value, *json; } jsons[] = {
	{ "j:{\"a\":[1]}", "{\"a\":[1]}" }, { "j:1", "1" },
	{ "j:null", "null" }, { "j:", NULL }, { "j:{", NULL },
	{ "j:1 2", NULL }, { "J:1", NULL }, { "1", NULL }, { "", NULL },
	{ "j:{\"a\":1,\"a\":2}", NULL },
};

START_TEST(json_in_a_cookie_is_scanned)
{
	struct tn_slice json = TN_SLICE_NONE;
	bool is_json = tn_cookie_json(tn_slice_str(jsons[_i].value), &json);

	ck_assert_msg(is_json == (jsons[_i].json != NULL), "%s",
	    jsons[_i].value);
	ck_assert(!is_json || tn_slice_is(json, jsons[_i].json));
}
END_TEST

/* ---- Other headers ---------------------------------------------------------- */

static void
check_vary(void)
{
	if (v.field[1].ptr != NULL)
		tn_res_set(&x.res, "Vary", v.field[1]);
	tn_res_vary(&x.res, tn_arena_str(&x.arena, v.field[2]));
	ck_set("Vary");
}

static void
check_links(void)
{
	if (v.field[1].ptr != NULL)
		tn_res_set(&x.res, "Link", v.field[1]);
	tn_res_links(&x.res, "next", v.field[2]);
	ck_set("Link");
}

static void
check_location(void)
{
	tn_res_location(&x.res, v.field[1]);
	ck_set("Location");
}

static void
check_type(void)
{
	if (v.field[2].ptr != NULL)
		tn_res_set(&x.res, "content-type", v.field[1]);
	else
		tn_res_type(&x.res, tn_arena_str(&x.arena, v.field[1]));
	ck_set("Content-Type");
}

START_TEST(type_is_set_as_by_express)
{
	each("type", 25, check_type);
}
END_TEST

START_TEST(type_without_memory_keeps_the_answer_back)
{
	tn_exchange_fini(&x);
	tn_exchange_init(&x, 1);
	tn_exchange_begin(&x, NULL, NULL);
	tn_res_type(&x.res, "text/css");
	ck_assert(x.res.bad_header);
	ck_assert_ptr_null(tn_res_get(&x.res, "Content-Type").ptr);
}
END_TEST

START_TEST(vary_is_set_as_by_express)
{
	each("vary", 20, check_vary);
}
END_TEST

START_TEST(links_are_set_as_by_express)
{
	each("links", 6, check_links);
}
END_TEST

START_TEST(location_is_set_as_by_express)
{
	each("location", 10, check_location);
}
END_TEST

/* ---- Whole answers ---------------------------------------------------------- */

static int
answer(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_slice words = v.field[1];
	uint64_t n = 0;

	(void)arg;
	for (;;) {
		struct tn_slice value = tn_slice_cut(&words, ' ');
		struct tn_slice name = tn_slice_cut(&value, '=');

		tn_slice_u64(value, &n);
		if (tn_slice_is(name, "status"))
			tn_res_status(res, (int)n);
		else if (tn_slice_is(name, "length"))
			tn_res_set(res, "Content-Length", value);
		else if (tn_slice_is(name, "type"))
			tn_res_type(res, tn_arena_str(req->arena, value));
		else if (tn_slice_is(name, "send"))
			return tn_res_send(res, value);
		else if (tn_slice_is(name, "json"))
			return tn_res_json(res, value);
		else if (tn_slice_is(name, "sendStatus"))
			return tn_res_send_status(res, (int)n);
		else
			return tn_res_end(res);
	}
}

static void
check_answer(void)
{
	struct tn_app *app = tn_app_new(NULL, NULL, NULL);
	char method[8], status[16];
	struct tn_harness h;
	struct tn_slice got[4];

	tn_app_all(app, "/", answer);
	tn_harness_init(&h, app);
	snprintf(method, sizeof(method), "%.*s", TN_SLICE_ARG(v.field[2]));
	snprintf(status, sizeof(status), "%d",
	    tn_harness_request(&h, method, "/", NULL, NULL));
	got[0] = tn_slice_str(status);
	got[1] = tn_harness_header(&h, "content-type");
	got[2] = tn_harness_header(&h, "content-length");
	got[3] = h.body;
	for (size_t i = 0; i < 4; i++)
		ck_assert_msg(tn_slice_eq(got[i], v.field[3 + i]),
		    "line %u: \"%.*s\", not \"%.*s\"", v.line,
		    TN_SLICE_ARG(got[i]), TN_SLICE_ARG(v.field[3 + i]));
	ck_assert_ptr_null(tn_harness_header_nth(&h, "content-length", 1).ptr);
	tn_harness_fini(&h);
	tn_app_free(&app);
}

START_TEST(answers_are_as_express_sends_them)
{
	each("answer", 40, check_answer);
}
END_TEST

/* ---- Other sites' scripts --------------------------------------------------- */

static const char *const one[] = { "https://a.example" };
static const char *const two[] = { "https://b.example",
	"https://a.example" };
static const struct { const char *kind; struct tn_cors_options options; }
cors[] = {
	{ "any", { .any_origin = true } },
	{ "one", { .origins = one, .norigins = 1 } },
	{ "cookies", { .origins = one, .norigins = 1, .credentials = true } },
	{ "all", { .origins = two, .norigins = 2, .credentials = true,
	    .methods = "GET,POST", .headers = "X-A", .exposed = "X-B,X-C",
	    .max_age_s = 60 } },
};

static int
discard(struct tn_sink *to, struct tn_slice bytes)
{
	(void)to;
	(void)bytes;
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "name=value;name=value", in order, names in lower case. */
static struct tn_slice
all_headers(void)
{
	const char *lines[32];
	char *text = tn_arena_alloc(&x.arena, 1024);
	size_t at = 0;

	for (size_t i = 0; i < x.res.nheaders; i++) {
		char *line = tn_arena_str(&x.arena, tn_arena_printf(&x.arena,
		    "%.*s=%.*s", TN_SLICE_ARG(x.res.headers[i].name),
		    TN_SLICE_ARG(x.res.headers[i].value)));

		for (char *c = line; *c != '='; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
		lines[i] = line;
	}
	qsort(lines, x.res.nheaders, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < x.res.nheaders; i++)
		at += (size_t)snprintf(text + at, 1024 - at, "%s%s",
		    i > 0 ? ";" : "", lines[i]);
	return tn_slice(text, at);
}

static void
check_cors(void)
{
	static const char *const names[] = { "ORIGIN",
		"ACCESS_CONTROL_REQUEST_HEADERS" };
	struct tn_sink sink = { .write = discard };
	struct tn_slice got;
	struct tn_step step;
	size_t kind = 0;
	bool is_asked = tn_slice_is(v.field[2], "OPTIONS");

	while (!tn_slice_is(v.field[1], cors[kind].kind))
		ck_assert_uint_lt(++kind, sizeof(cors) / sizeof(cors[0]));
	x.res.sink = &sink;
	x.req.method = tn_method_find(v.field[2]);
	for (size_t i = 0; i < 2; i++) {
		if (v.field[3 + i].len > 0)
			x.req.headers[x.req.nheaders++] = (struct tn_pair){
				tn_slice_str(names[i]), v.field[3 + i] };
	}
	if (is_asked)
		x.req.headers[x.req.nheaders++] = (struct tn_pair){
			TN_SLICE("ACCESS_CONTROL_REQUEST_METHOD"),
			TN_SLICE("PUT") };
	step = tn_cors(&cors[kind].options);
	ck_assert_int_eq(step.fn(&x.req, &x.res, step.arg), is_asked ?
	    TN_DONE : TN_NEXT);
	step.fini(step.arg);
	got = all_headers();
	ck_assert_msg(tn_slice_eq(got, v.field[5]), "line %u: %.*s", v.line,
	    TN_SLICE_ARG(got));
	ck_assert_int_eq(x.res.status, is_asked ? 204 : 200);
}

START_TEST(other_sites_are_told_as_by_cors)
{
	each("cors", 16, check_cors);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("express_answers");
	TCase *tc = tcase_create("express_answers");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, cookies_are_set_as_by_express);
	tcase_add_test(tc, age_of_a_cookie_is_an_end_too);
	tcase_add_loop_test(tc, bad_cookie_keeps_the_answer_back, 0,
	    ROWS(bad));
	tcase_add_test(tc, cookie_without_memory_keeps_the_answer_back);
	tcase_add_loop_test(tc, signed_cookie_is_taken_or_refused, 0,
	    ROWS(taken));
	tcase_add_loop_test(tc, json_in_a_cookie_is_scanned, 0, ROWS(jsons));
	tcase_add_test(tc, type_is_set_as_by_express);
	tcase_add_test(tc, type_without_memory_keeps_the_answer_back);
	tcase_add_test(tc, vary_is_set_as_by_express);
	tcase_add_test(tc, links_are_set_as_by_express);
	tcase_add_test(tc, location_is_set_as_by_express);
	tcase_add_test(tc, answers_are_as_express_sends_them);
	tcase_add_test(tc, other_sites_are_told_as_by_cors);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
