/* Waits for a request that is still coming; for the helper pool. */
#ifndef TN_FCGI_ARRIVE_H
#define TN_FCGI_ARRIVE_H

#include "host/fcgi_look.h"

/*
 * Wait until all parameters of a request are there to be read, 15 s at most,
 * whatever trickles in meanwhile.
 *
 * request_id  set if one began, else 0
 *
 * Returns what has come: never TN_FCGI_PARTIAL; TN_FCGI_WRONG also when the
 * time is up or the peer has gone.
 */
enum tn_fcgi_arrival tn_fcgi_arrive(int fd, unsigned *request_id);

/*
 * Answer TN_FCGI_LARGE with 431, without reading the request: the
 * connection can only be closed after it.
 */
void tn_fcgi_refuse_large(int fd, unsigned request_id);

#endif
