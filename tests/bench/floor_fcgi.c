/*
 * The floor under a FastCGI program: epoll, kept connections, records taken
 * apart by hand, an answer that is ready to be sent.
 *
 *	floor_fcgi --listen HOST:PORT|unix:PATH [--bytes N]
 *	    [--get KEY [--set KEY] --redis PATH] [--ops N --memory BYTES]
 *
 * --get asks Redis for that key in each request, over one connection, and
 * waits; --ops and --memory then verify a password's Argon2id hash, in a
 * helper thread, for who hashes in the loop lets all others wait; --set puts
 * as much as a session under that key before it answers, and waits again. The
 * page is one line that is repeated to N bytes. No routes, no headers are read, and a
 * web server is trusted to send what is well-formed.
 */
#include "config.h"

#include "floor.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define INPUT		65536	/* of a connection: more than a request here */
#define MAX_PAGE	60000	/* one record */
#define EVENTS		64
#define HEAD		8	/* bytes of a record's */
#define PASSWORD	"correct horse battery"
#define RECORD		300	/* bytes that are set, as a session has */

enum {			/* FastCGI specification, 8 */
	BEGIN_REQUEST = 1,
	END_REQUEST = 3,
	STDIN = 5,
	STDOUT = 6,
	KEEP_CONN = 1,
};

struct conn {
	struct conn *next;	/* in one of the helper's lists */
	int fd;
	unsigned id;		/* of its request */
	bool keep, waits;
	bool is_hashing;	/* then the loop does not look at it */
	struct floor_rest out;
	size_t len;
	unsigned char in[INPUT];
};

struct helper {
	pthread_mutex_t lock;	/* of the lists */
	pthread_cond_t work;
	struct conn *todo, *done;
	int told;		/* eventfd: something is done */
};

struct server {
	int epoll, listener, redis;
	size_t bytes;
	const char *get_key, *set_key, *redis_path;
	unsigned long long ops;
	size_t memory;
	char hash[crypto_pwhash_STRBYTES];
	char get[512], set[1024];
	int get_len, set_len;
	unsigned char *answer;		/* STDOUT and END_REQUEST */
	size_t answer_len, end_at;
	struct helper helper;
};

/* ---- What is ready before the first request ------------------------------ */

static unsigned char *
record(unsigned char *p, unsigned type, size_t len)
{
	memset(p, 0, HEAD);
	p[0] = 1;
	p[1] = (unsigned char)type;
	p[4] = (unsigned char)(len >> 8);
	p[5] = (unsigned char)len;
	return p + HEAD;
}

static void
make_answer(struct server *s)
{
	static const char line[] = "<p>The floor stands below this page.</p>\n";
	char head[128];
	int n = snprintf(head, sizeof(head), "Content-Type: text/html\r\n"
	    "Content-Length: %zu\r\n\r\n", s->bytes);
	size_t text = (size_t)n + s->bytes;
	unsigned char *p;

	s->answer_len = HEAD + text + HEAD + 8;
	p = s->answer = calloc(1, s->answer_len);
	if (p == NULL)
		floor_die("out of memory");
	p = record(p, STDOUT, text);
	memcpy(p, head, (size_t)n);
	for (size_t i = 0; i < s->bytes; i++)
		p[(size_t)n + i] = (unsigned char)line[i % (sizeof(line) - 1)];
	p = record(p + text, END_REQUEST, 8);	/* its body is zeros: done */
	s->end_at = (size_t)(p - HEAD - s->answer);
}

static void
dial_redis(struct server *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(s->redis_path) >= sizeof(addr.sun_path) ||
	    strlen(s->get_key) > 400 || strlen(s->set_key) > 400)
		floor_die("--redis wants a path, --get and --set a key");
	strcpy(addr.sun_path, s->redis_path);
	s->redis = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(s->redis, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		floor_die("no Redis there");
	s->get_len = snprintf(s->get, sizeof(s->get),
	    "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n", strlen(s->get_key),
	    s->get_key);
	s->set_len = snprintf(s->set, sizeof(s->set),
	    "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%d\r\n%0*d\r\n",
	    strlen(s->set_key), s->set_key, RECORD, RECORD, 0);
}

static void
make_hash(struct server *s)
{
	if (sodium_init() < 0 || crypto_pwhash_str_alg(s->hash, PASSWORD,
	    strlen(PASSWORD), s->ops, s->memory,
	    crypto_pwhash_ALG_ARGON2ID13) != 0)
		floor_die("no hash at this cost");
}

/* ---- A request ----------------------------------------------------------- */

/* Is the reply whole? "+OK\r\n", "$5\r\nhello\r\n", or "$-1\r\n". */
static bool
is_whole(const char *reply, size_t len)
{
	const char *end = memchr(reply, '\n', len);
	long n;

	if (end == NULL || *reply == '+')
		return end != NULL;
	n = strtol(reply + 1, NULL, 10);
	return n < 0 || len >= (size_t)(end + 1 - reply) + (size_t)n + 2;
}

static void
ask_redis(struct server *s, const char *command, int command_len)
{
	char reply[8192];
	size_t len = 0;

	if (send(s->redis, command, (size_t)command_len, MSG_NOSIGNAL) !=
	    command_len)
		floor_die("Redis is gone");
	while (!is_whole(reply, len)) {
		ssize_t n = recv(s->redis, reply + len,
		    sizeof(reply) - 1 - len, 0);

		if (n <= 0)
			floor_die("Redis is gone, or its value is too long");
		len += (size_t)n;
		reply[len] = '\0';
		if (reply[0] != '$' && reply[0] != '+')
			floor_die("Redis refuses, or has something else there");
	}
}

static bool
respond(struct server *s, struct conn *c)
{
	if (s->set_key[0] != '\0')
		ask_redis(s, s->set, s->set_len);
	s->answer[2] = s->answer[s->end_at + 2] = (unsigned char)(c->id >> 8);
	s->answer[3] = s->answer[s->end_at + 3] = (unsigned char)c->id;
	return floor_send(c->fd, &c->out, s->answer, s->answer_len) && c->keep;
}

static void
to_helper(struct server *s, struct conn *c)
{
	struct helper *h = &s->helper;

	c->is_hashing = true;
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	pthread_mutex_lock(&h->lock);
	c->next = h->todo;
	h->todo = c;
	pthread_cond_signal(&h->work);
	pthread_mutex_unlock(&h->lock);
}

static bool
answer(struct server *s, struct conn *c)
{
	if (s->get_key != NULL)
		ask_redis(s, s->get, s->get_len);
	if (s->ops == 0)
		return respond(s, c);
	to_helper(s, c);
	return true;
}

/* A request ends with its empty STDIN record; parameters are passed over. */
static bool
take_records(struct server *s, struct conn *c)
{
	size_t at = 0;
	bool go_on = true;

	while (go_on && !c->is_hashing && at + HEAD <= c->len) {
		const unsigned char *p = c->in + at;
		size_t len = (size_t)p[4] << 8 | p[5];
		size_t whole = HEAD + len + p[6];

		if (at + whole > c->len)
			break;
		if (p[1] == BEGIN_REQUEST && len >= 3)
			c->keep = (p[HEAD + 2] & KEEP_CONN) != 0;
		c->id = (unsigned)p[2] << 8 | p[3];
		if (p[1] == STDIN && len == 0)
			go_on = answer(s, c);
		at += whole;
	}
	c->len -= at;
	memmove(c->in, c->in + at, c->len);
	return go_on && c->len < INPUT;
}

/* ---- The helper ---------------------------------------------------------- */

static void *
hash_on(void *arg)
{
	struct server *s = arg;
	struct helper *h = &s->helper;
	uint64_t one = 1;
	struct conn *c;

	for (;;) {
		pthread_mutex_lock(&h->lock);
		while ((c = h->todo) == NULL)
			pthread_cond_wait(&h->work, &h->lock);
		h->todo = c->next;
		pthread_mutex_unlock(&h->lock);
		if (crypto_pwhash_str_verify(s->hash, PASSWORD,
		    strlen(PASSWORD)) != 0)
			floor_die("the hash is not this password's");
		pthread_mutex_lock(&h->lock);
		c->next = h->done;
		h->done = c;
		pthread_mutex_unlock(&h->lock);
		if (write(h->told, &one, sizeof(one)) < 0)
			floor_die("no word from the helper");
	}
}

static void
start_helper(struct server *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &s->helper };
	pthread_t thread;

	pthread_mutex_init(&s->helper.lock, NULL);
	pthread_cond_init(&s->helper.work, NULL);
	s->helper.told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->helper.told < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->helper.told, &ev) < 0 ||
	    pthread_create(&thread, NULL, hash_on, s) != 0)
		floor_die("no helper");
}

/* ---- The loop ------------------------------------------------------------ */

static bool
on_ready(struct server *s, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	ssize_t n;

	if (c->waits && !floor_send(c->fd, &c->out, NULL, 0))
		return false;
	n = recv(c->fd, c->in + c->len, INPUT - c->len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return false;
	if (n > 0) {
		c->len += (size_t)n;
		if (!take_records(s, c))
			return false;
	}
	if (!c->is_hashing && c->waits != (c->out.len > 0)) {
		c->waits = c->out.len > 0;
		ev.events |= c->waits ? EPOLLOUT : 0u;
		epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &ev);
	}
	return true;
}

static void
drop(struct conn *c)
{
	close(c->fd);
	free(c->out.ptr);
	free(c);
}

/* Answered, and back into epoll for its next request. */
static bool
on_hashed(struct server *s, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->is_hashing = false;
	if (!respond(s, c))
		return false;
	c->waits = c->out.len > 0;
	ev.events |= c->waits ? EPOLLOUT : 0u;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &ev) == 0 &&
	    take_records(s, c);
}

static void
on_helper(struct server *s)
{
	struct conn *c, *next;
	uint64_t count;

	if (read(s->helper.told, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&s->helper.lock);
	c = s->helper.done;
	s->helper.done = NULL;
	pthread_mutex_unlock(&s->helper.lock);
	for (; c != NULL; c = next) {
		next = c->next;
		if (!on_hashed(s, c))
			drop(c);
	}
}

static void
on_arrival(struct server *s)
{
	int fd;

	while ((fd = floor_accept(s->listener)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		if (c == NULL)
			floor_die("out of memory");
		c->fd = fd;
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
		else if (evs[i].data.ptr == &s->helper)
			on_helper(s);
		else if (!on_ready(s, c))
			drop(c);
	}
}

static void
read_options(struct server *s, const char **where, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "get", required_argument, NULL, 'g' },
		{ "set", required_argument, NULL, 's' },
		{ "redis", required_argument, NULL, 'r' },
		{ "ops", required_argument, NULL, 'o' },
		{ "memory", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 'l': *where = optarg; break;
		case 'b': s->bytes = strtoul(optarg, NULL, 10); break;
		case 'g': s->get_key = optarg; break;
		case 's': s->set_key = optarg; break;
		case 'r': s->redis_path = optarg; break;
		case 'o': s->ops = strtoull(optarg, NULL, 10); break;
		case 'm': s->memory = strtoul(optarg, NULL, 10); break;
		default: exit(2);
		}
	}
	if (s->bytes > MAX_PAGE)
		floor_die("--bytes is too much for one record");
	if ((s->get_key == NULL) != (s->redis_path == NULL) ||
	    (s->get_key == NULL && s->set_key[0] != '\0'))
		floor_die("--get and --redis go together, --set with both");
}

int
main(int argc, char **argv)
{
	struct server s = { .bytes = 12, .set_key = "" };
	struct epoll_event ev = { .events = EPOLLIN };
	const char *where = "";

	read_options(&s, &where, argc, argv);
	make_answer(&s);
	if (s.get_key != NULL)
		dial_redis(&s);
	if (s.ops > 0)
		make_hash(&s);
	floor_start();
	s.listener = floor_listen(where);
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s.epoll < 0 ||
	    epoll_ctl(s.epoll, EPOLL_CTL_ADD, s.listener, &ev) < 0)
		floor_die("no epoll");
	if (s.ops > 0)
		start_helper(&s);
	for (;;)
		turn(&s);
}
