/*
 * The load generator for HTTP: one request again and again over connections
 * that are kept, each answer checked, the server's CPU time from /proc.
 *
 *	http_load --server HOST:PORT --pid PID[,PID] --request FILE
 *	    [--connections N] [--seconds S] [--requests N] [--warmup N]
 *	    [--status CODE] [--marker TEXT]
 *	    [--sessions N --redis unix:PATH --secret TEXT]
 *
 * FILE is a whole request as it is sent; each @COOKIE@ in it becomes the
 * cookie of the next session, each @NUMBER@ the last three digits of the
 * request's number. An answer with another status, or that lacks the marker
 * (in its head or body), is wrong. Ends after --seconds, or after
 * --requests if they come first; the first --warmup are checked, but are
 * neither counted nor measured.
 *
 * It prints one line of key=value pairs. Exit status: 0 when all answers
 * were right, 1 when one was not, 2 on a wrong command or when the server
 * does not do its part in time.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"
#include "http_client.h"
#include "meter.h"
#include "redis/redis.h"
#include "sessions.h"

#define MAX_REQUEST	65536
#define PATIENCE_MS	10000		/* for an answer */
#define COOKIE		"@COOKIE@"
#define NUMBER		"@NUMBER@"

struct client {
	struct http_client http;
	int64_t sent_us;		/* 0: nothing is in flight */
};

struct load {
	/* what was asked for */
	struct http_target target;
	struct tn_redis_options redis;
	const char *secret, *marker;
	char request[MAX_REQUEST];
	size_t request_len;
	unsigned nclients, nsessions, requests, warmup;
	int status;
	double seconds;

	/* what is under way */
	int epoll;
	struct client *clients;
	struct sessions sessions;
	struct meter meter;
	struct tn_buf half, text;	/* the request being sent */
	uint64_t sent, answered, wrong, reopened, bytes;
	int64_t start_us, start_cpu_us, end_us;
};

static void
die(const char *what, const struct tn_err *err)
{
	fprintf(stderr, "http_load: %s%s%s\n", what, err != NULL ? ": " : "",
	    err != NULL ? err->text : "");
	exit(2);
}

/* ---- One request --------------------------------------------------------- */

/* Put with in the place of each name. */
static void
fill(struct tn_buf *out, struct tn_slice rest, const char *name,
    const char *with)
{
	const char *at;

	while ((at = memmem(rest.ptr, rest.len, name, strlen(name))) != NULL) {
		size_t before = (size_t)(at - rest.ptr);

		tn_buf_slice(out, tn_slice_first(rest, before));
		tn_buf_str(out, with);
		rest = tn_slice_after(rest, before + strlen(name));
	}
	tn_buf_slice(out, rest);
}

/* The request, with what changes filled in. */
static struct tn_slice
next_request(struct load *l)
{
	const char *cookie = l->nsessions == 0 ? "" :
	    l->sessions.cookies[l->sent % l->nsessions];
	char number[8];
	struct tn_slice view;

	snprintf(number, sizeof(number), "%03u", (unsigned)(l->sent % 1000));
	tn_buf_reset(&l->half);
	tn_buf_reset(&l->text);
	fill(&l->half, tn_slice(l->request, l->request_len), NUMBER, number);
	fill(&l->text, tn_buf_view(&l->half), COOKIE, cookie);
	if (l->half.failed != 0 || tn_buf_finish(&l->text, &view, NULL) < 0)
		die("the request is too long", NULL);
	return view;
}

static void
open_client(struct load *l, struct client *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (!http_client_open(&c->http, &l->target))
		die("cannot connect", NULL);
	epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->http.fd, &ev);
}

static void
ask(struct load *l, struct client *c)
{
	if (l->requests > 0 && l->sent == l->warmup + l->requests)
		return;
	c->sent_us = meter_now_us();
	if (!http_client_send(&c->http, next_request(l)))
		die("the server takes no requests", NULL);
	l->sent++;
}

/* From here on it counts: after the warm-up. */
static void
begin(struct load *l)
{
	l->start_cpu_us = meter_cpu_us(&l->meter);
	l->start_us = meter_now_us();
	l->end_us = l->start_us + (int64_t)(l->seconds * 1e6);
}

/* The right status and text, asked for, and nothing behind it. */
static bool
is_right(const struct load *l, const struct client *c,
    const struct http_answer *a)
{
	return c->sent_us != 0 && c->http.in.len == a->text.len &&
	    a->status == l->status &&
	    (l->marker == NULL || memmem(a->text.ptr, a->text.len, l->marker,
	    strlen(l->marker)) != NULL);
}

static void
on_answer(struct load *l, struct client *c, const struct http_answer *a)
{
	if (!is_right(l, c, a))
		l->wrong++;
	if (c->sent_us == 0)
		return;
	l->answered++;
	if (l->answered > l->warmup) {
		meter_sample(&l->meter, meter_now_us() - c->sent_us);
		l->bytes = a->body_bytes;
	}
	if (l->answered == l->warmup)
		begin(l);
	c->sent_us = 0;
}

/* ---- All of them --------------------------------------------------------- */

/* A server may close a kept connection between two answers, not within. */
static void
on_ready(struct load *l, struct client *c)
{
	struct http_answer answer;
	int n = http_client_read(&c->http, &answer);

	if (n < 0 && c->sent_us != 0)
		die("an answer was cut short, or is none", NULL);
	if (n == 0)
		return;
	if (n > 0)
		on_answer(l, c, &answer);
	if (n < 0 || answer.closes) {
		http_client_close(&c->http);	/* epoll forgets it */
		open_client(l, c);
		l->reopened++;
	} else {
		http_client_next(&c->http, &answer);
	}
	if (n > 0)
		ask(l, c);
}

static void
check_patience(const struct load *l)
{
	int64_t since = meter_now_us() - PATIENCE_MS * 1000LL;

	for (unsigned i = 0; i < l->nclients; i++)
		if (l->clients[i].sent_us != 0 &&
		    l->clients[i].sent_us < since)
			die("an answer does not come", NULL);
}

static bool
is_over(const struct load *l)
{
	if (l->requests > 0 && l->answered == l->warmup + l->requests)
		return true;
	return l->end_us != 0 && meter_now_us() >= l->end_us;
}

static void
run(struct load *l)
{
	struct epoll_event evs[256];

	l->clients = calloc(l->nclients, sizeof(*l->clients));
	if (l->clients == NULL)
		die("out of memory", NULL);
	if (l->warmup == 0)
		begin(l);
	for (unsigned i = 0; i < l->nclients; i++) {
		open_client(l, &l->clients[i]);
		ask(l, &l->clients[i]);
	}
	while (!is_over(l)) {
		int n = epoll_wait(l->epoll, evs, 256, 100);

		for (int i = 0; i < n; i++)
			on_ready(l, evs[i].data.ptr);
		check_patience(l);
	}
}

static int
report(struct load *l)
{
	int64_t cpu_us = meter_cpu_us(&l->meter) - l->start_cpu_us;
	int64_t wall_us = meter_now_us() - l->start_us;
	uint64_t ops = l->answered - l->warmup;

	printf("mode=http clients=%u ops=%llu per_second=%.0f "
	    "cpu_us_per_op=%.3f p50_ms=%.3f p99_ms=%.3f wrong=%llu "
	    "reopened=%llu body_bytes=%llu rss_kb=%lld\n", l->nclients,
	    (unsigned long long)ops, (double)ops * 1e6 / (double)wall_us,
	    ops == 0 ? 0 : (double)cpu_us / (double)ops,
	    meter_percentile_ms(&l->meter, 0.5),
	    meter_percentile_ms(&l->meter, 0.99),
	    (unsigned long long)l->wrong, (unsigned long long)l->reopened,
	    (unsigned long long)l->bytes,
	    (long long)meter_rss_kb(&l->meter));
	return l->wrong == 0 && ops > 0 ? 0 : 1;
}

/* ---- The command line ---------------------------------------------------- */

static bool
read_server(struct load *l, char *arg)
{
	char *colon = strrchr(arg, ':');

	if (colon == NULL)
		return false;
	*colon = '\0';
	l->target.host = arg;
	l->target.port = atoi(colon + 1);
	return true;
}

static bool
read_request(struct load *l, const char *path)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		die(path, &(struct tn_err){ .text = "cannot be read" });
	l->request_len = fread(l->request, 1, sizeof(l->request), f);
	fclose(f);
	return l->request_len > 0 && l->request_len < sizeof(l->request);
}

static bool
read_redis(struct load *l, const char *arg)
{
	if (strncmp(arg, "unix:", 5) != 0)
		return false;
	l->redis.path = arg + 5;
	return true;
}

static bool
take_option(struct load *l, int option, char *arg)
{
	switch (option) {
	case 's': return read_server(l, arg);
	case 'p': return meter_read_pids(&l->meter, arg);
	case 'q': return read_request(l, arg);
	case 'r': return read_redis(l, arg);
	case 'k': l->secret = arg; return true;
	case 'm': l->marker = arg; return true;
	case 'c': l->nclients = (unsigned)atoi(arg); return true;
	case 't': l->seconds = atof(arg); return true;
	case 'n': l->requests = (unsigned)atoi(arg); return true;
	case 'w': l->warmup = (unsigned)atoi(arg); return true;
	case 'S': l->status = atoi(arg); return true;
	case 'i': l->nsessions = (unsigned)atoi(arg); return true;
	default: return false;
	}
}

static void
read_options(struct load *l, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "server", required_argument, NULL, 's' },
		{ "pid", required_argument, NULL, 'p' },
		{ "request", required_argument, NULL, 'q' },
		{ "redis", required_argument, NULL, 'r' },
		{ "secret", required_argument, NULL, 'k' },
		{ "marker", required_argument, NULL, 'm' },
		{ "connections", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 't' },
		{ "requests", required_argument, NULL, 'n' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "status", required_argument, NULL, 'S' },
		{ "sessions", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int o;

	while (good && (o = getopt_long(argc, argv, "", longs, NULL)) != -1)
		good = take_option(l, o, optarg);
	if (!good || optind != argc || l->target.host == NULL ||
	    l->meter.npids == 0 || l->request_len == 0 || l->nclients == 0 ||
	    (l->nsessions > 0 && (l->redis.path == NULL || l->secret == NULL)))
		die("usage: see the top of tests/bench/http_load.c", NULL);
}

static void
clean_up(struct load *l)
{
	for (unsigned i = 0; i < l->nclients; i++)
		http_client_close(&l->clients[i].http);
	free(l->clients);
	tn_buf_fini(&l->half);
	tn_buf_fini(&l->text);
	sessions_fini(&l->sessions);
	meter_fini(&l->meter);
}

int
main(int argc, char **argv)
{
	struct load l = { .nclients = 16, .seconds = 3, .status = 200 };
	struct tn_err err = { 0 };
	int status;

	if (!meter_init(&l.meter) || tn_random_start(&err) < 0)
		die("cannot start", &err);
	read_options(&l, argc, argv);
	tn_buf_init(&l.half, 2 * MAX_REQUEST);
	tn_buf_init(&l.text, 2 * MAX_REQUEST);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l.epoll < 0)
		die("cannot start", NULL);
	if (l.nsessions > 0 && sessions_make(&l.sessions, 0, l.nsessions,
	    &l.redis, l.secret, &err) < 0)
		die("cannot make sessions", &err);
	run(&l);
	status = report(&l);
	clean_up(&l);
	return status;
}
