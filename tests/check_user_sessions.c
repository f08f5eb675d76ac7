/* The sessions of a user, and the tokens that begin new ones. */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis.h"
#include "redis_server.h"
#include "session/remember.h"
#include "session/store_redis.h"
#include "session/user_sessions.h"

#define S(s)	TN_SLICE(s)
#define UID	"0123456789abcdef0123456789abcdef"
#define KEY	"tandem:{" UID "}:sessions"
#define NOW	INT64_C(1700000000000)

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_user_sessions all;
static struct tn_signer *signer;
static struct tn_remember remember;
static struct tn_arena arena;
static struct tn_user_session *list;
static size_t n;
static const struct tn_account kim = { .id = UID, .name = "kim",
	.display = "Kim", .provider = "local", .version = 1 };

static void
start(void)
{
	ck_assert(redis_server_start(&server));
}

static void
stop(void)
{
	redis_server_stop(&server);
}

static void
setup(void)
{
	struct tn_slice secret = S("a secret of enough bytes");

	ck_assert_int_eq(tn_random_start(NULL), 0);
	options = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&options, 2, NULL);
	redis_ask(redis, "FLUSHALL");
	signer = tn_signer_new(&secret, 1, NULL);
	remember = (struct tn_remember){ redis, signer, 1000000 };
	all = (struct tn_user_sessions){ redis, tn_store_redis_new(redis,
	    &(struct tn_store_redis_options){ .prefix = S("sess:") }, NULL) };
	tn_arena_init(&arena, 1 << 20);
}

static void
teardown(void)
{
	tn_arena_fini(&arena);
	tn_store_redis_free(&all.store);
	tn_signer_free(&signer);
	tn_redis_free(&redis);
}

/* Begin a session in the store, and add it. */
static int
add(const char *sid, int64_t began_ms, int64_t version)
{
	struct tn_account who = kim;
	const struct tn_user_session entry = {
		.sid = tn_slice_str(sid), .began_ms = began_ms,
		.address = S("192.0.2.1"), .agent = S("A \"browser\"\n"),
	};

	who.version = version;
	all.store->ops->set(all.store, entry.sid, S("{}"), 60, NULL);
	return tn_user_sessions_add(&all, &who, &entry, NULL);
}

static size_t
living(void)
{
	ck_assert_int_eq(tn_user_sessions_list(&all, S(UID), &arena, &list, &n,
	    NULL), 0);
	return n;
}

static bool
is_there(const char *sid)
{
	char line[200];

	snprintf(line, sizeof(line), "EXISTS sess:%s", sid);
	return redis_ask(redis, line) == 1;
}

START_TEST(listed_newest_first)
{
	char handle[TN_SESSION_HANDLE + 1];

	ck_assert_uint_eq(living(), 0);
	ck_assert_int_eq(add("one", NOW, 1), 0);
	ck_assert_int_eq(add("two", NOW + 2, 1), 0);
	ck_assert_int_eq(add("three", NOW + 1, 1), 0);
	ck_assert_int_eq(add("three", NOW + 1, 1), 0);	/* once is enough */
	ck_assert_uint_eq(living(), 3);
	ck_assert(tn_slice_is(list[0].sid, "two"));
	ck_assert(tn_slice_is(list[1].sid, "three"));
	ck_assert(tn_slice_is(list[2].sid, "one"));
	ck_assert_int_eq(list[0].began_ms, NOW + 2);
	ck_assert(tn_slice_is(list[0].address, "192.0.2.1"));
	ck_assert(tn_slice_is(list[0].agent, "A \"browser\"\n"));
	tn_session_handle(handle, S("two"));
	ck_assert(tn_slice_is(list[0].handle, handle));
	ck_assert_ptr_null(strstr(handle, "two"));
}
END_TEST

START_TEST(ended_ones_are_forgotten)
{
	add("one", NOW, 1);
	add("two", NOW, 1);
	redis_ask(redis, "DEL sess:one");
	ck_assert_uint_eq(living(), 1);
	ck_assert(tn_slice_is(list[0].sid, "two"));
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), 1);
	ck_assert_int_eq(tn_user_sessions_forget(&all, S(UID), S("two"), NULL),
	    0);
	ck_assert_uint_eq(living(), 0);
	ck_assert(is_there("two"));	/* that was its owner's to do */
}
END_TEST

START_TEST(one_is_ended)
{
	char handle[TN_SESSION_HANDLE + 1];

	add("one", NOW, 1);
	add("two", NOW, 1);
	tn_session_handle(handle, S("one"));
	ck_assert_int_eq(tn_user_sessions_end(&all, S("somebody else"),
	    tn_slice_str(handle), NULL), 0);
	ck_assert(is_there("one"));
	ck_assert_int_eq(tn_user_sessions_end(&all, S(UID),
	    tn_slice_str(handle), NULL), 1);
	ck_assert(!is_there("one"));
	ck_assert_int_eq(tn_user_sessions_end(&all, S(UID),
	    tn_slice_str(handle), NULL), 0);
	ck_assert_int_eq(tn_user_sessions_end(&all, S(UID), S("one"), NULL), 0);
	ck_assert_int_eq(tn_user_sessions_end(&all, S(UID), S(""), NULL), 0);
	ck_assert_uint_eq(living(), 1);
}
END_TEST

START_TEST(all_others_are_ended)
{
	size_t ended = 99;

	add("one", NOW, 1);
	add("two", NOW, 1);
	add("three", NOW, 1);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S("two"), 0,
	    &ended, NULL), 0);
	ck_assert_uint_eq(ended, 2);
	ck_assert(is_there("two") && !is_there("one") && !is_there("three"));
	ck_assert_uint_eq(living(), 1);
	ck_assert_int_eq(add("four", NOW, 1), 0);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S(""), 0,
	    NULL, NULL), 0);
	ck_assert_uint_eq(living(), 0);
}
END_TEST

START_TEST(nobody_comes_late)
{
	add("one", NOW, 1);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S(""), 2,
	    NULL, NULL), 0);
	/* verified with the old password, then slow */
	ck_assert_int_eq(add("late", NOW, 1), TN_E_DENIED);
	ck_assert_uint_eq(living(), 0);
	ck_assert_int_eq(add("new", NOW, 2), 0);
	ck_assert_uint_eq(living(), 1);
}
END_TEST

START_TEST(so_many_and_the_oldest_ends)
{
	char sid[16];

	for (int i = 0; i < TN_LIMIT_USER_SESSIONS; i++) {
		snprintf(sid, sizeof(sid), "s%d", i);
		ck_assert_int_eq(add(sid, NOW + i, 1), 0);
	}
	ck_assert_uint_eq(living(), TN_LIMIT_USER_SESSIONS);
	ck_assert(is_there("s0"));
	ck_assert_int_eq(add("last", NOW + 1000, 1), 0);
	ck_assert_uint_eq(living(), TN_LIMIT_USER_SESSIONS);
	ck_assert(!is_there("s0") && is_there("s1") && is_there("last"));
}
END_TEST

/* What another program may have put there. */
static const char *const damages[] = {
	"HSET " KEY " s:0123456789012345678901 x",
	"HSET " KEY " s:0123456789012345678901 {}",
	"HSET " KEY " s:0123456789012345678901 {\"sid\":\"\",\"began\":1,"
	    "\"address\":\"\",\"agent\":\"\"}",
	"HSET " KEY " s:0123456789012345678901 {\"sid\":\"a\",\"began\":\"\","
	    "\"address\":\"\",\"agent\":\"\"}",
	"HSET " KEY " s: {\"sid\":\"a\",\"began\":1,\"address\":\"\","
	    "\"agent\":\"\"}",
	"HSET " KEY " nonsense 1",
};

START_TEST(damaged_entries_are_none)
{
	add("one", NOW, 1);
	redis_ask(redis, damages[_i]);
	ck_assert_uint_eq(living(), 1);
	ck_assert_int_eq(tn_user_sessions_end(&all, S(UID),
	    S("0123456789012345678901"), NULL), 0);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S(""), 0, &n,
	    NULL), 0);
	ck_assert_uint_eq(n, 1);
}
END_TEST

/* ---- Tokens ---------------------------------------------------------------*/

/* The cookie in text becomes the next one, if one is given. */
static int
use(char text[300], int64_t now_ms, struct tn_account *who)
{
	struct tn_buf value;
	int result;

	tn_buf_init(&value, 1000);
	result = tn_remember_use(&remember, tn_slice_str(text), now_ms, who,
	    &value, NULL);
	if (value.len > 0)
		snprintf(text, 300, "%.*s", (int)value.len, value.ptr);
	tn_buf_fini(&value);
	return result;
}

static void
make(char text[300])
{
	struct tn_buf value;

	tn_buf_init(&value, 1000);
	ck_assert_int_eq(tn_remember_make(&remember, &kim, NOW, &value, NULL),
	    0);
	snprintf(text, 300, "%.*s", (int)value.len, value.ptr);
	tn_buf_fini(&value);
}

START_TEST(each_use_makes_a_new_cookie)
{
	char text[300], before[300];
	struct tn_account who;

	make(text);
	for (int i = 0; i < 3; i++) {
		strcpy(before, text);
		ck_assert_int_eq(use(text, NOW + i, &who), TN_REMEMBER_KNOWN);
		ck_assert_str_eq(who.id, kim.id);
		ck_assert_str_eq(who.name, "kim");
		ck_assert_int_eq(who.version, 1);
		ck_assert_str_ne(before, text);
	}
	/* Redis knows no validator */
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), 1);
}
END_TEST

START_TEST(pages_opened_together)
{
	char first[300], second[300];
	struct tn_account who;

	make(first);
	strcpy(second, first);
	ck_assert_int_eq(use(first, NOW, &who), TN_REMEMBER_KNOWN);
	ck_assert_int_eq(use(second, NOW + TN_LIMIT_REMEMBER_GRACE_MS, &who),
	    TN_REMEMBER_AGAIN);
	ck_assert_str_eq(who.name, "kim");
	ck_assert_int_eq(use(first, NOW + 5, &who), TN_REMEMBER_KNOWN);
}
END_TEST

START_TEST(a_copied_token_is_noticed)
{
	char mine[300], thiefs[300];
	struct tn_account who;

	make(mine);
	strcpy(thiefs, mine);
	ck_assert_int_eq(use(thiefs, NOW, &who), TN_REMEMBER_KNOWN);
	ck_assert_int_eq(use(mine, NOW + TN_LIMIT_REMEMBER_GRACE_MS + 1, &who),
	    TN_REMEMBER_THEFT);
	ck_assert_str_eq(who.id, kim.id);
	/* and is of use to nobody from then on */
	ck_assert_int_eq(use(thiefs, NOW + 1, &who), TN_REMEMBER_NOBODY);
	ck_assert_int_eq(use(mine, NOW + 1, &who), TN_REMEMBER_NOBODY);
}
END_TEST

START_TEST(two_before_is_no_grace)
{
	char text[300], old[300];
	struct tn_account who;

	make(text);
	strcpy(old, text);
	use(text, NOW, &who);
	use(text, NOW, &who);
	ck_assert_int_eq(use(old, NOW, &who), TN_REMEMBER_THEFT);
}
END_TEST

START_TEST(tokens_end)
{
	char text[300];
	struct tn_account who;

	make(text);
	ck_assert_int_eq(use(text, NOW + 1000000, &who), TN_REMEMBER_KNOWN);
	ck_assert_int_eq(use(text, NOW + 2000000, &who), TN_REMEMBER_KNOWN);
	ck_assert_int_eq(use(text, NOW + 3000001, &who), TN_REMEMBER_NOBODY);
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), 0);
}
END_TEST

START_TEST(the_end_of_all_ends_tokens)
{
	char text[300];
	struct tn_account who;
	struct tn_buf value;

	make(text);
	add("one", NOW, 1);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S("one"), 2,
	    NULL, NULL), 0);
	ck_assert_int_eq(use(text, NOW, &who), TN_REMEMBER_NOBODY);
	tn_buf_init(&value, 1000);
	ck_assert_int_eq(tn_remember_make(&remember, &kim, NOW, &value, NULL),
	    TN_E_DENIED);
	ck_assert_uint_eq(value.len, 0);
	tn_buf_fini(&value);
}
END_TEST

START_TEST(forgotten_at_log_out)
{
	char text[300], other[300];
	struct tn_account who;

	make(text);
	make(other);
	ck_assert_int_eq(tn_remember_forget(&remember, tn_slice_str(text),
	    NULL), 0);
	ck_assert_int_eq(use(text, NOW, &who), TN_REMEMBER_NOBODY);
	ck_assert_int_eq(use(other, NOW, &who), TN_REMEMBER_KNOWN);
}
END_TEST

START_TEST(so_many_tokens)
{
	char text[300];

	for (int i = 0; i < TN_LIMIT_USER_TOKENS + 5; i++) {
		make(text);
		ck_assert_int_le(redis_ask(redis, "HLEN " KEY),
		    TN_LIMIT_USER_TOKENS);
	}
	ck_assert_int_eq(redis_ask(redis, "HLEN " KEY), TN_LIMIT_USER_TOKENS);
}
END_TEST

/* Who cannot be ended stays on the list, where one sees it. */
START_TEST(what_does_not_end_stays_listed)
{
	ck_assert_int_eq(add("a", NOW, 1), 0);
	ck_assert_int_eq(add("b", NOW, 1), 0);
	all.store->ops->destroy(all.store, S("none"), NULL);
	tn_user_sessions_end_all(&all, S("nobody"), S(""), 0, NULL, NULL);
	/* the scripts are known; from now on sessions cannot be deleted */
	redis_ask(redis, "ACL SETUSER default -del");
	n = 7;
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S(""), 0, &n,
	    NULL), TN_E_IO);
	ck_assert_uint_eq(n, 0);
	redis_ask(redis, "ACL SETUSER default +@all");
	ck_assert_uint_eq(living(), 2);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S("b"), 0, &n,
	    NULL), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(living(), 1);
}
END_TEST

/* ---- Without memory -------------------------------------------------------*/

/* A session that lives, known to the list or not. */
static struct tn_user_session
one_session(const char *sid)
{
	const struct tn_user_session entry = {
		.sid = tn_slice_str(sid), .began_ms = NOW,
		.address = S("192.0.2.1"), .agent = S("a browser"),
	};

	all.store->ops->set(all.store, entry.sid, S("{}"), 60, NULL);
	return entry;
}

/* Who is told that it was added finds it in the list, and can end it. */
START_TEST(added_without_memory)
{
	bool failed = true;
	unsigned at;

	for (at = 1; failed; at++) {
		struct tn_user_session entry;
		int e;

		redis_ask(redis, "FLUSHDB");
		entry = one_session("a");
		tn_alloc_fail_at(at);
		e = tn_user_sessions_add(&all, &kim, &entry, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    at, e);
		if (e == 0)
			ck_assert_uint_eq(living(), 1);
	}
	ck_assert_uint_gt(at, 5);
}
END_TEST

START_TEST(listed_without_memory)
{
	bool failed = true;
	unsigned at;

	for (at = 1; failed; at++) {
		int e;

		redis_ask(redis, "FLUSHDB");
		ck_assert_int_eq(add("a", NOW, 1), 0);
		ck_assert_int_eq(add("b", NOW, 1), 0);
		ck_assert_int_eq(add("gone", NOW, 1), 0);
		redis_ask(redis, "DEL sess:gone");
		tn_alloc_fail_at(at);
		e = tn_user_sessions_list(&all, S(UID), &arena, &list, &n,
		    NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    at, e);
		ck_assert_uint_eq(n, e == 0 ? 2 : 0);
		tn_arena_fini(&arena);
		tn_arena_init(&arena, 1 << 20);
		ck_assert_uint_eq(living(), 2);
	}
	ck_assert_uint_gt(at, 5);
}
END_TEST

/* Who is told that they are ended has no session any more. */
START_TEST(ended_without_memory)
{
	bool failed = true;
	unsigned at;

	for (at = 1; failed; at++) {
		char handle[TN_SESSION_HANDLE + 1];
		int one, forgotten, rest;

		redis_ask(redis, "FLUSHDB");
		ck_assert_int_eq(add("a", NOW, 1), 0);
		ck_assert_int_eq(add("b", NOW, 1), 0);
		ck_assert_int_eq(add("c", NOW, 1), 0);
		tn_session_handle(handle, S("a"));
		tn_alloc_fail_at(at);
		one = tn_user_sessions_end(&all, S(UID), tn_slice_str(handle),
		    NULL);
		failed = tn_alloc_end();
		ck_assert_msg(one == 1 || (failed && one == TN_E_NOMEM),
		    "%u: %d", at, one);
		ck_assert(one != 1 || !is_there("a"));
		tn_alloc_fail_at(at);
		forgotten = tn_user_sessions_forget(&all, S(UID), S("b"),
		    NULL);
		failed |= tn_alloc_end();
		ck_assert(forgotten == 0 || forgotten == TN_E_NOMEM);
		if (one == 1 && forgotten == 0)
			ck_assert_uint_eq(living(), 1);
		tn_alloc_fail_at(at);
		rest = tn_user_sessions_end_all(&all, S(UID), S(""), 2, NULL,
		    NULL);
		failed |= tn_alloc_end();
		ck_assert(rest == 0 || rest == TN_E_NOMEM);
		ck_assert(rest != 0 || !is_there("c"));
	}
	ck_assert_uint_gt(at, 5);
}
END_TEST

START_TEST(the_oldest_ends_without_memory)
{
	bool failed = true;

	for (unsigned at = 1; failed; at += 7) {
		struct tn_user_session entry;
		char sid[16];
		int e;

		redis_ask(redis, "FLUSHDB");
		for (int i = 0; i < TN_LIMIT_USER_SESSIONS; i++) {
			snprintf(sid, sizeof(sid), "s%d", i);
			ck_assert_int_eq(add(sid, NOW - 100 + i, 1), 0);
		}
		entry = one_session("last");
		tn_alloc_fail_at(at);
		e = tn_user_sessions_add(&all, &kim, &entry, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    at, e);
		ck_assert(is_there("last") && is_there("s1"));
		ck_assert(e != 0 || !is_there("s0"));
	}
}
END_TEST

/* What the browser has, or the last it had, is good afterwards. */
START_TEST(remembered_without_memory)
{
	bool failed = true;
	unsigned at;

	for (at = 1; failed; at++) {
		struct tn_account who;
		struct tn_buf value;
		char text[300] = "", before[300];
		int e;

		redis_ask(redis, "FLUSHDB");
		tn_buf_init(&value, 1000);
		tn_alloc_fail_at(at);
		e = tn_remember_make(&remember, &kim, NOW, &value, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    at, e);
		if (e == 0) {
			snprintf(text, sizeof(text), "%.*s", (int)value.len,
			    value.ptr);
			ck_assert_int_eq(use(text, NOW, &who),
			    TN_REMEMBER_KNOWN);
		}
		tn_buf_fini(&value);

		make(text);
		strcpy(before, text);
		tn_alloc_fail_at(at);
		e = use(text, NOW, &who);
		failed |= tn_alloc_end();
		ck_assert_msg(e == TN_REMEMBER_KNOWN || (failed &&
		    (e == TN_E_NOMEM || e == TN_REMEMBER_NOBODY)), "%u: %d",
		    at, e);
		ck_assert((e == TN_REMEMBER_KNOWN) == (strcmp(text, before) !=
		    0));
		e = use(text, NOW + 1, &who);
		ck_assert_msg(e == TN_REMEMBER_KNOWN ||
		    e == TN_REMEMBER_AGAIN, "%u: %d", at, e);

		make(text);
		tn_alloc_fail_at(at);
		e = tn_remember_forget(&remember, tn_slice_str(text), NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM), "%u: %d",
		    at, e);
		ck_assert(e != 0 || use(text, NOW, &who) ==
		    TN_REMEMBER_NOBODY);
	}
	ck_assert_uint_gt(at, 5);
}
END_TEST

/* Nothing that we did not sign, or that has another shape, reaches Redis. */
START_TEST(forged_cookies)
{
	char text[300], forged[300];
	struct tn_account who;
	struct tn_buf odd;

	make(text);
	redis_server_kill(&server);
	for (size_t i = 0; i < strlen(text); i++) {
		strcpy(forged, text);
		forged[i] = '\0';
		ck_assert_int_eq(use(forged, NOW, &who), TN_REMEMBER_NOBODY);
		strcpy(forged, text);
		forged[i] ^= 1;
		ck_assert_int_eq(use(forged, NOW, &who), TN_REMEMBER_NOBODY);
	}
	tn_buf_init(&odd, 300);
	tn_buf_str(&odd, "s:");
	tn_sign(&odd, signer, S("}.a.b"));
	tn_buf_char(&odd, '\0');
	strcpy(forged, odd.ptr);
	tn_buf_fini(&odd);
	ck_assert_int_eq(use(forged, NOW, &who), TN_REMEMBER_NOBODY);
	/* while a good one finds that Redis is away */
	ck_assert_int_eq(use(text, NOW, &who), TN_E_AWAY);
	ck_assert_int_eq(add("one", NOW, 1), TN_E_AWAY);
	ck_assert_int_eq(tn_user_sessions_list(&all, S(UID), &arena, &list, &n,
	    NULL), TN_E_AWAY);
	ck_assert_int_eq(tn_user_sessions_end_all(&all, S(UID), S(""), 0, &n,
	    NULL), TN_E_AWAY);
}
END_TEST

static Suite *
user_sessions_suite(void)
{
	Suite *s = suite_create("user_sessions");
	TCase *tc = tcase_create("user_sessions");
	TCase *away = tcase_create("away");

	redis_server_or_skip();
	tcase_add_unchecked_fixture(tc, start, stop);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, listed_newest_first);
	tcase_add_test(tc, ended_ones_are_forgotten);
	tcase_add_test(tc, one_is_ended);
	tcase_add_test(tc, all_others_are_ended);
	tcase_add_test(tc, nobody_comes_late);
	tcase_add_test(tc, so_many_and_the_oldest_ends);
	tcase_add_loop_test(tc, damaged_entries_are_none, 0,
	    sizeof(damages) / sizeof(*damages));
	tcase_add_test(tc, each_use_makes_a_new_cookie);
	tcase_add_test(tc, pages_opened_together);
	tcase_add_test(tc, a_copied_token_is_noticed);
	tcase_add_test(tc, two_before_is_no_grace);
	tcase_add_test(tc, tokens_end);
	tcase_add_test(tc, the_end_of_all_ends_tokens);
	tcase_add_test(tc, forgotten_at_log_out);
	tcase_add_test(tc, so_many_tokens);
	tcase_add_test(tc, what_does_not_end_stays_listed);
	tcase_add_test(tc, added_without_memory);
	tcase_add_test(tc, listed_without_memory);
	tcase_add_test(tc, ended_without_memory);
	tcase_add_test(tc, the_oldest_ends_without_memory);
	tcase_add_test(tc, remembered_without_memory);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(away, start, stop);
	tcase_add_checked_fixture(away, setup, teardown);
	tcase_add_test(away, forged_cookies);
	suite_add_tcase(s, away);
	return s;
}

TN_CHECK_MAIN(user_sessions_suite)
