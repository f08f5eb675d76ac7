/*
 * JSON: a strict scan that yields views, a writer, and documents.
 *
 * What a peer sent is scanned (tn_json_scan) and walked as views of its own
 * bytes; nothing is built. Documents of our own (user records, admin
 * answers) may be built as trees: src/base/json_tree.h, on cJSON.
 */
#ifndef TN_JSON_H
#define TN_JSON_H

#include "base/buf.h"

struct tn_arena;
struct tn_err;

enum tn_json_type {
	TN_JSON_NULL, TN_JSON_FALSE, TN_JSON_TRUE, TN_JSON_NUMBER,
	TN_JSON_STRING, TN_JSON_ARRAY, TN_JSON_OBJECT,
};

struct tn_json_limits {
	unsigned depth;		/* of nested arrays and objects; 0: default */
	unsigned items;		/* values in all; 0: default */
};

/*
 * Is this exactly one JSON value? Strict RFC 8259: UTF-8, no control
 * characters in strings, no duplicate keys (compared as sent, then decoded),
 * nothing but white space behind it. \ud800 alone is taken, as JavaScript does.
 *
 * limits  NULL for the defaults in limits.h
 *
 * Returns 0; TN_E_SYNTAX, TN_E_LIMIT; TN_E_NOMEM, only for objects of more
 * than a few keys. Never allocates in proportion to depth.
 */
int tn_json_scan(struct tn_slice text, const struct tn_json_limits *limits,
    struct tn_err *err);

/*
 * All below read text that tn_json_scan has passed; on other bytes they
 * return false or an empty view, but never read outside.
 */
enum tn_json_type tn_json_type(struct tn_slice value);

/*
 * Cut the next element off an array. *rest starts as the array itself
 * ("[1,2]") and is moved on by each call.
 * Returns false at the end or if it is not an array.
 */
bool tn_json_element(struct tn_slice *rest, struct tn_slice *value);

/* The same for an object; key is the raw string with its quotes. */
bool tn_json_member(struct tn_slice *rest, struct tn_slice *key,
    struct tn_slice *value);

/*
 * Find a member by its decoded name.
 * Returns false if object is none or has no such member.
 */
bool tn_json_get(struct tn_slice object, const char *name,
    struct tn_slice *value);

/* Does the raw string (with quotes) decode to just this text? */
bool tn_json_string_is(struct tn_slice raw, struct tn_slice text);

/* Which of n texts does it decode to? Returns the first's place, or -1. */
int tn_json_string_which(struct tn_slice raw, const struct tn_slice *texts,
    int n);

/*
 * Decode a string value into the arena (a view into raw itself when it has
 * no escapes).
 *
 * Returns 0; TN_E_TYPE if it is not a string; TN_E_SYNTAX if it holds NUL
 * or a lone surrogate, which have no UTF-8; TN_E_NOMEM.
 */
int tn_json_string(struct tn_slice raw, struct tn_arena *arena,
    struct tn_slice *out, struct tn_err *err);

/* Returns false unless value is an integer that fits, written as digits. */
bool tn_json_i64(struct tn_slice value, int64_t *out);

/* Write text (valid UTF-8) as a quoted string, escaped as JSON.stringify does. */
void tn_json_write_string(struct tn_buf *out, struct tn_slice text);

#endif
