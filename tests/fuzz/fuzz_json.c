/* JSON from a peer: the scan, then a walk over what it passed. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"

#define MAX_DEPTH 8	/* of the walk, not of the scan */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct tn_slice value, struct tn_arena *arena, int depth)
{
	struct tn_slice rest = value, key, child, text;
	int64_t n;

	tn_json_string(value, arena, &text, NULL);
	tn_json_i64(value, &n);
	tn_json_get(value, "room", &child);
	if (depth == MAX_DEPTH)
		return;
	if (tn_json_type(value) == TN_JSON_ARRAY)
		while (tn_json_element(&rest, &child))
			walk(child, arena, depth + 1);
	else if (tn_json_type(value) == TN_JSON_OBJECT)
		while (tn_json_member(&rest, &key, &child))
			walk(child, arena, depth + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice text = tn_slice((const char *)data, size);
	struct tn_arena arena;

	tn_arena_init(&arena, 1 << 20);
	if (tn_json_scan(text, NULL, NULL) == 0)
		walk(text, &arena, 0);
	tn_arena_fini(&arena);
	return 0;
}
