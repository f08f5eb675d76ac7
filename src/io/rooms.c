#include "config.h"

#include "io/rooms.h"

#include <stdlib.h>

#include "io/inner.h"

enum {
	FIRST_MEMBERS = 4,
	FIRST_JOINED = 1,	/* most are in one room */
};

/* ---- joining and leaving --------------------------------------------------*/

static struct tn_room *
room_find(const struct tn_ns *ns, struct tn_slice name)
{
	return tn_map_get(&ns->rooms, name);
}

static struct tn_room *
room_new(struct tn_ns *ns, struct tn_slice name)
{
	struct tn_room *room = calloc(1, sizeof(*room) + name.len + 1);

	if (room == NULL)
		return NULL;
	memcpy(room->name, name.ptr, name.len);
	room->name_len = name.len;
	if (tn_map_set(&ns->rooms, name, room, NULL) < 0) {
		free(room);
		return NULL;
	}
	return room;
}

static struct tn_slice
room_name(const struct tn_room *room)
{
	return tn_slice(room->name, room->name_len);
}

static void
room_free(struct tn_ns *ns, struct tn_room *room)
{
	tn_map_remove(&ns->rooms, room_name(room));
	free(room->members);
	free(room);
}

static bool
grow_members(struct tn_room *room)
{
	uint32_t cap = room->cap == 0 ? FIRST_MEMBERS : room->cap * 2;
	struct tn_room_member *members;

	if (room->len < room->cap)
		return true;
	members = realloc(room->members, cap * sizeof(*members));
	if (members == NULL)
		return false;
	room->members = members;
	room->cap = cap;
	return true;
}

static bool
grow_joined(struct tn_socket *s)
{
	uint16_t cap = s->joined_cap == 0 ? FIRST_JOINED :
	    (uint16_t)(s->joined_cap * 2);
	struct tn_joined *joined;

	if (s->njoined < s->joined_cap)
		return true;
	joined = realloc(s->joined, cap * sizeof(*joined));
	if (joined == NULL)
		return false;
	s->joined = joined;
	s->joined_cap = cap;
	return true;
}

static struct tn_joined *
find_joined(const struct tn_socket *s, struct tn_slice name)
{
	for (uint16_t i = 0; i < s->njoined; i++) {
		if (tn_slice_eq(room_name(s->joined[i].room), name))
			return &s->joined[i];
	}
	return NULL;
}

static void
link_both(struct tn_socket *s, struct tn_room *room)
{
	s->joined[s->njoined] = (struct tn_joined){ room, room->len };
	room->members[room->len] = (struct tn_room_member){ s, s->njoined };
	s->njoined++;
	room->len++;
}

int
tn_rooms_join(struct tn_socket *s, struct tn_slice name)
{
	struct tn_ns *ns = s->ns;
	struct tn_room *room;

	if (tn_rooms_has(s, name))
		return 0;
	if (name.len == 0 || name.len > TN_LIMIT_ROOM_NAME ||
	    s->njoined >= TN_LIMIT_ROOMS_PER_SOCKET)
		return TN_E_LIMIT;
	room = room_find(ns, name);
	if (room == NULL)
		room = room_new(ns, name);
	if (room == NULL)
		return TN_E_NOMEM;
	if (!grow_joined(s) || !grow_members(room)) {
		if (room->len == 0)
			room_free(ns, room);
		return TN_E_NOMEM;
	}
	link_both(s, room);
	if (room->len == 1) {
		tn_adapter_room_opened(ns->io->adapter, ns, name);
		tn_ns_tell_room(ns, TN_ROOM_CREATED, name, NULL);
	}
	tn_ns_tell_room(ns, TN_ROOM_JOINED, name, s);
	return 0;
}

/* Which place a socket's entry has now, its room's array is told. */
static void
tell_place(const struct tn_socket *s, uint16_t i)
{
	s->joined[i].room->members[s->joined[i].at].at = i;
}

/*
 * A room's last member moves into the gap; a socket's rooms close up, so that
 * they are always told in the order in which they were joined.
 */
static void
unlink_both(struct tn_socket *s, struct tn_joined *j)
{
	struct tn_room *room = j->room;
	uint32_t in_room = j->at;
	struct tn_room_member *last = &room->members[--room->len];

	room->members[in_room] = *last;
	last->socket->joined[last->at].at = in_room;
	s->njoined--;
	for (uint16_t i = (uint16_t)(j - s->joined); i < s->njoined; i++) {
		s->joined[i] = s->joined[i + 1];
		tell_place(s, i);
	}
}

static void
leave(struct tn_socket *s, struct tn_joined *j)
{
	struct tn_room *room = j->room;

	unlink_both(s, j);
	room->busy++;	/* who is told may join it, and leave it again */
	tn_ns_tell_room(s->ns, TN_ROOM_LEFT, room_name(room), s);
	if (room->len == 0)
		tn_ns_tell_room(s->ns, TN_ROOM_DELETED, room_name(room), NULL);
	if (--room->busy > 0 || room->len > 0)
		return;
	tn_adapter_room_closed(s->ns->io->adapter, s->ns, room_name(room));
	room_free(s->ns, room);
}

void
tn_rooms_leave(struct tn_socket *s, struct tn_slice name)
{
	struct tn_joined *j = find_joined(s, name);

	if (j != NULL)
		leave(s, j);
}

/* The first becomes the last: then leaving from the end moves nothing. */
static void
turn_around(struct tn_socket *s)
{
	for (uint16_t i = 0, k = s->njoined; i + 1 < k; i++) {
		struct tn_joined first = s->joined[i];

		s->joined[i] = s->joined[--k];
		s->joined[k] = first;
		tell_place(s, i);
		tell_place(s, k);
	}
}

void
tn_rooms_leave_all(struct tn_socket *s)
{
	turn_around(s);
	while (s->njoined > 0)
		leave(s, &s->joined[s->njoined - 1]);
	free(s->joined);
	s->joined = NULL;
	s->joined_cap = 0;
}

void
tn_rooms_tell_own(struct tn_socket *s, bool joins)
{
	struct tn_slice id = tn_slice_str(tn_socket_id(s));

	if (s->ns->on_room == NULL)
		return;
	if (joins)
		tn_ns_tell_room(s->ns, TN_ROOM_CREATED, id, NULL);
	tn_ns_tell_room(s->ns, joins ? TN_ROOM_JOINED : TN_ROOM_LEFT, id, s);
	if (!joins)
		tn_ns_tell_room(s->ns, TN_ROOM_DELETED, id, NULL);
}

bool
tn_rooms_has(const struct tn_socket *s, struct tn_slice name)
{
	return tn_slice_is(name, tn_socket_id(s)) || find_joined(s, name) != NULL;
}

/* ---- walking --------------------------------------------------------------*/

/* Five characters of an id tell its slot, as its maker wrote them. */
static struct tn_socket *
by_slot(const struct tn_io *io, struct tn_slice id)
{
	uint32_t slot;

	if (!tn_slot_of_id(id, &slot) || slot >= io->nslots)
		return NULL;
	return io->slots[slot].socket;
}

struct tn_socket *
tn_rooms_by_id(const struct tn_ns *ns, struct tn_slice id)
{
	struct tn_socket *s;

	s = id.len == TN_EIO_ID_LEN ? by_slot(ns->io, id) : NULL;
	if (ns->io->adopted.len > 0 &&
	    (s == NULL || !tn_slice_is(id, tn_socket_id(s))))
		s = tn_map_get(&ns->io->adopted, id);
	if (s == NULL || s->ns != ns || s->state != TN_SOCKET_CONNECTED ||
	    !tn_slice_is(id, tn_socket_id(s)))
		return NULL;
	return s;
}

struct walk {
	tn_rooms_visit_fn *fn;	/* NULL: only mark */
	void *arg;
	uint32_t epoch;
	size_t n;
};

static void
visit(struct walk *w, struct tn_socket *s)
{
	if (s->mark == w->epoch || s->state != TN_SOCKET_CONNECTED)
		return;
	s->mark = w->epoch;
	if (w->fn == NULL)
		return;
	w->n++;
	w->fn(s, w->arg);
}

static void
visit_room(struct walk *w, const struct tn_ns *ns, struct tn_slice name)
{
	struct tn_room *room = room_find(ns, name);
	struct tn_socket *own = tn_rooms_by_id(ns, name);

	if (own != NULL)
		visit(w, own);
	for (uint32_t i = 0; room != NULL && i < room->len; i++)
		visit(w, room->members[i].socket);
}

/* A new epoch makes every mark stale; when the count wraps, wipe them. */
static uint32_t
next_epoch(struct tn_io *io)
{
	if (++io->epoch != 0)
		return io->epoch;
	for (uint32_t i = 0; i < io->nslots; i++) {
		if (io->slots[i].socket != NULL)
			io->slots[i].socket->mark = 0;
	}
	return io->epoch = 1;
}

size_t
tn_rooms_visit(struct tn_ns *ns, const struct tn_broadcast_packet *packet,
    tn_rooms_visit_fn *fn, void *arg)
{
	struct walk w = { .arg = arg, .epoch = next_epoch(ns->io) };

	for (size_t i = 0; i < packet->nexcept; i++)
		visit_room(&w, ns, packet->except[i]);
	w.fn = fn;
	for (size_t i = 0; i < packet->nrooms; i++)
		visit_room(&w, ns, packet->rooms[i]);
	for (uint32_t i = 0; packet->nrooms == 0 && i < ns->len; i++)
		visit(&w, ns->sockets[i]);
	return w.n;
}
