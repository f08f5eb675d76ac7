/* An app behind FastCGI: a real program, driven record by record. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "check_main.h"
#include "fcgi_client.h"
#include "host/host_app.h"
#include "web/static.h"

#define LARGE	(3u << 20)
#define PIECE	5000
#define SLOW_MS	300

static char dir[64], path[100];
static char large[LARGE];
static pid_t server;

/* ---- The app ------------------------------------------------------------- */

static void
sleep_ms(int ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static int
hello(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_send(res, TN_SLICE("hello"));
}

static int
send_large(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	return tn_res_send(res, tn_slice(large, sizeof(large)));
}

static int
send_in_pieces(struct tn_req *req, struct tn_res *res, void *arg)
{
	int rc = 0;

	(void)req;
	(void)arg;
	for (size_t at = 0; rc == 0 && at < sizeof(large); at += PIECE)
		rc = tn_res_write(res, tn_slice_first(tn_slice_after(
		    tn_slice(large, sizeof(large)), at), PIECE));
	return rc < 0 ? rc : tn_res_end(res);
}

/* As many bytes as asked for. */
static int
send_some(struct tn_req *req, struct tn_res *res, void *arg)
{
	uint64_t n = 0;

	(void)arg;
	tn_slice_u64(tn_req_query(req, "n"), &n);
	return tn_res_send(res, tn_slice_first(tn_slice(large, sizeof(large)),
	    (size_t)n));
}

/* After its first words. */
static int
break_off(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	tn_res_write(res, TN_SLICE("once upon"));
	return tn_err_set(&req->err, TN_E_STATE, "broken off");
}

static const char note_thread_key;

static int
ponder(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	sleep_ms(SLOW_MS);
	return tn_res_send(res, TN_SLICE("pondered"));
}

/* Until a second TERM has come, which is sent when the first was seen. */
static int
take_long(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)res;
	(void)arg;
	sleep_ms(4 * SLOW_MS);
	return TN_NEXT;
}

/* Who is asked: the loop, which is the process' first thread, or a helper. */
static int
note_thread(struct tn_req *req, struct tn_res *res, void *arg)
{
	const char *before = tn_req_local(req, &note_thread_key);

	(void)res;
	(void)arg;
	sleep_ms(gettid() == getpid() ? 0 : SLOW_MS);
	return tn_req_set_local(req, &note_thread_key,
	    (char *)(uintptr_t)tn_arena_printf(req->arena, "%s%s ",
	    before == NULL ? "" : before,
	    gettid() == getpid() ? "loop" : "helper").ptr);
}

static int
say_threads(struct tn_req *req, struct tn_res *res, void *arg)
{
	note_thread(req, res, arg);
	return tn_res_send(res,
	    tn_slice_str(tn_req_local(req, &note_thread_key)));
}

/* In the loop, which it should not: all others wait meanwhile. */
static int
hold_all(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	(void)arg;
	sleep_ms(SLOW_MS);
	return tn_res_send(res, TN_SLICE("held"));
}

static void
note_company(struct tn_req *const *reqs, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++)
		tn_req_set_local(reqs[i], arg, (void *)(uintptr_t)n);
}

static void
note_end(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_log *log = arg;

	tn_log_event(log, TN_LOG_INFO, "end", TN_F_SLICE("path", req->path),
	    TN_F_NUM("status", res->status));
}

static int
pass_on(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	if (tn_slice_is(req->path, "/back"))
		tn_res_after_end(res, note_end, tn_app_log(req->app));
	return TN_NEXT;
}

static char company;	/* its address is the key */

/* Who has come by the same turn of the loop, and what was asked. */
static int
say_company(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send(res, tn_arena_printf(req->arena, "%.*s of %d",
	    TN_SLICE_ARG(tn_req_query(req, "me")),
	    (int)(uintptr_t)tn_req_local(req, &company)));
}

static int
say_pid(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)arg;
	return tn_res_send(res, tn_arena_printf(req->arena, "%d",
	    (int)getpid()));
}

/* How many bytes does the body have? */
static int
count(struct tn_req *req, struct tn_res *res, void *arg)
{
	char piece[5000];
	int64_t n, total = 0;

	(void)arg;
	if (!req->body->is_complete && !req->is_slow)
		return TN_SLOW;
	while ((n = req->body->read(req->body, piece, sizeof(piece),
	    &req->err)) > 0)
		total += n;
	if (n < 0)
		return (int)n;
	return tn_res_send(res, tn_arena_printf(req->arena, "%lld",
	    (long long)total));
}

/* All of the body, wherever that can be waited for. */
static int
wait_for_body(struct tn_req *req, struct tn_res *res, void *arg)
{
	char piece[5000];

	(void)res;
	(void)arg;
	if (!req->body->is_complete && !req->is_slow)
		return TN_SLOW;
	while (req->body->read(req->body, piece, sizeof(piece),
	    &req->err) > 0)
		continue;
	return TN_NEXT;
}

static void
reloaded(void *arg)
{
	char name[128];
	FILE *f;

	(void)arg;
	snprintf(name, sizeof(name), "%s/reloaded", dir);
	f = fopen(name, "w");
	if (f != NULL)
		fclose(f);
}

static int
serve(const struct tn_host_app_options *options)
{
	char name[128];
	struct tn_assets files;
	struct tn_log log;
	struct tn_app *app;
	int status;

	snprintf(name, sizeof(name), "%s/log", dir);
	if (tn_log_open(&log, "test", TN_LOG_FILE, name, TN_LOG_INFO,
	    NULL) < 0)
		return 2;
	if (tn_assets_open(&files, dir, 0, NULL) < 0)
		return 2;
	app = tn_app_new(NULL, &log, NULL);
	tn_app_use(app, tn_static("/files", &files));
	tn_app_use(app, (struct tn_step){ .fn = pass_on, .arg = &company,
	    .prepare = note_company });
	tn_app_get(app, "/hello", hello);
	tn_app_get(app, "/hold", hold_all);
	tn_app_get(app, "/company", say_company);
	tn_app_get(app, "/large", send_large);
	tn_app_get(app, "/some", send_some);
	tn_app_get(app, "/pieces", send_in_pieces);
	tn_app_get(app, "/ponder", tn_slow, ponder);
	tn_app_get(app, "/threads", note_thread, tn_slow, note_thread, tn_quick,
	    say_threads);
	tn_app_get(app, "/busy", tn_slow, note_thread, tn_quick, note_thread,
	    tn_slow, say_threads);
	tn_app_get(app, "/back", tn_slow, take_long, tn_quick, say_threads);
	tn_app_post(app, "/late", wait_for_body, tn_quick, say_threads);
	tn_app_get(app, "/large-slow", tn_slow, send_large);
	tn_app_get(app, "/large-at-last", tn_slow, note_thread, tn_quick,
	    send_large);
	tn_app_get(app, "/broken", break_off);
	tn_app_get(app, "/pid", say_pid);
	tn_app_post(app, "/count", count);
	tn_app_post(app, "/hello", hello);
	status = tn_host_run_app(app, options, &log, NULL);
	tn_app_free(&app);
	tn_assets_close(&files);
	tn_log_close(&log);
	return status < 0;
}

/* ---- Its process --------------------------------------------------------- */

static int max_connections;

static void
start(int workers)
{
	char listen[120];
	struct tn_host_app_options options = {
		.listen = listen,
		.workers = workers,
		.slow_threads = 2,
		.slow_queue = 2,
		.drain_ms = 3000,
		.max_connections = max_connections,
		.on_reload = reloaded,
	};

	snprintf(listen, sizeof(listen), "unix:%s", path);
	server = fork();
	if (server == 0)
		exit(serve(&options));
	ck_assert_int_gt(server, 0);
}

static void
make_dir(void)
{
	strcpy(dir, "/tmp/tandem.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fcgi.sock", dir);
}

static void
set_up(void)
{
	make_dir();
	start(1);
}

/* Returns the exit status, or 1000 and the signal. */
static int
wait_end(void)
{
	int status;

	ck_assert_int_eq(waitpid(server, &status, 0), server);
	server = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    1000 + WTERMSIG(status);
}

static int
stop(void)
{
	kill(server, SIGTERM);
	return wait_end();
}

static void
remove_log(void)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/log", dir);
	unlink(name);
}

static void
tear_down(void)
{
	char name[128];

	if (server > 0)
		ck_assert_int_eq(stop(), 0);
	ck_assert_msg(access(path, F_OK) < 0, "the socket is still there");
	snprintf(name, sizeof(name), "%s/reloaded", dir);
	unlink(name);
	remove_log();
	ck_assert_int_eq(rmdir(dir), 0);
}

/* ---- Asking -------------------------------------------------------------- */

static int
open_connection(void)
{
	int fd = fcgi_connect(path);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void
ask(int fd, bool keep, const char *method, const char *uri,
    struct tn_slice body)
{
	struct tn_buf out;

	tn_buf_init(&out, 64 << 20);
	fcgi_request(&out, 1, keep, method, uri, TN_SLICE_NONE, body);
	ck_assert(fcgi_send(fd, tn_buf_view(&out)));
	tn_buf_fini(&out);
}

static void
expect(int fd, int status, const char *body)
{
	struct fcgi_answer answer;

	ck_assert(fcgi_read(fd, &answer));
	ck_assert_int_eq(answer.status, status);
	if (body != NULL)
		ck_assert_msg(tn_slice_is(fcgi_body(&answer), body),
		    "got \"%.*s\"", TN_SLICE_ARG(fcgi_body(&answer)));
	fcgi_answer_fini(&answer);
}

static void
expect_large(int fd)
{
	struct fcgi_answer answer;

	ck_assert(fcgi_read(fd, &answer));
	ck_assert_uint_eq(fcgi_body(&answer).len, LARGE);
	ck_assert(memcmp(fcgi_body(&answer).ptr, large, LARGE) == 0);
	ck_assert_uint_gt(answer.records, 40);
	fcgi_answer_fini(&answer);
}

/* The log says so, soon. */
static void
expect_logged(const char *words)
{
	char name[128], text[8192] = "";

	snprintf(name, sizeof(name), "%s/log", dir);
	for (int i = 0; i < 200; i++) {
		FILE *f = fopen(name, "r");
		size_t n = f == NULL ? 0 : fread(text, 1, sizeof(text) - 1, f);

		text[n] = '\0';
		if (f != NULL)
			fclose(f);
		if (strstr(text, words) != NULL)
			return;
		sleep_ms(10);
	}
	ck_abort_msg("no \"%s\" in \"%s\"", words, text);
}

/* A stranger's request is answered, and soon. */
static void
expect_lively(void)
{
	int64_t before = tn_clock_mono_ms();
	int fd = open_connection();

	ask(fd, false, "GET", "/hello", TN_SLICE_NONE);
	expect(fd, 200, "hello");
	ck_assert_int_lt(tn_clock_mono_ms() - before, 250);
	close(fd);
}

/* ---- Connections --------------------------------------------------------- */

START_TEST(a_kept_connection_answers_again_and_again)
{
	int fd = open_connection();

	for (int i = 0; i < 20; i++) {
		ask(fd, true, "GET", i % 5 == 4 ? "/ponder" : "/hello",
		    TN_SLICE_NONE);
		expect(fd, 200, i % 5 == 4 ? "pondered" : "hello");
	}
	close(fd);
}
END_TEST

START_TEST(a_connection_that_is_not_kept_is_closed)
{
	int fd = open_connection();

	ask(fd, false, "GET", "/hello", TN_SLICE_NONE);
	expect(fd, 200, "hello");
	ck_assert(fcgi_is_closed(fd));
	close(fd);
}
END_TEST

/*
 * All that come while the loop is busy come by one turn: in groups, each of
 * them with its own answer, however long the others take.
 */
START_TEST(those_that_come_together_are_told_apart)
{
	enum { MANY = 2 * TN_APP_TOGETHER + 5 };
	int fds[MANY], hold = open_connection(), alone = open_connection();
	int together = 0;

	ask(alone, true, "GET", "/company?me=1", TN_SLICE_NONE);
	expect(alone, 200, "1 of 0");
	for (int i = 0; i < MANY; i++) {	/* accepted a few a turn */
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
		expect(fds[i], 200, "hello");
	}
	ask(hold, true, "GET", "/hold", TN_SLICE_NONE);
	sleep_ms(SLOW_MS / 3);
	for (int i = 0; i < MANY; i++) {
		char uri[64];

		snprintf(uri, sizeof(uri), "/company?me=%d", i);
		if (i == 7 || i == 20)
			strcpy(uri, "/ponder");
		ask(fds[i], true, "GET", uri, TN_SLICE_NONE);
	}
	expect(hold, 200, "held");
	for (int i = 0; i < MANY; i++) {
		struct fcgi_answer answer;
		int me = -1, of = -1;

		if (i == 7 || i == 20) {
			expect(fds[i], 200, "pondered");
			continue;
		}
		ck_assert(fcgi_read(fds[i], &answer));
		ck_assert_int_eq(sscanf(fcgi_body(&answer).ptr, "%d of %d",
		    &me, &of), 2);
		ck_assert_int_eq(me, i);
		ck_assert_int_le(of, TN_APP_TOGETHER);
		together += of == TN_APP_TOGETHER;
		fcgi_answer_fini(&answer);
	}
	ck_assert_int_ge(together, TN_APP_TOGETHER);
	for (int i = 0; i < MANY; i++) {
		ask(fds[i], false, "GET", "/hello", TN_SLICE_NONE);
		expect(fds[i], 200, "hello");
		close(fds[i]);
	}
	close(hold);
	close(alone);
}
END_TEST

/* ---- Between the loop and the helpers ------------------------------------ */

START_TEST(a_chain_goes_to_a_helper_and_comes_back)
{
	int fd = open_connection(), other = open_connection();

	for (int i = 0; i < 3; i++) {
		ask(fd, true, "GET", "/threads", TN_SLICE_NONE);
		ask(other, true, "GET", "/busy", TN_SLICE_NONE);
		expect_lively();
		expect(fd, 200, "loop helper loop ");
		expect(other, 200, "helper loop helper ");
	}
	close(fd);
	close(other);
}
END_TEST

/* The body that came late is all there by then: the connection is kept. */
START_TEST(a_late_body_is_waited_for_by_a_helper)
{
	static char body[300000];
	int fd = open_connection();

	memset(body, 'x', sizeof(body));
	for (int i = 0; i < 3; i++) {
		ask(fd, true, "POST", "/late", tn_slice(body, sizeof(body)));
		expect(fd, 200, "loop ");
	}
	close(fd);
}
END_TEST

/* What the loop cannot send at once goes to a helper again. */
START_TEST(a_long_answer_after_the_way_back)
{
	int fd = open_connection();

	ask(fd, true, "GET", "/large-at-last", TN_SLICE_NONE);
	sleep_ms(2 * SLOW_MS);
	expect_lively();
	expect_large(fd);
	close(fd);
}
END_TEST

/* The loop that has ended answers nobody who comes back to it. */
START_TEST(who_comes_back_after_the_end)
{
	int fds[2], quiet = open_connection();

	ask(quiet, true, "GET", "/hello", TN_SLICE_NONE);
	expect(quiet, 200, "hello");
	for (int i = 0; i < 2; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/back", TN_SLICE_NONE);
	}
	sleep_ms(SLOW_MS / 3);
	kill(server, SIGTERM);
	ck_assert(fcgi_is_closed(quiet));		/* it has seen the first */
	kill(server, SIGTERM);
	ck_assert_int_eq(wait_end(), 0);
	expect_logged("info end path=/back status=503");	/* and cleaned up */
	for (int i = 0; i < 2; i++) {
		ck_assert(fcgi_is_closed(fds[i]));
		close(fds[i]);
	}
	close(quiet);
}
END_TEST

/* With one TERM it does: that was there before. */
START_TEST(term_lets_them_come_back)
{
	int fd = open_connection();

	ask(fd, true, "GET", "/busy", TN_SLICE_NONE);
	sleep_ms(SLOW_MS / 3);
	kill(server, SIGTERM);
	expect(fd, 200, "helper loop helper ");
	ck_assert_int_eq(wait_end(), 0);
	close(fd);
}
END_TEST

/* A web server that keeps no connections: a few are accepted by one turn. */
START_TEST(those_that_connect_together_come_together)
{
	int fds[4];

	expect_lively();
	kill(server, SIGSTOP);
	for (int i = 0; i < 4; i++) {
		char uri[64];

		snprintf(uri, sizeof(uri), "/company?me=%d", i);
		fds[i] = open_connection();
		ask(fds[i], false, "GET", uri, TN_SLICE_NONE);
	}
	kill(server, SIGCONT);
	for (int i = 0; i < 4; i++) {
		char want[32];

		snprintf(want, sizeof(want), "%d of 4", i);
		expect(fds[i], 200, want);
		close(fds[i]);
	}
}
END_TEST

/* One of them goes before it is its turn. */
START_TEST(one_of_those_that_come_together_goes)
{
	int fds[8], hold = open_connection();

	for (int i = 0; i < 8; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
		expect(fds[i], 200, "hello");
	}
	ask(hold, true, "GET", "/hold", TN_SLICE_NONE);
	sleep_ms(SLOW_MS / 3);
	for (int i = 0; i < 8; i++) {
		ask(fds[i], true, "GET", i % 3 == 1 ? "/large" : "/hello",
		    TN_SLICE_NONE);
		if (i % 3 == 1)
			close(fds[i]);
	}
	expect(hold, 200, "held");
	for (int i = 0; i < 8; i++) {
		if (i % 3 == 1)
			continue;
		expect(fds[i], 200, "hello");
		close(fds[i]);
	}
	close(hold);
	expect_lively();
}
END_TEST

START_TEST(many_idle_connections_cost_nothing)
{
	int fds[200];

	for (int i = 0; i < 200; i++) {
		fds[i] = open_connection();
		if (i % 2 == 0) {
			ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
			expect(fds[i], 200, "hello");
		}
	}
	expect_lively();
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	expect_lively();
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice bytes;
} nonsense[] = {
	{ "HTTP", { "GET / HTTP/1.1\r\n\r\n", 18 } },
	{ "a management record", { "\1\11\0\0\0\0\0\0", 8 } },
	{ "an abort of nothing", { "\1\2\0\1\0\0\0\0", 8 } },
	{ "a pair of 2 GB", { "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0"
	    "\1\4\0\1\0\10\0\0\1\377\377\377\377abc", 32 } },
};

START_TEST(what_is_no_request_is_closed)
{
	int fd = open_connection();

	ck_assert(fcgi_send(fd, nonsense[_i].bytes));
	ck_assert_msg(fcgi_is_closed(fd) || errno == ECONNRESET, "%s",
	    nonsense[_i].name);
	close(fd);
	expect_logged("warn host.no_request reason=\"records that are none");
	expect_lively();
}
END_TEST

/* ---- Requests in pieces -------------------------------------------------- */

/* Whatever byte it stops at: nobody else waits, and it is answered later. */
START_TEST(half_a_request_holds_nobody)
{
	struct tn_buf out;
	int fd = open_connection();

	tn_buf_init(&out, 65536);
	fcgi_request(&out, 1, true, "POST", "/count", TN_SLICE_NONE,
	    TN_SLICE("twelve bytes"));
	for (size_t cut = 1; cut < out.len; cut += 13) {
		ck_assert(fcgi_send(fd, tn_slice(out.ptr, cut)));
		if (cut % 3 == 0)
			expect_lively();
		ck_assert(fcgi_send(fd, tn_slice_after(tn_buf_view(&out),
		    cut)));
		expect(fd, 200, "12");
	}
	tn_buf_fini(&out);
	close(fd);
}
END_TEST

START_TEST(a_peer_that_goes_half_way_is_forgotten)
{
	struct tn_buf out;

	tn_buf_init(&out, 65536);
	fcgi_request(&out, 1, true, "POST", "/count", TN_SLICE_NONE,
	    TN_SLICE("body"));
	for (size_t cut = 1; cut < out.len; cut += 7) {
		int fd = open_connection();

		ck_assert(fcgi_send(fd, tn_slice(out.ptr, cut)));
		close(fd);
	}
	tn_buf_fini(&out);
	expect_logged("warn host.no_request reason=\"it broke off");
	expect_lively();
}
END_TEST

START_TEST(an_abort_ends_the_connection)
{
	struct tn_buf out;
	int fd = open_connection();

	tn_buf_init(&out, 65536);
	fcgi_request(&out, 1, true, "POST", "/count", TN_SLICE_NONE,
	    TN_SLICE("body"));
	out.len -= 8;				/* the end of the body */
	ck_assert(fcgi_send(fd, tn_buf_view(&out)));
	sleep_ms(30);
	tn_buf_reset(&out);
	fcgi_record(&out, 2, 1, TN_SLICE_NONE);	/* ABORT_REQUEST */
	ck_assert(fcgi_send(fd, tn_buf_view(&out)));
	tn_buf_fini(&out);
	close(fd);
	expect_lively();
}
END_TEST

/* ---- Bodies -------------------------------------------------------------- */

static const size_t body_sizes[] = { 1, 8192, 65535, 65536, 1 << 20, 5 << 20 };

START_TEST(a_body_is_read_to_its_end)
{
	char digits[32];
	char *body = malloc(body_sizes[_i]);
	int fd = open_connection();

	memset(body, 'x', body_sizes[_i]);
	snprintf(digits, sizeof(digits), "%zu", body_sizes[_i]);
	for (int i = 0; i < 2; i++) {
		ask(fd, true, "POST", "/count", tn_slice(body, body_sizes[_i]));
		expect(fd, 200, digits);
	}
	free(body);
	close(fd);
}
END_TEST

START_TEST(a_body_nobody_reads_does_not_spoil_the_connection)
{
	char *body = malloc(body_sizes[_i]);
	int fd = open_connection();

	memset(body, 'x', body_sizes[_i]);
	ask(fd, true, "POST", "/hello", tn_slice(body, body_sizes[_i]));
	expect(fd, 200, "hello");
	ask(fd, true, "GET", "/hello", TN_SLICE_NONE);
	expect(fd, 200, "hello");
	free(body);
	close(fd);
}
END_TEST

/* ---- Answers ------------------------------------------------------------- */

static const char *const large_ones[] = { "/large", "/pieces" };

/* Head and body leave together, and with them what ends the request. */
START_TEST(a_page_is_one_record)
{
	int fd = open_connection();

	for (int i = 0; i < 3; i++) {
		struct fcgi_answer answer;

		ask(fd, true, "GET", "/some?n=20000", TN_SLICE_NONE);
		ck_assert(fcgi_read(fd, &answer));
		ck_assert_uint_eq(fcgi_body(&answer).len, 20000);
		ck_assert(memcmp(fcgi_body(&answer).ptr, large, 20000) == 0);
		ck_assert_uint_eq(answer.records, 2);	/* one is empty */
		fcgi_answer_fini(&answer);
	}
	close(fd);
}
END_TEST

/* The web server must not take it for the whole. */
START_TEST(a_broken_answer_has_no_end)
{
	int fd = open_connection();
	struct fcgi_answer answer;

	ask(fd, true, "GET", "/broken", TN_SLICE_NONE);
	ck_assert(!fcgi_read(fd, &answer));
	ck_assert(tn_slice_is(fcgi_body(&answer), "once upon"));
	ck_assert(!answer.ended);
	fcgi_answer_fini(&answer);
	close(fd);
	expect_lively();
}
END_TEST

START_TEST(a_reader_that_waits_holds_nobody)
{
	int fd = open_connection();

	ask(fd, true, "GET", large_ones[_i], TN_SLICE_NONE);
	sleep_ms(20);
	expect_lively();
	expect_large(fd);
	ask(fd, true, "GET", "/hello", TN_SLICE_NONE);
	expect(fd, 200, "hello");
	close(fd);
}
END_TEST

/* The connection may be full just when the last byte has been taken. */
START_TEST(a_reader_of_any_length_holds_nobody)
{
	for (int n = 150000; n < 300000; n += 4000) {
		char target[32];
		int fd = open_connection();

		snprintf(target, sizeof(target), "/some?n=%d", n);
		ask(fd, true, "GET", target, TN_SLICE_NONE);
		sleep_ms(5);
		expect_lively();
		close(fd);
	}
}
END_TEST

/* A file of LARGE bytes: those of large. */
static void
make_file(char name[128])
{
	FILE *f;

	snprintf(name, 128, "%s/huge", dir);
	f = fopen(name, "w");
	ck_assert_uint_eq(fwrite(large, 1, LARGE, f), LARGE);
	fclose(f);
}

START_TEST(readers_of_a_file_hold_nobody)
{
	int fds[6], other = open_connection();
	char name[128];

	make_file(name);
	for (int i = 0; i < 6; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/files/huge", TN_SLICE_NONE);
	}
	sleep_ms(20);
	expect_lively();
	ask(other, true, "GET", "/ponder", TN_SLICE_NONE);
	expect(other, 200, "pondered");
	for (int i = 0; i < 6; i++) {
		expect_large(fds[i]);
		ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
		expect(fds[i], 200, "hello");
		close(fds[i]);
	}
	close(other);
	unlink(name);
}
END_TEST

START_TEST(a_file_that_becomes_shorter_has_no_end)
{
	int fd = open_connection();
	struct fcgi_answer answer;
	char name[128];

	make_file(name);
	ask(fd, true, "GET", "/files/huge", TN_SLICE_NONE);
	sleep_ms(50);
	ck_assert_int_eq(truncate(name, LARGE / 2), 0);
	ck_assert(!fcgi_read(fd, &answer));
	ck_assert_uint_eq(fcgi_body(&answer).len, LARGE / 2);
	ck_assert(!answer.ended);
	fcgi_answer_fini(&answer);
	close(fd);
	unlink(name);
	expect_lively();
}
END_TEST

/* More of them than helpers and their queue: the last are let go. */
START_TEST(readers_that_wait_hold_nobody)
{
	int fds[8], other = open_connection();

	for (int i = 0; i < 8; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", i % 2 == 0 ? "/large" : "/large-slow",
		    TN_SLICE_NONE);
	}
	sleep_ms(200);		/* to make eight answers */
	expect_lively();
	ask(other, true, "GET", "/ponder", TN_SLICE_NONE);
	expect(other, 200, "pondered");		/* nor a helper */
	for (int i = 0; i < 8; i++) {
		expect_large(fds[i]);
		ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
		expect(fds[i], 200, "hello");
		close(fds[i]);
	}
	close(other);
}
END_TEST

/* So much is kept for all of them, and no more. */
START_TEST(too_many_readers_that_wait)
{
	enum { MANY = 30 };
	int fds[MANY], whole = 0;

	for (int i = 0; i < MANY; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/large", TN_SLICE_NONE);
	}
	expect_logged("warn host.unsent_full bytes=");
	sleep_ms(200);
	expect_lively();
	for (int i = 0; i < MANY; i++) {
		struct fcgi_answer answer;

		whole += fcgi_read(fds[i], &answer) &&
		    fcgi_body(&answer).len == LARGE;
		fcgi_answer_fini(&answer);
		close(fds[i]);
	}
	ck_assert_int_ge(whole, 20);
	ck_assert_int_lt(whole, MANY);
	expect_lively();
}
END_TEST

/* Who takes nothing for five seconds; who takes a little goes on. */
START_TEST(a_reader_that_is_stuck_is_ended)
{
	int stuck = open_connection(), slow = open_connection();
	static char some[65536];
	size_t left = LARGE;

	ask(stuck, true, "GET", "/large", TN_SLICE_NONE);
	ask(slow, true, "GET", "/large", TN_SLICE_NONE);
	for (int i = 0; i < 16; i++) {
		ck_assert_int_eq(recv(slow, some, sizeof(some), MSG_WAITALL),
		    sizeof(some));
		left -= sizeof(some);
		sleep_ms(450);
	}
	expect_logged("info host.reader_stuck unsent=");
	while (left > sizeof(some)) {
		ssize_t n = recv(slow, some, sizeof(some), 0);

		ck_assert_int_gt(n, 0);
		left -= left < (size_t)n ? left : (size_t)n;
	}
	close(slow);
	close(stuck);
}
END_TEST

START_TEST(term_lets_a_slow_reader_read)
{
	int fd = open_connection();

	ask(fd, true, "GET", "/large", TN_SLICE_NONE);
	sleep_ms(50);
	kill(server, SIGTERM);
	sleep_ms(500);
	expect_large(fd);
	ck_assert(fcgi_is_closed(fd));
	ck_assert_int_eq(wait_end(), 0);
	close(fd);
}
END_TEST

/* Descriptors of the server. */
static int
count_open(void)
{
	char name[64];
	DIR *d;
	int n = 0;

	snprintf(name, sizeof(name), "/proc/%d/fd", (int)server);
	d = opendir(name);
	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static const char *const long_answers[] = {
	"/large", "/large-slow", "/files/huge",
};

START_TEST(a_reader_that_goes_is_forgotten)
{
	char name[128];
	int before;

	make_file(name);
	expect_lively();
	before = count_open();
	for (int i = 0; i < 8; i++) {
		int fd = open_connection();

		ask(fd, true, "GET", long_answers[_i], TN_SLICE_NONE);
		if (i % 2 == 0)
			sleep_ms(20);
		close(fd);
	}
	for (int i = 0; i < 200 && count_open() > before; i++)
		sleep_ms(10);
	ck_assert_int_le(count_open(), before);
	expect_lively();
	unlink(name);
}
END_TEST

/* ---- Limits -------------------------------------------------------------- */

static void
ask_with_header(int fd, size_t bytes)
{
	char *text = malloc(bytes);
	struct tn_buf params, out;

	memset(text, 'v', bytes);
	tn_buf_init(&params, 1 << 20);
	tn_buf_init(&out, 1 << 20);
	fcgi_param(&params, "HTTP_X_LONG", tn_slice(text, bytes));
	fcgi_request(&out, 1, true, "GET", "/hello", tn_buf_view(&params),
	    TN_SLICE_NONE);
	fcgi_send(fd, tn_buf_view(&out));	/* refused before its end, perhaps */
	tn_buf_fini(&params);
	tn_buf_fini(&out);
	free(text);
}

START_TEST(a_large_header_is_431)
{
	int fd = open_connection();

	ask_with_header(fd, TN_LIMIT_HEADER_BYTES - 1024);
	expect(fd, 200, "hello");
	ask_with_header(fd, TN_LIMIT_HEADER_BYTES);
	expect(fd, 431, NULL);
	expect_logged("status=431 reason=\"header too long\"");
	ask(fd, true, "GET", "/hello", TN_SLICE_NONE);
	expect(fd, 200, "hello");
	close(fd);
}
END_TEST

START_TEST(a_huge_header_is_431_and_the_end)
{
	static const size_t sizes[] = { TN_LIMIT_FCGI_HEAD, 200000 };
	int fd = open_connection();

	ask_with_header(fd, sizes[_i]);
	expect(fd, 431, NULL);
	close(fd);
	expect_logged("warn host.header_too_large status=431 limit=");
	expect_lively();
}
END_TEST

START_TEST(too_many_headers_are_refused)
{
	struct tn_buf params, out;
	int fd = open_connection();
	char name[32];

	tn_buf_init(&params, 1 << 20);
	tn_buf_init(&out, 1 << 20);
	for (int i = 0; i <= TN_LIMIT_HEADER_COUNT; i++) {
		snprintf(name, sizeof(name), "HTTP_X_%d", i);
		fcgi_param(&params, name, TN_SLICE("1"));
	}
	fcgi_request(&out, 1, true, "GET", "/hello", tn_buf_view(&params),
	    TN_SLICE_NONE);
	ck_assert(fcgi_send(fd, tn_buf_view(&out)));
	expect(fd, 431, NULL);
	expect_logged("status=431 reason=\"too many headers\"");
	tn_buf_fini(&params);
	tn_buf_fini(&out);
	close(fd);
}
END_TEST

START_TEST(past_the_queue_it_is_503)
{
	int fds[8], busy = 0;

	for (int i = 0; i < 8; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/ponder", TN_SLICE_NONE);
	}
	expect_lively();
	for (int i = 0; i < 8; i++) {
		struct fcgi_answer answer;

		ck_assert(fcgi_read(fds[i], &answer));
		busy += answer.status == 503;
		ck_assert(answer.status == 503 || answer.status == 200);
		fcgi_answer_fini(&answer);
	}
	ck_assert_int_eq(busy, 4);	/* 2 at work, 2 waiting */
	expect_logged("warn host.pool_full in_pool=4");
	for (int i = 0; i < 8; i++) {
		ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
		expect(fds[i], 200, "hello");
		close(fds[i]);
	}
}
END_TEST

/* ---- The end ------------------------------------------------------------- */

START_TEST(term_finishes_what_runs)
{
	int running = open_connection(), kept = open_connection();

	ask(kept, true, "GET", "/hello", TN_SLICE_NONE);
	expect(kept, 200, "hello");
	ask(running, true, "GET", "/ponder", TN_SLICE_NONE);
	sleep_ms(50);
	kill(server, SIGTERM);
	sleep_ms(50);
	ask(kept, true, "GET", "/hello", TN_SLICE_NONE);
	expect(kept, 200, "hello");
	expect(running, 200, "pondered");
	ck_assert(fcgi_is_closed(kept));
	ck_assert_int_eq(wait_end(), 0);
	close(running);
	close(kept);
}
END_TEST

/* Stopped, it cannot accept; continued, TERM is the first that it sees. */
START_TEST(term_takes_who_has_connected)
{
	int fds[10];

	expect_lively();
	kill(server, SIGSTOP);
	for (int i = 0; i < 10; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
	}
	kill(server, SIGTERM);
	kill(server, SIGCONT);
	for (int i = 0; i < 10; i++) {
		expect(fds[i], 200, "hello");
		close(fds[i]);
	}
	ck_assert_int_eq(wait_end(), 0);
}
END_TEST

START_TEST(a_second_term_ends_at_once)
{
	int64_t before;
	int fd = open_connection(), quiet = open_connection();

	ask(quiet, true, "GET", "/hello", TN_SLICE_NONE);
	expect(quiet, 200, "hello");
	ask(fd, true, "GET", "/large", TN_SLICE_NONE);	/* and do not read */
	kill(server, SIGTERM);
	ck_assert(fcgi_is_closed(quiet));		/* it has seen the first */
	before = tn_clock_mono_ms();
	kill(server, SIGTERM);
	ck_assert_int_eq(wait_end(), 0);
	ck_assert_int_lt(tn_clock_mono_ms() - before, 1000);
	close(quiet);
	close(fd);
}
END_TEST

START_TEST(hup_reloads)
{
	char name[128];

	expect_lively();
	snprintf(name, sizeof(name), "%s/reloaded", dir);
	kill(server, SIGHUP);
	for (int i = 0; i < 200 && access(name, F_OK) < 0; i++)
		sleep_ms(10);
	ck_assert_int_eq(access(name, F_OK), 0);
	expect_lively();
}
END_TEST

START_TEST(the_socket_is_not_for_everybody)
{
	struct stat st;

	expect_lively();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
}
END_TEST

/* ---- Several processes --------------------------------------------------- */

static void
set_up_family(void)
{
	make_dir();
	start(2);
}

static pid_t
ask_pid(int fd)
{
	struct fcgi_answer answer;
	uint64_t pid = 0;

	ask(fd, true, "GET", "/pid", TN_SLICE_NONE);
	if (fcgi_read(fd, &answer))
		tn_slice_u64(fcgi_body(&answer), &pid);
	fcgi_answer_fini(&answer);
	return (pid_t)pid;
}

START_TEST(a_worker_that_dies_is_replaced)
{
	for (int i = 0; i < 4; i++) {
		int fd = open_connection();
		pid_t pid = ask_pid(fd);

		ck_assert_int_gt(pid, 0);
		ck_assert_int_ne(pid, server);
		kill(pid, SIGKILL);
		ck_assert(fcgi_is_closed(fd));
		close(fd);
		fd = open_connection();
		ck_assert_int_ne(ask_pid(fd), pid);
		close(fd);
	}
}
END_TEST

START_TEST(a_family_ends_together)
{
	int fd = open_connection();
	pid_t pid = ask_pid(fd);

	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(stop(), 0);
	ck_assert_int_eq(kill(pid, 0), -1);
	close(fd);
}
END_TEST

START_TEST(workers_go_with_their_parent)
{
	int fd = open_connection();
	pid_t pid = ask_pid(fd);

	kill(server, SIGKILL);
	ck_assert_int_eq(wait_end(), 1000 + SIGKILL);
	for (int i = 0; i < 300 && kill(pid, 0) == 0; i++)
		sleep_ms(10);
	ck_assert_int_eq(kill(pid, 0), -1);
	unlink(path);
	close(fd);
}
END_TEST

/* ---- A socket that was handed over --------------------------------------- */

static int
listen_here(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	return fd;
}

static bool
has_answer(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 100) == 1;
}

/* Though they are accepted a few at a time. */
START_TEST(with_so_many_none_is_taken)
{
	int fds[6];

	make_dir();
	max_connections = 3;
	start(1);
	expect_lively();
	kill(server, SIGSTOP);
	for (int i = 0; i < 6; i++) {
		fds[i] = open_connection();
		ask(fds[i], true, "GET", "/hello", TN_SLICE_NONE);
	}
	kill(server, SIGCONT);
	ck_assert(has_answer(fds[2]));
	ck_assert(!has_answer(fds[3]));
	for (int i = 0; i < 6; i++) {
		expect(fds[i], 200, "hello");
		close(fds[i]);
	}
	tear_down();
}
END_TEST

START_TEST(descriptor_0_is_taken)
{
	struct tn_host_app_options options = {
		.listen = "unix:/nowhere/at/all", .workers = 1,
	};
	int fd;

	make_dir();
	fd = listen_here();
	server = fork();
	if (server == 0) {
		dup2(fd, 0);
		close(fd);
		exit(serve(&options));
	}
	close(fd);
	expect_lively();
	ck_assert_int_eq(stop(), 0);
	ck_assert_int_eq(access(path, F_OK), 0);	/* not ours to remove */
	unlink(path);
	remove_log();
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static TCase *
on_one(void)
{
	TCase *tc = tcase_create("one process");
	const int sizes = (int)(sizeof(body_sizes) / sizeof(body_sizes[0]));
	const int wrong = (int)(sizeof(nonsense) / sizeof(nonsense[0]));

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_kept_connection_answers_again_and_again);
	tcase_add_test(tc, a_connection_that_is_not_kept_is_closed);
	tcase_add_test(tc, those_that_come_together_are_told_apart);
	tcase_add_test(tc, those_that_connect_together_come_together);
	tcase_add_test(tc, one_of_those_that_come_together_goes);
	tcase_add_test(tc, a_chain_goes_to_a_helper_and_comes_back);
	tcase_add_test(tc, a_late_body_is_waited_for_by_a_helper);
	tcase_add_test(tc, a_long_answer_after_the_way_back);
	tcase_add_test(tc, who_comes_back_after_the_end);
	tcase_add_test(tc, term_lets_them_come_back);
	tcase_add_test(tc, many_idle_connections_cost_nothing);
	tcase_add_loop_test(tc, what_is_no_request_is_closed, 0, wrong);
	tcase_add_test(tc, half_a_request_holds_nobody);
	tcase_add_test(tc, a_peer_that_goes_half_way_is_forgotten);
	tcase_add_test(tc, an_abort_ends_the_connection);
	tcase_add_loop_test(tc, a_body_is_read_to_its_end, 0, sizes);
	tcase_add_loop_test(tc,
	    a_body_nobody_reads_does_not_spoil_the_connection, 0, sizes);
	tcase_add_test(tc, a_page_is_one_record);
	tcase_add_test(tc, a_broken_answer_has_no_end);
	tcase_add_loop_test(tc, a_reader_that_waits_holds_nobody, 0, 2);
	tcase_add_test(tc, a_reader_of_any_length_holds_nobody);
	tcase_add_test(tc, readers_of_a_file_hold_nobody);
	tcase_add_test(tc, a_file_that_becomes_shorter_has_no_end);
	tcase_add_test(tc, readers_that_wait_hold_nobody);
	tcase_add_test(tc, too_many_readers_that_wait);
	tcase_add_test(tc, a_reader_that_is_stuck_is_ended);
	tcase_add_test(tc, term_lets_a_slow_reader_read);
	tcase_add_loop_test(tc, a_reader_that_goes_is_forgotten, 0, 3);
	tcase_add_test(tc, a_large_header_is_431);
	tcase_add_loop_test(tc, a_huge_header_is_431_and_the_end, 0, 2);
	tcase_add_test(tc, too_many_headers_are_refused);
	tcase_add_test(tc, past_the_queue_it_is_503);
	tcase_add_test(tc, term_finishes_what_runs);
	tcase_add_test(tc, term_takes_who_has_connected);
	tcase_add_test(tc, a_second_term_ends_at_once);
	tcase_add_test(tc, hup_reloads);
	tcase_add_test(tc, the_socket_is_not_for_everybody);
	return tc;
}

static Suite *
fcgi_suite(void)
{
	Suite *s = suite_create("fcgi");
	TCase *family = tcase_create("several processes");
	TCase *given = tcase_create("a socket handed over");

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 23);
	suite_add_tcase(s, on_one());
	tcase_set_timeout(family, 30);
	tcase_add_checked_fixture(family, set_up_family, tear_down);
	tcase_add_test(family, a_worker_that_dies_is_replaced);
	tcase_add_test(family, a_family_ends_together);
	tcase_add_test(family, workers_go_with_their_parent);
	suite_add_tcase(s, family);
	tcase_set_timeout(given, 30);
	tcase_add_test(given, with_so_many_none_is_taken);
	tcase_add_test(given, descriptor_0_is_taken);
	suite_add_tcase(s, given);
	return s;
}

TN_CHECK_MAIN(fcgi_suite)
