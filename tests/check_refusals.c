/*
 * Bad input always gets a clear answer and a line in the log with its cause:
 * each 4xx that the framework gives by itself. Those of the host are in
 * check_fcgi.c.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "check_main.h"
#include "redis/redis.h"
#include "redis_server.h"
#include "web/middleware.h"
#include "web/rate_limit.h"
#include "web/static.h"
#include "web_rig.h"

enum { MAX_BODY = 1000, MAX_FIELDS = 3, TEXT = 65536 };

#define FORM	"content-type: application/x-www-form-urlencoded\n"
#define JSON	"content-type: application/json\n"
#define UPLOAD	"content-type: multipart/form-data; boundary=x\n"
#define PART	"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"

static char dir[] = "/tmp/tn-refusals-XXXXXX", log_name[64];
static struct tn_log the_log;
static struct tn_assets assets;
static struct redis_server server;
static struct tn_redis_options redis_options;
static struct tn_redis *redis;
static struct tn_rate_limit rate;

/* ---- An app with all that refuses ----------------------------------------- */

static int
page(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_send(res, TN_SLICE("page"));
}

static int
as_json(struct tn_req *req, struct tn_res *res, void *arg)
{
	static const struct tn_format formats[] = {
		{ "json", page }, { NULL, NULL }
	};

	(void)req;
	return tn_res_format(res, formats, arg);
}

static int
file(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send_file(res, &assets, tn_req_query(req, "name"));
}

static void
put_file(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "some text", 9), 9);
	close(fd);
}

static void
make_app(void)
{
	const struct tn_body_options body = { .max_bytes = MAX_BODY };
	const struct tn_form_limits form = {
		.max_bytes = MAX_BODY, .max_fields = MAX_FIELDS,
	};
	const struct tn_multipart_limits upload = {
		.dir = dir, .max_bytes = MAX_BODY, .max_fields = 1,
	};

	web_begin(NULL, &the_log);
	tn_app_use(app, tn_static("/assets", &assets));
	tn_app_use_at(app, "/rate", tn_rate_limit(&rate));
	tn_app_use(app, web_sessions(NULL));
	tn_app_use(app, tn_json_body(&body));
	tn_app_use(app, tn_text_body(&body));
	tn_app_use(app, tn_multipart_body(&upload));
	tn_app_use(app, tn_form_body(&form));
	tn_app_use_at(app, "/guarded", tn_csrf());
	tn_app_get(app, "/page", page);
	tn_app_post(app, "/page", page);
	tn_app_post(app, "/guarded", page);
	tn_app_get(app, "/rate", page);
	tn_app_get(app, "/json", as_json);
	tn_app_get(app, "/file", file);
	web_serve();
}

static void
setup(void)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put_file("a.txt");
	put_file(".hidden");
	snprintf(log_name, sizeof(log_name), "%s/log", dir);
	ck_assert_int_eq(tn_log_open(&the_log, "test", TN_LOG_FILE, log_name,
	    TN_LOG_INFO, NULL), 0);
	ck_assert_int_eq(tn_assets_open(&assets, dir, 0, NULL), 0);
	assets.dotfiles = TN_DOTFILES_DENY;
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	redis_options = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&redis_options, 1, NULL);
	rate = (struct tn_rate_limit){
		.redis = redis, .name = "these", .limit = 1, .window_s = 60,
	};
	make_app();
}

static void
remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

static void
teardown(void)
{
	web_end();
	tn_redis_free(&redis);
	redis_server_stop(&server);
	tn_assets_close(&assets);
	tn_log_close(&the_log);
	remove_file("a.txt");
	remove_file(".hidden");
	remove_file("log");
	ck_assert_int_eq(rmdir(dir), 0);	/* no upload has stayed */
}

/* ---- What is refused ------------------------------------------------------ */

enum body { AS_IT_IS, ZIPPED, SLOW, CUT, BELOW_BASE };

#define LONG	"a-word-that-is-part-of-a-long-name-and-comes-again-and-again."

/* What is long is a text and how often it comes. */
static const struct refusal {
	const char *name, *method, *target;
	int target_times;
	const char *headers;
	int header_times;
	const char *body;
	int body_times;
	enum body how;
	int status;
	const char *reason;
} refusals[] = {
	{ "no method", "G(T", "/page", 1, "", 1, NULL, 0, 0,
	    400, "malformed method" },
	{ "a Host that is none", "GET", "/page", 1, "host: a b\n", 1, NULL, 0,
	    0, 400, "malformed Host" },
	{ "a long Host", "GET", "/page", 1, "host: " LONG LONG LONG LONG LONG
	    "\n", 1, NULL, 0, 0, 400, "Host too long" },
	{ "a query that cannot be decoded", "GET", "/page?a=1&b=%zz", 1, "", 1,
	    NULL, 0, 0, 400, "% without two hex digits" },
	{ "a query that is no text", "GET", "/page?a=%ff", 1, "", 1, NULL, 0,
	    0, 400, "not text" },
	{ "a query with a NUL", "GET", "/page?a%00", 1, "", 1, NULL, 0, 0,
	    400, "not text" },
	{ "many variables", "GET", "/page?a=1&", 65, "", 1, NULL, 0, 0,
	    400, "too many variables" },
	{ "long cookies", "GET", "/page", 1, "cookie: " LONG LONG LONG "\n", 50,
	    NULL, 0, 0, 431, "cookies too long" },
	{ "a path that cannot be decoded", "GET", "/%zz", 1, "", 1, NULL, 0, 0,
	    400, "path" },
	{ "a path with NUL", "GET", "/a%00", 1, "", 1, NULL, 0, 0,
	    400, "path" },
	{ "a path that is no UTF-8", "GET", "/%ff", 1, "", 1, NULL, 0, 0,
	    400, "path is no plain text" },
	{ "a path that climbs", "GET", "/a/../b", 1, "", 1, NULL, 0, 0,
	    400, "path with dot segments" },
	{ "no path", "GET", "page", 1, "", 1, NULL, 0, 0,
	    400, "path without a slash" },
	{ "a long path", "GET", "/longer", TN_LIMIT_PATH_BYTES / 7 + 1, "", 1,
	    NULL, 0, 0, 414, "path of" },
	{ "many headers", "GET", "/page", 1, "a: b\n", TN_LIMIT_HEADER_COUNT,
	    NULL, 0, 0, 431, "too many headers" },
	{ "a long header", "GET", "/page", 1, "a: bcdefghijklmn",
	    TN_LIMIT_HEADER_BYTES / 16 + 1, NULL, 0, 0, 431, "header too long" },

	{ "not of this site", "GET", "/page", 1, "", 1, NULL, 0, BELOW_BASE,
	    404, "not below base_path" },
	{ "no page", "GET", "/nowhere", 1, "", 1, NULL, 0, 0,
	    404, "no such page" },
	{ "no asset", "GET", "/assets/none.txt", 1, "", 1, NULL, 0, 0,
	    404, "no such page" },
	{ "no file", "GET", "/file?name=none", 1, "", 1, NULL, 0, 0,
	    404, "no such file" },
	{ "a hidden file", "GET", "/assets/.hidden", 1, "", 1, NULL, 0, 0,
	    403, "a hidden file" },
	{ "another method", "DELETE", "/page", 1, "", 1, NULL, 0, 0,
	    405, "method not allowed" },
	{ "a method nobody knows", "BREW", "/page", 1, "", 1, NULL, 0, 0,
	    405, "method not allowed" },
	{ "none of our types", "GET", "/json", 1, "accept: image/png\n", 1,
	    NULL, 0, 0, 406, "none of our types" },
	{ "another version of a file", "GET", "/assets/a.txt", 1,
	    "if-match: \"other\"\n", 1, NULL, 0, 0, 412, "precondition" },
	{ "a part behind a file's end", "GET", "/assets/a.txt", 1,
	    "range: bytes=100-\n", 1, NULL, 0, 0, 416, "no such part" },
	{ "too often", "GET", "/rate", 1, "", 1, NULL, 0, 0,
	    429, "limit=these" },

	{ "a form from another site", "POST", "/guarded", 1,
	    "sec-fetch-site: cross-site\n", 1, "a=b", 1, 0,
	    403, "sent by another site" },
	{ "a form from another origin", "POST", "/guarded", 1,
	    "origin: https://evil.example\n", 1, "a=b", 1, 0,
	    403, "sent by another origin" },
	{ "a form without a proof", "POST", "/guarded", 1, "", 1, "a=b", 1, 0,
	    403, "proof is missing" },

	{ "a form that is said to be large", "POST", "/page", 1,
	    FORM "content-length: 1001\n", 1, "a=b", 1, 0, 413, "1000 bytes" },
	{ "a form that is large", "POST", "/page", 1, FORM, 1, "a=b&", 251, 0,
	    413, "1000 bytes" },
	{ "many fields", "POST", "/page", 1, FORM, 1, "a=b&", 4, 0,
	    413, "more than 3 fields" },
	{ "a form that cannot be decoded", "POST", "/page", 1, FORM, 1,
	    "a=%zz", 1, 0, 400, "%" },
	{ "no form", "POST", "/page", 1, "content-type: application/xml\n", 1,
	    "<a/>", 1, 0, 415, "a body that is no form" },
	{ "a form in another charset", "POST", "/page", 1,
	    "content-type: application/x-www-form-urlencoded; "
	    "charset=iso-8859-1\n", 1, "a=b", 1, 0, 415, "charset" },
	{ "a form that breaks off", "POST", "/page", 1, FORM, 1, "a=b", 1, CUT,
	    400, "cut short" },
	{ "a form that comes too slowly", "POST", "/page", 1, FORM, 1, "a=b",
	    1, SLOW, 408, "cut short" },
	{ "a form that inflates", "POST", "/page", 1,
	    FORM "content-encoding: gzip\n", 1, "a=b&", 300, ZIPPED,
	    413, "inflates to more" },
	{ "a form that does not", "POST", "/page", 1,
	    FORM "content-encoding: gzip\n", 1, "a=b", 1, 0, 400, "" },
	{ "an encoding nobody knows", "POST", "/page", 1,
	    FORM "content-encoding: br\n", 1, "a=b", 1, 0,
	    415, "Content-Encoding" },

	{ "no JSON", "POST", "/page", 1, JSON, 1, "{\"a\":", 1, 0,
	    400, "no JSON" },
	{ "JSON with a key twice", "POST", "/page", 1, JSON, 1,
	    "{\"a\":1,\"a\":2}", 1, 0, 400, "byte 10: duplicate key" },
	{ "deep JSON", "POST", "/page", 1, JSON, 1, "[", 65, 0,
	    400, "nested too deep" },
	{ "JSON that is no document", "POST", "/page", 1, JSON, 1, "1", 1, 0,
	    400, "no JSON object" },
	{ "large JSON", "POST", "/page", 1, JSON, 1, "          ", 101, 0,
	    413, "1000 bytes" },
	{ "JSON in another charset", "POST", "/page", 1,
	    "content-type: application/json; charset=latin1\n", 1, "{}", 1, 0,
	    415, "charset" },
	{ "text that is none", "POST", "/page", 1,
	    "content-type: text/plain\n", 1, "\xff", 1, 0, 400, "no UTF-8" },

	{ "an upload without a boundary", "POST", "/page", 1,
	    "content-type: multipart/form-data\n", 1, "x", 1, 0, 400, "" },
	{ "an upload that is none", "POST", "/page", 1, UPLOAD, 1, "x", 1, 0,
	    400, "" },
	{ "an upload that breaks off", "POST", "/page", 1, UPLOAD, 1, PART, 1,
	    CUT, 400, "cut short" },
	{ "an upload that comes too slowly", "POST", "/page", 1, UPLOAD, 1,
	    PART, 1, SLOW, 408, "cut short" },
	{ "an upload of many fields", "POST", "/page", 1, UPLOAD, 1,
	    PART "b\r\n" PART "b\r\n", 1, 0, 413, "too many" },
	{ "an upload that is large", "POST", "/page", 1, UPLOAD, 1,
	    PART "and more", 20, 0, 413, "" },
	{ "an upload of no text", "POST", "/page", 1, UPLOAD, 1,
	    PART "\xff\r\n--x--", 1, 0, 400, "no text" },
	{ "a compressed upload", "POST", "/page", 1,
	    UPLOAD "content-encoding: gzip\n", 1, PART, 1, 0,
	    415, "compressed" },
};

static char *
repeat(const char *text, int times, size_t *len)
{
	size_t each = strlen(text);
	char *all = malloc(each * (size_t)times + 1);

	ck_assert_ptr_nonnull(all);
	for (int i = 0; i < times; i++)
		memcpy(all + each * (size_t)i, text, each);
	*len = each * (size_t)times;
	all[*len] = '\0';
	return all;
}

static int64_t
read_cut(struct tn_body *body, char *to, size_t cap, struct tn_err *err)
{
	(void)body;
	(void)to;
	(void)cap;
	return tn_err_set(err, TN_E_IO, "gone");
}

static int64_t
read_slow(struct tn_body *body, char *to, size_t cap, struct tn_err *err)
{
	(void)body;
	(void)to;
	(void)cap;
	return tn_err_set(err, TN_E_TIMEOUT, "late");
}

static struct tn_slice
zip(char *text, size_t *len)
{
	static unsigned char out[4096];
	z_stream z = { .next_in = (Bytef *)text, .avail_in = (uInt)*len,
		.next_out = out, .avail_out = sizeof(out) };

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return tn_slice(out, sizeof(out) - z.avail_out);
}

static void
send_it(const struct refusal *r)
{
	size_t target_len, headers_len, body_len = 0;
	char *target = repeat(r->target, r->target_times, &target_len);
	char *headers = repeat(r->headers, r->header_times, &headers_len);
	char *body = r->body == NULL ? NULL :
	    repeat(r->body, r->body_times, &body_len);
	struct tn_slice sent = body == NULL ? TN_SLICE_NONE :
	    r->how == ZIPPED ? zip(body, &body_len) : tn_slice(body, body_len);

	h.cgi.base_path = r->how == BELOW_BASE ? TN_SLICE("/app") :
	    TN_SLICE_NONE;
	tn_harness_begin(&h, r->method, target, headers, sent);
	if (r->how == CUT)
		h.reader.read = read_cut;
	if (r->how == SLOW)
		h.reader.read = read_slow;
	tn_harness_finish(&h);
	free(body);
	free(headers);
	free(target);
}

/* All that was logged since the last time. */
static void
take_log(char text[TEXT])
{
	int fd = open(log_name, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, TEXT - 1);

	close(fd);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(ftruncate(the_log.fd, 0), 0);
}

START_TEST(refused_and_logged)
{
	const struct refusal *r = &refusals[_i];
	char text[TEXT], status[32], *line, *end;

	if (r->status == 429)
		send_it(r);		/* the first is let through */
	take_log(text);
	send_it(r);
	ck_assert_msg(h.status == r->status, "%s: %d", r->name, h.status);
	take_log(text);
	line = strstr(text, r->status == 429 ? "rate.limited" : "web.error");
	ck_assert_msg(line != NULL, "%s: no line in \"%s\"", r->name, text);
	end = strchr(line, '\n');
	ck_assert_ptr_nonnull(end);
	ck_assert_msg(end[1] == '\0', "%s: more than one line", r->name);
	ck_assert_msg(strstr(line, r->reason) != NULL, "%s: %s", r->name,
	    line);
	ck_assert_ptr_nonnull(strstr(line, "address=127.0.0.1"));
	ck_assert_ptr_nonnull(strstr(line, "id="));
	if (r->status == 429)
		return;
	snprintf(status, sizeof(status), "status=%d reason=", r->status);
	ck_assert_msg(strstr(line, status) != NULL, "%s: %s", r->name, line);
	ck_assert_ptr_null(strstr(line, "reason=\"\""));
	ck_assert_ptr_null(strstr(line, "method=0"));	/* said, if wrong */
	/* which is for us alone */
	ck_assert_msg(r->reason[0] == '\0' || r->status == 404 ||
	    !tn_harness_shows(&h, r->reason), "%s: \"%.*s\"", r->name,
	    TN_SLICE_ARG(h.body));
}
END_TEST

static Suite *
refusals_suite(void)
{
	Suite *s = suite_create("refusals");
	TCase *tc = tcase_create("refusals");

	redis_server_or_skip();
	tcase_set_timeout(tc, 20);
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, refused_and_logged, 0,
	    sizeof(refusals) / sizeof(*refusals));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(refusals_suite)
