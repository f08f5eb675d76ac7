#include "config.h"

#include "session/store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"

#define SWEEP_MIN	1024

struct record {
	int64_t until_ms;	/* gone from then on */
	size_t len;
	char text[];
};

struct memory_store {
	struct tn_store store;
	pthread_mutex_t lock;
	struct tn_map records;
	size_t sweep_at;	/* this many records call for a sweep */
	int64_t (*now_ms)(void);
};

static struct memory_store *
memory(struct tn_store *store)
{
	return TN_CONTAINER(store, struct memory_store, store);
}

static int64_t
until_ms(const struct memory_store *m, int64_t ttl_s)
{
	int64_t now = m->now_ms();

	return ttl_s < (INT64_MAX - now) / 1000 ? now + ttl_s * 1000 :
	    INT64_MAX;
}

/* The living record of a sid, or NULL; a dead one is dropped. Locked. */
static struct record *
find(struct memory_store *m, struct tn_slice sid)
{
	struct record *r = tn_map_get(&m->records, sid);

	if (r == NULL || m->now_ms() < r->until_ms)
		return r;
	free(tn_map_remove(&m->records, sid));
	return NULL;
}

/*
 * Drop what has ended and nobody asked for. Done whenever the number of
 * records has doubled, so it costs each record little.
 */
static void
sweep(struct memory_store *m)
{
	const struct tn_map_entry *entry;
	int64_t now = m->now_ms();
	size_t at = 0;

	if (m->records.len < m->sweep_at)
		return;
	while ((entry = tn_map_next(&m->records, &at)) != NULL) {
		struct record *r = entry->value;

		if (r->until_ms <= now)
			free(tn_map_remove(&m->records,
			    tn_slice(entry->key, entry->key_len)));
	}
	m->sweep_at = m->records.len * 2 + SWEEP_MIN;
}

static int
put(struct memory_store *m, struct tn_slice sid, struct tn_slice text,
    int64_t ttl_s, struct tn_err *err)
{
	struct record *r = malloc(sizeof(*r) + text.len);
	void *old = NULL;

	if (r == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a session");
	r->until_ms = until_ms(m, ttl_s);
	r->len = text.len;
	memcpy(r->text, text.ptr, text.len);
	if (tn_map_set(&m->records, sid, r, &old) < 0) {
		free(r);
		return tn_err_set(err, TN_E_NOMEM, "no memory for a session");
	}
	free(old);
	return 0;
}

static int
memory_get(struct tn_store *store, struct tn_slice sid, struct tn_buf *out,
    struct tn_err *err)
{
	struct memory_store *m = memory(store);
	struct record *r;
	struct tn_slice done;
	int e = 0;

	pthread_mutex_lock(&m->lock);
	r = find(m, sid);
	if (r != NULL) {
		tn_buf_bytes(out, r->text, r->len);
		e = tn_buf_finish(out, &done, err);
	}
	pthread_mutex_unlock(&m->lock);
	return e < 0 ? e : r != NULL;
}

static int
memory_create(struct tn_store *store, struct tn_slice sid,
    struct tn_slice record, int64_t ttl_s, struct tn_err *err)
{
	struct memory_store *m = memory(store);
	int e;

	pthread_mutex_lock(&m->lock);
	if (find(m, sid) != NULL)
		e = tn_err_set(err, TN_E_CONFLICT, "that session is there");
	else
		e = put(m, sid, record, ttl_s, err);
	sweep(m);
	pthread_mutex_unlock(&m->lock);
	return e;
}

static int
memory_replace(struct tn_store *store, struct tn_slice sid,
    struct tn_slice had, struct tn_slice record, int64_t ttl_s,
    struct tn_buf *out, struct tn_err *err)
{
	struct memory_store *m = memory(store);
	struct tn_slice done;
	struct record *r;
	int e;

	pthread_mutex_lock(&m->lock);
	r = find(m, sid);
	if (r == NULL) {
		e = tn_err_set(err, TN_E_STATE, "that session has ended");
	} else if (!tn_slice_eq(tn_slice(r->text, r->len), had)) {
		tn_buf_bytes(out, r->text, r->len);
		e = tn_buf_finish(out, &done, err);
	} else {
		e = put(m, sid, record, ttl_s, err);
		e = e < 0 ? e : 1;
	}
	pthread_mutex_unlock(&m->lock);
	return e;
}

static int
memory_touch(struct tn_store *store, struct tn_slice sid, int64_t ttl_s,
    struct tn_err *err)
{
	struct memory_store *m = memory(store);
	struct record *r;

	(void)err;
	pthread_mutex_lock(&m->lock);
	r = find(m, sid);
	if (r != NULL)
		r->until_ms = until_ms(m, ttl_s);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

static int
memory_destroy(struct tn_store *store, struct tn_slice sid,
    struct tn_err *err)
{
	struct memory_store *m = memory(store);

	(void)err;
	pthread_mutex_lock(&m->lock);
	free(tn_map_remove(&m->records, sid));
	pthread_mutex_unlock(&m->lock);
	return 0;
}

static int
memory_set(struct tn_store *store, struct tn_slice sid,
    struct tn_slice record, int64_t ttl_s, struct tn_err *err)
{
	struct memory_store *m = memory(store);
	int e;

	if (ttl_s <= 0)
		return memory_destroy(store, sid, err);
	pthread_mutex_lock(&m->lock);
	e = put(m, sid, record, ttl_s, err);
	sweep(m);
	pthread_mutex_unlock(&m->lock);
	return e;
}

static int
memory_each(struct tn_store *store, bool with_records, tn_store_session *fn,
    void *arg, struct tn_err *err)
{
	struct memory_store *m = memory(store);
	const struct tn_map_entry *entry;
	size_t at = 0;
	int e = 0;

	(void)err;
	pthread_mutex_lock(&m->lock);
	while (e == 0 && (entry = tn_map_next(&m->records, &at)) != NULL) {
		const struct record *r = entry->value;

		if (m->now_ms() < r->until_ms)
			e = fn(tn_slice(entry->key, entry->key_len),
			    with_records ? tn_slice(r->text, r->len) :
			    TN_SLICE_NONE, arg);
	}
	pthread_mutex_unlock(&m->lock);
	return e;
}

struct tn_store *
tn_store_memory_new(int64_t (*now_ms)(void), struct tn_err *err)
{
	static const struct tn_store_ops ops = {
		.get = memory_get, .create = memory_create,
		.replace = memory_replace, .touch = memory_touch,
		.destroy = memory_destroy, .set = memory_set,
		.each = memory_each,
	};
	struct memory_store *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for a store");
		return NULL;
	}
	m->store.ops = &ops;
	m->now_ms = now_ms == NULL ? tn_clock_wall_ms : now_ms;
	m->sweep_at = SWEEP_MIN;
	pthread_mutex_init(&m->lock, NULL);
	tn_map_init(&m->records);
	return &m->store;
}

void
tn_store_memory_free(struct tn_store **store)
{
	const struct tn_map_entry *entry;
	struct memory_store *m;
	size_t at = 0;

	if (*store == NULL)
		return;
	m = memory(*store);
	while ((entry = tn_map_next(&m->records, &at)) != NULL)
		free(entry->value);
	tn_map_fini(&m->records);
	pthread_mutex_destroy(&m->lock);
	free(m);
	*store = NULL;
}

/* ---- Several at once ------------------------------------------------------*/

int
tn_store_get_many(struct tn_store *store, const struct tn_slice *sids,
    size_t n, tn_store_found *fn, void *arg, struct tn_err *err)
{
	struct tn_buf record;
	int e = 0;

	if (store->ops->get_many != NULL)
		return store->ops->get_many(store, sids, n, fn, arg, err);
	tn_buf_init(&record, TN_LIMIT_SESSION_BYTES);
	for (size_t i = 0; e == 0 && i < n; i++) {
		tn_buf_reset(&record);
		e = store->ops->get(store, sids[i], &record, err);
		if (e >= 0)
			e = fn(i, e > 0 ? tn_buf_view(&record) :
			    TN_SLICE_NONE, arg);
	}
	tn_buf_fini(&record);
	return e;
}

int
tn_store_destroy_many(struct tn_store *store, const struct tn_slice *sids,
    size_t n, struct tn_err *err)
{
	int e = 0;

	if (store->ops->destroy_many != NULL)
		return store->ops->destroy_many(store, sids, n, err);
	for (size_t i = 0; e == 0 && i < n; i++)
		e = store->ops->destroy(store, sids[i], err);
	return e;
}

/* ---- One for another ------------------------------------------------------*/

int
tn_store_renew(struct tn_store *store, struct tn_slice old,
    struct tn_slice sid, struct tn_slice record, int64_t ttl_s,
    struct tn_err *err)
{
	int e = 0;

	if (store->ops->renew != NULL)
		return store->ops->renew(store, old, sid, record, ttl_s, err);
	if (old.len > 0)
		e = store->ops->destroy(store, old, err);
	return e < 0 ? e : store->ops->create(store, sid, record, ttl_s, err);
}

/* ---- All of them ----------------------------------------------------------*/

int
tn_store_each(struct tn_store *store, bool with_records,
    tn_store_session *fn, void *arg, struct tn_err *err)
{
	return store->ops->each(store, with_records, fn, arg, err);
}

static int
count(struct tn_slice sid, struct tn_slice record, void *arg)
{
	size_t *n = arg;

	(void)sid;
	(void)record;
	++*n;
	return 0;
}

int
tn_store_length(struct tn_store *store, size_t *n, struct tn_err *err)
{
	*n = 0;
	return store->ops->each(store, false, count, n, err);
}

/* The ids first: what is told of must not go while it is told. */
static int
note(struct tn_slice sid, struct tn_slice record, void *arg)
{
	(void)record;
	return tn_map_set(arg, sid, arg, NULL);
}

int
tn_store_clear(struct tn_store *store, struct tn_err *err)
{
	const struct tn_map_entry *entry;
	struct tn_map sids;
	size_t at = 0;
	int e;

	tn_map_init(&sids);
	e = store->ops->each(store, false, note, &sids, err);
	while (e == 0 && (entry = tn_map_next(&sids, &at)) != NULL)
		e = store->ops->destroy(store,
		    tn_slice(entry->key, entry->key_len), err);
	tn_map_fini(&sids);
	return e;
}
