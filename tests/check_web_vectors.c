/*
 * What src/web makes of headers and forms, beside the npm packages that
 * Express uses: the vectors in tests/data.
 */
#include "config.h"

#include <stdio.h>

#include "check_alloc.h"
#include "check_main.h"
#include "vectors.h"
#include "web/app.h"
#include "web/head.h"
#include "web/mime.h"
#include "web/negotiate.h"
#include "web/qs.h"
#include "web/range.h"
#include "web/trust_proxy.h"

static struct tn_vectors vectors;
static struct tn_vector v;

/* One file's vectors, each given to check; at least so many. */
static void
each_vector(const char *name, size_t at_least, void (*check)(void))
{
	size_t n = 0;

	tn_vectors_open(&vectors, name);
	for (; tn_vectors_next(&vectors, &v); n++)
		check();
	ck_assert_uint_ge(n, at_least);
	tn_vectors_close(&vectors);
}

static char *
text_of(struct tn_slice s, char *to, size_t cap)
{
	snprintf(to, cap, "%.*s", TN_SLICE_ARG(s));
	return to;
}

static void
ck_is(struct tn_slice got)
{
	struct tn_slice want = v.field[v.n - 1];

	ck_assert_msg(tn_slice_eq(got, want), "line %u: %.*s, not %.*s",
	    v.line, TN_SLICE_ARG(got), TN_SLICE_ARG(want));
}

/* ---- Negotiation ------------------------------------------------------------ */

static const struct {
	const char *name, *header;
	enum tn_accept_kind kind;
	const char *(*ask)(const struct tn_req *req, const char *const *offers);
} kinds[] = {
	{ "types", "ACCEPT", TN_ACCEPT_TYPE, tn_req_accepts_one },
	{ "encodings", "ACCEPT_ENCODING", TN_ACCEPT_ENCODING,
	    tn_req_accepts_encodings_one },
	{ "languages", "ACCEPT_LANGUAGE", TN_ACCEPT_LANGUAGE,
	    tn_req_accepts_languages_one },
	{ "charsets", "ACCEPT_CHARSET", TN_ACCEPT_CHARSET,
	    tn_req_accepts_charsets_one },
};

/* The same asked of a request that has this header alone. */
static const char *
asked_of_request(size_t kind, const char *const *offers)
{
	static struct tn_req req;

	req = (struct tn_req){ .nheaders = v.field[1].ptr != NULL };
	req.headers[0] = (struct tn_pair){ tn_slice_str(kinds[kind].header),
		v.field[1] };
	return kinds[kind].ask(&req, offers);
}

static void
check_negotiation(void)
{
	char words[8][64];
	const char *offers[9] = { NULL };
	struct tn_slice rest = v.field[2];
	size_t kind = 0;
	int chosen;

	while (!tn_slice_is(v.field[0], kinds[kind].name))
		ck_assert_uint_lt(++kind, sizeof(kinds) / sizeof(kinds[0]));
	for (size_t i = 0; rest.ptr != NULL && i < 8; i++)
		offers[i] = text_of(tn_slice_cut(&rest, ','), words[i], 64);
	chosen = tn_negotiate(kinds[kind].kind, v.field[1], offers);
	ck_is(chosen < 0 ? TN_SLICE_NONE : tn_slice_str(offers[chosen]));
	ck_assert_ptr_eq(asked_of_request(kind, offers),
	    chosen < 0 ? NULL : offers[chosen]);
}

START_TEST(negotiates_as_accepts)
{
	each_vector("negotiate.tsv", 200, check_negotiation);
}
END_TEST

/* ---- Ranges ----------------------------------------------------------------- */

static void
check_range(void)
{
	struct tn_range ranges[TN_LIMIT_RANGES];
	char got[512] = "";
	uint64_t size;
	size_t n = 0, at = 0;
	int rc;

	ck_assert(tn_slice_u64(v.field[0], &size));
	/* a suffix that is longer than all is all: RFC 9110, 14.1.2 */
	if (size == 0 || (size < 2 && tn_slice_find(v.field[2], '1') >= 0))
		return;
	rc = tn_range_parse(size, v.field[2], v.field[1].len > 0, ranges, &n);
	for (size_t i = 0; i < n && rc > 0; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at,
		    "%s%llu-%llu", i > 0 ? "," : "",
		    (unsigned long long)ranges[i].first,
		    (unsigned long long)ranges[i].last);
	ck_is(rc > 0 ? tn_slice_str(got) : rc == 0 ? TN_SLICE("-1") :
	    TN_SLICE("-2"));
}

START_TEST(reads_ranges_as_range_parser)
{
	struct tn_range ranges[TN_LIMIT_RANGES];
	char many[256] = "bytes=0-0";
	size_t n;

	each_vector("range.tsv", 200, check_range);
	ck_assert_int_eq(tn_range_parse(10, TN_SLICE("bytes=-50"), true,
	    ranges, &n), 1);
	ck_assert_uint_eq(ranges[0].first, 0);
	ck_assert_uint_eq(ranges[0].last, 9);
	ck_assert_int_eq(tn_range_parse(0, TN_SLICE("bytes=0-"), true, ranges,
	    &n), 0);
	for (int i = 1; i < TN_LIMIT_RANGES; i++)
		strcat(many, ",9-9");
	ck_assert_int_eq(tn_range_parse(10, tn_slice_str(many), true, ranges,
	    &n), 1);
	strcat(many, ",9-9");
	ck_assert_int_eq(tn_range_parse(10, tn_slice_str(many), true, ranges,
	    &n), TN_E_SYNTAX);
}
END_TEST

/* ---- Forms ------------------------------------------------------------------ */

static int
by_name(const void *a, const void *b)
{
	const struct tn_qs *x = *(const struct tn_qs *const *)a;
	const struct tn_qs *y = *(const struct tn_qs *const *)b;
	size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = n == 0 ? 0 : memcmp(x->name.ptr, y->name.ptr, n);

	return order != 0 ? order : (x->name.len > y->name.len) -
	    (x->name.len < y->name.len);
}

/* The members of each map in the order of their names. */
static void
sort(struct tn_qs *value)
{
	struct tn_qs *children[256];
	size_t n = 0;

	for (struct tn_qs *c = value->first; c != NULL; c = c->next) {
		children[n++] = c;
		sort(c);
	}
	ck_assert_uint_eq(n, value->n);
	if (value->kind != TN_QS_MAP || n == 0)
		return;
	qsort(children, n, sizeof(children[0]), by_name);
	value->first = children[0];
	for (size_t i = 0; i < n; i++)
		children[i]->next = i + 1 < n ? children[i + 1] : NULL;
}

static void
check_form(void)
{
	const struct tn_qs *root;
	struct tn_arena arena;
	struct tn_buf json;
	int rc;

	tn_arena_init(&arena, 1 << 20);
	tn_buf_init(&json, 1 << 20);
	rc = tn_qs_parse(v.field[0], NULL, &arena, &root, NULL);
	if (rc == 0) {
		sort((struct tn_qs *)(uintptr_t)root);
		tn_qs_json(&json, root);
	} else {
		ck_assert_int_eq(rc, TN_E_SYNTAX);
		tn_buf_str(&json, "refused");
	}
	ck_is(tn_buf_view(&json));
	tn_buf_fini(&json);
	tn_arena_fini(&arena);
}

START_TEST(reads_forms_as_qs)
{
	each_vector("qs.tsv", 70, check_form);
}
END_TEST

static const struct { const char *name, *form; int rc; } forms[] = {
	{ "as many fields as may be", "a&b&c&d", 0 },
	{ "one more", "a&b&c&d&e", TN_E_LIMIT },
	{ "a bad escape", "a=%4", TN_E_SYNTAX },
	{ "no UTF-8", "a=%ff", TN_E_SYNTAX },
	{ "a NUL", "a%00=b", TN_E_SYNTAX },
	{ "as deep as may be", "a[b][c]=1", 0 },
	{ "deeper", "a[b][c][d]=1", TN_E_SYNTAX },
	{ "a member named __proto__ is one like others", "__proto__[x]=1", 0 },
};

START_TEST(bad_form_is_refused)
{
	const struct tn_qs_options options = { 4, 2 };
	const struct tn_qs *root;
	struct tn_arena arena;

	tn_arena_init(&arena, 1 << 16);
	ck_assert_msg(tn_qs_parse(tn_slice_str(forms[_i].form), &options,
	    &arena, &root, NULL) == forms[_i].rc, "%s", forms[_i].name);
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(form_is_asked_for_its_fields)
{
	const struct tn_qs *root, *list;
	struct tn_arena arena;

	tn_arena_init(&arena, 1 << 16);
	ck_assert_int_eq(tn_qs_parse(TN_SLICE("a[]=x&a[]=y&b[c]=z"), NULL,
	    &arena, &root, NULL), 0);
	list = tn_qs_get(root, "a");
	ck_assert_uint_eq(list->n, 2);
	ck_assert(tn_slice_is(tn_qs_text(tn_qs_at(list, 0)), "x"));
	ck_assert(tn_slice_is(tn_qs_text(list), "y"));
	ck_assert(tn_slice_is(tn_qs_text(tn_qs_get(tn_qs_get(root, "b"),
	    "c")), "z"));
	ck_assert_ptr_null(tn_qs_get(list, "c"));
	ck_assert_ptr_null(tn_qs_at(list, 2));
	ck_assert_ptr_null(tn_qs_text(tn_qs_get(root, "none")).ptr);
	tn_arena_fini(&arena);
}
END_TEST

START_TEST(form_without_memory_is_refused)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		const struct tn_qs *root;
		struct tn_arena arena;
		int rc;

		tn_arena_init(&arena, 1 << 16);
		tn_alloc_fail_at(n);
		rc = tn_qs_parse(TN_SLICE("a[]=1&a[b]=2&c=3&c[d"), NULL,
		    &arena, &root, NULL);
		failed = tn_alloc_end();
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
		tn_arena_fini(&arena);
	}
}
END_TEST

/* ---- Names and types -------------------------------------------------------- */

static void
check_disposition(void)
{
	struct tn_buf out;

	tn_buf_init(&out, 4096);
	tn_content_disposition(&out, v.field[0]);
	ck_is(tn_buf_view(&out));
	tn_buf_fini(&out);
}

START_TEST(names_files_as_content_disposition)
{
	each_vector("content_disposition.tsv", 15, check_disposition);
}
END_TEST

static void
check_type(void)
{
	char want[64];

	const char *found;

	if (tn_slice_is(v.field[0], "path")) {
		ck_is(tn_slice_str(tn_mime_of_path(v.field[1])));
	} else if (tn_slice_is(v.field[0], "ending")) {
		found = tn_mime_lookup(v.field[1]);
		ck_is(found == NULL ? TN_SLICE_NONE : tn_slice_str(found));
	} else {
		ck_is(tn_mime_is(v.field[1], text_of(v.field[2], want, 64)) ?
		    TN_SLICE("yes") : TN_SLICE("no"));
	}
}

START_TEST(knows_types_as_type_is)
{
	each_vector("types.tsv", 300, check_type);
	ck_assert_str_eq(tn_mime_content_type("json"),
	    "application/json; charset=utf-8");
	ck_assert_str_eq(tn_mime_content_type("text/html"),
	    "text/html; charset=utf-8");
	ck_assert_str_eq(tn_mime_content_type("x/y"), "x/y");
	ck_assert_ptr_null(tn_mime_content_type("nonsense"));
}
END_TEST

/* ---- Proxies ---------------------------------------------------------------- */

static void
check_chain(void)
{
	struct tn_slice chain[TN_LIMIT_FORWARDED];
	char text[128], got[512] = "";
	struct tn_trust trust;
	size_t n, at = 0;

	ck_assert_int_eq(tn_trust_init(&trust, text_of(v.field[2], text, 128),
	    NULL), 0);
	n = tn_trust_chain(&trust, v.field[0], v.field[1], chain,
	    TN_LIMIT_FORWARDED);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%.*s",
		    i > 0 ? " " : "", TN_SLICE_ARG(chain[i]));
	ck_is(tn_slice_str(got));
}

START_TEST(believes_proxies_as_proxy_addr)
{
	each_vector("trust_proxy.tsv", 300, check_chain);
}
END_TEST

static const struct { const char *text; int rc; } trusts[] = {
	{ "", 0 }, { "false", 0 }, { "true", 0 }, { "16", 0 },
	{ "17", TN_E_CONFIG }, { "localhost", TN_E_CONFIG },
	{ "10.0.0.0/33", TN_E_CONFIG }, { "::1/129", TN_E_CONFIG },
	{ "10.0.0.0/", TN_E_CONFIG }, { "10.0.0.1,,", TN_E_CONFIG },
	{ "10.0.0/8", TN_E_CONFIG }, { "::1/128, 10.0.0.0/0", 0 },
};

START_TEST(trust_is_read)
{
	struct tn_trust trust;

	ck_assert_msg(tn_trust_init(&trust, trusts[_i].text, NULL) ==
	    trusts[_i].rc, "%s", trusts[_i].text);
}
END_TEST

static const struct {
	const char *name, *text, *address;
	unsigned hop;
	bool is_trusted;
} asked[] = {
	{ "nobody", "", "127.0.0.1", 0, false },
	{ "nobody at all", "false", "127.0.0.1", 0, false },
	{ "all", "true", "8.8.8.8", 15, true },
	{ "all, whatever it is", "true", "junk", 0, true },
	{ "the nearest", "1", "8.8.8.8", 0, true },
	{ "the next but one", "1", "8.8.8.8", 1, false },
	{ "no hops", "0", "8.8.8.8", 0, false },
	{ "one address", "10.0.0.1", "10.0.0.1", 9, true },
	{ "its neighbour", "10.0.0.1", "10.0.0.2", 0, false },
	{ "the first of a net", "10.0.0.128/25", "10.0.0.128", 0, true },
	{ "the last of a net", "10.0.0.128/25", "10.0.0.255", 0, true },
	{ "the one before", "10.0.0.128/25", "10.0.0.127", 0, false },
	{ "the one behind", "10.0.0.128/25", "10.0.1.0", 0, false },
	{ "the same as IPv6", "10.0.0.0/8", "::ffff:10.1.2.3", 0, true },
	{ "all of IPv4", "0.0.0.0/0", "8.8.8.8", 0, true },
	{ "IPv6 is not IPv4", "0.0.0.0/0", "2001:db8::1", 0, false },
	{ "all of IPv6 has IPv4 in it", "::/0", "8.8.8.8", 0, true },
	{ "a net of IPv6", "fd00::/8", "fdff::1", 0, true },
	{ "beside a net of IPv6", "fd00::/8", "fc00::1", 0, false },
	{ "an odd net", "172.16.0.0/12", "172.31.255.255", 0, true },
	{ "behind an odd net", "172.16.0.0/12", "172.32.0.0", 0, false },
	{ "one of a list", "::1, 10.0.0.1", "10.0.0.1", 0, true },
	{ "no address", "10.0.0.1", "junk", 0, false },
	{ "an address with a port", "10.0.0.1", "10.0.0.1:80", 0, false },
	{ "nothing", "10.0.0.1", "", 0, false },
};

START_TEST(trust_is_asked)
{
	struct tn_trust trust;

	ck_assert_int_eq(tn_trust_init(&trust, asked[_i].text, NULL), 0);
	ck_assert_msg(tn_trust_ask(&trust, tn_slice_str(asked[_i].address),
	    asked[_i].hop) == asked[_i].is_trusted, "%s", asked[_i].name);
}
END_TEST

static const struct { struct tn_slice text; bool is_address; } addresses[] = {
	{ TN_SLICE("127.0.0.1"), true }, { TN_SLICE("::"), true },
	{ TN_SLICE("2001:db8::1"), true }, { TN_SLICE("255.255.255.255"), true },
	{ TN_SLICE("::ffff:1.2.3.4"), true },
	{ TN_SLICE("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"), true },
	{ TN_SLICE(""), false }, { TN_SLICE("1.2.3"), false },
	{ TN_SLICE("1.2.3.256"), false }, { TN_SLICE("1.2.3.4 "), false },
	{ TN_SLICE("1.2.3.4:80"), false }, { TN_SLICE("[::1]"), false },
	{ TN_SLICE("::1%lo"), false }, { TN_SLICE("1.2.3.4\0"), false },
	{ TN_SLICE("localhost"), false }, { TN_SLICE("0x7f.0.0.1"), false },
	{ TN_SLICE("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"),
	    false },
};

START_TEST(address_is_known)
{
	ck_assert_msg(tn_is_address(addresses[_i].text) ==
	    addresses[_i].is_address, "%.*s",
	    TN_SLICE_ARG(addresses[_i].text));
}
END_TEST

/* ---- Freshness -------------------------------------------------------------- */

/*
 * Tags are compared one by one here too, but what has no quotes is no tag,
 * and an empty If-None-Match says nothing.
 */
static void
check_fresh(void)
{
	static const char *const names[] = { "IF_NONE_MATCH",
		"IF_MODIFIED_SINCE", "CACHE_CONTROL" };
	struct tn_exchange x;

	tn_exchange_init(&x, 0);
	tn_exchange_begin(&x, NULL, NULL);
	x.req.method = TN_METHOD_GET;
	for (size_t i = 0; i < 3; i++) {
		if (v.field[i].ptr != NULL)
			x.req.headers[x.req.nheaders++] = (struct tn_pair){
				tn_slice_str(names[i]), v.field[i] };
	}
	if (v.field[3].ptr != NULL)
		tn_res_set(&x.res, "ETag", v.field[3]);
	if (v.field[4].ptr != NULL)
		tn_res_set(&x.res, "Last-Modified", v.field[4]);
	ck_is(tn_res_is_fresh(&x.res) ? TN_SLICE("fresh") :
	    TN_SLICE("stale"));
	tn_exchange_fini(&x);
}

START_TEST(knows_what_is_fresh_as_fresh)
{
	each_vector("fresh.tsv", 900, check_fresh);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("web_vectors");
	TCase *tc = tcase_create("web_vectors");

#define ROWS(t) (int)(sizeof(t) / sizeof(t[0]))
	tcase_add_test(tc, negotiates_as_accepts);
	tcase_add_test(tc, reads_ranges_as_range_parser);
	tcase_add_test(tc, reads_forms_as_qs);
	tcase_add_loop_test(tc, bad_form_is_refused, 0, ROWS(forms));
	tcase_add_test(tc, form_is_asked_for_its_fields);
	tcase_add_test(tc, form_without_memory_is_refused);
	tcase_add_test(tc, names_files_as_content_disposition);
	tcase_add_test(tc, knows_types_as_type_is);
	tcase_add_test(tc, believes_proxies_as_proxy_addr);
	tcase_add_loop_test(tc, trust_is_read, 0, ROWS(trusts));
	tcase_add_loop_test(tc, trust_is_asked, 0, ROWS(asked));
	tcase_add_loop_test(tc, address_is_known, 0, ROWS(addresses));
	tcase_add_test(tc, knows_what_is_fresh_as_fresh);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(suite)
