/* What decides where a connection goes, and what tandemctl asks. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/limits.h"
#include "host/control.h"
#include "host/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice text = tn_slice((const char *)data, size), owner;
	struct tn_slice words[TN_LIMIT_CONTROL_WORDS];
	struct tn_arena arena;
	size_t n;

	if (tn_owner_read(text, &owner) > 0 && owner.ptr != NULL &&
	    !tn_owner_is_name(owner))
		abort();	/* it becomes part of a path */
	tn_arena_init(&arena, 1 << 20);
	tn_control_words(text, &arena, words, TN_LIMIT_CONTROL_WORDS, &n,
	    NULL);
	tn_arena_fini(&arena);
	return 0;
}
