/* The log: one line an event, key=value, whatever the bytes of a peer are. */
#ifndef TN_LOG_H
#define TN_LOG_H

#include <stdint.h>

#include "base/slice.h"

enum tn_log_level { TN_LOG_ERROR, TN_LOG_WARN, TN_LOG_INFO, TN_LOG_DEBUG };

enum tn_log_target { TN_LOG_STDERR, TN_LOG_SYSLOG, TN_LOG_FILE };

struct tn_err;

struct tn_log {
	enum tn_log_target target;
	enum tn_log_level level;	/* lines above it are not written */
	int fd;				/* of the file or stderr */
	bool is_journal;		/* stderr leads to systemd's journal */
	const char *program;		/* borrowed; first word of a line */
	const char *path;		/* borrowed; of TN_LOG_FILE */
};

struct tn_log_field {
	const char *key;
	struct tn_slice text;	/* used if ptr is not NULL; quoted and cut */
	int64_t number;		/* else this */
};

#define TN_F_STR(k, s)	  { (k), tn_slice_str(s), 0 }
#define TN_F_SLICE(k, s)  { (k), (s), 0 }
#define TN_F_NUM(k, n)	  { (k), { NULL, 0 }, (int64_t)(n) }

/*
 * Open a log. path is used for TN_LOG_FILE only.
 * Returns 0, or TN_E_SYSTEM naming the file.
 */
int tn_log_open(struct tn_log *log, const char *program,
    enum tn_log_target target, const char *path, enum tn_log_level level,
    struct tn_err *err);

/* Open the file again under its name (after a rotation). */
int tn_log_reopen(struct tn_log *log, struct tn_err *err);
void tn_log_close(struct tn_log *log);

/*
 * Write one line with a single write(2): "time program level event k=v ...".
 * Text values with other than plain characters are quoted and escaped, and
 * cut at TN_LIMIT_LOG_VALUE bytes. A log of NULL writes nothing.
 *
 * event  a fixed name, "part.what", never a peer's text
 */
void tn_log_write(const struct tn_log *log, enum tn_log_level level,
    const char *event, const struct tn_log_field *fields, size_t n);

/* tn_log_event(log, TN_LOG_INFO, "ws.open", TN_F_STR("id", id), ...) */
#define tn_log_event(log, level, event, ...)				\
	tn_log_write((log), (level), (event),				\
	    (const struct tn_log_field[]){ __VA_ARGS__ },		\
	    sizeof((const struct tn_log_field[]){ __VA_ARGS__ }) /	\
	    sizeof(struct tn_log_field))

#endif
