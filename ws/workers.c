/* One worker, or a parent with several. The parent knows no Redis. */
#include "config.h"

#include "site.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "host/notify.h"
#include "host/prefork.h"

enum { WORKERS = 26 };		/* a to z */

struct family {
	struct site *site;
	int (*serve)(struct site *site, struct tn_err *err);
	char name[2];
};

static int
cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > WORKERS ? WORKERS : (int)n;
}

/* Signals go to the loop, and only the parent speaks to who started it. */
static int
run_worker(int worker, void *arg, struct tn_err *err)
{
	struct family *f = arg;
	sigset_t signals;
	int status;

	f->name[0] = (char)('a' + worker);
	status = settings_set_worker(&f->site->settings, f->name, err);
	if (status < 0)
		return status;
	unsetenv("NOTIFY_SOCKET");
	tn_prefork_signals(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	return f->serve(f->site, err);
}

static void
on_ready(void *arg)
{
	const struct family *f = arg;

	tn_log_event(&f->site->log, TN_LOG_INFO, "ws.workers",
	    TN_F_NUM("pid", getpid()));
	tn_notify("READY=1");
}

static void
on_reload(void *arg)
{
	struct family *f = arg;

	tn_notify_reloading();
	tn_log_reopen(&f->site->log, NULL);
	tn_notify("READY=1");
}

/* Two on one socket would take each other's connections. */
static int
check_listen(const struct settings *cfg, struct tn_err *err)
{
	if (strstr(cfg->listen, "%w") != NULL ||
	    strstr(cfg->listen, "%n") != NULL)
		return 0;
	return tn_err_set(err, TN_E_CONFIG, "%s: [ws] listen must have %%w "
	    "or %%n in it for several workers", cfg->file);
}

int
site_run(struct site *site, int (*serve)(struct site *site,
    struct tn_err *err), struct tn_err *err)
{
	const struct settings *cfg = &site->settings;
	struct family family = { .site = site, .serve = serve };
	const struct tn_prefork_options options = {
		.workers = cfg->workers == 0 ? cores() : cfg->workers,
		.drain_ms = cfg->ws.drain_ms,
		.run = run_worker,
		.on_ready = on_ready,
		.on_reload = on_reload,
		.arg = &family,
		.log = &site->log,
	};
	bool is_child;
	int status;

	if (cfg->is_worker_given || options.workers == 1 ||
	    getenv("LISTEN_FDS") != NULL)
		return serve(site, err);
	status = check_listen(cfg, err);
	return status < 0 ? status : tn_prefork_run(&options, &is_child, err);
}
