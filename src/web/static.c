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
#include "session/cookie.h"
#include "web/head.h"

/* A file up to this is sent in one piece, bigger ones in pieces of it. */
enum { PIECE_BYTES = 65536 };

enum { FILE_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

static const struct {
	const char *ending;
	const char *type;
} types[] = {
	{ ".html",	"text/html; charset=utf-8" },
	{ ".css",	"text/css; charset=utf-8" },
	{ ".js",	"text/javascript; charset=utf-8" },
	{ ".mjs",	"text/javascript; charset=utf-8" },
	{ ".json",	"application/json; charset=utf-8" },
	{ ".map",	"application/json; charset=utf-8" },
	{ ".txt",	"text/plain; charset=utf-8" },
	{ ".svg",	"image/svg+xml" },
	{ ".png",	"image/png" },
	{ ".jpg",	"image/jpeg" },
	{ ".jpeg",	"image/jpeg" },
	{ ".gif",	"image/gif" },
	{ ".webp",	"image/webp" },
	{ ".avif",	"image/avif" },
	{ ".ico",	"image/vnd.microsoft.icon" },
	{ ".woff",	"font/woff" },
	{ ".woff2",	"font/woff2" },
	{ ".wasm",	"application/wasm" },
	{ ".pdf",	"application/pdf" },
	{ ".xml",	"application/xml" },
	{ ".webmanifest", "application/manifest+json" },
};

struct mounted {
	struct tn_slice prefix;
	const struct tn_assets *assets;
	char text[];
};

const char *
tn_static_type(struct tn_slice path)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (tn_slice_ends(path, tn_slice_str(types[i].ending)))
			return types[i].type;
	}
	return "application/octet-stream";
}

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

/* No part empty or beginning with '.', which covers "..", and no NUL. */
static bool
is_shown(struct tn_slice path)
{
	if (path.len == 0 || path.len >= TN_LIMIT_PATH_BYTES ||
	    tn_slice_find(path, '\0') >= 0)
		return false;
	while (path.ptr != NULL) {
		struct tn_slice part = tn_slice_cut(&path, '/');

		if (part.len == 0 || part.ptr[0] == '.')
			return false;
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
describe(const struct tn_assets *assets, struct tn_res *res,
    struct tn_slice path, const struct stat *st)
{
	struct tn_buf *text = &res->out;	/* free until the head */

	tn_res_put(res, "Content-Type",
	    tn_slice_str(tn_static_type(path)));
	tn_buf_reset(text);
	tn_cookie_date(text, (int64_t)st->st_mtim.tv_sec * 1000);
	tn_res_set(res, "Last-Modified", tn_buf_view(text));
	tn_res_set(res, "ETag", tn_arena_printf(res->arena, "\"%llx-%llx.%lx\"",
	    (unsigned long long)st->st_size,
	    (unsigned long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec));
	if (tn_res_get(res, "Cache-Control").ptr != NULL)
		return;
	if (assets->max_age_s > 0)
		tn_res_set(res, "Cache-Control", tn_arena_printf(res->arena,
		    "public, max-age=%d", assets->max_age_s));
	else
		tn_res_put(res, "Cache-Control", TN_SLICE("no-cache"));
}

/* The next want bytes of a file, into res->page. Returns how many came. */
static size_t
read_piece(struct tn_res *res, int fd, size_t want)
{
	char *to;

	tn_buf_reset(&res->page);
	to = tn_buf_room(&res->page, want);
	while (to != NULL && res->page.len < want) {
		ssize_t n = read(fd, to + res->page.len,
		    want - res->page.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		res->page.len += (size_t)n;
	}
	return res->page.len;
}

/* It was as long as this a moment ago; who cut it since gets a cut answer. */
static int
cut_short(struct tn_res *res)
{
	res->is_broken = res->state != TN_RES_OPEN;
	return tn_err_set(&res->req->err, TN_E_SYSTEM,
	    "a file that became shorter while it was sent");
}

static int
send_pieces(struct tn_res *res, int fd, uint64_t left)
{
	tn_res_set(res, "Content-Length", tn_arena_printf(res->arena, "%llu",
	    (unsigned long long)left));
	while (left > 0) {
		size_t want = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		int rc;

		if (read_piece(res, fd, want) < want)
			return cut_short(res);
		rc = tn_res_write(res, tn_buf_view(&res->page));
		if (rc < 0)
			return rc;
		left -= want;
	}
	return tn_res_end(res);
}

static int
send_head_alone(struct tn_res *res, uint64_t size)
{
	int rc;

	tn_res_set(res, "Content-Length", tn_arena_printf(res->arena, "%llu",
	    (unsigned long long)size));
	rc = tn_res_write(res, TN_SLICE_NONE);
	return rc < 0 ? rc : tn_res_end(res);
}

static int
send_file(struct tn_req *req, struct tn_res *res, int fd, uint64_t size)
{
	if (tn_res_is_fresh(res))
		return tn_res_send(res, TN_SLICE_NONE);
	if (req->method == TN_METHOD_HEAD)
		return send_head_alone(res, size);
	if (size > PIECE_BYTES)
		return send_pieces(res, fd, size);
	if (read_piece(res, fd, (size_t)size) < size)
		return cut_short(res);
	return tn_res_send(res, tn_buf_view(&res->page));
}

int
tn_assets_send(const struct tn_assets *assets, struct tn_req *req,
    struct tn_res *res, struct tn_slice path)
{
	struct stat st;
	int fd = -1, rc;

	if (!is_shown(path))
		return TN_NEXT;
	rc = open_file(assets, req, path, &fd, &st);
	if (rc <= 0)
		return rc;
	describe(assets, res, path, &st);
	rc = send_file(req, res, fd, (uint64_t)st.st_size);
	close(fd);
	return rc;
}

static int
serve(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct mounted *m = arg;
	struct tn_slice rest = tn_slice_after(req->path, m->prefix.len);

	if ((req->method != TN_METHOD_GET && req->method != TN_METHOD_HEAD) ||
	    !tn_slice_starts(req->path, m->prefix) ||
	    rest.len == 0 || rest.ptr[0] != '/')
		return TN_NEXT;
	return tn_assets_send(m->assets, req, res, tn_slice_after(rest, 1));
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
	return (struct tn_step){ serve, m, free };
}
