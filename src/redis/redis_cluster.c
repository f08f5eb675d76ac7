/*
 * A cluster for code that may wait is a tn_redis for each master, made when a
 * key of its slots is first asked for.
 */
#include "config.h"

#include "redis/redis_cluster.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "redis/dial.h"
#include "redis/redis_impl.h"
#include "redis/topology.h"

#define PAUSE_MS	50	/* before what could not be done is tried again */

struct tn_redis_cluster {
	const struct tn_redis_options *options;
	size_t max;
	pthread_mutex_t lock;	/* of what follows */
	struct tn_cluster_map map;
	struct tn_redis_options at[TN_REDIS_NODES];
	struct tn_redis *nodes[TN_REDIS_NODES];
	bool is_known;
};

/* Under the lock. NULL: no memory. */
static struct tn_redis *
open_node(struct tn_redis_cluster *c, int i)
{
	if (i < 0 || i >= TN_REDIS_NODES)
		return NULL;
	if (c->nodes[i] == NULL) {
		c->at[i] = tn_redis_options_at(c->options, &c->map.nodes[i]);
		c->nodes[i] = tn_redis_new(&c->at[i], c->max, NULL);
	}
	return c->nodes[i];
}

static struct tn_redis *
node_at(struct tn_redis_cluster *c, const struct tn_redis_address *address)
{
	struct tn_redis *node;

	pthread_mutex_lock(&c->lock);
	node = open_node(c, tn_cluster_map_node(&c->map, address));
	pthread_mutex_unlock(&c->lock);
	return node;
}

/* Ask this node for the map. */
static bool
learn_from(struct tn_redis_cluster *c, const struct tn_redis_address *address,
    struct tn_err *err)
{
	const struct tn_slice argv[] = { TN_SLICE("CLUSTER"),
		TN_SLICE("SLOTS") };
	struct tn_redis *node = node_at(c, address);
	struct tn_reply *reply;
	bool ok;

	if (node == NULL || tn_redis_call(node, argv, 2, &reply, err) < 0)
		return false;
	pthread_mutex_lock(&c->lock);
	ok = tn_cluster_map_read(&c->map, reply, address);
	c->is_known = c->is_known || ok;
	pthread_mutex_unlock(&c->lock);
	tn_reply_free(&reply);
	return ok;
}

/* The i-th of those that are known, then of those that were configured. */
static bool
address_of(struct tn_redis_cluster *c, size_t i, struct tn_redis_address *out)
{
	size_t known;
	bool ok = false;

	pthread_mutex_lock(&c->lock);
	known = c->map.n;
	if (i < known) {
		*out = c->map.nodes[i];
		ok = c->map.is_master[i];
	}
	pthread_mutex_unlock(&c->lock);
	if (i >= known && i - known < c->options->nnodes)
		ok = tn_redis_address_read(
		    tn_slice_str(c->options->nodes[i - known]), out);
	return ok;
}

static int
learn(struct tn_redis_cluster *c, struct tn_err *err)
{
	struct tn_redis_address address;

	tn_err_set(err, TN_E_AWAY, "no node of the cluster answers");
	for (size_t i = 0; i < TN_REDIS_NODES + c->options->nnodes; i++) {
		if (address_of(c, i, &address) && learn_from(c, &address, err))
			return 0;
	}
	return TN_E_AWAY;
}

static struct tn_redis *
node_of(struct tn_redis_cluster *c, struct tn_slice key)
{
	struct tn_redis *node = NULL;
	int i = TN_REDIS_NODES;

	pthread_mutex_lock(&c->lock);
	if (c->is_known && key.ptr != NULL)
		i = c->map.slots[tn_redis_slot(key)];
	for (size_t k = 0; c->is_known && key.ptr == NULL && k < c->map.n; k++)
		if (c->map.is_master[k] && i == TN_REDIS_NODES)
			i = (int)k;
	node = open_node(c, i);
	pthread_mutex_unlock(&c->lock);
	return node;
}

/* Behind ASKING, whose answer nobody wants. */
static int
ask(struct tn_redis *node, const struct tn_command *command,
    struct tn_reply **out, bool *unsent, struct tn_err *err)
{
	const struct tn_slice word = TN_SLICE("ASKING");
	struct tn_reply *replies[2] = { NULL, NULL };
	struct tn_buf bytes;
	int r;

	tn_buf_init(&bytes, 2 * TN_LIMIT_REDIS_COMMAND);
	tn_command_append(&bytes, &word, 1);
	tn_buf_bytes(&bytes, command->ptr, command->len);
	r = bytes.failed != 0 ?
	    tn_err_set(err, bytes.failed, "no memory for a command") :
	    tn_redis_exchange(node, tn_buf_view(&bytes), replies, 2,
	    unsent, err);
	tn_reply_free(&replies[0]);
	*out = replies[1];
	tn_buf_fini(&bytes);
	return r;
}

static bool
is_passing(const struct tn_reply *reply)
{
	struct tn_slice text = tn_reply_text(reply);

	return tn_slice_starts(text, TN_SLICE("TRYAGAIN")) ||
	    tn_slice_starts(text, TN_SLICE("CLUSTERDOWN"));
}

/* Returns 1 to go on with *node (NULL: whoever serves it now). */
static int
redirected(struct tn_redis_cluster *c, const struct tn_reply *reply,
    struct tn_redis **node, bool *asking)
{
	struct tn_redirect to;

	*asking = false;
	*node = NULL;
	if (tn_reply_type(reply) != TN_REPLY_ERROR)
		return 0;
	if (is_passing(reply)) {
		poll(NULL, 0, PAUSE_MS);
		learn(c, NULL);
		return 1;
	}
	if (!tn_redirect_read(tn_reply_text(reply), &to) ||
	    to.to.host[0] == '\0')
		return 0;
	*node = node_at(c, &to.to);
	*asking = to.is_ask;
	if (!to.is_ask && !learn_from(c, &to.to, NULL))
		learn(c, NULL);
	return *node != NULL;
}

int
tn_redis_cluster_exchange(struct tn_redis_cluster *c,
    const struct tn_command *command, struct tn_slice key,
    struct tn_reply **out, struct tn_err *err)
{
	int64_t end_ms = tn_clock_mono_ms() +
	    tn_redis_command_ms(c->options);
	struct tn_redis *node = NULL, *failed;
	bool asking = false, unsent;
	int r = 0;

	for (int tries = 0; tn_clock_mono_ms() < end_ms; tries++) {
		if (tries >= TN_REDIS_REDIRECTS)	/* they do not agree yet */
			poll(NULL, 0, PAUSE_MS);
		if (node == NULL)
			node = node_of(c, key);
		if (node == NULL) {
			r = learn(c, err);
			node = r < 0 ? NULL : node_of(c, key);
		}
		if (node == NULL)
			return r < 0 ? r : tn_err_set(err, TN_E_AWAY,
			    "no node of the cluster serves that slot");
		r = asking ? ask(node, command, out, &unsent, err) :
		    tn_redis_exchange(node, tn_slice(command->ptr,
		    command->len), out, 1, &unsent, err);
		if (r < 0) {	/* for the next, and for this if it cannot have run */
			failed = node;
			learn(c, NULL);
			node = node_of(c, key);
			asking = false;
			if (!unsent || node == NULL || node == failed)
				return r;
			continue;
		}
		if (!redirected(c, *out, &node, &asking))
			return 0;
		tn_reply_free(out);
	}
	return tn_err_set(err, TN_E_AWAY, "the cluster sends from node to node");
}

struct tn_redis_cluster *
tn_redis_cluster_new(const struct tn_redis_options *options, size_t max)
{
	struct tn_redis_cluster *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->options = options;
	c->max = max;
	tn_cluster_map_init(&c->map);
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void
tn_redis_cluster_free(struct tn_redis_cluster **cluster)
{
	struct tn_redis_cluster *c = *cluster;

	*cluster = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < TN_REDIS_NODES; i++)
		tn_redis_free(&c->nodes[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
