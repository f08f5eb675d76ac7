#include "config.h"

#include "base/arena.h"

#include "check_alloc.h"
#include "check_main.h"

START_TEST(bytes_are_zero_and_aligned)
{
	struct tn_arena a;

	tn_arena_init(&a, 1 << 20);
	for (size_t size = 0; size < 3000; size += 7) {
		char *p = tn_arena_alloc(&a, size);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			ck_assert_int_eq(p[i], 0);
		memset(p, 0xff, size);
	}
	tn_arena_reset(&a);
	ck_assert_int_eq(*(char *)tn_arena_alloc(&a, 1), 0);
	tn_arena_fini(&a);
}
END_TEST

START_TEST(ceiling_is_met_then_passed)
{
	struct tn_arena a;

	tn_arena_init(&a, 1024);
	ck_assert_ptr_nonnull(tn_arena_alloc(&a, 1000));
	ck_assert_ptr_nonnull(tn_arena_alloc(&a, 16));
	ck_assert(!a.overflowed);
	ck_assert_ptr_null(tn_arena_alloc(&a, 1));
	ck_assert(a.overflowed);
	tn_arena_reset(&a);
	ck_assert(!a.overflowed);
	ck_assert_ptr_null(tn_arena_alloc(&a, 1025));
	ck_assert_ptr_null(tn_arena_alloc(&a, SIZE_MAX));
	ck_assert(a.overflowed);
	ck_assert_ptr_nonnull(tn_arena_alloc(&a, 1024));
	tn_arena_fini(&a);
}
END_TEST

START_TEST(copies_end_in_nul)
{
	struct tn_arena a;
	struct tn_slice s;
	char big[1000];

	tn_arena_init(&a, 1 << 20);
	s = tn_arena_copy(&a, TN_SLICE("a\0b"));
	ck_assert(tn_slice_eq(s, TN_SLICE("a\0b")) && s.ptr[3] == '\0');
	s = tn_arena_copy(&a, TN_SLICE_NONE);
	ck_assert(s.ptr != NULL && s.len == 0);
	ck_assert_str_eq(tn_arena_str(&a, TN_SLICE("text")), "text");
	s = tn_arena_printf(&a, "%d-%s", 1, "x");
	ck_assert(tn_slice_is(s, "1-x"));
	memset(big, 'x', sizeof(big));
	s = tn_arena_printf(&a, "%.*s", (int)sizeof(big), big);
	ck_assert(tn_slice_eq(s, tn_slice(big, sizeof(big))));
	tn_arena_fini(&a);
}
END_TEST

START_TEST(big_and_small_side_by_side)
{
	struct tn_arena a;
	char *small, *big;

	tn_arena_init(&a, 10 << 20);
	small = tn_arena_alloc(&a, 10);
	big = tn_arena_alloc(&a, 1 << 20);
	memset(big, 1, 1 << 20);
	ck_assert_ptr_eq(tn_arena_alloc(&a, 10), small + 16);
	tn_arena_reset(&a);
	ck_assert_ptr_eq(tn_arena_alloc(&a, 10), small);
	tn_arena_fini(&a);
	ck_assert_ptr_nonnull(tn_arena_alloc(&a, 1 << 20));
	tn_arena_reset(&a);
	ck_assert_ptr_null(a.blocks);
	tn_arena_fini(&a);
}
END_TEST

START_TEST(survives_each_failed_allocation)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_arena a;

		tn_alloc_fail_at(n);
		tn_arena_init(&a, 1 << 20);
		for (int i = 0; i < 1000; i++)
			tn_arena_printf(&a, "%0*d", i, i);
		failed = tn_alloc_end();
		ck_assert(a.overflowed == failed);
		tn_arena_fini(&a);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("arena");
	TCase *t = tcase_create("arena");

	tcase_add_test(t, bytes_are_zero_and_aligned);
	tcase_add_test(t, ceiling_is_met_then_passed);
	tcase_add_test(t, copies_end_in_nul);
	tcase_add_test(t, big_and_small_side_by_side);
	tcase_add_test(t, survives_each_failed_allocation);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
