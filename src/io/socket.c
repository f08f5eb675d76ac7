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

static bool
take_slot(struct tn_socket *s)
{
	struct tn_io *io = s->client->io;

	if (tn_slot_take(io, s) < 0)
		return false;
	if (!s->client->is_v2 || tn_v2_name(s) == 0)
		return true;
	tn_slot_give(io, s);
	return false;
}

struct tn_socket *
tn_socket_new(struct tn_client *client, struct tn_ns *ns,
    struct tn_slice auth)
{
	struct tn_socket *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->ns = tn_ns_ref(ns);
	s->client = client;
	s->state = TN_SOCKET_CONNECTING;
	tn_list_init(&s->acks);
	if (!keep_auth(s, auth) || !take_slot(s)) {
		free(s->auth);
		free(s);
		tn_ns_unref(ns);
		return NULL;
	}
	tn_list_append(&client->sockets, &s->link);
	client->nsockets++;
	ns->nsockets++;
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
	if (s->state == TN_SOCKET_LEAVING)
		tn_rooms_tell_own(s, false);
	tn_rooms_leave_all(s);
	if (s->state == TN_SOCKET_LEAVING) {
		tn_adapter_socket_closed(s->ns->io->adapter, s->ns,
		    tn_slice_str(tn_socket_id(s)));
		leave_ns(s);
	}
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
	if (tn_taps_hear_out(s->taps))
		s->ns->nouts--;
	tn_taps_unref(&s->taps);
	if (s->data_free != NULL)
		s->data_free(s->data);
	s->data = NULL;
	s->data_free = NULL;
	free(s->auth);
	free(s->data_json);
	free(s->comeback);
	s->auth = s->data_json = NULL;
	s->comeback = NULL;
	tn_io_bury(io, s);
	tn_ns_left(s->ns);
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
		tn_comeback_left(s, reason);
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

/* Who still waits to be let in is told too, or it would wait for ever. */
static void
disconnect(struct tn_socket *s)
{
	if (s->state == TN_SOCKET_CONNECTED ||
	    s->state == TN_SOCKET_CONNECTING)
		tn_socket_packet(s, TN_SIO_DISCONNECT, TN_SLICE_NONE);
	tn_socket_drop(s, "server namespace disconnect");
}

void
tn_socket_disconnect(struct tn_socket *s, bool close)
{
	struct tn_client *client = s->client;
	struct tn_socket *each;

	if (client == NULL)
		return;
	if (!close) {
		disconnect(s);
		return;
	}
	while ((each = next_connected(client)) != NULL)
		disconnect(each);
	if (s->client != NULL)
		disconnect(s);	/* it is not connected yet */
	tn_client_close(client);
}

/* ---- sending --------------------------------------------------------------*/

void
tn_socket_packet(struct tn_socket *s, enum tn_sio_type type,
    struct tn_slice data)
{
	struct tn_sio_packet packet = {
		.type = type, .nsp = tn_ns_name(s->ns), .data = data,
	};

	tn_client_send(s->client, &packet, NULL, true);
}

/* ---- handlers -------------------------------------------------------------*/

static void
call_event(const struct tn_handlers *set, struct tn_socket *s,
    const struct tn_event *event)
{
	if (set->same != NULL)
		call_event(set->same, s, event);
	if (s->state != TN_SOCKET_CONNECTED || (set->handler.once &&
	    !tn_handlers_take(&s->ns->io->handlers, &s->handlers,
	    &set->handler)))
		return;
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

static int
listen(struct tn_socket *s, const struct tn_handler *h)
{
	if (s->client == NULL || tn_sio_is_reserved(tn_slice_str(h->name)))
		return TN_E_STATE;
	return tn_handlers_add(&s->ns->io->handlers, &s->handlers, h);
}

int
tn_socket_on(struct tn_socket *s, const char *name, tn_event_fn *fn,
    void *arg)
{
	const struct tn_handler h = { .name = name, .fn.event = fn,
		.arg = arg };

	return listen(s, &h);
}

int
tn_socket_once(struct tn_socket *s, const char *name, tn_event_fn *fn,
    void *arg)
{
	const struct tn_handler h = { .name = name, .fn.event = fn,
		.arg = arg, .once = true };

	return listen(s, &h);
}

static bool
is_meant(const struct tn_handler *h, const struct tn_handler *by)
{
	if (tn_sio_is_reserved(tn_slice_str(h->name)))
		return false;
	return (by->name == NULL || strcmp(h->name, by->name) == 0) &&
	    (by->fn.event == NULL || h->fn.event == by->fn.event);
}

int
tn_socket_off(struct tn_socket *s, const char *name, tn_event_fn *fn)
{
	const struct tn_handler by = { .name = name, .fn.event = fn };

	return tn_handlers_drop(&s->ns->io->handlers, &s->handlers, is_meant,
	    &by);
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
