#include "config.h"

#include "chat/settings_keys.h"

#include "base/limits.h"
#include "chat/settings.h"

static const char *const secure_choices[] = {
	[TN_SECURE_NO] = "no",
	[TN_SECURE_YES] = "yes",
	[TN_SECURE_AUTO] = "auto",
	NULL,
};

static const char *const same_site_choices[] = {
	[TN_SAME_SITE_UNSET] = "unset",
	[TN_SAME_SITE_LAX] = "lax",
	[TN_SAME_SITE_STRICT] = "strict",
	[TN_SAME_SITE_NONE] = "none",
	[TN_SAME_SITE_AUTO] = "auto",
	NULL,
};

static const char *const priority_choices[] = {
	[TN_PRIORITY_UNSET] = "unset",
	[TN_PRIORITY_LOW] = "low",
	[TN_PRIORITY_MEDIUM] = "medium",
	[TN_PRIORITY_HIGH] = "high",
	NULL,
};

static const char *const target_choices[] = {
	[TN_LOG_STDERR] = "stderr",
	[TN_LOG_SYSLOG] = "syslog",
	[TN_LOG_FILE] = "file",
	NULL,
};

static const char *const topology_choices[] = {
	[TN_REDIS_SINGLE] = "single",
	[TN_REDIS_SENTINEL] = "sentinel",
	[TN_REDIS_CLUSTER] = "cluster",
	NULL,
};

static const char *const parser_choices[] = { "json", "msgpack", NULL };

static const char *const form_choices[] = { "pubsub", "sharded", NULL };

static const char *const mode_choices[] = {
	[TN_SUBSCRIBE_DYNAMIC] = "dynamic",
	[TN_SUBSCRIBE_DYNAMIC_PRIVATE] = "dynamic-private",
	[TN_SUBSCRIBE_STATIC] = "static",
	NULL,
};

static const char *const level_choices[] = {
	[TN_LOG_ERROR] = "error",
	[TN_LOG_WARN] = "warn",
	[TN_LOG_INFO] = "info",
	[TN_LOG_DEBUG] = "debug",
	NULL,
};

#define AT(member)	.offset = offsetof(struct settings, member)
#define STRING(member)	.type = TN_CONF_STRING, AT(member)
#define STRINGS(member)	.type = TN_CONF_STRINGS, AT(member)
#define BOOL(member)	.type = TN_CONF_BOOL, AT(member)
#define CHOICE(member, list) .type = TN_CONF_CHOICE, AT(member), .choices = (list)
#define INT(member, lo, hi) .type = TN_CONF_INT, AT(member), .min = (lo), .max = (hi)
#define MS(member, lo, hi) .type = TN_CONF_MS, AT(member), .min = (lo), .max = (hi)
#define SIZE(member, lo, hi) .type = TN_CONF_SIZE, AT(member), .min = (lo), .max = (hi)

#define SECOND	1000LL
#define HOUR	(3600 * SECOND)
#define DAY	(24 * HOUR)
#define MIB	(1LL << 20)

/* clang-format off */
const struct tn_conf_key settings_keys[] = {
	/* section, key, type and place, preset, what */
	{ "http", "listen", STRING(http.listen),
	    .preset = "unix:/run/tandem/fcgi.sock",
	    .what = "where the web server finds tandem-fcgi: unix:/path or host:port" },
	{ "http", "workers", INT(http.workers, 0, 1024), .preset = "0",
	    .what = "processes; 0: one for each core" },
	{ "http", "slow_threads", INT(http.slow_threads, 1, 64), .preset = "2",
	    .what = "threads for what takes long (passwords, uploads), in each process" },
	{ "http", "slow_queue", INT(http.slow_queue, 1, 65536), .preset = "64",
	    .what = "requests that may wait for them; beyond it the answer is 503" },
	{ "http", "base_path", STRING(http.base_path), .preset = "",
	    .what = "what the site hangs under, as in /chat; empty: the root" },
	{ "http", "max_body", SIZE(http.max_body, 1024, 1024 * MIB), .preset = "1m",
	    .what = "bytes of a request's body" },
	{ "http", "views", STRING(http.views), .preset = TN_PKGDATADIR "/views",
	    .what = "folder of the page templates" },
	{ "http", "public", STRING(http.public), .preset = TN_PKGDATADIR "/public",
	    .what = "folder of the static files, served under /assets" },
	{ "http", "origin", STRING(http.origin), .preset = "",
	    .what = "the site's origin as browsers see it (https://example.org); empty: from the Host header" },
	{ "http", "trust_proxy", STRING(http.trust_proxy), .preset = "",
	    .what = "proxies before the web server whose X-Forwarded-For, -Proto and -Host are believed: how many, or their addresses and subnets; empty: none" },
	{ "http", "rate_limit", INT(http.rate_limit, 0, 100000000), .preset = "0",
	    .what = "pages and forms that one address may ask for in a window; 0: any number" },
	{ "http", "rate_window", MS(http.rate_window_ms, SECOND, DAY), .preset = "1m",
	    .what = "the window" },
	{ "http", "show_errors", BOOL(http.show_errors), .preset = "no",
	    .what = "what went wrong on error pages, for whoever develops; else only the status" },
	{ "http", "login_route", STRING(http.login_route), .preset = "/account/login",
	    .what = "the page to log in" },
	{ "http", "logout_route", STRING(http.logout_route), .preset = "/account/logout",
	    .what = "where the log-out form is posted to" },

	{ "session", "secret", STRINGS(session.secret), .secret = true,
	    .what = "signs the cookie, 16 bytes or more; several lines: the first signs, all verify" },
	{ "session", "secret_file", STRING(session.secret_file),
	    .what = "a file with a secret on each line, behind those given as secret" },
	{ "session", "name", STRING(session.name), .preset = "connect.sid",
	    .what = "the cookie" },
	{ "session", "prefix", STRING(session.prefix), .preset = "sess:",
	    .what = "in front of the session id in Redis" },
	{ "session", "max_age", MS(session.max_age_ms, 0, 24 * DAY), .preset = "0s",
	    .what = "life of the cookie; 0: until the browser closes" },
	{ "session", "ttl", MS(session.ttl_ms, SECOND, 24 * DAY), .preset = "24h",
	    .what = "life in Redis of a session whose cookie has no end" },
	{ "session", "secure", CHOICE(session.secure, secure_choices), .preset = "auto",
	    .what = "cookie over https only: no, yes, or auto (as the request came)" },
	{ "session", "same_site", CHOICE(session.same_site, same_site_choices), .preset = "lax",
	    .what = "unset, lax, strict, none, or auto (none if secure, else lax)" },
	{ "session", "priority", CHOICE(session.priority, priority_choices), .preset = "unset",
	    .what = "of the cookie: unset, low, medium or high" },
	{ "session", "partitioned", BOOL(session.partitioned), .preset = "no",
	    .what = "a cookie for each site that embeds this one" },
	{ "session", "domain", STRING(session.domain), .preset = "",
	    .what = "of the cookie; empty: this host alone" },
	{ "session", "http_only", BOOL(session.http_only), .preset = "yes",
	    .what = "keep the cookie from scripts" },
	{ "session", "rolling", BOOL(session.rolling), .preset = "no",
	    .what = "a new cookie with every answer" },
	{ "session", "resave", BOOL(session.resave), .preset = "no",
	    .what = "store sessions that nobody has changed" },
	{ "session", "save_uninitialized", BOOL(session.save_uninitialized), .preset = "no",
	    .what = "store sessions that nobody has written to" },
	{ "session", "absolute", MS(session.absolute_ms, 0, 24 * DAY), .preset = "168h",
	    .what = "the longest life of a session, however busy; 0: no bound" },
	{ "session", "touch", INT(session.touch, 0, 50), .preset = "5",
	    .what = "percent of its life that go by before Redis is told that it is used; 0: each time" },

	{ "account", "hash_ops", INT(account.hash_ops, 1, 100), .preset = "2",
	    .what = "Argon2id passes over the memory" },
	{ "account", "hash_memory", SIZE(account.hash_memory, 8192, 1024 * MIB), .preset = "19m",
	    .what = "Argon2id memory of one hash; less than 8m is weak, and warned of" },
	{ "account", "user_tries", INT(account.user_tries, 1, 100000), .preset = "10",
	    .what = "log-ins of one name in a window" },
	{ "account", "address_tries", INT(account.address_tries, 1, 1000000), .preset = "100",
	    .what = "log-ins and registrations from one address in a window" },
	{ "account", "window", MS(account.window_ms, SECOND, DAY), .preset = "15m",
	    .what = "the window" },
	{ "account", "remember", MS(account.remember_ms, 0, 24 * DAY), .preset = "336h",
	    .what = "how long \"stay logged in\" lasts from the last visit; 0: not offered" },

	{ "redis", "path", STRING(redis.path),
	    .what = "Unix socket of Redis; wins over host and port" },
	{ "redis", "host", STRING(redis.host), .preset = "127.0.0.1",
	    .what = "its address" },
	{ "redis", "port", INT(redis.port, 1, 65535), .preset = "6379",
	    .what = "its port" },
	{ "redis", "user", STRING(redis.user),
	    .what = "ACL user" },
	{ "redis", "password", STRING(redis.password), .secret = true,
	    .what = "password of that user, or of the server" },
	{ "redis", "database", INT(redis.database, 0, 1023), .preset = "0",
	    .what = "number of the database" },
	{ "redis", "topology", CHOICE(redis.topology, topology_choices), .preset = "single",
	    .what = "single: one server, as above; sentinel: the master that sentinels name; cluster: a Redis Cluster (database 0 alone)" },
	{ "redis", "nodes", STRINGS(redis_nodes),
	    .what = "the sentinels, or some nodes of the cluster: host:port, one a line" },
	{ "redis", "master", STRING(redis.master), .preset = "mymaster",
	    .what = "the master's name among its sentinels" },
	{ "redis", "sentinel_user", STRING(redis.sentinel_user),
	    .what = "ACL user of the sentinels" },
	{ "redis", "sentinel_password", STRING(redis.sentinel_password), .secret = true,
	    .what = "password of the sentinels" },
	{ "redis", "connect_timeout", MS(redis.connect_ms, 10, 60 * SECOND), .preset = "1s",
	    .what = "to connect" },
	{ "redis", "command_timeout", MS(redis.command_ms, 10, 60 * SECOND), .preset = "1s",
	    .what = "for the answer to a command" },

	{ "ws", "workers", INT(workers, 0, 26), .preset = "0",
	    .what = "processes of tandem-ws, called a, b, c and so on, unless it is told with --worker to be one; 0: one for each core" },
	{ "ws", "listen", STRING(listen), .preset = "unix:/run/tandem/ws-%w.sock",
	    .what = "where the web server finds tandem-ws; %w is the worker's id, %n its number: 0 of a, 1 of b" },
	{ "ws", "path", STRING(io.engine.path), .preset = "/socket.io/",
	    .what = "path of the requests" },
	{ "ws", "namespace", STRING(namespace), .preset = "/packtchat",
	    .what = "Socket.IO namespace of the chat" },
	{ "ws", "origins", STRINGS(origins),
	    .what = "origins whose pages may connect, one a line; none: http.origin, or the Host header's" },
	{ "ws", "require_origin", BOOL(io.engine.require_origin), .preset = "no",
	    .what = "refuse clients that send no Origin header; browsers send none when they poll their own site" },
	{ "ws", "cookie", STRING(io.engine.cookie), .preset = "",
	    .what = "cookie that holds the Engine.IO session's id, for proxies that keep clients with a worker by it; empty: none" },
	{ "ws", "allow_eio3", BOOL(io.engine.allow_eio3), .preset = "no",
	    .what = "take clients of Socket.IO 2 (Engine.IO 3) too" },
	{ "ws", "parser", CHOICE(parser, parser_choices), .preset = "json",
	    .what = "what packets are written in: json, or msgpack as socket.io-msgpack-parser, which all clients must have then" },
	{ "ws", "recovery_window", MS(io.recovery_window_ms, 0, HOUR), .preset = "0s",
	    .what = "for how long a client whose connection was lost finds its rooms again, and what it missed, at any worker; 0: not at all. The same on all nodes" },
	{ "ws", "recovery_events", INT(recovery_events, 100, 1000000), .preset = "10000",
	    .what = "events kept in Redis for them; who missed more begins anew" },
	{ "ws", "per_message_deflate", BOOL(io.engine.per_message_deflate), .preset = "no",
	    .what = "compress WebSocket messages, both ways, for clients that offer it" },
	{ "ws", "per_message_deflate_threshold", SIZE(io.engine.per_message_deflate_threshold, 1, 100 * MIB), .preset = "1024",
	    .what = "bytes of a message from which on it is compressed" },
	{ "ws", "http_compression", BOOL(io.engine.http_compression), .preset = "no",
	    .what = "compress answers to polls, by gzip or deflate, for clients that accept it" },
	{ "ws", "http_compression_threshold", SIZE(io.engine.http_compression_threshold, 1, 100 * MIB), .preset = "1024",
	    .what = "bytes of an answer from which on it is compressed" },
	{ "ws", "client_dir", STRING(ws.client_dir), .preset = TN_PKGDATADIR "/client",
	    .what = "folder of the browser client; empty: not served" },
	{ "ws", "ping_interval", MS(io.engine.ping_interval_ms, 100, HOUR), .preset = "25s",
	    .what = "between two heartbeats" },
	{ "ws", "ping_timeout", MS(io.engine.ping_timeout_ms, 100, HOUR), .preset = "20s",
	    .what = "for the answer to a heartbeat" },
	{ "ws", "upgrade_timeout", MS(io.engine.upgrade_timeout_ms, 100, HOUR), .preset = "10s",
	    .what = "to complete the change from polling to WebSocket" },
	{ "ws", "connect_timeout", MS(io.connect_timeout_ms, 100, HOUR), .preset = "45s",
	    .what = "to join a first namespace" },
	{ "ws", "max_payload", SIZE(io.engine.max_payload, 1024, 100 * MIB), .preset = "1000000",
	    .what = "bytes of a message, or of a posted body" },
	{ "ws", "max_queue", SIZE(io.engine.max_queue, 4096, 1024 * MIB), .preset = "1m",
	    .what = "bytes that may wait for one client; beyond it the client is closed" },
	{ "ws", "max_clients", SIZE(io.engine.max_conns, 0, 16 * MIB), .preset = "0",
	    .what = "clients of one worker; 0: as many as descriptors" },
	{ "ws", "max_per_address", SIZE(ws.max_per_address, 0, 16 * MIB), .preset = "1000",
	    .what = "connections of one address to one worker, but for trusted proxies and Unix sockets; 0: no bound" },
	{ "ws", "trusted_proxies", STRINGS(trusted_proxies),
	    .what = "addresses whose X-Forwarded-For counts, one a line; a Unix socket always does" },
	{ "ws", "send_buffer", INT(ws.send_buffer, 4096, 16 * MIB), .preset = "65536",
	    .what = "bytes the kernel may hold for one client" },
	{ "ws", "io_uring", BOOL(ws.use_ring), .preset = "no",
	    .what = "send to many in one system call, where the kernel lets us" },
	{ "ws", "drain", MS(ws.drain_ms, 0, HOUR), .preset = "5s",
	    .what = "from TERM to the end" },
	{ "ws", "node", STRING(node), .preset = "",
	    .what = "name of this host among several, in front of the worker's id in each session id" },
	{ "ws", "control_dir", STRING(ws.control_dir), .preset = "/run/tandem-ws",
	    .what = "folder of the sockets by which tandemctl reaches the workers, and they each other; empty: none" },
	{ "ws", "front_routes", BOOL(ws.front_routes), .preset = "no",
	    .what = "the web server sends each session to its own worker, so connections from it may be kept after an answer" },
	{ "ws", "forward", STRING(forward),
	    .what = "where other hosts bring connections of this one's sessions: host:port of a private network, port 0 for any; empty: there are none" },

	{ "chat", "history", INT(chat.history, 1, TN_LIMIT_CHAT_HISTORY), .preset = "50",
	    .what = "messages in the answer to GetChat" },
	{ "chat", "stream", INT(chat.stream, 1, 1000000), .preset = "10000",
	    .what = "messages kept of each room" },
	{ "chat", "lease", MS(chat.lease_ms, SECOND, HOUR), .preset = "10s",
	    .what = "how long the users of a dead worker stay in their rooms" },
	{ "chat", "grace", MS(chat.grace_ms, 0, HOUR), .preset = "10s",
	    .what = "how long a user stays whose connection was lost; back in time is not told" },
	{ "chat", "seen", MS(chat.seen_ms, SECOND, DAY), .preset = "1h",
	    .what = "how long a message sent again is known for what it is" },

	{ "cluster", "adapter", CHOICE(cluster.form, form_choices), .preset = "pubsub",
	    .what = "pubsub, as createAdapter of Socket.IO's redis-adapter, or sharded, as createShardedAdapter (Redis 7); the same on all nodes" },
	{ "cluster", "subscription", CHOICE(cluster.mode, mode_choices), .preset = "dynamic",
	    .what = "sharded: the rooms a node hears of: dynamic, dynamic-private or static; the same on all nodes" },
	{ "cluster", "prefix", STRING(cluster.prefix), .preset = "socket.io",
	    .what = "in front of the channels' names" },
	{ "cluster", "requests_timeout", MS(cluster.requests_timeout_ms, 100, 60 * SECOND), .preset = "5s",
	    .what = "for other nodes to answer" },
	{ "cluster", "private_answers", BOOL(cluster.private_answers), .preset = "no",
	    .what = "pubsub: answer on the asker's own channel (publishOnSpecificResponseChannel)" },

	{ "log", "target", CHOICE(log.target, target_choices), .preset = "stderr",
	    .what = "stderr, syslog or file" },
	{ "log", "file", STRING(log.file),
	    .what = "the file" },
	{ "log", "level", CHOICE(log.level, level_choices), .preset = "info",
	    .what = "error, warn, info or debug" },
	{ .section = NULL },
};
/* clang-format on */
