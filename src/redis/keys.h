/* The name of every key; made here and nowhere else. */
#ifndef TN_KEYS_H
#define TN_KEYS_H

#include "base/buf.h"

/*
 * Each appends one key to out. Text of users stands inside {braces}, so
 * that what belongs to one room or user shares a slot of a cluster; '}', ':'
 * and '%' in it are written as %XX, which keeps the tag and its words whole.
 */

/* <prefix><sid>, as connect-redis ("sess:" by default). */
void tn_key_session(struct tn_buf *out, struct tn_slice prefix,
    struct tn_slice sid);

/* String: the session of this key was ended just now. In the key's slot. */
void tn_key_session_ended(struct tn_buf *out, struct tn_slice prefix,
    struct tn_slice sid);

void tn_key_account(struct tn_buf *out, struct tn_slice user);	/* hash */
/* Hash: the sessions and tokens of one user, by the user's id. */
void tn_key_user_sessions(struct tn_buf *out, struct tn_slice user_id);

void tn_key_throttle(struct tn_buf *out, struct tn_slice kind,
    struct tn_slice who);					/* counter */

/* Sorted set; then, of one room, a stream, a counter, and a hash. */
void tn_key_rooms(struct tn_buf *out);
void tn_key_room_messages(struct tn_buf *out, struct tn_slice room);
void tn_key_room_sequence(struct tn_buf *out, struct tn_slice room);
void tn_key_room_present(struct tn_buf *out, struct tn_slice room);

/* String: the mark of a message that a client may send again. */
void tn_key_room_seen(struct tn_buf *out, struct tn_slice room,
    struct tn_slice user, struct tn_slice client_id);

/*
 * Of a namespace, by the channel that all its nodes hear: the stream of its
 * events, the id of the last, what is kept of a session (a hash), and the
 * channel of one node; these last two are followed by whose.
 */
void tn_key_stream(struct tn_buf *out, struct tn_slice channel);
void tn_key_stream_last(struct tn_buf *out, struct tn_slice channel);
void tn_key_stream_sessions(struct tn_buf *out, struct tn_slice channel);
void tn_key_stream_nodes(struct tn_buf *out, struct tn_slice channel);

void tn_key_nodes(struct tn_buf *out);			/* sorted set of leases */
void tn_key_canary(struct tn_buf *out, struct tn_slice node);	/* string, channel */
/* String: where a worker takes what other hosts forward. */
void tn_key_node_address(struct tn_buf *out, struct tn_slice worker);

#endif
