#include "config.h"

#include "cluster/whereabouts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/loop.h"
#include "cluster/registry.h"
#include "redis/keys.h"
#include "redis/link.h"

enum { ADDRESS_BYTES = 64, KEY_BYTES = 128, EPOCH_BYTES = 13 };

struct tn_whereabouts {
	struct tn_loop *loop;
	struct tn_link *link;
	const struct tn_registry *registry;
	struct tn_timer timer;
	int lease_ms;
	char worker[TN_LIMIT_WORKER_NAME + 1];
	char address[ADDRESS_BYTES];
};

struct search {
	tn_whereabouts_fn *fn;
	void *arg;
};

struct tn_whereabouts *
tn_whereabouts_new(struct tn_loop *loop, struct tn_link *link,
    const struct tn_registry *registry, const char *worker, int lease_ms,
    struct tn_err *err)
{
	struct tn_whereabouts *w = calloc(1, sizeof(*w));

	if (w == NULL || strlen(worker) >= sizeof(w->worker)) {
		tn_err_set(err, w == NULL ? TN_E_NOMEM : TN_E_LIMIT,
		    "cannot tell where this worker is");
		free(w);
		return NULL;
	}
	*w = (struct tn_whereabouts){ .loop = loop, .link = link,
	    .registry = registry, .lease_ms = lease_ms };
	strcpy(w->worker, worker);
	return w;
}

/* ---- Telling ------------------------------------------------------------- */

static void
renew(void *arg)
{
	struct tn_whereabouts *w = arg;
	struct tn_slice argv[5];
	struct tn_buf key;
	char lease[16];

	tn_wheel_set(&w->loop->wheel, &w->timer,
	    w->loop->wheel.now_ms + w->lease_ms / 3, renew, w);
	tn_buf_init(&key, KEY_BYTES);
	tn_key_node_address(&key, tn_slice_str(w->worker));
	snprintf(lease, sizeof(lease), "%d", w->lease_ms);
	argv[0] = TN_SLICE("SET");
	argv[1] = tn_buf_view(&key);
	argv[2] = tn_slice_str(w->address);
	argv[3] = TN_SLICE("PX");
	argv[4] = tn_slice_str(lease);
	if (key.failed == 0)
		tn_link_call(w->link, argv, 5, NULL, NULL);
	tn_buf_fini(&key);
}

void
tn_whereabouts_publish(struct tn_whereabouts *w, struct tn_slice address)
{
	snprintf(w->address, sizeof(w->address), "%.*s",
	    TN_SLICE_ARG(address));
	renew(w);
}

void
tn_whereabouts_free(struct tn_whereabouts **whereabouts)
{
	struct tn_whereabouts *w = *whereabouts;
	struct tn_buf key;

	*whereabouts = NULL;
	if (w == NULL)
		return;
	tn_wheel_cancel(&w->loop->wheel, &w->timer);
	tn_buf_init(&key, KEY_BYTES);
	tn_key_node_address(&key, tn_slice_str(w->worker));
	if (w->address[0] != '\0' && key.failed == 0)
		tn_link_call(w->link, (struct tn_slice[]){ TN_SLICE("DEL"),
		    tn_buf_view(&key) }, 2, NULL, NULL);
	tn_buf_fini(&key);
	free(w);
}

/* ---- Asking -------------------------------------------------------------- */

/* An id is "worker-epoch". */
static bool
lives(const struct tn_registry *registry, struct tn_slice worker)
{
	struct tn_slice id;
	size_t at = 0;

	while ((id = tn_registry_next(registry, &at)).ptr != NULL)
		if (id.len == worker.len + EPOCH_BYTES &&
		    tn_slice_starts(id, worker) && id.ptr[worker.len] == '-')
			return true;
	return false;
}

static void
found(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct search *search = arg;
	struct tn_slice address = err == NULL ? tn_reply_text(reply) :
	    TN_SLICE_NONE;

	if (address.len == 0 || address.len >= ADDRESS_BYTES)
		address = TN_SLICE_NONE;
	search->fn(address, search->arg);
	free(search);
}

int
tn_whereabouts_find(struct tn_whereabouts *w, struct tn_slice worker,
    tn_whereabouts_fn *fn, void *arg)
{
	struct search *search;
	struct tn_buf key;
	int r;

	if (!lives(w->registry, worker))
		return TN_E_AWAY;
	search = malloc(sizeof(*search));
	if (search == NULL)
		return TN_E_NOMEM;
	*search = (struct search){ fn, arg };
	tn_buf_init(&key, KEY_BYTES);
	tn_key_node_address(&key, worker);
	r = key.failed != 0 ? key.failed : tn_link_call(w->link,
	    (struct tn_slice[]){ TN_SLICE("GET"), tn_buf_view(&key) }, 2,
	    found, search);
	tn_buf_fini(&key);
	if (r < 0)
		free(search);
	return r;
}
