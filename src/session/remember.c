#include "config.h"

#include "session/remember.h"

#include <sodium.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "redis/keys.h"
#include "redis/redis.h"

/*
 *	cookie	s:<user id>.<selector>.<validator>.<signature>
 *	Redis	field "r:<selector>" of the user's hash (user_sessions.c):
 *		end, hash, hash of the last one, its end, version, name
 */
enum {
	USER_CHARS = 32,
	SELECTOR_CHARS = 16,
	VALIDATOR_CHARS = 32,
	HASH_CHARS = 2 * crypto_hash_sha256_BYTES,
	COOKIE_BYTES = 256,
};

static const struct tn_script make_script = {
	"remember-make",
	"local v = tonumber(redis.call('HGET', KEYS[1], '.version') or 0)\n"
	"if v > tonumber(ARGV[1]) then return 0 end\n"
	"local n, all = 0, redis.call('HGETALL', KEYS[1])\n"
	"for i = 1, #all, 2 do\n"
	"  if string.sub(all[i], 1, 2) == 'r:' then\n"
	"    local ends = tonumber(string.match(all[i + 1], '^%d+')) or 0\n"
	"    if ends < tonumber(ARGV[4]) or n >= tonumber(ARGV[5]) - 1 then\n"
	"      redis.call('HDEL', KEYS[1], all[i])\n"
	"    else n = n + 1 end\n"
	"  end\n"
	"end\n"
	"redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])\n"
	"return 1\n",
};

/*
 * ARGV: field, hash that came, hash of the next, now, end of the grace,
 * end of the token. Answers what it was (enum tn_remember_result), the
 * version and the name.
 */
static const struct tn_script use_script = {
	"remember-use",
	"local t = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if not t then return {0} end\n"
	"local ends, hash, last, grace, version, name = string.match(t,\n"
	"  '^(%d+) (%x+) (%x+) (%d+) (%d+) (.+)$')\n"
	"if not ends or tonumber(ends) < tonumber(ARGV[4]) then\n"
	"  redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"  return {0}\n"
	"end\n"
	"if hash == ARGV[2] then\n"
	"  redis.call('HSET', KEYS[1], ARGV[1], table.concat({ARGV[6],\n"
	"    ARGV[3], hash, ARGV[5], version, name}, ' '))\n"
	"  return {1, version, name}\n"
	"end\n"
	"if last == ARGV[2] and tonumber(ARGV[4]) <= tonumber(grace) then\n"
	"  return {2, version, name}\n"
	"end\n"
	"redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"return {3, version, name}\n",
};

/* ---- The cookie -----------------------------------------------------------*/

static bool
is_word(struct tn_slice s, size_t len)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.len == len;
}

/* What we did not sign costs no call. */
bool
tn_remember_read(const struct tn_remember *r, struct tn_slice cookie,
    struct tn_remember_token *t)
{
	struct tn_slice rest;

	if (!tn_slice_starts(cookie, TN_SLICE("s:")) ||
	    !tn_unsign(r->signer, tn_slice_after(cookie, 2), &rest))
		return false;
	t->user = tn_slice_cut(&rest, '.');
	t->selector = tn_slice_cut(&rest, '.');
	t->validator = rest;
	return is_word(t->user, USER_CHARS) &&
	    is_word(t->selector, SELECTOR_CHARS) &&
	    is_word(t->validator, VALIDATOR_CHARS);
}

static int
write_cookie(const struct tn_remember *r, const struct tn_remember_token *t,
    struct tn_buf *value, struct tn_err *err)
{
	struct tn_slice text;
	struct tn_buf plain;
	int e;

	tn_buf_init(&plain, COOKIE_BYTES);
	tn_buf_slice(&plain, t->user);
	tn_buf_char(&plain, '.');
	tn_buf_slice(&plain, t->selector);
	tn_buf_char(&plain, '.');
	tn_buf_slice(&plain, t->validator);
	e = tn_buf_finish(&plain, &text, err);
	if (e == 0) {
		tn_buf_str(value, "s:");
		tn_sign(value, r->signer, text);
		e = tn_buf_finish(value, &text, err);
	}
	if (plain.ptr != NULL)
		tn_wipe(plain.ptr, plain.len);
	tn_buf_fini(&plain);
	return e;
}

static void
hash_validator(char hash[HASH_CHARS + 1], struct tn_slice validator)
{
	unsigned char raw[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(raw, (const unsigned char *)validator.ptr,
	    validator.len);
	sodium_bin2hex(hash, HASH_CHARS + 1, raw, sizeof(raw));
}

/* ---- Redis ----------------------------------------------------------------*/

static struct tn_slice
number(char text[24], int64_t n)
{
	return tn_slice(text, (size_t)snprintf(text, 24, "%lld",
	    (long long)n));
}

static int
eval(const struct tn_remember *r, const struct tn_script *script,
    struct tn_slice user, const struct tn_slice *args, size_t n,
    struct tn_reply **reply, struct tn_err *err)
{
	struct tn_slice keys[1];
	struct tn_buf key;
	int e;

	tn_buf_init(&key, 1024);
	tn_key_user_sessions(&key, user);
	keys[0] = tn_buf_view(&key);
	e = key.failed != 0 ? key.failed : tn_redis_eval(r->redis, script,
	    keys, 1, args, n, reply, err);
	tn_buf_fini(&key);
	return e;
}

static void
write_field(char field[SELECTOR_CHARS + 3], struct tn_slice selector)
{
	snprintf(field, SELECTOR_CHARS + 3, "r:%.*s", TN_SLICE_ARG(selector));
}

/* ---- Make, use, forget ----------------------------------------------------*/

static int
store_token(const struct tn_remember *r, const struct tn_account *who,
    const struct tn_remember_token *t, int64_t wall_ms, struct tn_err *err)
{
	char hash[HASH_CHARS + 1], field[SELECTOR_CHARS + 3];
	char version[24], now[24], most[24], text[512];
	struct tn_reply *reply = NULL;
	int e;

	hash_validator(hash, t->validator);
	write_field(field, t->selector);
	snprintf(text, sizeof(text), "%lld %s %s 0 %lld %s",
	    (long long)(wall_ms + r->life_ms), hash, hash,
	    (long long)who->version, who->name);
	e = eval(r, &make_script, t->user, (struct tn_slice[]){
	    number(version, who->version), tn_slice_str(field),
	    tn_slice_str(text), number(now, wall_ms),
	    number(most, TN_LIMIT_USER_TOKENS) }, 5, &reply, err);
	if (e == 0 && tn_reply_integer(reply) != 1)
		e = tn_err_set(err, TN_E_DENIED,
		    "the password was changed meanwhile");
	tn_reply_free(&reply);
	return e;
}

int
tn_remember_make(const struct tn_remember *r, const struct tn_account *who,
    int64_t wall_ms, struct tn_buf *value, struct tn_err *err)
{
	char selector[SELECTOR_CHARS + 1], validator[VALIDATOR_CHARS + 1];
	struct tn_remember_token t = { tn_slice_str(who->id), TN_SLICE_NONE,
		TN_SLICE_NONE };
	int e;

	tn_random_text(selector, SELECTOR_CHARS);
	tn_random_text(validator, VALIDATOR_CHARS);
	t.selector = tn_slice(selector, SELECTOR_CHARS);
	t.validator = tn_slice(validator, VALIDATOR_CHARS);
	e = store_token(r, who, &t, wall_ms, err);
	if (e == 0)
		e = write_cookie(r, &t, value, err);
	tn_wipe(validator, sizeof(validator));
	return e;
}

static bool
read_who(const struct tn_reply *reply, struct tn_slice user,
    struct tn_account *who)
{
	struct tn_slice version = tn_reply_text(tn_reply_at(reply, 1));
	struct tn_slice name = tn_reply_text(tn_reply_at(reply, 2));
	uint64_t n;

	memset(who, 0, sizeof(*who));
	if (!tn_slice_u64(version, &n) || n > INT64_MAX || name.len == 0 ||
	    name.len >= sizeof(who->name) ||
	    memchr(name.ptr, '\0', name.len) != NULL)
		return false;
	memcpy(who->id, user.ptr, user.len);
	memcpy(who->name, name.ptr, name.len);
	who->version = (int64_t)n;
	who->provider = "local";
	return true;
}

int
tn_remember_use(const struct tn_remember *r, struct tn_slice cookie,
    int64_t wall_ms, struct tn_account *who, struct tn_buf *value,
    struct tn_err *err)
{
	char came[HASH_CHARS + 1], next[HASH_CHARS + 1];
	char validator[VALIDATOR_CHARS + 1], field[SELECTOR_CHARS + 3];
	char now[24], grace[24], ends[24];
	struct tn_reply *reply = NULL;
	size_t before = value->len;
	struct tn_remember_token t;
	int result, e;

	if (!tn_remember_read(r, cookie, &t))
		return TN_REMEMBER_NOBODY;
	tn_random_text(validator, VALIDATOR_CHARS);
	hash_validator(came, t.validator);
	hash_validator(next, tn_slice(validator, VALIDATOR_CHARS));
	write_field(field, t.selector);
	t.validator = tn_slice(validator, VALIDATOR_CHARS);
	/* First, for when it has been used it must not fail any more. */
	e = write_cookie(r, &t, value, err);
	if (e == 0)
		e = eval(r, &use_script, t.user, (struct tn_slice[]){
		    tn_slice_str(field), tn_slice_str(came),
		    tn_slice_str(next), number(now, wall_ms),
		    number(grace, wall_ms + TN_LIMIT_REMEMBER_GRACE_MS),
		    number(ends, wall_ms + r->life_ms) }, 6, &reply, err);
	result = e < 0 ? e : (int)tn_reply_integer(tn_reply_at(reply, 0));
	if (result > TN_REMEMBER_NOBODY && !read_who(reply, t.user, who))
		result = TN_REMEMBER_NOBODY;
	tn_reply_free(&reply);
	if (result != TN_REMEMBER_KNOWN)
		value->len = before;
	tn_wipe(validator, sizeof(validator));
	return result;
}

int
tn_remember_forget(const struct tn_remember *r, struct tn_slice cookie,
    struct tn_err *err)
{
	char field[SELECTOR_CHARS + 3];
	struct tn_reply *reply = NULL;
	struct tn_buf key;
	struct tn_remember_token t;
	int e;

	if (!tn_remember_read(r, cookie, &t))
		return 0;
	write_field(field, t.selector);
	tn_buf_init(&key, 1024);
	tn_key_user_sessions(&key, t.user);
	e = key.failed != 0 ? key.failed : tn_redis_call(r->redis,
	    (struct tn_slice[]){ TN_SLICE("HDEL"), tn_buf_view(&key),
	    tn_slice_str(field) }, 3, &reply, err);
	tn_reply_free(&reply);
	tn_buf_fini(&key);
	return e;
}
