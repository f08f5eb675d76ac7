/*
 * Who is present.
 *
 * Each room has a hash in Redis: "<node>/<user>" -> the user as JSON. A node
 * writes its own fields only, when the first of its sockets for that user
 * enters and when the last one leaves. Nobody has to clean up behind a dead
 * node: its id is never used again, so readers leave its fields out, and
 * the first that meets one deletes it.
 *
 * Each field is written again once a lease, a few at a time; so a hash that
 * was lost comes back, and one that nobody writes to any more expires.
 */
#include "config.h"

#include "chat/chat.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "chat/ask.h"
#include "cluster/registry.h"
#include "redis/keys.h"
#include "redis/link.h"

#define ANNOUNCE_STEPS	8	/* of a lease: a part of all each */
#define HASH_LEASES	6	/* how long a hash outlives its last writing */
#define KEY_BYTES	2048

/* A user in a room, by one or more sockets of this node. */
struct presence {
	struct tn_list link;		/* of chat->oldest */
	size_t sockets;
	struct tn_slice room;
	struct chat_user user;
	char text[];			/* of the slices */
};

/* Waiting to hear whether other nodes have this user in this room. */
struct doubt {
	struct chat *chat;
	chat_change_fn *fn;
	void *arg;
	struct chat_change change;
	char text[];			/* of the slices */
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

/* What Redis is told. */

static void
write_key(struct tn_buf *out, struct tn_slice room)
{
	tn_buf_init(out, KEY_BYTES);
	tn_key_room_present(out, chat_room_name(room));
}

static void
write_field(struct tn_buf *out, struct tn_slice node, struct tn_slice user)
{
	tn_buf_slice(out, node);
	tn_buf_char(out, '/');
	tn_buf_slice(out, user);
}

static void
announce(struct chat *chat, const struct presence *p)
{
	struct tn_buf key, field;
	char life[24];

	write_key(&key, p->room);
	tn_buf_init(&field, KEY_BYTES);
	write_field(&field, tn_registry_id(chat->parts.registry), p->user.id);
	chat_tell(chat, (struct tn_slice[]){ TN_SLICE("HSET"),
	    tn_buf_view(&key), tn_buf_view(&field), p->user.json }, 4);
	chat_tell(chat, (struct tn_slice[]){ TN_SLICE("PEXPIRE"),
	    tn_buf_view(&key), chat_number(life, (int64_t)HASH_LEASES *
	    chat->parts.settings->lease_ms) }, 3);
	tn_buf_fini(&field);
	tn_buf_fini(&key);
}

static void
withdraw(struct chat *chat, const struct presence *p)
{
	struct tn_buf key, field;

	write_key(&key, p->room);
	tn_buf_init(&field, KEY_BYTES);
	write_field(&field, tn_registry_id(chat->parts.registry), p->user.id);
	chat_tell(chat, (struct tn_slice[]){ TN_SLICE("HDEL"),
	    tn_buf_view(&key), tn_buf_view(&field) }, 3);
	tn_buf_fini(&field);
	tn_buf_fini(&key);
}

/* Is the user in the room by another node? */

static void
on_doubt(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct doubt *d = arg;
	bool elsewhere = false;

	if (err != NULL)
		chat_fault(d->chat, "presence", err);
	for (size_t i = 0; i < tn_reply_len(reply); i++)
		if (tn_reply_type(tn_reply_at(reply, i)) != TN_REPLY_NIL)
			elsewhere = true;
	if (!elsewhere)		/* nor when in doubt: those here are told */
		d->fn(&d->change, d->arg);
	free(d);
}

static struct doubt *
doubt_new(struct chat *chat, const struct presence *p, const char *socket,
    chat_change_fn *fn, void *arg)
{
	struct tn_slice id = tn_slice_str(socket);
	struct doubt *d = malloc(sizeof(*d) + p->room.len + p->user.json.len +
	    id.len);
	char *at;

	if (d == NULL)
		return NULL;
	at = d->text;
	*d = (struct doubt){ .chat = chat, .fn = fn, .arg = arg };
	d->change.room = put(&at, p->room);
	d->change.user = put(&at, p->user.json);
	d->change.socket = put(&at, id);
	return d;
}

/*
 * HMGET of the fields that other nodes would have; at least one field, so
 * that the answer comes in the order of the questions even for a lone node.
 */
static int
ask_others(struct chat *chat, const struct presence *p, struct doubt *d)
{
	struct tn_slice argv[3 + TN_LIMIT_CHAT_NODES], node;
	struct tn_buf key, fields[TN_LIMIT_CHAT_NODES];
	size_t n = 0, at = 0, argc = 0;
	int status;

	write_key(&key, p->room);
	argv[argc++] = TN_SLICE("HMGET");
	argv[argc++] = tn_buf_view(&key);
	argv[argc++] = TN_SLICE("-");
	while (n < TN_LIMIT_CHAT_NODES &&
	    (node = tn_registry_next(chat->parts.registry, &at)).ptr != NULL) {
		tn_buf_init(&fields[n], KEY_BYTES);
		write_field(&fields[n], node, p->user.id);
		argv[argc++] = tn_buf_view(&fields[n++]);
	}
	status = tn_link_call(chat->parts.link, argv, argc, on_doubt, d);
	while (n > 0)
		tn_buf_fini(&fields[--n]);
	tn_buf_fini(&key);
	return status;
}

static void
doubt(struct chat *chat, const struct presence *p, const char *socket,
    chat_change_fn *fn, void *arg)
{
	struct doubt *d = doubt_new(chat, p, socket, fn, arg);
	struct chat_change change = { p->room, p->user.json,
	    tn_slice_str(socket) };

	if (d != NULL && ask_others(chat, p, d) == 0)
		return;
	free(d);
	fn(&change, arg);
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

static struct presence *
presence_new(struct chat *chat, struct tn_slice room,
    const struct chat_user *user)
{
	struct presence *p = calloc(1, sizeof(*p) + room.len + user->id.len +
	    user->json.len);
	struct tn_buf key;
	char *at;

	if (p == NULL)
		return NULL;
	at = p->text;
	p->room = put(&at, room);
	p->user.id = put(&at, user->id);
	p->user.json = put(&at, user->json);
	map_key(&key, room, user->id);
	if (key.failed != 0 ||
	    tn_map_set(&chat->present, tn_buf_view(&key), p, NULL) < 0) {
		free(p);
		p = NULL;
	} else {
		tn_list_append(&chat->oldest, &p->link);
	}
	tn_buf_fini(&key);
	return p;
}

static void
presence_free(struct chat *chat, struct presence *p)
{
	struct tn_buf key;

	tn_map_remove(&chat->present, map_key(&key, p->room, p->user.id));
	tn_buf_fini(&key);
	tn_list_remove(&p->link);
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

/*
 * Entering asks before it tells, leaving tells before it asks: of two nodes
 * that do the same at once, at least one finds the user nowhere else.
 */
void
chat_enter(struct chat *chat, struct tn_slice room,
    const struct chat_user *user, const char *socket, chat_change_fn *fn,
    void *arg)
{
	struct presence *p = find(chat, room, user->id);

	if (p == NULL)
		p = presence_new(chat, room, user);
	if (p == NULL || p->sockets++ > 0)
		return;
	doubt(chat, p, socket, fn, arg);
	announce(chat, p);
}

void
chat_leave(struct chat *chat, struct tn_slice room,
    const struct chat_user *user, const char *socket, chat_change_fn *fn,
    void *arg)
{
	struct presence *p = find(chat, room, user->id);

	if (p == NULL || --p->sockets > 0)
		return;
	withdraw(chat, p);
	doubt(chat, p, socket, fn, arg);
	presence_free(chat, p);
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
		announce(chat, p);
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
	set_timer(chat, on_announce);
}

void
chat_presence_fini(struct chat *chat)
{
	tn_wheel_cancel(&chat->parts.loop->wheel, &chat->announce);
	while (!tn_list_empty(&chat->oldest))
		presence_free(chat, TN_CONTAINER(chat->oldest.next,
		    struct presence, link));
	tn_map_fini(&chat->present);
}

/* The list of users. */

static bool
is_stored_user(struct tn_slice json)
{
	return json.len > 0 && json.len <= TN_LIMIT_CHAT_USER &&
	    json.ptr[0] == '{' && tn_json_scan(json, NULL, NULL) == 0;
}

static void
forget(struct chat *chat, struct tn_slice room, struct tn_slice field)
{
	struct tn_buf key;

	write_key(&key, room);
	chat_tell(chat, (struct tn_slice[]){ TN_SLICE("HDEL"),
	    tn_buf_view(&key), field }, 3);
	tn_buf_fini(&key);
}

/* Live nodes' users, each once; seen holds the ids that were written. */
static void
write_user(struct chat *chat, struct tn_slice room, struct tn_slice field,
    struct tn_slice json, struct tn_map *seen, struct tn_buf *out)
{
	struct tn_slice user = field;
	struct tn_slice node = tn_slice_cut(&user, '/');

	if (!tn_registry_alive(chat->parts.registry, node)) {
		forget(chat, room, field);
		return;
	}
	if (seen->len == TN_LIMIT_CHAT_USERS || !is_stored_user(json) ||
	    tn_map_get(seen, user) != NULL ||
	    tn_map_set(seen, user, chat, NULL) < 0)
		return;
	if (out->len > 1)
		tn_buf_char(out, ',');
	tn_buf_slice(out, json);
}

static void
write_users(struct chat *chat, struct tn_slice room,
    const struct tn_reply *reply, struct tn_buf *out)
{
	struct tn_map seen;

	tn_map_init(&seen);
	tn_buf_char(out, '[');
	for (size_t i = 0; i + 1 < tn_reply_len(reply); i += 2)
		write_user(chat, room, tn_reply_text(tn_reply_at(reply, i)),
		    tn_reply_text(tn_reply_at(reply, i + 1)), &seen, out);
	tn_buf_char(out, ']');
	tn_map_fini(&seen);
}

void
chat_users(struct chat *chat, struct tn_slice room, chat_list_fn *fn,
    void *arg)
{
	struct tn_buf key;

	write_key(&key, room);
	chat_ask(chat, (struct tn_slice[]){ TN_SLICE("HGETALL"),
	    tn_buf_view(&key) }, 2, room, write_users, fn, arg);
	tn_buf_fini(&key);
}
