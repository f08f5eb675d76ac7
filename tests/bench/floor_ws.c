/*
 * The floor under a Socket.IO server: epoll, WebSocket frames that are ready
 * to be sent, and nothing else. No session, no Redis, no JSON, no limits.
 *
 *	floor_ws --listen HOST:PORT|unix:PATH [--coalesce]
 *
 * It answers what the load generator asks and knows the form of its packets.
 * A message is made a frame once and goes to everybody in the room: with one
 * system call for each delivery, or with --coalesce with one for each client
 * in a turn of the loop.
 */
#include "config.h"

#include "floor.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT	65536		/* one read, with what the last one left */
#define EVENTS	256

struct conn {
	int fd;
	bool upgraded, in_room, waits, gone;
	unsigned place;			/* in the table of all */
	struct floor_rest in;		/* a frame that has not come whole */
	struct floor_rest out;
};

struct server {
	int epoll, listener;
	bool coalesce;
	struct conn **conns;
	unsigned nconns, room;		/* used and allocated */
	char *turn;			/* the frames of this turn */
	size_t turn_len, turn_cap;
	struct conn *closed[EVENTS];	/* freed when the turn is over */
	unsigned nclosed;
	char input[INPUT];
};

/* The answer to the only key that the load generator knows, RFC 6455's own. */
static const char welcome[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#define OPEN	"0{\"sid\":\"bench\",\"upgrades\":[],\"pingInterval\":25000," \
		"\"pingTimeout\":20000,\"maxPayload\":1000000}"
#define JOINED	"40/packtchat,{\"sid\":\"bench\"}"
#define USER	"{\"id\":\"load\",\"displayName\":\"Load\"," \
		"\"provider\":\"local\"}"
#define ME	"42/packtchat,[\"GetMe\"," USER "]"
#define ME_ACK	"43/packtchat,1[" USER "]"
#define ENTERED	"43/packtchat,7[{\"name\":\"load\"}]"

static void
drop(struct server *s, struct conn *c)
{
	if (c->gone)
		return;
	c->gone = true;
	close(c->fd);
	s->conns[c->place] = s->conns[--s->nconns];
	s->conns[c->place]->place = c->place;
	s->closed[s->nclosed++] = c;
}

/* Watch for room as long as something is unsent. */
static void
watch(struct server *s, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if ((c->out.len > 0) == c->waits)
		return;
	c->waits = c->out.len > 0;
	if (c->waits)
		ev.events |= EPOLLOUT;
	epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static bool
give(struct server *s, struct conn *c, const void *data, size_t len)
{
	if (!floor_send(c->fd, &c->out, data, len))
		return false;
	watch(s, c);
	return true;
}

/* The head of a text frame. Returns its length. */
static size_t
frame_head(unsigned char head[4], size_t len)
{
	head[0] = 0x81;
	if (len < 126) {
		head[1] = (unsigned char)len;
		return 2;
	}
	head[1] = 126;
	head[2] = (unsigned char)(len >> 8);
	head[3] = (unsigned char)len;
	return 4;
}

/* A frame for each, in one go; second may be NULL. */
static bool
say(struct server *s, struct conn *c, const char *first, const char *second)
{
	const char *const texts[] = { first, second };
	unsigned char frames[512];
	size_t n = 0;

	for (int i = 0; i < 2 && texts[i] != NULL; i++) {
		size_t len = strlen(texts[i]);

		n += frame_head(frames + n, len);
		memcpy(frames + n, texts[i], len);
		n += len;
	}
	return give(s, c, frames, n);
}

/* A failed send is seen again as the end of that client's input. */
static void
send_room(struct server *s, const char *data, size_t len)
{
	for (unsigned i = 0; i < s->nconns; i++)
		if (s->conns[i]->in_room)
			give(s, s->conns[i], data, len);
}

/* What was said goes to the room as it came, in a frame of its own. */
static void
publish(struct server *s, const char *text, size_t len)
{
	unsigned char head[4];
	size_t n = frame_head(head, len);

	if (s->turn_len + n + len > s->turn_cap) {
		s->turn_cap = 2 * (s->turn_cap + n + len);
		s->turn = realloc(s->turn, s->turn_cap);
		if (s->turn == NULL)
			floor_die("out of memory");
	}
	memcpy(s->turn + s->turn_len, head, n);
	memcpy(s->turn + s->turn_len + n, text, len);
	s->turn_len += n + len;
	if (s->coalesce)
		return;		/* until the turn is over */
	send_room(s, s->turn, s->turn_len);
	s->turn_len = 0;
}

static bool
on_text(struct server *s, struct conn *c, const char *text, size_t len)
{
	if (len < 2 || text[0] != '4')
		return true;
	if (text[1] == '0')
		return say(s, c, JOINED, NULL);
	if (memmem(text, len, "\"GetMe\"", 7) != NULL)
		return say(s, c, ME, ME_ACK);	/* as the chat */
	if (memmem(text, len, "\"AddRoom\"", 9) != NULL) {
		c->in_room = true;
		return say(s, c, ENTERED, NULL);
	}
	publish(s, text, len);
	return true;
}

/*
 * Take one masked frame off the front, unmasked in place. Returns the bytes
 * used, 0 for one that has not come whole, -1 for one that ends it all.
 */
static ssize_t
take_frame(struct server *s, struct conn *c, unsigned char *p, size_t len)
{
	size_t head = 2, n;
	unsigned char *mask;

	if (len < 2)
		return 0;
	n = p[1] & 0x7f;
	if (n == 127 || (p[1] & 0x80) == 0 || (p[0] & 0x0f) == 8)
		return -1;
	if (n == 126) {
		if (len < 4)
			return 0;
		n = (size_t)p[2] << 8 | p[3];
		head = 4;
	}
	if (head + 4 + n > INPUT)
		return -1;
	if (len < head + 4 + n)
		return 0;
	mask = p + head;
	for (size_t i = 0; i < n; i++)
		mask[4 + i] ^= mask[i & 3];
	if (!on_text(s, c, (char *)mask + 4, n))
		return -1;
	return (ssize_t)(head + 4 + n);
}

static bool
take_request(struct server *s, struct conn *c, size_t len, size_t *used)
{
	char answer[512];
	unsigned char head[4];
	char *end = memmem(s->input, len, "\r\n\r\n", 4);
	size_t n, h;

	*used = 0;
	if (end == NULL)
		return len < INPUT;
	*used = (size_t)(end + 4 - s->input);
	h = frame_head(head, sizeof(OPEN) - 1);
	n = (size_t)snprintf(answer, sizeof(answer), "%s%.*s%s", welcome,
	    (int)h, (char *)head, OPEN);
	c->upgraded = true;
	return give(s, c, answer, n);
}

/* What has come is at s->input; what stays of it is kept with the client. */
static bool
take(struct server *s, struct conn *c, size_t len)
{
	size_t at = 0;
	ssize_t n = 1;

	if (!c->upgraded && !take_request(s, c, len, &at))
		return false;
	while (c->upgraded && n > 0 && at < len) {
		n = take_frame(s, c, (unsigned char *)s->input + at, len - at);
		if (n < 0)
			return false;
		at += (size_t)n;
	}
	c->in.len = len - at;
	if (c->in.len == 0)
		return true;
	free(c->in.ptr);
	c->in.ptr = malloc(c->in.len);
	if (c->in.ptr == NULL)
		return false;
	memcpy(c->in.ptr, s->input + at, c->in.len);
	return true;
}

static bool
on_ready(struct server *s, struct conn *c)
{
	size_t kept = c->in.len;
	ssize_t n;

	if (c->waits && !give(s, c, NULL, 0))
		return false;
	if (kept > 0)
		memcpy(s->input, c->in.ptr, kept);
	n = recv(c->fd, s->input + kept, INPUT - kept, MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	return take(s, c, kept + (size_t)n);
}

static void
on_arrival(struct server *s)
{
	int fd;

	while ((fd = floor_accept(s->listener)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		if (s->nconns == s->room) {
			s->room = 2 * s->room + 64;
			s->conns = realloc(s->conns,
			    s->room * sizeof(*s->conns));
		}
		if (c == NULL || s->conns == NULL)
			floor_die("out of memory");
		c->fd = fd;
		c->place = s->nconns;
		s->conns[s->nconns++] = c;
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev);
	}
}

static void
turn(struct server *s)
{
	struct epoll_event evs[EVENTS];
	int n = epoll_wait(s->epoll, evs, EVENTS, -1);

	for (int i = 0; i < n; i++) {
		struct conn *c = evs[i].data.ptr;

		if (c == NULL)
			on_arrival(s);
		else if (!c->gone && !on_ready(s, c))
			drop(s, c);
	}
	if (s->turn_len > 0)
		send_room(s, s->turn, s->turn_len);
	s->turn_len = 0;
	while (s->nclosed > 0) {
		struct conn *c = s->closed[--s->nclosed];

		free(c->in.ptr);
		free(c->out.ptr);
		free(c);
	}
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "coalesce", no_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	static struct server s;
	struct epoll_event ev = { .events = EPOLLIN };
	const char *where = "";
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 'l': where = optarg; break;
		case 'c': s.coalesce = true; break;
		default: return 2;
		}
	}
	floor_start();
	s.listener = floor_listen(where);
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s.epoll < 0 ||
	    epoll_ctl(s.epoll, EPOLL_CTL_ADD, s.listener, &ev) < 0)
		floor_die("no epoll");
	for (;;)
		turn(&s);
}
