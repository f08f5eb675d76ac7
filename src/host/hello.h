/*
 * How two hosts make sure of each other before one forwards a connection.
 *
 *	out	TANDEM1 <nonce>
 *	in	<nonce> <mac of both nonces and its name>
 *	out	<client's address, or -> <mac of all that and the address>
 *
 * Both know the site's secret. A worker that was not meant refuses, as does
 * one to whom old lines are said again: each has a nonce of its own in them.
 */
#ifndef TN_HELLO_H
#define TN_HELLO_H

#include "base/buf.h"

struct tn_err;
struct tn_signer;

#define TN_HELLO_NONCE	22	/* characters: 128 bits and more */
#define TN_HELLO_ADDRESS	46	/* bytes with the NUL */

struct tn_hello {
	char out[TN_HELLO_NONCE + 1];
	char in[TN_HELLO_NONCE + 1];
};

/*
 * Each reads the other's last line (without its end) and appends the next to
 * buf, with its end. Returns 0; TN_E_SYNTAX; TN_E_DENIED for a wrong mac;
 * TN_E_LIMIT, TN_E_NOMEM.
 *
 * signer   made of the site's secrets for this use (tn_hello_signer)
 * name     of the worker that is wanted, or that this is
 * address  of the client; "" if it came over a Unix socket
 */
void tn_hello_begin(struct tn_hello *h, struct tn_buf *buf);
int tn_hello_answer(struct tn_hello *h, const struct tn_signer *signer,
    struct tn_slice name, struct tn_slice line, struct tn_buf *buf);
int tn_hello_confirm(struct tn_hello *h, const struct tn_signer *signer,
    struct tn_slice name, struct tn_slice address, struct tn_slice line,
    struct tn_buf *buf);
/* The last line: address gets the client's. */
int tn_hello_accept(const struct tn_hello *h, const struct tn_signer *signer,
    struct tn_slice name, struct tn_slice line,
    char address[TN_HELLO_ADDRESS]);

/* Keys that sign nothing else: no cookie's signature can be one of these. */
struct tn_signer *tn_hello_signer(const char *const *secrets, size_t n,
    struct tn_err *err);

#endif
