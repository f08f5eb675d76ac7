/* Route patterns: ":name", "*rest"; compiled once, matched in one pass. */
#ifndef TN_PATTERN_H
#define TN_PATTERN_H

#include "base/url.h"

struct tn_err;

enum tn_part_kind { TN_PART_TEXT, TN_PART_NAME, TN_PART_REST };

struct tn_part {
	enum tn_part_kind kind;
	struct tn_slice text;	/* literal, or the name of the parameter */
};

struct tn_pattern {
	char *text;		/* own copy; the parts point into it */
	struct tn_part *parts;
	size_t n;
};

/*
 * Returns 0; TN_E_CONFIG for a pattern that is wrong: no '/' in front, a
 * name that is empty or doubled, '*' before the end, too many names;
 * TN_E_NOMEM.
 */
int tn_pattern_init(struct tn_pattern *p, const char *text,
    struct tn_err *err);
void tn_pattern_fini(struct tn_pattern *p);

/*
 * Match the front of a path.
 *
 * params  the values found are put at params[*n] and *n moved on; cap of all
 *
 * Returns the bytes of path that the pattern covers, or -1: no match, and
 * *n is as it was.
 */
ptrdiff_t tn_pattern_match(const struct tn_pattern *p, struct tn_slice path,
    struct tn_pair *params, size_t cap, size_t *n);

#endif
