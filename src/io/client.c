/*
 * Connections: what the engine hears goes to the socket it is for. Whatever
 * a client may not do ends its connection, as the reference does.
 */
#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/inner.h"
#include "io/mp_packet.h"

enum {
	ARENA_BYTES = 64 * 1024,	/* names and buffers of a packet */
};

/* ---- sending and closing --------------------------------------------------------------*/

void
tn_client_close(struct tn_client *c)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	tn_conn_close(c->conn, TN_CLOSE_FORCED_CLOSE);
}

void
tn_client_send(struct tn_client *c, const struct tn_sio_packet *packet,
    const struct tn_slice *buffers, bool built)
{
	struct tn_parcel parcel;

	if (!built || tn_parcel_init(&parcel, c->io, packet, buffers) < 0) {
		tn_client_close(c);
		return;
	}
	tn_parcel_send(&parcel, c->conn);
	tn_parcel_fini(&parcel);
}

/* Each socket hears it before the connection ends. */
static void
tell_error(struct tn_client *c, const char *why)
{
	struct tn_list *it, *following;
	struct tn_err err;

	tn_err_set(&err, TN_E_SYNTAX, "%s", why);
	c->is_closing = true;	/* what is done there cannot end it twice */
	TN_LIST_EACH(it, following, &c->sockets)
		tn_taps_error(TN_CONTAINER(it, struct tn_socket, link), &err);
	c->is_closing = false;
}

static void
drop_sockets(struct tn_client *c, const char *reason)
{
	while (!tn_list_empty(&c->sockets))
		tn_socket_drop(TN_CONTAINER(c->sockets.next, struct tn_socket,
		    link), reason);
}

/* Over polling the end may come half a minute later: nobody stays until then. */
static void
blame(struct tn_client *c, const char *why)
{
	tn_log_event(c->io->log, TN_LOG_INFO, "io.bad_packet",
	    TN_F_SLICE("address", tn_handshake_address(c->handshake)),
	    TN_F_STR("why", why));
	tell_error(c, why);
	tn_client_close(c);
	drop_sockets(c, tn_close_reason_text(TN_CLOSE_FORCED_CLOSE));
}

/* Most of its life a client needs none. */
static void
deadline_free(struct tn_client *c)
{
	if (c->connecting != NULL)
		tn_wheel_cancel(c->io->wheel, c->connecting);
	free(c->connecting);
	c->connecting = NULL;
}

void
tn_client_joined(struct tn_client *c)
{
	deadline_free(c);
}

static void
on_connect_timeout(void *arg)
{
	tn_client_close(arg);
}

/* ---- packets, by type -----------------------------------------------------*/

/* The client's socket in a namespace, in whatever state. */
static struct tn_socket *
find_socket(const struct tn_client *c, const struct tn_ns *ns)
{
	for (struct tn_list *it = c->sockets.next; it != &c->sockets;
	    it = it->next) {
		struct tn_socket *s = TN_CONTAINER(it, struct tn_socket, link);

		if (s->ns == ns)
			return s;
	}
	return NULL;
}

static struct tn_socket *
find_connected(const struct tn_client *c, const struct tn_sio_packet *p)
{
	struct tn_slice query = p->nsp;
	struct tn_ns *ns = tn_map_get(&c->io->namespaces,
	    c->is_v2 ? tn_slice_cut(&query, '?') : p->nsp);
	struct tn_socket *s = ns == NULL ? NULL : find_socket(c, ns);

	return s != NULL && s->state == TN_SOCKET_CONNECTED ? s : NULL;
}

static void
refuse(struct tn_client *c, const struct tn_sio_packet *p, const char *why)
{
	tn_ns_refuse(c, p->nsp, tn_slice_str(why), TN_SLICE_NONE);
}

static void
connect_to(struct tn_client *c, const struct tn_sio_packet *p)
{
	struct tn_ns *ns = NULL;

	if (p->data.len > TN_LIMIT_AUTH_BYTES)
		refuse(c, p, "Auth payload too large");
	else if (c->nsockets >= TN_LIMIT_NSPS_PER_CLIENT)
		refuse(c, p, "Too many namespaces");
	else if (tn_ns_find(c->io, p->nsp, p->data, &ns) < 0)
		refuse(c, p, "Too many namespaces");
	else if (ns == NULL)
		refuse(c, p, "Invalid namespace");
	else if (find_socket(c, ns) != NULL)
		blame(c, "a second CONNECT to a namespace");
	else
		tn_ns_connect(ns, c, p->data);
}

static void
on_connect(struct tn_client *c, const struct tn_sio_packet *p)
{
	struct tn_sio_packet with_auth = *p;
	struct tn_buf auth;

	if (!c->is_v2) {
		connect_to(c, p);
		return;
	}
	tn_buf_init(&auth, TN_LIMIT_AUTH_BYTES);
	if (tn_v2_cut_query(&with_auth.nsp, &auth) < 0 ||
	    tn_buf_finish(&auth, &with_auth.data, NULL) < 0)
		blame(c, "a namespace whose query cannot be read");
	else
		connect_to(c, &with_auth);
	tn_buf_fini(&auth);
}

static void
on_event(struct tn_socket *s, const struct tn_sio_packet *p,
    const struct tn_slice *buffers)
{
	bool answered = false;
	struct tn_event event = {
		.ns = s->ns, .name = p->name, .data = p->data,
		.args = p->args, .buffers = buffers,
		.nbuffers = p->attachments, .wants_ack = p->has_id,
		.socket = s, .ack_id = p->id, .answered = &answered,
	};

	if (p->name.ptr != NULL &&
	    (s->taps == NULL || tn_taps_event(s, &event)))
		tn_socket_fire(s, p->name, &event);
}

static void
on_packet(struct tn_client *c, const struct tn_sio_packet *p,
    const struct tn_slice *buffers)
{
	struct tn_socket *s;

	if (p->type == TN_SIO_CONNECT) {
		on_connect(c, p);
		return;
	}
	s = find_connected(c, p);
	if (s == NULL || p->type == TN_SIO_CONNECT_ERROR)
		blame(c, "a packet for a namespace that was not joined");
	else if (p->type == TN_SIO_DISCONNECT)
		tn_socket_drop(s, "client namespace disconnect");
	else if (p->type == TN_SIO_ACK || p->type == TN_SIO_BINARY_ACK)
		tn_acks_answer(s, p, buffers);
	else
		on_event(s, p, buffers);
}

/* ---- attachments ----------------------------------------------------------*/

static void
pending_free(struct tn_client *c)
{
	struct tn_reassembly *r = c->pending;

	c->pending = NULL;
	if (r == NULL)
		return;
	tn_wheel_cancel(c->io->wheel, &r->deadline);
	for (size_t i = 0; i < r->got; i++)
		free((void *)(uintptr_t)r->buffers[i].ptr);
	free(r->text);
	free(r);
}

static void
on_attachment_timeout(void *arg)
{
	blame(arg, "attachments did not come in time");
}

static void
begin_pending(struct tn_client *c, struct tn_slice text, size_t wanted)
{
	struct tn_wheel *wheel = c->io->wheel;
	struct tn_reassembly *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->text = malloc(text.len)) == NULL) {
		free(r);
		tn_client_close(c);
		return;
	}
	memcpy(r->text, text.ptr, text.len);
	r->text_len = text.len;
	r->wanted = wanted;
	c->pending = r;
	tn_wheel_set(wheel, &r->deadline,
	    wheel->now_ms + TN_LIMIT_ATTACHMENT_MS, on_attachment_timeout, c);
}

static bool
add_buffer(struct tn_reassembly *r, struct tn_slice bytes)
{
	char *copy = malloc(bytes.len + 1);	/* one, for an empty buffer */

	if (copy == NULL)
		return false;
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	r->buffers[r->got++] = tn_slice(copy, bytes.len);
	r->bytes += bytes.len;
	return true;
}

/* All are here: read the text again, now that it is our copy. */
static void
finish_pending(struct tn_client *c)
{
	struct tn_reassembly *r = c->pending;
	struct tn_sio_packet packet;
	struct tn_err err;

	tn_wheel_cancel(c->io->wheel, &r->deadline);
	tn_arena_reset(&c->io->arena);
	if (tn_sio_decode(tn_slice(r->text, r->text_len),
	    c->io->max_attachments, &c->io->arena, &packet, &err) == 0)
		on_packet(c, &packet, r->buffers);
	else
		blame(c, err.text);
	pending_free(c);
}

/* ---- what the engine tells ------------------------------------------------*/

static void
client_free(struct tn_client *c)
{
	deadline_free(c);
	tn_handshake_free(&c->handshake);
	free(c);
}

static struct tn_client *
client_new(struct tn_io *io, const struct tn_io_request *request)
{
	struct tn_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->io = io;
	c->handshake = tn_handshake_new(request, tn_clock_wall_ms());
	c->connecting = calloc(1, sizeof(*c->connecting));
	if (c->handshake != NULL && c->connecting != NULL)
		return c;
	client_free(c);
	return NULL;
}

static void
on_open(struct tn_conn *conn, const struct tn_io_request *request, void *arg)
{
	struct tn_io *io = arg;
	struct tn_client *c = client_new(io, request);

	if (c == NULL) {
		tn_conn_close(conn, TN_CLOSE_FORCED_CLOSE);
		return;
	}
	c->conn = conn;
	c->is_v2 = tn_conn_protocol(conn) == 3;
	tn_list_init(&c->sockets);
	tn_conn_set_user(conn, c);
	tn_wheel_set(io->wheel, c->connecting,
	    io->wheel->now_ms + io->connect_timeout_ms, on_connect_timeout, c);
	if (c->is_v2)		/* which takes this one for granted */
		on_connect(c, &(struct tn_sio_packet){ .nsp = TN_SLICE("/") });
}

static void
on_text(struct tn_conn *conn, struct tn_slice text, void *arg)
{
	struct tn_io *io = arg;
	struct tn_client *c = tn_conn_user(conn);
	struct tn_sio_packet packet;
	struct tn_err err = { 0 };

	if (c == NULL || c->is_closing)
		return;
	if (io->msgpack) {
		blame(c, "text where MessagePack is spoken");
		return;
	}
	if (c->pending != NULL) {
		blame(c, "text while attachments are missing");
		return;
	}
	tn_arena_reset(&io->arena);
	if (tn_sio_decode(text, io->max_attachments, &io->arena, &packet,
	    &err) < 0)
		blame(c, err.text);
	else if (packet.attachments == 0)
		on_packet(c, &packet, NULL);
	else if (find_connected(c, &packet) == NULL)
		blame(c, "a packet for a namespace that was not joined");
	else
		begin_pending(c, text, packet.attachments);
}

static void
on_packed(struct tn_client *c, struct tn_slice bytes)
{
	const struct tn_slice *buffers = NULL;
	struct tn_sio_packet packet;
	struct tn_arena arena;
	struct tn_err err = { 0 };
	struct tn_buf json;

	tn_arena_init(&arena, ARENA_BYTES);
	tn_buf_init(&json, TN_LIMIT_CLUSTER_MESSAGE);
	if (tn_mp_decode(bytes, c->io->max_attachments, &arena, &json,
	    &packet, &buffers, &err) < 0)
		blame(c, err.text);
	else
		on_packet(c, &packet, buffers);
	tn_buf_fini(&json);
	tn_arena_fini(&arena);
}

static void
on_binary(struct tn_conn *conn, struct tn_slice bytes, void *arg)
{
	struct tn_client *c = tn_conn_user(conn);
	struct tn_reassembly *r;

	(void)arg;
	if (c == NULL || c->is_closing)
		return;
	if (c->io->msgpack) {
		on_packed(c, bytes);
		return;
	}
	r = c->pending;
	if (r == NULL)
		blame(c, "a binary message that no event announced");
	else if (bytes.len > TN_LIMIT_ATTACHMENT_BYTES - r->bytes)
		blame(c, "attachments are too large");
	else if (!add_buffer(r, bytes))
		tn_client_close(c);
	else if (r->got == r->wanted)
		finish_pending(c);
}

static void
on_close(struct tn_conn *conn, enum tn_close_reason reason, void *arg)
{
	struct tn_client *c = tn_conn_user(conn);
	const char *text = tn_close_reason_text(reason);

	(void)arg;
	if (c == NULL)
		return;
	c->is_closing = true;
	deadline_free(c);
	drop_sockets(c, text);
	pending_free(c);
	client_free(c);
}

const struct tn_engine_hooks tn_client_hooks = {
	.on_open = on_open,
	.on_text = on_text,
	.on_binary = on_binary,
	.on_close = on_close,
};
