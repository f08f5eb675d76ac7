/*
 * The adapters over Redis, in the formats of @socket.io/redis-adapter 8: its
 * plain form on pub/sub, and its sharded form on the pub/sub of shards.
 */
#ifndef TN_REDIS_ADAPTER_H
#define TN_REDIS_ADAPTER_H

#include "base/counts.h"
#include "io/adapter.h"

struct tn_link;
struct tn_log;
struct tn_registry;

/* Of which rooms a sharded node hears. All nodes must have the same. */
enum tn_subscription_mode {
	TN_SUBSCRIBE_DYNAMIC,	/* of those that it holds, but for sockets' own */
	TN_SUBSCRIBE_DYNAMIC_PRIVATE,	/* and of those too */
	TN_SUBSCRIBE_STATIC,	/* of all */
};

struct tn_redis_adapter_options {
	struct tn_link *link;	/* borrowed; publishes and receives */
	struct tn_log *log;	/* borrowed */
	/*
	 * Borrowed; may be NULL. Its dead are not waited for, even while
	 * Redis still counts their connections.
	 */
	struct tn_registry *registry;
	const char *prefix;	/* of the channels; NULL: "socket.io" */
	int requests_timeout_ms;	/* 0: 5000 */
	bool is_sharded;
	enum tn_subscription_mode mode;	/* sharded alone */
	bool private_answers;	/* plain: publishOnSpecificResponseChannel */
	/*
	 * Events kept of each namespace for clients that come back (see
	 * tn_io_options.recovery_window_ms); 0: nobody can.
	 */
	int recovery_events;
};

#define TN_REDIS_ADAPTER_COUNTS(X)					\
	X(published,	"messages sent to the other nodes")		\
	X(received,	"messages of other nodes")			\
	X(malformed,	"not a packet: logged and ignored")		\
	X(unpublished,	"could not be sent: Redis was away")		\
	X(requests,	"asked of other nodes")				\
	X(answers,	"answers of other nodes")			\
	X(late,		"answers that nobody waits for any more")	\
	X(kept,		"events kept for those who come back")		\
	X(unkept,	"given to clients, but not kept: a hole")	\
	X(restored,	"sessions given back with what they missed")	\
	X(unrestored,	"asked for, and not to be given back")		\
	X(caught_up,	"events read from the stream, having not come")

struct tn_redis_adapter_counts {
#define TN_REDIS_ADAPTER_COUNT(name, what) uint64_t name;
	TN_REDIS_ADAPTER_COUNTS(TN_REDIS_ADAPTER_COUNT)
#undef TN_REDIS_ADAPTER_COUNT
};

/* To be freed before the link and the registry. options are copied. */
struct tn_adapter *tn_redis_adapter_new(
    const struct tn_redis_adapter_options *options, struct tn_err *err);
/*
 * The link is up (again): what did not come is read from the streams. To be
 * called from its hook, if recovery_events is set.
 */
void tn_redis_adapter_on_up(struct tn_adapter *adapter);
void tn_redis_adapter_free(struct tn_adapter **adapter);

const struct tn_redis_adapter_counts *
tn_redis_adapter_counts(const struct tn_adapter *adapter);

#endif
