/* What another node may publish: read, and if it is good, written again. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "cluster/adapter_codec.h"
#include "io/sio_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read and written must be readable too. */
static void
write_again(const struct tn_adapter_message *m)
{
	struct tn_adapter_message again;
	struct tn_arena arena;
	struct tn_buf out;

	tn_arena_init(&arena, 1 << 22);
	tn_buf_init(&out, 1 << 22);
	tn_adapter_write_broadcast(&out, m->uid, m->nsp, &m->packet);
	if (out.failed == 0) {
		if (tn_adapter_read(tn_buf_view(&out), &arena, &again,
		    NULL) < 0)
			abort();
		tn_adapter_message_fini(&again);
	}
	tn_buf_fini(&out);
	tn_arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_adapter_message m;
	struct tn_arena arena;

	tn_arena_init(&arena, 1 << 22);
	if (tn_adapter_read(tn_slice((const char *)data, size), &arena, &m,
	    NULL) == 0) {
		if (tn_json_scan(m.packet.data, NULL, NULL) < 0)
			abort();
		tn_sio_check_event(m.packet.data, m.packet.nbuffers, NULL);
		write_again(&m);
	}
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
	return 0;
}
