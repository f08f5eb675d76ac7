#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "redis/dial.h"
#include "redis/topology.h"
#include "redis/wire.h"

static int
begin(int family, const struct sockaddr *sa, socklen_t len, int *fd)
{
	int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (s < 0)
		return -1;
	if (family != AF_UNIX)
		setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(s, sa, len) < 0 && errno != EINPROGRESS) {
		int saved = errno;

		close(s);
		errno = saved;
		return -1;
	}
	*fd = s;
	return 0;
}

static int
dial_path(const char *path, int *fd, struct tn_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		return tn_err_set(err, TN_E_AWAY,
		    "path of redis' socket is too long");
	strcpy(sun.sun_path, path);
	if (begin(AF_UNIX, (struct sockaddr *)&sun, sizeof(sun), fd) < 0)
		return tn_err_errno(err, TN_E_AWAY, "connect to redis at %s",
		    path);
	return 0;
}

static int
dial_host(const char *host, int port, unsigned attempt, int *fd,
    struct tn_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *at;
	char service[16];
	unsigned n = 0;
	int r;

	snprintf(service, sizeof(service), "%d", port > 0 ? port : 6379);
	r = getaddrinfo(host, service, &hints, &list);
	if (r != 0)
		return tn_err_set(err, TN_E_AWAY, "redis host %s: %s", host,
		    gai_strerror(r));
	for (at = list; at != NULL; at = at->ai_next)
		n++;
	for (at = list, n = attempt % n; n > 0; n--)
		at = at->ai_next;
	r = begin(at->ai_family, at->ai_addr, at->ai_addrlen, fd);
	if (r < 0)
		r = tn_err_errno(err, TN_E_AWAY, "connect to redis at %s:%s",
		    host, service);
	freeaddrinfo(list);
	return r;
}

int
tn_dial(const struct tn_redis_options *options, unsigned attempt, int *fd,
    struct tn_err *err)
{
	const char *host = options->host;

	if (options->path != NULL && *options->path != '\0')
		return dial_path(options->path, fd, err);
	return dial_host(host != NULL && *host != '\0' ? host : "127.0.0.1",
	    options->port, attempt, fd, err);
}

int
tn_dial_check(int fd, struct tn_err *err)
{
	socklen_t len = sizeof(int);
	int failure = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0)
		failure = errno;
	if (failure == 0)
		return 0;
	errno = failure;
	return tn_err_errno(err, TN_E_AWAY, "connect to redis");
}

size_t
tn_dial_greet(struct tn_buf *out, const struct tn_redis_options *options)
{
	struct tn_slice auth[3] = { TN_SLICE("AUTH") };
	size_t words = 1, n = 0;

	if (options->password != NULL && *options->password != '\0') {
		if (options->user != NULL && *options->user != '\0')
			auth[words++] = tn_slice_str(options->user);
		auth[words++] = tn_slice_str(options->password);
		tn_command_append(out, auth, words);
		n++;
	}
	if (options->database != 0) {
		char number[16];
		struct tn_slice choose[2] = { TN_SLICE("SELECT") };

		snprintf(number, sizeof(number), "%d", options->database);
		choose[1] = tn_slice_str(number);
		tn_command_append(out, choose, 2);
		n++;
	}
	return n;
}

int
tn_dial_wait(int fd, short events, int64_t deadline_ms, struct tn_err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = deadline_ms - tn_clock_mono_ms();
		int r;

		if (left <= 0)
			return tn_err_set(err, TN_E_TIMEOUT,
			    "redis did not answer in time");
		r = poll(&p, 1, (int)left);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return tn_err_errno(err, TN_E_IO, "poll");
	}
}

int
tn_dial_sentinel(const struct tn_redis_options *options, unsigned i,
    char *host, struct tn_redis_options *sentinel, struct tn_err *err)
{
	struct tn_redis_address address;
	const char *text = options->nnodes == 0 ? "" :
	    options->nodes[i % options->nnodes];

	if (!tn_redis_address_read(tn_slice_str(text), &address))
		return tn_err_set(err, TN_E_AWAY,
		    "sentinel \"%.100s\" is not host:port", text);
	memcpy(host, address.host, TN_REDIS_HOST);
	*sentinel = *options;
	sentinel->path = NULL;
	sentinel->host = host;
	sentinel->port = address.port;
	sentinel->user = options->sentinel_user;
	sentinel->password = options->sentinel_password;
	sentinel->database = 0;
	return 0;
}

void
tn_dial_ask_master(struct tn_buf *out, const struct tn_redis_options *options)
{
	const struct tn_slice words[] = {
		TN_SLICE("SENTINEL"), TN_SLICE("GET-MASTER-ADDR-BY-NAME"),
		tn_slice_str(options->master),
	};

	tn_command_append(out, words, 3);
}
