/*
 * Which function hears which event: sets that many sockets share.
 *
 * A set is its parent and one handler more. Sets are interned: sockets that
 * register the same handlers in the same order hold the same pointer, so a
 * socket pays eight bytes for all its handlers.
 */
#ifndef TN_HANDLERS_H
#define TN_HANDLERS_H

#include "base/map.h"

struct tn_event;
struct tn_socket;

struct tn_handler {
	const char *name;	/* borrowed; reserved names mean disconnects */
	union {
		void (*event)(struct tn_socket *socket,
		    const struct tn_event *event, void *arg);
		void (*disconnect)(struct tn_socket *socket,
		    const char *reason, void *arg);
	} fn;
	void *arg;
	bool once;
};

struct tn_handlers {
	struct tn_handler handler;	/* the newest */
	const struct tn_handlers *same;	/* the one before of this name */
	struct tn_handlers *parent;
	struct tn_handlers **table;	/* made at the first look-up */
	uint64_t hash;
	uint32_t refs, count, mask;
};

/*
 * Exchange *set for the set with one handler more. Takes over the reference
 * in *set (NULL: none so far). Returns 0, or TN_E_NOMEM with *set unchanged.
 */
int tn_handlers_add(struct tn_map *interned, struct tn_handlers **set,
    const struct tn_handler *handler);

/*
 * Exchange it for the set without those that is_meant says. Returns 0, or
 * TN_E_NOMEM with *set unchanged.
 */
typedef bool tn_handlers_is_fn(const struct tn_handler *handler,
    const struct tn_handler *by);
int tn_handlers_drop(struct tn_map *interned, struct tn_handlers **set,
    tn_handlers_is_fn *is_meant, const struct tn_handler *by);

/* Take this very one out, if it is still there: is it? */
bool tn_handlers_take(struct tn_map *interned, struct tn_handlers **set,
    const struct tn_handler *handler);

/* The newest handler of a name, or NULL; older ones hang on its same. */
const struct tn_handlers *tn_handlers_find(struct tn_handlers *set,
    struct tn_slice name);

struct tn_handlers *tn_handlers_ref(struct tn_handlers *set);
void tn_handlers_unref(struct tn_map *interned, struct tn_handlers **set);

#endif
