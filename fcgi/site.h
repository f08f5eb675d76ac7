/* The chat's pages: what main and the routes share. */
#ifndef SITE_H
#define SITE_H

#include "chat/settings.h"
#include "session/account.h"
#include "session/throttle.h"
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
	struct tn_assets assets;
	struct tn_views *views;
	struct tn_app *app;
};

/* routes_account.c: register, log in, log out. */
void add_account_routes(struct tn_app *app, struct site *site);

/* Middleware: on with who has logged in, the others to the log-in page. */
tn_handler require_login;

/* Has this client logged in? 1 yes, 0 no, or why that cannot be told. */
int is_logged_in(struct tn_req *req);

/* The name of who has logged in, else empty. */
struct tn_slice display_name(struct tn_req *req);

/* routes_chat.c: the front page, the chat, the state of health. */
void add_chat_routes(struct tn_app *app);

#endif
