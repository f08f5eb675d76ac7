/* So many requests in a window, counted in Redis for all nodes together. */
#ifndef TN_RATE_LIMIT_H
#define TN_RATE_LIMIT_H

#include "web/router.h"

struct tn_redis;

/* In the words of npm's express-rate-limit. */
struct tn_rate_limit {
	struct tn_redis *redis;		/* borrowed, for the life of the app */
	const char *name;		/* of this limit among others; borrowed */
	int limit;			/* requests in a window */
	int window_s;
	/* Whom a request counts for; NULL: tn_rate_by_address. */
	struct tn_slice (*key)(struct tn_req *req);
	bool (*skip)(struct tn_req *req);	/* not counted; NULL: none */
	enum tn_rate_headers {
		TN_RATE_DRAFT_6,	/* RateLimit-Limit, -Remaining, -Reset */
		TN_RATE_DRAFT_7,	/* all of it in RateLimit */
		TN_RATE_NO_HEADERS,
	} headers;			/* the first two with RateLimit-Policy */
	bool legacy_headers;		/* X-RateLimit-* besides */
	bool pass_when_away;		/* uncounted then, else 503 */
	/* Answers with 429 and its headers set; NULL: one line of text. */
	tn_handler *handler;
	void *arg;			/* of handler */
};

/*
 * A step for tn_app_use. One command of Redis a request. Past the limit the
 * answer is 429 with Retry-After. options is copied.
 */
struct tn_step tn_rate_limit(const struct tn_rate_limit *options);

/* The client's address; of IPv6 the network, as each host has a whole one. */
struct tn_slice tn_rate_by_address(struct tn_req *req);

/*
 * The id of who has logged in (the session's user.id), else the address. It
 * must stand behind tn_session().
 */
struct tn_slice tn_rate_by_user(struct tn_req *req);

#endif
