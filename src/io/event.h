/* Events from clients, and their answers. Part of io/io.h, which tells more. */
#ifndef TN_EVENT_H
#define TN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct tn_ns;
struct tn_socket;

struct tn_event {
	struct tn_ns *ns;
	struct tn_slice name;		/* decoded */
	struct tn_slice args;		/* JSON values with commas between */
	struct tn_slice data;		/* the array of name and args */
	const struct tn_slice *buffers;	/* what the placeholders stand for */
	size_t nbuffers;
	bool wants_ack;
	struct tn_socket *socket;
	uint64_t ack_id;
	bool *answered;			/* the library's */
};

/* The i-th argument, raw JSON. Returns false if there are fewer. */
bool tn_event_arg(const struct tn_event *event, size_t i,
    struct tn_slice *value);

/* Answer the ack, if one is wanted; the first answer counts. */
void tn_event_ack(const struct tn_event *event, struct tn_slice args);
/* With buffers, at most TN_LIMIT_ATTACHMENTS, for the placeholders in args. */
void tn_event_ack_binary(const struct tn_event *event, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers);
/*
 * Say no: the ack gets {"error":text}; without one the socket gets the
 * event "refused" {"event":name,"error":text}.
 */
void tn_event_refuse(const struct tn_event *event, const char *text);

/* To answer later: kept until one of these is called, which frees it. */
struct tn_event_ref;
struct tn_event_ref *tn_event_hold(const struct tn_event *event);
void tn_event_ref_ack(struct tn_event_ref *ref, struct tn_slice args);
void tn_event_ref_ack_binary(struct tn_event_ref *ref, struct tn_slice args,
    const struct tn_slice *buffers, size_t nbuffers);
void tn_event_ref_refuse(struct tn_event_ref *ref, const char *text);
/* The socket that sent it, or NULL. */
struct tn_socket *tn_event_ref_socket(const struct tn_event_ref *ref);
/* The namespace it came in, also when the socket has gone; NULL: the server has. */
struct tn_ns *tn_event_ref_ns(const struct tn_event_ref *ref);

#endif
