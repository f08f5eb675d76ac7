/* Signed values: "value.signature", HMAC-SHA256, as npm's cookie-signature. */
#ifndef TN_SIGNATURE_H
#define TN_SIGNATURE_H

#include "base/buf.h"

struct tn_err;
struct tn_signer;	/* a list of secrets with their key states made ready */

/*
 * secrets  n of them, 1..TN_LIMIT_SECRETS; the first signs, all verify.
 * Returns NULL with TN_E_CONFIG (none, too many), or TN_E_NOMEM.
 */
struct tn_signer *tn_signer_new(const struct tn_slice *secrets, size_t n,
    struct tn_err *err);

/* Wipes the keys. */
void tn_signer_free(struct tn_signer **signer);

/* Append value, '.', and the signature (43 characters) of the first secret. */
void tn_sign(struct tn_buf *out, const struct tn_signer *signer,
    struct tn_slice value);

/*
 * Check a signed value against each secret in turn, in constant time.
 *
 * value  set to the part before the last dot
 *
 * Returns false if no secret made this signature.
 */
bool tn_unsign(const struct tn_signer *signer, struct tn_slice in,
    struct tn_slice *value);

#endif
