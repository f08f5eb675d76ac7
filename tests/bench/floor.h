/* What the bare servers share: a socket to listen on, and bytes unsent. */
#ifndef TN_BENCH_FLOOR_H
#define TN_BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

/* Leave with one line on stderr. These programs are for measuring only. */
_Noreturn void floor_die(const char *what);

/* As many descriptors as the process may have; a peer's end is no signal. */
void floor_start(void);

/* where  HOST:PORT (an IPv4 address) or unix:PATH. Ends the program if not. */
int floor_listen(const char *where);

/* The next client of a listening socket, not blocking, or -1. */
int floor_accept(int listener);

/* What a client would not take yet. */
struct floor_rest {
	char *ptr;
	size_t len;
};

/*
 * Send, behind what is unsent. Returns false when the client is gone. After
 * it rest->len tells whether to wait for room.
 */
bool floor_send(int fd, struct floor_rest *rest, const void *data,
    size_t len);

#endif
