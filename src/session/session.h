/*
 * One session, as express-session keeps it: a cookie description and the
 * application's own members, in the order in which they came.
 *
 * Members are kept as raw JSON text: what Node wrote is given back byte for
 * byte. All memory is the arena's.
 */
#ifndef TN_SESSION_H
#define TN_SESSION_H

#include "base/arena.h"
#include "base/buf.h"
#include "session/cookie.h"
#include "session/store.h"

struct tn_account;
struct tn_err;
struct tn_redis_batch;
struct tn_signer;

/*
 * Makes the id of a new session: 1 to TN_LIMIT_SESSION_ID bytes of UTF-8
 * without NUL that nobody can guess. Returns 0 or a negative error.
 */
typedef int tn_session_genid(struct tn_buf *out, void *arg);

/*
 * In the words of express-session. Zero is its default, but for name and
 * signer, which must be given, http_only, and max_age_ms, of which 0 ends the
 * cookie at once.
 */
struct tn_session_options {
	struct tn_slice name;		/* of the cookie: "connect.sid" */
	const struct tn_signer *signer;
	int64_t max_age_ms;		/* < 0: a session cookie, no expiry */
	int64_t expires_ms;		/* > 0: this end instead (wall clock) */
	int64_t ttl_s;			/* in the store, of session cookies; 86400 */
	struct tn_slice domain;
	struct tn_slice path;		/* "/"; only requests below it count */
	bool http_only;
	enum tn_secure { TN_SECURE_NO, TN_SECURE_YES, TN_SECURE_AUTO } secure;
	enum tn_same_site same_site;
	enum tn_priority priority;
	bool partitioned;
	bool rolling;			/* a new cookie with every answer */
	bool resave;			/* store what nobody has changed */
	bool save_uninitialized;	/* store sessions nobody wrote to */
	enum tn_unset { TN_UNSET_KEEP, TN_UNSET_DESTROY } unset;
	/*
	 * What counts as a safe line: as the request says; or besides, what
	 * X-Forwarded-Proto says, whoever sent it.
	 */
	enum tn_proxy { TN_PROXY_NO, TN_PROXY_YES } proxy;
	tn_session_genid *genid;	/* NULL: 24 random bytes as base64url */
	void *genid_arg;
	/*
	 * > 0: a session ends so long after it began, however busy. It then
	 * has a member TN_SESSION_CREATED, milliseconds since 1970.
	 */
	int64_t absolute_ms;
	int64_t (*now_ms)(void);	/* the wall clock; NULL: the real one */
};

#define TN_SESSION_CREATED	"createdAt"

/* The members of a stored cookie, in the order in which Express writes them. */
#define TN_SESSION_COOKIE(X)			\
	X(ORIGINAL_MAX_AGE,	"originalMaxAge")	\
	X(PARTITIONED,		"partitioned")		\
	X(PRIORITY,		"priority")		\
	X(EXPIRES,		"expires")		\
	X(SECURE,		"secure")		\
	X(HTTP_ONLY,		"httpOnly")		\
	X(DOMAIN,		"domain")		\
	X(PATH,			"path")			\
	X(SAME_SITE,		"sameSite")

enum tn_session_cookie {
#define TN_SESSION_COOKIE_ENUM(name, key) TN_SESSION_##name,
	TN_SESSION_COOKIE(TN_SESSION_COOKIE_ENUM)
#undef TN_SESSION_COOKIE_ENUM
	TN_SESSION_COOKIE_KEYS
};

struct tn_session_member {
	struct tn_slice key;		/* raw, with quotes */
	struct tn_slice value;		/* raw JSON */
	bool changed;			/* set or removed since it was read */
	bool removed;
	bool added;			/* since then: the store has none of it */
};

struct tn_session {
	struct tn_arena *arena;
	struct tn_slice sid;		/* 32 characters, ours; any, Express' */
	struct tn_slice record;		/* as read from the store; empty if new */
	struct tn_cookie_options cookie;
	/* raw JSON of each; ptr NULL: not there */
	struct tn_slice cookie_json[TN_SESSION_COOKIE_KEYS];
	int64_t original_max_age_ms;	/* < 0: null */
	struct tn_session_member *members;
	size_t n, cap;
	const struct tn_session_options *options; /* of a new cookie, or NULL */
	bool request_is_secure;
	bool is_new;			/* not in the store yet */
	bool regenerated;
	bool destroyed;
	bool is_unset;
	bool is_saved;			/* by this request */
	bool was_new;			/* before that */
	bool was_modified;		/* likewise */
	bool cookie_is_due;		/* since before that */
	bool is_detached;		/* the store is away: never saved */
	struct tn_slice replaced;	/* old sid, after tn_session_regenerate */
	struct tn_store *store;		/* that it was loaded from, or NULL */
	struct {
		struct tn_slice record;	/* ptr NULL: nothing is under way */
		int64_t ttl_s;
		size_t place;
	} saving;			/* since tn_session_save_with */
};

/*
 * A fresh session with a random sid; options is borrowed for its life.
 * Returns 0 or TN_E_NOMEM.
 */
int tn_session_init(struct tn_session *s, struct tn_arena *arena,
    const struct tn_session_options *options, bool request_is_secure,
    struct tn_err *err);

/*
 * Read a record of the store.
 *
 * Returns 0; TN_E_SYNTAX or TN_E_TYPE if it is not a session (JSON null and
 * empty text included), TN_E_LIMIT, TN_E_NOMEM.
 */
int tn_session_read(struct tn_session *s, struct tn_arena *arena,
    struct tn_slice sid, struct tn_slice record, struct tn_err *err);

/* Write the record, members in order, the cookie first. */
void tn_session_write(const struct tn_session *s, struct tn_buf *out);

/*
 * The members. A value is raw JSON; false if there is none of that type.
 * Setting returns 0, TN_E_NOMEM, or TN_E_DENIED for "cookie", which is the
 * session's own.
 */
bool tn_session_get(const struct tn_session *s, const char *name,
    struct tn_slice *value);
bool tn_session_get_bool(const struct tn_session *s, const char *name);
bool tn_session_get_string(const struct tn_session *s, const char *name,
    struct tn_slice *text);
int tn_session_set(struct tn_session *s, const char *name,
    struct tn_slice value);		/* raw JSON, one valid value */
bool tn_session_get_i64(const struct tn_session *s, const char *name,
    int64_t *n);
int tn_session_set_bool(struct tn_session *s, const char *name, bool on);
int tn_session_set_i64(struct tn_session *s, const char *name, int64_t n);
int tn_session_set_string(struct tn_session *s, const char *name,
    struct tn_slice text);
void tn_session_remove(struct tn_session *s, const char *name);

/* Set "user" to {id, displayName, provider}, as the seed's log in does. */
int tn_session_set_user(struct tn_session *s, const struct tn_account *who);

/*
 * Go on under a new random sid, with a new cookie and without members; the
 * old record is deleted when this one is saved. For log in and log out.
 * Returns 0; TN_E_NOMEM, or a genid's failure: the session ends.
 */
int tn_session_regenerate(struct tn_session *s);

/* Marked here, carried out by tn_session_commit. */
void tn_session_destroy(struct tn_session *s);

/*
 * As "req.session = null": forgotten by this request; what is stored goes or
 * stays as options->unset says.
 */
void tn_session_unset(struct tn_session *s);

/*
 * The cookie's life from now on: milliseconds, < 0 as long as the browser is
 * open; or a moment of the wall clock. By itself no modification: the store
 * is told the new life, the browser only when a cookie is due.
 */
void tn_session_set_max_age(struct tn_session *s, int64_t max_age_ms);
void tn_session_set_expires(struct tn_session *s, int64_t wall_ms);

/* The expiry as far off as it was at first; done by each commit anyway. */
void tn_session_touch(struct tn_session *s);

/*
 * Save now, before the request's end; what follows is saved by the commit.
 * reload forgets the changes of this request and reads the record again.
 * Both need a session that was loaded from a store.
 *
 * Return 0; TN_E_STATE when there is no such session (any more), and reload
 * then leaves it as it was; the store's failures.
 */
int tn_session_save(struct tn_session *s, struct tn_err *err);

/*
 * tn_session_save in two steps, around the send of a batch for the Redis of
 * its store. A new session, as after tn_session_regenerate, is saved by the
 * send; any other at once. If it cannot be, the batch is not sent.
 *
 * tn_session_saved must follow the send, if that failed too; it returns as
 * tn_session_save does.
 */
void tn_session_save_with(struct tn_session *s, struct tn_redis_batch *with);
int tn_session_saved(struct tn_session *s, const struct tn_redis_batch *with,
    struct tn_err *err);
int tn_session_reload(struct tn_session *s, struct tn_err *err);

/* Has a member changed, or the sid? */
bool tn_session_is_modified(const struct tn_session *s);

/* The wall clock of its options. */
int64_t tn_session_now(const struct tn_session_options *options);

/* Has it lived longer than options->absolute_ms allows? */
bool tn_session_is_too_old(const struct tn_session *s,
    const struct tn_session_options *options, int64_t wall_ms);

/* The life of a session in a request. */

/*
 * The sid in a Cookie header: first cookie of the name, "s:", signature.
 * Returns 1 and sets sid (arena or view), 0 if there is no valid one.
 */
int tn_session_sid(struct tn_slice cookie_header,
    const struct tn_session_options *options, struct tn_arena *arena,
    struct tn_slice *sid, struct tn_err *err);

/*
 * Load the session that a Cookie header names, or begin a fresh one.
 * Returns 0; TN_E_AWAY or TN_E_TIMEOUT from the store; TN_E_NOMEM. A record
 * that cannot be read counts as none: *bad_record is then set for the log.
 */
int tn_session_load(struct tn_session *s, struct tn_arena *arena,
    struct tn_slice cookie_header, bool request_is_secure,
    const struct tn_session_options *options, struct tn_store *store,
    bool *bad_record, struct tn_err *err);

/*
 * The same where the answers are known already.
 *
 * sid     as tn_session_sid found it
 * record  what the store has of it; ptr NULL: nothing
 */
int tn_session_load_known(struct tn_session *s, struct tn_arena *arena,
    struct tn_slice sid, struct tn_slice record, bool request_is_secure,
    const struct tn_session_options *options, struct tn_store *store,
    bool *bad_record, struct tn_err *err);

/*
 * A fresh session while the store is away: it can be read and written like
 * any other, and is gone with the request; no cookie is sent. Returns 0 or
 * TN_E_NOMEM.
 */
int tn_session_detached(struct tn_session *s, struct tn_arena *arena,
    const struct tn_session_options *options, bool request_is_secure,
    struct tn_err *err);

/*
 * Save, touch or destroy as express-session would at the end of a request,
 * merging with what others saved meanwhile; and say whether
 * a Set-Cookie is due.
 *
 * set_cookie  the header's value is appended when one is due
 */
int tn_session_commit(struct tn_session *s,
    const struct tn_session_options *options, struct tn_store *store,
    bool request_is_secure, int64_t wall_ms, struct tn_buf *set_cookie,
    struct tn_err *err);

#endif
