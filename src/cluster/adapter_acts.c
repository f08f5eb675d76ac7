/* What other nodes ask of this one, whatever the form of their asking. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cluster/adapter_inner.h"

/* ---- join, leave, go ------------------------------------------------------*/

struct act {
	const struct tn_slice *rooms;
	size_t nrooms;
	bool close;
};

static void
join_one(struct tn_socket *s, void *arg)
{
	const struct act *act = arg;

	for (size_t i = 0; i < act->nrooms; i++)
		tn_socket_join(s, act->rooms[i]);
}

static void
leave_one(struct tn_socket *s, void *arg)
{
	const struct act *act = arg;

	for (size_t i = 0; i < act->nrooms; i++)
		tn_socket_leave(s, act->rooms[i]);
}

static void
disconnect_one(struct tn_socket *s, void *arg)
{
	const struct act *act = arg;

	tn_socket_disconnect(s, act->close);
}

void
tn_act_join(struct redis_ns *rn, const struct tn_broadcast_packet *who,
    const struct tn_slice *rooms, size_t nrooms)
{
	struct act act = { rooms, nrooms, false };

	tn_ns_select(rn->ns, who, join_one, &act);
}

void
tn_act_leave(struct redis_ns *rn, const struct tn_broadcast_packet *who,
    const struct tn_slice *rooms, size_t nrooms)
{
	struct act act = { rooms, nrooms, false };

	tn_ns_select(rn->ns, who, leave_one, &act);
}

void
tn_act_disconnect(struct redis_ns *rn,
    const struct tn_broadcast_packet *who, bool close)
{
	struct act act = { NULL, 0, close };

	tn_ns_select(rn->ns, who, disconnect_one, &act);
}

/* ---- who is there ---------------------------------------------------------*/

static void
separate(struct tn_buf *out)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '[')
		tn_buf_char(out, ',');
}

static void
write_id(struct tn_socket *s, void *arg)
{
	struct tn_buf *out = arg;

	separate(out);
	tn_json_write_string(out, tn_slice_str(tn_socket_id(s)));
}

static void
write_socket(struct tn_socket *s, void *arg)
{
	struct tn_buf *out = arg;

	separate(out);
	tn_socket_write_json(s, out);
}

void
tn_act_write_sockets(struct redis_ns *rn,
    const struct tn_broadcast_packet *who, bool only_ids, struct tn_buf *out)
{
	tn_buf_char(out, '[');
	if (tn_ns_select(rn->ns, who, only_ids ? write_id : write_socket,
	    out) < 0 && out->failed == 0)
		out->failed = TN_E_NOMEM;
	tn_buf_char(out, ']');
}

/* ---- broadcasts that want answers -----------------------------------------*/

/* Whom to answer, kept until the last answer is given. */
struct kept_asker {
	struct tn_reply_to to;		/* of a server's event */
	struct redis_ns *rn;
	struct asker asker;
	int refs;
	char text[];
};

static struct kept_asker *
keep(struct redis_ns *rn, const struct asker *a)
{
	struct kept_asker *k = malloc(sizeof(*k) + a->uid.len + a->id.len);

	if (k == NULL)
		return NULL;
	k->rn = rn;
	rn->refs++;
	k->refs = 1;
	k->asker = *a;
	if (a->uid.len > 0)
		memcpy(k->text, a->uid.ptr, a->uid.len);
	if (a->id.len > 0)
		memcpy(k->text + a->uid.len, a->id.ptr, a->id.len);
	if (a->uid.ptr != NULL)
		k->asker.uid.ptr = k->text;
	k->asker.id.ptr = k->text + a->uid.len;
	return k;
}

static void
let_go(struct kept_asker *k)
{
	if (--k->refs > 0)
		return;
	tn_redis_ns_unref(k->rn);
	free(k);
}

/* The first of "1,2": as an array's it is found by the reader of arrays. */
static int
first_of(struct tn_slice args, struct tn_buf *array, struct tn_slice *first)
{
	struct tn_slice rest;

	tn_buf_char(array, '[');
	tn_buf_slice(array, args);
	tn_buf_char(array, ']');
	rest = tn_buf_view(array);
	if (array->failed != 0)
		return array->failed;
	if (!tn_json_element(&rest, first))
		*first = TN_SLICE_NONE;
	return 0;
}

static void
on_client_ack(struct tn_slice args, const struct tn_slice *buffers,
    size_t nbuffers, const struct tn_err *err, void *arg)
{
	struct kept_asker *k = arg;
	struct tn_slice first;
	struct tn_buf array;

	tn_buf_init(&array, TN_LIMIT_CLUSTER_MESSAGE);
	if (err == NULL && !k->rn->is_closed &&
	    first_of(args, &array, &first) == 0)
		k->rn->adapter->form->answer_ack(k->rn, &k->asker, first,
		    buffers, nbuffers);
	tn_buf_fini(&array);
	let_go(k);
}

void
tn_act_ask_clients(struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, int timeout_ms,
    const struct asker *to)
{
	struct kept_asker *k = keep(rn, to);
	int n = 0;

	if (k != NULL) {
		n = tn_ns_deliver_ack(rn->ns, packet, timeout_ms > 0 ?
		    timeout_ms : TN_LIMIT_CLUSTER_ACK_MS, on_client_ack, k);
		if (n > 0)
			k->refs += n;
		let_go(k);
	}
	/* Every node counts its clients, none or many, or no one ends. */
	rn->adapter->form->answer_clients(rn, to, n > 0 ? n : 0);
}

/* ---- events between servers -----------------------------------------------*/

static void
answer_event(struct tn_reply_to *to, struct tn_slice value)
{
	struct kept_asker *k = TN_CONTAINER(to, struct kept_asker, to);

	if (!k->rn->is_closed)
		k->rn->adapter->form->answer_server_event(k->rn, &k->asker,
		    value);
	let_go(k);
}

void
tn_act_server_event(struct redis_ns *rn, struct tn_slice data,
    const struct asker *to)
{
	struct kept_asker *k = to == NULL ? NULL : keep(rn, to);

	if (to != NULL && k == NULL)
		return;		/* no memory: he will give up waiting */
	if (k != NULL)
		k->to.answer = answer_event;
	if (tn_ns_server_event(rn->ns, data, k == NULL ? NULL : &k->to) < 0)
		tn_redis_ns_malformed(rn, "server event", "no event");
}
