/*
 * Forms with fields within fields, "user[name]=joe&tag[]=a&tag[]=b", as
 * Express's extended parser (npm's qs) reads them, but that a field named
 * "__proto__" is a field like others and a broken escape is an error.
 */
#ifndef TN_QS_H
#define TN_QS_H

#include "base/buf.h"

struct tn_arena;
struct tn_err;

enum tn_qs_kind { TN_QS_TEXT, TN_QS_LIST, TN_QS_MAP };

struct tn_qs {
	enum tn_qs_kind kind;
	struct tn_slice name;		/* of a map's member */
	struct tn_slice text;		/* of TN_QS_TEXT; UTF-8 without NUL */
	struct tn_qs *first, *next;	/* children in order; the next of them */
	size_t n;			/* children */
	/* the parser's own */
	struct tn_qs *last;
	uint64_t index;			/* in a list; of a map, the highest */
	bool is_overflow;		/* was a list that grew too long */
	bool is_conflict;		/* holds what would not go together */
};

struct tn_qs_options {
	size_t max_fields;	/* 0: TN_LIMIT_FORM_PAIRS */
	size_t max_depth;	/* of brackets; 0: TN_LIMIT_QS_DEPTH */
};

/*
 * in    as sent; out is the outermost map, in the arena
 *
 * Returns 0; TN_E_LIMIT: too many fields, TN_E_SYNTAX: a bad escape, no
 * UTF-8, a NUL, brackets too deep; TN_E_NOMEM.
 */
int tn_qs_parse(struct tn_slice in, const struct tn_qs_options *options,
    struct tn_arena *arena, const struct tn_qs **out, struct tn_err *err);

/* A member of a map, an item of a list. NULL if it is not there or no such. */
const struct tn_qs *tn_qs_get(const struct tn_qs *map, const char *name);
const struct tn_qs *tn_qs_at(const struct tn_qs *list, size_t i);

/* The text, of a list its last; ptr NULL if it is none. */
struct tn_slice tn_qs_text(const struct tn_qs *value);

/* As JSON, members in the order in which they came. */
void tn_qs_json(struct tn_buf *out, const struct tn_qs *value);

#endif
