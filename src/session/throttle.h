/* How often may somebody try? Counted in Redis, for all nodes together. */
#ifndef TN_THROTTLE_H
#define TN_THROTTLE_H

#include "base/slice.h"

struct tn_err;
struct tn_redis;
struct tn_redis_batch;

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

/*
 * The same in two steps, around the send of a batch. What goes along must
 * not be acted upon when the try is refused.
 *
 * tn_throttle_try_with returns the place that tn_throttle_tried wants, which
 * has the results of tn_throttle_try.
 */
size_t tn_throttle_try_with(const struct tn_throttle *t, struct tn_slice who,
    struct tn_redis_batch *with);
int tn_throttle_tried(const struct tn_throttle *t,
    const struct tn_redis_batch *with, size_t place, int *retry_s,
    struct tn_err *err);

/*
 * One try that counts for two, by the same steps: for whom the first refuses
 * the second counts nothing. Both are of the batch's Redis; in a cluster, the
 * second is asked by tn_throttle_tried_both.
 */
size_t tn_throttle_try_both_with(const struct tn_throttle *first,
    struct tn_slice who, const struct tn_throttle *second,
    struct tn_slice whose, struct tn_redis_batch *with);
int tn_throttle_tried_both(const struct tn_throttle *first,
    const struct tn_throttle *second, struct tn_slice whose,
    const struct tn_redis_batch *with, size_t place, int *retry_s,
    struct tn_err *err);

/*
 * The same without a judgement.
 *
 * used    set to the tries of this window, this one included
 * left_s  set to what is left of the window, 1..window_s
 *
 * Returns 0, or Redis' failures.
 */
int tn_throttle_count(const struct tn_throttle *t, struct tn_slice who,
    int64_t *used, int *left_s, struct tn_err *err);

#define TN_THROTTLE_ADDRESS	64

/*
 * The part of an address that one client cannot choose freely: all of IPv4,
 * also as ::ffff:0:0/96, and the first 64 bits of IPv6. What is no address
 * stays as it is, cut to the room.
 */
struct tn_slice tn_throttle_address(struct tn_slice address,
    char group[TN_THROTTLE_ADDRESS]);

/* Forget the tries of who (after a success). */
int tn_throttle_clear(const struct tn_throttle *t, struct tn_slice who,
    struct tn_err *err);

/* The same, along with something else; want of memory is told by its send. */
void tn_throttle_clear_with(const struct tn_throttle *t,
    struct tn_slice who, struct tn_redis_batch *with);

#endif
