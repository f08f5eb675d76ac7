/*
 * Redis for an event loop: one connection for commands, one for
 * subscriptions, which live and die together.
 *
 * The two come back by themselves (50 ms, doubling to 2 s). Each command has
 * a deadline and its waiter is called exactly once. Subscriptions are kept
 * in a table and made again after a reconnect. The command connection has
 * CLIENT TRACKING redirected to the other, so that a change of a key that was
 * read with tn_link_call is told to on_invalidate.
 */
#ifndef TN_LINK_H
#define TN_LINK_H

#include "redis/redis.h"

struct tn_err;
struct tn_link;
struct tn_log;
struct tn_loop;

/*
 * The answer to a command: reply, or err (TN_E_AWAY, TN_E_TIMEOUT, TN_E_IO
 * with Redis' text) and then reply is NULL. Both are borrowed for the call.
 */
typedef void tn_link_fn(const struct tn_reply *reply,
    const struct tn_err *err, void *arg);

/* A message: channel and payload are borrowed for the call. */
typedef void tn_link_message_fn(struct tn_slice channel,
    struct tn_slice payload, void *arg);

struct tn_link_hooks {
	/*
	 * Both connections are up and subscribed again (in a cluster, those to
	 * all masters); or the link is lost (to one of them).
	 */
	void (*on_up)(void *arg);
	void (*on_down)(const struct tn_err *err, void *arg);
	/*
	 * A key that was read has changed, expired or gone. Told once until it
	 * is read again. key.ptr NULL: all keys (FLUSHALL).
	 */
	void (*on_invalidate)(struct tn_slice key, void *arg);
	void *arg;
};

/*
 * Starts to connect at once; commands given before it is up wait for it, up
 * to their deadline.
 *
 * options  borrowed for the life of the link; host names are resolved with
 *          a blocking call, so prefer a path or an address
 * hooks    copied; any may be NULL
 */
struct tn_link *tn_link_new(struct tn_loop *loop, struct tn_log *log,
    const struct tn_redis_options *options, const struct tn_link_hooks *hooks,
    struct tn_err *err);

/*
 * Calls every waiter with TN_E_AWAY first; commands they give then are
 * refused. Never from inside a hook, a waiter or a receiver of this link.
 */
void tn_link_free(struct tn_link **link);

bool tn_link_is_up(const struct tn_link *link);

/*
 * Give both connections up and make them again, for a reason that is logged.
 * Never from inside a waiter or a receiver of this link.
 */
void tn_link_restart(struct tn_link *link, const char *why);

/* Is nobody waiting for an answer? */
bool tn_link_is_idle(const struct tn_link *link);

/*
 * Send a command. Words are copied. fn may be NULL. fn is never called
 * from inside this function.
 *
 * Returns 0 (fn will be called once), or TN_E_NOMEM or TN_E_LIMIT (too many
 * waiting), and fn will not be called.
 */
int tn_link_call(struct tn_link *link, const struct tn_slice *argv,
    size_t argc, tn_link_fn *fn, void *arg);

/* The same for a script. */
int tn_link_eval(struct tn_link *link, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs, tn_link_fn *fn, void *arg);

/*
 * Receive what is published on a channel, or on those that match a glob
 * pattern. One receiver a name: the second call is TN_E_STATE.
 */
int tn_link_subscribe(struct tn_link *link, struct tn_slice channel,
    tn_link_message_fn *fn, void *arg);
int tn_link_psubscribe(struct tn_link *link, struct tn_slice pattern,
    tn_link_message_fn *fn, void *arg);
void tn_link_unsubscribe(struct tn_link *link, struct tn_slice channel);
void tn_link_punsubscribe(struct tn_link *link, struct tn_slice pattern);

/*
 * The same in the pub/sub of shards (Redis 7): another name space, which
 * SPUBLISH fills; in a cluster the channel's slot says which node serves it.
 */
int tn_link_ssubscribe(struct tn_link *link, struct tn_slice channel,
    tn_link_message_fn *fn, void *arg);
void tn_link_sunsubscribe(struct tn_link *link, struct tn_slice channel);

/*
 * How many connections are subscribed to each of these channels (not by a
 * pattern), in the whole of a cluster too.
 *
 * fn  called once, as of tn_link_call; counts is NULL with err
 */
typedef void tn_link_count_fn(const uint64_t *counts,
    const struct tn_err *err, void *arg);
int tn_link_count(struct tn_link *link, bool of_shards,
    const struct tn_slice *channels, size_t n, tn_link_count_fn *fn,
    void *arg);

/* The loop it was made for. */
struct tn_loop *tn_link_loop(const struct tn_link *link);

#endif
