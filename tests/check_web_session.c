/* Sessions, flash lines, views and headers, as a chain of middleware. */
#include "config.h"

#include "web/middleware.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "check_main.h"
#include "web/app.h"
#include "web/view.h"
#include "web_rig.h"

/* The memory store behind a switch, and counted. */
struct switched {
	struct tn_store store;
	struct tn_store *inner;
	int down;		/* 0, or what every call returns */
	bool only_writes;	/* reading goes on */
	int reads, writes;
};

static struct switched store;

static int
is_down(struct switched *s, bool is_write, struct tn_err *err)
{
	if (is_write)
		s->writes++;
	else
		s->reads++;
	if (s->down == 0 || (s->only_writes && !is_write))
		return 0;
	return tn_err_set(err, s->down, "the store is away");
}

static struct switched *
of(struct tn_store *s)
{
	return TN_CONTAINER(s, struct switched, store);
}

static int
get(struct tn_store *s, struct tn_slice sid, struct tn_buf *out,
    struct tn_err *err)
{
	int rc = is_down(of(s), false, err);

	return rc != 0 ? rc : of(s)->inner->ops->get(of(s)->inner, sid, out,
	    err);
}

static int
create(struct tn_store *s, struct tn_slice sid, struct tn_slice record,
    int64_t ttl_s, struct tn_err *err)
{
	int rc = is_down(of(s), true, err);

	return rc != 0 ? rc : of(s)->inner->ops->create(of(s)->inner, sid,
	    record, ttl_s, err);
}

static int
replace(struct tn_store *s, struct tn_slice sid, struct tn_slice had,
    struct tn_slice record, int64_t ttl_s, struct tn_buf *out,
    struct tn_err *err)
{
	int rc = is_down(of(s), true, err);

	return rc != 0 ? rc : of(s)->inner->ops->replace(of(s)->inner, sid,
	    had, record, ttl_s, out, err);
}

static int
touch(struct tn_store *s, struct tn_slice sid, int64_t ttl_s,
    struct tn_err *err)
{
	int rc = is_down(of(s), true, err);

	return rc != 0 ? rc : of(s)->inner->ops->touch(of(s)->inner, sid,
	    ttl_s, err);
}

static int
destroy(struct tn_store *s, struct tn_slice sid, struct tn_err *err)
{
	int rc = is_down(of(s), true, err);

	return rc != 0 ? rc : of(s)->inner->ops->destroy(of(s)->inner, sid,
	    err);
}

static const struct tn_store_ops ops = {
	.get = get, .create = create, .replace = replace, .touch = touch,
	.destroy = destroy,
};

static int
let_in(struct tn_req *req)
{
	struct tn_session *s = tn_req_session(req);

	if (s == NULL)
		return req->err.code;
	tn_session_regenerate(s);
	return tn_session_set_bool(s, "isAuthenticated", true);
}

static int
log_in(struct tn_req *req, struct tn_res *res, void *arg)
{
	int rc = let_in(req);

	(void)arg;
	if (rc < 0)
		return rc;
	return tn_res_flash_redirect(res, "info", "Welcome <b>.", "/page");
}

static int
log_out(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	if (tn_req_session(req) == NULL)
		return req->err.code;
	tn_session_destroy(req->session);
	return tn_res_redirect(res, "/");
}

static int
log_in_badly(struct tn_req *req, struct tn_res *res, void *arg)
{
	int rc = let_in(req);

	(void)arg;
	if (rc < 0)
		return rc;
	tn_res_set(res, "X-Name", TN_SLICE("a\nb"));
	return tn_res_send(res, TN_SLICE("Welcome."));
}

static int
who(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *s = tn_req_session(req);

	(void)arg;
	if (s == NULL)
		return req->err.code;
	return tn_res_send(res, tn_session_get_bool(s, "isAuthenticated") ?
	    TN_SLICE("known") : TN_SLICE("stranger"));
}

/* On routes that anybody may see, on to the page itself. */
static int
set_mark(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *s = tn_req_session(req);

	(void)arg;
	if (s == NULL)
		return req->err.code;
	tn_session_set_bool(s, "mark", true);
	return tn_res_send(res, s->is_detached ? TN_SLICE("without") :
	    TN_SLICE("with"));
}

static int
public_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_send(res, TN_SLICE("for all"));
}

static int
render(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_render(res, tn_slice_is(req->path, "/form") ? "form" :
	    tn_slice_is(req->path, "/nonce") ? "nonce" :
	    tn_slice_is(req->path, "/none") ? "nothing" : "page",
	    tn_vars(TN_VAR_STR("title", "A & B")));
}

static int
add_flash(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	if (tn_res_flash(res, "info", TN_SLICE("one")) < 0 ||
	    tn_res_flash(res, "error", TN_SLICE("two \"\n")) < 0)
		return TN_E_STATE;
	return tn_res_flash_redirect(res, "info", "three", "/page");
}

static int
add_too_much(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_flash_redirect(res, "info",
	    tn_arena_printf(req->arena, "%05000d", 1).ptr, "/page");
}

static const struct tn_view_source sources[] = {
	{ "page", "<%= title %>|<%= path %>|<%= base %>|"
	    "<% for f in flash %>[<%= f.kind %>:<%= f.text %>]<% end %>" },
	{ "form", "<%= csrf %>" },
	{ "nonce", "<script nonce=\"<%= nonce %>\">" },
};

static struct tn_views *views;

static void
setup(void)
{
	store = (struct switched){ .store = { &ops } };
	store.inner = tn_store_memory_new(NULL, NULL);
	views = tn_views_new(sources, 3, NULL);
	web_begin(NULL, NULL);
	tn_app_set_views(app, views);
	tn_app_use(app, tn_security_headers(NULL));
	tn_app_use(app, web_sessions(&store.store));
	tn_app_post(app, "/login", log_in);
	tn_app_post(app, "/badly", log_in_badly);
	tn_app_post(app, "/logout", log_out);
	tn_app_post(app, "/flash", add_flash);
	tn_app_post(app, "/toomuch", add_too_much);
	tn_app_get(app, "/who", who);
	tn_app_get(app, "/slow", tn_slow, who);
	tn_app_get(app, "/anybody", tn_session_optional, who);
	tn_app_get(app, "/mark", tn_session_optional, set_mark);
	tn_app_get(app, "/public", public_page);
	tn_app_get(app, "/*view", render);
	web_serve();
}

static void
teardown(void)
{
	web_end();
	tn_views_free(&views);
	tn_store_memory_free(&store.inner);
}

static void
post(const char *target, int status)
{
	ck_assert_int_eq(tn_harness_request(&h, "POST", target, NULL, NULL),
	    status);
}

START_TEST(page_without_session_asks_no_store)
{
	ck_assert_int_eq(tn_harness_get(&h, "/public"), 200);
	ck_assert_int_eq(store.reads + store.writes, 0);
	ck_header("set-cookie", NULL);
	ck_assert(tn_harness_header(&h, "etag").len > 0);
	tn_harness_get(&h, "/who");	/* no cookie, nothing to look up */
	ck_slice(h.body, "stranger");
	ck_assert_int_eq(store.reads + store.writes, 0);
	ck_header("set-cookie", NULL);
	ck_header("cache-control", "no-store");
}
END_TEST

START_TEST(log_in_is_known_until_log_out)
{
	char cookies[sizeof(h.cookies) + 16];

	post("/login", 303);
	ck_assert(tn_slice_starts(tn_harness_header(&h, "set-cookie"),
	    TN_SLICE("connect.sid=s%3A")));
	tn_harness_get(&h, "/who");
	ck_slice(h.body, "known");
	snprintf(cookies, sizeof(cookies), "cookie: %s\n", h.cookies);
	tn_harness_request(&h, "GET", "/who", "cookie: connect.sid=s%3Aabc.def"
	    "\n", NULL);
	ck_slice(h.body, "stranger");
	post("/logout", 303);
	tn_harness_request(&h, "GET", "/who", cookies, NULL);
	ck_slice(h.body, "stranger");
}
END_TEST

/* The old one is gone: with an error, too, the browser must hear of the new. */
START_TEST(session_is_told_with_an_error)
{
	post("/login", 303);
	post("/badly", 500);
	ck_header("x-name", NULL);
	ck_assert(tn_slice_starts(tn_harness_header(&h, "set-cookie"),
	    TN_SLICE("connect.sid=s%3A")));
	tn_harness_get(&h, "/who");
	ck_slice(h.body, "known");
}
END_TEST

static int
damage(struct tn_slice sid, struct tn_slice record, void *arg)
{
	char *text = arg;

	(void)record;
	return snprintf(text, 64, "%.*s", TN_SLICE_ARG(sid)) > 0 ? 1 : 0;
}

/* Not one that express-session or we would write. */
static void
damage_all(void)
{
	char sid[64];

	ck_assert_int_eq(tn_store_each(store.inner, false, damage, sid, NULL),
	    1);
	ck_assert_int_eq(store.inner->ops->set(store.inner,
	    tn_slice_str(sid), TN_SLICE("{\"no\":1}"), 60, NULL), 0);
}

/* ---- Several requests at once ---------------------------------------------*/

/* Requests of their own, with the cookies that h has by then. */
static struct tn_harness others[3];

static void
begin_others(const char *target, const char *cookie)
{
	for (int i = 0; i < 3; i++) {
		tn_harness_init(&others[i], app);
		memcpy(others[i].cookies, h.cookies, sizeof(h.cookies));
		if (cookie != NULL && i == 1)
			snprintf(others[i].cookies, sizeof(h.cookies), "%s",
			    cookie);
		tn_harness_begin(&others[i], "GET", target, NULL,
		    TN_SLICE_NONE);
	}
}

static void
prepare_others(void)
{
	struct tn_req *reqs[3];

	for (int i = 0; i < 3; i++)
		reqs[i] = &others[i].exchange.req;
	tn_app_prepare(app, reqs, 3);
}

static void
finish_others(const char *first, const char *second, const char *third)
{
	const char *const wants[] = { first, second, third };

	for (int i = 0; i < 3; i++) {
		if (wants[i] != NULL) {
			ck_assert_int_eq(tn_harness_finish(&others[i]), 200);
			ck_slice(others[i].body, wants[i]);
		}
		tn_harness_fini(&others[i]);
	}
}

START_TEST(sessions_are_fetched_before_they_are_asked_for)
{
	post("/login", 303);
	tn_harness_get(&h, "/who");	/* so it is known to ask */
	store.reads = 0;
	begin_others("/who", NULL);
	prepare_others();
	ck_assert_int_eq(store.reads, 3);
	finish_others("known", "known", "known");
	ck_assert_int_eq(store.reads, 3);
}
END_TEST

START_TEST(who_has_no_session_is_a_stranger_beside_others)
{
	post("/login", 303);
	tn_harness_get(&h, "/who");
	store.reads = 0;
	begin_others("/who", "connect.sid=s%3Aabc.def");	/* forged */
	prepare_others();
	ck_assert_int_eq(store.reads, 2);
	finish_others("known", "stranger", "known");
	begin_others("/who", "a=b");			/* none */
	prepare_others();
	ck_assert_int_eq(store.reads, 4);
	finish_others("known", "stranger", "known");
}
END_TEST

START_TEST(paths_that_have_not_asked_are_not_asked_for)
{
	post("/login", 303);
	tn_harness_get(&h, "/public");
	store.reads = 0;
	begin_others("/public", NULL);
	prepare_others();
	finish_others("for all", "for all", "for all");
	ck_assert_int_eq(store.reads, 0);
	begin_others("/who", NULL);	/* for the first time */
	prepare_others();
	ck_assert_int_eq(store.reads, 0);
	finish_others("known", "known", "known");
	ck_assert_int_eq(store.reads, 3);
}
END_TEST

/* One may log out what the next of them has fetched: it was there before. */
START_TEST(what_was_fetched_is_not_brought_back)
{
	char cookies[sizeof(h.cookies)];

	post("/login", 303);
	tn_harness_get(&h, "/mark");
	memcpy(cookies, h.cookies, sizeof(cookies));
	begin_others("/mark", NULL);
	prepare_others();
	post("/logout", 303);
	finish_others("with", "with", "with");
	memcpy(h.cookies, cookies, sizeof(cookies));
	tn_harness_get(&h, "/who");
	ck_slice(h.body, "stranger");
}
END_TEST

START_TEST(a_store_that_is_away_is_found_out_by_each)
{
	post("/login", 303);
	tn_harness_get(&h, "/who");
	begin_others("/who", NULL);
	store.down = TN_E_AWAY;
	prepare_others();
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(tn_harness_finish(&others[i]), 503);
	store.down = 0;			/* and back, by the third */
	finish_others(NULL, NULL, "known");
}
END_TEST

/* What waited for the pool is looked up again: meanwhile it may have ended. */
START_TEST(what_was_fetched_does_not_wait_in_the_pool)
{
	post("/login", 303);
	tn_harness_get(&h, "/slow");
	begin_others("/slow", NULL);
	prepare_others();
	post("/logout", 303);
	finish_others("stranger", "stranger", "stranger");
}
END_TEST

START_TEST(damaged_records_are_strangers_when_fetched_too)
{
	post("/login", 303);
	tn_harness_get(&h, "/who");
	damage_all();
	begin_others("/who", NULL);
	prepare_others();
	finish_others("stranger", "stranger", "stranger");
}
END_TEST

static const struct {
	const char *name, *method, *target;
	bool only_writes;
	int status;
} aways[] = {
	{ "who needs the session gets 503", "GET", "/who", false, 503 },
	{ "who needs none is served", "GET", "/public", false, 200 },
	{ "a page with flash lines is served", "GET", "/page", false, 200 },
	{ "who may be anybody is served", "GET", "/anybody", false, 200 },
	{ "nothing is kept of it", "GET", "/mark", false, 200 },
	{ "a form cannot be made", "GET", "/form", false, 503 },
	{ "log in", "POST", "/login", false, 503 },
	{ "log in that cannot be saved", "POST", "/login", true, 503 },
	{ "log out that cannot be saved", "POST", "/logout", true, 503 },
};

START_TEST(store_that_is_away_makes_nobody_a_stranger)
{
	static const int codes[] = { TN_E_AWAY, TN_E_TIMEOUT };

	post("/login", 303);
	tn_harness_get(&h, "/page");	/* takes the flash lines */
	for (int i = 0; i < 2; i++) {
		char cookies[sizeof(h.cookies)];

		memcpy(cookies, h.cookies, sizeof(cookies));
		store.down = codes[i];
		store.only_writes = aways[_i].only_writes;
		store.reads = 0;
		tn_harness_request(&h, aways[_i].method, aways[_i].target, NULL,
		    NULL);
		ck_assert_msg(h.status == aways[_i].status, "%s: %d",
		    aways[_i].name, h.status);
		ck_assert_msg(store.reads <= 1, "%s: asked %d times",
		    aways[_i].name, store.reads);
		ck_header("set-cookie", NULL);
		if (h.status == 503) {
			ck_assert(tn_harness_header(&h, "retry-after").len > 0);
			ck_header("location", NULL);
			ck_assert(tn_harness_header(&h,
			    "content-security-policy").len > 0);
		}
		store.down = 0;		/* it is back, and so are we */
		memcpy(h.cookies, cookies, sizeof(cookies));
		tn_harness_get(&h, "/who");
		ck_slice(h.body, "known");
	}
}
END_TEST

START_TEST(optional_route_has_strangers_while_the_store_is_away)
{
	post("/login", 303);
	tn_harness_get(&h, "/anybody");
	ck_slice(h.body, "known");
	store.down = TN_E_TIMEOUT;
	tn_harness_get(&h, "/anybody");
	ck_slice(h.body, "stranger");
	store.writes = 0;
	tn_harness_get(&h, "/mark");
	ck_slice(h.body, "without");
	ck_assert_int_eq(store.writes, 0);
	ck_header("set-cookie", NULL);
	store.down = 0;
	tn_harness_get(&h, "/anybody");
	ck_slice(h.body, "known");
}
END_TEST

static const struct {
	const char *name, *base, *path, *target;
	int status;
} paths[] = {
	{ "the root", "", "/", "/who", 200 },
	{ "the page itself", "", "/who", "/who", 200 },
	{ "a plain prefix, as in Express", "", "/wh", "/who", 200 },
	{ "elsewhere", "", "/admin", "/who", 500 },
	{ "below a mount", "/app", "/app/who", "/app/who", 200 },
	{ "the mount itself", "/app", "/app", "/app/who", 200 },
	{ "above the mount", "/app", "/", "/app/who", 200 },
	{ "beside the mount", "/app", "/who", "/app/who", 500 },
};

START_TEST(cookie_path_says_which_requests_have_a_session)
{
	web_options.path = tn_slice_str(paths[_i].path);
	h.cgi.base_path = tn_slice_str(paths[_i].base);
	ck_assert_msg(tn_harness_get(&h, paths[_i].target) == paths[_i].status,
	    "%s: %d", paths[_i].name, h.status);
}
END_TEST

static const struct {
	const char *name, *header;
	bool trusted, is_sent;
} protos[] = {
	{ "none", "", true, false },
	{ "https", "x-forwarded-proto: https\n", true, true },
	{ "in capitals", "x-forwarded-proto: HTTPS\n", true, true },
	{ "http", "x-forwarded-proto: http\n", true, false },
	{ "the first of a list", "x-forwarded-proto: https , http\n", true,
	    true },
	{ "not the second", "x-forwarded-proto: http, https\n", true, false },
	{ "not trusted", "x-forwarded-proto: https\n", false, false },
};

START_TEST(safe_cookie_behind_a_proxy)
{
	web_options.secure = TN_SECURE_YES;
	web_options.proxy = protos[_i].trusted ? TN_PROXY_YES : TN_PROXY_NO;
	tn_harness_request(&h, "POST", "/login", protos[_i].header, NULL);
	ck_assert_msg((tn_harness_header(&h, "set-cookie").len > 0) ==
	    protos[_i].is_sent, "%s", protos[_i].name);
}
END_TEST

START_TEST(flash_lines_are_shown_once)
{
	post("/flash", 303);
	ck_header("location", "/page");
	tn_harness_get(&h, "/page");
	ck_slice(h.body, "A &amp; B|/page||[info:one][info:three]"
	    "[error:two &quot;\n]");
	tn_harness_get(&h, "/page");
	ck_slice(h.body, "A &amp; B|/page||");
}
END_TEST

START_TEST(flash_lines_are_escaped_and_bounded)
{
	post("/login", 303);
	tn_harness_get(&h, "/page");
	ck_assert(tn_harness_shows(&h, "[info:Welcome &lt;b&gt;.]"));
	post("/toomuch", 500);
	tn_harness_get(&h, "/page");
	ck_assert(!tn_harness_shows(&h, "["));
}
END_TEST

START_TEST(base_path_is_seen_by_views)
{
	h.cgi.base_path = TN_SLICE("/app");
	tn_harness_get(&h, "/app/page");
	ck_slice(h.body, "A &amp; B|/page|/app|");
	post("/app/flash", 303);
	ck_header("location", "/app/page");
}
END_TEST

START_TEST(view_that_is_not_there_is_500)
{
	ck_assert_int_eq(tn_harness_get(&h, "/none"), 500);
	ck_slice(h.body, "Internal Server Error");
}
END_TEST

static void
ck_csp(const char *part, bool there)
{
	struct tn_slice csp =
	    tn_harness_header(&h, "content-security-policy");

	ck_assert_msg(csp.len > 0 && (memmem(csp.ptr, csp.len, part,
	    strlen(part)) != NULL) == there, "%s in %.*s", part,
	    TN_SLICE_ARG(csp));
}

START_TEST(security_headers_are_on_by_default)
{
	tn_harness_get(&h, "/public");
	ck_header("x-content-type-options", "nosniff");
	ck_header("referrer-policy", "same-origin");
	ck_header("cross-origin-opener-policy", "same-origin");
	ck_header("strict-transport-security", NULL);
	ck_csp("frame-ancestors 'none'", true);
	ck_csp("script-src 'self';", true);
	ck_csp("connect-src 'self' ws://localhost;", true);
	ck_csp("unsafe", false);
	ck_csp("{", false);
	tn_harness_request(&h, "POST", "/nothing", NULL, NULL);
	ck_csp("default-src 'self'", true);

	h.cgi.origin = TN_SLICE("https://a.example");
	tn_harness_get(&h, "/public");
	ck_csp("connect-src 'self' wss://a.example;", true);
}
END_TEST

START_TEST(nonce_of_a_page_is_in_its_policy)
{
	char first[64], source[80];

	tn_harness_get(&h, "/nonce");
	ck_assert_uint_eq(h.body.len, strlen("<script nonce=\"\">") + 22);
	snprintf(first, sizeof(first), "%.*s", TN_SLICE_ARG(h.body));
	snprintf(source, sizeof(source), "script-src 'self' 'nonce-%.22s';",
	    first + strlen("<script nonce=\""));
	ck_csp(source, true);
	ck_header("etag", NULL);
	tn_harness_get(&h, "/nonce");
	ck_assert(!tn_slice_is(h.body, first));
	ck_csp(source, false);
}
END_TEST

static int
own_policy(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	tn_res_set(res, "Content-Security-Policy", TN_SLICE("sandbox"));
	return tn_res_send(res, TN_SLICE_NONE);
}

START_TEST(headers_follow_their_options)
{
	static const struct tn_headers_options given = {
		.csp = "script-src{nonce} x", .referrer_policy = "no-referrer",
		.hsts_s = 60,
	};
	struct tn_app *a = tn_app_new(NULL, NULL, NULL);
	struct tn_slice csp;

	tn_app_use(a, tn_security_headers(&given));
	tn_app_get(a, "/", public_page);
	tn_app_get(a, "/own", own_policy);
	h.app = a;
	h.cgi.origin = TN_SLICE_NONE;
	tn_harness_get(&h, "/");
	csp = tn_harness_header(&h, "content-security-policy");
	ck_slice(csp, "script-src x");
	ck_header("referrer-policy", "no-referrer");
	tn_harness_get(&h, "/own");
	ck_header("content-security-policy", "sandbox");
	tn_app_free(&a);
}
END_TEST

START_TEST(hsts_only_over_tls)
{
	static char *words[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/public",
		"HTTPS=on", NULL };
	struct tn_exchange *x = &h.exchange;

	tn_exchange_begin(x, &h.sink, NULL);
	ck_assert_int_eq(tn_cgi_read(&x->req, words, NULL), 0);
	ck_assert_int_eq(tn_app_handle(app, &x->req, &x->res), TN_DONE);
	ck_slice(tn_res_get(&x->res, "strict-transport-security"),
	    "max-age=31536000");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("web_session");
	TCase *tc = tcase_create("web_session");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, page_without_session_asks_no_store);
	tcase_add_test(tc, log_in_is_known_until_log_out);
	tcase_add_test(tc, session_is_told_with_an_error);
	tcase_add_test(tc, sessions_are_fetched_before_they_are_asked_for);
	tcase_add_test(tc, who_has_no_session_is_a_stranger_beside_others);
	tcase_add_test(tc, paths_that_have_not_asked_are_not_asked_for);
	tcase_add_test(tc, what_was_fetched_is_not_brought_back);
	tcase_add_test(tc, a_store_that_is_away_is_found_out_by_each);
	tcase_add_test(tc, what_was_fetched_does_not_wait_in_the_pool);
	tcase_add_test(tc, damaged_records_are_strangers_when_fetched_too);
	tcase_add_loop_test(tc, store_that_is_away_makes_nobody_a_stranger, 0,
	    (int)(sizeof(aways) / sizeof(aways[0])));
	tcase_add_test(tc,
	    optional_route_has_strangers_while_the_store_is_away);
	tcase_add_loop_test(tc, cookie_path_says_which_requests_have_a_session,
	    0, (int)(sizeof(paths) / sizeof(paths[0])));
	tcase_add_loop_test(tc, safe_cookie_behind_a_proxy, 0,
	    (int)(sizeof(protos) / sizeof(protos[0])));
	tcase_add_test(tc, flash_lines_are_shown_once);
	tcase_add_test(tc, flash_lines_are_escaped_and_bounded);
	tcase_add_test(tc, base_path_is_seen_by_views);
	tcase_add_test(tc, view_that_is_not_there_is_500);
	tcase_add_test(tc, security_headers_are_on_by_default);
	tcase_add_test(tc, nonce_of_a_page_is_in_its_policy);
	tcase_add_test(tc, headers_follow_their_options);
	tcase_add_test(tc, hsts_only_over_tls);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
