/*
 * Namespaces that clients ask for by name. A parent stands in no table but
 * its own list; its children are ordinary namespaces that began as its copies.
 * How many there may be is limited, for it is strangers that name them.
 */
#include "config.h"

#include <stdlib.h>

#include "base/log.h"
#include "io/inner.h"
#include "io/recovery.h"

struct tn_ns *
tn_io_of_match(struct tn_io *io, tn_ns_match_fn *fn, void *arg)
{
	struct tn_ns *parent = calloc(1, sizeof(*parent) + 1), **at;

	if (parent == NULL)
		return NULL;
	parent->io = io;
	parent->refs = 1;
	parent->match = fn;
	parent->match_arg = arg;
	tn_map_init(&parent->rooms);
	for (at = &io->parents; *at != NULL; at = &(*at)->next_parent)
		;
	return *at = parent;
}

void
tn_io_on_new_namespace(struct tn_io *io, tn_new_namespace_fn *fn, void *arg)
{
	io->on_new_namespace = fn;
	io->on_new_namespace_arg = arg;
}

static bool
inherit(struct tn_ns *child, const struct tn_ns *parent)
{
	for (size_t i = 0; i < parent->nsteps; i++) {
		if (tn_ns_use(child, parent->steps[i].fn,
		    parent->steps[i].arg) < 0)
			return false;
	}
	for (size_t i = 0; i < parent->nconnections; i++) {
		if (tn_ns_on_connection(child, parent->connections[i].fn,
		    parent->connections[i].arg) < 0)
			return false;
	}
	child->may_recover = parent->may_recover;
	child->may_recover_arg = parent->may_recover_arg;
	child->on_room = parent->on_room;
	child->on_room_arg = parent->on_room_arg;
	return tn_server_handlers_copy(child, parent);
}

static struct tn_ns *
make_child(struct tn_ns *parent, struct tn_slice name)
{
	struct tn_io *io = parent->io;
	struct tn_ns *child = tn_ns_open(io, name);

	if (child == NULL)
		return NULL;
	child->parent = parent;
	io->nchildren++;
	if (!inherit(child, parent)) {
		tn_ns_retire(child);
		return NULL;
	}
	if (io->on_new_namespace != NULL)
		io->on_new_namespace(child, io->on_new_namespace_arg);
	return child;
}

int
tn_ns_find(struct tn_io *io, struct tn_slice name, struct tn_slice auth,
    struct tn_ns **found)
{
	struct tn_ns *parent = io->parents;

	*found = tn_map_get(&io->namespaces, name);
	if (*found != NULL)
		return 0;
	while (parent != NULL && !parent->match(name,
	    auth.len == 0 ? TN_SLICE("{}") : auth, parent->match_arg))
		parent = parent->next_parent;
	if (parent == NULL)
		return 0;
	if (io->nchildren >= TN_LIMIT_DYNAMIC_NSPS)
		return TN_E_LIMIT;
	*found = make_child(parent, name);
	return *found == NULL ? TN_E_NOMEM : 0;
}

void
tn_ns_retire(struct tn_ns *ns)
{
	struct tn_io *io = ns->io;

	tn_map_remove(&io->namespaces, tn_ns_name(ns));
	io->nchildren--;
	tn_ns_end(ns);
	tn_ns_unref(ns);
}

void
tn_ns_left(struct tn_ns *ns)
{
	if (--ns->nsockets == 0 && ns->parent != NULL &&
	    ns->io->cleanup_empty_namespaces &&
	    tn_map_get(&ns->io->namespaces, tn_ns_name(ns)) == ns)
		tn_ns_retire(ns);
}

int
tn_ns_each_child(struct tn_ns *parent, tn_ns_child_fn *fn, void *arg)
{
	const struct tn_map_entry *entry;
	size_t at = 0;
	int r = 0;

	while (r == 0 &&
	    (entry = tn_map_next(&parent->io->namespaces, &at)) != NULL) {
		struct tn_ns *ns = entry->value;

		if (ns->parent == parent)
			r = fn(ns, arg);
	}
	return r;
}
