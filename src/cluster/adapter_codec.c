/*
 * JSON becomes MessagePack in two walks over its text. MessagePack says how
 * many items a container has before the first; so the first walk notes that,
 * in the order in which containers open, and the second writes.
 */
#include "config.h"

#include "cluster/adapter_codec.h"

#include <msgpack/pack.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "cluster/msgpack_read.h"

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

static void
pack_key(msgpack_packer *pk, const char *key)
{
	pack_text(pk, tn_slice_str(key));
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

/* ---- messages -------------------------------------------------------------*/

static void
pack_rooms(msgpack_packer *pk, const char *key, const struct tn_slice *rooms,
    size_t n)
{
	pack_key(pk, key);
	msgpack_pack_array(pk, n);
	for (size_t i = 0; i < n; i++)
		pack_text(pk, rooms[i]);
}

static void
pack_packet(msgpack_packer *pk, struct tn_buf *out,
    const struct tn_broadcast_packet *p, struct tn_slice nsp)
{
	msgpack_pack_map(pk, nsp.ptr != NULL ? 3 : 2);
	pack_key(pk, "type");
	msgpack_pack_int(pk, 2);
	pack_key(pk, "data");
	tn_msgpack_write(out, p->data, p->buffers, p->nbuffers);
	if (nsp.ptr == NULL)
		return;
	pack_key(pk, "nsp");
	pack_text(pk, nsp);
}

static void
pack_opts(msgpack_packer *pk, const struct tn_broadcast_packet *p,
    int timeout_ms)
{
	msgpack_pack_map(pk, 3);
	pack_rooms(pk, "rooms", p->rooms, p->nrooms);
	pack_rooms(pk, "except", p->except, p->nexcept);
	pack_key(pk, "flags");
	msgpack_pack_map(pk, (size_t)p->is_volatile + (size_t)p->is_plain +
	    (timeout_ms > 0 ? 1 : 0));
	if (p->is_volatile) {
		pack_key(pk, "volatile");
		msgpack_pack_true(pk);
	}
	if (p->is_plain) {
		pack_key(pk, "compress");
		msgpack_pack_false(pk);
	}
	if (timeout_ms > 0) {
		pack_key(pk, "timeout");
		msgpack_pack_int(pk, timeout_ms);
	}
}

void
tn_adapter_write_broadcast(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice nsp, const struct tn_broadcast_packet *p)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	msgpack_pack_array(&pk, 3);
	pack_text(&pk, uid);
	pack_packet(&pk, out, p, nsp);
	pack_opts(&pk, p, 0);
}

void
tn_adapter_write_ack_request(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice request_id, struct tn_slice nsp,
    const struct tn_broadcast_packet *packet, int timeout_ms)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	msgpack_pack_map(&pk, 5);
	pack_key(&pk, "uid");
	pack_text(&pk, uid);
	pack_key(&pk, "requestId");
	pack_text(&pk, request_id);
	pack_key(&pk, "type");
	msgpack_pack_int(&pk, 7);
	pack_key(&pk, "packet");
	pack_packet(&pk, out, packet, nsp);
	pack_key(&pk, "opts");
	pack_opts(&pk, packet, timeout_ms);
}

static void
pack_sender(msgpack_packer *pk, const struct tn_sharded_packed *m)
{
	pack_key(pk, "uid");
	pack_text(pk, m->uid);
	pack_key(pk, "nsp");
	pack_text(pk, m->nsp);
}

static void
begin_sharded(msgpack_packer *pk, int type, size_t members)
{
	msgpack_pack_map(pk, 4);
	pack_key(pk, "type");
	msgpack_pack_int(pk, type);
	pack_key(pk, "data");
	msgpack_pack_map(pk, members);
}

void
tn_sharded_write_broadcast(struct tn_buf *out,
    const struct tn_sharded_packed *m)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	begin_sharded(&pk, 3, m->request_id.ptr == NULL ? 2 : 3);
	pack_key(&pk, "packet");
	pack_packet(&pk, out, m->packet, TN_SLICE_NONE);
	if (m->request_id.ptr != NULL) {
		pack_key(&pk, "requestId");
		pack_text(&pk, m->request_id);
	}
	pack_key(&pk, "opts");
	pack_opts(&pk, m->packet, m->timeout_ms);
	pack_sender(&pk, m);
}

void
tn_sharded_write_ack(struct tn_buf *out, const struct tn_sharded_packed *m)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	begin_sharded(&pk, 12, 2);
	pack_key(&pk, "requestId");
	pack_text(&pk, m->request_id);
	pack_key(&pk, "packet");
	if (m->value.len == 0)
		msgpack_pack_nil(&pk);
	else
		tn_msgpack_write(out, m->value, m->buffers, m->nbuffers);
	pack_sender(&pk, m);
}

void
tn_adapter_write_ack(struct tn_buf *out, struct tn_slice request_id,
    struct tn_slice value, const struct tn_slice *buffers, size_t nbuffers)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, append);
	msgpack_pack_map(&pk, 3);
	pack_key(&pk, "type");
	msgpack_pack_int(&pk, 9);
	pack_key(&pk, "requestId");
	pack_text(&pk, request_id);
	pack_key(&pk, "packet");
	if (value.len == 0)
		msgpack_pack_nil(&pk);
	else
		tn_msgpack_write(out, value, buffers, nbuffers);
}
