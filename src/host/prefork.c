#include "config.h"

#include "host/prefork.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define LIVED_MS	10000	/* a worker this old did not fail at its start */
#define PAUSE_MIN_MS	100
#define PAUSE_MAX_MS	5000
#define GRACE_MS	1000	/* workers keep the deadline themselves */

struct worker {
	pid_t pid;		/* 0: not running */
	int64_t started_ms;
	int64_t due_ms;		/* when to start it again */
	int pause_ms;
};

struct family {
	const struct tn_prefork_options *options;
	struct worker *workers;
	sigset_t signals;
	bool stopping;
	int64_t kill_ms;	/* when stopping: the deadline */
};

void
tn_prefork_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGHUP);
}

static void
tell_all(const struct family *f, int sig)
{
	for (int i = 0; i < f->options->workers; i++) {
		if (f->workers[i].pid > 0)
			kill(f->workers[i].pid, sig);
	}
}

static bool
any_runs(const struct family *f)
{
	for (int i = 0; i < f->options->workers; i++) {
		if (f->workers[i].pid > 0)
			return true;
	}
	return false;
}

/* Returns 0 in the child, its pid or -1 in the parent. */
static pid_t
start(struct family *f, int i)
{
	struct worker *w = &f->workers[i];
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			raise(SIGTERM);	/* it died before the line above */
		return 0;
	}
	w->started_ms = tn_clock_mono_ms();
	if (pid > 0) {
		w->pid = pid;
		return pid;
	}
	w->due_ms = w->started_ms + PAUSE_MAX_MS;
	tn_log_event(f->options->log, TN_LOG_ERROR, "host.fork_failed",
	    TN_F_NUM("errno", errno));
	return -1;
}

static void
on_end(struct family *f, struct worker *w, int status)
{
	int64_t now = tn_clock_mono_ms();

	w->pid = 0;
	if (f->stopping)
		return;
	if (now - w->started_ms >= LIVED_MS)
		w->pause_ms = 0;
	w->due_ms = now + w->pause_ms;
	tn_log_event(f->options->log, TN_LOG_ERROR, "host.worker_ended",
	    TN_F_NUM("worker", w - f->workers),
	    TN_F_NUM("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
	    TN_F_NUM("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
	    TN_F_NUM("again_in_ms", w->pause_ms));
	w->pause_ms = w->pause_ms == 0 ? PAUSE_MIN_MS : w->pause_ms * 2;
	if (w->pause_ms > PAUSE_MAX_MS)
		w->pause_ms = PAUSE_MAX_MS;
}

static void
reap(struct family *f)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < f->options->workers; i++) {
			if (f->workers[i].pid == pid)
				on_end(f, &f->workers[i], status);
		}
	}
}

static void
on_stop(struct family *f)
{
	if (f->stopping) {
		tell_all(f, SIGKILL);
		return;
	}
	f->stopping = true;
	f->kill_ms = tn_clock_mono_ms() + f->options->drain_ms + GRACE_MS;
	tell_all(f, SIGTERM);
}

static void
on_signal(struct family *f, int sig)
{
	switch (sig) {
	case SIGCHLD:
		reap(f);
		return;
	case SIGHUP:
		if (f->options->on_reload != NULL)
			f->options->on_reload(f->options->arg);
		tell_all(f, SIGHUP);
		return;
	default:
		on_stop(f);
		return;
	}
}

/* Start what is due. Returns 0 in a child, whose number goes to *worker. */
static pid_t
start_due(struct family *f, int *worker)
{
	int64_t now = tn_clock_mono_ms();

	for (int i = 0; i < f->options->workers; i++) {
		struct worker *w = &f->workers[i];

		if (w->pid > 0 || w->due_ms > now)
			continue;
		*worker = i;
		if (start(f, i) == 0)
			return 0;
	}
	return 1;
}

/* How long the parent may sleep, in ms. */
static int64_t
until_next(const struct family *f)
{
	int64_t now = tn_clock_mono_ms();
	int64_t next = now + 60000;

	if (f->stopping)
		return f->kill_ms > now ? f->kill_ms - now : 0;
	for (int i = 0; i < f->options->workers; i++) {
		const struct worker *w = &f->workers[i];

		if (w->pid == 0 && w->due_ms < next)
			next = w->due_ms;
	}
	return next > now ? next - now : 0;
}

static void
wait_signal(struct family *f)
{
	int64_t ms = until_next(f);
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	int sig = sigtimedwait(&f->signals, NULL, &ts);

	if (sig > 0) {
		on_signal(f, sig);
	} else if (f->stopping && tn_clock_mono_ms() >= f->kill_ms) {
		tell_all(f, SIGKILL);
		f->kill_ms += GRACE_MS;
	}
}

/* Returns 0 in a child, 1 in the parent when all have ended. */
static pid_t
supervise(struct family *f, int *worker)
{
	bool told = false;

	while (!f->stopping || any_runs(f)) {
		if (!f->stopping && start_due(f, worker) == 0)
			return 0;
		if (!told && f->options->on_ready != NULL)
			f->options->on_ready(f->options->arg);
		told = true;
		wait_signal(f);
	}
	return 1;
}

int
tn_prefork_run(const struct tn_prefork_options *options, bool *is_child,
    struct tn_err *err)
{
	struct family f = { .options = options };
	int worker = 0;
	pid_t pid;

	*is_child = false;
	f.workers = calloc((size_t)options->workers, sizeof(*f.workers));
	if (f.workers == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for workers");
	tn_prefork_signals(&f.signals);
	sigaddset(&f.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &f.signals, NULL);
	pid = supervise(&f, &worker);
	free(f.workers);
	if (pid != 0)
		return 0;
	*is_child = true;
	return options->run(worker, options->arg, err);
}
