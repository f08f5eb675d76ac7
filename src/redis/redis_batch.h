/*
 * Commands that do not wait for each other's answers: sent together, so that
 * all of them cost one journey.
 *
 *	struct tn_redis_batch batch;
 *	size_t made;
 *
 *	tn_redis_batch_init(&batch, redis);
 *	made = tn_redis_batch_call(&batch, argv, argc);
 *	tn_redis_batch_eval(&batch, &script, keys, 1, args, 2);
 *	if ((e = tn_redis_batch_send(&batch, err)) == 0)
 *		e = tn_redis_batch_reply(&batch, made, &reply, err);
 *	tn_redis_batch_fini(&batch);
 *
 * It is no transaction: each may fail by itself, and others' commands come
 * in between. Redis carries them out in this order, but for a script it has
 * forgotten and for what a demoted master has refused: those come last.
 */
#ifndef TN_REDIS_BATCH_H
#define TN_REDIS_BATCH_H

#include "base/arena.h"
#include "base/err.h"
#include "redis/redis.h"

struct tn_redis_batch {
	struct tn_redis *redis;
	struct tn_arena words;		/* all texts are copied */
	struct tn_redis_asked {
		const struct tn_script *script;	/* NULL: a command */
		const struct tn_slice *argv;	/* or keys, then arguments */
		size_t argc, nkeys;
		struct tn_reply *reply;
	} *asked;
	size_t n, cap;
	bool is_sent;
	struct tn_err why;		/* there is no answer; code 0: there is */
};

void tn_redis_batch_init(struct tn_redis_batch *b, struct tn_redis *redis);
void tn_redis_batch_fini(struct tn_redis_batch *b);

/*
 * One more command, or script. The texts are copied, the script is borrowed.
 * Want of memory is told by tn_redis_batch_send.
 *
 * Returns its place, for tn_redis_batch_reply.
 */
size_t tn_redis_batch_call(struct tn_redis_batch *b,
    const struct tn_slice *argv, size_t argc);
size_t tn_redis_batch_eval(struct tn_redis_batch *b,
    const struct tn_script *script, const struct tn_slice *keys,
    size_t nkeys, const struct tn_slice *args, size_t nargs);

/* It cannot be sent, for this reason (a negative error). */
void tn_redis_batch_fail(struct tn_redis_batch *b, int why);

/*
 * Send all of them, once, and wait for all answers. In a cluster they go one
 * after the other.
 *
 * Returns 0 when each was answered, if by an error: ask tn_redis_batch_reply.
 * TN_E_AWAY, TN_E_TIMEOUT, TN_E_IO: some may have been carried out and no
 * answer is known. TN_E_NOMEM, TN_E_LIMIT: nothing was sent, or as before.
 */
int tn_redis_batch_send(struct tn_redis_batch *b, struct tn_err *err);

/*
 * Send several batches, one behind the other: by one journey, those that are
 * for the same Redis and stand together. What came of each is told by
 * tn_redis_batch_sent; a failed journey is that of all who went along. Those
 * that were sent before, or cannot be, are left out.
 */
void tn_redis_batch_send_all(struct tn_redis_batch *const *batches, size_t n);

/* Were they answered? As tn_redis_batch_send; TN_E_STATE: not sent yet. */
int tn_redis_batch_sent(const struct tn_redis_batch *b, struct tn_err *err);

/*
 * The answer to one of them, once it was sent.
 *
 * out  set to it, the batch's; NULL: not wanted
 *
 * Returns 0; for an error reply what tn_redis_call would (TN_E_IO, TN_E_AWAY);
 * why the batch failed; TN_E_STATE if it was not sent.
 */
int tn_redis_batch_reply(const struct tn_redis_batch *b, size_t place,
    const struct tn_reply **out, struct tn_err *err);

#endif
