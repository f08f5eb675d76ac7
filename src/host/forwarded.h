/* Who the client is, behind the web servers that speak for it. */
#ifndef TN_FORWARDED_H
#define TN_FORWARDED_H

#include "base/slice.h"

#define TN_ADDRESS_TEXT	46	/* bytes of an IPv6 address with its NUL */

/*
 * Write an address the one way it is compared and shown: without port and
 * brackets, IPv4 inside IPv6 as IPv4.
 *
 * in   "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"
 * out  room for TN_ADDRESS_TEXT bytes
 *
 * Returns false, and sets nothing, if it is no address.
 */
bool tn_address_read(struct tn_slice in, char *out);

/*
 * The client's address from X-Forwarded-For, of a peer that is trusted: the
 * rightmost entry that is no trusted proxy, since everything left of it may
 * be the client's invention.
 *
 * trusted  n addresses
 * out      room for TN_ADDRESS_TEXT bytes
 *
 * Returns false if there is none, or if it is no address.
 */
bool tn_forwarded_for(struct tn_slice header, const char *const *trusted,
    size_t n, char *out);

/* Is this address one of the n? */
bool tn_address_is_trusted(const char *address, const char *const *trusted,
    size_t n);

#endif
