/* The host of a Socket.IO server in this process: counted, told to stop. */
#include "config.h"

#include "host/host_io.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/random.h"
#include "check_main.h"

enum { STEP_MS = 20, STEPS = 250 };

static char dir[32], address[80];
static struct tn_host_io *host;
static struct tn_timer timer;
static int client = -1, step;
static bool was_draining, was_counted;

static void
setup(void)
{
	struct tn_host_io_options options = { .drain_ms = 200 };

	strcpy(dir, "/tmp/check-run.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(address, sizeof(address), "unix:%s/s", dir);
	options.listen = address;
	ck_assert_int_eq(tn_random_start(NULL), 0);
	host = tn_host_io_new(&options, NULL, NULL);
	ck_assert_ptr_nonnull(host);
}

static void
teardown(void)
{
	tn_host_io_free(&host);
	if (client >= 0)
		close(client);
	unlink(address + strlen("unix:"));
	rmdir(dir);
}

static void
connect_client(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(addr.sun_path, address + strlen("unix:"));
	ck_assert_int_eq(connect(client, (struct sockaddr *)&addr,
	    sizeof(addr)), 0);
}

/* In the host's own loop: connect, be counted, tell it to stop. */
static void
on_step(void *arg)
{
	const struct tn_host_counts *counts = tn_host_io_counts(host);
	struct tn_loop *loop = tn_host_io_loop(host);

	if (client < 0) {
		ck_assert_uint_eq(counts->accepted, 0);
		ck_assert(!tn_host_io_is_draining(host));
		connect_client();
	} else if (!was_counted && counts->accepted > 0) {
		was_counted = counts->accepted == 1;
		ck_assert(!tn_host_io_is_draining(host));
		kill(getpid(), *(int *)arg);
	} else if (tn_host_io_is_draining(host)) {
		was_draining = true;
		return;
	}
	ck_assert_int_lt(step++, STEPS);
	tn_wheel_set(&loop->wheel, &timer, loop->wheel.now_ms + STEP_MS,
	    on_step, arg);
}

START_TEST(host_runs_until_it_is_told_to_stop)
{
	int signals[] = { SIGTERM, SIGINT };
	struct tn_loop *loop = tn_host_io_loop(host);
	struct tn_io *io = tn_io_new(&(struct tn_io_options){ .engine = {
		.ping_interval_ms = 25000 } }, &loop->wheel, NULL, NULL);
	struct tn_err err = { .code = 0 };

	ck_assert(!tn_host_io_is_draining(host));
	ck_assert_uint_eq(tn_host_io_counts(host)->accepted, 0);
	tn_wheel_set(&loop->wheel, &timer, loop->wheel.now_ms + STEP_MS,
	    on_step, &signals[_i]);
	ck_assert_msg(tn_host_run_io(host, io, &err) == 0, "%s", err.text);
	ck_assert(was_counted);
	ck_assert(was_draining || tn_host_io_is_draining(host));
	tn_wheel_cancel(&loop->wheel, &timer);
	tn_io_free(&io);
}
END_TEST

START_TEST(host_that_cannot_listen_says_so)
{
	const struct tn_host_io_options options = {
		.listen = "unix:/nonexistent/folder/s" };
	struct tn_io *io;
	struct tn_err err;

	tn_host_io_free(&host);
	host = tn_host_io_new(&options, NULL, NULL);
	ck_assert_ptr_nonnull(host);
	io = tn_io_new(&(struct tn_io_options){ .connect_timeout_ms = 0 },
	    &tn_host_io_loop(host)->wheel, NULL, NULL);
	ck_assert_int_eq(tn_host_run_io(host, io, &err), TN_E_SYSTEM);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/folder/s"));
	tn_io_free(&io);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("host_run");
	TCase *tc = tcase_create("host_run");

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, host_runs_until_it_is_told_to_stop, 0, 2);
	tcase_add_test(tc, host_that_cannot_listen_says_so);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
