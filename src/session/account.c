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
#include "redis/redis.h"

#define HASH_OPS	2ull
#define HASH_BYTES	(19u << 20)

/*
 * An account is a hash: id, display, hash. Registration writes it all, or
 * nothing when the name is taken.
 */
static const struct tn_script register_script = {
	"account-register",
	"if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end\n"
	"redis.call('HSET', KEYS[1], 'id', ARGV[1], 'display', ARGV[2],"
	" 'hash', ARGV[3])\n"
	"return 1\n",
};

/* A new hash in the place of the one that was verified, and of no other. */
static const struct tn_script rehash_script = {
	"account-rehash",
	"if redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return 0 end\n"
	"redis.call('HSET', KEYS[1], 'hash', ARGV[2])\n"
	"return 1\n",
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

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
	    c == '-' || c == '_';
}

int
tn_account_canonical(struct tn_slice typed, char out[129], struct tn_err *err)
{
	typed = tn_slice_trim(typed);
	if (typed.len == 0)
		return tn_err_set(err, TN_E_SYNTAX, "Please choose a name.");
	if (typed.len > TN_LIMIT_USERNAME)
		return tn_err_set(err, TN_E_LIMIT,
		    "A name has at most %d characters.", TN_LIMIT_USERNAME);
	for (size_t i = 0; i < typed.len; i++) {
		char c = typed.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!is_name_char(c))
			return tn_err_set(err, TN_E_SYNTAX, "A name is made "
			    "of letters a to z, digits, '.', '-' and '_'.");
		out[i] = c;
	}
	out[typed.len] = '\0';
	return 0;
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
account_key(struct tn_buf *key, const char *name)
{
	tn_buf_init(key, 1024);
	tn_key_account(key, tn_slice_str(name));
}

/* ---- Register -------------------------------------------------------------*/

int
tn_account_register(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err)
{
	char hash[crypto_pwhash_STRBYTES];
	struct tn_slice key, args[3], typed = tn_slice_trim(name);
	struct tn_reply *reply = NULL;
	struct tn_buf text;
	bool made;
	int e;

	memset(who, 0, sizeof(*who));
	if ((e = tn_account_canonical(name, who->name, err)) < 0 ||
	    (e = check_password(password, err)) < 0 ||
	    (e = hash_password(a, password, hash, err)) < 0)
		return e;
	tn_random_text(who->id, sizeof(who->id) - 1);
	memcpy(who->display, typed.ptr, typed.len);
	who->provider = "local";

	account_key(&text, who->name);
	key = tn_buf_view(&text);
	args[0] = tn_slice_str(who->id);
	args[1] = tn_slice_str(who->display);
	args[2] = tn_slice_str(hash);
	e = text.failed != 0 ? text.failed : tn_redis_eval(a->redis,
	    &register_script, &key, 1, args, 3, &reply, err);
	made = e == 0 && tn_reply_integer(reply) == 1;
	tn_reply_free(&reply);
	tn_buf_fini(&text);
	tn_wipe(hash, sizeof(hash));
	if (e == 0 && !made)
		return tn_err_set(err, TN_E_CONFLICT,
		    "That name is taken already.");
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

/* 1 found, with its hash, 0 no such account. */
static int
find_account(const struct tn_accounts *a, struct tn_account *who,
    char hash[crypto_pwhash_STRBYTES], struct tn_err *err)
{
	struct tn_slice argv[5];
	struct tn_reply *reply = NULL;
	struct tn_buf key;
	int e;

	account_key(&key, who->name);
	argv[0] = TN_SLICE("HMGET");
	argv[1] = tn_buf_view(&key);
	argv[2] = TN_SLICE("id");
	argv[3] = TN_SLICE("display");
	argv[4] = TN_SLICE("hash");
	e = key.failed != 0 ? key.failed :
	    tn_redis_call(a->redis, argv, 5, &reply, err);
	if (e == 0)
		e = copy_text(who->id, sizeof(who->id),
		    tn_reply_at(reply, 0)) &&
		    copy_text(who->display, sizeof(who->display),
		    tn_reply_at(reply, 1)) &&
		    copy_text(hash, crypto_pwhash_STRBYTES,
		    tn_reply_at(reply, 2)) && is_bearable(a, hash);
	tn_reply_free(&reply);
	tn_buf_fini(&key);
	return e;
}

/* The account is as good with the old hash, so a failure is let go. */
static void
rehash(const struct tn_accounts *a, const struct tn_account *who,
    struct tn_slice password, const char *old)
{
	char hash[crypto_pwhash_STRBYTES];
	struct tn_slice key, args[2];
	struct tn_reply *reply = NULL;
	struct tn_buf text;

	if (hash_password(a, password, hash, NULL) < 0)
		return;
	account_key(&text, who->name);
	key = tn_buf_view(&text);
	args[0] = tn_slice_str(old);
	args[1] = tn_slice_str(hash);
	if (text.failed == 0)
		tn_redis_eval(a->redis, &rehash_script, &key, 1, args, 2,
		    &reply, NULL);
	tn_reply_free(&reply);
	tn_buf_fini(&text);
	tn_wipe(hash, sizeof(hash));
}

int
tn_account_verify(struct tn_accounts *a, struct tn_slice name,
    struct tn_slice password, struct tn_account *who, struct tn_err *err)
{
	char hash[crypto_pwhash_STRBYTES] = { 0 };
	int found = 0;
	bool right;

	memset(who, 0, sizeof(*who));
	if (password.len > TN_LIMIT_PASSWORD_MAX)
		return 0;	/* nobody has one, whoever they are */
	if (tn_account_canonical(name, who->name, NULL) == 0)
		found = find_account(a, who, hash, err);
	if (found < 0)
		return found;
	right = crypto_pwhash_str_verify(found ? hash : a->decoy,
	    password.ptr, password.len) == 0 && found;
	if (right && crypto_pwhash_str_needs_rehash(hash, a->hash_ops,
	    a->hash_bytes) != 0)
		rehash(a, who, password, hash);
	tn_wipe(hash, sizeof(hash));
	who->provider = "local";
	return right;
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
