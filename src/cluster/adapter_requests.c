/* What other nodes ask of this one: who is there, join, leave, go, answer. */
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

/* A request in JSON as far as its fields could be read. */
struct request {
	int64_t type;
	struct tn_slice uid, id;	/* ptr NULL: not given */
	struct tn_slice sid, room;	/* the old form, for one socket */
	bool has_opts;
	struct tn_broadcast_packet who;	/* opts: rooms and except */
	const struct tn_slice *rooms;	/* to join or to leave */
	size_t nrooms;
	bool close;
};

/* ---- reading --------------------------------------------------------------*/

static struct tn_slice
get_text(struct tn_slice object, const char *name, struct tn_arena *arena)
{
	struct tn_slice raw, text;

	if (!tn_json_get(object, name, &raw) ||
	    tn_json_string(raw, arena, &text, NULL) < 0)
		return TN_SLICE_NONE;
	return text;
}

static bool
read_room(struct tn_slice raw, struct tn_arena *arena, struct tn_slice *out)
{
	if (tn_json_type(raw) == TN_JSON_NUMBER) {
		*out = raw;
		return true;
	}
	return tn_json_string(raw, arena, out, NULL) == 0;
}

/* An array of rooms; one that is not there is an empty one. */
static bool
get_rooms(struct tn_slice object, const char *name, struct tn_arena *arena,
    const struct tn_slice **out, size_t *n)
{
	struct tn_slice array, rest, raw, *rooms;
	size_t count = 0;

	*n = 0;
	if (!tn_json_get(object, name, &array))
		return true;
	if (tn_json_type(array) != TN_JSON_ARRAY)
		return false;
	for (rest = array; tn_json_element(&rest, &raw);)
		count++;
	if (count > TN_LIMIT_CLUSTER_ROOMS)
		return false;
	rooms = tn_arena_alloc(arena, count * sizeof(*rooms));
	if (rooms == NULL)
		return false;
	for (rest = array; tn_json_element(&rest, &raw);) {
		if (!read_room(raw, arena, &rooms[(*n)++]))
			return false;
	}
	*out = rooms;
	return true;
}

static bool
read_request(struct tn_slice json, struct tn_arena *arena,
    struct request *q)
{
	struct tn_slice type, opts, close;

	if (tn_json_type(json) != TN_JSON_OBJECT ||
	    !tn_json_get(json, "type", &type) || !tn_json_i64(type, &q->type))
		return false;
	q->uid = get_text(json, "uid", arena);
	q->id = get_text(json, "requestId", arena);
	q->sid = get_text(json, "sid", arena);
	q->room = get_text(json, "room", arena);
	q->close = tn_json_get(json, "close", &close) &&
	    tn_json_type(close) == TN_JSON_TRUE;
	if (tn_json_get(json, "opts", &opts) &&
	    tn_json_type(opts) == TN_JSON_OBJECT) {
		q->has_opts = true;
		if (!get_rooms(opts, "rooms", arena, &q->who.rooms,
		    &q->who.nrooms) ||
		    !get_rooms(opts, "except", arena, &q->who.except,
		    &q->who.nexcept))
			return false;
	}
	return get_rooms(json, "rooms", arena, &q->rooms, &q->nrooms);
}

/* ---- answering ------------------------------------------------------------*/

static void
answer(struct redis_ns *rn, struct tn_buf *body)
{
	struct tn_slice payload;
	struct tn_err err;

	if (tn_buf_finish(body, &payload, &err) == 0)
		tn_redis_ns_publish(rn, rn->response, payload);
	else
		tn_redis_ns_malformed(rn, "answer", err.text);
	tn_buf_fini(body);
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

static void
list_sockets(struct redis_ns *rn, const struct request *q,
    const struct tn_broadcast_packet *who, tn_ns_select_fn *write)
{
	struct tn_buf body;

	if (q->id.ptr == NULL)
		return;
	begin_answer(&body, q->id);
	tn_buf_str(&body, ",\"sockets\":[");
	if (tn_ns_select(rn->ns, who, write, &body) < 0)
		body.failed = TN_E_NOMEM;
	tn_buf_str(&body, "]}");
	answer(rn, &body);
}

static void
on_sockets(struct redis_ns *rn, const struct request *q)
{
	struct tn_broadcast_packet who = {
		.rooms = q->rooms, .nrooms = q->nrooms,
	};

	list_sockets(rn, q, &who, write_id);
}

static void
on_fetch(struct redis_ns *rn, const struct request *q)
{
	if (q->has_opts)
		list_sockets(rn, q, &q->who, write_socket);
}

static void
on_all_rooms(struct redis_ns *rn, const struct request *q)
{
	struct tn_broadcast_packet all = { 0 };
	struct tn_slice room;
	struct tn_buf body;
	size_t at = 0;

	if (q->id.ptr == NULL)
		return;
	begin_answer(&body, q->id);
	tn_buf_str(&body, ",\"rooms\":[");
	if (tn_ns_select(rn->ns, &all, write_id, &body) < 0)
		body.failed = TN_E_NOMEM;
	while (tn_ns_room_next(rn->ns, &at, &room)) {
		separate(&body);
		tn_json_write_string(&body, room);
	}
	tn_buf_str(&body, "]}");
	answer(rn, &body);
}

/* Nothing here listens to servers' events: say so, lest they wait for it. */
static void
on_server_event(struct redis_ns *rn, const struct request *q)
{
	struct tn_buf body;

	if (q->id.ptr == NULL || tn_slice_is(q->uid, rn->uid))
		return;
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_str(&body, "{\"type\":6,\"requestId\":");
	tn_json_write_string(&body, q->id);
	tn_buf_str(&body, ",\"data\":null}");
	answer(rn, &body);
}

/* ---- acting ---------------------------------------------------------------*/

static void
join_one(struct tn_socket *s, void *arg)
{
	const struct request *q = arg;

	for (size_t i = 0; i < q->nrooms; i++)
		tn_socket_join(s, q->rooms[i]);
}

static void
leave_one(struct tn_socket *s, void *arg)
{
	const struct request *q = arg;

	for (size_t i = 0; i < q->nrooms; i++)
		tn_socket_leave(s, q->rooms[i]);
}

static void
disconnect_one(struct tn_socket *s, void *arg)
{
	const struct request *q = arg;

	tn_socket_disconnect(s, q->close);
}

/* To all that opts choose; or, as long ago, to one socket, answered. */
static void
act(struct redis_ns *rn, const struct request *q, tn_ns_select_fn *fn)
{
	struct request one = *q;
	struct tn_buf body;

	if (q->has_opts) {
		tn_ns_select(rn->ns, &q->who, fn, &one);
		return;
	}
	if (q->sid.len != TN_EIO_ID_LEN || !tn_ns_has_room(rn->ns, q->sid))
		return;
	one.who = (struct tn_broadcast_packet){ .rooms = &one.sid,
		.nrooms = 1 };
	one.rooms = &one.room;
	one.nrooms = one.room.ptr != NULL ? 1 : 0;
	tn_ns_select(rn->ns, &one.who, fn, &one);
	if (q->id.ptr == NULL)
		return;
	begin_answer(&body, q->id);
	tn_buf_char(&body, '}');
	answer(rn, &body);
}

static void
on_join(struct redis_ns *rn, const struct request *q)
{
	act(rn, q, join_one);
}

static void
on_leave(struct redis_ns *rn, const struct request *q)
{
	act(rn, q, leave_one);
}

static void
on_disconnect(struct redis_ns *rn, const struct request *q)
{
	act(rn, q, disconnect_one);
}

/* ---- broadcasts that want answers -----------------------------------------*/

/* One such request, until the last client has answered or has gone. */
struct collector {
	struct redis_ns *rn;
	int refs;
	size_t id_len;
	char id[];
};

static void
collector_unref(struct collector *c)
{
	if (--c->refs == 0)
		free(c);
}

/* The first of "1,2": as an array's it is found by the reader of arrays. */
static void
write_first(struct tn_buf *body, struct tn_slice id, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct tn_slice rest, first = TN_SLICE_NONE;
	struct tn_buf array;

	tn_buf_init(&array, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_char(&array, '[');
	tn_buf_slice(&array, args);
	tn_buf_char(&array, ']');
	rest = tn_buf_view(&array);
	if (array.failed != 0)
		body->failed = array.failed;
	else if (!tn_json_element(&rest, &first))
		first = TN_SLICE_NONE;
	tn_adapter_write_ack(body, id, first, buffers, nbuffers);
	tn_buf_fini(&array);
}

static void
on_client_ack(struct tn_slice args, const struct tn_slice *buffers,
    size_t nbuffers, const struct tn_err *err, void *arg)
{
	struct collector *c = arg;
	struct tn_buf body;

	if (err == NULL) {
		tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
		write_first(&body, tn_slice(c->id, c->id_len), args, buffers,
		    nbuffers);
		answer(c->rn, &body);
	}
	collector_unref(c);
}

/* Every node counts its clients, none or many: without that no one ends. */
static void
answer_count(struct redis_ns *rn, struct tn_slice id, int n)
{
	struct tn_buf body;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_str(&body, "{\"type\":8,\"requestId\":");
	tn_json_write_string(&body, id);
	tn_buf_printf(&body, ",\"clientCount\":%d}", n > 0 ? n : 0);
	answer(rn, &body);
}

static void
broadcast_with_ack(struct redis_ns *rn, const struct tn_adapter_message *m)
{
	struct collector *c = malloc(sizeof(*c) + m->request_id.len);
	int n = 0;

	if (c != NULL) {
		c->rn = rn;
		c->refs = 1;
		c->id_len = m->request_id.len;
		memcpy(c->id, m->request_id.ptr, m->request_id.len);
		n = tn_ns_deliver_ack(rn->ns, &m->packet, m->timeout_ms > 0 ?
		    m->timeout_ms : TN_LIMIT_CLUSTER_ACK_MS, on_client_ack, c);
		if (n > 0)
			c->refs += n;
		collector_unref(c);
	}
	answer_count(rn, m->request_id, n);
}

static void
on_packed(struct redis_ns *rn, struct tn_slice payload)
{
	struct tn_adapter_message m;
	struct tn_arena arena;
	struct tn_err err = { 0 };

	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (tn_adapter_read(payload, &arena, &m, &err) < 0 ||
	    m.request_type != 7 || m.request_id.len == 0 ||
	    m.request_id.len > 128)
		tn_redis_ns_malformed(rn, "request", err.text);
	else if (!tn_slice_is(m.uid, rn->uid) &&
	    tn_slice_eq(m.nsp, tn_ns_name(rn->ns)))
		broadcast_with_ack(rn, &m);
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
}

/* ---- which is which -------------------------------------------------------*/

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

void
tn_redis_ns_request(struct redis_ns *rn, struct tn_slice payload)
{
	struct request q = { 0 };
	struct tn_arena arena;
	struct tn_err err = { 0 };

	if (payload.len == 0 || payload.ptr[0] != '{') {
		on_packed(rn, payload);
		return;
	}
	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (payload.len > TN_LIMIT_CLUSTER_MESSAGE ||
	    tn_json_scan(payload, NULL, &err) < 0 ||
	    !read_request(payload, &arena, &q))
		tn_redis_ns_malformed(rn, "request", err.text);
	else if (q.type >= 0 && q.type < REQUEST_TYPES)
		requests[q.type](rn, &q);
	tn_arena_fini(&arena);
}
