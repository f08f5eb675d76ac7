/* The JSON that both forms of the Redis adapter speak. */
#include "config.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"

/* ---- writing --------------------------------------------------------------*/

void
tn_write_rooms(struct tn_buf *out, const char *name,
    const struct tn_slice *rooms, size_t n)
{
	tn_buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			tn_buf_char(out, ',');
		tn_json_write_string(out, rooms[i]);
	}
	tn_buf_char(out, ']');
}

static void
write_flags(struct tn_buf *out, const struct tn_broadcast_packet *who,
    int timeout_ms)
{
	const char *comma = "";

	tn_buf_str(out, ",\"flags\":{");
	if (who->is_volatile) {
		tn_buf_str(out, "\"volatile\":true");
		comma = ",";
	}
	if (who->is_plain) {
		tn_buf_printf(out, "%s\"compress\":false", comma);
		comma = ",";
	}
	if (timeout_ms > 0)
		tn_buf_printf(out, "%s\"timeout\":%d", comma, timeout_ms);
	tn_buf_char(out, '}');
}

void
tn_write_opts(struct tn_buf *out, const struct tn_broadcast_packet *who,
    bool with_flags, int timeout_ms)
{
	tn_buf_char(out, '{');
	tn_write_rooms(out, "rooms", who->rooms, who->nrooms);
	tn_buf_char(out, ',');
	tn_write_rooms(out, "except", who->except, who->nexcept);
	if (with_flags)
		write_flags(out, who, timeout_ms);
	tn_buf_char(out, '}');
}

/* ---- requests -------------------------------------------------------------*/

/* Of the plain form, and of the sharded one. */
static const int numbers[][2] = {
	[TN_REQUEST_JOIN] = { 2, 4 }, [TN_REQUEST_LEAVE] = { 3, 5 },
	[TN_REQUEST_DISCONNECT] = { 4, 6 }, [TN_REQUEST_FETCH] = { 5, 7 },
	[TN_REQUEST_EVENT] = { 6, 9 },
};

static void
write_id(struct tn_buf *out, const char *before, const char *id,
    const char *after)
{
	if (id != NULL)
		tn_buf_printf(out, "%s\"requestId\":\"%s\"%s", before, id,
		    after);
}

/* What is the request's own. */
static void
write_data(struct tn_buf *out, const struct tn_cluster_request *q)
{
	if (q->type == TN_REQUEST_EVENT) {
		write_id(out, "", q->is_sharded ? q->id : NULL, ",");
		tn_buf_str(out, q->is_sharded ? "\"packet\":" : "\"data\":");
		tn_buf_slice(out, q->event);
		return;
	}
	tn_buf_str(out, "\"opts\":");
	tn_write_opts(out, q->who, q->is_sharded, 0);
	if (q->type == TN_REQUEST_FETCH) {
		write_id(out, ",", q->is_sharded ? q->id : NULL, "");
	} else if (q->type == TN_REQUEST_DISCONNECT) {
		tn_buf_printf(out, ",\"close\":%s", q->close ? "true" : "false");
	} else {
		tn_buf_char(out, ',');
		tn_write_rooms(out, "rooms", q->rooms, q->nrooms);
	}
}

void
tn_write_request(struct tn_buf *out, const struct tn_cluster_request *q)
{
	int type = numbers[q->type][q->is_sharded];

	if (q->is_sharded) {
		tn_buf_printf(out, "{\"type\":%d,\"data\":{", type);
		write_data(out, q);
		tn_sharded_write_json_end(out, q->uid, q->nsp);
		return;
	}
	tn_buf_printf(out, "{\"uid\":\"%.*s\",", TN_SLICE_ARG(q->uid));
	write_id(out, "", q->id, ",");
	tn_buf_printf(out, "\"type\":%d,", type);
	write_data(out, q);
	tn_buf_char(out, '}');
}

/* ---- the sharded form -----------------------------------------------------*/

void
tn_sharded_write_json_end(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice nsp)
{
	tn_buf_printf(out, "},\"uid\":\"%.*s\",\"nsp\":", TN_SLICE_ARG(uid));
	tn_json_write_string(out, nsp);
	tn_buf_char(out, '}');
}

void
tn_sharded_write(struct tn_buf *out, const struct tn_sharded_packed *m)
{
	if (m->packet->nbuffers > 0) {
		tn_sharded_write_broadcast(out, m);
		return;
	}
	tn_buf_printf(out, "{\"type\":%d,\"data\":{\"packet\":{\"type\":2,"
	    "\"data\":", TN_SHARDED_BROADCAST);
	tn_buf_slice(out, m->packet->data);
	tn_buf_char(out, '}');
	if (m->request_id.ptr != NULL)
		tn_buf_printf(out, ",\"requestId\":\"%.*s\"",
		    TN_SLICE_ARG(m->request_id));
	tn_buf_str(out, ",\"opts\":");
	tn_write_opts(out, m->packet, true, m->timeout_ms);
	tn_sharded_write_json_end(out, m->uid, m->nsp);
}

/* ---- reading --------------------------------------------------------------*/

int
tn_read_json(struct tn_slice payload, struct tn_arena *arena,
    struct tn_buf *text, struct tn_broadcast_packet *out, struct tn_err *err)
{
	int r;

	tn_buf_init(text, TN_LIMIT_CLUSTER_MESSAGE);
	out->data = payload;
	if (payload.len > TN_LIMIT_CLUSTER_MESSAGE)
		return tn_err_set(err, TN_E_LIMIT, "too long");
	if (payload.len == 0 || payload.ptr[0] != '{') {
		r = tn_msgpack_read(payload, arena, text, &out->buffers,
		    &out->nbuffers, err);
		if (r < 0)
			return r;
		out->data = tn_buf_view(text);
	}
	return tn_json_scan(out->data, NULL, err);
}

struct tn_slice
tn_read_text(struct tn_slice object, const char *name, struct tn_arena *arena)
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

bool
tn_read_rooms(struct tn_slice object, const char *name,
    struct tn_arena *arena, const struct tn_slice **out, size_t *n)
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
is_true(struct tn_slice object, const char *name)
{
	struct tn_slice value;

	return tn_json_get(object, name, &value) &&
	    tn_json_type(value) == TN_JSON_TRUE;
}

bool
tn_read_opts(struct tn_slice opts, struct tn_arena *arena,
    struct tn_broadcast_packet *out, int *timeout_ms)
{
	struct tn_slice flags, value;
	int64_t ms;

	*timeout_ms = 0;
	if (tn_json_type(opts) != TN_JSON_OBJECT ||
	    !tn_read_rooms(opts, "rooms", arena, &out->rooms, &out->nrooms) ||
	    !tn_read_rooms(opts, "except", arena, &out->except,
	    &out->nexcept))
		return false;
	if (!tn_json_get(opts, "flags", &flags))
		return true;
	out->is_volatile = is_true(flags, "volatile");
	if (tn_json_get(flags, "compress", &value))
		out->is_plain = tn_json_type(value) == TN_JSON_FALSE;
	if (tn_json_get(flags, "timeout", &value) &&
	    tn_json_i64(value, &ms) && ms > 0)
		*timeout_ms = ms < TN_LIMIT_CLUSTER_ACK_MS ? (int)ms :
		    TN_LIMIT_CLUSTER_ACK_MS;
	return true;
}
