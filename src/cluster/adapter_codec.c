/* The writing half of adapter_codec.h: from JSON text to MessagePack. */
#include "config.h"

#include "cluster/adapter_codec.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/msgpack.h"

static void
pack_key(struct tn_buf *out, const char *key)
{
	tn_mp_put_text(out, tn_slice_str(key));
}

/* ---- messages -------------------------------------------------------------*/

static void
pack_rooms(struct tn_buf *out, const char *key, const struct tn_slice *rooms,
    size_t n)
{
	pack_key(out, key);
	tn_mp_put_array(out, n);
	for (size_t i = 0; i < n; i++)
		tn_mp_put_text(out, rooms[i]);
}

static void
pack_packet(struct tn_buf *out,
    const struct tn_broadcast_packet *p, struct tn_slice nsp)
{
	tn_mp_put_map(out, nsp.ptr != NULL ? 3 : 2);
	pack_key(out, "type");
	tn_mp_put_uint(out, 2);
	pack_key(out, "data");
	tn_msgpack_write(out, p->data, p->buffers, p->nbuffers);
	if (nsp.ptr == NULL)
		return;
	pack_key(out, "nsp");
	tn_mp_put_text(out, nsp);
}

static void
pack_opts(struct tn_buf *out, const struct tn_broadcast_packet *p,
    int timeout_ms)
{
	tn_mp_put_map(out, 3);
	pack_rooms(out, "rooms", p->rooms, p->nrooms);
	pack_rooms(out, "except", p->except, p->nexcept);
	pack_key(out, "flags");
	tn_mp_put_map(out, (size_t)p->is_volatile + (size_t)p->is_plain +
	    (timeout_ms > 0 ? 1 : 0));
	if (p->is_volatile) {
		pack_key(out, "volatile");
		tn_mp_put_bool(out, true);
	}
	if (p->is_plain) {
		pack_key(out, "compress");
		tn_mp_put_bool(out, false);
	}
	if (timeout_ms > 0) {
		pack_key(out, "timeout");
		tn_mp_put_uint(out, (uint64_t)timeout_ms);
	}
}

struct tn_slice
tn_publish_word(bool is_sharded)
{
	return is_sharded ? TN_SLICE("SPUBLISH") : TN_SLICE("PUBLISH");
}

void
tn_adapter_write_broadcast(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice nsp, const struct tn_broadcast_packet *p)
{
	tn_mp_put_array(out, 3);
	tn_mp_put_text(out, uid);
	pack_packet(out, p, nsp);
	pack_opts(out, p, 0);
}

void
tn_adapter_write_ack_request(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice request_id, struct tn_slice nsp,
    const struct tn_broadcast_packet *packet, int timeout_ms)
{
	tn_mp_put_map(out, 5);
	pack_key(out, "uid");
	tn_mp_put_text(out, uid);
	pack_key(out, "requestId");
	tn_mp_put_text(out, request_id);
	pack_key(out, "type");
	tn_mp_put_uint(out, 7);
	pack_key(out, "packet");
	pack_packet(out, packet, nsp);
	pack_key(out, "opts");
	pack_opts(out, packet, timeout_ms);
}

void
tn_sharded_write_end(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice nsp)
{
	pack_key(out, "uid");
	tn_mp_put_text(out, uid);
	pack_key(out, "nsp");
	tn_mp_put_text(out, nsp);
}

static void
begin_sharded(struct tn_buf *out, int type, size_t members)
{
	tn_mp_put_map(out, 4);
	pack_key(out, "type");
	tn_mp_put_uint(out, type);
	pack_key(out, "data");
	tn_mp_put_map(out, members);
}

void
tn_sharded_write_broadcast(struct tn_buf *out,
    const struct tn_sharded_packed *m)
{
	begin_sharded(out, 3, m->request_id.ptr == NULL ? 2 : 3);
	pack_key(out, "packet");
	pack_packet(out, m->packet, TN_SLICE_NONE);
	if (m->request_id.ptr != NULL) {
		pack_key(out, "requestId");
		tn_mp_put_text(out, m->request_id);
	}
	pack_key(out, "opts");
	pack_opts(out, m->packet, m->timeout_ms);
	tn_sharded_write_end(out, m->uid, m->nsp);
}

void
tn_sharded_write_ack(struct tn_buf *out, const struct tn_sharded_packed *m)
{
	begin_sharded(out, 12, 2);
	pack_key(out, "requestId");
	tn_mp_put_text(out, m->request_id);
	pack_key(out, "packet");
	if (m->value.len == 0)
		tn_mp_put_nil(out);
	else
		tn_msgpack_write(out, m->value, m->buffers, m->nbuffers);
	tn_sharded_write_end(out, m->uid, m->nsp);
}

void
tn_adapter_write_ack(struct tn_buf *out, struct tn_slice request_id,
    struct tn_slice value, const struct tn_slice *buffers, size_t nbuffers)
{
	tn_mp_put_map(out, 3);
	pack_key(out, "type");
	tn_mp_put_uint(out, 9);
	pack_key(out, "requestId");
	tn_mp_put_text(out, request_id);
	pack_key(out, "packet");
	if (value.len == 0)
		tn_mp_put_nil(out);
	else
		tn_msgpack_write(out, value, buffers, nbuffers);
}
