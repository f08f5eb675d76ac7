#include "config.h"

#include "chat/chat.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "chat/ask.h"
#include "redis/keys.h"
#include "redis/link.h"

struct adding {
	struct chat *chat;
	chat_done_fn *fn;
	void *arg;
};

/* Nothing that a terminal or a log could take for a command. */
static bool
is_printable(struct tn_slice text)
{
	while (text.len > 0) {
		uint32_t c = tn_utf8_next(&text);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x200b && c <= 0x200f) ||	/* invisible */
		    (c >= 0x2028 && c <= 0x202e) ||	/* lines, directions */
		    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
			return false;
	}
	return true;
}

bool
chat_room_read(struct chat_room *room, struct tn_slice value)
{
	static const size_t prefix = sizeof(CHAT_ROOM_PREFIX) - 1;
	struct tn_arena arena;
	struct tn_slice name;
	bool good;

	if (value.len > 6 * TN_LIMIT_CHAT_ROOM + 2)
		return false;
	tn_arena_init(&arena, 1024);
	good = tn_json_string(value, &arena, &name, NULL) == 0 &&
	    name.len > 0 && name.len <= TN_LIMIT_CHAT_ROOM &&
	    tn_utf8_valid(name) && is_printable(name);
	if (good) {
		memcpy(room->text, CHAT_ROOM_PREFIX, prefix);
		memcpy(room->text + prefix, name.ptr, name.len);
		room->io = tn_slice(room->text, prefix + name.len);
	}
	tn_arena_fini(&arena);
	return good;
}

struct tn_slice
chat_room_name(struct tn_slice room)
{
	return tn_slice_after(room, sizeof(CHAT_ROOM_PREFIX) - 1);
}

static void
write_name(struct tn_buf *out, struct tn_slice name)
{
	tn_buf_str(out, "{\"name\":");
	tn_json_write_string(out, name);
	tn_buf_char(out, '}');
}

void
chat_room_write(struct tn_buf *out, struct tn_slice room)
{
	write_name(out, chat_room_name(room));
}

/* The list is a sorted set by the time of the last entry. */

static void
on_added(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct adding *adding = arg;

	(void)reply;
	adding->fn(err == NULL ? NULL :
	    chat_fault(adding->chat, "room", err), adding->arg);
	free(adding);
}

static int
send_add(struct chat *chat, struct tn_slice key, struct tn_slice name,
    struct adding *adding)
{
	char now[24];
	struct tn_slice argv[] = { TN_SLICE("ZADD"), key,
	    chat_number(now, tn_clock_wall_ms()), name };

	return tn_link_call(chat->parts.link, argv, 4, on_added, adding);
}

/* The list has an end: what nobody has entered for long falls off. */
static void
trim(struct chat *chat, struct tn_slice key)
{
	char last[24];
	struct tn_slice argv[] = { TN_SLICE("ZREMRANGEBYRANK"), key,
	    TN_SLICE("0"), chat_number(last, -(TN_LIMIT_CHAT_ROOMS + 1)) };

	chat_tell(chat, argv, 4);
}

void
chat_room_add(struct chat *chat, struct tn_slice room, chat_done_fn *fn,
    void *arg)
{
	struct adding *adding = malloc(sizeof(*adding));
	int status = TN_E_NOMEM;
	struct tn_buf key;
	struct tn_err err;

	tn_buf_init(&key, 256);
	tn_key_rooms(&key);
	if (adding != NULL && key.failed == 0) {
		*adding = (struct adding){ chat, fn, arg };
		status = send_add(chat, tn_buf_view(&key),
		    chat_room_name(room), adding);
	}
	if (status == 0) {
		trim(chat, tn_buf_view(&key));
	} else {
		free(adding);
		tn_err_set(&err, status, "%s", tn_err_name(status));
		fn(chat_fault(chat, "room", &err), arg);
	}
	tn_buf_fini(&key);
}

static void
write_rooms(struct chat *chat, struct tn_slice room,
    const struct tn_reply *reply, struct tn_buf *out)
{
	(void)chat;
	(void)room;
	tn_buf_char(out, '[');
	for (size_t i = 0; i < tn_reply_len(reply); i++) {
		struct tn_slice name = tn_reply_text(tn_reply_at(reply, i));

		if (!tn_utf8_valid(name))
			continue;
		if (out->len > 1)
			tn_buf_char(out, ',');
		write_name(out, name);
	}
	tn_buf_char(out, ']');
}

void
chat_rooms(struct chat *chat, chat_list_fn *fn, void *arg)
{
	char last[24];
	struct tn_buf key;

	tn_buf_init(&key, 256);
	tn_key_rooms(&key);
	chat_ask(chat, (struct tn_slice[]){ TN_SLICE("ZREVRANGE"),
	    tn_buf_view(&key), TN_SLICE("0"),
	    chat_number(last, TN_LIMIT_CHAT_ROOMS - 1) }, 4,
	    TN_SLICE_NONE, write_rooms, fn, arg);
	tn_buf_fini(&key);
}
