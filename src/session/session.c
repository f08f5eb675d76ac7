#include "config.h"

#include "session/session.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/utf8.h"
#include "session/account.h"
#include "session/session_cookie.h"

#define SID_CHARS	32	/* 24 random bytes, as express-session */

/* What express-session's own objects are called; never a member. */
static const struct tn_slice reserved[] = {
	TN_SLICE("cookie"), TN_SLICE("id"), TN_SLICE("req"), TN_SLICE("save"),
	TN_SLICE("touch"), TN_SLICE("destroy"), TN_SLICE("regenerate"),
	TN_SLICE("reload"), TN_SLICE("resetMaxAge"), TN_SLICE("__proto__"),
	TN_SLICE("constructor"), TN_SLICE("toString"),
	TN_SLICE("toLocaleString"), TN_SLICE("valueOf"),
	TN_SLICE("hasOwnProperty"), TN_SLICE("isPrototypeOf"),
	TN_SLICE("propertyIsEnumerable"), TN_SLICE("__defineGetter__"),
	TN_SLICE("__defineSetter__"), TN_SLICE("__lookupGetter__"),
	TN_SLICE("__lookupSetter__"),
};
enum { COOKIE, RESERVED = sizeof(reserved) / sizeof(reserved[0]) };

static int
no_memory(struct tn_err *err)
{
	return tn_err_set(err, TN_E_NOMEM, "no memory for a session");
}

int64_t
tn_session_now(const struct tn_session_options *options)
{
	return options == NULL || options->now_ms == NULL ?
	    tn_clock_wall_ms() : options->now_ms();
}

/* What a genid of the application makes is checked like any input. */
static int
custom_sid(struct tn_session *s, struct tn_err *err)
{
	struct tn_slice sid;
	struct tn_buf text;
	int e;

	tn_buf_init(&text, TN_LIMIT_SESSION_ID);
	e = s->options->genid(&text, s->options->genid_arg);
	if (e == 0)
		e = tn_buf_finish(&text, &sid, err);
	if (e == 0 && (sid.len == 0 || tn_slice_find(sid, '\0') >= 0 ||
	    !tn_utf8_valid(sid)))
		e = tn_err_set(err, TN_E_SYNTAX, "genid made no session id");
	if (e == 0) {
		s->sid = tn_arena_copy(s->arena, sid);
		e = s->sid.ptr == NULL ? no_memory(err) : 0;
	}
	tn_buf_fini(&text);
	return e;
}

static int
new_sid(struct tn_session *s, struct tn_err *err)
{
	char sid[SID_CHARS + 1];

	if (s->options != NULL && s->options->genid != NULL)
		return custom_sid(s, err);
	tn_random_text(sid, SID_CHARS);
	s->sid = tn_arena_copy(s->arena, tn_slice(sid, SID_CHARS));
	return s->sid.ptr == NULL ? no_memory(err) : 0;
}

/* A new sid and all that goes with it. */
static int
begin(struct tn_session *s, struct tn_err *err)
{
	int e = new_sid(s, err);

	if (e == 0 && s->options != NULL)
		e = tn_session_cookie_init(s, s->options,
		    s->request_is_secure, err);
	if (e < 0 || s->options == NULL || s->options->absolute_ms <= 0)
		return e;
	if (tn_session_set_i64(s, TN_SESSION_CREATED,
	    tn_session_now(s->options)) < 0)
		return no_memory(err);
	s->members[0].changed = false;	/* the application has set nothing */
	return 0;
}

int
tn_session_init(struct tn_session *s, struct tn_arena *arena,
    const struct tn_session_options *options, bool request_is_secure,
    struct tn_err *err)
{
	memset(s, 0, sizeof(*s));
	s->arena = arena;
	s->options = options;
	s->request_is_secure = request_is_secure;
	s->is_new = true;
	return begin(s, err);
}

/* ---- Members --------------------------------------------------------------*/

static int
append(struct tn_session *s, struct tn_slice key, struct tn_slice value,
    bool changed)
{
	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 8 : s->cap * 2;
		struct tn_session_member *more = tn_arena_alloc(s->arena,
		    cap * sizeof(*more));

		if (more == NULL)
			return TN_E_NOMEM;
		if (s->n > 0)
			memcpy(more, s->members, s->n * sizeof(*more));
		s->members = more;
		s->cap = cap;
	}
	s->members[s->n++] = (struct tn_session_member){ key, value, changed,
		false, changed };
	return 0;
}

static struct tn_session_member *
find(const struct tn_session *s, struct tn_slice name)
{
	for (size_t i = 0; i < s->n; i++) {
		struct tn_session_member *m = &s->members[i];

		if (!m->removed && tn_json_string_is(m->key, name))
			return m;
	}
	return NULL;
}

bool
tn_session_get(const struct tn_session *s, const char *name,
    struct tn_slice *value)
{
	const struct tn_session_member *m = find(s, tn_slice_str(name));

	if (m == NULL)
		return false;
	*value = m->value;
	return true;
}

bool
tn_session_get_bool(const struct tn_session *s, const char *name)
{
	struct tn_slice value;

	return tn_session_get(s, name, &value) && tn_slice_is(value, "true");
}

bool
tn_session_get_string(const struct tn_session *s, const char *name,
    struct tn_slice *out)
{
	struct tn_slice value;

	return tn_session_get(s, name, &value) &&
	    tn_json_type(value) == TN_JSON_STRING &&
	    tn_json_string(value, s->arena, out, NULL) == 0;
}

bool
tn_session_get_i64(const struct tn_session *s, const char *name, int64_t *n)
{
	struct tn_slice value;

	return tn_session_get(s, name, &value) && tn_json_i64(value, n);
}

static int
set_copied(struct tn_session *s, struct tn_slice name, struct tn_slice value)
{
	struct tn_session_member *m = find(s, name);
	struct tn_slice key;
	struct tn_buf raw;

	if (tn_slice_is(name, "cookie"))
		return TN_E_DENIED;	/* there would be two of them */
	if (m != NULL) {
		m->changed |= !tn_slice_eq(m->value, value);
		m->value = value;
		return 0;
	}
	tn_buf_init(&raw, TN_LIMIT_SESSION_BYTES);
	tn_json_write_string(&raw, name);
	key = raw.failed != 0 ? TN_SLICE_NONE :
	    tn_arena_copy(s->arena, tn_buf_view(&raw));
	tn_buf_fini(&raw);
	return key.ptr == NULL ? TN_E_NOMEM : append(s, key, value, true);
}

int
tn_session_set(struct tn_session *s, const char *name, struct tn_slice value)
{
	struct tn_slice copy = tn_arena_copy(s->arena, value);

	if (copy.ptr == NULL)
		return TN_E_NOMEM;
	return set_copied(s, tn_slice_str(name), copy);
}

int
tn_session_set_bool(struct tn_session *s, const char *name, bool on)
{
	return set_copied(s, tn_slice_str(name),
	    on ? TN_SLICE("true") : TN_SLICE("false"));
}

int
tn_session_set_i64(struct tn_session *s, const char *name, int64_t n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", (long long)n);

	return tn_session_set(s, name, tn_slice(text, (size_t)len));
}

int
tn_session_set_string(struct tn_session *s, const char *name,
    struct tn_slice text)
{
	struct tn_buf raw;
	int e;

	tn_buf_init(&raw, TN_LIMIT_SESSION_BYTES);
	tn_json_write_string(&raw, text);
	e = raw.failed != 0 ? raw.failed :
	    tn_session_set(s, name, tn_buf_view(&raw));
	tn_buf_fini(&raw);
	return e;
}

void
tn_session_remove(struct tn_session *s, const char *name)
{
	struct tn_session_member *m = find(s, tn_slice_str(name));

	if (m != NULL && m->added) {	/* as if it had never been there */
		memmove(m, m + 1,
		    (size_t)(s->members + s->n - m - 1) * sizeof(*m));
		s->n--;
	} else if (m != NULL) {
		m->removed = m->changed = true;
	}
}

int
tn_session_set_user(struct tn_session *s, const struct tn_account *who)
{
	struct tn_buf raw;
	int e;

	tn_buf_init(&raw, TN_LIMIT_SESSION_BYTES);
	tn_account_write(&raw, who);
	e = raw.failed != 0 ? raw.failed :
	    tn_session_set(s, "user", tn_buf_view(&raw));
	tn_buf_fini(&raw);
	return e;
}

/* ---- The record -----------------------------------------------------------*/

/* cookie's ptr is left NULL if there is none. */
static int
read_members(struct tn_session *s, struct tn_slice object,
    struct tn_slice *cookie, struct tn_err *err)
{
	struct tn_slice key, value;

	*cookie = TN_SLICE_NONE;
	while (tn_json_member(&object, &key, &value)) {
		int which = tn_json_string_which(key, reserved, RESERVED);

		if (which == COOKIE)
			*cookie = value;
		else if (which < 0 && append(s, key, value, false) < 0)
			return no_memory(err);
	}
	return 0;
}

int
tn_session_read(struct tn_session *s, struct tn_arena *arena,
    struct tn_slice sid, struct tn_slice record, struct tn_err *err)
{
	struct tn_slice cookie;
	int e;

	memset(s, 0, sizeof(*s));
	s->arena = arena;
	if (record.len > TN_LIMIT_SESSION_BYTES)
		return tn_err_set(err, TN_E_LIMIT, "session of %zu bytes",
		    record.len);
	s->record = tn_arena_copy(arena, record);
	s->sid = tn_arena_copy(arena, sid);
	if (s->record.ptr == NULL || s->sid.ptr == NULL)
		return no_memory(err);
	e = tn_json_scan(s->record, NULL, err);
	if (e < 0)
		return e;
	e = read_members(s, s->record, &cookie, err);
	if (e < 0)
		return e;
	if (cookie.ptr == NULL || tn_json_type(cookie) != TN_JSON_OBJECT)
		return tn_err_set(err, TN_E_TYPE,
		    "the record is no session: it has no cookie");
	return tn_session_cookie_read(s, cookie, err);
}

void
tn_session_write(const struct tn_session *s, struct tn_buf *out)
{
	tn_buf_str(out, "{\"cookie\":");
	tn_session_cookie_write(s, out);
	for (size_t i = 0; i < s->n; i++) {
		if (s->members[i].removed)
			continue;
		tn_buf_char(out, ',');
		tn_buf_slice(out, s->members[i].key);
		tn_buf_char(out, ':');
		tn_buf_slice(out, s->members[i].value);
	}
	tn_buf_char(out, '}');
}

/* ---- Its life -------------------------------------------------------------*/

int
tn_session_regenerate(struct tn_session *s)
{
	struct tn_slice old = s->sid;
	int e;

	if (!s->is_new && s->replaced.ptr == NULL)
		s->replaced = old;
	s->n = 0;
	s->record = TN_SLICE_NONE;
	s->is_new = true;
	s->destroyed = s->is_unset = false;
	s->regenerated = true;
	/* Perhaps it began on a plain line and this request is a safe one. */
	e = begin(s, NULL);
	s->destroyed = e < 0;		/* nor is it saved under no sid */
	return e;
}

void
tn_session_destroy(struct tn_session *s)
{
	s->destroyed = true;
}

void
tn_session_unset(struct tn_session *s)
{
	s->is_unset = true;
}

bool
tn_session_is_too_old(const struct tn_session *s,
    const struct tn_session_options *options, int64_t wall_ms)
{
	int64_t began_ms;

	return options->absolute_ms > 0 &&
	    tn_session_get_i64(s, TN_SESSION_CREATED, &began_ms) &&
	    wall_ms - options->absolute_ms >= began_ms;
}

bool
tn_session_is_modified(const struct tn_session *s)
{
	if (s->regenerated)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (s->members[i].changed)
			return true;
	return false;
}
