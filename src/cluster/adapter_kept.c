/* Events that are kept in a stream, in the bytes of the plain form. */
#include "config.h"

#include "base/arena.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"

void
tn_plain_write_kept(struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, struct tn_buf *body)
{
	tn_adapter_write_broadcast(body, tn_slice_str(rn->uid),
	    tn_ns_name(rn->ns), packet);
}

bool
tn_plain_read_kept(struct redis_ns *rn, struct tn_slice payload,
    struct tn_arena *arena, struct tn_buf *json,
    struct tn_broadcast_packet *out)
{
	struct tn_adapter_message m;
	bool good = tn_adapter_read(payload, arena, &m, NULL) == 0 &&
	    m.request_type == 0 && tn_slice_eq(m.nsp, tn_ns_name(rn->ns));

	*out = m.packet;
	*json = m.json;		/* which holds out->data */
	return good;
}
