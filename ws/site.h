/* The chat's real-time side: what main, auth and events share. */
#ifndef SITE_H
#define SITE_H

#include "chat/chat.h"
#include "cluster/revocation.h"
#include "io/io.h"

struct tn_relay;

struct site {
	struct settings settings;
	struct tn_log log;
	struct tn_host_io *host;
	struct tn_control *control;	/* NULL: none */
	struct tn_link *link;
	struct tn_registry *registry;
	struct tn_canary *canary;
	struct tn_whereabouts *whereabouts;
	struct tn_signer *forward_signer;
	struct tn_adapter *adapter;
	struct tn_io *io;
	struct tn_ns *ns;		/* of the chat: "/packtchat" */
	struct tn_signer *signer;
	struct tn_session_options session;
	struct tn_revocation *revocation;
	struct chat chat;
};

/* Who a socket is: its data, set by socket_auth. */
struct member {
	struct site *site;
	struct tn_watched_socket watched;
	struct chat_user user;		/* on the heap; empty until let in */
};

/* auth.c: let those in who have logged in; keep them while they are. */
tn_ns_step socket_auth;
tn_revocation_may_stay socket_may_stay;

/* control.c: what tandemctl may ask for. */
int site_open_control(struct site *site, struct tn_err *err);

/* counters.c: all that is counted, as JSON: {"engine":{"opened":1},...} */
void site_write_counts(const struct site *site, struct tn_buf *out);

/*
 * workers.c: serve in this process; or, unless it was told to be one worker,
 * in as many of its own as the settings say, and look after them.
 */
int site_run(struct site *site, int (*serve)(struct site *site,
    struct tn_err *err), struct tn_err *err);

/* events.c: what a client may ask for, and what its rooms are told. */
tn_connection_fn socket_connection;
chat_change_fn user_entered, user_left;
bool chat_relay(struct tn_slice room, struct tn_slice json,
    struct tn_relay *out, void *site);
void rooms_resync(struct site *site);

#endif
