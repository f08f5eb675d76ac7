#include "config.h"

#include "session_spy.h"

#include <check.h>
#include <stdio.h>

#include "base/random.h"
#include "session/signature.h"

struct session_spy spy;

static int64_t
frozen(void)
{
	return NOW;
}

static void
say(const char *what, struct tn_slice sid, int64_t ttl_s)
{
	size_t len = strlen(spy.said);
	bool same = tn_slice_is(sid, SID);

	len += (size_t)snprintf(spy.said + len, sizeof(spy.said) - len,
	    "%s%s%s", len > 0 ? ", " : "", what, same ? "" : " new");
	if (ttl_s > 0)
		snprintf(spy.said + len, sizeof(spy.said) - len, " %lld",
		    (long long)ttl_s);
}

static int
spy_get(struct tn_store *store, struct tn_slice sid, struct tn_buf *out,
    struct tn_err *err)
{
	(void)store;
	say("GET", sid, 0);
	return spy.kept->ops->get(spy.kept, sid, out, err);
}

static int
spy_create(struct tn_store *store, struct tn_slice sid,
    struct tn_slice record, int64_t ttl_s, struct tn_err *err)
{
	(void)store;
	say("SET", sid, ttl_s);
	return spy.failure != 0 ? spy.failure :
	    spy.kept->ops->create(spy.kept, sid, record, ttl_s, err);
}

static int
spy_replace(struct tn_store *store, struct tn_slice sid,
    struct tn_slice had, struct tn_slice record, int64_t ttl_s,
    struct tn_buf *out, struct tn_err *err)
{
	(void)store;
	say("SET", sid, ttl_s);
	if (spy.gone_meanwhile || spy.meanwhile.len > 0)
		spy.kept->ops->destroy(spy.kept, sid, NULL);
	if (spy.meanwhile.len > 0)
		spy.kept->ops->create(spy.kept, sid, spy.meanwhile, 60, NULL);
	spy.meanwhile = TN_SLICE_NONE;
	return spy.failure != 0 ? spy.failure : spy.kept->ops->replace(spy.kept,
	    sid, had, record, ttl_s, out, err);
}

static int
spy_touch(struct tn_store *store, struct tn_slice sid, int64_t ttl_s,
    struct tn_err *err)
{
	(void)store;
	say("EXPIRE", sid, ttl_s);
	return spy.failure != 0 ? spy.failure :
	    spy.kept->ops->touch(spy.kept, sid, ttl_s, err);
}

static int
spy_destroy(struct tn_store *store, struct tn_slice sid, struct tn_err *err)
{
	(void)store;
	say("DEL", sid, 0);
	return spy.failure != 0 ? spy.failure :
	    spy.kept->ops->destroy(spy.kept, sid, err);
}

static int
spy_set(struct tn_store *store, struct tn_slice sid, struct tn_slice record,
    int64_t ttl_s, struct tn_err *err)
{
	(void)store;
	say("PUT", sid, ttl_s);
	return spy.kept->ops->set(spy.kept, sid, record, ttl_s, err);
}

static int
spy_each(struct tn_store *store, bool with_records, tn_store_session *fn,
    void *arg, struct tn_err *err)
{
	(void)store;
	return spy.kept->ops->each(spy.kept, with_records, fn, arg, err);
}

static const struct tn_store_ops spy_ops = {
	.get = spy_get, .create = spy_create, .replace = spy_replace,
	.touch = spy_touch, .destroy = spy_destroy, .set = spy_set,
	.each = spy_each,
};

void
spy_setup(void)
{
	static const struct tn_slice secrets[] = {
		TN_SLICE("keyboard cat"), TN_SLICE("old-secret"),
	};

	ck_assert_int_eq(tn_random_start(NULL), 0);
	memset(&spy, 0, sizeof(spy));
	spy.signer = tn_signer_new(secrets, 2, NULL);
	spy.store.ops = &spy_ops;
	spy.kept = tn_store_memory_new(frozen, NULL);
	spy.options = (struct tn_session_options){
		.name = S("connect.sid"), .signer = spy.signer,
		.max_age_ms = -1, .ttl_s = 86400, .path = S("/"), .http_only = true,
		.now_ms = frozen,
	};
	tn_arena_init(&spy.arena, 4 << 20);
	tn_buf_init(&spy.cookie, 4096);
	memset(&spy.s, 0xa5, sizeof(spy.s));
}

void
spy_teardown(void)
{
	tn_buf_fini(&spy.cookie);
	tn_arena_fini(&spy.arena);
	tn_store_memory_free(&spy.kept);
	tn_signer_free(&spy.signer);
}

int
spy_load(const char *header, bool is_secure)
{
	return tn_session_load(&spy.s, &spy.arena, tn_slice_str(header),
	    is_secure, &spy.options, &spy.store, &spy.bad_record, NULL);
}

int
spy_commit(bool is_secure)
{
	return tn_session_commit(&spy.s, &spy.options, &spy.store, is_secure,
	    NOW, &spy.cookie, NULL);
}

void
spy_keep(const char *record)
{
	spy.kept->ops->create(spy.kept, S(SID), tn_slice_str(record), 3600,
	    NULL);
}

bool
spy_kept_is(struct tn_slice sid, const char *record)
{
	struct tn_buf out;
	bool same;

	tn_buf_init(&out, 65536);
	same = spy.kept->ops->get(spy.kept, sid, &out, NULL) ==
	    (record != NULL) && tn_slice_is(tn_buf_view(&out), record);
	if (!same)
		printf("# kept: %.*s\n", (int)out.len, out.ptr);
	tn_buf_fini(&out);
	return same;
}

