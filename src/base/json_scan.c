/*
 * The scan keeps no tree, only a stack of what is open. It is one loop over
 * five expectations, so depth costs four bytes a level and no C stack.
 *
 * Keys of an object are compared with each other as long as they are few;
 * the scan remembers where they stand. At the next one the object moves to a
 * hashed table, shared by all such objects: a key is stored there as the
 * object's number followed by the decoded text. So the work stays in
 * proportion to the bytes, however the keys are chosen.
 */
#include "config.h"

#include "base/json.h"

#include "base/err.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/utf8.h"

enum {
	MAX_DEPTH = 255,	/* ceiling of limits->depth */
	FEW_KEYS = 16,
};

enum expected { VALUE, FIRST_ITEM, FIRST_KEY, KEY, AFTER_VALUE, DONE };

struct key {
	uint32_t at;
	uint32_t len : 31;	/* without the quotes */
	uint32_t has_escape : 1;
};

struct frame {
	bool is_object;
	unsigned keys;		/* seen so far */
	unsigned first;		/* where in scan.keys they begin */
	unsigned number;	/* of the object, in order of opening */
};

struct scan {
	const char *text;
	const char *p;
	const char *end;
	int failed;		/* 0 or TN_E_*; then why says what */
	const char *why;
	unsigned max_depth;
	unsigned max_items;
	unsigned depth;
	unsigned items;
	unsigned objects;
	struct tn_map many;	/* keys of the objects with more than a few */
	struct frame frames[MAX_DEPTH];
	struct key keys[MAX_DEPTH * FEW_KEYS];
};

static int
fail(struct scan *s, int code, const char *why)
{
	s->failed = code;
	s->why = why;
	return DONE;
}

static int
refuse(struct scan *s, const char *why)
{
	return fail(s, TN_E_SYNTAX, why);
}

static void
skip_space(struct scan *s)
{
	while (s->p < s->end && TN_JSON_SPACE(*s->p))
		s->p++;
}

static bool
is_digit(const struct scan *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

/* ---- strings --------------------------------------------------------------*/

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * Is any of eight bytes a control, a quote, a backslash or above 0x7f? The
 * usual trick of borrows: a byte below n lends its top bit from n's.
 */
static bool
has_special(uint64_t v)
{
	uint64_t quote = v ^ EACH(0x22), slash = v ^ EACH(0x5c);
	uint64_t low = (v - EACH(0x20)) | (quote - EACH(1)) |
	    (slash - EACH(1));

	return ((low | v) & EACH(0x80)) != 0;
}

static void
skip_plain(struct scan *s)
{
	const char *p = s->p;
	uint64_t eight;

	while (s->end - p >= (ptrdiff_t)sizeof(eight)) {
		memcpy(&eight, p, sizeof(eight));
		if (has_special(eight))
			break;
		p += sizeof(eight);
	}
	while (p < s->end && (unsigned char)*p >= 0x20 &&
	    (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	s->p = p;
}

/* At a backslash. */
static bool
scan_escape(struct scan *s)
{
	const char *p = s->p + 1;

	if (p == s->end)
		return false;
	if (*p != 'u') {
		s->p = p + 1;
		return *p != '\0' && strchr("\"\\/bfnrt", *p) != NULL;
	}
	if (s->end - p < 5)
		return false;
	s->p = p + 5;
	for (int i = 1; i <= 4; i++)
		if (tn_hex_digit(p[i]) < 0)
			return false;
	return true;
}

/* At the byte behind the first quote. Ends behind the last one. */
static bool
scan_string(struct scan *s, bool *has_escape)
{
	*has_escape = false;
	for (;;) {
		size_t n;

		skip_plain(s);
		if (s->p == s->end)
			return false;
		if (*s->p == '"') {
			s->p++;
			return true;
		}
		if (*s->p == '\\') {
			*has_escape = true;
			if (!scan_escape(s))
				return false;
			continue;
		}
		if ((unsigned char)*s->p < 0x20)
			return false;
		n = tn_utf8_length(tn_slice(s->p, (size_t)(s->end - s->p)));
		if (n == 0)
			return false;
		s->p += n;
	}
}

/* ---- numbers and words ----------------------------------------------------*/

static bool
scan_digits(struct scan *s)
{
	if (!is_digit(s))
		return false;
	while (is_digit(s))
		s->p++;
	return true;
}

static bool
scan_number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (!scan_digits(s))
		return false;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!scan_digits(s))
			return false;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (!scan_digits(s))
			return false;
	}
	return true;
}

static bool
scan_word(struct scan *s, const char *word, size_t len)
{
	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	return true;
}

/* ---- keys -----------------------------------------------------------------*/

static struct tn_slice
key_text(const struct scan *s, struct key key)
{
	return tn_slice(s->text + key.at, key.len);
}

static bool
same_key(const struct scan *s, struct key a, struct key b)
{
	if (a.has_escape || b.has_escape)
		return tn_json_same_text(key_text(s, a), key_text(s, b));
	return a.len == b.len &&
	    memcmp(s->text + a.at, s->text + b.at, a.len) == 0;
}

/* The object's number, then the decoded key: never longer than as sent. */
static bool
build_name(const struct scan *s, unsigned number, struct key key,
    struct tn_buf *name)
{
	struct tn_slice rest = key_text(s, key);
	char *to;

	tn_buf_reset(name);
	to = tn_buf_room(name, sizeof(number) + key.len);
	if (to == NULL)
		return false;
	memcpy(to, &number, sizeof(number));
	to += sizeof(number);
	if (key.has_escape) {
		while (rest.len > 0)
			to += tn_json_put_point(to, tn_json_point(&rest));
	} else if (rest.len > 0) {
		memcpy(to, rest.ptr, rest.len);
		to += rest.len;
	}
	name->len = (size_t)(to - name->ptr);
	return true;
}

static bool
remember(struct scan *s, unsigned number, struct key key)
{
	struct tn_buf name;
	void *old = NULL;
	bool done;

	tn_buf_init(&name, SIZE_MAX);
	done = build_name(s, number, key, &name) &&
	    tn_map_set(&s->many, tn_buf_view(&name), s, &old) == 0;
	tn_buf_fini(&name);
	if (!done)
		fail(s, TN_E_NOMEM, "out of memory");
	else if (old != NULL)
		refuse(s, "duplicate key");
	return done && old == NULL;
}

static bool
add_to_many(struct scan *s, struct frame *f, struct key key)
{
	for (unsigned i = 0; f->keys == FEW_KEYS && i < FEW_KEYS; i++) {
		if (!remember(s, f->number, s->keys[f->first + i]))
			return false;
	}
	f->keys++;
	return remember(s, f->number, key);
}

static bool
add_key(struct scan *s, struct key key)
{
	struct frame *f = &s->frames[s->depth - 1];

	if (f->keys >= FEW_KEYS)
		return add_to_many(s, f, key);
	for (unsigned i = 0; i < f->keys; i++) {
		if (same_key(s, s->keys[f->first + i], key)) {
			refuse(s, "duplicate key");
			return false;
		}
	}
	s->keys[f->first + f->keys++] = key;
	return true;
}

/* ---- structure ------------------------------------------------------------*/

static int
open_frame(struct scan *s, bool is_object)
{
	struct frame *f = &s->frames[s->depth];

	if (s->depth == s->max_depth)
		return fail(s, TN_E_LIMIT, "nested too deep");
	*f = (struct frame){ .is_object = is_object };
	if (is_object) {
		f->first = s->depth * FEW_KEYS;
		f->number = s->objects++;
	}
	s->depth++;
	s->p++;
	return is_object ? FIRST_KEY : FIRST_ITEM;
}

static int
close_frame(struct scan *s)
{
	s->p++;
	s->depth--;
	return s->depth == 0 ? DONE : AFTER_VALUE;
}

static int
on_value(struct scan *s)
{
	const int after = s->depth == 0 ? DONE : AFTER_VALUE;
	bool has_escape;

	if (s->items++ == s->max_items)
		return fail(s, TN_E_LIMIT, "too many values");
	switch (*s->p) {
	case '{':
		return open_frame(s, true);
	case '[':
		return open_frame(s, false);
	case '"':
		s->p++;
		return scan_string(s, &has_escape) ? after :
		    refuse(s, "bad string");
	case 't':
		return scan_word(s, "true", 4) ? after : refuse(s, "bad word");
	case 'f':
		return scan_word(s, "false", 5) ? after : refuse(s, "bad word");
	case 'n':
		return scan_word(s, "null", 4) ? after : refuse(s, "bad word");
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return scan_number(s) ? after : refuse(s, "bad number");
	default:
		return refuse(s, "no value");
	}
}

static int
on_key(struct scan *s)
{
	const char *start = s->p + 1;
	bool has_escape;
	struct key key;

	if (*s->p != '"')
		return refuse(s, "no key");
	s->p++;
	if (!scan_string(s, &has_escape))
		return refuse(s, "bad string");
	key.at = (uint32_t)(start - s->text);
	key.len = (uint32_t)(s->p - 1 - start) & 0x7fffffff;
	key.has_escape = has_escape;
	if (!add_key(s, key))
		return DONE;
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return refuse(s, "no colon after a key");
	s->p++;
	return VALUE;
}

static int
on_separator(struct scan *s)
{
	bool in_object = s->frames[s->depth - 1].is_object;

	if (*s->p == (in_object ? '}' : ']'))
		return close_frame(s);
	if (*s->p != ',')
		return refuse(s, "no comma between values");
	s->p++;
	return in_object ? KEY : VALUE;
}

static int
step(struct scan *s, int expected)
{
	skip_space(s);
	if (s->p == s->end)
		return refuse(s, "cut short");
	switch (expected) {
	case FIRST_ITEM:
		return *s->p == ']' ? close_frame(s) : on_value(s);
	case FIRST_KEY:
		return *s->p == '}' ? close_frame(s) : on_key(s);
	case KEY:
		return on_key(s);
	case AFTER_VALUE:
		return on_separator(s);
	case VALUE:
	default:
		return on_value(s);
	}
}

static void
start(struct scan *s, struct tn_slice text, const struct tn_json_limits *limits)
{
	s->text = s->p = text.ptr == NULL ? "" : text.ptr;
	s->end = s->p + text.len;
	s->failed = 0;
	s->why = NULL;
	s->depth = s->items = s->objects = 0;
	tn_map_init(&s->many);
	s->max_depth = limits != NULL && limits->depth != 0 ? limits->depth :
	    TN_LIMIT_JSON_DEPTH;
	if (s->max_depth > MAX_DEPTH)
		s->max_depth = MAX_DEPTH;
	s->max_items = limits != NULL && limits->items != 0 ? limits->items :
	    TN_LIMIT_JSON_ITEMS;
}

int
tn_json_scan(struct tn_slice text, const struct tn_json_limits *limits,
    struct tn_err *err)
{
	struct scan s;		/* most of keys is never touched */
	int expected = VALUE;

	if (text.len > INT32_MAX)
		return tn_err_set(err, TN_E_LIMIT, "JSON of %zu bytes",
		    text.len);
	start(&s, text, limits);
	while (expected != DONE)
		expected = step(&s, expected);
	skip_space(&s);
	if (s.failed == 0 && s.p != s.end)
		refuse(&s, "something behind the value");
	tn_map_fini(&s.many);
	if (s.failed != 0)
		return tn_err_set(err, s.failed, "JSON, byte %td: %s",
		    s.p - s.text, s.why);
	return 0;
}
