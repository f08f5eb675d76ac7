/*
 * The load generator: opens authenticated sockets on a server, makes it work,
 * counts every delivery, and reads the server's CPU time from /proc.
 *
 *	load handshake|ack|fanout|idle|listen --pid PID[,PID]
 *	    --server HOST:PORT|unix:PATH [--server ...]
 *	    --redis unix:PATH --secret TEXT [--clients N] [--seconds S]
 *	    [--inflight K] [--rate PER_SECOND] [--namespace NAME]
 *	    [--join event|request] [--source ADDRESS] [--first N]
 *
 * Clients are spread over the servers in turn. They join their room by the
 * event AddRoom, of which the chat tells everybody (so that n clients cost n
 * times n deliveries), or all at once by a request to the servers' adapters.
 * --source is the address they call from, --first the number of the first.
 *
 * "listen" is for clients beyond what one process may open: it counts what
 * another process publishes, says "ready" when its clients have connected,
 * and ends when its input does.
 *
 * It prints one line of key=value pairs. Exit status: 0 when nothing was
 * lost or doubled, 1 when something was, 2 on a wrong command
 * or when the server does not do its part in time.
 */
#include "config.h"

#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"
#include "meter.h"
#include "redis/redis.h"
#include "sessions.h"
#include "tally.h"
#include "ws_client.h"

#define SETUP_MS	120000		/* to have all clients in the room */
#define PATIENCE_MS	10000		/* for the last deliveries */
#define PROBE_MS	200		/* between two looks who has joined */
#define SERVERS		8
#define PACE		1000u		/* clients whose opening is timed */

struct client {
	struct ws_client ws;
	struct load *load;
	unsigned index;
	bool in_room;
	int64_t sent_us;		/* of the request in flight */
	struct tally tally;
	bool watched_out;
};

struct load {
	/* what was asked for */
	const char *mode, *source;
	struct ws_target targets[SERVERS];
	unsigned ntargets;
	bool by_request;		/* the room is joined by the adapter's */
	bool enters;			/* each client enters it by itself */
	unsigned first;
	struct tn_redis_options redis;
	const char *secret;
	unsigned nclients, inflight, rate;
	double seconds;

	/* what is under way */
	int epoll;
	struct client *clients;
	unsigned ready, joined;
	double pace_first, pace_last;	/* opened a second */
	struct sessions sessions;
	struct meter meter;
	bool running, is_listening;
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
	send_f(c, "42%s,1[\"GetMe\"]", c->load->targets[0].namespace);
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
	    "\"#%llu#%0100d\"}]", l->targets[0].namespace,
	    (unsigned long long)seq, 0);
}

static void
on_delivery(struct client *c, struct tn_slice packet)
{
	struct load *l = c->load;
	const char *mark = memchr(packet.ptr, '#', packet.len);
	uint64_t seq;

	if (mark == NULL) {		/* a probe: it has joined */
		l->joined += !c->in_room;
		c->in_room = true;
		return;
	}
	seq = strtoull(mark + 1, NULL, 10);
	l->deliveries++;
	if (l->is_listening && seq >= l->published)
		l->published = seq + 1;
	if (seq >= l->published || !tally_take(&c->tally, seq, &l->lost)) {
		l->doubled++;
		return;
	}
	if (l->is_listening || ++l->seen[seq % RING] != l->nclients)
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
		if (l->enters)
			send_f(c, "42%s,7[\"AddRoom\",{\"name\":\"load\"}]",
			    l->targets[0].namespace);
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
		if (!ws_client_read(&c->ws, &l->targets[0], on_packet) ||
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
	if (ws_client_open(&c->ws, &l->targets[i % l->ntargets],
	    l->sessions.cookies[cookie]) < 0)
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

/* Clients opened a second between two times. */
static double
pace(unsigned clients, int64_t since_us)
{
	return clients * 1e6 / (double)(meter_now_us() - since_us);
}

/* Open all clients, a few at a time, and have them ready. */
static void
open_all(struct load *l)
{
	const unsigned n = l->nclients < PACE ? l->nclients : PACE;
	int64_t start = meter_now_us(), last = start;

	l->clients = calloc(l->nclients, sizeof(*l->clients));
	if (l->clients == NULL)
		die("out of memory", NULL);
	for (unsigned i = 0; i < l->nclients; i++) {
		open_client(l, i, i);
		if (i >= 64)
			wait_until(l, &l->ready, i - 63, "handshakes");
		if (i + 1 == n)
			l->pace_first = pace(n, start);
		if (i + 1 == l->nclients - n)
			last = meter_now_us();
	}
	wait_until(l, &l->ready, l->nclients, "handshakes");
	l->pace_last = pace(n, last);
}

/* Ask all nodes to let their sockets join, as socketsJoin() does. */
static void
request_join(struct load *l)
{
	struct tn_err err = { 0 };
	struct tn_redis *redis = tn_redis_new(&l->redis, 1, &err);
	struct tn_reply *reply = NULL;
	char channel[128];

	snprintf(channel, sizeof(channel), "socket.io-request#%s#",
	    l->targets[0].namespace);
	if (redis == NULL || tn_redis_call(redis, (struct tn_slice[]){
	    TN_SLICE("PUBLISH"), tn_slice_str(channel),
	    TN_SLICE("{\"uid\":\"load\",\"type\":2,\"opts\":"
	    "{\"rooms\":[],\"except\":[]},\"rooms\":[\"load\",\"chat:load\"]}")
	    }, 3, &reply, &err) < 0)
		die("cannot ask the adapter", &err);
	tn_reply_free(&reply);
	tn_redis_free(&redis);
}

/* All are in the room: each has said so, or has heard what is said in it. */
static void
join_all(struct load *l)
{
	int64_t deadline = meter_now_us() + SETUP_MS * 1000LL, next = 0;

	if (l->by_request)
		request_join(l);
	while (l->joined < l->nclients) {
		if (meter_now_us() > deadline)
			die("joining the room", NULL);
		if (l->by_request && meter_now_us() > next) {
			next = meter_now_us() + PROBE_MS * 1000LL;
			send_f(&l->clients[0], "42%s,[\"AddChat\",{\"room\":"
			    "\"load\",\"message\":\"probe\"}]",
			    l->targets[0].namespace);
		}
		turn(l, 10);
	}
	for (int i = 0; i < 20; i++)
		turn(l, 10);
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
	    "doubled=%llu published=%llu cpu_us=%lld open_first=%.0f "
	    "open_last=%.0f rss_kb=%lld\n", l->mode, l->nclients, l->inflight,
	    (unsigned long long)ops, (double)ops * 1e6 / (double)wall_us,
	    ops == 0 ? 0 : (double)cpu_us / (double)ops,
	    meter_percentile_ms(&l->meter, 0.5),
	    meter_percentile_ms(&l->meter, 0.99),
	    (unsigned long long)l->lost, (unsigned long long)l->doubled,
	    (unsigned long long)l->published, (long long)cpu_us,
	    l->pace_first, l->pace_last,
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
	join_all(l);
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
		tally_close(&l->clients[i].tally, l->published, &l->lost);
	return report(l, l->deliveries);
}

static bool
input_has_ended(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char waste[256];

	return poll(&p, 1, 0) > 0 && read(p.fd, waste, sizeof(waste)) <= 0;
}

/* Only count what another process publishes. */
static int
run_listen(struct load *l)
{
	open_all(l);
	if (l->enters)
		join_all(l);
	printf("ready open_first=%.0f open_last=%.0f\n", l->pace_first,
	    l->pace_last);
	fflush(stdout);
	l->is_listening = true;
	begin(l);
	while (!input_has_ended())
		turn(l, 100);
	for (int i = 0; i < 20; i++)
		turn(l, 10);
	l->running = false;
	for (unsigned i = 0; i < l->nclients; i++)
		tally_close(&l->clients[i].tally, l->published, &l->lost);
	return report(l, l->deliveries);
}

/* All clients in a room and silent: resident memory, and CPU a second. */
static int
run_idle(struct load *l)
{
	int64_t before = meter_rss_kb(&l->meter), end;

	open_all(l);
	join_all(l);
	begin(l);
	end = l->start_us + (int64_t)(l->seconds * 1e6);
	while (meter_now_us() < end)
		turn(l, 100);
	printf("mode=idle clients=%u bytes_per_socket=%.0f cpu_percent=%.2f "
	    "open_first=%.0f open_last=%.0f before_kb=%lld rss_kb=%lld\n",
	    l->nclients,
	    (double)(meter_rss_kb(&l->meter) - before) * 1024 / l->nclients,
	    (double)(meter_cpu_us(&l->meter) - l->start_cpu_us) * 100 /
	    (double)(meter_now_us() - l->start_us), l->pace_first,
	    l->pace_last, (long long)before,
	    (long long)meter_rss_kb(&l->meter));
	return 0;
}

static void
read_server(struct load *l, char *arg)
{
	struct ws_target *target = &l->targets[l->ntargets++];
	char *colon = strrchr(arg, ':');

	if (l->ntargets > SERVERS)
		die("too many servers", NULL);
	if (strncmp(arg, "unix:", 5) == 0) {
		target->path = arg + 5;
	} else if (colon != NULL) {
		*colon = '\0';
		target->host = arg;
		target->port = atoi(colon + 1);
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
		{ "join", required_argument, NULL, 'j' },
		{ "source", required_argument, NULL, 'S' },
		{ "first", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	const char *name = "/packtchat";
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
		case 'n': name = optarg; break;
		case 'j': l->by_request = strcmp(optarg, "request") == 0; break;
		case 'S': l->source = optarg; break;
		case 'f': l->first = (unsigned)atoi(optarg); break;
		default: exit(2);
		}
	}
	if (!good || optind + 1 != argc || l->meter.npids == 0 ||
	    l->secret == NULL || l->redis.path == NULL ||
	    l->nclients == 0 || l->inflight == 0 || l->ntargets == 0)
		die("usage: see the top of tests/bench/load.c", NULL);
	for (unsigned i = 0; i < l->ntargets; i++) {
		l->targets[i].namespace = name;
		l->targets[i].source = l->source;
	}
	l->mode = argv[optind];
	l->enters = !l->by_request && strcmp(l->mode, "handshake") != 0 &&
	    strcmp(l->mode, "ack") != 0;
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
		{ "listen", run_listen },
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
	struct load l = { .nclients = 100, .seconds = 3, .inflight = 1 };
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
	if (sessions_make(&l.sessions, l.first, l.nclients, &l.redis, l.secret,
	    &err) < 0)
		die("cannot make sessions", &err);
	status = run(&l);
	clean_up(&l);
	return status;
}
