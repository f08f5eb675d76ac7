/* Runs a web application behind a FastCGI web server: libfcgi around src/web. */
#ifndef TN_HOST_APP_H
#define TN_HOST_APP_H

#include "web/app.h"
#include "web/cgi.h"

struct tn_err;
struct tn_log;

struct tn_host_app_options {
	/*
	 * "unix:/path", "host:port" or "fd:N". A socket that was handed over,
	 * by LISTEN_FDS or as descriptor 0, is taken instead.
	 */
	const char *listen;
	int workers;		/* processes; 0: one a core. 1: no parent */
	int slow_threads;	/* of the helper pool of each; 0: 2 */
	int slow_queue;		/* requests that may wait for one; 0: 64 */
	int max_connections;	/* of each; 0: TN_LIMIT_FCGI_CONNECTIONS */
	size_t max_bytes;	/* of a request's memory; 0: the limit's */
	int drain_ms;		/* TERM to the end; 0: 5000 */
	struct tn_cgi_options cgi;
	/*
	 * Addresses of web servers that may connect over TCP; none given: this
	 * machine's own. A Unix socket's file mode is its own guard.
	 */
	const char *const *fronts;
	size_t nfronts;
	/* In each worker, before its first request; may be NULL. */
	int (*on_start)(void *arg, struct tn_err *err);
	void (*on_reload)(void *arg);	/* on HUP, in each process; or NULL */
	void *arg;
};

/*
 * Serve the app until TERM or INT.
 *
 * Returns once in every process, the parent and each worker, so that main
 * cleans up and ends as usual: 0, or TN_E_SYSTEM, TN_E_CONFIG or TN_E_NOMEM
 * when it cannot listen or start. log is borrowed; app is not freed.
 */
int tn_host_run_app(struct tn_app *app,
    const struct tn_host_app_options *options, struct tn_log *log,
    struct tn_err *err);

#endif
