/* Sessions in Redis, in connect-redis' keys and bytes. */
#ifndef TN_STORE_REDIS_H
#define TN_STORE_REDIS_H

#include "session/store.h"

struct tn_redis;

struct tn_store_redis_options {
	struct tn_slice prefix;	/* of the keys, copied; "sess:" is Express' */
	/*
	 * EXPIRE is sent when the end of the session has moved by so many
	 * hundredths of its life since this process last set it; in between a
	 * returning visitor costs one GET. 0: 5. < 0: each time, as Express.
	 */
	int touch_percent;
	bool disable_touch;	/* never; the life runs from the last save */
	bool disable_ttl;	/* records never end by themselves */
};

/*
 * redis    borrowed
 * options  NULL: no prefix, and the zero values
 *
 * What was destroyed leaves a mark for TN_LIMIT_SESSION_TOMBSTONE_S; as long
 * as it stands, neither set nor replace brings the session back.
 */
struct tn_store *tn_store_redis_new(struct tn_redis *redis,
    const struct tn_store_redis_options *options, struct tn_err *err);
void tn_store_redis_free(struct tn_store **store);

#endif
