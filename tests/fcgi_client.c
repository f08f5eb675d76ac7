#include "config.h"

#include "fcgi_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

#define MANY	(64u << 20)

static int
try_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval wait = { 10, 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

int
fcgi_connect(const char *path)
{
	const struct timespec pause = { 0, 10000000 };
	int fd = try_connect(path);

	for (int i = 0; fd < 0 && i < 500; i++) {
		nanosleep(&pause, NULL);
		fd = try_connect(path);
	}
	return fd;
}

void
fcgi_record(struct tn_buf *out, unsigned type, unsigned id,
    struct tn_slice content)
{
	unsigned char h[8] = { 1, (unsigned char)type,
		(unsigned char)(id >> 8), (unsigned char)id,
		(unsigned char)(content.len >> 8), (unsigned char)content.len };

	tn_buf_bytes(out, h, sizeof(h));
	tn_buf_slice(out, content);
}

void
fcgi_begin(struct tn_buf *out, unsigned id, bool keep)
{
	char body[8] = { 0, 1, keep };

	fcgi_record(out, BEGIN, id, tn_slice(body, sizeof(body)));
}

static void
write_length(struct tn_buf *out, size_t n)
{
	if (n >= 128) {
		tn_buf_char(out, (char)(n >> 24 | 0x80));
		tn_buf_char(out, (char)(n >> 16));
		tn_buf_char(out, (char)(n >> 8));
	}
	tn_buf_char(out, (char)n);
}

void
fcgi_param(struct tn_buf *out, const char *name, struct tn_slice value)
{
	write_length(out, strlen(name));
	write_length(out, value.len);
	tn_buf_str(out, name);
	tn_buf_slice(out, value);
}

/* A stream: records of up to 65535 bytes, and the empty one at its end. */
static void
write_stream(struct tn_buf *out, unsigned type, unsigned id,
    struct tn_slice bytes)
{
	while (bytes.len > 0) {
		struct tn_slice part = tn_slice_first(bytes, 65535);

		fcgi_record(out, type, id, part);
		bytes = tn_slice_after(bytes, part.len);
	}
	fcgi_record(out, type, id, TN_SLICE_NONE);
}

void
fcgi_request(struct tn_buf *out, unsigned id, bool keep, const char *method,
    const char *uri, struct tn_slice params, struct tn_slice body)
{
	struct tn_buf all;

	tn_buf_init(&all, MANY);
	fcgi_param(&all, "REQUEST_METHOD", tn_slice_str(method));
	fcgi_param(&all, "REQUEST_URI", tn_slice_str(uri));
	fcgi_param(&all, "REMOTE_ADDR", TN_SLICE("192.0.2.1"));
	fcgi_param(&all, "HTTP_HOST", TN_SLICE("example.org"));
	if (body.len > 0)
		fcgi_param(&all, "CONTENT_TYPE", TN_SLICE("text/plain"));
	tn_buf_slice(&all, params);
	fcgi_begin(out, id, keep);
	write_stream(out, PARAMS, id, tn_buf_view(&all));
	write_stream(out, STDIN, id, body);
	tn_buf_fini(&all);
}

bool
fcgi_send(int fd, struct tn_slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes = tn_slice_after(bytes, (size_t)n);
	}
	return true;
}

static bool
read_all(int fd, void *to, size_t n)
{
	return n == 0 || recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static void
on_record(struct fcgi_answer *answer, unsigned type, const unsigned char *p,
    size_t len)
{
	if (type == STDOUT) {
		tn_buf_bytes(&answer->text, p, len);
		answer->records++;
	} else if (type == END) {
		answer->ended = true;
		answer->app_status = p[3];
	}
}

bool
fcgi_read(int fd, struct fcgi_answer *answer)
{
	unsigned char h[8], content[65535 + 255];

	*answer = (struct fcgi_answer){ .status = 200 };
	tn_buf_init(&answer->text, MANY);
	while (!answer->ended) {
		size_t len;

		if (!read_all(fd, h, sizeof(h)))
			return false;
		len = (size_t)h[4] << 8 | h[5];
		if (!read_all(fd, content, len + h[6]))
			return false;
		on_record(answer, h[1], content, len);
	}
	tn_buf_char(&answer->text, '\0');
	answer->text.len--;
	if (strncmp(answer->text.ptr, "Status: ", 8) == 0)
		answer->status = atoi(answer->text.ptr + 8);
	return true;
}

void
fcgi_answer_fini(struct fcgi_answer *answer)
{
	tn_buf_fini(&answer->text);
}

struct tn_slice
fcgi_body(const struct fcgi_answer *answer)
{
	struct tn_slice all = tn_buf_view(&answer->text);
	const char *end = memmem(all.ptr, all.len, "\r\n\r\n", 4);

	return end == NULL ? TN_SLICE_NONE :
	    tn_slice_after(all, (size_t)(end - all.ptr) + 4);
}

bool
fcgi_is_closed(int fd)
{
	struct timeval wait = { 5, 0 };
	char c;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return recv(fd, &c, 1, 0) == 0;
}
