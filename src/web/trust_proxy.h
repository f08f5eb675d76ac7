/* Which proxies are believed about the client, as Express's "trust proxy". */
#ifndef TN_TRUST_PROXY_H
#define TN_TRUST_PROXY_H

#include "base/limits.h"
#include "base/slice.h"

struct tn_err;

struct tn_subnet {
	unsigned char bytes[16];	/* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;
};

/* The zero value trusts nobody. */
struct tn_trust {
	bool is_set;
	bool all;
	unsigned hops;			/* the nearest so many */
	struct tn_subnet subnets[TN_LIMIT_SUBNETS];
	size_t n;
};

/*
 * text  "true", "false", a number of hops, or a list of addresses, subnets
 *       ("10.0.0.0/8", "fd00::/8"), "loopback", "linklocal", "uniquelocal"
 *
 * Returns 0, or TN_E_CONFIG naming what is wrong.
 */
int tn_trust_init(struct tn_trust *trust, const char *text,
    struct tn_err *err);

/* Is the address believed, hop steps away (the nearest is 0)? */
bool tn_trust_ask(const struct tn_trust *trust, struct tn_slice address,
    unsigned hop);

/* An IPv4 or IPv6 address, without a port. */
bool tn_is_address(struct tn_slice s);

/*
 * The client and what stands between, by a chain of addresses.
 *
 * peer       who is connected to us
 * forwarded  X-Forwarded-For; ptr NULL: none
 * out        room for cap: the peer, then each believed one's word on who
 *            was before it; the client is the last
 *
 * Returns how many, at least 1. A word that is no address ends the chain.
 */
size_t tn_trust_chain(const struct tn_trust *trust, struct tn_slice peer,
    struct tn_slice forwarded, struct tn_slice *out, size_t cap);

#endif
