/* The reading half of adapter_codec.h: from MessagePack to JSON text. */
#include "config.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/msgpack_read.h"
#include "cluster/adapter_codec.h"
#include "cluster/stream_codec.h"

/* ---- the parts of a message -----------------------------------------------*/

struct reader {
	struct tn_slice rest;
	struct tn_arena *arena;
	struct tn_adapter_message *out;
	bool has_packet, has_opts, has_data;
};

typedef bool read_member(struct reader *r, struct tn_slice key);

/* Read a map, or its rest after mark, giving each value to fn by its key. */
static bool
read_members(struct reader *r, uint64_t n, read_member *fn)
{
	struct tn_mp_token key;

	for (uint64_t i = 0; i < n; i++) {
		if (!tn_mp_next(&r->rest, &key) || key.type != TN_MP_STR ||
		    !fn(r, key.bytes))
			return false;
	}
	return true;
}

static bool
read_map(struct reader *r, read_member *fn)
{
	struct tn_mp_token t;

	return tn_mp_next(&r->rest, &t) && t.type == TN_MP_MAP &&
	    read_members(r, t.u, fn);
}

static bool
read_text(struct reader *r, struct tn_slice *out)
{
	struct tn_mp_token t;

	if (!tn_mp_next(&r->rest, &t) || t.type != TN_MP_STR)
		return false;
	*out = t.bytes;
	return true;
}

static bool
read_data(struct reader *r)
{
	struct tn_broadcast_packet *p = &r->out->packet;

	tn_buf_reset(&r->out->json);
	if (!tn_msgpack_cut(&r->rest, r->arena, &r->out->json, &p->buffers,
	    &p->nbuffers))
		return false;
	r->has_data = true;
	return true;
}

static bool
packet_member(struct reader *r, struct tn_slice key)
{
	struct tn_mp_token t;

	if (tn_slice_is(key, "data"))
		return read_data(r);
	if (tn_slice_is(key, "nsp"))
		return read_text(r, &r->out->nsp);
	if (tn_slice_is(key, "type"))
		return tn_mp_next(&r->rest, &t) && t.type == TN_MP_UINT &&
		    (t.u == 2 || t.u == 5);
	return tn_mp_skip(&r->rest);
}

/* A room may be a number in JavaScript; here it is its text. */
static bool
read_room(struct reader *r, struct tn_slice *out)
{
	struct tn_mp_token t;

	if (!tn_mp_next(&r->rest, &t))
		return false;
	if (t.type == TN_MP_STR)
		*out = t.bytes;
	else if (t.type == TN_MP_UINT)
		*out = tn_arena_printf(r->arena, "%llu",
		    (unsigned long long)t.u);
	else if (t.type == TN_MP_INT)
		*out = tn_arena_printf(r->arena, "%lld", (long long)t.i);
	else
		return false;
	return !r->arena->overflowed;
}

static bool
read_rooms(struct reader *r, const struct tn_slice **out, size_t *n)
{
	struct tn_slice *rooms;
	struct tn_mp_token t;

	if (!tn_mp_next(&r->rest, &t) || t.type != TN_MP_ARRAY ||
	    t.u > TN_LIMIT_CLUSTER_ROOMS)
		return false;
	rooms = tn_arena_alloc(r->arena, (size_t)t.u * sizeof(*rooms));
	if (rooms == NULL)
		return false;
	for (uint64_t i = 0; i < t.u; i++) {
		if (!read_room(r, &rooms[i]))
			return false;
	}
	*out = rooms;
	*n = (size_t)t.u;
	return true;
}

static bool
flag_member(struct reader *r, struct tn_slice key)
{
	struct tn_slice ahead = r->rest;
	struct tn_mp_token t;

	if (!tn_mp_next(&ahead, &t))
		return false;
	if (tn_slice_is(key, "volatile"))
		r->out->packet.is_volatile = t.type == TN_MP_BOOL && t.on;
	if (tn_slice_is(key, "compress"))
		r->out->packet.is_plain = t.type == TN_MP_BOOL && !t.on;
	if (tn_slice_is(key, "timeout") && t.type == TN_MP_UINT)
		r->out->timeout_ms = t.u < TN_LIMIT_CLUSTER_ACK_MS ?
		    (int)t.u : TN_LIMIT_CLUSTER_ACK_MS;
	return tn_mp_skip(&r->rest);
}

static bool
opts_member(struct reader *r, struct tn_slice key)
{
	struct tn_broadcast_packet *p = &r->out->packet;
	struct tn_slice ahead = r->rest;
	struct tn_mp_token t;

	if (!tn_mp_next(&ahead, &t))
		return false;
	if (t.type == TN_MP_NIL)	/* undefined: as if it were not there */
		return tn_mp_skip(&r->rest);
	if (tn_slice_is(key, "rooms"))
		return read_rooms(r, &p->rooms, &p->nrooms);
	if (tn_slice_is(key, "except"))
		return read_rooms(r, &p->except, &p->nexcept);
	if (tn_slice_is(key, "flags"))
		return read_map(r, flag_member);
	return tn_mp_skip(&r->rest);
}

static bool
request_member(struct reader *r, struct tn_slice key)
{
	struct tn_mp_token t;

	if (tn_slice_is(key, "uid"))
		return read_text(r, &r->out->uid);
	if (tn_slice_is(key, "requestId"))
		return read_text(r, &r->out->request_id);
	if (tn_slice_is(key, "packet"))
		return r->has_packet = read_map(r, packet_member);
	if (tn_slice_is(key, "opts"))
		return r->has_opts = read_map(r, opts_member);
	if (!tn_slice_is(key, "type"))
		return tn_mp_skip(&r->rest);
	if (!tn_mp_next(&r->rest, &t) || t.type != TN_MP_UINT || t.u > 99)
		return false;
	r->out->request_type = (int64_t)t.u;
	return true;
}

/* What is behind a broadcast that was kept in a stream. */
static bool
read_mark(struct reader *r)
{
	struct tn_mp_token t;

	r->out->has_mark = tn_mp_next(&r->rest, &t) && t.type == TN_MP_BIN &&
	    t.bytes.len == TN_STREAM_MARK_BYTES;
	return r->out->has_mark;
}

static bool
read_message(struct reader *r)
{
	struct tn_mp_token t;

	if (!tn_mp_next(&r->rest, &t))
		return false;
	if (t.type == TN_MP_MAP)
		return read_members(r, t.u, request_member) &&
		    r->out->request_type == 7 && r->has_packet && r->has_opts;
	return t.type == TN_MP_ARRAY && (t.u == 3 || t.u == 4) &&
	    read_text(r, &r->out->uid) && read_map(r, packet_member) &&
	    read_map(r, opts_member) && (t.u == 3 || read_mark(r));
}

int
tn_adapter_read(struct tn_slice in, struct tn_arena *arena,
    struct tn_adapter_message *out, struct tn_err *err)
{
	struct reader r = { .rest = in, .arena = arena, .out = out };

	*out = (struct tn_adapter_message){ .nsp = TN_SLICE("/") };
	tn_buf_init(&out->json, TN_LIMIT_CLUSTER_MESSAGE);
	if (in.len > TN_LIMIT_CLUSTER_MESSAGE)
		return tn_err_set(err, TN_E_LIMIT,
		    "a message of %zu bytes", in.len);
	if (!read_message(&r) || r.rest.len > 0 || !r.has_data) {
		if (out->json.failed != 0 || arena->overflowed)
			return tn_err_set(err, out->json.failed != 0 ?
			    out->json.failed : TN_E_NOMEM,
			    "no room for a message");
		return tn_err_set(err, TN_E_SYNTAX, "not an adapter's packet");
	}
	out->packet.data = tn_buf_view(&out->json);
	if (tn_json_type(out->packet.data) != TN_JSON_ARRAY)
		return tn_err_set(err, TN_E_SYNTAX, "data that is no array");
	if (out->json.failed != 0)
		return tn_err_set(err, out->json.failed,
		    "no room for a message");
	return tn_json_scan(out->packet.data, NULL, err);
}

void
tn_adapter_message_fini(struct tn_adapter_message *message)
{
	tn_buf_fini(&message->json);
}
