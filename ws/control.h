/* What the files behind tandemctl share. */
#ifndef CONTROL_H
#define CONTROL_H

#include "site.h"

#include "base/buf.h"
#include "host/control.h"

/* What is asked: words[0] is the command's name. */
struct question {
	struct site *site;
	struct tn_control_call *call;
	const struct tn_slice *words;
	size_t n;
};

/* control.c: an answer is an object that begins with the worker's name. */
void control_begin(const struct site *site, struct tn_buf *out);
/* Closes the object, sends it, frees out. */
void control_finish(struct tn_control_call *call, struct tn_buf *out);
/* 0: {"worker":"a","done":true}; else why not. */
void control_done(const struct question *q, int status);

/* control_io.c */
typedef void control_fn(const struct question *q);
control_fn control_nodes, control_clients, control_client, control_rooms;
control_fn control_disconnect, control_join, control_leave, control_emit;

#endif
