/* The account's own page: devices, password, deletion. */
#include "config.h"

#include "site.h"

#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "session/username.h"
#include "web/view.h"

#define ACCOUNT_ROUTE	"/account"

/* ---- The page ------------------------------------------------------------ */

/* "24 Nov 2026, 18:05 UTC" */
static struct tn_slice
show_time(struct tn_arena *arena, int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	char text[64] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		strftime(text, sizeof(text), "%d %b %Y, %H:%M UTC", &tm);
	return tn_arena_copy(arena, tn_slice_str(text));
}

static const char *
first_of(struct tn_slice agent, const char *const names[][2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memmem(agent.ptr, agent.len, names[i][0],
		    strlen(names[i][0])) != NULL)
			return names[i][1];
	return NULL;
}

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* "Firefox on Linux", of what browsers say of themselves; in this order. */
static struct tn_slice
show_agent(struct tn_arena *arena, struct tn_slice agent)
{
	static const char *const browsers[][2] = {
		{ "Edg", "Edge" }, { "OPR/", "Opera" },
		{ "Firefox/", "Firefox" }, { "Chrom", "Chrome" },
		{ "Safari/", "Safari" }, { "curl/", "curl" },
	};
	static const char *const systems[][2] = {
		{ "iPhone", "iPhone" }, { "iPad", "iPad" },
		{ "Android", "Android" }, { "Windows", "Windows" },
		{ "Mac OS", "Mac" }, { "Linux", "Linux" },
	};
	const char *browser, *system;

	if (agent.len == 0)
		return TN_SLICE("Unknown browser");
	browser = first_of(agent, browsers, N(browsers));
	system = first_of(agent, systems, N(systems));
	if (browser == NULL)
		return tn_slice_first(agent, 40);
	if (system == NULL)
		return tn_slice_str(browser);
	return tn_arena_printf(arena, "%s on %s", browser, system);
}

static const struct tn_var *
device(struct tn_req *req, const struct tn_user_session *s)
{
	struct tn_var *set = tn_arena_alloc(req->arena, 6 * sizeof(*set));

	if (set == NULL)
		return NULL;
	set[0] = (struct tn_var)TN_VAR("handle", s->handle);
	set[1] = (struct tn_var)TN_VAR("name", show_agent(req->arena,
	    s->agent));
	set[2] = (struct tn_var)TN_VAR("address", s->address);
	set[3] = (struct tn_var)TN_VAR("began", show_time(req->arena,
	    s->began_ms));
	set[4] = (struct tn_var)TN_VAR_FLAG("current", tn_slice_eq(s->sid,
	    req->session->sid));
	return set;
}

static int
account_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_user_session *list;
	const struct tn_var **devices;
	size_t n;
	int status = tn_user_sessions_list(&site->user_sessions, user_id(req),
	    req->arena, &list, &n, &req->err);

	if (status < 0)
		return status;
	devices = tn_arena_alloc(req->arena, (n + 1) * sizeof(*devices));
	for (size_t i = 0; devices != NULL && i < n; i++)
		devices[i] = device(req, &list[i]);
	if (req->arena->overflowed)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for the devices");
	return tn_res_render(res, "account/settings", tn_vars(
	    TN_VAR_STR("title", "Your account"),
	    TN_VAR("user", display_name(req)),
	    TN_VAR_STR("logout_route", site->settings.http.logout_route),
	    TN_VAR_FLAG("others", n > 1),
	    TN_VAR_LIST("devices", devices, n)));
}

/* ---- End sessions -------------------------------------------------------- */

static void
log_ended(const struct tn_req *req, struct site *site, const char *why,
    size_t n)
{
	tn_log_event(&site->log, TN_LOG_INFO, "account.sessions_ended",
	    TN_F_STR("id", req->id), TN_F_STR("reason", why),
	    TN_F_NUM("sessions", n));
}

static int
end_session(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	int ended = tn_user_sessions_end(&site->user_sessions, user_id(req),
	    tn_req_field(req, "session"), &req->err);

	if (ended < 0)
		return ended;
	log_ended(req, site, "one", (size_t)ended);
	return tn_res_flash_redirect(res, "notice", ended ?
	    "That session has ended." : "That session had ended already.",
	    ACCOUNT_ROUTE);
}

static int
end_others(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	size_t n = 0;
	int status = tn_user_sessions_end_all(&site->user_sessions,
	    user_id(req), req->session->sid, 0, &n, &req->err);

	if (status < 0)
		return status;
	log_ended(req, site, "others", n);
	return tn_res_flash_redirect(res, "notice",
	    "You are logged in here alone now.", ACCOUNT_ROUTE);
}

/* ---- With the password --------------------------------------------------- */

/* The account that was asked for must be the one that is logged in. */
static bool
is_same(struct tn_req *req, const struct tn_account *who)
{
	return tn_slice_is(user_id(req), who->id);
}

/*
 * Is the account of that name the one that is logged in? A session that
 * Express began may have the name alone. Returns 1, 0 or < 0.
 */
static int
is_own(struct tn_req *req, struct site *site, const struct tn_username *name)
{
	struct tn_account who = { .id = "" };
	int status;

	snprintf(who.name, sizeof(who.name), "%s", name->name);
	status = tn_account_find(&site->accounts, &who, &req->err);
	return status == 1 ? is_same(req, &who) : status;
}

/*
 * The canonical name of who is here, if another guess at the password is
 * allowed. Returns 1, 0 when the answer has been given, or < 0.
 */
static int
may_guess(struct tn_req *req, struct tn_res *res, struct site *site,
    struct tn_username *name, int *answer)
{
	int wait_s = 0, status = tn_username_read(name, display_name(req),
	    &req->err);

	if (status == 0)
		status = is_own(req, site, name);
	if (status == 0)
		*answer = say_again(req, res, "That is not your password.",
		    ACCOUNT_ROUTE);
	if (status <= 0)
		return status;
	status = may_try(req, site, name->name, &wait_s);
	if (status == 0)
		*answer = too_often(req, res, wait_s,
		    TN_SLICE(ACCOUNT_ROUTE));
	return status;
}

static int
change_password(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_username name;
	struct tn_account who = { .id = "" };
	size_t ended = 0;
	int answer = 0, status = may_guess(req, res, site, &name, &answer);

	if (status <= 0)
		return status < 0 ? status : answer;
	status = tn_account_set_password(&site->accounts,
	    tn_slice_str(name.name), tn_req_field(req, "password"),
	    tn_req_field(req, "new_password"), &who, &req->err);
	tn_log_event(&site->log, TN_LOG_INFO, "account.password",
	    TN_F_STR("id", req->id), TN_F_SLICE("address", req->address),
	    TN_F_STR("result", status == 1 ? "ok" : "refused"));
	if (status == TN_E_SYNTAX || status == TN_E_LIMIT)
		return say_again(req, res, req->err.text, ACCOUNT_ROUTE);
	if (status < 0)
		return status;
	if (status == 0 || !is_same(req, &who))
		return say_again(req, res, "That is not your password.",
		    ACCOUNT_ROUTE);
	if ((status = tn_user_sessions_end_all(&site->user_sessions,
	    user_id(req), TN_SLICE_NONE, who.version, &ended,
	    &req->err)) < 0 ||
	    (status = forget_login(req, site)) < 0 ||
	    (status = begin_login(req, site, &who, name.name)) < 0)
		return status;
	log_ended(req, site, "password", ended);
	return tn_res_flash_redirect(res, "notice", "Your password is changed. "
	    "All other devices are logged out.", ACCOUNT_ROUTE);
}

static int
delete_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;

	return tn_res_render(res, "account/delete", tn_vars(
	    TN_VAR_STR("title", "Delete your account"),
	    TN_VAR("user", display_name(req)),
	    TN_VAR_STR("logout_route", site->settings.http.logout_route)));
}

static int
delete_account(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_username name;
	struct tn_account who = { .id = "" };
	size_t ended = 0;
	int answer = 0, status = may_guess(req, res, site, &name, &answer);

	if (status <= 0)
		return status < 0 ? status : answer;
	status = tn_account_delete(&site->accounts, tn_slice_str(name.name),
	    tn_req_field(req, "password"), &who, &req->err);
	tn_log_event(&site->log, TN_LOG_INFO, "account.delete",
	    TN_F_STR("id", req->id), TN_F_SLICE("address", req->address),
	    TN_F_STR("result", status == 1 ? "ok" : "refused"));
	if (status < 0)
		return status;
	if (status == 0 || !is_same(req, &who))
		return say_again(req, res, "That is not your password.",
		    ACCOUNT_ROUTE "/delete");
	/* One version more than any that was verified, so nobody comes late. */
	if ((status = tn_user_sessions_end_all(&site->user_sessions,
	    user_id(req), TN_SLICE_NONE, who.version + 1, &ended,
	    &req->err)) < 0 ||
	    (status = forget_login(req, site)) < 0)
		return status;
	log_ended(req, site, "deleted", ended);
	if (tn_session_regenerate(req->session) < 0)
		return tn_err_set(&req->err, TN_E_NOMEM, "cannot log out");
	return tn_res_flash_redirect(res, "notice", "Your account is deleted.",
	    "/");
}

void
add_settings_routes(struct tn_app *app, struct site *site)
{
	(void)site;
	/* Many calls of Redis, or a password to hash: not in the loop. */
	tn_app_get(app, ACCOUNT_ROUTE, tn_slow, require_login, account_page);
	tn_app_post(app, ACCOUNT_ROUTE "/sessions/end", tn_slow, require_login,
	    end_session);
	tn_app_post(app, ACCOUNT_ROUTE "/sessions/end-others", tn_slow,
	    require_login, end_others);
	tn_app_post(app, ACCOUNT_ROUTE "/password", tn_slow, require_login,
	    change_password);
	tn_app_get(app, ACCOUNT_ROUTE "/delete", require_login, delete_page);
	tn_app_post(app, ACCOUNT_ROUTE "/delete", tn_slow, require_login,
	    delete_account);
}
