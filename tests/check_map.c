#include "config.h"

#include "base/map.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"

#include "check_alloc.h"
#include "check_main.h"

enum { MANY = 5000 };

static int values[MANY];

static struct tn_slice
name_of(int i, char *space, size_t size)
{
	return tn_slice(space, (size_t)snprintf(space, size, "key %d", i));
}

static void
fill(struct tn_map *m, int n)
{
	char space[32];

	for (int i = 0; i < n; i++)
		ck_assert_int_eq(tn_map_set(m, name_of(i, space, sizeof(space)),
		    &values[i], NULL), 0);
	ck_assert_uint_eq(m->len, (size_t)n);
}

START_TEST(keeps_what_was_put)
{
	struct tn_map m = { 0 };
	char space[32];

	ck_assert_ptr_null(tn_map_get(&m, TN_SLICE("a")));
	ck_assert_ptr_null(tn_map_remove(&m, TN_SLICE("a")));
	fill(&m, MANY);
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_eq(tn_map_get(&m,
		    name_of(i, space, sizeof(space))), &values[i]);
	ck_assert_ptr_null(tn_map_get(&m, TN_SLICE("key")));
	ck_assert_ptr_null(tn_map_get(&m, TN_SLICE("")));
	tn_map_fini(&m);
}
END_TEST

START_TEST(borrows_its_keys)
{
	char keys[2][8] = { "first", "second" };
	struct tn_map m;

	tn_map_init_borrowing(&m);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(tn_map_set(&m, tn_slice_str(keys[i]),
		    &values[i], NULL), 0);
	for (int i = 0; i < 2; i++) {
		size_t at = 0;
		const struct tn_map_entry *e;

		ck_assert_ptr_eq(tn_map_get(&m, i == 0 ? TN_SLICE("first") :
		    TN_SLICE("second")), &values[i]);
		while ((e = tn_map_next(&m, &at)) != NULL)
			ck_assert(e->key == keys[0] || e->key == keys[1]);
	}
	ck_assert_ptr_eq(tn_map_remove(&m, TN_SLICE("first")), &values[0]);
	ck_assert_uint_eq(m.len, 1);
	tn_map_fini(&m);
	ck_assert(m.borrows);
}
END_TEST

START_TEST(replaces_and_says_what)
{
	struct tn_map m;
	void *old = &m;

	tn_map_init(&m);
	tn_map_set(&m, TN_SLICE("a\0b"), &values[0], &old);
	ck_assert_ptr_null(old);
	tn_map_set(&m, TN_SLICE("a\0b"), &values[1], &old);
	ck_assert_ptr_eq(old, &values[0]);
	tn_map_set(&m, TN_SLICE("a\0c"), &values[2], &old);
	ck_assert_ptr_null(old);
	tn_map_set(&m, TN_SLICE_NONE, &values[3], NULL);
	ck_assert_ptr_eq(tn_map_get(&m, TN_SLICE("")), &values[3]);
	ck_assert_uint_eq(m.len, 3);
	tn_map_fini(&m);
}
END_TEST

START_TEST(forgets_what_was_removed)
{
	struct tn_map m = { 0 };
	char space[32];

	fill(&m, MANY);
	for (int i = 0; i < MANY; i += 2)
		ck_assert_ptr_eq(tn_map_remove(&m,
		    name_of(i, space, sizeof(space))), &values[i]);
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_eq(tn_map_get(&m,
		    name_of(i, space, sizeof(space))),
		    i % 2 == 0 ? NULL : &values[i]);
	ck_assert_uint_eq(m.len, MANY / 2);
	tn_map_fini(&m);
}
END_TEST

/* _i: every how many of the pairs seen is removed; 0: none. */
START_TEST(walk_sees_each_once_while_removing)
{
	for (int n = 0; n < 400; n++) {
		const struct tn_map_entry *e;
		struct tn_map m = { 0 };
		int seen[400] = { 0 };
		size_t at = 0;
		int steps = 0;

		fill(&m, n);
		while ((e = tn_map_next(&m, &at)) != NULL) {
			seen[(int *)e->value - values]++;
			if (_i > 0 && steps++ % _i == 0)
				tn_map_remove(&m, tn_slice(e->key, e->key_len));
		}
		for (int i = 0; i < n; i++)
			ck_assert_int_eq(seen[i], 1);
		ck_assert(_i != 1 || m.len == 0);
		tn_map_fini(&m);
	}
}
END_TEST

START_TEST(survives_each_failed_allocation)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		struct tn_map m = { 0 };
		char space[32];
		size_t stored = 0;

		tn_alloc_fail_at(n);
		for (int i = 0; i < 40; i++) {
			struct tn_slice key = name_of(i, space, sizeof(space));

			if (tn_map_set(&m, key, &values[i], NULL) == 0)
				stored++;
			else
				ck_assert_ptr_null(tn_map_get(&m, key));
		}
		failed = tn_alloc_end();
		ck_assert_uint_eq(stored, failed ? 39 : 40);
		ck_assert_uint_eq(m.len, stored);
		tn_map_fini(&m);
	}
}
END_TEST

START_TEST(random_bytes_differ_after_fork)
{
	unsigned char ours[16], theirs[16];
	int ends[2];
	pid_t pid;

	tn_random_bytes(ours, sizeof(ours));
	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		tn_random_bytes(theirs, sizeof(theirs));
		_exit(write(ends[1], theirs, sizeof(theirs)) !=
		    sizeof(theirs));
	}
	tn_random_bytes(ours, sizeof(ours));
	ck_assert_int_eq(read(ends[0], theirs, sizeof(theirs)),
	    sizeof(theirs));
	ck_assert_mem_ne(ours, theirs, sizeof(ours));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(random_text_is_base64url)
{
	char text[301];

	for (size_t n = 0; n <= 300; n += 25) {
		tn_random_text(text, n);
		ck_assert_uint_eq(strlen(text), n);
		ck_assert_uint_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789-_"), n);
	}
}
END_TEST

static void
setup(void)
{
	ck_assert_int_eq(tn_random_start(NULL), 0);
	ck_assert_int_eq(tn_random_start(NULL), 0);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("map");
	TCase *t = tcase_create("map");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, keeps_what_was_put);
	tcase_add_test(t, borrows_its_keys);
	tcase_add_test(t, replaces_and_says_what);
	tcase_add_test(t, forgets_what_was_removed);
	tcase_add_loop_test(t, walk_sees_each_once_while_removing, 0, 4);
	tcase_add_test(t, survives_each_failed_allocation);
	tcase_add_test(t, random_bytes_differ_after_fork);
	tcase_add_test(t, random_text_is_base64url);
	suite_add_tcase(s, t);
	return s;
}

TN_CHECK_MAIN(suite)
