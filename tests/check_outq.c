#include "config.h"

#include "io/outq.h"

#include <string.h>

#include "check_alloc.h"
#include "check_main.h"

static struct tn_rcbuf *
item(const char *text, bool is_volatile)
{
	struct tn_rcbuf *rc = tn_rcbuf_new(tn_slice_str(text), TN_SLICE_NONE);

	ck_assert_ptr_nonnull(rc);
	rc->is_volatile = is_volatile;
	return rc;
}

static void
push(struct tn_outq *q, const char *text, bool is_volatile)
{
	struct tn_rcbuf *rc = item(text, is_volatile);

	ck_assert_int_eq(tn_outq_push(q, rc), 0);
	tn_rcbuf_unref(&rc);
}

static void
expect(const struct tn_outq *q, const char *texts)
{
	char all[64] = "";
	size_t bytes = 0;

	for (uint32_t i = 0; i < q->len; i++) {
		struct tn_slice text = tn_rcbuf_payload(tn_outq_at(q, i));

		strncat(all, text.ptr, text.len);
		bytes += tn_rcbuf_frame(tn_outq_at(q, i)).len;
	}
	ck_assert_str_eq(all, texts);
	ck_assert_uint_eq(q->bytes, bytes);
}

START_TEST(gives_back_in_order_across_the_rings_end)
{
	struct tn_outq q = { 0 };
	char text[2] = "a";

	for (int i = 0; i < 20; i++) {
		text[0] = (char)('a' + i);
		push(&q, text, false);
		if (i >= 2)
			tn_outq_pop(&q, 1);
	}
	expect(&q, "st");
	tn_outq_fini(&q);
}
END_TEST

START_TEST(grows_while_it_wraps)
{
	struct tn_outq q = { 0 };

	push(&q, "a", false);
	push(&q, "b", false);
	push(&q, "c", false);
	tn_outq_pop(&q, 2);
	for (const char *s = "defgh"; *s != '\0'; s++)
		push(&q, (char[]){ *s, '\0' }, false);
	expect(&q, "cdefgh");
	tn_outq_fini(&q);
}
END_TEST

START_TEST(owns_nothing_when_empty)
{
	struct tn_outq q = { 0 };

	push(&q, "a", true);
	tn_outq_pop(&q, 1);
	ck_assert_ptr_null(q.items);
	push(&q, "a", true);
	tn_outq_drop_volatile(&q);
	ck_assert_ptr_null(q.items);
	push(&q, "a", false);
	tn_outq_pop(&q, 9);
	ck_assert_ptr_null(q.items);
	ck_assert_uint_eq(q.len, 0);
}
END_TEST

START_TEST(one_item_needs_no_memory)
{
	struct tn_outq q = { 0 }, other = { 0 };
	struct tn_rcbuf *rc = item("a", true);
	int pushed, moved;

	tn_alloc_fail_at(1);
	pushed = tn_outq_push(&q, rc);
	moved = tn_outq_move(&other, &q);
	ck_assert(!tn_alloc_end());
	ck_assert_int_eq(pushed, 0);
	ck_assert_int_eq(moved, 0);
	expect(&q, "");
	expect(&other, "a");
	ck_assert_uint_eq(tn_outq_drop_volatile(&other), 1);
	ck_assert_uint_eq(rc->refs, 1);
	tn_rcbuf_unref(&rc);
}
END_TEST

START_TEST(one_item_is_the_first_of_more)
{
	struct tn_outq q = { 0 };

	push(&q, "a", false);
	push(&q, "b", true);
	push(&q, "c", false);
	expect(&q, "abc");
	tn_outq_pop(&q, 1);
	expect(&q, "bc");
	ck_assert_uint_eq(tn_outq_drop_volatile(&q), 1);
	expect(&q, "c");
	tn_outq_fini(&q);
}
END_TEST

START_TEST(drops_only_what_is_volatile)
{
	struct tn_outq q = { 0 };

	push(&q, "-", false);
	tn_outq_pop(&q, 1);
	push(&q, "a", false);
	push(&q, "b", true);
	push(&q, "c", true);
	push(&q, "d", false);
	ck_assert_uint_eq(tn_outq_drop_volatile(&q), 2);
	expect(&q, "ad");
	ck_assert_uint_eq(tn_outq_drop_volatile(&q), 0);
	tn_outq_fini(&q);
}
END_TEST

START_TEST(moves_all_behind_the_others)
{
	struct tn_outq a = { 0 }, b = { 0 };

	push(&a, "1", false);
	for (const char *s = "23456"; *s != '\0'; s++)
		push(&b, (char[]){ *s, '\0' }, false);
	ck_assert_int_eq(tn_outq_move(&a, &b), 0);
	expect(&a, "123456");
	expect(&b, "");
	ck_assert_ptr_null(b.items);
	ck_assert_int_eq(tn_outq_move(&b, &a), 0);
	expect(&b, "123456");
	tn_outq_fini(&b);
	ck_assert_int_eq(tn_outq_move(&b, &a), 0);
	ck_assert_ptr_null(b.items);
}
END_TEST

START_TEST(shares_what_it_holds)
{
	struct tn_outq a = { 0 }, b = { 0 };
	struct tn_rcbuf *rc = item("x", false);

	ck_assert_int_eq(tn_outq_push(&a, rc), 0);
	ck_assert_int_eq(tn_outq_push(&b, rc), 0);
	ck_assert_uint_eq(rc->refs, 3);
	tn_outq_fini(&a);
	ck_assert_uint_eq(rc->refs, 2);
	tn_outq_fini(&b);
	ck_assert_uint_eq(rc->refs, 1);
	tn_rcbuf_unref(&rc);
}
END_TEST

START_TEST(is_unchanged_when_memory_is_out)
{
	struct tn_outq q = { 0 }, other = { 0 };
	struct tn_rcbuf *rc = item("x", false);

	push(&q, "a", false);
	tn_alloc_fail_at(1);
	ck_assert_int_lt(tn_outq_push(&q, rc), 0);
	ck_assert(tn_alloc_end());
	ck_assert_uint_eq(rc->refs, 1);
	expect(&q, "a");
	push(&other, "b", false);
	tn_alloc_fail_at(1);
	ck_assert_int_lt(tn_outq_move(&q, &other), 0);
	ck_assert(tn_alloc_end());
	expect(&q, "a");
	expect(&other, "b");
	tn_outq_fini(&q);
	tn_outq_fini(&other);
	tn_rcbuf_unref(&rc);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("outq");
	TCase *tc = tcase_create("outq");

	tcase_add_test(tc, gives_back_in_order_across_the_rings_end);
	tcase_add_test(tc, grows_while_it_wraps);
	tcase_add_test(tc, owns_nothing_when_empty);
	tcase_add_test(tc, one_item_needs_no_memory);
	tcase_add_test(tc, one_item_is_the_first_of_more);
	tcase_add_test(tc, drops_only_what_is_volatile);
	tcase_add_test(tc, moves_all_behind_the_others);
	tcase_add_test(tc, shares_what_it_holds);
	tcase_add_test(tc, is_unchanged_when_memory_is_out);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
