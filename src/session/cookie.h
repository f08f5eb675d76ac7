/* Cookies, in both directions: the Cookie header and Set-Cookie. */
#ifndef TN_COOKIE_H
#define TN_COOKIE_H

#include "base/buf.h"

struct tn_arena;
struct tn_err;

struct tn_cookie {
	struct tn_slice name;
	struct tn_slice value;	/* as sent, quotes off, still percent-encoded */
};

/*
 * Split a Cookie header into pairs by the rules of npm's cookie 0.7.
 *
 * in   header value; borrowed, the pairs point into it
 * out  room for cap pairs, filled in header order, doubles included
 * n    set to the pairs filled, 0..cap
 *
 * Returns 0, or TN_E_LIMIT if there are more than cap, or the header is
 * longer than TN_LIMIT_COOKIE_BYTES. A segment without '=' is skipped.
 */
int tn_cookie_parse(struct tn_slice in, struct tn_cookie *out, size_t cap,
    size_t *n, struct tn_err *err);

/*
 * The first cookie of a name in a Cookie header, percent-decoded (as sent
 * where the decoding fails).
 *
 * Returns 1 and sets value (arena or view), 0 if there is none, TN_E_LIMIT,
 * TN_E_NOMEM.
 */
int tn_cookie_find(struct tn_slice header, struct tn_slice name,
    struct tn_arena *arena, struct tn_slice *value, struct tn_err *err);

enum tn_same_site {
	TN_SAME_SITE_UNSET, TN_SAME_SITE_LAX, TN_SAME_SITE_STRICT,
	TN_SAME_SITE_NONE,
	TN_SAME_SITE_AUTO,	/* of sessions: None if secure, else Lax */
};
enum tn_priority {
	TN_PRIORITY_UNSET, TN_PRIORITY_LOW, TN_PRIORITY_MEDIUM,
	TN_PRIORITY_HIGH,
};

struct tn_cookie_options {
	struct tn_slice domain;		/* empty: none */
	struct tn_slice path;		/* empty: none */
	bool has_max_age;
	int64_t max_age_s;
	bool has_expires;
	int64_t expires_ms;		/* wall clock */
	bool http_only;
	bool secure;
	bool partitioned;
	enum tn_priority priority;
	enum tn_same_site same_site;
};

/*
 * Write the value of a Set-Cookie header; value is percent-encoded here.
 * Returns 0, TN_E_SYNTAX for a name that is no token or a bad domain or
 * path, or the buffer's failure.
 */
int tn_cookie_write(struct tn_buf *out, struct tn_slice name,
    struct tn_slice value, const struct tn_cookie_options *options,
    struct tn_err *err);

/* "Tue, 14 Nov 2023 22:13:20 GMT" (RFC 9110, IMF-fixdate); 1970 to 9999. */
void tn_cookie_date(struct tn_buf *out, int64_t wall_ms);

#endif
