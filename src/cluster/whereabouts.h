/* Where the workers of other hosts are to be found: an address for each. */
#ifndef TN_WHEREABOUTS_H
#define TN_WHEREABOUTS_H

#include "base/slice.h"

struct tn_err;
struct tn_link;
struct tn_loop;
struct tn_registry;
struct tn_whereabouts;

/*
 * worker    this one's name
 * lease_ms  how long its address stays when it dies; renewed each third
 *
 * registry and link are borrowed, and freed later.
 */
struct tn_whereabouts *tn_whereabouts_new(struct tn_loop *loop,
    struct tn_link *link, const struct tn_registry *registry,
    const char *worker, int lease_ms, struct tn_err *err);
void tn_whereabouts_free(struct tn_whereabouts **whereabouts);

/* Tell the others ("192.0.2.1:9000"), from now on. */
void tn_whereabouts_publish(struct tn_whereabouts *whereabouts,
    struct tn_slice address);

/* address is borrowed; ptr NULL if the worker is dead, or Redis away. */
typedef void tn_whereabouts_fn(struct tn_slice address, void *arg);

/*
 * Find a worker. Redis is asked only about those whose lease runs, so that
 * names which a client invents cost nothing.
 *
 * Returns 0, and fn is called once, later; or TN_E_AWAY (no such worker
 * lives), TN_E_NOMEM, TN_E_LIMIT, and it is not.
 */
int tn_whereabouts_find(struct tn_whereabouts *whereabouts,
    struct tn_slice worker, tn_whereabouts_fn *fn, void *arg);

#endif
