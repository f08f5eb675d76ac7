/* Register, log in, log out. */
#include "config.h"

#include "site.h"

#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "redis/redis_batch.h"
#include "web/view.h"

#define REGISTER_ROUTE	"/account/register"
#define CHAT_ROUTE	"/chat"

/* The name that was typed, for the form that comes again. */
static const char typed_name[] = "typedName";

/* ---- Who is it? ---------------------------------------------------------- */

int
is_logged_in(struct tn_req *req, struct site *site)
{
	struct tn_session *session = tn_req_session(req);

	if (session == NULL)
		return req->err.code;
	if (tn_session_get_bool(session, "isAuthenticated"))
		return 1;
	return recall_login(req, site);
}

/* A text of the session's user; empty for a stranger. */
static struct tn_slice
user_text(struct tn_req *req, const char *name)
{
	struct tn_session *session = tn_req_session(req);
	struct tn_slice user, raw, text;

	if (session == NULL || !tn_session_get_bool(session, "isAuthenticated") ||
	    !tn_session_get(session, "user", &user) ||
	    !tn_json_get(user, name, &raw) ||
	    tn_json_string(raw, req->arena, &text, NULL) < 0)
		return TN_SLICE_NONE;
	return text;
}

struct tn_slice
display_name(struct tn_req *req)
{
	return user_text(req, "displayName");
}

struct tn_slice
user_id(struct tn_req *req)
{
	return user_text(req, "id");
}

/* The log-in page, told where to go on to. */
static struct tn_slice
login_with_next(struct tn_req *req, const struct site *site,
    struct tn_slice next)
{
	const char *login = site->settings.http.login_route;
	struct tn_slice path = TN_SLICE_NONE, copy;
	struct tn_buf b;

	if (next.len == 0 || tn_slice_is(next, CHAT_ROUTE))
		return tn_slice_str(login);	/* it goes there anyway */
	tn_buf_init(&b, TN_LIMIT_PATH_BYTES);
	tn_buf_str(&b, login);
	tn_buf_str(&b, "?next=");
	tn_url_encode(&b, next);
	if (tn_buf_finish(&b, &path, NULL) < 0)
		path = tn_slice_str(login);
	copy = tn_arena_copy(req->arena, path);
	tn_buf_fini(&b);
	return copy;
}

int
require_login(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_slice here = req->path;
	int known = is_logged_in(req, site);

	if (known < 0)
		return known;
	if (known)
		return TN_NEXT;
	if (req->query_text.len > 0)
		here = tn_arena_printf(req->arena, "%.*s?%.*s",
		    TN_SLICE_ARG(req->path), TN_SLICE_ARG(req->query_text));
	return tn_res_redirect_slice(res, login_with_next(req, site, here));
}

/* ---- Forms --------------------------------------------------------------- */

/* What the last form said that was refused; it is shown once. */
static struct tn_slice
take_typed_name(struct tn_req *req)
{
	struct tn_session *session = tn_req_session(req);
	struct tn_slice name;

	if (session == NULL ||
	    !tn_session_get_string(session, typed_name, &name))
		return TN_SLICE_NONE;
	tn_session_remove(session, typed_name);
	return name;
}

/* Show the form again, with a word on why. */
static int
again(struct tn_req *req, struct tn_res *res, const char *why,
    struct tn_slice form)
{
	struct tn_session *session = tn_req_session(req);
	struct tn_slice name = tn_req_field(req, "username");
	int status;

	if (session == NULL)
		return req->err.code;
	tn_session_set_string(session, typed_name,
	    tn_slice_first(name, name.len > 128 ? 0 : name.len));
	status = tn_res_flash(res, "error", tn_slice_str(why));
	return status < 0 ? status : tn_res_redirect_slice(res, form);
}

static int
show_form(struct tn_req *req, struct tn_res *res, struct site *site,
    const char *view, const char *title)
{
	struct tn_slice next = tn_req_query(req, "next");
	int known = is_logged_in(req, site);

	if (known < 0)
		return known;
	if (known)
		return tn_res_redirect(res, CHAT_ROUTE);
	return tn_res_render(res, view, tn_vars(
	    TN_VAR_STR("title", title),
	    TN_VAR_STR("login_route", site->settings.http.login_route),
	    TN_VAR("next", tn_is_local_path(next) ? next : TN_SLICE_NONE),
	    TN_VAR_FLAG("can_remember", site->remember.life_ms > 0),
	    TN_VAR("username", take_typed_name(req))));
}

int
say_again(struct tn_req *req, struct tn_res *res, const char *why,
    const char *route)
{
	int status = tn_res_flash(res, "error", tn_slice_str(why));

	(void)req;
	return status < 0 ? status : tn_res_redirect(res, route);
}

int
may_try(struct tn_req *req, struct site *site, const char *name, int *wait_s)
{
	char group[TN_THROTTLE_ADDRESS];
	int allowed = tn_throttle_try(&site->by_address,
	    tn_throttle_address(req->address, group), wait_s, &req->err);

	if (allowed == 1 && name != NULL)
		allowed = tn_throttle_try(&site->by_user, tn_slice_str(name),
		    wait_s, &req->err);
	return allowed;
}

int
too_often(struct tn_req *req, struct tn_res *res, int wait_s,
    struct tn_slice form)
{
	int minutes = (wait_s + 59) / 60;
	struct tn_slice text = tn_arena_printf(req->arena, "That was tried "
	    "too often. Please wait %d minute%s.", minutes,
	    minutes == 1 ? "" : "s");

	tn_log_event(tn_app_log(req->app), TN_LOG_WARN, "account.throttled",
	    TN_F_STR("id", req->id), TN_F_SLICE("address", req->address));
	return again(req, res, text.ptr == NULL ? "Please wait." : text.ptr,
	    form);
}

/* What the list of devices shows of this one. */
static size_t
note_session(struct tn_req *req, struct site *site,
    const struct tn_account *who, struct tn_redis_batch *with)
{
	struct tn_slice agent = tn_req_header(req, "user-agent");
	const struct tn_user_session entry = {
		.sid = req->session->sid,
		.began_ms = tn_session_now(&site->session),
		.address = req->address,
		.agent = tn_utf8_valid(agent) ? agent : TN_SLICE_NONE,
	};

	return tn_user_sessions_add_with(who, &entry, with);
}

/*
 * The session and its place in the list, by one journey. What is listed but
 * could not be saved is nobody's; tries that were not forgotten end by
 * themselves.
 */
static int
save_login(struct tn_req *req, struct site *site,
    const struct tn_account *who, const char *tried)
{
	struct tn_slice sid = req->session->sid;
	struct tn_redis_batch with;
	size_t place;
	int status;

	tn_redis_batch_init(&with, site->redis);
	place = note_session(req, site, who, &with);
	if (tried != NULL)
		tn_throttle_clear_with(&site->by_user, tn_slice_str(tried),
		    &with);
	status = tn_session_save_with(req->session, &with, &req->err);
	if (status < 0)
		tn_user_sessions_forget(&site->user_sessions,
		    tn_slice_str(who->id), sid, NULL);
	else
		status = tn_user_sessions_added(&site->user_sessions, who,
		    &with, place, &req->err);
	tn_redis_batch_fini(&with);
	return status;
}

int
begin_login(struct tn_req *req, struct site *site,
    const struct tn_account *who, const char *tried)
{
	struct tn_session *session = tn_req_session(req);
	int status;

	if (session == NULL)
		return req->err.code;
	if ((status = tn_session_regenerate(session)) < 0 ||
	    (status = tn_session_set_bool(session, "isAuthenticated",
	    true)) < 0 ||
	    (status = tn_session_set_user(session, who)) < 0)
		return tn_err_set(&req->err, status, "cannot begin a session");
	status = save_login(req, site, who, tried);
	if (status < 0)
		tn_session_regenerate(session);	/* what was saved goes */
	return status;
}

/* Who has proved it: in, and on to where they wanted to go. */
static int
let_in(struct tn_req *req, struct tn_res *res, struct site *site,
    const struct tn_account *who, const char *tried)
{
	struct tn_slice next = tn_req_field(req, "next");
	int status = begin_login(req, site, who, tried);

	if (status == TN_E_DENIED)
		return again(req, res, "Wrong name or password.",
		    tn_slice_str(site->settings.http.login_route));
	if (status == 0 && tn_slice_is(tn_req_field(req, "remember"), "1"))
		status = remember_login(req, site, who);
	if (status < 0)
		return status;
	if (next.len > 0 && tn_is_local_path(next))
		return tn_res_redirect_slice(res, next);
	return tn_res_redirect(res, CHAT_ROUTE);
}

/* ---- Log in -------------------------------------------------------------- */

static int
login_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	return show_form(req, res, arg, "account/login", "Log in");
}

static int
log_in(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_slice form = login_with_next(req, site,
	    tn_req_field(req, "next"));
	struct tn_account who;
	int wait_s = 0, found = may_try(req, site, NULL, &wait_s);

	if (found == 0)
		return too_often(req, res, wait_s, form);
	if (found > 0)
		found = tn_account_try(&site->accounts, &site->by_user,
		    tn_req_field(req, "username"),
		    tn_req_field(req, "password"), &who, &wait_s, &req->err);
	if (found < 0)
		return found;			/* the error handler answers */
	if (found == TN_ACCOUNT_REFUSED)
		return too_often(req, res, wait_s, form);
	tn_log_event(&site->log, TN_LOG_INFO, "account.login",
	    TN_F_STR("id", req->id), TN_F_SLICE("address", req->address),
	    TN_F_STR("result", found ? "ok" : "refused"));
	if (!found)
		return again(req, res, "Wrong name or password.", form);
	return let_in(req, res, site, &who, who.name);
}

/* ---- Register ------------------------------------------------------------ */

static int
register_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	return show_form(req, res, arg, "account/register",
	    "Create an account");
}

static int
register_account(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_account who;
	int wait_s = 0;
	int status = may_try(req, site, NULL, &wait_s);

	if (status == 0)
		return too_often(req, res, wait_s, TN_SLICE(REGISTER_ROUTE));
	if (status > 0)
		status = tn_account_register(&site->accounts,
		    tn_req_field(req, "username"),
		    tn_req_field(req, "password"), &who, &req->err);
	switch (status) {
	case 0:
		return let_in(req, res, site, &who, NULL);
	case TN_E_CONFLICT:
	case TN_E_SYNTAX:
	case TN_E_LIMIT:
		return again(req, res, req->err.text, TN_SLICE(REGISTER_ROUTE));
	default:
		return status;
	}
}

/* ---- Log out ------------------------------------------------------------- */

static int
logout_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;

	return tn_res_render(res, "account/logout", tn_vars(
	    TN_VAR_STR("title", "Log out"),
	    TN_VAR("user", display_name(req)),
	    TN_VAR_STR("logout_route", site->settings.http.logout_route)));
}

/* The old one ends, and leaves the list of devices, as the new is saved. */
static int
save_logout(struct tn_req *req, struct site *site, struct tn_slice user,
    struct tn_slice sid)
{
	struct tn_redis_batch with;
	int status;

	tn_redis_batch_init(&with, site->redis);
	if (user.len > 0)
		tn_user_sessions_forget_with(user, sid, &with);
	status = tn_session_save_with(req->session, &with, &req->err);
	if (status == 0 && user.len > 0)
		status = tn_redis_batch_reply(&with, 0, NULL, &req->err);
	tn_redis_batch_fini(&with);
	return status;
}

/* The session ends, and with it its sockets; a new one takes the farewell. */
static int
log_out(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_session *session = tn_req_session(req);
	struct tn_slice user = user_id(req), sid;
	int status;

	if (session == NULL)
		return req->err.code;
	if ((status = forget_login(req, site)) < 0)
		return status;
	sid = session->sid;
	if (tn_session_regenerate(session) < 0)
		return tn_err_set(&req->err, TN_E_NOMEM, "cannot log out");
	if ((status = tn_res_flash(res, "notice",
	    TN_SLICE("You have logged out."))) < 0 ||
	    (status = save_logout(req, site, user, sid)) < 0)
		return status;
	return tn_res_redirect(res, site->settings.http.login_route);
}

void
add_account_routes(struct tn_app *app, struct site *site)
{
	const char *login = site->settings.http.login_route;
	const char *logout = site->settings.http.logout_route;

	/* Hashing a password takes 28 ms: not in the loop. */
	tn_app_get(app, login, login_page);
	tn_app_post(app, login, tn_slow, log_in);
	tn_app_get(app, REGISTER_ROUTE, register_page);
	tn_app_post(app, REGISTER_ROUTE, tn_slow, register_account);
	tn_app_get(app, logout, logout_page);
	tn_app_post(app, logout, log_out);
}
