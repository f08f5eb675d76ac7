#include "config.h"

#include "host/fcgi_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "host/fcgi_accept.h"
#include "host/fcgi_arrive.h"
#include "host/fcgi_call.h"
#include "host/fcgi_look.h"
#include "host/pool.h"
#include "host/prefork.h"

#define EVENTS		64	/* a turn */
#define PAUSE_MS	1000	/* without accepting, when out of descriptors */
#define QUIET_MS	300	/* a kept connection that may be closed, at the end */
#define DRAIN_TICK_MS	100

struct conn {
	struct tn_list link;
	int fd;
	bool is_watched;	/* in epoll; else a call has it */
	int64_t seen_ms;	/* last sign of life; kept when draining only */
};

/* A call on its way through the pool, or ready for the next one. */
struct work {
	struct tn_pool_job job;
	struct work *next;
	struct worker *worker;
	struct conn *conn;
	enum { ARRIVED, ARRIVING, RESUMING, SENDING, RETURNING } stage;
	bool is_kept;
	struct tn_fcgi_call call;
};

struct worker {
	struct tn_app *app;
	const struct tn_host_app_options *options;
	struct tn_log *log;
	struct tn_pool *pool;
	struct tn_list conns;
	size_t nconns, max_conns;
	struct work *spare;
	struct work *ready[TN_APP_TOGETHER];	/* for the app, of this turn */
	size_t nready;
	struct work *asking[TN_APP_TOGETHER];	/* of those: TN_ASK */
	size_t nasking;
	size_t in_pool;
	pthread_mutex_t lock;	/* guards done */
	struct work *done;
	int epoll_fd, listen_fd, signal_fd, done_fd;
	bool is_listening;
	int64_t listen_again_ms;	/* 0: when a connection ends */
	bool draining, stopping;
	int64_t drain_ms;		/* when draining: the deadline */
	char look[TN_FCGI_LOOK_BYTES];
};

/* ---- What epoll tells of ------------------------------------------------- */

static int
watch(struct worker *w, int fd, uint32_t events, void *what)
{
	struct epoll_event ev = { .events = events, .data.ptr = what };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static void
listen_on(struct worker *w)
{
	if (w->is_listening || w->draining)
		return;
	w->is_listening = watch(w, w->listen_fd, EPOLLIN | EPOLLEXCLUSIVE,
	    &w->listen_fd) == 0;
	w->listen_again_ms = w->is_listening ? 0 :
	    tn_clock_mono_ms() + PAUSE_MS;
}

/* pause_ms 0: until a connection ends. */
static void
listen_off(struct worker *w, int pause_ms)
{
	if (w->is_listening)
		epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->listen_fd, NULL);
	w->is_listening = false;
	w->listen_again_ms = pause_ms == 0 ? 0 : tn_clock_mono_ms() + pause_ms;
}

/* ---- Connections --------------------------------------------------------- */

/* The descriptor is closed already, which took it out of epoll. */
static void
forget(struct worker *w, struct conn *c)
{
	tn_list_remove(&c->link);
	free(c);
	w->nconns--;
	if (w->listen_again_ms == 0)
		listen_on(w);
}

static void
drop(struct worker *w, struct conn *c)
{
	close(c->fd);
	forget(w, c);
}

/* Wait in epoll for the next request. */
static void
park(struct worker *w, struct conn *c)
{
	if (w->draining)
		c->seen_ms = tn_clock_mono_ms();
	if (c->is_watched)
		return;
	c->is_watched = watch(w, c->fd, EPOLLIN, c) == 0;
	if (!c->is_watched)
		drop(w, c);
}

static void
unpark(struct worker *w, struct conn *c)
{
	if (c->is_watched)
		epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	c->is_watched = false;
}

static void
after_call(struct worker *w, struct conn *c, bool is_kept)
{
	if (is_kept)
		park(w, c);
	else
		forget(w, c);
}

/* ---- Calls --------------------------------------------------------------- */

static struct work *
take_work(struct worker *w, struct conn *c)
{
	struct work *work = w->spare;

	if (work != NULL) {
		w->spare = work->next;
	} else {
		work = calloc(1, sizeof(*work));
		if (work == NULL)
			return NULL;
		work->worker = w;
		tn_fcgi_call_init(&work->call, w->options->max_bytes);
	}
	work->conn = c;
	return work;
}

static void
give_back(struct work *work)
{
	work->next = work->worker->spare;
	work->worker->spare = work;
}

/* The connection ends with it, and there is no request to say more of. */
static void
log_refused(const struct worker *w, enum tn_fcgi_arrival seen,
    const char *why)
{
	if (seen == TN_FCGI_LARGE)
		tn_log_event(w->log, TN_LOG_WARN, "host.header_too_large",
		    TN_F_NUM("status", 431),
		    TN_F_NUM("limit", TN_LIMIT_FCGI_HEAD));
	else
		tn_log_event(w->log, TN_LOG_WARN, "host.no_request",
		    TN_F_STR("reason", why));
}

/* In the pool: from the first byte to what the app makes of it. */
static int
arrive(struct work *work)
{
	struct worker *w = work->worker;
	struct tn_fcgi_call *call = &work->call;
	int fd = work->conn->fd;
	unsigned id;
	enum tn_fcgi_arrival seen = tn_fcgi_arrive(fd, &id);

	if (seen == TN_FCGI_LARGE)
		tn_fcgi_refuse_large(fd, id);
	if (seen == TN_FCGI_LARGE || seen == TN_FCGI_WRONG) {
		log_refused(w, seen, "it broke off, or came too slowly");
		close(fd);
		return TN_E_IO;
	}
	if (tn_fcgi_call_begin(call, fd, seen == TN_FCGI_WHOLE,
	    &w->options->cgi) < 0)
		return TN_E_IO;
	call->exchange.req.is_slow = true;
	tn_fcgi_call_may_wait(call, true);
	return tn_app_handle(w->app, &call->exchange.req,
	    &call->exchange.res);
}

/* In the pool: TN_DONE, TN_QUICK, or TN_E_IO where no request has come. */
static int
carry_on(struct work *work)
{
	struct tn_fcgi_call *call = &work->call;

	if (work->stage == ARRIVING)
		return arrive(work);
	tn_fcgi_call_may_wait(call, true);
	if (work->stage == SENDING)
		return TN_DONE;
	return tn_app_resume(work->worker->app, &call->exchange.req,
	    &call->exchange.res);
}

/* In the pool. */
static void
on_job(struct tn_pool_job *job)
{
	struct work *work = TN_CONTAINER(job, struct work, job);
	struct worker *w = work->worker;
	uint64_t one = 1;
	bool is_first;
	int rc = carry_on(work);

	while (rc == TN_ASK) {
		work->stage = RESUMING;
		rc = carry_on(work);
	}
	if (rc == TN_QUICK)
		work->stage = RETURNING;
	work->is_kept = rc == TN_DONE && tn_fcgi_call_end(&work->call);
	pthread_mutex_lock(&w->lock);
	is_first = w->done == NULL;	/* else the loop has been told */
	work->next = w->done;
	w->done = work;
	pthread_mutex_unlock(&w->lock);
	if (is_first && write(w->done_fd, &one, sizeof(one)) < 0)
		return;		/* it counts already: the loop will wake */
}

static bool
to_pool(struct work *work, int stage)
{
	struct worker *w = work->worker;

	unpark(w, work->conn);
	work->stage = stage;
	work->job.fn = on_job;
	if (tn_pool_submit(w->pool, &work->job) < 0)
		return false;
	w->in_pool++;
	return true;
}

static void
refuse_busy(struct worker *w, struct tn_fcgi_call *call)
{
	tn_log_event(w->log, TN_LOG_WARN, "host.pool_full",
	    TN_F_NUM("in_pool", w->in_pool));
	tn_app_refuse(w->app, &call->exchange.req, &call->exchange.res, 503, 1);
}

static int
handle(struct worker *w, struct work *work)
{
	struct tn_fcgi_call *call = &work->call;

	if (work->stage == ARRIVED)
		return tn_app_handle(w->app, &call->exchange.req,
		    &call->exchange.res);
	tn_fcgi_call_may_wait(call, false);
	return tn_app_resume(w->app, &call->exchange.req,
	    &call->exchange.res);
}

/* What is all here is answered on the spot, if it is quick. */
static void
serve(struct worker *w, struct work *work)
{
	struct tn_fcgi_call *call = &work->call;
	int rc = handle(w, work);

	if (rc == TN_ASK) {
		work->stage = RETURNING;
		w->asking[w->nasking++] = work;
		return;
	}
	if (rc == TN_SLOW) {
		if (to_pool(work, RESUMING))
			return;
		refuse_busy(w, call);
	}
	if (tn_fcgi_out_has_unsent(&call->out) && to_pool(work, SENDING))
		return;
	after_call(w, work->conn, tn_fcgi_call_end(call));
	give_back(work);
}

/* Those who stopped to ask Redis, by one journey; some may ask once more. */
static void
serve_asking(struct worker *w)
{
	struct work *asked[TN_APP_TOGETHER];
	struct tn_req *reqs[TN_APP_TOGETHER];
	size_t n = w->nasking;

	w->nasking = 0;
	for (size_t i = 0; i < n; i++) {
		asked[i] = w->asking[i];
		reqs[i] = &asked[i]->call.exchange.req;
	}
	tn_app_ask(reqs, n);
	for (size_t i = 0; i < n; i++)
		serve(w, asked[i]);
}

/* Those that came by the same turn may ask for what they need together. */
static void
serve_ready(struct worker *w)
{
	struct tn_req *reqs[TN_APP_TOGETHER];
	size_t n = w->nready, nnew = 0;

	w->nready = 0;
	for (size_t i = 0; i < n; i++)
		if (w->ready[i]->stage == ARRIVED)
			reqs[nnew++] = &w->ready[i]->call.exchange.req;
	if (nnew > 1)
		tn_app_prepare(w->app, reqs, nnew);
	for (size_t i = 0; i < n; i++)
		serve(w, w->ready[i]);
	while (w->nasking > 0)
		serve_asking(w);
}

static void
make_ready(struct worker *w, struct work *work)
{
	w->ready[w->nready++] = work;
	if (w->nready == TN_APP_TOGETHER)
		serve_ready(w);
}

/* The loop again, with what the pool has done. */
static void
on_done(struct worker *w)
{
	struct work *work, *next;
	uint64_t count;

	if (read(w->done_fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&w->lock);
	work = w->done;
	w->done = NULL;
	pthread_mutex_unlock(&w->lock);
	for (; work != NULL; work = next) {
		next = work->next;
		w->in_pool--;
		if (work->stage == RETURNING && w->pool != NULL) {
			make_ready(w, work);
			continue;
		}
		if (work->stage == RETURNING)
			work->is_kept = tn_fcgi_call_end(&work->call);
		after_call(w, work->conn, work->is_kept);
		give_back(work);
	}
}

static void
take_whole(struct worker *w, struct conn *c)
{
	struct work *work = take_work(w, c);

	if (work == NULL) {
		drop(w, c);
		return;
	}
	if (tn_fcgi_call_begin(&work->call, c->fd, true,
	    &w->options->cgi) < 0) {
		forget(w, c);
		give_back(work);
		return;
	}
	work->stage = ARRIVED;
	make_ready(w, work);
}

/* A request of which more is to come: nothing for the loop. */
static void
serve_coming(struct worker *w, struct conn *c, bool has_head)
{
	struct work *work = take_work(w, c);

	if (work == NULL) {
		drop(w, c);
		return;
	}
	if (to_pool(work, ARRIVING))
		return;
	if (has_head && tn_fcgi_call_begin(&work->call, c->fd, false,
	    &w->options->cgi) == 0) {
		refuse_busy(w, &work->call);
		after_call(w, c, tn_fcgi_call_end(&work->call));
	} else {
		drop(w, c);
	}
	give_back(work);
}

static void
on_readable(struct worker *w, struct conn *c)
{
	ssize_t n = recv(c->fd, w->look, sizeof(w->look),
	    MSG_PEEK | MSG_DONTWAIT);
	enum tn_fcgi_arrival seen;
	unsigned id;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		park(w, c);
		return;
	}
	if (n <= 0) {
		drop(w, c);
		return;
	}
	seen = tn_fcgi_look(tn_slice(w->look, (size_t)n), &id);
	switch (seen) {
	case TN_FCGI_WHOLE:
		take_whole(w, c);
		return;
	case TN_FCGI_HEAD:
		serve_coming(w, c, true);
		return;
	case TN_FCGI_PARTIAL:
		serve_coming(w, c, false);
		return;
	case TN_FCGI_LARGE:
		tn_fcgi_refuse_large(c->fd, id);
		break;
	case TN_FCGI_WRONG:
		break;
	}
	log_refused(w, seen, "records that are none of a request");
	drop(w, c);
}

/* ---- The loop ------------------------------------------------------------ */

static void
add_conn(struct worker *w, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->seen_ms = w->draining ? tn_clock_mono_ms() : 0;
	tn_list_append(&w->conns, &c->link);
	if (++w->nconns >= w->max_conns)
		listen_off(w, 0);
	on_readable(w, c);	/* most have sent their request by now */
}

/* One a turn: the rest may be taken by workers with nothing to do. */
static bool
on_connect(struct worker *w)
{
	int fd = tn_fcgi_accept(w->listen_fd, w->options->fronts,
	    w->options->nfronts);

	if (fd >= 0) {
		add_conn(w, fd);
		return true;
	}
	if (fd == TN_E_DENIED) {
		tn_log_event(w->log, TN_LOG_WARN, "host.front_refused",
		    TN_F_NUM("listener", w->listen_fd));
		return true;
	}
	if (fd == TN_E_LIMIT) {
		tn_log_event(w->log, TN_LOG_ERROR, "host.accept_failed",
		    TN_F_NUM("errno", errno), TN_F_NUM("open", w->nconns));
		listen_off(w, PAUSE_MS);
	}
	return false;
}

static void
begin_drain(struct worker *w)
{
	struct tn_list *it, *next;
	int64_t now = tn_clock_mono_ms();

	w->draining = true;
	w->drain_ms = now + w->options->drain_ms;
	while (on_connect(w))	/* who has connected is served still */
		continue;
	listen_off(w, 0);
	TN_LIST_EACH(it, next, &w->conns)
		TN_CONTAINER(it, struct conn, link)->seen_ms = now;
}

static void
on_signal(struct worker *w)
{
	struct signalfd_siginfo info;

	if (read(w->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		if (w->options->on_reload != NULL)
			w->options->on_reload(w->options->arg);
	} else if (w->draining) {
		w->stopping = true;
	} else {
		begin_drain(w);
	}
}

static void
close_quiet(struct worker *w)
{
	int64_t now = tn_clock_mono_ms();
	struct tn_list *it, *next;

	TN_LIST_EACH(it, next, &w->conns) {
		struct conn *c = TN_CONTAINER(it, struct conn, link);

		if (c->is_watched && now - c->seen_ms >= QUIET_MS)
			drop(w, c);
	}
	if (tn_list_empty(&w->conns) || now >= w->drain_ms)
		w->stopping = true;
}

/* Returns the wait for epoll, in ms; -1: for ever. */
static int
until_next(const struct worker *w)
{
	int64_t left;

	if (w->draining)
		return DRAIN_TICK_MS;
	if (w->listen_again_ms == 0)
		return -1;
	left = w->listen_again_ms - tn_clock_mono_ms();
	return left > 0 ? (int)left : 0;
}

static void
on_event(struct worker *w, void *what)
{
	if (what == &w->listen_fd)
		on_connect(w);
	else if (what == &w->done_fd)
		on_done(w);
	else if (what == &w->signal_fd)
		on_signal(w);
	else
		on_readable(w, what);
}

static void
turn(struct worker *w)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(w->epoll_fd, events, EVENTS, until_next(w));

	for (int i = 0; i < n; i++)
		on_event(w, events[i].data.ptr);
	serve_ready(w);
	if (w->draining)
		close_quiet(w);
	else if (w->listen_again_ms != 0 &&
	    tn_clock_mono_ms() >= w->listen_again_ms)
		listen_on(w);
}

/* ---- Beginning and end --------------------------------------------------- */

static int
open_all(struct worker *w, struct tn_err *err)
{
	sigset_t signals;

	tn_prefork_signals(&signals);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->epoll_fd < 0 || w->done_fd < 0 || w->signal_fd < 0 ||
	    watch(w, w->done_fd, EPOLLIN, &w->done_fd) < 0 ||
	    watch(w, w->signal_fd, EPOLLIN, &w->signal_fd) < 0)
		return tn_err_errno(err, TN_E_SYSTEM,
		    "cannot make the event loop");
	listen_on(w);
	if (!w->is_listening)
		return tn_err_errno(err, TN_E_SYSTEM,
		    "cannot wait for connections");
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
close_all(struct worker *w)
{
	struct tn_list *it, *next;

	TN_LIST_EACH(it, next, &w->conns) {
		struct conn *c = TN_CONTAINER(it, struct conn, link);

		if (!c->is_watched)
			shutdown(c->fd, SHUT_RDWR);
	}
	tn_pool_free(&w->pool);
	w->draining = true;	/* nothing listens again */
	on_done(w);
	TN_LIST_EACH(it, next, &w->conns)
		drop(w, TN_CONTAINER(it, struct conn, link));
	while (w->spare != NULL) {
		struct work *work = w->spare;

		w->spare = work->next;
		tn_fcgi_call_fini(&work->call);
		free(work);
	}
	close_fd(w->epoll_fd);
	close_fd(w->done_fd);
	close_fd(w->signal_fd);
	pthread_mutex_destroy(&w->lock);
}

int
tn_fcgi_worker_run(int listen_fd, struct tn_app *app,
    const struct tn_host_app_options *options, struct tn_log *log,
    struct tn_err *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	int result;

	if (w == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a worker");
	w->app = app;
	w->options = options;
	w->log = log;
	w->max_conns = (size_t)options->max_connections;
	w->listen_fd = listen_fd;
	tn_list_init(&w->conns);
	pthread_mutex_init(&w->lock, NULL);
	result = open_all(w, err);
	while (result == 0 && !w->stopping)
		turn(w);
	close_all(w);
	free(w);
	return result;
}
