#include "config.h"

#include "host/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"

struct tn_pool {
	pthread_mutex_t lock;		/* guards all below but threads */
	pthread_cond_t work;
	struct tn_pool_job *first;
	struct tn_pool_job **last;
	size_t waiting;
	size_t max_waiting;
	size_t running;			/* jobs in hand */
	bool ending;
	size_t nthreads;
	pthread_t threads[];
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

static void *
run(void *arg)
{
	struct tn_pool *pool = arg;
	struct tn_pool_job *job;

	pthread_mutex_lock(&pool->lock);
	while ((job = take(pool)) != NULL || !pool->ending) {
		if (job == NULL) {
			pthread_cond_wait(&pool->work, &pool->lock);
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
	pthread_cond_init(&pool->work, NULL);
	pool->last = &pool->first;
	pool->max_waiting = max_waiting;
	for (; pool->nthreads < threads; pool->nthreads++) {
		errno = pthread_create(&pool->threads[pool->nthreads], NULL,
		    run, pool);
		if (errno != 0)
			break;
	}
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
		pthread_cond_signal(&pool->work);
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
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pool = NULL;
}
