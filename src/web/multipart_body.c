/* Forms with files: fields into memory, files to disk, as they come. */
#include "config.h"

#include "web/middleware.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "base/utf8.h"
#include "web/multipart.h"

enum { PIECE_BYTES = 16384, NAME_CHARS = 22, QUICK_BYTES = 65536 };

/* One body on its way, in the request's arena. */
struct upload {
	const struct tn_multipart_limits *limits;
	struct tn_req *req;
	struct tn_multipart parser;
	struct tn_buf field;		/* of the part at hand */
	struct tn_slice name;
	bool is_file;
	int fd;
};

static int
too_much(struct tn_req *req, const char *of_what)
{
	return tn_req_refuse(req, 413, "multipart: too %s", of_what);
}

/* What a client may not decide: the name on our disk. */
static int
open_file(struct upload *up, struct tn_file *file)
{
	char name[NAME_CHARS + 1];

	tn_random_text(name, NAME_CHARS);
	file->path = tn_arena_printf(up->req->arena, "%s/tandem-upload-%s",
	    up->limits->dir, name).ptr;
	if (file->path == NULL)
		return tn_err_set(&up->req->err, TN_E_NOMEM,
		    "no memory for a file");
	up->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (up->fd >= 0)
		return 0;
	file->path = NULL;
	return tn_err_errno(&up->req->err, TN_E_SYSTEM,
	    "a file to upload to");
}

static int
begin_file(struct upload *up, const struct tn_part_head *head)
{
	struct tn_req *req = up->req;
	struct tn_file *file = &req->files[req->nfiles];

	if (req->nfiles == up->limits->max_files)
		return too_much(req, "many files");
	*file = (struct tn_file){
		.name = tn_arena_copy(req->arena, head->name),
		.filename = tn_arena_copy(req->arena, head->filename),
		.type = tn_arena_copy(req->arena, head->type),
	};
	req->nfiles++;
	return open_file(up, file);
}

static int
on_part(void *arg, const struct tn_part_head *head, struct tn_err *err)
{
	struct upload *up = arg;

	(void)err;
	up->is_file = head->filename.ptr != NULL;
	if (up->is_file)
		return begin_file(up, head);
	if (up->req->nfields == up->limits->max_fields)
		return too_much(up->req, "many fields");
	up->name = tn_arena_copy(up->req->arena, head->name);
	tn_buf_reset(&up->field);
	return 0;
}

static int
write_all(struct upload *up, struct tn_slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(up->fd, bytes.ptr, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tn_err_errno(&up->req->err, TN_E_SYSTEM,
			    "a file that is uploaded");
		bytes = tn_slice_after(bytes, (size_t)n);
	}
	return 0;
}

static int
on_data(void *arg, struct tn_slice bytes, struct tn_err *err)
{
	struct upload *up = arg;
	struct tn_file *file;

	(void)err;
	if (up->is_file) {
		file = &up->req->files[up->req->nfiles - 1];
		file->size += bytes.len;
		if (file->size > up->limits->max_file)
			return too_much(up->req, "large a file");
		return write_all(up, bytes);
	}
	tn_buf_slice(&up->field, bytes);
	if (up->field.failed == TN_E_LIMIT)
		return too_much(up->req, "long a field");
	return up->field.failed == 0 ? 0 : tn_err_set(&up->req->err,
	    TN_E_NOMEM, "no memory for a field");
}

static int
on_end(void *arg, struct tn_err *err)
{
	struct upload *up = arg;
	struct tn_req *req = up->req;
	struct tn_slice value = tn_buf_view(&up->field);

	(void)err;
	if (up->is_file) {
		close(up->fd);
		up->fd = -1;
		return 0;
	}
	if (!tn_utf8_valid(value) || tn_slice_find(value, '\0') >= 0)
		return tn_req_refuse(req, 400, "multipart: a field that is "
		    "no text");
	value = tn_arena_copy(req->arena, value);
	if (value.ptr == NULL || up->name.ptr == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a field");
	req->fields[req->nfields++] = (struct tn_pair){ up->name, value };
	return 0;
}

/* At the end of the request, however it came about. */
static void
clean_up(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct upload *up = arg;

	(void)res;
	if (up->fd >= 0)
		close(up->fd);
	tn_buf_fini(&up->field);
	for (size_t i = 0; i < req->nfiles; i++) {
		if (req->files[i].path != NULL && !req->files[i].is_kept)
			unlink(req->files[i].path);
	}
}

static int
feed_all(struct upload *up)
{
	struct tn_req *req = up->req;
	char piece[PIECE_BYTES];
	uint64_t total = 0;
	int rc = 0;

	while (rc == 0) {
		int64_t n = req->body->read(req->body, piece, sizeof(piece),
		    &req->err);

		if (n < 0)
			return tn_req_refuse(req, n == TN_E_TIMEOUT ? 408 : 400,
			    "the body was cut short");
		if (n == 0)
			return tn_multipart_end(&up->parser, &req->err);
		total += (uint64_t)n;
		if (total > up->limits->max_bytes)
			return too_much(req, "large in all");
		rc = tn_multipart_feed(&up->parser,
		    tn_slice(piece, (size_t)n), &req->err);
	}
	return rc;
}

static int
start(struct tn_req *req, const struct tn_multipart_limits *limits,
    struct upload **out)
{
	struct upload *up = tn_arena_alloc(req->arena, sizeof(*up));

	req->fields = tn_arena_alloc(req->arena,
	    limits->max_fields * sizeof(*req->fields));
	req->files = tn_arena_alloc(req->arena,
	    limits->max_files * sizeof(*req->files));
	if (up == NULL || req->fields == NULL || req->files == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a form");
	up->limits = limits;
	up->req = req;
	up->fd = -1;
	tn_buf_init(&up->field, limits->max_field);
	*out = up;
	return tn_res_after_end(req->res, clean_up, up);
}

static int
read_form(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct tn_multipart_limits *limits = arg;
	struct tn_multipart_handler handler = { on_part, on_data, on_end,
		NULL };
	struct tn_slice encoding = tn_req_header(req, "content-encoding");
	struct upload *up = NULL;
	uint64_t said = 0;
	int rc;

	(void)res;
	if (req->body == NULL || !tn_req_is(req, "multipart/form-data"))
		return TN_NEXT;
	if (encoding.len > 0 && !tn_slice_ieq(encoding, TN_SLICE("identity")))
		return tn_req_refuse(req, 415, "a form that is compressed");
	if (tn_slice_u64(req->content_length, &said) &&
	    said > limits->max_bytes)
		return too_much(req, "large in all");
	if (!req->is_slow && (!req->body->is_complete || said > QUICK_BYTES))
		return TN_SLOW;
	rc = start(req, limits, &up);
	if (rc != 0)
		return rc;
	handler.arg = up;
	rc = tn_multipart_init(&up->parser, req->content_type, &handler,
	    &req->err);
	if (rc == 0)
		rc = feed_all(up);
	req->body = rc == 0 ? NULL : req->body;
	if (rc == TN_E_LIMIT)
		req->err_status = 413;
	return rc;
}

struct tn_step
tn_multipart_body(const struct tn_multipart_limits *limits)
{
	struct tn_multipart_limits *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return (struct tn_step){ .fn = NULL };
	if (limits != NULL)
		*own = *limits;
	if (own->dir == NULL)
		own->dir = "/tmp";
	if (own->max_bytes == 0)
		own->max_bytes = TN_LIMIT_UPLOAD_BYTES;
	if (own->max_file == 0)
		own->max_file = own->max_bytes;
	if (own->max_field == 0)
		own->max_field = TN_LIMIT_FORM_BYTES;
	if (own->max_files == 0)
		own->max_files = TN_LIMIT_UPLOAD_FILES;
	if (own->max_fields == 0)
		own->max_fields = TN_LIMIT_FORM_PAIRS;
	return (struct tn_step){ .fn = read_form, .arg = own, .fini = free };
}

struct tn_file *
tn_req_file(const struct tn_req *req, const char *name)
{
	for (size_t i = 0; i < req->nfiles; i++) {
		if (tn_slice_is(req->files[i].name, name))
			return &req->files[i];
	}
	return NULL;
}

int
tn_file_keep(struct tn_req *req, struct tn_file *file, const char *to)
{
	if (rename(file->path, to) != 0)
		return tn_err_errno(&req->err, TN_E_SYSTEM,
		    "an uploaded file to %s", to);
	file->is_kept = true;
	return 0;
}
