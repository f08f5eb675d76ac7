#include "config.h"

#include "host/fcgi_accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"

#define READ_S	15	/* only the helper pool waits for bytes */
#define WRITE_S	5

/* An IPv4 address that came through an IPv6 socket is written as IPv4. */
static const char *
address_text(const struct sockaddr *peer, char text[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *six = (const void *)peer;
	const struct sockaddr_in *four = (const void *)peer;

	if (peer->sa_family == AF_INET)
		return inet_ntop(AF_INET, &four->sin_addr, text,
		    INET6_ADDRSTRLEN);
	if (peer->sa_family != AF_INET6)
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], text,
		    INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, &six->sin6_addr, text, INET6_ADDRSTRLEN);
}

bool
tn_fcgi_is_front(const struct sockaddr *peer, const char *const *fronts,
    size_t n)
{
	char text[INET6_ADDRSTRLEN];
	const char *address;

	if (peer->sa_family == AF_UNIX)
		return true;
	address = address_text(peer, text);
	if (address == NULL)
		return false;
	if (n == 0)
		return strncmp(address, "127.", 4) == 0 ||
		    strcmp(address, "::1") == 0;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(address, fronts[i]) == 0)
			return true;
	}
	return false;
}

static void
set_up(int fd, int family)
{
	struct timeval reading = { READ_S, 0 };
	struct timeval writing = { WRITE_S, 0 };
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &reading, sizeof(reading));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &writing, sizeof(writing));
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int
no_connection(void)
{
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return TN_E_LIMIT;
	default:
		return TN_E_AWAY;	/* none, or gone again */
	}
}

int
tn_fcgi_accept(int listen_fd, const char *const *fronts, size_t n)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	struct sockaddr *peer = (struct sockaddr *)&from;
	socklen_t len = sizeof(from);
	int fd = accept4(listen_fd, peer, &len, SOCK_CLOEXEC);

	if (fd < 0)
		return no_connection();
	if (!tn_fcgi_is_front(peer, fronts, n)) {
		close(fd);
		return TN_E_DENIED;
	}
	set_up(fd, peer->sa_family);
	return fd;
}
