#include "config.h"

#include "base/json.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json_text.h"
#include "base/utf8.h"

/* ---- escapes --------------------------------------------------------------*/

/* Four digits behind "\u" at the front of s. */
static bool
read_unit(struct tn_slice s, uint32_t *unit)
{
	uint32_t sum = 0;

	if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
		return false;
	for (int i = 2; i < 6; i++) {
		int digit = tn_hex_digit(s.ptr[i]);

		if (digit < 0)
			return false;
		sum = sum << 4 | (uint32_t)digit;
	}
	*unit = sum;
	return true;
}

static uint32_t
read_escape(struct tn_slice *rest)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	uint32_t unit, low;
	const char *found;
	char c;

	if (read_unit(*rest, &unit)) {
		*rest = tn_slice_after(*rest, 6);
		if (unit < 0xd800 || unit > 0xdbff || !read_unit(*rest, &low) ||
		    low < 0xdc00 || low > 0xdfff)
			return unit;
		*rest = tn_slice_after(*rest, 6);
		return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
	}
	c = rest->len > 1 ? rest->ptr[1] : '\\';
	*rest = tn_slice_after(*rest, 2);
	found = c == '\0' ? NULL : strchr(from, c);
	return found == NULL ? (unsigned char)c :
	    (unsigned char)to[found - from];
}

uint32_t
tn_json_point(struct tn_slice *rest)
{
	return rest->ptr[0] == '\\' ? read_escape(rest) : tn_utf8_next(rest);
}

bool
tn_json_same_text(struct tn_slice a, struct tn_slice b)
{
	while (a.len > 0 && b.len > 0) {
		if (tn_json_point(&a) != tn_json_point(&b))
			return false;
	}
	return a.len == 0 && b.len == 0;
}

size_t
tn_json_put_point(char *to, uint32_t point)
{
	if (point < 0x80) {
		to[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = (char)(0xc0 | point >> 6);
		to[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		to[0] = (char)(0xe0 | point >> 12);
		to[1] = (char)(0x80 | (point >> 6 & 0x3f));
		to[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | point >> 18);
	to[1] = (char)(0x80 | (point >> 12 & 0x3f));
	to[2] = (char)(0x80 | (point >> 6 & 0x3f));
	to[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* ---- walking --------------------------------------------------------------*/

static struct tn_slice
skip_space(struct tn_slice s)
{
	while (s.len > 0 && TN_JSON_SPACE(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	return s;
}

/* Bytes of the string that s begins with, quotes and all; 0 if cut short. */
static size_t
string_length(struct tn_slice s)
{
	size_t from = 1;

	while (from < s.len) {
		const char *quote = memchr(s.ptr + from, '"', s.len - from);
		size_t at, slashes = 0;

		if (quote == NULL)
			return 0;
		at = (size_t)(quote - s.ptr);
		while (at - slashes > from && s.ptr[at - slashes - 1] == '\\')
			slashes++;
		from = at + 1;
		if (slashes % 2 == 0)
			return from;
	}
	return 0;
}

/* Bytes of an array or object, found by counting brackets; 0 if cut short. */
static size_t
nest_length(struct tn_slice s)
{
	size_t depth = 0, i = 0;

	while (i < s.len) {
		switch (s.ptr[i]) {
		case '[':
		case '{':
			depth++;
			break;
		case ']':
		case '}':
			if (--depth == 0)
				return i + 1;
			break;
		case '"': {
			size_t n = string_length(tn_slice_after(s, i));

			if (n == 0)
				return 0;
			i += n;
			continue;
		}
		default:
			break;
		}
		i++;
	}
	return 0;
}

static size_t
word_length(struct tn_slice s)
{
	size_t n = 0;

	while (n < s.len && !TN_JSON_SPACE(s.ptr[n]) && s.ptr[n] != ',' &&
	    s.ptr[n] != ']' && s.ptr[n] != '}' && s.ptr[n] != ':')
		n++;
	return n;
}

/* Cut one value off the front of *rest. */
static bool
cut_value(struct tn_slice *rest, struct tn_slice *value)
{
	struct tn_slice s = skip_space(*rest);
	size_t n;

	if (s.len == 0)
		return false;
	if (s.ptr[0] == '"')
		n = string_length(s);
	else if (s.ptr[0] == '[' || s.ptr[0] == '{')
		n = nest_length(s);
	else
		n = word_length(s);
	if (n == 0)
		return false;
	*value = tn_slice_first(s, n);
	*rest = tn_slice_after(s, n);
	return true;
}

/*
 * Move *rest to the next item: behind the opening bracket at first, behind a
 * comma later. What remains never begins with an opening bracket, which is
 * how the two are told apart.
 */
static bool
enter_item(struct tn_slice *rest, char opening, char closing)
{
	struct tn_slice s = skip_space(*rest);
	bool is_first = s.len > 0 && s.ptr[0] == opening;

	*rest = TN_SLICE_NONE;
	if (s.len == 0 || (!is_first && s.ptr[0] != ','))
		return false;
	s = skip_space(tn_slice_after(s, 1));
	if (s.len == 0 || s.ptr[0] == closing)
		return false;
	*rest = s;
	return true;
}

enum tn_json_type
tn_json_type(struct tn_slice value)
{
	value = skip_space(value);
	switch (value.len == 0 ? 'n' : value.ptr[0]) {
	case '{': return TN_JSON_OBJECT;
	case '[': return TN_JSON_ARRAY;
	case '"': return TN_JSON_STRING;
	case 't': return TN_JSON_TRUE;
	case 'f': return TN_JSON_FALSE;
	case 'n': return TN_JSON_NULL;
	default:  return TN_JSON_NUMBER;
	}
}

bool
tn_json_element(struct tn_slice *rest, struct tn_slice *value)
{
	if (enter_item(rest, '[', ']') && cut_value(rest, value))
		return true;
	*rest = TN_SLICE_NONE;
	return false;
}

bool
tn_json_member(struct tn_slice *rest, struct tn_slice *key,
    struct tn_slice *value)
{
	if (enter_item(rest, '{', '}') && rest->ptr[0] == '"' &&
	    cut_value(rest, key)) {
		*rest = skip_space(*rest);
		if (rest->len > 0 && rest->ptr[0] == ':') {
			*rest = tn_slice_after(*rest, 1);
			if (cut_value(rest, value))
				return true;
		}
	}
	*rest = TN_SLICE_NONE;
	return false;
}

bool
tn_json_get(struct tn_slice object, const char *name,
    struct tn_slice *value)
{
	struct tn_slice wanted = tn_slice_str(name), key, found;

	while (tn_json_member(&object, &key, &found)) {
		if (tn_json_string_is(key, wanted)) {
			*value = found;
			return true;
		}
	}
	return false;
}

/* ---- decoding -------------------------------------------------------------*/

static bool
inside_quotes(struct tn_slice raw, struct tn_slice *inside)
{
	if (raw.len < 2 || raw.ptr[0] != '"' || raw.ptr[raw.len - 1] != '"')
		return false;
	*inside = tn_slice(raw.ptr + 1, raw.len - 2);
	return true;
}

bool
tn_json_string_is(struct tn_slice raw, struct tn_slice text)
{
	struct tn_slice s;

	/* An escape is longer than what it stands for. */
	if (!inside_quotes(raw, &s) || s.len < text.len)
		return false;
	if (s.len == text.len)
		return tn_slice_eq(s, text) && tn_slice_find(s, '\\') < 0;
	if (tn_slice_find(s, '\\') < 0)
		return false;
	while (s.len > 0 && text.len > 0) {
		if (tn_json_point(&s) != tn_utf8_next(&text))
			return false;
	}
	return s.len == 0 && text.len == 0;
}

int
tn_json_string_which(struct tn_slice raw, const struct tn_slice *texts, int n)
{
	struct tn_slice s;
	bool is_plain = inside_quotes(raw, &s) && tn_slice_find(s, '\\') < 0;

	for (int i = 0; i < n; i++) {
		if (is_plain ? tn_slice_eq(s, texts[i]) :
		    tn_json_string_is(raw, texts[i]))
			return i;
	}
	return -1;
}

int
tn_json_string(struct tn_slice raw, struct tn_arena *arena,
    struct tn_slice *out, struct tn_err *err)
{
	struct tn_slice s;
	size_t n = 0;
	char *to;

	if (!inside_quotes(raw, &s))
		return tn_err_set(err, TN_E_TYPE, "not a JSON string");
	if (tn_slice_find(s, '\\') < 0) {
		*out = s;
		return 0;
	}
	to = tn_arena_alloc(arena, s.len + 1);
	if (to == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a string");
	while (s.len > 0) {
		uint32_t point = tn_json_point(&s);

		if (point == 0 || (point >= 0xd800 && point <= 0xdfff))
			return tn_err_set(err, TN_E_SYNTAX,
			    "a string with U+%04X has no UTF-8", point);
		n += tn_json_put_point(to + n, point);
	}
	*out = tn_slice(to, n);
	return 0;
}

bool
tn_json_i64(struct tn_slice value, int64_t *out)
{
	bool is_negative = value.len > 0 && value.ptr[0] == '-';
	struct tn_slice digits = tn_slice_after(value, is_negative ? 1 : 0);
	uint64_t n;

	if (!tn_slice_u64(digits, &n) ||
	    (digits.len > 1 && digits.ptr[0] == '0') ||
	    n > (uint64_t)INT64_MAX + is_negative)
		return false;
	if (is_negative)
		*out = n == 0 ? 0 : -(int64_t)(n - 1) - 1;
	else
		*out = (int64_t)n;
	return true;
}

/* ---- writing --------------------------------------------------------------*/

static void
write_escape(struct tn_buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char short_form[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',
		['\r'] = 'r', ['\t'] = 't',
	};

	if (c >= 0x20 || short_form[c] != '\0')
		tn_buf_bytes(out, (char[]){ '\\', c >= 0x20 ? (char)c :
		    short_form[c] }, 2);
	else
		tn_buf_bytes(out, (char[]){ '\\', 'u', '0', '0', hex[c >> 4],
		    hex[c & 15] }, 6);
}

void
tn_json_write_string(struct tn_buf *out, struct tn_slice text)
{
	size_t from = 0;

	tn_buf_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		tn_buf_bytes(out, text.ptr + from, i - from);
		write_escape(out, c);
		from = i + 1;
	}
	if (text.len > from)
		tn_buf_bytes(out, text.ptr + from, text.len - from);
	tn_buf_char(out, '"');
}
