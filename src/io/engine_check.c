/* What is asked before a request is served, in the reference's order. */
#include "config.h"

#include "io/engine_conn.h"

#include "base/limits.h"
#include "base/log.h"

/* clang-format off */
static const struct fault {
	int status;
	const char *text;
} faults[] = {
#define FAULT_ROW(name, code, status, text) [code] = { status, text },
	TN_EIO_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};
/* clang-format on */

int
tn_eio_fault_status(enum eio_fault fault)
{
	return faults[fault].status;
}

const char *
tn_eio_fault_text(enum eio_fault fault)
{
	return faults[fault].text;
}

struct tn_slice
tn_io_request_header(const struct tn_io_request *request, const char *name)
{
	return tn_pair_last(request->headers, request->nheaders, name);
}

struct query {
	struct tn_slice transport;
	struct tn_slice sid;
	bool is_v3;
	bool wants_base64;
	bool is_websocket;
};

static int
read_query(struct tn_engine *engine, struct tn_slice target, struct query *q)
{
	struct tn_pair pairs[TN_LIMIT_QUERY_PAIRS];
	size_t n;
	int r;

	tn_slice_cut(&target, '?');
	tn_arena_reset(&engine->scratch);
	r = tn_url_form(target, &engine->scratch, pairs,
	    TN_LIMIT_QUERY_PAIRS, &n, NULL);
	if (r < 0)
		return r;
	*q = (struct query){
		.transport = tn_pair_last(pairs, n, "transport"),
		.sid = tn_pair_last(pairs, n, "sid"),
		.is_v3 = !tn_slice_is(tn_pair_last(pairs, n, "EIO"), "4"),
		.wants_base64 = tn_pair_last(pairs, n, "b64").len > 0,
	};
	q->is_websocket = tn_slice_is(q->transport, "websocket");
	return 0;
}

static bool
transport_known(const struct tn_engine *engine, const struct query *q)
{
	if (q->is_websocket)
		return !engine->options.no_websocket;
	return tn_slice_is(q->transport, "polling") &&
	    !engine->options.no_polling;
}

/* Bytes that no header may hold: controls but the tab, and DEL. */
static bool
is_header_text(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static enum eio_fault
check_session(struct tn_engine *engine, const struct tn_io_request *request,
    const struct query *q, struct tn_conn **found)
{
	struct tn_conn *c = tn_map_get(&engine->conns, q->sid);

	if (c == NULL)
		return EIO_FAULT_SID;
	if (!request->is_upgrade && q->is_websocket != (c->wire != NULL))
		return EIO_FAULT_REQUEST;
	if (q->is_v3 != c->is_v3 || (request->is_upgrade && !q->is_websocket))
		return EIO_FAULT_REQUEST;
	if (request->is_upgrade && !tn_engine_origin_ok(engine, request))
		return EIO_FAULT_FORBIDDEN;
	*found = c;
	return EIO_FINE;
}

static enum eio_fault
check_handshake(struct tn_engine *engine, const struct tn_io_request *request,
    const struct query *q)
{
	const size_t max = engine->options.max_conns;

	if (!tn_slice_is(request->method, "GET"))
		return EIO_FAULT_METHOD;
	if (q->is_websocket != request->is_upgrade)
		return EIO_FAULT_REQUEST;
	if (!tn_engine_origin_ok(engine, request))
		return EIO_FAULT_FORBIDDEN;
	if (q->is_v3 && !engine->options.allow_eio3)
		return EIO_FAULT_VERSION;
	if (engine->stopping || (max > 0 && engine->conns.len >= max))
		return EIO_FAULT_BUSY;
	return EIO_FINE;
}

static enum eio_fault
check(struct tn_engine *engine, const struct tn_io_request *request,
    struct tn_conn **c, struct eio_asked *asked)
{
	struct query q;

	if (read_query(engine, request->target, &q) < 0)
		return EIO_FAULT_REQUEST;
	*asked = (struct eio_asked){ q.is_v3, q.is_v3 && q.wants_base64 };
	if (!transport_known(engine, &q))
		return EIO_FAULT_TRANSPORT;
	if (!is_header_text(tn_io_request_header(request, "origin")))
		return EIO_FAULT_REQUEST;
	if (q.sid.len > 0)
		return check_session(engine, request, &q, c);
	return check_handshake(engine, request, &q);
}

/* What somebody should know of: a foreign page, or no room. */
static void
log_fault(const struct tn_engine *engine, const struct tn_io_request *request,
    enum eio_fault fault)
{
	struct tn_slice origin = tn_io_request_header(request, "origin");

	if (fault != EIO_FAULT_FORBIDDEN && fault != EIO_FAULT_BUSY)
		return;
	if (origin.ptr == NULL)
		origin = TN_SLICE("");
	tn_log_event(engine->log, TN_LOG_INFO, "io.refused",
	    TN_F_STR("why", tn_eio_fault_text(fault)),
	    TN_F_SLICE("address", request->address),
	    TN_F_SLICE("origin", origin));
}

enum eio_fault
tn_engine_check(struct tn_engine *engine, const struct tn_io_request *request,
    struct tn_conn **c, struct eio_asked *asked)
{
	enum eio_fault fault;

	*c = NULL;
	fault = check(engine, request, c, asked);
	if (fault != EIO_FINE) {
		engine->counts.refused[fault]++;
		log_fault(engine, request, fault);
	}
	return fault;
}
