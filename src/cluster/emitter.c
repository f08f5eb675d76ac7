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

/* Of the plain form, and of the sharded one. */
enum command { JOIN, LEAVE, DISCONNECT, SERVER_EVENT };
static const int numbers[][2] = {
	[JOIN] = { 2, 4 }, [LEAVE] = { 3, 5 }, [DISCONNECT] = { 4, 6 },
	[SERVER_EVENT] = { 6, 9 },
};

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

/* Both are freed. */
static int
send_both(const struct tn_emitter *e, struct tn_buf *channel,
    struct tn_buf *body, struct tn_err *err)
{
	struct tn_slice name, payload;
	int r = tn_buf_finish(channel, &name, err);

	if (r == 0)
		r = tn_buf_finish(body, &payload, err);
	if (r == 0)
		r = publish(e, name, payload, err);
	tn_buf_fini(channel);
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

static void
write_sharded(struct tn_buf *body, const struct tn_broadcast_packet *p,
    struct tn_slice nsp)
{
	const struct tn_sharded_packed packed = {
		.uid = TN_SLICE(UID), .nsp = nsp, .packet = p,
	};

	if (p->nbuffers > 0) {
		tn_sharded_write_broadcast(body, &packed);
		return;
	}
	tn_buf_str(body, "{\"type\":3,\"data\":{\"packet\":{\"type\":2,"
	    "\"data\":");
	tn_buf_slice(body, p->data);
	tn_buf_str(body, "},\"opts\":");
	tn_write_opts(body, p, true, 0);
	tn_buf_str(body, "},\"uid\":\"" UID "\",\"nsp\":");
	tn_json_write_string(body, nsp);
	tn_buf_char(body, '}');
}

static int
send_packet(const struct tn_emitter *e, const struct tn_broadcast_packet *p,
    struct tn_err *err)
{
	struct tn_buf channel, body, nsp;
	int r;

	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&nsp, TN_LIMIT_CLUSTER_MESSAGE);
	write_nsp(&nsp, e);
	write_channel(&channel, e, "");
	write_room(&channel, e, p);
	if (nsp.failed != 0)
		body.failed = nsp.failed;
	else if (e->is_sharded)
		write_sharded(&body, p, tn_buf_view(&nsp));
	else
		tn_adapter_write_broadcast(&body, TN_SLICE(UID),
		    tn_buf_view(&nsp), p);
	r = send_both(e, &channel, &body, err);
	tn_buf_fini(&nsp);
	return r;
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

/* The type, and where the command's own members begin. */
static void
begin(struct tn_buf *body, const struct tn_emitter *e, enum command command)
{
	tn_buf_init(body, TN_LIMIT_CLUSTER_MESSAGE);
	if (e->is_sharded)
		tn_buf_printf(body, "{\"type\":%d,\"data\":{",
		    numbers[command][1]);
	else
		tn_buf_printf(body, "{\"uid\":\"" UID "\",\"type\":%d,",
		    numbers[command][0]);
}

static int
finish(const struct tn_emitter *e, struct tn_buf *body, struct tn_err *err)
{
	struct tn_buf channel, nsp;

	tn_buf_init(&nsp, TN_LIMIT_CLUSTER_MESSAGE);
	write_nsp(&nsp, e);
	tn_buf_char(body, '}');
	if (e->is_sharded) {
		tn_buf_str(body, ",\"uid\":\"" UID "\",\"nsp\":");
		tn_json_write_string(body, tn_buf_view(&nsp));
		tn_buf_char(body, '}');
	}
	tn_buf_fini(&nsp);
	tn_buf_init(&channel, TN_LIMIT_CLUSTER_MESSAGE);
	write_channel(&channel, e, e->is_sharded ? "" : "-request");
	return send_both(e, &channel, body, err);
}

static void
write_who(struct tn_buf *body, const struct tn_emitter *e,
    const struct tn_emitter_to *to)
{
	const struct tn_broadcast_packet who = packet_of(to);

	tn_buf_str(body, "\"opts\":");
	tn_write_opts(body, &who, e->is_sharded, 0);
}

static int
steer(const struct tn_emitter *e, enum command command,
    const struct tn_emitter_to *to, struct tn_slice room, struct tn_err *err)
{
	struct tn_buf body;

	begin(&body, e, command);
	write_who(&body, e, to);
	tn_buf_char(&body, ',');
	tn_write_rooms(&body, "rooms", &room, 1);
	return finish(e, &body, err);
}

int
tn_emitter_join(const struct tn_emitter *e, const struct tn_emitter_to *to,
    struct tn_slice room, struct tn_err *err)
{
	return steer(e, JOIN, to, room, err);
}

int
tn_emitter_leave(const struct tn_emitter *e, const struct tn_emitter_to *to,
    struct tn_slice room, struct tn_err *err)
{
	return steer(e, LEAVE, to, room, err);
}

int
tn_emitter_disconnect(const struct tn_emitter *e,
    const struct tn_emitter_to *to, bool close, struct tn_err *err)
{
	struct tn_buf body;

	begin(&body, e, DISCONNECT);
	write_who(&body, e, to);
	tn_buf_printf(&body, ",\"close\":%s", close ? "true" : "false");
	return finish(e, &body, err);
}

int
tn_emitter_server_emit(const struct tn_emitter *e, struct tn_slice name,
    struct tn_slice args, struct tn_err *err)
{
	struct tn_slice json;
	struct tn_buf body, data;
	int r = write_data(&data, name, args, &json, err);

	if (r == 0) {
		begin(&body, e, SERVER_EVENT);
		tn_buf_str(&body, e->is_sharded ? "\"packet\":" : "\"data\":");
		tn_buf_slice(&body, json);
		r = finish(e, &body, err);
	}
	tn_buf_fini(&data);
	return r;
}
