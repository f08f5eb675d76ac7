#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "redis/dial.h"
#include "redis/link_conn.h"

#define CHUNK		65536	/* bytes of one read */
#define READS		4	/* in one turn; others want theirs */
#define OUT_KEEP	262144	/* of memory, when all is sent */

static void
lose(struct tn_link_conn *c, const struct tn_err *err)
{
	tn_link_conn_close(c);
	c->hooks->on_lost(c, err);
}

static void
sent(struct tn_link_conn *c, size_t n)
{
	size_t max = c->out.max;

	c->out_at += n;
	if (c->out_at > c->out.len / 2 && c->out_at < c->out.len) {
		tn_buf_drop(&c->out, c->out_at);
		c->out_at = 0;
	}
	if (c->out_at < c->out.len)
		return;
	c->out_at = 0;
	tn_buf_reset(&c->out);
	if (c->out.cap > OUT_KEEP) {
		tn_buf_fini(&c->out);
		tn_buf_init(&c->out, max);
	}
}

static void
watch(struct tn_link_conn *c, unsigned events)
{
	struct tn_err err;

	if (c->watch.events == events)
		return;
	if (tn_loop_watch(c->loop, &c->watch, events) == 0)
		return;
	tn_err_set(&err, TN_E_NOMEM, "no memory to watch redis");
	lose(c, &err);
}

static void
flush(void *arg)
{
	struct tn_link_conn *c = arg;
	struct tn_err err;

	if (!c->is_open || c->is_blocked)
		return;
	if (c->out.failed != 0) {
		tn_err_set(&err, c->out.failed, "commands to redis were lost");
		lose(c, &err);
		return;
	}
	while (c->out_at < c->out.len) {
		ssize_t n = send(c->watch.fd, c->out.ptr + c->out_at,
		    c->out.len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			sent(c, (size_t)n);
		} else if (errno == EAGAIN) {
			c->is_blocked = true;
			watch(c, TN_READ | TN_WRITE);
			return;
		} else if (errno != EINTR) {
			tn_err_errno(&err, TN_E_AWAY, "send to redis");
			lose(c, &err);
			return;
		}
	}
}

/* Hand on all replies that are whole. Returns false if that closed it. */
static bool
deliver(struct tn_link_conn *c)
{
	struct tn_reply *reply;
	struct tn_err err;
	int r;

	while ((r = tn_reader_next(&c->reader, &reply, &err)) > 0) {
		c->hooks->on_reply(c, reply);
		tn_reply_free(&reply);
		if (!c->is_open)
			return false;
	}
	if (r < 0)
		lose(c, &err);
	return r == 0;
}

/* Returns true if there may be more to read. */
static bool
read_once(struct tn_link_conn *c)
{
	char chunk[CHUNK];
	ssize_t n = recv(c->watch.fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	struct tn_err err = { .code = 0 };

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		tn_err_errno(&err, TN_E_AWAY, "read from redis");
	else if (n == 0)
		tn_err_set(&err, TN_E_AWAY, "redis closed the connection");
	else
		tn_reader_feed(&c->reader, chunk, (size_t)n, &err);
	if (err.code != 0) {
		lose(c, &err);
		return false;
	}
	return deliver(c) && (size_t)n == sizeof(chunk);
}

void
tn_link_conn_read(struct tn_link_conn *c)
{
	for (int i = 0; c->is_open && i < READS; i++) {
		if (!read_once(c))
			return;
	}
}

static void
on_connected(struct tn_link_conn *c)
{
	struct tn_err err;

	if (tn_dial_check(c->watch.fd, &err) < 0) {
		lose(c, &err);
		return;
	}
	c->is_open = true;
	watch(c, TN_READ);
	if (c->is_open)
		c->hooks->on_open(c);
}

static void
on_ready(struct tn_watch *w, unsigned events)
{
	struct tn_link_conn *c = w->arg;

	if (!c->is_open) {
		on_connected(c);
		return;
	}
	if (events & TN_WRITE) {
		c->is_blocked = false;
		flush(c);
		if (c->is_open && !c->is_blocked)
			watch(c, TN_READ);
	}
	if (events & TN_READ)
		tn_link_conn_read(c);
}

void
tn_link_conn_init(struct tn_link_conn *c, struct tn_loop *loop,
    const struct tn_link_conn_hooks *hooks, void *arg)
{
	*c = (struct tn_link_conn){ .loop = loop, .hooks = hooks, .arg = arg };
	c->watch.fd = -1;
	/* Twice, as bytes that are sent leave the front only now and then. */
	tn_buf_init(&c->out, 2 * TN_LIMIT_REDIS_OUT);
}

void
tn_link_conn_fini(struct tn_link_conn *c)
{
	tn_link_conn_close(c);
	tn_buf_fini(&c->out);
}

int
tn_link_conn_dial(struct tn_link_conn *c,
    const struct tn_redis_options *options, unsigned attempt,
    struct tn_err *err)
{
	int r = tn_dial(options, attempt, &c->watch.fd, err);

	if (r < 0) {
		c->watch.fd = -1;
		return r;
	}
	c->watch.fn = on_ready;
	c->watch.arg = c;
	c->watch.events = 0;
	r = tn_reader_init(&c->reader, err);
	if (r == 0 && tn_loop_watch(c->loop, &c->watch, TN_WRITE) < 0)
		r = tn_err_set(err, TN_E_NOMEM, "no memory to watch redis");
	if (r < 0)
		tn_link_conn_close(c);
	return r;
}

void
tn_link_conn_close(struct tn_link_conn *c)
{
	tn_loop_undefer(&c->flush);
	c->is_open = c->is_blocked = false;
	if (c->watch.fd < 0)
		return;
	tn_loop_unwatch(c->loop, &c->watch);
	close(c->watch.fd);
	c->watch.fd = -1;
	tn_reader_fini(&c->reader);
}

void
tn_link_conn_send_soon(struct tn_link_conn *c)
{
	if (c->is_open && !c->is_blocked)
		tn_loop_defer(c->loop, &c->flush, flush, c);
}
