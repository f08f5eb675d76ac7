/* An HTTP answer as text, whole. */
#ifndef TN_HTTP_REPLY_H
#define TN_HTTP_REPLY_H

#include "base/buf.h"
#include "io/engine.h"

struct tn_http_reply_form {
	bool close;		/* the connection ends with it */
	bool is_head;		/* asked by HEAD: the length, no body */
};

/*
 * Append status line, headers and body. reply->status is not 0. What could
 * end a header line early is left out of a header's value.
 */
void tn_http_reply_write(struct tn_buf *out, const struct tn_io_reply *reply,
    const struct tn_http_reply_form *form);

#endif
