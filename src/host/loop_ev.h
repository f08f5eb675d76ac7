/* The event loop (base/loop.h) over libev. */
#ifndef TN_LOOP_EV_H
#define TN_LOOP_EV_H

#include <ev.h>

#include "base/loop.h"

struct tn_err;

struct tn_loop_ev {
	struct tn_loop base;		/* what the rest of the library sees */
	struct ev_loop *ev;
	ev_timer timer;			/* to the wheel's next call */
	int64_t due_ms;			/* what it is set to, in the wheel's time */
	ev_prepare prepare;
	ev_check check;
	/* Called before each wait; true: there is more, do not wait. */
	bool (*before_wait)(void *arg);
	void *arg;
};

/* Returns 0, TN_E_NOMEM or TN_E_SYSTEM. l must stay where it is. */
int tn_loop_ev_init(struct tn_loop_ev *l, bool (*before_wait)(void *arg),
    void *arg, struct tn_err *err);
void tn_loop_ev_fini(struct tn_loop_ev *l);

#endif
