#include "config.h"

#include "host/batch.h"

#include <errno.h>
#include <stdlib.h>

#ifdef HAVE_LIBURING
#include <liburing.h>
#endif

enum {
	FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL,
	FEW = 4,		/* below it a ring costs more than it saves */
};

struct tn_batch {
#ifdef HAVE_LIBURING
	struct io_uring ring;
	struct msghdr messages[TN_BATCH_SENDS];	/* of what is in the ring */
#endif
	bool has_ring;
};

#ifdef HAVE_LIBURING

/* Newer kernels run all in our thread, at submission; older know no better. */
static bool
ring_open(struct io_uring *ring)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
		    IORING_SETUP_DEFER_TASKRUN,
	};

	return io_uring_queue_init_params(TN_BATCH_SENDS, ring, &p) == 0 ||
	    io_uring_queue_init(TN_BATCH_SENDS, ring, 0) == 0;
}

static void
ring_close(struct tn_batch *b)
{
	if (b->has_ring)
		io_uring_queue_exit(&b->ring);
	b->has_ring = false;
}

/* Take the results that have come. Returns how many. */
static size_t
reap(struct io_uring *ring, struct tn_batch_send *sends)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(ring, head, cqe) {
		sends[io_uring_cqe_get_data64(cqe)].sent = cqe->res;
		n++;
	}
	io_uring_cq_advance(ring, n);
	return n;
}

/*
 * Wait for all of them, since what they point to is the caller's. A ring that
 * fails is given up: whoever has no result then is told so. Returns false if
 * it took nothing at all (it is another process's, say).
 */
static bool
ring_run(struct tn_batch *b, struct tn_batch_send *sends, size_t n)
{
	bool took = false;
	size_t done = 0;

	while (done < n) {
		int r = io_uring_submit_and_wait(&b->ring,
		    (unsigned)(n - done));

		took = took || r > 0;
		done += reap(&b->ring, sends);
		if (r < 0 && r != -EINTR && r != -EAGAIN) {
			ring_close(b);
			return took;
		}
	}
	return true;
}

static bool
ring_send(struct tn_batch *b, struct tn_batch_send *sends, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);

		sends[i].sent = -EIO;
		b->messages[i] = (struct msghdr){
			.msg_iov = sends[i].iov, .msg_iovlen = sends[i].n,
		};
		if (sends[i].n == 1)
			io_uring_prep_send(sqe, sends[i].fd,
			    sends[i].iov->iov_base, sends[i].iov->iov_len,
			    FLAGS);
		else
			io_uring_prep_sendmsg(sqe, sends[i].fd,
			    &b->messages[i], FLAGS);
		io_uring_sqe_set_data64(sqe, i);
	}
	return ring_run(b, sends, n);
}

#endif

struct tn_batch *
tn_batch_new(bool may_ring)
{
	struct tn_batch *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
#ifdef HAVE_LIBURING
	b->has_ring = may_ring && ring_open(&b->ring);
#else
	(void)may_ring;
#endif
	return b;
}

void
tn_batch_free(struct tn_batch **batch)
{
	struct tn_batch *b = *batch;

	*batch = NULL;
	if (b == NULL)
		return;
#ifdef HAVE_LIBURING
	ring_close(b);
#endif
	free(b);
}

bool
tn_batch_has_ring(const struct tn_batch *b)
{
	return b->has_ring;
}

/* One piece by itself costs the kernel less than a list of one. */
static ssize_t
send_now(const struct tn_batch_send *s)
{
	const struct msghdr message = {
		.msg_iov = s->iov, .msg_iovlen = s->n,
	};
	const ssize_t sent = s->n == 1 ?
	    send(s->fd, s->iov->iov_base, s->iov->iov_len, FLAGS) :
	    sendmsg(s->fd, &message, FLAGS);

	return sent < 0 ? -errno : sent;
}

void
tn_batch_send(struct tn_batch *b, struct tn_batch_send *sends, size_t n)
{
#ifdef HAVE_LIBURING
	if (b->has_ring && n >= FEW && ring_send(b, sends, n))
		return;
#else
	(void)b;
#endif
	for (size_t i = 0; i < n; i++)
		sends[i].sent = send_now(&sends[i]);
}
