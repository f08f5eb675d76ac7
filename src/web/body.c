#include "config.h"

#include "web/body.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "web/middleware.h"
#include "web/mime.h"

enum { FIRST_BYTES = 2048 };

static int
too_large(struct tn_req *req, size_t max)
{
	return tn_req_refuse(req, 413, "a body of more than %zu bytes", max);
}

/* Twice the room, for what has come so far and as much again. */
static bool
grow(struct tn_arena *arena, char **text, size_t len, size_t *cap, size_t max)
{
	size_t wanted = *cap == 0 ? FIRST_BYTES : *cap * 2;
	char *more;

	if (wanted > max)
		wanted = max;
	more = tn_arena_alloc(arena, wanted);
	if (more == NULL)
		return false;
	if (len > 0)
		memcpy(more, *text, len);
	*text = more;
	*cap = wanted;
	return true;
}

/* Read to its end, or to one byte more than is allowed. */
static int
read_all(struct tn_req *req, size_t max_bytes, struct tn_slice *out)
{
	const size_t max = max_bytes + 1;
	size_t len = 0, cap = 0;
	char *text = NULL;

	while (len < max) {
		int64_t n;

		if (len == cap && !grow(req->arena, &text, len, &cap, max))
			return tn_err_set(&req->err, TN_E_NOMEM,
			    "no memory for a body");
		n = req->body->read(req->body, text + len, cap - len,
		    &req->err);
		if (n < 0)
			return tn_req_refuse(req, n == TN_E_TIMEOUT ? 408 : 400,
			    "the body was cut short");
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out = tn_slice(text, len);
	return len == max ? too_large(req, max_bytes) : 0;
}

/* Undo the Content-Encoding. */
static int
decode(struct tn_req *req, size_t max_bytes, struct tn_slice *body)
{
	struct tn_slice encoding = tn_req_header(req, "content-encoding");
	int rc;

	if (encoding.len == 0 || tn_slice_ieq(encoding, TN_SLICE("identity")))
		return 0;
	if (!tn_slice_ieq(encoding, TN_SLICE("gzip")) &&
	    !tn_slice_ieq(encoding, TN_SLICE("deflate")))
		return tn_req_refuse(req, 415,
		    "a Content-Encoding that is not known");
	rc = tn_inflate(*body, max_bytes, req->arena, body, &req->err);
	if (rc == TN_E_LIMIT)
		req->err_status = 413;
	if (rc == TN_E_SYNTAX)
		req->err_status = 400;
	return rc;
}

int
tn_body_take(struct tn_req *req, size_t max_bytes, struct tn_slice *out)
{
	uint64_t said;
	int rc;

	*out = TN_SLICE_NONE;
	if (tn_slice_u64(req->content_length, &said) && said > max_bytes)
		return too_large(req, max_bytes);
	if (!req->body->is_complete && !req->is_slow)
		return TN_SLOW;
	rc = read_all(req, max_bytes, out);
	req->body = NULL;
	return rc != 0 || out->len == 0 ? rc : decode(req, max_bytes, out);
}

/* ---- Parsers ---------------------------------------------------------------- */

struct parser {
	enum { AS_JSON, AS_TEXT, AS_RAW } form;
	size_t max_bytes;
	const char *type;
	bool any_value;
};

/* The charset of the body, without quotes; empty if none is said. */
static struct tn_slice
charset_of(const struct tn_req *req)
{
	struct tn_slice rest = req->content_type;

	tn_slice_cut(&rest, ';');
	while (rest.ptr != NULL) {
		struct tn_slice name, value;

		if (!tn_slice_split(tn_slice_cut(&rest, ';'), '=', &name,
		    &value) || !tn_slice_ieq(name, TN_SLICE("charset")))
			continue;
		if (value.len >= 2 && value.ptr[0] == '"')
			value = tn_slice(value.ptr + 1, value.len - 2);
		return value;
	}
	return TN_SLICE_NONE;
}

int
tn_body_check_charset(struct tn_req *req)
{
	struct tn_slice charset = charset_of(req);

	if (charset.len == 0 || tn_slice_ieq(charset, TN_SLICE("utf-8")) ||
	    tn_slice_ieq(charset, TN_SLICE("us-ascii")))
		return 0;
	return tn_req_refuse(req, 415, "a charset other than UTF-8");
}

/* Some put U+FEFF in front, to say that it is UTF-8 (RFC 8259, 8.1). */
static void
drop_mark(struct tn_slice *text)
{
	if (tn_slice_starts(*text, TN_SLICE("\xef\xbb\xbf")))
		*text = tn_slice_after(*text, 3);
}

static bool
is_document(struct tn_slice json)
{
	enum tn_json_type type = tn_json_type(json);

	return type == TN_JSON_OBJECT || type == TN_JSON_ARRAY;
}

/* Too deep, say, is not malformed: the log tells what it was. */
static int
check_json(struct tn_req *req, bool any_value)
{
	struct tn_err why;
	int rc = tn_json_scan(req->data, NULL, &why);

	if (rc == TN_E_NOMEM)
		return tn_err_set(&req->err, rc, "%s", why.text);
	if (rc != 0)
		return tn_req_refuse(req, 400, "a body that is no JSON: %s",
		    why.text);
	if (!any_value && !is_document(req->data))
		return tn_req_refuse(req, 400,
		    "a body that is no JSON object or array");
	return TN_NEXT;
}

static int
check(struct tn_req *req, const struct parser *p)
{
	if (p->form != AS_RAW)
		drop_mark(&req->data);
	if (p->form == AS_JSON && req->data.len > 0)
		return check_json(req, p->any_value);
	if (p->form == AS_TEXT && !tn_utf8_valid(req->data))
		return tn_req_refuse(req, 400, "a body that is no UTF-8");
	return TN_NEXT;
}

static int
parse(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct parser *p = arg;
	int rc;

	(void)res;
	if (req->body == NULL || !tn_mime_is(req->content_type, p->type))
		return TN_NEXT;
	rc = p->form == AS_RAW ? 0 : tn_body_check_charset(req);
	if (rc == 0)
		rc = tn_body_take(req, p->max_bytes, &req->data);
	return rc != 0 ? rc : check(req, p);
}

static struct tn_step
make(int form, const struct tn_body_options *options, const char *type)
{
	struct parser *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return (struct tn_step){ .fn = NULL };
	p->form = form;
	p->max_bytes = options != NULL && options->max_bytes > 0 ?
	    options->max_bytes : TN_LIMIT_BODY_BYTES;
	p->type = options != NULL && options->type != NULL ? options->type :
	    type;
	p->any_value = options != NULL && options->any_value;
	return (struct tn_step){ .fn = parse, .arg = p, .fini = free };
}

struct tn_step
tn_json_body(const struct tn_body_options *options)
{
	return make(AS_JSON, options, "json");
}

struct tn_step
tn_text_body(const struct tn_body_options *options)
{
	return make(AS_TEXT, options, "text/plain");
}

struct tn_step
tn_raw_body(const struct tn_body_options *options)
{
	return make(AS_RAW, options, "application/octet-stream");
}
