#include "config.h"

#include "io/eio_packet.h"

#include "base/base64.h"
#include "base/err.h"
#include "base/rcbuf.h"

#define SEPARATOR '\x1e'

static int
read_binary(struct tn_slice base64, struct tn_buf *scratch,
    struct tn_eio_packet *out, struct tn_err *err)
{
	int r;

	tn_buf_reset(scratch);
	r = tn_base64_decode(scratch, base64, err);
	if (r < 0)
		return r;
	*out = (struct tn_eio_packet){
		.type = TN_EIO_MESSAGE,
		.binary = true,
		.data = tn_buf_view(scratch),
	};
	return 0;
}

int
tn_eio_packet_read(struct tn_slice text, struct tn_buf *scratch,
    struct tn_eio_packet *out, struct tn_err *err)
{
	if (text.len == 0)
		return tn_err_set(err, TN_E_SYNTAX, "empty packet");
	if (text.ptr[0] == 'b')
		return read_binary(tn_slice_after(text, 1), scratch, out, err);
	if (text.ptr[0] < '0' || text.ptr[0] >= '0' + TN_EIO_TYPES)
		return tn_err_set(err, TN_E_SYNTAX, "unknown packet type");
	*out = (struct tn_eio_packet){
		.type = (enum tn_eio_type)(text.ptr[0] - '0'),
		.data = tn_slice_after(text, 1),
	};
	return 0;
}

struct tn_slice
tn_eio_payload_cut(struct tn_slice *rest)
{
	return tn_slice_cut(rest, SEPARATOR);
}

void
tn_eio_payload_add(struct tn_buf *out, const struct tn_rcbuf *packet)
{
	if (out->len > 0)
		tn_buf_char(out, SEPARATOR);
	if (!packet->binary) {
		tn_buf_slice(out, tn_rcbuf_payload(packet));
		return;
	}
	tn_buf_char(out, 'b');
	tn_base64_encode(out, tn_rcbuf_payload(packet), TN_BASE64_STANDARD);
}
