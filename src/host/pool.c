#include "config.h"

#include "host/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"

struct thread {
	struct tn_pool *pool;
	pthread_t id;
	pthread_cond_t work;
	struct thread *next;		/* that rests longer */
	bool rests;
};

/*
 * Who has rested least works next: what it needs is still in its processor's
 * caches, and the pages it gave back are at hand.
 */
struct tn_pool {
	pthread_mutex_t lock;		/* guards all below but ids */
	struct thread *resting;
	struct tn_pool_job *first;
	struct tn_pool_job **last;
	size_t waiting;
	size_t max_waiting;
	size_t running;			/* jobs in hand */
	bool ending;
	size_t nthreads;
	struct thread threads[];
};

static struct tn_pool_job *
take(struct tn_pool *pool)
{
	struct tn_pool_job *job = pool->first;

	if (job == NULL)
		return NULL;
	pool->first = job->next;
	if (pool->first == NULL)
		pool->last = &pool->first;
	pool->waiting--;
	pool->running++;
	return job;
}

static void
rest(struct tn_pool *pool, struct thread *t)
{
	t->next = pool->resting;
	pool->resting = t;
	t->rests = true;
	while (t->rests)
		pthread_cond_wait(&t->work, &pool->lock);
}

static void
wake_one(struct tn_pool *pool)
{
	struct thread *t = pool->resting;

	if (t == NULL)
		return;
	pool->resting = t->next;
	t->rests = false;
	pthread_cond_signal(&t->work);
}

static void *
run(void *arg)
{
	struct thread *t = arg;
	struct tn_pool *pool = t->pool;
	struct tn_pool_job *job;

	pthread_mutex_lock(&pool->lock);
	while ((job = take(pool)) != NULL || !pool->ending) {
		if (job == NULL) {
			rest(pool, t);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		job->fn(job);
		pthread_mutex_lock(&pool->lock);
		pool->running--;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static bool
start(struct tn_pool *pool, struct thread *t)
{
	t->pool = pool;
	pthread_cond_init(&t->work, NULL);
	errno = pthread_create(&t->id, NULL, run, t);
	if (errno != 0)
		pthread_cond_destroy(&t->work);
	return errno == 0;
}

struct tn_pool *
tn_pool_new(unsigned threads, size_t max_waiting, struct tn_err *err)
{
	struct tn_pool *pool;

	pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
	if (pool == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for a pool of threads");
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pool->last = &pool->first;
	pool->max_waiting = max_waiting;
	while (pool->nthreads < threads &&
	    start(pool, &pool->threads[pool->nthreads]))
		pool->nthreads++;
	if (pool->nthreads == 0) {
		tn_err_errno(err, TN_E_SYSTEM, "cannot start a thread");
		tn_pool_free(&pool);
	}
	return pool;
}

int
tn_pool_submit(struct tn_pool *pool, struct tn_pool_job *job)
{
	int result = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->waiting + pool->running >=
	    pool->max_waiting + pool->nthreads) {
		result = TN_E_LIMIT;
	} else {
		job->next = NULL;
		*pool->last = job;
		pool->last = &job->next;
		pool->waiting++;
		wake_one(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return result;
}

void
tn_pool_free(struct tn_pool **pool)
{
	struct tn_pool *p = *pool;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	while (p->resting != NULL)
		wake_one(p);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->nthreads; i++) {
		pthread_join(p->threads[i].id, NULL);
		pthread_cond_destroy(&p->threads[i].work);
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pool = NULL;
}
