/*
 * The event loop as the library's parts see it: descriptors, timers, and what
 * is put off to the end of a turn.
 *
 * src/host implements it over libev; tests implement it over nothing.
 */
#ifndef TN_LOOP_H
#define TN_LOOP_H

#include <stdbool.h>

#include "base/wheel.h"

enum { TN_READ = 1, TN_WRITE = 2 };

struct tn_loop;
struct tn_watch;

typedef void tn_watch_fn(struct tn_watch *w, unsigned events);

/* One descriptor. Embedded in its user; the loop keeps what it needs in impl. */
struct tn_watch {
	int fd;
	unsigned events;	/* TN_READ | TN_WRITE; 0: not watched now */
	tn_watch_fn *fn;
	void *arg;
	void *impl;		/* the loop's own */
};

/*
 * A call put off to the end of this turn, so that all that a turn gives leaves
 * in one write. Embedded in its user; zeroed storage stands in no list.
 */
typedef void tn_deferred_fn(void *arg);

struct tn_deferred {
	struct tn_list link;
	tn_deferred_fn *fn;
	void *arg;
};

struct tn_loop_ops {
	int (*watch)(struct tn_loop *loop, struct tn_watch *w, unsigned events);
	void (*unwatch)(struct tn_loop *loop, struct tn_watch *w);
};

struct tn_loop {
	const struct tn_loop_ops *ops;
	struct tn_wheel wheel;	/* all timers; wheel.now_ms is the loop's time */
	struct tn_list deferred;	/* zeroed storage is an empty list too */
};

/*
 * Call fn(arg) once before the loop sleeps. A second call before that does
 * nothing but take the new fn and arg.
 */
void tn_loop_defer(struct tn_loop *loop, struct tn_deferred *d,
    tn_deferred_fn *fn, void *arg);

/* Take it back; nothing if it does not wait. */
void tn_loop_undefer(struct tn_deferred *d);

/*
 * Carry out all that was deferred, and what that defers in turn. For the
 * host: right before each wait (libev's ev_prepare).
 */
void tn_loop_run_deferred(struct tn_loop *loop);

/*
 * Watch w->fd for events, or change what it is watched for. w must stay
 * where it is until tn_loop_unwatch, which must come before close(fd).
 * Returns 0 or TN_E_NOMEM.
 */
static inline int
tn_loop_watch(struct tn_loop *loop, struct tn_watch *w, unsigned events)
{
	return loop->ops->watch(loop, w, events);
}

static inline void
tn_loop_unwatch(struct tn_loop *loop, struct tn_watch *w)
{
	loop->ops->unwatch(loop, w);
}

#endif
