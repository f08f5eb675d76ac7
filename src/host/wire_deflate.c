/*
 * permessage-deflate, as far as libwebsockets has to know of it. Its own
 * extension keeps 40 KiB for each connection and inflates without a bound, so
 * what it is given is one that does nothing: it lets compressed frames pass,
 * as they came, to wire.c. The terms are the engine's; they are written where
 * libwebsockets has just named the extension.
 *
 * All of it happens between LWS_CALLBACK_HTTP_CONFIRM_UPGRADE and _ESTABLISHED
 * of one connection, which nothing comes between: the host remembers.
 */
#include "config.h"

#include "host/peer.h"

enum { OFFERS_BYTES = 254 };	/* libwebsockets cuts off who sends more */

#define NAMED "permessage-deflate\r\n"

static const struct lws_ext_options no_options[] = { { .name = NULL } };

static int
on_extension(struct lws_context *context, const struct lws_extension *ext,
    struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
    void *in, size_t len)
{
	(void)context;
	(void)ext;
	(void)wsi;
	(void)user;
	(void)len;
	if (reason == LWS_EXT_CB_CONSTRUCT)
		*(const struct lws_ext_options **)in = no_options;
	return 0;
}

const struct lws_extension tn_wire_extensions[] = {
	{ .name = "permessage-deflate", .callback = on_extension },
	{ .name = NULL },
};

/* libwebsockets takes a tab, and a comma in quotes, for an offer's end. */
static bool
is_read_alike(struct tn_slice offers)
{
	return tn_slice_find(offers, '\t') < 0 &&
	    tn_slice_find(offers, '"') < 0;
}

bool
tn_wire_may_agree(struct tn_host_io *host, const struct tn_io_request *request)
{
	struct tn_slice offers = tn_pair_last(request->headers,
	    request->nheaders, "sec-websocket-extensions");

	if (!is_read_alike(offers))
		host->terms = (struct tn_ws_deflate){ 0 };
	return offers.len <= OFFERS_BYTES;
}

/* The same extension twice is a fault to libwebsockets: it hears of the last. */
int
tn_peer_on_extension(struct tn_peer *peer)
{
	struct tn_ws_deflate *terms = &peer->host->terms;

	return terms->offers > 0 && --terms->offers == 0 ? 0 : -1;
}

int
tn_peer_on_headers(struct tn_peer *peer, struct lws_process_html_args *args)
{
	const size_t named = sizeof(NAMED) - 1;
	struct tn_host_io *host = peer->host;
	struct tn_slice text;

	if (peer->wire != NULL || host->terms.server_bits == 0)
		return 0;
	if (host->terms.offers > 0 ||
	    memcmp(args->p - named, NAMED, named) != 0)
		return -1;	/* it did not do what we tell the client */
	tn_buf_reset(&host->out);
	tn_ws_deflate_write(&host->terms, &host->out);
	tn_buf_str(&host->out, "\r\n");
	if (tn_buf_finish(&host->out, &text, NULL) < 0 ||
	    text.len > (size_t)args->max_len)
		return -1;
	args->p -= 2;		/* in front of the line's end */
	memcpy(args->p, text.ptr, text.len);
	args->p += text.len;
	return 0;
}
