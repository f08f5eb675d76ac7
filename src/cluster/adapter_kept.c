/*
 * Events that are kept in a stream, in the bytes of the plain form, or of the
 * sharded one: always its MessagePack, and always to all of its nodes, so
 * that one channel has all that stands in the stream, in its order.
 */
#include "config.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"
#include "cluster/stream.h"

void
tn_plain_write_kept(struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, struct tn_buf *body)
{
	tn_adapter_write_broadcast(body, tn_slice_str(rn->uid),
	    tn_ns_name(rn->ns), packet);
}

bool
tn_plain_read_kept(struct redis_ns *rn, struct tn_slice payload,
    struct tn_arena *arena, struct tn_buf *json,
    struct tn_broadcast_packet *out)
{
	struct tn_adapter_message m;
	bool good = tn_adapter_read(payload, arena, &m, NULL) == 0 &&
	    m.request_type == 0 && tn_slice_eq(m.nsp, tn_ns_name(rn->ns));

	*out = m.packet;
	*json = m.json;		/* which holds out->data */
	return good;
}

/* ---- the sharded form -----------------------------------------------------*/

#define KEPT	'\x84'	/* a map of type, data, uid and nsp */
#define MARKED	'\x85'	/* with the mark behind them */

static const char before_mark[] = TN_SHARDED_BEFORE_MARK;

void
tn_sharded_write_kept(struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, struct tn_buf *body)
{
	const struct tn_sharded_packed packed = {
		.uid = tn_slice_str(rn->uid), .nsp = tn_ns_name(rn->ns),
		.packet = packet,
	};

	tn_sharded_write_broadcast(body, &packed);
}

void
tn_sharded_write_kept_channel(struct tn_buf *out, const struct redis_ns *rn,
    const struct tn_broadcast_packet *packet)
{
	(void)packet;
	tn_buf_slice(out, rn->broadcast);
}

bool
tn_sharded_is_kept(struct tn_slice payload, struct tn_stream_mark *mark)
{
	const size_t end = sizeof(TN_STREAM_MARK_HEAD) - 1 +
	    TN_STREAM_MARK_BYTES;

	return payload.len > end && payload.ptr[0] == MARKED &&
	    tn_stream_mark_read(payload, mark) &&
	    tn_slice_ends(tn_slice_first(payload, payload.len - end),
	    tn_slice_str(before_mark));
}

bool
tn_sharded_is_own_kept(const struct redis_ns *rn, struct tn_slice payload)
{
	const size_t end = sizeof(before_mark) - 1 +
	    sizeof(TN_STREAM_MARK_HEAD) - 1 + TN_STREAM_MARK_BYTES;

	return rn->stream != NULL && payload.len > end &&
	    tn_slice_ends(tn_slice_first(payload, payload.len - end),
	    tn_buf_view(&rn->stream->own_end));
}

static bool
read_sharded(struct redis_ns *rn, struct tn_slice json,
    struct tn_arena *arena, struct tn_broadcast_packet *out)
{
	struct tn_slice data, packet, opts, nsp;
	int64_t type;
	int timeout_ms;

	if (tn_json_scan(json, NULL, NULL) < 0 ||
	    tn_json_type(json) != TN_JSON_OBJECT ||
	    !tn_json_get(json, "type", &data) || !tn_json_i64(data, &type) ||
	    type != TN_SHARDED_BROADCAST)
		return false;
	nsp = tn_read_text(json, "nsp", arena);
	return tn_slice_eq(nsp, tn_ns_name(rn->ns)) &&
	    tn_json_get(json, "data", &data) &&
	    tn_json_get(data, "packet", &packet) &&
	    tn_json_get(packet, "data", &out->data) &&
	    tn_json_type(out->data) == TN_JSON_ARRAY &&
	    tn_json_get(data, "opts", &opts) &&
	    tn_read_opts(opts, arena, out, &timeout_ms);
}

bool
tn_sharded_read_kept(struct redis_ns *rn, struct tn_slice payload,
    struct tn_arena *arena, struct tn_buf *json,
    struct tn_broadcast_packet *out)
{
	struct tn_stream_mark mark;
	bool is_marked = tn_sharded_is_kept(payload, &mark);

	*out = (struct tn_broadcast_packet){ .nrooms = 0 };
	tn_buf_init(json, TN_LIMIT_CLUSTER_MESSAGE);
	if (payload.len > TN_LIMIT_CLUSTER_MESSAGE || payload.len == 0 ||
	    (!is_marked && payload.ptr[0] != KEPT) ||
	    tn_msgpack_read(payload, arena, json, &out->buffers,
	    &out->nbuffers, NULL) < 0)
		return false;
	if (is_marked)		/* the last of the bytes are the mark's */
		out->nbuffers--;
	return read_sharded(rn, tn_buf_view(json), arena, out);
}
