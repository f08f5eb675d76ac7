/*
 * What a socket has beside its handlers by name: catch-all listeners, steps
 * of its events, listeners to errors.
 */
#ifndef TN_TAPS_H
#define TN_TAPS_H

#include "io/adapter.h"

enum tn_tap_kind { TN_TAP_IN, TN_TAP_OUT, TN_TAP_STEP, TN_TAP_ERROR };

struct tn_tap {
	enum tn_tap_kind kind;
	union {
		tn_event_fn *event;	/* IN, OUT */
		tn_socket_step *step;
		tn_socket_error_fn *error;
	} fn;
	void *arg;
};

/* A list never changes once it is made, so it can be walked by who holds it. */
struct tn_taps {
	uint32_t refs, n;
	struct tn_tap taps[];
};

struct tn_taps *tn_taps_ref(struct tn_taps *taps);
void tn_taps_unref(struct tn_taps **taps);

/* Has anybody asked for what goes out? */
bool tn_taps_hear_out(const struct tn_taps *taps);

/*
 * An event has come: tell the catch-all listeners, then ask the steps.
 * Returns false if one has stopped it, or the socket has gone meanwhile.
 */
bool tn_taps_event(struct tn_socket *socket, const struct tn_event *event);
void tn_taps_error(struct tn_socket *socket, const struct tn_err *err);
/* An event went out: ["name",arg...]. */
void tn_taps_outgoing(struct tn_socket *socket,
    const struct tn_broadcast_packet *packet);

#endif
