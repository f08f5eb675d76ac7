#include "config.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/url.h"
#include "check_alloc.h"
#include "check_main.h"
#include "session/signature.h"

/* Vectors: npm's cookie-signature 1.0.7 and 1.2.2. */

#define S(s) TN_SLICE(s)

#define X10 "xxxxxxxxxx"
#define K13 "kkkkkkkkkkkkk"

static const struct {
	struct tn_slice value, secret;
	const char *mac;
} signs[] = {
	{ S("hello"), S("tobiiscool"),
	    "DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI" },
	{ S(""), S("secret"),
	    "+eZuF5tnR65UEI+C+K3os8Jddv0wr95sOVgixTAZYWk" },
	{ S("0123456789abcdefABCDEF-_xyz01234"), S("keyboard cat"),
	    "40VDpCymeEK1OWnsGdXmrDYRc91+IEuH1k+nIUa7HUg" },
	{ S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), S("s\xc3\xa9""cret"),
	    "BlOZW8HFadxTzFEPD8wtH0naSOJffrEjDC+zCvKg9LQ" },
	{ S("a.b.c"), S("k"),
	    "KknhlmRnAWEJEoNMlO85fIMohjxbBPVoeAIqIsEoMg4" },
	{ S("x"), S(""),
	    "TLyWCZpkZ84AJGHxBUm0iYJl6+YYi0XvrMRCk1FuYsQ" },
	{ S("x"), S(K13 K13 K13 K13 K13),
	    "dQkso+4rMHRwwidpe0Kz5lN2qjuumPtaH3t1NtqpWIo" },
	{ S(X10 X10 X10 X10 X10 X10 X10 X10 X10 X10), S("\0\xc3\xbf"),
	    "xB+1urYAzcGdKY9OOlMZ6+aFDkYD+h0ovR/U2xNDQjg" },
};

START_TEST(vectors)
{
	struct tn_signer *signer = tn_signer_new(&signs[_i].secret, 1, NULL);
	struct tn_slice value, text;
	struct tn_buf out;

	tn_buf_init(&out, 1024);
	tn_sign(&out, signer, signs[_i].value);
	text = tn_buf_view(&out);
	ck_assert_uint_eq(text.len, signs[_i].value.len + 44);
	ck_assert(tn_slice_starts(text, signs[_i].value));
	ck_assert_msg(tn_slice_ends(text, tn_slice_str(signs[_i].mac)),
	    "%.*s", TN_SLICE_ARG(text));
	ck_assert(tn_unsign(signer, text, &value));
	ck_assert(tn_slice_eq(value, signs[_i].value));
	for (size_t cut = 0; cut < text.len; cut++)
		ck_assert(!tn_unsign(signer, tn_slice_first(text, cut), &value));
	for (size_t i = 0; i < text.len; i++) {
		out.ptr[i] ^= 1;
		ck_assert(!tn_unsign(signer, text, &value));
		out.ptr[i] ^= 1;
	}
	tn_buf_fini(&out);
	tn_signer_free(&signer);
	ck_assert_ptr_null(signer);
}
END_TEST

static const char *const refused[] = {
	"hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI=",
	"hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5Q",
	"hello.DGDUkGlIkCzPz-C0B064FNgHdEjox7ch8tOBGslZ5QI",
	" hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI",
	"helloDGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI",
	"DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI",
	".DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI",
	"hello.", ".", "",
};

START_TEST(refusals)
{
	struct tn_slice secret = S("tobiiscool"), value;
	struct tn_signer *signer = tn_signer_new(&secret, 1, NULL);

	ck_assert_msg(!tn_unsign(signer, tn_slice_str(refused[_i]), &value),
	    "%s", refused[_i]);
	tn_signer_free(&signer);
}
END_TEST

START_TEST(rotation)
{
	struct tn_slice secrets[] = { S("new-secret"), S("old-secret") }, value;
	struct tn_signer *signer = tn_signer_new(secrets, 2, NULL);
	struct tn_signer *only_new = tn_signer_new(secrets, 1, NULL);
	struct tn_buf out;

	tn_buf_init(&out, 1024);
	tn_sign(&out, signer, S("S7"));
	ck_assert(tn_slice_is(tn_buf_view(&out),
	    "S7.rNXfjJpDz76YPh/1iJh08WlMfL2oLncM1wh8eCx9/4Y"));
	ck_assert(tn_unsign(signer, tn_buf_view(&out), &value));
	ck_assert(tn_unsign(signer,
	    S("S7.HnOzB66XOXtXBiKcHPDulSO+HrJEDZ2dD36FQ7+C3k0"), &value));
	ck_assert(!tn_unsign(only_new,
	    S("S7.HnOzB66XOXtXBiKcHPDulSO+HrJEDZ2dD36FQ7+C3k0"), &value));
	tn_buf_fini(&out);
	tn_signer_free(&signer);
	tn_signer_free(&only_new);
}
END_TEST

START_TEST(number_of_secrets)
{
	struct tn_slice secrets[TN_LIMIT_SECRETS + 1];
	struct tn_signer *signer;
	struct tn_err err;

	for (size_t i = 0; i <= TN_LIMIT_SECRETS; i++)
		secrets[i] = S("keyboard cat");
	ck_assert_ptr_null(tn_signer_new(secrets, 0, &err));
	ck_assert_int_eq(err.code, TN_E_CONFIG);
	signer = tn_signer_new(secrets, TN_LIMIT_SECRETS, &err);
	ck_assert_ptr_nonnull(signer);
	tn_signer_free(&signer);
	tn_signer_free(&signer);
	ck_assert_ptr_null(tn_signer_new(secrets, TN_LIMIT_SECRETS + 1, &err));
	ck_assert_int_eq(err.code, TN_E_CONFIG);
	tn_alloc_fail_at(1);
	ck_assert_ptr_null(tn_signer_new(secrets, 1, &err));
	tn_alloc_end();
	ck_assert_int_eq(err.code, TN_E_NOMEM);
}
END_TEST

static Suite *
signature_suite(void)
{
	Suite *s = suite_create("signature");
	TCase *tc = tcase_create("signature");

	tcase_add_loop_test(tc, vectors, 0, sizeof(signs) / sizeof(*signs));
	tcase_add_loop_test(tc, refusals, 0,
	    sizeof(refused) / sizeof(*refused));
	tcase_add_test(tc, rotation);
	tcase_add_test(tc, number_of_secrets);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(signature_suite)
