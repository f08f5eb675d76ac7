#include "config.h"

#include "web/harness.h"

#include <stdio.h>

#include "base/list.h"

enum {
	MAX_WORDS = TN_LIMIT_HEADER_COUNT + 16,
	MAX_ANSWER = 64 << 20,
};

static int
take_bytes(struct tn_sink *sink, struct tn_slice bytes)
{
	struct tn_harness *h = TN_CONTAINER(sink, struct tn_harness, sink);

	if (++h->writes == h->fail_write)
		return TN_E_IO;
	tn_buf_slice(&h->raw, bytes);
	return h->raw.failed;
}

/* In small pieces, so that nobody relies on one read giving all. */
static int64_t
give_bytes(struct tn_body *body, char *to, size_t cap, struct tn_err *err)
{
	struct tn_harness *h = TN_CONTAINER(body, struct tn_harness, reader);
	struct tn_slice piece = tn_slice_first(h->to_read,
	    cap < 1000 ? cap : 1000);

	(void)err;
	if (piece.len > 0)
		memcpy(to, piece.ptr, piece.len);
	h->to_read = tn_slice_after(h->to_read, piece.len);
	return (int64_t)piece.len;
}

void
tn_harness_init(struct tn_harness *h, struct tn_app *app)
{
	*h = (struct tn_harness){
		.app = app, .sink = { .write = take_bytes },
		.reader = { .read = give_bytes },
	};
	tn_exchange_init(&h->exchange, 0);
	tn_arena_init(&h->words, 4 * TN_LIMIT_HEADER_BYTES);
	tn_buf_init(&h->raw, MAX_ANSWER);
}

void
tn_harness_fini(struct tn_harness *h)
{
	tn_exchange_fini(&h->exchange);
	tn_arena_fini(&h->words);
	tn_buf_fini(&h->raw);
}

/* "user-agent" as "HTTP_USER_AGENT"; content-type and -length stand bare. */
static char *
cgi_word(struct tn_arena *a, struct tn_slice name, struct tn_slice value)
{
	bool bare = tn_slice_ieq(name, TN_SLICE("content-type")) ||
	    tn_slice_ieq(name, TN_SLICE("content-length"));
	char *word = (char *)tn_arena_printf(a, "%s%.*s=%.*s",
	    bare ? "" : "HTTP_", TN_SLICE_ARG(name), TN_SLICE_ARG(value)).ptr;

	for (char *c = word; c != NULL && *c != '='; c++) {
		if (*c == '-')
			*c = '_';
		else if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
	return word;
}

static char *
server_word(struct tn_arena *a, const char *name, const char *value)
{
	return (char *)tn_arena_printf(a, "%s=%s", name, value).ptr;
}

struct envp {
	char *words[MAX_WORDS + 1];
	size_t n;
	bool has_host, has_type, has_cookie;
};

static void
add(struct envp *envp, char *word)
{
	if (word != NULL && envp->n < MAX_WORDS)
		envp->words[envp->n++] = word;
}

static void
add_headers(struct tn_harness *h, struct envp *envp, const char *headers)
{
	struct tn_slice rest = tn_slice_str(headers);

	while (rest.len > 0) {
		struct tn_slice line = tn_slice_cut(&rest, '\n');
		struct tn_slice name, value;

		if (!tn_slice_split(line, ':', &name, &value))
			continue;
		envp->has_host |= tn_slice_ieq(name, TN_SLICE("host"));
		envp->has_cookie |= tn_slice_ieq(name, TN_SLICE("cookie"));
		envp->has_type |=
		    tn_slice_ieq(name, TN_SLICE("content-type"));
		add(envp, cgi_word(&h->words, name, value));
	}
}

static void
make_words(struct tn_harness *h, struct envp *envp, const char *method,
    const char *target, const char *headers)
{
	struct tn_arena *a = &h->words;

	tn_arena_reset(a);
	add(envp, server_word(a, "REQUEST_METHOD", method));
	add(envp, server_word(a, "REQUEST_URI", target));
	add(envp, server_word(a, "REMOTE_ADDR", "127.0.0.1"));
	add_headers(h, envp, headers);
	if (!envp->has_host)
		add(envp, server_word(a, "HTTP_HOST", "localhost"));
	if (!envp->has_cookie && h->cookies[0] != '\0')
		add(envp, server_word(a, "HTTP_COOKIE", h->cookies));
	if (!envp->has_type && h->to_read.len > 0)
		add(envp, server_word(a, "CONTENT_TYPE",
		    "application/x-www-form-urlencoded"));
}

struct tn_slice
tn_harness_header_nth(const struct tn_harness *h, const char *name,
    size_t nth)
{
	struct tn_slice rest = h->head;

	while (rest.len > 0) {
		struct tn_slice line = tn_slice_cut(&rest, '\n');
		struct tn_slice found, value;

		if (!tn_slice_split(tn_slice_first(line, line.len - 1), ':',
		    &found, &value) || !tn_slice_ieq(found, tn_slice_str(name)))
			continue;
		if (nth-- == 0)
			return value;
	}
	return TN_SLICE_NONE;
}

struct tn_slice
tn_harness_header(const struct tn_harness *h, const char *name)
{
	return tn_harness_header_nth(h, name, 0);
}

bool
tn_harness_shows(const struct tn_harness *h, const char *text)
{
	return h->body.len > 0 &&
	    memmem(h->body.ptr, h->body.len, text, strlen(text)) != NULL;
}

/* All cookies but those of this name, then the pair if it is to be kept. */
static void
keep_cookie(struct tn_harness *h, struct tn_slice pair, bool is_kept)
{
	struct tn_slice had = tn_slice_str(h->cookies);
	struct tn_slice value = pair, name = tn_slice_cut(&value, '=');
	char next[sizeof(h->cookies)] = "";
	size_t n = 0;

	while (had.len > 0) {
		struct tn_slice old = tn_slice_trim(tn_slice_cut(&had, ';'));
		struct tn_slice v = old;

		if (!tn_slice_eq(tn_slice_cut(&v, '='), name))
			n += (size_t)snprintf(next + n, sizeof(next) - n,
			    "%s%.*s", n > 0 ? "; " : "", TN_SLICE_ARG(old));
	}
	if (is_kept && n + pair.len + 3 < sizeof(next))
		snprintf(next + n, sizeof(next) - n, "%s%.*s",
		    n > 0 ? "; " : "", TN_SLICE_ARG(pair));
	memcpy(h->cookies, next, sizeof(next));
}

static void
keep_cookies(struct tn_harness *h)
{
	static const char past[] = "Expires=Thu, 01 Jan 1970";
	struct tn_slice line;

	for (size_t i = 0; (line = tn_harness_header_nth(h, "set-cookie",
	    i)).ptr != NULL; i++) {
		struct tn_slice attributes = line;
		struct tn_slice pair = tn_slice_cut(&attributes, ';');
		bool is_dead = memmem(line.ptr, line.len, past,
		    sizeof(past) - 1) != NULL;

		keep_cookie(h, pair, !is_dead);
	}
}

static void
read_answer(struct tn_harness *h)
{
	struct tn_slice all = tn_buf_view(&h->raw);
	const char *end = all.len == 0 ? NULL :
	    memmem(all.ptr, all.len, "\r\n\r\n", 4);
	uint64_t status;

	h->status = 0;
	h->head = h->body = TN_SLICE_NONE;
	if (end == NULL)
		return;
	h->head = tn_slice(all.ptr, (size_t)(end - all.ptr) + 2);
	h->body = tn_slice_after(all, h->head.len + 2);
	if (tn_slice_u64(tn_slice_first(tn_harness_header(h, "status"), 3),
	    &status))
		h->status = (int)status;
	keep_cookies(h);
}

void
tn_harness_begin(struct tn_harness *h, const char *method,
    const char *target, const char *headers, struct tn_slice body)
{
	struct tn_exchange *x = &h->exchange;
	struct envp envp = { .n = 0 };

	h->to_read = body;
	h->reader.is_complete = !h->body_is_late;
	h->writes = 0;
	tn_buf_reset(&h->raw);
	make_words(h, &envp, method, target, headers);
	tn_exchange_begin(x, &h->sink, body.ptr != NULL ? &h->reader : NULL);
	tn_cgi_read(&x->req, envp.words, &h->cgi);
}

int
tn_harness_finish(struct tn_harness *h)
{
	struct tn_exchange *x = &h->exchange;
	int rc = tn_app_handle(h->app, &x->req, &x->res);

	h->was_slow = false;
	while (rc != TN_DONE) {
		h->was_slow |= rc == TN_SLOW;
		rc = tn_app_resume(h->app, &x->req, &x->res);
	}
	read_answer(h);
	return h->status;
}

int
tn_harness_send(struct tn_harness *h, const char *method,
    const char *target, const char *headers, struct tn_slice body)
{
	tn_harness_begin(h, method, target, headers, body);
	return tn_harness_finish(h);
}

int
tn_harness_request(struct tn_harness *h, const char *method,
    const char *target, const char *headers, const char *body)
{
	return tn_harness_send(h, method, target, headers,
	    tn_slice_str(body));
}

int
tn_harness_get(struct tn_harness *h, const char *target)
{
	return tn_harness_request(h, "GET", target, NULL, NULL);
}
