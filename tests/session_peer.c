/*
 * A program with sessions, told by lines what to do with them; the other side
 * of tests/interop/sessions.mjs, where an Express program does the same.
 *
 *	session_peer REDIS_SOCKET DATABASE OPTIONS
 *
 * In:  "PATH <tab> next sid <tab> safe or plain <tab> Cookie header"
 * Out: "status <tab> body <tab> Set-Cookie", or "-" for none.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "redis/redis.h"
#include "session/signature.h"
#include "session/store_redis.h"
#include "web/harness.h"
#include "web/middleware.h"

enum { LINE_BYTES = 8192 };

static struct tn_session_options options = {
	.name = { "connect.sid", 11 }, .max_age_ms = -1, .path = { "/", 1 },
	.http_only = true, .proxy = TN_PROXY_YES,
};
static struct tn_slice secrets[TN_LIMIT_SECRETS];
static size_t nsecrets;
static struct tn_slice next_sid;
static int nsids;			/* made by this request */

/* ---- What a request does --------------------------------------------------*/

static int64_t
number(struct tn_req *req)
{
	struct tn_slice text = tn_req_query(req, "n");

	return text.len == 0 ? 0 : strtoll(text.ptr, NULL, 10);
}

static int
count(struct tn_session *s)
{
	int64_t views = 0;

	tn_session_get_i64(s, "views", &views);
	return tn_session_set_i64(s, "views", views + 1);
}

static int
act(struct tn_req *req, struct tn_session *s)
{
	struct tn_slice what = tn_req_param(req, "what");

	if (tn_slice_is(what, "view"))
		return count(s);
	if (tn_slice_is(what, "same"))
		return tn_session_set(s, "fixed", TN_SLICE("\"x\""));
	if (tn_slice_is(what, "remove"))
		return tn_session_remove(s, "views"), 0;
	if (tn_slice_is(what, "undo"))
		return tn_session_set_bool(s, "tried", true),
		    tn_session_remove(s, "tried"), 0;
	if (tn_slice_is(what, "age"))
		return tn_session_set_max_age(s, number(req)), 0;
	if (tn_slice_is(what, "viewage"))
		return tn_session_set_max_age(s, number(req)), count(s);
	if (tn_slice_is(what, "noage"))
		return tn_session_set_max_age(s, -1), count(s);
	if (tn_slice_is(what, "ends"))
		return tn_session_set_expires(s, number(req)), count(s);
	if (tn_slice_is(what, "touch"))
		return tn_session_touch(s), 0;
	if (tn_slice_is(what, "save"))
		return tn_session_save(s, &req->err);
	if (tn_slice_is(what, "viewsave"))
		return count(s), tn_session_save(s, &req->err);
	if (tn_slice_is(what, "saveage")) {
		int rc = count(s);

		if (rc == 0)
			rc = tn_session_save(s, &req->err);
		return tn_session_set_max_age(s, number(req)), rc;
	}
	if (tn_slice_is(what, "reload"))
		return count(s), s->is_new ? 0 :
		    tn_session_reload(s, &req->err);
	if (tn_slice_is(what, "regenerate"))
		return tn_session_regenerate(s);
	if (tn_slice_is(what, "login"))
		return tn_session_regenerate(s), count(s);
	if (tn_slice_is(what, "destroy"))
		return tn_session_destroy(s), 0;
	if (tn_slice_is(what, "unset"))
		return tn_session_unset(s), 0;
	return 0;
}

static int
answer(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_session *s = tn_req_session(req);
	struct tn_slice views = TN_SLICE("-");
	int rc;

	(void)arg;
	if (s == NULL)
		return req->err.code;
	rc = act(req, s);
	if (rc < 0)
		return rc;
	if (!s->destroyed && !s->is_unset)
		tn_session_get(s, "views", &views);
	return tn_res_send(res, views);
}

/* ---- Options --------------------------------------------------------------*/

static int
choice(struct tn_slice value, const char *words)
{
	struct tn_slice rest = tn_slice_str(words);

	for (int i = 0; rest.ptr != NULL; i++)
		if (tn_slice_eq(tn_slice_cut(&rest, ' '), value))
			return i;
	fprintf(stderr, "unknown word %.*s\n", TN_SLICE_ARG(value));
	exit(2);
}

static void
set_option(struct tn_slice name, struct tn_slice value)
{
	int on = tn_slice_is(value, "1");

	if (tn_slice_is(name, "secret"))
		secrets[nsecrets++] = value;
	else if (tn_slice_is(name, "name"))
		options.name = value;
	else if (tn_slice_is(name, "rolling"))
		options.rolling = on;
	else if (tn_slice_is(name, "resave"))
		options.resave = on;
	else if (tn_slice_is(name, "saveUninitialized"))
		options.save_uninitialized = on;
	else if (tn_slice_is(name, "unset"))
		options.unset = (enum tn_unset)choice(value, "keep destroy");
	else if (tn_slice_is(name, "maxAge"))
		options.max_age_ms = strtoll(value.ptr, NULL, 10);
	else if (tn_slice_is(name, "ttl"))
		options.ttl_s = strtoll(value.ptr, NULL, 10);
	else if (tn_slice_is(name, "domain"))
		options.domain = value;
	else if (tn_slice_is(name, "path"))
		options.path = value;
	else if (tn_slice_is(name, "httpOnly"))
		options.http_only = on;
	else if (tn_slice_is(name, "partitioned"))
		options.partitioned = on;
	else if (tn_slice_is(name, "secure"))
		options.secure = (enum tn_secure)choice(value,
		    "no yes auto");
	else if (tn_slice_is(name, "sameSite"))
		options.same_site = (enum tn_same_site)choice(value,
		    "unset lax strict none auto");
	else if (tn_slice_is(name, "priority"))
		options.priority = (enum tn_priority)choice(value,
		    "unset low medium high");
	else
		choice(name, "");
}

static int
give_sid(struct tn_buf *out, void *arg)
{
	(void)arg;
	tn_buf_slice(out, next_sid);
	tn_buf_i64(out, nsids++);
	return 0;
}

/* ---- Lines ----------------------------------------------------------------*/

static void
say(struct tn_slice text, char behind)
{
	printf("%.*s%c", TN_SLICE_ARG(text), behind);
}

static void
serve(struct tn_harness *h, struct tn_slice line)
{
	char path[LINE_BYTES], headers[2 * LINE_BYTES];
	struct tn_slice target = tn_slice_cut(&line, '\t');
	struct tn_slice set_cookie, safe;

	snprintf(path, sizeof(path), "%.*s", TN_SLICE_ARG(target));
	next_sid = tn_slice_cut(&line, '\t');
	nsids = 0;
	safe = tn_slice_cut(&line, '\t');
	h->cookies[0] = '\0';
	snprintf(headers, sizeof(headers), "%s%.*s%sx-forwarded-proto: %s\n",
	    line.len > 0 ? "cookie: " : "", TN_SLICE_ARG(line),
	    line.len > 0 ? "\n" : "",
	    tn_slice_is(safe, "safe") ? "https" : "http");
	tn_harness_request(h, "GET", path, headers, NULL);
	set_cookie = tn_harness_header(h, "set-cookie");
	printf("%d\t", h->status);
	say(h->status == 200 ? h->body : TN_SLICE("-"), '\t');
	say(set_cookie.len > 0 ? set_cookie : TN_SLICE("-"), '\n');
	fflush(stdout);
}

static void
serve_all(struct tn_store *store)
{
	struct tn_app *app = tn_app_new(NULL, NULL, NULL);
	char line[LINE_BYTES];
	struct tn_harness h;

	tn_app_use(app, tn_session(store, &options));
	tn_app_get(app, "/:what", answer);
	tn_harness_init(&h, app);
	while (fgets(line, sizeof(line), stdin) != NULL)
		serve(&h, tn_slice(line, strcspn(line, "\n")));
	tn_harness_fini(&h);
	tn_app_free(&app);
}

int
main(int argc, char **argv)
{
	struct tn_slice words = tn_slice_str(argc == 4 ? argv[3] : NULL);
	struct tn_redis_options where = { .command_ms = 20000 };
	struct tn_slice name, value;
	struct tn_signer *signer;
	struct tn_redis *redis;
	struct tn_store *store;

	if (argc != 4 || tn_random_start(NULL) < 0)
		return 2;
	where.path = argv[1];
	where.database = atoi(argv[2]);
	while (words.len > 0)
		if (tn_slice_split(tn_slice_cut(&words, ';'), '=', &name,
		    &value))
			set_option(name, value);
	signer = tn_signer_new(secrets, nsecrets, NULL);
	options.signer = signer;
	options.genid = give_sid;
	redis = tn_redis_new(&where, 1, NULL);
	store = tn_store_redis_new(redis, &(struct tn_store_redis_options){
	    .prefix = TN_SLICE("sess:"), .touch_percent = -1 }, NULL);
	serve_all(store);
	tn_store_redis_free(&store);
	tn_redis_free(&redis);
	tn_signer_free(&signer);
	return 0;
}
