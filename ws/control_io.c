/*
 * tandemctl about sockets and rooms. What it looks at is this worker's; what
 * it does is done on every node that has such a socket.
 */
#include "config.h"

#include "control.h"

#include "base/err.h"
#include "base/json.h"
#include "cluster/registry.h"
#include "io/adapter.h"
#include "redis/keys.h"
#include "redis/link.h"

/* ---- What there is ------------------------------------------------------- */

void
control_nodes(const struct question *q)
{
	const struct tn_registry *registry = q->site->registry;
	struct tn_slice id = tn_registry_id(registry);
	struct tn_buf out;
	size_t at = 0;

	control_begin(q->site, &out);
	tn_buf_str(&out, ",\"nodes\":[");
	for (bool is_own = true; id.ptr != NULL; is_own = false) {
		tn_buf_str(&out, is_own ? "{\"id\":" : ",{\"id\":");
		tn_json_write_string(&out, id);
		tn_buf_str(&out, is_own ? ",\"self\":true}" : ",\"self\":false}");
		id = tn_registry_next(registry, &at);
	}
	tn_buf_char(&out, ']');
	control_finish(q->call, &out);
}

/* All that is known of a socket but its session's id, which is a secret. */
static void
write_socket(struct tn_socket *socket, void *arg)
{
	struct tn_buf *out = arg;
	const struct member *member = tn_socket_data(socket);

	if (out->len > 0 && out->ptr[out->len - 1] == '}')
		tn_buf_char(out, ',');
	tn_buf_str(out, "{\"id\":");
	tn_json_write_string(out, tn_slice_str(tn_socket_id(socket)));
	tn_buf_str(out, ",\"user\":");
	tn_json_write_string(out, member == NULL ? TN_SLICE_NONE :
	    member->user.id);
	tn_buf_str(out, ",\"address\":");
	tn_json_write_string(out, tn_socket_address(socket));
	tn_buf_str(out, ",\"rooms\":[");
	for (size_t i = 0; tn_socket_room(socket, i).ptr != NULL; i++) {
		if (i > 0)
			tn_buf_char(out, ',');
		tn_json_write_string(out, tn_socket_room(socket, i));
	}
	tn_buf_str(out, "]}");
}

void
control_clients(const struct question *q)
{
	const struct tn_broadcast_packet who = {
		.rooms = q->words + 1, .nrooms = q->n - 1,
	};
	struct tn_buf out;

	control_begin(q->site, &out);
	tn_buf_str(&out, ",\"clients\":[");
	if (tn_ns_select(q->site->ns, &who, write_socket, &out) < 0)
		out.failed = TN_E_NOMEM;
	tn_buf_char(&out, ']');
	control_finish(q->call, &out);
}

/* As other nodes are told of it, with the headers of its handshake. */
static void
write_state(struct tn_socket *socket, void *arg)
{
	struct tn_buf *out = arg;

	tn_buf_str(out, ",\"client\":");
	tn_socket_write_json(socket, out);
}

void
control_client(const struct question *q)
{
	const struct tn_broadcast_packet who = {
		.rooms = q->words + 1, .nrooms = 1,
	};
	struct tn_buf out;

	control_begin(q->site, &out);
	if (tn_ns_select(q->site->ns, &who, write_state, &out) < 0)
		out.failed = TN_E_NOMEM;
	control_finish(q->call, &out);
}

static void
count_socket(struct tn_socket *socket, void *arg)
{
	size_t *n = arg;

	(void)socket;
	++*n;
}

void
control_rooms(const struct question *q)
{
	const struct tn_ns *ns = q->site->ns;
	struct tn_slice room;
	struct tn_buf out;
	size_t at = 0;
	bool is_first = true;

	control_begin(q->site, &out);
	tn_buf_str(&out, ",\"rooms\":[");
	while (tn_ns_room_next(ns, &at, &room)) {
		size_t n = 0;

		if (tn_ns_select(q->site->ns, &(struct tn_broadcast_packet){
		    .rooms = &room, .nrooms = 1 }, count_socket, &n) < 0)
			out.failed = TN_E_NOMEM;
		tn_buf_str(&out, is_first ? "{\"room\":" : ",{\"room\":");
		tn_json_write_string(&out, room);
		tn_buf_printf(&out, ",\"sockets\":%zu}", n);
		is_first = false;
	}
	tn_buf_char(&out, ']');
	control_finish(q->call, &out);
}

/* ---- What may be done ---------------------------------------------------- */

/* The record goes, and revocation ends its sockets wherever they are. */
static void
end_session(const struct question *q, struct tn_slice sid)
{
	struct tn_buf key;
	int status;

	tn_buf_init(&key, 2048);
	tn_key_session(&key,
	    tn_slice_str(q->site->settings.session.prefix), sid);
	status = key.failed != 0 ? key.failed : tn_link_call(q->site->link,
	    (struct tn_slice[]){ TN_SLICE("DEL"), tn_buf_view(&key) }, 2,
	    NULL, NULL);
	tn_buf_fini(&key);
	control_done(q, status);
}

struct leaver {
	struct tn_slice user;
	size_t n;
};

static void
end_if_users(struct tn_socket *socket, void *arg)
{
	struct leaver *leaver = arg;
	const struct member *member = tn_socket_data(socket);

	if (member == NULL || !tn_slice_eq(member->user.id, leaver->user))
		return;
	tn_socket_disconnect(socket, true);
	leaver->n++;
}

/* Of this worker: tandemctl asks each. */
static void
end_user(const struct question *q, struct tn_slice user)
{
	struct leaver leaver = { user, 0 };
	struct tn_buf out;

	control_begin(q->site, &out);
	if (tn_ns_select(q->site->ns, &(struct tn_broadcast_packet){
	    .nrooms = 0 }, end_if_users, &leaver) < 0)
		out.failed = TN_E_NOMEM;
	tn_buf_printf(&out, ",\"disconnected\":%zu", leaver.n);
	control_finish(q->call, &out);
}

void
control_disconnect(const struct question *q)
{
	const struct tn_slice kind = q->words[1], which = q->words[2];

	if (tn_slice_is(kind, "socket"))
		control_done(q, tn_sockets_disconnect(tn_in(q->site->ns, which),
		    true));
	else if (tn_slice_is(kind, "session"))
		end_session(q, which);
	else if (tn_slice_is(kind, "user"))
		end_user(q, which);
	else
		tn_control_refuse(q->call,
		    "disconnect wants socket, session or user");
}

void
control_join(const struct question *q)
{
	control_done(q, tn_sockets_join(tn_in(q->site->ns, q->words[1]),
	    q->words[2]));
}

void
control_leave(const struct question *q)
{
	control_done(q, tn_sockets_leave(tn_in(q->site->ns, q->words[1]),
	    q->words[2]));
}

/* emit ROOM EVENT [JSON...]; room "*": everybody. */
void
control_emit(const struct question *q)
{
	struct tn_ns *ns = q->site->ns;
	const struct tn_target target = tn_slice_is(q->words[1], "*") ?
	    tn_all(ns) : tn_in(ns, q->words[1]);
	char name[TN_LIMIT_EVENT_NAME + 1];
	struct tn_slice event = q->words[2], args = TN_SLICE_NONE;
	struct tn_buf b;
	struct tn_err err;
	int status = 0;

	if (event.len == 0 || event.len >= sizeof(name)) {
		tn_control_refuse(q->call, "no such name of an event");
		return;
	}
	memcpy(name, event.ptr, event.len);
	name[event.len] = '\0';
	tn_buf_init(&b, TN_LIMIT_CONTROL_REQUEST);
	for (size_t i = 3; i < q->n && status == 0; i++) {
		status = tn_json_scan(q->words[i], NULL, &err);
		if (i > 3)
			tn_buf_char(&b, ',');
		tn_buf_slice(&b, q->words[i]);
	}
	if (status < 0)
		tn_control_refuse(q->call, "an argument is not JSON");
	else if ((status = tn_buf_finish(&b, &args, NULL)) == 0)
		control_done(q, tn_emit(target, name, args));
	else
		control_done(q, status);
	tn_buf_fini(&b);
}
