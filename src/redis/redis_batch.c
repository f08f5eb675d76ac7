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
	if (b->failed == 0)
		b->failed = why;
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

/* Keys in different slots are with different servers. */
static int
send_each(struct tn_redis_batch *b, struct tn_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->n; i++)
		r = ask_alone(b->redis, &b->asked[i], err);
	return r;
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

static int
append_all(struct tn_buf *out, const struct tn_redis_batch *b,
    struct tn_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->n; i++)
		r = append(out, b->redis, &b->asked[i], err);
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

static size_t
take_replies(struct tn_redis_batch *b, struct tn_reply **replies)
{
	for (size_t i = 0; i < b->n; i++)
		b->asked[i].reply = replies[i];
	return b->n;
}

/* b, and behind it then, which may have nothing in it. */
static int
send_both(struct tn_redis_batch *b, struct tn_redis_batch *then,
    struct tn_err *err)
{
	struct tn_reply **replies = calloc(b->n + then->n, sizeof(*replies));
	struct tn_slice bytes;
	struct tn_buf out;
	int r;

	if (replies == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for replies");
	tn_buf_init(&out, 2 * TN_LIMIT_REDIS_COMMAND);
	r = append_all(&out, b, err);
	if (r == 0)
		r = append_all(&out, then, err);
	if (r == 0)
		r = tn_buf_finish(&out, &bytes, err);
	if (r == 0)
		r = tn_redis_exchange(b->redis, bytes, replies, b->n + then->n,
		    NULL, err);
	if (r == 0)
		take_replies(then, replies + take_replies(b, replies));
	tn_buf_fini(&out);
	free(replies);
	if (r == 0)
		r = ask_again(b, err);
	return r < 0 ? r : ask_again(then, err);
}

int
tn_redis_batch_send(struct tn_redis_batch *b, struct tn_err *err)
{
	struct tn_redis_batch none = { .redis = b->redis };
	struct tn_redis_batch *then = b->then == NULL ? &none : b->then;
	int r = b->failed != 0 ? b->failed : then->failed;

	if (r != 0)
		return tn_err_set(err, r, "cannot ask redis all at once: %s",
		    tn_err_name(r));
	if (b->n + then->n == 0)
		return 0;
	if (then->redis != b->redis) {
		b->then = NULL;
		r = tn_redis_batch_send(b, err);
		return r < 0 ? r : tn_redis_batch_send(then, err);
	}
	if (!tn_redis_is_cluster(b->redis))
		return send_both(b, then, err);
	r = send_each(b, err);
	return r < 0 ? r : send_each(then, err);
}

int
tn_redis_batch_reply(const struct tn_redis_batch *b, size_t place,
    const struct tn_reply **out, struct tn_err *err)
{
	const struct tn_reply *reply = place < b->n ? b->asked[place].reply :
	    NULL;

	if (out != NULL)
		*out = reply;
	if (reply == NULL)
		return tn_err_set(err, TN_E_STATE, "redis was not asked that");
	return tn_reply_type(reply) == TN_REPLY_ERROR ?
	    tn_reply_fail(reply, err) : 0;
}
