/*
 * Sends an open file, or the parts of it that were asked for.
 *
 * With Last-Modified, a strong ETag and Accept-Ranges; 304 to whoever has it,
 * 412 when If-Match or If-Unmodified-Since do not hold, 206 with one part or
 * with several as multipart/byteranges, 416 when none of them is there.
 * Source: RFC 9110, 13 and 14.
 */
#ifndef TN_SEND_FILE_H
#define TN_SEND_FILE_H

#include <sys/stat.h>

#include "web/response.h"

struct tn_sent_file {
	int fd;			/* borrowed */
	const struct stat *st;
	const char *type;	/* Content-Type unless one is set; borrowed */
	const char *encoding;	/* Content-Encoding; NULL: none */
	bool no_ranges;		/* always all of it */
};

/* TN_DONE, or the error that kept it from being sent. */
int tn_res_send_open(struct tn_res *res, const struct tn_sent_file *file);

#endif
