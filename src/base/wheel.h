/* Timers for many connections: setting and cancelling cost O(1). */
#ifndef TN_WHEEL_H
#define TN_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

typedef void tn_timer_fn(void *arg);

/* Embedded in what it times; zeroed storage is an unset timer. */
struct tn_timer {
	struct tn_list link;
	int64_t due_ms;
	tn_timer_fn *fn;
	void *arg;
};

/* Hashed wheel; its grain, TN_WHEEL_GRAIN_MS, is how late a timer may be. */
#define TN_WHEEL_GRAIN_MS	4
#define TN_WHEEL_SLOTS		4096

struct tn_wheel {
	struct tn_list *slots;
	uint64_t *used;		/* a bit a slot that may hold timers */
	int64_t now_ms;		/* time of the last advance; read by all */
	int64_t next_ms;	/* no timer is due before; a lower bound */
	size_t len;
};

/* Returns 0 or TN_E_NOMEM. Timers left in it are forgotten, not called. */
int tn_wheel_init(struct tn_wheel *w, int64_t now_ms);
void tn_wheel_fini(struct tn_wheel *w);

/* (Re)arm: fn(arg) is called by the first advance at or after due_ms. */
void tn_wheel_set(struct tn_wheel *w, struct tn_timer *t, int64_t due_ms,
    tn_timer_fn *fn, void *arg);
void tn_wheel_cancel(struct tn_wheel *w, struct tn_timer *t);
bool tn_timer_is_set(const struct tn_timer *t);

/* Move time on and call what is due; a timer may set or cancel any other. */
void tn_wheel_advance(struct tn_wheel *w, int64_t now_ms);

/* Milliseconds until the next call may be due: -1 none, 0 at once. */
int64_t tn_wheel_wait_ms(struct tn_wheel *w);

#endif
