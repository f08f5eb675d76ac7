/* A Redis of a test's own: on a Unix socket in a new directory. */
#ifndef TN_TEST_REDIS_SERVER_H
#define TN_TEST_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/slice.h"

struct tn_redis;

struct redis_server {
	pid_t pid;		/* 0: not running */
	char dir[128];
	char path[160];		/* of the socket */
	const char *password;	/* borrowed; NULL: none */
	int port;		/* on loopback too; 0: the socket alone */
	bool is_sentinel;
	const char *settings;	/* more of them, a line each; NULL: none */
};

/* Says "skip all" and ends the program if there is no redis-server. */
void redis_server_or_skip(void);

/*
 * Start one, and wait until it listens. It dies with the caller. With
 * s->dir set it is started there again. Returns false if it did not come.
 */
bool redis_server_start(struct redis_server *s);

/* Kill it at once (SIGKILL) and keep the directory. */
void redis_server_kill(struct redis_server *s);

/* Kill it and remove the directory. */
void redis_server_stop(struct redis_server *s);

#define REDIS_WORDS	16

/*
 * Split a command at its spaces; the words point into line.
 * Returns how many, at most REDIS_WORDS.
 */
size_t redis_words(const char *line, struct tn_slice words[REDIS_WORDS]);

/* What it answers to such a line, as a number; no answer fails the test. */
int64_t redis_ask(struct tn_redis *redis, const char *line);

/* How often has Redis read from a socket? This question included. */
long redis_journeys(struct tn_redis *redis);

#endif
