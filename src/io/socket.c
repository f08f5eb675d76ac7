#include "config.h"

#include <stdlib.h>

#include "io/inner.h"

/* ---- life -----------------------------------------------------------------*/

static bool
keep_auth(struct tn_socket *s, struct tn_slice auth)
{
	if (auth.len == 0)
		return true;
	s->auth = malloc(auth.len);
	if (s->auth == NULL)
		return false;
	memcpy(s->auth, auth.ptr, auth.len);
	s->auth_len = (uint32_t)auth.len;
	return true;
}

struct tn_socket *
tn_socket_new(struct tn_client *client, struct tn_ns *ns,
    struct tn_slice auth)
{
	struct tn_socket *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->ns = ns;
	s->client = client;
	s->state = TN_SOCKET_CONNECTING;
	tn_list_init(&s->acks);
	if (!keep_auth(s, auth) || tn_slot_take(client->io, s) < 0) {
		free(s->auth);
		free(s);
		return NULL;
	}
	tn_list_append(&client->sockets, &s->link);
	client->nsockets++;
	return s;
}

static void
leave_ns(struct tn_socket *s)
{
	struct tn_ns *ns = s->ns;
	struct tn_socket *last = ns->sockets[--ns->len];

	ns->sockets[s->at] = last;
	last->at = s->at;
}

/* Call newest->same first, so that the oldest comes first. */
static void
call_disconnect(const struct tn_handlers *set, struct tn_socket *s,
    const char *reason)
{
	if (set->same != NULL)
		call_disconnect(set->same, s, reason);
	set->handler.fn.disconnect(s, reason, set->handler.arg);
}

static void
fire_disconnect(struct tn_socket *s, const char *name, const char *reason)
{
	struct tn_handlers *set = tn_handlers_ref(s->handlers);
	const struct tn_handlers *found =
	    tn_handlers_find(set, tn_slice_str(name));

	if (found != NULL)
		call_disconnect(found, s, reason);
	tn_handlers_unref(&s->ns->io->handlers, &set);
}

/* Out of every table; what is left is memory. */
static void
take_out(struct tn_socket *s)
{
	tn_rooms_leave_all(s);
	if (s->state == TN_SOCKET_LEAVING)
		leave_ns(s);
	s->state = TN_SOCKET_GONE;
	tn_slot_give(s->ns->io, s);
	tn_list_remove(&s->link);
	s->client->nsockets--;
}

static void
give_back(struct tn_socket *s)
{
	struct tn_io *io = s->ns->io;

	tn_acks_drop(s);
	s->client = NULL;
	tn_handlers_unref(&io->handlers, &s->handlers);
	if (s->data_free != NULL)
		s->data_free(s->data);
	s->data = NULL;
	s->data_free = NULL;
	free(s->auth);
	free(s->data_json);
	free(s->pid);
	s->auth = s->data_json = s->pid = NULL;
	tn_io_bury(io, s);
}

/* Reasons after which the same client may be expected back. */
static bool
is_recoverable(const char *reason)
{
	static const char *const reasons[] = {
		"transport error", "transport close", "forced close",
		"ping timeout", "server shutting down", "forced server close",
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	}
	return false;
}

static void
persist(const struct tn_socket *s)
{
	struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET];
	struct tn_adapter *a = s->ns->io->adapter;
	struct tn_saved_session session = {
		.pid = tn_slice_str(s->pid), .sid = tn_slice_str(s->id),
		.rooms = rooms, .nrooms = s->njoined,
		.data = tn_socket_data_json(s),
	};

	for (size_t i = 0; i < s->njoined; i++)
		rooms[i] = tn_socket_room(s, i);
	a->ops->persist(a, s->ns, &session);
}

void
tn_socket_drop(struct tn_socket *s, const char *reason)
{
	bool was_connected = s->state == TN_SOCKET_CONNECTED;

	if (s->state == TN_SOCKET_LEAVING || s->state == TN_SOCKET_GONE)
		return;
	if (was_connected) {
		s->state = TN_SOCKET_LEAVING;
		fire_disconnect(s, "disconnecting", reason);
		if (s->pid != NULL && is_recoverable(reason))
			persist(s);
	}
	take_out(s);
	if (was_connected)
		fire_disconnect(s, "disconnect", reason);
	give_back(s);
}

/* The next of the client's sockets that is not already on its way out. */
static struct tn_socket *
next_connected(const struct tn_client *client)
{
	for (struct tn_list *it = client->sockets.next;
	    it != &client->sockets; it = it->next) {
		struct tn_socket *s = TN_CONTAINER(it, struct tn_socket, link);

		if (s->state == TN_SOCKET_CONNECTED)
			return s;
	}
	return NULL;
}

static void
disconnect(struct tn_socket *s)
{
	if (s->state == TN_SOCKET_CONNECTED)
		tn_socket_send(s, TN_SIO_DISCONNECT, TN_SLICE_NONE);
	tn_socket_drop(s, "server namespace disconnect");
}

void
tn_socket_disconnect(struct tn_socket *s, bool close)
{
	struct tn_client *client = s->client;

	if (client == NULL)
		return;
	disconnect(s);
	if (!close)
		return;
	while ((s = next_connected(client)) != NULL)
		disconnect(s);
	tn_client_close(client);
}

/* ---- sending --------------------------------------------------------------*/

void
tn_socket_send(struct tn_socket *s, enum tn_sio_type type,
    struct tn_slice data)
{
	struct tn_sio_packet packet = {
		.type = type, .nsp = tn_ns_name(s->ns), .data = data,
	};

	tn_client_send(s->client, &packet, true);
}

/* ---- handlers -------------------------------------------------------------*/

static void
call_event(const struct tn_handlers *set, struct tn_socket *s,
    const struct tn_event *event)
{
	if (set->same != NULL)
		call_event(set->same, s, event);
	if (s->state == TN_SOCKET_CONNECTED)
		set->handler.fn.event(s, event, set->handler.arg);
}

void
tn_socket_fire(struct tn_socket *s, struct tn_slice name,
    const struct tn_event *event)
{
	struct tn_handlers *set = tn_handlers_ref(s->handlers);
	const struct tn_handlers *found = tn_handlers_find(set, name);

	if (found != NULL)
		call_event(found, s, event);
	tn_handlers_unref(&s->ns->io->handlers, &set);
}

int
tn_socket_on(struct tn_socket *s, const char *name, tn_event_fn *fn,
    void *arg)
{
	struct tn_handler h = { .name = name, .fn.event = fn, .arg = arg };

	if (s->state == TN_SOCKET_GONE ||
	    tn_sio_is_reserved(tn_slice_str(name)))
		return TN_E_STATE;
	return tn_handlers_add(&s->ns->io->handlers, &s->handlers, &h);
}

/* What a disconnect must undo would stay: better no connection at all. */
static void
on_reserved(struct tn_socket *s, const char *name, tn_disconnect_fn *fn,
    void *arg)
{
	struct tn_handler h = { .name = name, .fn.disconnect = fn,
		.arg = arg };

	if (s->state != TN_SOCKET_GONE &&
	    tn_handlers_add(&s->ns->io->handlers, &s->handlers, &h) < 0)
		tn_client_close(s->client);
}

void
tn_socket_on_disconnecting(struct tn_socket *s, tn_disconnect_fn *fn,
    void *arg)
{
	on_reserved(s, "disconnecting", fn, arg);
}

void
tn_socket_on_disconnect(struct tn_socket *s, tn_disconnect_fn *fn, void *arg)
{
	on_reserved(s, "disconnect", fn, arg);
}

/* ---- what is known of it --------------------------------------------------*/

const char *
tn_socket_id(const struct tn_socket *s)
{
	return s->id;
}

struct tn_ns *
tn_socket_ns(const struct tn_socket *s)
{
	return s->ns;
}

struct tn_slice
tn_socket_header(const struct tn_socket *s, const char *name)
{
	return s->client == NULL ? TN_SLICE_NONE :
	    tn_handshake_header(s->client->handshake, name);
}

struct tn_slice
tn_socket_address(const struct tn_socket *s)
{
	return s->client == NULL ? TN_SLICE_NONE :
	    tn_handshake_address(s->client->handshake);
}

struct tn_slice
tn_socket_auth(const struct tn_socket *s)
{
	return s->auth == NULL ? TN_SLICE("{}") :
	    tn_slice(s->auth, s->auth_len);
}

void
tn_socket_set_data(struct tn_socket *s, void *data,
    void (*free_fn)(void *data))
{
	if (s->data_free != NULL)
		s->data_free(s->data);
	s->data = data;
	s->data_free = free_fn;
	if (s->state == TN_SOCKET_GONE && s->client == NULL) {
		if (free_fn != NULL)	/* too late to be freed with it */
			free_fn(data);
		s->data = NULL;
		s->data_free = NULL;
	}
}

void *
tn_socket_data(const struct tn_socket *s)
{
	return s->data;
}

int
tn_socket_set_data_json(struct tn_socket *s, struct tn_slice json)
{
	char *copy;

	if (s->client == NULL)
		return TN_E_STATE;
	if (json.len > TN_LIMIT_SOCKET_DATA)
		return TN_E_LIMIT;
	copy = malloc(json.len + 1);
	if (copy == NULL)
		return TN_E_NOMEM;
	memcpy(copy, json.ptr, json.len);
	copy[json.len] = '\0';
	free(s->data_json);
	s->data_json = copy;
	return 0;
}

struct tn_slice
tn_socket_data_json(const struct tn_socket *s)
{
	return s->data_json == NULL ? TN_SLICE("{}") :
	    tn_slice_str(s->data_json);
}

bool
tn_socket_recovered(const struct tn_socket *s)
{
	return s->recovered;
}

int
tn_socket_join(struct tn_socket *s, struct tn_slice room)
{
	if (s->state == TN_SOCKET_GONE)
		return TN_E_STATE;
	return tn_rooms_join(s, room);
}

void
tn_socket_leave(struct tn_socket *s, struct tn_slice room)
{
	tn_rooms_leave(s, room);
}

bool
tn_socket_in(const struct tn_socket *s, struct tn_slice room)
{
	return tn_rooms_has(s, room);
}

struct tn_slice
tn_socket_room(const struct tn_socket *s, size_t i)
{
	const struct tn_room *room;

	if (i >= s->njoined)
		return TN_SLICE_NONE;
	room = s->joined[i].room;
	return tn_slice(room->name, room->name_len);
}
