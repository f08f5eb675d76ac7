#include "config.h"

#include "web/head.h"

#include "base/arena.h"
#include "web/mime.h"
#include "web/request.h"

/* The registered ones, by their names in RFC 9110. */
#define CODES(X)					\
	X(200, "OK")					\
	X(201, "Created")				\
	X(202, "Accepted")				\
	X(203, "Non-Authoritative Information")		\
	X(204, "No Content")				\
	X(205, "Reset Content")				\
	X(206, "Partial Content")			\
	X(207, "Multi-Status")				\
	X(208, "Already Reported")			\
	X(226, "IM Used")				\
	X(300, "Multiple Choices")			\
	X(301, "Moved Permanently")			\
	X(302, "Found")					\
	X(303, "See Other")				\
	X(304, "Not Modified")				\
	X(305, "Use Proxy")				\
	X(307, "Temporary Redirect")			\
	X(308, "Permanent Redirect")			\
	X(400, "Bad Request")				\
	X(401, "Unauthorized")				\
	X(402, "Payment Required")			\
	X(403, "Forbidden")				\
	X(404, "Not Found")				\
	X(405, "Method Not Allowed")			\
	X(406, "Not Acceptable")			\
	X(407, "Proxy Authentication Required")		\
	X(408, "Request Timeout")			\
	X(409, "Conflict")				\
	X(410, "Gone")					\
	X(411, "Length Required")			\
	X(412, "Precondition Failed")			\
	X(413, "Content Too Large")			\
	X(414, "URI Too Long")				\
	X(415, "Unsupported Media Type")		\
	X(416, "Range Not Satisfiable")			\
	X(417, "Expectation Failed")			\
	X(418, "I'm a Teapot")				\
	X(421, "Misdirected Request")			\
	X(422, "Unprocessable Content")			\
	X(423, "Locked")				\
	X(424, "Failed Dependency")			\
	X(425, "Too Early")				\
	X(426, "Upgrade Required")			\
	X(428, "Precondition Required")			\
	X(429, "Too Many Requests")			\
	X(431, "Request Header Fields Too Large")	\
	X(451, "Unavailable For Legal Reasons")		\
	X(500, "Internal Server Error")			\
	X(501, "Not Implemented")			\
	X(502, "Bad Gateway")				\
	X(503, "Service Unavailable")			\
	X(504, "Gateway Timeout")			\
	X(505, "HTTP Version Not Supported")		\
	X(506, "Variant Also Negotiates")		\
	X(507, "Insufficient Storage")			\
	X(508, "Loop Detected")				\
	X(511, "Network Authentication Required")

const char *
tn_status_text(int status)
{
	switch (status) {
#define CASE(number, text) case number: return text;
	CODES(CASE)
#undef CASE
	default:
		return "Unknown";
	}
}

void
tn_res_status(struct tn_res *res, int status)
{
	res->status = status >= 200 && status <= 599 ? status : 500;
}

/* RFC 9110, 5.5: neither line ends nor NUL nor any other control but tab. */
static bool
is_value(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return s.len <= TN_LIMIT_HEADER_VALUE;
}

static struct tn_res_header *
find(const struct tn_res *res, struct tn_slice name)
{
	for (size_t i = 0; i < res->nheaders; i++) {
		if (tn_slice_ieq(res->headers[i].name, name))
			return (struct tn_res_header *)&res->headers[i];
	}
	return NULL;
}

static void
add(struct tn_res *res, struct tn_slice name, struct tn_slice value,
    size_t cap)
{
	if (res->nheaders >= cap) {
		res->bad_header = true;
		return;
	}
	res->headers[res->nheaders++] = (struct tn_res_header){ name, value };
}

/*
 * Check and copy. Returns false, and the answer will be a 500: so too for a
 * value that is not there because there was no memory to make it.
 */
static bool
admit(struct tn_res *res, struct tn_slice name, struct tn_slice *value)
{
	bool good = tn_slice_is_token(name) && is_value(*value) &&
	    (value->ptr != NULL || !res->arena->overflowed);

	if (good) {
		*value = tn_arena_copy(res->arena, *value);
		good = value->ptr != NULL;
	}
	if (!good)
		res->bad_header = true;
	return good;
}

/* Those of a name from the header at from on. */
static void
remove_from(struct tn_res *res, size_t from, struct tn_slice name)
{
	size_t kept = from;

	for (size_t i = from; i < res->nheaders; i++) {
		if (!tn_slice_ieq(res->headers[i].name, name))
			res->headers[kept++] = res->headers[i];
	}
	res->nheaders = kept;
}

/* In the place of all of that name, or new while there are fewer than cap. */
static void
put(struct tn_res *res, const char *name, struct tn_slice value, size_t cap)
{
	struct tn_res_header *had = find(res, tn_slice_str(name));

	if (had == NULL) {
		add(res, tn_slice_str(name), value, cap);
		return;
	}
	had->value = value;
	remove_from(res, (size_t)(had - res->headers) + 1,
	    tn_slice_str(name));
}

void
tn_res_put(struct tn_res *res, const char *name, struct tn_slice value)
{
	put(res, name, value, sizeof(res->headers) / sizeof(res->headers[0]));
}

/* Text, and what is written as text, by npm's mime-types. */
static bool
is_text(struct tn_slice type)
{
	static const struct tn_slice others[] = {
		TN_SLICE("application/json"), TN_SLICE("application/javascript"),
		TN_SLICE("application/manifest+json"),
	};

	if (tn_slice_ieq(tn_slice_first(type, 5), TN_SLICE("text/")))
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (tn_slice_ieq(type, others[i]))
			return true;
	}
	return false;
}

/* A word as the type it stands for, text with its charset: all is UTF-8. */
static struct tn_slice
whole_type(struct tn_res *res, struct tn_slice type)
{
	const char *known;

	if (tn_slice_find(type, ';') >= 0)
		return type;
	if (tn_slice_find(type, '/') < 0) {
		known = tn_mime_lookup(type);
		return tn_slice_str(known != NULL ? known :
		    "application/octet-stream");
	}
	if (!is_text(type))
		return type;
	return tn_arena_printf(res->arena, "%.*s; charset=utf-8",
	    TN_SLICE_ARG(type));
}

void
tn_res_set(struct tn_res *res, const char *name, struct tn_slice value)
{
	struct tn_slice which = tn_slice_str(name);

	if (!admit(res, which, &value))
		return;
	if (tn_slice_ieq(which, TN_SLICE("Content-Type")))
		tn_res_type(res, value.ptr);
	else
		put(res, name, value, TN_LIMIT_RES_HEADERS);
}

void
tn_res_set_built(struct tn_res *res, const char *name,
    const struct tn_buf *text)
{
	if (text->failed != 0)
		res->bad_header = true;
	else
		tn_res_set(res, name, tn_buf_view(text));
}

void
tn_res_append(struct tn_res *res, const char *name, struct tn_slice value)
{
	if (admit(res, tn_slice_str(name), &value))
		add(res, tn_slice_str(name), value, TN_LIMIT_RES_HEADERS);
}

bool
tn_list_has(struct tn_slice list, struct tn_slice word)
{
	while (list.ptr != NULL) {
		if (tn_slice_ieq(tn_slice_trim(tn_slice_cut(&list, ',')),
		    word))
			return true;
	}
	return false;
}

static void
vary_by(struct tn_res *res, struct tn_slice name)
{
	struct tn_slice had = tn_res_get(res, "Vary");

	if (had.len == 0 || tn_slice_is(name, "*"))
		tn_res_set(res, "Vary", name);
	else if (!tn_list_has(had, TN_SLICE("*")) && !tn_list_has(had, name))
		tn_res_set(res, "Vary", tn_arena_printf(res->arena,
		    "%.*s, %.*s", TN_SLICE_ARG(had), TN_SLICE_ARG(name)));
}

void
tn_res_vary(struct tn_res *res, const char *names)
{
	struct tn_slice rest = tn_slice_str(names);

	while (rest.ptr != NULL)
		vary_by(res, tn_slice_trim(tn_slice_cut(&rest, ',')));
}

void
tn_res_type(struct tn_res *res, const char *type)
{
	struct tn_slice whole = TN_SLICE_NONE;

	if (is_value(tn_slice_str(type)))
		whole = whole_type(res, tn_slice_str(type));
	if (whole.ptr != NULL)
		tn_res_put(res, "Content-Type", whole);
	else
		res->bad_header = true;
}

void
tn_res_remove(struct tn_res *res, const char *name)
{
	remove_from(res, 0, tn_slice_str(name));
}

struct tn_slice
tn_res_get(const struct tn_res *res, const char *name)
{
	const struct tn_res_header *header = find(res, tn_slice_str(name));

	return header == NULL ? TN_SLICE_NONE : header->value;
}

int
tn_res_before_head(struct tn_res *res, tn_before_head *fn, void *arg)
{
	if (res->nbefore == TN_LIMIT_RES_HOOKS)
		return tn_err_set(&res->req->err, TN_E_LIMIT,
		    "more than %d hooks of an answer", TN_LIMIT_RES_HOOKS);
	res->before[res->nbefore].fn = fn;
	res->before[res->nbefore++].arg = arg;
	return 0;
}

int
tn_res_after_end(struct tn_res *res, tn_after_end *fn, void *arg)
{
	if (res->nafter == TN_LIMIT_RES_HOOKS)
		return tn_err_set(&res->req->err, TN_E_LIMIT,
		    "more than %d hooks of an answer", TN_LIMIT_RES_HOOKS);
	res->after[res->nafter].fn = fn;
	res->after[res->nafter++].arg = arg;
	return 0;
}

/* Hooks are called once: not for an answer that will not be sent. */
int
tn_res_begin(struct tn_res *res)
{
	while (!res->bad_header && res->nbefore > 0) {
		size_t i = --res->nbefore;
		int rc = res->before[i].fn(res->req, res, res->before[i].arg);

		if (rc < 0)
			return rc;
	}
	if (!res->bad_header)
		return 0;
	return tn_err_set(&res->req->err, TN_E_STATE, res->arena->overflowed ?
	    "no memory for the answer" : "a header of the answer was refused");
}

void
tn_res_clear(struct tn_res *res)
{
	static const char *const described[] = {
		"Content-Type", "Content-Encoding", "Content-Disposition",
		"Content-Language", "Content-Length", "Content-Range",
		"Accept-Ranges", "Cache-Control", "ETag", "Expires", "Last-Modified",
		"Location",
	};

	for (size_t i = 0; i < sizeof(described) / sizeof(*described); i++) {
		/* of a 416, this says how much there is */
		if (res->req->err_status != 416 ||
		    strcmp(described[i], "Content-Range") != 0)
			tn_res_remove(res, described[i]);
	}
	res->bad_header = false;
	res->status = 200;
}

static int
status_of(const struct tn_req *req)
{
	int given = req->err_status;

	switch (req->err.code) {
	case TN_E_AWAY:
	case TN_E_TIMEOUT:
		return 503;
	case TN_E_SYNTAX:
		return given != 0 ? given : 400;
	case TN_E_DENIED:
		return given != 0 ? given : 403;
	case TN_E_CONFLICT:
		return given != 0 ? given : 409;
	default:
		return given != 0 ? given : 500;
	}
}

void
tn_res_fail(struct tn_res *res)
{
	tn_res_clear(res);
	tn_res_status(res, status_of(res->req));
	if (res->status == 503 && find(res, TN_SLICE("Retry-After")) == NULL)
		tn_res_put(res, "Retry-After", TN_SLICE("2"));
	tn_res_put(res, "Cache-Control", TN_SLICE("no-store"));
}
