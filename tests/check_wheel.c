#include "config.h"

#include "base/wheel.h"

#include <string.h>

#include "base/err.h"

#include "check_alloc.h"
#include "check_main.h"

static struct tn_wheel wheel;
static struct tn_timer timers[1000];
static int calls[1000];

static void
setup(void)
{
	memset(timers, 0, sizeof(timers));
	memset(calls, 0, sizeof(calls));
	ck_assert_int_eq(tn_wheel_init(&wheel, 1000003), 0);
}

static void
teardown(void)
{
	tn_wheel_fini(&wheel);
}

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
set_in(int i, int64_t ms)
{
	tn_wheel_set(&wheel, &timers[i], wheel.now_ms + ms, count, &calls[i]);
}

static const int64_t delays[] = {
	0, 1, 3, 4, 5, 1000, 16383, 16384, 16385, 25000, 40000, 86400000,
};

START_TEST(fires_when_due_and_not_before)
{
	const int64_t due = wheel.now_ms + delays[_i];

	set_in(0, delays[_i]);
	ck_assert(tn_timer_is_set(&timers[0]));
	tn_wheel_advance(&wheel, due - 1);
	if (delays[_i] > 0)
		ck_assert_int_eq(calls[0], 0);
	ck_assert_int_le(tn_wheel_wait_ms(&wheel), due - wheel.now_ms);
	tn_wheel_advance(&wheel, due);
	ck_assert_int_eq(calls[0], 1);
	ck_assert(!tn_timer_is_set(&timers[0]));
	ck_assert_int_eq(tn_wheel_wait_ms(&wheel), -1);
	tn_wheel_advance(&wheel, due + 100000);
	ck_assert_int_eq(calls[0], 1);
}
END_TEST

/* Every timer that is due was called once, and no other. */
static bool
all_as_due(int64_t start)
{
	for (int i = 0; i < 1000; i++) {
		int64_t due = start + (int64_t)i * i * 37 % 60000;

		if (calls[i] != (wheel.now_ms >= due))
			return false;
	}
	return true;
}

/* Sleeping as told, from timer to timer, must miss none and never spin. */
START_TEST(waits_lead_to_each_timer)
{
	const int64_t start = wheel.now_ms;
	int64_t wait;
	int wakes = 0;

	for (int i = 0; i < 1000; i++)
		set_in(i, (int64_t)i * i * 37 % 60000);
	while ((wait = tn_wheel_wait_ms(&wheel)) >= 0) {
		tn_wheel_advance(&wheel, wheel.now_ms + wait);
		ck_assert(all_as_due(start));
		wakes++;
	}
	ck_assert_int_le(wakes, 4000);
}
END_TEST

START_TEST(a_crowded_slot_of_a_later_round_does_not_spin)
{
	int wakes = 0;

	for (int i = 0; i < 1000; i++)
		set_in(i, 25000);
	while (calls[0] == 0) {
		int64_t wait = tn_wheel_wait_ms(&wheel);

		ck_assert_int_gt(wait, 0);
		tn_wheel_advance(&wheel, wheel.now_ms + wait);
		wakes++;
	}
	ck_assert_int_le(wakes, 10);
	ck_assert_int_eq(calls[999], 1);
}
END_TEST

START_TEST(cancelled_and_rearmed)
{
	set_in(0, 10);
	set_in(1, 10);
	set_in(0, 50);
	tn_wheel_cancel(&wheel, &timers[1]);
	tn_wheel_cancel(&wheel, &timers[1]);
	tn_wheel_cancel(&wheel, &timers[2]);
	ck_assert_uint_eq(wheel.len, 1);
	tn_wheel_advance(&wheel, wheel.now_ms + 20);
	ck_assert_int_eq(calls[0] + calls[1], 0);
	tn_wheel_advance(&wheel, wheel.now_ms + 30);
	ck_assert_int_eq(calls[0], 1);
	ck_assert_int_eq(calls[1], 0);
	ck_assert_uint_eq(wheel.len, 0);
}
END_TEST

static void
cancel_next(void *arg)
{
	count(arg);
	tn_wheel_cancel(&wheel, &timers[1]);
}

static void
again_at_once(void *arg)
{
	count(arg);
	tn_wheel_set(&wheel, &timers[0], 0, again_at_once, arg);
}

START_TEST(a_timer_may_cancel_one_that_is_due)
{
	tn_wheel_set(&wheel, &timers[0], 0, cancel_next, &calls[0]);
	set_in(1, 0);
	set_in(2, 0);
	tn_wheel_advance(&wheel, wheel.now_ms);
	ck_assert_int_eq(calls[0], 1);
	ck_assert_int_eq(calls[1], 0);
	ck_assert_int_eq(calls[2], 1);
}
END_TEST

START_TEST(what_is_set_by_a_timer_waits_for_the_next_turn)
{
	tn_wheel_set(&wheel, &timers[0], 0, again_at_once, &calls[0]);
	tn_wheel_advance(&wheel, wheel.now_ms);
	ck_assert_int_eq(calls[0], 1);
	ck_assert_int_eq(tn_wheel_wait_ms(&wheel), 0);
	tn_wheel_advance(&wheel, wheel.now_ms);
	ck_assert_int_eq(calls[0], 2);
}
END_TEST

START_TEST(time_may_leap_or_stand)
{
	set_in(0, 100);
	set_in(1, 20000);
	tn_wheel_advance(&wheel, wheel.now_ms - 50);
	ck_assert_int_eq(calls[0], 0);
	tn_wheel_advance(&wheel, wheel.now_ms + 1000000);
	ck_assert_int_eq(calls[0], 1);
	ck_assert_int_eq(calls[1], 1);
}
END_TEST

START_TEST(out_of_memory)
{
	struct tn_wheel w;

	for (unsigned n = 1; n <= 2; n++) {
		tn_alloc_fail_at(n);
		ck_assert_int_eq(tn_wheel_init(&w, 0), TN_E_NOMEM);
		ck_assert(tn_alloc_end());
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("wheel");
	TCase *t = tcase_create("wheel");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, fires_when_due_and_not_before, 0,
	    sizeof(delays) / sizeof(*delays));
	tcase_add_test(t, waits_lead_to_each_timer);
	tcase_add_test(t, a_crowded_slot_of_a_later_round_does_not_spin);
	tcase_add_test(t, cancelled_and_rearmed);
	tcase_add_test(t, a_timer_may_cancel_one_that_is_due);
	tcase_add_test(t, what_is_set_by_a_timer_waits_for_the_next_turn);
	tcase_add_test(t, time_may_leap_or_stand);
	tcase_add_test(t, out_of_memory);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
