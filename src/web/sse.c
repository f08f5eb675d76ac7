#include "config.h"

#include "web/sse.h"

#include "base/err.h"
#include "web/head.h"
#include "web/request.h"

int
tn_sse_start(struct tn_res *res)
{
	int rc;

	if (!res->req->is_slow)
		return tn_err_set(&res->req->err, TN_E_STATE,
		    "server-sent events without tn_slow before them");
	tn_res_put(res, "Content-Type", TN_SLICE("text/event-stream"));
	if (tn_res_get(res, "Cache-Control").ptr == NULL)
		tn_res_set(res, "Cache-Control", TN_SLICE("no-cache"));
	tn_res_set(res, "X-Accel-Buffering", TN_SLICE("no"));
	rc = tn_res_flush(res);
	if (rc == 0 && res->req->method == TN_METHOD_HEAD)
		return tn_res_end(res);	/* events would never find it gone */
	return rc;
}

static bool
has_line_end(struct tn_slice s)
{
	return tn_slice_find(s, '\n') >= 0 || tn_slice_find(s, '\r') >= 0 ||
	    tn_slice_find(s, '\0') >= 0;
}

static void
put_field(struct tn_buf *out, const char *name, struct tn_slice value)
{
	tn_buf_str(out, name);
	tn_buf_str(out, ": ");
	tn_buf_slice(out, value);
	tn_buf_char(out, '\n');
}

/* A field for each line; CR LF, CR and LF end one. */
static void
put_data(struct tn_buf *out, struct tn_slice data)
{
	while (data.ptr != NULL) {
		size_t i = 0;
		struct tn_slice line;

		while (i < data.len && data.ptr[i] != '\n' &&
		    data.ptr[i] != '\r')
			i++;
		line = tn_slice_first(data, i);
		put_field(out, "data", line);
		if (i == data.len)
			return;
		if (data.ptr[i] == '\r' && i + 1 < data.len &&
		    data.ptr[i + 1] == '\n')
			i++;
		data = tn_slice(data.ptr + i + 1, data.len - i - 1);
	}
}

static int
push(struct tn_res *res)
{
	struct tn_slice text;
	int rc = tn_buf_finish(&res->page, &text, &res->req->err);

	if (rc == 0)
		rc = tn_res_write(res, text);
	return rc != 0 ? rc : tn_res_flush(res);
}

int
tn_sse_send(struct tn_res *res, const struct tn_sse_event *event)
{
	struct tn_buf *out = &res->page;

	if (has_line_end(event->event) || has_line_end(event->id))
		return tn_err_set(&res->req->err, TN_E_SYNTAX,
		    "an event's name or id with a line end");
	tn_buf_reset(out);
	if (event->event.len > 0)
		put_field(out, "event", event->event);
	if (event->id.len > 0)
		put_field(out, "id", event->id);
	if (event->retry_ms > 0)
		tn_buf_printf(out, "retry: %d\n", event->retry_ms);
	put_data(out, event->data);
	tn_buf_char(out, '\n');
	return push(res);
}

int
tn_sse_ping(struct tn_res *res)
{
	tn_buf_reset(&res->page);
	tn_buf_str(&res->page, ":\n\n");
	return push(res);
}
