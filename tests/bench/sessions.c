#include "config.h"

#include "sessions.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/random.h"
#include "base/url.h"
#include "redis/redis.h"
#include "session/signature.h"

#define SID_CHARS	32

static int
store(struct tn_redis *redis, const char *sid, unsigned user,
    struct tn_err *err)
{
	char key[48], record[384];
	struct tn_slice argv[5];
	struct tn_reply *reply = NULL;
	int n, status;

	snprintf(key, sizeof(key), "sess:%s", sid);
	n = snprintf(record, sizeof(record),
	    "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null,"
	    "\"httpOnly\":true,\"path\":\"/\"},\"csrfSecret\":\"%s\","
	    "\"isAuthenticated\":true,\"user\":{\"id\":\"load%u\","
	    "\"displayName\":\"Load %u\",\"provider\":\"local\"}}",
	    SESSIONS_CSRF_SECRET, user, user);
	argv[0] = TN_SLICE("SET");
	argv[1] = tn_slice_str(key);
	argv[2] = tn_slice(record, (size_t)n);
	argv[3] = TN_SLICE("EX");
	argv[4] = TN_SLICE("3600");
	status = tn_redis_call(redis, argv, 5, &reply, err);
	tn_reply_free(&reply);
	return status;
}

static int
write_cookie(char *out, size_t size, const struct tn_signer *signer,
    const char *sid, struct tn_err *err)
{
	struct tn_buf cookie, text;
	struct tn_slice view;
	int status;

	tn_buf_init(&text, 256);
	tn_buf_init(&cookie, size - 1);
	tn_buf_str(&text, "s:");
	tn_sign(&text, signer, tn_slice_str(sid));
	tn_buf_str(&cookie, "connect.sid=");
	tn_url_encode(&cookie, tn_buf_view(&text));
	status = tn_buf_finish(&cookie, &view, err);
	if (status == 0)
		snprintf(out, size, "%.*s", TN_SLICE_ARG(view));
	tn_buf_fini(&cookie);
	tn_buf_fini(&text);
	return status;
}

static int
make_each(struct sessions *s, unsigned first, struct tn_redis *redis,
    const struct tn_signer *signer, struct tn_err *err)
{
	char sid[SID_CHARS + 1];
	int status = 0;

	for (unsigned i = 0; status == 0 && i < s->n; i++) {
		tn_random_text(sid, SID_CHARS);
		status = store(redis, sid, first + i, err);
		if (status == 0)
			status = write_cookie(s->cookies[i],
			    sizeof(s->cookies[i]), signer, sid, err);
	}
	return status;
}

int
sessions_make(struct sessions *s, unsigned first, unsigned n,
    const struct tn_redis_options *options, const char *secret,
    struct tn_err *err)
{
	struct tn_slice text = tn_slice_str(secret);
	struct tn_signer *signer = tn_signer_new(&text, 1, err);
	struct tn_redis *redis = tn_redis_new(options, 1, err);
	int status = TN_E_NOMEM;

	s->n = n;
	s->cookies = calloc(n, sizeof(*s->cookies));
	if (signer != NULL && redis != NULL && s->cookies != NULL)
		status = make_each(s, first, redis, signer, err);
	tn_redis_free(&redis);
	tn_signer_free(&signer);
	if (status < 0)
		sessions_fini(s);
	return status;
}

void
sessions_fini(struct sessions *s)
{
	free(s->cookies);
	s->cookies = NULL;
	s->n = 0;
}
