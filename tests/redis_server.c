#include "config.h"

#include "redis_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_main.h"
#include "redis/redis.h"

/* Debian's redis-tools has the server's program under another name. */
static bool
find_program(char *out, size_t size)
{
	static const char *const places[] = {
		"/usr/bin/redis-server", "/usr/local/bin/redis-server",
		"/usr/bin/redis-check-rdb", "/usr/local/bin/redis-check-rdb",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (access(places[i], X_OK) == 0) {
			snprintf(out, size, "%s", places[i]);
			return true;
		}
	}
	return false;
}

void
redis_server_or_skip(void)
{
	char program[128];

	if (find_program(program, sizeof(program)))
		return;
	printf("1..0 # SKIP neither redis-server nor redis-check-rdb\n");
	exit(EXIT_SUCCESS);
}

/* Sentinels rewrite their file, so each has its own. */
static bool
write_settings(const struct redis_server *s, char *path, size_t size)
{
	FILE *f;

	snprintf(path, size, "%s/redis.conf", s->dir);
	f = fopen(path, "w");
	if (f == NULL)
		return false;
	fprintf(f, "port %d\nbind 127.0.0.1\nunixsocket %s\ndir %s\n"
	    "daemonize no\nprotected-mode no\n", s->port, s->path, s->dir);
	if (!s->is_sentinel)
		fprintf(f, "save \"\"\nrepl-diskless-sync-delay 0\n"
		    "enable-debug-command local\n");
	fputs(s->settings == NULL ? "" : s->settings, f);
	return fclose(f) == 0;
}

static void
run(const struct redis_server *s)
{
	char program[128], conf[192];
	char *argv[] = { (char[]){ "redis-server" }, conf,
		(char[]){ "--requirepass" },
		strdup(s->password == NULL ? "" : s->password), NULL };
	char as_sentinel[] = "--sentinel";
	int null = open("/dev/null", O_RDWR);

	if (s->is_sentinel) {
		argv[2] = as_sentinel;
		argv[3] = NULL;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (find_program(program, sizeof(program)) &&
	    write_settings(s, conf, sizeof(conf)))
		execv(program, argv);
	_exit(127);
}

static bool
listens(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_there;

	memcpy(sun.sun_path, path, strnlen(path, sizeof(sun.sun_path) - 1));
	is_there = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
	close(fd);
	return is_there;
}

bool
redis_server_start(struct redis_server *s)
{
	const char *tmp = getenv("TMPDIR");

	if (s->dir[0] == '\0') {
		snprintf(s->dir, sizeof(s->dir), "%.60s/tandem-redis-XXXXXX",
		    tmp == NULL ? "/tmp" : tmp);
		if (mkdtemp(s->dir) == NULL)
			return false;
		snprintf(s->path, sizeof(s->path), "%s/redis.sock", s->dir);
	}
	s->pid = fork();
	if (s->pid == 0)
		run(s);
	for (int i = 0; i < 500; i++) {
		if (listens(s->path))
			return true;
		poll(NULL, 0, 10);
	}
	redis_server_stop(s);
	return false;
}

void
redis_server_kill(struct redis_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void
redis_server_stop(struct redis_server *s)
{
	static const char *const files[] = { "redis.sock", "redis.conf",
		"nodes.conf", "dump.rdb" };
	char path[192];

	redis_server_kill(s);
	if (s->dir[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		unlink(path);
	}
	rmdir(s->dir);
	s->dir[0] = '\0';
}

size_t
redis_words(const char *line, struct tn_slice words[REDIS_WORDS])
{
	struct tn_slice rest = tn_slice_str(line);
	size_t n = 0;

	while (rest.ptr != NULL && n < REDIS_WORDS)
		words[n++] = tn_slice_cut(&rest, ' ');
	return n;
}

int64_t
redis_ask(struct tn_redis *redis, const char *line)
{
	struct tn_slice words[REDIS_WORDS];
	struct tn_reply *reply;
	int64_t number;

	ck_assert_int_eq(tn_redis_call(redis, words, redis_words(line, words),
	    &reply, NULL), 0);
	number = tn_reply_integer(reply);
	tn_reply_free(&reply);
	return number;
}

long
redis_journeys(struct tn_redis *redis)
{
	const struct tn_slice words[] = { TN_SLICE("INFO"), TN_SLICE("stats") };
	struct tn_reply *reply;
	const char *at;
	long n;

	ck_assert_int_eq(tn_redis_call(redis, words, 2, &reply, NULL), 0);
	at = strstr(tn_reply_text(reply).ptr, "total_reads_processed:");
	ck_assert_ptr_nonnull(at);
	n = strtol(strchr(at, ':') + 1, NULL, 10);
	tn_reply_free(&reply);
	return n;
}
