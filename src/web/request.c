#include "config.h"

#include "web/request.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/random.h"
#include "redis/redis_batch.h"
#include "session/cookie.h"
#include "web/response.h"

enum { NONCE_CHARS = 22 };	/* 132 bits */

static const char *const method_names[TN_METHOD_COUNT] = {
	[TN_METHOD_OTHER] = "",
#define METHOD_NAME(name) [TN_METHOD_##name] = #name,
	TN_METHODS(METHOD_NAME)
#undef METHOD_NAME
};

const char *
tn_method_name(enum tn_method method)
{
	return method_names[method];
}

enum tn_method
tn_method_find(struct tn_slice name)
{
	for (int m = TN_METHOD_OTHER + 1; m < TN_METHOD_COUNT; m++) {
		if (tn_slice_is(name, method_names[m]))
			return (enum tn_method)m;
	}
	return TN_METHOD_OTHER;
}

bool
tn_req_is_safe(const struct tn_req *req)
{
	return req->method == TN_METHOD_GET || req->method == TN_METHOD_HEAD ||
	    req->method == TN_METHOD_OPTIONS;
}

/* "user-agent" in any case is CGI's "USER_AGENT". */
static bool
is_header(struct tn_slice cgi_name, struct tn_slice name)
{
	if (cgi_name.len != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (c == '-')
			c = '_';
		if (c != cgi_name.ptr[i])
			return false;
	}
	return true;
}

struct tn_slice
tn_req_header(const struct tn_req *req, const char *name)
{
	struct tn_slice wanted = tn_slice_str(name);

	if (is_header(TN_SLICE("COOKIE"), wanted))
		return req->cookies;
	if (is_header(TN_SLICE("CONTENT_TYPE"), wanted))
		return req->content_type;
	if (is_header(TN_SLICE("CONTENT_LENGTH"), wanted))
		return req->content_length;
	for (size_t i = 0; i < req->nheaders; i++) {
		if (is_header(req->headers[i].name, wanted))
			return req->headers[i].value;
	}
	return TN_SLICE_NONE;
}

static void
parse_query(struct tn_req *req)
{
	const size_t cap = TN_LIMIT_QUERY_PAIRS;

	req->query = tn_arena_alloc(req->arena, cap * sizeof(*req->query));
	if (req->query != NULL && tn_url_form(req->query_text, req->arena,
	    req->query, cap, &req->nquery, NULL) != 0)
		req->nquery = 0;
}

struct tn_slice
tn_req_query(struct tn_req *req, const char *name)
{
	if (req->query == NULL && req->query_text.len > 0)
		parse_query(req);
	return tn_pair_last(req->query, req->nquery, name);
}

struct tn_slice
tn_req_param(const struct tn_req *req, const char *name)
{
	return tn_pair_last(req->params + req->first_param,
	    req->nparams - req->first_param, name);
}

struct tn_slice
tn_req_path(const struct tn_req *req)
{
	struct tn_slice rest = tn_slice_after(req->path, req->base_url.len);

	return rest.len == 0 ? TN_SLICE("/") : rest;
}

struct tn_slice
tn_req_field(const struct tn_req *req, const char *name)
{
	return tn_pair_last(req->fields, req->nfields, name);
}

struct tn_slice
tn_req_cookie(struct tn_req *req, const char *name)
{
	struct tn_slice value;

	if (tn_cookie_find(req->cookies, tn_slice_str(name), req->arena,
	    &value, NULL) != 1)
		return TN_SLICE_NONE;
	return value;
}

void *
tn_req_local(const struct tn_req *req, const void *key)
{
	for (size_t i = 0; i < req->nlocals; i++) {
		if (req->locals[i].key == key)
			return req->locals[i].value;
	}
	return NULL;
}

int
tn_req_set_local(struct tn_req *req, const void *key, void *value)
{
	size_t i = 0;

	while (i < req->nlocals && req->locals[i].key != key)
		i++;
	if (i == TN_LIMIT_LOCALS)
		return tn_err_set(&req->err, TN_E_LIMIT,
		    "more than %d locals of a request", TN_LIMIT_LOCALS);
	if (i == req->nlocals)
		req->nlocals++;
	req->locals[i] = (struct tn_local){ key, value };
	return 0;
}

struct tn_redis_batch *
tn_req_batch(struct tn_req *req, struct tn_redis *redis)
{
	if (req->batch != NULL)
		tn_redis_batch_fini(req->batch);
	else
		req->batch = tn_arena_alloc(req->arena, sizeof(*req->batch));
	if (req->batch == NULL)
		tn_err_set(&req->err, TN_E_NOMEM, "no memory to ask redis");
	else
		tn_redis_batch_init(req->batch, redis);
	return req->batch;
}

struct tn_slice
tn_req_origin(struct tn_req *req)
{
	struct tn_slice host = req->host;
	struct tn_slice port = req->secure ? TN_SLICE(":443") :
	    TN_SLICE(":80");

	if (req->origin.len > 0 || host.len == 0)
		return req->origin;
	if (tn_slice_ends(host, port))
		host = tn_slice_first(host, host.len - port.len);
	req->origin = tn_arena_printf(req->arena, "%s://%.*s",
	    req->secure ? "https" : "http", TN_SLICE_ARG(host));
	return req->origin;
}

struct tn_slice
tn_req_nonce(struct tn_req *req)
{
	char text[NONCE_CHARS + 1];

	if (req->csp_nonce.len == 0) {
		tn_random_text(text, NONCE_CHARS);
		req->csp_nonce = tn_arena_copy(req->arena,
		    tn_slice(text, NONCE_CHARS));
		req->res->no_etag = true;
	}
	return req->csp_nonce;
}

int
tn_req_refuse(struct tn_req *req, int status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(req->err.text, sizeof(req->err.text), fmt, args);
	va_end(args);
	req->err.code = TN_E_DENIED;
	req->err_status = status;
	return req->err.code;
}
