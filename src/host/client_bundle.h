/* The browser's half: socket.io.js and its kin, served from memory. */
#ifndef TN_CLIENT_BUNDLE_H
#define TN_CLIENT_BUNDLE_H

#include "io/engine.h"

struct tn_client_bundle;
struct tn_err;

/*
 * Read what there is of socket.io.js, .min.js, .esm.min.js, .msgpack.min.js
 * and their .map out of a folder, and the version for the ETag out of its
 * file VERSION (else the contents make the tag).
 *
 * Returns NULL if the folder holds none of them, or out of memory.
 */
struct tn_client_bundle *tn_client_bundle_load(const char *dir,
    struct tn_err *err);
void tn_client_bundle_free(struct tn_client_bundle **bundle);

/*
 * Answer a request for one of the files.
 *
 * file   the request's path behind the engine's, without query
 * reply  filled; its views live as long as the bundle
 *
 * Returns false if there is no such file.
 */
bool tn_client_bundle_serve(const struct tn_client_bundle *bundle,
    const struct tn_io_request *request, struct tn_slice file,
    struct tn_io_reply *reply);

#endif
