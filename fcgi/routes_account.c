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

/* The same, for where a form that was sent wanted to go. */
static struct tn_slice
login_form(struct tn_req *req, const struct site *site)
{
	return login_with_next(req, site, tn_req_field(req, "next"));
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

/* Also to the batch; *place is that among the user's sessions. */
static int
ask_login(struct tn_req *req, struct site *site,
    const struct tn_account *who, const char *tried,
    struct tn_redis_batch *with, size_t *place)
{
	struct tn_session *session = tn_req_session(req);
	int status;

	if (session == NULL)
		return req->err.code;
	if ((status = tn_session_regenerate(session)) < 0 ||
	    (status = tn_session_set_bool(session, "isAuthenticated",
	    true)) < 0 ||
	    (status = tn_session_set_user(session, who)) < 0) {
		tn_session_destroy(session);	/* not half of it */
		return tn_err_set(&req->err, status, "cannot begin a session");
	}
	tn_session_save_with(session, with);
	*place = note_session(req, site, who, with);
	if (tried != NULL)
		tn_throttle_clear_with(&site->by_user, tn_slice_str(tried),
		    with);
	return 0;
}

/*
 * What is listed but could not be saved is nobody's; tries that were not
 * forgotten end by themselves.
 */
static int
check_login(struct tn_req *req, struct site *site,
    const struct tn_account *who, const struct tn_redis_batch *with,
    size_t place)
{
	struct tn_session *session = req->session;
	int status = tn_session_saved(session, with, &req->err);

	if (status < 0)
		tn_user_sessions_forget(&site->user_sessions,
		    tn_slice_str(who->id), session->sid, NULL);
	else
		status = tn_user_sessions_added(&site->user_sessions, who,
		    with, place, &req->err);
	if (status < 0)
		tn_session_regenerate(session);	/* what was saved goes */
	return status;
}

int
begin_login(struct tn_req *req, struct site *site,
    const struct tn_account *who, const char *tried)
{
	struct tn_redis_batch with;
	size_t place;
	int status;

	tn_redis_batch_init(&with, site->redis);
	status = ask_login(req, site, who, tried, &with, &place);
	if (status == 0) {
		tn_redis_batch_send(&with, NULL);
		status = check_login(req, site, who, &with, place);
	}
	tn_redis_batch_fini(&with);
	return status;
}

/* Who has proved it, and whose session begins: on to where they wanted to go. */
static int
let_in(struct tn_req *req, struct tn_res *res, struct site *site,
    const struct tn_account *who)
{
	struct tn_slice next = tn_req_field(req, "next");
	int status = 0;

	if (tn_slice_is(tn_req_field(req, "remember"), "1"))
		status = remember_login(req, site, who);
	if (status < 0) {
		tn_session_regenerate(req->session);	/* not half of it */
		return status;
	}
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

/* What goes with a request from one step of its log-in to the next. */
struct login {
	struct tn_attempt attempt;
	bool is_right;
	size_t place;		/* of the new session, among the user's */
};

static const char login_key;

static int
find_account(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct login *login = tn_arena_alloc(req->arena, sizeof(*login));
	struct tn_redis_batch *batch = tn_req_batch(req, site->redis);

	(void)res;
	if (login == NULL || batch == NULL ||
	    tn_req_set_local(req, &login_key, login) < 0)
		return tn_err_set(&req->err, TN_E_NOMEM, "no memory to log in");
	login->attempt = (struct tn_attempt){
		.name = tn_req_field(req, "username"),
		.address = req->address,
		.by_user = &site->by_user,
		.by_address = &site->by_address,
	};
	tn_attempt_with(&login->attempt, batch);
	return TN_ASK;
}

static int
may_log_in(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct login *login = tn_req_local(req, &login_key);
	int may = tn_attempt_may(&site->accounts, &login->attempt, req->batch,
	    &req->err);

	if (may == 0)
		return too_often(req, res, login->attempt.retry_s,
		    login_form(req, site));
	return may < 0 ? may : TN_NEXT;		/* the error handler answers */
}

static int
check_password(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct login *login = tn_req_local(req, &login_key);

	(void)res;
	login->is_right = tn_attempt_end(&site->accounts, &login->attempt,
	    tn_req_field(req, "password")) == 1;
	return TN_NEXT;
}

static void
log_login(struct tn_req *req, struct site *site, const char *result)
{
	tn_log_event(&site->log, TN_LOG_INFO, "account.login",
	    TN_F_STR("id", req->id), TN_F_SLICE("address", req->address),
	    TN_F_STR("result", result));
}

static int
refuse_login(struct tn_req *req, struct tn_res *res, struct site *site)
{
	log_login(req, site, "refused");
	return again(req, res, "Wrong name or password.",
	    login_form(req, site));
}

static int
log_in(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct login *login = tn_req_local(req, &login_key);
	const struct tn_account *who = &login->attempt.who;
	struct tn_redis_batch *batch;
	int status;

	if (!login->is_right)
		return refuse_login(req, res, site);
	batch = tn_req_batch(req, site->redis);
	if (batch == NULL)
		return req->err.code;
	status = ask_login(req, site, who, who->name, batch, &login->place);
	return status < 0 ? status : TN_ASK;
}

static int
logged_in(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	const struct login *login = tn_req_local(req, &login_key);
	const struct tn_account *who = &login->attempt.who;
	int status = check_login(req, site, who, req->batch, login->place);

	if (status == TN_E_DENIED)	/* another password, just now */
		return refuse_login(req, res, site);
	if (status < 0)
		return status;
	log_login(req, site, "ok");
	return let_in(req, res, site, who);
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
	if (status == 0 &&
	    (status = begin_login(req, site, &who, NULL)) == 0)
		return let_in(req, res, site, &who);
	switch (status) {
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

/*
 * The session ends, and with it its sockets, and leaves the list of devices;
 * a new one takes the farewell.
 */
static int
log_out(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_session *session = tn_req_session(req);
	struct tn_slice user = user_id(req), sid;
	struct tn_redis_batch *batch;
	int status;

	if (session == NULL)
		return req->err.code;
	if ((status = forget_login(req, site)) < 0)
		return status;
	sid = session->sid;
	if (tn_session_regenerate(session) < 0)
		return tn_err_set(&req->err, TN_E_NOMEM, "cannot log out");
	if ((status = tn_res_flash(res, "notice",
	    TN_SLICE("You have logged out."))) < 0)
		return status;
	batch = tn_req_batch(req, site->redis);
	if (batch == NULL)
		return req->err.code;
	tn_session_save_with(session, batch);
	if (user.len > 0)
		tn_user_sessions_forget_with(user, sid, batch);
	return TN_ASK;
}

static int
logged_out(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	int status = tn_session_saved(req->session, req->batch, &req->err);

	for (size_t i = 0; status == 0 && i < req->batch->n; i++)
		status = tn_redis_batch_reply(req->batch, i, NULL, &req->err);
	if (status < 0)
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
	tn_app_post(app, login, find_account, may_log_in, tn_slow,
	    check_password, tn_quick, log_in, logged_in);
	tn_app_get(app, REGISTER_ROUTE, register_page);
	tn_app_post(app, REGISTER_ROUTE, tn_slow, register_account);
	tn_app_get(app, logout, logout_page);
	tn_app_post(app, logout, log_out, logged_out);
}
