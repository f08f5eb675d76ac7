/*
 * Route patterns: ":name", "*rest", "{optional}"; compiled once, matched
 * without regular expressions, with the results of path-to-regexp 8.
 */
#ifndef TN_PATTERN_H
#define TN_PATTERN_H

#include "base/url.h"

struct tn_err;

enum tn_part_kind { TN_PART_TEXT, TN_PART_NAME, TN_PART_REST };

/* What a parameter may be when it cannot be the first thing it is offered. */
enum tn_part_other { TN_OTHER_NONE, TN_OTHER_STOP, TN_OTHER_SEGMENT };

struct tn_part {
	enum tn_part_kind kind;
	struct tn_slice text;	/* literal, or the name of the parameter */
	/*
	 * Of a parameter: it holds no '/', and it does not reach where the
	 * texts parts[stop] .. parts[stop + nstop - 1] begin.
	 */
	bool stops_at_slash;
	unsigned short stop, nstop;
	enum tn_part_other other;
};

struct tn_pattern {
	char *text;		/* as it was given, for messages */
	char *pool;		/* texts and names, escapes undone */
	struct tn_part *parts;	/* of all forms, one after the other */
	size_t n, cap;
	/* The forms, one for each choice of groups; with all of them first. */
	unsigned short *ends;	/* a form ends before parts[ends[i]] */
	size_t nforms;
	bool is_anything;	/* "/" that need not end */
	bool is_open;		/* need not end: more may follow a '/' */
	bool is_strict;		/* a last '/' counts */
	bool is_sensitive;	/* case counts */
};

enum { TN_PATTERN_OPEN = 1, TN_PATTERN_STRICT = 2, TN_PATTERN_SENSITIVE = 4 };

/*
 * text   "\" in front of a character makes it ordinary; a name is letters,
 *        digits, '_' and '$', or anything in double quotes
 * flags  TN_PATTERN_*
 *
 * Returns 0; TN_E_CONFIG for a pattern that is wrong: no '/' in front, a
 * name that is missing or doubled, two parameters without text between, a
 * group that is not closed, one of ()[]+?! without "\", too many names or
 * groups; TN_E_NOMEM.
 */
int tn_pattern_init(struct tn_pattern *p, const char *text, unsigned flags,
    struct tn_err *err);
void tn_pattern_fini(struct tn_pattern *p);

/*
 * Match a path, or its front if the pattern is open: then up to its end, or
 * to a '/'.
 *
 * params  the values found are put at params[*n] and *n moved on; cap of all
 *
 * Returns the bytes of path that the pattern covers, of an open one without a
 * last '/', or -1: no match, and *n is as it was.
 */
ptrdiff_t tn_pattern_match(const struct tn_pattern *p, struct tn_slice path,
    struct tn_pair *params, size_t cap, size_t *n);

#endif
