/* How a session is known again: its private id, and whose it is. */
#include "config.h"

#include <stdlib.h>

#include "base/random.h"
#include "io/inner.h"

/* Another one with room for this owner, and the pid it had. */
static struct tn_comeback *
renew(struct tn_socket *s, struct tn_slice owner)
{
	struct tn_comeback *c = calloc(1, sizeof(*c) + owner.len);

	if (c == NULL)
		return NULL;
	if (s->comeback != NULL)
		*c = *s->comeback;
	c->owner_len = (uint32_t)owner.len;
	if (owner.len > 0)
		memcpy(c->owner, owner.ptr, owner.len);
	free(s->comeback);
	return s->comeback = c;
}

int
tn_socket_set_owner(struct tn_socket *s, struct tn_slice owner)
{
	if (s->client == NULL)
		return TN_E_STATE;
	if (owner.len > TN_LIMIT_RECOVERY_OWNER)
		return TN_E_LIMIT;
	if (s->client->is_v2 || tn_ns_recovery_window_ms(s->ns) == 0)
		return 0;
	if (renew(s, owner) == NULL)
		return TN_E_NOMEM;
	tn_comeback_changed(s);
	return 0;
}

struct tn_slice
tn_comeback_owner(const struct tn_socket *s)
{
	return s->comeback == NULL ? TN_SLICE_NONE :
	    tn_slice(s->comeback->owner, s->comeback->owner_len);
}

struct tn_slice
tn_comeback_pid(const struct tn_socket *s)
{
	return s->comeback == NULL || s->comeback->pid[0] == '\0' ?
	    TN_SLICE_NONE : tn_slice_str(s->comeback->pid);
}

bool
tn_comeback_begin(struct tn_socket *s)
{
	if (tn_comeback_pid(s).ptr != NULL || s->client->is_v2 ||
	    tn_ns_recovery_window_ms(s->ns) == 0)
		return true;
	if (s->comeback == NULL && renew(s, TN_SLICE_NONE) == NULL)
		return false;
	tn_random_text(s->comeback->pid, TN_EIO_ID_LEN);
	return true;
}

bool
tn_comeback_adopt(struct tn_socket *s, struct tn_slice pid)
{
	if (s->comeback == NULL && renew(s, TN_SLICE_NONE) == NULL)
		return false;
	memcpy(s->comeback->pid, pid.ptr, TN_EIO_ID_LEN);
	s->comeback->pid[TN_EIO_ID_LEN] = '\0';
	return true;
}

void
tn_comeback_changed(struct tn_socket *s)
{
	struct tn_adapter *a = s->ns->io->adapter;

	if (a->ops->changed == NULL || s->state != TN_SOCKET_CONNECTED ||
	    tn_comeback_pid(s).ptr == NULL || s->comeback->is_noted)
		return;
	s->comeback->is_noted = true;
	a->ops->changed(a, s->ns, s);
}

bool
tn_socket_save(struct tn_socket *s,
    struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET],
    struct tn_saved_session *out)
{
	if (tn_comeback_pid(s).ptr == NULL)
		return false;
	s->comeback->is_noted = false;
	*out = (struct tn_saved_session){
		.pid = tn_comeback_pid(s), .owner = tn_comeback_owner(s),
		.sid = tn_slice_str(tn_socket_id(s)), .rooms = rooms,
		.nrooms = s->njoined, .data = tn_socket_data_json(s),
	};
	for (size_t i = 0; i < s->njoined; i++)
		rooms[i] = tn_socket_room(s, i);
	return true;
}

/* Reasons after which the same client may be expected back. */
static bool
is_recoverable(const char *reason)
{
	static const char *const reasons[] = {
		"transport error", "transport close", "forced close",
		"ping timeout", "server shutting down", "forced server close",
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	}
	return false;
}

void
tn_comeback_left(struct tn_socket *s, const char *reason)
{
	struct tn_slice rooms[TN_LIMIT_ROOMS_PER_SOCKET];
	struct tn_adapter *a = s->ns->io->adapter;
	struct tn_saved_session session;

	if (!tn_socket_save(s, rooms, &session))
		return;
	if (is_recoverable(reason))
		a->ops->persist(a, s->ns, &session);
	else if (a->ops->forget != NULL)
		a->ops->forget(a, s->ns, session.pid);
}

void
tn_ns_session_taken(struct tn_ns *ns, struct tn_slice sid,
    struct tn_slice pid)
{
	struct tn_socket *s = tn_rooms_by_id(ns, sid);

	if (s == NULL || !tn_slice_eq(tn_comeback_pid(s), pid))
		return;
	s->comeback->pid[0] = '\0';	/* it is not this one's any more */
	tn_socket_packet(s, TN_SIO_DISCONNECT, TN_SLICE_NONE);
	tn_socket_drop(s, "transport close");
}
