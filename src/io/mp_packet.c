#include "config.h"

#include "io/mp_packet.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/msgpack_read.h"
#include "io/engine.h"

/* ---- reading --------------------------------------------------------------*/

struct reader {
	struct tn_slice rest;
	struct tn_arena *arena;
	struct tn_buf *json;
	struct tn_sio_packet *out;
	const struct tn_slice *buffers;
	size_t nbuffers;
	bool has_type, has_nsp, has_data;
};

/* What JavaScript wrote for undefined: as if the member were not there. */
static bool
is_undefined(const struct tn_mp_token *t)
{
	return t->type == TN_MP_NIL || (t->type == TN_MP_EXT && t->ext == 0 &&
	    t->bytes.len == 1);
}

static bool
read_uint(struct reader *r, uint64_t *n)
{
	struct tn_mp_token t;

	if (!tn_mp_next(&r->rest, &t) || t.type != TN_MP_UINT)
		return false;
	*n = t.u;
	return true;
}

static bool
read_type(struct reader *r)
{
	uint64_t n;

	if (!read_uint(r, &n) || n > TN_SIO_CONNECT_ERROR)
		return false;
	r->out->type = (enum tn_sio_type)n;
	return r->has_type = true;
}

static bool
read_nsp(struct reader *r)
{
	struct tn_mp_token t;

	if (!tn_mp_next(&r->rest, &t) || t.type != TN_MP_STR)
		return false;
	r->out->nsp = t.bytes;
	return r->has_nsp = true;
}

static bool
read_member(struct reader *r, struct tn_slice key)
{
	struct tn_slice ahead = r->rest;
	struct tn_mp_token t;

	if (tn_slice_is(key, "type"))
		return read_type(r);
	if (tn_slice_is(key, "nsp"))
		return read_nsp(r);
	if (!tn_mp_next(&ahead, &t))
		return false;
	if (is_undefined(&t) ||
	    (!tn_slice_is(key, "id") && !tn_slice_is(key, "data")))
		return tn_mp_skip(&r->rest);
	if (tn_slice_is(key, "id"))
		return r->out->has_id = read_uint(r, &r->out->id);
	if (r->has_data || !tn_msgpack_cut(&r->rest, r->arena, r->json,
	    &r->buffers, &r->nbuffers))
		return false;
	return r->has_data = true;
}

static bool
read_packet(struct reader *r)
{
	struct tn_mp_token t, key;

	if (!tn_mp_next(&r->rest, &t) || t.type != TN_MP_MAP)
		return false;
	for (uint64_t i = 0; i < t.u; i++) {
		if (!tn_mp_next(&r->rest, &key) || key.type != TN_MP_STR ||
		    !read_member(r, key.bytes))
			return false;
	}
	return r->rest.len == 0 && r->has_type && r->has_nsp;
}

/* Types that say whether there are buffers, as the text parser has them. */
static int
take_buffers(const struct reader *r, size_t max, struct tn_err *err)
{
	struct tn_sio_packet *out = r->out;

	if (r->nbuffers == 0)
		return 0;
	if (r->nbuffers > max)
		return tn_err_set(err, TN_E_LIMIT,
		    "more than %zu attachments", max);
	out->attachments = r->nbuffers;
	if (out->type == TN_SIO_EVENT)
		out->type = TN_SIO_BINARY_EVENT;
	else if (out->type == TN_SIO_ACK)
		out->type = TN_SIO_BINARY_ACK;
	else
		return tn_err_set(err, TN_E_SYNTAX,
		    "bytes in a packet that may not have any");
	return 0;
}

int
tn_mp_decode(struct tn_slice bytes, size_t max_attachments,
    struct tn_arena *arena, struct tn_buf *json, struct tn_sio_packet *out,
    const struct tn_slice **buffers, struct tn_err *err)
{
	struct reader r = { .rest = bytes, .arena = arena, .json = json,
		.out = out };
	int code;

	*out = (struct tn_sio_packet){ 0 };
	tn_buf_reset(json);
	if (!read_packet(&r)) {
		if (json->failed != 0 || arena->overflowed)
			return tn_err_set(err, TN_E_NOMEM,
			    "no room for a packet");
		return tn_err_set(err, TN_E_SYNTAX,
		    "not a packet in MessagePack");
	}
	if (json->failed != 0)
		return tn_err_set(err, json->failed, "no room for a packet");
	code = take_buffers(&r, max_attachments, err);
	*buffers = r.buffers;
	return code < 0 ? code : tn_sio_accept(out, r.has_data ?
	    tn_buf_view(json) : TN_SLICE_NONE, arena, err);
}

/* ---- writing --------------------------------------------------------------*/

static enum tn_sio_type
plain_type(enum tn_sio_type type)
{
	if (type == TN_SIO_BINARY_EVENT)
		return TN_SIO_EVENT;
	return type == TN_SIO_BINARY_ACK ? TN_SIO_ACK : type;
}

struct tn_rcbuf *
tn_mp_encode(const struct tn_sio_packet *p, const struct tn_slice *buffers,
    struct tn_buf *b)
{
	tn_buf_reset(b);
	tn_mp_put_map(b, 2 + (p->data.len > 0 ? 1 : 0) + (p->has_id ? 1 : 0));
	tn_mp_put_text(b, TN_SLICE("type"));
	tn_mp_put_uint(b, plain_type(p->type));
	if (p->data.len > 0) {
		tn_mp_put_text(b, TN_SLICE("data"));
		tn_msgpack_write(b, p->data, buffers, p->attachments);
	}
	if (p->has_id) {
		tn_mp_put_text(b, TN_SLICE("id"));
		tn_mp_put_uint(b, p->id);
	}
	tn_mp_put_text(b, TN_SLICE("nsp"));
	tn_mp_put_text(b, p->nsp);
	return b->failed != 0 ? NULL :
	    tn_message_new(tn_buf_view(b), TN_SLICE_NONE, true);
}
