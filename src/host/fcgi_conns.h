/*
 * The connections of one FastCGI process: those that wait for a request, or
 * for a reader, are in epoll, the others are with a call. And whether new
 * ones are taken.
 */
#ifndef TN_FCGI_CONNS_H
#define TN_FCGI_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct tn_err;

struct tn_fcgi_conn {
	struct tn_list link;
	int fd;
	bool is_watched;	/* in epoll; else a call has it */
	void *sender;		/* what has more to send; NULL: a request is awaited */
	int64_t seen_ms;	/* last sign of life; of senders, and at the end */
};

struct tn_fcgi_conns {
	struct tn_list all;
	size_t n, max;
	size_t nsenders;
	int64_t looked_ms;		/* for those that wait too long */
	int epoll_fd, listen_fd;
	bool is_listening;
	int64_t listen_again_ms;	/* 0: when a connection ends */
	bool is_draining;
};

/*
 * listen_fd  nonblocking and listening; borrowed. Epoll tells of it with the
 *            address of conns->listen_fd, of a connection with its own
 * max        with so many, none is taken until one ends
 *
 * Returns 0 or TN_E_SYSTEM. To be closed in either case.
 */
int tn_fcgi_conns_open(struct tn_fcgi_conns *conns, int listen_fd, size_t max,
    struct tn_err *err);
void tn_fcgi_conns_close(struct tn_fcgi_conns *conns);

/* Have epoll tell of something else that can be read, by what. 0 or -1. */
int tn_fcgi_conns_watch(struct tn_fcgi_conns *conns, int fd, void *what);

/* No new ones for a second: there are no descriptors. */
void tn_fcgi_conns_pause(struct tn_fcgi_conns *conns);

/* Returns the wait for epoll until tn_fcgi_conns_tick, in ms; -1: for ever. */
int tn_fcgi_conns_wait_ms(const struct tn_fcgi_conns *conns);
void tn_fcgi_conns_tick(struct tn_fcgi_conns *conns);

/* A new one, not in epoll yet. NULL: no memory, and fd is closed. */
struct tn_fcgi_conn *tn_fcgi_conns_add(struct tn_fcgi_conns *conns, int fd);

/* Wait in epoll for the next request; or be with a call. */
void tn_fcgi_conns_park(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c);
void tn_fcgi_conns_unpark(struct tn_fcgi_conns *conns,
    struct tn_fcgi_conn *c);

/*
 * The connection has taken what it could: sender waits, in epoll, for it to
 * take more. Returns false if it cannot. Until it has sent all, or is done
 * with it: then c is as one that is with a call.
 *
 * tn_fcgi_conns_stuck  one that has taken nothing for too long, or NULL; to be
 *                      asked until that, and ends by its sender
 */
bool tn_fcgi_conns_begin_send(struct tn_fcgi_conns *conns,
    struct tn_fcgi_conn *c, void *sender);
void tn_fcgi_conns_end_send(struct tn_fcgi_conns *conns,
    struct tn_fcgi_conn *c);
struct tn_fcgi_conn *tn_fcgi_conns_stuck(struct tn_fcgi_conns *conns);

/* The end of c, whose descriptor is closed already; or is still open. */
void tn_fcgi_conns_forget(struct tn_fcgi_conns *conns,
    struct tn_fcgi_conn *c);
void tn_fcgi_conns_drop(struct tn_fcgi_conns *conns, struct tn_fcgi_conn *c);

/*
 * Take no new ones any more. Then, again and again: close those that have
 * been quiet for a while; true when none is left.
 */
void tn_fcgi_conns_drain(struct tn_fcgi_conns *conns);
bool tn_fcgi_conns_close_quiet(struct tn_fcgi_conns *conns);

/* Those that are with a call find that nobody listens to them. */
void tn_fcgi_conns_shut(struct tn_fcgi_conns *conns);

#endif
