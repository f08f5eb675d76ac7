/*
 * Counts: a module lists their names once, and struct and names follow.
 *
 *	#define TN_DOOR_COUNTS(X)	X(opened) X(closed)
 *	struct tn_door_counts { TN_DOOR_COUNTS(TN_COUNT_MEMBER) };
 *
 * Such a struct holds nothing but uint64_t, so whoever has its list of names
 * can walk it as an array.
 */
#ifndef TN_COUNTS_H
#define TN_COUNTS_H

#include <stdint.h>

/* The name is the first argument of X; a text for people may stand behind. */
#define TN_COUNT_FIRST_MEMBER(name, ...)	uint64_t name;
#define TN_COUNT_FIRST_NAME(name, ...)		#name,
#define TN_COUNT_MEMBER(...)	TN_COUNT_FIRST_MEMBER(__VA_ARGS__, 0)
#define TN_COUNT_NAME(...)	TN_COUNT_FIRST_NAME(__VA_ARGS__, 0)
#define TN_COUNT_ONE(...)	+1

#endif
