/* Middleware: forms in the body become fields of the request. */
#include "config.h"

#include <stdlib.h>

#include "web/middleware.h"

#include "base/err.h"

#define FORM_TYPE	"application/x-www-form-urlencoded"

static size_t
max_bytes(const struct tn_form_limits *limits)
{
	return limits != NULL && limits->max_bytes > 0 ? limits->max_bytes :
	    TN_LIMIT_FORM_BYTES;
}

static size_t
max_fields(const struct tn_form_limits *limits)
{
	return limits != NULL && limits->max_fields > 0 ? limits->max_fields :
	    TN_LIMIT_FORM_PAIRS;
}

/* The whole body, to where its stream ends. */
static int
read_body(struct tn_req *req, struct tn_buf *text)
{
	char *room;
	int64_t n = 1;

	while (n > 0 && (room = tn_buf_room(text, 8192)) != NULL) {
		n = req->body->read(req->body, room, 8192, &req->err);
		if (n < 0)
			return (int)n;
		text->len += (size_t)n;
	}
	if (text->failed == TN_E_LIMIT)
		return tn_req_refuse(req, 413, "form of more than %zu bytes",
		    text->max);
	if (text->failed != 0)
		return tn_err_set(&req->err, text->failed,
		    "no memory for a form");
	return 0;
}

static int
read_fields(struct tn_req *req, struct tn_slice text, size_t cap)
{
	struct tn_err why = { 0 };
	int e;

	req->fields = tn_arena_alloc(req->arena, cap * sizeof(*req->fields));
	if (req->fields == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a form");
	e = tn_url_form(text, req->arena, req->fields, cap, &req->nfields,
	    &why);
	if (e == 0)
		return TN_NEXT;
	req->nfields = 0;
	if (e == TN_E_LIMIT)
		return tn_req_refuse(req, 413, "form: %s", why.text);
	if (e == TN_E_SYNTAX)
		return tn_req_refuse(req, 400, "form: %s", why.text);
	req->err = why;
	return e;
}

static int
on_form(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_form_limits *limits = arg;
	size_t max = max_bytes(limits);
	uint64_t announced;
	struct tn_buf text;
	int answer;

	if (req->body == NULL || tn_req_is_safe(req) || req->fields != NULL)
		return TN_NEXT;
	if (!req->body->is_complete && !req->is_slow)
		return tn_slow(req, res, NULL);
	if (tn_slice_u64(req->content_length, &announced) && announced > max)
		return tn_req_refuse(req, 413, "form of %llu bytes",
		    (unsigned long long)announced);
	tn_buf_init(&text, max + 8192);
	answer = read_body(req, &text);
	if (answer == 0 && text.len > max)
		answer = tn_req_refuse(req, 413,
		    "form of more than %zu bytes", max);
	else if (answer == 0 && text.len > 0 && !tn_req_is(req, FORM_TYPE))
		answer = tn_req_refuse(req, 415, "body of type %.*s",
		    TN_SLICE_ARG(tn_slice_first(req->content_type, 64)));
	else if (answer == 0)
		answer = read_fields(req, tn_buf_view(&text),
		    max_fields(limits));
	tn_buf_fini(&text);
	return answer;
}

struct tn_step
tn_form_body(const struct tn_form_limits *limits)
{
	return (struct tn_step){ on_form, (void *)(uintptr_t)limits, NULL };
}
