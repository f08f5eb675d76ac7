/* The real-time operations, over WebSockets that are no more than a queue. */
#include "config.h"

#include "count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/wheel.h"
#include "cluster/adapter_codec.h"
#include "io/adapter.h"
#include "io/engine.h"
#include "io/io.h"
#include "session/session.h"
#include "session/signature.h"

enum {
	WARM = 16,		/* clients before any is counted */
	OPENED = 200,		/* handshakes */
	ASKED = 1000,		/* acks */
	SAID = 20,		/* messages into it */
	PACKETS = 500,		/* of the adapter */
};

static struct tn_wheel wheel;
static struct tn_io *io;
static struct tn_ns *ns;
static struct tn_wire wires[WARM + OPENED];
static struct tn_signer *signer;
static struct tn_session_options session_options;
static struct tn_buf published;
static struct tn_arena arena;
static unsigned nopen, heard;
static const char *cookie;

#define EVENT	"[\"AddChat\",{\"id\":17,\"message\":\"0123456789 0123456789 " \
	"0123456789 0123456789 0123456789\",\"room\":\"lobby\",\"user\":" \
	"{\"id\":\"ann\",\"displayName\":\"Ann\",\"provider\":\"local\"}," \
	"\"date\":1700000000000}]"

/* The session check of the daemon; its record is at hand. */
static void
let_in(struct tn_socket *socket, struct tn_next *next, void *arg)
{
	struct tn_session session;
	struct tn_arena own;
	struct tn_slice sid;

	(void)arg;
	tn_arena_init(&own, 1 << 16);
	if (tn_session_sid(tn_socket_header(socket, "cookie"),
	    &session_options, &own, &sid, NULL) > 0 &&
	    tn_session_read(&session, &own, sid, TN_SLICE(COUNT_RECORD),
	    NULL) == 0 && tn_session_get_bool(&session, "isAuthenticated"))
		tn_next_ok(next);
	else
		tn_next_refuse(next, "Not Authenticated", TN_SLICE_NONE);
	tn_arena_fini(&own);
}

static void
get_me(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	(void)socket;
	(void)arg;
	tn_event_ack(event, TN_SLICE("{\"id\":\"ann\"}"));
}

static void
enter(struct tn_socket *socket, void *arg)
{
	(void)arg;
	tn_socket_on(socket, "GetMe", get_me, NULL);
	if (tn_socket_join(socket, TN_SLICE("chat:lobby")) < 0)
		count_die("a room cannot be joined");
}

static void
wake(struct tn_wire *w)
{
	(void)w;
}

/* Take what waits for a client, as if it were sent. */
static void
take(struct tn_wire *w)
{
	heard += w->out.len;
	tn_outq_pop(&w->out, w->out.len);
}

static void
open_one(void)
{
	struct tn_pair headers[] = {
		{ TN_SLICE("host"), TN_SLICE("localhost") },
		{ TN_SLICE("user-agent"), TN_SLICE("Mozilla/5.0 (X11; Linux "
		    "x86_64; rv:128.0) Gecko/20100101 Firefox/128.0") },
		{ TN_SLICE("accept-language"), TN_SLICE("en-GB,en;q=0.5") },
		{ TN_SLICE("cookie"), tn_slice_str(cookie) },
	};
	const struct tn_io_request request = {
		.method = TN_SLICE("GET"),
		.target = TN_SLICE("/socket.io/?EIO=4&transport=websocket"),
		.headers = headers, .nheaders = 4,
		.address = TN_SLICE("127.0.0.1"), .is_upgrade = true,
	};
	struct tn_engine *engine = tn_io_engine(io);
	struct tn_wire *w = &wires[nopen++];

	*w = (struct tn_wire){ .wake = wake };
	tn_engine_wire_open(engine, &request, w);
	tn_engine_wire_message(engine, w, false, TN_SLICE("40/chat,"));
	tn_engine_flush(engine);
	take(w);
}

void
count_io_start(void)
{
	static const struct tn_slice secret = TN_SLICE(COUNT_SECRET);

	cookie = count_cookie();
	signer = tn_signer_new(&secret, 1, NULL);
	session_options = (struct tn_session_options){
		.name = TN_SLICE("connect.sid"), .signer = signer,
		.max_age_ms = -1, .ttl_s = 86400, .path = TN_SLICE("/"),
	};
	if (tn_wheel_init(&wheel, 0) < 0 || (io = tn_io_new(
	    &(struct tn_io_options){ 0 }, &wheel, NULL, NULL)) == NULL ||
	    (ns = tn_io_of(io, "/chat")) == NULL ||
	    tn_ns_use(ns, let_in, NULL) < 0 ||
	    tn_ns_on_connection(ns, enter, NULL) < 0)
		count_die("no server");
	tn_arena_init(&arena, 1 << 20);
	tn_buf_init(&published, 1 << 16);
	for (int i = 0; i < WARM; i++)
		open_one();
}

void
count_io_stop(void)
{
	for (unsigned i = 0; i < nopen; i++)
		if (wires[i].conn != NULL)
			tn_engine_wire_gone(tn_io_engine(io), &wires[i], true);
	tn_engine_flush(tn_io_engine(io));
	tn_io_free(&io);
	tn_wheel_fini(&wheel);
	tn_signer_free(&signer);
	tn_buf_fini(&published);
	tn_arena_fini(&arena);
}

/* ---- What is counted ----------------------------------------------------- */

static __attribute__((noinline)) void
op_handshake(void)
{
	for (int i = 0; i < OPENED; i++)
		open_one();
	if (tn_ns_len(ns) != WARM + OPENED)
		count_die("a client was not let in");
}

static __attribute__((noinline)) void
op_ack(void)
{
	unsigned before = heard;

	for (int i = 0; i < ASKED; i++) {
		struct tn_wire *w = &wires[i % WARM];

		tn_engine_wire_message(tn_io_engine(io), w, false,
		    TN_SLICE("42/chat,1[\"GetMe\"]"));
		take(w);
	}
	if (heard - before != ASKED)
		count_die("an ack is missing");
}

static __attribute__((noinline)) void
op_delivery(void)
{
	unsigned before = heard;

	for (int i = 0; i < SAID; i++) {
		tn_emit(tn_in(ns, TN_SLICE("chat:lobby")), "AddChat",
		    tn_slice(EVENT + 11, sizeof(EVENT) - 13));
		for (unsigned k = 0; k < nopen; k++)
			take(&wires[k]);
	}
	if (heard - before != SAID * nopen)
		count_die("a delivery is missing");
}

static struct tn_broadcast_packet
broadcast(void)
{
	static const struct tn_slice room = TN_SLICE("chat:attic");

	return (struct tn_broadcast_packet){
		.data = TN_SLICE(EVENT), .rooms = &room, .nrooms = 1,
	};
}

static __attribute__((noinline)) void
op_publish(void)
{
	const struct tn_broadcast_packet packet = broadcast();

	for (int i = 0; i < PACKETS; i++) {
		tn_buf_reset(&published);
		tn_adapter_write_broadcast(&published, TN_SLICE("node00"),
		    TN_SLICE("/chat"), &packet);
	}
	if (published.len == 0 || published.failed != 0)
		count_die("nothing was published");
}

/* For a room of which nobody is here: reading it is all. */
static __attribute__((noinline)) void
op_receive(void)
{
	struct tn_adapter_message m;
	int status = 0;

	for (int i = 0; i < PACKETS && status >= 0; i++) {
		tn_arena_reset(&arena);
		status = tn_adapter_read(tn_buf_view(&published), &arena, &m,
		    NULL);
		if (status == 0)
			status = tn_ns_deliver(ns, &m.packet);
		tn_adapter_message_fini(&m);
	}
	if (status < 0)
		count_die("a packet was not read");
}

/* The last one: all leave. */
static __attribute__((noinline)) void
op_disconnect(void)
{
	for (unsigned i = WARM; i < nopen; i++)
		tn_engine_wire_gone(tn_io_engine(io), &wires[i], true);
	tn_engine_flush(tn_io_engine(io));
	if (tn_ns_len(ns) != WARM)
		count_die("a client is still there");
}

const struct count_op count_io_ops[] = {
	{ "handshake", op_handshake, OPENED },
	{ "ack", op_ack, ASKED },
	{ "delivery", op_delivery, SAID * (WARM + OPENED) },
	{ "publish", op_publish, PACKETS },
	{ "receive", op_receive, PACKETS },
	{ "disconnect", op_disconnect, OPENED },
	{ .name = NULL },
};
