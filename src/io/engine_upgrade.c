/*
 * From polling to WebSocket.
 *
 *     open ---2probe---> answered: the poll is let go every 100 ms
 *       |                   |
 *       +--------5----------+---> the WebSocket carries the session
 *       |                   |
 *       +--- anything else, time over, gone ---> polling goes on
 */
#include "config.h"

#include "io/engine_conn.h"

/* A close that waited for the upgrade goes on without it. */
void
tn_conn_probe_gone(struct tn_conn *c)
{
	c->polling->probe = NULL;
	tn_wheel_cancel(c->engine->wheel, &c->polling->task);
	if (c->state == CONN_CLOSING)
		tn_conn_poll_close(c);
}

void
tn_conn_probe_fail(struct tn_conn *c)
{
	struct tn_wire *w = c->polling->probe;

	if (w == NULL)
		return;
	tn_wire_drop(w);
	tn_conn_probe_gone(c);
}

static void
on_task(void *arg)
{
	struct tn_conn *c = arg;
	struct tn_polling *p = c->polling;
	const int64_t now = tn_engine_now(c->engine);
	int64_t due = p->upgrade_by_ms;

	if (now >= due) {
		tn_conn_probe_fail(c);
		return;
	}
	if (p->probed) {
		tn_conn_poll_flush(c);
		if (c->state == CONN_CLOSED)
			return;
		tn_conn_poll_answer(c, NOTE_NOOP);
		if (now + TN_EIO_NOOP_MS < due)
			due = now + TN_EIO_NOOP_MS;
	}
	tn_wheel_set(c->engine->wheel, &p->task, due, on_task, c);
}

void
tn_conn_probe_open(struct tn_conn *c, struct tn_wire *w)
{
	struct tn_engine *engine = c->engine;
	struct tn_polling *p = c->polling;

	p->probe = w;
	p->probed = false;
	w->conn = c;
	p->upgrade_by_ms = tn_engine_now(engine) +
	    engine->options.upgrade_timeout_ms;
	tn_wheel_set(engine->wheel, &p->task, p->upgrade_by_ms, on_task, c);
}

void
tn_conn_probe_answer(struct tn_conn *c)
{
	struct tn_engine *engine = c->engine;
	struct tn_polling *p = c->polling;
	struct tn_wire *w = p->probe;
	int64_t due = tn_engine_now(engine) + TN_EIO_NOOP_MS;

	if (p->probed ||
	    tn_outq_push(&w->out, engine->standing[STANDING_PROBE]) < 0) {
		tn_conn_probe_fail(c);
		return;
	}
	w->wake(w);
	p->probed = true;
	if (due > p->upgrade_by_ms)
		due = p->upgrade_by_ms;
	tn_wheel_set(engine->wheel, &p->task, due, on_task, c);
}

void
tn_conn_upgrade(struct tn_conn *c)
{
	struct tn_engine *engine = c->engine;
	struct tn_wire *w = c->polling->probe;

	if (tn_outq_move(&w->out, &c->polling->out) < 0) {
		tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
		return;
	}
	tn_list_remove(&c->link);
	c->wire = w;
	c->polling->probe = NULL;
	tn_conn_poll_end(c);
	engine->counts.upgraded++;
	tn_conn_beat_upgraded(c);
	if (c->state == CONN_CLOSING)
		tn_conn_end(c, c->reason);
	else
		w->wake(w);
}
