#include "config.h"

#include "web/static.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "check_alloc.h"
#include "check_main.h"
#include "web_rig.h"

/*
 * A folder with what may be shown and what may not:
 *
 *	top/secret.txt
 *	top/public/a.css .hidden .git/config sub/b.js big.bin empty.txt
 *	    out -> ../secret.txt, up -> .., inside -> a.css, fifo, sub/
 */
static char top[] = "/tmp/tn-static-XXXXXX";
static struct tn_assets assets, indexed;

enum { BIG_BYTES = 200000 };

static void
put_file(const char *name, const char *text, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void
put_dir(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void
put_link(const char *name, const char *to)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	ck_assert_int_eq(symlink(to, path), 0);
}

static int
not_static(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_send(res, TN_SLICE("a route"));
}

static void
setup(void)
{
	static char big[BIG_BYTES];
	struct tn_router *below = tn_router_new(NULL);
	char path[128];

	tn_router_use(below, tn_static("/in", &assets));
	ck_assert_ptr_nonnull(mkdtemp(top));
	put_dir("public");
	put_dir("public/sub");
	put_dir("public/.git");
	put_file("secret.txt", "secret", 6);
	put_file("public/a.css", "a{}", 3);
	put_file("public/.hidden", "secret", 6);
	put_file("public/.git/config", "secret", 6);
	put_file("public/sub/b.js", "b()", 3);
	put_file("public/sub/index.html", "<p>", 3);
	put_dir("public/a b%");
	put_file("public/empty.txt", "", 0);
	memset(big, 'x', sizeof(big));
	put_file("public/big.bin", big, sizeof(big));
	put_link("public/out", "../secret.txt");
	put_link("public/up", "..");
	put_link("public/inside", "a.css");
	snprintf(path, sizeof(path), "%s/public/fifo", top);
	ck_assert_int_eq(mkfifo(path, 0644), 0);
	snprintf(path, sizeof(path), "%s/public", top);
	ck_assert_int_eq(tn_assets_open(&assets, path, 3600, NULL), 0);
	web_begin(NULL, NULL);
	tn_app_use(app, tn_static("/assets", &assets));
	indexed = assets;
	indexed.index = "index.html";
	tn_app_use(app, tn_static("/site", &indexed));
	tn_app_use_at(app, "/at", tn_static("/", &assets));
	tn_app_use_at(app, "/pages", tn_static("/", &indexed));
	tn_app_mount(app, "/mount", below);
	tn_app_get(app, "/assets/route", not_static);
	tn_app_post(app, "/assets/sub/b.js", not_static);
	web_serve();
}

static void
teardown(void)
{
	static const char *const names[] = {
		"public/fifo", "public/inside", "public/up", "public/out",
		"public/big.bin", "public/empty.txt", "public/sub/b.js",
		"public/sub/index.html", "public/a b%",
		"public/.git/config", "public/.hidden", "public/a.css",
		"secret.txt", "public/.git", "public/sub", "public", "",
	};
	char path[128];

	web_end();
	tn_assets_close(&assets);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		remove(path);
	}
}

static void
remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	remove(path);
}

static const struct {
	const char *name, *method, *target;
	int status;
	const char *body;
} files[] = {
	{ "a file", "GET", "/assets/a.css", 200, "a{}" },
	{ "a file in a folder", "GET", "/assets/sub/b.js", 200, "b()" },
	{ "an empty file", "GET", "/assets/empty.txt", 200, "" },
	{ "its name encoded", "GET", "/assets/%61.css", 200, "a{}" },
	{ "its name with an encoded slash", "GET", "/assets/sub%2fb.js", 200,
	    "b()" },
	{ "HEAD", "HEAD", "/assets/a.css", 200, "" },
	{ "at a path", "GET", "/at/sub/b.js", 200, "b()" },
	{ "at a path, no file", "GET", "/at/at/a.css", 404, NULL },
	{ "in a router", "GET", "/mount/in/a.css", 200, "a{}" },
	{ "not without the router's path", "GET", "/in/a.css", 404, NULL },
	{ "no such file is for the routes", "GET", "/assets/route", 200,
	    "a route" },
	{ "other methods are for the routes", "POST", "/assets/sub/b.js", 200,
	    "a route" },
	{ "no such file", "GET", "/assets/none", 404, NULL },
	{ "the folder", "GET", "/assets", 404, NULL },
	{ "the folder with a slash", "GET", "/assets/", 404, NULL },
	{ "a folder in it", "GET", "/assets/sub", 404, NULL },
	{ "a folder in it with a slash", "GET", "/assets/sub/", 404, NULL },
	{ "a file as a folder", "GET", "/assets/a.css/", 404, NULL },
	{ "below a file", "GET", "/assets/a.css/x", 404, NULL },
	{ "a longer prefix", "GET", "/assetsa.css", 404, NULL },
	{ "two slashes", "GET", "/assets//a.css", 404, NULL },
	{ "an absolute path", "GET", "/assets//etc/passwd", 404, NULL },
	{ "a hidden file", "GET", "/assets/.hidden", 404, NULL },
	{ "a hidden folder", "GET", "/assets/.git/config", 404, NULL },
	{ "dots", "GET", "/assets/../secret.txt", 400, NULL },
	{ "dots encoded", "GET", "/assets/%2e%2e/secret.txt", 400, NULL },
	{ "dots and a slash encoded", "GET", "/assets/..%2fsecret.txt", 400,
	    NULL },
	{ "NUL", "GET", "/assets/a.css%00.txt", 400, NULL },
	{ "backslashes are no slashes", "GET", "/assets/..\\secret.txt", 404,
	    NULL },
	{ "a link to the outside", "GET", "/assets/out", 404, NULL },
	{ "through a link", "GET", "/assets/up/secret.txt", 404, NULL },
	{ "a link to the inside", "GET", "/assets/inside", 404, NULL },
	{ "a pipe does not hang", "GET", "/assets/fifo", 404, NULL },
};

static const struct {
	const char *name, *target;
	int status;
	const char *to;		/* where it leads, or the body */
} folders[] = {
	{ "a folder", "/site/sub/", 200, "<p>" },
	{ "its page by name", "/site/sub/index.html", 200, "<p>" },
	{ "a folder without a slash", "/site/sub?a=%20", 301,
	    "/site/sub/?a=%20" },
	{ "the folder itself", "/site", 301, "/site/" },
	{ "at a path", "/pages", 301, "/pages/" },
	{ "at a path, below", "/pages/sub/", 200, "<p>" },
	{ "what has to be encoded", "/site/a%20b%25", 301,
	    "/site/a%20b%25/" },
	{ "a folder without a page", "/site/a%20b%25/", 404, NULL },
	{ "a folder without a page", "/site/", 404, NULL },
	{ "a file", "/site/a.css", 200, "a{}" },
	{ "a file with a slash", "/site/a.css/", 404, NULL },
	{ "nothing there", "/site/none", 404, NULL },
	{ "nothing there, with a slash", "/site/none/", 404, NULL },
	{ "a hidden folder", "/site/.git", 404, NULL },
	{ "a link to a folder", "/site/up", 404, NULL },
	{ "through it", "/site/up/", 404, NULL },
	{ "two slashes", "/site//", 404, NULL },
	{ "a folder, unless asked", "/assets/sub/", 404, NULL },
	{ "a folder, unless asked", "/assets/sub", 404, NULL },
};

START_TEST(page_of_a_folder_is_sent_where_asked)
{
	for (int way = 0; way < 2; way++) {
		assets.no_openat2 = indexed.no_openat2 = way == 1;
		tn_harness_get(&h, folders[_i].target);
		ck_assert_msg(h.status == folders[_i].status, "%s: %d",
		    folders[_i].name, h.status);
		if (h.status == 301)
			ck_header("location", folders[_i].to);
		else if (h.status == 200)
			ck_slice(h.body, folders[_i].to);
	}
}
END_TEST

START_TEST(folder_without_memory_is_an_error)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		int status;

		tn_alloc_fail_at(n);
		status = tn_harness_get(&h, "/site/a%20b%25");
		failed = tn_alloc_end();
		ck_assert_msg(failed ? status >= 400 && status != 404 :
		    status == 301, "%u: %d", n, status);
	}
}
END_TEST

START_TEST(only_what_may_be_shown_is_sent)
{
	for (int way = 0; way < 2; way++) {
		assets.no_openat2 = way == 1;
		tn_harness_request(&h, files[_i].method, files[_i].target, NULL,
		    NULL);
		ck_assert_msg(h.status == files[_i].status, "%s: %d",
		    files[_i].name, h.status);
		ck_assert_msg(files[_i].body == NULL ||
		    tn_slice_is(h.body, files[_i].body), "%s: %.*s",
		    files[_i].name, TN_SLICE_ARG(h.body));
		ck_assert(!tn_harness_shows(&h, "secret"));
	}
}
END_TEST

START_TEST(file_is_described_and_kept_by_clients)
{
	char etag[64], date[64], sent[160];

	tn_harness_get(&h, "/assets/a.css");
	ck_assert_uint_eq(h.writes, 1);
	ck_header("content-type", "text/css; charset=utf-8");
	ck_header("content-length", "3");
	ck_header("cache-control", "public, max-age=3600");
	snprintf(etag, sizeof(etag), "%.*s",
	    TN_SLICE_ARG(tn_harness_header(&h, "etag")));
	snprintf(date, sizeof(date), "%.*s",
	    TN_SLICE_ARG(tn_harness_header(&h, "last-modified")));
	ck_assert(etag[0] == '"');

	snprintf(sent, sizeof(sent), "if-none-match: %s\n", etag);
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/a.css", sent,
	    NULL), 304);
	ck_header("etag", etag);
	ck_header("content-length", NULL);
	snprintf(sent, sizeof(sent), "if-modified-since: %s\n", date);
	ck_assert_int_eq(tn_harness_request(&h, "HEAD", "/assets/a.css", sent,
	    NULL), 304);

	put_file("public/a.css", "a{b}", 4);
	snprintf(sent, sizeof(sent), "if-none-match: %s\n", etag);
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/a.css", sent,
	    NULL), 200);
	assets.max_age_s = 0;
	tn_harness_get(&h, "/assets/a.css");
	ck_header("cache-control", "no-cache");
}
END_TEST

/* The file is "0123456789". */
static const struct {
	const char *name, *method, *headers;
	int status;
	const char *range, *body;
} parts[] = {
	{ "no range", "GET", "", 200, NULL, "0123456789" },
	{ "the front", "GET", "range: bytes=0-3\n", 206, "bytes 0-3/10",
	    "0123" },
	{ "the end", "GET", "range: bytes=-3\n", 206, "bytes 7-9/10", "789" },
	{ "from there on", "GET", "range: bytes=8-\n", 206, "bytes 8-9/10",
	    "89" },
	{ "more than there is", "GET", "range: bytes=5-99\n", 206,
	    "bytes 5-9/10", "56789" },
	{ "HEAD", "HEAD", "range: bytes=0-3\n", 206, "bytes 0-3/10", "" },
	{ "parts that touch are one", "GET", "range: bytes=0-1,2-3\n", 206,
	    "bytes 0-3/10", "0123" },
	{ "behind the end", "GET", "range: bytes=10-\n", 416, "bytes */10",
	    NULL },
	{ "another unit", "GET", "range: lines=0-1\n", 200, NULL,
	    "0123456789" },
	{ "no range at all", "GET", "range: bytes=x\n", 200, NULL,
	    "0123456789" },
	{ "another tag now", "GET",
	    "range: bytes=0-3\nif-range: \"other\"\n", 200, NULL,
	    "0123456789" },
	{ "another date", "GET", "range: bytes=0-3\n"
	    "if-range: Tue, 14 Nov 2023 22:13:20 GMT\n", 200, NULL,
	    "0123456789" },
	{ "any tag will do", "GET", "if-match: *\n", 200, NULL,
	    "0123456789" },
	{ "another tag is wanted", "GET", "if-match: \"other\"\n", 412,
	    NULL, NULL },
	{ "not since then", "GET",
	    "if-unmodified-since: Tue, 14 Nov 2000 22:13:20 GMT\n", 412,
	    NULL, NULL },
	{ "not since the future", "GET",
	    "if-unmodified-since: Tue, 14 Nov 2090 22:13:20 GMT\n", 200,
	    NULL, "0123456789" },
};

START_TEST(parts_are_sent)
{
	put_file("public/a.css", "0123456789", 10);
	tn_harness_request(&h, parts[_i].method, "/assets/a.css",
	    parts[_i].headers, NULL);
	ck_assert_msg(h.status == parts[_i].status, "%s: %d", parts[_i].name,
	    h.status);
	ck_header("content-range", parts[_i].range);
	ck_assert_msg(parts[_i].body == NULL ||
	    tn_slice_is(h.body, parts[_i].body), "%s: %.*s", parts[_i].name,
	    TN_SLICE_ARG(h.body));
	if (h.status == 206)
		ck_header("accept-ranges", "bytes");
}
END_TEST

START_TEST(part_of_what_one_has_is_sent)
{
	char sent[256];

	put_file("public/a.css", "0123456789", 10);
	tn_harness_get(&h, "/assets/a.css");
	snprintf(sent, sizeof(sent), "range: bytes=2-3\nif-range: %.*s\n",
	    TN_SLICE_ARG(tn_harness_header(&h, "etag")));
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/a.css", sent,
	    NULL), 206);
	snprintf(sent, sizeof(sent), "range: bytes=2-3\nif-range: %.*s\n",
	    TN_SLICE_ARG(tn_harness_header(&h, "last-modified")));
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/a.css", sent,
	    NULL), 206);
	ck_slice(h.body, "23");
	assets.no_ranges = true;
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/a.css", sent,
	    NULL), 200);
	ck_header("accept-ranges", NULL);
}
END_TEST

START_TEST(several_parts_are_sent_in_one)
{
	char boundary[64], want[512], length[16];
	struct tn_slice type;

	put_file("public/a.css", "0123456789", 10);
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/a.css",
	    "range: bytes=0-1,5-5,-1\n", NULL), 206);
	type = tn_harness_header(&h, "content-type");
	ck_assert(tn_slice_starts(type,
	    TN_SLICE("multipart/byteranges; boundary=")));
	snprintf(boundary, sizeof(boundary), "%.*s",
	    TN_SLICE_ARG(tn_slice_after(type, 31)));
	snprintf(want, sizeof(want), "--%s\r\n"
	    "Content-Type: text/css; charset=utf-8\r\n"
	    "Content-Range: bytes 0-1/10\r\n\r\n01\r\n--%s\r\n"
	    "Content-Type: text/css; charset=utf-8\r\n"
	    "Content-Range: bytes 5-5/10\r\n\r\n5\r\n--%s\r\n"
	    "Content-Type: text/css; charset=utf-8\r\n"
	    "Content-Range: bytes 9-9/10\r\n\r\n9\r\n--%s--\r\n",
	    boundary, boundary, boundary, boundary);
	ck_assert_msg(tn_slice_is(h.body, want), "%.*s", TN_SLICE_ARG(h.body));
	snprintf(length, sizeof(length), "%zu", strlen(want));
	ck_header("content-length", length);
}
END_TEST

START_TEST(part_of_a_big_file_leaves_in_pieces)
{
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/big.bin",
	    "range: bytes=1000-180999\n", NULL), 206);
	ck_header("content-length", "180000");
	ck_assert_uint_eq(h.body.len, 180000);
}
END_TEST

static const struct { const char *name, *accepts, *encoding, *body; } kinds[] = {
	{ "the best", "gzip, br", "br", "B" },
	{ "one of them", "gzip", "gzip", "Z" },
	{ "none", "identity", NULL, "a{}" },
	{ "one refused", "br;q=0, gzip", "gzip", "Z" },
	{ "one that is not there", "deflate", NULL, "a{}" },
};

START_TEST(compressed_sibling_is_sent)
{
	char sent[64];

	put_file("public/a.css.br", "B", 1);
	put_file("public/a.css.gz", "Z", 1);
	assets.precompressed = true;
	snprintf(sent, sizeof(sent), "accept-encoding: %s\n",
	    kinds[_i].accepts);
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/a.css", sent,
	    NULL), 200);
	ck_header("content-encoding", kinds[_i].encoding);
	ck_header("vary", "Accept-Encoding");
	ck_header("content-type", "text/css; charset=utf-8");
	ck_assert_msg(tn_slice_is(h.body, kinds[_i].body), "%s",
	    kinds[_i].name);
	remove_file("public/a.css.br");
	remove_file("public/a.css.gz");
}
END_TEST

START_TEST(hidden_files_are_as_asked)
{
	assets.dotfiles = TN_DOTFILES_DENY;
	ck_assert_int_eq(tn_harness_get(&h, "/assets/.hidden"), 403);
	ck_assert_int_eq(tn_harness_get(&h, "/assets/.git/config"), 403);
	assets.dotfiles = TN_DOTFILES_ALLOW;
	ck_assert_int_eq(tn_harness_get(&h, "/assets/.hidden"), 200);
	ck_assert_int_eq(tn_harness_get(&h, "/assets/out"), 404);
}
END_TEST

START_TEST(web_server_sends_the_file)
{
	assets.accel = "/protected/";
	ck_assert_int_eq(tn_harness_get(&h, "/assets/sub/b.js"), 200);
	ck_header("x-accel-redirect", "/protected/sub/b.js");
	ck_header("content-type", "text/javascript; charset=utf-8");
	ck_assert_uint_eq(h.body.len, 0);
	ck_assert_int_eq(tn_harness_get(&h, "/assets/none"), 404);
	ck_header("x-accel-redirect", NULL);
	assets.accel = NULL;
	assets.sendfile = "/srv/public/";
	ck_assert_int_eq(tn_harness_get(&h, "/assets/sub/b.js"), 200);
	ck_header("x-sendfile", "/srv/public/sub/b.js");
}
END_TEST

START_TEST(big_file_leaves_in_pieces)
{
	ck_assert_int_eq(tn_harness_get(&h, "/assets/big.bin"), 200);
	ck_header("content-length", "200000");
	ck_header("content-type", "application/octet-stream");
	ck_assert_uint_eq(h.body.len, BIG_BYTES);
	ck_assert(!h.exchange.res.is_broken);
	ck_assert_int_eq(tn_harness_request(&h, "HEAD", "/assets/big.bin",
	    NULL, NULL), 200);
	ck_header("content-length", "200000");
	ck_assert_uint_eq(h.body.len, 0);
	h.fail_write = 3;
	tn_harness_get(&h, "/assets/big.bin");
	ck_assert(h.exchange.res.is_broken);
}
END_TEST

/* What would have to be kept for a slow reader is sent as a whole instead. */
START_TEST(long_parts_are_the_whole)
{
	char path[128], header[128];
	unsigned half = TN_LIMIT_RANGES_BYTES / 2;

	snprintf(path, sizeof(path), "%s/public/big.bin", top);
	ck_assert_int_eq(truncate(path, 2 * TN_LIMIT_RANGES_BYTES), 0);
	for (unsigned more = 0; more < 2; more++) {
		snprintf(header, sizeof(header), "range: bytes=0-%u,%u-%u\n",
		    half - 1, half + 9, 2 * half + 8 + more);
		ck_assert_int_eq(tn_harness_request(&h, "GET",
		    "/assets/big.bin", header, NULL), more == 0 ? 206 : 200);
	}
	ck_assert_uint_eq(h.body.len, 2 * TN_LIMIT_RANGES_BYTES);
	ck_assert_int_eq(tn_harness_request(&h, "GET", "/assets/big.bin",
	    "range: bytes=1-\n", NULL), 206);	/* one may be long */
}
END_TEST

START_TEST(no_descriptor_left_is_no_missing_file)
{
	struct { int fds[4096]; size_t n; } taken = { .n = 0 };

	while (taken.n < 4096 && (taken.fds[taken.n] = dup(0)) >= 0)
		taken.n++;
	if (taken.n < 4096)	/* else there are more than we can take */
		ck_assert_int_eq(tn_harness_get(&h, "/assets/a.css"), 503);
	while (taken.n > 0)
		close(taken.fds[--taken.n]);
	ck_assert_int_eq(tn_harness_get(&h, "/assets/a.css"), 200);
}
END_TEST

START_TEST(folder_that_is_not_there_is_named)
{
	struct tn_assets none;
	struct tn_err err;

	ck_assert_int_eq(tn_assets_open(&none, "/nonexistent/x", 0, &err),
	    TN_E_SYSTEM);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/x"));
	tn_assets_close(&none);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("static");
	TCase *tc = tcase_create("static");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, page_of_a_folder_is_sent_where_asked, 0,
	    (int)(sizeof(folders) / sizeof(folders[0])));
	tcase_add_test(tc, folder_without_memory_is_an_error);
	tcase_add_loop_test(tc, only_what_may_be_shown_is_sent, 0,
	    (int)(sizeof(files) / sizeof(files[0])));
	tcase_add_test(tc, file_is_described_and_kept_by_clients);
	tcase_add_loop_test(tc, parts_are_sent, 0,
	    (int)(sizeof(parts) / sizeof(parts[0])));
	tcase_add_test(tc, part_of_what_one_has_is_sent);
	tcase_add_test(tc, several_parts_are_sent_in_one);
	tcase_add_test(tc, part_of_a_big_file_leaves_in_pieces);
	tcase_add_loop_test(tc, compressed_sibling_is_sent, 0,
	    (int)(sizeof(kinds) / sizeof(kinds[0])));
	tcase_add_test(tc, hidden_files_are_as_asked);
	tcase_add_test(tc, web_server_sends_the_file);
	tcase_add_test(tc, big_file_leaves_in_pieces);
	tcase_add_test(tc, long_parts_are_the_whole);
	tcase_add_test(tc, no_descriptor_left_is_no_missing_file);
	tcase_add_test(tc, folder_that_is_not_there_is_named);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
