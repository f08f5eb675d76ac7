/*
 * The chat's events, as its clients know them.
 *
 * What answers the sender comes twice: as the event of the same name, which
 * the first clients wait for, and as the ack, for those that ask for one.
 */
#include "config.h"

#include "site.h"

#include "base/buf.h"
#include "base/json.h"
#include "cluster/relay.h"

#define ROOM_JSON_BYTES	(6 * TN_LIMIT_CHAT_ROOM + 64)

/* Answering. */

static void
answer(struct tn_event_ref *event, const char *name, struct tn_slice json)
{
	struct tn_socket *socket = tn_event_ref_socket(event);

	if (socket != NULL)
		tn_socket_emit(socket, name, json);
	tn_event_ref_ack(event, json);
}

/* A room as clients give it: {"room":"lobby"}, or just "lobby". */
static bool
read_room(const struct tn_event *event, const char *name,
    struct chat_room *room, struct tn_slice *value)
{
	struct tn_slice arg;

	*value = TN_SLICE_NONE;
	if (!tn_event_arg(event, 0, &arg))
		return false;
	if (tn_json_type(arg) == TN_JSON_STRING)
		*value = arg;
	else
		tn_json_get(arg, name, value);
	return value->len > 0 && chat_room_read(room, *value);
}

/* A flag of the event's object. */
static bool
is_true(const struct tn_event *event, const char *name)
{
	struct tn_slice arg, value;

	return tn_event_arg(event, 0, &arg) &&
	    tn_json_get(arg, name, &value) &&
	    tn_json_type(value) == TN_JSON_TRUE;
}

/* GetMe */

static void
get_me(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	const struct member *member = tn_socket_data(socket);

	(void)arg;
	tn_socket_emit(socket, "GetMe", member->user.json);
	tn_event_ack(event, member->user.json);
}

/* GetUser {room}, or {room, count: true} for their number alone */

static void
users_read(struct tn_slice users, const struct tn_err *err, void *arg)
{
	struct tn_event_ref *event = arg;

	if (err != NULL)
		return tn_event_ref_refuse(event, err->text);
	answer(event, "GetUser", users);
}

static void
counted(struct tn_slice count, const struct tn_err *err, void *arg)
{
	struct tn_event_ref *event = arg;

	if (err != NULL)
		return tn_event_ref_refuse(event, err->text);
	tn_event_ref_ack(event, count);
}

static void
get_user(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct site *site = arg;
	struct chat_room room;
	struct tn_slice value;

	if (!read_room(event, "room", &room, &value))
		return tn_event_refuse(event, "GetUser wants {room}");
	if (!tn_socket_in(socket, room.io))
		return tn_event_refuse(event, "not in that room");
	if (is_true(event, "count"))
		chat_count(&site->chat, room.io, counted, tn_event_hold(event));
	else
		chat_users(&site->chat, room.io, users_read,
		    tn_event_hold(event));
}

/* GetChat {room}, and if wanted since (an id) and limit */

static void
chats_read(struct tn_slice chats, const struct tn_err *err, void *arg)
{
	struct tn_event_ref *event = arg;

	if (err != NULL)
		return tn_event_ref_refuse(event, err->text);
	answer(event, "GetChat", chats);
}

/* A whole number of the event's object; or preset, if there is none. */
static int64_t
read_number(const struct tn_event *event, const char *name, int64_t preset)
{
	struct tn_slice arg, value;
	int64_t number;

	if (tn_event_arg(event, 0, &arg) && tn_json_get(arg, name, &value) &&
	    tn_json_i64(value, &number) && number >= 0)
		return number;
	return preset;
}

/* Every room is public: who may enter it may read what was said. */
static void
get_chat(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct site *site = arg;
	struct chat_room room;
	struct tn_slice value;

	(void)socket;
	if (!read_room(event, "room", &room, &value))
		return tn_event_refuse(event, "GetChat wants {room}");
	chat_history(&site->chat, room.io, read_number(event, "since", -1),
	    (size_t)read_number(event, "limit", 0), chats_read,
	    tn_event_hold(event));
}

/* AddChat {room, message}, and if wanted an id of the client's own */

static void
chat_added(const struct chat_message *message, const struct tn_err *err,
    void *arg)
{
	struct tn_event_ref *event = arg;	/* a handle: the socket may be gone by now */
	struct tn_socket *socket = tn_event_ref_socket(event);
	struct tn_ns *ns = tn_event_ref_ns(event);

	if (err != NULL)
		return tn_event_ref_refuse(event, err->text);
	if (message->is_new && !message->is_relayed && ns != NULL)
		tn_emit(tn_in(ns, message->room), "AddChat", message->json);
	if (!message->is_new && socket != NULL)	/* the others have had it */
		tn_socket_emit(socket, "AddChat", message->json);
	tn_event_ref_ack(event, message->receipt);
}

/* As tn_emit above writes it, for Redis to send. */
bool
chat_relay(struct tn_slice room, struct tn_slice json, struct tn_relay *out,
    void *arg)
{
	struct site *site = arg;
	struct tn_broadcast_packet packet = { .rooms = &room, .nrooms = 1 };
	struct tn_buf data;
	bool good;

	tn_buf_init(&data, json.len + 16);
	tn_buf_str(&data, "[\"AddChat\",");
	tn_buf_slice(&data, json);
	tn_buf_char(&data, ']');
	good = site->ns != NULL &&
	    tn_buf_finish(&data, &packet.data, NULL) == 0 &&
	    tn_relay_write(out, tn_slice_str(site->settings.cluster.prefix),
	    tn_ns_name(site->ns), &packet,
	    settings_recovery_events(&site->settings)) == 0;
	tn_buf_fini(&data);
	return good;
}

static void
add_chat(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct site *site = arg;
	const struct member *member = tn_socket_data(socket);
	struct chat_draft draft;

	if (!chat_draft_read(event->args, &draft))
		return tn_event_refuse(event, "AddChat wants {room, message}");
	if (!tn_socket_in(socket, draft.room))
		return tn_event_refuse(event, "not in that room");
	draft.user = &member->user;
	chat_add(&site->chat, &draft, chat_added, tn_event_hold(event));	/* answered when Redis has it */
}

/*
 * What was said while Redis was away from this node has not come: those who
 * keep the numbers of messages may ask for what they miss.
 */
void
rooms_resync(struct site *site)
{
	if (site->ns != NULL)
		tn_emit(tn_local(tn_all(site->ns)), "Resync", TN_SLICE_NONE);
}

/* GetRoom */

static void
rooms_read(struct tn_slice rooms, const struct tn_err *err, void *arg)
{
	struct tn_event_ref *event = arg;

	if (err != NULL)
		return tn_event_ref_refuse(event, err->text);
	answer(event, "GetRoom", rooms);
}

static void
get_room(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct site *site = arg;

	(void)socket;
	chat_rooms(&site->chat, rooms_read, tn_event_hold(event));
}

/* Leaving, and AddRoom {name}: enter a room; without keep, leave the others */

void
user_left(const struct chat_change *change, void *arg)
{
	struct site *site = arg;

	if (site->ns != NULL)
		tn_emit(tn_in(site->ns, change->room), "RemoveUser",
		    change->user);
}

void
user_entered(const struct chat_change *change, void *arg)
{
	struct site *site = arg;

	if (site->ns != NULL)
		tn_emit(tn_except(tn_in(site->ns, change->room),
		    change->socket), "AddUser", change->user);
}

static void
leave_rooms(struct tn_socket *socket, struct site *site, struct tn_slice but)
{
	const struct member *member = tn_socket_data(socket);
	struct tn_slice room;
	size_t i = 0;

	while ((room = tn_socket_room(socket, i)).ptr != NULL) {
		if (tn_slice_eq(room, but)) {
			i++;
			continue;
		}
		chat_leave(&site->chat, room, &member->user, CHAT_LEAVES);
		tn_socket_leave(socket, room);
	}
}

static void
room_added(const struct tn_err *err, void *arg)
{
	struct tn_event_ref *event = arg;

	if (err != NULL)
		return tn_event_ref_refuse(event, err->text);
	tn_event_ref_ack(event, TN_SLICE("true"));
}

static void
enter_room(struct tn_socket *socket, const struct tn_event *event,
    struct site *site, struct tn_slice room)
{
	const struct member *member = tn_socket_data(socket);
	struct tn_buf json;

	if (!tn_socket_in(socket, room)) {
		if (tn_socket_join(socket, room) < 0)
			return tn_event_refuse(event, "too many rooms");
		chat_enter(&site->chat, room, &member->user,
		    tn_socket_id(socket));
	}
	tn_buf_init(&json, ROOM_JSON_BYTES);
	chat_room_write(&json, room);
	if (json.failed == 0)
		tn_emit(tn_broadcast(socket), "AddRoom", tn_buf_view(&json));
	tn_buf_fini(&json);
	chat_room_add(&site->chat, room, room_added, tn_event_hold(event));
}

static void
add_room(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct site *site = arg;
	struct chat_room room;
	struct tn_slice value;
	bool named = read_room(event, "name", &room, &value);

	if (!named && value.len > 0 && !tn_slice_is(value, "\"\"") &&
	    !tn_slice_is(value, "null"))
		return tn_event_refuse(event, "AddRoom wants {name}");
	if (!is_true(event, "keep"))
		leave_rooms(socket, site, named ? room.io : TN_SLICE_NONE);
	if (!named)
		return tn_event_ack(event, TN_SLICE("true"));
	enter_room(socket, event, site, room.io);
}

/* Did it go because it wanted to, or was told to? Else it may come back. */
static enum chat_leaving
leaving(const char *reason)
{
	static const char *const lost[] = {
		"transport close", "transport error", "ping timeout",
		"server shutting down",
	};

	for (size_t i = 0; i < sizeof(lost) / sizeof(*lost); i++)
		if (strcmp(reason, lost[i]) == 0)
			return CHAT_IS_LOST;
	return CHAT_LEAVES;
}

/* disconnect: the rooms are left by themselves, who was in them is told here */
static void
disconnecting(struct tn_socket *socket, const char *reason, void *arg)
{
	struct site *site = arg;
	const struct member *member = tn_socket_data(socket);
	struct tn_slice room;

	for (size_t i = 0; (room = tn_socket_room(socket, i)).ptr != NULL; i++)
		chat_leave(&site->chat, room, &member->user, leaving(reason));
}

/* It stands in its rooms, and this node says that its user is there. */
static void
enter_again(struct tn_socket *socket, struct site *site)
{
	const struct member *member = tn_socket_data(socket);
	struct tn_slice room;

	for (size_t i = 0; (room = tn_socket_room(socket, i)).ptr != NULL; i++)
		chat_enter(&site->chat, room, &member->user,
		    tn_socket_id(socket));
}

void
socket_connection(struct tn_socket *socket, void *site)
{
	const struct member *member = tn_socket_data(socket);

	tn_socket_on(socket, "GetMe", get_me, site);
	tn_socket_on(socket, "GetUser", get_user, site);
	tn_socket_on(socket, "GetChat", get_chat, site);
	tn_socket_on(socket, "AddChat", add_chat, site);
	tn_socket_on(socket, "GetRoom", get_room, site);
	tn_socket_on(socket, "AddRoom", add_room, site);
	tn_socket_on_disconnecting(socket, disconnecting, site);
	if (tn_socket_recovered(socket))
		return enter_again(socket, site);
	tn_socket_emit(socket, "message", TN_SLICE("{\"message\":\"Hey!\"}"));
	tn_socket_emit(socket, "message", member->user.json);
}
