/*
 * A session's life: made by a handshake, ended by whatever comes first, freed
 * by the flush of that turn, when nobody stands inside it any more.
 */
#include "config.h"

#include "io/engine_conn.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "io/ws_frame.h"

enum { OPEN_PACKET_BYTES = 512, WRITABLE_BYTES = 65536 };

static struct tn_rcbuf *
open_packet(const struct tn_conn *c)
{
	const struct tn_engine_options *o = &c->engine->options;
	const bool can_upgrade = c->wire == NULL && !o->no_websocket &&
	    !o->no_upgrades;
	struct tn_rcbuf *rc = NULL;
	struct tn_slice text;
	struct tn_buf b;

	tn_buf_init(&b, OPEN_PACKET_BYTES);
	tn_buf_printf(&b, "0{\"sid\":\"%s\",\"upgrades\":[%s],"
	    "\"pingInterval\":%d,\"pingTimeout\":%d,\"maxPayload\":%zu}",
	    c->sid, can_upgrade ? "\"websocket\"" : "",
	    o->ping_interval_ms, o->ping_timeout_ms, o->max_payload);
	if (tn_buf_finish(&b, &text, NULL) == 0)
		rc = tn_rcbuf_new(text, TN_SLICE_NONE);
	if (rc != NULL)
		tn_ws_frame_head(rc);
	tn_buf_fini(&b);
	return rc;
}

static struct tn_outq *
queue_of(struct tn_conn *c)
{
	return c->wire != NULL ? &c->wire->out : &c->polling->out;
}

static int
queue_open_packet(struct tn_conn *c)
{
	struct tn_rcbuf *rc = open_packet(c);
	int r = rc == NULL ? -1 : tn_outq_push(queue_of(c), rc);

	tn_rcbuf_unref(&rc);
	if (r == 0 && c->engine->initial != NULL)
		r = tn_outq_push(queue_of(c), c->engine->initial);
	return r;
}

/* Its transport, and a place among all. */
static int
begin(struct tn_conn *c, struct tn_wire *wire)
{
	c->wire = wire;
	if (wire == NULL) {
		c->polling = calloc(1, sizeof(*c->polling));
		if (c->polling == NULL)
			return TN_E_NOMEM;
	}
	if (queue_open_packet(c) < 0)
		return TN_E_NOMEM;
	return tn_map_set(&c->engine->conns, tn_slice_str(c->sid), c, NULL);
}

struct tn_conn *
tn_conn_new(struct tn_engine *engine, const struct eio_asked *asked,
    struct tn_wire *wire)
{
	const char *worker = engine->options.worker;
	const size_t worker_len = worker == NULL ? 0 : 1 + strlen(worker);
	struct tn_conn *c;

	c = calloc(1, offsetof(struct tn_conn, sid) + TN_EIO_ID_LEN +
	    worker_len + 1);
	if (c == NULL)
		return NULL;
	c->engine = engine;
	c->is_v3 = asked->is_v3;
	c->wants_base64 = asked->wants_base64;
	tn_list_init(&c->link);
	tn_random_text(c->sid, TN_EIO_ID_LEN);
	if (worker != NULL) {
		c->sid[TN_EIO_ID_LEN] = '.';
		memcpy(c->sid + TN_EIO_ID_LEN + 1, worker, worker_len - 1);
	}
	if (begin(c, wire) == 0)
		return c;
	if (wire != NULL)
		tn_outq_fini(&wire->out);
	else
		tn_conn_poll_end(c);
	free(c);
	return NULL;
}

void
tn_conn_open(struct tn_conn *c, const struct tn_io_request *request)
{
	const struct tn_engine_hooks *hooks = &c->engine->hooks;

	c->engine->counts.opened++;
	tn_conn_beat_start(c);
	hooks->on_open(c, request, hooks->arg);
}

void
tn_conn_free(struct tn_conn *c)
{
	tn_map_remove(&c->engine->conns, tn_slice_str(c->sid));
	free(c);
}

void
tn_wire_drop(struct tn_wire *w)
{
	w->conn = NULL;
	w->is_closing = true;
	w->wake(w);
}

void
tn_conn_end(struct tn_conn *c, enum tn_close_reason reason)
{
	struct tn_engine *engine = c->engine;
	struct tn_wire *wire = c->wire;

	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	c->reason = reason;
	tn_map_remove(&engine->conns, tn_slice_str(c->sid));
	tn_wheel_cancel(engine->wheel, &c->beat);
	tn_list_remove(&c->link);
	tn_list_append(&engine->ended, &c->link);
	engine->counts.closed++;
	c->wire = NULL;
	tn_conn_poll_end(c);
	if (wire != NULL)
		tn_wire_drop(wire);
}

void
tn_conn_touch(struct tn_conn *c)
{
	const struct tn_polling *p = c->polling;

	if (p == NULL || p->poll == NULL || p->out.len == 0)
		return;
	if (tn_list_empty(&c->link))
		tn_list_append(&c->engine->dirty, &c->link);
}

/* The packet is queued: let it be looked at. */
static void
wake(struct tn_conn *c)
{
	if (c->wire != NULL)
		c->wire->wake(c->wire);
	else
		tn_conn_touch(c);
}

/* Too slow to be waited for: what is queued is not sent any more. */
static void
end_slow(struct tn_conn *c)
{
	tn_log_event(c->engine->log, TN_LOG_INFO, "io.slow",
	    TN_F_NUM("bytes", queue_of(c)->bytes));
	tn_outq_fini(queue_of(c));
	c->engine->counts.slow_closed++;
	tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
}

static bool
fits(const struct tn_conn *c, const struct tn_outq *q,
    const struct tn_rcbuf *rc)
{
	return q->bytes + tn_rcbuf_frame(rc).len <=
	    c->engine->options.max_queue;
}

static void
queue(struct tn_conn *c, struct tn_rcbuf *rc)
{
	struct tn_outq *q = queue_of(c);

	if (!fits(c, q, rc))
		c->engine->counts.volatile_dropped += tn_outq_drop_volatile(q);
	if (!fits(c, q, rc) && rc->is_volatile) {
		c->engine->counts.volatile_dropped++;
		return;
	}
	if (!fits(c, q, rc) || tn_outq_push(q, rc) < 0) {
		end_slow(c);
		return;
	}
	wake(c);
}

void
tn_conn_send_standing(struct tn_conn *c, enum standing_packet which)
{
	if (c->state == CONN_OPEN)
		queue(c, c->engine->standing[which]);
}

void
tn_conn_send(struct tn_conn *c, struct tn_rcbuf *message)
{
	if (c->state != CONN_OPEN)
		return;
	c->engine->counts.messages_out++;
	if (c->is_v3)
		message = tn_message_v3(message, c->wants_base64);
	if (message != NULL && c->wire != NULL && c->wire->deflate_bits != 0)
		message = tn_message_deflated(c->engine, c->wire, message);
	if (message != NULL)
		queue(c, message);
	else	/* a gap would be worse */
		tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
}

void
tn_conn_close(struct tn_conn *c, enum tn_close_reason reason)
{
	if (c->state != CONN_OPEN)
		return;
	if (c->wire != NULL) {
		tn_conn_end(c, reason);
		return;
	}
	c->state = CONN_CLOSING;
	c->reason = reason;
	if (c->polling->probe == NULL)
		tn_conn_poll_close(c);
}

bool
tn_conn_is_writable(const struct tn_conn *c)
{
	if (c->state != CONN_OPEN)
		return false;
	if (c->wire == NULL)
		return c->polling->poll != NULL;
	return !c->wire->pending && c->wire->out.bytes < WRITABLE_BYTES;
}

int
tn_conn_protocol(const struct tn_conn *c)
{
	return c->is_v3 ? 3 : 4;
}

const char *
tn_conn_sid(const struct tn_conn *c)
{
	return c->sid;
}

void *
tn_conn_user(const struct tn_conn *c)
{
	return c->user;
}

void
tn_conn_set_user(struct tn_conn *c, void *user)
{
	c->user = user;
}
