/* Logged-in sessions, written to Redis as the site writes them. */
#ifndef TN_BENCH_SESSIONS_H
#define TN_BENCH_SESSIONS_H

#include <stdint.h>

struct tn_err;
struct tn_redis_options;

/*
 * In each session, so that a form can carry its proof without having been
 * fetched: see tests/bench/http.sh.
 */
#define SESSIONS_CSRF_SECRET	"benchbenchbenchbenchbenc"

struct sessions {
	char (*cookies)[160];	/* each the value of a Cookie header */
	unsigned n;
};

/*
 * Make n sessions of the users loadFIRST and so on, each kept an hour.
 *
 * secret  signs the cookies, as session.secret does
 *
 * Returns 0, or a negative TN_E_*.
 */
int sessions_make(struct sessions *s, unsigned first, unsigned n,
    const struct tn_redis_options *redis, const char *secret,
    struct tn_err *err);
void sessions_fini(struct sessions *s);

#endif
