#include "config.h"

#include "cluster/canary.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "redis/keys.h"
#include "redis/link.h"

#define KEY_BYTES	256
#define TICKS		12	/* of an interval */
#define PATIENCE	(TICKS / 3)

struct tn_canary {
	struct tn_loop *loop;
	struct tn_link *link;
	struct tn_log *log;
	struct tn_timer tick;
	int tick_ms;
	int age;		/* in ticks, since one was sent */
	bool is_waited_for, message_heard, change_heard;
	bool is_deaf;
	struct tn_canary_counts counts;
	struct tn_buf key;	/* and the channel of the same name */
};

static void
hear(struct tn_canary *c, bool *how)
{
	*how = true;
	if (!c->is_waited_for || !c->message_heard || !c->change_heard)
		return;
	c->is_waited_for = c->is_deaf = false;
	c->counts.heard++;
}

static void
on_message(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct tn_canary *c = arg;
	char number[24];

	(void)channel;
	snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)c->counts.sent);
	if (tn_slice_is(payload, number))	/* the last one, not one before */
		hear(c, &c->message_heard);
}

/* Read it, so that its change is told; change it; say it. */
static void
send_one(struct tn_canary *c)
{
	struct tn_slice key = tn_buf_view(&c->key), number;
	char text[24], life[24];

	number = tn_slice(text, (size_t)snprintf(text, sizeof(text), "%llu",
	    (unsigned long long)c->counts.sent + 1));
	c->age = 0;
	if (tn_link_call(c->link, (struct tn_slice[]){ TN_SLICE("GET"), key },
	    2, NULL, NULL) < 0 ||
	    tn_link_call(c->link, (struct tn_slice[]){ TN_SLICE("SET"), key,
	    number, TN_SLICE("PX"), tn_slice(life, (size_t)snprintf(life,
	    sizeof(life), "%d", 2 * TICKS * c->tick_ms)) }, 5, NULL,
	    NULL) < 0 ||
	    tn_link_call(c->link, (struct tn_slice[]){ TN_SLICE("PUBLISH"),
	    key, number }, 3, NULL, NULL) < 0)
		return;			/* the link has other worries */
	c->counts.sent++;
	c->is_waited_for = true;
	c->message_heard = c->change_heard = false;
}

static void
give_up(struct tn_canary *c)
{
	c->is_waited_for = false;
	c->is_deaf = true;
	c->counts.deaf++;
	tn_log_event(c->log, TN_LOG_WARN, "redis.deaf",
	    TN_F_STR("subscription", c->message_heard ? "heard" : "silent"),
	    TN_F_STR("tracking", c->change_heard ? "heard" : "silent"));
	tn_link_restart(c->link, "redis answers, but tells nothing");
}

/*
 * Time is counted in ticks, of which a process that was stopped has but one:
 * what came meanwhile is read before it is missed.
 */
static void
on_tick(void *arg)
{
	struct tn_canary *c = arg;

	tn_wheel_set(&c->loop->wheel, &c->tick,
	    c->loop->wheel.now_ms + c->tick_ms, on_tick, c);
	if (!tn_link_is_up(c->link))
		return;
	c->age++;
	if (c->is_waited_for && c->age > PATIENCE)
		give_up(c);
	else if (c->age >= TICKS)
		send_one(c);
}

struct tn_canary *
tn_canary_new(struct tn_loop *loop, struct tn_link *link, struct tn_log *log,
    struct tn_slice node, int interval_ms, struct tn_err *err)
{
	struct tn_canary *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for a canary");
		return NULL;
	}
	c->loop = loop;
	c->link = link;
	c->log = log;
	c->tick_ms = interval_ms / TICKS > 0 ? interval_ms / TICKS : 1;
	tn_buf_init(&c->key, KEY_BYTES);
	tn_key_canary(&c->key, node);
	if (c->key.failed != 0 || tn_link_subscribe(link,
	    tn_buf_view(&c->key), on_message, c) < 0) {
		tn_buf_fini(&c->key);
		free(c);
		tn_err_set(err, TN_E_NOMEM, "cannot listen for a canary");
		return NULL;
	}
	tn_wheel_set(&loop->wheel, &c->tick, loop->wheel.now_ms + c->tick_ms,
	    on_tick, c);
	return c;
}

void
tn_canary_free(struct tn_canary **canary)
{
	struct tn_canary *c = *canary;

	*canary = NULL;
	if (c == NULL)
		return;
	tn_wheel_cancel(&c->loop->wheel, &c->tick);
	tn_buf_fini(&c->key);
	free(c);
}

bool
tn_canary_on_invalidate(struct tn_canary *c, struct tn_slice key)
{
	bool is_own = tn_slice_eq(key, tn_buf_view(&c->key));

	if (is_own || key.ptr == NULL)		/* all keys: this one too */
		hear(c, &c->change_heard);
	return is_own;
}

void
tn_canary_on_up(struct tn_canary *c)
{
	send_one(c);
}

bool
tn_canary_is_deaf(const struct tn_canary *c)
{
	return c->is_deaf;
}

const struct tn_canary_counts *
tn_canary_counts(const struct tn_canary *c)
{
	return &c->counts;
}
