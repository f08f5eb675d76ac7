/*
 * One set of channels a namespace (K is the prefix, NSP its name):
 *
 *     K#NSP#*                 broadcasts; the room stands where * is
 *     K-request#NSP#          what other nodes ask for
 *     K-response#NSP#         what they answer, to everyone
 *     K-response#NSP#UID#     and to this node alone
 *
 * Others count the subscribers of the request channel to know how many
 * answers to wait for, so it is subscribed exactly once and all that is asked
 * there is answered (adapter_requests.c).
 */
#include "config.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"
#include "cluster/redis_adapter.h"
#include "redis/link.h"

/* ---- publishing -----------------------------------------------------------*/

static void
adapter_unref(struct redis_adapter *a)
{
	if (--a->refs == 0)
		free(a);
}

static void
on_published(const struct tn_reply *reply, const struct tn_err *err,
    void *arg)
{
	struct redis_adapter *a = arg;

	(void)reply;
	if (err != NULL)
		a->counts.unpublished++;
	adapter_unref(a);
}

int
tn_redis_ns_publish(struct redis_ns *rn, struct tn_slice channel,
    struct tn_slice payload)
{
	struct redis_adapter *a = rn->adapter;
	struct tn_slice argv[] = { TN_SLICE("PUBLISH"), channel, payload };
	int r = tn_link_call(a->link, argv, 3, on_published, a);

	if (r < 0) {
		a->counts.unpublished++;
		return r;
	}
	a->refs++;
	a->counts.published++;
	return 0;
}

/* Exactly one room has a channel of its own. */
static void
write_channel(struct tn_buf *out, const struct redis_ns *rn,
    const struct tn_broadcast_packet *packet)
{
	tn_buf_slice(out, rn->broadcast);
	if (packet->nrooms == 1) {
		tn_buf_slice(out, packet->rooms[0]);
		tn_buf_char(out, '#');
	}
}

static int
publish(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct tn_slice channel, payload;
	struct tn_buf name, body;
	int r;

	(void)adapter;
	tn_buf_init(&name, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	write_channel(&name, rn, packet);
	tn_adapter_write_broadcast(&body, tn_slice_str(rn->uid),
	    tn_ns_name(ns), packet);
	r = tn_buf_finish(&name, &channel, NULL);
	if (r == 0)
		r = tn_buf_finish(&body, &payload, NULL);
	if (r == 0)
		r = tn_redis_ns_publish(rn, channel, payload);
	else
		rn->adapter->counts.unpublished++;
	tn_buf_fini(&name);
	tn_buf_fini(&body);
	return r;
}

/* ---- receiving ------------------------------------------------------------*/

void
tn_redis_ns_malformed(struct redis_ns *rn, const char *what, const char *why)
{
	struct redis_adapter *a = rn->adapter;

	/* the first, and then ever fewer: a node that raves must not fill logs */
	a->counts.malformed++;
	if ((a->counts.malformed & (a->counts.malformed - 1)) == 0)
		tn_log_event(a->log, TN_LOG_WARN, "cluster.malformed",
		    TN_F_SLICE("namespace", tn_ns_name(rn->ns)),
		    TN_F_STR("what", what), TN_F_STR("why", why),
		    TN_F_NUM("count", a->counts.malformed));
}

static void
deliver(struct redis_ns *rn, struct tn_slice payload)
{
	struct tn_adapter_message m;
	struct tn_arena arena;
	struct tn_err err = { 0 };

	tn_arena_init(&arena, TN_LIMIT_CLUSTER_MESSAGE);
	if (tn_adapter_read(payload, &arena, &m, &err) < 0 ||
	    m.request_type != 0)
		tn_redis_ns_malformed(rn, "broadcast", err.text);
	else if (!tn_slice_is(m.uid, rn->uid) &&
	    tn_slice_eq(m.nsp, tn_ns_name(rn->ns)) &&
	    tn_ns_deliver(rn->ns, &m.packet) < 0)
		tn_redis_ns_malformed(rn, "broadcast", "not to be delivered");
	tn_adapter_message_fini(&m);
	tn_arena_fini(&arena);
}

/* The first of three items of an array is the own uid: need not be read. */
static bool
is_own(const struct redis_ns *rn, struct tn_slice payload)
{
	return payload.len > 2 + TN_UID_LEN &&
	    memcmp(payload.ptr, "\x93\xa6", 2) == 0 &&
	    memcmp(payload.ptr + 2, rn->uid, TN_UID_LEN) == 0;
}

static void
on_broadcast(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct redis_ns *rn = arg;
	struct tn_slice room = tn_slice_after(channel, rn->broadcast.len);

	if (!tn_slice_starts(channel, rn->broadcast) || is_own(rn, payload))
		return;
	rn->adapter->counts.received++;
	if (room.len > 1 &&
	    !tn_ns_has_room(rn->ns, tn_slice_first(room, room.len - 1)))
		return;
	deliver(rn, payload);
}

static void
on_request(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct redis_ns *rn = arg;

	(void)channel;
	rn->adapter->counts.received++;
	tn_redis_ns_request(rn, payload);
}

/* This node asks nothing yet, so no answer is for it. */
static void
on_response(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct redis_ns *rn = arg;

	(void)channel;
	(void)payload;
	rn->adapter->counts.received++;
}

/* ---- namespaces -----------------------------------------------------------*/

/* Room for all names of a namespace's channels, one after the other. */
static bool
write_names(struct redis_ns *rn, struct tn_slice prefix, struct tn_slice nsp)
{
	const struct {
		struct tn_slice *out;
		const char *part, *end;
		bool is_private;
	} names[] = {
		{ &rn->broadcast, "#", "#", false },
		{ &rn->request, "-request#", "#", false },
		{ &rn->response, "-response#", "#", false },
		{ &rn->own_response, "-response#", "#", true },
	};
	const size_t n = sizeof(names) / sizeof(names[0]);
	size_t ends[sizeof(names) / sizeof(names[0])], from = 0;

	for (size_t i = 0; i < n; i++) {
		tn_buf_slice(&rn->names, prefix);
		tn_buf_str(&rn->names, names[i].part);
		tn_buf_slice(&rn->names, nsp);
		tn_buf_str(&rn->names, names[i].end);
		if (names[i].is_private)
			tn_buf_printf(&rn->names, "%s#", rn->uid);
		ends[i] = rn->names.len;
	}
	for (size_t i = 0; i < n; i++) {
		*names[i].out = tn_slice(rn->names.ptr + from, ends[i] - from);
		from = ends[i];
	}
	return rn->names.failed == 0;
}

/* What is a glob's own character in a name stands for itself. */
static bool
write_pattern(struct redis_ns *rn)
{
	for (size_t i = 0; i < rn->broadcast.len; i++) {
		char c = rn->broadcast.ptr[i];

		if (c != '\0' && strchr("*?[]\\", c) != NULL)
			tn_buf_char(&rn->pattern, '\\');
		tn_buf_char(&rn->pattern, c);
	}
	tn_buf_char(&rn->pattern, '*');
	return rn->pattern.failed == 0;
}

static void
ns_unsubscribe(struct redis_ns *rn)
{
	struct tn_link *link = rn->adapter->link;

	if (rn->nsubscribed > 3)
		tn_link_unsubscribe(link, rn->own_response);
	if (rn->nsubscribed > 2)
		tn_link_unsubscribe(link, rn->response);
	if (rn->nsubscribed > 1)
		tn_link_unsubscribe(link, rn->request);
	if (rn->nsubscribed > 0)
		tn_link_punsubscribe(link, tn_buf_view(&rn->pattern));
}

static int
ns_subscribe(struct redis_ns *rn)
{
	struct tn_link *link = rn->adapter->link;
	int r;

	if ((r = tn_link_psubscribe(link, tn_buf_view(&rn->pattern),
	    on_broadcast, rn)) < 0)
		return r;
	rn->nsubscribed++;
	if ((r = tn_link_subscribe(link, rn->request, on_request, rn)) < 0)
		return r;
	rn->nsubscribed++;
	if ((r = tn_link_subscribe(link, rn->response, on_response, rn)) < 0)
		return r;
	rn->nsubscribed++;
	r = tn_link_subscribe(link, rn->own_response, on_response, rn);
	if (r == 0)
		rn->nsubscribed++;
	return r;
}

static void
ns_free(struct redis_ns *rn)
{
	ns_unsubscribe(rn);
	tn_buf_fini(&rn->names);
	tn_buf_fini(&rn->pattern);
	free(rn);
}

static int
open_ns(struct tn_adapter *adapter, struct tn_ns *ns, struct tn_err *err)
{
	struct redis_adapter *a =
	    TN_CONTAINER(adapter, struct redis_adapter, base);
	struct redis_ns *rn = calloc(1, sizeof(*rn));
	int r = TN_E_NOMEM;

	if (rn == NULL)
		return tn_err_set(err, r, "no memory for a namespace");
	rn->adapter = a;
	rn->ns = ns;
	tn_random_text(rn->uid, TN_UID_LEN);
	tn_buf_init(&rn->names, 4096);
	tn_buf_init(&rn->pattern, 4096);
	if (write_names(rn, tn_slice_str(a->prefix), tn_ns_name(ns)) &&
	    write_pattern(rn))
		r = ns_subscribe(rn);
	if (r < 0) {
		ns_free(rn);
		return tn_err_set(err, r, "cannot subscribe for a namespace");
	}
	tn_ns_set_adapter_data(ns, rn);
	return 0;
}

static void
close_ns(struct tn_adapter *adapter, struct tn_ns *ns)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);

	(void)adapter;
	tn_ns_set_adapter_data(ns, NULL);
	if (rn != NULL)
		ns_free(rn);
}

/* ---- life -----------------------------------------------------------------*/

static const struct tn_adapter_ops redis_ops = {
	.open = open_ns,
	.close = close_ns,
	.publish = publish,
};

struct tn_adapter *
tn_redis_adapter_new(struct tn_link *link, struct tn_log *log,
    const char *prefix, struct tn_err *err)
{
	struct redis_adapter *a;
	struct tn_slice text =
	    tn_slice_str(prefix == NULL ? "socket.io" : prefix);

	a = calloc(1, sizeof(*a) + text.len + 1);
	if (a == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for an adapter");
		return NULL;
	}
	a->base.ops = &redis_ops;
	a->refs = 1;
	a->link = link;
	a->log = log;
	memcpy(a->prefix, text.ptr, text.len);
	return &a->base;
}

void
tn_redis_adapter_free(struct tn_adapter **adapter)
{
	struct tn_adapter *base = *adapter;

	*adapter = NULL;
	if (base != NULL)
		adapter_unref(TN_CONTAINER(base, struct redis_adapter, base));
}

const struct tn_redis_adapter_counts *
tn_redis_adapter_counts(const struct tn_adapter *adapter)
{
	return &TN_CONTAINER(adapter, const struct redis_adapter,
	    base)->counts;
}
