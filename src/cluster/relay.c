#include "config.h"

#include "cluster/relay.h"

#include "cluster/adapter_codec.h"

/* As @socket.io/redis-emitter calls itself: no node has this uid. */
#define UID	TN_SLICE("emitter")

void
tn_relay_write(struct tn_slice prefix, struct tn_slice nsp,
    const struct tn_broadcast_packet *packet, struct tn_buf *channel,
    struct tn_buf *payload)
{
	tn_buf_slice(channel, prefix);
	tn_buf_char(channel, '#');
	tn_buf_slice(channel, nsp);
	tn_buf_char(channel, '#');
	tn_buf_slice(channel, packet->rooms[0]);
	tn_buf_char(channel, '#');
	tn_adapter_write_broadcast(payload, UID, nsp, packet);
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
