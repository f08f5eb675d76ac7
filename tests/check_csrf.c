/* Forms, and the proof that they are ours. */
#include "config.h"

#include "web/middleware.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/url.h"
#include "check_main.h"
#include "web_rig.h"

static int
show_proof(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_slice proof = tn_req_csrf(req);

	(void)arg;
	return proof.len == 0 ? req->err.code : tn_res_send(res, proof);
}

static int
accept_form(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send(res, tn_req_field(req, "name"));
}

static int
renew(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *s = tn_req_session(req);

	(void)arg;
	tn_session_regenerate(s);
	tn_session_set_bool(s, "in", true);
	return tn_res_send(res, TN_SLICE("renewed"));
}

static const struct tn_form_limits limits = {
	.max_bytes = 256, .max_fields = 4,
};

static void
setup(void)
{
	web_begin(NULL, NULL);
	tn_app_use(app, web_sessions(NULL));
	tn_app_use(app, tn_form_body(&limits));
	tn_app_use(app, tn_csrf());
	tn_app_get(app, "/form", show_proof);
	tn_app_all(app, "/form", accept_form);
	tn_app_post(app, "/renew", renew);
	web_serve();
}

static void
get_proof(char *out, size_t cap)
{
	ck_assert_int_eq(tn_harness_get(&h, "/form"), 200);
	snprintf(out, cap, "%.*s", TN_SLICE_ARG(h.body));
	ck_assert_uint_eq(strlen(out), 64);
}

static const struct {
	const char *name, *method, *headers, *body;	/* %s: the proof */
	int status;
} posts[] = {
	{ "with the proof", "POST", "", "name=a&_csrf=%s", 200 },
	{ "from the same origin", "POST", "origin: http://localhost\n",
	    "name=a&_csrf=%s", 200 },
	{ "a default port is none", "POST", "origin: http://localhost\n"
	    "host: localhost:80\n", "name=a&_csrf=%s", 200 },
	{ "from the same site by the browser's word", "POST",
	    "sec-fetch-site: same-origin\n", "name=a&_csrf=%s", 200 },
	{ "typed in", "POST", "sec-fetch-site: none\n", "name=a&_csrf=%s",
	    200 },
	{ "the proof in a header", "DELETE", "x-csrf-token: %s\n", NULL, 200 },
	{ "without the proof", "POST", "", "name=a", 403 },
	{ "without a body", "POST", "", NULL, 403 },
	{ "an empty proof", "POST", "", "_csrf=", 403 },
	{ "a proof too long", "POST", "", "_csrf=%sA", 403 },
	{ "a made-up proof", "POST", "", "_csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 403 },
	{ "no base64", "POST", "", "_csrf=!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"
	    "!!!!!!!!!!!!!!!!!!!!!!!!!!!!", 403 },
	{ "PUT too", "PUT", "", "name=a", 403 },
	{ "an unknown method too", "BREW", "", "name=a", 403 },
	{ "without a session", "POST", "cookie: a=b\n", "_csrf=%s", 403 },
	{ "another origin", "POST", "origin: http://evil.example\n",
	    "_csrf=%s", 403 },
	{ "another scheme", "POST", "origin: https://localhost\n", "_csrf=%s",
	    403 },
	{ "another port", "POST", "origin: http://localhost:81\n", "_csrf=%s",
	    403 },
	{ "a hidden origin", "POST", "origin: null\n", "_csrf=%s", 403 },
	{ "another site by the browser's word", "POST",
	    "sec-fetch-site: cross-site\n", "_csrf=%s", 403 },
	{ "a sibling site", "POST", "sec-fetch-site: same-site\n", "_csrf=%s",
	    403 },
};

static const char *
fill(char *out, size_t cap, const char *text, const char *proof)
{
	const char *at = text == NULL ? NULL : strstr(text, "%s");

	if (at == NULL)
		return text;
	snprintf(out, cap, "%.*s%s%s", (int)(at - text), text, proof, at + 2);
	return out;
}

START_TEST(unsafe_methods_need_proof)
{
	char proof[80], headers[256], body[256];

	get_proof(proof, sizeof(proof));
	tn_harness_request(&h, posts[_i].method,
	    "/form", fill(headers, sizeof(headers), posts[_i].headers, proof),
	    fill(body, sizeof(body), posts[_i].body, proof));
	ck_assert_msg(h.status == posts[_i].status, "%s: %d", posts[_i].name,
	    h.status);
}
END_TEST

START_TEST(proof_is_masked_anew_and_stays_good)
{
	char one[80], two[80], body[128];

	get_proof(one, sizeof(one));
	get_proof(two, sizeof(two));
	ck_assert_str_ne(one, two);
	ck_header("etag", NULL);
	snprintf(body, sizeof(body), "_csrf=%s", one);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    200);
	for (size_t i = 0; i < 64; i++) {	/* one character off */
		memcpy(body + 6, two, 65);
		body[6 + i] = body[6 + i] == 'A' ? 'B' : 'A';
		ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL,
		    body), 403);
	}
}
END_TEST

START_TEST(proof_ends_with_its_session)
{
	char proof[80], body[128];

	get_proof(proof, sizeof(proof));
	snprintf(body, sizeof(body), "_csrf=%s", proof);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/renew", NULL, body),
	    200);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    403);
}
END_TEST

START_TEST(safe_methods_need_none)
{
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/form",
	    "origin: http://evil.example\nsec-fetch-site: cross-site\n", NULL),
	    200);
}
END_TEST

/* Without the proof's check, to see what forms alone do. */
static const struct {
	const char *name, *headers, *body;
	int status;
	const char *field;	/* of "name", if 200 */
} forms[] = {
	{ "a field", NULL, "name=a+b%21", 200, "a b!" },
	{ "the last of a name", NULL, "name=a&name=b", 200, "b" },
	{ "no such field", NULL, "x=1", 200, "" },
	{ "a charset is no matter",
	    "content-type: application/x-www-form-urlencoded; charset=utf-8\n",
	    "name=a", 200, "a" },
	{ "an empty body of any type", "content-type: text/plain\n", "", 200,
	    "" },
	{ "a wrong length is not believed", "content-length: 2\n", "name=abc",
	    200, "abc" },
	{ "a length that is none", "content-length: -1\n", "name=abc", 200,
	    "abc" },
	{ "JSON", "content-type: application/json\n", "{}", 415, NULL },
	{ "a type that begins like it",
	    "content-type: application/x-www-form-urlencodedx\n", "a=1", 415,
	    NULL },
	{ "multipart", "content-type: multipart/form-data; boundary=x\n",
	    "--x--", 415, NULL },
	{ "a length beyond the limit", "content-length: 257\n", "name=a", 413,
	    NULL },
	{ "fields at the limit", NULL, "a=1&a=2&a=3&name=x", 200, "x" },
	{ "a field too many", NULL, "a=1&a=2&a=3&a=4&name=x", 413, NULL },
	{ "half an escape", NULL, "name=%4", 400, NULL },
	{ "no UTF-8", NULL, "name=%ff", 400, NULL },
	{ "NUL", NULL, "name=a%00b", 400, NULL },
};

static void
setup_forms(void)
{
	web_begin(NULL, NULL);
	tn_app_use(app, tn_form_body(&limits));
	tn_app_all(app, "/form", accept_form);
	web_serve();
}

START_TEST(form_is_read_or_refused)
{
	for (int late = 0; late < 2; late++) {
		h.body_is_late = late == 1;
		tn_harness_request(&h, "POST", "/form", forms[_i].headers,
		    forms[_i].body);
		ck_assert_msg(h.status == forms[_i].status, "%s: %d",
		    forms[_i].name, h.status);
		ck_assert_msg(forms[_i].field == NULL ||
		    tn_slice_is(h.body, forms[_i].field), "%s: %.*s",
		    forms[_i].name, TN_SLICE_ARG(h.body));
		ck_assert(h.was_slow == (late == 1 &&
		    strcmp(forms[_i].name, "a length beyond the limit") != 0));
	}
}
END_TEST

START_TEST(form_may_be_as_big_as_the_limit)
{
	char body[258];

	memset(body, 'x', sizeof(body));
	memcpy(body, "name=", 5);
	body[256] = '\0';
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    200);
	ck_assert_uint_eq(h.body.len, 251);
	body[256] = 'x';
	body[257] = '\0';
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    413);
}
END_TEST

START_TEST(big_form_grows_as_it_comes)
{
	char *body = malloc(TN_LIMIT_FORM_BYTES + 2);

	memset(body, 'x', TN_LIMIT_FORM_BYTES + 2);
	memcpy(body, "name=", 5);
	web_end();
	web_begin(NULL, NULL);
	tn_app_use(app, tn_form_body(NULL));
	tn_app_post(app, "/form", accept_form);
	web_serve();
	body[TN_LIMIT_FORM_BYTES] = '\0';
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    200);
	ck_assert_uint_eq(h.body.len, TN_LIMIT_FORM_BYTES - 5);
	body[TN_LIMIT_FORM_BYTES] = 'x';
	body[TN_LIMIT_FORM_BYTES + 1] = '\0';
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    413);
	free(body);
}
END_TEST

static int64_t
cut_body(struct tn_body *body, char *to, size_t cap, struct tn_err *err)
{
	(void)body;
	(void)to;
	(void)cap;
	return tn_err_set(err, TN_E_TIMEOUT, "too slow");
}

START_TEST(body_that_does_not_come_is_408)
{
	h.reader.read = cut_body;
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, "a=1"),
	    408);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("csrf");
	TCase *tc = tcase_create("csrf"), *form = tcase_create("form");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, web_end);
	tcase_add_loop_test(tc, unsafe_methods_need_proof, 0, ROWS(posts));
	tcase_add_test(tc, proof_is_masked_anew_and_stays_good);
	tcase_add_test(tc, proof_ends_with_its_session);
	tcase_add_test(tc, safe_methods_need_none);
	tcase_add_checked_fixture(form, setup_forms, web_end);
	tcase_add_loop_test(form, form_is_read_or_refused, 0, ROWS(forms));
	tcase_add_test(form, form_may_be_as_big_as_the_limit);
	tcase_add_test(form, big_form_grows_as_it_comes);
	tcase_add_test(form, body_that_does_not_come_is_408);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, form);
	return s;
}

TN_CHECK_MAIN(suite)
