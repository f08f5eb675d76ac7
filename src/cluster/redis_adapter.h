/* The adapter over Redis pub/sub, in the format of @socket.io/redis-adapter 8. */
#ifndef TN_REDIS_ADAPTER_H
#define TN_REDIS_ADAPTER_H

#include "io/adapter.h"

struct tn_link;
struct tn_log;

struct tn_redis_adapter_counts {
	uint64_t published, received;
	uint64_t malformed;		/* not a packet: counted, logged, ignored */
	uint64_t unpublished;		/* Redis was away */
};

/*
 * link    borrowed; its commands publish, its subscriptions receive
 * prefix  of the channels; NULL: "socket.io"
 */
struct tn_adapter *tn_redis_adapter_new(struct tn_link *link,
    struct tn_log *log, const char *prefix, struct tn_err *err);
void tn_redis_adapter_free(struct tn_adapter **adapter);

const struct tn_redis_adapter_counts *
tn_redis_adapter_counts(const struct tn_adapter *adapter);

#endif
