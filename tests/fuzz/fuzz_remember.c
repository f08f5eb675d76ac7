/*
 * The remember-me cookie: as anybody may send it, and as if we had signed it,
 * which only a leaked secret makes possible.
 */
#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "session/remember.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COOKIE_BYTES = 8 << 20 };

static const struct tn_remember *
remember(void)
{
	static const struct tn_slice secrets[] = { TN_SLICE("a secret") };
	static struct tn_remember made;

	if (made.signer == NULL)
		made.signer = tn_signer_new(secrets, 1, NULL);
	return &made;
}

static bool
is_word(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* What is taken for a token can stand in a key of Redis and in a script. */
static bool
is_taken(struct tn_slice cookie)
{
	struct tn_remember_token t;

	if (!tn_remember_read(remember(), cookie, &t))
		return false;
	assert(t.user.len == 32 && is_word(t.user));
	assert(t.selector.len == 16 && is_word(t.selector));
	assert(t.validator.len == 32 && is_word(t.validator));
	return true;
}

static void
read_signed(struct tn_slice text)
{
	struct tn_buf cookie;

	tn_buf_init(&cookie, COOKIE_BYTES);
	tn_buf_str(&cookie, "s:");
	tn_sign(&cookie, remember()->signer, text);
	assert(cookie.failed == 0);
	/* signed text is a token or not by its shape alone */
	if (is_taken(tn_buf_view(&cookie))) {
		assert(text.len == 32 + 1 + 16 + 1 + 32);
		cookie.ptr[2] ^= 1;
		assert(!is_taken(tn_buf_view(&cookie)));
	}
	tn_buf_fini(&cookie);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice text = tn_slice((const char *)data, size);

	is_taken(text);
	read_signed(text);
	return 0;
}
