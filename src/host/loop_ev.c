/*
 * A turn: libev waits; check moves the wheel on and calls what is due; the
 * descriptors are served; prepare carries out what was put off and sets the
 * one libev timer to the wheel's next call.
 */
#include "config.h"

#include "host/loop_ev.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"

struct watcher {
	ev_io io;
	struct tn_watch *watch;
};

static void
on_io(struct ev_loop *ev, ev_io *io, int revents)
{
	struct tn_watch *w = TN_CONTAINER(io, struct watcher, io)->watch;
	unsigned events = 0;

	(void)ev;
	if (revents & EV_READ)
		events |= TN_READ;
	if (revents & EV_WRITE)
		events |= TN_WRITE;
	w->fn(w, events & w->events);
}

static struct tn_loop_ev *
self(struct tn_loop *loop)
{
	return TN_CONTAINER(loop, struct tn_loop_ev, base);
}

static int
watch(struct tn_loop *loop, struct tn_watch *w, unsigned events)
{
	struct ev_loop *ev = self(loop)->ev;
	struct watcher *watcher = w->impl;

	if (watcher == NULL) {
		watcher = calloc(1, sizeof(*watcher));
		if (watcher == NULL)
			return TN_E_NOMEM;
		watcher->watch = w;
		w->impl = watcher;
		ev_init(&watcher->io, on_io);
	}
	ev_io_stop(ev, &watcher->io);
	w->events = events;
	ev_io_set(&watcher->io, w->fd, (events & TN_READ ? EV_READ : 0) |
	    (events & TN_WRITE ? EV_WRITE : 0));
	if (events != 0)
		ev_io_start(ev, &watcher->io);
	return 0;
}

static void
unwatch(struct tn_loop *loop, struct tn_watch *w)
{
	struct watcher *watcher = w->impl;

	if (watcher == NULL)
		return;
	ev_io_stop(self(loop)->ev, &watcher->io);
	free(watcher);
	w->impl = NULL;
	w->events = 0;
}

static const struct tn_loop_ops ops = { watch, unwatch };

/* It only ends the wait; check does the rest. */
static void
on_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
	(void)ev;
	(void)timer;
	(void)revents;
}

static void
on_check(struct ev_loop *ev, ev_check *check, int revents)
{
	struct tn_loop_ev *l = check->data;

	(void)ev;
	(void)revents;
	tn_wheel_advance(&l->base.wheel, tn_clock_mono_ms());
}

static void
on_prepare(struct ev_loop *ev, ev_prepare *prepare, int revents)
{
	struct tn_loop_ev *l = prepare->data;
	int64_t wait_ms, due_ms;

	(void)revents;
	wait_ms = l->before_wait(l->arg) ? 0 :
	    tn_wheel_wait_ms(&l->base.wheel);
	/* the wheel's time is that of the last wait's end */
	due_ms = l->base.wheel.now_ms + wait_ms;
	if (wait_ms > 0 && ev_is_active(&l->timer) && due_ms == l->due_ms)
		return;
	ev_timer_stop(ev, &l->timer);
	if (wait_ms < 0)
		return;
	l->due_ms = due_ms;
	ev_timer_set(&l->timer, (double)wait_ms / 1000, 0.);
	ev_timer_start(ev, &l->timer);
}

int
tn_loop_ev_init(struct tn_loop_ev *l, bool (*before_wait)(void *arg),
    void *arg, struct tn_err *err)
{
	*l = (struct tn_loop_ev){ .before_wait = before_wait, .arg = arg };
	l->base.ops = &ops;
	if (tn_wheel_init(&l->base.wheel, tn_clock_mono_ms()) < 0)
		return tn_err_set(err, TN_E_NOMEM, "no memory for timers");
	l->ev = ev_loop_new(EVFLAG_AUTO);
	if (l->ev == NULL) {
		tn_wheel_fini(&l->base.wheel);
		return tn_err_set(err, TN_E_SYSTEM, "no event loop");
	}
	ev_init(&l->timer, on_timer);
	ev_prepare_init(&l->prepare, on_prepare);
	ev_check_init(&l->check, on_check);
	/* last before the wait, first after it */
	ev_set_priority(&l->prepare, EV_MINPRI);
	ev_set_priority(&l->check, EV_MAXPRI);
	l->prepare.data = l->check.data = l;
	ev_prepare_start(l->ev, &l->prepare);
	ev_check_start(l->ev, &l->check);
	return 0;
}

void
tn_loop_ev_fini(struct tn_loop_ev *l)
{
	if (l->ev == NULL)
		return;
	ev_timer_stop(l->ev, &l->timer);
	ev_prepare_stop(l->ev, &l->prepare);
	ev_check_stop(l->ev, &l->check);
	ev_loop_destroy(l->ev);
	tn_wheel_fini(&l->base.wheel);
	l->ev = NULL;
}
