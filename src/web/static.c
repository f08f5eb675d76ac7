#include "config.h"

#include "web/static.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "session/cookie.h"

#define CHUNK_BYTES	65536		/* read and sent at a time */

/* ---- Types ------------------------------------------------------------------*/

static const struct {
	const char *ending, *type;
} types[] = {
	{ ".css",	"text/css; charset=utf-8" },
	{ ".gif",	"image/gif" },
	{ ".html",	"text/html; charset=utf-8" },
	{ ".ico",	"image/x-icon" },
	{ ".jpeg",	"image/jpeg" },
	{ ".jpg",	"image/jpeg" },
	{ ".js",	"text/javascript; charset=utf-8" },
	{ ".json",	"application/json; charset=utf-8" },
	{ ".map",	"application/json; charset=utf-8" },
	{ ".mjs",	"text/javascript; charset=utf-8" },
	{ ".pdf",	"application/pdf" },
	{ ".png",	"image/png" },
	{ ".svg",	"image/svg+xml" },
	{ ".txt",	"text/plain; charset=utf-8" },
	{ ".wasm",	"application/wasm" },
	{ ".webmanifest", "application/manifest+json" },
	{ ".webp",	"image/webp" },
	{ ".woff",	"font/woff" },
	{ ".woff2",	"font/woff2" },
	{ ".xml",	"application/xml" },
};

const char *
tn_static_type(struct tn_slice path)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (tn_slice_ends(path, tn_slice_str(types[i].ending)))
			return types[i].type;
	return "application/octet-stream";
}

/* ---- Opening, and never outside ---------------------------------------------*/

int
tn_assets_open(struct tn_assets *assets, const char *dir, int max_age_s,
    struct tn_err *err)
{
	*assets = (struct tn_assets){ .max_age_s = max_age_s };
	assets->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (assets->dir_fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "%s", dir);
	return 0;
}

void
tn_assets_close(struct tn_assets *assets)
{
	if (assets->dir_fd >= 0)
		close(assets->dir_fd);
	assets->dir_fd = -1;
}

/* No part of the path is empty or hidden; ".." begins with a dot too. */
static bool
is_shown(struct tn_slice path)
{
	if (path.len == 0 || tn_slice_find(path, '\0') >= 0)
		return false;
	while (path.ptr != NULL) {
		struct tn_slice part = tn_slice_cut(&path, '/');

		if (part.len == 0 || part.ptr[0] == '.')
			return false;
	}
	return true;
}

/* Part by part, for kernels and sandboxes without openat2. */
static int
open_by_parts(int dir_fd, struct tn_slice path)
{
	int fd = dup(dir_fd);

	while (fd >= 0 && path.ptr != NULL) {
		struct tn_slice part = tn_slice_cut(&path, '/');
		bool is_last = path.ptr == NULL;
		char name[256];
		int next = -1;

		if (part.len < sizeof(name)) {
			memcpy(name, part.ptr, part.len);
			name[part.len] = '\0';
			next = openat(fd, name, O_RDONLY | O_NOFOLLOW |
			    O_CLOEXEC | O_NONBLOCK |
			    (is_last ? 0 : O_DIRECTORY));
		}
		close(fd);
		fd = next;
	}
	return fd;
}

static int
open_beneath(const struct tn_assets *assets, struct tn_slice path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};
	char name[TN_LIMIT_PATH_BYTES + 1];
	long fd;

	if (path.len >= sizeof(name))
		return -1;
	memcpy(name, path.ptr, path.len);
	name[path.len] = '\0';
	if (!assets->no_openat2) {
		fd = syscall(SYS_openat2, assets->dir_fd, name, &how,
		    sizeof(how));
		if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
			return (int)fd;
	}
	return open_by_parts(assets->dir_fd, path);
}

/* ---- Sending ----------------------------------------------------------------*/

static void
set_headers(const struct tn_assets *assets, struct tn_res *res,
    struct tn_slice path, const struct stat *st)
{
	struct tn_buf text;

	tn_buf_init(&text, 128);
	tn_buf_printf(&text, "W/\"%llx-%llx\"",
	    (unsigned long long)st->st_size,
	    (unsigned long long)st->st_mtim.tv_sec * 1000 +
	    (unsigned long long)st->st_mtim.tv_nsec / 1000000);
	tn_res_set(res, "ETag", tn_buf_view(&text));
	tn_buf_reset(&text);
	tn_cookie_date(&text, (int64_t)st->st_mtim.tv_sec * 1000);
	tn_res_set(res, "Last-Modified", tn_buf_view(&text));
	tn_buf_reset(&text);
	if (assets->max_age_s > 0)
		tn_buf_printf(&text, "public, max-age=%d", assets->max_age_s);
	else
		tn_buf_str(&text, "no-cache");
	tn_res_set(res, "Cache-Control", tn_buf_view(&text));
	tn_res_type(res, tn_static_type(path));
	tn_buf_fini(&text);
}

static void
set_length(struct tn_res *res, off_t size)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)size);

	tn_res_set(res, "Content-Length", tn_slice(text, (size_t)n));
}

/*
 * The size was announced: what the file has grown since is not sent, and one
 * that has shrunk breaks the answer off.
 */
static int
send_bytes(struct tn_req *req, struct tn_res *res, int fd, off_t left)
{
	char chunk[CHUNK_BYTES];

	while (left > 0) {
		size_t want = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
		ssize_t n = read(fd, chunk, want);
		int e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			res->is_broken = true;
			return tn_err_set(&req->err, TN_E_IO,
			    "a file became shorter while it was sent");
		}
		e = tn_res_write(res, tn_slice(chunk, (size_t)n));
		if (e < 0)
			return e;
		left -= n;
	}
	return tn_res_end(res);
}

static int
send_open_file(const struct tn_assets *assets, struct tn_req *req,
    struct tn_res *res, struct tn_slice path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return TN_NEXT;
	set_headers(assets, res, path, &st);
	if (tn_res_is_fresh(res)) {
		tn_res_status(res, 304);
		return tn_res_end(res);
	}
	set_length(res, st.st_size);
	if (req->method == TN_METHOD_HEAD)
		return tn_res_end(res);
	return send_bytes(req, res, fd, st.st_size);
}

int
tn_assets_send(const struct tn_assets *assets, struct tn_req *req,
    struct tn_res *res, struct tn_slice path)
{
	int fd, answer;

	if (!is_shown(path))
		return TN_NEXT;
	fd = open_beneath(assets, path);
	if (fd < 0)
		return TN_NEXT;
	answer = send_open_file(assets, req, res, path, fd);
	close(fd);
	return answer;
}

/* ---- As middleware ----------------------------------------------------------*/

struct mounted {
	struct tn_slice prefix;		/* "/assets/" */
	const struct tn_assets *assets;
	char text[];
};

static int
serve(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct mounted *m = arg;

	if (req->method != TN_METHOD_GET && req->method != TN_METHOD_HEAD)
		return TN_NEXT;
	if (!tn_slice_starts(req->path, m->prefix))
		return TN_NEXT;
	return tn_assets_send(m->assets, req, res,
	    tn_slice_after(req->path, m->prefix.len));
}

struct tn_step
tn_static(const char *prefix, const struct tn_assets *assets)
{
	size_t len = strlen(prefix);
	struct mounted *m = calloc(1, sizeof(*m) + len + 2);

	if (m == NULL)
		return (struct tn_step){ NULL, NULL, NULL };
	memcpy(m->text, prefix, len);
	if (len == 0 || prefix[len - 1] != '/')
		m->text[len] = '/';
	m->prefix = tn_slice_str(m->text);
	m->assets = assets;
	return (struct tn_step){ serve, m, free };
}
