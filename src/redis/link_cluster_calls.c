/*
 * Commands of a cluster's link: each is kept until it is answered, so that it
 * can be given to another node, or wait for one.
 */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "redis/dial.h"
#include "redis/link_cluster.h"
#include "redis/wire.h"

#define HOLD_MS		50	/* before what a node could not do is tried again */

struct routed {
	struct tn_list link;		/* held, if it waits */
	struct tn_link_cluster *cluster;
	struct tn_command command;
	int slot;			/* -1: no key */
	unsigned tries;
	int64_t deadline_ms;
	tn_link_fn *fn;			/* may be NULL */
	void *arg;
};

static int64_t
now_ms(const struct tn_link_cluster *c)
{
	return c->loop->wheel.now_ms;
}

static void
end_routed(struct routed *r, const struct tn_reply *reply,
    const struct tn_err *err)
{
	r->cluster->nrouted--;
	if (r->fn != NULL)
		r->fn(reply, err, r->arg);
	tn_command_free(&r->command);
	free(r);
}

static void
try_again(struct tn_link_cluster *c)
{
	if (!tn_timer_is_set(&c->again))
		tn_wheel_set(&c->loop->wheel, &c->again, now_ms(c) + HOLD_MS,
		    tn_cluster_send_held, c);
}

static void
hold(struct routed *r)
{
	tn_list_append(&r->cluster->held, &r->link);
	try_again(r->cluster);
}

static void on_routed(const struct tn_reply *reply, const struct tn_err *err,
    void *arg);

static int
send_to(struct routed *r, struct tn_cluster_peer *to, bool asking)
{
	struct tn_slice word = TN_SLICE("ASKING");
	int e = 0;

	if (to == NULL || to->link == NULL)
		return TN_E_AWAY;
	if (asking)
		e = tn_link_call(to->link, &word, 1, NULL, NULL);
	return e < 0 ? e : tn_link_give(to->link, &r->command, on_routed, r);
}

void
tn_cluster_send_held(void *cluster)
{
	struct tn_link_cluster *c = cluster;
	struct tn_list *it, *following;
	struct tn_err err;

	tn_wheel_cancel(&c->loop->wheel, &c->again);
	TN_LIST_EACH(it, following, &c->held) {
		struct routed *r = TN_CONTAINER(it, struct routed, link);
		int e;

		tn_list_remove(it);
		e = send_to(r, tn_cluster_server(c, r->slot), false);
		if (e == 0)
			continue;
		if (now_ms(c) < r->deadline_ms && e == TN_E_AWAY) {
			hold(r);
			break;		/* the others no sooner than this one */
		}
		tn_err_set(&err, e == TN_E_AWAY ? TN_E_TIMEOUT : e,
		    "no node of the cluster takes it");
		end_routed(r, NULL, &err);
		break;			/* who was told may have changed all */
	}
	if (!tn_list_empty(&c->held))
		try_again(c);
}

void
tn_cluster_end_held(struct tn_link_cluster *c, const struct tn_err *err)
{
	tn_wheel_cancel(&c->loop->wheel, &c->again);
	while (!tn_list_empty(&c->held)) {
		struct routed *r = TN_CONTAINER(c->held.next, struct routed,
		    link);

		tn_list_remove(&r->link);
		end_routed(r, NULL, err);
	}
}

static bool
follow(struct routed *r, const struct tn_redirect *to)
{
	struct tn_link_cluster *c = r->cluster;
	int i = tn_cluster_map_node(&c->map, &to->to);

	if (i < 0 || to->to.host[0] == '\0')
		return false;
	tn_cluster_open(c, i);
	if (!to->is_ask) {
		c->map.slots[to->slot] = (uint8_t)i;
		c->map.is_master[i] = true;
		tn_cluster_ask_soon(c);
	}
	return send_to(r, &c->peers[i], to->is_ask) == 0;
}

/* Errors of a node that will do it a little later, or another will. */
static bool
is_passing(struct tn_slice text)
{
	return tn_slice_starts(text, TN_SLICE("redis: TRYAGAIN")) ||
	    tn_slice_starts(text, TN_SLICE("redis: CLUSTERDOWN")) ||
	    tn_slice_starts(text, TN_SLICE("redis: MOVED"));
}

static void
on_routed(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct routed *r = arg;
	struct tn_link_cluster *c = r->cluster;
	struct tn_slice text = tn_slice_str(err == NULL ? NULL : err->text);
	struct tn_redirect to;

	if (err != NULL && err->code == TN_E_IO && !c->is_closing) {
		if (r->tries < TN_REDIS_REDIRECTS &&
		    tn_redirect_read(text, &to)) {
			r->tries++;
			if (follow(r, &to))
				return;
		}
		if (is_passing(text) && now_ms(c) < r->deadline_ms) {
			r->tries = 0;
			tn_cluster_ask_soon(c);
			hold(r);
			return;
		}
	}
	end_routed(r, reply, err);
}

/* Takes the command if it succeeds. */
static int
route(struct tn_link_cluster *c, struct tn_command *command,
    struct tn_slice key, tn_link_fn *fn, void *arg)
{
	struct tn_cluster_peer *to;
	struct routed *r;
	int e;

	if (c->is_closing)
		return TN_E_AWAY;
	if (c->nrouted >= TN_LIMIT_REDIS_WAITING)
		return TN_E_LIMIT;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return TN_E_NOMEM;
	*r = (struct routed){ .cluster = c, .command = *command, .fn = fn,
	    .arg = arg, .slot = key.ptr == NULL ? -1 :
	    (int)tn_redis_slot(key),
	    .deadline_ms = now_ms(c) + tn_redis_command_ms(c->options) };
	tn_list_init(&r->link);
	c->nrouted++;
	to = tn_list_empty(&c->held) ? tn_cluster_server(c, r->slot) : NULL;
	if (to == NULL) {
		hold(r);
		return 0;
	}
	e = send_to(r, to, false);
	if (e == 0)
		return 0;
	c->nrouted--;
	free(r);
	return e;
}

int
tn_cluster_call(struct tn_link_cluster *c, const struct tn_slice *argv,
    size_t argc, tn_link_fn *fn, void *arg)
{
	struct tn_command command;
	int r = tn_command_format(&command, argv, argc, NULL);

	if (r == 0)
		r = route(c, &command, tn_redis_key_of(argv, argc), fn, arg);
	if (r < 0)
		tn_command_free(&command);
	return r;
}

int
tn_cluster_eval(struct tn_link_cluster *c, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs, tn_link_fn *fn, void *arg)
{
	struct tn_command command;
	int r = tn_command_eval(&command, TN_SLICE("EVAL"),
	    tn_slice_str(script->text), keys, nkeys, args, nargs, NULL);

	if (r == 0)
		r = route(c, &command, nkeys > 0 ? keys[0] : TN_SLICE_NONE,
		    fn, arg);
	if (r < 0)
		tn_command_free(&command);
	return r;
}
