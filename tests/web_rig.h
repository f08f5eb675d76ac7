/* A web app in a test, and the one client that asks it. */
#ifndef TN_TEST_WEB_RIG_H
#define TN_TEST_WEB_RIG_H

#include "session/session.h"
#include "web/harness.h"

extern struct tn_app *app;
extern struct tn_harness h;

/* An app that has nothing yet; as tn_app_new. */
void web_begin(void *arg, struct tn_log *log);

/* Sessions by the cookie "connect.sid": in this store; NULL: in memory. */
struct tn_step web_sessions(struct tn_store *store);
extern struct tn_session_options web_options;	/* theirs */

/* It has its routes: from here on it is asked, with h. */
void web_serve(void);

/* Free what there is of it; a fixture's teardown. */
void web_end(void);

/* want NULL: there is none. */
#define ck_slice(got, want) do {					\
	struct tn_slice got_ = (got);					\
	const char *want_ = (want);					\
									\
	ck_assert_msg(want_ == NULL ? got_.ptr == NULL :		\
	    tn_slice_is(got_, want_), "got \"%.*s\", want \"%s\"",	\
	    TN_SLICE_ARG(got_), want_ == NULL ? "(none)" : want_);	\
} while (0)

/* The same of a header of the last answer. */
#define ck_header(name, want) ck_slice(tn_harness_header(&h, name), want)

#endif
