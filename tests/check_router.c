#include "config.h"

#include "web/router.h"

#include <stdio.h>

#include "check_main.h"
#include "web/harness.h"
#include "web/pattern.h"

static const struct {
	const char *name, *pattern, *path;
	const char *params;	/* "a=1 b=2 +rest"; NULL: no match */
} matches[] = {
	{ "the root", "/", "/", "" },
	{ "literal text", "/a/b", "/a/b", "" },
	{ "case counts", "/a", "/A", NULL },
	{ "text goes on", "/a", "/ab", "+b" },
	{ "text is shorter", "/ab", "/a", NULL },
	{ "a parameter", "/u/:id", "/u/7", "id=7" },
	{ "a parameter is not empty", "/u/:id", "/u/", NULL },
	{ "a parameter ends at a slash", "/u/:id", "/u/7/x", "id=7+/x" },
	{ "text behind a parameter", "/u/:id/edit", "/u/7/edit", "id=7" },
	{ "other text behind it", "/u/:id/edit", "/u/7/show", NULL },
	{ "two in one part", "/:from-:to", "/ab-cd", "from=ab to=cd" },
	{ "the first dash ends it", "/:from-:to", "/a-b-c", "from=a to=b-c" },
	{ "it may begin with what ends it", "/:a-:b", "/-x-y", "a=-x b=y" },
	{ "a rest", "/f/*path", "/f/a/b", "path=a/b" },
	{ "a rest is not empty", "/f/*path", "/f/", NULL },
	{ "a rest in mid-part", "/f-*path", "/f-a/b", "path=a/b" },
	{ "other bytes are bytes", "/u/:id", "/u/%:*", "id=%:*" },
};

START_TEST(pattern_matches)
{
	struct tn_pair params[TN_LIMIT_PARAMS];
	struct tn_slice path = tn_slice_str(matches[_i].path);
	struct tn_pattern p;
	char got[256] = "";
	ptrdiff_t used;
	size_t n = 0;
	int at = 0;

	ck_assert_int_eq(tn_pattern_init(&p, matches[_i].pattern, NULL), 0);
	used = tn_pattern_match(&p, path, params, TN_LIMIT_PARAMS, &n);
	for (size_t i = 0; i < n; i++)
		at += snprintf(got + at, sizeof(got) - (size_t)at,
		    "%s%.*s=%.*s", i > 0 ? " " : "",
		    TN_SLICE_ARG(params[i].name),
		    TN_SLICE_ARG(params[i].value));
	if (used >= 0 && (size_t)used < path.len)
		snprintf(got + at, sizeof(got) - (size_t)at, "+%s",
		    matches[_i].path + used);
	if (matches[_i].params == NULL)
		ck_assert_msg(used == -1 && n == 0, "%s", matches[_i].name);
	else
		ck_assert_msg(used >= 0 && strcmp(got, matches[_i].params) == 0,
		    "%s: %s", matches[_i].name, got);
	tn_pattern_fini(&p);
}
END_TEST

static const struct { const char *name, *pattern; } wrongs[] = {
	{ "empty", "" },
	{ "no slash in front", "a" },
	{ "a parameter without a name", "/:" },
	{ "a rest without a name", "/*" },
	{ "a rest before the end", "/*a/b" },
	{ "a name twice", "/:a/:a" },
	{ "nothing between two", "/:a:b" },
	{ "too many", "/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p/:q" },
};

START_TEST(pattern_is_refused)
{
	struct tn_pattern p;
	struct tn_err err;

	ck_assert_msg(tn_pattern_init(&p, wrongs[_i].pattern, &err) ==
	    TN_E_CONFIG, "%s", wrongs[_i].name);
	ck_assert_str_ne(err.text, "");
}
END_TEST

/* Handlers leave a mark and go on, or say what they were given. */
static char trail[256];

static void
mark(const char *what)
{
	strncat(trail, what, sizeof(trail) - strlen(trail) - 1);
}

static int
go_on(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	mark(arg);
	return TN_NEXT;
}

static int
stop(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	mark(arg);
	return tn_res_send(res, tn_slice_str(arg));
}

static int
break_off(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	mark(arg);
	return tn_err_set(&req->err, TN_E_CONFLICT, "broken");
}

static int
mend(struct tn_req *req, struct tn_res *res, void *arg)
{
	if (res->status == 404)
		return tn_res_send(res, TN_SLICE("nothing"));
	ck_assert_str_eq(req->err.text, "broken");
	ck_assert_int_eq(res->status, 409);
	mark(arg);
	return tn_res_send(res, TN_SLICE("mended"));
}

static int
leave(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	mark(arg);
	mark("-");
	return TN_NEXT;
}

static int
show_params(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send(res, tn_arena_printf(req->arena,
	    "%.*s|%.*s|%.*s|%.*s",
	    TN_SLICE_ARG(tn_req_param(req, "room")),
	    TN_SLICE_ARG(tn_req_param(req, "id")),
	    TN_SLICE_ARG(req->base_url), TN_SLICE_ARG(req->path)));
}

static struct tn_app *
make_app(void)
{
	struct tn_app *app = tn_app_new("app ", NULL, NULL);
	struct tn_router *outer = tn_router_new("outer ");
	struct tn_router *inner = tn_router_new("inner ");

	tn_app_use(app, (struct tn_step){ .fn = go_on, .arg = "first " });
	tn_app_get(app, "/one", stop);
	tn_app_get(app, "/two", go_on, go_on, stop);
	tn_app_get(app, "/late", go_on);
	tn_app_all(app, "/any", stop);
	tn_router_get(inner, "/", stop);
	tn_router_get(inner, "/show/:id", show_params);
	tn_router_get(inner, "/broken", break_off);
	tn_router_on_error(inner, leave);
	tn_router_mount(outer, "/in", inner);
	tn_router_get(outer, "/broken", break_off, stop);
	tn_router_get(outer, "/", stop);
	tn_router_on_error(outer, mend);
	tn_app_mount(app, "/room/:room", outer);
	tn_app_use(app, (struct tn_step){ .fn = go_on, .arg = "second " });
	tn_app_get(app, "/late", stop);
	tn_app_get(app, "/broken", break_off);
	tn_app_on_error(app, mend);
	ck_assert_int_eq(tn_app_check(app, NULL), 0);
	return app;
}

static const struct {
	const char *name, *path, *trail;
	int status;
	const char *body;
} walks[] = {
	{ "the first that answers ends it", "/one", "first app ", 200, "app " },
	{ "handlers of a route in order", "/two", "first app app app ", 200,
	    "app " },
	{ "a route that goes on", "/late", "first app second app ", 200,
	    "app " },
	{ "all methods", "/any", "first app ", 200, "app " },
	{ "a last slash does not matter", "/one/", "first app ", 200, "app " },
	{ "two do", "/one//", "first second ", 404, "nothing" },
	{ "a mount's own root", "/room/a", "first outer ", 200, "outer " },
	{ "the same with a slash", "/room/a/", "first outer ", 200, "outer " },
	{ "a mount within", "/room/a/in", "first inner ", 200, "inner " },
	{ "parameters are merged", "/room/a/in/show/7", "first ", 200,
	    "a|7|/room/a/in|/room/a/in/show/7" },
	{ "a mount's name goes on", "/room/a/inn", "first second ", 404,
	    "nothing" },
	{ "no parameter left over", "/room/a/x", "first second ", 404,
	    "nothing" },
	{ "an error passes handlers over", "/broken",
	    "first second app app ", 409, "mended" },
	{ "an error stays in its router", "/room/a/broken",
	    "first outer outer ", 409, "mended" },
	{ "an error handler may leave it to the next", "/room/a/in/broken",
	    "first inner inner -outer ", 409, "mended" },
};

START_TEST(requests_walk_in_order)
{
	struct tn_app *app = make_app();
	struct tn_harness h;

	trail[0] = '\0';
	tn_harness_init(&h, app);
	tn_harness_get(&h, walks[_i].path);
	ck_assert_msg(strcmp(trail, walks[_i].trail) == 0, "%s: %s",
	    walks[_i].name, trail);
	ck_assert_msg(h.status == walks[_i].status, "%s: %d", walks[_i].name,
	    h.status);
	ck_assert_msg(tn_slice_is(h.body, walks[_i].body), "%s: %.*s",
	    walks[_i].name, TN_SLICE_ARG(h.body));
	tn_harness_fini(&h);
	tn_app_free(&app);
}
END_TEST

static int ended;

static void
count_end(void *arg)
{
	(void)arg;
	ended++;
}

START_TEST(middleware_ends_with_its_router)
{
	struct tn_router *r = tn_router_new(NULL);

	ended = 0;
	tn_router_use(r, (struct tn_step){ go_on, NULL, count_end });
	tn_router_use(NULL, (struct tn_step){ go_on, NULL, count_end });
	ck_assert_int_eq(ended, 1);
	tn_router_free(&r);
	ck_assert_int_eq(ended, 2);
	ck_assert_ptr_null(r);
}
END_TEST

START_TEST(failures_are_remembered)
{
	struct tn_router *r = tn_router_new(NULL);
	struct tn_router *other = tn_router_new(NULL);
	struct tn_err err;

	ck_assert_int_eq(tn_router_check(NULL, NULL), TN_E_NOMEM);
	ck_assert_int_eq(tn_router_check(r, &err), 0);
	tn_router_mount(r, "/a", other);
	tn_router_get(other, "no-slash", stop);
	ck_assert_int_eq(tn_router_check(r, &err), TN_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "no-slash"));
	tn_router_mount(r, "/b", other);
	tn_router_free(&r);

	r = tn_router_new(NULL);
	tn_router_use(r, (struct tn_step){ .fn = NULL });
	ck_assert_int_eq(tn_router_check(r, NULL), TN_E_NOMEM);
	tn_router_free(&r);

	r = tn_router_new(NULL);
	tn_router_mount(r, "/", tn_router_new(NULL));
	ck_assert_int_eq(tn_router_check(r, NULL), TN_E_CONFIG);
	tn_router_free(&r);
}
END_TEST

/* n routers, each within the one before. */
static int
check_tower(size_t n)
{
	struct tn_router *bottom = tn_router_new(NULL), *r = bottom;
	int rc;

	while (--n > 0) {
		struct tn_router *next = tn_router_new(NULL);

		tn_router_mount(r, "/x", next);
		r = next;
	}
	rc = tn_router_check(bottom, NULL);
	tn_router_free(&bottom);
	return rc;
}

START_TEST(mounts_are_bounded)
{
	ck_assert_int_eq(check_tower(TN_LIMIT_MOUNTS), 0);
	ck_assert_int_eq(check_tower(TN_LIMIT_MOUNTS + 1), TN_E_CONFIG);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("router");
	TCase *tc = tcase_create("router");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_loop_test(tc, pattern_matches, 0, ROWS(matches));
	tcase_add_loop_test(tc, pattern_is_refused, 0, ROWS(wrongs));
	tcase_add_loop_test(tc, requests_walk_in_order, 0, ROWS(walks));
	tcase_add_test(tc, middleware_ends_with_its_router);
	tcase_add_test(tc, failures_are_remembered);
	tcase_add_test(tc, mounts_are_bounded);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
