/*
 * Clients of Socket.IO 2, whose protocol 4 differs in how one connects: "/"
 * is joined without being asked for, auth is the query of the namespace, the
 * answer has no payload, and the client makes its ids from the session's.
 */
#include "config.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/url.h"
#include "io/inner.h"

static void
write_pairs(struct tn_buf *out, const struct tn_pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool is_last = true;

		for (size_t k = i + 1; is_last && k < n; k++)
			is_last = !tn_slice_eq(pairs[k].name, pairs[i].name);
		if (!is_last)
			continue;
		if (out->len > 1)
			tn_buf_char(out, ',');
		tn_json_write_string(out, pairs[i].name);
		tn_buf_char(out, ':');
		tn_json_write_string(out, pairs[i].value);
	}
}

int
tn_v2_cut_query(struct tn_slice *nsp, struct tn_buf *auth)
{
	struct tn_pair pairs[TN_LIMIT_QUERY_PAIRS];
	struct tn_slice name = *nsp, query = *nsp;
	struct tn_arena arena;
	size_t n = 0;
	int r = 0;

	name = tn_slice_cut(&query, '?');
	tn_arena_init(&arena, 4 * TN_LIMIT_NSP_NAME);
	if (query.ptr != NULL)
		r = tn_url_form(query, &arena, pairs, TN_LIMIT_QUERY_PAIRS,
		    &n, NULL);
	if (r == 0) {
		*nsp = name;
		tn_buf_char(auth, '{');
		write_pairs(auth, pairs, n);
		tn_buf_char(auth, '}');
	}
	tn_arena_fini(&arena);
	return r;
}

int
tn_v2_name(struct tn_socket *s)
{
	struct tn_slice sid = tn_slice_str(tn_conn_sid(s->client->conn));
	struct tn_slice nsp = tn_ns_name(s->ns), id;
	struct tn_buf b;
	int r;

	tn_buf_init(&b, TN_LIMIT_NSP_NAME + 128);
	if (nsp.len > 1) {
		tn_buf_slice(&b, nsp);
		tn_buf_char(&b, '#');
	}
	tn_buf_slice(&b, sid);
	r = tn_buf_finish(&b, &id, NULL);
	if (r == 0)
		r = tn_slot_adopt(s, id);
	tn_buf_fini(&b);
	return r;
}

void
tn_v2_refuse(struct tn_client *client, struct tn_slice nsp,
    struct tn_slice message, struct tn_slice data)
{
	struct tn_sio_packet packet = {
		.type = TN_SIO_CONNECT_ERROR, .nsp = nsp, .data = data,
	};
	struct tn_buf body;
	bool built = true;

	tn_buf_init(&body, TN_LIMIT_CLUSTER_MESSAGE);
	if (data.len == 0) {
		tn_json_write_string(&body, message);
		built = tn_buf_finish(&body, &packet.data, NULL) == 0;
	}
	tn_client_send(client, &packet, NULL, built);
	tn_buf_fini(&body);
}
