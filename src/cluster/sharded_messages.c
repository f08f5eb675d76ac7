/*
 * The sharded form's messages: {"type":N,"data":{...},"uid":UID,"nsp":NSP}, or
 * the same in MessagePack if there are bytes in it. What other nodes send is
 * read, acted upon and answered; what this one asks is in adapter_json.c.
 */
#include "config.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"

enum message_type {
	BROADCAST = TN_SHARDED_BROADCAST, SOCKETS_JOIN, SOCKETS_LEAVE,
	DISCONNECT_SOCKETS, FETCH_SOCKETS, FETCH_SOCKETS_RESPONSE,
	SERVER_SIDE_EMIT, SERVER_SIDE_EMIT_RESPONSE, BROADCAST_CLIENT_COUNT,
	BROADCAST_ACK, MESSAGE_TYPES,
};

/* ---- answering ------------------------------------------------------------*/

/* P#NSP#NAME# */
void
tn_sharded_write_channel(struct tn_buf *out, const struct redis_ns *rn,
    struct tn_slice name)
{
	tn_buf_slice(out, rn->broadcast);
	tn_buf_slice(out, name);
	tn_buf_char(out, '#');
}

static void
answer(struct redis_ns *rn, const struct asker *to, struct tn_buf *body)
{
	struct tn_buf channel;

	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	tn_sharded_write_channel(&channel, rn, to->uid);
	if (channel.failed != 0)
		body->failed = channel.failed;
	tn_redis_ns_publish_buf(rn, tn_buf_view(&channel), body);
	tn_buf_fini(&channel);
}

/* {"type":N,"data":{"requestId":ID */
static void
begin_answer(struct tn_buf *body, enum message_type type,
    const struct asker *to)
{
	tn_buf_init(body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_printf(body, "{\"type\":%d,\"data\":{\"requestId\":", type);
	tn_json_write_string(body, to->id);
}

/* pattern has the end of all that is ours. */
static void
end_answer(struct redis_ns *rn, const struct asker *to, struct tn_buf *body)
{
	tn_buf_slice(body, tn_buf_view(&rn->pattern));
	answer(rn, to, body);
}

static void
answer_clients(struct redis_ns *rn, const struct asker *to, int n)
{
	struct tn_buf body;

	begin_answer(&body, BROADCAST_CLIENT_COUNT, to);
	tn_buf_printf(&body, ",\"clientCount\":%d", n);
	end_answer(rn, to, &body);
}

static void
answer_ack(struct redis_ns *rn, const struct asker *to, struct tn_slice value,
    const struct tn_slice *buffers, size_t nbuffers)
{
	const struct tn_sharded_packed packed = {
		.uid = tn_slice_str(rn->uid), .nsp = tn_ns_name(rn->ns),
		.request_id = to->id, .value = value, .buffers = buffers,
		.nbuffers = nbuffers,
	};
	struct tn_buf body;

	if (nbuffers > 0) {
		tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
		tn_sharded_write_ack(&body, &packed);
		answer(rn, to, &body);
		return;
	}
	begin_answer(&body, BROADCAST_ACK, to);
	if (value.len > 0) {
		tn_buf_str(&body, ",\"packet\":");
		tn_buf_slice(&body, value);
	}
	end_answer(rn, to, &body);
}

static void
answer_server_event(struct redis_ns *rn, const struct asker *to,
    struct tn_slice value)
{
	struct tn_buf body;

	begin_answer(&body, SERVER_SIDE_EMIT_RESPONSE, to);
	tn_buf_str(&body, ",\"packet\":");
	tn_buf_slice(&body, value);
	end_answer(rn, to, &body);
}

static void
write_broadcast(struct tn_buf *out, const struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, const char *id, int timeout_ms)
{
	const struct tn_sharded_packed packed = {
		.uid = tn_slice_str(rn->uid), .nsp = tn_ns_name(rn->ns),
		.request_id = tn_slice_str(id), .packet = packet,
		.timeout_ms = timeout_ms,
	};

	tn_sharded_write(out, &packed);
}

static struct tn_slice
counted(const struct redis_ns *rn)
{
	return rn->broadcast;
}

const struct redis_form tn_sharded_form = {
	.uid_len = 16,
	.uid_letters = "0123456789abcdef",
	.is_sharded = true,
	.write_private = tn_sharded_write_channel,
	.counted = counted,
	.write_broadcast = write_broadcast,
	.answer_clients = answer_clients,
	.answer_ack = answer_ack,
	.answer_server_event = answer_server_event,
	.write_kept = tn_sharded_write_kept,
	.before_mark = TN_SHARDED_BEFORE_MARK,
	.write_kept_channel = tn_sharded_write_kept_channel,
	.read_kept = tn_sharded_read_kept,
};

/* ---- reading --------------------------------------------------------------*/

struct message {
	int64_t type;
	struct asker from;
	struct tn_slice data;		/* an object */
	struct tn_broadcast_packet packet;	/* with opts, if there are any */
	bool has_opts;
	int timeout_ms;
	struct tn_arena *arena;
};

static bool
read_message(struct tn_slice json, struct tn_arena *arena,
    struct tn_slice *nsp, struct message *m)
{
	struct tn_slice value;

	m->arena = arena;
	if (tn_json_type(json) != TN_JSON_OBJECT ||
	    !tn_json_get(json, "type", &value) ||
	    !tn_json_i64(value, &m->type))
		return false;
	m->from.uid = tn_read_text(json, "uid", arena);
	*nsp = tn_read_text(json, "nsp", arena);
	if (!tn_json_get(json, "data", &m->data))	/* heartbeats have none */
		m->data = TN_SLICE("{}");
	if (tn_json_type(m->data) != TN_JSON_OBJECT)
		return false;
	m->from.id = tn_read_text(m->data, "requestId", arena);
	m->has_opts = tn_json_get(m->data, "opts", &value);
	return m->from.uid.len > 0 && nsp->len > 0 &&
	    m->from.uid.len <= TN_LIMIT_REQUEST_ID &&
	    m->from.id.len <= TN_LIMIT_REQUEST_ID &&
	    (!m->has_opts ||
	    tn_read_opts(value, arena, &m->packet, &m->timeout_ms));
}

static bool
on_broadcast(struct redis_ns *rn, struct message *m)
{
	struct tn_slice packet;

	if (!m->has_opts || !tn_json_get(m->data, "packet", &packet) ||
	    !tn_json_get(packet, "data", &m->packet.data) ||
	    tn_json_type(m->packet.data) != TN_JSON_ARRAY)
		return false;
	if (m->from.id.ptr != NULL)
		tn_act_ask_clients(rn, &m->packet, m->timeout_ms, &m->from);
	else
		return tn_ns_deliver(rn->ns, &m->packet) >= 0;
	return true;
}

static bool
on_join(struct redis_ns *rn, struct message *m)
{
	const struct tn_slice *rooms;
	size_t n;

	if (!m->has_opts ||
	    !tn_read_rooms(m->data, "rooms", m->arena, &rooms, &n))
		return false;
	if (m->type == SOCKETS_JOIN)
		tn_act_join(rn, &m->packet, rooms, n);
	else
		tn_act_leave(rn, &m->packet, rooms, n);
	return true;
}

static bool
on_disconnect(struct redis_ns *rn, struct message *m)
{
	struct tn_slice close;

	if (!m->has_opts)
		return false;
	tn_act_disconnect(rn, &m->packet,
	    tn_json_get(m->data, "close", &close) &&
	    tn_json_type(close) == TN_JSON_TRUE);
	return true;
}

static bool
on_fetch(struct redis_ns *rn, struct message *m)
{
	struct tn_buf body;

	if (!m->has_opts || m->from.id.ptr == NULL)
		return false;
	begin_answer(&body, FETCH_SOCKETS_RESPONSE, &m->from);
	tn_buf_str(&body, ",\"sockets\":");
	tn_act_write_sockets(rn, &m->packet, false, &body);
	end_answer(rn, &m->from, &body);
	return true;
}

static bool
on_server_event(struct redis_ns *rn, struct message *m)
{
	struct tn_slice packet;

	if (!tn_json_get(m->data, "packet", &packet) ||
	    tn_json_type(packet) != TN_JSON_ARRAY)
		return false;
	tn_act_server_event(rn, packet,
	    m->from.id.ptr == NULL ? NULL : &m->from);
	return true;
}

static bool
on_fetched(struct redis_ns *rn, struct message *m)
{
	struct tn_slice sockets;

	if (!tn_json_get(m->data, "sockets", &sockets) ||
	    tn_json_type(sockets) != TN_JSON_ARRAY)
		return false;
	tn_ask_answer(rn, ASK_FETCH, m->from.id, sockets, NULL, 0);
	return true;
}

static bool
on_server_answer(struct redis_ns *rn, struct message *m)
{
	struct tn_slice packet = TN_SLICE("null");

	tn_json_get(m->data, "packet", &packet);
	tn_ask_answer(rn, ASK_SERVER_EVENT, m->from.id, packet,
	    m->packet.buffers, m->packet.nbuffers);
	return true;
}

static bool
on_client_count(struct redis_ns *rn, struct message *m)
{
	struct tn_slice count;
	int64_t n;

	if (!tn_json_get(m->data, "clientCount", &count) ||
	    !tn_json_i64(count, &n) || n < 0)
		return false;
	tn_ask_clients(rn, m->from.id, (size_t)n);
	return true;
}

static bool
on_client_ack(struct redis_ns *rn, struct message *m)
{
	struct tn_slice packet = TN_SLICE_NONE;

	tn_json_get(m->data, "packet", &packet);
	tn_ask_answer(rn, ASK_CLIENTS, m->from.id, packet, m->packet.buffers,
	    m->packet.nbuffers);
	return true;
}

/* Returns false if it is not what it should be. */
typedef bool message_fn(struct redis_ns *rn, struct message *m);

static message_fn *const requests[MESSAGE_TYPES] = {
	[BROADCAST]		= on_broadcast,
	[SOCKETS_JOIN]		= on_join,
	[SOCKETS_LEAVE]		= on_join,
	[DISCONNECT_SOCKETS]	= on_disconnect,
	[FETCH_SOCKETS]		= on_fetch,
	[SERVER_SIDE_EMIT]	= on_server_event,
};

static message_fn *const responses[MESSAGE_TYPES] = {
	[FETCH_SOCKETS_RESPONSE]	= on_fetched,
	[SERVER_SIDE_EMIT_RESPONSE]	= on_server_answer,
	[BROADCAST_CLIENT_COUNT]	= on_client_count,
	[BROADCAST_ACK]			= on_client_ack,
};

/* Types that mean nothing here, as heartbeats, are no mistake. */
static bool
dispatch(struct redis_ns *rn, message_fn *const *table, struct message *m)
{
	if (m->type < 0 || m->type >= MESSAGE_TYPES || table[m->type] == NULL)
		return true;
	return table[m->type](rn, m);
}

static void
receive(struct redis_ns *rn, message_fn *const *table,
    struct tn_slice payload)
{
	struct message m = { .type = 0 };
	struct tn_slice nsp = TN_SLICE_NONE;
	struct tn_err err = { .code = 0 };
	struct tn_arena arena;
	struct tn_buf text;

	rn->adapter->counts.received++;
	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (tn_read_json(payload, &arena, &text, &m.packet, &err) < 0 ||
	    !read_message(m.packet.data, &arena, &nsp, &m))
		tn_redis_ns_malformed(rn, "message", err.text);
	else if (!tn_slice_is(m.from.uid, rn->uid) &&
	    tn_slice_eq(nsp, tn_ns_name(rn->ns)) &&
	    !dispatch(rn, table, &m))
		tn_redis_ns_malformed(rn, "message", "not to be acted upon");
	tn_buf_fini(&text);
	tn_arena_fini(&arena);
}

void
tn_sharded_request(struct redis_ns *rn, struct tn_slice payload)
{
	receive(rn, requests, payload);
}

void
tn_sharded_response(struct redis_ns *rn, struct tn_slice payload)
{
	receive(rn, responses, payload);
}
