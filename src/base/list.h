/* Doubly linked lists through a member of the listed struct. */
#ifndef TN_LIST_H
#define TN_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A head, or a member's link. A link that stands in no list points to itself. */
struct tn_list {
	struct tn_list *next;
	struct tn_list *prev;
};

#define TN_CONTAINER(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void
tn_list_init(struct tn_list *l)
{
	l->next = l->prev = l;
}

static inline bool
tn_list_empty(const struct tn_list *l)
{
	return l->next == l;
}

static inline void
tn_list_remove(struct tn_list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	tn_list_init(l);
}

static inline void
tn_list_append(struct tn_list *head, struct tn_list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Walk a list whose current member may be removed in the body. */
#define TN_LIST_EACH(it, following, head)				\
	for ((it) = (head)->next, (following) = (it)->next;		\
	    (it) != (head);						\
	    (it) = (following), (following) = (it)->next)

#endif
