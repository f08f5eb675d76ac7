/* Media types by the ending of a file's name, and of what is sent as text. */
#ifndef TN_MIME_H
#define TN_MIME_H

#include "base/slice.h"

/*
 * The type of an extension, "html" or ".html", in any case; NULL if it is
 * none of ours. Source: mime-db.
 */
const char *tn_mime_lookup(struct tn_slice extension);

/*
 * Content-Type for a file, by its name's ending, with its charset:
 * "text/html; charset=utf-8"; "application/octet-stream" if unknown.
 */
const char *tn_mime_of_path(struct tn_slice path);

/* A short word, "json", or a type: as a Content-Type. NULL if unknown. */
const char *tn_mime_content_type(const char *type);

/*
 * Does a Content-Type match an expected one, as type-is does? Parameters do
 * not count.
 *
 * expected  a type, "text/ *" or "* / *" without the spaces, "+json" for
 *           any with that suffix, an extension, "urlencoded", "multipart"
 */
bool tn_mime_is(struct tn_slice content_type, const char *expected);

#endif
