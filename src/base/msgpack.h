/*
 * MessagePack and JSON text, each from the other. Bytes have no JSON: a
 * placeholder {"_placeholder":true,"num":N} stands for the Nth of an array.
 */
#ifndef TN_MSGPACK_H
#define TN_MSGPACK_H

#include "base/buf.h"

struct tn_arena;
struct tn_err;

/*
 * Append a JSON value as MessagePack. Integers stay exact up to 64 bits.
 *
 * json     has passed tn_json_scan
 * buffers  stand for the placeholders in it; none: those are plain objects
 *
 * Failures stay in out.
 */
void tn_msgpack_write(struct tn_buf *out, struct tn_slice json,
    const struct tn_slice *buffers, size_t nbuffers);

/*
 * Cut one MessagePack value off as JSON text, bytes in it as placeholders.
 *
 * json     the text is appended; not scanned yet
 * buffers  set to an array in the arena, of views into *rest
 *
 * Returns false for what is none, is cut off, or is too deep; or when json
 * or the arena has failed.
 */
bool tn_msgpack_cut(struct tn_slice *rest, struct tn_arena *arena,
    struct tn_buf *json, const struct tn_slice **buffers, size_t *nbuffers);

/*
 * The same for all of in.
 * Returns 0; TN_E_SYNTAX, TN_E_LIMIT, TN_E_NOMEM.
 */
int tn_msgpack_read(struct tn_slice in, struct tn_arena *arena,
    struct tn_buf *json, const struct tn_slice **buffers, size_t *nbuffers,
    struct tn_err *err);

/* Append one thing; pairs, or items, follow. Failures stay in out. */
void tn_mp_put_map(struct tn_buf *out, size_t pairs);
void tn_mp_put_array(struct tn_buf *out, size_t items);
void tn_mp_put_text(struct tn_buf *out, struct tn_slice text);
void tn_mp_put_uint(struct tn_buf *out, uint64_t n);
void tn_mp_put_bool(struct tn_buf *out, bool on);
void tn_mp_put_nil(struct tn_buf *out);

#endif
