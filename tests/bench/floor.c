#include "config.h"

#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
floor_die(const char *what)
{
	fprintf(stderr, "floor: %s\n", what);
	exit(2);
}

void
floor_start(void)
{
	struct rlimit files = { 0 };

	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
};

/* Returns its length, or 0 if it is none. */
static socklen_t
read_address(union address *addr, const char *where)
{
	const char *colon = strrchr(where, ':');
	char host[64];

	memset(addr, 0, sizeof(*addr));
	if (strncmp(where, "unix:", 5) == 0) {
		addr->un.sun_family = AF_UNIX;
		if (strlen(where + 5) >= sizeof(addr->un.sun_path))
			return 0;
		memcpy(addr->un.sun_path, where + 5, strlen(where + 5));
		return sizeof(addr->un);
	}
	if (colon == NULL || (size_t)(colon - where) >= sizeof(host))
		return 0;
	memcpy(host, where, (size_t)(colon - where));
	host[colon - where] = '\0';
	addr->in.sin_family = AF_INET;
	addr->in.sin_port = htons((uint16_t)atoi(colon + 1));
	return inet_pton(AF_INET, host, &addr->in.sin_addr) == 1 ?
	    sizeof(addr->in) : 0;
}

int
floor_listen(const char *where)
{
	union address addr;
	socklen_t len = read_address(&addr, where);
	int fd, on = 1;

	if (len == 0)
		floor_die("--listen wants HOST:PORT or unix:PATH");
	fd = socket(addr.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (addr.any.sa_family == AF_UNIX)
		unlink(addr.un.sun_path);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, &addr.any, len) < 0 || listen(fd, 1024) < 0)
		floor_die(strerror(errno));
	return fd;
}

int
floor_accept(int listener)
{
	int on = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)	/* refused by a Unix socket, which has no delay */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static bool
keep(struct floor_rest *rest, const char *data, size_t len)
{
	char *grown = realloc(rest->ptr, rest->len + len);

	if (grown == NULL)
		return false;
	memcpy(grown + rest->len, data, len);
	rest->ptr = grown;
	rest->len += len;
	return true;
}

static bool
send_rest(int fd, struct floor_rest *rest)
{
	ssize_t n = send(fd, rest->ptr, rest->len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	rest->len -= (size_t)n;
	memmove(rest->ptr, rest->ptr + n, rest->len);
	return true;
}

bool
floor_send(int fd, struct floor_rest *rest, const void *data, size_t len)
{
	ssize_t n = 0;

	if (rest->len > 0 && !send_rest(fd, rest))
		return false;
	if (rest->len == 0 && len > 0) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0)
			n = 0;
	}
	if ((size_t)n == len)
		return true;
	return keep(rest, (const char *)data + n, len - (size_t)n);
}
