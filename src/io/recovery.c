/*
 * What recovery needs, in this process: the events of the last while, and
 * the sessions that were left. Both are lists, oldest first, bounded in time
 * by the window and in size by limits.h; what is past is dropped when
 * something new comes.
 */
#include "config.h"

#include "io/recovery.h"

#include <stdlib.h>

#include "base/clock.h"
#include "io/inner.h"

struct stored {
	struct tn_list link;
	int64_t at_ms;
	size_t size;
	char offset[TN_OFFSET_LEN + 1];
	struct tn_broadcast_packet packet;	/* its views point behind it */
};

struct saved {
	struct tn_list link;
	int64_t at_ms;
	struct tn_saved_session session;	/* the same */
};

struct tn_recovery {
	struct tn_list packets, sessions;
	struct tn_map by_pid;
	size_t bytes;		/* of the packets */
	unsigned reading;	/* nothing may be dropped now */
	uint64_t last_ms;	/* the last offset's time */
	uint64_t nth;		/* how many were made in it */
};

/* ---- copies in one block --------------------------------------------------*/

static size_t
sum(const struct tn_slice *texts, size_t n)
{
	size_t bytes = n * sizeof(*texts);

	for (size_t i = 0; i < n; i++)
		bytes += texts[i].len;
	return bytes;
}

static struct tn_slice
copy_text(char **at, struct tn_slice text)
{
	struct tn_slice copy = tn_slice(*at, text.len);

	if (text.len > 0)
		memcpy(*at, text.ptr, text.len);
	*at += text.len;
	return copy;
}

/* Arrays stand before all texts, so that they are aligned. */
static const struct tn_slice *
copy_array(struct tn_slice **arrays, char **at, const struct tn_slice *from,
    size_t n)
{
	struct tn_slice *copy = *arrays;

	for (size_t i = 0; i < n; i++)
		copy[i] = copy_text(at, from[i]);
	*arrays += n;
	return copy;
}

static struct stored *
stored_new(const struct tn_broadcast_packet *p)
{
	size_t n = p->nbuffers + p->nrooms + p->nexcept;
	size_t size = sizeof(struct stored) + p->data.len +
	    sum(p->buffers, p->nbuffers) + sum(p->rooms, p->nrooms) +
	    sum(p->except, p->nexcept);
	struct stored *s = malloc(size);
	struct tn_slice *arrays;
	char *at;

	if (s == NULL)
		return NULL;
	arrays = (struct tn_slice *)(void *)(s + 1);
	at = (char *)(arrays + n);
	s->size = size;
	s->packet = *p;
	s->packet.data = copy_text(&at, p->data);
	s->packet.buffers = copy_array(&arrays, &at, p->buffers, p->nbuffers);
	s->packet.rooms = copy_array(&arrays, &at, p->rooms, p->nrooms);
	s->packet.except = copy_array(&arrays, &at, p->except, p->nexcept);
	return s;
}

static struct saved *
saved_new(const struct tn_saved_session *session)
{
	struct saved *s = malloc(sizeof(*s) + session->pid.len +
	    session->sid.len + session->owner.len + session->data.len +
	    sum(session->rooms, session->nrooms));
	struct tn_slice *arrays;
	char *at;

	if (s == NULL)
		return NULL;
	arrays = (struct tn_slice *)(void *)(s + 1);
	at = (char *)(arrays + session->nrooms);
	s->session = *session;
	s->session.pid = copy_text(&at, session->pid);
	s->session.sid = copy_text(&at, session->sid);
	s->session.owner = copy_text(&at, session->owner);
	s->session.data = copy_text(&at, session->data);
	s->session.rooms = copy_array(&arrays, &at, session->rooms,
	    session->nrooms);
	return s;
}

/* ---- what is past ---------------------------------------------------------*/

static void
drop_packet(struct tn_recovery *r, struct stored *s)
{
	tn_list_remove(&s->link);
	r->bytes -= s->size;
	free(s);
}

static void
drop_session(struct tn_recovery *r, struct saved *s)
{
	tn_list_remove(&s->link);
	tn_map_remove(&r->by_pid, s->session.pid);
	free(s);
}

static void
drop_past(struct tn_recovery *r, int64_t before_ms)
{
	while (!tn_list_empty(&r->packets)) {
		struct stored *s = TN_CONTAINER(r->packets.next, struct stored,
		    link);

		if (s->at_ms >= before_ms &&
		    r->bytes <= TN_LIMIT_RECOVERY_BYTES)
			break;
		drop_packet(r, s);
	}
	while (!tn_list_empty(&r->sessions)) {
		struct saved *s = TN_CONTAINER(r->sessions.next, struct saved,
		    link);

		if (s->at_ms >= before_ms &&
		    r->by_pid.len <= TN_LIMIT_RECOVERY_SESSIONS)
			break;
		drop_session(r, s);
	}
}

static void
drop_past_of(const struct tn_ns *ns)
{
	if (ns->recovery->reading == 0)
		drop_past(ns->recovery, ns->io->wheel->now_ms -
		    tn_ns_recovery_window_ms(ns));
}

static struct tn_recovery *
recovery_of(struct tn_ns *ns)
{
	struct tn_recovery *r = ns->recovery;

	if (r != NULL || (r = calloc(1, sizeof(*r))) == NULL)
		return r;
	tn_list_init(&r->packets);
	tn_list_init(&r->sessions);
	return ns->recovery = r;
}

void
tn_recovery_free(struct tn_recovery **recovery)
{
	struct tn_recovery *r = *recovery;

	*recovery = NULL;
	if (r == NULL)
		return;
	drop_past(r, INT64_MAX);
	tn_map_fini(&r->by_pid);
	free(r);
}

/* ---- offsets --------------------------------------------------------------*/

static void
write_base64(struct tn_buf *out, uint64_t n)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz-_";
	char text[11];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[n % 64];
		n /= 64;
	} while (n > 0);
	tn_buf_bytes(out, text + at, sizeof(text) - at);
}

/* The reference's: the time, and behind a point which one of that time. */
static int
write_offset(struct tn_recovery *r, char offset[TN_OFFSET_LEN + 1])
{
	uint64_t now = (uint64_t)tn_clock_wall_ms();
	struct tn_buf b;
	bool is_next = now > r->last_ms;

	tn_buf_init(&b, TN_OFFSET_LEN);
	r->last_ms = is_next ? now : r->last_ms;
	write_base64(&b, r->last_ms);
	if (!is_next) {
		tn_buf_char(&b, '.');
		write_base64(&b, r->nth);
	}
	r->nth = is_next ? 0 : r->nth + 1;
	if (b.failed == 0)
		memcpy(offset, b.ptr, b.len);
	offset[b.len] = '\0';
	tn_buf_fini(&b);
	return b.failed;
}

/* ---- the adapter's part ---------------------------------------------------*/

int
tn_recovery_store(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet,
    char offset[TN_OFFSET_LEN + 1])
{
	struct tn_recovery *r = recovery_of(ns);
	struct stored *s;
	int failed;

	(void)a;
	if (r == NULL || (s = stored_new(packet)) == NULL)
		return TN_E_NOMEM;
	failed = write_offset(r, offset);
	if (failed < 0) {
		free(s);
		return failed;
	}
	memcpy(s->offset, offset, sizeof(s->offset));
	s->packet.offset = tn_slice_str(s->offset);
	s->at_ms = ns->io->wheel->now_ms;
	tn_list_append(&r->packets, &s->link);
	r->bytes += s->size;
	drop_past_of(ns);
	return 0;
}

int
tn_recovery_persist(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_saved_session *session)
{
	struct tn_recovery *r = recovery_of(ns);
	struct saved *s;

	(void)a;
	if (r == NULL || (s = saved_new(session)) == NULL)
		return TN_E_NOMEM;
	if (tn_map_get(&r->by_pid, session->pid) != NULL ||
	    tn_map_set(&r->by_pid, session->pid, s, NULL) < 0) {
		free(s);
		return TN_E_NOMEM;
	}
	s->at_ms = ns->io->wheel->now_ms;
	tn_list_append(&r->sessions, &s->link);
	drop_past_of(ns);
	return 0;
}

bool
tn_session_missed(const struct tn_saved_session *session,
    const struct tn_broadcast_packet *p)
{
	bool is_meant = p->nrooms == 0;

	for (size_t i = 0; i <= session->nrooms; i++) {
		struct tn_slice room = i < session->nrooms ?
		    session->rooms[i] : session->sid;

		for (size_t k = 0; k < p->nexcept; k++) {
			if (tn_slice_eq(p->except[k], room))
				return false;
		}
		for (size_t k = 0; !is_meant && k < p->nrooms; k++)
			is_meant = tn_slice_eq(p->rooms[k], room);
	}
	return is_meant;
}

/* Newest first: who lost his connection has seen nearly all. */
static struct stored *
find_offset(const struct tn_recovery *r, struct tn_slice offset)
{
	for (struct tn_list *it = r->packets.prev; it != &r->packets;
	    it = it->prev) {
		struct stored *s = TN_CONTAINER(it, struct stored, link);

		if (tn_slice_is(offset, s->offset))
			return s;
	}
	return NULL;
}

static bool
collect_missed(const struct tn_recovery *r, const struct stored *from,
    const struct tn_saved_session *session, struct tn_missed *out)
{
	struct tn_broadcast_packet *packets;
	size_t n = 0;

	for (struct tn_list *it = from->link.next; it != &r->packets;
	    it = it->next)
		n++;
	packets = calloc(n + 1, sizeof(*packets));
	if (packets == NULL)
		return false;
	*out = (struct tn_missed){ packets, 0 };
	for (struct tn_list *it = from->link.next; it != &r->packets;
	    it = it->next) {
		struct stored *s = TN_CONTAINER(it, struct stored, link);

		if (tn_session_missed(session, &s->packet))
			packets[out->n++] = s->packet;
	}
	return true;
}

void
tn_recovery_restore(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_comeback_ask *ask, tn_restored_fn *fn, void *arg)
{
	struct tn_recovery *r = ns->recovery;
	struct saved *saved;
	struct stored *from;
	struct tn_missed missed = { NULL, 0 };

	(void)a;
	if (r != NULL)
		drop_past_of(ns);
	if (r == NULL || (saved = tn_map_get(&r->by_pid, ask->pid)) == NULL ||
	    !tn_slice_eq(saved->session.owner, ask->owner) ||
	    (from = find_offset(r, ask->offset)) == NULL ||
	    !collect_missed(r, from, &saved->session, &missed)) {
		fn(NULL, NULL, arg);
		return;
	}
	/* once only */
	tn_list_remove(&saved->link);
	tn_map_remove(&r->by_pid, saved->session.pid);
	r->reading++;
	fn(&saved->session, &missed, arg);
	r->reading--;
	free((void *)(uintptr_t)missed.packets);
	free(saved);
}
