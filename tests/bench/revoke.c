/*
 * How soon a session that ends, ends everywhere: opens sockets of sessions on
 * several workers, ends some of the sessions by redis-cli within a second,
 * and takes the time from each DEL to the close of each socket on the wire.
 * What redis-cli itself needs is in it.
 *
 *	revoke --server unix:PATH [--server ...] --redis unix:PATH
 *	    --secret TEXT [--sockets N] [--sessions N] [--end N] [--cut]
 *	    [--limit MS]
 *
 * --cut closes the workers' tracking connections meanwhile, twice. It prints
 * one line of key=value pairs. Exit status: 0 when exactly the sockets of
 * the sessions that were ended were closed, 99 of 100 within the limit; 1
 * when not; 2 on a wrong command or when the servers do not do their part.
 */
#include "config.h"

#include <getopt.h>
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
#include "ws_client.h"

#define SERVERS		8
#define IN_FLIGHT	64		/* handshakes at once */
#define SETUP_MS	120000		/* to have all sockets ready */
#define PATIENCE_MS	40000		/* for the last close */
#define SPREAD_US	1000000		/* in which the sessions end */

struct client {
	struct ws_client ws;
	struct revoke *revoke;
	unsigned session;
};

struct revoke {
	/* what was asked for */
	struct ws_target targets[SERVERS];
	unsigned ntargets, nsockets, nsessions, nends;
	struct tn_redis_options redis;
	const char *secret;
	bool cut;
	double limit_ms;

	/* what is under way */
	int epoll;
	struct client *clients;
	int64_t *ended_us;		/* by session; 0: lives */
	struct sessions sessions;
	struct meter meter;
	FILE *cli;
	struct tn_redis *killer;
	unsigned ready, closed, wrong;
};

static void
die(const char *what, const struct tn_err *err)
{
	fprintf(stderr, "revoke: %s%s%s\n", what, err != NULL ? ": " : "",
	    err != NULL ? err->text : "");
	exit(2);
}

static void
on_packet(struct ws_client *ws, struct tn_slice packet)
{
	struct client *c = ws->user;

	if (packet.len > 0 && packet.ptr[0] == '0')
		c->revoke->ready++;
	else if (packet.len > 0 && packet.ptr[0] == '4')
		die("a server refused a client", NULL);
}

static void
on_closed(struct client *c)
{
	struct revoke *r = c->revoke;
	int64_t ended = r->ended_us[c->session];

	epoll_ctl(r->epoll, EPOLL_CTL_DEL, c->ws.fd, NULL);
	ws_client_close(&c->ws);
	if (ended == 0) {
		r->wrong++;
		return;
	}
	r->closed++;
	meter_sample(&r->meter, meter_now_us() - ended);
}

static void
turn(struct revoke *r, int wait_ms)
{
	struct epoll_event evs[256];
	int n = epoll_wait(r->epoll, evs, 256, wait_ms);

	for (int i = 0; i < n; i++) {
		struct client *c = evs[i].data.ptr;

		if (c->ws.state != WS_CLOSED &&
		    (!ws_client_read(&c->ws, &r->targets[0], on_packet) ||
		    !ws_client_flush(&c->ws)))
			on_closed(c);
	}
}

static void
open_client(struct revoke *r, unsigned i)
{
	struct client *c = &r->clients[i];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->revoke = r;
	c->session = i % r->nsessions;
	if (ws_client_open(&c->ws, &r->targets[i % r->ntargets],
	    r->sessions.cookies[c->session]) < 0)
		die("cannot connect", NULL);
	c->ws.user = c;
	epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->ws.fd, &ev);
}

static void
open_all(struct revoke *r)
{
	int64_t deadline = meter_now_us() + SETUP_MS * 1000LL;

	for (unsigned i = 0; i < r->nsockets; i++) {
		open_client(r, i);
		while (i + 1 - r->ready >= IN_FLIGHT ||
		    (i + 1 == r->nsockets && r->ready < r->nsockets)) {
			if (meter_now_us() > deadline)
				die("handshakes", NULL);
			turn(r, 100);
		}
	}
}

/* The id in "connect.sid=s%3A<id>.<signature>". */
static struct tn_slice
sid_of(const struct revoke *r, unsigned session)
{
	const char *cookie = r->sessions.cookies[session];
	struct tn_slice rest = tn_slice_after(tn_slice_str(cookie),
	    strlen("connect.sid=s%3A"));

	return tn_slice_cut(&rest, '.');
}

static void
end_session(struct revoke *r, unsigned session)
{
	r->ended_us[session] = meter_now_us();
	fprintf(r->cli, "DEL sess:%.*s\n", TN_SLICE_ARG(sid_of(r, session)));
	fflush(r->cli);
}

/* The connections on which the workers hear of changes. */
static void
cut_tracking(struct revoke *r)
{
	struct tn_reply *reply = NULL;
	struct tn_err err;

	if (tn_redis_call(r->killer, (struct tn_slice[]){ TN_SLICE("CLIENT"),
	    TN_SLICE("KILL"), TN_SLICE("TYPE"), TN_SLICE("pubsub") }, 4,
	    &reply, &err) < 0)
		die("cannot cut", &err);
	tn_reply_free(&reply);
}

static unsigned
count_ended(const struct revoke *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->nsockets; i++)
		n += r->ended_us[r->clients[i].session] != 0;
	return n;
}

/* Every fourth session or so, evenly over the second. */
static void
end_some(struct revoke *r)
{
	int64_t start = meter_now_us();

	for (unsigned k = 0; k < r->nends;) {
		int64_t due = start + (int64_t)SPREAD_US * k / r->nends;

		if (meter_now_us() < due) {
			turn(r, 1);
			continue;
		}
		end_session(r, (unsigned)((uint64_t)k * r->nsessions /
		    r->nends));
		k++;
		if (r->cut && (k == r->nends / 4 || k == r->nends / 2))
			cut_tracking(r);
		turn(r, 0);
	}
}

static int
run(struct revoke *r)
{
	unsigned wanted;
	int64_t end;
	double p99;
	bool good;

	open_all(r);
	end_some(r);
	wanted = count_ended(r);
	end = meter_now_us() + PATIENCE_MS * 1000LL;
	while (r->closed < wanted && meter_now_us() < end)
		turn(r, 10);
	for (int i = 0; i < 20; i++)
		turn(r, 10);		/* who is closed that should not be? */
	p99 = meter_percentile_ms(&r->meter, 0.99);
	good = r->closed == wanted && r->wrong == 0 && p99 <= r->limit_ms;
	printf("sockets=%u sessions=%u ended=%u closed=%u of=%u wrong=%u "
	    "p50_ms=%.2f p99_ms=%.2f max_ms=%.2f\n", r->nsockets,
	    r->nsessions, r->nends, r->closed, wanted, r->wrong,
	    meter_percentile_ms(&r->meter, 0.5), p99,
	    meter_percentile_ms(&r->meter, 1));
	return good ? 0 : 1;
}

static bool
read_unix(const char *arg, const char **path)
{
	*path = arg + 5;
	return strncmp(arg, "unix:", 5) == 0;
}

static bool
read_server(struct revoke *r, const char *arg)
{
	struct ws_target *target = &r->targets[r->ntargets];

	if (r->ntargets == SERVERS)
		return false;
	r->ntargets++;
	target->namespace = "/packtchat";
	return read_unix(arg, &target->path);
}

static void
read_options(struct revoke *r, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "server", required_argument, NULL, 's' },
		{ "redis", required_argument, NULL, 'r' },
		{ "secret", required_argument, NULL, 'k' },
		{ "sockets", required_argument, NULL, 'n' },
		{ "sessions", required_argument, NULL, 'm' },
		{ "end", required_argument, NULL, 'e' },
		{ "limit", required_argument, NULL, 'l' },
		{ "cut", no_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int o;

	while (good && (o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 's': good = read_server(r, optarg); break;
		case 'r': good = read_unix(optarg, &r->redis.path); break;
		case 'k': r->secret = optarg; break;
		case 'n': r->nsockets = (unsigned)atoi(optarg); break;
		case 'm': r->nsessions = (unsigned)atoi(optarg); break;
		case 'e': r->nends = (unsigned)atoi(optarg); break;
		case 'l': r->limit_ms = atof(optarg); break;
		case 'c': r->cut = true; break;
		default: exit(2);
		}
	}
	if (!good || optind != argc || r->ntargets == 0 ||
	    r->redis.path == NULL || r->secret == NULL || r->nsockets == 0 ||
	    r->nsessions == 0 || r->nends == 0 || r->nends > r->nsessions)
		die("usage: see the top of tests/bench/revoke.c", NULL);
}

static void
prepare(struct revoke *r)
{
	struct rlimit files = { 0 };
	struct tn_err err = { 0 };
	char command[256];

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->clients = calloc(r->nsockets, sizeof(*r->clients));
	r->ended_us = calloc(r->nsessions, sizeof(*r->ended_us));
	r->killer = tn_redis_new(&r->redis, 1, &err);
	snprintf(command, sizeof(command), "redis-cli -s '%s' >/dev/null",
	    r->redis.path);
	r->cli = popen(command, "w");
	if (r->epoll < 0 || r->clients == NULL || r->ended_us == NULL ||
	    r->killer == NULL || r->cli == NULL)
		die("cannot start", &err);
	if (sessions_make(&r->sessions, 0, r->nsessions, &r->redis,
	    r->secret, &err) < 0)
		die("cannot make sessions", &err);
}

static void
clean_up(struct revoke *r)
{
	for (unsigned i = 0; i < r->nsockets; i++)
		if (r->clients[i].revoke != NULL)
			ws_client_close(&r->clients[i].ws);
	pclose(r->cli);
	close(r->epoll);
	free(r->clients);
	free(r->ended_us);
	tn_redis_free(&r->killer);
	sessions_fini(&r->sessions);
	meter_fini(&r->meter);
}

int
main(int argc, char **argv)
{
	struct revoke r = { .nsockets = 10000, .nsessions = 2000,
	    .nends = 500, .limit_ms = 50 };
	struct tn_err err = { 0 };
	int status;

	if (!meter_init(&r.meter) || tn_random_start(&err) < 0)
		die("cannot start", &err);
	read_options(&r, argc, argv);
	prepare(&r);
	status = run(&r);
	clean_up(&r);
	return status;
}
