/*
 * "attachment; filename=..." with the results of npm's content-disposition.
 * Source: RFC 6266, RFC 8187.
 */
#include "config.h"

#include "web/head.h"

#include "base/arena.h"
#include "web/mime.h"
#include "web/request.h"

static bool
is_plain(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return false;
		if (s.ptr[i] == '%' && i + 2 < s.len &&
		    tn_hex_digit(s.ptr[i + 1]) >= 0 &&
		    tn_hex_digit(s.ptr[i + 2]) >= 0)
			return false;
	}
	return true;
}

/* In ASCII: a '?' for each UTF-16 unit of what is none, as JavaScript does. */
static void
write_ascii(struct tn_buf *out, struct tn_slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if (c >= 0x20 && c <= 0x7e) {
			if (c == '"' || c == '\\')
				tn_buf_char(out, '\\');
			tn_buf_char(out, name.ptr[i]);
		} else if (c < 0x80 || c >= 0xc0) {
			tn_buf_str(out, c >= 0xf0 ? "??" : "?");
		}
	}
}

static void
write_extended(struct tn_buf *out, struct tn_slice name)
{
	static const char hex[] = "0123456789ABCDEF";

	tn_buf_str(out, "UTF-8''");
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') ||
		    (c != '\0' && strchr("-_.!~", c) != NULL))
			tn_buf_char(out, name.ptr[i]);
		else
			tn_buf_bytes(out,
			    (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
	}
}

void
tn_content_disposition(struct tn_buf *out, struct tn_slice name)
{
	name = tn_slice_after(name, (size_t)(tn_slice_rfind(name, '/') + 1));
	tn_buf_str(out, "attachment");
	if (name.len == 0)
		return;
	tn_buf_str(out, "; filename=");
	if (tn_slice_is_token(name)) {
		tn_buf_slice(out, name);
	} else {
		tn_buf_char(out, '"');
		write_ascii(out, name);
		tn_buf_char(out, '"');
	}
	if (is_plain(name))
		return;
	tn_buf_str(out, "; filename*=");
	write_extended(out, name);
}

/* Express's: by an ending of the last part; ".name" is none. */
static const char *
type_of(struct tn_slice name)
{
	name = tn_slice_after(name, (size_t)(tn_slice_rfind(name, '/') + 1));
	return tn_slice_rfind(name, '.') > 0 ? tn_mime_of_path(name) :
	    "application/octet-stream";
}

void
tn_res_save_as(struct tn_res *res, struct tn_slice name)
{
	struct tn_buf *text = &res->out;	/* free until the head */

	tn_buf_reset(text);
	tn_content_disposition(text, name);
	tn_res_set_built(res, "Content-Disposition", text);
}

void
tn_res_attachment(struct tn_res *res, struct tn_slice name)
{
	tn_res_save_as(res, name);
	if (name.len > 0 && tn_res_get(res, "Content-Type").ptr == NULL)
		tn_res_type(res, type_of(name));
}
