#include "config.h"

#include "web/static.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "web/head.h"
#include "web/mime.h"
#include "web/send_file.h"

enum { FILE_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

struct mounted {
	struct tn_slice prefix;
	const struct tn_assets *assets;
	char text[];
};

int
tn_assets_open(struct tn_assets *assets, const char *dir, int max_age_s,
    struct tn_err *err)
{
	*assets = (struct tn_assets){ .max_age_s = max_age_s };
	assets->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (assets->dir_fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "folder %s", dir);
	return 0;
}

void
tn_assets_close(struct tn_assets *assets)
{
	if (assets->dir_fd >= 0)
		close(assets->dir_fd);
	assets->dir_fd = -1;
}

/* No part empty, "." or "..", and no NUL. */
static bool
is_shown(struct tn_slice path, bool *is_hidden)
{
	*is_hidden = false;
	if (path.len == 0 || path.len >= TN_LIMIT_PATH_BYTES ||
	    tn_slice_find(path, '\0') >= 0)
		return false;
	while (path.ptr != NULL) {
		struct tn_slice part = tn_slice_cut(&path, '/');

		if (part.len == 0 || tn_slice_is(part, ".") ||
		    tn_slice_is(part, ".."))
			return false;
		*is_hidden |= part.ptr[0] == '.';
	}
	return true;
}

/* Folder by folder, for kernels and sandboxes without openat2. */
static int
open_by_parts(int dir_fd, char *path)
{
	int at = dir_fd, fd;
	char *slash;

	while ((slash = strchr(path, '/')) != NULL) {
		*slash = '\0';
		fd = openat(at, path, O_PATH | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		if (at != dir_fd)
			close(at);
		if (fd < 0)
			return -1;
		at = fd;
		path = slash + 1;
	}
	fd = openat(at, path, FILE_FLAGS);
	if (at != dir_fd)
		close(at);
	return fd;
}

static int
open_confined(const struct tn_assets *assets, char *path)
{
	struct open_how how = {
		.flags = FILE_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (assets->no_openat2)
		return open_by_parts(assets->dir_fd, path);
	fd = syscall(SYS_openat2, assets->dir_fd, path, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_by_parts(assets->dir_fd, path);
	return (int)fd;
}

/* Returns 1 with an open regular file, 0 if there is none to be shown, < 0. */
static int
open_file(const struct tn_assets *assets, struct tn_req *req,
    struct tn_slice path, int *fd, struct stat *st)
{
	char *text = tn_arena_str(req->arena, path);

	if (text == NULL)
		return tn_err_set(&req->err, TN_E_NOMEM, "no memory for path");
	*fd = open_confined(assets, text);
	if (*fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return tn_err_errno(&req->err, TN_E_AWAY, "a file to send");
	if (*fd < 0)
		return 0;
	if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode))
		return 1;
	close(*fd);
	return 0;
}

static void
offer_cache_control(const struct tn_assets *assets, struct tn_res *res)
{
	if (tn_res_get(res, "Cache-Control").ptr != NULL)
		return;
	if (assets->max_age_s > 0)
		tn_res_set(res, "Cache-Control", tn_arena_printf(res->arena,
		    "public, max-age=%d%s", assets->max_age_s,
		    assets->immutable ? ", immutable" : ""));
	else
		tn_res_put(res, "Cache-Control", TN_SLICE("no-cache"));
}

/*
 * A sibling that is compressed already, if there is one that the client
 * takes. As open_file, with the encoding set.
 */
static int
open_compressed(const struct tn_assets *assets, struct tn_req *req,
    struct tn_slice path, struct tn_sent_file *file, struct stat *st)
{
	static const struct {
		const char *encoding, *ending;
	} kinds[] = { { "br", ".br" }, { "gzip", ".gz" } };

	tn_res_vary(req->res, "Accept-Encoding");
	for (size_t i = 0; i < 2; i++) {
		struct tn_slice name = tn_arena_printf(req->arena, "%.*s%s",
		    TN_SLICE_ARG(path), kinds[i].ending);
		int rc;

		if (tn_req_accepts_encodings(req, kinds[i].encoding) == NULL)
			continue;
		rc = open_file(assets, req, name, &file->fd, st);
		file->encoding = rc > 0 ? kinds[i].encoding : NULL;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Each part percent-encoded, the slashes left. */
static void
add_url(struct tn_buf *out, struct tn_slice path)
{
	while (path.ptr != NULL) {
		tn_url_encode(out, tn_slice_cut(&path, '/'));
		if (path.ptr != NULL)
			tn_buf_char(out, '/');
	}
}

/* The web server sends it; we say only which. */
static int
hand_over(const struct tn_assets *assets, struct tn_res *res,
    struct tn_slice path)
{
	struct tn_buf *text = &res->out;	/* free until the head */

	tn_buf_reset(text);
	if (assets->accel != NULL) {
		tn_buf_str(text, assets->accel);
		add_url(text, path);
	} else {
		tn_buf_str(text, assets->sendfile);
		tn_buf_slice(text, path);
	}
	tn_res_set_built(res, assets->accel != NULL ? "X-Accel-Redirect" :
	    "X-Sendfile", text);
	res->no_etag = true;
	return tn_res_send(res, TN_SLICE_NONE);
}

static int
send_opened(const struct tn_assets *assets, struct tn_req *req,
    struct tn_res *res, struct tn_slice path)
{
	struct tn_sent_file file = { .fd = -1, .no_ranges = assets->no_ranges,
		.type = tn_mime_of_path(path) };
	struct stat st;
	int rc = 0;

	if (assets->precompressed)
		rc = open_compressed(assets, req, path, &file, &st);
	if (rc == 0)
		rc = open_file(assets, req, path, &file.fd, &st);
	if (rc <= 0)
		return rc;
	file.st = &st;
	offer_cache_control(assets, res);
	if (assets->accel != NULL || assets->sendfile != NULL) {
		if (tn_res_get(res, "Content-Type").ptr == NULL)
			tn_res_put(res, "Content-Type",
			    tn_slice_str(file.type));
		rc = hand_over(assets, res, path);
	} else {
		rc = tn_res_send_open(res, &file);
	}
	close(file.fd);
	return rc;
}

int
tn_assets_send(const struct tn_assets *assets, struct tn_req *req,
    struct tn_res *res, struct tn_slice path)
{
	bool is_hidden;

	if (!is_shown(path, &is_hidden) ||
	    (is_hidden && assets->dotfiles == TN_DOTFILES_IGNORE))
		return TN_NEXT;
	if (is_hidden && assets->dotfiles == TN_DOTFILES_DENY)
		return tn_req_refuse(req, 403, "a hidden file");
	return send_opened(assets, req, res, path);
}

int
tn_res_send_file(struct tn_res *res, const struct tn_assets *assets,
    struct tn_slice path)
{
	int rc = tn_assets_send(assets, res->req, res, path);

	return rc != TN_NEXT ? rc :
	    tn_req_refuse(res->req, 404, "no such file to send");
}

int
tn_res_download(struct tn_res *res, const struct tn_assets *assets,
    struct tn_slice path, const char *name)
{
	tn_res_save_as(res, name != NULL ? tn_slice_str(name) : path);
	return tn_res_send_file(res, assets, path);
}

/* ---- Below a prefix --------------------------------------------------------- */

static bool
is_folder(const struct tn_assets *assets, struct tn_req *req,
    struct tn_slice path)
{
	char *text = tn_arena_str(req->arena,
	    path.len == 0 ? TN_SLICE(".") : path);
	int fd = text == NULL ? -1 : open_confined(assets, text);
	struct stat st;
	bool is = fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	if (fd >= 0)
		close(fd);
	return is;
}

/* The same with a '/' behind, so that what the page names is found below. */
static int
go_into(struct tn_req *req, struct tn_res *res)
{
	struct tn_slice path;
	struct tn_buf text;
	int rc;

	tn_buf_init(&text, TN_LIMIT_HEADER_VALUE);
	add_url(&text, req->path);
	tn_buf_char(&text, '/');
	if (req->query_text.len > 0) {
		tn_buf_char(&text, '?');
		tn_buf_slice(&text, req->query_text);
	}
	rc = tn_buf_finish(&text, &path, &req->err);
	if (rc == 0) {
		tn_res_status(res, 301);
		rc = tn_res_redirect_slice(res, path);
	}
	tn_buf_fini(&text);
	return rc;
}

/* path  empty, or with a '/' in front */
static int
serve_indexed(const struct tn_assets *assets, struct tn_req *req,
    struct tn_res *res, struct tn_slice path)
{
	struct tn_slice name = tn_slice_after(path, 1);
	bool is_hidden = false;
	int rc = TN_NEXT;

	if (path.len > 0 && tn_slice_ends(path, TN_SLICE("/")))
		return tn_assets_send(assets, req, res, tn_arena_printf(
		    req->arena, "%.*s%s", TN_SLICE_ARG(name), assets->index));
	if (path.len > 0)
		rc = tn_assets_send(assets, req, res, name);
	if (rc != TN_NEXT || (path.len > 0 && (!is_shown(name, &is_hidden) ||
	    (is_hidden && assets->dotfiles != TN_DOTFILES_ALLOW))) ||
	    !is_folder(assets, req, name))
		return rc;
	return go_into(req, res);
}

static int
serve(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct mounted *m = arg;
	struct tn_slice path = tn_slice_after(req->path, req->base_url.len);
	struct tn_slice rest = tn_slice_after(path, m->prefix.len);
	int rc;

	if ((req->method != TN_METHOD_GET && req->method != TN_METHOD_HEAD) ||
	    !tn_slice_starts(path, m->prefix) ||
	    (rest.len > 0 && rest.ptr[0] != '/'))
		return TN_NEXT;
	if (m->assets->index == NULL)
		return tn_assets_send(m->assets, req, res,
		    tn_slice_after(rest, 1));
	rc = serve_indexed(m->assets, req, res, rest);
	return rc != TN_NEXT || !req->arena->overflowed ? rc :
	    tn_err_set(&req->err, TN_E_NOMEM, "no memory for path");
}

struct tn_step
tn_static(const char *prefix, const struct tn_assets *assets)
{
	size_t len = strlen(prefix);
	struct mounted *m = calloc(1, sizeof(*m) + len + 1);

	if (m == NULL)
		return (struct tn_step){ .fn = NULL };
	while (len > 0 && prefix[len - 1] == '/')
		len--;		/* "/" itself: files at the root */
	memcpy(m->text, prefix, len);
	m->prefix = tn_slice(m->text, len);
	m->assets = assets;
	return (struct tn_step){ .fn = serve, .arg = m, .fini = free };
}
