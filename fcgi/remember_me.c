/* "Stay logged in": the cookie beside the session's. */
#include "config.h"

#include "site.h"

#include "base/err.h"

static const char cookie_name[] = "remember";

/* value empty: take the cookie away. */
static int
set_cookie(struct tn_req *req, const struct site *site, struct tn_slice value)
{
	const struct tn_cookie_options options = {
		.path = site->session.path,
		.domain = site->session.domain,
		.has_max_age = value.len > 0,
		.max_age_s = site->remember.life_ms / 1000,
		.has_expires = value.len == 0,	/* in 1970 */
		.http_only = true,
		.secure = req->secure || site->session.secure == TN_SECURE_YES,
		.same_site = TN_SAME_SITE_LAX,
	};
	struct tn_slice text;
	struct tn_buf line;
	int status;

	tn_buf_init(&line, TN_LIMIT_HEADER_VALUE);
	status = tn_cookie_write(&line, tn_slice_str(cookie_name), value,
	    &options, &req->err);
	if (status == 0)
		status = tn_buf_finish(&line, &text, &req->err);
	if (status == 0)
		tn_res_append(req->res, "Set-Cookie", text);
	tn_buf_fini(&line);
	return status;
}

int
remember_login(struct tn_req *req, struct site *site,
    const struct tn_account *who)
{
	struct tn_buf value;
	int status;

	if (site->remember.life_ms <= 0)
		return 0;
	tn_buf_init(&value, TN_LIMIT_HEADER_VALUE);
	status = tn_remember_make(&site->remember, who,
	    tn_session_now(&site->session), &value, &req->err);
	if (status == 0)
		status = set_cookie(req, site, tn_buf_view(&value));
	tn_buf_fini(&value);
	return status == TN_E_DENIED ? 0 : status;	/* it is over already */
}

/* A token came twice: somebody has a copy, and nobody can say who is who. */
static int
end_theft(struct tn_req *req, struct site *site, const struct tn_account *who)
{
	size_t ended = 0;
	int status = tn_user_sessions_end_all(&site->user_sessions,
	    tn_slice_str(who->id), TN_SLICE_NONE, 0, &ended, &req->err);

	tn_log_event(&site->log, TN_LOG_WARN, "account.token_copied",
	    TN_F_STR("id", req->id), TN_F_SLICE("address", req->address),
	    TN_F_STR("user", who->id), TN_F_NUM("ended", ended));
	return status;
}

/* The token was good; is the account still there, with that password? */
static int
log_in_again(struct tn_req *req, struct site *site, struct tn_account *who)
{
	char id[sizeof(who->id)];
	int64_t version = who->version;
	int status;

	memcpy(id, who->id, sizeof(id));
	status = tn_account_find(&site->accounts, who, &req->err);
	if (status != 1 || strcmp(id, who->id) != 0 || version != who->version)
		return status < 0 ? status : 0;
	status = begin_login(req, site, who, NULL);
	if (status == TN_E_DENIED) {
		req->err = (struct tn_err){ .code = 0 };
		return 0;
	}
	tn_log_event(&site->log, TN_LOG_INFO, "account.recalled",
	    TN_F_STR("id", req->id), TN_F_SLICE("address", req->address));
	return status < 0 ? status : 1;
}

static int
use_token(struct tn_req *req, struct site *site, struct tn_slice cookie,
    struct tn_buf *value)
{
	struct tn_account who;
	int status = tn_remember_use(&site->remember, cookie,
	    tn_session_now(&site->session), &who, value, &req->err);

	switch (status) {
	case TN_REMEMBER_KNOWN:
	case TN_REMEMBER_AGAIN:
		return log_in_again(req, site, &who);
	case TN_REMEMBER_THEFT:
		return end_theft(req, site, &who);
	default:
		return status;		/* nobody, or a failure */
	}
}

int
recall_login(struct tn_req *req, struct site *site)
{
	struct tn_slice cookie = tn_req_cookie(req, cookie_name);
	struct tn_buf value;
	int status, sent = 0;

	/* Forms have a proof that is bound to the session they came with. */
	if (cookie.len == 0 || site->remember.life_ms <= 0 ||
	    !tn_req_is_safe(req) || req->session->is_detached)
		return 0;
	tn_buf_init(&value, TN_LIMIT_HEADER_VALUE);
	status = use_token(req, site, cookie, &value);
	/* It was renewed, even if nobody could be logged in by it. */
	if (status == 0 || value.len > 0)
		sent = set_cookie(req, site, status == 0 ? TN_SLICE_NONE :
		    tn_buf_view(&value));
	tn_buf_fini(&value);
	return sent < 0 ? sent : status;
}

int
forget_login(struct tn_req *req, struct site *site)
{
	struct tn_slice cookie = tn_req_cookie(req, cookie_name);
	int status;

	if (cookie.len == 0)
		return 0;
	status = tn_remember_forget(&site->remember, cookie, &req->err);
	return status < 0 ? status : set_cookie(req, site, TN_SLICE_NONE);
}
