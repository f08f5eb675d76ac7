#include "config.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"

#include "check_main.h"

#define S(literal) TN_SLICE(literal)

static char dir[32];
static char path[48], moved[48];
static struct tn_log file_log;
static char content[16384];

static const char *
read_back(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, content, sizeof(content) - 1);

	close(fd);
	ck_assert_int_ge(n, 0);
	content[n] = '\0';
	return content;
}

static void
setup(void)
{
	strcpy(dir, "/tmp/tandem-log-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	ck_assert_int_eq(tn_log_open(&file_log, "tandem-test", TN_LOG_FILE,
	    path, TN_LOG_INFO, NULL), 0);
}

static void
teardown(void)
{
	tn_log_close(&file_log);
	unlink(path);
	unlink(moved);
	rmdir(dir);
}

static const struct {
	const char *name;
	struct tn_slice text;
	const char *written;
} values[] = {
	{ "plain",		S("a-Z_0.9:/x@y"),	"v=a-Z_0.9:/x@y\n" },
	{ "a space",		S("a b"),		"v=\"a b\"\n" },
	{ "empty",		S(""),			"v=\"\"\n" },
	{ "an equals sign",	S("a=b"),		"v=\"a=b\"\n" },
	{ "quotes",		S("a\"\\"),		"v=\"a\\\"\\\\\"\n" },
	{ "line ends",	S("a\r\nb\t"),	"v=\"a\\r\\nb\\t\"\n" },
	{ "controls",	S("\0\x1b[31m\x7f"),	"v=\"\\x00\\x1b[31m\\x7f\"\n" },
	{ "other scripts", S("\xc3\xa9\xe2\x82\xac"),
	    "v=\"\xc3\xa9\xe2\x82\xac\"\n" },
	{ "no UTF-8",		S("a\xff\xc3"),	"v=\"a\\xff\\xc3\"\n" },
	{ "C1 controls",	S("\xc2\x9b"),	"v=\"\\xc2\\x9b\"\n" },
	{ "direction marks",	S("\xe2\x80\xae"), "v=\"\\xe2\\x80\\xae\"\n" },
	{ "line separator",	S("\xe2\x80\xa8"), "v=\"\\xe2\\x80\\xa8\"\n" },
	{ "a format",		S("%s%n"),		"v=%s%n\n" },
};

START_TEST(quotes_what_peers_send)
{
	const char *line, *at;

	tn_log_event(&file_log, TN_LOG_INFO, "test.value",
	    TN_F_SLICE("v", values[_i].text));
	line = read_back(path);
	at = strstr(line, " v=");
	ck_assert_msg(at != NULL && strcmp(at + 1, values[_i].written) == 0,
	    "%s: %s", values[_i].name, line);
}
END_TEST

START_TEST(writes_one_line_an_event)
{
	char time[32], program[32], level[32], rest[64];

	tn_log_event(&file_log, TN_LOG_WARN, "test.line",
	    TN_F_STR("id", "x1"), TN_F_NUM("n", -5));
	ck_assert_int_eq(sscanf(read_back(path), "%31s %31s %31s %63[^\n]",
	    time, program, level, rest), 4);
	ck_assert_uint_eq(strlen(time), strlen("2024-01-01T00:00:00.000Z"));
	ck_assert_str_eq(program, "tandem-test");
	ck_assert_str_eq(level, "warn");
	ck_assert_str_eq(rest, "test.line id=x1 n=-5");
}
END_TEST

START_TEST(leaves_out_what_is_below_its_level)
{
	tn_log_event(&file_log, TN_LOG_DEBUG, "test.no", TN_F_NUM("n", 1));
	tn_log_event(NULL, TN_LOG_ERROR, "test.no", TN_F_NUM("n", 1));
	ck_assert_str_eq(read_back(path), "");
}
END_TEST

START_TEST(cuts_long_values)
{
	char text[TN_LIMIT_LOG_VALUE + 1];
	const char *at;

	memset(text, 'x', sizeof(text));
	tn_log_event(&file_log, TN_LOG_INFO, "test.cut",
	    TN_F_SLICE("a", tn_slice(text, TN_LIMIT_LOG_VALUE)),
	    TN_F_SLICE("b", tn_slice(text, TN_LIMIT_LOG_VALUE + 1)));
	at = strstr(read_back(path), " a=");
	ck_assert_uint_eq(strcspn(at + 3, " "), TN_LIMIT_LOG_VALUE);
	at = strstr(at, " b=\"");
	ck_assert_uint_eq(strspn(at + 4, "x"), TN_LIMIT_LOG_VALUE);
	ck_assert_str_eq(at + 4 + TN_LIMIT_LOG_VALUE, "...\"\n");
}
END_TEST

START_TEST(a_line_has_an_end)
{
	struct tn_log_field fields[100];
	char text[TN_LIMIT_LOG_VALUE];
	const char *line;

	memset(text, '\x01', sizeof(text));
	for (size_t i = 0; i < 100; i++)
		fields[i] = (struct tn_log_field)TN_F_SLICE("k",
		    tn_slice(text, sizeof(text)));
	tn_log_write(&file_log, TN_LOG_INFO, "test.long", fields, 100);
	line = read_back(path);
	ck_assert_uint_eq(strlen(line), 4096);
	ck_assert_ptr_eq(strchr(line, '\n'), line + 4095);
}
END_TEST

START_TEST(follows_a_rotation)
{
	tn_log_event(&file_log, TN_LOG_INFO, "test.one", TN_F_NUM("n", 1));
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(tn_log_reopen(&file_log, NULL), 0);
	tn_log_event(&file_log, TN_LOG_INFO, "test.two", TN_F_NUM("n", 2));
	ck_assert_ptr_nonnull(strstr(read_back(moved), "test.one"));
	ck_assert_ptr_null(strstr(content, "test.two"));
	ck_assert_ptr_nonnull(strstr(read_back(path), "test.two"));
}
END_TEST

START_TEST(keeps_writing_when_it_cannot_be_opened_again)
{
	struct tn_err err;

	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(tn_log_reopen(&file_log, &err), TN_E_SYSTEM);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	tn_log_event(&file_log, TN_LOG_INFO, "test.on", TN_F_NUM("n", 1));
	ck_assert_ptr_nonnull(strstr(read_back(moved), "test.on"));
	rmdir(path);
}
END_TEST

START_TEST(says_which_file_cannot_be_opened)
{
	struct tn_log log;
	struct tn_err err;

	ck_assert_int_eq(tn_log_open(&log, "t", TN_LOG_FILE,
	    "/nonexistent/log", TN_LOG_INFO, &err), TN_E_SYSTEM);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/log"));
}
END_TEST

START_TEST(gives_the_journal_priorities)
{
	char stream[64];
	struct tn_log log;
	struct stat st;
	int saved = dup(STDERR_FILENO);

	ck_assert_int_eq(dup2(file_log.fd, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	tn_log_open(&log, "t", TN_LOG_STDERR, NULL, TN_LOG_INFO, NULL);
	tn_log_event(&log, TN_LOG_ERROR, "test.journal", TN_F_NUM("n", 1));
	setenv("JOURNAL_STREAM", "1:1", 1);
	tn_log_open(&log, "t", TN_LOG_STDERR, NULL, TN_LOG_INFO, NULL);
	tn_log_event(&log, TN_LOG_ERROR, "test.other", TN_F_NUM("n", 1));
	dup2(saved, STDERR_FILENO);
	close(saved);
	ck_assert_int_eq(strncmp(read_back(path),
	    "<3>error test.journal n=1\n2", 27), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, quotes_what_peers_send, 0,
	    sizeof(values) / sizeof(*values));
	tcase_add_test(t, writes_one_line_an_event);
	tcase_add_test(t, leaves_out_what_is_below_its_level);
	tcase_add_test(t, cuts_long_values);
	tcase_add_test(t, a_line_has_an_end);
	tcase_add_test(t, follows_a_rotation);
	tcase_add_test(t, keeps_writing_when_it_cannot_be_opened_again);
	tcase_add_test(t, says_which_file_cannot_be_opened);
	tcase_add_test(t, gives_the_journal_priorities);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
