/*
 * Runs a request through an app in memory, with no web server.
 *
 *	struct tn_harness h;
 *
 *	tn_harness_init(&h, app);
 *	tn_harness_request(&h, "POST", "/login", "cookie: a=1\n", "user=joe");
 *	... h.status, tn_harness_header(&h, "location"), h.body ...
 *	tn_harness_fini(&h);
 */
#ifndef TN_HARNESS_H
#define TN_HARNESS_H

#include "web/app.h"
#include "web/cgi.h"

struct tn_harness {
	struct tn_app *app;
	struct tn_exchange exchange;
	struct tn_arena words;		/* the request as CGI variables */
	struct tn_sink sink;
	struct tn_body reader;
	struct tn_slice to_read;	/* what is left of the request's body */
	struct tn_buf raw;		/* the answer as it left */
	size_t writes;			/* how many pieces it left in */
	size_t fail_write;		/* this write, from 1, fails; 0: none */
	bool body_is_late;		/* the body is still coming */
	bool was_slow;			/* it went to the helper pool */
	struct tn_cgi_options cgi;
	char cookies[2048];		/* kept from one request to the next */
	/* of the last answer */
	int status;			/* 0: none that could be read */
	struct tn_slice head;
	struct tn_slice body;
};

void tn_harness_init(struct tn_harness *h, struct tn_app *app);
void tn_harness_fini(struct tn_harness *h);

/*
 * headers  "name: value\n" lines; NULL: none. A body of which no
 *          content-type is given is a form.
 * body     NULL: none
 *
 * Cookies that answers set are sent with the next request, as a browser
 * would; give a cookie line to send others.
 * Returns the status, or a negative error.
 */
int tn_harness_request(struct tn_harness *h, const char *method,
    const char *target, const char *headers, const char *body);

/* The same with a body of any bytes; ptr NULL: none. */
int tn_harness_send(struct tn_harness *h, const char *method,
    const char *target, const char *headers, struct tn_slice body);

/*
 * tn_harness_request in two halves: between them, the requests of several
 * harnesses are there together, as tn_app_prepare has them.
 */
void tn_harness_begin(struct tn_harness *h, const char *method,
    const char *target, const char *headers, struct tn_slice body);
int tn_harness_finish(struct tn_harness *h);

/* GET without headers. */
int tn_harness_get(struct tn_harness *h, const char *target);

/* A header of the last answer; the nth of that name, from 0. */
struct tn_slice tn_harness_header(const struct tn_harness *h,
    const char *name);
struct tn_slice tn_harness_header_nth(const struct tn_harness *h,
    const char *name, size_t nth);

/* Does the body hold this text? */
bool tn_harness_shows(const struct tn_harness *h, const char *text);

#endif
