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
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"
#include "cluster/redis_adapter.h"
#include "cluster/stream.h"
#include "redis/link.h"

#define UID_LEN	6
#define UNMARKED '\x93'	/* an array of three items: a broadcast */
#define MARKED	'\x94'	/* of four: it stands in a stream too */

/* ---- publishing -----------------------------------------------------------*/

/* Exactly one room has a channel of its own. */
void
tn_plain_write_channel(struct tn_buf *out, const struct redis_ns *rn,
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
	struct tn_slice channel;
	struct tn_buf name, body;
	int r;

	(void)adapter;
	tn_buf_init(&name, TN_LIMIT_CLUSTER_MESSAGE);
	tn_plain_write_channel(&name, rn, packet);
	r = tn_buf_finish(&name, &channel, NULL);
	if (r == 0) {
		tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
		rn->adapter->form->write_broadcast(&body, rn, packet, NULL, 0);
		r = tn_redis_ns_publish_buf(rn, channel, &body);
	} else {
		rn->adapter->counts.unpublished++;
	}
	tn_buf_fini(&name);
	return r;
}

/* ---- receiving ------------------------------------------------------------*/

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

/* The first item of an array is the own uid: need not be read. */
static bool
begins_own(const struct redis_ns *rn, struct tn_slice payload)
{
	return payload.len > 2 + UID_LEN && payload.ptr[1] == '\xa6' &&
	    memcmp(payload.ptr + 2, rn->uid, UID_LEN) == 0;
}

/* The other nodes know it from here; kept ones are given to all. */
static bool
is_own(const struct redis_ns *rn, struct tn_slice payload)
{
	return payload.len > 0 && payload.ptr[0] == UNMARKED &&
	    begins_own(rn, payload);
}

static void
on_broadcast(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct redis_ns *rn = arg;
	struct tn_slice room = tn_slice_after(channel, rn->broadcast.len);
	struct tn_stream_mark mark;
	bool is_here, is_marked;

	if (!tn_slice_starts(channel, rn->broadcast) || is_own(rn, payload))
		return;
	is_here = room.len <= 1 ||
	    tn_ns_has_room(rn->ns, tn_slice_first(room, room.len - 1));
	is_marked = payload.len > 0 && payload.ptr[0] == MARKED &&
	    tn_stream_mark_read(payload, &mark);
	rn->adapter->counts.received++;
	if (is_marked)
		tn_stream_receive(rn, &(struct tn_stream_came){
			.payload = payload, .mark = mark,
			.is_own = begins_own(rn, payload), .is_here = is_here,
		    });
	else if (is_here)
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

static void
on_response(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct redis_ns *rn = arg;

	(void)channel;
	rn->adapter->counts.received++;
	tn_redis_ns_response(rn, payload);
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

static int
open_ns(struct tn_adapter *adapter, struct tn_ns *ns, struct tn_err *err)
{
	struct redis_ns *rn = tn_redis_ns_new(adapter, ns);
	int r = TN_E_NOMEM;

	if (rn == NULL)
		return tn_err_set(err, r, "no memory for a namespace");
	if (write_names(rn, tn_slice_str(rn->adapter->prefix),
	    tn_ns_name(ns)) && write_pattern(rn))
		r = ns_subscribe(rn);
	if (r == 0)
		r = tn_stream_open(rn);
	if (r < 0) {
		ns_unsubscribe(rn);
		tn_redis_ns_close(rn);
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
	if (rn == NULL)
		return;
	ns_unsubscribe(rn);
	tn_redis_ns_close(rn);
}

#define PLAIN_OPS							\
	.open = open_ns,						\
	.close = close_ns,						\
	.publish = publish,						\
	TN_ASK_OPS

static const struct tn_adapter_ops plain_ops = { PLAIN_OPS };
static const struct tn_adapter_ops plain_keeping_ops = { PLAIN_OPS,
	TN_STREAM_OPS };

struct tn_adapter *
tn_redis_adapter_new(const struct tn_redis_adapter_options *options,
    struct tn_err *err)
{
	if (options->is_sharded)
		return tn_sharded_adapter_new(options, err);
	return tn_redis_adapter_make(options->recovery_events > 0 ?
	    &plain_keeping_ops : &plain_ops, &tn_plain_form, options, err);
}
