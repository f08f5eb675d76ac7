/* Life of a namespace's stream. */
#include "config.h"

#include <stdlib.h>

#include "base/random.h"
#include "cluster/adapter_codec.h"
#include "cluster/stream.h"
#include "redis/keys.h"
#include "redis/link.h"

static bool
write_names(struct stream *st)
{
	struct tn_slice channel = st->rn->broadcast;
	struct tn_buf *const names[] = { &st->key, &st->last_key,
	    &st->sessions, &st->nodes, &st->own, &st->own_end };
	bool failed = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		tn_buf_init(names[i], 4096);
	tn_key_stream(&st->key, channel);
	tn_key_stream_last(&st->last_key, channel);
	tn_key_stream_sessions(&st->sessions, channel);
	tn_key_stream_nodes(&st->nodes, channel);
	tn_key_stream_nodes(&st->own, channel);
	tn_buf_str(&st->own, st->rn->uid);
	tn_sharded_write_end(&st->own_end, tn_slice_str(st->rn->uid),
	    tn_ns_name(st->rn->ns));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		failed = failed || names[i]->failed != 0;
	return !failed;
}

int
tn_stream_open(struct redis_ns *rn)
{
	struct redis_adapter *a = rn->adapter;
	struct stream *st;
	int r;

	if (a->recovery_events == 0 || tn_ns_recovery_window_ms(rn->ns) == 0)
		return 0;
	if ((st = calloc(1, sizeof(*st))) == NULL)
		return TN_E_NOMEM;
	rn->stream = st;
	st->rn = rn;
	/* no two nodes count from the same */
	tn_random_bytes(&st->next_number, sizeof(st->next_number));
	tn_list_init(&st->sent);
	tn_list_init(&st->held);
	tn_list_init(&st->asked);
	tn_list_append(&a->streams, &st->link);
	if (!write_names(st))
		return TN_E_NOMEM;
	r = (a->form->is_sharded ? tn_link_ssubscribe : tn_link_subscribe)(
	    a->link, tn_buf_view(&st->own), tn_stream_on_told, st);
	if (r < 0)
		return r;
	st->is_subscribed = true;
	tn_stream_sweep(st);
	return 0;
}

void
tn_stream_close(struct redis_ns *rn)
{
	struct stream *st = rn->stream;

	if (st == NULL)
		return;
	if (st->is_subscribed)
		(rn->adapter->form->is_sharded ? tn_link_sunsubscribe :
		    tn_link_unsubscribe)(rn->adapter->link,
		    tn_buf_view(&st->own));
	st->is_subscribed = false;
	tn_list_remove(&st->link);
	tn_stream_sessions_close(st);
	tn_stream_asked_close(st);
	tn_stream_drop_held(st);
	tn_stream_drop_answered(st);
}

void
tn_stream_free(struct stream **stream)
{
	struct stream *st = *stream;

	*stream = NULL;
	if (st == NULL)
		return;
	tn_buf_fini(&st->key);
	tn_buf_fini(&st->last_key);
	tn_buf_fini(&st->sessions);
	tn_buf_fini(&st->nodes);
	tn_buf_fini(&st->own);
	tn_buf_fini(&st->own_end);
	free(st);
}
