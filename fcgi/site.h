/* The chat's pages: what main and the routes share. */
#ifndef SITE_H
#define SITE_H

#include "chat/settings.h"
#include "session/account.h"
#include "session/remember.h"
#include "session/throttle.h"
#include "session/user_sessions.h"
#include "web/app.h"
#include "web/static.h"

struct tn_redis;
struct tn_store;
struct tn_views;

struct site {
	struct settings settings;
	struct tn_log log;
	struct tn_redis *redis;
	struct tn_signer *signer;
	struct tn_session_options session;
	struct tn_store *store;
	struct tn_accounts accounts;
	struct tn_throttle by_user;
	struct tn_throttle by_address;
	struct tn_user_sessions user_sessions;
	struct tn_remember remember;
	struct tn_assets assets;
	struct tn_views *views;
	struct tn_app *app;
};

/* routes_account.c: register, log in, log out. */
void add_account_routes(struct tn_app *app, struct site *site);

/*
 * From here on the session is this user's, under an id nobody planted; it is
 * saved, and stands among the user's sessions. The tries of the name tried
 * (NULL: nobody's) are forgotten. Returns 0, TN_E_DENIED if the
 * password was changed meanwhile (the session is a stranger's then), or why
 * it cannot begin.
 */
int begin_login(struct tn_req *req, struct site *site,
    const struct tn_account *who, const char *tried);

/* The id in the session's user; empty for a stranger. */
struct tn_slice user_id(struct tn_req *req);

/* Keep a line for the next page, and go there; site is the handler's. */
int say_again(struct tn_req *req, struct tn_res *res, const char *why,
    const char *route);

/*
 * Count a try by this address and, if name is not NULL, of that account.
 * Returns 1 go on, 0 refused and *wait_s set, or Redis' failures.
 */
int may_try(struct tn_req *req, struct site *site, const char *name,
    int *wait_s);
int too_often(struct tn_req *req, struct tn_res *res, int wait_s,
    struct tn_slice form);

/*
 * remember_me.c: "stay logged in".
 *
 * remember_login  gives this browser a token
 * recall_login    1 if the browser's token has logged it in, 0, or < 0
 * forget_login    takes the token away
 */
int remember_login(struct tn_req *req, struct site *site,
    const struct tn_account *who);
int recall_login(struct tn_req *req, struct site *site);
int forget_login(struct tn_req *req, struct site *site);

/* routes_settings.c: the account's own page. */
void add_settings_routes(struct tn_app *app, struct site *site);

/* Middleware: on with who has logged in, the others to the log-in page. */
tn_handler require_login;

/* Has this client logged in? 1 yes, 0 no, or why that cannot be told. */
int is_logged_in(struct tn_req *req, struct site *site);

/* The name of who has logged in, else empty. */
struct tn_slice display_name(struct tn_req *req);

/* routes_chat.c: the front page, the chat, the state of health. */
void add_chat_routes(struct tn_app *app);

#endif
