#include "config.h"

#include "session/user_sessions.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "redis/keys.h"
#include "redis/redis_batch.h"

/*
 * One hash a user, so that all changes happen at once and in one slot:
 * "s:<handle>" is a session, "r:<selector>" a token of remember.c, and
 * ".version" the account's when it last ended all of them.
 */
#define ENTRY_BYTES	2048
#define PREFIX		2		/* of a field */

static const struct tn_script add_script = {
	"user-session-add",
	"local v = tonumber(redis.call('HGET', KEYS[1], '.version') or 0)\n"
	"if v > tonumber(ARGV[1]) then return -1 end\n"
	"redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])\n"
	"return redis.call('HLEN', KEYS[1])\n",
};

/* The version first: from here on nobody older is added. */
static const struct tn_script close_script = {
	"user-sessions-close",
	"if ARGV[1] ~= '0' then\n"
	"  redis.call('HSET', KEYS[1], '.version', ARGV[1])\n"
	"end\n"
	"local all = redis.call('HGETALL', KEYS[1])\n"
	"for i = 1, #all, 2 do\n"
	"  if string.sub(all[i], 1, 2) == 'r:' then\n"
	"    redis.call('HDEL', KEYS[1], all[i])\n"
	"  end\n"
	"end\n"
	"return all\n",
};

/* Without memory of its own: a session under no handle could not be ended. */
void
tn_session_handle(char handle[TN_SESSION_HANDLE + 1], struct tn_slice sid)
{
	enum { URL = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
	unsigned char hash[crypto_hash_sha256_BYTES];
	char text[sodium_base64_ENCODED_LEN(sizeof(hash), URL)];

	crypto_hash_sha256(hash, (const unsigned char *)sid.ptr, sid.len);
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), URL);
	memcpy(handle, text, TN_SESSION_HANDLE);
	handle[TN_SESSION_HANDLE] = '\0';
}

static void
write_field(struct tn_buf *out, struct tn_slice handle)
{
	tn_buf_str(out, "s:");
	tn_buf_slice(out, handle);
}

static void
write_key(struct tn_buf *out, struct tn_slice user_id)
{
	tn_buf_init(out, ENTRY_BYTES);
	tn_key_user_sessions(out, user_id);
}

/* ---- One entry as JSON ----------------------------------------------------*/

static void
write_text(struct tn_buf *out, const char *before, struct tn_slice text,
    size_t max)
{
	tn_buf_str(out, before);
	tn_json_write_string(out, text.len > max ? TN_SLICE_NONE : text);
}

static void
write_entry(struct tn_buf *out, const struct tn_user_session *session)
{
	write_text(out, "{\"sid\":", session->sid, TN_LIMIT_SESSION_ID);
	tn_buf_str(out, ",\"began\":");
	tn_buf_i64(out, session->began_ms);
	write_text(out, ",\"address\":", session->address, 64);
	write_text(out, ",\"agent\":", session->agent,
	    TN_LIMIT_SESSION_AGENT);
	tn_buf_char(out, '}');
}

static bool
read_text(struct tn_slice entry, const char *name, struct tn_arena *arena,
    struct tn_slice *out)
{
	struct tn_slice raw;

	return tn_json_get(entry, name, &raw) &&
	    tn_json_type(raw) == TN_JSON_STRING &&
	    tn_json_string(raw, arena, out, NULL) == 0;
}

/* What Redis has is looked at like what a client sends. */
static bool
read_entry(struct tn_slice field, struct tn_slice value,
    struct tn_arena *arena, struct tn_user_session *out)
{
	struct tn_slice entry = tn_arena_copy(arena, value), began;

	return field.len == PREFIX + TN_SESSION_HANDLE &&
	    tn_slice_starts(field, TN_SLICE("s:")) &&
	    entry.len > 0 && tn_json_scan(entry, NULL, NULL) == 0 &&
	    read_text(entry, "sid", arena, &out->sid) && out->sid.len > 0 &&
	    read_text(entry, "address", arena, &out->address) &&
	    read_text(entry, "agent", arena, &out->agent) &&
	    tn_json_get(entry, "began", &began) &&
	    tn_json_i64(began, &out->began_ms) &&
	    (out->handle = tn_arena_copy(arena,
	    tn_slice_after(field, PREFIX))).len > 0;
}

/* ---- Redis ----------------------------------------------------------------*/

/* HGET or HGETALL; field empty: none. */
static int
ask(const struct tn_user_sessions *u, const char *command,
    struct tn_slice user_id, struct tn_slice field, struct tn_reply **reply,
    struct tn_err *err)
{
	struct tn_buf key;
	struct tn_slice argv[3];
	int e;

	write_key(&key, user_id);
	argv[0] = tn_slice_str(command);
	argv[1] = tn_buf_view(&key);
	argv[2] = field;
	e = key.failed != 0 ? key.failed : tn_redis_call(u->redis, argv,
	    field.len > 0 ? 3 : 2, reply, err);
	tn_buf_fini(&key);
	return e;
}

/* HDEL along with something else. */
static void
drop_with(struct tn_slice user_id, struct tn_slice handle,
    struct tn_redis_batch *with)
{
	struct tn_slice argv[3];
	struct tn_buf key, field;

	write_key(&key, user_id);
	tn_buf_init(&field, ENTRY_BYTES);
	write_field(&field, handle);
	argv[0] = TN_SLICE("HDEL");
	argv[1] = tn_buf_view(&key);
	argv[2] = tn_buf_view(&field);
	if (key.failed != 0 || field.failed != 0)
		tn_redis_batch_fail(with, TN_E_NOMEM);
	else
		tn_redis_batch_call(with, argv, 3);
	tn_buf_fini(&field);
	tn_buf_fini(&key);
}

static int
eval(const struct tn_user_sessions *u, const struct tn_script *script,
    struct tn_slice user_id, const struct tn_slice *args, size_t n,
    struct tn_reply **reply, struct tn_err *err)
{
	struct tn_buf key;
	struct tn_slice keys[1];
	int e;

	write_key(&key, user_id);
	keys[0] = tn_buf_view(&key);
	e = key.failed != 0 ? key.failed : tn_redis_eval(u->redis, script,
	    keys, 1, args, n, reply, err);
	tn_buf_fini(&key);
	return e;
}

/* ---- The list -------------------------------------------------------------*/

static int
newest_first(const void *a, const void *b)
{
	const struct tn_user_session *x = a, *y = b;

	return (x->began_ms < y->began_ms) - (x->began_ms > y->began_ms);
}

/* All entries of the hash that can be read, ended or not. */
static int
read_all(const struct tn_reply *all, struct tn_arena *arena,
    struct tn_user_session **list, size_t *n, struct tn_err *err)
{
	size_t pairs = tn_reply_len(all) / 2;

	*n = 0;
	*list = tn_arena_alloc(arena, (pairs + 1) * sizeof(**list));
	for (size_t i = 0; *list != NULL && i < pairs; i++)
		if (read_entry(tn_reply_text(tn_reply_at(all, 2 * i)),
		    tn_reply_text(tn_reply_at(all, 2 * i + 1)), arena,
		    &(*list)[*n]))
			++*n;
	if (arena->overflowed)
		return tn_err_set(err, TN_E_NOMEM, "no memory for sessions");
	qsort(*list, *n, sizeof(**list), newest_first);
	return 0;
}

/* Which of them the store has still, and what to forget of the others. */
struct living {
	const struct tn_user_sessions *u;
	struct tn_slice user_id;
	struct tn_user_session *list;
	size_t kept;
	struct tn_redis_batch ended;
};

static int
keep_living(size_t i, struct tn_slice record, void *arg)
{
	struct living *l = arg;

	if (record.ptr != NULL)
		l->list[l->kept++] = l->list[i];
	else
		drop_with(l->user_id, l->list[i].handle, &l->ended);
	return 0;
}

static int
drop_ended(struct living *l, size_t n, struct tn_arena *arena,
    struct tn_err *err)
{
	struct tn_slice *sids = tn_arena_alloc(arena, (n + 1) * sizeof(*sids));
	int e;

	if (sids == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for sessions");
	for (size_t i = 0; i < n; i++)
		sids[i] = l->list[i].sid;
	tn_redis_batch_init(&l->ended, l->u->redis);
	e = n == 0 ? 0 : tn_store_get_many(l->u->store, sids, n, keep_living,
	    l, err);
	if (e == 0)
		e = tn_redis_batch_send(&l->ended, err);
	tn_redis_batch_fini(&l->ended);
	return e;
}

int
tn_user_sessions_list(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_arena *arena,
    struct tn_user_session **list, size_t *n, struct tn_err *err)
{
	struct living living = { .u = u, .user_id = user_id };
	struct tn_reply *reply = NULL;
	int e = ask(u, "HGETALL", user_id, TN_SLICE_NONE, &reply, err);

	*list = NULL;
	*n = 0;
	if (e == 0)
		e = read_all(reply, arena, list, n, err);
	living.list = *list;
	if (e == 0)
		e = drop_ended(&living, *n, arena, err);
	*n = e == 0 ? living.kept : 0;
	tn_reply_free(&reply);
	return e;
}

/* ---- Add and end ----------------------------------------------------------*/

/*
 * All but one (that may be none) of those listed. Off the user's list is only
 * what has ended.
 */
static int
end_listed(const struct tn_user_sessions *u, struct tn_slice user_id,
    struct tn_slice but, const struct tn_user_session *list, size_t n,
    struct tn_arena *arena, size_t *ended, struct tn_err *err)
{
	struct tn_slice *sids = tn_arena_alloc(arena, (n + 1) * sizeof(*sids));
	struct tn_redis_batch off;
	size_t count = 0;
	int e;

	if (sids == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for sessions");
	tn_redis_batch_init(&off, u->redis);
	for (size_t i = 0; i < n; i++) {
		if (tn_slice_eq(list[i].sid, but))
			continue;
		sids[count++] = list[i].sid;
		drop_with(user_id, list[i].handle, &off);
	}
	e = tn_store_destroy_many(u->store, sids, count, err);
	if (e == 0)
		e = tn_redis_batch_send(&off, err);
	for (size_t i = 0; e == 0 && i < count; i++)
		e = tn_redis_batch_reply(&off, i, NULL, err);
	tn_redis_batch_fini(&off);
	*ended = e == 0 ? count : 0;
	return e;
}

/* Once in a while, when there are many: mostly they have ended by themselves. */
static int
prune(const struct tn_user_sessions *u, struct tn_slice user_id,
    struct tn_err *err)
{
	struct tn_user_session *list;
	struct tn_arena arena;
	size_t n;
	int e;

	tn_arena_init(&arena, TN_LIMIT_REQUEST_ARENA);
	e = tn_user_sessions_list(u, user_id, &arena, &list, &n, err);
	if (e == 0 && n > TN_LIMIT_USER_SESSIONS)
		e = end_listed(u, user_id, TN_SLICE_NONE,
		    list + TN_LIMIT_USER_SESSIONS, n - TN_LIMIT_USER_SESSIONS,
		    &arena, &n, err);
	tn_arena_fini(&arena);
	return e;
}

size_t
tn_user_sessions_add_with(const struct tn_account *who,
    const struct tn_user_session *session, struct tn_redis_batch *with)
{
	char handle[TN_SESSION_HANDLE + 1], version[24];
	struct tn_buf key, field, entry;
	struct tn_slice view;
	size_t place = 0;

	tn_session_handle(handle, session->sid);
	snprintf(version, sizeof(version), "%lld", (long long)who->version);
	write_key(&key, tn_slice_str(who->id));
	tn_buf_init(&field, 64);
	tn_buf_init(&entry, ENTRY_BYTES);
	write_field(&field, tn_slice_str(handle));
	write_entry(&entry, session);
	view = tn_buf_view(&key);
	if (key.failed != 0 || field.failed != 0 || entry.failed != 0)
		tn_redis_batch_fail(with, entry.failed != 0 ? entry.failed :
		    TN_E_NOMEM);
	else
		place = tn_redis_batch_eval(with, &add_script, &view, 1,
		    (struct tn_slice[]){ tn_slice_str(version),
		    tn_buf_view(&field), tn_buf_view(&entry) }, 3);
	tn_buf_fini(&entry);
	tn_buf_fini(&field);
	tn_buf_fini(&key);
	return place;
}

int
tn_user_sessions_added(const struct tn_user_sessions *u,
    const struct tn_account *who, const struct tn_redis_batch *with,
    size_t place, struct tn_err *err)
{
	const struct tn_reply *reply;
	int64_t n;
	int e = tn_redis_batch_reply(with, place, &reply, err);

	if (e < 0)
		return e;
	n = tn_reply_integer(reply);
	if (n < 0)
		return tn_err_set(err, TN_E_DENIED,
		    "the password was changed meanwhile");
	return n > TN_LIMIT_USER_SESSIONS ?
	    prune(u, tn_slice_str(who->id), err) : 0;
}

int
tn_user_sessions_add(const struct tn_user_sessions *u,
    const struct tn_account *who, const struct tn_user_session *session,
    struct tn_err *err)
{
	struct tn_redis_batch batch;
	size_t place;
	int e;

	tn_redis_batch_init(&batch, u->redis);
	place = tn_user_sessions_add_with(who, session, &batch);
	e = tn_redis_batch_send(&batch, err);
	if (e == 0)
		e = tn_user_sessions_added(u, who, &batch, place, err);
	tn_redis_batch_fini(&batch);
	return e;
}

int
tn_user_sessions_end(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_slice handle, struct tn_err *err)
{
	struct tn_reply *reply = NULL;
	struct tn_user_session session;
	struct tn_arena arena;
	struct tn_buf field;
	size_t n;
	int e;

	if (handle.len != TN_SESSION_HANDLE)
		return 0;
	tn_arena_init(&arena, TN_LIMIT_REQUEST_ARENA);
	tn_buf_init(&field, 64);
	write_field(&field, handle);
	e = field.failed != 0 ? field.failed : ask(u, "HGET", user_id,
	    tn_buf_view(&field), &reply, err);
	if (e == 0 && read_entry(tn_buf_view(&field), tn_reply_text(reply),
	    &arena, &session)) {
		e = end_listed(u, user_id, TN_SLICE_NONE, &session, 1, &arena,
		    &n, err);
		e = e < 0 ? e : 1;
	}
	if (e == 0 && arena.overflowed)
		e = tn_err_set(err, TN_E_NOMEM, "no memory for a session");
	tn_reply_free(&reply);
	tn_buf_fini(&field);
	tn_arena_fini(&arena);
	return e;
}

void
tn_user_sessions_forget_with(struct tn_slice user_id, struct tn_slice sid,
    struct tn_redis_batch *with)
{
	char handle[TN_SESSION_HANDLE + 1];

	tn_session_handle(handle, sid);
	drop_with(user_id, tn_slice_str(handle), with);
}

int
tn_user_sessions_forget(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_slice sid, struct tn_err *err)
{
	struct tn_redis_batch batch;
	int e;

	tn_redis_batch_init(&batch, u->redis);
	tn_user_sessions_forget_with(user_id, sid, &batch);
	e = tn_redis_batch_send(&batch, err);
	if (e == 0)
		e = tn_redis_batch_reply(&batch, 0, NULL, err);
	tn_redis_batch_fini(&batch);
	return e;
}

int
tn_user_sessions_end_all(const struct tn_user_sessions *u,
    struct tn_slice user_id, struct tn_slice but, int64_t version,
    size_t *ended, struct tn_err *err)
{
	struct tn_user_session *list;
	struct tn_reply *reply = NULL;
	struct tn_arena arena;
	char number[24];
	struct tn_slice arg = tn_slice(number, (size_t)snprintf(number,
	    sizeof(number), "%lld", (long long)version));
	size_t n = 0, done = 0;
	int e = eval(u, &close_script, user_id, &arg, 1, &reply, err);

	tn_arena_init(&arena, TN_LIMIT_REQUEST_ARENA);
	if (e == 0)
		e = read_all(reply, &arena, &list, &n, err);
	if (e == 0)
		e = end_listed(u, user_id, but, list, n, &arena, &done, err);
	if (ended != NULL)
		*ended = done;
	tn_reply_free(&reply);
	tn_arena_fini(&arena);
	return e;
}
