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
 * taken back.
 */
#include "config.h"

#include "redis/link_cluster.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "redis/dial.h"
#include "redis/wire.h"

#define ASK_AGAIN_MS	250	/* while not all is well */
#define ASK_RARELY_MS	15000	/* while it is */
#define HOLD_MS		50	/* before what a node could not do is tried again */

/* One subscription, wherever it stands. */
struct standing {
	tn_link_message_fn *fn;
	void *arg;
	int peer;		/* -1: nowhere yet */
};

struct peer {
	struct tn_link_cluster *cluster;
	struct tn_link *link;	/* NULL: not connected to */
	struct tn_redis_options options;
	bool is_up, is_retired;
};

struct tn_link_cluster {
	struct tn_loop *loop;
	struct tn_log *log;
	const struct tn_redis_options *options;
	struct tn_link_hooks hooks;
	struct tn_cluster_map map;
	struct peer peers[TN_REDIS_NODES];	/* as map.nodes */
	struct tn_map names[TN_SUB_KINDS];
	struct tn_list held;		/* routed commands that wait */
	size_t nrouted;
	struct tn_timer tick, again;
	struct tn_deferred retire;
	size_t seed;			/* whom to ask first */
	bool is_known, is_asking, is_up, is_closing;
};

/* ---- who serves what ------------------------------------------------------*/

static void open_peer(struct tn_link_cluster *c, int i);
static void settle(struct tn_link_cluster *c);
static void tick(void *arg);
static void send_held(void *arg);

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
	return -1;
}

static int
server_of(const struct tn_link_cluster *c, struct tn_slice key)
{
	int i;

	if (!c->is_known)
		return -1;
	if (key.ptr == NULL)
		return home(c);
	i = c->map.slots[tn_redis_slot(key)];
	return i == TN_REDIS_NODES || c->peers[i].link == NULL ? -1 : i;
}

static void
ask_soon(struct tn_link_cluster *c)
{
	if (!c->is_closing)
		tn_wheel_set(&c->loop->wheel, &c->tick, now_ms(c), tick, c);
}

static void
on_slots(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct peer *p = arg;
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
		struct peer *p = &c->peers[(c->seed + k) % c->map.n];

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
		open_peer(c, i);
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
	struct peer *p = arg;

	p->is_up = true;
	ask_soon(p->cluster);
	tell(p->cluster, NULL);
}

static void
on_peer_down(const struct tn_err *err, void *arg)
{
	struct peer *p = arg;

	p->is_up = false;
	ask_soon(p->cluster);
	if (!p->is_retired)
		tell(p->cluster, err);
}

static void
on_peer_invalidate(struct tn_slice key, void *arg)
{
	struct peer *p = arg;

	if (p->cluster->hooks.on_invalidate != NULL)
		p->cluster->hooks.on_invalidate(key, p->cluster->hooks.arg);
}

static void
open_peer(struct tn_link_cluster *c, int i)
{
	struct peer *p = &c->peers[i];
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
		tn_link_on_shard_lost(p->link, tn_cluster_shard_lost, p);
}

/* Not from inside what a link calls. */
static void
retire(void *arg)
{
	struct tn_link_cluster *c = arg;

	for (size_t i = 0; i < c->map.n; i++) {
		struct peer *p = &c->peers[i];

		if (!p->is_retired || p->link == NULL)
			continue;
		p->is_up = false;
		tn_link_free(&p->link);
	}
}

/* ---- subscriptions --------------------------------------------------------*/

static void
place(struct tn_link_cluster *c, enum tn_sub_kind kind, struct tn_slice name,
    struct standing *s)
{
	int to = server_of(c, kind == TN_SUB_SHARD ? name : TN_SLICE_NONE);

	if (to == s->peer || to < 0)
		return;
	if (s->peer >= 0 && c->peers[s->peer].link != NULL)
		tn_link_unsub(c->peers[s->peer].link, kind, name);
	s->peer = tn_link_sub(c->peers[to].link, kind, name, s->fn,
	    s->arg) == 0 ? to : -1;
}

/* A node gave a shard's channel up: its slot has moved. */
void
tn_cluster_shard_lost(struct tn_slice channel, void *arg)
{
	struct peer *p = arg;
	struct standing *s = tn_map_get(&p->cluster->names[TN_SUB_SHARD], channel);

	tn_link_sunsubscribe(p->link, channel);
	if (s != NULL)
		s->peer = -1;
	ask_soon(p->cluster);
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
	*s = (struct standing){ fn, arg, -1 };
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
	if (s->peer >= 0 && c->peers[s->peer].link != NULL)
		tn_link_unsub(c->peers[s->peer].link, kind, name);
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
			open_peer(c, (int)i);
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
	send_held(c);
}

/* ---- commands -------------------------------------------------------------*/

/* One on its way, kept so that it can be given to another node. */
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
hold(struct routed *r)
{
	struct tn_link_cluster *c = r->cluster;

	tn_list_append(&c->held, &r->link);
	if (!tn_timer_is_set(&c->again))
		tn_wheel_set(&c->loop->wheel, &c->again, now_ms(c) + HOLD_MS,
		    send_held, c);
}

static void on_routed(const struct tn_reply *reply, const struct tn_err *err,
    void *arg);

static int
send_to(struct routed *r, int i, bool asking)
{
	struct tn_slice word = TN_SLICE("ASKING");
	struct tn_link *link = r->cluster->peers[i].link;
	int e = 0;

	if (link == NULL)
		return TN_E_AWAY;
	if (asking)
		e = tn_link_call(link, &word, 1, NULL, NULL);
	return e < 0 ? e : tn_link_give(link, &r->command, on_routed, r);
}

static int
peer_of(const struct routed *r)
{
	const struct tn_link_cluster *c = r->cluster;
	int i;

	if (!c->is_known)
		return -1;
	if (r->slot < 0)
		return home(c);
	i = c->map.slots[r->slot];
	return i == TN_REDIS_NODES || c->peers[i].link == NULL ? -1 : i;
}

/* Held commands go out, or have waited for too long. */
static void
send_held(void *arg)
{
	struct tn_link_cluster *c = arg;
	struct tn_list *it, *following;
	struct tn_err err;

	tn_wheel_cancel(&c->loop->wheel, &c->again);
	TN_LIST_EACH(it, following, &c->held) {
		struct routed *r = TN_CONTAINER(it, struct routed, link);
		int i = peer_of(r), e = i < 0 ? TN_E_AWAY : 0;

		tn_list_remove(it);
		if (i >= 0)
			e = send_to(r, i, false);
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
	if (!tn_list_empty(&c->held) && !tn_timer_is_set(&c->again))
		tn_wheel_set(&c->loop->wheel, &c->again, now_ms(c) + HOLD_MS,
		    send_held, c);
}

static bool
follow(struct routed *r, const struct tn_redirect *to)
{
	struct tn_link_cluster *c = r->cluster;
	int i = tn_cluster_map_node(&c->map, &to->to);

	if (i < 0 || to->to.host[0] == '\0')
		return false;
	open_peer(c, i);
	if (!to->is_ask) {
		c->map.slots[to->slot] = (uint8_t)i;
		c->map.is_master[i] = true;
		ask_soon(c);
	}
	return send_to(r, i, to->is_ask) == 0;
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
			ask_soon(c);
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
	struct routed *r;
	int i, e;

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
	i = tn_list_empty(&c->held) ? peer_of(r) : -1;
	if (i < 0) {
		hold(r);
		return 0;
	}
	e = send_to(r, i, false);
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

/* ---- counting -------------------------------------------------------------*/

/* Several counts that come to one. */
struct sum {
	size_t n, waiting;
	tn_link_count_fn *fn;
	void *arg;
	struct tn_err err;
	uint64_t counts[];
};

struct part {
	struct sum *sum;
	size_t from, n;
};

static void
sum_unref(struct sum *s)
{
	if (--s->waiting > 0)
		return;
	s->fn(s->err.code == 0 ? s->counts : NULL,
	    s->err.code == 0 ? NULL : &s->err, s->arg);
	free(s);
}

static void
on_part(const uint64_t *counts, const struct tn_err *err, void *arg)
{
	struct part *p = arg;

	for (size_t i = 0; err == NULL && i < p->n; i++)
		p->sum->counts[p->from + i] += counts[i];
	if (err != NULL)
		p->sum->err = *err;
	sum_unref(p->sum);
	free(p);
}

static void
count_at(struct sum *s, struct tn_link *link, bool of_shards,
    const struct tn_slice *channels, size_t from, size_t n)
{
	struct part *p = malloc(sizeof(*p));
	int r = TN_E_NOMEM;

	if (p != NULL) {
		*p = (struct part){ s, from, n };
		r = tn_link_count(link, of_shards, channels + from, n,
		    on_part, p);
	}
	if (r == 0) {
		s->waiting++;
		return;
	}
	free(p);
	tn_err_set(&s->err, r, "a node could not be asked");
}

/* fn is never called from in here: what nobody took is an error. */
int
tn_cluster_count(struct tn_link_cluster *c, bool of_shards,
    const struct tn_slice *channels, size_t n, tn_link_count_fn *fn,
    void *arg)
{
	struct sum *s;

	if (!c->is_known)
		return TN_E_AWAY;
	s = calloc(1, sizeof(*s) + n * sizeof(s->counts[0]));
	if (s == NULL)
		return TN_E_NOMEM;
	s->n = n;
	s->waiting = 1;
	s->fn = fn;
	s->arg = arg;
	for (size_t i = 0; of_shards && i < n; i++) {
		int at = server_of(c, channels[i]);

		if (at >= 0)
			count_at(s, c->peers[at].link, true, channels, i, 1);
	}
	for (size_t i = 0; !of_shards && i < c->map.n; i++) {
		if (c->map.is_master[i] && c->peers[i].link != NULL)
			count_at(s, c->peers[i].link, false, channels, 0, n);
	}
	if (--s->waiting > 0)
		return 0;
	free(s);
	return TN_E_AWAY;
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
	tn_wheel_cancel(&c->loop->wheel, &c->again);
	tn_loop_undefer(&c->retire);
	for (size_t i = 0; i < c->map.n; i++)
		tn_link_free(&c->peers[i].link);
	tn_err_set(&err, TN_E_AWAY, "the link to redis is closed");
	while (!tn_list_empty(&c->held)) {
		struct routed *r = TN_CONTAINER(c->held.next, struct routed,
		    link);

		tn_list_remove(&r->link);
		end_routed(r, NULL, &err);
	}
	tn_wheel_cancel(&c->loop->wheel, &c->again);
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
