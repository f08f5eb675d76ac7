/*
 * The bytes of recovery streams: ids, the mark that a stored event bears when
 * it is published, and what a node is told of a session.
 */
#ifndef TN_STREAM_CODEC_H
#define TN_STREAM_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "io/adapter.h"

struct tn_arena;

/* Of an entry, as Redis makes them: a time and which one of that time. */
struct tn_stream_id {
	uint64_t ms, n;
};

/* Negative, 0 or positive, as of memcmp. */
int tn_stream_id_compare(struct tn_stream_id a, struct tn_stream_id b);
/* "1795385700903-0": digits, a hyphen, digits, and nothing else. */
bool tn_stream_id_read(struct tn_slice text, struct tn_stream_id *out);
void tn_stream_id_write(struct tn_stream_id id, char out[TN_OFFSET_LEN + 1]);

/*
 * What the script puts behind an event when it publishes it: its id, that of
 * the one before it, and the number its sender gave it. MessagePack's bin of
 * five numbers of eight bytes, most significant first.
 */
struct tn_stream_mark {
	struct tn_stream_id id, before;
	uint64_t number;
};

#define TN_STREAM_MARK_BYTES	40
#define TN_STREAM_MARK_HEAD	"\xc4\x28"

/* Read one at the end of a payload. */
bool tn_stream_mark_read(struct tn_slice payload, struct tn_stream_mark *out);

/* Eight bytes, most significant first. */
void tn_stream_number_write(uint64_t n, char out[8]);

/*
 * What a node's own channel brings: parts, each behind its length in four
 * bytes, most significant first. last is the id of the stream's last event.
 *
 *     R last number sid data rooms room... [id event]...   a session is yours
 *     T last sid pid					    it is another's now
 *     L last						    no more than that
 */
enum tn_stream_telling {
	TN_STREAM_GIVEN = 'R',
	TN_STREAM_TAKEN = 'T',
	TN_STREAM_LAST = 'L',
};

struct tn_stream_told {
	enum tn_stream_telling kind;
	struct tn_stream_id last;
	struct tn_slice sid, pid;	/* pid of T alone */
	uint64_t number;		/* who asked */
	struct tn_slice data;
	const struct tn_slice *rooms;
	size_t nrooms;
	struct tn_slice missed;		/* for tn_stream_next_missed */
	size_t nmissed;
};

/*
 * in     borrowed as long as out is used; anything at all may stand in it
 * arena  for rooms
 *
 * data has passed tn_json_scan. Returns false for anything else.
 */
bool tn_stream_read_told(struct tn_slice in, struct tn_arena *arena,
    struct tn_stream_told *out);
/* The first two parts alone, of what may be long. */
bool tn_stream_read_last(struct tn_slice in, struct tn_stream_id *last);
/* Cut the next event off; false at the end. */
bool tn_stream_next_missed(struct tn_slice *rest, struct tn_slice *id,
    struct tn_slice *event);

#endif
