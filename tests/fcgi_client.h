/* A web server's side of FastCGI, for tests: records as it would send them. */
#ifndef FCGI_CLIENT_H
#define FCGI_CLIENT_H

#include "base/buf.h"

struct fcgi_answer {
	struct tn_buf text;	/* STDOUT: head and body */
	int status;		/* of its Status header; 200 if it has none */
	unsigned app_status;
	bool ended;		/* END_REQUEST came */
	size_t records;		/* of STDOUT */
};

/* Connect to a Unix socket, waiting up to 5 s for it. -1: nobody there. */
int fcgi_connect(const char *path);

/* Append to out: one record; the three parts of a request. */
void fcgi_record(struct tn_buf *out, unsigned type, unsigned id,
    struct tn_slice content);
void fcgi_begin(struct tn_buf *out, unsigned id, bool keep);
void fcgi_param(struct tn_buf *out, const char *name, struct tn_slice value);

/*
 * A whole request.
 * params  further ones as fcgi_param writes them, or empty
 * body    cut into records of up to 64 KiB
 */
void fcgi_request(struct tn_buf *out, unsigned id, bool keep,
    const char *method, const char *uri, struct tn_slice params,
    struct tn_slice body);

/* Returns whether all of it went out. */
bool fcgi_send(int fd, struct tn_slice bytes);

/*
 * Read one answer. Returns whether it came to its END_REQUEST; false when
 * the connection ended before, or nothing came for 10 s.
 */
bool fcgi_read(int fd, struct fcgi_answer *answer);
void fcgi_answer_fini(struct fcgi_answer *answer);

/* The body of an answer. */
struct tn_slice fcgi_body(const struct fcgi_answer *answer);

/* Has the other side closed, within 5 s? */
bool fcgi_is_closed(int fd);

#endif
