/*
 * What a client may send where messages are compressed: its offer in the
 * first line, behind that a message.
 */
#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/deflate.h"
#include "io/http_coding.h"
#include "io/ws_deflate.h"

enum { LIMIT = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_offer(struct tn_slice header)
{
	struct tn_ws_deflate terms;
	struct tn_buf out;

	tn_http_coding_choose(header);
	if (tn_ws_deflate_read(header, &terms) <= 0)
		return;
	assert(terms.server_bits >= 8 && terms.server_bits <= 15);
	assert(terms.client_bits == 0 ||
	    (terms.client_bits >= 8 && terms.client_bits <= 15));
	tn_buf_init(&out, 200);
	tn_ws_deflate_write(&terms, &out);
	assert(out.failed == 0);
	tn_buf_fini(&out);
}

/* What could be undone comes back the same once more. */
static void
read_message(struct tn_slice message)
{
	struct tn_deflate *d = tn_deflate_new();
	struct tn_buf once, packed, twice;

	tn_buf_init(&once, LIMIT);
	tn_buf_init(&packed, 2 * LIMIT);
	tn_buf_init(&twice, LIMIT);
	if (d != NULL && tn_deflate_unpack(d, message, &once) == 0 &&
	    tn_deflate_pack(d, tn_buf_view(&once), TN_DEFLATE_MESSAGE,
	    &packed) == 0)
		assert(tn_deflate_unpack(d, tn_buf_view(&packed), &twice) ==
		    0 && tn_slice_eq(tn_buf_view(&once), tn_buf_view(&twice)));
	assert(once.cap <= LIMIT);
	tn_buf_fini(&once);
	tn_buf_fini(&packed);
	tn_buf_fini(&twice);
	tn_deflate_free(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice rest = tn_slice((const char *)data, size);

	read_offer(tn_slice_cut(&rest, '\n'));
	read_message(rest);
	return 0;
}
