#include "config.h"

#include <pthread.h>
#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "redis/redis_batch.h"
#include "redis_server.h"
#include "session/account.h"
#include "session/throttle.h"

#define S(s) TN_SLICE(s)

/* The least that Argon2id takes: these tests are not about its cost. */
#define OPS	1
#define BYTES	8192

static struct redis_server server;
static struct tn_redis_options options;
static struct tn_redis *redis;
static struct tn_accounts accounts;
static struct tn_account who;

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
ask(const char *line, char text[256])
{
	struct tn_slice words[REDIS_WORDS];
	struct tn_reply *reply;
	size_t n = redis_words(line, words);

	ck_assert_int_eq(tn_redis_call(redis, words, n, &reply, NULL), 0);
	if (text != NULL)
		snprintf(text, 256, "%.*s", TN_SLICE_ARG(tn_reply_text(reply)));
	tn_reply_free(&reply);
}

static void
setup(void)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
	options = (struct tn_redis_options){ .path = server.path };
	redis = tn_redis_new(&options, 8, NULL);
	ask("FLUSHALL", NULL);
	ck_assert_int_eq(tn_accounts_init(&accounts, redis, OPS, BYTES, NULL),
	    0);
}

static void
teardown(void)
{
	tn_redis_free(&redis);
}

static struct tn_throttle by_user = { .kind = "login-user", .max = 3,
	.window_s = 60 };
static struct tn_throttle by_address = { .kind = "login-address", .max = 20,
	.window_s = 60 };
static struct tn_attempt attempt;

enum { REFUSED = 2 };

/* All steps of one try: as tn_account_verify, or REFUSED. */
static int
try_from(const char *address, const char *name, const char *password,
    struct tn_err *err)
{
	struct tn_redis_batch with;
	int e;

	by_user.redis = by_address.redis = accounts.redis;
	attempt = (struct tn_attempt){ .name = tn_slice_str(name),
		.address = tn_slice_str(address), .by_user = &by_user,
		.by_address = &by_address, .retry_s = -1 };
	tn_redis_batch_init(&with, accounts.redis);
	tn_attempt_with(&attempt, &with);
	tn_redis_batch_send(&with, NULL);
	e = tn_attempt_may(&accounts, &attempt, &with, err);
	tn_redis_batch_fini(&with);
	if (e == 0)
		return REFUSED;
	return e < 0 ? e : tn_attempt_end(&accounts, &attempt,
	    tn_slice_str(password));
}

static int
try(const char *name, const char *password)
{
	return try_from("192.0.2.1", name, password, NULL);
}

static const struct {
	const char *name;
	struct tn_slice typed;
	int result;
	const char *canonical;
} names[] = {
	{ "lower case",		S("Kim"),	0,	"kim" },
	{ "all that is allowed", S("a.B-9_z"),	0,	"a.b-9_z" },
	{ "spaces around",	S(" kim\t"),	0,	"kim" },
	{ "one letter",		S("x"),		0,	"x" },
	{ "the longest", S("abcdefghijklmnopqrstuvwxyz012345"), 0,
	    "abcdefghijklmnopqrstuvwxyz012345" },
	{ "one more", S("abcdefghijklmnopqrstuvwxyz0123456"), TN_E_LIMIT, "" },
	{ "nothing",		S(""),		TN_E_SYNTAX, "" },
	{ "spaces alone",	S("  "),	TN_E_SYNTAX, "" },
	{ "a space inside",	S("a b"),	TN_E_SYNTAX, "" },
	{ "NUL",		S("a\0b"),	TN_E_SYNTAX, "" },
	{ "a brace",		S("a}b"),	TN_E_SYNTAX, "" },
	{ "a colon",		S("a:b"),	TN_E_SYNTAX, "" },
	{ "letters with marks",	S("K\xc3\x8fm"), 0, "k\xc3\xafm" },
	{ "a letter that looks like one of ours", S("\xd0\xb0" "dmin"),
	    TN_E_SYNTAX, "" },
	{ "an invisible one", S("k\xe2\x80\x8bim"), TN_E_SYNTAX, "" },
};

START_TEST(canonical_names)
{
	char out[129] = "";
	struct tn_err err = { .code = 0 };

	ck_assert_msg(tn_account_canonical(names[_i].typed, out, &err) ==
	    names[_i].result, "%s", names[_i].name);
	ck_assert_msg(names[_i].result < 0 ||
	    strcmp(out, names[_i].canonical) == 0, "%s", out);
	ck_assert_int_eq(err.code, names[_i].result);
}
END_TEST

START_TEST(registered_and_verified)
{
	struct tn_account again;

	ck_assert_int_eq(tn_account_register(&accounts, S("Kim"),
	    S("correct horse"), &who, NULL), 0);
	ck_assert_str_eq(who.name, "kim");
	ck_assert_str_eq(who.display, "Kim");
	ck_assert_str_eq(who.provider, "local");
	ck_assert_uint_eq(strlen(who.id), 32);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kIM"),
	    S("correct horse"), &again, NULL), 1);
	ck_assert_str_eq(again.id, who.id);
	ck_assert_str_eq(again.display, "Kim");
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct hors"), &again, NULL), 0);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"), S(""), &again,
	    NULL), 0);
	ck_assert_int_eq(tn_account_verify(&accounts, S("nobody"),
	    S("correct horse"), &again, NULL), 0);
	ck_assert_int_eq(tn_account_verify(&accounts, S("no body"),
	    S("correct horse"), &again, NULL), 0);
}
END_TEST

START_TEST(a_name_is_taken_once)
{
	ck_assert_int_eq(tn_account_register(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_register(&accounts, S("KIM"),
	    S("battery staple"), &who, NULL), TN_E_CONFLICT);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 1);
}
END_TEST

static void *
take_name(void *arg)
{
	struct tn_account mine;
	int r = tn_account_register(&accounts, S("kim"), S("correct horse"),
	    &mine, NULL);

	return r == 0 ? arg : NULL;
}

START_TEST(of_many_at_once_one_has_it)
{
	pthread_t threads[8];
	int taken = 0;

	for (size_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, take_name, &taken);
	for (size_t i = 0; i < 8; i++) {
		void *got;

		pthread_join(threads[i], &got);
		taken += got != NULL;
	}
	ck_assert_int_eq(taken, 1);
}
END_TEST

START_TEST(passwords_have_limits)
{
	static char text[TN_LIMIT_PASSWORD_MAX + 1];
	static const struct { size_t len; int result; } cases[] = {
		{ TN_LIMIT_PASSWORD_MIN - 1, TN_E_LIMIT },
		{ TN_LIMIT_PASSWORD_MIN, 0 },
		{ TN_LIMIT_PASSWORD_MAX, 0 },
		{ TN_LIMIT_PASSWORD_MAX + 1, TN_E_LIMIT },
	};

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < 4; i++) {
		ask("FLUSHALL", NULL);
		ck_assert_int_eq(tn_account_register(&accounts, S("kim"),
		    tn_slice(text, cases[i].len), &who, NULL),
		    cases[i].result);
		ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
		    tn_slice(text, cases[i].len), &who, NULL),
		    cases[i].result == 0);
	}
	ck_assert_int_eq(tn_account_register(&accounts, S("lee"),
	    S("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"), &who, NULL), TN_E_SYNTAX);
}
END_TEST

START_TEST(what_is_stored)
{
	char text[256];

	tn_account_register(&accounts, S("Kim"), S("correct horse"), &who,
	    NULL);
	ask("HGET tandem:{kim}:account hash", text);
	ck_assert(strncmp(text, "$argon2id$v=19$m=8,t=1,p=1$", 27) == 0);
	ck_assert_ptr_null(strstr(text, "horse"));
	ask("HGET tandem:{kim}:account id", text);
	ck_assert_str_eq(text, who.id);
}
END_TEST

START_TEST(rehashed_when_the_cost_has_changed)
{
	struct tn_accounts dearer;
	char before[256], after[256];

	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	ask("HGET tandem:{kim}:account hash", before);
	ck_assert_int_eq(tn_accounts_init(&dearer, redis, 2, 2 * BYTES, NULL),
	    0);
	ck_assert_int_eq(tn_account_verify(&dearer, S("kim"), S("wrong word"),
	    &who, NULL), 0);
	ask("HGET tandem:{kim}:account hash", after);
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(tn_account_verify(&dearer, S("kim"),
	    S("correct horse"), &who, NULL), 1);
	ask("HGET tandem:{kim}:account hash", after);
	ck_assert(strncmp(after, "$argon2id$v=19$m=16,t=2,p=1$", 28) == 0);
	ck_assert_int_eq(tn_account_verify(&dearer, S("kim"),
	    S("correct horse"), &who, NULL), 1);
}
END_TEST

START_TEST(found_by_name)
{
	struct tn_account found = { .name = "kim" };

	ck_assert_int_eq(tn_account_find(&accounts, &found, NULL), 0);
	tn_account_register(&accounts, S("Kim"), S("correct horse"), &who,
	    NULL);
	ck_assert_int_eq(tn_account_find(&accounts, &found, NULL), 1);
	ck_assert_str_eq(found.id, who.id);
	ck_assert_str_eq(found.display, "Kim");
	ck_assert_int_eq(found.version, 1);
	strcpy(found.name, "a b");
	ck_assert_int_eq(tn_account_find(&accounts, &found, NULL), 0);
}
END_TEST

/* "kirn" and "kim", "l" and "1", Cyrillic and Latin letters. */
static const struct {
	const char *first, *second;
} looks[] = {
	{ "kim", "kirn" }, { "lee1", "leel" }, { "bob0", "bobo" },
	{ "pop", "\xd1\x80\xd0\xbe\xd1\x80" },
};

START_TEST(a_name_that_looks_like_another_is_taken)
{
	struct tn_slice first = tn_slice_str(looks[_i].first);
	struct tn_slice second = tn_slice_str(looks[_i].second);

	ck_assert_int_eq(tn_account_register(&accounts, first,
	    S("correct horse"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_register(&accounts, second,
	    S("correct horse"), &who, NULL), TN_E_CONFLICT);
	/* and lets nobody in as the other */
	ck_assert_int_eq(tn_account_verify(&accounts, second,
	    S("correct horse"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_verify(&accounts, first,
	    S("correct horse"), &who, NULL), 1);
}
END_TEST

START_TEST(another_password)
{
	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	ck_assert_int_eq(tn_account_set_password(&accounts, S("kim"),
	    S("wrong horse"), S("battery staple"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_set_password(&accounts, S("nobody"),
	    S("correct horse"), S("battery staple"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_set_password(&accounts, S("kim"),
	    S("correct horse"), S("short"), &who, NULL), TN_E_LIMIT);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 1);
	ck_assert_int_eq(who.version, 1);
	ck_assert_int_eq(tn_account_set_password(&accounts, S("KIM"),
	    S("correct horse"), S("battery staple"), &who, NULL), 1);
	ck_assert_int_eq(who.version, 2);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("battery staple"), &who, NULL), 1);
	ck_assert_int_eq(who.version, 2);
}
END_TEST

START_TEST(deleted)
{
	char id[33];

	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	memcpy(id, who.id, sizeof(id));
	ck_assert_int_eq(tn_account_delete(&accounts, S("kim"),
	    S("wrong horse"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_delete(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 1);
	ck_assert_str_eq(who.id, id);
	ck_assert_int_eq(tn_account_delete(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 0);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 0);
	/* the name is free, for somebody else */
	ck_assert_int_eq(tn_account_register(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 0);
	ck_assert_str_ne(who.id, id);
}
END_TEST

/* What another program may have put there. None of it lets anybody in. */
static const char *const damages[] = {
	"HDEL tandem:{kim}:account id",
	"HDEL tandem:{kim}:account display",
	"HDEL tandem:{kim}:account hash",
	"HSET tandem:{kim}:account hash ",
	"HSET tandem:{kim}:account hash $argon2id$v=19$m=8,t=1,p=1$",
	("HSET tandem:{kim}:account hash $argon2id$v=19$m=4294967295,t=1,p=1"
	    "$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
	("HSET tandem:{kim}:account hash $argon2id$v=19$m=8,t=4294967295,p=1"
	    "$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
	"HSET tandem:{kim}:account id xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	"HSET tandem:{kim}:account name lee",
	"HDEL tandem:{kim}:account name",
	"HSET tandem:{kim}:account version -1",
	"HDEL tandem:{kim}:account version",
	"DEL tandem:{kim}:account",
};

START_TEST(damaged_accounts)
{

	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	ask(damages[_i], NULL);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), 0);
	ck_assert_int_eq(try("kim", "correct horse"), 0);
}
END_TEST

START_TEST(the_wrong_kind_of_key)
{

	ask("SET tandem:{kim}:account x", NULL);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), TN_E_IO);
	ck_assert_int_eq(try("kim", "correct horse"), TN_E_IO);
	ask("SET tandem:{lee}:throttle:login-user x", NULL);
	ck_assert_int_eq(try("lee", "correct horse"), TN_E_IO);
}
END_TEST

START_TEST(redis_is_away)
{
	struct tn_redis_options none = { .path = "/nonexistent" };
	struct tn_redis *away = tn_redis_new(&none, 1, NULL);

	accounts.redis = away;
	ck_assert_int_eq(tn_account_register(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), TN_E_AWAY);
	ck_assert_int_eq(tn_account_verify(&accounts, S("kim"),
	    S("correct horse"), &who, NULL), TN_E_AWAY);
	ck_assert_int_eq(try("kim", "correct horse"), TN_E_AWAY);
	tn_redis_free(&away);
}
END_TEST

START_TEST(a_cost_that_cannot_be_met)
{
	struct tn_err err;

	ck_assert_int_eq(tn_accounts_init(&accounts, redis, OPS, 1024, &err),
	    TN_E_CONFIG);
	ck_assert_int_eq(tn_accounts_init(&accounts, redis, 1ull << 40, BYTES,
	    &err), TN_E_CONFIG);
}
END_TEST

START_TEST(tried_so_often_and_no_more)
{
	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	tn_account_register(&accounts, S("lee"), S("correct horse"), &who,
	    NULL);
	ck_assert_int_eq(try("Kim", "correct horse"), 1);
	ck_assert_str_eq(attempt.who.name, "kim");
	ck_assert_str_eq(attempt.who.display, "kim");
	ck_assert_uint_eq(strlen(attempt.who.id), 32);
	ck_assert_int_eq(try("kim", "wrong horse"), 0);
	ck_assert_int_eq(try("KIM", ""), 0);
	ck_assert_int_eq(try("kim", "correct horse"), REFUSED);
	ck_assert_int_ge(attempt.retry_s, 50);
	ck_assert_int_le(attempt.retry_s, 60);
	ck_assert_str_eq(attempt.who.id, "");
	ck_assert_int_eq(try("lee", "correct horse"), 1);
	/* who is not there is counted like who is */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(try("nobody", "correct horse"), 0);
	ck_assert_int_eq(try("nobody", "correct horse"), REFUSED);
	/* and what is no name is nobody's */
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(try("no body", "correct horse"), 0);
}
END_TEST

/* Whom the address refuses has tried no name, whatever that is. */
START_TEST(an_address_that_tries_too_often)
{
	char text[256];

	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	for (int i = 0; i < by_address.max; i++)
		ck_assert_int_eq(try("no body", "correct horse"), 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(try("kim", "correct horse"), REFUSED);
	ck_assert_int_ge(attempt.retry_s, 50);
	ck_assert_int_eq(try("no body", "correct horse"), REFUSED);
	ask("GET tandem:{kim}:throttle:login-user", text);
	ck_assert_str_eq(text, "");
	/* nor is its own window one that never ends */
	ck_assert_int_eq(try_from("192.0.2.2", "kim", "wrong horse", NULL),
	    0);
	ck_assert_int_eq(try_from("192.0.2.2", "kim", "correct horse", NULL),
	    1);
	ask("GET tandem:{kim}:throttle:login-user", text);
	ck_assert_str_eq(text, "2");
}
END_TEST

/* Not even while it is asked, which others do at the same time. */
START_TEST(an_address_that_tries_too_often_keeps_nobody_out)
{
	enum { MANY = 8 };
	struct tn_attempt tries[MANY];
	struct tn_redis_batch batches[MANY], *all[MANY];

	by_user.redis = by_address.redis = redis;
	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	for (int i = 0; i < by_address.max; i++)
		try("no body", "correct horse");
	for (int i = 0; i < MANY; i++) {
		tries[i] = (struct tn_attempt){ .name = S("kim"),
			.address = i < MANY - 1 ? S("192.0.2.1") :
			    S("192.0.2.2"),
			.by_user = &by_user, .by_address = &by_address };
		all[i] = &batches[i];
		tn_redis_batch_init(all[i], redis);
		tn_attempt_with(&tries[i], all[i]);
	}
	tn_redis_batch_send_all(all, MANY);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(tn_attempt_may(&accounts, &tries[i], all[i],
		    NULL), i == MANY - 1);
		tn_redis_batch_fini(all[i]);
	}
}
END_TEST

START_TEST(a_password_that_nobody_has)
{
	char long_one[TN_LIMIT_PASSWORD_MAX + 2];

	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	ck_assert_int_eq(try("kim", long_one), 0);
	ck_assert_int_eq(try("nobody", long_one), 0);
}
END_TEST

START_TEST(a_try_is_one_journey)
{
	long before;

	tn_account_register(&accounts, S("kim"), S("correct horse"), &who,
	    NULL);
	try("kim", "wrong horse");	/* loads the script */
	before = redis_journeys(redis);
	ck_assert_int_eq(try("kim", "correct horse"), 1);
	ck_assert_int_eq(redis_journeys(redis) - before, 2);	/* with its own */
}
END_TEST

/* Each answer is right, or says that there was no memory. */
START_TEST(out_of_memory)
{
	bool failed = true;
	unsigned n;

	for (n = 1; failed; n++) {
		struct tn_account found = { .id = "" };
		int e;

		ask("FLUSHALL", NULL);
		tn_alloc_fail_at(n);
		e = tn_account_register(&accounts, S("kim"),
		    S("correct horse"), &who, NULL);
		failed = tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM),
		    "register %u: %d", n, e);
		e = tn_account_register(&accounts, S("lee"),
		    S("correct horse"), &who, NULL);
		ck_assert_int_eq(e, 0);

		tn_alloc_fail_at(n);
		e = tn_account_verify(&accounts, S("lee"), S("wrong horse"),
		    &found, NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM),
		    "wrong %u: %d", n, e);
		tn_alloc_fail_at(n);
		e = tn_account_verify(&accounts, S("lee"), S("correct horse"),
		    &found, NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(e == 1 || (failed && e == TN_E_NOMEM),
		    "right %u: %d", n, e);
		ck_assert(e != 1 || strcmp(found.id, who.id) == 0);

		tn_alloc_fail_at(n);
		e = try("lee", "wrong horse");
		failed |= tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM),
		    "wrong try %u: %d", n, e);
		tn_alloc_fail_at(n);
		e = try("lee", "correct horse");
		failed |= tn_alloc_end();
		ck_assert_msg(e == 1 || (failed && e == TN_E_NOMEM),
		    "right try %u: %d", n, e);

		strcpy(found.name, "lee");
		tn_alloc_fail_at(n);
		e = tn_account_find(&accounts, &found, NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(e == 1 || (failed && e == TN_E_NOMEM),
		    "find %u: %d", n, e);
		tn_alloc_fail_at(n);
		e = tn_account_set_password(&accounts, S("lee"),
		    S("correct horse"), S("another horse"), &found, NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(e == 1 || (failed && e == TN_E_NOMEM),
		    "change %u: %d", n, e);
		ck_assert_int_eq(tn_account_verify(&accounts, S("lee"),
		    e == 1 ? S("another horse") : S("correct horse"), &found,
		    NULL) + tn_account_verify(&accounts, S("lee"),
		    e == 1 ? S("correct horse") : S("another horse"), &found,
		    NULL), 1);
		tn_alloc_fail_at(n);
		e = tn_account_delete(&accounts, S("lee"), S("wrong horse"),
		    &found, NULL);
		failed |= tn_alloc_end();
		ck_assert_msg(e == 0 || (failed && e == TN_E_NOMEM),
		    "delete %u: %d", n, e);
	}
	ck_assert_uint_gt(n, 5);
}
END_TEST

START_TEST(written_as_the_seed_has_it)
{
	struct tn_buf out;

	who = (struct tn_account){
		.id = "u1", .display = "K\"m", .provider = "local",
	};
	tn_buf_init(&out, 256);
	tn_account_write(&out, &who);
	ck_assert(tn_slice_is(tn_buf_view(&out), "{\"id\":\"u1\","
	    "\"displayName\":\"K\\\"m\",\"provider\":\"local\"}"));
	tn_buf_fini(&out);
}
END_TEST

static Suite *
account_suite(void)
{
	Suite *s = suite_create("account");
	TCase *tc = tcase_create("account");

	redis_server_or_skip();
	tcase_set_timeout(tc, 20);
	tcase_add_unchecked_fixture(tc, start, stop);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, canonical_names, 0,
	    sizeof(names) / sizeof(*names));
	tcase_add_test(tc, registered_and_verified);
	tcase_add_test(tc, a_name_is_taken_once);
	tcase_add_test(tc, of_many_at_once_one_has_it);
	tcase_add_test(tc, passwords_have_limits);
	tcase_add_test(tc, what_is_stored);
	tcase_add_test(tc, rehashed_when_the_cost_has_changed);
	tcase_add_test(tc, found_by_name);
	tcase_add_loop_test(tc, a_name_that_looks_like_another_is_taken, 0,
	    sizeof(looks) / sizeof(*looks));
	tcase_add_test(tc, another_password);
	tcase_add_test(tc, deleted);
	tcase_add_loop_test(tc, damaged_accounts, 0,
	    sizeof(damages) / sizeof(*damages));
	tcase_add_test(tc, the_wrong_kind_of_key);
	tcase_add_test(tc, redis_is_away);
	tcase_add_test(tc, a_cost_that_cannot_be_met);
	tcase_add_test(tc, tried_so_often_and_no_more);
	tcase_add_test(tc, an_address_that_tries_too_often);
	tcase_add_test(tc, an_address_that_tries_too_often_keeps_nobody_out);
	tcase_add_test(tc, a_password_that_nobody_has);
	tcase_add_test(tc, a_try_is_one_journey);
	tcase_add_test(tc, out_of_memory);
	tcase_add_test(tc, written_as_the_seed_has_it);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(account_suite)
