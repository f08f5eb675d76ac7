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
#include "host/fcgi_conns.h"
#include "host/fcgi_look.h"
#include "host/pool.h"
#include "host/prefork.h"

#define EVENTS		64	/* a turn */
#define ACCEPTS		4	/* a turn */

/* A call on its way through the pool, or ready for the next one. */
struct work {
	struct tn_pool_job job;
	struct work *next;
	struct worker *worker;
	struct tn_fcgi_conn *conn;
	enum { ARRIVED, ARRIVING, RESUMING, SENDING, RETURNING } stage;
	bool is_kept;
	size_t unsent;		/* bytes in memory, while its reader is waited for */
	uint64_t left;		/* bytes in all, likewise */
	struct tn_fcgi_call call;
};

struct worker {
	struct tn_app *app;
	const struct tn_host_app_options *options;
	struct tn_log *log;
	struct tn_pool *pool;
	struct tn_fcgi_conns conns;
	struct work *spare;
	struct work *ready[TN_APP_TOGETHER];	/* for the app, of this turn */
	size_t nready;
	struct work *asking[TN_APP_TOGETHER];	/* of those: TN_ASK */
	size_t nasking;
	size_t in_pool;
	size_t unsent;			/* bytes of all that are sent slowly */
	pthread_mutex_t lock;	/* guards done */
	struct work *done;
	int signal_fd, done_fd;
	bool stopping;
	int64_t drain_ms;		/* when draining: the deadline */
	char look[TN_FCGI_LOOK_BYTES];
};

static void
after_call(struct worker *w, struct tn_fcgi_conn *c, bool is_kept)
{
	if (is_kept)
		tn_fcgi_conns_park(&w->conns, c);
	else
		tn_fcgi_conns_forget(&w->conns, c);
}

/* ---- Calls --------------------------------------------------------------- */

static struct work *
take_work(struct worker *w, struct tn_fcgi_conn *c)
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
	else if (rc == TN_DONE && !tn_fcgi_call_sent(&work->call))
		work->stage = SENDING;
	else
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

	tn_fcgi_conns_unpark(&w->conns, work->conn);
	work->stage = stage;
	work->job.fn = on_job;
	if (tn_pool_submit(w->pool, &work->job) < 0)
		return false;
	w->in_pool++;
	return true;
}

static void
log_full(const struct worker *w)
{
	tn_log_event(w->log, TN_LOG_WARN, "host.pool_full",
	    TN_F_NUM("in_pool", w->in_pool));
}

static void
refuse_busy(struct worker *w, struct tn_fcgi_call *call)
{
	log_full(w);
	tn_app_refuse(w->app, &call->exchange.req, &call->exchange.res, 503, 1);
}

/* ---- Slow readers -------------------------------------------------------- */

static void
end_call(struct worker *w, struct work *work)
{
	after_call(w, work->conn, tn_fcgi_call_end(&work->call));
	give_back(work);
}

/* The loop sends on, whenever the connection takes more. */
static void
send_rest(struct worker *w, struct work *work)
{
	size_t unsent = work->call.out.unsent.len;

	if (w->unsent + unsent <= TN_LIMIT_FCGI_UNSENT_ALL &&
	    tn_fcgi_conns_begin_send(&w->conns, work->conn, work)) {
		work->unsent = unsent;
		work->left = tn_fcgi_out_left(&work->call.out);
		w->unsent += unsent;
		return;
	}
	tn_log_event(w->log, TN_LOG_WARN, "host.unsent_full",
	    TN_F_NUM("bytes", w->unsent),
	    TN_F_NUM("connections", w->conns.nsenders));
	end_call(w, work);
}

static void
end_send(struct worker *w, struct work *work)
{
	w->unsent -= work->unsent;
	tn_fcgi_conns_end_send(&w->conns, work->conn);
	end_call(w, work);
}

static void
on_writable(struct worker *w, struct work *work)
{
	bool is_sent = tn_fcgi_call_sent(&work->call);
	size_t unsent = work->call.out.unsent.len;
	uint64_t left = tn_fcgi_out_left(&work->call.out);

	if (left < work->left)
		work->conn->seen_ms = tn_clock_mono_ms();
	work->left = left;
	w->unsent -= work->unsent - unsent;
	work->unsent = unsent;
	if (is_sent)
		end_send(w, work);
}

static void
end_stuck(struct worker *w)
{
	struct tn_fcgi_conn *c;

	while ((c = tn_fcgi_conns_stuck(&w->conns)) != NULL) {
		struct work *work = c->sender;

		tn_log_event(w->log, TN_LOG_INFO, "host.reader_stuck",
		    TN_F_NUM("unsent", work->left));
		end_send(w, work);
	}
}

static void
end_all_sends(struct worker *w)
{
	struct tn_list *it, *next;

	TN_LIST_EACH(it, next, &w->conns.all) {
		struct tn_fcgi_conn *c = TN_CONTAINER(it, struct tn_fcgi_conn,
		    link);

		if (c->sender != NULL)
			end_send(w, c->sender);
	}
}

/* ---- Served -------------------------------------------------------------- */

static int
handle(struct worker *w, struct work *work)
{
	struct tn_fcgi_call *call = &work->call;

	if (work->stage == ARRIVED)
		return tn_app_handle(w->app, &call->exchange.req,
		    &call->exchange.res);
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
	if (tn_fcgi_call_sent(call))
		end_call(w, work);
	else
		send_rest(w, work);
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

/* w->pool NULL: to a loop that has ended. */
static void
come_back(struct worker *w, struct work *work)
{
	struct tn_fcgi_call *call = &work->call;

	tn_fcgi_call_may_wait(call, false);
	if (work->stage == RETURNING && w->pool != NULL) {
		make_ready(w, work);
	} else if (work->stage == SENDING && w->pool != NULL) {
		send_rest(w, work);
	} else if (work->stage == RETURNING || work->stage == SENDING) {
		if (work->stage == RETURNING)
			tn_app_refuse(w->app, &call->exchange.req,
			    &call->exchange.res, 503, 0);
		end_call(w, work);
	} else {
		after_call(w, work->conn, work->is_kept);
		give_back(work);
	}
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
		come_back(w, work);
	}
}

static void
take_whole(struct worker *w, struct tn_fcgi_conn *c)
{
	struct work *work = take_work(w, c);

	if (work == NULL) {
		tn_fcgi_conns_drop(&w->conns, c);
		return;
	}
	if (tn_fcgi_call_begin(&work->call, c->fd, true,
	    &w->options->cgi) < 0) {
		tn_fcgi_conns_forget(&w->conns, c);
		give_back(work);
		return;
	}
	work->stage = ARRIVED;
	make_ready(w, work);
}

/* A request of which more is to come: nothing for the loop. */
static void
serve_coming(struct worker *w, struct tn_fcgi_conn *c, bool has_head)
{
	struct work *work = take_work(w, c);

	if (work == NULL) {
		tn_fcgi_conns_drop(&w->conns, c);
		return;
	}
	if (to_pool(work, ARRIVING))
		return;
	if (!has_head) {
		tn_fcgi_conns_drop(&w->conns, c);
	} else if (tn_fcgi_call_begin(&work->call, c->fd, false,
	    &w->options->cgi) < 0) {
		tn_fcgi_conns_forget(&w->conns, c);
	} else {
		refuse_busy(w, &work->call);
		after_call(w, c, tn_fcgi_call_end(&work->call));
	}
	give_back(work);
}

static void
on_readable(struct worker *w, struct tn_fcgi_conn *c)
{
	ssize_t n = recv(c->fd, w->look, sizeof(w->look),
	    MSG_PEEK | MSG_DONTWAIT);
	enum tn_fcgi_arrival seen;
	unsigned id;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		tn_fcgi_conns_park(&w->conns, c);
		return;
	}
	if (n <= 0) {
		tn_fcgi_conns_drop(&w->conns, c);
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
	tn_fcgi_conns_drop(&w->conns, c);
}

/* ---- The loop ------------------------------------------------------------ */

/* Is there perhaps another one? */
static bool
accept_one(struct worker *w)
{
	int fd = tn_fcgi_accept(w->conns.listen_fd, w->options->fronts,
	    w->options->nfronts);
	struct tn_fcgi_conn *c;

	if (fd >= 0) {
		c = tn_fcgi_conns_add(&w->conns, fd);
		if (c != NULL)
			on_readable(w, c);	/* most have sent it by now */
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
on_connect(struct worker *w)
{
	for (int i = 0; i < ACCEPTS && w->conns.is_listening &&
	    accept_one(w); i++)
		continue;
}

/* Who has connected is served still. */
static void
begin_drain(struct worker *w)
{
	w->drain_ms = tn_clock_mono_ms() + w->options->drain_ms;
	while (accept_one(w))
		continue;
	tn_fcgi_conns_drain(&w->conns);
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
	} else if (w->conns.is_draining) {
		w->stopping = true;
	} else {
		begin_drain(w);
	}
}

static void
on_event(struct worker *w, void *what)
{
	if (what == &w->conns.listen_fd)
		on_connect(w);
	else if (what == &w->done_fd)
		on_done(w);
	else if (what == &w->signal_fd)
		on_signal(w);
	else if (((struct tn_fcgi_conn *)what)->sender != NULL)
		on_writable(w, ((struct tn_fcgi_conn *)what)->sender);
	else
		on_readable(w, what);
}

static void
turn(struct worker *w)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(w->conns.epoll_fd, events, EVENTS,
	    tn_fcgi_conns_wait_ms(&w->conns));

	for (int i = 0; i < n; i++)
		on_event(w, events[i].data.ptr);
	serve_ready(w);
	end_stuck(w);
	tn_fcgi_conns_tick(&w->conns);
	if (w->conns.is_draining)
		w->stopping |= tn_fcgi_conns_close_quiet(&w->conns) ||
		    tn_clock_mono_ms() >= w->drain_ms;
}

/* ---- Beginning and end --------------------------------------------------- */

static int
open_all(struct worker *w, int listen_fd, struct tn_err *err)
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
close_all(struct worker *w)
{
	tn_fcgi_conns_shut(&w->conns);
	tn_pool_free(&w->pool);
	on_done(w);
	end_all_sends(w);
	tn_fcgi_conns_close(&w->conns);
	while (w->spare != NULL) {
		struct work *work = w->spare;

		w->spare = work->next;
		tn_fcgi_call_fini(&work->call);
		free(work);
	}
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
	pthread_mutex_init(&w->lock, NULL);
	result = open_all(w, listen_fd, err);
	while (result == 0 && !w->stopping)
		turn(w);
	close_all(w);
	free(w);
	return result;
}
