#include "config.h"

#include "web/negotiate.h"

#include "web/mime.h"

/* One element of an Accept header, or an offer read in the same way. */
struct spec {
	struct tn_slice value;
	struct tn_slice params;	/* all behind it, from its ';' */
	double q;
	long order;
};

/* How well an offer does: what counts first stands first. */
struct rank {
	double q;
	int fit;
	long order;
};

/* ---- Reading ---------------------------------------------------------------- */

/* The bytes up to stop, or of all; a quoted string hides it. */
static size_t
quoted_end(struct tn_slice s, size_t i)
{
	for (i++; i < s.len && s.ptr[i] != '"'; i++) {
		if (s.ptr[i] == '\\')
			i++;
	}
	return i < s.len ? i + 1 : s.len;
}

/* Up to ';' or, at the end of the element, ','. */
static size_t
value_end(struct tn_slice s, size_t i)
{
	while (i < s.len && s.ptr[i] != ';' && s.ptr[i] != ',')
		i++;
	return i;
}

/*
 * One parameter off the front of *rest, which begins at ';'. Quotes count
 * only right behind '='. Returns false when no more come in this element.
 */
static bool
next_param(struct tn_slice *rest, struct tn_slice *name,
    struct tn_slice *value)
{
	size_t i = 1, start;

	if (rest->len == 0 || rest->ptr[0] != ';')
		return false;
	while (i < rest->len && rest->ptr[i] != '=' && rest->ptr[i] != ';' &&
	    rest->ptr[i] != ',')
		i++;
	*name = tn_slice_trim(tn_slice(rest->ptr + 1, i - 1));
	*value = TN_SLICE_NONE;
	if (i < rest->len && rest->ptr[i] == '=') {
		i++;
		while (i < rest->len && (rest->ptr[i] == ' ' ||
		    rest->ptr[i] == '\t'))
			i++;
		start = i;
		if (i < rest->len && rest->ptr[i] == '"')
			i = quoted_end(*rest, i);
		i = value_end(*rest, i);
		*value = tn_slice_trim(tn_slice(rest->ptr + start, i - start));
	}
	*rest = tn_slice_after(*rest, i);
	return true;
}

/* As parseFloat: as much of it as is a number; 0 if nothing is. */
static double
read_q(struct tn_slice s)
{
	double q = 0, unit = 1;
	bool is_negative = s.len > 0 && s.ptr[0] == '-', fraction = false;

	if (is_negative)
		return 0;
	for (size_t i = 0; i < s.len && i < 16; i++) {
		char c = s.ptr[i];

		if (c == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		if (fraction)
			q += (c - '0') * (unit /= 10);
		else
			q = q * 10 + (c - '0');
	}
	return q;
}

static struct tn_slice
unquote(struct tn_slice s)
{
	if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
		return tn_slice(s.ptr + 1, s.len - 2);
	return s;
}

static bool
is_q(struct tn_slice name)
{
	return tn_slice_ieq(name, TN_SLICE("q"));
}

/* The next element. Returns false at the end. */
static bool
next_spec(struct tn_slice *rest, struct spec *spec, long order)
{
	struct tn_slice name, value;
	bool has_q = false;
	size_t end;

	if (rest->len == 0)
		return false;
	end = value_end(*rest, 0);
	*spec = (struct spec){ .q = 1, .order = order,
		.value = tn_slice_trim(tn_slice_first(*rest, end)) };
	*rest = tn_slice_after(*rest, end);
	spec->params = *rest;
	while (next_param(rest, &name, &value)) {
		if (is_q(name) && !has_q && value.len > 0)
			spec->q = read_q(unquote(value));
		has_q |= is_q(name) && value.ptr != NULL;
	}
	spec->params.len = (size_t)(rest->len == 0 ? spec->params.len :
	    (size_t)(rest->ptr - spec->params.ptr));
	*rest = tn_slice_after(*rest, 1);	/* the comma */
	return true;
}

/* ---- How an element fits an offer: < 0 not at all, else the more the better */

static struct tn_slice
param_of(struct tn_slice params, struct tn_slice wanted)
{
	struct tn_slice name, value;

	while (next_param(&params, &name, &value)) {
		if (tn_slice_ieq(name, wanted))
			return unquote(value);
	}
	return TN_SLICE_NONE;
}

/* Has the offer all parameters that the element asks for? */
static bool
params_fit(struct tn_slice asked, struct tn_slice offered, bool *any)
{
	struct tn_slice name, value;

	*any = false;
	while (next_param(&asked, &name, &value)) {
		if (is_q(name) || value.ptr == NULL)
			continue;
		*any = true;
		value = unquote(value);
		if (!tn_slice_is(value, "*") &&
		    !tn_slice_ieq(value, param_of(offered, name)))
			return false;
	}
	return true;
}

static int
fit_type(const struct spec *spec, const struct spec *offer)
{
	struct tn_slice sub = spec->value, offered_sub = offer->value;
	struct tn_slice type = tn_slice_cut(&sub, '/');
	struct tn_slice offered = tn_slice_cut(&offered_sub, '/');
	int fit = 0;
	bool any;

	if (sub.ptr == NULL || offered_sub.ptr == NULL)
		return -1;
	if (tn_slice_ieq(type, offered))
		fit |= 4;
	else if (!tn_slice_is(type, "*"))
		return -1;
	if (tn_slice_ieq(sub, offered_sub))
		fit |= 2;
	else if (!tn_slice_is(sub, "*"))
		return -1;
	if (!params_fit(spec->params, offer->params, &any))
		return -1;
	return any ? fit | 1 : fit;
}

/* "en" of "en-GB". */
static struct tn_slice
prefix(struct tn_slice tag)
{
	return tn_slice_cut(&tag, '-');
}

static int
fit_language(const struct spec *spec, const struct spec *offer)
{
	if (tn_slice_ieq(spec->value, offer->value))
		return 4;
	if (tn_slice_ieq(prefix(spec->value), offer->value))
		return 2;
	if (tn_slice_ieq(spec->value, prefix(offer->value)))
		return 1;
	return tn_slice_is(spec->value, "*") ? 0 : -1;
}

static int
fit_word(const struct spec *spec, const struct spec *offer)
{
	if (tn_slice_ieq(spec->value, offer->value))
		return 1;
	return tn_slice_is(spec->value, "*") ? 0 : -1;
}

static int
fit(enum tn_accept_kind kind, const struct spec *spec,
    const struct spec *offer)
{
	switch (kind) {
	case TN_ACCEPT_TYPE:
		return fit_type(spec, offer);
	case TN_ACCEPT_LANGUAGE:
		return fit_language(spec, offer);
	default:
		return fit_word(spec, offer);
	}
}

/* ---- Ranking ---------------------------------------------------------------- */

/* Of the elements that fit an offer the most exact counts. */
static void
take_better(struct rank *best, int fits, const struct spec *spec)
{
	bool better = fits != best->fit ? fits > best->fit :
	    spec->q > best->q || (!(spec->q < best->q) &&
	    spec->order > best->order);

	if (best->order < 0 || better)
		*best = (struct rank){ spec->q, fits, spec->order };
}

/*
 * Unless the header speaks of it, "identity" is as good as the least of what
 * it names.
 */
static void
rank_identity(struct rank *best, const struct spec *offer, double least,
    bool spoken_of, long order)
{
	struct spec identity = { .value = TN_SLICE("identity"), .q = least,
		.order = order };
	int fits = spoken_of ? -1 : fit_word(&identity, offer);

	if (fits >= 0)
		take_better(best, fits, &identity);
}

static struct rank
rank_offer(enum tn_accept_kind kind, struct tn_slice header,
    const struct spec *offer)
{
	static const struct spec plain = { .value = { "identity", 8 } };
	struct rank best = { 0, 0, -1 };
	bool spoken_of = false;
	double least = 1;
	struct spec spec;
	long order = 0;

	for (; next_spec(&header, &spec, order); order++) {
		int fits = spec.value.len == 0 ? -1 : fit(kind, &spec, offer);

		if (fits >= 0)
			take_better(&best, fits, &spec);
		if (spec.value.len == 0)
			continue;
		spoken_of |= fit_word(&spec, &plain) >= 0;
		if (spec.q > 0 && spec.q < least)
			least = spec.q;
	}
	if (kind == TN_ACCEPT_ENCODING)
		rank_identity(&best, offer, least, spoken_of, order);
	return best;
}

static bool
is_before(const struct rank *a, const struct rank *b)
{
	if (a->q > b->q || a->q < b->q)
		return a->q > b->q;
	if (a->fit != b->fit)
		return a->fit > b->fit;
	return a->order < b->order;
}

/* An extension stands for its type. */
static bool
read_offer(enum tn_accept_kind kind, const char *text, struct spec *offer)
{
	struct tn_slice rest = tn_slice_str(text);

	if (kind == TN_ACCEPT_TYPE && tn_slice_find(rest, '/') < 0) {
		rest = tn_slice_str(tn_mime_lookup(rest));
		rest = tn_slice_cut(&rest, ';');
	}
	return next_spec(&rest, offer, 0);
}

int
tn_negotiate(enum tn_accept_kind kind, struct tn_slice header,
    const char *const *offers)
{
	struct rank best = { 0, 0, -1 };
	int chosen = -1;

	if (kind == TN_ACCEPT_TYPE && header.len == 0)
		return offers[0] == NULL ? -1 : 0;
	if (kind != TN_ACCEPT_ENCODING && header.ptr == NULL)
		header = TN_SLICE("*");
	for (int i = 0; offers[i] != NULL; i++) {
		struct spec offer;
		struct rank rank;

		if (!read_offer(kind, offers[i], &offer))
			continue;
		rank = rank_offer(kind, header, &offer);
		if (rank.q > 0 && (chosen < 0 || is_before(&rank, &best))) {
			chosen = i;
			best = rank;
		}
	}
	return chosen;
}
