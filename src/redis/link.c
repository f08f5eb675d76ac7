/*
 * Down --> dialing --> greeting both --> up --> down ...
 *
 * The connection for subscriptions greets first, for the other one needs its
 * number:
 *
 *	subs: AUTH  CLIENT ID  SUBSCRIBE...          (confirmed, each)
 *	calls:                 AUTH  SELECT  CLIENT TRACKING ON REDIRECT n
 *
 * With sentinels, one of them is asked first who the master is, and a ROLE
 * among the greetings makes sure of it. The connection to the sentinel stays,
 * for it tells when the master is another; without it, that is seen when the
 * old one is silent or closes.
 *
 * Whatever goes wrong on either closes both, fails the commands that had
 * begun to leave (nobody knows whether Redis carried them out), keeps those
 * that had not, and tries again a little later.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "redis/dial.h"
#include "redis/link_cluster.h"
#include "redis/link_impl.h"

#define RETRY_MIN_MS	50
#define RETRY_MAX_MS	2000
#define PING_MS		3000	/* finds a peer that went without a word */

static void start(void *arg);

static int64_t
now_ms(const struct tn_link *link)
{
	return link->loop->wheel.now_ms;
}

static void
step_in(struct tn_link *link, int64_t ms, tn_timer_fn *fn)
{
	tn_wheel_set(&link->loop->wheel, &link->step, now_ms(link) + ms, fn,
	    link);
}

static void
log_lost(const struct tn_link *link, bool was_up, const struct tn_err *err)
{
	if (was_up || link->attempt == 0)
		tn_log_event(link->log, TN_LOG_WARN, "redis.down",
		    TN_F_STR("reason", err->text));
}

void
tn_link_lost(struct tn_link *link, const struct tn_err *err)
{
	bool was_up = link->state == TN_LINK_UP;
	int64_t wait_ms = RETRY_MAX_MS;
	size_t begun;

	if (link->state == TN_LINK_DOWN)
		return;
	log_lost(link, was_up, err);
	tn_link_conn_close(&link->calls);
	tn_link_conn_close(&link->subs);
	tn_link_conn_close(&link->guide);
	begun = tn_link_take_back(link);
	link->state = TN_LINK_DOWN;
	if (link->attempt < 6 && RETRY_MIN_MS << link->attempt < RETRY_MAX_MS)
		wait_ms = RETRY_MIN_MS << link->attempt;
	link->attempt++;
	step_in(link, wait_ms, start);
	if (was_up && link->hooks.on_down != NULL)
		link->hooks.on_down(err, link->hooks.arg);
	tn_link_fail(link, begun, err);
}

void
tn_link_lost_text(struct tn_link *link, int code, const char *text)
{
	struct tn_err err;

	tn_err_set(&err, code, "%s", text);
	tn_link_lost(link, &err);
}

static void
lost_reply(struct tn_link *link, const struct tn_reply *r)
{
	struct tn_err err;

	tn_reply_fail(r, &err);
	err.code = TN_E_AWAY;
	tn_link_lost(link, &err);
}

/* Up, and what is sent for that. */

static void
on_ping_due(void *arg)
{
	struct tn_link *link = arg;
	struct tn_slice ping = TN_SLICE("PING");

	if (link->is_pinged)
		tn_link_conn_read(&link->subs);
	if (link->state != TN_LINK_UP)
		return;
	if (link->is_pinged) {
		tn_link_lost_text(link, TN_E_TIMEOUT, "redis is silent");
		return;
	}
	link->is_pinged = true;
	tn_command_append(&link->subs.out, &ping, 1);
	tn_link_conn_send_soon(&link->subs);
	if (link->queue.len == 0)
		tn_link_call(link, &ping, 1, NULL, NULL);
	step_in(link, PING_MS, on_ping_due);
}

static void
come_up(struct tn_link *link)
{
	tn_log_event(link->log, TN_LOG_INFO, "redis.up",
	    TN_F_NUM("attempts", link->attempt + 1));
	link->state = TN_LINK_UP;
	link->attempt = 0;
	link->is_pinged = false;
	tn_link_swap_out(link);
	tn_link_conn_send_soon(&link->calls);
	step_in(link, PING_MS, on_ping_due);
	if (link->hooks.on_up != NULL)
		link->hooks.on_up(link->hooks.arg);
}

static void
on_greeting_due(void *arg)
{
	tn_link_lost_text(arg, TN_E_TIMEOUT, "redis did not greet in time");
}

static void
begin_greeting(struct tn_link *link, struct tn_link_conn *c,
    const struct tn_slice *last, size_t words)
{
	struct tn_slice role = TN_SLICE("ROLE");

	link->greetings = tn_dial_greet(&c->out, &link->target);
	if (link->options->topology == TN_REDIS_SENTINEL && c == &link->calls) {
		tn_command_append(&c->out, &role, 1);
		link->greetings++;
	}
	tn_command_append(&c->out, last, words);
	tn_link_conn_send_soon(c);
}

static void
on_open(struct tn_link_conn *c)
{
	struct tn_link *link = c->arg;
	struct tn_slice words[] = { TN_SLICE("CLIENT"), TN_SLICE("ID") };

	if (!link->calls.is_open || !link->subs.is_open)
		return;
	link->state = TN_LINK_GREETING_SUBS;
	begin_greeting(link, &link->subs, words, 2);
}

static void
on_number(struct tn_link *link, const struct tn_reply *r)
{
	char number[24];
	struct tn_slice words[] = {
		TN_SLICE("CLIENT"), TN_SLICE("TRACKING"), TN_SLICE("ON"),
		TN_SLICE("REDIRECT"), TN_SLICE_NONE,
	};

	if (tn_reply_type(r) != TN_REPLY_INTEGER) {
		tn_link_lost_text(link, TN_E_AWAY, "redis told no client's number");
		return;
	}
	snprintf(number, sizeof(number), "%lld",
	    (long long)tn_reply_integer(r));
	words[4] = tn_slice_str(number);
	link->state = TN_LINK_GREETING_CALLS;
	link->unconfirmed = tn_subs_write_all(&link->table, &link->subs.out);
	tn_link_conn_send_soon(&link->subs);
	begin_greeting(link, &link->calls, words, 5);
	/* The last of the greetings counts as well here. */
	link->greetings++;
}

static void
maybe_up(struct tn_link *link)
{
	if (link->state == TN_LINK_GREETING_CALLS && link->greetings == 0 &&
	    link->unconfirmed == 0)
		come_up(link);
}

static void
on_push(struct tn_link_conn *c, const struct tn_reply *r)
{
	struct tn_link *link = c->arg;

	link->is_pinged = false;
	if (tn_reply_type(r) == TN_REPLY_ERROR) {
		lost_reply(link, r);
		return;
	}
	if (link->state == TN_LINK_GREETING_SUBS) {
		if (link->greetings > 0)
			link->greetings--;
		else
			on_number(link, r);
		return;
	}
	switch (tn_subs_push(&link->table, r, &link->hooks)) {
	case TN_PUSH_CONFIRMED:
		if (link->unconfirmed > 0)
			link->unconfirmed--;
		maybe_up(link);
		break;
	case TN_PUSH_TAKEN_BACK:
		if (link->on_shard_lost != NULL)
			link->on_shard_lost(tn_reply_text(tn_reply_at(r, 1)),
			    link->on_shard_lost_arg);
		break;
	case TN_PUSH_WRONG:
		tn_link_lost_text(link, TN_E_AWAY, "redis pushed what is no message");
		break;
	case TN_PUSH_DONE:
		break;
	}
}

static void
on_answer(struct tn_link_conn *c, const struct tn_reply *r)
{
	struct tn_link *link = c->arg;

	if (link->state == TN_LINK_UP) {
		tn_link_answer(link, r);
		return;
	}
	if (tn_reply_type(r) == TN_REPLY_ERROR) {
		lost_reply(link, r);
	} else if (tn_reply_type(r) == TN_REPLY_ARRAY &&
	    !tn_redis_is_master(r)) {
		tn_link_lost_text(link, TN_E_AWAY,
		    "whom the sentinel named is no master");
	} else if (link->greetings > 0) {
		link->greetings--;
		maybe_up(link);
	}
}

static void
on_conn_lost(struct tn_link_conn *c, const struct tn_err *err)
{
	tn_link_lost(c->arg, err);
}

static const struct tn_link_conn_hooks calls_hooks = {
	on_open, on_answer, on_conn_lost,
};
static const struct tn_link_conn_hooks subs_hooks = {
	on_open, on_push, on_conn_lost,
};

static void
dial_both(struct tn_link *link)
{
	struct tn_err err;
	int r;

	link->state = TN_LINK_DIALING;
	r = tn_link_conn_dial(&link->calls, &link->target, link->attempt, &err);
	if (r == 0)
		r = tn_link_conn_dial(&link->subs, &link->target,
		    link->attempt, &err);
	if (r < 0)
		tn_link_lost(link, &err);
}

/* ---- by sentinels ---------------------------------------------------------*/

static void
on_guide_open(struct tn_link_conn *c)
{
	struct tn_link *link = c->arg;
	struct tn_redis_options sentinel = link->target;

	link->greetings = tn_dial_greet(&c->out, &sentinel);
	tn_dial_ask_master(&c->out, link->options);
	tn_link_conn_send_soon(c);
}

static void
on_master(struct tn_link *link, const struct tn_reply *r)
{
	const struct tn_slice words[] = {
		TN_SLICE("SUBSCRIBE"), TN_SLICE("+switch-master"),
	};

	if (!tn_redis_master_read(r, &link->master)) {
		tn_link_lost_text(link, TN_E_AWAY,
		    "the sentinel knows no master of that name");
		return;
	}
	tn_command_append(&link->guide.out, words, 2);
	tn_link_conn_send_soon(&link->guide);
	link->target = tn_redis_options_at(link->options, &link->master);
	dial_both(link);
}

/* message +switch-master "NAME old-ip old-port new-ip new-port" */
static void
on_guide_told(struct tn_link *link, const struct tn_reply *r)
{
	struct tn_slice text = tn_reply_text(tn_reply_at(r, 2));

	if (tn_slice_is(tn_reply_text(tn_reply_at(r, 0)), "message") &&
	    tn_slice_is(tn_slice_cut(&text, ' '), link->options->master))
		tn_link_lost_text(link, TN_E_AWAY, "redis has a new master");
}

static void
on_guide(struct tn_link_conn *c, const struct tn_reply *r)
{
	struct tn_link *link = c->arg;

	if (link->state != TN_LINK_SEEKING)
		on_guide_told(link, r);
	else if (tn_reply_type(r) == TN_REPLY_ERROR)
		lost_reply(link, r);
	else if (link->greetings > 0)
		link->greetings--;
	else
		on_master(link, r);
}

/* Once the master is found, it can be done without. */
static void
on_guide_lost(struct tn_link_conn *c, const struct tn_err *err)
{
	struct tn_link *link = c->arg;

	if (link->state == TN_LINK_SEEKING)
		tn_link_lost(link, err);
}

static const struct tn_link_conn_hooks guide_hooks = {
	on_guide_open, on_guide, on_guide_lost,
};

static void
seek(struct tn_link *link)
{
	struct tn_err err;

	link->state = TN_LINK_SEEKING;
	if (tn_dial_sentinel(link->options, link->attempt,
	    link->sentinel.host, &link->target, &err) < 0 ||
	    tn_link_conn_dial(&link->guide, &link->target, 0, &err) < 0)
		tn_link_lost(link, &err);
}

static void
start(void *arg)
{
	struct tn_link *link = arg;

	tn_buf_reset(&link->calls.out);
	tn_buf_reset(&link->subs.out);
	tn_buf_reset(&link->guide.out);
	link->calls.out_at = link->subs.out_at = link->guide.out_at = 0;
	step_in(link, tn_redis_connect_ms(link->options), on_greeting_due);
	if (link->options->topology == TN_REDIS_SENTINEL) {
		seek(link);
		return;
	}
	link->target = *link->options;
	dial_both(link);
}

/* ---- life -----------------------------------------------------------------*/

struct tn_link *
tn_link_new(struct tn_loop *loop, struct tn_log *log,
    const struct tn_redis_options *options, const struct tn_link_hooks *hooks,
    struct tn_err *err)
{
	struct tn_link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for the link to redis");
		return NULL;
	}
	link->loop = loop;
	link->log = log;
	link->options = options;
	if (hooks != NULL)
		link->hooks = *hooks;
	if (options->topology == TN_REDIS_CLUSTER) {
		link->cluster = tn_cluster_new(loop, log, options, hooks);
		if (link->cluster != NULL)
			return link;
		free(link);
		tn_err_set(err, TN_E_NOMEM, "no memory for the link to redis");
		return NULL;
	}
	tn_link_conn_init(&link->calls, loop, &calls_hooks, link);
	tn_link_conn_init(&link->subs, loop, &subs_hooks, link);
	tn_link_conn_init(&link->guide, loop, &guide_hooks, link);
	/* It changes places with the buffer of calls, so has its ceiling. */
	tn_buf_init(&link->pending, link->calls.out.max);
	start(link);
	return link;
}

void
tn_link_free(struct tn_link **link)
{
	struct tn_link *l = *link;
	struct tn_err err;

	if (l == NULL)
		return;
	if (l->cluster != NULL) {
		tn_cluster_free(l->cluster);
		*link = NULL;
		free(l);
		return;
	}
	l->is_closing = true;
	l->state = TN_LINK_DOWN;
	tn_wheel_cancel(&l->loop->wheel, &l->step);
	tn_wheel_cancel(&l->loop->wheel, &l->head);
	tn_link_conn_fini(&l->calls);
	tn_link_conn_fini(&l->subs);
	tn_link_conn_fini(&l->guide);
	tn_err_set(&err, TN_E_AWAY, "the link to redis is closed");
	tn_link_fail(l, l->queue.len, &err);
	*link = NULL;
	tn_link_queue_fini(&l->queue);
	tn_subs_fini(&l->table);
	tn_buf_fini(&l->pending);
	free(l);
}

bool
tn_link_is_up(const struct tn_link *link)
{
	if (link->cluster != NULL)
		return tn_cluster_is_up(link->cluster);
	return link->state == TN_LINK_UP;
}

void
tn_link_restart(struct tn_link *link, const char *why)
{
	if (link->cluster != NULL)
		tn_cluster_restart(link->cluster, why);
	else
		tn_link_lost_text(link, TN_E_AWAY, why);
}

void
tn_link_on_shard_lost(struct tn_link *link,
    void (*fn)(struct tn_slice channel, void *arg), void *arg)
{
	link->on_shard_lost = fn;
	link->on_shard_lost_arg = arg;
}

bool
tn_link_is_idle(const struct tn_link *link)
{
	if (link->cluster != NULL)
		return tn_cluster_is_idle(link->cluster);
	return link->queue.len == 0;
}

int
tn_link_sub(struct tn_link *link, enum tn_sub_kind kind, struct tn_slice name,
    tn_link_message_fn *fn, void *arg)
{
	int r;

	if (link->cluster != NULL)
		return tn_cluster_subscribe(link->cluster, kind, name, fn,
		    arg);
	r = tn_subs_add(&link->table, kind, name, fn, arg);
	if (r < 0 || link->state < TN_LINK_GREETING_CALLS)
		return r;
	tn_subs_write(&link->subs.out, kind, true, name);
	if (link->state == TN_LINK_GREETING_CALLS)
		link->unconfirmed++;
	tn_link_conn_send_soon(&link->subs);
	return 0;
}

void
tn_link_unsub(struct tn_link *link, enum tn_sub_kind kind, struct tn_slice name)
{
	if (link->cluster != NULL) {
		tn_cluster_unsubscribe(link->cluster, kind, name);
		return;
	}
	if (!tn_subs_remove(&link->table, kind, name) ||
	    link->state < TN_LINK_GREETING_CALLS)
		return;
	tn_subs_write(&link->subs.out, kind, false, name);
	tn_link_conn_send_soon(&link->subs);
}

struct tn_loop *
tn_link_loop(const struct tn_link *link)
{
	return link->loop;
}

int
tn_link_subscribe(struct tn_link *link, struct tn_slice name,
    tn_link_message_fn *fn, void *arg)
{
	return tn_link_sub(link, TN_SUB_CHANNEL, name, fn, arg);
}

void
tn_link_unsubscribe(struct tn_link *link, struct tn_slice name)
{
	tn_link_unsub(link, TN_SUB_CHANNEL, name);
}

int
tn_link_psubscribe(struct tn_link *link, struct tn_slice name,
    tn_link_message_fn *fn, void *arg)
{
	return tn_link_sub(link, TN_SUB_PATTERN, name, fn, arg);
}

void
tn_link_punsubscribe(struct tn_link *link, struct tn_slice name)
{
	tn_link_unsub(link, TN_SUB_PATTERN, name);
}

int
tn_link_ssubscribe(struct tn_link *link, struct tn_slice name,
    tn_link_message_fn *fn, void *arg)
{
	return tn_link_sub(link, TN_SUB_SHARD, name, fn, arg);
}

void
tn_link_sunsubscribe(struct tn_link *link, struct tn_slice name)
{
	tn_link_unsub(link, TN_SUB_SHARD, name);
}
