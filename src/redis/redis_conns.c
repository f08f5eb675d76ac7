#include "config.h"

#include "redis/redis_conns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "redis/dial.h"
#include "redis/topology.h"
#include "redis/wire.h"

/*
 * When is a command given a second time? Only when not one byte of it can
 * have reached Redis: the connection was found closed before sending, or
 * refused the first byte. From then on a lost connection is told to the
 * caller as TN_E_AWAY, because the command may have been carried out, and
 * INCR twice is worse than an error once. A connection that rested for
 * IDLE_CHECK_MS is looked at first, which finds those that a restart or an
 * idle timeout of Redis has closed; a busy one is spared that system call.
 */
#define IDLE_CHECK_MS	100

/*
 * A server that did not answer in time is left alone for a while: else each
 * request of a queue would wait for its own deadline, one behind the other.
 * Then one call looks whether it is back, and until it knows the others fail
 * at once. A refusal that comes at once costs nobody time and is not counted.
 */
#define REST_MS		500
#define SLOW_MS		100	/* a failure that took so long was a wait */
#define CHUNK		16384	/* bytes asked for at a time */

struct conn {
	struct conn *next;	/* in the list of those that are free */
	int fd;			/* -1: not connected */
	int64_t used_ms;	/* when it was last of use */
	struct tn_reader reader;
};

struct tn_redis_conns {
	const struct tn_redis_options *options;
	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t released;
	struct conn *idle;	/* the last one used first */
	int64_t rest_until_ms;	/* no call before; 0: it answers */
	struct conn *all;	/* for the end */
	size_t max;
};

static void
hang_up(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	tn_reader_fini(&c->reader);
}

static int
acquire(struct tn_redis_conns *conns, struct conn **out, struct tn_err *err)
{
	int64_t due = tn_clock_mono_ms() + tn_redis_command_ms(conns->options);
	struct timespec until = {
		.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000,
	};
	struct conn *c;
	int r = 0;

	pthread_mutex_lock(&conns->lock);
	while (conns->idle == NULL && r == 0)
		r = pthread_cond_timedwait(&conns->released, &conns->lock,
		    &until);
	c = conns->idle;
	if (c != NULL)
		conns->idle = c->next;
	pthread_mutex_unlock(&conns->lock);
	if (c == NULL)
		return tn_err_set(err, TN_E_TIMEOUT,
		    "all %zu connections to redis are busy", conns->max);
	*out = c;
	return 0;
}

static void
release(struct tn_redis_conns *conns, struct conn *c)
{
	c->used_ms = tn_clock_mono_ms();
	pthread_mutex_lock(&conns->lock);
	c->next = conns->idle;
	conns->idle = c;
	pthread_cond_signal(&conns->released);
	pthread_mutex_unlock(&conns->lock);
}

/*
 * Send all of it. *sent counts the bytes that the kernel took.
 * Returns 0, TN_E_TIMEOUT, TN_E_AWAY.
 */
static int
send_all(struct conn *c, struct tn_slice bytes, int64_t deadline_ms,
    size_t *sent, struct tn_err *err)
{
	*sent = 0;
	while (*sent < bytes.len) {
		ssize_t n = send(c->fd, bytes.ptr + *sent, bytes.len - *sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		int r = 0;

		if (n >= 0)
			*sent += (size_t)n;
		else if (errno == EAGAIN)
			r = tn_dial_wait(c->fd, POLLOUT, deadline_ms, err);
		else if (errno != EINTR)
			return tn_err_errno(err, TN_E_AWAY, "send to redis");
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Read until there is a whole reply. The socket itself waits for as long as
 * a command may take, so the first read needs no poll; what a reply that
 * dribbles has left of the time, poll knows.
 */
static int
receive(struct conn *c, int64_t deadline_ms, struct tn_reply **out,
    struct tn_err *err)
{
	char chunk[CHUNK];
	bool first = true;
	int r = tn_reader_next(&c->reader, out, err);

	while (r == 0) {
		ssize_t n;

		if (!first)
			r = tn_dial_wait(c->fd, POLLIN, deadline_ms, err);
		if (r < 0)
			return r;
		n = recv(c->fd, chunk, sizeof(chunk), 0);
		first = false;
		if (n == 0)
			return tn_err_set(err, TN_E_AWAY,
			    "redis closed the connection");
		if (n < 0 && errno == EAGAIN)
			return tn_err_set(err, TN_E_TIMEOUT,
			    "redis did not answer in time");
		if (n < 0 && errno != EINTR)
			return tn_err_errno(err, TN_E_AWAY, "read from redis");
		if (n > 0)
			r = tn_reader_feed(&c->reader, chunk, (size_t)n, err);
		if (r == 0)
			r = tn_reader_next(&c->reader, out, err);
	}
	return r < 0 ? r : 0;
}

/* The answer to the last word of a greeting, if there is one. */
typedef int greeted_fn(const struct tn_reply *reply, void *arg,
    struct tn_err *err);

struct greeting {
	const struct tn_redis_options *options;
	void (*write_last)(struct tn_buf *out,
	    const struct tn_redis_options *options);
	greeted_fn *fn;
	void *arg;
};

/* AUTH, SELECT and what else in one go. A refusal means: no connection. */
static int
greet(const struct greeting *g, struct conn *c, int64_t deadline_ms,
    struct tn_err *err)
{
	struct tn_buf out;
	struct tn_slice bytes;
	size_t sent, replies;
	int r;

	tn_buf_init(&out, TN_REDIS_GREETING_MAX);
	replies = tn_dial_greet(&out, g->options);
	if (g->write_last != NULL) {
		g->write_last(&out, g->options);
		replies++;
	}
	r = tn_buf_finish(&out, &bytes, err);
	if (r == 0)
		r = send_all(c, bytes, deadline_ms, &sent, err);
	while (r == 0 && replies-- > 0) {
		struct tn_reply *reply = NULL;

		r = receive(c, deadline_ms, &reply, err);
		if (r == 0 && tn_reply_type(reply) == TN_REPLY_ERROR) {
			tn_reply_fail(reply, err);
			r = TN_E_AWAY;
		}
		if (r == 0 && replies == 0 && g->fn != NULL)
			r = g->fn(reply, g->arg, err);
		tn_reply_free(&reply);
	}
	if (out.ptr != NULL)
		tn_wipe(out.ptr, out.len);
	tn_buf_fini(&out);
	return r;
}

/* From now on reads wait by themselves, at most for a command's time. */
static int
make_blocking(int fd, int wait_ms, struct tn_err *err)
{
	struct timeval tv = {
		.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000,
	};
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
		return tn_err_errno(err, TN_E_AWAY, "set up the connection");
	return 0;
}

static int
connect_once(const struct greeting *g, struct conn *c, unsigned attempt,
    int64_t deadline_ms, struct tn_err *err)
{
	int r = tn_dial(g->options, attempt, &c->fd, err);

	if (r == 0)
		r = tn_dial_wait(c->fd, POLLOUT, deadline_ms, err);
	if (r == 0)
		r = tn_dial_check(c->fd, err);
	if (r == 0)
		r = make_blocking(c->fd, tn_redis_command_ms(g->options), err);
	if (r == 0)
		r = tn_reader_init(&c->reader, err);
	if (r == 0)
		r = greet(g, c, deadline_ms, err);
	if (r < 0)
		hang_up(c);
	return r;
}

/* ---- by sentinels ---------------------------------------------------------*/

static int
take_master(const struct tn_reply *reply, void *arg, struct tn_err *err)
{
	if (tn_redis_master_read(reply, arg))
		return 0;
	return tn_err_set(err, TN_E_AWAY,
	    "the sentinel knows no master of that name");
}

static int
check_master(const struct tn_reply *reply, void *arg, struct tn_err *err)
{
	(void)arg;
	if (tn_redis_is_master(reply))
		return 0;
	return tn_err_set(err, TN_E_AWAY,
	    "whom the sentinel named is no master");
}

static void
write_role(struct tn_buf *out, const struct tn_redis_options *options)
{
	struct tn_slice role = TN_SLICE("ROLE");

	(void)options;
	tn_command_append(out, &role, 1);
}

/* Each sentinel in turn, and whom it names, until one is a master. */
static int
connect_to_master(struct tn_redis_conns *conns, struct conn *c,
    struct tn_err *err)
{
	int64_t end_ms = tn_clock_mono_ms() +
	    tn_redis_connect_ms(conns->options);
	struct tn_redis_address master;
	struct tn_redis_options at;
	char host[TN_REDIS_HOST];
	int r = tn_err_set(err, TN_E_AWAY, "no sentinels are configured");

	for (size_t i = 0; i < conns->options->nnodes; i++) {
		const struct greeting ask = { &at, tn_dial_ask_master,
		    take_master, &master };
		const struct greeting join = { &at, write_role, check_master,
		    NULL };

		r = tn_dial_sentinel(conns->options, (unsigned)i, host, &at,
		    err);
		if (r == 0)
			r = connect_once(&ask, c, 0, end_ms, err);
		hang_up(c);
		if (r < 0)
			continue;
		at = tn_redis_options_at(conns->options, &master);
		r = connect_once(&join, c, 0, end_ms, err);
		if (r == 0 || r == TN_E_NOMEM)
			return r;
	}
	return r;
}

/* A host may have two addresses, of which one is served: try both. */
static int
connect_to(struct tn_redis_conns *conns, struct conn *c, struct tn_err *err)
{
	int64_t deadline_ms = tn_clock_mono_ms() +
	    tn_redis_connect_ms(conns->options);
	bool is_path = conns->options->path != NULL &&
	    *conns->options->path != '\0';
	const struct greeting plain = { .options = conns->options };
	int r;

	if (conns->options->topology == TN_REDIS_SENTINEL) {
		r = connect_to_master(conns, c, err);
		return r == TN_E_NOMEM || r == 0 ? r : TN_E_AWAY;
	}
	r = connect_once(&plain, c, 0, deadline_ms, err);
	if (r == TN_E_AWAY && !is_path)
		r = connect_once(&plain, c, 1, deadline_ms, err);
	/* Whatever kept us from it, a caller should know it as one thing. */
	return r == TN_E_NOMEM || r == 0 ? r : TN_E_AWAY;
}

/* After a rest: has Redis closed it, or said something nobody asked for? */
static bool
is_stale(const struct conn *c)
{
	char byte;

	if (tn_clock_mono_ms() - c->used_ms < IDLE_CHECK_MS)
		return false;
	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	    errno != EAGAIN;
}

/*
 * Send on a connection that lives. *deadline_ms is set to the command's; sent,
 * to how many bytes went.
 */
static int
send_command(struct tn_redis_conns *conns, struct conn *c,
    struct tn_slice bytes, int64_t *deadline_ms, size_t *sent,
    struct tn_err *err)
{
	bool is_fresh = false;
	int r = 0;

	*sent = 0;

	if (c->fd >= 0 && is_stale(c))
		hang_up(c);
	for (;;) {
		if (c->fd < 0) {
			r = connect_to(conns, c, err);
			is_fresh = true;
		}
		if (r < 0)
			return r;
		*deadline_ms = tn_clock_mono_ms() +
		    tn_redis_command_ms(conns->options);
		r = send_all(c, bytes, *deadline_ms, sent, err);
		if (r != TN_E_AWAY || *sent > 0 || is_fresh)
			return r;
		hang_up(c);
		r = 0;
	}
}

/* Is it left alone? If its rest is over, the caller is the one who looks. */
static bool
is_resting(struct tn_redis_conns *conns, int64_t now_ms)
{
	bool rests;

	pthread_mutex_lock(&conns->lock);
	rests = conns->rest_until_ms != 0 && now_ms < conns->rest_until_ms;
	if (conns->rest_until_ms != 0 && !rests)
		conns->rest_until_ms = now_ms + REST_MS +
		    tn_redis_command_ms(conns->options);
	pthread_mutex_unlock(&conns->lock);
	return rests;
}

static void
note_result(struct tn_redis_conns *conns, int r, int64_t began_ms)
{
	int64_t now_ms = tn_clock_mono_ms();
	bool waited = r == TN_E_TIMEOUT ||
	    (r == TN_E_AWAY && now_ms - began_ms >= SLOW_MS);

	pthread_mutex_lock(&conns->lock);
	if (waited)
		conns->rest_until_ms = now_ms + REST_MS;
	else
		conns->rest_until_ms = 0;
	pthread_mutex_unlock(&conns->lock);
}

/* All of n replies, or none. */
static int
receive_all(struct conn *c, int64_t deadline_ms, struct tn_reply **replies,
    size_t n, struct tn_err *err)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		replies[i] = NULL;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = receive(c, deadline_ms, &replies[i], err);
	for (size_t i = 0; r < 0 && i < n; i++)
		tn_reply_free(&replies[i]);
	return r;
}

int
tn_redis_conns_exchange(struct tn_redis_conns *conns, struct tn_slice bytes,
    struct tn_reply **replies, size_t n, bool *unsent, struct tn_err *err)
{
	int64_t deadline_ms = 0, began_ms = tn_clock_mono_ms();
	struct conn *c = NULL;
	size_t sent = 0;
	int r;

	if (unsent != NULL)
		*unsent = true;
	if (is_resting(conns, began_ms))
		return tn_err_set(err, TN_E_AWAY,
		    "redis did not answer in time a moment ago");
	r = acquire(conns, &c, err);
	if (r < 0)
		return r;
	r = send_command(conns, c, bytes, &deadline_ms, &sent, err);
	if (unsent != NULL)
		*unsent = sent == 0;
	if (r == 0)
		r = receive_all(c, deadline_ms, replies, n, err);
	/* What follows an answer belongs to no question: start again. */
	if (r < 0 || tn_reader_has_rest(&c->reader))
		hang_up(c);
	release(conns, c);
	note_result(conns, r, began_ms);
	return r;
}

void
tn_redis_conns_hang_up(struct tn_redis_conns *conns)
{
	pthread_mutex_lock(&conns->lock);
	for (struct conn *c = conns->idle; c != NULL; c = c->next)
		hang_up(c);
	pthread_mutex_unlock(&conns->lock);
}

struct tn_redis_conns *
tn_redis_conns_new(const struct tn_redis_options *options, size_t max)
{
	struct tn_redis_conns *conns = calloc(1, sizeof(*conns));
	pthread_condattr_t monotonic;

	if (conns != NULL)
		conns->all = calloc(max, sizeof(*conns->all));
	if (conns == NULL || conns->all == NULL) {
		free(conns);
		return NULL;
	}
	conns->options = options;
	conns->max = max;
	for (size_t i = 0; i < max; i++) {
		conns->all[i].fd = -1;
		conns->all[i].next = conns->idle;
		conns->idle = &conns->all[i];
	}
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&conns->lock, NULL);
	pthread_cond_init(&conns->released, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return conns;
}

void
tn_redis_conns_free(struct tn_redis_conns **conns)
{
	struct tn_redis_conns *c = *conns;

	*conns = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->max; i++)
		hang_up(&c->all[i]);
	pthread_cond_destroy(&c->released);
	pthread_mutex_destroy(&c->lock);
	free(c->all);
	free(c);
}
