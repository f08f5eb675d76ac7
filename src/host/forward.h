/*
 * Connections that belong to a worker of another host: carried there byte by
 * byte, both ways, until one side ends; and those that come from there.
 *
 * What arrives is served here or refused, never passed on, so a connection
 * makes one hop at most.
 */
#ifndef TN_FORWARD_H
#define TN_FORWARD_H

#include <stdbool.h>

#include "base/slice.h"

struct tn_err;
struct tn_host_io;
struct tn_forwards;

/* Listens where the options say. Returns 0; TN_E_CONFIG, TN_E_SYSTEM... */
int tn_forwards_start(struct tn_host_io *host, struct tn_err *err);
/* Take nothing more. */
void tn_forwards_pause(struct tn_host_io *host);
void tn_forwards_stop(struct tn_host_io *host);

/* Is there none on its way? */
bool tn_forwards_idle(const struct tn_host_io *host);

/*
 * Take a connection of which nothing was read to the worker of this name. It
 * comes back to the host as its own (to be told that nobody has the session)
 * if the worker is not found, or not what it says.
 */
void tn_forward_begin(struct tn_host_io *host, int fd, struct tn_slice name);

#endif
