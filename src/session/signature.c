#include "config.h"

#include "session/signature.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"

#define MAC_CHARS	43		/* base64 of 32 bytes without '=' */

/* A key's state is half of an HMAC's work, and the same for each value. */
struct tn_signer {
	crypto_auth_hmacsha256_state keys[TN_LIMIT_SECRETS];
	size_t n;
};

struct tn_signer *
tn_signer_new(const struct tn_slice *secrets, size_t n, struct tn_err *err)
{
	struct tn_signer *signer;

	if (n < 1 || n > TN_LIMIT_SECRETS) {
		tn_err_set(err, TN_E_CONFIG, "%zu secrets, not 1 to %d", n,
		    TN_LIMIT_SECRETS);
		return NULL;
	}
	signer = calloc(1, sizeof(*signer));
	if (signer == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for the secrets");
		return NULL;
	}
	signer->n = n;
	for (size_t i = 0; i < n; i++)
		crypto_auth_hmacsha256_init(&signer->keys[i],
		    (const unsigned char *)secrets[i].ptr, secrets[i].len);
	return signer;
}

void
tn_signer_free(struct tn_signer **signer)
{
	if (*signer == NULL)
		return;
	tn_wipe(*signer, sizeof(**signer));
	free(*signer);
	*signer = NULL;
}

/* The signature of value in base64, with a NUL. */
static void
write_mac(const crypto_auth_hmacsha256_state *key, struct tn_slice value,
    char text[MAC_CHARS + 1])
{
	crypto_auth_hmacsha256_state state = *key;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_update(&state,
	    (const unsigned char *)value.ptr, value.len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2base64(text, MAC_CHARS + 1, mac, sizeof(mac),
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	tn_wipe(&state, sizeof(state));
}

void
tn_sign(struct tn_buf *out, const struct tn_signer *signer,
    struct tn_slice value)
{
	char text[MAC_CHARS + 1];

	write_mac(&signer->keys[0], value, text);
	tn_buf_slice(out, value);
	tn_buf_char(out, '.');
	tn_buf_bytes(out, text, MAC_CHARS);
}

bool
tn_unsign(const struct tn_signer *signer, struct tn_slice in,
    struct tn_slice *value)
{
	ptrdiff_t dot = tn_slice_rfind(in, '.');
	struct tn_slice left, got;

	if (dot < 0)
		return false;
	left = tn_slice_first(in, (size_t)dot);
	got = tn_slice_after(in, (size_t)dot + 1);
	if (got.len != MAC_CHARS)
		return false;
	for (size_t i = 0; i < signer->n; i++) {
		char want[MAC_CHARS + 1];

		write_mac(&signer->keys[i], left, want);
		if (tn_equal_ct(got, tn_slice(want, MAC_CHARS))) {
			*value = left;
			return true;
		}
	}
	return false;
}
