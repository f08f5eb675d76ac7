#include "config.h"

#include "host/client_bundle.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

enum {
	MAX_FILE_BYTES = 8 << 20,
	MAX_VERSION = 64,
	READ_BYTES = 65536,
};

#define FNV_START	UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME	UINT64_C(0x100000001b3)

#define SCRIPT		"application/javascript; charset=utf-8"
#define SOURCE_MAP	"application/json; charset=utf-8"

static const struct {
	const char *name;
	const char *type;
} names[] = {
	{ "socket.io.js",		   SCRIPT },
	{ "socket.io.js.map",		   SOURCE_MAP },
	{ "socket.io.min.js",		   SCRIPT },
	{ "socket.io.min.js.map",	   SOURCE_MAP },
	{ "socket.io.esm.min.js",	   SCRIPT },
	{ "socket.io.esm.min.js.map",	   SOURCE_MAP },
	{ "socket.io.msgpack.min.js",	   SCRIPT },
	{ "socket.io.msgpack.min.js.map", SOURCE_MAP },
};

enum { FILES = sizeof(names) / sizeof(names[0]), HEADERS = 2 };

struct tn_client_bundle {
	struct tn_buf files[FILES];	/* empty: not there */
	char tag[MAX_VERSION + 3];	/* with quotes */
	struct tn_pair headers[HEADERS];
};

/* Returns false if the file is not there, or cannot be read whole. */
static bool
read_file(const char *dir, const char *name, size_t max, struct tn_buf *out)
{
	char path[4096];
	char *room;
	size_t n;
	FILE *f;

	tn_buf_init(out, max);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    sizeof(path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	do {
		size_t ask = max - out->len < READ_BYTES ?
		    max - out->len : READ_BYTES;

		room = ask == 0 ? NULL : tn_buf_room(out, ask);
		n = room == NULL ? 0 : fread(room, 1, ask, f);
		out->len += n;
	} while (n > 0);
	n = (size_t)getc(f);
	fclose(f);
	if (n == (size_t)EOF && out->failed == 0)
		return true;
	tn_buf_fini(out);
	return false;
}

static bool
is_version(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '"')
			return false;
	}
	return s.len > 0;
}

/* The same for the same contents, whoever reads them (FNV-1a). */
static uint64_t
hash_files(const struct tn_client_bundle *b)
{
	uint64_t hash = FNV_START;

	for (size_t i = 0; i < FILES; i++) {
		for (size_t k = 0; k < b->files[i].len; k++) {
			hash ^= (unsigned char)b->files[i].ptr[k];
			hash *= FNV_PRIME;
		}
	}
	return hash;
}

static void
make_tag(struct tn_client_bundle *b, const char *dir)
{
	struct tn_slice version;
	struct tn_buf text;

	read_file(dir, "VERSION", MAX_VERSION, &text);
	version = tn_buf_view(&text);
	while (version.len > 0 && version.ptr[version.len - 1] <= ' ')
		version.len--;
	if (is_version(version))
		snprintf(b->tag, sizeof(b->tag), "\"%.*s\"",
		    TN_SLICE_ARG(version));
	else
		snprintf(b->tag, sizeof(b->tag), "\"%016llx\"",
		    (unsigned long long)hash_files(b));
	tn_buf_fini(&text);
	b->headers[0] = (struct tn_pair){
		TN_SLICE("Cache-Control"), TN_SLICE("public, max-age=0"),
	};
	b->headers[1] = (struct tn_pair){
		TN_SLICE("ETag"), tn_slice_str(b->tag),
	};
}

struct tn_client_bundle *
tn_client_bundle_load(const char *dir, struct tn_err *err)
{
	struct tn_client_bundle *b = calloc(1, sizeof(*b));
	size_t found = 0;

	if (b == NULL) {
		tn_err_set(err, TN_E_NOMEM, "client bundle");
		return NULL;
	}
	for (size_t i = 0; i < FILES; i++)
		found += read_file(dir, names[i].name, MAX_FILE_BYTES,
		    &b->files[i]);
	if (found == 0) {
		tn_err_set(err, TN_E_CONFIG, "no socket.io.js in %s; "
		    "client_dir is the dist of npm's socket.io-client, or "
		    "empty", dir);
		tn_client_bundle_free(&b);
		return NULL;
	}
	make_tag(b, dir);
	return b;
}

void
tn_client_bundle_free(struct tn_client_bundle **bundle)
{
	struct tn_client_bundle *old = *bundle;

	*bundle = NULL;
	if (old == NULL)
		return;
	for (size_t i = 0; i < FILES; i++)
		tn_buf_fini(&old->files[i]);
	free(old);
}

/* If-None-Match is a list; a weak tag matches too. */
static bool
client_has_it(struct tn_slice tags, struct tn_slice tag)
{
	while (tags.ptr != NULL) {
		struct tn_slice one = tn_slice_trim(tn_slice_cut(&tags, ','));

		if (tn_slice_starts(one, TN_SLICE("W/")))
			one = tn_slice_after(one, 2);
		if (tn_slice_eq(one, tag))
			return true;
	}
	return false;
}

static const struct tn_buf *
find(const struct tn_client_bundle *b, struct tn_slice file, const char **type)
{
	for (size_t i = 0; i < FILES; i++) {
		if (b->files[i].len > 0 && tn_slice_is(file, names[i].name)) {
			*type = names[i].type;
			return &b->files[i];
		}
	}
	return NULL;
}

bool
tn_client_bundle_serve(const struct tn_client_bundle *bundle,
    const struct tn_io_request *request, struct tn_slice file,
    struct tn_io_reply *reply)
{
	const char *type;
	const struct tn_buf *content = find(bundle, file, &type);
	struct tn_slice tags = tn_pair_last(request->headers,
	    request->nheaders, "if-none-match");

	if (content == NULL)
		return false;
	*reply = (struct tn_io_reply){
		.status = 200,
		.type = tn_slice_str(type),
		.headers = bundle->headers,
		.nheaders = HEADERS,
		.body = tn_buf_view(content),
	};
	if (!tn_slice_is(request->method, "GET") &&
	    !tn_slice_is(request->method, "HEAD")) {
		*reply = (struct tn_io_reply){ .status = 405 };
	} else if (client_has_it(tags, tn_slice_str(bundle->tag))) {
		reply->status = 304;
		reply->type = reply->body = TN_SLICE_NONE;
	}
	return true;
}
