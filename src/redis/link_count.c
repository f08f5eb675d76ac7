/* How many are subscribed: to one server, or to all of a cluster. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "redis/link_cluster.h"

#define WORDS_ON_STACK	40

/* What several nodes count comes to one; a link's own is the only part. */
struct sum {
	size_t waiting;
	tn_link_count_fn *fn;
	void *arg;
	struct tn_err err;
	uint64_t counts[];
};

struct part {
	struct sum *sum;
	size_t from, n;
};

/* name, number, name, number ... in the order that was asked for. */
static void
on_part(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct part *p = arg;
	struct sum *s = p->sum;

	for (size_t i = 0; err == NULL && i < p->n; i++) {
		int64_t n = tn_reply_integer(tn_reply_at(reply, 2 * i + 1));

		s->counts[p->from + i] += n > 0 ? (uint64_t)n : 0;
	}
	if (err != NULL)
		s->err = *err;
	else if (tn_reply_len(reply) != 2 * p->n)
		tn_err_set(&s->err, TN_E_IO, "redis counted otherwise");
	free(p);
	if (--s->waiting > 0)
		return;
	err = s->err.code == 0 ? NULL : &s->err;
	s->fn(err == NULL ? s->counts : NULL, err, s->arg);
	free(s);
}

static void
count_at(struct sum *s, struct tn_link *link, bool of_shards,
    const struct tn_slice *channels, size_t from, size_t n)
{
	struct tn_slice argv[WORDS_ON_STACK] = {
		TN_SLICE("PUBSUB"),
		of_shards ? TN_SLICE("SHARDNUMSUB") : TN_SLICE("NUMSUB"),
	};
	struct part *p = malloc(sizeof(*p));
	int r = TN_E_NOMEM;

	for (size_t i = 0; i < n; i++)
		argv[2 + i] = channels[from + i];
	if (p != NULL) {
		*p = (struct part){ s, from, n };
		r = tn_link_call(link, argv, n + 2, on_part, p);
	}
	if (r == 0) {
		s->waiting++;
		return;
	}
	free(p);
	tn_err_set(&s->err, r, "a node could not be asked");
}

/* Channels of shards each where their slot is, others at all masters. */
static void
count_in(struct sum *s, struct tn_link_cluster *c, bool of_shards,
    const struct tn_slice *channels, size_t n)
{
	struct tn_cluster_peer *at;

	for (size_t i = 0; of_shards && i < n; i++) {
		at = tn_cluster_server(c, (int)tn_redis_slot(channels[i]));
		if (at != NULL)
			count_at(s, at->link, true, channels, i, 1);
	}
	for (size_t i = 0; !of_shards && i < c->map.n; i++) {
		if (c->map.is_master[i] && c->peers[i].link != NULL)
			count_at(s, c->peers[i].link, false, channels, 0, n);
	}
}

/* fn is never called from in here: what nobody took is an error. */
int
tn_link_count(struct tn_link *link, bool of_shards,
    const struct tn_slice *channels, size_t n, tn_link_count_fn *fn,
    void *arg)
{
	struct sum *s;
	int r;

	if (n == 0 || n + 2 > WORDS_ON_STACK)
		return TN_E_LIMIT;
	s = calloc(1, sizeof(*s) + n * sizeof(s->counts[0]));
	if (s == NULL)
		return TN_E_NOMEM;
	s->fn = fn;
	s->arg = arg;
	if (link->cluster != NULL)
		count_in(s, link->cluster, of_shards, channels, n);
	else
		count_at(s, link, of_shards, channels, 0, n);
	if (s->waiting > 0)
		return 0;
	r = s->err.code != 0 ? s->err.code : TN_E_AWAY;
	free(s);
	return r;
}
