/*
 * What a request says of itself, and how an answer is named, beside what
 * Express says: tests/data/express.tsv.
 */
#include "config.h"

#include <stdio.h>

#include "check_alloc.h"
#include "check_main.h"
#include "vectors.h"
#include "web/harness.h"
#include "web/range.h"
#include "web/trust_proxy.h"

static struct tn_exchange x;
static struct tn_vector v;
static size_t seen;

/* All vectors of one kind; at least so many. */
static void
each(const char *kind, size_t at_least, void (*check)(void))
{
	struct tn_vectors vectors;

	seen = 0;
	tn_exchange_init(&x, 0);
	tn_vectors_open(&vectors, "express.tsv");
	while (tn_vectors_next(&vectors, &v)) {
		if (!tn_slice_is(v.field[0], kind))
			continue;
		tn_exchange_begin(&x, NULL, NULL);
		check();
		seen++;
	}
	ck_assert_uint_ge(seen, at_least);
	tn_vectors_close(&vectors);
	tn_exchange_fini(&x);
}

static void
ck_is(struct tn_slice got)
{
	struct tn_slice want = v.field[v.n - 1];

	ck_assert_msg(tn_slice_eq(got, want), "line %u: \"%.*s\", not "
	    "\"%.*s\"", v.line, TN_SLICE_ARG(got), TN_SLICE_ARG(want));
}

static void
ck_yes(bool got)
{
	ck_is(got ? TN_SLICE("yes") : TN_SLICE("no"));
}

/*
 * A request from 192.0.2.9.
 *
 * name     of one variable more; with value's ptr NULL, there is none
 * trusted  which proxies are believed, as in tn_trust_init
 */
static void
read_request(bool is_secure, const char *name, struct tn_slice value,
    struct tn_slice trusted)
{
	static char word[256], text[64];
	static struct tn_trust trust;
	char *words[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/",
		"REMOTE_ADDR=192.0.2.9", "HTTPS=off", word, NULL };
	struct tn_cgi_options options = { .trust = &trust };

	if (is_secure)
		words[3] = "HTTPS=on";
	snprintf(text, sizeof(text), "%.*s", TN_SLICE_ARG(trusted));
	snprintf(word, sizeof(word), "%s=%.*s", name, TN_SLICE_ARG(value));
	if (value.ptr == NULL)
		words[4] = NULL;
	ck_assert_int_eq(tn_trust_init(&trust, text, NULL), 0);
	ck_assert_msg(tn_cgi_read(&x.req, words, &options) == 0, "line %u: %s",
	    v.line, x.req.err.text);
}

static void
check_hostname(void)
{
	read_request(false, "HTTP_HOST", v.field[1], TN_SLICE_NONE);
	ck_is(tn_req_hostname(&x.req));
}

START_TEST(hostname_is_without_its_port)
{
	each("hostname", 8, check_hostname);
}
END_TEST

static void
check_xhr(void)
{
	read_request(false, "HTTP_X_REQUESTED_WITH", v.field[1],
	    TN_SLICE_NONE);
	ck_yes(tn_req_xhr(&x.req));
}

START_TEST(scripts_are_known)
{
	each("xhr", 6, check_xhr);
}
END_TEST

static void
check_protocol(void)
{
	read_request(tn_slice_is(v.field[1], "yes"), "HTTP_X_FORWARDED_PROTO",
	    v.field[2], v.field[3]);
	ck_is(tn_slice_str(tn_req_protocol(&x.req)));
}

START_TEST(protocol_is_what_a_trusted_proxy_says)
{
	each("protocol", 10, check_protocol);
}
END_TEST

static void
check_ip(void)
{
	read_request(false, "HTTP_X_FORWARDED_FOR", v.field[1], v.field[2]);
	ck_is(tn_req_ip(&x.req));
}

static void
check_ips(void)
{
	struct tn_slice out[TN_LIMIT_FORWARDED];
	char got[256] = "";
	size_t n, at = 0;

	read_request(false, "HTTP_X_FORWARDED_FOR", v.field[1], v.field[2]);
	n = tn_req_ips(&x.req, out, TN_LIMIT_FORWARDED);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%.*s",
		    i > 0 ? " " : "", TN_SLICE_ARG(out[i]));
	ck_is(tn_slice_str(got));
	if (n > 1) {	/* no room for all: the first are those nearest */
		struct tn_slice first = out[0];

		ck_assert_uint_eq(tn_req_ips(&x.req, out, 1), 1);
		ck_assert(tn_slice_eq(out[0], first));
		ck_assert_uint_eq(tn_req_ips(&x.req, out, 0), 0);
	}
}

START_TEST(client_and_proxies_are_named)
{
	each("ip", 30, check_ip);
	each("ips", 30, check_ips);
}
END_TEST

static void
check_fresh(void)
{
	uint64_t status;

	ck_assert(tn_slice_u64(v.field[2], &status));
	x.req.method = tn_method_find(v.field[1]);
	if (v.field[3].ptr != NULL)
		x.req.headers[x.req.nheaders++] = (struct tn_pair){
			TN_SLICE("IF_NONE_MATCH"), v.field[3] };
	tn_res_status(&x.res, (int)status);
	tn_res_set(&x.res, "ETag", TN_SLICE("\"a\""));
	ck_yes(tn_req_fresh(&x.req));
	ck_assert(tn_req_stale(&x.req) != tn_req_fresh(&x.req));
}

START_TEST(fresh_by_method_status_and_tag)
{
	each("fresh", 100, check_fresh);
}
END_TEST

static void
check_attachment(void)
{
	tn_res_attachment(&x.res, v.field[1]);
	ck_is(tn_res_get(&x.res, tn_arena_str(&x.arena, v.field[2])));
}

START_TEST(attachment_has_its_name_and_type)
{
	each("attachment", 20, check_attachment);
}
END_TEST

/* ---- Where the request is, below mounts ------------------------------------- */

static int
show_place(struct tn_req *req, struct tn_res *res, void *arg)
{
	return tn_res_send(res, arg != NULL ? tn_req_path(req) :
	    req->base_url);
}

static void
check_place(void)
{
	struct tn_app *app = tn_app_new(NULL, NULL, NULL);
	char mount[64], url[64];
	struct tn_harness h;

	snprintf(mount, sizeof(mount), "%.*s", TN_SLICE_ARG(v.field[1]));
	snprintf(url, sizeof(url), "%.*s", TN_SLICE_ARG(v.field[2]));
	tn_app_use_at(app, mount, (struct tn_step){ .fn = show_place,
		.arg = tn_slice_is(v.field[0], "path") ? mount : NULL });
	tn_harness_init(&h, app);
	ck_assert_int_eq(tn_harness_get(&h, url), 200);
	ck_is(h.body);
	tn_harness_fini(&h);
	tn_app_free(&app);
}

START_TEST(path_is_below_the_mount)
{
	each("path", 10, check_place);
	each("baseUrl", 10, check_place);
}
END_TEST

/* ---- What has no vectors ---------------------------------------------------- */

static const struct {
	const char *name;
	enum tn_method method;
	bool is_safe;
} methods[] = {
	{ "GET", TN_METHOD_GET, true }, { "HEAD", TN_METHOD_HEAD, true },
	{ "OPTIONS", TN_METHOD_OPTIONS, true },
	{ "POST", TN_METHOD_POST, false }, { "PUT", TN_METHOD_PUT, false },
	{ "PATCH", TN_METHOD_PATCH, false },
	{ "DELETE", TN_METHOD_DELETE, false },
	{ "", TN_METHOD_OTHER, false }, { "get", TN_METHOD_OTHER, false },
	{ "GETS", TN_METHOD_OTHER, false }, { "GE", TN_METHOD_OTHER, false },
	{ "TRACE", TN_METHOD_OTHER, false },
};

START_TEST(method_is_found_by_its_exact_name)
{
	struct tn_req req = { .method =
	    tn_method_find(tn_slice_str(methods[_i].name)) };

	ck_assert_int_eq(req.method, methods[_i].method);
	ck_assert_str_eq(tn_method_name(req.method),
	    req.method == TN_METHOD_OTHER ? "" : methods[_i].name);
	ck_assert(tn_req_is_safe(&req) == methods[_i].is_safe);
}
END_TEST

START_TEST(no_range_header_is_no_range)
{
	struct tn_range ranges[TN_LIMIT_RANGES];
	size_t n;

	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
	read_request(false, "HTTP_RANGE", TN_SLICE_NONE, TN_SLICE_NONE);
	ck_assert_int_eq(tn_req_range(&x.req, 10, true, ranges, &n),
	    TN_E_SYNTAX);
	tn_exchange_begin(&x, NULL, NULL);
	read_request(false, "HTTP_RANGE", TN_SLICE("bytes=1-2,3-4"),
	    TN_SLICE_NONE);
	ck_assert_int_eq(tn_req_range(&x.req, 10, false, ranges, &n), 1);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(tn_req_range(&x.req, 10, true, ranges, &n), 1);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(ranges[0].last, 4);
	ck_assert_int_eq(tn_req_range(&x.req, 1, true, ranges, &n), 0);
	tn_exchange_fini(&x);
}
END_TEST

START_TEST(offers_are_chosen_by_the_client)
{
	struct tn_req req = { .nheaders = 4, .headers = {
		{ TN_SLICE("ACCEPT"), TN_SLICE("application/json") },
		{ TN_SLICE("ACCEPT_ENCODING"), TN_SLICE("gzip;q=0.5, br") },
		{ TN_SLICE("ACCEPT_LANGUAGE"), TN_SLICE("de, en;q=0.5") },
		{ TN_SLICE("ACCEPT_CHARSET"), TN_SLICE("utf-8") },
	} };

	ck_assert_str_eq(tn_req_accepts(&req, "html", "json"), "json");
	ck_assert_ptr_null(tn_req_accepts(&req, "html"));
	ck_assert_str_eq(tn_req_accepts_encodings(&req, "gzip", "br"), "br");
	ck_assert_ptr_null(tn_req_accepts_encodings(&req, "deflate"));
	ck_assert_str_eq(tn_req_accepts_languages(&req, "en", "de"), "de");
	ck_assert_ptr_null(tn_req_accepts_languages(&req, "fr"));
	ck_assert_str_eq(tn_req_accepts_charsets(&req, "utf-8"), "utf-8");
	ck_assert_ptr_null(tn_req_accepts_charsets(&req, "us-ascii"));
}
END_TEST

START_TEST(nonce_is_made_once_a_request)
{
	struct tn_slice first;
	char kept[64];

	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
	ck_assert(!x.res.no_etag);
	first = tn_req_nonce(&x.req);
	ck_assert_uint_eq(first.len, 22);
	ck_assert(tn_slice_eq(tn_req_nonce(&x.req), first));
	ck_assert(x.res.no_etag);	/* the page is like no other */
	snprintf(kept, sizeof(kept), "%.*s", TN_SLICE_ARG(first));
	tn_exchange_begin(&x, NULL, NULL);
	ck_assert(!x.res.no_etag);
	ck_assert(!tn_slice_is(tn_req_nonce(&x.req), kept));
	tn_exchange_fini(&x);
}
END_TEST

START_TEST(nonce_without_memory_is_empty)
{
	for (int is_full = 0; is_full < 2; is_full++) {
		tn_exchange_init(&x, is_full ? 21 : 0);
		tn_exchange_begin(&x, NULL, NULL);
		tn_alloc_fail_at(is_full ? 100 : 1);
		ck_assert_uint_eq(tn_req_nonce(&x.req).len, 0);
		ck_assert(tn_alloc_end() == !is_full);
		ck_assert(x.arena.overflowed);
		tn_exchange_fini(&x);
	}
}
END_TEST

/* ---- Limits, and no memory -------------------------------------------------- */

/* "a&a&...&b=1": n names in all. */
static struct tn_slice
query_of(size_t n)
{
	static char text[4 * TN_LIMIT_QUERY_PAIRS];
	size_t at = 0;

	for (size_t i = 1; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "a&");
	at += (size_t)snprintf(text + at, sizeof(text) - at, "b=1");
	return tn_slice(text, at);
}

static const struct { const char *name; size_t n; bool is_there; } pairs[] = {
	{ "one", 1, true }, { "as many as may be", TN_LIMIT_QUERY_PAIRS, true },
	{ "one more: none of them", TN_LIMIT_QUERY_PAIRS + 1, false },
};

START_TEST(query_variables_are_bounded)
{
	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
	x.req.query_text = query_of(pairs[_i].n);
	ck_assert_msg(tn_slice_is(tn_req_query(&x.req, "b"), "1") ==
	    pairs[_i].is_there, "%s", pairs[_i].name);
	ck_assert_int_eq(x.req.err.code, 0);	/* it is no error */
	tn_exchange_fini(&x);
}
END_TEST

static int
answer_json(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	return *(int *)arg;
}

static const struct {
	const char *name, *accept;
	size_t n;		/* of image/png before the JSON */
	bool has_other;
	int rc, status;
} formats[] = {
	{ "the first", "application/json", 0, false, 7, 0 },
	{ "as many as may be", "application/json", TN_LIMIT_FORMATS - 1,
	    false, 7, 0 },
	{ "one more is not offered", "application/json", TN_LIMIT_FORMATS,
	    false, TN_E_DENIED, 406 },
	{ "none of them", "text/css", 1, false, TN_E_DENIED, 406 },
	{ "what is left", "text/css", 1, true, 7, 0 },
	{ "nothing is said", "", 0, false, 7, 0 },
};

START_TEST(format_is_chosen_or_406)
{
	struct tn_format f[TN_LIMIT_FORMATS + 3] = { { NULL, NULL } };
	size_t n = formats[_i].n;
	int seven = 7;

	for (size_t i = 0; i < n; i++)
		f[i] = (struct tn_format){ "image/png", answer_json };
	f[n] = (struct tn_format){ "json", answer_json };
	if (formats[_i].has_other)
		f[n + 1] = (struct tn_format){ NULL, answer_json };
	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
	if (formats[_i].accept[0] != '\0')
		x.req.headers[x.req.nheaders++] = (struct tn_pair){
			TN_SLICE("ACCEPT"), tn_slice_str(formats[_i].accept) };
	ck_assert_msg(tn_res_format(&x.res, f, &seven) == formats[_i].rc, "%s",
	    formats[_i].name);
	ck_assert_int_eq(x.req.err_status, formats[_i].status);
	ck_assert(tn_slice_is(tn_res_get(&x.res, "Vary"), "Accept"));
	if (formats[_i].rc == 7 && !formats[_i].has_other)
		ck_assert(tn_slice_is(tn_res_get(&x.res, "Content-Type"),
		    "application/json; charset=utf-8"));
	tn_exchange_fini(&x);
}
END_TEST

START_TEST(refusal_is_cut_not_lost)
{
	static char text[400];

	memset(text, 'x', sizeof(text) - 1);
	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
	ck_assert_int_eq(tn_req_refuse(&x.req, 422, "%s %d", "because", 7),
	    TN_E_DENIED);
	ck_assert_str_eq(x.req.err.text, "because 7");
	ck_assert_int_eq(x.req.err_status, 422);
	tn_req_refuse(&x.req, 400, "%s", text);
	ck_assert_uint_eq(strlen(x.req.err.text), sizeof(x.req.err.text) - 1);
	tn_exchange_fini(&x);
}
END_TEST

/* With no room left, what is asked for is not there, and the arena says so. */
START_TEST(request_without_memory_has_none_of_it)
{
	tn_exchange_init(&x, 1);
	tn_exchange_begin(&x, NULL, NULL);
	x.req.query_text = TN_SLICE("a=1");
	x.req.cookies = TN_SLICE("a=%31");
	x.req.host = TN_SLICE("a.example");
	ck_assert_ptr_null(tn_req_query(&x.req, "a").ptr);
	ck_assert_ptr_null(tn_req_cookie(&x.req, "a").ptr);
	ck_assert_uint_eq(tn_req_origin(&x.req).len, 0);
	tn_res_links(&x.res, "next", TN_SLICE("/b"));
	ck_assert(x.res.bad_header || tn_res_get(&x.res, "Link").len == 0);
	ck_assert(x.arena.overflowed);
	tn_exchange_fini(&x);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("express");
	TCase *tc = tcase_create("express");

	tcase_add_test(tc, hostname_is_without_its_port);
	tcase_add_test(tc, scripts_are_known);
	tcase_add_test(tc, protocol_is_what_a_trusted_proxy_says);
	tcase_add_test(tc, client_and_proxies_are_named);
	tcase_add_test(tc, fresh_by_method_status_and_tag);
	tcase_add_test(tc, attachment_has_its_name_and_type);
	tcase_add_test(tc, path_is_below_the_mount);
	tcase_add_loop_test(tc, method_is_found_by_its_exact_name, 0,
	    (int)(sizeof(methods) / sizeof(methods[0])));
	tcase_add_test(tc, no_range_header_is_no_range);
	tcase_add_test(tc, offers_are_chosen_by_the_client);
	tcase_add_test(tc, nonce_is_made_once_a_request);
	tcase_add_test(tc, nonce_without_memory_is_empty);
	tcase_add_loop_test(tc, query_variables_are_bounded, 0,
	    (int)(sizeof(pairs) / sizeof(pairs[0])));
	tcase_add_loop_test(tc, format_is_chosen_or_406, 0,
	    (int)(sizeof(formats) / sizeof(formats[0])));
	tcase_add_test(tc, refusal_is_cut_not_lost);
	tcase_add_test(tc, request_without_memory_has_none_of_it);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
