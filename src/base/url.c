#include "config.h"

#include "base/url.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/utf8.h"

static bool
is_kept(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("-_.!~*'()", c) != NULL);
}

void
tn_url_encode(struct tn_buf *out, struct tn_slice in)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.ptr[i];

		if (is_kept(in.ptr[i]))
			tn_buf_char(out, in.ptr[i]);
		else
			tn_buf_bytes(out,
			    (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
	}
}

/* Decode into room for in.len bytes. Returns false for a bad escape. */
static bool
decode(char *to, struct tn_slice in, bool plus_is_space, size_t *len)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];

		if (c == '+' && plus_is_space) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < in.len ? tn_hex_digit(in.ptr[i + 1]) :
			    -1;
			int low = high < 0 ? -1 : tn_hex_digit(in.ptr[i + 2]);

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		to[n++] = c;
	}
	*len = n;
	return true;
}

static int
bad_escape(struct tn_err *err)
{
	return tn_err_set(err, TN_E_SYNTAX, "%% without two hex digits");
}

int
tn_url_decode(struct tn_buf *out, struct tn_slice in, bool plus_is_space,
    struct tn_err *err)
{
	char *to = tn_buf_room(out, in.len);
	size_t n;

	if (to == NULL)
		return tn_err_set(err, out->failed, "encoded text: %s",
		    tn_err_name(out->failed));
	if (!decode(to, in, plus_is_space, &n))
		return bad_escape(err);
	out->len += n;
	return 0;
}

static int
form_text(struct tn_slice in, struct tn_arena *arena, struct tn_slice *out,
    struct tn_err *err)
{
	char *to = tn_arena_alloc(arena, in.len + 1);
	size_t n;

	if (to == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for form data");
	if (!decode(to, in, true, &n))
		return bad_escape(err);
	*out = tn_slice(to, n);
	if (!tn_utf8_valid(*out) || tn_slice_find(*out, '\0') >= 0)
		return tn_err_set(err, TN_E_SYNTAX,
		    "form data is not text in UTF-8");
	to[n] = '\0';
	return 0;
}

int
tn_url_form(struct tn_slice in, struct tn_arena *arena,
    struct tn_pair *out, size_t cap, size_t *n, struct tn_err *err)
{
	*n = 0;
	while (in.ptr != NULL) {
		struct tn_slice value = tn_slice_cut(&in, '&');
		struct tn_slice name;
		int rc;

		if (value.len == 0)
			continue;
		if (*n == cap)
			return tn_err_set(err, TN_E_LIMIT,
			    "more than %zu fields", cap);
		name = tn_slice_cut(&value, '=');
		rc = form_text(name, arena, &out[*n].name, err);
		if (rc == 0)
			rc = form_text(value, arena, &out[*n].value, err);
		if (rc != 0)
			return rc;
		++*n;
	}
	return 0;
}

struct tn_slice
tn_pair_last(const struct tn_pair *pairs, size_t n, const char *name)
{
	while (n-- > 0) {
		if (tn_slice_is(pairs[n].name, name))
			return pairs[n].value;
	}
	return TN_SLICE_NONE;
}
