/*
 * One process of a FastCGI program: an event loop over its connections.
 *
 *	listener ─accept4─▶ connection ◀──────────── kept ───────────┐
 *	                        │ readable: look (fcgi_look.h)        │
 *	                        ├─ came in whole ──▶ app ─▶ answer ───┤
 *	                        │            TN_QUICK ▲ │ TN_SLOW     │
 *	                        └─ still coming ──▶ helper pool ──────┘
 *
 * Those that came in whole by one turn of the loop are read first and answered
 * then, one after the other: the app may ask for what they need all at once
 * (tn_app_prepare). Those whose handlers ask Redis (TN_ASK) are asked for
 * together too.
 *
 * Connections that wait cost a descriptor and no thread. The loop never waits
 * for a connection: a request that is coming goes to the pool, and past the
 * pool's queue is answered 503. An answer, also that of a helper, is sent on by
 * the loop when its reader takes more: up to TN_LIMIT_FCGI_UNSENT_ALL bytes of
 * all of them, past which it is cut off, as it is when nothing was taken for
 * five seconds.
 */
#ifndef TN_FCGI_WORKER_H
#define TN_FCGI_WORKER_H

#include "host/host_app.h"

/*
 * Serve until TERM or INT; then take what has connected already, answer what
 * comes on kept connections, and return when they are quiet or at the
 * deadline, at once on a second signal. The signals of tn_prefork_signals
 * must be blocked.
 *
 * listen_fd  nonblocking and listening; borrowed
 *
 * Returns 0, TN_E_SYSTEM or TN_E_NOMEM.
 */
int tn_fcgi_worker_run(int listen_fd, struct tn_app *app,
    const struct tn_host_app_options *options, struct tn_log *log,
    struct tn_err *err);

#endif
