/*
 * JSON becomes MessagePack in two walks over its text. MessagePack says how
 * many items a container has before the first; so the first walk notes that,
 * in the order in which containers open, and the second writes.
 */
#include "config.h"

#include "base/msgpack.h"

#include <msgpack/pack.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/json_text.h"
#include "base/limits.h"

/* ---- the first walk -------------------------------------------------------*/

struct node {
	uint32_t count;		/* items of an array, pairs of an object */
	size_t end;		/* behind its closing bracket */
	bool is_placeholder, has_num;
	uint64_t num;
};

struct survey {
	struct node *nodes;	/* in the order in which they open */
	size_t n, cap;
	size_t open[TN_LIMIT_JSON_DEPTH];
	size_t depth;
	bool was_comma;		/* so the next token begins an item */
};

static size_t
string_end(struct tn_slice json, size_t at)
{
	for (at++; at < json.len && json.ptr[at] != '"'; at++)
		at += json.ptr[at] == '\\';
	return at < json.len ? at + 1 : json.len;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
word_end(struct tn_slice json, size_t at)
{
	while (at < json.len && strchr(",:]}", json.ptr[at]) == NULL &&
	    !is_space(json.ptr[at]))
		at++;
	return at;
}

static size_t
skip_space(struct tn_slice json, size_t at)
{
	while (at < json.len && is_space(json.ptr[at]))
		at++;
	return at;
}

static struct tn_slice
between(struct tn_slice json, size_t from, size_t to)
{
	return tn_slice(json.ptr + from, to - from);
}

static bool
open_node(struct survey *s)
{
	size_t cap = s->cap == 0 ? 16 : s->cap * 2;
	struct node *nodes;

	if (s->depth == TN_LIMIT_JSON_DEPTH)
		return false;
	if (s->n == s->cap) {
		nodes = realloc(s->nodes, cap * sizeof(*nodes));
		if (nodes == NULL)
			return false;
		s->nodes = nodes;
		s->cap = cap;
	}
	s->nodes[s->n] = (struct node){ 0 };
	s->open[s->depth++] = s->n++;
	s->was_comma = true;
	return true;
}

/* If this string is a key, what does it say of its object? */
static void
note_key(struct node *node, struct tn_slice json, size_t from, size_t to)
{
	struct tn_slice key = between(json, from, to), value;
	size_t at = skip_space(json, to);
	int64_t num;

	if (at == json.len || json.ptr[at] != ':')
		return;
	at = skip_space(json, at + 1);
	value = between(json, at, word_end(json, at));
	if (tn_json_string_is(key, TN_SLICE("_placeholder"))) {
		node->is_placeholder = tn_slice_is(value, "true");
	} else if (tn_json_string_is(key, TN_SLICE("num"))) {
		node->has_num = tn_json_i64(value, &num) && num >= 0;
		node->num = node->has_num ? (uint64_t)num : 0;
	}
}

static void
count_item(struct survey *s)
{
	if (s->depth > 0 && s->was_comma)
		s->nodes[s->open[s->depth - 1]].count++;
	s->was_comma = false;
}

static bool
survey(struct survey *s, struct tn_slice json)
{
	size_t at = 0, end;

	while ((at = skip_space(json, at)) < json.len) {
		switch (json.ptr[at]) {
		case '[':
		case '{':
			count_item(s);
			if (!open_node(s))
				return false;
			at++;
			break;
		case ']':
		case '}':
			if (s->depth == 0)
				return false;
			s->nodes[s->open[--s->depth]].end = ++at;
			s->was_comma = false;
			break;
		case ',':
			s->was_comma = true;
			at++;
			break;
		case ':':
			at++;
			break;
		case '"':
			end = string_end(json, at);
			count_item(s);
			if (s->depth > 0)
				note_key(&s->nodes[s->open[s->depth - 1]], json,
				    at, end);
			at = end;
			break;
		default:
			count_item(s);
			end = word_end(json, at);
			at = end > at ? end : at + 1;
			break;
		}
	}
	return s->depth == 0;
}

/* ---- the second walk ------------------------------------------------------*/

static int
append(void *data, const char *bytes, size_t len)
{
	tn_buf_bytes(data, bytes, len);
	return 0;
}

static void
pack_text(msgpack_packer *pk, struct tn_slice text)
{
	msgpack_pack_str(pk, text.len);
	msgpack_pack_str_body(pk, text.ptr, text.len);
}

/* A surrogate alone has no UTF-8; U+FFFD takes its place. */
static void
pack_escaped(msgpack_packer *pk, struct tn_slice inside)
{
	char *text = malloc(inside.len);
	size_t n = 0;

	if (text == NULL) {
		((struct tn_buf *)pk->data)->failed = TN_E_NOMEM;
		return;
	}
	while (inside.len > 0) {
		uint32_t point = tn_json_point(&inside);

		if (point >= 0xd800 && point <= 0xdfff)
			point = 0xfffd;
		n += tn_json_put_point(text + n, point);
	}
	pack_text(pk, tn_slice(text, n));
	free(text);
}

static void
pack_string(msgpack_packer *pk, struct tn_slice raw)
{
	struct tn_slice inside = tn_slice(raw.ptr + 1, raw.len - 2);

	if (tn_slice_find(inside, '\\') < 0)
		pack_text(pk, inside);
	else
		pack_escaped(pk, inside);
}

static bool
pack_decimal(msgpack_packer *pk, struct tn_slice text)
{
	char copy[64], *long_copy = NULL;
	double d;

	if (text.len >= sizeof(copy)) {
		long_copy = malloc(text.len + 1);
		if (long_copy == NULL)
			return false;
	}
	memcpy(long_copy != NULL ? long_copy : copy, text.ptr, text.len);
	(long_copy != NULL ? long_copy : copy)[text.len] = '\0';
	d = strtod(long_copy != NULL ? long_copy : copy, NULL);
	free(long_copy);
	if (d >= -9007199254740992.0 && d <= 9007199254740992.0 &&
	    d == (double)(int64_t)d)
		msgpack_pack_int64(pk, (int64_t)d);
	else
		msgpack_pack_double(pk, d);
	return true;
}

static void
pack_number(msgpack_packer *pk, struct tn_slice text)
{
	int64_t i;
	uint64_t u;

	if (tn_json_i64(text, &i))
		msgpack_pack_int64(pk, i);
	else if (tn_slice_u64(text, &u))
		msgpack_pack_uint64(pk, u);
	else if (!pack_decimal(pk, text))
		((struct tn_buf *)pk->data)->failed = TN_E_NOMEM;
}

static void
pack_word(msgpack_packer *pk, struct tn_slice word)
{
	switch (word.len == 0 ? 'n' : word.ptr[0]) {
	case 'n':
		msgpack_pack_nil(pk);
		break;
	case 't':
		msgpack_pack_true(pk);
		break;
	case 'f':
		msgpack_pack_false(pk);
		break;
	default:
		pack_number(pk, word);
		break;
	}
}

struct source {
	struct tn_slice json;
	const struct tn_slice *buffers;
	size_t nbuffers;
};

/* Where to go on: behind the bracket, or behind a whole placeholder. */
static size_t
pack_container(msgpack_packer *pk, const struct source *from,
    const struct node *node, size_t at, size_t *skip)
{
	if (node->is_placeholder && node->has_num &&
	    node->num < from->nbuffers) {
		struct tn_slice bytes = from->buffers[node->num];

		msgpack_pack_bin(pk, bytes.len);
		msgpack_pack_bin_body(pk, bytes.ptr, bytes.len);
		*skip = node->end;
		return node->end;
	}
	if (from->json.ptr[at] == '[')
		msgpack_pack_array(pk, node->count);
	else
		msgpack_pack_map(pk, node->count);
	return at + 1;
}

static void
pack_all(msgpack_packer *pk, const struct source *from, const struct survey *s)
{
	size_t at = 0, next = 0, end, skip = 0;

	while (at < from->json.len) {
		switch (from->json.ptr[at]) {
		case '[':
		case '{':
			at = pack_container(pk, from, &s->nodes[next++], at,
			    &skip);
			/* what a placeholder holds was surveyed as well */
			while (at == skip && next < s->n &&
			    s->nodes[next].end < skip)
				next++;
			break;
		case '"':
			end = string_end(from->json, at);
			pack_string(pk, between(from->json, at, end));
			at = end;
			break;
		case ']': case '}': case ',': case ':':
		case ' ': case '\t': case '\n': case '\r':
			at++;
			break;
		default:
			end = word_end(from->json, at);
			pack_word(pk, between(from->json, at, end));
			at = end > at ? end : at + 1;
			break;
		}
	}
}

void
tn_msgpack_write(struct tn_buf *out, struct tn_slice json,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct source from = { json, buffers, nbuffers };
	struct survey s = { .was_comma = false };
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	if (survey(&s, json))
		pack_all(&pk, &from, &s);
	else if (out->failed == 0)
		out->failed = TN_E_NOMEM;
	free(s.nodes);
}

/* ---- one thing after the other --------------------------------------------*/

void
tn_mp_put_map(struct tn_buf *out, size_t pairs)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	msgpack_pack_map(&pk, pairs);
}

void
tn_mp_put_array(struct tn_buf *out, size_t items)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	msgpack_pack_array(&pk, items);
}

void
tn_mp_put_text(struct tn_buf *out, struct tn_slice text)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	pack_text(&pk, text);
}

void
tn_mp_put_uint(struct tn_buf *out, uint64_t n)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	msgpack_pack_uint64(&pk, n);
}

void
tn_mp_put_bool(struct tn_buf *out, bool on)
{
	tn_buf_char(out, (char)(on ? 0xc3 : 0xc2));
}

void
tn_mp_put_nil(struct tn_buf *out)
{
	tn_buf_char(out, (char)0xc0);
}
