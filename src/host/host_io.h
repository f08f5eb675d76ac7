/* Runs a Socket.IO server: libwebsockets and libev around src/io. */
#ifndef TN_HOST_IO_H
#define TN_HOST_IO_H

#include "io/io.h"

struct tn_host_io;
struct tn_loop;

struct tn_host_io_options {
	const char *listen;		/* "unix:/path", "host:port", "fd:3"; LISTEN_FDS wins */
	const char *worker;		/* for the log; NULL: none */
	const char *client_dir;		/* client bundle's files; NULL: not served */
	const char *const *trusted_proxies;	/* addresses; a Unix socket is trusted */
	size_t ntrusted;
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
