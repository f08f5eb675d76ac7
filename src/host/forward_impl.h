/* Forwarding from within: forward.c sends, arrival.c receives. */
#ifndef TN_FORWARD_IMPL_H
#define TN_FORWARD_IMPL_H

#include "host/forward.h"
#include "host/hello.h"
#include "host/peer.h"

enum {
	FORWARD_HELLO_MS = 3000,	/* from the first look to the tunnel */
	FORWARD_IDLE_MS = 120000,	/* beside the options' heartbeat */
	FORWARD_LINE = 256,		/* bytes of one line of the greeting */
	FORWARD_READ = 16384,
};

struct tn_forwards {
	struct tn_host_io *host;
	struct tn_listener listener;
	struct tn_watch accept;
	struct tn_list leaving;		/* struct forward */
	struct tn_list arriving;	/* struct arrival */
	size_t nleaving, narriving;
	char address[64];		/* where others find us */
};

/* arrival.c */
int tn_arrivals_start(struct tn_forwards *f, struct tn_err *err);
void tn_arrivals_stop(struct tn_forwards *f);

#endif
