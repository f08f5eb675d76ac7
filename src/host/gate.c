/*
 * Where connections wait until it is known whose they are.
 *
 *     listener ──▶ gate ──ours──▶ peer
 *                   │ └─another worker's of this host──▶ hand-over
 *                   └───another host's──▶ forward
 *
 * Nothing is read here: the request's first line is peeked at, so whoever
 * gets the connection gets all of it. For the same reason the descriptors
 * wait in an epoll of their own: one that was given away must leave no trace
 * in the loop's, which would go on hearing of it as long as the other
 * process keeps it.
 *
 * Only the first request of a connection passes here. So where others could
 * be meant by the next, answers close their connection (tn_gate_closes).
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "host/forward.h"
#include "host/handover.h"
#include "host/owner.h"
#include "host/peer.h"

enum {
	RETRY_MS = 20,		/* until a full queue is tried again */
	RETRIES = 100,
	LOOK_MS = 1000,		/* between looks at who else is there */
	BATCH = 64,
};

struct tn_gate {
	struct tn_host_io *host;
	struct tn_handover handover;
	struct tn_watch ready;		/* of the epoll */
	struct tn_list waiting;
	size_t nwaiting;
	struct tn_timer look;
	struct timespec changed;	/* the folder, when it was last read */
	bool has_others;
};

struct waiting {
	struct tn_gate *gate;
	struct tn_list link;
	struct tn_timer deadline;	/* of the first line, or the next try */
	int fd;
	int tries;
};

static void on_deadline(void *arg);

/* ---- Who waits ----------------------------------------------------------- */

static void
forget(struct waiting *w)
{
	tn_wheel_cancel(&w->gate->host->loop.base.wheel, &w->deadline);
	tn_list_remove(&w->link);
	w->gate->nwaiting--;
	free(w);
}

/* Not to be woken by it any more. */
static void
leave_epoll(const struct waiting *w)
{
	epoll_ctl(w->gate->ready.fd, EPOLL_CTL_DEL, w->fd, NULL);
}

/* Returns its descriptor. */
static int
unpark(struct waiting *w)
{
	const int fd = w->fd;

	leave_epoll(w);
	forget(w);
	return fd;
}

static void
set_deadline(struct waiting *w, int ms)
{
	struct tn_wheel *wheel = &w->gate->host->loop.base.wheel;

	tn_wheel_set(wheel, &w->deadline, wheel->now_ms + ms, on_deadline, w);
}

/* Edges, not levels: half a line is no reason to be woken again. */
static struct waiting *
park(struct tn_gate *gate, int fd)
{
	struct waiting *w = NULL;

	if (gate->nwaiting < TN_LIMIT_GATE)
		w = calloc(1, sizeof(*w));
	if (w == NULL || epoll_ctl(gate->ready.fd, EPOLL_CTL_ADD, fd,
	    &(struct epoll_event){ EPOLLIN | EPOLLRDHUP | EPOLLET,
	    { .ptr = w } }) < 0) {
		gate->host->counts.gate_full++;
		free(w);
		close(fd);
		return NULL;
	}
	*w = (struct waiting){ .gate = gate, .fd = fd };
	tn_list_append(&gate->waiting, &w->link);
	gate->nwaiting++;
	set_deadline(w, PEER_HEAD_MS);
	return w;
}

/* ---- Where they go ------------------------------------------------------- */

enum look { LOOK_MORE, LOOK_GONE, LOOK_OURS, LOOK_OTHERS };

/* owner points into head. */
static enum look
look(const struct tn_gate *gate, int fd, char head[TN_LIMIT_OWNER_LINE],
    struct tn_slice *owner)
{
	ssize_t n = recv(fd, head, TN_LIMIT_OWNER_LINE,
	    MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return LOOK_MORE;
	if (n <= 0)
		return LOOK_GONE;
	if (tn_owner_read(tn_slice(head, (size_t)n), owner) == 0)
		return LOOK_MORE;
	return owner->ptr == NULL ||
	    tn_slice_is(*owner, gate->host->options.worker) ?
	    LOOK_OURS : LOOK_OTHERS;
}

/* Nobody has it, so we say so: "Session ID unknown". */
static void
answer_for(struct tn_gate *gate, int fd, uint64_t *count)
{
	++*count;
	tn_peer_new(gate->host, fd, NULL);
}

/* Returns false if it has to wait and be given again. */
static bool
give(struct tn_gate *gate, int fd, struct tn_slice owner)
{
	struct tn_host_counts *counts = &gate->host->counts;

	switch (tn_handover_give(&gate->handover, owner, fd)) {
	case TN_HANDOVER_DONE:
		counts->handed_over++;
		gate->has_others = true;
		close(fd);
		return true;
	case TN_HANDOVER_LATER:
		return false;
	case TN_HANDOVER_DEAD:
		answer_for(gate, fd, &counts->owner_dead);
		return true;
	case TN_HANDOVER_UNKNOWN:
		if (gate->host->forwards != NULL) {
			tn_forward_begin(gate->host, fd, owner);
			return true;
		}
		answer_for(gate, fd, &counts->owner_unknown);
		return true;
	default:
		answer_for(gate, fd, &counts->handover_failed);
		return true;
	}
}

static void
go_on(struct waiting *w)
{
	struct tn_gate *gate = w->gate;
	char head[TN_LIMIT_OWNER_LINE];
	struct tn_slice owner;

	switch (look(gate, w->fd, head, &owner)) {
	case LOOK_MORE:
		return;
	case LOOK_GONE:
		close(unpark(w));
		return;
	case LOOK_OURS:
		tn_peer_new(gate->host, unpark(w), NULL);
		return;
	case LOOK_OTHERS:
		break;
	}
	leave_epoll(w);
	if (w->tries == RETRIES) {
		gate->host->counts.handover_failed++;
		close(unpark(w));
	} else if (give(gate, w->fd, owner)) {
		forget(w);
	} else {
		w->tries++;
		set_deadline(w, RETRY_MS);
	}
}

static void
on_deadline(void *arg)
{
	struct waiting *w = arg;

	if (w->tries > 0)
		go_on(w);
	else
		close(unpark(w));
}

void
tn_gate_take(struct tn_host_io *host, int fd)
{
	struct tn_gate *gate = host->gate;
	char head[TN_LIMIT_OWNER_LINE];
	struct tn_slice owner;
	struct waiting *w;

	host->counts.accepted++;
	if (gate == NULL) {
		tn_peer_new(host, fd, NULL);
		return;
	}
	switch (look(gate, fd, head, &owner)) {
	case LOOK_MORE:
		park(gate, fd);
		return;
	case LOOK_GONE:
		close(fd);
		return;
	case LOOK_OURS:
		tn_peer_new(host, fd, NULL);
		return;
	case LOOK_OTHERS:
		break;
	}
	if (give(gate, fd, owner))
		return;
	w = park(gate, fd);
	if (w != NULL) {
		w->tries = 1;
		set_deadline(w, RETRY_MS);
	}
}

static void
on_ready(struct tn_watch *watch, unsigned events)
{
	struct epoll_event ready[BATCH];
	int n = epoll_wait(watch->fd, ready, BATCH, 0);

	(void)events;
	for (int i = 0; i < n; i++)
		go_on(ready[i].data.ptr);
}

/* ---- The others ---------------------------------------------------------- */

static void
on_adopt(int fd, void *arg)
{
	struct tn_gate *gate = arg;

	gate->host->counts.adopted++;
	tn_peer_set_up_socket(gate->host, fd);
	gate->has_others = true;
	tn_peer_new(gate->host, fd, NULL);
}

static void
on_refuse(const char *why, void *arg)
{
	struct tn_gate *gate = arg;

	gate->host->counts.handover_refused++;
	tn_log_event(gate->host->log, TN_LOG_WARN, "ws.handover",
	    TN_F_STR("refused", why));
}

/* Is there a hand-over socket that is not ours? */
static bool
find_others(const struct tn_gate *gate)
{
	const struct dirent *entry;
	bool found = false;
	DIR *dir = opendir(gate->handover.dir);

	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		struct tn_slice name = tn_slice_str(entry->d_name);

		found = tn_slice_ends(name, TN_SLICE(".fd")) &&
		    !tn_slice_is(tn_slice_first(name, name.len - 3),
		    gate->host->options.worker);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static void
look_around(void *arg)
{
	struct tn_gate *gate = arg;
	struct tn_wheel *wheel = &gate->host->loop.base.wheel;
	struct stat st;

	tn_wheel_set(wheel, &gate->look, wheel->now_ms + LOOK_MS, look_around,
	    gate);
	if (stat(gate->handover.dir, &st) < 0 ||
	    (st.st_mtim.tv_sec == gate->changed.tv_sec &&
	    st.st_mtim.tv_nsec == gate->changed.tv_nsec))
		return;
	gate->changed = st.st_mtim;
	gate->has_others = find_others(gate);
}

bool
tn_gate_closes(const struct tn_host_io *host)
{
	return host->gate != NULL && !host->options.front_routes &&
	    (host->gate->has_others || host->forwards != NULL);
}

/* ---- Life ---------------------------------------------------------------- */

static int
open_gate(struct tn_gate *gate, struct tn_err *err)
{
	const struct tn_host_io_options *o = &gate->host->options;
	struct tn_loop *loop = &gate->host->loop.base;
	int r;

	gate->ready = (struct tn_watch){ .fd = epoll_create1(EPOLL_CLOEXEC),
	    .fn = on_ready, .arg = gate };
	if (gate->ready.fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "cannot make an epoll");
	gate->handover = (struct tn_handover){ .loop = loop,
	    .dir = o->control_dir, .adopt = on_adopt, .refuse = on_refuse,
	    .arg = gate };
	r = tn_handover_open(&gate->handover, o->worker, err);
	if (r == 0 && tn_loop_watch(loop, &gate->ready, TN_READ) < 0)
		r = tn_err_set(err, TN_E_NOMEM, "no memory for the gate");
	return r;
}

int
tn_gate_start(struct tn_host_io *host, struct tn_err *err)
{
	struct tn_gate *gate;
	int r;

	if (host->options.control_dir == NULL || host->options.worker == NULL)
		return 0;
	gate = calloc(1, sizeof(*gate));
	if (gate == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for the gate");
	gate->host = host;
	tn_list_init(&gate->waiting);
	host->gate = gate;
	r = open_gate(gate, err);
	if (r < 0)
		tn_gate_stop(host);
	else
		look_around(gate);
	return r;
}

void
tn_gate_stop(struct tn_host_io *host)
{
	struct tn_gate *gate = host->gate;
	struct tn_list *it, *following;

	host->gate = NULL;
	if (gate == NULL)
		return;
	TN_LIST_EACH(it, following, &gate->waiting)
		close(unpark(TN_CONTAINER(it, struct waiting, link)));
	tn_wheel_cancel(&host->loop.base.wheel, &gate->look);
	tn_handover_close(&gate->handover);
	tn_loop_unwatch(&host->loop.base, &gate->ready);
	if (gate->ready.fd >= 0)
		close(gate->ready.fd);
	free(gate);
}
