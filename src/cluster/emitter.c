#include "config.h"

#include "cluster/emitter.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"
#include "io/sio_packet.h"
#include "redis/link.h"
#include "redis/redis.h"

/* Who an emitter is, whichever: nodes only compare it with themselves. */
#define UID	"emitter"

/* ---- names ----------------------------------------------------------------*/

static void
write_nsp(struct tn_buf *out, const struct tn_emitter *e)
{
	if (e->nsp == NULL || e->nsp[0] != '/')
		tn_buf_char(out, '/');
	if (e->nsp != NULL)
		tn_buf_str(out, e->nsp);
}

/* PREFIX PART #NSP# */
static void
write_channel(struct tn_buf *out, const struct tn_emitter *e,
    const char *part)
{
	tn_buf_str(out, e->prefix != NULL ? e->prefix : "socket.io");
	tn_buf_str(out, part);
	tn_buf_char(out, '#');
	write_nsp(out, e);
	tn_buf_char(out, '#');
}

/* One room may have a channel of its own. */
static void
write_room(struct tn_buf *out, const struct tn_emitter *e,
    const struct tn_broadcast_packet *p)
{
	if (p->nrooms != 1 || (e->is_sharded &&
	    !tn_sharded_has_channel(e->mode, p->rooms[0])))
		return;
	tn_buf_slice(out, p->rooms[0]);
	tn_buf_char(out, '#');
}

static struct tn_broadcast_packet
packet_of(const struct tn_emitter_to *to)
{
	struct tn_broadcast_packet p = { .nrooms = 0 };

	if (to == NULL)
		return p;
	p.rooms = to->rooms;
	p.nrooms = to->nrooms;
	p.except = to->except;
	p.nexcept = to->nexcept;
	p.is_volatile = to->is_volatile;
	p.is_plain = to->is_plain;
	return p;
}

/* ---- publishing -----------------------------------------------------------*/

static int
publish(const struct tn_emitter *e, struct tn_slice channel,
    struct tn_slice payload, struct tn_err *err)
{
	const struct tn_slice argv[] = {
		tn_publish_word(e->is_sharded), channel, payload,
	};
	struct tn_reply *reply = NULL;
	int r;

	if (e->link != NULL) {
		r = tn_link_call(e->link, argv, 3, NULL, NULL);
		return r == 0 ? 0 :
		    tn_err_set(err, r, "the link takes no more");
	}
	r = tn_redis_call(e->redis, argv, 3, &reply, err);
	tn_reply_free(&reply);
	return r;
}

/* All three are freed. */
static int
send_all(const struct tn_emitter *e, struct tn_buf *channel,
    struct tn_buf *nsp, struct tn_buf *body, struct tn_err *err)
{
	struct tn_slice name, payload;
	int r = tn_buf_finish(nsp, &name, err);

	if (r == 0)
		r = tn_buf_finish(channel, &name, err);
	if (r == 0)
		r = tn_buf_finish(body, &payload, err);
	if (r == 0)
		r = publish(e, name, payload, err);
	tn_buf_fini(channel);
	tn_buf_fini(nsp);
	tn_buf_fini(body);
	return r;
}

/* ---- what is sent ---------------------------------------------------------*/

/* ["name",args], which is one JSON array and nothing behind it. */
static int
write_data(struct tn_buf *out, struct tn_slice name, struct tn_slice args,
    struct tn_slice *data, struct tn_err *err)
{
	int r;

	tn_buf_init(out, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_char(out, '[');
	tn_json_write_string(out, name);
	if (args.len > 0)
		tn_buf_char(out, ',');
	tn_buf_slice(out, args);
	tn_buf_char(out, ']');
	r = tn_buf_finish(out, data, err);
	return r < 0 ? r : tn_json_scan(*data, NULL, err);
}

static int
send_packet(const struct tn_emitter *e, const struct tn_broadcast_packet *p,
    struct tn_err *err)
{
	struct tn_buf channel, body, nsp;

	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&nsp, TN_LIMIT_CLUSTER_MESSAGE);
	write_nsp(&nsp, e);
	write_channel(&channel, e, "");
	write_room(&channel, e, p);
	if (e->is_sharded)
		tn_sharded_write(&body, &(struct tn_sharded_packed){
			.uid = TN_SLICE(UID), .nsp = tn_buf_view(&nsp),
			.packet = p,
		    });
	else
		tn_adapter_write_broadcast(&body, TN_SLICE(UID),
		    tn_buf_view(&nsp), p);
	return send_all(e, &channel, &nsp, &body, err);
}

int
tn_emitter_emit(const struct tn_emitter *e, const struct tn_emitter_to *to,
    struct tn_slice name, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers, struct tn_err *err)
{
	struct tn_broadcast_packet p = packet_of(to);
	struct tn_buf data;
	int r = write_data(&data, name, args, &p.data, err);

	p.buffers = buffers;
	p.nbuffers = nbuffers;
	if (r == 0)
		r = tn_sio_check_event(p.data, nbuffers, err);
	if (r == 0)
		r = send_packet(e, &p, err);
	tn_buf_fini(&data);
	return r;
}

static int
send_request(const struct tn_emitter *e, struct tn_cluster_request q,
    struct tn_err *err)
{
	struct tn_buf channel, body, nsp;

	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&nsp, TN_LIMIT_CLUSTER_MESSAGE);
	write_nsp(&nsp, e);
	write_channel(&channel, e, e->is_sharded ? "" : "-request");
	q.is_sharded = e->is_sharded;
	q.uid = TN_SLICE(UID);
	q.nsp = tn_buf_view(&nsp);
	tn_write_request(&body, &q);
	return send_all(e, &channel, &nsp, &body, err);
}

int
tn_emitter_join(const struct tn_emitter *e, const struct tn_emitter_to *to,
    struct tn_slice room, struct tn_err *err)
{
	const struct tn_broadcast_packet who = packet_of(to);

	return send_request(e, (struct tn_cluster_request){
	    .type = TN_REQUEST_JOIN, .who = &who, .rooms = &room,
	    .nrooms = 1 }, err);
}

int
tn_emitter_leave(const struct tn_emitter *e, const struct tn_emitter_to *to,
    struct tn_slice room, struct tn_err *err)
{
	const struct tn_broadcast_packet who = packet_of(to);

	return send_request(e, (struct tn_cluster_request){
	    .type = TN_REQUEST_LEAVE, .who = &who, .rooms = &room,
	    .nrooms = 1 }, err);
}

int
tn_emitter_disconnect(const struct tn_emitter *e,
    const struct tn_emitter_to *to, bool close, struct tn_err *err)
{
	const struct tn_broadcast_packet who = packet_of(to);

	return send_request(e, (struct tn_cluster_request){
	    .type = TN_REQUEST_DISCONNECT, .who = &who, .close = close }, err);
}

int
tn_emitter_server_emit(const struct tn_emitter *e, struct tn_slice name,
    struct tn_slice args, struct tn_err *err)
{
	struct tn_cluster_request q = { .type = TN_REQUEST_EVENT };
	struct tn_buf data;
	int r = write_data(&data, name, args, &q.event, err);

	if (r == 0)
		r = send_request(e, q, err);
	tn_buf_fini(&data);
	return r;
}
