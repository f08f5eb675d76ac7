#include "config.h"

#include "web/body.h"

#include <zlib.h>

enum {
	FIRST_BYTES = 4096,
	ANY_FORMAT = 32,	/* zlib's or gzip's header, as it comes */
	SMALL_BYTES = 65536,	/* up to this the ratio does not count */
};

struct sink {
	struct tn_arena *arena;
	char *text;
	size_t len, cap, max;
};

/* Room for as much again. */
static bool
grow(struct sink *s)
{
	size_t wanted = s->cap == 0 ? FIRST_BYTES : s->cap * 2;
	char *more;

	if (wanted > s->max)
		wanted = s->max;
	more = tn_arena_alloc(s->arena, wanted);
	if (more == NULL)
		return false;
	if (s->len > 0)
		memcpy(more, s->text, s->len);
	s->text = more;
	s->cap = wanted;
	return true;
}

/* A gzip file may have several members (RFC 1952, 2.2): on to the next. */
static bool
next_member(z_stream *z)
{
	return z->avail_in >= 2 && z->next_in[0] == 0x1f &&
	    z->next_in[1] == 0x8b && inflateReset(z) == Z_OK;
}

static int
run(z_stream *z, size_t in_bytes, struct sink *s, struct tn_err *err)
{
	int state = Z_OK;

	while (state == Z_OK) {
		if (s->len == s->cap && s->cap == s->max)
			return tn_err_set(err, TN_E_LIMIT,
			    "a body that inflates to more than %zu bytes",
			    s->max - 1);
		if (s->len == s->cap && !grow(s))
			return tn_err_set(err, TN_E_NOMEM,
			    "no memory for a body");
		z->next_out = (Bytef *)s->text + s->len;
		z->avail_out = (uInt)(s->cap - s->len);
		state = inflate(z, Z_NO_FLUSH);
		s->len = s->cap - z->avail_out;
		if (s->len > SMALL_BYTES &&
		    s->len / TN_LIMIT_INFLATE_RATIO > in_bytes - z->avail_in)
			return tn_err_set(err, TN_E_LIMIT,
			    "a body that inflates to more than %d times "
			    "itself", TN_LIMIT_INFLATE_RATIO);
		if (state == Z_BUF_ERROR && z->avail_out == 0)
			state = Z_OK;
		if (state == Z_STREAM_END && next_member(z))
			state = Z_OK;
	}
	if (state == Z_MEM_ERROR)
		return tn_err_set(err, TN_E_NOMEM, "no memory to inflate");
	if (state != Z_STREAM_END || z->avail_in > 0)
		return tn_err_set(err, TN_E_SYNTAX,
		    "a compressed body that is malformed or cut short");
	return 0;
}

int
tn_inflate(struct tn_slice in, size_t max_bytes, struct tn_arena *arena,
    struct tn_slice *out, struct tn_err *err)
{
	struct sink s = { .arena = arena, .max = max_bytes + 1 };
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.ptr,
		.avail_in = (uInt)in.len };
	int rc;

	*out = TN_SLICE_NONE;
	if (inflateInit2(&z, ANY_FORMAT + MAX_WBITS) != Z_OK)
		return tn_err_set(err, TN_E_NOMEM, "no memory to inflate");
	rc = run(&z, in.len, &s, err);
	inflateEnd(&z);
	if (rc != 0)
		return rc;
	if (s.len > max_bytes)
		return tn_err_set(err, TN_E_LIMIT,
		    "a body that inflates to more than %zu bytes", max_bytes);
	*out = tn_slice(s.text, s.len);
	return 0;
}
