#include "config.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rcbuf.h"

#include "check_alloc.h"
#include "check_main.h"

START_TEST(appends_everything)
{
	struct tn_buf b;
	struct tn_slice out;

	tn_buf_init(&b, 1000);
	tn_buf_str(&b, "a");
	tn_buf_char(&b, ' ');
	tn_buf_slice(&b, TN_SLICE("b\0c"));
	tn_buf_slice(&b, TN_SLICE_NONE);
	tn_buf_u64(&b, UINT64_MAX);
	tn_buf_char(&b, ' ');
	tn_buf_i64(&b, INT64_MIN);
	tn_buf_i64(&b, 0);
	tn_buf_printf(&b, " %d %s", 42, "end");
	ck_assert_int_eq(tn_buf_finish(&b, &out, NULL), 0);
	ck_assert(tn_slice_eq(out, TN_SLICE("a b\0c18446744073709551615 "
	    "-92233720368547758080 42 end")));
	tn_buf_fini(&b);
}
END_TEST

START_TEST(printf_longer_than_the_room)
{
	struct tn_buf b;

	tn_buf_init(&b, 300);
	tn_buf_printf(&b, "%0200d", 7);
	ck_assert_uint_eq(b.len, 200);
	tn_buf_printf(&b, "%0100d", 7);
	ck_assert_uint_eq(b.len, 300);
	ck_assert_int_eq(b.failed, 0);
	tn_buf_printf(&b, "%d", 1);
	ck_assert_int_eq(b.failed, TN_E_LIMIT);
	ck_assert_uint_eq(b.len, 300);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(ceiling_is_met_then_passed)
{
	struct tn_err err;
	struct tn_slice out;
	struct tn_buf b;

	tn_buf_init(&b, 5);
	tn_buf_str(&b, "12345");
	ck_assert_int_eq(tn_buf_finish(&b, &out, &err), 0);
	tn_buf_char(&b, '6');
	ck_assert_int_eq(tn_buf_finish(&b, &out, &err), TN_E_LIMIT);
	ck_assert_int_eq(err.code, TN_E_LIMIT);
	ck_assert_ptr_null(tn_buf_room(&b, 0));
	tn_buf_reset(&b);
	ck_assert_ptr_null(tn_buf_room(&b, 6));
	tn_buf_reset(&b);
	tn_buf_str(&b, "again");
	ck_assert_int_eq(tn_buf_finish(&b, &out, &err), 0);
	ck_assert(tn_slice_is(out, "again"));
	tn_buf_fini(&b);
}
END_TEST

START_TEST(sizes_that_would_wrap)
{
	struct tn_buf b;

	tn_buf_init(&b, SIZE_MAX);
	tn_buf_str(&b, "1");
	ck_assert_ptr_null(tn_buf_room(&b, SIZE_MAX - 1));
	ck_assert_int_eq(b.failed, TN_E_NOMEM);
	tn_buf_reset(&b);
	tn_buf_str(&b, "1");
	ck_assert_ptr_null(tn_buf_room(&b, SIZE_MAX));
	ck_assert_int_eq(b.failed, TN_E_LIMIT);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(drops_from_the_front)
{
	struct tn_buf b;

	tn_buf_init(&b, 10);
	tn_buf_drop(&b, 0);
	tn_buf_str(&b, "abcdef");
	tn_buf_drop(&b, 2);
	ck_assert(tn_slice_is(tn_buf_view(&b), "cdef"));
	tn_buf_drop(&b, 4);
	ck_assert_uint_eq(b.len, 0);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(survives_each_failed_allocation)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_slice out;
		struct tn_buf b;
		int rc;

		tn_alloc_fail_at(n);
		tn_buf_init(&b, 10000);
		for (int i = 0; i < 100; i++)
			tn_buf_printf(&b, "%d and more, ", i);
		rc = tn_buf_finish(&b, &out, NULL);
		failed = tn_alloc_end();
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
		tn_buf_fini(&b);
	}
}
END_TEST

START_TEST(rcbuf_counts_its_references)
{
	struct tn_rcbuf *rc = tn_rcbuf_new(TN_SLICE("42"), TN_SLICE("[1]"));
	struct tn_rcbuf *other = tn_rcbuf_ref(rc);

	ck_assert(tn_slice_is(tn_rcbuf_payload(rc), "42[1]"));
	rc->head = 2;
	memcpy(rc->data - 2, "\x81\x05", 2);
	ck_assert(tn_slice_is(tn_rcbuf_frame(rc), "\x81\x05" "42[1]"));
	tn_rcbuf_unref(&rc);
	ck_assert_ptr_null(rc);
	ck_assert(tn_slice_is(tn_rcbuf_payload(other), "42[1]"));
	tn_rcbuf_unref(&other);
	tn_rcbuf_unref(&other);
	rc = tn_rcbuf_new(TN_SLICE_NONE, TN_SLICE_NONE);
	ck_assert_uint_eq(rc->len, 0);
	tn_rcbuf_unref(&rc);
	tn_alloc_fail_at(1);
	ck_assert_ptr_null(tn_rcbuf_new(TN_SLICE("a"), TN_SLICE("b")));
	tn_alloc_end();
	ck_assert_ptr_null(tn_rcbuf_new(tn_slice("a", SIZE_MAX),
	    TN_SLICE("b")));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");

	tcase_add_test(t, appends_everything);
	tcase_add_test(t, printf_longer_than_the_room);
	tcase_add_test(t, ceiling_is_met_then_passed);
	tcase_add_test(t, sizes_that_would_wrap);
	tcase_add_test(t, drops_from_the_front);
	tcase_add_test(t, survives_each_failed_allocation);
	tcase_add_test(t, rcbuf_counts_its_references);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
