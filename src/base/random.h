/* Bytes that nobody can guess, and the hash keyed with some of them. */
#ifndef TN_RANDOM_H
#define TN_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct tn_err;

/*
 * Make the generator ready; once per process, before any other call.
 * Returns 0, or TN_E_SYSTEM when the library beneath cannot start.
 */
int tn_random_start(struct tn_err *err);

/* Fill len bytes; thread-safe, and different again after fork(). */
void tn_random_bytes(void *out, size_t len);

/*
 * Random text in the base64url alphabet, without padding.
 * out  gets chars characters and a NUL: chars + 1 bytes
 */
void tn_random_text(char *out, size_t chars);

/* Could tn_random_text have written it, at this length? */
bool tn_random_is_text(struct tn_slice text, size_t chars);

/* Keyed 64-bit hash (SipHash) for tables that hold what peers send. */
uint64_t tn_random_hash(struct tn_slice s);

#endif
