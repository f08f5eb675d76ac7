#include "config.h"

#include "web/range.h"

#include "base/err.h"

/* Digits alone; what does not fit is more than any size. */
static bool
read_position(struct tn_slice s, uint64_t *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	}
	if (s.len > 0 && !tn_slice_u64(s, out))
		*out = UINT64_MAX;
	return s.len > 0;
}

/* Returns 1, 0 if it cannot be satisfied, TN_E_SYNTAX. */
static int
read_range(struct tn_slice text, uint64_t size, struct tn_range *out)
{
	struct tn_slice first, last;
	uint64_t from = 0, to = 0;
	bool has_from, has_to;

	if (!tn_slice_split(text, '-', &first, &last))
		return TN_E_SYNTAX;
	has_from = read_position(first, &from);
	has_to = read_position(last, &to);
	if ((!has_from && first.len > 0) || (!has_to && last.len > 0) ||
	    (!has_from && !has_to))
		return TN_E_SYNTAX;
	if (!has_from) {
		if (to == 0)
			return 0;
		from = to < size ? size - to : 0;
		to = UINT64_MAX;
	}
	if (!has_to || to >= size)
		to = size - 1;
	if (size == 0 || from > to)
		return 0;
	*out = (struct tn_range){ from, to };
	return 1;
}

static bool
touch(const struct tn_range *a, const struct tn_range *b)
{
	return a->first <= b->last + 1 && b->first <= a->last + 1;
}

/* Put it into the first that it touches; what then touches that, too. */
static void
join(struct tn_range *out, size_t *n)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < *n; i++) {
			size_t j = i + 1;

			while (j < *n && !touch(&out[i], &out[j]))
				j++;
			if (j == *n)
				continue;
			if (out[j].first < out[i].first)
				out[i].first = out[j].first;
			if (out[j].last > out[i].last)
				out[i].last = out[j].last;
			--*n;
			memmove(&out[j], &out[j + 1],
			    (*n - j) * sizeof(*out));
			again = true;
		}
	}
}

int
tn_range_parse(uint64_t size, struct tn_slice header, bool combine,
    struct tn_range *out, size_t *n)
{
	struct tn_slice rest = header;
	struct tn_slice unit = tn_slice_cut(&rest, '=');

	*n = 0;
	if (!tn_slice_is(unit, "bytes") || rest.ptr == NULL)
		return TN_E_SYNTAX;
	while (rest.ptr != NULL) {
		struct tn_range range;
		int rc = read_range(tn_slice_cut(&rest, ','), size, &range);

		if (rc < 0 || (rc > 0 && *n == TN_LIMIT_RANGES))
			return TN_E_SYNTAX;
		if (rc > 0)
			out[(*n)++] = range;
	}
	if (combine)
		join(out, n);
	return *n > 0;
}
