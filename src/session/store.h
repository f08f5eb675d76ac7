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
struct tn_store;

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
};

struct tn_store {
	const struct tn_store_ops *ops;
};

/*
 * A store in this process' memory, for tests and single processes.
 * now_ms gives the wall clock; NULL: the real one.
 */
struct tn_store *tn_store_memory_new(int64_t (*now_ms)(void),
    struct tn_err *err);
void tn_store_memory_free(struct tn_store **store);

#endif
