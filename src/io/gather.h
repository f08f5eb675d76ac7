/* Waiting for what many answer: clients here and elsewhere, other nodes. */
#ifndef TN_GATHER_H
#define TN_GATHER_H

#include "io/adapter.h"

enum tn_gather_kind {
	TN_GATHER_CLIENTS,	/* each node counts its clients first */
	TN_GATHER_SOCKETS,	/* one answer a node: an array of sockets */
	TN_GATHER_NODES,	/* one answer a node */
};

struct tn_gather_options {
	enum tn_gather_kind kind;
	int timeout_ms;
	tn_answers_fn *fn;		/* CLIENTS, NODES */
	tn_sockets_fn *sockets_fn;	/* SOCKETS */
	void *arg;
};

/*
 * Begin one. Nothing is called before tn_gather_ready. Returns its number;
 * 0: no memory, or too many wait.
 */
uint64_t tn_gather_begin(struct tn_ns *ns,
    const struct tn_gather_options *options);
/* So many answers come from this node. */
void tn_gather_expect(struct tn_ns *ns, uint64_t gather, size_t answers);
/* All that is to be asked was asked: the end may come from now on. */
void tn_gather_ready(struct tn_ns *ns, uint64_t gather);
/* A client of this node went without an answer. */
void tn_gather_lost(struct tn_ns *ns, uint64_t gather);
/* Forget it without a call. */
void tn_gather_cancel(struct tn_ns *ns, uint64_t gather);
/* The server goes: all who wait are told. */
void tn_gathers_end(struct tn_io *io);

#endif
