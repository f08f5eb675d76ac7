/*
 * The way in: a CONNECT makes a socket in the state "connecting", which goes
 * from step to step until one refuses it or none is left. A step may answer at
 * once or much later; the tn_next holds a handle, not the socket, so that it
 * notices when the client has gone meanwhile.
 *
 * Who comes back with a pid and an offset gets its old session behind the
 * steps: they have told who it is by then, and from the joining of its rooms
 * to the replay of what it missed nothing comes between.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/random.h"
#include "io/inner.h"

enum verdict { WAITS, PASSED, REFUSED };

struct tn_next {
	struct tn_held held;
	size_t at;		/* the step that is asked */
	bool is_running;	/* inside that step */
	bool may_recover;	/* it asks to, and was not tried yet */
	enum verdict verdict;
};

void
tn_ns_refuse(struct tn_client *client, struct tn_slice nsp,
    struct tn_slice message, struct tn_slice data)
{
	struct tn_sio_packet packet = {
		.type = TN_SIO_CONNECT_ERROR, .nsp = nsp,
	};
	struct tn_buf body;
	bool built;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_str(&body, "{\"message\":");
	tn_json_write_string(&body, message);
	if (data.len > 0) {
		tn_buf_str(&body, ",\"data\":");
		tn_buf_slice(&body, data);
	}
	tn_buf_char(&body, '}');
	built = tn_buf_finish(&body, &packet.data, NULL) == 0;
	tn_client_send(client, &packet, NULL, built);
	tn_buf_fini(&body);
}

static bool
ns_add(struct tn_ns *ns, struct tn_socket *s)
{
	uint32_t cap = ns->cap == 0 ? 16 : ns->cap * 2;
	struct tn_socket **sockets = ns->sockets;

	if (ns->len == ns->cap) {
		sockets = realloc(sockets, cap * sizeof(struct tn_socket *));
		if (sockets == NULL)
			return false;
		ns->sockets = sockets;
		ns->cap = cap;
	}
	s->at = ns->len;
	ns->sockets[ns->len++] = s;
	return true;
}

/* ---- entering -------------------------------------------------------------*/

/* {"sid":ID}, with a "pid" where sessions can be recovered. */
static void
send_connect(struct tn_socket *s)
{
	char body[2 * TN_EIO_ID_LEN + 32];
	struct tn_slice pid = tn_comeback_pid(s);

	if (s->client->is_v2) {
		tn_socket_packet(s, TN_SIO_CONNECT, TN_SLICE_NONE);
		return;
	}
	if (pid.ptr == NULL)
		snprintf(body, sizeof(body), "{\"sid\":\"%s\"}", tn_socket_id(s));
	else
		snprintf(body, sizeof(body), "{\"sid\":\"%s\",\"pid\":\"%s\"}",
		    tn_socket_id(s), pid.ptr);
	tn_socket_packet(s, TN_SIO_CONNECT, tn_slice_str(body));
}

/* All steps have let it in. */
static void
socket_enter(struct tn_socket *s)
{
	struct tn_ns *ns = s->ns;

	if (!tn_comeback_begin(s) || !ns_add(ns, s)) {
		tn_client_close(s->client);
		return;
	}
	s->state = TN_SOCKET_CONNECTED;
	tn_adapter_socket_opened(ns->io->adapter, ns,
	    tn_slice_str(tn_socket_id(s)));
	tn_rooms_tell_own(s, true);
	if (s->state != TN_SOCKET_CONNECTED)	/* who was told sent it away */
		return;
	tn_client_joined(s->client);
	tn_comeback_changed(s);
	send_connect(s);
	for (size_t i = 0; i < ns->nconnections; i++) {
		if (s->state == TN_SOCKET_CONNECTED)
			ns->connections[i].fn(s, ns->connections[i].arg);
	}
}

/* ---- recovery -------------------------------------------------------------*/

/* A string of the CONNECT payload; ours never have escapes. */
static bool
auth_text(const struct tn_socket *s, const char *name, struct tn_slice *out)
{
	struct tn_slice raw;

	if (!tn_json_get(tn_socket_auth(s), name, &raw) ||
	    tn_json_type(raw) != TN_JSON_STRING ||
	    memchr(raw.ptr, '\\', raw.len) != NULL)
		return false;
	*out = tn_slice(raw.ptr + 1, raw.len - 2);
	return true;
}

static bool
asks_recovery(const struct tn_socket *s)
{
	struct tn_slice pid;

	return !s->client->is_v2 && tn_ns_recovery_window_ms(s->ns) > 0 &&
	    auth_text(s, "pid", &pid);
}

static bool
is_short_enough(const struct tn_missed *missed)
{
	size_t bytes = 0;

	for (size_t i = 0; i < missed->n; i++) {
		bytes += missed->packets[i].data.len;
		for (size_t k = 0; k < missed->packets[i].nbuffers; k++)
			bytes += missed->packets[i].buffers[k].len;
	}
	return bytes <= TN_LIMIT_RECOVERY_REPLAY;
}

/* What Redis may hold is looked at before it is believed. */
static bool
is_sound(const struct tn_ns *ns, const struct tn_saved_session *session)
{
	const struct tn_socket *had = tn_rooms_by_id(ns, session->sid);

	return tn_random_is_text(session->sid, TN_EIO_ID_LEN) &&
	    tn_random_is_text(session->pid, TN_EIO_ID_LEN) &&
	    (had == NULL || tn_slice_eq(tn_comeback_pid(had), session->pid));
}

static bool
adopt(struct tn_socket *s, const struct tn_saved_session *session)
{
	if (!tn_comeback_adopt(s, session->pid) ||
	    tn_slot_adopt(s, session->sid) < 0)
		return false;
	if (session->data.len > 0 &&
	    tn_socket_set_data_json(s, session->data) < 0)
		return false;
	for (size_t i = 0; i < session->nrooms; i++) {
		if (tn_rooms_join(s, session->rooms[i]) < 0)
			return false;
	}
	return true;
}

/* Returns 1, 0 for "as a new one", or negative: its connection is over. */
static int
recover(struct tn_socket *s, const struct tn_saved_session *session,
    const struct tn_missed *missed)
{
	struct tn_ns *ns = s->ns;

	if (session == NULL || !is_sound(ns, session) ||
	    !is_short_enough(missed))
		return 0;
	if (ns->may_recover != NULL &&
	    !ns->may_recover(s, session, ns->may_recover_arg))
		return s->client == NULL ? TN_E_AWAY : 0;
	/* its old connection may not have been missed yet */
	tn_ns_session_taken(ns, session->sid, session->pid);
	if (s->client == NULL)
		return TN_E_AWAY;
	if (!adopt(s, session) || tn_socket_replay(s, missed) < 0) {
		tn_client_close(s->client);
		return TN_E_NOMEM;
	}
	s->recovered = true;
	return 1;
}

/* ---- steps ----------------------------------------------------------------*/

static void run_steps(struct tn_next *next);

static void
next_free(struct tn_next *next)
{
	tn_held_fini(&next->held);
	free(next);
}

static void
on_restored(const struct tn_saved_session *session,
    const struct tn_missed *missed, void *arg)
{
	struct tn_next *next = arg;
	struct tn_socket *s = tn_held_socket(&next->held);
	int r = s == NULL ? TN_E_AWAY : recover(s, session, missed);

	if (r == 0) {
		run_steps(next);
		return;
	}
	if (r > 0)
		socket_enter(s);
	next_free(next);
}

static void
try_recovery(struct tn_next *next, struct tn_socket *s)
{
	struct tn_adapter *a = s->ns->io->adapter;
	struct tn_comeback_ask ask = { .owner = tn_comeback_owner(s) };

	next->may_recover = false;
	auth_text(s, "pid", &ask.pid);
	auth_text(s, "offset", &ask.offset);	/* or it has seen none */
	a->ops->restore(a, s->ns, &ask, on_restored, next);
}

/* No step is left, or one refused. */
static void
end_steps(struct tn_next *next)
{
	struct tn_socket *s = tn_held_socket(&next->held);

	if (s == NULL || next->verdict == REFUSED) {
		next_free(next);
	} else if (next->may_recover) {
		try_recovery(next, s);
	} else {
		socket_enter(s);
		next_free(next);
	}
}

/* Go on from the step at next->at until one waits. */
static void
run_steps(struct tn_next *next)
{
	struct tn_socket *s;

	while ((s = tn_held_socket(&next->held)) != NULL &&
	    next->at < s->ns->nsteps) {
		struct tn_ns_step_entry step = s->ns->steps[next->at];

		next->verdict = WAITS;
		next->is_running = true;
		step.fn(s, next, step.arg);
		next->is_running = false;
		if (next->verdict == WAITS)
			return;
		if (next->verdict == REFUSED)
			break;
		next->at++;
	}
	end_steps(next);
}

void
tn_ns_connect(struct tn_ns *ns, struct tn_client *client,
    struct tn_slice auth)
{
	struct tn_socket *s = tn_socket_new(client, ns, auth);
	struct tn_next *next = calloc(1, sizeof(*next));

	if (s == NULL || next == NULL) {
		free(next);
		tn_client_close(client);
		return;
	}
	tn_held_init(&next->held, s);
	next->verdict = PASSED;
	next->may_recover = asks_recovery(s);
	if (next->may_recover && ns->io->recovery_skips_steps)
		try_recovery(next, s);
	else
		run_steps(next);
}

struct tn_socket *
tn_next_socket(const struct tn_next *next)
{
	return tn_held_socket(&next->held);
}

void
tn_next_ok(struct tn_next *next)
{
	if (next->verdict != WAITS)
		return;
	next->verdict = PASSED;
	if (next->is_running)
		return;
	next->at++;
	run_steps(next);
}

void
tn_next_refuse(struct tn_next *next, const char *message,
    struct tn_slice data)
{
	struct tn_socket *s = tn_held_socket(&next->held);

	if (next->verdict != WAITS)
		return;
	next->verdict = REFUSED;
	if (s != NULL) {
		(s->client->is_v2 ? tn_v2_refuse : tn_ns_refuse)(s->client,
		    tn_ns_name(s->ns), tn_slice_str(message), data);
		tn_socket_drop(s, message);
	}
	if (!next->is_running)
		next_free(next);
}
