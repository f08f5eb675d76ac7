/* Bodies of every kind, and what goes with them: cookies, CORS, events. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "check_alloc.h"
#include "check_main.h"
#include "session/cookie.h"
#include "session/signature.h"
#include "web/body.h"
#include "web/middleware.h"
#include "web/multipart.h"
#include "web/qs.h"
#include "web/sse.h"
#include "web_rig.h"

enum { MAX = 1000 };

static struct tn_signer *signer;
static char dir[32];

static int
echo(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	tn_res_type(res, "text/plain");
	return tn_res_send(res, req->data);
}

/* Fields and files of a form: "a=1;f(x.txt,text/plain)=bytes;" */
static int
show_form(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_buf *out = &res->page;

	(void)arg;
	tn_buf_reset(out);
	for (size_t i = 0; i < req->nfields; i++)
		tn_buf_printf(out, "%.*s=%.*s;",
		    TN_SLICE_ARG(req->fields[i].name),
		    TN_SLICE_ARG(req->fields[i].value));
	for (size_t i = 0; i < req->nfiles; i++) {
		FILE *f = fopen(req->files[i].path, "r");
		char text[64];
		size_t n = fread(text, 1, sizeof(text), f);

		fclose(f);
		tn_buf_printf(out, "%.*s(%.*s,%.*s)=%.*s;",
		    TN_SLICE_ARG(req->files[i].name),
		    TN_SLICE_ARG(req->files[i].filename),
		    TN_SLICE_ARG(req->files[i].type), (int)n, text);
	}
	return tn_res_send(res, tn_buf_view(out));
}

static int
show_nested(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	tn_buf_reset(&res->page);
	tn_qs_json(&res->page, req->form);
	return tn_res_json(res, tn_buf_view(&res->page));
}

static int
set_cookies(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_cookie_options old = { .has_max_age = true,
		.max_age_s = 60, .http_only = true };

	(void)req;
	(void)arg;
	tn_res_cookie(res, "plain", TN_SLICE("a b"), NULL);
	tn_res_signed_cookie(res, "signed", TN_SLICE("secret"), &old);
	tn_res_clear_cookie(res, "gone", NULL);
	return tn_res_send(res, TN_SLICE("set"));
}

static int
get_cookies(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_slice value, json;
	int rc = tn_req_signed_cookie(req, "signed", &value);

	(void)arg;
	if (tn_cookie_json(tn_req_cookie(req, "json"), &json))
		return tn_res_json(res, json);
	return tn_res_send(res, tn_arena_printf(req->arena, "%d %.*s", rc,
	    TN_SLICE_ARG(value)));
}

static int
as_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	return tn_res_send(res, tn_slice_str(arg));
}

static int
formatted(struct tn_req *req, struct tn_res *res, void *arg)
{
	static const struct tn_format formats[] = {
		{ "html", as_page }, { "json", as_page }, { NULL, NULL }
	};

	(void)req;
	tn_res_links(res, "next", TN_SLICE("/b"));
	tn_res_links(res, "last", TN_SLICE("/c"));
	tn_res_location(res, TN_SLICE("/here"));
	return tn_res_format(res, formats, arg);
}

static int
events(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_sse_event event = { .data = TN_SLICE("one\r\ntwo\nthree"),
		.event = TN_SLICE("news"), .id = TN_SLICE("7"),
		.retry_ms = 500 };
	int rc = tn_sse_start(res);

	(void)req;
	(void)arg;
	if (rc == 0)
		rc = tn_sse_send(res, &event);
	if (rc == 0)
		rc = tn_sse_ping(res);
	return rc != 0 ? rc : tn_res_end(res);
}

/* Until the client has gone, which a HEAD never shows. */
static int
endless(struct tn_req *req, struct tn_res *res, void *arg)
{
	int rc = tn_sse_start(res);

	(void)req;
	(void)arg;
	for (int i = 0; rc == 0; i++)
		rc = i < 1000 ? tn_sse_ping(res) : TN_E_STATE;
	return rc;
}

static void
setup(void)
{
	static const struct tn_body_options limits = { .max_bytes = MAX };
	static const struct tn_form_limits form = { .extended = true };
	static const struct tn_multipart_limits multipart = {
		.dir = dir, .max_bytes = 4000, .max_file = 100,
		.max_field = 50, .max_files = 2, .max_fields = 2,
	};
	static const char *const origins[] = { "https://a.example" };
	static const struct tn_cors_options cors = { .origins = origins,
		.norigins = 1, .credentials = true, .exposed = "X-Seen" };
	static const struct tn_slice secrets[] = { { "new secret key 123", 18 },
		{ "old secret key 456", 18 } };

	strcpy(dir, "/tmp/check-body.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	signer = tn_signer_new(secrets, 2, NULL);
	web_begin("page", NULL);
	tn_app_use_at(app, "/cors", tn_cors(&cors));
	tn_app_use(app, tn_cookie_parser(signer));
	tn_app_use(app, tn_json_body(&limits));
	tn_app_use(app, tn_text_body(&limits));
	tn_app_use(app, tn_raw_body(&limits));
	tn_app_use(app, tn_multipart_body(&multipart));
	tn_app_post(app, "/echo", echo);
	tn_app_post(app, "/form", show_form);
	tn_app_use(app, tn_form_body(&form));
	tn_app_post(app, "/nested", show_nested);
	tn_app_get(app, "/set", set_cookies);
	tn_app_get(app, "/get", get_cookies);
	tn_app_get(app, "/format", formatted);
	tn_app_get(app, "/cors/x", as_page);
	tn_app_get(app, "/events", tn_slow, events);
	tn_app_get(app, "/hasty", events);
	tn_app_get(app, "/endless", tn_slow, endless);
	web_serve();
}

static void
teardown(void)
{
	web_end();
	tn_signer_free(&signer);
	ck_assert_int_eq(rmdir(dir), 0);	/* nothing was left there */
}

static const struct {
	const char *name, *type, *body;
	int status;
} bodies[] = {
	{ "JSON", "application/json", "{\"a\":1}", 200 },
	{ "with a charset", "application/json; charset=\"UTF-8\"", "[]", 200 },
	{ "in another", "application/json; charset=latin1", "[]", 415 },
	{ "that is none", "application/json", "{a:1}", 400 },
	{ "with a key twice", "application/json", "{\"a\":1,\"a\":2}", 400 },
	{ "that is no document", "application/json", " 1", 400 },
	{ "nor this", "application/json", "\"a\"", 400 },
	{ "nor this", "application/json", "null", 400 },
	{ "but spaces stand before it", "application/json", "\r\n [1]", 200 },
	{ "text", "text/plain", "caf\xc3\xa9", 200 },
	{ "text that is none", "text/plain", "caf\xe9", 400 },
	{ "bytes", "application/octet-stream", "\xff\xfe", 200 },
};

START_TEST(body_is_read_by_its_type)
{
	char head[128];

	snprintf(head, sizeof(head), "content-type: %s\n", bodies[_i].type);
	tn_harness_request(&h, "POST", "/echo", head, bodies[_i].body);
	ck_assert_msg(h.status == bodies[_i].status, "%s: %d",
	    bodies[_i].name, h.status);
	if (h.status == 200)
		ck_assert_msg(tn_slice_is(h.body, bodies[_i].body), "%s",
		    bodies[_i].name);
}
END_TEST

/* What express.json and express.text take for no part of it. */
START_TEST(byte_order_mark_is_left_out)
{
	static const char *const types[] = { "application/json", "text/plain",
		"application/octet-stream" };
	char head[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(head, sizeof(head), "content-type: %s\n", types[i]);
		tn_harness_request(&h, "POST", "/echo", head,
		    "\xef\xbb\xbf{}");
		ck_assert_msg(tn_slice_is(h.body, i < 2 ? "{}" :
		    "\xef\xbb\xbf{}"), "%s: %d", types[i], h.status);
	}
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/echo",
	    "content-type: application/json\n", "\xef\xbb\xbf\xef\xbb\xbf{}"),
	    400);
}
END_TEST

START_TEST(any_json_value_is_taken_where_asked)
{
	static const struct tn_body_options any = { .any_value = true };
	struct tn_app *one = tn_app_new(NULL, NULL, NULL);
	struct tn_harness harness;

	tn_app_use(one, tn_json_body(&any));
	tn_app_post(one, "/", echo);
	tn_harness_init(&harness, one);
	ck_assert_int_eq(tn_harness_request(&harness, "POST", "/",
	    "content-type: application/json\n", "1"), 200);
	ck_assert(tn_slice_is(harness.body, "1"));
	ck_assert_int_eq(tn_harness_request(&harness, "POST", "/",
	    "content-type: application/json\n", "x"), 400);
	tn_harness_fini(&harness);
	tn_app_free(&one);
}
END_TEST

/* So many keys that they are remembered on the heap. */
START_TEST(json_without_memory_is_no_fault_of_the_client)
{
	static const char head[] = "content-type: application/json\n";
	char text[MAX];
	size_t at = 0;
	bool failed = true;

	for (int i = 0; i < 80; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "%s\"k%d\":1", i == 0 ? "{" : ",", i);
	memcpy(text + at, "}", 2);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/echo", head, text),
	    200);
	for (unsigned n = 1; failed; n++) {
		tn_alloc_fail_at(n);
		tn_harness_request(&h, "POST", "/echo", head, text);
		failed = tn_alloc_end();
		ck_assert_msg(h.status == (failed ? 500 : 200), "%u: %d", n,
		    h.status);
	}
}
END_TEST

START_TEST(body_is_as_large_as_may_be)
{
	char text[MAX + 2];

	for (size_t n = MAX - 1; n <= MAX + 1; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		tn_harness_request(&h, "POST", "/echo",
		    "content-type: text/plain\n", text);
		ck_assert_int_eq(h.status, n > MAX ? 413 : 200);
	}
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/echo",
	    "content-type: text/plain\ncontent-length: 1001\n", "x"), 413);
}
END_TEST

static size_t
compress_text(const char *text, size_t len, unsigned char *to, size_t cap,
    int format)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text,
		.avail_in = (uInt)len, .next_out = to,
		.avail_out = (uInt)cap };

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, format, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

START_TEST(compressed_body_is_inflated)
{
	unsigned char packed[256];
	char text[MAX + 1];
	size_t n;

	memset(text, 'x', sizeof(text));
	n = compress_text(text, MAX, packed, sizeof(packed), 31);
	ck_assert_int_eq(tn_harness_send(&h, "POST", "/echo",
	    "content-type: text/plain\ncontent-encoding: gzip\n",
	    tn_slice(packed, n)), 200);
	ck_assert_uint_eq(h.body.len, MAX);
	for (size_t i = 1; i < n; i++)	/* cut at every byte */
		ck_assert_int_eq(tn_harness_send(&h, "POST", "/echo",
		    "content-type: text/plain\ncontent-encoding: gzip\n",
		    tn_slice(packed, i)), 400);
	n = compress_text(text, MAX + 1, packed, sizeof(packed), 15);
	ck_assert_int_eq(tn_harness_send(&h, "POST", "/echo",
	    "content-type: text/plain\ncontent-encoding: deflate\n",
	    tn_slice(packed, n)), 413);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/echo",
	    "content-type: text/plain\ncontent-encoding: br\n", "x"), 415);
}
END_TEST

/* As "cat a.gz b.gz" is a gzip file; what is none behind it is refused. */
START_TEST(gzip_of_several_members_is_one)
{
	static const char head[] =
	    "content-type: text/plain\ncontent-encoding: gzip\n";
	unsigned char packed[256];
	size_t n = compress_text("one, ", 5, packed, sizeof(packed), 31);
	size_t all = n + compress_text("two", 3, packed + n,
	    sizeof(packed) - n, 31);

	for (size_t i = n; i <= all; i++) {
		tn_harness_send(&h, "POST", "/echo", head,
		    tn_slice(packed, i));
		ck_assert_msg(h.status == (i == n || i == all ? 200 : 400),
		    "%zu of %zu: %d", i, all, h.status);
	}
	ck_slice(h.body, "one, two");
	packed[all] = 'x';
	ck_assert_int_eq(tn_harness_send(&h, "POST", "/echo", head,
	    tn_slice(packed, all + 1)), 400);
	all = n + compress_text("two", 3, packed + n, sizeof(packed) - n, 15);
	ck_assert_int_eq(tn_harness_send(&h, "POST", "/echo", head,
	    tn_slice(packed, all)), 400);
}
END_TEST

START_TEST(bomb_is_not_inflated)
{
	static char zeros[1 << 20];
	static unsigned char packed[8192];
	size_t n = compress_text(zeros, sizeof(zeros), packed, sizeof(packed),
	    31);
	struct tn_arena arena;
	struct tn_slice out;
	bool failed = true;

	tn_arena_init(&arena, 64 << 20);
	ck_assert_int_eq(tn_inflate(tn_slice(packed, n), 16 << 20, &arena,
	    &out, NULL), TN_E_LIMIT);
	tn_arena_fini(&arena);
	n = compress_text("some text", 9, packed, sizeof(packed), 31);
	for (unsigned k = 1; failed; k++) {
		int rc;

		tn_arena_init(&arena, 1 << 20);
		tn_alloc_fail_at(k);
		rc = tn_inflate(tn_slice(packed, n), 100, &arena, &out, NULL);
		failed = tn_alloc_end();
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
		tn_arena_fini(&arena);
	}
}
END_TEST

/* ---- Multipart -------------------------------------------------------------- */

#define PART(name) "--B\r\nContent-Disposition: form-data; name=\"" name "\""
#define END "--B--\r\n"

static const struct {
	const char *name, *body;
	int status;
	const char *shown;
} forms[] = {
	{ "a field", PART("a") "\r\n\r\n1\r\n" END, 200, "a=1;" },
	{ "an empty one", PART("a") "\r\n\r\n\r\n" END, 200, "a=;" },
	{ "a preamble and an epilogue", "before\r\n" PART("a")
	    "\r\n\r\n1\r\n" END "after", 200, "a=1;" },
	{ "a file", PART("f") "; filename=\"x.txt\"\r\nContent-Type: "
	    "text/plain\r\n\r\nhello\r\n" END, 200,
	    "f(x.txt,text/plain)=hello;" },
	{ "both", PART("a") "\r\n\r\n1\r\n" PART("f")
	    "; filename=x\r\n\r\n\r\n--C\r\n" END, 200,
	    "a=1;f(x,)=\r\n--C;" },
	{ "what looks like the end is not", PART("a")
	    "\r\n\r\n\r\r\n-\r\n--\r\n--A\r\n" END, 200,
	    "a=\r\r\n-\r\n--\r\n--A;" },
	{ "a quote in a name", PART("a%22b") "\r\n\r\n1\r\n" END, 200,
	    "a\"b=1;" },
	{ "a file's folders do not count", PART("f")
	    "; filename=\"C:\\dir\\../x.txt\"\r\n\r\n1\r\n" END, 200,
	    "f(x.txt,)=1;" },
	{ "no end", PART("a") "\r\n\r\n1\r\n", 400, NULL },
	{ "no name", "--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n" END,
	    400, NULL },
	{ "no disposition", "--B\r\nX: y\r\n\r\n1\r\n" END, 400, NULL },
	{ "no head at all", "--B\r\n\r\n1\r\n" END, 400, NULL },
	{ "another disposition", "--B\r\nContent-Disposition: attachment; "
	    "name=a\r\n\r\n1\r\n" END, 400, NULL },
	{ "a field that is no UTF-8", PART("a") "\r\n\r\n\xff\r\n" END, 400,
	    NULL },
	{ "junk behind a boundary", "--Bx\r\n\r\n" END, 400, NULL },
	{ "too many fields", PART("a") "\r\n\r\n1\r\n" PART("b")
	    "\r\n\r\n1\r\n" PART("c") "\r\n\r\n1\r\n" END, 413, NULL },
	{ "too many files", PART("a") "; filename=a\r\n\r\n1\r\n" PART("b")
	    "; filename=b\r\n\r\n1\r\n" PART("c")
	    "; filename=c\r\n\r\n1\r\n" END, 413, NULL },
};

START_TEST(form_with_files_is_read)
{
	tn_harness_request(&h, "POST", "/form",
	    "content-type: multipart/form-data; boundary=B\n",
	    forms[_i].body);
	ck_assert_msg(h.status == forms[_i].status, "%s: %d %s",
	    forms[_i].name, h.status, h.exchange.req.err.text);
	ck_assert_msg(forms[_i].shown == NULL ||
	    tn_slice_is(h.body, forms[_i].shown), "%s: %.*s", forms[_i].name,
	    TN_SLICE_ARG(h.body));
}
END_TEST

/* A part of n bytes: a field if file is empty. */
static int
post_part(const char *file, size_t n)
{
	char body[600];
	int at = snprintf(body, sizeof(body), PART("a") "%s\r\n\r\n", file);

	memset(body + at, 'x', n);
	strcpy(body + at + n, "\r\n" END);
	return tn_harness_request(&h, "POST", "/form",
	    "content-type: multipart/form-data; boundary=\"B\"\n", body);
}

START_TEST(parts_are_as_large_as_may_be)
{
	static char head[5000];

	ck_assert_int_eq(post_part("", 50), 200);
	ck_assert_int_eq(post_part("", 51), 413);
	ck_assert_int_eq(post_part("; filename=x", 100), 200);
	ck_assert_int_eq(post_part("; filename=x", 101), 413);
	memset(head, 'x', sizeof(head) - 1);
	memcpy(head, "--B\r\n", 5);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form",
	    "content-type: multipart/form-data; boundary=B\n", head), 413);
	head[3900] = '\0';
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form",
	    "content-type: multipart/form-data; boundary=B\n", head), 400);
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/form",
	    "content-type: multipart/form-data\n", END), 400);
}
END_TEST

static struct tn_buf said;

static int
on_part(void *arg, const struct tn_part_head *head, struct tn_err *err)
{
	(void)arg;
	(void)err;
	tn_buf_printf(&said, "[%.*s:", TN_SLICE_ARG(head->name));
	return 0;
}

static int
on_data(void *arg, struct tn_slice bytes, struct tn_err *err)
{
	(void)arg;
	(void)err;
	ck_assert_uint_gt(bytes.len, 0);
	tn_buf_slice(&said, bytes);
	return 0;
}

static int
on_end(void *arg, struct tn_err *err)
{
	(void)arg;
	(void)err;
	tn_buf_char(&said, ']');
	return 0;
}

/* In two pieces, split at any byte, a form is the same; cut, it is refused. */
START_TEST(form_may_be_split_anywhere)
{
	static const char form[] = PART("a") "\r\n\r\n1\r\r\n--\r\n--C\r\n"
	    PART("b") "\r\n\r\n\r\n" END;
	static const struct tn_multipart_handler handler = { on_part, on_data,
		on_end, NULL };
	static struct tn_multipart m;

	tn_buf_init(&said, 4096);
	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		tn_buf_reset(&said);
		ck_assert_int_eq(tn_multipart_init(&m,
		    TN_SLICE("x; boundary=B"), &handler, NULL), 0);
		ck_assert_int_eq(tn_multipart_feed(&m, tn_slice(form, i),
		    NULL), 0);
		if (i < sizeof(form) - 3)	/* its last line end may miss */
			ck_assert_int_eq(tn_multipart_end(&m, NULL),
			    TN_E_SYNTAX);
		ck_assert_int_eq(tn_multipart_feed(&m, tn_slice(form + i,
		    sizeof(form) - 1 - i), NULL), 0);
		ck_assert_int_eq(tn_multipart_end(&m, NULL), 0);
		ck_assert(tn_slice_is(tn_buf_view(&said),
		    "[a:1\r\r\n--\r\n--C][b:]"));
	}
	tn_buf_fini(&said);
}
END_TEST

START_TEST(form_without_memory_leaves_nothing)
{
	bool failed = true;

	tn_harness_request(&h, "POST", "/form", NULL, "");
	for (unsigned n = 1; failed && n < 60; n++) {
		tn_alloc_fail_at(n);
		tn_harness_request(&h, "POST", "/form",
		    "content-type: multipart/form-data; boundary=B\n",
		    forms[4].body);
		failed = tn_alloc_end();
		ck_assert(failed || h.status == 200);
	}
	ck_assert(!failed);
}
END_TEST

START_TEST(nested_form_is_read)
{
	ck_assert_int_eq(tn_harness_request(&h, "POST", "/nested", NULL,
	    "user[name]=joe&user[tags][]=x&user[tags][]=y"), 200);
	ck_assert(tn_slice_is(h.body,
	    "{\"user\":{\"name\":\"joe\",\"tags\":[\"x\",\"y\"]}}"));
}
END_TEST

/* ---- Cookies, CORS, formats, events ----------------------------------------- */

START_TEST(cookies_are_set_and_read)
{
	char line[256];

	ck_assert_int_eq(tn_harness_get(&h, "/set"), 200);
	ck_assert(tn_slice_is(tn_harness_header_nth(&h, "set-cookie", 0),
	    "plain=a%20b; Path=/"));
	ck_assert(tn_slice_starts(tn_harness_header_nth(&h, "set-cookie", 1),
	    TN_SLICE("signed=s%3Asecret.")));
	ck_assert(tn_slice_is(tn_harness_header_nth(&h, "set-cookie", 2),
	    "gone=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"));
	tn_harness_get(&h, "/get");
	ck_slice(h.body, "1 secret");
	tn_harness_request(&h, "GET", "/get", "cookie: signed=s%3Asecret.x\n",
	    NULL);
	snprintf(line, sizeof(line), "%d ", TN_E_DENIED);
	ck_assert(tn_slice_is(h.body, line));
	tn_harness_request(&h, "GET", "/get", "cookie: signed=secret\n", NULL);
	ck_slice(h.body, "0 ");
	tn_harness_request(&h, "GET", "/get",
	    "cookie: json=j%3A%7B%22a%22%3A1%7D\n", NULL);
	ck_slice(h.body, "{\"a\":1}");
	tn_harness_request(&h, "GET", "/get", "cookie: json=j%3A%7B\n", NULL);
	ck_slice(h.body, "0 ");
}
END_TEST

static const struct {
	const char *name, *method, *headers;
	int status;
	const char *origin, *methods;
} origins[] = {
	{ "one that may", "GET", "origin: https://a.example\n", 200,
	    "https://a.example", NULL },
	{ "another", "GET", "origin: https://b.example\n", 200, NULL, NULL },
	{ "a longer one", "GET", "origin: https://a.example.b\n", 200, NULL,
	    NULL },
	{ "its preflight", "OPTIONS", "origin: https://a.example\n"
	    "access-control-request-method: PUT\n", 204, "https://a.example",
	    "GET,HEAD,PUT,PATCH,POST,DELETE" },
	{ "another's", "OPTIONS", "origin: https://b.example\n"
	    "access-control-request-method: PUT\n", 204, NULL, NULL },
	{ "no preflight", "OPTIONS", "origin: https://a.example\n", 204,
	    "https://a.example", NULL },
};

START_TEST(other_sites_may_read_if_allowed)
{
	struct tn_slice got;

	tn_harness_request(&h, origins[_i].method, "/cors/x",
	    origins[_i].headers, NULL);
	ck_assert_msg(h.status == origins[_i].status, "%s: %d",
	    origins[_i].name, h.status);
	got = tn_harness_header(&h, "access-control-allow-origin");
	ck_assert_msg(origins[_i].origin == NULL ? got.ptr == NULL :
	    tn_slice_is(got, origins[_i].origin), "%s", origins[_i].name);
	got = tn_harness_header(&h, "access-control-allow-methods");
	ck_assert_msg(origins[_i].methods == NULL ? got.ptr == NULL :
	    tn_slice_is(got, origins[_i].methods), "%s", origins[_i].name);
	ck_assert(tn_slice_starts(tn_harness_header(&h, "vary"),
	    TN_SLICE("Origin")));
}
END_TEST

START_TEST(answer_is_in_the_form_that_is_asked_for)
{
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/format",
	    "accept: application/json\n", NULL), 200);
	ck_header("content-type", "application/json; charset=utf-8");
	ck_header("vary", "Accept");
	ck_header("link", "</b>; rel=\"next\", </c>; rel=\"last\"");
	ck_header("location", "/here");
	tn_harness_get(&h, "/format");
	ck_header("content-type", "text/html; charset=utf-8");
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/format",
	    "accept: image/png\n", NULL), 406);
}
END_TEST

START_TEST(events_are_sent)
{
	ck_assert_int_eq(tn_harness_get(&h, "/events"), 200);
	ck_assert(h.was_slow);
	ck_assert_uint_eq(h.writes, 3);
	ck_header("content-type", "text/event-stream");
	ck_assert(tn_slice_is(h.body, "event: news\nid: 7\nretry: 500\n"
	    "data: one\ndata: two\ndata: three\n\n:\n\n"));
	ck_assert_int_eq(tn_harness_get(&h, "/hasty"), 500);
	ck_assert_int_eq(tn_harness_request(&h, "HEAD", "/endless", NULL,
	    NULL), 200);
	ck_assert(!h.exchange.res.is_broken);
	ck_header("content-type", "text/event-stream");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("web_body");
	TCase *tc = tcase_create("web_body");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, body_is_read_by_its_type, 0, ROWS(bodies));
	tcase_add_test(tc, byte_order_mark_is_left_out);
	tcase_add_test(tc, any_json_value_is_taken_where_asked);
	tcase_add_test(tc, json_without_memory_is_no_fault_of_the_client);
	tcase_add_test(tc, body_is_as_large_as_may_be);
	tcase_add_test(tc, compressed_body_is_inflated);
	tcase_add_test(tc, gzip_of_several_members_is_one);
	tcase_add_test(tc, bomb_is_not_inflated);
	tcase_add_loop_test(tc, form_with_files_is_read, 0, ROWS(forms));
	tcase_add_test(tc, parts_are_as_large_as_may_be);
	tcase_add_test(tc, form_may_be_split_anywhere);
	tcase_add_test(tc, form_without_memory_leaves_nothing);
	tcase_add_test(tc, nested_form_is_read);
	tcase_add_test(tc, cookies_are_set_and_read);
	tcase_add_loop_test(tc, other_sites_may_read_if_allowed, 0,
	    ROWS(origins));
	tcase_add_test(tc, answer_is_in_the_form_that_is_asked_for);
	tcase_add_test(tc, events_are_sent);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
