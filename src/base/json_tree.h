/* JSON documents of our own, built and read as trees (on cJSON). */
#ifndef TN_JSON_TREE_H
#define TN_JSON_TREE_H

#include "base/buf.h"

struct tn_err;
struct tn_json;		/* one value, with all beneath it */

struct tn_json *tn_json_object(void);
struct tn_json *tn_json_array(void);

/*
 * Build: names are C strings, texts are copied; a member of that name is
 * replaced where it stands. Each returns 0, or TN_E_NOMEM with the tree
 * unchanged; TN_E_SYNTAX for a text with NUL or that is not UTF-8. A child
 * given away is the parent's, and is freed when that fails.
 */
int tn_json_set_string(struct tn_json *object, const char *name,
    struct tn_slice text);
int tn_json_set_i64(struct tn_json *object, const char *name, int64_t n);
int tn_json_set_bool(struct tn_json *object, const char *name, bool on);
int tn_json_set(struct tn_json *object, const char *name,
    struct tn_json *child);
int tn_json_append(struct tn_json *array, struct tn_json *child);

/*
 * Scan strictly (tn_json_scan), then build the tree.
 * Returns NULL with err filled.
 */
struct tn_json *tn_json_parse(struct tn_slice text, struct tn_err *err);

/* Exact name, case and all; false if absent or of another type. */
bool tn_json_read_string(const struct tn_json *object, const char *name,
    struct tn_slice *out);
bool tn_json_read_i64(const struct tn_json *object, const char *name,
    int64_t *out);
bool tn_json_read_bool(const struct tn_json *object, const char *name,
    bool *out);

/* Write without white space. Failures stay in out. */
void tn_json_print(struct tn_buf *out, const struct tn_json *value);

void tn_json_free(struct tn_json **value);

#endif
