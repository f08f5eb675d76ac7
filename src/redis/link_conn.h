/* One connection of a link: a socket in the loop. For src/redis alone. */
#ifndef TN_LINK_CONN_H
#define TN_LINK_CONN_H

#include "base/loop.h"
#include "redis/wire.h"

struct tn_link_conn;

/*
 * None of them may free the connection; all may close it. After on_lost it
 * is closed already.
 */
struct tn_link_conn_hooks {
	void (*on_open)(struct tn_link_conn *c);
	void (*on_reply)(struct tn_link_conn *c, const struct tn_reply *r);
	void (*on_lost)(struct tn_link_conn *c, const struct tn_err *err);
};

struct tn_link_conn {
	struct tn_loop *loop;
	const struct tn_link_conn_hooks *hooks;
	void *arg;		/* the hooks' own */
	struct tn_watch watch;	/* fd -1: closed */
	struct tn_deferred flush;
	struct tn_reader reader;
	struct tn_buf out;	/* to be sent, from out_at on */
	size_t out_at;
	bool is_open;		/* connected */
	bool is_blocked;	/* the kernel takes no more for now */
};

void tn_link_conn_init(struct tn_link_conn *c, struct tn_loop *loop,
    const struct tn_link_conn_hooks *hooks, void *arg);
void tn_link_conn_fini(struct tn_link_conn *c);

/* Begin to connect. Returns 0, or TN_E_AWAY or TN_E_NOMEM and it is closed. */
int tn_link_conn_dial(struct tn_link_conn *c,
    const struct tn_redis_options *options, unsigned attempt,
    struct tn_err *err);

/* Close the socket; what was to be sent stays in out. */
void tn_link_conn_close(struct tn_link_conn *c);

/* Send what stands in out, at the end of this turn of the loop. */
void tn_link_conn_send_soon(struct tn_link_conn *c);

/* Look at once whether something has come; hooks may be called. */
void tn_link_conn_read(struct tn_link_conn *c);

#endif
