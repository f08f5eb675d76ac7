#include "config.h"

#include "host/http_reply.h"

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 411, "Length Required" },
	{ 413, "Payload Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
};

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "Unknown";
}

static void
write_header(struct tn_buf *out, struct tn_slice name, struct tn_slice value)
{
	tn_buf_slice(out, name);
	tn_buf_str(out, ": ");
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] != '\r' && value.ptr[i] != '\n' &&
		    value.ptr[i] != '\0')
			tn_buf_char(out, value.ptr[i]);
	}
	tn_buf_str(out, "\r\n");
}

void
tn_http_reply_write(struct tn_buf *out, const struct tn_io_reply *reply,
    const struct tn_http_reply_form *form)
{
	tn_buf_printf(out, "HTTP/1.1 %d %s\r\n", reply->status,
	    phrase_of(reply->status));
	if (form->close)
		tn_buf_str(out, "Connection: close\r\n");
	if (reply->type.len > 0)
		write_header(out, TN_SLICE("Content-Type"), reply->type);
	if (reply->status != 304)
		tn_buf_printf(out, "Content-Length: %zu\r\n", reply->body.len);
	for (size_t i = 0; i < reply->nheaders; i++)
		write_header(out, reply->headers[i].name,
		    reply->headers[i].value);
	tn_buf_str(out, "\r\n");
	if (!form->is_head)
		tn_buf_slice(out, reply->body);
}
