/*
 * An Engine.IO server without Socket.IO: sends each message back, and closes
 * the session that says "please close".
 *
 *	engine_echo --listen 127.0.0.1:3000 --ping-interval 300 --eio3
 *
 * It shows what the host and the engine need of a program, and serves as the
 * other end of tests. For chat-like programs use src/io/io.h instead.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "host/host_io.h"

enum { MAX_ORIGINS = 8 };

struct settings {
	struct tn_host_io_options host;
	struct tn_engine_options engine;
	const char *origins[MAX_ORIGINS];
	enum tn_log_level level;
};

/* ---- What it does -------------------------------------------------------- */

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
	tn_log_event(log, TN_LOG_DEBUG, "echo.open",
	    TN_F_SLICE("address", request->address),
	    TN_F_NUM("protocol", tn_conn_protocol(c)));
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

/* ---- The command line ---------------------------------------------------- */

/* clang-format off */
static const struct option options[] = {
	{ "listen",		required_argument, NULL, 'l' },
	{ "path",		required_argument, NULL, 'p' },
	{ "client-dir",		required_argument, NULL, 'd' },
	{ "ping-interval",	required_argument, NULL, 'i' },
	{ "ping-timeout",	required_argument, NULL, 't' },
	{ "upgrade-timeout",	required_argument, NULL, 'u' },
	{ "max-payload",	required_argument, NULL, 'm' },
	{ "origin",		required_argument, NULL, 'o' },
	{ "transports",		required_argument, NULL, 'T' },
	{ "no-upgrades",	no_argument,	   NULL, 'U' },
	{ "cookie",		required_argument, NULL, 'c' },
	{ "initial-packet",	required_argument, NULL, 'P' },
	{ "no-trailing-slash",	no_argument,	   NULL, 'S' },
	{ "eio3",		no_argument,	   NULL, '3' },
	{ "compress",		no_argument,	   NULL, 'z' },
	{ "debug",		no_argument,	   NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
    "usage: engine_echo [OPTION]...\n"
    "  --listen WHERE        127.0.0.1:3000, unix:/path\n"
    "  --path PATH           /socket.io/\n"
    "  --client-dir FOLDER   serve the browser client from there\n"
    "  --ping-interval MS    25000\n"
    "  --ping-timeout MS     20000\n"
    "  --upgrade-timeout MS  10000\n"
    "  --max-payload BYTES   1000000\n"
    "  --origin ORIGIN       whose pages may connect; again for more; *: all\n"
    "  --transports LIST     polling,websocket\n"
    "  --no-upgrades         from polling to WebSocket\n"
    "  --cookie NAME         set it to the session's id\n"
    "  --initial-packet TEXT send it behind the open packet\n"
    "  --no-trailing-slash   none is added behind the path\n"
    "  --eio3                take clients of Engine.IO 3 too\n"
    "  --compress            messages and polls' answers, if asked to\n"
    "  --debug               log each session\n";
/* clang-format on */

static bool
read_number(const char *text, int *value)
{
	uint64_t n;

	if (!tn_slice_u64(tn_slice_str(text), &n) || n == 0 || n > INT32_MAX)
		return false;
	*value = (int)n;
	return true;
}

static bool
read_transports(const char *text, struct tn_engine_options *o)
{
	struct tn_slice rest = tn_slice_str(text);

	o->no_polling = o->no_websocket = true;
	while (rest.ptr != NULL) {
		struct tn_slice name = tn_slice_cut(&rest, ',');

		if (tn_slice_is(name, "polling"))
			o->no_polling = false;
		else if (tn_slice_is(name, "websocket"))
			o->no_websocket = false;
		else
			return false;
	}
	return true;
}

static bool
read_bytes(const char *text, size_t *value)
{
	int n;

	if (!read_number(text, &n))
		return false;
	*value = (size_t)n;
	return true;
}

static bool
add_origin(struct settings *s)
{
	if (s->engine.norigins == MAX_ORIGINS)
		return false;
	s->origins[s->engine.norigins++] = optarg;
	return true;
}

static bool
read_option(struct settings *s, int option)
{
	struct tn_engine_options *o = &s->engine;

	switch (option) {
	case 'l':
		s->host.listen = optarg;
		return true;
	case 'p':
		o->path = optarg;
		return true;
	case 'd':
		s->host.client_dir = optarg;
		return true;
	case 'i':
		return read_number(optarg, &o->ping_interval_ms);
	case 't':
		return read_number(optarg, &o->ping_timeout_ms);
	case 'u':
		return read_number(optarg, &o->upgrade_timeout_ms);
	case 'm':
		return read_bytes(optarg, &o->max_payload);
	case 'o':
		return add_origin(s);
	case 'T':
		return read_transports(optarg, o);
	case 'U':
		return o->no_upgrades = true;
	case 'c':
		o->cookie = optarg;
		return true;
	case 'P':
		o->initial_packet = optarg;
		return true;
	case 'S':
		return o->no_trailing_slash = true;
	case '3':
		return o->allow_eio3 = true;
	case 'z':
		return o->per_message_deflate = o->http_compression = true;
	case 'v':
		s->level = TN_LOG_DEBUG;
		return true;
	default:
		return false;
	}
}

static bool
read_arguments(struct settings *s, int argc, char **argv)
{
	int c;

	*s = (struct settings){
		.host.listen = "127.0.0.1:3000",
		.level = TN_LOG_INFO,
	};
	s->engine.origins = s->origins;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!read_option(s, c))
			return false;
	}
	return optind == argc;
}

/* ---- Running it ---------------------------------------------------------- */

static int
run(const struct settings *s, struct tn_log *log, struct tn_err *err)
{
	const struct tn_engine_hooks hooks = {
		on_open, on_text, on_binary, on_close, log
	};
	struct tn_host_io *host = NULL;
	struct tn_engine *engine = NULL;

	if (tn_random_start(err) < 0)
		return err->code;
	host = tn_host_io_new(&s->host, log, err);
	if (host != NULL)
		engine = tn_engine_new(&s->engine, &hooks,
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
	struct settings settings;
	struct tn_log log;

	if (!read_arguments(&settings, argc, argv)) {
		fputs(usage_text, stderr);
		return EXIT_FAILURE;
	}
	if (tn_log_open(&log, "engine_echo", TN_LOG_STDERR, NULL,
	    settings.level, &err) < 0 || run(&settings, &log, &err) < 0) {
		fprintf(stderr, "engine_echo: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
