#include "config.h"

#include "base/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/err.h"

enum {
	RAW = -MAX_WBITS,	/* no header of zlib's: we write those */
	MEMORY = 8,		/* zlib's preset */
	STEP_BYTES = 16384,	/* made at a time */
	AT_BLOCK = 128,		/* z_stream.data_type: between two blocks */
};

/* What a flush ends with, and a WebSocket leaves out (RFC 7692, 7.2.1). */
static const unsigned char tail[4] = { 0, 0, 0xff, 0xff };

struct tn_deflate {
	z_stream pack;
	z_stream unpack;
	unsigned char step[STEP_BYTES];
};

/* Ours, so that tests can run out of it. */
static voidpf
take(voidpf opaque, uInt n, uInt size)
{
	(void)opaque;
	return calloc(n, size);
}

static void
give_back(voidpf opaque, voidpf p)
{
	(void)opaque;
	free(p);
}

struct tn_deflate *
tn_deflate_new(void)
{
	struct tn_deflate *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->pack.zalloc = d->unpack.zalloc = take;
	d->pack.zfree = d->unpack.zfree = give_back;
	if (deflateInit2(&d->pack, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW,
	    MEMORY, Z_DEFAULT_STRATEGY) != Z_OK ||
	    inflateInit2(&d->unpack, RAW) != Z_OK)
		tn_deflate_free(&d);
	return d;
}

void
tn_deflate_free(struct tn_deflate **d)
{
	struct tn_deflate *old = *d;

	*d = NULL;
	if (old == NULL)
		return;
	deflateEnd(&old->pack);
	inflateEnd(&old->unpack);
	free(old);
}

static void
give(z_stream *z, const void *bytes, size_t len)
{
	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = (uInt)len;
}

/* A number of so many bytes, the lowest first or last. */
static void
put_number(struct tn_buf *out, uLong n, int bytes, bool lowest_first)
{
	for (int i = 0; i < bytes; i++)
		tn_buf_char(out, (char)(n >> 8 *
		    (lowest_first ? i : bytes - 1 - i) & 0xff));
}

static void
put_head(struct tn_buf *out, enum tn_deflate_form form)
{
	if (form == TN_DEFLATE_ZLIB)	/* 32 KiB back, the usual effort */
		tn_buf_bytes(out, "\x78\x9c", 2);
	else if (form == TN_DEFLATE_GZIP)	/* no time, no name; on Unix */
		tn_buf_bytes(out, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
}

static void
put_sum(struct tn_buf *out, enum tn_deflate_form form, struct tn_slice in)
{
	const Bytef *bytes = (const Bytef *)in.ptr;

	if (form == TN_DEFLATE_ZLIB) {
		put_number(out, adler32(1, bytes, (uInt)in.len), 4, false);
	} else if (form == TN_DEFLATE_GZIP) {
		put_number(out, crc32(0, bytes, (uInt)in.len), 4, true);
		put_number(out, in.len, 4, true);
	}
}

static void
run_pack(struct tn_deflate *d, int flush, struct tn_buf *out)
{
	do {
		d->pack.next_out = d->step;
		d->pack.avail_out = STEP_BYTES;
		deflate(&d->pack, flush);	/* cannot fail: it has room */
		tn_buf_bytes(out, d->step, STEP_BYTES - d->pack.avail_out);
	} while (d->pack.avail_out == 0 && out->failed == 0);
}

int
tn_deflate_pack(struct tn_deflate *d, struct tn_slice in,
    enum tn_deflate_form form, struct tn_buf *out)
{
	const bool is_message = form == TN_DEFLATE_MESSAGE;

	if (in.len > INT32_MAX)
		return TN_E_LIMIT;
	if (in.len == 0)
		in = TN_SLICE("");	/* a sum of NULL is none */
	deflateReset(&d->pack);
	give(&d->pack, in.ptr, in.len);
	put_head(out, form);
	run_pack(d, is_message ? Z_SYNC_FLUSH : Z_FINISH, out);
	put_sum(out, form, in);
	if (out->failed == 0 && is_message)
		out->len -= sizeof(tail);
	return out->failed;
}

/* Returns Z_OK when all was taken, Z_STREAM_END, or what went wrong. */
static int
run_unpack(struct tn_deflate *d, const void *bytes, size_t len,
    struct tn_buf *out)
{
	int state = Z_OK;

	give(&d->unpack, bytes, len);
	do {
		d->unpack.next_out = d->step;
		d->unpack.avail_out = STEP_BYTES;
		state = inflate(&d->unpack, Z_SYNC_FLUSH);
		tn_buf_bytes(out, d->step, STEP_BYTES - d->unpack.avail_out);
	} while (state == Z_OK && d->unpack.avail_out == 0 && out->failed == 0);
	/* no progress is none that could be made: all was taken before */
	return state == Z_BUF_ERROR ? Z_OK : state;
}

int
tn_deflate_unpack(struct tn_deflate *d, struct tn_slice in, struct tn_buf *out)
{
	int state;

	if (in.len > INT32_MAX)
		return TN_E_LIMIT;
	inflateReset(&d->unpack);
	state = run_unpack(d, in.ptr, in.len, out);
	if (state == Z_OK && out->failed == 0)
		state = run_unpack(d, tail, sizeof(tail), out);
	if (out->failed != 0)
		return out->failed;
	if (state == Z_MEM_ERROR)
		return TN_E_NOMEM;
	if (state == Z_STREAM_END)
		return 0;
	return state == Z_OK && (d->unpack.data_type & AT_BLOCK) != 0 ? 0 :
	    TN_E_SYNTAX;
}
