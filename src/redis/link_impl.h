/* The inside of a link: link.c is its life, link_calls.c its commands. */
#ifndef TN_LINK_IMPL_H
#define TN_LINK_IMPL_H

#include "base/loop.h"
#include "redis/link_conn.h"
#include "redis/link_queue.h"
#include "redis/link_subs.h"
#include "redis/topology.h"

#define TN_LINK_SCRIPTS	64	/* digests remembered; others go as text */

enum tn_link_state {
	TN_LINK_DOWN,		/* waiting to try again */
	TN_LINK_SEEKING,	/* a sentinel is asked for the master */
	TN_LINK_DIALING,	/* until both are connected */
	TN_LINK_GREETING_SUBS,	/* until it has told its number */
	TN_LINK_GREETING_CALLS,	/* until tracking is on and all confirmed */
	TN_LINK_UP,
};

struct tn_link_digest {
	const char *text;
	char sha[41];		/* empty: asked for */
};

struct tn_link {
	struct tn_loop *loop;
	struct tn_log *log;
	const struct tn_redis_options *options;
	struct tn_link_cluster *cluster;	/* then nothing else is used */
	struct tn_redis_options target;	/* who is dialed: the master, if sought */
	struct tn_redis_address master, sentinel;
	struct tn_link_conn guide;	/* to a sentinel */
	void (*on_shard_lost)(struct tn_slice channel, void *arg);
	void *on_shard_lost_arg;
	struct tn_link_hooks hooks;
	enum tn_link_state state;
	struct tn_link_conn calls;
	struct tn_link_conn subs;
	struct tn_subs table;
	struct tn_link_queue queue;
	struct tn_buf pending;		/* commands, while it is not up */
	struct tn_timer step;		/* next try, greeting's end, next ping */
	struct tn_timer head;		/* the oldest command's deadline */
	unsigned attempt;		/* since it was up */
	size_t greetings;		/* statuses to come before the last */
	size_t unconfirmed;		/* subscriptions, while greeting */
	bool is_pinged;			/* no sign of life since */
	bool is_closing;
	struct tn_link_digest scripts[TN_LINK_SCRIPTS];
	size_t nscripts;
};

/* Close both, fail what had begun to leave, try again later. */
void tn_link_lost(struct tn_link *link, const struct tn_err *err);
void tn_link_lost_text(struct tn_link *link, int code, const char *text);

/*
 * The connections are gone: bring what never left back to pending. Returns
 * how many of the oldest commands had begun to leave; they are to fail.
 */
size_t tn_link_take_back(struct tn_link *link);

/* The two buffers of commands change places. */
void tn_link_swap_out(struct tn_link *link);

/* Call the n oldest waiters with err. */
void tn_link_fail(struct tn_link *link, size_t n, const struct tn_err *err);

/* Send a command that is formatted already; it is copied. As tn_link_call. */
int tn_link_give(struct tn_link *link, const struct tn_command *command,
    tn_link_fn *fn, void *arg);

/* Begin and end a subscription of any kind, as link.h's functions do. */
int tn_link_sub(struct tn_link *link, enum tn_sub_kind kind,
    struct tn_slice name, tn_link_message_fn *fn, void *arg);
void tn_link_unsub(struct tn_link *link, enum tn_sub_kind kind,
    struct tn_slice name);

/* Told when Redis takes a channel of shards back, as its slot has moved. */
void tn_link_on_shard_lost(struct tn_link *link,
    void (*fn)(struct tn_slice channel, void *arg), void *arg);

/* Hand a reply to the oldest waiter. */
void tn_link_answer(struct tn_link *link, const struct tn_reply *r);

#endif
