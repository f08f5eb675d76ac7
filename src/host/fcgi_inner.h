/* For the FastCGI worker alone: its loop, and the calls that it serves. */
#ifndef TN_FCGI_INNER_H
#define TN_FCGI_INNER_H

#include <pthread.h>

#include "host/fcgi_call.h"
#include "host/fcgi_conns.h"
#include "host/fcgi_look.h"
#include "host/host_app.h"
#include "host/pool.h"

/* A call on its way through the pool, or ready for the next one. */
struct tn_fcgi_work {
	struct tn_pool_job job;
	struct tn_fcgi_work *next;
	struct tn_fcgi_worker *worker;
	struct tn_fcgi_conn *conn;
	enum { ARRIVED, ARRIVING, RESUMING, SENDING, RETURNING } stage;
	bool is_kept;
	size_t unsent;		/* bytes kept, while its reader is waited for */
	uint64_t left;		/* bytes in all, likewise */
	struct tn_fcgi_call call;
};

struct tn_fcgi_worker {
	struct tn_app *app;
	const struct tn_host_app_options *options;
	struct tn_log *log;
	struct tn_pool *pool;
	struct tn_fcgi_conns conns;
	struct tn_fcgi_work *spare;
	struct tn_fcgi_work *ready[TN_APP_TOGETHER];	/* of this turn */
	size_t nready;
	struct tn_fcgi_work *asking[TN_APP_TOGETHER];	/* of these: TN_ASK */
	size_t nasking;
	size_t in_pool;
	size_t unsent;			/* bytes of all that are sent slowly */
	pthread_mutex_t lock;	/* guards done */
	struct tn_fcgi_work *done;
	int signal_fd, done_fd;
	bool stopping;
	int64_t drain_ms;		/* when draining: the deadline */
	char look[TN_FCGI_LOOK_BYTES];
};

/* ---- fcgi_serve.c: what epoll tells of, and what is due ------------------ */

/* A connection has bytes, or ends. */
void tn_fcgi_on_readable(struct tn_fcgi_worker *w, struct tn_fcgi_conn *c);

/* The reader of an answer takes more of it. */
void tn_fcgi_on_writable(struct tn_fcgi_worker *w, struct tn_fcgi_work *work);

/* Helpers have done something; w->pool NULL: for a loop that has ended. */
void tn_fcgi_on_done(struct tn_fcgi_worker *w);

/* The end of a turn: those that have come, those whose readers are stuck. */
void tn_fcgi_serve_ready(struct tn_fcgi_worker *w);
void tn_fcgi_end_stuck(struct tn_fcgi_worker *w);

/* The end of all. */
void tn_fcgi_end_calls(struct tn_fcgi_worker *w);

#endif
