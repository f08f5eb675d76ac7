#include "config.h"

#include "web/cgi.h"

#include <stdio.h>

#include "check_alloc.h"
#include "check_main.h"
#include "web_rig.h"
#include "web/trust_proxy.h"

static struct tn_exchange x;

static void
begin(void)
{
	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
}

static void
end(void)
{
	tn_exchange_fini(&x);
}

static const struct {
	const char *name, *target, *path, *query;	/* path NULL: refused */
} paths[] = {
	{ "the root", "/", "/", "" },
	{ "a plain path", "/a/b", "/a/b", "" },
	{ "the query is cut off and stays raw", "/a?x=%41&y", "/a", "x=%41&y" },
	{ "a second '?' is the query's", "/a?b?c", "/a", "b?c" },
	{ "an escape is decoded", "/a%20b", "/a b", "" },
	{ "decoded once", "/a%2541", "/a%41", "" },
	{ "small and big hex digits", "/%c3%A9", "/\xc3\xa9", "" },
	{ "an encoded slash is a slash", "/a%2Fb", "/a/b", "" },
	{ "slashes are not merged", "/a//b", "/a//b", "" },
	{ "plus is no space", "/a+b", "/a+b", "" },
	{ "three dots are a name", "/.../a", "/.../a", "" },
	{ "a hidden name is a name", "/.git", "/.git", "" },
	{ "absolute form", "http://host/a?b", "/a", "b" },
	{ "absolute form, big letters", "HTTPS://host:1/a", "/a", "" },
	{ "absolute form without a path", "http://host", "/", "" },
	{ "absolute form, query alone", "http://host?q", "/", "q" },
	{ "a colon in a path is no scheme", "/http://x", "/http://x", "" },

	{ "nothing", "", NULL, NULL },
	{ "the query alone", "?a", NULL, NULL },
	{ "no slash in front", "a", NULL, NULL },
	{ "the star of OPTIONS", "*", NULL, NULL },
	{ "another scheme", "ftp://host/a", NULL, NULL },
	{ "two dots", "/a/../b", NULL, NULL },
	{ "two dots at the end", "/a/..", NULL, NULL },
	{ "two dots encoded", "/%2e%2E/etc/passwd", NULL, NULL },
	{ "two dots, one encoded", "/a/.%2e/b", NULL, NULL },
	{ "two dots behind an encoded slash", "/a%2f..%2fb", NULL, NULL },
	{ "one dot", "/a/./b", NULL, NULL },
	{ "one dot encoded", "/%2e/b", NULL, NULL },
	{ "dots of an absolute form", "http://host/../a", NULL, NULL },
	{ "NUL", "/a%00.html", NULL, NULL },
	{ "a line end", "/a%0d%0ab", NULL, NULL },
	{ "a raw control character", "/a\x01", NULL, NULL },
	{ "DEL", "/%7f", NULL, NULL },
	{ "a lone percent", "/a%", NULL, NULL },
	{ "half an escape", "/a%4", NULL, NULL },
	{ "no hex", "/a%zz", NULL, NULL },
	{ "no UTF-8", "/%ff", NULL, NULL },
	{ "overlong slash and dots", "/%c0%ae%c0%ae%c0%af", NULL, NULL },
	{ "a lone surrogate", "/%ed%a0%80", NULL, NULL },
};

START_TEST(path_is_canonical)
{
	struct tn_slice path, query;
	struct tn_err err;
	int rc;

	begin();
	rc = tn_cgi_path(tn_slice_str(paths[_i].target), &x.arena, &path,
	    &query, &err);
	if (paths[_i].path == NULL) {
		ck_assert_msg(rc == TN_E_SYNTAX, "%s: %d", paths[_i].name, rc);
	} else {
		ck_assert_msg(rc == 0, "%s: %s", paths[_i].name, err.text);
		ck_assert_msg(tn_slice_is(path, paths[_i].path), "%s: %.*s",
		    paths[_i].name, TN_SLICE_ARG(path));
		ck_assert_msg(tn_slice_is(query, paths[_i].query), "%s",
		    paths[_i].name);
	}
	end();
}
END_TEST

START_TEST(path_may_be_as_long_as_the_limit)
{
	char target[TN_LIMIT_PATH_BYTES + 2];
	struct tn_slice path, query;

	begin();
	memset(target, 'a', sizeof(target));
	target[0] = '/';
	ck_assert_int_eq(tn_cgi_path(tn_slice(target, TN_LIMIT_PATH_BYTES),
	    &x.arena, &path, &query, NULL), 0);
	ck_assert_int_eq(tn_cgi_path(tn_slice(target, TN_LIMIT_PATH_BYTES + 1),
	    &x.arena, &path, &query, NULL), TN_E_LIMIT);
	end();
}
END_TEST

#define GET "REQUEST_METHOD=GET", "REQUEST_URI=/"

/* What a request of these words is refused with; 0: it is not. */
static const struct {
	const char *name;
	const char *words[6];
	int status;
} requests[] = {
	{ "all there", { GET, "HTTP_HOST=a.example:80" }, 0 },
	{ "no Host", { GET }, 0 },
	{ "no method", { "REQUEST_URI=/" }, 400 },
	{ "a method with a space", { "REQUEST_METHOD=GET /", "REQUEST_URI=/" },
	    400 },
	{ "no target", { "REQUEST_METHOD=GET" }, 400 },
	{ "nothing at all", { NULL }, 400 },
	{ "a word without '='", { GET, "HTTP_X" }, 0 },
	{ "a header that ends the line in Host", { GET, "HTTP_HOST=a\r\nb" },
	    400 },
	{ "a Host with a path", { GET, "HTTP_HOST=a/b" }, 400 },
	{ "a Host with a user", { GET, "HTTP_HOST=a@b" }, 400 },
	{ "an IPv6 Host", { GET, "HTTP_HOST=[::1]:8080" }, 0 },
};

START_TEST(request_is_read_or_refused)
{
	char *words[7] = { NULL };
	int rc;

	for (int i = 0; i < 6; i++)
		words[i] = (char *)(uintptr_t)requests[_i].words[i];
	begin();
	rc = tn_cgi_read(&x.req, words, NULL);
	ck_assert_msg(requests[_i].status == 0 ? rc == 0 : rc < 0, "%s: %d",
	    requests[_i].name, rc);
	ck_assert_msg(x.req.err_status == requests[_i].status, "%s: %d",
	    requests[_i].name, x.req.err_status);
	ck_assert(rc == x.req.err.code);
	end();
}
END_TEST

static int
read_words(char **words, const struct tn_cgi_options *options)
{
	tn_exchange_begin(&x, NULL, NULL);
	return tn_cgi_read(&x.req, words, options);
}

START_TEST(headers_are_found_in_any_case)
{
	char *words[] = { GET, "HTTP_USER_AGENT=curl", "CONTENT_TYPE=text/a; b",
		"CONTENT_LENGTH=-1", "HTTP_PROXY=http://evil", "HTTP_X_A=1",
		"SERVER_NAME=x", NULL };

	begin();
	ck_assert_int_eq(read_words(words, NULL), 0);
	ck_slice(tn_req_header(&x.req, "User-Agent"), "curl");
	ck_slice(tn_req_header(&x.req, "user-agent"), "curl");
	ck_slice(tn_req_header(&x.req, "content-type"), "text/a; b");
	ck_slice(tn_req_header(&x.req, "content-length"), "-1");
	ck_slice(tn_req_header(&x.req, "x-a"), "1");
	ck_slice(tn_req_header(&x.req, "proxy"), NULL);
	ck_slice(tn_req_header(&x.req, "server-name"), NULL);
	ck_slice(tn_req_header(&x.req, "user-agen"), NULL);
	ck_assert(tn_req_is(&x.req, "TEXT/a"));
	ck_assert(!tn_req_is(&x.req, "text/ab"));
	ck_assert_uint_eq(strlen(x.req.id), 16);
	end();
}
END_TEST

START_TEST(cookies_given_several_times_are_joined)
{
	char *words[] = { GET, "HTTP_COOKIE=a=1", "HTTP_COOKIE=b=2; c=3",
		"HTTP_COOKIE=a=4", NULL };

	begin();
	ck_assert_int_eq(read_words(words, NULL), 0);
	ck_slice(tn_req_header(&x.req, "cookie"), "a=1; b=2; c=3; a=4");
	ck_slice(tn_req_cookie(&x.req, "a"), "1");
	ck_slice(tn_req_cookie(&x.req, "c"), "3");
	ck_slice(tn_req_cookie(&x.req, "d"), NULL);
	end();
}
END_TEST

/* A session that is left out for its length is another's by the next answer. */
START_TEST(cookies_that_are_too_long_are_refused)
{
	static char first[TN_LIMIT_COOKIE_BYTES + 32];
	char *words[] = { GET, first, NULL, NULL };
	size_t n;

	for (size_t i = 0; i < 6; i++) {
		size_t other = i < 3 ? 0 : 5;	/* "; b=1" */

		words[3] = other == 0 ? NULL : (char *)(uintptr_t)
		    "HTTP_COOKIE=b=1";
		n = (size_t)snprintf(first, sizeof(first), "HTTP_COOKIE=a=");
		memset(first + n, 'x', sizeof(first) - n);
		first[n + TN_LIMIT_COOKIE_BYTES - 3 - other + i % 3] = '\0';
		begin();
		ck_assert_int_eq(read_words(words, NULL), i % 3 == 2 ?
		    TN_E_LIMIT : 0);
		ck_assert_int_eq(x.req.err_status, i % 3 == 2 ? 431 : 0);
		ck_assert(i % 3 == 2 || tn_req_cookie(&x.req, "a").len > 0);
		end();
	}
}
END_TEST

START_TEST(query_variables_are_decoded)
{
	char *words[] = { "REQUEST_METHOD=GET",
		"REQUEST_URI=/a?x=1&y=a%20b+c&x=2&z", NULL };
	char *bad[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/a?x=%zz", NULL };

	begin();
	ck_assert_int_eq(read_words(words, NULL), 0);
	ck_slice(tn_req_query(&x.req, "x"), "2");
	ck_slice(tn_req_query(&x.req, "y"), "a b c");
	ck_slice(tn_req_query(&x.req, "z"), "");
	ck_slice(tn_req_query(&x.req, "w"), NULL);
	ck_assert_int_eq(read_words(bad, NULL), TN_E_SYNTAX);
	ck_assert_int_eq(x.req.err_status, 400);
	ck_slice(tn_req_query(&x.req, "x"), NULL);
	end();
}
END_TEST

static const struct {
	const char *name, *base, *target, *path;	/* NULL: 404 */
} bases[] = {
	{ "below it", "/app", "/app/a", "/a" },
	{ "at it", "/app", "/app", "/" },
	{ "at it with a slash", "/app", "/app/", "/" },
	{ "a longer name", "/app", "/apple", NULL },
	{ "elsewhere", "/app", "/a", NULL },
	{ "encoded, it is the same", "/app", "/%61pp/a", "/a" },
};

START_TEST(base_path_is_cut_off)
{
	char target[64];
	char *words[] = { "REQUEST_METHOD=GET", target, NULL };
	struct tn_cgi_options options = {
		.base_path = tn_slice_str(bases[_i].base),
	};
	int rc;

	snprintf(target, sizeof(target), "REQUEST_URI=%s", bases[_i].target);
	begin();
	rc = read_words(words, &options);
	if (bases[_i].path != NULL)
		ck_slice(x.req.path, bases[_i].path);
	else
		ck_assert_msg(rc < 0 && x.req.err_status == 404, "%s",
		    bases[_i].name);
	end();
}
END_TEST

static const struct {
	const char *name, *peer, *chain, *client;
} clients[] = {
	{ "a peer that is no proxy is the client", "192.0.2.9", "192.0.2.1",
	    "192.0.2.9" },
	{ "a proxy names the client", "10.0.0.1", "192.0.2.1", "192.0.2.1" },
	{ "the rightmost counts", "10.0.0.1", "192.0.2.7, 192.0.2.1",
	    "192.0.2.1" },
	{ "proxies of ours are passed over", "10.0.0.1",
	    "192.0.2.7, 192.0.2.1, 10.0.0.2", "192.0.2.1" },
	{ "junk stops the search", "10.0.0.1", "192.0.2.7, junk, 10.0.0.2",
	    "10.0.0.2" },
	{ "no chain", "10.0.0.1", NULL, "10.0.0.1" },
	{ "an empty chain", "10.0.0.1", "", "10.0.0.1" },
	{ "only commas", "10.0.0.1", ",,", "10.0.0.1" },
	{ "IPv6", "10.0.0.1", "2001:db8::1", "2001:db8::1" },
	{ "a peer that is no address", "unix:", NULL, "" },
};

START_TEST(client_is_who_a_trusted_proxy_says)
{
	static const char *const proxies[] = { "10.0.0.1", "10.0.0.2" };
	struct tn_cgi_options options = {
		.address_header = "x-forwarded-for",
		.trusted_proxies = proxies, .ntrusted = 2,
	};
	char peer[64], chain[128];
	char *words[] = { GET, peer, chain, NULL };

	snprintf(peer, sizeof(peer), "REMOTE_ADDR=%s", clients[_i].peer);
	snprintf(chain, sizeof(chain), "HTTP_X_FORWARDED_FOR=%s",
	    clients[_i].chain == NULL ? "" : clients[_i].chain);
	if (clients[_i].chain == NULL)
		words[3] = NULL;
	begin();
	ck_assert_int_eq(read_words(words, &options), 0);
	ck_slice(x.req.address, clients[_i].client);
	options.address_header = NULL;
	ck_assert_int_eq(read_words(words, &options), 0);
	ck_slice(x.req.address, _i == 9 ? "" : clients[_i].peer);
	end();
}
END_TEST

static const struct {
	const char *name, *first, *second, *header, *value;
} repeated[] = {
	{ "a list goes on", "ACCEPT=text/html", "ACCEPT=text/plain;q=0.5",
	    "accept", "text/html, text/plain;q=0.5" },
	{ "tags", "IF_NONE_MATCH=\"a\"", "IF_NONE_MATCH=\"b\"",
	    "if-none-match", "\"a\", \"b\"" },
	{ "a header of the site's own", "X_A=1", "X_A=2", "x-a", "1, 2" },
	{ "nothing in the first", "X_A=", "X_A=2", "x-a", ", 2" },
	{ "one user agent", "USER_AGENT=a", "USER_AGENT=b", "user-agent",
	    "a" },
	{ "one credential", "AUTHORIZATION=a", "AUTHORIZATION=b",
	    "authorization", "a" },
	{ "one date", "IF_MODIFIED_SINCE=a", "IF_MODIFIED_SINCE=b",
	    "if-modified-since", "a" },
};

/* As Node joins what IncomingMessage has in several lines. */
START_TEST(header_in_several_lines_is_one)
{
	char first[64], second[64];
	char *words[] = { GET, first, (char *)(uintptr_t)"HTTP_X_B=3", second,
		(char *)(uintptr_t)"HTTP_X_C=4", NULL };

	snprintf(first, sizeof(first), "HTTP_%s", repeated[_i].first);
	snprintf(second, sizeof(second), "HTTP_%s", repeated[_i].second);
	begin();
	ck_assert_int_eq(read_words(words, NULL), 0);
	ck_slice(tn_req_header(&x.req, repeated[_i].header),
	    repeated[_i].value);
	ck_slice(tn_req_header(&x.req, "x-b"), "3");
	ck_slice(tn_req_header(&x.req, "x-c"), "4");
	end();
}
END_TEST

START_TEST(header_in_several_lines_without_memory_is_500)
{
	char *words[] = { GET, (char *)(uintptr_t)"HTTP_X_A=1",
		(char *)(uintptr_t)"HTTP_X_A=2", NULL };

	bool failed = true;

	tn_exchange_init(&x, 1);
	tn_exchange_begin(&x, NULL, NULL);
	ck_assert_int_eq(read_words(words, NULL), TN_E_NOMEM);
	ck_assert_int_eq(x.req.err_status, 500);
	end();
	for (unsigned n = 1; failed; n++) {
		int rc;

		begin();
		tn_alloc_fail_at(n);
		rc = read_words(words, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(rc == (failed ? TN_E_NOMEM : 0), "%u: %d", n,
		    rc);
		end();
	}
}
END_TEST

/*
 * A proxy that adds a line of its own has the last word, not the client with
 * the line that it sent.
 */
START_TEST(client_is_no_line_of_its_own)
{
	static const char *const proxies[] = { "10.0.0.1" };
	struct tn_cgi_options options = {
		.address_header = "x-forwarded-for",
		.trusted_proxies = proxies, .ntrusted = 1,
	};
	struct tn_trust trust;
	char *words[] = { GET, (char *)(uintptr_t)"REMOTE_ADDR=10.0.0.1",
		(char *)(uintptr_t)"HTTP_X_FORWARDED_FOR=192.0.2.7",
		(char *)(uintptr_t)"HTTP_X_FORWARDED_FOR=192.0.2.1", NULL };

	begin();
	ck_assert_int_eq(read_words(words, &options), 0);
	ck_slice(x.req.address, "192.0.2.1");
	end();
	begin();
	ck_assert_int_eq(tn_trust_init(&trust, "10.0.0.1", NULL), 0);
	options = (struct tn_cgi_options){ .trust = &trust };
	ck_assert_int_eq(read_words(words, &options), 0);
	ck_slice(x.req.address, "192.0.2.1");
	end();
}
END_TEST

static const struct {
	const char *name, *https, *host, *configured, *origin;
} origins[] = {
	{ "plain", "off", "a.example", NULL, "http://a.example" },
	{ "a default port is dropped", "off", "a.example:80", NULL,
	    "http://a.example" },
	{ "TLS", "on", "a.example:443", NULL, "https://a.example" },
	{ "another port stays", "on", "a.example:80", NULL,
	    "https://a.example:80" },
	{ "as configured", "off", "inner", "https://a.example",
	    "https://a.example" },
	{ "no host", "off", "", NULL, "" },
};

START_TEST(origin_is_as_browsers_write_it)
{
	char https[32], host[64];
	char *words[] = { GET, https, host, NULL };
	struct tn_cgi_options options = {
		.origin = tn_slice_str(origins[_i].configured),
	};

	snprintf(https, sizeof(https), "HTTPS=%s", origins[_i].https);
	snprintf(host, sizeof(host), "HTTP_HOST=%s", origins[_i].host);
	begin();
	ck_assert_int_eq(read_words(words, &options), 0);
	ck_slice(tn_req_origin(&x.req), origins[_i].origin);
	end();
}
END_TEST

/* n headers of one byte each; total pads the last to so many bytes in all. */
static int
read_many(size_t n, size_t total)
{
	static char pool[TN_LIMIT_HEADER_BYTES + 16];
	char *words[TN_LIMIT_HEADER_COUNT + 8] = { GET };
	size_t used = strlen(words[0]) + strlen(words[1]);
	size_t w = 2;

	for (; w < n + 2; w++) {
		words[w] = "HTTP_A=1";
		used += strlen(words[w]);
	}
	if (total > used) {
		memset(pool, 'a', sizeof(pool));
		memcpy(pool, "HTTP_B=", 7);
		pool[total - used] = '\0';
		words[w++] = pool;
	}
	words[w] = NULL;
	return read_words(words, NULL);
}

START_TEST(headers_are_bounded_in_count_and_size)
{
	begin();
	ck_assert_int_eq(read_many(TN_LIMIT_HEADER_COUNT, 0), 0);
	ck_assert_int_eq(read_many(TN_LIMIT_HEADER_COUNT + 1, 0), TN_E_LIMIT);
	ck_assert_int_eq(x.req.err_status, 431);
	ck_assert_int_eq(read_many(1, TN_LIMIT_HEADER_BYTES), 0);
	ck_assert_int_eq(read_many(1, TN_LIMIT_HEADER_BYTES + 1), TN_E_LIMIT);
	ck_assert_int_eq(x.req.err_status, 431);
	end();
}
END_TEST

START_TEST(locals_are_found_by_address)
{
	static char keys[TN_LIMIT_LOCALS + 1];

	begin();
	for (size_t i = 0; i < TN_LIMIT_LOCALS; i++)
		ck_assert_int_eq(tn_req_set_local(&x.req, &keys[i],
		    &keys[i]), 0);
	ck_assert_int_eq(tn_req_set_local(&x.req, &keys[0], &keys[1]), 0);
	ck_assert_int_eq(tn_req_set_local(&x.req, &keys[TN_LIMIT_LOCALS],
	    NULL), TN_E_LIMIT);
	ck_assert_ptr_eq(tn_req_local(&x.req, &keys[0]), &keys[1]);
	ck_assert_ptr_eq(tn_req_local(&x.req, &keys[5]), &keys[5]);
	ck_assert_ptr_null(tn_req_local(&x.req, &x));
	end();
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("request");
	TCase *tc = tcase_create("cgi");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_loop_test(tc, path_is_canonical, 0, ROWS(paths));
	tcase_add_test(tc, path_may_be_as_long_as_the_limit);
	tcase_add_loop_test(tc, request_is_read_or_refused, 0, ROWS(requests));
	tcase_add_test(tc, headers_are_found_in_any_case);
	tcase_add_test(tc, cookies_given_several_times_are_joined);
	tcase_add_test(tc, cookies_that_are_too_long_are_refused);
	tcase_add_test(tc, query_variables_are_decoded);
	tcase_add_loop_test(tc, base_path_is_cut_off, 0, ROWS(bases));
	tcase_add_loop_test(tc, header_in_several_lines_is_one, 0,
	    ROWS(repeated));
	tcase_add_test(tc, header_in_several_lines_without_memory_is_500);
	tcase_add_test(tc, client_is_no_line_of_its_own);
	tcase_add_loop_test(tc, client_is_who_a_trusted_proxy_says, 0,
	    ROWS(clients));
	tcase_add_loop_test(tc, origin_is_as_browsers_write_it, 0,
	    ROWS(origins));
	tcase_add_test(tc, headers_are_bounded_in_count_and_size);
	tcase_add_test(tc, locals_are_found_by_address);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
