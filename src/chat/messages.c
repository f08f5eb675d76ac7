#include "config.h"

#include "chat/chat.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "chat/ask.h"
#include "chat/scripts.h"
#include "cluster/relay.h"
#include "redis/keys.h"
#include "redis/link.h"

/* A message as JSON: at most six bytes for each of its own, and its frame. */
#define CHAT_BYTES	(6 * TN_LIMIT_CHAT_MESSAGE + TN_LIMIT_CHAT_USER + 1024)

/* On its way to Redis. */
struct sending {
	struct chat *chat;
	chat_added_fn *fn;
	void *arg;
	struct tn_slice room;
	struct tn_buf chat_json;	/* as stored */
	bool is_relayed;
	char text[];
};

/* Reading what a client sent. */

/* A text of a client: decodes, and is of min to max bytes. */
static bool
is_text(struct tn_slice value, size_t min, size_t max, char *copy, size_t *len)
{
	struct tn_arena arena;
	struct tn_slice text;
	bool good;

	if (value.len > 6 * max + 2)	/* \u0061 is the longest way to write a byte */
		return false;
	tn_arena_init(&arena, 2 * value.len + 64);
	good = tn_json_string(value, &arena, &text, NULL) == 0 &&
	    text.len >= min && text.len <= max;
	if (good && copy != NULL) {
		memcpy(copy, text.ptr, text.len);
		*len = text.len;
	}
	tn_arena_fini(&arena);
	return good;
}

static bool
read_client_id(struct tn_slice object, struct chat_draft *draft)
{
	struct tn_slice value;

	draft->client_id = TN_SLICE_NONE;
	if (!tn_json_get(object, "id", &value))
		return true;
	draft->client_id.ptr = draft->client_id_text;
	return is_text(value, 1, TN_LIMIT_CHAT_CLIENT_ID,
	    draft->client_id_text, &draft->client_id.len);
}

bool
chat_draft_read(struct tn_slice args, struct chat_draft *draft)
{
	struct tn_slice room;

	draft->user = NULL;
	if (!tn_json_get(args, "room", &room) ||
	    !chat_room_read(&draft->in, room) ||
	    !tn_json_get(args, "message", &draft->message) ||
	    !is_text(draft->message, 1, TN_LIMIT_CHAT_MESSAGE, NULL, NULL))
		return false;
	draft->room = draft->in.io;
	return read_client_id(args, draft);
}

/* Writing it. */

/* {"message":..,"room":..,"user":..,"date":..}: the seed's, and as stored. */
static void
write_stored(struct tn_buf *out, const struct chat_draft *draft)
{
	tn_buf_str(out, "{\"message\":");
	tn_buf_slice(out, draft->message);
	tn_buf_str(out, ",\"room\":");
	tn_json_write_string(out, chat_room_name(draft->room));
	tn_buf_str(out, ",\"user\":");
	tn_buf_slice(out, draft->user->json);
	tn_buf_str(out, ",\"date\":");
	tn_buf_i64(out, tn_clock_wall_ms());
	tn_buf_char(out, '}');
}

/* The same with its number in front. */
static void
write_chat(struct tn_buf *out, struct tn_slice id, struct tn_slice stored)
{
	tn_buf_str(out, "{\"id\":");
	tn_buf_slice(out, id);
	tn_buf_char(out, ',');
	tn_buf_slice(out, tn_slice_after(stored, 1));
}

static void
write_receipt(struct tn_buf *out, struct tn_slice id, struct tn_slice stored)
{
	struct tn_slice date;

	tn_buf_str(out, "{\"id\":");
	tn_buf_slice(out, id);
	if (tn_json_get(stored, "date", &date)) {
		tn_buf_str(out, ",\"date\":");
		tn_buf_slice(out, date);
	}
	tn_buf_char(out, '}');
}

static bool
is_number(struct tn_slice text)
{
	uint64_t number;

	return tn_slice_u64(text, &number);
}

/* Redis is shared: what comes out of it is looked at like a client's. */
static bool
is_stored_chat(struct tn_slice text)
{
	struct tn_slice message;

	return text.len > 0 && text.ptr[0] == '{' &&
	    tn_json_scan(text, NULL, NULL) == 0 &&
	    tn_json_get(text, "message", &message);
}

/* Adding one. */

static struct sending *
sending_new(struct chat *chat, const struct chat_draft *draft,
    chat_added_fn *fn, void *arg)
{
	struct sending *s = malloc(sizeof(*s) + draft->room.len);

	if (s == NULL)
		return NULL;
	*s = (struct sending){ .chat = chat, .fn = fn, .arg = arg,
	    .room = { s->text, draft->room.len } };
	memcpy(s->text, draft->room.ptr, draft->room.len);
	tn_buf_init(&s->chat_json, CHAT_BYTES);
	write_stored(&s->chat_json, draft);
	return s;
}

static void
sending_free(struct sending *s)
{
	if (s != NULL)
		tn_buf_fini(&s->chat_json);
	free(s);
}

static void
sending_fail(struct chat *chat, chat_added_fn *fn, void *arg, int code)
{
	struct tn_err err;

	tn_err_set(&err, code, "%s", tn_err_name(code));
	fn(NULL, chat_fault(chat, "add", &err), arg);
}

/* What Redis keeps: the draft's own bytes, or those of its first sending. */
static void
report(struct sending *s, struct tn_slice id, bool is_new,
    struct tn_slice stored)
{
	struct tn_buf json, receipt;
	struct chat_message message = { .room = s->room, .is_new = is_new,
	    .is_relayed = is_new && s->is_relayed };

	tn_buf_init(&json, CHAT_BYTES);
	tn_buf_init(&receipt, 256);
	if (is_stored_chat(stored))
		write_chat(&json, id, stored);
	else		/* sent again after it fell off the stream's end */
		write_receipt(&json, id, TN_SLICE_NONE);
	write_receipt(&receipt, id, stored);
	if (tn_buf_finish(&json, &message.json, NULL) < 0 ||
	    tn_buf_finish(&receipt, &message.receipt, NULL) < 0)
		sending_fail(s->chat, s->fn, s->arg, TN_E_NOMEM);
	else
		s->fn(&message, NULL, s->arg);
	tn_buf_fini(&json);
	tn_buf_fini(&receipt);
}

static void
on_added(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct sending *s = arg;
	struct tn_slice id = tn_reply_text(tn_reply_at(reply, 0));
	bool is_new = tn_reply_integer(tn_reply_at(reply, 1)) != 0;

	if (err != NULL)
		s->fn(NULL, chat_fault(s->chat, "add", err), s->arg);
	else if (!is_number(id))
		sending_fail(s->chat, s->fn, s->arg, TN_E_TYPE);
	else
		report(s, id, is_new, is_new ? tn_buf_view(&s->chat_json) :
		    tn_reply_text(tn_reply_at(reply, 2)));
	sending_free(s);
}

/* What Redis is to publish, with a mark where the number will stand. */
struct relay {
	struct tn_buf json;
	struct tn_relay out;
	struct tn_slice before, after;
};

static bool
relay_init(struct relay *r, const struct sending *s)
{
	const struct chat_parts *parts = &s->chat->parts;

	tn_buf_init(&r->json, CHAT_BYTES);
	tn_relay_init(&r->out);
	if (parts->relay == NULL)
		return false;
	write_chat(&r->json, TN_SLICE(TN_RELAY_NUMBER),
	    tn_buf_view(&s->chat_json));
	return r->json.failed == 0 &&
	    parts->relay(s->room, tn_buf_view(&r->json), &r->out,
	    parts->arg) &&
	    tn_relay_split(tn_buf_view(&r->out.payload), &r->before,
	    &r->after);
}

static void
relay_fini(struct relay *r)
{
	tn_buf_fini(&r->json);
	tn_relay_fini(&r->out);
}

/* keys has room for the two of recovery. */
static int
eval_add(struct sending *s, struct tn_slice *keys, size_t nkeys)
{
	const struct settings_chat *settings = s->chat->parts.settings;
	struct tn_slice args[8];
	struct relay relay;
	char keep[24], seen[24], events[24];
	size_t nargs;
	int status;

	s->is_relayed = relay_init(&relay, s);
	nargs = s->is_relayed ? 6 : 3;
	args[0] = tn_buf_view(&s->chat_json);
	args[1] = chat_number(keep, settings->stream);
	args[2] = chat_number(seen, settings->seen_ms);
	args[3] = tn_buf_view(&relay.out.channel);
	args[4] = relay.before;
	args[5] = relay.after;
	args[6] = chat_number(events, relay.out.events);
	args[7] = s->room;
	if (s->is_relayed && relay.out.events > 0) {
		keys[2] = nkeys == 3 ? keys[2] : keys[0];
		keys[3] = tn_buf_view(&relay.out.stream);
		keys[4] = tn_buf_view(&relay.out.last);
		nkeys = 5;
		nargs = 8;
	}
	status = tn_link_eval(s->chat->parts.link, &chat_script_add, keys,
	    nkeys, args, nargs, on_added, s);
	relay_fini(&relay);
	return status;
}

static int
send_add(struct sending *s, const struct chat_draft *draft)
{
	struct tn_slice name = chat_room_name(draft->room);
	struct tn_slice keys[5];
	struct tn_buf key[3];
	int status = s->chat_json.failed;

	for (size_t i = 0; i < 3; i++)
		tn_buf_init(&key[i], 2048);
	tn_key_room_sequence(&key[0], name);
	tn_key_room_messages(&key[1], name);
	tn_key_room_seen(&key[2], name, draft->user->id, draft->client_id);
	for (size_t i = 0; i < 3 && status == 0; i++)
		status = tn_buf_finish(&key[i], &keys[i], NULL);
	if (status == 0)
		status = eval_add(s, keys, draft->client_id.len > 0 ? 3 : 2);
	for (size_t i = 0; i < 3; i++)
		tn_buf_fini(&key[i]);
	return status;
}

void
chat_add(struct chat *chat, const struct chat_draft *draft, chat_added_fn *fn,
    void *arg)
{
	struct sending *s = sending_new(chat, draft, fn, arg);
	int status = s == NULL ? TN_E_NOMEM : send_add(s, draft);

	if (status == 0)
		return;
	sending_free(s);
	sending_fail(chat, fn, arg, status);
}

/* Reading them back. */

/* One entry of a stream: ["12-0", ["chat", "{...}"]]. */
static void
write_entry(struct chat *chat, const struct tn_reply *entry,
    struct tn_buf *out)
{
	struct tn_slice id = tn_reply_text(tn_reply_at(entry, 0));
	struct tn_slice number = tn_slice_cut(&id, '-');
	struct tn_slice stored =
	    tn_reply_text(tn_reply_at(tn_reply_at(entry, 1), 1));

	if (!is_number(number) || !is_stored_chat(stored)) {
		tn_log_event(chat->parts.log, TN_LOG_WARN, "chat.malformed",
		    TN_F_SLICE("entry", number));
		return;
	}
	if (out->len > 1)
		tn_buf_char(out, ',');
	write_chat(out, number, stored);
}

static void
write_forward(struct chat *chat, struct tn_slice room,
    const struct tn_reply *reply, struct tn_buf *out)
{
	(void)room;
	tn_buf_char(out, '[');
	for (size_t i = 0; i < tn_reply_len(reply); i++)
		write_entry(chat, tn_reply_at(reply, i), out);
	tn_buf_char(out, ']');
}

static void
write_backward(struct chat *chat, struct tn_slice room,
    const struct tn_reply *reply, struct tn_buf *out)
{
	(void)room;
	tn_buf_char(out, '[');
	for (size_t i = tn_reply_len(reply); i > 0; i--)
		write_entry(chat, tn_reply_at(reply, i - 1), out);
	tn_buf_char(out, ']');
}

void
chat_history(struct chat *chat, struct tn_slice room, int64_t since, size_t n,
    chat_list_fn *fn, void *arg)
{
	size_t most = (size_t)chat->parts.settings->history;
	char count[24], number[24];
	struct tn_buf key, start;
	struct tn_slice forward[] = { TN_SLICE("XRANGE"), TN_SLICE_NONE,
	    TN_SLICE_NONE, TN_SLICE("+"), TN_SLICE("COUNT"),
	    chat_number(count, (int64_t)(n == 0 || n > most ? most : n)) };
	struct tn_slice backward[] = { TN_SLICE("XREVRANGE"), TN_SLICE_NONE,
	    TN_SLICE("+"), TN_SLICE("-"), TN_SLICE("COUNT"), forward[5] };

	tn_buf_init(&key, 2048);
	tn_buf_init(&start, 64);
	tn_key_room_messages(&key, chat_room_name(room));
	tn_buf_char(&start, '(');
	tn_buf_slice(&start, chat_number(number, since));
	tn_buf_str(&start, "-0");
	forward[1] = backward[1] = tn_buf_view(&key);
	forward[2] = tn_buf_view(&start);
	if (since < 0)
		chat_ask(chat, backward, 6, room, write_backward, fn, arg);
	else
		chat_ask(chat, forward, 6, room, write_forward, fn, arg);
	tn_buf_fini(&key);
	tn_buf_fini(&start);
}
