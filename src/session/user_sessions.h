/* The sessions of one user: what a person sees as "my devices". */
#ifndef TN_USER_SESSIONS_H
#define TN_USER_SESSIONS_H

#include "base/arena.h"
#include "session/account.h"
#include "session/store.h"

struct tn_err;
struct tn_redis;
struct tn_redis_batch;

struct tn_user_sessions {
	struct tn_redis *redis;
	struct tn_store *store;		/* that the sessions are in */
};

/*
 * One of them. The handle names it in pages and forms: made from the id by
 * a hash, so that no page ever holds an id.
 */
struct tn_user_session {
	struct tn_slice handle;
	struct tn_slice sid;
	int64_t began_ms;		/* wall clock */
	struct tn_slice address;
	struct tn_slice agent;		/* the browser, in its own words */
};

#define TN_SESSION_HANDLE	22	/* characters */

/* handle  gets TN_SESSION_HANDLE characters and a NUL */
void tn_session_handle(char handle[TN_SESSION_HANDLE + 1],
    struct tn_slice sid);

/*
 * Note that somebody has logged in. The session must be in the store already.
 * Past TN_LIMIT_USER_SESSIONS the oldest ends.
 *
 * Returns 0; TN_E_DENIED if the password was changed, or the account
 * deleted, since who was verified: the session must not be used; the
 * failures of Redis and the store.
 */
int tn_user_sessions_add(const struct tn_user_sessions *u,
    const struct tn_account *who, const struct tn_user_session *session,
    struct tn_err *err);

/*
 * The same in two steps, around the send of a batch: the session may be
 * saved by what stands before it (tn_session_save_with).
 *
 * tn_user_sessions_add_with returns the place that tn_user_sessions_added
 * wants, which has the results of tn_user_sessions_add.
 */
size_t tn_user_sessions_add_with(const struct tn_account *who,
    const struct tn_user_session *session, struct tn_redis_batch *with);
int tn_user_sessions_added(const struct tn_user_sessions *u,
    const struct tn_account *who, const struct tn_redis_batch *with,
    size_t place, struct tn_err *err);

/*
 * Those that live, the newest first; those that have ended are forgotten.
 * list and its texts are the arena's. Returns 0 or a failure.
 */
int tn_user_sessions_list(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_arena *arena,
    struct tn_user_session **list, size_t *n, struct tn_err *err);

/* End one of them: 1, 0 if the user has no such session, or a failure. */
int tn_user_sessions_end(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_slice handle, struct tn_err *err);

/* Forget one that its owner has ended otherwise. */
int tn_user_sessions_forget(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_slice sid, struct tn_err *err);

/* The same, along with its end; want of memory is told by the send. */
void tn_user_sessions_forget_with(struct tn_slice user_id,
    struct tn_slice sid, struct tn_redis_batch *with);

/*
 * End all but one, and every token of remember.h.
 *
 * but      its id; empty: all of them
 * version  from now on, who was verified as an older one than this is not
 *          added any more; 0: as before
 * ended    set to how many, 0 after a failure; may be NULL
 */
int tn_user_sessions_end_all(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_slice but, int64_t version,
    size_t *ended, struct tn_err *err);

#endif
