/*
 * Receiving events in the stream's order, once each; what did not come is
 * read from the stream, and what comes meanwhile is held.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "cluster/stream.h"
#include "cluster/stream_scripts.h"
#include "redis/link.h"

enum { CATCH_UP = 500 };	/* entries of the stream at a time */

/* One that came while an earlier one was missing. */
struct held {
	struct tn_list link;
	struct tn_stream_mark mark;
	bool is_own;
	size_t len;
	char payload[];
};

static void catch_up(struct stream *st);

static void
hold(struct stream *st, struct tn_slice payload,
    const struct tn_stream_mark *mark, bool is_own)
{
	struct held *h = malloc(sizeof(*h) + payload.len);

	if (h == NULL)		/* it is in the stream, and missed once more */
		return;
	*h = (struct held){ .mark = *mark, .is_own = is_own,
	    .len = payload.len };
	memcpy(h->payload, payload.ptr, payload.len);
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

/* Those that the stream has told already are known by their ids. */
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
		if (!st->is_known ||
		    tn_stream_id_compare(h->mark.id, st->last) > 0)
			tn_stream_receive(st->rn, tn_slice(h->payload,
			    h->len), &h->mark, h->is_own, true);
		free(h);
	}
}

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

static void
on_range(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct redis_ns *rn = arg;
	struct stream *st = rn->stream;
	size_t n = tn_reply_len(reply);

	if (!rn->is_closed && err != NULL) {
		/* Redis is away again, or does not want: it goes on from here */
		tn_log_event(rn->adapter->log, TN_LOG_WARN, "cluster.missed",
		    TN_F_SLICE("namespace", tn_ns_name(rn->ns)),
		    TN_F_STR("error", err->text));
		st->is_known = false;
		give_held(st);
	} else if (!rn->is_closed) {
		for (size_t i = 0; i < n && !rn->is_closed; i++)
			give_entry(st, tn_reply_at(reply, i));
		if (n == CATCH_UP)
			catch_up(st);
		else
			give_held(st);
	}
	tn_redis_ns_unref(rn);
}

static void
catch_up(struct stream *st)
{
	char from[TN_OFFSET_LEN + 2] = "(", most[16];
	struct tn_slice argv[] = {
		TN_SLICE("XRANGE"), tn_buf_view(&st->key), TN_SLICE_NONE,
		TN_SLICE("+"), TN_SLICE("COUNT"), TN_SLICE_NONE,
	};

	tn_stream_id_write(st->last, from + 1);
	argv[2] = tn_slice_str(from);
	snprintf(most, sizeof(most), "%d", CATCH_UP);
	argv[5] = tn_slice_str(most);
	st->is_catching_up = true;
	if (tn_link_call(st->rn->adapter->link, argv, 6, on_range,
	    st->rn) < 0) {
		st->is_known = false;
		give_held(st);
		return;
	}
	st->rn->refs++;
}

/*
 * What the stream's last entry is, when the link has come up. An earlier one
 * than has been given means that Redis has lost it, and begun another.
 */
static void
on_last(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct redis_ns *rn = arg;
	struct stream *st = rn->stream;
	struct tn_stream_id id;
	int order;

	if (!rn->is_closed && err == NULL && !st->is_catching_up &&
	    tn_stream_id_read(tn_reply_text(reply), &id)) {
		order = st->is_known ? tn_stream_id_compare(id, st->last) : 0;
		if (!st->is_known || order < 0)
			st->last = order < 0 ? (struct tn_stream_id){ 0, 0 } :
			    id;
		st->is_known = true;
		if (order != 0)
			catch_up(st);
	}
	tn_redis_ns_unref(rn);
}

void
tn_stream_ask_last(struct stream *st)
{
	const struct tn_slice keys[] = { tn_buf_view(&st->key) };

	if (tn_link_eval(st->rn->adapter->link, &tn_stream_script_last, keys,
	    1, NULL, 0, on_last, st->rn) == 0)
		st->rn->refs++;
}

void
tn_stream_on_up(struct stream *st)
{
	if (st->has_hole)
		tn_stream_keep_hole(st);
	tn_stream_ask_last(st);
}

/* Of a stream that has just begun, whatever was before. */
static bool
is_first(const struct tn_stream_mark *mark)
{
	return mark->before.ms == 0 && mark->before.n == 0;
}

void
tn_stream_receive(struct redis_ns *rn, struct tn_slice payload,
    const struct tn_stream_mark *mark, bool is_own, bool is_here)
{
	struct stream *st = rn->stream;

	if (st == NULL) {	/* others have it on */
		if (is_here)
			tn_stream_give(rn, payload, TN_SLICE_NONE);
		return;
	}
	if (st->is_catching_up) {
		hold(st, payload, mark, is_own);
		return;
	}
	if (st->is_known && !is_first(mark) &&
	    tn_stream_id_compare(mark->id, st->last) <= 0)
		return;
	if (st->is_known && tn_stream_id_compare(mark->before, st->last) > 0) {
		hold(st, payload, mark, is_own);
		catch_up(st);
		return;
	}
	st->last = mark->id;
	st->is_known = true;
	if ((!is_own || tn_stream_take_sent(st, mark->number)) && is_here)
		tn_stream_give_kept(st, payload, mark->id);
}
