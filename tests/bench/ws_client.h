/* A WebSocket client that speaks just enough Socket.IO to load a server. */
#ifndef TN_WS_CLIENT_H
#define TN_WS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum ws_state {
	WS_CONNECTING,		/* the 101 has not come */
	WS_OPENING,		/* nor the Engine.IO open packet */
	WS_JOINING,		/* nor the answer to CONNECT */
	WS_READY,
	WS_CLOSED,
};

struct ws_client {
	int fd;
	enum ws_state state;
	struct tn_buf in;	/* bytes not parsed yet */
	struct tn_buf out;	/* bytes not sent yet */
	void *user;
};

/* Where the server is and who knocks. All borrowed. */
struct ws_target {
	const char *path;	/* Unix socket, or NULL */
	const char *host;
	int port;
	const char *namespace;	/* "/packtchat" */
	const char *source;	/* the address to call from, or NULL */
};

/*
 * Begin to connect; the handshake goes out as soon as it can.
 * cookie  value of the Cookie header
 * Returns 0, or -1 with errno.
 */
int ws_client_open(struct ws_client *c, const struct ws_target *target,
    const char *cookie);

/* Queue a text message, masked as a client must. */
void ws_client_send(struct ws_client *c, struct tn_slice text);

/* Send what is queued. Returns false when the connection is gone. */
bool ws_client_flush(struct ws_client *c);

/*
 * Read what has come; fn is called for each Socket.IO packet of a ready
 * client, without its leading '4'. Heartbeats are answered here.
 * Returns false when the connection is gone.
 */
typedef void ws_packet_fn(struct ws_client *c, struct tn_slice packet);
bool ws_client_read(struct ws_client *c, const struct ws_target *target,
    ws_packet_fn *fn);

void ws_client_close(struct ws_client *c);

#endif
