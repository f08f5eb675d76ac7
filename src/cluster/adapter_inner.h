/* What the two files of the Redis adapter know of each other. */
#ifndef TN_ADAPTER_INNER_H
#define TN_ADAPTER_INNER_H

#include "base/buf.h"
#include "base/list.h"
#include "cluster/redis_adapter.h"

#define TN_UID_LEN	6	/* of a namespace's adapter, as the reference */

struct redis_adapter {
	struct tn_adapter base;
	struct tn_redis_adapter_counts counts;
	size_t refs;		/* the owner's, and one for each PUBLISH under way */
	struct tn_link *link;
	struct tn_log *log;
	char prefix[];
};

struct redis_ns {
	struct redis_adapter *adapter;
	struct tn_ns *ns;
	struct tn_buf names;	/* holds the four below */
	struct tn_slice broadcast, request, response, own_response;
	struct tn_buf pattern;
	unsigned nsubscribed;	/* of the pattern and three channels */
	char uid[TN_UID_LEN + 1];
};

/* Returns 0, or why the link did not take it, counted. */
int tn_redis_ns_publish(struct redis_ns *rn, struct tn_slice channel,
    struct tn_slice payload);

/* Something came that is not what it should be. */
void tn_redis_ns_malformed(struct redis_ns *rn, const char *what,
    const char *why);

/* Another node asks: do it, and answer. payload is anything at all. */
void tn_redis_ns_request(struct redis_ns *rn, struct tn_slice payload);

#endif
