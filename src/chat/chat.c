#include "config.h"

#include "chat/chat.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "chat/ask.h"
#include "redis/link.h"

struct ask {
	struct chat *chat;
	chat_list_write *write;
	chat_list_fn *fn;
	void *arg;
	struct tn_slice room;
	char text[];
};

const struct tn_err *
chat_fault(const struct chat *chat, const char *what, const struct tn_err *err)
{
	static const struct tn_err away = { TN_E_AWAY,
	    "the chat cannot reach its store, try again" };

	tn_log_event(chat->parts.log, TN_LOG_WARN, "chat.fault",
	    TN_F_STR("what", what), TN_F_STR("reason", err->text));
	return &away;
}

struct tn_slice
chat_number(char out[24], int64_t n)
{
	int len = snprintf(out, 24, "%lld", (long long)n);

	return tn_slice(out, (size_t)len);
}

/* Asking. */

static void
answer(struct ask *ask, const struct tn_reply *reply)
{
	struct tn_buf out;
	struct tn_slice json;
	struct tn_err err;

	tn_buf_init(&out, CHAT_LIST_BYTES);
	ask->write(ask->chat, ask->room, reply, &out);
	if (tn_buf_finish(&out, &json, &err) < 0)
		ask->fn(TN_SLICE_NONE, chat_fault(ask->chat, "list", &err),
		    ask->arg);
	else
		ask->fn(json, NULL, ask->arg);
	tn_buf_fini(&out);
}

static void
on_answer(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct ask *ask = arg;

	if (err != NULL)
		ask->fn(TN_SLICE_NONE, chat_fault(ask->chat, "list", err),
		    ask->arg);
	else
		answer(ask, reply);
	free(ask);
}

static struct ask *
ask_new(struct chat *chat, struct tn_slice room, chat_list_write *write,
    chat_list_fn *fn, void *arg)
{
	struct ask *ask = malloc(sizeof(*ask) + room.len);

	if (ask == NULL)
		return NULL;
	*ask = (struct ask){ .chat = chat, .write = write, .fn = fn,
	    .arg = arg, .room = { ask->text, room.len } };
	if (room.len > 0)
		memcpy(ask->text, room.ptr, room.len);
	return ask;
}

void
chat_ask(struct chat *chat, const struct tn_slice *argv, size_t argc,
    struct tn_slice room, chat_list_write *write, chat_list_fn *fn, void *arg)
{
	struct ask *ask = ask_new(chat, room, write, fn, arg);
	struct tn_err err;
	int status = ask == NULL ? TN_E_NOMEM :
	    tn_link_call(chat->parts.link, argv, argc, on_answer, ask);

	if (status == 0)
		return;
	free(ask);
	tn_err_set(&err, status, "%s", tn_err_name(status));
	fn(TN_SLICE_NONE, chat_fault(chat, "ask", &err), arg);
}

static void
on_told(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	(void)reply;
	if (err != NULL)
		chat_fault(arg, "tell", err);
}

void
chat_tell(struct chat *chat, const struct tn_slice *argv, size_t argc)
{
	struct tn_err err;
	int status = tn_link_call(chat->parts.link, argv, argc, on_told, chat);

	if (status == 0)
		return;
	tn_err_set(&err, status, "%s", tn_err_name(status));
	chat_fault(chat, "tell", &err);
}

void
chat_init(struct chat *chat, const struct chat_parts *parts)
{
	*chat = (struct chat){ .parts = *parts };
	chat_presence_init(chat);
}

void
chat_fini(struct chat *chat)
{
	chat_presence_fini(chat);
}

/* Users. */

/* An id is a text, or an integer that is taken as its digits. */
static int
read_id(struct tn_slice object, struct tn_arena *arena, struct tn_slice *id,
    struct tn_err *err)
{
	struct tn_slice raw;
	int64_t number;

	if (!tn_json_get(object, "id", &raw))
		return tn_err_set(err, TN_E_TYPE, "user without id");
	if (tn_json_i64(raw, &number))
		*id = tn_arena_copy(arena, raw);
	else if (tn_json_string(raw, arena, id, err) < 0)
		return tn_err_set(err, TN_E_TYPE, "user's id is no text");
	else
		*id = tn_arena_copy(arena, *id);
	if (id->len == 0 || id->len > TN_LIMIT_CHAT_USER_ID)
		return tn_err_set(err, TN_E_LIMIT, "user's id of %zu bytes",
		    id->len);
	return 0;
}

static void
write_text_member(struct tn_buf *out, struct tn_slice object, const char *name)
{
	struct tn_slice raw;

	tn_buf_printf(out, ",\"%s\":", name);
	if (tn_json_get(object, name, &raw) &&
	    tn_json_type(raw) == TN_JSON_STRING)
		tn_buf_slice(out, raw);
	else
		tn_buf_str(out, "null");
}

int
chat_user_read(struct chat_user *user, struct tn_slice value,
    struct tn_arena *arena, struct tn_err *err)
{
	int status = read_id(value, arena, &user->id, err);
	struct tn_slice id, json;
	struct tn_buf out;

	if (status < 0)
		return status;
	tn_json_get(value, "id", &id);
	tn_buf_init(&out, TN_LIMIT_CHAT_USER);
	tn_buf_str(&out, "{\"id\":");
	tn_buf_slice(&out, id);
	write_text_member(&out, value, "displayName");
	write_text_member(&out, value, "provider");
	tn_buf_char(&out, '}');
	status = tn_buf_finish(&out, &json, err);
	if (status == 0)
		user->json = tn_arena_copy(arena, json);
	tn_buf_fini(&out);
	if (status == 0 && arena->overflowed)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a user");
	return status;
}
