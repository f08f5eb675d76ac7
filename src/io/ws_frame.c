#include "config.h"

#include "io/ws_frame.h"

enum {
	FIN = 0x80,
	RSV1 = 0x40,
	OP_TEXT = 1,
	OP_BINARY = 2,
	LEN_7 = 125,		/* the longest that fits the first length */
	LEN_16 = 126,		/* two bytes of length follow */
	LEN_64 = 127,		/* eight follow */
};

static void
put_length(unsigned char *end, uint64_t len, int bytes)
{
	for (; bytes > 0; bytes--, len >>= 8)
		*--end = (unsigned char)(len & 0xff);
}

void
tn_ws_frame_head(struct tn_rcbuf *rc)
{
	unsigned char *data = (unsigned char *)rc->data;
	const int more = rc->len <= LEN_7 ? 0 : rc->len <= 0xffff ? 2 : 8;
	unsigned char *head = data - more - 2;

	head[0] = FIN | (rc->binary ? OP_BINARY : OP_TEXT);
	head[1] = more == 0 ? (unsigned char)rc->len :
	    more == 2 ? LEN_16 : LEN_64;
	put_length(data, rc->len, more);
	rc->head = (uint8_t)(more + 2);
}

void
tn_ws_frame_head_deflated(struct tn_rcbuf *rc)
{
	tn_ws_frame_head(rc);
	rc->data[-rc->head] |= RSV1;
}
