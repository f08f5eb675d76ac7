#include "config.h"

#include "cluster/relay.h"

#include "base/limits.h"
#include "cluster/adapter_codec.h"
#include "redis/keys.h"

/* As @socket.io/redis-emitter calls itself: no node has this uid. */
#define UID	TN_SLICE("emitter")

enum { CHANNEL_BYTES = 1024, KEY_BYTES = 2048 };

void
tn_relay_init(struct tn_relay *r)
{
	tn_buf_init(&r->channel, CHANNEL_BYTES);
	tn_buf_init(&r->payload, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&r->stream, KEY_BYTES);
	tn_buf_init(&r->last, KEY_BYTES);
	r->events = 0;
}

void
tn_relay_fini(struct tn_relay *r)
{
	tn_buf_fini(&r->channel);
	tn_buf_fini(&r->payload);
	tn_buf_fini(&r->stream);
	tn_buf_fini(&r->last);
}

int
tn_relay_write(struct tn_relay *r, struct tn_slice prefix,
    struct tn_slice nsp, const struct tn_broadcast_packet *packet, int events)
{
	const struct tn_buf *const all[] = { &r->channel, &r->payload,
	    &r->stream, &r->last };

	tn_buf_slice(&r->channel, prefix);
	tn_buf_char(&r->channel, '#');
	tn_buf_slice(&r->channel, nsp);
	tn_buf_char(&r->channel, '#');
	if (events > 0) {
		tn_key_stream(&r->stream, tn_buf_view(&r->channel));
		tn_key_stream_last(&r->last, tn_buf_view(&r->channel));
	}
	tn_buf_slice(&r->channel, packet->rooms[0]);
	tn_buf_char(&r->channel, '#');
	tn_adapter_write_broadcast(&r->payload, UID, nsp, packet);
	r->events = events;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (all[i]->failed != 0)
			return all[i]->failed;
	}
	return 0;
}

bool
tn_relay_split(struct tn_slice payload, struct tn_slice *before,
    struct tn_slice *after)
{
	static const char mark[] = TN_RELAY_HEAD TN_RELAY_BYTES;
	const size_t len = sizeof(mark) - 1;
	const char *at = payload.len == 0 ? NULL :
	    memmem(payload.ptr, payload.len, mark, len);
	size_t head;

	if (at == NULL)
		return false;
	head = (size_t)(at - payload.ptr);
	*before = tn_slice_first(payload, head + 1);
	*after = tn_slice_after(payload, head + len);
	return true;
}
