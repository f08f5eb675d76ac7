#include "config.h"

#include "io/http_coding.h"

#include <stdbool.h>

enum { THOUSANDTHS = 1000 };

static const char *const names[] = {
	[TN_CODING_GZIP] = "gzip",
	[TN_CODING_DEFLATE] = "deflate",
};

/* What the header says of one coding. */
struct spec {
	int q;			/* thousandths; 0: not accepted */
	bool is_named;		/* not by "*" */
	size_t order;		/* in the header */
};

/* A weight, "0.5", in thousandths; what is none is 0. */
static int
read_q(struct tn_slice text)
{
	int q = 0, worth = THOUSANDTHS;

	for (size_t i = 0; i < text.len; i++) {
		const char c = text.ptr[i];

		if (c == '.' && i == 1) {
			worth = THOUSANDTHS / 10;
			continue;
		}
		if (c < '0' || c > '9' || (i > 0 && worth == THOUSANDTHS))
			return 0;
		q += (c - '0') * worth;
		if (i > 0)
			worth /= 10;
	}
	return q < THOUSANDTHS ? q : THOUSANDTHS;
}

/* One element: "gzip;q=0.5". */
static struct tn_slice
read_element(struct tn_slice element, int *q)
{
	struct tn_slice name = tn_slice_trim(tn_slice_cut(&element, ';'));
	struct tn_slice key, value;

	*q = THOUSANDTHS;
	while (element.ptr != NULL) {
		struct tn_slice pair = tn_slice_cut(&element, ';');

		if (tn_slice_split(pair, '=', &key, &value) &&
		    tn_slice_ieq(tn_slice_trim(key), TN_SLICE("q")))
			*q = read_q(tn_slice_trim(value));
	}
	return name;
}

/* A name counts before "*"; the same again by its weight, then if later. */
static void
look_at(struct spec *known, const struct spec *said)
{
	if (known->is_named != said->is_named ? said->is_named :
	    said->q >= known->q)
		*known = *said;
}

static struct spec
find(struct tn_slice header, const char *coding)
{
	struct spec known = { 0 };

	for (size_t i = 0; header.ptr != NULL; i++) {
		struct spec said = { .order = i };
		struct tn_slice name = read_element(tn_slice_cut(&header, ','),
		    &said.q);

		said.is_named = tn_slice_ieq(name, tn_slice_str(coding));
		if (said.is_named || tn_slice_is(name, "*"))
			look_at(&known, &said);
	}
	return known;
}

/* Is b liked better? */
static bool
is_better(const struct spec *a, const struct spec *b)
{
	if (a->q != b->q)
		return b->q > a->q;
	if (a->is_named != b->is_named)
		return b->is_named;
	return b->order < a->order;
}

enum tn_http_coding
tn_http_coding_choose(struct tn_slice header)
{
	struct spec gzip, deflate;

	gzip = find(header, names[TN_CODING_GZIP]);
	deflate = find(header, names[TN_CODING_DEFLATE]);
	if (deflate.q > 0 && is_better(&gzip, &deflate))
		return TN_CODING_DEFLATE;
	return gzip.q > 0 ? TN_CODING_GZIP : TN_CODING_NONE;
}

const char *
tn_http_coding_name(enum tn_http_coding coding)
{
	return names[coding];
}
