/* Forms, and the proof that they are ours. */
#include "config.h"

#include "web/middleware.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/url.h"
#include "check_main.h"
#include "session/signature.h"
#include "web/app.h"
#include "web/harness.h"

static struct tn_store *store;
static struct tn_signer *signer;
static struct tn_session_options options;
static struct tn_app *app;
static struct tn_harness h;

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

static void
begin(void)
{
	static const struct tn_form_limits limits = {
		.max_bytes = 256, .max_fields = 4,
	};
	struct tn_slice secret = TN_SLICE("a secret of enough bytes");

	store = tn_store_memory_new(NULL, NULL);
	signer = tn_signer_new(&secret, 1, NULL);
	options = (struct tn_session_options){
		.name = TN_SLICE("connect.sid"), .signer = signer,
		.max_age_ms = -1, .ttl_s = 86400, .path = TN_SLICE("/"),
		.http_only = true,
	};
	app = tn_app_new(NULL, NULL, NULL);
	tn_app_use(app, tn_session(store, &options));
	tn_app_use(app, tn_form_body(&limits));
	tn_app_use(app, tn_csrf());
	tn_app_get(app, "/form", show_proof);
	tn_app_all(app, "/form", accept_form);
	tn_app_post(app, "/renew", renew);
	ck_assert_int_eq(tn_app_check(app, NULL), 0);
	tn_harness_init(&h, app);
}

static void
end(void)
{
	tn_harness_fini(&h);
	tn_app_free(&app);
	tn_signer_free(&signer);
	tn_store_memory_free(&store);
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

	begin();
	get_proof(proof, sizeof(proof));
	tn_harness_request(&h, posts[_i].method,
	    "/form", fill(headers, sizeof(headers), posts[_i].headers, proof),
	    fill(body, sizeof(body), posts[_i].body, proof));
	ck_assert_msg(h.status == posts[_i].status, "%s: %d", posts[_i].name,
	    h.status);
	end();
}
END_TEST

START_TEST(proof_is_masked_anew_and_stays_good)
{
	char one[80], two[80], body[128];

	begin();
	get_proof(one, sizeof(one));
	get_proof(two, sizeof(two));
	ck_assert_str_ne(one, two);
	ck_assert(tn_harness_header(&h, "etag").ptr == NULL);
	snprintf(body, sizeof(body), "_csrf=%s", one);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    200);
	for (size_t i = 0; i < 64; i++) {	/* one character off */
		memcpy(body + 6, two, 65);
		body[6 + i] = body[6 + i] == 'A' ? 'B' : 'A';
		ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL,
		    body), 403);
	}
	end();
}
END_TEST

START_TEST(proof_ends_with_its_session)
{
	char proof[80], body[128];

	begin();
	get_proof(proof, sizeof(proof));
	snprintf(body, sizeof(body), "_csrf=%s", proof);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/renew", NULL, body),
	    200);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form", NULL, body),
	    403);
	end();
}
END_TEST

START_TEST(safe_methods_need_none)
{
	begin();
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/form",
	    "origin: http://evil.example\nsec-fetch-site: cross-site\n", NULL),
	    200);
	end();
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

static struct tn_app *
form_app(void)
{
	static const struct tn_form_limits limits = {
		.max_bytes = 256, .max_fields = 4,
	};
	struct tn_app *a = tn_app_new(NULL, NULL, NULL);

	tn_app_use(a, tn_form_body(&limits));
	tn_app_all(a, "/form", accept_form);
	return a;
}

START_TEST(form_is_read_or_refused)
{
	struct tn_app *a = form_app();
	struct tn_harness f;

	tn_harness_init(&f, a);
	for (int late = 0; late < 2; late++) {
		f.body_is_late = late == 1;
		tn_harness_request(&f, "POST", "/form", forms[_i].headers,
		    forms[_i].body);
		ck_assert_msg(f.status == forms[_i].status, "%s: %d",
		    forms[_i].name, f.status);
		ck_assert_msg(forms[_i].field == NULL ||
		    tn_slice_is(f.body, forms[_i].field), "%s: %.*s",
		    forms[_i].name, TN_SLICE_ARG(f.body));
		ck_assert(f.was_slow == (late == 1 &&
		    strcmp(forms[_i].name, "a length beyond the limit") != 0));
	}
	tn_harness_fini(&f);
	tn_app_free(&a);
}
END_TEST

START_TEST(form_may_be_as_big_as_the_limit)
{
	struct tn_app *a = form_app();
	struct tn_harness f;
	char body[258];

	memset(body, 'x', sizeof(body));
	memcpy(body, "name=", 5);
	tn_harness_init(&f, a);
	body[256] = '\0';
	ck_assert_int_eq(tn_harness_request(&f, "POST", "/form", NULL, body),
	    200);
	ck_assert_uint_eq(f.body.len, 251);
	body[256] = 'x';
	body[257] = '\0';
	ck_assert_int_eq(tn_harness_request(&f, "POST", "/form", NULL, body),
	    413);
	tn_harness_fini(&f);
	tn_app_free(&a);
}
END_TEST

START_TEST(big_form_grows_as_it_comes)
{
	struct tn_app *a = tn_app_new(NULL, NULL, NULL);
	struct tn_harness f;
	char *body = malloc(TN_LIMIT_FORM_BYTES + 2);

	memset(body, 'x', TN_LIMIT_FORM_BYTES + 2);
	memcpy(body, "name=", 5);
	tn_app_use(a, tn_form_body(NULL));
	tn_app_post(a, "/form", accept_form);
	tn_harness_init(&f, a);
	body[TN_LIMIT_FORM_BYTES] = '\0';
	ck_assert_int_eq(tn_harness_request(&f, "POST", "/form", NULL, body),
	    200);
	ck_assert_uint_eq(f.body.len, TN_LIMIT_FORM_BYTES - 5);
	body[TN_LIMIT_FORM_BYTES] = 'x';
	body[TN_LIMIT_FORM_BYTES + 1] = '\0';
	ck_assert_int_eq(tn_harness_request(&f, "POST", "/form", NULL, body),
	    413);
	free(body);
	tn_harness_fini(&f);
	tn_app_free(&a);
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
	struct tn_app *a = form_app();
	struct tn_harness f;

	tn_harness_init(&f, a);
	f.reader.read = cut_body;
	ck_assert_int_eq(tn_harness_request(&f, "POST", "/form", NULL, "a=1"),
	    408);
	tn_harness_fini(&f);
	tn_app_free(&a);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("csrf");
	TCase *tc = tcase_create("csrf");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_loop_test(tc, unsafe_methods_need_proof, 0, ROWS(posts));
	tcase_add_test(tc, proof_is_masked_anew_and_stays_good);
	tcase_add_test(tc, proof_ends_with_its_session);
	tcase_add_test(tc, safe_methods_need_none);
	tcase_add_loop_test(tc, form_is_read_or_refused, 0, ROWS(forms));
	tcase_add_test(tc, form_may_be_as_big_as_the_limit);
	tcase_add_test(tc, big_form_grows_as_it_comes);
	tcase_add_test(tc, body_that_does_not_come_is_408);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
