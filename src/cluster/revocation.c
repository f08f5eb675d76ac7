#include "config.h"

#include "cluster/revocation.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "redis/keys.h"
#include "redis/link.h"

#define TICK_MS		1000
#define READS_AT_ONCE	100
#define LIFE_SLACK_MS	2	/* the clock of Redis rounds as ours does */

/*
 * One session with sockets here. It stands in one of two lists: calm (the
 * longest unread first) or due (to be read as soon as there is room).
 */
struct tn_watched_session {
	struct tn_list link;
	struct tn_revocation *revocation;
	struct tn_list sockets;
	int64_t unseen_since;	/* if it is not seen */
	struct tn_timer life;	/* when Redis will have it no more */
	unsigned answers;	/* that will come here: not freed before */
	uint16_t sid_len;
	bool is_seen;		/* as far as is known, Redis has it still */
	bool is_due;
	bool is_reading;
	bool changed;		/* again, while it was read */
	bool is_held;		/* in use further up: not freed before */
	char sid[];
};

struct tn_revocation {
	struct tn_loop *loop;
	struct tn_link *redis;
	struct tn_log *log;
	struct tn_revocation_options options;
	struct tn_map sessions;		/* sid -> session */
	struct tn_list calm, due;
	size_t reading;			/* answers that will come */
	size_t unseen;			/* sessions that are not is_seen */
	struct tn_timer tick;
	size_t sweep_debt;		/* session-milliseconds */
	struct tn_revocation_counts counts;
};

/* Sessions. */

static struct tn_slice
sid_of(const struct tn_watched_session *s)
{
	return tn_slice(s->sid, s->sid_len);
}

static void ask_life(struct tn_watched_session *s);

static struct tn_watched_session *
session_new(struct tn_revocation *r, struct tn_slice sid)
{
	struct tn_watched_session *s = NULL;

	if (sid.len <= UINT16_MAX)
		s = calloc(1, offsetof(struct tn_watched_session, sid) +
		    sid.len);
	if (s == NULL)
		return NULL;
	s->revocation = r;
	s->is_seen = true;
	s->sid_len = (uint16_t)sid.len;
	memcpy(s->sid, sid.ptr, sid.len);
	tn_list_init(&s->sockets);
	if (tn_map_set(&r->sessions, sid_of(s), s, NULL) < 0) {
		free(s);
		return NULL;
	}
	tn_list_append(&r->calm, &s->link);
	ask_life(s);
	return s;
}

static void
set_seen(struct tn_watched_session *s, bool seen)
{
	struct tn_revocation *r = s->revocation;

	if (seen == s->is_seen)
		return;
	s->is_seen = seen;
	s->unseen_since = r->loop->wheel.now_ms;
	if (seen)
		r->unseen--;
	else
		r->unseen++;
}

/* Once its last socket has left and no answer is on its way. */
static void
session_free_unused(struct tn_watched_session *s)
{
	struct tn_revocation *r = s->revocation;

	if (s->answers > 0 || s->is_held || !tn_list_empty(&s->sockets))
		return;
	set_seen(s, true);
	tn_wheel_cancel(&r->loop->wheel, &s->life);
	tn_map_remove(&r->sessions, sid_of(s));
	tn_list_remove(&s->link);
	tn_wipe(s->sid, s->sid_len);
	free(s);
}

static void
set_due(struct tn_watched_session *s, bool is_due)
{
	struct tn_revocation *r = s->revocation;

	tn_list_remove(&s->link);
	tn_list_append(is_due ? &r->due : &r->calm, &s->link);
	s->is_due = is_due;
}

/* Closing. */

/*
 * Close the sockets of a session that may not stay with its record (with
 * none: all). Closing one may take others along, and the session with the
 * last: so each is taken off the front, and the session is held.
 */
static void
close_sockets(struct tn_watched_session *s, const struct tn_slice *record,
    uint64_t *counted, const char *why)
{
	struct tn_revocation *r = s->revocation;
	struct tn_list left = s->sockets;
	uint64_t closed = 0;

	if (tn_list_empty(&s->sockets))
		return;
	left.next->prev = left.prev->next = &left;	/* all, to a list of our own */
	tn_list_init(&s->sockets);
	s->is_held = true;
	while (!tn_list_empty(&left)) {
		struct tn_list *first = left.next;
		struct tn_socket *socket = tn_socket_deref(TN_CONTAINER(first,
		    struct tn_watched_socket, link)->socket);

		tn_list_remove(first);
		tn_list_append(&s->sockets, first);
		if (socket == NULL || (record != NULL &&
		    r->options.may_stay(socket, *record, r->options.arg)))
			continue;
		closed++;
		tn_socket_disconnect(socket, true);
	}
	s->is_held = false;
	*counted += closed;
	if (closed > 0)
		tn_log_event(r->log, TN_LOG_INFO, "session.revoked",
		    TN_F_STR("reason", why), TN_F_NUM("sockets", closed));
}

/* Reading again. */

static void pump(struct tn_revocation *r);
static void make_due(struct tn_watched_session *s);

static int
ask(struct tn_watched_session *s, struct tn_slice verb, tn_link_fn *fn)
{
	struct tn_revocation *r = s->revocation;
	struct tn_buf key;
	int status;

	tn_buf_init(&key, 1024 + TN_LIMIT_SESSION_ID);
	tn_key_session(&key, r->options.prefix, sid_of(s));
	status = key.failed != 0 ? key.failed : tn_link_call(r->redis,
	    (struct tn_slice[]){ verb, tn_buf_view(&key) }, 2, fn, s);
	tn_buf_fini(&key);
	s->answers += status == 0;
	return status;
}

/*
 * Redis tells of a key that expires when it comes across it, which may be
 * late. So its life is asked for as well, and at the end it is read: that
 * makes Redis look. Who touches the key makes us read it, and ask, again.
 */
static void
on_life_over(void *arg)
{
	struct tn_watched_session *s = arg;

	make_due(s);
	pump(s->revocation);
}

static void
on_life(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct tn_watched_session *s = arg;
	struct tn_wheel *wheel = &s->revocation->loop->wheel;
	int64_t left_ms = tn_reply_integer(reply);

	s->answers--;
	tn_wheel_cancel(wheel, &s->life);
	if (err == NULL && left_ms >= 0)	/* -1: has no end; -2: is gone */
		tn_wheel_set(wheel, &s->life, wheel->now_ms + left_ms +
		    LIFE_SLACK_MS, on_life_over, s);
	session_free_unused(s);
}

static void
ask_life(struct tn_watched_session *s)
{
	ask(s, TN_SLICE("PTTL"), on_life);
}

static void
on_record(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct tn_watched_session *s = arg;
	struct tn_revocation *r = s->revocation;
	struct tn_slice record = tn_reply_text(reply);

	r->reading--;
	s->answers--;
	s->is_reading = false;
	set_seen(s, err == NULL);
	set_due(s, err != NULL || s->changed);
	s->changed = false;
	if (err == NULL)
		close_sockets(s, tn_reply_type(reply) == TN_REPLY_STRING ?
		    &record : NULL, &r->counts.ended, "ended");
	session_free_unused(s);
	if (err == NULL)
		pump(r);	/* else the tick, or the link when it is up */
}

/* Read what is due, so many at once that Redis keeps time for others. */
static void
pump(struct tn_revocation *r)
{
	while (r->reading < READS_AT_ONCE && tn_link_is_up(r->redis) &&
	    !tn_list_empty(&r->due)) {
		struct tn_watched_session *s = TN_CONTAINER(r->due.next,
		    struct tn_watched_session, link);

		if (ask(s, TN_SLICE("GET"), on_record) < 0)
			return;			/* the tick tries again */
		ask_life(s);
		set_due(s, false);
		s->is_reading = true;
		r->reading++;
		r->counts.reads++;
	}
}

static void
make_due(struct tn_watched_session *s)
{
	if (s->is_reading)
		s->changed = true;
	else if (!s->is_due)
		set_due(s, true);
}

static void
make_all_due(struct tn_revocation *r)
{
	size_t at = 0;
	const struct tn_map_entry *e;

	while ((e = tn_map_next(&r->sessions, &at)) != NULL)
		make_due(e->value);
	pump(r);
}

/* The net beneath. */

static int64_t
bound_ms(const struct tn_revocation *r)
{
	return r->options.bound_ms > 0 ? r->options.bound_ms : 30000;
}

static void
close_unseen(struct tn_revocation *r)
{
	int64_t since = r->loop->wheel.now_ms - bound_ms(r);
	const struct tn_map_entry *e;
	size_t at = 0;

	while (r->unseen > 0 && (e = tn_map_next(&r->sessions, &at)) != NULL) {
		struct tn_watched_session *s = e->value;

		if (s->is_seen || s->unseen_since > since)
			continue;
		close_sockets(s, NULL, &r->counts.unseen, "unseen");
		session_free_unused(s);
	}
}

/* So many of the longest unread that after a sweep all have been read. */
static void
sweep(struct tn_revocation *r)
{
	size_t ms = r->options.sweep_ms > 0 ? (size_t)r->options.sweep_ms :
	    300000;

	r->sweep_debt += r->sessions.len * TICK_MS;
	for (; r->sweep_debt >= ms && !tn_list_empty(&r->calm);
	    r->sweep_debt -= ms)
		make_due(TN_CONTAINER(r->calm.next,
		    struct tn_watched_session, link));
	r->sweep_debt %= ms;
}

static void
on_tick(void *arg)
{
	struct tn_revocation *r = arg;

	sweep(r);
	pump(r);
	close_unseen(r);
	tn_wheel_set(&r->loop->wheel, &r->tick,
	    r->loop->wheel.now_ms + TICK_MS, on_tick, r);
}

struct tn_revocation *
tn_revocation_new(struct tn_loop *loop, struct tn_link *link,
    struct tn_log *log, const struct tn_revocation_options *options,
    struct tn_err *err)
{
	struct tn_revocation *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for revocation");
		return NULL;
	}
	r->loop = loop;
	r->redis = link;
	r->log = log;
	r->options = *options;
	tn_map_init_borrowing(&r->sessions);
	tn_list_init(&r->calm);
	tn_list_init(&r->due);
	tn_wheel_set(&loop->wheel, &r->tick, loop->wheel.now_ms + TICK_MS,
	    on_tick, r);
	return r;
}

void
tn_revocation_free(struct tn_revocation **revocation)
{
	struct tn_revocation *r = *revocation;
	const struct tn_map_entry *e;
	size_t at = 0;

	if (r == NULL)
		return;
	*revocation = NULL;
	tn_wheel_cancel(&r->loop->wheel, &r->tick);
	while ((e = tn_map_next(&r->sessions, &at)) != NULL) {
		struct tn_watched_session *s = e->value;

		s->answers = 0;
		s->is_held = true;
		while (!tn_list_empty(&s->sockets))
			tn_revocation_unwatch(TN_CONTAINER(s->sockets.next,
			    struct tn_watched_socket, link));
		s->is_held = false;
		session_free_unused(s);
	}
	tn_map_fini(&r->sessions);
	free(r);
}

int
tn_revocation_watch(struct tn_revocation *r, struct tn_watched_socket *watched,
    struct tn_slice sid, struct tn_socket *socket)
{
	struct tn_watched_session *s = tn_map_get(&r->sessions, sid);

	if (s == NULL)
		s = session_new(r, sid);
	if (s == NULL)
		return TN_E_NOMEM;
	watched->session = s;
	watched->socket = tn_socket_ref(socket);
	tn_list_init(&watched->link);
	tn_list_append(&s->sockets, &watched->link);
	return 0;
}

void
tn_revocation_unwatch(struct tn_watched_socket *watched)
{
	struct tn_watched_session *s = watched->session;

	if (s == NULL)
		return;
	watched->session = NULL;
	tn_list_remove(&watched->link);
	session_free_unused(s);
}

struct tn_slice
tn_revocation_sid(const struct tn_watched_socket *watched)
{
	return watched->session == NULL ? TN_SLICE_NONE :
	    sid_of(watched->session);
}

void
tn_revocation_on_invalidate(struct tn_revocation *r, struct tn_slice key)
{
	struct tn_watched_session *s;

	if (key.ptr == NULL) {
		make_all_due(r);
		return;
	}
	if (!tn_slice_starts(key, r->options.prefix))
		return;
	s = tn_map_get(&r->sessions,
	    tn_slice_after(key, r->options.prefix.len));
	if (s == NULL)
		return;
	make_due(s);
	pump(r);
}

void
tn_revocation_on_up(struct tn_revocation *r)
{
	make_all_due(r);
}

void
tn_revocation_on_down(struct tn_revocation *r)
{
	const struct tn_map_entry *e;
	size_t at = 0;

	while ((e = tn_map_next(&r->sessions, &at)) != NULL)
		set_seen(e->value, false);
}

const struct tn_revocation_counts *
tn_revocation_counts(const struct tn_revocation *r)
{
	return &r->counts;
}
