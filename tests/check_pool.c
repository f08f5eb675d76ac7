#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"
#include "check_main.h"
#include "host/pool.h"

/* A gate that holds the pool's threads until it is opened. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool is_open;
	int waiting;		/* jobs that stand before it */
	atomic_int done;
};

struct task {
	struct tn_pool_job job;
	struct gate *gate;
	int place;		/* in which it was done, from 1 */
};

static void
gate_init(struct gate *g)
{
	*g = (struct gate){ .is_open = false };
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->moved, NULL);
}

static void
gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->is_open = true;
	pthread_cond_broadcast(&g->moved);
	pthread_mutex_unlock(&g->lock);
}

static void
await_waiting(struct gate *g, int n)
{
	pthread_mutex_lock(&g->lock);
	while (g->waiting < n)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void
pass_gate(struct tn_pool_job *job)
{
	struct task *task = TN_CONTAINER(job, struct task, job);
	struct gate *g = task->gate;

	pthread_mutex_lock(&g->lock);
	g->waiting++;
	pthread_cond_broadcast(&g->moved);
	while (!g->is_open)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
	task->place = 1 + atomic_fetch_add(&g->done, 1);
}

static void
make_tasks(struct task *tasks, size_t n, struct gate *gate)
{
	for (size_t i = 0; i < n; i++)
		tasks[i] = (struct task){ .job = { NULL, pass_gate },
			.gate = gate };
}

START_TEST(every_job_is_done_once)
{
	struct task tasks[200];
	struct gate gate;
	struct tn_pool *pool = tn_pool_new(3, 200, NULL);

	ck_assert_ptr_nonnull(pool);
	gate_init(&gate);
	gate.is_open = true;
	make_tasks(tasks, 200, &gate);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(tn_pool_submit(pool, &tasks[i].job), 0);
	tn_pool_free(&pool);
	ck_assert_int_eq(atomic_load(&gate.done), 200);
	for (int i = 0; i < 200; i++)
		ck_assert_int_gt(tasks[i].place, 0);
}
END_TEST

START_TEST(one_thread_keeps_the_order)
{
	struct task tasks[20];
	struct gate gate;
	struct tn_pool *pool = tn_pool_new(1, 20, NULL);

	gate_init(&gate);
	make_tasks(tasks, 20, &gate);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(tn_pool_submit(pool, &tasks[i].job), 0);
	gate_open(&gate);
	tn_pool_free(&pool);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(tasks[i].place, i + 1);
}
END_TEST

START_TEST(a_full_queue_refuses_and_then_takes_again)
{
	struct task tasks[6];
	struct gate gate;
	struct tn_pool *pool = tn_pool_new(2, 3, NULL);

	gate_init(&gate);
	make_tasks(tasks, 6, &gate);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(tn_pool_submit(pool, &tasks[i].job), 0);
	await_waiting(&gate, 2);	/* both threads are at work */
	for (int i = 2; i < 5; i++)
		ck_assert_int_eq(tn_pool_submit(pool, &tasks[i].job), 0);
	ck_assert_int_eq(tn_pool_submit(pool, &tasks[5].job), TN_E_LIMIT);
	gate_open(&gate);
	await_waiting(&gate, 5);
	ck_assert_int_eq(tn_pool_submit(pool, &tasks[5].job), 0);
	tn_pool_free(&pool);
	ck_assert_int_eq(atomic_load(&gate.done), 6);
}
END_TEST

/* A thread that has not begun, or has not woken, has room for a job too. */
START_TEST(each_thread_takes_a_job_at_once)
{
	for (int round = 0; round < 200; round++) {
		struct task tasks[2];
		struct gate gate;
		struct tn_pool *pool = tn_pool_new(2, 0, NULL);

		gate_init(&gate);
		make_tasks(tasks, 2, &gate);
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(tn_pool_submit(pool, &tasks[i].job),
			    0);
		gate_open(&gate);
		tn_pool_free(&pool);
		ck_assert_int_eq(atomic_load(&gate.done), 2);
	}
}
END_TEST

static struct {
	struct tn_pool_job job;
	pthread_t thread;
	atomic_bool is_done;
} signed_;

static void
sign(struct tn_pool_job *job)
{
	(void)job;
	signed_.thread = pthread_self();
	atomic_store(&signed_.is_done, true);
}

START_TEST(who_has_rested_least_works_next)
{
	struct tn_pool *pool = tn_pool_new(4, 0, NULL);
	pthread_t before = pthread_self();
	int changes = 0;

	signed_.job.fn = sign;
	for (int i = 0; i < 40; i++) {
		usleep(2000);		/* all of them rest */
		atomic_store(&signed_.is_done, false);
		ck_assert_int_eq(tn_pool_submit(pool, &signed_.job), 0);
		while (!atomic_load(&signed_.is_done))
			usleep(100);
		changes += !pthread_equal(before, signed_.thread);
		before = signed_.thread;
	}
	tn_pool_free(&pool);
	ck_assert_int_lt(changes, 10);	/* in turn, it would be all of them */
}
END_TEST

START_TEST(free_takes_null)
{
	struct tn_pool *pool = NULL;

	tn_pool_free(&pool);
	ck_assert_ptr_null(pool);
}
END_TEST

static Suite *
pool_suite(void)
{
	Suite *s = suite_create("pool");
	TCase *tc = tcase_create("pool");

	tcase_add_test(tc, every_job_is_done_once);
	tcase_add_test(tc, one_thread_keeps_the_order);
	tcase_add_test(tc, a_full_queue_refuses_and_then_takes_again);
	tcase_add_test(tc, each_thread_takes_a_job_at_once);
	tcase_add_test(tc, who_has_rested_least_works_next);
	tcase_add_test(tc, free_takes_null);
	suite_add_tcase(s, tc);
	return s;
}

TN_CHECK_MAIN(pool_suite)
