#include "config.h"

#include "host/fcgi_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "host/fcgi_accept.h"
#include "host/fcgi_inner.h"
#include "host/prefork.h"

#define EVENTS		64	/* a turn */
#define ACCEPTS		4	/* a turn */

/* ---- The loop ------------------------------------------------------------ */

/* Is there perhaps another one? */
static bool
accept_one(struct tn_fcgi_worker *w)
{
	int fd = tn_fcgi_accept(w->conns.listen_fd, w->options->fronts,
	    w->options->nfronts);
	struct tn_fcgi_conn *c;

	if (fd >= 0) {
		c = tn_fcgi_conns_add(&w->conns, fd);
		if (c != NULL)
			tn_fcgi_on_readable(w, c);	/* it has come */
		return true;
	}
	if (fd == TN_E_DENIED) {
		tn_log_event(w->log, TN_LOG_WARN, "host.front_refused",
		    TN_F_NUM("listener", w->conns.listen_fd));
		return true;
	}
	if (fd == TN_E_LIMIT) {
		tn_log_event(w->log, TN_LOG_ERROR, "host.accept_failed",
		    TN_F_NUM("errno", errno), TN_F_NUM("open", w->conns.n));
		tn_fcgi_conns_pause(&w->conns);
	}
	return false;
}

/*
 * A few, who may ask Redis together: the rest may be taken by workers with
 * nothing to do.
 */
static void
on_connect(struct tn_fcgi_worker *w)
{
	for (int i = 0; i < ACCEPTS && w->conns.is_listening &&
	    accept_one(w); i++)
		continue;
}

/* Who has connected is served still. */
static void
begin_drain(struct tn_fcgi_worker *w)
{
	w->drain_ms = tn_clock_mono_ms() + w->options->drain_ms;
	while (accept_one(w))
		continue;
	tn_fcgi_conns_drain(&w->conns);
}

static void
on_signal(struct tn_fcgi_worker *w)
{
	struct signalfd_siginfo info;

	if (read(w->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		if (w->options->on_reload != NULL)
			w->options->on_reload(w->options->arg);
	} else if (w->conns.is_draining) {
		w->stopping = true;
	} else {
		begin_drain(w);
	}
}

static void
on_event(struct tn_fcgi_worker *w, void *what)
{
	if (what == &w->conns.listen_fd)
		on_connect(w);
	else if (what == &w->done_fd)
		tn_fcgi_on_done(w);
	else if (what == &w->signal_fd)
		on_signal(w);
	else if (((struct tn_fcgi_conn *)what)->sender != NULL)
		tn_fcgi_on_writable(w, ((struct tn_fcgi_conn *)what)->sender);
	else
		tn_fcgi_on_readable(w, what);
}

static void
turn(struct tn_fcgi_worker *w)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(w->conns.epoll_fd, events, EVENTS,
	    tn_fcgi_conns_wait_ms(&w->conns));

	for (int i = 0; i < n; i++)
		on_event(w, events[i].data.ptr);
	tn_fcgi_serve_ready(w);
	tn_fcgi_end_stuck(w);
	tn_fcgi_conns_tick(&w->conns);
	if (w->conns.is_draining)
		w->stopping |= tn_fcgi_conns_close_quiet(&w->conns) ||
		    tn_clock_mono_ms() >= w->drain_ms;
}

/* ---- Beginning and end --------------------------------------------------- */

static int
open_all(struct tn_fcgi_worker *w, int listen_fd, struct tn_err *err)
{
	sigset_t signals;
	int status;

	w->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	tn_prefork_signals(&signals);
	w->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	status = tn_fcgi_conns_open(&w->conns, listen_fd,
	    (size_t)w->options->max_connections, err);
	if (status < 0)
		return status;
	if (tn_fcgi_conns_watch(&w->conns, w->done_fd, &w->done_fd) < 0 ||
	    tn_fcgi_conns_watch(&w->conns, w->signal_fd, &w->signal_fd) < 0)
		return tn_err_errno(err, TN_E_SYSTEM,
		    "cannot make the event loop");
	w->pool = tn_pool_new((unsigned)w->options->slow_threads,
	    (size_t)w->options->slow_queue, err);
	return w->pool == NULL ? TN_E_SYSTEM : 0;
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Calls that are still in the pool find their connections shut. */
static void
close_all(struct tn_fcgi_worker *w)
{
	tn_fcgi_conns_shut(&w->conns);
	tn_pool_free(&w->pool);
	tn_fcgi_on_done(w);
	tn_fcgi_end_calls(w);
	tn_fcgi_conns_close(&w->conns);
	close_fd(w->done_fd);
	close_fd(w->signal_fd);
	pthread_mutex_destroy(&w->lock);
}

int
tn_fcgi_worker_run(int listen_fd, struct tn_app *app,
    const struct tn_host_app_options *options, struct tn_log *log,
    struct tn_err *err)
{
	struct tn_fcgi_worker *w = calloc(1, sizeof(*w));
	int result;

	if (w == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a worker");
	w->app = app;
	w->options = options;
	w->log = log;
	pthread_mutex_init(&w->lock, NULL);
	result = open_all(w, listen_fd, err);
	while (result == 0 && !w->stopping)
		turn(w);
	close_all(w);
	free(w);
	return result;
}
