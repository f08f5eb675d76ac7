#include "config.h"

#include "redis/keys.h"

/*
 * Text of users between marks of ours. '}' would end the tag early, '%'
 * is the escape itself, ':' parts the words behind the tag.
 */
static void
word(struct tn_buf *out, struct tn_slice text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c != '}' && c != '%' && c != ':') {
			tn_buf_char(out, (char)c);
			continue;
		}
		tn_buf_char(out, '%');
		tn_buf_char(out, hex[c >> 4]);
		tn_buf_char(out, hex[c & 15]);
	}
}

static void
tagged(struct tn_buf *out, struct tn_slice tag, const char *what)
{
	tn_buf_str(out, "tandem:{");
	word(out, tag);
	tn_buf_str(out, "}:");
	tn_buf_str(out, what);
}

void
tn_key_session(struct tn_buf *out, struct tn_slice prefix,
    struct tn_slice sid)
{
	tn_buf_slice(out, prefix);
	tn_buf_slice(out, sid);
}

/* The tag is the other key as it stands, not as a word of ours. */
void
tn_key_session_ended(struct tn_buf *out, struct tn_slice prefix,
    struct tn_slice sid)
{
	tn_buf_str(out, "tandem:{");
	tn_key_session(out, prefix, sid);
	tn_buf_str(out, "}:ended");
}

void
tn_key_account(struct tn_buf *out, struct tn_slice user)
{
	tagged(out, user, "account");
}

void
tn_key_user_sessions(struct tn_buf *out, struct tn_slice user_id)
{
	tagged(out, user_id, "sessions");
}

void
tn_key_throttle(struct tn_buf *out, struct tn_slice kind, struct tn_slice who)
{
	tagged(out, who, "throttle:");
	word(out, kind);
}

void
tn_key_rooms(struct tn_buf *out)
{
	tn_buf_str(out, "tandem:rooms");
}

void
tn_key_room_messages(struct tn_buf *out, struct tn_slice room)
{
	tagged(out, room, "messages");
}

void
tn_key_room_sequence(struct tn_buf *out, struct tn_slice room)
{
	tagged(out, room, "sequence");
}

void
tn_key_room_present(struct tn_buf *out, struct tn_slice room)
{
	tagged(out, room, "present");
}

void
tn_key_room_seen(struct tn_buf *out, struct tn_slice room,
    struct tn_slice user, struct tn_slice client_id)
{
	tagged(out, room, "seen:");
	word(out, user);
	tn_buf_char(out, ':');
	word(out, client_id);
}

void
tn_key_stream(struct tn_buf *out, struct tn_slice channel)
{
	tagged(out, channel, "stream");
}

void
tn_key_stream_last(struct tn_buf *out, struct tn_slice channel)
{
	tagged(out, channel, "last");
}

void
tn_key_stream_sessions(struct tn_buf *out, struct tn_slice channel)
{
	tagged(out, channel, "session:");
}

void
tn_key_stream_nodes(struct tn_buf *out, struct tn_slice channel)
{
	tagged(out, channel, "node:");
}

void
tn_key_nodes(struct tn_buf *out)
{
	tn_buf_str(out, "tandem:nodes");
}

void
tn_key_canary(struct tn_buf *out, struct tn_slice node)
{
	tagged(out, node, "canary");
}

void
tn_key_node_address(struct tn_buf *out, struct tn_slice worker)
{
	tagged(out, worker, "address");
}
