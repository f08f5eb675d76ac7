/*
 * Answers that are awaited from clients. A socket's hang on the socket, so
 * that they go with it; each is called exactly once: with the answer, at its
 * deadline, or when the socket has gone.
 */
#include "config.h"

#include <stdlib.h>

#include "io/inner.h"

struct ack {
	struct tn_list link;
	struct tn_timer timer;
	struct tn_socket *socket;
	uint64_t id;
	tn_ack_fn *fn;
	void *arg;
};

/* Off every list; then whoever waits may do what he likes. */
static struct ack
take(struct ack *a)
{
	struct ack copy = *a;

	tn_list_remove(&a->link);
	a->socket->nacks--;
	tn_wheel_cancel(a->socket->ns->io->wheel, &a->timer);
	free(a);
	return copy;
}

static void
fail(struct ack *a, int code, const char *text)
{
	struct ack copy = take(a);
	struct tn_err err = { 0 };

	tn_err_set(&err, code, "%s", text);
	copy.fn(TN_SLICE_NONE, NULL, 0, &err, copy.arg);
}

static void
on_timeout(void *arg)
{
	fail(arg, TN_E_TIMEOUT, "operation has timed out");
}

int
tn_acks_await(struct tn_socket *s, uint64_t id, int timeout_ms,
    tn_ack_fn *fn, void *arg)
{
	struct tn_wheel *wheel = s->ns->io->wheel;
	struct ack *a;

	if (s->nacks >= TN_LIMIT_PENDING_ACKS)
		return TN_E_LIMIT;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return TN_E_NOMEM;
	a->socket = s;
	a->id = id;
	a->fn = fn;
	a->arg = arg;
	tn_list_append(&s->acks, &a->link);
	s->nacks++;
	if (timeout_ms > 0)
		tn_wheel_set(wheel, &a->timer, wheel->now_ms + timeout_ms,
		    on_timeout, a);
	return 0;
}

static struct ack *
find(const struct tn_socket *s, uint64_t id)
{
	for (struct tn_list *it = s->acks.next; it != &s->acks; it = it->next) {
		struct ack *a = TN_CONTAINER(it, struct ack, link);

		if (a->id == id)
			return a;
	}
	return NULL;
}

void
tn_acks_answer(struct tn_socket *s, const struct tn_sio_packet *p,
    const struct tn_slice *buffers)
{
	struct ack *a = p->has_id ? find(s, p->id) : NULL;
	struct ack copy;

	if (a == NULL)
		return;
	copy = take(a);
	copy.fn(p->args, buffers, p->attachments, NULL, copy.arg);
}

void
tn_acks_forget(struct tn_socket *s, uint64_t id)
{
	struct ack *a = find(s, id);

	if (a != NULL)
		take(a);
}

void
tn_acks_drop(struct tn_socket *s)
{
	while (!tn_list_empty(&s->acks))
		fail(TN_CONTAINER(s->acks.next, struct ack, link), TN_E_AWAY,
		    "socket has been disconnected");
}
