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

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"
#include "base/url.h"
#include "redis/redis.h"
#include "session/signature.h"
#include "ws_client.h"

#define MAX_PIDS	16
#define MAX_SAMPLES	(1u << 20)
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
	long pids[MAX_PIDS];
	unsigned npids, nclients, inflight, rate;
	double seconds;

	/* what is under way */
	int epoll;
	struct client *clients;
	unsigned nopen;			/* of clients, opened at least once */
	unsigned ready, joined;
	char (*cookies)[160];
	bool running;
	uint64_t ops, deliveries, published;
	uint64_t lost, doubled;
	uint64_t *seen;			/* deliveries of a sequence, a ring */
	int64_t *published_us;		/* when, the same ring */
	uint32_t *samples;		/* latencies in microseconds */
	size_t nsamples;
};

#define RING	65536			/* sequences that may be under way */

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* CPU of the servers' processes so far, in microseconds. */
static int64_t
server_cpu_us(const struct load *l)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < l->npids; i++) {
		char path[64], line[1024], *p;
		unsigned long user = 0, sys = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%ld/stat", l->pids[i]);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fgets(line, sizeof(line), f) != NULL &&
		    (p = strrchr(line, ')')) != NULL)
			sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u "
			    "%*u %*u %lu %lu", &user, &sys);
		fclose(f);
		sum += (int64_t)(user + sys) * (1000000 / sysconf(_SC_CLK_TCK));
	}
	return sum;
}

static int64_t
server_rss_kb(const struct load *l)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < l->npids; i++) {
		char path[64], line[256];
		long kb;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%ld/status", l->pids[i]);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		while (fgets(line, sizeof(line), f) != NULL)
			if (sscanf(line, "VmRSS: %ld", &kb) == 1)
				sum += kb;
		fclose(f);
	}
	return sum;
}

static void
die(const char *what, const struct tn_err *err)
{
	fprintf(stderr, "load: %s%s%s\n", what, err != NULL ? ": " : "",
	    err != NULL ? err->text : "");
	exit(2);
}

/* Log in by writing the session's record, as the site would. */
static void
make_session(struct load *l, struct tn_redis *redis,
    const struct tn_signer *signer, unsigned i)
{
	char sid[33], key[48], record[320];
	struct tn_buf cookie;
	struct tn_slice argv[5];
	struct tn_reply *reply = NULL;
	struct tn_buf text;
	struct tn_err err = { 0 };
	int n;

	tn_random_text(sid, 32);
	snprintf(key, sizeof(key), "sess:%s", sid);
	n = snprintf(record, sizeof(record),
	    "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"httpOnly\":true,\"path\":\"/\"},\"isAuthenticated\":true,"
	    "\"user\":{\"id\":\"load%u\",\"displayName\":\"Load %u\","
	    "\"provider\":\"local\"}}", i, i);
	argv[0] = TN_SLICE("SET");
	argv[1] = tn_slice_str(key);
	argv[2] = tn_slice(record, (size_t)n);
	argv[3] = TN_SLICE("EX");
	argv[4] = TN_SLICE("3600");
	if (tn_redis_call(redis, argv, 5, &reply, &err) < 0)
		die("redis", &err);
	tn_reply_free(&reply);

	tn_buf_init(&text, 256);
	tn_buf_init(&cookie, sizeof(l->cookies[i]) - 1);
	tn_buf_str(&text, "s:");
	tn_sign(&text, signer, tn_slice(sid, 32));
	tn_buf_str(&cookie, "connect.sid=");
	tn_url_encode(&cookie, tn_buf_view(&text));
	tn_buf_char(&cookie, '\0');
	if (cookie.failed != 0)
		die("cookie too long", NULL);
	memcpy(l->cookies[i], cookie.ptr, cookie.len);
	tn_buf_fini(&cookie);
	tn_buf_fini(&text);
}

static void
make_sessions(struct load *l, unsigned n)
{
	struct tn_err err = { 0 };
	struct tn_slice secret = tn_slice_str(l->secret);
	struct tn_signer *signer = tn_signer_new(&secret, 1, &err);
	struct tn_redis *redis = tn_redis_new(&l->redis, 1, &err);

	l->cookies = calloc(n, sizeof(*l->cookies));
	if (signer == NULL || redis == NULL || l->cookies == NULL)
		die("cannot make sessions", &err);
	for (unsigned i = 0; i < n; i++)
		make_session(l, redis, signer, i);
	tn_redis_free(&redis);
	tn_signer_free(&signer);
}

static void
sample(struct load *l, int64_t us)
{
	if (l->nsamples < MAX_SAMPLES)
		l->samples[l->nsamples++] = (uint32_t)us;
}

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
	c->sent_us = now_us();
	send_f(c, "42%s,1[\"GetMe\"]", c->load->target.namespace);
}

/* The next message into the room, by any client; its text is its number. */
static void
publish(struct load *l)
{
	uint64_t seq = l->published++;
	struct client *c = &l->clients[seq % l->nclients];

	l->seen[seq % RING] = 0;
	l->published_us[seq % RING] = now_us();
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
	if (!take_seq(c, seq)) {
		l->doubled++;
		return;
	}
	if (++l->seen[seq % RING] != l->nclients)
		return;
	l->ops++;
	sample(l, now_us() - l->published_us[seq % RING]);
	if (l->running)
		publish(l);
}

static bool
contains(struct tn_slice s, const char *what)
{
	return memmem(s.ptr, s.len, what, strlen(what)) != NULL;
}

static void
on_packet(struct ws_client *ws, struct tn_slice packet)
{
	struct client *c = ws->user;
	struct load *l = c->load;

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
		sample(l, now_us() - c->sent_us);
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

	if (i >= l->nopen)
		l->nopen = i + 1;
	memset(c, 0, sizeof(*c));
	c->load = l;
	c->index = i;
	if (ws_client_open(&c->ws, &l->target, l->cookies[cookie]) < 0)
		die("cannot connect", NULL);
	c->ws.user = c;
	watch(l, c, EPOLL_CTL_ADD);
}

static void
wait_until(struct load *l, const unsigned *counter, unsigned goal,
    const char *what)
{
	int64_t deadline = now_us() + SETUP_MS * 1000LL;

	while (*counter < goal) {
		if (now_us() > deadline)
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

static int
compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double
percentile_ms(const struct load *l, double p)
{
	if (l->nsamples == 0)
		return 0;
	return l->samples[(size_t)((double)(l->nsamples - 1) * p)] / 1000.0;
}

static int
report(struct load *l, uint64_t ops, int64_t cpu_us, int64_t wall_us)
{
	qsort(l->samples, l->nsamples, sizeof(*l->samples), compare_u32);
	printf("mode=%s clients=%u inflight=%u ops=%llu per_second=%.0f "
	    "cpu_us_per_op=%.3f p50_ms=%.3f p99_ms=%.3f lost=%llu "
	    "doubled=%llu rss_kb=%lld\n", l->mode, l->nclients, l->inflight,
	    (unsigned long long)ops, (double)ops * 1e6 / (double)wall_us,
	    ops == 0 ? 0 : (double)cpu_us / (double)ops,
	    percentile_ms(l, 0.5), percentile_ms(l, 0.99),
	    (unsigned long long)l->lost, (unsigned long long)l->doubled,
	    (long long)server_rss_kb(l));
	return l->lost + l->doubled == 0 && ops > 0 ? 0 : 1;
}

/* --clients handshakes in all, --inflight at a time, each closed when ready. */
static int
run_handshake(struct load *l)
{
	unsigned width = l->inflight < l->nclients ? l->inflight : l->nclients;
	unsigned opened = 0, done = 0;
	int64_t cpu, start;

	l->clients = calloc(width, sizeof(*l->clients));
	if (l->clients == NULL)
		die("out of memory", NULL);
	cpu = server_cpu_us(l);
	start = now_us();
	for (; opened < width; opened++) {
		open_client(l, opened, opened);
		l->clients[opened].sent_us = now_us();
	}
	while (done < l->nclients) {
		if (now_us() - start > SETUP_MS * 1000LL)
			die("handshakes", NULL);
		turn(l, 100);
		for (unsigned i = 0; i < width; i++) {
			struct client *c = &l->clients[i];

			if (c->ws.state != WS_READY)
				continue;
			sample(l, now_us() - c->sent_us);
			done++;
			epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->ws.fd, NULL);
			ws_client_close(&c->ws);
			if (opened < l->nclients) {
				open_client(l, i, opened++);
				c->sent_us = now_us();
			}
		}
	}
	return report(l, done, server_cpu_us(l) - cpu, now_us() - start);
}

/* GetMe with an ack, flat out or at --rate a second over all clients. */
static int
run_ack(struct load *l)
{
	int64_t cpu, start, end;
	uint64_t asked = 0;

	open_all(l);
	l->running = true;
	cpu = server_cpu_us(l);
	start = now_us();
	end = start + (int64_t)(l->seconds * 1e6);
	for (unsigned i = 0; l->rate == 0 && i < l->nclients; i++)
		ask(&l->clients[i]);
	while (now_us() < end) {
		uint64_t due = (uint64_t)((double)(now_us() - start) *
		    l->rate / 1e6);

		for (; l->rate > 0 && asked < due; asked++) {
			struct client *c = &l->clients[asked % l->nclients];

			if (c->sent_us == 0)
				ask(c);
		}
		turn(l, 1);
	}
	l->running = false;
	return report(l, l->ops, server_cpu_us(l) - cpu, now_us() - start);
}

/* Messages into a room of all clients; an operation is one delivery. */
static int
run_fanout(struct load *l)
{
	int64_t cpu, start, end;

	l->seen = calloc(RING, sizeof(*l->seen));
	l->published_us = calloc(RING, sizeof(*l->published_us));
	if (l->seen == NULL || l->published_us == NULL)
		die("out of memory", NULL);
	open_all(l);
	wait_until(l, &l->joined, l->nclients, "joining the room");
	for (int i = 0; i < 20; i++)
		turn(l, 10);
	l->running = true;
	cpu = server_cpu_us(l);
	start = now_us();
	end = start + (int64_t)(l->seconds * 1e6);
	for (unsigned i = 0; i < l->inflight; i++)
		publish(l);
	while (now_us() < end)
		turn(l, 10);
	l->running = false;
	end = now_us() + PATIENCE_MS * 1000LL;
	while (l->ops < l->published && now_us() < end)
		turn(l, 10);
	for (unsigned i = 0; i < l->nclients; i++)
		while (l->clients[i].next_seq < l->published)
			move_on(&l->clients[i]);
	return report(l, l->deliveries, server_cpu_us(l) - cpu,
	    now_us() - start);
}

/* All clients in a room and silent: resident memory, and CPU a second. */
static int
run_idle(struct load *l)
{
	int64_t before = server_rss_kb(l), cpu, start, end;

	open_all(l);
	wait_until(l, &l->joined, l->nclients, "joining the room");
	l->running = true;
	cpu = server_cpu_us(l);
	start = now_us();
	end = start + (int64_t)(l->seconds * 1e6);
	while (now_us() < end)
		turn(l, 100);
	printf("mode=idle clients=%u bytes_per_socket=%.0f cpu_percent=%.2f "
	    "rss_kb=%lld\n", l->nclients,
	    (double)(server_rss_kb(l) - before) * 1024 / l->nclients,
	    (double)(server_cpu_us(l) - cpu) * 100 /
	    (double)(now_us() - start), (long long)server_rss_kb(l));
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

static void
read_pids(struct load *l, char *arg)
{
	for (char *p = strtok(arg, ","); p != NULL && l->npids < MAX_PIDS;
	    p = strtok(NULL, ","))
		l->pids[l->npids++] = atol(p);
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
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 's': read_server(l, optarg); break;
		case 'p': read_pids(l, optarg); break;
		case 'r': l->redis.path = optarg + 5; break;
		case 'k': l->secret = optarg; break;
		case 'c': l->nclients = (unsigned)atoi(optarg); break;
		case 't': l->seconds = atof(optarg); break;
		case 'i': l->inflight = (unsigned)atoi(optarg); break;
		case 'R': l->rate = (unsigned)atoi(optarg); break;
		case 'n': l->target.namespace = optarg; break;
		default: exit(2);
		}
	}
	if (optind + 1 != argc || l->npids == 0 || l->secret == NULL ||
	    l->redis.path == NULL || l->nclients == 0 || l->inflight == 0 ||
	    (l->target.path == NULL && l->target.host == NULL))
		die("usage: see the top of tests/bench/load.c", NULL);
	l->mode = argv[optind];
}

static void
close_all(struct load *l)
{
	for (unsigned i = 0; i < l->nopen; i++)
		if (l->clients[i].ws.state != WS_CLOSED)
			ws_client_close(&l->clients[i].ws);
	close(l->epoll);
	free(l->clients);
	free(l->cookies);
	free(l->samples);
	free(l->seen);
	free(l->published_us);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *mode;
		int (*run)(struct load *l);
	} modes[] = {
		{ "handshake", run_handshake }, { "ack", run_ack },
		{ "fanout", run_fanout }, { "idle", run_idle },
	};
	struct load l = { .nclients = 100, .seconds = 3, .inflight = 1,
	    .target.namespace = "/packtchat" };
	struct rlimit files = { 0 };
	struct tn_err err = { 0 };
	int status = -1;

	read_options(&l, argc, argv);
	if (tn_random_start(&err) < 0)
		die("random", &err);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.samples = calloc(MAX_SAMPLES, sizeof(*l.samples));
	if (l.epoll < 0 || l.samples == NULL)
		die("cannot start", NULL);
	make_sessions(&l, l.nclients);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(l.mode, modes[i].mode) == 0)
			status = modes[i].run(&l);
	if (status < 0)
		die("no such mode", NULL);
	close_all(&l);
	return status;
}
