#include "config.h"

#include "io/handshake.h"

#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/url.h"
#include "base/utf8.h"
#include "io/engine.h"

/*
 * bytes: address, target, then each header: its name's place among the known
 * names and one more, or 0 and a text; its value, a text. A text is its
 * length, seven bits a byte, the lowest first, and its bytes. There are as
 * many of these as clients, and most of a head is names.
 */
struct tn_handshake {
	int64_t issued_ms;
	uint32_t address_len, target_len;
	uint16_t nheaders;
	bool secure;
	char bytes[];
};

/* What browsers, other clients and proxies send; fewer than 255. */
static const struct tn_slice known[] = {
	TN_SLICE("host"), TN_SLICE("connection"), TN_SLICE("upgrade"),
	TN_SLICE("cookie"), TN_SLICE("origin"), TN_SLICE("user-agent"),
	TN_SLICE("accept"), TN_SLICE("accept-encoding"),
	TN_SLICE("accept-language"), TN_SLICE("cache-control"),
	TN_SLICE("pragma"), TN_SLICE("referer"), TN_SLICE("sec-websocket-key"),
	TN_SLICE("sec-websocket-version"),
	TN_SLICE("sec-websocket-extensions"),
	TN_SLICE("sec-websocket-protocol"), TN_SLICE("sec-fetch-site"),
	TN_SLICE("sec-fetch-mode"), TN_SLICE("sec-fetch-dest"),
	TN_SLICE("content-type"), TN_SLICE("content-length"),
	TN_SLICE("authorization"), TN_SLICE("x-forwarded-for"),
	TN_SLICE("x-forwarded-proto"), TN_SLICE("x-real-ip"),
	TN_SLICE("x-request-id"), TN_SLICE("forwarded"), TN_SLICE("via"),
	TN_SLICE("dnt"), TN_SLICE("te"),
	TN_SLICE("access-control-request-headers"),
	TN_SLICE("proxy-authorization"),
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

struct cursor {
	const char *at;
	uint16_t left;
};

/* ---- packing --------------------------------------------------------------*/

static void
pack(char **at, struct tn_slice s)
{
	if (s.len > 0)
		memcpy(*at, s.ptr, s.len);
	*at += s.len;
}

static size_t
length_size(size_t len)
{
	size_t n = 1;

	while ((len >>= 7) > 0)
		n++;
	return n;
}

static void
pack_text(char **at, struct tn_slice s)
{
	size_t len = s.len;

	for (; len >= 0x80; len >>= 7)
		*(*at)++ = (char)(len | 0x80);
	*(*at)++ = (char)len;
	pack(at, s);
}

/* One more than its place among the known names; 0: not one of them. */
static unsigned
name_code(struct tn_slice name)
{
	for (unsigned i = 0; i < KNOWN; i++) {
		if (tn_slice_eq(name, known[i]))
			return i + 1;
	}
	return 0;
}

static void
pack_header(char **at, const struct tn_pair *header)
{
	unsigned code = name_code(header->name);

	*(*at)++ = (char)code;
	if (code == 0)
		pack_text(at, header->name);
	pack_text(at, header->value);
}

static bool
packed_size(const struct tn_io_request *r, size_t *size)
{
	size_t sum = r->address.len + r->target.len;

	if (r->nheaders > UINT16_MAX || sum > INT32_MAX)
		return false;
	for (size_t i = 0; i < r->nheaders; i++) {
		struct tn_slice name = r->headers[i].name;
		struct tn_slice value = r->headers[i].value;

		if (name.len > INT32_MAX || value.len > INT32_MAX)
			return false;
		sum += 1 + length_size(value.len) + value.len;
		if (name_code(name) == 0)
			sum += length_size(name.len) + name.len;
	}
	*size = sum;
	return true;
}

struct tn_handshake *
tn_handshake_new(const struct tn_io_request *r, int64_t issued_ms)
{
	struct tn_handshake *h;
	size_t size;
	char *at;

	if (!packed_size(r, &size) || (h = malloc(sizeof(*h) + size)) == NULL)
		return NULL;
	*h = (struct tn_handshake){
		.issued_ms = issued_ms,
		.address_len = (uint32_t)r->address.len,
		.target_len = (uint32_t)r->target.len,
		.nheaders = (uint16_t)r->nheaders,
		.secure = r->secure,
	};
	at = h->bytes;
	pack(&at, r->address);
	pack(&at, r->target);
	for (size_t i = 0; i < r->nheaders; i++)
		pack_header(&at, &r->headers[i]);
	return h;
}

void
tn_handshake_free(struct tn_handshake **h)
{
	free(*h);
	*h = NULL;
}

/* ---- reading --------------------------------------------------------------*/

static struct cursor
first_header(const struct tn_handshake *h)
{
	return (struct cursor){ h->bytes + h->address_len + h->target_len,
		h->nheaders };
}

static struct tn_slice
next_text(struct cursor *c)
{
	struct tn_slice text;
	size_t len = 0;
	unsigned shift = 0;

	for (; (*c->at & 0x80) != 0; shift += 7)
		len |= (size_t)(*c->at++ & 0x7f) << shift;
	len |= (size_t)*c->at++ << shift;
	text = tn_slice(c->at, len);
	c->at += len;
	return text;
}

static bool
next_header(struct cursor *c, struct tn_pair *pair)
{
	unsigned char code;

	if (c->left == 0)
		return false;
	code = (unsigned char)*c->at++;
	pair->name = code == 0 ? next_text(c) : known[code - 1];
	pair->value = next_text(c);
	c->left--;
	return true;
}

struct tn_slice
tn_handshake_header(const struct tn_handshake *h, const char *name)
{
	struct cursor c = first_header(h);
	struct tn_pair pair;

	while (next_header(&c, &pair)) {
		if (tn_slice_is(pair.name, name))
			return pair.value;
	}
	return TN_SLICE_NONE;
}

struct tn_slice
tn_handshake_address(const struct tn_handshake *h)
{
	return tn_slice(h->bytes, h->address_len);
}

struct tn_slice
tn_handshake_target(const struct tn_handshake *h)
{
	return tn_slice(h->bytes + h->address_len, h->target_len);
}

bool
tn_handshake_is_secure(const struct tn_handshake *h)
{
	return h->secure;
}

int64_t
tn_handshake_issued_ms(const struct tn_handshake *h)
{
	return h->issued_ms;
}

/* What cannot be read counts as no query at all. */
static size_t
read_query(struct tn_slice target, struct tn_arena *arena,
    struct tn_pair pairs[TN_LIMIT_QUERY_PAIRS])
{
	size_t n = 0;

	tn_slice_cut(&target, '?');
	if (target.ptr == NULL || tn_url_form(target, arena, pairs,
	    TN_LIMIT_QUERY_PAIRS, &n, NULL) < 0)
		return 0;
	return n;
}

int
tn_handshake_query(const struct tn_handshake *h, const char *name,
    struct tn_arena *arena, struct tn_slice *value)
{
	struct tn_pair pairs[TN_LIMIT_QUERY_PAIRS];
	size_t n = read_query(tn_handshake_target(h), arena, pairs);

	while (n-- > 0) {
		if (tn_slice_is(pairs[n].name, name)) {
			*value = pairs[n].value;
			return 1;
		}
	}
	return arena->overflowed ? TN_E_NOMEM : 0;
}

/* ---- JSON -----------------------------------------------------------------*/

/* Bytes of HTTP are Latin-1 to Node; what is above ASCII becomes two bytes. */
static void
write_latin1(struct tn_buf *out, struct tn_slice s)
{
	struct tn_buf text;

	if (tn_utf8_valid(s) && tn_utf8_count(s) == s.len) {
		tn_json_write_string(out, s);
		return;
	}
	tn_buf_init(&text, 2 * s.len);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c >= 0x80)
			tn_buf_char(&text, (char)(0xc0 | c >> 6));
		tn_buf_char(&text, (char)(c < 0x80 ? c : 0x80 | (c & 0x3f)));
	}
	if (text.failed)
		out->failed = text.failed;
	tn_json_write_string(out, tn_buf_view(&text));
	tn_buf_fini(&text);
}

static bool
is_secret(struct tn_slice name)
{
	return tn_slice_is(name, "cookie") ||
	    tn_slice_is(name, "authorization") ||
	    tn_slice_is(name, "proxy-authorization");
}

static bool
was_written(const struct tn_handshake *h, const struct tn_pair *upto)
{
	struct cursor c = first_header(h);
	struct tn_pair pair;

	while (next_header(&c, &pair) && pair.value.ptr != upto->value.ptr) {
		if (tn_slice_eq(pair.name, upto->name))
			return true;
	}
	return false;
}

static void
write_headers(struct tn_buf *out, const struct tn_handshake *h)
{
	struct cursor c = first_header(h);
	struct tn_pair pair;
	bool is_first = true;

	tn_buf_str(out, "{\"headers\":{");
	while (next_header(&c, &pair)) {
		if (is_secret(pair.name) || was_written(h, &pair))
			continue;
		if (!is_first)
			tn_buf_char(out, ',');
		is_first = false;
		write_latin1(out, pair.name);
		tn_buf_char(out, ':');
		write_latin1(out, pair.value);
	}
	tn_buf_char(out, '}');
}

/* As JavaScript's Date writes itself, in UTC whatever the locale is. */
static void
write_time(struct tn_buf *out, int64_t ms)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm = { 0 };

	gmtime_r(&seconds, &tm);
	tn_buf_printf(out, ",\"time\":\"%.3s %.3s %02d %04d %02d:%02d:%02d "
	    "GMT+0000 (Coordinated Universal Time)\"", days + 3 * tm.tm_wday,
	    months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_year + 1900, tm.tm_hour,
	    tm.tm_min, tm.tm_sec);
}

static bool
is_last(const struct tn_pair *pairs, size_t n, size_t i)
{
	for (size_t k = i + 1; k < n; k++) {
		if (tn_slice_eq(pairs[k].name, pairs[i].name))
			return false;
	}
	return true;
}

static void
write_query(struct tn_buf *out, struct tn_slice target)
{
	struct tn_pair pairs[TN_LIMIT_QUERY_PAIRS];
	struct tn_arena arena;
	bool is_first = true;
	size_t n;

	tn_arena_init(&arena, 4 * TN_LIMIT_HEADER_BYTES);
	n = read_query(target, &arena, pairs);
	tn_buf_str(out, ",\"query\":{");
	for (size_t i = 0; i < n; i++) {
		if (!is_last(pairs, n, i))
			continue;
		if (!is_first)
			tn_buf_char(out, ',');
		is_first = false;
		tn_json_write_string(out, pairs[i].name);
		tn_buf_char(out, ':');
		tn_json_write_string(out, pairs[i].value);
	}
	tn_buf_char(out, '}');
	tn_arena_fini(&arena);
}

void
tn_handshake_write_json(const struct tn_handshake *h, struct tn_slice auth,
    struct tn_buf *out)
{
	struct tn_slice target = tn_handshake_target(h);

	write_headers(out, h);
	write_time(out, h->issued_ms);
	tn_buf_str(out, ",\"address\":");
	write_latin1(out, tn_handshake_address(h));
	tn_buf_printf(out, ",\"xdomain\":%s,\"secure\":%s,\"issued\":",
	    tn_handshake_header(h, "origin").ptr != NULL ? "true" : "false",
	    h->secure ? "true" : "false");
	tn_buf_i64(out, h->issued_ms);
	tn_buf_str(out, ",\"url\":");
	write_latin1(out, target);
	write_query(out, target);
	tn_buf_str(out, ",\"auth\":");
	tn_buf_slice(out, auth);
	tn_buf_char(out, '}');
}
