#include "config.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "redis/wire.h"

/* Most commands have fewer words than this and need no array on the heap. */
#define WORDS_ON_STACK 24

/*
 * Objects of the reader. Memory is taken for what has arrived: an array
 * grows with its items, whatever length was announced.
 */

static bool
charge(const redisReadTask *task, size_t bytes)
{
	struct tn_reader *r = task->privdata;

	r->held += bytes;
	r->is_over = r->is_over || r->held > TN_LIMIT_REDIS_REPLY;
	return !r->is_over;
}

static bool
has_room(struct tn_reply *array)
{
	size_t cap = array->cap == 0 ? 4 : array->cap * 2;
	struct tn_reply **items;

	if (array->len < array->cap)
		return true;
	items = realloc(array->items, cap * sizeof(*items));
	if (items == NULL)
		return false;
	array->items = items;
	array->cap = cap;
	return true;
}

static struct tn_reply *
make(const redisReadTask *task, enum tn_reply_type type, struct tn_slice text)
{
	struct tn_reply *parent = task->parent == NULL ?
	    NULL : task->parent->obj;
	struct tn_reply *r;

	if (!charge(task, sizeof(*r) + text.len + 1 + sizeof(r)) ||
	    (parent != NULL && !has_room(parent)))
		return NULL;
	r = malloc(sizeof(*r) + text.len + 1);
	if (r == NULL)
		return NULL;
	*r = (struct tn_reply){ .type = type, .len = text.len };
	if (text.len > 0)
		memcpy(r->text, text.ptr, text.len);
	r->text[text.len] = '\0';
	if (parent != NULL)
		parent->items[parent->len++] = r;
	return r;
}

static void *
make_string(const redisReadTask *task, char *ptr, size_t len)
{
	enum tn_reply_type type = TN_REPLY_STRING;

	if (task->type == REDIS_REPLY_STATUS)
		type = TN_REPLY_STATUS;
	else if (task->type == REDIS_REPLY_ERROR)
		type = TN_REPLY_ERROR;
	return make(task, type, tn_slice(ptr, len));
}

static void *
make_array(const redisReadTask *task, int announced)
{
	(void)announced;
	return make(task, TN_REPLY_ARRAY, TN_SLICE_NONE);
}

static void *
make_integer(const redisReadTask *task, long long n)
{
	struct tn_reply *r = make(task, TN_REPLY_INTEGER, TN_SLICE_NONE);

	if (r != NULL)
		r->integer = n;
	return r;
}

static void *
make_nil(const redisReadTask *task)
{
	return make(task, TN_REPLY_NIL, TN_SLICE_NONE);
}

static void
drop(void *object)
{
	struct tn_reply *r = object;

	tn_reply_free(&r);
}

static redisReplyObjectFunctions *
functions(void)
{
	static const redisReplyObjectFunctions table = {
		make_string, make_array, make_integer, make_nil, drop,
	};

	/* The reader never writes to it; its interface forgot the const. */
	return (redisReplyObjectFunctions *)(uintptr_t)&table;
}

int
tn_reader_init(struct tn_reader *r, struct tn_err *err)
{
	*r = (struct tn_reader){ .hi = NULL };
	r->hi = redisReaderCreateWithFunctions(functions());
	if (r->hi == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a reader");
	r->hi->privdata = r;
	return 0;
}

void
tn_reader_fini(struct tn_reader *r)
{
	if (r->hi != NULL)
		redisReaderFree(r->hi);
	r->hi = NULL;
}

int
tn_reader_feed(struct tn_reader *r, const void *ptr, size_t len,
    struct tn_err *err)
{
	if (redisReaderFeed(r->hi, ptr, len) != REDIS_OK)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a reply");
	return 0;
}

/*
 * The reader keeps an unfinished item whole and looks for the end of its
 * first line again with each feed, so both have a bound.
 */
static bool
too_long(const redisReader *hi)
{
	size_t waiting = hi->len - hi->pos;

	if (waiting > TN_LIMIT_REDIS_REPLY)
		return true;
	return waiting > TN_LIMIT_REDIS_LINE &&
	    memchr(hi->buf + hi->pos, '\n', TN_LIMIT_REDIS_LINE) == NULL;
}

int
tn_reader_next(struct tn_reader *r, struct tn_reply **out, struct tn_err *err)
{
	void *reply = NULL;

	if (redisReaderGetReply(r->hi, &reply) != REDIS_OK) {
		if (r->is_over)
			return tn_err_set(err, TN_E_IO, "redis sent a reply of "
			    "more than %u bytes", TN_LIMIT_REDIS_REPLY);
		if (r->hi->err == REDIS_ERR_OOM)
			return tn_err_set(err, TN_E_NOMEM,
			    "no memory for a reply");
		return tn_err_set(err, TN_E_IO, "redis sent what is no reply");
	}
	if (reply == NULL) {
		if (too_long(r->hi))
			return tn_err_set(err, TN_E_IO,
			    "redis sent too long a reply");
		return 0;
	}
	r->held = 0;
	*out = reply;
	return 1;
}

bool
tn_reader_has_rest(const struct tn_reader *r)
{
	return r->hi->pos < r->hi->len;
}

int
tn_command_format(struct tn_command *out, const struct tn_slice *argv,
    size_t argc, struct tn_err *err)
{
	const char *few_ptrs[WORDS_ON_STACK], **ptrs = few_ptrs;
	size_t few_lens[WORDS_ON_STACK], *lens = few_lens;
	size_t sum = 0;
	int len = -1;

	*out = (struct tn_command){ NULL, 0 };
	if (argc == 0)
		return tn_err_set(err, TN_E_STATE, "a command without words");
	if (argc > WORDS_ON_STACK) {
		if (argc > INT_MAX / 64)
			return tn_err_set(err, TN_E_LIMIT,
			    "a command of %zu words", argc);
		ptrs = calloc(argc, sizeof(*ptrs));
		lens = calloc(argc, sizeof(*lens));
	}
	for (size_t i = 0; ptrs != NULL && lens != NULL && i < argc; i++) {
		ptrs[i] = argv[i].ptr == NULL ? "" : argv[i].ptr;
		lens[i] = argv[i].len;
		sum += lens[i] > TN_LIMIT_REDIS_COMMAND ?
		    TN_LIMIT_REDIS_COMMAND : lens[i];
	}
	if (ptrs != NULL && lens != NULL && sum < TN_LIMIT_REDIS_COMMAND)
		len = redisFormatCommandArgv(&out->ptr, (int)argc, ptrs, lens);
	if (ptrs != few_ptrs) {
		free(ptrs);
		free(lens);
	}
	if (sum >= TN_LIMIT_REDIS_COMMAND)
		return tn_err_set(err, TN_E_LIMIT,
		    "a command of more than %u bytes", TN_LIMIT_REDIS_COMMAND);
	if (len < 0)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a command");
	out->len = (size_t)len;
	return 0;
}

int
tn_command_eval(struct tn_command *out, struct tn_slice verb,
    struct tn_slice body, const struct tn_slice *keys, size_t nkeys,
    const struct tn_slice *args, size_t nargs, struct tn_err *err)
{
	struct tn_slice few[WORDS_ON_STACK], *words = few;
	size_t argc = 3 + nkeys + nargs;
	char count[24];
	int r;

	if (argc > WORDS_ON_STACK)
		words = calloc(argc, sizeof(*words));
	if (words == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a command");
	snprintf(count, sizeof(count), "%zu", nkeys);
	words[0] = verb;
	words[1] = body;
	words[2] = tn_slice_str(count);
	for (size_t i = 0; i < nkeys; i++)
		words[3 + i] = keys[i];
	for (size_t i = 0; i < nargs; i++)
		words[3 + nkeys + i] = args[i];
	r = tn_command_format(out, words, argc, err);
	if (words != few)
		free(words);
	return r;
}

void
tn_command_free(struct tn_command *command)
{
	if (command->ptr != NULL)
		redisFreeCommand(command->ptr);
	*command = (struct tn_command){ NULL, 0 };
}

void
tn_command_append(struct tn_buf *out, const struct tn_slice *argv,
    size_t argc)
{
	struct tn_command command;
	int r = tn_command_format(&command, argv, argc, NULL);

	if (r < 0 && out->failed == 0)
		out->failed = r;
	if (r == 0)
		tn_buf_bytes(out, command.ptr, command.len);
	tn_command_free(&command);
}
