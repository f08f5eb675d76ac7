/* The front page, the chat, and the state of health. */
#include "config.h"

#include "site.h"

#include "redis/redis.h"
#include "web/middleware.h"
#include "web/view.h"

static int
home(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	int known = is_logged_in(req, site);

	if (known < 0)
		return known;
	return tn_res_render(res, "home", tn_vars(
	    TN_VAR_STR("title", "Tandem"),
	    TN_VAR("user", display_name(req)),
	    TN_VAR_STR("login_route", site->settings.http.login_route),
	    TN_VAR_STR("logout_route", site->settings.http.logout_route)));
}

static int
chat_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;

	return tn_res_render(res, "chat", tn_vars(
	    TN_VAR_STR("title", "Chat"),
	    TN_VAR("user", display_name(req)),
	    TN_VAR_STR("namespace", site->settings.namespace),
	    TN_VAR_STR("io_path", site->settings.io.engine.path),
	    TN_VAR_STR("io_client", site->settings.io.msgpack ?
		"socket.io.msgpack.min.js" : "socket.io.js"),
	    TN_VAR_STR("login_route", site->settings.http.login_route),
	    TN_VAR_STR("logout_route", site->settings.http.logout_route)));
}

/* For who watches over the site: does Redis answer? */
static int
health(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_slice ping = TN_SLICE("PING");
	struct tn_reply *reply = NULL;
	int status = tn_redis_call(site->redis, &ping, 1, &reply, &req->err);

	tn_reply_free(&reply);
	tn_res_status(res, status < 0 ? 503 : 200);
	tn_res_set(res, "Cache-Control", TN_SLICE("no-store"));
	tn_res_type(res, "text/plain; charset=utf-8");
	return tn_res_send(res, status < 0 ? TN_SLICE("redis is away\n") :
	    TN_SLICE("ok\n"));
}

void
add_chat_routes(struct tn_app *app)
{
	/* The front page is for anybody, also while Redis is away. */
	tn_app_get(app, "/", tn_session_optional, home);
	tn_app_get(app, "/chat", require_login, chat_page);
	tn_app_get(app, "/health", tn_slow, health);
}
