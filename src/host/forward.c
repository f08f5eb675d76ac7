#include "config.h"

#include "host/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "host/forward_impl.h"

enum forward_state {
	FORWARD_FINDING,	/* where the worker is */
	FORWARD_DIALING,
	FORWARD_GREETING,	/* our first line is out, its answer comes */
	FORWARD_OPEN,
	FORWARD_ORPHAN,		/* over, but the search still comes back */
};

/* One direction: what was read here and could not be written there yet. */
struct flow {
	struct tn_watch *from, *to;
	struct tn_buf held;
	bool is_ended;		/* from has said its last */
	bool is_told;		/* and to knows */
};

struct forward {
	struct tn_forwards *forwards;
	struct tn_list link;
	struct tn_timer deadline;
	struct tn_watch client, owner;
	struct flow up, down;	/* to the owner, to the client */
	struct tn_hello hello;
	struct tn_buf line;
	enum forward_state state;
	char name[TN_LIMIT_WORKER_NAME + 1];
};

static void on_ready(struct tn_watch *w, unsigned events);

static struct tn_loop *
loop_of(const struct forward *f)
{
	return &f->forwards->host->loop.base;
}

/* ---- The end ------------------------------------------------------------- */

static void
close_watch(struct forward *f, struct tn_watch *w)
{
	if (w->fd < 0)
		return;
	tn_loop_unwatch(loop_of(f), w);
	close(w->fd);
	w->fd = -1;
}

/* What is still looked for comes back to an orphan. */
static void
end(struct forward *f)
{
	close_watch(f, &f->client);
	close_watch(f, &f->owner);
	tn_wheel_cancel(&loop_of(f)->wheel, &f->deadline);
	tn_list_remove(&f->link);
	f->forwards->nleaving--;
	tn_buf_fini(&f->up.held);
	tn_buf_fini(&f->down.held);
	tn_buf_fini(&f->line);
	if (f->state == FORWARD_FINDING)
		f->state = FORWARD_ORPHAN;
	else
		free(f);
}

/* Nothing of the client's was read, so it can be told that nobody knows it. */
static void
give_back(struct forward *f, uint64_t *count)
{
	struct tn_host_io *host = f->forwards->host;
	const int fd = f->client.fd;

	++*count;
	tn_loop_unwatch(loop_of(f), &f->client);
	f->client.fd = -1;
	end(f);
	tn_peer_new(host, fd, NULL);
}

static void
fail(struct forward *f)
{
	if (f->state == FORWARD_OPEN)
		end(f);
	else
		give_back(f, &f->forwards->host->counts.forward_failed);
}

static void
on_deadline(void *arg)
{
	fail(arg);
}

static void
set_deadline(struct forward *f, int ms)
{
	struct tn_wheel *wheel = &loop_of(f)->wheel;

	tn_wheel_set(wheel, &f->deadline, wheel->now_ms + ms, on_deadline, f);
}

/* ---- The tunnel ---------------------------------------------------------- */

/* Returns false when the connection is at its end. */
static bool
push(struct flow *flow)
{
	struct tn_buf *b = &flow->held;
	size_t sent = 0;

	while (sent < b->len) {
		ssize_t n = send(flow->to->fd, b->ptr + sent, b->len - sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return false;
		sent += (size_t)n;
	}
	tn_buf_drop(b, sent);
	if (b->len == 0)
		tn_buf_fini(b);
	if (b->len == 0 && flow->is_ended && !flow->is_told) {
		flow->is_told = true;
		shutdown(flow->to->fd, SHUT_WR);
	}
	return true;
}

/* Nothing is read while something is held, so little is held. */
static bool
pull(struct flow *flow)
{
	char bytes[FORWARD_READ];
	ssize_t n;

	if (flow->held.len > 0 || flow->is_ended)
		return true;
	n = recv(flow->from->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->is_ended = n == 0;
	tn_buf_bytes(&flow->held, bytes, (size_t)n);
	return flow->held.failed == 0 && push(flow);
}

static int
watch_for(struct forward *f, struct tn_watch *w, const struct flow *out_of,
    const struct flow *into)
{
	unsigned events = 0;

	if (out_of->held.len == 0 && !out_of->is_ended)
		events |= TN_READ;
	if (into->held.len > 0)
		events |= TN_WRITE;
	return events == w->events ? 0 : tn_loop_watch(loop_of(f), w, events);
}

static void
carry(struct forward *f)
{
	if (!push(&f->up) || !push(&f->down) || !pull(&f->up) ||
	    !pull(&f->down) || (f->up.is_told && f->down.is_told) ||
	    watch_for(f, &f->client, &f->up, &f->down) < 0 ||
	    watch_for(f, &f->owner, &f->down, &f->up) < 0) {
		end(f);
		return;
	}
	set_deadline(f, FORWARD_IDLE_MS +
	    f->forwards->host->options.forward_idle_ms);
}

static void
open_tunnel(struct forward *f)
{
	f->forwards->host->counts.forwarded++;
	f->state = FORWARD_OPEN;
	f->client.events = f->owner.events = 0;
	f->up = (struct flow){ .from = &f->client, .to = &f->owner };
	f->down = (struct flow){ .from = &f->owner, .to = &f->client };
	tn_buf_init(&f->up.held, FORWARD_READ);
	tn_buf_init(&f->down.held, FORWARD_READ);
	carry(f);
}

/* ---- The greeting -------------------------------------------------------- */

static int
say(struct forward *f, struct tn_buf *b)
{
	int r = b->failed;

	if (r == 0 && send(f->owner.fd, b->ptr, b->len, MSG_NOSIGNAL |
	    MSG_DONTWAIT) != (ssize_t)b->len)
		r = TN_E_IO;	/* so few bytes always fit */
	tn_buf_fini(b);
	return r;
}

static int
greet(struct forward *f)
{
	struct tn_buf b;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(f->owner.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ||
	    error != 0)
		return TN_E_IO;
	tn_buf_init(&b, FORWARD_LINE);
	tn_hello_begin(&f->hello, &b);
	f->state = FORWARD_GREETING;
	if (say(f, &b) < 0)
		return TN_E_IO;
	return tn_loop_watch(loop_of(f), &f->owner, TN_READ);
}

static int
confirm(struct forward *f, struct tn_slice line)
{
	const struct tn_host_io_options *o = &f->forwards->host->options;
	char address[TN_ADDRESS_TEXT] = "";
	struct tn_buf b;
	int r;

	tn_peer_address(f->client.fd, address);
	tn_buf_init(&b, FORWARD_LINE);
	r = tn_hello_confirm(&f->hello, o->forward_signer,
	    tn_slice_str(f->name), tn_slice_str(address), line, &b);
	if (r < 0) {
		tn_buf_fini(&b);
		return r;
	}
	return say(f, &b);
}

/* The answer is one line, and nothing comes behind it before ours. */
static void
read_answer(struct forward *f)
{
	char bytes[FORWARD_LINE];
	ssize_t n = recv(f->owner.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct tn_slice line;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		tn_buf_bytes(&f->line, bytes, (size_t)n);
	line = tn_buf_view(&f->line);
	if (n <= 0 || f->line.failed != 0)
		fail(f);
	else if (line.ptr[line.len - 1] != '\n')
		return;
	else if (confirm(f, tn_slice_first(line, line.len - 1)) < 0)
		fail(f);
	else
		open_tunnel(f);
}

static void
on_ready(struct tn_watch *w, unsigned events)
{
	struct forward *f = w->arg;

	(void)events;
	switch (f->state) {
	case FORWARD_DIALING:
		if (greet(f) < 0)
			fail(f);
		return;
	case FORWARD_GREETING:
		read_answer(f);
		return;
	case FORWARD_OPEN:
		carry(f);
		return;
	case FORWARD_FINDING:
	case FORWARD_ORPHAN:
		return;
	}
}

/* ---- Where to ------------------------------------------------------------ */

/* "192.0.2.1:80" or "[2001:db8::1]:80": addresses, never names. */
static socklen_t
read_target(struct tn_slice text, struct sockaddr_storage *to)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
	ptrdiff_t colon = tn_slice_rfind(text, ':');
	char host[TN_ADDRESS_TEXT];
	uint64_t port;

	*to = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	if (colon < 0 || !tn_slice_u64(tn_slice_after(text,
	    (size_t)colon + 1), &port) || port == 0 || port > 65535 ||
	    !tn_address_read(tn_slice_first(text, (size_t)colon), host))
		return 0;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return 0;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return sizeof(*v6);
}

static int
dial(struct forward *f, struct tn_slice address)
{
	struct sockaddr_storage to;
	socklen_t len = read_target(address, &to);
	const int on = 1;

	if (len == 0)
		return TN_E_SYNTAX;
	f->owner.fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (f->owner.fd < 0)
		return TN_E_SYSTEM;
	setsockopt(f->owner.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	f->state = FORWARD_DIALING;
	if (connect(f->owner.fd, (struct sockaddr *)&to, len) < 0 &&
	    errno != EINPROGRESS)
		return TN_E_AWAY;
	return tn_loop_watch(loop_of(f), &f->owner, TN_WRITE);
}

static void
on_found(struct tn_slice address, void *arg)
{
	struct forward *f = arg;

	if (f->state == FORWARD_ORPHAN) {
		free(f);
		return;
	}
	f->state = FORWARD_DIALING;
	if (address.ptr == NULL)
		give_back(f, &f->forwards->host->counts.owner_dead);
	else if (dial(f, address) < 0)
		fail(f);
}

void
tn_forward_begin(struct tn_host_io *host, int fd, struct tn_slice name)
{
	struct tn_forwards *forwards = host->forwards;
	struct forward *f = NULL;

	if (forwards->nleaving < TN_LIMIT_FORWARDS)
		f = calloc(1, sizeof(*f));
	if (f == NULL) {
		host->counts.forward_failed++;
		close(fd);
		return;
	}
	f->forwards = forwards;
	f->client = (struct tn_watch){ .fd = fd, .fn = on_ready, .arg = f };
	f->owner = (struct tn_watch){ .fd = -1, .fn = on_ready, .arg = f };
	tn_buf_init(&f->line, FORWARD_LINE);
	memcpy(f->name, name.ptr, name.len);
	tn_list_append(&forwards->leaving, &f->link);
	forwards->nleaving++;
	set_deadline(f, FORWARD_HELLO_MS);
	if (host->options.find_node(name, on_found, f, host->options.arg) < 0) {
		f->state = FORWARD_DIALING;
		give_back(f, &host->counts.owner_unknown);
	}
}

/* ---- Life ---------------------------------------------------------------- */

int
tn_forwards_start(struct tn_host_io *host, struct tn_err *err)
{
	const struct tn_host_io_options *o = &host->options;
	struct tn_forwards *f;
	int r;

	if (o->forward == NULL)
		return 0;
	if (o->control_dir == NULL || o->worker == NULL)
		return tn_err_set(err, TN_E_CONFIG,
		    "[ws] forward needs a control_dir");
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory to forward");
	f->host = host;
	f->listener.fd = -1;
	tn_list_init(&f->leaving);
	tn_list_init(&f->arriving);
	host->forwards = f;
	r = tn_arrivals_start(f, err);
	if (r < 0)
		tn_forwards_stop(host);
	else if (o->on_forward != NULL)
		o->on_forward(tn_slice_str(f->address), o->arg);
	return r;
}

void
tn_forwards_pause(struct tn_host_io *host)
{
	if (host->forwards != NULL)
		tn_arrivals_stop(host->forwards);
}

bool
tn_forwards_idle(const struct tn_host_io *host)
{
	return host->forwards == NULL || host->forwards->nleaving == 0;
}

void
tn_forwards_stop(struct tn_host_io *host)
{
	struct tn_forwards *f = host->forwards;
	struct tn_list *it, *following;

	if (f == NULL)
		return;
	tn_arrivals_stop(f);
	TN_LIST_EACH(it, following, &f->leaving)
		end(TN_CONTAINER(it, struct forward, link));
	host->forwards = NULL;
	free(f);
}
