/* Taking sessions back, with what they missed. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "cluster/adapter_codec.h"
#include "cluster/stream.h"
#include "cluster/stream_scripts.h"
#include "redis/link.h"

enum { AT_ONCE = 16 };		/* that Redis is asked for */

/* A session wanted back. */
struct asked {
	struct tn_list link;
	struct redis_ns *rn;
	uint64_t number;
	struct tn_timer deadline;
	tn_restored_fn *fn;	/* NULL: called */
	void *arg;
	unsigned refs;		/* the list's, and the command's */
	bool is_sent;
	char pid[TN_EIO_ID_LEN + 1];
	char offset[TN_OFFSET_LEN + 1];	/* "": none */
	size_t owner_len;
	char owner[];
};

static void send_waiting(struct stream *st);

/* ---- waiting --------------------------------------------------------------*/

static void
asked_unref(struct asked *a)
{
	if (--a->refs == 0)
		free(a);
}

/* Off the list; whoever waits is told. */
static void
asked_end(struct asked *a, const struct tn_saved_session *session,
    const struct tn_missed *missed)
{
	struct redis_adapter *adapter = a->rn->adapter;
	tn_restored_fn *fn = a->fn;

	if (fn == NULL)
		return;
	a->fn = NULL;
	tn_list_remove(&a->link);
	a->rn->stream->nasked--;
	tn_wheel_cancel(&tn_link_loop(adapter->link)->wheel, &a->deadline);
	if (session == NULL)
		adapter->counts.unrestored++;
	else
		adapter->counts.restored++;
	fn(session, missed, a->arg);
	asked_unref(a);
}

static void
on_deadline(void *arg)
{
	asked_end(arg, NULL, NULL);
}

/* 1: the session itself comes, or came, in its order among the events. */
static void
on_restore(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct asked *a = arg;
	struct redis_ns *rn = a->rn;

	rn->stream->nlooking--;
	if (err != NULL || tn_reply_integer(reply) != 1)
		asked_end(a, NULL, NULL);
	asked_unref(a);
	if (!rn->is_closed)
		send_waiting(rn->stream);
	tn_redis_ns_unref(rn);
}

void
tn_stream_asked_close(struct stream *st)
{
	while (!tn_list_empty(&st->asked))
		asked_end(TN_CONTAINER(st->asked.next, struct asked, link),
		    NULL, NULL);
}

/* ---- asking ---------------------------------------------------------------*/

static int
ask_redis(struct stream *st, struct asked *a)
{
	char number[24], life[24], most[16], entries[16];
	struct tn_slice keys[2], args[9];
	struct tn_buf key;
	int r;

	snprintf(number, sizeof(number), "%" PRIu64, a->number);
	snprintf(life, sizeof(life), "%" PRId64, tn_stream_life_ms(st));
	snprintf(most, sizeof(most), "%u", TN_LIMIT_RECOVERY_REPLAY);
	snprintf(entries, sizeof(entries), "%d", TN_LIMIT_STREAM_LOOK);
	tn_stream_write_session(&key, st, tn_slice_str(a->pid));
	keys[0] = tn_buf_view(&key);
	keys[1] = tn_buf_view(&st->key);
	args[0] = tn_slice_str(st->rn->uid);
	args[1] = tn_slice(a->owner, a->owner_len);
	args[2] = tn_slice_str(a->offset);
	args[3] = tn_slice_str(life);
	args[4] = tn_publish_word(st->rn->adapter->form->is_sharded);
	args[5] = tn_buf_view(&st->nodes);
	args[6] = tn_slice_str(number);
	args[7] = tn_slice_str(most);
	args[8] = tn_slice_str(entries);
	r = key.failed != 0 ? key.failed : tn_link_eval(
	    st->rn->adapter->link, &tn_stream_script_restore, keys, 2, args,
	    9, on_restore, a);
	tn_buf_fini(&key);
	return r;
}

static struct asked *
next_unsent(const struct stream *st)
{
	for (struct tn_list *it = st->asked.next; it != &st->asked;
	    it = it->next) {
		struct asked *a = TN_CONTAINER(it, struct asked, link);

		if (!a->is_sent)
			return a;
	}
	return NULL;
}

static void
asked_send(struct stream *st, struct asked *a)
{
	a->is_sent = true;
	if (ask_redis(st, a) < 0) {
		asked_end(a, NULL, NULL);
		return;
	}
	st->rn->refs++;
	st->nlooking++;
	a->refs++;
}

/*
 * When the own channel is heard; and a few at a time, or whoever else wants
 * something of Redis would wait for all when a node has died.
 */
static void
send_waiting(struct stream *st)
{
	struct asked *a;

	while (st->has_told && st->nlooking < AT_ONCE &&
	    (a = next_unsent(st)) != NULL)
		asked_send(st, a);
}

/* Clients say what they like; Redis is asked what could be. */
static bool
can_be(const struct stream *st, const struct tn_comeback_ask *ask)
{
	struct tn_stream_id id;

	return st->nasked < TN_LIMIT_COMEBACKS &&
	    tn_link_is_up(st->rn->adapter->link) &&
	    tn_random_is_text(ask->pid, TN_EIO_ID_LEN) &&
	    (ask->offset.ptr == NULL || (ask->offset.len <= TN_OFFSET_LEN &&
	    tn_stream_id_read(ask->offset, &id)));
}

static struct asked *
asked_new(struct stream *st, const struct tn_comeback_ask *ask,
    tn_restored_fn *fn, void *arg)
{
	struct asked *a = can_be(st, ask) ?
	    calloc(1, sizeof(*a) + ask->owner.len) : NULL;

	if (a == NULL)
		return NULL;
	a->rn = st->rn;
	a->number = st->next_ask++;
	a->fn = fn;
	a->arg = arg;
	a->refs = 1;
	memcpy(a->pid, ask->pid.ptr, TN_EIO_ID_LEN);
	if (ask->offset.ptr != NULL)
		memcpy(a->offset, ask->offset.ptr, ask->offset.len);
	a->owner_len = ask->owner.len;
	if (ask->owner.len > 0)
		memcpy(a->owner, ask->owner.ptr, ask->owner.len);
	st->nasked++;
	tn_list_append(&st->asked, &a->link);
	return a;
}

void
tn_stream_restore(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_comeback_ask *ask, tn_restored_fn *fn, void *arg)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct stream *st = rn == NULL ? NULL : rn->stream;
	struct asked *a = st == NULL ? NULL : asked_new(st, ask, fn, arg);
	struct tn_wheel *wheel;

	(void)adapter;
	if (a == NULL) {
		if (st != NULL)
			rn->adapter->counts.unrestored++;
		fn(NULL, NULL, arg);
		return;
	}
	wheel = &tn_link_loop(rn->adapter->link)->wheel;
	tn_wheel_set(wheel, &a->deadline, wheel->now_ms +
	    rn->adapter->requests_ms, on_deadline, a);
	send_waiting(st);
}

/* ---- what is told ---------------------------------------------------------*/

static struct asked *
find_asked(const struct stream *st, uint64_t number)
{
	for (struct tn_list *it = st->asked.next; it != &st->asked;
	    it = it->next) {
		struct asked *a = TN_CONTAINER(it, struct asked, link);

		if (a->number == number)
			return a;
	}
	return NULL;
}

/* What was missed, read; the texts are kept beside the packets. */
struct replay {
	struct tn_broadcast_packet *packets;
	struct tn_buf *texts;
	size_t n;
};

static bool
replay_read(struct replay *r, struct redis_ns *rn,
    const struct tn_stream_told *told, struct tn_arena *arena)
{
	struct tn_slice rest = told->missed, id, event;

	r->packets = calloc(told->nmissed + 1, sizeof(*r->packets));
	r->texts = calloc(told->nmissed + 1, sizeof(*r->texts));
	if (r->packets == NULL || r->texts == NULL)
		return false;
	while (tn_stream_next_missed(&rest, &id, &event)) {
		struct tn_buf *text = &r->texts[r->n];

		r->n++;
		if (!rn->adapter->form->read_kept(rn, event, arena, text,
		    &r->packets[r->n - 1]))
			return false;
		r->packets[r->n - 1].offset = id;
	}
	return true;
}

static void
replay_fini(struct replay *r)
{
	for (size_t i = 0; i < r->n; i++)
		tn_buf_fini(&r->texts[i]);
	free(r->texts);
	free(r->packets);
}

static void
give_back(struct redis_ns *rn, struct asked *a,
    const struct tn_stream_told *told, struct tn_arena *arena)
{
	const struct tn_saved_session session = {
		.pid = tn_slice_str(a->pid), .sid = told->sid,
		.rooms = told->rooms, .nrooms = told->nrooms,
		.data = told->data,
	};
	struct replay replay = { .n = 0 };
	struct tn_missed missed;

	if (replay_read(&replay, rn, told, arena)) {
		missed = (struct tn_missed){ replay.packets, replay.n };
		asked_end(a, &session, &missed);
	} else {
		tn_redis_ns_malformed(rn, "session", "what it missed");
		asked_end(a, NULL, NULL);
	}
	replay_fini(&replay);
}

void
tn_stream_take_told(struct stream *st, struct tn_slice payload)
{
	struct redis_ns *rn = st->rn;
	struct tn_stream_told told;
	struct tn_arena arena;
	struct asked *a;

	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (payload.len > TN_LIMIT_CLUSTER_MESSAGE ||
	    !tn_stream_read_told(payload, &arena, &told))
		tn_redis_ns_malformed(rn, "session", NULL);
	else if (told.kind == TN_STREAM_TAKEN)
		tn_ns_session_taken(rn->ns, told.sid, told.pid);
	else if (told.kind == TN_STREAM_GIVEN &&
	    (a = find_asked(st, told.number)) != NULL)
		give_back(rn, a, &told, &arena);
	tn_arena_fini(&arena);
}

void
tn_stream_on_told(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct stream *st = arg;
	struct redis_ns *rn = st->rn;
	struct tn_stream_came came = { .payload = payload, .is_told = true };

	(void)channel;
	rn->refs++;
	st->has_told = true;
	send_waiting(st);
	if (tn_stream_read_last(payload, &came.mark.before))
		tn_stream_receive(rn, &came);
	else
		tn_redis_ns_malformed(rn, "session", NULL);
	tn_redis_ns_unref(rn);
}
