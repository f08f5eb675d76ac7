/* tandem-ws: the chat's Socket.IO server. */
#include "config.h"

#include "site.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "cluster/canary.h"
#include "cluster/redis_adapter.h"
#include "cluster/registry.h"
#include "cluster/whereabouts.h"
#include "host/control.h"
#include "host/hello.h"
#include "host/host_io.h"
#include "redis/link.h"
#include "session/signature.h"

#define CANARY_MS	10000	/* between two looks whether Redis is heard */

static void
link_up(void *arg)
{
	struct site *site = arg;

	chat_link_up(&site->chat);
	tn_revocation_on_up(site->revocation);
	tn_canary_on_up(site->canary);
	if (site->adapter != NULL)
		tn_redis_adapter_on_up(site->adapter);
	rooms_resync(site);
}

static void
link_down(const struct tn_err *err, void *arg)
{
	struct site *site = arg;

	(void)err;
	tn_revocation_on_down(site->revocation);
}

static void
session_changed(struct tn_slice key, void *arg)
{
	struct site *site = arg;

	if (!tn_canary_on_invalidate(site->canary, key))
		tn_revocation_on_invalidate(site->revocation, key);
}

static void
node_gone(struct tn_slice node, void *arg)
{
	struct site *site = arg;

	tn_log_event(&site->log, TN_LOG_WARN, "node.gone",
	    TN_F_SLICE("node", node));
	chat_node_gone(&site->chat, node);
}

static void
reload(void *arg)
{
	struct site *site = arg;

	tn_log_reopen(&site->log, NULL);
}

/* What the last sockets leave behind is told to Redis and the others. */
static bool
is_idle(void *arg)
{
	struct site *site = arg;

	return tn_link_is_idle(site->link);
}

static void
forwarded_at(struct tn_slice address, void *arg)
{
	struct site *site = arg;

	tn_whereabouts_publish(site->whereabouts, address);
}

static int
find_node(struct tn_slice worker, tn_whereabouts_fn *fn, void *fn_arg,
    void *arg)
{
	struct site *site = arg;

	return tn_whereabouts_find(site->whereabouts, worker, fn, fn_arg);
}

/* Connections that belong to the workers of other hosts. */
static int
fill_forwarding(struct site *site, struct tn_err *err)
{
	struct settings *cfg = &site->settings;
	const struct tn_engine_options *engine = &cfg->io.engine;

	cfg->ws.on_forward = forwarded_at;
	cfg->ws.find_node = find_node;
	cfg->ws.forward_idle_ms = engine->ping_interval_ms +
	    engine->ping_timeout_ms;
	site->forward_signer = tn_hello_signer(cfg->session.secret.items,
	    cfg->session.secret.n, err);
	cfg->ws.forward_signer = site->forward_signer;
	return site->forward_signer == NULL ? TN_E_NOMEM : 0;
}

/*
 * The sharded form has channels that a script could not name; and in a
 * cluster, what is kept for those who come back is not where the room is.
 */
static bool
may_relay(const struct settings *cfg)
{
	return cfg->cluster.form != 1 &&
	    (cfg->redis.topology != TN_REDIS_CLUSTER ||
	    settings_recovery_events(cfg) == 0);
}

/* The loop, and what ties this worker to Redis and to the others. */
static int
open_cluster(struct site *site, struct tn_err *err)
{
	struct settings *cfg = &site->settings;
	struct tn_link_hooks hooks = { link_up, link_down, session_changed,
	    site };
	struct tn_revocation_options revocation = {
		.prefix = tn_slice_str(cfg->session.prefix),
		.may_stay = socket_may_stay,
	};
	struct tn_loop *loop;

	cfg->ws.on_reload = reload;
	cfg->ws.is_idle = is_idle;
	cfg->ws.arg = site;
	if (fill_forwarding(site, err) < 0)
		return err->code;
	site->host = tn_host_io_new(&cfg->ws, &site->log, err);
	if (site->host == NULL)
		return err->code;
	loop = tn_host_io_loop(site->host);
	site->link = tn_link_new(loop, &site->log, &cfg->redis, &hooks, err);
	if (site->link == NULL)
		return err->code;
	/* Others are sure of its end two thirds of this after its last sign. */
	site->registry = tn_registry_new(loop, site->link, &site->log,
	    cfg->name, cfg->chat.lease_ms / 2, err);
	site->adapter = tn_redis_adapter_new(&(struct tn_redis_adapter_options){
		.link = site->link, .log = &site->log,
		.registry = site->registry, .prefix = cfg->cluster.prefix,
		.requests_timeout_ms = cfg->cluster.requests_timeout_ms,
		.is_sharded = cfg->cluster.form == 1,
		.mode = (enum tn_subscription_mode)cfg->cluster.mode,
		.private_answers = cfg->cluster.private_answers,
		.recovery_events = settings_recovery_events(cfg),
	    }, err);
	site->revocation = tn_revocation_new(loop, site->link, &site->log,
	    &revocation, err);
	site->io = tn_io_new(&cfg->io, &loop->wheel, &site->log, err);
	if (site->registry != NULL) {
		site->canary = tn_canary_new(loop, site->link, &site->log,
		    tn_registry_id(site->registry), CANARY_MS, err);
		site->whereabouts = tn_whereabouts_new(loop, site->link,
		    site->registry, cfg->name, cfg->chat.lease_ms, err);
	}
	if (site->canary == NULL || site->whereabouts == NULL ||
	    site->adapter == NULL ||
	    site->revocation == NULL || site->io == NULL)
		return err->code;
	chat_init(&site->chat, &(struct chat_parts){ loop, site->link,
	    site->registry, &site->log, &cfg->chat, user_entered, user_left,
	    may_relay(cfg) ? chat_relay : NULL, site });
	tn_registry_on_gone(site->registry, node_gone, site);
	return site_open_control(site, err);
}

static int
serve(struct site *site, struct tn_err *err)
{
	struct settings *cfg = &site->settings;
	int status;

	if ((status = tn_random_start(err)) < 0 ||
	    (status = settings_session_options(cfg, &site->signer,
	    &site->session, err)) < 0 ||
	    (status = open_cluster(site, err)) < 0)
		return status;
	tn_io_set_adapter(site->io, site->adapter);
	site->ns = tn_io_of(site->io, cfg->namespace);
	if (site->ns == NULL || tn_ns_use(site->ns, socket_auth, site) < 0)
		return tn_err_set(err, TN_E_NOMEM, "no memory for namespaces");
	tn_ns_on_connection(site->ns, socket_connection, site);
	return tn_host_run_io(site->host, site->io, err);
}

/* The sockets first: what they leave behind goes to Redis by the rest. */
static void
close_site(struct site *site)
{
	tn_control_free(&site->control);
	tn_io_free(&site->io);
	site->ns = NULL;
	tn_redis_adapter_free(&site->adapter);
	tn_whereabouts_free(&site->whereabouts);
	tn_registry_free(&site->registry);
	if (site->host != NULL)		/* the last words to Redis leave */
		tn_loop_run_deferred(tn_host_io_loop(site->host));
	tn_link_free(&site->link);
	tn_revocation_free(&site->revocation);
	tn_canary_free(&site->canary);
	if (site->chat.parts.loop != NULL)
		chat_fini(&site->chat);
	tn_host_io_free(&site->host);
	tn_signer_free(&site->forward_signer);
	tn_signer_free(&site->signer);
}

int
main(int argc, char **argv)
{
	struct site site = { .host = NULL };
	struct tn_err err;
	int status;

	if (!settings_load(&site.settings, "tandem-ws", argc, argv, &status)) {
		settings_fini(&site.settings);
		return status;
	}
	if (settings_open_log(&site.settings, "tandem-ws", &site.log, &err) < 0) {
		fprintf(stderr, "tandem-ws: %s\n", err.text);
		settings_fini(&site.settings);
		return EXIT_FAILURE;
	}
	status = site_run(&site, serve, &err);
	if (status < 0)
		tn_log_event(&site.log, TN_LOG_ERROR, "ws.stopped",
		    TN_F_STR("reason", err.text));
	close_site(&site);
	tn_log_close(&site.log);
	settings_fini(&site.settings);
	return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
