#include "config.h"

#include "web/response.h"

#include "base/arena.h"
#include "web/head.h"
#include "web/request.h"
#include "web/router.h"

/* A body up to this leaves with its head, in one piece: a copy is cheaper. */
enum { JOIN_BYTES = 16384 };

static bool
is_head(const struct tn_res *res)
{
	return res->req->method == TN_METHOD_HEAD;
}

static bool
has_no_body(const struct tn_res *res)
{
	return res->status == 204 || res->status == 304;
}

/* What there is none of has neither type nor length. */
static void
describe_body(struct tn_res *res)
{
	if (has_no_body(res)) {
		tn_res_remove(res, "Content-Type");
		tn_res_remove(res, "Content-Length");
	} else if (tn_res_get(res, "Content-Type").ptr == NULL) {
		tn_res_put(res, "Content-Type",
		    TN_SLICE("text/html; charset=utf-8"));
	}
}

static void
write_head(struct tn_res *res)
{
	struct tn_buf *out = &res->out;

	tn_buf_reset(out);
	tn_buf_str(out, "Status: ");
	tn_buf_i64(out, res->status);
	tn_buf_char(out, ' ');
	tn_buf_str(out, tn_status_text(res->status));
	tn_buf_str(out, "\r\n");
	for (size_t i = 0; i < res->nheaders; i++) {
		tn_buf_slice(out, res->headers[i].name);
		tn_buf_str(out, ": ");
		tn_buf_slice(out, res->headers[i].value);
		tn_buf_str(out, "\r\n");
	}
}

/* After a failure of the sink nothing more can be said. */
static int
has_taken(struct tn_res *res, int rc)
{
	if (rc == 0)
		return 0;
	res->state = TN_RES_ENDED;
	res->is_broken = true;
	return tn_err_set(&res->req->err, TN_E_IO, "the client has gone");
}

static int
put_out(struct tn_res *res, struct tn_slice bytes)
{
	if (bytes.len == 0)
		return 0;
	return has_taken(res, res->sink->write(res->sink, bytes));
}

static int
put_head(struct tn_res *res)
{
	struct tn_slice head;
	int rc = tn_buf_finish(&res->out, &head, &res->req->err);

	return rc != 0 ? rc : put_out(res, head);
}

static int
send_all(struct tn_res *res, struct tn_slice body)
{
	int rc;

	tn_res_remove(res, "Content-Length");	/* this one is true */
	write_head(res);
	if (!has_no_body(res)) {
		tn_buf_str(&res->out, "Content-Length: ");
		tn_buf_u64(&res->out, body.len);
		tn_buf_str(&res->out, "\r\n");
	}
	tn_buf_str(&res->out, "\r\n");
	if (is_head(res) || has_no_body(res))
		body = TN_SLICE_NONE;
	res->body_bytes = body.len;
	if (body.len <= JOIN_BYTES) {
		tn_buf_slice(&res->out, body);
		body = TN_SLICE_NONE;
	}
	rc = put_head(res);
	if (rc == 0)
		rc = put_out(res, body);
	if (rc == 0)
		res->state = TN_RES_ENDED;
	return rc == 0 ? TN_DONE : rc;
}

static int
answered_twice(struct tn_res *res)
{
	return tn_err_set(&res->req->err, TN_E_STATE,
	    "a second answer to one request");
}

int
tn_res_send(struct tn_res *res, struct tn_slice body)
{
	int rc;

	if (res->state != TN_RES_OPEN)
		return answered_twice(res);
	rc = tn_res_begin(res);
	if (rc < 0)
		return rc;
	if (res->status == 205)
		body = TN_SLICE_NONE;
	tn_res_validate(res, body);
	describe_body(res);
	return send_all(res, body);
}

int
tn_res_json(struct tn_res *res, struct tn_slice json)
{
	if (tn_res_get(res, "Content-Type").ptr == NULL)
		tn_res_put(res, "Content-Type",
		    TN_SLICE("application/json; charset=utf-8"));
	return tn_res_send(res, json);
}

int
tn_res_send_status(struct tn_res *res, int status)
{
	tn_res_status(res, status);
	tn_res_type(res, "text/plain; charset=utf-8");
	return tn_res_send(res, tn_slice_str(tn_status_text(res->status)));
}

static int
start_streaming(struct tn_res *res)
{
	int rc = tn_res_begin(res);

	if (rc < 0)
		return rc;
	describe_body(res);
	write_head(res);
	tn_buf_str(&res->out, "\r\n");
	rc = put_head(res);
	if (rc == 0)
		res->state = TN_RES_STREAMING;
	return rc;
}

int
tn_res_write(struct tn_res *res, struct tn_slice bytes)
{
	int rc = 0;

	if (res->state == TN_RES_ENDED)
		return answered_twice(res);
	if (res->state == TN_RES_OPEN)
		rc = start_streaming(res);
	if (rc < 0 || is_head(res) || has_no_body(res) || res->status == 205)
		return rc;
	res->body_bytes += bytes.len;
	return put_out(res, bytes);
}

int
tn_res_write_file(struct tn_res *res, int fd, uint64_t first, uint64_t length)
{
	int rc = tn_res_write(res, TN_SLICE_NONE);

	if (rc < 0 || is_head(res) || has_no_body(res) || res->status == 205)
		return rc;
	res->body_bytes += length;
	return has_taken(res, res->sink->send_file(res->sink, fd, first,
	    length));
}

int
tn_res_flush(struct tn_res *res)
{
	int rc = 0;

	if (res->state == TN_RES_OPEN)
		rc = start_streaming(res);
	if (rc < 0 || res->sink->flush == NULL)
		return rc;
	if (res->sink->flush(res->sink) == 0)
		return 0;
	res->state = TN_RES_ENDED;
	res->is_broken = true;
	return tn_err_set(&res->req->err, TN_E_IO, "the client has gone");
}

int
tn_res_end(struct tn_res *res)
{
	int rc;

	if (res->state == TN_RES_OPEN && (!is_head(res) ||
	    tn_res_get(res, "Content-Length").ptr == NULL))
		return tn_res_send(res, TN_SLICE_NONE);
	if (res->state == TN_RES_ENDED)
		return answered_twice(res);
	rc = res->state == TN_RES_OPEN ? start_streaming(res) : 0;
	if (rc < 0)
		return rc;
	res->state = TN_RES_ENDED;
	return TN_DONE;
}

void
tn_res_finish(struct tn_res *res)
{
	while (res->nafter > 0) {
		size_t i = --res->nafter;

		res->after[i].fn(res->req, res, res->after[i].arg);
	}
}
