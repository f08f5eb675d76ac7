/*
 * A call of the generator is a system call, so each thread takes random
 * bytes by the kilobyte. What was handed out is wiped from the store, and
 * a child of fork() throws away what it inherited. Beside it stands the one
 * other thing that a process has once: the key of the tables' hash.
 */
#include "config.h"

#include "base/random.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>

#include "base/err.h"

enum { STORE_BYTES = 1024 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_ready;
static unsigned char hash_key[crypto_shorthash_KEYBYTES];
static atomic_uint generation;	/* how many forks lie behind this process */

static _Thread_local struct {
	size_t left;		/* bytes at the end of store not yet used */
	unsigned generation;
	unsigned char store[STORE_BYTES];
} mine;

static void
on_fork(void)
{
	atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void
start(void)
{
	is_ready = sodium_init() >= 0 &&
	    pthread_atfork(NULL, NULL, on_fork) == 0;
	if (is_ready)
		crypto_shorthash_keygen(hash_key);
}

int
tn_random_start(struct tn_err *err)
{
	if (pthread_once(&once, start) != 0 || !is_ready)
		return tn_err_set(err, TN_E_SYSTEM,
		    "no random numbers: libsodium does not start");
	return 0;
}

void
tn_random_bytes(void *out, size_t len)
{
	unsigned now = atomic_load_explicit(&generation, memory_order_relaxed);
	unsigned char *from;

	if (len > STORE_BYTES / 4) {
		randombytes_buf(out, len);
		return;
	}
	if (mine.left < len || mine.generation != now) {
		randombytes_buf(mine.store, sizeof(mine.store));
		mine.left = sizeof(mine.store);
		mine.generation = now;
	}
	if (len == 0)
		return;
	from = mine.store + sizeof(mine.store) - mine.left;
	memcpy(out, from, len);
	tn_wipe(from, len);
	mine.left -= len;
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
tn_random_text(char *out, size_t chars)
{
	tn_random_bytes(out, chars);
	for (size_t i = 0; i < chars; i++)
		out[i] = alphabet[(unsigned char)out[i] & 63];
	out[chars] = '\0';
}

bool
tn_random_is_text(struct tn_slice text, size_t chars)
{
	if (text.len != chars)
		return false;
	for (size_t i = 0; i < chars; i++) {
		if (text.ptr[i] == '\0' ||
		    strchr(alphabet, text.ptr[i]) == NULL)
			return false;
	}
	return true;
}

uint64_t
tn_random_hash(struct tn_slice s)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t n;

	crypto_shorthash(hash, (const unsigned char *)s.ptr, s.len, hash_key);
	memcpy(&n, hash, sizeof(n));
	return n;
}
