/* How many are subscribed. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "redis/link_cluster.h"

#define WORDS_ON_STACK	40

struct count {
	size_t n;
	tn_link_count_fn *fn;
	void *arg;
	uint64_t counts[];
};

/* name, number, name, number ... in the order that was asked for. */
static void
on_reply(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct count *c = arg;
	struct tn_err odd;

	for (size_t i = 0; err == NULL && i < c->n; i++) {
		int64_t n = tn_reply_integer(tn_reply_at(reply, 2 * i + 1));

		c->counts[i] = n > 0 ? (uint64_t)n : 0;
	}
	if (err == NULL && tn_reply_len(reply) != 2 * c->n) {
		tn_err_set(&odd, TN_E_IO, "redis counted otherwise");
		err = &odd;
	}
	c->fn(err == NULL ? c->counts : NULL, err, c->arg);
	free(c);
}

int
tn_link_count(struct tn_link *link, bool of_shards,
    const struct tn_slice *channels, size_t n, tn_link_count_fn *fn,
    void *arg)
{
	struct tn_slice argv[WORDS_ON_STACK] = {
		TN_SLICE("PUBSUB"),
		of_shards ? TN_SLICE("SHARDNUMSUB") : TN_SLICE("NUMSUB"),
	};
	struct count *c;
	int r;

	if (n == 0 || n + 2 > WORDS_ON_STACK)
		return TN_E_LIMIT;
	if (link->cluster != NULL)
		return tn_cluster_count(link->cluster, of_shards, channels, n,
		    fn, arg);
	c = calloc(1, sizeof(*c) + n * sizeof(c->counts[0]));
	if (c == NULL)
		return TN_E_NOMEM;
	c->n = n;
	c->fn = fn;
	c->arg = arg;
	for (size_t i = 0; i < n; i++)
		argv[2 + i] = channels[i];
	r = tn_link_call(link, argv, n + 2, on_reply, c);
	if (r < 0)
		free(c);
	return r;
}
