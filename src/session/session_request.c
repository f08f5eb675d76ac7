/* A session through one request: found by its cookie, loaded, saved. */
#include "config.h"

#include "session/session.h"

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "redis/redis_batch.h"
#include "session/session_cookie.h"
#include "session/signature.h"

int
tn_session_sid(struct tn_slice cookie_header,
    const struct tn_session_options *options, struct tn_arena *arena,
    struct tn_slice *sid, struct tn_err *err)
{
	struct tn_slice value;
	int found = tn_cookie_find(cookie_header, options->name, arena, &value,
	    err);

	if (found <= 0)
		return found;
	if (!tn_slice_starts(value, TN_SLICE("s:")))
		return 0;
	if (!tn_unsign(options->signer, tn_slice_after(value, 2), sid))
		return 0;
	return sid->len > 0 && sid->len <= TN_LIMIT_SESSION_ID &&
	    tn_slice_find(*sid, '\0') < 0;
}

/* ---- Load -----------------------------------------------------------------*/

/*
 * Its age, where one is asked for: 1 young enough (what Express began, begins
 * now), 0 its time is over.
 */
static int
check_age(struct tn_session *s, const struct tn_session_options *options,
    struct tn_store *store, struct tn_err *err)
{
	int64_t now_ms, began_ms;
	int e;

	if (options->absolute_ms <= 0)
		return 1;
	now_ms = tn_session_now(options);
	if (tn_session_is_too_old(s, options, now_ms)) {
		e = store->ops->destroy(store, s->sid, err);
		return e < 0 ? e : 0;
	}
	if (tn_session_get_i64(s, TN_SESSION_CREATED, &began_ms) &&
	    began_ms <= now_ms)
		return 1;
	return tn_session_set_i64(s, TN_SESSION_CREATED, now_ms) < 0 ?
	    tn_err_set(err, TN_E_NOMEM, "no memory for a session") : 1;
}

/*
 * The record under a sid: 1 loaded, 0 there is none. What cannot be read
 * fails with the code of tn_session_read.
 */
static int
load_record(struct tn_session *s, struct tn_arena *arena,
    struct tn_slice sid, struct tn_store *store, struct tn_err *err)
{
	struct tn_buf record;
	int e;

	tn_buf_init(&record, TN_LIMIT_SESSION_BYTES);
	e = store->ops->get(store, sid, &record, err);
	if (e > 0) {
		e = tn_session_read(s, arena, sid, tn_buf_view(&record), err);
		e = e < 0 ? e : 1;
	}
	tn_buf_fini(&record);
	return e;
}

static bool
is_failure(int e)
{
	return e == TN_E_NOMEM || e == TN_E_AWAY || e == TN_E_TIMEOUT ||
	    e == TN_E_IO;
}

/* e is what looking for its record has come to. */
static int
begin_with(struct tn_session *s, struct tn_arena *arena,
    bool request_is_secure, const struct tn_session_options *options,
    struct tn_store *store, int e, struct tn_err *err)
{
	if (e > 0)
		e = check_age(s, options, store, err);
	if (is_failure(e))
		return e;
	if (e <= 0)	/* no record: as a new visitor */
		e = tn_session_init(s, arena, options, request_is_secure, err);
	s->options = options;
	s->store = store;
	s->request_is_secure = request_is_secure;
	return e < 0 ? e : 0;
}

int
tn_session_load(struct tn_session *s, struct tn_arena *arena,
    struct tn_slice cookie_header, bool request_is_secure,
    const struct tn_session_options *options, struct tn_store *store,
    bool *bad_record, struct tn_err *err)
{
	struct tn_slice sid;
	int e;

	*bad_record = false;
	e = tn_session_sid(cookie_header, options, arena, &sid, err);
	if (e == TN_E_NOMEM)
		return e;
	if (e > 0) {
		e = load_record(s, arena, sid, store, err);
		*bad_record = e < 0 && !is_failure(e);
	}
	return begin_with(s, arena, request_is_secure, options, store, e, err);
}

int
tn_session_load_known(struct tn_session *s, struct tn_arena *arena,
    struct tn_slice sid, struct tn_slice record, bool request_is_secure,
    const struct tn_session_options *options, struct tn_store *store,
    bool *bad_record, struct tn_err *err)
{
	int e = 0;

	*bad_record = false;
	if (record.ptr != NULL) {
		e = tn_session_read(s, arena, sid, record, err);
		e = e < 0 ? e : 1;
		*bad_record = e < 0 && !is_failure(e);
	}
	return begin_with(s, arena, request_is_secure, options, store, e, err);
}

int
tn_session_detached(struct tn_session *s, struct tn_arena *arena,
    const struct tn_session_options *options, bool request_is_secure,
    struct tn_err *err)
{
	int e = tn_session_init(s, arena, options, request_is_secure, err);

	s->is_detached = true;
	return e;
}

int
tn_session_reload(struct tn_session *s, struct tn_err *err)
{
	struct tn_session fresh;
	int e;

	if (s->store == NULL || s->is_new)
		return tn_err_set(err, TN_E_STATE, "no session to load again");
	e = load_record(&fresh, s->arena, s->sid, s->store, err);
	if (e == 0)
		return tn_err_set(err, TN_E_STATE, "that session has ended");
	if (e < 0)
		return e;
	fresh.options = s->options;
	fresh.store = s->store;
	fresh.request_is_secure = s->request_is_secure;
	*s = fresh;
	return 0;
}

/* ---- Save -----------------------------------------------------------------*/

/* Put my changes over what somebody else has saved meanwhile. */
static int
merge(struct tn_session *mine, struct tn_slice theirs, struct tn_err *err)
{
	struct tn_session s;
	int e = tn_session_read(&s, mine->arena, mine->sid, theirs, err);

	if (e < 0)
		return e;
	for (size_t i = 0; i < mine->n; i++) {
		const struct tn_session_member *m = &mine->members[i];
		struct tn_slice decoded;
		const char *name;

		if (!m->changed)
			continue;
		e = tn_json_string(m->key, mine->arena, &decoded, err);
		if (e < 0)
			return e;
		name = tn_arena_str(mine->arena, decoded);
		if (name == NULL || (!m->removed &&
		    tn_session_set(&s, name, m->value) < 0))
			return tn_err_set(err, TN_E_NOMEM,
			    "no memory for a session");
		if (m->removed)
			tn_session_remove(&s, name);
	}
	mine->record = s.record;
	mine->members = s.members;
	mine->n = s.n;
	mine->cap = s.cap;
	if (!tn_session_cookie_is_changed(mine)) {
		mine->cookie = s.cookie;
		memcpy(mine->cookie_json, s.cookie_json,
		    sizeof(mine->cookie_json));
		mine->original_max_age_ms = s.original_max_age_ms;
	}
	return 0;
}

/*
 * It stands in the store as text: from now on it is as if it had been read.
 * Without memory for the copy the next save will merge with itself.
 */
static void
saved(struct tn_session *s, struct tn_slice text)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->members[i].removed)
			continue;
		s->members[kept] = s->members[i];
		s->members[kept].changed = s->members[kept].added = false;
		kept++;
	}
	s->n = kept;
	s->record = tn_arena_copy(s->arena, text);
	s->was_new |= s->is_new;
	s->is_new = s->regenerated = false;
	s->is_saved = true;
}

struct save {
	const struct tn_session_options *options;
	struct tn_store *store;
	int64_t wall_ms;
};

/*
 * One try: 1 saved, 0 another record was there and has been merged,
 * TN_E_STATE the session has ended.
 */
static int
try_replace(struct tn_session *s, const struct save *save, struct tn_err *err)
{
	struct tn_buf record, theirs;
	struct tn_slice text;
	int64_t ttl_s;
	int e;

	tn_session_cookie_touch(s, save->wall_ms);
	ttl_s = tn_session_ttl(s, save->options, save->wall_ms);
	tn_buf_init(&record, TN_LIMIT_SESSION_BYTES);
	tn_buf_init(&theirs, TN_LIMIT_SESSION_BYTES);
	tn_session_write(s, &record);
	e = tn_buf_finish(&record, &text, err);
	if (e == 0)
		e = save->store->ops->replace(save->store, s->sid, s->record,
		    text, ttl_s > 0 ? ttl_s : 1, &theirs, err);
	if (e == 0)
		e = merge(s, tn_buf_view(&theirs), err);
	else if (e == 1)
		saved(s, text);
	tn_buf_fini(&theirs);
	tn_buf_fini(&record);
	return e;
}

static int
replace(struct tn_session *s, const struct save *save, struct tn_err *err)
{
	for (int i = 0; i < TN_LIMIT_SESSION_RETRIES; i++) {
		int e = try_replace(s, save, err);

		if (e == TN_E_STATE) {
			s->destroyed = true;	/* and is not brought back */
			return 0;
		}
		if (e != 0)
			return e < 0 ? e : 0;
	}
	return tn_err_set(err, TN_E_CONFLICT,
	    "others change this session too fast");
}

/* The session that this one has taken the place of. */
static int
end_replaced(struct tn_session *s, struct tn_store *store, struct tn_err *err)
{
	int e = 0;

	if (s->replaced.ptr != NULL)
		e = store->ops->destroy(store, s->replaced, err);
	if (e == 0)
		s->replaced = TN_SLICE_NONE;
	return e;
}

static int
create(struct tn_session *s, const struct save *save, int64_t ttl_s,
    struct tn_err *err)
{
	struct tn_buf record;
	struct tn_slice text;
	int e;

	if (ttl_s <= 0)		/* ended as it began: its cookie says so */
		return end_replaced(s, save->store, err);
	tn_buf_init(&record, TN_LIMIT_SESSION_BYTES);
	tn_session_write(s, &record);
	e = tn_buf_finish(&record, &text, err);
	if (e == 0)
		e = tn_store_renew(save->store, s->replaced, s->sid, text,
		    ttl_s, err);
	if (e == 0) {
		s->replaced = TN_SLICE_NONE;
		saved(s, text);
	}
	tn_buf_fini(&record);
	return e;
}

static int
destroy_all(struct tn_session *s, const struct tn_session_options *options,
    struct tn_store *store, struct tn_err *err)
{
	int e = end_replaced(s, store, err);

	if (e == 0 && !s->is_new && (s->destroyed ||
	    (s->is_unset && options->unset == TN_UNSET_DESTROY)))
		e = store->ops->destroy(store, s->sid, err);
	return e;
}

/* If it is new, is it worth a record? If not, shall what is there change? */
static int
store_it(struct tn_session *s, const struct save *save, bool is_worth,
    bool is_changed, struct tn_err *err)
{
	struct tn_store *store = save->store;
	int64_t ttl_s;
	int e = 0;

	tn_session_cookie_touch(s, save->wall_ms);
	ttl_s = tn_session_ttl(s, save->options, save->wall_ms);
	if (s->is_new && is_worth)
		return create(s, save, ttl_s, err);
	e = end_replaced(s, store, err);
	if (e < 0 || s->is_new)
		return e;
	if (ttl_s <= 0)
		return store->ops->destroy(store, s->sid, err);
	return is_changed ? replace(s, save, err) :
	    store->ops->touch(store, s->sid, ttl_s, err);
}

/* By what the session was like before it was saved. */
static bool
cookie_is_due(const struct tn_session *s,
    const struct tn_session_options *options, bool modified)
{
	if (s->is_new || s->was_new)
		return modified || options->save_uninitialized;
	return options->rolling || (modified &&
	    (s->cookie.has_expires || s->original_max_age_ms >= 0));
}

static int
write_cookie(const struct tn_session *s,
    const struct tn_session_options *options, struct tn_buf *set_cookie,
    struct tn_err *err)
{
	struct tn_slice signed_sid;
	struct tn_buf text;
	int e;

	tn_buf_init(&text, 1024);
	tn_buf_str(&text, "s:");
	tn_sign(&text, options->signer, s->sid);
	e = tn_buf_finish(&text, &signed_sid, err);
	if (e == 0)
		e = tn_cookie_write(set_cookie, options->name, signed_sid,
		    &s->cookie, err);
	tn_buf_fini(&text);
	return e;
}

int
tn_session_commit(struct tn_session *s,
    const struct tn_session_options *options, struct tn_store *store,
    bool request_is_secure, int64_t wall_ms, struct tn_buf *set_cookie,
    struct tn_err *err)
{
	const struct save save = { options, store, wall_ms };
	bool modified = tn_session_is_modified(s);
	bool due = s->cookie_is_due || cookie_is_due(s, options,
	    modified || s->was_modified);
	int e;

	if (s->is_detached)
		return 0;
	if (s->destroyed || s->is_unset)
		return destroy_all(s, options, store, err);
	e = store_it(s, &save, modified || options->save_uninitialized,
	    modified || (options->resave && !s->is_saved), err);
	if (e < 0 || s->destroyed || !due ||
	    (s->cookie.secure && !request_is_secure))
		return e;
	return write_cookie(s, options, set_cookie, err);
}

/* What a save hides from the commit, the browser hears even so. */
static int
begin_save(struct tn_session *s, struct save *save, struct tn_err *err)
{
	if (s->store == NULL || s->options == NULL || s->is_detached ||
	    s->destroyed || s->is_unset)
		return tn_err_set(err, TN_E_STATE, "no session to save");
	*save = (struct save){ s->options, s->store,
		tn_session_now(s->options) };
	s->was_modified |= tn_session_is_modified(s);
	s->cookie_is_due |= cookie_is_due(s, s->options, s->was_modified);
	return 0;
}

/* Whoever asks for it by name gets it, modified or not. */
int
tn_session_save(struct tn_session *s, struct tn_err *err)
{
	struct save save;
	int e = begin_save(s, &save, err);

	if (e == 0)
		e = store_it(s, &save, true, true, err);
	if (e == 0 && s->destroyed)
		e = tn_err_set(err, TN_E_STATE, "that session has ended");
	return e;
}

static int
create_with(struct tn_session *s, int64_t ttl_s, struct tn_redis_batch *with)
{
	struct tn_buf record;
	struct tn_slice text;
	int e;

	tn_buf_init(&record, TN_LIMIT_SESSION_BYTES);
	tn_session_write(s, &record);
	e = tn_buf_finish(&record, &text, NULL);
	if (e == 0)
		s->saving.record = tn_arena_copy(s->arena, text);
	tn_buf_fini(&record);
	if (e == 0 && s->saving.record.ptr == NULL)
		e = TN_E_NOMEM;
	if (e < 0)
		return e;
	s->saving.ttl_s = ttl_s;
	s->saving.place = s->store->ops->renew_with(s->store, s->replaced,
	    s->sid, s->saving.record, ttl_s, with);
	return 0;
}

void
tn_session_save_with(struct tn_session *s, struct tn_redis_batch *with)
{
	struct save save;
	int64_t ttl_s = 0;
	int e = begin_save(s, &save, NULL);

	s->saving.record = TN_SLICE_NONE;
	if (e == 0 && s->is_new && s->store->ops->renew_with != NULL) {
		tn_session_cookie_touch(s, save.wall_ms);
		ttl_s = tn_session_ttl(s, s->options, save.wall_ms);
	}
	if (e == 0)
		e = ttl_s > 0 ? create_with(s, ttl_s, with) :
		    tn_session_save(s, NULL);
	if (e < 0)
		tn_redis_batch_fail(with, e);
}

int
tn_session_saved(struct tn_session *s, const struct tn_redis_batch *with,
    struct tn_err *err)
{
	struct tn_slice record = s->saving.record;
	int e;

	if (record.ptr == NULL)		/* saved before, or not at all */
		return tn_redis_batch_sent(with, err);
	s->saving.record = TN_SLICE_NONE;
	e = s->store->ops->renewed(s->store, s->replaced, s->sid,
	    s->saving.ttl_s, with, s->saving.place, err);
	if (e == 0) {
		s->replaced = TN_SLICE_NONE;
		saved(s, record);
	}
	return e;
}
