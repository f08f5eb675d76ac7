/* For src/web alone: dates in headers (RFC 9110, 5.6.7). */
#ifndef TN_HTTP_DATE_H
#define TN_HTTP_DATE_H

#include "base/slice.h"

/*
 * Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT", or of one of the two
 * forms of old. Returns false if it is none of these.
 */
bool tn_http_date_read(struct tn_slice text, int64_t *seconds);

#endif
