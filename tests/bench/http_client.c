#include "config.h"

#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES	(4u << 20)	/* ceiling of one answer */
#define READ_BYTES	16384

bool
http_client_open(struct http_client *c, const struct http_target *target)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)target->port),
	};
	int on = 1;

	tn_buf_init(&c->in, ANSWER_BYTES);
	if (inet_pton(AF_INET, target->host, &addr.sin_addr) != 1)
		return false;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

void
http_client_close(struct http_client *c)
{
	close(c->fd);
	c->fd = -1;
	tn_buf_fini(&c->in);
}

bool
http_client_send(struct http_client *c, struct tn_slice request)
{
	while (request.len > 0) {
		ssize_t n = send(c->fd, request.ptr, request.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		request = tn_slice_after(request, (size_t)n);
	}
	return true;
}

/* ---- An answer ----------------------------------------------------------- */

struct head {
	size_t len;		/* with the empty line */
	bool chunked, until_close;
	uint64_t body;
};

/* Returns false for a header that says what cannot be. */
static bool
take_header(struct tn_slice line, struct head *head, struct http_answer *out)
{
	struct tn_slice name, value;

	if (!tn_slice_split(line, ':', &name, &value))
		return false;
	if (tn_slice_ieq(name, TN_SLICE("content-length"))) {
		head->until_close = false;
		return tn_slice_u64(value, &head->body) &&
		    head->body < ANSWER_BYTES;
	}
	if (tn_slice_ieq(name, TN_SLICE("transfer-encoding"))) {
		head->until_close = false;
		head->chunked = tn_slice_ieq(value, TN_SLICE("chunked"));
		return head->chunked;
	}
	if (tn_slice_ieq(name, TN_SLICE("connection")))
		out->closes = tn_slice_ieq(value, TN_SLICE("close"));
	return true;
}

/* As http_client_read, for the head alone. */
static int
read_head(struct tn_slice in, struct head *head, struct http_answer *out)
{
	const char *end = memmem(in.ptr, in.len, "\r\n\r\n", 4);
	struct tn_slice rest, line;
	uint64_t status;

	memset(head, 0, sizeof(*head));
	memset(out, 0, sizeof(*out));
	if (end == NULL)
		return 0;
	head->len = (size_t)(end + 4 - in.ptr);
	head->until_close = true;
	rest = tn_slice_first(in, head->len - 4);
	line = tn_slice_cut(&rest, '\n');
	if (!tn_slice_starts(line, TN_SLICE("HTTP/1.1 ")) ||
	    !tn_slice_u64(tn_slice_first(tn_slice_after(line, 9), 3), &status))
		return -1;
	out->status = (int)status;
	while (rest.len > 0) {
		line = tn_slice_cut(&rest, '\n');
		if (tn_slice_ends(line, TN_SLICE("\r")))
			line.len--;
		if (!take_header(line, head, out))
			return -1;
	}
	if (out->status == 204 || out->status == 304) {
		head->until_close = head->chunked = false;
		head->body = 0;
	}
	return head->until_close ? -1 : 1;
}

/* The length of a chunked body without trailers. As http_client_read. */
static int
read_chunks(struct tn_slice body, uint64_t *len)
{
	struct tn_slice rest = body;

	for (;;) {
		const char *end = rest.len == 0 ? NULL :
		    memmem(rest.ptr, rest.len, "\r\n", 2);
		uint64_t size = 0;
		size_t digits;

		if (end == NULL)
			return 0;
		digits = (size_t)(end - rest.ptr);
		if (digits == 0 || digits > 6)
			return -1;
		for (size_t i = 0; i < digits; i++) {
			const char *hex = "0123456789abcdef";
			const char *at = strchr(hex, rest.ptr[i] | 0x20);

			if (at == NULL || *at == '\0')
				return -1;
			size = size * 16 + (uint64_t)(at - hex);
		}
		if (rest.len < digits + 2 + size + 2)
			return 0;
		rest = tn_slice_after(rest, digits + 2 + (size_t)size + 2);
		if (size > 0)
			continue;
		*len = body.len - rest.len;
		return 1;
	}
}

static int
read_answer(struct tn_slice in, struct http_answer *out)
{
	struct head head;
	int status = read_head(in, &head, out);

	if (status == 1 && head.chunked)
		status = read_chunks(tn_slice_after(in, head.len), &head.body);
	if (status != 1)
		return status;
	if (in.len - head.len < head.body)
		return 0;
	out->body_bytes = (size_t)head.body;
	out->text = tn_slice_first(in, head.len + (size_t)head.body);
	return 1;
}

int
http_client_read(struct http_client *c, struct http_answer *out)
{
	char *room = tn_buf_room(&c->in, READ_BYTES);
	ssize_t n;

	if (room == NULL)
		return -1;
	n = recv(c->fd, room, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	c->in.len += (size_t)n;
	return read_answer(tn_buf_view(&c->in), out);
}

void
http_client_next(struct http_client *c, const struct http_answer *done)
{
	tn_buf_drop(&c->in, done->text.len);
}
