/*
 * Many sends at once: with io_uring in one system call, where the kernel has
 * it and lets us, else one sendmsg each. All is done when the call returns.
 */
#ifndef TN_BATCH_H
#define TN_BATCH_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { TN_BATCH_SENDS = 256 };	/* at the most in one call */

struct tn_batch;

/* What one descriptor is sent. */
struct tn_batch_send {
	int fd;
	struct iovec *iov;
	size_t n;
	ssize_t sent;		/* set: bytes taken, or a negative errno */
};

/*
 * may_ring  try io_uring; when it is not there, or not for us, that is no
 *           error
 * Returns NULL without memory.
 */
struct tn_batch *tn_batch_new(bool may_ring);
void tn_batch_free(struct tn_batch **batch);

/* Does it use io_uring? */
bool tn_batch_has_ring(const struct tn_batch *batch);

/*
 * Send without waiting; each entry gets its own result, and may be sent in
 * part.
 *
 * n  1..TN_BATCH_SENDS; descriptors differ
 */
void tn_batch_send(struct tn_batch *batch, struct tn_batch_send *sends,
    size_t n);

#endif
