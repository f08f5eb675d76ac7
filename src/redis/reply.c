#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "redis/reply.h"
#include "redis/wire.h"

enum tn_reply_type
tn_reply_type(const struct tn_reply *r)
{
	return r == NULL ? TN_REPLY_NIL : r->type;
}

struct tn_slice
tn_reply_text(const struct tn_reply *r)
{
	switch (tn_reply_type(r)) {
	case TN_REPLY_STRING:
	case TN_REPLY_STATUS:
	case TN_REPLY_ERROR:
		return tn_slice(r->text, r->len);
	default:
		return TN_SLICE_NONE;
	}
}

int64_t
tn_reply_integer(const struct tn_reply *r)
{
	return tn_reply_type(r) == TN_REPLY_INTEGER ? r->integer : 0;
}

size_t
tn_reply_len(const struct tn_reply *r)
{
	return tn_reply_type(r) == TN_REPLY_ARRAY ? r->len : 0;
}

const struct tn_reply *
tn_reply_at(const struct tn_reply *r, size_t i)
{
	return i < tn_reply_len(r) ? r->items[i] : NULL;
}

/* The reader nests no deeper than its own small stack, so this does not. */
void
tn_reply_free(struct tn_reply **r)
{
	struct tn_reply *reply = *r;

	*r = NULL;
	if (reply == NULL)
		return;
	for (size_t i = 0; i < tn_reply_len(reply); i++)
		tn_reply_free(&reply->items[i]);
	free(reply->items);
	free(reply);
}

bool
tn_reply_digest(const struct tn_reply *r, char out[41])
{
	struct tn_slice text = tn_reply_text(r);

	if (tn_reply_type(r) != TN_REPLY_STRING || text.len != 40)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (strchr("0123456789abcdef", text.ptr[i]) == NULL)
			return false;
	}
	memcpy(out, text.ptr, 40);
	out[40] = '\0';
	return true;
}

int
tn_reply_fail(const struct tn_reply *r, struct tn_err *err)
{
	struct tn_slice text = tn_reply_text(r);
	int code = tn_slice_starts(text, TN_SLICE("LOADING ")) ?
	    TN_E_AWAY : TN_E_IO;

	text = tn_slice_first(text, 200);
	return tn_err_set(err, code, "redis: %.*s", TN_SLICE_ARG(text));
}

bool
tn_reply_is_noscript(const struct tn_reply *r)
{
	return tn_reply_type(r) == TN_REPLY_ERROR &&
	    tn_slice_starts(tn_reply_text(r), TN_SLICE("NOSCRIPT"));
}
