/*
 * A link to a cluster is a link to each of its masters. A command goes to who
 * serves its key's slot, what has no key to the first; MOVED and ASK are
 * followed. Channels of shards stand with who serves their slot, all other
 * subscriptions with one node, which hears what is published at any.
 *
 *     link --- cluster ---> peers[0] ---> tn_link (calls, subs) ---> master 0
 *                     `---> peers[1] ---> tn_link ...
 *
 * Which node serves what is asked (CLUSTER SLOTS) when something shows that
 * it has changed: a redirection, a master that is away, a shard's channel
 * taken back. Commands are in link_cluster_calls.c.
 */
#include "config.h"

#include "redis/link_cluster.h"

#include <stdlib.h>

#include "base/err.h"

#define ASK_AGAIN_MS	250	/* while not all is well */
#define ASK_RARELY_MS	15000	/* while it is */

/* One subscription, wherever it stands. */
struct standing {
	tn_link_message_fn *fn;
	void *arg;
	struct tn_cluster_peer *peer;	/* NULL: nowhere yet */
};

/* ---- who serves what ------------------------------------------------------*/

static void settle(struct tn_link_cluster *c);
static void tick(void *arg);
static void on_shard_lost(struct tn_slice channel, void *arg);

static int64_t
now_ms(const struct tn_link_cluster *c)
{
	return c->loop->wheel.now_ms;
}

/* Any master that is there: the first, so that all agree in what order. */
static int
home(const struct tn_link_cluster *c)
{
	for (size_t i = 0; i < c->map.n; i++) {
		if (c->map.is_master[i])
			return (int)i;
	}
	return TN_REDIS_NODES;
}

struct tn_cluster_peer *
tn_cluster_server(struct tn_link_cluster *c, int slot)
{
	int i = slot < 0 ? home(c) : c->map.slots[slot];

	return !c->is_known || i == TN_REDIS_NODES ||
	    c->peers[i].link == NULL ? NULL : &c->peers[i];
}

void
tn_cluster_ask_soon(struct tn_link_cluster *c)
{
	if (!c->is_closing)
		tn_wheel_set(&c->loop->wheel, &c->tick, now_ms(c), tick, c);
}

static void
on_slots(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct tn_cluster_peer *p = arg;
	struct tn_link_cluster *c = p->cluster;

	c->is_asking = false;
	if (err == NULL && tn_cluster_map_read(&c->map, reply,
	    &c->map.nodes[p - c->peers])) {
		c->is_known = true;
		settle(c);
	}
}

static bool
all_up(const struct tn_link_cluster *c)
{
	for (size_t i = 0; i < c->map.n; i++) {
		if (c->map.is_master[i] && !c->peers[i].is_up)
			return false;
	}
	return c->is_known;
}

/* Whoever is up is asked; nobody is: the next that was configured. */
static void
ask_slots(struct tn_link_cluster *c)
{
	struct tn_slice argv[] = { TN_SLICE("CLUSTER"), TN_SLICE("SLOTS") };
	struct tn_redis_address address;
	int i;

	for (size_t k = 0; k < c->map.n; k++) {
		struct tn_cluster_peer *p = &c->peers[(c->seed + k) % c->map.n];

		if (p->link == NULL || !p->is_up || p->is_retired)
			continue;
		c->is_asking = tn_link_call(p->link, argv, 2, on_slots,
		    p) == 0;
		c->seed++;
		return;
	}
	if (c->options->nnodes == 0 || !tn_redis_address_read(tn_slice_str(
	    c->options->nodes[c->seed++ % c->options->nnodes]), &address))
		return;
	i = tn_cluster_map_node(&c->map, &address);
	if (i >= 0)
		tn_cluster_open(c, i);
}

static void
tick(void *arg)
{
	struct tn_link_cluster *c = arg;

	if (!c->is_asking)
		ask_slots(c);
	tn_wheel_set(&c->loop->wheel, &c->tick, now_ms(c) +
	    (all_up(c) ? ASK_RARELY_MS : ASK_AGAIN_MS), tick, c);
}

/* ---- peers ----------------------------------------------------------------*/

static void
tell(struct tn_link_cluster *c, const struct tn_err *err)
{
	bool was_up = c->is_up;

	c->is_up = all_up(c);
	if (c->is_up && !was_up && c->hooks.on_up != NULL)
		c->hooks.on_up(c->hooks.arg);
	if (!c->is_up && was_up && c->hooks.on_down != NULL)
		c->hooks.on_down(err, c->hooks.arg);
}

static void
on_peer_up(void *arg)
{
	struct tn_cluster_peer *p = arg;

	p->is_up = true;
	tn_cluster_ask_soon(p->cluster);
	tell(p->cluster, NULL);
}

static void
on_peer_down(const struct tn_err *err, void *arg)
{
	struct tn_cluster_peer *p = arg;

	p->is_up = false;
	tn_cluster_ask_soon(p->cluster);
	if (!p->is_retired)
		tell(p->cluster, err);
}

static void
on_peer_invalidate(struct tn_slice key, void *arg)
{
	struct tn_cluster_peer *p = arg;

	if (p->cluster->hooks.on_invalidate != NULL)
		p->cluster->hooks.on_invalidate(key, p->cluster->hooks.arg);
}

void
tn_cluster_open(struct tn_link_cluster *c, int i)
{
	struct tn_cluster_peer *p = &c->peers[i];
	const struct tn_link_hooks hooks = {
		on_peer_up, on_peer_down, on_peer_invalidate, p,
	};

	p->is_retired = false;
	if (p->link != NULL)
		return;
	p->cluster = c;
	p->options = tn_redis_options_at(c->options, &c->map.nodes[i]);
	p->is_up = false;
	p->link = tn_link_new(c->loop, c->log, &p->options, &hooks, NULL);
	if (p->link != NULL)
		tn_link_on_shard_lost(p->link, on_shard_lost, p);
}

/* Not from inside what a link calls. */
static void
retire(void *arg)
{
	struct tn_link_cluster *c = arg;

	for (size_t i = 0; i < c->map.n; i++) {
		struct tn_cluster_peer *p = &c->peers[i];

		if (!p->is_retired || p->link == NULL)
			continue;
		p->is_up = false;
		tn_link_free(&p->link);
	}
}

/* ---- subscriptions --------------------------------------------------------*/

static void
leave(enum tn_sub_kind kind, struct tn_slice name, struct standing *s)
{
	if (s->peer != NULL && s->peer->link != NULL)
		tn_link_unsub(s->peer->link, kind, name);
	s->peer = NULL;
}

static void
place(struct tn_link_cluster *c, enum tn_sub_kind kind, struct tn_slice name,
    struct standing *s)
{
	struct tn_cluster_peer *to = tn_cluster_server(c,
	    kind == TN_SUB_SHARD ? (int)tn_redis_slot(name) : -1);

	if (to == s->peer || to == NULL)
		return;
	leave(kind, name, s);
	if (tn_link_sub(to->link, kind, name, s->fn, s->arg) == 0)
		s->peer = to;
}

/* A node gave a shard's channel up: its slot has moved. */
static void
on_shard_lost(struct tn_slice channel, void *arg)
{
	struct tn_cluster_peer *p = arg;
	struct standing *s = tn_map_get(&p->cluster->names[TN_SUB_SHARD], channel);

	tn_link_sunsubscribe(p->link, channel);
	if (s != NULL)
		s->peer = NULL;
	tn_cluster_ask_soon(p->cluster);
}

int
tn_cluster_subscribe(struct tn_link_cluster *c, enum tn_sub_kind kind,
    struct tn_slice name, tn_link_message_fn *fn, void *arg)
{
	struct standing *s;

	if (tn_map_get(&c->names[kind], name) != NULL)
		return TN_E_STATE;
	s = malloc(sizeof(*s));
	if (s == NULL)
		return TN_E_NOMEM;
	*s = (struct standing){ fn, arg, NULL };
	if (tn_map_set(&c->names[kind], name, s, NULL) < 0) {
		free(s);
		return TN_E_NOMEM;
	}
	place(c, kind, name, s);
	return 0;
}

void
tn_cluster_unsubscribe(struct tn_link_cluster *c, enum tn_sub_kind kind,
    struct tn_slice name)
{
	struct standing *s = tn_map_remove(&c->names[kind], name);

	if (s == NULL)
		return;
	leave(kind, name, s);
	free(s);
}

/* What is known of the cluster has changed: do as it says. */
static void
settle(struct tn_link_cluster *c)
{
	const struct tn_map_entry *e;
	struct tn_err err;
	size_t at;

	for (size_t i = 0; i < c->map.n; i++) {
		if (c->map.is_master[i])
			tn_cluster_open(c, (int)i);
		else if (c->peers[i].link != NULL)
			c->peers[i].is_retired = true;
	}
	for (enum tn_sub_kind kind = 0; kind < TN_SUB_KINDS; kind++) {
		at = 0;
		while ((e = tn_map_next(&c->names[kind], &at)) != NULL)
			place(c, kind, tn_slice(e->key, e->key_len),
			    e->value);
	}
	tn_loop_defer(c->loop, &c->retire, retire, c);
	tn_err_set(&err, TN_E_AWAY, "the cluster has changed");
	tell(c, &err);
	tn_cluster_send_held(c);
}

/* ---- life -----------------------------------------------------------------*/

struct tn_link_cluster *
tn_cluster_new(struct tn_loop *loop, struct tn_log *log,
    const struct tn_redis_options *options,
    const struct tn_link_hooks *hooks)
{
	struct tn_link_cluster *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->log = log;
	c->options = options;
	if (hooks != NULL)
		c->hooks = *hooks;
	tn_cluster_map_init(&c->map);
	tn_list_init(&c->held);
	ask_slots(c);
	tn_wheel_set(&loop->wheel, &c->tick, now_ms(c) + ASK_AGAIN_MS, tick, c);
	return c;
}

void
tn_cluster_free(struct tn_link_cluster *c)
{
	const struct tn_map_entry *e;
	struct tn_err err;

	c->is_closing = true;
	tn_wheel_cancel(&c->loop->wheel, &c->tick);
	tn_loop_undefer(&c->retire);
	for (size_t i = 0; i < c->map.n; i++)
		tn_link_free(&c->peers[i].link);
	tn_err_set(&err, TN_E_AWAY, "the link to redis is closed");
	tn_cluster_end_held(c, &err);
	for (enum tn_sub_kind kind = 0; kind < TN_SUB_KINDS; kind++) {
		size_t at = 0;

		while ((e = tn_map_next(&c->names[kind], &at)) != NULL)
			free(e->value);
		tn_map_fini(&c->names[kind]);
	}
	free(c);
}

void
tn_cluster_restart(struct tn_link_cluster *c, const char *why)
{
	for (size_t i = 0; i < c->map.n; i++) {
		if (c->peers[i].link != NULL && c->peers[i].is_up)
			tn_link_restart(c->peers[i].link, why);
	}
}

bool
tn_cluster_is_up(const struct tn_link_cluster *c)
{
	return c->is_up;
}

bool
tn_cluster_is_idle(const struct tn_link_cluster *c)
{
	return c->nrouted == 0;
}
