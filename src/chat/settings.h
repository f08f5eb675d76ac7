/* The settings of the site: tandem.conf and the command line of both programs. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "base/arena.h"
#include "base/conf.h"
#include "base/log.h"
#include "cluster/redis_adapter.h"
#include "host/host_io.h"
#include "io/io.h"
#include "redis/redis.h"
#include "session/session.h"
#include "web/trust_proxy.h"

struct tn_signer;

struct settings_http {
	const char *listen;		/* "unix:/path", "host:port" */
	int workers;			/* 0: one a core */
	int slow_threads;
	int slow_queue;
	const char *base_path;		/* "" or "/chat": what the site hangs under */
	size_t max_body;
	const char *views;		/* folders */
	const char *public;
	const char *origin;		/* "https://example.org"; NULL: the Host header's */
	const char *trust_proxy;	/* as it is written, and as it is read */
	struct tn_trust trust;
	int rate_limit;			/* requests of one address; 0: any */
	int rate_window_ms;
	bool show_errors;		/* to clients, what the log says */
	const char *login_route;
	const char *logout_route;
};

struct settings_session {
	struct tn_conf_strings secret;	/* secret_file's behind them */
	const char *secret_file;	/* a secret a line; NULL: none */
	const char *name;		/* of the cookie */
	const char *prefix;		/* of the keys in Redis */
	int max_age_ms;			/* 0: ends with the browser */
	int ttl_ms;			/* in Redis, of those that end with the browser */
	int secure;			/* enum tn_secure */
	int same_site;			/* enum tn_same_site */
	int priority;			/* enum tn_priority */
	bool partitioned;
	const char *domain;		/* "": none */
	bool http_only;
	bool rolling;
	bool resave;
	bool save_uninitialized;
	int absolute_ms;		/* 0: no bound */
	int touch;			/* percent of its life; 0: each time */
};

struct settings_account {
	int hash_ops;
	size_t hash_memory;
	int user_tries;			/* log-ins of one name in a window */
	int address_tries;		/* and from one address */
	int window_ms;
	int remember_ms;		/* "stay logged in"; 0: not offered */
};

struct settings_chat {
	int history;			/* messages in one answer */
	int stream;			/* messages kept a room */
	int lease_ms;			/* how long a dead node's users stay */
	int grace_ms;			/* how long a user lingers whose connection was lost */
	int seen_ms;			/* how long a message's own id is remembered */
};

/* The other nodes, ours and Node's. */
struct settings_cluster {
	int form;			/* 0: plain, 1: sharded */
	int mode;			/* enum tn_subscription_mode */
	const char *prefix;		/* of the channels */
	int requests_timeout_ms;
	bool private_answers;
};

struct settings_log {
	int target;			/* enum tn_log_target */
	const char *file;
	int level;			/* enum tn_log_level */
};

struct settings {
	struct tn_arena arena;		/* owns every text below */
	const char *file;
	const char *worker;		/* --worker: this process among several */
	bool is_worker_given;		/* then it has no workers of its own */
	int workers;			/* of tandem-ws; 0: one a core */
	const char *node;		/* this host among several; "": the only one */
	const char *name;		/* "node-worker", at the end of each sid */
	struct settings_http http;
	struct settings_session session;
	struct settings_account account;
	struct tn_redis_options redis;
	struct tn_conf_strings redis_nodes;
	const char *namespace;		/* "/packtchat" */
	const char *forward;		/* ws.forward, the same; NULL: none */
	const char *listen;		/* ws.listen before a worker's id is in it */
	struct tn_host_io_options ws;	/* tandem-ws as a server */
	struct tn_io_options io;	/* its Engine.IO and Socket.IO */
	int parser;			/* 0: JSON, 1: MessagePack */
	int recovery_events;
	struct tn_conf_strings origins;
	struct tn_conf_strings trusted_proxies;
	struct settings_chat chat;
	struct settings_cluster cluster;
	struct settings_log log;
};

/* What the adapter is to keep of each namespace: 0 if nobody can come back. */
int settings_recovery_events(const struct settings *s);

/*
 * Read the command line, then the file it names: --config FILE,
 * -o SECTION.KEY=VALUE, --check, --worker ID, --version, --help. What is
 * wrong is printed as "FILE:LINE: what" on standard error.
 *
 * s        filled; settings_fini in any case
 * program  its name, for messages
 * status   set to the exit status when the program is to end
 *
 * Returns true to go on; false to end (--help, --check, or a fault).
 */
bool settings_load(struct settings *s, const char *program, int argc,
    char **argv, int *status);

/*
 * The same without a command line: the file's text, as a file of that name.
 * worker NULL: "a". Returns 0 or TN_E_CONFIG, TN_E_SYSTEM, TN_E_NOMEM.
 */
int settings_read(struct settings *s, const char *name, struct tn_slice text,
    const char *worker, struct tn_err *err);

/*
 * Make these the settings of another worker (1 to 32 letters, digits, '-' or
 * '_'): where it listens, what ends its sids.
 * Returns 0, TN_E_CONFIG or TN_E_NOMEM.
 */
int settings_set_worker(struct settings *s, const char *worker,
    struct tn_err *err);

/* Wipes the secrets. */
void settings_fini(struct settings *s);

/* Open the log as [log] says. Returns 0 or TN_E_SYSTEM. */
int settings_open_log(const struct settings *s, const char *program,
    struct tn_log *log, struct tn_err *err);

/*
 * The session settings in the library's terms.
 *
 * signer   made from the secrets; tn_signer_free when done
 * options  filled; borrows from s and signer
 *
 * Returns 0, TN_E_CONFIG or TN_E_NOMEM.
 */
int settings_session_options(const struct settings *s,
    struct tn_signer **signer, struct tn_session_options *options,
    struct tn_err *err);

#endif
