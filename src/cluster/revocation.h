/*
 * Sessions that end, end everywhere: closes the sockets whose session is gone.
 *
 * Redis tells of each change of a key that was read (the link's
 * on_invalidate). Then the session is read again, once for all its sockets,
 * and those that may not stay are closed. When it is to expire is known too,
 * and then it is looked at. Beneath that is a net: every session is read
 * again within a sweep; and while Redis is away, a session that was not seen
 * for the bound ends.
 */
#ifndef TN_REVOCATION_H
#define TN_REVOCATION_H

#include "base/counts.h"
#include "base/list.h"
#include "io/io.h"

struct tn_link;
struct tn_log;
struct tn_loop;
struct tn_revocation;
struct tn_watched_session;

/*
 * May this socket stay with this record, as Redis has it now? Whoever keeps
 * something of the record for the socket renews it here. (A record that is
 * gone is not asked about.)
 */
typedef bool tn_revocation_may_stay(struct tn_socket *socket,
    struct tn_slice record, void *arg);

struct tn_revocation_options {
	struct tn_slice prefix;		/* of the keys: "sess:"; borrowed */
	int bound_ms;			/* unseen for so long: closed; 0: 30000 */
	int sweep_ms;			/* each is read again; 0: 300000 */
	tn_revocation_may_stay *may_stay;
	void *arg;
};

#define TN_REVOCATION_COUNTS(X)						\
	X(reads,	"of sessions, beside the first")		\
	X(ended,	"sockets closed: session gone or changed")	\
	X(unseen,	"sockets closed: bound passed")

struct tn_revocation_counts {
	TN_REVOCATION_COUNTS(TN_COUNT_MEMBER)
};

/*
 * loop, link, log  borrowed; options are copied
 * Returns NULL with err filled: TN_E_NOMEM.
 */
struct tn_revocation *tn_revocation_new(struct tn_loop *loop,
    struct tn_link *link, struct tn_log *log,
    const struct tn_revocation_options *options, struct tn_err *err);

/* Free the link first: its waiters come here. Sockets still watched are let go. */
void tn_revocation_free(struct tn_revocation **revocation);

/* One socket's place, embedded in what lives as long as the socket. Zeroed: none. */
struct tn_watched_socket {
	struct tn_list link;
	struct tn_socket_ref socket;
	struct tn_watched_session *session;
};

/*
 * Watch a socket's session. To be called before the session is first read,
 * so that no change falls between.
 * Returns 0 or TN_E_NOMEM.
 */
int tn_revocation_watch(struct tn_revocation *revocation,
    struct tn_watched_socket *watched, struct tn_slice sid,
    struct tn_socket *socket);
void tn_revocation_unwatch(struct tn_watched_socket *watched);
/* A secret: never to be logged or sent. Good while it is watched. */
struct tn_slice tn_revocation_sid(const struct tn_watched_socket *watched);

/* For the link's hooks. */
void tn_revocation_on_invalidate(struct tn_revocation *revocation,
    struct tn_slice key);
void tn_revocation_on_up(struct tn_revocation *revocation);
void tn_revocation_on_down(struct tn_revocation *revocation);

const struct tn_revocation_counts *
tn_revocation_counts(const struct tn_revocation *revocation);

#endif
