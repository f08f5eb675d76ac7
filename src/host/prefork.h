/*
 * Several processes of one kind: started, watched, started again, stopped.
 *
 *	TERM, INT, USR1	the workers finish; those left at the deadline are
 *			killed, and all at once by a second signal
 *	HUP		logs are opened again, here and in every worker
 *	CHLD		a worker that ended is started again: at once if it
 *			had lived a while, else after a pause that doubles
 */
#ifndef TN_PREFORK_H
#define TN_PREFORK_H

#include <signal.h>
#include <stdbool.h>

struct tn_err;
struct tn_log;

struct tn_prefork_options {
	int workers;		/* 1 or more */
	int drain_ms;		/* from TERM to the end of the workers */
	/*
	 * The life of a worker. The signals above are blocked in it, to be
	 * read from a signalfd; the parent's end reaches it as TERM.
	 */
	int (*run)(int worker, void *arg, struct tn_err *err);
	void (*on_ready)(void *arg);	/* in the parent, all were started */
	void (*on_reload)(void *arg);	/* in the parent, on HUP; may be NULL */
	void *arg;
	struct tn_log *log;
};

/* The signals that the parent and its workers wait for; CHLD is the parent's. */
void tn_prefork_signals(sigset_t *set);

/*
 * Start the workers and stay with them until they are told to stop.
 *
 * is_child  set to whether this is a worker that comes back
 *
 * Returns once in each process, so that each can clean up and end by the
 * end of its main: in a worker with the result of run, in the parent with 0
 * when all workers have ended, or TN_E_NOMEM.
 */
int tn_prefork_run(const struct tn_prefork_options *options, bool *is_child,
    struct tn_err *err);

#endif
