/*
 * Where sessions are kept: an interface, the memory store beside it and
 * the Redis store (store_redis.h).
 *
 * A record is the JSON text of the session, in connect-redis' bytes. What is
 * stored changes by comparison only: the caller says what it had read, so
 * that parallel requests cannot lose each other's changes and a session that
 * was destroyed stays so.
 */
#ifndef TN_STORE_H
#define TN_STORE_H

#include "base/buf.h"

struct tn_err;
struct tn_redis_batch;
struct tn_store;

/*
 * One session of many; record is empty unless it was asked for. A result
 * other than 0 ends the walk and is its result.
 */
typedef int tn_store_session(struct tn_slice sid, struct tn_slice record,
    void *arg);

/* The i-th that was asked for; record's ptr is NULL if there is none. */
typedef int tn_store_found(size_t i, struct tn_slice record, void *arg);

struct tn_store_ops {
	/* 1 and the record appended to out, 0 if there is none, < 0. */
	int (*get)(struct tn_store *store, struct tn_slice sid,
	    struct tn_buf *out, struct tn_err *err);
	/* Make a record that is not there yet: 0, TN_E_CONFLICT if it is. */
	int (*create)(struct tn_store *store, struct tn_slice sid,
	    struct tn_slice record, int64_t ttl_s, struct tn_err *err);
	/*
	 * Put record in the place of had, if had is what is stored still.
	 * 1 done; 0 another record is there, appended to out; TN_E_STATE
	 * none is there.
	 */
	int (*replace)(struct tn_store *store, struct tn_slice sid,
	    struct tn_slice had, struct tn_slice record, int64_t ttl_s,
	    struct tn_buf *out, struct tn_err *err);
	int (*touch)(struct tn_store *store, struct tn_slice sid,
	    int64_t ttl_s, struct tn_err *err);
	int (*destroy)(struct tn_store *store, struct tn_slice sid,
	    struct tn_err *err);
	/*
	 * Store without a question; for who knows better than any request.
	 * ttl_s <= 0 deletes. 0; TN_E_STATE if it was destroyed just now.
	 */
	int (*set)(struct tn_store *store, struct tn_slice sid,
	    struct tn_slice record, int64_t ttl_s, struct tn_err *err);
	/* Tell of every session: tn_store_each. */
	int (*each)(struct tn_store *store, bool with_records,
	    tn_store_session *fn, void *arg, struct tn_err *err);
	/* tn_store_renew; NULL: destroy and create in turn. */
	int (*renew)(struct tn_store *store, struct tn_slice old,
	    struct tn_slice sid, struct tn_slice record, int64_t ttl_s,
	    struct tn_err *err);
	/* The same around the send of a batch; NULL, both: it cannot be. */
	size_t (*renew_with)(struct tn_store *store, struct tn_slice old,
	    struct tn_slice sid, struct tn_slice record, int64_t ttl_s,
	    struct tn_redis_batch *with);
	int (*renewed)(struct tn_store *store, struct tn_slice old,
	    struct tn_slice sid, int64_t ttl_s,
	    const struct tn_redis_batch *with, size_t place,
	    struct tn_err *err);
	/* tn_store_get_many; NULL: one get after the other. */
	int (*get_many)(struct tn_store *store, const struct tn_slice *sids,
	    size_t n, tn_store_found *fn, void *arg, struct tn_err *err);
	/* tn_store_destroy_many; NULL: one destroy after the other. */
	int (*destroy_many)(struct tn_store *store,
	    const struct tn_slice *sids, size_t n, struct tn_err *err);
};

struct tn_store {
	const struct tn_store_ops *ops;
};

/*
 * End a session and make the one that takes its place: in one journey where
 * the store can do that.
 *
 * old  ends; empty: there is none
 * sid  is made, as create makes it
 *
 * Returns 0: both are done. TN_E_CONFLICT: sid was there. After any failure
 * old may have ended, and sid is not there unless the store was lost on the
 * way.
 */
int tn_store_renew(struct tn_store *store, struct tn_slice old,
    struct tn_slice sid, struct tn_slice record, int64_t ttl_s,
    struct tn_err *err);

/*
 * Look several sessions up: in one journey where the store can do that.
 *
 * fn  told of each, in order; a result other than 0 ends it and is its result
 *
 * Returns 0, what fn returned, or the store's failure.
 */
int tn_store_get_many(struct tn_store *store, const struct tn_slice *sids,
    size_t n, tn_store_found *fn, void *arg, struct tn_err *err);

/*
 * End several sessions: in one journey where the store can do that. Returns
 * 0, or why one of them may not have ended.
 */
int tn_store_destroy_many(struct tn_store *store,
    const struct tn_slice *sids, size_t n, struct tn_err *err);

/*
 * What express-session's stores offer besides, for administration: they take
 * as long as there are sessions, so no request should wait for them.
 *
 * tn_store_each   tells of each session once, those that come or go meanwhile
 *                 perhaps; fn must not ask the store itself. Returns 0, what
 *                 fn returned, or the store's failure.
 * tn_store_length counts them.
 * tn_store_clear  ends them all, those that begin meanwhile perhaps.
 */
int tn_store_each(struct tn_store *store, bool with_records,
    tn_store_session *fn, void *arg, struct tn_err *err);
int tn_store_length(struct tn_store *store, size_t *n, struct tn_err *err);
int tn_store_clear(struct tn_store *store, struct tn_err *err);

/*
 * A store in this process' memory, for tests and single processes.
 * now_ms gives the wall clock; NULL: the real one.
 */
struct tn_store *tn_store_memory_new(int64_t (*now_ms)(void),
    struct tn_err *err);
void tn_store_memory_free(struct tn_store **store);

#endif
