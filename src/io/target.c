/* Targets: chosen by value, and what can be done with all their sockets. */
#include "config.h"

#include "io/gather.h"
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
	return tn_except(tn_all(s->ns), tn_slice_str(tn_socket_id(s)));
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
tn_plain(struct tn_target t)
{
	t.is_plain = true;
	return t;
}

struct tn_target
tn_local(struct tn_target t)
{
	t.is_local = true;
	return t;
}

struct tn_broadcast_packet
tn_target_packet(const struct tn_target *t)
{
	return (struct tn_broadcast_packet){
		.rooms = t->rooms, .nrooms = t->nrooms,
		.except = t->except, .nexcept = t->nexcept,
		.is_volatile = t->is_volatile, .is_local = t->is_local,
		.is_plain = t->is_plain,
	};
}

int
tn_target_check(const struct tn_target *t)
{
	if (t->too_many)
		return TN_E_LIMIT;
	return t->ns->is_over ? TN_E_STATE : 0;
}

/* The sockets of a parent's children are its children's own affair. */
static int
check_sockets(const struct tn_target *t)
{
	return t->ns->match != NULL ? TN_E_STATE : tn_target_check(t);
}

/* ---- sockets of a target --------------------------------------------------*/

/* The first that goes wrong is told; the others are done even so. */
static void
keep_first(int *result, int r)
{
	if (*result == 0 && r < 0)
		*result = r;
}

struct joining {
	struct tn_slice room;
	int result;
};

static void
join_one(struct tn_socket *s, void *arg)
{
	struct joining *j = arg;

	keep_first(&j->result, tn_socket_join(s, j->room));
}

int
tn_sockets_join(struct tn_target t, struct tn_slice room)
{
	struct tn_broadcast_packet who = tn_target_packet(&t);
	struct tn_adapter *a = t.ns->io->adapter;
	struct joining j = { room, check_sockets(&t) };

	if (j.result < 0)
		return j.result;
	if (!t.is_local && a->ops->join != NULL)
		j.result = a->ops->join(a, t.ns, &who, &room, 1);
	keep_first(&j.result, tn_ns_select(t.ns, &who, join_one, &j));
	return j.result;
}

static void
leave_one(struct tn_socket *s, void *arg)
{
	tn_socket_leave(s, *(const struct tn_slice *)arg);
}

int
tn_sockets_leave(struct tn_target t, struct tn_slice room)
{
	struct tn_broadcast_packet who = tn_target_packet(&t);
	struct tn_adapter *a = t.ns->io->adapter;
	int r = check_sockets(&t);

	if (r < 0)
		return r;
	if (!t.is_local && a->ops->leave != NULL)
		r = a->ops->leave(a, t.ns, &who, &room, 1);
	keep_first(&r, tn_ns_select(t.ns, &who, leave_one, &room));
	return r;
}

static void
disconnect_one(struct tn_socket *s, void *arg)
{
	tn_socket_disconnect(s, *(const bool *)arg);
}

int
tn_sockets_disconnect(struct tn_target t, bool close)
{
	struct tn_broadcast_packet who = tn_target_packet(&t);
	struct tn_adapter *a = t.ns->io->adapter;
	int r = check_sockets(&t);

	if (r < 0)
		return r;
	if (!t.is_local && a->ops->disconnect != NULL)
		r = a->ops->disconnect(a, t.ns, &who, close);
	keep_first(&r, tn_ns_select(t.ns, &who, disconnect_one, &close));
	return r;
}

/* ---- fetching -------------------------------------------------------------*/

static void
write_one(struct tn_socket *s, void *arg)
{
	struct tn_buf *out = arg;

	if (out->len > 1)
		tn_buf_char(out, ',');
	tn_socket_write_json(s, out);
}

static int
answer_local(struct tn_ns *ns, const struct tn_broadcast_packet *who,
    uint64_t gather)
{
	struct tn_slice value;
	struct tn_buf out;
	int r;

	tn_buf_init(&out, TN_LIMIT_GATHER_BYTES);
	tn_buf_char(&out, '[');
	r = tn_ns_select(ns, who, write_one, &out);
	tn_buf_char(&out, ']');
	if (r == 0)
		r = tn_buf_finish(&out, &value, NULL);
	if (r == 0) {
		tn_gather_expect(ns, gather, 1);
		tn_gather_answer(ns, gather, value, NULL, 0);
	}
	tn_buf_fini(&out);
	return r;
}

int
tn_sockets_fetch(struct tn_target t, tn_sockets_fn *fn, void *arg)
{
	const struct tn_gather_options options = {
		.kind = TN_GATHER_SOCKETS, .sockets_fn = fn, .arg = arg,
		.timeout_ms = tn_adapter_requests_ms(t.ns->io->adapter),
	};
	struct tn_broadcast_packet who = tn_target_packet(&t);
	struct tn_adapter *a = t.ns->io->adapter;
	uint64_t gather;
	int r = check_sockets(&t);

	if (r < 0)
		return r;
	if ((gather = tn_gather_begin(t.ns, &options)) == 0)
		return TN_E_LIMIT;
	if (t.is_local || a->ops->fetch == NULL)
		tn_gather_nodes(t.ns, gather, 0);
	else
		r = a->ops->fetch(a, t.ns, &who, gather);
	if (r < 0)
		tn_gather_fail(t.ns, gather, r);
	r = answer_local(t.ns, &who, gather);
	if (r < 0)
		tn_gather_cancel(t.ns, gather);
	else
		tn_gather_ready(t.ns, gather);
	return r;
}
