/* A struct tn_loop over poll(2), for tests. */
#ifndef TN_TEST_POLL_LOOP_H
#define TN_TEST_POLL_LOOP_H

#include "base/loop.h"

#define POLL_LOOP_MAX 32

struct poll_loop {
	struct tn_loop loop;
	struct tn_watch *watches[POLL_LOOP_MAX];
	unsigned turns;		/* how often it has waited */
};

int poll_loop_init(struct poll_loop *p);
void poll_loop_fini(struct poll_loop *p);

/* One turn: what was deferred, a wait of at most max_ms, events, timers. */
void poll_loop_turn(struct poll_loop *p, int max_ms);

/* Turn until done(arg), or ms have passed. Returns what done said last. */
bool poll_loop_until(struct poll_loop *p, bool (*done)(void *arg), void *arg,
    int ms);

#endif
