/* The web operations, from CGI variables to the bytes of the answer. */
#include "config.h"

#include "count.h"

#include <stdio.h>
#include <string.h>

#include "session/session.h"
#include "session/signature.h"
#include "session/store.h"
#include "web/app.h"
#include "web/harness.h"
#include "web/middleware.h"
#include "web/static.h"
#include "web/view.h"

enum { REQUESTS = 100 };

/* A mask of 24 zero bytes, then the csrfSecret of COUNT_RECORD. */
#define PROOF	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5j"

static struct tn_app *app;
static struct tn_store *store;
static struct tn_signer *signer;
static struct tn_session_options session_options;
static struct tn_assets assets;
static struct tn_views *views;
static struct tn_harness harness;
static char headers[COUNT_COOKIE_BYTES + 128];

static int
chat_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *session = tn_req_session(req);

	(void)arg;
	if (session == NULL ||
	    !tn_session_get_bool(session, "isAuthenticated"))
		return tn_res_redirect(res, "/login");
	return tn_res_render(res, "chat", tn_vars(
	    TN_VAR_STR("title", "Chat"),
	    TN_VAR_STR("user", "Load"),
	    TN_VAR_STR("namespace", "/packtchat"),
	    TN_VAR_STR("io_path", "/socket.io/"),
	    TN_VAR_STR("login_route", "/account/login"),
	    TN_VAR_STR("logout_route", "/account/logout")));
}

/* All of a log-in but the hash and what asks Redis. */
static int
log_in(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *session = tn_req_session(req);

	(void)arg;
	if (session == NULL || tn_req_field(req, "username").len == 0 ||
	    tn_req_field(req, "password").len == 0)
		return tn_res_redirect(res, "/login");
	if (tn_session_regenerate(session) < 0 ||
	    tn_session_set_bool(session, "isAuthenticated", true) < 0 ||
	    tn_session_set(session, "user", TN_SLICE("{\"id\":\"load1\","
	    "\"displayName\":\"Load\",\"provider\":\"local\"}")) < 0)
		count_die("no session");
	return tn_res_redirect(res, "/chat");
}

static void
put_record(void)
{
	store->ops->create(store, TN_SLICE(COUNT_SID), TN_SLICE(COUNT_RECORD),
	    3600, NULL);
}

static void
make_app(void)
{
	static const struct tn_headers_options options;
	static const struct tn_form_limits limits;

	app = tn_app_new(NULL, NULL, NULL);
	if (app == NULL)
		count_die("no app");
	tn_app_set_views(app, views);
	tn_app_use(app, tn_security_headers(&options));
	tn_app_use(app, tn_static("/assets", &assets));
	tn_app_use(app, tn_session(store, &session_options));
	tn_app_use(app, tn_form_body(&limits));
	tn_app_use(app, tn_csrf());
	tn_app_get(app, "/chat", chat_page);
	tn_app_post(app, "/account/login", log_in);
	if (tn_app_check(app, NULL) < 0)
		count_die("no app");
}

void
count_web_start(const struct count_places *places)
{
	static const struct tn_slice secret = TN_SLICE(COUNT_SECRET);

	signer = tn_signer_new(&secret, 1, NULL);
	session_options = (struct tn_session_options){
		.name = TN_SLICE("connect.sid"), .signer = signer,
		.max_age_ms = -1, .ttl_s = 86400, .path = TN_SLICE("/"),
		.http_only = true,
	};
	store = tn_store_memory_new(NULL, NULL);
	views = tn_views_load(places->views, NULL);
	if (signer == NULL || store == NULL || views == NULL ||
	    tn_assets_open(&assets, places->public, 0, NULL) < 0)
		count_die("views or public files cannot be read");
	put_record();
	make_app();
	tn_harness_init(&harness, app);
	snprintf(headers, sizeof(headers), "host: localhost\ncookie: %s\n",
	    count_cookie());
}

void
count_web_stop(void)
{
	tn_harness_fini(&harness);
	tn_app_free(&app);
	tn_views_free(&views);
	tn_assets_close(&assets);
	tn_store_memory_free(&store);
	tn_signer_free(&signer);
}

static void
answered(int status, int wanted)
{
	char text[64];

	if (status == wanted)
		return;
	snprintf(text, sizeof(text), "%d in place of %d", status, wanted);
	count_die(text);
}

/* ---- What is counted ----------------------------------------------------- */

static __attribute__((noinline)) void
op_page(void)
{
	for (int i = 0; i < REQUESTS; i++)
		answered(tn_harness_request(&harness, "GET", "/chat", headers,
		    NULL), 200);
}

/* Each ends its session, so that the next needs another. */
static __attribute__((noinline)) void
op_login(void)
{
	for (int i = 0; i < REQUESTS; i++) {
		answered(tn_harness_request(&harness, "POST",
		    "/account/login", headers, "_csrf=" PROOF
		    "&username=load&password=correct+horse+battery"), 303);
		put_record();
	}
}

static __attribute__((noinline)) void
op_static(void)
{
	for (int i = 0; i < REQUESTS; i++)
		answered(tn_harness_request(&harness, "GET",
		    "/assets/chat.css", headers, NULL), 200);
}

const struct count_op count_web_ops[] = {
	{ "page", op_page, REQUESTS },
	{ "login", op_login, REQUESTS },
	{ "static", op_static, REQUESTS },
	{ .name = NULL },
};
