#include "config.h"

#include "web/middleware.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "web/app.h"

/*
 * Not each request needs its session, and which do cannot be known before
 * their handlers run. But paths do today what they did yesterday: those that
 * have asked are remembered, by a byte of a hash. Two that share a place cost
 * a question in vain, or one asked later.
 */
enum { ASKED = 1024 };

struct tn_session_source {
	struct tn_store *store;
	const struct tn_session_options *options;
	_Atomic unsigned char asked[ASKED];
};

/* What was asked for before a handler did. */
struct tn_session_ahead {
	const struct tn_session_source *source;
	struct tn_slice sid;
	struct tn_slice record;		/* ptr NULL: there is none */
};

/* A record that nobody can read: its owner is a stranger, and we say so. */
static void
log_bad_record(const struct tn_req *req)
{
	tn_log_event(tn_app_log(req->app), TN_LOG_WARN, "session.unreadable",
	    TN_F_STR("id", req->id),
	    TN_F_SLICE("address", req->address));
}

/* Does X-Forwarded-Proto begin with "https"? Several proxies make a list. */
static bool
is_forwarded_https(const struct tn_req *req)
{
	struct tn_slice list = tn_req_header(req, "x-forwarded-proto");

	return tn_slice_ieq(tn_slice_trim(tn_slice_cut(&list, ',')),
	    TN_SLICE("https"));
}

static bool
is_secure(const struct tn_req *req, const struct tn_session_options *options)
{
	return req->secure ||
	    (options->proxy == TN_PROXY_YES && is_forwarded_https(req));
}

static _Atomic unsigned char *
place_of(struct tn_session_source *source, struct tn_slice path,
    unsigned char *mark)
{
	uint64_t hash = tn_random_hash(path);

	*mark = (unsigned char)(hash >> 56 | 1);
	return &source->asked[hash % ASKED];
}

static void
remember(struct tn_session_source *source, struct tn_slice path)
{
	unsigned char mark;
	_Atomic unsigned char *place = place_of(source, path, &mark);

	atomic_store_explicit(place, mark, memory_order_relaxed);
}

static bool
has_asked(struct tn_session_source *source, struct tn_slice path)
{
	unsigned char mark;
	_Atomic unsigned char *place = place_of(source, path, &mark);

	return atomic_load_explicit(place, memory_order_relaxed) == mark;
}

static int
load(struct tn_req *req, const struct tn_session_source *source,
    struct tn_session *s)
{
	const struct tn_session_ahead *ahead = req->session_ahead;
	bool bad_record = false, secure = is_secure(req, source->options);
	int rc;

	if (ahead != NULL && ahead->source == source)
		rc = tn_session_load_known(s, req->arena, ahead->sid,
		    ahead->record, secure, source->options, source->store,
		    &bad_record, &req->err);
	else
		rc = tn_session_load(s, req->arena, req->cookies, secure,
		    source->options, source->store, &bad_record, &req->err);

	if (bad_record)
		log_bad_record(req);
	return rc;
}

/* Anybody may see this page: a stranger then, whoever it is. */
static int
go_without(struct tn_req *req, const struct tn_session_source *source,
    struct tn_session *s)
{
	tn_log_event(tn_app_log(req->app), TN_LOG_WARN, "session.without",
	    TN_F_STR("id", req->id), TN_F_STR("reason", req->err.text));
	req->err = (struct tn_err){ .code = 0 };
	return tn_session_detached(s, req->arena, source->options,
	    is_secure(req, source->options), &req->err);
}

static int
open_one(struct tn_req *req, struct tn_session **out)
{
	struct tn_session_source *source = req->session_source;
	struct tn_session *s;
	int rc;

	if (source == NULL)
		return tn_err_set(&req->err, TN_E_STATE, "a session is asked "
		    "for before tn_session(), or outside its path");
	remember(source, req->path);
	s = tn_arena_alloc(req->arena, sizeof(*s));
	if (s == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a session");
	rc = load(req, source, s);
	if (req->session_optional && (rc == TN_E_AWAY || rc == TN_E_TIMEOUT ||
	    rc == TN_E_IO))
		rc = go_without(req, source, s);
	*out = rc == 0 ? s : NULL;
	return rc;
}

/*
 * A store that did not answer is not asked again by the same request: each
 * try would wait for the whole deadline.
 */
struct tn_session *
tn_req_session(struct tn_req *req)
{
	if (req->session != NULL)
		return req->session;
	if (req->session_err == 0)
		req->session_err = open_one(req, &req->session);
	if (req->session_err != 0 && req->err.code != req->session_err)
		tn_err_set(&req->err, req->session_err, "no session: %s",
		    tn_err_name(req->session_err));
	return req->session;
}

/* What was made from a session is for its owner alone. */
static void
keep_private(struct tn_res *res)
{
	if (tn_res_get(res, "Cache-Control").ptr == NULL)
		tn_res_set(res, "Cache-Control", TN_SLICE("no-store"));
}

static int
commit(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_session_source *source = arg;
	struct tn_buf *text = &res->out;	/* free until the head */
	struct tn_slice cookie;
	int rc;

	if (req->session == NULL)
		return 0;
	tn_buf_reset(text);
	rc = tn_session_commit(req->session, source->options, source->store,
	    is_secure(req, source->options), tn_session_now(source->options),
	    text, &req->err);
	if (rc == 0)
		rc = tn_buf_finish(text, &cookie, &req->err);
	if (rc != 0)
		return rc;
	if (cookie.len > 0)
		tn_res_append(res, "Set-Cookie", cookie);
	tn_buf_reset(text);
	keep_private(res);
	return 0;
}

/* A cookie of that path comes with these requests alone. */
static bool
is_below(const struct tn_req *req, struct tn_slice path)
{
	struct tn_slice base = req->base_path;

	if (path.len <= base.len)
		return tn_slice_starts(base, path);
	return tn_slice_starts(path, base) &&
	    tn_slice_starts(req->path, tn_slice_after(path, base.len));
}

static int
open_sessions(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_session_source *source = arg;
	int rc;

	if (!is_below(req, source->options->path))
		return 0;
	rc = tn_res_before_head(res, commit, arg);
	if (rc == 0)
		req->session_source = arg;
	return rc;
}

int
tn_session_optional(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)res;
	(void)arg;
	req->session_optional = true;
	return TN_NEXT;
}

/* ---- For several requests at once ----------------------------------------- */

struct ahead {
	struct tn_session_source *source;
	struct tn_req *reqs[TN_APP_TOGETHER];
	struct tn_slice sids[TN_APP_TOGETHER];
	size_t n;
};

static void
look_for(struct ahead *a, struct tn_req *req)
{
	struct tn_session_source *source = a->source;

	if (a->n < TN_APP_TOGETHER && req->err.code == 0 &&
	    is_below(req, source->options->path) &&
	    has_asked(source, req->path) &&
	    tn_session_sid(req->cookies, source->options, req->arena,
	    &a->sids[a->n], NULL) == 1)
		a->reqs[a->n++] = req;
}

/* A request whose arena has no room asks by itself, and fails by itself. */
static int
keep(size_t i, struct tn_slice record, void *arg)
{
	struct ahead *a = arg;
	struct tn_req *req = a->reqs[i];
	struct tn_session_ahead *found = tn_arena_alloc(req->arena,
	    sizeof(*found));

	if (found == NULL)
		return 0;
	found->source = a->source;
	found->sid = a->sids[i];
	if (record.ptr != NULL)
		found->record = tn_arena_copy(req->arena, record);
	if (record.ptr == NULL || found->record.ptr != NULL)
		req->session_ahead = found;
	return 0;
}

static void
look_ahead(struct tn_req *const *reqs, size_t n, void *arg)
{
	struct ahead a = { .source = arg };

	for (size_t i = 0; i < n; i++)
		look_for(&a, reqs[i]);
	if (a.n > 0)
		tn_store_get_many(a.source->store, a.sids, a.n, keep, &a,
		    NULL);
}

struct tn_step
tn_session(struct tn_store *store, const struct tn_session_options *options)
{
	struct tn_session_source *source = calloc(1, sizeof(*source));

	if (source == NULL)
		return (struct tn_step){ .fn = NULL };
	source->store = store;
	source->options = options;
	return (struct tn_step){ .fn = open_sessions, .arg = source,
		.fini = free, .prepare = look_ahead };
}
