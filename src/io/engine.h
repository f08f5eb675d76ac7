/*
 * Engine.IO 4, and 3 if allowed: sessions over long-polling and WebSocket,
 * without I/O.
 *
 *     host (sockets, HTTP, frames)          Socket.IO (io.h)
 *        |  request, body, wire open,           ^  on_open, on_text,
 *        v  message, gone                       |  on_binary, on_close
 *     +-----------------------------------------+
 *     |  tn_engine: sessions (tn_conn) by sid   |
 *     +-----------------------------------------+
 *        |  exchange reply; wire wake, close     ^  tn_conn_send,
 *        v                                       |  tn_conn_close
 *
 * A long-polling request is a tn_io_exchange, a WebSocket is a tn_wire: both
 * are embedded in structs of the host, which outlive them as told below.
 */
#ifndef TN_ENGINE_H
#define TN_ENGINE_H

#include "base/buf.h"
#include "base/counts.h"
#include "base/url.h"
#include "base/wheel.h"
#include "io/outq.h"

struct tn_conn;
struct tn_engine;
struct tn_err;
struct tn_log;
struct tn_ws_deflate;

#define TN_EIO_ID_LEN	20	/* random part of a sid, as in Node */

#define TN_CLOSE_REASONS(X)				\
	X(TRANSPORT_ERROR,	"transport error")	\
	X(TRANSPORT_CLOSE,	"transport close")	\
	X(PING_TIMEOUT,		"ping timeout")		\
	X(PARSE_ERROR,		"parse error")		\
	X(FORCED_CLOSE,		"forced close")		\
	X(SHUTTING_DOWN,	"server shutting down")

enum tn_close_reason {
#define TN_CLOSE_ENUM(name, text) TN_CLOSE_##name,
	TN_CLOSE_REASONS(TN_CLOSE_ENUM)
#undef TN_CLOSE_ENUM
};

const char *tn_close_reason_text(enum tn_close_reason reason);

/* Zero values mean the defaults, which are the reference's. */
struct tn_engine_options {
	const char *path;		/* "/socket.io/"; a '/' is added behind it */
	bool no_trailing_slash;		/* unless this says not to */
	const char *worker;		/* put behind each sid as ".worker"; NULL: none */
	int ping_interval_ms;		/* 25000 */
	int ping_timeout_ms;		/* 20000 */
	int upgrade_timeout_ms;		/* 10000 */
	size_t max_payload;		/* 1000000 bytes: POST body, message */
	size_t max_queue;		/* 1 MiB: bytes waiting for one client */
	size_t max_conns;		/* 0: no bound but the descriptors */
	bool no_polling, no_websocket, no_upgrades;
	const char *cookie;		/* its name: the sid, on polling handshakes */
	const char *initial_packet;	/* text sent behind the open packet */
	bool allow_eio3;		/* clients of Socket.IO 2 too */
	/*
	 * Origins whose pages may connect, exact ("https://example.org").
	 * None: the origin must be the Host header's. "*" alone: any.
	 */
	const char *const *origins;	/* these get CORS headers too */
	size_t norigins;
	bool require_origin;		/* refuse clients that send none */
	/*
	 * Compression, for clients that offer it: of WebSocket messages in
	 * both directions (permessage-deflate, nothing kept between two), and
	 * of polls' answers (gzip, deflate). What a page may add to beside a
	 * secret should not be compressed: its length would tell.
	 */
	bool per_message_deflate;
	size_t per_message_deflate_threshold;	/* 1024 bytes of a message */
	bool http_compression;
	size_t http_compression_threshold;	/* 1024 bytes of an answer */
};

/* A request as the host read it; all views, borrowed for the call. */
struct tn_io_request {
	struct tn_slice method;		/* "GET" */
	struct tn_slice target;		/* as sent: path and query */
	const struct tn_pair *headers;	/* names in lower case */
	size_t nheaders;
	struct tn_slice address;	/* of the client, behind trusted proxies */
	bool secure;			/* https at the front */
	bool is_upgrade;		/* asks for a WebSocket */
};

/* What to answer; views are good during the call that hands it over. */
struct tn_io_reply {
	/* 200, 204, 400, 403, 413, 500, 503; 0: cut it off without an answer */
	int status;
	struct tn_slice type;		/* Content-Type; empty: none */
	const struct tn_pair *headers;	/* further ones */
	size_t nheaders;
	struct tn_slice body;
	bool close;			/* the connection, after it */
};

/* One HTTP exchange. The host keeps it until it has replied or is gone. */
struct tn_io_exchange {
	/*
	 * Answer; called exactly once, unless tn_engine_gone came first; may
	 * be called from inside tn_engine_request. The engine forgets the
	 * exchange before it calls.
	 */
	void (*reply)(struct tn_io_exchange *x, const struct tn_io_reply *reply);
	struct tn_conn *conn;		/* engine's: whose poll or post this is */
	struct tn_buf body;		/* engine's: a POST as far as it came */
	bool too_large;			/* engine's */
	bool binary;			/* engine's: that body is no text */
	const char *origin;		/* engine's: whose pages may read it, or NULL */
	bool varies;			/* engine's: by the origin that asks */
	bool sets_cookie;		/* engine's: a handshake over a front with .. */
	bool is_secure;			/* .. https */
	uint8_t coding;			/* engine's: what it may be compressed by */
};

/*
 * One WebSocket. out holds whole frames, headers in place, oldest first;
 * the host sends and pops them, and keeps in pending whether its last write
 * is unfinished.
 */
struct tn_wire {
	/* out got something, or closing was set: look at it this turn. */
	void (*wake)(struct tn_wire *w);
	struct tn_outq out;
	struct tn_conn *conn;		/* engine's: the session; NULL after it ended */
	bool pending;			/* host's: a write is unfinished */
	bool is_closing;		/* engine's: send out, then an empty close frame */
	/*
	 * Host's, before it is opened: the client reads compressed messages
	 * that look back 2 to the .. bytes, 8..15; 0: it reads none.
	 */
	uint8_t deflate_bits;
};

struct tn_engine_hooks {
	/* A session began. The request's views are good during the call. */
	void (*on_open)(struct tn_conn *c, const struct tn_io_request *request,
	    void *arg);
	/* A message. The bytes are borrowed for the call. */
	void (*on_text)(struct tn_conn *c, struct tn_slice text, void *arg);
	void (*on_binary)(struct tn_conn *c, struct tn_slice bytes, void *arg);
	/*
	 * It ended; c is freed after the call. Called once for each on_open,
	 * from tn_engine_flush alone, so never inside a call of yours.
	 */
	void (*on_close)(struct tn_conn *c, enum tn_close_reason reason,
	    void *arg);
	void *arg;
};

/* Requests refused: by error code, 0..5; 6: too many, or stopping. */
#define TN_ENGINE_REFUSED(X)						\
	X(refused_transport) X(refused_sid) X(refused_method)		\
	X(refused_request) X(refused_origin) X(refused_version)		\
	X(refused_busy)

/*
 * slow_closed       the queue's ceiling was reached
 * inflated          compressed messages that came
 * inflate_refused   .. and were malformed; _too_long: above max_payload
 * deflated          messages compressed, whoever got them
 * payloads_deflated polls' answers compressed
 */
#define TN_ENGINE_COUNTS(X)						\
	TN_ENGINE_REFUSED(X)						\
	X(opened) X(closed) X(upgraded)					\
	X(slow_closed) X(volatile_dropped)				\
	X(messages_in) X(messages_out)					\
	X(inflated) X(inflate_refused) X(inflate_too_long)		\
	X(deflated) X(payloads_deflated)

struct tn_engine_counts {
	union {
		struct {
			TN_ENGINE_REFUSED(TN_COUNT_MEMBER)
		};
		uint64_t refused[7];
	};
	uint64_t opened, closed, upgraded;
	uint64_t slow_closed, volatile_dropped;
	uint64_t messages_in, messages_out;
	uint64_t inflated, inflate_refused, inflate_too_long;
	uint64_t deflated, payloads_deflated;
};

/*
 * options, hooks  copied; texts in options are borrowed for its life
 * wheel           its timers; the host moves it on
 */
struct tn_engine *tn_engine_new(const struct tn_engine_options *options,
    const struct tn_engine_hooks *hooks, struct tn_wheel *wheel,
    struct tn_log *log, struct tn_err *err);

/* Closes what is open first, with TN_CLOSE_SHUTTING_DOWN. */
void tn_engine_free(struct tn_engine **engine);

/* Does this request target belong to the engine? */
bool tn_engine_owns(const struct tn_engine *engine, struct tn_slice target);

enum tn_engine_verdict {
	TN_ENGINE_REPLY,	/* x->reply was called or will be */
	TN_ENGINE_BODY,		/* give the body: tn_engine_body, _body_end */
};

/* A plain HTTP request that the engine owns. */
enum tn_engine_verdict tn_engine_request(struct tn_engine *engine,
    const struct tn_io_request *request, struct tn_io_exchange *x);

/* Part of a POST's body; past the limit it is counted, not kept. */
void tn_engine_body(struct tn_engine *engine, struct tn_io_exchange *x,
    struct tn_slice part);

/* The whole body has come: the exchange is answered inside. */
void tn_engine_body_end(struct tn_engine *engine, struct tn_io_exchange *x);

/* The client went before it was answered. x is the host's again. */
void tn_engine_gone(struct tn_engine *engine, struct tn_io_exchange *x);

/*
 * May this WebSocket handshake be answered with 101?
 *
 * terms  of permessage-deflate, to be answered by tn_ws_deflate_write;
 *        server_bits 0: it is not agreed on
 *
 * Returns true; or false with reply filled (400, text) by the reference's
 * rules; its views are static.
 */
bool tn_engine_may_upgrade(struct tn_engine *engine,
    const struct tn_io_request *request, struct tn_ws_deflate *terms,
    struct tn_io_reply *reply);

/*
 * A WebSocket that tn_engine_may_upgrade let through is open. Begins a
 * session, or offers itself to the one whose sid it names.
 */
void tn_engine_wire_open(struct tn_engine *engine,
    const struct tn_io_request *request, struct tn_wire *w);

/* A whole message came. bytes are borrowed. */
void tn_engine_wire_message(struct tn_engine *engine, struct tn_wire *w,
    bool binary, struct tn_slice bytes);

/*
 * The payload of a compressed message, undone. To be given on at once.
 *
 * in   as it came, max_payload at most
 * out  set to a view that is good until the next call, or tn_engine_flush
 *
 * Returns 0; TN_E_LIMIT if it is longer than max_payload (close with 1009),
 * TN_E_SYNTAX if it is malformed (1007), TN_E_NOMEM. What is not taken is
 * counted and logged.
 */
int tn_engine_inflate(struct tn_engine *engine, struct tn_slice in,
    struct tn_slice *out);

/* It is closed; clean says by a close frame. w is the host's again. */
void tn_engine_wire_gone(struct tn_engine *engine, struct tn_wire *w,
    bool clean);

/*
 * Answer the polls that have packets, and end the sessions that were closed
 * (on_close, then free). The host calls it once a turn of its loop, so that
 * what was sent in one turn travels in one payload.
 */
void tn_engine_flush(struct tn_engine *engine);

/* Stop taking new sessions (503), or close all with a reason. */
void tn_engine_close_all(struct tn_engine *engine, enum tn_close_reason reason);

/* Bytes that one message may have. */
size_t tn_engine_max_payload(const struct tn_engine *engine);

size_t tn_engine_len(const struct tn_engine *engine);
const struct tn_engine_counts *tn_engine_counts(const struct tn_engine *engine);

/* One session. */

const char *tn_conn_sid(const struct tn_conn *c);

/* The revision of Engine.IO that its client speaks: 4, or 3 (allow_eio3). */
int tn_conn_protocol(const struct tn_conn *c);

void *tn_conn_user(const struct tn_conn *c);
void tn_conn_set_user(struct tn_conn *c, void *user);

/*
 * Would a packet leave in this turn? What is volatile should be sent only
 * then: who sends it asks, for all packets of an event together.
 */
bool tn_conn_is_writable(const struct tn_conn *c);

/*
 * A message made ready to be sent to many: Engine.IO's type put in front
 * (text), WebSocket header in the headroom. Returns NULL when out of memory.
 *
 * head, body  the message's bytes in two pieces; body may be empty
 */
struct tn_rcbuf *tn_message_new(struct tn_slice head, struct tn_slice body,
    bool binary);

/*
 * Queue a message made by tn_message_new; takes a reference of its own.
 * Past max_queue, messages with is_volatile are dropped first, so set it only
 * where nothing else belongs to the message; then the session is closed with
 * TN_CLOSE_TRANSPORT_ERROR and counted. Nothing is sent after a close.
 */
void tn_conn_send(struct tn_conn *c, struct tn_rcbuf *message);

/*
 * Close it, after what is queued. On a WebSocket on_close follows this turn;
 * a polling client is told by its next request, for which it has 30 seconds.
 */
void tn_conn_close(struct tn_conn *c, enum tn_close_reason reason);

#endif
