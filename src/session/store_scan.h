/* All sessions of a store in Redis, one after the other. For src/session. */
#ifndef TN_STORE_SCAN_H
#define TN_STORE_SCAN_H

#include "session/store.h"

struct tn_redis;

struct tn_store_scan {
	struct tn_store *store;		/* asked for the records */
	struct tn_redis *redis;
	const char *prefix;		/* of the keys */
	bool with_records;
	tn_store_session *fn;
	void *arg;
};

/* As tn_store_each. */
int tn_store_scan(const struct tn_store_scan *scan, struct tn_err *err);

#endif
