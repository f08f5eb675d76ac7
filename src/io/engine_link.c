/* What each packet does, by the kind of link on which it came. */
#include "config.h"

#include "io/eio3_packet.h"
#include "io/engine_conn.h"

typedef void link_action(struct tn_conn *c,
    const struct tn_eio_packet *packet);

static void
ignore(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	(void)c;
	(void)packet;
}

static void
on_message(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	const struct tn_engine_hooks *hooks = &c->engine->hooks;

	c->engine->counts.messages_in++;
	if (packet->binary)
		hooks->on_binary(c, packet->data, hooks->arg);
	else
		hooks->on_text(c, packet->data, hooks->arg);
}

/* Each side's heartbeat has one direction; the other one is a fault. */
static void
on_ping(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	(void)packet;
	if (c->is_v3)
		tn_conn_beat_ping(c);
	else
		tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
}

static void
on_pong(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	(void)packet;
	if (c->is_v3)
		tn_conn_end(c, TN_CLOSE_TRANSPORT_ERROR);
	else
		tn_conn_beat_pong(c);
}

/* A parked poll learns nothing of it: the client knows. */
static void
on_poll_close(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	(void)packet;
	tn_conn_poll_answer(c, NOTE_NOOP);
	tn_conn_end(c, TN_CLOSE_TRANSPORT_CLOSE);
}

static void
on_socket_close(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	(void)packet;
	tn_conn_end(c, TN_CLOSE_TRANSPORT_CLOSE);
}

static void
on_probe(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	if (tn_slice_is(packet->data, "probe"))
		tn_conn_probe_answer(c);
	else
		tn_conn_probe_fail(c);
}

static void
on_upgrade(struct tn_conn *c, const struct tn_eio_packet *packet)
{
	(void)packet;
	tn_conn_upgrade(c);
}

/* clang-format off */
static link_action *const actions[][TN_EIO_TYPES] = {
	[LINK_POLLING] = {
		[TN_EIO_OPEN]	 = ignore,
		[TN_EIO_CLOSE]	 = on_poll_close,
		[TN_EIO_PING]	 = on_ping,
		[TN_EIO_PONG]	 = on_pong,
		[TN_EIO_MESSAGE] = on_message,
		[TN_EIO_UPGRADE] = ignore,
		[TN_EIO_NOOP]	 = ignore,
	},
	[LINK_SOCKET] = {	/* a WebSocket that carries the session */
		[TN_EIO_OPEN]	 = ignore,
		[TN_EIO_CLOSE]	 = on_socket_close,
		[TN_EIO_PING]	 = on_ping,
		[TN_EIO_PONG]	 = on_pong,
		[TN_EIO_MESSAGE] = on_message,
		[TN_EIO_UPGRADE] = ignore,
		[TN_EIO_NOOP]	 = ignore,
	},
	[LINK_PROBING] = {	/* a WebSocket that offers to take over */
		[TN_EIO_PING]	 = on_probe,
		[TN_EIO_UPGRADE] = on_upgrade,
	},
};
/* clang-format on */

/* A probe that goes wrong takes only itself away. */
static void
refuse(struct tn_conn *c, enum link_kind kind, enum tn_close_reason reason)
{
	if (kind == LINK_PROBING)
		tn_conn_probe_fail(c);
	else
		tn_conn_end(c, reason);
}

static int
read_packet(struct tn_conn *c, bool binary, struct tn_slice bytes,
    struct tn_eio_packet *packet)
{
	if (c->is_v3)
		return tn_eio3_packet_read(bytes, binary, &c->engine->decoded,
		    packet, NULL);
	if (!binary)
		return tn_eio_packet_read(bytes, &c->engine->decoded, packet,
		    NULL);
	*packet = (struct tn_eio_packet){ TN_EIO_MESSAGE, true, bytes };
	return 0;
}

void
tn_conn_receive(struct tn_conn *c, enum link_kind kind, bool binary,
    struct tn_slice bytes)
{
	struct tn_eio_packet packet;
	link_action *action;

	if (read_packet(c, binary, bytes, &packet) < 0) {
		refuse(c, kind, TN_CLOSE_PARSE_ERROR);
		return;
	}
	action = actions[kind][packet.type];
	if (action == NULL) {
		refuse(c, kind, TN_CLOSE_TRANSPORT_ERROR);
		return;
	}
	if (kind != LINK_PROBING) {
		if (c->state != CONN_OPEN)
			return;
		if (packet.type != TN_EIO_PONG)
			tn_conn_beat_packet(c);
	}
	action(c, &packet);
}
