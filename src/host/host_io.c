/* The Socket.IO host: made, run until it is told to stop, taken apart. */
#include "config.h"

#include "host/host_io.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/err.h"
#include "host/batch.h"
#include "host/forward.h"
#include "host/notify.h"
#include "host/peer.h"

enum {
	PRESET_SNDBUF = 65536,
	PRESET_DRAIN_MS = 5000,
	REQUEST_BYTES = 1 << 17,	/* scratch of one request's head */
	ROUNDS = 4,			/* of what a turn may still cause */
	DESCRIPTORS = 1 << 18,		/* the most that tables are made for */
	TRIM_MS = 1000,			/* between looks at the free memory */
};

static bool
is_idle(const struct tn_host_io *host)
{
	return host->options.is_idle == NULL ||
	    host->options.is_idle(host->options.arg);
}

/*
 * The end of a turn. Each step may cause work for the ones before it, so
 * they go round; what is left then comes after a look at the descriptors.
 */
static bool
before_wait(void *arg)
{
	struct tn_host_io *host = arg;
	bool more = true;

	for (int i = 0; i < ROUNDS && more; i++) {
		more = tn_peers_reap(host);
		tn_loop_run_deferred(&host->loop.base);
		if (host->engine != NULL)
			tn_engine_flush(host->engine);
		if (tn_wires_flush(host))
			more = true;
	}
	if (host->draining && tn_list_empty(&host->peers) &&
	    tn_list_empty(&host->doomed) &&
	    tn_forwards_idle(host) && is_idle(host))
		ev_break(host->loop.ev, EVBREAK_ALL);
	return more || !tn_list_empty(&host->doomed);
}

/* ---- Signals ------------------------------------------------------------- */

static void
on_drained(void *arg)
{
	struct tn_host_io *host = arg;

	ev_break(host->loop.ev, EVBREAK_ALL);
}

/* The first asks for an end, the second makes it. */
static void
on_stop(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct tn_host_io *host = w->data;
	struct tn_wheel *wheel = &host->loop.base.wheel;

	(void)revents;
	if (host->draining) {
		ev_break(ev, EVBREAK_ALL);
		return;
	}
	host->draining = true;
	tn_notify("STOPPING=1");
	tn_log_event(host->log, TN_LOG_INFO, "ws.stop",
	    TN_F_NUM("sessions", tn_engine_len(host->engine)));
	tn_host_accept_stop(host);
	host->close_all(host->close_arg);
	tn_peers_cut(host, true);
	tn_wheel_set(wheel, &host->drain,
	    wheel->now_ms + host->options.drain_ms, on_drained, host);
}

static void
on_reload(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct tn_host_io *host = w->data;

	(void)ev;
	(void)revents;
	tn_notify_reloading();
	if (host->options.on_reload != NULL)
		host->options.on_reload(host->options.arg);
	tn_notify("READY=1");
}

static void
start_signal(struct tn_host_io *host, ev_signal *w, int number,
    void (*fn)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, fn, number);
	w->data = host;
	ev_signal_start(host->loop.ev, w);
}

static void
start_signals(struct tn_host_io *host)
{
	start_signal(host, &host->on_term, SIGTERM, on_stop);
	start_signal(host, &host->on_int, SIGINT, on_stop);
	start_signal(host, &host->on_hup, SIGHUP, on_reload);
}

static void
stop_signals(struct tn_host_io *host)
{
	ev_signal_stop(host->loop.ev, &host->on_term);
	ev_signal_stop(host->loop.ev, &host->on_int);
	ev_signal_stop(host->loop.ev, &host->on_hup);
}

/* ---- Life ---------------------------------------------------------------- */

static void
on_trim(void *arg)
{
	struct tn_host_io *host = arg;
	struct tn_wheel *wheel = &host->loop.base.wheel;

	tn_wheel_set(wheel, &host->trim, wheel->now_ms + TRIM_MS, on_trim,
	    host);
	tn_heap_trim(&host->heap);
}

/* Some systems allow a thousand million. */
static void
bound_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur <= DESCRIPTORS)
		return;
	limit.rlim_cur = DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
start(struct tn_host_io *host, struct tn_err *err)
{
	const char *dir = host->options.client_dir;
	int r = tn_loop_ev_init(&host->loop, before_wait, host, err);

	if (r < 0)
		return r;
	/* an empty close frame: FIN and opcode 8, length 0 */
	host->batch = tn_batch_new(host->options.use_ring);
	host->close_frame = tn_rcbuf_new(TN_SLICE("\x88\x00"), TN_SLICE_NONE);
	if (host->close_frame == NULL || host->batch == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for the host");
	if (dir != NULL && dir[0] != '\0') {
		host->bundle = tn_client_bundle_load(dir, err);
		if (host->bundle == NULL)
			return TN_E_CONFIG;
	}
	return tn_host_lws_start(host, err);
}

struct tn_host_io *
tn_host_io_new(const struct tn_host_io_options *options, struct tn_log *log,
    struct tn_err *err)
{
	struct tn_host_io *host = calloc(1, sizeof(*host));

	if (host == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for the host");
		return NULL;
	}
	host->options = *options;
	if (host->options.send_buffer <= 0)
		host->options.send_buffer = PRESET_SNDBUF;
	if (host->options.drain_ms <= 0)
		host->options.drain_ms = PRESET_DRAIN_MS;
	host->log = log;
	host->listener.fd = host->spare_fd = -1;
	tn_list_init(&host->peers);
	tn_list_init(&host->doomed);
	tn_list_init(&host->dirty);
	tn_arena_init(&host->scratch, REQUEST_BYTES);
	tn_buf_init(&host->out, SIZE_MAX / 2);
	signal(SIGPIPE, SIG_IGN);
	bound_descriptors();
	if (start(host, err) < 0)
		tn_host_io_free(&host);
	return host;
}

struct tn_loop *
tn_host_io_loop(struct tn_host_io *host)
{
	return &host->loop.base;
}

const struct tn_host_counts *
tn_host_io_counts(const struct tn_host_io *host)
{
	return &host->counts;
}

bool
tn_host_io_is_draining(const struct tn_host_io *host)
{
	return host->draining;
}

static void
log_listening(const struct tn_host_io *host)
{
	const char *worker = host->options.worker;

	tn_log_event(host->log, TN_LOG_INFO, "ws.listen",
	    TN_F_STR("on", host->listener.was_given ? "given socket" :
		host->options.listen),
	    TN_F_STR("worker", worker == NULL ? "" : worker),
	    TN_F_STR("sends", tn_batch_has_ring(host->batch) ? "io_uring" :
		"sendmsg"));
}

static int
serve(struct tn_host_io *host, struct tn_err *err)
{
	int r = tn_host_accept_start(host, err);

	if (r < 0)
		return r;
	start_signals(host);
	on_trim(host);
	log_listening(host);
	tn_notify("READY=1");
	ev_run(host->loop.ev, 0);
	stop_signals(host);
	tn_host_accept_stop(host);
	tn_forwards_stop(host);
	tn_wheel_cancel(&host->loop.base.wheel, &host->drain);
	tn_wheel_cancel(&host->loop.base.wheel, &host->trim);
	host->close_all(host->close_arg);
	tn_peers_cut(host, false);
	before_wait(host);
	return 0;
}

static void
close_engine(void *arg)
{
	tn_engine_close_all(arg, TN_CLOSE_SHUTTING_DOWN);
}

static void
close_io(void *arg)
{
	tn_io_close(arg);
}

static int
run(struct tn_host_io *host, struct tn_engine *engine,
    void (*close_all)(void *arg), void *arg, struct tn_err *err)
{
	int r;

	host->engine = engine;
	host->close_all = close_all;
	host->close_arg = arg;
	host->draining = false;
	r = serve(host, err);
	host->engine = NULL;
	return r;
}

int
tn_host_run_io(struct tn_host_io *host, struct tn_io *io, struct tn_err *err)
{
	return run(host, tn_io_engine(io), close_io, io, err);
}

int
tn_host_run_engine(struct tn_host_io *host, struct tn_engine *engine,
    struct tn_err *err)
{
	return run(host, engine, close_engine, engine, err);
}

void
tn_host_io_free(struct tn_host_io **host)
{
	struct tn_host_io *old = *host;

	*host = NULL;
	if (old == NULL)
		return;
	tn_host_lws_stop(old);
	tn_loop_ev_fini(&old->loop);
	tn_client_bundle_free(&old->bundle);
	tn_rcbuf_unref(&old->close_frame);
	tn_batch_free(&old->batch);
	tn_map_fini(&old->addresses);
	tn_arena_fini(&old->scratch);
	tn_buf_fini(&old->out);
	free(old);
}
