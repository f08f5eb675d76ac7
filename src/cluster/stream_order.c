/*
 * All that comes goes through here, in the order in which Redis published it:
 * events, and what this node is told on its own channel. Each tells what the
 * stream's last event was before it. If that has not been given to the
 * clients it did not come, and is read from the stream up to there; what
 * comes meanwhile is held. So this node is never ahead of what was published.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "cluster/adapter_codec.h"
#include "cluster/stream.h"
#include "cluster/stream_scripts.h"
#include "redis/link.h"

enum {
	CATCH_UP = 500,		/* entries of the stream at a time */
	AGAIN_MS = 20,
};

/* One that came while an earlier one was missing. */
struct held {
	struct tn_list link;
	struct tn_stream_mark mark;
	bool is_own, is_here, is_told;
	size_t len;
	char payload[];
};

/* ---- holding --------------------------------------------------------------*/

/* Without memory it is missed as if it had not come. */
static void
hold(struct stream *st, const struct tn_stream_came *came)
{
	struct held *h = malloc(sizeof(*h) + came->payload.len);

	if (h == NULL)
		return;
	*h = (struct held){ .mark = came->mark, .is_own = came->is_own,
	    .is_here = came->is_here, .is_told = came->is_told,
	    .len = came->payload.len };
	memcpy(h->payload, came->payload.ptr, h->len);
	tn_list_append(&st->held, &h->link);
}

void
tn_stream_drop_held(struct stream *st)
{
	while (!tn_list_empty(&st->held)) {
		struct held *h = TN_CONTAINER(st->held.next, struct held,
		    link);

		tn_list_remove(&h->link);
		free(h);
	}
}

/* In their order; one of them may be held again, and all behind it. */
static void
give_held(struct stream *st)
{
	struct tn_list held;

	st->is_catching_up = false;
	tn_list_init(&held);
	while (!tn_list_empty(&st->held)) {
		struct tn_list *first = st->held.next;

		tn_list_remove(first);
		tn_list_append(&held, first);
	}
	while (!tn_list_empty(&held)) {
		struct held *h = TN_CONTAINER(held.next, struct held, link);

		tn_list_remove(&h->link);
		tn_stream_receive(st->rn, &(struct tn_stream_came){
			.payload = tn_slice(h->payload, h->len),
			.mark = h->mark, .is_own = h->is_own,
			/* rooms may have opened */
			.is_here = true, .is_told = h->is_told,
		    });
		free(h);
	}
}

/* ---- catching up ----------------------------------------------------------*/

static void catch_up(struct stream *st);
static void ask_again(void *stream);

/* ["12-0", ["m", payload, "s", number, ...]] */
static void
give_entry(struct stream *st, const struct tn_reply *entry)
{
	const struct tn_reply *fields = tn_reply_at(entry, 1);
	struct tn_slice payload = tn_reply_text(tn_reply_at(fields, 1));
	struct tn_slice number = tn_reply_text(tn_reply_at(fields, 3));
	struct tn_stream_id id;
	uint64_t n = 0;

	if (!tn_stream_id_read(tn_reply_text(tn_reply_at(entry, 0)), &id)) {
		tn_redis_ns_malformed(st->rn, "stream", "no id");
		return;
	}
	st->last = id;
	if (!tn_slice_is(tn_reply_text(tn_reply_at(fields, 0)), "m"))
		return;
	for (size_t i = 0; i < number.len; i++)
		n = n << 8 | (unsigned char)number.ptr[i];
	st->rn->adapter->counts.caught_up++;
	if (tn_stream_take_sent(st, n))
		tn_stream_give_kept(st, payload, id);
}

/* What is not there any more has been trimmed. */
static void
take_range(struct stream *st, const struct tn_reply *reply)
{
	size_t n = tn_reply_len(reply);

	for (size_t i = 0; i < n && !st->rn->is_closed; i++)
		give_entry(st, tn_reply_at(reply, i));
	if (st->rn->is_closed)
		return;
	if (n == CATCH_UP && tn_stream_id_compare(st->last, st->until) < 0) {
		catch_up(st);
		return;
	}
	st->last = st->until;
	give_held(st);
}

/* Redis is away again, or does not want: it goes on from here. */
static void
give_up(struct stream *st, const char *why)
{
	tn_log_event(st->rn->adapter->log, TN_LOG_WARN, "cluster.missed",
	    TN_F_SLICE("namespace", tn_ns_name(st->rn->ns)),
	    TN_F_STR("error", why));
	st->is_known = false;
	give_held(st);
}

static void
on_range(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct redis_ns *rn = arg;

	if (rn->is_closed)
		;
	else if (err != NULL)
		give_up(rn->stream, err->text);
	else
		take_range(rn->stream, reply);
	tn_redis_ns_unref(rn);
}

/* From the last one given to st->until. */
static void
catch_up(struct stream *st)
{
	char from[TN_OFFSET_LEN + 2] = "(", until[TN_OFFSET_LEN + 1];
	char most[16];
	struct tn_slice argv[] = {
		TN_SLICE("XRANGE"), tn_buf_view(&st->key), TN_SLICE_NONE,
		TN_SLICE_NONE, TN_SLICE("COUNT"), TN_SLICE_NONE,
	};

	tn_stream_id_write(st->last, from + 1);
	tn_stream_id_write(st->until, until);
	snprintf(most, sizeof(most), "%d", CATCH_UP);
	argv[2] = tn_slice_str(from);
	argv[3] = tn_slice_str(until);
	argv[5] = tn_slice_str(most);
	st->is_catching_up = true;
	if (tn_link_call(st->rn->adapter->link, argv, 6, on_range,
	    st->rn) == 0)
		st->rn->refs++;
	else
		give_up(st, "it cannot be asked");
}

/* Nobody heard it: the channel of a new namespace is not subscribed to yet. */
static void
on_asked(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct redis_ns *rn = arg;
	struct stream *st = rn->stream;
	struct tn_wheel *wheel = &tn_link_loop(rn->adapter->link)->wheel;

	if (!rn->is_closed && !st->has_told && err == NULL &&
	    tn_reply_integer(reply) == 0)
		tn_wheel_set(wheel, &st->again, wheel->now_ms + AGAIN_MS,
		    ask_again, st);
	tn_redis_ns_unref(rn);
}

/* Redis tells this node on its own channel, in order, what the last one is. */
void
tn_stream_ask_last(struct stream *st)
{
	const struct tn_slice keys[] = { tn_buf_view(&st->key) };
	const struct tn_slice args[] = {
		tn_publish_word(st->rn->adapter->form->is_sharded),
		tn_buf_view(&st->own),
	};

	if (tn_link_eval(st->rn->adapter->link, &tn_stream_script_last, keys,
	    1, args, 2, on_asked, st->rn) == 0)
		st->rn->refs++;
}

static void
ask_again(void *arg)
{
	tn_stream_ask_last(arg);
}

void
tn_stream_on_up(struct stream *st)
{
	if (st->has_hole)
		tn_stream_keep_hole(st);
	tn_stream_ask_last(st);
}

/* ---- receiving ------------------------------------------------------------*/

static void
give_event(struct stream *st, const struct tn_stream_came *came)
{
	const struct tn_stream_mark *mark = &came->mark;

	if (st->is_known && tn_stream_id_compare(mark->id, st->last) <= 0)
		return;
	st->last = mark->id;
	st->is_known = true;
	if ((!came->is_own || tn_stream_take_sent(st, mark->number)) &&
	    came->is_here)
		tn_stream_give_kept(st, came->payload, mark->id);
}

/*
 * The last one, told by Redis. If this node has given a later one, Redis has
 * lost it: the whole stream, or in a failover the end of it, of which
 * everything was given. It goes on from there, whatever ids come next.
 */
static void
compare_last(struct stream *st, struct tn_stream_id last)
{
	if (!st->is_known || tn_stream_id_compare(last, st->last) < 0)
		st->last = last;
	st->is_known = true;
}

void
tn_stream_receive(struct redis_ns *rn, const struct tn_stream_came *came)
{
	struct stream *st = rn->stream;

	if (rn->is_closed)
		return;
	if (st == NULL) {	/* others have it on */
		if (came->is_here)
			tn_stream_give(rn, came->payload, TN_SLICE_NONE);
		return;
	}
	if (came->is_told && !st->is_catching_up)
		compare_last(st, came->mark.before);
	if (!st->is_catching_up && st->is_known &&
	    tn_stream_id_compare(came->mark.before, st->last) > 0) {
		hold(st, came);
		st->until = came->mark.before;
		catch_up(st);
	} else if (st->is_catching_up) {
		hold(st, came);
	} else if (came->is_told) {
		tn_stream_take_told(st, came->payload);
	} else {
		give_event(st, came);
	}
}
