/*
 * WebSockets. libwebsockets parses what comes; what goes is ours: whole
 * frames with their headers in place, many to a sendmsg, once a turn. After
 * a short write only the rest of that one frame is handed to libwebsockets,
 * which keeps it in front of its own pongs and closes.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/utf8.h"
#include "host/batch.h"
#include "host/peer.h"

enum {
	TURN_BYTES = 65536,	/* for one wire in one turn, or one frame */
	TURN_FRAMES = 64,
	VOLLEY_FRAMES = 1024,	/* of all wires, in one system call */
	LAST_CODE = 4999,	/* that a close frame may give */
};

struct wire {
	struct tn_wire w;
	struct tn_peer *peer;
	struct tn_list dirty;	/* in host->dirty, or alone */
	struct tn_buf *message;	/* of several pieces, as far as it came; or NULL */
	bool is_close_sent;
	bool is_over;		/* the engine knows it no more */
	bool is_deflated;	/* the message that comes */
	bool in_frame;		/* more of the same frame follows */
};

static void
mark_dirty(struct tn_wire *w)
{
	struct wire *wire = TN_CONTAINER(w, struct wire, w);

	if (tn_list_empty(&wire->dirty))
		tn_list_append(&wire->peer->host->dirty, &wire->dirty);
}

static void
message_free(struct wire *wire)
{
	if (wire->message != NULL)
		tn_buf_fini(wire->message);
	free(wire->message);
	wire->message = NULL;
}

/* Nothing more passes between engine and client. */
static void
leave_engine(struct wire *wire, bool clean)
{
	if (wire->is_over)
		return;
	wire->is_over = true;
	tn_engine_wire_gone(wire->peer->host->engine, &wire->w, clean);
	message_free(wire);
}

void
tn_wire_abandon(struct tn_peer *peer)
{
	struct wire *wire = peer->wire;
	char byte;

	if (wire == NULL)
		return;
	/* an end of the stream is the client's; a fault still has the rest */
	leave_engine(wire, recv(peer->fd, &byte, 1,
	    MSG_PEEK | MSG_DONTWAIT) == 0);
	tn_list_remove(&wire->dirty);
	peer->wire = NULL;
	free(wire);
}

/* ---- Handshake ----------------------------------------------------------- */

static int
refuse_upgrade(struct tn_peer *peer, const char *why,
    const struct tn_pair *header)
{
	return tn_peer_refuse(peer, &(struct tn_io_reply){
		.status = 400,
		.type = TN_SLICE("text/html"),
		.headers = header,
		.nheaders = header == NULL ? 0 : 1,
		.body = tn_slice_str(why),
	});
}

static bool
has_header(struct tn_peer *peer, enum lws_token_indexes token,
    const char *value)
{
	char text[32];
	int n = lws_hdr_copy(peer->wsi, text, sizeof(text), token);

	return n > 0 && tn_slice_ieq(tn_slice(text, (size_t)n),
	    tn_slice_str(value));
}

/* Sixteen bytes as base64 (RFC 6455, 4.2.1): 22 characters and padding. */
static bool
has_key(struct tn_peer *peer)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char key[25];

	return lws_hdr_copy(peer->wsi, key, sizeof(key), WSI_TOKEN_KEY) == 24 &&
	    strspn(key, alphabet) == 22 && strcmp(key + 22, "==") == 0;
}

/* Is it among the words of Connection (RFC 9110, 7.6.1)? */
static bool
wants_upgrade(struct tn_peer *peer)
{
	char text[128];		/* as much as libwebsockets reads of it */
	int n = lws_hdr_copy(peer->wsi, text, sizeof(text),
	    WSI_TOKEN_CONNECTION);
	struct tn_slice rest = tn_slice(text, n > 0 ? (size_t)n : 0);

	while (rest.len > 0) {
		if (tn_slice_ieq(tn_slice_trim(tn_slice_cut(&rest, ',')),
		    TN_SLICE("upgrade")))
			return true;
	}
	return false;
}

/*
 * What libwebsockets lets through or drops, and the standard refuses. NULL:
 * fine. The reference refuses by the same words.
 */
static const char *
handshake_fault(struct tn_peer *peer)
{
	if (!has_header(peer, WSI_TOKEN_UPGRADE, "websocket"))
		return "Invalid Upgrade header";
	if (!wants_upgrade(peer))
		return "Invalid Connection header";
	if (lws_hdr_total_length(peer->wsi, WSI_TOKEN_GET_URI) <= 0 ||
	    !has_header(peer, WSI_TOKEN_HTTP, "HTTP/1.1"))
		return "Invalid HTTP method";
	if (lws_hdr_total_length(peer->wsi, WSI_TOKEN_HOST) <= 0)
		return "Missing Host header";
	if (!has_key(peer))
		return "Missing or invalid Sec-WebSocket-Key header";
	if (lws_hdr_total_length(peer->wsi, WSI_TOKEN_PROTOCOL) > 0)
		return "Subprotocols are not supported";
	return NULL;
}

int
tn_peer_on_upgrade(struct tn_peer *peer)
{
	static const struct tn_pair version = {
		TN_SLICE("Sec-WebSocket-Version"), TN_SLICE("13"),
	};
	struct tn_io_request request;
	struct tn_io_reply reply;
	const char *fault;
	bool has_body = false;
	int status;

	/*
	 * After an upgrade to something else on a kept connection the head is
	 * freed already (CVE-2025-11677): without it, there is nobody to answer.
	 */
	if (lws_hdr_total_length(peer->wsi, WSI_TOKEN_UPGRADE) <= 0)
		return -1;
	fault = handshake_fault(peer);
	if (fault != NULL)
		return refuse_upgrade(peer, fault, NULL);
	if (!has_header(peer, WSI_TOKEN_VERSION, "13"))
		return refuse_upgrade(peer,
		    "Missing or invalid Sec-WebSocket-Version header",
		    &version);
	status = tn_request_head_read(peer, &request, &has_body);
	if (status != 0)
		return tn_peer_refuse(peer,
		    &(struct tn_io_reply){ .status = status });
	if (!tn_engine_owns(peer->host->engine, request.target))
		return tn_peer_refuse(peer,
		    &(struct tn_io_reply){ .status = 404 });
	request.is_upgrade = true;
	if (!tn_engine_may_upgrade(peer->host->engine, &request,
	    &peer->host->terms, &reply))
		return tn_peer_refuse(peer, &reply);
	if (!tn_wire_may_agree(peer->host, &request))
		return refuse_upgrade(peer,
		    "Sec-WebSocket-Extensions is too long", NULL);
	return 0;
}

int
tn_peer_on_open(struct tn_peer *peer)
{
	struct tn_engine *engine = peer->host->engine;
	struct wire *wire = calloc(1, sizeof(*wire));
	struct tn_io_request request;
	bool has_body;

	if (wire == NULL)
		return -1;
	if (tn_request_head_read(peer, &request, &has_body) != 0) {
		free(wire);
		return -1;
	}
	request.is_upgrade = true;
	wire->w.wake = mark_dirty;
	wire->w.deflate_bits = peer->host->terms.server_bits;
	wire->peer = peer;
	tn_list_init(&wire->dirty);
	peer->wire = wire;
	tn_peer_clear_deadline(peer);
	tn_engine_wire_open(engine, &request, &wire->w);
	return 0;
}

/* ---- What comes ---------------------------------------------------------- */

static int
close_with(struct wire *wire, enum lws_close_status status)
{
	leave_engine(wire, false);
	lws_close_reason(wire->peer->wsi, status, NULL, 0);
	tn_peer_set_deadline(wire->peer, PEER_CLOSE_MS);
	return -1;
}

/* Looks at the length that a frame claims, before it has come. */
static bool
is_too_long(const struct wire *wire, struct tn_slice part)
{
	const size_t max = tn_engine_max_payload(wire->peer->host->engine);
	const size_t have = wire->message == NULL ? 0 : wire->message->len;
	const size_t more = lws_remaining_packet_payload(wire->peer->wsi);

	return part.len > max - have || more > max - have - part.len;
}

/*
 * Whether a message is compressed is said by the first reserved bit of its
 * first frame, and nowhere else (RFC 7692, 6.1). Returns false if it is.
 */
static bool
note_deflated(struct wire *wire)
{
	struct lws *wsi = wire->peer->wsi;
	const bool begins = !wire->in_frame;
	const bool has_bit = lws_get_reserved_bits(wsi) != 0;

	wire->in_frame = lws_remaining_packet_payload(wsi) > 0;
	if (begins && lws_is_first_fragment(wsi))
		wire->is_deflated = has_bit;
	else if (begins && has_bit)
		return false;
	return true;
}

/* The whole message: undone, looked at, given on. */
static int
deliver(struct wire *wire, struct tn_slice message)
{
	struct tn_engine *engine = wire->peer->host->engine;
	const bool binary = lws_frame_is_binary(wire->peer->wsi) != 0;
	const int r = !wire->is_deflated ? 0 :
	    tn_engine_inflate(engine, message, &message);

	if (r == TN_E_LIMIT)
		return close_with(wire, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
	if (r == TN_E_NOMEM)
		return close_with(wire, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
	if (r < 0 || (!binary && !tn_utf8_valid(message)))
		return close_with(wire, LWS_CLOSE_STATUS_INVALID_PAYLOAD);
	tn_engine_wire_message(engine, &wire->w, binary, message);
	return 0;
}

static bool
add_part(struct wire *wire, struct tn_slice part)
{
	if (wire->message == NULL) {
		wire->message = malloc(sizeof(*wire->message));
		if (wire->message == NULL)
			return false;
		tn_buf_init(wire->message,
		    tn_engine_max_payload(wire->peer->host->engine));
	}
	tn_buf_slice(wire->message, part);
	return wire->message->failed == 0;
}

int
tn_peer_on_message(struct tn_peer *peer, struct tn_slice part)
{
	struct wire *wire = peer->wire;
	int r;

	if (wire == NULL || wire->is_over || wire->w.conn == NULL)
		return 0;
	if (!note_deflated(wire))
		return close_with(wire, LWS_CLOSE_STATUS_PROTOCOL_ERR);
	if (is_too_long(wire, part))
		return close_with(wire, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
	if (lws_is_final_fragment(peer->wsi) && wire->message == NULL)
		return deliver(wire, part);
	if (!add_part(wire, part))
		return close_with(wire, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
	if (!lws_is_final_fragment(peer->wsi))
		return 0;
	r = deliver(wire, tn_buf_view(wire->message));
	message_free(wire);
	return r;
}

/* What is wrong with a close frame that libwebsockets is content with. */
static enum lws_close_status
close_fault(struct tn_slice payload)
{
	const unsigned char *code = (const unsigned char *)payload.ptr;

	if (payload.len == 1 || (payload.len > 1 &&
	    code[0] * 256 + code[1] > LAST_CODE))
		return LWS_CLOSE_STATUS_PROTOCOL_ERR;
	if (payload.len > 2 && !tn_utf8_valid(tn_slice_after(payload, 2)))
		return LWS_CLOSE_STATUS_INVALID_PAYLOAD;
	return LWS_CLOSE_STATUS_NOSTATUS;
}

/*
 * The client's close frame. libwebsockets answers it, unless it is itself
 * the answer to ours, or wrong. Behind it nothing counts.
 */
int
tn_peer_on_peer_close(struct tn_peer *peer, struct tn_slice payload)
{
	struct wire *wire = peer->wire;
	const enum lws_close_status fault = close_fault(payload);
	unsigned char frame[] = { 0x88, 2, (unsigned char)(fault >> 8),
		(unsigned char)fault };

	if (wire == NULL)
		return 0;
	leave_engine(wire, fault == LWS_CLOSE_STATUS_NOSTATUS);
	if (wire->is_close_sent)
		return -1;
	if (fault == LWS_CLOSE_STATUS_NOSTATUS)
		return 0;
	lws_write(peer->wsi, frame, sizeof(frame), LWS_WRITE_HTTP);
	return -1;
}

/* ---- What goes ----------------------------------------------------------- */

static void
wait_writable(struct wire *wire)
{
	wire->w.pending = true;
	lws_callback_on_writable(wire->peer->wsi);
}

/*
 * The frames of one sendmsg, into iov, which has room for max of them. Returns
 * how many.
 */
static size_t
gather(const struct tn_outq *q, struct iovec *iov, size_t max)
{
	size_t n = 0, bytes = 0;

	while (n < q->len && n < max && bytes < TURN_BYTES) {
		struct tn_slice frame = tn_rcbuf_frame(
		    tn_outq_at(q, (uint32_t)n));

		if (n > 0 && frame.len > TURN_BYTES - bytes)
			break;
		iov[n++] = (struct iovec){ (void *)frame.ptr, frame.len };
		bytes += frame.len;
	}
	return n;
}

/*
 * Give back what was sent; the rest of a frame that was cut goes first.
 * Returns whether there was one, or negative.
 */
static int
take_sent(struct wire *wire, size_t sent)
{
	struct tn_outq *q = &wire->w.out;
	struct tn_slice frame;

	while (sent > 0) {
		frame = tn_rcbuf_frame(tn_outq_at(q, 0));
		if (sent < frame.len)
			break;
		sent -= frame.len;
		tn_outq_pop(q, 1);
	}
	if (sent == 0)
		return 0;
	frame = tn_slice_after(frame, sent);
	if (lws_write(wire->peer->wsi, (unsigned char *)frame.ptr, frame.len,
	    LWS_WRITE_HTTP) < 0)
		return -1;
	tn_outq_pop(q, 1);
	return 1;
}

/* sent  bytes, or a negative errno */
static void
after_send(struct wire *wire, ssize_t sent)
{
	int r = 0;

	if (sent > 0)
		r = take_sent(wire, (size_t)sent);
	else if (sent < 0 && sent != -EAGAIN && sent != -EINTR)
		r = -1;
	if (r < 0)
		tn_peer_doom(wire->peer);
	else if (r > 0 || wire->w.out.len > 0)
		wait_writable(wire);
}

/* The engine has ended with this wire: an empty close frame is the last. */
static void
queue_close(struct wire *wire)
{
	struct tn_peer *peer = wire->peer;

	wire->is_close_sent = true;
	tn_peer_set_deadline(peer, PEER_CLOSE_MS);
	if (tn_outq_push(&wire->w.out, peer->host->close_frame) < 0)
		tn_peer_doom(peer);
}

/* Is there something that can be sent now? */
static bool
can_send(struct wire *wire)
{
	if (wire->is_over)
		return false;
	if (wire->w.is_closing && !wire->is_close_sent)
		queue_close(wire);
	if (wire->w.pending || wire->w.out.len == 0)
		return false;
	if (!lws_partial_buffered(wire->peer->wsi))
		return true;
	wait_writable(wire);
	return false;
}

/* What goes in one system call, if there is one for many. */
struct volley {
	struct wire *wires[TN_BATCH_SENDS];
	struct tn_batch_send sends[TN_BATCH_SENDS];
	struct iovec iov[VOLLEY_FRAMES];
	size_t n, frames;
};

/* The frames of a wire, as far as there is room for a whole turn's. */
static void
load(struct volley *v, struct wire *wire)
{
	struct tn_batch_send *send = &v->sends[v->n];

	send->fd = wire->peer->fd;
	send->iov = &v->iov[v->frames];
	send->n = gather(&wire->w.out, send->iov, TURN_FRAMES);
	v->frames += send->n;
	v->wires[v->n++] = wire;
}

static bool
is_full(const struct volley *v)
{
	return v->n == TN_BATCH_SENDS ||
	    v->frames + TURN_FRAMES > VOLLEY_FRAMES;
}

/* Nothing that follows a send frees a wire: those are doomed, and reaped. */
static void
fire(struct tn_host_io *host, struct volley *v)
{
	if (v->n > 0)
		tn_batch_send(host->batch, v->sends, v->n);
	for (size_t i = 0; i < v->n; i++)
		after_send(v->wires[i], v->sends[i].sent);
	v->n = v->frames = 0;
}

bool
tn_wires_flush(struct tn_host_io *host)
{
	struct volley v;

	if (tn_list_empty(&host->dirty))
		return false;
	v.n = v.frames = 0;
	while (!tn_list_empty(&host->dirty)) {
		struct wire *wire = TN_CONTAINER(host->dirty.next, struct wire,
		    dirty);

		tn_list_remove(&wire->dirty);
		if (can_send(wire))
			load(&v, wire);
		if (is_full(&v))
			fire(host, &v);
	}
	fire(host, &v);
	return true;
}

int
tn_peer_on_writable(struct tn_peer *peer)
{
	struct wire *wire = peer->wire;

	if (wire == NULL)
		return 0;
	wire->w.pending = false;
	mark_dirty(&wire->w);
	return 0;
}
