/* The way to Redis: sockets, and the first words. For src/redis alone. */
#ifndef TN_DIAL_H
#define TN_DIAL_H

#include "base/buf.h"
#include "redis/redis.h"

#define TN_REDIS_CONNECT_MS	1000	/* unless the options say */
#define TN_REDIS_COMMAND_MS	1000
#define TN_REDIS_GREETING_MAX	8192	/* bytes of AUTH and SELECT */

static inline int
tn_redis_connect_ms(const struct tn_redis_options *o)
{
	return o->connect_ms > 0 ? o->connect_ms : TN_REDIS_CONNECT_MS;
}

static inline int
tn_redis_command_ms(const struct tn_redis_options *o)
{
	return o->command_ms > 0 ? o->command_ms : TN_REDIS_COMMAND_MS;
}

/*
 * Begin to connect; the descriptor does not block.
 *
 * attempt  counts up: of several addresses of a host, each has its turn
 *
 * Returns 0, and *fd is connected once it is writable and tn_dial_check
 * says so; TN_E_AWAY.
 */
int tn_dial(const struct tn_redis_options *options, unsigned attempt, int *fd,
    struct tn_err *err);

/* Has it come about? Returns 0 or TN_E_AWAY. */
int tn_dial_check(int fd, struct tn_err *err);

/*
 * Append the commands that a connection begins with: AUTH and SELECT, as
 * far as they are needed. Each is answered by a status.
 *
 * Returns how many they are.
 */
size_t tn_dial_greet(struct tn_buf *out,
    const struct tn_redis_options *options);

/*
 * The i-th sentinel as an address to dial, and how it is greeted.
 *
 * host  TN_REDIS_HOST bytes that options->host will point to
 *
 * Returns 0, or TN_E_CONFIG if it is no "host:port".
 */
int tn_dial_sentinel(const struct tn_redis_options *options, unsigned i,
    char *host, struct tn_redis_options *sentinel, struct tn_err *err);

/* Append the question who is master. Its answer: tn_redis_master_read. */
void tn_dial_ask_master(struct tn_buf *out,
    const struct tn_redis_options *options);

/* Wait till fd is ready (poll's events). Returns 0, TN_E_TIMEOUT, TN_E_IO. */
int tn_dial_wait(int fd, short events, int64_t deadline_ms,
    struct tn_err *err);

#endif
