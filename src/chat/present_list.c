/* Reading who is present: the list of a room's users, and their number. */
#include "config.h"

#include "chat/chat.h"

#include "base/buf.h"
#include "base/json.h"
#include "chat/ask.h"
#include "cluster/registry.h"
#include "redis/keys.h"
#include "redis/reply.h"

#define KEY_BYTES	2048

bool
chat_is_stored_user(struct tn_slice json)
{
	return json.len > 0 && json.len <= TN_LIMIT_CHAT_USER &&
	    json.ptr[0] == '{' && tn_json_scan(json, NULL, NULL) == 0;
}

/* Who is here by a node that lives? Who is dead is noted. */
static void
look_at(struct chat *chat, struct tn_slice field, struct tn_map *here,
    struct tn_map *dead)
{
	struct tn_slice user = field;
	struct tn_slice node = tn_slice_cut(&user, '/');

	if (user.len == 0 || tn_slice_is(node, "u") || tn_slice_is(node, "n"))
		return;
	if (tn_registry_alive(chat->parts.registry, node))
		tn_map_set(here, user, chat, NULL);
	else if (tn_map_get(dead, node) == NULL)
		tn_map_set(dead, node, chat, NULL);
}

static void
write_user(struct tn_slice field, struct tn_slice json,
    const struct tn_map *here, size_t *n, struct tn_buf *out)
{
	struct tn_slice user = field;

	if (!tn_slice_is(tn_slice_cut(&user, '/'), "u") ||
	    tn_map_get(here, user) == NULL || !chat_is_stored_user(json) ||
	    *n == TN_LIMIT_CHAT_USERS)
		return;
	if ((*n)++ > 0)
		tn_buf_char(out, ',');
	tn_buf_slice(out, json);
}

static void
write_users(struct chat *chat, struct tn_slice room,
    const struct tn_reply *reply, struct tn_buf *out)
{
	struct tn_map here = { 0 }, dead = { 0 };
	const struct tn_map_entry *e;
	size_t n = 0, at = 0;

	for (size_t i = 0; i + 1 < tn_reply_len(reply); i += 2)
		look_at(chat, tn_reply_text(tn_reply_at(reply, i)), &here,
		    &dead);
	tn_buf_char(out, '[');
	for (size_t i = 0; i + 1 < tn_reply_len(reply); i += 2)
		write_user(tn_reply_text(tn_reply_at(reply, i)),
		    tn_reply_text(tn_reply_at(reply, i + 1)), &here, &n, out);
	tn_buf_char(out, ']');
	while ((e = tn_map_next(&dead, &at)) != NULL)
		chat_reap(chat, room, tn_slice(e->key, e->key_len));
	tn_map_fini(&here);
	tn_map_fini(&dead);
}

void
chat_users(struct chat *chat, struct tn_slice room, chat_list_fn *fn,
    void *arg)
{
	struct tn_buf key;

	tn_buf_init(&key, KEY_BYTES);
	tn_key_room_present(&key, chat_room_name(room));
	chat_ask(chat, (struct tn_slice[]){ TN_SLICE("HGETALL"),
	    tn_buf_view(&key) }, 2, room, write_users, fn, arg);
	tn_buf_fini(&key);
}

static void
write_count(struct chat *chat, struct tn_slice room,
    const struct tn_reply *reply, struct tn_buf *out)
{
	uint64_t n = 0;

	(void)chat;
	(void)room;
	if (!tn_slice_u64(tn_reply_text(reply), &n))
		n = 0;
	tn_buf_printf(out, "{\"count\":%llu}", (unsigned long long)n);
}

void
chat_count(struct chat *chat, struct tn_slice room, chat_list_fn *fn,
    void *arg)
{
	struct tn_buf key;

	tn_buf_init(&key, KEY_BYTES);
	tn_key_room_present(&key, chat_room_name(room));
	chat_ask(chat, (struct tn_slice[]){ TN_SLICE("HGET"),
	    tn_buf_view(&key), TN_SLICE("#") }, 3, room, write_count, fn, arg);
	tn_buf_fini(&key);
}
