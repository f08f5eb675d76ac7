/* From MessagePack to JSON text, whose placeholders stand for its bytes. */
#include "config.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/msgpack_read.h"

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
is_nested(const struct tn_mp_token *t)
{
	return t->type == TN_MP_ARRAY || t->type == TN_MP_MAP;
}

static bool
write_value(struct writer *w, struct tn_slice *rest, unsigned depth)
{
	struct tn_mp_token t;

	if (w->out->failed != 0 || !tn_mp_next(rest, &t) ||
	    (is_nested(&t) && depth == TN_LIMIT_JSON_DEPTH))
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

bool
tn_msgpack_cut(struct tn_slice *rest, struct tn_arena *arena,
    struct tn_buf *json, const struct tn_slice **buffers, size_t *nbuffers)
{
	struct writer w = { .out = json, .arena = arena };

	if (rest->len == 0 || !write_value(&w, rest, 0))
		return false;
	*buffers = w.buffers;
	*nbuffers = w.nbuffers;
	return true;
}

int
tn_msgpack_read(struct tn_slice in, struct tn_arena *arena,
    struct tn_buf *json, const struct tn_slice **buffers, size_t *nbuffers,
    struct tn_err *err)
{
	if (in.len > TN_LIMIT_CLUSTER_MESSAGE)
		return tn_err_set(err, TN_E_LIMIT,
		    "a message of %zu bytes", in.len);
	if (!tn_msgpack_cut(&in, arena, json, buffers, nbuffers) ||
	    in.len > 0) {
		if (json->failed != 0 || arena->overflowed)
			return tn_err_set(err, json->failed != 0 ?
			    json->failed : TN_E_NOMEM,
			    "no room for a message");
		return tn_err_set(err, TN_E_SYNTAX, "not MessagePack");
	}
	if (json->failed != 0)
		return tn_err_set(err, json->failed, "no room for a message");
	return 0;
}
