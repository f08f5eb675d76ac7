/* Life of an adapter over Redis, whichever its form. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "cluster/adapter_codec.h"
#include "cluster/adapter_inner.h"
#include "cluster/registry.h"
#include "cluster/stream.h"
#include "redis/link.h"

#define TICK_MS		500	/* between two looks at the registry */

/* ---- nodes of the registry ------------------------------------------------*/

/*
 * A node's adapter has a uid that its id in the registry tells, so that
 * others know which channel was its own when it is dead. FNV-1a, 64 bits.
 */
void
tn_redis_uid(const struct redis_form *form, struct tn_slice node,
    struct tn_slice nsp, char *out)
{
	uint64_t h = UINT64_C(14695981039346656037);
	unsigned bits = strlen(form->uid_letters) == 64 ? 6 : 4;

	for (size_t i = 0; i < node.len + 1 + nsp.len; i++) {
		char c = i < node.len ? node.ptr[i] :
		    i == node.len ? '\0' : nsp.ptr[i - node.len - 1];

		h = (h ^ (unsigned char)c) * UINT64_C(1099511628211);
	}
	h ^= h >> 33;		/* the low bits want mixing: murmur's end */
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	for (size_t i = 0; i < form->uid_len; i++, h >>= bits)
		out[i] = form->uid_letters[h & ((1u << bits) - 1)];
	out[form->uid_len] = '\0';
}

static void
note_nodes(void *arg)
{
	struct redis_adapter *a = arg;
	struct tn_slice id;
	size_t at = 0;

	while ((id = tn_registry_next(a->registry, &at)).ptr != NULL) {
		if (a->nodes.len < TN_LIMIT_NODES)
			tn_map_set(&a->nodes, id, a, NULL);
	}
	tn_wheel_set(&tn_link_loop(a->link)->wheel, &a->tick,
	    tn_link_loop(a->link)->wheel.now_ms + TICK_MS, note_nodes, a);
}

/* ---- publishing -----------------------------------------------------------*/

static void
on_published(const struct tn_reply *reply, const struct tn_err *err,
    void *arg)
{
	struct redis_ns *rn = arg;

	(void)reply;
	if (err != NULL)
		rn->adapter->counts.unpublished++;
	tn_redis_ns_unref(rn);
}

int
tn_redis_ns_publish(struct redis_ns *rn, struct tn_slice channel,
    struct tn_slice payload)
{
	struct redis_adapter *a = rn->adapter;
	struct tn_slice argv[] = {
		tn_publish_word(a->form->is_sharded), channel, payload,
	};
	int r = TN_E_STATE;

	if (!rn->is_closed)
		r = tn_link_call(a->link, argv, 3, on_published, rn);
	if (r < 0) {
		a->counts.unpublished++;
		return r;
	}
	rn->refs++;
	a->counts.published++;
	return 0;
}

int
tn_redis_ns_publish_buf(struct redis_ns *rn, struct tn_slice channel,
    struct tn_buf *body)
{
	struct tn_slice payload;
	struct tn_err err;
	int r = tn_buf_finish(body, &payload, &err);

	if (r == 0)
		r = tn_redis_ns_publish(rn, channel, payload);
	else
		rn->adapter->counts.unpublished++;
	tn_buf_fini(body);
	return r;
}

void
tn_redis_ns_malformed(struct redis_ns *rn, const char *what, const char *why)
{
	struct redis_adapter *a = rn->adapter;

	/* the first, and then ever fewer: a node that raves must not fill logs */
	a->counts.malformed++;
	if ((a->counts.malformed & (a->counts.malformed - 1)) == 0)
		tn_log_event(a->log, TN_LOG_WARN, "cluster.malformed",
		    TN_F_SLICE("namespace", tn_ns_name(rn->ns)),
		    TN_F_STR("what", what), TN_F_STR("why", why),
		    TN_F_NUM("count", a->counts.malformed));
}

/* ---- life -----------------------------------------------------------------*/

static void
adapter_unref(struct redis_adapter *a)
{
	if (--a->refs > 0)
		return;
	tn_map_fini(&a->nodes);
	free(a);
}

struct redis_ns *
tn_redis_ns_new(struct tn_adapter *adapter, struct tn_ns *ns)
{
	struct redis_adapter *a =
	    TN_CONTAINER(adapter, struct redis_adapter, base);
	struct redis_ns *rn = calloc(1, sizeof(*rn));
	char random[TN_UID_MAX + 1];

	if (rn == NULL)
		return NULL;
	rn->adapter = a;
	rn->ns = ns;
	rn->refs = 1;
	a->refs++;
	tn_list_init(&rn->asks);
	tn_random_text(random, TN_UID_MAX);
	tn_redis_uid(a->form, a->registry != NULL ?
	    tn_registry_id(a->registry) : tn_slice_str(random),
	    tn_ns_name(ns), rn->uid);
	tn_buf_init(&rn->names, 4096);
	tn_buf_init(&rn->pattern, 4096);
	return rn;
}

void
tn_redis_ns_close(struct redis_ns *rn)
{
	tn_asks_drop(rn);
	tn_stream_close(rn);
	rn->is_closed = true;
	rn->ns = NULL;
	tn_redis_ns_unref(rn);
}

void
tn_redis_ns_unref(struct redis_ns *rn)
{
	if (--rn->refs > 0)
		return;
	tn_stream_free(&rn->stream);
	tn_buf_fini(&rn->names);
	tn_buf_fini(&rn->pattern);
	adapter_unref(rn->adapter);
	free(rn);
}

struct tn_adapter *
tn_redis_adapter_make(const struct tn_adapter_ops *ops,
    const struct redis_form *form,
    const struct tn_redis_adapter_options *options, struct tn_err *err)
{
	struct redis_adapter *a;
	struct tn_slice text = tn_slice_str(options->prefix == NULL ?
	    "socket.io" : options->prefix);

	a = calloc(1, sizeof(*a) + text.len + 1);
	if (a == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for an adapter");
		return NULL;
	}
	a->base = (struct tn_adapter){ ops, options->requests_timeout_ms };
	a->form = form;
	a->refs = 1;
	a->link = options->link;
	a->log = options->log;
	a->registry = options->registry;
	a->requests_ms = options->requests_timeout_ms > 0 ?
	    options->requests_timeout_ms : TN_LIMIT_CLUSTER_REQUEST_MS;
	a->mode = options->mode;
	a->private_answers = options->private_answers;
	a->recovery_events = options->recovery_events;
	tn_list_init(&a->streams);
	memcpy(a->prefix, text.ptr, text.len);
	if (a->registry != NULL)
		note_nodes(a);
	return &a->base;
}

void
tn_redis_adapter_free(struct tn_adapter **adapter)
{
	struct tn_adapter *base = *adapter;
	struct redis_adapter *a;

	*adapter = NULL;
	if (base == NULL)
		return;
	a = TN_CONTAINER(base, struct redis_adapter, base);
	if (a->registry != NULL)
		tn_wheel_cancel(&tn_link_loop(a->link)->wheel, &a->tick);
	a->registry = NULL;
	adapter_unref(a);
}

const struct tn_redis_adapter_counts *
tn_redis_adapter_counts(const struct tn_adapter *adapter)
{
	return &TN_CONTAINER(adapter, const struct redis_adapter,
	    base)->counts;
}

void
tn_redis_adapter_on_up(struct tn_adapter *adapter)
{
	struct redis_adapter *a =
	    TN_CONTAINER(adapter, struct redis_adapter, base);
	struct tn_list *it, *following;

	TN_LIST_EACH(it, following, &a->streams)
		tn_stream_on_up(TN_CONTAINER(it, struct stream, link));
}
