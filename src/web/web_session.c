#include "config.h"

#include "web/middleware.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "web/app.h"

struct tn_session_source {
	struct tn_store *store;
	const struct tn_session_options *options;
};

/* A record that nobody can read: its owner is a stranger, and we say so. */
static void
log_bad_record(const struct tn_req *req)
{
	tn_log_event(tn_app_log(req->app), TN_LOG_WARN, "session.unreadable",
	    TN_F_STR("id", req->id),
	    TN_F_SLICE("address", req->address));
}

static int
load(struct tn_req *req, struct tn_session **out)
{
	const struct tn_session_source *source = req->session_source;
	struct tn_session *s;
	bool bad_record = false;
	int rc;

	if (source == NULL)
		return tn_err_set(&req->err, TN_E_STATE,
		    "a session is asked for before tn_session()");
	s = tn_arena_alloc(req->arena, sizeof(*s));
	if (s == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a session");
	rc = tn_session_load(s, req->arena, req->cookies, req->secure,
	    source->options, source->store, &bad_record, &req->err);
	if (bad_record)
		log_bad_record(req);
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
		req->session_err = load(req, &req->session);
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
	    req->secure, tn_clock_wall_ms(), text, &req->err);
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

static int
open_sessions(struct tn_req *req, struct tn_res *res, void *arg)
{
	int rc = tn_res_before_head(res, commit, arg);

	if (rc == 0)
		req->session_source = arg;
	return rc;
}

struct tn_step
tn_session(struct tn_store *store, const struct tn_session_options *options)
{
	struct tn_session_source *source = calloc(1, sizeof(*source));

	if (source == NULL)
		return (struct tn_step){ .fn = NULL };
	source->store = store;
	source->options = options;
	return (struct tn_step){ open_sessions, source, free };
}
