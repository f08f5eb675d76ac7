#include "config.h"

#include "session/touched.h"

#include "base/random.h"

void
tn_touched_init(struct tn_touched *t, int percent)
{
	memset(t, 0, sizeof(*t));
	t->percent = percent;
	pthread_mutex_init(&t->lock, NULL);
}

void
tn_touched_fini(struct tn_touched *t)
{
	pthread_mutex_destroy(&t->lock);
}

static struct tn_touched_slot *
slot(struct tn_touched *t, uint64_t hash)
{
	return &t->slots[hash % TN_TOUCHED_SLOTS];
}

static int64_t
end_of(int64_t ttl_s, int64_t now_ms)
{
	return ttl_s < (INT64_MAX - now_ms) / 1000 ? now_ms + ttl_s * 1000 :
	    INT64_MAX;
}

/* How far an end must move to be worth it, in tens of milliseconds. */
static int64_t
least_move(const struct tn_touched *t, int64_t ttl_s)
{
	return ttl_s < INT64_MAX / 100 ? ttl_s * t->percent : INT64_MAX;
}

bool
tn_touched_is_due(struct tn_touched *t, struct tn_slice sid, int64_t ttl_s,
    int64_t now_ms)
{
	uint64_t hash = tn_random_hash(sid);
	int64_t until_ms = end_of(ttl_s, now_ms), moved_ms;
	const struct tn_touched_slot *s = slot(t, hash);
	bool is_due;

	pthread_mutex_lock(&t->lock);
	moved_ms = until_ms - s->until_ms;
	is_due = s->until_ms == 0 || s->hash != hash || moved_ms < 0 ||
	    moved_ms / 10 >= least_move(t, ttl_s);
	pthread_mutex_unlock(&t->lock);
	return is_due;
}

void
tn_touched_note(struct tn_touched *t, struct tn_slice sid, int64_t ttl_s,
    int64_t now_ms)
{
	uint64_t hash = tn_random_hash(sid);
	struct tn_touched_slot *s = slot(t, hash);

	pthread_mutex_lock(&t->lock);
	s->hash = hash;
	s->until_ms = end_of(ttl_s, now_ms);
	pthread_mutex_unlock(&t->lock);
}

void
tn_touched_forget(struct tn_touched *t, struct tn_slice sid)
{
	uint64_t hash = tn_random_hash(sid);
	struct tn_touched_slot *s = slot(t, hash);

	pthread_mutex_lock(&t->lock);
	if (s->hash == hash)
		s->until_ms = 0;
	pthread_mutex_unlock(&t->lock);
}
