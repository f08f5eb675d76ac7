/* Sessions over HTTP: the parked GET that fetches, the POST that brings. */
#include "config.h"

#include "io/engine_conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "io/eio3_packet.h"

enum { REPLY_HEADERS = 6, COOKIE_BYTES = 512 };

static void
add_header(struct tn_io_reply *reply, struct tn_pair *headers,
    const char *name, const char *value)
{
	headers[reply->nheaders++] = (struct tn_pair){
		tn_slice_str(name), tn_slice_str(value),
	};
}

/* What lets pages of other, configured origins read the answer. */
static void
add_cors(struct tn_io_reply *reply, struct tn_pair *headers,
    const struct tn_io_exchange *x, const char *vary)
{
	if (x->origin != NULL)
		add_header(reply, headers, "Access-Control-Allow-Origin",
		    x->origin);
	if (!x->varies)
		return;
	add_header(reply, headers, "Vary", vary);
	add_header(reply, headers, "Access-Control-Allow-Credentials", "true");
}

static void
forget(struct tn_io_exchange *x)
{
	struct tn_polling *p = x->conn == NULL ? NULL : x->conn->polling;

	x->conn = NULL;
	tn_buf_fini(&x->body);
	if (p != NULL && p->poll == x)
		p->poll = NULL;
	if (p != NULL && p->post == x)
		p->post = NULL;
}

/* For a proxy that keeps clients with a worker; nobody here reads it. */
static bool
write_cookie(const struct tn_io_exchange *x, char *text)
{
	if (!x->sets_cookie || x->conn == NULL)
		return false;
	return snprintf(text, COOKIE_BYTES, "%s=%s; Path=/; HttpOnly;%s "
	    "SameSite=Lax", x->conn->engine->options.cookie, x->conn->sid,
	    x->is_secure ? " Secure;" : "") < COOKIE_BYTES;
}

/* coding NULL: as it is */
static void
reply_coded(struct tn_io_exchange *x, int status, const char *type,
    const char *coding, struct tn_slice body)
{
	struct tn_pair headers[REPLY_HEADERS];
	char cookie[COOKIE_BYTES];
	struct tn_io_reply reply = {
		.status = status,
		.type = tn_slice_str(type),
		.headers = headers,
		.body = body,
	};

	if (status == 200)
		add_header(&reply, headers, "cache-control", "no-store");
	if (status == 200 && write_cookie(x, cookie))
		add_header(&reply, headers, "Set-Cookie", cookie);
	if (coding != NULL)
		add_header(&reply, headers, "Content-Encoding", coding);
	add_cors(&reply, headers, x, "Origin");
	forget(x);
	x->reply(x, &reply);
}

void
tn_io_exchange_reply(struct tn_io_exchange *x, int status, const char *type,
    struct tn_slice body)
{
	reply_coded(x, status, type, NULL, body);
}

void
tn_io_exchange_preflight(struct tn_io_exchange *x,
    const struct tn_io_request *request)
{
	struct tn_slice asked = tn_io_request_header(request,
	    "access-control-request-headers");
	struct tn_pair headers[REPLY_HEADERS + 2];
	struct tn_io_reply reply = { .status = 204, .headers = headers };

	add_cors(&reply, headers, x, "Origin, Access-Control-Request-Headers");
	if (!x->varies)
		add_header(&reply, headers, "Vary",
		    "Access-Control-Request-Headers");
	add_header(&reply, headers, "Access-Control-Allow-Methods",
	    "GET,HEAD,PUT,PATCH,POST,DELETE");
	if (asked.len > 0)
		headers[reply.nheaders++] = (struct tn_pair){
			TN_SLICE("Access-Control-Allow-Headers"), asked,
		};
	forget(x);
	x->reply(x, &reply);
}

void
tn_io_exchange_cut(struct tn_io_exchange *x)
{
	const struct tn_io_reply reply = { .status = 0, .close = true };

	forget(x);
	x->reply(x, &reply);
}

/* By note, and by Engine.IO 4 or 3. */
static const char *const notes[][2] = {
	[NOTE_NOOP] = { "6", "1:6" },
	[NOTE_CLOSE] = { "1", "1:1" },
	[NOTE_LAST] = { "6\x1e" "1", "1:61:1" },
};

static void
answer_poll(struct tn_conn *c, bool binary, const char *coding,
    struct tn_slice payload)
{
	reply_coded(c->polling->poll, 200, binary ? "application/octet-stream" :
	    "text/plain; charset=UTF-8", coding, payload);
}

void
tn_conn_poll_answer(struct tn_conn *c, enum poll_note note)
{
	if (c->polling->poll != NULL)
		answer_poll(c, false, NULL, tn_slice_str(notes[note][c->is_v3]));
}

void
tn_conn_poll_end(struct tn_conn *c)
{
	struct tn_polling *p = c->polling;

	if (p == NULL)
		return;
	tn_wheel_cancel(c->engine->wheel, &p->task);
	tn_conn_poll_answer(c, NOTE_CLOSE);
	if (p->post != NULL)
		tn_io_exchange_cut(p->post);
	if (p->probe != NULL)
		tn_wire_drop(p->probe);
	tn_outq_fini(&p->out);
	free(p);
	c->polling = NULL;
}

static bool
has_binary(const struct tn_outq *q)
{
	for (uint32_t i = 0; i < q->len; i++) {
		if (tn_outq_at(q, i)->binary)
			return true;
	}
	return false;
}

/* As the reference: if one of its packets may be. */
static bool
may_compress(const struct tn_outq *q)
{
	for (uint32_t i = 0; i < q->len; i++) {
		if (!tn_outq_at(q, i)->is_plain)
			return true;
	}
	return false;
}

static void
write_payload(struct tn_buf *b, const struct tn_conn *c, bool binary)
{
	void (*const add)(struct tn_buf *, const struct tn_rcbuf *) =
	    !c->is_v3 ? tn_eio_payload_add :
	    binary ? tn_eio3_bytes_add : tn_eio3_text_add;

	tn_buf_reset(b);
	for (uint32_t i = 0; i < c->polling->out.len; i++)
		add(b, tn_outq_at(&c->polling->out, i));
}

void
tn_conn_poll_flush(struct tn_conn *c)
{
	struct tn_buf *b = &c->engine->payload;
	struct tn_polling *p = c->polling;
	const char *coding = NULL;
	struct tn_slice payload;
	bool binary;

	if (p == NULL || p->poll == NULL || p->out.len == 0)
		return;
	binary = c->is_v3 && has_binary(&p->out);
	write_payload(b, c, binary);
	if (tn_buf_finish(b, &payload, NULL) < 0) {
		tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
		return;
	}
	if (may_compress(&p->out))
		coding = tn_engine_pack_payload(c->engine, p->poll->coding,
		    &payload);
	tn_outq_fini(&p->out);
	answer_poll(c, binary, coding, payload);
}

static void
on_grace_over(void *arg)
{
	struct tn_conn *c = arg;

	tn_conn_end(c, c->reason);
}

void
tn_conn_poll_close(struct tn_conn *c)
{
	struct tn_wheel *wheel = c->engine->wheel;
	struct tn_polling *p = c->polling;

	if (p->poll != NULL && p->out.len == 0) {
		tn_conn_end(c, c->reason);
		return;
	}
	tn_wheel_set(wheel, &p->task, wheel->now_ms + TN_EIO_CLOSE_GRACE_MS,
	    on_grace_over, c);
}

/* One GET at a time: a second one ends the session. */
static void
overlap(struct tn_conn *c, struct tn_io_exchange *x)
{
	tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
	tn_io_exchange_reply(x, 400, NULL, TN_SLICE_NONE);
}

static void
on_get(struct tn_conn *c, struct tn_io_exchange *x)
{
	struct tn_polling *p = c->polling;

	if (p->poll != NULL) {
		overlap(c, x);
		return;
	}
	x->conn = c;
	p->poll = x;
	if (p->out.len > 0) {
		tn_conn_touch(c);
	} else if (c->state == CONN_CLOSING && p->probe == NULL) {
		tn_conn_poll_answer(c, NOTE_LAST);
		tn_conn_end(c, c->reason);
	}
}

static bool
is_octet_stream(const struct tn_io_request *request)
{
	struct tn_slice type = tn_io_request_header(request, "content-type");

	return tn_slice_is(type, "application/octet-stream");
}

/* Longer than max_payload by its own account; without one, it is counted. */
static bool
is_too_long(const struct tn_conn *c, const struct tn_io_request *request)
{
	struct tn_slice text = tn_io_request_header(request, "content-length");
	uint64_t len;

	return tn_slice_u64(text, &len) && len > c->engine->options.max_payload;
}

static enum tn_engine_verdict
on_post(struct tn_conn *c, const struct tn_io_request *request,
    struct tn_io_exchange *x)
{
	x->binary = is_octet_stream(request);
	if (c->polling->post != NULL || (x->binary && !c->is_v3)) {
		overlap(c, x);
		return TN_ENGINE_REPLY;
	}
	if (is_too_long(c, request)) {
		tn_io_exchange_reply(x, 413, NULL, TN_SLICE_NONE);
		return TN_ENGINE_REPLY;
	}
	x->conn = c;
	c->polling->post = x;
	return TN_ENGINE_BODY;
}

enum tn_engine_verdict
tn_conn_request(struct tn_conn *c, const struct tn_io_request *request,
    struct tn_io_exchange *x)
{
	if (c->polling == NULL)		/* a GET for a WebSocket, that asks for none */
		tn_io_exchange_reply(x, 400, NULL, TN_SLICE_NONE);
	else if (tn_slice_is(request->method, "POST"))
		return on_post(c, request, x);
	else if (tn_slice_is(request->method, "GET"))
		on_get(c, x);
	else
		tn_io_exchange_reply(x, 500, NULL, TN_SLICE_NONE);
	return TN_ENGINE_REPLY;
}

void
tn_engine_body(struct tn_engine *engine, struct tn_io_exchange *x,
    struct tn_slice part)
{
	(void)engine;
	if (x->conn == NULL || x->too_large)
		return;
	tn_buf_slice(&x->body, part);
	if (x->body.failed != 0) {
		x->too_large = true;
		tn_buf_fini(&x->body);
	}
}

/* The next packet of a payload: 1, 0 after the last, negative if it is bad. */
static int
cut_packet(const struct tn_conn *c, struct tn_slice *rest,
    struct tn_slice *packet, bool *binary)
{
	if (c->is_v3 && *binary)
		return tn_eio3_bytes_cut(rest, packet, binary, NULL);
	if (c->is_v3)
		return tn_eio3_text_cut(rest, packet, NULL);
	if (rest->ptr == NULL)
		return 0;
	*packet = tn_eio_payload_cut(rest);
	return 1;
}

static void
receive_payload(struct tn_conn *c, bool in_bytes, struct tn_slice body)
{
	int r = body.len > 0 && (in_bytes || tn_utf8_valid(body)) ? 1 :
	    TN_E_SYNTAX;

	for (size_t n = 0; r > 0 && c->state == CONN_OPEN; n++) {
		struct tn_slice packet;
		bool binary = in_bytes;

		r = n == TN_LIMIT_PAYLOAD_PACKETS && body.len > 0 ?
		    TN_E_LIMIT : cut_packet(c, &body, &packet, &binary);
		if (r > 0 && !(c->is_v3 && packet.len == 0))
			tn_conn_receive(c, LINK_POLLING, binary, packet);
	}
	if (r < 0)
		tn_conn_end(c, TN_CLOSE_PARSE_ERROR);
}

void
tn_engine_body_end(struct tn_engine *engine, struct tn_io_exchange *x)
{
	struct tn_conn *c = x->conn;

	(void)engine;
	if (c == NULL)
		return;
	if (x->too_large) {
		tn_io_exchange_reply(x, 413, NULL, TN_SLICE_NONE);
		return;
	}
	/* packets may end the session: it must not cut this one off then */
	x->conn = NULL;
	c->polling->post = NULL;
	receive_payload(c, x->binary, tn_buf_view(&x->body));
	tn_io_exchange_reply(x, 200, "text/html", TN_SLICE("ok"));
}

void
tn_engine_gone(struct tn_engine *engine, struct tn_io_exchange *x)
{
	struct tn_conn *c = x->conn;

	(void)engine;
	forget(x);
	if (c != NULL)
		tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
}
