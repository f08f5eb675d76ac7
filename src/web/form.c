#include "config.h"

#include "web/middleware.h"

#include <stdlib.h>

#include "web/body.h"
#include "web/qs.h"

struct form_limits {
	size_t max_bytes;
	size_t max_fields;
	bool extended;
};

/* The fields as a tree, too. */
static int
parse_nested(struct tn_req *req, const struct form_limits *limits,
    struct tn_slice text)
{
	const struct tn_qs_options options = {
		.max_fields = limits->max_fields,
	};
	int rc = tn_qs_parse(text, &options, req->arena, &req->form,
	    &req->err);

	if (rc == TN_E_LIMIT)
		req->err_status = 413;
	if (rc == TN_E_SYNTAX)
		req->err_status = 400;
	return rc;
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
	int rc;

	(void)res;
	if (tn_req_is_safe(req) || req->body == NULL)
		return TN_NEXT;
	rc = tn_body_take(req, limits->max_bytes, &text);
	if (rc != 0 || text.len == 0)
		return rc;
	if (!tn_req_is(req, "urlencoded"))
		return tn_req_refuse(req, 415, "a body that is no form");
	rc = tn_body_check_charset(req);
	if (rc == 0)
		rc = parse(req, limits, text);
	return rc != 0 || !limits->extended ? rc :
	    parse_nested(req, limits, text);
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
	own->extended = limits != NULL && limits->extended;
	return (struct tn_step){ .fn = read_form, .arg = own, .fini = free };
}
