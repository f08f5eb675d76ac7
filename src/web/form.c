#include "config.h"

#include "web/middleware.h"

#include <stdlib.h>

enum { FIRST_BYTES = 2048 };

struct form_limits {
	size_t max_bytes;
	size_t max_fields;
};

static int
too_large(struct tn_req *req, const struct form_limits *limits)
{
	return tn_req_refuse(req, 413, "a form of more than %zu bytes",
	    limits->max_bytes);
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

/* Read the body to its end, or to one byte more than is allowed. */
static int
read_body(struct tn_req *req, const struct form_limits *limits,
    struct tn_slice *out)
{
	const size_t max = limits->max_bytes + 1;
	size_t len = 0, cap = 0;
	char *text = NULL;

	while (len < max) {
		int64_t n;

		if (len == cap && !grow(req->arena, &text, len, &cap, max))
			return tn_err_set(&req->err, TN_E_NOMEM,
			    "no memory for a form");
		n = req->body->read(req->body, text + len, cap - len,
		    &req->err);
		if (n < 0)
			return tn_req_refuse(req, n == TN_E_TIMEOUT ? 408 : 400,
			    "the body of a form was cut short");
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out = tn_slice(text, len);
	return len == max ? too_large(req, limits) : 0;
}

static int
parse(struct tn_req *req, const struct form_limits *limits,
    struct tn_slice text)
{
	size_t cap = 1;
	int rc;

	for (size_t i = 0; i < text.len; i++)
		cap += text.ptr[i] == '&';
	if (cap > limits->max_fields)
		cap = limits->max_fields;
	req->fields = tn_arena_alloc(req->arena, cap * sizeof(*req->fields));
	if (req->fields == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a form");
	rc = tn_url_form(text, req->arena, req->fields, cap, &req->nfields,
	    &req->err);
	if (rc != 0)
		req->nfields = 0;
	if (rc == TN_E_LIMIT)
		return tn_req_refuse(req, 413, "a form of more than %zu fields",
		    limits->max_fields);
	if (rc == TN_E_SYNTAX)
		req->err_status = 400;
	return rc;
}

static int
read_form(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct form_limits *limits = arg;
	struct tn_slice text;
	uint64_t said;
	int rc;

	(void)res;
	if (tn_req_is_safe(req) || req->body == NULL)
		return TN_NEXT;
	if (tn_slice_u64(req->content_length, &said) &&
	    said > limits->max_bytes)
		return too_large(req, limits);
	if (!req->body->is_complete && !req->is_slow)
		return TN_SLOW;
	rc = read_body(req, limits, &text);
	req->body = NULL;
	if (rc != 0 || text.len == 0)
		return rc;
	if (!tn_req_is(req, "application/x-www-form-urlencoded"))
		return tn_req_refuse(req, 415, "a body that is no form");
	return parse(req, limits, text);
}

struct tn_step
tn_form_body(const struct tn_form_limits *limits)
{
	struct form_limits *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return (struct tn_step){ .fn = NULL };
	own->max_bytes = limits != NULL && limits->max_bytes > 0 ?
	    limits->max_bytes : TN_LIMIT_FORM_BYTES;
	own->max_fields = limits != NULL && limits->max_fields > 0 ?
	    limits->max_fields : TN_LIMIT_FORM_PAIRS;
	return (struct tn_step){ read_form, own, free };
}
