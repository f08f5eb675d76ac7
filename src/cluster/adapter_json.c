/* The JSON that both forms of the Redis adapter speak. */
#include "config.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
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

/* ---- reading --------------------------------------------------------------*/

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
