/*
 * The Range header, with the results of npm's range-parser; but a suffix
 * longer than all there is means all there is. Source: RFC 9110, 14.
 */
#ifndef TN_RANGE_H
#define TN_RANGE_H

#include "base/limits.h"
#include "base/slice.h"

struct tn_range {
	uint64_t first;
	uint64_t last;		/* this byte too */
};

/*
 * size     of what parts are asked of
 * header   "bytes=0-99,200-"
 * combine  join those that touch or overlap
 * out      room for TN_LIMIT_RANGES, in the order in which they were asked
 * n        set to how many
 *
 * Returns 1; 0: none of them can be satisfied (416); TN_E_SYNTAX: it is no
 * such header, in another unit, or asks for too many; it is to be ignored.
 */
int tn_range_parse(uint64_t size, struct tn_slice header, bool combine,
    struct tn_range *out, size_t *n);

#endif
