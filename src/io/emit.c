/*
 * Emitting: a packet is encoded once, whoever gets it; each receiver's queue
 * takes a reference.
 */
#include "config.h"

#include <stdlib.h>

#include "base/json.h"
#include "io/inner.h"

/* ---- targets --------------------------------------------------------------*/

struct tn_target
tn_all(struct tn_ns *ns)
{
	return (struct tn_target){ .ns = ns };
}

struct tn_target
tn_in(struct tn_ns *ns, struct tn_slice room)
{
	return tn_also(tn_all(ns), room);
}

struct tn_target
tn_to(struct tn_socket *s, struct tn_slice room)
{
	return tn_also(tn_broadcast(s), room);
}

struct tn_target
tn_broadcast(struct tn_socket *s)
{
	return tn_except(tn_all(s->ns), tn_slice_str(s->id));
}

struct tn_target
tn_also(struct tn_target t, struct tn_slice room)
{
	if (t.nrooms == TN_TARGET_ROOMS)
		t.too_many = true;
	else
		t.rooms[t.nrooms++] = room;
	return t;
}

struct tn_target
tn_except(struct tn_target t, struct tn_slice room)
{
	if (t.nexcept == TN_TARGET_ROOMS)
		t.too_many = true;
	else
		t.except[t.nexcept++] = room;
	return t;
}

struct tn_target
tn_volatile(struct tn_target t)
{
	t.is_volatile = true;
	return t;
}

struct tn_target
tn_local(struct tn_target t)
{
	t.is_local = true;
	return t;
}

/* ---- encoding -------------------------------------------------------------*/

int
tn_event_data(struct tn_io *io, const char *name, struct tn_slice args,
    struct tn_slice *data)
{
	struct tn_buf *b = &io->scratch;

	tn_buf_reset(b);
	tn_buf_char(b, '[');
	tn_json_write_string(b, tn_slice_str(name));
	if (args.len > 0)
		tn_buf_char(b, ',');
	tn_buf_slice(b, args);
	tn_buf_char(b, ']');
	return tn_buf_finish(b, data, NULL);
}

/* One packet as it is queued: its text, then its attachments. */
struct parcel {
	struct tn_rcbuf *parts[1 + TN_LIMIT_ATTACHMENTS];
	size_t n;
	bool is_volatile;
};

static void
parcel_fini(struct parcel *p)
{
	while (p->n > 0)
		tn_rcbuf_unref(&p->parts[--p->n]);
}

static bool
parcel_add(struct parcel *p, struct tn_rcbuf *rc)
{
	if (rc == NULL)
		return false;
	p->parts[p->n++] = rc;
	return true;
}

/* nbuffers is at most TN_LIMIT_ATTACHMENTS; id NULL: no ack is wanted. */
static int
parcel_init(struct parcel *p, const struct tn_ns *ns,
    const struct tn_broadcast_packet *b, const uint64_t *id)
{
	struct tn_sio_packet packet = {
		.type = b->nbuffers > 0 ? TN_SIO_BINARY_EVENT : TN_SIO_EVENT,
		.attachments = b->nbuffers, .nsp = tn_ns_name(ns),
		.data = b->data, .has_id = id != NULL,
		.id = id != NULL ? *id : 0,
	};
	bool ok;

	*p = (struct parcel){ .is_volatile = b->is_volatile };
	ok = parcel_add(p, tn_sio_encode(&packet));
	for (size_t i = 0; ok && i < b->nbuffers; i++)
		ok = parcel_add(p,
		    tn_message_new(b->buffers[i], TN_SLICE_NONE, true));
	if (!ok) {
		parcel_fini(p);
		return TN_E_NOMEM;
	}
	/* what has attachments must not lose one of its parts later */
	p->parts[0]->is_volatile = b->is_volatile && p->n == 1;
	return 0;
}

static void
parcel_send(const struct parcel *p, struct tn_socket *s)
{
	struct tn_conn *conn = s->client->conn;

	if (p->is_volatile && !tn_conn_is_writable(conn))
		return;
	for (size_t i = 0; i < p->n; i++)
		tn_conn_send(conn, p->parts[i]);
}

/* ---- to many --------------------------------------------------------------*/

static void
send_one(struct tn_socket *s, void *arg)
{
	parcel_send(arg, s);
}

int
tn_ns_deliver(struct tn_ns *ns, const struct tn_broadcast_packet *packet)
{
	struct parcel parcel;
	size_t n;
	int r;

	if ((r = tn_sio_check_event(packet->data, packet->nbuffers,
	    NULL)) < 0 || (r = parcel_init(&parcel, ns, packet, NULL)) < 0)
		return r;
	n = tn_rooms_visit(ns, packet, send_one, &parcel);
	parcel_fini(&parcel);
	return (int)n;
}

struct ack_delivery {
	struct parcel parcel;
	uint64_t id;
	int timeout_ms;
	tn_ack_fn *fn;
	void *arg;
	int n;
};

static void
send_one_ack(struct tn_socket *s, void *arg)
{
	struct ack_delivery *d = arg;

	if (tn_acks_await(s, d->id, d->timeout_ms, d->fn, d->arg) < 0)
		return;
	d->n++;
	parcel_send(&d->parcel, s);
}

int
tn_ns_deliver_ack(struct tn_ns *ns, const struct tn_broadcast_packet *packet,
    int timeout_ms, tn_ack_fn *fn, void *arg)
{
	struct ack_delivery d = {
		.timeout_ms = timeout_ms, .fn = fn, .arg = arg,
	};
	int r;

	if ((r = tn_sio_check_event(packet->data, packet->nbuffers, NULL)) < 0)
		return r;
	d.id = ns->next_ack++;
	if ((r = parcel_init(&d.parcel, ns, packet, &d.id)) < 0)
		return r;
	d.parcel.is_volatile = d.parcel.parts[0]->is_volatile = false;
	tn_rooms_visit(ns, packet, send_one_ack, &d);
	parcel_fini(&d.parcel);
	return d.n;
}

struct selection {
	struct tn_socket_ref *refs;
	size_t n;
};

static void
select_one(struct tn_socket *s, void *arg)
{
	struct selection *sel = arg;

	sel->refs[sel->n++] = tn_socket_ref(s);
}

int
tn_ns_select(struct tn_ns *ns, const struct tn_broadcast_packet *packet,
    tn_ns_select_fn *fn, void *arg)
{
	struct selection sel = { 0 };

	if (ns->len == 0)
		return 0;
	sel.refs = malloc(ns->len * sizeof(*sel.refs));
	if (sel.refs == NULL)
		return TN_E_NOMEM;
	tn_rooms_visit(ns, packet, select_one, &sel);
	for (size_t i = 0; i < sel.n; i++) {
		struct tn_socket *s = tn_socket_deref(sel.refs[i]);

		if (s != NULL)
			fn(s, arg);
	}
	free(sel.refs);
	return 0;
}

int
tn_emit_binary(struct tn_target t, const char *name, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct tn_broadcast_packet packet = {
		.buffers = buffers, .nbuffers = nbuffers,
		.rooms = t.rooms, .nrooms = t.nrooms,
		.except = t.except, .nexcept = t.nexcept,
		.is_volatile = t.is_volatile,
	};
	struct tn_io *io = t.ns->io;
	int published = 0, r;

	if (t.too_many)
		return TN_E_LIMIT;
	if ((r = tn_event_data(io, name, args, &packet.data)) < 0 ||
	    (r = tn_sio_check_event(packet.data, nbuffers, NULL)) < 0)
		return r;
	if (!t.is_local)
		published = tn_adapter_publish(io->adapter, t.ns, &packet);
	r = tn_ns_deliver(t.ns, &packet);
	return r < 0 ? r : published;
}

int
tn_emit(struct tn_target t, const char *name, struct tn_slice args)
{
	return tn_emit_binary(t, name, args, NULL, 0);
}

/* ---- to one ---------------------------------------------------------------*/

static int
emit_one(struct tn_socket *s, const char *name,
    struct tn_broadcast_packet *packet, struct tn_slice args,
    const uint64_t *id)
{
	struct parcel parcel;
	int r;

	if (s->state != TN_SOCKET_CONNECTED)
		return TN_E_STATE;
	if ((r = tn_event_data(s->ns->io, name, args, &packet->data)) < 0 ||
	    (r = tn_sio_check_event(packet->data, packet->nbuffers,
	    NULL)) < 0 ||
	    (r = parcel_init(&parcel, s->ns, packet, id)) < 0)
		return r;
	parcel_send(&parcel, s);
	parcel_fini(&parcel);
	return 0;
}

int
tn_socket_emit_binary(struct tn_socket *s, const char *name,
    struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers)
{
	struct tn_broadcast_packet packet = {
		.buffers = buffers, .nbuffers = nbuffers,
	};

	return emit_one(s, name, &packet, args, NULL);
}

int
tn_socket_emit(struct tn_socket *s, const char *name, struct tn_slice args)
{
	return tn_socket_emit_binary(s, name, args, NULL, 0);
}

int
tn_socket_emit_ack(struct tn_socket *s, const char *name,
    struct tn_slice args, int timeout_ms, tn_ack_fn *fn, void *arg)
{
	struct tn_broadcast_packet packet = { 0 };
	uint64_t id;
	int r;

	if (s->state != TN_SOCKET_CONNECTED)
		return TN_E_STATE;
	id = s->ns->next_ack++;
	if ((r = tn_acks_await(s, id, timeout_ms, fn, arg)) < 0)
		return r;
	r = emit_one(s, name, &packet, args, &id);
	if (r < 0)
		tn_acks_forget(s, id);
	return r;
}

/* ---- telling --------------------------------------------------------------*/

void
tn_socket_write_json(const struct tn_socket *s, struct tn_buf *out)
{
	struct tn_slice room;

	tn_buf_str(out, "{\"id\":\"");
	tn_buf_str(out, s->id);
	tn_buf_str(out, "\",\"handshake\":");
	tn_handshake_write_json(s->client->handshake, tn_socket_auth(s), out);
	tn_buf_str(out, ",\"rooms\":[\"");
	tn_buf_str(out, s->id);
	tn_buf_char(out, '"');
	for (size_t i = 0; (room = tn_socket_room(s, i)).ptr != NULL; i++) {
		tn_buf_char(out, ',');
		tn_json_write_string(out, room);
	}
	tn_buf_str(out, "],\"data\":{}}");
}
