/* Events from clients: reading their arguments, answering them. */
#include "config.h"

#include <stdlib.h>

#include "base/json.h"
#include "io/inner.h"

bool
tn_event_arg(const struct tn_event *event, size_t i, struct tn_slice *value)
{
	struct tn_slice rest = event->data;

	if (!tn_json_element(&rest, value))
		return false;
	for (size_t k = 0; k <= i; k++) {
		if (!tn_json_element(&rest, value))
			return false;
	}
	return true;
}

/* ---- held for later -------------------------------------------------------*/

void
tn_held_init(struct tn_held *held, const struct tn_socket *s)
{
	held->io = s->ns->io;
	held->socket = tn_socket_ref(s);
	tn_list_append(&held->io->waiting, &held->link);
}

void
tn_held_fini(struct tn_held *held)
{
	tn_list_remove(&held->link);
}

struct tn_socket *
tn_held_socket(const struct tn_held *held)
{
	return held->io == NULL ? NULL : tn_socket_deref(held->socket);
}

/* ---- answers --------------------------------------------------------------*/

static void
send_ack(struct tn_socket *s, uint64_t id, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct tn_sio_packet packet = {
		.type = nbuffers > 0 ? TN_SIO_BINARY_ACK : TN_SIO_ACK,
		.attachments = nbuffers, .nsp = tn_ns_name(s->ns),
		.has_id = true, .id = id,
	};
	struct tn_buf *b = &s->ns->io->scratch;
	bool built;

	if (s->state != TN_SOCKET_CONNECTED)
		return;
	tn_buf_reset(b);
	tn_buf_char(b, '[');
	tn_buf_slice(b, args);
	tn_buf_char(b, ']');
	built = tn_buf_finish(b, &packet.data, NULL) == 0 &&
	    nbuffers <= TN_LIMIT_ATTACHMENTS;
	tn_client_send(s->client, &packet, buffers, built);
}

/* {"error":text}, or with a name {"event":name,"error":text}. */
static void
write_refusal(struct tn_buf *out, struct tn_slice name, const char *text)
{
	tn_buf_char(out, '{');
	if (name.ptr != NULL) {
		tn_buf_str(out, "\"event\":");
		tn_json_write_string(out, name);
		tn_buf_char(out, ',');
	}
	tn_buf_str(out, "\"error\":");
	tn_json_write_string(out, tn_slice_str(text));
	tn_buf_char(out, '}');
}

static void
refuse(struct tn_socket *s, bool wants_ack, uint64_t id, struct tn_slice name,
    const char *text)
{
	struct tn_slice args;
	struct tn_buf b;

	tn_buf_init(&b, TN_LIMIT_CLUSTER_MESSAGE);
	write_refusal(&b, wants_ack ? TN_SLICE_NONE : name, text);
	if (tn_buf_finish(&b, &args, NULL) < 0)
		tn_client_close(s->client);
	else if (wants_ack)
		send_ack(s, id, args, NULL, 0);
	else
		tn_socket_emit(s, "refused", args);
	tn_buf_fini(&b);
}

/* The first answer counts, whichever of the ways it takes. */
static bool
first_answer(const struct tn_event *event)
{
	if (*event->answered)
		return false;
	return *event->answered = true;
}

void
tn_event_ack(const struct tn_event *event, struct tn_slice args)
{
	tn_event_ack_binary(event, args, NULL, 0);
}

void
tn_event_ack_binary(const struct tn_event *event, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers)
{
	if (event->wants_ack && first_answer(event))
		send_ack(event->socket, event->ack_id, args, buffers,
		    nbuffers);
}

void
tn_event_refuse(const struct tn_event *event, const char *text)
{
	if (event->socket->client != NULL && first_answer(event))
		refuse(event->socket, event->wants_ack, event->ack_id,
		    event->name, text);
}

struct tn_event_ref {
	struct tn_held held;
	struct tn_ns *ns;
	bool wants_ack;
	uint64_t ack_id;
	size_t name_len;
	char name[];
};

struct tn_event_ref *
tn_event_hold(const struct tn_event *event)
{
	struct tn_event_ref *ref = malloc(sizeof(*ref) + event->name.len);

	if (ref == NULL)
		return NULL;
	tn_held_init(&ref->held, event->socket);
	ref->ns = tn_ns_ref(event->ns);
	ref->wants_ack = event->wants_ack && first_answer(event);
	ref->ack_id = event->ack_id;
	ref->name_len = event->name.len;
	memcpy(ref->name, event->name.ptr, event->name.len);
	return ref;
}

static void
ref_free(struct tn_event_ref *ref)
{
	tn_held_fini(&ref->held);
	tn_ns_unref(ref->ns);
	free(ref);
}

void
tn_event_ref_ack(struct tn_event_ref *ref, struct tn_slice args)
{
	tn_event_ref_ack_binary(ref, args, NULL, 0);
}

void
tn_event_ref_ack_binary(struct tn_event_ref *ref, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct tn_socket *s = tn_event_ref_socket(ref);

	if (ref == NULL)
		return;
	if (s != NULL && ref->wants_ack)
		send_ack(s, ref->ack_id, args, buffers, nbuffers);
	ref_free(ref);
}

void
tn_event_ref_refuse(struct tn_event_ref *ref, const char *text)
{
	struct tn_socket *s = tn_event_ref_socket(ref);

	if (ref == NULL)
		return;
	if (s != NULL)
		refuse(s, ref->wants_ack, ref->ack_id,
		    tn_slice(ref->name, ref->name_len), text);
	ref_free(ref);
}

struct tn_socket *
tn_event_ref_socket(const struct tn_event_ref *ref)
{
	return ref == NULL ? NULL : tn_held_socket(&ref->held);
}

struct tn_ns *
tn_event_ref_ns(const struct tn_event_ref *ref)
{
	return ref == NULL || ref->held.io == NULL ? NULL : ref->ns;
}
