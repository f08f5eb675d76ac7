/*
 * An Engine.IO server without Socket.IO: sends each message back.
 *
 *	engine_echo unix:/tmp/echo.sock
 *	engine_echo 127.0.0.1:3000
 *
 * It shows what the host and the engine need of a program, and serves as the
 * other end of tests. For chat-like programs use src/io/io.h instead.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "host/host_io.h"

static void
send_back(struct tn_conn *c, struct tn_slice bytes, bool binary)
{
	struct tn_rcbuf *message = tn_message_new(bytes, TN_SLICE_NONE,
	    binary);

	if (message != NULL)
		tn_conn_send(c, message);
	tn_rcbuf_unref(&message);
}

static void
on_open(struct tn_conn *c, const struct tn_io_request *request, void *log)
{
	(void)c;
	tn_log_event(log, TN_LOG_DEBUG, "echo.open",
	    TN_F_SLICE("address", request->address));
}

static void
on_text(struct tn_conn *c, struct tn_slice text, void *log)
{
	(void)log;
	if (tn_slice_is(text, "please close"))
		tn_conn_close(c, TN_CLOSE_FORCED_CLOSE);
	else
		send_back(c, text, false);
}

static void
on_binary(struct tn_conn *c, struct tn_slice bytes, void *log)
{
	(void)log;
	send_back(c, bytes, true);
}

static void
on_close(struct tn_conn *c, enum tn_close_reason reason, void *log)
{
	(void)c;
	tn_log_event(log, TN_LOG_DEBUG, "echo.close",
	    TN_F_STR("reason", tn_close_reason_text(reason)));
}

/* A number from the environment, for tests that cannot wait; 0: the preset. */
static int
setting(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? 0 : atoi(text);
}

static int
run(const char *listen, struct tn_log *log, struct tn_err *err)
{
	const struct tn_host_io_options host_options = {
		.listen = listen,
		.client_dir = getenv("ECHO_CLIENT_DIR"),
	};
	const struct tn_engine_options options = {
		.path = getenv("ECHO_PATH"),
		.ping_interval_ms = setting("ECHO_PING_INTERVAL_MS"),
		.ping_timeout_ms = setting("ECHO_PING_TIMEOUT_MS"),
	};
	const struct tn_engine_hooks hooks = {
		on_open, on_text, on_binary, on_close, log
	};
	struct tn_host_io *host = NULL;
	struct tn_engine *engine = NULL;

	if (tn_random_start(err) < 0)
		return err->code;
	host = tn_host_io_new(&host_options, log, err);
	if (host != NULL)
		engine = tn_engine_new(&options, &hooks,
		    &tn_host_io_loop(host)->wheel, log, err);
	if (engine != NULL)
		tn_host_run_engine(host, engine, err);
	tn_engine_free(&engine);
	tn_host_io_free(&host);
	return err->code;
}

int
main(int argc, char **argv)
{
	struct tn_err err = { 0 };
	struct tn_log log;

	if (argc != 2) {
		fprintf(stderr, "usage: engine_echo unix:PATH | HOST:PORT\n");
		return EXIT_FAILURE;
	}
	if (tn_log_open(&log, "engine_echo", TN_LOG_STDERR, NULL,
	    getenv("ECHO_DEBUG") != NULL ? TN_LOG_DEBUG : TN_LOG_INFO,
	    &err) < 0 || run(argv[1], &log, &err) < 0) {
		fprintf(stderr, "engine_echo: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
