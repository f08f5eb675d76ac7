/*
 * libwebsockets: contexts on our loop, and its callbacks translated.
 *
 * A context has tables for as many descriptors as the process may open when
 * it is made, and as Debian builds it, looks through all of them whenever a
 * connection ends. So there are several, each for four times as many as the
 * one before, and each made when a descriptor first needs it: what a close
 * costs goes by how many are open, not by how many there might be.
 */
#include "config.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "host/peer.h"

enum {
	RX_BYTES = 128,			/* each keeps as much: a control frame */
	TX_BYTES = 1 << 20,		/* below it, a write is not cut up */
	READ_BYTES = 16384,		/* shared by all of the process */
	HEADS = 1024,			/* requests read at the same time */
	TIMEOUT_S = 20,
	KEEPALIVE_S = 75,
	TICK_US = 1000000,
	LEAST_FDS = 1024,		/* of the first context */
	OWN_FDS = 64,			/* that are left for its own */
};

/*
 * libwebsockets gives its log function no argument, so this one pointer is
 * the process's. Set while there are contexts.
 */
static const struct tn_log *lws_log_target;

static void
log_line(int level, const char *line)
{
	struct tn_slice text = tn_slice_trim(tn_slice_str(line));

	while (text.len > 0 && text.ptr[text.len - 1] == '\n')
		text.len--;
	tn_log_event(lws_log_target,
	    level == LLL_ERR ? TN_LOG_WARN : TN_LOG_INFO, "ws.lws",
	    TN_F_SLICE("text", text));
}

/* Its timers run late on libev unless something wakes them. */
static void
on_tick(lws_sorted_usec_list_t *sul)
{
	struct tn_host_lws *l = lws_container_of(sul, struct tn_host_lws,
	    tick);

	lws_sul_schedule(l->context, 0, &l->tick, on_tick, TICK_US);
}

static int
on_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct tn_peer *peer = wsi == NULL ? NULL :
	    lws_get_opaque_user_data(wsi);

	(void)user;
	if (peer == NULL)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return tn_peer_on_http(peer);
	case LWS_CALLBACK_HTTP_BODY:
		return tn_peer_on_body(peer, tn_slice(in, len));
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return tn_peer_on_body_end(peer);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return tn_peer_on_upgrade(peer);
	case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
		return tn_peer_on_extension(peer);
	case LWS_CALLBACK_ADD_HEADERS:
		return tn_peer_on_headers(peer, in);
	case LWS_CALLBACK_ESTABLISHED:
		return tn_peer_on_open(peer);
	case LWS_CALLBACK_RECEIVE:
		return tn_peer_on_message(peer, tn_slice(in, len));
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return tn_peer_on_writable(peer);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return tn_peer_on_peer_close(peer, tn_slice(in, len));
	case LWS_CALLBACK_CLOSED:
		tn_wire_abandon(peer);
		return 0;
	case LWS_CALLBACK_CLOSED_HTTP:
		tn_exchange_abandon(peer);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		tn_peer_free(peer);
		return 0;
	case LWS_CALLBACK_RAW_ADOPT:
	case LWS_CALLBACK_RAW_RX:
		return -1;		/* CONNECT, and what is no HTTP */
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{
		.name = "tandem",
		.callback = on_callback,
		.rx_buffer_size = RX_BYTES,
		.tx_packet_size = TX_BYTES,
	},
	{ .name = NULL },
};

/* No validity pings: each would cost a walk of a list; Engine.IO has its own. */
static const lws_retry_bo_t no_retries;

static struct lws_context *
make_context(struct tn_host_io *host)
{
	void *loops[] = { host->loop.ev };
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.extensions = tn_wire_extensions,
		.options = LWS_SERVER_OPTION_LIBEV |
		    LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
		    LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.foreign_loops = loops,
		.max_http_header_data2 = TN_LIMIT_IO_HEAD_BYTES,
		.max_http_header_pool2 = HEADS,
		.pt_serv_buf_size = READ_BYTES,
		.timeout_secs = TIMEOUT_S,
		.keepalive_timeout = KEEPALIVE_S,
		.retry_and_idle_policy = &no_retries,
		.vhost_name = "tandem",
	};

	return lws_create_context(&info);
}

/* Returns false without memory, or without the plug-in for libev. */
static bool
start(struct tn_host_io *host, struct tn_host_lws *l, rlim_t fds)
{
	struct rlimit all, some;

	if (getrlimit(RLIMIT_NOFILE, &all) < 0)
		return false;
	some = all;
	if (some.rlim_cur > fds)
		some.rlim_cur = fds;
	setrlimit(RLIMIT_NOFILE, &some);
	l->context = make_context(host);
	setrlimit(RLIMIT_NOFILE, &all);
	if (l->context == NULL)
		return false;
	l->vhost = lws_get_vhost_by_name(l->context, "tandem");
	lws_sul_schedule(l->context, 0, &l->tick, on_tick, TICK_US);
	return true;
}

struct lws_vhost *
tn_host_lws_for(struct tn_host_io *host, int fd)
{
	struct tn_host_lws *l = host->lws, *last = l + TN_HOST_LWS - 1;
	rlim_t fds = LEAST_FDS;

	for (; l < last && (rlim_t)fd + OWN_FDS > fds; l++)
		fds *= 4;
	return l->context != NULL || start(host, l, fds) ? l->vhost : NULL;
}

int
tn_host_lws_start(struct tn_host_io *host, struct tn_err *err)
{
	const int fd = dup(STDERR_FILENO);	/* as high as the next will be */

	lws_log_target = host->log;
	lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
	if (fd >= 0)
		close(fd);
	if (tn_host_lws_for(host, fd) == NULL)
		return tn_err_set(err, TN_E_SYSTEM,
		    "libwebsockets cannot start on libev; is its plug-in "
		    "there (Debian: libwebsockets-evlib-ev)?");
	return 0;
}

void
tn_host_lws_stop(struct tn_host_io *host)
{
	for (int i = 0; i < TN_HOST_LWS; i++) {
		struct tn_host_lws *l = &host->lws[i];

		if (l->context == NULL)
			continue;
		lws_sul_schedule(l->context, 0, &l->tick, NULL,
		    LWS_SET_TIMER_USEC_CANCEL);
		lws_context_destroy(l->context);
		l->context = NULL;
	}
	lws_set_log_level(0, NULL);
	lws_log_target = NULL;
}
