/* What Redis does for the chat in one step; private to the chat. */
#ifndef CHAT_SCRIPTS_H
#define CHAT_SCRIPTS_H

#include "redis/redis.h"

/*
 * Keep a message.
 *
 * KEYS  the room's counter, its stream and, if the message has an id of its
 *       own, the mark of that id; if what the nodes are told is kept for
 *       those who come back, the two keys for that (and the counter again, if
 *       there is no mark)
 * ARGV  the message, messages to keep, milliseconds to remember the mark and,
 *       if the nodes are to be told, their channel and what stands before and
 *       behind the eight bytes of its number; for those who come back, events
 *       to keep and the room as Socket.IO has it
 *
 * Answers { its number, 1 new or 0 had before, the message kept before }.
 */
extern const struct tn_script chat_script_add;

/*
 * Presence, by the hash of a room (see presence.c). The first two take a node
 * and a user's id, enter also the user as JSON and the hash's life in ms; reap
 * a node alone.
 *
 * enter answers 1 if no node had the user, else 0; leave 1 if no other node
 * has, 0 if one has, -1 if not even this one had; reap an array of the users,
 * as JSON, that no node has any more.
 */
extern const struct tn_script chat_script_enter;
extern const struct tn_script chat_script_leave;
extern const struct tn_script chat_script_reap;

#endif
