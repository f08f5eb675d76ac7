#include "config.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

/* A line is put together here and leaves in one piece: PIPE_BUF at most. */
struct line {
	size_t len;
	char text[4096];
};

enum { LINE_MAX_BYTES = 4096 - 1 };	/* the newline always fits */

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[TN_LOG_ERROR]	= { "error",	LOG_ERR },
	[TN_LOG_WARN]	= { "warn",	LOG_WARNING },
	[TN_LOG_INFO]	= { "info",	LOG_INFO },
	[TN_LOG_DEBUG]	= { "debug",	LOG_DEBUG },
};

/* systemd sets JOURNAL_STREAM to the device and inode of its own stream. */
static bool
leads_to_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (stream == NULL || fstat(fd, &st) != 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

static int
open_file(const char *path, struct tn_err *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOCTTY, 0640);

	if (fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "log file %s", path);
	return fd;
}

int
tn_log_open(struct tn_log *log, const char *program,
    enum tn_log_target target, const char *path, enum tn_log_level level,
    struct tn_err *err)
{
	*log = (struct tn_log){
		.target = target, .level = level, .fd = -1,
		.program = program, .path = path,
	};
	switch (target) {
	case TN_LOG_SYSLOG:
		openlog(program, LOG_PID, LOG_DAEMON);
		return 0;
	case TN_LOG_FILE:
		log->fd = open_file(path, err);
		return log->fd < 0 ? log->fd : 0;
	case TN_LOG_STDERR:
	default:
		log->fd = STDERR_FILENO;
		log->is_journal = leads_to_journal(log->fd);
		return 0;
	}
}

/* The number of the descriptor stays, so that other threads may go on. */
int
tn_log_reopen(struct tn_log *log, struct tn_err *err)
{
	int fd, rc = 0;

	if (log->target != TN_LOG_FILE)
		return 0;
	fd = open_file(log->path, err);
	if (fd < 0)
		return fd;
	if (log->fd < 0) {
		log->fd = fd;
		return 0;
	}
	if (dup3(fd, log->fd, O_CLOEXEC) < 0)
		rc = tn_err_errno(err, TN_E_SYSTEM, "log file %s", log->path);
	close(fd);
	return rc;
}

void
tn_log_close(struct tn_log *log)
{
	if (log->target == TN_LOG_SYSLOG)
		closelog();
	if (log->target == TN_LOG_FILE && log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static void
put(struct line *line, struct tn_slice s)
{
	size_t room = LINE_MAX_BYTES - line->len;

	s = tn_slice_first(s, room);
	if (s.len > 0)
		memcpy(line->text + line->len, s.ptr, s.len);
	line->len += s.len;
}

static void __attribute__((format(printf, 2, 3)))
put_printf(struct line *line, const char *fmt, ...)
{
	char text[128];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len > 0)
		put(line, tn_slice_str(text));
}

static bool
is_plain(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') ||
		    (c != '\0' && strchr("-_.:/@+,~%", c) != NULL)))
			return false;
	}
	return s.len > 0;
}

/* Letters of other scripts may be shown; what steers a terminal may not. */
static bool
is_shown(struct tn_slice s)
{
	uint32_t c = tn_utf8_next(&s);

	return c >= 0xa0 && c != 0xad && !(c >= 0x200b && c <= 0x200f) &&
	    !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2060 && c <= 0x206f) &&
	    c != 0xfeff;
}

/* One character of a quoted text. Returns the bytes of it. */
static size_t
put_char(struct line *line, struct tn_slice s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t n = c < 0x80 ? 1 : tn_utf8_length(s);

	if (c == '"' || c == '\\')
		put_printf(line, "\\%c", c);
	else if (c == '\n')
		put(line, TN_SLICE("\\n"));
	else if (c == '\r')
		put(line, TN_SLICE("\\r"));
	else if (c == '\t')
		put(line, TN_SLICE("\\t"));
	else if (c >= 0x20 && c < 0x7f)
		put(line, tn_slice_first(s, 1));
	else if (n > 1 && is_shown(s))
		put(line, tn_slice_first(s, n));
	else {
		n = 1;
		put_printf(line, "\\x%02x", c);
	}
	return n;
}

static void
put_text(struct line *line, struct tn_slice s)
{
	struct tn_slice rest = tn_slice_first(s, TN_LIMIT_LOG_VALUE);

	if (rest.len == s.len && is_plain(s)) {
		put(line, s);
		return;
	}
	put(line, TN_SLICE("\""));
	while (rest.len > 0)
		rest = tn_slice_after(rest, put_char(line, rest));
	put(line, s.len > TN_LIMIT_LOG_VALUE ? TN_SLICE("...\"") :
	    TN_SLICE("\""));
}

static void
put_start(struct line *line, const struct tn_log *log,
    enum tn_log_level level)
{
	struct timespec now;
	struct tm tm;

	if (log->target == TN_LOG_SYSLOG)
		return;
	if (log->is_journal) {
		put_printf(line, "<%d>", levels[level].priority);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	put_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, (int)(now.tv_nsec / 1000000));
	put(line, tn_slice_str(log->program));
	put(line, TN_SLICE(" "));
}

static void
send_line(const struct tn_log *log, enum tn_log_level level,
    struct line *line)
{
	if (log->target == TN_LOG_SYSLOG) {
		syslog(levels[level].priority, "%.*s", (int)line->len,
		    line->text);
		return;
	}
	line->text[line->len++] = '\n';
	/* a log that cannot be written is nothing a caller could mend */
	while (write(log->fd, line->text, line->len) < 0 && errno == EINTR)
		continue;
}

void
tn_log_write(const struct tn_log *log, enum tn_log_level level,
    const char *event, const struct tn_log_field *fields, size_t n)
{
	int saved = errno;
	struct line line;

	if (log == NULL || level > log->level)
		return;
	line.len = 0;
	put_start(&line, log, level);
	put(&line, tn_slice_str(levels[level].name));
	put(&line, TN_SLICE(" "));
	put(&line, tn_slice_str(event));
	for (size_t i = 0; i < n; i++) {
		put(&line, TN_SLICE(" "));
		put(&line, tn_slice_str(fields[i].key));
		put(&line, TN_SLICE("="));
		if (fields[i].text.ptr != NULL)
			put_text(&line, fields[i].text);
		else
			put_printf(&line, "%jd", (intmax_t)fields[i].number);
	}
	send_line(log, level, &line);
	errno = saved;
}
