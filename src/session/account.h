/* Accounts with a local password: made, and verified. */
#ifndef TN_ACCOUNT_H
#define TN_ACCOUNT_H

#include "base/buf.h"
#include "session/username.h"

struct tn_err;
struct tn_redis;
struct tn_redis_batch;
struct tn_throttle;

/* One user, as the seed's user object. */
struct tn_account {
	char id[33];		/* random, never changes */
	char name[129];		/* canonical form; unique */
	char display[129];	/* as typed at registration */
	const char *provider;	/* "local" */
	int64_t version;	/* 1, and one more with each password */
};

struct tn_accounts {
	struct tn_redis *redis;
	unsigned long long hash_ops;	/* Argon2id passes; 0: 2 */
	size_t hash_bytes;		/* Argon2id memory; 0: 19 MiB */
	/* internal: a hash to verify against when there is no such user */
	char decoy[128];
};

/* Make the decoy. Returns 0, or TN_E_CONFIG for a cost that cannot be met. */
int tn_accounts_init(struct tn_accounts *a, struct tn_redis *redis,
    unsigned long long hash_ops, size_t hash_bytes, struct tn_err *err);

/*
 * The canonical form of a user name, as username.h has it. Returns 0,
 * TN_E_SYNTAX or TN_E_LIMIT with a sentence to be shown, or TN_E_NOMEM.
 */
int tn_account_canonical(struct tn_slice typed, char out[129],
    struct tn_err *err);

/*
 * Make an account; the name is taken atomically.
 * Takes about 28 ms of CPU. Returns 0; TN_E_CONFLICT if the name is taken;
 * TN_E_SYNTAX or TN_E_LIMIT for a bad name or password; Redis' failures.
 */
int tn_account_register(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err);

/*
 * Is this the password of that user? Takes as long for an unknown user as
 * for a wrong password; rehashes when the cost has changed.
 * Returns 1 and fills who, 0, or Redis' failures.
 */
int tn_account_verify(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err);

/*
 * The same in steps, for who may not compute where it may ask, and with
 * a count of the tries, by name and by address: whom either refuses costs no
 * hash, and whom the address refuses is no try of that name.
 */
struct tn_attempt {
	/* the caller's, borrowed */
	struct tn_slice name;			/* as typed */
	struct tn_slice address;		/* the client's */
	const struct tn_throttle *by_user;
	const struct tn_throttle *by_address;
	/* the result */
	struct tn_account who;			/* once it was right */
	int retry_s;				/* the wait, once refused */
	/* internal */
	struct tn_username user;
	bool has_name, is_found;
	size_t tried_at, account_at;		/* their places */
	char hash[128];
};

/*
 * tn_attempt_with counts, and asks for the account, by a batch. A name that
 * nobody can have is not counted, its address is. Want of memory is told by
 * the send.
 *
 * tn_attempt_may reads the answers: 1 go on, 0 refused, or Redis' failures.
 *
 * tn_attempt_end must follow a 1. Returns 1 right, 0 wrong; Redis is asked
 * only to rehash. It is the one that takes about 28 ms of CPU.
 */
void tn_attempt_with(struct tn_attempt *attempt, struct tn_redis_batch *with);
int tn_attempt_may(struct tn_accounts *a, struct tn_attempt *attempt,
    const struct tn_redis_batch *with, struct tn_err *err);
int tn_attempt_end(struct tn_accounts *a, struct tn_attempt *attempt,
    struct tn_slice password);

/*
 * Look an account up by the name in who; its id, display and version are
 * filled. Returns 1, 0 if there is none of that name, or Redis' failures.
 */
int tn_account_find(struct tn_accounts *a, struct tn_account *who,
    struct tn_err *err);

/*
 * Another password, for who knows the one of now. Its version goes up, so
 * that what was verified with the old one can be told apart; the sessions are
 * for the caller to end (user_sessions.h). Takes two hashes.
 *
 * Returns 1 and fills who; 0 if the password is wrong (or was changed
 * meanwhile); TN_E_SYNTAX or TN_E_LIMIT for a bad new one; Redis' failures.
 */
int tn_account_set_password(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_slice new_password,
    struct tn_account *who, struct tn_err *err);

/* Remove it, for who knows its password: 1, 0 if that is wrong, or < 0. */
int tn_account_delete(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err);

/* {"id":..,"displayName":..,"provider":"local"} */
void tn_account_write(struct tn_buf *out, const struct tn_account *who);

#endif
