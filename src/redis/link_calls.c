#include "config.h"

#include "base/err.h"
#include "base/limits.h"
#include "redis/dial.h"
#include "redis/link_cluster.h"
#include "redis/link_impl.h"

static int64_t
now_ms(const struct tn_link *link)
{
	return link->loop->wheel.now_ms;
}

static void
fail(struct tn_waiter *w, const struct tn_err *err)
{
	tn_command_free(&w->again);
	if (w->fn != NULL)
		w->fn(NULL, err, w->arg);
}

/* Where commands stand that no connection has taken, and from where on. */
static struct tn_buf *
unsent(struct tn_link *link, size_t *from)
{
	*from = link->state == TN_LINK_UP ? link->calls.out_at : 0;
	return link->state == TN_LINK_UP ? &link->calls.out : &link->pending;
}

/* Up to which byte of the stream commands have left. */
static uint64_t
gone(struct tn_link *link)
{
	size_t from;
	struct tn_buf *out = unsent(link, &from);

	return link->queue.given - (out->len - from);
}

void
tn_link_swap_out(struct tn_link *link)
{
	struct tn_buf keep = link->pending;

	link->pending = link->calls.out;
	link->calls.out = keep;
	link->calls.out_at = 0;
}

size_t
tn_link_take_back(struct tn_link *link)
{
	uint64_t left = gone(link);
	size_t begun = 0;

	if (link->state != TN_LINK_UP)
		return 0;
	while (begun < link->queue.len &&
	    tn_link_queue_start(&link->queue, begun) < left)
		begun++;
	left = tn_link_queue_start(&link->queue, begun) - left;
	tn_buf_drop(&link->calls.out, link->calls.out_at + (size_t)left);
	tn_link_swap_out(link);
	return begun;
}

void
tn_link_fail(struct tn_link *link, size_t n, const struct tn_err *err)
{
	while (n-- > 0) {
		struct tn_waiter w = tn_link_queue_pop(&link->queue);

		fail(&w, err);
	}
}

/* Deadlines of commands: they stand in order, so the oldest's is enough. */

static void on_head_due(void *arg);

static void
watch_head(struct tn_link *link)
{
	const struct tn_waiter *w = tn_link_queue_head(&link->queue);

	if (w != NULL)
		tn_wheel_set(&link->loop->wheel, &link->head, w->deadline_ms,
		    on_head_due, link);
}

static size_t
count_due(const struct tn_link *link)
{
	return tn_link_queue_due(&link->queue, now_ms(link));
}

/* No connection came: what is due is taken out of pending, unsent. */
static void
expire(struct tn_link *link, size_t n)
{
	struct tn_err err;

	tn_buf_drop(&link->pending,
	    (size_t)(tn_link_queue_start(&link->queue, n) - gone(link)));
	tn_err_set(&err, TN_E_TIMEOUT, "no connection to redis in time");
	tn_link_fail(link, n, &err);
}

static void
on_head_due(void *arg)
{
	struct tn_link *link = arg;

	/* It may have answered while we were busy with other things. */
	if (count_due(link) > 0 && link->state == TN_LINK_UP)
		tn_link_conn_read(&link->calls);
	if (count_due(link) > 0 && link->state == TN_LINK_UP)
		tn_link_lost_text(link, TN_E_TIMEOUT,
		    "redis did not answer in time");
	if (count_due(link) > 0)
		expire(link, count_due(link));
	watch_head(link);
}

static int send_again(struct tn_link *link, struct tn_waiter *w);

void
tn_link_answer(struct tn_link *link, const struct tn_reply *r)
{
	struct tn_waiter w;
	struct tn_err err;

	if (tn_link_queue_start(&link->queue, 0) >= gone(link)) {
		tn_link_lost_text(link, TN_E_AWAY,
		    "redis answered what was not asked");
		return;
	}
	w = tn_link_queue_pop(&link->queue);

	/* Nothing ran, so it may be given again, with its text this time. */
	if (w.again.ptr != NULL && tn_reply_is_noscript(r) &&
	    send_again(link, &w) == 0)
		return;
	tn_command_free(&w.again);
	if (w.fn == NULL)
		return;
	if (tn_reply_type(r) == TN_REPLY_ERROR) {
		tn_reply_fail(r, &err);
		w.fn(NULL, &err, w.arg);
		return;
	}
	w.fn(r, NULL, w.arg);
}

/* Queue w and its bytes. Returns 0, TN_E_NOMEM, TN_E_LIMIT. */
static int
give(struct tn_link *link, const struct tn_waiter *w,
    const struct tn_command *command)
{
	size_t from;
	struct tn_buf *out = unsent(link, &from);
	int r;

	if (out->len - from + command->len > TN_LIMIT_REDIS_OUT)
		return TN_E_LIMIT;
	if (link->is_closing)
		return TN_E_AWAY;
	if (link->queue.len >= TN_LIMIT_REDIS_WAITING)
		return TN_E_LIMIT;
	if (tn_buf_room(out, command->len) == NULL) {
		r = out->failed;
		out->failed = 0;
		return r;
	}
	r = tn_link_queue_push(&link->queue, w, command->len);
	if (r < 0)
		return r;
	tn_buf_bytes(out, command->ptr, command->len);
	if (!tn_timer_is_set(&link->head))
		watch_head(link);
	if (link->state == TN_LINK_UP)
		tn_link_conn_send_soon(&link->calls);
	return 0;
}

static int
send_again(struct tn_link *link, struct tn_waiter *w)
{
	struct tn_waiter second = *w;
	int r;

	second.again = (struct tn_command){ NULL, 0 };
	r = give(link, &second, &w->again);
	if (r == 0)
		tn_command_free(&w->again);
	return r;
}

int
tn_link_call(struct tn_link *link, const struct tn_slice *argv,
    size_t argc, tn_link_fn *fn, void *arg)
{
	struct tn_waiter w = { .fn = fn, .arg = arg };
	struct tn_command command;
	int r;

	if (link->cluster != NULL)
		return tn_cluster_call(link->cluster, argv, argc, fn, arg);
	r = tn_command_format(&command, argv, argc, NULL);
	w.deadline_ms = now_ms(link) + tn_redis_command_ms(link->options);
	if (r == 0)
		r = give(link, &w, &command);
	tn_command_free(&command);
	return r;
}

int
tn_link_give(struct tn_link *link, const struct tn_command *command,
    tn_link_fn *fn, void *arg)
{
	struct tn_waiter w = { .fn = fn, .arg = arg };

	w.deadline_ms = now_ms(link) + tn_redis_command_ms(link->options);
	return give(link, &w, command);
}

static void
on_digest(const struct tn_reply *r, const struct tn_err *err, void *arg)
{
	struct tn_link_digest *d = arg;

	(void)err;
	if (!tn_reply_digest(r, d->sha))
		d->text = NULL;		/* ask again with the next use */
}

/*
 * The digest of a script, if it is known; else Redis is asked for it, and
 * until it has answered the script goes as text.
 */
static const char *
find_digest(struct tn_link *link, const char *text)
{
	struct tn_slice load[] = {
		TN_SLICE("SCRIPT"), TN_SLICE("LOAD"), tn_slice_str(text),
	};
	struct tn_link_digest *d = NULL;

	for (size_t i = 0; i < link->nscripts; i++) {
		if (link->scripts[i].text == text)
			return link->scripts[i].sha[0] == '\0' ?
			    NULL : link->scripts[i].sha;
		if (link->scripts[i].text == NULL)
			d = &link->scripts[i];
	}
	if (d == NULL && link->nscripts < TN_LINK_SCRIPTS)
		d = &link->scripts[link->nscripts++];
	if (d == NULL)
		return NULL;
	*d = (struct tn_link_digest){ .text = text };
	if (tn_link_call(link, load, 3, on_digest, d) < 0)
		d->text = NULL;
	return NULL;
}

int
tn_link_eval(struct tn_link *link, const struct tn_script *script,
    const struct tn_slice *keys, size_t nkeys, const struct tn_slice *args,
    size_t nargs, tn_link_fn *fn, void *arg)
{
	struct tn_waiter w = { .fn = fn, .arg = arg };
	struct tn_command plain, by_digest = { NULL, 0 };
	const char *sha;
	int r;

	if (link->cluster != NULL)
		return tn_cluster_eval(link->cluster, script, keys, nkeys,
		    args, nargs, fn, arg);
	sha = find_digest(link, script->text);
	r = tn_command_eval(&plain, TN_SLICE("EVAL"),
	    tn_slice_str(script->text), keys, nkeys, args, nargs, NULL);
	if (r == 0 && sha != NULL)
		r = tn_command_eval(&by_digest, TN_SLICE("EVALSHA"),
		    tn_slice_str(sha), keys, nkeys, args, nargs, NULL);
	w.deadline_ms = now_ms(link) + tn_redis_command_ms(link->options);
	if (r == 0 && sha != NULL)
		w.again = plain;
	if (r == 0)
		r = give(link, &w, sha == NULL ? &plain : &by_digest);
	tn_command_free(&by_digest);
	if (r < 0 || sha == NULL)
		tn_command_free(&plain);
	return r;
}

