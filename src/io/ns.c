/*
 * Namespaces, and the way in: a CONNECT makes a socket in the state
 * "connecting", which goes from step to step until one refuses it or none is
 * left. A step may answer at once or much later; the tn_next holds a handle,
 * not the socket, so that it notices when the client has gone meanwhile.
 */
#include "config.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "io/inner.h"

/* ---- making ---------------------------------------------------------------*/

static struct tn_ns *
ns_new(struct tn_io *io, struct tn_slice name)
{
	struct tn_ns *ns = calloc(1, sizeof(*ns) + name.len + 1);

	if (ns == NULL)
		return NULL;
	ns->io = io;
	tn_map_init(&ns->rooms);
	memcpy(ns->name, name.ptr, name.len);
	ns->name_len = name.len;
	if (tn_map_set(&io->namespaces, name, ns, NULL) < 0) {
		free(ns);
		return NULL;
	}
	return ns;
}

static struct tn_ns *
ns_open(struct tn_io *io, struct tn_slice name)
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
	return ns != NULL ? ns : ns_open(io, tn_slice(full, slash + len));
}

void
tn_ns_free(struct tn_ns *ns)
{
	tn_adapter_close(ns->io->adapter, ns);
	tn_map_fini(&ns->rooms);
	free(ns->sockets);
	free(ns->steps);
	free(ns->connections);
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

/* ---- connecting -----------------------------------------------------------*/

enum verdict { WAITS, PASSED, REFUSED };

struct tn_next {
	struct tn_held held;
	size_t at;		/* the step that is asked */
	bool is_running;	/* inside that step */
	enum verdict verdict;
};

void
tn_ns_refuse(struct tn_client *client, struct tn_slice nsp,
    struct tn_slice message, struct tn_slice data)
{
	struct tn_sio_packet packet = {
		.type = TN_SIO_CONNECT_ERROR, .nsp = nsp,
	};
	struct tn_buf body;
	bool built;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_str(&body, "{\"message\":");
	tn_json_write_string(&body, message);
	if (data.len > 0) {
		tn_buf_str(&body, ",\"data\":");
		tn_buf_slice(&body, data);
	}
	tn_buf_char(&body, '}');
	built = tn_buf_finish(&body, &packet.data, NULL) == 0;
	tn_client_send(client, &packet, built);
	tn_buf_fini(&body);
}

static bool
ns_add(struct tn_ns *ns, struct tn_socket *s)
{
	uint32_t cap = ns->cap == 0 ? 16 : ns->cap * 2;
	struct tn_socket **sockets = ns->sockets;

	if (ns->len == ns->cap) {
		sockets = realloc(sockets, cap * sizeof(struct tn_socket *));
		if (sockets == NULL)
			return false;
		ns->sockets = sockets;
		ns->cap = cap;
	}
	s->at = ns->len;
	ns->sockets[ns->len++] = s;
	return true;
}

/* All steps have let it in. */
static void
socket_enter(struct tn_socket *s)
{
	struct tn_ns *ns = s->ns;
	char sid[TN_EIO_ID_LEN + 16] = "{\"sid\":\"";

	if (!ns_add(ns, s)) {
		tn_client_close(s->client);
		return;
	}
	s->state = TN_SOCKET_CONNECTED;
	tn_client_joined(s->client);
	strcat(sid, s->id);
	strcat(sid, "\"}");
	tn_socket_send(s, TN_SIO_CONNECT, tn_slice_str(sid));
	for (size_t i = 0; i < ns->nconnections; i++) {
		if (s->state == TN_SOCKET_CONNECTED)
			ns->connections[i].fn(s, ns->connections[i].arg);
	}
}

static void
next_free(struct tn_next *next)
{
	tn_held_fini(&next->held);
	free(next);
}

/* Go on from the step at next->at until one waits. */
static void
run_steps(struct tn_next *next)
{
	struct tn_socket *s;

	while ((s = tn_held_socket(&next->held)) != NULL &&
	    next->at < s->ns->nsteps) {
		struct tn_ns_step_entry step = s->ns->steps[next->at];

		next->verdict = WAITS;
		next->is_running = true;
		step.fn(s, next, step.arg);
		next->is_running = false;
		if (next->verdict == WAITS)
			return;
		if (next->verdict == REFUSED)
			break;
		next->at++;
	}
	s = tn_held_socket(&next->held);
	if (s != NULL && next->verdict != REFUSED)
		socket_enter(s);
	next_free(next);
}

void
tn_ns_connect(struct tn_ns *ns, struct tn_client *client,
    struct tn_slice auth)
{
	struct tn_socket *s = tn_socket_new(client, ns, auth);
	struct tn_next *next = calloc(1, sizeof(*next));

	if (s == NULL || next == NULL) {
		free(next);
		tn_client_close(client);
		return;
	}
	tn_held_init(&next->held, s);
	next->verdict = PASSED;
	run_steps(next);
}

struct tn_socket *
tn_next_socket(const struct tn_next *next)
{
	return tn_held_socket(&next->held);
}

void
tn_next_ok(struct tn_next *next)
{
	if (next->verdict != WAITS)
		return;
	next->verdict = PASSED;
	if (next->is_running)
		return;
	next->at++;
	run_steps(next);
}

void
tn_next_refuse(struct tn_next *next, const char *message,
    struct tn_slice data)
{
	struct tn_socket *s = tn_held_socket(&next->held);

	if (next->verdict != WAITS)
		return;
	next->verdict = REFUSED;
	if (s != NULL) {
		tn_ns_refuse(s->client, tn_ns_name(s->ns),
		    tn_slice_str(message), data);
		tn_socket_drop(s, message);
	}
	if (!next->is_running)
		next_free(next);
}
