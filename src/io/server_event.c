/* Events between servers: fired on the namespaces of the other nodes. */
#include "config.h"

#include <stdlib.h>

#include "base/json.h"
#include "io/gather.h"
#include "io/inner.h"

struct tn_server_handler {
	struct tn_server_handler *next;
	const char *name;
	tn_server_event_fn *fn;
	void *arg;
};

/* ---- hearing --------------------------------------------------------------*/

int
tn_ns_on_server_event(struct tn_ns *ns, const char *name,
    tn_server_event_fn *fn, void *arg)
{
	struct tn_server_handler *h = malloc(sizeof(*h)), **at;

	if (h == NULL)
		return TN_E_NOMEM;
	*h = (struct tn_server_handler){ NULL, name, fn, arg };
	for (at = &ns->server_handlers; *at != NULL; at = &(*at)->next)
		;
	*at = h;
	return 0;
}

void
tn_server_handlers_free(struct tn_ns *ns)
{
	while (ns->server_handlers != NULL) {
		struct tn_server_handler *h = ns->server_handlers;

		ns->server_handlers = h->next;
		free(h);
	}
}

bool
tn_server_handlers_copy(struct tn_ns *to, const struct tn_ns *from)
{
	const struct tn_server_handler *h = from->server_handlers;

	for (; h != NULL; h = h->next) {
		if (tn_ns_on_server_event(to, h->name, h->fn, h->arg) < 0)
			return false;
	}
	return true;
}

void
tn_server_event_answer(const struct tn_server_event *event,
    struct tn_slice value)
{
	struct tn_reply_to *to = tn_server_event_hold(event);

	if (to != NULL)
		tn_reply_answer(to, value);
}

struct tn_reply_to *
tn_server_event_hold(const struct tn_server_event *event)
{
	struct tn_reply_to *to = *event->to;

	*event->to = NULL;
	return to;
}

void
tn_reply_answer(struct tn_reply_to *to, struct tn_slice value)
{
	to->answer(to, value);
}

/* Names that only the server itself may fire. */
static bool
is_own(struct tn_slice name)
{
	return tn_slice_is(name, "connect") ||
	    tn_slice_is(name, "connection") ||
	    tn_slice_is(name, "new_namespace");
}

static void
fire(struct tn_server_event *event)
{
	struct tn_server_handler *h = event->ns->server_handlers;

	for (; h != NULL; h = h->next) {
		if (tn_slice_is(event->name, h->name))
			h->fn(event, h->arg);
	}
}

static int
read_event(struct tn_slice data, struct tn_arena *arena,
    struct tn_server_event *event)
{
	struct tn_slice rest = data, first;

	if (!tn_json_element(&rest, &first) ||
	    tn_json_string(first, arena, &event->name, NULL) < 0 ||
	    is_own(event->name))
		return TN_E_SYNTAX;
	event->args = tn_args_behind(data, first);
	event->data = data;
	return 0;
}

int
tn_ns_server_event(struct tn_ns *ns, struct tn_slice data,
    struct tn_reply_to *to)
{
	struct tn_server_event event = { .ns = ns, .to = &to };
	struct tn_arena arena;
	int r;

	event.wants_answer = to != NULL;
	tn_arena_init(&arena, 8 * TN_LIMIT_EVENT_NAME);
	r = read_event(data, &arena, &event);
	if (r == 0)
		fire(&event);
	tn_arena_fini(&arena);
	if (to != NULL)
		tn_reply_answer(to, TN_SLICE("null"));
	return r;
}

/* ---- firing ---------------------------------------------------------------*/

static int
write_event(struct tn_ns *ns, const char *name, struct tn_slice args,
    struct tn_slice *data)
{
	if (is_own(tn_slice_str(name)) || ns->is_over || ns->match != NULL)
		return TN_E_STATE;
	return tn_event_data(ns->io, name, args, data);
}

int
tn_server_emit(struct tn_ns *ns, const char *name, struct tn_slice args)
{
	struct tn_adapter *a = ns->io->adapter;
	struct tn_slice data;
	int r = write_event(ns, name, args, &data);

	if (r < 0 || a->ops->server_event == NULL)
		return r;
	return a->ops->server_event(a, ns, data, 0);
}

int
tn_server_emit_ack(struct tn_ns *ns, const char *name, struct tn_slice args,
    tn_answers_fn *fn, void *arg)
{
	const struct tn_gather_options options = {
		.kind = TN_GATHER_NODES, .fn = fn, .arg = arg,
		.timeout_ms = tn_adapter_requests_ms(ns->io->adapter),
	};
	struct tn_adapter *a = ns->io->adapter;
	struct tn_slice data;
	uint64_t gather;
	int r = write_event(ns, name, args, &data);

	if (r < 0)
		return r;
	gather = tn_gather_begin(ns, &options);
	if (gather == 0)
		return TN_E_LIMIT;
	if (a->ops->server_event == NULL)
		tn_gather_nodes(ns, gather, 0);
	else
		r = a->ops->server_event(a, ns, data, gather);
	if (r < 0)
		tn_gather_cancel(ns, gather);
	else
		tn_gather_ready(ns, gather);
	return r;
}
