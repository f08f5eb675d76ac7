/* Requests of a FastCGI worker: read, handled, in the pool, answered. */
#include "config.h"

#include "host/fcgi_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "host/fcgi_arrive.h"

static void
after_call(struct tn_fcgi_worker *w, struct tn_fcgi_conn *c, bool is_kept)
{
	if (is_kept)
		tn_fcgi_conns_park(&w->conns, c);
	else
		tn_fcgi_conns_forget(&w->conns, c);
}

/* ---- Calls --------------------------------------------------------------- */

static struct tn_fcgi_work *
take_work(struct tn_fcgi_worker *w, struct tn_fcgi_conn *c)
{
	struct tn_fcgi_work *work = w->spare;

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
give_back(struct tn_fcgi_work *work)
{
	work->next = work->worker->spare;
	work->worker->spare = work;
}

/* The connection ends with it, and there is no request to say more of. */
static void
log_refused(const struct tn_fcgi_worker *w, enum tn_fcgi_arrival seen,
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
arrive(struct tn_fcgi_work *work)
{
	struct tn_fcgi_worker *w = work->worker;
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
carry_on(struct tn_fcgi_work *work)
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
	struct tn_fcgi_work *work = TN_CONTAINER(job, struct tn_fcgi_work, job);
	struct tn_fcgi_worker *w = work->worker;
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
to_pool(struct tn_fcgi_work *work, int stage)
{
	struct tn_fcgi_worker *w = work->worker;

	tn_fcgi_conns_unpark(&w->conns, work->conn);
	work->stage = stage;
	work->job.fn = on_job;
	if (tn_pool_submit(w->pool, &work->job) < 0)
		return false;
	w->in_pool++;
	return true;
}

static void
log_full(const struct tn_fcgi_worker *w)
{
	tn_log_event(w->log, TN_LOG_WARN, "host.pool_full",
	    TN_F_NUM("in_pool", w->in_pool));
}

static void
refuse_busy(struct tn_fcgi_worker *w, struct tn_fcgi_call *call)
{
	log_full(w);
	tn_app_refuse(w->app, &call->exchange.req, &call->exchange.res, 503, 1);
}

/* ---- Slow readers -------------------------------------------------------- */

static void
end_call(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
{
	after_call(w, work->conn, tn_fcgi_call_end(&work->call));
	give_back(work);
}

/* The loop sends on, whenever the connection takes more. */
static void
send_rest(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
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
end_send(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
{
	w->unsent -= work->unsent;
	tn_fcgi_conns_end_send(&w->conns, work->conn);
	end_call(w, work);
}

void
tn_fcgi_on_writable(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
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

void
tn_fcgi_end_stuck(struct tn_fcgi_worker *w)
{
	struct tn_fcgi_conn *c;

	while ((c = tn_fcgi_conns_stuck(&w->conns)) != NULL) {
		struct tn_fcgi_work *work = c->sender;

		tn_log_event(w->log, TN_LOG_INFO, "host.reader_stuck",
		    TN_F_NUM("unsent", work->left));
		end_send(w, work);
	}
}

void
tn_fcgi_end_calls(struct tn_fcgi_worker *w)
{
	struct tn_list *it, *next;

	TN_LIST_EACH(it, next, &w->conns.all) {
		struct tn_fcgi_conn *c = TN_CONTAINER(it, struct tn_fcgi_conn,
		    link);

		if (c->sender != NULL)
			end_send(w, c->sender);
	}
	while (w->spare != NULL) {
		struct tn_fcgi_work *work = w->spare;

		w->spare = work->next;
		tn_fcgi_call_fini(&work->call);
		free(work);
	}
}

/* ---- Served -------------------------------------------------------------- */

static int
handle(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
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
serve(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
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
serve_asking(struct tn_fcgi_worker *w)
{
	struct tn_fcgi_work *asked[TN_APP_TOGETHER];
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
void
tn_fcgi_serve_ready(struct tn_fcgi_worker *w)
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
make_ready(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
{
	w->ready[w->nready++] = work;
	if (w->nready == TN_APP_TOGETHER)
		tn_fcgi_serve_ready(w);
}

/* w->pool NULL: to a loop that has ended. */
static void
come_back(struct tn_fcgi_worker *w, struct tn_fcgi_work *work)
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
void
tn_fcgi_on_done(struct tn_fcgi_worker *w)
{
	struct tn_fcgi_work *work, *next;
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
take_whole(struct tn_fcgi_worker *w, struct tn_fcgi_conn *c)
{
	struct tn_fcgi_work *work = take_work(w, c);

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
serve_coming(struct tn_fcgi_worker *w, struct tn_fcgi_conn *c, bool has_head)
{
	struct tn_fcgi_work *work = take_work(w, c);

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

void
tn_fcgi_on_readable(struct tn_fcgi_worker *w, struct tn_fcgi_conn *c)
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
