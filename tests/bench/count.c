/*
 * What ./dev bench count runs under callgrind: each operation in a function
 * op_*, after which valgrind is told to dump its counters; zero_counters is
 * where it zeroes them.
 *
 *	count VIEWS PUBLIC	run them all
 *	count --list		their names, and how many operations a run has
 *	count --identity	what the numbers depend on
 */
#include "config.h"

#include "count.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/random.h"
#include "base/url.h"
#include "session/signature.h"

#ifndef COUNT_FLAGS
#define COUNT_FLAGS ""
#endif

void
count_die(const char *what)
{
	fprintf(stderr, "count: %s\n", what);
	exit(2);
}

const char *
count_cookie(void)
{
	static const struct tn_slice secret = TN_SLICE(COUNT_SECRET);
	static char cookie[COUNT_COOKIE_BYTES];
	struct tn_signer *signer = tn_signer_new(&secret, 1, NULL);
	struct tn_buf text, value;

	tn_buf_init(&text, sizeof(cookie));
	tn_buf_init(&value, sizeof(cookie));
	tn_buf_str(&text, "s:");
	tn_sign(&text, signer, TN_SLICE(COUNT_SID));
	tn_url_encode(&value, tn_buf_view(&text));
	snprintf(cookie, sizeof(cookie), "connect.sid=%.*s",
	    TN_SLICE_ARG(tn_buf_view(&value)));
	tn_buf_fini(&value);
	tn_buf_fini(&text);
	tn_signer_free(&signer);
	return cookie;
}

static __attribute__((noinline)) void
zero_counters(void)
{
	__asm__ volatile("");
}

static void
run(const struct count_op *op)
{
	for (; op->name != NULL; op++) {
		zero_counters();
		op->run();
	}
}

static void
list(const struct count_op *op)
{
	for (; op->name != NULL; op++)
		printf("%s %u\n", op->name, op->operations);
}

/* Of the compiler's flags, those that choose instructions. */
static void
identify(void)
{
	char flags[] = COUNT_FLAGS, *rest = flags, *flag;

	printf("%s, ", __VERSION__);
	while ((flag = strsep(&rest, " ")) != NULL) {
		if (strncmp(flag, "-O", 2) == 0 ||
		    strncmp(flag, "-m", 2) == 0 ||
		    (strncmp(flag, "-f", 2) == 0 &&
		    strncmp(flag, "-fsanitize", 10) != 0))
			printf("%s ", flag);
	}
#ifdef __x86_64__
	printf("x86-64\n");
#else
	printf("another machine\n");
#endif
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		list(count_io_ops);
		list(count_web_ops);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--identity") == 0) {
		identify();
		return 0;
	}
	if (argc != 3)
		count_die("usage: see the top of tests/bench/count.c");
	if (tn_random_start(NULL) < 0)
		count_die("no random bytes");
	count_io_start();
	run(count_io_ops);
	count_io_stop();
	count_web_start(&(struct count_places){ argv[1], argv[2] });
	run(count_web_ops);
	count_web_stop();
	return 0;
}
