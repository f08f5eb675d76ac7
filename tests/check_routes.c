/* An app's own words: a route for each method, parameters, what it is given. */
#include "config.h"

#include "web/app.h"

#include <stdio.h>

#include "base/log.h"
#include "check_alloc.h"
#include "check_main.h"
#include "web/middleware.h"
#include "web/rate_limit.h"
#include "web/static.h"
#include "web/view.h"
#include "web_rig.h"

static int
say_method(struct tn_req *req, struct tn_res *res, void *arg)
{
	ck_assert_str_eq(arg, "arg");
	tn_res_set(res, "X-By", TN_SLICE("handler"));
	return tn_res_send(res, tn_slice_str(tn_method_name(req->method)));
}

static int
say_any(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	tn_res_set(res, "X-By", TN_SLICE("any"));
	return tn_res_send(res, TN_SLICE("any"));
}

/* A path for each method alone, added in each of the three ways. */
static void
add_paths(void)
{
	struct tn_router *r = tn_app_router(app);

	tn_app_get(app, "/app/get", say_method);
	tn_app_head(app, "/app/head", say_method);
	tn_app_post(app, "/app/post", say_method);
	tn_app_put(app, "/app/put", say_method);
	tn_app_patch(app, "/app/patch", say_method);
	tn_app_delete(app, "/app/delete", say_method);
	tn_app_options(app, "/app/options", say_method);
	tn_app_all(app, "/app/all", say_any);
	tn_router_get(r, "/router/get", say_method);
	tn_router_head(r, "/router/head", say_method);
	tn_router_post(r, "/router/post", say_method);
	tn_router_put(r, "/router/put", say_method);
	tn_router_patch(r, "/router/patch", say_method);
	tn_router_delete(r, "/router/delete", say_method);
	tn_router_options(r, "/router/options", say_method);
	tn_router_all(r, "/router/all", say_any);
	tn_route_get(tn_app_route(app, "/route/get"), say_method);
	tn_route_post(tn_app_route(app, "/route/post"), say_method);
	tn_route_put(tn_app_route(app, "/route/put"), say_method);
	tn_route_patch(tn_app_route(app, "/route/patch"), say_method);
	tn_route_delete(tn_app_route(app, "/route/delete"), say_method);
	tn_route_all(tn_app_route(app, "/route/all"), say_any);
}

static const char *const ways[] = { "app", "router", "route" };
static const char *const sent[] = { "GET", "HEAD", "POST", "PUT", "PATCH",
	"DELETE", "OPTIONS" };
static const struct { const char *path, *allow; } paths[] = {
	{ "get", "GET, HEAD, OPTIONS" }, { "head", "HEAD, OPTIONS" },
	{ "post", "POST, OPTIONS" }, { "put", "PUT, OPTIONS" },
	{ "patch", "PATCH, OPTIONS" }, { "delete", "DELETE, OPTIONS" },
	{ "options", "OPTIONS" },
};

enum { NSENT = sizeof(sent) / sizeof(sent[0]) };

/* Is it one of the words of a list? */
static bool
is_listed(const char *list, const char *word)
{
	struct tn_slice rest = tn_slice_str(list);

	while (rest.ptr != NULL) {
		if (tn_slice_is(tn_slice_trim(tn_slice_cut(&rest, ',')), word))
			return true;
	}
	return false;
}

/* The path of one method, asked with each of them. */
static void
ask_each_method(const char *way, const char *path, const char *allow)
{
	char target[64];
	bool is_own = strcmp(path, "options") == 0;

	snprintf(target, sizeof(target), "/%s/%s", way, path);
	for (size_t i = 0; i < NSENT; i++) {
		bool is_options = strcmp(sent[i], "OPTIONS") == 0;
		int want = !is_listed(allow, sent[i]) ? 405 :
		    is_options && !is_own ? 204 : 200;

		tn_harness_request(&h, sent[i], target, NULL, NULL);
		ck_assert_msg(h.status == want, "%s %s: %d", sent[i], target,
		    h.status);
		ck_assert((tn_harness_header(&h, "x-by").ptr != NULL) ==
		    (want == 200));
		if (want != 200)
			ck_assert_msg(tn_slice_is(tn_harness_header(&h,
			    "allow"), allow), "%s %s: %.*s", sent[i], target,
			    TN_SLICE_ARG(tn_harness_header(&h, "allow")));
		else if (strcmp(sent[i], "HEAD") != 0)
			ck_assert(tn_slice_is(h.body, sent[i]));
	}
}

START_TEST(method_meets_its_handler_or_405)
{
	web_begin("arg", NULL);
	add_paths();
	web_serve();
	for (size_t w = 0; w < 3; w++) {
		if (w < 2 || (_i != 1 && _i != 6))
			ask_each_method(ways[w], paths[_i].path,
			    paths[_i].allow);
	}
}
END_TEST

START_TEST(all_meets_each_method)
{
	char target[64];

	web_begin("arg", NULL);
	add_paths();
	web_serve();
	for (size_t w = 0; w < 3; w++) {
		snprintf(target, sizeof(target), "/%s/all", ways[w]);
		for (size_t i = 0; i < NSENT; i++) {
			ck_assert_msg(tn_harness_request(&h, sent[i], target,
			    NULL, NULL) == 200, "%s %s", sent[i], target);
			ck_header("x-by", "any");
		}
		/* a method that nobody knows is one of all */
		ck_assert_int_eq(tn_harness_request(&h, "BREW", target, NULL,
		    NULL), 200);
	}
}
END_TEST

START_TEST(nothing_is_added_without_memory)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		tn_alloc_fail_at(n);
		app = tn_app_new("arg", NULL, NULL);
		if (app != NULL) {
			add_paths();
			tn_app_use(app, tn_csrf());
		}
		failed = tn_alloc_end();
		ck_assert_int_eq(app == NULL ? TN_E_NOMEM :
		    tn_app_check(app, NULL), failed ? TN_E_NOMEM : 0);
		tn_app_free(&app);
	}
}
END_TEST

/* ---- Middleware ------------------------------------------------------------- */

static struct tn_step
make(int which)
{
	static const struct tn_rate_limit rate = { .name = "x", .limit = 1,
		.window_s = 1 };
	static const struct tn_assets assets = { .dir_fd = -1 };
	static const struct tn_session_options session = { .max_age_ms = -1 };

	switch (which) {
	case 0:
		return tn_static("/a", &assets);
	case 1:
		return tn_session(NULL, &session);
	case 2:
		return tn_form_body(NULL);
	case 3:
		return tn_json_body(NULL);
	case 4:
		return tn_text_body(NULL);
	case 5:
		return tn_raw_body(NULL);
	case 6:
		return tn_multipart_body(NULL);
	case 7:
		return tn_cors(NULL);
	case 8:
		return tn_rate_limit(&rate);
	case 9:
		return tn_security_headers(NULL);
	default:
		return tn_request_log(NULL);
	}
}

/* What could not be made is found before the program begins to serve. */
START_TEST(middleware_without_memory_is_told_by_the_check)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		web_begin("arg", NULL);
		tn_alloc_fail_at(n);
		tn_app_use(app, make(_i));
		failed = tn_alloc_end();
		ck_assert_msg(tn_app_check(app, NULL) ==
		    (failed ? TN_E_NOMEM : 0), "%d, %u", _i, n);
		tn_app_free(&app);
	}
}
END_TEST

/* ---- Parameters ------------------------------------------------------------- */

static int
meet(struct tn_req *req, struct tn_res *res, struct tn_slice value, void *arg)
{
	ck_assert_str_eq(arg, "arg");
	if (tn_slice_is(value, "none"))
		return tn_req_refuse(req, 404, "nobody of that name");
	tn_res_append(res, "X-Met", value);
	return TN_NEXT;
}

START_TEST(parameter_is_met_once_before_its_handlers)
{
	web_begin("arg", NULL);
	tn_app_param(app, "user", meet);
	tn_app_get(app, "/a/:other", say_method);
	tn_app_use_at(app, "/u/:user", tn_csrf());
	tn_app_get(app, "/u/:user", say_method);
	web_serve();
	ck_assert_int_eq(tn_harness_get(&h, "/u/joe"), 200);
	ck_header("x-met", "joe");
	ck_assert_ptr_null(tn_harness_header_nth(&h, "x-met", 1).ptr);
	ck_assert_int_eq(tn_harness_get(&h, "/u/none"), 404);
	ck_header("x-by", NULL);
	ck_assert_int_eq(tn_harness_get(&h, "/a/none"), 200);
}
END_TEST

/* ---- What it is given ------------------------------------------------------- */

START_TEST(app_has_what_it_was_given)
{
	const struct tn_view_source source = { "v", "<%= a %>" };
	struct tn_views *views = tn_views_new(&source, 1, NULL);
	struct tn_log log = { 0 };

	web_begin(NULL, &log);
	ck_assert_ptr_eq(tn_app_log(app), &log);
	ck_assert_ptr_null(tn_app_views(app));
	tn_app_set_views(app, views);
	ck_assert_ptr_eq(tn_app_views(app), views);
	tn_app_free(&app);
	tn_app_free(&app);
	web_begin("arg", NULL);
	ck_assert_ptr_null(tn_app_log(app));
	tn_app_free(&app);
	tn_views_free(&views);
}
END_TEST

static char told[64];

static void
tell(struct tn_req *const *reqs, size_t n, void *arg)
{
	size_t at = strlen(told);

	ck_assert_ptr_nonnull(reqs[0]);
	snprintf(told + at, sizeof(told) - at, "%s%zu ", (const char *)arg, n);
}

static int
go_on(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	(void)arg;
	return TN_NEXT;
}

START_TEST(steps_that_prepare_are_told_of_all)
{
	struct tn_router *inner = tn_router_new(NULL);
	struct tn_req req, *reqs[] = { &req, &req, &req };

	web_begin("arg", NULL);
	told[0] = '\0';
	tn_app_use(app, (struct tn_step){ .fn = go_on, .arg = "a",
		.prepare = tell });
	tn_app_use(app, TN_STEP(go_on));
	tn_router_use(inner, (struct tn_step){ .fn = go_on, .arg = "b",
		.prepare = tell });
	tn_app_mount(app, "/in", inner);
	ck_assert_int_eq(tn_app_check(app, NULL), 0);
	tn_router_prepare(tn_app_router(app), reqs, 3);
	ck_assert_str_eq(told, "a3 b3 ");
	tn_app_prepare(app, reqs, 1);
	ck_assert_str_eq(told, "a3 b3 a1 b1 ");
	tn_app_free(&app);
}
END_TEST

static int
break_off(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	return tn_err_set(&req->err, TN_E_CONFLICT, "broken");
}

/* ---- Where and how often ------------------------------------------------------ */

static int
show_base(struct tn_req *req, struct tn_res *res, struct tn_slice value,
    void *arg)
{
	(void)value;
	(void)arg;
	tn_res_append(res, "X-Base", tn_arena_printf(req->arena, "<%.*s>",
	    TN_SLICE_ARG(req->base_url)));
	return TN_NEXT;
}

static int
say_base(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send(res, req->base_url);
}

/* As in Express: it stands before what the parameter leads to. */
START_TEST(parameter_is_met_outside_its_mount)
{
	struct tn_router *inner = tn_router_new(NULL);

	web_begin(NULL, NULL);
	tn_app_param(app, "id", show_base);
	tn_app_use_at(app, "/u/:id", TN_STEP(go_on));
	tn_router_param(inner, "to", show_base);
	tn_router_get(inner, "/:to", say_base);
	tn_app_mount(app, "/u/:id", inner);
	web_serve();
	ck_assert_int_eq(tn_harness_get(&h, "/u/7/x"), 200);
	ck_slice(h.body, "/u/7");
	ck_assert(tn_slice_is(tn_harness_header_nth(&h, "x-base", 0), "<>"));
	ck_assert(tn_slice_is(tn_harness_header_nth(&h, "x-base", 1),
	    "</u/7>"));
}
END_TEST

static const struct { const char *path; int status; } strict_paths[] = {
	{ "/a", 200 }, { "/a/", 200 }, { "/a/b", 200 }, { "/ab", 404 },
	{ "/m/x", 200 }, { "/m/x/", 404 },
};

/* Strict is for routes: middleware and mounts have no end to be strict of. */
START_TEST(strict_router_has_middleware_and_mounts)
{
	const struct tn_router_options strict = { .strict = true };
	struct tn_router *inner = tn_router_new(NULL);

	web_begin(NULL, NULL);
	tn_router_set_options(tn_app_router(app), &strict);
	tn_router_set_options(inner, &strict);
	tn_router_get(inner, "/x", say_base);
	tn_app_mount(app, "/m/", inner);
	tn_app_use_at(app, "/a/", TN_STEP(say_any));
	web_serve();
	ck_assert_int_eq(tn_harness_get(&h, strict_paths[_i].path),
	    strict_paths[_i].status);
}
END_TEST

/* n parameters in two routers, one of them in a group. */
static int
check_params(size_t n)
{
	struct tn_router *inner = tn_router_new(NULL);
	char outside[512] = "/:first", inside[64] = "{/:last}";
	int rc;

	web_begin(NULL, NULL);
	for (size_t i = 2; i < n; i++)
		snprintf(outside + strlen(outside),
		    sizeof(outside) - strlen(outside), "/:p%zu", i);
	tn_router_get(inner, inside, say_any);
	tn_app_mount(app, outside, inner);
	rc = tn_app_check(app, NULL);
	web_end();
	return rc;
}

START_TEST(parameters_are_bounded)
{
	ck_assert_int_eq(check_params(TN_LIMIT_PARAMS), 0);
	ck_assert_int_eq(check_params(TN_LIMIT_PARAMS + 1), TN_E_CONFIG);
}
END_TEST

/* ---- Errors ------------------------------------------------------------------ */

static int
count_asked(struct tn_req *req, struct tn_res *res, void *arg)
{
	size_t at = strlen(told);

	(void)req;
	(void)arg;
	snprintf(told + at, sizeof(told) - at, "%d ", res->status);
	return TN_NEXT;
}

static int
count_asked_and_fail(struct tn_req *req, struct tn_res *res, void *arg)
{
	count_asked(req, res, arg);
	return tn_err_set(&req->err, TN_E_DENIED, "worse");
}

/* An error goes down the chain once; who stands before it is not asked. */
START_TEST(error_handler_is_asked_once)
{
	web_begin(NULL, NULL);
	told[0] = '\0';
	tn_app_on_error(app, count_asked);
	tn_app_get(app, "/fails", break_off);
	tn_app_on_error(app, count_asked);
	tn_app_on_error(app, count_asked_and_fail);
	tn_app_on_error(app, count_asked);
	web_serve();
	ck_assert_int_eq(tn_harness_get(&h, "/fails"), 403);
	ck_assert_str_eq(told, "409 409 403 ");
	told[0] = '\0';		/* what nobody took is for all of them */
	ck_assert_int_eq(tn_harness_get(&h, "/none"), 404);
	ck_assert_str_eq(told, "404 404 404 404 ");
}
END_TEST

static const struct { const char *path; int rc; } walks[] = {
	{ "/done", TN_DONE }, { "/next", TN_NEXT }, { "/slow", TN_SLOW },
	{ "/fails", TN_E_CONFLICT }, { "/none", TN_NEXT },
};

/* The router alone: what the app makes of this is the app's. */
START_TEST(walk_ends_as_its_handlers_do)
{
	struct tn_exchange x;
	struct tn_router *r;

	web_begin("arg", NULL);
	r = tn_app_router(app);
	tn_app_all(app, "/done", say_any);
	tn_app_all(app, "/next", go_on);
	tn_app_all(app, "/slow", tn_slow, go_on);
	tn_app_all(app, "/fails", break_off);
	web_serve();
	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, &h.sink, NULL);
	x.req.app = app;
	x.req.path = tn_slice_str(walks[_i].path);
	ck_assert_msg(tn_router_walk(r, &x.req, &x.res) == walks[_i].rc, "%s",
	    walks[_i].path);
	ck_assert((x.res.state == TN_RES_ENDED) == (walks[_i].rc == TN_DONE));
	tn_exchange_fini(&x);
}
END_TEST

static int slow_calls;

static int
be_slow(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	slow_calls++;
	if (!req->is_slow)
		return TN_SLOW;
	return tn_slice_is(tn_req_query(req, "x"), "fail") ?
	    tn_err_set(&req->err, TN_E_AWAY, "gone") :
	    tn_res_send(res, TN_SLICE("slow"));
}

START_TEST(slow_request_is_resumed_where_it_stood)
{
	static const struct { const char *query; int status; } ways_on[] = {
		{ "", 200 }, { "x=fail", 503 },
	};
	struct tn_exchange x;

	web_begin("arg", NULL);
	tn_app_use(app, TN_STEP(go_on));
	tn_app_get(app, "/", be_slow);
	web_serve();
	tn_exchange_init(&x, 0);
	for (size_t i = 0; i < 2; i++) {
		tn_exchange_begin(&x, &h.sink, NULL);
		x.req.method = TN_METHOD_GET;
		x.req.query_text = tn_slice_str(ways_on[i].query);
		slow_calls = 0;
		ck_assert_int_eq(tn_app_handle(app, &x.req, &x.res), TN_SLOW);
		ck_assert_int_eq(x.res.state, TN_RES_OPEN);
		ck_assert_int_eq(tn_app_resume(app, &x.req, &x.res), TN_DONE);
		ck_assert_int_eq(x.res.state, TN_RES_ENDED);
		ck_assert_int_eq(x.res.status, ways_on[i].status);
		ck_assert_int_eq(slow_calls, 2);
		ck_assert(!x.res.is_broken);
	}
	tn_exchange_fini(&x);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("routes");
	TCase *tc = tcase_create("routes");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, NULL, web_end);
	tcase_add_loop_test(tc, method_meets_its_handler_or_405, 0,
	    ROWS(paths));
	tcase_add_test(tc, all_meets_each_method);
	tcase_add_test(tc, nothing_is_added_without_memory);
	tcase_add_loop_test(tc, middleware_without_memory_is_told_by_the_check,
	    0, 11);
	tcase_add_test(tc, parameter_is_met_once_before_its_handlers);
	tcase_add_test(tc, parameter_is_met_outside_its_mount);
	tcase_add_test(tc, parameters_are_bounded);
	tcase_add_loop_test(tc, strict_router_has_middleware_and_mounts, 0,
	    ROWS(strict_paths));
	tcase_add_test(tc, error_handler_is_asked_once);
	tcase_add_test(tc, app_has_what_it_was_given);
	tcase_add_test(tc, steps_that_prepare_are_told_of_all);
	tcase_add_loop_test(tc, walk_ends_as_its_handlers_do, 0, ROWS(walks));
	tcase_add_test(tc, slow_request_is_resumed_where_it_stood);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
