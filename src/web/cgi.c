#include "config.h"

#include "web/cgi.h"

#include "base/random.h"
#include "base/utf8.h"
#include "web/trust_proxy.h"

enum {
	METHOD_MAX_BYTES = 32,
	HOST_MAX_BYTES = 255 + 6,	/* a DNS name and a port */
	ID_CHARS = 16,
};

/* What the server says besides the headers. */
struct words {
	struct tn_slice method;
	struct tn_slice uri;
	struct tn_slice address;
	struct tn_slice https;
	struct tn_slice scheme;
	struct tn_slice content_type;
	struct tn_slice content_length;
};

#define WORD(name, member) \
	{ { name, sizeof(name) - 1 }, offsetof(struct words, member) }
static const struct {
	struct tn_slice name;
	size_t offset;
} known[] = {
	WORD("REQUEST_METHOD",	method),
	WORD("REQUEST_URI",	uri),
	WORD("REMOTE_ADDR",	address),
	WORD("HTTPS",		https),
	WORD("REQUEST_SCHEME",	scheme),
	WORD("CONTENT_TYPE",	content_type),
	WORD("CONTENT_LENGTH",	content_length),
};
#undef WORD

static int
refuse(struct tn_req *req, int status, int code, const char *what)
{
	req->err_status = status;
	return tn_err_set(&req->err, code, "%s", what);
}

/* A variable that comes twice counts once: the first, as libfcgi sees it. */
static void
take_word(struct words *words, struct tn_slice name, struct tn_slice value)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct tn_slice *to;

		if (!tn_slice_eq(name, known[i].name))
			continue;
		to = (struct tn_slice *)((char *)words + known[i].offset);
		if (to->ptr == NULL)
			*to = value;
		return;
	}
}

/*
 * Each repeated Cookie header is put behind the ones before it. Left out for
 * its length, a session would be nobody's, and a new one take its place.
 */
static int
take_cookie(struct tn_req *req, struct tn_slice value)
{
	struct tn_slice had = req->cookies;
	size_t before = had.ptr == NULL ? 0 : had.len + 2;

	if (before + value.len > TN_LIMIT_COOKIE_BYTES)
		return refuse(req, 431, TN_E_LIMIT, "cookies too long");
	if (had.ptr == NULL) {
		req->cookies = value;
		return 0;
	}
	req->cookies = tn_arena_printf(req->arena, "%.*s; %.*s",
	    TN_SLICE_ARG(had), TN_SLICE_ARG(value));
	return req->cookies.ptr != NULL ? 0 : refuse(req, 500, TN_E_NOMEM,
	    "no memory for a request");
}

/* Of these a second one says nothing, as for Node: the first is it. */
static bool
is_single(struct tn_slice name)
{
	static const struct tn_slice names[] = {
		TN_SLICE("AUTHORIZATION"), TN_SLICE("FROM"), TN_SLICE("HOST"),
		TN_SLICE("IF_MODIFIED_SINCE"), TN_SLICE("IF_UNMODIFIED_SINCE"),
		TN_SLICE("MAX_FORWARDS"), TN_SLICE("PROXY_AUTHORIZATION"),
		TN_SLICE("REFERER"), TN_SLICE("USER_AGENT"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (tn_slice_eq(name, names[i]))
			return true;
	}
	return false;
}

/* All values of a name, from the header at first on, in one. */
static int
join_header(struct tn_req *req, size_t first)
{
	struct tn_pair *h = req->headers;
	size_t kept = first + 1;
	struct tn_buf all;

	tn_buf_init(&all, TN_LIMIT_HEADER_BYTES);
	tn_buf_slice(&all, h[first].value);
	for (size_t i = first + 1; i < req->nheaders; i++) {
		if (!tn_slice_eq(h[i].name, h[first].name)) {
			h[kept++] = h[i];
			continue;
		}
		tn_buf_str(&all, ", ");
		tn_buf_slice(&all, h[i].value);
	}
	req->nheaders = kept;
	h[first].value = all.failed != 0 ? TN_SLICE_NONE :
	    tn_arena_copy(req->arena, tn_buf_view(&all));
	tn_buf_fini(&all);
	return h[first].value.ptr != NULL ? 0 : refuse(req, 500, TN_E_NOMEM,
	    "no memory for a request");
}

/*
 * A header may come in several lines, and some web servers pass them on so.
 * Read as one list, nobody can put a line of his own before a proxy's.
 */
static int
join_headers(struct tn_req *req)
{
	const struct tn_pair *h = req->headers;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < req->nheaders; i++) {
		size_t j = i + 1;

		while (j < req->nheaders && !tn_slice_eq(h[j].name, h[i].name))
			j++;
		if (j < req->nheaders && !is_single(h[i].name))
			rc = join_header(req, i);
	}
	return rc;
}

/*
 * "Proxy:" comes in as HTTP_PROXY, which libraries take for a setting of the
 * process; nothing here has a use for it.
 */
static int
take_header(struct tn_req *req, struct tn_slice name, struct tn_slice value)
{
	if (tn_slice_is(name, "PROXY"))
		return 0;
	if (tn_slice_is(name, "COOKIE"))
		return take_cookie(req, value);
	if (tn_slice_is(name, "HOST") && req->host.ptr == NULL)
		req->host = value;
	if (req->nheaders == TN_LIMIT_HEADER_COUNT)
		return refuse(req, 431, TN_E_LIMIT, "too many headers");
	req->headers[req->nheaders++] = (struct tn_pair){ name, value };
	return 0;
}

/* What follows a header that is refused is words alone: who was it, and what? */
static int
take_words(struct tn_req *req, char *const *envp, struct words *words)
{
	static const struct tn_slice http = { "HTTP_", 5 };
	size_t total = 0;
	int rc = 0;

	for (; *envp != NULL; envp++) {
		struct tn_slice value = tn_slice_str(*envp);
		struct tn_slice name;

		total += value.len;
		if (total > TN_LIMIT_HEADER_BYTES && rc == 0)
			rc = refuse(req, 431, TN_E_LIMIT, "header too long");
		name = tn_slice_cut(&value, '=');
		if (!tn_slice_starts(name, http))
			take_word(words, name, value);
		else if (rc == 0)
			rc = take_header(req, tn_slice_after(name, http.len),
			    value);
	}
	return rc != 0 ? rc : join_headers(req);
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The log shows one that is none, too. */
static bool
take_method(struct tn_req *req, struct tn_slice name)
{
	size_t i = 0;

	req->method_name = name;
	while (i < name.len && (is_letter(name.ptr[i]) || name.ptr[i] == '-'))
		i++;
	if (i == 0 || i < name.len || name.len > METHOD_MAX_BYTES)
		return false;
	req->method = tn_method_find(name);
	return true;
}

/* Letters, digits and what stands in addresses and ports: no more. */
static int
check_host(struct tn_req *req)
{
	for (size_t i = 0; i < req->host.len; i++) {
		char c = req->host.ptr[i];

		if (!is_letter(c) && (c == '\0' ||
		    strchr("0123456789.-:[]_", c) == NULL))
			return refuse(req, 400, TN_E_SYNTAX, "malformed Host");
	}
	if (req->host.len > HOST_MAX_BYTES)
		return refuse(req, 400, TN_E_LIMIT, "Host too long");
	return 0;
}

static bool
is_trusted(struct tn_slice address, const struct tn_cgi_options *options)
{
	for (size_t i = 0; i < options->ntrusted; i++) {
		if (tn_slice_is(address, options->trusted_proxies[i]))
			return true;
	}
	return false;
}

/*
 * The client is the rightmost of the chain that is no proxy of ours: what
 * stands left of it, the client may have written itself.
 */
static struct tn_slice
find_client(const struct tn_req *req, struct tn_slice peer,
    const struct tn_cgi_options *options)
{
	struct tn_slice client = tn_is_address(peer) ? peer : TN_SLICE_NONE;
	struct tn_slice rest;

	if (options->address_header == NULL || !is_trusted(peer, options))
		return client;
	rest = tn_req_header(req, options->address_header);
	while (rest.len > 0 && is_trusted(client, options)) {
		size_t comma = (size_t)(tn_slice_rfind(rest, ',') + 1);
		struct tn_slice last =
		    tn_slice_trim(tn_slice_after(rest, comma));

		if (!tn_is_address(last))
			break;
		client = last;
		rest = tn_slice_first(rest, comma > 0 ? comma - 1 : 0);
	}
	return client;
}

/* The first of a list, as the proxy nearest to the client wrote it. */
static struct tn_slice
first_of(const struct tn_req *req, const char *name)
{
	struct tn_slice list = tn_req_header(req, name);

	return tn_slice_trim(tn_slice_cut(&list, ','));
}

/* What trusted proxies say of the client. */
static int
believe_proxies(struct tn_req *req, struct tn_slice peer,
    const struct tn_trust *trust)
{
	struct tn_slice proto, host;

	req->addresses = tn_arena_alloc(req->arena,
	    TN_LIMIT_FORWARDED * sizeof(*req->addresses));
	if (req->addresses == NULL)
		return refuse(req, 500, TN_E_NOMEM, "no memory for a request");
	req->naddresses = tn_trust_chain(trust, peer,
	    tn_req_header(req, "x-forwarded-for"), req->addresses,
	    TN_LIMIT_FORWARDED);
	req->address = req->addresses[req->naddresses - 1];
	if (!tn_trust_ask(trust, peer, 0))
		return 0;
	proto = first_of(req, "x-forwarded-proto");
	host = first_of(req, "x-forwarded-host");
	if (proto.len > 0)
		req->secure = tn_slice_ieq(proto, TN_SLICE("https"));
	if (host.len > 0)
		req->host = host;
	return 0;
}

/* The part before path and query of an absolute target is dropped. */
static struct tn_slice
drop_authority(struct tn_slice target)
{
	static const struct tn_slice schemes[] = {
		{ "http://", 7 }, { "https://", 8 },
	};

	for (size_t i = 0; i < 2; i++) {
		struct tn_slice rest;

		if (!tn_slice_ieq(tn_slice_first(target, schemes[i].len),
		    schemes[i]))
			continue;
		rest = tn_slice_after(target, schemes[i].len);
		while (rest.len > 0 && rest.ptr[0] != '/' &&
		    rest.ptr[0] != '?')
			rest = tn_slice_after(rest, 1);
		return rest.len == 0 ? TN_SLICE("/") : rest;
	}
	return target;
}

static bool
has_control(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

static bool
has_dot_part(struct tn_slice path)
{
	while (path.ptr != NULL) {
		struct tn_slice part = tn_slice_cut(&path, '/');

		if (tn_slice_is(part, ".") || tn_slice_is(part, ".."))
			return true;
	}
	return false;
}

static int
decode_path(struct tn_slice raw, struct tn_arena *arena,
    struct tn_slice *out, struct tn_err *err)
{
	struct tn_buf b;
	int rc;

	if (tn_slice_find(raw, '%') < 0) {
		*out = raw;
		return 0;
	}
	tn_buf_init(&b, TN_LIMIT_PATH_BYTES);
	rc = tn_url_decode(&b, raw, false, err);
	if (rc == 0) {
		*out = tn_arena_copy(arena, tn_buf_view(&b));
		if (out->ptr == NULL)
			rc = tn_err_set(err, TN_E_NOMEM, "no memory for path");
	}
	tn_buf_fini(&b);
	return rc;
}

int
tn_cgi_path(struct tn_slice target, struct tn_arena *arena,
    struct tn_slice *path, struct tn_slice *query, struct tn_err *err)
{
	struct tn_slice rest = drop_authority(target);
	struct tn_slice raw = tn_slice_cut(&rest, '?');
	int rc;

	*query = rest;
	if (raw.len == 0 && target.len > 0 && target.ptr[0] != '?')
		raw = TN_SLICE("/");	/* "http://host?query" */
	if (raw.len > TN_LIMIT_PATH_BYTES)
		return tn_err_set(err, TN_E_LIMIT, "path of %zu bytes",
		    raw.len);
	rc = decode_path(raw, arena, path, err);
	if (rc != 0)
		return rc;
	if (path->len == 0 || path->ptr[0] != '/')
		return tn_err_set(err, TN_E_SYNTAX, "path without a slash");
	if (has_control(*path) || !tn_utf8_valid(*path))
		return tn_err_set(err, TN_E_SYNTAX, "path is no plain text");
	if (has_dot_part(*path))
		return tn_err_set(err, TN_E_SYNTAX, "path with dot segments");
	return 0;
}

/* Its variables, before a handler asks: what is wrong with them is refused. */
static int
read_query(struct tn_req *req)
{
	size_t cap = 1;
	int rc;

	if (req->query_text.len == 0)
		return 0;
	for (size_t i = 0; i < req->query_text.len; i++)
		cap += req->query_text.ptr[i] == '&';
	if (cap > TN_LIMIT_QUERY_PAIRS)
		cap = TN_LIMIT_QUERY_PAIRS;
	req->query = tn_arena_alloc(req->arena, cap * sizeof(*req->query));
	if (req->query == NULL)
		return refuse(req, 500, TN_E_NOMEM, "no memory for a request");
	rc = tn_url_form(req->query_text, req->arena, req->query, cap,
	    &req->nquery, &req->err);
	if (rc == TN_E_LIMIT)
		return refuse(req, 400, rc, "too many variables in a query");
	if (rc != 0)
		req->err_status = rc == TN_E_SYNTAX ? 400 : 500;
	return rc;
}

static int
read_path(struct tn_req *req, struct tn_slice uri,
    const struct tn_cgi_options *options)
{
	struct tn_slice base = options->base_path;
	struct tn_slice path, query;
	int rc;

	req->target = uri;
	rc = tn_cgi_path(uri, req->arena, &path, &query, &req->err);
	if (rc != 0) {
		req->err_status = rc == TN_E_LIMIT ? 414 :
		    rc == TN_E_SYNTAX ? 400 : 500;
		return rc;
	}
	req->query_text = query;
	req->path = path;
	rc = read_query(req);
	if (rc != 0 || base.len == 0)
		return rc;
	path = tn_slice_after(path, base.len);
	if (!tn_slice_starts(req->path, base) ||
	    (path.len > 0 && path.ptr[0] != '/'))
		return refuse(req, 404, TN_E_DENIED, "not below base_path");
	req->base_path = base;
	req->path = path.len == 0 ? TN_SLICE("/") : path;
	return 0;
}

static bool
is_secure(const struct words *words)
{
	return tn_slice_ieq(words->https, TN_SLICE("on")) ||
	    tn_slice_is(words->https, "1") ||
	    tn_slice_ieq(words->scheme, TN_SLICE("https"));
}

int
tn_cgi_read(struct tn_req *req, char *const *envp,
    const struct tn_cgi_options *options)
{
	static const struct tn_cgi_options none;
	struct words words = { .method = TN_SLICE_NONE };
	int rc;

	if (options == NULL)
		options = &none;
	tn_random_text(req->id, ID_CHARS);
	req->path = TN_SLICE("/");
	rc = take_words(req, envp, &words);
	req->content_type = words.content_type;
	req->content_length = words.content_length;
	req->secure = is_secure(&words);
	req->origin = options->origin;
	req->address = find_client(req, words.address, options);
	if (rc == 0 && options->trust != NULL && options->trust->is_set &&
	    req->address.len > 0)
		rc = believe_proxies(req, req->address, options->trust);
	if (!take_method(req, words.method) && rc == 0)
		rc = refuse(req, 400, TN_E_SYNTAX, "malformed method");
	if (rc == 0)
		rc = check_host(req);
	return rc != 0 ? rc : read_path(req, words.uri, options);
}
