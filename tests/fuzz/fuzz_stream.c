/* What a node's own channel of recovery may bring, ids and marks. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "cluster/stream_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at_id(struct tn_slice in)
{
	struct tn_stream_id id, again;
	char text[TN_OFFSET_LEN + 1];

	if (!tn_stream_id_read(in, &id))
		return;
	tn_stream_id_write(id, text);
	if (!tn_stream_id_read(tn_slice_str(text), &again) ||
	    tn_stream_id_compare(id, again) != 0)
		abort();
}

static void
look_at_mark(struct tn_slice in)
{
	struct tn_stream_mark mark;
	char number[8];

	if (!tn_stream_mark_read(in, &mark))
		return;
	tn_stream_number_write(mark.number, number);
	if (memcmp(number, in.ptr + in.len - 8, 8) != 0)
		abort();
}

static void
look_at_told(struct tn_slice in, struct tn_arena *arena)
{
	struct tn_stream_told told;
	struct tn_slice rest, id, event;
	size_t n = 0, bytes = 0;

	if (!tn_stream_read_told(in, arena, &told) ||
	    told.kind != TN_STREAM_GIVEN)
		return;
	if (told.nrooms > TN_LIMIT_ROOMS_PER_SOCKET ||
	    tn_json_scan(told.data, NULL, NULL) < 0)
		abort();
	for (size_t i = 0; i < told.nrooms; i++)
		bytes += told.rooms[i].len;
	for (rest = told.missed; tn_stream_next_missed(&rest, &id, &event); n++)
		bytes += id.len + event.len;
	if (n != told.nmissed || rest.len > 0 || bytes > in.len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice in = tn_slice((const char *)data, size);
	struct tn_arena arena;

	tn_arena_init(&arena, 1 << 20);
	look_at_id(in);
	look_at_mark(in);
	look_at_told(in, &arena);
	tn_arena_fini(&arena);
	return 0;
}
