#include "config.h"

#include "engine_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/rcbuf.h"
#include "io/ws_deflate.h"

enum { MAX_PAIRS = 16, MAX_TARGET = 512, LOG_BYTES = 1 << 22, STEP_MS = 5 };

static void
note(struct rig *r, const char *what, struct tn_slice text)
{
	if (r->log.len > 0)
		tn_buf_char(&r->log, ' ');
	tn_buf_str(&r->log, what);
	tn_buf_slice(&r->log, text);
}

static void
on_open(struct tn_conn *c, const struct tn_io_request *request, void *arg)
{
	struct rig *r = arg;

	(void)request;
	r->last = c;
	note(r, "open", TN_SLICE_NONE);
}

static void
on_message(struct tn_conn *c, struct tn_slice bytes, bool binary,
    struct rig *r)
{
	struct tn_rcbuf *rc;

	note(r, binary ? "binary:" : "text:", bytes);
	if (r->closes)
		tn_conn_close(c, r->close_on_text);
	if (!r->echoes)
		return;
	rc = tn_message_new(bytes, TN_SLICE_NONE, binary);
	if (rc != NULL)
		tn_conn_send(c, rc);
	tn_rcbuf_unref(&rc);
}

static void
on_text(struct tn_conn *c, struct tn_slice text, void *arg)
{
	on_message(c, text, false, arg);
}

static void
on_binary(struct tn_conn *c, struct tn_slice bytes, void *arg)
{
	on_message(c, bytes, true, arg);
}

static void
on_close(struct tn_conn *c, enum tn_close_reason reason, void *arg)
{
	(void)c;
	note(arg, "close:", tn_slice_str(tn_close_reason_text(reason)));
}

void
rig_start(struct rig *r, const struct tn_engine_options *options)
{
	const struct tn_engine_options presets = { 0 };
	const struct tn_engine_hooks hooks = {
		on_open, on_text, on_binary, on_close, r
	};

	*r = (struct rig){ .echoes = true, .query = "EIO=4" };
	tn_random_start(NULL);
	tn_buf_init(&r->log, LOG_BYTES);
	tn_wheel_init(&r->wheel, 1000000);
	r->engine = tn_engine_new(options == NULL ? &presets : options,
	    &hooks, &r->wheel, NULL, NULL);
}

void
rig_stop(struct rig *r)
{
	tn_engine_free(&r->engine);
	tn_wheel_fini(&r->wheel);
	tn_buf_fini(&r->log);
}

void
rig_pass(struct rig *r, int ms)
{
	const int64_t end = r->wheel.now_ms + ms;

	while (r->wheel.now_ms < end) {
		int64_t next = r->wheel.now_ms + STEP_MS;

		tn_wheel_advance(&r->wheel, next < end ? next : end);
		tn_engine_flush(r->engine);
	}
}

const char *
rig_log(struct rig *r)
{
	static char copy[4096];

	snprintf(copy, sizeof(copy), "%.*s", (int)r->log.len,
	    r->log.ptr == NULL ? "" : r->log.ptr);
	tn_buf_reset(&r->log);
	return copy;
}

/* ---- HTTP ---------------------------------------------------------------- */

static void
on_reply(struct tn_io_exchange *x, const struct tn_io_reply *reply)
{
	struct rig_http *h = TN_CONTAINER(x, struct rig_http, x);
	size_t at = 0;

	h->replies++;
	h->status = reply->status;
	h->close = reply->close;
	snprintf(h->type, sizeof(h->type), "%.*s", TN_SLICE_ARG(reply->type));
	for (size_t i = 0; i < reply->nheaders; i++)
		at += (size_t)snprintf(h->headers + at, sizeof(h->headers) - at,
		    "%.*s: %.*s\n", TN_SLICE_ARG(reply->headers[i].name),
		    TN_SLICE_ARG(reply->headers[i].value));
	tn_buf_slice(&h->body, reply->body);
}

static size_t
split_headers(const char *text, struct tn_pair *pairs)
{
	struct tn_slice rest = tn_slice_str(text);
	size_t n = 0;

	while (rest.ptr != NULL && n < MAX_PAIRS) {
		struct tn_slice line = tn_slice_cut(&rest, '\n');

		if (tn_slice_split(line, ':', &pairs[n].name, &pairs[n].value))
			n++;
	}
	return n;
}

static enum tn_engine_verdict
begin(struct rig *r, struct rig_http *h, const char *method,
    const char *target, const char *headers)
{
	struct tn_pair pairs[MAX_PAIRS];
	const struct tn_io_request request = {
		.method = tn_slice_str(method),
		.target = tn_slice_str(target),
		.headers = pairs,
		.nheaders = split_headers(headers, pairs),
	};

	*h = (struct rig_http){ .x.reply = on_reply, .engine = r->engine };
	tn_buf_init(&h->body, LOG_BYTES);
	return tn_engine_request(r->engine, &request, &h->x);
}

void
rig_http(struct rig *r, struct rig_http *h, const char *method,
    const char *target, const char *headers, struct tn_slice body)
{
	if (begin(r, h, method, target, headers) == TN_ENGINE_BODY) {
		tn_engine_body(r->engine, &h->x, body);
		tn_engine_body_end(r->engine, &h->x);
	}
	tn_engine_flush(r->engine);
}

/* sid NULL: a handshake */
static const char *
target_of(const struct rig *r, const char *sid)
{
	static char target[MAX_TARGET];

	snprintf(target, sizeof(target),
	    "/socket.io/?%s&transport=polling%s%s", r->query,
	    sid == NULL ? "" : "&sid=", sid == NULL ? "" : sid);
	return target;
}

void
rig_get(struct rig *r, struct rig_http *h, const char *sid)
{
	rig_http(r, h, "GET", target_of(r, sid), NULL, TN_SLICE_NONE);
}

void
rig_post(struct rig *r, struct rig_http *h, const char *sid, const char *body)
{
	rig_http(r, h, "POST", target_of(r, sid), NULL, tn_slice_str(body));
}

void
rig_post_head(struct rig *r, struct rig_http *h, const char *sid)
{
	begin(r, h, "POST", target_of(r, sid), NULL);
}

void
rig_http_fini(struct rig_http *h)
{
	if (h->replies == 0)
		tn_engine_gone(h->engine, &h->x);
	tn_buf_fini(&h->body);
}

const char *
rig_answer(const struct rig_http *h)
{
	static char text[8][1024];
	static unsigned turn;
	char *out = text[turn++ % 8];

	if (h->replies == 0)
		return "-";
	snprintf(out, sizeof(text[0]), "%d %.*s", h->status, (int)h->body.len,
	    h->body.ptr == NULL ? "" : h->body.ptr);
	return out;
}

const char *
rig_open(struct rig *r)
{
	struct rig_http h;

	r->last = NULL;
	rig_http(r, &h, "GET", target_of(r, NULL), NULL, TN_SLICE_NONE);
	rig_http_fini(&h);
	tn_buf_reset(&r->log);
	return r->last == NULL ? NULL : tn_conn_sid(r->last);
}

/* ---- WebSocket ----------------------------------------------------------- */

static void
on_wake(struct tn_wire *w)
{
	TN_CONTAINER(w, struct rig_wire, w)->wakes++;
}

bool
rig_wire_open(struct rig *r, struct rig_wire *w, const char *sid)
{
	char target[MAX_TARGET];
	const struct tn_io_request request = {
		.method = TN_SLICE("GET"),
		.target = tn_slice(target, (size_t)snprintf(target,
		    sizeof(target), "/socket.io/?%s&transport=websocket%s%s",
		    r->query, sid == NULL ? "" : "&sid=", sid == NULL ? "" : sid)),
		.is_upgrade = true,
	};
	struct tn_ws_deflate terms;
	struct tn_io_reply reply;

	*w = (struct rig_wire){ .w.wake = on_wake };
	if (!tn_engine_may_upgrade(r->engine, &request, &terms, &reply))
		return false;
	tn_engine_wire_open(r->engine, &request, &w->w);
	tn_engine_flush(r->engine);
	return true;
}

void
rig_wire_text(struct rig *r, struct rig_wire *w, const char *text)
{
	tn_engine_wire_message(r->engine, &w->w, false, tn_slice_str(text));
	tn_engine_flush(r->engine);
}

const char *
rig_wire_sent(struct rig_wire *w)
{
	static char text[4096];
	size_t at = 0;

	text[0] = '\0';
	while (w->w.out.len > 0) {
		struct tn_slice payload = tn_rcbuf_payload(
		    tn_outq_at(&w->w.out, 0));

		if (at + payload.len + 2 < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at,
			    "%.*s|", TN_SLICE_ARG(payload));
		tn_outq_pop(&w->w.out, 1);
	}
	return text;
}

void
rig_wire_gone(struct rig *r, struct rig_wire *w, bool clean)
{
	tn_engine_wire_gone(r->engine, &w->w, clean);
	tn_engine_flush(r->engine);
}
