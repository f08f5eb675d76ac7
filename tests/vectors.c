#include "config.h"

#include "vectors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_BYTES = 4 << 20 };

void
tn_vectors_open(struct tn_vectors *v, const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[1024];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/data/%s",
	    srcdir == NULL ? "." : srcdir, name);
	f = fopen(path, "re");
	ck_assert_msg(f != NULL, "no %s", path);
	v->text = malloc(MAX_BYTES);
	ck_assert_ptr_nonnull(v->text);
	n = fread(v->text, 1, MAX_BYTES, f);
	fclose(f);
	ck_assert(n > 0 && n < MAX_BYTES);
	v->rest = tn_slice(v->text, n);
	v->line = 0;
}

void
tn_vectors_close(struct tn_vectors *v)
{
	free(v->text);
}

static char
unescape(struct tn_slice *in)
{
	char c = in->ptr[0];

	*in = tn_slice_after(*in, 1);
	switch (c) {
	case 't':
		return '\t';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 'x':
		ck_assert(in->len >= 2);
		c = (char)(tn_hex_digit(in->ptr[0]) << 4 |
		    tn_hex_digit(in->ptr[1]));
		*in = tn_slice_after(*in, 2);
		return c;
	default:
		return c;
	}
}

static struct tn_slice
decode(struct tn_slice in)
{
	char *to = (char *)(uintptr_t)in.ptr, *from = to;

	if (tn_slice_is(in, "\\-"))
		return TN_SLICE_NONE;
	while (in.len > 0) {
		char c = in.ptr[0];

		in = tn_slice_after(in, 1);
		*to++ = c == '\\' && in.len > 0 ? unescape(&in) : c;
	}
	return tn_slice(from, (size_t)(to - from));
}

bool
tn_vectors_next(struct tn_vectors *v, struct tn_vector *out)
{
	struct tn_slice line = TN_SLICE_NONE;

	while (line.len == 0 || line.ptr[0] == '#') {
		if (v->rest.len == 0)
			return false;
		line = tn_slice_cut(&v->rest, '\n');
		v->line++;
	}
	*out = (struct tn_vector){ .line = v->line };
	while (line.ptr != NULL && out->n < TN_VECTOR_FIELDS)
		out->field[out->n++] = decode(tn_slice_cut(&line, '\t'));
	return true;
}
