/*
 * What is compressed, either way. One zlib state serves the whole engine: no
 * connection keeps any, and a broadcast is compressed once for all.
 */
#include "config.h"

#include "base/err.h"
#include "base/log.h"
#include "io/engine_conn.h"
#include "io/http_coding.h"
#include "io/ws_frame.h"

enum { MAX_BITS = 15 };		/* what we compress may look back so far */

int
tn_engine_pack_start(struct tn_engine *engine)
{
	const struct tn_engine_options *o = &engine->options;

	/* a message is put in only if it comes out shorter */
	tn_buf_init(&engine->packed, engine->payload.max);
	tn_buf_init(&engine->unpacked, o->max_payload);
	if (!o->per_message_deflate && !o->http_compression)
		return 0;
	engine->deflate = tn_deflate_new();
	return engine->deflate != NULL ? 0 : TN_E_NOMEM;
}

void
tn_engine_pack_stop(struct tn_engine *engine)
{
	tn_deflate_free(&engine->deflate);
	tn_buf_fini(&engine->packed);
	tn_buf_fini(&engine->unpacked);
}

/* Into engine->packed. Returns whether it came out shorter. */
static bool
pack(struct tn_engine *engine, struct tn_slice in, enum tn_deflate_form form)
{
	tn_buf_reset(&engine->packed);
	return tn_deflate_pack(engine->deflate, in, form,
	    &engine->packed) == 0 && engine->packed.len < in.len;
}

/* ---- WebSocket ----------------------------------------------------------- */

/* A client that remembers less reads what is no longer than its memory. */
static bool
reads(const struct tn_wire *w, size_t len)
{
	return w->deflate_bits == MAX_BITS ||
	    len <= (size_t)1 << w->deflate_bits;
}

static struct tn_rcbuf *
make_deflated(struct tn_engine *engine, const struct tn_rcbuf *message)
{
	struct tn_rcbuf *rc;

	if (!pack(engine, tn_rcbuf_payload(message), TN_DEFLATE_MESSAGE))
		return NULL;
	rc = tn_rcbuf_new(tn_buf_view(&engine->packed), TN_SLICE_NONE);
	if (rc == NULL)
		return NULL;
	rc->binary = message->binary;
	rc->is_volatile = message->is_volatile;
	tn_ws_frame_head_deflated(rc);
	engine->counts.deflated++;
	return rc;
}

struct tn_rcbuf *
tn_message_deflated(struct tn_engine *engine, const struct tn_wire *w,
    struct tn_rcbuf *message)
{
	struct tn_rcbuf **form = &message->forms[FORM_DEFLATED];

	if (message->is_plain || !reads(w, message->len) ||
	    message->len < engine->options.per_message_deflate_threshold)
		return message;
	if (*form == NULL)
		*form = make_deflated(engine, message);
	if (*form == NULL)
		message->is_plain = true;	/* nor for the others */
	return *form != NULL ? *form : message;
}

int
tn_engine_inflate(struct tn_engine *engine, struct tn_slice in,
    struct tn_slice *out)
{
	struct tn_engine_counts *counts = &engine->counts;
	int r = TN_E_STATE;

	*out = TN_SLICE_NONE;
	tn_buf_reset(&engine->unpacked);
	if (engine->deflate != NULL)
		r = tn_deflate_unpack(engine->deflate, in, &engine->unpacked);
	if (r == 0) {
		counts->inflated++;
		*out = tn_buf_view(&engine->unpacked);
		return 0;
	}
	if (r == TN_E_LIMIT)
		counts->inflate_too_long++;
	else
		counts->inflate_refused++;
	tn_log_event(engine->log, TN_LOG_INFO, "io.inflate",
	    TN_F_STR("why", tn_err_name(r)), TN_F_NUM("bytes", in.len));
	return r;
}

/* ---- Polling ------------------------------------------------------------- */

uint8_t
tn_engine_coding(const struct tn_engine *engine,
    const struct tn_io_request *request)
{
	return !engine->options.http_compression ? TN_CODING_NONE :
	    tn_http_coding_choose(tn_io_request_header(request,
	    "accept-encoding"));
}

const char *
tn_engine_pack_payload(struct tn_engine *engine, uint8_t coding,
    struct tn_slice *payload)
{
	if (coding == TN_CODING_NONE ||
	    payload->len < engine->options.http_compression_threshold ||
	    !pack(engine, *payload, coding == TN_CODING_GZIP ?
	    TN_DEFLATE_GZIP : TN_DEFLATE_ZLIB))
		return NULL;
	engine->counts.payloads_deflated++;
	*payload = tn_buf_view(&engine->packed);
	return tn_http_coding_name(coding);
}
