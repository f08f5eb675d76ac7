/*
 * Rooms: who stands where, and walking the union of some of them.
 *
 *     room->members[i]  = { socket, at } ---.     at: where this room stands
 *     socket->joined[at] = { room, i } <----'     in the socket's own list
 *
 * Each knows its place in the other's dense array, so that to join, to leave
 * and to go cost what the socket's own rooms cost, however full a room is. A
 * socket's room of its own id has no entry: the id says which socket it is.
 */
#ifndef TN_ROOMS_H
#define TN_ROOMS_H

#include "base/slice.h"

struct tn_broadcast_packet;
struct tn_ns;
struct tn_room;
struct tn_socket;

struct tn_room_member {
	struct tn_socket *socket;
	uint32_t at;
};

struct tn_room {
	struct tn_room_member *members;
	uint32_t len, cap;
	uint32_t busy;		/* somebody is told of it: keep it */
	size_t name_len;
	char name[];
};

/* One entry of a socket's list. */
struct tn_joined {
	struct tn_room *room;
	uint32_t at;
};

/* Returns 0, TN_E_LIMIT (empty or long name, too many), TN_E_NOMEM. */
int tn_rooms_join(struct tn_socket *socket, struct tn_slice name);
void tn_rooms_leave(struct tn_socket *socket, struct tn_slice name);
void tn_rooms_leave_all(struct tn_socket *socket);
/* The room of its own id, which has no entry, comes or goes. */
void tn_rooms_tell_own(struct tn_socket *socket, bool joins);
bool tn_rooms_has(const struct tn_socket *socket, struct tn_slice name);

/* The connected socket of this id, or NULL. */
struct tn_socket *tn_rooms_by_id(const struct tn_ns *ns, struct tn_slice id);

typedef void tn_rooms_visit_fn(struct tn_socket *socket, void *arg);

/*
 * Visit each connected socket that the packet's rooms and except choose,
 * once. fn must not change rooms or sockets. Returns how many.
 */
size_t tn_rooms_visit(struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, tn_rooms_visit_fn *fn,
    void *arg);

#endif
