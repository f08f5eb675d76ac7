/* How often may somebody try? Counted in Redis, for all nodes together. */
#ifndef TN_THROTTLE_H
#define TN_THROTTLE_H

#include "base/slice.h"

struct tn_err;
struct tn_redis;

struct tn_throttle {
	struct tn_redis *redis;
	const char *kind;	/* "login-user", "login-address" */
	int max;		/* tries in a window */
	int window_s;
};

/*
 * Count one try of who.
 *
 * retry_s  set to the seconds to wait, when refused
 *
 * Returns 1 allowed, 0 refused, or Redis' failures.
 */
int tn_throttle_try(const struct tn_throttle *t, struct tn_slice who,
    int *retry_s, struct tn_err *err);

/* Forget the tries of who (after a success). */
int tn_throttle_clear(const struct tn_throttle *t, struct tn_slice who,
    struct tn_err *err);

#endif
