/*
 * "Stay logged in": a cookie that begins a new session when the old one is
 * gone.
 *
 * A token is a selector, which finds it, and a validator, of which Redis has
 * only a hash. Each use makes a new validator. An old one that comes again
 * was copied: then whoever holds either is out. For TN_LIMIT_REMEMBER_GRACE_MS
 * the last one is still taken, for pages that a browser opens together.
 */
#ifndef TN_REMEMBER_H
#define TN_REMEMBER_H

#include "session/account.h"
#include "session/signature.h"

struct tn_err;
struct tn_redis;

struct tn_remember {
	struct tn_redis *redis;
	const struct tn_signer *signer;
	int64_t life_ms;		/* from the last use */
};

/*
 * Make a token for who has just logged in.
 *
 * value  the cookie's value is appended, signed
 */
int tn_remember_make(const struct tn_remember *r, const struct tn_account *who,
    int64_t wall_ms, struct tn_buf *value, struct tn_err *err);

enum tn_remember_result {
	TN_REMEMBER_NOBODY,	/* no such token: take the cookie away */
	TN_REMEMBER_KNOWN,	/* who is it; value is the next cookie's */
	TN_REMEMBER_AGAIN,	/* who is it; keep the cookie that is there */
	TN_REMEMBER_THEFT,	/* end all sessions of who->id */
};

/*
 * Use a token once. Who it was is in who->id, who->name and who->version;
 * whether there still is such an account, ask tn_account_find.
 *
 * Returns one of the above, or Redis' failures.
 */
int tn_remember_use(const struct tn_remember *r, struct tn_slice cookie,
    int64_t wall_ms, struct tn_account *who, struct tn_buf *value,
    struct tn_err *err);

/*
 * The parts of a token, views into the cookie. They have just the characters
 * and lengths that tn_remember_make gives them.
 */
struct tn_remember_token {
	struct tn_slice user, selector, validator;
};

/* Read a cookie's value: false if we did not sign it, or it is no token. */
bool tn_remember_read(const struct tn_remember *r, struct tn_slice cookie,
    struct tn_remember_token *out);

/* Forget the token of a cookie, when its owner logs out. */
int tn_remember_forget(const struct tn_remember *r, struct tn_slice cookie,
    struct tn_err *err);

#endif
