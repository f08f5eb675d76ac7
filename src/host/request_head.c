/*
 * Reads a request's head back out of libwebsockets, which keeps it in pieces:
 * each header by a token, repeated ones as fragments; the target decoded, its
 * query cut at each '&'. The target is put together again, encoded.
 */
#include "config.h"

#include "base/limits.h"
#include "host/peer.h"

enum { TARGET_BYTES = 3 * TN_LIMIT_PATH_BYTES };

/* clang-format off */
static const struct {
	enum lws_token_indexes token;
	const char *name;
} methods[] = {
	{ WSI_TOKEN_GET_URI,	 "GET" },
	{ WSI_TOKEN_POST_URI,	 "POST" },
	{ WSI_TOKEN_OPTIONS_URI, "OPTIONS" },
	{ WSI_TOKEN_PUT_URI,	 "PUT" },
	{ WSI_TOKEN_PATCH_URI,	 "PATCH" },
	{ WSI_TOKEN_DELETE_URI,	 "DELETE" },
	{ WSI_TOKEN_HEAD_URI,	 "HEAD" },
};

/* Those that libwebsockets has no token for. */
static const char *const custom_headers[] = {
	"x-forwarded-proto:",
	"sec-fetch-site:",
	"sec-fetch-mode:",
	"access-control-request-headers:",
	"x-real-ip:",
	"x-request-id:",
};
/* clang-format on */

enum {
	METHODS = sizeof(methods) / sizeof(methods[0]),
	CUSTOM = sizeof(custom_headers) / sizeof(custom_headers[0]),
	MAX_HEADERS = WSI_TOKEN_COUNT + CUSTOM,
};

struct head {
	struct lws *wsi;
	struct tn_arena *arena;
	struct tn_pair *headers;
	size_t n;
};

/* One fragment of a header, or an empty slice with ptr NULL after the last. */
static struct tn_slice
fragment(struct head *h, enum lws_token_indexes token, int i)
{
	int len = lws_hdr_fragment_length(h->wsi, token, i);
	char *text;

	if (len <= 0)
		return TN_SLICE_NONE;
	text = tn_arena_alloc(h->arena, (size_t)len + 1);
	if (text == NULL ||
	    lws_hdr_copy_fragment(h->wsi, text, len + 1, token, i) != len)
		return TN_SLICE_NONE;
	return tn_slice(text, (size_t)len);
}

/*
 * Up to the last that is not empty: an empty one looks like none, but in the
 * length of all each but a cookie's has a byte more than its own, between two.
 */
static int
count_fragments(const struct head *h, enum lws_token_indexes token)
{
	const int between = token == WSI_TOKEN_HTTP_COOKIE ? 0 : 1;
	int left = lws_hdr_total_length(h->wsi, token), n = 0;

	while (left > 0 && n < MAX_HEADERS)
		left -= lws_hdr_fragment_length(h->wsi, token, n++) + between;
	return n;
}

/* All fragments of a header in one; RFC 9110, 5.3, and cookies by '; '. */
static struct tn_slice
header_text(struct head *h, enum lws_token_indexes token)
{
	const char *comma = token == WSI_TOKEN_HTTP_COOKIE ? "; " : ", ";
	const int n = count_fragments(h, token);
	struct tn_slice all = TN_SLICE_NONE, next;

	for (int i = 0; i < n; i++) {
		next = fragment(h, token, i);
		if (all.len == 0)
			all = next;
		else if (next.len > 0)
			all = tn_arena_printf(h->arena, "%.*s%s%.*s",
			    TN_SLICE_ARG(all), comma, TN_SLICE_ARG(next));
	}
	return all;
}

static void
add_header(struct head *h, struct tn_slice name, struct tn_slice value)
{
	/* names are "host:" */
	h->headers[h->n++] = (struct tn_pair){
		tn_slice_first(name, name.len - 1), tn_slice_trim(value),
	};
}

static void
add_known(struct head *h)
{
	for (int token = 0; token < WSI_TOKEN_COUNT; token++) {
		struct tn_slice name;

		if (lws_hdr_total_length(h->wsi, token) <= 0)
			continue;
		name = tn_slice_str((const char *)lws_token_to_string(token));
		if (name.len < 2 || name.ptr[0] == ':' ||
		    name.ptr[name.len - 1] != ':')
			continue;
		add_header(h, name, header_text(h, token));
	}
}

static void
add_custom(struct head *h)
{
	for (size_t i = 0; i < CUSTOM; i++) {
		struct tn_slice name = tn_slice_str(custom_headers[i]);
		int len = lws_hdr_custom_length(h->wsi, name.ptr,
		    (int)name.len);
		char *text;

		if (len <= 0)
			continue;
		text = tn_arena_alloc(h->arena, (size_t)len + 1);
		if (text == NULL || lws_hdr_custom_copy(h->wsi, text, len + 1,
		    name.ptr, (int)name.len) != len)
			continue;
		add_header(h, name, tn_slice(text, (size_t)len));
	}
}

/* The path, with what would end it encoded again. */
static void
put_path(struct tn_buf *out, struct tn_slice path)
{
	for (size_t i = 0; i < path.len; i++) {
		struct tn_slice c = tn_slice(path.ptr + i, 1);

		if (*c.ptr == '/')
			tn_buf_char(out, '/');
		else
			tn_url_encode(out, c);
	}
}

static void
put_query(struct tn_buf *out, struct head *h)
{
	const int n = count_fragments(h, WSI_TOKEN_HTTP_URI_ARGS);

	for (int i = 0; i < n; i++) {
		struct tn_slice rest = fragment(h, WSI_TOKEN_HTTP_URI_ARGS, i);
		bool has_value = tn_slice_find(rest, '=') >= 0;

		tn_buf_char(out, i == 0 ? '?' : '&');
		tn_url_encode(out, tn_slice_cut(&rest, '='));
		if (has_value)
			tn_buf_char(out, '=');
		tn_url_encode(out, rest);
	}
}

static struct tn_slice
target_text(struct head *h, enum lws_token_indexes method)
{
	struct tn_slice text = TN_SLICE_NONE;
	struct tn_buf b;

	tn_buf_init(&b, TARGET_BYTES);
	put_path(&b, fragment(h, method, 0));
	put_query(&b, h);
	if (tn_buf_finish(&b, &text, NULL) == 0)
		text = tn_arena_copy(h->arena, text);
	tn_buf_fini(&b);
	return text;
}

static bool
read_method(struct head *h, struct tn_io_request *request)
{
	for (size_t i = 0; i < METHODS; i++) {
		if (lws_hdr_total_length(h->wsi, methods[i].token) <= 0)
			continue;
		request->method = tn_slice_str(methods[i].name);
		request->target = target_text(h, methods[i].token);
		return request->target.len > 0;
	}
	return false;
}

/* Where the body ends has to be said once, and plainly. */
static int
check_body(const struct tn_io_request *r, bool *has_body)
{
	struct tn_slice length = tn_pair_last(r->headers, r->nheaders,
	    "content-length");
	struct tn_slice coding = tn_pair_last(r->headers, r->nheaders,
	    "transfer-encoding");
	const bool may_have = tn_slice_is(r->method, "POST") ||
	    tn_slice_is(r->method, "PUT") || tn_slice_is(r->method, "PATCH");
	uint64_t bytes = 0;

	if (coding.ptr != NULL)
		return 411;
	if (length.ptr == NULL) {
		*has_body = false;
		return may_have ? 411 : 0;
	}
	if (!tn_slice_u64(length, &bytes) || bytes > INT64_MAX)
		return 400;
	*has_body = bytes > 0;
	return bytes > 0 && !may_have ? 400 : 0;
}

static void
read_client(struct tn_peer *peer, struct tn_io_request *r)
{
	const struct tn_host_io_options *o = &peer->host->options;
	struct tn_slice address = tn_slice_str(peer->address);
	struct tn_slice proto;
	char *text;

	r->address = address;
	if (address.len > 0 && !tn_address_is_trusted(peer->address,
	    o->trusted_proxies, o->ntrusted))
		return;
	text = tn_arena_alloc(&peer->host->scratch, TN_ADDRESS_TEXT);
	if (text != NULL && tn_forwarded_for(tn_pair_last(r->headers,
	    r->nheaders, "x-forwarded-for"), o->trusted_proxies, o->ntrusted,
	    text))
		r->address = tn_slice_str(text);
	proto = tn_pair_last(r->headers, r->nheaders, "x-forwarded-proto");
	r->secure = tn_slice_ieq(proto, TN_SLICE("https"));
}

int
tn_request_head_read(struct tn_peer *peer, struct tn_io_request *request,
    bool *has_body)
{
	struct tn_arena *arena = &peer->host->scratch;
	struct head h = { .wsi = peer->wsi, .arena = arena };

	tn_arena_reset(arena);
	*request = (struct tn_io_request){ 0 };
	h.headers = tn_arena_alloc(arena, MAX_HEADERS * sizeof(*h.headers));
	if (h.headers == NULL)
		return 503;
	add_known(&h);
	add_custom(&h);
	request->headers = h.headers;
	request->nheaders = h.n;
	if (!read_method(&h, request))
		return 501;
	if (arena->overflowed)
		return 503;
	read_client(peer, request);
	return check_body(request, has_body);
}
