/*
 * A request as the host hands it over: method, target, headers a line each,
 * an empty line, a body; given twice, the second time with a session's sid.
 */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/random.h"
#include "io/engine.h"
#include "io/ws_deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_HEADERS = 16 };

struct asked {
	struct tn_io_exchange x;
	bool answered;
};

static struct tn_conn *last;

static void
on_open(struct tn_conn *c, const struct tn_io_request *request, void *arg)
{
	(void)request;
	(void)arg;
	last = c;
}

static void
on_message(struct tn_conn *c, struct tn_slice bytes, void *arg)
{
	struct tn_rcbuf *rc = tn_message_new(bytes, TN_SLICE_NONE, true);

	(void)arg;
	if (rc != NULL)
		tn_conn_send(c, rc);
	tn_rcbuf_unref(&rc);
}

static void
on_close(struct tn_conn *c, enum tn_close_reason reason, void *arg)
{
	(void)reason;
	(void)arg;
	if (c == last)
		last = NULL;
}

static void
on_reply(struct tn_io_exchange *x, const struct tn_io_reply *reply)
{
	(void)reply;
	TN_CONTAINER(x, struct asked, x)->answered = true;
}

static void
ask(struct tn_engine *engine, const struct tn_io_request *request,
    struct tn_slice body)
{
	struct asked e = { .x.reply = on_reply };
	struct tn_ws_deflate terms;
	struct tn_io_reply reply;

	if (tn_engine_request(engine, request, &e.x) == TN_ENGINE_BODY) {
		tn_engine_body(engine, &e.x, body);
		tn_engine_body_end(engine, &e.x);
	}
	tn_engine_flush(engine);
	if (!e.answered)
		tn_engine_gone(engine, &e.x);
	tn_engine_flush(engine);
	tn_engine_may_upgrade(engine, request, &terms, &reply);
}

static struct tn_io_request
read_request(struct tn_slice *rest, struct tn_pair *headers)
{
	struct tn_io_request request = { .headers = headers };
	struct tn_slice line = tn_slice_cut(rest, '\n');

	request.method = tn_slice_cut(&line, ' ');
	request.target = line.ptr == NULL ? TN_SLICE("/socket.io/") : line;
	while (rest->ptr != NULL && request.nheaders < MAX_HEADERS) {
		struct tn_pair *pair = &headers[request.nheaders];

		line = tn_slice_cut(rest, '\n');
		if (line.len == 0)
			break;
		if (tn_slice_split(line, ':', &pair->name, &pair->value))
			request.nheaders++;
	}
	return request;
}

/* The same request once more, for the session that is there. */
static void
ask_session(struct tn_engine *engine, struct tn_io_request request,
    struct tn_slice body)
{
	char target[2048];
	int n = snprintf(target, sizeof(target), "%.*s&sid=%s",
	    TN_SLICE_ARG(request.target), tn_conn_sid(last));

	if (n > 0 && (size_t)n < sizeof(target)) {
		request.target = tn_slice(target, (size_t)n);
		ask(engine, &request, body);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const origins[] = { "https://a.example" };
	const struct tn_engine_options options = {
		.allow_eio3 = true, .origins = origins,
		.norigins = size > 0 && data[0] % 2 == 0,
		.per_message_deflate = true, .http_compression = true,
		.http_compression_threshold = 1,
	};
	const struct tn_engine_hooks hooks = { on_open, on_message, on_message,
		on_close, NULL };
	struct tn_slice rest = tn_slice((const char *)data, size);
	struct tn_pair headers[MAX_HEADERS];
	struct tn_io_request request;
	struct tn_engine *engine;
	struct tn_wheel wheel;

	tn_random_start(NULL);
	tn_wheel_init(&wheel, 1000000);
	engine = tn_engine_new(&options, &hooks, &wheel, NULL, NULL);
	last = NULL;
	request = read_request(&rest, headers);
	ask(engine, &request, rest);
	if (last == NULL) {	/* one to be asked for: by a handshake */
		struct tn_io_request open = request;

		open.method = TN_SLICE("GET");
		open.nheaders = 0;
		ask(engine, &open, TN_SLICE_NONE);
	}
	if (last != NULL)
		ask_session(engine, request, rest);
	tn_engine_free(&engine);
	tn_wheel_fini(&wheel);
	return 0;
}
