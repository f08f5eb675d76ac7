#include "config.h"

#include "session/throttle.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/err.h"
#include "redis/keys.h"
#include "redis/redis_batch.h"

#define WHO_MAX	128

/* The first try starts the window. Answers the tries so far and its rest. */
static const struct tn_script try_script = {
	"throttle-try",
	"local n = redis.call('INCR', KEYS[1])\n"
	"if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end\n"
	"local left = redis.call('TTL', KEYS[1])\n"
	"if left < 0 then\n"
	"  redis.call('EXPIRE', KEYS[1], ARGV[1])\n"
	"  left = tonumber(ARGV[1])\n"
	"end\n"
	"return {n, left}\n",
};

/* Not below nothing, and no counter without an end. */
static const struct tn_script give_back_script = {
	"throttle-give-back",
	"local n = redis.call('GET', KEYS[1])\n"
	"if not n or tonumber(n) < 1 then return 0 end\n"
	"return redis.call('DECR', KEYS[1])\n",
};

/* All whose names are longer than any name share a counter with others. */
static int
make_key(const struct tn_throttle *t, struct tn_slice who,
    struct tn_buf *out, struct tn_err *err)
{
	struct tn_slice done;

	tn_buf_init(out, 1024);
	tn_key_throttle(out, tn_slice_str(t->kind),
	    tn_slice_first(who, WHO_MAX));
	return tn_buf_finish(out, &done, err);
}

static struct tn_slice
window_of(const struct tn_throttle *t, char text[16])
{
	return tn_slice(text, (size_t)snprintf(text, 16, "%d", t->window_s));
}

static int
read_count(const struct tn_reply *reply, int64_t *used, int *left_s,
    struct tn_err *err)
{
	if (tn_reply_len(reply) != 2)
		return tn_err_set(err, TN_E_IO, "redis counted no tries");
	*used = tn_reply_integer(tn_reply_at(reply, 0));
	*left_s = (int)tn_reply_integer(tn_reply_at(reply, 1));
	*left_s = *left_s > 0 ? *left_s : 1;
	return 0;
}

int
tn_throttle_count(const struct tn_throttle *t, struct tn_slice who,
    int64_t *used, int *left_s, struct tn_err *err)
{
	char window[16];
	struct tn_slice key, arg = window_of(t, window);
	struct tn_reply *reply = NULL;
	struct tn_buf text;
	int e = make_key(t, who, &text, err);

	key = tn_buf_view(&text);
	if (e == 0)
		e = tn_redis_eval(t->redis, &try_script, &key, 1, &arg, 1,
		    &reply, err);
	if (e == 0)
		e = read_count(reply, used, left_s, err);
	tn_reply_free(&reply);
	tn_buf_fini(&text);
	return e;
}

size_t
tn_throttle_try_with(const struct tn_throttle *t, struct tn_slice who,
    struct tn_redis_batch *with)
{
	char window[16];
	struct tn_slice key, arg = window_of(t, window);
	struct tn_buf text;
	size_t place = 0;
	int e = make_key(t, who, &text, NULL);

	key = tn_buf_view(&text);
	if (e == 0)
		place = tn_redis_batch_eval(with, &try_script, &key, 1, &arg,
		    1);
	else
		tn_redis_batch_fail(with, e);
	tn_buf_fini(&text);
	return place;
}

int
tn_throttle_tried(const struct tn_throttle *t,
    const struct tn_redis_batch *with, size_t place, int *retry_s,
    struct tn_err *err)
{
	const struct tn_reply *reply;
	int64_t used = 0;
	int e = tn_redis_batch_reply(with, place, &reply, err);

	if (e == 0)
		e = read_count(reply, &used, retry_s, err);
	return e < 0 ? e : used <= t->max;
}

int
tn_throttle_try(const struct tn_throttle *t, struct tn_slice who,
    int *retry_s, struct tn_err *err)
{
	int64_t used;
	int e = tn_throttle_count(t, who, &used, retry_s, err);

	return e < 0 ? e : used <= t->max;
}

int
tn_throttle_give_back(const struct tn_throttle *t, struct tn_slice who,
    struct tn_err *err)
{
	struct tn_reply *reply = NULL;
	struct tn_slice key;
	struct tn_buf text;
	int e = make_key(t, who, &text, err);

	key = tn_buf_view(&text);
	if (e == 0)
		e = tn_redis_eval(t->redis, &give_back_script, &key, 1, NULL,
		    0, &reply, err);
	tn_reply_free(&reply);
	tn_buf_fini(&text);
	return e;
}

struct tn_slice
tn_throttle_address(struct tn_slice address, char group[TN_THROTTLE_ADDRESS])
{
	static const unsigned char mapped[12] = {
		[10] = 0xff, [11] = 0xff,
	};
	char text[TN_THROTTLE_ADDRESS];
	struct in6_addr in6;
	const char *made = NULL;

	address = tn_slice_first(address, TN_THROTTLE_ADDRESS - 1);
	snprintf(text, sizeof(text), "%.*s", TN_SLICE_ARG(address));
	if (inet_pton(AF_INET6, text, &in6) == 1) {
		if (memcmp(in6.s6_addr, mapped, sizeof(mapped)) == 0)
			made = inet_ntop(AF_INET, in6.s6_addr + 12, group,
			    TN_THROTTLE_ADDRESS);
		else
			memset(in6.s6_addr + 8, 0, 8);
		if (made == NULL)
			made = inet_ntop(AF_INET6, &in6, group,
			    TN_THROTTLE_ADDRESS);
	}
	if (made == NULL)
		memcpy(group, text, sizeof(text));
	return tn_slice_str(group);
}

int
tn_throttle_clear(const struct tn_throttle *t, struct tn_slice who,
    struct tn_err *err)
{
	struct tn_slice argv[2];
	struct tn_reply *reply = NULL;
	struct tn_buf key;
	int e = make_key(t, who, &key, err);

	argv[0] = TN_SLICE("DEL");
	argv[1] = tn_buf_view(&key);
	if (e == 0)
		e = tn_redis_call(t->redis, argv, 2, &reply, err);
	tn_reply_free(&reply);
	tn_buf_fini(&key);
	return e;
}

void
tn_throttle_clear_with(const struct tn_throttle *t, struct tn_slice who,
    struct tn_redis_batch *with)
{
	struct tn_slice argv[2];
	struct tn_buf key;
	int e = make_key(t, who, &key, NULL);

	argv[0] = TN_SLICE("DEL");
	argv[1] = tn_buf_view(&key);
	if (e == 0)
		tn_redis_batch_call(with, argv, 2);
	else
		tn_redis_batch_fail(with, e);
	tn_buf_fini(&key);
}
