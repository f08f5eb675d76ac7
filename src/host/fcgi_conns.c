#include "config.h"

#include "host/fcgi_conns.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define PAUSE_MS	1000	/* without accepting, when out of descriptors */
#define QUIET_MS	300	/* a kept connection that may be closed, at the end */
#define DRAIN_TICK_MS	100
#define SEND_TICK_MS	1000
#define SEND_MS		5000	/* without progress */

static int
watch(struct tn_fcgi_conns *conns, int fd, uint32_t events, void *what)
{
	struct epoll_event ev = { .events = events, .data.ptr = what };

	return epoll_ctl(conns->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

int
tn_fcgi_conns_watch(struct tn_fcgi_conns *conns, int fd, void *what)
{
	return watch(conns, fd, EPOLLIN, what);
}

/* ---- New ones ------------------------------------------------------------ */

static void
listen_on(struct tn_fcgi_conns *conns)
{
	if (conns->is_listening || conns->is_draining)
		return;
	conns->is_listening = watch(conns, conns->listen_fd,
	    EPOLLIN | EPOLLEXCLUSIVE, &conns->listen_fd) == 0;
	conns->listen_again_ms = conns->is_listening ? 0 :
	    tn_clock_mono_ms() + PAUSE_MS;
}

/* pause_ms 0: until a connection ends. */
static void
listen_off(struct tn_fcgi_conns *conns, int pause_ms)
{
	if (conns->is_listening)
		epoll_ctl(conns->epoll_fd, EPOLL_CTL_DEL, conns->listen_fd,
		    NULL);
	conns->is_listening = false;
	conns->listen_again_ms = pause_ms == 0 ? 0 :
	    tn_clock_mono_ms() + pause_ms;
}

int
tn_fcgi_conns_open(struct tn_fcgi_conns *conns, int listen_fd, size_t max,
    struct tn_err *err)
{
	*conns = (struct tn_fcgi_conns){
		.max = max, .listen_fd = listen_fd,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
	};
	tn_list_init(&conns->all);
	if (conns->epoll_fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM,
		    "cannot make the event loop");
	listen_on(conns);
	if (!conns->is_listening)
		return tn_err_errno(err, TN_E_SYSTEM,
		    "cannot wait for connections");
	return 0;
}

void
tn_fcgi_conns_pause(struct tn_fcgi_conns *conns)
{
	listen_off(conns, PAUSE_MS);
}

int
tn_fcgi_conns_wait_ms(const struct tn_fcgi_conns *conns)
{
	int64_t left;

	if (conns->is_draining)
		return DRAIN_TICK_MS;
	if (conns->nsenders > 0)
		return SEND_TICK_MS;
	if (conns->listen_again_ms == 0)
		return -1;
	left = conns->listen_again_ms - tn_clock_mono_ms();
	return left > 0 ? (int)left : 0;
}

void
tn_fcgi_conns_tick(struct tn_fcgi_conns *conns)
{
	if (conns->listen_again_ms != 0 &&
	    tn_clock_mono_ms() >= conns->listen_again_ms)
		listen_on(conns);
}

/* ---- Each of them -------------------------------------------------------- */

struct tn_fcgi_conn *
tn_fcgi_conns_add(struct tn_fcgi_conns *conns, int fd)
{
	struct tn_fcgi_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->seen_ms = conns->is_draining ? tn_clock_mono_ms() : 0;
	tn_list_append(&conns->all, &c->link);
	if (++conns->n >= conns->max)
		listen_off(conns, 0);
	return c;
}

/* What is closed has left epoll by that. */
void
tn_fcgi_conns_forget(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c)
{
	tn_list_remove(&c->link);
	free(c);
	conns->n--;
	if (conns->listen_again_ms == 0)
		listen_on(conns);
}

void
tn_fcgi_conns_drop(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c)
{
	close(c->fd);
	tn_fcgi_conns_forget(conns, c);
}

void
tn_fcgi_conns_park(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c)
{
	if (conns->is_draining)
		c->seen_ms = tn_clock_mono_ms();
	if (c->is_watched)
		return;
	c->is_watched = watch(conns, c->fd, EPOLLIN, c) == 0;
	if (!c->is_watched)
		tn_fcgi_conns_drop(conns, c);
}

void
tn_fcgi_conns_unpark(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c)
{
	if (c->is_watched)
		epoll_ctl(conns->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	c->is_watched = false;
}

/* ---- Those that read slowly ---------------------------------------------- */

bool
tn_fcgi_conns_begin_send(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c,
    void *sender)
{
	tn_fcgi_conns_unpark(conns, c);
	c->is_watched = watch(conns, c->fd, EPOLLOUT, c) == 0;
	if (!c->is_watched)
		return false;
	c->sender = sender;
	c->seen_ms = tn_clock_mono_ms();
	conns->nsenders++;
	return true;
}

void
tn_fcgi_conns_end_send(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c)
{
	tn_fcgi_conns_unpark(conns, c);
	c->sender = NULL;
	conns->nsenders--;
}

struct tn_fcgi_conn *
tn_fcgi_conns_stuck(struct tn_fcgi_conns *conns)
{
	int64_t now = tn_clock_mono_ms();
	struct tn_list *it, *next;

	if (conns->nsenders == 0 || now - conns->looked_ms < SEND_TICK_MS)
		return NULL;
	TN_LIST_EACH(it, next, &conns->all) {
		struct tn_fcgi_conn *c = TN_CONTAINER(it, struct tn_fcgi_conn,
		    link);

		if (c->sender != NULL && now - c->seen_ms >= SEND_MS)
			return c;
	}
	conns->looked_ms = now;
	return NULL;
}

/* ---- The end ------------------------------------------------------------- */

void
tn_fcgi_conns_drain(struct tn_fcgi_conns *conns)
{
	int64_t now = tn_clock_mono_ms();
	struct tn_list *it, *next;

	conns->is_draining = true;
	listen_off(conns, 0);
	TN_LIST_EACH(it, next, &conns->all) {
		struct tn_fcgi_conn *c = TN_CONTAINER(it, struct tn_fcgi_conn,
		    link);

		if (c->sender == NULL)
			c->seen_ms = now;
	}
}

bool
tn_fcgi_conns_close_quiet(struct tn_fcgi_conns *conns)
{
	int64_t now = tn_clock_mono_ms();
	struct tn_list *it, *next;

	TN_LIST_EACH(it, next, &conns->all) {
		struct tn_fcgi_conn *c = TN_CONTAINER(it, struct tn_fcgi_conn,
		    link);

		if (c->is_watched && c->sender == NULL &&
		    now - c->seen_ms >= QUIET_MS)
			tn_fcgi_conns_drop(conns, c);
	}
	return tn_list_empty(&conns->all);
}

void
tn_fcgi_conns_shut(struct tn_fcgi_conns *conns)
{
	struct tn_list *it, *next;

	TN_LIST_EACH(it, next, &conns->all) {
		struct tn_fcgi_conn *c = TN_CONTAINER(it, struct tn_fcgi_conn,
		    link);

		if (!c->is_watched)
			shutdown(c->fd, SHUT_RDWR);
	}
}

void
tn_fcgi_conns_close(struct tn_fcgi_conns *conns)
{
	struct tn_list *it, *next;

	conns->is_draining = true;	/* nothing listens again */
	TN_LIST_EACH(it, next, &conns->all)
		tn_fcgi_conns_drop(conns, TN_CONTAINER(it,
		    struct tn_fcgi_conn, link));
	if (conns->epoll_fd >= 0)
		close(conns->epoll_fd);
}
