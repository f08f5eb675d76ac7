#include "config.h"

#include "cluster/stream_codec.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"

/* ---- ids ------------------------------------------------------------------*/

int
tn_stream_id_compare(struct tn_stream_id a, struct tn_stream_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

bool
tn_stream_id_read(struct tn_slice text, struct tn_stream_id *out)
{
	struct tn_slice ms = tn_slice_cut(&text, '-');

	return tn_slice_u64(ms, &out->ms) && tn_slice_u64(text, &out->n);
}

void
tn_stream_id_write(struct tn_stream_id id, char out[TN_OFFSET_LEN + 1])
{
	snprintf(out, TN_OFFSET_LEN + 1, "%" PRIu64 "-%" PRIu64, id.ms, id.n);
}

/* ---- marks ----------------------------------------------------------------*/

static uint64_t
number_at(const char *at, size_t bytes)
{
	uint64_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

void
tn_stream_number_write(uint64_t n, char out[8])
{
	for (size_t i = 8; i > 0; n >>= 8)
		out[--i] = (char)(n & 0xff);
}

bool
tn_stream_mark_read(struct tn_slice payload, struct tn_stream_mark *out)
{
	static const char head[] = TN_STREAM_MARK_HEAD;
	const size_t head_len = sizeof(head) - 1;
	const char *at;

	if (payload.len < head_len + TN_STREAM_MARK_BYTES)
		return false;
	at = payload.ptr + payload.len - TN_STREAM_MARK_BYTES;
	if (memcmp(at - head_len, head, head_len) != 0)
		return false;
	*out = (struct tn_stream_mark){
		{ number_at(at, 8), number_at(at + 8, 8) },
		{ number_at(at + 16, 8), number_at(at + 24, 8) },
		number_at(at + 32, 8),
	};
	return true;
}

/* ---- parts ----------------------------------------------------------------*/

static bool
next_part(struct tn_slice *rest, struct tn_slice *part)
{
	size_t len;

	if (rest->len < 4)
		return false;
	len = (size_t)number_at(rest->ptr, 4);
	if (len > rest->len - 4)
		return false;
	*part = tn_slice(rest->ptr + 4, len);
	*rest = tn_slice_after(*rest, 4 + len);
	return true;
}

static bool
next_number(struct tn_slice *rest, uint64_t *n)
{
	struct tn_slice part;

	return next_part(rest, &part) && tn_slice_u64(part, n);
}

bool
tn_stream_next_missed(struct tn_slice *rest, struct tn_slice *id,
    struct tn_slice *event)
{
	return next_part(rest, id) && next_part(rest, event);
}

static bool
read_rooms(struct tn_slice *rest, struct tn_arena *arena,
    struct tn_stream_told *out)
{
	struct tn_slice *rooms;
	uint64_t n;

	if (!next_number(rest, &n) || n > TN_LIMIT_ROOMS_PER_SOCKET)
		return false;
	rooms = tn_arena_alloc(arena, ((size_t)n + 1) * sizeof(*rooms));
	if (rooms == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!next_part(rest, &rooms[i]))
			return false;
	}
	out->rooms = rooms;
	out->nrooms = (size_t)n;
	return true;
}

/* All of what was missed is whole, and has an id. */
static bool
count_missed(struct tn_slice rest, struct tn_stream_told *out)
{
	struct tn_slice id, event;
	struct tn_stream_id number;

	out->missed = rest;
	while (rest.len > 0) {
		if (!tn_stream_next_missed(&rest, &id, &event) ||
		    !tn_stream_id_read(id, &number))
			return false;
		out->nmissed++;
	}
	return true;
}

/* What it is, and the last one. */
static bool
read_head(struct tn_slice *rest, struct tn_stream_told *out)
{
	struct tn_slice kind, last;

	*out = (struct tn_stream_told){ .nrooms = 0 };
	if (!next_part(rest, &kind) || kind.len != 1 ||
	    !next_part(rest, &last) || !tn_stream_id_read(last, &out->last))
		return false;
	out->kind = (enum tn_stream_telling)kind.ptr[0];
	return true;
}

bool
tn_stream_read_last(struct tn_slice in, struct tn_stream_id *last)
{
	struct tn_stream_told told;
	bool good = read_head(&in, &told);

	*last = told.last;
	return good;
}

bool
tn_stream_read_told(struct tn_slice in, struct tn_arena *arena,
    struct tn_stream_told *out)
{
	if (!read_head(&in, out))
		return false;
	switch (out->kind) {
	case TN_STREAM_GIVEN:
		return next_number(&in, &out->number) &&
		    next_part(&in, &out->sid) && next_part(&in, &out->data) &&
		    tn_json_scan(out->data, NULL, NULL) == 0 &&
		    read_rooms(&in, arena, out) && count_missed(in, out);
	case TN_STREAM_TAKEN:
		return next_part(&in, &out->sid) && next_part(&in, &out->pid) &&
		    in.len == 0;
	case TN_STREAM_LAST:
		return in.len == 0;
	}
	return false;
}
