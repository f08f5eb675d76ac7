#include "config.h"

#include "base/loop.h"

static void
ready(struct tn_list *l)
{
	if (l->next == NULL)
		tn_list_init(l);
}

void
tn_loop_defer(struct tn_loop *loop, struct tn_deferred *d,
    tn_deferred_fn *fn, void *arg)
{
	ready(&loop->deferred);
	ready(&d->link);
	d->fn = fn;
	d->arg = arg;
	if (tn_list_empty(&d->link))
		tn_list_append(&loop->deferred, &d->link);
}

void
tn_loop_undefer(struct tn_deferred *d)
{
	ready(&d->link);
	tn_list_remove(&d->link);
}

void
tn_loop_run_deferred(struct tn_loop *loop)
{
	ready(&loop->deferred);
	while (!tn_list_empty(&loop->deferred)) {
		struct tn_deferred *d = TN_CONTAINER(loop->deferred.next,
		    struct tn_deferred, link);

		tn_list_remove(&d->link);
		d->fn(d->arg);
	}
}
