#include "config.h"

#include "session/session_cookie.h"

#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/json.h"

#define MAX_AGE_MS	INT64_C(8640000000000000)

static const struct tn_slice keys[] = {
#define COOKIE_KEY(name, key) TN_SLICE(key),
	TN_SESSION_COOKIE(COOKIE_KEY)
#undef COOKIE_KEY
};

static const char *const same_sites[] = { NULL, "lax", "strict", "none" };
static const char *const priorities[] = { NULL, "low", "medium", "high" };

/* ---- Times ----------------------------------------------------------------*/

/* "2023-11-14T23:13:21.000Z", as Date.toJSON writes it. */
static void
write_time(struct tn_buf *out, int64_t wall_ms)
{
	int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		return;
	tn_buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, (int)(wall_ms - seconds * 1000));
}

static bool
read_time(struct tn_slice raw, int64_t *wall_ms)
{
	static const char form[] = "\"0000-00-00T00:00:00.000Z\"";
	int parts[7] = { 0 }, n = 0;
	struct tm tm = { 0 };

	if (raw.len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < raw.len; i++) {
		bool digit = raw.ptr[i] >= '0' && raw.ptr[i] <= '9';

		if (form[i] == '0' ? !digit : raw.ptr[i] != form[i])
			return false;
		if (digit)
			parts[n] = parts[n] * 10 + (raw.ptr[i] - '0');
		else if (i > 0 && n < 6)
			n++;
	}
	tm.tm_year = parts[0] - 1900;
	tm.tm_mon = parts[1] - 1;
	tm.tm_mday = parts[2];
	tm.tm_hour = parts[3];
	tm.tm_min = parts[4];
	tm.tm_sec = parts[5];
	*wall_ms = (int64_t)timegm(&tm) * 1000 + parts[6];
	return true;
}

/* ---- Begin ----------------------------------------------------------------*/

static struct tn_slice
quoted(struct tn_arena *arena, struct tn_slice text)
{
	struct tn_buf json;
	struct tn_slice copy;

	tn_buf_init(&json, 4096);
	tn_json_write_string(&json, text);
	copy = tn_arena_copy(arena, tn_buf_view(&json));
	if (json.failed != 0)
		arena->overflowed = true;	/* asked once, at the end */
	tn_buf_fini(&json);
	return copy;
}

static struct tn_slice
word(bool on)
{
	return on ? TN_SLICE("true") : TN_SLICE("false");
}

int
tn_session_cookie_init(struct tn_session *s,
    const struct tn_session_options *options, bool request_is_secure,
    struct tn_err *err)
{
	struct tn_cookie_options *c = &s->cookie;
	struct tn_slice *json = s->cookie_json;

	memset(c, 0, sizeof(*c));
	memset(s->cookie_json, 0, sizeof(s->cookie_json));
	s->original_max_age_ms = options->max_age_ms;
	if (options->expires_ms > 0)
		tn_session_set_expires(s, options->expires_ms);
	c->domain = options->domain;
	c->path = options->path.len > 0 ? options->path : TN_SLICE("/");
	c->http_only = options->http_only;
	c->secure = options->secure == TN_SECURE_YES ||
	    (options->secure == TN_SECURE_AUTO && request_is_secure);
	c->same_site = options->same_site;
	if (c->same_site == TN_SAME_SITE_AUTO)
		c->same_site = request_is_secure ? TN_SAME_SITE_NONE :
		    TN_SAME_SITE_LAX;
	c->priority = options->priority;
	c->partitioned = options->partitioned;

	json[TN_SESSION_HTTP_ONLY] = word(c->http_only);
	json[TN_SESSION_PATH] = quoted(s->arena, c->path);
	if (options->secure != TN_SECURE_NO)
		json[TN_SESSION_SECURE] = word(c->secure);
	if (c->partitioned)
		json[TN_SESSION_PARTITIONED] = word(true);
	if (c->priority != TN_PRIORITY_UNSET)
		json[TN_SESSION_PRIORITY] = quoted(s->arena,
		    tn_slice_str(priorities[c->priority]));
	if (c->domain.len > 0)
		json[TN_SESSION_DOMAIN] = quoted(s->arena, c->domain);
	if (c->same_site != TN_SAME_SITE_UNSET)
		json[TN_SESSION_SAME_SITE] = quoted(s->arena,
		    tn_slice_str(same_sites[c->same_site]));
	return s->arena->overflowed ? tn_err_set(err, TN_E_NOMEM,
	    "no memory for a session") : 0;
}

/* ---- Read -----------------------------------------------------------------*/

static bool
is_true(struct tn_slice raw)
{
	return tn_slice_is(raw, "true");
}

/* The index in a NULL-started list of the word that raw is, or 0. */
static int
choice(struct tn_slice raw, const char *const words[4])
{
	for (int i = 1; i < 4; i++) {
		size_t len = strlen(words[i]);

		if (raw.len == len + 2 && raw.ptr[0] == '"' &&
		    strncasecmp(raw.ptr + 1, words[i], len) == 0)
			return i;
	}
	return 0;
}

static int
text(struct tn_session *s, struct tn_slice raw, struct tn_slice *out,
    struct tn_err *err)
{
	int e;

	if (raw.ptr == NULL || tn_json_type(raw) != TN_JSON_STRING)
		return 0;
	e = tn_json_string(raw, s->arena, out, err);
	return e == TN_E_NOMEM ? e : 0;
}

/*
 * A number of milliseconds, the fraction dropped; null is -1, as is what is
 * beyond every date of JavaScript's.
 */
static int64_t
milliseconds(struct tn_slice raw)
{
	ptrdiff_t dot = tn_slice_find(raw, '.');
	int64_t ms;

	if (dot > 0)
		raw = tn_slice_first(raw, (size_t)dot);
	return raw.ptr != NULL && tn_json_i64(raw, &ms) && ms >= 0 &&
	    ms <= MAX_AGE_MS ? ms : -1;
}

/* Each that we know, as it came; the others are left out. */
static void
take_members(struct tn_slice cookie,
    struct tn_slice json[TN_SESSION_COOKIE_KEYS])
{
	struct tn_slice key, value;

	for (int i = 0; i < TN_SESSION_COOKIE_KEYS; i++)
		json[i] = TN_SLICE_NONE;
	while (tn_json_member(&cookie, &key, &value)) {
		int which = tn_json_string_which(key, keys,
		    TN_SESSION_COOKIE_KEYS);

		if (which >= 0)
			json[which] = value;
	}
}

int
tn_session_cookie_read(struct tn_session *s, struct tn_slice cookie,
    struct tn_err *err)
{
	struct tn_cookie_options *c = &s->cookie;
	struct tn_slice *json = s->cookie_json;

	memset(c, 0, sizeof(*c));
	take_members(cookie, json);
	s->original_max_age_ms = milliseconds(json[TN_SESSION_ORIGINAL_MAX_AGE]);
	c->has_expires = json[TN_SESSION_EXPIRES].ptr != NULL &&
	    read_time(json[TN_SESSION_EXPIRES], &c->expires_ms);
	c->partitioned = is_true(json[TN_SESSION_PARTITIONED]);
	c->secure = is_true(json[TN_SESSION_SECURE]);
	c->http_only = json[TN_SESSION_HTTP_ONLY].ptr == NULL ||
	    is_true(json[TN_SESSION_HTTP_ONLY]);
	c->priority = (enum tn_priority)choice(json[TN_SESSION_PRIORITY],
	    priorities);
	c->same_site = is_true(json[TN_SESSION_SAME_SITE]) ?
	    TN_SAME_SITE_STRICT :
	    (enum tn_same_site)choice(json[TN_SESSION_SAME_SITE], same_sites);
	c->path = TN_SLICE("/");
	if (text(s, json[TN_SESSION_PATH], &c->path, err) < 0 ||
	    text(s, json[TN_SESSION_DOMAIN], &c->domain, err) < 0)
		return TN_E_NOMEM;
	if (json[TN_SESSION_HTTP_ONLY].ptr == NULL)
		json[TN_SESSION_HTTP_ONLY] = word(true);
	if (json[TN_SESSION_PATH].ptr == NULL)
		json[TN_SESSION_PATH] = TN_SLICE("\"/\"");
	return 0;
}

/* ---- Move on, and write ---------------------------------------------------*/

bool
tn_session_cookie_is_changed(const struct tn_session *s)
{
	return s->original_max_age_ms !=
	    milliseconds(s->cookie_json[TN_SESSION_ORIGINAL_MAX_AGE]);
}

void
tn_session_set_max_age(struct tn_session *s, int64_t max_age_ms)
{
	s->original_max_age_ms = max_age_ms < 0 ? -1 :
	    max_age_ms < MAX_AGE_MS ? max_age_ms : MAX_AGE_MS;
	s->cookie.has_expires = false;
	tn_session_cookie_touch(s, tn_session_now(s->options));
}

void
tn_session_set_expires(struct tn_session *s, int64_t wall_ms)
{
	int64_t left_ms = wall_ms - tn_session_now(s->options);

	tn_session_set_max_age(s, left_ms < 0 ? 0 : left_ms);
}

void
tn_session_touch(struct tn_session *s)
{
	tn_session_cookie_touch(s, tn_session_now(s->options));
}

void
tn_session_cookie_touch(struct tn_session *s, int64_t wall_ms)
{
	s->cookie.has_expires = s->original_max_age_ms >= 0;
	if (s->cookie.has_expires)
		s->cookie.expires_ms = wall_ms + s->original_max_age_ms;
}

void
tn_session_cookie_write(const struct tn_session *s, struct tn_buf *out)
{
	bool first = true;

	tn_buf_char(out, '{');
	for (int i = 0; i < TN_SESSION_COOKIE_KEYS; i++) {
		bool always = i == TN_SESSION_ORIGINAL_MAX_AGE ||
		    i == TN_SESSION_EXPIRES;

		if (!always && s->cookie_json[i].ptr == NULL)
			continue;
		tn_buf_str(out, first ? "\"" : ",\"");
		tn_buf_slice(out, keys[i]);
		tn_buf_str(out, "\":");
		if (i == TN_SESSION_ORIGINAL_MAX_AGE &&
		    s->original_max_age_ms >= 0)
			tn_buf_i64(out, s->original_max_age_ms);
		else if (i == TN_SESSION_EXPIRES && s->cookie.has_expires)
			write_time(out, s->cookie.expires_ms);
		else if (always)
			tn_buf_str(out, "null");
		else
			tn_buf_slice(out, s->cookie_json[i]);
		first = false;
	}
	tn_buf_char(out, '}');
}

static int64_t
ceil_seconds(int64_t ms)
{
	return ms <= 0 ? 0 : (ms + 999) / 1000;
}

int64_t
tn_session_ttl(const struct tn_session *s,
    const struct tn_session_options *options, int64_t wall_ms)
{
	int64_t ttl_s = options->ttl_s > 0 ? options->ttl_s : 86400;
	int64_t began_ms, most_s;

	if (s->cookie.has_expires)
		ttl_s = ceil_seconds(s->cookie.expires_ms - wall_ms);
	if (options->absolute_ms <= 0 ||
	    !tn_session_get_i64(s, TN_SESSION_CREATED, &began_ms) ||
	    began_ms > wall_ms)
		return ttl_s;
	most_s = ceil_seconds(began_ms + options->absolute_ms - wall_ms);
	return ttl_s < most_s ? ttl_s : most_s;
}
