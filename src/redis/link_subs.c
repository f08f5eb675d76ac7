#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "redis/link_subs.h"
#include "redis/wire.h"

/* Where Redis tells a client that is redirected of keys that changed. */
#define INVALIDATE TN_SLICE("__redis__:invalidate")

struct sub {
	tn_link_message_fn *fn;
	void *arg;
};

static const char *const verbs[TN_SUB_KINDS][2] = {
	[TN_SUB_CHANNEL] = { "UNSUBSCRIBE", "SUBSCRIBE" },
	[TN_SUB_PATTERN] = { "PUNSUBSCRIBE", "PSUBSCRIBE" },
	[TN_SUB_SHARD] = { "SUNSUBSCRIBE", "SSUBSCRIBE" },
};

void
tn_subs_fini(struct tn_subs *subs)
{
	const struct tn_map_entry *e;

	for (enum tn_sub_kind kind = 0; kind < TN_SUB_KINDS; kind++) {
		size_t at = 0;

		while ((e = tn_map_next(&subs->names[kind], &at)) != NULL)
			free(e->value);
		tn_map_fini(&subs->names[kind]);
	}
}

int
tn_subs_add(struct tn_subs *subs, enum tn_sub_kind kind, struct tn_slice name,
    tn_link_message_fn *fn, void *arg)
{
	struct tn_map *names = &subs->names[kind];
	struct sub *sub;

	if (tn_map_get(names, name) != NULL)
		return TN_E_STATE;
	sub = malloc(sizeof(*sub));
	if (sub == NULL)
		return TN_E_NOMEM;
	*sub = (struct sub){ fn, arg };
	if (tn_map_set(names, name, sub, NULL) == 0)
		return 0;
	free(sub);
	return TN_E_NOMEM;
}

bool
tn_subs_remove(struct tn_subs *subs, enum tn_sub_kind kind,
    struct tn_slice name)
{
	struct sub *sub = tn_map_remove(&subs->names[kind], name);

	free(sub);
	return sub != NULL;
}

void
tn_subs_write(struct tn_buf *out, enum tn_sub_kind kind, bool on,
    struct tn_slice name)
{
	struct tn_slice words[2] = { tn_slice_str(verbs[kind][on]), name };

	tn_command_append(out, words, 2);
}

size_t
tn_subs_write_all(const struct tn_subs *subs, struct tn_buf *out)
{
	const struct tn_map_entry *e;
	size_t n = 1;

	tn_subs_write(out, TN_SUB_CHANNEL, true, INVALIDATE);
	for (enum tn_sub_kind kind = 0; kind < TN_SUB_KINDS; kind++) {
		size_t at = 0;

		while ((e = tn_map_next(&subs->names[kind], &at)) != NULL)
			tn_subs_write(out, kind, true,
			    tn_slice(e->key, e->key_len));
		n += subs->names[kind].len;
	}
	return n;
}

static void
invalidate(const struct tn_reply *keys, const struct tn_link_hooks *hooks)
{
	if (hooks->on_invalidate == NULL)
		return;
	if (tn_reply_type(keys) == TN_REPLY_NIL)
		hooks->on_invalidate(TN_SLICE_NONE, hooks->arg);
	for (size_t i = 0; i < tn_reply_len(keys); i++) {
		const struct tn_reply *key = tn_reply_at(keys, i);

		if (tn_reply_type(key) == TN_REPLY_STRING)
			hooks->on_invalidate(tn_reply_text(key), hooks->arg);
	}
}

/* Whoever receives what is under name; it may take itself off the list. */
static void
give(const struct tn_subs *subs, enum tn_sub_kind kind, struct tn_slice name,
    struct tn_slice channel, const struct tn_reply *payload)
{
	const struct sub *sub = tn_map_get(&subs->names[kind], name);

	if (sub != NULL && tn_reply_type(payload) == TN_REPLY_STRING)
		sub->fn(channel, tn_reply_text(payload), sub->arg);
}

enum tn_push
tn_subs_push(const struct tn_subs *subs, const struct tn_reply *r,
    const struct tn_link_hooks *hooks)
{
	struct tn_slice kind = tn_reply_text(tn_reply_at(r, 0));
	struct tn_slice name = tn_reply_text(tn_reply_at(r, 1));

	if (tn_slice_is(kind, "message") && tn_reply_len(r) == 3) {
		if (tn_slice_eq(name, INVALIDATE))
			invalidate(tn_reply_at(r, 2), hooks);
		else
			give(subs, TN_SUB_CHANNEL, name, name,
			    tn_reply_at(r, 2));
		return TN_PUSH_DONE;
	}
	if (tn_slice_is(kind, "smessage") && tn_reply_len(r) == 3) {
		give(subs, TN_SUB_SHARD, name, name, tn_reply_at(r, 2));
		return TN_PUSH_DONE;
	}
	if (tn_slice_is(kind, "pmessage") && tn_reply_len(r) == 4) {
		give(subs, TN_SUB_PATTERN, name,
		    tn_reply_text(tn_reply_at(r, 2)), tn_reply_at(r, 3));
		return TN_PUSH_DONE;
	}
	if (tn_slice_is(kind, "subscribe") ||
	    tn_slice_is(kind, "psubscribe") || tn_slice_is(kind, "ssubscribe"))
		return TN_PUSH_CONFIRMED;
	if (tn_slice_is(kind, "sunsubscribe") &&
	    tn_map_get(&subs->names[TN_SUB_SHARD], name) != NULL)
		return TN_PUSH_TAKEN_BACK;
	if (tn_slice_is(kind, "unsubscribe") ||
	    tn_slice_is(kind, "punsubscribe") ||
	    tn_slice_is(kind, "sunsubscribe") || tn_slice_is(kind, "pong"))
		return TN_PUSH_DONE;
	return TN_PUSH_WRONG;
}
