/* Engine.IO: which requests are refused, and how a session begins. */
#include "config.h"

#include "io/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#include "check_main.h"
#include "engine_rig.h"
#include "io/ws_deflate.h"

#define HANDSHAKE "/socket.io/?EIO=4&transport=polling"
#define ERROR(code, text) "{\"code\":" #code ",\"message\":\"" text "\"}"

static struct rig r;

static void
start(void)
{
	rig_start(&r, NULL);
}

static void
stop(void)
{
	rig_stop(&r);
}

/* ---- What is refused (reference: verify() of engine.io 6.6) -------------- */

static const struct {
	const char *name, *method, *target, *headers, *answer;
} refusals[] = {
	{ "no transport", "GET", "/socket.io/?EIO=4", NULL,
	    "400 " ERROR(0, "Transport unknown") },
	{ "unknown transport", "GET", "/socket.io/?EIO=4&transport=flash", NULL,
	    "400 " ERROR(0, "Transport unknown") },
	{ "a name of the prototype", "GET",
	    "/socket.io/?EIO=4&transport=constructor", NULL,
	    "400 " ERROR(0, "Transport unknown") },
	{ "no query at all", "GET", "/socket.io/", NULL,
	    "400 " ERROR(0, "Transport unknown") },
	{ "the last of two transports counts", "GET",
	    HANDSHAKE "&transport=no", NULL,
	    "400 " ERROR(0, "Transport unknown") },
	{ "unknown sid", "GET", HANDSHAKE "&sid=nobody", NULL,
	    "400 " ERROR(1, "Session ID unknown") },
	{ "sid of the prototype", "GET", HANDSHAKE "&sid=__proto__", NULL,
	    "400 " ERROR(1, "Session ID unknown") },
	{ "POST without sid", "POST", HANDSHAKE, NULL,
	    "400 " ERROR(2, "Bad handshake method") },
	{ "empty sid counts as none", "POST", HANDSHAKE "&sid=", NULL,
	    "400 " ERROR(2, "Bad handshake method") },
	{ "OPTIONS without sid", "OPTIONS", HANDSHAKE, NULL,
	    "400 " ERROR(2, "Bad handshake method") },
	{ "HEAD without sid", "HEAD", HANDSHAKE, NULL,
	    "400 " ERROR(2, "Bad handshake method") },
	{ "websocket without upgrade", "GET",
	    "/socket.io/?EIO=4&transport=websocket", NULL,
	    "400 " ERROR(3, "Bad request") },
	{ "control character in Origin", "GET", HANDSHAKE,
	    "host: a.example\norigin: http://a.example\x7f",
	    "400 " ERROR(3, "Bad request") },
	{ "bad escape in the query", "GET", HANDSHAKE "&t=%zz", NULL,
	    "400 " ERROR(3, "Bad request") },
	{ "origin of another site", "GET", HANDSHAKE,
	    "host: a.example\norigin: http://b.example",
	    "403 " ERROR(4, "Forbidden") },
	{ "origin before version", "GET",
	    "/socket.io/?EIO=3&transport=polling",
	    "host: a.example\norigin: http://b.example",
	    "403 " ERROR(4, "Forbidden") },
	{ "EIO 3", "GET", "/socket.io/?EIO=3&transport=polling", NULL,
	    "400 " ERROR(5, "Unsupported protocol version") },
	{ "no EIO means 3", "GET", "/socket.io/?transport=polling", NULL,
	    "400 " ERROR(5, "Unsupported protocol version") },
	{ "EIO 04", "GET", "/socket.io/?EIO=04&transport=polling", NULL,
	    "400 " ERROR(5, "Unsupported protocol version") },
};

START_TEST(refuses)
{
	struct rig_http h;

	rig_http(&r, &h, refusals[_i].method, refusals[_i].target,
	    refusals[_i].headers, TN_SLICE_NONE);
	ck_assert_msg(strcmp(rig_answer(&h), refusals[_i].answer) == 0,
	    "%s: %s", refusals[_i].name, rig_answer(&h));
	ck_assert_str_eq(h.type, "application/json");
	ck_assert_str_eq(h.headers, "");
	ck_assert_uint_eq(tn_engine_len(r.engine), 0);
	rig_http_fini(&h);
}
END_TEST

START_TEST(refuses_the_same_on_a_websocket_as_text)
{
	static const struct tn_io_request request = {
		.method = TN_SLICE("GET"),
		.target = TN_SLICE("/socket.io/?EIO=3&transport=websocket"),
		.is_upgrade = true,
	};
	struct tn_ws_deflate terms;
	struct tn_io_reply reply;

	ck_assert(!tn_engine_may_upgrade(r.engine, &request, &terms, &reply));
	ck_assert_int_eq(reply.status, 400);
	ck_assert(reply.close);
	ck_assert(tn_slice_is(reply.type, "text/html"));
	ck_assert(tn_slice_is(reply.body, "Unsupported protocol version"));
}
END_TEST

/* ---- Origins ------------------------------------------------------------- */

static const char *const listed[] = { "https://a.example", "http://b:81" };
static const char *const any[] = { "*" };

static const struct {
	const char *name, *headers;
	const char *const *origins;
	size_t norigins;
	bool require, secure;
	int status;
} origins[] = {
	{ "none sent", "host: a.example", NULL, 0, false, false, 200 },
	{ "none sent but required", "host: a.example", NULL, 0, true, false,
	    403 },
	{ "none sent, from another site",
	    "host: a.example\nsec-fetch-site: cross-site", NULL, 0, false,
	    false, 403 },
	{ "none sent, from the own site",
	    "host: a.example\nsec-fetch-site: same-origin", NULL, 0, false,
	    false, 200 },
	{ "own", "host: a.example\norigin: http://a.example", NULL, 0, false,
	    false, 200 },
	{ "own in capitals", "host: A.Example\norigin: http://a.example", NULL,
	    0, false, false, 200 },
	{ "own with the default port",
	    "host: a.example:443\norigin: https://a.example", NULL, 0, false,
	    true, 200 },
	{ "own on another port",
	    "host: a.example:8080\norigin: http://a.example", NULL, 0, false,
	    false, 403 },
	{ "the other default port",
	    "host: a.example:443\norigin: http://a.example", NULL, 0, false,
	    false, 403 },
	{ "plain http page of a secure site",
	    "host: a.example\norigin: http://a.example", NULL, 0, false, true,
	    403 },
	{ "suffix of the host", "host: a.example\norigin: http://xa.example",
	    NULL, 0, false, false, 403 },
	{ "null", "host: a.example\norigin: null", NULL, 0, false, false,
	    403 },
	{ "no host", "origin: http://a.example", NULL, 0, false, false, 403 },
	{ "empty host in both", "origin: http://", NULL, 0, false, false,
	    403 },
	{ "listed", "host: x\norigin: https://a.example", listed, 2, false,
	    false, 200 },
	{ "the second listed", "host: x\norigin: http://b:81", listed, 2, false,
	    false, 200 },
	{ "own but not listed", "host: x\norigin: http://x", listed, 2, false,
	    false, 403 },
	{ "listed with a slash", "host: x\norigin: https://a.example/", listed,
	    2, false, false, 403 },
	{ "any", "host: x\norigin: http://y", any, 1, false, false, 200 },
};

START_TEST(looks_at_the_origin)
{
	const struct tn_engine_options options = {
		.origins = origins[_i].origins,
		.norigins = origins[_i].norigins,
		.require_origin = origins[_i].require,
	};
	struct tn_pair pairs[4];
	struct tn_slice rest = tn_slice_str(origins[_i].headers);
	struct tn_io_request request = {
		.method = TN_SLICE("GET"),
		.target = TN_SLICE("/socket.io/?EIO=4&transport=websocket"),
		.headers = pairs,
		.secure = origins[_i].secure,
		.is_upgrade = true,
	};
	struct tn_ws_deflate terms;
	struct tn_io_reply reply;
	bool may;

	stop();
	rig_start(&r, &options);
	while (rest.ptr != NULL) {
		struct tn_slice line = tn_slice_cut(&rest, '\n');

		tn_slice_split(line, ':', &pairs[request.nheaders].name,
		    &pairs[request.nheaders].value);
		request.nheaders++;
	}
	may = tn_engine_may_upgrade(r.engine, &request, &terms, &reply);
	ck_assert_msg(may == (origins[_i].status == 200), "%s",
	    origins[_i].name);
	ck_assert_uint_eq(tn_engine_counts(r.engine)->refused[4], !may);
}
END_TEST

START_TEST(lets_listed_pages_read_the_answers)
{
	const struct tn_engine_options options = {
		.origins = listed, .norigins = 2
	};
	struct rig_http h;

	stop();
	rig_start(&r, &options);
	rig_http(&r, &h, "GET", HANDSHAKE, "origin: https://a.example",
	    TN_SLICE_NONE);
	ck_assert_str_eq(h.headers, "cache-control: no-store\n"
	    "Access-Control-Allow-Origin: https://a.example\nVary: Origin\n"
	    "Access-Control-Allow-Credentials: true\n");
	rig_http_fini(&h);
	rig_http(&r, &h, "OPTIONS", HANDSHAKE, "origin: https://a.example\n"
	    "access-control-request-headers: x-a", TN_SLICE_NONE);
	ck_assert_int_eq(h.status, 204);
	ck_assert_ptr_nonnull(strstr(h.headers,
	    "Access-Control-Allow-Headers: x-a\n"));
	rig_http_fini(&h);
	rig_http(&r, &h, "OPTIONS", HANDSHAKE, "origin: https://evil",
	    TN_SLICE_NONE);
	ck_assert_int_eq(h.status, 204);
	ck_assert_ptr_null(strstr(h.headers, "Allow-Origin"));
	ck_assert_ptr_nonnull(strstr(h.headers,
	    "Vary: Origin, Access-Control-Request-Headers\n"));
	rig_http_fini(&h);
	rig_http(&r, &h, "GET", HANDSHAKE, "origin: https://evil",
	    TN_SLICE_NONE);
	ck_assert_int_eq(h.status, 403);
	ck_assert_str_eq(h.headers, "Vary: Origin\n"
	    "Access-Control-Allow-Credentials: true\n");
	rig_http_fini(&h);
}
END_TEST

START_TEST(never_combines_any_origin_with_credentials)
{
	const struct tn_engine_options options = {
		.origins = any, .norigins = 1
	};
	struct rig_http h;

	stop();
	rig_start(&r, &options);
	rig_http(&r, &h, "GET", HANDSHAKE, "origin: https://a.example",
	    TN_SLICE_NONE);
	ck_assert_str_eq(h.headers, "cache-control: no-store\n"
	    "Access-Control-Allow-Origin: *\n");
	rig_http_fini(&h);
}
END_TEST

START_TEST(sets_a_cookie_once)
{
	const struct tn_engine_options options = { .cookie = "io" };
	char expected[128];
	struct rig_http h;

	stop();
	rig_start(&r, &options);
	rig_http(&r, &h, "GET", HANDSHAKE, NULL, TN_SLICE_NONE);
	snprintf(expected, sizeof(expected), "cache-control: no-store\n"
	    "Set-Cookie: io=%s; Path=/; HttpOnly; SameSite=Lax\n",
	    tn_conn_sid(r.last));
	ck_assert_str_eq(h.headers, expected);
	rig_http_fini(&h);
	rig_post(&r, &h, tn_conn_sid(r.last), "4a");
	ck_assert_str_eq(h.headers, "cache-control: no-store\n");
	rig_http_fini(&h);
}
END_TEST

START_TEST(sends_an_initial_packet)
{
	const struct tn_engine_options options = { .initial_packet = "hi" };
	struct rig_wire w;

	stop();
	rig_start(&r, &options);
	rig_wire_open(&r, &w, NULL);
	ck_assert_ptr_nonnull(strstr(rig_wire_sent(&w), "}|4hi|"));
	rig_wire_gone(&r, &w, true);
}
END_TEST

START_TEST(refuses_a_name_that_no_cookie_has)
{
	const struct tn_engine_options options = { .cookie = "a b" };
	const struct tn_engine_hooks hooks = { 0 };
	struct tn_err err;

	ck_assert_ptr_null(tn_engine_new(&options, &hooks, &r.wheel, NULL,
	    &err));
	ck_assert_int_eq(err.code, TN_E_CONFIG);
}
END_TEST

static const struct {
	const char *path;
	bool no_slash;
	const char *target;
	bool owns;
} paths[] = {
	{ NULL, false, "/socket.io/?x", true },
	{ "/a", false, "/a/?x", true },
	{ "/a", false, "/a?x", false },
	{ "/a/", false, "/a/", true },
	{ "/a/", true, "/a?x", true },
	{ "/a", true, "/ab", true },
	{ "/a", true, "/b", false },
	{ "", false, "/", true },
};

START_TEST(knows_its_path)
{
	const struct tn_engine_options options = {
		.path = paths[_i].path,
		.no_trailing_slash = paths[_i].no_slash,
	};

	stop();
	rig_start(&r, &options);
	ck_assert(tn_engine_owns(r.engine, tn_slice_str(paths[_i].target)) ==
	    paths[_i].owns);
}
END_TEST

/* ---- Handshake ----------------------------------------------------------- */

START_TEST(opens_a_session)
{
	char expected[256];
	struct rig_http h;

	rig_http(&r, &h, "GET", HANDSHAKE, NULL, TN_SLICE_NONE);
	snprintf(expected, sizeof(expected), "200 0{\"sid\":\"%s\","
	    "\"upgrades\":[\"websocket\"],\"pingInterval\":25000,"
	    "\"pingTimeout\":20000,\"maxPayload\":1000000}",
	    tn_conn_sid(r.last));
	ck_assert_str_eq(rig_answer(&h), expected);
	ck_assert_str_eq(h.type, "text/plain; charset=UTF-8");
	ck_assert_str_eq(h.headers, "cache-control: no-store\n");
	ck_assert_uint_eq(strlen(tn_conn_sid(r.last)), TN_EIO_ID_LEN);
	ck_assert_uint_eq(strspn(tn_conn_sid(r.last), "ABCDEFGHIJKLMNOPQRSTU"
	    "VWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), TN_EIO_ID_LEN);
	ck_assert_str_eq(rig_log(&r), "open");
	rig_http_fini(&h);
}
END_TEST

START_TEST(names_its_worker_in_the_sid)
{
	const struct tn_engine_options options = {
		.worker = "w1", .no_upgrades = true
	};
	const char *sid;
	struct rig_http h;

	stop();
	rig_start(&r, &options);
	sid = rig_open(&r);
	ck_assert_uint_eq(strlen(sid), TN_EIO_ID_LEN + 3);
	ck_assert_str_eq(sid + TN_EIO_ID_LEN, ".w1");
	rig_post(&r, &h, sid, "4x");
	ck_assert_str_eq(rig_answer(&h), "200 ok");
	rig_http_fini(&h);
}
END_TEST

START_TEST(offers_no_upgrade_it_would_refuse)
{
	const struct tn_engine_options options = { .no_websocket = true };
	struct rig_http h;

	stop();
	rig_start(&r, &options);
	rig_http(&r, &h, "GET", HANDSHAKE, NULL, TN_SLICE_NONE);
	ck_assert_ptr_nonnull(strstr(rig_answer(&h), "\"upgrades\":[]"));
	rig_http_fini(&h);
}
END_TEST

START_TEST(takes_no_more_sessions_than_it_may)
{
	const struct tn_engine_options options = { .max_conns = 2 };
	struct rig_wire w;
	struct rig_http h;

	stop();
	rig_start(&r, &options);
	rig_open(&r);
	rig_open(&r);
	rig_http(&r, &h, "GET", HANDSHAKE, NULL, TN_SLICE_NONE);
	ck_assert_str_eq(rig_answer(&h), "503 ");
	ck_assert(!rig_wire_open(&r, &w, NULL));
	ck_assert_uint_eq(tn_engine_len(r.engine), 2);
	rig_http_fini(&h);
	rig_post(&r, &h, tn_conn_sid(r.last), "1");
	rig_http_fini(&h);
	ck_assert_ptr_nonnull(rig_open(&r));
}
END_TEST

START_TEST(owns_what_starts_with_its_path)
{
	static const struct {
		struct tn_slice target;
		bool owns;
	} targets[] = {
		{ TN_SLICE("/socket.io/?EIO=4"), true },
		{ TN_SLICE("/socket.io/foo?EIO=4"), true },
		{ TN_SLICE("/socket.io?EIO=4"), false },
		{ TN_SLICE("/socket.iox/"), false },
		{ TN_SLICE("/"), false },
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		ck_assert(tn_engine_owns(r.engine, targets[i].target) ==
		    targets[i].owns);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("engine");
	TCase *tc = tcase_create("engine");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, refuses, 0,
	    sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tc, refuses_the_same_on_a_websocket_as_text);
	tcase_add_loop_test(tc, looks_at_the_origin, 0,
	    sizeof(origins) / sizeof(origins[0]));
	tcase_add_test(tc, lets_listed_pages_read_the_answers);
	tcase_add_test(tc, never_combines_any_origin_with_credentials);
	tcase_add_test(tc, sets_a_cookie_once);
	tcase_add_test(tc, sends_an_initial_packet);
	tcase_add_test(tc, refuses_a_name_that_no_cookie_has);
	tcase_add_loop_test(tc, knows_its_path, 0,
	    sizeof(paths) / sizeof(paths[0]));
	tcase_add_test(tc, opens_a_session);
	tcase_add_test(tc, names_its_worker_in_the_sid);
	tcase_add_test(tc, offers_no_upgrade_it_would_refuse);
	tcase_add_test(tc, takes_no_more_sessions_than_it_may);
	tcase_add_test(tc, owns_what_starts_with_its_path);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
