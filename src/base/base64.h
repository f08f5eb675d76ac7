/* Base64, in both directions (RFC 4648), standard and URL alphabets. */
#ifndef TN_BASE64_H
#define TN_BASE64_H

#include "base/buf.h"

struct tn_err;

enum tn_base64_form {
	TN_BASE64_STANDARD,	/* A-Z a-z 0-9 + /, padded */
	TN_BASE64_BARE,		/* the same without padding */
	TN_BASE64_URL,		/* - and _ for + and /, without padding */
};

void tn_base64_encode(struct tn_buf *out, struct tn_slice in,
    enum tn_base64_form form);

/*
 * Decode; padding may be there or not, both alphabets are taken.
 * Returns 0, TN_E_SYNTAX for any other character or an impossible length
 * (out is then unchanged), or the buffer's own failure.
 */
int tn_base64_decode(struct tn_buf *out, struct tn_slice in,
    struct tn_err *err);

#endif
