/*
 * Which nodes are alive: a lease for each, renewed in Redis.
 *
 * A node is one worker process; its id is "worker-epoch", where the epoch is
 * random and new at every start. A node that dies is forgotten when its
 * lease has run out; nobody has to clean up for it.
 */
#ifndef TN_REGISTRY_H
#define TN_REGISTRY_H

#include "base/slice.h"

struct tn_err;
struct tn_link;
struct tn_log;
struct tn_loop;
struct tn_registry;

/*
 * lease_ms  how long a dead node is believed alive; renewed each third of it
 */
struct tn_registry *tn_registry_new(struct tn_loop *loop, struct tn_link *link,
    struct tn_log *log, const char *worker, int lease_ms, struct tn_err *err);

/* Gives the lease back at once. */
void tn_registry_free(struct tn_registry **registry);

/*
 * fn is called for each other node that was alive and is not at two renewals
 * in a row: so at the latest two thirds of a lease after its own ran out.
 * While Redis was away nobody could renew, so nobody is gone for that.
 */
typedef void tn_registry_gone_fn(struct tn_slice id, void *arg);
void tn_registry_on_gone(struct tn_registry *registry,
    tn_registry_gone_fn *fn, void *arg);

/* This node's own id. */
struct tn_slice tn_registry_id(const struct tn_registry *registry);

/*
 * Does this node live, as far as was heard at the last renewal? The own one
 * always does; an id first seen since counts as alive until the next renewal.
 */
bool tn_registry_alive(const struct tn_registry *registry, struct tn_slice id);

/*
 * Walk the other nodes that live: *at starts at 0; ptr NULL at the end. Good
 * until the next turn of the loop.
 */
struct tn_slice tn_registry_next(const struct tn_registry *registry,
    size_t *at);

#endif
