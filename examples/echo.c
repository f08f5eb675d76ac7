/*
 * A Socket.IO server that says back what it hears, on "/" and "/custom":
 *
 *	echo --port 3000 --cors-origin '*'
 *
 * On connection it emits "auth" with what the client sent as auth; "message"
 * is answered with "message-back", "message-with-ack" with its ack.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "host/host_io.h"

static void
on_message(struct tn_socket *socket, const struct tn_event *event, void *arg)
{
	(void)arg;
	tn_socket_emit_binary(socket, "message-back", event->args,
	    event->buffers, event->nbuffers);
}

static void
on_message_with_ack(struct tn_socket *socket, const struct tn_event *event,
    void *arg)
{
	(void)socket;
	(void)arg;
	tn_event_ack_binary(event, event->args, event->buffers,
	    event->nbuffers);
}

static void
on_connection(struct tn_socket *socket, void *arg)
{
	(void)arg;
	tn_socket_emit(socket, "auth", tn_socket_auth(socket));
	tn_socket_on(socket, "message", on_message, NULL);
	tn_socket_on(socket, "message-with-ack", on_message_with_ack, NULL);
}

static int
run(const char *port, const struct tn_io_options *options, struct tn_log *log,
    struct tn_err *err)
{
	char listen[64];
	const struct tn_host_io_options host_options = { .listen = listen };
	struct tn_host_io *host = NULL;
	struct tn_io *io = NULL;

	snprintf(listen, sizeof(listen), "127.0.0.1:%s", port);
	if (tn_random_start(err) == 0)
		host = tn_host_io_new(&host_options, log, err);
	if (host != NULL)
		io = tn_io_new(options, &tn_host_io_loop(host)->wheel, log,
		    err);
	if (io != NULL) {
		tn_ns_on_connection(tn_io_of(io, "/"), on_connection, NULL);
		tn_ns_on_connection(tn_io_of(io, "/custom"), on_connection,
		    NULL);
		tn_host_run_io(host, io, err);
	}
	tn_io_free(&io);
	tn_host_io_free(&host);
	return err->code;
}

static const struct option options_known[] = {
	{ "port",		required_argument, NULL, 'p' },
	{ "ping-interval",	required_argument, NULL, 'i' },	/* ms */
	{ "ping-timeout",	required_argument, NULL, 't' },	/* ms */
	{ "max-payload",	required_argument, NULL, 'm' },	/* bytes */
	{ "connect-timeout",	required_argument, NULL, 'c' },	/* ms */
	{ "cors-origin",	required_argument, NULL, 'o' },
	{ "recovery",		required_argument, NULL, 'r' },	/* ms */
	{ "msgpack",		no_argument,	   NULL, 'k' },
	{ "allow-eio3",		no_argument,	   NULL, '3' },
	{ "compress",		no_argument,	   NULL, 'z' },
	{ NULL,			0,		   NULL, 0 },
};

int
main(int argc, char **argv)
{
	const char *port = "3000", *origin = NULL;
	struct tn_io_options options = { .engine.origins = &origin };
	struct tn_err err = { 0 };
	struct tn_log log;
	int c;

	while ((c = getopt_long(argc, argv, "", options_known, NULL)) != -1) {
		switch (c) {
		case 'p': port = optarg; break;
		case 'i': options.engine.ping_interval_ms = atoi(optarg); break;
		case 't': options.engine.ping_timeout_ms = atoi(optarg); break;
		case 'm': options.engine.max_payload = strtoul(optarg, NULL, 10); break;
		case 'c': options.connect_timeout_ms = atoi(optarg); break;
		case 'o': origin = optarg; break;
		case 'k': options.msgpack = true; break;
		case '3': options.engine.allow_eio3 = true; break;
		case 'z': options.engine.per_message_deflate = options.engine.http_compression = true; break;
		case 'r': options.recovery_window_ms = atoi(optarg); break;
		default: return EXIT_FAILURE;
		}
	}
	options.engine.norigins = origin != NULL ? 1 : 0;
	if (tn_log_open(&log, "echo", TN_LOG_STDERR, NULL, TN_LOG_INFO,
	    &err) < 0 || run(port, &options, &log, &err) < 0) {
		fprintf(stderr, "echo: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
