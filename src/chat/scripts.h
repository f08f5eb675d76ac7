/* What Redis does for the chat in one step; private to the chat. */
#ifndef CHAT_SCRIPTS_H
#define CHAT_SCRIPTS_H

#include "redis/redis.h"

/*
 * Keep a message.
 *
 * KEYS  the room's counter, its stream and, if the message has an id of its
 *       own, the mark of that id
 * ARGV  the message, messages to keep, milliseconds to remember the mark
 *
 * Answers { its number, 1 new or 0 had before, the message kept before }.
 */
extern const struct tn_script chat_script_add;

#endif
