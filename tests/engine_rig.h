/*
 * An engine on a table: requests and frames are strings, time is moved by
 * hand, and what the engine does is kept to be looked at.
 */
#ifndef TN_ENGINE_RIG_H
#define TN_ENGINE_RIG_H

#include "io/engine.h"

/* An HTTP exchange and what it was answered. */
struct rig_http {
	struct tn_io_exchange x;
	struct tn_engine *engine;
	int replies;
	int status;
	bool close;
	char type[64];
	char headers[512];	/* "name: value\n" each */
	struct tn_buf body;
};

/* A WebSocket and what the engine did to it. */
struct rig_wire {
	struct tn_wire w;
	int wakes;
};

struct rig {
	struct tn_wheel wheel;
	struct tn_engine *engine;
	struct tn_buf log;	/* "open", "text:x", "binary:x", "close:why" */
	struct tn_conn *last;	/* the session that opened last */
	bool echoes;		/* sends each message back */
	enum tn_close_reason close_on_text; /* with closes: what to close with */
	bool closes;
	const char *query;	/* of each request; "EIO=4" */
};

/* options NULL: the presets. */
void rig_start(struct rig *r, const struct tn_engine_options *options);
void rig_stop(struct rig *r);

/* Move time on by so many milliseconds, in small steps, with a flush each. */
void rig_pass(struct rig *r, int ms);

/* What happened since the last call. */
const char *rig_log(struct rig *r);

/*
 * A request. headers are "name: value" lines, or NULL. A body is given whole
 * if the engine asks for it, then the turn is flushed.
 */
void rig_http(struct rig *r, struct rig_http *h, const char *method,
    const char *target, const char *headers, struct tn_slice body);
/* The same on a session, by its sid. */
void rig_get(struct rig *r, struct rig_http *h, const char *sid);
void rig_post(struct rig *r, struct rig_http *h, const char *sid,
    const char *body);
/* Only its head: the body is still to come. */
void rig_post_head(struct rig *r, struct rig_http *h, const char *sid);
/* A client that was not answered goes. */
void rig_http_fini(struct rig_http *h);

/* The answer in one string: "200 body", "-" if there is none yet. */
const char *rig_answer(const struct rig_http *h);

/* A new polling session; returns its sid, good for the session's life. */
const char *rig_open(struct rig *r);

/* Open a WebSocket: sid NULL begins a session. Returns whether it may. */
bool rig_wire_open(struct rig *r, struct rig_wire *w, const char *sid);
void rig_wire_text(struct rig *r, struct rig_wire *w, const char *text);
/* Take what it would send: frames' payloads with '|' behind each. */
const char *rig_wire_sent(struct rig_wire *w);
void rig_wire_gone(struct rig *r, struct rig_wire *w, bool clean);

#endif
