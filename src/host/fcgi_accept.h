/* Takes connections of web servers from a listening socket. */
#ifndef TN_FCGI_ACCEPT_H
#define TN_FCGI_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

struct sockaddr;

/*
 * Accept one connection; reading and writing on it wait, but not for ever.
 *
 * fronts  addresses that may connect over TCP; n 0: loopback's alone
 *
 * Returns its descriptor; TN_E_AWAY when none waits; TN_E_DENIED for one of
 * another address, which is closed; TN_E_LIMIT, with errno kept, when there
 * is no descriptor or memory for it.
 */
int tn_fcgi_accept(int listen_fd, const char *const *fronts, size_t n);

/* May a peer of this address connect? Those of Unix sockets may. */
bool tn_fcgi_is_front(const struct sockaddr *peer, const char *const *fronts,
    size_t n);

#endif
