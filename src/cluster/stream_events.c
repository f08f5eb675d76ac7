/* Keeping events, giving them in the stream's order, and catching up. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "cluster/adapter_codec.h"
#include "cluster/stream.h"
#include "cluster/stream_scripts.h"
#include "redis/keys.h"
#include "redis/link.h"

enum { CATCH_UP = 500 };	/* entries of the stream at a time */
#define SENT_MOST	4096	/* that did not come back, remembered */

/* An event of this node, until it comes back. */
struct sent {
	struct tn_list link;
	struct redis_ns *rn;
	uint64_t number;
	bool has_come, is_given, is_answered;
	size_t len;
	char payload[];
};

/* One that came while an earlier one was missing. */
struct held {
	struct tn_list link;
	struct tn_stream_mark mark;
	bool is_own;
	size_t len;
	char payload[];
};

/* ---- giving ---------------------------------------------------------------*/

static void
give(struct redis_ns *rn, struct tn_slice payload, struct tn_slice offset)
{
	struct tn_broadcast_packet packet = { .is_volatile = false };
	struct tn_arena arena;
	struct tn_buf json;

	if (rn->is_closed)
		return;
	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (!rn->adapter->form->read_kept(rn, payload, &arena, &json,
	    &packet)) {
		tn_redis_ns_malformed(rn, "kept event", NULL);
	} else if (packet.nrooms != 1 ||
	    tn_ns_has_room(rn->ns, packet.rooms[0])) {
		packet.offset = offset;
		if (tn_ns_deliver(rn->ns, &packet) < 0)
			tn_redis_ns_malformed(rn, "kept event",
			    "not to be delivered");
	}
	tn_buf_fini(&json);
	tn_arena_fini(&arena);
}

static void
give_kept(struct stream *st, struct tn_slice payload, struct tn_stream_id id)
{
	char offset[TN_OFFSET_LEN + 1];

	st->last = id;
	st->is_known = true;
	tn_stream_id_write(id, offset);
	give(st->rn, payload, tn_slice_str(offset));
}

struct tn_slice
tn_stream_since(const struct stream *st, char out[TN_OFFSET_LEN + 1])
{
	out[0] = '\0';
	if (st->is_known)
		tn_stream_id_write(st->last, out);
	return tn_slice_str(out);
}

/* ---- keeping --------------------------------------------------------------*/

static void
sent_free(struct sent *s)
{
	tn_list_remove(&s->link);
	free(s);
}

/*
 * An own one came, in whatever way. Returns false if it was given to the
 * clients already, when Redis did not answer.
 */
static bool
take_sent(struct stream *st, uint64_t number)
{
	struct tn_list *it, *following;

	TN_LIST_EACH(it, following, &st->sent) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);
		bool is_given = s->is_given;

		if (s->number != number)
			continue;
		s->has_come = true;
		if (s->is_answered)
			sent_free(s);
		return !is_given;
	}
	return true;
}

/* Not answered for, but answered all the same: an old one is forgotten. */
static void
drop_sent(struct stream *st)
{
	struct tn_list *it, *following;
	size_t n = 0;

	for (it = st->sent.prev; it != &st->sent; it = it->prev)
		n++;
	TN_LIST_EACH(it, following, &st->sent) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);

		if (n <= SENT_MOST)
			return;
		n--;
		if (s->is_answered)
			sent_free(s);
	}
}

static void
on_hole(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct redis_ns *rn = arg;

	(void)reply;
	if (err != NULL && rn->stream != NULL)
		rn->stream->has_hole = true;
	tn_redis_ns_unref(rn);
}

/* Who was away while it was given must not be told that he has it all. */
static void
keep_hole(struct stream *st)
{
	char most[16];
	const struct tn_slice keys[] = { tn_buf_view(&st->key),
	    tn_buf_view(&st->last_key) };
	struct tn_slice args[1];

	snprintf(most, sizeof(most), "%d", st->rn->adapter->recovery_events);
	args[0] = tn_slice_str(most);
	if (tn_link_eval(st->rn->adapter->link, &tn_stream_script_hole, keys,
	    2, args, 1, on_hole, st->rn) < 0)
		return;
	st->has_hole = false;
	st->rn->refs++;
}

static void
note_hole(struct stream *st)
{
	st->rn->adapter->counts.unkept++;
	st->has_hole = true;
	if (tn_link_is_up(st->rn->adapter->link))
		keep_hole(st);
}

/* Redis does not answer: those who are here need not wait for it. */
static void
give_sent(struct stream *st, struct sent *s)
{
	s->is_given = true;
	note_hole(st);
	give(st->rn, tn_slice(s->payload, s->len), TN_SLICE_NONE);
}

static struct sent *
next_to_give(const struct stream *st)
{
	for (struct tn_list *it = st->sent.next; it != &st->sent;
	    it = it->next) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);

		if (!s->has_come && !s->is_given)
			return s;
	}
	return NULL;
}

static void
on_kept(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct sent *s = arg;
	struct redis_ns *rn = s->rn;

	(void)reply;
	s->is_answered = true;
	if (err == NULL) {
		rn->adapter->counts.kept++;
	} else if (!s->has_come && !s->is_given && !rn->is_closed) {
		give_sent(rn->stream, s);
	}
	if (s->has_come || rn->is_closed)
		sent_free(s);
	else
		drop_sent(rn->stream);
	tn_redis_ns_unref(rn);
}

static struct sent *
sent_new(struct stream *st, const struct tn_buf *body)
{
	struct sent *s = body->failed != 0 ? NULL :
	    malloc(sizeof(*s) + body->len);

	if (s == NULL)
		return NULL;
	*s = (struct sent){ .rn = st->rn, .number = st->next_number++,
	    .len = body->len };
	memcpy(s->payload, body->ptr, body->len);
	return s;
}

/* The fields that tell a stream's reader whom an event is for. */
static size_t
write_fields(struct tn_slice *args, const struct tn_broadcast_packet *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nrooms; i++) {
		args[n++] = TN_SLICE("r");
		args[n++] = p->rooms[i];
	}
	for (size_t i = 0; i < p->nexcept; i++) {
		args[n++] = TN_SLICE("x");
		args[n++] = p->except[i];
	}
	return n;
}

static int
send_event(struct stream *st, const struct tn_broadcast_packet *p,
    struct sent *s, struct tn_slice channel, struct tn_slice *args)
{
	const struct redis_form *form = st->rn->adapter->form;
	const struct tn_slice keys[] = { tn_buf_view(&st->key),
	    tn_buf_view(&st->last_key) };
	char most[16], number[8];

	snprintf(most, sizeof(most), "%d", st->rn->adapter->recovery_events);
	tn_stream_number_write(s->number, number);
	args[0] = tn_slice_str(most);
	args[1] = form->is_sharded ? TN_SLICE("SPUBLISH") : TN_SLICE("PUBLISH");
	args[2] = channel;
	args[3] = tn_slice(s->payload, s->len);
	args[4] = tn_slice_str(form->before_mark);
	args[5] = tn_slice(number, sizeof(number));
	return tn_link_eval(st->rn->adapter->link, &tn_stream_script_add,
	    keys, 2, args, 6 + write_fields(args + 6, p), on_kept, s);
}

/* Returns 1 if Redis is to publish it. */
static int
keep(struct stream *st, const struct tn_broadcast_packet *p)
{
	const struct redis_form *form = st->rn->adapter->form;
	struct tn_slice *args = calloc(6 + 2 * (p->nrooms + p->nexcept),
	    sizeof(*args));
	struct tn_buf body, channel;
	struct sent *s;
	int r = TN_E_NOMEM;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&channel, 4096);
	form->write_kept(st->rn, p, &body);
	form->write_kept_channel(&channel, st->rn, p);
	s = args == NULL || channel.failed != 0 ? NULL : sent_new(st, &body);
	if (s != NULL) {
		tn_list_append(&st->sent, &s->link);
		r = send_event(st, p, s, tn_buf_view(&channel), args);
	}
	if (s != NULL && r < 0)
		sent_free(s);
	if (r == 0)
		st->rn->refs++;
	tn_buf_fini(&channel);
	tn_buf_fini(&body);
	free(args);
	return r < 0 ? 0 : 1;
}

int
tn_stream_store(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, char offset[TN_OFFSET_LEN + 1])
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct sent *s;

	(void)a;
	offset[0] = '\0';
	if (packet->is_local || rn == NULL || rn->stream == NULL)
		return 0;
	if (packet->nrooms + packet->nexcept <= TN_LIMIT_STREAM_ROOMS &&
	    tn_link_is_up(rn->adapter->link) && keep(rn->stream, packet) == 1)
		return 1;
	while ((s = next_to_give(rn->stream)) != NULL)	/* before this one */
		give_sent(rn->stream, s);
	note_hole(rn->stream);
	return 0;
}

/* ---- catching up ----------------------------------------------------------*/

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

static void
drop_answered(struct stream *st)
{
	struct tn_list *it, *following;

	TN_LIST_EACH(it, following, &st->sent) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);

		if (s->is_answered)
			sent_free(s);
	}
}

static void
drop_held(struct stream *st)
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
		tn_stream_receive(st->rn, tn_slice(h->payload, h->len),
		    &h->mark, h->is_own, true);
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
	if (take_sent(st, n))
		give_kept(st, payload, id);
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

void
tn_stream_on_up(struct stream *st)
{
	if (st->has_hole)
		keep_hole(st);
	if (st->is_known && !st->is_catching_up)
		catch_up(st);
}

void
tn_stream_receive(struct redis_ns *rn, struct tn_slice payload,
    const struct tn_stream_mark *mark, bool is_own, bool is_here)
{
	struct stream *st = rn->stream;

	if (st == NULL) {	/* others have it on */
		if (is_here)
			give(rn, payload, TN_SLICE_NONE);
		return;
	}
	if (st->is_catching_up) {
		hold(st, payload, mark, is_own);
		return;
	}
	if (st->is_known && tn_stream_id_compare(mark->id, st->last) <= 0)
		return;
	if (st->is_known && tn_stream_id_compare(mark->before, st->last) > 0) {
		hold(st, payload, mark, is_own);
		catch_up(st);
		return;
	}
	st->last = mark->id;
	st->is_known = true;
	if ((!is_own || take_sent(st, mark->number)) && is_here)
		give_kept(st, payload, mark->id);
}

/* ---- life -----------------------------------------------------------------*/

static void
on_last(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct redis_ns *rn = arg;
	struct tn_stream_id id;

	if (!rn->is_closed && !rn->stream->is_known && err == NULL &&
	    tn_stream_id_read(tn_reply_text(reply), &id)) {
		rn->stream->last = id;
		rn->stream->is_known = true;
	}
	tn_redis_ns_unref(rn);
}

static void
ask_last(struct stream *st)
{
	const struct tn_slice keys[] = { tn_buf_view(&st->key) };

	if (tn_link_eval(st->rn->adapter->link, &tn_stream_script_last, keys,
	    1, NULL, 0, on_last, st->rn) == 0)
		st->rn->refs++;
}

static bool
write_names(struct stream *st)
{
	struct tn_slice channel = st->rn->broadcast;
	struct tn_buf *const names[] = { &st->key, &st->last_key,
	    &st->sessions, &st->nodes, &st->own, &st->own_end };
	bool failed = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		tn_buf_init(names[i], 4096);
	tn_key_stream(&st->key, channel);
	tn_key_stream_last(&st->last_key, channel);
	tn_key_stream_sessions(&st->sessions, channel);
	tn_key_stream_nodes(&st->nodes, channel);
	tn_key_stream_nodes(&st->own, channel);
	tn_buf_str(&st->own, st->rn->uid);
	tn_sharded_write_end(&st->own_end, tn_slice_str(st->rn->uid),
	    tn_ns_name(st->rn->ns));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		failed = failed || names[i]->failed != 0;
	return !failed;
}

int
tn_stream_open(struct redis_ns *rn)
{
	struct redis_adapter *a = rn->adapter;
	struct stream *st;
	int r;

	if (a->recovery_events == 0 || tn_ns_recovery_window_ms(rn->ns) == 0)
		return 0;
	if ((st = calloc(1, sizeof(*st))) == NULL)
		return TN_E_NOMEM;
	rn->stream = st;
	st->rn = rn;
	/* no two nodes count from the same */
	tn_random_bytes(&st->next_number, sizeof(st->next_number));
	tn_list_init(&st->sent);
	tn_list_init(&st->held);
	tn_list_init(&st->asked);
	tn_list_append(&a->streams, &st->link);
	if (!write_names(st))
		return TN_E_NOMEM;
	r = (a->form->is_sharded ? tn_link_ssubscribe : tn_link_subscribe)(
	    a->link, tn_buf_view(&st->own), tn_stream_on_told, st);
	if (r < 0)
		return r;
	st->is_subscribed = true;
	ask_last(st);
	tn_stream_sweep(st);
	return 0;
}

void
tn_stream_close(struct redis_ns *rn)
{
	struct stream *st = rn->stream;

	if (st == NULL)
		return;
	if (st->is_subscribed)
		(rn->adapter->form->is_sharded ? tn_link_sunsubscribe :
		    tn_link_unsubscribe)(rn->adapter->link,
		    tn_buf_view(&st->own));
	st->is_subscribed = false;
	tn_list_remove(&st->link);
	tn_stream_sessions_close(st);
	tn_stream_asked_close(st);
	drop_held(st);
	drop_answered(st);
}

void
tn_stream_free(struct stream **stream)
{
	struct stream *st = *stream;

	*stream = NULL;
	if (st == NULL)
		return;
	tn_buf_fini(&st->key);
	tn_buf_fini(&st->last_key);
	tn_buf_fini(&st->sessions);
	tn_buf_fini(&st->nodes);
	tn_buf_fini(&st->own);
	tn_buf_fini(&st->own_end);
	free(st);
}
