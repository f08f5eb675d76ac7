#include "config.h"

#include "session/account.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/utf8.h"
#include "redis/keys.h"
#include "redis/redis_batch.h"
#include "session/throttle.h"
#include "session/username.h"

#define HASH_OPS	2ull
#define HASH_BYTES	(19u << 20)

/*
 * An account is a hash: id, name, display, hash, version. Its key is what the
 * name looks like, so a name that looks like one that is taken is taken.
 * Registration writes it all, or nothing when the name is taken.
 */
static const struct tn_script register_script = {
	"account-register",
	"if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end\n"
	"redis.call('HSET', KEYS[1], 'id', ARGV[1], 'display', ARGV[2],"
	" 'hash', ARGV[3], 'name', ARGV[4], 'version', '1')\n"
	"return 1\n",
};

/* A new hash in the place of the one that was verified, and of no other. */
static const struct tn_script rehash_script = {
	"account-rehash",
	"if redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return 0 end\n"
	"redis.call('HSET', KEYS[1], 'hash', ARGV[2])\n"
	"return 1\n",
};

/* The same for another password. */
static const struct tn_script password_script = {
	"account-password",
	"if redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return 0 end\n"
	"redis.call('HSET', KEYS[1], 'hash', ARGV[2])\n"
	"return redis.call('HINCRBY', KEYS[1], 'version', 1)\n",
};

static const struct tn_script delete_script = {
	"account-delete",
	"if redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return 0 end\n"
	"return redis.call('DEL', KEYS[1])\n",
};

static int
hash_password(const struct tn_accounts *a, struct tn_slice password,
    char hash[crypto_pwhash_STRBYTES], struct tn_err *err)
{
	if (crypto_pwhash_str_alg(hash, password.ptr, password.len,
	    a->hash_ops, a->hash_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return tn_err_set(err, TN_E_NOMEM,
		    "no memory to hash a password");
	return 0;
}

int
tn_accounts_init(struct tn_accounts *a, struct tn_redis *redis,
    unsigned long long hash_ops, size_t hash_bytes, struct tn_err *err)
{
	char unknown[33];

	_Static_assert(sizeof(a->decoy) >= crypto_pwhash_STRBYTES,
	    "room for a hash");
	a->redis = redis;
	a->hash_ops = hash_ops == 0 ? HASH_OPS : hash_ops;
	a->hash_bytes = hash_bytes == 0 ? HASH_BYTES : hash_bytes;
	if (a->hash_ops < crypto_pwhash_argon2id_OPSLIMIT_MIN ||
	    a->hash_ops > crypto_pwhash_argon2id_OPSLIMIT_MAX ||
	    a->hash_bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN ||
	    a->hash_bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX)
		return tn_err_set(err, TN_E_CONFIG,
		    "Argon2id cannot be run at this cost");
	tn_random_text(unknown, sizeof(unknown) - 1);
	return hash_password(a, tn_slice_str(unknown), a->decoy, err);
}

/* ---- Names ----------------------------------------------------------------*/

int
tn_account_canonical(struct tn_slice typed, char out[129], struct tn_err *err)
{
	struct tn_username name;
	int e = tn_username_read(&name, typed, err);

	_Static_assert(sizeof(name.name) == 129, "room for a name");
	memcpy(out, name.name, sizeof(name.name));
	return e;
}

static int
check_password(struct tn_slice password, struct tn_err *err)
{
	if (password.len < TN_LIMIT_PASSWORD_MIN)
		return tn_err_set(err, TN_E_LIMIT,
		    "A password has at least %d characters.",
		    TN_LIMIT_PASSWORD_MIN);
	if (password.len > TN_LIMIT_PASSWORD_MAX)
		return tn_err_set(err, TN_E_LIMIT,
		    "A password has at most %d characters.",
		    TN_LIMIT_PASSWORD_MAX);
	if (!tn_utf8_valid(password))
		return tn_err_set(err, TN_E_SYNTAX,
		    "The password is not valid text.");
	return 0;
}

static void
account_key(struct tn_buf *key, const char *look)
{
	tn_buf_init(key, 4096);
	tn_key_account(key, tn_slice_str(look));
}

/* A script over one account; *n is set to the number it answers. */
static int
eval(const struct tn_accounts *a, const struct tn_script *script,
    const char *look, const struct tn_slice *args, size_t nargs, int64_t *n,
    struct tn_err *err)
{
	struct tn_reply *reply = NULL;
	struct tn_slice keys[1];
	struct tn_buf key;
	int e;

	account_key(&key, look);
	keys[0] = tn_buf_view(&key);
	e = key.failed != 0 ? key.failed : tn_redis_eval(a->redis, script,
	    keys, 1, args, nargs, &reply, err);
	*n = tn_reply_integer(reply);
	tn_reply_free(&reply);
	tn_buf_fini(&key);
	return e;
}

/* ---- Register -------------------------------------------------------------*/

int
tn_account_register(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err)
{
	char hash[crypto_pwhash_STRBYTES];
	struct tn_username user;
	int64_t made;
	int e;

	memset(who, 0, sizeof(*who));
	if ((e = tn_username_read(&user, name, err)) < 0 ||
	    (e = check_password(password, err)) < 0 ||
	    (e = hash_password(a, password, hash, err)) < 0)
		return e;
	tn_random_text(who->id, sizeof(who->id) - 1);
	memcpy(who->name, user.name, sizeof(who->name));
	memcpy(who->display, user.shown, sizeof(who->display));
	who->provider = "local";
	who->version = 1;
	e = eval(a, &register_script, user.look, (struct tn_slice[]){
	    tn_slice_str(who->id), tn_slice_str(who->display),
	    tn_slice_str(hash), tn_slice_str(who->name) }, 4, &made, err);
	tn_wipe(hash, sizeof(hash));
	if (e == 0 && made != 1)
		return tn_err_set(err, TN_E_CONFLICT,
		    "That name is taken already, or looks like one that is.");
	return e;
}

/* ---- Verify ---------------------------------------------------------------*/

static bool
copy_text(char *to, size_t cap, const struct tn_reply *from)
{
	struct tn_slice text = tn_reply_text(from);

	if (tn_reply_type(from) != TN_REPLY_STRING || text.len >= cap ||
	    memchr(text.ptr, '\0', text.len) != NULL)
		return false;
	memcpy(to, text.ptr, text.len);
	to[text.len] = '\0';
	return true;
}

static unsigned long
number_behind(const char *hash, const char *mark)
{
	const char *at = strstr(hash, mark);

	return at == NULL ? 0 : strtoul(at + strlen(mark), NULL, 10);
}

/*
 * A hash names its own cost, and whoever can write to Redis could name one
 * that takes this machine down.
 */
static bool
is_bearable(const struct tn_accounts *a, const char *hash)
{
	size_t most_kib = TN_LIMIT_HASH_KIB;
	unsigned long long most_passes = TN_LIMIT_HASH_PASSES;

	if (a->hash_bytes / 1024 > most_kib)
		most_kib = a->hash_bytes / 1024;
	if (a->hash_ops > most_passes)
		most_passes = a->hash_ops;
	return number_behind(hash, "$m=") <= most_kib &&
	    number_behind(hash, ",t=") <= most_passes;
}

static bool
read_account(const struct tn_reply *reply, const char *name,
    struct tn_account *who, char hash[crypto_pwhash_STRBYTES])
{
	uint64_t version;

	if (!tn_slice_is(tn_reply_text(tn_reply_at(reply, 3)), name) ||
	    !tn_slice_u64(tn_reply_text(tn_reply_at(reply, 4)), &version) ||
	    version > INT64_MAX)
		return false;
	who->version = (int64_t)version;
	who->provider = "local";
	return copy_text(who->id, sizeof(who->id), tn_reply_at(reply, 0)) &&
	    copy_text(who->display, sizeof(who->display),
	    tn_reply_at(reply, 1)) &&
	    copy_text(hash, crypto_pwhash_STRBYTES, tn_reply_at(reply, 2));
}

/* The words that ask for an account; the texts are those of key. */
enum { FIND_WORDS = 7 };

static void
find_words(struct tn_slice argv[FIND_WORDS], struct tn_buf *key,
    const struct tn_username *user)
{
	static const char *const fields[] = { "id", "display", "hash", "name",
		"version" };

	account_key(key, user->look);
	argv[0] = TN_SLICE("HMGET");
	argv[1] = tn_buf_view(key);
	for (int i = 0; i < FIND_WORDS - 2; i++)
		argv[2 + i] = tn_slice_str(fields[i]);
}

static int
take_account(const struct tn_accounts *a, const struct tn_reply *reply,
    const struct tn_username *user, struct tn_account *who,
    char hash[crypto_pwhash_STRBYTES])
{
	memcpy(who->name, user->name, sizeof(who->name));
	return read_account(reply, user->name, who, hash) &&
	    is_bearable(a, hash);
}

/* 1 found, with its hash, 0 no such account. */
static int
find_account(const struct tn_accounts *a, const struct tn_username *user,
    struct tn_account *who, char hash[crypto_pwhash_STRBYTES],
    struct tn_err *err)
{
	struct tn_slice argv[FIND_WORDS];
	struct tn_reply *reply = NULL;
	struct tn_buf key;
	int e;

	find_words(argv, &key, user);
	e = key.failed != 0 ? key.failed :
	    tn_redis_call(a->redis, argv, FIND_WORDS, &reply, err);
	if (e == 0)
		e = take_account(a, reply, user, who, hash);
	tn_reply_free(&reply);
	tn_buf_fini(&key);
	return e;
}

int
tn_account_find(struct tn_accounts *a, struct tn_account *who,
    struct tn_err *err)
{
	char hash[crypto_pwhash_STRBYTES] = { 0 };
	struct tn_username user;
	struct tn_account found = { .id = "" };
	int e;

	if (tn_username_read(&user, tn_slice_str(who->name), NULL) < 0)
		return 0;
	e = find_account(a, &user, &found, hash, err);
	tn_wipe(hash, sizeof(hash));
	if (e == 1)
		*who = found;
	return e;
}

/* The account is as good with the old hash, so a failure is let go. */
static void
rehash(const struct tn_accounts *a, const struct tn_username *user,
    struct tn_slice password, const char *old)
{
	char hash[crypto_pwhash_STRBYTES];
	int64_t done;

	if (hash_password(a, password, hash, NULL) < 0)
		return;
	eval(a, &rehash_script, user->look, (struct tn_slice[]){
	    tn_slice_str(old), tn_slice_str(hash) }, 2, &done, NULL);
	tn_wipe(hash, sizeof(hash));
}

/* 1 the password is that of found, 0; one hashing in each case. */
static int
is_right(const struct tn_accounts *a, int found,
    const char hash[crypto_pwhash_STRBYTES], struct tn_slice password)
{
	return crypto_pwhash_str_verify(found ? hash : a->decoy,
	    password.ptr, password.len) == 0 && found;
}

/* 1 and the hash that was right, 0, or a failure. */
static int
verify(const struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_username *user,
    struct tn_account *who, char hash[crypto_pwhash_STRBYTES],
    struct tn_err *err)
{
	int found = 0;

	memset(who, 0, sizeof(*who));
	if (password.len > TN_LIMIT_PASSWORD_MAX)
		return 0;	/* nobody has one, whoever they are */
	if (tn_username_read(user, name, NULL) == 0)
		found = find_account(a, user, who, hash, err);
	return found < 0 ? found : is_right(a, found, hash, password);
}

static int
verified(const struct tn_accounts *a, int right,
    const struct tn_username *user, struct tn_slice password,
    char hash[crypto_pwhash_STRBYTES])
{
	if (right == 1 && crypto_pwhash_str_needs_rehash(hash, a->hash_ops,
	    a->hash_bytes) != 0)
		rehash(a, user, password, hash);
	tn_wipe(hash, crypto_pwhash_STRBYTES);
	return right;
}

int
tn_account_verify(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err)
{
	char hash[crypto_pwhash_STRBYTES] = { 0 };
	struct tn_username user;
	int right = verify(a, name, password, &user, who, hash, err);

	return verified(a, right, &user, password, hash);
}

/* ---- One try of many -------------------------------------------------------*/

void
tn_attempt_with(struct tn_attempt *t, struct tn_redis_batch *with)
{
	char group[TN_THROTTLE_ADDRESS];
	struct tn_slice address, argv[FIND_WORDS];
	struct tn_buf key;
	int e = tn_username_read(&t->user, t->name, NULL);

	t->has_name = e == 0;
	t->is_found = false;
	if (e == TN_E_NOMEM)
		tn_redis_batch_fail(with, e);
	address = tn_throttle_address(t->address, group);
	t->tried_at = !t->has_name ?
	    tn_throttle_try_with(t->by_address, address, with) :
	    tn_throttle_try_both_with(t->by_address, address, t->by_user,
	    tn_slice_str(t->user.name), with);
	if (!t->has_name)
		return;
	find_words(argv, &key, &t->user);
	if (key.failed != 0)
		tn_redis_batch_fail(with, key.failed);
	t->account_at = tn_redis_batch_call(with, argv, FIND_WORDS);
	tn_buf_fini(&key);
}

/* 1 may try, 0 refused by the one or the other. */
static int
is_allowed(struct tn_attempt *t, const struct tn_redis_batch *with,
    struct tn_err *err)
{
	if (!t->has_name)
		return tn_throttle_tried(t->by_address, with, t->tried_at,
		    &t->retry_s, err);
	return tn_throttle_tried_both(t->by_address, t->by_user,
	    tn_slice_str(t->user.name), with, t->tried_at, &t->retry_s, err);
}

int
tn_attempt_may(struct tn_accounts *a, struct tn_attempt *t,
    const struct tn_redis_batch *with, struct tn_err *err)
{
	const struct tn_reply *reply;
	int e = is_allowed(t, with, err);

	t->who = (struct tn_account){ .version = 0 };
	if (e != 1 || !t->has_name)
		return e;
	e = tn_redis_batch_reply(with, t->account_at, &reply, err);
	if (e < 0)
		return e;
	t->is_found = take_account(a, reply, &t->user, &t->who, t->hash);
	return 1;
}

int
tn_attempt_end(struct tn_accounts *a, struct tn_attempt *t,
    struct tn_slice password)
{
	int right = 0;		/* nobody's is so long, whoever they are */

	_Static_assert(sizeof(t->hash) >= crypto_pwhash_STRBYTES,
	    "room for a hash");
	if (password.len <= TN_LIMIT_PASSWORD_MAX)
		right = is_right(a, t->is_found, t->hash, password);
	return verified(a, right, &t->user, password, t->hash);
}

/* ---- Change and delete ----------------------------------------------------*/

int
tn_account_set_password(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_slice new_password,
    struct tn_account *who, struct tn_err *err)
{
	char old[crypto_pwhash_STRBYTES] = { 0 };
	char hash[crypto_pwhash_STRBYTES] = { 0 };
	struct tn_username user;
	int64_t version = 0;
	int e = check_password(new_password, err);

	if (e == 0)
		e = verify(a, name, password, &user, who, old, err);
	if (e == 1 && (e = hash_password(a, new_password, hash, err)) == 0)
		e = eval(a, &password_script, user.look, (struct tn_slice[]){
		    tn_slice_str(old), tn_slice_str(hash) }, 2, &version,
		    err);
	tn_wipe(old, sizeof(old));
	tn_wipe(hash, sizeof(hash));
	who->version = version;
	return e < 0 ? e : version > 0;
}

int
tn_account_delete(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err)
{
	char hash[crypto_pwhash_STRBYTES] = { 0 };
	struct tn_username user;
	int64_t deleted = 0;
	int e = verify(a, name, password, &user, who, hash, err);
	struct tn_slice arg = tn_slice_str(hash);

	if (e == 1)
		e = eval(a, &delete_script, user.look, &arg, 1, &deleted, err);
	tn_wipe(hash, sizeof(hash));
	return e < 0 ? e : deleted == 1;
}

void
tn_account_write(struct tn_buf *out, const struct tn_account *who)
{
	tn_buf_str(out, "{\"id\":");
	tn_json_write_string(out, tn_slice_str(who->id));
	tn_buf_str(out, ",\"displayName\":");
	tn_json_write_string(out, tn_slice_str(who->display));
	tn_buf_str(out, ",\"provider\":");
	tn_json_write_string(out, tn_slice_str(who->provider));
	tn_buf_char(out, '}');
}
