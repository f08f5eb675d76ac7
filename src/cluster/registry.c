#include "config.h"

#include "cluster/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/random.h"
#include "redis/keys.h"
#include "redis/link.h"

#define EPOCH_CHARS	12
#define ID_BYTES	(TN_LIMIT_WORKER_NAME + 1 + EPOCH_CHARS + 1)

/*
 * The leases are a sorted set of node ids by the time of their end, in the
 * clock of Redis: nodes need not agree on the time. A renewal forgets those
 * that have ended (unless ARGV[3] spares them) and answers who is left.
 */
static const struct tn_script renew_script = {
	"registry-renew",
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])\n"
	"if ARGV[3] == '0' then\n"
	"  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)\n"
	"end\n"
	"return redis.call('ZRANGE', KEYS[1], 0, -1)\n",
};

struct tn_registry {
	struct tn_loop *loop;
	struct tn_link *link;
	struct tn_log *log;
	int lease_ms;
	struct tn_timer timer;
	struct tn_map living;	/* ids of the last answer */
	struct tn_map missing;	/* they lived at the answer before, not at this */
	struct tn_map *unknown;	/* asked for and not in it: ids to renewals */
	uintptr_t renewals;	/* answers so far, from 1 */
	int64_t spare_until_ms;	/* nobody could renew: ended leases count */
	tn_registry_gone_fn *on_gone;
	void *gone_arg;
	bool is_renewing;
	bool was_freed;		/* an answer is still to come */
	char key[64];
	char id[ID_BYTES];
};

static void renew(void *arg);

static bool
is_own(const struct tn_registry *r, struct tn_slice id)
{
	return tn_slice_is(id, r->id);
}

static void
dispose(struct tn_registry *r)
{
	tn_map_fini(&r->living);
	tn_map_fini(&r->missing);
	if (r->unknown != NULL)
		tn_map_fini(r->unknown);
	free(r->unknown);
	free(r);
}

/* Those that were asked for before the answer before this one are old. */
static void
forget_unknown(struct tn_registry *r)
{
	const struct tn_map_entry *entry;
	size_t at = 0;

	while ((entry = tn_map_next(r->unknown, &at)) != NULL)
		if ((uintptr_t)entry->value + 1 < r->renewals)
			tn_map_remove(r->unknown,
			    tn_slice(entry->key, entry->key_len));
}

/* Who is missing for the second time is gone; for the first time, noted. */
static void
look_for_gone(struct tn_registry *r, const struct tn_map *before)
{
	struct tn_map again = r->missing;
	const struct tn_map_entry *e;
	size_t at = 0;

	tn_map_init(&r->missing);
	while ((e = tn_map_next(before, &at)) != NULL)
		if (tn_map_get(&r->living, tn_slice(e->key, e->key_len)) == NULL)
			tn_map_set(&r->missing, tn_slice(e->key, e->key_len), r,
			    NULL);
	for (at = 0; (e = tn_map_next(&again, &at)) != NULL;)
		if (r->on_gone != NULL && tn_map_get(&r->living,
		    tn_slice(e->key, e->key_len)) == NULL)
			r->on_gone(tn_slice(e->key, e->key_len), r->gone_arg);
	tn_map_fini(&again);
}

static void
take_living(struct tn_registry *r, const struct tn_reply *reply)
{
	struct tn_map before = r->living;

	tn_map_init(&r->living);
	for (size_t i = 0; i < tn_reply_len(reply); i++) {
		struct tn_slice id = tn_reply_text(tn_reply_at(reply, i));

		if (id.len > 0 && id.len < ID_BYTES && !is_own(r, id))
			tn_map_set(&r->living, id, r, NULL);
	}
	r->renewals++;
	forget_unknown(r);
	look_for_gone(r, &before);
	tn_map_fini(&before);
}

static void
renewed(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct tn_registry *r = arg;

	r->is_renewing = false;
	if (r->was_freed) {
		dispose(r);
		return;
	}
	if (err == NULL) {
		take_living(r, reply);
		return;
	}
	tn_log_event(r->log, TN_LOG_WARN, "registry.renew",
	    TN_F_STR("error", err->text));
	r->spare_until_ms = r->loop->wheel.now_ms + r->lease_ms;
}

static void
renew(void *arg)
{
	struct tn_registry *r = arg;
	struct tn_slice key = tn_slice_str(r->key), args[3];
	char lease[16];

	tn_wheel_set(&r->loop->wheel, &r->timer,
	    r->loop->wheel.now_ms + r->lease_ms / 3, renew, r);
	if (r->is_renewing)
		return;
	args[0] = tn_slice_str(r->id);
	args[1] = tn_slice(lease,
	    (size_t)snprintf(lease, sizeof(lease), "%d", r->lease_ms));
	args[2] = r->loop->wheel.now_ms < r->spare_until_ms ?
	    TN_SLICE("1") : TN_SLICE("0");
	r->is_renewing = tn_link_eval(r->link, &renew_script, &key, 1, args, 3,
	    renewed, r) == 0;
}

struct tn_registry *
tn_registry_new(struct tn_loop *loop, struct tn_link *link,
    struct tn_log *log, const char *worker, int lease_ms, struct tn_err *err)
{
	struct tn_registry *r;
	struct tn_buf key;
	char epoch[EPOCH_CHARS + 1];

	if (strlen(worker) > TN_LIMIT_WORKER_NAME) {
		tn_err_set(err, TN_E_LIMIT, "a worker's name of %zu bytes",
		    strlen(worker));
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (r != NULL)
		r->unknown = calloc(1, sizeof(*r->unknown));
	if (r == NULL || r->unknown == NULL) {
		free(r);
		tn_err_set(err, TN_E_NOMEM, "no memory for the registry");
		return NULL;
	}
	r->renewals = 1;
	r->loop = loop;
	r->link = link;
	r->log = log;
	r->lease_ms = lease_ms;
	tn_random_text(epoch, EPOCH_CHARS);
	snprintf(r->id, sizeof(r->id), "%s-%s", worker, epoch);
	tn_buf_init(&key, sizeof(r->key) - 1);
	tn_key_nodes(&key);
	memcpy(r->key, key.ptr, key.len);
	tn_buf_fini(&key);
	renew(r);
	return r;
}

void
tn_registry_free(struct tn_registry **registry)
{
	struct tn_registry *r = *registry;
	struct tn_slice argv[3];

	if (r == NULL)
		return;
	*registry = NULL;
	tn_wheel_cancel(&r->loop->wheel, &r->timer);
	argv[0] = TN_SLICE("ZREM");
	argv[1] = tn_slice_str(r->key);
	argv[2] = tn_slice_str(r->id);
	tn_link_call(r->link, argv, 3, NULL, NULL);
	if (r->is_renewing)
		r->was_freed = true;
	else
		dispose(r);
}

void
tn_registry_on_gone(struct tn_registry *r, tn_registry_gone_fn *fn, void *arg)
{
	r->on_gone = fn;
	r->gone_arg = arg;
}

struct tn_slice
tn_registry_id(const struct tn_registry *r)
{
	return tn_slice_str(r->id);
}

/* One that is in no answer yet may have begun since the last. */
static bool
may_be_new(const struct tn_registry *r, struct tn_slice id)
{
	void *asked_at = tn_map_get(r->unknown, id);

	if (asked_at != NULL)
		return (uintptr_t)asked_at == r->renewals;
	return r->unknown->len < TN_LIMIT_NODES &&
	    tn_map_set(r->unknown, id, (void *)r->renewals, NULL) == 0;
}

bool
tn_registry_alive(const struct tn_registry *r, struct tn_slice id)
{
	return is_own(r, id) || tn_map_get(&r->living, id) != NULL ||
	    may_be_new(r, id);
}

struct tn_slice
tn_registry_next(const struct tn_registry *r, size_t *at)
{
	const struct tn_map_entry *entry = tn_map_next(&r->living, at);

	return entry == NULL ? TN_SLICE_NONE :
	    tn_slice(entry->key, entry->key_len);
}
