/* Lines that the session keeps for the next page. */
#include "config.h"

#include "web/flash.h"

#include <stdio.h>

#include "check_alloc.h"
#include "check_main.h"
#include "web/middleware.h"
#include "web_rig.h"

/* Show what was kept as "kind=text;", or do as the query says. */
static int
show(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_var list;
	struct tn_buf *out = &res->page;
	int rc = tn_flash_take(req, &list);

	(void)arg;
	if (rc < 0)
		return rc;
	if (strcmp(list.name, "flash") != 0)
		return TN_E_STATE;
	tn_buf_reset(out);
	for (size_t i = 0; i < list.n; i++)
		tn_buf_printf(out, "%.*s=%.*s;",
		    TN_SLICE_ARG(list.items[i][0].text),
		    TN_SLICE_ARG(list.items[i][1].text));
	return tn_res_send(res, tn_buf_view(out));
}

static int
keep_raw(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *s = tn_req_session(req);

	(void)arg;
	if (s == NULL || tn_session_set(s, "flash", req->data) != 0)
		return TN_E_STATE;
	return tn_res_send_status(res, 200);
}

static int
keep(struct tn_req *req, struct tn_res *res, void *arg)
{
	int rc = tn_res_flash(res, "info", req->data);

	(void)arg;
	return rc < 0 ? rc : tn_res_send_status(res, 200);
}

static void
setup(void)
{
	web_begin(NULL, NULL);
	tn_app_get(app, "/none", show);
	tn_app_use(app, web_sessions(NULL));
	tn_app_use(app, tn_json_body(NULL));
	tn_app_use(app, tn_text_body(NULL));
	tn_app_get(app, "/", show);
	tn_app_post(app, "/raw", keep_raw);
	tn_app_post(app, "/", keep);
	web_serve();
}

static int
post(const char *path, const char *type, const char *text)
{
	char header[64];

	snprintf(header, sizeof(header), "content-type: %s\n", type);
	return tn_harness_request(&h, "POST", path, header, text);
}

static void
ck_shows(const char *want, const char *name)
{
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_assert_msg(tn_slice_is(h.body, want), "%s: %.*s", name,
	    TN_SLICE_ARG(h.body));
}

/* What stands in the session, connect-flash's or not, and what is shown. */
static const struct { const char *name, *kept, *shown; } lines[] = {
	{ "one line", "{\"info\":[\"a\"]}", "info=a;" },
	{ "lines of one kind", "{\"info\":[\"a\",\"b\"]}", "info=a;info=b;" },
	{ "kinds", "{\"info\":[\"a\"],\"error\":[\"b\"]}",
	    "info=a;error=b;" },
	{ "escapes", "{\"\\u00e9\":[\"\\\"<\\n\"]}", "\xc3\xa9=\"<\n;" },
	{ "none", "{}", "" },
	{ "none of a kind", "{\"info\":[]}", "" },
	{ "a line that is no text is left out", "{\"info\":[1,\"a\",null,{}]}",
	    "info=a;" },
	{ "lines that are no list", "{\"info\":\"a\",\"error\":[\"b\"]}",
	    "error=b;" },
	{ "no object", "[\"a\"]", "" },
	{ "as many as may be", "{\"i\":[1,\"1\",\"2\",\"3\",\"4\",\"5\",\"6\","
	    "\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"]}",
	    "i=1;i=2;i=3;i=4;i=5;i=6;i=7;i=8;i=9;i=a;i=b;i=c;i=d;i=e;i=f;"
	    "i=g;" },
	{ "one more is left out", "{\"i\":[\"1\",\"2\",\"3\",\"4\",\"5\","
	    "\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\","
	    "\"g\"],\"j\":[\"h\"]}",
	    "i=1;i=2;i=3;i=4;i=5;i=6;i=7;i=8;i=9;i=a;i=b;i=c;i=d;i=e;i=f;"
	    "i=g;" },
};

START_TEST(lines_are_shown_once)
{
	ck_assert_int_eq(post("/raw", "application/json", lines[_i].kept),
	    200);
	ck_shows(lines[_i].shown, lines[_i].name);
	ck_shows("", lines[_i].name);
}
END_TEST

START_TEST(without_a_session_there_are_none)
{
	ck_assert_int_eq(tn_harness_get(&h, "/none"), 200);
	ck_assert_uint_eq(h.body.len, 0);
	ck_shows("", "a session without lines");
	ck_header("set-cookie", NULL);
}
END_TEST

/* {"info":["..."]} may have 4096 bytes. */
START_TEST(lines_are_bounded)
{
	static char text[4096];

	memset(text, 'x', sizeof(text) - 1);
	text[4096 - 13 + 1] = '\0';
	ck_assert_int_eq(post("/", "text/plain", text), 500);
	ck_assert_int_eq(h.exchange.req.err.code, TN_E_LIMIT);
	ck_shows("", "one byte more");
	text[4096 - 13] = '\0';
	ck_assert_int_eq(post("/", "text/plain", text), 200);
	tn_harness_get(&h, "/");
	ck_assert_uint_eq(h.body.len, 4096 - 13 + strlen("info=;"));
}
END_TEST

START_TEST(lines_stay_when_there_is_no_memory)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		ck_assert_int_eq(post("/raw", "application/json",
		    "{\"info\":[\"a\\u00e9\"]}"), 200);
		tn_alloc_fail_at(n);
		tn_harness_get(&h, "/");
		failed = tn_alloc_end();
		ck_assert(h.status == 200 || failed);
		if (h.status != 200)
			ck_shows("info=a\xc3\xa9;", "after a failure");
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("flash");
	TCase *tc = tcase_create("flash");

	tcase_add_checked_fixture(tc, setup, web_end);
	tcase_add_loop_test(tc, lines_are_shown_once, 0,
	    (int)(sizeof(lines) / sizeof(lines[0])));
	tcase_add_test(tc, without_a_session_there_are_none);
	tcase_add_test(tc, lines_are_bounded);
	tcase_add_test(tc, lines_stay_when_there_is_no_memory);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
