/*
 * Keeping sessions in Redis while they live, so that they are there whatever
 * becomes of this node: what has changed in a turn is written at its end, and
 * all are given more time again and again.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/loop.h"
#include "cluster/stream.h"
#include "cluster/stream_scripts.h"
#include "redis/link.h"

enum {
	SWEEPS = 4,		/* in a window */
	BATCH = 128,		/* sessions in one command */
	FIXED = 6,		/* arguments in front of the rooms */
};

struct change {
	struct tn_socket_ref socket;
	char since[TN_OFFSET_LEN + 1];
};

static struct stream *
stream_of(struct tn_ns *ns)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);

	return rn == NULL ? NULL : rn->stream;
}

int64_t
tn_stream_life_ms(const struct stream *st)
{
	int64_t window = tn_ns_recovery_window_ms(st->rn->ns);

	return window + 2 * (window / SWEEPS);
}

void
tn_stream_write_session(struct tn_buf *out, const struct stream *st,
    struct tn_slice pid)
{
	tn_buf_init(out, 4096);
	tn_buf_slice(out, tn_buf_view(&st->sessions));
	tn_buf_slice(out, pid);
}

/* ---- writing --------------------------------------------------------------*/

static int
keep(struct stream *st, const struct tn_saved_session *session,
    struct tn_slice since, int64_t for_ms)
{
	struct tn_slice args[FIXED + TN_LIMIT_ROOMS_PER_SOCKET], keys[2];
	struct tn_buf key;
	char life[24];
	int r;

	tn_stream_write_session(&key, st, session->pid);
	snprintf(life, sizeof(life), "%" PRId64, for_ms);
	keys[0] = tn_buf_view(&key);
	keys[1] = tn_buf_view(&st->key);
	args[0] = tn_slice_str(st->rn->uid);
	args[1] = tn_slice_str(life);
	args[2] = since;
	args[3] = session->sid;
	args[4] = session->owner;
	args[5] = session->data;
	for (size_t i = 0; i < session->nrooms; i++)
		args[FIXED + i] = session->rooms[i];
	r = key.failed != 0 ? key.failed : tn_link_eval(
	    st->rn->adapter->link, &tn_stream_script_keep, keys, 2, args,
	    FIXED + session->nrooms, NULL, NULL);
	tn_buf_fini(&key);
	return r;
}

static void
flush(void *arg)
{
	struct stream *st = arg;
	struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET];
	struct tn_saved_session session;
	size_t n = st->nchanges;

	st->nchanges = 0;
	for (size_t i = 0; i < n; i++) {
		struct tn_socket *s = tn_socket_deref(st->changes[i].socket);

		if (s != NULL && tn_socket_save(s, rooms, &session))
			keep(st, &session, tn_slice_str(st->changes[i].since),
			    tn_stream_life_ms(st));
	}
}

static void
note(struct stream *st, struct tn_socket_ref socket)
{
	size_t cap = st->changes_cap == 0 ? 16 : st->changes_cap * 2;
	struct change *changes = st->changes;

	if (st->nchanges == st->changes_cap) {
		changes = realloc(changes, cap * sizeof(*changes));
		if (changes == NULL)
			return;		/* the next sweep finds it */
		st->changes = changes;
		st->changes_cap = cap;
	}
	changes[st->nchanges].socket = socket;
	tn_stream_since(st, changes[st->nchanges].since);
	st->nchanges++;
	tn_loop_defer(tn_link_loop(st->rn->adapter->link), &st->flush, flush,
	    st);
}

void
tn_stream_changed(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_socket *socket)
{
	struct stream *st = stream_of(ns);

	(void)a;
	if (st != NULL)
		note(st, tn_socket_ref(socket));
}

int
tn_stream_persist(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_saved_session *session)
{
	struct stream *st = stream_of(ns);
	char since[TN_OFFSET_LEN + 1];

	(void)a;
	return st == NULL ? TN_E_STATE : keep(st, session,
	    tn_stream_since(st, since), tn_ns_recovery_window_ms(ns));
}

void
tn_stream_forget(struct tn_adapter *a, struct tn_ns *ns, struct tn_slice pid)
{
	struct stream *st = stream_of(ns);
	struct tn_slice keys[1], args[1];
	struct tn_buf key;

	(void)a;
	if (st == NULL)
		return;
	tn_stream_write_session(&key, st, pid);
	keys[0] = tn_buf_view(&key);
	args[0] = tn_slice_str(st->rn->uid);
	if (key.failed == 0)
		tn_link_eval(st->rn->adapter->link, &tn_stream_script_forget,
		    keys, 1, args, 1, NULL, NULL);
	tn_buf_fini(&key);
}

/* ---- giving more time -----------------------------------------------------*/

struct batch {
	struct redis_ns *rn;
	size_t n;
	struct tn_socket_ref sockets[BATCH];
	struct tn_buf keys[BATCH];
};

/* What Redis has lost is written once more. */
static void
on_refreshed(const struct tn_reply *reply, const struct tn_err *err,
    void *arg)
{
	struct batch *b = arg;
	struct redis_ns *rn = b->rn;

	for (size_t i = 0; err == NULL && !rn->is_closed &&
	    i < tn_reply_len(reply); i++) {
		int64_t at = tn_reply_integer(tn_reply_at(reply, i));

		if (at >= 1 && (uint64_t)at <= b->n)
			note(rn->stream, b->sockets[at - 1]);
	}
	free(b);
	tn_redis_ns_unref(rn);
}

static void
batch_send(struct batch *b)
{
	struct stream *st = b->rn->stream;
	struct tn_slice keys[2 + BATCH], args[2];
	char life[24], long_life[24];
	int r = 0;

	keys[0] = tn_buf_view(&st->key);
	keys[1] = tn_buf_view(&st->last_key);
	for (size_t i = 0; i < b->n; i++) {
		keys[2 + i] = tn_buf_view(&b->keys[i]);
		r = b->keys[i].failed != 0 ? b->keys[i].failed : r;
	}
	snprintf(life, sizeof(life), "%" PRId64, tn_stream_life_ms(st));
	snprintf(long_life, sizeof(long_life), "%" PRId64,
	    2 * tn_stream_life_ms(st));
	args[0] = tn_slice_str(life);
	args[1] = tn_slice_str(long_life);
	if (r == 0)
		r = tn_link_eval(b->rn->adapter->link,
		    &tn_stream_script_refresh, keys, 2 + b->n, args, 2,
		    on_refreshed, b);
	for (size_t i = 0; i < b->n; i++)
		tn_buf_fini(&b->keys[i]);
	if (r < 0)
		free(b);
	else
		b->rn->refs++;
}

struct sweeping {
	struct redis_ns *rn;
	struct batch *batch;
};

static bool
batch_begin(struct sweeping *w)
{
	if (w->batch == NULL && (w->batch = malloc(sizeof(*w->batch))) != NULL) {
		w->batch->rn = w->rn;
		w->batch->n = 0;
	}
	return w->batch != NULL;
}

static void
sweep_one(struct tn_socket *socket, void *arg)
{
	struct sweeping *w = arg;
	struct batch *b;
	struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET];
	struct tn_saved_session session;

	if (!batch_begin(w) || !tn_socket_save(socket, rooms, &session))
		return;
	b = w->batch;
	b->sockets[b->n] = tn_socket_ref(socket);
	tn_stream_write_session(&b->keys[b->n++], w->rn->stream, session.pid);
	if (b->n == BATCH) {
		batch_send(b);
		w->batch = NULL;
	}
}

void
tn_stream_sweep(void *arg)
{
	struct stream *st = arg;
	struct tn_wheel *wheel = &tn_link_loop(st->rn->adapter->link)->wheel;
	const struct tn_broadcast_packet all = { .nrooms = 0 };
	struct sweeping w = { .rn = st->rn };

	tn_wheel_set(wheel, &st->sweep, wheel->now_ms +
	    tn_ns_recovery_window_ms(st->rn->ns) / SWEEPS + 1,
	    tn_stream_sweep, st);
	tn_ns_select(st->rn->ns, &all, sweep_one, &w);
	if (batch_begin(&w))	/* the stream itself lives on, even alone */
		batch_send(w.batch);
	tn_stream_ask_last(st);	/* the last event's PUBLISH may be lost too */
}

void
tn_stream_sessions_close(struct stream *st)
{
	tn_loop_undefer(&st->flush);
	tn_wheel_cancel(&tn_link_loop(st->rn->adapter->link)->wheel,
	    &st->sweep);
	tn_wheel_cancel(&tn_link_loop(st->rn->adapter->link)->wheel,
	    &st->again);
	free(st->changes);
	st->changes = NULL;
	st->nchanges = st->changes_cap = 0;
}
