#include "config.h"

#include "io/gather.h"

#include <stdlib.h>

#include "base/json.h"
#include "io/inner.h"

struct answer {
	struct tn_list link;
	struct tn_slice value;
	size_t nbuffers;
	struct tn_slice buffers[];	/* then the bytes of all */
};

struct gather {
	struct tn_list link;	/* io->gathers */
	struct tn_timer timer;
	struct tn_list answers;
	struct tn_io *io;
	struct tn_gather_options options;
	struct tn_err err;	/* why not all is there; code 0: it is */
	uint64_t id;
	size_t nodes;		/* that were asked */
	size_t counted;		/* that said how many clients they have */
	size_t wanted, got, lost, bytes;
	bool is_counted;	/* nodes is known */
	bool is_ready;
};

static struct gather *
find(const struct tn_ns *ns, uint64_t id)
{
	const struct tn_list *head = &ns->io->gathers;

	for (struct tn_list *it = head->prev; it != head; it = it->prev) {
		struct gather *g = TN_CONTAINER(it, struct gather, link);

		if (g->id == id)
			return g;
	}
	return NULL;
}

static void
gather_free(struct gather *g)
{
	g->io->ngathers--;
	tn_wheel_cancel(g->io->wheel, &g->timer);
	while (!tn_list_empty(&g->answers)) {
		struct tn_list *it = g->answers.next;

		tn_list_remove(it);
		free(TN_CONTAINER(it, struct answer, link));
	}
	free(g);
}

/* ---- the end --------------------------------------------------------------*/

static const struct tn_err *
outcome(const struct gather *g)
{
	return g->err.code == 0 ? NULL : &g->err;
}

static void
give_answers(struct gather *g)
{
	struct tn_answer *all = calloc(g->got + 1, sizeof(*all));
	size_t n = 0;

	if (all == NULL)
		tn_err_set(&g->err, TN_E_NOMEM, "no memory for the answers");
	for (struct tn_list *it = g->answers.next;
	    all != NULL && it != &g->answers; it = it->next) {
		struct answer *a = TN_CONTAINER(it, struct answer, link);

		all[n++] = (struct tn_answer){ a->value, a->buffers,
			a->nbuffers };
	}
	g->options.fn(all, n, outcome(g), g->options.arg);
	free(all);
}

/* Socket ids never have escapes; one that has is none. */
static bool
read_socket(struct tn_slice json, struct tn_remote_socket *out)
{
	struct tn_slice id;

	if (!tn_json_get(json, "id", &id) ||
	    tn_json_type(id) != TN_JSON_STRING ||
	    memchr(id.ptr, '\\', id.len) != NULL)
		return false;
	*out = (struct tn_remote_socket){
		.id = tn_slice(id.ptr + 1, id.len - 2),
		.handshake = TN_SLICE("{}"), .rooms = TN_SLICE("[]"),
		.data = TN_SLICE("{}"),
	};
	tn_json_get(json, "handshake", &out->handshake);
	tn_json_get(json, "rooms", &out->rooms);
	tn_json_get(json, "data", &out->data);
	return true;
}

/* With all NULL, only count. */
static size_t
read_sockets(const struct gather *g, struct tn_remote_socket *all)
{
	struct tn_remote_socket one;
	size_t n = 0;

	for (struct tn_list *it = g->answers.next; it != &g->answers;
	    it = it->next) {
		struct tn_slice rest =
		    TN_CONTAINER(it, struct answer, link)->value, json;

		while (tn_json_element(&rest, &json)) {
			if (!read_socket(json, all == NULL ? &one : &all[n]))
				continue;
			n++;
		}
	}
	return n;
}

static void
give_sockets(struct gather *g)
{
	size_t n = read_sockets(g, NULL);
	struct tn_remote_socket *all = calloc(n + 1, sizeof(*all));

	if (all == NULL)
		tn_err_set(&g->err, TN_E_NOMEM, "no memory for the sockets");
	n = all == NULL ? 0 : read_sockets(g, all);
	g->options.sockets_fn(all, n, outcome(g), g->options.arg);
	free(all);
}

static void
end(struct gather *g)
{
	tn_list_remove(&g->link);
	if (g->options.kind == TN_GATHER_SOCKETS)
		give_sockets(g);
	else
		give_answers(g);
	gather_free(g);
}

static void
end_if_all(struct gather *g)
{
	bool all_counted = g->options.kind != TN_GATHER_CLIENTS ||
	    g->counted >= g->nodes;

	if (!g->is_ready || !g->is_counted || !all_counted ||
	    g->got + g->lost < g->wanted)
		return;
	if (g->lost > 0 && g->err.code == 0)
		tn_err_set(&g->err, TN_E_AWAY,
		    "%zu of %zu clients went without an answer", g->lost,
		    g->wanted);
	end(g);
}

static void
on_timeout(void *arg)
{
	struct gather *g = arg;

	if (g->options.kind == TN_GATHER_CLIENTS)
		tn_err_set(&g->err, TN_E_TIMEOUT, "operation has timed out");
	else
		tn_err_set(&g->err, TN_E_TIMEOUT, "timeout reached: only %zu "
		    "responses received out of %zu", g->got, g->wanted);
	end(g);
}

void
tn_gathers_end(struct tn_io *io)
{
	while (!tn_list_empty(&io->gathers)) {
		struct gather *g = TN_CONTAINER(io->gathers.next,
		    struct gather, link);

		tn_err_set(&g->err, TN_E_AWAY, "the server has gone");
		end(g);
	}
}

/* ---- from the beginning ---------------------------------------------------*/

uint64_t
tn_gather_begin(struct tn_ns *ns, const struct tn_gather_options *options)
{
	struct tn_io *io = ns->io;
	struct gather *g;

	if (io->ngathers >= TN_LIMIT_GATHERS ||
	    (g = calloc(1, sizeof(*g))) == NULL)
		return 0;
	g->io = io;
	g->options = *options;
	g->id = ++io->next_gather;
	tn_list_init(&g->answers);
	tn_list_append(&io->gathers, &g->link);
	io->ngathers++;
	tn_wheel_set(io->wheel, &g->timer,
	    io->wheel->now_ms + options->timeout_ms, on_timeout, g);
	return g->id;
}

void
tn_gather_ready(struct tn_ns *ns, uint64_t id)
{
	struct gather *g = find(ns, id);

	if (g == NULL)
		return;
	g->is_ready = true;
	end_if_all(g);
}

void
tn_gather_expect(struct tn_ns *ns, uint64_t id, size_t answers)
{
	struct gather *g = find(ns, id);

	if (g != NULL)
		g->wanted += answers;
}

void
tn_gather_cancel(struct tn_ns *ns, uint64_t id)
{
	struct gather *g = find(ns, id);

	if (g == NULL)
		return;
	tn_list_remove(&g->link);
	gather_free(g);
}

void
tn_gather_nodes(struct tn_ns *ns, uint64_t id, size_t nodes)
{
	struct gather *g = find(ns, id);

	if (g == NULL || g->is_counted)
		return;
	g->is_counted = true;
	g->nodes = nodes;
	if (g->options.kind != TN_GATHER_CLIENTS)
		g->wanted += nodes;
	end_if_all(g);
}

void
tn_gather_clients(struct tn_ns *ns, uint64_t id, size_t clients)
{
	struct gather *g = find(ns, id);

	if (g == NULL || g->options.kind != TN_GATHER_CLIENTS)
		return;
	g->counted++;
	g->wanted += clients;
	end_if_all(g);
}

static struct answer *
answer_new(struct tn_slice value, const struct tn_slice *buffers, size_t n)
{
	size_t bytes = value.len;
	struct answer *a;
	char *at;

	for (size_t i = 0; i < n; i++)
		bytes += buffers[i].len;
	a = malloc(sizeof(*a) + n * sizeof(*buffers) + bytes);
	if (a == NULL)
		return NULL;
	at = (char *)(a->buffers + n);
	a->value = tn_slice(at, value.len);
	if (value.len > 0)
		memcpy(at, value.ptr, value.len);
	at += value.len;
	a->nbuffers = n;
	for (size_t i = 0; i < n; i++) {
		a->buffers[i] = tn_slice(at, buffers[i].len);
		if (buffers[i].len > 0)
			memcpy(at, buffers[i].ptr, buffers[i].len);
		at += buffers[i].len;
	}
	return a;
}

void
tn_gather_answer(struct tn_ns *ns, uint64_t id, struct tn_slice value,
    const struct tn_slice *buffers, size_t nbuffers)
{
	struct gather *g = find(ns, id);
	struct answer *a;

	if (g == NULL)
		return;
	if (g->bytes + value.len > TN_LIMIT_GATHER_BYTES) {
		tn_err_set(&g->err, TN_E_LIMIT, "the answers are too large");
		end(g);
		return;
	}
	a = answer_new(value, buffers, nbuffers);
	if (a == NULL) {
		tn_err_set(&g->err, TN_E_NOMEM, "no memory for an answer");
		end(g);
		return;
	}
	for (size_t i = 0; i < nbuffers; i++)
		g->bytes += buffers[i].len;
	g->bytes += value.len;
	tn_list_append(&g->answers, &a->link);
	g->got++;
	end_if_all(g);
}

void
tn_gather_lost(struct tn_ns *ns, uint64_t id)
{
	struct gather *g = find(ns, id);

	if (g == NULL)
		return;
	g->lost++;
	end_if_all(g);
}

void
tn_gather_fail(struct tn_ns *ns, uint64_t id, int code)
{
	struct gather *g = find(ns, id);

	if (g == NULL)
		return;
	if (g->err.code == 0)
		tn_err_set(&g->err, code, "%s", tn_err_name(code));
	g->counted = g->nodes = 0;
	g->is_counted = true;
	end_if_all(g);
}
