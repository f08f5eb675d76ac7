/*
 * The heartbeat: the server pings, the client answers, and the next ping
 * comes a full interval after the answer.
 *
 *              interval over                   no pong in time
 *     quiet ----------------> awaits pong --------------------> ended
 *       ^                          |   ^ the first other packet starts
 *       +--------- pong -----------+   | the wait again, once
 *
 * A client of Engine.IO 3 pings by itself; the server answers, and ends what
 * has not pinged for an interval and a timeout.
 */
#include "config.h"

#include "io/engine_conn.h"

static void
on_silence(void *arg)
{
	struct tn_conn *c = arg;

	tn_conn_end(c, TN_CLOSE_PING_TIMEOUT);
}

static void
await_pong(struct tn_conn *c)
{
	const struct tn_engine *engine = c->engine;

	c->awaits_pong = true;
	tn_wheel_set(engine->wheel, &c->beat, tn_engine_now(engine) +
	    engine->options.ping_timeout_ms, on_silence, c);
}

/* A session that is being closed is not pinged, but must still be alive. */
static void
on_interval(void *arg)
{
	struct tn_conn *c = arg;

	c->was_patient = false;
	await_pong(c);
	tn_conn_send_standing(c, STANDING_PING);
}

static void
await_ping(struct tn_conn *c)
{
	const struct tn_engine *engine = c->engine;

	tn_wheel_set(engine->wheel, &c->beat, tn_engine_now(engine) +
	    engine->options.ping_interval_ms +
	    engine->options.ping_timeout_ms, on_silence, c);
}

void
tn_conn_beat_ping(struct tn_conn *c)
{
	await_ping(c);
	tn_conn_send_standing(c, STANDING_PONG);
}

void
tn_conn_beat_start(struct tn_conn *c)
{
	const struct tn_engine *engine = c->engine;

	if (c->is_v3) {
		await_ping(c);
		return;
	}
	c->awaits_pong = false;
	tn_wheel_set(engine->wheel, &c->beat, tn_engine_now(engine) +
	    engine->options.ping_interval_ms, on_interval, c);
}

/*
 * The reference only stops waiting for the pong here, and never pings again
 * if none comes. The ping has moved to the WebSocket, so the wait starts anew.
 */
void
tn_conn_beat_upgraded(struct tn_conn *c)
{
	if (c->awaits_pong)
		await_pong(c);
}

void
tn_conn_beat_packet(struct tn_conn *c)
{
	if (!c->awaits_pong || c->was_patient)
		return;
	c->was_patient = true;
	await_pong(c);
}

void
tn_conn_beat_pong(struct tn_conn *c)
{
	tn_conn_beat_start(c);
}
