/*
 * The load generator: opens authenticated sockets on a server, makes it work,
 * counts every delivery, and reads the server's CPU time from /proc.
 *
 *	load handshake|ack|fanout --server HOST:PORT|unix:PATH --pid PID[,PID]
 *	    --redis unix:PATH --secret TEXT [--clients N] [--seconds S]
 *	    [--inflight K] [--rate PER_SECOND] [--namespace NAME]
 *
 * It prints one line of key=value pairs. Exit status: 0 when nothing was
 * lost or doubled, 1 when something was, 2 on a wrong command
 * or when the server does not do its part in time.
 */
#include "config.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/random.h"
#include "meter.h"
#include "redis/redis.h"
#include "sessions.h"
#include "ws_client.h"

#define SETUP_MS	60000		/* to have all clients in the room */
#define PATIENCE_MS	5000		/* for the last deliveries */

struct client {
	struct ws_client ws;
	struct load *load;
	unsigned index;
	bool in_room;
	int64_t sent_us;		/* of the request in flight */
	uint64_t next_seq;		/* all before it have come */
	uint64_t ahead;			/* bit i: next_seq + i has come too */
	bool watched_out;
};

struct load {
	/* what was asked for */
	const char *mode;
	struct ws_target target;
	struct tn_redis_options redis;
	const char *secret;
	unsigned nclients, inflight, rate;
	double seconds;

	/* what is under way */
	int epoll;
	struct client *clients;
	unsigned ready, joined;
	struct sessions sessions;
	struct meter meter;
	bool running;
	int64_t start_us, start_cpu_us;
	uint64_t ops, deliveries, published;
	uint64_t lost, doubled;
	uint64_t *seen;			/* deliveries of a sequence, a ring */
	int64_t *published_us;		/* when, the same ring */
};

#define RING	65536			/* sequences that may be under way */

static void
die(const char *what, const struct tn_err *err)
{
	fprintf(stderr, "load: %s%s%s\n", what, err != NULL ? ": " : "",
	    err != NULL ? err->text : "");
	exit(2);
}

static void send_f(struct client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
send_f(struct client *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ws_client_send(&c->ws, tn_slice(text, (size_t)n));
	ws_client_flush(&c->ws);
}

static void
ask(struct client *c)
{
	c->sent_us = meter_now_us();
	send_f(c, "42%s,1[\"GetMe\"]", c->load->target.namespace);
}

/* The next message into the room, by any client; its text is its number. */
static void
publish(struct load *l)
{
	uint64_t seq = l->published++;
	struct client *c = &l->clients[seq % l->nclients];

	l->seen[seq % RING] = 0;
	l->published_us[seq % RING] = meter_now_us();
	send_f(c, "42%s,[\"AddChat\",{\"room\":\"load\",\"message\":"
	    "\"#%llu#%0100d\"}]", l->target.namespace,
	    (unsigned long long)seq, 0);
}

/* Messages of several senders may change places, 64 at the most. */
static void
move_on(struct client *c)
{
	if ((c->ahead & 1) == 0)
		c->load->lost++;
	c->ahead >>= 1;
	c->next_seq++;
}

/* Note that it has come. Returns false if it had come before. */
static bool
take_seq(struct client *c, uint64_t seq)
{
	if (seq < c->next_seq)
		return false;
	while (seq - c->next_seq >= 64)
		move_on(c);
	if ((c->ahead >> (seq - c->next_seq) & 1) != 0)
		return false;
	c->ahead |= UINT64_C(1) << (seq - c->next_seq);
	while ((c->ahead & 1) != 0)
		move_on(c);
	return true;
}

static void
on_delivery(struct client *c, struct tn_slice packet)
{
	struct load *l = c->load;
	const char *mark = memchr(packet.ptr, '#', packet.len);
	uint64_t seq;

	if (mark == NULL)
		return;
	seq = strtoull(mark + 1, NULL, 10);
	l->deliveries++;
	if (seq >= l->published || !take_seq(c, seq)) {
		l->doubled++;
		return;
	}
	if (++l->seen[seq % RING] != l->nclients)
		return;
	l->ops++;
	meter_sample(&l->meter, meter_now_us() - l->published_us[seq % RING]);
	if (l->running)
		publish(l);
}

static bool
contains(struct tn_slice s, const char *what)
{
	return s.ptr != NULL &&
	    memmem(s.ptr, s.len, what, strlen(what)) != NULL;
}

static void
on_packet(struct ws_client *ws, struct tn_slice packet)
{
	struct client *c = ws->user;
	struct load *l = c->load;

	if (packet.len == 0)
		return;
	if (packet.ptr[0] == '0') {
		l->ready++;
		if (strcmp(l->mode, "fanout") == 0 ||
		    strcmp(l->mode, "idle") == 0)
			send_f(c, "42%s,7[\"AddRoom\",{\"name\":\"load\"}]",
			    l->target.namespace);
	} else if (packet.ptr[0] == '4') {
		die("the server refused a client", NULL);
	} else if (packet.ptr[0] == '3' && !c->in_room &&
	    contains(packet, ",7[")) {
		c->in_room = true;
		l->joined++;
	} else if (packet.ptr[0] == '3' && contains(packet, ",1[")) {
		l->ops++;
		meter_sample(&l->meter, meter_now_us() - c->sent_us);
		c->sent_us = 0;
		if (l->running && l->rate == 0)
			ask(c);
	} else if (contains(packet, "[\"AddChat\"")) {
		on_delivery(c, packet);
	}
}

static void
watch(struct load *l, struct client *c, int op)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (c->ws.out.len > 0)
		ev.events |= EPOLLOUT;
	c->watched_out = c->ws.out.len > 0;
	epoll_ctl(l->epoll, op, c->ws.fd, &ev);
}

/* One turn of the loop, at most wait_ms long. */
static void
turn(struct load *l, int wait_ms)
{
	struct epoll_event evs[256];
	int n = epoll_wait(l->epoll, evs, 256, wait_ms);

	for (int i = 0; i < n; i++) {
		struct client *c = evs[i].data.ptr;

		if (c->ws.state == WS_CLOSED)
			continue;
		if (!ws_client_read(&c->ws, &l->target, on_packet) ||
		    !ws_client_flush(&c->ws)) {
			epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->ws.fd, NULL);
			ws_client_close(&c->ws);
			if (l->running)
				die("the server closed a client", NULL);
			continue;
		}
		if ((c->ws.out.len > 0) != c->watched_out)
			watch(l, c, EPOLL_CTL_MOD);
	}
}

static void
open_client(struct load *l, unsigned i, unsigned cookie)
{
	struct client *c = &l->clients[i];

	memset(c, 0, sizeof(*c));
	c->load = l;
	c->index = i;
	if (ws_client_open(&c->ws, &l->target, l->sessions.cookies[cookie]) < 0)
		die("cannot connect", NULL);
	c->ws.user = c;
	watch(l, c, EPOLL_CTL_ADD);
}

static void
wait_until(struct load *l, const unsigned *counter, unsigned goal,
    const char *what)
{
	int64_t deadline = meter_now_us() + SETUP_MS * 1000LL;

	while (*counter < goal) {
		if (meter_now_us() > deadline)
			die(what, NULL);
		turn(l, 100);
	}
}

/* Open all clients, a few at a time, and have them ready. */
static void
open_all(struct load *l)
{
	l->clients = calloc(l->nclients, sizeof(*l->clients));
	if (l->clients == NULL)
		die("out of memory", NULL);
	for (unsigned i = 0; i < l->nclients; i++) {
		open_client(l, i, i);
		if (i >= 64)
			wait_until(l, &l->ready, i - 63, "handshakes");
	}
	wait_until(l, &l->ready, l->nclients, "handshakes");
}

static void
begin(struct load *l)
{
	l->running = true;
	l->start_cpu_us = meter_cpu_us(&l->meter);
	l->start_us = meter_now_us();
}

static int
report(struct load *l, uint64_t ops)
{
	int64_t cpu_us = meter_cpu_us(&l->meter) - l->start_cpu_us;
	int64_t wall_us = meter_now_us() - l->start_us;

	printf("mode=%s clients=%u inflight=%u ops=%llu per_second=%.0f "
	    "cpu_us_per_op=%.3f p50_ms=%.3f p99_ms=%.3f lost=%llu "
	    "doubled=%llu rss_kb=%lld\n", l->mode, l->nclients, l->inflight,
	    (unsigned long long)ops, (double)ops * 1e6 / (double)wall_us,
	    ops == 0 ? 0 : (double)cpu_us / (double)ops,
	    meter_percentile_ms(&l->meter, 0.5),
	    meter_percentile_ms(&l->meter, 0.99),
	    (unsigned long long)l->lost, (unsigned long long)l->doubled,
	    (long long)meter_rss_kb(&l->meter));
	return l->lost + l->doubled == 0 && ops > 0 ? 0 : 1;
}

/* --clients handshakes in all, --inflight at once, each closed when ready. */
static int
run_handshake(struct load *l)
{
	unsigned width = l->inflight < l->nclients ? l->inflight : l->nclients;
	unsigned opened = 0, done = 0;

	l->clients = calloc(l->nclients, sizeof(*l->clients));
	if (l->clients == NULL)
		die("out of memory", NULL);
	begin(l);
	l->running = false;	/* clients are closed all the time */
	for (; opened < width; opened++) {
		open_client(l, opened, opened);
		l->clients[opened].sent_us = meter_now_us();
	}
	while (done < l->nclients) {
		if (meter_now_us() - l->start_us > SETUP_MS * 1000LL)
			die("handshakes", NULL);
		turn(l, 100);
		for (unsigned i = 0; i < width; i++) {
			struct client *c = &l->clients[i];

			if (c->ws.state != WS_READY)
				continue;
			meter_sample(&l->meter, meter_now_us() - c->sent_us);
			done++;
			epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->ws.fd, NULL);
			ws_client_close(&c->ws);
			if (opened < l->nclients) {
				open_client(l, i, opened++);
				c->sent_us = meter_now_us();
			}
		}
	}
	return report(l, done);
}

/* GetMe with an ack, flat out or at --rate a second over all clients. */
static int
run_ack(struct load *l)
{
	uint64_t asked = 0;
	int64_t end;

	open_all(l);
	begin(l);
	end = l->start_us + (int64_t)(l->seconds * 1e6);
	for (unsigned i = 0; l->rate == 0 && i < l->nclients; i++)
		ask(&l->clients[i]);
	while (meter_now_us() < end) {
		uint64_t due = (uint64_t)((double)(meter_now_us() -
		    l->start_us) * l->rate / 1e6);

		for (; l->rate > 0 && asked < due; asked++) {
			struct client *c = &l->clients[asked % l->nclients];

			if (c->sent_us == 0)
				ask(c);
		}
		turn(l, 1);
	}
	l->running = false;
	return report(l, l->ops);
}

/* Messages into a room of all clients; an operation is one delivery. */
static int
run_fanout(struct load *l)
{
	int64_t end;

	l->seen = calloc(RING, sizeof(*l->seen));
	l->published_us = calloc(RING, sizeof(*l->published_us));
	if (l->seen == NULL || l->published_us == NULL)
		die("out of memory", NULL);
	open_all(l);
	wait_until(l, &l->joined, l->nclients, "joining the room");
	for (int i = 0; i < 20; i++)
		turn(l, 10);
	begin(l);
	end = l->start_us + (int64_t)(l->seconds * 1e6);
	for (unsigned i = 0; i < l->inflight; i++)
		publish(l);
	while (meter_now_us() < end)
		turn(l, 10);
	l->running = false;
	end = meter_now_us() + PATIENCE_MS * 1000LL;
	while (l->ops < l->published && meter_now_us() < end)
		turn(l, 10);
	for (unsigned i = 0; i < l->nclients; i++)
		while (l->clients[i].next_seq < l->published)
			move_on(&l->clients[i]);
	return report(l, l->deliveries);
}

/* All clients in a room and silent: resident memory, and CPU a second. */
static int
run_idle(struct load *l)
{
	int64_t before = meter_rss_kb(&l->meter), end;

	open_all(l);
	wait_until(l, &l->joined, l->nclients, "joining the room");
	begin(l);
	end = l->start_us + (int64_t)(l->seconds * 1e6);
	while (meter_now_us() < end)
		turn(l, 100);
	printf("mode=idle clients=%u bytes_per_socket=%.0f cpu_percent=%.2f "
	    "rss_kb=%lld\n", l->nclients,
	    (double)(meter_rss_kb(&l->meter) - before) * 1024 / l->nclients,
	    (double)(meter_cpu_us(&l->meter) - l->start_cpu_us) * 100 /
	    (double)(meter_now_us() - l->start_us),
	    (long long)meter_rss_kb(&l->meter));
	return 0;
}

static void
read_server(struct load *l, char *arg)
{
	char *colon = strrchr(arg, ':');

	if (strncmp(arg, "unix:", 5) == 0) {
		l->target.path = arg + 5;
	} else if (colon != NULL) {
		*colon = '\0';
		l->target.host = arg;
		l->target.port = atoi(colon + 1);
	} else {
		die("--server wants HOST:PORT or unix:PATH", NULL);
	}
}

static bool
read_redis(struct load *l, const char *arg)
{
	if (strncmp(arg, "unix:", 5) != 0)
		return false;
	l->redis.path = arg + 5;
	return true;
}

static void
read_options(struct load *l, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "server", required_argument, NULL, 's' },
		{ "pid", required_argument, NULL, 'p' },
		{ "redis", required_argument, NULL, 'r' },
		{ "secret", required_argument, NULL, 'k' },
		{ "clients", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 't' },
		{ "inflight", required_argument, NULL, 'i' },
		{ "rate", required_argument, NULL, 'R' },
		{ "namespace", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int o;

	while (good &&
	    (o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 's': read_server(l, optarg); break;
		case 'p': good = meter_read_pids(&l->meter, optarg); break;
		case 'r': good = read_redis(l, optarg); break;
		case 'k': l->secret = optarg; break;
		case 'c': l->nclients = (unsigned)atoi(optarg); break;
		case 't': l->seconds = atof(optarg); break;
		case 'i': l->inflight = (unsigned)atoi(optarg); break;
		case 'R': l->rate = (unsigned)atoi(optarg); break;
		case 'n': l->target.namespace = optarg; break;
		default: exit(2);
		}
	}
	if (!good || optind + 1 != argc || l->meter.npids == 0 ||
	    l->secret == NULL || l->redis.path == NULL ||
	    l->nclients == 0 || l->inflight == 0 ||
	    (l->target.path == NULL && l->target.host == NULL))
		die("usage: see the top of tests/bench/load.c", NULL);
	l->mode = argv[optind];
}

static int
run(struct load *l)
{
	static const struct {
		const char *mode;
		int (*run)(struct load *l);
	} modes[] = {
		{ "handshake", run_handshake }, { "ack", run_ack },
		{ "fanout", run_fanout }, { "idle", run_idle },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(l->mode, modes[i].mode) == 0)
			return modes[i].run(l);
	die("no such mode", NULL);
	return 2;
}

static void
clean_up(struct load *l)
{
	for (unsigned i = 0; i < l->nclients; i++)
		if (l->clients[i].load != NULL)		/* was opened */
			ws_client_close(&l->clients[i].ws);
	free(l->clients);
	free(l->seen);
	free(l->published_us);
	sessions_fini(&l->sessions);
	meter_fini(&l->meter);
}

int
main(int argc, char **argv)
{
	struct load l = { .nclients = 100, .seconds = 3, .inflight = 1,
	    .target.namespace = "/packtchat" };
	struct rlimit files = { 0 };
	struct tn_err err = { 0 };
	int status;

	if (!meter_init(&l.meter) || tn_random_start(&err) < 0)
		die("cannot start", &err);
	read_options(&l, argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l.epoll < 0)
		die("cannot start", NULL);
	if (sessions_make(&l.sessions, l.nclients, &l.redis, l.secret,
	    &err) < 0)
		die("cannot make sessions", &err);
	status = run(&l);
	clean_up(&l);
	return status;
}
