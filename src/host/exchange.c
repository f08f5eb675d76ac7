/*
 * HTTP requests. A poll is held until the engine has something for it; while
 * it is, libwebsockets is told not to read (it would spin on what it does not
 * want yet), and we look for the client's going ourselves.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "host/http_reply.h"
#include "host/peer.h"

enum { KEPT_BYTES = 65536 };	/* of the answer's buffer, between answers */

struct exchange {
	struct tn_io_exchange x;
	struct tn_peer *peer;
	struct tn_watch peek;		/* while it is held */
	bool is_head;
	bool is_held;
	bool wants_close;		/* said by the client, or by us */
};

static void
free_exchange(struct exchange *e)
{
	struct tn_peer *peer = e->peer;

	tn_loop_unwatch(&peer->host->loop.base, &e->peek);
	peer->exchange = NULL;
	free(e);
}

void
tn_exchange_abandon(struct tn_peer *peer)
{
	struct exchange *e = peer->exchange;

	if (e == NULL)
		return;
	tn_engine_gone(peer->host->engine, &e->x);
	free_exchange(e);
}

/* The verdict, to the callback that waits for it or by the doomed list. */
static void
end_connection(struct tn_peer *peer)
{
	if (peer->in_callback)
		peer->must_close = true;
	else
		tn_peer_doom(peer);
}

static int
send_reply(struct tn_peer *peer, const struct tn_io_reply *reply,
    const struct tn_http_reply_form *form)
{
	struct tn_buf *b = &peer->host->out;
	struct tn_slice text;
	int r;

	tn_buf_reset(b);
	tn_http_reply_write(b, reply, form);
	r = tn_buf_finish(b, &text, NULL);
	if (r == 0 && lws_write(peer->wsi, (unsigned char *)b->ptr, b->len,
	    LWS_WRITE_HTTP_FINAL) < (int)text.len)
		r = -1;
	if (b->cap > KEPT_BYTES)
		tn_buf_fini(b);
	return r;
}

/* What is left to send after a close goes by itself, within a time. */
static void
finish(struct tn_peer *peer, bool close)
{
	if (close && lws_partial_buffered(peer->wsi)) {
		tn_peer_set_deadline(peer, PEER_CLOSE_MS);
		return;
	}
	if (close || lws_http_transaction_completed(peer->wsi) != 0) {
		end_connection(peer);
		return;
	}
	tn_peer_set_deadline(peer, lws_partial_buffered(peer->wsi) ?
	    PEER_REPLY_MS : PEER_IDLE_MS);
	lws_set_timeout(peer->wsi, NO_PENDING_TIMEOUT, 0);
}

static void
on_reply(struct tn_io_exchange *x, const struct tn_io_reply *reply)
{
	struct exchange *e = TN_CONTAINER(x, struct exchange, x);
	struct tn_peer *peer = e->peer;
	const struct tn_http_reply_form form = {
		.close = e->wants_close || reply->close ||
		    peer->host->draining || peer->is_forwarded ||
		    tn_gate_closes(peer->host),
		.is_head = e->is_head,
	};
	const bool was_held = e->is_held;

	free_exchange(e);
	if (was_held)
		lws_rx_flow_control(peer->wsi, 1);
	if (reply->status == 0 || send_reply(peer, reply, &form) < 0)
		end_connection(peer);
	else
		finish(peer, form.close);
}

/* Readable while held: the client is gone, or ahead of us. */
static void
on_peek(struct tn_watch *w, unsigned events)
{
	struct exchange *e = w->arg;
	struct tn_peer *peer = e->peer;
	char byte;
	ssize_t n = recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	(void)events;
	if (n > 0)		/* the next request waits for its turn */
		tn_loop_watch(&peer->host->loop.base, w, 0);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		tn_peer_doom(peer);
}

static void
hold(struct exchange *e)
{
	struct tn_peer *peer = e->peer;

	e->is_held = true;
	e->peek = (struct tn_watch){
		.fd = peer->fd,
		.fn = on_peek,
		.arg = e,
	};
	tn_peer_clear_deadline(peer);
	lws_rx_flow_control(peer->wsi, 0);
	lws_set_timeout(peer->wsi, NO_PENDING_TIMEOUT, 0);
	if (tn_loop_watch(&peer->host->loop.base, &e->peek, TN_READ) < 0)
		end_connection(peer);
}

/* ---- What is asked for --------------------------------------------------- */

static struct tn_slice
path_of(const struct tn_io_request *request)
{
	struct tn_slice rest = request->target;

	return tn_slice_cut(&rest, '?');
}

/* The engine's path holds the client's files too, by names of their own. */
static bool
serve_bundle(const struct tn_host_io *host,
    const struct tn_io_request *request, struct tn_io_reply *reply)
{
	struct tn_slice path = path_of(request);
	ptrdiff_t slash = tn_slice_rfind(path, '/');

	return host->bundle != NULL && slash >= 0 &&
	    tn_engine_owns(host->engine, request->target) &&
	    tn_client_bundle_serve(host->bundle, request,
	    tn_slice_after(path, (size_t)slash + 1), reply);
}

static void
serve_other(const struct tn_host_io *host, const struct tn_io_request *request,
    struct tn_io_reply *reply)
{
	const bool is_read = tn_slice_is(request->method, "GET") ||
	    tn_slice_is(request->method, "HEAD");

	if (is_read && tn_slice_is(path_of(request), "/health"))
		*reply = (struct tn_io_reply){
			.status = host->draining ? 503 : 200,
			.type = TN_SLICE("text/plain"),
			.body = host->draining ? TN_SLICE("stopping\n") :
			    TN_SLICE("ok\n"),
		};
	else
		*reply = (struct tn_io_reply){ .status = 404 };
}

static bool
client_wants_close(const struct tn_peer *peer,
    const struct tn_io_request *request)
{
	struct tn_slice words = tn_pair_last(request->headers,
	    request->nheaders, "connection");
	char version[16] = "";

	lws_hdr_copy(peer->wsi, version, sizeof(version), WSI_TOKEN_HTTP);
	if (strcmp(version, "HTTP/1.1") != 0)
		return true;
	while (words.ptr != NULL) {
		if (tn_slice_ieq(tn_slice_trim(tn_slice_cut(&words, ',')),
		    TN_SLICE("close")))
			return true;
	}
	return false;
}

/* A body that is not wanted is read to its end, unless that is far. */
static bool
is_body_long(const struct tn_io_request *request)
{
	uint64_t bytes = 0;

	tn_slice_u64(tn_pair_last(request->headers, request->nheaders,
	    "content-length"), &bytes);
	return bytes > TN_LIMIT_BODY_SKIPPED;
}

static void
dispatch(struct exchange *e, const struct tn_io_request *request)
{
	struct tn_peer *peer = e->peer;
	struct tn_host_io *host = peer->host;
	struct tn_io_reply reply;

	if (serve_bundle(host, request, &reply)) {
		on_reply(&e->x, &reply);
	} else if (!tn_engine_owns(host->engine, request->target)) {
		serve_other(host, request, &reply);
		on_reply(&e->x, &reply);
	} else if (tn_engine_request(host->engine, request, &e->x) ==
	    TN_ENGINE_BODY) {
		tn_peer_set_deadline(peer, PEER_BODY_MS);
	} else if (peer->exchange != NULL) {
		hold(e);
	}
}

static int
verdict(struct tn_peer *peer)
{
	peer->in_callback = false;
	return peer->must_close ? -1 : 0;
}

/* A head that says too little, too much, or nothing we understand. */
static int
refuse_head(struct tn_peer *peer, int status)
{
	return tn_peer_refuse(peer, &(struct tn_io_reply){ .status = status });
}

int
tn_peer_refuse(struct tn_peer *peer, const struct tn_io_reply *reply)
{
	send_reply(peer, reply, &(struct tn_http_reply_form){ .close = true });
	tn_peer_set_deadline(peer, PEER_CLOSE_MS);
	return -1;
}

int
tn_peer_on_http(struct tn_peer *peer)
{
	struct tn_io_request request;
	struct exchange *e;
	bool has_body = false;
	int status;

	if (peer->exchange != NULL)
		return -1;
	status = tn_request_head_read(peer, &request, &has_body);
	if (status != 0)
		return refuse_head(peer, status);
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return refuse_head(peer, 503);
	e->x.reply = on_reply;
	e->peer = peer;
	e->is_head = tn_slice_is(request.method, "HEAD");
	e->wants_close = client_wants_close(peer, &request) ||
	    (has_body && is_body_long(&request));
	peer->exchange = e;
	peer->in_callback = true;
	tn_peer_clear_deadline(peer);
	dispatch(e, &request);
	return verdict(peer);
}

int
tn_peer_on_body(struct tn_peer *peer, struct tn_slice part)
{
	if (peer->exchange == NULL)
		return 0;
	tn_engine_body(peer->host->engine, &peer->exchange->x, part);
	return 0;
}

int
tn_peer_on_body_end(struct tn_peer *peer)
{
	if (peer->exchange == NULL)
		return 0;
	peer->in_callback = true;
	tn_engine_body_end(peer->host->engine, &peer->exchange->x);
	return verdict(peer);
}
