/*
 * The real host over a Unix socket: an echoing engine in a child process,
 * and bytes sent to it by hand.
 */
#include "config.h"

#include "host/host_io.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/random.h"

#include "check_main.h"

enum { WAIT_MS = 3000, QUIET_MS = 150, PING_MS = 60000 };

static char dir[32];
static char path[64];
static pid_t child;
static volatile int *last_reason;	/* the child's last close; -1: none */

/* ---- The server ---------------------------------------------------------- */

static void
echo(struct tn_conn *c, struct tn_slice bytes, struct tn_slice more,
    bool binary)
{
	struct tn_rcbuf *rc = tn_message_new(bytes, more, binary);

	tn_conn_send(c, rc);
	tn_rcbuf_unref(&rc);
}

static void
on_open(struct tn_conn *c, const struct tn_io_request *request, void *arg)
{
	(void)arg;
	if (request->address.len > 0)
		echo(c, request->address, request->secure ?
		    TN_SLICE(" secure") : TN_SLICE_NONE, false);
}

static void
on_text(struct tn_conn *c, struct tn_slice text, void *arg)
{
	(void)arg;
	if (tn_slice_is(text, "close"))
		tn_conn_close(c, TN_CLOSE_FORCED_CLOSE);
	else
		echo(c, text, TN_SLICE_NONE, false);
}

static void
on_binary(struct tn_conn *c, struct tn_slice bytes, void *arg)
{
	(void)arg;
	echo(c, bytes, TN_SLICE_NONE, true);
}

static void
on_close(struct tn_conn *c, enum tn_close_reason reason, void *arg)
{
	(void)c, (void)arg;
	*last_reason = (int)reason;
}

static int
serve(void)
{
	static const char *const proxies[] = { "10.0.0.1" };
	char listen[80];
	const struct tn_host_io_options host_options = {
		.listen = listen, .drain_ms = 1000, .use_ring = true,
		.trusted_proxies = proxies, .ntrusted = 1
	};
	const struct tn_engine_options options = {
		.max_payload = 1000, .ping_interval_ms = PING_MS
	};
	const struct tn_engine_hooks hooks = {
		on_open, on_text, on_binary, on_close, NULL
	};
	struct tn_host_io *host;
	struct tn_engine *engine;
	int r;

	snprintf(listen, sizeof(listen), "unix:%s", path);
	if (tn_random_start(NULL) < 0)
		return EXIT_FAILURE;
	host = tn_host_io_new(&host_options, NULL, NULL);
	if (host == NULL)
		return EXIT_FAILURE;
	engine = tn_engine_new(&options, &hooks, &tn_host_io_loop(host)->wheel,
	    NULL, NULL);
	r = tn_host_run_engine(host, engine, NULL);
	tn_engine_free(&engine);
	tn_host_io_free(&host);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- The client ---------------------------------------------------------- */

static int
try_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
pause_ms(int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static int
open_connection(void)
{
	for (int waited = 0; waited < WAIT_MS; waited += 10) {
		int fd = try_connect();

		if (fd >= 0)
			return fd;
		pause_ms(10);
	}
	ck_abort_msg("nobody answers on %s", path);
	return -1;
}

static void
start(void)
{
	strcpy(dir, "/tmp/check_host_io.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ws.sock", dir);
	last_reason = mmap(NULL, sizeof(*last_reason), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(last_reason != MAP_FAILED);
	child = fork();
	if (child == 0)
		_exit(serve());
	close(open_connection());
}

/* Ends it as a service manager would; it has to go in peace. */
static void
stop(void)
{
	int status = 0;

	kill(child, SIGTERM);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "status %x", (unsigned)status);
	ck_assert_int_ne(access(path, F_OK), 0);
	rmdir(dir);
}

static void
send_bytes(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		ck_assert_int_gt(n, 0);
		bytes += n;
		len -= (size_t)n;
	}
}

static void
send_text(int fd, const char *text)
{
	send_bytes(fd, text, strlen(text));
}

struct answer {
	char bytes[8192];
	size_t len;
	bool ended;
};

/* Read until want is there (NULL: until it is quiet) or the end comes. */
static void
receive(int fd, struct answer *a, const char *want, size_t want_len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (want == NULL ||
	    memmem(a->bytes, a->len, want, want_len) == NULL) {
		ssize_t n;

		if (poll(&p, 1, want == NULL ? QUIET_MS : WAIT_MS) == 0)
			return;
		n = read(fd, a->bytes + a->len, sizeof(a->bytes) - 1 - a->len);
		if (n <= 0) {
			a->ended = true;
			return;
		}
		a->len += (size_t)n;
		a->bytes[a->len] = '\0';
	}
}

static bool
holds(const struct answer *a, const char *bytes, size_t len)
{
	return memmem(a->bytes, a->len, bytes, len) != NULL;
}

/* ---- Requests ------------------------------------------------------------ */

#define GET(target)	"GET " target " HTTP/1.1\r\nHost: h\r\n"
#define SHAKE		"/socket.io/?EIO=4&transport=polling"
#define WS		GET("/socket.io/?EIO=4&transport=websocket")
#define UPGRADE		"Upgrade: websocket\r\nConnection: close, upgrade\r\n"
#define KEY		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION_13	"Sec-WebSocket-Version: 13\r\n"
#define END		"\r\n"

static const struct {
	const char *name, *request;
	const char *want;	/* in the answer; "": nothing at all */
	bool ends;
} requests[] = {
	{ "health", GET("/health") END, "\r\n\r\nok\n", false },
	{ "engine's path without slash", GET("/socket.io?EIO=4") END,
	    "HTTP/1.1 404 ", false },
	{ "HEAD has no body", "HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n",
	    "Content-Length: 3\r\n\r\n", false },
	{ "handshake", GET(SHAKE) END, "cache-control: no-store\r\n\r\n0{\"sid",
	    false },
	{ "HTTP/1.0 is closed", "GET /health HTTP/1.0\r\n\r\n",
	    "Connection: close", true },
	{ "or as asked", GET("/health") "Connection: close\r\n" END,
	    "Connection: close", true },
	{ "the address behind the proxy",
	    GET(SHAKE) "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.1\r\n"
	    "X-Forwarded-Proto: https\r\n" END, "\x1e" "4192.0.2.7 secure",
	    false },
	{ "an empty header between two hides no proxy's",
	    GET(SHAKE) "X-Forwarded-For: 1.1.1.1\r\n"
	    "X-Forwarded-For: \r\nX-Forwarded-For: 192.0.2.8\r\n" END,
	    "\x1e" "4192.0.2.8", false },
	{ "empty parameters", GET("/socket.io/?&EIO=4&&transport=polling&")
	    END, "HTTP/1.1 200 ", false },
	{ "nothing but empty parameters", GET("/socket.io/?&&&") END,
	    "Transport unknown", false },
	{ "foreign origin", GET(SHAKE) "Origin: http://evil\r\n" END,
	    "HTTP/1.1 403 ", false },
	{ "encoded query", GET("/socket.io/?E%49O=%34&transport=polling") END,
	    "HTTP/1.1 200 ", false },
	{ "encoded separator stays data",
	    GET("/socket.io/?EIO=4%26transport=polling") END,
	    "Transport unknown", false },
	{ "two requests at once", GET("/") END GET("/health") END, "ok\n",
	    false },
	{ "POST without length", "POST " SHAKE " HTTP/1.1\r\nHost: h\r\n\r\n",
	    "HTTP/1.1 411 ", true },
	{ "chunked POST", "POST " SHAKE " HTTP/1.1\r\nHost: h\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 411 ",
	    true },
	{ "both lengths", "POST " SHAKE " HTTP/1.1\r\nHost: h\r\n"
	    "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n4",
	    "HTTP/1.1 411 ", true },
	{ "two lengths", "POST " SHAKE " HTTP/1.1\r\nHost: h\r\n"
	    "Content-Length: 1\r\nContent-Length: 2\r\n\r\n4",
	    "HTTP/1.1 400 ", true },
	{ "a length that is none", "POST " SHAKE " HTTP/1.1\r\nHost: h\r\n"
	    "Content-Length: +1\r\n\r\n4", "HTTP/1.1 400 ", true },
	{ "GET with a body", GET("/health") "Content-Length: 1\r\n\r\nx",
	    "HTTP/1.1 400 ", true },
	{ "body of a refused POST is skipped", "POST " SHAKE
	    " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n4x"
	    GET("/health") END, "ok\n", false },
	{ "CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "", true },
	{ "unknown method", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "", true },
	{ "websocket", WS UPGRADE KEY VERSION_13 END,
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", false },
	{ "websocket, version 12", WS UPGRADE KEY
	    "Sec-WebSocket-Version: 12\r\n" END,
	    "Sec-WebSocket-Version: 13\r\n\r\nMissing or invalid Sec-WebSocket"
	    "-Version header", true },
	{ "websocket, no key", WS UPGRADE VERSION_13 END,
	    "Missing or invalid Sec-WebSocket-Key header", true },
	{ "websocket, a key that is no base64", WS UPGRADE VERSION_13
	    "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n" END,
	    "Missing or invalid Sec-WebSocket-Key header", true },
	{ "websocket by POST", "POST /socket.io/?EIO=4&transport=websocket "
	    "HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION_13 END,
	    "HTTP/1.1 400 ", true },
	{ "websocket, HTTP/1.0", "GET /socket.io/?EIO=4&transport=websocket "
	    "HTTP/1.0\r\nHost: h\r\n" UPGRADE KEY VERSION_13 END,
	    "HTTP/1.1 400 ", true },
	{ "websocket, foreign origin", WS UPGRADE KEY VERSION_13
	    "Origin: http://evil\r\n" END,
	    "Content-Length: 9\r\n\r\nForbidden", true },
	{ "websocket, unknown sid",
	    GET("/socket.io/?EIO=4&transport=websocket&sid=x") UPGRADE KEY
	    VERSION_13 END, "\r\n\r\nSession ID unknown", true },
	{ "websocket elsewhere", GET("/") UPGRADE KEY VERSION_13 END,
	    "HTTP/1.1 404 ", true },
	{ "upgrade to HTTP/2", WS "Upgrade: h2c\r\nConnection: Upgrade, "
	    "HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\n" END,
	    "Invalid Upgrade header", true },
	{ "CVE-2025-11677: another upgrade on a kept connection",
	    GET("/health") END GET("/health") "Upgrade: foo\r\n"
	    "Connection: Upgrade\r\n" END, "ok\n", true },
};

START_TEST(answers)
{
	struct answer a = { .len = 0 };
	const char *want = requests[_i].want;
	int fd = open_connection();

	send_text(fd, requests[_i].request);
	if (want[0] != '\0') {
		receive(fd, &a, want, strlen(want));
		ck_assert_msg(holds(&a, want, strlen(want)), "%s: %s",
		    requests[_i].name, a.bytes);
	}
	if (requests[_i].ends && !a.ended)
		receive(fd, &a, "\xff\xfe", 2);
	else if (!requests[_i].ends)
		receive(fd, &a, NULL, 0);
	ck_assert_msg(a.ended == requests[_i].ends, "%s: %s",
	    requests[_i].name, a.bytes);
	close(fd);
}
END_TEST

static void
send_slowly(int fd, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		send_bytes(fd, bytes + i, 1);
		pause_ms(1);
	}
}

START_TEST(answers_what_comes_in_bytes)
{
	static const char handshake[] = WS UPGRADE KEY VERSION_13 END;
	struct answer a = { .len = 0 };
	int fd = open_connection();

	send_slowly(fd, handshake, sizeof(handshake) - 1);
	receive(fd, &a, "1000}", 5);
	send_slowly(fd, "\x81\x83\1\2\3\4\x35\x6a\x6a", 9);
	receive(fd, &a, "\x81\x03" "4hi", 5);
	ck_assert(holds(&a, "\x81\x03" "4hi", 5));
	close(fd);
}
END_TEST

/* ---- Frames (RFC 6455; unmasked here by a key of zeroes) ----------------- */

#define F(s)	(s), sizeof(s) - 1

static const struct {
	const char *name;
	const char *frames;
	size_t len;
	const char *want;
	size_t want_len;
	bool ends;
} frames[] = {
	{ "text", F("\x81\x83\0\0\0\0" "4hi"), F("\x81\x03" "4hi"), false },
	{ "binary", F("\x82\x82\0\0\0\0\1\2"), F("\x82\x02\1\2"), false },
	{ "three pieces with a ping between", F("\x01\x82\0\0\0\0" "4a"
	    "\x00\x80\0\0\0\0" "\x89\x81\0\0\0\0" "p" "\x80\x81\0\0\0\0" "b"),
	    F("\x81\x03" "4ab"), false },
	{ "ping", F("\x89\x81\0\0\0\0" "p"), F("\x8a\x01p"), false },
	{ "close is echoed", F("\x88\x82\0\0\0\0\x03\xe8"),
	    F("\x88\x02\x03\xe8"), true },
	{ "nothing counts behind a close",
	    F("\x88\x82\0\0\0\0\x03\xe8\x81\x83\0\0\0\0" "4hi"),
	    F("\x88\x02\x03\xe8"), true },
	{ "bad packet: empty close", F("\x81\x81\0\0\0\0" "7"), F("\x88\x00"),
	    false },
	{ "and its answer", F("\x81\x81\0\0\0\0" "7\x88\x80\0\0\0\0"),
	    F("\x88\x00"), true },
	{ "closed by the server", F("\x81\x86\0\0\0\0" "4close"),
	    F("\x88\x00"), false },
	{ "no UTF-8: 1007", F("\x81\x82\0\0\0\0" "4\xff"), F("\x03\xef"),
	    false },
	{ "RSV bit: 1002", F("\xc1\x82\0\0\0\0" "4a"), F("\x03\xea"), false },
	{ "reserved opcode: 1002", F("\x83\x82\0\0\0\0" "4a"), F("\x03\xea"),
	    false },
	{ "1001 bytes claimed: 1009", F("\x82\xfe\x03\xe9\0\0\0\0x"),
	    F("\x88\x02\x03\xf1"), false },
	{ "2^63-1 bytes claimed: 1009",
	    F("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x"),
	    F("\x88\x02\x03\xf1"), false },
};

START_TEST(speaks_websocket)
{
	struct answer a = { .len = 0 };
	int fd = open_connection();

	send_text(fd, WS UPGRADE KEY VERSION_13 END);
	receive(fd, &a, "1000}", 5);
	a.len = 0;
	send_bytes(fd, frames[_i].frames, frames[_i].len);
	receive(fd, &a, frames[_i].want, frames[_i].want_len);
	ck_assert_msg(holds(&a, frames[_i].want, frames[_i].want_len), "%s",
	    frames[_i].name);
	receive(fd, &a, NULL, 0);
	ck_assert_msg(a.ended == frames[_i].ends, "%s", frames[_i].name);
	close(fd);
}
END_TEST

static const struct {
	const char *payload;	/* of the close frame */
	size_t len;
	enum tn_close_reason reason;
} closes[] = {
	{ "", 0, TN_CLOSE_TRANSPORT_CLOSE },
	{ "\x03\xe8", 2, TN_CLOSE_TRANSPORT_CLOSE },		/* 1000 */
	{ "\x03\xe9" "bye", 5, TN_CLOSE_TRANSPORT_CLOSE },	/* 1001 */
	{ "\x0b\xb8", 2, TN_CLOSE_TRANSPORT_CLOSE },		/* 3000 */
	{ "\x13\x87", 2, TN_CLOSE_TRANSPORT_CLOSE },		/* 4999 */
	{ "x", 1, TN_CLOSE_TRANSPORT_ERROR },
	{ "\x13\x88", 2, TN_CLOSE_TRANSPORT_ERROR },		/* 5000 */
	{ "\x03\xe8\xff", 3, TN_CLOSE_TRANSPORT_ERROR },	/* no text */
};

START_TEST(a_close_that_is_none_is_a_fault)
{
	struct answer a = { .len = 0 };
	char frame[32] = "\x88";
	int fd = open_connection();

	send_text(fd, WS UPGRADE KEY VERSION_13 END);
	receive(fd, &a, "1000}", 5);
	*last_reason = -1;
	frame[1] = (char)(0x80 | closes[_i].len);
	memcpy(frame + 6, closes[_i].payload, closes[_i].len);
	send_bytes(fd, frame, 6 + closes[_i].len);
	receive(fd, &a, "\xff\xfe\xfd", 3);
	ck_assert(a.ended);
	/* the end is heard of here before it is there */
	for (int i = 0; i < 200 && *last_reason != (int)closes[_i].reason; i++)
		poll(NULL, 0, 10);
	ck_assert_int_eq(*last_reason, (int)closes[_i].reason);
	close(fd);
}
END_TEST

/* At the limit in one frame and in two, then one byte more. */
START_TEST(bounds_a_message)
{
	struct answer a = { .len = 0 };
	char bytes[2048] = "\x82\xfe\x03\xe8\0\0\0\0";
	int fd = open_connection();

	send_text(fd, WS UPGRADE KEY VERSION_13 END);
	receive(fd, &a, "1000}", 5);
	a.len = 0;
	send_bytes(fd, bytes, 8 + 1000);
	receive(fd, &a, NULL, 0);
	ck_assert_uint_eq(a.len, 4 + 1000);
	memcpy(bytes, "\x02\xfe\x01\xf4", 4);
	send_bytes(fd, bytes, 8 + 500);
	memcpy(bytes, _i == 0 ? "\x80\xfe\x01\xf4" : "\x80\xfe\x01\xf5", 4);
	send_bytes(fd, bytes, 8 + 500 + (size_t)_i);
	a.len = 0;
	receive(fd, &a, NULL, 0);
	if (_i == 0)
		ck_assert_uint_eq(a.len, 4 + 1000);
	else
		ck_assert(holds(&a, "\x88\x02\x03\xf1", 4));
	close(fd);
}
END_TEST

/* ---- Polls --------------------------------------------------------------- */

static void
poll_target(char *target, size_t size, int fd)
{
	struct answer a = { .len = 0 };
	const char *sid;

	send_text(fd, GET(SHAKE) END);
	receive(fd, &a, "1000}", 5);
	sid = strstr(a.bytes, "\"sid\":\"");
	ck_assert_ptr_nonnull(sid);
	snprintf(target, size, "%s&sid=%.20s", SHAKE, sid + 7);
}

static void
request(int fd, const char *method, const char *target, const char *body)
{
	char text[512];

	snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: h\r\n"
	    "Content-Length: %zu\r\n\r\n%s", method, target,
	    strlen(body), body);
	send_text(fd, text);
}

/* Processor time of the server, in clock ticks. */
static unsigned long
server_ticks(void)
{
	char name[64];
	unsigned long user = 0, system = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)child);
	f = fopen(name, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u "
	    "%*u %*u %*u %*u %lu %lu", &user, &system), 2);
	fclose(f);
	return user + system;
}

START_TEST(holds_a_poll_until_there_is_a_message)
{
	int poll_fd = open_connection(), post_fd = open_connection();
	struct answer a = { .len = 0 }, b = { .len = 0 };
	char target[256];

	poll_target(target, sizeof(target), poll_fd);
	request(poll_fd, "GET", target, "");
	receive(poll_fd, &a, NULL, 0);
	ck_assert_uint_eq(a.len, 0);
	request(post_fd, "POST", target, "4hello");
	receive(post_fd, &b, "\r\n\r\nok", 6);
	ck_assert(holds(&b, "\r\n\r\nok", 6));
	receive(poll_fd, &a, "\r\n\r\n4hello", 10);
	ck_assert(holds(&a, "\r\n\r\n4hello", 10));
	close(poll_fd);
	close(post_fd);
}
END_TEST

/* libwebsockets alone would spin on each of these. */
START_TEST(a_held_poll_costs_nothing)
{
	int fd = open_connection(), other = open_connection();
	struct answer a = { .len = 0 };
	unsigned long before;
	char target[256];

	poll_target(target, sizeof(target), fd);
	request(fd, "GET", target, "");
	if (_i == 1)
		request(fd, "GET", "/health", "");
	pause_ms(100);
	if (_i == 2)
		shutdown(fd, SHUT_WR);
	before = server_ticks();
	pause_ms(500);
	ck_assert_uint_le(server_ticks() - before, 5);
	request(other, "POST", target, "4x");
	receive(other, &a, _i == 2 ? "Session ID unknown" : "ok",
	    _i == 2 ? 18 : 2);
	ck_assert(!a.ended);
	a.len = 0;
	receive(fd, &a, _i == 1 ? "ok\n" : "4x", _i == 1 ? 3 : 2);
	ck_assert(a.ended == (_i == 2));
	close(fd);
	close(other);
}
END_TEST

START_TEST(an_aborted_poll_ends_its_session)
{
	int fd = open_connection(), other = open_connection();
	struct answer a = { .len = 0 };
	char target[256];

	poll_target(target, sizeof(target), fd);
	request(fd, "GET", target, "");
	pause_ms(50);
	close(fd);
	pause_ms(100);
	request(other, "GET", target, "");
	receive(other, &a, "Session ID unknown", 18);
	ck_assert(holds(&a, "Session ID unknown", 18));
	close(other);
}
END_TEST

START_TEST(tells_all_when_it_stops)
{
	int poll_fd = open_connection(), ws = open_connection();
	struct answer a = { .len = 0 }, b = { .len = 0 };
	char target[256];

	poll_target(target, sizeof(target), poll_fd);
	request(poll_fd, "GET", target, "");
	send_text(ws, WS UPGRADE KEY VERSION_13 END);
	receive(ws, &b, "1000}", 5);
	pause_ms(100);
	kill(child, SIGTERM);
	receive(poll_fd, &a, "\r\n\r\n1", 5);
	ck_assert(holds(&a, "\r\n\r\n1", 5));
	receive(ws, &b, "\x88\x00", 2);
	ck_assert(holds(&b, "\x88\x00", 2));
	ck_assert_int_lt(try_connect(), 0);
	close(poll_fd);
	close(ws);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("host_io");
	TCase *tc = tcase_create("one server for all");

	tcase_set_timeout(tc, 20);
	tcase_add_unchecked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, answers, 0,
	    sizeof(requests) / sizeof(requests[0]));
	tcase_add_test(tc, answers_what_comes_in_bytes);
	tcase_add_loop_test(tc, speaks_websocket, 0,
	    sizeof(frames) / sizeof(frames[0]));
	tcase_add_loop_test(tc, a_close_that_is_none_is_a_fault, 0,
	    sizeof(closes) / sizeof(closes[0]));
	tcase_add_loop_test(tc, bounds_a_message, 0, 2);
	tcase_add_test(tc, holds_a_poll_until_there_is_a_message);
	tcase_add_loop_test(tc, a_held_poll_costs_nothing, 0, 3);
	tcase_add_test(tc, an_aborted_poll_ends_its_session);
	suite_add_tcase(s, tc);
	tc = tcase_create("a server of its own");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, tells_all_when_it_stops);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
