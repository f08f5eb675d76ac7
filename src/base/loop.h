/*
 * The event loop as the library's parts see it: descriptors and timers.
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

struct tn_loop_ops {
	int (*watch)(struct tn_loop *loop, struct tn_watch *w, unsigned events);
	void (*unwatch)(struct tn_loop *loop, struct tn_watch *w);
};

struct tn_loop {
	const struct tn_loop_ops *ops;
	struct tn_wheel wheel;	/* all timers; wheel.now_ms is the loop's time */
};

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
