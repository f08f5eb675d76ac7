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

static void
run(const struct redis_server *s)
{
	const char *password = s->password == NULL ? "" : s->password;
	char program[128];
	char *argv[] = {
		(char[]){ "redis-server" }, (char[]){ "--port" }, (char[]){ "0" },
		(char[]){ "--unixsocket" }, strdup(s->path),
		(char[]){ "--save" }, (char[]){ "" },
		(char[]){ "--daemonize" }, (char[]){ "no" },
		(char[]){ "--enable-debug-command" }, (char[]){ "local" },
		(char[]){ "--dir" }, strdup(s->dir),
		(char[]){ "--requirepass" }, strdup(password), NULL,
	};
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (find_program(program, sizeof(program)))
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
	redis_server_kill(s);
	unlink(s->path);
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
