/*
 * Content negotiation: which of our offers a client likes best, with the
 * results of npm's accepts and negotiator. Source: RFC 9110, 12.
 */
#ifndef TN_NEGOTIATE_H
#define TN_NEGOTIATE_H

#include "base/slice.h"

enum tn_accept_kind {
	TN_ACCEPT_TYPE, TN_ACCEPT_ENCODING, TN_ACCEPT_LANGUAGE,
	TN_ACCEPT_CHARSET,
};

/*
 * header  of the request; ptr NULL: it sent none, and takes anything (but
 *         no encoding other than "identity")
 * offers  what we have, best first; ended by NULL. A type may be a media
 *         type or an extension, "json".
 *
 * Returns the number of the best, or -1: none will do.
 */
int tn_negotiate(enum tn_accept_kind kind, struct tn_slice header,
    const char *const *offers);

#endif
