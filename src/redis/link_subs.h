/* What a link is subscribed to. For src/redis alone. */
#ifndef TN_LINK_SUBS_H
#define TN_LINK_SUBS_H

#include "base/buf.h"
#include "base/map.h"
#include "redis/link.h"

enum tn_sub_kind { TN_SUB_CHANNEL, TN_SUB_PATTERN, TN_SUB_SHARD, TN_SUB_KINDS };

struct tn_subs {
	struct tn_map names[TN_SUB_KINDS];	/* name -> struct of subs.c */
};

void tn_subs_fini(struct tn_subs *subs);

/* Returns 0, TN_E_STATE if the name is taken, TN_E_NOMEM. */
int tn_subs_add(struct tn_subs *subs, enum tn_sub_kind kind,
    struct tn_slice name, tn_link_message_fn *fn, void *arg);

/* Returns false if there was none. */
bool tn_subs_remove(struct tn_subs *subs, enum tn_sub_kind kind,
    struct tn_slice name);

/* Append the command that begins one, or ends it. */
void tn_subs_write(struct tn_buf *out, enum tn_sub_kind kind, bool on,
    struct tn_slice name);

/*
 * Append the commands that begin all subscriptions, that of the channel of
 * invalidations first. Returns how many confirmations they bring.
 */
size_t tn_subs_write_all(const struct tn_subs *subs, struct tn_buf *out);

enum tn_push {
	TN_PUSH_WRONG,		/* nothing Redis would send */
	TN_PUSH_CONFIRMED,	/* a subscription stands */
	TN_PUSH_DONE,		/* given to its receiver, or of no interest */
	TN_PUSH_TAKEN_BACK,	/* a channel of shards that is still wanted */
};

/* Take what came on the connection for subscriptions. */
enum tn_push tn_subs_push(const struct tn_subs *subs,
    const struct tn_reply *r, const struct tn_link_hooks *hooks);

#endif
