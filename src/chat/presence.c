/*
 * Who is present.
 *
 * Each room has one hash in Redis, which is there whole or not at all:
 *
 *	#		how many users there are
 *	u/<user>	one of them, as JSON
 *	n/<user>	how many nodes have that user here
 *	<node>/<user>	one that has
 *
 * A node writes the last kind for itself, when the first of its sockets for
 * that user enters and when the last one has left; the scripts keep the sums,
 * and so know on any node who was the first and who is the last. When a node
 * has died the others take its fields out of the rooms they have, and the
 * one that finds them tells who is gone. A reader that meets some does too.
 *
 * Whose connection was lost lingers, so that one who comes back in time has
 * not been away. Each field is written again once a lease, a few at a time:
 * a hash that was lost comes back, and one that nobody writes to expires.
 */
#include "config.h"

#include "chat/chat.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "chat/ask.h"
#include "chat/scripts.h"
#include "cluster/registry.h"
#include "redis/keys.h"
#include "redis/link.h"

#define ANNOUNCE_STEPS	8	/* of a lease: a part of all each */
#define HASH_LEASES	6	/* how long a hash outlives its last writing */
#define KEY_BYTES	2048

enum presence_state {
	HERE,		/* by one socket of this node or more */
	LINGERS,	/* by none, but one may come back */
	LEAVES,		/* by none: Redis is to forget it */
};

/* A user in a room, as this node has it. */
struct presence {
	struct tn_list link;		/* of chat->oldest */
	struct tn_list waits;		/* of chat->lingering, if it lingers */
	struct chat *chat;
	enum presence_state state;
	int64_t leave_ms;		/* when it has lingered */
	size_t sockets;
	unsigned answers;		/* that will come: not freed before */
	bool is_told;			/* that the user is here, if need be */
	struct tn_slice room;
	struct chat_user user;		/* its json is on the heap */
	char socket[CHAT_SOCKET_BYTES];	/* the one that entered first */
	char text[];			/* of room and user.id */
};

/* Copy s behind *at and move on. */
static struct tn_slice
put(char **at, struct tn_slice s)
{
	struct tn_slice copy = { *at, s.len };

	if (s.len > 0)
		memcpy(*at, s.ptr, s.len);
	*at += s.len;
	return copy;
}

/* What this node knows. */

static struct tn_slice
map_key(struct tn_buf *out, struct tn_slice room, struct tn_slice user)
{
	tn_buf_init(out, KEY_BYTES);
	tn_buf_slice(out, room);
	tn_buf_char(out, '\0');
	tn_buf_slice(out, user);
	return tn_buf_view(out);
}

/* Returns false, and all is as before, without memory. */
static bool
set_json(struct presence *p, struct tn_slice json)
{
	char *copy = malloc(json.len + 1);

	if (copy == NULL)
		return false;
	memcpy(copy, json.ptr, json.len);
	free((char *)(uintptr_t)p->user.json.ptr);
	p->user.json = tn_slice(copy, json.len);
	return true;
}

static bool
put_on_map(struct chat *chat, struct presence *p)
{
	struct tn_buf key;
	bool good;

	map_key(&key, p->room, p->user.id);
	good = key.failed == 0 &&
	    tn_map_set(&chat->present, tn_buf_view(&key), p, NULL) == 0;
	tn_buf_fini(&key);
	return good;
}

static struct presence *
presence_new(struct chat *chat, struct tn_slice room,
    const struct chat_user *user)
{
	struct presence *p = calloc(1, sizeof(*p) + room.len + user->id.len);
	char *at;

	if (p == NULL)
		return NULL;
	at = p->text;
	p->chat = chat;
	p->room = put(&at, room);
	p->user.id = put(&at, user->id);
	p->state = LEAVES;
	tn_list_init(&p->waits);
	if (!set_json(p, user->json) || !put_on_map(chat, p)) {
		free((char *)(uintptr_t)p->user.json.ptr);
		free(p);
		return NULL;
	}
	tn_list_append(&chat->oldest, &p->link);
	return p;
}

static void
presence_free(struct presence *p)
{
	struct tn_buf key;

	tn_map_remove(&p->chat->present, map_key(&key, p->room, p->user.id));
	tn_buf_fini(&key);
	tn_list_remove(&p->link);
	tn_list_remove(&p->waits);
	free((char *)(uintptr_t)p->user.json.ptr);
	free(p);
}

static struct presence *
find(struct chat *chat, struct tn_slice room, struct tn_slice user)
{
	struct tn_buf key;
	struct presence *p = tn_map_get(&chat->present,
	    map_key(&key, room, user));

	tn_buf_fini(&key);
	return p;
}

static void
tell(struct chat *chat, chat_change_fn *fn, struct tn_slice room,
    struct tn_slice user, const char *socket)
{
	struct chat_change change = { room, user, tn_slice_str(socket) };

	if (fn != NULL)
		fn(&change, chat->parts.arg);
}

/* What Redis is told. */

static void
write_key(struct tn_buf *out, struct tn_slice room)
{
	tn_buf_init(out, KEY_BYTES);
	tn_key_room_present(out, chat_room_name(room));
}

static int
eval(struct chat *chat, const struct tn_script *script, struct tn_slice room,
    const struct tn_slice *args, size_t nargs, tn_link_fn *fn, void *arg)
{
	struct tn_buf key;
	struct tn_slice name;
	int status;

	write_key(&key, room);
	status = tn_buf_finish(&key, &name, NULL);
	if (status == 0)
		status = tn_link_eval(chat->parts.link, script, &name, 1,
		    args, nargs, fn, arg);
	tn_buf_fini(&key);
	return status;
}

static void
on_entered(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct presence *p = arg;
	struct chat *chat = p->chat;
	bool first = tn_reply_integer(reply) == 1;

	p->answers--;
	if (err != NULL) {
		chat_fault(chat, "presence", err);
		first = !p->is_told;	/* those here, at least, are told */
	}
	p->is_told = true;
	if (first)
		tell(chat, chat->parts.entered, p->room, p->user.json,
		    p->socket);
}

static void
announce(struct presence *p)
{
	struct chat *chat = p->chat;
	char life[24];
	struct tn_slice args[] = { tn_registry_id(chat->parts.registry),
	    p->user.id, p->user.json, chat_number(life,
	    (int64_t)HASH_LEASES * chat->parts.settings->lease_ms) };

	if (eval(chat, &chat_script_enter, p->room, args, 4, on_entered,
	    p) == 0)
		p->answers++;
}

static void
on_left(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct presence *p = arg;
	struct chat *chat = p->chat;

	p->answers--;
	if (err != NULL)
		chat_fault(chat, "presence", err);
	/* 0: another node has the user; else none, or nobody knows */
	if (p->is_told && tn_reply_integer(reply) != 0) {
		p->is_told = false;
		tell(chat, chat->parts.left, p->room, p->user.json, "");
	}
	if (err == NULL && p->state == LEAVES && p->answers == 0)
		presence_free(p);
}

static void
withdraw(struct presence *p)
{
	struct tn_slice args[] = { tn_registry_id(p->chat->parts.registry),
	    p->user.id };

	p->state = LEAVES;
	tn_list_remove(&p->waits);
	if (eval(p->chat, &chat_script_leave, p->room, args, 2, on_left,
	    p) == 0)
		p->answers++;
}

/* Coming and going. */

void
chat_enter(struct chat *chat, struct tn_slice room,
    const struct chat_user *user, const char *socket)
{
	struct presence *p = find(chat, room, user->id);

	if (p == NULL)
		p = presence_new(chat, room, user);
	if (p == NULL)
		return;
	p->sockets++;
	if (p->sockets == 1)
		snprintf(p->socket, sizeof(p->socket), "%s", socket);
	if (p->state == LEAVES || !tn_slice_eq(p->user.json, user->json)) {
		set_json(p, user->json);
		announce(p);
	}
	p->state = HERE;
	tn_list_remove(&p->waits);
}

static void
on_lingered(void *arg)
{
	struct chat *chat = arg;
	struct tn_wheel *wheel = &chat->parts.loop->wheel;

	while (!tn_list_empty(&chat->lingering)) {
		struct presence *p = TN_CONTAINER(chat->lingering.next,
		    struct presence, waits);

		if (p->leave_ms > wheel->now_ms) {
			tn_wheel_set(wheel, &chat->linger, p->leave_ms,
			    on_lingered, chat);
			return;
		}
		withdraw(p);
	}
}

void
chat_leave(struct chat *chat, struct tn_slice room,
    const struct chat_user *user, enum chat_leaving how)
{
	struct presence *p = find(chat, room, user->id);
	struct tn_wheel *wheel = &chat->parts.loop->wheel;

	if (p == NULL || p->sockets == 0 || --p->sockets > 0)
		return;
	if (how == CHAT_LEAVES || chat->parts.settings->grace_ms == 0) {
		withdraw(p);
		return;
	}
	p->state = LINGERS;
	p->leave_ms = wheel->now_ms + chat->parts.settings->grace_ms;
	tn_list_append(&chat->lingering, &p->waits);
	if (!tn_timer_is_set(&chat->linger))
		tn_wheel_set(wheel, &chat->linger, p->leave_ms, on_lingered,
		    chat);
}

void
chat_user_changed(struct chat *chat, struct tn_slice room,
    const struct chat_user *user)
{
	struct presence *p = find(chat, room, user->id);

	if (p == NULL || tn_slice_eq(p->user.json, user->json) ||
	    !set_json(p, user->json) || p->state == LEAVES)
		return;
	announce(p);
	tell(chat, chat->parts.entered, room, user->json, "");
}

/* Nodes that are gone. */

struct reaping {
	struct chat *chat;
	struct tn_slice room;
	char text[];
};

static void
on_reaped(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct reaping *r = arg;

	if (err != NULL)
		chat_fault(r->chat, "presence", err);
	for (size_t i = 0; i < tn_reply_len(reply); i++) {
		struct tn_slice json = tn_reply_text(tn_reply_at(reply, i));

		if (chat_is_stored_user(json))
			tell(r->chat, r->chat->parts.left, r->room, json, "");
	}
	free(r);
}

void
chat_reap(struct chat *chat, struct tn_slice room, struct tn_slice node)
{
	struct reaping *r = malloc(sizeof(*r) + room.len);
	char *at;

	if (r == NULL)
		return;		/* the next reader does it */
	at = r->text;
	r->chat = chat;
	r->room = put(&at, room);
	if (eval(chat, &chat_script_reap, room, &node, 1, on_reaped, r) < 0)
		free(r);
}

void
chat_node_gone(struct chat *chat, struct tn_slice node)
{
	const struct tn_map_entry *e;
	struct tn_map rooms;
	size_t at = 0;

	tn_map_init(&rooms);
	while ((e = tn_map_next(&chat->present, &at)) != NULL) {
		const struct presence *p = e->value;

		if (tn_map_get(&rooms, p->room) == NULL &&
		    tn_map_set(&rooms, p->room, chat, NULL) == 0)
			chat_reap(chat, p->room, node);
	}
	tn_map_fini(&rooms);
}

/* Announcing again. */

static void
announce_some(struct chat *chat, size_t n)
{
	while (n-- > 0 && !tn_list_empty(&chat->oldest)) {
		struct presence *p = TN_CONTAINER(chat->oldest.next,
		    struct presence, link);

		tn_list_remove(&p->link);
		tn_list_append(&chat->oldest, &p->link);
		if (p->state != LEAVES)
			announce(p);
		else if (p->answers == 0)	/* Redis could not be told */
			withdraw(p);
	}
}

static void
set_timer(struct chat *chat, tn_timer_fn *fn)
{
	struct tn_wheel *wheel = &chat->parts.loop->wheel;

	tn_wheel_set(wheel, &chat->announce, wheel->now_ms +
	    chat->parts.settings->lease_ms / ANNOUNCE_STEPS, fn, chat);
}

static void
on_announce(void *arg)
{
	struct chat *chat = arg;

	if (tn_link_is_up(chat->parts.link) && chat->present.len > 0)
		announce_some(chat, chat->present.len / ANNOUNCE_STEPS + 1);
	set_timer(chat, on_announce);
}

void
chat_link_up(struct chat *chat)
{
	announce_some(chat, chat->present.len);
}

void
chat_presence_init(struct chat *chat)
{
	tn_map_init(&chat->present);
	tn_list_init(&chat->oldest);
	tn_list_init(&chat->lingering);
	set_timer(chat, on_announce);
}

void
chat_presence_fini(struct chat *chat)
{
	tn_wheel_cancel(&chat->parts.loop->wheel, &chat->announce);
	tn_wheel_cancel(&chat->parts.loop->wheel, &chat->linger);
	while (!tn_list_empty(&chat->oldest))
		presence_free(TN_CONTAINER(chat->oldest.next,
		    struct presence, link));
	tn_map_fini(&chat->present);
}
