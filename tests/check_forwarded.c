#include "config.h"

#include "host/forwarded.h"

#include "check_main.h"

static const struct {
	const char *in, *out;	/* out NULL: no address */
} addresses[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ " 192.0.2.1 ", "192.0.2.1" },
	{ "192.0.2.1:8080", "192.0.2.1" },
	{ "2001:db8::1", "2001:db8::1" },
	{ "2001:DB8:0:0::1", "2001:db8::1" },
	{ "[2001:db8::1]", "2001:db8::1" },
	{ "[2001:db8::1]:443", "2001:db8::1" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "", NULL },
	{ "[", NULL },
	{ "[]", NULL },
	{ "unknown", NULL },
	{ "192.0.2.256", NULL },
	{ "192.0.2", NULL },
	{ "a.example", NULL },
	{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
};

START_TEST(reads_an_address)
{
	char out[TN_ADDRESS_TEXT];
	bool ok = tn_address_read(tn_slice_str(addresses[_i].in), out);

	ck_assert_msg(ok == (addresses[_i].out != NULL), "%s",
	    addresses[_i].in);
	if (ok)
		ck_assert_str_eq(out, addresses[_i].out);
}
END_TEST

static const char *const trusted[] = { "192.0.2.10", "::1" };

static const struct {
	const char *name, *header, *out;
} headers[] = {
	{ "none", "", NULL },
	{ "the one there is", "198.51.100.7", "198.51.100.7" },
	{ "what the client invented is not believed",
	    "10.0.0.1, 198.51.100.7", "198.51.100.7" },
	{ "trusted proxies are passed over",
	    "203.0.113.5, 198.51.100.7, 192.0.2.10,[::1]:80",
	    "198.51.100.7" },
	{ "all of them trusted", "192.0.2.10, ::1", NULL },
	{ "rubbish at the end hides what is before", "198.51.100.7, x",
	    NULL },
	{ "rubbish before it does not matter", "x, 198.51.100.7",
	    "198.51.100.7" },
	{ "an empty entry", "198.51.100.7,", NULL },
	{ "only commas", ",,,", NULL },
};

START_TEST(finds_the_client)
{
	char out[TN_ADDRESS_TEXT];
	bool ok = tn_forwarded_for(tn_slice_str(headers[_i].header), trusted,
	    2, out);

	ck_assert_msg(ok == (headers[_i].out != NULL), "%s", headers[_i].name);
	if (ok)
		ck_assert_str_eq(out, headers[_i].out);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("forwarded");
	TCase *tc = tcase_create("forwarded");

	tcase_add_loop_test(tc, reads_an_address, 0,
	    sizeof(addresses) / sizeof(addresses[0]));
	tcase_add_loop_test(tc, finds_the_client, 0,
	    sizeof(headers) / sizeof(headers[0]));
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
