#include "config.h"

#include "io/eio3_packet.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/rcbuf.h"
#include "base/utf8.h"

enum {
	LENGTH_DIGITS = 10,
	KIND_TEXT = 0,
	KIND_BINARY = 1,
	LENGTH_END = 0xff,
};

/* ---- One packet ---------------------------------------------------------- */

static int
set_type(struct tn_eio_packet *out, unsigned char c, unsigned char zero,
    struct tn_err *err)
{
	if (c < zero || c >= zero + TN_EIO_TYPES)
		return tn_err_set(err, TN_E_SYNTAX, "unknown packet type");
	out->type = (enum tn_eio_type)(c - zero);
	return 0;
}

static int
read_base64(struct tn_slice text, struct tn_buf *scratch,
    struct tn_eio_packet *out, struct tn_err *err)
{
	int r;

	if (text.len == 0)
		return tn_err_set(err, TN_E_SYNTAX, "base64 without a type");
	tn_buf_reset(scratch);
	r = tn_base64_decode(scratch, tn_slice_after(text, 1), err);
	if (r < 0)
		return r;
	*out = (struct tn_eio_packet){
		.binary = true,
		.data = tn_buf_view(scratch),
	};
	return set_type(out, (unsigned char)text.ptr[0], '0', err);
}

int
tn_eio3_packet_read(struct tn_slice bytes, bool binary, struct tn_buf *scratch,
    struct tn_eio_packet *out, struct tn_err *err)
{
	if (bytes.len == 0)
		return tn_err_set(err, TN_E_SYNTAX, "empty packet");
	if (!binary && bytes.ptr[0] == 'b')
		return read_base64(tn_slice_after(bytes, 1), scratch, out, err);
	*out = (struct tn_eio_packet){
		.binary = binary,
		.data = tn_slice_after(bytes, 1),
	};
	return set_type(out, (unsigned char)bytes.ptr[0], binary ? 0 : '0',
	    err);
}

/* ---- Payloads, read ------------------------------------------------------ */

/* Decimal digits up to end, each less by zero; the digits and end are cut. */
static bool
cut_length(struct tn_slice *rest, char zero, char end, size_t *len)
{
	size_t n = 0, at = 0;

	for (; at < rest->len && rest->ptr[at] != end; at++) {
		unsigned digit = (unsigned char)(rest->ptr[at] - zero);

		if (digit > 9 || at == LENGTH_DIGITS)
			return false;
		n = n * 10 + digit;
	}
	if (at == 0 || at == rest->len)
		return false;
	*rest = tn_slice_after(*rest, at + 1);
	*len = n;
	return true;
}

/* Bytes of the first so many UTF-16 units; false if no such point is in s. */
static bool
units_to_bytes(struct tn_slice s, size_t units, size_t *bytes)
{
	size_t at = 0;

	while (units > 0) {
		size_t n = tn_utf8_length(tn_slice_after(s, at));
		size_t weight = n == 4 ? 2 : 1;

		if (n == 0 || weight > units)
			return false;
		units -= weight;
		at += n;
	}
	*bytes = at;
	return true;
}

int
tn_eio3_text_cut(struct tn_slice *rest, struct tn_slice *packet,
    struct tn_err *err)
{
	size_t units, bytes;

	if (rest->len == 0)
		return 0;
	if (!cut_length(rest, '0', ':', &units))
		return tn_err_set(err, TN_E_SYNTAX, "no length of a packet");
	if (!units_to_bytes(*rest, units, &bytes))
		return tn_err_set(err, TN_E_SYNTAX, "wrong length of a packet");
	*packet = tn_slice_first(*rest, bytes);
	*rest = tn_slice_after(*rest, bytes);
	return 1;
}

int
tn_eio3_bytes_cut(struct tn_slice *rest, struct tn_slice *packet, bool *binary,
    struct tn_err *err)
{
	size_t len;

	if (rest->len == 0)
		return 0;
	if (rest->ptr[0] != KIND_TEXT && rest->ptr[0] != KIND_BINARY)
		return tn_err_set(err, TN_E_SYNTAX, "unknown kind of packet");
	*binary = rest->ptr[0] == KIND_BINARY;
	*rest = tn_slice_after(*rest, 1);
	if (!cut_length(rest, 0, (char)LENGTH_END, &len))
		return tn_err_set(err, TN_E_SYNTAX, "no length of a packet");
	if (len > rest->len)
		return tn_err_set(err, TN_E_SYNTAX, "wrong length of a packet");
	*packet = tn_slice_first(*rest, len);
	*rest = tn_slice_after(*rest, len);
	if (!*binary && !tn_utf8_valid(*packet))
		return tn_err_set(err, TN_E_SYNTAX, "text that is no UTF-8");
	return 1;
}

/* ---- Payloads, written --------------------------------------------------- */

/* Of valid UTF-8: a code point of four bytes is a pair of surrogates. */
static size_t
utf16_units(struct tn_slice s)
{
	size_t n = tn_utf8_count(s);

	for (size_t i = 0; i < s.len; i++)
		n += (unsigned char)s.ptr[i] >= 0xf0;
	return n;
}

void
tn_eio3_text_add(struct tn_buf *out, const struct tn_rcbuf *packet)
{
	struct tn_slice text = tn_rcbuf_payload(packet);

	tn_buf_u64(out, utf16_units(text));
	tn_buf_char(out, ':');
	tn_buf_slice(out, text);
}

void
tn_eio3_bytes_add(struct tn_buf *out, const struct tn_rcbuf *packet)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%zu", packet->len);

	tn_buf_char(out, packet->binary ? KIND_BINARY : KIND_TEXT);
	for (int i = 0; i < n; i++)
		tn_buf_char(out, (char)(digits[i] - '0'));
	tn_buf_char(out, (char)LENGTH_END);
	tn_buf_slice(out, tn_rcbuf_payload(packet));
}
