/* The engine as a whole: its options, its requests, its turns. */
#include "config.h"

#include "io/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "io/engine_conn.h"
#include "io/ws_frame.h"

#define REQUEST_SCRATCH	32768	/* bytes: a decoded query string */
#define PRESET_PATH	"/socket.io/"

enum {
	PRESET_INTERVAL_MS = 25000,
	PRESET_TIMEOUT_MS = 20000,
	PRESET_UPGRADE_MS = 10000,
	PRESET_PAYLOAD = 1000000,
	PRESET_QUEUE = 1 << 20,
	PRESET_THRESHOLD = 1024,
	KEPT_BYTES = 65536,	/* of scratch that outlives its turn */
};

static const char *const reason_texts[] = {
#define REASON_TEXT(name, text) [TN_CLOSE_##name] = text,
	TN_CLOSE_REASONS(REASON_TEXT)
#undef REASON_TEXT
};

static const char *const standing_texts[STANDING_PACKETS] = {
	[STANDING_PING] = "2",
	[STANDING_PONG] = "3",
	[STANDING_PROBE] = "3probe",
};

const char *
tn_close_reason_text(enum tn_close_reason reason)
{
	return reason_texts[reason];
}

static void
set_preset(int *value, int preset)
{
	if (*value <= 0)
		*value = preset;
}

static struct tn_engine_options
with_presets(struct tn_engine_options o)
{
	if (o.path == NULL)
		o.path = PRESET_PATH;
	if (o.cookie != NULL && o.cookie[0] == '\0')
		o.cookie = NULL;
	set_preset(&o.ping_interval_ms, PRESET_INTERVAL_MS);
	set_preset(&o.ping_timeout_ms, PRESET_TIMEOUT_MS);
	set_preset(&o.upgrade_timeout_ms, PRESET_UPGRADE_MS);
	if (o.max_payload == 0)
		o.max_payload = PRESET_PAYLOAD;
	if (o.max_queue == 0)
		o.max_queue = PRESET_QUEUE;
	if (o.per_message_deflate_threshold == 0)
		o.per_message_deflate_threshold = PRESET_THRESHOLD;
	if (o.http_compression_threshold == 0)
		o.http_compression_threshold = PRESET_THRESHOLD;
	return o;
}

static int
make_standing(struct tn_engine *engine)
{
	for (int i = 0; i < STANDING_PACKETS; i++) {
		struct tn_rcbuf *rc = tn_rcbuf_new(
		    tn_slice_str(standing_texts[i]), TN_SLICE_NONE);

		if (rc == NULL)
			return TN_E_NOMEM;
		tn_ws_frame_head(rc);
		engine->standing[i] = rc;
	}
	return 0;
}

/* The path with one '/' at its end, or none if the options say so. */
static int
make_path(struct tn_engine *engine)
{
	struct tn_engine_options *o = &engine->options;
	const size_t len = strlen(o->path);
	const size_t bare = len - (len > 0 && o->path[len - 1] == '/');

	engine->path = malloc(bare + 2);
	if (engine->path == NULL)
		return TN_E_NOMEM;
	snprintf(engine->path, bare + 2, "%.*s%s", (int)bare, o->path,
	    o->no_trailing_slash ? "" : "/");
	o->path = engine->path;
	return 0;
}

/* What is made of the options once. */
static int
make_parts(struct tn_engine *engine, struct tn_err *err)
{
	const struct tn_engine_options *o = &engine->options;

	if (o->cookie != NULL &&
	    !tn_slice_is_token(tn_slice_str(o->cookie)))
		return tn_err_set(err, TN_E_CONFIG, "no name for a cookie");
	if (o->initial_packet != NULL)
		engine->initial = tn_message_new(
		    tn_slice_str(o->initial_packet), TN_SLICE_NONE, false);
	if (make_path(engine) < 0 || make_standing(engine) < 0 ||
	    tn_engine_pack_start(engine) < 0 ||
	    (o->initial_packet != NULL && engine->initial == NULL))
		return tn_err_set(err, TN_E_NOMEM, "engine");
	return 0;
}

struct tn_engine *
tn_engine_new(const struct tn_engine_options *options,
    const struct tn_engine_hooks *hooks, struct tn_wheel *wheel,
    struct tn_log *log, struct tn_err *err)
{
	struct tn_engine *engine = calloc(1, sizeof(*engine));

	if (engine == NULL) {
		tn_err_set(err, TN_E_NOMEM, "engine");
		return NULL;
	}
	engine->options = with_presets(*options);
	engine->hooks = *hooks;
	engine->wheel = wheel;
	engine->log = log;
	tn_map_init_borrowing(&engine->conns);
	tn_list_init(&engine->dirty);
	tn_list_init(&engine->ended);
	tn_arena_init(&engine->scratch, REQUEST_SCRATCH);
	/* base64 makes four of three, and each packet may need a separator */
	tn_buf_init(&engine->payload, engine->options.max_queue * 2);
	tn_buf_init(&engine->decoded, engine->options.max_payload);
	if (make_parts(engine, err) < 0)
		tn_engine_free(&engine);
	return engine;
}

void
tn_engine_free(struct tn_engine **engine)
{
	struct tn_engine *old = *engine;

	*engine = NULL;
	if (old == NULL)
		return;
	tn_engine_close_all(old, TN_CLOSE_SHUTTING_DOWN);
	tn_engine_flush(old);
	for (int i = 0; i < STANDING_PACKETS; i++)
		tn_rcbuf_unref(&old->standing[i]);
	tn_rcbuf_unref(&old->initial);
	free(old->path);
	tn_map_fini(&old->conns);
	tn_arena_fini(&old->scratch);
	tn_buf_fini(&old->payload);
	tn_buf_fini(&old->decoded);
	tn_engine_pack_stop(old);
	free(old);
}

bool
tn_engine_owns(const struct tn_engine *engine, struct tn_slice target)
{
	return tn_slice_starts(target, tn_slice_str(engine->options.path));
}

static void
reply_fault(struct tn_io_exchange *x, enum eio_fault fault)
{
	char body[128];
	int len;

	if (fault == EIO_FAULT_BUSY) {
		tn_io_exchange_reply(x, 503, NULL, TN_SLICE_NONE);
		return;
	}
	len = snprintf(body, sizeof(body), "{\"code\":%d,\"message\":\"%s\"}",
	    (int)fault, tn_eio_fault_text(fault));
	tn_io_exchange_reply(x, tn_eio_fault_status(fault), "application/json",
	    tn_slice(body, (size_t)len));
}

static void
open_session(struct tn_engine *engine, const struct tn_io_request *request,
    const struct eio_asked *asked, struct tn_io_exchange *x)
{
	const struct tn_engine_options *o = &engine->options;
	struct tn_conn *c = tn_conn_new(engine, asked, NULL);

	if (c == NULL) {
		tn_io_exchange_reply(x, 503, NULL, TN_SLICE_NONE);
		return;
	}
	x->conn = c;
	x->sets_cookie = o->cookie != NULL;
	x->is_secure = request->secure;
	c->polling->poll = x;
	tn_conn_touch(c);
	tn_conn_open(c, request);
}

enum tn_engine_verdict
tn_engine_request(struct tn_engine *engine,
    const struct tn_io_request *request, struct tn_io_exchange *x)
{
	struct eio_asked asked;
	struct tn_conn *c;
	enum eio_fault fault;

	x->conn = NULL;
	x->too_large = x->sets_cookie = false;
	x->coding = tn_engine_coding(engine, request);
	x->origin = tn_engine_cors_origin(engine, request);
	x->varies = tn_engine_has_cors(engine) &&
	    (x->origin == NULL || strcmp(x->origin, "*") != 0);
	tn_buf_init(&x->body, engine->options.max_payload);
	if (tn_engine_has_cors(engine) && tn_slice_is(request->method, "OPTIONS")) {
		tn_io_exchange_preflight(x, request);
		return TN_ENGINE_REPLY;
	}
	fault = tn_engine_check(engine, request, &c, &asked);
	if (fault == EIO_FINE && c != NULL)
		return tn_conn_request(c, request, x);
	if (fault == EIO_FINE)
		open_session(engine, request, &asked, x);
	else
		reply_fault(x, fault);
	return TN_ENGINE_REPLY;
}

static void
free_ended(struct tn_engine *engine)
{
	while (!tn_list_empty(&engine->ended)) {
		struct tn_conn *c = TN_CONTAINER(engine->ended.next,
		    struct tn_conn, link);

		tn_list_remove(&c->link);
		engine->hooks.on_close(c, c->reason, engine->hooks.arg);
		tn_conn_free(c);
	}
}

/* A long message must not hold its memory for ever. */
static void
release_scratch(struct tn_buf *b)
{
	if (b->cap > KEPT_BYTES)
		tn_buf_fini(b);
}

static void
answer_polls(struct tn_engine *engine)
{
	while (!tn_list_empty(&engine->dirty)) {
		struct tn_conn *c = TN_CONTAINER(engine->dirty.next,
		    struct tn_conn, link);

		tn_list_remove(&c->link);
		tn_conn_poll_flush(c);
	}
}

void
tn_engine_flush(struct tn_engine *engine)
{
	do {
		free_ended(engine);	/* which may send to others */
		answer_polls(engine);	/* which may end some */
	} while (!tn_list_empty(&engine->ended));
	release_scratch(&engine->payload);
	release_scratch(&engine->decoded);
	release_scratch(&engine->packed);
	release_scratch(&engine->unpacked);
}

void
tn_engine_close_all(struct tn_engine *engine, enum tn_close_reason reason)
{
	const struct tn_map_entry *entry;
	size_t at = 0;

	engine->stopping = true;
	while ((entry = tn_map_next(&engine->conns, &at)) != NULL) {
		struct tn_conn *c = entry->value;

		tn_conn_poll_flush(c);
		tn_conn_end(c, reason);
	}
}

size_t
tn_engine_max_payload(const struct tn_engine *engine)
{
	return engine->options.max_payload;
}

size_t
tn_engine_len(const struct tn_engine *engine)
{
	return engine->conns.len;
}

const struct tn_engine_counts *
tn_engine_counts(const struct tn_engine *engine)
{
	return &engine->counts;
}
