#include "config.h"

#include "session/store_scan.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "redis/redis.h"

#define SCAN_COUNT	"100"		/* as connect-redis asks */
#define PATTERN_BYTES	1024

struct walk {
	const struct tn_store_scan *scan;
	struct tn_map told;	/* SCAN may name a key twice */
	struct tn_buf record;
};

/* The prefix as a glob that stands for nothing but itself. */
static void
write_pattern(struct tn_buf *out, const char *prefix)
{
	for (; *prefix != '\0'; prefix++) {
		if (strchr("*?[]^\\", *prefix) != NULL)
			tn_buf_char(out, '\\');
		tn_buf_char(out, *prefix);
	}
	tn_buf_char(out, '*');
}

static int
tell(struct walk *w, struct tn_slice sid, struct tn_err *err)
{
	const struct tn_store_scan *scan = w->scan;
	struct tn_slice record = TN_SLICE_NONE;
	int e = 1;

	if (tn_map_get(&w->told, sid) != NULL)
		return 0;
	if (tn_map_set(&w->told, sid, w, NULL) < 0)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a session");
	if (scan->with_records) {
		tn_buf_reset(&w->record);
		e = scan->store->ops->get(scan->store, sid, &w->record, err);
		record = tn_buf_view(&w->record);
	}
	return e <= 0 ? e : scan->fn(sid, record, scan->arg);
}

static int
tell_all(struct walk *w, const struct tn_reply *keys, struct tn_err *err)
{
	size_t prefix_len = strlen(w->scan->prefix);
	int e = 0;

	for (size_t i = 0; e == 0 && i < tn_reply_len(keys); i++) {
		struct tn_slice key = tn_reply_text(tn_reply_at(keys, i));

		if (key.len >= prefix_len)
			e = tell(w, tn_slice_after(key, prefix_len), err);
	}
	return e;
}

static int
walk_all(struct walk *w, struct tn_slice pattern, struct tn_err *err)
{
	char cursor[24] = "0";
	int e;

	do {
		struct tn_slice argv[] = { TN_SLICE("SCAN"),
			tn_slice_str(cursor), TN_SLICE("MATCH"), pattern,
			TN_SLICE("COUNT"), TN_SLICE(SCAN_COUNT) };
		struct tn_reply *reply = NULL;
		struct tn_slice next;

		e = tn_redis_call(w->scan->redis, argv, 6, &reply, err);
		next = tn_reply_text(tn_reply_at(reply, 0));
		if (e == 0 && (next.len == 0 || next.len >= sizeof(cursor)))
			e = tn_err_set(err, TN_E_IO, "redis gave no cursor");
		if (e == 0) {
			memcpy(cursor, next.ptr, next.len);
			cursor[next.len] = '\0';
			e = tell_all(w, tn_reply_at(reply, 1), err);
		}
		tn_reply_free(&reply);
	} while (e == 0 && strcmp(cursor, "0") != 0);
	return e;
}

int
tn_store_scan(const struct tn_store_scan *scan, struct tn_err *err)
{
	struct walk w = { .scan = scan };
	struct tn_buf pattern;
	struct tn_slice text;
	int e;

	tn_map_init(&w.told);
	tn_buf_init(&w.record, TN_LIMIT_REDIS_REPLY);
	tn_buf_init(&pattern, PATTERN_BYTES);
	write_pattern(&pattern, scan->prefix);
	e = tn_buf_finish(&pattern, &text, err);
	if (e == 0)
		e = walk_all(&w, text, err);
	tn_buf_fini(&pattern);
	tn_buf_fini(&w.record);
	tn_map_fini(&w.told);
	return e;
}
