/*
 * What the files of the Redis adapters know of each other. Two forms share
 * all but their bytes and channels: redis_adapter.c and sharded_adapter.c.
 */
#ifndef TN_ADAPTER_INNER_H
#define TN_ADAPTER_INNER_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/wheel.h"
#include "cluster/redis_adapter.h"

#define TN_UID_MAX	16	/* the longest of a namespace's adapter */
#define TN_REQUEST_ID	16	/* characters of what we ask by */

struct redis_ns;
struct stream;
struct tn_stream_mark;
struct tn_arena;

/* Who wants an answer, and by which number: both as they were sent. */
struct asker {
	struct tn_slice uid, id;	/* ptr NULL: not given */
};

/* How a form writes what the other nodes are asked and answered. */
struct redis_form {
	size_t uid_len;
	const char *uid_letters;	/* 64 or 16 of them */
	bool is_sharded;
	/* The channel that only the adapter of this uid listens on. */
	void (*write_private)(struct tn_buf *out, const struct redis_ns *rn,
	    struct tn_slice uid);
	/* The channel whose subscribers are the nodes: there they are asked. */
	struct tn_slice (*counted)(const struct redis_ns *rn);
	/* A broadcast; id NULL: its receivers are not to answer. */
	void (*write_broadcast)(struct tn_buf *out,
	    const struct redis_ns *rn, const struct tn_broadcast_packet *packet,
	    const char *id, int timeout_ms);
	void (*answer_clients)(struct redis_ns *rn, const struct asker *to,
	    int n);
	void (*answer_ack)(struct redis_ns *rn, const struct asker *to,
	    struct tn_slice value, const struct tn_slice *buffers,
	    size_t nbuffers);
	void (*answer_server_event)(struct redis_ns *rn,
	    const struct asker *to, struct tn_slice value);
	/*
	 * Events that are kept. Written without the mark, which the script
	 * puts behind this and the bytes of before_mark, when it has counted
	 * one more in the first byte; and read with it or without.
	 * json is to be given to tn_buf_fini whatever is returned.
	 */
	void (*write_kept)(struct redis_ns *rn,
	    const struct tn_broadcast_packet *packet, struct tn_buf *body);
	const char *before_mark;
	void (*write_kept_channel)(struct tn_buf *out,
	    const struct redis_ns *rn,
	    const struct tn_broadcast_packet *packet);
	/* json holds out->data. Returns false for what is no event of rn. */
	bool (*read_kept)(struct redis_ns *rn, struct tn_slice payload,
	    struct tn_arena *arena, struct tn_buf *json,
	    struct tn_broadcast_packet *out);
};

struct redis_adapter {
	struct tn_adapter base;
	const struct redis_form *form;
	struct tn_redis_adapter_counts counts;
	size_t refs;		/* the owner's, and one for each namespace */
	struct tn_link *link;
	struct tn_log *log;
	struct tn_registry *registry;	/* NULL: none */
	struct tn_map nodes;	/* of the registry, seen alive */
	struct tn_timer tick;	/* looks at them */
	int requests_ms;
	enum tn_subscription_mode mode;
	bool private_answers;
	int recovery_events;
	struct tn_list streams;	/* of its namespaces */
	char prefix[];
};

struct redis_ns {
	struct redis_adapter *adapter;
	struct tn_ns *ns;
	size_t refs;		/* the namespace's, and each call under way */
	bool is_closed;
	struct tn_list asks;	/* oldest first */
	struct tn_buf names;	/* holds the four below */
	struct tn_slice broadcast, request, response, own_response;
	struct tn_buf pattern;
	struct stream *stream;	/* NULL: nobody can come back */
	unsigned nsubscribed;	/* of the pattern and three channels */
	char uid[TN_UID_MAX + 1];
};

/* ---- adapter_core.c: life, publishing, counting ---------------------------*/

struct tn_adapter *tn_redis_adapter_make(const struct tn_adapter_ops *ops,
    const struct redis_form *form,
    const struct tn_redis_adapter_options *options, struct tn_err *err);

/* out gets form->uid_len characters and a NUL. */
void tn_redis_uid(const struct redis_form *form, struct tn_slice node,
    struct tn_slice nsp, char *out);

/* With uid and no channels yet; NULL: no memory. */
struct redis_ns *tn_redis_ns_new(struct tn_adapter *adapter,
    struct tn_ns *ns);
/* The namespace goes: nothing is published any more, nobody is told. */
void tn_redis_ns_close(struct redis_ns *rn);
void tn_redis_ns_unref(struct redis_ns *rn);

/* Returns 0, or why the link did not take it, counted. */
int tn_redis_ns_publish(struct redis_ns *rn, struct tn_slice channel,
    struct tn_slice payload);
/* The same for what was written, which is freed; a failure in it is told. */
int tn_redis_ns_publish_buf(struct redis_ns *rn, struct tn_slice channel,
    struct tn_buf *body);

/* Something came that is not what it should be. */
void tn_redis_ns_malformed(struct redis_ns *rn, const char *what,
    const char *why);

/* ---- adapter_asks.c: what this node asks of the others --------------------*/

/* What an answer may be to. */
enum ask_kind { ASK_FETCH, ASK_SERVER_EVENT, ASK_CLIENTS };

/* What of tn_adapter_ops is here. */
#define TN_ASK_OPS							\
	.publish_ack = tn_ask_acks,					\
	.join = tn_ask_join,						\
	.leave = tn_ask_leave,						\
	.disconnect = tn_ask_disconnect,				\
	.fetch = tn_ask_fetch,						\
	.server_event = tn_ask_event

int tn_ask_acks(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet, int timeout_ms,
    uint64_t gather);
int tn_ask_join(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms);
int tn_ask_leave(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, const struct tn_slice *rooms,
    size_t nrooms);
int tn_ask_disconnect(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, bool close);
int tn_ask_fetch(struct tn_adapter *adapter, struct tn_ns *ns,
    const struct tn_broadcast_packet *who, uint64_t gather);
int tn_ask_event(struct tn_adapter *adapter, struct tn_ns *ns,
    struct tn_slice data, uint64_t gather);

/* Something came for it: ignored, if nobody waits for that. */
void tn_ask_answer(struct redis_ns *rn, enum ask_kind kind,
    struct tn_slice id, struct tn_slice value,
    const struct tn_slice *buffers, size_t nbuffers);
void tn_ask_clients(struct redis_ns *rn, struct tn_slice id, size_t clients);
/* Is this one of ours (so that the request itself, coming back, is too)? */
bool tn_ask_knows(const struct redis_ns *rn, struct tn_slice id);
void tn_asks_drop(struct redis_ns *rn);

/* ---- sharded_adapter.c, sharded_messages.c --------------------------------*/

struct tn_adapter *tn_sharded_adapter_new(
    const struct tn_redis_adapter_options *options, struct tn_err *err);

/* Has this room, alone in a packet, a channel of its own? */
bool tn_sharded_has_channel(enum tn_subscription_mode mode,
    struct tn_slice room);

/* The channel of a room, or of the adapter with a uid. */
void tn_sharded_write_channel(struct tn_buf *out, const struct redis_ns *rn,
    struct tn_slice name);

/* What came on the channels; payload is anything at all. */
void tn_sharded_request(struct redis_ns *rn, struct tn_slice payload);
void tn_sharded_response(struct redis_ns *rn, struct tn_slice payload);

extern const struct redis_form tn_sharded_form;

/* ---- adapter_acts.c: what other nodes ask of this one ---------------------*/

void tn_act_join(struct redis_ns *rn, const struct tn_broadcast_packet *who,
    const struct tn_slice *rooms, size_t nrooms);
void tn_act_leave(struct redis_ns *rn, const struct tn_broadcast_packet *who,
    const struct tn_slice *rooms, size_t nrooms);
void tn_act_disconnect(struct redis_ns *rn,
    const struct tn_broadcast_packet *who, bool close);
/* Append an array of the sockets, or of their ids. */
void tn_act_write_sockets(struct redis_ns *rn,
    const struct tn_broadcast_packet *who, bool only_ids,
    struct tn_buf *out);
/* Deliver, and answer for each client through the form. */
void tn_act_ask_clients(struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, int timeout_ms,
    const struct asker *to);
/* to NULL: no answer is wanted. */
void tn_act_server_event(struct redis_ns *rn, struct tn_slice data,
    const struct asker *to);

/* ---- adapter_json.c: JSON, both forms' and an emitter's -------------------*/

/* What other nodes are asked for, broadcasts apart. */
struct tn_cluster_request {
	enum tn_request_type {
		TN_REQUEST_JOIN, TN_REQUEST_LEAVE, TN_REQUEST_DISCONNECT,
		TN_REQUEST_FETCH, TN_REQUEST_EVENT,
	} type;
	const struct tn_broadcast_packet *who;	/* of all but an event */
	const struct tn_slice *rooms;		/* to join or to leave */
	size_t nrooms;
	bool close;				/* to disconnect */
	struct tn_slice event;			/* ["name",arg...] */
	/* who asks: in which form, and by which id (NULL: for no answer) */
	bool is_sharded;
	struct tn_slice uid, nsp;
	const char *id;
};
void tn_write_request(struct tn_buf *out, const struct tn_cluster_request *q);

struct tn_sharded_packed;
/* Append a broadcast of the sharded form: as JSON, if it holds no bytes. */
void tn_sharded_write(struct tn_buf *out, const struct tn_sharded_packed *m);
/* Append what all JSON of the sharded form ends in, from data's brace on. */
void tn_sharded_write_json_end(struct tn_buf *out, struct tn_slice uid,
    struct tn_slice nsp);

/*
 * What came, JSON or MessagePack, as JSON that tn_json_scan has passed in
 * out->data, with its buffers. text, which may hold it, is to be given to
 * tn_buf_fini whatever is returned.
 */
int tn_read_json(struct tn_slice payload, struct tn_arena *arena,
    struct tn_buf *text, struct tn_broadcast_packet *out, struct tn_err *err);

void tn_write_rooms(struct tn_buf *out, const char *name,
    const struct tn_slice *rooms, size_t n);
/* {"rooms":[],"except":[] and, with flags, "flags":{...}} */
void tn_write_opts(struct tn_buf *out, const struct tn_broadcast_packet *who,
    bool with_flags, int timeout_ms);
/* A member that is text, decoded; ptr NULL if it is none. */
struct tn_slice tn_read_text(struct tn_slice object, const char *name,
    struct tn_arena *arena);
/* An array of rooms; one that is not there is an empty one. */
bool tn_read_rooms(struct tn_slice object, const char *name,
    struct tn_arena *arena, const struct tn_slice **out, size_t *n);
/* rooms, except and flags of an object. */
bool tn_read_opts(struct tn_slice opts, struct tn_arena *arena,
    struct tn_broadcast_packet *out, int *timeout_ms);

/* ---- adapter_requests.c: requests and responses of the plain form ---------*/

/* payload is anything at all. */
void tn_redis_ns_request(struct redis_ns *rn, struct tn_slice payload);
void tn_redis_ns_response(struct redis_ns *rn, struct tn_slice payload);

extern const struct redis_form tn_plain_form;

/* ---- adapter_kept.c -------------------------------------------------------*/

void tn_plain_write_kept(struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, struct tn_buf *body);
bool tn_plain_read_kept(struct redis_ns *rn, struct tn_slice payload,
    struct tn_arena *arena, struct tn_buf *json,
    struct tn_broadcast_packet *out);

#define TN_SHARDED_BROADCAST	3		/* its type, a number */
#define TN_SHARDED_BEFORE_MARK	"\xa6tandem"	/* the mark's name in a map */

void tn_sharded_write_kept(struct redis_ns *rn,
    const struct tn_broadcast_packet *packet, struct tn_buf *body);
void tn_sharded_write_kept_channel(struct tn_buf *out,
    const struct redis_ns *rn, const struct tn_broadcast_packet *packet);
bool tn_sharded_read_kept(struct redis_ns *rn, struct tn_slice payload,
    struct tn_arena *arena, struct tn_buf *json,
    struct tn_broadcast_packet *out);
/* Does it bear a mark, and is it this node's? */
bool tn_sharded_is_kept(struct tn_slice payload, struct tn_stream_mark *mark);
bool tn_sharded_is_own_kept(const struct redis_ns *rn,
    struct tn_slice payload);

/* ---- redis_adapter.c ------------------------------------------------------*/

/* Exactly one room has a channel of its own. */
void tn_plain_write_channel(struct tn_buf *out, const struct redis_ns *rn,
    const struct tn_broadcast_packet *packet);

#endif
