/*
 * Vectors that tests/interop/vectors.mjs made with the npm packages, out of
 * tests/data/: one a line, fields between tabs, '#' before comments. In a
 * field \t, \n, \r, \\ and \xNN stand for bytes, and \- for "no value".
 */
#ifndef TN_VECTORS_H
#define TN_VECTORS_H

#include "base/slice.h"

enum { TN_VECTOR_FIELDS = 16 };

struct tn_vector {
	unsigned line;
	size_t n;
	struct tn_slice field[TN_VECTOR_FIELDS];	/* ptr NULL: no value */
};

struct tn_vectors {
	char *text;
	struct tn_slice rest;
	unsigned line;
};

/* Ends the test if the file is not there. */
void tn_vectors_open(struct tn_vectors *v, const char *name);

/* The next one, decoded in place; false at the end. */
bool tn_vectors_next(struct tn_vectors *v, struct tn_vector *out);
void tn_vectors_close(struct tn_vectors *v);

#endif
