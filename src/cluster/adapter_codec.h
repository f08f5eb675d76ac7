/*
 * The messages of @socket.io/redis-adapter: JSON text and buffers on our
 * side, MessagePack as notepack writes it on the wire.
 */
#ifndef TN_ADAPTER_CODEC_H
#define TN_ADAPTER_CODEC_H

#include "base/buf.h"
#include "io/adapter.h"

struct tn_arena;
struct tn_err;

/* A broadcast, or a request for one with acks, as it came. */
struct tn_adapter_message {
	struct tn_slice uid;		/* of the sender */
	struct tn_slice request_id;	/* ptr NULL: none */
	int64_t request_type;		/* 7; 0: it is a broadcast */
	struct tn_slice nsp;
	struct tn_broadcast_packet packet;
	int timeout_ms;			/* flags.timeout; 0: none */
	struct tn_buf json;		/* holds packet.data */
	bool has_mark;			/* tn_stream_mark_read finds it */
};

/* The command that publishes: on channels of a shard, or on plain ones. */
struct tn_slice tn_publish_word(bool is_sharded);

/* Append a broadcast: [uid,{type,data,nsp},{rooms,except,flags}]. */
void tn_adapter_write_broadcast(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice nsp, const struct tn_broadcast_packet *packet);

/* Append one client's answer: {type:9,requestId,packet}; value may be empty. */
void tn_adapter_write_ack(struct tn_buf *out, struct tn_slice request_id,
    struct tn_slice value, const struct tn_slice *buffers, size_t nbuffers);

/*
 * Append a request of type 7, for a broadcast whose receivers answer:
 * {uid,requestId,type,packet,opts}.
 */
void tn_adapter_write_ack_request(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice request_id, struct tn_slice nsp,
    const struct tn_broadcast_packet *packet, int timeout_ms);

/* What a message of the sharded form carries when it holds bytes. */
struct tn_sharded_packed {
	struct tn_slice uid, nsp;
	struct tn_slice request_id;	/* ptr NULL: none */
	const struct tn_broadcast_packet *packet;	/* type 3 */
	int timeout_ms;
	struct tn_slice value;		/* type 12, with buffers */
	const struct tn_slice *buffers;
	size_t nbuffers;
};

/* Append {type:3,data:{packet,[requestId,]opts},uid,nsp}. */
void tn_sharded_write_broadcast(struct tn_buf *out,
    const struct tn_sharded_packed *m);
/* Append what both of these end in: the members uid and nsp. */
void tn_sharded_write_end(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice nsp);
/* Append {type:12,data:{requestId,packet},uid,nsp}. */
void tn_sharded_write_ack(struct tn_buf *out,
    const struct tn_sharded_packed *m);

/*
 * Read a broadcast, or a request of type 7 (a map in place of the array).
 *
 * in     borrowed as long as out is used; anything at all may stand in it
 * arena  for rooms and buffers
 * out    to be given to tn_adapter_message_fini whatever is returned;
 *        packet.data has passed tn_json_scan
 *
 * Takes what older nodes send: no except, no flags, packet type 5, dates
 * and undefined in their own extension.
 * Returns 0; TN_E_SYNTAX, TN_E_LIMIT, TN_E_NOMEM.
 */
int tn_adapter_read(struct tn_slice in, struct tn_arena *arena,
    struct tn_adapter_message *out, struct tn_err *err);
void tn_adapter_message_fini(struct tn_adapter_message *message);

#endif
