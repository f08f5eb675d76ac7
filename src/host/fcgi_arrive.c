#include "config.h"

#include "host/fcgi_arrive.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "host/fcgi_out.h"

#define HEAD_MS		15000
#define PAUSE_MAX_NS	32000000

/* Has the peer said that it sends no more? */
static bool
is_cut_off(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/*
 * Looks again and again, since a peek cannot wait for more than it has seen;
 * the pauses grow, so that a trickle costs a look every 32 ms at most.
 */
enum tn_fcgi_arrival
tn_fcgi_arrive(int fd, unsigned *request_id)
{
	int64_t deadline = tn_clock_mono_ms() + HEAD_MS;
	struct timespec pause = { 0, 500000 };
	char look[TN_FCGI_LOOK_BYTES];

	*request_id = 0;
	while (tn_clock_mono_ms() < deadline) {
		bool is_last = is_cut_off(fd);
		ssize_t n = recv(fd, look, sizeof(look),
		    MSG_PEEK | MSG_DONTWAIT);
		enum tn_fcgi_arrival seen;

		if (n <= 0)
			break;
		seen = tn_fcgi_look(tn_slice(look, (size_t)n), request_id);
		if (seen != TN_FCGI_PARTIAL)
			return seen;
		if (is_last)
			break;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_MAX_NS)
			pause.tv_nsec *= 2;
	}
	return TN_FCGI_WRONG;
}

void
tn_fcgi_refuse_large(int fd, unsigned request_id)
{
	static const char answer[] = "Status: 431 Request Header Fields Too "
	    "Large\r\nContent-Type: text/plain\r\n\r\n"
	    "The request's header is too large.\n";
	const size_t len = sizeof(answer) - 1;
	unsigned char out[2 * TN_FCGI_HEADER_BYTES + sizeof(answer) - 1 + 8];
	unsigned char *end = out + TN_FCGI_HEADER_BYTES + len;

	tn_fcgi_header(out, TN_FCGI_STDOUT, request_id, len);
	memcpy(out + TN_FCGI_HEADER_BYTES, answer, len);
	tn_fcgi_header(end, TN_FCGI_END, request_id, 8);
	memset(end + TN_FCGI_HEADER_BYTES, 0, 8);	/* REQUEST_COMPLETE */
	if (send(fd, out, sizeof(out), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		shutdown(fd, SHUT_WR);
}
