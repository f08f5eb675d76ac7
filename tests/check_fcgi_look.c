#include "config.h"

#include "base/limits.h"
#include "check_main.h"
#include "fcgi_client.h"
#include "host/fcgi_look.h"

/* Judge what out holds, and empty it. */
static enum tn_fcgi_arrival
look(struct tn_buf *out)
{
	unsigned id;
	enum tn_fcgi_arrival seen = tn_fcgi_look(tn_buf_view(out), &id);

	tn_buf_fini(out);
	return seen;
}

/* Raw records: each is type, id, content. */
#define BEGIN_1	"\1\1\0\1\0\10\0\0" "\0\1\1\0\0\0\0\0"
#define PARAMS_1 "\1\4\0\1\0\4\0\0" "\1\1AB"
#define PARAMS_END "\1\4\0\1\0\0\0\0"
#define STDIN_END "\1\5\0\1\0\0\0\0"
#define BYTES(literal) { literal, sizeof(literal) - 1 }

static const struct {
	const char *name;
	struct tn_slice in;
	enum tn_fcgi_arrival seen;
} cases[] = {
	{ "nothing yet", BYTES(""), TN_FCGI_PARTIAL },
	{ "a whole request", BYTES(BEGIN_1 PARAMS_1 PARAMS_END STDIN_END),
	    TN_FCGI_WHOLE },
	{ "its body is to come", BYTES(BEGIN_1 PARAMS_1 PARAMS_END),
	    TN_FCGI_HEAD },
	{ "its parameters are to come", BYTES(BEGIN_1 PARAMS_1),
	    TN_FCGI_PARTIAL },
	{ "padding counts", BYTES(BEGIN_1 "\1\4\0\1\0\4\3\0" "\1\1ABxxx"
	    PARAMS_END STDIN_END), TN_FCGI_WHOLE },
	{ "a pair over two records", BYTES(BEGIN_1 "\1\4\0\1\0\2\0\0" "\1\1"
	    "\1\4\0\1\0\2\0\0" "AB" PARAMS_END STDIN_END), TN_FCGI_WHOLE },
	{ "no parameters at all", BYTES(BEGIN_1 PARAMS_END STDIN_END),
	    TN_FCGI_WHOLE },
	{ "another version", BYTES("\2\1\0\1\0\10\0\0" "\0\1\1\0\0\0\0\0"),
	    TN_FCGI_WRONG },
	{ "HTTP", BYTES("GET / HTTP/1.1\r\n"), TN_FCGI_WRONG },
	{ "an authorizer", BYTES("\1\1\0\1\0\10\0\0" "\0\2\1\0\0\0\0\0"),
	    TN_FCGI_WRONG },
	{ "no request id", BYTES("\1\1\0\0\0\10\0\0" "\0\1\1\0\0\0\0\0"),
	    TN_FCGI_WRONG },
	{ "BEGIN of another length", BYTES("\1\1\0\1\0\4\0\0" "\0\1\1\0"),
	    TN_FCGI_WRONG },
	{ "two requests at once", BYTES(BEGIN_1 BEGIN_1), TN_FCGI_WRONG },
	{ "parameters of nobody", BYTES(PARAMS_1), TN_FCGI_WRONG },
	{ "parameters of another request", BYTES(BEGIN_1
	    "\1\4\0\2\0\4\0\0" "\1\1AB"), TN_FCGI_WRONG },
	{ "parameters after their end", BYTES(BEGIN_1 PARAMS_END PARAMS_1),
	    TN_FCGI_WRONG },
	{ "the body before the parameters", BYTES(BEGIN_1 STDIN_END),
	    TN_FCGI_WRONG },
	{ "aborted", BYTES(BEGIN_1 PARAMS_1 "\1\2\0\1\0\0\0\0"),
	    TN_FCGI_WRONG },
	{ "a management record", BYTES("\1\11\0\0\0\0\0\0"), TN_FCGI_WRONG },
	{ "a pair that never ends", BYTES(BEGIN_1 "\1\4\0\1\0\4\0\0" "\1\5AB"
	    PARAMS_END STDIN_END), TN_FCGI_WRONG },
	{ "a pair of 2 GB", BYTES(BEGIN_1 "\1\4\0\1\0\10\0\0"
	    "\1\377\377\377\377ABC"), TN_FCGI_WRONG },
};

START_TEST(judges)
{
	unsigned id;

	ck_assert_msg(tn_fcgi_look(cases[_i].in, &id) == cases[_i].seen,
	    "%s: %d", cases[_i].name, (int)tn_fcgi_look(cases[_i].in, &id));
}
END_TEST

/* Cut anywhere, a request is never wrong and never more than has come. */
START_TEST(cut_at_every_byte)
{
	struct tn_buf out;
	struct tn_slice all;
	enum tn_fcgi_arrival before = TN_FCGI_PARTIAL;
	unsigned id;

	tn_buf_init(&out, 65536);
	fcgi_request(&out, 258, true, "POST", "/x", TN_SLICE_NONE,
	    TN_SLICE("body"));
	all = tn_buf_view(&out);
	for (size_t n = 0; n < all.len; n++) {
		enum tn_fcgi_arrival seen = tn_fcgi_look(
		    tn_slice_first(all, n), &id);

		ck_assert_int_ge(seen, before);
		ck_assert_int_le(seen, TN_FCGI_HEAD);
		before = seen;
	}
	ck_assert_int_eq(before, TN_FCGI_HEAD);
	ck_assert_int_eq(tn_fcgi_look(all, &id), TN_FCGI_WHOLE);
	ck_assert_uint_eq(id, 258);
	tn_buf_fini(&out);
}
END_TEST

/* A request whose parameters have just so many bytes in all. */
static void
with_params(struct tn_buf *out, size_t bytes)
{
	static char text[TN_LIMIT_FCGI_HEAD + 8];
	struct tn_buf params;

	memset(text, 'v', sizeof(text));
	tn_buf_init(out, 1 << 20);
	tn_buf_init(&params, 1 << 20);
	fcgi_param(&params, "A", tn_slice(text, 1000));
	fcgi_param(&params, "B", tn_slice(text, bytes - 1006 - 6));
	ck_assert_uint_eq(params.len, bytes);
	fcgi_begin(out, 1, true);
	fcgi_record(out, TN_FCGI_PARAMS, 1, tn_buf_view(&params));
	fcgi_record(out, TN_FCGI_PARAMS, 1, TN_SLICE_NONE);
	fcgi_record(out, TN_FCGI_STDIN, 1, TN_SLICE_NONE);
	tn_buf_fini(&params);
}

START_TEST(parameters_at_the_limit)
{
	struct tn_buf out;

	with_params(&out, TN_LIMIT_FCGI_HEAD);
	ck_assert_int_eq(look(&out), TN_FCGI_WHOLE);
	with_params(&out, TN_LIMIT_FCGI_HEAD + 1);
	ck_assert_int_eq(look(&out), TN_FCGI_LARGE);
}
END_TEST

static Suite *
fcgi_look_suite(void)
{
	Suite *s = suite_create("fcgi_look");
	TCase *tc = tcase_create("fcgi_look");

	tcase_add_loop_test(tc, judges, 0,
	    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, cut_at_every_byte);
	tcase_add_test(tc, parameters_at_the_limit);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(fcgi_look_suite)
