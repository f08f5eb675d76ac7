#include "config.h"

#include "io/taps.h"

#include <stdlib.h>

#include "base/json.h"
#include "io/inner.h"

struct tn_taps *
tn_taps_ref(struct tn_taps *taps)
{
	if (taps != NULL)
		taps->refs++;
	return taps;
}

void
tn_taps_unref(struct tn_taps **taps)
{
	struct tn_taps *old = *taps;

	*taps = NULL;
	if (old != NULL && --old->refs == 0)
		free(old);
}

bool
tn_taps_hear_out(const struct tn_taps *taps)
{
	for (uint32_t i = 0; taps != NULL && i < taps->n; i++) {
		if (taps->taps[i].kind == TN_TAP_OUT)
			return true;
	}
	return false;
}

/* ---- changing -------------------------------------------------------------*/

/* The namespace counts the sockets whose sendings are heard. */
static void
replace(struct tn_socket *s, struct tn_taps *taps)
{
	bool before = tn_taps_hear_out(s->taps);
	bool after = tn_taps_hear_out(taps);

	if (after && !before)
		s->ns->nouts++;
	if (before && !after)
		s->ns->nouts--;
	tn_taps_unref(&s->taps);
	s->taps = taps;
}

static int
add(struct tn_socket *s, const struct tn_tap *tap, bool in_front)
{
	uint32_t n = s->taps == NULL ? 0 : s->taps->n;
	struct tn_taps *taps;

	if (s->client == NULL)
		return TN_E_STATE;
	taps = malloc(sizeof(*taps) + (n + 1) * sizeof(*tap));
	if (taps == NULL)
		return TN_E_NOMEM;
	taps->refs = 1;
	taps->n = n + 1;
	if (n > 0)
		memcpy(taps->taps + (in_front ? 1 : 0), s->taps->taps,
		    n * sizeof(*tap));
	taps->taps[in_front ? 0 : n] = *tap;
	replace(s, taps);
	return 0;
}

static int
add_event(struct tn_socket *s, enum tn_tap_kind kind, tn_event_fn *fn,
    void *arg, bool in_front)
{
	const struct tn_tap tap = { .kind = kind, .fn.event = fn, .arg = arg };

	return add(s, &tap, in_front);
}

static int
take_off(struct tn_socket *s, enum tn_tap_kind kind, tn_event_fn *fn)
{
	struct tn_taps *taps;

	if (s->taps == NULL)
		return 0;
	taps = malloc(sizeof(*taps) + s->taps->n * sizeof(taps->taps[0]));
	if (taps == NULL)
		return TN_E_NOMEM;
	taps->refs = 1;
	taps->n = 0;
	for (uint32_t i = 0; i < s->taps->n; i++) {
		const struct tn_tap *tap = &s->taps->taps[i];

		if (tap->kind != kind || (fn != NULL && tap->fn.event != fn))
			taps->taps[taps->n++] = *tap;
	}
	replace(s, taps);
	return 0;
}

int
tn_socket_on_any(struct tn_socket *s, tn_event_fn *fn, void *arg)
{
	return add_event(s, TN_TAP_IN, fn, arg, false);
}

int
tn_socket_prepend_any(struct tn_socket *s, tn_event_fn *fn, void *arg)
{
	return add_event(s, TN_TAP_IN, fn, arg, true);
}

int
tn_socket_on_any_outgoing(struct tn_socket *s, tn_event_fn *fn, void *arg)
{
	return add_event(s, TN_TAP_OUT, fn, arg, false);
}

int
tn_socket_prepend_any_outgoing(struct tn_socket *s, tn_event_fn *fn,
    void *arg)
{
	return add_event(s, TN_TAP_OUT, fn, arg, true);
}

int
tn_socket_off_any(struct tn_socket *s, tn_event_fn *fn)
{
	return take_off(s, TN_TAP_IN, fn);
}

int
tn_socket_off_any_outgoing(struct tn_socket *s, tn_event_fn *fn)
{
	return take_off(s, TN_TAP_OUT, fn);
}

int
tn_socket_use(struct tn_socket *s, tn_socket_step *fn, void *arg)
{
	const struct tn_tap tap = { .kind = TN_TAP_STEP, .fn.step = fn,
		.arg = arg };

	return add(s, &tap, false);
}

int
tn_socket_on_error(struct tn_socket *s, tn_socket_error_fn *fn, void *arg)
{
	const struct tn_tap tap = { .kind = TN_TAP_ERROR, .fn.error = fn,
		.arg = arg };

	return add(s, &tap, false);
}

/* ---- telling --------------------------------------------------------------*/

static void
tell(struct tn_socket *s, enum tn_tap_kind kind, const struct tn_event *event)
{
	struct tn_taps *taps = tn_taps_ref(s->taps);

	for (uint32_t i = 0; i < taps->n; i++) {
		const struct tn_tap *tap = &taps->taps[i];

		if (tap->kind == kind && s->state == TN_SOCKET_CONNECTED)
			tap->fn.event(s, event, tap->arg);
	}
	tn_taps_unref(&taps);
}

void
tn_taps_error(struct tn_socket *s, const struct tn_err *err)
{
	struct tn_taps *taps = tn_taps_ref(s->taps);

	for (uint32_t i = 0; taps != NULL && i < taps->n; i++) {
		const struct tn_tap *tap = &taps->taps[i];

		if (tap->kind == TN_TAP_ERROR)
			tap->fn.error(s, err, tap->arg);
	}
	tn_taps_unref(&taps);
}

bool
tn_taps_event(struct tn_socket *s, const struct tn_event *event)
{
	struct tn_taps *taps = tn_taps_ref(s->taps);
	struct tn_err err = { 0 };
	int r = 0;

	if (taps == NULL)
		return true;
	tell(s, TN_TAP_IN, event);
	for (uint32_t i = 0; r == 0 && i < taps->n; i++) {
		const struct tn_tap *tap = &taps->taps[i];

		if (tap->kind == TN_TAP_STEP &&
		    s->state == TN_SOCKET_CONNECTED)
			r = tap->fn.step(s, event, &err, tap->arg);
	}
	tn_taps_unref(&taps);
	if (r < 0)
		tn_taps_error(s, &err);
	return r == 0 && s->state == TN_SOCKET_CONNECTED;
}

void
tn_taps_outgoing(struct tn_socket *s, const struct tn_broadcast_packet *p)
{
	bool answered = true;
	struct tn_event event = {
		.ns = s->ns, .data = p->data, .buffers = p->buffers,
		.nbuffers = p->nbuffers, .socket = s, .answered = &answered,
	};
	struct tn_arena arena;
	struct tn_slice rest = p->data, first;

	if (!tn_taps_hear_out(s->taps) || !tn_json_element(&rest, &first))
		return;
	tn_arena_init(&arena, 8 * TN_LIMIT_EVENT_NAME);
	event.args = tn_args_behind(p->data, first);
	if (tn_json_type(first) != TN_JSON_STRING)
		event.name = first;
	else if (tn_json_string(first, &arena, &event.name, NULL) < 0)
		event.name = TN_SLICE_NONE;
	tell(s, TN_TAP_OUT, &event);
	tn_arena_fini(&arena);
}
