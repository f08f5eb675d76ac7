#include "config.h"

#include "base/conf.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

#include "check_alloc.h"
#include "check_main.h"

#define S(literal) TN_SLICE(literal)

struct settings {
	const char *name;
	const char *key;
	struct tn_conf_strings origins;
	struct tn_conf_strings secrets;
	int port;
	int wait_ms;
	int level;
	size_t size;
	bool on;
};

static const char *const levels[] = { "low", "high", NULL };

#define AT(member) offsetof(struct settings, member)

static const struct tn_conf_key keys[] = {
	{ "site", "name", TN_CONF_STRING, AT(name), 0, 0, NULL, "preset",
	    "a name", false },
	{ "site", "key", TN_CONF_STRING, AT(key), 0, 0, NULL, NULL,
	    "a secret", true },
	{ "site", "origin", TN_CONF_STRINGS, AT(origins), 0, 0, NULL, "one",
	    "a list", false },
	{ "site", "secret", TN_CONF_STRINGS, AT(secrets), 0, 0, NULL, NULL,
	    "secrets", true },
	{ "net", "port", TN_CONF_INT, AT(port), 1, 65535, NULL, "80",
	    "a number", false },
	{ "net", "wait", TN_CONF_MS, AT(wait_ms), 0, 0, NULL, "30s",
	    "a time", false },
	{ "net", "level", TN_CONF_CHOICE, AT(level), 0, 0, levels, "high",
	    "a choice", false },
	{ "net", "size", TN_CONF_SIZE, AT(size), 0, 0, NULL, "64k",
	    "a size", false },
	{ "net", "on", TN_CONF_BOOL, AT(on), 0, 0, NULL, "yes",
	    "a switch", false },
	{ NULL, NULL, TN_CONF_STRING, 0, 0, 0, NULL, NULL, NULL, false },
};

static struct tn_arena arena;
static struct settings is;
static struct tn_conf conf;
static struct tn_err err;
static char dir[32];
static char path[48];

static void
setup(void)
{
	tn_arena_init(&arena, 4 << 20);
	ck_assert_int_eq(tn_conf_init(&conf, keys, &is, &arena, &err), 0);
	strcpy(dir, "/tmp/tandem-conf-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void
teardown(void)
{
	tn_arena_fini(&arena);
	unlink(path);
	rmdir(dir);
}

static int
read_text(const char *text)
{
	return tn_conf_text(&conf, "f", tn_slice_str(text), &err);
}

static void
write_file(struct tn_slice text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(write(fd, text.ptr, text.len), (ssize_t)text.len);
	close(fd);
}

START_TEST(presets)
{
	ck_assert_str_eq(is.name, "preset");
	ck_assert_ptr_null(is.key);
	ck_assert_uint_eq(is.origins.n, 1);
	ck_assert_uint_eq(is.secrets.n, 0);
	ck_assert_int_eq(is.port, 80);
	ck_assert_int_eq(is.wait_ms, 30000);
	ck_assert_int_eq(is.level, 1);
	ck_assert_uint_eq(is.size, 65536);
	ck_assert(is.on);
}
END_TEST

START_TEST(a_preset_that_is_wrong)
{
	static const struct tn_conf_key wrong[] = {
		{ "net", "port", TN_CONF_INT, AT(port), 1, 9, NULL, "10",
		    "a number", false },
		{ NULL, NULL, TN_CONF_STRING, 0, 0, 0, NULL, NULL, NULL, false },
	};

	ck_assert_int_eq(tn_conf_init(&conf, wrong, &is, &arena, &err),
	    TN_E_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "net.port"));
}
END_TEST

START_TEST(reads_every_kind)
{
	ck_assert_int_eq(read_text("# comment\r\n\r\n[site]\r\n"
	    "  name = \"a # b = c \"  \r\n\tkey=k\r\norigin = a\norigin = b\n"
	    "origin=c\n[ net ]\nport=65535\nwait = 2m\nlevel = low\n"
	    "size = 3m\non = off\n[site]\nsecret = s"), 0);
	ck_assert_str_eq(is.name, "a # b = c ");
	ck_assert_str_eq(is.key, "k");
	ck_assert_uint_eq(is.origins.n, 3);
	ck_assert_str_eq(is.origins.items[0], "a");
	ck_assert_str_eq(is.origins.items[2], "c");
	ck_assert_int_eq(is.port, 65535);
	ck_assert_int_eq(is.wait_ms, 120000);
	ck_assert_int_eq(is.level, 0);
	ck_assert_uint_eq(is.size, 3 << 20);
	ck_assert(!is.on);
	ck_assert_str_eq(is.secrets.items[0], "s");
}
END_TEST

static const struct { const char *word; int ms; } times[] = {
	{ "net.wait=0", 0 }, { "net.wait=0s", 0 }, { "net.wait=1ms", 1 },
	{ "net.wait=90s", 90000 }, { "net.wait=1h", 3600000 },
	{ "net.wait=2147483647ms", INT_MAX },
};

START_TEST(reads_times)
{
	ck_assert_int_eq(tn_conf_word(&conf, times[_i].word, &err), 0);
	ck_assert_int_eq(is.wait_ms, times[_i].ms);
}
END_TEST

static const struct {
	const char *name, *in, *message;
} bad[] = {
	{ "unknown section",	"[nowhere]",
	    "f:1: unknown section [nowhere]" },
	{ "unknown key",	"\n[site]\nport = 1",
	    "f:3: unknown key \"port\" in [site]" },
	{ "no section",		"name = x",
	    "f:1: a key before the first [section]" },
	{ "no sign",		"[site]\nname",
	    "f:2: neither [section] nor key = value" },
	{ "no bracket",		"[site",	"f:1: a section without ']'" },
	{ "only a bracket",	"[",		"f:1: a section without ']'" },
	{ "an empty section",	"[]",		"f:1: unknown section []" },
	{ "given twice",	"[site]\nname=a\n[site]\nname=a",
	    "f:4: site.name: given twice" },
	{ "a quote missing",	"[site]\nname = \"a",
	    "f:2: site.name: a quote is missing or too many" },
	{ "a quote alone",	"[site]\nname = \"",
	    "f:2: site.name: a quote is missing or too many" },
	{ "a quote inside",	"[site]\nname = \"a\"b\"",
	    "f:2: site.name: a quote is missing or too many" },
	{ "a control",		"[site]\nname = a\x1b",
	    "f:2: control characters, or not UTF-8" },
	{ "not UTF-8",		"[site]\nname = \xff",
	    "f:2: control characters, or not UTF-8" },
	{ "below the range",	"[net]\nport = 0",
	    "f:2: net.port: 0 is not within 1 and 65535" },
	{ "above the range",	"[net]\nport = 65536",
	    "f:2: net.port: 65536 is not within 1 and 65535" },
	{ "no number",		"[net]\nport = 80x",
	    "f:2: net.port: \"80x\" is not a whole number that fits" },
	{ "an empty number",	"[net]\nport =",
	    "f:2: net.port: \"\" is not a whole number that fits" },
	{ "a huge number",	"[net]\nport = 4294967376",
	    "f:2: net.port: \"4294967376\" is not a whole number that fits" },
	{ "a time without unit", "[net]\nwait = 5",
	    "f:2: net.wait: \"5\" is not a time like 500ms, 30s, 5m or 1h" },
	{ "too long a time",	"[net]\nwait = 2147483648ms",
	    "f:2: net.wait: \"2147483648ms\" is not a time like 500ms, 30s, "
	    "5m or 1h" },
	{ "a time that wraps",	"[net]\nwait = 18446744073709552s",
	    "f:2: net.wait: \"18446744073709552s\" is not a time like 500ms, "
	    "30s, 5m or 1h" },
	{ "a size with a unit",	"[net]\nsize = 5g",
	    "f:2: net.size: \"5g\" is not a size like 512, 64k or 1m" },
	{ "no switch",		"[net]\non = maybe",
	    "f:2: net.on: \"maybe\" is not yes or no" },
	{ "no choice",		"[net]\nlevel = mid",
	    "f:2: net.level: \"mid\" is not one of: low high" },
	{ "no file for others",	"[site]\nname_file = x",
	    "f:2: unknown key \"name_file\" in [site]" },
	{ "a file not there",	"[site]\nkey_file = /nonexistent",
	    "f:2: site.key: file /nonexistent: No such file or directory" },
	{ "not a file",		"[site]\nkey_file = /dev/null",
	    "f:2: site.key: file /dev/null: not a regular file" },
};

START_TEST(refused)
{
	ck_assert_msg(read_text(bad[_i].in) == TN_E_CONFIG &&
	    strcmp(err.text, bad[_i].message) == 0, "%s: %s", bad[_i].name,
	    err.text);
}
END_TEST

START_TEST(nul_is_refused)
{
	ck_assert_int_eq(tn_conf_text(&conf, "f", S("[site]\nname=a\0b"),
	    &err), TN_E_CONFIG);
}
END_TEST

START_TEST(secrets_are_not_shown)
{
	ck_assert_int_eq(read_text("[site]\nkey = \"hidden"), TN_E_CONFIG);
	ck_assert_ptr_null(strstr(err.text, "hidden"));
	ck_assert_int_eq(read_text("[site]\nkey=hidden\nkey=hidden"),
	    TN_E_CONFIG);
	ck_assert_ptr_null(strstr(err.text, "hidden"));
}
END_TEST

START_TEST(words_win_before_and_after)
{
	ck_assert_int_eq(tn_conf_word(&conf, "net.port=1", &err), 0);
	ck_assert_int_eq(tn_conf_word(&conf, "site.origin=w1", &err), 0);
	ck_assert_int_eq(tn_conf_word(&conf, "site.origin=w2", &err), 0);
	ck_assert_int_eq(read_text("[net]\nport = 2\non = no\n"
	    "[site]\norigin = f\nname = f"), 0);
	ck_assert_int_eq(is.port, 1);
	ck_assert_uint_eq(is.origins.n, 2);
	ck_assert_str_eq(is.origins.items[1], "w2");
	ck_assert_int_eq(tn_conf_word(&conf, "site.name=a=b", &err), 0);
	ck_assert_str_eq(is.name, "a=b");
	ck_assert_int_eq(tn_conf_word(&conf, "site.name=last", &err), 0);
	ck_assert_str_eq(is.name, "last");
}
END_TEST

START_TEST(what_a_word_settled_is_checked_all_the_same)
{
	ck_assert_int_eq(tn_conf_word(&conf, "net.port=1", &err), 0);
	ck_assert_int_eq(read_text("[net]\nport = x"), TN_E_CONFIG);
}
END_TEST

static const char *const bad_words[] = {
	"", "site", "site.name", "name=x", "=", ".=", "site.port=1",
	"nowhere.name=x", "net.port=x", "site.name=\"",
};

START_TEST(bad_words_are_refused)
{
	ck_assert_int_eq(tn_conf_word(&conf, bad_words[_i], &err),
	    TN_E_CONFIG);
}
END_TEST

START_TEST(an_empty_value_empties_a_list)
{
	ck_assert_int_eq(read_text("[site]\norigin =\nname ="), 0);
	ck_assert_uint_eq(is.origins.n, 0);
	ck_assert_str_eq(is.name, "");
}
END_TEST

START_TEST(lists_grow)
{
	char word[32];

	for (int i = 0; i < 100; i++) {
		snprintf(word, sizeof(word), "site.origin=%d", i);
		ck_assert_int_eq(tn_conf_word(&conf, word, &err), 0);
	}
	ck_assert_uint_eq(is.origins.n, 100);
	ck_assert_str_eq(is.origins.items[0], "0");
	ck_assert_str_eq(is.origins.items[99], "99");
}
END_TEST

static const struct {
	const char *name;
	struct tn_slice text;
	mode_t mode;
	const char *value;	/* NULL: refused */
} secrets[] = {
	{ "its first line",	S("abc\nmore\n"),	0600,	"abc" },
	{ "no line end",	S("abc"),		0600,	"abc" },
	{ "CRLF",		S("abc\r\n"),		0600,	"abc" },
	{ "blanks are kept",	S(" a \n"),		0600,	" a " },
	{ "a group may read",	S("abc\n"),		0640,	"abc" },
	{ "others may read",	S("abc\n"),		0604,	NULL },
	{ "empty",		S(""),			0600,	NULL },
	{ "an empty line",	S("\nabc"),		0600,	NULL },
	{ "NUL",		S("a\0b\n"),		0600,	NULL },
};

START_TEST(secrets_from_files)
{
	char word[128];
	int rc;

	write_file(secrets[_i].text, secrets[_i].mode);
	snprintf(word, sizeof(word), "site.key_file=%s", path);
	rc = tn_conf_word(&conf, word, &err);
	if (secrets[_i].value == NULL) {
		ck_assert_msg(rc == TN_E_CONFIG, "%s", secrets[_i].name);
		return;
	}
	ck_assert_msg(rc == 0 && strcmp(is.key, secrets[_i].value) == 0,
	    "%s", secrets[_i].name);
	snprintf(word, sizeof(word), "[site]\nkey_file=%s\nkey=x", path);
	ck_assert_int_eq(read_text(word), TN_E_CONFIG);
}
END_TEST

START_TEST(secret_files_are_limited)
{
	static char line[TN_LIMIT_SECRET_FILE + 2];
	char word[128];

	memset(line, 'x', sizeof(line));
	snprintf(word, sizeof(word), "site.secret_file=%s", path);
	line[TN_LIMIT_SECRET_FILE] = '\n';
	write_file(tn_slice(line, sizeof(line)), 0600);
	ck_assert_int_eq(tn_conf_word(&conf, word, &err), 0);
	ck_assert_uint_eq(strlen(is.secrets.items[0]), TN_LIMIT_SECRET_FILE);
	line[TN_LIMIT_SECRET_FILE] = 'x';
	write_file(tn_slice(line, sizeof(line)), 0600);
	ck_assert_int_eq(tn_conf_word(&conf, word, &err), TN_E_CONFIG);
}
END_TEST

START_TEST(files)
{
	static char big[TN_LIMIT_CONF_BYTES + 1];

	write_file(S("[site]\nname = from file\n"), 0600);
	ck_assert_int_eq(tn_conf_file(&conf, path, &err), 0);
	ck_assert_str_eq(is.name, "from file");
	ck_assert_int_eq(tn_conf_file(&conf, "/nonexistent", &err),
	    TN_E_SYSTEM);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent: "));
	ck_assert_int_eq(tn_conf_file(&conf, "/tmp", &err), TN_E_SYSTEM);
	memset(big, '\n', sizeof(big));
	write_file(tn_slice(big, sizeof(big) - 1), 0600);
	ck_assert_int_eq(tn_conf_file(&conf, path, &err), 0);
	write_file(tn_slice(big, sizeof(big)), 0600);
	ck_assert_int_eq(tn_conf_file(&conf, path, &err), TN_E_CONFIG);
}
END_TEST

START_TEST(survives_each_failed_allocation)
{
	bool failed = true;
	char word[128];

	write_file(S("secret\n"), 0600);
	snprintf(word, sizeof(word), "site.key_file=%s", path);
	for (unsigned n = 1; failed; n++) {
		struct tn_arena own;
		int rc;

		tn_arena_init(&own, 1 << 20);
		tn_alloc_fail_at(n);
		rc = tn_conf_init(&conf, keys, &is, &own, &err);
		for (int i = 0; rc == 0 && i < 300; i++)
			rc = tn_conf_word(&conf, "site.origin=some origin",
			    &err);
		if (rc == 0)
			rc = tn_conf_word(&conf, word, &err);
		failed = tn_alloc_end();
		ck_assert_int_eq(rc, failed ? TN_E_NOMEM : 0);
		tn_arena_fini(&own);
	}
}
END_TEST

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, sizeof(table) / sizeof(*(table)))

static Suite *
suite(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, presets);
	tcase_add_test(t, a_preset_that_is_wrong);
	tcase_add_test(t, reads_every_kind);
	LOOP(t, reads_times, times);
	LOOP(t, refused, bad);
	tcase_add_test(t, nul_is_refused);
	tcase_add_test(t, secrets_are_not_shown);
	tcase_add_test(t, words_win_before_and_after);
	tcase_add_test(t, what_a_word_settled_is_checked_all_the_same);
	LOOP(t, bad_words_are_refused, bad_words);
	tcase_add_test(t, an_empty_value_empties_a_list);
	tcase_add_test(t, lists_grow);
	LOOP(t, secrets_from_files, secrets);
	tcase_add_test(t, secret_files_are_limited);
	tcase_add_test(t, files);
	tcase_add_test(t, survives_each_failed_allocation);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
