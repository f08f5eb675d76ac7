#include "config.h"

#include "session/store_redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "redis/keys.h"
#include "redis/redis.h"

struct redis_store {
	struct tn_store store;
	struct tn_redis *redis;
	char *prefix;
};

/* Only what was read may be replaced: 1, or what is there now, or nil. */
static const struct tn_script replace_script = {
	"session-replace",
	"local now = redis.call('GET', KEYS[1])\n"
	"if now ~= ARGV[1] then return now end\n"
	"redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])\n"
	"return 1\n",
};

/* One command: its words, and the texts they point to. */
struct call {
	struct tn_buf key;
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
	tn_buf_init(&c->key, 1024);
	tn_key_session(&c->key, tn_slice_str(r->prefix), sid);
	return tn_buf_view(&c->key);
}

static struct tn_slice
seconds(struct call *c, int64_t ttl_s)
{
	int n = snprintf(c->ttl, sizeof(c->ttl), "%lld", (long long)ttl_s);

	return tn_slice(c->ttl, (size_t)n);
}

static int
run(struct call *c, const struct redis_store *r, const struct tn_slice *argv,
    size_t argc, struct tn_err *err)
{
	if (c->key.failed != 0)
		return tn_err_set(err, c->key.failed, "session id too long");
	return tn_redis_call(r->redis, argv, argc, &c->reply, err);
}

static void
end(struct call *c)
{
	tn_reply_free(&c->reply);
	tn_buf_fini(&c->key);
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
redis_create(struct tn_store *store, struct tn_slice sid,
    struct tn_slice record, int64_t ttl_s, struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	struct call c;
	struct tn_slice argv[] = { TN_SLICE("SET"), begin(&c, r, sid), record,
		TN_SLICE("EX"), seconds(&c, ttl_s), TN_SLICE("NX") };
	int e = run(&c, r, argv, 6, err);

	if (e == 0 && tn_reply_type(c.reply) != TN_REPLY_STATUS)
		e = tn_err_set(err, TN_E_CONFLICT, "that session is there");
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
	struct tn_slice key = begin(&c, r, sid), done;
	struct tn_slice args[] = { had, record, seconds(&c, ttl_s) };
	int e = c.key.failed != 0 ? c.key.failed :
	    tn_redis_eval(r->redis, &replace_script, &key, 1, args, 3,
	    &c.reply, err);

	if (e == 0 && tn_reply_type(c.reply) == TN_REPLY_INTEGER) {
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
	struct call c;
	struct tn_slice argv[] = { TN_SLICE("EXPIRE"), begin(&c, r, sid),
		seconds(&c, ttl_s) };
	int e = run(&c, r, argv, 3, err);

	end(&c);
	return e;
}

static int
redis_destroy(struct tn_store *store, struct tn_slice sid, struct tn_err *err)
{
	struct redis_store *r = of_redis(store);
	struct call c;
	struct tn_slice argv[] = { TN_SLICE("DEL"), begin(&c, r, sid) };
	int e = run(&c, r, argv, 2, err);

	end(&c);
	return e;
}

struct tn_store *
tn_store_redis_new(struct tn_redis *redis, struct tn_slice prefix,
    struct tn_err *err)
{
	static const struct tn_store_ops ops = {
		.get = redis_get, .create = redis_create,
		.replace = redis_replace, .touch = redis_touch,
		.destroy = redis_destroy,
	};
	struct redis_store *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->prefix = strndup(prefix.len > 0 ? prefix.ptr : "",
		    prefix.len);
	if (r == NULL || r->prefix == NULL) {
		free(r);
		tn_err_set(err, TN_E_NOMEM, "no memory for a store");
		return NULL;
	}
	r->store.ops = &ops;
	r->redis = redis;
	return &r->store;
}

void
tn_store_redis_free(struct tn_store **store)
{
	struct redis_store *r;

	if (*store == NULL)
		return;
	r = of_redis(*store);
	free(r->prefix);
	free(r);
	*store = NULL;
}
