/* Runs a Socket.IO server: libwebsockets and libev around src/io. */
#ifndef TN_HOST_IO_H
#define TN_HOST_IO_H

#include "base/counts.h"
#include "io/io.h"

struct tn_host_io;
struct tn_loop;
struct tn_signer;

/*
 * handed_over, adopted  connections that went to another worker of this host,
 *                       or came from one
 * handover_failed       what was given nowhere; _refused: what came was none
 * owner_dead            requests for a session of a worker that is gone,
 * owner_unknown         or that nobody knows: answered with code 1
 * forwarded, forwarded_in
 *                       connections taken to another host, or from one
 * forward_failed        that could not be taken there; _refused: whose
 *                       greeting from there was wrong
 * refused_address       answered 503: too many of one address
 * gate_full             closed: too many without a first line, or no memory
 */
#define TN_HOST_COUNTS(X)						\
	X(accepted) X(handed_over) X(adopted)				\
	X(handover_failed) X(handover_refused)				\
	X(owner_dead) X(owner_unknown) X(gate_full)			\
	X(forwarded) X(forwarded_in) X(forward_failed)			\
	X(forward_refused)						\
	X(refused_address) X(out_of_descriptors)

struct tn_host_counts {
	TN_HOST_COUNTS(TN_COUNT_MEMBER)
};

struct tn_host_io_options {
	const char *listen;		/* "unix:/path", "host:port", "fd:3"; LISTEN_FDS wins */
	const char *worker;		/* ends the sids of this worker; NULL: none */
	/*
	 * Folder of the sockets by which the workers of this host give each
	 * other the connections they mistake; NULL: they do not.
	 */
	const char *control_dir;
	bool front_routes;		/* nobody mistakes them, so they may be kept */
	/*
	 * The same between hosts: an address ("192.0.2.1:0", any port) where
	 * others bring connections of this worker's sessions; NULL: none. It
	 * wants a control_dir.
	 *
	 * forward_signer   of tn_hello_signer, borrowed
	 * forward_idle_ms  a silence that is none: the heartbeat's
	 * on_forward       told where that is, to let the others know
	 * find_node        find another worker: 0 and fn is called once, later
	 *                  (ptr NULL: not there); or negative: not there
	 */
	const char *forward;
	const struct tn_signer *forward_signer;
	int forward_idle_ms;
	void (*on_forward)(struct tn_slice address, void *arg);
	int (*find_node)(struct tn_slice worker,
	    void (*fn)(struct tn_slice address, void *fn_arg), void *fn_arg,
	    void *arg);
	const char *client_dir;		/* client bundle's files; NULL: not served */
	const char *const *trusted_proxies;	/* addresses; a Unix socket is trusted */
	size_t ntrusted;
	size_t max_per_address;		/* connections; 0: no bound */
	int send_buffer;		/* SO_SNDBUF, bytes; 0: 65536 */
	bool use_ring;			/* send through io_uring, where it is there */
	int drain_ms;			/* TERM to the end; 0: 5000 */
	void (*on_reload)(void *arg);	/* HUP */
	/* After TERM, when every connection has gone: is nothing left to do? NULL: yes. */
	bool (*is_idle)(void *arg);
	void *arg;
};

/*
 * The loop first, since what the server needs (a link to Redis, its timers)
 * lives on it; then the server; then run.
 */
struct tn_host_io *tn_host_io_new(const struct tn_host_io_options *options,
    struct tn_log *log, struct tn_err *err);
struct tn_loop *tn_host_io_loop(struct tn_host_io *host);

const struct tn_host_counts *tn_host_io_counts(const struct tn_host_io *host);

/* Has it been told to stop? */
bool tn_host_io_is_draining(const struct tn_host_io *host);

/*
 * Serve io until TERM or INT; then stop accepting, close every session with
 * "server shutting down", and return.
 * Returns 0, or TN_E_SYSTEM when it cannot listen.
 */
int tn_host_run_io(struct tn_host_io *host, struct tn_io *io,
    struct tn_err *err);

/* The same for a bare engine, without Socket.IO. */
int tn_host_run_engine(struct tn_host_io *host, struct tn_engine *engine,
    struct tn_err *err);

void tn_host_io_free(struct tn_host_io **host);

#endif
