/* What a load generator measures: time, a server's CPU and memory, delays. */
#ifndef TN_BENCH_METER_H
#define TN_BENCH_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METER_PIDS	16

struct meter {
	long pids[METER_PIDS];	/* the server's processes */
	unsigned npids;
	uint32_t *samples;	/* delays in microseconds */
	size_t nsamples;
	bool sorted;
};

/* Room for the delays. Returns false when there is no memory. */
bool meter_init(struct meter *m);
void meter_fini(struct meter *m);

/* "17,23"; false for anything else than 1 to METER_PIDS process ids. */
bool meter_read_pids(struct meter *m, const char *arg);

/* The monotonic clock. */
int64_t meter_now_us(void);

/*
 * CPU time so far, user and system, and resident memory, of the processes
 * and their children as they are now, from /proc. The kernel counts CPU in
 * ticks of 10 ms, so measure over a second or more.
 */
int64_t meter_cpu_us(const struct meter *m);
int64_t meter_rss_kb(const struct meter *m);

/* Keep a delay; past a million they are not kept. */
void meter_sample(struct meter *m, int64_t us);

/* p  0 to 1; 0 ms when there are no samples. */
double meter_percentile_ms(struct meter *m, double p);

#endif
