/*
 * Server-sent events: an answer that goes on, an event at a time. The handler
 * waits between them, so it belongs behind tn_slow:
 *
 *	tn_app_get(app, "/news", tn_slow, news);
 *
 * Each event is pushed through the web server when it is sent. Source: the
 * HTML standard, 9.2.
 */
#ifndef TN_SSE_H
#define TN_SSE_H

#include "web/response.h"

struct tn_sse_event {
	struct tn_slice event;	/* its name; empty: "message" */
	/* May have several lines; ptr NULL: none, and no page hears of it. */
	struct tn_slice data;
	struct tn_slice id;	/* comes back as Last-Event-ID; empty: none */
	int retry_ms;		/* how long clients wait; 0: not said */
};

/*
 * Send the head. Returns 0; TN_DONE: it was a HEAD request, of which this is
 * the whole answer; TN_E_STATE (no place to wait: tn_slow is missing), or
 * what kept it from being sent.
 */
int tn_sse_start(struct tn_res *res);

/*
 * Returns 0; TN_E_IO: the client has gone; TN_E_SYNTAX: a name or id with a
 * line end. At the end, tn_res_end.
 */
int tn_sse_send(struct tn_res *res, const struct tn_sse_event *event);

/* A comment, to see whether the client is there. As tn_sse_send. */
int tn_sse_ping(struct tn_res *res);

#endif
