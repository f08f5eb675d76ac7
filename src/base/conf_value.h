/* Values of settings: from text, checked, into the struct they belong to. */
#ifndef TN_CONF_VALUE_H
#define TN_CONF_VALUE_H

#include "base/conf.h"

/* Where a value comes from, which is where a message begins. */
struct tn_conf_place {
	const char *file;	/* or "option", or "preset" */
	size_t line;		/* 0: no line */
	const struct tn_conf_key *key;	/* NULL: not known yet */
	struct tn_err *err;
};

/* One value as read, before anything is changed by it. */
struct tn_conf_value {
	union {
		const char *text;
		int number;
		size_t size;
		bool on;
	} as;
	bool is_empty;		/* of a list: no item */
};

/*
 * Fill at->err with "FILE:LINE: section.key: what", as far as known.
 * Returns TN_E_CONFIG.
 */
int tn_conf_refuse(const struct tn_conf_place *at, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns TN_E_NOMEM, with at->err filled. */
int tn_conf_no_memory(const struct tn_conf_place *at);

/*
 * Read the text of at->key; texts are copied to c's arena.
 * Returns 0, TN_E_CONFIG or TN_E_NOMEM.
 */
int tn_conf_read_value(const struct tn_conf *c, const struct tn_conf_place *at,
    struct tn_slice text, struct tn_conf_value *out);

/*
 * Put a value where at->key says; to a list it is added.
 *
 * is_first  an earlier source's items of a list give way
 *
 * Returns 0 or TN_E_NOMEM.
 */
int tn_conf_store(const struct tn_conf *c, const struct tn_conf_place *at,
    const struct tn_conf_value *v, bool is_first);

#endif
