#include "config.h"

#include "session/throttle.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/err.h"
#include "redis/keys.h"
#include "redis/redis_batch.h"

#define WHO_MAX	128

/* The first try starts the window. The tries so far, and its rest. */
#define TRY								\
	"local function try(key, window)\n"				\
	"  local n = redis.call('INCR', key)\n"				\
	"  if n == 1 then redis.call('EXPIRE', key, window) end\n"	\
	"  local left = redis.call('TTL', key)\n"			\
	"  if left < 0 then\n"						\
	"    redis.call('EXPIRE', key, window)\n"			\
	"    left = tonumber(window)\n"					\
	"  end\n"							\
	"  return n, left\n"						\
	"end\n"

static const struct tn_script try_script = {
	"throttle-try",
	TRY "return {try(KEYS[1], ARGV[1])}\n",
};

/* ARGV: the first's window, the second's, how many the first takes. */
static const struct tn_script both_script = {
	"throttle-both",
	TRY "local t = {try(KEYS[1], ARGV[1])}\n"
	"if t[1] <= tonumber(ARGV[3]) then\n"
	"  t[3], t[4] = try(KEYS[2], ARGV[2])\n"
	"end\n"
	"return t\n",
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
number(int n, char text[16])
{
	return tn_slice(text, (size_t)snprintf(text, 16, "%d", n));
}

/* The i-th of those that were asked. */
static int
read_count(const struct tn_reply *reply, size_t i, int64_t *used, int *left_s,
    struct tn_err *err)
{
	if (tn_reply_len(reply) < 2 * i + 2)
		return tn_err_set(err, TN_E_IO, "redis counted no tries");
	*used = tn_reply_integer(tn_reply_at(reply, 2 * i));
	*left_s = (int)tn_reply_integer(tn_reply_at(reply, 2 * i + 1));
	*left_s = *left_s > 0 ? *left_s : 1;
	return 0;
}

int
tn_throttle_count(const struct tn_throttle *t, struct tn_slice who,
    int64_t *used, int *left_s, struct tn_err *err)
{
	char window[16];
	struct tn_slice key, arg = number(t->window_s, window);
	struct tn_reply *reply = NULL;
	struct tn_buf text;
	int e = make_key(t, who, &text, err);

	key = tn_buf_view(&text);
	if (e == 0)
		e = tn_redis_eval(t->redis, &try_script, &key, 1, &arg, 1,
		    &reply, err);
	if (e == 0)
		e = read_count(reply, 0, used, left_s, err);
	tn_reply_free(&reply);
	tn_buf_fini(&text);
	return e;
}

size_t
tn_throttle_try_with(const struct tn_throttle *t, struct tn_slice who,
    struct tn_redis_batch *with)
{
	char window[16];
	struct tn_slice key, arg = number(t->window_s, window);
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

static int
tried(const struct tn_throttle *t, const struct tn_reply *reply, size_t i,
    int *retry_s, struct tn_err *err)
{
	int64_t used = 0;
	int e = read_count(reply, i, &used, retry_s, err);

	return e < 0 ? e : used <= t->max;
}

int
tn_throttle_tried(const struct tn_throttle *t,
    const struct tn_redis_batch *with, size_t place, int *retry_s,
    struct tn_err *err)
{
	const struct tn_reply *reply;
	int e = tn_redis_batch_reply(with, place, &reply, err);

	return e < 0 ? e : tried(t, reply, 0, retry_s, err);
}

size_t
tn_throttle_try_both_with(const struct tn_throttle *first,
    struct tn_slice who, const struct tn_throttle *second,
    struct tn_slice whose, struct tn_redis_batch *with)
{
	char text[3][16];
	const struct tn_slice args[] = { number(first->window_s, text[0]),
		number(second->window_s, text[1]), number(first->max, text[2]) };
	struct tn_buf one, other;
	size_t place = 0;
	int e, failed;

	if (tn_redis_is_cluster(with->redis))	/* one slot at a time */
		return tn_throttle_try_with(first, who, with);
	e = make_key(first, who, &one, NULL);
	failed = make_key(second, whose, &other, NULL);
	e = e < 0 ? e : failed;
	if (e == 0)
		place = tn_redis_batch_eval(with, &both_script,
		    (struct tn_slice[]){ tn_buf_view(&one),
		    tn_buf_view(&other) }, 2, args, 3);
	else
		tn_redis_batch_fail(with, e);
	tn_buf_fini(&other);
	tn_buf_fini(&one);
	return place;
}

int
tn_throttle_tried_both(const struct tn_throttle *first,
    const struct tn_throttle *second, struct tn_slice whose,
    const struct tn_redis_batch *with, size_t place, int *retry_s,
    struct tn_err *err)
{
	const struct tn_reply *reply;
	int e = tn_throttle_tried(first, with, place, retry_s, err);

	if (e != 1)
		return e;
	if (tn_redis_is_cluster(with->redis))
		return tn_throttle_try(second, whose, retry_s, err);
	e = tn_redis_batch_reply(with, place, &reply, err);
	return e < 0 ? e : tried(second, reply, 1, retry_s, err);
}

int
tn_throttle_try(const struct tn_throttle *t, struct tn_slice who,
    int *retry_s, struct tn_err *err)
{
	int64_t used;
	int e = tn_throttle_count(t, who, &used, retry_s, err);

	return e < 0 ? e : used <= t->max;
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
