/* tandem-fcgi: the chat's pages, behind a FastCGI web server. */
#include "config.h"

#include "site.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/heap.h"
#include "base/random.h"
#include "host/host_app.h"
#include "session/signature.h"
#include "session/store_redis.h"
#include "web/middleware.h"
#include "web/rate_limit.h"
#include "web/view.h"

#define WEAK_HASH	(8u << 20)	/* of Argon2id's memory; less is */

/* What people see of a failure: the status, and the id that the log has too. */
static int
error_page(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct site *site = arg;

	return tn_res_render(res, "error", tn_vars(
	    TN_VAR_STR("title", tn_status_text(res->status)),
	    TN_VAR_FLAG("missing", res->status == 404),
	    TN_VAR_FLAG("expired", res->status == 403),
	    TN_VAR_FLAG("busy", res->status == 503),
	    TN_VAR_STR("why", site->settings.http.show_errors ?
	    req->err.text : ""),
	    TN_VAR_STR("id", req->id)));
}

static void
add_everything(struct site *site)
{
	struct tn_app *app = site->app;
	static const struct tn_headers_options headers = { .csp = NULL };
	const struct tn_rate_limit rate = {
		.redis = site->redis,
		.name = "requests",
		.limit = site->settings.http.rate_limit,
		.window_s = site->settings.http.rate_window_ms / 1000,
		.pass_when_away = true,
	};
	const struct tn_form_limits form = {
		.max_bytes = site->settings.http.max_body,
	};

	tn_app_use(app, tn_request_log(&site->log));
	tn_app_use(app, tn_security_headers(&headers));
	tn_app_use(app, tn_static("/assets", &site->assets));
	if (site->settings.http.rate_limit > 0)
		tn_app_use(app, tn_rate_limit(&rate));
	tn_app_use(app, tn_session(site->store, &site->session));
	tn_app_use(app, tn_form_body(&form));
	tn_app_use(app, tn_csrf());
	add_chat_routes(app);
	add_account_routes(app, site);
	add_settings_routes(app, site);
	tn_app_on_error(app, error_page);
}

/* Fit for tests and benchmarks. */
static void
warn_of_weak_hash(struct site *site)
{
	size_t memory = site->settings.account.hash_memory;

	if (memory < WEAK_HASH)
		tn_log_event(&site->log, TN_LOG_WARN, "account.weak_hash",
		    TN_F_NUM("hash_memory", memory),
		    TN_F_STR("reason", "whoever gets a copy of the accounts "
		    "finds their passwords fast"));
}

/* Redis, and what is kept in it. One connection a thread. */
static int
open_store(struct site *site, struct tn_err *err)
{
	const struct settings *cfg = &site->settings;
	int window_s = cfg->account.window_ms / 1000;

	site->redis = tn_redis_new(&cfg->redis,
	    (size_t)cfg->http.slow_threads + 1, err);
	if (site->redis == NULL)
		return err->code;
	site->store = tn_store_redis_new(site->redis,
	    &(struct tn_store_redis_options){
		.prefix = tn_slice_str(cfg->session.prefix),
		.touch_percent = cfg->session.touch == 0 ? -1 :
		    cfg->session.touch,
	    }, err);
	if (site->store == NULL)
		return err->code;
	site->by_user = (struct tn_throttle){ site->redis, "login-user",
		cfg->account.user_tries, window_s };
	site->by_address = (struct tn_throttle){ site->redis, "login-address",
		cfg->account.address_tries, window_s };
	site->user_sessions = (struct tn_user_sessions){ site->redis,
		site->store };
	site->remember = (struct tn_remember){ site->redis, site->signer,
		cfg->account.remember_ms };
	warn_of_weak_hash(site);
	return tn_accounts_init(&site->accounts, site->redis,
	    (unsigned long long)cfg->account.hash_ops,
	    cfg->account.hash_memory, err);
}

static int
open_app(struct site *site, struct tn_err *err)
{
	const struct settings *cfg = &site->settings;
	int status = tn_assets_open(&site->assets, cfg->http.public, 0, err);

	if (status < 0)
		return status;
	site->views = tn_views_load(cfg->http.views, err);
	if (site->views == NULL)
		return err->code;
	site->app = tn_app_new(site, &site->log, err);
	if (site->app == NULL)
		return err->code;
	tn_app_set_views(site->app, site->views);
	add_everything(site);
	return 0;
}

static void
reload(void *arg)
{
	struct site *site = arg;
	struct tn_err err;

	if (tn_log_reopen(&site->log, &err) < 0)
		tn_log_event(&site->log, TN_LOG_ERROR, "log.not_reopened",
		    TN_F_STR("reason", err.text));
}

static int
serve(struct site *site, struct tn_err *err)
{
	const struct settings *cfg = &site->settings;
	const struct tn_host_app_options host = {
		.listen = cfg->http.listen,
		.workers = cfg->http.workers,
		.slow_threads = cfg->http.slow_threads,
		.slow_queue = cfg->http.slow_queue,
		.cgi = {
			.origin = tn_slice_str(cfg->http.origin),
			.base_path = tn_slice_str(cfg->http.base_path),
			.trust = &cfg->http.trust,
		},
		.fronts = cfg->trusted_proxies.items,
		.nfronts = cfg->trusted_proxies.n,
		.on_reload = reload,
		.arg = site,
	};
	int status;

	tn_heap_share();	/* the loop's and the helpers' */
	if ((status = tn_random_start(err)) < 0 ||
	    (status = settings_session_options(cfg, &site->signer,
	    &site->session, err)) < 0 ||
	    (status = open_store(site, err)) < 0 ||
	    (status = open_app(site, err)) < 0)
		return status;
	return tn_host_run_app(site->app, &host, &site->log, err);
}

static void
close_site(struct site *site)
{
	tn_app_free(&site->app);
	tn_views_free(&site->views);
	tn_assets_close(&site->assets);
	tn_store_redis_free(&site->store);
	tn_redis_free(&site->redis);
	tn_signer_free(&site->signer);
}

int
main(int argc, char **argv)
{
	struct site site = { .assets = { .dir_fd = -1 } };
	struct tn_err err;
	int status;

	if (!settings_load(&site.settings, "tandem-fcgi", argc, argv,
	    &status)) {
		settings_fini(&site.settings);
		return status;
	}
	if (settings_open_log(&site.settings, "tandem-fcgi", &site.log,
	    &err) < 0) {
		fprintf(stderr, "tandem-fcgi: %s\n", err.text);
		settings_fini(&site.settings);
		return EXIT_FAILURE;
	}
	status = serve(&site, &err);
	if (status < 0)
		tn_log_event(&site.log, TN_LOG_ERROR, "fcgi.stopped",
		    TN_F_STR("reason", err.text));
	close_site(&site);
	tn_log_close(&site.log);
	settings_fini(&site.settings);
	return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
