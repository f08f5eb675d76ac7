#include "config.h"

#include "session/cookie.h"

#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/url.h"
#include "base/utf8.h"

#define LAST_SECOND	253402300799	/* of the year 9999 */

/* ---- Reading --------------------------------------------------------------*/

static struct tn_slice
without_quotes(struct tn_slice s)
{
	if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
		return tn_slice(s.ptr + 1, s.len - 2);
	if (s.len == 1 && s.ptr[0] == '"')
		return tn_slice(s.ptr, 0);
	return s;
}

static bool
next_pair(struct tn_slice *rest, struct tn_cookie *pair)
{
	while (rest->ptr != NULL) {
		struct tn_slice part = tn_slice_cut(rest, ';');

		if (tn_slice_split(part, '=', &pair->name, &pair->value)) {
			pair->value = without_quotes(pair->value);
			return true;
		}
	}
	return false;
}

static int
check_length(struct tn_slice header, struct tn_err *err)
{
	if (header.len > TN_LIMIT_COOKIE_BYTES)
		return tn_err_set(err, TN_E_LIMIT,
		    "cookie header of %zu bytes", header.len);
	return 0;
}

int
tn_cookie_parse(struct tn_slice in, struct tn_cookie *out, size_t cap,
    size_t *n, struct tn_err *err)
{
	struct tn_cookie pair;

	*n = 0;
	if (check_length(in, err) < 0)
		return TN_E_LIMIT;
	while (next_pair(&in, &pair)) {
		if (*n == cap)
			return tn_err_set(err, TN_E_LIMIT,
			    "more than %zu cookies", cap);
		out[(*n)++] = pair;
	}
	return 0;
}

/* Percent-decoded; as it is where that fails or gives no UTF-8. */
static int
decode(struct tn_slice raw, struct tn_arena *arena, struct tn_slice *value,
    struct tn_err *err)
{
	struct tn_buf text;
	int e;

	*value = raw;
	if (tn_slice_find(raw, '%') < 0)
		return 0;
	tn_buf_init(&text, TN_LIMIT_COOKIE_BYTES);
	e = tn_url_decode(&text, raw, false, NULL);
	if (e == 0 && tn_utf8_valid(tn_buf_view(&text)))
		*value = tn_arena_copy(arena, tn_buf_view(&text));
	tn_buf_fini(&text);
	if (e == TN_E_NOMEM || value->ptr == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a cookie");
	return 0;
}

int
tn_cookie_find(struct tn_slice header, struct tn_slice name,
    struct tn_arena *arena, struct tn_slice *value, struct tn_err *err)
{
	struct tn_cookie pair;
	int e = check_length(header, err);

	if (e < 0)
		return e;
	while (next_pair(&header, &pair)) {
		if (!tn_slice_eq(pair.name, name))
			continue;
		e = decode(pair.value, arena, value, err);
		return e < 0 ? e : 1;
	}
	return 0;
}

/* ---- Writing --------------------------------------------------------------*/

/* A domain or a path: visible characters without ';', in a path also ' '. */
static bool
is_attribute(struct tn_slice s, bool with_space)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < ' ' || c >= 0x7f || c == ';' ||
		    (c == ' ' && !with_space))
			return false;
	}
	return true;
}

static void
put_text(struct tn_buf *out, const char *name, struct tn_slice value)
{
	if (value.len == 0)
		return;
	tn_buf_str(out, name);
	tn_buf_slice(out, value);
}

static void
put_flag(struct tn_buf *out, const char *name, bool on)
{
	if (on)
		tn_buf_str(out, name);
}

int
tn_cookie_write(struct tn_buf *out, struct tn_slice name,
    struct tn_slice value, const struct tn_cookie_options *options,
    struct tn_err *err)
{
	static const char *const priorities[] = {
		"", "; Priority=Low", "; Priority=Medium", "; Priority=High",
	};
	static const char *const same_sites[] = {
		"", "; SameSite=Lax", "; SameSite=Strict", "; SameSite=None",
		"",
	};
	struct tn_slice done;

	if (!tn_slice_is_token(name))
		return tn_err_set(err, TN_E_SYNTAX, "a cookie's name is no token");
	if (!is_attribute(options->domain, false) ||
	    !is_attribute(options->path, true))
		return tn_err_set(err, TN_E_SYNTAX,
		    "a cookie's domain or path has a forbidden character");
	tn_buf_slice(out, name);
	tn_buf_char(out, '=');
	tn_url_encode(out, value);
	if (options->has_max_age) {
		tn_buf_str(out, "; Max-Age=");
		tn_buf_i64(out, options->max_age_s);
	}
	put_text(out, "; Domain=", options->domain);
	put_text(out, "; Path=", options->path);
	if (options->has_expires) {
		tn_buf_str(out, "; Expires=");
		tn_cookie_date(out, options->expires_ms);
	}
	put_flag(out, "; HttpOnly", options->http_only);
	put_flag(out, "; Secure", options->secure);
	put_flag(out, "; Partitioned", options->partitioned);
	tn_buf_str(out, priorities[options->priority]);
	tn_buf_str(out, same_sites[options->same_site]);
	return tn_buf_finish(out, &done, err);
}

void
tn_cookie_date(struct tn_buf *out, int64_t wall_ms)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed",
		"Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr",
		"May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	/* A year has four digits; long gone is as good as just gone. */
	if (wall_ms < 0)
		t = 0;
	else if (t > LAST_SECOND)
		t = LAST_SECOND;
	if (gmtime_r(&t, &tm) == NULL)
		return;
	tn_buf_printf(out, "%s, %02d %s %04d %02d:%02d:%02d GMT",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
