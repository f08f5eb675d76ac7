#include "config.h"

#include "base/rcbuf.h"

#include <assert.h>
#include <stdlib.h>

struct tn_rcbuf *
tn_rcbuf_new(struct tn_slice head, struct tn_slice body)
{
	const size_t fixed = sizeof(struct tn_rcbuf) + TN_RCBUF_HEADROOM;
	struct tn_rcbuf *rc;

	if (head.len > SIZE_MAX - fixed ||
	    body.len > SIZE_MAX - fixed - head.len)
		return NULL;
	rc = malloc(fixed + head.len + body.len);
	if (rc == NULL)
		return NULL;
	*rc = (struct tn_rcbuf){
		.refs = 1,
		.len = head.len + body.len,
		.data = (char *)(rc + 1) + TN_RCBUF_HEADROOM,
	};
	if (head.len > 0)
		memcpy(rc->data, head.ptr, head.len);
	if (body.len > 0)
		memcpy(rc->data + head.len, body.ptr, body.len);
	return rc;
}

struct tn_rcbuf *
tn_rcbuf_ref(struct tn_rcbuf *rc)
{
	assert(rc->refs > 0 && rc->refs < UINT32_MAX);
	rc->refs++;
	return rc;
}

void
tn_rcbuf_unref(struct tn_rcbuf **rc)
{
	struct tn_rcbuf *old = *rc;

	*rc = NULL;
	if (old == NULL || --old->refs > 0)
		return;
	for (int i = 0; i < TN_RCBUF_FORMS; i++)
		tn_rcbuf_unref(&old->forms[i]);
	free(old);
}
