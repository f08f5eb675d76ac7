#include "config.h"

#include "host/batch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_main.h"

static struct tn_batch *batch;
static struct tn_batch_send sends[TN_BATCH_SENDS];
static struct iovec iov[TN_BATCH_SENDS][2];
static int theirs[TN_BATCH_SENDS];
static char text[TN_BATCH_SENDS][32];

/* n pairs of sockets, each to be sent a text of its own in two pieces. */
static void
open_pairs(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		snprintf(text[i], sizeof(text[i]), "message %zu", i);
		iov[i][0] = (struct iovec){ text[i], 4 };
		iov[i][1] = (struct iovec){ text[i] + 4, strlen(text[i]) - 4 };
		sends[i] = (struct tn_batch_send){ .fd = ends[0],
			.iov = iov[i], .n = 2 };
		theirs[i] = ends[1];
	}
}

static void
close_pairs(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		close(sends[i].fd);
		close(theirs[i]);
	}
}

static void
came(size_t i)
{
	char got[64];

	ck_assert_int_eq(sends[i].sent, (ssize_t)strlen(text[i]));
	ck_assert_int_eq(recv(theirs[i], got, sizeof(got), MSG_DONTWAIT),
	    sends[i].sent);
	ck_assert_mem_eq(got, text[i], strlen(text[i]));
}

/* With a ring, where there is one, and without. */
static void
begin(int loop)
{
	batch = tn_batch_new(loop == 1);
	ck_assert_ptr_nonnull(batch);
	if (loop == 0)
		ck_assert(!tn_batch_has_ring(batch));
}

START_TEST(each_gets_its_own)
{
	static const size_t counts[] = { 1, 3, 4, 5, TN_BATCH_SENDS };

	begin(_i);
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		open_pairs(counts[k]);
		for (int round = 0; round < 3; round++) {
			tn_batch_send(batch, sends, counts[k]);
			for (size_t i = 0; i < counts[k]; i++)
				came(i);
		}
		close_pairs(counts[k]);
	}
	tn_batch_free(&batch);
	ck_assert_ptr_null(batch);
}
END_TEST

START_TEST(who_has_gone_or_is_full_harms_nobody)
{
	static char much[1 << 20];
	const int small = 4096;
	ssize_t partly;

	begin(_i);
	open_pairs(8);
	close(theirs[2]);
	setsockopt(sends[5].fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	iov[5][0] = (struct iovec){ much, sizeof(much) };
	tn_batch_send(batch, sends, 8);
	partly = sends[5].sent;
	ck_assert_int_eq(sends[2].sent, -EPIPE);
	ck_assert(partly > 0 && partly < (ssize_t)sizeof(much));
	came(0);
	came(7);
	tn_batch_send(batch, sends, 8);
	ck_assert_int_eq(sends[5].sent, -EAGAIN);
	came(0);
	came(7);
	theirs[2] = sends[2].fd;
	close_pairs(8);
	tn_batch_free(&batch);
}
END_TEST

/* A ring belongs to who made it; a child sends all the same. */
START_TEST(a_child_can_send)
{
	int status;
	pid_t pid;

	begin(_i);
	open_pairs(8);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		tn_batch_send(batch, sends, 8);
		for (size_t i = 0; i < 8; i++)
			if (sends[i].sent != (ssize_t)strlen(text[i]))
				_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close_pairs(8);
	tn_batch_free(&batch);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("batch");
	TCase *t = tcase_create("batch");

	tcase_add_loop_test(t, each_gets_its_own, 0, 2);
	tcase_add_loop_test(t, who_has_gone_or_is_full_harms_nobody, 0, 2);
	tcase_add_loop_test(t, a_child_can_send, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
