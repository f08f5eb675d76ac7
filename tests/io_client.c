#include "config.h"

#include "io_client.h"

#include <stdio.h>

static void
wake(struct tn_wire *w)
{
	(void)w;	/* looked at by io_client_read */
}

void
io_client_open(struct io_client *c, struct tn_io *io, const char *cookie)
{
	struct tn_pair headers[] = {
		{ TN_SLICE("host"), TN_SLICE("localhost") },
		{ TN_SLICE("cookie"), tn_slice_str(cookie) },
	};
	struct tn_io_request request = {
		.method = TN_SLICE("GET"),
		.target = TN_SLICE("/socket.io/?EIO=4&transport=websocket"),
		.headers = headers, .nheaders = cookie == NULL ? 1 : 2,
		.address = TN_SLICE("127.0.0.1"), .is_upgrade = true,
	};

	*c = (struct io_client){ .wire = { .wake = wake },
	    .engine = tn_io_engine(io), .is_open = true };
	tn_engine_wire_open(c->engine, &request, &c->wire);
}

void
io_client_say(struct io_client *c, const char *packet)
{
	if (c->is_open)
		tn_engine_wire_message(c->engine, &c->wire, false,
		    tn_slice_str(packet));
}

void
io_client_say_bytes(struct io_client *c, struct tn_slice bytes)
{
	if (c->is_open)
		tn_engine_wire_message(c->engine, &c->wire, true, bytes);
}

void
io_client_close(struct io_client *c)
{
	if (c->is_open)
		tn_engine_wire_gone(c->engine, &c->wire, true);
	c->is_open = false;
}

void
io_client_read(struct io_client *c)
{
	if (!c->is_open)
		return;
	tn_engine_flush(c->engine);	/* as a host does each turn */
	for (uint32_t i = 0; i < c->wire.out.len; i++) {
		struct tn_slice text =
		    tn_rcbuf_payload(tn_outq_at(&c->wire.out, i));
		int n = snprintf(c->heard + c->len, sizeof(c->heard) - c->len,
		    "%.*s\n", TN_SLICE_ARG(text));

		if (n > 0 && (size_t)n < sizeof(c->heard) - c->len)
			c->len += (size_t)n;
	}
	tn_outq_pop(&c->wire.out, c->wire.out.len);
	if (c->wire.is_closing)
		io_client_close(c);
}

bool
io_client_heard(struct io_client *c, const char *text)
{
	io_client_read(c);
	return strstr(c->heard, text) != NULL;
}

void
io_client_forget(struct io_client *c)
{
	io_client_read(c);
	c->len = 0;
	c->heard[0] = '\0';
}
