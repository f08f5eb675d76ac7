/* Functions of src/web that read files, keep them or send them. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_alloc.h"
#include "check_main.h"
#include "web/body.h"
#include "web/send_file.h"
#include "web/static.h"
#include "web/view.h"
#include "web_rig.h"

/* A folder of the test's own; what is put there is removed in the end. */
static char top[32];
static char made[16][64];
static size_t nmade;

static char *
at(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *to = path[turn++ % 4];

	snprintf(to, sizeof(path[0]), "%s/%s", top, name);
	return to;
}

static void
put_file(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	strcpy(made[nmade++], name);
}

static void
put_dir(const char *name)
{
	ck_assert_int_eq(mkdir(at(name), 0700), 0);
	strcpy(made[nmade++], name);
}

static void
setup(void)
{
	strcpy(top, "/tmp/check-files.XXXXXX");
	nmade = 0;
	ck_assert_ptr_nonnull(mkdtemp(top));
}

static void
teardown(void)
{
	web_end();
	while (nmade > 0)
		remove(at(made[--nmade]));
	ck_assert_int_eq(rmdir(top), 0);	/* nothing else was left */
}

static void
begin(tn_handler *handler, void *arg)
{
	web_begin(arg, NULL);
	tn_app_all(app, "/", handler);
	web_serve();
}

static void
ck_named(const char *header, const char *want, const char *name)
{
	struct tn_slice got = tn_harness_header(&h, header);

	ck_assert_msg(want == NULL ? got.ptr == NULL : tn_slice_is(got, want),
	    "%s: %s: \"%.*s\"", name, header, TN_SLICE_ARG(got));
}

/* ---- Files that are sent ---------------------------------------------------- */

static const struct {
	const char *name, *path, *as;
	int status;
	const char *disposition, *type;
} downloads[] = {
	{ "by its own name", "a.css", NULL, 200, "attachment; filename=a.css",
	    "text/css; charset=utf-8" },
	{ "by its last part", "sub/b.js", NULL, 200,
	    "attachment; filename=b.js", "text/javascript; charset=utf-8" },
	{ "by another name: the type stays the file's", "a.css", "x.pdf", 200,
	    "attachment; filename=x.pdf", "text/css; charset=utf-8" },
	{ "by a name without an ending", "a.css", "x", 200,
	    "attachment; filename=x", "text/css; charset=utf-8" },
	{ "by a name of any letters", "a.css", "\xe2\x82\xac.css", 200,
	    "attachment; filename=\"?.css\"; filename*=UTF-8''%E2%82%AC.css",
	    "text/css; charset=utf-8" },
	{ "by the last part of a name", "a.css", "../../x.css", 200,
	    "attachment; filename=x.css", "text/css; charset=utf-8" },
	{ "by a name that ends the line", "a.css", "x\r\nA: b", 200,
	    "attachment; filename=\"x??A: b\"; filename*=UTF-8''x%0D%0AA%3A"
	    "%20b", "text/css; charset=utf-8" },
	{ "none there", "none", NULL, 404, NULL, "text/plain; charset=utf-8" },
	{ "a folder", "sub", NULL, 404, NULL, "text/plain; charset=utf-8" },
	{ "outside", "../a.css", NULL, 404, NULL,
	    "text/plain; charset=utf-8" },
	{ "hidden", ".h", NULL, 404, NULL, "text/plain; charset=utf-8" },
	{ "no name at all", "", NULL, 404, NULL, "text/plain; charset=utf-8" },
};

static struct tn_assets assets;

static void
open_assets(void)
{
	put_file("a.css", "a{}");
	put_dir("sub");
	put_file("sub/b.js", "b()");
	put_file(".h", "secret");
	ck_assert_int_eq(tn_assets_open(&assets, top, 60, NULL), 0);
}

static int
download(struct tn_req *req, struct tn_res *res, void *arg)
{
	size_t i = *(const size_t *)arg;

	(void)req;
	return tn_res_download(res, &assets, tn_slice_str(downloads[i].path),
	    downloads[i].as);
}

START_TEST(file_is_saved_by_a_name)
{
	size_t i = (size_t)_i;

	open_assets();
	begin(download, &i);
	ck_assert_msg(tn_harness_get(&h, "/") == downloads[i].status,
	    "%s: %d", downloads[i].name, h.status);
	ck_named("content-disposition", downloads[i].disposition,
	    downloads[i].name);
	ck_named("content-type", downloads[i].type, downloads[i].name);
	tn_assets_close(&assets);
}
END_TEST

static const struct { const char *path; enum tn_dotfiles dots; int rc; }
shown[] = {
	{ "a.css", TN_DOTFILES_IGNORE, TN_DONE },
	{ "sub/b.js", TN_DOTFILES_IGNORE, TN_DONE },
	{ "none", TN_DOTFILES_IGNORE, TN_NEXT },
	{ "sub", TN_DOTFILES_IGNORE, TN_NEXT },
	{ "", TN_DOTFILES_IGNORE, TN_NEXT },
	{ "/a.css", TN_DOTFILES_IGNORE, TN_NEXT },
	{ "sub//b.js", TN_DOTFILES_IGNORE, TN_NEXT },
	{ "sub/../a.css", TN_DOTFILES_IGNORE, TN_NEXT },
	{ "./a.css", TN_DOTFILES_IGNORE, TN_NEXT },
	{ ".h", TN_DOTFILES_IGNORE, TN_NEXT },
	{ ".h", TN_DOTFILES_DENY, TN_E_DENIED },
	{ ".h", TN_DOTFILES_ALLOW, TN_DONE },
	{ "../a.css", TN_DOTFILES_ALLOW, TN_NEXT },
};

START_TEST(asset_is_sent_or_left_to_others)
{
	struct tn_exchange *x = &h.exchange;

	open_assets();
	begin(download, NULL);
	tn_exchange_begin(x, &h.sink, NULL);
	x->req.method = TN_METHOD_GET;
	assets.dotfiles = shown[_i].dots;
	ck_assert_msg(tn_assets_send(&assets, &x->req, &x->res,
	    tn_slice_str(shown[_i].path)) == shown[_i].rc, "%s",
	    shown[_i].path);
	ck_assert((x->res.state == TN_RES_ENDED) == (shown[_i].rc == TN_DONE));
	tn_assets_close(&assets);
}
END_TEST

START_TEST(asset_without_memory_is_no_missing_file)
{
	struct tn_exchange *x = &h.exchange;

	open_assets();
	begin(download, NULL);
	tn_exchange_begin(x, &h.sink, NULL);
	x->req.method = TN_METHOD_GET;
	tn_alloc_fail_at(1);
	ck_assert_int_eq(tn_assets_send(&assets, &x->req, &x->res,
	    TN_SLICE("a.css")), TN_E_NOMEM);
	ck_assert(tn_alloc_end());
	tn_assets_close(&assets);
}
END_TEST

static struct tn_sent_file opened;
static struct stat opened_stat;

static int
send_opened(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	if (arg != NULL)
		tn_res_type(res, arg);
	return tn_res_send_open(res, &opened);
}

START_TEST(open_file_is_sent_as_described)
{
	char type[] = "x/own";

	put_file("f", "0123456789");
	opened = (struct tn_sent_file){ .fd = open(at("f"), O_RDONLY |
	    O_CLOEXEC), .st = &opened_stat, .type = "x/y", .encoding = "br" };
	ck_assert_int_eq(fstat(opened.fd, &opened_stat), 0);
	begin(send_opened, NULL);
	ck_assert_int_eq(tn_harness_get(&h, "/"), 200);
	ck_header("content-type", "x/y");
	ck_header("content-encoding", "br");
	ck_header("accept-ranges", "bytes");
	ck_assert(tn_slice_is(h.body, "0123456789"));
	opened.no_ranges = true;
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/",
	    "range: bytes=1-2\n", NULL), 200);
	ck_header("accept-ranges", NULL);
	web_end();
	begin(send_opened, type);	/* the handler's type stays */
	tn_harness_get(&h, "/");
	ck_header("content-type", "x/own");
	close(opened.fd);
}
END_TEST

/* Before its first piece has left, or after. */
static const struct { int size, left; bool is_broken; } shrunk[] = {
	{ 10, 4, false }, { 10, 0, false }, { 200000, 150000, true },
};

START_TEST(file_that_has_shrunk_is_never_sent_as_whole)
{
	put_file("f", "");
	ck_assert_int_eq(truncate(at("f"), shrunk[_i].size), 0);
	opened = (struct tn_sent_file){ .fd = open(at("f"), O_RDONLY |
	    O_CLOEXEC), .st = &opened_stat, .type = "x/y" };
	ck_assert_int_eq(fstat(opened.fd, &opened_stat), 0);
	ck_assert_int_eq(truncate(at("f"), shrunk[_i].left), 0);
	begin(send_opened, NULL);
	tn_harness_get(&h, "/");
	ck_assert_int_eq(h.status, shrunk[_i].is_broken ? 200 : 500);
	ck_assert(h.exchange.res.is_broken == shrunk[_i].is_broken);
	ck_assert_uint_lt(h.exchange.res.body_bytes, 200000);
	close(opened.fd);
}
END_TEST

/* ---- Files that came -------------------------------------------------------- */

static const char *keep_as;
static int kept;

/* Keeps the file of the field "f". */
static int
keep(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_file *file = tn_req_file(req, "f");

	(void)arg;
	ck_assert_ptr_null(tn_req_file(req, "F"));
	ck_assert_ptr_null(tn_req_file(req, ""));
	if (file == NULL)
		return tn_req_refuse(req, 400, "no file");
	kept = tn_file_keep(req, file, keep_as);
	ck_assert(file->is_kept == (kept == 0));
	return kept < 0 ? kept : tn_res_send(res, file->filename);
}

static const struct {
	const char *name, *field, *to;
	int status, kept;
} uploads[] = {
	{ "kept", "f", "mine", 200, 0 },
	{ "kept in a folder that is not there", "f", "none/mine", 500,
	    TN_E_SYSTEM },
	{ "in place of a folder", "f", "sub", 500, TN_E_SYSTEM },
	{ "another field", "g", "mine", 400, 1 },
};

START_TEST(upload_is_kept_or_goes)
{
	const struct tn_multipart_limits limits = { .dir = at("in") };
	char body[256];
	bool is_there = uploads[_i].kept == 0;

	put_dir("in");
	put_dir("sub");
	app = tn_app_new(NULL, NULL, NULL);
	tn_app_use(app, tn_multipart_body(&limits));
	tn_app_post(app, "/", keep);
	ck_assert_int_eq(tn_app_check(app, NULL), 0);
	tn_harness_init(&h, app);
	keep_as = at(uploads[_i].to);
	kept = 1;
	snprintf(body, sizeof(body), "--B\r\nContent-Disposition: form-data; "
	    "name=\"%s\"; filename=\"a.txt\"\r\n\r\ntext\r\n--B--\r\n",
	    uploads[_i].field);
	ck_assert_msg(tn_harness_request(&h, "POST", "/",
	    "content-type: multipart/form-data; boundary=B\n", body) ==
	    uploads[_i].status, "%s: %d", uploads[_i].name, h.status);
	ck_assert_int_eq(kept, uploads[_i].kept);
	ck_assert((access(at("mine"), F_OK) == 0) == is_there);
	if (is_there)
		strcpy(made[nmade++], "mine");
}
END_TEST

/* ---- Bodies ----------------------------------------------------------------- */

/* Gives so many bytes at a time, then fails if asked to. */
static struct {
	struct tn_body body;
	struct tn_slice rest;
	size_t step;
	int failure;
} source;

static int64_t
read_source(struct tn_body *body, char *to, size_t cap, struct tn_err *err)
{
	size_t n = source.step < cap ? source.step : cap;

	(void)body;
	if (source.rest.len == 0 && source.failure != 0)
		return tn_err_set(err, source.failure, "cut");
	if (n > source.rest.len)
		n = source.rest.len;
	if (n > 0)
		memcpy(to, source.rest.ptr, n);
	source.rest = tn_slice_after(source.rest, n);
	return (int64_t)n;
}

static const struct {
	const char *name, *text, *length, *encoding;
	size_t max, step;
	int failure, rc, status;
} bodies[] = {
	{ "all at once", "abcdef", "6", NULL, 10, 10, 0, 0, 0 },
	{ "byte by byte", "abcdef", "6", NULL, 10, 1, 0, 0, 0 },
	{ "as much as may be", "abcdef", "6", NULL, 6, 4, 0, 0, 0 },
	{ "one byte more", "abcdef", NULL, NULL, 5, 4, 0, TN_E_DENIED, 413 },
	{ "more is announced", "", "11", NULL, 10, 4, 0, TN_E_DENIED, 413 },
	{ "nothing", "", NULL, NULL, 10, 4, 0, 0, 0 },
	{ "nothing may come", "", NULL, NULL, 0, 4, 0, 0, 0 },
	{ "nothing may come, and does", "a", NULL, NULL, 0, 4, 0, TN_E_DENIED,
	    413 },
	{ "a length that is none", "abc", "x", NULL, 10, 4, 0, 0, 0 },
	{ "cut short", "abc", "6", NULL, 10, 4, TN_E_IO, TN_E_DENIED, 400 },
	{ "too slow", "abc", "6", NULL, 10, 4, TN_E_TIMEOUT, TN_E_DENIED,
	    408 },
	{ "said to be as it is", "abc", "3", "Identity", 10, 4, 0, 0, 0 },
	{ "no gzip", "abc", "3", "gzip", 10, 4, 0, TN_E_SYNTAX, 400 },
	{ "another encoding", "abc", "3", "br", 10, 4, 0, TN_E_DENIED, 415 },
	{ "no encoding of nothing", "", "0", "br", 10, 4, 0, 0, 0 },
};

static int
take(struct tn_exchange *x, size_t i, bool is_complete, struct tn_slice *out)
{
	source.body = (struct tn_body){ read_source, is_complete };
	source.rest = tn_slice_str(bodies[i].text);
	source.step = bodies[i].step;
	source.failure = bodies[i].failure;
	tn_exchange_begin(x, NULL, &source.body);
	x->req.content_length = tn_slice_str(bodies[i].length);
	if (bodies[i].encoding != NULL)
		x->req.headers[x->req.nheaders++] = (struct tn_pair){
			TN_SLICE("CONTENT_ENCODING"),
			tn_slice_str(bodies[i].encoding) };
	return tn_body_take(&x->req, bodies[i].max, out);
}

START_TEST(body_is_taken_or_refused)
{
	struct tn_exchange x;
	struct tn_slice out;
	int rc;

	tn_exchange_init(&x, 0);
	rc = take(&x, (size_t)_i, true, &out);
	ck_assert_msg(rc == bodies[_i].rc, "%s: %d", bodies[_i].name, rc);
	ck_assert_int_eq(x.req.err_status, bodies[_i].status);
	if (rc == 0)
		ck_assert_msg(tn_slice_is(out, bodies[_i].text), "%s: %.*s",
		    bodies[_i].name, TN_SLICE_ARG(out));
	tn_exchange_fini(&x);
}
END_TEST

START_TEST(body_that_is_late_is_waited_for_elsewhere)
{
	struct tn_exchange x;
	struct tn_slice out;

	tn_exchange_init(&x, 0);
	ck_assert_int_eq(take(&x, 0, false, &out), TN_SLOW);
	ck_assert_ptr_eq(x.req.body, &source.body);
	x.req.is_slow = true;
	ck_assert_int_eq(tn_body_take(&x.req, 10, &out), 0);
	ck_assert(tn_slice_is(out, "abcdef"));
	ck_assert_ptr_null(x.req.body);
	tn_exchange_fini(&x);
}
END_TEST

START_TEST(body_without_memory_is_refused)
{
	struct tn_exchange x;
	struct tn_slice out;

	tn_exchange_init(&x, 0);
	tn_alloc_fail_at(1);
	ck_assert_int_eq(take(&x, 0, true, &out), TN_E_NOMEM);
	ck_assert(tn_alloc_end());
	tn_exchange_fini(&x);
}
END_TEST

/* ---- Views ------------------------------------------------------------------ */

START_TEST(views_are_named_by_their_paths)
{
	static const char *const names[] = { "home", "sub/in" };
	static const char *const none[] = { "notes", "notes.txt", ".hidden",
		"home.ejs", "sub", "in", "" };
	struct tn_views *views;
	struct tn_buf out;

	put_file("home.ejs", "[<%- include(\"sub/in\") %>]");
	put_dir("sub");
	put_file("sub/in.ejs", "in");
	put_file("notes.txt", "<% no view");
	put_file(".hidden.ejs", "<% no view");
	views = tn_views_load(top, NULL);
	ck_assert_ptr_nonnull(views);
	tn_buf_init(&out, 100);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(tn_view_render(views, names[i], NULL, NULL,
		    NULL, &out, NULL), 0);
	ck_assert(tn_slice_is(tn_buf_view(&out), "[in]in"));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_int_eq(tn_view_render(views, none[i], NULL, NULL,
		    NULL, &out, NULL), TN_E_CONFIG);
	tn_buf_fini(&out);
	tn_views_free(&views);
}
END_TEST

static const struct { const char *name, *file, *text, *why; int code; }
wrong[] = {
	{ "a fault has its line", "a.ejs", "1\n2\n<% end %>", "a.ejs:3: ",
	    TN_E_SYNTAX },
	{ "a view that is not there", "a.ejs", "<%- include(\"b\") %>",
	    "a.ejs:1: ", TN_E_SYNTAX },
	{ "no folder", NULL, NULL, "none", TN_E_SYSTEM },
};

START_TEST(view_that_cannot_be_loaded_is_named)
{
	struct tn_err err;

	if (wrong[_i].file != NULL)
		put_file(wrong[_i].file, wrong[_i].text);
	ck_assert_ptr_null(tn_views_load(wrong[_i].file == NULL ? at("none") :
	    top, &err));
	ck_assert_msg(strstr(err.text, wrong[_i].why) != NULL, "%s: %s",
	    wrong[_i].name, err.text);
	ck_assert_int_eq(err.code, wrong[_i].code);
}
END_TEST

START_TEST(views_without_memory_are_refused)
{
	struct tn_views *views = NULL;
	bool failed = true;

	put_file("home.ejs", "<% if a %><%= b %><% end %>");
	for (unsigned n = 1; failed; n++) {
		tn_alloc_fail_at(n);
		views = tn_views_load(top, NULL);
		failed = tn_alloc_end();
		ck_assert((views == NULL) == failed);
		tn_views_free(&views);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("files");
	TCase *tc = tcase_create("files");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, file_is_saved_by_a_name, 0, ROWS(downloads));
	tcase_add_loop_test(tc, asset_is_sent_or_left_to_others, 0,
	    ROWS(shown));
	tcase_add_test(tc, asset_without_memory_is_no_missing_file);
	tcase_add_test(tc, open_file_is_sent_as_described);
	tcase_add_loop_test(tc, file_that_has_shrunk_is_never_sent_as_whole,
	    0, ROWS(shrunk));
	tcase_add_loop_test(tc, upload_is_kept_or_goes, 0, ROWS(uploads));
	tcase_add_loop_test(tc, body_is_taken_or_refused, 0, ROWS(bodies));
	tcase_add_test(tc, body_that_is_late_is_waited_for_elsewhere);
	tcase_add_test(tc, body_without_memory_is_refused);
	tcase_add_test(tc, views_are_named_by_their_paths);
	tcase_add_loop_test(tc, view_that_cannot_be_loaded_is_named, 0,
	    ROWS(wrong));
	tcase_add_test(tc, views_without_memory_are_refused);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
