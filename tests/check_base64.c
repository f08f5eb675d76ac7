#include "config.h"

#include "base/base64.h"

#include "base/err.h"

#include "check_main.h"

#define S(literal) TN_SLICE(literal)

/* RFC 4648, 10, and bytes that show both alphabets. */
static const struct {
	struct tn_slice bytes;
	const char *standard, *bare, *url;
} vectors[] = {
	{ S(""),	"",		"",		"" },
	{ S("f"),	"Zg==",		"Zg",		"Zg" },
	{ S("fo"),	"Zm8=",		"Zm8",		"Zm8" },
	{ S("foo"),	"Zm9v",		"Zm9v",		"Zm9v" },
	{ S("foob"),	"Zm9vYg==",	"Zm9vYg",	"Zm9vYg" },
	{ S("fooba"),	"Zm9vYmE=",	"Zm9vYmE",	"Zm9vYmE" },
	{ S("foobar"),	"Zm9vYmFy",	"Zm9vYmFy",	"Zm9vYmFy" },
	{ S("\0\xff\xfe\xfb\xf0"), "AP/++/A=", "AP/++/A", "AP_--_A" },
};

START_TEST(both_ways)
{
	const char *texts[] = {
		[TN_BASE64_STANDARD] = vectors[_i].standard,
		[TN_BASE64_BARE] = vectors[_i].bare,
		[TN_BASE64_URL] = vectors[_i].url,
	};
	struct tn_buf b;

	tn_buf_init(&b, 100);
	for (int form = TN_BASE64_STANDARD; form <= TN_BASE64_URL; form++) {
		tn_buf_reset(&b);
		tn_base64_encode(&b, vectors[_i].bytes,
		    (enum tn_base64_form)form);
		ck_assert(tn_slice_is(tn_buf_view(&b), texts[form]));
		tn_buf_reset(&b);
		ck_assert_int_eq(tn_base64_decode(&b,
		    tn_slice_str(texts[form]), NULL), 0);
		ck_assert(tn_slice_eq(tn_buf_view(&b), vectors[_i].bytes));
	}
	tn_buf_fini(&b);
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice in;
} bad[] = {
	{ "one character alone",	S("Z") },
	{ "five characters",		S("Zm9vY") },
	{ "only padding",		S("====") },
	{ "one padding of two",		S("Zg=") },
	{ "three paddings",		S("Z===") },
	{ "padding inside",		S("Zg==Zg==") },
	{ "a space",			S("Zm 9") },
	{ "a line end",			S("Zm9v\n") },
	{ "NUL",			S("Zm9\0") },
	{ "another letter",		S("Zm9\xe9") },
	{ "bad at the end",		S("Zm9vYm!v") },
};

START_TEST(refused)
{
	struct tn_buf b;

	tn_buf_init(&b, 100);
	tn_buf_str(&b, "x");
	ck_assert_msg(tn_base64_decode(&b, bad[_i].in, NULL) == TN_E_SYNTAX,
	    "%s", bad[_i].name);
	ck_assert(tn_slice_is(tn_buf_view(&b), "x"));
	ck_assert_int_eq(b.failed, 0);
	tn_buf_fini(&b);
}
END_TEST

START_TEST(every_byte_comes_back)
{
	char bytes[256];
	struct tn_buf text, back;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	tn_buf_init(&text, 1000);
	tn_buf_init(&back, 1000);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		tn_buf_reset(&text);
		tn_buf_reset(&back);
		tn_base64_encode(&text, tn_slice(bytes, n), TN_BASE64_URL);
		ck_assert_int_eq(tn_base64_decode(&back, tn_buf_view(&text),
		    NULL), 0);
		ck_assert(tn_slice_eq(tn_buf_view(&back), tn_slice(bytes, n)));
	}
	tn_buf_fini(&text);
	tn_buf_fini(&back);
}
END_TEST

START_TEST(ceiling_of_the_buffer)
{
	struct tn_buf b;

	tn_buf_init(&b, 4);
	tn_base64_encode(&b, S("foo"), TN_BASE64_STANDARD);
	ck_assert_int_eq(b.failed, 0);
	tn_buf_reset(&b);
	tn_base64_encode(&b, S("foob"), TN_BASE64_STANDARD);
	ck_assert_int_eq(b.failed, TN_E_LIMIT);
	tn_buf_reset(&b);
	ck_assert_int_eq(tn_base64_decode(&b, S("Zm9vYmFy"), NULL),
	    TN_E_LIMIT);
	tn_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("base64");
	TCase *t = tcase_create("base64");

	tcase_add_loop_test(t, both_ways, 0,
	    sizeof(vectors) / sizeof(*vectors));
	tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(t, every_byte_comes_back);
	tcase_add_test(t, ceiling_of_the_buffer);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
