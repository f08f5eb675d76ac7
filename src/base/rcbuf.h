/* Counted bytes that never change: encoded once, queued by many. */
#ifndef TN_RCBUF_H
#define TN_RCBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Room in front of the bytes for the longest WebSocket header of a server. */
#define TN_RCBUF_HEADROOM 10

/* In how many other forms the same message may be kept beside it. */
#define TN_RCBUF_FORMS 3

struct tn_rcbuf {
	uint32_t refs;
	uint8_t head;		/* bytes of frame header in use, 0..10 */
	bool binary;		/* a binary message, not text */
	bool is_volatile;	/* may be dropped when the receiver is slow */
	bool is_plain;		/* not to be compressed */
	size_t len;		/* payload bytes */
	char *data;		/* payload; the header stands right before it */
	struct tn_rcbuf *forms[TN_RCBUF_FORMS];	/* owned; NULL: not made */
};

/*
 * A buffer of one reference holding a copy of head then body, one after
 * the other (body may be empty). Returns NULL when out of memory.
 */
struct tn_rcbuf *tn_rcbuf_new(struct tn_slice head, struct tn_slice body);

struct tn_rcbuf *tn_rcbuf_ref(struct tn_rcbuf *rc);
void tn_rcbuf_unref(struct tn_rcbuf **rc);

static inline struct tn_slice
tn_rcbuf_payload(const struct tn_rcbuf *rc)
{
	return tn_slice(rc->data, rc->len);
}

/* Header and payload in one piece, ready for the wire. */
static inline struct tn_slice
tn_rcbuf_frame(const struct tn_rcbuf *rc)
{
	return tn_slice(rc->data - rc->head, rc->head + rc->len);
}

#endif
