/* Connections that pass from worker to worker, and what is none. */
#include "config.h"

#include "host/handover.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_main.h"
#include "poll_loop.h"

enum { WAIT_MS = 3000, MANY = 5000 };

struct worker {
	struct tn_handover handover;
	int adopted[4];
	size_t nadopted, nrefused;
	const char *why;
};

static char dir[64];
static struct poll_loop loop;
static struct worker a, b;

static void
on_adopt(int fd, void *arg)
{
	struct worker *w = arg;

	if (w->nadopted < 4)
		w->adopted[w->nadopted] = fd;
	else
		close(fd);
	w->nadopted++;
}

static void
on_refuse(const char *why, void *arg)
{
	struct worker *w = arg;

	w->why = why;
	w->nrefused++;
}

static int
open_worker(struct worker *w, const char *name)
{
	*w = (struct worker){ .handover = { .loop = &loop.loop, .dir = dir,
	    .adopt = on_adopt, .refuse = on_refuse, .arg = w } };
	return tn_handover_open(&w->handover, name, NULL);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/check_handover.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	ck_assert_int_eq(open_worker(&a, "a"), 0);
	ck_assert_int_eq(open_worker(&b, "b"), 0);
}

static void
teardown(void)
{
	tn_handover_close(&a.handover);
	tn_handover_close(&b.handover);
	poll_loop_fini(&loop);
	ck_assert_int_eq(rmdir(dir), 0);	/* the sockets are gone */
}

static bool
b_got_something(void *arg)
{
	(void)arg;
	return b.nadopted + b.nrefused > 0;
}

static size_t
open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

START_TEST(a_connection_passes_unread)
{
	int pair[2];
	char text[16];
	struct stat st;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(write(pair[0], "hello", 5), 5);
	ck_assert_int_eq(tn_handover_give(&a.handover, TN_SLICE("b"),
	    pair[1]), TN_HANDOVER_DONE);
	close(pair[1]);
	ck_assert(poll_loop_until(&loop, b_got_something, NULL, WAIT_MS));
	ck_assert_uint_eq(b.nadopted, 1);
	ck_assert_int_eq(read(b.adopted[0], text, sizeof(text)), 5);
	ck_assert_int_eq(write(b.adopted[0], "you", 3), 3);
	ck_assert_int_eq(read(pair[0], text, sizeof(text)), 3);
	ck_assert(fcntl(b.adopted[0], F_GETFD) & FD_CLOEXEC);
	close(b.adopted[0]);
	close(pair[0]);
	ck_assert_int_eq(stat(b.handover.own.sun_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(who_is_not_there_is_told_apart)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(tn_handover_give(&a.handover, TN_SLICE("c"),
	    pair[1]), TN_HANDOVER_UNKNOWN);
	/* as SIGKILL leaves it: closed, and its file still there */
	tn_loop_unwatch(&loop.loop, &b.handover.in);
	close(b.handover.in.fd);
	b.handover.in.fd = -1;
	ck_assert_int_eq(tn_handover_give(&a.handover, TN_SLICE("b"),
	    pair[1]), TN_HANDOVER_DEAD);
	tn_handover_close(&b.handover);
	ck_assert_int_eq(open_worker(&b, "b"), 0);
	ck_assert_int_eq(tn_handover_give(&a.handover, TN_SLICE("b"),
	    pair[1]), TN_HANDOVER_DONE);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* A worker that does not look must not hold up the one that gives. */
START_TEST(a_full_queue_is_said)
{
	enum tn_handover_result r = TN_HANDOVER_DONE;
	size_t n = 0;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	while (r == TN_HANDOVER_DONE && n < MANY) {
		r = tn_handover_give(&a.handover, TN_SLICE("b"), pair[1]);
		n++;
	}
	ck_assert_int_eq(r, TN_HANDOVER_LATER);
	ck_assert(poll_loop_until(&loop, b_got_something, NULL, WAIT_MS));
	ck_assert_int_eq(tn_handover_give(&a.handover, TN_SLICE("b"),
	    pair[1]), TN_HANDOVER_DONE);
	for (size_t i = 0; i < b.nadopted && i < 4; i++)
		close(b.adopted[i]);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* ---- What is no connection ----------------------------------------------- */

enum what { WHAT_NOTHING, WHAT_PIPE, WHAT_LISTENER, WHAT_GOOD };

static const struct {
	const char *name, *words;
	enum what what;
	bool is_taken;
} parcels[] = {
	{ "a connection", "tandem 1", WHAT_GOOD, true },
	{ "another form", "tandem 2", WHAT_GOOD, false },
	{ "no words", "", WHAT_GOOD, false },
	{ "words cut", "tandem", WHAT_GOOD, false },
	{ "words behind them", "tandem 1, and more than that", WHAT_GOOD,
	    false },
	{ "no descriptor", "tandem 1", WHAT_NOTHING, false },
	{ "a pipe", "tandem 1", WHAT_PIPE, false },
	{ "a listening socket", "tandem 1", WHAT_LISTENER, false },
};

static void
send_parcel(const char *words, const int *fds, size_t n)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = "" };
	struct iovec text = { (void *)words, strlen(words) };
	struct msghdr message = {
		.msg_name = &b.handover.own,
		.msg_namelen = sizeof(b.handover.own),
		.msg_iov = &text,
		.msg_iovlen = 1,
	};

	if (n > 0) {
		struct cmsghdr *c;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	ck_assert_int_ge(sendmsg(a.handover.out, &message, 0), 0);
}

START_TEST(takes_connections_alone)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), pair[2], pipes[2];
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	size_t before;

	ck_assert_int_eq(bind(listener, (const struct sockaddr *)&any,
	    sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(pipe(pipes), 0);
	before = open_descriptors();
	send_parcel(parcels[_i].words, parcels[_i].what == WHAT_PIPE ?
	    &pipes[0] : parcels[_i].what == WHAT_LISTENER ? &listener :
	    &pair[0], parcels[_i].what == WHAT_NOTHING ? 0 : 1);
	ck_assert(poll_loop_until(&loop, b_got_something, NULL, WAIT_MS));
	ck_assert_msg((b.nadopted == 1) == parcels[_i].is_taken, "%s: %s",
	    parcels[_i].name, b.why);
	if (b.nadopted == 1)
		close(b.adopted[0]);
	ck_assert_uint_eq(open_descriptors(), before);
	close(listener);
	close(pair[0]);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

START_TEST(a_second_descriptor_does_not_stay)
{
	size_t before;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	before = open_descriptors();
	send_parcel("tandem 1", pair, 2);
	ck_assert(poll_loop_until(&loop, b_got_something, NULL, WAIT_MS));
	for (size_t i = 0; i < b.nadopted; i++)
		close(b.adopted[i]);
	ck_assert_uint_eq(open_descriptors(), before);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("handover");
	TCase *t = tcase_create("connections");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_connection_passes_unread);
	tcase_add_test(t, who_is_not_there_is_told_apart);
	tcase_add_test(t, a_full_queue_is_said);
	tcase_add_loop_test(t, takes_connections_alone, 0,
	    sizeof(parcels) / sizeof(parcels[0]));
	tcase_add_test(t, a_second_descriptor_does_not_stay);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
