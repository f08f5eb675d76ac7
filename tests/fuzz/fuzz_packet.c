/* A polling payload: cut into Engine.IO packets, their messages decoded. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "io/eio_packet.h"
#include "io/sio_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode(struct tn_slice text, struct tn_arena *arena)
{
	struct tn_sio_packet packet;

	if (tn_sio_decode(text, 10, arena, &packet, NULL) < 0 ||
	    packet.data.ptr == NULL)
		return;
	tn_sio_is_reserved(packet.name);
	tn_sio_check_event(packet.data, packet.attachments, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice rest = tn_slice((const char *)data, size);
	struct tn_eio_packet packet;
	struct tn_arena arena;
	struct tn_buf scratch;

	tn_arena_init(&arena, 1 << 20);
	tn_buf_init(&scratch, 1 << 20);
	while (rest.ptr != NULL) {
		struct tn_slice text = tn_eio_payload_cut(&rest);

		if (tn_eio_packet_read(text, &scratch, &packet, NULL) == 0 &&
		    packet.type == TN_EIO_MESSAGE && !packet.binary)
			decode(packet.data, &arena);
	}
	tn_buf_fini(&scratch);
	tn_arena_fini(&arena);
	return 0;
}
