/* A client of a Socket.IO server in the same process: a WebSocket without one. */
#ifndef TN_TEST_IO_CLIENT_H
#define TN_TEST_IO_CLIENT_H

#include "io/io.h"

struct io_client {
	struct tn_wire wire;
	struct tn_engine *engine;
	bool is_open;
	char heard[32768];	/* Engine.IO packets, a line each */
	size_t len;
};

/* Open a WebSocket; cookie may be NULL. */
void io_client_open(struct io_client *c, struct tn_io *io, const char *cookie);

/* Say an Engine.IO packet: "40/chat," or "42/chat,[\"GetMe\"]". */
void io_client_say(struct io_client *c, const char *packet);

/* An attachment. */
void io_client_say_bytes(struct io_client *c, struct tn_slice bytes);

/* Take what was sent to it, and see whether it was closed. */
void io_client_read(struct io_client *c);

/* Has it heard this (since it was last forgotten)? Reads first. */
bool io_client_heard(struct io_client *c, const char *text);
void io_client_forget(struct io_client *c);

void io_client_close(struct io_client *c);

#endif
