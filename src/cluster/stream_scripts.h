/*
 * What Redis does for recovery in one step; private to the adapters.
 *
 * A namespace has a stream of events, the id of its last one, and a hash for
 * each session, all in one slot of a cluster. An entry has the fields m, the
 * event as it was published; s, its sender's number; then r for each room
 * and x for each except. An entry that begins with h is a hole: something
 * was given to clients that is not kept here. A hash has
 *
 *     n  the node that has its socket	i  the socket's id
 *     w  whose it is			d  its data
 *     o  the id behind which it may have missed something
 *     q  until when it owes for what was looked through for it, in ms
 *     r/ROOM  the same, for a room it stands in
 */
#ifndef TN_STREAM_SCRIPTS_H
#define TN_STREAM_SCRIPTS_H

#include "redis/redis.h"

/*
 * Keep an event and publish it with its mark.
 * KEYS  stream, last id
 * ARGV  events to keep, PUBLISH or SPUBLISH, channel, event, what stands
 *       before the mark, the sender's number, fields
 */
extern const struct tn_script tn_stream_script_add;

/* Keep a hole. KEYS as above; ARGV events to keep. */
extern const struct tn_script tn_stream_script_hole;

/*
 * Publish the id of the last entry, or 0-0.
 * KEYS  stream
 * ARGV  PUBLISH or SPUBLISH, channel
 */
extern const struct tn_script tn_stream_script_last;

/*
 * A session as it is now; nothing, if another node has it.
 * KEYS  hash, stream
 * ARGV  node, life in ms, since when (an id; empty: now), socket's id, owner,
 *       data, rooms
 */
extern const struct tn_script tn_stream_script_keep;

/* It ended. KEYS hash; ARGV node. */
extern const struct tn_script tn_stream_script_forget;

/*
 * Sessions live: KEYS stream, last id, hashes; ARGV their life in ms, and the
 * stream's. Answers which hashes are not there, from 1 on.
 */
extern const struct tn_script tn_stream_script_refresh;

/*
 * Take a session, and publish it with all it missed to the node that asks,
 * so that it comes there in its order among the events.
 * KEYS  hash, stream
 * ARGV  node, owner, offset (empty: none), life in ms, PUBLISH or SPUBLISH,
 *       the channels of nodes without the node, the asker's number, bytes
 *       that may be missed, entries that may be looked through
 * Answers 1, or 0 if it cannot be.
 */
extern const struct tn_script tn_stream_script_restore;

#endif
