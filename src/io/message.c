/* Messages made ready to be sent to many, in the forms their clients read. */
#include "config.h"

#include <stdlib.h>

#include "base/base64.h"
#include "io/engine_conn.h"
#include "io/ws_frame.h"

enum { HEAD_BYTES = 256 };

/* A text message: the digit has to stand in one piece with the head. */
static struct tn_rcbuf *
text_message(struct tn_slice head, struct tn_slice body)
{
	char small[HEAD_BYTES], *all = small;
	struct tn_rcbuf *rc;

	if (head.len >= sizeof(small))
		all = head.len < SIZE_MAX ? malloc(head.len + 1) : NULL;
	if (all == NULL)
		return NULL;
	all[0] = '4';
	if (head.len > 0)
		memcpy(all + 1, head.ptr, head.len);
	rc = tn_rcbuf_new(tn_slice(all, head.len + 1), body);
	if (all != small)
		free(all);
	return rc;
}

struct tn_rcbuf *
tn_message_new(struct tn_slice head, struct tn_slice body, bool binary)
{
	struct tn_rcbuf *rc = binary ? tn_rcbuf_new(head, body) :
	    text_message(head, body);

	if (rc == NULL)
		return NULL;
	rc->binary = binary;
	tn_ws_frame_head(rc);
	return rc;
}

/* "b4" and base64, for who takes text alone. */
static struct tn_rcbuf *
base64_message(struct tn_slice bytes)
{
	struct tn_rcbuf *rc = NULL;
	struct tn_slice text;
	struct tn_buf b;

	tn_buf_init(&b, bytes.len + bytes.len / 2 + 8);
	tn_buf_str(&b, "b4");
	tn_base64_encode(&b, bytes, TN_BASE64_STANDARD);
	if (tn_buf_finish(&b, &text, NULL) == 0)
		rc = tn_rcbuf_new(text, TN_SLICE_NONE);
	tn_buf_fini(&b);
	return rc;
}

struct tn_rcbuf *
tn_message_v3(struct tn_rcbuf *message, bool base64)
{
	struct tn_rcbuf **form = &message->forms[base64 ? FORM_V3_BASE64 :
	    FORM_V3_BINARY];
	struct tn_slice bytes = tn_rcbuf_payload(message);

	if (!message->binary)
		return message;
	if (*form == NULL) {
		*form = base64 ? base64_message(bytes) :
		    tn_rcbuf_new(TN_SLICE("\4"), bytes);
		if (*form == NULL)
			return NULL;
		(*form)->binary = !base64;
		(*form)->is_volatile = message->is_volatile;
		(*form)->is_plain = message->is_plain;
		tn_ws_frame_head(*form);
	}
	return *form;
}
