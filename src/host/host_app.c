#include "config.h"

#include "host/host_app.h"

#include <fcgiapp.h>
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "host/fcgi_worker.h"
#include "host/listener.h"
#include "host/notify.h"
#include "host/prefork.h"

#define SLOW_THREADS	2
#define SLOW_QUEUE	64
#define DRAIN_MS	5000
#define WORKERS_MAX	256

struct host {
	struct tn_app *app;
	struct tn_host_app_options options;	/* presets filled in */
	struct tn_log *log;
	struct tn_listener listener;
};

static void
preset(int *setting, int value)
{
	if (*setting <= 0)
		*setting = value;
}

static int
cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (int)n;
}

static void
fill_presets(struct tn_host_app_options *o)
{
	preset(&o->workers, cores());
	preset(&o->slow_threads, SLOW_THREADS);
	preset(&o->slow_queue, SLOW_QUEUE);
	preset(&o->max_connections, TN_LIMIT_FCGI_CONNECTIONS);
	preset(&o->drain_ms, DRAIN_MS);
}

static void
on_ready(void *arg)
{
	struct host *host = arg;

	tn_log_event(host->log, TN_LOG_INFO, "host.ready",
	    TN_F_NUM("workers", host->options.workers),
	    TN_F_NUM("pid", getpid()));
	tn_notify("READY=1");
}

static void
on_reload(void *arg)
{
	struct host *host = arg;

	tn_notify_reloading();
	if (host->options.on_reload != NULL)
		host->options.on_reload(host->options.arg);
	tn_notify("READY=1");
}

static int
run_worker(int worker, void *arg, struct tn_err *err)
{
	struct host *host = arg;
	const struct tn_host_app_options *o = &host->options;

	(void)worker;
	if (o->on_start != NULL) {
		int result = o->on_start(o->arg, err);

		if (result < 0)
			return result;
	}
	return tn_fcgi_worker_run(host->listener.fd, host->app, o, host->log,
	    err);
}

/* One process and no parent: whoever started us looks after it. */
static int
run_alone(struct host *host, struct tn_err *err)
{
	sigset_t signals;

	tn_prefork_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	on_ready(host);
	return run_worker(0, host, err);
}

static int
run_family(struct host *host, bool *is_child, struct tn_err *err)
{
	const struct tn_prefork_options options = {
		.workers = host->options.workers,
		.drain_ms = host->options.drain_ms,
		.run = run_worker,
		.on_ready = on_ready,
		.on_reload = on_reload,
		.arg = host,
		.log = host->log,
	};

	return tn_prefork_run(&options, is_child, err);
}

int
tn_host_run_app(struct tn_app *app, const struct tn_host_app_options *options,
    struct tn_log *log, struct tn_err *err)
{
	struct host host = { .app = app, .options = *options, .log = log };
	bool is_child = false;
	int result;

	fill_presets(&host.options);
	result = tn_app_check(app, err);
	if (result < 0)
		return result;
	result = tn_listener_open(&host.listener, options->listen, true, err);
	if (result < 0)
		return result;
	signal(SIGPIPE, SIG_IGN);
	FCGX_Init();	/* catches TERM and USR1, which are blocked from here on */
	if (host.options.workers == 1)
		result = run_alone(&host, err);
	else
		result = run_family(&host, &is_child, err);
	tn_listener_close(&host.listener, !is_child);
	return result;
}
