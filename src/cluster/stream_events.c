/* Keeping events: until one comes back it is remembered whose it is. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "cluster/adapter_codec.h"
#include "cluster/stream.h"
#include "cluster/stream_scripts.h"
#include "redis/link.h"

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

/* ---- giving ---------------------------------------------------------------*/

void
tn_stream_give(struct redis_ns *rn, struct tn_slice payload,
    struct tn_slice offset)
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

void
tn_stream_give_kept(struct stream *st, struct tn_slice payload,
    struct tn_stream_id id)
{
	char offset[TN_OFFSET_LEN + 1];

	st->last = id;
	st->is_known = true;
	tn_stream_id_write(id, offset);
	tn_stream_give(st->rn, payload, tn_slice_str(offset));
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
	s->rn->stream->nsent--;
	free(s);
}

/* Its clients have it, or are about to. Returns false if they had before. */
static bool
sent_give(struct sent *s)
{
	if (s->is_given)
		return false;
	s->is_given = true;
	s->rn->stream->nungiven--;
	return true;
}

bool
tn_stream_take_sent(struct stream *st, uint64_t number)
{
	struct tn_list *it, *following;

	TN_LIST_EACH(it, following, &st->sent) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);
		bool is_first;

		if (s->number != number)
			continue;
		is_first = sent_give(s);
		s->has_come = true;
		if (s->is_answered)
			sent_free(s);
		return is_first;
	}
	return true;
}

/* What was given for want of an answer may come late, or never. */
static void
drop_sent(struct stream *st)
{
	struct tn_list *it, *following;

	if (st->nsent <= SENT_MOST)
		return;
	TN_LIST_EACH(it, following, &st->sent) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);

		if (s->is_answered && s->is_given)
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

void
tn_stream_keep_hole(struct stream *st)
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
		tn_stream_keep_hole(st);
}

/* Redis does not answer: those who are here need not wait for it. */
static void
give_sent(struct stream *st, struct sent *s)
{
	sent_give(s);
	note_hole(st);
	tn_stream_give(st->rn, tn_slice(s->payload, s->len), TN_SLICE_NONE);
}

static struct sent *
next_to_give(const struct stream *st)
{
	for (struct tn_list *it = st->sent.next; it != &st->sent;
	    it = it->next) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);

		if (!s->is_given)
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
	} else if (!s->is_given && !rn->is_closed) {
		give_sent(rn->stream, s);
	}
	if (s->has_come || rn->is_closed)
		sent_free(s);
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
	args[1] = tn_publish_word(form->is_sharded);
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
		st->nsent++;
		st->nungiven++;
		r = send_event(st, p, s, tn_buf_view(&channel), args);
	}
	if (s != NULL && r < 0) {
		sent_give(s);
		sent_free(s);
	}
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
	while (rn->stream->nungiven > 0 &&	/* before this one */
	    (s = next_to_give(rn->stream)) != NULL)
		give_sent(rn->stream, s);
	note_hole(rn->stream);
	return 0;
}

void
tn_stream_drop_answered(struct stream *st)
{
	struct tn_list *it, *following;

	TN_LIST_EACH(it, following, &st->sent) {
		struct sent *s = TN_CONTAINER(it, struct sent, link);

		if (s->is_answered)
			sent_free(s);
	}
}
