/* The client's files, and how any answer is written. */
#include "config.h"

#include "host/client_bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "host/http_reply.h"

#include "check_alloc.h"
#include "check_main.h"

static char dir[] = "/tmp/check_bundle.XXXXXX";
static struct tn_client_bundle *bundle;

static void
put(const char *name, const char *content)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (content == NULL) {
		unlink(path);
		return;
	}
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(content, f);
	fclose(f);
}

static void
start(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put("socket.io.min.js", "js");
	put("socket.io.min.js.map", "{}");
	put("secret.js", "no");
	put("VERSION", "4.8.4\n");
	bundle = tn_client_bundle_load(dir, NULL);
	ck_assert_ptr_nonnull(bundle);
}

static void
stop(void)
{
	tn_client_bundle_free(&bundle);
	put("socket.io.min.js", NULL);
	put("socket.io.min.js.map", NULL);
	put("secret.js", NULL);
	put("VERSION", NULL);
	rmdir(dir);
}

static const struct {
	const char *name, *file, *method, *tags;
	int status;	/* 0: no such file */
	const char *type, *body;
} cases[] = {
	{ "script", "socket.io.min.js", "GET", NULL, 200,
	    "application/javascript; charset=utf-8", "js" },
	{ "map", "socket.io.min.js.map", "GET", NULL, 200,
	    "application/json; charset=utf-8", "{}" },
	{ "the client has it", "socket.io.min.js", "GET", "\"4.8.4\"", 304,
	    "", "" },
	{ "weakly", "socket.io.min.js", "GET", "W/\"4.8.4\"", 304, "", "" },
	{ "among others", "socket.io.min.js", "GET", "\"1\", \"4.8.4\"", 304,
	    "", "" },
	{ "it has another one", "socket.io.min.js", "GET", "\"4.8.3\"", 200,
	    "application/javascript; charset=utf-8", "js" },
	{ "POST", "socket.io.min.js", "POST", NULL, 405, "", "" },
	{ "not in the folder", "socket.io.js", "GET", NULL, 0, "", "" },
	{ "in the folder, but none of them", "secret.js", "GET", NULL, 0, "",
	    "" },
	{ "the version is no file of ours", "VERSION", "GET", NULL, 0, "",
	    "" },
	{ "nothing", "", "GET", NULL, 0, "", "" },
};

START_TEST(serves)
{
	struct tn_pair tag = { TN_SLICE("if-none-match"),
		tn_slice_str(cases[_i].tags) };
	const struct tn_io_request request = {
		.method = tn_slice_str(cases[_i].method),
		.headers = &tag,
		.nheaders = cases[_i].tags != NULL,
	};
	struct tn_io_reply reply = { 0 };
	bool found = tn_client_bundle_serve(bundle, &request,
	    tn_slice_str(cases[_i].file), &reply);

	ck_assert_msg(found == (cases[_i].status != 0), "%s", cases[_i].name);
	ck_assert_msg(reply.status == cases[_i].status, "%s", cases[_i].name);
	ck_assert(tn_slice_is(reply.type, cases[_i].type));
	ck_assert(tn_slice_is(reply.body, cases[_i].body));
	if (reply.status == 304)
		ck_assert(tn_slice_is(reply.headers[1].value, "\"4.8.4\""));
}
END_TEST

START_TEST(makes_a_tag_without_a_version)
{
	static const struct tn_io_request request = {
		.method = { "GET", 3 }
	};
	const char *const versions[] = { NULL, "", "a\"b", "two words" };
	struct tn_io_reply reply;

	put("VERSION", versions[_i]);
	tn_client_bundle_free(&bundle);
	bundle = tn_client_bundle_load(dir, NULL);
	ck_assert(tn_client_bundle_serve(bundle, &request,
	    TN_SLICE("socket.io.min.js"), &reply));
	ck_assert_uint_eq(reply.headers[1].value.len, 18);
}
END_TEST

START_TEST(wants_a_folder_with_files)
{
	struct tn_err err = { 0 };
	struct tn_client_bundle *none;

	none = tn_client_bundle_load("/nonexistent", &err);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(err.code, TN_E_CONFIG);
}
END_TEST

START_TEST(survives_memory_that_is_out)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_client_bundle *b;

		tn_alloc_fail_at(n);
		b = tn_client_bundle_load(dir, NULL);
		failed = tn_alloc_end();
		tn_client_bundle_free(&b);
	}
}
END_TEST

static const struct tn_pair split_header = {
	{ "X", 1 }, { "a\r\nY: b\0c", 9 }
};

static const struct {
	const char *name;
	struct tn_io_reply reply;
	struct tn_http_reply_form form;
	const char *text;
} replies[] = {
	{ "with a body",
	    { .status = 200, .type = { "text/html", 9 },
	    .body = { "ok", 2 } }, { false, false },
	    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	    "Content-Length: 2\r\n\r\nok" },
	{ "empty, and then closed", { .status = 400 }, { true, false },
	    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
	    "Content-Length: 0\r\n\r\n" },
	{ "to HEAD", { .status = 200, .body = { "ok", 2 } },
	    { false, true },
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" },
	{ "not modified", { .status = 304 }, { false, false },
	    "HTTP/1.1 304 Not Modified\r\n\r\n" },
	{ "a header cannot be ended early",
	    { .status = 204, .nheaders = 1,
	    .headers = &split_header }, { false, false },
	    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nX: aY: bc\r\n"
	    "\r\n" },
};

START_TEST(writes_a_reply)
{
	struct tn_buf b;

	tn_buf_init(&b, 1000);
	tn_http_reply_write(&b, &replies[_i].reply, &replies[_i].form);
	ck_assert_msg(tn_slice_is(tn_buf_view(&b), replies[_i].text), "%s",
	    replies[_i].name);
	tn_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("client_bundle");
	TCase *tc = tcase_create("client_bundle");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, serves, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(tc, makes_a_tag_without_a_version, 0, 4);
	tcase_add_test(tc, wants_a_folder_with_files);
	tcase_add_test(tc, survives_memory_that_is_out);
	tcase_add_loop_test(tc, writes_a_reply, 0,
	    sizeof(replies) / sizeof(replies[0]));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
