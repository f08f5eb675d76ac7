#include "config.h"

#include "web_rig.h"

#include <check.h>

#include "session/signature.h"
#include "web/middleware.h"

struct tn_app *app;
struct tn_harness h;
struct tn_session_options web_options;

static struct tn_store *in_memory;
static struct tn_signer *signer;

void
web_begin(void *arg, struct tn_log *log)
{
	app = tn_app_new(arg, log, NULL);
	ck_assert_ptr_nonnull(app);
}

struct tn_step
web_sessions(struct tn_store *store)
{
	struct tn_slice secret = TN_SLICE("a secret of enough bytes");

	if (store == NULL)
		store = in_memory = tn_store_memory_new(NULL, NULL);
	signer = tn_signer_new(&secret, 1, NULL);
	web_options = (struct tn_session_options){
		.name = TN_SLICE("connect.sid"), .signer = signer,
		.max_age_ms = -1, .ttl_s = 86400, .path = TN_SLICE("/"),
		.http_only = true,
	};
	return tn_session(store, &web_options);
}

void
web_serve(void)
{
	ck_assert_int_eq(tn_app_check(app, NULL), 0);
	tn_harness_init(&h, app);
}

void
web_end(void)
{
	if (h.app != NULL)
		tn_harness_fini(&h);
	h.app = NULL;
	tn_app_free(&app);
	tn_signer_free(&signer);
	tn_store_memory_free(&in_memory);
}
