/*
 * The sharded form. One set of channels a namespace (P is the prefix):
 *
 *     P#NSP#		all nodes; who subscribes to it is counted
 *     P#NSP#UID#	answers, and they alone, to the adapter of this uid
 *     P#NSP#ROOM#	broadcasts to this one room
 *
 * A node subscribes to the channel of a room while a socket of its own stands
 * in it, so what is for a room costs a node without it nothing. In dynamic
 * mode, rooms of 20 characters, as sockets' ids are, go to all nodes.
 */
#include "config.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"
#include "cluster/stream.h"
#include "redis/link.h"

enum message_type {
	BROADCAST = TN_SHARDED_BROADCAST, SOCKETS_JOIN, SOCKETS_LEAVE, DISCONNECT_SOCKETS,
	FETCH_SOCKETS, FETCH_SOCKETS_RESPONSE, SERVER_SIDE_EMIT,
	SERVER_SIDE_EMIT_RESPONSE, BROADCAST_CLIENT_COUNT, BROADCAST_ACK,
	MESSAGE_TYPES,
};

#define ID_CHARS	20	/* of a socket's id, which is a room too */

/* ---- channels -------------------------------------------------------------*/

/* P#NSP#NAME# */
static void
write_channel(struct tn_buf *out, const struct redis_ns *rn,
    struct tn_slice name)
{
	tn_buf_slice(out, rn->broadcast);
	tn_buf_slice(out, name);
	tn_buf_char(out, '#');
}

static struct tn_slice
counted(const struct redis_ns *rn)
{
	return rn->broadcast;
}

/* As JavaScript counts: what is beyond U+FFFF is two. */
static size_t
characters(struct tn_slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		n += (c & 0xc0) != 0x80;
		n += c >= 0xf0;
	}
	return n;
}

bool
tn_sharded_has_channel(enum tn_subscription_mode mode, struct tn_slice room)
{
	switch (mode) {
	case TN_SUBSCRIBE_DYNAMIC:
		return characters(room) != ID_CHARS;
	case TN_SUBSCRIBE_DYNAMIC_PRIVATE:
		return true;
	case TN_SUBSCRIBE_STATIC:
		break;
	}
	return false;
}

/* ---- writing --------------------------------------------------------------*/

/* {"type":N,"data":{ ... },"uid":UID,"nsp":NSP}; the dots are the caller's. */
static void
begin(struct tn_buf *body, int type)
{
	tn_buf_init(body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_printf(body, "{\"type\":%d,\"data\":{", type);
}

/* pattern has the end of all that is ours. */
static void
end(struct tn_buf *body, const struct redis_ns *rn)
{
	tn_buf_slice(body, tn_buf_view(&rn->pattern));
}

static int
send_all(struct redis_ns *rn, const char *id, struct tn_buf *body)
{
	int r = tn_redis_ns_publish_buf(rn, rn->broadcast, body);

	if (r < 0 && id != NULL)
		tn_ask_cancel(rn, id);
	return r;
}

static void
write_packet(struct tn_buf *body, const struct redis_ns *rn,
    const struct tn_broadcast_packet *p, const char *id, int timeout_ms)
{
	const struct tn_sharded_packed packed = {
		.uid = tn_slice_str(rn->uid), .nsp = tn_ns_name(rn->ns),
		.request_id = tn_slice_str(id), .packet = p,
		.timeout_ms = timeout_ms,
	};

	if (p->nbuffers > 0) {
		tn_buf_init(body, TN_LIMIT_CLUSTER_MESSAGE);
		tn_sharded_write_broadcast(body, &packed);
		return;
	}
	begin(body, BROADCAST);
	tn_buf_str(body, "\"packet\":{\"type\":2,\"data\":");
	tn_buf_slice(body, p->data);
	tn_buf_char(body, '}');
	if (id != NULL)
		tn_buf_printf(body, ",\"requestId\":\"%s\"", id);
	tn_buf_str(body, ",\"opts\":");
	tn_write_opts(body, p, true, timeout_ms);
	end(body, rn);
}

static int
publish(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct tn_slice channel = rn->broadcast;
	struct tn_buf name, body;
	int r;

	(void)adapter;
	tn_buf_init(&name, TN_LIMIT_CLUSTER_MESSAGE);
	write_packet(&body, rn, packet, NULL, 0);
	if (packet->nrooms == 1 &&
	    tn_sharded_has_channel(rn->adapter->mode, packet->rooms[0])) {
		write_channel(&name, rn, packet->rooms[0]);
		channel = tn_buf_view(&name);
	}
	if (name.failed != 0)
		body.failed = name.failed;
	r = tn_redis_ns_publish_buf(rn, channel, &body);
	tn_buf_fini(&name);
	return r;
}

static int
publish_ack(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, int timeout_ms, uint64_t gather)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	char id[TN_REQUEST_ID + 1];
	struct tn_buf body;
	int r = tn_ask_begin(rn, ASK_CLIENTS, gather, timeout_ms, id);

	(void)adapter;
	if (r < 0)
		return r;
	write_packet(&body, rn, packet, id, timeout_ms);
	return send_all(rn, id, &body);
}

static int
steer(struct tn_ns *ns, enum message_type type,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct tn_buf body;

	begin(&body, type);
	tn_buf_str(&body, "\"opts\":");
	tn_write_opts(&body, who, true, 0);
	tn_buf_char(&body, ',');
	tn_write_rooms(&body, "rooms", rooms, nrooms);
	end(&body, rn);
	return send_all(rn, NULL, &body);
}

static int
join(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms)
{
	(void)adapter;
	return steer(ns, SOCKETS_JOIN, who, rooms, nrooms);
}

static int
leave(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms)
{
	(void)adapter;
	return steer(ns, SOCKETS_LEAVE, who, rooms, nrooms);
}

static int
disconnect(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, bool close)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct tn_buf body;

	(void)adapter;
	begin(&body, DISCONNECT_SOCKETS);
	tn_buf_str(&body, "\"opts\":");
	tn_write_opts(&body, who, true, 0);
	tn_buf_printf(&body, ",\"close\":%s", close ? "true" : "false");
	end(&body, rn);
	return send_all(rn, NULL, &body);
}

static int
fetch(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, uint64_t gather)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	char id[TN_REQUEST_ID + 1];
	struct tn_buf body;
	int r = tn_ask_begin(rn, ASK_FETCH, gather, 0, id);

	(void)adapter;
	if (r < 0)
		return r;
	begin(&body, FETCH_SOCKETS);
	tn_buf_str(&body, "\"opts\":");
	tn_write_opts(&body, who, true, 0);
	tn_buf_printf(&body, ",\"requestId\":\"%s\"", id);
	end(&body, rn);
	return send_all(rn, id, &body);
}

static int
server_event(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice data, uint64_t gather)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	char id[TN_REQUEST_ID + 1];
	struct tn_buf body;
	int r = gather == 0 ? 0 :
	    tn_ask_begin(rn, ASK_SERVER_EVENT, gather, 0, id);

	(void)adapter;
	if (r < 0)
		return r;
	begin(&body, SERVER_SIDE_EMIT);
	if (gather != 0)
		tn_buf_printf(&body, "\"requestId\":\"%s\",", id);
	tn_buf_str(&body, "\"packet\":");
	tn_buf_slice(&body, data);
	end(&body, rn);
	return send_all(rn, gather == 0 ? NULL : id, &body);
}

/* ---- answering ------------------------------------------------------------*/

static void
answer(struct redis_ns *rn, const struct asker *to, struct tn_buf *body)
{
	struct tn_buf channel;

	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	write_channel(&channel, rn, to->uid);
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
	begin(body, type);
	tn_buf_str(body, "\"requestId\":");
	tn_json_write_string(body, to->id);
}

static void
answer_clients(struct redis_ns *rn, const struct asker *to, int n)
{
	struct tn_buf body;

	begin_answer(&body, BROADCAST_CLIENT_COUNT, to);
	tn_buf_printf(&body, ",\"clientCount\":%d", n);
	end(&body, rn);
	answer(rn, to, &body);
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
	} else {
		begin_answer(&body, BROADCAST_ACK, to);
		if (value.len > 0) {
			tn_buf_str(&body, ",\"packet\":");
			tn_buf_slice(&body, value);
		}
		end(&body, rn);
	}
	answer(rn, to, &body);
}

static void
answer_server_event(struct redis_ns *rn, const struct asker *to,
    struct tn_slice value)
{
	struct tn_buf body;

	begin_answer(&body, SERVER_SIDE_EMIT_RESPONSE, to);
	tn_buf_str(&body, ",\"packet\":");
	tn_buf_slice(&body, value);
	end(&body, rn);
	answer(rn, to, &body);
}

static const struct redis_form sharded_form = {
	.uid_len = 16,
	.uid_letters = "0123456789abcdef",
	.is_sharded = true,
	.write_private = write_channel,
	.counted = counted,
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
	end(&body, rn);
	answer(rn, &m->from, &body);
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
	struct tn_slice json = payload, nsp = TN_SLICE_NONE;
	struct tn_err err = { .code = 0 };
	struct tn_arena arena;
	struct tn_buf text;
	int r = 0;

	rn->adapter->counts.received++;
	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&text, TN_LIMIT_CLUSTER_MESSAGE);
	if (payload.len > TN_LIMIT_CLUSTER_MESSAGE) {
		r = tn_err_set(&err, TN_E_LIMIT, "too long");
	} else if (payload.len == 0 || payload.ptr[0] != '{') {
		r = tn_msgpack_read(payload, &arena, &text, &m.packet.buffers,
		    &m.packet.nbuffers, &err);
		json = tn_buf_view(&text);
	}
	if (r == 0)
		r = tn_json_scan(json, NULL, &err);
	if (r < 0 || !read_message(json, &arena, &nsp, &m))
		tn_redis_ns_malformed(rn, "message", err.text);
	else if (!tn_slice_is(m.from.uid, rn->uid) &&
	    tn_slice_eq(nsp, tn_ns_name(rn->ns)) &&
	    !dispatch(rn, table, &m))
		tn_redis_ns_malformed(rn, "message", "not to be acted upon");
	tn_buf_fini(&text);
	tn_arena_fini(&arena);
}

static void
on_message(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct redis_ns *rn = arg;
	struct tn_stream_mark mark;

	(void)channel;
	if (tn_sharded_is_kept(payload, &mark)) {
		rn->adapter->counts.received++;
		tn_stream_receive(rn, &(struct tn_stream_came){
			.payload = payload, .mark = mark, .is_here = true,
			.is_own = tn_sharded_is_own_kept(rn, payload),
		    });
		return;
	}
	/* the own end tells what is our own, and need not be read */
	if (!tn_slice_ends(payload, tn_buf_view(&rn->pattern)))
		receive(rn, requests, payload);
}

static void
on_response(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	(void)channel;
	receive(arg, responses, payload);
}

/* ---- rooms ----------------------------------------------------------------*/

static void
subscribe_room(struct tn_ns *ns, struct tn_slice room, bool on)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct tn_buf channel;

	if (rn == NULL || tn_slice_is(room, rn->uid))
		return;
	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	write_channel(&channel, rn, room);
	if (channel.failed != 0 || (on && tn_link_ssubscribe(
	    rn->adapter->link, tn_buf_view(&channel), on_message, rn) < 0))
		rn->adapter->counts.unpublished++;
	if (!on)
		tn_link_sunsubscribe(rn->adapter->link,
		    tn_buf_view(&channel));
	tn_buf_fini(&channel);
}

static void
room_opened(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice room)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode !=
	    TN_SUBSCRIBE_STATIC)
		subscribe_room(ns, room, true);
}

static void
room_closed(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice room)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode !=
	    TN_SUBSCRIBE_STATIC)
		subscribe_room(ns, room, false);
}

static void
socket_opened(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice id)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode ==
	    TN_SUBSCRIBE_DYNAMIC_PRIVATE)
		subscribe_room(ns, id, true);
}

static void
socket_closed(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice id)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode ==
	    TN_SUBSCRIBE_DYNAMIC_PRIVATE)
		subscribe_room(ns, id, false);
}

/* ---- namespaces -----------------------------------------------------------*/

static bool
write_names(struct redis_ns *rn)
{
	size_t len;

	tn_buf_printf(&rn->names, "%s#", rn->adapter->prefix);
	tn_buf_slice(&rn->names, tn_ns_name(rn->ns));
	tn_buf_char(&rn->names, '#');
	len = rn->names.len;
	tn_buf_printf(&rn->names, "%s#", rn->adapter->prefix);
	tn_buf_slice(&rn->names, tn_ns_name(rn->ns));
	tn_buf_printf(&rn->names, "#%s#", rn->uid);
	tn_buf_printf(&rn->pattern, "},\"uid\":\"%s\",\"nsp\":", rn->uid);
	tn_json_write_string(&rn->pattern, tn_ns_name(rn->ns));
	tn_buf_char(&rn->pattern, '}');
	rn->broadcast = tn_slice(rn->names.ptr, len);
	rn->own_response = tn_slice(rn->names.ptr + len, rn->names.len - len);
	return rn->names.failed == 0 && rn->pattern.failed == 0;
}

static void
ns_close(struct redis_ns *rn)
{
	if (rn->nsubscribed > 1)
		tn_link_sunsubscribe(rn->adapter->link, rn->own_response);
	if (rn->nsubscribed > 0)
		tn_link_sunsubscribe(rn->adapter->link, rn->broadcast);
	tn_redis_ns_close(rn);
}

static int
open_ns(struct tn_adapter *adapter, struct tn_ns *ns, struct tn_err *err)
{
	struct redis_ns *rn = tn_redis_ns_new(adapter, ns);
	int r = TN_E_NOMEM;

	if (rn == NULL)
		return tn_err_set(err, r, "no memory for a namespace");
	if (write_names(rn))
		r = tn_link_ssubscribe(rn->adapter->link, rn->broadcast,
		    on_message, rn);
	rn->nsubscribed += r == 0;
	if (r == 0)
		r = tn_link_ssubscribe(rn->adapter->link, rn->own_response,
		    on_response, rn);
	rn->nsubscribed += r == 0;
	if (r == 0)
		r = tn_stream_open(rn);
	if (r < 0) {
		ns_close(rn);
		return tn_err_set(err, r, "cannot subscribe for a namespace");
	}
	tn_ns_set_adapter_data(ns, rn);
	return 0;
}

static void
close_ns(struct tn_adapter *adapter, struct tn_ns *ns)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);

	(void)adapter;
	tn_ns_set_adapter_data(ns, NULL);
	if (rn != NULL)
		ns_close(rn);
}

#define SHARDED_OPS							\
	.open = open_ns,						\
	.close = close_ns,						\
	.publish = publish,						\
	.room_opened = room_opened,					\
	.room_closed = room_closed,					\
	.socket_opened = socket_opened,					\
	.socket_closed = socket_closed,					\
	.publish_ack = publish_ack,					\
	.join = join,							\
	.leave = leave,							\
	.disconnect = disconnect,					\
	.fetch = fetch,							\
	.server_event = server_event

static const struct tn_adapter_ops sharded_ops = { SHARDED_OPS };
static const struct tn_adapter_ops sharded_keeping_ops = { SHARDED_OPS,
	TN_STREAM_OPS };

struct tn_adapter *
tn_sharded_adapter_new(const struct tn_redis_adapter_options *options,
    struct tn_err *err)
{
	return tn_redis_adapter_make(options->recovery_events > 0 ?
	    &sharded_keeping_ops : &sharded_ops, &sharded_form, options, err);
}
