#include "config.h"

#include "host/handover.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

#define WORDS	"tandem 1"	/* what each datagram says: the form of the rest */

enum { BATCH = 64 };

static bool
set_path(struct sockaddr_un *addr, const char *dir, struct tn_slice name)
{
	int n;

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/%.*s.fd", dir,
	    TN_SLICE_ARG(name));
	return n > 0 && (size_t)n < sizeof(addr->sun_path);
}

/* ---- Giving -------------------------------------------------------------- */

static enum tn_handover_result
result_of(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ETOOMANYREFS:	/* descriptors under way */
		return TN_HANDOVER_LATER;
	case ECONNREFUSED:
		return TN_HANDOVER_DEAD;
	case ENOENT:
		return TN_HANDOVER_UNKNOWN;
	default:
		return TN_HANDOVER_FAILED;
	}
}

enum tn_handover_result
tn_handover_give(struct tn_handover *h, struct tn_slice name, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = "" };
	struct iovec text = { WORDS, sizeof(WORDS) - 1 };
	struct sockaddr_un to;
	struct msghdr message = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	if (!set_path(&to, h->dir, name))
		return TN_HANDOVER_UNKNOWN;
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	if (sendmsg(h->out, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return TN_HANDOVER_DONE;
	return result_of(errno);
}

/* ---- Taking -------------------------------------------------------------- */

struct parcel {
	int fd;			/* -1: none */
	bool is_known;		/* sent by our user, or by root */
};

/* There is room for two, by the alignment; one is wanted. */
static void
keep_first(struct cmsghdr *c, int *first)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		if (*first < 0)
			*first = fd;
		else
			close(fd);
	}
}

static void
open_parcel(struct msghdr *message, struct parcel *p)
{
	*p = (struct parcel){ .fd = -1 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
	    c = CMSG_NXTHDR(message, c)) {
		struct ucred who;

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			keep_first(c, &p->fd);
		if (c->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&who, CMSG_DATA(c), sizeof(who));
		p->is_known = who.uid == 0 || who.uid == geteuid();
	}
}

static bool
is_connection(int fd)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	    !listens;
}

static void
take(struct tn_handover *h, struct msghdr *message, struct tn_slice text)
{
	const char *why = NULL;
	struct parcel p;

	open_parcel(message, &p);
	if (!p.is_known)
		why = "another user";
	else if (!tn_slice_is(text, WORDS))
		why = "another form";
	else if ((message->msg_flags & MSG_CTRUNC) != 0)
		why = "too many descriptors, or too few are left";
	else if (p.fd < 0 || !is_connection(p.fd))
		why = "no connection";
	if (why == NULL) {
		h->adopt(p.fd, h->arg);
		return;
	}
	if (p.fd >= 0)
		close(p.fd);
	h->refuse(why, h->arg);
}

static void
on_parcels(struct tn_watch *w, unsigned events)
{
	struct tn_handover *h = w->arg;

	(void)events;
	for (int i = 0; i < BATCH && h->in.fd >= 0; i++) {
		union {
			char bytes[CMSG_SPACE(sizeof(int)) +
			    CMSG_SPACE(sizeof(struct ucred))];
			struct cmsghdr align;
		} control;
		char text[sizeof(WORDS) + 8];
		struct iovec room = { text, sizeof(text) };
		struct msghdr message = {
			.msg_iov = &room,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};
		ssize_t n = recvmsg(w->fd, &message,
		    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0)
			return;
		take(h, &message, tn_slice(text, (size_t)n));
	}
}

/* ---- Life ---------------------------------------------------------------- */

static int
bind_in(struct tn_handover *h, struct tn_err *err)
{
	const int on = 1;
	mode_t mask;
	int r;

	h->in.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	h->out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->in.fd < 0 || h->out < 0 || setsockopt(h->in.fd, SOL_SOCKET,
	    SO_PASSCRED, &on, sizeof(on)) < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "cannot make a socket");
	unlink(h->own.sun_path);
	mask = umask(0177);
	r = bind(h->in.fd, (struct sockaddr *)&h->own, sizeof(h->own));
	umask(mask);
	if (r < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "cannot bind %s",
		    h->own.sun_path);
	return 0;
}

int
tn_handover_open(struct tn_handover *h, const char *name, struct tn_err *err)
{
	int r;

	h->in = (struct tn_watch){ .fd = -1, .fn = on_parcels, .arg = h };
	h->out = -1;
	if (!set_path(&h->own, h->dir, tn_slice_str(name)))
		return tn_err_set(err, TN_E_CONFIG, "%s is too long a path",
		    h->dir);
	r = bind_in(h, err);
	if (r == 0 && tn_loop_watch(h->loop, &h->in, TN_READ) < 0)
		r = tn_err_set(err, TN_E_NOMEM, "no memory for the hand-over");
	if (r < 0)
		tn_handover_close(h);
	return r;
}

void
tn_handover_close(struct tn_handover *h)
{
	if (h->loop == NULL)
		return;
	tn_loop_unwatch(h->loop, &h->in);
	if (h->in.fd >= 0) {
		unlink(h->own.sun_path);
		close(h->in.fd);
	}
	if (h->out >= 0)
		close(h->out);
	h->in.fd = h->out = -1;
	h->loop = NULL;
}
