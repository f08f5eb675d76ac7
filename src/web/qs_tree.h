/* The tree of a form while it is made of its fields. For qs.c alone. */
#ifndef TN_QS_TREE_H
#define TN_QS_TREE_H

#include "web/qs.h"

struct tn_qs_parser {
	struct tn_arena *arena;
	size_t max_depth;
	uint64_t max_list;	/* indices below this make lists */
	struct tn_err *err;
};

/* An empty one, or NULL: no memory. */
struct tn_qs *tn_qs_node(const struct tn_qs_parser *p, enum tn_qs_kind kind);

/* One more value: *list is nothing yet, one value, or a list of them. */
int tn_qs_push(const struct tn_qs_parser *p, struct tn_qs **list,
    struct tn_qs *value);

/*
 * The map or list in which value stands by this name. All but the root's
 * stood in brackets: there "" and numbers make lists. NULL: no memory.
 */
struct tn_qs *tn_qs_wrap(const struct tn_qs_parser *p, struct tn_slice name,
    bool is_root, struct tn_qs *value);

/* Put source into *target, whatever both are; another may take its place. */
int tn_qs_merge(const struct tn_qs_parser *p, struct tn_qs **target,
    struct tn_qs *source);

#endif
