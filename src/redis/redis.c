#include "config.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "redis/redis_cluster.h"
#include "redis/redis_conns.h"
#include "redis/redis_impl.h"
#include "redis/topology.h"

#define SCRIPTS	32	/* digests remembered; others go as text */

struct digest {
	const char *text;
	char sha[41];
};

struct tn_redis {
	const struct tn_redis_options *options;
	struct tn_redis_cluster *cluster;	/* else */
	struct tn_redis_conns *conns;
	pthread_mutex_t lock;	/* of what follows */
	struct digest scripts[SCRIPTS];
	size_t nscripts;
};

/* ---- One command; its reply may be an error reply -------------------------*/

bool
tn_redis_is_cluster(const struct tn_redis *redis)
{
	return redis->cluster != NULL;
}

int
tn_redis_exchange(struct tn_redis *redis, struct tn_slice bytes,
    struct tn_reply **replies, size_t n, bool *unsent, struct tn_err *err)
{
	return tn_redis_conns_exchange(redis->conns, bytes, replies, n,
	    unsent, err);
}

/* A master that was made a replica takes no writes: nothing has run. */
bool
tn_redis_is_demoted(const struct tn_redis *redis, const struct tn_reply *reply)
{
	return redis->options->topology == TN_REDIS_SENTINEL &&
	    tn_reply_type(reply) == TN_REPLY_ERROR &&
	    tn_slice_starts(tn_reply_text(reply), TN_SLICE("READONLY"));
}

/* key.ptr NULL: it has none. */
static int
exchange(struct tn_redis *redis, const struct tn_command *command,
    struct tn_slice key, struct tn_reply **out, struct tn_err *err)
{
	struct tn_slice bytes = tn_slice(command->ptr, command->len);
	int r;

	if (redis->cluster != NULL)
		return tn_redis_cluster_exchange(redis->cluster, command, key,
		    out, err);
	r = tn_redis_exchange(redis, bytes, out, 1, NULL, err);
	if (r < 0 || !tn_redis_is_demoted(redis, *out))
		return r;
	tn_reply_free(out);
	tn_redis_conns_hang_up(redis->conns);
	return tn_redis_exchange(redis, bytes, out, 1, NULL, err);
}

int
tn_redis_ask(struct tn_redis *redis, const struct tn_slice *argv,
    size_t argc, struct tn_reply **out, struct tn_err *err)
{
	struct tn_command command;
	int r = tn_command_format(&command, argv, argc, err);

	*out = NULL;
	if (r == 0)
		r = exchange(redis, &command, tn_redis_key_of(argv, argc), out,
		    err);
	tn_command_free(&command);
	return r;
}

static int
refuse_error(int r, struct tn_reply **out, struct tn_err *err)
{
	if (r < 0 || tn_reply_type(*out) != TN_REPLY_ERROR)
		return r;
	r = tn_reply_fail(*out, err);
	tn_reply_free(out);
	return r;
}

int
tn_redis_call(struct tn_redis *redis, const struct tn_slice *argv,
    size_t argc, struct tn_reply **out, struct tn_err *err)
{
	return refuse_error(tn_redis_ask(redis, argv, argc, out, err), out,
	    err);
}

/* ---- Scripts --------------------------------------------------------------*/

static bool
find_digest(struct tn_redis *redis, const char *text, char out[41])
{
	bool found = false;

	pthread_mutex_lock(&redis->lock);
	for (size_t i = 0; i < redis->nscripts && !found; i++) {
		found = redis->scripts[i].text == text;
		if (found)
			memcpy(out, redis->scripts[i].sha, 41);
	}
	pthread_mutex_unlock(&redis->lock);
	return found;
}

static void
keep_digest(struct tn_redis *redis, const char *text, const char sha[41])
{
	pthread_mutex_lock(&redis->lock);
	if (redis->nscripts < SCRIPTS) {
		struct digest *d = &redis->scripts[redis->nscripts++];

		d->text = text;
		memcpy(d->sha, sha, 41);
	}
	pthread_mutex_unlock(&redis->lock);
}

/* Learn the digest of a script from Redis, which reads the script by that. */
static int
load(struct tn_redis *redis, const struct tn_script *script, char sha[41],
    struct tn_err *err)
{
	struct tn_slice words[] = {
		TN_SLICE("SCRIPT"), TN_SLICE("LOAD"), tn_slice_str(script->text),
	};
	struct tn_reply *reply;
	int r = tn_redis_call(redis, words, 3, &reply, err);

	if (r < 0)
		return r;
	if (tn_reply_digest(reply, sha))
		keep_digest(redis, script->text, sha);
	else
		r = tn_err_set(err, TN_E_IO, "redis gave script %s no digest",
		    script->name);
	tn_reply_free(&reply);
	return r;
}

int
tn_redis_digest(struct tn_redis *redis, const struct tn_script *script,
    char sha[41], struct tn_err *err)
{
	return find_digest(redis, script->text, sha) ? 0 :
	    load(redis, script, sha, err);
}

int
tn_redis_ask_script(struct tn_redis *redis, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs, struct tn_reply **out, struct tn_err *err)
{
	struct tn_slice key = nkeys > 0 ? keys[0] : TN_SLICE_NONE;
	struct tn_command command;
	char sha[41];
	int r;

	*out = NULL;
	r = tn_redis_digest(redis, script, sha, err);
	if (r < 0)
		return r;
	r = tn_command_eval(&command, TN_SLICE("EVALSHA"), tn_slice(sha, 40),
	    keys, nkeys, args, nargs, err);
	if (r == 0)
		r = exchange(redis, &command, key, out, err);
	tn_command_free(&command);
	if (r < 0 || !tn_reply_is_noscript(*out))
		return r;

	/* Forgotten, so nothing ran: once more, with its text. */
	tn_reply_free(out);
	r = tn_command_eval(&command, TN_SLICE("EVAL"),
	    tn_slice_str(script->text), keys, nkeys, args, nargs, err);
	if (r == 0)
		r = exchange(redis, &command, key, out, err);
	tn_command_free(&command);
	return r;
}

int
tn_redis_eval(struct tn_redis *redis, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs, struct tn_reply **out, struct tn_err *err)
{
	return refuse_error(tn_redis_ask_script(redis, script, keys, nkeys,
	    args, nargs, out, err), out, err);
}

/* ---- Made and freed -------------------------------------------------------*/

struct tn_redis *
tn_redis_new(const struct tn_redis_options *options, size_t max,
    struct tn_err *err)
{
	struct tn_redis *redis = calloc(1, sizeof(*redis));

	max = max == 0 ? 1 : max;
	if (redis != NULL && options->topology == TN_REDIS_CLUSTER)
		redis->cluster = tn_redis_cluster_new(options, max);
	else if (redis != NULL)
		redis->conns = tn_redis_conns_new(options, max);
	if (redis == NULL ||
	    (redis->cluster == NULL && redis->conns == NULL)) {
		free(redis);
		tn_err_set(err, TN_E_NOMEM, "no memory for redis");
		return NULL;
	}
	redis->options = options;
	pthread_mutex_init(&redis->lock, NULL);
	return redis;
}

void
tn_redis_free(struct tn_redis **redis)
{
	struct tn_redis *r = *redis;

	*redis = NULL;
	if (r == NULL)
		return;
	tn_redis_cluster_free(&r->cluster);
	tn_redis_conns_free(&r->conns);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
