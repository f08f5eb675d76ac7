/* Sessions from within: what the files of the engine share. */
#ifndef TN_ENGINE_CONN_H
#define TN_ENGINE_CONN_H

#include "base/arena.h"
#include "base/deflate.h"
#include "base/map.h"
#include "io/eio_packet.h"
#include "io/engine.h"

/* How long a polling client has to fetch the news that it was closed. */
#define TN_EIO_CLOSE_GRACE_MS	30000
/* How often a parked poll is let go while its client wants to upgrade. */
#define TN_EIO_NOOP_MS		100

/* A packet of the engine's own goes out as one of these shared buffers. */
enum standing_packet {
	STANDING_PING,
	STANDING_PONG,
	STANDING_PROBE,
	STANDING_PACKETS
};

struct tn_engine {
	struct tn_engine_options options;	/* with the defaults filled in */
	struct tn_engine_hooks hooks;
	char *path;			/* whole, as options have it too */
	struct tn_rcbuf *initial;	/* NULL: no such packet */
	struct tn_wheel *wheel;
	struct tn_log *log;
	struct tn_map conns;		/* by sid, each its own */
	struct tn_list dirty;		/* sessions whose poll has an answer */
	struct tn_list ended;		/* sessions before their on_close */
	struct tn_rcbuf *standing[STANDING_PACKETS];
	struct tn_arena scratch;	/* of one request */
	struct tn_buf payload;		/* of one reply */
	struct tn_buf decoded;		/* of one binary packet */
	struct tn_deflate *deflate;	/* NULL: nothing is compressed */
	struct tn_buf packed;		/* of one message or reply */
	struct tn_buf unpacked;		/* of one message */
	struct tn_engine_counts counts;
	bool stopping;
};

enum conn_state {
	CONN_OPEN,
	CONN_CLOSING,		/* a polling client is still to be told */
	CONN_CLOSED		/* waits for on_close */
};

/* What only a session that polls has. */
struct tn_polling {
	struct tn_io_exchange *poll;	/* parked GET */
	struct tn_io_exchange *post;	/* POST whose body is coming */
	struct tn_outq out;		/* for the next poll */
	struct tn_wire *probe;		/* a WebSocket that offers to take over */
	struct tn_timer task;		/* upgrade, or grace of a close */
	int64_t upgrade_by_ms;
	bool probed;			/* the probe was answered */
};

/* The transport is wire or polling; the other is NULL. */
struct tn_conn {
	struct tn_engine *engine;
	void *user;
	struct tn_wire *wire;
	struct tn_polling *polling;
	struct tn_timer beat;		/* next ping, or patience for a pong */
	struct tn_list link;		/* in dirty or ended */
	enum conn_state state : 8;
	enum tn_close_reason reason : 8;	/* once it is not open */
	bool is_v3;			/* the client speaks Engine.IO 3 */
	bool wants_base64;		/* and takes no binary */
	bool awaits_pong;
	bool was_patient;		/* another packet prolonged the wait */
	char sid[];
};

/* engine.c */

/* The clock of all deadlines. */
static inline int64_t
tn_engine_now(const struct tn_engine *engine)
{
	return engine->wheel->now_ms;
}

/* engine_conn.c */

/* What the query of a handshake asks for. */
struct eio_asked {
	bool is_v3;
	bool wants_base64;
};

/*
 * A session with its open packet queued; NULL: no memory.
 *
 * wire  carries it; NULL: it polls
 */
struct tn_conn *tn_conn_new(struct tn_engine *engine,
    const struct eio_asked *asked, struct tn_wire *wire);

/* It begins: heartbeat, on_open. */
void tn_conn_open(struct tn_conn *c, const struct tn_io_request *request);

/* After its on_close. */
void tn_conn_free(struct tn_conn *c);

/* End it now; on_close and the freeing follow in tn_engine_flush. */
void tn_conn_end(struct tn_conn *c, enum tn_close_reason reason);

/* One of the engine's own packets. */
void tn_conn_send_standing(struct tn_conn *c, enum standing_packet which);

/* The poll can be answered this turn, if there is one and something for it. */
void tn_conn_touch(struct tn_conn *c);

/* The WebSocket is not the session's any more: close it after its queue. */
void tn_wire_drop(struct tn_wire *w);

/* message.c */

/* Forms of a message beside its own, in tn_rcbuf's forms. */
enum message_form {
	FORM_V3_BINARY,
	FORM_V3_BASE64,
	FORM_DEFLATED,
};

/*
 * What a client of Engine.IO 3 is sent for it, made once for all of them; the
 * message itself if that is text. Returns NULL when out of memory.
 */
struct tn_rcbuf *tn_message_v3(struct tn_rcbuf *message, bool base64);

/* engine_pack.c */

int tn_engine_pack_start(struct tn_engine *engine);
void tn_engine_pack_stop(struct tn_engine *engine);

/*
 * What a wire is sent for it, made once for all that read it: the message
 * itself if it is short, not to be compressed, or cannot be made shorter.
 */
struct tn_rcbuf *tn_message_deflated(struct tn_engine *engine,
    const struct tn_wire *w, struct tn_rcbuf *message);

/* What that exchange may be answered by, from its request. */
uint8_t tn_engine_coding(const struct tn_engine *engine,
    const struct tn_io_request *request);

/*
 * Compress a poll's answer if its client and its length allow.
 * Returns the coding's name with payload changed, or NULL.
 */
const char *tn_engine_pack_payload(struct tn_engine *engine, uint8_t coding,
    struct tn_slice *payload);

/* engine_beat.c */

void tn_conn_beat_start(struct tn_conn *c);
/* The ping of a client of Engine.IO 3, which beats by itself. */
void tn_conn_beat_ping(struct tn_conn *c);
void tn_conn_beat_upgraded(struct tn_conn *c);
/* A packet that is no pong came. */
void tn_conn_beat_packet(struct tn_conn *c);
void tn_conn_beat_pong(struct tn_conn *c);

/* engine_link.c */

enum link_kind {
	LINK_POLLING,
	LINK_SOCKET,
	LINK_PROBING
};

/* What came, whole: text with its digit, or (binary) bytes alone. */
void tn_conn_receive(struct tn_conn *c, enum link_kind kind, bool binary,
    struct tn_slice bytes);

/* engine_upgrade.c */

void tn_conn_probe_open(struct tn_conn *c, struct tn_wire *w);
void tn_conn_probe_answer(struct tn_conn *c);
void tn_conn_upgrade(struct tn_conn *c);
/* The probing WebSocket failed; polling goes on. */
void tn_conn_probe_fail(struct tn_conn *c);
/* The same, when it is already the host's again. */
void tn_conn_probe_gone(struct tn_conn *c);

/* engine_poll.c */

/* Answer and forget an exchange. */
void tn_io_exchange_reply(struct tn_io_exchange *x, int status, const char *type,
    struct tn_slice body);
/* Answer a browser that asks whether it may. */
void tn_io_exchange_preflight(struct tn_io_exchange *x,
    const struct tn_io_request *request);
/* Cut a POST's connection off without an answer. */
void tn_io_exchange_cut(struct tn_io_exchange *x);
/* A poll's answer of the engine's own packets. */
enum poll_note {
	NOTE_NOOP,
	NOTE_CLOSE,
	NOTE_LAST	/* the close that was waited for */
};

/* Answer the poll with bare packets. */
void tn_conn_poll_answer(struct tn_conn *c, enum poll_note note);
/* Answer the poll with all that is queued. */
void tn_conn_poll_flush(struct tn_conn *c);
/* It polls no more: what waits for an answer is told so. */
void tn_conn_poll_end(struct tn_conn *c);
/* Close a polling session: now if it can be told, else within the grace. */
void tn_conn_poll_close(struct tn_conn *c);
enum tn_engine_verdict tn_conn_request(struct tn_conn *c,
    const struct tn_io_request *request, struct tn_io_exchange *x);

/* engine_check.c */

#define TN_EIO_FAULTS(X)						\
	X(TRANSPORT,	0, 400, "Transport unknown")			\
	X(SID,		1, 400, "Session ID unknown")			\
	X(METHOD,	2, 400, "Bad handshake method")			\
	X(REQUEST,	3, 400, "Bad request")				\
	X(FORBIDDEN,	4, 403, "Forbidden")				\
	X(VERSION,	5, 400, "Unsupported protocol version")		\
	X(BUSY,		6, 503, "Service Unavailable")

enum eio_fault {
	EIO_FINE = -1,
#define TN_EIO_FAULT_ENUM(name, code, status, text) EIO_FAULT_##name = (code),
	TN_EIO_FAULTS(TN_EIO_FAULT_ENUM)
#undef TN_EIO_FAULT_ENUM
};

/*
 * Everything that is asked before a request is served, in the reference's
 * order.
 *
 * c      set to the session it names, or to NULL for a handshake
 * asked  set by a request that is fine
 */
enum eio_fault tn_engine_check(struct tn_engine *engine,
    const struct tn_io_request *request, struct tn_conn **c,
    struct eio_asked *asked);

int tn_eio_fault_status(enum eio_fault fault);
const char *tn_eio_fault_text(enum eio_fault fault);

/* A header by its name in lower case; ptr NULL if it was not sent. */
struct tn_slice tn_io_request_header(const struct tn_io_request *request,
    const char *name);

/* engine_origin.c */

/* May pages of this request's origin use the engine? */
bool tn_engine_origin_ok(const struct tn_engine *engine,
    const struct tn_io_request *request);

/* Are there pages of other sites that may read answers? */
bool tn_engine_has_cors(const struct tn_engine *engine);

/*
 * The setting in origins that allows this request's origin to read answers
 * ("*" or the origin itself), or NULL.
 */
const char *tn_engine_cors_origin(const struct tn_engine *engine,
    const struct tn_io_request *request);

#endif
