/*
 * Emitting: a packet is encoded once, whoever gets it; each receiver's queue
 * takes a reference.
 */
#include "config.h"

#include <stdlib.h>

#include "base/json.h"
#include "io/gather.h"
#include "io/inner.h"

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

/* data with the offset as one argument more, in io->stamped. */
static int
stamp(struct tn_io *io, const struct tn_broadcast_packet *p,
    struct tn_slice *data)
{
	struct tn_buf *b = &io->stamped;
	size_t len = p->data.len;

	*data = p->data;
	if (p->offset.len == 0)
		return 0;
	while (p->data.ptr[len - 1] != ']')
		len--;
	tn_buf_reset(b);
	tn_buf_slice(b, tn_slice_first(p->data, len - 1));
	tn_buf_char(b, ',');
	tn_json_write_string(b, p->offset);
	tn_buf_char(b, ']');
	return tn_buf_finish(b, data, NULL);
}

/* What many get. */
struct parcel {
	struct tn_parcel parts;
	bool is_volatile;
};

/* id NULL: no ack is wanted. */
static int
parcel_init(struct parcel *p, const struct tn_ns *ns,
    const struct tn_broadcast_packet *b, const uint64_t *id)
{
	struct tn_sio_packet packet = {
		.type = b->nbuffers > 0 ? TN_SIO_BINARY_EVENT : TN_SIO_EVENT,
		.attachments = b->nbuffers, .nsp = tn_ns_name(ns),
		.has_id = id != NULL, .id = id != NULL ? *id : 0,
	};
	int r = stamp(ns->io, b, &packet.data);

	p->is_volatile = b->is_volatile;
	if (r < 0 || (r = tn_parcel_init(&p->parts, ns->io, &packet,
	    b->buffers)) < 0)
		return r;
	for (size_t i = 0; i < p->parts.n; i++)
		p->parts.parts[i]->is_plain = b->is_plain;
	/* what has attachments must not lose one of its parts later */
	p->parts.parts[0]->is_volatile = b->is_volatile && p->parts.n == 1;
	return 0;
}

static void
parcel_fini(struct parcel *p)
{
	tn_parcel_fini(&p->parts);
}

static void
parcel_send(const struct parcel *p, struct tn_socket *s)
{
	struct tn_conn *conn = s->client->conn;

	if (p->is_volatile && !tn_conn_is_writable(conn))
		return;
	tn_parcel_send(&p->parts, conn);
}

/* ---- to many --------------------------------------------------------------*/

static void
send_one(struct tn_socket *s, void *arg)
{
	parcel_send(arg, s);
}

static void
tell_one(struct tn_socket *s, void *arg)
{
	tn_taps_outgoing(s, arg);
}

/* Behind the walk: who is told may change what was walked. */
static void
tell_outgoing(struct tn_ns *ns, const struct tn_broadcast_packet *packet)
{
	struct tn_broadcast_packet told = *packet;

	if (ns->nouts > 0)
		tn_ns_select(ns, packet, tell_one, &told);
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
	tell_outgoing(ns, packet);
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
	d.parcel.is_volatile = false;
	d.parcel.parts.parts[0]->is_volatile = false;
	tn_rooms_visit(ns, packet, send_one_ack, &d);
	parcel_fini(&d.parcel);
	tell_outgoing(ns, packet);
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

/*
 * Before it goes out: may a client have to catch up on it later? Returns 1 if
 * the adapter has taken it. What cannot be stored goes out without an offset.
 */
static int
store(struct tn_ns *ns, struct tn_broadcast_packet *packet,
    char offset[TN_OFFSET_LEN + 1])
{
	struct tn_adapter *a = ns->io->adapter;
	int r;

	if (packet->is_volatile || tn_ns_recovery_window_ms(ns) == 0)
		return 0;
	offset[0] = '\0';
	r = a->ops->store(a, ns, packet, offset);
	if (r == 0)
		packet->offset = tn_slice_str(offset);
	return r;
}

static int
emit(struct tn_ns *ns, struct tn_broadcast_packet *packet)
{
	char offset[TN_OFFSET_LEN + 1];
	int published = 0, r;

	if (store(ns, packet, offset) == 1)
		return 0;
	if (!packet->is_local)
		published = tn_adapter_publish(ns->io->adapter, ns, packet);
	r = tn_ns_deliver(ns, packet);
	return r < 0 ? r : published;
}

/* To a child of the parent that was meant. */
static int
emit_child(struct tn_ns *child, void *arg)
{
	struct tn_broadcast_packet packet =
	    *(const struct tn_broadcast_packet *)arg;

	return emit(child, &packet);
}

int
tn_emit_binary(struct tn_target t, const char *name, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct tn_broadcast_packet packet = tn_target_packet(&t);
	int r;

	packet.buffers = buffers;
	packet.nbuffers = nbuffers;
	if ((r = tn_target_check(&t)) < 0 ||
	    (r = tn_event_data(t.ns->io, name, args, &packet.data)) < 0 ||
	    (r = tn_sio_check_event(packet.data, nbuffers, NULL)) < 0)
		return r;
	if (t.ns->match != NULL)
		return tn_ns_each_child(t.ns, emit_child, &packet);
	return emit(t.ns, &packet);
}

int
tn_emit(struct tn_target t, const char *name, struct tn_slice args)
{
	return tn_emit_binary(t, name, args, NULL, 0);
}

int
tn_send(struct tn_target t, struct tn_slice args)
{
	return tn_emit(t, "message", args);
}

/* ---- to many, with answers ------------------------------------------------*/

/* What the local sockets' acks know: where to put them. */
struct local_acks {
	struct tn_ns *ns;	/* a reference */
	uint64_t gather;
	int refs;
};

static void
local_acks_unref(struct local_acks *l)
{
	if (--l->refs > 0)
		return;
	tn_ns_unref(l->ns);
	free(l);
}

static void
on_local_ack(struct tn_slice args, const struct tn_slice *buffers,
    size_t nbuffers, const struct tn_err *err, void *arg)
{
	struct local_acks *l = arg;

	if (err == NULL)
		tn_gather_answer(l->ns, l->gather, tn_args_first(args),
		    buffers, nbuffers);
	else if (err->code != TN_E_TIMEOUT)	/* the gather's own is due */
		tn_gather_lost(l->ns, l->gather);
	local_acks_unref(l);
}

static int
deliver_local(struct tn_ns *ns, const struct tn_broadcast_packet *packet,
    int timeout_ms, uint64_t gather)
{
	struct local_acks *l = malloc(sizeof(*l));
	int n;

	if (l == NULL)
		return TN_E_NOMEM;
	*l = (struct local_acks){ tn_ns_ref(ns), gather, 1 };
	n = tn_ns_deliver_ack(ns, packet, timeout_ms, on_local_ack, l);
	if (n > 0)
		l->refs += n;
	local_acks_unref(l);
	return n;
}

/* Other nodes are asked first: they take longer. */
static int
ask_all(struct tn_ns *ns, const struct tn_broadcast_packet *packet,
    int timeout_ms, uint64_t gather)
{
	struct tn_adapter *a = ns->io->adapter;
	int r = 0;

	if (packet->is_local || a->ops->publish_ack == NULL)
		tn_gather_nodes(ns, gather, 0);
	else
		r = a->ops->publish_ack(a, ns, packet, timeout_ms, gather);
	if (r < 0)
		tn_gather_fail(ns, gather, r);
	r = deliver_local(ns, packet, timeout_ms, gather);
	if (r < 0)
		return r;
	tn_gather_expect(ns, gather, (size_t)r);
	tn_gather_ready(ns, gather);
	return 0;
}

int
tn_emit_ack_binary(struct tn_target t, const char *name,
    struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers,
    int timeout_ms, tn_answers_fn *fn, void *arg)
{
	struct tn_gather_options options = {
		.kind = TN_GATHER_CLIENTS, .fn = fn, .arg = arg,
		.timeout_ms = timeout_ms > 0 ? timeout_ms :
		    TN_LIMIT_CLUSTER_ACK_MS,
	};
	struct tn_broadcast_packet packet = tn_target_packet(&t);
	uint64_t gather;
	int r;

	packet.buffers = buffers;
	packet.nbuffers = nbuffers;
	if (t.ns->match != NULL)
		return TN_E_STATE;
	if ((r = tn_target_check(&t)) < 0 ||
	    (r = tn_event_data(t.ns->io, name, args, &packet.data)) < 0 ||
	    (r = tn_sio_check_event(packet.data, nbuffers, NULL)) < 0)
		return r;
	gather = tn_gather_begin(t.ns, &options);
	if (gather == 0)
		return TN_E_LIMIT;
	r = ask_all(t.ns, &packet, options.timeout_ms, gather);
	if (r < 0)
		tn_gather_cancel(t.ns, gather);
	return r;
}

int
tn_emit_ack(struct tn_target t, const char *name, struct tn_slice args,
    int timeout_ms, tn_answers_fn *fn, void *arg)
{
	return tn_emit_ack_binary(t, name, args, NULL, 0, timeout_ms, fn,
	    arg);
}

/* ---- to one ---------------------------------------------------------------*/

static int
send_parcel(struct tn_socket *s, const struct tn_broadcast_packet *packet,
    const uint64_t *id)
{
	struct parcel parcel;
	int r = parcel_init(&parcel, s->ns, packet, id);

	if (r < 0)
		return r;
	parcel_send(&parcel, s);
	parcel_fini(&parcel);
	if (s->taps != NULL)
		tn_taps_outgoing(s, packet);
	return 0;
}

static int
emit_one(struct tn_socket *s, const char *name,
    struct tn_broadcast_packet *packet, struct tn_slice args,
    const uint64_t *id)
{
	struct tn_slice own = tn_slice_str(tn_socket_id(s));
	char offset[TN_OFFSET_LEN + 1];
	int r;

	if (s->state != TN_SOCKET_CONNECTED)
		return TN_E_STATE;
	if ((r = tn_event_data(s->ns->io, name, args, &packet->data)) < 0 ||
	    (r = tn_sio_check_event(packet->data, packet->nbuffers,
	    NULL)) < 0)
		return r;
	packet->rooms = &own;
	packet->nrooms = 1;
	if (id == NULL && store(s->ns, packet, offset) == 1)
		return 0;
	return send_parcel(s, packet, id);
}

int
tn_socket_replay(struct tn_socket *s, const struct tn_missed *missed)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < missed->n; i++) {
		struct tn_broadcast_packet packet = missed->packets[i];

		packet.is_volatile = false;
		if (tn_sio_check_event(packet.data, packet.nbuffers,
		    NULL) == 0)
			r = send_parcel(s, &packet, NULL);
	}
	return r;
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
tn_socket_send(struct tn_socket *s, struct tn_slice args)
{
	return tn_socket_emit(s, "message", args);
}

int
tn_socket_emit_ack_binary(struct tn_socket *s, const char *name,
    struct tn_slice args, const struct tn_slice *buffers, size_t nbuffers,
    int timeout_ms, tn_ack_fn *fn, void *arg)
{
	struct tn_broadcast_packet packet = {
		.buffers = buffers, .nbuffers = nbuffers,
	};
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

int
tn_socket_emit_ack(struct tn_socket *s, const char *name,
    struct tn_slice args, int timeout_ms, tn_ack_fn *fn, void *arg)
{
	return tn_socket_emit_ack_binary(s, name, args, NULL, 0, timeout_ms,
	    fn, arg);
}

/* ---- telling --------------------------------------------------------------*/

void
tn_socket_write_json(const struct tn_socket *s, struct tn_buf *out)
{
	struct tn_slice room;

	tn_buf_str(out, "{\"id\":\"");
	tn_buf_str(out, tn_socket_id(s));
	tn_buf_str(out, "\",\"handshake\":");
	tn_handshake_write_json(s->client->handshake, tn_socket_auth(s), out);
	tn_buf_str(out, ",\"rooms\":[\"");
	tn_buf_str(out, tn_socket_id(s));
	tn_buf_char(out, '"');
	for (size_t i = 0; (room = tn_socket_room(s, i)).ptr != NULL; i++) {
		tn_buf_char(out, ',');
		tn_json_write_string(out, room);
	}
	tn_buf_str(out, "],\"data\":");
	tn_buf_slice(out, tn_socket_data_json(s));
	tn_buf_char(out, '}');
}
