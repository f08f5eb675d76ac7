/* An HTTP client that keeps its connection and asks one thing at a time. */
#ifndef TN_BENCH_HTTP_CLIENT_H
#define TN_BENCH_HTTP_CLIENT_H

#include <stdbool.h>

#include "base/buf.h"

struct http_target {
	const char *host;	/* an IPv4 address */
	int port;
};

struct http_client {
	int fd;
	struct tn_buf in;	/* the answer, as far as it has come */
};

struct http_answer {
	int status;
	bool closes;		/* the server ends the connection after it */
	size_t body_bytes;	/* with the chunks' own lines, if chunked */
	struct tn_slice text;	/* head and body, as they came */
};

bool http_client_open(struct http_client *c, const struct http_target *target);
void http_client_close(struct http_client *c);

/* Send a whole request; waits for room if there is none. */
bool http_client_send(struct http_client *c, struct tn_slice request);

/*
 * Read what has come.
 *
 * out  set when the answer is whole, its text good until the next call
 *
 * Returns 1 for a whole answer, 0 for "more is to come", -1 when the server
 * has closed or what it sends is no answer.
 */
int http_client_read(struct http_client *c, struct http_answer *out);

/* Done with this answer: the next bytes belong to the next one. */
void http_client_next(struct http_client *c, const struct http_answer *done);

#endif
