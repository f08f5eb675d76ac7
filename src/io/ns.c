/* Namespaces: made, found, told what to call. */
#include "config.h"

#include <stdlib.h>

#include "base/log.h"
#include "io/inner.h"
#include "io/recovery.h"

/* ---- making ---------------------------------------------------------------*/

static struct tn_ns *
ns_new(struct tn_io *io, struct tn_slice name)
{
	struct tn_ns *ns = calloc(1, sizeof(*ns) + name.len + 1);

	if (ns == NULL)
		return NULL;
	ns->io = io;
	ns->refs = 1;
	tn_map_init(&ns->rooms);
	memcpy(ns->name, name.ptr, name.len);
	ns->name_len = name.len;
	if (tn_map_set(&io->namespaces, name, ns, NULL) < 0) {
		free(ns);
		return NULL;
	}
	return ns;
}

struct tn_ns *
tn_ns_open(struct tn_io *io, struct tn_slice name)
{
	struct tn_ns *ns = ns_new(io, name);
	struct tn_err err = { 0 };

	if (ns == NULL || tn_adapter_open(io->adapter, ns, &err) == 0)
		return ns;
	tn_log_event(io->log, TN_LOG_ERROR, "io.namespace",
	    TN_F_SLICE("name", name), TN_F_STR("error", err.text));
	tn_map_remove(&io->namespaces, name);
	free(ns);
	return NULL;
}

struct tn_ns *
tn_io_of(struct tn_io *io, const char *name)
{
	char full[TN_LIMIT_NSP_NAME + 1] = "/";
	size_t len = strlen(name), slash = name[0] == '/' ? 0 : 1;
	struct tn_ns *ns;

	if (slash + len > TN_LIMIT_NSP_NAME)
		return NULL;
	memcpy(full + slash, name, len);
	ns = tn_map_get(&io->namespaces, tn_slice(full, slash + len));
	return ns != NULL ? ns : tn_ns_open(io, tn_slice(full, slash + len));
}

void
tn_ns_end(struct tn_ns *ns)
{
	ns->is_over = true;
	if (ns->match == NULL)
		tn_adapter_close(ns->io->adapter, ns);
	tn_server_handlers_free(ns);
	tn_recovery_free(&ns->recovery);
	tn_map_fini(&ns->rooms);
	tn_map_init(&ns->rooms);
	free(ns->sockets);
	free(ns->steps);
	free(ns->connections);
	ns->sockets = NULL;
	ns->steps = NULL;
	ns->connections = NULL;
	ns->len = ns->cap = 0;
	ns->nsteps = ns->nconnections = 0;
}

struct tn_ns *
tn_ns_ref(struct tn_ns *ns)
{
	ns->refs++;
	return ns;
}

void
tn_ns_unref(struct tn_ns *ns)
{
	if (--ns->refs == 0)
		free(ns);
}

int
tn_ns_use(struct tn_ns *ns, tn_ns_step *fn, void *arg)
{
	struct tn_ns_step_entry *steps =
	    realloc(ns->steps, (ns->nsteps + 1) * sizeof(*steps));

	if (steps == NULL)
		return TN_E_NOMEM;
	ns->steps = steps;
	ns->steps[ns->nsteps++] = (struct tn_ns_step_entry){ fn, arg };
	return 0;
}

int
tn_ns_on_connection(struct tn_ns *ns, tn_connection_fn *fn, void *arg)
{
	struct tn_ns_connection_entry *entries = realloc(ns->connections,
	    (ns->nconnections + 1) * sizeof(*entries));

	if (entries == NULL)
		return TN_E_NOMEM;
	ns->connections = entries;
	entries[ns->nconnections++] = (struct tn_ns_connection_entry){ fn, arg };
	return 0;
}

void
tn_ns_on_room(struct tn_ns *ns, tn_room_fn *fn, void *arg)
{
	ns->on_room = fn;
	ns->on_room_arg = arg;
}

void
tn_ns_tell_room(struct tn_ns *ns, enum tn_room_event what,
    struct tn_slice room, struct tn_socket *socket)
{
	if (ns->on_room != NULL)
		ns->on_room(ns, what, room, socket, ns->on_room_arg);
}

void
tn_ns_on_recover(struct tn_ns *ns, tn_recover_fn *fn, void *arg)
{
	ns->may_recover = fn;
	ns->may_recover_arg = arg;
}

int
tn_ns_recovery_window_ms(const struct tn_ns *ns)
{
	return tn_adapter_recovers(ns->io->adapter) ?
	    ns->io->recovery_window_ms : 0;
}

struct tn_slice
tn_ns_name(const struct tn_ns *ns)
{
	return tn_slice(ns->name, ns->name_len);
}

size_t
tn_ns_len(const struct tn_ns *ns)
{
	return ns->len;
}

bool
tn_ns_has_room(const struct tn_ns *ns, struct tn_slice room)
{
	return tn_map_get(&ns->rooms, room) != NULL ||
	    tn_rooms_by_id(ns, room) != NULL;
}

bool
tn_ns_room_next(const struct tn_ns *ns, size_t *at, struct tn_slice *room)
{
	const struct tn_map_entry *entry = tn_map_next(&ns->rooms, at);

	if (entry == NULL)
		return false;
	*room = tn_slice(entry->key, entry->key_len);
	return true;
}

void
tn_ns_set_adapter_data(struct tn_ns *ns, void *data)
{
	ns->adapter_data = data;
}

void *
tn_ns_adapter_data(const struct tn_ns *ns)
{
	return ns->adapter_data;
}
