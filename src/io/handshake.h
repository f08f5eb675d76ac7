/* What is kept of the request that began a connection, in one block. */
#ifndef TN_HANDSHAKE_H
#define TN_HANDSHAKE_H

#include "base/buf.h"

struct tn_arena;
struct tn_handshake;
struct tn_io_request;

/* A copy of the request. Returns NULL when out of memory. */
struct tn_handshake *tn_handshake_new(const struct tn_io_request *request,
    int64_t issued_ms);
void tn_handshake_free(struct tn_handshake **handshake);

/* A header, name in lower case; the first, if sent often; ptr NULL: none. */
struct tn_slice tn_handshake_header(const struct tn_handshake *handshake,
    const char *name);
struct tn_slice tn_handshake_address(const struct tn_handshake *handshake);
struct tn_slice tn_handshake_target(const struct tn_handshake *handshake);
bool tn_handshake_is_secure(const struct tn_handshake *handshake);
int64_t tn_handshake_issued_ms(const struct tn_handshake *handshake);
/* The last of this name. Returns 1 found, 0 not there, TN_E_NOMEM. */
int tn_handshake_query(const struct tn_handshake *handshake,
    const char *name, struct tn_arena *arena, struct tn_slice *value);

/*
 * As JSON, in the reference's order of keys. Cookie and Authorization stay
 * here: other nodes have no use for them.
 *
 * auth  the socket's, valid JSON
 */
void tn_handshake_write_json(const struct tn_handshake *handshake,
    struct tn_slice auth, struct tn_buf *out);

#endif
