/*
 * The plain form's requests and responses: JSON, but for broadcasts that want
 * acks and for the acks, which may hold bytes and go as MessagePack.
 */
#include "config.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"

enum request_type {
	SOCKETS, ALL_ROOMS, REMOTE_JOIN, REMOTE_LEAVE, REMOTE_DISCONNECT,
	REMOTE_FETCH, SERVER_SIDE_EMIT, REQUEST_TYPES,
};

enum { BROADCAST_CLIENT_COUNT = 8, BROADCAST_ACK = 9 };

/* A request in JSON as far as its fields could be read. */
struct request {
	int64_t type;
	struct asker from;
	struct tn_slice sid, room;	/* the old form, for one socket */
	bool has_opts;
	struct tn_broadcast_packet who;	/* opts: rooms and except */
	const struct tn_slice *rooms;	/* to join or to leave */
	size_t nrooms;
	struct tn_slice data;		/* of a server's event */
	bool close;
};

/* ---- reading --------------------------------------------------------------*/

static bool
read_request(struct tn_slice json, struct tn_arena *arena,
    struct request *q)
{
	struct tn_slice type, opts, close;
	int timeout_ms;

	if (tn_json_type(json) != TN_JSON_OBJECT ||
	    !tn_json_get(json, "type", &type) || !tn_json_i64(type, &q->type))
		return false;
	q->from.uid = tn_read_text(json, "uid", arena);
	q->from.id = tn_read_text(json, "requestId", arena);
	if (q->from.id.len > TN_LIMIT_REQUEST_ID ||
	    q->from.uid.len > TN_LIMIT_REQUEST_ID)
		return false;
	q->sid = tn_read_text(json, "sid", arena);
	q->room = tn_read_text(json, "room", arena);
	q->close = tn_json_get(json, "close", &close) &&
	    tn_json_type(close) == TN_JSON_TRUE;
	if (tn_json_get(json, "opts", &opts) &&
	    tn_json_type(opts) == TN_JSON_OBJECT) {
		q->has_opts = true;
		if (!tn_read_opts(opts, arena, &q->who, &timeout_ms))
			return false;
	}
	if (!tn_json_get(json, "data", &q->data))
		q->data = TN_SLICE_NONE;
	return tn_read_rooms(json, "rooms", arena, &q->rooms, &q->nrooms);
}

/* ---- asking and answering -------------------------------------------------*/

static void
write_broadcast(struct tn_buf *out, const struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, const char *id, int timeout_ms)
{
	struct tn_slice uid = tn_slice_str(rn->uid), nsp = tn_ns_name(rn->ns);

	if (id == NULL)
		tn_adapter_write_broadcast(out, uid, nsp, packet);
	else
		tn_adapter_write_ack_request(out, uid, tn_slice_str(id), nsp,
		    packet, timeout_ms);
}

static void
write_private(struct tn_buf *out, const struct redis_ns *rn,
    struct tn_slice uid)
{
	tn_buf_slice(out, rn->response);
	tn_buf_slice(out, uid);
	tn_buf_char(out, '#');
}

/* body is freed. Who asked without a uid is of a version that has no channel
 * of its own. */
static void
answer(struct redis_ns *rn, const struct asker *to, struct tn_buf *body)
{
	struct tn_slice channel = rn->response;
	struct tn_buf own;

	tn_buf_init(&own, TN_LIMIT_CLUSTER_MESSAGE);
	if (rn->adapter->private_answers && to->uid.len > 0) {
		write_private(&own, rn, to->uid);
		channel = tn_buf_view(&own);
	}
	if (own.failed != 0)
		body->failed = own.failed;
	tn_redis_ns_publish_buf(rn, channel, body);
	tn_buf_fini(&own);
}

/* {"requestId":ID and what follows is the caller's. */
static void
begin_answer(struct tn_buf *body, struct tn_slice id)
{
	tn_buf_init(body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_str(body, "{\"requestId\":");
	tn_json_write_string(body, id);
}

static void
answer_clients(struct redis_ns *rn, const struct asker *to, int n)
{
	struct tn_buf body;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_printf(&body, "{\"type\":%d,\"requestId\":",
	    BROADCAST_CLIENT_COUNT);
	tn_json_write_string(&body, to->id);
	tn_buf_printf(&body, ",\"clientCount\":%d}", n);
	answer(rn, to, &body);
}

static void
answer_ack(struct redis_ns *rn, const struct asker *to, struct tn_slice value,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct tn_buf body;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_adapter_write_ack(&body, to->id, value, buffers, nbuffers);
	answer(rn, to, &body);
}

/* To all, whatever is set: so does the reference. */
static void
answer_server_event(struct redis_ns *rn, const struct asker *to,
    struct tn_slice value)
{
	struct tn_buf body;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_printf(&body, "{\"type\":%d,\"requestId\":", SERVER_SIDE_EMIT);
	tn_json_write_string(&body, to->id);
	tn_buf_str(&body, ",\"data\":");
	tn_buf_slice(&body, value);
	tn_buf_char(&body, '}');
	tn_redis_ns_publish_buf(rn, rn->response, &body);
}

static struct tn_slice
counted(const struct redis_ns *rn)
{
	return rn->request;
}

const struct redis_form tn_plain_form = {
	.uid_len = 6,
	.uid_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_",
	.write_private = write_private,
	.counted = counted,
	.write_broadcast = write_broadcast,
	.answer_clients = answer_clients,
	.answer_ack = answer_ack,
	.answer_server_event = answer_server_event,
	.write_kept = tn_plain_write_kept,
	.before_mark = "",
	.write_kept_channel = tn_plain_write_channel,
	.read_kept = tn_plain_read_kept,
};

/* ---- what is asked --------------------------------------------------------*/

static void
list_sockets(struct redis_ns *rn, const struct request *q,
    const struct tn_broadcast_packet *who, bool only_ids)
{
	struct tn_buf body;

	if (q->from.id.ptr == NULL)
		return;
	begin_answer(&body, q->from.id);
	tn_buf_str(&body, ",\"sockets\":");
	tn_act_write_sockets(rn, who, only_ids, &body);
	tn_buf_char(&body, '}');
	answer(rn, &q->from, &body);
}

static void
on_sockets(struct redis_ns *rn, const struct request *q)
{
	const struct tn_broadcast_packet who = {
		.rooms = q->rooms, .nrooms = q->nrooms,
	};

	list_sockets(rn, q, &who, true);
}

static void
on_fetch(struct redis_ns *rn, const struct request *q)
{
	if (q->has_opts)
		list_sockets(rn, q, &q->who, false);
}

static void
on_all_rooms(struct redis_ns *rn, const struct request *q)
{
	const struct tn_broadcast_packet all = { .nrooms = 0 };
	struct tn_slice room;
	struct tn_buf body;
	size_t at = 0;

	if (q->from.id.ptr == NULL)
		return;
	begin_answer(&body, q->from.id);
	tn_buf_str(&body, ",\"rooms\":");
	tn_act_write_sockets(rn, &all, true, &body);
	if (body.failed == 0)
		body.len--;		/* its bracket */
	while (tn_ns_room_next(rn->ns, &at, &room)) {
		if (body.len > 0 && body.ptr[body.len - 1] != '[')
			tn_buf_char(&body, ',');
		tn_json_write_string(&body, room);
	}
	tn_buf_str(&body, "]}");
	answer(rn, &q->from, &body);
}

/* As long ago: one socket, by its id, and who has it answers. */
static bool
to_one(struct redis_ns *rn, const struct request *q, struct request *one)
{
	*one = *q;
	if (q->has_opts)
		return true;
	if (q->sid.ptr == NULL || !tn_ns_has_room(rn->ns, q->sid))
		return false;
	one->who = (struct tn_broadcast_packet){ .rooms = &one->sid,
		.nrooms = 1 };
	one->rooms = &one->room;
	one->nrooms = one->room.ptr != NULL ? 1 : 0;
	return true;
}

static void
answer_one(struct redis_ns *rn, const struct request *q)
{
	struct tn_buf body;

	if (q->has_opts || q->from.id.ptr == NULL)
		return;
	begin_answer(&body, q->from.id);
	tn_buf_char(&body, '}');
	answer(rn, &q->from, &body);
}

static void
on_join(struct redis_ns *rn, const struct request *q)
{
	struct request one;

	if (!to_one(rn, q, &one))
		return;
	tn_act_join(rn, &one.who, one.rooms, one.nrooms);
	answer_one(rn, q);
}

static void
on_leave(struct redis_ns *rn, const struct request *q)
{
	struct request one;

	if (!to_one(rn, q, &one))
		return;
	tn_act_leave(rn, &one.who, one.rooms, one.nrooms);
	answer_one(rn, q);
}

static void
on_disconnect(struct redis_ns *rn, const struct request *q)
{
	struct request one;

	if (!to_one(rn, q, &one))
		return;
	tn_act_disconnect(rn, &one.who, one.close);
	answer_one(rn, q);
}

static void
on_server_event(struct redis_ns *rn, const struct request *q)
{
	if (tn_json_type(q->data) == TN_JSON_ARRAY)
		tn_act_server_event(rn, q->data,
		    q->from.id.ptr == NULL ? NULL : &q->from);
	else
		tn_redis_ns_malformed(rn, "server event", "no array");
}

static void
on_packed(struct redis_ns *rn, struct tn_slice payload)
{
	struct tn_adapter_message m;
	struct tn_arena arena;
	struct tn_err err = { .code = 0 };

	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (tn_adapter_read(payload, &arena, &m, &err) < 0 ||
	    m.request_type != 7 || m.request_id.len == 0 ||
	    m.request_id.len > TN_LIMIT_REQUEST_ID ||
	    m.uid.len > TN_LIMIT_REQUEST_ID)
		tn_redis_ns_malformed(rn, "request", err.text);
	else if (!tn_slice_is(m.uid, rn->uid) &&
	    tn_slice_eq(m.nsp, tn_ns_name(rn->ns)))
		tn_act_ask_clients(rn, &m.packet, m.timeout_ms,
		    &(struct asker){ m.uid, m.request_id });
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
}

typedef void request_fn(struct redis_ns *rn, const struct request *q);

static request_fn *const requests[REQUEST_TYPES] = {
	[SOCKETS]	    = on_sockets,
	[ALL_ROOMS]	    = on_all_rooms,
	[REMOTE_JOIN]	    = on_join,
	[REMOTE_LEAVE]	    = on_leave,
	[REMOTE_DISCONNECT] = on_disconnect,
	[REMOTE_FETCH]	    = on_fetch,
	[SERVER_SIDE_EMIT]  = on_server_event,
};

/* This node's own, coming back: it has acted already. */
static bool
is_own(const struct redis_ns *rn, const struct request *q)
{
	return tn_slice_is(q->from.uid, rn->uid) ||
	    tn_ask_knows(rn, q->from.id);
}

void
tn_redis_ns_request(struct redis_ns *rn, struct tn_slice payload)
{
	struct request q = { .type = 0 };
	struct tn_arena arena;
	struct tn_err err = { .code = 0 };

	if (payload.len == 0 || payload.ptr[0] != '{') {
		on_packed(rn, payload);
		return;
	}
	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (payload.len > TN_LIMIT_CLUSTER_MESSAGE ||
	    tn_json_scan(payload, NULL, &err) < 0 ||
	    !read_request(payload, &arena, &q))
		tn_redis_ns_malformed(rn, "request", err.text);
	else if (q.type >= 0 && q.type < REQUEST_TYPES && !is_own(rn, &q))
		requests[q.type](rn, &q);
	tn_arena_fini(&arena);
}

/* ---- what is answered -----------------------------------------------------*/

static void
read_response(struct redis_ns *rn, struct tn_slice id,
    const struct tn_broadcast_packet *p)
{
	struct tn_slice json = p->data, value;
	int64_t type = -1, n;

	if (tn_json_get(json, "type", &value))
		tn_json_i64(value, &type);
	if (type == BROADCAST_CLIENT_COUNT) {
		if (tn_json_get(json, "clientCount", &value) &&
		    tn_json_i64(value, &n) && n >= 0)
			tn_ask_clients(rn, id, (size_t)n);
	} else if (type == BROADCAST_ACK) {
		if (!tn_json_get(json, "packet", &value))
			value = TN_SLICE_NONE;
		tn_ask_answer(rn, ASK_CLIENTS, id, value, p->buffers,
		    p->nbuffers);
	} else if (type == SERVER_SIDE_EMIT) {
		if (!tn_json_get(json, "data", &value))
			value = TN_SLICE("null");
		tn_ask_answer(rn, ASK_SERVER_EVENT, id, value, p->buffers,
		    p->nbuffers);
	} else if (tn_json_get(json, "sockets", &value) &&
	    tn_json_type(value) == TN_JSON_ARRAY) {
		tn_ask_answer(rn, ASK_FETCH, id, value, NULL, 0);
	}
}

/* Most are for others: those are known by the number, and not read. */
void
tn_redis_ns_response(struct redis_ns *rn, struct tn_slice payload)
{
	struct tn_broadcast_packet p = { .nbuffers = 0 };
	struct tn_err err = { .code = 0 };
	struct tn_arena arena;
	struct tn_slice id;
	struct tn_buf text;
	int r;

	if (tn_list_empty(&rn->asks))
		return;
	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	r = tn_read_json(payload, &arena, &text, &p, &err);
	if (r == 0 && tn_json_type(p.data) != TN_JSON_OBJECT)
		r = tn_err_set(&err, TN_E_SYNTAX, "no object");
	if (r < 0)
		tn_redis_ns_malformed(rn, "response", err.text);
	else if ((id = tn_read_text(p.data, "requestId", &arena)).len > 0 &&
	    tn_ask_knows(rn, id))
		read_response(rn, id, &p);
	tn_buf_fini(&text);
	tn_arena_fini(&arena);
}
