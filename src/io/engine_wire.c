/* Sessions over WebSocket, from the handshake to the close. */
#include "config.h"

#include "io/engine_conn.h"
#include "io/ws_deflate.h"

/* None is as if others than ours were offered. */
static struct tn_slice
extensions(const struct tn_io_request *request)
{
	struct tn_slice text = tn_io_request_header(request,
	    "sec-websocket-extensions");

	return text.len > 0 ? text : TN_SLICE("none");
}

static bool
refuse(struct tn_io_reply *reply, int status, const char *text)
{
	*reply = (struct tn_io_reply){
		.status = status,
		.type = TN_SLICE("text/html"),
		.body = tn_slice_str(text),
		.close = true,
	};
	return false;
}

bool
tn_engine_may_upgrade(struct tn_engine *engine,
    const struct tn_io_request *request, struct tn_ws_deflate *terms,
    struct tn_io_reply *reply)
{
	struct eio_asked asked;
	struct tn_conn *c;
	enum eio_fault fault = tn_engine_check(engine, request, &c, &asked);

	*terms = (struct tn_ws_deflate){ 0 };
	if (fault != EIO_FINE)
		return refuse(reply, fault == EIO_FAULT_BUSY ? 503 : 400,
		    tn_eio_fault_text(fault));
	if (!engine->options.per_message_deflate ||
	    tn_ws_deflate_read(extensions(request), terms) >= 0)
		return true;
	*terms = (struct tn_ws_deflate){ 0 };
	engine->counts.refused[EIO_FAULT_REQUEST]++;
	return refuse(reply, 400,
	    "Invalid or unacceptable Sec-WebSocket-Extensions header");
}

static void
begin(struct tn_engine *engine, const struct tn_io_request *request,
    const struct eio_asked *asked, struct tn_wire *w)
{
	struct tn_conn *c = tn_conn_new(engine, asked, w);

	if (c == NULL) {
		tn_wire_drop(w);
		return;
	}
	w->conn = c;
	w->wake(w);
	tn_conn_open(c, request);
}

void
tn_engine_wire_open(struct tn_engine *engine,
    const struct tn_io_request *request, struct tn_wire *w)
{
	struct eio_asked asked;
	struct tn_conn *c;

	if (tn_engine_check(engine, request, &c, &asked) != EIO_FINE)
		tn_wire_drop(w);
	else if (c == NULL)
		begin(engine, request, &asked, w);
	else if (c->wire != NULL || c->polling->probe != NULL ||
	    engine->options.no_upgrades)
		tn_wire_drop(w);	/* the session is left as it is */
	else
		tn_conn_probe_open(c, w);
}

void
tn_engine_wire_message(struct tn_engine *engine, struct tn_wire *w,
    bool binary, struct tn_slice bytes)
{
	struct tn_conn *c = w->conn;

	if (c == NULL)
		return;
	if (bytes.len > engine->options.max_payload)
		tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
	else
		tn_conn_receive(c, w == c->wire ? LINK_SOCKET : LINK_PROBING,
		    binary, bytes);
}

void
tn_engine_wire_gone(struct tn_engine *engine, struct tn_wire *w, bool clean)
{
	struct tn_conn *c = w->conn;

	(void)engine;
	w->conn = NULL;
	tn_outq_fini(&w->out);
	if (c == NULL)
		return;
	if (c->wire != w) {
		tn_conn_probe_gone(c);
		return;
	}
	c->wire = NULL;
	tn_conn_end(c, clean ? TN_CLOSE_TRANSPORT_CLOSE :
	    TN_CLOSE_TRANSPORT_ERROR);
}
