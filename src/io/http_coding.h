/*
 * Which content coding an answer may have: the Accept-Encoding header.
 *
 * Not by tn_negotiate, which does as Express 5's negotiator 1: a weight that
 * is missing ("gzip;q=") or quoted counts there, and is none in the
 * negotiator 0.6 of engine.io, which this follows.
 */
#ifndef TN_HTTP_CODING_H
#define TN_HTTP_CODING_H

#include "base/slice.h"

enum tn_http_coding { TN_CODING_NONE, TN_CODING_GZIP, TN_CODING_DEFLATE };

/*
 * What the client likes best of gzip and deflate: the higher q, then what is
 * named before what "*" means, then what stands first; gzip of equals.
 *
 * header  its value; empty: neither is accepted
 *
 * Source: RFC 9110, 12.5.3; ties as npm's negotiator decides them.
 */
enum tn_http_coding tn_http_coding_choose(struct tn_slice header);

/* "gzip", "deflate"; NULL for none. */
const char *tn_http_coding_name(enum tn_http_coding coding);

#endif
