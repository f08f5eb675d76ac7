/*
 * A Socket.IO server among others on one Redis, ours or Node's: each event of
 * a client is one call of the server's own API, answered with what came of it.
 *
 *	cluster_node LISTEN REDIS_SOCKET NAME [plain|sharded [MODE]]
 *
 * A target is {"rooms":[...],"except":[...],"volatile":true,"local":true};
 * tests/interop/calls.mjs has the same server for Node, and calls both.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "cluster/redis_adapter.h"
#include "cluster/registry.h"
#include "host/host_io.h"
#include "redis/link.h"

#define ANSWER_MAX	1048576

static const char *own_name;

/* ---- reading --------------------------------------------------------------*/

static struct tn_slice
arg_of(const struct tn_event *event, size_t i)
{
	struct tn_slice value;

	return tn_event_arg(event, i, &value) ? value : TN_SLICE("null");
}

static struct tn_slice
text_of(const struct tn_event *event, size_t i, struct tn_arena *arena)
{
	struct tn_slice text;

	return tn_json_string(arg_of(event, i), arena, &text, NULL) == 0 ?
	    text : TN_SLICE("");
}

static bool
is_true(struct tn_slice object, const char *name)
{
	struct tn_slice value;

	return tn_json_get(object, name, &value) &&
	    tn_json_type(value) == TN_JSON_TRUE;
}

/* The first argument. */
static struct tn_target
target_of(const struct tn_event *event, struct tn_arena *arena)
{
	struct tn_target t = tn_all(event->ns);
	struct tn_slice json = arg_of(event, 0), list, raw, room;

	if (tn_json_get(json, "rooms", &list)) {
		while (tn_json_element(&list, &raw))
			if (tn_json_string(raw, arena, &room, NULL) == 0)
				t = tn_also(t, room);
	}
	if (tn_json_get(json, "except", &list)) {
		while (tn_json_element(&list, &raw))
			if (tn_json_string(raw, arena, &room, NULL) == 0)
				t = tn_except(t, room);
	}
	if (is_true(json, "volatile"))
		t = tn_volatile(t);
	return is_true(json, "local") ? tn_local(t) : t;
}

/* ---- answering ------------------------------------------------------------*/

static void
answer(const struct tn_event *event, int r)
{
	if (r < 0)
		tn_event_refuse(event, tn_err_name(r));
	else
		tn_event_ack(event, TN_SLICE("true"));
}

static void
answer_later(struct tn_event_ref *ref, struct tn_buf *out)
{
	struct tn_slice text;

	if (tn_buf_finish(out, &text, NULL) == 0)
		tn_event_ref_ack(ref, text);
	else
		tn_event_ref_refuse(ref, "too much to tell");
	tn_buf_fini(out);
}

/* {"error":null,"answers":[...]}; bytes are told by their number. */
static void
on_answers(const struct tn_answer *answers, size_t n,
    const struct tn_err *err, void *arg)
{
	struct tn_buf out;

	tn_buf_init(&out, ANSWER_MAX);
	tn_buf_str(&out, "{\"error\":");
	if (err == NULL)
		tn_buf_str(&out, "null");
	else
		tn_json_write_string(&out, tn_slice_str(err->text));
	tn_buf_str(&out, ",\"answers\":[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			tn_buf_char(&out, ',');
		if (answers[i].nbuffers > 0)
			tn_buf_printf(&out, "{\"bytes\":%zu}",
			    answers[i].buffers[0].len);
		else if (answers[i].value.len > 0)
			tn_buf_slice(&out, answers[i].value);
		else
			tn_buf_str(&out, "null");
	}
	tn_buf_str(&out, "]}");
	answer_later(arg, &out);
}

static void
on_sockets(const struct tn_remote_socket *sockets, size_t n,
    const struct tn_err *err, void *arg)
{
	struct tn_buf out;

	if (err != NULL) {
		tn_event_ref_refuse(arg, err->text);
		return;
	}
	tn_buf_init(&out, ANSWER_MAX);
	tn_buf_char(&out, '[');
	for (size_t i = 0; i < n; i++) {
		tn_buf_str(&out, i > 0 ? ",{\"id\":" : "{\"id\":");
		tn_json_write_string(&out, sockets[i].id);
		tn_buf_str(&out, ",\"rooms\":");
		tn_buf_slice(&out, sockets[i].rooms);
		tn_buf_str(&out, ",\"handshake\":");
		tn_buf_slice(&out, sockets[i].handshake);
		tn_buf_str(&out, ",\"data\":");
		tn_buf_slice(&out, sockets[i].data);
		tn_buf_char(&out, '}');
	}
	tn_buf_char(&out, ']');
	answer_later(arg, &out);
}

/* ---- the calls ------------------------------------------------------------*/

/* For a call that needs what the arguments say decoded. */
typedef int call_fn(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena);

static int
call_enter(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena)
{
	return tn_socket_join(socket, text_of(event, 0, arena));
}

/* emit TARGET EVENT VALUE */
static int
call_emit(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena)
{
	(void)socket;
	return tn_emit_binary(target_of(event, arena),
	    tn_arena_str(arena, text_of(event, 1, arena)), arg_of(event, 2),
	    event->buffers, event->nbuffers);
}

/* broadcast EVENT VALUE: to all but the sender */
static int
call_broadcast(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena)
{
	return tn_emit(tn_broadcast(socket),
	    tn_arena_str(arena, text_of(event, 0, arena)), arg_of(event, 1));
}

static int
call_join(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena)
{
	(void)socket;
	return tn_sockets_join(target_of(event, arena),
	    text_of(event, 1, arena));
}

static int
call_leave(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena)
{
	(void)socket;
	return tn_sockets_leave(target_of(event, arena),
	    text_of(event, 1, arena));
}

/* kick TARGET CLOSE */
static int
call_kick(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena)
{
	(void)socket;
	return tn_sockets_disconnect(target_of(event, arena),
	    tn_json_type(arg_of(event, 1)) == TN_JSON_TRUE);
}

/* tell EVENT VALUE: the other servers */
static int
call_tell(struct tn_socket *socket, const struct tn_event *event,
    struct tn_arena *arena)
{
	(void)socket;
	return tn_server_emit(event->ns,
	    tn_arena_str(arena, text_of(event, 0, arena)), arg_of(event, 1));
}

static void
on_call(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	static const struct { const char *name; call_fn *fn; } calls[] = {
		{ "enter", call_enter }, { "emit", call_emit },
		{ "broadcast", call_broadcast }, { "join", call_join },
		{ "leave", call_leave }, { "kick", call_kick },
		{ "tell", call_tell },
	};
	struct tn_arena arena;

	(void)arg;
	tn_arena_init(&arena, ANSWER_MAX);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (tn_slice_is(event->name, calls[i].name))
			answer(event, calls[i].fn(socket, event, &arena));
	}
	tn_arena_fini(&arena);
}

/* What is answered later: the ref is given to who answers, or refused. */

static void
on_fetch(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct tn_event_ref *ref = tn_event_hold(event);
	struct tn_arena arena;
	int r;

	(void)socket;
	(void)arg;
	tn_arena_init(&arena, ANSWER_MAX);
	r = tn_sockets_fetch(target_of(event, &arena), on_sockets, ref);
	if (r < 0)
		tn_event_ref_refuse(ref, tn_err_name(r));
	tn_arena_fini(&arena);
}

/* ask TARGET EVENT VALUE TIMEOUT: all clients of a target */
static void
on_ask(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct tn_event_ref *ref = tn_event_hold(event);
	struct tn_arena arena;
	int64_t ms = 0;
	int r;

	(void)socket;
	(void)arg;
	tn_arena_init(&arena, ANSWER_MAX);
	tn_json_i64(arg_of(event, 3), &ms);
	r = tn_emit_ack(target_of(event, &arena),
	    tn_arena_str(&arena, text_of(event, 1, &arena)), arg_of(event, 2),
	    (int)ms, on_answers, ref);
	if (r < 0)
		tn_event_ref_refuse(ref, tn_err_name(r));
	tn_arena_fini(&arena);
}

/* consult EVENT VALUE: the other servers, for an answer */
static void
on_consult(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	struct tn_event_ref *ref = tn_event_hold(event);
	struct tn_arena arena;
	int r;

	(void)socket;
	(void)arg;
	tn_arena_init(&arena, ANSWER_MAX);
	r = tn_server_emit_ack(event->ns,
	    tn_arena_str(&arena, text_of(event, 0, &arena)),
	    arg_of(event, 1), on_answers, ref);
	if (r < 0)
		tn_event_ref_refuse(ref, tn_err_name(r));
	tn_arena_fini(&arena);
}

/* ---- other servers --------------------------------------------------------*/

/* hello VALUE: shown to the local clients, answered with who this is. */
static void
on_hello(const struct tn_server_event *event, void *arg)
{
	struct tn_buf out;

	(void)arg;
	tn_emit(tn_local(tn_all(event->ns)), "heard", event->args);
	tn_buf_init(&out, ANSWER_MAX);
	tn_buf_str(&out, "{\"from\":");
	tn_json_write_string(&out, tn_slice_str(own_name));
	tn_buf_str(&out, ",\"value\":");
	tn_buf_slice(&out, event->args);
	tn_buf_char(&out, '}');
	if (out.failed == 0)
		tn_server_event_answer(event, tn_buf_view(&out));
	tn_buf_fini(&out);
}

static void
on_connection(struct tn_socket *socket, void *arg)
{
	static const char *const calls[] = { "enter", "emit", "broadcast",
		"join", "leave", "kick", "tell" };
	struct tn_buf data;

	(void)arg;
	tn_buf_init(&data, 1024);
	tn_buf_str(&data, "{\"node\":");
	tn_json_write_string(&data, tn_slice_str(own_name));
	tn_buf_char(&data, '}');
	tn_socket_set_data_json(socket, tn_buf_view(&data));
	tn_buf_fini(&data);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		tn_socket_on(socket, calls[i], on_call, NULL);
	tn_socket_on(socket, "fetch", on_fetch, NULL);
	tn_socket_on(socket, "ask", on_ask, NULL);
	tn_socket_on(socket, "consult", on_consult, NULL);
}

static struct tn_ns *
open_ns(struct tn_io *io, const char *name)
{
	struct tn_ns *ns = tn_io_of(io, name);

	if (ns != NULL) {
		tn_ns_on_connection(ns, on_connection, NULL);
		tn_ns_on_server_event(ns, "hello", on_hello, NULL);
	}
	return ns;
}

/* ---- the program ----------------------------------------------------------*/

struct node {
	struct tn_redis_options redis;	/* the link borrows them */
	struct tn_host_io *host;
	struct tn_link *link;
	struct tn_registry *registry;
	struct tn_adapter *adapter;
	struct tn_io *io;
};

static enum tn_subscription_mode
mode_of(const char *name)
{
	if (name != NULL && strcmp(name, "dynamic-private") == 0)
		return TN_SUBSCRIBE_DYNAMIC_PRIVATE;
	return name != NULL && strcmp(name, "static") == 0 ?
	    TN_SUBSCRIBE_STATIC : TN_SUBSCRIBE_DYNAMIC;
}

static int
run(struct node *n, char **argv, struct tn_log *log, struct tn_err *err)
{
	const struct tn_host_io_options host_options = { .listen = argv[1] };
	const struct tn_io_options io_options = {
		.engine = { .worker = own_name },
	};
	struct tn_redis_adapter_options adapter = {
		.log = log, .requests_timeout_ms = 3000,
		.is_sharded = argv[4] != NULL &&
		    strcmp(argv[4], "sharded") == 0,
		.mode = mode_of(argv[4] == NULL ? NULL : argv[5]),
	};

	n->redis = (struct tn_redis_options){
		.path = argv[2], .user = getenv("REDIS_USER"),
		.password = getenv("REDIS_PASSWORD"),
	};
	if ((n->host = tn_host_io_new(&host_options, log, err)) == NULL ||
	    (n->link = tn_link_new(tn_host_io_loop(n->host), log, &n->redis,
	    NULL, err)) == NULL ||
	    (n->registry = tn_registry_new(tn_host_io_loop(n->host), n->link,
	    log, own_name, 1500, err)) == NULL)
		return err->code;
	adapter.link = n->link;
	adapter.registry = n->registry;
	if ((n->adapter = tn_redis_adapter_new(&adapter, err)) == NULL ||
	    (n->io = tn_io_new(&io_options, &tn_host_io_loop(n->host)->wheel,
	    log, err)) == NULL)
		return err->code;
	tn_io_set_adapter(n->io, n->adapter);
	if (open_ns(n->io, "/") == NULL || open_ns(n->io, "/other") == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory");
	return tn_host_run_io(n->host, n->io, err);
}

static void
node_fini(struct node *n)
{
	tn_io_free(&n->io);
	tn_redis_adapter_free(&n->adapter);
	tn_registry_free(&n->registry);
	if (n->host != NULL)
		tn_loop_run_deferred(tn_host_io_loop(n->host));
	tn_link_free(&n->link);
	tn_host_io_free(&n->host);
}

int
main(int argc, char **argv)
{
	struct tn_err err = { 0 };
	struct node node = { .host = NULL };
	struct tn_log log;
	int r;

	if (argc < 4 || argc > 6) {
		fprintf(stderr, "usage: cluster_node LISTEN REDIS_SOCKET NAME "
		    "[plain|sharded [MODE]]\n");
		return EXIT_FAILURE;
	}
	own_name = argv[3];
	r = tn_random_start(&err);
	if (r == 0)
		r = tn_log_open(&log, own_name, TN_LOG_STDERR, NULL,
		    TN_LOG_INFO, &err);
	if (r == 0)
		r = run(&node, argv, &log, &err);
	node_fini(&node);
	if (r < 0)
		fprintf(stderr, "cluster_node: %s\n", err.text);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
