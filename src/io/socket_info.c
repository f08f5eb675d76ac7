/* What is known of a socket: who it is, where it stands, what hangs on it. */
#include "config.h"

#include <stdlib.h>

#include "io/inner.h"

const char *
tn_socket_id(const struct tn_socket *s)
{
	return s->long_id != NULL ? s->long_id : s->id;
}

struct tn_ns *
tn_socket_ns(const struct tn_socket *s)
{
	return s->ns;
}

struct tn_slice
tn_socket_header(const struct tn_socket *s, const char *name)
{
	return s->client == NULL ? TN_SLICE_NONE :
	    tn_handshake_header(s->client->handshake, name);
}

struct tn_slice
tn_socket_address(const struct tn_socket *s)
{
	return s->client == NULL ? TN_SLICE_NONE :
	    tn_handshake_address(s->client->handshake);
}

struct tn_slice
tn_socket_url(const struct tn_socket *s)
{
	return s->client == NULL ? TN_SLICE_NONE :
	    tn_handshake_target(s->client->handshake);
}

int
tn_socket_query(const struct tn_socket *s, const char *name,
    struct tn_arena *arena, struct tn_slice *value)
{
	return s->client == NULL ? 0 :
	    tn_handshake_query(s->client->handshake, name, arena, value);
}

bool
tn_socket_is_secure(const struct tn_socket *s)
{
	return s->client != NULL && tn_handshake_is_secure(s->client->handshake);
}

bool
tn_socket_is_xdomain(const struct tn_socket *s)
{
	return tn_socket_header(s, "origin").ptr != NULL;
}

int64_t
tn_socket_issued_ms(const struct tn_socket *s)
{
	return s->client == NULL ? 0 :
	    tn_handshake_issued_ms(s->client->handshake);
}

void
tn_socket_write_handshake(const struct tn_socket *s, struct tn_buf *out)
{
	if (s->client == NULL)
		tn_buf_str(out, "{}");
	else
		tn_handshake_write_json(s->client->handshake,
		    tn_socket_auth(s), out);
}

struct tn_slice
tn_socket_auth(const struct tn_socket *s)
{
	return s->auth == NULL ? TN_SLICE("{}") :
	    tn_slice(s->auth, s->auth_len);
}

void
tn_socket_set_data(struct tn_socket *s, void *data,
    void (*free_fn)(void *data))
{
	if (s->data_free != NULL)
		s->data_free(s->data);
	s->data = data;
	s->data_free = free_fn;
	if (s->state == TN_SOCKET_GONE && s->client == NULL) {
		if (free_fn != NULL)	/* too late to be freed with it */
			free_fn(data);
		s->data = NULL;
		s->data_free = NULL;
	}
}

void *
tn_socket_data(const struct tn_socket *s)
{
	return s->data;
}

int
tn_socket_set_data_json(struct tn_socket *s, struct tn_slice json)
{
	char *copy;

	if (s->client == NULL)
		return TN_E_STATE;
	if (json.len > TN_LIMIT_SOCKET_DATA)
		return TN_E_LIMIT;
	copy = malloc(json.len + 1);
	if (copy == NULL)
		return TN_E_NOMEM;
	memcpy(copy, json.ptr, json.len);
	copy[json.len] = '\0';
	free(s->data_json);
	s->data_json = copy;
	tn_comeback_changed(s);
	return 0;
}

struct tn_slice
tn_socket_data_json(const struct tn_socket *s)
{
	return s->data_json == NULL ? TN_SLICE("{}") :
	    tn_slice_str(s->data_json);
}

bool
tn_socket_recovered(const struct tn_socket *s)
{
	return s->recovered;
}

int
tn_socket_join(struct tn_socket *s, struct tn_slice room)
{
	int r;

	if (s->state == TN_SOCKET_LEAVING || s->state == TN_SOCKET_GONE)
		return TN_E_STATE;
	r = tn_rooms_join(s, room);
	tn_comeback_changed(s);
	return r;
}

void
tn_socket_leave(struct tn_socket *s, struct tn_slice room)
{
	tn_rooms_leave(s, room);
	tn_comeback_changed(s);
}

bool
tn_socket_in(const struct tn_socket *s, struct tn_slice room)
{
	return tn_rooms_has(s, room);
}

struct tn_slice
tn_socket_room(const struct tn_socket *s, size_t i)
{
	const struct tn_room *room;

	if (i >= s->njoined)
		return TN_SLICE_NONE;
	room = s->joined[i].room;
	return tn_slice(room->name, room->name_len);
}
