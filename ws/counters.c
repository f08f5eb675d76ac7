/*
 * All that is counted in a worker. Another part is one more line in PARTS:
 * its name, its struct, its list of names (base/counts.h), and where a
 * struct site has it.
 */
#include "config.h"

#include "site.h"

#include "base/counts.h"
#include "cluster/canary.h"
#include "cluster/redis_adapter.h"

/* clang-format off */
#define PARTS(X)							\
	X(host, tn_host_counts, TN_HOST_COUNTS,				\
	    tn_host_io_counts(site->host))				\
	X(engine, tn_engine_counts, TN_ENGINE_COUNTS,			\
	    tn_engine_counts(tn_io_engine(site->io)))			\
	X(adapter, tn_redis_adapter_counts, TN_REDIS_ADAPTER_COUNTS,	\
	    tn_redis_adapter_counts(site->adapter))			\
	X(revocation, tn_revocation_counts, TN_REVOCATION_COUNTS,	\
	    tn_revocation_counts(site->revocation))			\
	X(canary, tn_canary_counts, TN_CANARY_COUNTS,			\
	    tn_canary_counts(site->canary))
/* clang-format on */

#define PART_NAMES(part, type, list, from)				\
	static const char *const part##_names[] = { list(TN_COUNT_NAME) };
PARTS(PART_NAMES)

/* A struct that holds anything else could not be walked. */
#define PART_CHECK(part, type, list, from)				\
	_Static_assert(sizeof(struct type) ==				\
	    (0 list(TN_COUNT_ONE)) * sizeof(uint64_t),			\
	    #type " and its list of names differ");
PARTS(PART_CHECK)

static void
write_part(struct tn_buf *out, const char *part, const char *const *names,
    size_t n, const void *counts)
{
	const uint64_t *numbers = counts;

	if (out->ptr[out->len - 1] != '{')
		tn_buf_char(out, ',');
	tn_buf_printf(out, "\"%s\":{", part);
	for (size_t i = 0; i < n; i++)
		tn_buf_printf(out, "%s\"%s\":%llu", i == 0 ? "" : ",",
		    names[i], (unsigned long long)numbers[i]);
	tn_buf_char(out, '}');
}

void
site_write_counts(const struct site *site, struct tn_buf *out)
{
	tn_buf_char(out, '{');
#define PART_WRITE(part, type, list, from)				\
	if (out->failed == 0)						\
		write_part(out, #part, part##_names,			\
		    sizeof(part##_names) / sizeof(part##_names[0]), from);
	PARTS(PART_WRITE)
#undef PART_WRITE
	tn_buf_char(out, '}');
}
