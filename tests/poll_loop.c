#include "config.h"

#include "poll_loop.h"

#include <poll.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"

static int
watch(struct tn_loop *loop, struct tn_watch *w, unsigned events)
{
	struct poll_loop *p = TN_CONTAINER(loop, struct poll_loop, loop);
	size_t free_at = POLL_LOOP_MAX;

	w->events = events;
	for (size_t i = 0; i < POLL_LOOP_MAX; i++) {
		if (p->watches[i] == w)
			return 0;
		if (p->watches[i] == NULL && free_at == POLL_LOOP_MAX)
			free_at = i;
	}
	if (free_at == POLL_LOOP_MAX)
		return TN_E_NOMEM;
	p->watches[free_at] = w;
	return 0;
}

static void
unwatch(struct tn_loop *loop, struct tn_watch *w)
{
	struct poll_loop *p = TN_CONTAINER(loop, struct poll_loop, loop);

	w->events = 0;
	for (size_t i = 0; i < POLL_LOOP_MAX; i++) {
		if (p->watches[i] == w)
			p->watches[i] = NULL;
	}
}

static const struct tn_loop_ops ops = { watch, unwatch };

int
poll_loop_init(struct poll_loop *p)
{
	*p = (struct poll_loop){ .loop = { .ops = &ops } };
	return tn_wheel_init(&p->loop.wheel, tn_clock_mono_ms());
}

void
poll_loop_fini(struct poll_loop *p)
{
	tn_wheel_fini(&p->loop.wheel);
}

void
poll_loop_turn(struct poll_loop *p, int max_ms)
{
	struct pollfd fds[POLL_LOOP_MAX];
	int64_t wait_ms;

	tn_loop_run_deferred(&p->loop);
	for (size_t i = 0; i < POLL_LOOP_MAX; i++) {
		const struct tn_watch *w = p->watches[i];

		fds[i] = (struct pollfd){ .fd = w == NULL ? -1 : w->fd };
		if (w != NULL && w->events & TN_READ)
			fds[i].events |= POLLIN;
		if (w != NULL && w->events & TN_WRITE)
			fds[i].events |= POLLOUT;
	}
	wait_ms = tn_wheel_wait_ms(&p->loop.wheel);
	if (wait_ms < 0 || wait_ms > max_ms)
		wait_ms = max_ms;
	p->turns++;
	poll(fds, POLL_LOOP_MAX, (int)wait_ms);
	tn_wheel_advance(&p->loop.wheel, tn_clock_mono_ms());
	for (size_t i = 0; i < POLL_LOOP_MAX; i++) {
		struct tn_watch *w = p->watches[i];
		unsigned events = 0;

		if (w == NULL || w->fd != fds[i].fd || fds[i].revents == 0)
			continue;
		if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
			events |= TN_READ;
		if (fds[i].revents & (POLLOUT | POLLHUP | POLLERR))
			events |= TN_WRITE;
		w->fn(w, events);
	}
}

bool
poll_loop_until(struct poll_loop *p, bool (*done)(void *arg), void *arg,
    int ms)
{
	int64_t end_ms = tn_clock_mono_ms() + ms;

	while (!done(arg) && tn_clock_mono_ms() < end_ms)
		poll_loop_turn(p, 20);
	return done(arg);
}
