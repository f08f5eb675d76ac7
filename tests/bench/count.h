/*
 * Operations whose instructions are counted: the real code between the bytes
 * that come and the bytes that go, without the system calls.
 */
#ifndef TN_BENCH_COUNT_H
#define TN_BENCH_COUNT_H

/* An operation, so many times that what is done once does not show. */
struct count_op {
	const char *name;
	void (*run)(void);		/* named op_*, which valgrind looks for */
	unsigned operations;		/* in one run */
};

/* What is read from the source tree. */
struct count_places {
	const char *views;		/* fcgi/views */
	const char *public;		/* fcgi/public */
};

extern const struct count_op count_io_ops[];	/* the last has no name */
extern const struct count_op count_web_ops[];

void count_io_start(void);
void count_io_stop(void);
void count_web_start(const struct count_places *places);
void count_web_stop(void);

/* End it all, since what must not fail has failed. */
void count_die(const char *what);

#define COUNT_SECRET	"a secret for the bench alone, of length"
#define COUNT_SID	"0123456789abcdefABCDEF-_xyz01234"
#define COUNT_COOKIE_BYTES 256

/* "connect.sid=s:..." of COUNT_SID. */
const char *count_cookie(void);

/* What stands in Redis of somebody who has logged in. */
#define COUNT_RECORD							\
	"{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"	\
	"\"httpOnly\":true,\"path\":\"/\"},"				\
	"\"csrfSecret\":\"benchbenchbenchbenchbenc\","			\
	"\"isAuthenticated\":true,\"user\":{\"id\":\"load1\","		\
	"\"displayName\":\"Load\",\"provider\":\"local\"}}"

#endif
