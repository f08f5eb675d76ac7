/* Asking Redis for a list; private to the chat. */
#ifndef CHAT_ASK_H
#define CHAT_ASK_H

#include "chat/chat.h"

struct tn_reply;

/* The largest list, as JSON. */
#define CHAT_LIST_BYTES	(4u << 20)

/* Writes the elements of a reply as a JSON array, brackets included. */
typedef void chat_list_write(struct chat *chat, struct tn_slice room,
    const struct tn_reply *reply, struct tn_buf *out);

/*
 * Send a command, let write turn its reply into a list, hand that to fn.
 * room is copied; it may be empty.
 */
void chat_ask(struct chat *chat, const struct tn_slice *argv, size_t argc,
    struct tn_slice room, chat_list_write *write, chat_list_fn *fn, void *arg);

/* Send a command that nobody waits for; what fails is logged. */
void chat_tell(struct chat *chat, const struct tn_slice *argv, size_t argc);

/* Log what went wrong; returns what the user may see of it. */
const struct tn_err *chat_fault(const struct chat *chat, const char *what,
    const struct tn_err *err);

/* Presence's part of init and fini. */
void chat_presence_init(struct chat *chat);
void chat_presence_fini(struct chat *chat);

/* Is this a user as presence keeps it? Redis is shared: it is looked at. */
bool chat_is_stored_user(struct tn_slice json);

/* Take a dead node's users out of a room, and tell of those who are gone. */
void chat_reap(struct chat *chat, struct tn_slice room, struct tn_slice node);

/* A number as text; view of out. */
struct tn_slice chat_number(char out[24], int64_t n);

#endif
