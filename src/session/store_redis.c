#include "config.h"

#include "session/store_redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "redis/keys.h"
#include "redis/redis.h"
#include "redis/redis_batch.h"
#include "session/store_scan.h"
#include "session/touched.h"

#define TOUCH_PERCENT	5
#define KEY_BYTES	1024

struct redis_store {
	struct tn_store store;
	struct tn_redis *redis;
	char *prefix;
	bool disable_touch;
	bool disable_ttl;
	struct tn_touched touched;
};

/*
 * KEYS are the record and the mark of its end; an empty ttl is none.
 *
 * Only what was read may be replaced: 1, or what is there now, or nil. What
 * somebody else has put over a mark (Express, late) goes again.
 */
static const struct tn_script replace_script = {
	"session-replace",
	"local now = redis.call('GET', KEYS[1])\n"
	"if not now then return now end\n"
	"if redis.call('EXISTS', KEYS[2]) == 1 then\n"
	"  redis.call('DEL', KEYS[1])\n"
	"  return false\n"
	"end\n"
	"if now ~= ARGV[1] then return now end\n"
	"if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])\n"
	"else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end\n"
	"return 1\n",
};

static const struct tn_script set_script = {
	"session-set",
	"if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
	"if ARGV[2] == '' then redis.call('SET', KEYS[1], ARGV[1])\n"
	"else redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end\n"
	"return 1\n",
};

/*
 * DEL first: it makes room, so a Redis that is full takes the mark behind it
 * too, and people can log out of it.
 */
static const struct tn_script destroy_script = {
	"session-destroy",
	"local n = redis.call('DEL', KEYS[1])\n"
	"redis.call('SET', KEYS[2], '1', 'EX', ARGV[1])\n"
	"return n\n",
};

/* One command: its keys, and the texts they point to. */
struct call {
	struct tn_buf key, mark;
	char ttl[24];
	struct tn_reply *reply;
};

static struct redis_store *
of_redis(struct tn_store *store)
{
	return TN_CONTAINER(store, struct redis_store, store);
}

static struct tn_slice
begin(struct call *c, const struct redis_store *r, struct tn_slice sid)
{
	c->reply = NULL;
	tn_buf_init(&c->key, KEY_BYTES);
	tn_buf_init(&c->mark, KEY_BYTES);
	tn_key_session(&c->key, tn_slice_str(r->prefix), sid);
	return tn_buf_view(&c->key);
}

static struct tn_slice
seconds(struct call *c, int64_t ttl_s)
{
	int n = snprintf(c->ttl, sizeof(c->ttl), "%lld", (long long)ttl_s);

	return tn_slice(c->ttl, (size_t)n);
}

/* As the scripts want it. */
static struct tn_slice
life(struct call *c, const struct redis_store *r, int64_t ttl_s)
{
	return r->disable_ttl ? TN_SLICE("") : seconds(c, ttl_s);
}

static int
too_long(struct tn_err *err, int failed)
{
	return tn_err_set(err, failed, "session id too long");
}

static int
run(struct call *c, const struct redis_store *r, const struct tn_slice *argv,
    size_t argc, struct tn_err *err)
{
	if (c->key.failed != 0)
		return too_long(err, c->key.failed);
	return tn_redis_call(r->redis, argv, argc, &c->reply, err);
}

static int
write_keys(struct call *c, const struct redis_store *r, struct tn_slice sid,
    struct tn_slice keys[2], struct tn_err *err)
{
	tn_key_session_ended(&c->mark, tn_slice_str(r->prefix), sid);
	if (c->key.failed != 0 || c->mark.failed != 0)
		return too_long(err, c->key.failed != 0 ? c->key.failed :
		    c->mark.failed);
	keys[0] = tn_buf_view(&c->key);
	keys[1] = tn_buf_view(&c->mark);
	return 0;
}

/* A script over the record and its mark. */
static int
eval(struct call *c, const struct redis_store *r, struct tn_slice sid,
    const struct tn_script *script, const struct tn_slice *args, size_t n,
    struct tn_err *err)
{
	struct tn_slice keys[2];
	int e = write_keys(c, r, sid, keys, err);

	return e < 0 ? e : tn_redis_eval(r->redis, script, keys, 2, args, n,
	    &c->reply, err);
}

static void
end(struct call *c)
{
	tn_reply_free(&c->reply);
	tn_buf_fini(&c->key);
	tn_buf_fini(&c->mark);
}

static int
redis_get(struct tn_store *store, struct tn_slice sid, struct tn_buf *out,
    struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	struct call c;
	struct tn_slice argv[] = { TN_SLICE("GET"), begin(&c, r, sid) }, done;
	int e = run(&c, r, argv, 2, err);

	/* An empty text is no session either, to connect-redis. */
	if (e == 0 && tn_reply_text(c.reply).len > 0) {
		tn_buf_slice(out, tn_reply_text(c.reply));
		e = tn_buf_finish(out, &done, err);
		e = e < 0 ? e : 1;
	}
	end(&c);
	return e;
}

static int
redis_replace(struct tn_store *store, struct tn_slice sid,
    struct tn_slice had, struct tn_slice record, int64_t ttl_s,
    struct tn_buf *out, struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	struct call c;
	struct tn_slice done;
	int e;

	begin(&c, r, sid);
	e = eval(&c, r, sid, &replace_script, (struct tn_slice[]){ had,
	    record, life(&c, r, ttl_s) }, 3, err);
	if (e == 0 && tn_reply_type(c.reply) == TN_REPLY_INTEGER) {
		tn_touched_note(&r->touched, sid, ttl_s, tn_clock_mono_ms());
		e = 1;
	} else if (e == 0 && tn_reply_type(c.reply) == TN_REPLY_STRING) {
		tn_buf_slice(out, tn_reply_text(c.reply));
		e = tn_buf_finish(out, &done, err);
	} else if (e == 0) {
		e = tn_err_set(err, TN_E_STATE, "that session has ended");
	}
	end(&c);
	return e;
}

static int
redis_touch(struct tn_store *store, struct tn_slice sid, int64_t ttl_s,
    struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	int64_t now_ms = tn_clock_mono_ms();
	struct call c;
	struct tn_slice argv[3];
	int e;

	if (r->disable_touch || r->disable_ttl ||
	    !tn_touched_is_due(&r->touched, sid, ttl_s, now_ms))
		return 0;
	argv[0] = TN_SLICE("EXPIRE");
	argv[1] = begin(&c, r, sid);
	argv[2] = seconds(&c, ttl_s);
	e = run(&c, r, argv, 3, err);
	if (e == 0)
		tn_touched_note(&r->touched, sid, ttl_s, now_ms);
	else
		tn_touched_forget(&r->touched, sid);
	end(&c);
	return e;
}

static int
ask_end(struct tn_redis_batch *b, struct redis_store *r, struct tn_slice sid,
    struct tn_err *err)
{
	struct tn_slice keys[2], arg;
	struct call c;
	int e;

	tn_touched_forget(&r->touched, sid);
	begin(&c, r, sid);
	arg = seconds(&c, TN_LIMIT_SESSION_TOMBSTONE_S);
	e = write_keys(&c, r, sid, keys, err);
	if (e == 0)
		tn_redis_batch_eval(b, &destroy_script, keys, 2, &arg, 1);
	end(&c);
	return e;
}

static int
redis_destroy_many(struct tn_store *store, const struct tn_slice *sids,
    size_t n, struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	struct tn_redis_batch b;
	int e = 0;

	tn_redis_batch_init(&b, r->redis);
	for (size_t i = 0; e == 0 && i < n; i++)
		e = ask_end(&b, r, sids[i], err);
	if (e == 0)
		e = tn_redis_batch_send(&b, err);
	for (size_t i = 0; e == 0 && i < n; i++)
		e = tn_redis_batch_reply(&b, i, NULL, err);
	tn_redis_batch_fini(&b);
	return e;
}

static int
redis_destroy(struct tn_store *store, struct tn_slice sid, struct tn_err *err)
{
	return redis_destroy_many(store, &sid, 1, err);
}

static int
redis_set(struct tn_store *store, struct tn_slice sid, struct tn_slice record,
    int64_t ttl_s, struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	struct call c;
	int e;

	if (ttl_s <= 0 && !r->disable_ttl)
		return redis_destroy(store, sid, err);
	begin(&c, r, sid);
	e = eval(&c, r, sid, &set_script, (struct tn_slice[]){ record,
	    life(&c, r, ttl_s) }, 2, err);
	if (e == 0 && tn_reply_integer(c.reply) != 1)
		e = tn_err_set(err, TN_E_STATE, "that session has ended");
	if (e == 0)
		tn_touched_note(&r->touched, sid, ttl_s, tn_clock_mono_ms());
	end(&c);
	return e;
}

/* ---- Several at once ------------------------------------------------------*/

static int
tell_found(const struct tn_redis_batch *b, size_t i, tn_store_found *fn,
    void *arg, struct tn_err *err)
{
	const struct tn_reply *reply;
	struct tn_slice record;
	int e = tn_redis_batch_reply(b, i, &reply, err);

	record = tn_reply_text(reply);
	return e < 0 ? e : fn(i, record.len > 0 ? record : TN_SLICE_NONE, arg);
}

static int
redis_get_many(struct tn_store *store, const struct tn_slice *sids, size_t n,
    tn_store_found *fn, void *arg, struct tn_err *err)
{
	const struct redis_store *r = of_redis(store);
	struct tn_redis_batch b;
	int e = 0;

	tn_redis_batch_init(&b, r->redis);
	for (size_t i = 0; e == 0 && i < n; i++) {
		struct call c;
		struct tn_slice argv[] = { TN_SLICE("GET"),
			begin(&c, r, sids[i]) };

		if (c.key.failed != 0)
			e = too_long(err, c.key.failed);
		else
			tn_redis_batch_call(&b, argv, 2);
		end(&c);
	}
	if (e == 0)
		e = tn_redis_batch_send(&b, err);
	for (size_t i = 0; e == 0 && i < n; i++)
		e = tell_found(&b, i, fn, arg, err);
	tn_redis_batch_fini(&b);
	return e;
}

/* ---- One for another ------------------------------------------------------*/

static int
ask_create(struct tn_redis_batch *b, const struct redis_store *r,
    struct tn_slice sid, struct tn_slice record, int64_t ttl_s)
{
	struct call c;
	struct tn_slice argv[] = { TN_SLICE("SET"), begin(&c, r, sid), record,
		TN_SLICE("NX"), TN_SLICE("EX"), seconds(&c, ttl_s) };
	int e = c.key.failed;

	if (e == 0)
		tn_redis_batch_call(b, argv, r->disable_ttl ? 4 : 6);
	end(&c);
	return e;
}

/* Nobody has heard of it yet, so it needs no mark. */
static void
unmake(const struct redis_store *r, struct tn_slice sid)
{
	struct call c;
	struct tn_slice argv[] = { TN_SLICE("DEL"), begin(&c, r, sid) };

	run(&c, r, argv, 2, NULL);
	end(&c);
}

static size_t
redis_renew_with(struct tn_store *store, struct tn_slice old,
    struct tn_slice sid, struct tn_slice record, int64_t ttl_s,
    struct tn_redis_batch *with)
{
	struct redis_store *r = of_redis(store);
	size_t place = with->n;
	int e = 0;

	if (with->redis != r->redis)
		e = TN_E_STATE;
	else if (old.len > 0)
		e = ask_end(with, r, old, NULL);
	if (e == 0)
		e = ask_create(with, r, sid, record, ttl_s);
	if (e < 0)
		tn_redis_batch_fail(with, e);
	return place;
}

/* Is there what was to be made, and not what was to end? */
static int
redis_renewed(struct tn_store *store, struct tn_slice old,
    struct tn_slice sid, int64_t ttl_s, const struct tn_redis_batch *with,
    size_t place, struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	const struct tn_reply *reply;
	int e = tn_redis_batch_reply(with, place + (old.len > 0), &reply, err);

	if (e < 0)
		return e;
	if (tn_reply_type(reply) != TN_REPLY_STATUS)
		return tn_err_set(err, TN_E_CONFLICT, "that session is there");
	if (old.len > 0)
		e = tn_redis_batch_reply(with, place, NULL, err);
	if (e < 0)
		unmake(r, sid);
	else
		tn_touched_note(&r->touched, sid, ttl_s, tn_clock_mono_ms());
	return e;
}

static int
redis_renew(struct tn_store *store, struct tn_slice old, struct tn_slice sid,
    struct tn_slice record, int64_t ttl_s, struct tn_err *err)
{
	struct tn_redis_batch b;
	size_t place;
	int e;

	tn_redis_batch_init(&b, of_redis(store)->redis);
	place = redis_renew_with(store, old, sid, record, ttl_s, &b);
	e = tn_redis_batch_send(&b, err);
	if (e == 0)
		e = redis_renewed(store, old, sid, ttl_s, &b, place, err);
	tn_redis_batch_fini(&b);
	return e;
}

static int
redis_create(struct tn_store *store, struct tn_slice sid,
    struct tn_slice record, int64_t ttl_s, struct tn_err *err)
{
	return redis_renew(store, TN_SLICE_NONE, sid, record, ttl_s, err);
}

static int
redis_each(struct tn_store *store, bool with_records, tn_store_session *fn,
    void *arg, struct tn_err *err)
{
	const struct redis_store *r = of_redis(store);
	const struct tn_store_scan scan = { store, r->redis, r->prefix,
		with_records, fn, arg };

	return tn_store_scan(&scan, err);
}

/* ---- Made and freed -------------------------------------------------------*/

static void
set_up(struct redis_store *r, const struct tn_store_redis_options *options)
{
	static const struct tn_store_ops ops = {
		.get = redis_get, .create = redis_create,
		.replace = redis_replace, .touch = redis_touch,
		.destroy = redis_destroy, .set = redis_set,
		.each = redis_each, .renew = redis_renew,
		.renew_with = redis_renew_with, .renewed = redis_renewed,
		.get_many = redis_get_many,
		.destroy_many = redis_destroy_many,
	};
	int percent = options->touch_percent;

	r->store.ops = &ops;
	r->disable_touch = options->disable_touch;
	r->disable_ttl = options->disable_ttl;
	tn_touched_init(&r->touched, percent < 0 ? 0 :
	    percent == 0 ? TOUCH_PERCENT : percent);
}

struct tn_store *
tn_store_redis_new(struct tn_redis *redis,
    const struct tn_store_redis_options *options, struct tn_err *err)
{
	static const struct tn_store_redis_options none;
	struct redis_store *r = calloc(1, sizeof(*r));
	struct tn_slice prefix;

	options = options == NULL ? &none : options;
	prefix = options->prefix;
	if (r != NULL)
		r->prefix = strndup(prefix.len > 0 ? prefix.ptr : "",
		    prefix.len);
	if (r == NULL || r->prefix == NULL) {
		free(r);
		tn_err_set(err, TN_E_NOMEM, "no memory for a store");
		return NULL;
	}
	r->redis = redis;
	set_up(r, options);
	return &r->store;
}

void
tn_store_redis_free(struct tn_store **store)
{
	struct redis_store *r;

	if (*store == NULL)
		return;
	r = of_redis(*store);
	tn_touched_fini(&r->touched);
	free(r->prefix);
	free(r);
	*store = NULL;
}
