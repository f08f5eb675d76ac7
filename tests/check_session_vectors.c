/*
 * What the real packages made (tests/data/sessions.txt, which names them),
 * made and read by us.
 */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "check_main.h"
#include "session/signature.h"
#include "session_spy.h"

enum { FIELDS = 6, LINE_BYTES = 8192 };

static struct tn_slice field[FIELDS];	/* ptr NULL: "none" */
static struct tn_arena arena;
static int counts[4];			/* of each kind */

/* ---- One line -------------------------------------------------------------*/

static void
read_fields(struct tn_slice rest)
{
	for (int i = 0; i < FIELDS; i++) {
		struct tn_slice raw = tn_slice_cut(&rest, '\t');

		field[i] = TN_SLICE_NONE;
		if (raw.len == 0 || tn_slice_is(raw, "none"))
			continue;
		raw = tn_arena_copy(&arena, raw);
		ck_assert_int_eq(tn_json_string(raw, &arena, &field[i], NULL),
		    0);
		if (field[i].ptr == NULL)
			field[i].ptr = "";
	}
}

static void
ck_same(struct tn_slice got, struct tn_slice want)
{
	ck_assert_msg(tn_slice_eq(got, want) &&
	    (got.ptr == NULL) == (want.ptr == NULL),
	    "got  \"%.*s\"\nwant \"%.*s\"", TN_SLICE_ARG(got),
	    TN_SLICE_ARG(want));
}

static void
check_sign(void)
{
	struct tn_signer *signer = tn_signer_new(&field[1], 1, NULL);
	struct tn_slice value;
	struct tn_buf out;

	tn_buf_init(&out, LINE_BYTES);
	tn_sign(&out, signer, field[0]);
	ck_same(tn_buf_view(&out), field[2]);
	ck_assert(tn_unsign(signer, field[2], &value));
	ck_assert(tn_slice_eq(value, field[0]));
	tn_buf_fini(&out);
	tn_signer_free(&signer);
}

static void
check_unsign(void)
{
	struct tn_signer *signer = tn_signer_new(&field[1], 1, NULL);
	struct tn_slice value = TN_SLICE_NONE;

	ck_assert_msg(tn_unsign(signer, field[0], &value) ==
	    (field[2].ptr != NULL), "%.*s", TN_SLICE_ARG(field[0]));
	if (field[2].ptr != NULL)
		ck_same(value, field[2]);
	tn_signer_free(&signer);
}

static void
check_cookie(void)
{
	struct tn_slice value = TN_SLICE_NONE;
	int found = tn_cookie_find(field[0], field[1], &arena, &value, NULL);

	ck_assert_msg(found == (field[2].ptr != NULL), "%.*s in %.*s: %d",
	    TN_SLICE_ARG(field[1]), TN_SLICE_ARG(field[0]), found);
	if (found == 1)
		ck_assert_msg(tn_slice_eq(value, field[2]), "%.*s: %.*s",
		    TN_SLICE_ARG(field[0]), TN_SLICE_ARG(value));
}

/* ---- A session from its options to its record -----------------------------*/

static int
word_of(struct tn_slice word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (tn_slice_is(word, words[i]))
			return i;
	ck_abort_msg("unknown word %.*s", TN_SLICE_ARG(word));
}

static bool is_safe;

static void
set_option(struct tn_slice name, struct tn_slice value)
{
	static const char *const secure[] = { "no", "yes", "auto" };
	static const char *const sites[] = { "", "lax", "strict", "none",
		"auto" };
	static const char *const priorities[] = { "", "low", "medium",
		"high" };
	struct tn_session_options *o = &spy.options;
	uint64_t n = 0;

	tn_slice_u64(value, &n);
	if (tn_slice_is(name, "max_age"))
		o->max_age_ms = (int64_t)n;
	else if (tn_slice_is(name, "expires"))
		o->expires_ms = (int64_t)n;
	else if (tn_slice_is(name, "http_only"))
		o->http_only = n != 0;
	else if (tn_slice_is(name, "partitioned"))
		o->partitioned = n != 0;
	else if (tn_slice_is(name, "domain"))
		o->domain = value;
	else if (tn_slice_is(name, "name"))
		o->name = value;
	else if (tn_slice_is(name, "secure"))
		o->secure = (enum tn_secure)word_of(value, secure, 3);
	else if (tn_slice_is(name, "same_site"))
		o->same_site = (enum tn_same_site)word_of(value, sites, 5);
	else if (tn_slice_is(name, "priority"))
		o->priority = (enum tn_priority)word_of(value, priorities, 4);
	else if (tn_slice_is(name, "line"))
		is_safe = true;
	else
		ck_abort_msg("unknown option %.*s", TN_SLICE_ARG(name));
}

static int
give_sid(struct tn_buf *out, void *arg)
{
	const struct tn_slice *sid = arg;

	tn_buf_slice(out, *sid);
	return 0;
}

static void
begin_spy(struct tn_slice words)
{
	struct tn_slice name, value;

	spy_setup();
	is_safe = false;
	while (words.len > 0) {
		struct tn_slice word = tn_slice_cut(&words, ';');

		if (tn_slice_split(word, '=', &name, &value))
			set_option(name, value);
	}
	spy.options.genid = give_sid;
	spy.options.genid_arg = &field[1];
}

/* What was read is written as it was. */
static void
check_read(void)
{
	struct tn_session s;
	struct tn_buf again;

	ck_assert_int_eq(tn_session_read(&s, &arena, field[1], field[3], NULL),
	    0);
	tn_buf_init(&again, LINE_BYTES);
	tn_session_write(&s, &again);
	ck_same(tn_buf_view(&again), field[3]);
	tn_buf_fini(&again);
}

static void
check_record(void)
{
	char ttl[32];
	struct tn_slice key = field[2];

	begin_spy(field[0]);
	ck_assert_int_eq(spy_load("", is_safe), 0);
	ck_assert_int_eq(tn_session_set(&spy.s, "views", S("1")), 0);
	ck_assert_int_eq(tn_session_set_string(&spy.s, "text",
	    S("\u2028 \"\u00e9\u20ac\U0001f600\\\a")), 0);
	ck_assert_int_eq(tn_session_set(&spy.s, "nested",
	    S("{\"a\":[1,0.5,0,1e+21,null,true],\"b\":{}}")), 0);
	ck_assert_int_eq(spy_commit(is_safe), 0);
	ck_assert(tn_slice_starts(key, S("sess:")));
	ck_same(tn_slice_after(key, 5), spy.s.sid);
	ck_assert(spy_kept_is(field[1], tn_arena_str(&arena, field[3])));
	snprintf(ttl, sizeof(ttl), " %.*s", TN_SLICE_ARG(field[4]));
	ck_assert_msg(tn_slice_ends(tn_slice_str(spy.said),
	    tn_slice_str(ttl)), "%s: not%s", spy.said, ttl);
	ck_same(tn_buf_view(&spy.cookie), field[5]);
	spy_teardown();
	check_read();
}

static const struct {
	const char *kind;
	void (*check)(void);
} kinds[] = {
	{ "sign", check_sign },
	{ "unsign", check_unsign },
	{ "cookie", check_cookie },
	{ "record", check_record },
};

static void
check_line(struct tn_slice line)
{
	struct tn_slice kind = tn_slice_cut(&line, '\t');

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!tn_slice_is(kind, kinds[i].kind))
			continue;
		read_fields(line);
		kinds[i].check();
		counts[i]++;
		return;
	}
	ck_abort_msg("unknown kind %.*s", TN_SLICE_ARG(kind));
}

START_TEST(as_the_packages_do)
{
	const char *srcdir = getenv("srcdir");
	char path[1000], line[LINE_BYTES];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/data/sessions.txt",
	    srcdir == NULL ? "." : srcdir);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	tn_arena_init(&arena, 16 << 20);
	while (fgets(line, sizeof(line), f) != NULL) {
		struct tn_slice text = tn_slice_str(line);

		text.len -= text.len > 0 && text.ptr[text.len - 1] == '\n';
		if (text.len > 0 && text.ptr[0] != '#')
			check_line(text);
	}
	fclose(f);
	tn_arena_fini(&arena);
	ck_assert_int_ge(counts[0], 60);
	ck_assert_int_ge(counts[1], 12);
	ck_assert_int_ge(counts[2], 30);
	ck_assert_int_ge(counts[3], 20);
}
END_TEST

static Suite *
session_vectors_suite(void)
{
	Suite *s = suite_create("session_vectors");
	TCase *tc = tcase_create("session_vectors");

	tcase_add_test(tc, as_the_packages_do);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(session_vectors_suite)
