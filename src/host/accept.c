/* Taking connections, and what to do when there is no descriptor for one. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "host/forward.h"
#include "host/peer.h"

enum { PAUSE_MS = 1000, BATCH = 64 };

static void
go_on(void *arg)
{
	struct tn_host_io *host = arg;

	tn_loop_watch(&host->loop.base, &host->accept, TN_READ);
}

/* The next in line is told so by a close, rather than left to wait. */
static void
out_of_descriptors(struct tn_host_io *host)
{
	struct tn_wheel *wheel = &host->loop.base.wheel;
	int fd;

	host->counts.out_of_descriptors++;
	tn_log_event(host->log, TN_LOG_WARN, "ws.descriptors",
	    TN_F_NUM("sessions", tn_engine_len(host->engine)));
	if (host->spare_fd >= 0) {
		close(host->spare_fd);
		fd = accept(host->listener.fd, NULL, NULL);
		if (fd >= 0)
			close(fd);
		host->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	tn_loop_watch(&host->loop.base, &host->accept, 0);
	tn_wheel_set(wheel, &host->pause, wheel->now_ms + PAUSE_MS, go_on,
	    host);
}

/* A batch at most, so that those who are here are served in between. */
static void
on_acceptable(struct tn_watch *w, unsigned events)
{
	struct tn_host_io *host = w->arg;

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		int fd = accept4(w->fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			tn_gate_take(host, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			out_of_descriptors(host);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

int
tn_host_accept_start(struct tn_host_io *host, struct tn_err *err)
{
	int r = tn_listener_open(&host->listener, host->options.listen, false,
	    err);

	if (r < 0)
		return r;
	tn_peer_set_up_socket(host, host->listener.fd);
	host->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	host->accept = (struct tn_watch){
		.fd = host->listener.fd,
		.fn = on_acceptable,
		.arg = host,
	};
	r = tn_gate_start(host, err);
	if (r == 0)
		r = tn_forwards_start(host, err);
	if (r == 0 &&
	    tn_loop_watch(&host->loop.base, &host->accept, TN_READ) < 0)
		r = tn_err_set(err, TN_E_NOMEM, "cannot watch the socket");
	if (r < 0)
		tn_host_accept_stop(host);
	return r;
}

void
tn_host_accept_stop(struct tn_host_io *host)
{
	tn_wheel_cancel(&host->loop.base.wheel, &host->pause);
	tn_loop_unwatch(&host->loop.base, &host->accept);
	tn_gate_stop(host);
	tn_forwards_pause(host);
	if (host->listener.fd >= 0)
		tn_listener_close(&host->listener, true);
	if (host->spare_fd >= 0)
		close(host->spare_fd);
	host->spare_fd = -1;
}
