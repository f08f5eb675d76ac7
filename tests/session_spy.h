/* A request with a session, over a store that notes what it is asked. */
#ifndef TN_TEST_SESSION_SPY_H
#define TN_TEST_SESSION_SPY_H

#include "session/session.h"

/* Vectors: express-session 1.19.0 over connect-redis 10, clock frozen. */

#define S(s)	TN_SLICE(s)
#define SID	"0123456789abcdefABCDEF-_xyz01234"
#define SIGNED	"s%3A" SID \
    ".40VDpCymeEK1OWnsGdXmrDYRc91%2BIEuH1k%2BnIUa7HUg"
#define PLAIN	"{\"originalMaxAge\":null,\"expires\":null," \
    "\"httpOnly\":true,\"path\":\"/\"}"
#define HOUR	"{\"originalMaxAge\":3600000," \
    "\"expires\":\"2023-11-14T23:13:20.000Z\",\"httpOnly\":true,\"path\":\"/\"}"
#define HOUR_ON	"{\"originalMaxAge\":3600000," \
    "\"expires\":\"2023-11-14T23:13:21.000Z\",\"httpOnly\":true,\"path\":\"/\"}"
#define NOW	INT64_C(1700000001000)	/* 14 Nov 2023 22:13:21 UTC */

struct session_spy {
	struct tn_store store;		/* the one that writes down */
	struct tn_store *kept;		/* the one in memory behind it */
	char said[512];			/* "GET, SET new 60": new is not SID */
	int failure;			/* answered to all but get, if not 0 */
	struct tn_slice meanwhile;	/* put there before the next replace */
	bool gone_meanwhile;

	struct tn_arena arena;
	struct tn_signer *signer;	/* "keyboard cat", "old-secret" */
	struct tn_session_options options;
	struct tn_session s;
	struct tn_buf cookie;		/* what commit gave */
	bool bad_record;
};

extern struct session_spy spy;

/* A checked fixture. */
void spy_setup(void);
void spy_teardown(void);

/* tn_session_load and tn_session_commit at NOW. */
int spy_load(const char *header, bool is_secure);
int spy_commit(bool is_secure);

/* Put a record under SID; is this (NULL: nothing) what stands under sid? */
void spy_keep(const char *record);
bool spy_kept_is(struct tn_slice sid, const char *record);

#endif
