#include "config.h"

#include "chat/settings.h"

#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/limits.h"
#include "chat/settings_keys.h"
#include "session/signature.h"

#include "check_main.h"

#define SECRET	"[session]\nsecret = sixteen bytes ok\n"

static struct settings is;
static struct tn_err err;

static void
setup(void)
{
	memset(&is, 0, sizeof(is));
	err = (struct tn_err){ 0, "" };
}

static void
teardown(void)
{
	settings_fini(&is);
}

static int
read_text(const char *text)
{
	return settings_read(&is, "t.conf", tn_slice_str(text), NULL, &err);
}

START_TEST(presets_are_the_seeds)
{
	ck_assert_msg(read_text(SECRET) == 0, "%s", err.text);
	ck_assert_str_eq(is.namespace, "/packtchat");
	ck_assert_str_eq(is.http.login_route, "/account/login");
	ck_assert_str_eq(is.http.logout_route, "/account/logout");
	ck_assert_str_eq(is.session.name, "connect.sid");
	ck_assert_str_eq(is.session.prefix, "sess:");
	ck_assert_int_eq(is.session.ttl_ms, 24 * 3600 * 1000);
	ck_assert_int_eq(is.session.secure, TN_SECURE_AUTO);
	ck_assert_int_eq(is.session.same_site, TN_SAME_SITE_LAX);
	ck_assert_str_eq(is.redis.host, "127.0.0.1");
	ck_assert_int_eq(is.redis.port, 6379);
	ck_assert_ptr_null(is.redis.path);
	ck_assert_str_eq(is.io.engine.path, "/socket.io/");
	ck_assert_int_eq(is.io.engine.ping_interval_ms, 25000);
	ck_assert_uint_eq(is.io.engine.max_payload, 1000000);
	ck_assert_uint_eq(is.account.hash_memory, 19u << 20);
	ck_assert_int_eq(is.chat.lease_ms, 10000);
	ck_assert_int_eq(is.log.level, TN_LOG_INFO);
	ck_assert_uint_eq(is.io.engine.norigins, 0);
	ck_assert(!is.io.msgpack && !is.io.engine.per_message_deflate &&
	    !is.io.engine.http_compression);
}
END_TEST

START_TEST(packets_may_be_packed)
{
	ck_assert_int_eq(read_text(SECRET "[ws]\nparser = msgpack\n"
	    "per_message_deflate = yes\n"
	    "per_message_deflate_threshold = 2k\n"
	    "http_compression = yes\nhttp_compression_threshold = 1\n"), 0);
	ck_assert(is.io.msgpack && is.io.engine.per_message_deflate &&
	    is.io.engine.http_compression);
	ck_assert_uint_eq(is.io.engine.per_message_deflate_threshold, 2048);
	ck_assert_uint_eq(is.io.engine.http_compression_threshold, 1);
}
END_TEST

static const struct {
	const char *name, *text, *said;	/* said NULL: taken */
} texts[] = {
	{ "a secret is needed", "[http]\nworkers = 1\n", "needs a secret" },
	{ "fifteen bytes are too few", "[session]\nsecret = fifteen bytes..\n",
	    "shorter than 16" },
	{ "sixteen will do", SECRET, NULL },
	{ "the sample's is refused",
	    "[session]\nsecret = change-me-to-something-else\n", "sample" },
	{ "a bad second secret is refused", SECRET "secret = short\n",
	    "secret 2" },
	{ "more secrets than the limit", SECRET
	    "secret = aaaaaaaaaaaaaaaa2\nsecret = aaaaaaaaaaaaaaaa3\n"
	    "secret = aaaaaaaaaaaaaaaa4\nsecret = aaaaaaaaaaaaaaaa5\n"
	    "secret = aaaaaaaaaaaaaaaa6\nsecret = aaaaaaaaaaaaaaaa7\n"
	    "secret = aaaaaaaaaaaaaaaa8\nsecret = aaaaaaaaaaaaaaaa9\n",
	    "more than 8" },
	{ "an unknown key", SECRET "[ws]\ncolour = red\n", "t.conf:4:" },
	{ "a window of an hour", SECRET "[ws]\nrecovery_window = 1h\n"
	    "recovery_events = 100\n", NULL },
	{ "a longer one", SECRET "[ws]\nrecovery_window = 61m\n",
	    "t.conf:4:" },
	{ "too few events for it", SECRET "[ws]\nrecovery_events = 99\n",
	    "t.conf:4:" },
	{ "a lease below a second", SECRET "[chat]\nlease = 10ms\n",
	    "t.conf:4:" },
	{ "an origin with a path", SECRET
	    "[http]\norigin = https://example.org/\n", "origin" },
	{ "an origin without a scheme", SECRET
	    "[ws]\norigins = example.org\n", "origin" },
	{ "an origin with a port", SECRET
	    "[ws]\norigins = http://localhost:8080\n", NULL },
	{ "any origin", SECRET "[ws]\norigins = *\n", NULL },
	{ "a proxy by its subnet", SECRET
	    "[http]\ntrust_proxy = loopback, 10.0.0.0/8\n", NULL },
	{ "a proxy by number", SECRET "[http]\ntrust_proxy = 1\n", NULL },
	{ "a proxy by a name", SECRET
	    "[http]\ntrust_proxy = proxy.example.org\n", "trust_proxy" },
	{ "a namespace without its slash", SECRET
	    "[ws]\nnamespace = packtchat\n", "namespace must begin" },
	{ "a log to a file without the file", SECRET
	    "[log]\ntarget = file\n", "no file" },
	{ "a log to a file", SECRET
	    "[log]\ntarget = file\nfile = /tmp/x.log\n", NULL },
	{ "a node of several words", SECRET "[ws]\nnode = two words\n",
	    "node and the" },
	{ "a node as long as may be", SECRET
	    "[ws]\nnode = a23456789012345678901234567890\n", NULL },
	{ "a node longer by one", SECRET
	    "[ws]\nnode = a234567890123456789012345678901\n", "node and the" },
	{ "a parser that is none", SECRET "[ws]\nparser = xml\n",
	    "t.conf:4:" },
	{ "a threshold of nothing", SECRET
	    "[ws]\nhttp_compression_threshold = 0\n", "t.conf:4:" },
	{ "a secret file that is not there", SECRET
	    "secret_file = /nowhere/secret\n", "/nowhere/secret" },
};

START_TEST(takes_and_refuses)
{
	int status = read_text(texts[_i].text);

	if (texts[_i].said == NULL) {
		ck_assert_msg(status == 0, "%s: %s", texts[_i].name, err.text);
		return;
	}
	ck_assert_msg(status == TN_E_CONFIG && err.code == TN_E_CONFIG,
	    "%s: %d", texts[_i].name, status);
	ck_assert_msg(strstr(err.text, texts[_i].said) != NULL, "%s: %s",
	    texts[_i].name, err.text);
	ck_assert_msg(strstr(err.text, "short\n") == NULL &&
	    strstr(err.text, "fifteen") == NULL, "%s: shows the secret: %s",
	    texts[_i].name, err.text);
}
END_TEST

START_TEST(origins_are_the_sites_unless_given)
{
	ck_assert_int_eq(read_text(SECRET
	    "[http]\norigin = https://example.org\n"), 0);
	ck_assert_uint_eq(is.io.engine.norigins, 1);
	ck_assert_str_eq(is.io.engine.origins[0], "https://example.org");
	settings_fini(&is);
	ck_assert_int_eq(read_text(SECRET
	    "[http]\norigin = https://example.org\n"
	    "[ws]\norigins = https://other.org\n"), 0);
	ck_assert_uint_eq(is.io.engine.norigins, 1);
	ck_assert_str_eq(is.io.engine.origins[0], "https://other.org");
}
END_TEST

START_TEST(nobody_comes_back_unless_it_is_said)
{
	struct settings s = { .recovery_events = 500 };

	ck_assert_int_eq(settings_recovery_events(&s), 0);
	s.io.recovery_window_ms = 1;
	ck_assert_int_eq(settings_recovery_events(&s), 500);
}
END_TEST

START_TEST(workers_have_their_own_socket)
{
	ck_assert_int_eq(settings_read(&is, "t.conf", TN_SLICE(SECRET), "b2",
	    &err), 0);
	ck_assert_str_eq(is.ws.listen, "unix:/run/tandem/ws-b2.sock");
	ck_assert_str_eq(is.io.engine.worker, "b2");
	settings_fini(&is);
	ck_assert_int_eq(settings_read(&is, "t.conf", TN_SLICE(SECRET),
	    "../x", &err), TN_E_CONFIG);
}
END_TEST

START_TEST(session_options_and_rotation)
{
	struct tn_session_options options;
	struct tn_signer *signer = NULL;

	ck_assert_int_eq(read_text(SECRET "secret = an older secret here\n"
	    "max_age = 1h\n"), 0);
	ck_assert_int_eq(settings_session_options(&is, &signer, &options,
	    &err), 0);
	ck_assert(tn_slice_is(options.name, "connect.sid"));
	ck_assert_int_eq(options.max_age_ms, 3600000);
	ck_assert_int_eq(options.ttl_s, 86400);
	ck_assert(options.http_only);
	tn_signer_free(&signer);
}
END_TEST

/* The command line. */

static char path[64];

static void
write_file(const char *text, mode_t mode)
{
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/tandem-settings.%ld",
	    (long)getpid());
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static const struct {
	const char *name, *text;
	mode_t mode;
	const char *args[6];
	bool goes_on;
	int status;
} lines[] = {
	{ "goes on", SECRET, 0600, { "--config", path }, true, 0 },
	{ "--check ends well", SECRET, 0640,
	    { "--config", path, "--check" }, false, 0 },
	{ "--check of a bad file", SECRET "[http]\nworkers = many\n", 0600,
	    { "--check", "--config", path }, false, 2 },
	{ "a secret that others may read", SECRET, 0644,
	    { "--config", path }, false, 2 },
	{ "the secret is not the file's", "", 0644,
	    { "-c", path, "-o", "session.secret=sixteen bytes ok" }, true, 0 },
	{ "a word beats the file", SECRET "[redis]\nport = 7\n", 0600,
	    { "-o", "redis.port=8", "-c", path }, true, 0 },
	{ "a bad word", SECRET, 0600, { "-c", path, "-o", "redis.port=x" },
	    false, 2 },
	{ "an unknown option", SECRET, 0600, { "--colour" }, false, 2 },
	{ "a word too much", SECRET, 0600, { "-c", path, "x" }, false, 2 },
	{ "no such file", SECRET, 0600, { "-c", "/nowhere/t.conf" }, false, 2 },
	{ "--version", SECRET, 0600, { "--version" }, false, 0 },
	{ "--help", SECRET, 0600, { "--help" }, false, 0 },
	{ "a worker's name", SECRET, 0600, { "-c", path, "-w", "b" }, true, 0 },
	{ "a bad worker's name", SECRET, 0600, { "-c", path, "-w", "a/b" },
	    false, 2 },
};

START_TEST(command_line)
{
	char *argv[8] = { (char *)"tandem-test" };
	int argc = 1, status = -1;
	bool goes_on;

	write_file(lines[_i].text, lines[_i].mode);
	while (lines[_i].args[argc - 1] != NULL) {
		argv[argc] = (char *)lines[_i].args[argc - 1];
		argc++;
	}
	goes_on = settings_load(&is, "tandem-test", argc, argv, &status);
	unlink(path);
	ck_assert_msg(goes_on == lines[_i].goes_on, "%s", lines[_i].name);
	if (!goes_on)
		ck_assert_msg(status == lines[_i].status, "%s: %d",
		    lines[_i].name, status);
	else if (strcmp(lines[_i].name, "a word beats the file") == 0)
		ck_assert_int_eq(is.redis.port, 8);
}
END_TEST

START_TEST(secrets_from_a_file)
{
	char text[256];

	write_file("first secret of all\r\n\nsecond secret of all\n", 0640);
	snprintf(text, sizeof(text), "[session]\nsecret_file = %s\n", path);
	ck_assert_msg(read_text(text) == 0, "%s", err.text);
	ck_assert_uint_eq(is.session.secret.n, 2);
	ck_assert_str_eq(is.session.secret.items[0], "first secret of all");
	ck_assert_str_eq(is.session.secret.items[1], "second secret of all");
	settings_fini(&is);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(read_text(text), TN_E_CONFIG);
	unlink(path);
}
END_TEST

/* "64k", "1m"; "500ms", "10s". */
static void
show_bound(char *out, size_t size, enum tn_conf_type type, long long n)
{
	static const struct {
		enum tn_conf_type type;
		long long factor;
		const char *unit;
	} units[] = {
		{ TN_CONF_SIZE, 1 << 20, "m" }, { TN_CONF_SIZE, 1 << 10, "k" },
		{ TN_CONF_MS, 3600000, "h" }, { TN_CONF_MS, 60000, "m" },
		{ TN_CONF_MS, 1000, "s" }, { TN_CONF_MS, 1, "ms" },
	};

	snprintf(out, size, "%lld", n);
	for (size_t i = sizeof(units) / sizeof(*units); n > 0 && i-- > 0;)
		if (units[i].type == type && n % units[i].factor == 0)
			snprintf(out, size, "%lld%s", n / units[i].factor,
			    units[i].unit);
}

/* What the sample must say above a key. */
static void
show_key(char *out, size_t size, const struct tn_conf_key *key)
{
	char from[32], to[32];

	if (key->min == 0 && key->max == 0) {
		snprintf(out, size, "%s", key->what);
		return;
	}
	show_bound(from, sizeof(from), key->type, key->min);
	show_bound(to, sizeof(to), key->type, key->max);
	snprintf(out, size, "%s (%s to %s)", key->what, from, to);
}

static const struct tn_conf_key *
find_key(const char *section, const char *name)
{
	for (const struct tn_conf_key *k = settings_keys; k->section; k++)
		if (strcmp(k->section, section) == 0 &&
		    strcmp(k->key, name) == 0)
			return k;
	return NULL;
}

/* Folders are the build's, so of these the last part alone is compared. */
static bool
is_preset(const struct tn_conf_key *key, const char *value)
{
	const char *preset = key->preset == NULL ? "" : key->preset;

	if (strcmp(key->section, "session") == 0 &&
	    strcmp(key->key, "secret") == 0)
		return strcmp(value, "change-me") == 0;
	if (strncmp(value, "/usr/share/tandem/", 18) == 0)
		return *preset == '/' &&
		    strcmp(strrchr(value, '/'), strrchr(preset, '/')) == 0;
	return strcmp(value, preset) == 0;
}

/* "#key = value" or "key = value". */
static bool
read_setting(const char *line, char name[64], char value[128])
{
	*value = '\0';
	return sscanf(line + (*line == '#'), "%63[a-z0-9_] = %127[^\n]", name,
	    value) >= 1;
}

static void
compare_with_key(const char *section, const char *name, const char *value,
    const char *said)
{
	const struct tn_conf_key *key = find_key(section, name);
	char wanted[1024];

	ck_assert_msg(key != NULL, "no key %s.%s", section, name);
	ck_assert_msg(is_preset(key, value), "%s.%s = %s", section, name,
	    value);
	show_key(wanted, sizeof(wanted), key);
	ck_assert_msg(strncasecmp(said, wanted, strlen(wanted)) == 0,
	    "%s.%s: \"%s\" is not \"%s\"", section, name, said, wanted);
}

START_TEST(the_sample_says_what_each_key_is)
{
	char line[256], section[32] = "", said[1024] = "";
	char name[64], value[128], place[512];
	const char *srcdir = getenv("srcdir");
	size_t keys = 0;
	FILE *sample;

	snprintf(place, sizeof(place), "%s/etc/tandem.conf",
	    srcdir == NULL ? "." : srcdir);
	ck_assert_ptr_nonnull(sample = fopen(place, "r"));
	while (fgets(line, sizeof(line), sample) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "[%31[a-z]]", section) == 1 || *line == '\0') {
			*said = '\0';
		} else if (strncmp(line, "# ", 2) == 0) {
			ck_assert_uint_lt(strlen(said) + strlen(line),
			    sizeof(said));
			strcat(said, *said == '\0' ? line + 2 : line + 1);
		} else if (read_setting(line, name, value)) {
			compare_with_key(section, name, value, said);
			keys++;
		}
	}
	fclose(sample);
	for (const struct tn_conf_key *k = settings_keys; k->section; k++)
		keys--;
	ck_assert_uint_eq(keys, 0);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

static Suite *
settings_suite(void)
{
	Suite *suite = suite_create("settings");
	TCase *tc = tcase_create("settings");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, presets_are_the_seeds);
	tcase_add_test(tc, packets_may_be_packed);
	tcase_add_loop_test(tc, takes_and_refuses, 0, COUNT(texts));
	tcase_add_test(tc, origins_are_the_sites_unless_given);
	tcase_add_test(tc, nobody_comes_back_unless_it_is_said);
	tcase_add_test(tc, workers_have_their_own_socket);
	tcase_add_test(tc, session_options_and_rotation);
	tcase_add_loop_test(tc, command_line, 0, COUNT(lines));
	tcase_add_test(tc, secrets_from_a_file);
	tcase_add_test(tc, the_sample_says_what_each_key_is);
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(settings_suite)
