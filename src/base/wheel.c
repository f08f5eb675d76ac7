/*
 * A timer stands in slot (due / grain) modulo the slots, so the slots between
 * two times hold all that is due between them, and perhaps timers of later
 * rounds, which stay where they are. next_ms bounds all of them from below:
 * until then, an advance only notes the time.
 */
#include "config.h"

#include "base/wheel.h"

#include <stdlib.h>

#include "base/err.h"

enum { LOOKS = 32 };	/* timers of later rounds looked at for next_ms */

static uint64_t
tick_of(int64_t ms)
{
	return (uint64_t)ms / TN_WHEEL_GRAIN_MS;
}

static size_t
slot_of(uint64_t tick)
{
	return tick % TN_WHEEL_SLOTS;
}

int
tn_wheel_init(struct tn_wheel *w, int64_t now_ms)
{
	*w = (struct tn_wheel){ .now_ms = now_ms, .next_ms = INT64_MAX };
	w->slots = malloc(TN_WHEEL_SLOTS * sizeof(*w->slots));
	w->used = calloc(TN_WHEEL_SLOTS / 64, sizeof(*w->used));
	if (w->slots == NULL || w->used == NULL) {
		tn_wheel_fini(w);
		return TN_E_NOMEM;
	}
	for (size_t i = 0; i < TN_WHEEL_SLOTS; i++)
		tn_list_init(&w->slots[i]);
	return 0;
}

void
tn_wheel_fini(struct tn_wheel *w)
{
	free(w->slots);
	free(w->used);
	*w = (struct tn_wheel){ 0 };
}

bool
tn_timer_is_set(const struct tn_timer *t)
{
	return t->link.next != NULL && !tn_list_empty(&t->link);
}

void
tn_wheel_cancel(struct tn_wheel *w, struct tn_timer *t)
{
	if (!tn_timer_is_set(t))
		return;
	tn_list_remove(&t->link);
	w->len--;
}

void
tn_wheel_set(struct tn_wheel *w, struct tn_timer *t, int64_t due_ms,
    tn_timer_fn *fn, void *arg)
{
	size_t slot;

	tn_wheel_cancel(w, t);
	t->due_ms = due_ms < w->now_ms ? w->now_ms : due_ms;
	t->fn = fn;
	t->arg = arg;
	slot = slot_of(tick_of(t->due_ms));
	tn_list_append(&w->slots[slot], &t->link);
	w->used[slot / 64] |= UINT64_C(1) << slot % 64;
	w->len++;
	if (t->due_ms < w->next_ms)
		w->next_ms = t->due_ms;
}

/* Move what is due out of a slot. */
static void
collect(struct tn_wheel *w, size_t slot, struct tn_list *due)
{
	struct tn_list *it, *following;

	TN_LIST_EACH(it, following, &w->slots[slot]) {
		struct tn_timer *t = TN_CONTAINER(it, struct tn_timer, link);

		if (t->due_ms <= w->now_ms) {
			tn_list_remove(it);
			tn_list_append(due, it);
		}
	}
	if (tn_list_empty(&w->slots[slot]))
		w->used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* The first tick from here on, within one round, whose slot may be used. */
static uint64_t
next_used(const struct tn_wheel *w, uint64_t tick, uint64_t end)
{
	while (tick < end) {
		uint64_t bits = w->used[slot_of(tick) / 64] >> tick % 64;

		if (bits != 0) {
			tick += (uint64_t)__builtin_ctzll(bits);
			break;
		}
		tick += 64 - tick % 64;
	}
	return tick < end ? tick : end;
}

/*
 * When the first timer of this tick is due, or INT64_MAX if all belong to
 * later rounds. Gives the tick's start instead when looks are used up.
 */
static int64_t
first_of(const struct tn_wheel *w, uint64_t tick, int *looks)
{
	const struct tn_list *head = &w->slots[slot_of(tick)];
	int64_t first = INT64_MAX;

	for (const struct tn_list *it = head->next; it != head; it = it->next) {
		const struct tn_timer *t =
		    TN_CONTAINER(it, struct tn_timer, link);

		if (--*looks < 0)
			return (int64_t)(tick * TN_WHEEL_GRAIN_MS);
		if (tick_of(t->due_ms) == tick && t->due_ms < first)
			first = t->due_ms;
	}
	return first;
}

static int64_t
find_next(const struct tn_wheel *w)
{
	uint64_t tick = tick_of(w->now_ms);
	const uint64_t end = tick + TN_WHEEL_SLOTS;
	int looks = LOOKS;

	while ((tick = next_used(w, tick, end)) < end) {
		int64_t first = first_of(w, tick, &looks);

		if (first != INT64_MAX)
			return first > w->now_ms ? first : w->now_ms + 1;
		tick++;
	}
	return (int64_t)(end * TN_WHEEL_GRAIN_MS);
}

void
tn_wheel_advance(struct tn_wheel *w, int64_t now_ms)
{
	struct tn_list due;
	uint64_t tick, end;

	if (now_ms > w->now_ms)
		w->now_ms = now_ms;
	if (w->now_ms < w->next_ms)
		return;
	tn_list_init(&due);
	tick = tick_of(w->next_ms);
	end = tick_of(w->now_ms) + 1;
	if (end - tick > TN_WHEEL_SLOTS)
		end = tick + TN_WHEEL_SLOTS;
	for (; (tick = next_used(w, tick, end)) < end; tick++)
		collect(w, slot_of(tick), &due);
	w->next_ms = find_next(w);
	/* what is set from here on waits for the next advance */
	while (!tn_list_empty(&due)) {
		struct tn_timer *t =
		    TN_CONTAINER(due.next, struct tn_timer, link);

		tn_wheel_cancel(w, t);
		t->fn(t->arg);
	}
}

int64_t
tn_wheel_wait_ms(struct tn_wheel *w)
{
	if (w->len == 0)
		return -1;
	return w->next_ms > w->now_ms ? w->next_ms - w->now_ms : 0;
}
