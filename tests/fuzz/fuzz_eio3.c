/* An Engine.IO 3 payload in both forms, its packets read and written again. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/rcbuf.h"
#include "base/utf8.h"
#include "io/eio3_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was cut is, put into a payload and cut again, the same. */
static void
there_and_back(struct tn_slice packet, bool binary, bool in_bytes)
{
	struct tn_rcbuf *rc = tn_rcbuf_new(packet, TN_SLICE_NONE);
	struct tn_slice rest, again = TN_SLICE_NONE;
	bool kind = binary;
	struct tn_buf b;
	int r;

	if (rc == NULL)
		return;
	rc->binary = binary;
	tn_buf_init(&b, 1 << 20);
	if (in_bytes)
		tn_eio3_bytes_add(&b, rc);
	else
		tn_eio3_text_add(&b, rc);
	rest = tn_buf_view(&b);
	r = in_bytes ? tn_eio3_bytes_cut(&rest, &again, &kind, NULL) :
	    tn_eio3_text_cut(&rest, &again, NULL);
	if (b.failed == 0 && (r != 1 || rest.len != 0 || kind != binary ||
	    !tn_slice_eq(again, packet)))
		abort();
	tn_buf_fini(&b);
	tn_rcbuf_unref(&rc);
}

static void
read_all(struct tn_slice rest, bool in_bytes)
{
	struct tn_eio_packet out;
	struct tn_slice packet;
	struct tn_buf scratch;
	bool binary = false;

	tn_buf_init(&scratch, 1 << 20);
	while ((in_bytes ? tn_eio3_bytes_cut(&rest, &packet, &binary, NULL) :
	    tn_eio3_text_cut(&rest, &packet, NULL)) > 0) {
		tn_eio3_packet_read(packet, binary, &scratch, &out, NULL);
		there_and_back(packet, binary, in_bytes);
	}
	tn_buf_fini(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice all = tn_slice((const char *)data, size);

	read_all(all, true);
	if (tn_utf8_valid(all))
		read_all(all, false);
	return 0;
}
