/* A few threads for work that takes long, behind a queue with an end. */
#ifndef TN_POOL_H
#define TN_POOL_H

#include <stddef.h>

struct tn_err;
struct tn_pool;

/* One piece of work. Embedded in its owner, who keeps it until fn has run. */
struct tn_pool_job {
	struct tn_pool_job *next;	/* the pool's own */
	void (*fn)(struct tn_pool_job *job);
};

/*
 * Start the threads. They run with the signal mask of the caller.
 *
 * threads      1 or more
 * max_waiting  jobs that may wait while all threads are at work
 *
 * Returns NULL with TN_E_NOMEM, or TN_E_SYSTEM if no thread could start.
 */
struct tn_pool *tn_pool_new(unsigned threads, size_t max_waiting,
    struct tn_err *err);

/*
 * Have job->fn(job) called once, in one of the threads; first come, first
 * served. fn may give its job, or free it.
 *
 * Returns 0, or TN_E_LIMIT when max_waiting jobs wait already.
 */
int tn_pool_submit(struct tn_pool *pool, struct tn_pool_job *job);

/* Carries out what waits, then ends the threads. */
void tn_pool_free(struct tn_pool **pool);

#endif
