/*
 * Recovery across nodes on plain Redis, for both forms of the adapter.
 *
 * Of each namespace Redis keeps a bounded stream of events. The script that
 * adds one publishes it too, with its id as the clients' offset, and every
 * node gives it to its clients when it comes, the sender's as well: so all
 * have the same events in the same order, and each node knows the last one
 * that it has given. What that was when a session began and when it joined
 * each room is kept with the session, in Redis too while it lives; so it may
 * be found again though its node died, and though it has received nothing.
 *
 * Who comes back to a session is answered by a script that publishes the
 * session, and all it missed, on the asking node's own channel: what came
 * there before is in the answer, what comes later is not.
 *
 * An event's mark tells the one before it, and so does what a node is told
 * there. A node that misses one waits, and reads from the stream what it has
 * not heard; now and then it has itself told which is the last.
 *
 *     stream.c		    its life, and its names
 *     stream_events.c	    keeping events, and giving them
 *     stream_order.c	    receiving them in order, catching up
 *     stream_sessions.c    keeping sessions
 *     stream_restore.c	    taking them back
 */
#ifndef TN_STREAM_H
#define TN_STREAM_H

#include "base/loop.h"
#include "cluster/adapter_inner.h"
#include "cluster/stream_codec.h"

struct change;

struct stream {
	struct tn_list link;	/* of the adapter */
	struct redis_ns *rn;
	struct tn_buf key, last_key, sessions, nodes, own;	/* names */
	struct tn_buf own_end;	/* sharded: before the mark of an own event */
	bool is_subscribed;
	bool has_told;		/* the own channel has brought something */

	struct tn_stream_id last;	/* given to the clients here */
	bool is_known;
	bool is_catching_up;
	struct tn_stream_id until;	/* where catching up ends */
	bool has_hole;		/* given, and not kept */
	uint64_t next_number;
	struct tn_list sent;	/* not come back yet, oldest first */
	size_t nsent;
	size_t nungiven;	/* of them, to the clients here */
	struct tn_list held;	/* come while catching up */

	struct change *changes;	/* of sessions, in this turn */
	size_t nchanges, changes_cap;
	struct tn_deferred flush;
	struct tn_timer sweep, again;

	struct tn_list asked;	/* sessions wanted back */
	size_t nasked;
	size_t nlooking;	/* of them, for which Redis was asked */
	uint64_t next_ask;
};

/* Where nobody can come back nothing is made. Returns 0 or a TN_E_*. */
int tn_stream_open(struct redis_ns *rn);
void tn_stream_close(struct redis_ns *rn);
void tn_stream_free(struct stream **stream);

/* What came by a channel. */
struct tn_stream_came {
	struct tn_slice payload;
	struct tn_stream_mark mark;	/* told: before alone */
	bool is_own;		/* an event that this node sent */
	bool is_here;		/* somebody here may want it */
	bool is_told;		/* no event: on this node's own channel */
};
void tn_stream_receive(struct redis_ns *rn,
    const struct tn_stream_came *came);

/* The link is back: what was missed is caught up on. */
void tn_stream_on_up(struct stream *st);

/* stream_events.c */

/* To the clients here; offset may be empty. */
void tn_stream_give(struct redis_ns *rn, struct tn_slice payload,
    struct tn_slice offset);
/* The same with its id, which is the last from now on. */
void tn_stream_give_kept(struct stream *st, struct tn_slice payload,
    struct tn_stream_id id);
/*
 * An own one came, in whatever way. Returns false if it was given to the
 * clients already, when Redis did not answer.
 */
bool tn_stream_take_sent(struct stream *st, uint64_t number);
/* Who was away while something was given must not be told that he has all. */
void tn_stream_keep_hole(struct stream *st);
void tn_stream_drop_answered(struct stream *st);

/* stream_order.c */

/* Have Redis tell which entry is the last; what did not come is read then. */
void tn_stream_ask_last(struct stream *st);
void tn_stream_drop_held(struct stream *st);

/* The id of the last event given, as text; "" if it is not known. */
struct tn_slice tn_stream_since(const struct stream *st,
    char out[TN_OFFSET_LEN + 1]);

/* What of tn_adapter_ops is here. */
#define TN_STREAM_OPS							\
	.store = tn_stream_store,					\
	.persist = tn_stream_persist,					\
	.restore = tn_stream_restore,					\
	.changed = tn_stream_changed,					\
	.forget = tn_stream_forget

int tn_stream_store(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet,
    char offset[TN_OFFSET_LEN + 1]);
int tn_stream_persist(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_saved_session *session);
void tn_stream_restore(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_comeback_ask *ask, tn_restored_fn *fn, void *arg);
void tn_stream_changed(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_socket *socket);
void tn_stream_forget(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice pid);

/* stream_sessions.c */

/* Of a session that is connected: from one sweep to the next but two. */
int64_t tn_stream_life_ms(const struct stream *st);
/* The key of a session; begins out. */
void tn_stream_write_session(struct tn_buf *out, const struct stream *st,
    struct tn_slice pid);
void tn_stream_sweep(void *stream);
void tn_stream_sessions_close(struct stream *st);

/* stream_restore.c */
void tn_stream_on_told(struct tn_slice channel, struct tn_slice payload,
    void *stream);
/* The same in its turn among the events. */
void tn_stream_take_told(struct stream *st, struct tn_slice payload);
void tn_stream_asked_close(struct stream *st);

#endif
