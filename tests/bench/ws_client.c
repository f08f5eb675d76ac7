#include "config.h"

#include "ws_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_BYTES	(4u << 20)	/* ceiling of a client's buffers */

/* The port is chosen by connect, among those free for that server. */
static int
bind_source(int fd, const char *source)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int on = 1;

	inet_pton(AF_INET, source, &in.sin_addr);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&in, sizeof(in));
}

static int
dial(const struct ws_target *target)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
	} addr = { 0 };
	socklen_t len;
	int fd, on = 1;

	if (target->path != NULL) {
		addr.un.sun_family = AF_UNIX;
		snprintf(addr.un.sun_path, sizeof(addr.un.sun_path), "%s",
		    target->path);
		len = sizeof(addr.un);
	} else {
		addr.in.sin_family = AF_INET;
		addr.in.sin_port = htons((uint16_t)target->port);
		inet_pton(AF_INET, target->host, &addr.in.sin_addr);
		len = sizeof(addr.in);
	}
	fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (target->path == NULL)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((target->path == NULL && target->source != NULL &&
	    bind_source(fd, target->source) < 0) ||
	    connect(fd, &addr.any, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int
ws_client_open(struct ws_client *c, const struct ws_target *target,
    const char *cookie)
{
	memset(c, 0, sizeof(*c));
	tn_buf_init(&c->in, CLIENT_BYTES);
	tn_buf_init(&c->out, CLIENT_BYTES);
	c->fd = dial(target);
	if (c->fd < 0)
		return -1;
	tn_buf_printf(&c->out,
	    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
	    "Host: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\nCookie: %s\r\n\r\n",
	    target->path != NULL ? "localhost" : target->host, target->port,
	    cookie);
	return ws_client_flush(c) ? 0 : -1;
}

void
ws_client_send(struct ws_client *c, struct tn_slice text)
{
	static const unsigned char mask[4] = { 0x5a, 0x17, 0xc3, 0x88 };
	unsigned char head[8] = { 0x81 };
	size_t n = 2;
	char *room;

	if (text.len < 126) {
		head[1] = (unsigned char)(0x80 | text.len);
	} else {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(text.len >> 8);
		head[3] = (unsigned char)text.len;
		n = 4;
	}
	memcpy(head + n, mask, 4);
	tn_buf_bytes(&c->out, head, n + 4);
	room = tn_buf_room(&c->out, text.len);
	if (room == NULL)
		return;
	for (size_t i = 0; i < text.len; i++)
		room[i] = (char)(text.ptr[i] ^ mask[i & 3]);
	c->out.len += text.len;
}

bool
ws_client_flush(struct ws_client *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, c->out.ptr, c->out.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		tn_buf_drop(&c->out, (size_t)n);
	}
	return true;
}

/* Take the answer to the handshake off the front. */
static bool
take_101(struct ws_client *c)
{
	char *end = memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4);

	if (end == NULL)
		return true;
	if (c->in.len < 12 || memcmp(c->in.ptr, "HTTP/1.1 101", 12) != 0)
		return false;
	tn_buf_drop(&c->in, (size_t)(end + 4 - c->in.ptr));
	c->state = WS_OPENING;
	return true;
}

static void
on_message(struct ws_client *c, const struct ws_target *target,
    struct tn_slice text, ws_packet_fn *fn)
{
	char connect[160];
	int n;

	if (text.len == 0)
		return;
	switch (text.ptr[0]) {
	case '0':
		n = snprintf(connect, sizeof(connect), "40%s,",
		    target->namespace);
		ws_client_send(c, tn_slice(connect, (size_t)n));
		c->state = WS_JOINING;
		break;
	case '2':
		ws_client_send(c, TN_SLICE("3"));
		break;
	case '4':
		if (c->state == WS_JOINING && text.len > 1 &&
		    text.ptr[1] == '0')
			c->state = WS_READY;
		fn(c, tn_slice_after(text, 1));
		break;
	default:
		break;
	}
}

/* Cut one frame off *rest. Returns false if it has not come whole. */
static bool
next_frame(struct tn_slice *rest, unsigned *opcode, struct tn_slice *payload)
{
	const unsigned char *p = (const unsigned char *)rest->ptr;
	size_t len, head = 2;

	if (rest->len < 2)
		return false;
	*opcode = p[0] & 0x0f;
	len = p[1] & 0x7f;
	if (len == 126) {
		if (rest->len < 4)
			return false;
		len = (size_t)p[2] << 8 | p[3];
		head = 4;
	} else if (len == 127) {
		if (rest->len < 10)
			return false;
		len = 0;
		for (int i = 2; i < 10; i++)
			len = len << 8 | p[i];
		head = 10;
	}
	if (rest->len - head < len)
		return false;
	*payload = tn_slice(rest->ptr + head, len);
	*rest = tn_slice_after(*rest, head + len);
	return true;
}

static bool
take_frames(struct ws_client *c, const struct ws_target *target,
    ws_packet_fn *fn)
{
	struct tn_slice rest = tn_buf_view(&c->in), payload;
	unsigned opcode;

	while (next_frame(&rest, &opcode, &payload)) {
		if (opcode == 8)
			return false;
		if (opcode == 1)
			on_message(c, target, payload, fn);
	}
	tn_buf_drop(&c->in, c->in.len - rest.len);
	return true;
}

bool
ws_client_read(struct ws_client *c, const struct ws_target *target,
    ws_packet_fn *fn)
{
	for (;;) {
		char *room = tn_buf_room(&c->in, 65536);
		ssize_t n;

		if (room == NULL)
			return false;
		n = recv(c->fd, room, 65536, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		c->in.len += (size_t)n;
		if (c->state == WS_CONNECTING && !take_101(c))
			return false;
		if (c->state != WS_CONNECTING && !take_frames(c, target, fn))
			return false;
		if (n < 65536)
			return true;
	}
}

void
ws_client_close(struct ws_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = WS_CLOSED;
	tn_buf_fini(&c->in);
	tn_buf_fini(&c->out);
}
