/* The cookie inside a session's record: made, read, moved on, written. */
#ifndef TN_SESSION_COOKIE_H
#define TN_SESSION_COOKIE_H

#include "session/session.h"

/* As the options say, for a session that begins. Returns 0 or TN_E_NOMEM. */
int tn_session_cookie_init(struct tn_session *s,
    const struct tn_session_options *options, bool request_is_secure,
    struct tn_err *err);

/*
 * From a record's "cookie", a JSON object; each session keeps the cookie it
 * began with. Members of the wrong type read as not there.
 */
int tn_session_cookie_read(struct tn_session *s, struct tn_slice cookie,
    struct tn_err *err);

/* Has the application given it another age since it was read or made? */
bool tn_session_cookie_is_changed(const struct tn_session *s);

/* Put the expiry originalMaxAge behind now; without one, there is none. */
void tn_session_cookie_touch(struct tn_session *s, int64_t wall_ms);

void tn_session_cookie_write(const struct tn_session *s, struct tn_buf *out);

/* Seconds that the store keeps the session; <= 0: it has ended. */
int64_t tn_session_ttl(const struct tn_session *s,
    const struct tn_session_options *options, int64_t wall_ms);

#endif
