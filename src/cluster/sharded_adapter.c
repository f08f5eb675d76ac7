/*
 * The sharded form. One set of channels a namespace (P is the prefix):
 *
 *     P#NSP#		all nodes; who subscribes to it is counted
 *     P#NSP#UID#	answers, and they alone, to the adapter of this uid
 *     P#NSP#ROOM#	broadcasts to this one room
 *
 * A node subscribes to the channel of a room while a socket of its own stands
 * in it, so what is for a room costs a node without it nothing. In dynamic
 * mode, rooms of 20 characters, as sockets' ids are, go to all nodes.
 */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "cluster/adapter_inner.h"
#include "cluster/stream.h"
#include "redis/link.h"

#define ID_CHARS	20	/* of a socket's id, which is a room too */

/* ---- publishing -----------------------------------------------------------*/

/* As JavaScript counts: what is beyond U+FFFF is two. */
static size_t
characters(struct tn_slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		n += (c & 0xc0) != 0x80;
		n += c >= 0xf0;
	}
	return n;
}

bool
tn_sharded_has_channel(enum tn_subscription_mode mode, struct tn_slice room)
{
	switch (mode) {
	case TN_SUBSCRIBE_DYNAMIC:
		return characters(room) != ID_CHARS;
	case TN_SUBSCRIBE_DYNAMIC_PRIVATE:
		return true;
	case TN_SUBSCRIBE_STATIC:
		break;
	}
	return false;
}

static int
publish(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct tn_slice channel = rn->broadcast;
	struct tn_buf name, body;
	int r;

	(void)adapter;
	tn_buf_init(&name, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	rn->adapter->form->write_broadcast(&body, rn, packet, NULL, 0);
	if (packet->nrooms == 1 &&
	    tn_sharded_has_channel(rn->adapter->mode, packet->rooms[0])) {
		tn_sharded_write_channel(&name, rn, packet->rooms[0]);
		channel = tn_buf_view(&name);
	}
	if (name.failed != 0)
		body.failed = name.failed;
	r = tn_redis_ns_publish_buf(rn, channel, &body);
	tn_buf_fini(&name);
	return r;
}

/* ---- receiving ------------------------------------------------------------*/

static void
on_message(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	struct redis_ns *rn = arg;
	struct tn_stream_mark mark;

	(void)channel;
	if (tn_sharded_is_kept(payload, &mark)) {
		rn->adapter->counts.received++;
		tn_stream_receive(rn, &(struct tn_stream_came){
			.payload = payload, .mark = mark, .is_here = true,
			.is_own = tn_sharded_is_own_kept(rn, payload),
		    });
		return;
	}
	/* the own end tells what is our own, and need not be read */
	if (!tn_slice_ends(payload, tn_buf_view(&rn->pattern)))
		tn_sharded_request(rn, payload);
}

static void
on_response(struct tn_slice channel, struct tn_slice payload, void *arg)
{
	(void)channel;
	tn_sharded_response(arg, payload);
}

/* ---- rooms ----------------------------------------------------------------*/

static void
subscribe_room(struct tn_ns *ns, struct tn_slice room, bool on)
{
	struct redis_ns *rn = tn_ns_adapter_data(ns);
	struct tn_buf channel;

	if (rn == NULL || tn_slice_is(room, rn->uid))
		return;
	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	tn_sharded_write_channel(&channel, rn, room);
	if (channel.failed != 0 || (on && tn_link_ssubscribe(
	    rn->adapter->link, tn_buf_view(&channel), on_message, rn) < 0))
		rn->adapter->counts.unpublished++;
	if (!on)
		tn_link_sunsubscribe(rn->adapter->link,
		    tn_buf_view(&channel));
	tn_buf_fini(&channel);
}

static void
room_opened(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice room)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode !=
	    TN_SUBSCRIBE_STATIC)
		subscribe_room(ns, room, true);
}

static void
room_closed(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice room)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode !=
	    TN_SUBSCRIBE_STATIC)
		subscribe_room(ns, room, false);
}

static void
socket_opened(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice id)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode ==
	    TN_SUBSCRIBE_DYNAMIC_PRIVATE)
		subscribe_room(ns, id, true);
}

static void
socket_closed(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice id)
{
	if (TN_CONTAINER(adapter, struct redis_adapter, base)->mode ==
	    TN_SUBSCRIBE_DYNAMIC_PRIVATE)
		subscribe_room(ns, id, false);
}

/* ---- namespaces -----------------------------------------------------------*/

static bool
write_names(struct redis_ns *rn)
{
	size_t len;

	tn_buf_printf(&rn->names, "%s#", rn->adapter->prefix);
	tn_buf_slice(&rn->names, tn_ns_name(rn->ns));
	tn_buf_char(&rn->names, '#');
	len = rn->names.len;
	tn_buf_printf(&rn->names, "%s#", rn->adapter->prefix);
	tn_buf_slice(&rn->names, tn_ns_name(rn->ns));
	tn_buf_printf(&rn->names, "#%s#", rn->uid);
	tn_sharded_write_json_end(&rn->pattern, tn_slice_str(rn->uid),
	    tn_ns_name(rn->ns));
	rn->broadcast = tn_slice(rn->names.ptr, len);
	rn->own_response = tn_slice(rn->names.ptr + len, rn->names.len - len);
	return rn->names.failed == 0 && rn->pattern.failed == 0;
}

static void
ns_close(struct redis_ns *rn)
{
	if (rn->nsubscribed > 1)
		tn_link_sunsubscribe(rn->adapter->link, rn->own_response);
	if (rn->nsubscribed > 0)
		tn_link_sunsubscribe(rn->adapter->link, rn->broadcast);
	tn_redis_ns_close(rn);
}

static int
open_ns(struct tn_adapter *adapter, struct tn_ns *ns, struct tn_err *err)
{
	struct redis_ns *rn = tn_redis_ns_new(adapter, ns);
	int r = TN_E_NOMEM;

	if (rn == NULL)
		return tn_err_set(err, r, "no memory for a namespace");
	if (write_names(rn))
		r = tn_link_ssubscribe(rn->adapter->link, rn->broadcast,
		    on_message, rn);
	rn->nsubscribed += r == 0;
	if (r == 0)
		r = tn_link_ssubscribe(rn->adapter->link, rn->own_response,
		    on_response, rn);
	rn->nsubscribed += r == 0;
	if (r == 0)
		r = tn_stream_open(rn);
	if (r < 0) {
		ns_close(rn);
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
		ns_close(rn);
}

#define SHARDED_OPS							\
	.open = open_ns,						\
	.close = close_ns,						\
	.publish = publish,						\
	.room_opened = room_opened,					\
	.room_closed = room_closed,					\
	.socket_opened = socket_opened,					\
	.socket_closed = socket_closed,					\
	TN_ASK_OPS

static const struct tn_adapter_ops sharded_ops = { SHARDED_OPS };
static const struct tn_adapter_ops sharded_keeping_ops = { SHARDED_OPS,
	TN_STREAM_OPS };

struct tn_adapter *
tn_sharded_adapter_new(const struct tn_redis_adapter_options *options,
    struct tn_err *err)
{
	return tn_redis_adapter_make(options->recovery_events > 0 ?
	    &sharded_keeping_ops : &sharded_ops, &tn_sharded_form, options, err);
}
