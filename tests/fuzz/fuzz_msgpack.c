/* A packet in MessagePack: read, and what was read written again. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rcbuf.h"
#include "io/mp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tn_slice *buffers = NULL;
	struct tn_sio_packet packet;
	struct tn_rcbuf *rc;
	struct tn_arena arena;
	struct tn_buf json, out;

	tn_arena_init(&arena, 1 << 20);
	tn_buf_init(&json, 1 << 20);
	tn_buf_init(&out, 1 << 20);
	if (tn_mp_decode(tn_slice((const char *)data, size), 10, &arena, &json,
	    &packet, &buffers, NULL) == 0) {
		rc = tn_mp_encode(&packet, buffers, &out);
		tn_rcbuf_unref(&rc);
	}
	tn_buf_fini(&out);
	tn_buf_fini(&json);
	tn_arena_fini(&arena);
	return 0;
}
