/*
 * The chat: users, rooms, messages and who is present, kept in Redis.
 *
 * A room has two names. People say "lobby"; Socket.IO's room is "chat:lobby",
 * so that no text of a client can name another kind of room (a socket's own
 * id, say). Every function here takes and gives the latter; a Node server
 * that shares the cluster emits to that name too. In the chat's JSON stands
 * the former.
 *
 * What is asked of Redis is answered by a callback, called once, and in the
 * order of asking; before the asking returns, if it could not even be sent.
 * Its err is fit to be shown; the cause is in the log.
 */
#ifndef CHAT_H
#define CHAT_H

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/wheel.h"
#include "chat/settings.h"

struct tn_buf;
struct tn_link;
struct tn_loop;
struct tn_registry;
struct tn_relay;

/* Somebody came into a room, or left it. */
struct chat_change {
	struct tn_slice room;
	struct tn_slice user;		/* JSON */
	struct tn_slice socket;		/* that did it; empty: none of this node */
};

typedef void chat_change_fn(const struct chat_change *change, void *arg);

struct chat_parts {
	struct tn_loop *loop;
	struct tn_link *link;
	const struct tn_registry *registry;
	const struct tn_log *log;
	const struct settings_chat *settings;
	/*
	 * Called on one node, which then tells the others: a user has come
	 * that was not there, on any node (or has another name now), or is
	 * there no more. NULL: nobody is told.
	 */
	chat_change_fn *entered, *left;
	/*
	 * Write what makes every node say "AddChat" in a room, for Redis to
	 * publish in the step in which it keeps the message: so all hear it,
	 * in the order of its numbers, or nobody. Returns false if it cannot
	 * be written; NULL: whoever adds a message tells it.
	 */
	bool (*relay)(struct tn_slice room, struct tn_slice json,
	    struct tn_relay *out, void *arg);
	void *arg;
};

struct chat {
	struct chat_parts parts;
	struct tn_map present;		/* room, NUL, user: who is here by this node */
	struct tn_list oldest;		/* the same, the longest unannounced first */
	struct tn_list lingering;	/* those without a socket, the first to go first */
	struct tn_timer announce, linger;
};

/* parts are borrowed for its life. Free the link first: its waiters come here. */
void chat_init(struct chat *chat, const struct chat_parts *parts);
void chat_fini(struct chat *chat);

/* The link is up again: Redis may have lost what this node told it. */
void chat_link_up(struct chat *chat);

/* Another node has died, or has ended: who was there by it alone is gone. */
void chat_node_gone(struct chat *chat, struct tn_slice node);

/* Users. */

struct chat_user {
	struct tn_slice id;
	struct tn_slice json;		/* {"id":..,"displayName":..,"provider":..} */
};

/*
 * Read a user as a log-in put it into the session: an object with an id (a
 * text or an integer), displayName and provider. Anything else it holds is
 * left behind.
 *
 * value  scanned JSON; arena owns what user is given
 *
 * Returns 0; TN_E_TYPE, TN_E_LIMIT, TN_E_NOMEM.
 */
int chat_user_read(struct chat_user *user, struct tn_slice value,
    struct tn_arena *arena, struct tn_err *err);

/* Rooms. */

#define CHAT_ROOM_PREFIX	"chat:"
#define CHAT_ROOM_BYTES		(sizeof(CHAT_ROOM_PREFIX) + TN_LIMIT_CHAT_ROOM)

/* A room's name, kept where it stands: do not copy the struct. */
struct chat_room {
	char text[CHAT_ROOM_BYTES];
	struct tn_slice io;		/* of text: "chat:lobby" */
};

/*
 * Read a room's name: a JSON string of 1 to TN_LIMIT_CHAT_ROOM bytes without
 * control characters. "" is no room: false too.
 */
bool chat_room_read(struct chat_room *room, struct tn_slice value);

/* The name that people say. */
struct tn_slice chat_room_name(struct tn_slice room);

/* {"name":"lobby"} */
void chat_room_write(struct tn_buf *out, struct tn_slice room);

/* Done, or err. */
typedef void chat_done_fn(const struct tn_err *err, void *arg);

/* A list as a JSON array, "[]" if it is empty; or err, and json is empty. */
typedef void chat_list_fn(struct tn_slice json, const struct tn_err *err,
    void *arg);

/* Put a room on the list of rooms, or back to its front. */
void chat_room_add(struct chat *chat, struct tn_slice room, chat_done_fn *fn,
    void *arg);

/* [{"name":..}...], the last entered first. */
void chat_rooms(struct chat *chat, chat_list_fn *fn, void *arg);

/* Messages. */

struct chat_draft {
	struct chat_room in;
	struct tn_slice room;		/* in.io */
	struct tn_slice message;	/* raw JSON string; a view of the event */
	struct tn_slice client_id;	/* decoded; empty: none */
	char client_id_text[TN_LIMIT_CHAT_CLIENT_ID];
	const struct chat_user *user;	/* who says it: for the caller to set */
};

/* A message that Redis has; borrowed for the call. */
struct chat_message {
	struct tn_slice room;
	struct tn_slice json;	/* {"id":..,"message":..,"room":..,"user":..,"date":..} */
	struct tn_slice receipt;	/* {"id":..,"date":..} */
	bool is_new;		/* false: it was sent before, under the same id */
	bool is_relayed;	/* new, and the nodes have it by Redis */
};

typedef void chat_added_fn(const struct chat_message *message,
    const struct tn_err *err, void *arg);

/*
 * Read {room, message} and, if it has one, the client's own id from an event's
 * arguments. Returns false if that is not what they are.
 */
bool chat_draft_read(struct tn_slice args, struct chat_draft *draft);

/*
 * Keep a message under the next number of its room. One that comes again
 * with its client's id, by the same user, is not kept twice: its first
 * receipt is given again.
 */
void chat_add(struct chat *chat, const struct chat_draft *draft,
    chat_added_fn *fn, void *arg);

/*
 * The messages of a room, oldest first.
 *
 * since  < 0: the last ones; else those with a higher id
 * n      at most so many; 0, or more than settings: settings' history
 */
void chat_history(struct chat *chat, struct tn_slice room, int64_t since,
    size_t n, chat_list_fn *fn, void *arg);

/* Presence: by user, whatever the number of sockets and nodes. */

#define CHAT_SOCKET_BYTES	32	/* of a socket's id; a longer one is cut */

enum chat_leaving {
	CHAT_LEAVES,		/* wants to, or must */
	CHAT_IS_LOST,		/* its connection is: it may come back */
};

/*
 * A socket of a user entered a room, or left it. Who is lost stays for the
 * settings' grace, and has not been away if another socket enters meanwhile,
 * here or on another node.
 */
void chat_enter(struct chat *chat, struct tn_slice room,
    const struct chat_user *user, const char *socket);
void chat_leave(struct chat *chat, struct tn_slice room,
    const struct chat_user *user, enum chat_leaving how);

/* A user who is in that room has another name. */
void chat_user_changed(struct chat *chat, struct tn_slice room,
    const struct chat_user *user);

/* The users in a room, each once; those of dead nodes are left out. */
void chat_users(struct chat *chat, struct tn_slice room, chat_list_fn *fn,
    void *arg);

/* {"count":3}: their number, at no more cost in a large room than in a small. */
void chat_count(struct chat *chat, struct tn_slice room, chat_list_fn *fn,
    void *arg);

#endif
