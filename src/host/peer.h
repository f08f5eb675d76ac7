/*
 * Connections of the Socket.IO host, and the host from within.
 *
 *     listener ──accept──▶ peer ──▶ libwebsockets (head, frames)
 *                           │ request            │ upgrade
 *                           ▼                    ▼
 *                        exchange              wire
 *                           └──── tn_engine ─────┘
 *
 * A peer lives as long as libwebsockets' side of it, its wsi. What has to
 * end it from outside of a callback of that wsi puts it on the doomed list,
 * which is emptied before the loop waits.
 */
#ifndef TN_PEER_H
#define TN_PEER_H

#include <libwebsockets.h>
#include <netinet/in.h>

#include "base/arena.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/map.h"
#include "host/client_bundle.h"
#include "host/forwarded.h"
#include "host/host_io.h"
#include "host/listener.h"
#include "host/loop_ev.h"
#include "io/engine.h"
#include "io/ws_deflate.h"

struct tn_forwards;
struct tn_gate;

/* A context of libwebsockets, for descriptors below a number. */
struct tn_host_lws {
	struct lws_context *context;	/* NULL: not used yet */
	struct lws_vhost *vhost;
	lws_sorted_usec_list_t tick;
};

enum { TN_HOST_LWS = 5 };

struct tn_host_io {
	struct tn_host_io_options options;	/* defaults filled in */
	struct tn_host_counts counts;
	struct tn_gate *gate;		/* NULL: all connections are ours */
	struct tn_forwards *forwards;	/* NULL: there is one host */
	struct tn_log *log;
	struct tn_loop_ev loop;
	struct tn_host_lws lws[TN_HOST_LWS];	/* by descriptors; some unused */
	struct tn_heap heap;
	struct tn_timer trim;		/* of the heap */
	struct tn_engine *engine;	/* NULL but while it runs */
	void (*close_all)(void *arg);	/* ends all sessions */
	void *close_arg;
	struct tn_client_bundle *bundle;

	struct tn_listener listener;
	struct tn_watch accept;
	struct tn_timer pause;		/* until accepting goes on */
	int spare_fd;			/* let go of when there are no others */

	struct tn_list peers;
	struct tn_map addresses;	/* to how many peers each has */
	struct tn_list doomed;
	struct tn_list dirty;		/* wires with something to send */
	struct tn_batch *batch;
	struct tn_rcbuf *close_frame;
	struct tn_ws_deflate terms;	/* of the handshake at hand */
	struct tn_arena scratch;	/* of the request at hand */
	struct tn_buf out;		/* of the answer at hand */

	ev_signal on_term, on_int, on_hup;
	struct tn_timer drain;
	bool draining;
};

struct tn_peer {
	struct tn_host_io *host;
	struct lws *wsi;
	int fd;
	bool in_callback;		/* libwebsockets waits for our verdict */
	bool must_close;		/* that verdict */
	bool is_counted : 1;		/* in host->addresses */
	bool is_forwarded : 1;		/* for one request: the next may be another's */
	bool is_doomed : 1;
	struct tn_list link;		/* in host->peers, or host->doomed */
	struct tn_timer deadline;	/* of what the peer has to do next */
	struct exchange *exchange;	/* one of these, or none */
	struct wire *wire;
	char address[];			/* "" for a Unix socket */
};

/* A peer has this long for ... */
enum {
	PEER_HEAD_MS = 20000,	/* the head of its first request */
	PEER_BODY_MS = 60000,	/* a request's body */
	PEER_IDLE_MS = 75000,	/* its next request, whole head */
	PEER_REPLY_MS = 60000,	/* taking a reply */
	PEER_CLOSE_MS = 5000,	/* answering a close */
};

/* peer.c */

/*
 * Takes the descriptor, which is closed if this fails.
 *
 * address  the client's, said by the host that forwards it; NULL: the socket's
 */
void tn_peer_new(struct tn_host_io *host, int fd, const char *address);
/*
 * A small buffer in the kernel, so that we know who is slow; and no delay. Set
 * for a listener, TCP sockets accepted from it have them too.
 */
void tn_peer_set_up_socket(const struct tn_host_io *host, int fd);
/* The address of a socket's other end; not set if that is a Unix socket. */
void tn_peer_address(int fd, char address[TN_ADDRESS_TEXT]);
/* libwebsockets is done with it. */
void tn_peer_free(struct tn_peer *peer);
/* End it before the loop waits next; safe to call anywhere, and again. */
void tn_peer_doom(struct tn_peer *peer);
void tn_peer_set_deadline(struct tn_peer *peer, int ms);
void tn_peer_clear_deadline(struct tn_peer *peer);
/* Take all doomed ones down. Returns whether there were any. */
bool tn_peers_reap(struct tn_host_io *host);
/* Cut all that wait for a request; or all. */
void tn_peers_cut(struct tn_host_io *host, bool idle_only);

/* accept.c */

int tn_host_accept_start(struct tn_host_io *host, struct tn_err *err);
void tn_host_accept_stop(struct tn_host_io *host);

/* gate.c */

int tn_gate_start(struct tn_host_io *host, struct tn_err *err);
void tn_gate_stop(struct tn_host_io *host);
/* Takes a connection that was accepted, to whom it belongs. */
void tn_gate_take(struct tn_host_io *host, int fd);
/* May the next request of a connection be another worker's? */
bool tn_gate_closes(const struct tn_host_io *host);

/* request_head.c */

/*
 * The head that libwebsockets has parsed, as the engine reads it.
 *
 * Returns 0, or the HTTP status that refuses it (400, 411, 501). Views live
 * in host->scratch, until the next call.
 */
int tn_request_head_read(struct tn_peer *peer, struct tn_io_request *request,
    bool *has_body);

/* exchange.c: each returns what the callback has to return */

int tn_peer_on_http(struct tn_peer *peer);
int tn_peer_on_body(struct tn_peer *peer, struct tn_slice part);
int tn_peer_on_body_end(struct tn_peer *peer);
/* The connection is gone, or the host is. */
void tn_exchange_abandon(struct tn_peer *peer);
/* Refuse a request that asks for more than HTTP; returns -1. */
int tn_peer_refuse(struct tn_peer *peer, const struct tn_io_reply *reply);

/* wire.c */

int tn_peer_on_upgrade(struct tn_peer *peer);
int tn_peer_on_open(struct tn_peer *peer);
int tn_peer_on_message(struct tn_peer *peer, struct tn_slice part);
int tn_peer_on_peer_close(struct tn_peer *peer, struct tn_slice payload);
int tn_peer_on_writable(struct tn_peer *peer);
void tn_wire_abandon(struct tn_peer *peer);
/* Send what the wires have. Returns whether there was any. */
bool tn_wires_flush(struct tn_host_io *host);

/* wire_deflate.c */

/* What libwebsockets is told of: its table of extensions. */
extern const struct lws_extension tn_wire_extensions[];

/*
 * Drop host->terms that libwebsockets would read otherwise than the engine.
 * Returns false if it could not take the header at all.
 */
bool tn_wire_may_agree(struct tn_host_io *host,
    const struct tn_io_request *request);
/* May it be the extension of this connection? 0: yes. */
int tn_peer_on_extension(struct tn_peer *peer);
/* The answer's headers, to which the terms are added. */
int tn_peer_on_headers(struct tn_peer *peer,
    struct lws_process_html_args *args);

/* host_lws.c */

int tn_host_lws_start(struct tn_host_io *host, struct tn_err *err);
/* Whoever takes this descriptor; NULL: it cannot start, and has said why. */
struct lws_vhost *tn_host_lws_for(struct tn_host_io *host, int fd);
void tn_host_lws_stop(struct tn_host_io *host);

#endif
