#include "config.h"

#include "web/router.h"

#include <stdio.h>

#include "check_alloc.h"
#include "check_main.h"
#include "vectors.h"
#include "web/harness.h"
#include "web/pattern.h"

/* The flags in a vector: open, strict, case. */
static unsigned
flags_of(struct tn_slice letters)
{
	unsigned flags = 0;

	for (size_t i = 0; i < letters.len; i++)
		flags |= letters.ptr[i] == 'o' ? TN_PATTERN_OPEN :
		    letters.ptr[i] == 's' ? TN_PATTERN_STRICT :
		    TN_PATTERN_SENSITIVE;
	return flags;
}

static const struct {
	const char *name, *pattern, *path;
	unsigned flags;
	const char *params;	/* "a=1&b=2 +rest"; NULL: no match */
} matches[] = {
	{ "the root", "/", "/", 0, "" },
	{ "case does not count", "/a", "/A", 0, "" },
	{ "unless asked", "/a", "/A", TN_PATTERN_SENSITIVE, NULL },
	{ "a last slash does not", "/a", "/a/", 0, " +/" },
	{ "unless asked", "/a", "/a/", TN_PATTERN_STRICT, NULL },
	{ "in the pattern neither", "/a/", "/a", 0, "" },
	{ "unless asked", "/a/", "/a", TN_PATTERN_STRICT, NULL },
	{ "open up to a slash", "/a", "/a/b", TN_PATTERN_OPEN, " +/b" },
	{ "not within a name", "/a", "/ab", TN_PATTERN_OPEN, NULL },
	{ "anything", "/", "/x/y", TN_PATTERN_OPEN, " +/x/y" },
	{ "a parameter", "/u/:id", "/u/7", 0, "id=7" },
	{ "the last dash ends it", "/:from-:to", "/a-b-c", 0,
	    "from=a-b&to=c" },
	{ "a rest within", "/*a/edit", "/x/y/edit", 0, "a=x/y" },
	{ "a group", "/a{/:b}", "/a/x", 0, "b=x" },
	{ "a group left out", "/a{/:b}", "/a", 0, "" },
	{ "other bytes are bytes", "/u/:id", "/u/%:*", 0, "id=%:*" },
};

/* "a=1&b=2", and " +rest" of a path that was not covered. */
static void
tell(char *got, size_t cap, struct tn_slice path, ptrdiff_t used,
    const struct tn_pair *params, size_t n)
{
	size_t at = 0;

	got[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(got + at, cap - at, "%s%.*s=%.*s",
		    i > 0 ? "&" : "", TN_SLICE_ARG(params[i].name),
		    TN_SLICE_ARG(params[i].value));
	if (used >= 0 && (size_t)used < path.len)
		snprintf(got + at, cap - at, " +%.*s",
		    TN_SLICE_ARG(tn_slice_after(path, (size_t)used)));
}

START_TEST(pattern_matches)
{
	struct tn_pair params[TN_LIMIT_PARAMS];
	struct tn_slice path = tn_slice_str(matches[_i].path);
	struct tn_pattern p;
	char got[256];
	ptrdiff_t used;
	size_t n = 0;

	ck_assert_int_eq(tn_pattern_init(&p, matches[_i].pattern,
	    matches[_i].flags, NULL), 0);
	used = tn_pattern_match(&p, path, params, TN_LIMIT_PARAMS, &n);
	tell(got, sizeof(got), path, used, params, n);
	if (matches[_i].params == NULL)
		ck_assert_msg(used == -1 && n == 0, "%s", matches[_i].name);
	else
		ck_assert_msg(used >= 0 && strcmp(got, matches[_i].params) == 0,
		    "%s: %s", matches[_i].name, got);
	tn_pattern_fini(&p);
}
END_TEST

/*
 * Two names alike are an error here, and silently the last there; a path of
 * no bytes never comes.
 */
static bool
is_ours(const struct tn_vector *v)
{
	return v->field[2].ptr != NULL && v->field[2].len == 0;
}

static void
check_vector(const struct tn_vector *v)
{
	struct tn_pair params[TN_LIMIT_PARAMS];
	struct tn_pattern p;
	char text[128], got[512];
	uint64_t bytes = 0;
	ptrdiff_t used;
	size_t n = 0;
	int rc;

	snprintf(text, sizeof(text), "%.*s", TN_SLICE_ARG(v->field[0]));
	rc = tn_pattern_init(&p, text, flags_of(v->field[1]), NULL);
	if (tn_slice_is(v->field[3], "refused")) {
		ck_assert_msg(rc == TN_E_CONFIG, "line %u", v->line);
		return;
	}
	ck_assert_msg(rc == 0, "line %u", v->line);
	used = tn_pattern_match(&p, v->field[2], params, TN_LIMIT_PARAMS, &n);
	tell(got, sizeof(got), TN_SLICE_NONE, used, params, n);
	if (tn_slice_is(v->field[3], "no")) {
		ck_assert_msg(used < 0, "line %u: %s", v->line, got);
	} else {
		ck_assert(tn_slice_u64(v->field[3], &bytes));
		ck_assert_msg(used == (ptrdiff_t)bytes ||
		    (used + 1 == (ptrdiff_t)bytes &&
		    v->field[2].ptr[used] == '/'), "line %u: %td", v->line,
		    used);
		ck_assert_msg(tn_slice_is(v->field[4], got), "line %u: %s",
		    v->line, got);
	}
	tn_pattern_fini(&p);
}

START_TEST(pattern_matches_as_path_to_regexp)
{
	struct tn_vectors vectors;
	struct tn_vector v;
	size_t n = 0;

	tn_vectors_open(&vectors, "path_to_regexp.tsv");
	for (; tn_vectors_next(&vectors, &v); n++) {
		if (!is_ours(&v))
			check_vector(&v);
	}
	ck_assert_uint_gt(n, 1000);
	tn_vectors_close(&vectors);
}
END_TEST

static const struct { const char *name, *pattern; } wrongs[] = {
	{ "empty", "" },
	{ "no slash in front", "a" },
	{ "a parameter without a name", "/:" },
	{ "a rest without a name", "/*" },
	{ "a name twice", "/:a/:a" },
	{ "nothing between two", "/:a:b" },
	{ "a group that is not closed", "/a{/b" },
	{ "a group that was not opened", "/a}/b" },
	{ "a group closed twice", "/a{b}}" },
	{ "a quote that does not end", "/:\"a" },
	{ "an escape of nothing", "/a\\" },
	{ "a regular expression", "/:id(\\d+)" },
	{ "an optional parameter of Express 4", "/:id?" },
	{ "too many", "/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p/:q" },
	{ "too many groups", "/{a}{b}{c}{d}{e}{f}{g}{h}{i}" },
};

START_TEST(pattern_is_refused)
{
	struct tn_pattern p;
	struct tn_err err;

	ck_assert_msg(tn_pattern_init(&p, wrongs[_i].pattern, 0, &err) ==
	    TN_E_CONFIG, "%s", wrongs[_i].name);
	ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(pattern_without_memory_is_refused)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_pattern p;
		int rc;

		tn_alloc_fail_at(n);
		rc = tn_pattern_init(&p, "/a{/:b}{/c}", 0, NULL);
		failed = tn_alloc_end();
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
		tn_pattern_fini(&p);
	}
}
END_TEST

/* A path made to be tried again and again costs little more than another. */
START_TEST(matching_stays_linear)
{
	static const char *const patterns[] = {
		"/:a-:b-:c-:d-x", "/*a/x/*b/x/*c/y", "/:a-x-:\"b\"_:c.:dz",
		"/*a-:b-*c-x", "{/:a}{/:b}{/:c}{/:d}{/:e}{/:f}/x",
	};
	static char path[4001];
	struct tn_pair params[TN_LIMIT_PARAMS];

	for (size_t i = 0; i < 5; i++) {
		struct tn_pattern p;
		char text[64];
		size_t n = 0;

		for (size_t k = 0; k < 4000; k++)
			path[k] = "/-x_."[i == 1 || i == 4 ? k % 2 * 2 :
			    1 + k % 4];
		path[0] = '/';
		snprintf(text, sizeof(text), "%s", patterns[i]);
		ck_assert_int_eq(tn_pattern_init(&p, text, 0, NULL), 0);
		ck_assert_int_eq(tn_pattern_match(&p, tn_slice_str(path),
		    params, TN_LIMIT_PARAMS, &n), -1);
		tn_pattern_fini(&p);
	}
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

static int
skip_route(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	mark(arg);
	return TN_NEXT_ROUTE;
}

static int
skip_router(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	mark(arg);
	return TN_NEXT_ROUTER;
}

static int
meet_user(struct tn_req *req, struct tn_res *res, struct tn_slice value,
    void *arg)
{
	(void)arg;
	mark("user(");
	mark(tn_arena_str(req->arena, value));
	mark(") ");
	if (tn_slice_is(value, "nobody"))
		return tn_err_set(&req->err, TN_E_CONFLICT, "broken");
	if (tn_slice_is(value, "gone"))
		return tn_res_send(res, TN_SLICE("gone"));
	if (tn_slice_is(value, "slow") && !req->is_slow)
		return TN_SLOW;
	return TN_NEXT;
}

/* What a router without merged parameters, and one mounted at it, see. */
static void
add_users(struct tn_app *app)
{
	struct tn_router *users = tn_router_new("users ");
	struct tn_router *alone = tn_router_new("alone ");
	struct tn_route *route;

	tn_router_get(alone, "/", show_params);
	tn_router_param(users, "room", meet_user);
	tn_router_use_at(users, "/:room/logged",
	    (struct tn_step){ .fn = go_on, .arg = "logged " });
	route = tn_router_route(users, "/:room{/:id}");
	tn_route_get(route, go_on, skip_route, stop);
	tn_router_get(users, "/:room/logged", stop);
	tn_router_get(users, "/:room/out", skip_router);
	tn_router_mount(users, "/:room/alone/x", alone);
	tn_router_get(users, "/:room", stop);
	tn_app_mount(app, "/users/:id", users);
	tn_app_use_at(app, "/users/:id/:room",
	    (struct tn_step){ .fn = go_on, .arg = "behind " });
}

static struct tn_app *
make_app(void)
{
	static const struct tn_router_options merged = { .merge_params = true };
	struct tn_app *app = tn_app_new("app ", NULL, NULL);
	struct tn_router *outer = tn_router_new_with("outer ", &merged);
	struct tn_router *inner = tn_router_new_with("inner ", &merged);

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
	add_users(app);
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
	{ "case does not count", "/ONE", "first app ", 200, "app " },
	{ "a param callback, once a value", "/users/1/joe",
	    "first user(joe) users users users ", 200, "users " },
	{ "it may answer", "/users/1/gone", "first user(gone) ", 200, "gone" },
	{ "it may fail", "/users/1/nobody", "first user(nobody) app ", 409,
	    "mended" },
	{ "it may wait", "/users/1/slow",
	    "first user(slow) user(slow) users users users ", 200, "users " },
	{ "a route left for the next", "/users/1/joe/logged",
	    "first user(joe) logged users users users ", 200, "users " },
	{ "a router left for the next", "/users/1/joe/out",
	    "first user(joe) users users users behind second ", 404,
	    "nothing" },
	{ "parameters are each router's own", "/users/1/joe/alone/x",
	    "first user(joe) ", 200,
	    "||/users/1/joe/alone/x|/users/1/joe/alone/x" },
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
	tn_router_use(r, (struct tn_step){ .fn = go_on, .fini = count_end });
	tn_router_use(NULL, (struct tn_step){ .fn = go_on, .fini = count_end });
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
	tn_router_get(r, "/a", stop);
	tn_router_set_options(r, &(struct tn_router_options){ .strict = true });
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
	tcase_add_test(tc, pattern_matches_as_path_to_regexp);
	tcase_add_loop_test(tc, pattern_is_refused, 0, ROWS(wrongs));
	tcase_add_test(tc, pattern_without_memory_is_refused);
	tcase_add_test(tc, matching_stays_linear);
	tcase_add_loop_test(tc, requests_walk_in_order, 0, ROWS(walks));
	tcase_add_test(tc, middleware_ends_with_its_router);
	tcase_add_test(tc, failures_are_remembered);
	tcase_add_test(tc, mounts_are_bounded);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
