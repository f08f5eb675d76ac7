/* Connections that another host forwards: greeted, then served as our own. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "host/forward_impl.h"

enum { BATCH = 16 };

struct arrival {
	struct tn_forwards *forwards;
	struct tn_list link;
	struct tn_watch watch;
	struct tn_timer deadline;
	struct tn_hello hello;
	bool is_answered;		/* the second line comes next */
};

/* Returns its descriptor. */
static int
leave(struct arrival *a)
{
	struct tn_forwards *f = a->forwards;
	const int fd = a->watch.fd;

	tn_loop_unwatch(&f->host->loop.base, &a->watch);
	tn_wheel_cancel(&f->host->loop.base.wheel, &a->deadline);
	tn_list_remove(&a->link);
	f->narriving--;
	free(a);
	return fd;
}

static void
refuse(struct arrival *a, const char *why)
{
	struct tn_host_io *host = a->forwards->host;

	host->counts.forward_refused++;
	tn_log_event(host->log, TN_LOG_WARN, "ws.forward",
	    TN_F_STR("refused", why));
	close(leave(a));
}

static void
on_deadline(void *arg)
{
	refuse(arg, "no greeting in time");
}

static int
answer(struct arrival *a, struct tn_slice line)
{
	struct tn_host_io *host = a->forwards->host;
	struct tn_buf b;
	int r;

	tn_buf_init(&b, FORWARD_LINE);
	r = tn_hello_answer(&a->hello, host->options.forward_signer,
	    tn_slice_str(host->options.worker), line, &b);
	if (r == 0 && send(a->watch.fd, b.ptr, b.len, MSG_NOSIGNAL |
	    MSG_DONTWAIT) != (ssize_t)b.len)
		r = TN_E_IO;
	tn_buf_fini(&b);
	a->is_answered = true;
	return r;
}

static void
on_line(struct arrival *a, struct tn_slice line)
{
	struct tn_host_io *host = a->forwards->host;
	char address[TN_HELLO_ADDRESS];
	int fd;

	if (!a->is_answered) {
		if (answer(a, line) < 0)
			refuse(a, "another greeting");
		return;
	}
	if (tn_hello_accept(&a->hello, host->options.forward_signer,
	    tn_slice_str(host->options.worker), line, address) < 0) {
		refuse(a, "wrong signature");
		return;
	}
	host->counts.forwarded_in++;
	fd = leave(a);
	tn_peer_set_up_socket(host, fd);
	tn_peer_new(host, fd, address);
}

/* Not a byte more than the line: what follows is the client's. */
static void
on_readable(struct tn_watch *w, unsigned events)
{
	struct arrival *a = w->arg;
	char line[FORWARD_LINE];
	ssize_t n = recv(w->fd, line, sizeof(line), MSG_PEEK | MSG_DONTWAIT);
	ptrdiff_t end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	end = n <= 0 ? -1 : tn_slice_find(tn_slice(line, (size_t)n), '\n');
	if (n <= 0)
		refuse(a, "gone");
	else if (end < 0 && n == (ssize_t)sizeof(line))
		refuse(a, "a long line");
	else if (end < 0)
		return;		/* the rest of the line comes, or the deadline */
	else if (recv(w->fd, line, (size_t)end + 1, MSG_DONTWAIT) != end + 1)
		refuse(a, "gone");
	else
		on_line(a, tn_slice(line, (size_t)end));
}

static void
begin(struct tn_forwards *f, int fd)
{
	struct tn_wheel *wheel = &f->host->loop.base.wheel;
	struct arrival *a = NULL;

	if (f->narriving < TN_LIMIT_ARRIVALS)
		a = calloc(1, sizeof(*a));
	if (a != NULL) {
		a->watch = (struct tn_watch){ .fd = fd, .fn = on_readable,
		    .arg = a };
		if (tn_loop_watch(&f->host->loop.base, &a->watch,
		    TN_READ) < 0) {
			free(a);
			a = NULL;
		}
	}
	if (a == NULL) {
		f->host->counts.forward_refused++;
		close(fd);
		return;
	}
	a->forwards = f;
	tn_list_append(&f->arriving, &a->link);
	f->narriving++;
	tn_wheel_set(wheel, &a->deadline, wheel->now_ms + FORWARD_HELLO_MS,
	    on_deadline, a);
}

static void
on_acceptable(struct tn_watch *w, unsigned events)
{
	(void)events;
	for (int i = 0; i < BATCH; i++) {
		int fd = accept4(w->fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		begin(w->arg, fd);
	}
}

/* The port may have been chosen by the kernel. */
static int
find_address(struct tn_forwards *f, struct tn_err *err)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t len = sizeof(a);
	char text[INET6_ADDRSTRLEN] = "";
	bool is_any = true;

	if (getsockname(f->listener.fd, &a.any, &len) < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "no address");
	if (a.any.sa_family == AF_INET) {
		is_any = a.v4.sin_addr.s_addr == htonl(INADDR_ANY);
		inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof(text));
		snprintf(f->address, sizeof(f->address), "%s:%u", text,
		    (unsigned)ntohs(a.v4.sin_port));
	} else if (a.any.sa_family == AF_INET6) {
		is_any = IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr);
		inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof(text));
		snprintf(f->address, sizeof(f->address), "[%s]:%u", text,
		    (unsigned)ntohs(a.v6.sin6_port));
	}
	if (is_any)
		return tn_err_set(err, TN_E_CONFIG, "[ws] forward must name "
		    "the address where other hosts reach this one");
	return 0;
}

int
tn_arrivals_start(struct tn_forwards *f, struct tn_err *err)
{
	int r = tn_listener_bind(&f->listener, f->host->options.forward, err);

	if (r < 0)
		return r;
	r = find_address(f, err);
	if (r < 0)
		return r;
	f->accept = (struct tn_watch){ .fd = f->listener.fd,
	    .fn = on_acceptable, .arg = f };
	if (tn_loop_watch(&f->host->loop.base, &f->accept, TN_READ) < 0)
		return tn_err_set(err, TN_E_NOMEM, "no memory to forward");
	return 0;
}

void
tn_arrivals_stop(struct tn_forwards *f)
{
	struct tn_list *it, *following;

	tn_loop_unwatch(&f->host->loop.base, &f->accept);
	tn_listener_close(&f->listener, true);
	TN_LIST_EACH(it, following, &f->arriving)
		close(leave(TN_CONTAINER(it, struct arrival, link)));
}
