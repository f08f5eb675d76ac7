/* What is kept of the request that began a connection. */
#include "config.h"

#include "io/handshake.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "io/io.h"
#include "io/socket.h"

#define S(s) TN_SLICE(s)
#define PATH "/socket.io/?EIO=4&transport=websocket"

static struct tn_wheel wheel;
static struct tn_io *io;
static struct tn_socket *last;
static struct tn_wire wire;

static void
on_connection(struct tn_socket *s, void *arg)
{
	(void)arg;
	last = s;
}

static void
wake(struct tn_wire *w)
{
	(void)w;
}

static void
setup(void)
{
	static const char *const origins[] = { "https://a.example" };
	const struct tn_io_options options = {
		.engine = { .origins = origins, .norigins = 1 },
	};

	tn_random_start(NULL);
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000000), 0);
	io = tn_io_new(&options, &wheel, NULL, NULL);
	ck_assert_ptr_nonnull(io);
	tn_ns_on_connection(tn_io_of(io, "/"), on_connection, NULL);
	last = NULL;
	wire = (struct tn_wire){ .wake = wake };
}

static void
teardown(void)
{
	tn_io_free(&io);
	tn_outq_fini(&wire.out);
	tn_wheel_fini(&wheel);
}

/* headers: pairs, ended by NULL */
static struct tn_io_request
request_of(const char *target, const char *const headers[8],
    struct tn_pair pairs[4], bool is_secure)
{
	struct tn_io_request request = {
		.method = S("GET"), .target = tn_slice_str(target),
		.headers = pairs, .address = S("192.0.2.1"),
		.secure = is_secure, .is_upgrade = true,
	};

	for (size_t i = 0; i < 8 && headers[i] != NULL; i += 2)
		pairs[request.nheaders++] = (struct tn_pair){
			tn_slice_str(headers[i]),
			tn_slice_str(headers[i + 1]) };
	return request;
}

static const struct {
	const char *name, *target;
	const char *headers[8];
	bool is_secure, is_xdomain;
} sockets[] = {
	{ "plain", PATH, { "host", "a.example" }, false, false },
	{ "over TLS", PATH, { "host", "a.example" }, true, false },
	{ "of a page", PATH, { "host", "a.example", "origin",
	    "https://a.example" }, true, true },
	{ "with a query", PATH "&a=1&b=%20&a=2", { "host", "a.example" },
	    false, false },
	{ "with a cookie", PATH, { "host", "a.example", "cookie", "sid=1",
	    "authorization", "Basic x" }, false, false },
};

START_TEST(socket_tells_of_its_handshake)
{
	struct tn_pair pairs[4];
	struct tn_io_request request = request_of(sockets[_i].target,
	    sockets[_i].headers, pairs, sockets[_i].is_secure);
	struct tn_buf out;

	tn_engine_wire_open(tn_io_engine(io), &request, &wire);
	tn_engine_wire_message(tn_io_engine(io), &wire, false,
	    S("40{\"token\":1}"));
	ck_assert_msg(last != NULL, "%s", sockets[_i].name);
	ck_assert(tn_slice_is(tn_socket_url(last), sockets[_i].target));
	ck_assert(tn_slice_is(tn_socket_address(last), "192.0.2.1"));
	ck_assert(tn_socket_is_secure(last) == sockets[_i].is_secure);
	ck_assert_msg(tn_socket_is_xdomain(last) == sockets[_i].is_xdomain,
	    "%s", sockets[_i].name);
	ck_assert(tn_slice_is(tn_socket_header(last, "host"), "a.example"));
	ck_assert(tn_slice_is(tn_socket_auth(last), "{\"token\":1}"));
	ck_assert_int_gt(tn_socket_issued_ms(last), INT64_C(1500000000000));
	tn_buf_init(&out, 4096);
	tn_socket_write_handshake(last, &out);
	ck_assert_int_eq(tn_json_scan(tn_buf_view(&out), NULL, NULL), 0);
	tn_buf_char(&out, '\0');
	ck_assert(strstr(out.ptr, sockets[_i].is_secure ? "\"secure\":true" :
	    "\"secure\":false") != NULL);
	ck_assert(strstr(out.ptr, sockets[_i].is_xdomain ? "\"xdomain\":true" :
	    "\"xdomain\":false") != NULL);
	/* other nodes have no use for them */
	ck_assert_ptr_null(strstr(out.ptr, "sid=1"));
	ck_assert_ptr_null(strstr(out.ptr, "Basic"));
	tn_buf_fini(&out);
}
END_TEST

static const struct {
	const char *name, *query, *asked;
	int found;
	const char *value;
} queries[] = {
	{ "a name", "?a=1", "a", 1, "1" },
	{ "the last counts", "?a=1&b=2&a=3", "a", 1, "3" },
	{ "decoded", "?a=%C3%A9+b%26", "a", 1, "\xc3\xa9 b&" },
	{ "a name that is encoded", "?%61=1", "a", 1, "1" },
	{ "an empty value", "?a=", "a", 1, "" },
	{ "no value", "?a&b=1", "a", 1, "" },
	{ "another case", "?A=1", "a", 0, NULL },
	{ "part of a name", "?ab=1", "a", 0, NULL },
	{ "not there", "?b=1", "a", 0, NULL },
	{ "no query", "", "a", 0, NULL },
	{ "an empty query", "?", "a", 0, NULL },
};

START_TEST(query_is_asked_for_a_name)
{
	static const char *const none[8] = { NULL };
	struct tn_handshake *handshake;
	struct tn_pair pairs[4];
	struct tn_io_request request;
	struct tn_arena arena;
	struct tn_slice value;
	char target[64];

	snprintf(target, sizeof(target), "/socket.io/%s", queries[_i].query);
	request = request_of(target, none, pairs, false);
	handshake = tn_handshake_new(&request, 5);
	ck_assert_int_eq(tn_handshake_issued_ms(handshake), 5);
	tn_arena_init(&arena, 1 << 16);
	ck_assert_msg(tn_handshake_query(handshake, queries[_i].asked, &arena,
	    &value) == queries[_i].found, "%s", queries[_i].name);
	if (queries[_i].found)
		ck_assert_msg(tn_slice_is(value, queries[_i].value),
		    "%s: %.*s", queries[_i].name, TN_SLICE_ARG(value));
	tn_arena_fini(&arena);
	tn_arena_init(&arena, 0);		/* no room */
	if (queries[_i].query[0] != '\0' && queries[_i].query[1] != '\0')
		ck_assert_int_eq(tn_handshake_query(handshake,
		    queries[_i].asked, &arena, &value), TN_E_NOMEM);
	tn_arena_fini(&arena);
	tn_handshake_free(&handshake);
	tn_handshake_free(&handshake);
}
END_TEST

START_TEST(headers_are_found_and_copied)
{
	static const char *const headers[8] = { "x-a", "1", "x-a", "2",
		"x-b", "" };
	struct tn_pair pairs[4];
	char target[] = PATH;
	struct tn_io_request request = request_of(target, headers, pairs,
	    true);
	struct tn_handshake *handshake = tn_handshake_new(&request, 0);

	memset(target, 'x', sizeof(target) - 1);	/* it has a copy */
	ck_assert(tn_slice_is(tn_handshake_header(handshake, "x-a"), "1"));
	ck_assert(tn_slice_is(tn_handshake_header(handshake, "x-b"), ""));
	ck_assert_ptr_nonnull(tn_handshake_header(handshake, "x-b").ptr);
	ck_assert_ptr_null(tn_handshake_header(handshake, "x-c").ptr);
	ck_assert_ptr_null(tn_handshake_header(handshake, "x").ptr);
	ck_assert(tn_slice_is(tn_handshake_target(handshake), PATH));
	ck_assert(tn_slice_is(tn_handshake_address(handshake), "192.0.2.1"));
	ck_assert(tn_handshake_is_secure(handshake));
	tn_handshake_free(&handshake);
	tn_alloc_fail_at(1);
	handshake = tn_handshake_new(&request, 0);
	ck_assert(tn_alloc_end());
	ck_assert_ptr_null(handshake);
}
END_TEST

static const struct { enum tn_close_reason reason; const char *text; }
reasons[] = {		/* the words of engine.io and socket.io */
	{ TN_CLOSE_TRANSPORT_ERROR, "transport error" },
	{ TN_CLOSE_TRANSPORT_CLOSE, "transport close" },
	{ TN_CLOSE_PING_TIMEOUT, "ping timeout" },
	{ TN_CLOSE_PARSE_ERROR, "parse error" },
	{ TN_CLOSE_FORCED_CLOSE, "forced close" },
	{ TN_CLOSE_SHUTTING_DOWN, "server shutting down" },
};

START_TEST(reason_has_the_references_words)
{
	ck_assert_str_eq(tn_close_reason_text(reasons[_i].reason),
	    reasons[_i].text);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("handshake");
	TCase *tc = tcase_create("handshake");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, socket_tells_of_its_handshake, 0,
	    ROWS(sockets));
	tcase_add_loop_test(tc, query_is_asked_for_a_name, 0, ROWS(queries));
	tcase_add_test(tc, headers_are_found_and_copied);
	tcase_add_loop_test(tc, reason_has_the_references_words, 0,
	    ROWS(reasons));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
