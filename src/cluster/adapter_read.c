/* The reading half of adapter_codec.h: from MessagePack to JSON text. */
#include "config.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cluster/adapter_codec.h"
#include "cluster/msgpack_read.h"

/* ---- values ---------------------------------------------------------------*/

struct writer {
	struct tn_buf *out;
	struct tn_slice *buffers;
	size_t nbuffers, cap;
	struct tn_arena *arena;
};

static bool write_value(struct writer *w, struct tn_slice *rest,
    unsigned depth);

static bool
grow_buffers(struct writer *w)
{
	size_t cap = w->cap == 0 ? 8 : w->cap * 2;
	struct tn_slice *buffers;

	if (w->nbuffers < w->cap)
		return true;
	if (w->nbuffers == TN_LIMIT_CLUSTER_BUFFERS)
		return false;
	buffers = tn_arena_alloc(w->arena, cap * sizeof(*buffers));
	if (buffers == NULL)
		return false;
	if (w->nbuffers > 0)
		memcpy(buffers, w->buffers, w->nbuffers * sizeof(*buffers));
	w->buffers = buffers;
	w->cap = cap;
	return true;
}

static bool
write_buffer(struct writer *w, struct tn_slice bytes)
{
	if (!grow_buffers(w))
		return false;
	tn_buf_str(w->out, "{\"_placeholder\":true,\"num\":");
	tn_buf_u64(w->out, w->nbuffers);
	tn_buf_char(w->out, '}');
	w->buffers[w->nbuffers++] = bytes;
	return true;
}

/* Dates; and what notepack 2 had of its own: undefined and ArrayBuffer. */
static bool
write_ext(struct writer *w, const struct tn_mp_token *t)
{
	int64_t ms;

	if (tn_mp_date(t, &ms)) {
		tn_mp_write_date(w->out, ms);
		return true;
	}
	if (t->ext == -1 || (t->ext == 0 && t->bytes.len == 1)) {
		tn_buf_str(w->out, "null");
		return true;
	}
	return t->ext == 0 && write_buffer(w, t->bytes);
}

static bool
write_array(struct writer *w, uint64_t n, struct tn_slice *rest,
    unsigned depth)
{
	tn_buf_char(w->out, '[');
	for (uint64_t i = 0; i < n; i++) {
		if (i > 0)
			tn_buf_char(w->out, ',');
		if (!write_value(w, rest, depth))
			return false;
	}
	tn_buf_char(w->out, ']');
	return true;
}

/* Keys are names; numbers become names, as they do in JavaScript. */
static bool
write_key(struct writer *w, struct tn_slice *rest)
{
	struct tn_mp_token t;

	if (!tn_mp_next(rest, &t))
		return false;
	if (t.type == TN_MP_STR) {
		tn_json_write_string(w->out, t.bytes);
		return true;
	}
	if (t.type != TN_MP_UINT && t.type != TN_MP_INT)
		return false;
	tn_buf_char(w->out, '"');
	if (t.type == TN_MP_UINT)
		tn_buf_u64(w->out, t.u);
	else
		tn_buf_i64(w->out, t.i);
	tn_buf_char(w->out, '"');
	return true;
}

static bool
write_map(struct writer *w, uint64_t n, struct tn_slice *rest, unsigned depth)
{
	tn_buf_char(w->out, '{');
	for (uint64_t i = 0; i < n; i++) {
		if (i > 0)
			tn_buf_char(w->out, ',');
		if (!write_key(w, rest))
			return false;
		tn_buf_char(w->out, ':');
		if (!write_value(w, rest, depth))
			return false;
	}
	tn_buf_char(w->out, '}');
	return true;
}

static bool
write_value(struct writer *w, struct tn_slice *rest, unsigned depth)
{
	struct tn_mp_token t;

	if (w->out->failed != 0 || depth == TN_LIMIT_JSON_DEPTH ||
	    !tn_mp_next(rest, &t))
		return false;
	switch (t.type) {
	case TN_MP_NIL:
		tn_buf_str(w->out, "null");
		return true;
	case TN_MP_BOOL:
		tn_buf_str(w->out, t.on ? "true" : "false");
		return true;
	case TN_MP_INT:
		tn_buf_i64(w->out, t.i);
		return true;
	case TN_MP_UINT:
		tn_buf_u64(w->out, t.u);
		return true;
	case TN_MP_FLOAT:
		tn_mp_write_double(w->out, t.d);
		return true;
	case TN_MP_STR:
		tn_json_write_string(w->out, t.bytes);
		return true;
	case TN_MP_BIN:
		return write_buffer(w, t.bytes);
	case TN_MP_EXT:
		return write_ext(w, &t);
	case TN_MP_ARRAY:
		return write_array(w, t.u, rest, depth + 1);
	case TN_MP_MAP:
		return write_map(w, t.u, rest, depth + 1);
	}
	return false;
}

int
tn_msgpack_read(struct tn_slice in, struct tn_arena *arena,
    struct tn_buf *json, const struct tn_slice **buffers, size_t *nbuffers,
    struct tn_err *err)
{
	struct writer w = { .out = json, .arena = arena };

	if (in.len > TN_LIMIT_CLUSTER_MESSAGE)
		return tn_err_set(err, TN_E_LIMIT,
		    "a message of %zu bytes", in.len);
	if (!write_value(&w, &in, 0) || in.len > 0) {
		if (json->failed != 0 || arena->overflowed)
			return tn_err_set(err, json->failed != 0 ?
			    json->failed : TN_E_NOMEM,
			    "no room for a message");
		return tn_err_set(err, TN_E_SYNTAX, "not MessagePack");
	}
	if (json->failed != 0)
		return tn_err_set(err, json->failed, "no room for a message");
	*buffers = w.buffers;
	*nbuffers = w.nbuffers;
	return 0;
}

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
	struct writer w = { .out = &r->out->json, .arena = r->arena };

	tn_buf_reset(&r->out->json);
	if (r->rest.len == 0 || !write_value(&w, &r->rest, 0))
		return false;
	r->out->packet.buffers = w.buffers;
	r->out->packet.nbuffers = w.nbuffers;
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

static bool
read_message(struct reader *r)
{
	struct tn_mp_token t;

	if (!tn_mp_next(&r->rest, &t))
		return false;
	if (t.type == TN_MP_MAP)
		return read_members(r, t.u, request_member) &&
		    r->out->request_type == 7 && r->has_packet && r->has_opts;
	return t.type == TN_MP_ARRAY && t.u == 3 &&
	    read_text(r, &r->out->uid) && read_map(r, packet_member) &&
	    read_map(r, opts_member);
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
