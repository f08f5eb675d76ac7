/*
 * Commands out, replies in: hiredis' formatter and reader, with bounds.
 * For the files of src/redis alone.
 */
#ifndef TN_WIRE_H
#define TN_WIRE_H

#include "base/buf.h"
#include "redis/redis.h"

struct redisReader;
struct tn_err;

struct tn_reply {
	enum tn_reply_type type;
	int64_t integer;
	size_t len;		/* bytes of text, or items in use */
	size_t cap;		/* items there is room for */
	struct tn_reply **items;
	char text[];		/* and a NUL */
};

struct tn_reader {
	struct redisReader *hi;
	size_t held;		/* bytes of the reply that is being built */
	bool is_over;		/* it grew past TN_LIMIT_REDIS_REPLY */
};

/* Returns 0 or TN_E_NOMEM. */
int tn_reader_init(struct tn_reader *r, struct tn_err *err);
void tn_reader_fini(struct tn_reader *r);

/* Give it bytes as they came. Returns 0 or TN_E_NOMEM. */
int tn_reader_feed(struct tn_reader *r, const void *ptr, size_t len,
    struct tn_err *err);

/*
 * Take the next whole reply.
 *
 * Returns 1 and sets out, 0 for "need more", TN_E_IO for bytes that are no
 * reply or too large a one, TN_E_NOMEM. After a failure the stream is lost.
 */
int tn_reader_next(struct tn_reader *r, struct tn_reply **out,
    struct tn_err *err);

/* Are there bytes that no reply has used? */
bool tn_reader_has_rest(const struct tn_reader *r);

/* One command in bytes, to be freed with tn_command_free. */
struct tn_command {
	char *ptr;
	size_t len;
};

/* Returns 0, TN_E_STATE for no words, TN_E_LIMIT, TN_E_NOMEM. */
int tn_command_format(struct tn_command *out, const struct tn_slice *argv,
    size_t argc, struct tn_err *err);

/* verb is EVAL with the script's text as body, or EVALSHA with its digest. */
int tn_command_eval(struct tn_command *out, struct tn_slice verb,
    struct tn_slice body, const struct tn_slice *keys, size_t nkeys,
    const struct tn_slice *args, size_t nargs, struct tn_err *err);
void tn_command_free(struct tn_command *command);

/* Format and append; a failure stays in out. */
void tn_command_append(struct tn_buf *out, const struct tn_slice *argv,
    size_t argc);

/*
 * What SCRIPT LOAD answered, if it has the shape of a digest.
 * Returns false, and leaves out, if not.
 */
bool tn_reply_digest(const struct tn_reply *r, char out[41]);

/* An error reply as an error: TN_E_AWAY while it loads, else TN_E_IO. */
int tn_reply_fail(const struct tn_reply *r, struct tn_err *err);

/* Is it the error that says: this script is not known (any more)? */
bool tn_reply_is_noscript(const struct tn_reply *r);

#endif
