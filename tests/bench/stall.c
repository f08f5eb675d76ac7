/*
 * Readers that stop reading: half of a room's sockets are not read from any
 * more while messages go on, until the server has closed them. How long do
 * deliveries to the others take, before and meanwhile, and what does the
 * server's memory grow by?
 *
 *	stall --server unix:PATH --pid PID --redis unix:PATH --secret TEXT
 *	    [--clients N] [--rate PER_SECOND] [--bytes N] [--seconds S]
 *	    [--slack MS] [--budget KB]
 *
 * It prints one line of key=value pairs. Exit status: 0 when all that stalled
 * were closed and nobody else, the others' 99 of 100 were at most twice as
 * slow as before (and the slack), and memory kept its budget; 1 when not; 2
 * on a wrong command or when the server does not do its part.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"
#include "meter.h"
#include "redis/redis.h"
#include "sessions.h"
#include "ws_client.h"

#define SETUP_MS	60000
#define PATIENCE_MS	20000		/* for the last end */
#define IN_FLIGHT	64
#define MESSAGES	65536		/* at most */
#define MAX_BYTES	4000		/* of a message's text */

struct client {
	struct ws_client ws;
	struct stall *stall;
	bool in_room, has_stalled;
};

struct stall {
	/* what was asked for */
	struct ws_target target;
	struct tn_redis_options redis;
	const char *secret;
	unsigned nclients, rate, bytes;
	double seconds, slack_ms;
	long budget_kb;

	/* what is under way */
	int epoll;
	struct client *clients;
	struct sessions sessions;
	struct meter *meter;		/* of this phase */
	struct meter before, during;
	int64_t sent_us[MESSAGES], rss_kb, most_kb;
	unsigned ready, joined, sent, closed, wrong;
};

static void
die(const char *what, const struct tn_err *err)
{
	fprintf(stderr, "stall: %s%s%s\n", what, err != NULL ? ": " : "",
	    err != NULL ? err->text : "");
	exit(2);
}

static void
on_packet(struct ws_client *ws, struct tn_slice packet)
{
	struct client *c = ws->user;
	struct stall *s = c->stall;
	const char *mark;
	unsigned long n;

	if (packet.len > 0 && packet.ptr[0] == '0')
		s->ready++;
	mark = packet.len == 0 ? NULL : memchr(packet.ptr, '#', packet.len);
	if (mark == NULL)
		return;
	if (!c->in_room)
		s->joined++;
	c->in_room = true;
	n = strtoul(mark + 1, NULL, 10);
	if (n < s->sent && s->meter != NULL)
		meter_sample(s->meter, meter_now_us() - s->sent_us[n]);
}

static void
turn(struct stall *s, int wait_ms)
{
	struct epoll_event evs[256];
	int n = epoll_wait(s->epoll, evs, 256, wait_ms);

	for (int i = 0; i < n; i++) {
		struct client *c = evs[i].data.ptr;

		if (c->ws.state == WS_CLOSED ||
		    (ws_client_read(&c->ws, &s->target, on_packet) &&
		    ws_client_flush(&c->ws)))
			continue;
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->ws.fd, NULL);
		ws_client_close(&c->ws);
		s->wrong++;
	}
}

static void
open_all(struct stall *s)
{
	int64_t deadline = meter_now_us() + SETUP_MS * 1000LL;

	for (unsigned i = 0; i < s->nclients; i++) {
		struct client *c = &s->clients[i];
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		c->stall = s;
		if (ws_client_open(&c->ws, &s->target,
		    s->sessions.cookies[0]) < 0)
			die("cannot connect", NULL);
		c->ws.user = c;
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->ws.fd, &ev);
		while (i + 1 - s->ready >= IN_FLIGHT ||
		    (i + 1 == s->nclients && s->ready < s->nclients)) {
			if (meter_now_us() > deadline)
				die("handshakes", NULL);
			turn(s, 100);
		}
	}
}

/* Ask the node to let all join, as socketsJoin() of another would. */
static void
join_all(struct tn_redis *redis)
{
	struct tn_reply *reply = NULL;
	struct tn_err err;

	if (tn_redis_call(redis, (struct tn_slice[]){ TN_SLICE("PUBLISH"),
	    TN_SLICE("socket.io-request#/packtchat#"),
	    TN_SLICE("{\"uid\":\"stall\",\"type\":2,\"opts\":{\"rooms\":[],"
	    "\"except\":[]},\"rooms\":[\"chat:stall\"]}") }, 3, &reply,
	    &err) < 0)
		die("cannot ask the adapter", &err);
	tn_reply_free(&reply);
}

/* The first client, which never stalls, says the next message. */
static void
say(struct stall *s)
{
	char text[MAX_BYTES + 128];
	int n;

	if (s->sent == MESSAGES)
		die("too many messages", NULL);
	s->sent_us[s->sent] = meter_now_us();
	n = snprintf(text, sizeof(text), "42/packtchat,[\"AddChat\",{\"room\":"
	    "\"stall\",\"message\":\"#%u#%0*d\"}]", s->sent++, (int)s->bytes,
	    0);
	ws_client_send(&s->clients[0].ws, tn_slice(text, (size_t)n));
	if (!ws_client_flush(&s->clients[0].ws))
		die("the server closed the writer", NULL);
}

static void
wait_for_join(struct stall *s)
{
	int64_t deadline = meter_now_us() + SETUP_MS * 1000LL;

	while (s->joined < s->nclients) {
		if (meter_now_us() > deadline)
			die("joining the room", NULL);
		say(s);
		for (int i = 0; i < 20; i++)
			turn(s, 10);
	}
}

/* Messages at the rate, for so long; memory is looked at now and then. */
static void
talk(struct stall *s, double seconds)
{
	int64_t start = meter_now_us(), now, look = start;

	for (unsigned n = 0; (now = meter_now_us()) <
	    start + (int64_t)(seconds * 1e6);) {
		if (now >= start + (int64_t)n * 1000000 / s->rate) {
			say(s);
			n++;
		}
		turn(s, 1);
		if (now < look)
			continue;
		look = now + 200000;
		now = meter_rss_kb(&s->during);
		s->most_kb = now > s->most_kb ? now : s->most_kb;
	}
	for (int i = 0; i < 20; i++)
		turn(s, 10);
}

/* Read what is left for one that stalled: is there an end behind it? */
static bool
is_closed(struct client *c)
{
	char waste[65536];
	ssize_t n;

	while ((n = recv(c->ws.fd, waste, sizeof(waste), MSG_DONTWAIT)) > 0)
		;
	return n == 0 || errno != EAGAIN;
}

static void
stop_reading(struct stall *s)
{
	for (unsigned i = 1; i < s->nclients; i += 2) {
		s->clients[i].has_stalled = true;
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->clients[i].ws.fd, NULL);
	}
}

/*
 * Of those that stalled; nothing more is said, so nobody is closed for it now
 * who was not before. An end may stand behind what was sent before it.
 */
static void
count_closed(struct stall *s)
{
	int64_t end = meter_now_us() + PATIENCE_MS * 1000LL;

	while (s->closed < s->nclients / 2 && meter_now_us() < end) {
		turn(s, 10);
		s->closed = 0;
		for (unsigned i = 1; i < s->nclients; i += 2)
			s->closed += is_closed(&s->clients[i]);
	}
}

static int
run(struct stall *s, struct tn_redis *redis)
{
	const unsigned stalled = s->nclients / 2;
	double p99[2];
	int64_t grown;
	bool good;

	open_all(s);
	join_all(redis);
	wait_for_join(s);
	s->meter = &s->before;
	talk(s, s->seconds);
	stop_reading(s);
	s->rss_kb = s->most_kb = meter_rss_kb(&s->during);
	s->meter = &s->during;
	talk(s, 2 * s->seconds);
	count_closed(s);
	p99[0] = meter_percentile_ms(&s->before, 0.99);
	p99[1] = meter_percentile_ms(&s->during, 0.99);
	grown = s->most_kb - s->rss_kb;
	good = s->closed == stalled && s->wrong == 0 &&
	    p99[1] <= 2 * p99[0] + s->slack_ms && grown <= s->budget_kb;
	printf("clients=%u stalled=%u closed=%u wrong=%u p99_before_ms=%.2f "
	    "p99_during_ms=%.2f grown_kb=%lld budget_kb=%ld\n", s->nclients,
	    stalled, s->closed, s->wrong, p99[0], p99[1], (long long)grown,
	    s->budget_kb);
	return good ? 0 : 1;
}

static bool
read_unix(const char *arg, const char **path)
{
	*path = arg + 5;
	return strncmp(arg, "unix:", 5) == 0;
}

static void
read_options(struct stall *s, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "server", required_argument, NULL, 's' },
		{ "pid", required_argument, NULL, 'p' },
		{ "redis", required_argument, NULL, 'r' },
		{ "secret", required_argument, NULL, 'k' },
		{ "clients", required_argument, NULL, 'c' },
		{ "rate", required_argument, NULL, 'R' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "seconds", required_argument, NULL, 't' },
		{ "slack", required_argument, NULL, 'l' },
		{ "budget", required_argument, NULL, 'B' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int o;

	while (good && (o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 's': good = read_unix(optarg, &s->target.path); break;
		case 'p': good = meter_read_pids(&s->during, optarg); break;
		case 'r': good = read_unix(optarg, &s->redis.path); break;
		case 'k': s->secret = optarg; break;
		case 'c': s->nclients = (unsigned)atoi(optarg); break;
		case 'R': s->rate = (unsigned)atoi(optarg); break;
		case 'b': s->bytes = (unsigned)atoi(optarg); break;
		case 't': s->seconds = atof(optarg); break;
		case 'l': s->slack_ms = atof(optarg); break;
		case 'B': s->budget_kb = atol(optarg); break;
		default: exit(2);
		}
	}
	if (!good || optind != argc || s->target.path == NULL ||
	    s->redis.path == NULL || s->secret == NULL || s->rate == 0 ||
	    s->nclients < 4 || s->during.npids == 0 || s->bytes > MAX_BYTES)
		die("usage: see the top of tests/bench/stall.c", NULL);
}

int
main(int argc, char **argv)
{
	static struct stall s = { .target.namespace = "/packtchat",
	    .nclients = 2000, .rate = 10, .bytes = 3900, .seconds = 5,
	    .slack_ms = 5, .budget_kb = 1L << 20 };
	struct rlimit files = { 0 };
	struct tn_err err = { 0 };
	struct tn_redis *redis;
	int status;

	if (!meter_init(&s.before) || !meter_init(&s.during) ||
	    tn_random_start(&err) < 0)
		die("cannot start", &err);
	read_options(&s, argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	s.clients = calloc(s.nclients, sizeof(*s.clients));
	redis = tn_redis_new(&s.redis, 1, &err);
	if (s.epoll < 0 || s.clients == NULL || redis == NULL)
		die("cannot start", &err);
	if (sessions_make(&s.sessions, 0, 1, &s.redis, s.secret,
	    &err) < 0)
		die("cannot make a session", &err);
	status = run(&s, redis);
	for (unsigned i = 0; i < s.nclients; i++)
		ws_client_close(&s.clients[i].ws);
	close(s.epoll);
	free(s.clients);
	tn_redis_free(&redis);
	sessions_fini(&s.sessions);
	meter_fini(&s.before);
	meter_fini(&s.during);
	return status;
}
