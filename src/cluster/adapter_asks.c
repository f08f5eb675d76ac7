/*
 * What this node asks of the others, and how many must answer.
 *
 * Redis counts subscribers of the channel on which nodes are asked; that
 * includes nodes that are dead while their connection is not known to be (a
 * host without power, a process that is stopped). The registry knows those,
 * and the channel that was theirs alone says whether Redis counts them.
 */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/random.h"
#include "cluster/adapter_inner.h"
#include "cluster/registry.h"
#include "redis/link.h"

#define DEAD_AT_ONCE	32	/* dead nodes asked about in one count */

struct ask {
	struct tn_list link;
	struct tn_timer timer;
	struct redis_ns *rn;
	enum ask_kind kind;
	uint64_t gather;
	char id[TN_REQUEST_ID + 1];
};

static struct tn_loop *
loop_of(const struct redis_ns *rn)
{
	return tn_link_loop(rn->adapter->link);
}

static void
ask_free(struct ask *a)
{
	tn_list_remove(&a->link);
	tn_wheel_cancel(&loop_of(a->rn)->wheel, &a->timer);
	free(a);
}

static struct ask *
find(const struct redis_ns *rn, struct tn_slice id)
{
	const struct tn_list *head = &rn->asks;

	for (struct tn_list *it = head->prev; it != head; it = it->prev) {
		struct ask *a = TN_CONTAINER(it, struct ask, link);

		if (tn_slice_is(id, a->id))
			return a;
	}
	return NULL;
}

/* ---- counting the living --------------------------------------------------*/

/* One count under way: the nodes' channel, then those of dead ones. */
struct census {
	struct redis_ns *rn;
	size_t ndead;
	char *dead[DEAD_AT_ONCE];	/* ids in the registry */
	struct tn_buf names;
	char id[TN_REQUEST_ID + 1];
};

static void
census_free(struct census *c)
{
	for (size_t i = 0; i < c->ndead; i++)
		free(c->dead[i]);
	tn_buf_fini(&c->names);
	tn_redis_ns_unref(c->rn);
	free(c);
}

static void
on_counted(const uint64_t *counts, const struct tn_err *err, void *arg)
{
	struct census *c = arg;
	struct redis_ns *rn = c->rn;
	struct ask *a = rn->is_closed ? NULL : find(rn, tn_slice_str(c->id));
	uint64_t n = err == NULL ? counts[0] : 0;

	for (size_t i = 0; err == NULL && i < c->ndead; i++) {
		if (counts[1 + i] == 0)	/* Redis has noticed: forget it */
			tn_map_remove(&rn->adapter->nodes,
			    tn_slice_str(c->dead[i]));
		else if (n > 0)
			n--;
	}
	if (a != NULL && err != NULL)
		tn_gather_fail(rn->ns, a->gather, err->code);
	else if (a != NULL)	/* this node is among them */
		tn_gather_nodes(rn->ns, a->gather, n > 0 ? (size_t)n - 1 : 0);
	census_free(c);
}

/* Those that lived once and do not any more. */
static void
find_dead(struct census *c)
{
	struct redis_adapter *a = c->rn->adapter;
	const struct tn_map_entry *e;
	size_t at = 0;

	while (a->registry != NULL && c->ndead < DEAD_AT_ONCE &&
	    (e = tn_map_next(&a->nodes, &at)) != NULL) {
		struct tn_slice id = tn_slice(e->key, e->key_len);

		if (!tn_registry_alive(a->registry, id) &&
		    (c->dead[c->ndead] = strndup(id.ptr, id.len)) != NULL)
			c->ndead++;
	}
}

static int
count_nodes(struct redis_ns *rn, const char *id)
{
	const struct redis_form *form = rn->adapter->form;
	struct tn_slice channels[1 + DEAD_AT_ONCE];
	size_t ends[DEAD_AT_ONCE];
	struct census *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL)
		return TN_E_NOMEM;
	c->rn = rn;
	rn->refs++;
	memcpy(c->id, id, sizeof(c->id));
	tn_buf_init(&c->names, 65536);
	find_dead(c);
	channels[0] = form->counted(rn);
	for (size_t i = 0; i < c->ndead; i++) {
		char uid[TN_UID_MAX + 1];

		tn_redis_uid(form, tn_slice_str(c->dead[i]),
		    tn_ns_name(rn->ns), uid);
		form->write_private(&c->names, rn, tn_slice_str(uid));
		ends[i] = c->names.len;
	}
	for (size_t i = 0, from = 0; i < c->ndead; from = ends[i++])
		channels[1 + i] = tn_slice(c->names.ptr + from,
		    ends[i] - from);
	r = c->names.failed != 0 ? c->names.failed :
	    tn_link_count(rn->adapter->link, form->is_sharded, channels,
	    1 + c->ndead, on_counted, c);
	if (r < 0)
		census_free(c);
	return r;
}

/* ---- asking ---------------------------------------------------------------*/

static void
on_timeout(void *arg)
{
	ask_free(arg);
}

/*
 * Begin one: id (TN_REQUEST_ID + 1 bytes) is written, and the nodes that are
 * to answer are counted; the gather is told. timeout_ms 0: the preset.
 * Returns 0, TN_E_LIMIT, TN_E_NOMEM, or what the link said.
 */
static int
begin(struct redis_ns *rn, enum ask_kind kind, uint64_t gather,
    int timeout_ms, char *id)
{
	struct tn_wheel *wheel = &loop_of(rn)->wheel;
	struct ask *a = calloc(1, sizeof(*a));
	int r;

	if (a == NULL)
		return TN_E_NOMEM;
	a->rn = rn;
	a->kind = kind;
	a->gather = gather;
	tn_random_text(a->id, TN_REQUEST_ID);
	tn_list_append(&rn->asks, &a->link);
	/* the gather has its own end; this is when nobody can want it */
	tn_wheel_set(wheel, &a->timer, wheel->now_ms + (timeout_ms > 0 ?
	    timeout_ms : rn->adapter->requests_ms), on_timeout, a);
	r = count_nodes(rn, a->id);
	if (r < 0) {
		ask_free(a);
		return r;
	}
	memcpy(id, a->id, sizeof(a->id));
	rn->adapter->counts.requests++;
	return 0;
}

/* What waits for answers to what cannot be sent (id) is forgotten. */
static int
send(struct redis_ns *rn, const char *id, struct tn_buf *body)
{
	int r = tn_redis_ns_publish_buf(rn, rn->adapter->form->counted(rn),
	    body);
	struct ask *a = r < 0 && id != NULL ? find(rn, tn_slice_str(id)) :
	    NULL;

	if (a != NULL)
		ask_free(a);
	return r;
}

int
tn_ask_acks(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, int timeout_ms, uint64_t gather)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	char id[TN_REQUEST_ID + 1];
	struct tn_buf body;
	int r = begin(rn, ASK_CLIENTS, gather, timeout_ms, id);

	(void)adapter;
	if (r < 0)
		return r;
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	rn->adapter->form->write_broadcast(&body, rn, packet, id, timeout_ms);
	return send(rn, id, &body);
}

/* gather 0: nobody waits for answers. */
static int
ask(struct tn_ns *ns, struct tn_cluster_request q, enum ask_kind kind,
    uint64_t gather)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	char id[TN_REQUEST_ID + 1];
	struct tn_buf body;
	int r = gather == 0 ? 0 : begin(rn, kind, gather, 0, id);

	if (r < 0)
		return r;
	q.is_sharded = rn->adapter->form->is_sharded;
	q.uid = tn_slice_str(rn->uid);
	q.nsp = tn_ns_name(ns);
	q.id = gather == 0 ? NULL : id;
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_write_request(&body, &q);
	return send(rn, q.id, &body);
}

int
tn_ask_join(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms)
{
	(void)adapter;
	return ask(ns, (struct tn_cluster_request){ .type = TN_REQUEST_JOIN,
	    .who = who, .rooms = rooms, .nrooms = nrooms }, 0, 0);
}

int
tn_ask_leave(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms)
{
	(void)adapter;
	return ask(ns, (struct tn_cluster_request){ .type = TN_REQUEST_LEAVE,
	    .who = who, .rooms = rooms, .nrooms = nrooms }, 0, 0);
}

int
tn_ask_disconnect(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, bool close)
{
	(void)adapter;
	return ask(ns, (struct tn_cluster_request){
	    .type = TN_REQUEST_DISCONNECT, .who = who, .close = close }, 0, 0);
}

int
tn_ask_fetch(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, uint64_t gather)
{
	(void)adapter;
	return ask(ns, (struct tn_cluster_request){ .type = TN_REQUEST_FETCH,
	    .who = who }, ASK_FETCH, gather);
}

int
tn_ask_event(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice data, uint64_t gather)
{
	(void)adapter;
	return ask(ns, (struct tn_cluster_request){ .type = TN_REQUEST_EVENT,
	    .event = data }, ASK_SERVER_EVENT, gather);
}

/* ---- what is answered -----------------------------------------------------*/

static struct ask *
find_for(struct redis_ns *rn, enum ask_kind kind, struct tn_slice id)
{
	struct ask *a = find(rn, id);

	if (a != NULL && a->kind == kind) {
		rn->adapter->counts.answers++;
		return a;
	}
	rn->adapter->counts.late++;
	return NULL;
}

void
tn_ask_answer(struct redis_ns *rn, enum ask_kind kind, struct tn_slice id,
    struct tn_slice value, const struct tn_slice *buffers, size_t nbuffers)
{
	struct ask *a = find_for(rn, kind, id);

	if (a != NULL)
		tn_gather_answer(rn->ns, a->gather, value, buffers, nbuffers);
}

void
tn_ask_clients(struct redis_ns *rn, struct tn_slice id, size_t clients)
{
	struct ask *a = find_for(rn, ASK_CLIENTS, id);

	if (a != NULL)
		tn_gather_clients(rn->ns, a->gather, clients);
}

bool
tn_ask_knows(const struct redis_ns *rn, struct tn_slice id)
{
	return id.len == TN_REQUEST_ID && find(rn, id) != NULL;
}

void
tn_asks_drop(struct redis_ns *rn)
{
	while (!tn_list_empty(&rn->asks))
		ask_free(TN_CONTAINER(rn->asks.next, struct ask, link));
}
