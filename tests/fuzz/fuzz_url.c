/* Query strings, form bodies and cookies from a browser. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/url.h"
#include "session/cookie.h"

#define PAIRS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice text = tn_slice((const char *)data, size), value;
	struct tn_cookie cookies[PAIRS];
	struct tn_pair pairs[PAIRS];
	struct tn_arena arena;
	size_t n;

	tn_arena_init(&arena, 1 << 20);
	if (tn_url_form(text, &arena, pairs, PAIRS, &n, NULL) == 0)
		tn_pair_last(pairs, n, "username");
	tn_cookie_parse(text, cookies, PAIRS, &n, NULL);
	tn_cookie_find(text, TN_SLICE("connect.sid"), &arena, &value, NULL);
	tn_arena_fini(&arena);
	return 0;
}
