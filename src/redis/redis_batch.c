#include "config.h"

#include "redis/redis_batch.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "redis/redis_impl.h"

void
tn_redis_batch_init(struct tn_redis_batch *b, struct tn_redis *redis)
{
	*b = (struct tn_redis_batch){ .redis = redis };
	tn_arena_init(&b->words, TN_LIMIT_REDIS_COMMAND);
}

void
tn_redis_batch_fini(struct tn_redis_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		tn_reply_free(&b->asked[i].reply);
	b->n = 0;
	tn_arena_fini(&b->words);
}

void
tn_redis_batch_fail(struct tn_redis_batch *b, int why)
{
	if (b->why.code == 0)
		tn_err_set(&b->why, why, "cannot ask redis all at once: %s",
		    tn_err_name(why));
}

/* ---- What is asked --------------------------------------------------------*/

static bool
has_room(struct tn_redis_batch *b)
{
	size_t cap = b->cap == 0 ? 4 : b->cap * 2;
	struct tn_redis_asked *more;

	if (b->n < b->cap)
		return true;
	more = tn_arena_alloc(&b->words, cap * sizeof(*more));
	if (more == NULL)
		return false;
	if (b->n > 0)
		memcpy(more, b->asked, b->n * sizeof(*more));
	b->asked = more;
	b->cap = cap;
	return true;
}

static void
copy_words(struct tn_arena *arena, struct tn_slice *to,
    const struct tn_slice *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = tn_arena_copy(arena, from[i]);
}

/* Keys and arguments one behind the other; a command has arguments alone. */
static size_t
add(struct tn_redis_batch *b, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs)
{
	struct tn_slice *words = tn_arena_alloc(&b->words,
	    (nkeys + nargs) * sizeof(*words));

	if (words != NULL && has_room(b)) {
		copy_words(&b->words, words, keys, nkeys);
		copy_words(&b->words, words + nkeys, args, nargs);
		b->asked[b->n++] = (struct tn_redis_asked){
			.script = script, .argv = words,
			.argc = nkeys + nargs, .nkeys = nkeys,
		};
	}
	if (b->words.overflowed)
		tn_redis_batch_fail(b, TN_E_NOMEM);
	return b->n - 1;
}

size_t
tn_redis_batch_call(struct tn_redis_batch *b, const struct tn_slice *argv,
    size_t argc)
{
	return add(b, NULL, NULL, 0, argv, argc);
}

size_t
tn_redis_batch_eval(struct tn_redis_batch *b, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs)
{
	return add(b, script, keys, nkeys, args, nargs);
}

/* ---- Sent -----------------------------------------------------------------*/

static int
ask_alone(struct tn_redis *redis, struct tn_redis_asked *a,
    struct tn_err *err)
{
	tn_reply_free(&a->reply);
	return a->script == NULL ?
	    tn_redis_ask(redis, a->argv, a->argc, &a->reply, err) :
	    tn_redis_ask_script(redis, a->script, a->argv, a->nkeys,
	    a->argv + a->nkeys, a->argc - a->nkeys, &a->reply, err);
}

static int
append(struct tn_buf *out, struct tn_redis *redis,
    const struct tn_redis_asked *a, struct tn_err *err)
{
	struct tn_command command;
	char sha[41];
	int r = 0;

	if (a->script == NULL) {
		r = tn_command_format(&command, a->argv, a->argc, err);
	} else {
		r = tn_redis_digest(redis, a->script, sha, err);
		if (r < 0)
			return r;
		r = tn_command_eval(&command, TN_SLICE("EVALSHA"),
		    tn_slice(sha, 40), a->argv, a->nkeys,
		    a->argv + a->nkeys, a->argc - a->nkeys, err);
	}
	if (r == 0)
		tn_buf_bytes(out, command.ptr, command.len);
	tn_command_free(&command);
	return r;
}

/* Nothing of these has run: once more, each by itself. */
static int
ask_again(struct tn_redis_batch *b, struct tn_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->n; i++)
		if (tn_reply_is_noscript(b->asked[i].reply) ||
		    tn_redis_is_demoted(b->redis, b->asked[i].reply))
			r = ask_alone(b->redis, &b->asked[i], err);
	return r;
}

/* An err that was filled on the way to a success says nothing. */
static void
settle(struct tn_redis_batch *b, int r, const struct tn_err *err)
{
	if (r < 0) {
		b->why = *err;
		b->why.code = r;
	}
}

static void
take_answers(struct tn_redis_batch *b, struct tn_reply **replies)
{
	struct tn_err err = { .code = 0 };

	for (size_t i = 0; i < b->n; i++)
		b->asked[i].reply = replies[i];
	settle(b, ask_again(b, &err), &err);
}

static bool
is_wanted(const struct tn_redis_batch *b)
{
	return b->n > 0 && b->why.code == 0 && !b->is_sent;
}

/* All of it or, if it cannot be said, nothing: the others go without it. */
static void
append_all(struct tn_buf *out, struct tn_redis_batch *b, size_t *total)
{
	struct tn_err err = { .code = 0 };
	size_t before = out->len;
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->n; i++)
		r = append(out, b->redis, &b->asked[i], &err);
	if (r == 0)
		*total += b->n;
	else
		out->len = before;
	settle(b, r, &err);
}

static int
exchange(struct tn_redis *redis, const struct tn_buf *out,
    struct tn_reply **replies, size_t n, struct tn_err *err)
{
	struct tn_slice bytes;
	int r = tn_buf_finish(out, &bytes, err);

	if (r == 0 && replies == NULL)
		r = tn_err_set(err, TN_E_NOMEM, "no memory for replies");
	return r < 0 ? r : tn_redis_exchange(redis, bytes, replies, n, NULL,
	    err);
}

/* All are for one Redis, which is no cluster. */
static void
send_together(struct tn_redis_batch *const *batches, size_t n)
{
	struct tn_err err = { .code = 0 };
	struct tn_reply **replies;
	size_t total = 0, at = 0;
	struct tn_buf out;
	int r = 0;

	tn_buf_init(&out, 2 * n * TN_LIMIT_REDIS_COMMAND);
	for (size_t i = 0; i < n; i++)
		if (is_wanted(batches[i]))
			append_all(&out, batches[i], &total);
	replies = calloc(total, sizeof(*replies));
	if (total > 0)
		r = exchange(batches[0]->redis, &out, replies, total, &err);
	tn_buf_fini(&out);
	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(batches[i]))
			continue;
		if (r == 0)
			take_answers(batches[i], replies + at);
		settle(batches[i], r, &err);
		at += batches[i]->n;
	}
	free(replies);
}

/* In a cluster, keys in different slots are with different servers. */
static void
send_each(struct tn_redis_batch *b)
{
	struct tn_err err = { .code = 0 };
	int r = 0;

	if (!is_wanted(b))
		return;
	for (size_t i = 0; r == 0 && i < b->n; i++)
		r = ask_alone(b->redis, &b->asked[i], &err);
	settle(b, r, &err);
}

void
tn_redis_batch_send_all(struct tn_redis_batch *const *batches, size_t n)
{
	size_t same;

	for (; n > 0; batches += same, n -= same) {
		struct tn_redis *redis = batches[0]->redis;

		for (same = 1; same < n && batches[same]->redis == redis;
		    same++)
			continue;
		if (!tn_redis_is_cluster(redis))
			send_together(batches, same);
		for (size_t i = 0; i < same; i++) {
			if (tn_redis_is_cluster(redis))
				send_each(batches[i]);
			batches[i]->is_sent = true;
		}
	}
}

int
tn_redis_batch_sent(const struct tn_redis_batch *b, struct tn_err *err)
{
	if (b->why.code == 0)
		return b->is_sent ? 0 : tn_err_set(err, TN_E_STATE,
		    "redis was not asked yet");
	if (err != NULL)
		*err = b->why;
	return b->why.code;
}

int
tn_redis_batch_send(struct tn_redis_batch *b, struct tn_err *err)
{
	tn_redis_batch_send_all(&b, 1);
	return tn_redis_batch_sent(b, err);
}

int
tn_redis_batch_reply(const struct tn_redis_batch *b, size_t place,
    const struct tn_reply **out, struct tn_err *err)
{
	const struct tn_reply *reply = place < b->n ? b->asked[place].reply :
	    NULL;

	if (out != NULL)
		*out = reply;
	if (b->why.code != 0)
		return tn_redis_batch_sent(b, err);
	if (reply == NULL)
		return tn_err_set(err, TN_E_STATE, "redis was not asked that");
	return tn_reply_type(reply) == TN_REPLY_ERROR ?
	    tn_reply_fail(reply, err) : 0;
}
