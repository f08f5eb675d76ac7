#include "config.h"

#include "meter.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_SAMPLES	(1u << 20)

/* What is read of /proc/PID/stat. */
struct usage {
	long parent;
	unsigned long user, sys;	/* ticks */
	long rss;			/* pages */
};

bool
meter_init(struct meter *m)
{
	memset(m, 0, sizeof(*m));
	m->samples = calloc(MAX_SAMPLES, sizeof(*m->samples));
	return m->samples != NULL;
}

void
meter_fini(struct meter *m)
{
	free(m->samples);
	m->samples = NULL;
}

bool
meter_read_pids(struct meter *m, const char *arg)
{
	m->npids = 0;
	for (;;) {
		char *end;
		long pid = strtol(arg, &end, 10);

		if (pid <= 0 || m->npids == METER_PIDS)
			return false;
		m->pids[m->npids++] = pid;
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		arg = end + 1;
	}
}

int64_t
meter_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool
read_usage(const char *pid, struct usage *out)
{
	char path[64], line[1024], *p;
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;	/* it has ended */
	if (fgets(line, sizeof(line), f) != NULL &&
	    (p = strrchr(line, ')')) != NULL)
		n = sscanf(p + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u "
		    "%*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
		    &out->parent, &out->user, &out->sys, &out->rss);
	fclose(f);
	return n == 4;
}

static bool
is_ours(const struct meter *m, long pid, long parent)
{
	for (unsigned i = 0; i < m->npids; i++)
		if (m->pids[i] == pid || m->pids[i] == parent)
			return true;
	return false;
}

/* The sum over the processes and their children. */
static struct usage
read_family(const struct meter *m)
{
	struct usage sum = { 0 }, one;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc != NULL && (entry = readdir(proc)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !read_usage(entry->d_name, &one) ||
		    !is_ours(m, atol(entry->d_name), one.parent))
			continue;
		sum.user += one.user;
		sum.sys += one.sys;
		sum.rss += one.rss;
	}
	if (proc != NULL)
		closedir(proc);
	return sum;
}

int64_t
meter_cpu_us(const struct meter *m)
{
	struct usage sum = read_family(m);

	return (int64_t)(sum.user + sum.sys) *
	    (1000000 / sysconf(_SC_CLK_TCK));
}

int64_t
meter_rss_kb(const struct meter *m)
{
	return (int64_t)read_family(m).rss * (sysconf(_SC_PAGESIZE) / 1024);
}

void
meter_sample(struct meter *m, int64_t us)
{
	if (m->nsamples == MAX_SAMPLES)
		return;
	m->samples[m->nsamples++] = us < 0 ? 0 :
	    us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	m->sorted = false;
}

static int
compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

double
meter_percentile_ms(struct meter *m, double p)
{
	if (m->nsamples == 0)
		return 0;
	if (!m->sorted)
		qsort(m->samples, m->nsamples, sizeof(*m->samples),
		    compare_u32);
	m->sorted = true;
	return m->samples[(size_t)((double)(m->nsamples - 1) * p)] / 1000.0;
}
