/*
 * Connections that pass from one worker of a host to another.
 *
 * A worker that finds that a request is another's gives the connection away,
 * descriptor and all (SCM_RIGHTS), before anything of it was read. The other
 * has a datagram socket for it beside its control socket, in a folder that
 * is their user's alone; and looks at who sent (SCM_CREDENTIALS).
 */
#ifndef TN_HANDOVER_H
#define TN_HANDOVER_H

#include <stdint.h>
#include <sys/un.h>

#include "base/loop.h"
#include "base/slice.h"

struct tn_err;

struct tn_handover {
	struct tn_loop *loop;
	const char *dir;		/* borrowed */
	struct tn_watch in;		/* fd -1: closed */
	int out;			/* sends to all others */
	struct sockaddr_un own;
	/* A connection has come; it is the receiver's. */
	void (*adopt)(int fd, void *arg);
	/* What came was none, or from a stranger. */
	void (*refuse)(const char *why, void *arg);
	void *arg;
};

/*
 * Listen on dir/name.fd. loop, dir and the functions are set by the caller.
 * Whoever has the control socket of that name owns the file, so one that is
 * there is a dead worker's. Returns 0, TN_E_CONFIG, TN_E_SYSTEM, TN_E_NOMEM.
 */
int tn_handover_open(struct tn_handover *h, const char *name,
    struct tn_err *err);

/* What came and was not looked at is closed with it. Zeroed storage is fine. */
void tn_handover_close(struct tn_handover *h);

enum tn_handover_result {
	TN_HANDOVER_DONE,	/* close your copy, without a shutdown */
	TN_HANDOVER_LATER,	/* its queue is full */
	TN_HANDOVER_DEAD,	/* it was on this host, and is gone */
	TN_HANDOVER_UNKNOWN,	/* never was here */
	TN_HANDOVER_FAILED,
};

/* Give fd to a worker of this host. name must be tn_owner_is_name. */
enum tn_handover_result tn_handover_give(struct tn_handover *h,
    struct tn_slice name, int fd);

#endif
